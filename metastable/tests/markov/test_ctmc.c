/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chain of a model against the formulas of queueing theory, and the running example of the paper. */
#include <errno.h>

#include <gsl/gsl_integration.h>
#include <gsl/gsl_sf_gamma.h>

#include <hotbed/sanitizer.h>

#include <metastable/ctmc.h>

#include "chains.h"
#include "models.h"

static const struct ms_ctmc_options plain_options = {.eigenvalues = 4};

static struct ms_ctmc_chain *build(const struct ms_model *m, const struct ms_ctmc_options *options)
{
	struct ms_ctmc_chain *chain = NULL;
	struct hb_error error = {0};

	cr_assert_eq(ms_ctmc_chain_create(m, options, &chain, &error), 0, "%s", error.text);
	return chain;
}

static struct ms_ctmc solve(const struct ms_model *m, const struct ms_ctmc_options *options)
{
	struct ms_ctmc_chain *chain = build(m, options);
	struct hb_error error = {0};
	struct ms_ctmc result;

	cr_assert_eq(
		ms_ctmc_solve(chain, options, m->horizon_s, &result, &error), 0, "%s", error.text);
	ms_ctmc_chain_destroy(chain);
	return result;
}

/* Stationary law; shape [states], freed by the caller. */
static double *law_of(const struct ms_ctmc_chain *chain)
{
	double *share = calloc(chain->generator.states, sizeof(*share));
	struct hb_error error = {0};

	cr_assert_eq(
		ms_stationary(&chain->generator, 0.0, share, NULL, &error), 0, "%s", error.text);
	return share;
}

/* Offered load a on c servers: probability of a full house. */
static double erlang_b(uint32_t c, double a)
{
	double b = 1.0;

	for (uint32_t k = 1; k <= c; k++)
		b = a * b / (k + a * b);
	return b;
}

Test(ctmc, mmck_and_erlang_b)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 1);
	for (int round = 0; round < 20; round++) {
		uint32_t c = 1 + (uint32_t)hb_rng_below(&rng, 20);
		uint32_t k = c + (round % 2 == 0 ? 0 : (uint32_t)hb_rng_below(&rng, 60));
		double mu = between(&rng, 0.2, 5.0), lambda = between(&rng, 0.1, 1.5) * c * mu;
		struct ms_model m = plain_model(c, k, mu, lambda);
		struct ms_ctmc_chain *chain = build(&m, &plain_options);
		double *share = law_of(chain), weight = 1.0, sum = 0.0, expected[100];

		cr_assert_eq(chain->generator.states, k + 1);
		for (uint32_t q = 0; q <= k; q++) {
			expected[q] = weight;
			sum += weight;
			weight *= lambda / (mu * (q + 1 < c ? q + 1 : c));
		}
		for (uint32_t q = 0; q <= k; q++)
			cr_assert(close_to(share[q], expected[q] / sum, 1e-12));
		if (k == c)
			cr_assert(close_to(share[k], erlang_b(c, lambda / mu), 1e-12));
		free(share);
		ms_ctmc_chain_destroy(chain);
	}
}

Test(ctmc, erlang_c)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 2);
	for (int round = 0; round < 10; round++) {
		uint32_t c = 1 + (uint32_t)hb_rng_below(&rng, 30);
		double mu = between(&rng, 0.2, 5.0), rho = between(&rng, 0.1, 0.85);
		struct ms_model m = plain_model(c, c + 400, mu, rho * c * mu);
		struct ms_ctmc_chain *chain = build(&m, &plain_options);
		double *share = law_of(chain), wait = 0.0, b = erlang_b(c, rho * c);

		for (uint32_t q = c; q <= c + 400; q++)
			wait += share[q];
		cr_assert(close_to(wait, b / (1.0 - rho + rho * b), 1e-10));
		free(share);
		ms_ctmc_chain_destroy(chain);
	}
}

/* Erlang-A: P(wait) = A B / (1 + (A - 1) B) with A = x e^y y^-x gamma(x, y), x = c mu / theta, y = lambda / theta. */
Test(ctmc, erlang_a)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 3);
	for (int round = 0; round < 10; round++) {
		uint32_t c = 1 + (uint32_t)hb_rng_below(&rng, 20);
		double mu = between(&rng, 0.5, 3.0), theta = between(&rng, 0.2, 3.0);
		double lambda = between(&rng, 0.3, 1.6) * c * mu, wait = 0.0, abandoned = 0.0;
		struct ms_model m = plain_model(c, c + 600, mu, lambda);
		double x = c * mu / theta, y = lambda / theta, a, b = erlang_b(c, lambda / mu);
		struct ms_ctmc_chain *chain;
		double *share;

		m.clients[0].timeout_kind = MS_TIMEOUT_EXPONENTIAL;
		m.clients[0].timeout_s = 1.0 / theta;
		m.clients[0].cancel = MS_CANCEL_WAITING;
		chain = build(&m, &plain_options);
		share = law_of(chain);
		for (uint32_t q = c; q <= c + 600; q++) {
			wait += share[q];
			abandoned += share[q] * (q - c) * theta;
		}
		a = x * exp(y - x * log(y) + gsl_sf_lngamma(x)) * gsl_sf_gamma_inc_P(x, y);
		cr_assert(close_to(wait, a * b / (1.0 + (a - 1.0) * b), 1e-10), "c = %u: %.14g", c,
			wait);
		/* What comes in is served or gives up. */
		for (uint32_t q = 0; q <= c + 600; q++)
			abandoned += share[q] * mu * (q < c ? q : c);
		cr_assert(close_to(abandoned, lambda, 1e-10));
		free(share);
		ms_ctmc_chain_destroy(chain);
	}
}

/* Retrial orbit: p(0, n) = rho^n / (n! theta^n) prod (lambda + i theta) (1 - rho)^(lambda / theta + 1), mu = 1. */
Test(ctmc, mm1_retrial_orbit)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 4);
	for (int round = 0; round < 10; round++) {
		double rho = round == 0 ? 0.6 : between(&rng, 0.1, 0.8);
		double theta = round == 0 ? 0.5 : between(&rng, 0.2, 3.0), mean = 0.0, p;
		struct ms_model m = plain_model(1, 1, 1.0, rho);
		struct ms_ctmc_options options = plain_options;
		struct ms_ctmc_chain *chain;
		double *share;

		m.servers[0].on_full = MS_REJECT;
		m.clients[0].retry_on_reject = true;
		m.clients[0].retries = MS_RETRIES_UNLIMITED;
		m.clients[0].backoff = MS_BACKOFF_CONSTANT;
		m.clients[0].backoff_s = 1.0 / theta;
		options.orbit_bound = 600;
		chain = build(&m, &options);
		share = law_of(chain);
		p = pow(1.0 - rho, rho / theta + 1.0);
		for (int32_t n = 0; n <= 60; n++) {
			int32_t at[2] = {0, n};

			cr_assert(
				close_to(share[ms_generator_find(&chain->generator, at)], p, 1e-10),
				"rho = %g, theta = %g, n = %d", rho, theta, n);
			p *= rho * (rho + n * theta) / ((n + 1) * theta);
		}
		for (uint32_t i = 0; i < chain->generator.states; i++)
			mean += share[i] * chain->generator.at[2 * i + 1];
		cr_assert(close_to(mean, rho * (rho + rho * theta) / ((1.0 - rho) * theta), 1e-10),
			"%g", mean);
		if (round == 0)
			cr_assert(close_to(mean, 2.7, 1e-10));
		free(share);
		ms_ctmc_chain_destroy(chain);
	}
}

/*
 * The drift between the walls is lambda - mu + gamma o and lambda P - gamma (1 - P) o - delta o, so that it vanishes at
 * o* = (mu - lambda) / gamma and P* = (1 - rho)(1 + r) / r.
 */
Test(ctmc, saddle_is_where_the_closed_form_says)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 5);
	for (int round = 0; round < 10; round++) {
		double mu = between(&rng, 5.0, 20.0), timeout = between(&rng, 2.0, 5.0);
		uint32_t r = 2 + (uint32_t)hb_rng_below(&rng, 5);
		double rho = between(&rng, 1.0 / (1.0 + r) + 0.1, 0.9), lambda = rho * mu;
		double gamma = r / ((r + 1.0) * timeout), saddle = (mu - lambda) / gamma;
		double share = (1.0 - rho) * (1.0 + r) / r;
		struct ms_model m =
			retry_model(mu, lambda, timeout, r, (uint32_t)(2.0 * mu * timeout));
		struct ms_ctmc_chain *chain = build(&m, &plain_options);
		const struct ms_generator *g = &chain->generator;
		double *drift = calloc((size_t)g->states * 2, sizeof(double));
		bool found = false;

		ms_generator_drift(g, drift);
		for (int32_t q = 1; q + 2 < g->last[0]; q++) {
			double p = gsl_sf_gamma_inc_Q(q + 1.0, mu * timeout);
			double next = gsl_sf_gamma_inc_Q(q + 2.0, mu * timeout);

			for (int32_t o = 1; o < g->last[1]; o++) {
				int32_t at[2] = {q, o};
				const double *d = drift + 2 * (size_t)ms_generator_find(g, at);

				cr_assert(fabs(d[0] - (lambda - mu + gamma * o)) < 1e-10);
				cr_assert(fabs(d[1] - (lambda * p - gamma * (1.0 - p) * o -
							      o / ((r + 1.0) * timeout))) < 1e-10);
			}
			if (p <= share && next > share) {
				int32_t below[2] = {q, (int32_t)floor(saddle)};
				int32_t above[2] = {q + 1, (int32_t)floor(saddle) + 1};
				const double *b = drift + 2 * (size_t)ms_generator_find(g, below);
				const double *a = drift + 2 * (size_t)ms_generator_find(g, above);

				cr_assert(b[0] <= 1e-9 && a[0] > -1e-9);
				found = true;
			}
		}
		cr_assert(found);
		free(drift);
		ms_ctmc_chain_destroy(chain);
	}
}

struct late_parameters {
	uint32_t before, threads, phases;
	double mu, timeout;
};

/* Density of the own service at @s, times the probability that fewer services than before end in the rest. */
static double late_integrand(double s, void *context)
{
	const struct late_parameters *p = context;
	double rest = p->timeout - s;
	double late =
		p->before == 0 ? 0.0 : gsl_sf_gamma_inc_Q(p->before, p->threads * p->mu * rest);

	return p->mu * exp(-p->mu * s) * late;
}

/* One request that finds @queue jobs and does not retry: its lateness shows in the drift of the orbit. */
static double late_share(struct ms_model *m, uint32_t queue)
{
	struct ms_ctmc_options options = {.orbit_bound = 4};
	struct ms_ctmc_chain *chain = build(m, &options);
	int32_t at[2] = {(int32_t)queue, 0};
	double *drift = calloc((size_t)chain->generator.states * 2, sizeof(double)), late;

	ms_generator_drift(&chain->generator, drift);
	late = drift[2 * (size_t)ms_generator_find(&chain->generator, at) + 1] /
	       m->clients[0].rate_per_s;
	free(drift);
	ms_ctmc_chain_destroy(chain);
	return late;
}

Test(ctmc, lateness_of_several_threads_is_the_integral)
{
	gsl_integration_workspace *work = gsl_integration_workspace_alloc(1000);
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 6);
	for (int round = 0; round < 20; round++) {
		uint32_t c = 1 + (uint32_t)hb_rng_below(&rng, 6),
			 queue = (uint32_t)hb_rng_below(&rng, 60);
		struct late_parameters p = {.before = queue + 1 > c ? queue + 1 - c : 0,
			.threads = c,
			.mu = between(&rng, 0.5, 2.0),
			.timeout = between(&rng, 1.0, 20.0)};
		struct ms_model m = retry_model(p.mu, 1.0, p.timeout, 1, 100);
		gsl_function f = {late_integrand, &p};
		double integral, error, late;

		m.servers[0].threads = c;
		gsl_integration_qag(&f, 0.0, p.timeout, 0.0, 1e-11, 1000, GSL_INTEG_GAUSS61, work,
			&integral, &error);
		late = late_share(&m, queue);
		cr_assert(close_to(late, integral + exp(-p.mu * p.timeout), 1e-9),
			"c = %u, %u jobs: %.14g, not %.14g", c, queue, late,
			integral + exp(-p.mu * p.timeout));
	}
	gsl_integration_workspace_free(work);
}

/* Average of the constant timeout's lateness over an Erlang timeout. */
static double erlang_integrand(double t, void *context)
{
	const struct late_parameters *p = context;
	double rate = p->phases / p->timeout;
	double density = exp(p->phases * log(rate) + (p->phases - 1.0) * log(t) - rate * t -
			     gsl_sf_lngamma(p->phases));

	return density * gsl_sf_gamma_inc_Q(p->before + 1.0, p->mu * t);
}

Test(ctmc, lateness_of_random_timeouts_is_the_integral)
{
	gsl_integration_workspace *work = gsl_integration_workspace_alloc(1000);
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 7);
	for (int round = 0; round < 20; round++) {
		uint32_t queue = (uint32_t)hb_rng_below(&rng, 60);
		struct late_parameters p = {.before = queue,
			.phases = 1 + (uint32_t)hb_rng_below(&rng, 6),
			.mu = between(&rng, 0.5, 2.0),
			.timeout = between(&rng, 1.0, 20.0)};
		struct ms_model m = retry_model(p.mu, 1.0, p.timeout, 1, 100);
		gsl_function f = {erlang_integrand, &p};
		double integral, error, late;

		m.clients[0].timeout_kind =
			p.phases > 1 ? MS_TIMEOUT_ERLANG : MS_TIMEOUT_EXPONENTIAL;
		m.clients[0].timeout_phases = p.phases;
		gsl_integration_qagiu(&f, 0.0, 0.0, 1e-10, 1000, work, &integral, &error);
		late = late_share(&m, queue);
		cr_assert(close_to(late, integral, 1e-8), "%u phases, %u jobs: %.14g, not %.14g",
			p.phases, queue, late, integral);
	}
	gsl_integration_workspace_free(work);
}

/* In the long run nothing moves on average, on any axis, whatever protections there are. */
static void assert_balance(const struct ms_model *m, const struct ms_ctmc_options *options)
{
	struct ms_ctmc_chain *chain = build(m, options);
	const struct ms_generator *g = &chain->generator;
	double *share = law_of(chain), *drift = calloc((size_t)g->states * g->axes, sizeof(double));

	ms_generator_drift(g, drift);
	for (uint32_t a = 0; a < g->axes; a++) {
		double sum = 0.0, size = 0.0;

		for (uint32_t i = 0; i < g->states; i++) {
			sum += share[i] * drift[(size_t)i * g->axes + a];
			size += share[i] * fabs(drift[(size_t)i * g->axes + a]);
		}
		cr_assert(fabs(sum) <= 1e-10 * size, "%s: %g of %g", ms_ctmc_axis_name(chain, a),
			sum, size);
	}
	free(share);
	free(drift);
	ms_ctmc_chain_destroy(chain);
}

Test(ctmc, flows_balance_with_every_protection)
{
	/* Smaller where everything takes ten times as long: the rules are the same. */
	uint32_t queue = HB_IS_SANITIZED ? 8 : 20;
	struct ms_model m = retry_model(10.0, 6.0, 1.0, 3, queue);
	struct ms_ctmc_options options = {.orbit_phases = 2};

	assert_balance(&m, &plain_options);
	m.clients[0].backoff = MS_BACKOFF_EXPONENTIAL;
	m.clients[0].backoff_s = 0.5;
	m.clients[0].backoff_factor = 2.0;
	m.clients[0].jitter = MS_JITTER_FULL;
	assert_balance(&m, &plain_options);
	m.servers[0].on_full = MS_REJECT;
	m.clients[0].retry_on_reject = true;
	options = plain_options;
	options.orbit_bound = (int32_t)(2 * queue);
	assert_balance(&m, &options);
	m.servers[0].on_full = MS_DROP;
	m.clients[0].bucket_capacity = 3.0;
	m.clients[0].bucket_fill = 0.3;
	assert_balance(&m, &plain_options);
	m.clients[0].cancel = MS_CANCEL_ALWAYS;
	options.orbit_bound = (int32_t)(3 * queue / 2);
	assert_balance(&m, &options);
	m = retry_model(10.0, 6.0, 1.0, 3, queue);
	m.servers[0].slowdown = 0.05;
	m.servers[0].shed_probability = 0.5;
	m.servers[0].shed_from = queue / 4;
	m.servers[0].shed_to = 3 * queue / 4;
	assert_balance(&m, &plain_options);
}

static struct ms_model cached_model(void)
{
	struct ms_model m = retry_model(10.0, 20.0, 1.0, 2, 12);

	m.cache_count = 1;
	m.caches[0] = (struct ms_cache){.name = "k",
		.server = 0,
		.keys = 1000,
		.popularity = MS_ZIPF_KEYS,
		.zipf_exponent = 1.01,
		.size = 600,
		.ttl_s = 400.0,
		.fill = MS_FILL_ON_SUCCESS,
		.warm = true};
	m.clients[0].cache = 0;
	return m;
}

Test(ctmc, cache_counts_warm_keys)
{
	struct ms_model m = cached_model();
	struct ms_ctmc_options options = {.orbit_bound = 12};

	assert_balance(&m, &options);
	m.caches[0].fill = MS_FILL_ALWAYS;
	assert_balance(&m, &options);
}

static struct ms_model calling_model(void)
{
	struct ms_model m = retry_model(10.0, 4.0, 2.0, 2, 10);

	m.server_count = 2;
	m.client_count = 2;
	m.servers[1] = m.servers[0];
	m.clients[1] = m.clients[0];
	(void)snprintf(m.servers[1].name, MS_NAME_BYTES, "store");
	(void)snprintf(m.clients[1].name, MS_NAME_BYTES, "db->store");
	m.servers[1].queue_capacity = 8;
	m.clients[1].from_server = 0;
	m.clients[1].to_server = 1;
	m.clients[1].rate_per_s = 0.0;
	m.clients[1].timeout_s = 1.0;
	m.clients[1].retries = 1;
	return m;
}

Test(ctmc, calls_balance_and_reject_upwards)
{
	struct ms_model m = calling_model();
	struct ms_ctmc_options options = {.orbit_bound = HB_IS_SANITIZED ? 6 : 10};

	assert_balance(&m, &options);
	m.clients[0].retry_on_reject = true;
	assert_balance(&m, &options);
	m.servers[0].threads = 3;
	m.servers[1].on_full = MS_REJECT;
	assert_balance(&m, &options);
}

/* Only 0.3 of the jobs call: a store that is never slow changes nothing but its own queue, which is M/M/1/K. */
Test(ctmc, calls_without_trouble_are_a_tandem)
{
	struct ms_model m = calling_model();
	struct ms_ctmc_chain *chain;
	double *share, busy = 0.0;

	m.clients[0].timeout_kind = m.clients[1].timeout_kind = MS_TIMEOUT_NONE;
	m.servers[0].queue_capacity = 40;
	m.servers[1].queue_capacity = 6;
	m.servers[1].service.mean_s = 1e-6;
	m.clients[1].call_probability = 0.3;
	chain = build(&m, &plain_options);
	share = law_of(chain);
	for (uint32_t i = 0; i < chain->generator.states; i++)
		busy += chain->generator.at[2 * i] > 0 ? share[i] : 0.0;
	cr_assert(close_to(busy, 0.4, 1e-5), "%g", busy);
	free(share);
	ms_ctmc_chain_destroy(chain);
}

Test(ctmc, running_example_stays_down_at_150_and_recovers_at_35)
{
	struct ms_model m = running_example(HB_IS_SANITIZED ? 100 : 150);
	struct ms_ctmc deep = solve(&m, &plain_options), shallow;

	m = running_example(35);
	shallow = solve(&m, &plain_options);
	cr_assert(!deep.beyond && !shallow.beyond);
	cr_assert(deep.kind == MS_VULNERABLE || deep.kind == MS_COLLAPSED, "%s",
		ms_class_name(deep.kind));
	cr_assert_eq(shallow.kind, MS_STABLE, "%s", ms_class_name(shallow.kind));
	cr_assert(deep.tau_recover_s > 1e9);
	cr_assert(shallow.tau_recover_s < 60.0, "%g", shallow.tau_recover_s);
	cr_assert(deep.lost_mass < 1e-12);
}

/* The state in which the chain is most of the time, given that it has long been in the basin (1) or outside of it. */
static uint32_t bottom(const struct ms_ctmc_chain *chain, const double *committor, bool high)
{
	uint32_t states = chain->generator.states, top = 0;
	double *law = calloc(states, sizeof(*law));
	uint8_t *basin = calloc(states, 1);
	struct ms_quasi_stationary q;
	struct hb_error error = {0};

	for (uint32_t i = 0; i < states; i++)
		basin[i] = (committor[i] >= 0.5) == high;
	cr_assert_eq(ms_quasi_stationary_law(&chain->generator, basin, 1e-9, 0.0, law, &q, &error),
		0, "%s", error.text);
	for (uint32_t i = 0; i < states; i++)
		top = law[i] > law[top] ? i : top;
	free(law);
	free(basin);
	return top;
}

static double time_between(const struct ms_ctmc_chain *chain, uint32_t from, uint32_t to)
{
	double *time_s = calloc(chain->generator.states, sizeof(*time_s)), result;
	uint8_t *target = calloc(chain->generator.states, 1);
	struct hb_error error = {0};

	target[to] = 1;
	cr_assert_eq(ms_passage_time(&chain->generator, target, 0.0, time_s, &error), 0, "%s",
		error.text);
	result = time_s[from];
	free(time_s);
	free(target);
	return result;
}

/*
 * With two modes far apart the slowest eigenvalue is the sum of both escape rates: to the last digits for times between
 * the bottoms of the wells, and roughly for those of the definition, which ends at the edge of the other set, from
 * which a few paths still turn back.
 */
Test(ctmc, slowest_eigenvalue_is_the_sum_of_both_rates)
{
	uint32_t longest = HB_IS_SANITIZED ? 64 : 84;

	for (uint32_t queue = 64; queue <= longest; queue += 10) {
		struct ms_model m = running_example(queue);
		struct ms_ctmc_chain *chain;
		struct hb_error error = {0};
		uint32_t low, high;
		double *committor, sum;
		struct ms_ctmc c;

		m.clients[0].rate_per_s = 5.5;
		c = solve(&m, &plain_options);
		cr_assert(!c.beyond);
		sum = 1.0 / c.tau_recover_s + 1.0 / c.tau_collapse_s;
		cr_assert(close_to(-c.spectrum.real_per_s[0], sum, 0.2),
			"queue %u: %g, not about %g", queue, -c.spectrum.real_per_s[0], sum);
		chain = build(&m, &plain_options);
		committor = calloc(chain->generator.states, sizeof(*committor));
		cr_assert_eq(ms_ctmc_committor(chain, 0.0, committor, &error), 0, "%s", error.text);
		low = bottom(chain, committor, false);
		high = bottom(chain, committor, true);
		sum = 1.0 / time_between(chain, low, high) + 1.0 / time_between(chain, high, low);
		cr_assert(close_to(-c.spectrum.real_per_s[0], sum,
				  1e-7 + 10.0 * sum / -c.spectrum.real_per_s[1]),
			"queue %u: %g, not %g", queue, -c.spectrum.real_per_s[0], sum);
		free(committor);
		ms_ctmc_chain_destroy(chain);
	}
}

Test(ctmc, from_a_state)
{
	struct ms_model m = running_example(35);
	struct ms_ctmc_chain *chain = build(&m, &plain_options);
	struct ms_ctmc_from from;
	struct hb_error error = {0};

	cr_assert_eq(ms_ctmc_solve_from(chain, &plain_options, 35, 100, &from, &error), 0, "%s",
		error.text);
	cr_assert(from.tau_low_s > 10.0 && from.tau_low_s < 60.0, "%g", from.tau_low_s);
	cr_assert_eq(from.tau_high_s, 0.0);
	cr_assert_eq(from.p_high_first, 1.0);
	cr_assert_eq(ms_ctmc_solve_from(chain, &plain_options, 36, 0, &from, &error), -EINVAL);
	cr_assert(strstr(error.text, "36") != NULL, "%s", error.text);
	ms_ctmc_chain_destroy(chain);
}

/* More phases of the wait bring it closer to the constant one; the class of the example does not hang on them. */
Test(ctmc, phases_of_the_wait_are_a_knob)
{
	struct ms_model m = retry_model(10.0, 7.0, 0.6, 3, HB_IS_SANITIZED ? 8 : 12);
	struct ms_ctmc_options options = {.orbit_phases = 1, .eigenvalues = 2};
	double before = solve(&m, &options).mean_orbit, after;

	options.orbit_phases = 2;
	after = solve(&m, &options).mean_orbit;
	cr_assert(!close_to(before, after, 1e-6) && close_to(before, after, 0.2), "%g and %g",
		before, after);
}

Test(ctmc, classes_follow_from_both_times)
{
	double low[2] = {10.0, 20.0}, high[2] = {1e4, 1e5}, wide[2] = {10.0, 1e5};

	cr_assert_eq(ms_class_of_times(10.0, 1e4, 1800.0), MS_STABLE);
	cr_assert_eq(ms_class_of_times(1e4, 1e4, 1800.0), MS_VULNERABLE);
	cr_assert_eq(ms_class_of_times(1e4, 10.0, 1800.0), MS_COLLAPSED);
	cr_assert_eq(ms_class_of_times(10.0, 10.0, 1800.0), MS_FLAPPING);
	cr_assert_eq(ms_class_of_times(NAN, 10.0, 1800.0), MS_UNKNOWN);
	cr_assert_eq(ms_class_of_times(10.0, INFINITY, 1800.0), MS_STABLE);
	cr_assert_eq(ms_class_of_intervals(low, high, 1800.0), MS_STABLE);
	cr_assert_eq(ms_class_of_intervals(wide, high, 1800.0), MS_UNKNOWN);
}

Test(ctmc, refusals_name_the_reason)
{
	struct ms_model m = running_example(150);
	struct ms_ctmc_options options = {.memory_bytes_max = 1e6};
	struct ms_ctmc_chain *chain = NULL;
	struct hb_error error = {0};

	cr_assert_eq(ms_ctmc_chain_create(&m, &options, &chain, &error), -E2BIG);
	cr_assert(strstr(error.text, "GiB") != NULL && strstr(error.text, "states") != NULL, "%s",
		error.text);
	m.clients[0].breaker_window_s = 10.0;
	cr_assert_eq(ms_ctmc_chain_create(&m, &plain_options, &chain, &error), -EOPNOTSUPP);
	m = running_example(MS_QUEUE_MAX);
	cr_assert_eq(
		ms_ctmc_chain_create(&m, &plain_options, &chain, &error), -E2BIG, "%s", error.text);
	m = running_example(150);
	m.servers[0].service.mean_s = 1e-9;
	cr_assert_eq(ms_ctmc_chain_create(&m, &plain_options, &chain, &error), -ERANGE);
	cr_assert(strstr(error.text, "fluid") != NULL, "%s", error.text);
}

/* A bound below the high mark leaves one mode. */
Test(ctmc, shedding_removes_the_high_mode)
{
	struct ms_model m = running_example(150);
	struct ms_ctmc c;

	m.servers[0].shed_bound = 40;
	m.servers[0].on_shed = MS_REJECT;
	c = solve(&m, &plain_options);
	cr_assert_eq(c.kind, MS_STABLE);
	cr_assert(isinf(c.tau_collapse_s));
}
