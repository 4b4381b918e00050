/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads the words of a command as its specification says: which options are there, and which word has which role. Words
 * of which only the beginning is known make answers SHC_PERHAPS_SO.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <shcheck/spec.h>

struct matcher {
	const struct shc_spec *spec;
	const struct shc_spec_word *words;
	uint32_t count;
	struct shc_spec_match *match;
	struct shc_spec_binding *operands; /* not yet bound to a role */
	uint32_t operand_count;
	bool any; /* one of the operands is any number of words */
};

/* ---- Guards ---------------------------------------------------------------------------------------------------- */

static enum shc_truth role_truth(const struct shc_spec_match *match, uint8_t role)
{
	for (uint32_t i = 0; i < match->binding_count; i++)
		if (match->bindings[i].role == role)
			return match->open ? SHC_PERHAPS_SO : SHC_YES;
	return match->open ? SHC_PERHAPS_SO : SHC_NO;
}

enum shc_truth shc_spec_holds(
	const struct shc_spec_match *match, const struct shc_spec_guard *guard)
{
	enum shc_truth left, right;

	if (!guard)
		return SHC_YES;
	if (guard->kind == SHC_GUARD_OPTION)
		return match->options[guard->index];
	if (guard->kind == SHC_GUARD_ROLE)
		return role_truth(match, guard->index);
	left = shc_spec_holds(match, guard->left);
	if (guard->kind == SHC_GUARD_NOT)
		return left == SHC_PERHAPS_SO ? SHC_PERHAPS_SO : left == SHC_YES ? SHC_NO : SHC_YES;
	right = shc_spec_holds(match, guard->right);
	if (guard->kind == SHC_GUARD_AND)
		return left == SHC_NO || right == SHC_NO     ? SHC_NO
		       : left == SHC_YES && right == SHC_YES ? SHC_YES
							     : SHC_PERHAPS_SO;
	return left == SHC_YES || right == SHC_YES ? SHC_YES
	       : left == SHC_NO && right == SHC_NO ? SHC_NO
						   : SHC_PERHAPS_SO;
}

struct shc_spec_prints shc_spec_output(
	const struct shc_spec_match *match, const struct shc_spec_clause *clause)
{
	struct shc_spec_prints unsaid = {.output = SHC_PRINTS_UNSAID};

	if (clause && clause->prints.output != SHC_PRINTS_UNSAID)
		return clause->prints;
	for (const struct shc_spec_prints *at = match->spec->prints; at; at = at->next) {
		enum shc_truth truth = shc_spec_holds(match, at->guard);

		if (truth == SHC_YES)
			return *at;
		if (truth == SHC_PERHAPS_SO)
			return unsaid;
	}
	return unsaid;
}

bool shc_spec_is_text(const struct shc_spec *spec, uint8_t role)
{
	for (const struct shc_spec_text *text = spec->texts; text; text = text->next)
		if (text->role == role)
			return true;
	return false;
}

bool shc_spec_option_leads(const struct shc_spec *spec, const struct shc_spec_option *option)
{
	const char *spelling = option->spellings[0];

	return spec->syntax == SHC_SYNTAX_WORDS && option->argument == SHC_ARGUMENT_NONE &&
	       spelling[1] >= 'A' && spelling[1] <= 'Z' && !spelling[2];
}

/* ---- Options --------------------------------------------------------------------------------------------------- */

static void bind(struct matcher *matcher, uint8_t role, uint32_t word, uint32_t offset)
{
	if (role == SHC_SPEC_ROLE_NONE)
		return;
	matcher->match->bindings[matcher->match->binding_count++] =
		(struct shc_spec_binding){role, word, offset};
}

static void set(struct matcher *matcher, int option)
{
	matcher->match->options[option] = SHC_YES;
}

static int find_exact(const struct shc_spec *spec, const char *bytes, uint32_t length)
{
	for (int i = 0; i < spec->option_count; i++)
		for (int j = 0; j < spec->options[i]->spelling_count; j++) {
			const char *spelling = spec->options[i]->spellings[j];

			if (strlen(spelling) == length && !memcmp(spelling, bytes, length))
				return i;
		}
	return -1;
}

/* A long option, or the beginning of exactly one. */
static int find_long(const struct shc_spec *spec, const char *bytes, uint32_t length)
{
	int found = find_exact(spec, bytes, length);

	if (found >= 0)
		return found;
	for (int i = 0; i < spec->option_count; i++)
		for (int j = 0; j < spec->options[i]->spelling_count; j++) {
			const char *spelling = spec->options[i]->spellings[j];

			if (strncmp(spelling, bytes, length) || found == i)
				continue;
			if (found >= 0)
				return -1;
			found = i;
		}
	return found;
}

/* The argument of @option is the next word. Returns the index of the last word taken. */
static uint32_t take_argument(struct matcher *matcher, int option, uint32_t at)
{
	if (at + 1 >= matcher->count) {
		matcher->match->misfit = true;
		return at;
	}
	if (matcher->words[at + 1].any)
		matcher->match->open = true;
	bind(matcher, matcher->spec->options[option]->role, at + 1, 0);
	return at + 1;
}

static uint32_t read_long(struct matcher *matcher, uint32_t at)
{
	struct shc_text text = matcher->words[at].text;
	const char *equals = memchr(text.bytes, '=', text.length);
	uint32_t length = equals ? (uint32_t)(equals - text.bytes) : text.length;
	int option = find_long(matcher->spec, text.bytes, length);

	if (!equals && !matcher->words[at].whole) {
		matcher->match->open = true;
		return at;
	}
	if (option < 0) {
		matcher->match->unknown_option = true;
		return at;
	}
	set(matcher, option);
	if (equals)
		bind(matcher, matcher->spec->options[option]->role, at, length + 1);
	else if (matcher->spec->options[option]->argument == SHC_ARGUMENT_REQUIRED)
		return take_argument(matcher, option, at);
	return at;
}

/* Letters behind one dash. */
static uint32_t read_bundle(struct matcher *matcher, uint32_t at, uint32_t from)
{
	const struct shc_spec_word *word = &matcher->words[at];
	uint32_t last = at;

	for (uint32_t i = from; i < word->text.length; i++) {
		char letter[2] = {'-', word->text.bytes[i]};
		int option = find_exact(matcher->spec, letter, 2);
		enum shc_spec_argument argument;

		if (option < 0) {
			matcher->match->unknown_option = true;
			return last;
		}
		set(matcher, option);
		argument = matcher->spec->options[option]->argument;
		if (argument == SHC_ARGUMENT_NONE)
			continue;
		/* Of a first word without a dash the arguments are the next words, in order. */
		if (!from && argument == SHC_ARGUMENT_REQUIRED) {
			last = take_argument(matcher, option, last);
			continue;
		}
		if (i + 1 < word->text.length || !word->whole)
			bind(matcher, matcher->spec->options[option]->role, at, i + 1);
		else if (argument == SHC_ARGUMENT_REQUIRED)
			return take_argument(matcher, option, at);
		return at;
	}
	if (!word->whole)
		matcher->match->open = true;
	return last;
}

/* Words up to ";" or "+" are a command. */
static uint32_t take_command(struct matcher *matcher, uint32_t at)
{
	uint32_t end = at + 1;

	while (end < matcher->count) {
		const struct shc_spec_word *word = &matcher->words[end];

		if (word->whole && word->text.length == 1 && strchr(";+", *word->text.bytes))
			break;
		end++;
	}
	if (matcher->match->run_count < SHC_SPEC_RUNS_MAX) {
		matcher->match->runs[matcher->match->run_count].first = at + 1;
		matcher->match->runs[matcher->match->run_count].end = end;
		matcher->match->run_count++;
	}
	return end;
}

static void add_operand(struct matcher *matcher, uint32_t at)
{
	if (matcher->words[at].any)
		matcher->any = matcher->match->open = true;
	matcher->operands[matcher->operand_count++] =
		(struct shc_spec_binding){SHC_SPEC_ROLE_NONE, at, 0};
}

/* ---- Syntaxes of arguments ------------------------------------------------------------------------------------- */

static void read_dashes(struct matcher *matcher)
{
	bool ended = false;

	for (uint32_t i = 1; i < matcher->count; i++) {
		const struct shc_spec_word *word = &matcher->words[i];
		const char *bytes = word->text.bytes;

		if (i == 1 && matcher->spec->bundle && word->whole && word->text.length &&
			*bytes != '-') {
			i = read_bundle(matcher, i, 0);
			continue;
		}
		/* A word that begins with an unknown may be an option, too. */
		if (!ended && !word->text.length && !word->whole && !word->operand)
			matcher->match->open = true;
		if (ended || !word->text.length || *bytes != '-' ||
			(word->whole && word->text.length == 1)) {
			ended |= matcher->spec->syntax == SHC_SYNTAX_POSIX;
			add_operand(matcher, i);
		} else if (word->text.length == 1) {
			matcher->match->open = true;
		} else if (bytes[1] != '-') {
			i = read_bundle(matcher, i, 1);
		} else if (word->text.length == 2 && word->whole) {
			ended = true;
		} else {
			i = read_long(matcher, i);
		}
	}
}

/* Operands first, then an expression of whole words. */
static void read_expression(struct matcher *matcher)
{
	bool expression = false;

	for (uint32_t i = 1; i < matcher->count; i++) {
		const struct shc_spec_word *word = &matcher->words[i];
		int option = -1;

		if (word->whole && word->text.length)
			option = find_exact(matcher->spec, word->text.bytes, word->text.length);
		else if (!word->text.length && !word->whole && !word->operand)
			matcher->match->open = true;
		if (option < 0) {
			expression |= word->text.length && strchr("-(!),", *word->text.bytes);
			if (!expression)
				add_operand(matcher, i);
			else if (word->text.length > 1 && *word->text.bytes == '-')
				matcher->match->unknown_option = true;
			continue;
		}
		expression |= matcher->operand_count ||
			      !shc_spec_option_leads(matcher->spec, matcher->spec->options[option]);
		set(matcher, option);
		if (matcher->spec->options[option]->argument == SHC_ARGUMENT_REQUIRED)
			i = take_argument(matcher, option, i);
		else if (matcher->spec->options[option]->argument == SHC_ARGUMENT_COMMAND)
			i = take_command(matcher, i);
	}
}

static void read_keys(struct matcher *matcher)
{
	for (uint32_t i = 1; i < matcher->count; i++) {
		struct shc_text text = matcher->words[i].text;
		const char *equals = memchr(text.bytes, '=', text.length);
		int option;

		if (!equals) {
			matcher->match->open |= !matcher->words[i].whole;
			matcher->match->unknown_option |= matcher->words[i].whole;
			continue;
		}
		option = find_exact(matcher->spec, text.bytes, (uint32_t)(equals - text.bytes));
		if (option < 0) {
			matcher->match->unknown_option = true;
			continue;
		}
		set(matcher, option);
		bind(matcher, matcher->spec->options[option]->role, i,
			(uint32_t)(equals - text.bytes) + 1);
	}
}

/* ---- Operands -------------------------------------------------------------------------------------------------- */

static bool is_assignment(const struct shc_spec_word *word)
{
	uint32_t i = 0;

	while (i < word->text.length &&
		(word->text.bytes[i] == '_' || (word->text.bytes[i] | 0x20) >= 'a' ||
			(i && word->text.bytes[i] <= '9')) &&
		word->text.bytes[i] != '=')
		i++;
	return i && i < word->text.length && word->text.bytes[i] == '=';
}

/* Operands before the first that is no assignment, where the form begins with assignments. */
static uint32_t assignment_count(const struct matcher *matcher, const struct shc_spec_form *form)
{
	uint32_t count = 0;

	if (!form->operand_count || !form->operands[0].assignments)
		return 0;
	while (count < matcher->operand_count &&
		is_assignment(&matcher->words[matcher->operands[count].word]))
		count++;
	return count;
}

struct arity {
	uint32_t least, most; /* without the assignments */
};

static struct arity arity_of(const struct shc_spec_form *form)
{
	struct arity arity = {0, 0};

	for (uint8_t i = 0; i < form->operand_count; i++) {
		enum shc_spec_count count = form->operands[i].count;

		if (form->operands[i].assignments)
			continue;
		arity.least += count == SHC_COUNT_ONE || count == SHC_COUNT_SOME;
		if (count >= SHC_COUNT_ANY)
			arity.most = UINT32_MAX;
		else if (arity.most != UINT32_MAX)
			arity.most++;
	}
	return arity;
}

static void assign_roles(struct matcher *matcher, const struct shc_spec_form *form)
{
	struct arity arity = arity_of(form);
	uint32_t at = assignment_count(matcher, form), left = matcher->operand_count - at;
	uint32_t spare = left > arity.least ? left - arity.least : 0;

	for (uint32_t i = 0; i < at; i++)
		bind(matcher, form->operands[0].role, matcher->operands[i].word, 0);
	for (uint8_t i = 0; i < form->operand_count; i++) {
		enum shc_spec_count count = form->operands[i].count;
		uint32_t number = count == SHC_COUNT_ONE || count == SHC_COUNT_SOME;

		if (form->operands[i].assignments)
			continue;
		if (count >= SHC_COUNT_ANY) {
			number += spare;
			spare = 0;
		} else if (count == SHC_COUNT_OPTIONAL && spare) {
			number = 1;
			spare--;
		}
		while (number-- && at < matcher->operand_count)
			bind(matcher, form->operands[i].role, matcher->operands[at++].word, 0);
	}
}

/* The first form that fits; one whose guard only perhaps holds when there is no other. */
static void choose_form(struct matcher *matcher)
{
	const struct shc_spec_form *doubtful = NULL, *form;

	for (form = matcher->spec->forms; form; form = form->next) {
		struct arity arity = arity_of(form);
		uint32_t count = matcher->operand_count - assignment_count(matcher, form);
		enum shc_truth truth = shc_spec_holds(matcher->match, form->guard);

		/* Words that may be any number can make up for what is missing, and be nothing. */
		if (truth == SHC_NO ||
			(!matcher->any && (count < arity.least || count > arity.most)))
			continue;
		if (truth == SHC_YES)
			break;
		if (!doubtful)
			doubtful = form;
	}
	if (!form)
		form = doubtful;
	if (form)
		assign_roles(matcher, form);
	else if (matcher->spec->forms || matcher->operand_count)
		matcher->match->misfit = true;
}

static int compare_bindings(const void *left, const void *right)
{
	const struct shc_spec_binding *a = left, *b = right;

	return a->word != b->word ? (a->word > b->word) - (a->word < b->word)
				  : (a->offset > b->offset) - (a->offset < b->offset);
}

/* The words of a role that is a command: one run from the first to the last. */
static void find_run(struct matcher *matcher)
{
	struct shc_spec_match *match = matcher->match;
	uint32_t first = UINT32_MAX, end = 0;

	for (uint32_t i = 0; i < match->binding_count; i++)
		if (match->bindings[i].role == matcher->spec->runs) {
			if (match->bindings[i].word < first)
				first = match->bindings[i].word;
			end = match->bindings[i].word + 1;
		}
	if (end && match->run_count < SHC_SPEC_RUNS_MAX) {
		match->runs[match->run_count].first = first;
		match->runs[match->run_count].end = end;
		match->run_count++;
	}
}

int shc_spec_match(const struct shc_spec *spec, const struct shc_spec_word *words, uint32_t count,
	struct shc_spec_match *ret)
{
	/* A word gives at most as many bindings as it has bytes that are options, of which one takes the rest. */
	uint32_t room = 2 * count + SHC_SPEC_OPTIONS_MAX;
	struct matcher matcher = {.spec = spec,
		.words = words,
		.count = count,
		.match = ret,
		.operands = calloc(count + 1u, sizeof(*matcher.operands))};

	*ret = (struct shc_spec_match){
		.spec = spec, .bindings = calloc(room, sizeof(*ret->bindings))};
	if (!matcher.operands || !ret->bindings) {
		free(matcher.operands);
		shc_spec_match_finish(ret);
		return -ENOMEM;
	}
	if (spec->syntax == SHC_SYNTAX_WORDS)
		read_expression(&matcher);
	else if (spec->syntax == SHC_SYNTAX_KEYS)
		read_keys(&matcher);
	else
		read_dashes(&matcher);
	for (int i = 0; ret->open && i < spec->option_count; i++)
		if (ret->options[i] == SHC_NO)
			ret->options[i] = SHC_PERHAPS_SO;
	choose_form(&matcher);
	if (ret->binding_count)
		qsort(ret->bindings, ret->binding_count, sizeof(*ret->bindings), compare_bindings);
	if (spec->runs != SHC_SPEC_ROLE_NONE)
		find_run(&matcher);
	free(matcher.operands);
	return 0;
}

void shc_spec_match_finish(struct shc_spec_match *match)
{
	free(match->bindings);
	*match = (struct shc_spec_match){0};
}
