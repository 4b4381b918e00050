/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sweeps and aggregation against elimination, product forms and birth-death sums; the bounds must hold every time. */
#include <errno.h>

#include <hotbed/sanitizer.h>

#include <metastable/ctmc.h>

#include "chains.h"
#include "models.h"

/* What elimination itself may be off by, and what a double holds. */
#define DIRECT_ERROR 1e-12
/* The same of the law of a basin, which elimination stops at. */
#define LAW_ERROR 1e-10

static struct random_grid draw_grid(struct hb_rng *rng, uint32_t axes, double decades)
{
	static const int32_t longest[] = {0, 200, 20, 8, 5};
	struct random_grid grid = {.seed = hb_rng_u64(rng), .axes = axes, .decades = decades};

	for (uint32_t a = 0; a < axes; a++)
		grid.last[a] = (int32_t)between(rng, 2.0, longest[axes] + 0.5);
	return grid;
}

Test(iterative, passage_times_are_within_their_bound_of_elimination)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 21);
	for (int round = 0; round < 16; round++) {
		struct random_grid grid =
			draw_grid(&rng, 2 + (uint32_t)round % 3, round < 8 ? 2.0 : 5.0);
		struct ms_generator g = grid_chain(&grid);
		double *time = calloc(g.states, sizeof(double));
		double *direct = calloc(g.states, sizeof(double));
		uint8_t *target = calloc(g.states, 1);
		struct hb_error error = {0};
		struct ms_bound bound;

		target[hb_rng_below(&rng, g.states)] = 1;
		cr_assert_eq(ms_passage_time_iterative(&g, target, 0.0, time, &bound, &error), 0,
			"%s", error.text);
		cr_assert_eq(ms_passage_time(&g, target, 0.0, direct, &error), 0, "%s", error.text);
		cr_assert(bound.error < (round < 8 ? 1e-8 : 1e-2), "round %d: %g", round,
			bound.error);
		for (uint32_t i = 0; i < g.states; i++)
			cr_assert(close_to(time[i], direct[i], bound.error + DIRECT_ERROR),
				"state %u of %u: %.17g, not %.17g within %g", i, g.states, time[i],
				direct[i], bound.error);
		free(time);
		free(direct);
		free(target);
		ms_generator_finish(&g);
	}
}

Test(iterative, laws_are_within_their_bound_of_elimination)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 22);
	for (int round = 0; round < 16; round++) {
		struct random_grid grid =
			draw_grid(&rng, 2 + (uint32_t)round % 3, round < 8 ? 2.0 : 5.0);
		struct ms_generator g = grid_chain(&grid);
		double *share = calloc(g.states, sizeof(double)), sum = 0.0;
		double *direct = calloc(g.states, sizeof(double));
		struct hb_error error = {0};
		struct ms_bound bound;

		cr_assert_eq(ms_stationary_iterative(&g, 0.0, share, &bound, &error), 0, "%s",
			error.text);
		cr_assert_eq(ms_stationary(&g, 0.0, direct, NULL, &error), 0, "%s", error.text);
		for (uint32_t i = 0; i < g.states; i++)
			sum += fabs(share[i] - direct[i]);
		cr_assert(bound.error < (round < 8 ? 1e-8 : 1e-4), "round %d: %g", round,
			bound.error);
		cr_assert(sum <= bound.error + DIRECT_ERROR, "round %d: %g off, not within %g",
			round, sum, bound.error);
		free(share);
		free(direct);
		ms_generator_finish(&g);
	}
}

Test(iterative, committors_and_quasi_stationary_laws_are_those_of_elimination)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 23);
	for (int round = 0; round < 8; round++) {
		struct random_grid grid = draw_grid(&rng, 2 + (uint32_t)round % 3, 2.0);
		struct ms_generator g = grid_chain(&grid);
		double *found = calloc(g.states, sizeof(double));
		double *direct = calloc(g.states, sizeof(double)), moved = 0.0;
		uint8_t *goal = calloc(g.states, 1), *other = calloc(g.states, 1);
		struct ms_quasi_stationary q, expected;
		struct hb_error error = {0};
		struct ms_bound bound;

		goal[g.states - 1] = other[0] = 1;
		cr_assert_eq(ms_committor_iterative(&g, goal, other, 0.0, found, &bound, &error), 0,
			"%s", error.text);
		cr_assert_eq(
			ms_committor(&g, goal, other, 0.0, direct, &error), 0, "%s", error.text);
		cr_assert(bound.error < 1e-5, "%g", bound.error);
		for (uint32_t i = 0; i < g.states; i++)
			cr_assert(fabs(found[i] - direct[i]) <= bound.error + DIRECT_ERROR);
		memset(goal, 1, g.states);
		goal[0] = 0;
		cr_assert_eq(ms_quasi_stationary_iterative(
				     &g, goal, 1e-9, 0.0, found, &q, &bound, &error),
			0, "%s", error.text);
		cr_assert_eq(
			ms_quasi_stationary_law(&g, goal, 1e-11, 0.0, direct, &expected, &error), 0,
			"%s", error.text);
		cr_assert(q.converged && expected.converged);
		cr_assert(
			close_to(q.exit_rate_per_s, expected.exit_rate_per_s, bound.error + 1e-9));
		for (uint32_t i = 0; i < g.states; i++)
			moved += fabs(found[i] - direct[i]);
		cr_assert(moved < 1e-6, "%g", moved);
		free(found);
		free(direct);
		free(goal);
		free(other);
		ms_generator_finish(&g);
	}
}

/* Gordon and Newell: a closed network of four single servers; its law is a product. */
#define STATIONS 4
struct network {
	int32_t jobs;
	double service_per_s[STATIONS], route[STATIONS][STATIONS];
};

static uint32_t network_moves(const void *context, const int32_t *at, struct ms_move *ret_moves)
{
	const struct network *n = context;
	int32_t jobs[STATIONS] = {at[0], at[1], at[2], n->jobs - at[0] - at[1] - at[2]};
	uint32_t count = 0;

	for (int i = 0; i < STATIONS; i++) {
		for (int j = 0; j < STATIONS; j++) {
			struct ms_move m = {.rate_per_s = n->service_per_s[i] * n->route[i][j]};

			if (i == j || jobs[i] == 0)
				continue;
			memcpy(m.to, at, 3 * sizeof(at[0]));
			if (i < 3)
				m.to[i]--;
			if (j < 3)
				m.to[j]++;
			ret_moves[count++] = m;
		}
	}
	return count;
}

/* Visits v = v route, by repetition. */
static void visits(const struct network *n, double *ret)
{
	for (int i = 0; i < STATIONS; i++)
		ret[i] = 1.0;
	for (int round = 0; round < 3000; round++) {
		double next[STATIONS] = {0.0};

		for (int i = 0; i < STATIONS; i++) {
			for (int j = 0; j < STATIONS; j++)
				next[j] += ret[i] * n->route[i][j];
		}
		memcpy(ret, next, sizeof(next));
	}
}

Test(iterative, closed_networks_have_their_product_form)
{
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 24);
	for (int round = 0; round < 3; round++) {
		struct network n = {.jobs = 12 + 6 * round};
		struct ms_rules rules = {.axes = 3,
			.last = {n.jobs, n.jobs, n.jobs},
			.context = &n,
			.moves = network_moves};
		double visit[STATIONS], *share, *product, sum = 0.0, off = 0.0;
		struct ms_generator g = {0};
		struct hb_error error = {0};
		struct ms_bound bound;

		for (int i = 0; i < STATIONS; i++) {
			double row = 0.0;

			n.service_per_s[i] = between(&rng, 0.5, 5.0);
			for (int j = 0; j < STATIONS; j++)
				row += n.route[i][j] = between(&rng, 0.1, 1.0);
			for (int j = 0; j < STATIONS; j++)
				n.route[i][j] /= row;
		}
		visits(&n, visit);
		cr_assert_eq(ms_generator_build(&rules, NO_LIMIT, &g, &error), 0, "%s", error.text);
		share = calloc(g.states, sizeof(double));
		product = calloc(g.states, sizeof(double));
		cr_assert_eq(ms_stationary_iterative(&g, 0.0, share, &bound, &error), 0, "%s",
			error.text);
		for (uint32_t i = 0; i < g.states; i++) {
			const int32_t *at = g.at + (size_t)i * 3;
			int32_t last = n.jobs - at[0] - at[1] - at[2];

			product[i] = pow(visit[3] / n.service_per_s[3], last);
			for (int k = 0; k < 3; k++)
				product[i] *= pow(visit[k] / n.service_per_s[k], at[k]);
			sum += product[i];
		}
		for (uint32_t i = 0; i < g.states; i++)
			off += fabs(share[i] - product[i] / sum);
		cr_assert(bound.error < 1e-9, "%u states: %g", g.states, bound.error);
		cr_assert(off <= bound.error + 1e-10, "%g, not within %g", off, bound.error);
		free(share);
		free(product);
		ms_generator_finish(&g);
	}
}

/* A chain with two wells, at both ends, and a ridge of @height decades between them. */
static struct ms_generator two_wells(uint32_t states, double height, double *births, double *deaths)
{
	struct birth_death b = {states, births, deaths};
	double part = pow(10.0, height / (0.5 * (states - 1)));

	for (uint32_t i = 0; i + 1 < states; i++) {
		births[i] = i < states / 2 ? 1.0 : part;
		deaths[i] = i < states / 2 ? part : 1.0;
	}
	return birth_death_chain(&b);
}

/* The error grows with the height of the ridge; where it is small, the answer is right. */
Test(iterative, a_bound_is_large_where_the_numbers_cannot_be_told)
{
	double births[61], deaths[61], time[61], direct[61];
	bool beyond = false;

	for (double height = 2.0; height < 32.0; height += 4.0) {
		struct ms_generator g = two_wells(61, height, births, deaths);
		uint8_t target[61] = {[60] = 1};
		struct hb_error error = {0};
		struct ms_bound bound;

		cr_assert_eq(ms_passage_time(&g, target, 0.0, direct, &error), 0);
		cr_assert_eq(ms_passage_time_iterative(&g, target, 0.0, time, &bound, &error), 0,
			"%s", error.text);
		if (height < 11.0)
			cr_assert(bound.error < 1e-3, "height %g: %g", height, bound.error);
		if (bound.error < 1.0)
			cr_assert(close_to(time[0], direct[0], bound.error + DIRECT_ERROR));
		beyond = bound.error > 0.01;
		ms_generator_finish(&g);
	}
	cr_assert(beyond, "a ridge of 30 decades passes for resolved");
}

Test(iterative, states_that_never_get_there_are_refused)
{
	double births[3] = {1.0, 0.0, 1.0}, deaths[3] = {1.0, 1.0, 1.0};
	struct birth_death b = {4, births, deaths};
	uint8_t target[4] = {[3] = 1};
	struct ms_generator g;
	struct hb_error error = {0};
	struct ms_bound bound;
	double time[4];

	births[1] = 1.0;
	g = birth_death_chain(&b);
	for (uint64_t e = g.row_start[1]; e < g.row_start[2]; e++)
		g.rate_per_s[e] = g.target[e] == 2 ? 0.0 : g.rate_per_s[e];
	/* A jump without a rate is none. */
	for (uint64_t e = g.row_start[1]; e < g.row_start[2]; e++)
		g.target[e] = 0;
	cr_assert_eq(ms_passage_time_iterative(&g, target, 0.0, time, &bound, &error), -EDOM);
	ms_generator_finish(&g);
}

static struct ms_ctmc solve(const struct ms_model *m, enum ms_ctmc_solver solver)
{
	struct ms_ctmc_options options = {
		.solver = solver, .orbit_bound = HB_IS_SANITIZED ? 12 : 0};
	struct ms_ctmc_chain *chain = NULL;
	struct hb_error error = {0};
	struct ms_ctmc result;

	cr_assert_eq(ms_ctmc_chain_create(m, &options, &chain, &error), 0, "%s", error.text);
	cr_assert_eq(
		ms_ctmc_solve(chain, &options, m->horizon_s, &result, &error), 0, "%s", error.text);
	ms_ctmc_chain_destroy(chain);
	return result;
}

static void check_agreement(const struct ms_model *m)
{
	struct ms_ctmc direct = solve(m, MS_SOLVER_DIRECT);
	struct ms_ctmc found = solve(m, MS_SOLVER_ITERATIVE);

	cr_assert(!direct.iterative && found.iterative);
	cr_assert(!direct.beyond && !found.beyond);
	cr_assert(isnan(direct.recover_error) && isnan(direct.stationary_error));
	cr_assert(found.stationary_error < 1e-6, "%g", found.stationary_error);
	cr_assert(found.recover_error < 1e-3, "%g", found.recover_error);
	cr_assert(found.collapse_error < 1e-3, "%g", found.collapse_error);
	cr_assert(fabs(found.p_low - direct.p_low) <= found.stationary_error + 1e-12);
	cr_assert(fabs(found.p_high - direct.p_high) <= found.stationary_error + 1e-12);
	cr_assert(close_to(found.tau_recover_s, direct.tau_recover_s,
			  found.recover_error + LAW_ERROR),
		"%.12g, not %.12g", found.tau_recover_s, direct.tau_recover_s);
	cr_assert(close_to(found.tau_collapse_s, direct.tau_collapse_s,
			  found.collapse_error + LAW_ERROR),
		"%.12g, not %.12g", found.tau_collapse_s, direct.tau_collapse_s);
	cr_assert_eq(found.kind, direct.kind);
}

Test(iterative, the_modes_of_the_running_example_are_those_of_elimination)
{
	struct ms_model m = retry_model(10.0, 5.0, 1.0, 5, HB_IS_SANITIZED ? 10 : 20);

	check_agreement(&m);
}

/* A server that calls another. */
static struct ms_model two_servers(uint32_t first_queue, uint32_t second_queue)
{
	struct ms_model m = retry_model(10.0, 4.0, 0.6, 2, first_queue);

	m.server_count = 2;
	m.servers[1] = m.servers[0];
	(void)snprintf(m.servers[1].name, sizeof(m.servers[1].name), "disk");
	m.servers[1].queue_capacity = second_queue;
	m.client_count = 2;
	m.clients[1] = m.clients[0];
	(void)snprintf(m.clients[1].name, sizeof(m.clients[1].name), "db->disk");
	m.clients[1].from_server = 0;
	m.clients[1].to_server = 1;
	m.clients[1].rate_per_s = 0.0;
	m.clients[1].timeout_s = 0.3;
	m.clients[1].retries = 1;
	return m;
}

/* Four axes, small enough for both ways: 10,000 states, but for sanitizers. */
Test(iterative, the_modes_of_two_servers_are_those_of_elimination)
{
	struct ms_model m = HB_IS_SANITIZED ? two_servers(4, 3) : two_servers(11, 9);

	check_agreement(&m);
}

Test(iterative, what_takes_longer_than_allowed_is_refused_with_the_estimate)
{
	struct ms_model m = two_servers(8, 6);
	struct ms_ctmc_options options = {
		.solver = MS_SOLVER_ITERATIVE, .orbit_bound = 12, .seconds_max = 0.001};
	struct ms_ctmc_chain *chain = NULL;
	struct hb_error error = {0};
	struct ms_iteration_cost cost;
	struct ms_ctmc result;

	cr_assert_eq(ms_ctmc_chain_create(&m, &options, &chain, &error), 0, "%s", error.text);
	cost = ms_iteration_cost(&chain->generator);
	cr_assert(cost.seconds > 0.001 && cost.bytes > 1e5);
	cr_assert_eq(ms_ctmc_solve(chain, &options, m.horizon_s, &result, &error), -E2BIG);
	cr_assert(strstr(error.text, "GiB") && strstr(error.text, " s;"), "%s", error.text);
	ms_ctmc_chain_destroy(chain);
}
