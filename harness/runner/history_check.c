/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every series as it is tonight: changes of level, nights without an answer, and what people have said about them. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/changepoint.h>
#include <hotbed/clock.h>
#include <hotbed/error.h>

#include "history.h"

/* A change that was written down is the same one if it is found again at most so many nights beside. */
#define SAME_CHANGE_NIGHTS 2
/* A change belongs to the environment if that changed at most so many nights beside: places are good to one night. */
#define ENVIRONMENT_NIGHTS 1

const char *const hb_alarm_names[4] = {"worse", "better", "changed", "undecided"};

/* What check needs of a run; the short ids as they are in the database. */
struct run {
	int64_t id;
	uint32_t rank; /* by time, within the whole history */
	char run_id[37], utc[40], env_id[13], build_id[13], commit[44];
};

struct night {
	const struct run *run;
	double ratio; /* NaN = none */
	bool undecided;
};

struct series {
	int64_t id;
	char *name, *better;
	double min_effect;
	struct night *nights; /* by time */
	size_t count, capacity;
};

/* A row of the table change, of the series at hand. */
struct noted {
	int64_t id, run;
	char kind[12];
	char *reason;
	bool open, found_again;
};

struct check {
	struct hb_history *history;
	struct run *runs; /* by id */
	size_t run_count;
	struct hb_alarms *alarms;
	struct series series;
	struct noted *noted;
	size_t noted_count;
	double *values; /* shape [series.count] */
	size_t *places; /* of values: index of the night */
};

bool hb_alarm_is_open(const struct hb_alarm *alarm)
{
	return (alarm->kind == HB_ALARM_WORSE || alarm->kind == HB_ALARM_UNDECIDED) &&
	       !alarm->reason && !alarm->resolved && !alarm->environment;
}

static void finish_alarm(struct hb_alarm *a)
{
	free(a->name);
	free(a->run_id);
	free(a->utc);
	free(a->commit_before);
	free(a->commit_after);
	free(a->reason);
}

void hb_alarms_finish(struct hb_alarms *alarms)
{
	for (size_t i = 0; i < alarms->count; i++)
		finish_alarm(&alarms->items[i]);
	free(alarms->items);
	*alarms = (struct hb_alarms){0};
}

static void copy_column(sqlite3_stmt *s, int column, char *ret, size_t size_bytes)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	(void)snprintf(ret, size_bytes, "%s", text ? text : "");
}

static int by_id(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int out_of_memory(struct hb_error *reterr)
{
	return hb_error_set(reterr, -ENOMEM, "not enough memory to check the history");
}

/* What a loop over rows ended with: 0 after the last one. */
static int end_of_rows(const struct check *k, sqlite3_stmt *s, int step, struct hb_error *reterr)
{
	int r = step == SQLITE_DONE ? 0
				    : hb_history_fail(k->history, "reading the history", reterr);

	sqlite3_finalize(s);
	return r;
}

static int load_runs(struct check *k, struct hb_error *reterr)
{
	size_t capacity = 0;
	sqlite3_stmt *s;
	int step, r = hb_history_prepare(k->history,
			  "SELECT id, run_id, created_utc, env_id, build_id, commit_id FROM run"
			  " ORDER BY position_ns, id",
			  &s, reterr);

	if (r)
		return r;
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		if (k->run_count == capacity) {
			capacity = capacity ? 2 * capacity : 64;
			struct run *more = realloc(k->runs, capacity * sizeof(*more));

			if (!more) {
				sqlite3_finalize(s);
				return out_of_memory(reterr);
			}
			k->runs = more;
		}
		struct run *run = &k->runs[k->run_count];

		run->id = sqlite3_column_int64(s, 0);
		run->rank = (uint32_t)k->run_count++;
		copy_column(s, 1, run->run_id, sizeof(run->run_id));
		copy_column(s, 2, run->utc, sizeof(run->utc));
		copy_column(s, 3, run->env_id, sizeof(run->env_id));
		copy_column(s, 4, run->build_id, sizeof(run->build_id));
		copy_column(s, 5, run->commit, sizeof(run->commit));
	}
	if (k->run_count)
		qsort(k->runs, k->run_count, sizeof(*k->runs), by_id);
	k->alarms->runs = k->run_count;
	return end_of_rows(k, s, step, reterr);
}

static const struct run *find_run(const struct check *k, int64_t id)
{
	const struct run key = {.id = id};

	return k->run_count ? bsearch(&key, k->runs, k->run_count, sizeof(key), by_id) : NULL;
}

static int compare_nights(const void *a, const void *b)
{
	const struct night *x = a, *y = b;

	return (x->run->rank > y->run->rank) - (x->run->rank < y->run->rank);
}

static int add_night(struct check *k, sqlite3_stmt *s, struct hb_error *reterr)
{
	struct series *series = &k->series;
	const struct run *run = find_run(k, sqlite3_column_int64(s, 0));

	if (!run) /* imported while this check is running */
		return 0;
	if (series->count == series->capacity) {
		size_t capacity = series->capacity ? 2 * series->capacity : 64;
		struct night *nights = realloc(series->nights, capacity * sizeof(*nights));
		double *values = realloc(k->values, capacity * sizeof(*values));
		size_t *places = realloc(k->places, capacity * sizeof(*places));

		series->nights = nights ? nights : series->nights;
		k->values = values ? values : k->values;
		k->places = places ? places : k->places;
		if (!nights || !values || !places)
			return out_of_memory(reterr);
		series->capacity = capacity;
	}
	struct night *night = &series->nights[series->count++];
	const char *verdict = (const char *)sqlite3_column_text(s, 2);

	night->run = run;
	night->ratio = sqlite3_column_type(s, 1) == SQLITE_NULL ? NAN : sqlite3_column_double(s, 1);
	night->undecided =
		isnan(night->ratio) ||
		(verdict && (!strcmp(verdict, "inconclusive") || !strcmp(verdict, "invalid")));
	return 0;
}

static int load_nights(struct check *k, sqlite3_stmt *s, struct hb_error *reterr)
{
	int step, r = 0;

	k->series.count = 0;
	(void)sqlite3_bind_int64(s, 1, k->series.id);
	while (!r && (step = sqlite3_step(s)) == SQLITE_ROW)
		r = add_night(k, s, reterr);
	if (!r && step != SQLITE_DONE)
		r = hb_history_fail(k->history, "reading the history", reterr);
	(void)sqlite3_reset(s);
	if (!r && k->series.count)
		qsort(k->series.nights, k->series.count, sizeof(*k->series.nights), compare_nights);
	k->alarms->nights += k->series.count;
	return r;
}

static void drop_noted(struct check *k)
{
	for (size_t i = 0; i < k->noted_count; i++)
		free(k->noted[i].reason);
	free(k->noted);
	k->noted = NULL;
	k->noted_count = 0;
}

static int load_noted(struct check *k, sqlite3_stmt *s, struct hb_error *reterr)
{
	int step, r = 0;

	drop_noted(k);
	(void)sqlite3_bind_int64(s, 1, k->series.id);
	while (!r && (step = sqlite3_step(s)) == SQLITE_ROW) {
		struct noted *more = realloc(k->noted, (k->noted_count + 1) * sizeof(*more));

		if (!more) {
			r = out_of_memory(reterr);
			break;
		}
		k->noted = more;
		struct noted *noted = &more[k->noted_count++];
		const char *reason = (const char *)sqlite3_column_text(s, 3);

		*noted = (struct noted){.id = sqlite3_column_int64(s, 0),
			.run = sqlite3_column_int64(s, 1),
			.open = sqlite3_column_int(s, 4) != 0,
			.reason = reason ? strdup(reason) : NULL};
		copy_column(s, 2, noted->kind, sizeof(noted->kind));
		if (reason && !noted->reason)
			r = out_of_memory(reterr);
	}
	if (!r && step != SQLITE_DONE)
		r = hb_history_fail(k->history, "reading the history", reterr);
	(void)sqlite3_reset(s);
	return r;
}

/* The row that stands for a change of @kind at night @at, or NULL. */
static struct noted *find_noted(struct check *k, const char *kind, size_t at)
{
	const struct series *series = &k->series;

	for (size_t i = 0; i < k->noted_count; i++) {
		const struct run *run = find_run(k, k->noted[i].run);

		if (!run || k->noted[i].found_again || strcmp(k->noted[i].kind, kind) != 0)
			continue;
		for (size_t n = at > SAME_CHANGE_NIGHTS ? at - SAME_CHANGE_NIGHTS : 0;
			n <= at + SAME_CHANGE_NIGHTS && n < series->count; n++)
			if (series->nights[n].run == run)
				return &k->noted[i];
	}
	return NULL;
}

/* What prune goes by: an open change keeps the runs that it rests on. */
static int note_open(struct check *k, const struct hb_alarm *alarm, struct hb_error *reterr)
{
	char sql[96];

	(void)snprintf(sql, sizeof(sql), "UPDATE change SET open = %d WHERE id = %" PRId64,
		hb_alarm_is_open(alarm), alarm->id);
	return hb_history_execute(k->history, sql, reterr);
}

/* Give @alarm, which begins at night @at, its number: the one it had, or a new one. */
static int number_alarm(struct check *k, struct hb_alarm *alarm, size_t at, struct hb_error *reterr)
{
	const char *kind = hb_alarm_names[alarm->kind];
	struct noted *noted = find_noted(k, kind, at);
	char utc[HB_CLOCK_UTC_BYTES];
	sqlite3_stmt *s;
	int r;

	if (noted) {
		noted->found_again = true;
		alarm->id = noted->id;
		alarm->reason = noted->reason ? strdup(noted->reason) : NULL;
		if (noted->reason && !alarm->reason)
			return out_of_memory(reterr);
		return noted->open == hb_alarm_is_open(alarm) || k->history->read_only
			       ? 0
			       : note_open(k, alarm, reterr);
	}
	if (k->history->read_only)
		return 0;
	r = hb_history_prepare(k->history,
		"INSERT INTO change(series, run, kind, noted_utc, open) VALUES(?, ?, ?, ?, ?)"
		" ON CONFLICT(series, run, kind) DO UPDATE SET open = excluded.open RETURNING id",
		&s, reterr);
	if (r)
		return r;
	(void)sqlite3_bind_int64(s, 1, k->series.id);
	(void)sqlite3_bind_int64(s, 2, k->series.nights[at].run->id);
	(void)sqlite3_bind_text(s, 3, kind, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(
		s, 4, hb_clock_format_utc(hb_clock_wall_ns(), utc), -1, SQLITE_STATIC);
	(void)sqlite3_bind_int(s, 5, hb_alarm_is_open(alarm));
	if (sqlite3_step(s) == SQLITE_ROW)
		alarm->id = sqlite3_column_int64(s, 0);
	else
		r = hb_history_fail(k->history, "saving to the history", reterr);
	sqlite3_finalize(s);
	return r;
}

static int put_alarm(struct check *k, struct hb_alarm alarm, size_t at, struct hb_error *reterr)
{
	struct hb_alarms *alarms = k->alarms;
	const struct run *after = k->series.nights[at].run;
	const struct run *before = at ? k->series.nights[at - 1].run : after;
	int r;

	if (alarms->count == alarms->capacity) {
		size_t capacity = alarms->capacity ? 2 * alarms->capacity : 16;
		struct hb_alarm *more = realloc(alarms->items, capacity * sizeof(*more));

		if (!more)
			return out_of_memory(reterr);
		alarms->items = more;
		alarms->capacity = capacity;
	}
	alarm.series = k->series.id;
	alarm.nights = (uint32_t)(k->series.count - at);
	alarm.same_build = !strcmp(before->build_id, after->build_id);
	alarm.name = strdup(k->series.name);
	alarm.run_id = strdup(after->run_id);
	alarm.utc = strdup(after->utc);
	alarm.commit_before = strdup(before->commit);
	alarm.commit_after = strdup(after->commit);
	r = alarm.name && alarm.run_id && alarm.utc && alarm.commit_before && alarm.commit_after
		    ? number_alarm(k, &alarm, at, reterr)
		    : out_of_memory(reterr);
	if (r)
		finish_alarm(&alarm);
	else
		alarms->items[alarms->count++] = alarm;
	return r;
}

/* Did the machine's settings change at night @at or one beside it? */
static bool environment_changed(const struct series *series, size_t at)
{
	size_t from = at > ENVIRONMENT_NIGHTS ? at - ENVIRONMENT_NIGHTS : 1;

	for (size_t n = from; n <= at + ENVIRONMENT_NIGHTS && n < series->count; n++)
		if (strcmp(series->nights[n - 1].run->env_id, series->nights[n].run->env_id) != 0)
			return true;
	return false;
}

static enum hb_alarm_kind kind_of(const struct series *series, const struct hb_change *change)
{
	if (!strcmp(series->better, "none"))
		return HB_ALARM_CHANGED;
	return (change->after > change->before) == !strcmp(series->better, "lower")
		       ? HB_ALARM_WORSE
		       : HB_ALARM_BETTER;
}

/* Has a later change brought the level back to within the least effect of what it was before change @i? */
static bool is_resolved(
	const struct series *series, const struct hb_change *changes, size_t i, size_t count)
{
	double up = changes[i].after > changes[i].before ? 1 : -1;

	return count > i + 1 && up * (changes[count - 1].after - changes[i].before) <=
					fmax(log1p(series->min_effect), changes[i].sigma);
}

static int check_levels(struct check *k, struct hb_error *reterr)
{
	const struct series *series = &k->series;
	struct hb_change *changes = NULL;
	size_t count = 0, change_count;
	int r;

	for (size_t n = 0; n < series->count; n++) {
		if (isnan(series->nights[n].ratio))
			continue;
		k->places[count] = n;
		k->values[count++] = log(series->nights[n].ratio);
	}
	/* The seed is fixed, so that everybody sees the same. */
	r = hb_changes_find(
		k->values, count, log1p(series->min_effect), 1, &changes, &change_count);
	if (r)
		return r == -ENOMEM ? out_of_memory(reterr)
				    : hb_error_set_at(reterr, -EBADMSG, k->history->path, 0,
					      "%s: a ratio in the history is no positive number",
					      series->name);
	for (size_t i = 0; !r && i < change_count; i++) {
		size_t at = k->places[changes[i].at];
		struct hb_alarm alarm = {.kind = kind_of(series, &changes[i]),
			.environment = environment_changed(series, at),
			.resolved = is_resolved(series, changes, i, change_count),
			.before = exp(changes[i].before),
			.after = exp(changes[i].after)};

		r = put_alarm(k, alarm, at, reterr);
	}
	free(changes);
	return r;
}

static int check_series(struct check *k, struct hb_error *reterr)
{
	const struct series *series = &k->series;
	size_t since = series->count;
	int r = check_levels(k, reterr);

	while (since > 0 && series->nights[since - 1].undecided)
		since--;
	if (!r && series->count - since >= HB_HISTORY_UNDECIDED)
		r = put_alarm(k,
			(struct hb_alarm){.kind = HB_ALARM_UNDECIDED, .before = NAN, .after = NAN},
			since, reterr);
	/* What is no longer seen, since older nights have come in, goes; what somebody has accepted stays. */
	for (size_t i = 0; !r && !k->history->read_only && i < k->noted_count; i++) {
		char sql[80];

		if (k->noted[i].found_again || k->noted[i].reason)
			continue;
		(void)snprintf(
			sql, sizeof(sql), "DELETE FROM change WHERE id = %" PRId64, k->noted[i].id);
		r = hb_history_execute(k->history, sql, reterr);
	}
	return r;
}

static int copy_series(struct check *k, sqlite3_stmt *s, struct hb_error *reterr)
{
	struct series *series = &k->series;
	const char *better = (const char *)sqlite3_column_text(s, 2);
	const char *name = (const char *)sqlite3_column_text(s, 1);

	free(series->name);
	free(series->better);
	series->id = sqlite3_column_int64(s, 0);
	series->min_effect = sqlite3_column_double(s, 3);
	series->name = name ? strdup(name) : NULL;
	series->better = better ? strdup(better) : NULL;
	return series->name && series->better ? 0 : out_of_memory(reterr);
}

static int check_all(struct check *k, const char *filter, struct hb_error *reterr)
{
	sqlite3_stmt *s, *nights = NULL, *noted = NULL;
	int step = SQLITE_DONE,
	    r = hb_history_prepare(k->history,
		    "SELECT id, subproject || '/' || experiment || ' ' || variant || ' ' || metric "
		    "||"
		    " iif(params = '', '', ' ' || params) || iif(smoke, ' (smoke)', ''), better,"
		    " min_effect FROM series WHERE ?1 IS NULL OR subproject = ?1"
		    " OR subproject || '/' || experiment = ?1 ORDER BY id",
		    &s, reterr);

	if (r)
		return r;
	if (filter)
		(void)sqlite3_bind_text(s, 1, filter, -1, SQLITE_STATIC);
	r = hb_history_prepare(k->history, "SELECT run, ratio, verdict FROM night WHERE series = ?",
		&nights, reterr);
	if (!r)
		r = hb_history_prepare(k->history,
			"SELECT id, run, kind, reason, open FROM change WHERE series = ?", &noted,
			reterr);
	while (!r && (step = sqlite3_step(s)) == SQLITE_ROW) {
		k->alarms->series++;
		r = copy_series(k, s, reterr);
		if (!r)
			r = load_nights(k, nights, reterr);
		if (!r)
			r = load_noted(k, noted, reterr);
		if (!r)
			r = check_series(k, reterr);
	}
	sqlite3_finalize(nights);
	sqlite3_finalize(noted);
	if (r) {
		sqlite3_finalize(s);
		return r;
	}
	return end_of_rows(k, s, step, reterr);
}

static int compare_alarms(const void *a, const void *b)
{
	const struct hb_alarm *x = a, *y = b;

	if (hb_alarm_is_open(x) != hb_alarm_is_open(y))
		return hb_alarm_is_open(x) ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	int time = strcmp(y->utc, x->utc);

	return time ? time : (x->series > y->series) - (x->series < y->series);
}

int hb_history_check(struct hb_history *history, const char *filter, struct hb_alarms *ret,
	struct hb_error *reterr)
{
	struct hb_alarms alarms = {0};
	struct check k = {.history = history, .alarms = &alarms};
	/* One transaction: nobody else's import comes in between, and all that is written is written at once. */
	int r = hb_history_execute(
		history, history->read_only ? "BEGIN" : "BEGIN IMMEDIATE", reterr);

	if (!r) {
		r = load_runs(&k, reterr);
		if (!r)
			r = check_all(&k, filter, reterr);
		if (!r)
			r = hb_history_execute(history, "COMMIT", reterr);
		if (r)
			(void)sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL);
	}
	drop_noted(&k);
	free(k.runs);
	free(k.series.name);
	free(k.series.better);
	free(k.series.nights);
	free(k.values);
	free(k.places);
	if (r) {
		hb_alarms_finish(&alarms);
		return r;
	}
	if (alarms.count)
		qsort(alarms.items, alarms.count, sizeof(*alarms.items), compare_alarms);
	for (size_t i = 0; i < alarms.count; i++)
		alarms.open += hb_alarm_is_open(&alarms.items[i]);
	*ret = alarms;
	return 0;
}

int hb_history_accept(
	struct hb_history *history, int64_t id, const char *reason, struct hb_error *reterr)
{
	char utc[HB_CLOCK_UTC_BYTES];
	sqlite3_stmt *s;
	int r = hb_history_prepare(history,
		"UPDATE change SET accepted_utc = ?1, reason = ?2, open = 0 WHERE id = ?3", &s,
		reterr);

	if (r)
		return r;
	(void)sqlite3_bind_text(
		s, 1, hb_clock_format_utc(hb_clock_wall_ns(), utc), -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(s, 2, reason, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(s, 3, id);
	if (sqlite3_step(s) != SQLITE_DONE)
		r = hb_history_fail(history, "saving to the history", reterr);
	else if (!sqlite3_changes(history->db))
		r = hb_error_set(reterr, -ENOENT,
			"there is no change number %" PRId64 "; 'hotbed history check' lists them",
			id);
	sqlite3_finalize(s);
	return r;
}

int hb_history_prune(
	struct hb_history *history, uint64_t days, uint64_t *ret_removed, struct hb_error *reterr)
{
	/*
	 * A run goes if it is that much older than the newest of its machine and no open change rests on it: the 60
	 * runs before the oldest such change stay, as its level before is made of at most 50.
	 */
	static const char sql[] =
		"WITH oldest AS (SELECT a.host_id, min(a.position_ns) AS at FROM change c"
		" JOIN run a ON a.id = c.run WHERE c.open GROUP BY a.host_id),"
		" kept AS (SELECT host_id, coalesce((SELECT b.position_ns FROM run b"
		" WHERE b.host_id = oldest.host_id AND b.position_ns < oldest.at"
		" ORDER BY b.position_ns DESC LIMIT 1 OFFSET 59), 0) AS since FROM oldest)"
		" DELETE FROM run WHERE id IN (SELECT r.id FROM run r JOIN"
		" (SELECT host_id, max(position_ns) AS newest FROM run GROUP BY host_id)"
		" USING (host_id) LEFT JOIN kept USING (host_id)"
		" WHERE r.position_ns < newest - ?1 AND (since IS NULL OR r.position_ns < since))";
	sqlite3_stmt *s;
	int r = hb_history_execute(history, "BEGIN IMMEDIATE", reterr);

	if (r)
		return r;
	r = hb_history_prepare(history, sql, &s, reterr);
	if (!r) {
		(void)sqlite3_bind_int64(s, 1, (int64_t)days * INT64_C(86400000000000));
		if (sqlite3_step(s) != SQLITE_DONE)
			r = hb_history_fail(history, "pruning the history", reterr);
		*ret_removed = r ? 0 : (uint64_t)sqlite3_changes(history->db);
		sqlite3_finalize(s);
	}
	if (!r)
		r = hb_history_execute(history,
			"DELETE FROM series WHERE id NOT IN (SELECT series FROM night)", reterr);
	if (!r)
		r = hb_history_execute(history, "COMMIT", reterr);
	if (r)
		(void)sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}
