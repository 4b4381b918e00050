/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * harness/trivial: the smallest experiment there is, two variants that do the same next to nothing. What it costs
 * is the runner's own work; harness/journal measures that.
 */
#include <stdlib.h>

#include <hotbed/rng.h>
#include <hotbed/trial.h>

#include "experiments.h"

static uint64_t answer;

static int run(struct hb_trial *trial)
{
	answer ^= hb_rng_mix(hb_trial_seed(trial), 42) >> 32;
	hb_trial_metric(trial, "answer", (double)answer, 1);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	uint64_t expected = hb_rng_mix(hb_trial_seed(trial), 42) >> 32;

	hb_trial_digest(trial, &answer, sizeof(answer));
	if (answer != expected)
		return hb_trial_fail(trial, "the answer is %llu, not %llu",
			(unsigned long long)answer, (unsigned long long)expected);
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	answer = 1;
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 1;
}

#define HOOKS .digest_class = "answer", .run = run, .verify = verify, .sabotage = sabotage

static const struct hb_param params[] = {
	{.name = "copy",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "changes nothing: more of the same points",
		.sweep = "1",
		.min = 1,
		.max = 1000000},
	{0},
};

static const struct hb_metric metrics[] = {
	{.name = "answer",
		.unit = "1",
		.help = "32 bits derived from the seed",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_MODEL,
		.exact = true},
	{0},
};

static const struct hb_variant variants[] = {
	{.name = "nothing", .role = HB_ROLE_BASELINE, .help = "hashes the seed", HOOKS},
	{.name = "as_little", .role = HB_ROLE_IDEA, .help = "hashes the seed as well", HOOKS},
	{0},
};

const struct hb_experiment harness_trivial = {
	.name = "trivial",
	.question = "What does a trial cost that does nothing?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.quiet = true,
	.trial_ms = trial_ms,
};
