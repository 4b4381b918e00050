/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --until-ci: after a preset number of blocks (hb_plan_looks) each point is looked at, and stops when every
 * comparison that matters is decided: its interval lies beyond the minimum effect (better, worse) or within it
 * (same). The error level of 5 % is split evenly between the looks (Bonferroni), so looking often does not make
 * decisions cheaper; the blocks at which we look are fixed beforehand, so the values cannot choose them.
 *
 * What matters: the metrics that the experiment's claims name, else its first metric; of all variants. Not
 * thread-safe.
 */
#ifndef HOTBED_RUNNER_LOOKS_H
#define HOTBED_RUNNER_LOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "plan.h"

struct hb_looks;

/* hb_looks_create - for the experiments of @plan that have until_ci. 0 or -ENOMEM. */
int hb_looks_create(const struct hb_plan *plan, struct hb_looks **ret);
void hb_looks_destroy(struct hb_looks *looks);

/*
 * hb_looks_add - a block of the point is closed.
 * @values: shape [variant_count + 1][metric_count], NaN where there is none; NULL = the block is void.
 * @ret_decided: set if this block is one of the looks and the point is decided now. 0 or -ENOMEM.
 */
int hb_looks_add(struct hb_looks *looks, uint32_t experiment, uint32_t point, const double *values,
	bool *ret_decided);

/*
 * hb_looks_effect - log(@value) minus the mean log of @baseline and @control; NaN unless all are positive and finite.
 */
double hb_looks_effect(double value, double baseline, double control);

#endif
