/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Arithmetic over known numbers; everything else is an unknown number. Assignments in expressions are carried
 * out. Signed
 * 64-bit wrap-around as in the shells (POSIX.1-2017 XCU 2.6.4 asks for signed long).
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "arrays.h"
#include "command.h"
#include "interpreter.h"
#include "mistake.h"
#include "parameter.h"
#include "parser.h"

/* A longer text of an expression is not looked at. */
enum { TEXT_BYTES_MAX = 256 };

/* A number, when it is known. */
struct number {
	bool known;
	int64_t value;
};

static int evaluate(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_arith *tree, struct number *ret);

static bool parse_number(struct shc_text text, int64_t *ret)
{
	char buffer[32], *end;

	if (!text.length) {
		*ret = 0;
		return true;
	}
	if (text.length >= sizeof(buffer))
		return false;
	memcpy(buffer, text.bytes, text.length);
	buffer[text.length] = 0;
	errno = 0;
	*ret = strtoll(buffer, &end, 0);
	return !*end && !errno;
}

static void number_of_term(const struct shc_term *term, struct number *ret)
{
	struct shc_text text;

	ret->known = term && shc_term_known(term, &text) && parse_number(text, &ret->value);
}

/* An operand that may be no number ends the shell, or the command. 0 or -ENOMEM. */
static int note_error(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_term *term, const struct number *number)
{
	const struct shc_atom *atom = term ? shc_term_single_atom(term) : NULL;

	if (!term || number->known || (atom && atom->origin == SHC_ORIGIN_NUMBER))
		return 0;
	in->discards = true;
	return shc_may_end_here(in, state);
}

/* Division by what may be zero. 0 or -ENOMEM. */
static int note_division(struct shc_interpreter *in, const struct shc_state *state,
	enum shc_arith_op op, const struct number *divisor)
{
	if ((op != SHC_ARITH_DIVIDE && op != SHC_ARITH_REMAINDER) ||
		(divisor->known && divisor->value))
		return 0;
	in->discards = true;
	return shc_may_end_here(in, state);
}

static const struct shc_term *term_of_number(
	struct shc_interpreter *in, const struct number *number, struct shc_range range)
{
	const struct shc_dfa *language;
	char buffer[32];
	int length;

	if (number->known) {
		length = snprintf(buffer, sizeof(buffer), "%lld", (long long)number->value);
		return shc_term_text(in->terms, buffer, (size_t)length);
	}
	if (shc_dfa_interval(in->pool, INT64_MIN, INT64_MAX, &language))
		language = shc_dfa_text(in->pool);
	return shc_unknown(in, SHC_ORIGIN_NUMBER, language, range);
}

static int read_number(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_arith *tree, struct number *ret)
{
	struct shc_parameter parameter = {.kind = SHC_PARAMETER_VARIABLE, .name = tree->text};
	struct shc_parameter_value value;
	int r;

	ret->known = false;
	if (tree->subscript.kind != SHC_SUBSCRIPT_NONE)
		return 0;
	r = shc_parameter_read(in, state, &parameter, tree->range, &value);
	if (r >= 0 && value.presence != SHC_PRESENT &&
		(state->nounset || state->doubtful & SHC_DOUBT_NOUNSET))
		r = shc_may_end_here(in, state);
	if (r < 0)
		return r;
	shc_check_lost(in, value.term);
	if (value.presence == SHC_ABSENT) {
		*ret = (struct number){.known = true};
		return 0;
	}
	if (value.presence == SHC_PRESENT)
		number_of_term(value.term, ret);
	if (!ret->known)
		shc_check_octal(
			in, state, value.term, in->current ? in->current->range : tree->range);
	return note_error(in, state, value.term, ret);
}

static bool operate(enum shc_arith_op op, int64_t a, int64_t b, int64_t *ret)
{
	uint64_t x = (uint64_t)a, y = (uint64_t)b;

	switch (op) {
	case SHC_ARITH_ADD:
		*ret = (int64_t)(MADE(ADD_SUBTRACTS) ? x - y : x + y);
		return true;
	case SHC_ARITH_SUBTRACT:
		*ret = (int64_t)(x - y);
		return true;
	case SHC_ARITH_MULTIPLY:
		*ret = (int64_t)(x * y);
		return true;
	case SHC_ARITH_DIVIDE:
		if (!b || (a == INT64_MIN && b == -1))
			return false;
		*ret = a / b;
		return true;
	case SHC_ARITH_REMAINDER:
		if (!b || (a == INT64_MIN && b == -1))
			return false;
		*ret = a % b;
		return true;
	case SHC_ARITH_LESS:
		*ret = a < b;
		return true;
	case SHC_ARITH_LESS_EQUAL:
		*ret = a <= b;
		return true;
	case SHC_ARITH_GREATER:
		*ret = a > b;
		return true;
	case SHC_ARITH_GREATER_EQUAL:
		*ret = a >= b;
		return true;
	case SHC_ARITH_EQUAL:
		*ret = a == b;
		return true;
	case SHC_ARITH_NOT_EQUAL:
		*ret = a != b;
		return true;
	case SHC_ARITH_AND:
		*ret = a & b;
		return true;
	case SHC_ARITH_OR:
		*ret = a | b;
		return true;
	case SHC_ARITH_XOR:
		*ret = a ^ b;
		return true;
	case SHC_ARITH_COMMA:
		*ret = b;
		return true;
	case SHC_ARITH_SHIFT_LEFT:
		*ret = (int64_t)(x << (y & 63));
		return true;
	case SHC_ARITH_SHIFT_RIGHT:
		*ret = a >> (y & 63);
		return true;
	default:
		return false;
	}
}

static int evaluate_assignment(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_arith *tree, struct number *ret)
{
	const struct shc_arith *target = tree->left;
	struct number left = {0}, right = {0};
	const struct shc_term *term;
	int r = tree->right ? evaluate(in, state, tree->right, &right) : 0;

	if (r)
		return r;
	ret->known = false;
	if (tree->kind == SHC_ARITH_ASSIGN && tree->op == SHC_ARITH_OP_NONE) {
		*ret = right;
	} else {
		if (tree->kind != SHC_ARITH_ASSIGN)
			right = (struct number){.known = true, .value = 1};
		r = target->kind == SHC_ARITH_VARIABLE ? read_number(in, state, target, &left) : 0;
		if (r)
			return r;
		r = note_division(in, state, tree->op, &right);
		if (r)
			return r;
		if (left.known && right.known)
			ret->known = operate(tree->op, left.value, right.value, &ret->value);
	}
	if (target->kind != SHC_ARITH_VARIABLE)
		return 0;
	if (target->subscript.kind != SHC_SUBSCRIPT_NONE)
		return shc_array_forget(in, state, target->text, tree->range);
	term = term_of_number(in, ret, tree->range);
	if (!term || shc_assign(in, state, target->text, term, tree->range))
		return -ENOMEM;
	if (tree->kind == SHC_ARITH_POSTFIX)
		*ret = left;
	return 0;
}

/* && || and ?: evaluate one side only when they know which; otherwise both, which covers either. */
static int evaluate_choice(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_arith *tree, struct number *ret)
{
	struct number condition, right = {0}, third = {0};
	int r = evaluate(in, state, tree->left, &condition);

	if (r)
		return r;
	if (tree->kind == SHC_ARITH_TERNARY) {
		if (!condition.known || condition.value)
			r = evaluate(in, state, tree->right, &right);
		if (!r && (!condition.known || !condition.value))
			r = evaluate(in, state, tree->third, &third);
		*ret = !condition.known ? (struct number){0} : condition.value ? right : third;
		return r;
	}
	if (condition.known && (condition.value != 0) == (tree->op == SHC_ARITH_LOGICAL_OR)) {
		*ret = (struct number){.known = true, .value = condition.value != 0};
		return 0;
	}
	r = evaluate(in, state, tree->right, &right);
	ret->known = condition.known && right.known;
	ret->value = right.value != 0;
	return r;
}

static int evaluate_unary(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_arith *tree, struct number *ret)
{
	int r = evaluate(in, state, tree->left, ret);

	if (r || !ret->known)
		return r;
	switch (tree->op) {
	case SHC_ARITH_SUBTRACT:
		ret->value = (int64_t) - (uint64_t)ret->value;
		break;
	case SHC_ARITH_NOT:
		ret->value = !ret->value;
		break;
	case SHC_ARITH_COMPLEMENT:
		ret->value = ~ret->value;
		break;
	default:
		break;
	}
	return 0;
}

static int evaluate(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_arith *tree, struct number *ret)
{
	struct number left, right = {0};
	const struct shc_term *term;
	int r;

	ret->known = false;
	switch (tree->kind) {
	case SHC_ARITH_NUMBER:
		*ret = (struct number){.known = true, .value = tree->number};
		return 0;
	case SHC_ARITH_VARIABLE:
		return read_number(in, state, tree, ret);
	case SHC_ARITH_EXPANSION:
		r = shc_expand_value(in, state, tree->word, &term);
		if (r > 0) {
			number_of_term(term, ret);
			if (!ret->known)
				shc_check_octal(in, state, term,
					in->current ? in->current->range : tree->range);
			r = note_error(in, state, term, ret);
		}
		return r < 0 ? r : 0;
	case SHC_ARITH_UNARY:
		return evaluate_unary(in, state, tree, ret);
	case SHC_ARITH_ASSIGN:
	case SHC_ARITH_PREFIX:
	case SHC_ARITH_POSTFIX:
		return evaluate_assignment(in, state, tree, ret);
	case SHC_ARITH_TERNARY:
		return evaluate_choice(in, state, tree, ret);
	default:
		break;
	}
	if (tree->op == SHC_ARITH_LOGICAL_AND || tree->op == SHC_ARITH_LOGICAL_OR)
		return evaluate_choice(in, state, tree, ret);
	r = evaluate(in, state, tree->left, &left);
	if (!r)
		r = evaluate(in, state, tree->right, &right);
	if (!r)
		r = note_division(in, state, tree->op, &right);
	if (!r && left.known && right.known)
		ret->known = operate(tree->op, left.value, right.value, &ret->value);
	return r;
}

int shc_arith_value(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_arith_text *text, struct shc_range range, const struct shc_term **ret)
{
	struct number number = {0};
	int r = text->arith ? evaluate(in, state, text->arith, &number) : 0;

	if (r < 0)
		return r;
	*ret = term_of_number(in, &number, range);
	return *ret ? 1 : -ENOMEM;
}

/* An expression without quotes, expansions and assignments, its parentheses in pairs. */
bool shc_arith_is_plain(struct shc_text text)
{
	int open = 0;

	for (uint32_t i = 0; i < text.length && open >= 0; i++) {
		unsigned char c = (unsigned char)text.bytes[i];

		open += (c == '(') - (c == ')');
		if (c >= 0x80 || (!isalnum(c) && !strchr("_ +-*/%<>=!&|^~?:,()", c)) || !c)
			return false;
	}
	return !open;
}

static bool assigns(struct shc_text text)
{
	for (uint32_t i = 0; i < text.length; i++) {
		char c = text.bytes[i], before = i ? text.bytes[i - 1] : ' ';
		char after = i + 1 < text.length ? text.bytes[i + 1] : ' ';

		if ((c == '=' && after != '=' && !strchr("=!<>", before)) ||
			(c == '=' && i > 1 && strchr("<>", before) &&
				text.bytes[i - 2] == before) ||
			((c == '+' || c == '-') && after == c))
			return true;
	}
	return false;
}

/* Parse and evaluate @text; *ret_failed: it may be no expression of numbers. 0 or -ENOMEM. */
static int evaluate_text(struct shc_interpreter *in, struct shc_state *state, struct shc_text text,
	struct shc_range range, struct number *ret, bool *ret_failed)
{
	bool discards = in->discards, may_end = in->may_end;
	struct shc_findings *ignored = NULL;
	struct shc_script *script = NULL;
	struct shc_range *map = malloc((text.length + 1u) * sizeof(*map));
	const struct shc_command *command = NULL;
	int r = map ? shc_findings_create(&ignored) : -ENOMEM;

	for (uint32_t i = 0; map && i <= text.length; i++)
		map[i] = range;
	if (!r)
		r = shc_parse_text(text, map, in->script->source, SHC_BASH, in->command_count,
			ignored, &script);
	if (!r && !script->error_count && script->list->first)
		command = script->list->first->command;
	in->discards = false;
	*ret_failed = !command || command->kind != SHC_COMMAND_ARITH || !command->arith.arith;
	if (!r && !*ret_failed)
		r = evaluate(in, state, command->arith.arith, ret);
	*ret_failed |= in->discards;
	in->discards = discards;
	in->may_end = may_end;
	shc_script_destroy(script);
	shc_findings_destroy(ignored);
	free(map);
	return r;
}

int shc_arith_of_text(struct shc_interpreter *in, struct shc_state *state, struct shc_text text,
	struct shc_range range, const struct shc_term **ret)
{
	struct number number = {0};
	bool failed = false;
	char *copy;
	int r = 0;

	if (!parse_number(text, &number.value)) {
		if (!shc_arith_is_plain(text) || assigns(text) || text.length > TEXT_BYTES_MAX)
			return 0;
		copy = shc_arena_take(in->arena, text.length + 5u);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, "((", 2);
		memcpy(copy + 2, text.bytes, text.length);
		memcpy(copy + 2 + text.length, "))", 3);
		text = (struct shc_text){.bytes = copy, .length = text.length + 4};
		r = evaluate_text(in, state, text, range, &number, &failed);
	} else {
		number.known = true;
	}
	if (r || failed)
		return r;
	*ret = term_of_number(in, &number, range);
	return *ret ? 1 : -ENOMEM;
}

/* SH205: under -e, the value 0 of what only counts ends the script. */
static void check_from_zero(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_state *state)
{
	enum shc_arith_kind kind = command->arith.arith->kind;

	if (!state->errexit || in->suppressed || in->exempt == command ||
		(kind != SHC_ARITH_POSTFIX && kind != SHC_ARITH_PREFIX && kind != SHC_ARITH_ASSIGN))
		return;
	shc_finding_hint(in->findings,
		shc_report(in, 205, command->range,
			"the value of this is 0, which is a failure, and -e ends the script"),
		"write x=$((x + 1)), or put || true behind it");
}

int shc_execute_arith(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out)
{
	struct number number = {0};
	struct shc_state *failed = shc_state_clone(state);
	bool refused;
	int r = failed ? 0 : -ENOMEM;

	shc_begin_expansion(in);
	if (!r && command->arith.arith)
		r = evaluate(in, state, command->arith.arith, &number);
	if (!r && number.known && !number.value && command->arith.arith)
		check_from_zero(in, command, state);
	/* Here an error is a status, and so is a variable that is read-only. */
	in->discards = false;
	refused = in->refused;
	if (!r && in->may_end)
		r = shc_end_too(in, command, state, out);
	if (!r && (!number.known || refused)) {
		/* No number after all: nothing is assigned. */
		shc_set_status(failed, command, 1, 1);
		r = shc_outcomes_add(in, out, failed, SHC_FLOW_NEXT, 0);
		failed = NULL;
	}
	shc_state_destroy(failed);
	if (r < 0) {
		shc_state_destroy(state);
		return r;
	}
	shc_set_status(state, command, 0, 1);
	if (number.known)
		shc_set_status(state, command, !number.value, !number.value);
	return shc_outcomes_add(in, out, state, SHC_FLOW_NEXT, 0);
}

/* Every variable that @tree assigns. */
static int forget_in(
	struct shc_interpreter *in, struct shc_state *state, const struct shc_arith *tree)
{
	const struct shc_term *term;
	struct number unknown = {0};
	int r = 0;

	if (!tree)
		return 0;
	if ((tree->kind == SHC_ARITH_ASSIGN || tree->kind == SHC_ARITH_PREFIX ||
		    tree->kind == SHC_ARITH_POSTFIX) &&
		tree->left->kind == SHC_ARITH_VARIABLE) {
		term = term_of_number(in, &unknown, tree->range);
		r = term ? shc_assign(in, state, tree->left->text, term, tree->range) : -ENOMEM;
	}
	if (!r)
		r = forget_in(in, state, tree->left);
	if (!r)
		r = forget_in(in, state, tree->right);
	return r ? r : forget_in(in, state, tree->third);
}

void shc_forget_assigned(
	struct shc_interpreter *in, const struct shc_command *command, struct shc_state *state)
{
	const struct shc_term *term;

	if (command->kind == SHC_COMMAND_SELECT) {
		term = shc_unknown(in, SHC_ORIGIN_INPUT, shc_dfa_text(in->pool), command->range);
		if (term)
			(void)shc_assign(
				in, state, command->for_.name, term, command->for_.name_range);
		return;
	}
	(void)forget_in(in, state, command->for_arith.init.arith);
	(void)forget_in(in, state, command->for_arith.condition.arith);
	(void)forget_in(in, state, command->for_arith.step.arith);
}
