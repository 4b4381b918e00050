/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Everything that is read from the command line: node lists, groups, weights, durations, copulas. An error has a
 * text and leaves the result alone; what is accepted is within its limits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <probcons/copula.h>
#include <probcons/curve_file.h>
#include <probcons/groups.h>
#include <probcons/mission.h>
#include <probcons/node.h>
#include <probcons/node_list.h>

#include "fuzz.h"

static void check_list(const char *text, size_t size, const struct pc_curve_file *curves)
{
	struct pc_node_list list = {0};
	struct hb_error error = {0};
	uint64_t count = 0;
	int rc = pc_node_list_parse(text, size, curves, &list, &error);

	hb_assert(rc == 0 || rc == -EINVAL || rc == -E2BIG);
	hb_assert((rc < 0) == (error.text[0] != '\0' && error.code == rc));
	hb_assert((rc == 0) == (list.item_count > 0));
	for (uint32_t i = 0; i < list.item_count; i++) {
		const struct pc_node_item *item = &list.items[i];

		count += item->count;
		hb_assert(item->count > 0 && item->age_hours >= 0);
		hb_assert(item->crash >= 0 && item->byz >= 0 && item->crash + item->byz <= 1);
	}
	hb_assert(count == list.node_count && count <= PC_NODES_MAX);
	if (rc == 0 && count < 1000) {
		struct pc_node *nodes = NULL;

		rc = pc_mission_nodes(&list, 24, &nodes, &error);
		hb_assert(rc == 0 || rc == -EINVAL || rc == -ERANGE);
		/* All weights may be 0; nothing else may be wrong. */
		hb_assert(rc || pc_nodes_weight(nodes, list.node_count) == 0 ||
			  pc_nodes_check(nodes, list.node_count, NULL) == 0);
		free(nodes);
	}
	pc_node_list_finish(&list);
}

static void check_words(const char *text)
{
	struct pc_shock_set set = {0};
	struct pc_copula copula = {0};
	uint32_t weights[5];
	double value = -1;

	if (pc_groups_parse(text, 9, &set, NULL) == 0)
		hb_assert(set.count > 0 && pc_shocks_check(set.shocks, set.count, 9, NULL) == 0);
	pc_shock_set_finish(&set);
	if (pc_copula_parse(text, &copula, NULL) == 0)
		hb_assert(copula.rho >= 0 && copula.rho < 1);
	if (pc_probability_parse(text, strlen(text), &value, NULL) == 0)
		hb_assert(value >= 0 && value <= 1);
	if (pc_duration_parse(text, strlen(text), &value, NULL) == 0)
		hb_assert(value >= 0);
	(void)pc_weight_list_parse(text, strlen(text), weights, 5, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char curves_text[] = "curve,kind,from_hours,to_hours,value,fault\n"
					  "hdd,hazard,0,100,1e-3,crash\n"
					  "hdd,hazard,0,inf,1e-4,byz\n";
	struct pc_curve_file curves = {0};
	char *text = malloc(size + 1);

	hb_assert(text);
	hb_assert(pc_curve_file_parse(curves_text, strlen(curves_text), "c", &curves, NULL) == 0);
	memcpy(text, data, size);
	text[size] = '\0';
	check_list((const char *)data, size, &curves);
	check_list((const char *)data, size, NULL);
	check_words(text);
	pc_curve_file_finish(&curves);
	free(text);
	return 0;
}
