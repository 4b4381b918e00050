/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A host and a wire of random events around the scheduler, and a brute-force account of what must hold after each. */
#ifndef NICOS_TESTS_SCHED_ORACLE_H
#define NICOS_TESTS_SCHED_ORACLE_H

#include <stdint.h>

struct oracle_setting {
	uint32_t cores, services, requests, depth, threads, turn_ns, queue;
	int preempts; /* random ends of quanta */
	int exits;    /* services exit and come back */
	int blind;    /* judge by what it does only, not by its counts */
};

/*
 * oracle_run - @events random events from @seed.
 * Returns NULL, or which invariant broke, when and how (static memory).
 */
const char *oracle_run(const struct oracle_setting *setting, uint64_t seed, uint64_t events);

#endif
