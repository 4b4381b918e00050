/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Simulated queues against closed forms: M/M/1, M/D/1, M/G/1 (Pollaczek-Khinchine) and M/M/c (Erlang C). The
 * closed form must lie in the 99.99 % interval of the replications, and the interval must be narrow enough to tell
 * models apart.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <hotbed/sim.h>

#include "../base/seed.h"

enum {
	REPLICATIONS = 24,
	SERVERS_MAX = 8,
	CUSTOMERS = 60000,
	WARM_UP = 4000,
	QUEUE_MAX = 4096,
};

#define MEAN_SERVICE_NS 1e6

enum output { WAIT_NS, QUEUE_LENGTH, UTILISATION, OUTPUTS };

enum service { EXPONENTIAL, CONSTANT, HYPEREXPONENTIAL };

struct model {
	enum service service;
	unsigned int servers;
	double load; /* per server, in (0, 1) */
};

struct station {
	const struct model *model;
	struct hb_rng arrivals, services;
	int64_t waiting[QUEUE_MAX]; /* arrival times, a ring */
	uint64_t head, tail, arrived;
	unsigned int busy;
	struct hb_tally wait;
	struct hb_time_average length, busy_servers;
};

static double service_draw(struct station *station)
{
	switch (station->model->service) {
	case EXPONENTIAL:
		return hb_rng_exponential(&station->services, MEAN_SERVICE_NS);
	case CONSTANT:
		return MEAN_SERVICE_NS;
	default: /* 90 % short, 10 % long: mean 0.9 / 2 + 0.1 * 5.5 = 1 */
		return hb_rng_exponential(&station->services,
			hb_rng_double(&station->services) < 0.9 ? MEAN_SERVICE_NS / 2
								: MEAN_SERVICE_NS * 5.5);
	}
}

/* E[S^2] / E[S]^2 */
static double second_moment(enum service service)
{
	switch (service) {
	case EXPONENTIAL:
		return 2;
	case CONSTANT:
		return 1;
	default:
		return 2 * (0.9 * 0.5 * 0.5 + 0.1 * 5.5 * 5.5);
	}
}

static void leave(struct hb_sim *sim, void *object, uint64_t argument);

static void serve(struct hb_sim *sim, struct station *station, int64_t arrived_ns)
{
	int64_t now_ns = hb_sim_now_ns(sim);

	station->busy++;
	hb_time_average_set(&station->busy_servers, now_ns, station->busy);
	hb_tally_add(&station->wait, (double)(now_ns - arrived_ns));
	(void)hb_sim_after(sim, hb_sim_duration_ns(service_draw(station)), leave, station, 0, NULL);
}

static void leave(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct station *station = object;

	(void)argument;
	station->busy--;
	hb_time_average_set(&station->busy_servers, hb_sim_now_ns(sim), station->busy);
	if (station->head == station->tail)
		return;
	serve(sim, station, station->waiting[station->head++ % QUEUE_MAX]);
	hb_time_average_add(&station->length, hb_sim_now_ns(sim), -1);
}

static void arrive(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct station *station = object;
	int64_t now_ns = hb_sim_now_ns(sim);
	double rate = station->model->load * station->model->servers / MEAN_SERVICE_NS;

	(void)argument;
	(void)hb_sim_after(sim,
		hb_sim_duration_ns(hb_rng_exponential(&station->arrivals, 1 / rate)), arrive,
		station, 0, NULL);
	if (++station->arrived == WARM_UP) {
		hb_tally_reset(&station->wait);
		hb_time_average_restart(&station->length, now_ns);
		hb_time_average_restart(&station->busy_servers, now_ns);
	}
	if (station->arrived == CUSTOMERS)
		hb_sim_stop(sim);
	if (station->busy < station->model->servers) {
		serve(sim, station, now_ns);
		return;
	}
	cr_assert(station->tail - station->head < QUEUE_MAX);
	station->waiting[station->tail++ % QUEUE_MAX] = now_ns;
	hb_time_average_add(&station->length, now_ns, 1);
}

static int simulate(uint64_t seed, uint64_t replication, const void *model, double *ret_outputs,
	struct hb_error *reterr)
{
	struct station *station = calloc(1, sizeof(*station));
	struct hb_sim *sim = NULL;
	int result = hb_sim_create(SERVERS_MAX + 1, seed, replication, &sim, reterr);

	cr_assert(station);
	if (result < 0)
		return result;
	station->model = model;
	hb_sim_stream(sim, 1, &station->arrivals);
	hb_sim_stream(sim, 2, &station->services);
	hb_time_average_init(&station->length, 0, 0);
	hb_time_average_init(&station->busy_servers, 0, 0);
	(void)hb_sim_at(sim, 0, arrive, station, 0, NULL);
	result = hb_sim_run(sim, INT64_MAX, UINT64_MAX, reterr);
	ret_outputs[WAIT_NS] = station->wait.mean;
	ret_outputs[QUEUE_LENGTH] = hb_time_average_mean(&station->length, hb_sim_now_ns(sim));
	ret_outputs[UTILISATION] =
		hb_time_average_mean(&station->busy_servers, hb_sim_now_ns(sim)) /
		station->model->servers;
	hb_sim_destroy(sim);
	free(station);
	return result;
}

/* Probability that an arrival waits in M/M/c (Erlang C), from Erlang B by recursion. */
static double erlang_c(unsigned int servers, double load)
{
	double offered = servers * load;
	double blocked = 1;

	for (unsigned int i = 1; i <= servers; i++)
		blocked = offered * blocked / (i + offered * blocked);
	return blocked / (1 - load * (1 - blocked));
}

static double expected_wait_ns(const struct model *model)
{
	if (model->servers == 1)
		return model->load * second_moment(model->service) * MEAN_SERVICE_NS /
		       (2 * (1 - model->load));
	return erlang_c(model->servers, model->load) * MEAN_SERVICE_NS /
	       (model->servers * (1 - model->load));
}

/* @width_max: the widest half interval accepted, relative to the closed form. */
static void check(const struct model *model, double width_max)
{
	double values[REPLICATIONS * OUTPUTS];
	double expected[OUTPUTS];
	struct hb_error error = {0};

	expected[WAIT_NS] = expected_wait_ns(model);
	expected[QUEUE_LENGTH] = /* Little's law */
		expected[WAIT_NS] * model->load * model->servers / MEAN_SERVICE_NS;
	expected[UTILISATION] = model->load;
	cr_assert_eq(hb_replications_run(test_seed(), REPLICATIONS, simulate, model, OUTPUTS, 0,
			     values, &error),
		0, "%s", error.text);
	for (size_t i = 0; i < OUTPUTS; i++) {
		struct hb_interval interval;

		cr_assert_eq(hb_replications_interval(
				     values, REPLICATIONS, OUTPUTS, i, 0.9999, &interval),
			0);
		fprintf(stderr, "output %zu: closed form %g, simulated %g [%g, %g]\n", i,
			expected[i], interval.estimate, interval.lo, interval.hi);
		cr_assert(interval.lo <= expected[i] && expected[i] <= interval.hi);
		cr_assert(interval.hi - interval.lo <= 2 * width_max * expected[i]);
	}
}

Test(queueing, mm1_meets_the_closed_form)
{
	check(&(struct model){EXPONENTIAL, 1, 0.5}, 0.06);
	check(&(struct model){EXPONENTIAL, 1, 0.8}, 0.14);
}

Test(queueing, md1_waits_half_as_long_as_mm1)
{
	check(&(struct model){CONSTANT, 1, 0.5}, 0.06);
	check(&(struct model){CONSTANT, 1, 0.8}, 0.14);
}

Test(queueing, mg1_with_hyperexponential_service_meets_pollaczek_khinchine)
{
	check(&(struct model){HYPEREXPONENTIAL, 1, 0.5}, 0.18);
	check(&(struct model){HYPEREXPONENTIAL, 1, 0.7}, 0.25);
}

Test(queueing, mmc_meets_erlang_c)
{
	check(&(struct model){EXPONENTIAL, 2, 0.7}, 0.12);
	check(&(struct model){EXPONENTIAL, 8, 0.8}, 0.18);
}

Test(queueing, erlang_c_of_one_server_is_its_load)
{
	cr_assert(fabs(erlang_c(1, 0.7) - 0.7) < 1e-15);
	/* Two servers: 2 rho^2 / (1 + rho). */
	cr_assert(fabs(erlang_c(2, 0.7) - 2 * 0.49 / 1.7) < 1e-15);
}
