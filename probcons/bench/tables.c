/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probcons/tables: every number that the paper prints in Tables 1 and 2, and those of its text, against the exact
 * value. The baseline is the paper itself. A claim's range is what rounds to the printed digits; what was truncated,
 * or does not hold, comes out as not reproduced.
 */
#include "experiments.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <probcons/nines.h>
#include <probcons/poisson_binomial.h>

#include "oracle.h"

#define NODES_MAX 100

enum kind {
	RAFT,      /* majority Raft, n nodes of p: unlive */
	PBFT_SAFE, /* Table 1: eq = per = vc = q, trigger t */
	PBFT_LIVE,
	PBFT_BOTH,
	PBFT_LIVE_PRINTED, /* with the sign as printed */
	RATIO_9_3,         /* q of 9@8% over q of 3@1% */
	SAVING,            /* price of 3 nodes over that of n nodes a tenth as dear */
	SWAPPED,           /* 4@8% and 3@1%, majority */
	LOSS_AT_LEAST_ONE, /* a quorum of 4 with at least one reliable node: the worst */
	LOSS_EXACTLY_ONE,
	PBFT_SAFER,     /* unsafe of 4 nodes over unsafe of 5 */
	PBFT_LESS_LIVE, /* unlive of 5 over unlive of 4 */
	PBFT_7_VS_5,    /* unsafe of 7 over unsafe of 5 */
	COST_7_VS_5,
	ALL_FAIL, /* n nodes of p: all of them */
	AT_LEAST, /* n nodes of p: at least q faults */
};

struct cell {
	const char *name;
	enum kind kind;
	const char *printed; /* as in the paper */
	bool is_success;     /* printed is a percentage of success: 100 - printed is what fails */
	int n;
	double p;
	int q, t;
};

static const struct cell cells[] = {
	{"pbft-4-safe", PBFT_SAFE, "99.94", true, 4, 0.01, 3, 2},
	{"pbft-4-live", PBFT_LIVE, "99.94", true, 4, 0.01, 3, 2},
	{"pbft-4-both", PBFT_BOTH, "99.94", true, 4, 0.01, 3, 2},
	{"pbft-5-safe", PBFT_SAFE, "99.9990", true, 5, 0.01, 4, 2},
	{"pbft-5-live", PBFT_LIVE, "99.90", true, 5, 0.01, 4, 2},
	{"pbft-5-both", PBFT_BOTH, "99.90", true, 5, 0.01, 4, 2},
	{"pbft-7-safe", PBFT_SAFE, "99.997", true, 7, 0.01, 5, 3},
	{"pbft-7-live", PBFT_LIVE, "99.997", true, 7, 0.01, 5, 3},
	{"pbft-7-both", PBFT_BOTH, "99.997", true, 7, 0.01, 5, 3},
	{"pbft-8-safe", PBFT_SAFE, "99.99993", true, 8, 0.01, 6, 3},
	{"pbft-8-live", PBFT_LIVE, "99.995", true, 8, 0.01, 6, 3},
	{"pbft-8-both", PBFT_BOTH, "99.995", true, 8, 0.01, 6, 3},
	{"raft-3-1", RAFT, "99.97", true, 3, 0.01, 0, 0},
	{"raft-3-2", RAFT, "99.88", true, 3, 0.02, 0, 0},
	{"raft-3-4", RAFT, "99.53", true, 3, 0.04, 0, 0},
	{"raft-3-8", RAFT, "98.18", true, 3, 0.08, 0, 0},
	{"raft-5-1", RAFT, "99.9990", true, 5, 0.01, 0, 0},
	{"raft-5-2", RAFT, "99.992", true, 5, 0.02, 0, 0},
	{"raft-5-4", RAFT, "99.94", true, 5, 0.04, 0, 0},
	{"raft-5-8", RAFT, "99.55", true, 5, 0.08, 0, 0},
	{"raft-7-1", RAFT, "99.99997", true, 7, 0.01, 0, 0},
	{"raft-7-2", RAFT, "99.9995", true, 7, 0.02, 0, 0},
	{"raft-7-4", RAFT, "99.992", true, 7, 0.04, 0, 0},
	{"raft-7-8", RAFT, "99.88", true, 7, 0.08, 0, 0},
	{"raft-9-1", RAFT, "99.999998", true, 9, 0.01, 0, 0},
	{"raft-9-2", RAFT, "99.99996", true, 9, 0.02, 0, 0},
	{"raft-9-4", RAFT, "99.9988", true, 9, 0.04, 0, 0},
	{"raft-9-8", RAFT, "99.97", true, 9, 0.08, 0, 0},
	{"pbft-4-live-printed-sign", PBFT_LIVE_PRINTED, "99.94", true, 4, 0.01, 3, 2},
	{"nine-at-8-as-three-at-1", RATIO_9_3, "1", false, 0, 0, 0, 0},
	{"saving-9-nodes", SAVING, "3", false, 9, 0, 0, 0},
	{"saving-11-nodes", SAVING, "3", false, 11, 0, 0, 0},
	{"swap-three-live", SWAPPED, "99.98", true, 7, 0, 0, 0},
	{"swap-three-durable", LOSS_AT_LEAST_ONE, "99.994", true, 7, 0, 0, 0},
	{"swap-three-durable-exactly-one", LOSS_EXACTLY_ONE, "99.994", true, 7, 0, 0, 0},
	{"pbft-5-safer-60", PBFT_SAFER, "60", false, 0, 0.01, 0, 0},
	{"pbft-5-safer-42", PBFT_SAFER, "42", false, 0, 0.01, 0, 0},
	{"pbft-5-less-live", PBFT_LESS_LIVE, "1.67", false, 0, 0.01, 0, 0},
	{"pbft-5-safer-than-7", PBFT_7_VS_5, "1", false, 0, 0.01, 0, 0},
	{"pbft-7-costs-more", COST_7_VS_5, "1.4", false, 0, 0, 0, 0},
	{"random-5-all-fail", ALL_FAIL, "0.0000000001", false, 5, 0.01, 0, 0},
	{"hundred-10-faults", AT_LEAST, "0.5", false, 100, 0.1, 10, 0},
	{"hundred-10-all-fail", ALL_FAIL, "0.0000000001", false, 10, 0.1, 0, 0},
};

static const struct cell *cell;
static double value;
static bool sabotaged;

static void fill(struct pc_node *nodes, int count, double crash, double byz)
{
	for (int i = 0; i < count; i++)
		nodes[i] = (struct pc_node){.crash = crash, .byz = byz, .weight = 1};
}

static int analyse(struct hb_trial *trial, const struct pc_node *nodes, int count,
	const struct pc_protocol *protocol, struct pc_result *ret)
{
	struct hb_error error = {0};

	if (pc_analyse(nodes, (uint32_t)count, protocol, NULL, PC_METRIC_FAILURE, ret, &error))
		return hb_trial_fail(trial, "%s", error.text);
	return 0;
}

static int raft(struct hb_trial *trial, int n, double p, double *ret)
{
	struct pc_protocol protocol = pc_raft_majority((uint64_t)n);
	struct pc_node nodes[NODES_MAX];
	struct pc_result result = {0};
	int err;

	fill(nodes, n, p, 0);
	err = analyse(trial, nodes, n, &protocol, &result);
	*ret = result.unlive;
	return err;
}

static int pbft(struct hb_trial *trial, const struct cell *at, struct pc_result *ret)
{
	uint64_t q = (uint64_t)at->q;
	struct pc_protocol protocol = {.kind = PC_PBFT,
		.votes = (uint64_t)at->n,
		.q_eq = q,
		.q_per = q,
		.q_vc = q,
		.q_vc_t = (uint64_t)at->t,
		.printed_sign = at->kind == PBFT_LIVE_PRINTED};
	struct pc_node nodes[NODES_MAX];

	fill(nodes, at->n, 0, at->p);
	return analyse(trial, nodes, at->n, &protocol, ret);
}

static int compare_pbft(
	struct hb_trial *trial, const struct cell *above, const struct cell *below, bool live)
{
	struct pc_result a = {0}, b = {0};
	int err = pbft(trial, above, &a);

	if (!err)
		err = pbft(trial, below, &b);
	value = live ? a.unlive / b.unlive : a.unsafe / b.unsafe;
	return err;
}

/* The reliable nodes come first: 3@1%, then 4@8%. */
static int compute_swapped(struct hb_trial *trial)
{
	struct pc_protocol protocol = pc_raft_majority(7);
	struct pc_node nodes[NODES_MAX];
	struct pc_result result = {0};
	struct hb_error error = {0};
	int err;

	fill(nodes, 3, 0.01, 0);
	fill(nodes + 3, 4, 0.08, 0);
	if (cell->kind == SWAPPED) {
		err = analyse(trial, nodes, 7, &protocol, &result);
		value = result.unlive;
		return err;
	}
	if (pc_quorum_loss_required(
		    nodes, 7, 3, 1, cell->kind == LOSS_EXACTLY_ONE, 4, &value, &error))
		return hb_trial_fail(trial, "%s", error.text);
	return 0;
}

static int compute_tail(struct hb_trial *trial, int n, double p, int k)
{
	struct hb_error error = {0};
	double q[NODES_MAX];

	for (int i = 0; i < n; i++)
		q[i] = p;
	if (pc_poisson_binomial_tail(q, (uint32_t)n, (uint32_t)k, &value, &error))
		return hb_trial_fail(trial, "%s", error.text);
	return 0;
}

static int compute(struct hb_trial *trial)
{
	struct pc_result result = {0};
	double three = 0;
	int err;

	switch (cell->kind) {
	case RAFT:
		return raft(trial, cell->n, cell->p, &value);
	case PBFT_SAFE:
	case PBFT_LIVE:
	case PBFT_BOTH:
	case PBFT_LIVE_PRINTED:
		err = pbft(trial, cell, &result);
		value = cell->kind == PBFT_SAFE   ? result.unsafe
			: cell->kind == PBFT_BOTH ? result.unsafe_or_unlive
						  : result.unlive;
		return err;
	case RATIO_9_3:
		err = raft(trial, 3, 0.01, &three);
		if (!err)
			err = raft(trial, 9, 0.08, &value);
		value /= three;
		return err;
	case SAVING:
		value = 3 * 10.0 / cell->n;
		return 0;
	case SWAPPED:
	case LOSS_AT_LEAST_ONE:
	case LOSS_EXACTLY_ONE:
		return compute_swapped(trial);
	case PBFT_SAFER:
		return compare_pbft(trial, &cells[0], &cells[3], false);
	case PBFT_LESS_LIVE:
		return compare_pbft(trial, &cells[4], &cells[1], true);
	case PBFT_7_VS_5:
		return compare_pbft(trial, &cells[6], &cells[3], false);
	case COST_7_VS_5:
		value = 7.0 / 5;
		return 0;
	case ALL_FAIL:
		return compute_tail(trial, cell->n, cell->p, cell->n);
	case AT_LEAST:
		return compute_tail(trial, cell->n, cell->p, cell->q);
	}
	return hb_trial_fail(trial, "no such cell");
}

static int setup(struct hb_trial *trial)
{
	const char *name = hb_params_text(hb_trial_params(trial), "cell");

	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		if (strcmp(cells[i].name, name) == 0)
			cell = &cells[i];
	}
	return cell ? 0 : hb_trial_fail(trial, "no cell is called %s", name);
}

/* Digits as an integer and their number after the point, so that 100 - 99.999998 loses nothing. */
static double read_printed(const char *text, bool is_success)
{
	int64_t digits = 0, unit = 1;
	bool after_point = false;

	for (; *text; text++) {
		if (*text == '.') {
			after_point = true;
			continue;
		}
		digits = digits * 10 + (*text - '0');
		unit *= after_point ? 10 : 1;
	}
	if (is_success)
		return (double)(100 * unit - digits) / (double)(100 * unit);
	return (double)digits / (double)unit;
}

static int run_printed(struct hb_trial *trial)
{
	value = read_printed(cell->printed, cell->is_success) * (sabotaged ? 2 : 1);
	hb_trial_metric(trial, "value", value, 1);
	return 0;
}

static int run_exact(struct hb_trial *trial)
{
	int err = compute(trial);

	if (err)
		return err;
	value *= sabotaged ? 1 + 1e-6 : 1;
	hb_trial_metric(trial, "value", value, 1);
	return 0;
}

/* The printed digits come back when the value is turned into a percentage again. */
static int verify_printed(struct hb_trial *trial)
{
	const char *point = strchr(cell->printed, '.');
	int decimals = point ? (int)strlen(point + 1) : 0;
	char text[32];

	(void)snprintf(
		text, sizeof(text), "%.*f", decimals, cell->is_success ? (1 - value) * 100 : value);
	if (strcmp(text, cell->printed) != 0)
		return hb_trial_fail(
			trial, "%s: the paper prints %s, not %s", cell->name, cell->printed, text);
	return 0;
}

static double oracle_pbft_of(const struct cell *at, enum kind kind)
{
	struct oracle_sizes sizes = {.eq = at->q,
		.per = at->q,
		.vc = at->q,
		.vc_t = at->t,
		.printed_sign = kind == PBFT_LIVE_PRINTED};
	double q[ORACLE_NODES_MAX], unsafe, unlive, either;

	for (int i = 0; i < at->n; i++)
		q[i] = at->p;
	oracle_pbft(q, at->n, sizes, &unsafe, &unlive, &either);
	return kind == PBFT_SAFE ? unsafe : kind == PBFT_BOTH ? either : unlive;
}

/* All sets of four that hold the wanted number of the first three nodes: which configurations have one that failed? */
static double oracle_required(bool exactly)
{
	static const double q[] = {0.01, 0.01, 0.01, 0.08, 0.08, 0.08, 0.08};
	long double lost = 0;

	for (uint32_t failed = 0; failed < 128; failed++) {
		int reliable = __builtin_popcount(failed & 7);
		int others = __builtin_popcount(failed >> 3);
		bool is_lost = exactly ? reliable >= 1 && others >= 3
				       : reliable >= 1 && reliable + others >= 4;
		long double p = 1;

		for (int i = 0; i < 7; i++)
			p *= failed >> i & 1 ? (long double)q[i] : 1 - (long double)q[i];
		lost += is_lost ? p : 0;
	}
	return (double)lost;
}

static double truth(void)
{
	switch (cell->kind) {
	case RAFT:
		return oracle_binomial(cell->n, cell->n - cell->n / 2, cell->p);
	case PBFT_SAFE:
	case PBFT_LIVE:
	case PBFT_BOTH:
	case PBFT_LIVE_PRINTED:
		return oracle_pbft_of(cell, cell->kind);
	case RATIO_9_3:
		return oracle_binomial(9, 5, 0.08) / oracle_binomial(3, 2, 0.01);
	case SAVING:
		return 30.0 / cell->n;
	case SWAPPED:
		return oracle_two_classes(3, 0.01, 4, 0.08, 4);
	case LOSS_AT_LEAST_ONE:
	case LOSS_EXACTLY_ONE:
		return oracle_required(cell->kind == LOSS_EXACTLY_ONE);
	case PBFT_SAFER:
		return oracle_pbft_of(&cells[0], PBFT_SAFE) / oracle_pbft_of(&cells[3], PBFT_SAFE);
	case PBFT_LESS_LIVE:
		return oracle_pbft_of(&cells[4], PBFT_LIVE) / oracle_pbft_of(&cells[1], PBFT_LIVE);
	case PBFT_7_VS_5:
		return oracle_pbft_of(&cells[6], PBFT_SAFE) / oracle_pbft_of(&cells[3], PBFT_SAFE);
	case COST_7_VS_5:
		return 1.4;
	case ALL_FAIL:
		return pow(cell->p, cell->n);
	case AT_LEAST:
		return oracle_binomial(cell->n, cell->q, cell->p);
	}
	return NAN;
}

static int verify_exact(struct hb_trial *trial)
{
	double expected = truth();

	if (!(oracle_relative(value, expected) <= 1e-12))
		return hb_trial_fail(trial, "%s: enumeration gives %.17g, the library %.17g",
			cell->name, expected, value);
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 20;
}

#define TABLE_1                                                                    \
	"pbft-4-safe,pbft-4-live,pbft-4-both,pbft-5-safe,pbft-5-live,pbft-5-both," \
	"pbft-7-safe,pbft-7-live,pbft-7-both,pbft-8-safe,pbft-8-live,pbft-8-both"
#define TABLE_2                                                                    \
	"raft-3-1,raft-3-2,raft-3-4,raft-3-8,raft-5-1,raft-5-2,raft-5-4,raft-5-8," \
	"raft-7-1,raft-7-2,raft-7-4,raft-7-8,raft-9-1,raft-9-2,raft-9-4,raft-9-8"
#define TEXT                                                                                 \
	"pbft-4-live-printed-sign,nine-at-8-as-three-at-1,saving-9-nodes,saving-11-nodes,"   \
	"swap-three-live,swap-three-durable,swap-three-durable-exactly-one,pbft-5-safer-60," \
	"pbft-5-safer-42,pbft-5-less-live,pbft-5-safer-than-7,pbft-7-costs-more,"            \
	"random-5-all-fail,hundred-10-faults,hundred-10-all-fail"

static const struct hb_param params[] = {
	{
		.name = "cell",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "which number of the paper: table-nodes-column, or a statement of the text",
		.sweep = TABLE_1 "," TABLE_2 "," TEXT,
		.sweep_quick = "pbft-4-safe,raft-9-1,swap-three-durable",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "value",
		.unit = "1",
		.help = "failure probability, or the ratio that the text states",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	{
		.name = "printed",
		.role = HB_ROLE_BASELINE,
		.help = "what the paper prints",
		.setup = setup,
		.run = run_printed,
		.verify = verify_printed,
		.sabotage = sabotage,
	},
	{
		.name = "exact",
		.role = HB_ROLE_IDEA,
		.help = "libprobcons",
		.setup = setup,
		.run = run_exact,
		.verify = verify_exact,
		.sabotage = sabotage,
	},
	{.name = NULL},
};

/* @printed percent succeed, to within half a unit of the last digit. */
#define SUCCESS(cell_, section_, printed_, half_, text_)                                          \
	{                                                                                         \
		.name = (cell_), .text = (text_), .paper = PROBCONS_PAPER, .section = (section_), \
		.metric = "value", .variant = "exact", .where = "cell=" cell_,                    \
		.lo = ((100 - (printed_)) - (half_)) / (100 - (printed_)),                        \
		.hi = ((100 - (printed_)) + (half_)) / (100 - (printed_)),                        \
	}
/* The exact value lies within @lo_ ... @hi_ times the printed one. */
#define WITHIN(cell_, lo_, hi_, text_)                                                      \
	{                                                                                   \
		.name = (cell_), .text = (text_), .paper = PROBCONS_PAPER, .section = "3",  \
		.metric = "value", .variant = "exact", .where = "cell=" cell_, .lo = (lo_), \
		.hi = (hi_),                                                                \
	}
#define PBFT(n_, what_, printed_, half_)                           \
	SUCCESS("pbft-" #n_ "-" what_, "Table 1", printed_, half_, \
		"PBFT of " #n_ " nodes at 1 % is " what_ " with " #printed_ " %.")
#define RAFT_CELL(n_, p_, printed_, half_)                       \
	SUCCESS("raft-" #n_ "-" #p_, "Table 2", printed_, half_, \
		"Raft of " #n_ " nodes at " #p_ " % is safe and live with " #printed_ " %.")

static const struct hb_claim claims[] = {
	PBFT(4, "safe", 99.94, 0.005),
	PBFT(4, "live", 99.94, 0.005),
	PBFT(4, "both", 99.94, 0.005),
	PBFT(5, "safe", 99.9990, 0.00005),
	PBFT(5, "live", 99.90, 0.005),
	PBFT(5, "both", 99.90, 0.005),
	PBFT(7, "safe", 99.997, 0.0005),
	PBFT(7, "live", 99.997, 0.0005),
	PBFT(7, "both", 99.997, 0.0005),
	PBFT(8, "safe", 99.99993, 0.000005),
	PBFT(8, "live", 99.995, 0.0005),
	PBFT(8, "both", 99.995, 0.0005),
	RAFT_CELL(3, 1, 99.97, 0.005),
	RAFT_CELL(3, 2, 99.88, 0.005),
	RAFT_CELL(3, 4, 99.53, 0.005),
	RAFT_CELL(3, 8, 98.18, 0.005),
	RAFT_CELL(5, 1, 99.9990, 0.00005),
	RAFT_CELL(5, 2, 99.992, 0.0005),
	RAFT_CELL(5, 4, 99.94, 0.005),
	RAFT_CELL(5, 8, 99.55, 0.005),
	RAFT_CELL(7, 1, 99.99997, 0.000005),
	RAFT_CELL(7, 2, 99.9995, 0.00005),
	RAFT_CELL(7, 4, 99.992, 0.0005),
	RAFT_CELL(7, 8, 99.88, 0.005),
	RAFT_CELL(9, 1, 99.999998, 0.0000005),
	RAFT_CELL(9, 2, 99.99996, 0.000005),
	RAFT_CELL(9, 4, 99.9988, 0.00005),
	RAFT_CELL(9, 8, 99.97, 0.005),
	SUCCESS("pbft-4-live-printed-sign", "3", 99.94, 0.005,
		"Liveness by the inequality that Theorem 3.1 prints gives Table 1 (4 nodes)."),
	WITHIN("nine-at-8-as-three-at-1", 0.995, 1.005,
		"Nine nodes at 8 % are as reliable as three at 1 %."),
	WITHIN("saving-9-nodes", 2.5 / 3, 3.5 / 3,
		"Nodes ten times cheaper save a factor of 3: nine of them instead of three."),
	WITHIN("saving-11-nodes", 2.5 / 3, 3.5 / 3,
		"The same, with the eleven nodes that it takes to be no less reliable."),
	SUCCESS("swap-three-live", "3", 99.98, 0.005,
		"Seven nodes at 8 % with three swapped for 1 % are safe and live with 99.98 %."),
	SUCCESS("swap-three-durable", "3", 99.994, 0.0005,
		"Quorums with at least one of the reliable nodes are durable with 99.994 %."),
	SUCCESS("swap-three-durable-exactly-one", "3", 99.994, 0.0005,
		"The same for quorums of exactly one reliable and three other nodes."),
	WITHIN("pbft-5-safer-60", 59.5 / 60, 60.5 / 60,
		"PBFT of five nodes is up to 60 times safer than of four (at 1 %)."),
	WITHIN("pbft-5-safer-42", 41.5 / 42, 42.5 / 42,
		"PBFT of five nodes is 42 times safer than of four (at 1 %)."),
	WITHIN("pbft-5-less-live", 1.665 / 1.67, 1.675 / 1.67,
		"It is 1.67 times less live (at 1 %)."),
	WITHIN("pbft-5-safer-than-7", 1, INFINITY, "Five nodes are safer than seven."),
	WITHIN("pbft-7-costs-more", 0.99, 1.01, "Seven nodes cost 40 % more than five."),
	WITHIN("random-5-all-fail", 0.95, 1.05,
		"Five nodes at 1 % hold a correct one with ten nines."),
	WITHIN("hundred-10-faults", 0.99, 1.01,
		"Of 100 nodes at 10 %, ten or more fail with 50 %."),
	WITHIN("hundred-10-all-fail", 0.95, 1.05,
		"A commit on one quorum of ten of them is lost with 1e-10."),
	{.name = NULL},
};

const struct hb_experiment probcons_tables = {
	.name = "tables",
	.question = "Which numbers that the paper prints hold?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "cell", .metric = "value", .log_y = true},
	.blocks = 1,
	.unseeded = true,
	.quiet = true,
	.trial_ms = trial_ms,
};
