/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shell patterns (POSIX XCU 2.13; lists as in bash). */
#include "bracket.h"
#include "nfa.h"

#include <errno.h>
#include <string.h>

#include <hotbed/error.h>

struct glob {
	struct shc_dfa_pool *pool;
	const char *text;
	size_t length;
	unsigned int flags;
	uint32_t *
		closing; /* of each opening parenthesis, NONE if it is never closed; EXTENDED only */
	size_t brackets_until; /* behind the last closing bracket: no bracket expression starts behind it */
	struct shc_byte_set any;
	bool exhausted; /* brackets that are never closed took all steps */
	struct hb_error *reterr;
};

bool shc_glob_escape(unsigned char byte)
{
	return byte && strchr("*?[]\\!^-()|+@", byte);
}

static unsigned int bracket_flags(const struct glob *g)
{
	unsigned int flags = BRACKET_BANG;

	if (!(g->flags & SHC_GLOB_NO_ESCAPE))
		flags |= BRACKET_ESCAPE;
	if (g->flags & SHC_GLOB_PATHNAME)
		flags |= BRACKET_SLASH;
	if (g->flags & SHC_GLOB_IGNORE_CASE)
		flags |= BRACKET_FOLD;
	return flags;
}

/* The bracket expression that opens at @at: bytes it takes, 0 if the bracket stands for itself. */
static size_t bracket_at(struct glob *g, size_t at, size_t end, struct shc_byte_set *ret_set)
{
	enum bracket_result result;
	size_t length;

	if (at >= g->brackets_until || g->exhausted)
		return 0;
	result = bracket_parse(g->text + at + 1, end - at - 1, bracket_flags(g), ret_set, &length);
	g->exhausted = !charge(g->pool, length + 1);
	if (result == BRACKET_OPEN)
		return 0;
	for (int i = 0; i < 4; i++)
		ret_set->words[i] &= g->any.words[i];
	return length + 1;
}

/* Pair the parentheses, those in bracket expressions and behind backslashes apart. */
static int pair_parentheses(struct glob *g)
{
	uint32_t *open = scratch(g->pool, g->length + 1, sizeof(*open)), depth = 0;
	struct shc_byte_set set;

	g->closing = scratch(g->pool, g->length + 1, sizeof(*g->closing));
	if (!open || !g->closing)
		return -ENOMEM;
	memset(g->closing, 0xff, (g->length + 1) * sizeof(*g->closing));
	for (size_t i = 0; i < g->length; i++) {
		size_t bracket;

		switch (g->text[i]) {
		case '\\':
			i += !(g->flags & SHC_GLOB_NO_ESCAPE);
			break;
		case '[':
			bracket = bracket_at(g, i, g->length, &set);
			i += bracket ? bracket - 1 : 0;
			break;
		case '(':
			open[depth++] = (uint32_t)i;
			break;
		case ')':
			if (depth)
				g->closing[open[--depth]] = (uint32_t)i;
			break;
		default:
			break;
		}
	}
	return 0;
}

static bool opens_list(const struct glob *g, size_t at, size_t end)
{
	return g->flags & SHC_GLOB_EXTENDED && at + 1 < end && g->text[at + 1] == '(' &&
	       strchr("?*+@!", g->text[at]) && g->text[at] && g->closing[at + 1] < end;
}

static void literal(const struct glob *g, struct nfa *nfa, uint32_t *at, unsigned char byte)
{
	struct shc_byte_set set = shc_byte_set_range(byte, byte);
	uint32_t to = nfa_state(nfa, false);

	if (g->flags & SHC_GLOB_IGNORE_CASE)
		byte_set_fold(&set);
	nfa_edge(nfa, *at, nfa_label(nfa, &set), to);
	*at = to;
}

static int list(struct glob *g, struct nfa *nfa, size_t at, size_t end, int depth, uint32_t *state);

/* The part from @from up to @end, from state *@state; leaves the state behind it there. */
static int sequence(
	struct glob *g, struct nfa *nfa, size_t from, size_t end, int depth, uint32_t *state)
{
	struct shc_byte_set set;
	int err = 0;

	for (size_t i = from; i < end && !err && !nfa->err; i++) {
		size_t bracket = 0;
		uint32_t to;

		if (opens_list(g, i, end)) {
			err = list(g, nfa, i, g->closing[i + 1], depth, state);
			i = g->closing[i + 1];
			continue;
		}
		if (g->text[i] == '[')
			bracket = bracket_at(g, i, end, &set);
		if (bracket || g->text[i] == '?') {
			to = nfa_state(nfa, false);
			nfa_wild(nfa, *state, nfa_label(nfa, bracket ? &set : &g->any), to);
			*state = to;
			i += bracket ? bracket - 1 : 0;
		} else if (g->text[i] == '*') {
			to = nfa_state(nfa, false);
			nfa_wild(nfa, *state, NFA_EPSILON, to);
			nfa_wild(nfa, to, nfa_label(nfa, &g->any), to);
			*state = to;
		} else {
			if (g->text[i] == '\\' && i + 1 < end && !(g->flags & SHC_GLOB_NO_ESCAPE))
				i++;
			literal(g, nfa, state, (unsigned char)g->text[i]);
		}
	}
	return err ? err : nfa->err;
}

/* The alternatives between @from and @end, each from state @before to state @behind. */
static int alternatives(struct glob *g, struct nfa *nfa, size_t from, size_t end, int depth,
	uint32_t before, uint32_t behind)
{
	struct shc_byte_set set;
	size_t start = from;
	int err = 0;

	for (size_t i = from; i <= end && !err; i++) {
		size_t bracket = 0;

		if (i == end || g->text[i] == '|') {
			uint32_t state = before;

			err = sequence(g, nfa, start, i, depth, &state);
			nfa_epsilon(nfa, state, behind);
			start = i + 1;
		} else if (g->text[i] == '\\' && !(g->flags & SHC_GLOB_NO_ESCAPE)) {
			i++;
		} else if (g->text[i] == '(' && g->closing[i] < end) {
			i = g->closing[i];
		} else if (g->text[i] == '[') {
			bracket = bracket_at(g, i, end, &set);
			i += bracket ? bracket - 1 : 0;
		}
	}
	return err;
}

/* !(...): everything but the alternatives; a part of a component where PATHNAME is set. */
static int negated(struct glob *g, struct nfa *nfa, size_t from, size_t end, int depth,
	uint32_t before, uint32_t behind)
{
	const struct shc_dfa *inner, *any;
	struct nfa sub;
	uint32_t start, accept, first_edge;
	int err;

	nfa_init(&sub, g->pool);
	start = nfa_state(&sub, false);
	accept = nfa_state(&sub, true);
	nfa_start(&sub, start);
	err = alternatives(g, &sub, from, end, depth, start, accept);
	if (!err)
		err = nfa_finish(&sub, &inner);
	if (!err)
		err = shc_dfa_bytes_star(g->pool, &g->any, &any);
	if (!err)
		err = shc_dfa_difference(g->pool, any, inner, &inner);
	if (err)
		return err;
	first_edge = nfa->edge_count;
	nfa_splice(nfa, before, inner, behind);
	for (uint32_t e = first_edge; e < nfa->edge_count && !nfa->err; e++)
		nfa->edges[e].wild = true;
	return nfa->err;
}

static int list(struct glob *g, struct nfa *nfa, size_t at, size_t end, int depth, uint32_t *state)
{
	uint32_t before = nfa_state(nfa, false), behind = nfa_state(nfa, false);
	char kind = g->text[at];

	if (depth == SHC_PATTERN_DEPTH_MAX)
		return hb_error_set(g->reterr, -E2BIG,
			"lists are nested more than %d deep at byte %zu of the pattern",
			SHC_PATTERN_DEPTH_MAX, at + 1);
	nfa_epsilon(nfa, *state, before);
	*state = behind;
	if (kind == '!')
		return negated(g, nfa, at + 2, end, depth + 1, before, behind);
	if (kind == '?' || kind == '*')
		nfa_epsilon(nfa, before, behind);
	if (kind == '*' || kind == '+')
		nfa_epsilon(nfa, behind, before);
	return alternatives(g, nfa, at + 2, end, depth + 1, before, behind);
}

/* What is known of the place in a component: nothing was read of it; nor, but a wildcard came first; something was. */
enum place {
	PLACE_START,
	PLACE_BEHIND_WILDCARD,
	PLACE_WITHIN,
	PLACE_COUNT,
};

/* The moves of @edge from @place. A dot at the start is read only if nothing but the dot stands there. */
static void move_in_component(const struct glob *g, const struct nfa *plain,
	const struct nfa_edge *edge, enum place place, struct nfa *nfa)
{
	uint32_t from = PLACE_COUNT * edge->from + place, to = PLACE_COUNT * edge->to;
	struct shc_byte_set set, slash = shc_byte_set_range('/', '/');

	if (edge->label == NFA_EPSILON) {
		bool marks = edge->wild && place == PLACE_START;

		nfa_epsilon(nfa, from, to + (marks ? PLACE_BEHIND_WILDCARD : place));
		return;
	}
	set = plain->labels[edge->label];
	if (place == PLACE_BEHIND_WILDCARD || (place == PLACE_START && edge->wild))
		set.words['.' / 64] &= ~(UINT64_C(1) << '.' % 64);
	if (g->flags & SHC_GLOB_PATHNAME && shc_byte_set_has(&set, '/')) {
		nfa_edge(nfa, from, nfa_label(nfa, &slash), to + PLACE_START);
		set.words['/' / 64] &= ~(UINT64_C(1) << '/' % 64);
	}
	nfa_edge(nfa, from, nfa_label(nfa, &set), to + PLACE_WITHIN);
}

/* @plain with each state once for each place. */
static void forbid_leading_dots(const struct glob *g, const struct nfa *plain, uint32_t start,
	uint32_t accept, struct nfa *nfa)
{
	for (uint32_t s = 0; s < plain->state_count; s++) {
		for (enum place place = PLACE_START; place < PLACE_COUNT; place++)
			(void)nfa_state(nfa, s == accept);
	}
	nfa_start(nfa,
		PLACE_COUNT * start + (PLANTED(GLOB_DOT_ANYWHERE) ? PLACE_WITHIN : PLACE_START));
	for (uint32_t e = 0; e < plain->edge_count && !nfa->err; e++) {
		for (enum place place = PLACE_START; place < PLACE_COUNT; place++)
			move_in_component(g, plain, &plain->edges[e], place, nfa);
	}
}

static int compile(struct glob *g, const struct shc_dfa **ret)
{
	struct nfa nfa, layered;
	uint32_t start, state;
	int err = g->flags & SHC_GLOB_EXTENDED ? pair_parentheses(g) : 0;

	if (err)
		return err;
	nfa_init(&nfa, g->pool);
	start = state = nfa_state(&nfa, false);
	nfa_start(&nfa, start);
	err = sequence(g, &nfa, 0, g->length, 0, &state);
	if (!err && g->exhausted)
		err = -E2BIG;
	if (err)
		return err;
	if (g->flags & SHC_GLOB_LEADING_DOT) {
		nfa_init(&layered, g->pool);
		forbid_leading_dots(g, &nfa, start, state, &layered);
		return nfa_finish(&layered, ret);
	}
	nfa.accepting[state] = true;
	return nfa_finish(&nfa, ret);
}

int shc_dfa_glob(struct shc_dfa_pool *pool, const char *pattern, size_t length, unsigned int flags,
	const struct shc_dfa **ret, struct hb_error *reterr)
{
	struct glob g = {.pool = pool,
		.text = pattern,
		.length = length,
		.flags = flags,
		.any = shc_byte_set_range(1, 255),
		.reterr = reterr};
	struct scratch_mark mark;
	int err;

	if (length > SHC_PATTERN_MAX)
		return hb_error_set(reterr, -E2BIG, "a pattern has %zu bytes; %d are allowed",
			length, SHC_PATTERN_MAX);
	if (flags & SHC_GLOB_PATHNAME && !PLANTED(GLOB_STAR_TAKES_SLASH))
		g.any.words['/' / 64] &= ~(UINT64_C(1) << '/' % 64);
	for (size_t i = 0; i < length; i++) {
		if (pattern[i] == ']')
			g.brackets_until = i;
	}
	mark = operation_begin(pool);
	err = compile(&g, ret);
	operation_end(pool, mark);
	return err;
}
