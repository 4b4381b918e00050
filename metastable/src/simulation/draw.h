/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random times and keys. Both engines and the emulation draw through these functions, so equal streams give equal
 * times. Thread-safe as far as the generators are. Sources: Hormann and Derflinger 1996 (Zipf by rejection-inversion).
 */
#ifndef METASTABLE_SIMULATION_DRAW_H
#define METASTABLE_SIMULATION_DRAW_H

#include <stdint.h>

#include <hotbed/rng.h>

#include <metastable/model.h>

/* Sources of random numbers: each client, server and cache has a stream per kind. */
enum ms_stream {
	MS_STREAM_ARRIVALS,
	MS_STREAM_TIMEOUTS,
	MS_STREAM_BACKOFFS,
	MS_STREAM_CALLS,
	MS_STREAM_SERVICES,
	MS_STREAM_SHEDDING,
	MS_STREAM_KEYS,
	MS_STREAM_COUNT,
};

/* ms_stream_source - the number of a stream for hb_sim_stream(). */
uint64_t ms_stream_source(enum ms_stream kind, uint32_t index);

/* ms_draw_ns - one time of @distribution, in nanoseconds (not rounded). */
double ms_draw_ns(const struct ms_distribution *distribution, struct hb_rng *rng);

/* ms_service_ns - one service: drawn, stretched, lengthened, rounded to at least 0. */
int64_t ms_service_ns(const struct ms_distribution *distribution, double stretch, double extra_ns,
	struct hb_rng *rng);

/* ms_gap_ns - to the next arrival of @client at @rate_per_s > 0. */
int64_t ms_gap_ns(const struct ms_client *client, double rate_per_s, struct hb_rng *rng);

/* ms_gap_rescale_ns - what is left of a gap when the rate changes; both rates > 0. */
int64_t ms_gap_rescale_ns(int64_t left_ns, double old_per_s, double new_per_s);

/* ms_timeout_ns - of one attempt; timeout_kind is not MS_TIMEOUT_NONE. */
int64_t ms_timeout_ns(const struct ms_client *client, struct hb_rng *rng);

/* Constants of the Zipf sampler; zero-cost for uniform keys. */
struct ms_key_law {
	enum ms_popularity popularity;
	uint32_t keys;
	double exponent, area_first, area_all, shift;
};

void ms_key_law_init(struct ms_key_law *law, const struct ms_cache *cache);
/* ms_draw_key - 0 ... keys - 1, the most popular first. */
uint32_t ms_draw_key(const struct ms_key_law *law, struct hb_rng *rng);

#endif
