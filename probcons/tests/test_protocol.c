/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <probcons/protocol.h>

Test(protocol, classic_pbft_has_the_sizes_of_table_1)
{
	static const uint64_t want[][3] = {{4, 3, 2}, {5, 4, 2}, {7, 5, 3}, {8, 6, 3}};

	for (int i = 0; i < 4; i++) {
		struct pc_protocol p = pc_pbft_classic(want[i][0]);

		cr_assert_eq(p.q_eq, want[i][1]);
		cr_assert_eq(p.q_per, want[i][1]);
		cr_assert_eq(p.q_vc, want[i][1]);
		cr_assert_eq(p.q_vc_t, want[i][2]);
		cr_assert_eq(pc_protocol_check(&p, NULL), 0);
		cr_assert(pc_protocol_intersects(&p));
	}
}

Test(protocol, printed_sign_of_pbft_is_never_live)
{
	for (uint64_t n = 4; n <= 8; n++) {
		struct pc_protocol p = pc_pbft_classic(n);

		cr_assert(pc_protocol_live(&p, 0, 0));
		p.printed_sign = true;
		cr_assert(!pc_protocol_live(&p, 0, 0));
	}
}

Test(protocol, raft_majority_survives_f_of_2f_plus_1)
{
	for (uint64_t f = 0; f < 10; f++) {
		struct pc_protocol p = pc_raft_majority(2 * f + 1);

		cr_assert(pc_protocol_safe(&p, 0, 2 * f + 1));
		cr_assert(pc_protocol_live(&p, 0, f));
		cr_assert(!pc_protocol_live(&p, 0, f + 1));
		cr_assert(!pc_protocol_safe(&p, 1, 1));
	}
}

Test(protocol, raft_whose_elections_need_not_intersect_is_unsafe)
{
	/* q_per + q_vc > n holds; the Raft-only condition n < 2 q_vc does not. */
	struct pc_protocol p = {.kind = PC_RAFT, .votes = 5, .q_per = 4, .q_vc = 2};

	cr_assert_eq(pc_protocol_check(&p, NULL), 0);
	cr_assert(!pc_protocol_intersects(&p));
	cr_assert(!pc_protocol_safe(&p, 0, 0));
	p.q_vc = 3;
	cr_assert(pc_protocol_intersects(&p));
	p.q_per = 2;
	cr_assert(!pc_protocol_intersects(&p));
}

Test(protocol, sizes_that_cannot_be_are_refused)
{
	struct pc_protocol p = {.kind = PC_RAFT, .votes = 3, .q_per = 5, .q_vc = 2};
	struct hb_error error = {0};

	cr_assert_eq(pc_protocol_check(&p, &error), -EINVAL);
	cr_assert(strstr(error.text, "quorum of 5 of 3 votes can never be reached"), "%s",
		error.text);
	p.q_per = 0;
	cr_assert_eq(pc_protocol_check(&p, &error), -EINVAL);
	p = pc_pbft_classic(4);
	p.q_vc_t = 0;
	cr_assert_eq(pc_protocol_check(&p, &error), -EINVAL);
}
