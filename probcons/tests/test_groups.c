/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <probcons/groups.h>

Test(groups, text_form_is_read)
{
	struct pc_shock_set set;

	cr_assert_eq(
		pc_groups_parse("rack1=0.1%:1-3; rack2=0.2% : 4,6-7 ;bad=0.01!:2;", 7, &set, NULL),
		0);
	cr_assert_eq(set.count, 3);
	cr_assert_eq(set.shocks[0].probability, 0.001);
	cr_assert_eq(set.shocks[0].member_count, 3);
	cr_assert_eq(set.shocks[1].member_count, 3);
	cr_assert_eq(set.shocks[1].members[0], 3);
	cr_assert_eq(set.shocks[1].members[1], 5);
	cr_assert_eq(set.shocks[1].members[2], 6);
	cr_assert(set.shocks[2].byzantine && !set.shocks[0].byzantine);
	cr_assert_eq(set.shocks[2].members[0], 1);
	cr_assert_eq(pc_shocks_check(set.shocks, set.count, 7, NULL), 0);
	pc_shock_set_finish(&set);
}

Test(groups, faults_are_refused_and_the_group_is_named)
{
	static const char *const bad[][2] = {
		{"", "no group"},
		{"rack", "rack"},
		{"rack=1%:", "empty"},
		{"rack=1%:0", "0"},
		{"rack=1%:8", "8"},
		{"rack=1%:3-2", "3-2"},
		{"rack=1%:1-3,2", "node 2"},
		{"rack=1%:1--2", "1--2"},
		{"rack=1%:-2", "-2"},
		{"rack=1%:2-", "2-"},
		{"rack=1%:1,,2", "rack"},
		{"rack=101%:1", "rack"},
		{"rack=x:1", "rack"},
		{"rack:1=2", "rack"},
		{"=1%:1", "no name"},
		{"a=1%:1;a=1%:2", "twice"},
		{"a=1%:99999999999999999999", "a"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pc_shock_set set = {.count = 7};
		struct hb_error error = {0};

		cr_assert_eq(pc_groups_parse(bad[i][0], 7, &set, &error), -EINVAL, "%s", bad[i][0]);
		cr_assert(strstr(error.text, bad[i][1]), "`%s`: %s", bad[i][0], error.text);
		cr_assert_eq(set.count, 7);
	}
}

Test(groups, even_groups_cover_everybody_once)
{
	for (uint32_t n = 1; n < 30; n++) {
		for (uint32_t g = 1; g <= n; g++) {
			struct pc_shock_set set;
			uint32_t next = 0;

			cr_assert_eq(pc_groups_even(n, g, 0.5, &set, NULL), 0);
			for (uint32_t k = 0; k < g; k++) {
				cr_assert(set.shocks[k].member_count >= n / g);
				cr_assert(set.shocks[k].member_count <= n / g + 1);
				for (uint32_t m = 0; m < set.shocks[k].member_count; m++)
					cr_assert_eq(set.shocks[k].members[m], next++);
			}
			cr_assert_eq(next, n);
			pc_shock_set_finish(&set);
		}
	}
	cr_assert_eq(pc_groups_even(3, 4, 0.5, &(struct pc_shock_set){0}, NULL), -EINVAL);
	cr_assert_eq(pc_groups_even(3, 0, 0.5, &(struct pc_shock_set){0}, NULL), -EINVAL);
	cr_assert_eq(pc_groups_even(3, 1, 1.5, &(struct pc_shock_set){0}, NULL), -EINVAL);
}
