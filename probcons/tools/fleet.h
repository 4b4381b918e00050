/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A fleet with its protocol and correlation, from the options that nines, explain and estimate share. */
#ifndef PROBCONS_FLEET_H
#define PROBCONS_FLEET_H

#include <stdint.h>

#include <probcons/curve_file.h>
#include <probcons/nines.h>
#include <probcons/node_list.h>

#include "command.h"

#define FLEET_OPTIONS                                                                        \
	"nodes curves mission crash byz faults weights q-per q-vc q-eq q-vc-t printed-sign " \
	"beta copula groups "

struct hb_json_out;
struct hb_error;

/* Zero-initialise; fleet_finish(). */
struct fleet {
	struct pc_node *nodes; /* shape [count] */
	uint32_t count;
	struct pc_protocol protocol;
	struct pc_shock_set shocks;
	char **shock_names; /* shape [shocks.count] */
	struct pc_correlation correlation;
	bool is_correlated;
	double mission_hours; /* 0 = none given */
	struct pc_curve_file curves;
	struct pc_node_list list;
};

/* fleet_build - read the options. Returns 0 or -errno; @fleet can be finished in any case. */
int fleet_build(const struct arguments *arguments, struct fleet *fleet, struct hb_error *reterr);

/*
 * fleet_correlate - --beta, --groups and --copula for nodes that are there already; --beta splits their crash
 * probabilities. Returns 0 or -errno; @fleet can be finished in any case.
 */
int fleet_correlate(
	const struct arguments *arguments, struct fleet *fleet, struct hb_error *reterr);

void fleet_finish(struct fleet *fleet);

/* fleet_correlation - for pc_analyse(): NULL if nodes are independent. */
const struct pc_correlation *fleet_correlation(const struct fleet *fleet);

const char *protocol_name(enum pc_protocol_kind kind);

/* json_quorums - member "quorums" of a protocol. */
void json_quorums(struct hb_json_out *out, const struct pc_protocol *protocol);

/* print_quorums - the same as one line of text. */
void print_quorums(const struct pc_protocol *protocol);

/* describe_fault - "1%" or "4%+0.01%" into @buffer. Returns @buffer. */
char *describe_fault(const struct pc_node *node, char *buffer, size_t size_bytes);

#endif
