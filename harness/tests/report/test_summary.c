/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a run's folder gets: golden summary.csv, summary.json and chart specifications of a small run with exact
 * numbers, merging, exporting, and a page that keeps its size. Golden files: set HB_GOLDEN_WRITE to write them anew.
 */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "hotbed/error.h"
#include "hotbed/json.h"
#include "analysis.h"
#include "chart.h"
#include "export.h"
#include "merge.h"
#include "report.h"
#include "run_writer.h"

/* Powers of two: their logarithms' differences are exact enough to print alike everywhere. */
static const struct run_metric metrics[] = {{"time", "ns", "lower", "wall", false, false, 0.03},
	{"sent", "1", "lower", "count", true, false, 0}, {NULL, NULL, NULL, NULL, false, false, 0}};
static const struct run_variant variants[] = {
	{"base", "baseline", ""}, {"other", "rival", ""}, {"idea", "idea", ""}, {NULL, NULL, NULL}};
static const char *const points[] = {"load=1", "load=2", "load=4", NULL};
static const char params[] =
	"[{\"name\":\"load\",\"type\":\"int\",\"unit\":\"1/s\",\"help\":\"\",\"sweep\":[]}]";
static const char claims[] =
	"[{\"name\":\"halves\",\"text\":\"The idea halves the "
	"time.\",\"paper\":\"P\",\"section\":\"1\","
	"\"metric\":\"time\",\"variant\":\"idea\",\"where\":\"load=2\",\"against_variant\":\"\","
	"\"against_where\":\"\",\"lo\":\"0.4\",\"hi\":\"0.6\",\"needs\":\"\",\"headline\":true}]";
static const struct run_experiment experiment = {"nicos", "small", "Is it half?", metrics, variants,
	points, params, claims,
	"{\"x\":\"load\",\"facet\":\"\",\"metric\":\"time\",\"log_x\":true,\"log_y\":true}", 6,
	false};
static const struct run_experiment *const experiments[] = {&experiment, NULL};

static void write_run(struct run_writer *writer, const char *run_id, const char *host_id)
{
	struct run_options options = {.run_id = run_id, .host_id = host_id};

	run_writer_open(writer, experiments, &options);
	for (uint32_t n = 0; n < 6 * 3 * 4; n++) {
		static const double factor[] = {1, 1, 0.5, 1};
		uint32_t point = n / 4 % 3, arm = n % 4;
		double values[2] = {1024 << point, 4096};

		values[0] *= factor[arm];
		values[1] *= arm == 1 ? 2 : factor[arm];
		run_writer_trial(writer,
			&(struct run_trial){
				.point = point, .block = n / 12, .arm = arm, .values = values});
	}
	run_writer_close(writer);
}

static char *read_file(const char *dir, const char *name)
{
	char path[1024], *text;
	struct stat status;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "r");
	cr_assert(file, "%s: %s", path, strerror(errno));
	cr_assert_eq(fstat(fileno(file), &status), 0);
	text = calloc((size_t)status.st_size + 1, 1);
	cr_assert(fread(text, 1, (size_t)status.st_size, file) == (size_t)status.st_size);
	fclose(file);
	return text;
}

static void expect_golden(const char *dir, const char *name, const char *golden)
{
	const char *data = getenv("HB_TEST_DATA");
	char *got = read_file(dir, name), *expected, path[1024];

	cr_assert(data, "HB_TEST_DATA names the folder of the golden files");
	if (getenv("HB_GOLDEN_WRITE")) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", data, golden);
		file = fopen(path, "w");
		cr_assert(file && fputs(got, file) >= 0 && !fclose(file));
	}
	expected = read_file(data, golden);
	cr_expect(!strcmp(got, expected), "%s differs from %s", name, golden);
	free(got);
	free(expected);
}

Test(summary, of_a_small_run_is_as_written_down)
{
	struct run_writer writer;

	write_run(&writer, NULL, NULL);
	cr_assert_eq(hb_report_write(writer.dir, NULL), 0);
	expect_golden(writer.dir, "summary.csv", "summary.csv");
	expect_golden(writer.dir, "summary.json", "summary.json");
	expect_golden(writer.dir, "charts/nicos-small-time-forest.vl.json", "forest.vl.json");
	expect_golden(writer.dir, "charts/nicos-small-time-sweep.vl.json", "sweep.vl.json");
	expect_golden(writer.dir, "charts/nicos-small-time-strip.vl.json", "strip.vl.json");
	run_writer_remove(&writer);
}

Test(summary, compares_the_idea_with_the_best_rival_too)
{
	struct run_writer writer;
	struct hb_analysis analysis;
	size_t rivals = 0;

	write_run(&writer, NULL, NULL);
	cr_assert_eq(hb_analysis_open(writer.dir, &analysis, NULL), 0);
	for (size_t i = 0; i < analysis.summary.comparison_count; i++) {
		const struct hb_comparison *c = &analysis.summary.comparisons[i];

		if (c->against != 0) {
			rivals++;
			cr_expect_eq(c->against, 1u);
			cr_expect_eq(c->variant, 2u);
		}
	}
	/* Three points, two metrics. */
	cr_expect_eq(rivals, (size_t)6);
	hb_analysis_finish(&analysis);
	run_writer_remove(&writer);
}

Test(summary, corrects_only_what_claims_name)
{
	struct run_writer writer;
	struct hb_analysis analysis;

	write_run(&writer, NULL, NULL);
	cr_assert_eq(hb_analysis_open(writer.dir, &analysis, NULL), 0);
	for (size_t i = 0; i < analysis.summary.comparison_count; i++) {
		const struct hb_comparison *c = &analysis.summary.comparisons[i];
		bool named = c->point == 1 && c->metric == 0 && c->variant == 2 && c->against == 0;

		cr_expect_eq(isnan(c->p_holm), !named);
		if (named)
			cr_expect_float_eq(c->p_holm, 2.0 / 64, 1e-12);
	}
	hb_analysis_finish(&analysis);
	run_writer_remove(&writer);
}

Test(summary, json_is_json_and_says_what_the_csv_says)
{
	struct run_writer writer;
	struct hb_analysis analysis;
	cJSON *json = NULL, *rows;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	const char *schema;

	write_run(&writer, NULL, NULL);
	cr_assert_eq(hb_analysis_open(writer.dir, &analysis, NULL), 0);
	cr_assert_eq(hb_summary_write(&analysis.summary, NULL, out), 0);
	cr_assert_eq(fclose(out), 0);
	cr_assert_eq(hb_json_parse(text, length, "summary.json", &json, NULL), 0);
	cr_assert_eq(hb_json_get_text(json, "schema", &schema, NULL), 0);
	cr_expect_str_eq(schema, "hotbed.summary/1");
	cr_assert_eq(hb_json_get_array(json, "rows", &rows, NULL), 0);
	cr_expect_eq((size_t)cJSON_GetArraySize(rows), analysis.summary.comparison_count);
	cJSON_Delete(json);
	free(text);
	hb_analysis_finish(&analysis);
	run_writer_remove(&writer);
}

Test(merge, keeps_blocks_of_two_runs_apart_and_counts_a_run_once)
{
	struct run_writer a, b;
	struct hb_analysis analysis;
	struct hb_effect effect;
	char out[600];

	write_run(&a, "0190a5d0-0000-7000-8000-00000000000a", "aaaaaaaaaaaa");
	write_run(&b, "0190a5d0-0000-7000-8000-00000000000b", "bbbbbbbbbbbb");
	snprintf(out, sizeof(out), "%s/merged", a.dir);
	cr_assert_eq(hb_merge((const char *const[]){a.dir, b.dir, a.dir}, 3, out, NULL), 0);
	cr_assert_eq(hb_analysis_open(out, &analysis, NULL), 0);
	cr_expect_eq(analysis.trials.trial_count, 144u);
	cr_expect_eq(analysis.trials.repeated_trials, 0u);
	cr_expect_eq(analysis.trials.unknown_trials, 0u);
	cr_expect_eq(analysis.trials.points[0][0].block_count, 12u);
	cr_assert_eq(
		hb_summary_effect(&analysis.summary, &analysis.summary.comparisons[0], &effect), 0);
	cr_expect_eq(effect.blocks, 12u);
	cr_expect_str_neq(analysis.plan.host_id, "aaaaaaaaaaaa");
	hb_analysis_finish(&analysis);
	run_writer_remove(&a);
	run_writer_remove(&b);
}

Test(merge, of_a_merged_run_and_one_of_its_parts_adds_nothing)
{
	struct run_writer a, b;
	struct hb_analysis analysis;
	char once[600], twice[600];

	write_run(&a, "0190a5d0-0000-7000-8000-00000000000a", NULL);
	write_run(&b, "0190a5d0-0000-7000-8000-00000000000b", NULL);
	snprintf(once, sizeof(once), "%s/once", a.dir);
	snprintf(twice, sizeof(twice), "%s/twice", a.dir);
	cr_assert_eq(hb_merge((const char *const[]){a.dir, b.dir}, 2, once, NULL), 0);
	cr_assert_eq(hb_merge((const char *const[]){once, a.dir}, 2, twice, NULL), 0);
	cr_assert_eq(hb_analysis_open(twice, &analysis, NULL), 0);
	cr_expect_eq(analysis.trials.trial_count, 144u);
	hb_analysis_finish(&analysis);
	run_writer_remove(&a);
	run_writer_remove(&b);
}

Test(merge, refuses_experiments_that_are_described_differently_and_full_folders)
{
	static const struct run_metric other_metrics[] = {
		{"time", "ns", "higher", "wall", false, false, 0.03},
		{"sent", "1", "lower", "count", true, false, 0},
		{NULL, NULL, NULL, NULL, false, false, 0}};
	struct run_experiment other = experiment;
	const struct run_experiment *others[] = {&other, NULL};
	struct run_options options = {.run_id = "0190a5d0-0000-7000-8000-00000000000c"};
	struct run_writer a, b;
	struct hb_error error = {0};
	char out[600];

	other.metrics = other_metrics;
	write_run(&a, NULL, NULL);
	run_writer_open(&b, others, &options);
	run_writer_close(&b);
	snprintf(out, sizeof(out), "%s/merged", a.dir);
	cr_expect_eq(hb_merge((const char *const[]){a.dir, b.dir}, 2, out, &error), -EBADMSG);
	cr_expect_not_null(strstr(error.text, "metrics"), "%s", error.text);
	cr_expect_eq(hb_merge((const char *const[]){a.dir}, 1, b.dir, &error), -EEXIST);
	run_writer_remove(&a);
	run_writer_remove(&b);
}

Test(export, csv_of_committed_rows_is_the_file_itself)
{
	struct run_writer writer;
	char *got = NULL, *expected;
	size_t length = 0;
	FILE *out = open_memstream(&got, &length);

	write_run(&writer, NULL, NULL);
	expected = read_file(writer.dir, "trials.csv");
	cr_assert_eq(hb_export_csv(writer.dir, false, out, NULL), 0);
	fclose(out);
	cr_expect(!strcmp(got, expected));
	free(got);
	free(expected);
	run_writer_remove(&writer);
}

Test(export, wide_has_a_column_per_parameter_and_json_a_row_per_row)
{
	struct run_writer writer;
	char *got = NULL;
	size_t length = 0;
	cJSON *json = NULL, *rows;
	FILE *out = open_memstream(&got, &length);

	write_run(&writer, NULL, NULL);
	cr_assert_eq(hb_export_csv(writer.dir, true, out, NULL), 0);
	fclose(out);
	cr_expect_not_null(strstr(got, ",detail,param.load\r\n"));
	cr_expect_not_null(strstr(got, ",,4\r\n"));
	free(got);
	out = open_memstream(&got, &length);
	cr_assert_eq(hb_export_json(writer.dir, out, NULL), 0);
	fclose(out);
	cr_assert_eq(hb_json_parse(got, length, "export", &json, NULL), 0);
	cr_assert_eq(hb_json_get_array(json, "rows", &rows, NULL), 0);
	cr_expect_eq(cJSON_GetArraySize(rows), 6 * 3 * 4 * 3);
	cJSON_Delete(json);
	free(got);
	run_writer_remove(&writer);
}

/* 600 points and 12 variants: far more than fit into charts and tables. */
Test(report, of_a_wide_run_stays_within_its_size_and_its_marks)
{
	static char names[600][24];
	static const char *wide_points[601];
	static struct run_variant many[13];
	static const char *const ideas[] = {
		"v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11"};
	struct run_experiment wide = experiment;
	const struct run_experiment *wides[] = {&wide, NULL};
	struct run_writer writer;
	struct hb_analysis analysis;
	struct hb_charts charts;
	struct stat status;
	char path[600];

	for (int p = 0; p < 600; p++) {
		snprintf(names[p], sizeof(names[p]), "load=%d", p + 1);
		wide_points[p] = names[p];
	}
	many[0] = (struct run_variant){"base", "baseline", ""};
	for (int v = 0; v < 11; v++)
		many[v + 1] = (struct run_variant){ideas[v], v % 2 ? "idea" : "rival", ""};
	wide.points = wide_points;
	wide.variants = many;
	wide.claims_json = NULL;
	run_writer_open(&writer, wides, NULL);
	for (uint32_t n = 0; n < 6 * 600 * 13; n++) {
		double values[2] = {100 + n % 7, 3};

		run_writer_trial(&writer, &(struct run_trial){.point = n / 13 % 600,
						  .block = n / 7800,
						  .arm = n % 13,
						  .values = values});
	}
	run_writer_close(&writer);
	cr_assert_eq(hb_report_write(writer.dir, NULL), 0);
	snprintf(path, sizeof(path), "%s/report.html", writer.dir);
	cr_assert_eq(stat(path, &status), 0);
	cr_expect(status.st_size <= 3 << 20, "%ld bytes", (long)status.st_size);
	cr_assert_eq(hb_analysis_open(writer.dir, &analysis, NULL), 0);
	cr_assert_eq(hb_charts_build(&analysis.summary, "/nonexistent", &charts, NULL), 0);
	cr_expect(charts.count >= 3);
	for (size_t i = 0; i < charts.count; i++) {
		cr_expect(charts.items[i].marks <= HB_CHART_MARKS_MAX, "%s: %zu marks",
			charts.items[i].id, charts.items[i].marks);
		cr_expect(cJSON_GetArraySize(charts.items[i].values) > 0);
	}
	hb_charts_finish(&charts);
	hb_analysis_finish(&analysis);
	run_writer_remove(&writer);
}

Test(report, without_the_chart_runtime_has_tables_and_says_how_to_get_charts)
{
	struct run_writer writer;
	struct hb_analysis analysis;
	struct hb_charts charts;
	struct hb_text page;

	write_run(&writer, NULL, NULL);
	cr_assert_eq(hb_analysis_open(writer.dir, &analysis, NULL), 0);
	cr_assert_eq(hb_charts_build(&analysis.summary, "/nonexistent", &charts, NULL), 0);
	cr_assert_eq(hb_report_html(&analysis, &charts, "/nonexistent", &page), 0);
	cr_expect_not_null(strstr(page.bytes, "./hotbed setup"));
	cr_expect_null(strstr(page.bytes, "<script"));
	cr_expect_not_null(strstr(page.bytes, "<table"));
	hb_text_finish(&page);
	hb_charts_finish(&charts);
	hb_analysis_finish(&analysis);
	run_writer_remove(&writer);
}

static void put_figure(const struct run_writer *writer, const char *name, const char *text)
{
	char path[600];
	FILE *file;

	snprintf(path, sizeof(path), "%s/logs", writer->dir);
	(void)mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/logs/%s", writer->dir, name);
	file = fopen(path, "w");
	cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

#define FIGURE(title)                                                                             \
	"{\"title\":\"" title "\",\"description\":\"d\",\"mark\":\"point\",\"data\":{\"values\":" \
	"[{\"x\":1},{\"x\":2,\"<b>\":true}]}}"

Test(report, shows_each_figure_of_a_trial_that_counts_once)
{
	struct run_writer writer;
	struct hb_analysis analysis;
	struct hb_charts charts;
	const struct hb_chart_spec *chart = NULL;
	size_t figures = 0, without;

	write_run(&writer, NULL, NULL);
	cr_assert_eq(hb_analysis_open(writer.dir, &analysis, NULL), 0);
	cr_assert_eq(hb_charts_build(&analysis.summary, writer.dir, &charts, NULL), 0);
	without = charts.count;
	hb_charts_finish(&charts);

	/* Every trial drew one; two files are no figures, and one is of a trial that was lost. */
	for (int seq = 0; seq < 40; seq++) {
		char name[32];

		snprintf(name, sizeof(name), "%d-shape.vl.json", seq);
		put_figure(&writer, name, FIGURE("one"));
	}
	put_figure(&writer, "0-other.vl.json", "{\"title\":\"no data\"}");
	put_figure(&writer, "1-other.vl.json", "no JSON");
	put_figure(&writer, "123456-other.vl.json", FIGURE("lost"));
	cr_assert_eq(hb_charts_build(&analysis.summary, writer.dir, &charts, NULL), 0);
	for (size_t i = 0; i < charts.count; i++) {
		if (strcmp(charts.items[i].title, "one") != 0)
			continue;
		chart = &charts.items[i];
		figures++;
		for (size_t k = 0; k < i; k++)
			cr_expect_str_neq(charts.items[k].id, chart->id);
	}
	cr_assert_eq(charts.count, without + figures, "%zu and %zu", without, charts.count);
	cr_assert_eq(figures, 8, "of 9 variants and points at most 8 are shown, not %zu", figures);
	cr_expect_str_eq(chart->columns[0], "x");
	cr_expect_str_eq(chart->columns[1], "<b>");
	cr_expect_null(chart->columns[2]);
	cr_expect_eq(chart->marks, 2);
	cr_expect_not_null(strstr(chart->description, "d Drawn by "), "%s", chart->description);
	cr_expect_not_null(cJSON_GetObjectItem(chart->spec, "config"));
	hb_charts_finish(&charts);
	hb_analysis_finish(&analysis);
	cr_assert_eq(hb_report_write(writer.dir, NULL), 0);
	run_writer_remove(&writer);
}

Test(report, on_a_folder_that_cannot_be_written_says_which_file)
{
	struct run_writer writer;
	struct hb_error error = {0};
	char path[600];

	write_run(&writer, NULL, NULL);
	/* A folder in the file's place fails for root too, unlike permissions. */
	snprintf(path, sizeof(path), "%s/summary.csv", writer.dir);
	cr_assert_eq(mkdir(path, 0700), 0);
	cr_expect(hb_report_write(writer.dir, &error) < 0);
	cr_expect_not_null(strstr(error.path, "summary.csv"), "%s: %s", error.path, error.text);
	run_writer_remove(&writer);
}

/* @count claims whose every text is @length bytes of markup, which its escape makes four times as long. */
static char *long_claims(int count, int length)
{
	char *json = NULL, *text = calloc((size_t)length + 1, 1);
	size_t bytes;
	FILE *out = open_memstream(&json, &bytes);

	cr_assert(out && text);
	memset(text, '<', (size_t)length);
	for (int i = 0; i < count; i++)
		fprintf(out,
			"%s{\"name\":\"c%d\",\"text\":\"%s\",\"paper\":\"%s\",\"section\":\"%s\","
			"\"metric\":\"time\",\"variant\":\"idea\",\"where\":\"\","
			"\"against_variant\":\"\",\"against_where\":\"\",\"lo\":\"0.4\","
			"\"hi\":\"0.6\",\"needs\":\"%s\",\"headline\":true}",
			i ? "," : "[", i, text, text, text, text);
	fputs("]", out);
	cr_assert_eq(fclose(out), 0);
	free(text);
	return json;
}

Test(page, of_texts_however_long_keeps_its_size_and_says_what_it_left_out)
{
	static char name[2][181];
	struct run_experiment large = experiment;
	const struct run_experiment *list[] = {&large, NULL};
	struct run_metric long_metrics[] = {
		metrics[0], metrics[1], {NULL, NULL, NULL, NULL, false, false, 0}};
	char *own = long_claims(900, 2000), *page;
	struct hb_error error = {0};
	struct run_writer writer;

	/* Chart files are called after both, which together would be too long a name. */
	memset(name[0], 'e', 180);
	memset(name[1], 'm', 180);
	large.name = name[0];
	long_metrics[1].name = name[1];
	large.metrics = long_metrics;
	large.claims_json = own;
	large.chart_json = "{\"x\":\"load\",\"facet\":\"\",\"metric\":\"\",\"log_x\":true,"
			   "\"log_y\":true}";
	run_writer_open(&writer, list, NULL);
	run_writer_close(&writer);
	cr_assert_eq(hb_report_write(writer.dir, &error), 0, "%s", error.text);
	page = read_file(writer.dir, "report.html");
	cr_expect(strlen(page) <= HB_REPORT_BYTES_MAX, "%zu bytes", strlen(page));
	cr_expect_not_null(strstr(page, "more claims stand in summary.json"));
	cr_expect_not_null(strstr(page, "</html>"));
	free(page);
	free(own);
	run_writer_remove(&writer);
}
