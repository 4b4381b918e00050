/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "placeholder.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"

enum { NAME_BYTES = 40 };

enum quotes { PLAIN, SINGLE, DOUBLE };

struct draft {
	struct shc_interpreter *in;
	const struct shc_state *state;
	const struct shc_term *term;
	enum quotes quotes;
	bool lost;    /* from here on it is not known what stands in which place */
	bool named;   /* the word at hand holds a character that no reserved word has */
	bool started; /* the word at hand has begun */
	bool dollar;  /* the bytes before are a parameter, whose name may go on */
	char last;    /* the byte before, 0 where it is quoted or there is none */
	uint32_t count;
	FILE *stream;
};

static void name_of(const struct shc_interpreter *in, uint32_t index, char *ret)
{
	(void)snprintf(ret, NAME_BYTES, "_shc_unknown_%u_%u", in->inclusion_depth, index);
}

static bool ends_word(char c)
{
	return c == '\0' || strchr(" \t\n;&|<>()", c);
}

/* One byte of known text. */
static void take_plain(struct draft *draft, char c)
{
	bool ends = ends_word(c);

	/* What nests, comments, here-documents and braces are not followed. */
	draft->lost |= c == '`' || c == '{' || (c == '#' && !draft->started) ||
		       (draft->last == '$' && (c == '(' || c == '\'' || c == '"')) ||
		       (draft->last == '(' && c == '(') || (draft->last == '<' && c == '<');
	draft->quotes = c == '\'' ? SINGLE : c == '"' ? DOUBLE : PLAIN;
	draft->started = !ends;
	draft->named = !ends && (draft->named || !islower((unsigned char)c));
}

static void take_known(struct draft *draft, struct shc_text text)
{
	for (uint32_t i = 0; i < text.length; i++) {
		char c = text.bytes[i];

		(void)fputc(c, draft->stream);
		if (draft->quotes == SINGLE) {
			draft->quotes = c == '\'' ? PLAIN : SINGLE;
			draft->last = '\0';
			continue;
		}
		draft->dollar =
			c == '$' || (draft->dollar && (isalnum((unsigned char)c) || c == '_'));
		if (c == '\\' && i + 1 < text.length) {
			(void)fputc(text.bytes[++i], draft->stream);
			draft->last = '\0';
			draft->started = draft->named = true;
			continue;
		}
		if (draft->quotes == PLAIN)
			take_plain(draft, c);
		else if (c == '"')
			draft->quotes = PLAIN;
		else
			draft->lost |= c == '`' || (draft->last == '$' && (c == '(' || c == '{'));
		draft->last = c;
	}
}

static bool holds_only(const struct shc_dfa *language, const char *bytes)
{
	struct shc_byte_set held = shc_dfa_bytes(language);
	struct shc_byte_set allowed = shc_byte_set_of(bytes, strlen(bytes));

	for (int i = 0; i < 4; i++)
		if (held.words[i] & ~allowed.words[i])
			return false;
	return true;
}

static bool holds_none(const struct shc_dfa *language, const char *bytes)
{
	struct shc_byte_set held = shc_dfa_bytes(language);
	struct shc_byte_set refused = shc_byte_set_of(bytes, strlen(bytes));

	for (int i = 0; i < 4; i++)
		if (held.words[i] & refused.words[i])
			return false;
	return true;
}

/* What stands behind piece @index in the same word: does it make a name, a function or a descriptor of it? */
static bool names_something(const struct draft *draft, uint32_t index)
{
	const struct shc_piece *next =
		index + 1 < draft->term->count ? &draft->term->pieces[index + 1] : NULL;

	if (!next)
		return false;
	/* Two unknowns side by side. */
	if (next->atom)
		return true;
	if (strchr("<>(", next->text.bytes[0]))
		return true;
	for (uint32_t i = 0; i < next->text.length && !ends_word(next->text.bytes[i]); i++)
		if (strchr("=[", next->text.bytes[i]))
			return true;
	return false;
}

/* Can the word that is @language, with what stands before and behind piece @index, be a reserved word? */
static bool may_be_reserved(
	const struct draft *draft, const struct shc_dfa *language, uint32_t index)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	struct shc_byte_set small = shc_byte_set_of(letters, sizeof(letters) - 1);
	const struct shc_piece *next =
		index + 1 < draft->term->count ? &draft->term->pieces[index + 1] : NULL;
	const struct shc_dfa *words;

	if (draft->named || shc_dfa_bytes_star(draft->in->pool, &small, &words) ||
		shc_dfa_intersect(draft->in->pool, language, words, &words))
		return !draft->named;
	if (shc_dfa_is_empty(words))
		return false;
	for (uint32_t i = 0; next && i < next->text.length && !ends_word(next->text.bytes[i]); i++)
		if (!islower((unsigned char)next->text.bytes[i]))
			return false;
	return true;
}

/* The unknown that is piece @index. False when it may change the syntax. */
static bool take_unknown(struct draft *draft, uint32_t index)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_./-+,:@%";
	const struct shc_dfa *language =
		shc_state_language_of(draft->state, draft->term->pieces[index].atom);
	char name[NAME_BYTES];

	if (draft->lost || draft->dollar || draft->last == '\\')
		return false;
	name_of(draft->in, draft->count++, name);
	switch (draft->quotes) {
	case SINGLE:
		(void)fprintf(draft->stream, "'\"${%s}\"'", name);
		return holds_none(language, "'");
	case DOUBLE:
		(void)fprintf(draft->stream, "${%s}", name);
		draft->last = '\0';
		return holds_none(language, "\"$`\\");
	default:
		(void)fprintf(draft->stream, "\"${%s}\"", name);
		if (draft->last == '~' || !holds_only(language, plain) ||
			shc_dfa_matches(language, "", 0) || names_something(draft, index) ||
			may_be_reserved(draft, language, index))
			return false;
		draft->started = draft->named = true;
		draft->last = '\0';
		return true;
	}
}

/* The text of @draft->term, to be freed; NULL without memory. *ret_ok: no unknown changes the syntax. */
static char *write_text(struct draft *draft, size_t *ret_size, bool *ret_ok)
{
	char *text = NULL;

	draft->stream = open_memstream(&text, ret_size);
	if (!draft->stream)
		return NULL;
	*ret_ok = true;
	for (uint32_t i = 0; i < draft->term->count && *ret_ok; i++) {
		if (draft->term->pieces[i].atom)
			*ret_ok = take_unknown(draft, i);
		else
			take_known(draft, draft->term->pieces[i].text);
	}
	if (fclose(draft->stream)) {
		free(text);
		return NULL;
	}
	return text;
}

int shc_placeholders_set(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_term *term, struct shc_range range, struct shc_text *ret_text,
	uint32_t *ret_count)
{
	struct draft draft = {.in = in, .state = state, .term = term};
	size_t size = 0;
	bool ok;
	char *text = write_text(&draft, &size, &ok), *copy = NULL;
	uint32_t count = 0;
	int r = text ? 1 : -ENOMEM;

	if (r > 0 && ok) {
		copy = shc_arena_take(in->arena, size + 1);
		if (copy)
			memcpy(copy, text, size + 1);
		r = copy ? 1 : -ENOMEM;
	}
	free(text);
	if (r < 0 || !ok)
		return r < 0 ? r : 0;
	for (uint32_t i = 0; i < term->count; i++) {
		char name[NAME_BYTES];
		const struct shc_term *value;

		if (!term->pieces[i].atom)
			continue;
		name_of(in, count++, name);
		value = shc_term_of_atom(in->terms, term->pieces[i].atom);
		if (!value ||
			shc_assign(in, state,
				(struct shc_text){.bytes = name, .length = (uint32_t)strlen(name)},
				value, range))
			return -ENOMEM;
	}
	*ret_text = (struct shc_text){.bytes = copy, .length = (uint32_t)size};
	*ret_count = count;
	return 1;
}

int shc_placeholders_unset(struct shc_interpreter *in, struct shc_state *state, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		char name[NAME_BYTES];
		uint32_t number;

		name_of(in, i, name);
		if (shc_name_number(in,
			    (struct shc_text){.bytes = name, .length = (uint32_t)strlen(name)},
			    &number))
			return -ENOMEM;
		if (number < state->variable_count)
			state->variables[number] = (struct shc_variable){.presence = SHC_ABSENT};
	}
	return 0;
}
