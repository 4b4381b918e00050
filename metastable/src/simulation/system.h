/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state of one run on the shared engine: requests of clients, jobs in servers, and what they touch. Objects are
 * numbered, never pointed to, so that a state can be copied; memory is taken before the run. When a pool or window is
 * full, the run stops with -ENOSPC and is started again with more.
 *
 * A request belongs to its client until it ends; a job belongs to its server until it leaves. They are linked while the
 * client waits for that job. Rejections go through a list and are heard when the event is over, so that no server is
 * entered while it is choosing its next job.
 *
 * Not thread-safe.
 */
#ifndef METASTABLE_SIMULATION_SYSTEM_H
#define METASTABLE_SIMULATION_SYSTEM_H

#include <hotbed/rng.h>
#include <hotbed/sim.h>

#include <metastable/simulation.h>

#include "draw.h"
#include "lru.h"
#include "meter.h"
#include "protection.h"

#define MS_INDEX_NONE UINT32_MAX

/* A scheduled event: enough to schedule it again in a copy, in the same order. */
struct ms_timer {
	struct hb_event_id id; /* serial 0 = none */
	int64_t time_ns;
};

enum ms_request_phase {
	MS_REQUEST_FREE,
	MS_REQUEST_ATTEMPT,  /* an attempt is under way */
	MS_REQUEST_REJECTED, /* it was rejected, the client has yet to hear it */
	MS_REQUEST_PAUSE,    /* between attempts */
	MS_REQUEST_HIT,      /* the cache is answering */
};

struct ms_request {
	struct ms_timer timer;
	int64_t begin_ns;
	uint32_t parent; /* job that makes this call, or none */
	uint32_t job;    /* of the attempt under way, or none: dropped */
	uint32_t next;   /* free list, rejections */
	uint32_t number; /* of the attempt */
	uint32_t key;
	uint32_t probe;
	uint16_t client;
	uint8_t phase;
};

enum ms_job_phase {
	MS_JOB_FREE,
	MS_JOB_WAITING,
	MS_JOB_SERVICE,
	MS_JOB_CALLING,
};

struct ms_job {
	struct ms_timer timer;
	int64_t enter_ns;
	uint32_t request;      /* that waits for it, or none */
	uint32_t older, newer; /* in the queue; newer also links the free list */
	uint32_t call;         /* request under way */
	uint32_t key;
	uint16_t client;
	uint16_t calls_made;
	uint16_t server;
	uint8_t phase;
	bool retry;
};

struct ms_job_list {
	uint32_t oldest, newest, count;
};

struct ms_server_state {
	struct ms_job_list lists[2]; /* retries wait in the second if they come last */
	uint32_t jobs, busy, peak;
	uint32_t taken; /* by CoDel's last take */
	double speed, extra_ns;
	struct ms_codel codel;
	struct hb_rng services, shedding;
	int64_t changed_ns;
	__extension__ unsigned __int128 job_ns, busy_ns, sojourn_ns;
	struct ms_server_counts counts;
};

struct ms_client_state {
	struct ms_timer arrival;
	double rate_per_s;
	struct hb_rng arrivals, timeouts, backoffs, calls;
	struct ms_bucket bucket;
	struct ms_budget budget;
	struct ms_breaker breaker;
	__extension__ unsigned __int128 latency_ns;
	struct ms_client_counts counts;
};

struct ms_cache_state {
	struct ms_lru lru;
	struct hb_rng keys;
};

struct ms_pool {
	uint32_t free, fresh, used;
};

/* All that a copy of a run copies, apart from the pools and windows. */
struct ms_system_state {
	struct ms_meter meter;
	uint64_t digest;
	struct ms_pool requests, jobs;
	uint32_t rejected_first, rejected_last;
	struct ms_timer triggers[2 * MS_TRIGGERS_MAX]; /* begin, end, begin, end, ... */
	struct ms_server_state servers[MS_SERVERS_MAX];
	struct ms_client_state clients[MS_CLIENTS_MAX];
	struct ms_cache_state caches[MS_CACHES_MAX];
};

/* Windows of a client, in the order of its protections. */
enum ms_window_kind {
	MS_WINDOW_REQUESTS_BEGUN,
	MS_WINDOW_RETRIES,
	MS_WINDOW_ENDS,
	MS_WINDOW_KINDS,
};

struct ms_system {
	struct ms_model model;
	struct ms_run_options options;
	struct hb_sim *sim;
	struct ms_system_state state;
	uint32_t capacity; /* of each pool */
	struct ms_request *requests;
	struct ms_job *jobs;
	struct ms_window_memory windows[MS_CLIENTS_MAX][MS_WINDOW_KINDS];
	void *lru_memory[MS_CACHES_MAX];
	struct ms_key_law laws[MS_CACHES_MAX];
	uint16_t calls[MS_SERVERS_MAX][MS_CLIENTS_MAX]; /* clients that are the server's calls */
	uint16_t call_count[MS_SERVERS_MAX];
	uint32_t watched;      /* the first outside client's server */
	uint32_t drained_jobs; /* it has drained with at most so many */
	bool digests;
	int failure;
	/* Splitting: the run stops when the watched server holds so many. */
	uint32_t stop_jobs;
};

/* ms_system_create - @capacity requests and as many jobs, windows of as many times. */
int ms_system_create(const struct ms_model *model, const struct ms_run_options *options,
	uint32_t capacity, struct ms_system **ret, struct hb_error *reterr);
void ms_system_destroy(struct ms_system *system);
/* ms_system_begin - a run: everything as at time 0, first events scheduled. */
void ms_system_begin(struct ms_system *system, uint64_t seed, uint64_t replication,
	struct ms_bin *bins, bool triggers);
/*
 * ms_system_run - on to @until_ns.
 * Returns 0; -ENOSPC (try again with more capacity); -E2BIG (MS_EVENTS_MAX).
 */
int ms_system_run(struct ms_system *system, int64_t until_ns, struct hb_error *reterr);
/* ms_system_result - what has been counted so far. */
void ms_system_result(struct ms_system *system, struct ms_run_result *ret);
/* ms_system_bytes - of a saved state as the run is now. */
size_t ms_system_bytes(const struct ms_system *system);
/* ms_system_save - the state into @memory of ms_system_bytes(), aligned to 16. */
void ms_system_save(const struct ms_system *system, void *memory);
/*
 * ms_system_load - become the state in @memory, saved from a system of the same model and capacity.
 * Returns 0 or -ENOMEM.
 */
int ms_system_load(struct ms_system *system, const void *memory);
/* ms_system_reseed - from here on, other random numbers. */
void ms_system_reseed(struct ms_system *system, uint64_t seed, uint64_t replication);

/* ---- between the parts: client.c and server.c ---- */

/* ms_timer_set, ms_timer_cancel - of an object; the handler gets @system and @argument. */
void ms_timer_set(struct ms_system *system, struct ms_timer *timer, int64_t time_ns,
	hb_event_fn *handler, uint64_t argument);
void ms_timer_cancel(struct ms_system *system, struct ms_timer *timer);

/* ms_event_begin, ms_event_end - around what a handler does. @number: for the digest. */
void ms_event_begin(struct ms_system *system, enum ms_event_kind kind, uint32_t number);
void ms_event_end(struct ms_system *system);
/* ms_system_full - a window has no room. */
void ms_system_full(struct ms_system *system);

void ms_on_arrival(struct hb_sim *sim, void *object, uint64_t client);
void ms_on_request_timer(struct hb_sim *sim, void *object, uint64_t request);
void ms_on_service_end(struct hb_sim *sim, void *object, uint64_t job);

/* ms_request_begin - a request of @client, made by job @parent or from outside; returns it or none if it ended. */
void ms_request_begin(struct ms_system *system, uint32_t client, uint32_t parent);
/* ms_request_answer - the job that the request waits for has succeeded. */
void ms_request_answer(struct ms_system *system, uint32_t request);
/* ms_request_reject - the attempt is refused; the client hears it when the event is over. */
void ms_request_reject(struct ms_system *system, uint32_t request);
/* ms_request_cancel - a call ends because its job does. */
void ms_request_cancel(struct ms_system *system, uint32_t request);
/* ms_rejections_hear - the clients hear what was rejected. */
void ms_rejections_hear(struct ms_system *system);

/* ms_server_enter - the attempt of @request comes to its server. */
void ms_server_enter(struct ms_system *system, uint32_t request);
/* ms_job_abandon - nobody waits for it any more; @cancel says whether it leaves. */
void ms_job_abandon(struct ms_system *system, uint32_t job, enum ms_cancel cancel);
/* ms_job_called - the call that the job made has ended. */
void ms_job_called(struct ms_system *system, uint32_t job, bool success);
/* ms_server_account - bring the integrals up to now. */
void ms_server_account(struct ms_system *system, struct ms_server_state *server);

#endif
