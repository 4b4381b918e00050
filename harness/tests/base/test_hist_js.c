/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hist against hdr-histogram-js, in both directions: it reads what hist wrote and the other way round, and both find
 * the same totals, means and percentiles. Exits with 77 where node or the module is missing.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/hist.h>
#include <hotbed/rng.h>

#include "seed.h"

#define PERCENTILES 11
#define HISTOGRAMS 60
#define EXIT_SKIPPED 77

static const double percentiles[PERCENTILES] = {0, 1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 100};

/* One line of hist_check.js. */
struct held {
	double total, min, max, mean;
	double values[PERCENTILES];
	char *text; /* into the line */
};

static void fail(const char *what, int index, double ours, double theirs)
{
	(void)fprintf(stderr, "histogram %d: %s is %.17g here and %.17g in hdr-histogram-js\n",
		index, what, ours, theirs);
	exit(1);
}

static void parse_held(char *line, int index, struct held *ret)
{
	double *numbers[4] = {&ret->total, &ret->min, &ret->max, &ret->mean};
	char *save = NULL;

	for (int i = 0; i < 4 + PERCENTILES; i++) {
		char *word = strtok_r(i ? NULL : line, " \n", &save);

		if (!word ||
			hb_csv_parse_double(word, i < 4 ? numbers[i] : &ret->values[i - 4]) < 0) {
			(void)fprintf(stderr, "histogram %d: no number in place %d\n", index, i);
			exit(1);
		}
	}
	ret->text = strtok_r(NULL, " \n", &save);
	if (!ret->text) {
		(void)fprintf(stderr, "histogram %d: no text\n", index);
		exit(1);
	}
}

/*
 * @minimum: whether the smallest value is comparable: theirs leaves out zeros. Their mean asks for the bucket of
 * 2^k - 1 by floor(log2()), which rounds up from k = 49 on: it is comparable below that.
 */
static void compare(const struct hb_hist *hist, const struct held *held, int index, bool minimum)
{
	double mean = hb_hist_mean(hist);
	bool exact = hb_hist_max(hist) < (int64_t)1 << 48;

	if ((double)hb_hist_total(hist) != held->total)
		fail("total", index, (double)hb_hist_total(hist), held->total);
	if (held->total == 0)
		return;
	if (exact && !(fabs(mean - held->mean) <= 1e-9 * mean))
		fail("mean", index, mean, held->mean);
	for (int i = 0; i < PERCENTILES; i++) {
		double ours = hb_hist_quantile(hist, percentiles[i] / 100);

		if (ours != held->values[i])
			fail("a percentile", index, ours, held->values[i]);
	}
	if (minimum && (double)hb_hist_min(hist) != held->min)
		fail("min", index, (double)hb_hist_min(hist), held->min);
}

static struct hb_hist *decode(const char *text, int index)
{
	struct hb_error error = {0};
	struct hb_hist *hist;

	if (hb_hist_decode(text, strlen(text), &hist, &error) < 0) {
		(void)fprintf(stderr, "histogram %d: %s\n", index, error.text);
		exit(1);
	}
	return hist;
}

static int64_t random_value(struct hb_rng *rng, int64_t highest)
{
	int64_t value = (int64_t)(hb_rng_u64(rng) >> (11 + hb_rng_below(rng, 53)));

	return value > highest ? highest : value;
}

/* Histogram number @index: from empty and single values to thousands, all digits, up to 2^52 (their numbers' range). */
static struct hb_hist *make(int index, struct hb_rng *rng)
{
	static const int64_t ranges[] = {2, 2048, 1000000, 3600000000000, (int64_t)1 << 52};
	int64_t highest = ranges[index % 5];
	uint64_t left = index < 5 ? 0 : index < 10 ? 1 : hb_rng_below(rng, 3000);
	struct hb_hist *hist;

	if (hb_hist_create(&hist, highest, 1 + index / 5 % 5, NULL) < 0)
		exit(1);
	for (; left > 0; left--)
		hb_hist_record_n(hist, random_value(rng, highest),
			1 + hb_rng_below(rng, (uint64_t)1 << left % 40));
	return hist;
}

/* Run hist_check.js with @arguments; its lines come from the returned stream. */
static FILE *start(const char *arguments)
{
	char command[1024];
	FILE *stream;

	(void)snprintf(
		command, sizeof(command), "exec node '%s/hist_check.js' %s", JS_FOLDER, arguments);
	stream = popen(command, "r");
	if (!stream)
		exit(1);
	return stream;
}

static void finish(FILE *stream)
{
	int status = pclose(stream);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		(void)fprintf(stderr, "hist_check.js failed with status %d\n", status);
		exit(1);
	}
}

/* They read ours, and ours is unchanged when it comes back. */
static void check_theirs_reads_ours(struct hb_rng *rng)
{
	struct hb_hist *made[HISTOGRAMS];
	char path[] = "/tmp/hotbed-test-hist-XXXXXX";
	char arguments[64];
	FILE *file = fdopen(mkstemp(path), "w");
	FILE *stream;
	char *line = NULL;
	size_t capacity = 0;

	if (!file)
		exit(1);
	for (int i = 0; i < HISTOGRAMS; i++) {
		char *text;

		made[i] = make(i, rng);
		if (hb_hist_encode(made[i], &text, NULL) < 0)
			exit(1);
		(void)fprintf(file, "%s\n", text);
		free(text);
	}
	(void)fclose(file);
	(void)snprintf(arguments, sizeof(arguments), "read %s", path);
	stream = start(arguments);
	for (int i = 0; i < HISTOGRAMS; i++) {
		struct hb_hist *back;
		struct held held;

		if (getline(&line, &capacity, stream) < 0) {
			(void)fprintf(stderr, "only %d histograms were read\n", i);
			exit(1);
		}
		parse_held(line, i, &held);
		compare(made[i], &held, i, false);
		back = decode(held.text, i);
		if (!hb_hist_equal(made[i], back))
			fail("the histogram written back", i, (double)hb_hist_total(made[i]),
				(double)hb_hist_total(back));
		hb_hist_destroy(back);
		hb_hist_destroy(made[i]);
	}
	free(line);
	finish(stream);
	(void)unlink(path);
}

static void check_ours_reads_theirs(void)
{
	FILE *stream = start("write");
	char *line = NULL;
	size_t capacity = 0;
	int count = 0;

	while (getline(&line, &capacity, stream) > 0) {
		struct hb_hist *hist;
		struct held held;

		parse_held(line, count, &held);
		hist = decode(held.text, count);
		compare(hist, &held, count++, true);
		hb_hist_destroy(hist);
	}
	free(line);
	finish(stream);
	if (count != 15) {
		(void)fprintf(stderr, "%d histograms were written instead of 15\n", count);
		exit(1);
	}
}

int main(void)
{
	struct hb_rng rng;

	if (access(JS_FOLDER "/node_modules/hdr-histogram-js/package.json", R_OK) < 0 ||
		system("command -v node >/dev/null 2>&1") != 0) {
		(void)printf("skip: needs node and hdr-histogram-js; run ./hotbed setup --all\n");
		return EXIT_SKIPPED;
	}
	hb_rng_init(&rng, test_seed(), 0);
	check_theirs_reads_ours(&rng);
	check_ours_reads_theirs();
	return 0;
}
