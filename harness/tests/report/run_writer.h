/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs made up for tests: a folder with plan.json and trials.csv (docs/reference/formats.md) whose values the test
 * chooses. Everything else - reading, pairing, statistics, verdicts - is the real code's. Not thread-safe.
 */
#ifndef HOTBED_TESTS_REPORT_RUN_WRITER_H
#define HOTBED_TESTS_REPORT_RUN_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct run_metric {
	const char *name, *unit, *better, *basis;
	bool exact, optional;
	double min_effect;
};

struct run_variant {
	const char *name, *role, *digest_class;
};

/* One experiment; arrays end with a NULL name. */
struct run_experiment {
	const char *subproject, *name, *question;
	const struct run_metric *metrics;
	const struct run_variant *variants; /* the first is the baseline */
	const char *const *points;          /* params, NULL-terminated */
	const char *params_json;            /* the describe member "params"; NULL = "[]" */
	const char *claims_json;            /* the describe member "claims"; NULL = "[]" */
	const char *chart_json;             /* NULL = no hints */
	uint32_t blocks;
	bool unseeded;
};

/* Rows are appended trial by trial. */
struct run_writer {
	char *dir;
	FILE *csv;
	const struct run_experiment *const *experiments;
	uint32_t seq;
	const char *run_id, *host_id, *created_utc, *env_id, *build_id;
};

/* One trial; what is left out is ordinary. */
struct run_trial {
	uint32_t experiment, point, block, attempt;
	uint32_t arm; /* variant index; the number of variants = the control */
	const double
		*values;    /* one per metric, NaN leaves it out; NULL for a trial that is not ok */
	const char *status; /* NULL = "ok" */
	const char *flags, *detail, *digest;
};

struct run_options {
	const char *run_id;                          /* NULL = a fixed one */
	const char *host_id;                         /* NULL = a fixed one */
	const char *created_utc, *env_id, *build_id; /* NULL = fixed ones */
	const char *commit; /* of the build, in env.json; NULL = no env.json */
	const char *dir;    /* the folder, made here; NULL = a new one below TMPDIR */
	const char *mode;   /* NULL = "default" */
	uint64_t seed;      /* 0 = 1 */
	bool smoke;         /* no verdicts */
};

/* run_writer_open - a new folder with plan.json and the header of trials.csv; aborts on failure. */
void run_writer_open(struct run_writer *writer, const struct run_experiment *const *experiments,
	const struct run_options *options);

/* run_writer_trial - append one trial and its commit mark. */
void run_writer_trial(struct run_writer *writer, const struct run_trial *trial);

/* run_writer_close - finish trials.csv; the folder stays until run_writer_remove(). */
void run_writer_close(struct run_writer *writer);
void run_writer_remove(struct run_writer *writer);

uint32_t run_variant_count(const struct run_experiment *experiment);
uint32_t run_metric_count(const struct run_experiment *experiment);

#endif
