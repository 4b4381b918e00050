/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A policy that switches Nagle's algorithm at one or both ends of connections to redis-server by what it is told at the
 * end of each window: the application's own response times, what polling the client's sockets shows, or the estimate
 * from both ends' queues, followed in the kernel. Each end has a policy and windows of its own.
 *
 * Not thread-safe. Linux only.
 */
#ifndef BATCHING_BENCH_CONTROLLER_H
#define BATCHING_BENCH_CONTROLLER_H

#include <hotbed/rng.h>

#include <batching/policy.h>

#include "followed.h"

enum feedback {
	FEEDBACK_NONE,
	FEEDBACK_REQUESTS, /* response times */
	FEEDBACK_SOCKETS,  /* the client's, polled */
	FEEDBACK_KERNEL,   /* the queues of both ends, by events */
};

/* What is switched, by what: an arm of the experiments. */
struct control {
	enum bat_policy_kind policy;
	enum feedback feedback;
	bool is_at_both; /* ends; else at the client only */
};

/* One end's. */
struct loop {
	struct bat_policy *policy; /* NULL: this end is left alone */
	enum bat_socket_mode mode;
	int64_t window_ns, least_ns;
	uint64_t answered;
	double sum_ns;
	struct followed_window queues;
};

struct controller {
	struct redis *redis;
	const struct control *control;
	int64_t cut_ns;
	struct loop loops[ENDS];
	struct followed followed;
	struct bat_attach *attach; /* to ourselves, for polling */
	struct bat_poll_window polls;
	struct hb_rng rng;
	int64_t poll_ns;
};

/* controller_probe - what arm hb_trial_data(), a struct control, needs. */
int controller_probe(struct hb_trial *trial);
/*
 * controller_start - around @redis, which it starts with the trial's parameters "connections" and "size".
 * controller_stop() in any case, which stops @redis, too. 0 or hb_trial_fail().
 */
int controller_start(struct hb_trial *trial, struct controller *controller, struct redis *redis);
void controller_stop(struct controller *controller);
/*
 * controller_begin - make policies that hold @slo_ns, in their first state; from then on call controller_answered(),
 * and controller_idle() before each wait. @options: what the policy needs besides; kind, SLO and seed are filled in.
 */
int controller_begin(struct hb_trial *trial, struct controller *controller, int64_t slo_ns,
	const struct bat_policy_options *options);
/* controller_answered - a request took @latency_ns; what is above twice the SLO counts as that. */
void controller_answered(struct controller *controller, double latency_ns);
/* controller_idle - end windows that are over, and set what the policies say. Returns when to call again. */
int64_t controller_idle(struct controller *controller, int64_t now_ns);
/* controller_switches - of all policies so far. */
uint64_t controller_switches(const struct controller *controller);

#endif
