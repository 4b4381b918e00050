/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Missions: the fault probabilities of a node list over a window of time, given the age of each node at its start.
 */
#ifndef PROBCONS_MISSION_H
#define PROBCONS_MISSION_H

#include <stdint.h>

struct hb_error;
struct pc_node;
struct pc_node_list;

/*
 * pc_mission_nodes - one node per head of @list.
 * @window_hours: length of the mission, > 0; only used by items with a curve.
 * @ret: shape [list->node_count], allocated; the caller frees it.
 *
 * With crash and Byzantine hazards on one curve they compete: the first to strike decides, in proportion to the
 * integrals over the window (exact when their ratio is constant in it). Returns 0, -EINVAL (an item without fault
 * probability, window), -ERANGE (curve too short; the message names it) or -ENOMEM.
 */
int pc_mission_nodes(const struct pc_node_list *list, double window_hours, struct pc_node **ret,
	struct hb_error *reterr);

#endif
