/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Theorem 3.1 at its exact boundary: one Byzantine node less and nothing breaks, at the boundary the adversary wins. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <hotbed/error.h>

#include <probcons/pbft_simulation.h>

#define SCHEDULES 400 /* below the boundary */
#define TRIES 200000  /* at the boundary, until it breaks */

static uint64_t seed(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t value = text ? strtoull(text, NULL, 10) : 1;

	(void)printf("HB_SEED=%" PRIu64 "\n", value);
	return value;
}

static struct pc_pbft_report simulate(
	const struct pc_protocol *protocol, uint64_t byz, uint64_t schedules, uint64_t from)
{
	struct pc_pbft_report report;
	struct hb_error error = {0};

	cr_assert_eq(pc_pbft_simulate(protocol, (uint32_t)byz, schedules, from, &report, &error), 0,
		"%s", error.text);
	return report;
}

static bool breaks(const struct pc_protocol *protocol, uint64_t byz, uint64_t from)
{
	for (uint64_t done = 0; done < TRIES; done += SCHEDULES) {
		struct pc_pbft_report report = simulate(protocol, byz, SCHEDULES, from + done);

		if (report.equivocations || report.disagreements)
			return true;
	}
	return false;
}

static uint32_t boundaries;

static void expect_boundary(const struct pc_protocol *p, uint64_t from)
{
	uint64_t least = pc_protocol_thresholds(p).byz_unsafe;
	struct pc_pbft_report report;

	/* The theorem itself, not the library's reading of it. */
	cr_assert_eq(least, 2 * p->q_eq <= p->votes || p->q_per + p->q_vc <= p->votes ? 0
			    : 2 * p->q_eq < p->q_per + p->q_vc ? 2 * p->q_eq - p->votes
							       : p->q_per + p->q_vc - p->votes);
	if (least == 0 || least >= p->votes)
		return;
	report = simulate(p, least - 1, SCHEDULES, from);
	cr_assert(report.equivocations == 0 && report.disagreements == 0,
		"%" PRIu64 " nodes, eq %" PRIu64 " per %" PRIu64 " vc %" PRIu64
		": broken by %" PRIu64,
		p->votes, p->q_eq, p->q_per, p->q_vc, least - 1);
	cr_assert(breaks(p, least, from),
		"%" PRIu64 " nodes, eq %" PRIu64 " per %" PRIu64 " vc %" PRIu64
		": not broken by %" PRIu64,
		p->votes, p->q_eq, p->q_per, p->q_vc, least);
	boundaries++;
}

Test(pbft, breaks_exactly_where_the_theorem_says)
{
	uint64_t from = seed();
	struct pc_protocol p = {.kind = PC_PBFT, .q_vc_t = 1};

	for (p.votes = 3; p.votes <= 6; p.votes++) {
		for (p.q_eq = 1; p.q_eq <= p.votes; p.q_eq++) {
			for (p.q_per = 1; p.q_per <= p.votes; p.q_per++) {
				for (p.q_vc = 1; p.q_vc <= p.votes; p.q_vc++)
					expect_boundary(&p, from);
			}
		}
	}
	cr_assert(boundaries > 100, "%u boundaries", boundaries);
}

Test(pbft, the_papers_sizes_hold_and_commit)
{
	const uint64_t nodes[] = {4, 5, 7, 8};

	for (int i = 0; i < 4; i++) {
		struct pc_protocol p = pc_pbft_classic(nodes[i]);
		struct pc_pbft_report report;

		expect_boundary(&p, seed());
		report = simulate(&p, pc_protocol_thresholds(&p).byz_unsafe - 1, 2000, seed());
		cr_assert(report.commits > 0 && report.view_changes > 0);
	}
}

Test(pbft, what_is_no_pbft_is_refused)
{
	struct pc_protocol p = pc_raft_majority(3);
	struct pc_pbft_report report;
	struct hb_error error = {0};

	cr_assert(pc_pbft_simulate(&p, 0, 1, 1, &report, &error) < 0);
}
