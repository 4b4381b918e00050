/* SPDX-License-Identifier: GPL-3.0-or-later */
/* batching attach: switch the sockets of a running program by a policy, from outside. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/json_out.h>
#include <hotbed/rng.h>

#include "attach_ends.h"
#include "command.h"
#include "policy_words.h"

#define NS_PER_S 1000000000
#define GAP_MAX 20 /* mean gaps: a longer one is cut, which happens once in 5e8 */

struct question {
	int64_t pid, peer_pid, duration_ns, period_ns, window_ns;
	const char *role_name, *switch_name, *tracking_name;
	uint16_t port;
	enum end_role role; /* of @pid */
	enum ends_tracking tracking;
	struct bat_policy_options policy;
	_Bool json;
};

/* What happened. */
struct outcome {
	const char *end; /* "time", "signal" or "process" */
	const char *tracking;
	uint64_t polls;
	int64_t duration_ns;
	int64_t cpu_ns; /* of this process */
	struct bat_policy_record policy;
};

static volatile sig_atomic_t is_stopped;

static void stop(int number)
{
	(void)number;
	is_stopped = 1;
}

static void wait_until(int64_t time_ns)
{
	int64_t left_ns = time_ns - hb_clock_now_ns();
	struct timespec left = {left_ns / NS_PER_S, left_ns % NS_PER_S};

	/* A signal ends the wait, and the caller looks. */
	if (left_ns > 0)
		(void)nanosleep(&left, NULL);
}

static void tell(struct bat_policy *policy, struct ends *ends, int64_t duration_ns)
{
	uint64_t answered;
	struct bat_estimate estimate = ends_window(ends, &answered);
	struct bat_feedback feedback = {
		.duration_ns = duration_ns,
		.answered = answered,
		.defined = estimate.defined,
		.latency_ns = estimate.end_to_end_ns,
	};

	bat_policy_learn(policy, &feedback);
}

/* A line that others can wait for, as serve and proxy print one. */
static void announce(const struct question *question, const struct ends *ends)
{
	(void)fprintf(stderr, "batching attach: process %" PRId64 ", sockets now: %" PRIu32 "\n",
		question->pid, ends->end[question->role].last.sockets);
}

static int watch(const struct question *question, struct ends *ends, struct bat_policy *policy,
	struct outcome *ret)
{
	int64_t begin_ns = hb_clock_now_ns(), next_ns = begin_ns, window_ns = begin_ns, now_ns;
	struct hb_rng rng;
	int err;

	hb_rng_init(&rng, question->policy.seed, 1);
	err = ends_set(ends, bat_policy_rule(policy, begin_ns).mode);
	if (!err)
		err = ends_begin(ends);
	if (err)
		return err;
	announce(question, ends);
	while (!is_stopped && next_ns - begin_ns < question->duration_ns) {
		double gap = hb_rng_exponential(&rng, (double)question->period_ns);

		next_ns += (int64_t)fmin(gap, GAP_MAX * (double)question->period_ns) + 1;
		wait_until(next_ns);
		err = ends_sample(ends);
		if (err)
			return err;
		ret->polls++;
		now_ns = hb_clock_now_ns();
		ret->duration_ns = now_ns - begin_ns;
		if (now_ns - window_ns < question->window_ns)
			continue;
		tell(policy, ends, now_ns - window_ns);
		window_ns = now_ns;
		err = ends_set(ends, bat_policy_rule(policy, now_ns).mode);
		if (err)
			return err;
	}
	ret->end = is_stopped ? "signal" : "time";
	return 0;
}

/* Processor time of this process. */
static int64_t cpu_now_ns(void)
{
	struct timespec used;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
}

static void put_json(
	const struct question *question, const struct ends *ends, const struct outcome *outcome)
{
	struct hb_json_out out = {.stream = stdout};

	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "batching.attach/1");
	hb_json_put_text(&out, "tracking", outcome->tracking);
	hb_json_put_text(&out, "end", outcome->end);
	hb_json_put_u64(&out, "polls", outcome->polls);
	hb_json_put_u64(&out, "duration_ns", (uint64_t)outcome->duration_ns);
	hb_json_put_u64(&out, "cpu_ns", (uint64_t)outcome->cpu_ns);
	ends_put(ends, question->role, &out);
	if (question->peer_pid != 0) {
		hb_json_open(&out, "peer", '{');
		ends_put(ends, (enum end_role)(END_RESPONDER - question->role), &out);
		hb_json_close(&out, '}');
	}
	ends_put_sum(ends, &out);
	policy_words_put(&out, question->policy.kind, &outcome->policy);
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static void put_text(
	const struct question *question, const struct ends *ends, const struct outcome *outcome)
{
	(void)printf("tracking by %s, %" PRIu64 " polls, %" PRIu64 " switches by %s; ended by %s\n",
		outcome->tracking, outcome->polls, outcome->policy.switches,
		bat_policy_name(question->policy.kind), outcome->end);
	if (outcome->duration_ns > 0)
		(void)printf("it took %.3g %% of a processor\n",
			100.0 * (double)outcome->cpu_ns / (double)outcome->duration_ns);
	ends_say(ends);
}

static void choose_ends(const struct question *question, struct ends *ret)
{
	struct end *own = &ret->end[question->role];
	struct end *peer = &ret->end[END_RESPONDER - question->role];

	own->pid = question->pid;
	peer->pid = question->peer_pid;
	own->is_switched = strcmp(question->switch_name, "peer") != 0;
	peer->is_switched = strcmp(question->switch_name, "own") != 0;
}

static int attach(const struct question *question, struct hb_error *reterr)
{
	struct sigaction action = {.sa_handler = stop};
	struct bat_policy *policy = NULL;
	struct outcome outcome = {.end = "process"};
	struct ends ends = {0};
	int err = bat_policy_create(&policy, &question->policy, reterr);
	int64_t hold_ns = question->policy.hold_max_ns;

	if (err)
		return err;
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	choose_ends(question, &ends);
	err = ends_open(&ends, question->tracking, question->port,
		hold_ns ? hold_ns : BAT_HOLD_MAX_DEFAULT_NS, reterr);
	if (err)
		goto out;
	outcome.cpu_ns = -cpu_now_ns();
	outcome.tracking = ends_tracking_name(&ends);
	err = watch(question, &ends, policy, &outcome);
	outcome.cpu_ns += cpu_now_ns();
	outcome.policy = bat_policy_recorded(policy);
	ends_finish(&ends);
	if (err == -ESRCH)
		err = 0;
	if (err)
		(void)hb_error_set(reterr, err,
			"process %" PRId64 " cannot be watched any more: %s", question->pid,
			strerror(-err));
	else if (question->json)
		put_json(question, &ends, &outcome);
	else
		put_text(question, &ends, &outcome);
out:
	ends_close(&ends);
	bat_policy_destroy(policy);
	return err;
}

static int check_ends(struct question *question, struct hb_error *reterr)
{
	static const struct {
		const char *name;
		enum ends_tracking tracking;
	} trackings[] = {
		{"auto", TRACKING_AUTO}, {"bpf", TRACKING_BPF}, {"polling", TRACKING_POLLING}};
	bool found = false;

	for (size_t i = 0; i < sizeof(trackings) / sizeof(*trackings); i++) {
		if (strcmp(question->tracking_name, trackings[i].name) != 0)
			continue;
		question->tracking = trackings[i].tracking;
		found = true;
	}
	if (!found)
		return hb_error_set(reterr, -EINVAL,
			"--tracking is auto, bpf or polling, not '%.40s'", question->tracking_name);
	if (strcmp(question->role_name, "requester") == 0)
		question->role = END_REQUESTER;
	else if (strcmp(question->role_name, "responder") == 0)
		question->role = END_RESPONDER;
	else
		return hb_error_set(reterr, -EINVAL,
			"--role is requester or responder, not '%.40s'", question->role_name);
	if (strcmp(question->switch_name, "own") != 0 &&
		strcmp(question->switch_name, "peer") != 0 &&
		strcmp(question->switch_name, "both") != 0)
		return hb_error_set(reterr, -EINVAL, "--switch is own, peer or both, not '%.40s'",
			question->switch_name);
	if (question->peer_pid == 0 && strcmp(question->switch_name, "own") != 0)
		return hb_error_set(
			reterr, -EINVAL, "--switch %s needs --peer-pid", question->switch_name);
	if (question->peer_pid < 0 || question->peer_pid > INT_MAX)
		return hb_error_set(reterr, -EINVAL,
			"--peer-pid %" PRId64 " is no process's number", question->peer_pid);
	return 0;
}

/* From outside a message has no boundary: only what the kernel does with bytes can be chosen. */
static int check(struct question *question, struct hb_error *reterr)
{
	switch (question->policy.kind) {
	case BAT_POLICY_NODELAY:
	case BAT_POLICY_NAGLE:
	case BAT_POLICY_CORK:
		break;
	case BAT_POLICY_GREEDY:
	case BAT_POLICY_UCB:
	case BAT_POLICY_TOGGLE:
	case BAT_POLICY_ORACLE:
		question->policy.kernel_arm = true;
		break;
	default:
		return hb_error_set(reterr, -EINVAL,
			"the policy %s holds whole messages, which cannot be done from outside; "
			"give nodelay, nagle, cork, greedy, ucb, toggle or oracle",
			bat_policy_name(question->policy.kind));
	}
	if (question->pid <= 0 || question->pid > INT_MAX)
		return hb_error_set(
			reterr, -EINVAL, "--pid %" PRId64 " is no process's number", question->pid);
	if (question->duration_ns <= 0 || question->period_ns <= 0 ||
		question->window_ns < question->period_ns)
		return hb_error_set(reterr, -EINVAL,
			"--duration-ns and --period-ns must be above 0, and --window-ns at least "
			"the period");
	return 0;
}

static int run(int argc, char **argv, struct hb_error *reterr)
{
	struct question question = {.duration_ns = INT64_MAX / 2,
		.period_ns = 5000000,
		.window_ns = 50000000,
		.role_name = "responder",
		.switch_name = "own",
		.tracking_name = "auto"};
	struct policy_words words = {0};
	uint64_t port = 0;
	const struct hb_option_target options[] = {
		{.name = "pid", .i64 = &question.pid, .required = 1},
		{.name = "peer-pid", .i64 = &question.peer_pid},
		{.name = "role", .text = &question.role_name},
		{.name = "switch", .text = &question.switch_name},
		{.name = "tracking", .text = &question.tracking_name},
		{.name = "port", .u64 = &port},
		{.name = "duration-ns", .i64 = &question.duration_ns},
		{.name = "period-ns", .i64 = &question.period_ns},
		{.name = "window-ns", .i64 = &question.window_ns},
		POLICY_WORDS(words),
		{.name = "json", .flag = &question.json},
		{.name = NULL},
	};
	int err = hb_options_read(argc, argv, options, reterr);

	if (!err)
		err = policy_words_read(&words, hb_clock_now_ns(), &question.policy, reterr);
	if (!err)
		err = check(&question, reterr);
	if (!err)
		err = check_ends(&question, reterr);
	if (!err && port > UINT16_MAX)
		err = hb_error_set(reterr, -EINVAL, "--port %" PRIu64 " is above 65535", port);
	if (err)
		return err;
	question.port = (uint16_t)port;
	return attach(&question, reterr);
}

const struct command command_attach = {
	.name = "attach",
	.summary = "switch the sockets of a running program by a policy, from outside",
	.help = "  --pid P         the program, which goes on unchanged and is restored "
		"afterwards\n"
		"  --role R        of P in its connections: responder, or requester "
		"(responder)\n"
		"  --peer-pid Q    the program at their other end, if it runs here, too\n"
		"  --switch WHICH  whose sockets: own (P), peer (Q) or both (own)\n"
		"  --tracking T    how queues are followed: bpf, polling, or auto: by BPF where "
		"that may be (auto)\n"
		"  --port N        only sockets with this local or remote port (all)\n"
		"  --duration-ns T until SIGINT or SIGTERM if not given\n"
		"  --period-ns T   mean gap between two looks at the sockets (5000000)\n"
		"  --window-ns T   after which a policy learns (50000000)\n" POLICY_WORDS_HELP
		"                  here one of nodelay, nagle, cork, greedy, ucb, toggle, oracle; "
		"the last four choose Nagle's algorithm as with --nagle-arm\n"
		"  --json          batching.attach/1, at the end\n",
	.run = run,
};
