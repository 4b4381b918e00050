/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node_types.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>

#include <probcons/mission.h>
#include <probcons/node_list.h>

#include "fleet.h"
#include "table_text.h"

#define FAULT_BYTES 256

static int check_name(
	const struct node_types *types, const char *name, size_t length, struct hb_error *reterr)
{
	if (length == 0 || length >= TYPE_NAME_BYTES)
		return hb_error_set(reterr, -EINVAL,
			"a type's name has 1 to %d characters, '%.*s' has %zu", TYPE_NAME_BYTES - 1,
			(int)length, name, length);
	if (types->count == PC_OPTIMISE_TYPES_MAX)
		return hb_error_set(
			reterr, -EINVAL, "more than %d node types", PC_OPTIMISE_TYPES_MAX);
	for (uint32_t t = 0; t < types->count; t++) {
		if (strlen(types->names[t]) == length && !memcmp(types->names[t], name, length))
			return hb_error_set(
				reterr, -EINVAL, "type '%.*s' is listed twice", (int)length, name);
	}
	return 0;
}

/* `1%`, `4%+0.01%` or `curve~age`, as in node lists, into probabilities of the mission. */
static int read_fault(const struct node_types *types, const char *text, size_t length,
	struct pc_node_type *ret, struct hb_error *reterr)
{
	struct pc_node_list list = {0};
	struct pc_node *node = NULL;
	char item[FAULT_BYTES];
	bool single = !memchr(text, '+', length);
	int err;

	if (length == 0 || length > FAULT_BYTES - 3)
		return hb_error_set(reterr, -EINVAL, "a type needs a fault probability or curve");
	(void)snprintf(item, sizeof(item), "1@%.*s", (int)length, text);
	if (strpbrk(item, ",*"))
		return hb_error_set(reterr, -EINVAL,
			"'%.*s' is no fault probability or curve; write 1%%, 4%%+0.01%% or "
			"NAME~AGE",
			(int)length, text);
	err = pc_node_list_parse(item, strlen(item), types->known_curves, &list, reterr);
	if (err)
		return err;
	if (list.items[0].curve && !(types->mission_hours > 0))
		err = hb_error_set(reterr, -EINVAL,
			"types with a fault curve need --mission TIME, the window to look at");
	single = single && !list.items[0].curve;
	if (!err)
		err = pc_mission_nodes(
			&list, types->mission_hours > 0 ? types->mission_hours : 1, &node, reterr);
	if (!err) {
		ret->crash = single && types->single_is_byz ? 0 : node->crash;
		ret->byz = single && types->single_is_byz ? node->crash : node->byz;
	}
	free(node);
	pc_node_list_finish(&list);
	return err;
}

static int read_cost(const char *text, double *ret, struct hb_error *reterr)
{
	if (hb_csv_parse_double(text, ret) || !(*ret >= 0 && *ret <= PC_OPTIMISE_COST_MAX))
		return hb_error_set(reterr, -EINVAL, "cost '%.64s' is no number from 0 to %g", text,
			PC_OPTIMISE_COST_MAX);
	return 0;
}

static int read_count(const char *what, const char *text, uint32_t *ret, struct hb_error *reterr)
{
	uint64_t value;

	if (hb_csv_parse_u64(text, &value) || value > UINT32_MAX)
		return hb_error_set(
			reterr, -EINVAL, "%s '%.64s' is no whole number from 0 on", what, text);
	*ret = (uint32_t)value;
	return 0;
}

/* One type of the list: NAME=FAULT:COST[:MAX]. */
static int parse_item(
	struct node_types *types, const char *text, size_t length, struct hb_error *reterr)
{
	struct pc_node_type type = {.count_max = PC_OPTIMISE_NODES_MAX};
	const char *equals = memchr(text, '=', length);
	const char *end = text + length, *fault, *colon, *second;
	char number[FAULT_BYTES];
	int err;

	colon = equals ? memchr(equals, ':', (size_t)(end - equals)) : NULL;
	if (!colon)
		return hb_error_set(
			reterr, -EINVAL, "'%.*s' is not NAME=FAULT:COST[:MAX]", (int)length, text);
	fault = equals + 1;
	second = memchr(colon + 1, ':', (size_t)(end - colon - 1));
	err = check_name(types, text, (size_t)(equals - text), reterr);
	if (!err)
		err = read_fault(types, fault, (size_t)(colon - fault), &type, reterr);
	if (err)
		return err;
	(void)snprintf(number, sizeof(number), "%.*s", (int)((second ? second : end) - colon - 1),
		colon + 1);
	err = read_cost(number, &type.cost, reterr);
	if (!err && second) {
		(void)snprintf(number, sizeof(number), "%.*s", (int)(end - second - 1), second + 1);
		err = read_count("count", number, &type.count_max, reterr);
	}
	if (err)
		return err;
	(void)snprintf(
		types->names[types->count], TYPE_NAME_BYTES, "%.*s", (int)(equals - text), text);
	types->types[types->count++] = type;
	return 0;
}

static int parse_list(struct node_types *types, const char *text, struct hb_error *reterr)
{
	int err = 0;

	while (!err) {
		size_t length;

		text += strspn(text, " \t");
		length = strcspn(text, ",");
		err = parse_item(types, text, length, reterr);
		if (text[length] == '\0')
			break;
		text += length + 1;
	}
	return err;
}

static int on_row(const struct table_row *row, void *user, struct hb_error *reterr)
{
	struct node_types *types = user;
	struct pc_node_type type = {.count_max = PC_OPTIMISE_NODES_MAX};
	const char *const *fields = row->fields;
	struct hb_error why = {0};
	int err = check_name(types, fields[0], strlen(fields[0]), &why);

	if (!err)
		err = read_fault(types, fields[1], strlen(fields[1]), &type, &why);
	if (!err)
		err = read_cost(fields[2], &type.cost, &why);
	if (!err && fields[3][0])
		err = read_count("min", fields[3], &type.count_min, &why);
	if (!err && fields[4][0])
		err = read_count("max", fields[4], &type.count_max, &why);
	if (!err && type.count_min > type.count_max)
		err = hb_error_set(&why, -EINVAL, "min %" PRIu32 " is above max %" PRIu32,
			type.count_min, type.count_max);
	if (err)
		return hb_error_set_at(reterr, -EBADMSG, row->path, row->line, "%s", why.text);
	(void)snprintf(types->names[types->count], TYPE_NAME_BYTES, "%s", fields[0]);
	types->types[types->count++] = type;
	return 0;
}

static int read_file(struct node_types *types, const char *path, struct hb_error *reterr)
{
	static const char *const names[] = {"type", "fault", "cost", "min", "max"};
	static const struct table_columns columns = {.names = names, .count = 5, .required = 3};
	size_t length = 0;
	char *text = NULL;
	int err = table_text_load(path, &text, &length, reterr);

	if (!err)
		err = table_text_parse(text, length, path, &columns, on_row, types, reterr);
	free(text);
	return err;
}

/* A fleet that is given: every run of equal nodes is a type of which all are used. */
static int read_nodes(
	const struct arguments *arguments, struct node_types *types, struct hb_error *reterr)
{
	struct arguments bare = *arguments;
	struct fleet fleet = {0};
	int err;

	/* The optimiser splits off the common part itself; groups and copula come in when its answer is verified. */
	bare.values[OPT_BETA] = bare.values[OPT_GROUPS] = bare.values[OPT_COPULA] = NULL;
	err = fleet_build(&bare, &fleet, reterr);
	if (!err && fleet.count > PC_OPTIMISE_NODES_MAX)
		err = hb_error_set(reterr, -E2BIG,
			"%" PRIu32 " nodes; votes are chosen for at most %d", fleet.count,
			PC_OPTIMISE_NODES_MAX);
	for (uint32_t i = 0; i < fleet.count && !err; i++) {
		const struct pc_node *node = &fleet.nodes[i];
		struct pc_node_type *type;
		uint32_t t = 0;

		while (t < types->count &&
			(types->types[t].crash != node->crash || types->types[t].byz != node->byz))
			t++;
		if (node->weight != 1) {
			err = hb_error_set(reterr, -EINVAL,
				"--nodes: votes are chosen here; leave out *%" PRIu32,
				node->weight);
			break;
		}
		if (t == PC_OPTIMISE_TYPES_MAX) {
			err = hb_error_set(reterr, -E2BIG, "more than %d different nodes",
				PC_OPTIMISE_TYPES_MAX);
			break;
		}
		type = &types->types[t];
		if (t == types->count) {
			*type = (struct pc_node_type){.crash = node->crash, .byz = node->byz};
			(void)describe_fault(node, types->names[t], TYPE_NAME_BYTES);
			types->count++;
		}
		type->count_min = ++type->count_max;
		types->type_of_node[i] = t;
	}
	types->is_fixed = true;
	fleet_finish(&fleet);
	return err;
}

int node_types_read(
	const struct arguments *arguments, struct node_types *types, struct hb_error *reterr)
{
	const char *list = arguments->values[OPT_TYPES], *file = arguments->values[OPT_TYPES_FILE];
	const char *nodes = arguments->values[OPT_NODES], *kind = arguments->values[OPT_FAULTS];
	int err;

	if (!!list + !!file + !!nodes != 1)
		return hb_error_set(reterr, -EINVAL,
			"give one of --types, --types-file (what may be bought) or --nodes (what "
			"there is)");
	if (nodes && (arguments->values[OPT_MIN_NODES] || arguments->values[OPT_MAX_NODES]))
		return hb_error_set(reterr, -EINVAL,
			"--min-nodes and --max-nodes are for --types; all of --nodes are used");
	if (nodes)
		return read_nodes(arguments, types, reterr);
	if (arguments->values[OPT_CRASH] || arguments->values[OPT_BYZ])
		return hb_error_set(reterr, -EINVAL,
			"--crash and --byz are for --nodes; every type has its own probability");
	if (kind && strcmp(kind, "crash") != 0 && strcmp(kind, "byz") != 0)
		return hb_error_set(
			reterr, -EINVAL, "--faults: '%.64s' is neither crash nor byz", kind);
	types->single_is_byz = kind ? strcmp(kind, "byz") == 0 : arguments->protocol == PC_PBFT;
	err = option_duration(arguments, OPT_MISSION, &types->mission_hours, reterr);
	if (!err && arguments->values[OPT_CURVES]) {
		err = pc_curve_file_read(arguments->values[OPT_CURVES], &types->curves, reterr);
		types->known_curves = &types->curves;
	}
	if (err)
		return err;
	if (file)
		return read_file(types, file, reterr);
	err = parse_list(types, list, reterr);
	if (err)
		(void)hb_error_wrap(reterr, "--types");
	return err;
}

void node_types_finish(struct node_types *types)
{
	pc_curve_file_finish(&types->curves);
}
