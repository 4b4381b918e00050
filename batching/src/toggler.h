/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The toggler: chooses between two arms by a sequential test, and remembers for each range of the load which of them
 * won. It sees one cost per window, in 0 ... 1, and how many requests were answered per second.
 *
 * A range of the load is an octave of answers per second. In each range the arm in force, its incumbent, is compared
 * with the other in a probe: windows of the other arm, until the confidence sequences of both means part, the gap does
 * not matter any more, or the probe is hopeless. How long the incumbent is then left alone depends on how clear the
 * result was; but a cost that moves without a move of the load brings the next probe forward. A known load that comes
 * back is answered at once, without a probe.
 */
#ifndef BATCHING_TOGGLER_H
#define BATCHING_TOGGLER_H

#include <stdbool.h>
#include <stdint.h>

#define TOGGLER_ARMS 2
#define TOGGLER_LOADS 32 /* 1/s ... 4e9/s */

/* One arm's windows; old ones fade. */
struct evidence {
	double count, sum, square_sum;
};

/* What is known about a range of the load. */
struct toggler_load {
	bool is_known;          /* a probe has ended here */
	unsigned int incumbent; /* read if is_known */
	uint32_t patience;      /* windows until the next probe, when one ended */
	uint32_t until_probe;   /* what is left of them */
	float cost;             /* of the incumbent when the last probe ended */
};

struct toggler {
	struct toggler_load loads[TOGGLER_LOADS];
	struct evidence
		arms[TOGGLER_ARMS]; /* the incumbent's lately, and the other's in this probe */
	unsigned int load;          /* the range in force */
	unsigned int strays;        /* windows in a row with another load */
	unsigned int incumbent, current;
	unsigned int bad; /* windows in a row beyond the SLO and beyond what is usual here */
	double last_cost; /* in this probe; read if probed > 0 */
	uint32_t probed;  /* windows of this probe */
	uint32_t watched; /* windows of the incumbent in this range since it was entered */
	bool is_begun;
	bool is_break; /* this probe began because the incumbent broke */
};

/*
 * evidence_radius - half width of the confidence sequence of the mean at level 1 - @alpha, for all counts at once: a
 * normal mixture with the variance that was seen (asymptotic, Waudby-Smith et al. 2021), to which one window of
 * deviation @spread is added, so that few windows that agree by chance are not believed.
 */
double evidence_radius(const struct evidence *evidence, double spread, double alpha);

void toggler_init(struct toggler *toggler);
/*
 * toggler_next - arm after a window of the current one. @cost: in 0 ... 1, 0.5 at the SLO. @rate_per_s: answers, >= 0.
 * @alpha: error probability of a probe, 0 < . < 1.
 */
unsigned int toggler_next(struct toggler *toggler, double cost, double rate_per_s, double alpha);

#endif
