/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fleet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/json_out.h>

#include <probcons/copula.h>
#include <probcons/groups.h>
#include <probcons/mission.h>

const char *protocol_name(enum pc_protocol_kind kind)
{
	return kind == PC_RAFT ? "raft" : "pbft";
}

static int read_list(
	const struct arguments *arguments, struct fleet *fleet, struct hb_error *reterr)
{
	const char *text = arguments->values[OPT_NODES];
	bool has_default = arguments->values[OPT_CRASH] || arguments->values[OPT_BYZ];
	double crash = 0, byz = 0;
	int err = option_required(arguments, OPT_NODES, reterr);

	if (!err && arguments->values[OPT_CURVES])
		err = pc_curve_file_read(arguments->values[OPT_CURVES], &fleet->curves, reterr);
	if (err)
		return err;
	err = pc_node_list_parse(text, strlen(text),
		arguments->values[OPT_CURVES] ? &fleet->curves : NULL, &fleet->list, reterr);
	if (err) {
		(void)hb_error_wrap(reterr, "--nodes");
		return err;
	}
	err = option_probability(arguments, OPT_CRASH, &crash, reterr);
	if (!err)
		err = option_probability(arguments, OPT_BYZ, &byz, reterr);
	if (!err && crash + byz > 1)
		err = hb_error_set(reterr, -EINVAL, "--crash %g and --byz %g add up to more than 1",
			crash, byz);
	for (uint32_t i = 0; i < fleet->list.item_count && !err; i++) {
		struct pc_node_item *item = &fleet->list.items[i];

		if (item->has_fault && has_default)
			err = hb_error_set(reterr, -EINVAL,
				"--crash and --byz are for nodes listed without a probability; "
				"item %" PRIu32 " of --nodes has one",
				i + 1);
		if (item->has_fault)
			continue;
		if (!has_default)
			err = hb_error_set(reterr, -EINVAL,
				"item %" PRIu32 " of --nodes has no fault probability; write "
				"3@1%%, or give --crash "
				"or --byz",
				i + 1);
		item->has_fault = true;
		item->crash = crash;
		item->byz = byz;
	}
	return err;
}

/* What a single probability means: crashes for Raft; for PBFT, as in the paper, Byzantine faults. */
static int apply_fault_kind(
	const struct arguments *arguments, struct fleet *fleet, struct hb_error *reterr)
{
	const char *kind = arguments->values[OPT_FAULTS];
	bool is_byz = arguments->protocol == PC_PBFT;

	if (kind && strcmp(kind, "crash") != 0 && strcmp(kind, "byz") != 0)
		return hb_error_set(
			reterr, -EINVAL, "--faults: '%.64s' is neither crash nor byz", kind);
	if (kind)
		is_byz = strcmp(kind, "byz") == 0;
	/* A list that names both kinds, or options that do, leave nothing to decide. */
	if (!is_byz || strchr(arguments->values[OPT_NODES], '+') || arguments->values[OPT_BYZ] ||
		arguments->values[OPT_CRASH])
		return 0;
	for (uint32_t i = 0; i < fleet->list.item_count; i++) {
		struct pc_node_item *item = &fleet->list.items[i];

		if (item->curve)
			continue;
		item->byz = item->crash;
		item->crash = 0;
	}
	return 0;
}

static int make_nodes(
	const struct arguments *arguments, struct fleet *fleet, struct hb_error *reterr)
{
	const char *weights = arguments->values[OPT_WEIGHTS];
	double window_hours = 1;
	uint32_t *votes;
	int err;

	for (uint32_t i = 0; i < fleet->list.item_count; i++) {
		if (fleet->list.items[i].curve && !arguments->values[OPT_MISSION])
			return hb_error_set(reterr, -EINVAL,
				"nodes with a fault curve need --mission TIME, the window to look "
				"at");
	}
	if (fleet->mission_hours > 0)
		window_hours = fleet->mission_hours;
	err = pc_mission_nodes(&fleet->list, window_hours, &fleet->nodes, reterr);
	if (err)
		return err;
	fleet->count = fleet->list.node_count;
	if (!weights)
		return 0;
	votes = calloc(fleet->count, sizeof(*votes));
	if (!votes)
		return hb_error_set(
			reterr, -ENOMEM, "no memory for %" PRIu32 " weights", fleet->count);
	err = pc_weight_list_parse(weights, strlen(weights), votes, fleet->count, reterr);
	if (err)
		(void)hb_error_wrap(reterr, "--weights");
	for (uint32_t i = 0; i < fleet->count && !err; i++)
		fleet->nodes[i].weight = votes[i];
	free(votes);
	return err;
}

static int choose_quorums(
	const struct arguments *arguments, struct fleet *fleet, struct hb_error *reterr)
{
	uint64_t votes = pc_nodes_weight(fleet->nodes, fleet->count);
	bool is_pbft = arguments->protocol == PC_PBFT;
	struct pc_protocol *protocol = &fleet->protocol;
	int err = pc_nodes_check(fleet->nodes, fleet->count, reterr);

	if (err)
		return err;
	*protocol = is_pbft ? pc_pbft_classic(votes) : pc_raft_majority(votes);
	if (!is_pbft && (arguments->values[OPT_Q_EQ] || arguments->values[OPT_Q_VC_T] ||
				arguments->values[OPT_PRINTED_SIGN]))
		return hb_error_set(reterr, -EINVAL,
			"--q-eq, --q-vc-t and --printed-sign belong to pbft; raft has --q-per and "
			"--q-vc");
	err = option_u64(arguments, OPT_Q_PER, 1, votes, &protocol->q_per, reterr);
	if (!err)
		err = option_u64(arguments, OPT_Q_VC, 1, votes, &protocol->q_vc, reterr);
	if (!err)
		err = option_u64(arguments, OPT_Q_EQ, 1, votes, &protocol->q_eq, reterr);
	if (!err)
		err = option_u64(arguments, OPT_Q_VC_T, 1, votes, &protocol->q_vc_t, reterr);
	if (err) {
		(void)hb_error_wrap(reterr, "the fleet has %" PRIu64 " votes", votes);
		return err;
	}
	protocol->printed_sign = arguments->values[OPT_PRINTED_SIGN] != NULL;
	return pc_protocol_check(protocol, reterr);
}

static int apply_beta(
	const struct arguments *arguments, struct fleet *fleet, struct hb_error *reterr)
{
	bool can_crash = false;
	double beta = 0;
	int err = option_probability(arguments, OPT_BETA, &beta, reterr);

	if (err || beta == 0)
		return err;
	for (uint32_t i = 0; i < fleet->count; i++)
		can_crash |= fleet->nodes[i].crash > 0;
	if (!can_crash)
		return hb_error_set(reterr, -EINVAL,
			"--beta is a share of crash faults and no node crashes; use --faults "
			"crash, or "
			"--groups for a Byzantine common cause");
	return pc_beta_factor(fleet->nodes, fleet->count, beta, &fleet->shocks, reterr);
}

/* Names of the shocks, in the order of their text; those of beta come first. */
static int name_shocks(struct fleet *fleet, uint32_t beta_count, const char *groups)
{
	fleet->shock_names = calloc(fleet->shocks.count + 1UL, sizeof(*fleet->shock_names));
	if (!fleet->shock_names)
		return -ENOMEM;
	for (uint32_t s = 0; s < fleet->shocks.count; s++) {
		char *name = NULL;

		if (s < beta_count) {
			if (asprintf(&name, "common cause %" PRIu32, s + 1) < 0)
				return -ENOMEM;
		} else {
			groups += strspn(groups, "; \t");
			name = strndup(groups, strcspn(groups, "= \t"));
			groups += strcspn(groups, ";");
			if (!name)
				return -ENOMEM;
		}
		fleet->shock_names[s] = name;
	}
	return 0;
}

int fleet_correlate(const struct arguments *arguments, struct fleet *fleet, struct hb_error *reterr)
{
	const char *groups = arguments->values[OPT_GROUPS], *copula = arguments->values[OPT_COPULA];
	struct pc_shock_set named = {0};
	uint32_t beta_count;
	int err = apply_beta(arguments, fleet, reterr);

	beta_count = fleet->shocks.count;
	if (!err && groups) {
		err = pc_groups_parse(groups, fleet->count, &named, reterr);
		if (err)
			(void)hb_error_wrap(reterr, "--groups");
	}
	if (!err && named.count > 0)
		err = pc_shock_set_append(&fleet->shocks, &named);
	pc_shock_set_finish(&named);
	if (!err && copula) {
		err = pc_copula_parse(copula, &fleet->correlation.copula, reterr);
		if (err)
			(void)hb_error_wrap(reterr, "--copula");
	}
	if (err)
		return err;
	err = name_shocks(fleet, beta_count, groups ? groups : "");
	if (err)
		return hb_error_set(reterr, err, "no memory for the names of shocks");
	fleet->correlation.shocks = fleet->shocks.shocks;
	fleet->correlation.shock_count = fleet->shocks.count;
	fleet->is_correlated =
		fleet->shocks.count > 0 || fleet->correlation.copula.kind != PC_COPULA_NONE;
	return 0;
}

int fleet_build(const struct arguments *arguments, struct fleet *fleet, struct hb_error *reterr)
{
	int err = option_duration(arguments, OPT_MISSION, &fleet->mission_hours, reterr);

	if (!err && arguments->values[OPT_MISSION] && !(fleet->mission_hours > 0))
		err = hb_error_set(reterr, -EINVAL, "--mission: a window must be longer than 0");
	if (!err)
		err = read_list(arguments, fleet, reterr);
	if (!err)
		err = apply_fault_kind(arguments, fleet, reterr);
	if (!err)
		err = make_nodes(arguments, fleet, reterr);
	if (!err)
		err = choose_quorums(arguments, fleet, reterr);
	return err ? err : fleet_correlate(arguments, fleet, reterr);
}

void fleet_finish(struct fleet *fleet)
{
	for (uint32_t s = 0; fleet->shock_names && s < fleet->shocks.count; s++)
		free(fleet->shock_names[s]);
	free(fleet->shock_names);
	pc_shock_set_finish(&fleet->shocks);
	free(fleet->nodes);
	pc_node_list_finish(&fleet->list);
	pc_curve_file_finish(&fleet->curves);
}

const struct pc_correlation *fleet_correlation(const struct fleet *fleet)
{
	return fleet->is_correlated ? &fleet->correlation : NULL;
}

void json_quorums(struct hb_json_out *out, const struct pc_protocol *protocol)
{
	hb_json_open(out, "quorums", '{');
	hb_json_put_u64(out, "votes", protocol->votes);
	if (protocol->kind == PC_PBFT)
		hb_json_put_u64(out, "q_eq", protocol->q_eq);
	hb_json_put_u64(out, "q_per", protocol->q_per);
	hb_json_put_u64(out, "q_vc", protocol->q_vc);
	if (protocol->kind == PC_PBFT)
		hb_json_put_u64(out, "q_vc_t", protocol->q_vc_t);
	hb_json_put_bool(out, "intersect", pc_protocol_intersects(protocol));
	hb_json_close(out, '}');
}

void print_quorums(const struct pc_protocol *protocol)
{
	(void)printf("quorums    ");
	if (protocol->kind == PC_PBFT)
		(void)printf("q_eq %" PRIu64 ", ", protocol->q_eq);
	(void)printf("q_per %" PRIu64 ", q_vc %" PRIu64, protocol->q_per, protocol->q_vc);
	if (protocol->kind == PC_PBFT)
		(void)printf(", q_vc_t %" PRIu64, protocol->q_vc_t);
	(void)printf(" of %" PRIu64 " votes%s\n", protocol->votes,
		pc_protocol_intersects(protocol) ? "" : " (need not intersect: unsafe)");
}

char *describe_fault(const struct pc_node *node, char *buffer, size_t size_bytes)
{
	if (node->byz == 0)
		(void)snprintf(buffer, size_bytes, "%.6g%%", node->crash * 100);
	else
		(void)snprintf(
			buffer, size_bytes, "%.6g%%+%.6g%%", node->crash * 100, node->byz * 100);
	return buffer;
}
