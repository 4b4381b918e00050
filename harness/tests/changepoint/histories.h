/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Made-up histories of one series whose changes are known: what the detector is judged by. Thread-safe. */
#ifndef HOTBED_TESTS_CHANGEPOINT_HISTORIES_H
#define HOTBED_TESTS_CHANGEPOINT_HISTORIES_H

#include <stddef.h>

struct hb_rng;

#define HISTORY_NIGHTS_MAX 400

struct history_kind {
	double noise;           /* standard deviation of a night, relative */
	double autocorrelation; /* lag 1, in [0, 1) */
	double step;            /* relative change of the level at @step_at; 0 = none */
	size_t step_at;         /* calendar night */
	double drift;           /* relative change a night, from @drift_at on */
	size_t drift_at;        /* calendar night */
	double outliers; /* share of nights that are 5 to 15 standard deviations off, four of five upwards */
	double missing; /* share of nights without a run */
	size_t nights;  /* calendar nights, at most HISTORY_NIGHTS_MAX */
};

struct history {
	double values[HISTORY_NIGHTS_MAX]; /* logarithms of the ratio */
	size_t count;                      /* nights with a run */
	size_t step_at; /* index of the first value after the step; @count = none */
};

/* history_make - draw one. */
void history_make(const struct history_kind *kind, struct hb_rng *rng, struct history *ret);

#endif
