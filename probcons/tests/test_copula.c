/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_randist.h>

#include <hotbed/error.h>
#include <probcons/groups.h>
#include <probcons/nines.h>

#include "enumeration.h"

static struct pc_result equal_fleet(uint32_t n, double p, struct pc_copula copula)
{
	struct pc_node nodes[1000];
	struct pc_protocol protocol = pc_raft_majority(n);
	struct pc_correlation correlation = {.copula = copula};
	struct pc_result result;
	struct hb_error error = {0};

	for (uint32_t i = 0; i < n; i++)
		nodes[i] = (struct pc_node){.crash = p, .weight = 1};
	cr_assert_eq(pc_analyse(nodes, n, &protocol, &correlation, PC_METRIC_ALL, &result, &error),
		0, "%s", error.text);
	return result;
}

Test(copula, nines_of_the_design_page)
{
	struct pc_copula copula = {.kind = PC_COPULA_GAUSSIAN, .rho = 0.1};

	cr_assert(fabs(pc_nines(equal_fleet(3, 0.01, copula).unlive) - 3.247) < 5e-4);
	cr_assert(fabs(pc_nines(equal_fleet(9, 0.08, copula).unlive) - 2.604) < 5e-4);
}

/*
 * The same integral by GSL's adaptive quadrature: tail of a binomial given the factor, as an incomplete beta
 * function.
 */
struct binomial {
	uint32_t n, k;
	double threshold, rho, scale;
};

static double given_factor(double m, void *user)
{
	struct binomial *b = user;
	double q = gsl_cdf_ugaussian_P(
		(b->threshold * b->scale - sqrt(b->rho) * m) / sqrt(1 - b->rho));
	double tail = q <= 0 ? 0 : q >= 1 ? 1 : gsl_cdf_beta_P(q, b->k, b->n - b->k + 1);

	return tail * gsl_ran_ugaussian_pdf(m);
}

/* Over [-12, 12] in pieces, so that no bump is missed. */
static double adaptive(struct binomial *b)
{
	gsl_integration_workspace *space = gsl_integration_workspace_alloc(1000);
	gsl_function f = {.function = given_factor, .params = b};
	double sum = 0;

	for (int piece = -24; piece < 24; piece++) {
		double part, error;

		cr_assert_eq(gsl_integration_qag(&f, piece * 0.5, piece * 0.5 + 0.5, 1e-40, 1e-13,
				     1000, GSL_INTEG_GAUSS31, space, &part, &error),
			0);
		sum += part;
	}
	gsl_integration_workspace_free(space);
	return sum;
}

Test(copula, hundred_nodes_agree_with_adaptive_quadrature_to_1e_minus_10)
{
	static const double rhos[] = {0.01, 0.1, 0.3, 0.7, 0.95};
	static const double ps[] = {0.001, 0.01, 0.2};

	for (int r = 0; r < 5; r++) {
		for (int p = 0; p < 3; p++) {
			struct pc_copula copula = {.kind = PC_COPULA_GAUSSIAN, .rho = rhos[r]};
			struct binomial b = {.n = 100,
				.k = 50,
				.threshold = gsl_cdf_ugaussian_Pinv(ps[p]),
				.rho = rhos[r],
				.scale = 1};
			double got = equal_fleet(100, ps[p], copula).unlive, want = adaptive(&b);

			if (want < 1e-30)
				continue;
			cr_assert(relative(got, want) < 1e-10, "rho %g p %g: %.17g, not %.17g",
				rhos[r], ps[p], got, want);
		}
	}
}

static double given_scale(double x, void *user)
{
	struct binomial *b = user;
	double dof = 4, w = dof * exp(2 * x);

	b->scale = exp(x);
	return adaptive(b) * 2 * w * gsl_ran_chisq_pdf(w, dof);
}

Test(copula, student_agrees_with_nested_adaptive_quadrature)
{
	struct pc_copula copula = {.kind = PC_COPULA_STUDENT, .rho = 0.2, .dof = 4};
	struct binomial b = {.n = 9, .k = 5, .threshold = gsl_cdf_tdist_Pinv(0.01, 4), .rho = 0.2};
	gsl_function f = {.function = given_scale, .params = &b};
	gsl_integration_workspace *space = gsl_integration_workspace_alloc(100);
	double want = 0;

	for (int piece = -12; piece < 4; piece++) {
		double part, error;

		cr_assert_eq(gsl_integration_qag(&f, piece, piece + 1, 1e-18, 1e-11, 100,
				     GSL_INTEG_GAUSS31, space, &part, &error),
			0);
		want += part;
	}
	gsl_integration_workspace_free(space);
	double got = equal_fleet(9, 0.01, copula).unlive;

	cr_assert(relative(got, want) < 1e-10, "%.17g is not %.17g", got, want);
}

Test(copula, one_node_keeps_its_marginal)
{
	static const double ps[] = {1e-250, 1e-100, 1e-12, 1e-3, 0.5, 0.99};

	for (int p = 0; p < 6; p++) {
		struct pc_copula gaussian = {.kind = PC_COPULA_GAUSSIAN, .rho = 0.4};
		struct pc_copula student = {.kind = PC_COPULA_STUDENT, .rho = 0.4, .dof = 3};

		cr_assert(relative(equal_fleet(1, ps[p], gaussian).unlive, ps[p]) < 1e-10,
			"%g: %.17g", ps[p], equal_fleet(1, ps[p], gaussian).unlive);
		/* GSL's quantile of Student's t in the far tail is itself no better than 1e-9. */
		if (ps[p] > 1e-13)
			cr_assert(relative(equal_fleet(1, ps[p], student).unlive, ps[p]) < 1e-9,
				"%g: %.17g", ps[p], equal_fleet(1, ps[p], student).unlive);
	}
}

Test(copula, no_correlation_is_independence)
{
	struct pc_copula copula = {.kind = PC_COPULA_GAUSSIAN, .rho = 0}, none = {0};
	struct pc_result got = equal_fleet(9, 0.08, copula), want = equal_fleet(9, 0.08, none);

	cr_assert(relative(got.unlive, want.unlive) < 1e-12);
	cr_assert(relative(got.loss.mean, want.loss.mean) < 1e-12);
	cr_assert(relative(got.loss.worst, want.loss.worst) < 1e-12);
	cr_assert(relative(got.loss.any, want.loss.any) < 1e-12);
}

Test(copula, two_nodes_fail_together_as_the_bivariate_normal_says)
{
	/* Orthant probability: P(X < 0, Y < 0) = 1/4 + asin(rho) / (2 pi). */
	struct pc_node nodes[2] = {{.crash = 0.5, .weight = 1}, {.crash = 0.5, .weight = 1}};
	struct pc_protocol protocol = {.kind = PC_RAFT, .votes = 2, .q_per = 2, .q_vc = 2};

	for (double rho = 0.05; rho < 1; rho += 0.1) {
		struct pc_correlation correlation = {
			.copula = {.kind = PC_COPULA_GAUSSIAN, .rho = rho}};
		double want = 0.25 + asin(rho) / (2 * M_PI);
		struct pc_result got;

		cr_assert_eq(
			pc_analyse(nodes, 2, &protocol, &correlation, PC_METRIC_ALL, &got, NULL),
			0);
		cr_assert(relative(got.loss.any, want) < 1e-12, "rho %g", rho);
		cr_assert(relative(got.loss.worst, want) < 1e-12, "rho %g", rho);
		cr_assert(relative(got.loss.mean, want) < 1e-12, "rho %g", rho);
		cr_assert(relative(got.unlive, 1 - want) < 1e-12, "rho %g", rho);
		/* Student's t is elliptical too: the same orthant probability. */
		correlation.copula.kind = PC_COPULA_STUDENT;
		correlation.copula.dof = 2.5;
		cr_assert_eq(
			pc_analyse(nodes, 2, &protocol, &correlation, PC_METRIC_ALL, &got, NULL),
			0);
		cr_assert(relative(got.loss.any, want) < 1e-10, "t rho %g", rho);
	}
}

/* Chance that all of @set have failed, given fault probabilities and at most one shock. */
static double set_fails(unsigned int set, const struct pc_node *given, uint32_t count,
	const struct pc_shock *shock, uint32_t shocks)
{
	double own = 1, struck = 1;

	for (uint32_t i = 0; i < count; i++) {
		bool member = false;

		for (uint32_t m = 0; m < shock->member_count; m++)
			member |= shock->members[m] == i;
		if (set >> i & 1) {
			own *= pc_node_fault(&given[i]);
			struck *= member ? 1 : pc_node_fault(&given[i]);
		}
	}
	return shocks ? shock->probability * struck + (1 - shock->probability) * own : own;
}

/* Midpoint sum over the factor of what the enumeration of independent nodes gives. */
Test(copula, mixed_and_weighted_fleets_agree_with_summed_enumeration)
{
	enum { POINTS = 400 };
	struct pc_node nodes[4] = {{.crash = 0.05, .byz = 0.01, .weight = 1},
		{.crash = 0.2, .weight = 2}, {.byz = 0.1, .weight = 1},
		{.crash = 0.02, .weight = 3}};
	uint32_t members[2] = {0, 3};
	struct pc_shock shock = {.probability = 0.01, .member_count = 2, .members = members};
	struct pc_protocol protocol = {
		.kind = PC_PBFT, .votes = 7, .q_per = 5, .q_vc = 5, .q_eq = 5, .q_vc_t = 2};
	struct pc_correlation correlation = {.copula = {.kind = PC_COPULA_GAUSSIAN, .rho = 0.35}};
	struct pc_result got;

	for (uint32_t shocks = 0; shocks < 2; shocks++) {
		long double unsafe = 0, unlive = 0, either = 0, mean = 0, any = 0;
		double sets[16] = {0}, worst = 0;

		correlation.shocks = &shock;
		correlation.shock_count = shocks;
		for (int point = 0; point < POINTS; point++) {
			double h = 24.0 / POINTS, m = -12 + (point + 0.5) * h;
			struct pc_node given[4];
			struct enumerated one;

			for (int i = 0; i < 4; i++) {
				double p = pc_node_fault(&nodes[i]);
				double q = pc_copula_conditional(
					&correlation.copula, gsl_cdf_ugaussian_Pinv(p), m, 1);

				given[i] = nodes[i];
				given[i].crash = q * nodes[i].crash / p;
				given[i].byz = q * nodes[i].byz / p;
			}
			one = enumerate(given, 4, &protocol, &shock, shocks);
			unsafe += one.unsafe * h * gsl_ran_ugaussian_pdf(m);
			unlive += one.unlive * h * gsl_ran_ugaussian_pdf(m);
			either += one.either * h * gsl_ran_ugaussian_pdf(m);
			mean += one.loss_mean * h * gsl_ran_ugaussian_pdf(m);
			any += one.loss_any * h * gsl_ran_ugaussian_pdf(m);
			for (unsigned int set = 0; set < 16; set++)
				sets[set] += h * gsl_ran_ugaussian_pdf(m) *
					     set_fails(set, given, 4, &shock, shocks);
		}
		for (unsigned int set = 0; set < 16; set++) {
			uint32_t votes = 0;

			for (int i = 0; i < 4; i++)
				votes += set >> i & 1 ? nodes[i].weight : 0;
			if (votes >= protocol.q_per)
				worst = fmax(worst, sets[set]);
		}
		cr_assert_eq(
			pc_analyse(nodes, 4, &protocol, &correlation, PC_METRIC_ALL, &got, NULL),
			0);
		cr_assert(relative(got.unsafe, unsafe) < 1e-11, "%.17g %.17Lg", got.unsafe, unsafe);
		cr_assert(relative(got.unlive, unlive) < 1e-11);
		cr_assert(relative(got.unsafe_or_unlive, either) < 1e-11);
		cr_assert(relative(got.loss.mean, mean) < 1e-11);
		cr_assert(relative(got.loss.any, any) < 1e-11);
		cr_assert(relative(got.loss.worst, worst) < 1e-11, "%.17g, not %.17g",
			got.loss.worst, worst);
		cr_assert(!got.loss.worst_is_bound);
	}
}

/* Means over the factor and the scale by a fixed fine grid, each case by the analysis of independent nodes. */
static struct pc_result grid_mean(const struct pc_node *nodes, uint32_t count,
	const struct pc_protocol *protocol, const struct pc_copula *copula)
{
	enum { FACTORS = 300, SCALES = 220 };
	bool student = copula->kind == PC_COPULA_STUDENT;
	struct pc_result sum = {0};

	for (int s = 0; s < (student ? SCALES : 1); s++) {
		double width = 11.0 / SCALES, x = student ? -8.5 + (s + 0.5) * width : 0;
		double w = copula->dof * exp(2 * x);
		double outer = student ? 2 * w * gsl_ran_chisq_pdf(w, copula->dof) * width : 1;

		for (int point = 0; point < FACTORS; point++) {
			double h = 24.0 / FACTORS, m = -12 + (point + 0.5) * h;
			double weight = outer * h * gsl_ran_ugaussian_pdf(m);
			struct pc_node given[16];
			struct pc_result one;

			for (uint32_t i = 0; i < count; i++) {
				double p = pc_node_fault(&nodes[i]);
				double q = pc_copula_conditional(
					copula, pc_copula_threshold(copula, p), m, exp(x));

				given[i] = nodes[i];
				given[i].crash = q * nodes[i].crash / p;
				given[i].byz = q * nodes[i].byz / p;
			}
			cr_assert_eq(
				pc_analyse(given, count, protocol, NULL, PC_METRIC_ALL, &one, NULL),
				0);
			sum.unsafe += weight * one.unsafe;
			sum.unlive += weight * one.unlive;
			sum.unsafe_or_unlive += weight * one.unsafe_or_unlive;
			sum.loss.mean += weight * one.loss.mean;
			sum.loss.any += weight * one.loss.any;
			sum.loss.worst += weight * one.loss.worst;
		}
	}
	return sum;
}

/* Nodes that all differ go by a distribution in doubles of their own. */
Test(copula, fleets_of_different_nodes_agree_with_a_fixed_grid)
{
	static const struct pc_copula copulas[] = {{.kind = PC_COPULA_GAUSSIAN, .rho = 0.2},
		{.kind = PC_COPULA_STUDENT, .rho = 0.2, .dof = 4}};
	struct pc_protocol protocols[] = {pc_raft_majority(11), pc_pbft_classic(11),
		{.kind = PC_RAFT, .votes = 11, .q_per = 2, .q_vc = 10}};

	for (int k = 0; k < 6; k++) {
		const struct pc_copula *copula = &copulas[k / 3];
		const struct pc_protocol *protocol = &protocols[k % 3];
		struct pc_correlation correlation = {.copula = *copula};
		struct pc_node nodes[11];
		struct pc_result got, want;

		for (int i = 0; i < 11; i++) {
			double p = 0.002 * (i + 1) * (i + 1);

			nodes[i] = (struct pc_node){.weight = 1};
			*(protocol->kind == PC_PBFT ? &nodes[i].byz : &nodes[i].crash) = p;
		}
		cr_assert_eq(
			pc_analyse(nodes, 11, protocol, &correlation, PC_METRIC_ALL, &got, NULL),
			0);
		want = grid_mean(nodes, 11, protocol, copula);
		cr_assert(relative(got.unsafe, want.unsafe) < 1e-10, "case %d", k);
		cr_assert(relative(got.unlive, want.unlive) < 1e-10, "case %d: %.17g, not %.17g", k,
			got.unlive, want.unlive);
		cr_assert(relative(got.unsafe_or_unlive, want.unsafe_or_unlive) < 1e-10);
		cr_assert(relative(got.loss.mean, want.loss.mean) < 1e-10, "case %d", k);
		cr_assert(relative(got.loss.any, want.loss.any) < 1e-10, "case %d", k);
		cr_assert(relative(got.loss.worst, want.loss.worst) < 1e-10, "case %d", k);
		cr_assert(!got.loss.worst_is_bound);
	}
}

/* Too many quorums to try each under an integral: what is printed is a bound, and says so. */
Test(copula, worst_loss_of_large_weighted_fleets_is_marked_as_a_bound)
{
	struct pc_correlation correlation = {.copula = {.kind = PC_COPULA_GAUSSIAN, .rho = 0.2}};
	struct pc_protocol protocol;
	struct pc_node nodes[40];
	struct pc_result got;
	uint32_t votes = 0;

	for (uint32_t i = 0; i < 40; i++) {
		nodes[i] = (struct pc_node){.crash = 0.01 + 0.002 * i, .weight = 1 + i % 20};
		votes += nodes[i].weight;
	}
	protocol = pc_raft_majority(votes);
	cr_assert_eq(pc_analyse(nodes, 40, &protocol, &correlation, PC_METRIC_ALL, &got, NULL), 0);
	cr_assert(got.loss.worst_is_bound);
	cr_assert(got.loss.worst >= got.loss.mean && got.loss.worst <= got.loss.any);
}

Test(copula, text_form_is_read_and_checked)
{
	static const char *const bad[] = {"", "gaussian", "gaussian:", "gaussian:x", "gaussian:1",
		"gaussian:-0.1", "gaussian:0.1,3", "t:0.1", "t:0.1,", "t:0.1,0.5", "t:0.1,1e9",
		"clayton:2"};
	struct pc_copula copula;

	cr_assert_eq(pc_copula_parse("gaussian:0.1", &copula, NULL), 0);
	cr_assert(copula.kind == PC_COPULA_GAUSSIAN && copula.rho == 0.1);
	cr_assert_eq(pc_copula_parse("t:0.25,4", &copula, NULL), 0);
	cr_assert(copula.kind == PC_COPULA_STUDENT && copula.rho == 0.25 && copula.dof == 4);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(pc_copula_parse(bad[i], &copula, NULL), -EINVAL, "%s", bad[i]);
	cr_assert_eq(copula.dof, 4);
}
