/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probcons/accuracy: the probability that a majority of a heterogeneous fleet fails, about twelve nines at every size.
 * The baseline does what the authors' notebooks do, 1 - cdf in double; the rival samples.
 */
#include "experiments.h"

#include <math.h>
#include <stdlib.h>

#include <gsl/gsl_cdf.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <hotbed/trial.h>

#include <probcons/fft_tilt.h>
#include <probcons/poisson_binomial.h>

#include "oracle.h"

#define NODES_MAX 4096
#define NINES 12
#define DRAWS_MAX 20000000 /* of one naive Monte Carlo estimate: samples x nodes */
#define REPEAT_NS INT64_C(200000000)
#define ROUNDING 0x1p-53 /* an error below half an ulp of a double cannot be told from none */

static double q[NODES_MAX], truth, value;
static uint32_t count, threshold;
static struct hb_rng rng;
static uint64_t samples;

struct method {
	int (*evaluate)(double *ret, struct hb_error *reterr);
	/* What verify accepts; both 0: the statistical error of the samples. */
	double relative, absolute;
	bool once; /* no repetition to time it */
};

static int evaluate_exact(double *ret, struct hb_error *reterr)
{
	return pc_poisson_binomial_tail(q, count, threshold, ret, reterr);
}

static int evaluate_fft(double *ret, struct hb_error *reterr)
{
	return pc_fft_tilt_tail(q, count, threshold, ret, reterr);
}

static int evaluate_float(double *ret, struct hb_error *reterr)
{
	static double pmf[NODES_MAX + 1];
	double cdf = 0;

	(void)reterr;
	pmf[0] = 1;
	for (uint32_t i = 0; i < count; i++) {
		pmf[i + 1] = 0;
		for (uint32_t j = i + 1; j > 0; j--)
			pmf[j] = pmf[j] * (1 - q[i]) + pmf[j - 1] * q[i];
		pmf[0] *= 1 - q[i];
	}
	for (uint32_t j = 0; j < threshold; j++)
		cdf += pmf[j];
	*ret = 1 - cdf;
	return 0;
}

static int evaluate_monte_carlo(double *ret, struct hb_error *reterr)
{
	uint64_t hits = 0;

	(void)reterr;
	for (uint64_t s = 0; s < samples; s++) {
		uint32_t faults = 0;

		for (uint32_t i = 0; i < count; i++)
			faults += hb_rng_double(&rng) < q[i];
		hits += faults >= threshold;
	}
	*ret = (double)hits / (double)samples;
	return 0;
}

/* The probability at which equal nodes fail as a majority with 10^-NINES. */
static double centre(uint32_t n, uint32_t k)
{
	double lo = 1e-12, hi = 0.5;

	while (hi / lo > 1 + 1e-9) {
		double p = sqrt(lo * hi);

		if (gsl_cdf_binomial_Q(k - 1, p, n) > pow(10, -NINES))
			hi = p;
		else
			lo = p;
	}
	return lo;
}

static int setup(struct hb_trial *trial)
{
	double middle, spread;

	count = (uint32_t)hb_params_i64(hb_trial_params(trial), "n");
	threshold = (count + 1) / 2;
	middle = centre(count, threshold);
	/* Up to a quarter more or less, as far as a node stays better than a coin. */
	spread = fmin(0.25, log(0.49 / middle));
	hb_rng_init(&rng, hb_trial_seed(trial), 0);
	for (uint32_t i = 0; i < count; i++)
		q[i] = middle * exp((2 * hb_rng_double(&rng) - 1) * spread);
	hb_rng_init(&rng, hb_trial_seed(trial), 1);
	samples = DRAWS_MAX / count / (hb_trial_is_quick(trial) ? 10 : 1);
	truth = oracle_tail(q, count, threshold);
	return 0;
}

static int run(struct hb_trial *trial)
{
	const struct method *method = hb_trial_data(trial);
	int64_t begin_ns = hb_clock_now_ns(), end_ns;
	int64_t limit_ns = hb_trial_is_quick(trial) ? REPEAT_NS / 20 : REPEAT_NS;
	struct hb_error error = {0};
	uint64_t repeats = 0;

	do {
		if (method->evaluate(&value, &error))
			return hb_trial_fail(trial, "%s", error.text);
		repeats++;
		end_ns = hb_clock_now_ns();
	} while (!method->once && end_ns - begin_ns < limit_ns);
	hb_trial_metric(trial, "relative_error", fmax(oracle_relative(value, truth), ROUNDING), 1);
	hb_trial_metric(trial, "eval_time", (double)(end_ns - begin_ns) / (double)repeats, repeats);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	const struct method *method = hb_trial_data(trial);
	double allowed = method->absolute + method->relative * truth;

	if (allowed == 0)
		allowed = 6 * sqrt(truth / (double)samples) + 6 / (double)samples;
	if (!(fabs(value - truth) <= allowed))
		return hb_trial_fail(
			trial, "expected %.17g within %g, got %.17g", truth, allowed, value);
	return 0;
}

/* Counts the chance of a single fault instead of a majority. */
static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	threshold = 1;
	return 0;
}

static const struct method exact = {.evaluate = evaluate_exact, .relative = 1e-12};
static const struct method fft = {.evaluate = evaluate_fft, .relative = 1e-10};
static const struct method naive_float = {.evaluate = evaluate_float, .absolute = 1e-12};
static const struct method monte_carlo = {.evaluate = evaluate_monte_carlo, .once = true};

static uint64_t trial_ms(const struct hb_params *params)
{
	double n = (double)hb_params_i64(params, "n");

	return 400 + (uint64_t)(n * n * 120e-6);
}

static const struct hb_param params[] = {
	{
		.name = "n",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "nodes, each with a fault probability of its own",
		.sweep = "5,25,101,1001",
		.sweep_quick = "25",
		.sweep_full = "5,25,101,401,1001,4096",
		.min = 3,
		.max = NODES_MAX,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "relative_error",
		.unit = "1",
		.help = "of the failure probability, against 113-bit arithmetic; at least 2^-53",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "eval_time",
		.unit = "ns",
		.help = "one evaluation",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, data_)                                                    \
	{                                                                                      \
		.name = (name_), .role = (role_), .help = (help_), .setup = setup, .run = run, \
		.verify = verify, .sabotage = sabotage, .data = (data_),                       \
	}

static const struct hb_variant variants[] = {
	VARIANT("naive-float", HB_ROLE_BASELINE, "1 - cdf in double, as the authors' notebooks",
		&naive_float),
	VARIANT("naive-monte-carlo", HB_ROLE_RIVAL, "draw fleets and count", &monte_carlo),
	VARIANT("tilted-fft", HB_ROLE_RIVAL, "exponential tilt and FFT (ShiftConvolve)", &fft),
	VARIANT("exact", HB_ROLE_IDEA, "non-negative terms in long double", &exact),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "exact-tail",
		.text = "At twelve nines the exact programme is at least a million times more "
			"accurate than 1 - cdf.",
		.paper = "Hotbed",
		.section = "",
		.metric = "relative_error",
		.variant = "exact",
		.where = "n=25",
		.lo = 0,
		.hi = 1e-6,
	},
	{.name = NULL},
};

const struct hb_experiment probcons_accuracy = {
	.name = "accuracy",
	.question = "How exact and how fast is the probability of a rare failure?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "n", .metric = "relative_error", .log_x = true, .log_y = true},
	.trial_ms = trial_ms,
};
