/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Languages for messages: a list of strings, a regular expression by elimination of states, or how strings begin. All
 * text is built in scratch memory and never longer than what is asked for.
 */
#include "language.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/assert.h>

#define ELIMINATION_STATES_MAX 24
#define STRINGS_MAX 4

/* Text that stops growing when it is full. */
struct text {
	char *bytes;
	size_t length, capacity;
	bool cut;
};

static void add(struct text *text, const char *bytes)
{
	size_t length = strlen(bytes);

	if (text->cut || length >= text->capacity - text->length) {
		text->cut = true;
		return;
	}
	memcpy(text->bytes + text->length, bytes, length + 1);
	text->length += length;
}

/* A byte as it stands in an expression; @special: bytes that need a backslash. */
static void add_byte(struct text *text, unsigned char byte, const char *special)
{
	char form[8];

	if (byte == '\n')
		(void)snprintf(form, sizeof(form), "\\n");
	else if (byte == '\t')
		(void)snprintf(form, sizeof(form), "\\t");
	else if (byte < ' ' || byte > '~')
		(void)snprintf(form, sizeof(form), "\\x%02X", byte);
	else if (strchr(special, byte))
		(void)snprintf(form, sizeof(form), "\\%c", byte);
	else
		(void)snprintf(form, sizeof(form), "%c", byte);
	add(text, form);
}

static void add_ranges(struct text *text, const struct shc_byte_set *set)
{
	for (int first = 0; first < 256; first++) {
		int last = first;

		if (!shc_byte_set_has(set, (unsigned char)first))
			continue;
		while (last < 255 && shc_byte_set_has(set, (unsigned char)(last + 1)))
			last++;
		add_byte(text, (unsigned char)first, "]\\^-");
		if (last > first + 1)
			add(text, "-");
		if (last > first)
			add_byte(text, (unsigned char)last, "]\\^-");
		first = last;
	}
}

static int set_size(const struct shc_byte_set *set)
{
	int size = 0;

	for (int i = 0; i < 4; i++)
		size += __builtin_popcountll(set->words[i]);
	return size;
}

/* One byte, a bracket expression or its complement, whichever is shorter. NUL is left out of account. */
static void add_set(struct text *text, const struct shc_byte_set *set)
{
	struct shc_byte_set others = shc_byte_set_complement(set), inside = *set;
	int size = set_size(set);

	if (size == 1) {
		for (int b = 0; b < 256; b++) {
			if (shc_byte_set_has(set, (unsigned char)b))
				add_byte(text, (unsigned char)b, "\\.[]()*+?{}|^$");
		}
		return;
	}
	others.words[0] &= ~UINT64_C(1);
	if (size > 128)
		inside.words[0] &= ~UINT64_C(1);
	if (!set_size(&others)) {
		add(text, ".");
		return;
	}
	add(text, size > 128 ? "[^" : "[");
	add_ranges(text, size > 128 ? &others : &inside);
	add(text, "]");
}

/* How tightly an expression binds. */
enum level {
	ALTERNATION,
	SEQUENCE,
	ATOM,
};

/* An expression; NULL text: the empty language. "" is ε, a sequence of nothing. */
struct expression {
	const char *text;
	enum level level;
};

struct elimination {
	struct shc_dfa_pool *pool;
	const struct shc_dfa *a;
	uint32_t count; /* live states, then a start and an end of their own */
	struct expression *edges;
	size_t limit;
	bool failed;
};

static struct expression *edge(struct elimination *e, uint32_t from, uint32_t to)
{
	return &e->edges[from * e->count + to];
}

static struct text begin(struct elimination *e)
{
	struct text text = {.bytes = scratch(e->pool, e->limit, 1), .capacity = e->limit};

	if (!text.bytes) {
		e->failed = true;
		text.cut = true;
		return text;
	}
	text.bytes[0] = '\0';
	return text;
}

static struct expression finish(struct elimination *e, const struct text *text, enum level level)
{
	if (text->cut)
		e->failed = true;
	return (struct expression){.text = text->cut ? "" : text->bytes, .level = level};
}

static void add_expression(struct text *text, const struct expression *x, enum level level)
{
	bool group = x->level < level || (level == ATOM && !*x->text);

	if (group)
		add(text, "(");
	add(text, x->text);
	if (group)
		add(text, ")");
}

static struct expression alternate(
	struct elimination *e, const struct expression *x, const struct expression *y)
{
	struct text text;

	if (!x->text || !y->text)
		return x->text ? *x : *y;
	if (strcmp(x->text, y->text) == 0)
		return *x;
	text = begin(e);
	if (!*x->text || !*y->text) {
		add_expression(&text, *x->text ? x : y, ATOM);
		add(&text, "?");
		return finish(e, &text, SEQUENCE);
	}
	add(&text, x->text);
	add(&text, "|");
	add(&text, y->text);
	return finish(e, &text, ALTERNATION);
}

/* in loop* out */
static struct expression chain(struct elimination *e, const struct expression *in,
	const struct expression *loop, const struct expression *out)
{
	struct text text = begin(e);
	bool looped = loop->text && *loop->text;

	if (!*in->text && !looped)
		return *out;
	if (!*out->text && !looped)
		return *in;
	if (*in->text)
		add_expression(&text, in, SEQUENCE);
	if (looped) {
		add_expression(&text, loop, ATOM);
		add(&text, "*");
	}
	if (*out->text)
		add_expression(&text, out, SEQUENCE);
	return finish(e, &text, SEQUENCE);
}

static void label_edges(struct elimination *e, const uint32_t *number)
{
	const struct shc_dfa *a = e->a;
	static const struct expression nothing = {.text = "", .level = SEQUENCE};
	uint32_t start = e->count - 2, end = e->count - 1;

	for (uint32_t s = 0; s < a->state_count; s++) {
		if (s == a->dead)
			continue;
		if (a->accepting[s])
			*edge(e, number[s], end) = nothing;
		for (uint32_t t = 0; t < a->state_count; t++) {
			struct shc_byte_set set = {0};
			struct text text;

			if (t == a->dead)
				continue;
			for (int b = 0; b < 256; b++) {
				if (dfa_move(a, s, a->class_of[b]) == t)
					shc_byte_set_add(&set, (unsigned char)b);
			}
			if (!set_size(&set))
				continue;
			text = begin(e);
			add_set(&text, &set);
			*edge(e, number[s], number[t]) = finish(e, &text, ATOM);
		}
	}
	*edge(e, start, number[0]) = nothing;
}

/* The state whose elimination writes least; @gone: those that are eliminated. */
static uint32_t cheapest(struct elimination *e, const bool *gone)
{
	uint32_t best = NONE;
	size_t best_cost = SIZE_MAX;

	for (uint32_t s = 0; s + 2 < e->count; s++) {
		size_t in = 0, out = 0, text = 0;

		for (uint32_t t = 0; t < e->count && !gone[s]; t++) {
			if (t == s || (t + 2 < e->count && gone[t]))
				continue;
			in += edge(e, t, s)->text != NULL;
			out += edge(e, s, t)->text != NULL;
			text += edge(e, t, s)->text ? strlen(edge(e, t, s)->text) : 0;
			text += edge(e, s, t)->text ? strlen(edge(e, s, t)->text) : 0;
		}
		if (!gone[s] && in * out * 16 + text < best_cost) {
			best_cost = in * out * 16 + text;
			best = s;
		}
	}
	return best;
}

static void eliminate(struct elimination *e, uint32_t s, const bool *gone)
{
	for (uint32_t from = 0; from < e->count && !e->failed; from++) {
		if (from == s || (from + 2 < e->count && gone[from]) || !edge(e, from, s)->text)
			continue;
		for (uint32_t to = 0; to < e->count && !e->failed; to++) {
			struct expression through;

			if (to == s || (to + 2 < e->count && gone[to]) || !edge(e, s, to)->text)
				continue;
			through = chain(e, edge(e, from, s), edge(e, s, s), edge(e, s, to));
			*edge(e, from, to) = alternate(e, edge(e, from, to), &through);
		}
	}
}

static bool format_expression(const struct shc_dfa *a, char *buffer, size_t size_bytes)
{
	struct elimination e = {.pool = a->pool, .a = a, .limit = size_bytes};
	uint32_t number[ELIMINATION_STATES_MAX + 1], live = 0;
	bool gone[ELIMINATION_STATES_MAX + 1] = {false};
	const struct expression *result;

	if (a->state_count > ELIMINATION_STATES_MAX)
		return false;
	for (uint32_t s = 0; s < a->state_count; s++)
		number[s] = s == a->dead ? NONE : live++;
	e.count = live + 2;
	e.edges = scratch_zero(a->pool, (size_t)e.count * e.count, sizeof(*e.edges));
	if (!e.edges)
		return false;
	label_edges(&e, number);
	for (uint32_t i = 0; i < live && !e.failed; i++) {
		uint32_t s = cheapest(&e, gone);

		eliminate(&e, s, gone);
		gone[s] = true;
	}
	result = edge(&e, e.count - 2, e.count - 1);
	if (e.failed || !result->text)
		return false;
	return snprintf(buffer, size_bytes, "matching %s", result->text) < (int)size_bytes;
}

static bool format_strings(const struct shc_dfa *a, char *buffer, size_t size_bytes)
{
	struct text text = {.bytes = buffer, .capacity = size_bytes};
	struct shc_strings strings;

	if (a->count > STRINGS_MAX || a->length_max > size_bytes ||
		shc_dfa_enumerate(a, STRINGS_MAX, &strings))
		return false;
	for (size_t i = 0; i < strings.count; i++) {
		add(&text, i ? " or \"" : "\"");
		for (size_t j = 0; j < strings.items[i].length; j++)
			add_byte(&text, (unsigned char)strings.items[i].bytes[j], "\"\\");
		add(&text, "\"");
	}
	shc_strings_finish(&strings);
	return !text.cut;
}

/* What is always true: how strings begin, and how long they are. */
static void format_outline(const struct shc_dfa *a, char *buffer, size_t size_bytes)
{
	char prefix[32], tail[64];
	struct text text = {.bytes = buffer, .capacity = size_bytes};
	size_t length = shc_dfa_common_prefix(a, prefix, sizeof(prefix));
	unsigned long long least = a->distance[0];

	buffer[0] = '\0';
	if (length) {
		add(&text, "beginning with \"");
		for (size_t i = 0; i < length; i++)
			add_byte(&text, (unsigned char)prefix[i], "\"\\");
		add(&text, "\", ");
	}
	(void)snprintf(tail, sizeof(tail), "%llu byte%s%s", least, least == 1 ? "" : "s",
		a->length_max == least ? "" : " or more");
	if (length && strlen(tail) >= text.capacity - text.length)
		text.cut = true;
	if (text.cut) {
		/* The beginning does not fit; the length alone may. */
		(void)snprintf(buffer, size_bytes, "%s", tail);
		return;
	}
	add(&text, tail);
}

char *shc_dfa_format(const struct shc_dfa *a, char *buffer, size_t size_bytes)
{
	struct scratch_mark mark = operation_begin(a->pool);

	hb_assert(size_bytes > 0);
	buffer[0] = '\0';
	if (a->dead == 0)
		(void)snprintf(buffer, size_bytes, "nothing");
	else if (a == a->pool->all || a == a->pool->text)
		(void)snprintf(buffer, size_bytes, "any text");
	else if (!format_strings(a, buffer, size_bytes) &&
		 !format_expression(a, buffer, size_bytes))
		format_outline(a, buffer, size_bytes);
	operation_end(a->pool, mark);
	return buffer;
}
