/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sample driver's tables, and what their hooks do. */
#include "sample.h"

#include <errno.h>
#include <math.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/experiment.h>
#include <hotbed/trial.h>

struct sums {
	uint64_t count, expected, got;
	uint64_t error; /* added by sabotage */
};

static struct sums sums;

static int setup_sums(struct hb_trial *trial)
{
	sums.count = (uint64_t)hb_params_i64(hb_trial_params(trial), "count");
	hb_trial_set_state(trial, &sums);
	return 0;
}

static int run_loop(struct hb_trial *trial)
{
	struct sums *state = hb_trial_state(trial);

	state->got = state->error;
	for (uint64_t i = 1; i <= state->count; i++)
		state->got += i;
	hb_trial_metric(trial, "additions", (double)state->count, 1);
	return 0;
}

static int run_formula(struct hb_trial *trial)
{
	struct sums *state = hb_trial_state(trial);

	state->got = state->count * (state->count + 1) / 2 + state->error;
	hb_trial_metric(trial, "additions", 1, 1);
	return 0;
}

static int verify_sums(struct hb_trial *trial)
{
	struct sums *state = hb_trial_state(trial);

	state->expected = 0;
	for (uint64_t i = state->count; i > 0; i--)
		state->expected += i;
	hb_trial_digest(trial, &state->got, sizeof(state->got));
	if (state->got != state->expected)
		return hb_trial_fail(trial, "expected %llu, got %llu",
			(unsigned long long)state->expected, (unsigned long long)state->got);
	return 0;
}

static int sabotage_sums(struct hb_trial *trial)
{
	struct sums *state = hb_trial_state(trial);

	state->error = 1;
	return 0;
}

static bool valid_sums(const struct hb_params *params, const char **ret_why)
{
	*ret_why = "the fine unit is for counts up to 64";
	return hb_params_i64(params, "count") <= 64 ||
	       strcmp(hb_params_text(params, "unit"), "fine") != 0;
}

static uint64_t memory_sums(const struct hb_params *params)
{
	return (uint64_t)hb_params_i64(params, "count") * 8;
}

static const struct hb_experiment sums_experiment = {
	.name = "sums",
	.question = "Is a formula faster than a loop?",
	.params =
		(const struct hb_param[]){
			{.name = "unit",
				.type = HB_PARAM_TEXT,
				.help = "granularity",
				.sweep = "coarse,fine"},
			{.name = "count",
				.type = HB_PARAM_INT,
				.unit = "1",
				.help = "numbers to add",
				.sweep = "log2(16,64)",
				.sweep_full = "16,1K",
				.min = 1,
				.max = 1e9},
			{.name = "alpha",
				.type = HB_PARAM_REAL,
				.unit = "1",
				.help = "unused by the sum",
				.sweep = "linear(0,1,3)",
				.sweep_quick = "0.5"},
			{.name = NULL},
		},
	.metrics =
		(const struct hb_metric[]){
			{.name = "additions",
				.unit = "1",
				.help = "additions made",
				.better = HB_BETTER_LOWER,
				.basis = HB_BASIS_COUNT,
				.exact = true},
			{.name = NULL},
		},
	.variants =
		(const struct hb_variant[]){
			{.name = "loop",
				.role = HB_ROLE_BASELINE,
				.help = "adds one by one",
				.digest_class = "sum",
				.setup = setup_sums,
				.run = run_loop,
				.verify = verify_sums,
				.sabotage = sabotage_sums},
			{.name = "formula",
				.role = HB_ROLE_IDEA,
				.help = "n (n + 1) / 2",
				.digest_class = "sum",
				.setup = setup_sums,
				.run = run_formula,
				.verify = verify_sums,
				.sabotage = sabotage_sums},
			{.name = NULL},
		},
	.claims =
		(const struct hb_claim[]){
			{.name = "formula-needs-one",
				.text = "The formula needs \"one\" addition.",
				.paper = "Gauss",
				.section = "",
				.metric = "additions",
				.variant = "formula",
				.where = "count=1K;unit=coarse",
				.lo = 0,
				.hi = INFINITY,
				.headline = 1},
			{.name = NULL},
		},
	.quiet = true,
	.memory_bytes = memory_sums,
	.valid = valid_sums,
};

/* `faults`: the hook named by parameter `hook` does what parameter `how` says. */
static int misbehave(struct hb_trial *trial, const char *hook)
{
	const struct hb_params *params = hb_trial_params(trial);
	const char *how = hb_params_text(params, "how");

	if (strcmp(hb_params_text(params, "hook"), hook) != 0)
		return 0;
	if (strcmp(how, "fail") == 0)
		return hb_trial_fail(trial, "%s: expected 12, got \"11\"\n", hook);
	if (strcmp(how, "draw") == 0) {
		hb_trial_figure(trial, "shape", "{\"title\":\"a\\n\"}");
		return 0;
	}
	if (strcmp(how, "errno") == 0)
		return -ENOENT;
	if (strcmp(how, "skip") == 0)
		return hb_trial_skip(trial, "needs hugepages");
	if (strcmp(how, "late") == 0)
		return hb_trial_invalid_load(trial, 0.93);
	abort();
}

static int fault_probe(struct hb_trial *trial)
{
	return misbehave(trial, "probe");
}

static int fault_setup(struct hb_trial *trial)
{
	return misbehave(trial, "setup");
}

static int fault_warmup(struct hb_trial *trial)
{
	return misbehave(trial, "warmup");
}

static int fault_run(struct hb_trial *trial)
{
	hb_trial_metric(trial, "value", 0.1, 3);
	hb_trial_flag(trial, "unsteady");
	return misbehave(trial, "run");
}

static int fault_verify(struct hb_trial *trial)
{
	return misbehave(trial, "verify");
}

static int fault_teardown(struct hb_trial *trial)
{
	return misbehave(trial, "teardown");
}

static int fault_sabotage(struct hb_trial *trial)
{
	return misbehave(trial, "sabotage");
}

static const struct hb_experiment faults_experiment = {
	.name = "faults",
	.question = "Is every failure told apart?",
	.params =
		(const struct hb_param[]){
			{.name = "hook",
				.type = HB_PARAM_TEXT,
				.help = "where it goes wrong",
				.sweep = "none",
				.allowed = "none,probe,setup,warmup,run,verify,teardown,sabotage"},
			{.name = "how",
				.type = HB_PARAM_TEXT,
				.help = "what goes wrong",
				.sweep = "fail",
				.allowed = "fail,errno,skip,late,draw,abort"},
			{.name = NULL},
		},
	.metrics =
		(const struct hb_metric[]){
			{.name = "value",
				.unit = "ns",
				.help = "a constant",
				.better = HB_BETTER_LOWER,
				.basis = HB_BASIS_MODEL},
			{.name = NULL},
		},
	.variants =
		(const struct hb_variant[]){
			{.name = "only",
				.role = HB_ROLE_BASELINE,
				.help = "the one variant",
				.probe = fault_probe,
				.setup = fault_setup,
				.warmup = fault_warmup,
				.run = fault_run,
				.verify = fault_verify,
				.teardown = fault_teardown,
				.sabotage = fault_sabotage},
			{.name = NULL},
		},
};

/* `children`: three children are left running; their ids go to standard error. */
static int sleep_long(void *user)
{
	const int *ready_fd = user;

	(void)signal(SIGTERM, SIG_IGN);
	if (ready_fd && write(*ready_fd, "x", 1) != 1)
		return 1;
	for (;;)
		(void)pause();
	return 0;
}

static int return_nine(void *user)
{
	(void)user;
	return 9;
}

static int run_children(struct hb_trial *trial)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct hb_child child;

	for (int i = 0; i < 3; i++) {
		int err = i < 2 ? hb_child_start(trial, "load", argv, NULL, &child)
				: hb_child_run(trial, "peer", sleep_long, NULL, &child);

		if (err)
			return hb_trial_fail(trial, "child %d: %s", i, strerror(-err));
		(void)fprintf(stderr, "%d\n", child.pid);
	}
	hb_trial_metric(trial, "children", 3, 1);
	if (strcmp(hb_params_text(hb_trial_params(trial), "end"), "kill") == 0)
		(void)raise(SIGKILL);
	return 0;
}

static int stop_stubborn_child(struct hb_trial *trial)
{
	struct hb_child child;
	int status = 0, ready[2];
	char byte;

	if (pipe2(ready, O_CLOEXEC))
		return hb_trial_fail(trial, "pipe: %s", strerror(errno));
	if (hb_child_run(trial, "peer", sleep_long, &ready[1], &child))
		return hb_trial_fail(trial, "a copy of this process did not start");
	if (read(ready[0], &byte, 1) != 1)
		return hb_trial_fail(trial, "the copy said nothing");
	(void)close(ready[0]);
	(void)close(ready[1]);
	if (hb_child_wait(&child, 1, &status) != -ETIMEDOUT)
		return hb_trial_fail(trial, "a sleeping child had ended");
	if (hb_child_stop(&child, 200, &status) || WTERMSIG(status) != SIGKILL)
		return hb_trial_fail(trial, "a child that ignores SIGTERM ended with %d", status);
	return 0;
}

static int verify_children(struct hb_trial *trial)
{
	struct hb_child child;
	int status = 0, err;

	if (hb_child_start(trial, "load", (const char *const[]){"/nonexistent", NULL}, NULL,
		    &child) != -ENOENT)
		return hb_trial_fail(trial, "a missing program was not refused");
	if (hb_child_start(
		    trial, "load", (const char *const[]){"sh", "-c", "exit 7", NULL}, NULL, &child))
		return hb_trial_fail(trial, "sh did not start");
	if (hb_child_wait(&child, 10000, &status) || WEXITSTATUS(status) != 7)
		return hb_trial_fail(trial, "sh ended with status %d", status);
	if (hb_child_wait(&child, 10000, &status) != -ESRCH)
		return hb_trial_fail(trial, "a reaped child was waited for");
	err = stop_stubborn_child(trial);
	if (err)
		return err;
	if (hb_child_run(trial, "peer", return_nine, NULL, &child) ||
		hb_child_wait(&child, -1, &status) || WEXITSTATUS(status) != 9)
		return hb_trial_fail(trial, "a returned value is not the exit code: %d", status);
	return 0;
}

static int sabotage_children(struct hb_trial *trial)
{
	return hb_trial_fail(trial, "there is nothing to get wrong");
}

static const struct hb_experiment children_experiment = {
	.name = "children",
	.question = "Does anything outlive its trial?",
	.params =
		(const struct hb_param[]){
			{.name = "end",
				.type = HB_PARAM_TEXT,
				.help = "how the driver ends",
				.sweep = "return",
				.allowed = "return,kill"},
			{.name = NULL},
		},
	.metrics =
		(const struct hb_metric[]){
			{.name = "children",
				.unit = "1",
				.help = "processes started",
				.basis = HB_BASIS_COUNT,
				.exact = true},
			{.name = NULL},
		},
	.variants =
		(const struct hb_variant[]){
			{.name = "only",
				.role = HB_ROLE_BASELINE,
				.help = "the one variant",
				.run = run_children,
				.verify = verify_children,
				.sabotage = sabotage_children},
			{.name = NULL},
		},
	.roles = (const char *const[]){"load", "peer", NULL},
};

/* `network`: a trial of its own network sees loopback only, and it works. */
static int setup_network(struct hb_trial *trial)
{
	int err = hb_trial_unshare(trial, HB_NAMESPACE_NET | HB_NAMESPACE_MOUNT | HB_NAMESPACE_PID);

	if (err)
		return hb_trial_fail(trial, "cannot unshare: %s", strerror(-err));
	return 0;
}

static int run_network(struct hb_trial *trial)
{
	struct if_nameindex *interfaces = if_nameindex();
	size_t count = 0;

	while (interfaces && interfaces[count].if_index)
		count++;
	if_freenameindex(interfaces);
	hb_trial_metric(trial, "interfaces", (double)count, 1);
	return 0;
}

/* A child in a PID namespace of its own is process 1 there. */
static int report_pid(void *user)
{
	(void)user;
	return getpid();
}

static int verify_network(struct hb_trial *trial)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct hb_child child;
	int status = 0;

	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1) ||
		getsockname(listener, (struct sockaddr *)&address, &length) ||
		connect(client, (struct sockaddr *)&address, sizeof(address)))
		return hb_trial_fail(trial, "loopback: %s", strerror(errno));
	(void)close(client);
	(void)close(listener);
	if (hb_child_run(trial, "system", report_pid, NULL, &child) ||
		hb_child_wait(&child, 10000, &status) || WEXITSTATUS(status) != 1)
		return hb_trial_fail(
			trial, "the child is not process 1 of its namespace: %d", status);
	return 0;
}

static const struct hb_experiment network_experiment = {
	.name = "network",
	.question = "Is the trial's network its own?",
	.metrics =
		(const struct hb_metric[]){
			{.name = "interfaces",
				.unit = "1",
				.help = "network interfaces in sight",
				.basis = HB_BASIS_COUNT,
				.exact = true},
			{.name = NULL},
		},
	.variants =
		(const struct hb_variant[]){
			{.name = "only",
				.role = HB_ROLE_BASELINE,
				.help = "the one variant",
				.setup = setup_network,
				.run = run_network,
				.verify = verify_network,
				.sabotage = sabotage_children},
			{.name = NULL},
		},
};

static const struct hb_experiment *const experiments[] = {
	&sums_experiment,
	&faults_experiment,
	&children_experiment,
	&network_experiment,
	NULL,
};

const struct hb_driver sample_driver = {
	.subproject = "sample",
	.version = "1.0",
	.experiments = experiments,
};
