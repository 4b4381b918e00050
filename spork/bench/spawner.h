/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Starting the exec target over and over, and the oracle that says whether it really ran: exit
 * statuses that depend on a nonce, the child's /proc/PID/exe, no child left over.
 *
 * Not thread-safe: one thread starts and reaps.
 */
#ifndef SPORK_BENCH_SPAWNER_H
#define SPORK_BENCH_SPAWNER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotbed/rng.h>

#include "starter.h"

struct hb_trial;
struct spork_heap;

enum spork_target {
	SPORK_TARGET_STATIC, /* our own, linked statically, exit status by nonce */
	SPORK_TARGET_TRUE,   /* /bin/true, linked dynamically, as most programs are */
};

struct spork_spawner {
	const struct spork_starter *starter; /* NULL = start nothing */
	const struct spork_heap *heap;
	enum spork_target target;
	char path[PATH_MAX];
	struct hb_rng nonces;
	bool sabotaged;
	uint64_t started;
	uint64_t wrong; /* children whose status was not the expected one */
	int wrong_status,
		wrong_expected; /* of the first of them; the wait status, and the exit status */
};

/* Times of one start, hb_clock_now_ns(). */
struct spork_times {
	int64_t before_ns;
	int64_t called_ns; /* the parent ran again */
	int64_t reaped_ns; /* the child was reaped */
};

/* spork_spawner_init - find the target beside the driver. 0 or -errno after hb_trial_fail(). */
int spork_spawner_init(struct spork_spawner *spawner, struct hb_trial *trial,
	const struct spork_starter *starter, const struct spork_heap *heap,
	enum spork_target target);

/*
 * spork_spawner_spawn - start the target once and reap it. 0 or -errno from the starter. Allocates
 * nothing.
 */
int spork_spawner_spawn(struct spork_spawner *spawner, struct spork_times *ret_times);

/*
 * spork_spawner_verify - all statuses were right, no child is left, and in further starts the child
 * is seen to be the target by /proc. 0, or what hb_trial_fail() returns.
 */
int spork_spawner_verify(struct spork_spawner *spawner, struct hb_trial *trial);

#endif
