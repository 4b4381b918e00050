/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "history_show.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/json.h>

/* A number, and nothing else: a series. */
static int64_t series_number(const char *filter)
{
	char *end;
	long long number =
		filter && *filter >= '0' && *filter <= '9' ? strtoll(filter, &end, 10) : 0;

	return number > 0 && !*end ? number : 0;
}

static const char *column(sqlite3_stmt *s, int at)
{
	const char *text = (const char *)sqlite3_column_text(s, at);

	return text ? text : "";
}

/* One row of the list: number, name, nights, first and last ratio and time. */
static int put_row(sqlite3_stmt *s, bool json, cJSON *list, struct hb_text *text)
{
	static const char *const keys[] = {"id", "series", "host_id", "nights", "first_utc",
		"last_utc", "first_ratio", "last_ratio", "verdict"};

	if (!json) {
		hb_text_format(text, "%5lld  %4lld nights  %.10s  x%-8.4g %-12s %s\n",
			(long long)sqlite3_column_int64(s, 0),
			(long long)sqlite3_column_int64(s, 3), column(s, 5),
			sqlite3_column_double(s, 7), column(s, 8), column(s, 1));
		return 0;
	}
	cJSON *item = cJSON_CreateObject();

	if (!item || !cJSON_AddItemToArray(list, item))
		return -ENOMEM;
	for (int i = 0; i < 9; i++)
		if (hb_json_add_text(item, keys[i], column(s, i)))
			return -ENOMEM;
	return 0;
}

static int put_night(sqlite3_stmt *s, bool json, cJSON *list, struct hb_text *text)
{
	static const char *const keys[] = {"run_id", "utc", "ratio", "ratio_lo", "ratio_hi",
		"verdict", "env_id", "build_id", "commit"};

	if (!json) {
		hb_text_format(text, "%.19s  x%-8s [%.6s, %.6s]  %-12s env %.6s build %.6s  %s\n",
			column(s, 1), *column(s, 2) ? column(s, 2) : "-", column(s, 3),
			column(s, 4), column(s, 5), column(s, 6), column(s, 7), column(s, 0));
		return 0;
	}
	cJSON *item = cJSON_CreateObject();

	if (!item || !cJSON_AddItemToArray(list, item))
		return -ENOMEM;
	for (int i = 0; i < 9; i++)
		if (hb_json_add_text(item, keys[i], column(s, i)))
			return -ENOMEM;
	return 0;
}

static int put_rows(const struct hb_history *history, sqlite3_stmt *s,
	int (*put)(sqlite3_stmt *s, bool json, cJSON *list, struct hb_text *text), cJSON *list,
	struct hb_text *text, size_t *ret_count, struct hb_error *reterr)
{
	int step, r = 0;

	*ret_count = 0;
	while (!r && (step = sqlite3_step(s)) == SQLITE_ROW) {
		r = put(s, list != NULL, list, text);
		++*ret_count;
	}
	if (r)
		r = hb_error_set(reterr, r, "not enough memory");
	else if (step != SQLITE_DONE)
		r = hb_history_fail(history, "reading the history", reterr);
	sqlite3_finalize(s);
	return r;
}

static int put_list(const struct hb_history *history, const char *filter, cJSON *list,
	struct hb_text *text, struct hb_error *reterr)
{
	static const char sql[] =
		"SELECT s.id, subproject || '/' || experiment || ' ' || variant || ' ' || metric ||"
		" iif(params = '', '', ' ' || params) || iif(s.smoke, ' (smoke)', ''), s.host_id,"
		" count(*), min(r.created_utc), max(r.created_utc),"
		" (SELECT ratio FROM night a JOIN run b ON b.id = a.run WHERE a.series = s.id"
		"  ORDER BY position_ns LIMIT 1),"
		" (SELECT ratio FROM night a JOIN run b ON b.id = a.run WHERE a.series = s.id"
		"  ORDER BY position_ns DESC LIMIT 1),"
		" (SELECT verdict FROM night a JOIN run b ON b.id = a.run WHERE a.series = s.id"
		"  ORDER BY position_ns DESC LIMIT 1)"
		" FROM series s JOIN night n ON n.series = s.id JOIN run r ON r.id = n.run"
		" WHERE ?1 IS NULL OR subproject = ?1 OR subproject || '/' || experiment = ?1"
		" OR s.id = ?2 GROUP BY s.id ORDER BY 2, s.id";
	sqlite3_stmt *s;
	size_t count;
	int r = hb_history_prepare(history, sql, &s, reterr);

	if (r)
		return r;
	if (filter)
		(void)sqlite3_bind_text(s, 1, filter, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(s, 2, series_number(filter));
	r = put_rows(history, s, put_row, list, text, &count, reterr);
	if (!r && filter && !count)
		r = hb_error_set(reterr, -ENOENT,
			"the history has no series '%s'; 'hotbed history show' lists them", filter);
	return r;
}

static int put_nights(const struct hb_history *history, int64_t series, cJSON *list,
	struct hb_text *text, struct hb_error *reterr)
{
	sqlite3_stmt *s;
	size_t count;
	int r = hb_history_prepare(history,
		"SELECT run_id, created_utc, ratio, ratio_lo, ratio_hi, verdict, env_id, build_id,"
		" commit_id FROM night n JOIN run r ON r.id = n.run WHERE series = ?"
		" ORDER BY position_ns, r.id",
		&s, reterr);

	if (r)
		return r;
	(void)sqlite3_bind_int64(s, 1, series);
	return put_rows(history, s, put_night, list, text, &count, reterr);
}

int hb_history_put_series(const struct hb_history *history, const char *filter, bool json,
	struct hb_text *text, struct hb_error *reterr)
{
	cJSON *object = json ? cJSON_CreateObject() : NULL, *series = NULL, *nights = NULL;
	int64_t number = series_number(filter);
	int r = 0;

	if (json) {
		r = object ? hb_json_add_text(object, "schema", "hotbed.history/1") : -ENOMEM;
		series = r ? NULL : cJSON_AddArrayToObject(object, "series");
		nights = series && number ? cJSON_AddArrayToObject(object, "nights") : NULL;
		if (!series || (number && !nights))
			r = hb_error_set(reterr, -ENOMEM, "not enough memory");
	}
	if (!r)
		r = put_list(history, filter, series, text, reterr);
	if (!r && number)
		r = put_nights(history, number, nights, text, reterr);
	char *printed = !r && json ? cJSON_Print(object) : NULL;

	if (!r && json && !printed)
		r = hb_error_set(reterr, -ENOMEM, "not enough memory");
	if (printed) {
		hb_text_put(text, printed);
		hb_text_put(text, "\n");
	}
	cJSON_free(printed);
	cJSON_Delete(object);
	return r ? r : text->failed;
}

static const char *const columns[] = {"run_id", "created_utc", "mode", "host_id", "env_id",
	"build_id", "commit", "dirty", "experiment", "params", "baseline", "variant", "metric",
	"unit", "better", "basis", "exact", "smoke", "verdict", "blocks", "ratio", "ratio_lo",
	"ratio_hi", "aa_lo", "aa_hi", "baseline_value", "variant_value"};
#define COLUMNS ((int)(sizeof(columns) / sizeof(columns[0])))

static void put_record(struct hb_csv_buffer *buffer, sqlite3_stmt *s)
{
	for (int i = 0; i < COLUMNS; i++) {
		if (sqlite3_column_type(s, i) == SQLITE_FLOAT)
			hb_csv_put_double(buffer, sqlite3_column_double(s, i));
		else
			hb_csv_put_text(buffer, column(s, i));
	}
	hb_csv_end_record(buffer);
}

static int flush(struct hb_csv_buffer *buffer, FILE *stream, struct hb_error *reterr)
{
	int r = buffer->failed ? hb_error_set(reterr, buffer->failed, "not enough memory") : 0;

	if (!r && fwrite(buffer->text, 1, buffer->length_bytes, stream) != buffer->length_bytes)
		r = hb_error_set(
			reterr, -EIO, "the history cannot be written out: %s", strerror(errno));
	hb_csv_buffer_reset(buffer);
	return r;
}

int hb_history_export(const struct hb_history *history, FILE *stream, struct hb_error *reterr)
{
	static const char sql[] =
		"SELECT run_id, created_utc, mode, r.host_id, env_id, build_id, commit_id, dirty,"
		" subproject || '/' || experiment, params, baseline, variant, metric, unit, better,"
		" basis, exact, s.smoke, verdict, blocks, ratio, ratio_lo, ratio_hi, aa_lo, aa_hi,"
		" baseline_value, variant_value FROM night n JOIN run r ON r.id = n.run"
		" JOIN series s ON s.id = n.series ORDER BY s.id, position_ns, r.id";
	struct hb_csv_buffer buffer = {0};
	sqlite3_stmt *s;
	int step = SQLITE_DONE, r = hb_history_prepare(history, sql, &s, reterr);

	if (r)
		return r;
	for (int i = 0; i < COLUMNS; i++)
		hb_csv_put_text(&buffer, columns[i]);
	hb_csv_end_record(&buffer);
	r = flush(&buffer, stream, reterr);
	while (!r && (step = sqlite3_step(s)) == SQLITE_ROW) {
		put_record(&buffer, s);
		r = flush(&buffer, stream, reterr);
	}
	if (!r && step != SQLITE_DONE)
		r = hb_history_fail(history, "reading the history", reterr);
	sqlite3_finalize(s);
	hb_csv_buffer_finish(&buffer);
	return r;
}
