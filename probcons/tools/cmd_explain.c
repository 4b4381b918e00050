/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probcons explain: the likeliest failure sets, and what to improve first. */
#include <inttypes.h>
#include <stdio.h>

#include <hotbed/error.h>
#include <hotbed/json_out.h>

#include <probcons/explain.h>

#include "event.h"
#include "fleet.h"

#define TEXT_BYTES 64

static void json_importance(struct hb_json_out *out, const struct pc_importance *importance)
{
	hb_json_put_number(out, "birnbaum", importance->birnbaum);
	hb_json_put_number(out, "criticality", importance->criticality);
	hb_json_put_number(out, "involved", importance->involved);
	hb_json_put_number(out, "if_perfect", importance->if_perfect);
	hb_json_put_number(out, "if_halved", importance->if_class_halved);
}

static void json_set(struct hb_json_out *out, const struct fleet *fleet,
	const struct pc_explanation *explanation, const struct pc_failure_set *set)
{
	hb_json_open(out, NULL, '{');
	hb_json_put_number(out, "probability", set->probability);
	hb_json_put_number(out, "alike", set->alike);
	hb_json_put_bool(out, "byzantine", set->byzantine);
	hb_json_open(out, "nodes", '[');
	for (uint32_t c = 0; c < explanation->class_count; c++) {
		if (set->takes[c] == 0)
			continue;
		hb_json_open(out, NULL, '{');
		hb_json_put_u64(out, "class", c + 1);
		hb_json_put_u64(out, "count", set->takes[c]);
		hb_json_close(out, '}');
	}
	hb_json_close(out, ']');
	hb_json_open(out, "shocks", '[');
	for (uint32_t s = 0; s < set->shock_count; s++)
		hb_json_put_text(out, NULL, fleet->shock_names[set->shocks[s]]);
	hb_json_close(out, ']');
	hb_json_close(out, '}');
}

static void print_json(
	const struct fleet *fleet, enum pc_event event, const struct pc_explanation *explanation)
{
	struct hb_json_out out = {.stream = stdout};

	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "probcons.explain/1");
	hb_json_put_text(&out, "protocol", protocol_name(fleet->protocol.kind));
	hb_json_put_u64(&out, "n", fleet->count);
	json_quorums(&out, &fleet->protocol);
	hb_json_put_text(&out, "event", event_names[event]);
	hb_json_put_number(&out, "q", explanation->q);
	hb_json_open(&out, "classes", '[');
	for (uint32_t c = 0; c < explanation->class_count; c++) {
		const struct pc_node_class *class = &explanation->classes[c];

		hb_json_open(&out, NULL, '{');
		hb_json_put_u64(&out, "class", c + 1);
		hb_json_put_u64(&out, "first_node", class->first + 1);
		hb_json_put_u64(&out, "count", class->count);
		hb_json_put_number(&out, "crash", class->node.crash);
		hb_json_put_number(&out, "byz", class->node.byz);
		hb_json_put_u64(&out, "weight", class->node.weight);
		json_importance(&out, &explanation->class_importance[c]);
		hb_json_close(&out, '}');
	}
	hb_json_close(&out, ']');
	hb_json_open(&out, "shocks", '[');
	for (uint32_t s = 0; s < explanation->shock_count; s++) {
		hb_json_open(&out, NULL, '{');
		hb_json_put_text(&out, "shock", fleet->shock_names[s]);
		hb_json_put_number(&out, "probability", fleet->shocks.shocks[s].probability);
		json_importance(&out, &explanation->shock_importance[s]);
		hb_json_close(&out, '}');
	}
	hb_json_close(&out, ']');
	hb_json_open(&out, "sets", '[');
	for (uint32_t i = 0; i < explanation->set_count; i++)
		json_set(&out, fleet, explanation, &explanation->sets[i]);
	hb_json_close(&out, ']');
	hb_json_put_bool(&out, "more_sets", explanation->sets_cut);
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

/* Classes may differ only in the shocks that strike them: then the first node's number tells them apart. */
static char *name_class(
	const struct pc_explanation *explanation, uint32_t c, char *buffer, size_t size_bytes)
{
	const struct pc_node_class *class = &explanation->classes[c];
	char fault[TEXT_BYTES], votes[TEXT_BYTES] = "", from[TEXT_BYTES] = "";

	if (class->node.weight != 1)
		(void)snprintf(votes, sizeof(votes), " (%" PRIu32 " votes)", class->node.weight);
	for (uint32_t other = 0; other < explanation->class_count; other++) {
		const struct pc_node *node = &explanation->classes[other].node;

		if (other != c && node->crash == class->node.crash &&
			node->byz == class->node.byz && node->weight == class->node.weight)
			(void)snprintf(from, sizeof(from), " from node %" PRIu32, class->first + 1);
	}
	(void)snprintf(buffer, size_bytes, "%s%s%s",
		describe_fault(&class->node, fault, sizeof(fault)), votes, from);
	return buffer;
}

static void print_set(const struct fleet *fleet, const struct pc_explanation *explanation,
	const struct pc_failure_set *set)
{
	const char *separator = "";
	char name[4 * TEXT_BYTES];

	(void)printf("  %-12.5g", set->probability);
	if (set->alike > 1)
		(void)printf(" x %-8.15g ", set->alike);
	else
		(void)printf("%12s", "");
	for (uint32_t s = 0; s < set->shock_count; s++) {
		(void)printf("%s%s", separator, fleet->shock_names[set->shocks[s]]);
		separator = ", ";
	}
	for (uint32_t c = 0; c < explanation->class_count; c++) {
		if (set->takes[c] == 0)
			continue;
		(void)printf("%s%" PRIu32 " of %" PRIu32 " at %s", separator, set->takes[c],
			explanation->classes[c].count,
			name_class(explanation, c, name, sizeof(name)));
		separator = ", ";
	}
	(void)printf("%s\n", set->byzantine ? " (Byzantine)" : "");
}

static void print_first(const struct fleet *fleet, const struct pc_explanation *explanation)
{
	uint32_t c = explanation->first_class, s = explanation->first_shock;
	double node = c == UINT32_MAX ? 0 : explanation->class_importance[c].criticality;
	double shock = s == UINT32_MAX ? 0 : explanation->shock_importance[s].criticality;
	char name[4 * TEXT_BYTES];

	if (node == 0 && shock == 0)
		return;
	(void)printf("\nimprove first: ");
	if (shock > node) {
		(void)printf("%s (half as likely: %.5g)\n", fleet->shock_names[s],
			explanation->shock_importance[s].if_class_halved);
		return;
	}
	(void)printf("a node at %s (perfect: %.5g; all %" PRIu32 " of them half as likely: %.5g)\n",
		name_class(explanation, c, name, sizeof(name)),
		explanation->class_importance[c].if_perfect, explanation->classes[c].count,
		explanation->class_importance[c].if_class_halved);
}

static void print_text(
	const struct fleet *fleet, enum pc_event event, const struct pc_explanation *explanation)
{
	(void)printf("%s %s with probability %.6g, %" PRIu32 " nodes\n",
		protocol_name(fleet->protocol.kind), event_names[event], explanation->q,
		fleet->count);
	print_quorums(&fleet->protocol);
	(void)printf(
		"\nlikeliest failure sets%s\n", explanation->sets_cut ? " (there are more)" : "");
	for (uint32_t i = 0; i < explanation->set_count; i++)
		print_set(fleet, explanation, &explanation->sets[i]);
	(void)printf("\n%-26s %-12s %-12s %-12s %s\n", "component", "criticality", "involved",
		"if perfect", "if halved");
	for (uint32_t c = 0; c < explanation->class_count; c++) {
		const struct pc_importance *importance = &explanation->class_importance[c];
		char class_name[4 * TEXT_BYTES], name[5 * TEXT_BYTES];

		(void)snprintf(name, sizeof(name), "one of %" PRIu32 " at %s",
			explanation->classes[c].count,
			name_class(explanation, c, class_name, sizeof(class_name)));
		(void)printf("%-26s %-12.5g %-12.5g %-12.5g %.5g\n", name, importance->criticality,
			importance->involved, importance->if_perfect, importance->if_class_halved);
	}
	for (uint32_t s = 0; s < explanation->shock_count; s++) {
		const struct pc_importance *importance = &explanation->shock_importance[s];

		(void)printf("%-26s %-12.5g %-12.5g %-12.5g %.5g\n", fleet->shock_names[s],
			importance->criticality, importance->involved, importance->if_perfect,
			importance->if_class_halved);
	}
	print_first(fleet, explanation);
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	struct fleet fleet = {0};
	struct pc_explanation explanation = {0};
	struct pc_rare_problem problem = {.event = PC_EVENT_EITHER};
	uint64_t top = 10;
	int err = fleet_build(arguments, &fleet, reterr);

	if (!err)
		err = event_read(arguments, &problem.event, reterr);
	if (!err)
		err = option_u64(arguments, OPT_TOP, 0, PC_FAILURE_SETS_MAX, &top, reterr);
	problem.nodes = fleet.nodes;
	problem.count = fleet.count;
	problem.protocol = &fleet.protocol;
	problem.correlation = fleet_correlation(&fleet);
	if (!err)
		err = pc_explain(&problem, (uint32_t)top, &explanation, reterr);
	if (!err && arguments->json)
		print_json(&fleet, problem.event, &explanation);
	else if (!err)
		print_text(&fleet, problem.event, &explanation);
	pc_explanation_finish(&explanation);
	fleet_finish(&fleet);
	return err;
}

const struct command command_explain = {
	.name = "explain",
	.help = "why a fleet fails: the likeliest failure sets, and what to improve first",
	.takes_protocol = true,
	.options = FLEET_OPTIONS "event top",
	.run = run,
};
