/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the two rare-event estimators share: the event that is estimated and the shape of the answer.
 */
#ifndef PROBCONS_RARE_EVENT_H
#define PROBCONS_RARE_EVENT_H

#include <stdint.h>

#include <probcons/nines.h>

enum pc_event {
	PC_EVENT_UNSAFE,
	PC_EVENT_UNLIVE,
	PC_EVENT_EITHER,
};

/* Inputs are borrowed for the duration of a call. */
struct pc_rare_problem {
	const struct pc_node *nodes; /* shape [count] */
	uint32_t count;
	const struct pc_protocol *protocol;
	const struct pc_correlation *correlation; /* NULL = independent */
	enum pc_event event;
};

struct pc_estimate {
	double q;        /* the probability */
	double stderr_q; /* standard error of q */
	double lo, hi;   /* confidence interval, clipped to [0, 1] */
	double level;    /* its nominal coverage */
	double effective_samples; /* importance sampling: (sum w)^2 / sum w^2 over hits; splitting: (q / stderr)^2 */
	uint64_t samples; /* drawn: configurations, or steps of the Markov chains */
	uint64_t hits;    /* that fell into the event */
};

#endif
