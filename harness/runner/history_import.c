/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One run into the history: which it is, whether it is there, and its comparisons with the baseline as nights. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/json.h>

#include "analysis.h"
#include "history.h"
#include "journal.h"

#define DAY_NS (INT64_C(86400) * 1000000000)
/* Runs that were merged into one; merging more than this into one run is not known to make sense. */
#define PARTS_MAX 4096
#define CONTENT_BYTES 33

/* Different texts of a column, by their hashes; more than this many are known by the first ones. */
#define KINDS_MAX 64
struct kinds {
	XXH64_hash_t hashes[KINDS_MAX];
	size_t count;
	char first[13];
};

/* What identifies the trials of a run whatever it is called: a hash over all rows without the column run_id. */
struct content {
	XXH3_state_t *hash;
	uint64_t trials, prefix_trials;
	char text[CONTENT_BYTES];
	char prefix[CONTENT_BYTES]; /* of the first prefix_trials of them */
	char **parts;               /* run_ids in the rows */
	size_t part_count;
	struct kinds hosts, envs; /* where it ran: nodes of a cluster may differ from the head */
};

struct import {
	struct hb_history *history;
	struct hb_analysis analysis;
	struct content content;
	const char *dir;
	bool is_newest;
	char host_id[13], env_id[13];
	struct hb_import_result *result;
	int64_t run, created_ns;
};

static void put_digest(const struct content *content, char *ret)
{
	XXH128_hash_t digest = XXH3_128bits_digest(content->hash);

	(void)snprintf(ret, CONTENT_BYTES, "%016" PRIx64 "%016" PRIx64, (uint64_t)digest.high64,
		(uint64_t)digest.low64);
}

static int add_part(struct content *content, const char *run_id, struct hb_error *reterr)
{
	if (content->part_count && !strcmp(content->parts[content->part_count - 1], run_id))
		return 0;
	for (size_t i = 0; i < content->part_count; i++)
		if (!strcmp(content->parts[i], run_id))
			return 0;
	if (content->part_count == PARTS_MAX)
		return hb_error_set(reterr, -EBADMSG, "more than %d runs in one", PARTS_MAX);
	char **parts = realloc(content->parts, (content->part_count + 1) * sizeof(*parts));

	if (!parts)
		return hb_error_set(reterr, -ENOMEM, "not enough memory");
	content->parts = parts;
	parts[content->part_count] = strdup(run_id);
	if (!parts[content->part_count])
		return hb_error_set(reterr, -ENOMEM, "not enough memory");
	content->part_count++;
	return 0;
}

static void add_kind(struct kinds *kinds, const char *text)
{
	XXH64_hash_t hash = XXH3_64bits(text, strlen(text));

	for (size_t i = 0; i < kinds->count; i++)
		if (kinds->hashes[i] == hash)
			return;
	if (kinds->count == 0)
		(void)snprintf(kinds->first, sizeof(kinds->first), "%s", text);
	if (kinds->count < KINDS_MAX)
		kinds->hashes[kinds->count++] = hash;
}

/* The id that all rows have, or one that stands for this mixture; without rows the plan's. */
static void choose_kind(const struct kinds *kinds, const char *planned, char *ret)
{
	XXH64_hash_t mix = 0;

	for (size_t i = 0; i < kinds->count; i++)
		mix ^= kinds->hashes[i];
	if (kinds->count > 1)
		(void)snprintf(ret, 13, "%012" PRIx64, (uint64_t)(mix & 0xffffffffffffu));
	else
		(void)snprintf(ret, 13, "%s", kinds->count ? kinds->first : planned);
}

/* A merged run's plan has mixed them already. */
static void choose_machine(struct import *i)
{
	const struct hb_plan *plan = &i->analysis.plan;
	const struct kinds none = {.count = 0};
	bool merged = cJSON_HasObjectItem(plan->json, "merged_from");

	choose_kind(merged ? &none : &i->content.hosts, plan->host_id, i->host_id);
	choose_kind(merged ? &none : &i->content.envs, plan->env_id, i->env_id);
}

static int hash_trial(const struct hb_journal_trial *trial, void *user, struct hb_error *reterr)
{
	struct content *content = user;

	for (size_t i = 0; i < trial->row_count; i++)
		for (int c = 0; c < HB_COLUMN_COUNT; c++)
			if (c != HB_COLUMN_RUN_ID)
				(void)XXH3_128bits_update(content->hash, trial->rows[i][c],
					strlen(trial->rows[i][c]) + 1);
	content->trials++;
	add_kind(&content->hosts, trial->rows[0][HB_COLUMN_HOST_ID]);
	add_kind(&content->envs, trial->rows[0][HB_COLUMN_ENV_ID]);
	if (content->trials == content->prefix_trials)
		put_digest(content, content->prefix);
	return add_part(content, trial->rows[0][HB_COLUMN_RUN_ID], reterr);
}

static int read_content(struct import *i, uint64_t prefix_trials, struct hb_error *reterr)
{
	char *path = hb_analysis_path(&i->analysis, "trials.csv");
	int r;

	i->content = (struct content){.hash = XXH3_createState(), .prefix_trials = prefix_trials};
	if (!path || !i->content.hash) {
		free(path);
		return hb_error_set(reterr, -ENOMEM, "not enough memory");
	}
	(void)XXH3_128bits_reset(i->content.hash);
	r = hb_journal_read(path, hash_trial, &i->content, NULL, reterr);
	put_digest(&i->content, i->content.text);
	free(path);
	return r;
}

static void finish_content(struct content *content)
{
	for (size_t i = 0; i < content->part_count; i++)
		free(content->parts[i]);
	free(content->parts);
	(void)XXH3_freeState(content->hash);
	*content = (struct content){0};
}

/* RFC 3339 in UTC as plans have it; the fraction is optional. */
static int parse_utc(const char *text, int64_t *ret_ns)
{
	struct tm tm = {0};
	const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t fraction_ns = 0, unit_ns = 100000000;

	if (!at)
		return -EINVAL;
	if (*at == '.')
		for (at++; *at >= '0' && *at <= '9'; at++, unit_ns /= 10)
			fraction_ns += (*at - '0') * unit_ns;
	if (strcmp(at, "Z") != 0)
		return -EINVAL;
	*ret_ns = (int64_t)timegm(&tm) * 1000000000 + fraction_ns;
	return 0;
}

static bool compares_builds(const struct hb_plan *plan)
{
	for (size_t e = 0; e < plan->experiment_count; e++)
		for (size_t v = 0; v < plan->experiments[e].variant_count; v++)
			if (strchr(plan->experiments[e].variants[v].name, '@'))
				return true;
	return false;
}

static int run_statement(struct import *i, sqlite3_stmt *statement, struct hb_error *reterr)
{
	int step = sqlite3_step(statement);

	(void)sqlite3_reset(statement);
	return step == SQLITE_DONE || step == SQLITE_ROW
		       ? 0
		       : hb_history_fail(i->history, "saving to the history", reterr);
}

/* One number for one text: the first column of the first row; @fallback without one. */
static int look_up(struct import *i, const char *sql, const char *key, int64_t fallback,
	int64_t *ret, struct hb_error *reterr)
{
	sqlite3_stmt *statement;
	int r = hb_history_prepare(i->history, sql, &statement, reterr);

	if (r)
		return r;
	(void)sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
	int step = sqlite3_step(statement);

	*ret = step == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : fallback;
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		r = hb_history_fail(i->history, "reading the history", reterr);
	sqlite3_finalize(statement);
	return r;
}

static int there(struct import *i, const char *why)
{
	i->result->outcome = HB_IMPORT_THERE;
	(void)snprintf(i->result->why, sizeof(i->result->why), "%s", why);
	return 0;
}

/* The run_id is known: is it the same run, or the same and longer, or another one? */
static int meet_same_id(struct import *i, struct hb_error *reterr)
{
	sqlite3_stmt *statement;
	int r = hb_history_prepare(
		i->history, "SELECT content, trials FROM run WHERE id = ?", &statement, reterr);

	if (r)
		return r;
	(void)sqlite3_bind_int64(statement, 1, i->run);
	if (sqlite3_step(statement) != SQLITE_ROW) {
		r = hb_history_fail(i->history, "reading the history", reterr);
		sqlite3_finalize(statement);
		return r;
	}
	const char *content = (const char *)sqlite3_column_text(statement, 0);
	uint64_t trials = (uint64_t)sqlite3_column_int64(statement, 1);

	finish_content(&i->content);
	r = read_content(i, trials, reterr);
	if (!r && content && !strcmp(content, i->content.text))
		(void)there(i, "");
	else if (!r && content && i->content.trials > trials && !strcmp(content, i->content.prefix))
		i->result->outcome = HB_IMPORT_LONGER;
	else if (!r && i->content.trials < trials)
		(void)there(i, "the history has more trials of it");
	else if (!r)
		r = hb_error_set_at(reterr, -EEXIST, i->dir, 0,
			"the history has another run called %s; one of the two was changed",
			i->analysis.plan.run_id);
	sqlite3_finalize(statement);
	return r;
}

/* Trials count once, whatever the run is called and however runs were merged. */
static int meet_same_trials(struct import *i, struct hb_error *reterr)
{
	int64_t other;
	int r = look_up(
		i, "SELECT id FROM run WHERE content = ?", i->content.text, 0, &other, reterr);

	if (!r && other)
		return there(i, "the same trials are there under another run_id");
	for (size_t p = 0; !r && p < i->content.part_count; p++) {
		r = look_up(i, "SELECT run FROM part WHERE run_id = ?", i->content.parts[p], 0,
			&other, reterr);
		if (!r && other)
			return there(i, "trials of it are there already, through a merge");
	}
	i->result->outcome = HB_IMPORT_NEW;
	return r;
}

/* Where among the runs of its machine: by its clock, but after all others if the caller saw it being made. */
static int choose_position(struct import *i, int64_t *ret, struct hb_error *reterr)
{
	int64_t newest;
	int r = look_up(i, "SELECT max(position_ns) FROM run WHERE host_id = ?", i->host_id, 0,
		&newest, reterr);

	*ret = i->created_ns;
	i->result->is_future = i->created_ns > hb_clock_wall_ns() + DAY_NS;
	if (i->is_newest && newest >= i->created_ns) {
		i->result->is_early = true;
		*ret = newest + 1;
	}
	return r;
}

static const char *build_text(const struct import *i, const char *key)
{
	const cJSON *build = cJSON_GetObjectItemCaseSensitive(i->analysis.env, "build");

	return build ? hb_json_text_or(build, key, "unknown") : "unknown";
}

static int put_run(struct import *i, struct hb_error *reterr)
{
	static const char insert[] =
		"INSERT INTO run(content, trials, position_ns, created_utc, imported_utc, mode,"
		" smoke, host_id, env_id, build_id, commit_id, dirty, failed, folder, run_id)"
		" VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)";
	static const char update[] =
		"UPDATE run SET content=?1, trials=?2, imported_utc=?5, env_id=?9, build_id=?10,"
		" commit_id=?11, dirty=?12, failed=?13, folder=?14 WHERE run_id=?15";
	const struct hb_plan *plan = &i->analysis.plan;
	bool is_new = i->result->outcome == HB_IMPORT_NEW;
	char utc[HB_CLOCK_UTC_BYTES];
	sqlite3_stmt *s;
	int64_t position_ns;
	int r = choose_position(i, &position_ns, reterr);

	if (!r)
		r = hb_history_prepare(i->history, is_new ? insert : update, &s, reterr);
	if (r)
		return r;
	(void)hb_clock_format_utc(hb_clock_wall_ns(), utc);
	const char *const texts[] = {[4] = plan->created_utc,
		[5] = utc,
		[6] = plan->mode,
		[8] = i->host_id,
		[9] = i->env_id,
		[10] = plan->build_id,
		[11] = build_text(i, "commit"),
		[12] = build_text(i, "dirty"),
		[14] = i->dir,
		[15] = plan->run_id};

	(void)sqlite3_bind_text(s, 1, i->content.text, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(s, 2, (int64_t)i->content.trials);
	(void)sqlite3_bind_int64(s, 3, position_ns);
	(void)sqlite3_bind_int64(s, 7, !plan->verdicts);
	(void)sqlite3_bind_int64(s, 13, (int64_t)i->analysis.trials.failed_count);
	for (int k = 4; k <= 15; k++)
		if (texts[k])
			(void)sqlite3_bind_text(s, k, texts[k], -1, SQLITE_STATIC);
	r = run_statement(i, s, reterr);
	sqlite3_finalize(s);
	if (!r && is_new)
		i->run = sqlite3_last_insert_rowid(i->history->db);
	return r;
}

static int put_parts(struct import *i, struct hb_error *reterr)
{
	sqlite3_stmt *s;
	int r = hb_history_prepare(i->history,
		"INSERT INTO part(run_id, run) VALUES(?1, ?2) ON CONFLICT DO NOTHING", &s, reterr);

	if (r)
		return r;
	for (size_t p = 0; !r && p < i->content.part_count; p++) {
		(void)sqlite3_bind_text(s, 1, i->content.parts[p], -1, SQLITE_STATIC);
		(void)sqlite3_bind_int64(s, 2, i->run);
		r = run_statement(i, s, reterr);
	}
	sqlite3_finalize(s);
	return r;
}

struct statements {
	sqlite3_stmt *series, *night;
};

static int put_series(struct import *i, sqlite3_stmt *s, const struct hb_comparison *c,
	int64_t *ret, struct hb_error *reterr)
{
	const struct hb_plan *plan = &i->analysis.plan;
	const struct hb_plan_experiment *e = &plan->experiments[c->experiment];
	const struct hb_plan_metric *m = &e->metrics[c->metric];
	const char *const texts[] = {e->subproject, e->experiment, e->points[c->point].params,
		e->variants[c->against].name, e->variants[c->variant].name, m->name, m->basis,
		i->host_id, m->unit, m->better};
	int r = 0;

	for (int k = 0; k < 10; k++)
		(void)sqlite3_bind_text(s, k + 1, texts[k], -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(s, 11, !plan->verdicts);
	(void)sqlite3_bind_int64(s, 12, m->exact);
	(void)sqlite3_bind_double(s, 13, hb_verdict_min_effect(m));
	if (sqlite3_step(s) == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	else
		r = hb_history_fail(i->history, "saving to the history", reterr);
	(void)sqlite3_reset(s);
	return r;
}

/* SQLite has no NaN: what is not known is NULL. A ratio must have a logarithm. */
static void bind_number(sqlite3_stmt *s, int at, double value)
{
	if (isfinite(value))
		(void)sqlite3_bind_double(s, at, value);
	else
		(void)sqlite3_bind_null(s, at);
}

static int put_night(struct import *i, const struct statements *s, const struct hb_comparison *c,
	struct hb_error *reterr)
{
	struct hb_effect effect;
	int64_t series = 0;
	int r = hb_summary_effect(&i->analysis.summary, c, &effect);

	if (r)
		return hb_error_set(reterr, r, "not enough memory");
	r = put_series(i, s->series, c, &series, reterr);
	if (r)
		return r;
	bool interval = effect.ratio.confidence > 0, aa = effect.aa.confidence > 0;
	double ratio = hb_effect_ratio(effect.ratio.estimate);

	if (!(ratio > 0 && isfinite(ratio))) {
		ratio = NAN;
		i->result->without++;
	}
	(void)sqlite3_bind_int64(s->night, 1, series);
	(void)sqlite3_bind_int64(s->night, 2, i->run);
	(void)sqlite3_bind_text(s->night, 3, hb_verdict_names[c->verdict], -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(s->night, 4, effect.blocks);
	bind_number(s->night, 5, ratio);
	bind_number(s->night, 6, interval ? hb_effect_ratio(effect.ratio.lo) : NAN);
	bind_number(s->night, 7, interval ? hb_effect_ratio(effect.ratio.hi) : NAN);
	bind_number(s->night, 8, aa ? hb_effect_ratio(effect.aa.lo) : NAN);
	bind_number(s->night, 9, aa ? hb_effect_ratio(effect.aa.hi) : NAN);
	bind_number(s->night, 10, effect.median_baseline);
	bind_number(s->night, 11, effect.median_variant);
	i->result->values++;
	return run_statement(i, s->night, reterr);
}

static int put_nights(struct import *i, struct hb_error *reterr)
{
	const struct hb_summary *summary = &i->analysis.summary;
	struct statements s = {0};
	int r = hb_history_prepare(i->history,
		"INSERT INTO series(subproject, experiment, params, baseline, variant, metric,"
		" basis, host_id, unit, better, smoke, exact, min_effect)"
		" VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)"
		" ON CONFLICT DO UPDATE SET unit=excluded.unit, better=excluded.better,"
		" exact=excluded.exact, min_effect=excluded.min_effect RETURNING id",
		&s.series, reterr);

	if (!r)
		r = hb_history_prepare(i->history,
			"INSERT INTO night(series, run, verdict, blocks, ratio, ratio_lo, ratio_hi,"
			" aa_lo, aa_hi, baseline_value, variant_value)"
			" VALUES(?,?,?,?,?,?,?,?,?,?,?)",
			&s.night, reterr);
	for (size_t k = 0; !r && k < summary->comparison_count; k++) {
		const struct hb_comparison *c = &summary->comparisons[k];

		/* Ideas against the best rival follow from the others; what was not run has no night. */
		if (c->against == summary->plan->experiments[c->experiment].baseline &&
			c->verdict != HB_VERDICT_SKIPPED && c->verdict != HB_VERDICT_NOT_RUN)
			r = put_night(i, &s, c, reterr);
	}
	sqlite3_finalize(s.series);
	sqlite3_finalize(s.night);
	return r;
}

static int put_all(struct import *i, struct hb_error *reterr)
{
	char sql[96];
	int r = hb_history_execute(i->history, "SAVEPOINT import", reterr);

	if (r)
		return r;
	r = put_run(i, reterr);
	(void)snprintf(sql, sizeof(sql), "DELETE FROM night WHERE run = %" PRId64, i->run);
	if (!r && i->result->outcome == HB_IMPORT_LONGER)
		r = hb_history_execute(i->history, sql, reterr);
	if (!r)
		r = put_parts(i, reterr);
	if (!r)
		r = put_nights(i, reterr);
	if (r)
		(void)sqlite3_exec(i->history->db, "ROLLBACK TO import", NULL, NULL, NULL);
	int released = hb_history_execute(i->history, "RELEASE import", r ? NULL : reterr);

	return r ? r : released;
}

/* Which runs a history has no use for. */
static const char *left_out(const struct import *i)
{
	if (i->analysis.plan.sabotage)
		return "its variants were made wrong on purpose";
	if (compares_builds(&i->analysis.plan))
		return "it compares two builds with one another";
	return i->analysis.trials.trial_count ? NULL : "it has no trial yet";
}

static int import_open_run(struct import *i, struct hb_error *reterr)
{
	const struct hb_plan *plan = &i->analysis.plan;
	const char *why = left_out(i);
	int r;

	(void)snprintf(i->result->run_id, sizeof(i->result->run_id), "%s", plan->run_id);
	(void)snprintf(i->result->utc, sizeof(i->result->utc), "%s", plan->created_utc);
	if (why) {
		i->result->outcome = HB_IMPORT_OTHER;
		(void)snprintf(i->result->why, sizeof(i->result->why), "%s", why);
		return 0;
	}
	if (parse_utc(plan->created_utc, &i->created_ns))
		return hb_error_set_at(reterr, -EBADMSG, i->dir, 0,
			"plan.json: created_utc '%.40s' is no time in UTC", plan->created_utc);
	r = read_content(i, 0, reterr);
	if (!r)
		r = look_up(
			i, "SELECT id FROM run WHERE run_id = ?", plan->run_id, 0, &i->run, reterr);
	if (!r)
		r = i->run ? meet_same_id(i, reterr) : meet_same_trials(i, reterr);
	if (r || i->result->outcome == HB_IMPORT_THERE)
		return r;
	choose_machine(i);
	return put_all(i, reterr);
}

int hb_history_import(struct hb_history *history, const char *dir, bool is_newest,
	struct hb_import_result *ret, struct hb_error *reterr)
{
	struct hb_import_result result = {0};
	struct import i = {
		.history = history, .dir = dir, .is_newest = is_newest, .result = &result};
	int r = hb_analysis_open(dir, &i.analysis, reterr);

	if (r)
		return r;
	r = import_open_run(&i, reterr);
	finish_content(&i.content);
	hb_analysis_finish(&i.analysis);
	if (!r)
		*ret = result;
	return r;
}
