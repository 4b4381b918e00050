/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fault probabilities of a mission. See probcons/mission.h.
 */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <hotbed/error.h>

#include <probcons/curve_file.h>
#include <probcons/mission.h>
#include <probcons/node.h>
#include <probcons/node_list.h>

/* Two hazards compete: together 1 - exp(-(a + b)), shared in proportion. */
static int item_faults(const struct pc_node_item *item, double window_hours, struct pc_node *node,
	struct hb_error *reterr)
{
	double crash, byz, fault;
	int rc = pc_fault_curve_integral(
		&item->curve->crash, item->age_hours, window_hours, &crash, reterr);

	if (!rc)
		rc = pc_fault_curve_integral(
			&item->curve->byz, item->age_hours, window_hours, &byz, reterr);
	if (rc) {
		(void)hb_error_wrap(reterr, "curve %s", item->curve->name);
		return rc;
	}
	/* An overflow is a certain failure; its share must still be a number. */
	crash = fmin(crash, DBL_MAX / 4);
	byz = fmin(byz, DBL_MAX / 4);
	fault = -expm1(-(crash + byz));
	node->crash = byz > 0 ? fault * (crash / (crash + byz)) : fault;
	node->byz = byz > 0 ? fmin(fault * (byz / (crash + byz)), 1 - node->crash) : 0;
	return 0;
}

int pc_mission_nodes(const struct pc_node_list *list, double window_hours, struct pc_node **ret,
	struct hb_error *reterr)
{
	struct pc_node *nodes = calloc((size_t)list->node_count + 1, sizeof(nodes[0]));
	uint32_t used = 0;
	int rc = 0;

	if (!nodes)
		return hb_error_set(
			reterr, -ENOMEM, "not enough memory for %u nodes", list->node_count);
	for (uint32_t i = 0; i < list->item_count && !rc; i++) {
		const struct pc_node_item *item = &list->items[i];
		struct pc_node node = {
			.crash = item->crash, .byz = item->byz, .weight = item->weight};

		if (!item->has_fault)
			rc = hb_error_set(reterr, -EINVAL,
				"node list, item %u: no fault probability; write %u@1%%", i + 1,
				item->count);
		else if (item->curve && !(window_hours > 0 && isfinite(window_hours)))
			rc = hb_error_set(reterr, -EINVAL,
				"curves need a mission: %g hours is not a finite number > 0",
				window_hours);
		else if (item->curve)
			rc = item_faults(item, window_hours, &node, reterr);
		for (uint32_t k = 0; k < item->count && !rc; k++)
			nodes[used++] = node;
	}
	if (rc)
		free(nodes);
	else
		*ret = nodes;
	return rc;
}
