/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spork/startup: what being run by spork costs a program that never forks: the library is loaded, the environment is
 * cleaned, libc's system calls are patched. Blocks interleave the variants, so that drift hits both.
 */
#include "experiments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/trial.h>

#include "under_spork.h"

#define STARTS 2000
#define STARTS_QUICK 100

struct startup {
	int64_t samples[STARTS];
	size_t count;
	int wrong;
	bool sabotaged;
};

static int probe(struct hb_trial *trial)
{
	return hb_trial_data(trial) ? under_spork_probe(trial) : 0;
}

static int setup(struct hb_trial *trial)
{
	struct startup *startup = calloc(1, sizeof(*startup));

	if (!startup)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, startup);
	if (hb_trial_data(trial) && !under_spork())
		return hb_trial_fail(trial, "the runtime is not loaded");
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	struct startup *startup = hb_trial_state(trial);

	startup->sabotaged = true;
	return 0;
}

/* vfork, which spork leaves alone: only the program's own start differs. */
static int start(const char *path)
{
	int status = -1;
	pid_t pid = vfork();

	if (pid == 0) {
		/* true ignores arguments. */
		(void)execl(path, path, "-c", ":", (char *)NULL);
		_exit(127);
	}
	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return status;
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static int run(struct hb_trial *trial)
{
	struct startup *startup = hb_trial_state(trial);
	size_t starts = hb_trial_is_quick(trial) ? STARTS_QUICK : STARTS;
	char path[16];

	(void)snprintf(path, sizeof(path), "/bin/%s",
		startup->sabotaged ? "false" : hb_params_text(hb_trial_params(trial), "program"));
	for (size_t i = 0; i < starts; i++) {
		int64_t start_ns = hb_clock_now_ns();

		startup->wrong += start(path) != 0;
		startup->samples[startup->count++] = hb_clock_now_ns() - start_ns;
	}
	qsort(startup->samples, startup->count, sizeof(int64_t), compare);
	hb_trial_metric(
		trial, "image_p50", (double)startup->samples[startup->count / 2], startup->count);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	struct startup *startup = hb_trial_state(trial);

	if (startup->wrong)
		return hb_trial_fail(
			trial, "%d of %zu programs failed", startup->wrong, startup->count);
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	free(hb_trial_state(trial));
	return 0;
}

static uint64_t memory_bytes(const struct hb_params *params)
{
	(void)params;
	return UINT64_C(64) << 20;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 2500;
}

static const struct hb_param params[] = {
	{
		.name = "program",
		.type = HB_PARAM_TEXT,
		.help = "what is started: sh -c :, into which the runtime is loaded, or true, "
			"which starts "
			"no others and runs untouched",
		.sweep = "sh,true",
		.sweep_quick = "sh",
		.allowed = "sh,true",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "image_p50",
		.unit = "ns",
		.help = "median time to start, run and reap the program",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.03,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, data_)                                                        \
	{                                                                                          \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe, .setup = setup, \
		.run = run, .verify = verify, .teardown = teardown, .sabotage = sabotage,          \
		.data = (data_),                                                                   \
	}

static const struct hb_variant variants[] = {
	VARIANT("plain", HB_ROLE_BASELINE, "the program as it is", NULL),
	VARIANT("spork_idle", HB_ROLE_IDEA, "by 'spork run --mode fork': loaded, and never used",
		"spork"),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "loading-is-cheap",
		.text = "Under spork sh -c : takes at most 1.1 times as long, though the runtime "
			"is "
			"loaded into it.",
		.paper = "Hotbed",
		.section = "",
		.metric = "image_p50",
		.variant = "spork_idle",
		.where = "program=sh",
		.lo = 0,
		.hi = 1.1,
	},
	{
		.name = "start-up-is-cheap",
		.text = "Under spork /bin/true takes at most 1.15 times as long, which is about "
			"100 us.",
		.paper = "Hotbed",
		.section = "",
		.metric = "image_p50",
		.variant = "spork_idle",
		.where = "program=true",
		.lo = 0,
		.hi = 1.15,
	},
	{.name = NULL},
};

const struct hb_experiment spork_startup = {
	.name = "startup",
	.question = "What does a program pay that is run by spork and never forks?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "program", .metric = "image_p50"},
	.memory_bytes = memory_bytes,
	.trial_ms = trial_ms,
};
