/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * harness/launcher: what ./hotbed adds when there is nothing to set up or build, against the program it starts. At most
 * 50 ms, which is the difference of the two times.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/stats.h>
#include <hotbed/trial.h>

#include "experiments.h"
#include "programs.h"

enum { RUNS_MAX = 20, OUTPUT_BYTES = 4096 };

struct state {
	char program[PATH_MAX]; /* started */
	const char *argument;
	char output[PATH_MAX + 16];
	unsigned int runs;
	double times_ns[RUNS_MAX];
};

/* The launcher only ever starts the build beside it: elsewhere it would measure another program, or build one. */
static int probe(struct hb_trial *trial)
{
	char runner[PATH_MAX];

	if (program_runner(runner) < 0)
		return hb_trial_skip(trial, "hotbed is not built");
	if (strcmp(runner, SOURCE_ROOT "/build/harness/hotbed") != 0)
		return hb_trial_skip(trial, "this build is not the one that ./hotbed starts");
	return access(SOURCE_ROOT "/hotbed", X_OK) == 0
		       ? 0
		       : hb_trial_skip(trial, "the source folder has no ./hotbed");
}

static int setup(struct hb_trial *trial)
{
	struct state *state = calloc(1, sizeof(*state));
	const char *program = hb_trial_data(trial);

	if (!state)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, state);
	(void)snprintf(state->program, sizeof(state->program), "%s", program);
	(void)snprintf(state->output, sizeof(state->output), "%s/output", hb_trial_tmpdir(trial));
	state->argument = "--version";
	state->runs = hb_trial_is_quick(trial) ? 3 : RUNS_MAX;
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);

	state->argument = "help";
	return 0;
}

static int start(struct hb_trial *trial, const struct state *state, double *ret_ns)
{
	const char *const argv[] = {state->program, state->argument, NULL};
	struct program_cost cost;
	int result = program_run(argv, state->output, &cost);

	if (result < 0)
		return hb_trial_fail(trial, "%s: %s", state->program, strerror(-result));
	if (cost.status != 0)
		return hb_trial_fail(trial, "%s ended with wait status %d; see the trial's log",
			state->program, cost.status);
	*ret_ns = (double)cost.time_ns;
	return 0;
}

static int warm_up(struct hb_trial *trial)
{
	double time_ns;

	return start(trial, hb_trial_state(trial), &time_ns);
}

static int run(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);

	for (unsigned int i = 0; i < state->runs; i++) {
		int result = start(trial, state, &state->times_ns[i]);

		if (result < 0)
			return result;
	}
	hb_trial_metric(trial, "time", hb_stats_median(state->times_ns, state->runs), state->runs);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	const struct state *state = hb_trial_state(trial);
	char text[OUTPUT_BYTES];

	if (program_output(state->output, text, sizeof(text)) < 0 ||
		strcmp(text, "hotbed " VERSION "\n") != 0)
		return hb_trial_fail(trial, "it did not print 'hotbed " VERSION "'");
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	free(hb_trial_state(trial));
	return 0;
}

#define HOOKS                                                                            \
	.probe = probe, .setup = setup, .warmup = warm_up, .run = run, .verify = verify, \
	.teardown = teardown, .sabotage = sabotage

static const struct hb_metric metrics[] = {
	{.name = "time",
		.unit = "ns",
		.help = "median time of one start that prints the version",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05},
	{0},
};

static const struct hb_variant variants[] = {
	{.name = "program",
		.role = HB_ROLE_BASELINE,
		.help = "build/harness/hotbed --version",
		HOOKS,
		.data = SOURCE_ROOT "/build/harness/hotbed"},
	{.name = "launcher",
		.role = HB_ROLE_IDEA,
		.help = "./hotbed --version",
		HOOKS,
		.data = SOURCE_ROOT "/hotbed"},
	{0},
};

const struct hb_experiment harness_launcher = {
	.name = "launcher",
	.question = "What does ./hotbed add when nothing is to be done first?",
	.metrics = metrics,
	.variants = variants,
};
