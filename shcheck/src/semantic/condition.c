/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test, [ ] and [[ ]]: both outcomes as states that know what was tested (POSIX.1-2017 XCU, test; bash(1),
 * CONDITIONAL
 * EXPRESSIONS).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "mistake.h"
#include "parameter.h"
#include "path.h"

/* A test whose outcome is split: takes @state, appends what is true and what is false. */
struct split {
	struct shc_interpreter *in;
	const struct shc_command *command;
	struct shc_outcomes *yes, *no;
	bool *errs; /* set where the test may also be none: status 2 */
};

static int add_both(const struct split *split, struct shc_state *yes, struct shc_state *no)
{
	int r = 0;

	if (yes)
		r = shc_outcomes_add(split->in, split->yes, yes, SHC_FLOW_NEXT, 0);
	if (!no)
		return r;
	if (r) {
		shc_state_destroy(no);
		return r;
	}
	return shc_outcomes_add(split->in, split->no, no, SHC_FLOW_NEXT, 0);
}

/* Neither outcome teaches anything. */
static int split_unknown(const struct split *split, struct shc_state *state)
{
	struct shc_state *no = shc_state_clone(state);

	if (!no) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	*split->errs = true;
	return add_both(split, state, no);
}

/* True only when @term is in @yes, false only when it is in @no; paths that cannot be are left out. Takes @state. */
static int split_languages(const struct split *split, struct shc_state *state,
	const struct shc_term *term, const struct shc_dfa *when_yes, const struct shc_dfa *when_no)
{
	struct shc_dfa_pool *pool = split->in->pool;
	struct shc_state *no = shc_state_clone(state);
	int yes_possible, no_possible;

	if (!no) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	yes_possible = shc_state_narrow_term(state, pool, term, when_yes);
	no_possible = shc_state_narrow_term(no, pool, term, when_no);
	if (yes_possible <= 0) {
		shc_state_destroy(state);
		state = NULL;
	}
	if (no_possible <= 0) {
		shc_state_destroy(no);
		no = NULL;
	}
	if (yes_possible < 0 || no_possible < 0) {
		shc_state_destroy(state);
		shc_state_destroy(no);
		return -ENOMEM;
	}
	return add_both(split, state, no);
}

/* True only when @term is in @language, which holds more than what is asked for. Takes @state. */
static int split_inside(const struct split *split, struct shc_state *state,
	const struct shc_term *term, const struct shc_dfa *language)
{
	struct shc_state *no = shc_state_clone(state);
	int r = no ? shc_state_narrow_term(state, split->in->pool, term, language) : -ENOMEM;

	if (r <= 0) {
		shc_state_destroy(state);
		state = NULL;
	}
	if (r < 0) {
		shc_state_destroy(no);
		return r;
	}
	return add_both(split, state, no);
}

/* True when @term is in @language, false when it is not. Takes @state. */
static int split_language(const struct split *split, struct shc_state *state,
	const struct shc_term *term, const struct shc_dfa *language)
{
	const struct shc_dfa *rest;

	if (shc_dfa_difference(split->in->pool, shc_dfa_text(split->in->pool), language, &rest))
		rest = shc_dfa_text(split->in->pool);
	return split_languages(split, state, term, language, rest);
}

static int split_empty(const struct split *split, struct shc_state *state,
	const struct shc_term *term, bool when_empty)
{
	struct split turned = *split;

	if (when_empty == MADE(EMPTY_IS_NONEMPTY)) {
		turned.yes = split->no;
		turned.no = split->yes;
	}
	return split_language(&turned, state, term, shc_dfa_epsilon(split->in->pool));
}

/* @a = @b. When one is known the other learns it; two unknowns learn what they have in common. */
static int split_equal(const struct split *split, struct shc_state *state, const struct shc_term *a,
	const struct shc_term *b)
{
	struct shc_dfa_pool *pool = split->in->pool;
	const struct shc_dfa *language;
	const struct shc_fact *asked;
	struct shc_state *no;
	struct shc_text text;
	int r;

	shc_check_lost(split->in, a);
	shc_check_lost(split->in, b);
	if (a == b)
		return add_both(split, state, NULL);
	/* Written the other way round it is the same test. */
	if (a->hash > b->hash) {
		const struct shc_term *swap = a;

		a = b;
		b = swap;
	}
	if (shc_term_known(b, &text) || shc_term_known(a, &text)) {
		const struct shc_term *other = shc_term_known(b, &text) ? a : b;

		if (other == a)
			(void)shc_term_known(b, &text);
		else
			(void)shc_term_known(a, &text);
		if (shc_dfa_literal(pool, text.bytes, text.length, &language))
			return split_unknown(split, state);
		return split_language(split, state, other, language);
	}
	asked = shc_path_asked(state, '=', a, b);
	if (asked)
		return asked->kind == SHC_FILE_NOTHING ? add_both(split, NULL, state)
						       : add_both(split, state, NULL);
	no = shc_state_clone(state);
	if (!no || shc_path_answer(no, '=', a, b, false, split->command->range)) {
		shc_state_destroy(no);
		shc_state_destroy(state);
		return -ENOMEM;
	}
	r = shc_path_answer(state, '=', a, b, true, split->command->range);
	if (!r)
		r = shc_state_term_language(state, pool, b, &language);
	if (r != -ENOMEM)
		r = shc_state_narrow_term(state, pool, a, language);
	if (r > 0) {
		r = shc_state_term_language(state, pool, a, &language);
		if (r != -ENOMEM)
			r = shc_state_narrow_term(state, pool, b, language);
	}
	if (r <= 0) {
		shc_state_destroy(state);
		state = NULL;
	}
	if (r < 0) {
		shc_state_destroy(no);
		return -ENOMEM;
	}
	return add_both(split, state, no);
}

/* ---- Numbers -------------------------------------------------------------------------------------------------- */

static bool number_known(const struct shc_term *term, int64_t *ret)
{
	struct shc_text text;
	char buffer[24], *end;

	const struct shc_atom *atom = shc_term_single_atom(term);
	size_t length;

	if (atom) {
		if (atom->origin != SHC_ORIGIN_LOST ||
			!shc_dfa_single(atom->language, buffer, sizeof(buffer), &length))
			return false;
	} else {
		if (!shc_term_known(term, &text) || !text.length || text.length >= sizeof(buffer))
			return false;
		memcpy(buffer, text.bytes, text.length);
		buffer[text.length] = 0;
	}
	*ret = strtoll(buffer, &end, 10);
	return !*end;
}

static bool compare(const char *op, int64_t a, int64_t b)
{
	if (!strcmp(op, "-eq"))
		return a == b;
	if (!strcmp(op, "-ne"))
		return a != b;
	if (!strcmp(op, "-lt"))
		return a < b;
	if (!strcmp(op, "-le"))
		return a <= b;
	if (!strcmp(op, "-gt"))
		return a > b;
	return a >= b;
}

/* The numbers for which "x OP @b" holds; -ne by its complement. */
static int interval_of(
	struct shc_dfa_pool *pool, const char *op, int64_t b, const struct shc_dfa **ret)
{
	if (!strcmp(op, "-lt"))
		return shc_dfa_interval(pool, INT64_MIN, b - 1, ret);
	if (!strcmp(op, "-le"))
		return shc_dfa_interval(pool, INT64_MIN, b, ret);
	if (!strcmp(op, "-gt"))
		return shc_dfa_interval(pool, b + 1, INT64_MAX, ret);
	if (!strcmp(op, "-ge"))
		return shc_dfa_interval(pool, b, INT64_MAX, ret);
	return shc_dfa_interval(pool, b, b, ret);
}

/* How numbers may be written: in every way that some shell reads, or only in ways that all shells read. */
enum spelling {
	SPELLING_ANY,
	SPELLING_STRICT,
};

/* Behind a sign, zeroes and (in any spelling) between blanks. 0, -E2BIG or -ENOMEM. */
static int spelt(struct shc_dfa_pool *pool, enum spelling spelling, const char *before,
	const struct shc_dfa *digits, const struct shc_dfa **ret)
{
	struct shc_byte_set blank = shc_byte_set_of(" \t\n\v\f\r", 6);
	const struct shc_dfa *blanks, *sign, *all;
	int r = shc_dfa_regex(pool, before, strlen(before), SHC_REGEX_EXTENDED, &sign, NULL, NULL);

	if (!r)
		r = shc_dfa_concat(pool, sign, digits, &all);
	if (!r && spelling == SPELLING_STRICT) {
		*ret = all;
		return 0;
	}
	if (!r)
		r = shc_dfa_bytes_star(pool, &blank, &blanks);
	if (!r)
		r = shc_dfa_concat(pool, blanks, all, &all);
	return r ? r : shc_dfa_concat(pool, all, blanks, ret);
}

/* All ways to write a number from @low to @high. 0, -E2BIG or -ENOMEM. */
static int spellings(struct shc_dfa_pool *pool, enum spelling spelling, int64_t low, int64_t high,
	const struct shc_dfa **ret)
{
	const struct shc_dfa *all = shc_dfa_empty(pool), *part;
	int r = 0;

	if (high >= 0) {
		r = shc_dfa_interval(pool, low > 0 ? low : 0, high, &part);
		r = r ? r : spelt(pool, spelling, "[+]?0*", part, &part);
		r = r ? r : shc_dfa_union(pool, all, part, &all);
	}
	if (!r && low <= 0 && high >= 0) {
		r = shc_dfa_literal(pool, "0", 1, &part);
		r = r ? r : spelt(pool, spelling, "-0*", part, &part);
		r = r ? r : shc_dfa_union(pool, all, part, &all);
	}
	if (!r && low <= 0 && high >= 0 && spelling == SPELLING_ANY)
		r = shc_dfa_union(pool, all, shc_dfa_epsilon(pool), &all);
	if (!r && low < 0) {
		r = shc_dfa_interval(
			pool, high < 0 ? -high : 1, low == INT64_MIN ? INT64_MAX : -low, &part);
		r = r ? r : spelt(pool, spelling, "-0*", part, &part);
		r = r ? r : shc_dfa_union(pool, all, part, &all);
	}
	*ret = all;
	return r;
}

/* The strings for which "x OP @b" holds, OP not -ne. 0, -E2BIG or -ENOMEM. */
static int holds_for(struct shc_dfa_pool *pool, enum spelling spelling, const char *op, int64_t b,
	const struct shc_dfa **ret)
{
	if (!strcmp(op, "-lt"))
		return spellings(pool, spelling, INT64_MIN, b - 1, ret);
	if (!strcmp(op, "-le"))
		return spellings(pool, spelling, INT64_MIN, b, ret);
	if (!strcmp(op, "-gt"))
		return spellings(pool, spelling, b + 1, INT64_MAX, ret);
	if (!strcmp(op, "-ge"))
		return spellings(pool, spelling, b, INT64_MAX, ret);
	return spellings(pool, spelling, b, b, ret);
}

/* What somebody has typed compared with @b: what is no number is neither equal nor unequal. Takes @state. */
static int split_typed(const struct split *split, struct shc_state *state, const char *op,
	int64_t b, const struct shc_term *term)
{
	struct shc_dfa_pool *pool = split->in->pool;
	const struct shc_dfa *yes, *surely;
	bool unequal = !strcmp(op, "-ne");
	int r = holds_for(pool, SPELLING_ANY, op, b, &yes);

	r = r ? r : holds_for(pool, SPELLING_STRICT, op, b, &surely);
	if (!r && unequal) {
		const struct shc_dfa *equal = yes, *number;

		r = spellings(pool, SPELLING_ANY, INT64_MIN, INT64_MAX, &number);
		r = r ? r : shc_dfa_difference(pool, number, surely, &yes);
		r = r ? r : spellings(pool, SPELLING_STRICT, INT64_MIN, INT64_MAX, &number);
		r = r ? r : shc_dfa_difference(pool, number, equal, &surely);
	}
	r = r ? r : shc_dfa_difference(pool, shc_dfa_text(pool), surely, &surely);
	return r ? split_unknown(split, state) : split_languages(split, state, term, yes, surely);
}

static int split_new_number(const struct split *split, struct shc_state *state, const char *op,
	const struct shc_term *a, const struct shc_term *b)
{
	const struct shc_atom *atom = shc_term_single_atom(a);
	const struct shc_dfa *language;
	struct split turned = *split;
	int64_t left, right;

	shc_check_lost(split->in, a);
	shc_check_lost(split->in, b);
	if (!number_known(b, &right))
		return split_unknown(split, state);
	if (number_known(a, &left)) {
		bool yes = compare(op, left, right);

		return add_both(split, yes ? state : NULL, yes ? NULL : state);
	}
	if (!atom || right <= INT64_MIN + 1 || right >= INT64_MAX - 1)
		return split_unknown(split, state);
	/* Only numbers that the shell itself has written are spelt as intervals are: "007" and " 7" are 7 too. */
	if (atom->origin != SHC_ORIGIN_NUMBER)
		/* In [[ ]] an operand is an expression. */
		return split->command->kind == SHC_COMMAND_TEST
			       ? split_unknown(split, state)
			       : split_typed(split, state, op, right, a);
	if (interval_of(split->in->pool, op, right, &language))
		return split_unknown(split, state);
	if (!strcmp(op, "-ne")) {
		turned.yes = split->no;
		turned.no = split->yes;
	}
	return split_language(&turned, state, a, language);
}

/* The letter under which the answer of a comparison is remembered: what is no number is neither = nor !=. */
static char letter_of(const char *op)
{
	static const char *const operators[] = {"-eq", "-ne", "-lt", "-le", "-gt", "-ge"};
	char letter = 'A';

	for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++, letter++)
		if (!strcmp(op, operators[i]))
			break;
	return letter;
}

/* Add to every state of @list what the comparison has said. 0 or -ENOMEM. */
static int remember(const struct split *split, struct shc_outcomes *list, uint32_t first,
	char letter, const struct shc_term *a, const struct shc_term *b, bool answer)
{
	int r = 0;

	for (uint32_t i = first; i < list->count && !r; i++)
		r = shc_path_answer(
			list->items[i].state, letter, a, b, answer, split->command->range);
	return r;
}

static bool surely_number(const struct shc_term *term)
{
	const struct shc_atom *atom = shc_term_single_atom(term);
	int64_t value;

	return (atom && atom->origin == SHC_ORIGIN_NUMBER) || number_known(term, &value);
}

static int split_number(const struct split *split, struct shc_state *state, const char *op,
	const struct shc_term *a, const struct shc_term *b)
{
	char letter = letter_of(op);
	const struct shc_fact *asked = shc_path_asked(state, letter, a, b);
	uint32_t yes = split->yes->count, no = split->no->count;
	struct shc_text known;
	int r;

	*split->errs |= !surely_number(a) || !surely_number(b);
	if (asked)
		return asked->kind == SHC_FILE_NOTHING ? add_both(split, NULL, state)
						       : add_both(split, state, NULL);
	r = split_new_number(split, state, op, a, b);
	if (r || (shc_term_known(a, &known) && shc_term_known(b, &known)))
		return r;
	r = remember(split, split->yes, yes, letter, a, b, true);
	return r ? r : remember(split, split->no, no, letter, a, b, false);
}

/* ---- Files ---------------------------------------------------------------------------------------------------- */

/* What a test of a path that is known to be of @kind says: 1, 0, or -1 where that depends. */
static int answer_of_kind(enum shc_file_kind kind, char op)
{
	switch (kind) {
	case SHC_FILE_NOTHING:
		return 0;
	case SHC_FILE_DIRECTORY:
		return op == 'd' || op == 'e' ? 1 : strchr("fhLpSbc", op) ? 0 : -1;
	case SHC_FILE_REGULAR:
		return op == 'f' || op == 'e' ? 1 : strchr("dhLpSbc", op) ? 0 : -1;
	case SHC_FILE_LINK:
		return op == 'h' || op == 'L' ? 1 : -1;
	default:
		return -1;
	}
}

/* What the same test, or one that settles it, has said of @path before: 1, 0 or -1. */
static int answer_before(const struct shc_state *state, char op, const struct shc_term *path)
{
	const struct shc_fact *same = shc_path_asked(state, op, path, NULL);
	const struct shc_fact *exists = shc_path_asked(state, 'e', path, NULL);

	if (same)
		return same->kind != SHC_FILE_NOTHING;
	/* What does not exist for -e may still be a link that leads nowhere. */
	if (exists && exists->kind == SHC_FILE_NOTHING && op != 'h' && op != 'L')
		return 0;
	return -1;
}

static int answer(const struct split *split, struct shc_state *state, char op,
	const struct shc_term *path, bool yes)
{
	int r = shc_path_answer(state, op, path, NULL, yes, split->command->range);

	/* What is anything does exist. */
	if (!r && yes && op != 'e' && op != 'h' && op != 'L')
		r = shc_path_answer(state, 'e', path, NULL, true, split->command->range);
	if (!r && yes && op == 'd')
		r = shc_path_answer(state, 'f', path, NULL, false, split->command->range);
	if (!r && yes && op == 'f')
		r = shc_path_answer(state, 'd', path, NULL, false, split->command->range);
	return r;
}

static int split_file(
	const struct split *split, struct shc_state *state, char op, const struct shc_term *operand)
{
	struct shc_interpreter *in = split->in;
	const struct shc_term *path = shc_path_normal(in, state, operand);
	const struct shc_fact *fact;
	struct shc_state *no;
	int known;

	if (!path) {
		shc_state_destroy(state);
		return -ENOMEM;
	}
	if (shc_term_is(operand, ""))
		return add_both(split, NULL, state);
	/* -a is -e in bash, -h and -L are one. */
	op = op == 'a' ? 'e' : op == 'L' ? 'h' : op;
	known = answer_before(state, op, path);
	fact = known < 0 ? shc_path_fact(in, state, path) : NULL;
	/* What is only assumed is put in doubt by the test. */
	if (fact && fact->assumed && !MADE(ASSUMED_IS_CERTAIN))
		fact = NULL;
	if (fact && fact->path == path)
		known = answer_of_kind(fact->kind, op);
	else if (fact)
		known = 0;
	if (known >= 0)
		return add_both(split, known ? state : NULL, known ? NULL : state);
	no = shc_state_clone(state);
	if (!no || answer(split, state, op, path, true) || answer(split, no, op, path, false)) {
		shc_state_destroy(no);
		shc_state_destroy(state);
		return -ENOMEM;
	}
	return add_both(split, state, no);
}

/* ---- test and [ ------------------------------------------------------------------------------------------------ */

static bool is_one_of(struct shc_text text, const char *const *names)
{
	for (; *names; names++)
		if (shc_text_is(text, *names))
			return true;
	return false;
}

static int split_unary(const struct split *split, struct shc_state *state, struct shc_text op,
	const struct shc_term *operand)
{
	if (op.length != 2 || op.bytes[0] != '-')
		return split_unknown(split, state);
	if (op.bytes[1] == 'n' || op.bytes[1] == 'z')
		return split_empty(split, state, operand, op.bytes[1] == 'z');
	if (strchr("adefhLrwxsbcpSgukGON", op.bytes[1]))
		return split_file(split, state, op.bytes[1], operand);
	return split_unknown(split, state);
}

static int split_binary(const struct split *split, struct shc_state *state,
	const struct shc_term *a, struct shc_text op, const struct shc_term *b)
{
	static const char *const numeric[] = {"-eq", "-ne", "-lt", "-le", "-gt", "-ge", NULL};
	struct split turned = *split;
	char name[4] = {0};

	if (is_one_of(op, numeric)) {
		memcpy(name, op.bytes, 3);
		return split_number(split, state, name, a, b);
	}
	if (shc_text_is(op, "=") || shc_text_is(op, "==") || MADE(UNEQUAL_IS_EQUAL))
		return split_equal(split, state, a, b);
	if (shc_text_is(op, "!=") && !MADE(UNEQUAL_IS_EQUAL)) {
		turned.yes = split->no;
		turned.no = split->yes;
		return split_equal(&turned, state, a, b);
	}
	return split_unknown(split, state);
}

static bool is_binary(const struct shc_term *term)
{
	static const char *const operators[] = {"=", "==", "!=", "<", ">", "-eq", "-ne", "-lt",
		"-le", "-gt", "-ge", "-ef", "-nt", "-ot", "-a", "-o", NULL};
	struct shc_text text;

	return shc_term_known(term, &text) && is_one_of(text, operators);
}

static bool has_brackets(const struct shc_call *call, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++)
		if (shc_term_is(call->values[i], "(") || shc_term_is(call->values[i], ")"))
			return true;
	return false;
}

/* Where operands fall apart at -o, or else at -a; 0 = nowhere. */
static uint32_t joint_at(const struct shc_call *call, uint32_t first, uint32_t end)
{
	static const char *const joints[] = {"-o", "-a"};

	for (size_t which = 0; which < 2; which++)
		for (uint32_t i = first + 1; i + 1 < end; i++)
			if (shc_term_is(call->values[i], joints[which]))
				return i;
	return 0;
}

static int split_operands(const struct split *split, const struct shc_call *call, uint32_t first,
	uint32_t end, struct shc_state *state);

/* a -a b, a -o b: both sides are expanded already, so the order is of no matter. */
static int split_joined(const struct split *split, const struct shc_call *call, uint32_t first,
	uint32_t at, uint32_t end, struct shc_state *state)
{
	struct shc_outcomes between = {0};
	struct split inner = *split;
	int r;

	if (shc_term_is(call->values[at], "-a"))
		inner.yes = &between;
	else
		inner.no = &between;
	r = split_operands(&inner, call, first, at, state);
	for (uint32_t i = 0; i < between.count; i++) {
		if (r)
			shc_state_destroy(between.items[i].state);
		else
			r = split_operands(split, call, at + 1, end, between.items[i].state);
	}
	between.count = 0;
	shc_outcomes_finish(&between);
	return r;
}

/* POSIX decides by the number of operands. @first .. @end are fields that each occur once. */
static int split_operands(const struct split *split, const struct shc_call *call, uint32_t first,
	uint32_t end, struct shc_state *state)
{
	uint32_t count = end - first;
	struct split turned = *split;
	struct shc_text op;

	if (!count)
		return add_both(split, NULL, state);
	if (count > 4 && !has_brackets(call, first, end)) {
		uint32_t at = joint_at(call, first, end);

		if (at)
			return split_joined(split, call, first, at, end, state);
	}
	if (count > 1 && (count != 3 || !is_binary(call->values[first + 1])) &&
		shc_term_is(call->values[first], "!")) {
		turned.yes = split->no;
		turned.no = split->yes;
		return split_operands(&turned, call, first + 1, end, state);
	}
	if (count == 1)
		return split_empty(split, state, call->values[first], false);
	if (count == 2 && shc_term_known(call->values[first], &op))
		return split_unary(split, state, op, call->values[first + 1]);
	if (count == 3 && shc_term_known(call->values[first + 1], &op))
		return split_binary(split, state, call->values[first], op, call->values[first + 2]);
	return split_unknown(split, state);
}

static int deliver(const struct split *split, int r, struct shc_outcomes *out)
{
	struct shc_outcomes *lists[] = {split->yes, split->no};

	for (int which = 0; which < 2; which++) {
		struct shc_outcomes *list = lists[which];

		for (uint32_t i = 0; i < list->count; i++) {
			struct shc_state *state = list->items[i].state;

			shc_set_status(
				state, split->command, which, which + (which && *split->errs));
			if (r)
				shc_state_destroy(state);
			else
				r = shc_outcomes_add(split->in, out, state, SHC_FLOW_NEXT, 0);
		}
		list->count = 0;
		shc_outcomes_finish(list);
	}
	return r;
}

/* Operands that vanish leave a test of one operand, which is true. */
static void check_vanishing(const struct shc_call *call, uint32_t first)
{
	const struct shc_field *operand = &call->fields.items[first + 1];
	struct shc_finding *finding;
	bool output = false;
	struct shc_text op;

	if (!shc_term_known(call->values[first], &op) || op.length != 2 || op.bytes[0] != '-' ||
		operand->occurrence == SHC_ONCE)
		return;
	for (uint32_t i = 0; i < operand->count; i++) {
		/* Known text beside it stays. */
		if (!operand->pieces[i].piece.atom)
			return;
		output |= operand->pieces[i].piece.atom->origin == SHC_ORIGIN_OUTPUT ||
			  operand->pieces[i].piece.atom->origin == SHC_ORIGIN_FILE_NAME;
	}
	if (op.bytes[1] != 'n' && !(output && strchr("abcdefghkprstuwxLNOGS", op.bytes[1])))
		return;
	finding = shc_report(call->in, 508, call->command->range,
		"without its operand this test is always true");
	shc_finding_hint(call->in->findings, finding, "put the expansion in double quotes");
	if (finding && op.bytes[1] != 'n')
		finding->severity = SHC_SEVERITY_INFO;
}

/* [ $a=b ]: one operand that is never empty. */
static void check_single(const struct shc_call *call, uint32_t first)
{
	const struct shc_field *operand = &call->fields.items[first];

	for (uint32_t i = 0; i < operand->count; i++) {
		const struct shc_piece *piece = &operand->pieces[i].piece;

		if (!piece->atom && operand->word && !operand->word->constant &&
			memchr(piece->text.bytes, '=', piece->text.length)) {
			shc_finding_hint(call->in->findings,
				shc_report(call->in, 508, call->command->range,
					"this test is always true: it is one operand, not a "
					"comparison"),
				"put blanks around the operator");
			return;
		}
	}
}

/* Scripts that are made from templates are full of these, so they are not worth a warning. */
static void report_fixed(const struct shc_call *call)
{
	struct shc_finding *finding = shc_report(call->in, 508, call->command->range,
		"this compares two fixed texts; a '$' may be missing");

	if (finding)
		finding->severity = SHC_SEVERITY_INFO;
}

/* The operand of which a test asks whether it is empty; 0 = none. */
static uint32_t asks_for_empty(const struct shc_call *call, uint32_t first, uint32_t end)
{
	if (end == first + 1)
		return first;
	if (end == first + 2 &&
		(shc_term_is(call->values[first], "-z") || shc_term_is(call->values[first], "-n")))
		return first + 1;
	if (end == first + 3 && shc_term_is(call->values[first + 2], "") &&
		is_binary(call->values[first + 1]))
		return first;
	return 0;
}

static void check_test(const struct shc_call *call, struct shc_state *state, uint32_t end)
{
	uint32_t first = 1;

	if (end > 2 && shc_term_is(call->values[1], "!"))
		first = 2;
	shc_check_comparison(call, state, first, end);
	if (call->reads_first && asks_for_empty(call, first, end))
		shc_check_unset(call->in, state, call->command->range,
			call->fields.items[asks_for_empty(call, first, end)].word);
	if (end == first + 1)
		check_single(call, first);
	else if (end == first + 2)
		check_vanishing(call, first);
	else if (end == first + 3 && call->fields.items[first].word->constant &&
		 call->fields.items[first + 2].word->constant &&
		 (shc_term_is(call->values[first + 1], "=") ||
			 shc_term_is(call->values[first + 1], "!=")))
		report_fixed(call);
}

/* Is the word split at blanks, as nothing in the script says otherwise? */
static bool splits_at_blanks(const struct shc_call *call, const struct shc_state *state)
{
	uint32_t number;

	return !shc_name_number(
		       call->in, (struct shc_text){.bytes = "IFS", .length = 3}, &number) &&
	       (number >= state->variable_count || !state->variables[number].assigned);
}

/*
 * [ -z $x ] and [ $x ] without quotes: a value that is blank vanishes, and then the test is one of a single operand, or
 * of none. Takes @state.
 */
static int split_vanishing(const struct split *split, const struct shc_call *call, uint32_t end,
	struct shc_state *state)
{
	struct shc_dfa_pool *pool = split->in->pool;
	struct shc_byte_set blank = shc_byte_set_of(" \t\n", 3);
	bool empty = end == 3 && shc_term_is(call->values[1], "-z");
	const struct shc_dfa *blanks, *filled;

	if ((!empty && end != 2) || !splits_at_blanks(call, state) ||
		shc_dfa_bytes_star(pool, &blank, &blanks) ||
		shc_dfa_difference(pool, shc_dfa_text(pool), blanks, &filled))
		return split_unknown(split, state);
	for (uint32_t i = 0; i < call->fields.items[end - 1].count; i++)
		if (call->fields.items[end - 1].pieces[i].glob)
			return split_unknown(split, state);
	/* A value of several words is more than a test may have. */
	*split->errs = true;
	return empty ? split_languages(split, state, call->values[2], blanks, filled)
		     : split_languages(split, state, call->values[1], filled, shc_dfa_text(pool));
}

/* May a value beside -a or -o be read as an operator? */
static bool misleads(const struct shc_call *call, const struct shc_state *state, uint32_t end)
{
	static const char operators[] = "=|!=|==|<|>|\\(|\\)|!|-.*";
	struct shc_dfa_pool *pool = call->in->pool;
	const struct shc_dfa *read, *all;

	if (shc_dfa_regex(
		    pool, operators, sizeof(operators) - 1, SHC_REGEX_EXTENDED, &read, NULL, NULL))
		return true;
	for (uint32_t i = 1; i < end; i++)
		if (!call->fields.items[i].word->constant &&
			(shc_state_term_language(state, pool, call->values[i], &all) ||
				shc_dfa_intersect(pool, all, read, &all) || !shc_dfa_is_empty(all)))
			return true;
	return false;
}

int shc_test_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes yes = {0}, no = {0};
	bool errs = false;
	struct split split = {
		.in = call->in, .command = call->command, .yes = &yes, .no = &no, .errs = &errs};
	struct shc_state *copy = NULL;
	uint32_t end = call->fields.count;
	bool plain = true, single = true;
	int r = 0;

	if (shc_text_is(call->name, "[") && end > 1 && shc_term_is(call->values[end - 1], "]"))
		end--;
	for (uint32_t i = 1; i < end; i++) {
		plain &= call->fields.items[i].occurrence == SHC_ONCE;
		single &= shc_field_is_one(&call->fields.items[i]);
	}
	/* Several fields in place of one are operands too many. */
	errs = !single || end > 5;
	check_test(call, state, end);
	if (!single || (end > 5 && misleads(call, state, end)))
		copy = shc_state_clone(state);
	r = plain ? split_operands(&split, call, 1, end, state)
		  : split_vanishing(&split, call, end, state);
	if (!r && copy && !no.count) {
		r = shc_outcomes_add(call->in, &no, copy, SHC_FLOW_NEXT, 0);
		copy = NULL;
	}
	shc_state_destroy(copy);
	return deliver(&split, r, out);
}

/* ---- [[ ]] --------------------------------------------------------------------------------------------------- */

static int split_tree(
	const struct split *split, const struct shc_test *test, struct shc_state *state);

static int tree_on_each(
	const struct split *split, const struct shc_test *test, struct shc_outcomes *from)
{
	int r = 0;

	for (uint32_t i = 0; i < from->count; i++) {
		if (r)
			shc_state_destroy(from->items[i].state);
		else
			r = split_tree(split, test, from->items[i].state);
	}
	from->count = 0;
	shc_outcomes_finish(from);
	return r;
}

static int split_pattern(const struct split *split, const struct shc_test *test,
	struct shc_state *state, const struct shc_term *subject)
{
	const struct shc_dfa *language;
	int r;

	if (shc_text_is(test->op, "=~"))
		return split_unknown(split, state);
	r = shc_expand_pattern(split->in, state, test->second, &language);
	if (r < 0) {
		shc_state_destroy(state);
		return r;
	}
	split->in->may_end |= !r;
	if (!r)
		return split_unknown(split, state);
	r = shc_pattern_is_exact(split->in, state, test->second);
	if (r < 0) {
		shc_state_destroy(state);
		return r;
	}
	return r ? split_language(split, state, subject, language)
		 : split_inside(split, state, subject, language);
}

static bool is_equality(struct shc_text op)
{
	return shc_text_is(op, "=") || shc_text_is(op, "==");
}

static int split_leaf(
	const struct split *split, const struct shc_test *test, struct shc_state *state)
{
	struct split turned = *split;
	const struct shc_term *first, *second;
	bool first_read = !state->arguments_read;
	int r = shc_expand_value(split->in, state, test->first, &first);

	if (first_read &&
		(test->kind == SHC_TEST_WORD ||
			(test->kind == SHC_TEST_UNARY &&
				(shc_text_is(test->op, "-z") || shc_text_is(test->op, "-n")))))
		shc_check_unset(split->in, state, split->command->range, test->first);

	if (r > 0 && test->kind == SHC_TEST_BINARY &&
		(shc_text_is(test->op, "=") || shc_text_is(test->op, "==") ||
			shc_text_is(test->op, "=~")))
		return split_pattern(split, test, state, first);
	if (r > 0 && test->kind == SHC_TEST_BINARY && shc_text_is(test->op, "!=")) {
		turned.yes = split->no;
		turned.no = split->yes;
		return split_pattern(&turned, test, state, first);
	}
	if (r > 0 && test->kind == SHC_TEST_BINARY)
		r = shc_expand_value(split->in, state, test->second, &second);
	if (r < 0) {
		shc_state_destroy(state);
		return r;
	}
	/* An operand that ends the shell. */
	split->in->may_end |= !r;
	if (!r)
		return split_unknown(split, state);
	if (test->kind == SHC_TEST_WORD)
		return split_empty(split, state, first, false);
	if (test->kind == SHC_TEST_UNARY)
		return split_unary(split, state, test->op, first);
	shc_check_order(split->in, split->command->range, first, test->op, second);
	return split_binary(split, state, first, test->op, second);
}

static bool same_text(
	const struct shc_interpreter *in, const struct shc_word *a, const struct shc_word *b)
{
	const char *text = in->script->source->bytes;
	uint32_t length = a->range.end - a->range.start;

	return length && length == b->range.end - b->range.start &&
	       !memcmp(text + a->range.start, text + b->range.start, length);
}

/* x != a || x != b, x = a && x = b, where nothing is matched by both patterns. */
static void check_neither(
	const struct split *split, const struct shc_test *test, struct shc_state *state)
{
	struct shc_interpreter *in = split->in;
	const struct shc_test *left = test->left, *right = test->right;
	const struct shc_dfa *a, *b;
	bool either = test->kind == SHC_TEST_OR;

	if (left->kind != SHC_TEST_BINARY || right->kind != SHC_TEST_BINARY || in->site ||
		shc_text_is(left->op, "!=") != either || shc_text_is(right->op, "!=") != either ||
		(!either && (!is_equality(left->op) || !is_equality(right->op))) ||
		!same_text(in, left->first, right->first) ||
		shc_expand_pattern(in, state, left->second, &a) <= 0 ||
		shc_expand_pattern(in, state, right->second, &b) <= 0 ||
		shc_pattern_is_exact(in, state, left->second) <= 0 ||
		shc_pattern_is_exact(in, state, right->second) <= 0 ||
		shc_dfa_intersect(in->pool, a, b, &a) || !shc_dfa_is_empty(a))
		return;
	shc_finding_hint(in->findings,
		shc_report(in, 508, split->command->range,
			either ? "this is always true: nothing is both texts"
			       : "this is never true: nothing is both texts"),
		either ? "write && in place of ||" : "write || in place of &&");
}

static int split_tree(
	const struct split *split, const struct shc_test *test, struct shc_state *state)
{
	struct split inner = *split;
	struct shc_outcomes between = {0};
	int r;

	if (test->kind == SHC_TEST_OR || test->kind == SHC_TEST_AND)
		check_neither(split, test, state);
	switch (test->kind) {
	case SHC_TEST_NOT:
		inner.yes = split->no;
		inner.no = split->yes;
		return split_tree(&inner, test->left, state);
	case SHC_TEST_GROUP:
		return split_tree(split, test->left, state);
	case SHC_TEST_AND:
		inner.yes = &between;
		break;
	case SHC_TEST_OR:
		inner.no = &between;
		break;
	default:
		return split_leaf(split, test, state);
	}
	r = split_tree(&inner, test->left, state);
	if (r) {
		shc_outcomes_finish(&between);
		return r;
	}
	return tree_on_each(split, test->right, &between);
}

int shc_execute_test(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct shc_outcomes yes = {0}, no = {0};
	bool errs = false;
	struct split split = {.in = in, .command = command, .yes = &yes, .no = &no, .errs = &errs};
	bool may_end;
	int r;

	shc_begin_expansion(in);
	r = split_tree(&split, command->test, state);
	may_end = in->may_end;
	for (uint32_t i = 0; i < yes.count && may_end && !r; i++)
		r = shc_end_too(in, command, yes.items[i].state, out);
	for (uint32_t i = 0; i < no.count && may_end && !r; i++)
		r = shc_end_too(in, command, no.items[i].state, out);
	return deliver(&split, r, out);
}
