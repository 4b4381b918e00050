/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <hotbed/load.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include <hotbed/assert.h>
#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/hist.h>
#include <hotbed/trial.h>

#define LATENCY_NS_MAX INT64_C(3600000000000)
#define TOLERANCE_NS_DEFAULT 1000000
#define DRAIN_NS_DEFAULT 1000000000
#define LEAD_NS 1000000      /* from hb_load_run() to the schedule's time 0 */
#define HELD_BACK_NS 1000000 /* longest wait when a request could not be sent */
#define SENDS_PER_POLL 64    /* answers are looked for at least this often while catching up */
#define WINDOWS 10
#define ADHERENCE_LATE 0.999
#define ADHERENCE_INVALID 0.95
#define GROWTH_UNSTEADY 0.01

/* Times of requests, 0 = not yet. */
struct request {
	int64_t sent_ns;
	int64_t answered_ns;
};

struct hb_load {
	const struct hb_load_schedule *schedule;
	struct request *requests; /* shape [schedule->count] */
	struct hb_hist *response, *service;
	struct hb_load_result result;
	int64_t start_ns;
	size_t due;  /* requests whose turn has come */
	size_t next; /* first that has not been sent */
	bool has_run;
};

int hb_load_create(
	struct hb_load **ret, const struct hb_load_schedule *schedule, struct hb_error *reterr)
{
	struct hb_load *load;
	int err = 0;

	if (schedule->count == 0)
		return hb_error_set(reterr, -EINVAL,
			"the schedule holds no request; raise the rate "
			"or the duration");
	load = calloc(1, sizeof(*load));
	if (!load)
		return hb_error_set(reterr, -ENOMEM, "no memory for the load generator");
	load->schedule = schedule;
	load->result.scheduled = schedule->count;
	load->requests = malloc(schedule->count * sizeof(*load->requests));
	if (!load->requests)
		err = hb_error_set(reterr, -ENOMEM, "no memory for %zu requests", schedule->count);
	else /* written, not only mapped, so that the run takes no page fault for it */
		memset(load->requests, 0, schedule->count * sizeof(*load->requests));
	if (!err)
		err = hb_hist_create(&load->response, LATENCY_NS_MAX, 3, reterr);
	if (!err)
		err = hb_hist_create(&load->service, LATENCY_NS_MAX, 3, reterr);
	if (err)
		hb_load_destroy(load);
	else
		*ret = load;
	return err;
}

void hb_load_destroy(struct hb_load *load)
{
	if (!load)
		return;
	hb_hist_destroy(load->response);
	hb_hist_destroy(load->service);
	free(load->requests);
	free(load);
}

int hb_load_complete(struct hb_load *load, uint64_t request)
{
	/* The number may come from the wire, so it is checked before it is used. */
	if (request >= load->next || load->requests[request].answered_ns != 0) {
		load->result.strays++;
		return -ENOENT;
	}
	load->requests[request].answered_ns = hb_clock_now_ns();
	load->result.answered++;
	return 0;
}

/*
 * Requests whose turn has come by @now_ns; how late each turn is noticed tells how well the
 * schedule is kept.
 */
static void take_turns(struct hb_load *load, int64_t now_ns, int64_t tolerance_ns)
{
	const struct hb_load_schedule *schedule = load->schedule;

	while (load->due < schedule->count) {
		int64_t lag_ns = now_ns - load->start_ns - schedule->at_ns[load->due];

		if (lag_ns < 0)
			return;
		if (lag_ns > load->result.lag_max_ns)
			load->result.lag_max_ns = lag_ns;
		load->result.on_time += lag_ns <= tolerance_ns;
		load->due++;
	}
}

/* Send what is due, in order. -EAGAIN when the transport holds one back. */
static int send_due(struct hb_load *load, const struct hb_load_transport *transport)
{
	for (int i = 0; i < SENDS_PER_POLL && load->next < load->due; i++) {
		struct request *request = &load->requests[load->next];
		int err;

		request->sent_ns = hb_clock_now_ns();
		/* Already counted as sent: the answer may arrive within the callback. */
		load->next++;
		err = transport->send(transport->user, load->next - 1,
			load->start_ns + load->schedule->at_ns[load->next - 1]);
		if (err) {
			load->next--;
			request->sent_ns = 0;
			return err;
		}
		load->result.sent++;
	}
	return 0;
}

/* When the transport's poll must return. */
static int64_t wake_time(const struct hb_load *load, const struct hb_load_options *options,
	int64_t now_ns, int64_t deadline_ns)
{
	int64_t wake_ns = deadline_ns;

	if (load->due < load->schedule->count)
		wake_ns = load->start_ns + load->schedule->at_ns[load->due] - options->spin_ns;
	if (load->next < load->due && wake_ns > now_ns + HELD_BACK_NS)
		wake_ns = now_ns + HELD_BACK_NS;
	return wake_ns;
}

static int run_schedule(struct hb_load *load, const struct hb_load_transport *transport,
	const struct hb_load_options *options)
{
	int64_t deadline_ns = load->start_ns + load->schedule->duration_ns + options->drain_ns;
	int64_t now_ns = hb_clock_now_ns();

	while (now_ns < deadline_ns && load->result.answered < load->schedule->count) {
		bool is_held_back;
		int64_t until_ns;
		int err;

		take_turns(load, now_ns, options->tolerance_ns);
		err = send_due(load, transport);
		if (err && err != -EAGAIN)
			return err;
		is_held_back = err == -EAGAIN;
		/* What could be sent at once is sent before the next wait. */
		until_ns = load->next < load->due && !is_held_back
				   ? now_ns
				   : wake_time(load, options, now_ns, deadline_ns);
		err = transport->poll(transport->user, load, until_ns, is_held_back);
		if (err)
			return err;
		now_ns = hb_clock_now_ns();
	}
	return 0;
}

static void fill_histograms(struct hb_load *load)
{
	for (size_t i = 0; i < load->schedule->count; i++) {
		const struct request *request = &load->requests[i];
		int64_t intended_ns = load->start_ns + load->schedule->at_ns[i];

		if (request->answered_ns) {
			hb_hist_record(load->response, request->answered_ns - intended_ns);
			hb_hist_record(load->service, request->answered_ns - request->sent_ns);
			continue;
		}
		hb_hist_record_infinite(load->response, 1);
		if (request->sent_ns)
			hb_hist_record_infinite(load->service, 1);
	}
}

/*
 * Open requests at the end of ten windows; their slope by least squares, relative to the arrivals
 * of a window.
 */
static double backlog_growth(const struct hb_load *load)
{
	const struct hb_load_schedule *schedule = load->schedule;
	double window_ns = (double)schedule->duration_ns / WINDOWS;
	double arrived[WINDOWS] = {0}, answered[WINDOWS] = {0};
	double open = 0, slope = 0, spread = 0;

	for (size_t i = 0; i < schedule->count; i++) {
		double at = (double)schedule->at_ns[i] / window_ns;
		double end = (double)(load->requests[i].answered_ns - load->start_ns) / window_ns;

		arrived[at < WINDOWS ? (int)at : WINDOWS - 1]++;
		if (load->requests[i].answered_ns && end >= 0 && end < WINDOWS)
			answered[(int)end]++;
	}
	for (int window = 0; window < WINDOWS; window++) {
		double x = window - (WINDOWS - 1) / 2.0;

		open += arrived[window] - answered[window];
		slope += x * open;
		spread += x * x;
	}
	return slope / spread / ((double)schedule->count / WINDOWS);
}

int hb_load_run(struct hb_load *load, const struct hb_load_transport *transport,
	const struct hb_load_options *options, struct hb_error *reterr)
{
	struct hb_load_options chosen = options ? *options : (struct hb_load_options){0};
	int slack_ns = prctl(PR_GET_TIMERSLACK);
	int err;

	hb_assert(!load->has_run);
	load->has_run = true;
	if (chosen.tolerance_ns == 0)
		chosen.tolerance_ns = TOLERANCE_NS_DEFAULT;
	if (chosen.drain_ns == 0)
		chosen.drain_ns = DRAIN_NS_DEFAULT;
	/* The kernel may lengthen every wait by the timer slack, 50 us unless told otherwise. */
	(void)prctl(PR_SET_TIMERSLACK, 1UL);
	load->start_ns = hb_clock_now_ns() + LEAD_NS;
	err = run_schedule(load, transport, &chosen);
	if (slack_ns > 0)
		(void)prctl(PR_SET_TIMERSLACK, (unsigned long)slack_ns);
	if (err)
		return hb_error_set(reterr, err, "the load's transport failed at request %zu: %s",
			load->next, strerror(-err));
	load->result.adherence = (double)load->result.on_time / (double)load->result.scheduled;
	load->result.backlog_growth = backlog_growth(load);
	fill_histograms(load);
	return 0;
}

const struct hb_load_result *hb_load_result(const struct hb_load *load)
{
	return &load->result;
}

const struct hb_hist *hb_load_response(const struct hb_load *load)
{
	return load->response;
}

const struct hb_hist *hb_load_service(const struct hb_load *load)
{
	return load->service;
}

int hb_load_report(const struct hb_load *load, struct hb_trial *trial)
{
	const struct hb_load_result *result = &load->result;

	hb_assert(load->has_run);
	/* A smoke run says that it runs, on however busy a machine. */
	if (result->adherence < ADHERENCE_INVALID && !hb_trial_is_quick(trial))
		return hb_trial_invalid_load(trial, result->adherence);
	if (result->adherence < ADHERENCE_LATE)
		hb_trial_flag(trial, "late");
	if (result->backlog_growth > GROWTH_UNSTEADY)
		hb_trial_flag(trial, "unsteady");
	hb_trial_latency(trial, "latency_response", load->response);
	if (hb_hist_total(load->service) > 0)
		hb_trial_latency(trial, "latency_service", load->service);
	return 0;
}

int hb_load_await(struct pollfd *fds, size_t count, int64_t until_ns)
{
	int64_t left_ns = until_ns - hb_clock_now_ns();
	struct timespec wait = {0};
	int ready;

	if (left_ns > 0) {
		wait.tv_sec = left_ns / 1000000000;
		wait.tv_nsec = left_ns % 1000000000;
	}
	ready = ppoll(fds, (nfds_t)count, &wait, NULL);
	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	return ready;
}
