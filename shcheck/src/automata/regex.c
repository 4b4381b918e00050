/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * POSIX regular expressions (XBD 9), basic and extended, read into a tree and from there into an automaton. Anchors are
 * moves that only the start or the end of the string allows; they are resolved by running four copies of the automaton.
 */
#include "bracket.h"
#include "nfa.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#define REPEAT_MAX 32767 /* RE_DUP_MAX of glibc */

enum kind {
	NODE_EMPTY,
	NODE_SET,
	NODE_BEGIN,
	NODE_END,
	NODE_SEQUENCE,    /* of children */
	NODE_ALTERNATIVE, /* of children */
	NODE_REPEAT,      /* of one child */
};

struct node {
	enum kind kind;
	uint32_t child, last_child, sibling; /* NONE = none */
	uint32_t min, max;                   /* max NONE: no bound */
	uint32_t depth;                      /* of the tree below */
	struct shc_byte_set set;
};

struct regex {
	struct shc_dfa_pool *pool;
	const char *text;
	size_t length, at;
	unsigned int flags;
	bool extended, exact, anchored;
	struct node *nodes;
	uint32_t node_count, node_capacity;
	uint32_t groups[10]; /* nodes of the first closed groups */
	uint32_t group_count;
	struct hb_error *reterr;
};

static int fault(struct regex *r, size_t at, const char *what)
{
	return hb_error_set(
		r->reterr, -EINVAL, "byte %zu of the regular expression: %s", at + 1, what);
}

static int add_node(struct regex *r, enum kind kind, uint32_t *ret)
{
	if (!charge(r->pool, 1))
		return -E2BIG;
	if (scratch_grow(
		    r->pool, &r->nodes, &r->node_capacity, r->node_count + 1, sizeof(*r->nodes)))
		return -ENOMEM;
	r->nodes[r->node_count] = (struct node){
		.kind = kind, .child = NONE, .last_child = NONE, .sibling = NONE, .depth = 1};
	*ret = r->node_count++;
	return 0;
}

/* The tree may not become deeper than a recursion over it should be. */
static int add_child(struct regex *r, uint32_t parent, uint32_t child)
{
	struct node *node = &r->nodes[parent];

	if (node->child == NONE)
		node->child = child;
	else
		r->nodes[node->last_child].sibling = child;
	node->last_child = child;
	if (r->nodes[child].depth + 1 > node->depth)
		node->depth = r->nodes[child].depth + 1;
	if (node->depth > SHC_PATTERN_DEPTH_MAX * 4)
		return hb_error_set(r->reterr, -E2BIG,
			"byte %zu of the regular expression: nested too deep", r->at + 1);
	return 0;
}

static int set_node(struct regex *r, const struct shc_byte_set *set, uint32_t *ret)
{
	int err = add_node(r, NODE_SET, ret);

	if (!err)
		r->nodes[*ret].set = *set;
	return err;
}

static int literal_node(struct regex *r, unsigned char byte, uint32_t *ret)
{
	struct shc_byte_set set = shc_byte_set_range(byte, byte);

	if (r->flags & SHC_REGEX_IGNORE_CASE)
		byte_set_fold(&set);
	return set_node(r, &set, ret);
}

/* Any byte of the subject. */
static struct shc_byte_set any_byte(const struct regex *r)
{
	struct shc_byte_set set = shc_byte_set_range(1, 255);

	if (r->flags & SHC_REGEX_LINE)
		set.words[0] &= ~(UINT64_C(1) << '\n');
	return set;
}

static bool ahead(const struct regex *r, const char *text)
{
	size_t length = strlen(text);

	return r->length - r->at >= length && memcmp(r->text + r->at, text, length) == 0;
}

static bool at_bar(const struct regex *r)
{
	return ahead(r, r->extended ? "|" : "\\|");
}

static bool at_close(const struct regex *r, int depth)
{
	return depth && ahead(r, r->extended ? ")" : "\\)");
}

/* In a BRE a dollar is an anchor only at the end of the expression, a group or an alternative. */
static bool dollar_anchors(const struct regex *r, int depth)
{
	struct regex behind = *r;

	behind.at++;
	return r->extended || behind.at == r->length || at_close(&behind, depth) || at_bar(&behind);
}

static int parse_alternatives(struct regex *r, int depth, uint32_t *ret);

static int parse_group(struct regex *r, int depth, uint32_t *ret)
{
	size_t open = r->at;
	uint32_t number;
	int err;

	if (depth >= SHC_PATTERN_DEPTH_MAX)
		return hb_error_set(r->reterr, -E2BIG,
			"byte %zu of the regular expression: groups are nested more than %d deep",
			open + 1, SHC_PATTERN_DEPTH_MAX);
	r->at += r->extended ? 1 : 2;
	number = ++r->group_count;
	if (number < 10)
		r->groups[number] = NONE;
	err = parse_alternatives(r, depth + 1, ret);
	if (err)
		return err;
	if (!at_close(r, depth + 1))
		return fault(r, open, "this group is never closed; write \\( for a parenthesis");
	r->at += r->extended ? 1 : 2;
	if (number < 10)
		r->groups[number] = *ret;
	return 0;
}

static int parse_bracket(struct regex *r, uint32_t *ret)
{
	struct shc_byte_set set;
	size_t length;
	unsigned int flags = r->flags & SHC_REGEX_IGNORE_CASE ? BRACKET_FOLD : 0;

	switch (bracket_parse(r->text + r->at + 1, r->length - r->at - 1, flags, &set, &length)) {
	case BRACKET_OPEN:
		return fault(r, r->at, "this bracket is never closed; write \\[ for a bracket");
	case BRACKET_INVALID:
		return fault(r, r->at,
			"this bracket expression has an unknown class or a range that ends before "
			"it "
			"starts");
	case BRACKET_FOUND:
		break;
	}
	if (r->flags & SHC_REGEX_LINE)
		set.words[0] &= ~(UINT64_C(1) << '\n');
	r->at += 1 + length;
	return set_node(r, &set, ret);
}

/* What stands behind a backslash, except for groups, intervals and bars of BREs. */
static int parse_escape(struct regex *r, uint32_t *ret)
{
	struct shc_byte_set set, underscore = shc_byte_set_range('_', '_');
	struct shc_byte_set any = any_byte(r);
	unsigned char byte;

	if (r->at + 1 >= r->length)
		return fault(
			r, r->at, "nothing follows this backslash; write \\\\ for a backslash");
	byte = (unsigned char)r->text[r->at + 1];
	if (byte >= '1' && byte <= '9') {
		uint32_t group = byte - '0';

		if (group > r->group_count || r->groups[group] == NONE)
			return fault(r, r->at, "no group of that number ends before this");
		r->at += 2;
		r->exact = false;
		*ret = r->groups[group];
		return 0;
	}
	if (byte == ')' && !r->extended)
		return fault(r, r->at, "this closes a group that was not opened");
	r->at += 2;
	switch (byte) {
	case 'w':
	case 'W':
		(void)shc_byte_set_class("alnum", 5, &set);
		set = shc_byte_set_union(&set, &underscore);
		break;
	case 's':
	case 'S':
		(void)shc_byte_set_class("space", 5, &set);
		break;
	case '<':
	case '>':
	case 'b':
	case 'B':
		r->exact = false;
		return add_node(r, NODE_EMPTY, ret);
	case '`':
	case '\'':
		r->anchored = true;
		return add_node(r, byte == '`' ? NODE_BEGIN : NODE_END, ret);
	default:
		return literal_node(r, byte, ret);
	}
	if (byte == 'W' || byte == 'S')
		set = shc_byte_set_complement(&set);
	for (int i = 0; i < 4; i++)
		set.words[i] &= any.words[i];
	return set_node(r, &set, ret);
}

/* One atom. @first: nothing stands before it in its alternative, so operators and (in BREs) ^ are special. */
static int parse_atom(struct regex *r, int depth, bool first, uint32_t *ret)
{
	struct shc_byte_set any = any_byte(r);
	char byte = r->text[r->at];

	if (ahead(r, r->extended ? "(" : "\\("))
		return parse_group(r, depth, ret);
	if (byte == '[')
		return parse_bracket(r, ret);
	if (byte == '\\')
		return parse_escape(r, ret);
	if (byte == '.') {
		r->at++;
		return set_node(r, &any, ret);
	}
	if ((byte == '^' && (r->extended || first)) || (byte == '$' && dollar_anchors(r, depth))) {
		r->at++;
		r->anchored = true;
		return add_node(r, byte == '^' ? NODE_BEGIN : NODE_END, ret);
	}
	if (r->extended && (byte == '*' || byte == '+' || byte == '?')) {
		/* Nothing to repeat: GNU's programs take it as a repeated nothing. */
		return add_node(r, NODE_EMPTY, ret);
	}
	r->at++;
	return literal_node(r, (unsigned char)byte, ret);
}

static bool parse_number(struct regex *r, uint32_t *ret)
{
	uint32_t value = 0;
	size_t from = r->at;

	while (r->at < r->length && isdigit((unsigned char)r->text[r->at]) && value <= REPEAT_MAX)
		value = value * 10 + (uint32_t)(r->text[r->at++] - '0');
	*ret = value;
	return r->at > from;
}

/*
 * {m}, {m,}, {,n}, {m,n} at the opening brace. Returns 1 if there is one, 0 if an ERE's brace stands for itself, or an
 * error.
 */
static int parse_interval(struct regex *r, uint32_t *ret_min, uint32_t *ret_max)
{
	size_t open = r->at;
	bool has_min, has_max = true;

	r->at += r->extended ? 1 : 2;
	has_min = parse_number(r, ret_min);
	*ret_max = *ret_min;
	if (ahead(r, ",")) {
		r->at++;
		has_max = parse_number(r, ret_max);
		if (!has_max)
			*ret_max = NONE;
		has_max = true;
	} else if (!has_min) {
		has_max = false;
	}
	if (!has_max || !ahead(r, r->extended ? "}" : "\\}")) {
		r->at = open;
		return r->extended ? 0 : fault(r, open, "this is no interval like \\{1,3\\}");
	}
	r->at += r->extended ? 1 : 2;
	if (*ret_min > REPEAT_MAX || (*ret_max != NONE && *ret_max > REPEAT_MAX))
		return fault(r, open, "an interval counts to 32767 at most");
	return *ret_min > *ret_max ? fault(r, open, "this interval ends before it starts") : 1;
}

/* A repetition at r->at: 1 and its bounds, 0 if there is none, or an error. */
static int parse_operator(struct regex *r, uint32_t *ret_min, uint32_t *ret_max)
{
	static const struct {
		const char *basic, *extended;
		uint32_t min, max;
	} operators[] = {{"*", "*", 0, NONE}, {"\\+", "+", 1, NONE}, {"\\?", "?", 0, 1}};

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		const char *text = r->extended ? operators[i].extended : operators[i].basic;

		if (!ahead(r, text))
			continue;
		r->at += strlen(text);
		*ret_min = operators[i].min;
		*ret_max = operators[i].max;
		return 1;
	}
	if (ahead(r, r->extended ? "{" : "\\{"))
		return parse_interval(r, ret_min, ret_max);
	return 0;
}

/* Put the operators behind an atom round it. A star of a star is a star. */
static int parse_repeats(struct regex *r, uint32_t *atom)
{
	uint32_t min, max, node;
	int found;

	while ((found = parse_operator(r, &min, &max)) == 1) {
		struct node *inner = &r->nodes[*atom];
		int err;

		if (inner->kind == NODE_REPEAT && !inner->min && inner->max == NONE && max)
			continue;
		err = add_node(r, NODE_REPEAT, &node);
		if (!err)
			err = add_child(r, node, *atom);
		if (err)
			return err;
		r->nodes[node].min = min - (PLANTED(REPEAT_ONE_LESS) && min > 1);
		r->nodes[node].max = max;
		*atom = node;
	}
	return found;
}

/*
 * A node may stand at several places (a back-reference is its group), but has one sibling: so children that are parsed
 * already get a parent of their own.
 */
static int wrap(struct regex *r, uint32_t child, uint32_t *ret)
{
	int err = add_node(r, NODE_REPEAT, ret);

	if (err)
		return err;
	r->nodes[*ret].min = r->nodes[*ret].max = 1;
	r->nodes[*ret].child = child;
	r->nodes[*ret].depth = r->nodes[child].depth + 1;
	return 0;
}

static int parse_sequence(struct regex *r, int depth, uint32_t *ret)
{
	int err = add_node(r, NODE_SEQUENCE, ret);
	bool first = true;

	while (!err && r->at < r->length && !at_bar(r) && !at_close(r, depth)) {
		bool group_or_reference;
		uint32_t atom;

		group_or_reference = ahead(r, "\\") || ahead(r, "(");
		err = parse_atom(r, depth, first, &atom);
		if (!err && group_or_reference)
			err = wrap(r, atom, &atom);
		if (err)
			return err;
		/* Behind the caret of a BRE a star is a star. */
		if (r->extended || r->nodes[atom].kind != NODE_BEGIN)
			err = parse_repeats(r, &atom);
		first = false;
		if (!err)
			err = add_child(r, *ret, atom);
	}
	return err;
}

static int parse_alternatives(struct regex *r, int depth, uint32_t *ret)
{
	int err = add_node(r, NODE_ALTERNATIVE, ret);
	uint32_t branch;

	for (bool more = true; !err && more;) {
		err = parse_sequence(r, depth, &branch);
		if (!err)
			err = add_child(r, *ret, branch);
		more = !err && at_bar(r);
		if (more)
			r->at += r->extended ? 1 : 2;
	}
	return err;
}

static uint32_t emit(const struct regex *r, struct nfa *nfa, uint32_t node, uint32_t from);

static uint32_t emit_repeat(
	const struct regex *r, struct nfa *nfa, const struct node *node, uint32_t from)
{
	uint32_t end;

	for (uint32_t i = 0; i < node->min && !nfa->err; i++)
		from = emit(r, nfa, node->child, from);
	end = nfa_state(nfa, false);
	if (node->max == NONE) {
		nfa_epsilon(nfa, from, end);
		nfa_epsilon(nfa, emit(r, nfa, node->child, end), end);
		return end;
	}
	for (uint32_t i = node->min; i < node->max && !nfa->err; i++) {
		nfa_epsilon(nfa, from, end);
		from = emit(r, nfa, node->child, from);
	}
	nfa_epsilon(nfa, from, end);
	return end;
}

/* The moves of @node from state @from; returns the state behind it. No move is added into @from. */
static uint32_t emit(const struct regex *r, struct nfa *nfa, uint32_t number, uint32_t from)
{
	const struct node *node = &r->nodes[number];
	uint32_t to;

	if (nfa->err)
		return 0;
	switch (node->kind) {
	case NODE_EMPTY:
		return from;
	case NODE_SET:
		to = nfa_state(nfa, false);
		nfa_edge(nfa, from, nfa_label(nfa, &node->set), to);
		return to;
	case NODE_BEGIN:
	case NODE_END:
		to = nfa_state(nfa, false);
		nfa_edge(nfa, from, node->kind == NODE_BEGIN ? NFA_BEGIN : NFA_END, to);
		return to;
	case NODE_SEQUENCE:
		for (uint32_t child = node->child; child != NONE; child = r->nodes[child].sibling)
			from = emit(r, nfa, child, from);
		return from;
	case NODE_ALTERNATIVE:
		to = nfa_state(nfa, false);
		for (uint32_t child = node->child; child != NONE; child = r->nodes[child].sibling)
			nfa_epsilon(nfa, emit(r, nfa, child, from), to);
		return to;
	case NODE_REPEAT:
		return emit_repeat(r, nfa, node, from);
	}
	return from;
}

/* Copies of a state by what is known of the place: bit 0 = bytes were read, bit 1 = no more will be read. */
static void resolve_anchors(const struct nfa *plain, struct nfa *nfa)
{
	for (uint32_t s = 0; s < plain->state_count && !nfa->err; s++) {
		for (int copy = 0; copy < 4; copy++)
			(void)nfa_state(nfa, plain->accepting[s]);
	}
	for (uint32_t i = 0; i < plain->start_count; i++)
		nfa_start(nfa, plain->starts[i] * 4);
	for (uint32_t e = 0; e < plain->edge_count && !nfa->err; e++) {
		const struct nfa_edge *edge = &plain->edges[e];
		uint32_t from = edge->from * 4, to = edge->to * 4;

		for (uint32_t copy = 0; copy < 4; copy++) {
			if (edge->label == NFA_EPSILON || (edge->label == NFA_BEGIN && !(copy & 1)))
				nfa_epsilon(nfa, from + copy, to + copy);
			else if (edge->label == NFA_END)
				nfa_epsilon(nfa, from + copy,
					to + (copy | (PLANTED(REGEX_END_ANYWHERE) ? 0 : 2)));
			else if (edge->label < NFA_END && !(copy & 2))
				nfa_edge(nfa, from + copy,
					nfa_label(nfa, &plain->labels[edge->label]), to + 1);
		}
	}
}

static int compile(struct regex *r, const struct shc_dfa **ret)
{
	struct shc_byte_set any = any_byte(r);
	struct nfa nfa, resolved;
	uint32_t root, start, end;
	int err = parse_alternatives(r, 0, &root);

	if (err)
		return err;
	hb_assert(r->at == r->length);
	nfa_init(&nfa, r->pool);
	start = nfa_state(&nfa, false);
	nfa_start(&nfa, start);
	end = emit(r, &nfa, root, start);
	if (!nfa.err)
		nfa.accepting[end] = true;
	if (r->flags & SHC_REGEX_SEARCH) {
		nfa_edge(&nfa, start, nfa_label(&nfa, &any), start);
		nfa_edge(&nfa, end, nfa_label(&nfa, &any), end);
	}
	if (!r->anchored || nfa.err)
		return nfa_finish(&nfa, ret);
	nfa_init(&resolved, r->pool);
	resolve_anchors(&nfa, &resolved);
	return nfa_finish(&resolved, ret);
}

int shc_dfa_regex(struct shc_dfa_pool *pool, const char *expression, size_t length,
	unsigned int flags, const struct shc_dfa **ret, bool *ret_exact, struct hb_error *reterr)
{
	struct regex r = {.pool = pool,
		.text = expression,
		.length = length,
		.flags = flags,
		.extended = flags & SHC_REGEX_EXTENDED,
		.exact = true,
		.reterr = reterr};
	struct scratch_mark mark;
	int err;

	if (length > SHC_PATTERN_MAX)
		return hb_error_set(reterr, -E2BIG,
			"a regular expression has %zu bytes; %d are allowed", length,
			SHC_PATTERN_MAX);
	mark = operation_begin(pool);
	err = compile(&r, ret);
	operation_end(pool, mark);
	if (!err && ret_exact)
		*ret_exact = r.exact;
	return err;
}
