/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A made-up run of any size, complete as hotbed writes it: what summary and report are measured on. */
#ifndef HOTBED_BENCH_RUN_FOLDER_H
#define HOTBED_BENCH_RUN_FOLDER_H

#include <stdint.h>

struct hb_error;

/* What the run holds, to check results against. */
struct run_folder {
	uint64_t points, trials, rows, comparisons;
};

/*
 * run_folder_size - the run with at least @rows rows: points of 12 blocks, 3 variants and the control, 24 metrics and
 * the commit mark.
 */
struct run_folder run_folder_size(uint64_t rows);

/*
 * run_folder_write - write plan.json, env.json and trials.csv of that run into the existing @folder. The variant
 * "half" is half the baseline in every metric, "same" equal to it, both with 1 % noise drawn from @seed.
 * @trials: write only so many trials; less than all is an interrupted run.
 *
 * Returns 0 or -errno with the path in @reterr.
 */
int run_folder_write(const char *folder, const struct run_folder *size, uint64_t seed,
	uint64_t trials, struct hb_error *reterr);

#endif
