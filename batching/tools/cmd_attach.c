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

#include <batching/attach.h>

#include "command.h"
#include "policy_words.h"

#define NS_PER_S 1000000000
#define GAP_MAX 20 /* mean gaps: a longer one is cut, which happens once in 5e8 */

struct question {
	int64_t pid, duration_ns, period_ns, window_ns;
	uint16_t port;
	struct bat_policy_options policy;
	_Bool json;
};

/* What happened. */
struct outcome {
	const char *end; /* "time", "signal" or "process" */
	struct bat_attach_sample first, last;
	struct bat_poll_window whole;
	uint64_t polls;
	int64_t cpu_ns; /* of this process */
	uint32_t restored;
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
	struct timespec until = {time_ns / NS_PER_S, time_ns % NS_PER_S};

	/* A signal ends the wait, and the caller looks. */
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* What one end sees of latency: bytes until they are read here, and until they are acknowledged there. */
static void tell(struct bat_policy *policy, const struct bat_poll_window *window)
{
	struct bat_poll_wait wait = bat_poll_waits(window);
	struct bat_feedback feedback = {
		.duration_ns = window->last.time_ns - window->first.time_ns,
		.answered = window->last.unacked_departed - window->first.unacked_departed,
		.defined = wait.unacked_defined && wait.unread_defined,
		.latency_ns = wait.unacked_ns + wait.unread_ns,
	};

	bat_policy_learn(policy, &feedback);
}

static int watch(const struct question *question, struct bat_attach *attach,
	struct bat_policy *policy, struct outcome *ret)
{
	int64_t begin_ns = hb_clock_now_ns(), next_ns = begin_ns;
	struct bat_attach_sample sample;
	struct bat_poll_window window;
	struct hb_rng rng;
	int err;

	hb_rng_init(&rng, question->policy.seed, 1);
	err = bat_attach_set(attach, bat_policy_rule(policy, begin_ns).mode);
	if (!err)
		err = bat_attach_sample(attach, &sample);
	if (err)
		return err;
	/* A line that others can wait for, as serve and proxy print one. */
	(void)fprintf(stderr, "batching attach: process %" PRId64 ", sockets now: %" PRIu32 "\n",
		question->pid, sample.sockets);
	bat_poll_begin(&window, &sample);
	bat_poll_begin(&ret->whole, &sample);
	ret->first = ret->last = sample;
	while (!is_stopped && next_ns - begin_ns < question->duration_ns) {
		double gap = hb_rng_exponential(&rng, (double)question->period_ns);

		next_ns += (int64_t)fmin(gap, GAP_MAX * (double)question->period_ns) + 1;
		wait_until(next_ns);
		err = bat_attach_sample(attach, &sample);
		if (err)
			return err;
		ret->polls++;
		ret->last = sample;
		bat_poll_add(&window, &sample);
		bat_poll_add(&ret->whole, &sample);
		if (sample.time_ns - window.first.time_ns < question->window_ns)
			continue;
		tell(policy, &window);
		bat_poll_begin(&window, &sample);
		err = bat_attach_set(attach, bat_policy_rule(policy, sample.time_ns).mode);
		if (err)
			return err;
	}
	ret->end = is_stopped ? "signal" : "time";
	return 0;
}

static void put_wait(struct hb_json_out *out, const char *key, _Bool defined, double ns)
{
	if (defined)
		hb_json_put_number(out, key, ns);
	else
		hb_json_put_null(out, key);
}

static int64_t duration_of(const struct outcome *outcome)
{
	return outcome->last.time_ns - outcome->first.time_ns;
}

/* Processor time of this process. */
static int64_t cpu_now_ns(void)
{
	struct timespec used;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
}

static void put_json(const struct question *question, const struct outcome *outcome)
{
	struct bat_poll_wait wait = bat_poll_waits(&outcome->whole);
	struct hb_json_out out = {.stream = stdout};

	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "batching.attach/1");
	hb_json_put_text(&out, "tracking", "polling");
	hb_json_put_text(&out, "end", outcome->end);
	hb_json_put_u64(&out, "polls", outcome->polls);
	hb_json_put_u64(&out, "duration_ns", (uint64_t)duration_of(outcome));
	hb_json_put_u64(&out, "cpu_ns", (uint64_t)outcome->cpu_ns);
	hb_json_put_u64(&out, "sockets", outcome->last.sockets);
	hb_json_put_u64(&out, "restored", outcome->restored);
	hb_json_put_u64(&out, "overridden", outcome->last.overridden);
	hb_json_put_u64(&out, "pushed", outcome->last.pushed);
	hb_json_put_u64(&out, "acked_bytes",
		outcome->last.unacked_departed - outcome->first.unacked_departed);
	hb_json_put_u64(
		&out, "read_bytes", outcome->last.unread_departed - outcome->first.unread_departed);
	hb_json_put_u64(&out, "segments", outcome->last.segments - outcome->first.segments);
	put_wait(&out, "unacked_wait_ns", wait.unacked_defined, wait.unacked_ns);
	put_wait(&out, "unread_wait_ns", wait.unread_defined, wait.unread_ns);
	policy_words_put(&out, question->policy.kind, &outcome->policy);
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static void put_text(const struct question *question, const struct outcome *outcome)
{
	struct bat_poll_wait wait = bat_poll_waits(&outcome->whole);

	(void)printf("%" PRIu64 " polls of %" PRIu32 " sockets, %" PRIu64
		     " switches by %s; ended by %s, %" PRIu32 " restored\n",
		outcome->polls, outcome->last.sockets, outcome->policy.switches,
		bat_policy_name(question->policy.kind), outcome->end, outcome->restored);
	if (duration_of(outcome) > 0)
		(void)printf("polling took %.3g %% of a processor\n",
			100.0 * (double)outcome->cpu_ns / (double)duration_of(outcome));
	if (wait.unacked_defined)
		(void)printf("written until acknowledged: %.6g us\n", wait.unacked_ns / 1e3);
	if (wait.unread_defined)
		(void)printf("received until read: %.6g us\n", wait.unread_ns / 1e3);
}

static int attach(const struct question *question, struct hb_error *reterr)
{
	struct sigaction action = {.sa_handler = stop};
	struct bat_attach *attach = NULL;
	struct bat_policy *policy = NULL;
	struct outcome outcome = {0};
	int err = bat_policy_create(&policy, &question->policy, reterr);
	int64_t hold_ns = question->policy.hold_max_ns;

	if (err)
		return err;
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	err = bat_attach_create(&attach, (pid_t)question->pid, question->port,
		hold_ns ? hold_ns : BAT_HOLD_MAX_DEFAULT_NS, reterr);
	if (err)
		goto out;
	outcome.cpu_ns = -cpu_now_ns();
	err = watch(question, attach, policy, &outcome);
	outcome.cpu_ns += cpu_now_ns();
	outcome.policy = bat_policy_recorded(policy);
	bat_attach_destroy(attach, &outcome.restored);
	if (err == -ESRCH) {
		outcome.end = "process";
		err = 0;
	}
	if (err)
		(void)hb_error_set(reterr, err,
			"process %" PRId64 " cannot be watched any more: %s", question->pid,
			strerror(-err));
	else if (question->json)
		put_json(question, &outcome);
	else
		put_text(question, &outcome);
out:
	bat_policy_destroy(policy);
	return err;
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
	struct question question = {
		.duration_ns = INT64_MAX / 2, .period_ns = 1000000, .window_ns = 50000000};
	struct policy_words words = {0};
	uint64_t port = 0;
	const struct hb_option_target options[] = {
		{.name = "pid", .i64 = &question.pid, .required = 1},
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
		"  --port N        only sockets with this local or remote port (all)\n"
		"  --duration-ns T until SIGINT or SIGTERM if not given\n"
		"  --period-ns T   mean gap between two polls of the sockets (1000000)\n"
		"  --window-ns T   after which a policy learns (50000000)\n" POLICY_WORDS_HELP
		"                  here one of nodelay, nagle, cork, greedy, ucb, toggle, oracle; "
		"the last four choose Nagle's algorithm as with --nagle-arm\n"
		"  --json          batching.attach/1, at the end\n",
	.run = run,
};
