/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <probcons/curve_file.h>
#include <probcons/node.h>
#include <probcons/node_list.h>

static int parse(const char *text, struct pc_node_list *list, struct hb_error *error)
{
	return pc_node_list_parse(text, strlen(text), NULL, list, error);
}

Test(node_list, counts_probabilities_and_weights_are_read)
{
	struct pc_node_list list = {0};

	cr_assert_eq(parse(" 3@1% , 4@8%+0.01% *2,5@1e-3,2", &list, NULL), 0);
	cr_assert_eq(list.item_count, 4);
	cr_assert_eq(list.node_count, 14);
	cr_assert(list.items[0].count == 3 && list.items[0].crash == 0.01 &&
		  list.items[0].weight == 1);
	cr_assert(list.items[1].crash == 0.08 && list.items[1].byz == 0.0001);
	cr_assert_eq(list.items[1].weight, 2);
	cr_assert(list.items[2].crash == 0.001 && list.items[2].has_fault);
	cr_assert(!list.items[3].has_fault && list.items[3].count == 2);
	pc_node_list_finish(&list);
}

Test(node_list, faults_are_refused_and_the_item_is_quoted)
{
	static const char *const bad[][2] = {
		{"", "item 1"},
		{"3@1%,", "item 2"},
		{"3@1%,,2@1%", "item 2"},
		{"0@1%", "`0`"},
		{"-3@1%", "`-3`"},
		{"3.5@1%", "`3.5`"},
		{"x@1%", "`x`"},
		{"3@", "no probability"},
		{"3@101%", "outside"},
		{"3@1.5", "percentage"},
		{"3@-1%", "`-1%`"},
		{"3@nan", "curve file"},
		{"3@0x1p-3", "no probability"},
		{"3@60%+50%", "above 1"},
		{"3@1%+", "no probability"},
		{"3@1%*-1", "weight"},
		{"3@1%*", "weight"},
		{"3@1%*2*2", "weight"},
		{"3@hdd", "curve file"},
		{"3@1%@2%", "no probability"},
		{"99999999999999999999@1%", "number of nodes"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pc_node_list list = {.node_count = 7};
		struct hb_error error = {0};

		cr_assert_eq(parse(bad[i][0], &list, &error), -EINVAL, "%s", bad[i][0]);
		cr_assert(strstr(error.text, bad[i][1]), "`%s`: %s", bad[i][0], error.text);
		cr_assert_eq(list.node_count, 7);
	}
}

Test(node_list, more_nodes_than_can_be_analysed_are_refused)
{
	struct pc_node_list list = {0};
	struct hb_error error = {0};

	cr_assert_eq(parse("1048576@1%", &list, &error), 0);
	pc_node_list_finish(&list);
	cr_assert_eq(parse("1048576@1%,1@1%", &list, &error), -E2BIG);
	cr_assert_eq(parse("1048577@1%", &list, &error), -EINVAL);
}

Test(node_list, durations_are_hours)
{
	static const struct {
		const char *text;
		double hours;
	} good[] = {{"90", 90}, {"36h", 36}, {"7d", 168}, {"3y", 26280}, {"20m", 20.0 / 60},
		{"5s", 5.0 / 3600}, {" 1.5 d ", 36}, {"0", 0}};
	static const char *const bad[] = {"", "h", "-1h", "1w", "1 2", "inf", "nan", "1hh"};
	double hours = 7;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cr_assert_eq(
			pc_duration_parse(good[i].text, strlen(good[i].text), &hours, NULL), 0);
		cr_assert_eq(hours, good[i].hours, "%s", good[i].text);
	}
	hours = 7;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(pc_duration_parse(bad[i], strlen(bad[i]), &hours, NULL), -EINVAL, "%s",
			bad[i]);
	cr_assert_eq(hours, 7);
}

Test(node_list, weights_are_one_per_node)
{
	uint32_t weights[3] = {7, 7, 7};
	struct hb_error error = {0};

	cr_assert_eq(pc_weight_list_parse("2,0, 3", 6, weights, 3, NULL), 0);
	cr_assert(weights[0] == 2 && weights[1] == 0 && weights[2] == 3);
	cr_assert_eq(pc_weight_list_parse("1,2", 3, weights, 3, &error), -EINVAL);
	cr_assert_eq(pc_weight_list_parse("1,2,3,4", 7, weights, 3, &error), -EINVAL);
	cr_assert_eq(pc_weight_list_parse("1,,3", 4, weights, 3, &error), -EINVAL);
	cr_assert_eq(pc_weight_list_parse("1,-2,3", 6, weights, 3, &error), -EINVAL);
	cr_assert_eq(pc_weight_list_parse("1,4294967296,3", 14, weights, 3, &error), -EINVAL);
	cr_assert_eq(weights[0], 2);
}
