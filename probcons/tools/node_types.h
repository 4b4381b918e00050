/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What optimize may choose from: `--types NAME=FAULT:COST[:MAX],...`, a CSV file with the columns type, fault, cost and
 * perhaps min and max, or a fleet that is given (`--nodes`), of which all nodes are used.
 */
#ifndef PROBCONS_NODE_TYPES_H
#define PROBCONS_NODE_TYPES_H

#include <stdint.h>

#include <probcons/curve_file.h>
#include <probcons/optimise.h>

#include "command.h"

#define TYPE_NAME_BYTES 64

/* Zero-initialise; node_types_finish(). */
struct node_types {
	struct pc_node_type types[PC_OPTIMISE_TYPES_MAX];
	char names[PC_OPTIMISE_TYPES_MAX][TYPE_NAME_BYTES];
	uint32_t count;
	bool is_fixed;                                /* from --nodes */
	uint32_t type_of_node[PC_OPTIMISE_NODES_MAX]; /* in the order of --nodes */
	struct pc_curve_file curves;
	const struct pc_curve_file *known_curves; /* NULL = none were given */
	double mission_hours;
	enum pc_protocol_kind protocol;
	bool single_is_byz; /* what a single probability means */
};

int node_types_read(
	const struct arguments *arguments, struct node_types *types, struct hb_error *reterr);

void node_types_finish(struct node_types *types);

#endif
