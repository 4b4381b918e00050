/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Both ends of a trial's connections to redis-server, attached to from outside, and their queues followed by events in
 * the kernel. Not thread-safe. Linux only.
 */
#ifndef BATCHING_BENCH_FOLLOWED_H
#define BATCHING_BENCH_FOLLOWED_H

#include <stdint.h>

#include <batching/attach.h>
#include <batching/estimate.h>
#include <batching/tracker.h>

#include "redis.h"

enum { CLIENT, SERVER, ENDS };

struct followed {
	struct bat_tracker *tracker; /* NULL: not by events */
	struct bat_attach *attach[ENDS];
};

/* What the queues were when a window began. */
struct followed_window {
	struct bat_reading begin[ENDS][BAT_QUEUE_COUNT];
};

/* followed_probe - as redis_probe(), and skips without BPF. */
int followed_probe(struct hb_trial *trial);
/*
 * followed_start - attach to both ends of @redis, which has been started; @by_events: and follow their queues.
 * followed_stop() in any case, before redis_stop(). 0 or hb_trial_fail().
 */
int followed_start(struct hb_trial *trial, const struct redis *redis, bool by_events,
	struct followed *followed);
void followed_stop(struct followed *followed);
/* followed_begin - a window begins. Returns 0, or -EAGAIN with @ret untouched. */
int followed_begin(const struct followed *followed, struct followed_window *ret);
/*
 * followed_end - the waits of the window, and the next one begins.
 * @ret_replies: bytes of replies that the client read; may be NULL. Returns 0, or -EAGAIN: nothing has changed.
 */
int followed_end(const struct followed *followed, struct followed_window *window,
	struct bat_end ret[ENDS], uint64_t *ret_replies);

#endif
