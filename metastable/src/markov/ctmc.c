/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/clock.h"
#include "hotbed/error.h"
#include "metastable/ctmc.h"
#include "metastable/model.h"
#include "service_chain.h"

/* An orbit whose bound is hit for longer than this share of the time is made larger, if its bound was not given. */
#define LOST_MASS_MAX 1e-12
#define GROWTHS_MAX 6
/* Of the quasi-stationary laws: relative. */
#define LAW_TOLERANCE 1e-11
/* The same where they are found iteratively, which the bounds make up for. */
#define LAW_TOLERANCE_ITERATIVE 1e-10

/* States rarer than this have no weight in the eigenvectors that a double could hold. */
#define FREQUENT_SHARE 0x1p-900

/* The rest is left within this many times the time scale of the fastest eigenvalue asked for. */
#define LEFT_SOON 1000.0
/* A grid of three axes and more falls apart when about states / longest side are taken out of it. */
#define SEPARATOR_MAX 1500.0
/* An iterative answer whose bound is larger is none. */
#define ERROR_MAX 0.01

static double memory_limit(const struct ms_ctmc_options *options)
{
	return options->memory_bytes_max > 0.0 ? options->memory_bytes_max
					       : MS_MEMORY_BYTES_DEFAULT;
}

static bool solved_iteratively(const struct ms_generator *g, const struct ms_ctmc_options *options)
{
	int32_t longest = 0;

	if (options->solver != MS_SOLVER_CHOOSE)
		return options->solver == MS_SOLVER_ITERATIVE;
	for (uint32_t a = 0; a < g->axes; a++)
		longest = g->last[a] > longest ? g->last[a] : longest;
	return g->axes > 2 && (double)g->states / (longest + 1.0) > SEPARATOR_MAX;
}

static double orbit_of(const struct ms_ctmc_chain *chain, const int32_t *at)
{
	double sum = 0.0;

	for (int p = 0; p < chain->orbit_phases; p++)
		sum += at[chain->orbit_axis + p];
	return sum;
}

/* Low and high, by the queue of the server that was asked about. */
static int mark_ends(struct ms_ctmc_chain *chain, struct hb_error *reterr)
{
	const struct ms_generator *g = &chain->generator;
	int32_t capacity = g->last[chain->queue_axis];
	int32_t low = capacity / 10, high = capacity - capacity / 10;

	chain->low = calloc(g->states, 1);
	chain->high = calloc(g->states, 1);
	if (chain->low == NULL || chain->high == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for %u states", g->states);
	for (uint32_t i = 0; i < g->states; i++) {
		int32_t queue = g->at[(size_t)i * g->axes + chain->queue_axis];

		chain->low[i] = queue <= low;
		chain->high[i] = queue >= high;
	}
	return 0;
}

int ms_ctmc_chain_create(const struct ms_model *model, const struct ms_ctmc_options *options,
	struct ms_ctmc_chain **ret, struct hb_error *reterr)
{
	struct service_chain_options service_options = {.orbit_bound = options->orbit_bound,
		.orbit_phases = options->orbit_phases,
		.rate_factor = options->rate_factor};
	struct ms_ctmc_chain *chain;
	const struct station *t;
	int64_t begin = hb_clock_now_ns();
	int r;

	if (options->server >= model->server_count)
		return hb_error_set(reterr, -EINVAL, "server %u was asked about; there are %u",
			options->server, model->server_count);
	chain = calloc(1, sizeof(*chain));
	if (chain == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for a chain");
	r = service_chain_create(model, &service_options, &chain->service, reterr);
	if (r == 0) {
		t = &chain->service->station[options->server];
		chain->queue_axis = (uint32_t)t->queue_axis;
		chain->orbit_axis = t->orbit_axis;
		chain->orbit_phases = t->orbit_axis != NO_AXIS ? t->orbit_phases : 0;
		if (t->orbit_axis != NO_AXIS)
			chain->orbit_bound = chain->service->rules.last[t->orbit_axis];
		r = ms_generator_build(
			&chain->service->rules, memory_limit(options), &chain->generator, reterr);
	}
	if (r == 0) {
		chain->iterative = solved_iteratively(&chain->generator, options);
		r = mark_ends(chain, reterr);
	}
	if (r < 0) {
		ms_ctmc_chain_destroy(chain);
		return r;
	}
	chain->build_s = (double)(hb_clock_now_ns() - begin) * 1e-9;
	*ret = chain;
	return 0;
}

void ms_ctmc_chain_destroy(struct ms_ctmc_chain *chain)
{
	if (chain == NULL)
		return;
	ms_generator_finish(&chain->generator);
	service_chain_destroy(chain->service);
	free(chain->low);
	free(chain->high);
	free(chain);
}

const char *ms_ctmc_axis_name(const struct ms_ctmc_chain *chain, uint32_t axis)
{
	return chain->service->axis_name[axis];
}

/* Failures that belong to the numbers, not to the machine: the answer is then "beyond resolution". */
static bool of_numbers(int code)
{
	return code == -EDOM || code == -ERANGE || code == -EIO || code == -EINVAL;
}

/* Is some orbit full in state @i? */
static bool orbit_full(const struct ms_ctmc_chain *chain, uint32_t i)
{
	const int32_t *at = chain->generator.at + (size_t)i * chain->generator.axes;

	for (uint32_t s = 0; s < chain->service->station_count; s++) {
		const struct station *t = &chain->service->station[s];

		/* The orbit of a call is no larger than the threads that call: there it is no loss. */
		if (t->client->from_server != MS_NONE)
			continue;
		for (int p = 0; t->orbit_axis != NO_AXIS && p < t->orbit_phases; p++) {
			if (at[t->orbit_axis + p] == chain->generator.last[t->orbit_axis + p])
				return true;
		}
		if (t->backoff_axis != NO_AXIS &&
			at[t->backoff_axis] == chain->generator.last[t->backoff_axis])
			return true;
	}
	return false;
}

static void stationary_means(
	const struct ms_ctmc_chain *chain, const double *share, struct ms_ctmc *ret)
{
	const struct ms_generator *g = &chain->generator;

	ret->mean_queue = ret->mean_orbit = ret->p_low = ret->p_high = ret->lost_mass = 0.0;
	for (uint32_t i = 0; i < g->states; i++) {
		const int32_t *at = g->at + (size_t)i * g->axes;

		ret->mean_queue += share[i] * at[chain->queue_axis];
		ret->mean_orbit += share[i] * orbit_of(chain, at);
		ret->p_low += chain->low[i] != 0 ? share[i] : 0.0;
		ret->p_high += chain->high[i] != 0 ? share[i] : 0.0;
		ret->lost_mass += orbit_full(chain, i) ? share[i] : 0.0;
	}
}

/* Without a factor there are no eigenvalues. */
static int iterate_stationary(const struct ms_ctmc_chain *chain,
	const struct ms_ctmc_options *options, double *share, struct ms_ctmc *ret,
	struct hb_error *reterr)
{
	struct ms_bound bound;
	int r = ms_stationary_iterative(
		&chain->generator, memory_limit(options), share, &bound, reterr);

	if (r == 0)
		ret->stationary_error = bound.error;
	if (r == 0 && bound.error <= ERROR_MAX)
		stationary_means(chain, share, ret);
	else
		ret->beyond = true;
	return of_numbers(r) ? 0 : r;
}

/*
 * The frequent part of @chain: all states with an orbit no longer than one that has a share of 2^-900 somewhere.
 * @member: shape [states]. False if that is most of them, or there is no one orbit.
 */
static bool frequent_part(const struct ms_ctmc_chain *chain, const double *share, uint8_t *member)
{
	const struct ms_generator *g = &chain->generator;
	int32_t longest = 0;

	if (chain->orbit_phases != 1)
		return false;
	for (uint32_t i = 0; i < g->states; i++) {
		int32_t orbit = g->at[(size_t)i * g->axes + (uint32_t)chain->orbit_axis];

		if (share[i] >= FREQUENT_SHARE && orbit > longest)
			longest = orbit;
	}
	for (uint32_t i = 0; i < g->states; i++)
		member[i] = g->at[(size_t)i * g->axes + (uint32_t)chain->orbit_axis] <= longest + 1;
	return longest + 1 < g->last[chain->orbit_axis] / 2;
}

/*
 * Eigenvalues of the frequent part alone, which a cut at states so rare does not move. In the rest, Arnoldi's method is
 * slow, and may be wrong: it has no weights that a double could hold. The rest must be left soon, so that it has no
 * slow mode of its own. Says whether @ret is filled in.
 */
static bool frequent_spectrum(const struct ms_ctmc_chain *chain, double memory_bytes_max,
	const double *share, uint32_t count, struct ms_spectrum *ret)
{
	const struct ms_generator *g = &chain->generator;
	uint8_t *member = malloc(g->states);
	double *law = malloc(g->states * sizeof(*law)),
	       *time_s = malloc(g->states * sizeof(*time_s)), longest_s = 0.0;
	struct elimination *factor = NULL;
	struct ms_spectrum found = {0};
	struct ms_generator part = {0};
	bool is_found = false;
	int r = member != NULL && law != NULL && time_s != NULL ? 0 : -ENOMEM;

	if (r == 0 && !frequent_part(chain, share, member))
		r = -ENOENT;
	if (r == 0)
		r = ms_generator_restrict(g, member, &part, NULL, NULL);
	if (r == 0) {
		/* Jumps out of it are left out: the part is a chain of its own. */
		free(part.leave_per_s);
		part.leave_per_s = NULL;
		r = ms_stationary(&part, memory_bytes_max, law, &factor, NULL);
	}
	if (r == 0 && factor != NULL)
		r = ms_spectrum(&part, factor, count, &found, NULL);
	if (r == 0)
		r = ms_passage_time(g, member, memory_bytes_max, time_s, NULL);
	for (uint32_t i = 0; r == 0 && i < g->states; i++)
		longest_s = fmax(longest_s, time_s[i]);
	if (r == 0 && found.resolved && found.count >= count &&
		longest_s * fabs(found.real_per_s[count - 1]) < LEFT_SOON) {
		*ret = found;
		is_found = true;
	}
	ms_factor_destroy(factor);
	ms_generator_finish(&part);
	free(member);
	free(law);
	free(time_s);
	return is_found;
}

static int solve_stationary(const struct ms_ctmc_chain *chain,
	const struct ms_ctmc_options *options, struct ms_ctmc *ret, struct hb_error *reterr)
{
	const struct ms_generator *g = &chain->generator;
	double *share = malloc(g->states * sizeof(*share));
	uint32_t count = options->eigenvalues;
	struct elimination *factor = NULL;
	int r;

	if (share == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for %u states", g->states);
	if (chain->iterative) {
		r = iterate_stationary(chain, options, share, ret, reterr);
		free(share);
		return r;
	}
	if (count + 3 > g->states)
		count = g->states > 3 ? g->states - 3 : 0;
	r = ms_stationary(g, memory_limit(options), share, count > 0 ? &factor : NULL, reterr);
	if (r == 0)
		stationary_means(chain, share, ret);
	if (r == 0 && factor != NULL &&
		frequent_spectrum(chain, memory_limit(options), share, count, &ret->spectrum)) {
		ms_factor_destroy(factor);
		free(share);
		return 0;
	}
	free(share);
	/* A chain that leaves states for good has no factor, and no eigenvalues that a law could weigh. */
	if (r == 0 && count > 0 && factor == NULL)
		ret->beyond = true;
	if (r == 0 && factor != NULL) {
		r = ms_spectrum(g, factor, count, &ret->spectrum, reterr);
		ret->beyond = ret->beyond || r < 0 || !ret->spectrum.resolved;
	}
	ms_factor_destroy(factor);
	if (of_numbers(r)) {
		ret->beyond = true;
		r = 0;
	}
	return r;
}

static int basin_law(const struct ms_ctmc_chain *chain, const struct ms_ctmc_options *options,
	const uint8_t *basin, double *law, struct ms_quasi_stationary *ret, struct hb_error *reterr)
{
	struct ms_bound bound;

	if (chain->iterative)
		return ms_quasi_stationary_iterative(&chain->generator, basin,
			LAW_TOLERANCE_ITERATIVE, memory_limit(options), law, ret, &bound, reterr);
	return ms_quasi_stationary_law(
		&chain->generator, basin, LAW_TOLERANCE, memory_limit(options), law, ret, reterr);
}

/* Times to @target, and what bounds their error; 0 for elimination. */
static int times_to(const struct ms_ctmc_chain *chain, const struct ms_ctmc_options *options,
	const uint8_t *target, double *time_s, double *ret_error, struct hb_error *reterr)
{
	struct ms_bound bound = {0};
	int r;

	if (chain->iterative)
		r = ms_passage_time_iterative(
			&chain->generator, target, memory_limit(options), time_s, &bound, reterr);
	else
		r = ms_passage_time(
			&chain->generator, target, memory_limit(options), time_s, reterr);
	if (r == 0)
		*ret_error = chain->iterative ? bound.error : 0.0;
	if (r == 0 && bound.error > ERROR_MAX)
		r = hb_error_set(reterr, -EDOM,
			"the times are known to a factor of %.2g only: beyond resolution",
			1.0 + bound.error);
	return r;
}

/* Law of one basin, and the mean time from it until @target is entered. */
static int solve_basin(const struct ms_ctmc_chain *chain, const struct ms_ctmc_options *options,
	const uint8_t *basin, const uint8_t *target, struct ms_ctmc_basin *ret, double *error,
	bool *beyond, struct hb_error *reterr)
{
	const struct ms_generator *g = &chain->generator;
	double *law = malloc(g->states * sizeof(*law)),
	       *time_s = malloc(g->states * sizeof(*time_s));
	struct ms_quasi_stationary q;
	long double escape_s = 0.0L;
	double longest_s = 0.0;
	int r = 0;

	*ret = (struct ms_ctmc_basin){
		.escape_s = NAN, .mean_queue = NAN, .mean_orbit = NAN, .exit_rate_per_s = NAN};
	for (uint32_t i = 0; i < g->states; i++)
		ret->states += basin[i] != 0;
	if (law == NULL || time_s == NULL)
		r = hb_error_set(reterr, -ENOMEM, "out of memory for %u states", g->states);
	if (r == 0)
		r = basin_law(chain, options, basin, law, &q, reterr);
	if (r == 0) {
		ret->exit_rate_per_s = q.exit_rate_per_s;
		ret->mean_queue = ret->mean_orbit = 0.0;
		*beyond = *beyond || !q.converged;
		for (uint32_t i = 0; i < g->states; i++) {
			const int32_t *at = g->at + (size_t)i * g->axes;

			ret->mean_queue += law[i] * at[chain->queue_axis];
			ret->mean_orbit += law[i] * orbit_of(chain, at);
		}
		r = times_to(chain, options, target, time_s, error, reterr);
		if (r == -ERANGE)
			ret->escape_s = INFINITY;
	}
	if (r == 0) {
		for (uint32_t i = 0; i < g->states; i++) {
			escape_s += (long double)law[i] * (long double)time_s[i];
			longest_s = basin[i] != 0 ? fmax(longest_s, time_s[i]) : longest_s;
		}
		ret->escape_s = (double)escape_s;
		*error += chain->iterative ? q.law_error * longest_s / ret->escape_s : 0.0;
	}
	free(law);
	free(time_s);
	if (of_numbers(r)) {
		*beyond = true;
		r = 0;
	}
	return r;
}

int ms_ctmc_committor(const struct ms_ctmc_chain *chain, double memory_bytes_max, double *ret,
	struct hb_error *reterr)
{
	struct ms_bound bound;
	int r;

	if (chain->iterative) {
		r = ms_committor_iterative(&chain->generator, chain->high, chain->low,
			memory_bytes_max, ret, &bound, reterr);
		if (r == 0 && bound.error > ERROR_MAX)
			r = hb_error_set(reterr, -EDOM,
				"the committor is known to %.2g only: beyond resolution",
				bound.error);
		return r;
	}
	return ms_committor(
		&chain->generator, chain->high, chain->low, memory_bytes_max, ret, reterr);
}

static int solve_times(const struct ms_ctmc_chain *chain, const struct ms_ctmc_options *options,
	struct ms_ctmc *ret, struct hb_error *reterr)
{
	uint32_t states = chain->generator.states;
	double *committor = malloc(states * sizeof(*committor));
	uint8_t *basin = malloc(states);
	int r = 0;

	if (committor == NULL || basin == NULL)
		r = hb_error_set(reterr, -ENOMEM, "out of memory for %u states", states);
	/* A queue that shedding keeps short of high never collapses. */
	if (r == 0 && memchr(chain->high, 1, states) == NULL) {
		ret->low.escape_s = INFINITY;
		goto out;
	}
	if (r == 0)
		r = ms_ctmc_committor(chain, memory_limit(options), committor, reterr);
	for (uint32_t i = 0; i < states && r == 0; i++)
		basin[i] = committor[i] >= 0.5;
	if (r == 0)
		r = solve_basin(chain, options, basin, chain->low, &ret->high, &ret->recover_error,
			&ret->beyond, reterr);
	for (uint32_t i = 0; i < states && r == 0; i++)
		basin[i] = basin[i] == 0;
	if (r == 0)
		r = solve_basin(chain, options, basin, chain->high, &ret->low, &ret->collapse_error,
			&ret->beyond, reterr);
out:
	free(committor);
	free(basin);
	if (of_numbers(r)) {
		ret->beyond = true;
		r = 0;
	}
	return r;
}

/* Twice the orbit, for as long as the present one is full too often. Returns 1 if there is a new chain. */
static int grow_orbit(struct ms_ctmc_chain *chain, const struct ms_ctmc_options *options,
	const struct ms_ctmc *result, int *growths, struct hb_error *reterr)
{
	struct ms_rules *rules = &chain->service->rules;
	struct ms_generator grown;
	int r;

	if (options->orbit_bound > 0 || !(result->lost_mass > LOST_MASS_MAX) ||
		*growths == GROWTHS_MAX)
		return 0;
	for (uint32_t s = 0; s < chain->service->station_count; s++) {
		const struct station *t = &chain->service->station[s];

		if (t->client->from_server != MS_NONE)
			continue;
		for (int p = 0; t->orbit_axis != NO_AXIS && p < t->orbit_phases; p++)
			rules->last[t->orbit_axis + p] *= 2;
		if (t->backoff_axis != NO_AXIS)
			rules->last[t->backoff_axis] *= 2;
	}
	r = ms_generator_build(rules, memory_limit(options), &grown, reterr);
	if (r < 0)
		return r == -E2BIG ? 0 : r;
	(*growths)++;
	ms_generator_finish(&chain->generator);
	free(chain->low);
	free(chain->high);
	chain->generator = grown;
	if (chain->orbit_axis != NO_AXIS)
		chain->orbit_bound = grown.last[chain->orbit_axis];
	chain->iterative = solved_iteratively(&grown, options);
	r = mark_ends(chain, reterr);
	return r < 0 ? r : 1;
}

/* Iterating takes long: not without an estimate. */
static int check_cost(const struct ms_ctmc_chain *chain, const struct ms_ctmc_options *options,
	struct hb_error *reterr)
{
	double limit_s = options->seconds_max > 0.0 ? options->seconds_max : MS_SECONDS_DEFAULT;
	double limit_bytes = memory_limit(options);
	struct ms_iteration_cost cost;

	if (!chain->iterative)
		return 0;
	cost = ms_iteration_cost(&chain->generator);
	if (cost.seconds <= limit_s && cost.bytes <= limit_bytes)
		return 0;
	return hb_error_set(reterr, -E2BIG,
		"the chain has %u states and %llu jumps, beyond elimination; iterating takes about "
		"%.3g GiB and %.2g s; the limits are %.3g GiB and %.2g s. Make the queues or the "
		"orbit bound smaller, or raise the limits (--memory, --seconds)",
		chain->generator.states, (unsigned long long)chain->generator.nonzeros,
		cost.bytes / 0x1p30, cost.seconds, limit_bytes / 0x1p30, limit_s);
}

int ms_ctmc_solve(struct ms_ctmc_chain *chain, const struct ms_ctmc_options *options,
	double horizon_s, struct ms_ctmc *ret, struct hb_error *reterr)
{
	struct ms_ctmc result;
	int growths = 0, r;

	do {
		result = (struct ms_ctmc){.lost_mass = NAN,
			.mean_queue = NAN,
			.mean_orbit = NAN,
			.p_low = NAN,
			.p_high = NAN,
			.stationary_error = NAN,
			.recover_error = NAN,
			.collapse_error = NAN,
			.tau_recover_s = NAN,
			.tau_collapse_s = NAN};
		r = check_cost(chain, options, reterr);
		if (r < 0)
			return r;
		r = options->times_only ? 0 : solve_stationary(chain, options, &result, reterr);
		if (r == 0)
			r = grow_orbit(chain, options, &result, &growths, reterr);
	} while (r > 0);
	if (r == 0)
		r = solve_times(chain, options, &result, reterr);
	if (r < 0)
		return r;
	result.iterative = chain->iterative;
	if (!chain->iterative)
		result.recover_error = result.collapse_error = NAN;
	result.states = chain->generator.states;
	result.nonzeros = chain->generator.nonzeros;
	result.orbit_bound = chain->orbit_bound;
	result.tau_recover_s = result.high.escape_s;
	result.tau_collapse_s = result.low.escape_s;
	result.kind = ms_class_of_times(result.tau_recover_s, result.tau_collapse_s, horizon_s);
	*ret = result;
	return 0;
}

int ms_ctmc_solve_from(struct ms_ctmc_chain *chain, const struct ms_ctmc_options *options,
	int32_t queue, int32_t orbit, struct ms_ctmc_from *ret, struct hb_error *reterr)
{
	const struct ms_generator *g = &chain->generator;
	double *value = malloc(g->states * sizeof(*value)), limit = memory_limit(options), error;
	struct ms_ctmc_from from = {0};
	int32_t at[MS_AXES_MAX];
	uint32_t state;
	int r;

	if (value == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for %u states", g->states);
	memcpy(at, chain->service->rules.start, sizeof(at));
	at[chain->queue_axis] = queue;
	if (chain->orbit_phases > 0)
		at[chain->orbit_axis] = orbit;
	state = chain->orbit_phases > 0 || orbit == 0 ? ms_generator_find(g, at) : UINT32_MAX;
	if (state == UINT32_MAX)
		r = hb_error_set(reterr, -EINVAL,
			"the chain has no state with %d jobs in the server and %d requests in the "
			"orbit; the "
			"largest are %d and %d",
			queue, orbit, g->last[chain->queue_axis], chain->orbit_bound);
	else
		r = times_to(chain, options, chain->low, value, &error, reterr);
	if (r == 0) {
		from.tau_low_s = value[state];
		r = times_to(chain, options, chain->high, value, &error, reterr);
	}
	if (r == 0) {
		from.tau_high_s = value[state];
		r = ms_ctmc_committor(chain, limit, value, reterr);
	}
	if (r == 0) {
		from.p_high_first = value[state];
		*ret = from;
	}
	free(value);
	return r;
}
