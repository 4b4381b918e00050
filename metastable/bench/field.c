/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable/field: where the drift over queue x orbit vanishes between the good and the bad mode (the paper's Figure
 * 3). In closed form the saddle is at orbit (mu - lambda) / gamma, gamma = r / ((r + 1) T), and at the queue where a
 * request is late with probability (1 - rho)(1 + r) / r. The chain's saddle is found from its generator's rows alone.
 */
#include "experiments.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include <gsl/gsl_cdf.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <metastable/chart.h>
#include <metastable/ctmc.h>

#include "paper_model.h"

#define PAPER_RATE_PER_S 5.0

enum source {
	FROM_CLOSED_FORM,
	FROM_CHAIN,
	FROM_PAPER,
};

static const enum source sources[] = {FROM_CLOSED_FORM, FROM_CHAIN, FROM_PAPER};
static struct ms_model model;
static double saddle_queue, saddle_orbit;
static bool sabotaged;

static int setup(struct hb_trial *trial)
{
	int code = paper_model(trial, "", &model);

	if (!code)
		model.clients[0].rate_per_s = hb_params_real(hb_trial_params(trial), "rate");
	return code;
}

/* The queue, between whole numbers too, at which Erlang's law gives the probability @late of a longer wait. */
static double queue_at(double late, double rate_per_s, double timeout_s)
{
	double low = 0, high = 1e6;

	for (int i = 0; i < 200; i++) {
		double middle = (low + high) / 2;

		if (gsl_cdf_gamma_Q(timeout_s, middle + 1, 1 / rate_per_s) < late)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static void closed_form(double *ret_queue, double *ret_orbit)
{
	const struct ms_client *c = &model.clients[0];
	double mu = 1 / model.servers[0].service.mean_s, r = c->retries;
	double gamma = r / ((r + 1) * c->timeout_s);

	*ret_orbit = (mu - c->rate_per_s) / gamma;
	*ret_queue = queue_at((1 - c->rate_per_s / mu) * (1 + r) / r, mu, c->timeout_s);
}

/* Drift of both axes at queue @q, at the orbit where the queue stands still; false if there is none. */
static bool follow(const struct ms_ctmc_chain *chain, const double *drift, int32_t q,
	double *ret_orbit, double *ret_speed)
{
	const struct ms_generator *g = &chain->generator;
	double before = NAN, before_orbit = NAN;

	for (int32_t o = 0; o < chain->orbit_bound; o++) {
		int32_t at[MS_AXES_MAX] = {0};
		uint32_t state;
		double speed, orbit_speed, part;

		at[chain->queue_axis] = q;
		at[chain->orbit_axis] = o;
		state = ms_generator_find(g, at);
		if (state == UINT32_MAX)
			continue;
		speed = drift[(size_t)state * g->axes + chain->queue_axis];
		orbit_speed = drift[(size_t)state * g->axes + (uint32_t)chain->orbit_axis];
		if (before < 0 && speed >= 0) {
			part = before / (before - speed);
			*ret_orbit = o - 1 + part;
			*ret_speed = before_orbit + part * (orbit_speed - before_orbit);
			return true;
		}
		before = speed;
		before_orbit = orbit_speed;
	}
	return false;
}

/* Along the line on which the queue stands still, the orbit shrinks below the saddle and grows above it. */
static bool find_saddle(const struct ms_ctmc_chain *chain, const double *drift)
{
	double before = NAN, before_orbit = NAN;

	for (int32_t q = 1; q < (int32_t)model.servers[0].queue_capacity; q++) {
		double orbit, speed;

		if (!follow(chain, drift, q, &orbit, &speed))
			continue;
		if (before < 0 && speed >= 0) {
			double part = before / (before - speed);

			saddle_queue = q - 1 + part;
			saddle_orbit = before_orbit + part * (orbit - before_orbit);
			return true;
		}
		before = speed;
		before_orbit = orbit;
	}
	return false;
}

static int from_chain(struct hb_trial *trial)
{
	struct ms_ctmc_options options = {.times_only = true};
	struct ms_ctmc_chain *chain = NULL;
	struct hb_error error = {0};
	double *drift;
	bool found = false;

	if (ms_ctmc_chain_create(&model, &options, &chain, &error))
		return hb_trial_fail(trial, "%s", error.text);
	drift = malloc((size_t)chain->generator.states * chain->generator.axes * sizeof(*drift));
	if (drift) {
		ms_generator_drift(&chain->generator, drift);
		found = find_saddle(chain, drift);
	}
	free(drift);
	ms_ctmc_chain_destroy(chain);
	return found ? 0 : hb_trial_fail(trial, "the chain's field has no saddle");
}

static int run(struct hb_trial *trial)
{
	const enum source *source = hb_trial_data(trial);
	int code = 0;

	if (*source == FROM_CHAIN) {
		code = from_chain(trial);
	} else if (*source == FROM_PAPER) {
		saddle_queue = 40;
		saddle_orbit = 30;
	} else {
		closed_form(&saddle_queue, &saddle_orbit);
	}
	if (code)
		return code;
	if (sabotaged)
		saddle_orbit *= 2;
	hb_trial_metric(trial, "saddle_queue", saddle_queue, 1);
	hb_trial_metric(trial, "saddle_orbit", saddle_orbit, 1);
	return 0;
}

/* At the paper's load: the chain draws its field, the closed form the modes over the load. */
static int draw(struct hb_trial *trial, enum source source)
{
	struct hb_error error = {0};
	char *text = NULL;
	int code = source == FROM_CHAIN ? ms_chart_field(&model, 0, &text, &error)
					: ms_chart_branches(&model, MS_FLUID_RHO, &text, &error);

	if (code)
		return hb_trial_fail(trial, "%s", error.text);
	hb_trial_figure(trial, source == FROM_CHAIN ? "field" : "branches", text);
	free(text);
	return 0;
}

/* Arrivals and returns of the orbit make up for what is served: lambda + gamma o = mu. */
static int verify(struct hb_trial *trial)
{
	enum source source = *(const enum source *)hb_trial_data(trial);
	double queue, orbit;

	closed_form(&queue, &orbit);
	if (source == FROM_PAPER && !sabotaged)
		return 0;
	if (!(fabs(saddle_orbit / orbit - 1) < 0.1))
		return hb_trial_fail(
			trial, "the saddle is at orbit %g, not %g", saddle_orbit, orbit);
	return model.clients[0].rate_per_s == PAPER_RATE_PER_S && source != FROM_PAPER
		       ? draw(trial, source)
		       : 0;
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static const struct hb_param params[] = {
	{
		.name = "rate",
		.type = HB_PARAM_REAL,
		.unit = "1/s",
		.help = "load, of a capacity of 10 per second",
		.sweep = "3,4,5,6,7",
		.sweep_quick = "5",
		.min = 2,
		.max = 9,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "saddle_orbit",
		.unit = "1",
		.help = "requests that will retry, at the saddle",
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "saddle_queue",
		.unit = "1",
		.help = "jobs in the server, at the saddle",
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, source_)                                                  \
	{                                                                                      \
		.name = (name_), .role = (role_), .help = (help_), .setup = setup, .run = run, \
		.verify = verify, .sabotage = sabotage, .data = &sources[source_],             \
	}

static const struct hb_variant variants[] = {
	VARIANT("closed-form", HB_ROLE_BASELINE, "where the two mean speeds are zero",
		FROM_CLOSED_FORM),
	VARIANT("chain", HB_ROLE_IDEA, "from the rows of the generator", FROM_CHAIN),
	VARIANT("paper", HB_ROLE_RIVAL, "read off Figure 3: queue 40, orbit 30", FROM_PAPER),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "saddle-orbit",
		.text = "The chain's saddle has the orbit of the closed form, at every load.",
		.paper = METASTABLE_PAPER,
		.section = "Fig. 3",
		.metric = "saddle_orbit",
		.variant = "chain",
		.where = "",
		.lo = 0.98,
		.hi = 1.02,
	},
	{
		.name = "saddle-queue",
		.text = "The chain's saddle has the queue of the closed form, at every load.",
		.paper = METASTABLE_PAPER,
		.section = "Fig. 3",
		.metric = "saddle_queue",
		.variant = "chain",
		.where = "",
		.lo = 0.95,
		.hi = 1.05,
	},
	{
		.name = "paper-orbit",
		.text = "The field turns at an orbit of about 30.",
		.paper = METASTABLE_PAPER,
		.section = "Fig. 3",
		.metric = "saddle_orbit",
		.variant = "chain",
		.where = "rate=5",
		.against_variant = "paper",
		.lo = 0.9,
		.hi = 1.1,
	},
	{
		.name = "paper-queue",
		.text = "The field turns at a queue of about 40 (Chebyshev's bound; the exact law "
			"gives 52).",
		.paper = METASTABLE_PAPER,
		.section = "Fig. 3",
		.metric = "saddle_queue",
		.variant = "chain",
		.where = "rate=5",
		.against_variant = "paper",
		.lo = 0.9,
		.hi = 1.1,
	},
	{.name = NULL},
};

const struct hb_experiment metastable_field = {
	.name = "field",
	.question = "Where is the saddle between the good and the bad mode?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "rate", .metric = "saddle_queue"},
	.unseeded = true,
	.blocks = 1,
	.quiet = true,
};
