/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Brace expansions (bash's manual, "Brace Expansion"): which marks of a word belong together. */
#include "parser.h"

#include <string.h>

struct mark {
	struct shc_part *part;
	uint32_t owner;  /* of a comma and of a }: the { that it belongs to */
	uint32_t commas; /* of a { */
	bool valid;
};

static uint32_t count_marks(const struct shc_part *part)
{
	uint32_t count = 0;

	for (; part; part = part->next)
		count += part->kind == SHC_PART_LITERAL && part->bracket;
	return count;
}

static bool is_integer(const char *text, size_t length)
{
	size_t at = length > 0 && (text[0] == '-' || text[0] == '+') ? 1 : 0;

	if (at == length)
		return false;
	for (; at < length; at++) {
		if (!shc_is_digit((unsigned char)text[at]))
			return false;
	}
	return true;
}

static bool is_letter(const char *text, size_t length)
{
	return length == 1 && shc_is_name_start((unsigned char)text[0]) && text[0] != '_';
}

/* Split x..y or x..y..z, or return false. */
static bool read_sequence(struct shc_text text, struct shc_sequence *ret)
{
	const char *at = text.bytes, *end = at + text.length;
	const char *dots = memmem(at, text.length, "..", 2), *more;

	if (!dots)
		return false;
	ret->first = (struct shc_text){at, (uint32_t)(dots - at)};
	dots += 2;
	more = memmem(dots, (size_t)(end - dots), "..", 2);
	ret->last = (struct shc_text){dots, (uint32_t)((more ? more : end) - dots)};
	ret->step = (struct shc_text){"", 0};
	if (more) {
		ret->step = (struct shc_text){more + 2, (uint32_t)(end - more - 2)};
		if (!is_integer(ret->step.bytes, ret->step.length))
			return false;
	}
	return (is_integer(ret->first.bytes, ret->first.length) &&
		       is_integer(ret->last.bytes, ret->last.length)) ||
	       (is_letter(ret->first.bytes, ret->first.length) &&
		       is_letter(ret->last.bytes, ret->last.length));
}

static bool holds_sequence(const struct shc_part *open, const struct shc_part *close)
{
	struct shc_sequence ignored;
	const struct shc_part *inner = open->next;

	return inner && inner->next == close && inner->kind == SHC_PART_LITERAL &&
	       !inner->bracket && read_sequence(inner->text, &ignored);
}

/* Find the pairs that expand; the marks of the others become ordinary literals. */
static void match(struct mark *marks, uint32_t count, uint32_t *stack)
{
	uint32_t depth = 0;

	for (uint32_t i = 0; i < count; i++) {
		char c = marks[i].part->text.bytes[0];
		uint32_t owner;

		if (c == '{') {
			stack[depth++] = i;
			continue;
		}
		if (depth == 0)
			continue;
		owner = stack[depth - 1];
		marks[i].owner = owner;
		if (c == ',') {
			marks[owner].commas++;
			marks[i].valid = true;
			continue;
		}
		depth--;
		if (marks[owner].commas || holds_sequence(marks[owner].part, marks[i].part))
			marks[owner].valid = marks[i].valid = true;
	}
	for (uint32_t i = 0; i < count; i++) {
		char c = marks[i].part->text.bytes[0];

		if (!marks[i].valid || (c != '{' && !marks[marks[i].owner].valid))
			marks[i].part->bracket = false;
	}
}

static bool is_mark(const struct shc_part *part, char c)
{
	return part->kind == SHC_PART_LITERAL && part->bracket && part->text.bytes[0] == c;
}

static void append(struct part_list *list, struct shc_part *part)
{
	struct shc_part *tail = list->tail;

	part->next = NULL;
	if (tail && tail->kind == SHC_PART_LITERAL && part->kind == SHC_PART_LITERAL &&
		tail->text.bytes + tail->text.length == part->text.bytes) {
		tail->text.length += part->text.length;
		tail->range.end = part->range.end;
		return;
	}
	if (tail)
		tail->next = part;
	else
		list->first = part;
	list->tail = part;
}

static struct shc_part *collect(struct parser *p, struct shc_part **at, bool inside);

static struct shc_word *make_alternative(struct parser *p, struct shc_part *parts, uint32_t place)
{
	struct shc_word *word = shc_word_of(p, parts, p->in.pos, p->in.pos);
	struct shc_part *last = parts;

	while (last && last->next)
		last = last->next;
	word->range = (struct shc_range){
		parts ? parts->range.start : place, last ? last->range.end : place};
	return word;
}

/* The expansion whose { is *at; leaves *at after the }. */
static struct shc_part *collect_pair(struct parser *p, struct shc_part **at)
{
	struct shc_part *open = *at, *part = shc_take(p, sizeof(*part));
	struct shc_word **last = &part->braces.alternatives;

	part->range.start = open->range.start;
	*at = open->next;
	if ((*at)->kind == SHC_PART_LITERAL && !(*at)->bracket && is_mark((*at)->next, '}')) {
		part->kind = SHC_PART_SEQUENCE;
		part->sequence = shc_take(p, sizeof(*part->sequence));
		(void)read_sequence((*at)->text, part->sequence);
		*at = (*at)->next;
	} else {
		part->kind = SHC_PART_BRACES;
		if (!shc_enter(p))
			return open;
		for (;;) {
			uint32_t place = (*at)->range.start;

			*last = make_alternative(p, collect(p, at, true), place);
			last = &(*last)->next;
			if (p->failed)
				return open;
			if (is_mark(*at, '}'))
				break;
			*at = (*at)->next;
		}
		shc_leave(p);
	}
	part->range.end = (*at)->range.end;
	*at = (*at)->next;
	return part;
}

/* The parts from *at, up to a , or } when @inside a pair. */
static struct shc_part *collect(struct parser *p, struct shc_part **at, bool inside)
{
	struct part_list list = {NULL, NULL};

	while (*at && !p->failed) {
		struct shc_part *next = (*at)->next;

		if (is_mark(*at, '{')) {
			append(&list, collect_pair(p, at));
			continue;
		}
		if (inside && (is_mark(*at, ',') || is_mark(*at, '}')))
			break;
		append(&list, *at);
		*at = next;
	}
	return list.first;
}

struct shc_part *shc_expandable_braces(struct parser *p, struct shc_part *parts)
{
	uint32_t count = count_marks(parts), at = 0;
	struct mark *marks;

	if (count == 0 || p->failed)
		return parts;
	marks = shc_take(p, count * sizeof(*marks));
	for (struct shc_part *part = parts; part; part = part->next) {
		if (part->kind == SHC_PART_LITERAL && part->bracket)
			marks[at++].part = part;
	}
	match(marks, count, shc_take(p, count * sizeof(uint32_t)));
	return collect(p, &parts, false);
}
