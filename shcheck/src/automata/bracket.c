/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bracket.h"

#include "planted.h"

#include <string.h>

struct bracket {
	const char *text;
	size_t length, at;
	unsigned int flags;
	struct shc_byte_set set;     /* single bytes and ranges */
	struct shc_byte_set classes; /* of [:class:] */
	/* Kinds of names that are closed nowhere behind some place: looking once more would make it quadratic. */
	bool no_class, no_symbol, no_equivalent;
};

/* [.x.] [=x=] [:class:] at b->at, which is behind their first bracket. */
static enum bracket_result parse_named(struct bracket *b, char kind, int *ret_byte)
{
	bool *none = kind == ':' ? &b->no_class : kind == '.' ? &b->no_symbol : &b->no_equivalent;
	size_t from = b->at + 1;
	struct shc_byte_set class;

	if (*none)
		return BRACKET_OPEN;
	for (size_t i = from; i + 1 < b->length; i++) {
		if (b->text[i] == '/' && b->flags & BRACKET_SLASH)
			break;
		if (b->text[i] != kind || b->text[i + 1] != ']')
			continue;
		b->at = i + 2;
		if (kind == ':') {
			if (shc_byte_set_class(b->text + from, i - from, &class))
				return BRACKET_INVALID;
			b->classes = shc_byte_set_union(&b->classes, &class);
			*ret_byte = -1;
			return BRACKET_FOUND;
		}
		if (i - from != 1)
			return BRACKET_INVALID;
		*ret_byte = (unsigned char)b->text[from];
		return BRACKET_FOUND;
	}
	*none = true;
	return BRACKET_OPEN;
}

/* One element: a byte in *@ret_byte, or -1 if it was a class that is in the set already. */
static enum bracket_result parse_element(struct bracket *b, int *ret_byte)
{
	char byte = b->text[b->at];

	if (byte == '/' && b->flags & BRACKET_SLASH)
		return BRACKET_OPEN;
	if (byte == '[' && b->at + 1 < b->length) {
		char kind = b->text[b->at + 1];

		if (kind == ':' || kind == '.' || kind == '=') {
			size_t before = b->at++;
			enum bracket_result result = parse_named(b, kind, ret_byte);

			/* A class that is never closed is an ordinary bracket in patterns. */
			if (result != BRACKET_OPEN || !(b->flags & BRACKET_ESCAPE))
				return result;
			b->at = before;
		}
	}
	if (byte == '\\' && b->flags & BRACKET_ESCAPE) {
		if (b->at + 1 >= b->length)
			return BRACKET_OPEN;
		byte = b->text[++b->at];
		if (byte == '/' && b->flags & BRACKET_SLASH)
			return BRACKET_OPEN;
	}
	b->at++;
	*ret_byte = (unsigned char)byte;
	return BRACKET_FOUND;
}

/* A range that is no range stands for nothing. */
static enum bracket_result parse_range(struct bracket *b, int first)
{
	struct shc_byte_set classes = b->classes;
	int last;
	enum bracket_result result;

	b->at++;
	result = parse_element(b, &last);
	if (result != BRACKET_FOUND)
		return result;
	if (first < 0 || last < 0 || last < first) {
		b->classes = classes;
		return BRACKET_INVALID;
	}
	for (int byte = first; byte <= last; byte++)
		shc_byte_set_add(&b->set, (unsigned char)byte);
	return BRACKET_FOUND;
}

enum bracket_result bracket_parse(const char *text, size_t length, unsigned int flags,
	struct shc_byte_set *ret_set, size_t *ret_length)
{
	struct bracket b = {.text = text, .length = length, .flags = flags};
	enum bracket_result result = BRACKET_FOUND, worst = BRACKET_FOUND;
	bool negated = length && (text[0] == '^' || (text[0] == '!' && flags & BRACKET_BANG));
	size_t first;

	*ret_length = b.at = first = negated;
	while (b.at < length &&
		(text[b.at] != ']' || (b.at == first && !PLANTED(BRACKET_FIRST_CLOSES)))) {
		int byte;

		result = parse_element(&b, &byte);
		if (result == BRACKET_FOUND && b.at + 1 < length && text[b.at] == '-' &&
			text[b.at + 1] != ']')
			result = parse_range(&b, byte);
		else if (result == BRACKET_FOUND && byte >= 0)
			shc_byte_set_add(&b.set, (unsigned char)byte);
		*ret_length = b.at;
		if (result == BRACKET_OPEN)
			return BRACKET_OPEN;
		if (result != BRACKET_FOUND)
			worst = result;
	}
	if (b.at >= length)
		return BRACKET_OPEN;
	*ret_length = b.at + 1;
	/* Patterns that ignore case do so for bytes and ranges only, as bash does. */
	if (flags & BRACKET_FOLD && flags & BRACKET_ESCAPE)
		byte_set_fold(&b.set);
	b.set = shc_byte_set_union(&b.set, &b.classes);
	if (flags & BRACKET_FOLD && !(flags & BRACKET_ESCAPE))
		byte_set_fold(&b.set);
	*ret_set = negated ? shc_byte_set_complement(&b.set) : b.set;
	ret_set->words[0] &= ~UINT64_C(1);
	return worst;
}

void byte_set_fold(struct shc_byte_set *set)
{
	for (int letter = 'a'; letter <= 'z'; letter++) {
		unsigned char lower = (unsigned char)letter;
		unsigned char upper = (unsigned char)(letter - 'a' + 'A');

		if (shc_byte_set_has(set, lower))
			shc_byte_set_add(set, upper);
		else if (shc_byte_set_has(set, upper))
			shc_byte_set_add(set, lower);
	}
}
