/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A partition of what shocks may do, for estimators that would overlook a rare one: in each stratum some shocks have
 * struck for certain, some have not, and the rest are still free.
 */
#ifndef PC_SHOCK_STRATA_H
#define PC_SHOCK_STRATA_H

#include <stdbool.h>
#include <stdint.h>

struct hb_error;
struct pc_shock;

#define SHOCK_STRATA_MAX 64

/* What the shocks of a stratum did to a node. */
enum shock_effect {
	SHOCK_SPARED,
	SHOCK_LIES, /* Byzantine unless it crashes */
	SHOCK_CRASHED,
};

struct shock_stratum {
	double probability;
	uint8_t *effect;     /* of enum shock_effect, shape [node_count] */
	uint32_t free_first; /* shocks of @order from here on are free */
};

struct shock_strata {
	struct shock_stratum *strata; /* likeliest first */
	uint32_t count;
	const struct pc_shock *
		*order; /* those of probability above 0: most members first, then likeliest */
	uint32_t shock_count;
	uint32_t node_count;
};

/* Whether the event is certain after @effect, so that further shocks need not be told apart. */
typedef bool shock_certain_fn(const uint8_t *effect, void *user);

/*
 * Partition: by the first shock that strikes, in order; then the likeliest stratum again by the next one, while there
 * is room for SHOCK_STRATA_MAX. Probabilities add up to 1. Without shocks it is one stratum. 0 or -ENOMEM; on any
 * outcome shock_strata_finish().
 */
int shock_strata_init(struct shock_strata *strata, const struct pc_shock *shocks,
	uint32_t shock_count, uint32_t node_count, shock_certain_fn *certain, void *user,
	struct hb_error *reterr);
void shock_strata_finish(struct shock_strata *strata);

#endif
