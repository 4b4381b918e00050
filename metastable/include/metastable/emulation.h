/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The emulation level: the model as real services and a real client, processes that talk HTTP over loopback, with real
 * queues, threads and timers. A thread that calls another service waits for it, as in the model; a look-aside cache is
 * memory that all processes share. Time is compressed: a model second takes 1/compression seconds, so the running
 * example is served at 200/s with timeouts of 250 ms by default. All times in results are of the model.
 *
 * The client is open-loop: arrivals, timeouts and retries have their times before they happen, and what happens late
 * is measured from the time it should have happened. Timers are timerfds with absolute deadlines. A run in which more
 * than one timer in a hundred was later than 1 % of the shortest timeout is void: its machine was too busy.
 *
 * Down, recovered and stuck mean what they mean in metastable/simulation.h, measured by the same code. The random times
 * come from the streams of the simulation: equal seeds give equal arrivals.
 *
 * Not thread-safe: processes are started; call it from a process with one thread.
 */
#ifndef METASTABLE_EMULATION_H
#define METASTABLE_EMULATION_H

#include <metastable/simulation.h>

struct hb_error;

#define MS_EMULATION_THREADS_MAX 256U
#define MS_EMULATION_COMPRESSION_DEFAULT 20.0
#define MS_EMULATION_COMPRESSION_MAX 1000.0
#define MS_EMULATION_WALL_MAX_S 3600.0 /* of one run */

/* Zero-initialised: the defaults. */
struct ms_emulation_options {
	double compression;        /* 0 = 20; a service of the user's runs at 1 unless said */
	struct ms_run_options run; /* shared_engine and digest are not looked at */
	/*
	 * A service of the user's instead of ours: what to start with `sh -c` (NULL = it runs already), and where it
	 * listens: http://127.0.0.1:PORT/PATH, answered with 2xx for success, anything else for a rejection.
	 */
	const char *command;
	const char *url;
	/*
	 * What to run with `sh -c` when a capacity or latency trigger begins or ends; HOTBED_SPEED is the capacity left
	 * (1 = all), HOTBED_EXTRA_S the seconds that services take longer. Needed for such triggers with a URL.
	 */
	const char *throttle;
	double ready_s; /* how long the service may take to listen; 0 = 10 */
};

struct ms_lateness {
	uint64_t timers, late;
	double limit_s; /* real time: a timer that is later counts as late */
	double mean_s, max_s;
};

struct ms_emulation_result {
	struct ms_run_result run; /* servers only of our own service */
	bool voided;              /* too many timers were late */
	struct ms_lateness client, service;
	double wall_s;
	double compression;
};

/* ms_emulation_check - can this model be emulated with these options? Returns 0, -EOPNOTSUPP, -EINVAL. */
int ms_emulation_check(const struct ms_model *model, const struct ms_emulation_options *options,
	struct hb_error *reterr);

/*
 * ms_emulation_run - start the services and the client, wait for the end of the run, end all by process id.
 * @bins: NULL, or room for the bins of ms_simulation_bins() of the same options.
 *
 * Returns 0; what ms_emulation_check() returns; -ETIMEDOUT (the service does not listen, the client does not end);
 * -ECHILD (a process failed); -ENOMEM. Blocks for the length of the run over the compression.
 */
int ms_emulation_run(const struct ms_model *model, const struct ms_emulation_options *options,
	uint64_t seed, uint64_t replication, struct ms_bin *bins, struct ms_emulation_result *ret,
	struct hb_error *reterr);

/* ---- tip ---- */

struct ms_tip_options {
	struct ms_emulation_options emulation;
	uint32_t runs;        /* of each trigger; 0 = ms_tip_runs() */
	uint32_t simulations; /* runs per prediction; 0 = 200 */
	double horizon_s; /* after the trigger; 0 = as long as a request can last four times, at least 10 windows */
	double settle_s; /* before the trigger; 0 = one window */
	double ratio;    /* between the two durations; 0 = 1.25 */
	double level;    /* of the intervals; 0 = 0.95 */
};

struct ms_tip_side {
	double duration_s;
	struct hb_interval predicted; /* P(stuck) by simulation */
	uint32_t runs, stuck, voided;
	struct hb_interval measured; /* over the runs that are not void; confidence 0 without any */
};

struct ms_tip {
	struct ms_trigger trigger; /* that of the model; its duration is what varies */
	double at_s, horizon_s;
	struct ms_tip_side harmless, tipping;
	bool disjoint; /* the measured intervals are, and in the right order */
};

/*
 * ms_tip_predict - the shortest trigger of the model's kind and strength that should tip the service, and the longest
 * that should not, within @options->ratio of each other: of all such pairs the one whose predictions differ most.
 * @model: has exactly one trigger that lasts; @ret_model: the model with the times of the tip, for the runs.
 *
 * Returns 0; -EINVAL (no such trigger); -ENOENT (no duration up to the horizon of the model tips it, or the shortest
 * does already); or as ms_study_run().
 */
int ms_tip_predict(const struct ms_model *model, const struct ms_tip_options *options,
	uint64_t seed, struct ms_tip *ret, struct ms_model *ret_model, struct hb_error *reterr);

/*
 * ms_tip_runs - how many runs of each trigger should make the intervals disjoint if the predictions are right: 20 ...
 * 300.
 */
uint32_t ms_tip_runs(const struct ms_tip *tip, double level);

/* Told after every run of ms_tip_run(); may be NULL. */
typedef void ms_tip_progress_fn(const struct ms_tip *tip, void *user);

/*
 * ms_tip_run - predict, then run both triggers on the real service in turns.
 * Returns 0 or as ms_tip_predict() and ms_emulation_run(). Blocks for minutes.
 */
int ms_tip_run(const struct ms_model *model, const struct ms_tip_options *options, uint64_t seed,
	ms_tip_progress_fn *progress, void *user, struct ms_tip *ret, struct hb_error *reterr);

#endif
