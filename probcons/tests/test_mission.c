/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <probcons/curve_file.h>
#include <probcons/mission.h>
#include <probcons/node.h>
#include <probcons/node_list.h>

#include "enumeration.h"

static const char curves_text[] = "curve,kind,from_hours,to_hours,value,fault\n"
				  "hdd,afr,0,8760,2%,crash\n"
				  "hdd,afr,8760,inf,10%,crash\n"
				  "bad,hazard,0,inf,0.003,crash\n"
				  "bad,hazard,0,inf,0.001,byz\n"
				  "short,hazard,0,100,0.001,crash\n";

static int nodes_of(const char *list_text, double window, struct pc_node **ret, uint32_t *ret_count,
	struct hb_error *error)
{
	struct pc_curve_file curves = {0};
	struct pc_node_list list = {0};
	int rc;

	cr_assert_eq(pc_curve_file_parse(curves_text, strlen(curves_text), "c", &curves, NULL), 0);
	cr_assert_eq(pc_node_list_parse(list_text, strlen(list_text), &curves, &list, NULL), 0);
	*ret_count = list.node_count;
	rc = pc_mission_nodes(&list, window, ret, error);
	pc_node_list_finish(&list);
	pc_curve_file_finish(&curves);
	return rc;
}

Test(mission, ages_and_windows_give_conditional_probabilities)
{
	struct pc_node *nodes = NULL;
	uint32_t count;

	cr_assert_eq(nodes_of("2@hdd, 1@hdd~1y*3, 1@hdd~0.5y, 1@bad, 2@1%+2%", 8760, &nodes, &count,
			     NULL),
		0);
	cr_assert_eq(count, 7);
	cr_assert(relative(nodes[0].crash, -expm1(-0.02)) < 1e-15);
	cr_assert_eq(nodes[1].crash, nodes[0].crash);
	cr_assert(relative(nodes[2].crash, -expm1(-0.10)) < 1e-15);
	cr_assert_eq(nodes[2].weight, 3);
	cr_assert(relative(nodes[3].crash, -expm1(-0.06)) < 1e-14);
	/* Competing hazards share the faults 3 : 1. */
	cr_assert(relative(pc_node_fault(&nodes[4]), -expm1(-0.004 * 8760)) < 1e-15);
	cr_assert(relative(nodes[4].crash, 3 * nodes[4].byz) < 1e-15);
	cr_assert_eq(nodes[5].crash, 0.01);
	cr_assert_eq(nodes[6].byz, 0.02);
	cr_assert_eq(pc_nodes_check(nodes, count, NULL), 0);
	free(nodes);
}

Test(mission, missing_probabilities_and_short_curves_are_refused)
{
	struct pc_node *nodes = NULL;
	struct hb_error error = {0};
	uint32_t count;

	cr_assert_eq(nodes_of("3", 10, &nodes, &count, &error), -EINVAL);
	cr_assert(strstr(error.text, "3@1%"), "%s", error.text);
	cr_assert_eq(nodes_of("3@short~99", 10, &nodes, &count, &error), -ERANGE);
	cr_assert(strstr(error.text, "short"), "%s", error.text);
	cr_assert_eq(nodes_of("3@hdd", 0, &nodes, &count, &error), -EINVAL);
	cr_assert_eq(nodes_of("3@hdd", NAN, &nodes, &count, &error), -EINVAL);
	cr_assert_null(nodes);
	cr_assert_eq(nodes_of("3@1%", 0, &nodes, &count, &error), 0);
	free(nodes);
}
