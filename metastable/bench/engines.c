/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable/engines: time per simulated event of the running example. The loop without a heap must give, bit for bit,
 * what the shared engine gives.
 */
#include "experiments.h"

#include <stdbool.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <metastable/simulation.h>

#include "paper_model.h"

#define REPEATS 200
#define REPEATS_QUICK 5

static const bool is_shared[] = {true, false};
static struct ms_model model;
static struct ms_simulation *simulation;
static struct ms_run_result first;
static bool sabotaged;

/* Two simulations: the digest is made in a run of its own, which is not timed. */
static int setup(struct hb_trial *trial)
{
	bool shared = *(const bool *)hb_trial_data(trial);
	struct ms_run_options options = {.shared_engine = shared, .digest = true};
	struct hb_error error = {0};
	int code = paper_model(trial, "", &model);

	if (code)
		return code;
	code = ms_simulation_create(&model, &options, &simulation, &error);
	if (!code)
		code = ms_simulation_run(simulation, hb_trial_seed(trial), 0, NULL, &first, &error);
	ms_simulation_destroy(simulation);
	simulation = NULL;
	options.digest = false;
	if (!code)
		code = ms_simulation_create(&model, &options, &simulation, &error);
	return code ? hb_trial_fail(trial, "%s", error.text) : 0;
}

static int run(struct hb_trial *trial)
{
	uint32_t repeats = hb_trial_is_quick(trial) ? REPEATS_QUICK : REPEATS;
	struct hb_error error = {0};
	uint64_t events = 0;
	int64_t begin_ns = hb_clock_now_ns(), end_ns;

	for (uint32_t i = 0; i < repeats; i++) {
		struct ms_run_result result;

		if (ms_simulation_run(simulation, hb_trial_seed(trial), i, NULL, &result, &error))
			return hb_trial_fail(trial, "%s", error.text);
		events += result.events;
	}
	end_ns = hb_clock_now_ns();
	hb_trial_metric(trial, "event", (double)(end_ns - begin_ns) / (double)events, events);
	if (sabotaged)
		first.digest++;
	hb_trial_digest(trial, &first.digest, sizeof(first.digest));
	return 0;
}

static int verify(struct hb_trial *trial)
{
	bool shared = *(const bool *)hb_trial_data(trial);
	struct ms_run_result again;
	struct ms_run_options options = {.shared_engine = !shared, .digest = true};
	struct ms_simulation *other = NULL;
	struct hb_error error = {0};
	int code = ms_simulation_create(&model, &options, &other, &error);

	if (!code)
		code = ms_simulation_run(other, hb_trial_seed(trial), 0, NULL, &again, &error);
	ms_simulation_destroy(other);
	if (code)
		return hb_trial_fail(trial, "%s", error.text);
	if (again.digest != first.digest || again.events != first.events)
		return hb_trial_fail(trial, "the two engines differ");
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	(void)trial;
	ms_simulation_destroy(simulation);
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 4000;
}

static const struct hb_metric metrics[] = {
	{
		.name = "event",
		.unit = "ns",
		.help = "one event of the running example",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	{
		.name = "shared-engine",
		.role = HB_ROLE_BASELINE,
		.help = "the event queue that all simulations of the project use",
		.digest_class = "events",
		.setup = setup,
		.run = run,
		.verify = verify,
		.teardown = teardown,
		.sabotage = sabotage,
		.data = &is_shared[0],
	},
	{
		.name = "specialised",
		.role = HB_ROLE_IDEA,
		.help = "a loop without a heap: constant timeouts are a ring",
		.digest_class = "events",
		.setup = setup,
		.run = run,
		.verify = verify,
		.teardown = teardown,
		.sabotage = sabotage,
		.data = &is_shared[1],
	},
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "specialised-loop",
		.text = "The specialised loop needs at most half the time for the same events.",
		.paper = "Hotbed",
		.section = "",
		.metric = "event",
		.variant = "specialised",
		.where = "",
		.lo = 0,
		.hi = 0.5,
	},
	{.name = NULL},
};

const struct hb_experiment metastable_engines = {
	.name = "engines",
	.question = "What does a loop without a heap save per simulated event?",
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.metric = "event"},
	.trial_ms = trial_ms,
};
