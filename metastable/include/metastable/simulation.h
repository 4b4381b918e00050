/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The simulation level: one run of a model, many runs, and rare collapses. All features of the language are exact here.
 *
 * A run is *down* until it has recovered. It has recovered at the beginning of the first window, not before the end of
 * the last trigger (time 0 without triggers), in which the goodput of the outside clients is at least recovery_share of
 * their demand: requests that end with success against requests that begin plus retries that are sent. (Requests alone
 * would not do: near the edge of the bad mode half of them still succeed, at three attempts each.) A window is ten bins
 * of the time series; by default it is as long as 50 requests take to begin at the rates of the file. A run is *stuck*
 * if it has not recovered horizon_s after the end of the last trigger: every window until then was down. Hence a
 * trigger without effect has a recovery time of 0, and a load beyond the capacity is stuck.
 *
 * Every run is held against the conservation laws (ms_laws_check()); a run that breaks one is an error, not a result.
 *
 * Two engines run the same model to the same bytes: the shared engine (hotbed/sim.h) everything, a loop without a heap
 * what the running example consists of. Same seed, same result, whatever the number of threads.
 *
 * Not thread-safe: one owner per object. Sources: Law, "Simulation Modeling and Analysis", 5th ed.; Villen-Altamirano,
 * RESTART (splitting); Wilson 1927.
 */
#ifndef METASTABLE_SIMULATION_H
#define METASTABLE_SIMULATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotbed/stats.h>

#include <metastable/model.h>

struct hb_error;
struct ms_simulation;

#define MS_WINDOW_BINS 10
#define MS_WINDOW_REQUESTS 50.0
#define MS_BINS_MAX 10000000U /* of one run */
#define MS_RUNS_MAX 10000000U
#define MS_EVENTS_MAX UINT64_C(100000000000) /* of one run */

/* ---- one run ---- */

/* Zero-initialised: the defaults. */
struct ms_run_options {
	double end_s;          /* length of the run; 0 = end of the last trigger + horizon */
	double window_s;       /* of the definition of recovery; 0 = ms_window_s() */
	double recovery_share; /* 0 = 0.9 */
	bool stop_at_recovery; /* the rest of the run is not simulated */
	bool shared_engine;    /* not the specialised loop, even where it fits */
	bool digest;           /* fill ms_run_result.digest */
};

/* Where the requests and attempts of a client went. */
struct ms_client_counts {
	uint64_t requests;
	uint64_t successes, failures;
	uint64_t cancelled; /* calls of jobs that were cancelled */
	uint64_t open;      /* had not ended when the run did */
	uint64_t attempts, retries;
	uint64_t timeouts, rejections; /* ends of attempts */
	uint64_t answers;              /* attempts that ended by success */
	uint64_t attempts_cancelled, attempts_open;
	uint64_t hits; /* requests answered by the cache */
	uint64_t refused_bucket, refused_budget, refused_breaker, refused_deadline;
	double latency_sum_s; /* of successes */
};

/* Where the jobs of a server went. */
struct ms_server_counts {
	uint64_t arrivals;
	uint64_t full, shed; /* refused on arrival: no room, by the shedding rules */
	uint64_t dropped;    /* by CoDel */
	uint64_t served;     /* work done */
	uint64_t wasted;     /* of these: nobody was waiting any more */
	uint64_t failed;     /* a call of theirs failed */
	uint64_t cancelled;
	uint64_t in_server, in_service; /* when the run ended */
	uint64_t peak;
	double job_s;     /* integral of the jobs in the server over time */
	double sojourn_s; /* sum of the times that jobs spent in it, those still there included */
	double busy_s;    /* integral of the threads in use over time */
};

struct ms_run_result {
	uint64_t events; /* handled; timeouts that came too late to matter are none */
	uint64_t digest; /* of time, kind and outcome of all events, in order */
	double end_s;    /* when the run ended */
	bool specialised;
	bool stuck;
	double recovery_s; /* since the end of the last trigger; INFINITY if stuck */
	/*
	 * Since the end of the last trigger until the first outside client's server held at most a tenth of its
	 * capacity:
	 * the passage time that the Markov level computes. INFINITY if it did not come to that, NAN without a capacity.
	 */
	double drained_s;
	bool down_before; /* none of the last windows before the first trigger was up: it was down already */
	uint32_t client_count, server_count;
	struct ms_client_counts clients[MS_CLIENTS_MAX];
	struct ms_server_counts servers[MS_SERVERS_MAX];
};

/* One bin of the time series. Latencies are of requests that ended in the bin, whatever the end; 0 if none did. */
struct ms_bin {
	uint32_t requests, successes, failures, attempts; /* of the outside clients */
	uint32_t jobs;  /* in the first outside client's server, at the end of the bin */
	uint32_t orbit; /* open requests of the outside clients that have retried */
	float p50_s, p99_s;
};

/* ms_window_s - the default window: MS_WINDOW_REQUESTS over the rates of all outside clients. */
double ms_window_s(const struct ms_model *model);

/* ms_run_end_s - the default length of a run: the end of the last trigger + horizon. */
double ms_run_end_s(const struct ms_model *model);

/*
 * ms_simulation_create - memory for runs of @model, which is copied.
 * @options: NULL = the defaults. @ret: owned by the caller, ms_simulation_destroy() frees it.
 *
 * Returns 0; -EINVAL (options out of range, retries that would never end); what ms_model_check() and
 * ms_support_query() return; -ENOMEM.
 */
int ms_simulation_create(const struct ms_model *model, const struct ms_run_options *options,
	struct ms_simulation **ret, struct hb_error *reterr);

/* ms_simulation_destroy - free; NULL is allowed. */
void ms_simulation_destroy(struct ms_simulation *simulation);

/* ms_simulation_bins - bins of one run, and their length in seconds. */
uint32_t ms_simulation_bins(const struct ms_simulation *simulation, double *ret_bin_s);

/*
 * ms_simulation_run - one run.
 * @seed, @replication: what all random numbers derive from. Models that differ in a parameter get the same arrivals:
 * common random numbers come for free.
 * @bins: NULL, or shape [ms_simulation_bins()], filled; bins after an early stop are zero.
 *
 * Returns 0; -E2BIG (more jobs or requests at once than MS_OBJECTS_MAX, or more than MS_EVENTS_MAX events: with the
 * figure); -ENOMEM; -ENOTRECOVERABLE (a conservation law does not hold: a fault of this program). The loop allocates
 * nothing: when room runs out, the run starts again with twice as much.
 */
int ms_simulation_run(struct ms_simulation *simulation, uint64_t seed, uint64_t replication,
	struct ms_bin *bins, struct ms_run_result *ret, struct hb_error *reterr);

#define MS_OBJECTS_MAX (UINT32_C(1) << 23)

/* ms_specialised_loop_fits - can the loop without a heap run this model? */
bool ms_specialised_loop_fits(const struct ms_model *model);

/*
 * ms_laws_check - does a finished run keep its books: every request and every attempt ends exactly once or is open,
 * attempts <= (1 + retries) x requests, jobs in = jobs out + jobs there, what the clients sent is what the servers got,
 * and Little's law (integral of the jobs = sum of their times, to 1e-9 of it)?
 *
 * Returns 0, or -ENOTRECOVERABLE with the law and both sides.
 */
int ms_laws_check(
	const struct ms_model *model, const struct ms_run_result *result, struct hb_error *reterr);

/* ---- many runs ---- */

/* Zero-initialised: 200 runs on all CPUs. */
struct ms_study_options {
	struct ms_run_options run;
	uint32_t runs;        /* at most; 0 = 200 */
	unsigned int threads; /* 0 = as many as CPUs; the result does not depend on it */
	double level;         /* of all intervals; 0 = 0.95 */
	/* Sequential stopping, looked at after every MS_STUDY_BATCH runs. 0 = none. */
	double half_width; /* enough when the interval of P(stuck) is at most twice as wide */
	bool decide;       /* enough when it lies on one side of 0.5 */
	bool series;       /* fill the bands */
};

#define MS_STUDY_BATCH 10U

/* Mean and quantiles over the runs that recovered, with the Student interval of the mean (NAN below two runs). */
struct ms_time_summary {
	uint32_t runs;
	double mean, lo, hi;
	double p10, p50, p90, max;
};

/* Of one quantity in one bin: quantiles over the runs. */
struct ms_band {
	float p10, p50, p90;
};

enum ms_series_quantity {
	MS_SERIES_REQUESTS, /* per second, like the next three */
	MS_SERIES_GOODPUT,
	MS_SERIES_FAILURES,
	MS_SERIES_ATTEMPTS,
	MS_SERIES_JOBS,
	MS_SERIES_ORBIT,
	MS_SERIES_P50_S,
	MS_SERIES_P99_S,
	MS_SERIES_COUNT,
};

/* ms_series_name - "goodput_per_s". Static. */
const char *ms_series_name(enum ms_series_quantity quantity);

struct ms_study {
	uint32_t runs, stuck, down_before;
	bool specialised;
	struct hb_interval p_stuck; /* Wilson */
	struct ms_time_summary recovery_s, drained_s;
	uint64_t events;
	double goodput_per_s; /* of the outside clients over whole runs, mean over the runs */
	double attempts_per_request;
	/* Over all runs, per client and server, in the order of the model. */
	struct ms_client_counts clients[MS_CLIENTS_MAX];
	struct ms_server_counts servers[MS_SERVERS_MAX];
	uint32_t bins; /* 0 unless series were asked for */
	double bin_s;
	double first_bin_s; /* end of the first bin: bins are aligned with the end of the last trigger */
	struct ms_band *bands; /* shape [MS_SERIES_COUNT][bins]; NULL unless asked for */
};

/*
 * ms_study_run - P(stuck | triggers) and recovery times over replications 0, 1, ... of @seed.
 * @ret: ms_study_finish() frees what it holds.
 *
 * Returns 0, or what ms_simulation_create() and ms_simulation_run() return. Blocks until all runs are done.
 */
int ms_study_run(const struct ms_model *model, const struct ms_study_options *options,
	uint64_t seed, struct ms_study *ret, struct hb_error *reterr);

/* ms_study_finish - free the bands. */
void ms_study_finish(struct ms_study *study);

/*
 * ms_study_compare - difference of P(stuck) between two models with common random numbers.
 * @ret: estimate of P(stuck | b) - P(stuck | a) with the interval of the paired differences.
 *
 * Returns 0 or as ms_study_run().
 */
int ms_study_compare(const struct ms_model *a, const struct ms_model *b,
	const struct ms_study_options *options, uint64_t seed, struct hb_interval *ret,
	struct hb_error *reterr);

/* ---- rare collapses ---- */

struct ms_splitting_options {
	double span_s; /* a collapse within this time from an empty start; 0 = 20 windows, ms_window_s() each */
	uint32_t
		target; /* jobs in the server that are a collapse; 0 = nine tenths of its capacity, upwards */
	uint32_t repetitions; /* independent estimates; 0 = 20 */
	uint32_t effort;      /* copies per level in each; 0 = 400 */
	unsigned int threads; /* 0 = as many as CPUs */
	double level;         /* 0 = 0.95 */
};

#define MS_SPLIT_LEVELS_MAX 64

struct ms_splitting {
	double p_collapse;           /* within span_s; unbiased */
	struct hb_interval interval; /* Student over the repetitions, cut at 0 */
	double tau_collapse_s; /* -span / log(1 - p): right if the span is long against the climb; INFINITY if p = 0 */
	double span_s;
	uint32_t target, levels;
	uint32_t thresholds[MS_SPLIT_LEVELS_MAX]; /* jobs */
	uint32_t repetitions, hits;               /* hits: repetitions that saw a collapse */
	uint64_t events;
};

/*
 * ms_splitting_run - the probability that the first outside client's server fills up on its own: multilevel splitting
 * with
 * fixed effort on the jobs in it, without triggers. A pilot places the levels; the repetitions are independent of it,
 * so the estimate is unbiased whatever the levels are.
 *
 * Returns 0; -EINVAL (no target: the queue is unlimited and none was given); or as ms_simulation_run().
 */
int ms_splitting_run(const struct ms_model *model, const struct ms_splitting_options *options,
	uint64_t seed, struct ms_splitting *ret, struct hb_error *reterr);

#endif
