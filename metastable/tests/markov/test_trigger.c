/* SPDX-License-Identifier: GPL-3.0-or-later */
/* P(stuck | trigger) from the chain, held against the simulation of the same model. */
#include <errno.h>

#include <hotbed/sanitizer.h>

#include <metastable/ctmc.h>
#include <metastable/simulation.h>

#include "chains.h"
#include "models.h"

static struct ms_ctmc_trigger ask(const struct ms_model *m)
{
	struct ms_ctmc_options options = {0};
	struct hb_error error = {0};
	struct ms_ctmc_trigger t;

	cr_assert_eq(ms_ctmc_trigger(m, &options, &t, &error), 0, "%s", error.text);
	cr_assert(t.error < 1e-6);
	cr_assert(t.p_stuck >= 0.0 && t.p_stuck <= 1.0 + t.error);
	return t;
}

/* Share of the runs whose server did not drain within the horizon. */
static double simulate(const struct ms_model *m, uint32_t runs)
{
	struct ms_study_options options = {.runs = runs, .threads = 1};
	struct hb_error error = {0};
	struct ms_study study;
	double share;

	cr_assert_eq(ms_study_run(m, &options, test_seed(), &study, &error), 0, "%s", error.text);
	share = 1.0 - (double)study.drained_s.runs / study.runs;
	ms_study_finish(&study);
	return share;
}

static void burst(struct ms_model *m, double at_s, double length_s, double per_s)
{
	m->triggers[m->trigger_count++] = (struct ms_trigger){.name = "trigger",
		.kind = MS_TRIGGER_RATE,
		.at_s = at_s,
		.duration_s = length_s,
		.value = per_s};
}

/* Four standard errors of the simulation's share, and one run. */
static double tolerance(double p, uint32_t runs)
{
	return 4.0 * sqrt(p * (1.0 - p) / runs) + 1.0 / runs;
}

/* Without retries chain and simulation are the same process: what differs is chance. */
Test(trigger, the_chain_is_what_the_simulation_of_a_plain_queue_samples)
{
	static const double horizons[] = {3.0, 6.0, 8.0, 12.0};

	for (int i = 0; i < 4; i++) {
		struct ms_model m = plain_model(1, 40, 10.0, 5.0);
		struct ms_ctmc_trigger t;
		double share;

		m.horizon_s = horizons[i];
		burst(&m, 10.0, 12.0, 14.0);
		t = ask(&m);
		share = simulate(&m, 2000);
		cr_assert(fabs(t.p_stuck - share) < tolerance(t.p_stuck, 2000),
			"horizon %g s: %g by the chain, %g by the simulation", horizons[i],
			t.p_stuck, share);
	}
}

/* Two bursts that meet, and a throttle across both: pieces between all beginnings and ends. */
Test(trigger, pieces_follow_each_other)
{
	struct ms_model m = plain_model(1, 30, 10.0, 4.0);
	struct ms_ctmc_trigger t;
	double share;

	m.horizon_s = 4.0;
	burst(&m, 5.0, 4.0, 12.0);
	burst(&m, 9.0, 3.0, 16.0);
	t = ask(&m);
	share = simulate(&m, 2000);
	cr_assert(fabs(t.p_stuck - share) < tolerance(t.p_stuck, 2000),
		"%g by the chain, %g by the simulation", t.p_stuck, share);
}

/* With retries the chain is an approximation: it must put the same bursts on the same side. */
Test(trigger, short_bursts_pass_and_long_ones_tip)
{
	static const double lengths[] = {1.0, 60.0};
	/* Half the queue, half the times: with sanitizers a transient of the larger one takes a minute. */
	double scale = HB_IS_SANITIZED ? 0.5 : 1.0;
	double before = -1.0;

	for (int i = 0; i < 2; i++) {
		struct ms_model m = retry_model(10.0, 5.0, 2.0 * scale, 5, (uint32_t)(60 * scale));
		struct ms_ctmc_trigger t;
		double share;

		m.horizon_s = 200.0 * scale;
		burst(&m, 20.0 * scale, lengths[i] * scale, 20.0);
		t = ask(&m);
		share = simulate(&m, 100);
		cr_assert(fabs(t.p_stuck - share) < 0.1,
			"%g s: %g by the chain, %g by the simulation", lengths[i], t.p_stuck,
			share);
		cr_assert(t.p_stuck > before);
		before = t.p_stuck;
	}
}

Test(trigger, a_model_without_one_is_refused)
{
	struct ms_model m = running_example(35);
	struct ms_ctmc_options options = {0};
	struct ms_ctmc_trigger t;
	struct hb_error error = {0};

	cr_assert_eq(ms_ctmc_trigger(&m, &options, &t, &error), -EINVAL);
	cr_assert(strstr(error.text, "trigger") != NULL);
}
