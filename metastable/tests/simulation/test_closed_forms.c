/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What queueing theory says in closed form, within four standard errors of long runs. */
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include "scenario.h"

/* Poisson arrivals without timeouts: the service itself. */
#define QUEUE                                                                     \
	"server s { threads 1; queue 10 fifo; service exp 10/s; on_full drop }\n" \
	"client c -> s { rate poisson 8/s; timeout none; retry 0 }\n"

/* Stationary law of a birth-death chain with states 0 ... @last. */
static void birth_death(const double *births, const double *deaths, int last, double *ret)
{
	double sum = ret[0] = 1;

	for (int i = 1; i <= last; i++)
		sum += ret[i] = ret[i - 1] * births[i - 1] / deaths[i];
	for (int i = 0; i <= last; i++)
		ret[i] /= sum;
}

Test(closed_forms, loss_and_length_of_a_bounded_queue_with_many_threads)
{
	struct hb_rng rng;

	hb_rng_init(&rng, scenario_seed(), 3);
	for (int i = 0; i < 6; i++) {
		struct ms_model model = scenario_model(QUEUE, NULL);
		struct ms_server *server = &model.servers[0];
		struct ms_run_result result;
		double births[64], deaths[64], law[64];
		double length = 0;
		double end_s;

		server->threads = 1 + (uint32_t)hb_rng_below(&rng, 6);
		server->queue_capacity = server->threads + (uint32_t)hb_rng_below(&rng, 12);
		server->service.mean_s = 0.1 * server->threads;
		model.clients[0].rate_per_s = 5 + 10 * hb_rng_double(&rng);
		for (uint32_t k = 0; k <= server->queue_capacity; k++) {
			births[k] = model.clients[0].rate_per_s;
			deaths[k] = fmin(k, server->threads) / server->service.mean_s;
		}
		birth_death(births, deaths, (int)server->queue_capacity, law);
		for (uint32_t k = 0; k <= server->queue_capacity; k++)
			length += k * law[k];
		end_s = 40000;
		result = scenario_run(&model, end_s, (uint64_t)i);
		/* The chain forgets within a few seconds: thousands of independent stretches. */
		cr_assert_float_eq(
			(double)result.servers[0].full / (double)result.servers[0].arrivals,
			law[server->queue_capacity], 0.02 * law[server->queue_capacity] + 0.003);
		cr_assert_float_eq(result.servers[0].job_s / end_s, length, 0.04 * length);
	}
}

Test(closed_forms, abandonment_of_erlang_a)
{
	/* Jobs leave the queue when their exponential patience ends: deaths min(k, c) mu + max(0, k - c) theta. */
	struct ms_model model = scenario_model(QUEUE, NULL);
	struct ms_run_result result;
	double births[401], deaths[401], law[401];
	double waiting = 0;
	double theta = 0.8, rate = 9.5;

	model.servers[0].threads = 4;
	model.servers[0].service.mean_s = 0.4;
	model.servers[0].queue_capacity = 400;
	model.clients[0].rate_per_s = rate;
	model.clients[0].timeout_kind = MS_TIMEOUT_EXPONENTIAL;
	model.clients[0].timeout_s = 1 / theta;
	model.clients[0].cancel = MS_CANCEL_WAITING;
	for (int k = 0; k <= 400; k++) {
		births[k] = rate;
		deaths[k] = fmin(k, 4) / 0.4 + fmax(0, k - 4) * theta;
	}
	birth_death(births, deaths, 400, law);
	for (int k = 5; k <= 400; k++)
		waiting += (k - 4) * law[k];
	result = scenario_run(&model, 100000, 1);
	cr_assert_float_eq((double)result.servers[0].cancelled / (double)result.servers[0].arrivals,
		theta * waiting / rate, 0.01 * theta * waiting);
}

Test(closed_forms, retries_against_independent_failures_succeed_and_load_as_brooker_says)
{
	static const double shares[] = {0.1, 0.5, 0.8};

	for (int i = 0; i < 3; i++) {
		for (uint32_t retries = 0; retries < 5; retries++) {
			struct ms_model model = scenario_model(QUEUE, NULL);
			double f = shares[i];
			double reached = 1 - pow(f, retries + 1.0);
			struct ms_run_result result;
			const struct ms_client_counts *counts = &result.clients[0];

			model.servers[0].threads = 1000;
			model.servers[0].queue_capacity = 0;
			model.servers[0].shed_probability = f;
			model.servers[0].shed_from = 0;
			model.servers[0].shed_to = 0;
			model.servers[0].on_shed = MS_REJECT;
			model.clients[0].retries = retries;
			model.clients[0].retry_on_reject = true;
			result = scenario_run(&model, 20000, retries);
			cr_assert_float_eq((double)counts->successes / (double)counts->requests,
				reached, 4 * 0.5 / sqrt(160000));
			cr_assert_float_eq((double)counts->attempts / (double)counts->requests,
				reached / (1 - f), 0.03 * reached / (1 - f));
		}
	}
}

Test(closed_forms, nested_retries_multiply)
{
	/* The innermost server sheds everything: each of 1 + r attempts makes 1 + s attempts of its own. */
	struct ms_model model = scenario_model(
		"server a { threads 1000; service exp 100/s }\n"
		"server b { threads 1000; service exp 100/s }\n"
		"client c -> a { rate poisson 10/s; timeout none; retry 2 immediate }\n"
		"call d a -> b { timeout none; retry 3 immediate }\n",
		NULL);
	struct ms_run_result result;

	model.servers[1].shed_bound = 0;
	model.servers[1].shed_probability = 1;
	model.servers[1].shed_from = 0;
	model.servers[1].shed_to = 0;
	model.servers[1].on_shed = MS_REJECT;
	model.clients[0].retry_on_reject = model.clients[1].retry_on_reject = true;
	result = scenario_run(&model, 1000, 1);
	cr_assert_eq(result.clients[0].successes, 0);
	cr_assert(result.clients[0].failures > 9000);
	/* Requests that are still open at the end have made fewer. */
	cr_assert(result.servers[1].arrivals <= 12 * result.clients[0].requests);
	cr_assert(result.servers[1].arrivals >= 12 * result.clients[0].failures);
	cr_assert_eq(result.servers[1].arrivals, 4 * result.clients[1].requests);
}

Test(closed_forms, uniform_keys_hit_a_full_cache_in_proportion_to_its_size)
{
	struct ms_model model = scenario_model(QUEUE "cache k in front of s { lookaside; keys "
						     "1000 uniform; size 300; fill_on success }\n",
		NULL);
	struct ms_run_result result;

	model.servers[0].threads = 100;
	model.servers[0].queue_capacity = 0;
	model.clients[0].rate_per_s = 50;
	model.caches[0].ttl_s = INFINITY;
	result = scenario_run(&model, 4000, 1);
	/* Uniform keys: any 300 of them are as good as any other once it is full. */
	cr_assert_float_eq(
		(double)result.clients[0].hits / (double)result.clients[0].requests, 0.3, 0.01);
}

/* ---- rare events ---- */

/* P(an M/M/1 queue that starts empty gets to @target jobs within @span_s), by uniformisation. */
static double passage_probability(double births, double deaths, int target, double span_s)
{
	double rate = births + deaths;
	double *now = calloc((size_t)target + 1, sizeof(*now));
	double *next = calloc((size_t)target + 1, sizeof(*next));
	double log_weight = -rate * span_s;
	double answer = 0;
	int steps = (int)(rate * span_s + 12 * sqrt(rate * span_s) + 50);

	now[0] = 1;
	for (int k = 0; k <= steps; k++) {
		double *spare = now;

		answer += exp(log_weight) * now[target];
		log_weight += log(rate * span_s) - log(k + 1.0);
		for (int i = 0; i <= target; i++) {
			next[i] = i == target ? now[i] : 0;
			if (i < target)
				next[i] += now[i] * (i == 0 ? deaths / rate : 0);
			if (i > 0)
				next[i] += now[i - 1] * births / rate;
			if (i + 1 < target)
				next[i] += now[i + 1] * deaths / rate;
		}
		now = next;
		next = spare;
	}
	free(now);
	free(next);
	return answer;
}

Test(splitting, rare_passage_of_a_queue_is_found_without_bias)
{
	static const uint32_t targets[] = {6, 14, 30};

	for (int i = 0; i < 3; i++) {
		struct ms_model model = scenario_model(QUEUE, NULL);
		const struct ms_splitting_options options = {.span_s = 20,
			.target = targets[i],
			.repetitions = 40,
			.effort = 200,
			.threads = 1};
		struct ms_splitting splitting;
		struct hb_error error = {0};
		double exact, error_of_mean;

		model.servers[0].queue_capacity = 100;
		model.clients[0].rate_per_s = 5;
		exact = passage_probability(5, 10, (int)targets[i], 20);
		cr_assert_eq(ms_splitting_run(&model, &options, 11, &splitting, &error), 0, "%s",
			error.text);
		error_of_mean = (splitting.interval.hi - splitting.p_collapse) / 2;
		cr_assert(fabs(splitting.p_collapse - exact) < 4 * error_of_mean,
			"%u jobs: %g against %g +- %g", targets[i], splitting.p_collapse, exact,
			error_of_mean);
		cr_assert(error_of_mean < 0.3 * exact, "%g of %g", error_of_mean, exact);
	}
}
