/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which attempt of a block counts, and CSV files that are not as we write them. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "hotbed/error.h"
#include "analysis.h"
#include "run_writer.h"

static const struct run_metric metrics[] = {{"time", "ns", "lower", "wall", false, false, 0.03},
	{"faults", "1", "lower", "count", true, true, 0},
	{NULL, NULL, NULL, NULL, false, false, 0}};
static const struct run_variant variants[] = {
	{"base", "baseline", "out"}, {"idea", "idea", "out"}, {NULL, NULL, NULL}};
static const char *const points[] = {"k=1", "k=2", NULL};
static const struct run_experiment experiment = {
	"spork", "made-up", "Does it read?", metrics, variants, points, NULL, NULL, NULL, 6, false};
static const struct run_experiment *const experiments[] = {&experiment, NULL};

static struct run_writer writer;
static struct hb_analysis analysis;

static void put(uint32_t block, uint32_t attempt, uint32_t arm, double value, const char *flags,
	const char *status)
{
	double values[] = {value, NAN};
	struct run_trial trial = {.block = block,
		.attempt = attempt,
		.arm = arm,
		.values = status ? NULL : values,
		.status = status,
		.flags = flags};

	run_writer_trial(&writer, &trial);
}

static void put_block(uint32_t block, uint32_t attempt, double value, const char *flags)
{
	for (uint32_t arm = 0; arm < 3; arm++)
		put(block, attempt, arm, value, arm == 1 ? flags : "", NULL);
}

static int load(struct hb_error *error)
{
	if (writer.csv)
		run_writer_close(&writer);
	return hb_analysis_open(writer.dir, &analysis, error);
}

static void finish(void)
{
	hb_analysis_finish(&analysis);
	run_writer_remove(&writer);
}

static double value(uint32_t block)
{
	return hb_trials_value(&analysis.trials, 0, 0, block, 1, 0);
}

Test(trials, first_attempt_without_steal_counts)
{
	run_writer_open(&writer, experiments, NULL);
	put_block(0, 0, 10, "psi;steal");
	put_block(0, 1, 11, "psi;migrated");
	put_block(1, 0, 20, "late");
	put_block(2, 0, 30, "");
	put_block(2, 1, 31, "");
	cr_assert_eq(load(NULL), 0);
	cr_expect_eq(value(2), 30);
	cr_expect_eq(value(0), 11);
	cr_expect_not(analysis.trials.points[0][0].blocks[0].noisy);
	cr_expect_eq(value(1), 20);
	finish();
}

Test(trials, last_attempt_counts_as_noisy_when_all_had_steal)
{
	run_writer_open(&writer, experiments, NULL);
	put_block(0, 0, 10, "steal");
	put_block(0, 1, 11, "steal");
	put_block(0, 2, 12, "steal");
	cr_assert_eq(load(NULL), 0);
	cr_expect_eq(value(0), 12);
	cr_expect(analysis.trials.points[0][0].blocks[0].noisy);
	finish();
}

Test(trials, a_failed_trial_voids_its_block_only)
{
	run_writer_open(&writer, experiments, NULL);
	put(0, 0, 0, 1, "", NULL);
	put(0, 0, 1, 1, "", "crashed");
	put(0, 0, 2, 1, "", NULL);
	put_block(1, 0, 20, "");
	cr_assert_eq(load(NULL), 0);
	cr_expect(analysis.trials.points[0][0].blocks[0].is_void);
	cr_expect(isnan(hb_trials_value(&analysis.trials, 0, 0, 0, 0, 0)));
	cr_expect_eq(value(1), 20);
	cr_expect_eq(analysis.trials.failed_count, 1u);
	finish();
}

Test(trials, an_incomplete_attempt_yields_to_a_complete_one)
{
	run_writer_open(&writer, experiments, NULL);
	put(0, 0, 0, 1, "", NULL);
	put(0, 0, 1, 1, "", "interrupted");
	put_block(0, 1, 5, "");
	cr_assert_eq(load(NULL), 0);
	cr_expect_eq(value(0), 5);
	cr_expect_eq(analysis.trials.failed_count, 0u);
	finish();
}

Test(trials, a_skipped_variant_does_not_void_the_block)
{
	run_writer_open(&writer, experiments, NULL);
	for (uint32_t b = 0; b < 6; b++) {
		put(b, 0, 0, 1, "", NULL);
		put(b, 0, 1, 1, "", "skipped");
		put(b, 0, 2, 1, "", NULL);
	}
	cr_assert_eq(load(NULL), 0);
	cr_expect_not(analysis.trials.points[0][0].blocks[0].is_void);
	cr_expect_eq(analysis.summary.comparisons[0].verdict, HB_VERDICT_SKIPPED);
	cr_expect_eq(analysis.trials.skip_count, (size_t)1);
	cr_expect_eq(analysis.trials.skips[0].count, 6u);
	finish();
}

Test(trials, rows_that_the_plan_does_not_know_are_counted_and_warned_of)
{
	static const struct run_experiment other = {
		"spork", "other", "?", metrics, variants, points, NULL, NULL, NULL, 6, false};
	static const struct run_experiment *const both[] = {&experiment, &other, NULL};
	char path[600], text[4096] = "";
	FILE *plan;

	/* The plan of one experiment beside the rows of two. */
	run_writer_open(&writer, experiments, NULL);
	snprintf(path, sizeof(path), "%s/plan.json", writer.dir);
	plan = fopen(path, "r");
	cr_assert(plan && fread(text, 1, sizeof(text) - 1, plan) > 0);
	fclose(plan);
	writer.experiments = both;
	put_block(0, 0, 1, "");
	run_writer_trial(
		&writer, &(struct run_trial){.experiment = 1, .values = (const double[]){1, NAN}});
	cr_assert_eq(load(NULL), 0);
	cr_expect_eq(analysis.trials.unknown_trials, 1u);
	cr_expect(analysis.summary.warning_count >= 1);
	finish();
}

/* Rewrite the header and every row through an awk-like pass over simple, unquoted fields. */
static void rewrite(int drop, int swap_a, int swap_b, const char *extra, bool in_header)
{
	char from[600], to[600], line[4096];
	FILE *in, *out;
	int number = 0;

	run_writer_close(&writer);
	snprintf(from, sizeof(from), "%s/trials.csv", writer.dir);
	snprintf(to, sizeof(to), "%s/new.csv", writer.dir);
	in = fopen(from, "r");
	out = fopen(to, "w");
	cr_assert(in && out);
	while (fgets(line, sizeof(line), in)) {
		char *fields[64] = {0}, *rest = line, *field;
		int count = 0;

		line[strcspn(line, "\r\n")] = '\0';
		while ((field = strsep(&rest, ",")) && count < 64)
			fields[count++] = field;
		if (number || in_header) {
			field = fields[swap_a];
			fields[swap_a] = fields[swap_b];
			fields[swap_b] = field;
		}
		for (int i = 0, first = 1; i < count; i++) {
			if (i == drop)
				continue;
			fprintf(out, "%s%s", first ? "" : ",", fields[i]);
			first = 0;
		}
		if (extra)
			fprintf(out, ",%s", number ? "7" : extra);
		fputs("\r\n", out);
		number++;
	}
	fclose(in);
	fclose(out);
	cr_assert_eq(rename(to, from), 0);
}

Test(trials, reordered_and_unknown_columns_are_read)
{
	run_writer_open(&writer, experiments, NULL);
	put_block(0, 0, 33, "");
	rewrite(-1, HB_COLUMN_VALUE, HB_COLUMN_RUN_ID, "moon_phase", true);
	cr_assert_eq(load(NULL), 0);
	cr_expect_eq(value(0), 33);
	finish();
}

Test(trials, values_that_are_no_numbers_and_repeated_trials_are_warned_of)
{
	char path[600], text[16384] = "", *at;
	FILE *file;

	run_writer_open(&writer, experiments, NULL);
	put_block(0, 0, 12345, "");
	put_block(0, 0, 12345, "");
	run_writer_close(&writer);
	snprintf(path, sizeof(path), "%s/trials.csv", writer.dir);
	file = fopen(path, "r+");
	cr_assert(file && fread(text, 1, sizeof(text) - 1, file) > 0);
	/* The reader of decimals knows this word, but no trial may report it. */
	cr_assert_not_null(at = strstr(text, ",12345,"));
	memcpy(at, ",\"nan\",", 7);
	cr_assert_not_null(at = strstr(text, ",12345,"));
	memcpy(at, ",12x45,", 7);
	rewind(file);
	cr_assert(fputs(text, file) >= 0 && !fclose(file));
	cr_assert_eq(load(NULL), 0);
	cr_expect_eq(analysis.trials.repeated_trials, 3u);
	cr_expect_eq(analysis.trials.unreadable_values, 2u);
	cr_expect(analysis.summary.warning_count >= 2);
	finish();
}

Test(trials, a_missing_column_is_named)
{
	struct hb_error error = {0};

	run_writer_open(&writer, experiments, NULL);
	put_block(0, 0, 33, "");
	rewrite(HB_COLUMN_STEAL_PPM, 0, 0, NULL, true);
	cr_expect_eq(load(&error), -EBADMSG);
	cr_expect_not_null(strstr(error.text, "steal_ppm"), "%s", error.text);
	run_writer_remove(&writer);
}

Test(trials, a_number_that_is_none_is_named_with_its_column)
{
	struct hb_error error = {0};

	run_writer_open(&writer, experiments, NULL);
	put_block(0, 0, 33, "");
	/* The unit where the block's number should be. */
	rewrite(-1, HB_COLUMN_BLOCK, HB_COLUMN_UNIT, NULL, false);
	cr_expect_eq(load(&error), -EBADMSG);
	cr_expect_not_null(strstr(error.text, "block"), "%s", error.text);
	run_writer_remove(&writer);
}

Test(trials, a_torn_tail_is_ignored_and_warned_of)
{
	char path[600];

	run_writer_open(&writer, experiments, NULL);
	put_block(0, 0, 1, "");
	put_block(1, 0, 2, "");
	run_writer_close(&writer);
	snprintf(path, sizeof(path), "%s/trials.csv", writer.dir);
	writer.csv = fopen(path, "a");
	fputs("0190a5d0,spork,made-up,k=1,0,2,0,0,6,ba", writer.csv);
	cr_assert_eq(load(NULL), 0);
	cr_expect_eq(analysis.trials.trial_count, 6u);
	cr_expect(analysis.trials.torn_bytes > 0);
	cr_expect_not_null(strstr(analysis.summary.warnings[0], "never committed"));
	finish();
}

Test(trials, a_folder_without_a_plan_is_no_run)
{
	char path[600];
	struct hb_error error = {0};

	run_writer_open(&writer, experiments, NULL);
	snprintf(path, sizeof(path), "%s/plan.json", writer.dir);
	cr_assert_eq(unlink(path), 0);
	cr_expect_eq(load(&error), -ENOENT);
	cr_expect_not_null(strstr(error.text, "no run's folder"), "%s", error.text);
	run_writer_remove(&writer);
}

Test(trials, a_run_without_trials_has_a_summary_without_verdicts)
{
	run_writer_open(&writer, experiments, NULL);
	cr_assert_eq(load(NULL), 0);
	for (size_t i = 0; i < analysis.summary.comparison_count; i++)
		cr_expect_eq(analysis.summary.comparisons[i].verdict, HB_VERDICT_NOT_RUN);
	finish();
}
