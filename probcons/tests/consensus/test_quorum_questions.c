/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Questions about quorums against brute force: whether a quorum has acknowledged an index is looked up among all sets
 * of voters, and an election is won or lost by what all possible answers of the silent would make of it.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <probcons/configuration.h>
#include <probcons/quorum_questions.h>

#define NODES 6
#define TEXT_BYTES 4096

static char answer[TEXT_BYTES];

static int ask(const char *question, struct hb_error *error)
{
	FILE *stream = fmemopen(answer, sizeof(answer), "w");
	int err;

	cr_assert(stream);
	memset(answer, 0, sizeof(answer));
	err = pc_quorum_answer(question, strlen(question), "questions", stream, error);
	(void)fclose(stream);
	return err;
}

static void expect(const char *question, const char *expected)
{
	struct hb_error error = {0};

	cr_assert_eq(ask(question, &error), 0, "%s: %s", question, error.text);
	cr_assert_str_eq(answer, expected, "%s gave %s", question, answer);
}

/* A rule as the test understands it. */
struct rule {
	bool voter[NODES];
	unsigned int votes[NODES];
	unsigned int need_per, need_vc;
};

static unsigned int votes_of(const struct rule *rule, unsigned int set)
{
	unsigned int sum = 0;

	for (int i = 0; i < NODES; i++)
		sum += rule->voter[i] && (set >> i & 1) ? rule->votes[i] : 0;
	return sum;
}

/* Is there a set with enough votes all of whose members have acknowledged @index? */
static bool is_committed(const struct rule *rule, const int *indices, int index)
{
	for (unsigned int set = 0; set < 1u << NODES; set++) {
		bool all = true;

		for (int i = 0; i < NODES; i++) {
			if (set >> i & 1)
				all &= rule->voter[i] && indices[i] >= index;
		}
		if (all && votes_of(rule, set) >= rule->need_per)
			return true;
	}
	return false;
}

static const char *vote(const struct rule *rules, int count, const char *answers)
{
	bool now = true, ever = false;
	unsigned int yes = 0, silent = 0;

	for (int i = 0; i < NODES; i++) {
		yes |= answers[i] == 'y' ? 1u << i : 0;
		silent |= answers[i] == '_' ? 1u << i : 0;
	}
	for (int r = 0; r < count; r++)
		now &= votes_of(&rules[r], yes) >= rules[r].need_vc;
	for (unsigned int more = silent;; more = (more - 1) & silent) {
		bool won = true;

		for (int r = 0; r < count; r++)
			won &= votes_of(&rules[r], yes | more) >= rules[r].need_vc;
		ever |= won;
		if (more == 0)
			break;
	}
	return now ? "won\n" : ever ? "pending\n" : "lost\n";
}

/* A random rule, written to @text; @order collects the nodes in order of appearance. */
static void make_rule(struct hb_rng *rng, struct rule *rule, char *text, int *order, int *named)
{
	unsigned int total = 0;
	bool weighted = hb_rng_below(rng, 2);
	uint32_t nodes[NODES];
	int count = 1 + (int)hb_rng_below(rng, NODES);

	*rule = (struct rule){0};
	for (uint32_t i = 0; i < NODES; i++)
		nodes[i] = i;
	hb_rng_shuffle(rng, nodes, NODES);
	for (int i = 0; i < count; i++) {
		uint32_t node = nodes[i];
		bool known = false;

		rule->voter[node] = true;
		rule->votes[node] = weighted ? 1 + (unsigned int)hb_rng_below(rng, 4) : 1;
		total += rule->votes[node];
		for (int k = 0; k < *named; k++)
			known |= order[k] == (int)node;
		if (!known)
			order[(*named)++] = (int)node;
		text += snprintf(text, 32, "%s%u", i > 0 ? "," : "", node + 10);
		if (weighted)
			text += snprintf(text, 32, ":%u", rule->votes[node]);
	}
	rule->need_per = rule->need_vc = total / 2 + 1;
	if (hb_rng_below(rng, 3) == 0) {
		rule->need_per = 1 + (unsigned int)hb_rng_below(rng, total);
		rule->need_vc = 1 + (unsigned int)hb_rng_below(rng, total);
		(void)snprintf(text, 32, "/%u/%u", rule->need_per, rule->need_vc);
	}
}

static uint64_t seed(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t value = text ? strtoull(text, NULL, 10) : 1;

	(void)printf("HB_SEED=%" PRIu64 "\n", value);
	return value;
}

/* One random question of each kind; returns the verdict's first letter and whether an index was committed. */
static char check_round(struct hb_rng *rng, bool *ret_committed)
{
	struct rule rules[2];
	char text[256] = "", halves[2][256] = {"", ""}, question[1024], expected[32];
	char answers[NODES + 1] = "______";
	int order[NODES], named = 0, indices[NODES], best = -1;
	int count = 1 + (int)hb_rng_below(rng, 2);

	for (int r = 0; r < count; r++)
		make_rule(rng, &rules[r], halves[r], order, &named);
	for (int i = 0; i < NODES; i++)
		indices[i] = -1;
	for (int i = 0; i < named; i++) {
		int index = (int)hb_rng_below(rng, 6) - 1;
		size_t used = strlen(text);

		indices[order[i]] = index;
		(void)snprintf(text + used, sizeof(text) - used, index < 0 ? " _" : " %d", index);
	}
	for (int index = 0; index < 6; index++) {
		bool all = true;

		for (int r = 0; r < count; r++)
			all &= is_committed(&rules[r], indices, index);
		best = all ? index : best;
	}
	(void)snprintf(question, sizeof(question), "commit %s%s%s%s", halves[0],
		count > 1 ? "+" : "", halves[1], text);
	(void)snprintf(expected, sizeof(expected), best < 0 ? "_\n" : "%d\n", best);
	expect(question, expected);
	*ret_committed = best >= 0;

	text[0] = '\0';
	for (int i = 0; i < named; i++) {
		size_t used = strlen(text);

		answers[order[i]] = "yn_"[hb_rng_below(rng, 3)];
		(void)snprintf(text + used, sizeof(text) - used, " %c", answers[order[i]]);
	}
	(void)snprintf(question, sizeof(question), "vote %s%s%s%s", halves[0], count > 1 ? "+" : "",
		halves[1], text);
	expect(question, vote(rules, count, answers));
	return answer[0];
}

Test(quorum_questions, commits_and_votes_equal_brute_force)
{
	struct hb_rng rng;
	int committed = 0, won = 0, lost = 0, rounds = 3000;

	hb_rng_init(&rng, seed(), 0);
	for (int round = 0; round < rounds; round++) {
		bool is_committed_now;
		char verdict = check_round(&rng, &is_committed_now);

		committed += is_committed_now;
		won += verdict == 'w';
		lost += verdict == 'l';
	}
	cr_assert(committed > rounds / 6 && won > rounds / 30 && lost > rounds / 30 &&
		  won + lost < rounds * 29 / 30);
}

Test(quorum_questions, blank_lines_and_comments_are_no_questions)
{
	expect("# of three\n\n  commit 1,2,3 7 5 _\r\n\tvote 3:1,9:1 y _", "5\npending\n");
	expect("", "");
}

Test(quorum_questions, bad_lines_are_named)
{
	static const char *const bad[] = {
		"commit",
		"elect 1,2,3 y y y",
		"commit 1,2,3",
		"commit 1,2,3 1 2",
		"commit 1,2,3 1 2 3 4",
		"commit 1,2,x 1 2 3",
		"commit 1,1 1",
		"commit 1,2+ 1 2",
		"commit 1+2+3 1 2 3",
		"commit 1:x 1",
		"commit 1:0 1",
		"commit 1,2/1 1 2",
		"commit 1,2/3/2 1 2",
		"commit 1,2/0/2 1 2",
		"vote 1,2 y",
		"vote 1,2 y maybe",
		"vote 1,2 yy n",
		"commit 1,2 1_ 2",
		"commit 1 99999999999999999999",
		"commit 1:1000001 1",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct hb_error error = {0};
		char text[256];

		(void)snprintf(text, sizeof(text), "commit 1 1\n%s\n", bad[i]);
		cr_assert_eq(ask(text, &error), -EBADMSG, "%s is accepted: %s", bad[i], answer);
		cr_assert_eq(error.line, 2);
		cr_assert_str_eq(error.path, "questions");
		cr_assert(error.text[0]);
	}
}

Test(configuration, rules_whose_quorums_need_not_meet_are_refused)
{
	for (uint32_t per = 0; per <= 6; per++) {
		for (uint32_t vc = 0; vc <= 6; vc++) {
			struct hb_error error = {0};
			struct pc_rule rule;
			bool meets = true;

			pc_rule_init(&rule, 0x1f);
			rule.need_per = per;
			rule.need_vc = vc;
			/* All pairs of quorums of these sizes. */
			for (uint64_t a = 0; a < 32; a++) {
				for (uint64_t b = 0; b < 32; b++) {
					uint32_t x = pc_rule_votes(&rule, a);
					uint32_t y = pc_rule_votes(&rule, b);

					if (y >= vc && (x >= per || x >= vc) && !(a & b))
						meets = false;
				}
			}
			meets = meets && per <= 5 && vc <= 5;
			cr_assert_eq(pc_rule_check(&rule, &error) == 0, meets, "%u, %u: %s", per,
				vc, error.text);
			cr_assert_eq(error.text[0] == '\0', meets);
		}
	}
}

Test(configuration, answers_of_another_life_do_not_count)
{
	struct pc_configuration configuration;
	uint32_t lives[PC_REPLICAS_MAX] = {1, 1, 7};
	uint64_t indices[PC_REPLICAS_MAX] = {5, 3, 9}, index = 0;
	struct pc_rule rule;

	pc_rule_init(&rule, 7);
	pc_configuration_init(&configuration, &rule);
	cr_assert_eq(pc_configuration_vote(&configuration, 5, 0, lives), PC_PENDING);
	cr_assert_eq(pc_configuration_vote(&configuration, 3, 0, lives), PC_WON);
	cr_assert(!pc_configuration_persists(&configuration, 6, lives));
	cr_assert(!pc_configuration_meets_elections(&configuration, 6, lives));
	cr_assert(pc_configuration_commit(&configuration, 7, indices, lives, &index));
	cr_assert_eq(index, 3);
	cr_assert(!pc_configuration_is_voter(&configuration, 2, 7));
	/* Replaced: the old life counts before the change, the new one after it, neither for both. */
	configuration.before = configuration.now;
	configuration.now.lives[2] = 7;
	configuration.joint = true;
	cr_assert_eq(pc_configuration_vote(&configuration, 5, 0, lives), PC_PENDING);
	cr_assert_eq(pc_configuration_vote(&configuration, 7, 0, lives), PC_WON);
	cr_assert(pc_configuration_is_voter(&configuration, 2, 7));
	cr_assert(pc_configuration_is_voter(&configuration, 2, 1));
}
