/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <probcons/quorum_questions.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include <hotbed/error.h>

#include <probcons/configuration.h>

/* One line, taken apart from left to right. */
struct question {
	const char *at, *end;
	const char *path;
	int line;
	struct hb_error *reterr;
	uint64_t names[PC_REPLICAS_MAX]; /* of the nodes, in order of appearance */
	uint32_t node_count;
	struct pc_configuration configuration;
};

static int bad(struct question *q, const char *why)
{
	int shown = (int)(q->end - q->at > 32 ? 32 : q->end - q->at);

	return hb_error_set_at(
		q->reterr, -EBADMSG, q->path, q->line, "%s at '%.*s'", why, shown, q->at);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct question *q)
{
	while (q->at < q->end && is_blank(*q->at))
		q->at++;
}

/* The character comes next: step over it. */
static bool take(struct question *q, char c)
{
	if (q->at == q->end || *q->at != c)
		return false;
	q->at++;
	return true;
}

static bool take_word(struct question *q, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(q->end - q->at) < length || memcmp(q->at, word, length) != 0 ||
		(q->at + length < q->end && !is_blank(q->at[length])))
		return false;
	q->at += length;
	return true;
}

static int take_number(struct question *q, uint64_t max, const char *what, uint64_t *ret)
{
	const char *begin = q->at;
	uint64_t value = 0;

	while (q->at < q->end && *q->at >= '0' && *q->at <= '9') {
		uint64_t digit = (uint64_t)(*q->at - '0');

		if (digit > max || value > (max - digit) / 10) {
			q->at = begin;
			return bad(q, what);
		}
		value = value * 10 + digit;
		q->at++;
	}
	if (q->at == begin)
		return bad(q, what);
	*ret = value;
	return 0;
}

/* The number under which the node called @name counts, or PC_REPLICAS_MAX when there are too many. */
static uint32_t node_of(struct question *q, uint64_t name)
{
	for (uint32_t i = 0; i < q->node_count; i++) {
		if (q->names[i] == name)
			return i;
	}
	if (q->node_count == PC_REPLICAS_MAX)
		return PC_REPLICAS_MAX;
	q->names[q->node_count] = name;
	return q->node_count++;
}

static int take_voter(struct question *q, struct pc_rule *rule)
{
	uint64_t name = 0, votes = 1;
	uint32_t node;
	int err = take_number(q, UINT64_MAX, "the number of a node is expected", &name);

	if (err)
		return err;
	node = node_of(q, name);
	if (node == PC_REPLICAS_MAX)
		return bad(q, "more than 64 nodes");
	if (rule->voters & (uint64_t)1 << node)
		return bad(q, "a node is named twice in one rule");
	if (take(q, ':'))
		err = take_number(q, PC_VOTES_MAX, "votes from 0 to 1000000 are expected", &votes);
	if (err)
		return err;
	rule->voters |= (uint64_t)1 << node;
	rule->votes[node] = (uint32_t)votes;
	rule->lives[node] = PC_FIRST_LIFE;
	rule->total += (uint32_t)votes;
	return 0;
}

static int take_rule(struct question *q, struct pc_rule *ret)
{
	struct pc_rule rule = {0};
	uint64_t per = 0, vc = 0;
	int err;

	do {
		err = take_voter(q, &rule);
		if (err)
			return err;
	} while (take(q, ','));
	if (rule.total == 0)
		return bad(q, "nobody has a vote before here");
	rule.need_per = rule.need_vc = rule.total / 2 + 1;
	if (take(q, '/')) {
		err = take_number(q, rule.total, "votes that commit are expected", &per);
		if (err)
			return err;
		if (!take(q, '/'))
			return bad(q, "/ and the votes that elect are expected");
		err = take_number(q, rule.total, "votes that elect are expected", &vc);
		if (err)
			return err;
		if (per == 0 || vc == 0)
			return bad(q, "a quorum needs at least one vote, before here");
		rule.need_per = (uint32_t)per;
		rule.need_vc = (uint32_t)vc;
	}
	*ret = rule;
	return 0;
}

static int take_configuration(struct question *q)
{
	int err;

	skip_blanks(q);
	err = take_rule(q, &q->configuration.now);
	if (!err && take(q, '+')) {
		q->configuration.joint = true;
		err = take_rule(q, &q->configuration.before);
	}
	if (!err && q->at < q->end && !is_blank(*q->at))
		return bad(q, "this does not belong to a configuration");
	return err;
}

/* All nodes have answered and nothing follows. */
static int expect_end(struct question *q)
{
	skip_blanks(q);
	return q->at == q->end ? 0 : bad(q, "more answers than nodes,");
}

static int answer_commit(struct question *q, FILE *answers)
{
	uint64_t indices[PC_REPLICAS_MAX] = {0}, acknowledged = 0, index;
	int err;

	for (uint32_t i = 0; i < q->node_count; i++) {
		skip_blanks(q);
		if (q->at == q->end)
			return bad(q, "an index or _ for each node is expected");
		if (take(q, '_')) {
			if (q->at < q->end && !is_blank(*q->at))
				return bad(q, "an index or _ is expected");
			continue;
		}
		err = take_number(q, UINT64_MAX, "an index or _ is expected", &indices[i]);
		if (!err && q->at < q->end && !is_blank(*q->at))
			err = bad(q, "an index or _ is expected");
		if (err)
			return err;
		acknowledged |= (uint64_t)1 << i;
	}
	err = expect_end(q);
	if (err)
		return err;
	if (pc_configuration_commit(&q->configuration, acknowledged, indices, NULL, &index))
		(void)fprintf(answers, "%" PRIu64 "\n", index);
	else
		(void)fputs("_\n", answers);
	return 0;
}

static int answer_vote(struct question *q, FILE *answers)
{
	static const char *const verdicts[] = {
		[PC_PENDING] = "pending", [PC_WON] = "won", [PC_LOST] = "lost"};
	uint64_t granted = 0, refused = 0;
	int err;

	for (uint32_t i = 0; i < q->node_count; i++) {
		skip_blanks(q);
		if (take_word(q, "y"))
			granted |= (uint64_t)1 << i;
		else if (take_word(q, "n"))
			refused |= (uint64_t)1 << i;
		else if (!take_word(q, "_"))
			return bad(q, "y, n or _ for each node is expected");
	}
	err = expect_end(q);
	if (err)
		return err;
	(void)fprintf(answers, "%s\n",
		verdicts[pc_configuration_vote(&q->configuration, granted, refused, NULL)]);
	return 0;
}

static int answer_line(struct question *q, FILE *answers)
{
	bool commit;
	int err;

	skip_blanks(q);
	if (q->at == q->end || *q->at == '#')
		return 0;
	commit = take_word(q, "commit");
	if (!commit && !take_word(q, "vote"))
		return bad(q, "commit or vote is expected");
	err = take_configuration(q);
	if (err)
		return err;
	return commit ? answer_commit(q, answers) : answer_vote(q, answers);
}

int pc_quorum_answer(const char *text, size_t length_bytes, const char *path, FILE *answers,
	struct hb_error *reterr)
{
	const char *end = text + length_bytes;
	int line = 0;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		struct question q = {.at = text, .path = path, .line = ++line, .reterr = reterr};
		int err;

		q.end = newline ? newline : end;
		err = answer_line(&q, answers);
		if (err)
			return err;
		text = newline ? newline + 1 : end;
	}
	return 0;
}
