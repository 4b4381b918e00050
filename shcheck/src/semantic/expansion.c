/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From words to fields, in the shell's order: braces, tilde, parameters, substitutions and arithmetic, field
 * splitting,
 * pathname expansion, quote removal (POSIX.1-2017 XCU 2.6). Known text is split exactly; what an unknown may be
 * is kept
 * as marks on its piece, so that checks can say which unknown splits or matches what.
 */
#include "arrays.h"
#include "attributes.h"
#include "interpreter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "mistake.h"
#include "parameter.h"

/* Fields that one word may give; more are one field that occurs any number of times. */
enum { FIELDS_MAX = 512, SEQUENCE_MAX = 64 };

/* Pieces of a field that is one value; of more it is unknown. */
enum { PIECES_MAX = 1000 };

/* The field that is being put together. */
struct builder {
	struct shc_interpreter *in;
	struct shc_state *state;
	const struct shc_word *word;
	struct shc_fields *fields;
	struct shc_field_piece *pieces;
	uint32_t count, capacity;
	bool exists;     /* a quoted or literal part: there is a field even when it is empty */
	uint32_t first;  /* fields before this word */
	bool anything;   /* the rest of the word goes into one field of unknown number */
	bool closing;    /* the word ends here */
	bool value_only; /* no splitting and no pathname expansion */
	bool arguments;  /* "$@" came before */
	bool braces;     /* the word has some, which may give a ~ at its beginning */
	const struct shc_part *behind; /* the part behind the braces that are being expanded */
};

void shc_fields_finish(struct shc_fields *fields)
{
	free(fields->items);
	*fields = (struct shc_fields){0};
}

bool shc_field_is_one(const struct shc_field *field)
{
	for (uint32_t i = 0; i < field->count; i++)
		if (field->pieces[i].glob || field->pieces[i].matches)
			return false;
	return field->occurrence == SHC_ONCE;
}

static int builder_piece(struct builder *b, const struct shc_field_piece *piece)
{
	if (b->count == b->capacity) {
		uint32_t capacity = b->capacity ? b->capacity * 2 : 8;
		struct shc_field_piece *grown = realloc(b->pieces, capacity * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		b->pieces = grown;
		b->capacity = capacity;
	}
	b->pieces[b->count++] = *piece;
	return 0;
}

static enum shc_occurrence occurrence_of(const struct builder *b)
{
	bool splits = false, empty = !b->exists;

	for (uint32_t i = 0; i < b->count; i++) {
		const struct shc_field_piece *piece = &b->pieces[i];

		splits |= piece->splits;
		if (!piece->piece.atom ||
			!shc_dfa_matches(shc_state_language_of(b->state, piece->piece.atom), "", 0))
			empty = false;
	}
	return splits ? SHC_ANY : empty ? SHC_OPTIONAL : SHC_ONCE;
}

/* End the field, if there is one. */
static int builder_end(struct builder *b, bool always)
{
	struct shc_fields *fields = b->fields;
	struct shc_field *field;

	b->exists |= MADE(UNQUOTED_EMPTY_STAYS);
	if (b->anything && !b->closing)
		return 0;
	if (!b->count && !b->exists && !always)
		return 0;
	if (fields->count == fields->capacity) {
		uint32_t capacity = fields->capacity ? fields->capacity * 2 : 4;
		struct shc_field *grown = realloc(fields->items, capacity * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		fields->items = grown;
		fields->capacity = capacity;
	}
	field = &fields->items[fields->count];
	field->pieces = shc_arena_take(b->in->arena, (b->count + 1) * sizeof(*field->pieces));
	if (!field->pieces)
		return -ENOMEM;
	if (b->count)
		memcpy(field->pieces, b->pieces, b->count * sizeof(*field->pieces));
	field->count = b->count;
	field->occurrence = occurrence_of(b);
	field->word = b->word;
	b->count = 0;
	b->exists = false;
	if (fields->count + 1 >= FIELDS_MAX)
		field->occurrence = SHC_ANY;
	else
		fields->count++;
	return 0;
}

/* The bytes at which unquoted expansions are split. */
static int separators(struct builder *b, struct shc_ifs *ret, bool *ret_known)
{
	static const char ifs_name[] = "IFS";
	const struct shc_variable *variable;
	struct shc_text known = {.bytes = " \t\n", .length = 3};
	uint32_t number;
	int r = shc_name_number(b->in, (struct shc_text){.bytes = ifs_name, .length = 3}, &number);

	if (r < 0)
		return r;
	variable = shc_state_variable(b->state, number);
	if (!variable)
		return -ENOMEM;
	*ret_known = true;
	if (MADE(IFS_IGNORED))
		variable = &(const struct shc_variable){.presence = SHC_ABSENT};
	if (variable->assigned && variable->term && !shc_term_known(variable->term, &known)) {
		*ret_known = false;
		known = (struct shc_text){.bytes = " \t\n", .length = 3};
	}
	*ret = shc_ifs_of(known.bytes, known.length);
	return 0;
}

static bool is_separator(const struct shc_ifs *ifs, unsigned char byte)
{
	return shc_byte_set_has(&ifs->white, byte) || shc_byte_set_has(&ifs->other, byte);
}

static bool has_pattern(struct shc_text text)
{
	for (uint32_t i = 0; i < text.length; i++)
		if (strchr("*?[", text.bytes[i]) && text.bytes[i])
			return true;
	return false;
}

static int add_known(struct builder *b, struct shc_text text, bool unquoted)
{
	struct shc_field_piece piece = {.piece.text = text};

	if (!text.length)
		return 0;
	piece.glob =
		unquoted && !b->state->noglob && has_pattern(text) && !MADE(VALUE_GLOB_IS_TEXT);
	/* A backslash in a value takes the meaning of a pattern character behind it, and bash makes it a pattern. */
	piece.matches = unquoted && !b->state->noglob && memchr(text.bytes, '\\', text.length);
	return builder_piece(b, &piece);
}

/* Split known text: white space around and between fields goes, any other separator ends one. */
static int split_known(struct builder *b, struct shc_text text, const struct shc_ifs *ifs)
{
	uint32_t start = 0, at = 0;
	int r = 0;

	while (at < text.length && !r) {
		unsigned char byte = (unsigned char)text.bytes[at];

		if (!is_separator(ifs, byte)) {
			at++;
			continue;
		}
		r = add_known(b,
			(struct shc_text){.bytes = text.bytes + start, .length = at - start}, true);
		if (!r)
			r = builder_end(b, shc_byte_set_has(&ifs->other, byte));
		at++;
		start = at;
	}
	if (r)
		return r;
	return add_known(
		b, (struct shc_text){.bytes = text.bytes + start, .length = at - start}, true);
}

static bool bytes_meet(const struct shc_byte_set *a, const struct shc_byte_set *b)
{
	for (int i = 0; i < 4; i++)
		if (a->words[i] & b->words[i])
			return true;
	return false;
}

static int add_atom(struct builder *b, const struct shc_atom *atom, bool unquoted,
	const struct shc_ifs *ifs, bool ifs_known)
{
	static const char pattern_bytes[] = "*?[";
	struct shc_byte_set patterns = shc_byte_set_of(pattern_bytes, 3), bytes, all;
	struct shc_field_piece piece = {.piece.atom = atom};

	if (unquoted) {
		bytes = shc_dfa_bytes(shc_state_language_of(b->state, atom));
		all = shc_byte_set_union(&ifs->white, &ifs->other);
		piece.splits = !ifs_known || bytes_meet(&bytes, &all);
		piece.matches = !b->state->noglob && bytes_meet(&bytes, &patterns);
	}
	return builder_piece(b, &piece);
}

/* May @term be taken apart where it stands without quotes? */
static bool may_split(struct builder *b, const struct shc_term *term, const struct shc_ifs *ifs)
{
	struct shc_byte_set all = shc_byte_set_union(&ifs->white, &ifs->other), bytes;

	for (uint32_t i = 0; i < term->count; i++) {
		const struct shc_piece *piece = &term->pieces[i];

		if (piece->atom)
			bytes = shc_dfa_bytes(shc_state_language_of(b->state, piece->atom));
		else
			bytes = shc_byte_set_of(piece->text.bytes, piece->text.length);
		if (bytes_meet(&bytes, &all))
			return true;
	}
	return false;
}

static int add_anything(struct builder *b, enum shc_origin origin, struct shc_range range);

/* Append a value: whole when quoted, split otherwise. */
static int add_term(struct builder *b, const struct shc_term *term, bool quoted)
{
	bool unquoted = (!quoted || MADE(QUOTED_SPLIT)) && !b->value_only && !MADE(NEVER_SPLIT);
	bool known = true;
	struct shc_ifs ifs = {0};
	int r = unquoted ? separators(b, &ifs, &known) : 0;

	/* In dash, blanks in a value behind "$@" give empty fields, too. */
	if (!r && unquoted && b->arguments && b->in->script->dialect != SHC_BASH &&
		(!known || may_split(b, term, &ifs)))
		return add_anything(b, SHC_ORIGIN_APPROXIMATION, b->word->range) < 0 ? -ENOMEM : 0;
	for (uint32_t i = 0; i < term->count && !r; i++) {
		const struct shc_piece *piece = &term->pieces[i];

		if (piece->atom)
			r = add_atom(b, piece->atom, unquoted, &ifs, known);
		else if (unquoted)
			r = split_known(b, piece->text, &ifs);
		else
			r = add_known(b, piece->text, false);
	}
	return r;
}

/* Any number of fields of which nothing is known. 1 or -ENOMEM. */
static int add_anything(struct builder *b, enum shc_origin origin, struct shc_range range)
{
	struct shc_field_piece piece = {.splits = true, .matches = true};
	const struct shc_term *term =
		shc_term_atom(b->in->terms, origin, shc_dfa_text(b->in->pool), range);

	if (!term)
		return -ENOMEM;
	piece.piece.atom = shc_term_single_atom(term);
	b->anything = true;
	return builder_piece(b, &piece) ? -ENOMEM : 1;
}

/* Does anything in @word without quotes expand, so that the word is taken apart? */
static bool splits_somewhere(const struct shc_word *word)
{
	for (const struct shc_part *part = word ? word->parts : NULL; part; part = part->next)
		if (part->kind == SHC_PART_PARAMETER || part->kind == SHC_PART_COMMAND ||
			part->kind == SHC_PART_ARITHMETIC)
			return true;
	return false;
}

/*
 * bash: in a command substitution with an empty IFS, $* without quotes is one field, while it is several elsewhere: the
 * flag that joins is the substitution's own (5.2). 0, 1 or -ENOMEM.
 */
static int joins_fields(struct builder *b)
{
	struct shc_ifs ifs;
	bool known;

	if (b->in->script->dialect != SHC_BASH || !b->in->substitutions)
		return 0;
	if (separators(b, &ifs, &known))
		return -ENOMEM;
	return !known ||
	       (!bytes_meet(&ifs.other, &ifs.other) && !bytes_meet(&ifs.white, &ifs.white));
}

/* "$@": every parameter a field of its own, the first and last joined with what stands beside. */
static int add_arguments(struct builder *b, bool quoted, struct shc_range range)
{
	struct shc_state *state = b->state;
	struct shc_ifs ifs;
	bool known, empty = false;
	bool splits = quoted && b->in->script->dialect != SHC_BASH && splits_somewhere(b->word);
	int r = quoted ? 0 : separators(b, &ifs, &known);

	/* Shells differ in which empty fields stay. */
	for (uint32_t i = 0; i < state->argument_count; i++)
		empty |= shc_may_be_empty(b->in, state, state->arguments[i]);
	if (!r && !quoted && (empty || !known || bytes_meet(&ifs.other, &ifs.other)))
		return add_anything(b, SHC_ORIGIN_ARGUMENT, range) < 0 ? -ENOMEM : 0;
	if (!r && !quoted)
		r = joins_fields(b);
	if (r > 0)
		return add_anything(b, SHC_ORIGIN_ARGUMENT, range) < 0 ? -ENOMEM : 0;
	for (uint32_t i = 0; i + MADE(LAST_ARGUMENT_LOST) < state->argument_count && !r; i++) {
		if (i)
			r = builder_end(b, quoted);
		/* dash: where the last one is empty, it is no field, or one more, by what follows. */
		if (!r && i + 1 == state->argument_count && splits &&
			shc_may_be_empty(b->in, state, state->arguments[i]))
			return add_anything(b, SHC_ORIGIN_ARGUMENT, range) < 0 ? -ENOMEM : 0;
		b->exists |= quoted;
		if (!r)
			r = add_term(b, state->arguments[i], quoted);
	}
	b->arguments |= quoted;
	if (r || !state->arguments_open)
		return r;
	if (state->argument_count)
		r = builder_end(b, quoted);
	if (!r) {
		struct shc_field_piece piece = {.splits = true};
		const struct shc_term *term = shc_term_atom(b->in->terms,
			state->arguments_output ? SHC_ORIGIN_OUTPUT : SHC_ORIGIN_ARGUMENT,
			shc_dfa_text(b->in->pool), range);

		if (!term)
			return -ENOMEM;
		piece.piece.atom = shc_term_single_atom(term);
		piece.matches = !quoted && !state->noglob;
		r = builder_piece(b, &piece);
	}
	return r;
}

static bool gives_fields(const struct shc_parameter *parameter)
{
	return parameter->kind == SHC_PARAMETER_SPECIAL && !MADE(AT_IS_ONE_FIELD) &&
	       parameter->op == SHC_OP_NONE &&
	       (shc_text_is(parameter->name, "@") || shc_text_is(parameter->name, "*"));
}

/* Is anything quoted, also in the words of operators? */
static bool has_quotes(const struct shc_part *part)
{
	for (; part; part = part->next)
		if (part->kind == SHC_PART_DOUBLE || part->kind == SHC_PART_SINGLE ||
			part->kind == SHC_PART_ESCAPE || part->kind == SHC_PART_ANSI ||
			part->kind == SHC_PART_LOCALE ||
			(part->kind == SHC_PART_PARAMETER && part->parameter->word &&
				has_quotes(part->parameter->word->parts)))
			return true;
	return false;
}

/* ${x-"a b"} without quotes around it: the word of the operator keeps its own quotes, and may be several fields. */
static bool keeps_quotes(const struct shc_parameter *parameter)
{
	switch (parameter->op) {
	case SHC_OP_DEFAULT:
	case SHC_OP_ASSIGN:
	case SHC_OP_ALTERNATIVE:
		return parameter->word && has_quotes(parameter->word->parts);
	default:
		return false;
	}
}

/* "${x+$@}": several fields, even between quotes. */
static bool holds_arguments(const struct shc_parameter *parameter)
{
	const struct shc_part *part = parameter->word ? parameter->word->parts : NULL;

	if (parameter->op != SHC_OP_DEFAULT && parameter->op != SHC_OP_ASSIGN &&
		parameter->op != SHC_OP_ALTERNATIVE)
		return false;
	for (; part; part = part->next) {
		if (part->kind == SHC_PART_PARAMETER &&
			(gives_fields(part->parameter) || holds_arguments(part->parameter)))
			return true;
		if (part->kind == SHC_PART_DOUBLE && part->parts &&
			part->parts->kind == SHC_PART_PARAMETER)
			return true;
	}
	return false;
}

static bool gives_elements(const struct shc_parameter *parameter)
{
	return parameter->kind == SHC_PARAMETER_VARIABLE &&
	       parameter->subscript.kind == SHC_SUBSCRIPT_AT &&
	       (parameter->op == SHC_OP_NONE || parameter->op == SHC_OP_KEYS);
}

/* The key of element @index. */
static const struct shc_term *element_key(
	const struct builder *b, const struct shc_array *array, uint32_t index)
{
	char number[16];

	if (array->associative)
		return array->items[2 * index];
	return shc_term_text(b->in->terms, number,
		(size_t)snprintf(number, sizeof(number), "%u", (unsigned int)index));
}

/* "${x[@]}": every element a field of its own, and of "${!x[@]}" every key. 0 or -ENOMEM. */
static int add_elements(struct builder *b, const struct shc_part *part, bool quoted)
{
	const struct shc_parameter *parameter = part->parameter;
	struct shc_field_piece piece = {.splits = true};
	const struct shc_variable *variable;
	const struct shc_array *exact;
	const struct shc_term *term;
	uint32_t number, count;
	bool keys = parameter->op == SHC_OP_KEYS;
	int r = 0;

	if (shc_note_read(b->in, b->state, parameter->name))
		return -ENOMEM;
	r = shc_resolve(b->in, b->state, parameter->name, &number);
	if (r < 0 || !shc_state_variable(b->state, number))
		return -ENOMEM;
	/* A name that is not known, or elements that may be one field. */
	if (r && !quoted)
		r = joins_fields(b) == 0;
	if (!r)
		return add_anything(b, SHC_ORIGIN_APPROXIMATION, part->range) < 0 ? -ENOMEM : 0;
	r = 0;
	b->in->names[number].read_as_array = true;
	variable = &b->state->variables[number];
	exact = shc_array_exact(variable);
	count = exact ? shc_array_length(exact) : 0;
	for (uint32_t i = 0; i < count && !r; i++) {
		if (i)
			r = builder_end(b, quoted);
		b->exists |= quoted;
		term = keys ? element_key(b, exact, i) : shc_array_value(exact, i);
		if (!r)
			r = term ? add_term(b, term, quoted) : -ENOMEM;
	}
	if (exact)
		return r;
	/* A plain variable is an array of one element. */
	if (!keys && !variable->elements && variable->assigned &&
		variable->presence == SHC_PRESENT) {
		b->exists |= quoted;
		return add_term(b, variable->term, quoted);
	}
	term = keys ? shc_unknown(b->in, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(b->in->pool),
			      part->range)
		    : shc_array_any(b->in, b->state, variable, part->range);
	if (!term)
		return -ENOMEM;
	piece.piece.atom = shc_term_single_atom(term);
	piece.matches = !quoted && !b->state->noglob;
	return builder_piece(b, &piece);
}

static int add_parts(struct builder *b, const struct shc_part *part, bool quoted);

/*
 * dash: in the word of an operator that is left out, a tilde with an expansion in its name makes it lose its place;
 * what the rest of the whole word gives then is another text. ${x:-~$(f)}rest
 */
static bool loses_place(const struct builder *b, const struct shc_parameter *parameter)
{
	const struct shc_part *part = parameter->word ? parameter->word->parts : NULL;

	if (b->in->script->dialect == SHC_BASH || parameter->op < SHC_OP_DEFAULT ||
		parameter->op > SHC_OP_ALTERNATIVE)
		return false;
	for (; part && part->next; part = part->next) {
		const struct shc_part *next = part->next;
		const char *tilde = part->kind == SHC_PART_LITERAL
					    ? memrchr(part->text.bytes, '~', part->text.length)
					    : NULL;

		if (tilde && !memchr(tilde, '/', part->text.bytes + part->text.length - tilde) &&
			(next->kind == SHC_PART_COMMAND || next->kind == SHC_PART_PARAMETER))
			return true;
	}
	return false;
}

/* Any text for the rest of the word behind @part; what it assigns is assigned, or not. 1 or -ENOMEM. */
static int add_lost(struct builder *b, const struct shc_part *part)
{
	struct shc_state *copy = part->next ? shc_state_clone(b->state) : NULL;
	struct shc_fields fields = {0};
	struct builder rest = {
		.in = b->in, .state = copy, .word = b->word, .fields = &fields, .value_only = true};
	int r = !part->next || copy ? 1 : -ENOMEM;

	if (copy)
		r = add_parts(&rest, part->next, false);
	if (r > 0 && copy)
		r = shc_state_join(b->state, copy, b->in->terms, SHC_JOIN_STATES, 0, part->range)
			    ? -ENOMEM
			    : 1;
	b->in->may_end |= !r;
	free(rest.pieces);
	shc_fields_finish(&fields);
	shc_state_destroy(copy);
	return r < 0 ? r : add_anything(b, SHC_ORIGIN_APPROXIMATION, part->range);
}

static int add_parameter(struct builder *b, const struct shc_part *part, bool quoted)
{
	const struct shc_parameter *parameter = part->parameter;
	const struct shc_term *term;
	int r;

	if (gives_fields(parameter) && !b->value_only &&
		(!quoted || shc_text_is(parameter->name, "@"))) {
		r = add_arguments(b, quoted, part->range);
		return r < 0 ? r : 1;
	}
	if (gives_elements(parameter) && !b->value_only && !parameter->indirect)
		return add_elements(b, part, quoted) < 0 ? -ENOMEM : 1;
	r = shc_parameter_expand(b->in, b->state, parameter, part->range, &term);
	if (r <= 0)
		return r;
	if (!b->value_only && ((!quoted && keeps_quotes(parameter)) || holds_arguments(parameter)))
		return add_anything(b, SHC_ORIGIN_APPROXIMATION, part->range);
	r = add_term(b, term, quoted);
	return r < 0 ? r : 1;
}

/* Is the range of @part its own? Parts of a text that eval runs have that of the command. */
static bool is_in_source(const struct builder *b, const struct shc_part *part)
{
	const struct shc_source *source = b->in->script->source;

	return part->kind == SHC_PART_COMMAND && part->range.end <= source->size &&
	       part->range.end > part->range.start + 2 &&
	       !memcmp(source->bytes + part->range.start, "$(", 2) &&
	       source->bytes[part->range.end - 1] == ')';
}

static const struct shc_term *substituted(const struct builder *b, const struct shc_part *part)
{
	for (uint32_t i = b->state->substituted_count; i-- > 0;)
		if (b->state->substituted[i].part == part)
			return b->state->substituted[i].output;
	/* In arithmetic it stands twice in the tree: as a word, and as an operand. */
	for (uint32_t i = b->state->substituted_count; i-- > 0 && is_in_source(b, part);)
		if (b->state->substituted[i].part->range.start == part->range.start &&
			b->state->substituted[i].part->range.end == part->range.end)
			return b->state->substituted[i].output;
	return shc_unknown(b->in, SHC_ORIGIN_OUTPUT, shc_dfa_text(b->in->pool), part->range);
}

static int add_tilde(struct builder *b, const struct shc_part *part)
{
	const struct shc_dfa *language;
	const struct shc_term *term =
		MADE(TILDE_IS_TEXT) ? shc_term_text(b->in->terms, "~", 1) : b->in->home;

	if (part->text.length) {
		const struct shc_dfa *itself, *tilde;

		/* Of a user who does not exist it is no tilde at all. */
		if (shc_dfa_glob(b->in->pool, "/?*", 3, 0, &language, NULL) ||
			shc_dfa_literal(b->in->pool, "~", 1, &tilde) ||
			shc_dfa_literal(
				b->in->pool, part->text.bytes, part->text.length, &itself) ||
			shc_dfa_concat(b->in->pool, tilde, itself, &itself) ||
			shc_dfa_union(b->in->pool, language, itself, &language))
			language = shc_dfa_text(b->in->pool);
		term = shc_term_home(
			shc_term_atom(b->in->terms, SHC_ORIGIN_DIRECTORY, language, part->range));
	}
	return term ? add_term(b, term, true) : -ENOMEM;
}

static int add_glob(struct builder *b, struct shc_text text)
{
	struct shc_field_piece piece = {.piece.text = text};

	piece.glob = !b->value_only && !MADE(GLOB_IS_TEXT) &&
		     b->state->noglob == MADE(NOGLOB_IGNORED_IN_REVERSE);
	b->exists = true;
	return builder_piece(b, &piece);
}

static int add_unknown(struct builder *b, const struct shc_part *part, enum shc_origin origin)
{
	const struct shc_term *term =
		shc_unknown(b->in, origin, shc_dfa_text(b->in->pool), part->range);

	b->exists = true;
	return term ? add_term(b, term, true) : -ENOMEM;
}

static int add_text(struct builder *b, struct shc_text text)
{
	b->exists = true;
	return add_known(b, text, false);
}

static bool is_fields(const struct shc_part *part)
{
	return part->kind == SHC_PART_PARAMETER &&
	       (gives_fields(part->parameter) || gives_elements(part->parameter)) &&
	       !shc_text_is(part->parameter->name, "*");
}

bool shc_subject_splits(const struct shc_word *word)
{
	bool fields = false, bare = false;

	for (const struct shc_part *part = word ? word->parts : NULL; part; part = part->next) {
		bare |= part->kind == SHC_PART_PARAMETER || part->kind == SHC_PART_COMMAND ||
			part->kind == SHC_PART_ARITHMETIC;
		if (part->kind != SHC_PART_DOUBLE && part->kind != SHC_PART_LOCALE)
			continue;
		for (const struct shc_part *inner = part->parts; inner; inner = inner->next)
			fields |= is_fields(inner);
	}
	return fields && bare;
}

/*
 * Are the double quotes around @parts a field though nothing is in them? "$@" without parameters is none, and to bash
 * neither is "$@$x" where both are empty.
 */
static bool quotes_exist(const struct builder *b, const struct shc_part *parts)
{
	if (!parts)
		return true;
	if (!parts->next)
		return !is_fields(parts);
	if (b->in->script->dialect != SHC_BASH)
		return true;
	for (; parts; parts = parts->next)
		if (is_fields(parts))
			return false;
	return true;
}

/* bash: where IFS holds a backslash, one in the text beside "$@" separates fields although it is quoted. */
static bool splits_backslash(struct builder *b, const struct shc_part *parts)
{
	struct shc_ifs ifs;
	bool known, fields = false, backslash = false;

	if (b->in->script->dialect != SHC_BASH || b->value_only)
		return false;
	for (; parts; parts = parts->next) {
		fields |= is_fields(parts);
		backslash |= parts->kind == SHC_PART_LITERAL &&
			     memchr(parts->text.bytes, '\\', parts->text.length);
	}
	return fields && backslash &&
	       (separators(b, &ifs, &known) || !known || is_separator(&ifs, '\\'));
}

/* bash, behind ~: and before a slash: quotes take the meaning of the tilde away, expansions are left as they stand. */
enum colon_tilde {
	COLON_TILDE_PLAIN,
	COLON_TILDE_TEXT,
	COLON_TILDE_UNKNOWN,
};

static enum colon_tilde colon_tilde(const struct builder *b, const struct shc_part *tilde)
{
	const struct shc_part *part = tilde->next;
	enum colon_tilde result = COLON_TILDE_PLAIN;

	if (b->in->script->dialect != SHC_BASH || tilde != b->word->parts || !part ||
		part->kind != SHC_PART_LITERAL || part->text.bytes[0] != ':' ||
		b->in->assigning.length)
		return COLON_TILDE_PLAIN;
	for (; part && result != COLON_TILDE_TEXT; part = part->next) {
		switch (part->kind) {
		case SHC_PART_LITERAL:
			if (memchr(part->text.bytes, '/', part->text.length))
				return result;
			break;
		case SHC_PART_GLOB:
			break;
		case SHC_PART_DOUBLE:
		case SHC_PART_SINGLE:
		case SHC_PART_ESCAPE:
			result = result == COLON_TILDE_PLAIN ? COLON_TILDE_TEXT : result;
			break;
		default:
			result = COLON_TILDE_UNKNOWN;
		}
	}
	return result;
}

/* One part. 1, 0 (the shell ends) or -ENOMEM. */
static int add_part(struct builder *b, const struct shc_part *part, bool quoted)
{
	const struct shc_term *term;
	int r;

	switch (part->kind) {
	case SHC_PART_LITERAL:
	case SHC_PART_ESCAPE:
	case SHC_PART_SINGLE:
	case SHC_PART_ANSI:
		r = add_text(b, part->text);
		break;
	case SHC_PART_DOUBLE:
	case SHC_PART_LOCALE:
		if (splits_backslash(b, part->parts))
			return add_anything(b, SHC_ORIGIN_ARGUMENT, part->range);
		if (quotes_exist(b, part->parts))
			b->exists = !MADE(QUOTED_EMPTY_VANISHES);
		return add_parts(b, part->parts, true);
	case SHC_PART_PARAMETER:
		return add_parameter(b, part, quoted);
	case SHC_PART_COMMAND:
		term = substituted(b, part);
		r = term ? add_term(b, term, quoted) : -ENOMEM;
		break;
	case SHC_PART_ARITHMETIC:
		r = shc_arith_value(b->in, b->state, &part->arithmetic, part->range, &term);
		if (r > 0)
			r = add_term(b, term, quoted);
		break;
	case SHC_PART_TILDE:
		if (colon_tilde(b, part) == COLON_TILDE_UNKNOWN)
			return add_anything(b, SHC_ORIGIN_APPROXIMATION, part->range);
		if (colon_tilde(b, part) == COLON_TILDE_TEXT)
			r = add_text(b, (struct shc_text){.bytes = part->text.bytes - 1,
						.length = part->text.length + 1});
		else
			r = add_tilde(b, part);
		break;
	case SHC_PART_GLOB:
		r = add_glob(b, part->text);
		break;
	case SHC_PART_GLOB_OPEN:
		r = add_glob(b, (struct shc_text){.bytes = "[", .length = 1});
		break;
	case SHC_PART_PROCESS:
		r = add_unknown(b, part, SHC_ORIGIN_FILE_NAME);
		break;
	case SHC_PART_SEQUENCE:
		if (!b->value_only)
			return add_anything(b, SHC_ORIGIN_APPROXIMATION, part->range);
		r = add_unknown(b, part, SHC_ORIGIN_APPROXIMATION);
		break;
	default:
		r = add_unknown(b, part, SHC_ORIGIN_APPROXIMATION);
	}
	return r < 0 ? r : 1;
}

/* Copy the field under construction, so that every alternative of a brace expansion starts from it. */
static int builder_fork(const struct builder *from, struct builder *to)
{
	*to = *from;
	to->pieces = NULL;
	to->count = to->capacity = 0;
	for (uint32_t i = 0; i < from->count; i++)
		if (builder_piece(to, &from->pieces[i]))
			return -ENOMEM;
	return 0;
}

/* {a,b}: each alternative with everything before and behind it; takes over the rest of the word. */
static int add_braces(struct builder *b, const struct shc_part *part)
{
	int r = 1;

	/* What stands before gave fields already, and each alternative has them once more. */
	if (b->fields->count > b->first)
		return add_anything(b, SHC_ORIGIN_APPROXIMATION, part->range);
	for (const struct shc_word *word = part->braces.alternatives; word && r > 0;
		word = MADE(FIRST_ALTERNATIVE_ONLY) ? NULL : word->next) {
		struct builder fork;

		r = builder_fork(b, &fork) ? -ENOMEM : 1;
		fork.behind = part->next ? part->next : b->behind;
		if (r > 0)
			r = add_parts(&fork, word->parts, false);
		fork.behind = b->behind;
		if (r > 0)
			r = add_parts(&fork, part->next, false);
		fork.closing = true;
		if (r > 0 && builder_end(&fork, false))
			r = -ENOMEM;
		free(fork.pieces);
	}
	b->count = 0;
	b->exists = false;
	return r;
}

/* $x{a,b}: braces come first, so that the parameters are $xa and $xb. */
static bool names_alternatives(const struct shc_part *part)
{
	return part->kind == SHC_PART_PARAMETER && part->next &&
	       (part->next->kind == SHC_PART_BRACES || part->next->kind == SHC_PART_SEQUENCE) &&
	       part->parameter->kind == SHC_PARAMETER_VARIABLE &&
	       part->range.end - part->range.start == part->parameter->name.length + 1;
}

/* Do braces give a word that begins with this tilde, which the parser could not see? */
static bool begins_tilde(const struct builder *b, const struct shc_part *part)
{
	return !b->count && !b->exists && part->kind == SHC_PART_LITERAL &&
	       part->text.bytes[0] == '~';
}

/* ~/x of {~/x,y}; of others the name may go on behind the braces. */
static int add_brace_tilde(struct builder *b, const struct shc_part *part)
{
	const char *slash = memchr(part->text.bytes, '/', part->text.length);
	const struct shc_part *next = part->next ? part->next : b->behind;
	struct shc_part tilde = {.kind = SHC_PART_TILDE, .range = part->range};
	uint32_t length = slash ? (uint32_t)(slash - part->text.bytes) : part->text.length;

	if (!slash && next && (next->kind != SHC_PART_LITERAL || next->text.bytes[0] != '/'))
		return add_anything(b, SHC_ORIGIN_APPROXIMATION, part->range);
	tilde.text = (struct shc_text){.bytes = part->text.bytes + 1, .length = length - 1};
	if (add_tilde(b, &tilde) ||
		add_text(b, (struct shc_text){.bytes = part->text.bytes + length,
				    .length = part->text.length - length}))
		return -ENOMEM;
	return 1;
}

static int add_parts(struct builder *b, const struct shc_part *part, bool quoted)
{
	int r = 1;

	for (; part && r > 0; part = part->next) {
		if (b->braces && begins_tilde(b, part)) {
			r = add_brace_tilde(b, part);
			continue;
		}
		if (!quoted && part->kind == SHC_PART_PARAMETER &&
			loses_place(b, part->parameter)) {
			r = add_part(b, part, quoted);
			return r > 0 ? add_lost(b, part) : r;
		}
		if (part->kind == SHC_PART_BRACES && !b->value_only)
			return add_braces(b, part);
		if (!b->value_only && names_alternatives(part))
			return add_anything(b, SHC_ORIGIN_APPROXIMATION, part->range);
		r = add_part(b, part, quoted);
	}
	return r;
}

bool shc_has_braces(const struct shc_word *word)
{
	for (const struct shc_part *part = word->parts; part; part = part->next) {
		if (part->kind == SHC_PART_BRACES || part->kind == SHC_PART_SEQUENCE)
			return true;
		/* Values are read as those of assignments, where braces mean nothing. */
		if (word->assignment && part->kind == SHC_PART_LITERAL &&
			memchr(part->text.bytes, '{', part->text.length) &&
			(part->next || memchr(part->text.bytes, ',', part->text.length) ||
				memmem(part->text.bytes, part->text.length, "..", 2)))
			return true;
	}
	return false;
}

int shc_expand_word(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_word *word, struct shc_fields *ret)
{
	struct builder b = {.in = in,
		.state = state,
		.word = word,
		.fields = ret,
		.first = ret->count,
		.braces = shc_has_braces(word)};
	int r = add_parts(&b, word->parts, false);

	b.closing = true;
	if (r > 0 && builder_end(&b, false))
		r = -ENOMEM;
	free(b.pieces);
	return r;
}

int shc_fields_add_term(struct shc_interpreter *in, struct shc_state *state,
	struct shc_fields *fields, const struct shc_word *word, const struct shc_term *term)
{
	struct builder b = {.in = in,
		.state = state,
		.word = word,
		.fields = fields,
		.exists = true,
		.value_only = true};
	int r = add_term(&b, term, true);

	if (!r)
		r = builder_end(&b, true);
	free(b.pieces);
	return r;
}

const struct shc_term *shc_field_term(struct shc_interpreter *in, const struct shc_field *field)
{
	const struct shc_term *term = shc_term_text(in->terms, "", 0);

	if (field->count > PIECES_MAX)
		return shc_unknown(in, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(in->pool),
			field->word ? field->word->range : (struct shc_range){0, 0});
	for (uint32_t i = 0; i < field->count && term; i++) {
		const struct shc_piece *piece = &field->pieces[i].piece;
		const struct shc_term *next;

		if (piece->atom)
			next = shc_term_of_atom(in->terms, piece->atom);
		else
			next = shc_term_text(in->terms, piece->text.bytes, piece->text.length);
		term = shc_term_concat(in->terms, term, next);
	}
	return term;
}

int shc_expand_value(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_word *word, const struct shc_term **ret)
{
	struct shc_fields fields = {0};
	struct builder b = {
		.in = in, .state = state, .word = word, .fields = &fields, .value_only = true};
	int r = word ? add_parts(&b, word->parts, false) : 1;

	if (r > 0) {
		struct shc_field field = {.pieces = b.pieces, .count = b.count};

		*ret = shc_field_term(in, &field);
		if (!*ret)
			r = -ENOMEM;
	}
	free(b.pieces);
	shc_fields_finish(&fields);
	return r;
}

/* ---- Patterns ------------------------------------------------------------------------------------------------- */

/* Append the pattern language of one part of known text: quoted bytes stand for themselves. */
static int pattern_text(struct shc_interpreter *in, struct shc_text text, bool quoted,
	const struct shc_dfa **language)
{
	const struct shc_dfa *part;
	int r;

	if (quoted)
		r = shc_dfa_literal(in->pool, text.bytes, text.length, &part);
	else
		r = shc_dfa_glob(in->pool, text.bytes, text.length, SHC_GLOB_EXTENDED, &part, NULL);
	if (!r)
		r = shc_dfa_concat(in->pool, *language, part, language);
	return r;
}

static int pattern_value(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_part *part, bool quoted, const struct shc_dfa **language)
{
	struct shc_part alone = *part;
	struct shc_word word = {.range = part->range, .parts = &alone};
	const struct shc_term *term;
	int r;

	alone.next = NULL;
	r = shc_expand_value(in, state, &word, &term);
	if (r <= 0)
		return r;
	for (uint32_t i = 0; i < term->count && r >= 0; i++) {
		const struct shc_piece *piece = &term->pieces[i];
		const struct shc_dfa *atom;

		if (!piece->atom) {
			r = pattern_text(in, piece->text, quoted, language);
			continue;
		}
		/* An unquoted unknown may hold pattern characters and then match anything. */
		atom = quoted ? shc_state_language_of(state, piece->atom) : shc_dfa_text(in->pool);
		r = shc_dfa_concat(in->pool, *language, atom, language);
	}
	return r < 0 ? r : 1;
}

/* 0 of a step becomes 1: the expansion goes on. */
static int going_on(int r)
{
	return r ? r : 1;
}

static int pattern_parts(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_part *part, bool quoted, const struct shc_dfa **language)
{
	int r = 1;

	for (; part && r > 0; part = part->next) {
		switch (part->kind) {
		case SHC_PART_LITERAL:
		case SHC_PART_ESCAPE:
		case SHC_PART_SINGLE:
		case SHC_PART_ANSI:
			r = going_on(pattern_text(in, part->text, true, language));
			break;
		case SHC_PART_GLOB:
			r = going_on(pattern_text(in, part->text, false, language));
			break;
		case SHC_PART_DOUBLE:
		case SHC_PART_LOCALE:
			r = pattern_parts(in, state, part->parts, true, language);
			break;
		case SHC_PART_PARAMETER:
		case SHC_PART_COMMAND:
		case SHC_PART_ARITHMETIC:
			r = pattern_value(in, state, part, quoted, language);
			break;
		case SHC_PART_TILDE:
			/* See colon_tilde(). */
			if (part->next && part->next->kind == SHC_PART_LITERAL &&
				part->next->text.bytes[0] == ':')
				r = going_on(shc_dfa_concat(
					in->pool, *language, shc_dfa_text(in->pool), language));
			else
				r = pattern_value(in, state, part, quoted, language);
			break;
		default:
			r = going_on(shc_dfa_concat(
				in->pool, *language, shc_dfa_text(in->pool), language));
		}
	}
	return r;
}

int shc_pattern_is_exact(
	struct shc_interpreter *in, struct shc_state *state, const struct shc_word *word)
{
	const struct shc_term *term;
	struct shc_text text;
	int r = shc_expand_value(in, state, word, &term);

	return r > 0 ? shc_term_known(term, &text) : r;
}

int shc_expand_pattern(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_word *word, const struct shc_dfa **ret)
{
	const struct shc_dfa *language = shc_dfa_epsilon(in->pool);
	int r = word ? pattern_parts(in, state, word->parts, false, &language) : 1;

	if (r == -E2BIG) {
		language = shc_dfa_text(in->pool);
		r = 1;
	}
	if (r > 0)
		*ret = language;
	return r;
}
