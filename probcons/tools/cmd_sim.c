/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probcons sim: the replicated log under simulated faults, and every promise of the protocol checked. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/json_out.h>

#include <probcons/simulation.h>

#include "command.h"

#define EXIT_VIOLATION 1
#define SCHEDULES_MAX 1000000000000

struct question {
	struct pc_simulation_options options;
	uint64_t schedules, first;
};

static const char *const variants[] = {"V0", "V1", "V2", "V3", "V4", "V5"};

static int read_variant(const char *text, enum pc_variant *ret, struct hb_error *reterr)
{
	for (int i = 0; text && i <= PC_V5; i++) {
		if (strcmp(text, variants[i]) == 0) {
			*ret = (enum pc_variant)i;
			return 0;
		}
	}
	return text ? hb_error_set(reterr, -EINVAL, "--variant: '%.64s' is none of V0 to V5", text)
		    : 0;
}

static int read_votes(
	const char *text, struct pc_rule *rule, uint32_t nodes, struct hb_error *reterr)
{
	uint32_t node = 0;

	while (text) {
		size_t length = strcspn(text, ",");
		char word[16];
		uint64_t votes;

		(void)snprintf(word, sizeof(word), "%.*s", (int)length, text);
		if (node == nodes || length >= sizeof(word) || hb_csv_parse_u64(word, &votes) ||
			votes > PC_VOTES_MAX)
			return hb_error_set(reterr, -EINVAL,
				"--weights: '%.64s' is no list of %" PRIu32 " votes up to %d", text,
				nodes, PC_VOTES_MAX);
		pc_rule_set_votes(rule, node++, (uint32_t)votes);
		text = text[length] ? text + length + 1 : NULL;
	}
	return node == nodes
		       ? 0
		       : hb_error_set(reterr, -EINVAL,
				 "--weights: %" PRIu32 " votes are given for %" PRIu32 " nodes",
				 node, nodes);
}

/*
 * What the variants stand for where nothing else is said: one less than a majority commits (V1), the first node has one
 * vote more than the others (V2), earlier nodes are more reliable (V4), committees of about two square roots (V5).
 */
static void choose_variant(struct pc_simulation_options *options)
{
	struct pc_rule *rule = &options->rule;
	uint32_t size = 1;

	if (options->variant == PC_V1 && rule->total > 2) {
		rule->need_per = rule->total / 2;
		rule->need_vc = rule->total - rule->need_per + 1;
	} else if (options->variant == PC_V2) {
		pc_rule_set_votes(rule, 0, 2);
	} else if (options->variant == PC_V4) {
		for (uint32_t n = 0; n < options->nodes; n++)
			options->ranks[n] = (uint8_t)n;
	} else if (options->variant == PC_V5) {
		while ((size + 1) * (size + 1) <= 4 * options->nodes && size < options->nodes)
			size++;
		options->committee_per = options->committee_vc = size;
	}
}

static int read_quorums(const struct arguments *arguments, struct pc_simulation_options *options,
	struct hb_error *reterr)
{
	bool committees = options->variant == PC_V5;
	uint64_t per = committees ? options->committee_per : options->rule.need_per;
	uint64_t vc = committees ? options->committee_vc : options->rule.need_vc;
	uint64_t max = committees ? options->nodes : options->rule.total;
	int err = option_u64(arguments, OPT_Q_PER, 1, max, &per, reterr);

	if (!err)
		err = option_u64(arguments, OPT_Q_VC, 1, max, &vc, reterr);
	if (err)
		return err;
	*(committees ? &options->committee_per : &options->rule.need_per) = (uint32_t)per;
	*(committees ? &options->committee_vc : &options->rule.need_vc) = (uint32_t)vc;
	return 0;
}

static int read_question(
	const struct arguments *arguments, struct question *ret, struct hb_error *reterr)
{
	struct question q = {.options = {.seed = 1, .linearizable = true}, .schedules = 1000};
	uint64_t nodes = 5;
	int err = option_u64(arguments, OPT_NODES, 1, PC_SIMULATED_NODES_MAX, &nodes, reterr);

	if (!err)
		err = read_variant(arguments->values[OPT_VARIANT], &q.options.variant, reterr);
	if (!err)
		err = option_u64(arguments, OPT_SEED, 0, UINT64_MAX, &q.options.seed, reterr);
	if (!err)
		err = option_u64(arguments, OPT_SCHEDULES, 1, SCHEDULES_MAX, &q.schedules, reterr);
	if (!err)
		err = option_u64(arguments, OPT_FIRST, 0, SCHEDULES_MAX, &q.first, reterr);
	if (err)
		return err;
	q.options.nodes = (uint32_t)nodes;
	pc_rule_init(&q.options.rule, ((uint64_t)1 << nodes) - 1);
	choose_variant(&q.options);
	if (arguments->values[OPT_WEIGHTS])
		err = read_votes(
			arguments->values[OPT_WEIGHTS], &q.options.rule, q.options.nodes, reterr);
	if (!err)
		err = read_quorums(arguments, &q.options, reterr);
	q.options.linearizable = !arguments->values[OPT_UNJUDGED];
	*ret = q;
	return err;
}

/* Probability that two uniform committees have no member in common: C(n - per, vc) / C(n, vc). */
static double epsilon(const struct pc_simulation_options *options)
{
	uint32_t n = options->nodes, others = n - options->committee_per;
	double product = 1;

	if (others < options->committee_vc)
		return 0;
	for (uint32_t i = 0; i < options->committee_vc; i++)
		product *= (double)(others - i) / (double)(n - i);
	return product;
}

static void print_json(const struct question *q, const struct pc_simulation_report *report)
{
	struct hb_json_out out = {.stream = stdout};
	char text[32];

	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "probcons.sim/1");
	hb_json_put_u64(&out, "schedules", report->schedules);
	hb_json_put_u64(&out, "events", report->events);
	hb_json_put_u64(&out, "elections", report->elections);
	hb_json_put_u64(&out, "commits", report->commits);
	hb_json_open(&out, "violations", '[');
	for (uint64_t i = 0; i < report->violation_count && i < PC_VIOLATIONS_MAX; i++) {
		hb_json_open(&out, NULL, '{');
		hb_json_put_u64(&out, "schedule", report->violations[i].schedule);
		hb_json_put_number(&out, "time_ms", (double)report->violations[i].time_ns / 1e6);
		hb_json_put_text(&out, "violation", report->violations[i].text);
		hb_json_close(&out, '}');
	}
	hb_json_close(&out, ']');
	(void)snprintf(text, sizeof(text), "%016" PRIx64, report->trace_hash);
	hb_json_put_text(&out, "trace_hash", text);
	hb_json_put_text(&out, "variant", variants[q->options.variant]);
	hb_json_put_u64(&out, "nodes", q->options.nodes);
	(void)snprintf(text, sizeof(text), "%" PRIu64, q->options.seed);
	hb_json_put_text(&out, "seed", text);
	hb_json_put_u64(&out, "violation_count", report->violation_count);
	hb_json_put_u64(&out, "undecided", report->undecided);
	hb_json_open(&out, "coverage", '{');
	for (int i = 0; i < PC_COVERAGE_COUNT; i++)
		hb_json_put_u64(&out, pc_simulation_coverage_name((enum pc_coverage)i),
			report->coverage[i]);
	hb_json_close(&out, '}');
	hb_json_put_u64(&out, "states", report->states);
	if (q->options.variant == PC_V5) {
		hb_json_open(&out, "committees", '{');
		hb_json_put_number(&out, "declared_epsilon", epsilon(&q->options));
		hb_json_put_u64(&out, "campaigns_after_commit", report->committee_trials);
		hb_json_put_u64(&out, "missed", report->committee_misses);
		hb_json_put_u64(&out, "redrawn_by_leaders", report->committee_redraws);
		hb_json_put_u64(&out, "schedules_harmed", report->harmed);
		hb_json_close(&out, '}');
	}
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static void print_text(const struct question *q, const struct pc_simulation_report *report)
{
	(void)printf("%" PRIu64 " schedules, %" PRIu64 " events, %" PRIu64 " elections, %" PRIu64
		     " commits, trace %016" PRIx64 "\n",
		report->schedules, report->events, report->elections, report->commits,
		report->trace_hash);
	for (int i = 0; i < PC_COVERAGE_COUNT; i++)
		(void)printf("%-24s %" PRIu64 "\n",
			pc_simulation_coverage_name((enum pc_coverage)i), report->coverage[i]);
	(void)printf("%-24s %" PRIu64 "\n", "states", report->states);
	if (report->undecided)
		(void)printf("%" PRIu64 " histories were too hard to judge\n", report->undecided);
	if (q->options.variant == PC_V5)
		(void)printf("committees: %" PRIu64 " of %" PRIu64
			     " campaigns missed the last commit, declared "
			     "%.6g; %" PRIu64 " schedules harmed\n",
			report->committee_misses, report->committee_trials, epsilon(&q->options),
			report->harmed);
	for (uint64_t i = 0; i < report->violation_count && i < PC_VIOLATIONS_MAX; i++)
		(void)printf("schedule %" PRIu64 " at %.3f ms: %s\n",
			report->violations[i].schedule, (double)report->violations[i].time_ns / 1e6,
			report->violations[i].text);
	(void)printf("%" PRIu64 " violations\n", report->violation_count);
}

static int simulate(const struct question *q, bool trace, struct pc_simulation_report *report,
	struct hb_error *reterr)
{
	struct pc_simulation *simulation;
	int err = pc_simulation_create(&q->options, &simulation, reterr);

	if (err)
		return err;
	if (trace)
		pc_simulation_trace(simulation, stdout);
	for (uint64_t i = 0; i < q->schedules && !err; i++)
		err = pc_simulation_run(simulation, q->first + i, report, reterr);
	pc_simulation_destroy(simulation);
	return err;
}

/* Does @schedule still break a promise without these faults? */
static bool is_broken(struct pc_simulation *simulation, uint64_t schedule, const uint64_t *skipped)
{
	static struct pc_simulation_report report;

	report = (struct pc_simulation_report){0};
	pc_simulation_skip_faults(simulation, skipped[0], skipped[1]);
	return pc_simulation_run(simulation, schedule, &report, NULL) == 0 &&
	       report.violation_count > 0;
}

/* Leaves out every fault without which the schedule still breaks a promise, and prints its steps. */
static int shrink(const struct question *q, uint64_t schedule, struct hb_error *reterr)
{
	struct pc_simulation *simulation;
	uint64_t skipped[2] = {0};
	int err = pc_simulation_create(&q->options, &simulation, reterr);

	if (err)
		return err;
	/* Those by the clock and those right after something, the last ones first: they do least to the others. */
	for (int i = 2 * PC_FAULTS_SKIPPED_MAX - 1; i >= 0; i--) {
		uint64_t *word = &skipped[i / PC_FAULTS_SKIPPED_MAX];
		uint64_t before = *word;

		*word |= (uint64_t)1 << i % PC_FAULTS_SKIPPED_MAX;
		if (!is_broken(simulation, schedule, skipped))
			*word = before;
	}
	(void)printf("schedule %" PRIu64 " without the faults that it does not need:\n", schedule);
	pc_simulation_trace(simulation, stdout);
	(void)is_broken(simulation, schedule, skipped);
	pc_simulation_destroy(simulation);
	return 0;
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	struct pc_simulation_report *report = calloc(1, sizeof(*report));
	struct question q;
	int err, code;

	if (!report)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	err = read_question(arguments, &q, reterr);
	if (!err)
		err = simulate(&q, arguments->values[OPT_TRACE] != NULL, report, reterr);
	if (!err && arguments->values[OPT_SHRINK] && report->violation_count > 0)
		err = shrink(&q, report->violations[0].schedule, reterr);
	if (!err && arguments->json)
		print_json(&q, report);
	else if (!err)
		print_text(&q, report);
	code = report->violation_count > 0 ? EXIT_VIOLATION : 0;
	free(report);
	return err ? err : code;
}

const struct command command_sim = {
	.name = "sim",
	.help = "the replicated log under simulated faults: exit 0 if every promise held, 1 if not",
	.options = "variant nodes q-per q-vc weights schedules first seed unjudged trace shrink",
	.run = run,
};
