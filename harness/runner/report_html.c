/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The page around its sections: head, run facts, environment, failures, warnings, and the chart runtime inlined. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assets.h"
#include "report_parts.h"

#define FAILURES_MAX 200
#define WARNINGS_MAX 200
#define FACTS_MAX 250

static void put_fact(struct hb_text *text, const char *key, const char *value)
{
	hb_text_put(text, "<dt>");
	hb_page_clip(text, key, 120);
	hb_text_put(text, "</dt><dd>");
	hb_page_clip(text, value && *value ? value : "–", 400);
	hb_text_put(text, "</dd>\n");
}

/* env.json is shown as it is, nested keys joined by dots: what it records may grow without a change here. */
static void put_facts(
	struct hb_text *text, const cJSON *json, const char *prefix, int depth, size_t *count)
{
	const cJSON *item;
	int index = 0;

	cJSON_ArrayForEach(item, json)
	{
		char *key = NULL, *value = NULL;

		if (*count >= FACTS_MAX)
			return;
		if (item->string ? asprintf(&key, "%s%s%s", prefix, *prefix ? "." : "",
					   item->string) < 0
				 : asprintf(&key, "%s[%d]", prefix, index++) < 0) {
			text->failed = -ENOMEM;
			return;
		}
		if ((cJSON_IsObject(item) || cJSON_IsArray(item)) && item->child && depth < 6) {
			put_facts(text, item, key, depth + 1, count);
		} else {
			value = cJSON_IsString(item) ? NULL : cJSON_PrintUnformatted(item);
			put_fact(text, key, cJSON_IsString(item) ? item->valuestring : value);
			(*count)++;
		}
		cJSON_free(value);
		free(key);
	}
}

void hb_page_environment(struct hb_page *page)
{
	const struct hb_plan *plan = &page->analysis->plan;
	struct hb_text *text = page->text;
	char seed[24];
	size_t count = 0;

	(void)snprintf(seed, sizeof(seed), "%llu", (unsigned long long)plan->seed);
	hb_text_put(
		text, "<section id=\"environment\"><h2>Environment</h2>\n<dl class=\"facts\">\n");
	put_fact(text, "run", plan->run_id);
	put_fact(text, "seed", seed);
	put_fact(text, "host", plan->host_id);
	put_fact(text, "environment", plan->env_id);
	put_fact(text, "build", plan->build_id);
	hb_text_put(text, "</dl>\n");
	if (page->analysis->env) {
		hb_text_put(text, "<details><summary>Everything that was recorded</summary>"
				  "<dl class=\"facts\">\n");
		put_facts(text, page->analysis->env, "", 0, &count);
		hb_text_put(text, "</dl></details>\n");
	} else {
		hb_text_put(text, "<p class=\"note\">The run has no env.json.</p>\n");
	}
	hb_text_put(text, "</section>\n");
}

static void put_skips(struct hb_page *page)
{
	const struct hb_trials *trials = &page->analysis->trials;
	struct hb_text *text = page->text;

	if (!trials->skip_count)
		return;
	hb_text_put(text, "<h3>Skipped here</h3>\n<ul class=\"plain\">\n");
	for (size_t i = 0; i < trials->skip_count && i < FAILURES_MAX; i++) {
		const struct hb_skip *skip = &trials->skips[i];
		const struct hb_plan_experiment *e = &trials->plan->experiments[skip->experiment];

		hb_text_put(text, "<li><code>");
		hb_page_clip(text, e->subproject, 80);
		hb_text_put(text, "/");
		hb_page_clip(text, e->experiment, 80);
		hb_text_put(text, "</code> ");
		hb_page_clip(text, hb_trials_arm_name(e, skip->arm), 80);
		hb_text_format(text, " (%llu trials): ", (unsigned long long)skip->count);
		hb_page_clip(text, skip->reason, 300);
		hb_text_put(text, "</li>\n");
	}
	hb_text_put(text, "</ul>\n");
}

static void put_failure(struct hb_page *page, const struct hb_failure *failure)
{
	const struct hb_plan_experiment *e = &page->analysis->plan.experiments[failure->experiment];
	struct hb_text *text = page->text;

	hb_text_put(text, "<tr><td>");
	hb_page_badge(text, "bad", hb_status_names[failure->status]);
	hb_text_put(text, "</td><td><code>");
	hb_page_clip(text, e->subproject, 80);
	hb_text_put(text, "/");
	hb_page_clip(text, e->experiment, 80);
	hb_text_put(text, "</code> ");
	hb_page_clip(text, hb_trials_arm_name(e, failure->arm), 80);
	hb_text_put(text, "</td><td>");
	hb_page_clip(text, e->points[failure->point].params, 200);
	hb_text_format(
		text, "</td><td class=\"num\" data-label=\"block\">%u</td><td>", failure->block);
	hb_page_clip(text, failure->detail, 300);
	hb_text_format(text, "</td><td data-label=\"log\"><code>logs/%u.txt</code></td></tr>\n",
		failure->seq);
}

void hb_page_failures(struct hb_page *page)
{
	const struct hb_trials *trials = &page->analysis->trials;
	struct hb_text *text = page->text;
	size_t shown = trials->failure_count < FAILURES_MAX ? trials->failure_count : FAILURES_MAX;

	hb_text_put(text, "<section id=\"failures\"><h2>Failures</h2>\n");
	if (!trials->failure_count)
		hb_text_put(text, "<p>No trial failed.</p>\n");
	if (shown) {
		hb_text_put(text,
			"<div class=\"scroll\"><table class=\"cards\"><thead><tr><th>Status</th>"
			"<th>Variant</th><th>Point</th><th class=\"num\">Block</th>"
			"<th>What happened</th><th>Log</th></tr></thead><tbody>\n");
		for (size_t i = 0; i < shown; i++)
			put_failure(page, &trials->failures[i]);
		hb_text_put(text, "</tbody></table></div>\n");
	}
	if (trials->failed_count > shown)
		hb_text_format(text, "<p class=\"note\">%llu more stand in trials.csv.</p>\n",
			(unsigned long long)(trials->failed_count - shown));
	put_skips(page);
	hb_text_put(text, "</section>\n");
}

void hb_page_warnings(struct hb_page *page)
{
	const struct hb_summary *summary = &page->analysis->summary;
	struct hb_text *text = page->text;

	hb_text_put(text, "<section id=\"warnings\"><h2>Warnings</h2>\n");
	if (!summary->warning_count)
		hb_text_put(text, "<p>None.</p>\n");
	else
		hb_text_put(text, "<ul class=\"plain\">\n");
	for (size_t i = 0; i < summary->warning_count && i < WARNINGS_MAX; i++) {
		hb_text_put(text, "<li>");
		hb_page_clip(text, summary->warnings[i], 400);
		hb_text_put(text, "</li>\n");
	}
	if (summary->warning_count)
		hb_text_put(text, "</ul>\n");
	if (summary->warning_count > WARNINGS_MAX)
		hb_text_format(text, "<p class=\"note\">%zu more stand in summary.json.</p>\n",
			summary->warning_count - WARNINGS_MAX);
	hb_text_put(text, "</section>\n");
}

static void put_head(struct hb_page *page)
{
	struct hb_text *text = page->text;

	/* The policy makes "no network" a property of the page, not a promise: the browser refuses every request. */
	hb_text_put(text,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"color-scheme\" content=\"light dark\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
		"img-src data: blob:\">\n"
		"<meta name=\"generator\" content=\"hotbed\">\n<title>");
	hb_page_subject(page, "");
	hb_text_put(text, " – Hotbed</title>\n<style>\n");
	hb_text_put(text, hb_asset_report_css);
	hb_text_put(text, "</style>\n</head>\n<body>\n<div class=\"page\">\n");
}

static void put_contents(struct hb_page *page)
{
	const struct hb_plan *plan = &page->analysis->plan;
	struct hb_text *text = page->text;

	hb_text_put(text, "<nav class=\"contents\" aria-label=\"Sections\">\n");
	for (size_t e = 0; e < plan->experiment_count; e++) {
		hb_text_format(text, "<a href=\"#e%zu\">", e);
		hb_page_clip(text, plan->experiments[e].subproject, 80);
		hb_text_put(text, "/");
		hb_page_clip(text, plan->experiments[e].experiment, 80);
		hb_text_put(text, "</a>\n");
	}
	hb_text_put(text,
		"<a href=\"#environment\">Environment</a>\n<a href=\"#failures\">Failures</a>\n"
		"<a href=\"#warnings\">Warnings</a>\n</nav>\n");
}

/* A script of the runtime, so that it cannot end its element early nor ask for a source map. */
static int read_script(const char *dir, const char *name, struct hb_text *ret)
{
	char *path = NULL, *line = NULL;
	size_t capacity = 0;
	ssize_t length;
	FILE *file = NULL;

	if (asprintf(&path, "%s/%s", dir, name) >= 0)
		file = fopen(path, "re");
	free(path);
	if (!file)
		return -ENOENT;
	while ((length = getline(&line, &capacity, file)) > 0) {
		char *s = line, *end;

		if (!strncmp(line, "//# sourceMappingURL", 20))
			continue;
		/* Only inside a string or a regular expression can it stand, where the backslash changes nothing. */
		while ((end = strcasestr(s, "</script")) != NULL) {
			hb_text_put_bytes(ret, s, (size_t)(end - s) + 1);
			hb_text_put(ret, "\\");
			s = end + 1;
		}
		hb_text_put(ret, s);
	}
	free(line);
	(void)fclose(file);
	return ret->failed;
}

static bool read_runtime(const char *dir, struct hb_text *ret)
{
	static const char *const names[] = {"vega.min.js", "vega-lite.min.js", "vega-embed.min.js"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		hb_text_put(ret, "<script>\n");
		if (read_script(dir, names[i], ret))
			return false;
		hb_text_put(ret, "\n</script>\n");
	}
	return !ret->failed;
}

static void put_foot(struct hb_page *page, const struct hb_text *runtime)
{
	struct hb_text *text = page->text;

	hb_text_put(text, "<footer>");
	if (page->has_runtime)
		hb_text_put(text, "<noscript><p>The charts need JavaScript; every number is in the "
				  "tables.</p></noscript>");
	else
		hb_text_put(text, "<p>This report has tables only, since the chart runtime is not "
				  "installed. <code>./hotbed setup</code> installs it; "
				  "<code>hotbed report</code> then draws the charts.</p>");
	hb_text_put(text, "<p>Intervals are exact order-statistic intervals of the median over "
			  "blocks unless said "
			  "otherwise. The same numbers: summary.csv, summary.json; every trial: "
			  "trials.csv; the "
			  "charts for papers: charts/.</p></footer>\n</main>\n</div>\n");
	if (page->has_runtime) {
		hb_text_put_bytes(text, runtime->bytes, runtime->length_bytes);
		hb_text_put(text, "<script>\n");
		hb_text_put(text, hb_asset_report_js);
		hb_text_put(text, "</script>\n");
	}
	hb_text_put(text, "</body>\n</html>\n");
}

static void put_page(struct hb_page *page, const struct hb_text *runtime)
{
	put_head(page);
	hb_page_header(page);
	hb_page_claims(page);
	put_contents(page);
	for (uint32_t e = 0; e < page->analysis->plan.experiment_count; e++)
		hb_page_experiment(page, e);
	hb_page_environment(page);
	hb_page_failures(page);
	hb_page_warnings(page);
	put_foot(page, runtime);
}

int hb_report_html(const struct hb_analysis *analysis, const struct hb_charts *charts,
	const char *runtime_dir, struct hb_text *ret)
{
	struct hb_text runtime = {0}, text = {0};
	size_t room = (size_t)800 << 10;
	bool has_runtime = read_runtime(runtime_dir, &runtime);
	int r = -E2BIG;

	/* Room is an estimate, since headings and notes come on top; a page that is still too large is made anew. */
	while (r == -E2BIG && room >= 1024) {
		struct hb_page page = {.analysis = analysis,
			.charts = charts,
			.text = &text,
			.tables_bytes = room,
			.charts_bytes = room,
			.has_runtime = has_runtime};

		text.length_bytes = 0;
		put_page(&page, &runtime);
		r = text.failed                               ? text.failed
		    : text.length_bytes > HB_REPORT_BYTES_MAX ? -E2BIG
							      : 0;
		room /= 4;
	}
	hb_text_finish(&runtime);
	if (r) {
		hb_text_finish(&text);
		return r;
	}
	*ret = text;
	return 0;
}
