/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probcons optimize: the cheapest fleet that meets a target, with quorum sizes, votes and an order of leaders. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/json_out.h>

#include <probcons/optimise.h>
#include <probcons/sensitivity.h>

#include "fleet.h"
#include "node_types.h"

struct plan {
	struct node_types types;
	struct pc_optimise_problem problem;
	double band; /* factor of the sensitivity band */
};

struct answer {
	struct pc_optimum optimum;
	struct pc_result lo, hi;
	bool has_correlated; /* with --groups or --copula: the same fleet under them */
	struct pc_result correlated;
	bool meets_targets;
	double margin; /* factor on every probability up to which the targets of failure hold; NAN = no such target */
};

static int read_targets(const struct arguments *arguments, struct pc_optimise_problem *problem,
	struct hb_error *reterr)
{
	int err = option_probability(arguments, OPT_TARGET, &problem->target_failure, reterr);

	if (!err)
		err = option_probability(
			arguments, OPT_TARGET_UNSAFE, &problem->target_unsafe, reterr);
	if (!err)
		err = option_probability(
			arguments, OPT_TARGET_UNLIVE, &problem->target_unlive, reterr);
	if (!err)
		err = option_probability(arguments, OPT_TARGET_LOSS, &problem->target_loss, reterr);
	if (!err && !arguments->values[OPT_NODES] && !arguments->values[OPT_TARGET] &&
		!arguments->values[OPT_TARGET_UNSAFE] && !arguments->values[OPT_TARGET_UNLIVE])
		err = hb_error_set(reterr, -EINVAL,
			"--target Q is needed (or --target-unlive, --target-unsafe): how unlikely "
			"must "
			"failure be?");
	return err;
}

static int read_plan(const struct arguments *arguments, struct plan *plan, struct hb_error *reterr)
{
	struct pc_optimise_problem *problem = &plan->problem;
	uint64_t nodes_min = 1, nodes_max = 25, copies = 0;
	int err = 0;

	if (arguments->values[OPT_GROUPS] && !arguments->values[OPT_NODES])
		err = hb_error_set(reterr, -EINVAL,
			"--groups number the nodes of --nodes; a mix that is still to be chosen "
			"has "
			"no numbers: choose without, then give the mix as --nodes");
	if (!err)
		err = node_types_read(arguments, &plan->types, reterr);
	if (!err)
		err = read_targets(arguments, problem, reterr);
	if (!err)
		err = option_u64(
			arguments, OPT_MIN_NODES, 1, PC_OPTIMISE_NODES_MAX, &nodes_min, reterr);
	if (!err)
		err = option_u64(
			arguments, OPT_MAX_NODES, 1, PC_OPTIMISE_NODES_MAX, &nodes_max, reterr);
	if (!err)
		err = option_u64(
			arguments, OPT_MIN_COPIES, 1, PC_OPTIMISE_NODES_MAX, &copies, reterr);
	if (!err)
		err = option_u64(
			arguments, OPT_STEPS, 1, UINT64_MAX / 4, &problem->steps_max, reterr);
	if (!err)
		err = option_probability(arguments, OPT_BETA, &problem->beta, reterr);
	if (!err)
		err = option_real(arguments, OPT_BAND, 1, 1e6, &plan->band, reterr);
	if (err)
		return err;
	problem->kind = arguments->protocol;
	problem->types = plan->types.types;
	problem->type_count = plan->types.count;
	problem->nodes_min = (uint32_t)nodes_min;
	problem->nodes_max = (uint32_t)nodes_max;
	problem->copies_min = (uint32_t)copies;
	problem->allow_dictator = arguments->values[OPT_ALLOW_DICTATOR] != NULL;
	problem->weighted = arguments->values[OPT_WEIGHTED] != NULL;
	if (plan->types.is_fixed) {
		problem->nodes_min = 0;
		for (uint32_t t = 0; t < plan->types.count; t++)
			problem->nodes_min += plan->types.types[t].count_min;
		problem->nodes_max = problem->nodes_min;
	}
	return 0;
}

static int analyse_band(const struct plan *plan, struct answer *answer, struct hb_error *reterr)
{
	const struct pc_optimise_problem *problem = &plan->problem;
	const struct pc_optimum *optimum = &answer->optimum;
	double target = fmin(problem->target_failure, problem->target_unlive);
	struct pc_node nodes[PC_OPTIMISE_NODES_MAX];
	struct pc_shock_set shocks = {0};
	struct pc_correlation correlation = {0};
	int err = 0;

	pc_optimum_nodes(problem, optimum, nodes);
	if (problem->beta > 0)
		err = pc_beta_factor(nodes, optimum->node_count, problem->beta, &shocks, reterr);
	correlation.shocks = shocks.shocks;
	correlation.shock_count = shocks.count;
	if (!err)
		err = pc_analyse_scaled(nodes, optimum->node_count, &optimum->protocol,
			&correlation, PC_METRIC_ALL, 1 / plan->band, &answer->lo, reterr);
	if (!err)
		err = pc_analyse_scaled(nodes, optimum->node_count, &optimum->protocol,
			&correlation, PC_METRIC_ALL, plan->band, &answer->hi, reterr);
	answer->margin = NAN;
	if (!err && target < 1)
		err = pc_sensitivity_margin(nodes, optimum->node_count, &optimum->protocol,
			&correlation, target, &answer->margin, reterr);
	pc_shock_set_finish(&shocks);
	return err;
}

static bool meets(const struct pc_optimise_problem *problem, const struct pc_result *q)
{
	return q->unsafe <= problem->target_unsafe && q->unlive <= problem->target_unlive &&
	       q->unsafe_or_unlive <= problem->target_failure &&
	       q->loss.worst <= problem->target_loss;
}

/* The fleet that was found, under --groups and --copula, which the search does not know. */
static int analyse_correlated(const struct arguments *arguments, const struct plan *plan,
	struct answer *answer, struct hb_error *reterr)
{
	const struct pc_optimum *optimum = &answer->optimum;
	struct fleet fleet = {0};
	int err;

	if (!arguments->values[OPT_GROUPS] && !arguments->values[OPT_COPULA])
		return 0;
	if (plan->types.is_fixed) {
		err = fleet_build(arguments, &fleet, reterr);
		for (uint32_t i = 0; i < fleet.count && !err; i++)
			fleet.nodes[i].weight = optimum->weights[plan->types.type_of_node[i]];
	} else {
		fleet.nodes = calloc(PC_OPTIMISE_NODES_MAX, sizeof(fleet.nodes[0]));
		fleet.count = optimum->node_count;
		err = fleet.nodes ? 0 : hb_error_set(reterr, -ENOMEM, "no memory for the nodes");
		if (!err) {
			pc_optimum_nodes(&plan->problem, optimum, fleet.nodes);
			err = fleet_correlate(arguments, &fleet, reterr);
		}
	}
	if (!err)
		err = pc_analyse(fleet.nodes, fleet.count, &optimum->protocol,
			fleet_correlation(&fleet), PC_METRIC_ALL, &answer->correlated, reterr);
	answer->has_correlated = !err;
	answer->meets_targets = !err && meets(&plan->problem, &answer->correlated);
	fleet_finish(&fleet);
	return err;
}

static void json_band(struct hb_json_out *out, const char *key, const struct pc_result *result)
{
	hb_json_open(out, key, '{');
	hb_json_put_number(out, "unsafe", result->unsafe);
	hb_json_put_number(out, "unlive", result->unlive);
	hb_json_put_number(out, "unsafe_or_unlive", result->unsafe_or_unlive);
	hb_json_put_number(out, "loss_worst", result->loss.worst);
	hb_json_close(out, '}');
}

static void json_mix(
	struct hb_json_out *out, const struct plan *plan, const struct pc_optimum *optimum)
{
	hb_json_open(out, "mix", '[');
	for (uint32_t t = 0; t < plan->types.count; t++) {
		const struct pc_node_type *type = &plan->types.types[t];

		if (optimum->counts[t] == 0)
			continue;
		hb_json_open(out, NULL, '{');
		hb_json_put_text(out, "type", plan->types.names[t]);
		hb_json_put_u64(out, "count", optimum->counts[t]);
		hb_json_put_u64(out, "weight", optimum->weights[t]);
		hb_json_put_number(out, "crash", type->crash);
		hb_json_put_number(out, "byz", type->byz);
		hb_json_put_number(out, "cost", type->cost);
		hb_json_close(out, '}');
	}
	hb_json_close(out, ']');
	hb_json_open(out, "leader_order", '[');
	for (uint32_t l = 0; l < optimum->leader_count; l++)
		hb_json_put_text(out, NULL, plan->types.names[optimum->leaders[l]]);
	hb_json_close(out, ']');
}

static void json_search(
	struct hb_json_out *out, const struct plan *plan, const struct answer *answer)
{
	const struct pc_optimum *optimum = &answer->optimum;

	hb_json_put_number(out, "cost", optimum->cost);
	hb_json_put_number(out, "cost_bound", optimum->cost_bound);
	hb_json_put_bool(out, "proven", optimum->proven);
	hb_json_put_u64(out, "copies", optimum->copies);
	hb_json_put_number(
		out, "unlive_bound", plan->problem.kind == PC_RAFT ? optimum->unlive_bound : NAN);
	hb_json_put_u64(out, "steps", optimum->steps);
	hb_json_open(out, "band", '{');
	hb_json_put_number(out, "factor", plan->band);
	json_band(out, "lo", &answer->lo);
	json_band(out, "hi", &answer->hi);
	hb_json_close(out, '}');
	hb_json_put_number(out, "margin", answer->margin);
	if (!answer->has_correlated) {
		hb_json_put_null(out, "correlated");
		return;
	}
	hb_json_open(out, "correlated", '{');
	hb_json_put_number(out, "unsafe", answer->correlated.unsafe);
	hb_json_put_number(out, "unlive", answer->correlated.unlive);
	hb_json_put_number(out, "unsafe_or_unlive", answer->correlated.unsafe_or_unlive);
	hb_json_put_number(out, "loss_worst", answer->correlated.loss.worst);
	hb_json_put_bool(out, "meets_targets", answer->meets_targets);
	hb_json_close(out, '}');
}

static void print_json(const struct plan *plan, const struct answer *answer)
{
	const struct pc_optimum *optimum = &answer->optimum;
	const struct pc_result *result = &optimum->result;
	struct hb_json_out out = {.stream = stdout};

	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "probcons.optimum/1");
	hb_json_put_text(&out, "protocol", protocol_name(plan->problem.kind));
	hb_json_put_u64(&out, "n", optimum->node_count);
	json_quorums(&out, &optimum->protocol);
	json_mix(&out, plan, optimum);
	hb_json_put_number(&out, "unsafe", result->unsafe);
	hb_json_put_number(&out, "unlive", result->unlive);
	hb_json_put_number(&out, "unsafe_or_unlive", result->unsafe_or_unlive);
	hb_json_open(&out, "loss", '{');
	hb_json_put_number(&out, "worst", result->loss.worst);
	hb_json_put_number(&out, "mean", result->loss.mean);
	hb_json_put_number(&out, "any", result->loss.any);
	hb_json_close(&out, '}');
	hb_json_open(&out, "nines", '{');
	hb_json_put_number(&out, "safe", pc_nines(result->unsafe));
	hb_json_put_number(&out, "live", pc_nines(result->unlive));
	hb_json_put_number(&out, "safe_and_live", pc_nines(result->unsafe_or_unlive));
	hb_json_put_number(&out, "durable", pc_nines(result->loss.worst));
	hb_json_close(&out, '}');
	json_search(&out, plan, answer);
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static void print_proof(const struct plan *plan, const struct pc_optimum *optimum)
{
	if (plan->types.is_fixed)
		return;
	(void)printf("cost       %.10g, ", optimum->cost);
	if (optimum->proven)
		(void)printf("proven: nothing cheaper meets the targets\n");
	else
		(void)printf("nothing below %.10g meets the targets (gap %.3g%%)\n",
			optimum->cost_bound, (optimum->cost / optimum->cost_bound - 1) * 100);
}

static void print_row(const char *name, double q, double lo, double hi)
{
	(void)printf("%-18s %-12.6g %7.3f nines  [%.3f, %.3f]\n", name, q, pc_nines(q),
		pc_nines(hi), pc_nines(lo));
}

static void print_correlated(const struct answer *answer)
{
	const struct pc_result *q = &answer->correlated;

	(void)printf(
		"under the groups and copula given: unsafe %.6g, unlive %.6g (%.3f nines), worst "
		"loss %.6g: the targets are %s\n",
		q->unsafe, q->unlive, pc_nines(q->unsafe_or_unlive), q->loss.worst,
		answer->meets_targets ? "met" : "MISSED");
}

static void print_text(const struct plan *plan, const struct answer *answer)
{
	const struct pc_optimum *optimum = &answer->optimum;
	const struct pc_result *q = &optimum->result;

	(void)printf(
		"%s, %" PRIu32 " nodes\n", protocol_name(plan->problem.kind), optimum->node_count);
	for (uint32_t t = 0; t < plan->types.count; t++) {
		if (optimum->counts[t] > 0)
			(void)printf("%6" PRIu32 " x %s, %" PRIu32 " vote%s each\n",
				optimum->counts[t], plan->types.names[t], optimum->weights[t],
				optimum->weights[t] == 1 ? "" : "s");
	}
	print_quorums(&optimum->protocol);
	print_proof(plan, optimum);
	(void)printf("copies     %" PRIu32 " of every commit\nleaders    ", optimum->copies);
	for (uint32_t l = 0; l < optimum->leader_count; l++)
		(void)printf("%s%s", l ? ", then " : "", plan->types.names[optimum->leaders[l]]);
	(void)printf("\n%-18s %-12s %13s  band at p / %g ... p x %g\n", "", "probability", "",
		plan->band, plan->band);
	print_row("unsafe", q->unsafe, answer->lo.unsafe, answer->hi.unsafe);
	print_row("unlive", q->unlive, answer->lo.unlive, answer->hi.unlive);
	print_row("unsafe or unlive", q->unsafe_or_unlive, answer->lo.unsafe_or_unlive,
		answer->hi.unsafe_or_unlive);
	print_row(
		"loss, worst quorum", q->loss.worst, answer->lo.loss.worst, answer->hi.loss.worst);
	if (plan->problem.kind == PC_RAFT)
		(void)printf(
			"no self-intersecting quorums of these nodes are unlive with less than "
			"%.6g\n",
			optimum->unlive_bound);
	if (!isnan(answer->margin))
		(void)printf(
			"the target holds while every probability is at most %.4g times what was "
			"given\n",
			answer->margin);
	if (answer->has_correlated)
		print_correlated(answer);
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	struct plan plan = {.problem = {.target_unsafe = 1,
				    .target_unlive = 1,
				    .target_failure = 1,
				    .target_loss = 1},
		.band = 2};
	struct answer answer;
	int err = read_plan(arguments, &plan, reterr);

	memset(&answer, 0, sizeof(answer));
	if (!err)
		err = pc_optimise(&plan.problem, &answer.optimum, reterr);
	if (!err)
		err = analyse_band(&plan, &answer, reterr);
	if (!err)
		err = analyse_correlated(arguments, &plan, &answer, reterr);
	if (!err && arguments->json)
		print_json(&plan, &answer);
	else if (!err)
		print_text(&plan, &answer);
	if (!err && answer.has_correlated && !answer.meets_targets)
		(void)fprintf(stderr,
			"probcons optimize: note: the search takes nodes as independent%s; under "
			"the "
			"groups and copula given the fleet misses its targets\n",
			plan.problem.beta > 0 ? " but for --beta" : "");
	node_types_finish(&plan.types);
	return err;
}

const struct command command_optimize = {
	.name = "optimize",
	.help = "the cheapest mix of nodes, quorum sizes and votes for a target, with proof",
	.takes_protocol = true,
	.options =
		"types types-file nodes curves mission crash byz faults beta groups copula target "
		"target-unsafe "
		"target-unlive target-loss min-nodes max-nodes min-copies allow-dictator weighted "
		"band steps",
	.run = run,
};
