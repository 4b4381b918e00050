/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <probcons/configuration.h>

#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

static uint64_t bit(uint32_t node)
{
	return (uint64_t)1 << node;
}

static uint32_t first(uint64_t set)
{
	return (uint32_t)__builtin_ctzll(set);
}

void pc_rule_init(struct pc_rule *rule, uint64_t voters)
{
	*rule = (struct pc_rule){.voters = voters};
	for (uint64_t left = voters; left; left &= left - 1) {
		rule->votes[first(left)] = 1;
		rule->lives[first(left)] = PC_FIRST_LIFE;
		rule->total++;
	}
	rule->need_per = rule->need_vc = rule->total / 2 + 1;
}

void pc_rule_set_votes(struct pc_rule *rule, uint32_t node, uint32_t votes)
{
	hb_assert(node < PC_REPLICAS_MAX && (rule->voters & bit(node)) && votes <= PC_VOTES_MAX);
	rule->total += votes - rule->votes[node];
	rule->votes[node] = votes;
	rule->need_per = rule->need_vc = rule->total / 2 + 1;
}

int pc_rule_check(const struct pc_rule *rule, struct hb_error *reterr)
{
	if (rule->total == 0)
		return hb_error_set(reterr, -EINVAL, "nobody has a vote; name at least one voter");
	if (rule->need_per == 0 || rule->need_per > rule->total || rule->need_vc == 0 ||
		rule->need_vc > rule->total)
		return hb_error_set(reterr, -EINVAL,
			"quorums of %u and %u votes cannot be had from %u; give 1 to %u",
			rule->need_per, rule->need_vc, rule->total, rule->total);
	if ((uint64_t)rule->need_per + rule->need_vc <= rule->total)
		return hb_error_set(reterr, -EINVAL,
			"a quorum that commits (%u votes of %u) need not meet one that elects "
			"(%u): a new "
			"leader could lack what was committed; their sum must exceed %u",
			rule->need_per, rule->total, rule->need_vc, rule->total);
	if (2 * (uint64_t)rule->need_vc <= rule->total)
		return hb_error_set(reterr, -EINVAL,
			"two quorums that elect (%u votes of %u) need not meet: there could be two "
			"leaders "
			"in one term; they need more than half",
			rule->need_vc, rule->total);
	return 0;
}

uint64_t pc_rule_counted(const struct pc_rule *rule, uint64_t set, const uint32_t *lives)
{
	uint64_t counted = set & rule->voters;

	if (!lives)
		return counted;
	for (uint64_t left = counted; left; left &= left - 1) {
		uint32_t node = first(left);

		if (lives[node] != rule->lives[node])
			counted &= ~bit(node);
	}
	return counted;
}

uint32_t pc_rule_votes(const struct pc_rule *rule, uint64_t set)
{
	uint32_t votes = 0;

	for (uint64_t left = set; left; left &= left - 1)
		votes += rule->votes[first(left)];
	return votes;
}

void pc_configuration_init(struct pc_configuration *configuration, const struct pc_rule *rule)
{
	*configuration = (struct pc_configuration){.now = *rule};
}

uint64_t pc_configuration_voters(const struct pc_configuration *configuration)
{
	return configuration->now.voters |
	       (configuration->joint ? configuration->before.voters : 0);
}

uint64_t pc_configuration_members(const struct pc_configuration *configuration)
{
	return pc_configuration_voters(configuration) | configuration->learners;
}

bool pc_configuration_is_voter(
	const struct pc_configuration *configuration, uint32_t node, uint32_t life)
{
	const struct pc_configuration *c = configuration;

	return ((c->now.voters & bit(node)) && c->now.lives[node] == life) ||
	       (c->joint && (c->before.voters & bit(node)) && c->before.lives[node] == life);
}

static uint32_t votes_of(const struct pc_rule *rule, uint64_t set, const uint32_t *lives)
{
	return pc_rule_votes(rule, pc_rule_counted(rule, set, lives));
}

bool pc_configuration_persists(
	const struct pc_configuration *configuration, uint64_t set, const uint32_t *lives)
{
	const struct pc_configuration *c = configuration;

	return votes_of(&c->now, set, lives) >= c->now.need_per &&
	       (!c->joint || votes_of(&c->before, set, lives) >= c->before.need_per);
}

bool pc_configuration_meets_elections(
	const struct pc_configuration *configuration, uint64_t set, const uint32_t *lives)
{
	const struct pc_configuration *c = configuration;

	return votes_of(&c->now, set, lives) > c->now.total - c->now.need_vc &&
	       (!c->joint ||
		       votes_of(&c->before, set, lives) > c->before.total - c->before.need_vc);
}

static enum pc_verdict vote_of(
	const struct pc_rule *rule, uint64_t granted, uint64_t refused, const uint32_t *lives)
{
	if (votes_of(rule, granted, lives) >= rule->need_vc)
		return PC_WON;
	/* Whoever refused in another life than the rule names has no voice; nor would his vote have counted. */
	if (rule->total - votes_of(rule, refused, NULL) < rule->need_vc)
		return PC_LOST;
	return PC_PENDING;
}

enum pc_verdict pc_configuration_vote(const struct pc_configuration *configuration,
	uint64_t granted, uint64_t refused, const uint32_t *lives)
{
	enum pc_verdict now = vote_of(&configuration->now, granted, refused, lives);
	enum pc_verdict before;

	if (!configuration->joint)
		return now;
	before = vote_of(&configuration->before, granted, refused, lives);
	if (now == PC_LOST || before == PC_LOST)
		return PC_LOST;
	return now == PC_WON && before == PC_WON ? PC_WON : PC_PENDING;
}

/*
 * Voters by falling index; the index at which their votes suffice. Insertion into a list of at most 64: the lists are
 * short and mostly sorted, since followers keep up.
 */
static bool commit_of(const struct pc_rule *rule, uint64_t set, const uint64_t *indices,
	const uint32_t *lives, uint64_t *ret)
{
	uint32_t order[PC_REPLICAS_MAX], count = 0, votes = 0;

	for (uint64_t left = pc_rule_counted(rule, set, lives); left; left &= left - 1) {
		uint32_t node = first(left), at = count++;

		while (at > 0 && indices[order[at - 1]] < indices[node]) {
			order[at] = order[at - 1];
			at--;
		}
		order[at] = node;
	}
	for (uint32_t i = 0; i < count; i++) {
		votes += rule->votes[order[i]];
		if (votes >= rule->need_per) {
			*ret = indices[order[i]];
			return true;
		}
	}
	return false;
}

bool pc_configuration_commit(const struct pc_configuration *configuration, uint64_t acknowledged,
	const uint64_t *indices, const uint32_t *lives, uint64_t *ret)
{
	uint64_t now, before;

	if (!commit_of(&configuration->now, acknowledged, indices, lives, &now))
		return false;
	if (configuration->joint) {
		if (!commit_of(&configuration->before, acknowledged, indices, lives, &before))
			return false;
		if (before < now)
			now = before;
	}
	*ret = now;
	return true;
}
