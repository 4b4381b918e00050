/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/experiment.h>
#include <hotbed/trial.h>

#define MS 1000000ll
#define WINDOW_NS (5 * MS) /* at least, and until WINDOW_ANSWERS have come ... */
#define WINDOW_ANSWERS 8
#define WINDOW_MAX_NS (100 * MS) /* ... or this has passed */
/* Windows of the other end: no multiple, or both would probe in step and not know whose doing it was. */
#define WINDOW_SERVER_NS (17 * MS)
#define POLL_NS 200000.0 /* mean gap */
#define HOLD_NS (1000 * MS)
#define RNG_STREAM 2

int controller_probe(struct hb_trial *trial)
{
	const struct control *control = hb_trial_data(trial);

	return control->feedback == FEEDBACK_KERNEL ? followed_probe(trial) : redis_probe(trial);
}

int controller_start(struct hb_trial *trial, struct controller *controller, struct redis *redis)
{
	const struct hb_params *params = hb_trial_params(trial);
	struct hb_error error = {0};
	int err = 0;

	*controller = (struct controller){.redis = redis, .control = hb_trial_data(trial)};
	hb_rng_init(&controller->rng, hb_trial_seed(trial), RNG_STREAM);
	/* Before the connections: the copy that keeps watch would hold them open. */
	if (controller->control->feedback == FEEDBACK_SOCKETS)
		err = bat_attach_create(&controller->attach, getpid(), REDIS_PORT, HOLD_NS, &error);
	if (err)
		return hb_trial_fail(trial, "%s", error.text);
	err = redis_start(trial, redis, (unsigned int)hb_params_i64(params, "connections"),
		(size_t)hb_params_i64(params, "size"));
	if (!err && controller->control->feedback == FEEDBACK_KERNEL)
		err = followed_start(trial, redis, true, &controller->followed);
	return err;
}

void controller_stop(struct controller *controller)
{
	if (!controller->redis)
		return; /* not begun */
	for (int end = 0; end < ENDS; end++) {
		bat_policy_destroy(controller->loops[end].policy);
		controller->loops[end].policy = NULL;
	}
	bat_attach_destroy(controller->attach, NULL);
	controller->attach = NULL;
	followed_stop(&controller->followed);
	redis_stop(controller->redis);
}

/* The first samples find the sockets. */
static int find_sockets(struct hb_trial *trial, struct controller *controller)
{
	struct bat_attach_sample sample;
	int err = 0;

	if (controller->attach) {
		if (bat_attach_sample(controller->attach, &sample) ||
			sample.sockets != controller->redis->connection_count)
			return hb_trial_fail(trial, "our own sockets are not found");
		bat_poll_begin(&controller->polls, &sample);
	}
	for (int end = 0; end < ENDS && controller->followed.tracker && !err; end++)
		err = bat_attach_sample(controller->followed.attach[end], &sample);
	return err ? hb_trial_fail(trial, "the ends are gone: %s", strerror(-err)) : 0;
}

int controller_begin(struct hb_trial *trial, struct controller *controller, int64_t slo_ns,
	const struct bat_policy_options *options)
{
	static const int64_t least_ns[ENDS] = {WINDOW_NS, WINDOW_SERVER_NS};
	struct bat_policy_options own = *options;
	struct hb_error error = {0};
	int err = find_sockets(trial, controller);

	controller->cut_ns = 2 * slo_ns;
	own.kind = controller->control->policy;
	own.kernel_arm = true;
	own.slo_ns = slo_ns;
	own.seed = hb_trial_seed(trial);
	for (int end = 0; end <= controller->control->is_at_both && !err; end++) {
		struct loop *loop = &controller->loops[end];

		*loop = (struct loop){.least_ns = least_ns[end], .window_ns = hb_clock_now_ns()};
		err = bat_policy_create(&loop->policy, &own, &error);
		if (!err && controller->followed.tracker)
			err = followed_begin(&controller->followed, &loop->queues);
		if (err)
			return hb_trial_fail(trial, "the controller cannot begin: %s",
				error.text[0] ? error.text : strerror(-err));
	}
	return err;
}

void controller_answered(struct controller *controller, double latency_ns)
{
	for (int end = 0; end < ENDS; end++) {
		controller->loops[end].answered++;
		controller->loops[end].sum_ns += fmin(latency_ns, (double)controller->cut_ns);
	}
}

/* What the application knows about its requests. */
static struct bat_feedback from_requests(const struct loop *loop, int64_t now_ns)
{
	return (struct bat_feedback){
		.duration_ns = now_ns - loop->window_ns,
		.answered = loop->answered,
		.defined = loop->answered > 0,
		.latency_ns = loop->answered > 0 ? loop->sum_ns / (double)loop->answered : 0,
	};
}

/* What the client's sockets show: written until acknowledged, and received until read. */
static struct bat_feedback from_sockets(struct controller *controller)
{
	const struct bat_poll_window *polls = &controller->polls;
	struct bat_poll_wait wait = bat_poll_waits(polls);
	struct bat_feedback feedback = {
		.duration_ns = polls->last.time_ns - polls->first.time_ns,
		.answered = polls->last.unread_departed - polls->first.unread_departed,
		.defined = wait.unacked_defined && wait.unread_defined,
		.latency_ns = wait.unacked_ns + wait.unread_ns,
	};

	bat_poll_begin(&controller->polls, &polls->last);
	return feedback;
}

/* The estimate from the queues of both ends; answers are counted in bytes, which is as good as any unit of the load. */
static bool from_kernel(
	struct controller *controller, struct loop *loop, int64_t now_ns, struct bat_feedback *ret)
{
	struct bat_estimate estimate;
	struct bat_end ends[ENDS];
	uint64_t replies;

	if (followed_end(&controller->followed, &loop->queues, ends, &replies))
		return false; /* at the next call, then */
	bat_estimate_larger(&ends[CLIENT], &ends[SERVER], &estimate);
	*ret = (struct bat_feedback){
		.duration_ns = now_ns - loop->window_ns,
		.answered = replies,
		.defined = estimate.defined,
		.latency_ns = estimate.defined ? fmax(estimate.end_to_end_ns, 0) : 0,
	};
	return true;
}

static void end_window(struct controller *controller, struct loop *loop, int64_t now_ns)
{
	struct bat_feedback feedback = {0};

	switch (controller->control->feedback) {
	case FEEDBACK_NONE:
		break;
	case FEEDBACK_REQUESTS:
		feedback = from_requests(loop, now_ns);
		break;
	case FEEDBACK_SOCKETS:
		feedback = from_sockets(controller);
		break;
	case FEEDBACK_KERNEL:
		if (!from_kernel(controller, loop, now_ns, &feedback))
			return;
		break;
	}
	if (feedback.duration_ns > 0)
		bat_policy_learn(loop->policy, &feedback);
	loop->window_ns = now_ns;
	loop->answered = 0;
	loop->sum_ns = 0;
}

static void poll_sockets(struct controller *controller, int64_t now_ns)
{
	struct bat_attach_sample sample;
	int err;

	if (now_ns < controller->poll_ns)
		return;
	controller->poll_ns = now_ns + (int64_t)hb_rng_exponential(&controller->rng, POLL_NS) + 1;
	err = bat_attach_sample(controller->attach, &sample);
	if (err)
		controller->redis->err = err;
	else
		bat_poll_add(&controller->polls, &sample);
}

static int set_mode(struct controller *controller, int end, enum bat_socket_mode mode)
{
	controller->loops[end].mode = mode;
	return end == SERVER ? bat_attach_set(controller->followed.attach[SERVER], mode)
			     : redis_set_nodelay(controller->redis, mode == BAT_SOCKET_NODELAY);
}

static bool is_window_over(const struct loop *loop, int64_t now_ns)
{
	int64_t duration_ns = now_ns - loop->window_ns;

	return duration_ns >= WINDOW_MAX_NS ||
	       (duration_ns >= loop->least_ns && loop->answered >= WINDOW_ANSWERS);
}

/* A window whose time is over waits for answers, each of which is an event. */
static int64_t window_end_ns(const struct loop *loop, int64_t now_ns)
{
	int64_t end_ns = loop->window_ns + loop->least_ns;

	return end_ns > now_ns ? end_ns : loop->window_ns + WINDOW_MAX_NS;
}

int64_t controller_idle(struct controller *controller, int64_t now_ns)
{
	int64_t next_ns = INT64_MAX;

	if (controller->attach) {
		poll_sockets(controller, now_ns);
		next_ns = controller->poll_ns;
	}
	for (int end = 0; end < ENDS; end++) {
		struct loop *loop = &controller->loops[end];
		enum bat_socket_mode mode;

		if (!loop->policy)
			continue;
		if (is_window_over(loop, now_ns))
			end_window(controller, loop, now_ns);
		mode = bat_policy_rule(loop->policy, now_ns).mode;
		if (mode != loop->mode && !controller->redis->err)
			controller->redis->err = set_mode(controller, end, mode);
		if (window_end_ns(loop, now_ns) < next_ns)
			next_ns = window_end_ns(loop, now_ns);
	}
	return next_ns;
}

uint64_t controller_switches(const struct controller *controller)
{
	uint64_t switches = 0;

	for (int end = 0; end < ENDS; end++) {
		if (controller->loops[end].policy)
			switches += bat_policy_recorded(controller->loops[end].policy).switches;
	}
	return switches;
}
