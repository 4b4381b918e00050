/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dashboard.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/file.h>
#include <hotbed/json.h>

#include "alarm_text.h"
#include "assets.h"
#include "text.h"

/* Rows of the table of changes; the list has the others. */
#define TABLE_MAX 1000
/* A ratio is a number from 1 to 4095 on the logarithmic scale of its series, in two digits; 0 = none. */
#define CODES 4094

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Where a run stands: in the list of runs of its machine, smoke runs apart. */
struct place {
	int64_t run;
	uint32_t group, index;
};

struct page {
	struct hb_history *history;
	struct hb_alarms alarms;
	struct hb_file file;
	struct place *places; /* by run */
	size_t place_count;
	uint32_t *group_sizes;
	uint32_t group_count;
	double *ratios; /* shape [largest group] */
};

static int out_of_memory(struct hb_error *reterr)
{
	return hb_error_set(reterr, -ENOMEM, "not enough memory for the dashboard");
}

/* Write out what was assembled, and empty it. */
static int flush(struct page *p, struct hb_text *text, struct hb_error *reterr)
{
	int r = text->failed ? out_of_memory(reterr) : 0;

	if (!r && text->length_bytes)
		(void)fwrite(text->bytes, 1, text->length_bytes, p->file.stream);
	hb_text_finish(text);
	return r;
}

/* @object as JSON that can stand in a script; frees it. */
static void put_object(struct hb_text *text, cJSON *object, int failed)
{
	char *line = failed ? NULL : cJSON_PrintUnformatted(object);

	if (line)
		hb_text_put_script_json(text, line);
	else
		text->failed = -ENOMEM;
	cJSON_free(line);
	cJSON_Delete(object);
}

static void put_table(struct page *p, struct hb_text *text)
{
	hb_text_put(text,
		"<table><thead><tr><th scope=\"col\">No.</th><th scope=\"col\">Kind</th>"
		"<th scope=\"col\">State</th><th scope=\"col\">Series</th>"
		"<th scope=\"col\">Change</th><th scope=\"col\">Since</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < p->alarms.count && i < TABLE_MAX; i++) {
		const struct hb_alarm *a = &p->alarms.items[i];

		hb_text_format(text,
			"<tr><td>%" PRId64 "</td><td class=\"%s\">%s</td><td>%s</td><td>"
			"<a href=\"#list\" data-series=\"%" PRId64 "\">",
			a->id, hb_alarm_names[a->kind], hb_alarm_names[a->kind], hb_alarm_state(a),
			a->series);
		hb_text_put_html(text, a->name);
		if (isnan(a->before))
			hb_text_put(text, "</a></td><td>no clear answer</td>");
		else
			hb_text_format(text, "</a></td><td>%+.1f %%</td>",
				100 * (a->after / a->before - 1));
		hb_text_format(text, "<td>%.10s</td></tr>\n", a->utc);
	}
	hb_text_put(text, "</tbody></table>\n");
}

static int put_head(struct page *p, struct hb_error *reterr)
{
	struct hb_text text = {0};

	hb_text_put(&text,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<title>hotbed: history</title>\n<style>\n");
	hb_text_put(&text, hb_asset_report_css);
	hb_text_put(&text, hb_asset_history_css);
	hb_text_format(&text,
		"</style>\n</head>\n<body>\n<main>\n<h1>History</h1>\n<p>%" PRIu64
		" series of %" PRIu64 " runs; %zu open and %zu other changes. A value is the ratio "
		"to the baseline of the "
		"same run.</p>\n<h2 id=\"changes\">Changes</h2>\n",
		p->alarms.series, p->alarms.runs, p->alarms.open, p->alarms.count - p->alarms.open);
	put_table(p, &text);
	hb_text_put(&text,
		"<h2>Series</h2>\n<noscript><p>The list of series needs JavaScript; 'hotbed "
		"history "
		"show' prints it.</p></noscript>\n<form class=\"filters\" hidden>\n"
		"<label>Subproject <select id=\"sub\"><option "
		"value=\"\">all</option></select></label>\n"
		"<label>Search <input type=\"search\" id=\"search\"></label>\n"
		"<label><input type=\"checkbox\" id=\"changed\"> only with changes</label>\n"
		"<output id=\"count\"></output>\n</form>\n<ul id=\"list\"></ul>\n"
		"<button type=\"button\" id=\"more\" hidden>Show more</button>\n</main>\n"
		"<script type=\"application/json\" id=\"history-data\">{\"changes\":");
	cJSON *object = cJSON_CreateObject();
	int r = object ? hb_alarms_add_json(&p->alarms, object) : -ENOMEM;
	cJSON *list = r ? NULL : cJSON_DetachItemFromObjectCaseSensitive(object, "changes");

	for (size_t i = 0; list && i < p->alarms.count; i++)
		if (!cJSON_ReplaceItemInObjectCaseSensitive(cJSON_GetArrayItem(list, (int)i),
			    "series", cJSON_CreateNumber((double)p->alarms.items[i].series)))
			r = -ENOMEM;
	put_object(&text, list, r || !list);
	cJSON_Delete(object);
	return flush(p, &text, reterr);
}

static int add_place(struct page *p, int64_t run, bool is_new_group, struct hb_error *reterr)
{
	struct place *places = realloc(p->places, (p->place_count + 1) * sizeof(*places));

	if (!places)
		return out_of_memory(reterr);
	p->places = places;
	if (is_new_group) {
		uint32_t *sizes = realloc(p->group_sizes, (p->group_count + 1) * sizeof(*sizes));

		if (!sizes)
			return out_of_memory(reterr);
		p->group_sizes = sizes;
		sizes[p->group_count++] = 0;
	}
	places[p->place_count++] = (struct place){.run = run,
		.group = p->group_count - 1,
		.index = p->group_sizes[p->group_count - 1]++};
	return 0;
}

static const char *column(sqlite3_stmt *s, int at)
{
	const char *text = (const char *)sqlite3_column_text(s, at);

	return text ? text : "";
}

/* ["run_id", "utc", "env", "build", "commit"], the names cut to what people compare. */
static void put_run(struct hb_text *text, sqlite3_stmt *s)
{
	char env[8], build[8], commit[16];
	const char *values[5] = {column(s, 1), column(s, 2), env, build, commit};

	(void)snprintf(env, sizeof(env), "%.6s", column(s, 3));
	(void)snprintf(build, sizeof(build), "%.6s", column(s, 4));
	(void)snprintf(commit, sizeof(commit), "%.12s", column(s, 5));
	put_object(text, cJSON_CreateStringArray(values, 5), 0);
}

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->run > y->run) - (x->run < y->run);
}

/* The runs, a list per machine; smoke runs are others. */
static int put_groups(struct page *p, struct hb_error *reterr)
{
	struct hb_text text = {0};
	char group[40] = "";
	sqlite3_stmt *s;
	int step, r = hb_history_prepare(p->history,
			  "SELECT id, run_id, created_utc, env_id, build_id, commit_id, host_id,"
			  " smoke FROM run ORDER BY host_id, smoke, position_ns, id",
			  &s, reterr);

	if (r)
		return r;
	hb_text_put(&text, ",\n\"groups\":[");
	while (!r && (step = sqlite3_step(s)) == SQLITE_ROW) {
		char own[40];

		(void)snprintf(
			own, sizeof(own), "%.32s/%d", column(s, 6), sqlite3_column_int(s, 7));
		bool is_new = strcmp(own, group) != 0;

		if (is_new)
			hb_text_put(&text, p->group_count ? "],\n[" : "[");
		else
			hb_text_put(&text, ",");
		r = add_place(p, sqlite3_column_int64(s, 0), is_new, reterr);
		(void)snprintf(group, sizeof(group), "%s", own);
		put_run(&text, s);
	}
	if (!r && step != SQLITE_DONE)
		r = hb_history_fail(p->history, "reading the history", reterr);
	sqlite3_finalize(s);
	hb_text_put(&text, p->group_count ? "]]" : "]");
	if (p->place_count)
		qsort(p->places, p->place_count, sizeof(*p->places), compare_places);
	int flushed = flush(p, &text, r ? NULL : reterr);

	return r ? r : flushed;
}

/* The nights of a series in p->ratios, NaN for none. @ret_group: whose runs they are, UINT32_MAX = it has none. */
static int load_series(struct page *p, sqlite3_stmt *s, int64_t series, uint32_t *ret_group,
	struct hb_error *reterr)
{
	int step;

	*ret_group = UINT32_MAX;
	(void)sqlite3_bind_int64(s, 1, series);
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		const struct place key = {.run = sqlite3_column_int64(s, 0)};
		const struct place *place = p->place_count
						    ? bsearch(&key, p->places, p->place_count,
							      sizeof(key), compare_places)
						    : NULL;

		if (!place)
			continue;
		if (*ret_group == UINT32_MAX) {
			*ret_group = place->group;
			for (uint32_t i = 0; i < p->group_sizes[place->group]; i++)
				p->ratios[i] = NAN;
		}
		if (place->group == *ret_group && sqlite3_column_type(s, 1) == SQLITE_FLOAT)
			p->ratios[place->index] = log(sqlite3_column_double(s, 1));
	}
	(void)sqlite3_reset(s);
	return step == SQLITE_DONE ? 0 : hb_history_fail(p->history, "reading the history", reterr);
}

static void put_series(struct page *p, struct hb_text *text, sqlite3_stmt *s, uint32_t group)
{
	uint32_t count = p->group_sizes[group];
	double lo = INFINITY, hi = -INFINITY;
	char *codes = malloc(2 * (size_t)count + 1);
	cJSON *object = cJSON_CreateObject();

	for (uint32_t i = 0; i < count; i++) {
		lo = fmin(lo, p->ratios[i]);
		hi = fmax(hi, p->ratios[i]);
	}
	double width = hi > lo ? hi - lo : 1;

	for (uint32_t i = 0; codes && i < count; i++) {
		int code = isnan(p->ratios[i])
				   ? 0
				   : 1 + (int)lround((p->ratios[i] - lo) / width * CODES);

		codes[2 * i] = digits[code >> 6];
		codes[2 * i + 1] = digits[code & 63];
	}
	if (codes)
		codes[2 * (size_t)count] = '\0';
	bool known = isfinite(lo);
	int r = !codes || !object ||
		!cJSON_AddNumberToObject(object, "id", (double)sqlite3_column_int64(s, 0)) ||
		hb_json_add_text(object, "n", column(s, 1)) ||
		!cJSON_AddNumberToObject(object, "g", group) ||
		!cJSON_AddNumberToObject(object, "lo", known ? lo : 0) ||
		!cJSON_AddNumberToObject(object, "hi", known ? lo + width : 1) ||
		hb_json_add_text(object, "d", codes);

	put_object(text, object, r);
	free(codes);
}

static int put_all_series(struct page *p, struct hb_error *reterr)
{
	struct hb_text text = {0};
	sqlite3_stmt *s, *nights = NULL;
	const char *comma = "";
	int step = SQLITE_DONE,
	    r = hb_history_prepare(p->history,
		    "SELECT id, subproject || '/' || experiment || ' ' || variant || ' ' || metric "
		    "||"
		    " iif(params = '', '', ' ' || params) || iif(smoke, ' (smoke)', '') FROM series"
		    " ORDER BY 2, id",
		    &s, reterr);

	if (r)
		return r;
	r = hb_history_prepare(
		p->history, "SELECT run, ratio FROM night WHERE series = ?", &nights, reterr);
	hb_text_put(&text, ",\n\"series\":[");
	while (!r && (step = sqlite3_step(s)) == SQLITE_ROW) {
		uint32_t group;

		r = load_series(p, nights, sqlite3_column_int64(s, 0), &group, reterr);
		if (r || group == UINT32_MAX)
			continue;
		hb_text_put(&text, comma);
		put_series(p, &text, s, group);
		comma = ",\n";
		r = flush(p, &text, reterr);
	}
	if (!r && step != SQLITE_DONE)
		r = hb_history_fail(p->history, "reading the history", reterr);
	sqlite3_finalize(s);
	sqlite3_finalize(nights);
	hb_text_put(&text, "]}</script>\n<script>\n");
	hb_text_put(&text, hb_asset_history_js);
	hb_text_put(&text, "</script>\n</body>\n</html>\n");
	int flushed = flush(p, &text, r ? NULL : reterr);

	return r ? r : flushed;
}

static int put_page(struct page *p, struct hb_error *reterr)
{
	uint32_t largest = 1;
	int r = put_head(p, reterr);

	if (!r)
		r = put_groups(p, reterr);
	for (uint32_t i = 0; i < p->group_count; i++)
		largest = p->group_sizes[i] > largest ? p->group_sizes[i] : largest;
	p->ratios = calloc(largest, sizeof(*p->ratios));
	if (!r && !p->ratios)
		r = out_of_memory(reterr);
	return r ? r : put_all_series(p, reterr);
}

int hb_dashboard_write(struct hb_history *history, const char *path, struct hb_error *reterr)
{
	struct page p = {.history = history};
	int r = hb_history_check(history, NULL, &p.alarms, reterr);

	/* What is read below is of one moment, whatever others import meanwhile. */
	if (!r)
		r = hb_history_execute(history, "BEGIN", reterr);
	if (!r)
		r = hb_file_replace(path, &p.file, reterr);
	if (!r)
		r = put_page(&p, reterr);
	if (r)
		hb_file_discard(&p.file);
	else
		r = hb_file_commit(&p.file, 0, reterr);
	(void)sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL);
	hb_alarms_finish(&p.alarms);
	free(p.places);
	free(p.group_sizes);
	free(p.ratios);
	return r;
}
