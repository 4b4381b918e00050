/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two engines, one result; every run keeps its books; the laws notice what breaks them. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include "scenario.h"

static double between(struct hb_rng *rng, double lo, double hi)
{
	return lo * pow(hi / lo, hb_rng_double(rng));
}

/* Within the features of the specialised loop, anything; constant times often enough to tie. */
static struct ms_model random_example(struct hb_rng *rng)
{
	struct ms_model model = scenario_model(RUNNING_EXAMPLE, NULL);

	model.servers[0].queue_capacity = 1 + (uint32_t)hb_rng_below(rng, 200);
	model.servers[0].service.mean_s = between(rng, 0.01, 1);
	model.clients[0].rate_per_s = between(rng, 1, 20);
	model.clients[0].timeout_s = between(rng, 0.1, 10);
	model.clients[0].retries = (uint32_t)hb_rng_below(rng, 8);
	model.triggers[0].at_s = between(rng, 1, 50);
	model.triggers[0].duration_s = between(rng, 1, 100);
	model.triggers[0].kind = (enum ms_trigger_kind)hb_rng_below(rng, 3);
	model.triggers[0].target = 0;
	model.triggers[0].value = model.triggers[0].kind == MS_TRIGGER_RATE ? between(rng, 1, 60)
									    : between(rng, 0.1, 1);
	model.horizon_s = between(rng, 10, 300);
	return model;
}

static void assert_engines_agree(const struct ms_model *model, bool early, uint64_t seed)
{
	struct ms_run_result results[2];
	struct ms_bin *bins[2] = {NULL, NULL};
	uint32_t count[2];

	memset(results, 0, sizeof(results));
	for (int shared = 0; shared < 2; shared++) {
		const struct ms_run_options options = {
			.digest = true, .stop_at_recovery = early, .shared_engine = shared};
		struct ms_simulation *simulation;
		struct hb_error error = {0};
		double bin_s;

		cr_assert_eq(ms_simulation_create(model, &options, &simulation, &error), 0, "%s",
			error.text);
		count[shared] = ms_simulation_bins(simulation, &bin_s);
		bins[shared] = calloc(count[shared] + 1, sizeof(**bins));
		cr_assert_eq(ms_simulation_run(
				     simulation, seed, 3, bins[shared], &results[shared], &error),
			0, "%s", error.text);
		ms_simulation_destroy(simulation);
	}
	cr_assert(results[0].specialised && !results[1].specialised);
	cr_assert(results[0].events > 10);
	cr_assert_eq(results[0].digest, results[1].digest);
	cr_assert_eq(results[0].events, results[1].events);
	cr_assert_eq(results[0].end_s, results[1].end_s);
	cr_assert_eq(results[0].stuck, results[1].stuck);
	cr_assert_eq(results[0].recovery_s, results[1].recovery_s);
	cr_assert_eq(results[0].down_before, results[1].down_before);
	cr_assert_eq(results[0].drained_s, results[1].drained_s);
	cr_assert_eq(memcmp(&results[0].clients[0], &results[1].clients[0],
			     sizeof(results[0].clients[0])),
		0);
	/* Sums of times are rounded at the end only, in a different order for the jobs still there. */
	cr_assert_float_eq(results[0].servers[0].sojourn_s, results[1].servers[0].sojourn_s,
		1e-12 * results[0].servers[0].sojourn_s + 1e-9);
	results[0].servers[0].sojourn_s = results[1].servers[0].sojourn_s;
	cr_assert_eq(memcmp(&results[0].servers[0], &results[1].servers[0],
			     sizeof(results[0].servers[0])),
		0);
	cr_assert_eq(count[0], count[1]);
	cr_assert_eq(memcmp(bins[0], bins[1], count[0] * sizeof(**bins)), 0);
	free(bins[0]);
	free(bins[1]);
}

Test(engines, specialised_loop_is_bit_identical_to_the_shared_engine)
{
	uint64_t seed = scenario_seed();
	struct hb_rng rng;

	hb_rng_init(&rng, seed, 1);
	for (int i = 0; i < 300; i++) {
		struct ms_model model = random_example(&rng);

		assert_engines_agree(&model, i % 2, seed + (uint64_t)i);
	}
}

Test(engines, events_of_equal_times_run_in_the_same_order_on_both)
{
	/* Rates near one per nanosecond: about every third event shares its time with another. */
	struct ms_model model = scenario_model(RUNNING_EXAMPLE, "db.queue=5");

	model.clients[0].rate_per_s = 0.4e9;
	model.servers[0].service.mean_s = 2e-9;
	model.clients[0].timeout_s = 6e-9;
	model.trigger_count = 0;
	model.horizon_s = 1e-4;
	assert_engines_agree(&model, false, 5);
}

Test(engines, running_out_of_room_repeats_the_run_with_more)
{
	/* 30 attempts per second wait 1000 s each for their timeouts: more than the first rings hold. */
	struct ms_model model =
		scenario_model(RUNNING_EXAMPLE, "c.timeout=1000s db.queue=20000 c.rate=30");

	assert_engines_agree(&model, false, 7);
}

Test(engines, loop_takes_the_running_example_and_nothing_that_it_does_not_know)
{
	static const char *const others[] = {"db.threads=2", "db.discipline=lifo",
		"db.on_full=reject", "c.timeout_kind=exp", "c.cancel=waiting", "c.deadline=3s",
		"db.slowdown=0.1"};
	struct ms_model model = scenario_model(RUNNING_EXAMPLE, NULL);

	cr_assert(ms_specialised_loop_fits(&model));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct ms_model other = model;

		switch (i) {
		case 0:
			other.servers[0].threads = 2;
			break;
		case 1:
			other.servers[0].discipline = MS_LIFO;
			break;
		case 2:
			other.servers[0].on_full = MS_REJECT;
			break;
		case 3:
			other.clients[0].timeout_kind = MS_TIMEOUT_EXPONENTIAL;
			break;
		case 4:
			other.clients[0].cancel = MS_CANCEL_WAITING;
			break;
		case 5:
			other.clients[0].deadline_s = 3;
			break;
		default:
			other.servers[0].slowdown = 0.1;
		}
		cr_assert_not(ms_specialised_loop_fits(&other), "%s", others[i]);
	}
}

/* ---- all features at once ---- */

#define EVERYTHING                                                                                 \
	"server web { threads 4; queue 60 adaptive_lifo above 20; service erlang 3 80/s; on_full " \
	"reject }\n"                                                                               \
	"server db { threads 2; queue 40 retries_last; service exp 60/s; on_full drop }\n"         \
	"client c -> web { rate poisson 40/s; timeout exp 500ms; retry 3 exponential 50ms x2 max " \
	"1s jitter full; cancel always }\n"                                                        \
	"client d -> web { rate paced 10/s; timeout 300ms; retry 2 immediate; deadline 1s }\n"     \
	"call q web -> db { probability 0.7; timeout 200ms; retry 1 constant 20ms; cancel "        \
	"waiting }\n"                                                                              \
	"protect c { token_bucket 0.1 cap 5 }\n"                                                   \
	"protect d { breaker 50% window 5s open 2s }\n"                                            \
	"protect q { budget 20% window 10s min 1/s }\n"                                            \
	"shed db { codel 20ms 200ms }\n"                                                           \
	"cache k in front of db { lookaside; keys zipf 0.9; size 50; fill_on always }\n"           \
	"trigger { at 20s for 20s rate c 120/s }\n"                                                \
	"trigger { at 50s for 10s capacity db x0.2 }\n"                                            \
	"trigger { at 70s flush k }\n"

/* Any value for any feature, as far as the model stays possible. */
static void features_shuffle(struct ms_model *model, struct hb_rng *rng)
{
	for (uint32_t i = 0; i < model->server_count; i++) {
		struct ms_server *server = &model->servers[i];

		server->threads = 1 + (uint32_t)hb_rng_below(rng, 5);
		server->queue_capacity = hb_rng_below(rng, 5)
						 ? server->threads + (uint32_t)hb_rng_below(rng, 80)
						 : 0;
		server->discipline = (enum ms_discipline)hb_rng_below(rng, 4);
		server->lifo_above = (uint32_t)hb_rng_below(rng, 20);
		server->on_full = (enum ms_refusal)hb_rng_below(rng, 2);
		server->on_shed = (enum ms_refusal)hb_rng_below(rng, 2);
		server->shed_bound = hb_rng_below(rng, 2) ? 10 : 0;
		server->shed_probability = hb_rng_below(rng, 2) ? 0.5 : 0;
		server->shed_from = 3;
		server->shed_to = 12;
		server->slowdown = hb_rng_below(rng, 2) ? 0.02 : 0;
		server->codel_target_s = hb_rng_below(rng, 2) ? 0.02 : 0;
		server->codel_interval_s = server->codel_target_s * 10;
	}
	for (uint32_t i = 0; i < model->client_count; i++) {
		struct ms_client *client = &model->clients[i];

		client->cancel = (enum ms_cancel)hb_rng_below(rng, 3);
		client->retry_on_timeout = hb_rng_below(rng, 2);
		client->retry_on_reject = hb_rng_below(rng, 2);
		client->retries = (uint32_t)hb_rng_below(rng, 5);
		client->backoff = (enum ms_backoff)hb_rng_below(rng, 3);
		client->jitter = (enum ms_jitter)hb_rng_below(rng, 3);
		client->backoff_s = 0.05;
		client->backoff_factor = 2;
		client->backoff_max_s = 1;
		client->deadline_s = hb_rng_below(rng, 2) ? 0.8 : INFINITY;
		client->bucket_fill = 0.1;
		client->bucket_capacity = hb_rng_below(rng, 2) ? 5 : 0;
		client->budget_share = 0.2;
		client->budget_window_s = hb_rng_below(rng, 2) ? 5 : 0;
		client->breaker_share = 0.5;
		client->breaker_window_s = hb_rng_below(rng, 2) ? 5 : 0;
		client->breaker_open_s = 1;
		client->breaker_attempts_min = 10;
		client->breaker_probes = 2;
	}
}

Test(engines, every_combination_of_features_keeps_the_books)
{
	struct hb_rng rng;
	struct ms_model base = scenario_model(EVERYTHING, NULL);
	uint64_t events = 0;

	hb_rng_init(&rng, scenario_seed(), 2);
	base.horizon_s = 60;
	for (int i = 0; i < 200; i++) {
		struct ms_model model = base;
		struct ms_run_result result;

		features_shuffle(&model, &rng);
		/* ms_simulation_run() fails if a law does not hold. */
		result = scenario_run(&model, 0, (uint64_t)i);
		cr_assert_eq(result.digest, scenario_run(&model, 0, (uint64_t)i).digest);
		events += result.events;
	}
	cr_assert(events > 200 * 1000);
}

/* ---- laws ---- */

#define LAW_MUTANT(statement)                                                                  \
	do {                                                                                   \
		struct ms_run_result mutant = result;                                          \
		struct hb_error error = {0};                                                   \
		statement;                                                                     \
		cr_assert_eq(                                                                  \
			ms_laws_check(&model, &mutant, &error), -ENOTRECOVERABLE, #statement); \
		cr_assert(strlen(error.text) > 0);                                             \
	} while (0)

Test(laws, each_broken_book_is_noticed)
{
	struct ms_model model = scenario_model(EVERYTHING, NULL);
	struct ms_run_result result = scenario_run(&model, 100, 1);

	cr_assert_eq(ms_laws_check(&model, &result, NULL), 0);
	LAW_MUTANT(mutant.clients[0].requests++);
	LAW_MUTANT(mutant.clients[0].successes--);
	LAW_MUTANT(mutant.clients[1].failures++);
	LAW_MUTANT(mutant.clients[0].open++);
	LAW_MUTANT(mutant.clients[2].attempts++);
	LAW_MUTANT(mutant.clients[0].timeouts--);
	LAW_MUTANT(mutant.clients[0].rejections++);
	LAW_MUTANT(mutant.servers[0].arrivals++);
	LAW_MUTANT(mutant.servers[1].served--);
	LAW_MUTANT(mutant.servers[1].dropped++);
	LAW_MUTANT(mutant.servers[0].in_server++);
	LAW_MUTANT(mutant.servers[0].job_s *= 1.00001);
	LAW_MUTANT(mutant.servers[1].sojourn_s += 0.001);
	LAW_MUTANT(mutant.servers[0].peak = 61);
	LAW_MUTANT(mutant.servers[0].in_service = 5);
	LAW_MUTANT((mutant.clients[1].attempts += 3 * mutant.clients[1].requests,
		mutant.clients[1].timeouts += 3 * mutant.clients[1].requests));
}

/* ---- bad input ---- */

Test(engines, endless_retries_without_a_pause_are_refused)
{
	struct ms_model model = scenario_model(RUNNING_EXAMPLE, NULL);
	struct ms_simulation *simulation = NULL;
	struct hb_error error = {0};

	model.servers[0].on_full = MS_REJECT;
	model.clients[0].retry_on_reject = true;
	model.clients[0].retries = MS_RETRIES_UNLIMITED;
	cr_assert_eq(ms_simulation_create(&model, NULL, &simulation, &error), -EINVAL);
	cr_assert(strstr(error.text, "backoff"), "%s", error.text);
	cr_assert_null(simulation);
}

Test(engines, options_out_of_range_are_refused)
{
	struct ms_model model = scenario_model(RUNNING_EXAMPLE, NULL);
	const struct ms_run_options wrong[] = {{.end_s = -1}, {.end_s = NAN}, {.window_s = -1},
		{.recovery_share = 2}, {.window_s = 1e-9}};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct ms_simulation *simulation = NULL;
		struct hb_error error = {0};

		cr_assert_eq(ms_simulation_create(&model, &wrong[i], &simulation, &error), -EINVAL);
		cr_assert(strlen(error.text) > 0);
	}
}
