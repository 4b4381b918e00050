/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The specialised loop of the running example. Not thread-safe. See direct.c.
 */
#ifndef METASTABLE_SIMULATION_DIRECT_H
#define METASTABLE_SIMULATION_DIRECT_H

#include <metastable/simulation.h>

struct ms_direct;

/* ms_direct_create - the model must fit; @capacity of the rings is a power of two. */
int ms_direct_create(const struct ms_model *model, const struct ms_run_options *options,
	uint32_t capacity, struct ms_direct **ret, struct hb_error *reterr);
void ms_direct_destroy(struct ms_direct *direct);
/* ms_direct_run - returns 0, or -ENOSPC: again with more capacity. */
int ms_direct_run(struct ms_direct *direct, uint64_t seed, uint64_t replication,
	struct ms_bin *bins, struct ms_run_result *ret);

#endif
