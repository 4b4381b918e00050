/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Importance sampling. See probcons/importance_sampling.h.
 *
 * A sample is a scenario (which shocks strike, the copula's factor), drawn from a proposal of bounded weights, and
 * then a configuration of the nodes, which are independent given the scenario, from their tilt.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sf_gamma.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <hotbed/stats.h>

#include <probcons/importance_sampling.h>
#include <probcons/mixed_faults.h>
#include <probcons/node.h>

#include "problem.h"
#include "tilt.h"

#define SAMPLES_DEFAULT 100000000u
#define BATCH 1000u
#define HITS_MIN 100u /* before a relative error is believed */

/*
 * Where the factor is drawn from: half or so around the point that matters most, the rest from the prior.
 */
struct factor_proposal {
	double m, x; /* centre: factor, and logarithm of the scale (Student) */
	double x_spread;
};

struct sampler {
	const struct pc_rare_problem *problem;
	struct pc_correlation correlation;
	struct event_bounds bounds;
	bool naive;
	bool fixed; /* one scenario only: aimed once */
	struct pc_node *given;
	double *thresholds;
	struct tilted_fleet fleet;
	struct factor_proposal proposal;
	struct hb_rng *rng;
};

static double normal_density(double x)
{
	return 0.39894228040143267794 * exp(-x * x / 2);
}

/* Density of x = ln sqrt(W / dof) for W chi-squared. */
static double scale_density(double dof, double x)
{
	double half = dof / 2 * exp(2 * x);

	return 2 * exp(dof / 2 * log(half) - half - gsl_sf_lngamma(dof / 2));
}

/*
 * Gamma variate of shape a >= 0.5 and scale 1 (Marsaglia and Tsang 2000); below 1 by the power of a uniform.
 */
static double gamma_variate(struct hb_rng *rng, double a)
{
	double boost = a < 1 ? pow(1 - hb_rng_double(rng), 1 / a) : 1;
	double d = (a < 1 ? a + 1 : a) - 1.0 / 3, c = 1 / sqrt(9 * d);

	for (;;) {
		double x = hb_rng_normal(rng), v = 1 + c * x;

		if (v <= 0)
			continue;
		v = v * v * v;
		if (log(1 - hb_rng_double(rng)) < x * x / 2 + d - d * v + d * log(v))
			return boost * d * v;
	}
}

/* Nodes given the factor, before any shock. */
static void condition_nodes(struct sampler *s, double m, double scale)
{
	const struct pc_copula *copula = &s->correlation.copula;

	memcpy(s->given, s->problem->nodes, s->problem->count * sizeof(s->given[0]));
	if (copula->kind == PC_COPULA_NONE)
		return;
	for (uint32_t i = 0; i < s->problem->count; i++) {
		double marginal = pc_node_fault(&s->given[i]);
		double fault = pc_copula_conditional(copula, s->thresholds[i], m, scale);

		if (marginal <= 0)
			continue;
		s->given[i].byz = fault * (s->given[i].byz / marginal);
		s->given[i].crash = fault - s->given[i].byz;
	}
}

/* Draw the factor; returns true density over the density drawn from. */
static double draw_factor(struct sampler *s, double *ret_m, double *ret_scale)
{
	const struct pc_copula *copula = &s->correlation.copula;
	const struct factor_proposal *p = &s->proposal;
	bool prior = s->naive || hb_rng_double(s->rng) < 0.2;
	double m = hb_rng_normal(s->rng) + (prior ? 0 : p->m), x = 0, density, proposal;

	if (copula->kind == PC_COPULA_STUDENT)
		x = prior ? 0.5 * log(2 * gamma_variate(s->rng, copula->dof / 2) / copula->dof)
			  : p->x + p->x_spread * hb_rng_normal(s->rng);
	*ret_m = m;
	*ret_scale = exp(x);
	if (s->naive)
		return 1;
	density = normal_density(m);
	proposal = normal_density(m - p->m);
	if (copula->kind == PC_COPULA_STUDENT) {
		density *= scale_density(copula->dof, x);
		proposal *= normal_density((x - p->x) / p->x_spread) / p->x_spread;
	}
	return density / (0.2 * density + 0.8 * proposal);
}

/*
 * Draw shocks and apply them. A rare shock is drawn with probability 1 / (count + 1), so that about one strikes;
 * the weight of none striking stays below e. Returns true probability over the one drawn with.
 */
static double draw_shocks(struct sampler *s)
{
	const struct pc_correlation *c = &s->correlation;
	double ratio = 1;

	for (int kind = 0; kind < 2; kind++) {
		/* Byzantine shocks first: a node that also crashes has crashed. */
		for (uint32_t k = 0; k < c->shock_count; k++) {
			const struct pc_shock *shock = &c->shocks[k];
			double p = shock->probability, drawn = p;

			if (shock->byzantine != (kind == 0) || p == 0)
				continue;
			if (!s->naive)
				drawn = fmax(p, 1.0 / (c->shock_count + 1.0));
			if (hb_rng_double(s->rng) >= drawn) {
				ratio *= drawn > p ? (1 - p) / (1 - drawn) : 1;
				continue;
			}
			ratio *= p / drawn;
			for (uint32_t m = 0; m < shock->member_count; m++) {
				struct pc_node *node = &s->given[shock->members[m]];

				node->byz = shock->byzantine ? 1 - node->crash : 0;
				node->crash = shock->byzantine ? node->crash : 1;
			}
		}
	}
	return ratio;
}

/* One sample: its weight if it fell into the event, else 0. */
static double draw(struct sampler *s)
{
	double weight = 1, m, scale;
	uint64_t byz, fault;

	if (!s->fixed) {
		if (s->correlation.copula.kind != PC_COPULA_NONE) {
			weight = draw_factor(s, &m, &scale);
			condition_nodes(s, m, scale);
		} else {
			condition_nodes(s, 0, 1);
		}
		weight *= draw_shocks(s);
		tilted_fleet_aim(&s->fleet, s->given, s->bounds, s->naive);
	}
	weight *= tilted_fleet_draw(&s->fleet, s->rng, &byz, &fault);
	return byz >= s->bounds.byz || fault >= s->bounds.fault ? weight : 0;
}

/*
 * Logarithm of density times chance of the event (without shocks) at a factor: what the proposal is centred on.
 */
static int score_factor(struct sampler *s, double m, double x, double *ret, struct hb_error *reterr)
{
	const struct pc_copula *copula = &s->correlation.copula;
	struct pc_thresholds thresholds = {.byz_unsafe = s->bounds.byz,
		.byz_unlive = s->bounds.byz,
		.fault_unlive = s->bounds.fault};
	struct pc_failure failure;
	int rc;

	condition_nodes(s, m, exp(x));
	rc = pc_mixed_faults(s->given, s->problem->count, &thresholds, &failure, reterr);
	if (rc)
		return rc;
	*ret = log(failure.unlive) - m * m / 2;
	if (copula->kind == PC_COPULA_STUDENT)
		*ret += log(scale_density(copula->dof, x));
	return 0;
}

/* The best point of a grid; the proposal is wide enough not to need a better one. */
static int centre_proposal(struct sampler *s, struct hb_error *reterr)
{
	bool student = s->correlation.copula.kind == PC_COPULA_STUDENT;
	double best = -INFINITY, score = 0;
	int rc = 0;

	s->proposal.x_spread = student ? 0.5 / sqrt(1 + s->correlation.copula.dof / 8) + 0.1 : 1;
	for (int i = student ? -24 : 0; i <= (student ? 4 : 0) && !rc; i++) {
		for (int k = -48; k <= 8 && !rc; k++) {
			rc = score_factor(s, k * 0.25, i * 0.25, &score, reterr);
			if (!rc && score > best) {
				best = score;
				s->proposal.m = k * 0.25;
				s->proposal.x = i * 0.25;
			}
		}
	}
	/* A fleet too large for the exact programme is sampled from the prior. */
	return rc == -E2BIG ? 0 : rc;
}

static void sampler_finish(struct sampler *s)
{
	free(s->given);
	free(s->thresholds);
	tilted_fleet_finish(&s->fleet);
}

static int sampler_init(struct sampler *s, struct hb_error *reterr)
{
	uint32_t count = s->problem->count;
	bool copula = s->correlation.copula.kind != PC_COPULA_NONE;
	int rc = tilted_fleet_init(&s->fleet, count);

	s->given = malloc(count * sizeof(s->given[0]));
	s->thresholds = malloc(count * sizeof(s->thresholds[0]));
	if (rc || !s->given || !s->thresholds)
		return hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", count);
	for (uint32_t i = 0; i < count && copula; i++)
		s->thresholds[i] = pc_copula_threshold(
			&s->correlation.copula, pc_node_fault(&s->problem->nodes[i]));
	if (copula && !s->naive)
		return centre_proposal(s, reterr);
	s->fixed = !copula && s->correlation.shock_count == 0;
	if (s->fixed) {
		condition_nodes(s, 0, 1);
		tilted_fleet_aim(&s->fleet, s->given, s->bounds, s->naive);
	}
	return 0;
}

static int options_check(const struct pc_is_options *o, struct hb_error *reterr)
{
	if (!(o->relative_error >= 0) || !(o->level >= 0 && o->level < 1))
		return hb_error_set(reterr, -EINVAL,
			"relative error %g is below 0 or confidence level %g outside [0, 1)",
			o->relative_error, o->level);
	return 0;
}

struct sums {
	long double w, w2;
	uint64_t samples, hits;
};

static void summarise(const struct sums *sums, bool naive, double level, struct pc_estimate *ret)
{
	double n = (double)sums->samples, q = (double)(sums->w / n), half;
	double variance = n > 1 ? fmax((double)(sums->w2 / n) - q * q, 0) / (n - 1) : INFINITY;
	struct hb_interval wilson;

	*ret = (struct pc_estimate){.q = q,
		.stderr_q = sqrt(variance),
		.level = level,
		.samples = sums->samples,
		.hits = sums->hits};
	ret->effective_samples = sums->w2 > 0 ? (double)(sums->w * sums->w / sums->w2) : 0;
	half = gsl_cdf_ugaussian_Pinv(0.5 + level / 2) * ret->stderr_q;
	ret->lo = fmax(q - half, 0);
	ret->hi = fmin(q + half, 1);
	/* Tilted samples that never hit tell nothing: the tilt may have missed how the event comes about. */
	if (!naive && sums->hits == 0)
		ret->hi = 1;
	if (naive && sums->hits == 0) {
		ret->hi = -expm1(log1p(-level) / n);
	} else if (naive &&
		   hb_stats_wilson_interval(sums->hits, sums->samples, level, &wilson) == 0) {
		ret->lo = wilson.lo;
		ret->hi = wilson.hi;
	}
}

static void run(struct sampler *s, const struct pc_is_options *options, struct pc_estimate *ret)
{
	uint64_t samples_max = options->samples_max ? options->samples_max : SAMPLES_DEFAULT;
	double level = options->level > 0 ? options->level : 0.95;
	struct sums sums = {0};

	while (sums.samples < samples_max) {
		for (uint32_t i = 0; i < BATCH && sums.samples < samples_max; i++) {
			long double w = draw(s);

			sums.samples++;
			sums.hits += w > 0;
			sums.w += w;
			sums.w2 += w * w;
		}
		summarise(&sums, s->naive, level, ret);
		if (options->relative_error > 0 && sums.hits >= HITS_MIN &&
			ret->stderr_q <= options->relative_error * ret->q)
			break;
	}
}

int pc_importance_sample(const struct pc_rare_problem *problem, const struct pc_is_options *options,
	struct hb_rng *rng, struct pc_estimate *ret, struct hb_error *reterr)
{
	struct sampler s = {.problem = problem, .naive = options->naive, .rng = rng};
	int rc;

	if (problem->correlation)
		s.correlation = *problem->correlation;
	rc = problem_check(
		problem->nodes, problem->count, problem->protocol, &s.correlation, reterr);
	if (!rc)
		rc = options_check(options, reterr);
	if (rc)
		return rc;
	s.bounds = problem_bounds(problem->protocol, problem->event);
	if (!problem_possible(problem, &s.bounds)) {
		*ret = (struct pc_estimate){.level = options->level > 0 ? options->level : 0.95};
		return 0;
	}
	rc = sampler_init(&s, reterr);
	if (!rc)
		run(&s, options, ret);
	sampler_finish(&s);
	return rc;
}
