/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * harness/aa-noise: the same code as baseline and as negative variant, three kinds of it. What differs is this
 * machine's noise: how large a difference two equal programs seem to have here, after all the care the runner
 * takes.
 */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/rng.h>
#include <hotbed/stats.h>
#include <hotbed/trial.h>

#include "experiments.h"

enum {
	REPETITIONS_MAX = 200,
	MEMORY_BYTES = 32 * 1024 * 1024,
	SPAWNS = 4,
	CPU_STEPS =
		10000000, /* about 8 ms: a multiplication and an addition that wait for the last ones */
};

struct state {
	uint64_t seed;
	bool sabotaged;
	uint64_t result;       /* of the CPU loop */
	unsigned int reaped;   /* children that ended with 0 */
	unsigned char *memory; /* MEMORY_BYTES */
	unsigned char value;   /* what all of it must hold */
	unsigned int repetitions;
	double times_ns[REPETITIONS_MAX];
};

extern char **environ;

/* x -> 5 x + c, again and again; its closed form is in verify. */
static int work_cpu(struct state *state)
{
	uint64_t x = state->seed;
	uint64_t addend = state->sabotaged ? 2 : 1;

	for (unsigned int i = 0; i < CPU_STEPS; i++) {
		x = 5 * x + addend;
		/* Keeps the loop from being computed in one step. */
		__asm__ volatile("" : "+r"(x));
	}
	state->result = x;
	return 0;
}

static int work_spawn(struct state *state)
{
	const char *program = state->sabotaged ? "/bin/false" : "/bin/true";
	char *const argv[] = {(char *)(uintptr_t)program, NULL};

	for (unsigned int i = 0; i < SPAWNS; i++) {
		pid_t pid;
		int status;
		int result = posix_spawn(&pid, program, NULL, NULL, argv, environ);

		if (result != 0)
			return -result;
		while (waitpid(pid, &status, 0) < 0) {
			if (errno != EINTR)
				return -errno;
		}
		state->reaped += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	return 0;
}

static int work_memset(struct state *state)
{
	state->value++;
	memset(state->memory, state->value, MEMORY_BYTES - (state->sabotaged ? 1 : 0));
	__asm__ volatile("" ::"r"(state->memory) : "memory");
	return 0;
}

static int work(struct hb_trial *trial, struct state *state)
{
	const char *kind = hb_params_text(hb_trial_params(trial), "work");

	if (strcmp(kind, "cpu") == 0)
		return work_cpu(state);
	return strcmp(kind, "spawn") == 0 ? work_spawn(state) : work_memset(state);
}

/* At least 200 ms of work. */
static unsigned int repetitions_for(const char *kind)
{
	if (strcmp(kind, "cpu") == 0)
		return 40;
	return strcmp(kind, "spawn") == 0 ? 100 : REPETITIONS_MAX;
}

static int setup(struct hb_trial *trial)
{
	struct state *state = calloc(1, sizeof(*state));

	if (!state)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, state);
	state->seed = hb_trial_seed(trial);
	state->repetitions = repetitions_for(hb_params_text(hb_trial_params(trial), "work"));
	if (hb_trial_is_quick(trial))
		state->repetitions /= 10;
	state->memory = calloc(1, MEMORY_BYTES);
	return state->memory ? 0 : hb_trial_fail(trial, "no memory for %d bytes", MEMORY_BYTES);
}

static int sabotage(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);

	state->sabotaged = true;
	return 0;
}

static int warm_up(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);
	int result = work(trial, state);

	state->reaped = 0;
	return result < 0 ? hb_trial_fail(trial, "warm-up: %s", strerror(-result)) : 0;
}

static int run(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);

	for (unsigned int i = 0; i < state->repetitions; i++) {
		int64_t begin_ns = hb_clock_now_ns();
		int result = work(trial, state);

		if (result < 0)
			return hb_trial_fail(trial, "repetition %u: %s", i, strerror(-result));
		state->times_ns[i] = (double)(hb_clock_now_ns() - begin_ns);
	}
	hb_trial_metric(trial, "work_time", hb_stats_median(state->times_ns, state->repetitions),
		state->repetitions);
	return 0;
}

/* x_n = 5^n x_0 + (5^n - 1) / 4 modulo 2^64; the division by 4 is exact in 128 bits. */
static uint64_t cpu_expected(uint64_t seed)
{
	__extension__ unsigned __int128 power = 1, base = 5;

	for (unsigned int n = CPU_STEPS; n; n >>= 1) {
		if (n & 1)
			power *= base;
		base *= base;
	}
	return (uint64_t)power * seed + (uint64_t)((power - 1) >> 2);
}

static int verify(struct hb_trial *trial)
{
	const struct state *state = hb_trial_state(trial);
	const char *kind = hb_params_text(hb_trial_params(trial), "work");

	if (strcmp(kind, "cpu") == 0 && state->result != cpu_expected(state->seed))
		return hb_trial_fail(trial, "the loop gave %llu, not %llu",
			(unsigned long long)state->result,
			(unsigned long long)cpu_expected(state->seed));
	if (strcmp(kind, "spawn") == 0 && state->reaped != SPAWNS * state->repetitions)
		return hb_trial_fail(trial, "%u of %u children ended with 0", state->reaped,
			SPAWNS * state->repetitions);
	for (size_t i = 0; strcmp(kind, "memset") == 0 && i < MEMORY_BYTES; i++) {
		if (state->memory[i] != state->value)
			return hb_trial_fail(trial, "byte %zu is %u, not %u", i,
				(unsigned int)state->memory[i], (unsigned int)state->value);
	}
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);

	if (state)
		free(state->memory);
	free(state);
	return 0;
}

static uint64_t memory_bytes(const struct hb_params *params)
{
	(void)params;
	return 2ULL * MEMORY_BYTES;
}

#define HOOKS                                                                                  \
	.setup = setup, .warmup = warm_up, .run = run, .verify = verify, .teardown = teardown, \
	.sabotage = sabotage

static const struct hb_param params[] = {
	{.name = "work",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "cpu: 8 ms of multiplications; spawn: 4 x posix_spawn; memset: 32 MiB",
		.sweep = "cpu,spawn,memset"},
	{0},
};

static const struct hb_metric metrics[] = {
	{.name = "work_time",
		.unit = "ns",
		.help = "median time of one repetition",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05},
	{0},
};

static const struct hb_variant variants[] = {
	{.name = "once", .role = HB_ROLE_BASELINE, .help = "the work", HOOKS},
	{.name = "again", .role = HB_ROLE_NEGATIVE, .help = "the same work", HOOKS},
	{0},
};

static const struct hb_claim claims[] = {
	{.name = "no-difference-to-itself",
		.text = "The same code measured as two variants differs by less than 5 percent.",
		.paper = "Hotbed, harness/README.md",
		.section = "",
		.metric = "work_time",
		.variant = "again",
		.where = "",
		.lo = 0.95,
		.hi = 1.05},
	{0},
};

const struct hb_experiment harness_aa_noise = {
	.name = "aa-noise",
	.question = "How large a difference does this machine show between equal programs?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.memory_bytes = memory_bytes,
};
