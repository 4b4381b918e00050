/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Groups by name. See probcons/groups.h.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include <probcons/groups.h>
#include <probcons/node.h>
#include <probcons/node_list.h>

struct span {
	const char *text;
	size_t length;
};

/*
 * Cut @rest at the first @separator; the part before it is returned, and all of it if there is none.
 */
static struct span cut(struct span *rest, char separator)
{
	const char *at = memchr(rest->text, separator, rest->length);
	struct span part = {rest->text, at ? (size_t)(at - rest->text) : rest->length};
	size_t skip = part.length + (at != NULL);

	rest->text += skip;
	rest->length -= skip;
	return part;
}

static struct span trim(struct span s)
{
	while (s.length && isspace((unsigned char)s.text[0])) {
		s.text++;
		s.length--;
	}
	while (s.length && isspace((unsigned char)s.text[s.length - 1]))
		s.length--;
	return s;
}

/* A number within 1 ... @max. 0 if it is none. */
static uint32_t number(struct span s, uint32_t max)
{
	uint64_t value = 0;

	if (!s.length)
		return 0;
	for (size_t i = 0; i < s.length; i++) {
		if (!isdigit((unsigned char)s.text[i]))
			return 0;
		value = value * 10 + (uint64_t)(s.text[i] - '0');
		if (value > max)
			return 0;
	}
	return (uint32_t)value;
}

struct builder {
	struct pc_shock_set set;
	uint32_t node_count;
	size_t used;  /* members so far */
	bool *inside; /* of the group being read, shape [node_count] */
	struct span *names;
};

static int read_members(
	struct builder *b, struct span group, struct span list, struct hb_error *reterr)
{
	struct pc_shock *shock = &b->set.shocks[b->set.count];

	memset(b->inside, 0, b->node_count * sizeof(b->inside[0]));
	while (list.length) {
		struct span item = trim(cut(&list, ',')), high = item;
		bool range = item.length && memchr(item.text, '-', item.length);
		uint32_t first = number(trim(cut(&high, '-')), b->node_count);
		uint32_t last = range ? number(trim(high), b->node_count) : first;

		if (!first || last < first)
			return hb_error_set(reterr, -EINVAL,
				"group `%.*s`: `%.*s` is no node or range within 1-%u",
				(int)group.length, group.text, (int)item.length, item.text,
				b->node_count);
		for (uint32_t i = first - 1; i < last; i++) {
			if (b->inside[i])
				return hb_error_set(reterr, -EINVAL,
					"group `%.*s`: node %u is in it twice", (int)group.length,
					group.text, i + 1);
			b->inside[i] = true;
		}
	}
	shock->members = b->set.members + b->used;
	for (uint32_t i = 0; i < b->node_count; i++) {
		if (b->inside[i]) {
			b->set.members[b->used++] = i;
			shock->member_count++;
		}
	}
	if (!shock->member_count)
		return hb_error_set(
			reterr, -EINVAL, "group `%.*s` is empty", (int)group.length, group.text);
	return 0;
}

static int read_group(struct builder *b, struct span text, struct hb_error *reterr)
{
	struct span rest = text, head, name, probability;
	struct pc_shock *shock = &b->set.shocks[b->set.count];
	struct hb_error inner = {0};
	int rc;

	if (!memchr(text.text, '=', text.length) || !memchr(text.text, ':', text.length))
		return hb_error_set(reterr, -EINVAL, "group `%.*s` is not NAME=PROBABILITY:NODES",
			(int)text.length, text.text);
	head = cut(&rest, ':');
	name = trim(cut(&head, '='));
	probability = trim(head);
	if (!name.length)
		return hb_error_set(
			reterr, -EINVAL, "group `%.*s` has no name", (int)text.length, text.text);
	for (uint32_t i = 0; i < b->set.count; i++)
		if (b->names[i].length == name.length &&
			!memcmp(b->names[i].text, name.text, name.length))
			return hb_error_set(reterr, -EINVAL, "group `%.*s` is given twice",
				(int)name.length, name.text);
	if (probability.length && probability.text[probability.length - 1] == '!') {
		shock->byzantine = true;
		probability.length--;
	}
	rc = pc_probability_parse(
		probability.text, probability.length, &shock->probability, &inner);
	if (rc)
		return hb_error_set(
			reterr, rc, "group `%.*s`: %s", (int)name.length, name.text, inner.text);
	rc = read_members(b, name, rest, reterr);
	if (!rc)
		b->names[b->set.count++] = name;
	return rc;
}

int pc_groups_parse(
	const char *text, uint32_t node_count, struct pc_shock_set *ret, struct hb_error *reterr)
{
	struct span all = {text, strlen(text)};
	struct builder b = {.node_count = node_count};
	size_t groups = 1;
	int rc = 0;

	for (size_t i = 0; i < all.length; i++)
		groups += text[i] == ';';
	if (groups > PC_SHOCKS_MAX || node_count > PC_NODES_EXACT_MAX)
		return hb_error_set(reterr, -E2BIG,
			"%zu groups over %u nodes; at most %d groups over %d nodes", groups,
			node_count, PC_SHOCKS_MAX, PC_NODES_EXACT_MAX);
	b.set.shocks = calloc(groups, sizeof(b.set.shocks[0]));
	b.set.members = malloc((groups * node_count + 1) * sizeof(b.set.members[0]));
	b.inside = calloc((size_t)node_count + 1, sizeof(b.inside[0]));
	b.names = calloc(groups, sizeof(b.names[0]));
	if (!b.set.shocks || !b.set.members || !b.inside || !b.names)
		rc = hb_error_set(reterr, -ENOMEM, "not enough memory for %zu groups", groups);
	while (!rc && all.length) {
		struct span group = trim(cut(&all, ';'));

		if (group.length)
			rc = read_group(&b, group, reterr);
	}
	if (!rc && !b.set.count)
		rc = hb_error_set(
			reterr, -EINVAL, "no group in `%s`; write NAME=PROBABILITY:NODES", text);
	free(b.inside);
	free(b.names);
	if (rc)
		pc_shock_set_finish(&b.set);
	else
		*ret = b.set;
	return rc;
}

int pc_groups_even(uint32_t node_count, uint32_t count, double probability,
	struct pc_shock_set *ret, struct hb_error *reterr)
{
	struct pc_shock_set set = {.count = count};

	if (count == 0 || count > node_count || count > PC_SHOCKS_MAX)
		return hb_error_set(reterr, -EINVAL,
			"%u groups of %u nodes; there are 1 to %d groups and none is empty", count,
			node_count, PC_SHOCKS_MAX);
	if (!(probability >= 0 && probability <= 1))
		return hb_error_set(
			reterr, -EINVAL, "group probability %g is outside [0, 1]", probability);
	set.shocks = calloc(count, sizeof(set.shocks[0]));
	set.members = malloc(node_count * sizeof(set.members[0]));
	if (!set.shocks || !set.members) {
		pc_shock_set_finish(&set);
		return hb_error_set(reterr, -ENOMEM, "not enough memory for %u groups", count);
	}
	for (uint32_t i = 0; i < node_count; i++)
		set.members[i] = i;
	for (uint32_t g = 0; g < count; g++) {
		uint32_t first = (uint32_t)((uint64_t)g * node_count / count);
		uint32_t end = (uint32_t)((uint64_t)(g + 1) * node_count / count);

		set.shocks[g] = (struct pc_shock){.probability = probability,
			.member_count = end - first,
			.members = set.members + first};
	}
	*ret = set;
	return 0;
}

static size_t member_total(const struct pc_shock_set *set)
{
	size_t total = 0;

	for (uint32_t i = 0; i < set->count; i++)
		total += set->shocks[i].member_count;
	return total;
}

/* Copy @from's shocks to @shocks and their members to @members. Returns the number of members. */
static size_t copy(const struct pc_shock_set *from, struct pc_shock *shocks, uint32_t *members)
{
	size_t used = 0;

	for (uint32_t i = 0; i < from->count; i++) {
		shocks[i] = from->shocks[i];
		shocks[i].members = members + used;
		memcpy(members + used, from->shocks[i].members,
			from->shocks[i].member_count * sizeof(members[0]));
		used += from->shocks[i].member_count;
	}
	return used;
}

int pc_shock_set_append(struct pc_shock_set *to, struct pc_shock_set *from)
{
	struct pc_shock_set both = {.count = to->count + from->count};
	size_t used;

	both.shocks = calloc((size_t)both.count + 1, sizeof(both.shocks[0]));
	both.members =
		malloc((member_total(to) + member_total(from) + 1) * sizeof(both.members[0]));
	if (!both.shocks || !both.members) {
		pc_shock_set_finish(&both);
		return -ENOMEM;
	}
	used = copy(to, both.shocks, both.members);
	(void)copy(from, both.shocks + to->count, both.members + used);
	pc_shock_set_finish(to);
	pc_shock_set_finish(from);
	*to = both;
	return 0;
}
