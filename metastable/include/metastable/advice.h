/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which single change makes a configuration stable: numbers by the smallest factor that is enough, found by bisection
 * (a change that helps is taken to help more the larger it is), and protections that can be switched on. The cost of a
 * number is the logarithm of its factor, so that halving and doubling cost the same; protections have no such scale
 * and are listed apart. Not thread-safe.
 */
#ifndef METASTABLE_ADVICE_H
#define METASTABLE_ADVICE_H

#include <metastable/verdict.h>

#define MS_ADVICE_MAX 64
#define MS_ADVICE_FACTOR_MAX 8.0 /* a number is changed by at most this factor */

struct ms_advice_item {
	char path[2 * MS_NAME_BYTES +
		  16];    /* BLOCK.NAME, or for a protection its block: "shed db" */
	const char *text; /* of a protection: what to write; NULL for numbers. Static */
	double from, to;  /* of numbers */
	double cost;      /* |log factor|; 0 for protections */
	bool enough;      /* does it make the model stable? */
	enum ms_class
		kind; /* of the changed model; without any that is enough, of the largest change */
};

struct ms_advice {
	enum ms_level level; /* that was asked */
	enum ms_class kind;  /* of the model as it is */
	uint32_t count;
	struct ms_advice_item
		items[MS_ADVICE_MAX]; /* enough first; numbers by cost, then protections */
};

/*
 * ms_advise - try single changes of @model.
 * @level: asked about numbers; protections are always simulated, since chains know few of them.
 * @options: as ms_verdict_of(); NULL = the defaults.
 *
 * Returns 0, what ms_verdict_of() returns, or the refusal of @level (-EOPNOTSUPP, -E2BIG). Takes some hundred verdicts.
 */
int ms_advise(enum ms_level level, const struct ms_model *model,
	const struct ms_verdict_options *options, struct ms_advice *ret, struct hb_error *reterr);

#endif
