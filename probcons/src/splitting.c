/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Adaptive multilevel splitting in time. See probcons/splitting.h.
 *
 * A rare shock that strikes many would be lost on the way up: early levels are reached by faults of single nodes far
 * likelier, and no small move leads from there to the shock. What shocks do is therefore partitioned into strata, each
 * with its own climb, and the sum over strata is exact in what it knows of shocks.
 *
 * A particle is a vector of independent standard normals: one per node (when it fails), one per node that may be
 * Byzantine (whether it is), the factor and the scale of the copula, one per shock that is free in the stratum. Times
 * are made from them so that what happens by time 1 has the model's distribution, and so that more happens by any
 * later time:
 *   node i fails at T = -ln Q(X) / -ln(1 - q), and is Byzantine from max(T, V / share), V uniform;
 *   shock k strikes at S = -ln Q(X) / -ln(1 - p).
 * The score is the first time at which the votes suffice. In it, a crash does not end being Byzantine, so that
 * votes only grow; the particles that reach time 1 are at last held against the true predicate there.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sf_erf.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <probcons/node.h>
#include <probcons/splitting.h>

#include "problem.h"
#include "shock_strata.h"

#define LEVELS_MAX 1000
#define BLOCKS_MAX 8
#define STRATA_FULL 8       /* so many strata get all particles; more share what those would have */
#define PARTICLES_LEAST 100 /* but each this many, if there are */
#define NEGLECTED 1e-3      /* strata that together cannot add more than this share are left out */

struct gain {
	double time;
	uint32_t fault, byz; /* votes that fail, or lie, from then on */
};

struct system {
	const struct pc_rare_problem *problem;
	struct pc_correlation correlation;
	struct event_bounds bounds;
	struct shock_strata strata;
	/* The stratum at hand: */
	const uint8_t *effect;
	const struct pc_shock **free; /* shape [free_count] */
	uint32_t free_count;
	uint32_t dimension, first_kind, first_shock, factor,
		scale;      /* places in a particle; UINT32_MAX = none */
	double *rate;       /* of node i: -ln(1 - q_i) */
	double *share;      /* of its faults that are Byzantine */
	double *shock_rate; /* in the order of the strata */
	/* Scratch, filled from one particle: */
	double *own_time, *own_byz; /* own fault; the time from which it would be Byzantine */
	double *shock_time;
	double *fault_time, *byz_time; /* with shocks */
	struct gain *gains;
	struct hb_rng *rng;
};

static double minus_log_upper(double x)
{
	if (x < 0)
		return -log1p(-gsl_cdf_ugaussian_P(x));
	return M_LN2 - gsl_sf_log_erfc(x * M_SQRT1_2);
}

/* Exponential(1) time of a node's latent variable, through the copula's marginal. */
static double latent_time(const struct system *s, double z, double m, double inverse_scale)
{
	const struct pc_copula *copula = &s->correlation.copula;
	double x = z;

	if (copula->kind == PC_COPULA_NONE)
		return minus_log_upper(z);
	x = (sqrt(copula->rho) * m + sqrt(1 - copula->rho) * z) * inverse_scale;
	if (copula->kind == PC_COPULA_GAUSSIAN)
		return minus_log_upper(x);
	return x < 0 ? -log1p(-gsl_cdf_tdist_P(x, copula->dof))
		     : -log(gsl_cdf_tdist_Q(x, copula->dof));
}

static void strike_free(struct system *s, const double *particle)
{
	for (uint32_t k = 0; k < s->free_count; k++) {
		const struct pc_shock *shock = s->free[k];
		double time = minus_log_upper(particle[s->first_shock + k]) /
			      s->shock_rate[s->free - s->strata.order + k];

		s->shock_time[k] = time;
		for (uint32_t j = 0; j < shock->member_count; j++) {
			uint32_t i = shock->members[j];

			s->fault_time[i] = fmin(s->fault_time[i], time);
			if (shock->byzantine && s->effect[i] != SHOCK_CRASHED)
				s->byz_time[i] = fmin(s->byz_time[i], time);
		}
	}
}

static void fill_times(struct system *s, const double *particle)
{
	uint32_t n = s->problem->count;
	double m = s->factor != UINT32_MAX ? particle[s->factor] : 0, inverse = 1;

	if (s->scale != UINT32_MAX) {
		double dof = s->correlation.copula.dof;
		double z = particle[s->scale];
		double w = z < 0 ? gsl_cdf_chisq_Pinv(gsl_cdf_ugaussian_P(z), dof)
				 : gsl_cdf_chisq_Qinv(gsl_cdf_ugaussian_Q(z), dof);

		inverse = sqrt(dof / w);
	}
	for (uint32_t i = 0; i < n; i++) {
		s->own_time[i] = s->rate[i] > 0
					 ? latent_time(s, particle[i], m, inverse) / s->rate[i]
					 : INFINITY;
		s->own_byz[i] = INFINITY;
		if (s->share[i] > 0 && s->first_kind != UINT32_MAX)
			s->own_byz[i] = fmax(s->own_time[i],
				gsl_cdf_ugaussian_P(particle[s->first_kind + i]) / s->share[i]);
		s->fault_time[i] = s->effect[i] == SHOCK_SPARED ? s->own_time[i] : 0;
		s->byz_time[i] = s->effect[i] == SHOCK_SPARED ? s->own_byz[i]
				 : s->effect[i] == SHOCK_LIES ? 0
							      : INFINITY;
	}
	strike_free(s, particle);
}

static int by_time(const void *a, const void *b)
{
	const struct gain *x = a, *y = b;

	return (x->time > y->time) - (x->time < y->time);
}

static double score(struct system *s, const double *particle)
{
	uint64_t fault = 0, byz = 0;
	uint32_t used = 0;

	if (s->bounds.byz == 0 || s->bounds.fault == 0)
		return 0;
	fill_times(s, particle);
	for (uint32_t i = 0; i < s->problem->count; i++) {
		uint32_t weight = s->problem->nodes[i].weight;

		if (s->bounds.fault != UINT64_MAX && !isinf(s->fault_time[i]))
			s->gains[used++] = (struct gain){.time = s->fault_time[i], .fault = weight};
		if (s->bounds.byz != UINT64_MAX && !isinf(s->byz_time[i]))
			s->gains[used++] = (struct gain){.time = s->byz_time[i], .byz = weight};
	}
	qsort(s->gains, used, sizeof(s->gains[0]), by_time);
	for (uint32_t g = 0; g < used; g++) {
		fault += s->gains[g].fault;
		byz += s->gains[g].byz;
		if (fault >= s->bounds.fault || byz >= s->bounds.byz)
			return s->gains[g].time;
	}
	return INFINITY;
}

/* The true predicate at time 1: who crashed does not lie, whatever struck first. */
static bool holds(struct system *s, const double *particle)
{
	uint64_t fault = 0, byz = 0;

	if (s->bounds.byz == 0 || s->bounds.fault == 0)
		return true;
	fill_times(s, particle);
	for (uint32_t i = 0; i < s->problem->count; i++) {
		uint32_t weight = s->problem->nodes[i].weight;
		bool lies = s->byz_time[i] <= 1;

		/* An own fault by time 1 that is not Byzantine by then is a crash. */
		if (s->own_time[i] <= 1 && s->own_byz[i] > 1)
			lies = false;
		for (uint32_t k = 0; k < s->free_count && lies; k++) {
			const struct pc_shock *shock = s->free[k];

			for (uint32_t j = 0; j < shock->member_count && !shock->byzantine; j++)
				if (shock->members[j] == i && s->shock_time[k] <= 1)
					lies = false;
		}
		fault += s->fault_time[i] <= 1 ? weight : 0;
		byz += lies ? weight : 0;
	}
	return fault >= s->bounds.fault || byz >= s->bounds.byz;
}

static void system_finish(struct system *s)
{
	shock_strata_finish(&s->strata);
	free(s->rate);
	free(s->gains);
}

/* Enough failed votes, whether they crashed or lie. */
static bool is_certain(const uint8_t *effect, void *user)
{
	const struct system *s = user;
	uint64_t fault = 0;

	for (uint32_t i = 0; i < s->problem->count; i++)
		fault += effect[i] != SHOCK_SPARED ? s->problem->nodes[i].weight : 0;
	return fault >= s->bounds.fault;
}

static int system_init(struct system *s, struct hb_error *reterr)
{
	const struct pc_rare_problem *p = s->problem;
	uint32_t n = p->count, shocks = s->correlation.shock_count, next = n;
	int rc = shock_strata_init(
		&s->strata, s->correlation.shocks, shocks, n, is_certain, s, reterr);
	double *block = malloc((6 * (size_t)n + 2 * (size_t)shocks + 1) * sizeof(block[0]));
	bool byz = false;

	s->gains = malloc((2 * (size_t)n + 1) * sizeof(s->gains[0]));
	s->rate = block;
	if (rc)
		return rc;
	if (!block || !s->gains)
		return hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", n);
	s->share = block + n;
	s->own_time = block + 2 * (size_t)n;
	s->own_byz = block + 3 * (size_t)n;
	s->fault_time = block + 4 * (size_t)n;
	s->byz_time = block + 5 * (size_t)n;
	s->shock_rate = block + 6 * (size_t)n;
	s->shock_time = s->shock_rate + shocks;
	for (uint32_t i = 0; i < n; i++) {
		double q = pc_node_fault(&p->nodes[i]);

		s->rate[i] = -log1p(-fmin(q, 1));
		s->share[i] = q > 0 ? p->nodes[i].byz / q : 0;
		byz |= s->share[i] > 0;
	}
	for (uint32_t k = 0; k < s->strata.shock_count; k++)
		s->shock_rate[k] = -log1p(-s->strata.order[k]->probability);
	s->first_kind = byz ? next : UINT32_MAX;
	next += byz ? n : 0;
	s->factor = s->correlation.copula.kind != PC_COPULA_NONE ? next++ : UINT32_MAX;
	s->scale = s->correlation.copula.kind == PC_COPULA_STUDENT ? next++ : UINT32_MAX;
	s->first_shock = next;
	s->dimension = next + s->strata.shock_count;
	return 0;
}

static void system_enter(struct system *s, const struct shock_stratum *stratum)
{
	s->effect = stratum->effect;
	s->free = s->strata.order + stratum->free_first;
	s->free_count = s->strata.shock_count - stratum->free_first;
	s->dimension = s->first_shock + s->free_count;
}

struct swarm {
	uint32_t count;
	double *particles; /* shape [count][dimension] */
	double *scores, *sorted, *trial;
	uint32_t *order;  /* coordinates in random order */
	uint32_t *source; /* survivors */
	double *copies;   /* shape [count][dimension] */
	uint64_t moves;
};

static void swarm_finish(struct swarm *w)
{
	free(w->particles);
	free(w->copies);
	free(w->scores);
	free(w->sorted);
	free(w->trial);
	free(w->order);
	free(w->source);
}

static int swarm_init(struct swarm *w, const struct system *s, uint32_t count)
{
	size_t size = (size_t)count * s->dimension;

	*w = (struct swarm){.count = count};
	if (size > (1u << 28))
		return -E2BIG;
	w->particles = malloc(size * sizeof(w->particles[0]));
	w->copies = malloc(size * sizeof(w->copies[0]));
	w->scores = malloc(count * sizeof(w->scores[0]));
	w->sorted = malloc(count * sizeof(w->sorted[0]));
	w->trial = malloc(s->dimension * sizeof(w->trial[0]));
	w->order = malloc(s->dimension * sizeof(w->order[0]));
	w->source = malloc(count * sizeof(w->source[0]));
	return w->particles && w->copies && w->scores && w->sorted && w->trial && w->order &&
			       w->source
		       ? 0
		       : -ENOMEM;
}

static double *particle_of(const struct swarm *w, const struct system *s, uint32_t i)
{
	return w->particles + (size_t)i * s->dimension;
}

/*
 * Moves of all coordinates, block by block: a block is pulled towards new normals by a random amount (which keeps
 * the normal distribution), and the move stands if the score stays below the level.
 */
static void sweep(struct system *s, struct swarm *w, uint32_t i, double level)
{
	static const double pulls[3] = {1, 0.5, 0.2};
	uint32_t blocks = s->dimension < BLOCKS_MAX ? s->dimension : BLOCKS_MAX;
	double *particle = particle_of(w, s, i);

	for (uint32_t d = 0; d < s->dimension; d++)
		w->order[d] = d;
	hb_rng_shuffle(s->rng, w->order, s->dimension);
	for (uint32_t b = 0; b < blocks; b++) {
		uint32_t first = (uint32_t)((uint64_t)b * s->dimension / blocks);
		uint32_t end = (uint32_t)((uint64_t)(b + 1) * s->dimension / blocks);
		double pull = pulls[hb_rng_below(s->rng, 3)], keep = sqrt(1 - pull * pull), now;

		memcpy(w->trial, particle, s->dimension * sizeof(particle[0]));
		for (uint32_t d = first; d < end; d++)
			w->trial[w->order[d]] =
				keep * particle[w->order[d]] + pull * hb_rng_normal(s->rng);
		now = score(s, w->trial);
		w->moves++;
		if (now < level) {
			memcpy(particle, w->trial, s->dimension * sizeof(particle[0]));
			w->scores[i] = now;
		}
	}
}

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Replace all particles by moved copies of those below @level. Returns how many those were. */
static uint32_t climb(struct system *s, struct swarm *w, double level, uint32_t sweeps)
{
	size_t bytes = s->dimension * sizeof(w->particles[0]);
	uint32_t survivors = 0;

	for (uint32_t i = 0; i < w->count; i++)
		if (w->scores[i] < level)
			w->source[survivors++] = i;
	if (!survivors)
		return 0;
	for (uint32_t i = 0; i < w->count; i++) {
		uint32_t from = w->source[i < survivors ? i : hb_rng_below(s->rng, survivors)];

		memcpy(w->copies + (size_t)i * s->dimension, particle_of(w, s, from), bytes);
		w->sorted[i] = w->scores[from];
	}
	memcpy(w->particles, w->copies, w->count * bytes);
	memcpy(w->scores, w->sorted, w->count * sizeof(w->scores[0]));
	for (uint32_t i = 0; i < w->count; i++)
		for (uint32_t k = 0; k < sweeps; k++)
			sweep(s, w, i, level);
	return survivors;
}

/*
 * One climb. The level is the score of the best particle that is given up, and those that stay are strictly below it:
 * with this rule the product of the shares that stay is unbiased, whatever the number of particles (Brehier, Gazeau,
 * Goudenege, Lelievre, Rousset, Ann. Appl. Probab. 26(6), 2016).
 * *@ret: the estimate; *@ret_hits: particles in the event at the end. 0 or -ERANGE.
 */
static int repetition(struct system *s, struct swarm *w, double keep, uint32_t sweeps, double *ret,
	uint64_t *ret_hits)
{
	uint32_t kept = (uint32_t)ceil(keep * w->count), hits = 0;
	long double estimate = 1;

	for (uint32_t i = 0; i < w->count; i++) {
		for (uint32_t d = 0; d < s->dimension; d++)
			particle_of(w, s, i)[d] = hb_rng_normal(s->rng);
		w->scores[i] = score(s, particle_of(w, s, i));
		w->moves++;
	}
	for (int level = 0; level < LEVELS_MAX; level++) {
		double at;

		memcpy(w->sorted, w->scores, w->count * sizeof(w->sorted[0]));
		qsort(w->sorted, w->count, sizeof(w->sorted[0]), ascending);
		at = w->sorted[kept];
		if (at <= 1) {
			for (uint32_t i = 0; i < w->count; i++)
				hits += w->scores[i] <= 1 && holds(s, particle_of(w, s, i));
			*ret = (double)(estimate * hits / w->count);
			*ret_hits += hits;
			return 0;
		}
		estimate *= (long double)climb(s, w, at, sweeps) / w->count;
		if (estimate == 0) {
			*ret = 0;
			return 0;
		}
	}
	return -ERANGE;
}

static int options_check(const struct pc_splitting_options *o, struct hb_error *reterr)
{
	if (o->particles < 10 || o->particles > 1000000 || o->repetitions < 2 ||
		o->repetitions > 10000 || o->sweeps < 1 || o->sweeps > 1000 ||
		!(o->keep > 0 && o->keep <= 0.5) || !(o->level > 0 && o->level < 1))
		return hb_error_set(reterr, -EINVAL,
			"splitting takes 10 to 1e6 particles, 2 to 10000 repetitions, 1 to 1000 "
			"sweeps, a "
			"share kept in (0, 0.5] and a level in (0, 1)");
	return 0;
}

static void summarise(
	const double *estimates, const struct pc_splitting_options *o, struct pc_estimate *ret)
{
	uint32_t n = o->repetitions;
	long double sum = 0, squares = 0;
	double half;

	for (uint32_t i = 0; i < n; i++)
		sum += estimates[i];
	ret->q = (double)(sum / n);
	for (uint32_t i = 0; i < n; i++)
		squares += (estimates[i] - sum / n) * (estimates[i] - sum / n);
	ret->stderr_q = (double)sqrtl(squares / (n - 1) / n);
	half = gsl_cdf_tdist_Pinv(0.5 + o->level / 2, n - 1.0) * ret->stderr_q;
	ret->lo = fmax(ret->q - half, 0);
	ret->hi = fmin(ret->q + half, 1);
	if (ret->q == 0)
		ret->hi = 1;
	ret->level = o->level;
	ret->effective_samples =
		ret->stderr_q > 0 ? pow(ret->q / ret->stderr_q, 2) : (double)ret->hits;
}

/* Probability of the strata from @first on. */
static double mass_from(const struct shock_strata *strata, uint32_t first)
{
	double mass = 0;

	/* The small ones first. */
	for (uint32_t i = strata->count; i-- > first;)
		mass += strata->strata[i].probability;
	return mass;
}

/*
 * One estimate: the sum over the strata up to @*used. In the first repetition that is where those that are left cannot
 * matter any more.
 */
static int all_strata(struct system *s, struct swarm *w, const struct pc_splitting_options *o,
	bool first, uint32_t *used, double *ret, uint64_t *hits)
{
	const struct shock_strata *strata = &s->strata;
	long double sum = 0;

	for (uint32_t i = 0; i < (first ? strata->count : *used); i++) {
		double given = 0;
		int rc;

		if (first && i && mass_from(strata, i) <= NEGLECTED * (double)sum)
			break;
		system_enter(s, &strata->strata[i]);
		rc = repetition(s, w, o->keep, o->sweeps, &given, hits);
		if (rc)
			return rc;
		sum += (long double)strata->strata[i].probability * given;
		if (first)
			*used = i + 1;
	}
	*ret = (double)sum;
	return 0;
}

static uint32_t particles_of(const struct pc_splitting_options *o, uint32_t strata)
{
	uint32_t least = o->particles < PARTICLES_LEAST ? o->particles : PARTICLES_LEAST;
	uint32_t share = (uint32_t)((uint64_t)o->particles * STRATA_FULL / strata);

	if (strata <= STRATA_FULL)
		return o->particles;
	return share > least ? share : least;
}

static int run(struct system *s, const struct pc_splitting_options *o, struct pc_estimate *ret,
	struct hb_error *reterr)
{
	struct pc_estimate estimate = {0};
	double *estimates = malloc(o->repetitions * sizeof(estimates[0]));
	struct swarm w = {0};
	uint32_t used = 0;
	int rc = estimates ? swarm_init(&w, s, particles_of(o, s->strata.count)) : -ENOMEM;

	if (rc == -E2BIG)
		rc = hb_error_set(reterr, rc, "%u particles of %u coordinates are too many",
			w.count, s->dimension);
	else if (rc)
		rc = hb_error_set(reterr, rc, "not enough memory for %u particles", o->particles);
	for (uint32_t i = 0; i < o->repetitions && !rc; i++) {
		rc = all_strata(s, &w, o, i == 0, &used, &estimates[i], &estimate.hits);
		if (rc)
			rc = hb_error_set(reterr, rc,
				"more than %d levels; the event is too rare, or few moves are "
				"accepted",
				LEVELS_MAX);
	}
	if (!rc) {
		estimate.samples = w.moves;
		summarise(estimates, o, &estimate);
		estimate.hi = fmin(estimate.hi + mass_from(&s->strata, used), 1);
		*ret = estimate;
	}
	swarm_finish(&w);
	free(estimates);
	return rc;
}

int pc_splitting(const struct pc_rare_problem *problem, const struct pc_splitting_options *options,
	struct hb_rng *rng, struct pc_estimate *ret, struct hb_error *reterr)
{
	struct pc_splitting_options o = *options;
	struct system s = {.problem = problem, .rng = rng};
	int rc;

	o.particles = o.particles ? o.particles : 500;
	o.repetitions = o.repetitions ? o.repetitions : 16;
	o.sweeps = o.sweeps ? o.sweeps : 3;
	o.keep = o.keep != 0 ? o.keep : 0.1;
	o.level = o.level != 0 ? o.level : 0.95;
	if (problem->correlation)
		s.correlation = *problem->correlation;
	rc = problem_check(
		problem->nodes, problem->count, problem->protocol, &s.correlation, reterr);
	if (!rc)
		rc = options_check(&o, reterr);
	if (rc)
		return rc;
	s.bounds = problem_bounds(problem->protocol, problem->event);
	if (!problem_possible(problem, &s.bounds)) {
		*ret = (struct pc_estimate){.level = o.level};
		return 0;
	}
	rc = system_init(&s, reterr);
	if (!rc)
		rc = run(&s, &o, ret, reterr);
	system_finish(&s);
	return rc;
}
