/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Groups of nodes that share a cause of failure (rack, zone, software version), built into shocks by name.
 *
 * Text form, as on the command line: `NAME=PROBABILITY:NODES`, separated by `;`, where NODES is a list of numbers
 * from 1 and ranges (`rack1=0.1%:1-3;rack2=0.1%:4-6;zone=0.01%:1-6`); `!` after the probability makes the group's
 * fault Byzantine.
 */
#ifndef PROBCONS_GROUPS_H
#define PROBCONS_GROUPS_H

#include <stdint.h>

#include <probcons/shocks.h>

struct hb_error;

/*
 * pc_groups_parse - read groups.
 * @text: as above. @node_count: members must be within 1 ... @node_count.
 * @ret: finish with pc_shock_set_finish().
 *
 * Returns 0, -EINVAL (syntax, probability, empty group, name used twice, node out of range or twice in one group;
 * the message quotes the group), -E2BIG or -ENOMEM.
 */
int pc_groups_parse(
	const char *text, uint32_t node_count, struct pc_shock_set *ret, struct hb_error *reterr);

/*
 * pc_groups_even - @count groups as equal in size as can be over nodes 0 ... node_count-1 in order, each failing as
 * a whole with @probability. Returns 0, -EINVAL (count outside 1 ... node_count, probability) or -ENOMEM.
 */
int pc_groups_even(uint32_t node_count, uint32_t count, double probability,
	struct pc_shock_set *ret, struct hb_error *reterr);

/*
 * pc_shock_set_append - move the shocks of @from to the end of @to; @from is empty afterwards. Returns 0 or
 * -ENOMEM.
 */
int pc_shock_set_append(struct pc_shock_set *to, struct pc_shock_set *from);

#endif
