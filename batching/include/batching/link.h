/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The arithmetic of an emulated link: when a frame that enters one end leaves the other, by delay, jitter, rate, loss
 * and reordering. For kernels without netem. It moves no frames itself.
 *
 * Not thread-safe: one owner per link. Source: netem(8) for the meaning of the values.
 */
#ifndef BATCHING_LINK_H
#define BATCHING_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <hotbed/rng.h>

struct hb_error;

#define BAT_LINK_DELAY_MAX_NS INT64_C(10000000000)

/* One direction. */
struct bat_link_options {
	int64_t delay_ns;         /* 0 ... BAT_LINK_DELAY_MAX_NS */
	int64_t jitter_ns;        /* uniform +- around the delay, 0 ... delay; keeps the order */
	uint64_t rate_bits_per_s; /* 0 = without limit */
	double loss;              /* probability, 0 ... 1 */
	double reorder;           /* probability that a frame skips the delay, 0 ... 1 */
};

/* Opaque; embedded by value. */
struct bat_link {
	struct bat_link_options options;
	struct hb_rng rng;
	int64_t free_ns; /* the sender's device has sent what it has */
	int64_t last_ns; /* the last frame in order arrives */
};

enum bat_link_fate {
	BAT_LINK_KEPT,
	BAT_LINK_LOST,
	BAT_LINK_REORDERED, /* kept, and sooner than its turn */
};

/* bat_link_options_check - 0, or -EINVAL with what is out of range. */
int bat_link_options_check(const struct bat_link_options *options, struct hb_error *reterr);

/* bat_link_init - an idle link; losses and jitter derive from @seed and @stream. @options: checked. */
void bat_link_init(struct bat_link *link, const struct bat_link_options *options, uint64_t seed,
	uint64_t stream);

/*
 * bat_link_admit - a frame of @bytes enters at @now_ns (not before the last one).
 * @ret_ns: when it leaves at the other end; untouched if it is lost.
 */
enum bat_link_fate bat_link_admit(
	struct bat_link *link, int64_t now_ns, uint32_t bytes, int64_t *ret_ns);

#endif
