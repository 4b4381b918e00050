/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The discrete-event engine that all simulators share: a queue of cancellable events in integer nanoseconds, a clock
 * that runs it, random streams per source and replication, collectors for what a run observes, and a runner for
 * independent replications on all cores. Same seed, same bytes, whatever the number of cores.
 *
 * Order: events run by time; events of equal time run in the order in which they were inserted, always. After
 * create() and reserve() nothing allocates: a full queue says -ENOSPC.
 *
 * Not thread-safe: one owner per object; replications each own their simulation. Sources: docs/design/event-queue.md;
 * Law, "Simulation Modeling and Analysis", 5th ed., chapter 9 (output analysis).
 */
#ifndef HOTBED_SIM_H
#define HOTBED_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotbed/rng.h>
#include <hotbed/stats.h>

struct hb_error;
struct hb_event_queue;
struct hb_sim;

/* ---- events ---- */

/* What an event does when its time has come. @object and @argument are those it was scheduled with. */
typedef void hb_event_fn(struct hb_sim *sim, void *object, uint64_t argument);

/* Names one scheduled event for cancelling; all zero = none. Serials never repeat, so an old id is always detected. */
struct hb_event_id {
	uint64_t serial;
	uint32_t slot;
};

struct hb_event {
	int64_t time_ns;
	hb_event_fn *handler;
	void *object;
	uint64_t argument;
};

/* Largest capacity of a queue, in events. */
#define HB_EVENT_QUEUE_CAPACITY_MAX ((size_t)1 << 27)

/*
 * hb_event_queue_create - an empty queue at time 0.
 * @capacity: events that may be pending at once, 1 ... HB_EVENT_QUEUE_CAPACITY_MAX; about 48 bytes each.
 * @ret: owned by the caller, hb_event_queue_destroy() frees it.
 *
 * Returns 0, -EINVAL (capacity out of range) or -ENOMEM.
 */
int hb_event_queue_create(size_t capacity, struct hb_event_queue **ret, struct hb_error *reterr);

/* hb_event_queue_destroy - free @queue and the events still in it; NULL is allowed. */
void hb_event_queue_destroy(struct hb_event_queue *queue);

/*
 * hb_event_queue_reserve - make room for @capacity pending events, outside the loop; never shrinks. Ids stay valid.
 * Returns 0, -EINVAL or -ENOMEM with the queue unchanged.
 */
int hb_event_queue_reserve(struct hb_event_queue *queue, size_t capacity, struct hb_error *reterr);

/* hb_event_queue_clear - drop all events and return to time 0. All ids become stale. Takes constant time. */
void hb_event_queue_clear(struct hb_event_queue *queue);

/*
 * hb_event_queue_insert - schedule an event. Amortised constant time; never allocates.
 * @time_ns: not before hb_event_queue_now_ns(). @handler, @object, @argument: handed back by pop; not looked at.
 * @ret_id: for cancelling; may be NULL.
 *
 * Returns 0, -EINVAL (time before now) or -ENOSPC (capacity events are pending), with the queue unchanged.
 */
int hb_event_queue_insert(struct hb_event_queue *queue, int64_t time_ns, hb_event_fn *handler,
	void *object, uint64_t argument, struct hb_event_id *ret_id);

/*
 * hb_event_queue_cancel - take an event out before its time. Amortised constant time; never allocates.
 * Returns 0, or -ESTALE if that event has run, was cancelled, or never was.
 */
int hb_event_queue_cancel(struct hb_event_queue *queue, struct hb_event_id id);

/*
 * hb_event_queue_pop - take the next event, if it is due at or before @limit_ns, and advance the time to it.
 * Otherwise the time advances to @limit_ns (where that is later, and not INT64_MAX), so that nothing can be inserted
 * before it any more.
 *
 * Returns true and fills @ret, or false with @ret untouched. Amortised constant time; never allocates.
 */
bool hb_event_queue_pop(struct hb_event_queue *queue, int64_t limit_ns, struct hb_event *ret);

/* hb_event_queue_count - events pending (cancelled ones are not). */
size_t hb_event_queue_count(const struct hb_event_queue *queue);

/* hb_event_queue_now_ns - time of the last event, or the last limit; 0 at first. */
int64_t hb_event_queue_now_ns(const struct hb_event_queue *queue);

/* ---- engine ---- */

/*
 * hb_sim_create - a simulation at time 0.
 * @capacity: events pending at once, as for hb_event_queue_create().
 * @seed, @replication: what all random streams of this simulation derive from.
 * @ret: owned by the caller, hb_sim_destroy() frees it.
 *
 * Returns 0, -EINVAL or -ENOMEM.
 */
int hb_sim_create(size_t capacity, uint64_t seed, uint64_t replication, struct hb_sim **ret,
	struct hb_error *reterr);

/* hb_sim_destroy - free @sim; NULL is allowed. */
void hb_sim_destroy(struct hb_sim *sim);

/* hb_sim_reset - start over at time 0 with other seeds, keeping the memory. Ids of before are stale. */
void hb_sim_reset(struct hb_sim *sim, uint64_t seed, uint64_t replication);

/* hb_sim_reserve - as hb_event_queue_reserve(); not from a handler. Forgets an earlier failure of hb_sim_at(). */
int hb_sim_reserve(struct hb_sim *sim, size_t capacity, struct hb_error *reterr);

/*
 * hb_sim_at - run @handler at @time_ns (not before now). @ret_id: for hb_sim_cancel(); may be NULL.
 *
 * Returns 0, -EINVAL (the past) or -ENOSPC. Callers may ignore it: the first failure ends hb_sim_run(), which returns
 * it until hb_sim_reserve() or hb_sim_reset().
 */
int hb_sim_at(struct hb_sim *sim, int64_t time_ns, hb_event_fn *handler, void *object,
	uint64_t argument, struct hb_event_id *ret_id);

/* hb_sim_after - the same @delay_ns >= 0 from now; a time beyond INT64_MAX is -EINVAL. */
int hb_sim_after(struct hb_sim *sim, int64_t delay_ns, hb_event_fn *handler, void *object,
	uint64_t argument, struct hb_event_id *ret_id);

/* hb_sim_cancel - 0, or -ESTALE if the event has run, is running, was cancelled, or never was. */
int hb_sim_cancel(struct hb_sim *sim, struct hb_event_id id);

/*
 * hb_sim_run - run events up to and including @until_ns, at most @events_max of them.
 * Ends when none is left, at @until_ns (the clock then shows it, unless it is INT64_MAX), after @events_max, or after
 * the event that called hb_sim_stop().
 *
 * Returns 0, or the first -errno of hb_sim_at() or hb_sim_after() with the time and the capacity in @reterr.
 */
int hb_sim_run(struct hb_sim *sim, int64_t until_ns, uint64_t events_max, struct hb_error *reterr);

/* hb_sim_stop - from a handler: let hb_sim_run() return after this event. */
void hb_sim_stop(struct hb_sim *sim);

int64_t hb_sim_now_ns(const struct hb_sim *sim);
/* hb_sim_pending - events scheduled and not cancelled. */
size_t hb_sim_pending(const struct hb_sim *sim);
/* hb_sim_handled - events run since create or reset. */
uint64_t hb_sim_handled(const struct hb_sim *sim);

/*
 * hb_sim_stream - the random stream of one source ("arrivals of class 3") in this replication. Streams of different
 * sources, replications and seeds are independent; the same three give the same numbers, whatever else is simulated.
 */
void hb_sim_stream(const struct hb_sim *sim, uint64_t source, struct hb_rng *ret);

/*
 * hb_sim_duration_ns - a random time as an integer: @duration_ns rounded to nearest, at least 0 and at most 2^62.
 * Asserts that it is not NaN.
 */
int64_t hb_sim_duration_ns(double duration_ns);

/* ---- collectors: embedded by value, no memory of their own ---- */

/* Count, mean, spread and range of observations (Welford). Zero-initialise, or hb_tally_reset(). */
struct hb_tally {
	uint64_t count;
	double mean;     /* 0 while empty */
	double squares;  /* sum of squared deviations from the mean */
	double min, max; /* valid if count > 0 */
};

/* hb_tally_reset - forget everything; also how a warm-up is deleted when its end is known. */
void hb_tally_reset(struct hb_tally *tally);
/* hb_tally_add - one finite observation. */
void hb_tally_add(struct hb_tally *tally, double value);
/* hb_tally_merge - as if all observations of @other had been added to @tally (Chan et al. 1979). */
void hb_tally_merge(struct hb_tally *tally, const struct hb_tally *other);
/* hb_tally_variance - unbiased; NaN with fewer than 2. */
double hb_tally_variance(const struct hb_tally *tally);
/*
 * hb_tally_interval - Student interval of the mean for *independent* observations (replications; use batch means
 * within a run). @level: in (0, 1). Returns 0, or -EINVAL (fewer than 2, level out of range).
 */
int hb_tally_interval(const struct hb_tally *tally, double level, struct hb_interval *ret);

/* Average over time of a quantity that changes in steps: queue length, busy servers. */
struct hb_time_average {
	int64_t start_ns, last_ns;
	double value;        /* since last_ns */
	double area;         /* integral since start_ns, unit-ns ... */
	double compensation; /* ... and what rounding lost of it (Neumaier) */
	double min, max;     /* of values that lasted longer than 0 ns; +-INFINITY if none did */
};

/* hb_time_average_init - start at @now_ns with @value. */
void hb_time_average_init(struct hb_time_average *average, int64_t now_ns, double value);
/* hb_time_average_set - the quantity is @value from @now_ns on; time does not run back (asserted). */
void hb_time_average_set(struct hb_time_average *average, int64_t now_ns, double value);
/* hb_time_average_add - the quantity changes by @delta at @now_ns. */
void hb_time_average_add(struct hb_time_average *average, int64_t now_ns, double delta);
/* hb_time_average_restart - delete the warm-up: the average begins at @now_ns with the value of now. */
void hb_time_average_restart(struct hb_time_average *average, int64_t now_ns);
/* hb_time_average_mean - over start ... @now_ns; NaN if that is no time. */
double hb_time_average_mean(const struct hb_time_average *average, int64_t now_ns);

#define HB_BATCHES_MAX 64

/*
 * Batch means of one long run of correlated observations. The batch size is not chosen beforehand: it starts at 1 and
 * doubles whenever HB_BATCHES_MAX batches are full, so 32 ... 63 batches stand behind an interval.
 */
struct hb_batch_means {
	uint64_t batch_size; /* observations per batch, a power of two */
	uint64_t filled;     /* observations in the open batch */
	double open_sum;
	uint32_t batches; /* complete ones, < HB_BATCHES_MAX */
	double sums[HB_BATCHES_MAX];
};

void hb_batch_means_init(struct hb_batch_means *means);
/* hb_batch_means_add - the next observation, finite. */
void hb_batch_means_add(struct hb_batch_means *means, double value);
/*
 * hb_batch_means_interval - mean over the complete batches and its Student interval.
 * @ret_lag1: correlation of neighbouring batch means, may be NULL; above about 0.2 the run is too short for the
 * interval to hold.
 *
 * Returns 0, or -EINVAL (fewer than 32 batches, level out of range).
 */
int hb_batch_means_interval(const struct hb_batch_means *means, double level,
	struct hb_interval *ret, double *ret_lag1);

/* How often something happened. Zero-initialise. */
struct hb_share {
	uint64_t hits, count;
};

void hb_share_add(struct hb_share *share, bool hit);
/* hb_share_interval - Wilson's score interval. Returns 0, or -EINVAL (none counted, level out of range). */
int hb_share_interval(const struct hb_share *share, double level, struct hb_interval *ret);

/*
 * hb_warm_up_length - how many leading observations to delete: the minimum of the marginal standard error over means of
 * 5 (MSER-5; White 1997), looked for in the first half only.
 * @values: shape [@count], in order of time.
 *
 * Returns the number to delete, a multiple of 5. @ret_too_short (may be NULL): the minimum was at the end of the first
 * half, so the run has not settled.
 */
size_t hb_warm_up_length(const double *values, size_t count, bool *ret_too_short);

/* ---- replications ---- */

/*
 * One replication: simulate with streams of (@seed, @replication) and fill @ret_outputs, shape [outputs], all finite.
 * Runs in some thread, at the same time as others: it must share nothing that it writes.
 * Returns 0 or -errno with the reason in @reterr.
 */
typedef int hb_replication_fn(uint64_t seed, uint64_t replication, const void *model,
	double *ret_outputs, struct hb_error *reterr);

/*
 * hb_replications_run - run replications 0 ... @count-1 on @threads threads.
 * @model: read-only, handed to each. @outputs: numbers per replication, >= 1.
 * @threads: 1 ... 1024, or 0 = as many as the process may use CPUs.
 * @ret: shape [@count][@outputs], row = replication: the same bytes for any number of threads.
 *
 * Returns 0; the error of the lowest replication that failed, its number in @reterr; or -EINVAL (an argument, or an
 * output that is not finite). @ret is unspecified after a failure. Where the system refuses threads, fewer do the
 * work. Blocks until all replications have ended.
 */
int hb_replications_run(uint64_t seed, uint64_t count, hb_replication_fn *replication,
	const void *model, size_t outputs, unsigned int threads, double *ret,
	struct hb_error *reterr);

/*
 * hb_replications_interval - Student interval over the replications of output number @output.
 * @values: shape [@count][@outputs]. Returns 0 or -EINVAL (count < 2, level out of range, output out of range).
 */
int hb_replications_interval(const double *values, uint64_t count, size_t outputs, size_t output,
	double level, struct hb_interval *ret);

#endif
