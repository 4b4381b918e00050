/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probcons/correlation: nines of majority Raft against the number of nodes, when faults share causes. The baseline
 * takes the same nodes as independent, as the paper's tables do.
 */
#include "experiments.h"

#include <math.h>
#include <string.h>

#include <gsl/gsl_cdf.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <probcons/nines.h>

#include "oracle.h"

#define NODES_MAX 101

struct model {
	const char *name;
	double beta;
	struct pc_copula copula;
};

static const struct model models[] = {
	{.name = "none"},
	{.name = "beta0.01", .beta = 0.01},
	{.name = "beta0.1", .beta = 0.1},
	{.name = "gaussian0.1", .copula = {PC_COPULA_GAUSSIAN, 0.1, 0}},
	{.name = "gaussian0.3", .copula = {PC_COPULA_GAUSSIAN, 0.3, 0}},
	{.name = "t0.1-4", .copula = {PC_COPULA_STUDENT, 0.1, 4}},
};

static const struct model *model;
static struct pc_node nodes[NODES_MAX];
static uint32_t count;
static double p, unlive;

static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	bool correlated = hb_trial_data(trial) != NULL;
	const char *name = correlated ? hb_params_text(params, "correlation") : "none";

	count = (uint32_t)hb_params_i64(params, "n");
	p = (double)hb_params_i64(params, "p_percent") / 100;
	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
		if (strcmp(models[i].name, name) == 0)
			model = &models[i];
	}
	for (uint32_t i = 0; i < count; i++)
		nodes[i] = (struct pc_node){.crash = p, .weight = 1};
	return model ? 0 : hb_trial_fail(trial, "no correlation is called %s", name);
}

static int run(struct hb_trial *trial)
{
	struct pc_protocol protocol = pc_raft_majority(count);
	struct pc_correlation correlation = {.copula = model->copula};
	struct pc_shock_set shocks = {0};
	struct hb_error error = {0};
	struct pc_result result;
	int err = 0;

	if (model->beta > 0)
		err = pc_beta_factor(nodes, count, model->beta, &shocks, &error);
	correlation.shocks = shocks.shocks;
	correlation.shock_count = shocks.count;
	if (!err)
		err = pc_analyse(
			nodes, count, &protocol, &correlation, PC_METRIC_FAILURE, &result, &error);
	pc_shock_set_finish(&shocks);
	if (err)
		return hb_trial_fail(trial, "%s", error.text);
	unlive = result.unlive;
	hb_trial_metric(trial, "failure", unlive, 1);
	hb_trial_metric(trial, "nines", -log10(unlive), 1);
	return 0;
}

static double given_factor(double threshold, double m, double scale)
{
	double rho = model->copula.rho;
	double q = gsl_cdf_ugaussian_P((threshold * scale - sqrt(rho) * m) / sqrt(1 - rho));

	return oracle_binomial((int)count, (int)(count + 1) / 2, q);
}

static double over_factor(double threshold, double scale, int steps)
{
	double sum = 0, step = 24.0 / steps;

	for (int i = 0; i <= steps; i++) {
		double m = -12 + i * step;

		sum += exp(-m * m / 2) / sqrt(2 * M_PI) * given_factor(threshold, m, scale);
	}
	return sum * step;
}

/* Trapezoidal sums on the whole line: the factor, and for Student's t the logarithm of the chi-squared variable. */
static double oracle_copula(void)
{
	double dof = model->copula.dof, sum = 0, step = 0.05;

	if (model->copula.kind == PC_COPULA_GAUSSIAN)
		return over_factor(gsl_cdf_ugaussian_Pinv(p), 1, 2000);
	for (double u = -16; u <= 6; u += step) {
		double w = exp(u);
		double log_density = dof / 2 * u - w / 2 - dof / 2 * M_LN2 - lgamma(dof / 2);

		sum += exp(log_density) *
		       over_factor(gsl_cdf_tdist_Pinv(p, dof), sqrt(w / dof), 240);
	}
	return sum * step;
}

static double truth(void)
{
	int n = (int)count, k = (n + 1) / 2;

	if (model->copula.kind != PC_COPULA_NONE)
		return oracle_copula();
	return model->beta * p +
	       (1 - model->beta * p) * oracle_binomial(n, k, (1 - model->beta) * p);
}

static int verify(struct hb_trial *trial)
{
	double expected = truth();
	double allowed = model->copula.kind == PC_COPULA_NONE ? 1e-12 : 1e-7;

	if (!(oracle_relative(unlive, expected) <= allowed))
		return hb_trial_fail(
			trial, "expected %.17g, the library gives %.17g", expected, unlive);
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	nodes[0].crash *= 1.01;
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	return hb_params_text(params, "correlation")[0] == 't' ? 500 : 30;
}

static const struct hb_param params[] = {
	{
		.name = "n",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "nodes",
		.sweep = "3,5,7,9,15,25,51,101",
		.sweep_quick = "9",
		.min = 1,
		.max = NODES_MAX,
	},
	{
		.name = "p_percent",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "fault probability of a node in percent",
		.sweep = "1,8",
		.sweep_quick = "1",
		.min = 1,
		.max = 50,
	},
	{
		.name = "correlation",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "common cause: none, share of faults (beta), copula with its correlation",
		.sweep = "none,beta0.01,beta0.1,gaussian0.1,gaussian0.3,t0.1-4",
		.sweep_quick = "beta0.1,gaussian0.1",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "nines",
		.unit = "1",
		.help = "-log10 of the failure probability",
		.better = HB_BETTER_HIGHER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "failure",
		.unit = "1",
		.help = "probability that fewer than a majority are up",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	{
		.name = "independent",
		.role = HB_ROLE_BASELINE,
		.help = "the same nodes, faults taken as independent",
		.setup = setup,
		.run = run,
		.verify = verify,
		.sabotage = sabotage,
	},
	{
		.name = "correlated",
		.role = HB_ROLE_IDEA,
		.help = "conditioned on the common cause",
		.setup = setup,
		.run = run,
		.verify = verify,
		.sabotage = sabotage,
		.data = models,
	},
	{.name = NULL},
};

#define CLAIM(name_, text_, metric_, variant_, where_, against_, against_where_, lo_, hi_)     \
	{                                                                                      \
		.name = (name_), .text = (text_), .paper = "Hotbed", .section = "",            \
		.metric = (metric_), .variant = (variant_), .where = (where_),                 \
		.against_variant = (against_), .against_where = (against_where_), .lo = (lo_), \
		.hi = (hi_),                                                                   \
	}

static const struct hb_claim claims[] = {
	CLAIM("nines-grow-when-independent",
		"Independent nodes at 1 % have more than twice the nines with 9 than with 3.",
		"nines", "independent", "n=9;p_percent=1;correlation=beta0.1", "independent", "n=3",
		2, 3),
	CLAIM("nines-flatten",
		"With a tenth of the faults in common, going from 3 to 9 nodes adds less than 5 % "
		"nines.",
		"nines", "correlated", "n=9;p_percent=1;correlation=beta0.1", "correlated", "n=3",
		1, 1.05),
	CLAIM("equivalence-lost",
		"With a Gaussian correlation of 0.1, nine nodes at 8 % fail over 4 times as often "
		"as "
		"three at 1 %.",
		"failure", "correlated", "n=9;p_percent=8;correlation=gaussian0.1", "correlated",
		"n=3;p_percent=1", 4, 5),
	{.name = NULL},
};

const struct hb_experiment probcons_correlation = {
	.name = "correlation",
	.question = "How many nines do more nodes bring when faults share causes?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "n", .facet = "correlation", .metric = "nines", .log_x = true},
	.blocks = 1,
	.unseeded = true,
	.quiet = true,
	.trial_ms = trial_ms,
};
