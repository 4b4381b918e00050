/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fixed points against their closed form, folds against where they must lie, runs against the paper's Figure 4 and
 * against the simulation.
 */
#include <errno.h>
#include <string.h>

#include <gsl/gsl_sf_gamma.h>

#include <metastable/fluid.h>
#include <metastable/simulation.h>

#include "../markov/chains.h"
#include "../markov/models.h"

static struct ms_fluid *build(const struct ms_model *m)
{
	struct ms_fluid *f = NULL;
	struct hb_error error = {0};

	cr_assert_eq(ms_fluid_create(m, &f, &error), 0, "%s", error.text);
	return f;
}

static int points_of(const struct ms_model *m, struct ms_fluid_point *ret)
{
	struct ms_fluid *f = build(m);
	struct hb_error error = {0};
	int count = ms_fluid_fixed_points(f, ret, &error);

	cr_assert(count >= 0, "%s", error.text);
	ms_fluid_destroy(f);
	return count;
}

/* o* = (mu - lambda) / gamma, P* = (1 - rho)(1 + r) / r; the high node has lambda / delta requests in its orbit. */
Test(fluid, saddle_is_where_the_closed_form_says)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 1);
	for (int round = 0; round < 20; round++) {
		double mu = between(&rng, 8.0, 20.0), timeout = between(&rng, 4.0, 8.0);
		uint32_t r = 2 + (uint32_t)hb_rng_below(&rng, 5);
		double rho = between(&rng, 1.0 / (1.0 + r) + 0.1, 0.85), lambda = rho * mu;
		struct ms_model m =
			retry_model(mu, lambda, timeout, r, (uint32_t)(4.0 * mu * timeout));
		struct ms_fluid_point p[MS_FLUID_POINTS_MAX];
		double orbit = (mu - lambda) * (r + 1.0) * timeout / r, late;

		cr_assert_eq(points_of(&m, p), 3);
		cr_assert(p[0].stable && p[0].kind != MS_SADDLE && p[2].stable &&
			  p[2].kind != MS_SADDLE);
		cr_assert(!p[1].stable && p[1].kind == MS_SADDLE);
		cr_assert(p[1].real_per_s[0] > 0.0 && p[1].real_per_s[1] < 0.0);
		late = gsl_sf_gamma_inc_Q(p[1].at[MS_FLUID_QUEUE] + 1.0, mu * timeout);
		/* Threads and room saturate to 1e-6, not to the last digit. */
		cr_assert(close_to(p[1].at[MS_FLUID_ORBIT], orbit, 2e-5), "%.10g, not %.10g",
			p[1].at[MS_FLUID_ORBIT], orbit);
		cr_assert(close_to(late, (1.0 - rho) * (1.0 + r) / r, 2e-5), "%.10g", late);
		cr_assert(close_to(p[2].at[MS_FLUID_ORBIT], lambda * (r + 1.0) * timeout, 1e-3));
	}
}

Test(fluid, threshold_of_deep_queues_is_one_attempt_per_thread)
{
	struct ms_fluid_point p[MS_FLUID_POINTS_MAX];
	struct ms_model m;

	for (uint32_t r = 1; r <= 6; r++) {
		m = retry_model(10.0, 10.0 / (1.0 + r) * 1.05, 5.0, r, 1000);
		cr_assert_eq(points_of(&m, p), 3, "r = %u", r);
		m.clients[0].rate_per_s *= 0.95 / 1.05;
		cr_assert_eq(points_of(&m, p), 1, "r = %u", r);
	}
}

Test(fluid, protections_remove_the_high_mode)
{
	struct ms_fluid_point p[MS_FLUID_POINTS_MAX];
	struct ms_model m = running_example(150);

	cr_assert_eq(points_of(&m, p), 3);
	m.servers[0].shed_bound = 40;
	m.servers[0].on_shed = MS_REJECT;
	cr_assert_eq(points_of(&m, p), 1);
	m = running_example(150);
	m.clients[0].bucket_capacity = 5.0;
	m.clients[0].bucket_fill = 0.1;
	for (int i = points_of(&m, p); i-- > 0;)
		cr_assert(!p[i].stable || p[i].at[MS_FLUID_QUEUE] < 10.0, "%g",
			p[i].at[MS_FLUID_QUEUE]);
	m = running_example(150);
	m.clients[0].cancel = MS_CANCEL_ALWAYS;
	for (int i = points_of(&m, p); i-- > 0;)
		cr_assert(p[i].at[MS_FLUID_QUEUE] < 60.0);
}

/* Backoff lengthens the wait and leaves the threshold where it is. */
Test(fluid, backoff_moves_the_orbit_and_not_the_lateness)
{
	struct ms_fluid_point without[MS_FLUID_POINTS_MAX], with[MS_FLUID_POINTS_MAX];
	struct ms_model m = running_example(150);

	cr_assert_eq(points_of(&m, without), 3);
	m.clients[0].backoff = MS_BACKOFF_CONSTANT;
	m.clients[0].backoff_s = 5.0;
	cr_assert_eq(points_of(&m, with), 3);
	cr_assert(close_to(with[1].at[MS_FLUID_QUEUE], without[1].at[MS_FLUID_QUEUE], 1e-6));
	cr_assert(close_to(with[1].at[MS_FLUID_ORBIT], 2.0 * without[1].at[MS_FLUID_ORBIT], 1e-6));
}

/* At a fold the number of fixed points changes by two: on one side three, on the other one. */
static void assert_folds(const struct ms_model *m, enum ms_fluid_parameter first,
	enum ms_fluid_parameter second, const double box[2][2], uint32_t least)
{
	struct ms_fluid_curve_point curve[400];
	struct ms_fluid_point p[MS_FLUID_POINTS_MAX];
	struct ms_fluid *f = build(m);
	struct hb_error error = {0};
	int count = ms_fluid_fold_curve(f, first, second, box, 400, curve, &error);

	cr_assert(count >= (int)least, "%d points", count);
	for (int i = 0; i < count; i += 1 + count / 12) {
		int less, more;

		ms_fluid_set(f, second, curve[i].parameter[1]);
		ms_fluid_set(f, first, curve[i].parameter[0] * 0.98);
		less = ms_fluid_fixed_points(f, p, &error);
		ms_fluid_set(f, first, curve[i].parameter[0] * 1.02);
		more = ms_fluid_fixed_points(f, p, &error);
		cr_assert_eq(more - less, 2, "at %g, %g: %d and %d", curve[i].parameter[0],
			curve[i].parameter[1], less, more);
	}
	ms_fluid_destroy(f);
}

Test(fluid, fold_curves_part_one_mode_from_two)
{
	const double load[2][2] = {{0.05, 0.98}, {0.3, 12.0}},
		     room[2][2] = {{10.0, 300.0}, {1.0, 20.0}};
	struct ms_model m = running_example(60);

	assert_folds(&m, MS_FLUID_RHO, MS_FLUID_RETRIES, load, 20);
	assert_folds(&m, MS_FLUID_CAPACITY, MS_FLUID_TIMEOUT, room, 20);
	m = running_example(150);
	assert_folds(&m, MS_FLUID_RHO, MS_FLUID_RETRIES, load, 20);
}

/* Deep queues: rho = 1 / (1 + r) along the whole curve. */
Test(fluid, fold_over_load_and_retries_is_the_closed_form)
{
	const double box[2][2] = {{0.05, 0.98}, {0.3, 12.0}};
	struct ms_fluid_curve_point curve[400];
	struct ms_model m = running_example(150);
	struct ms_fluid *f = build(&m);
	struct hb_error error = {0};
	int count = ms_fluid_fold_curve(f, MS_FLUID_RHO, MS_FLUID_RETRIES, box, 400, curve, &error);

	cr_assert(count >= 20, "%d points", count);
	for (int i = 0; i < count; i++)
		cr_assert(
			close_to(curve[i].parameter[0], 1.0 / (1.0 + curve[i].parameter[1]), 1e-4),
			"r = %g: %g", curve[i].parameter[1], curve[i].parameter[0]);
	ms_fluid_destroy(f);
}

Test(fluid, branch_joins_both_modes_over_the_saddle)
{
	struct ms_fluid_point p[MS_FLUID_POINTS_MAX];
	struct ms_fluid_curve_point curve[400];
	struct ms_model m = running_example(60);
	struct ms_fluid *f = build(&m);
	struct hb_error error = {0};
	bool stable = false, unstable = false;
	int count;

	cr_assert_eq(ms_fluid_fixed_points(f, p, &error), 3);
	count = ms_fluid_branch(f, &p[1], MS_FLUID_RHO, 0.1, 0.95, 400, curve, &error);
	cr_assert(count > 20);
	for (int i = 0; i < count; i++) {
		double drift[MS_FLUID_AXES];

		ms_fluid_set(f, MS_FLUID_RHO, curve[i].parameter[0]);
		ms_fluid_drift(f, curve[i].at, drift);
		cr_assert(fabs(drift[0]) < 1e-5 && fabs(drift[1]) < 1e-5);
		stable = stable || curve[i].stable;
		unstable = unstable || !curve[i].stable;
	}
	cr_assert(stable && unstable);
	ms_fluid_destroy(f);
}

static struct ms_model with_trigger(uint32_t capacity)
{
	struct ms_model m = running_example(capacity);

	m.trigger_count = 1;
	m.triggers[0] = (struct ms_trigger){.kind = MS_TRIGGER_RATE,
		.target = 0,
		.at_s = 300.0,
		.duration_s = 600.0,
		.value = 15.0};
	return m;
}

/* Figure 4: with 150 places it stays down, with 35 it recovers; with random and with constant waits. */
Test(fluid, figure_4_stays_down_at_150_and_recovers_at_35)
{
	for (int delay = 0; delay < 2; delay++) {
		struct ms_model deep = with_trigger(150), shallow = with_trigger(35);
		double start[MS_FLUID_AXES] = {0.5}, end[2 * MS_FLUID_AXES];
		struct ms_fluid *f = build(&deep);
		struct hb_error error = {0};

		cr_assert_eq(
			ms_fluid_run(f, start, 3000.0, delay, 2, end, &error), 0, "%s", error.text);
		cr_assert(
			end[MS_FLUID_AXES] > 149.0 && close_to(end[MS_FLUID_AXES + 1], 150.0, 1e-2),
			"%g, %g", end[MS_FLUID_AXES], end[MS_FLUID_AXES + 1]);
		ms_fluid_destroy(f);
		f = build(&shallow);
		cr_assert_eq(
			ms_fluid_run(f, start, 3000.0, delay, 2, end, &error), 0, "%s", error.text);
		cr_assert(end[MS_FLUID_AXES] < 1.0 && end[MS_FLUID_AXES + 1] < 1e-3, "%g, %g",
			end[MS_FLUID_AXES], end[MS_FLUID_AXES + 1]);
		ms_fluid_destroy(f);
	}
}

/* Without retries, queue and orbit decay by themselves: the fluid of M/M/c below its threads is linear. */
Test(fluid, idle_threads_relax_exponentially)
{
	struct ms_model m = plain_model(1000, 4000, 2.0, 200.0);
	double start[MS_FLUID_AXES] = {40.0}, end[5 * MS_FLUID_AXES];
	struct ms_fluid *f = build(&m);
	struct hb_error error = {0};

	cr_assert_eq(ms_fluid_run(f, start, 2.0, false, 5, end, &error), 0, "%s", error.text);
	for (int i = 0; i < 5; i++)
		cr_assert(
			close_to(end[i * MS_FLUID_AXES], 100.0 - 60.0 * exp(-2.0 * 0.5 * i), 1e-4));
	cr_assert_eq(ms_fluid_run(f, start, NAN, false, 5, end, &error), -EINVAL);
	ms_fluid_destroy(f);
}

/* Lateness at whole queues is that of the Markov level, whose table the same integrals check. */
Test(fluid, lateness_of_phases_tends_to_the_constant_one)
{
	struct ms_model m = running_example(150);
	struct ms_fluid *f;
	double constant, before = 1.0;

	f = build(&m);
	constant = ms_fluid_late(f, 45.3);
	ms_fluid_destroy(f);
	m.clients[0].timeout_kind = MS_TIMEOUT_ERLANG;
	for (uint32_t phases = 4; phases <= 4096; phases *= 8) {
		double off;

		m.clients[0].timeout_phases = phases;
		f = build(&m);
		off = fabs(ms_fluid_late(f, 45.3) - constant);
		cr_assert(off < before);
		before = off;
		ms_fluid_destroy(f);
	}
	cr_assert(before < 4e-3, "%g", before);
}

/* The log of the time to leave the high mode grows with the action, job by job. */
Test(fluid, escape_time_grows_with_the_action)
{
	double action = 0.0, time_s = 0.0;

	for (uint32_t q = 60; q <= 90; q += 10) {
		struct ms_model m = running_example(q);
		struct ms_fluid_point p[MS_FLUID_POINTS_MAX];
		struct ms_fluid_escape e;
		struct ms_fluid *f = build(&m);
		struct hb_error error = {0};

		cr_assert_eq(ms_fluid_fixed_points(f, p, &error), 3);
		cr_assert_eq(
			ms_fluid_escape_time(f, &p[2], &p[1], &e, &error), 0, "%s", error.text);
		cr_assert(e.action > action && e.escape_s > time_s);
		/* From 70 to 80 and on: the times grow as exp(action). */
		if (q > 70)
			cr_assert(close_to(log(e.escape_s / time_s), e.action - action, 0.1),
				"q = %u: %g and %g", q, log(e.escape_s / time_s),
				e.action - action);
		action = e.action;
		time_s = e.escape_s;
		cr_assert_eq(ms_fluid_escape_time(f, &p[1], &p[1], &e, &error), -EDOM);
		ms_fluid_destroy(f);
	}
}

/* ---- several clients ---- */

static struct ms_model two_clients(const struct ms_model *one, double first_share)
{
	struct ms_model m = *one;

	m.client_count = 2;
	m.clients[1] = m.clients[0];
	(void)snprintf(m.clients[1].name, sizeof(m.clients[1].name), "b");
	m.clients[0].rate_per_s *= first_share;
	m.clients[1].rate_per_s *= 1.0 - first_share;
	return m;
}

/* Two clients that are alike are one with the sum of their loads, whatever they do. */
Test(fluid, clients_that_are_alike_are_one)
{
	struct ms_model whole[3] = {
		running_example(150), running_example(60), running_example(150)};
	double start[MS_FLUID_AXES] = {0.5}, one[3 * MS_FLUID_AXES], two[3 * MS_FLUID_AXES];
	struct hb_error error = {0};

	whole[1].clients[0].cancel = MS_CANCEL_WAITING;
	whole[2].servers[0].on_full = MS_REJECT;
	whole[2].clients[0].retry_on_reject = true;
	whole[2].clients[0].backoff = MS_BACKOFF_CONSTANT;
	whole[2].clients[0].backoff_s = 2.0;
	for (int w = 0; w < 3; w++) {
		struct ms_model parts = two_clients(&whole[w], 0.3);
		struct ms_fluid_point p[MS_FLUID_POINTS_MAX], q[MS_FLUID_POINTS_MAX];
		struct ms_fluid *f = build(&whole[w]), *g = build(&parts);
		int count = ms_fluid_fixed_points(f, p, &error);

		cr_assert_eq(ms_fluid_fixed_points(g, q, &error), count, "model %d", w);
		for (int i = 0; i < count; i++) {
			cr_assert(fabs(q[i].at[0] - p[i].at[0]) < 1e-5 * (1.0 + p[i].at[0]));
			cr_assert(fabs(ms_fluid_sum(g, q[i].at, MS_FLUID_ORBIT) - p[i].at[1]) <
				  1e-5 * (1.0 + p[i].at[1]));
			cr_assert_eq(q[i].stable, p[i].stable);
		}
		for (int delay = 0; delay < 2; delay++) {
			cr_assert_eq(ms_fluid_run(f, start, 40.0, delay, 3, one, &error), 0);
			cr_assert_eq(ms_fluid_run(g, start, 40.0, delay, 3, two, &error), 0);
			for (int i = 0; i < 3; i++)
				cr_assert(fabs(one[(size_t)i * MS_FLUID_AXES] -
						  two[(size_t)i * MS_FLUID_AXES]) < 1e-4);
		}
		ms_fluid_destroy(f);
		ms_fluid_destroy(g);
	}
}

static bool has_high_mode(const struct ms_model *m)
{
	struct ms_fluid_point p[MS_FLUID_POINTS_MAX];
	bool found = false;

	for (int i = points_of(m, p); i-- > 0;)
		found = found || (p[i].stable && p[i].at[0] > 0.9 * m->servers[0].queue_capacity);
	return found;
}

/* Deep queues: a high mode exists where the attempts of all clients, all of them late, exceed the capacity. */
Test(fluid, threshold_of_several_clients_is_the_sum_of_their_attempts)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 2);
	for (int round = 0; round < 12; round++) {
		struct ms_model one = running_example(1500), m = two_clients(&one, 0.5);
		double attempts = 0.0, share = between(&rng, 0.2, 0.8);

		for (uint32_t c = 0; c < 2; c++) {
			struct ms_client *k = &m.clients[c];

			k->retries = 1 + (uint32_t)hb_rng_below(&rng, 6);
			k->timeout_s = between(&rng, 2.0, 6.0);
			k->rate_per_s = c == 0 ? share : 1.0 - share;
			attempts += k->rate_per_s * (k->retries + 1.0);
		}
		for (uint32_t c = 0; c < 2; c++)
			m.clients[c].rate_per_s *= 10.0 / attempts * 1.05;
		cr_assert(has_high_mode(&m), "round %d", round);
		for (uint32_t c = 0; c < 2; c++)
			m.clients[c].rate_per_s *= 0.95 / 1.05;
		cr_assert(!has_high_mode(&m), "round %d", round);
	}
}

#define SIMULATED_RUNS 24
#define SAMPLES 7
#define SAMPLE_S 10.0

/* Jobs in the server at multiples of SAMPLE_S, means of all runs. */
static void simulated_means(const struct ms_model *m, double end_s, double *ret_jobs)
{
	struct ms_run_options options = {.end_s = end_s, .window_s = SAMPLE_S};
	struct ms_simulation *simulation = NULL;
	struct ms_run_result result;
	struct hb_error error = {0};
	struct ms_bin *bins;
	uint32_t count;
	double bin_s;

	cr_assert_eq(ms_simulation_create(m, &options, &simulation, &error), 0, "%s", error.text);
	count = ms_simulation_bins(simulation, &bin_s);
	bins = calloc(count, sizeof(*bins));
	for (int run = 0; run < SIMULATED_RUNS; run++) {
		cr_assert_eq(ms_simulation_run(simulation, 5, (uint64_t)run, bins, &result, &error),
			0, "%s", error.text);
		for (int s = 1; s < SAMPLES; s++)
			ret_jobs[s] += bins[(uint32_t)lrint(s * SAMPLE_S / bin_s) - 1].jobs /
				       (double)SIMULATED_RUNS;
	}
	free(bins);
	ms_simulation_destroy(simulation);
}

/*
 * Two clients, one of which retries, at 40 threads: the delay equation follows the mean of simulated runs through a
 * burst of the other one, up into the high mode, or there and back. Its way back is shorter by up to 15 s, as retries
 * that are folded into a mean begin with fewer.
 */
Test(fluid, two_clients_move_as_the_simulation_does)
{
	for (int stays = 0; stays < 2; stays++) {
		struct ms_model m = plain_model(40, 400, 1.0, stays ? 16.0 : 5.0);
		double start[MS_FLUID_AXES] = {0.0}, at[SAMPLES * MS_FLUID_AXES];
		double jobs[SAMPLES] = {0.0}, end_s = 60.0;
		struct hb_error error = {0};
		struct ms_fluid *f;

		m.clients[0].timeout_kind = MS_TIMEOUT_CONSTANT;
		m.clients[0].timeout_s = 4.0;
		m = two_clients(&m, 1.0);
		m.clients[0].retries = 2;
		m.clients[1].rate_per_s = 16.0;
		m.clients[1].timeout_s = 6.0;
		m.trigger_count = 1;
		m.triggers[0] = (struct ms_trigger){.kind = MS_TRIGGER_RATE,
			.target = 1,
			.at_s = 10.0,
			.duration_s = 5.0,
			.value = 120.0};
		f = build(&m);
		cr_assert_str_eq(ms_fluid_axis_name(f, MS_FLUID_ORBIT), "c.orbit");
		cr_assert_eq(ms_fluid_run(f, start, end_s, true, SAMPLES, at, &error), 0, "%s",
			error.text);
		simulated_means(&m, end_s, jobs);
		for (int s = 1; s < SAMPLES; s++)
			cr_assert(
				!(stays || s <= 2) || fabs(at[s * MS_FLUID_AXES] - jobs[s]) < 12.0,
				"stays %d, %g s: %g jobs, simulated %g", stays, s * SAMPLE_S,
				at[s * MS_FLUID_AXES], jobs[s]);
		cr_assert(stays || at[(SAMPLES - 1) * MS_FLUID_AXES] < 40.0);
		cr_assert(stays ? jobs[SAMPLES - 1] > 350.0 : jobs[SAMPLES - 1] < 40.0);
		ms_fluid_destroy(f);
	}
}

Test(fluid, refusals_name_the_feature)
{
	struct ms_model m = running_example(150);
	struct ms_fluid *f = NULL;
	struct hb_error error = {0};

	m.server_count = 2;
	m.servers[1] = m.servers[0];
	cr_assert_eq(ms_fluid_create(&m, &f, &error), -EOPNOTSUPP);
	cr_assert(strstr(error.text, "several servers") != NULL, "%s", error.text);
	m = running_example(150);
	m.client_count = MS_FLUID_CLIENTS_MAX + 1;
	for (uint32_t c = 1; c < m.client_count; c++)
		m.clients[c] = m.clients[0];
	cr_assert_eq(ms_fluid_create(&m, &f, &error), -EOPNOTSUPP);
	cr_assert(strstr(error.text, "at most 4 clients") != NULL, "%s", error.text);
}
