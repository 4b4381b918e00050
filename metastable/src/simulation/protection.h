/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The protections of clients and CoDel as plain state machines on a clock of the caller: the simulation and the
 * emulation run the same ones. Memory for the windows is the caller's; a full one is told, never lost.
 *
 * Not thread-safe: one owner. Sources: metastable/model.h (what each means); RFC 8289, section 5 (CoDel).
 */
#ifndef METASTABLE_SIMULATION_PROTECTION_H
#define METASTABLE_SIMULATION_PROTECTION_H

#include <stdbool.h>
#include <stdint.h>

#include <metastable/model.h>

/* ms_seconds_ns - a time of the model in nanoseconds, at most 2^62; rounded to nearest. */
int64_t ms_seconds_ns(double seconds);

/*
 * ms_backoff_s - pause before attempt @number >= 1.
 * @uniform: in [0, 1), for the jitter; not looked at without one.
 */
double ms_backoff_s(const struct ms_client *client, uint32_t number, double uniform);

/* ---- windows ---- */

/* Times of the last W seconds in a ring; the memory is outside, so that the state can be copied. */
struct ms_window {
	uint32_t first, count;
	uint32_t marked; /* of these */
};

/* A time and a mark in one word. */
struct ms_window_memory {
	int64_t *entries;  /* shape [capacity] */
	uint32_t capacity; /* power of two */
};

/* ms_window_trim - forget what is not after @since_ns. */
void ms_window_trim(
	struct ms_window *window, const struct ms_window_memory *memory, int64_t since_ns);
/* ms_window_add - returns false if there is no room. */
bool ms_window_add(
	struct ms_window *window, const struct ms_window_memory *memory, int64_t now_ns, bool mark);

/* ---- token bucket and retry budget ---- */

struct ms_bucket {
	double tokens;
};

void ms_bucket_init(struct ms_bucket *bucket, const struct ms_client *client);
void ms_bucket_success(struct ms_bucket *bucket, const struct ms_client *client);
/* ms_bucket_take - may a retry happen? Takes its token. */
bool ms_bucket_take(struct ms_bucket *bucket, const struct ms_client *client);

struct ms_budget {
	struct ms_window requests, retries;
};

/* ms_budget_request - a request begins. Returns false if there is no room. */
bool ms_budget_request(struct ms_budget *budget, const struct ms_client *client,
	const struct ms_window_memory *requests, int64_t now_ns);
/* ms_budget_take - may a retry happen? Counts it. @ret_full: set if there is no room. */
bool ms_budget_take(struct ms_budget *budget, const struct ms_client *client,
	const struct ms_window_memory *requests, const struct ms_window_memory *retries,
	int64_t now_ns, bool *ret_full);

/* ---- circuit breaker ---- */

enum ms_breaker_state {
	MS_BREAKER_CLOSED,
	MS_BREAKER_OPEN,
	MS_BREAKER_PROBING,
};

struct ms_breaker {
	struct ms_window ends; /* of attempts; marked = failed */
	enum ms_breaker_state state;
	int64_t open_until_ns;
	uint32_t
		epoch; /* of probing; an attempt carries that in which it was let through, 0 = no probe */
	uint32_t sent, succeeded;
};

/* ms_breaker_admit - may an attempt be sent? @ret_probe: the epoch if it is a probe, else 0. */
bool ms_breaker_admit(struct ms_breaker *breaker, const struct ms_client *client, int64_t now_ns,
	uint32_t *ret_probe);
/* ms_breaker_record - an attempt ended. Returns false if there is no room. */
bool ms_breaker_record(struct ms_breaker *breaker, const struct ms_client *client,
	const struct ms_window_memory *ends, int64_t now_ns, bool failed, uint32_t probe);
/* ms_breaker_forget - a probe was cancelled: another may go instead. */
void ms_breaker_forget(struct ms_breaker *breaker, uint32_t probe);

/* ---- shedding ---- */

/* ms_shed_probability - of an arrival that finds @jobs in the server; the bound counts as probability 1. */
double ms_shed_probability(const struct ms_server *server, uint32_t jobs);

/* ms_service_stretch - how many times longer a service takes that begins with @jobs in the server, itself included. */
double ms_service_stretch(const struct ms_server *server, uint32_t jobs);

/* Names of RFC 8289. */
struct ms_codel {
	int64_t first_above_ns, drop_next_ns;
	uint32_t count, last_count;
	bool dropping;
};

/* What CoDel takes from. */
struct ms_codel_queue {
	/* The next job in the order of the discipline: when it came, how many wait behind it; false if none waits. */
	bool (*take)(void *queue, int64_t *ret_entered_ns, uint32_t *ret_waiting);
	void (*drop)(void *queue); /* the job taken last */
	void *queue;
};

/* ms_codel_take - the job to serve is the one taken last. Returns false if none is left. */
bool ms_codel_take(struct ms_codel *codel, const struct ms_server *server,
	const struct ms_codel_queue *queue, int64_t now_ns);

#endif
