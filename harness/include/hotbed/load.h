/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Open-loop load: requests are sent at times drawn beforehand, whether or not earlier ones were
 * answered, as independent users would. Latency is kept twice: response time runs from the intended
 * start, so a stalled server is charged for every request that had to wait; service time runs from
 * the actual send. Requests that are never answered count as infinite. The generator also says how
 * well it kept its own schedule.
 *
 * The transport is the caller's: two callbacks send a request and wait for answers. Not
 * thread-safe: one thread per generator. Sources: Schroeder et al., "Open Versus Closed", NSDI'06;
 * Tene's coordinated omission; Caladan's loadgen.
 */
#ifndef HOTBED_LOAD_H
#define HOTBED_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_error;
struct hb_hist;
struct hb_load;
struct hb_trial;
struct pollfd;

#define HB_LOAD_REQUESTS_MAX 20000000

enum hb_load_shape {
	HB_LOAD_CONSTANT, /* evenly spaced */
	HB_LOAD_POISSON,
	HB_LOAD_BURST, /* Poisson, alternating between two rates */
	HB_LOAD_STEP,  /* Poisson, the rate changes once */
	HB_LOAD_TRACE, /* times from a file */
};

/* What to draw. Fields that a shape does not name are ignored. */
struct hb_load_profile {
	enum hb_load_shape shape;
	int64_t duration_ns;     /* > 0; a trace is cut there */
	double rate_per_s;       /* > 0; burst: while on; step: before */
	double other_rate_per_s; /* >= 0; burst: while off; step: after */
	int64_t on_ns, off_ns;   /* burst: > 0 */
	int64_t step_ns;         /* step: when the rate changes, 0 ... duration_ns */
	const char
		*trace_path; /* trace: one time in ns per line, ascending; '#' starts a comment */
};

/* Intended times, ascending, in ns from the start of the load. */
struct hb_load_schedule {
	int64_t *at_ns; /* shape [count] */
	size_t count;
	int64_t duration_ns;
};

/*
 * hb_load_schedule_draw - the times of one run; same profile and seed, same times on every host.
 * @ret: hb_load_schedule_finish() frees it.
 *
 * Returns 0, -EINVAL (profile out of range), -E2BIG (more than HB_LOAD_REQUESTS_MAX), -EBADMSG
 * (trace, with line),
 * -ENOENT and the like (trace), or -ENOMEM.
 */
int hb_load_schedule_draw(const struct hb_load_profile *profile, uint64_t seed,
	struct hb_load_schedule *ret, struct hb_error *reterr);
void hb_load_schedule_finish(struct hb_load_schedule *schedule);

/* How requests travel. */
struct hb_load_transport {
	/*
	 * send - send request @request (0 ... count-1), whose intended time is @intended_ns on
	 * hb_clock_now_ns().
	 * Returns 0, -EAGAIN when it cannot be sent now (it is tried again after poll), another
	 * -errno to end the run.
	 */
	int (*send)(void *user, uint64_t request, int64_t intended_ns);
	/*
	 * poll - handle answers, calling hb_load_complete() for each; return at the latest at
	 * @until_ns (which may have passed: then do not wait). @is_held_back: a request waits to be
	 * sent, return when that is possible.
	 * Returns 0, or -errno to end the run.
	 */
	int (*poll)(void *user, struct hb_load *load, int64_t until_ns, bool is_held_back);
	void *user;
};

/* Zeros select the defaults. */
struct hb_load_options {
	int64_t tolerance_ns; /* a request whose turn comes later is off schedule; 1 ms */
	int64_t drain_ns;     /* wait for answers this long after the schedule's end; 1 s */
	int64_t spin_ns;      /* poll without waiting this long before each request; 0 */
};

struct hb_load_result {
	uint64_t scheduled;
	uint64_t on_time; /* their turn came within the tolerance */
	uint64_t sent;    /* the rest was held back by the transport until the end */
	uint64_t answered;
	uint64_t strays;       /* answers to no open request */
	int64_t lag_max_ns;    /* longest delay of a turn */
	double adherence;      /* on_time / scheduled */
	double backlog_growth; /* open requests gained per scheduled one (least squares) */
};

/*
 * hb_load_create - a generator for @schedule, which must outlive it.
 * Returns 0, -EINVAL (empty schedule) or -ENOMEM; hb_load_destroy() frees it.
 */
int hb_load_create(
	struct hb_load **ret, const struct hb_load_schedule *schedule, struct hb_error *reterr);
void hb_load_destroy(struct hb_load *load);

/*
 * hb_load_run - send the whole schedule and wait for the answers. Once per generator.
 * Allocates nothing. Blocks for the schedule's duration plus at most options->drain_ns.
 *
 * Returns 0, or what a callback returned.
 */
int hb_load_run(struct hb_load *load, const struct hb_load_transport *transport,
	const struct hb_load_options *options, struct hb_error *reterr);

/*
 * hb_load_complete - request @request has been answered just now. Called from the transport's poll.
 * Returns 0, or -ENOENT if it is not open (never sent, or answered before): then it only counts as
 * a stray.
 */
int hb_load_complete(struct hb_load *load, uint64_t request);

const struct hb_load_result *hb_load_result(const struct hb_load *load);
/*
 * Owned by @load, filled by hb_load_run(); response time counts unsent requests as infinite,
 * service time omits them.
 */
const struct hb_hist *hb_load_response(const struct hb_load *load);
const struct hb_hist *hb_load_service(const struct hb_load *load);

/*
 * hb_load_report - from the run hook: the histograms latency_response and latency_service with the
 * metrics of those names that the experiment declares; flag "late" below 99.9 % adherence,
 * "unsteady" when the backlog grows by more than 1 % of the requests; below 95 % adherence the
 * trial is invalid, unless it is a quick one, from which nobody reads latencies.
 *
 * Returns 0, or what hb_trial_invalid_load() returns.
 */
int hb_load_report(const struct hb_load *load, struct hb_trial *trial);

/*
 * hb_load_await - poll(2) with a deadline in ns, for transports: waits until a descriptor is ready
 * or @until_ns.
 * Returns the number of ready descriptors, or -errno. A signal counts as a time-out.
 */
int hb_load_await(struct pollfd *fds, size_t count, int64_t until_ns);

#endif
