/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands with a specification: what they need, what they leave behind and what they return is read from its clauses.
 * A clause is a true statement, so where one surely applies the command ends as it says; where several may apply, what
 * is left is any of their results. Outcomes that the file system tells apart become states of their own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shcheck/spec.h>

#include "arena.h"
#include "command.h"
#include "mistake.h"
#include "parameter.h"
#include "path.h"
#include "script_name.h"

/* An operand, or the argument of an option, that is a path. */
struct operand {
	uint8_t role;
	struct shc_field field;
	const struct shc_term *value, *path; /* as it is given, and normal */
	const struct operand *leads;         /* where it leads if it is made a link */
	bool exact;                          /* it is one path, and this is its name */
	const struct shc_fact *fact;         /* of the state before; NULL = nothing is known */
	/* Sets of enum shc_entry: what can be there, and is as a rule; @after = 0: it is as it was. */
	uint8_t before, usual, after;
};

struct effect {
	const struct shc_call *call;
	const struct shc_spec *spec;
	struct shc_spec_match match;
	struct operand *operands;
	uint32_t count;
	bool fails, succeeds; /* surely */
	int low, high;        /* status when it fails */
	const struct operand *culprit;
	bool repeated; /* a role has several operands */
};

static const struct shc_spec *find(struct shc_text name)
{
	const struct shc_specs *specs = shc_specs_builtin();
	const struct shc_spec *spec = specs ? shc_specs_find(specs, name) : NULL;

	return spec && !spec->builtin ? spec : NULL;
}

bool shc_effect_known(struct shc_text name)
{
	return find(name) != NULL;
}

/* ---- Words ----------------------------------------------------------------------------------------------------- */

static bool begins_with_dash(const struct shc_state *state, const struct shc_field *field)
{
	struct shc_byte_set first;

	if (!field->count || !field->pieces[0].piece.atom)
		return false;
	first = shc_dfa_first_bytes(shc_state_language_of(state, field->pieces[0].piece.atom));
	return shc_byte_set_has(&first, '-') ||
	       shc_dfa_matches(shc_state_language_of(state, field->pieces[0].piece.atom), "", 0);
}

static struct shc_spec_word word_of(const struct shc_state *state, const struct shc_field *field)
{
	struct shc_spec_word word = {.any = field->occurrence != SHC_ONCE};

	if (!field->count) {
		word.whole = true;
		return word;
	}
	for (uint32_t i = 0; i < field->count; i++)
		word.any |= field->pieces[i].glob || field->pieces[i].matches;
	if (!field->pieces[0].piece.atom && !field->pieces[0].glob)
		word.text = field->pieces[0].piece.text;
	word.whole = field->count == 1 && word.text.length && !word.any;
	word.operand = !begins_with_dash(state, field);
	return word;
}

static int match_words(struct effect *effect, const struct shc_state *state)
{
	const struct shc_fields *fields = &effect->call->fields;
	struct shc_spec_word *words = calloc(fields->count, sizeof(*words));
	int r = -ENOMEM;

	for (uint32_t i = 0; words && i < fields->count; i++)
		words[i] = word_of(state, &fields->items[i]);
	if (words)
		r = shc_spec_match(effect->spec, words, fields->count, &effect->match);
	free(words);
	return r;
}

/* ---- Operands -------------------------------------------------------------------------------------------------- */

/* What may stand where @fact was learnt. What a test has seen may have changed since. @assume: as far as is usual. */
static uint8_t entries_of(const struct shc_fact *fact, const struct shc_term *path, bool assume)
{
	if (!fact || fact->tested || (fact->assumed && !assume))
		return SHC_ENTRY_ALL;
	if (fact->contents_gone && fact->path != path)
		return SHC_ENTRY_ABSENT;
	switch (fact->kind) {
	case SHC_FILE_NOTHING:
		return SHC_ENTRY_ABSENT;
	case SHC_FILE_SOMETHING:
		return SHC_ENTRY_ALL & ~SHC_ENTRY_ABSENT;
	case SHC_FILE_REGULAR:
		return SHC_ENTRY_FILE | SHC_ENTRY_FILE_LINK | SHC_ENTRY_OTHER;
	case SHC_FILE_DIRECTORY:
		return SHC_ENTRY_DIRECTORY | SHC_ENTRY_DIRECTORY_LINK;
	case SHC_FILE_LINK:
		return SHC_ENTRY_LINK;
	default:
		return SHC_ENTRY_ALL;
	}
}

/* Has a test since then said that something is at @path? */
static bool was_seen(const struct shc_state *state, const struct shc_term *path)
{
	static const char asked[] = "efdhsrwx";

	for (size_t i = 0; i < sizeof(asked) - 1; i++) {
		const struct shc_fact *fact = shc_path_asked(state, asked[i], path, NULL);

		if (fact && fact->kind == SHC_FILE_SOMETHING)
			return true;
	}
	return false;
}

/* The rest of the word of @binding from its offset on. */
static int field_of(
	const struct effect *effect, const struct shc_spec_binding *binding, struct shc_field *ret)
{
	const struct shc_field *whole = &effect->call->fields.items[binding->word];

	*ret = *whole;
	if (!binding->offset)
		return 0;
	ret->pieces = shc_arena_take(effect->call->in->arena, whole->count * sizeof(*ret->pieces));
	if (!ret->pieces)
		return -ENOMEM;
	memcpy(ret->pieces, whole->pieces, whole->count * sizeof(*ret->pieces));
	ret->pieces[0].piece.text.bytes += binding->offset;
	ret->pieces[0].piece.text.length -= binding->offset;
	if (!ret->pieces[0].piece.text.length) {
		ret->pieces++;
		ret->count--;
	}
	return 0;
}

static int add_operand(struct effect *effect, const struct shc_state *state,
	const struct shc_spec_binding *binding)
{
	struct shc_interpreter *in = effect->call->in;
	struct operand *operand = &effect->operands[effect->count];
	const struct shc_term *value;

	*operand = (struct operand){.role = binding->role};
	if (field_of(effect, binding, &operand->field))
		return -ENOMEM;
	value = binding->offset ? shc_field_term(in, &operand->field)
				: effect->call->values[binding->word];
	operand->value = value;
	operand->path = value ? shc_path_normal(in, state, value) : NULL;
	if (!operand->path)
		return -ENOMEM;
	operand->exact = operand->field.occurrence == SHC_ONCE;
	for (uint32_t i = 0; i < operand->field.count; i++)
		operand->exact &= !operand->field.pieces[i].glob;
	if (operand->exact)
		operand->fact = shc_path_fact(in, state, operand->path);
	operand->before = entries_of(operand->fact, operand->path, false);
	operand->usual = entries_of(operand->fact, operand->path, true);
	if (operand->usual == SHC_ENTRY_ABSENT && was_seen(state, operand->path))
		operand->usual = SHC_ENTRY_ALL;
	for (uint32_t i = 0; i < effect->count; i++)
		effect->repeated |= effect->operands[i].role == operand->role;
	effect->count++;
	return 0;
}

static int find_operands(struct effect *effect, const struct shc_state *state)
{
	effect->operands = calloc(effect->match.binding_count + 1u, sizeof(*effect->operands));
	if (!effect->operands)
		return -ENOMEM;
	for (uint32_t i = 0; i < effect->match.binding_count; i++) {
		const struct shc_spec_binding *binding = &effect->match.bindings[i];

		if (!shc_spec_is_text(effect->spec, binding->role) &&
			add_operand(effect, state, binding))
			return -ENOMEM;
	}
	return 0;
}

/* ---- Clauses --------------------------------------------------------------------------------------------------- */

/*
 * Does @claim hold for the operand @focus (and for any of another role)? What is known of parents and of what lies in
 * directories is not asked here.
 */
static enum shc_truth claim_truth(const struct effect *effect, const struct operand *focus,
	const struct shc_spec_claim *claim)
{
	enum shc_truth truth = SHC_NO;

	for (uint32_t i = 0; i < effect->count; i++) {
		const struct operand *operand = &effect->operands[i];

		if (operand->role != claim->path.role ||
			(focus->role == operand->role && operand != focus))
			continue;
		if (claim->path.form != SHC_PATH_SELF || !operand->exact)
			truth = SHC_PERHAPS_SO;
		else if (operand->before & claim->entries)
			truth = operand->before & ~claim->entries ? SHC_PERHAPS_SO : SHC_YES;
		if (truth != SHC_NO)
			break;
	}
	return truth;
}

static enum shc_truth clause_truth(const struct effect *effect, const struct operand *focus,
	const struct shc_spec_clause *clause)
{
	enum shc_truth truth = shc_spec_holds(&effect->match, clause->guard);

	if (effect->match.unknown_option || effect->match.misfit)
		truth = truth == SHC_NO ? SHC_NO : SHC_PERHAPS_SO;
	for (uint8_t i = 0; i < clause->before_count && truth != SHC_NO; i++) {
		enum shc_truth claim = claim_truth(effect, focus, &clause->before[i]);

		if (claim != SHC_YES)
			truth = claim;
	}
	return truth;
}

static void widen_status(struct effect *effect, const struct shc_spec_clause *clause)
{
	int low = clause->low ? clause->low : 1;

	if (!clause->high)
		return;
	effect->low = !effect->low || low < effect->low ? low : effect->low;
	effect->high = clause->high > effect->high ? clause->high : effect->high;
}

/* Is @clause about @focus at all? In each one about another operand it has no say. */
static bool is_about(const struct shc_spec_clause *clause, const struct operand *focus)
{
	for (uint8_t i = 0; i < clause->before_count; i++)
		if (clause->before[i].path.role == focus->role)
			return true;
	return false;
}

/* The first operand that a clause which surely applies says to fail, for the report. */
static void judge_focus(struct effect *effect, const struct operand *focus, uint8_t *covered)
{
	for (const struct shc_spec_clause *clause = effect->spec->clauses; clause;
		clause = clause->next) {
		enum shc_truth truth = clause_truth(effect, focus, clause);

		if (clause->kind != SHC_CLAUSE_CASE || truth == SHC_NO)
			continue;
		widen_status(effect, clause);
		if (truth != SHC_YES && clause->before_count != 1)
			continue;
		if (shc_spec_holds(&effect->match, clause->guard) == SHC_YES &&
			clause->before_count == 1 && clause->before[0].path.form == SHC_PATH_SELF &&
			is_about(clause, focus))
			*covered |= clause->before[0].entries;
		if (truth != SHC_YES)
			continue;
		*covered = SHC_ENTRY_ALL;
		if (clause->low > 0 && is_about(clause, focus)) {
			effect->fails = true;
			if (!effect->culprit)
				effect->culprit = focus;
		}
	}
}

/* Whether it surely fails, or surely succeeds, and with which statuses. */
static void judge(struct effect *effect)
{
	static const struct operand nothing = {.role = SHC_SPEC_ROLE_NONE};
	bool known = !effect->match.unknown_option && !effect->match.misfit;

	for (uint32_t i = 0; i < effect->count; i++) {
		uint8_t covered = 0;

		judge_focus(effect, &effect->operands[i], &covered);
		known &= !(effect->operands[i].before & ~covered);
	}
	if (!effect->count) {
		uint8_t covered = 0;

		judge_focus(effect, &nothing, &covered);
		known &= covered == SHC_ENTRY_ALL;
	}
	for (const struct shc_spec_clause *clause = effect->spec->clauses; clause;
		clause = clause->next)
		if (clause->kind == SHC_CLAUSE_FAULT ||
			(clause->kind == SHC_CLAUSE_USAGE && !known))
			widen_status(effect, clause);
	if (!known || effect->spec->runs != SHC_SPEC_ROLE_NONE || effect->match.run_count) {
		effect->low = 1;
		effect->high = 255;
	}
	effect->succeeds = !effect->high;
}

/* ---- What is left behind --------------------------------------------------------------------------------------- */

static bool may_change(const struct effect *effect, uint8_t role)
{
	for (const struct shc_spec_use *use = effect->spec->uses; use; use = use->next)
		if (use->role == role && shc_spec_holds(&effect->match, use->guard) != SHC_NO &&
			(use->verb == SHC_VERB_WRITES || use->verb == SHC_VERB_APPENDS ||
				use->verb == SHC_VERB_DELETES || use->verb == SHC_VERB_CREATES))
			return true;
	return false;
}

static uint8_t entries_of_role(const struct effect *effect, uint8_t role)
{
	uint8_t entries = 0;

	for (uint32_t i = 0; i < effect->count; i++)
		if (effect->operands[i].role == role)
			entries |= effect->operands[i].exact ? effect->operands[i].before
							     : (uint8_t)SHC_ENTRY_ALL;
	return entries ? entries : SHC_ENTRY_ALL;
}

/* What stands at @operand when @clause has applied, of what it says before; and whether that is new. */
static uint8_t entries_after(const struct effect *effect, const struct operand *operand,
	const struct shc_spec_clause *clause, bool *changed)
{
	uint8_t before = operand->before;

	for (uint8_t i = 0; i < clause->before_count; i++)
		if (clause->before[i].path.role == operand->role &&
			clause->before[i].path.form == SHC_PATH_SELF)
			before &= clause->before[i].entries;
	for (uint8_t i = 0; i < clause->after_count; i++) {
		const struct shc_spec_claim *claim = &clause->after[i];

		if (claim->path.role != operand->role || claim->path.form != SHC_PATH_SELF)
			continue;
		if (claim->kind == SHC_CLAIM_SAME)
			return before;
		*changed = true;
		if (claim->kind == SHC_CLAIM_ENTRY)
			return claim->entries;
		if (claim->kind == SHC_CLAIM_LEADS)
			return SHC_ENTRY_LINK;
		return claim->source.form == SHC_PATH_SELF
			       ? entries_of_role(effect, claim->source.role) & ~SHC_ENTRY_ABSENT
			       : SHC_ENTRY_ALL;
	}
	/* What is put into a directory leaves a directory. */
	if (!(before & ~(SHC_ENTRY_DIRECTORY | SHC_ENTRY_DIRECTORY_LINK)))
		return SHC_ENTRY_DIRECTORY | SHC_ENTRY_DIRECTORY_LINK;
	return may_change(effect, operand->role) ? SHC_ENTRY_ALL : before;
}

/* The operand to which a link at @operand leads, if clauses that may apply agree that it becomes one; else NULL. */
static const struct operand *find_target(const struct effect *effect, const struct operand *operand)
{
	for (const struct shc_spec_clause *clause = effect->spec->clauses; clause;
		clause = clause->next) {
		if (clause->kind != SHC_CLAUSE_CASE || clause->low > 0 ||
			clause_truth(effect, operand, clause) == SHC_NO)
			continue;
		for (uint8_t i = 0; i < clause->after_count; i++)
			for (uint32_t j = 0; j < effect->count; j++)
				if (clause->after[i].kind == SHC_CLAIM_LEADS &&
					clause->after[i].path.role == operand->role &&
					effect->operands[j].role == clause->after[i].source.role)
					return &effect->operands[j];
	}
	return NULL;
}

static bool creates(const struct effect *effect, uint8_t role)
{
	for (const struct shc_spec_use *use = effect->spec->uses; use; use = use->next)
		if (use->role == role && use->verb == SHC_VERB_CREATES &&
			shc_spec_holds(&effect->match, use->guard) != SHC_NO)
			return true;
	return false;
}

/* What is at @operand after success. The clauses that allow it are taken as all ways to succeed. */
static uint8_t entries_settled(const struct effect *effect, const struct operand *operand)
{
	uint8_t after = 0;
	bool changed = false;

	for (const struct shc_spec_clause *clause = effect->spec->clauses; clause;
		clause = clause->next) {
		if (clause->kind != SHC_CLAUSE_CASE || clause->low > 0 ||
			clause_truth(effect, operand, clause) == SHC_NO)
			continue;
		after |= entries_after(effect, operand, clause, &changed);
	}
	return changed || after == SHC_ENTRY_ALL ? after : 0;
}

/* What is usual: of an operand of which nothing is known, that nothing was there where something is to be made. */
static void settle(struct effect *effect)
{
	for (uint32_t i = 0; i < effect->count; i++) {
		struct operand *operand = &effect->operands[i];
		uint8_t before = operand->before;

		if (!may_change(effect, operand->role))
			continue;
		if (effect->match.unknown_option) {
			operand->after = SHC_ENTRY_ALL;
			continue;
		}
		if (before == SHC_ENTRY_ALL && creates(effect, operand->role))
			operand->before = SHC_ENTRY_ABSENT;
		operand->after = entries_settled(effect, operand);
		if (operand->after)
			operand->leads = find_target(effect, operand);
		operand->before = before;
		if (!operand->after)
			operand->after = entries_settled(effect, operand);
	}
}

static enum shc_file_kind kind_of(uint8_t entries)
{
	if (entries == SHC_ENTRY_ABSENT)
		return SHC_FILE_NOTHING;
	if (!(entries & ~(SHC_ENTRY_FILE | SHC_ENTRY_FILE_LINK)))
		return SHC_FILE_REGULAR;
	if (!(entries & ~(SHC_ENTRY_DIRECTORY | SHC_ENTRY_DIRECTORY_LINK)))
		return SHC_FILE_DIRECTORY;
	if (!(entries & ~SHC_ENTRY_LINK))
		return SHC_FILE_LINK;
	return entries & SHC_ENTRY_ABSENT ? SHC_FILE_UNKNOWN : SHC_FILE_SOMETHING;
}

/*
 * What success leaves, as facts. They are assumed only: links and unknown names may lead elsewhere, and a status that
 * is not 0 may come with any part of it. In a state of its own (@alone) a directory that was made is there.
 */
static int learn(const struct effect *effect, struct shc_state *state, bool alone)
{
	for (uint32_t i = 0; i < effect->count; i++) {
		const struct operand *operand = &effect->operands[i];
		enum shc_file_kind kind = kind_of(operand->after);
		int r;

		if (!operand->after)
			continue;
		shc_path_shake(state);
		if (!operand->exact) {
			if (kind == SHC_FILE_NOTHING &&
				shc_path_empty(effect->call->in, state, operand->path,
					effect->call->command->range))
				return -ENOMEM;
			continue;
		}
		r = alone && kind == SHC_FILE_DIRECTORY
			    ? shc_path_learn(effect->call->in, state, operand->path, kind,
				      effect->call->command->range)
			    : shc_path_assume(effect->call->in, state, operand->path, kind,
				      effect->call->command->range);
		if (r)
			return r;
		if (operand->leads && kind == SHC_FILE_LINK)
			state->facts[state->fact_count - 1].target = operand->leads->value;
	}
	return 0;
}

/* Can it change any file at all, whichever word turns out to be which operand? */
static bool may_change_files(const struct effect *effect)
{
	if (effect->match.unknown_option || effect->match.misfit || effect->match.run_count ||
		effect->spec->runs != SHC_SPEC_ROLE_NONE)
		return true;
	for (const struct shc_spec_use *use = effect->spec->uses; use; use = use->next)
		if (use->verb != SHC_VERB_READS && use->verb != SHC_VERB_LISTS &&
			use->verb != SHC_VERB_ENTERS &&
			shc_spec_holds(&effect->match, use->guard) != SHC_NO)
			return true;
	return false;
}

/* After a failure nothing is known of what may have been changed, and the rest is assumed. */
static int forget(const struct effect *effect, struct shc_state *state)
{
	for (uint32_t i = 0; i < effect->count; i++) {
		const struct operand *operand = &effect->operands[i];

		if (!operand->after)
			continue;
		shc_path_shake(state);
		if (operand->exact && operand->fact &&
			shc_path_learn(effect->call->in, state, operand->path, SHC_FILE_UNKNOWN,
				effect->call->command->range))
			return -ENOMEM;
	}
	return 0;
}

static bool changes_anything(const struct effect *effect)
{
	for (uint32_t i = 0; i < effect->count; i++)
		if (effect->operands[i].exact && effect->operands[i].after)
			return true;
	return false;
}

/* ---- Output ---------------------------------------------------------------------------------------------------- */

/* What clauses that may apply print when the status is 0 (or when it is not); unsaid where they differ. */
static struct shc_spec_prints output_of(const struct effect *effect, bool success)
{
	static const struct operand nothing = {.role = SHC_SPEC_ROLE_NONE};
	struct shc_spec_prints prints = {.output = SHC_PRINTS_UNSAID};
	const struct operand *focus = effect->count ? effect->operands : &nothing;
	bool first = true;

	if (effect->repeated || effect->match.unknown_option || effect->match.misfit)
		return shc_spec_output(&effect->match, NULL);
	for (const struct shc_spec_clause *clause = effect->spec->clauses; clause;
		clause = clause->next) {
		struct shc_spec_prints here;

		if ((success ? clause->low > 0 : !clause->high) ||
			clause_truth(effect, focus, clause) == SHC_NO ||
			(success && clause->kind != SHC_CLAUSE_CASE))
			continue;
		here = shc_spec_output(&effect->match, clause);
		if (!first && (here.output != prints.output || here.regex != prints.regex))
			return (struct shc_spec_prints){.output = SHC_PRINTS_UNSAID};
		prints = here;
		first = false;
	}
	return first ? shc_spec_output(&effect->match, NULL) : prints;
}

/* Spell the names that mktemp makes of @template, whose last run of X it replaces. False when they do not fit. */
static bool spell_template(struct shc_text template, char *regex, size_t size)
{
	uint32_t end = template.length, begin;
	size_t to = 0;

	while (end && template.bytes[end - 1] != 'X')
		end--;
	for (begin = end; begin && template.bytes[begin - 1] == 'X';)
		begin--;
	if (end - begin < 3)
		return false;
	for (uint32_t i = 0; i < template.length; i++) {
		char c = template.bytes[i];

		if (to + 16 > size || c == '\n')
			return false;
		if (i >= begin && i < end)
			to += (size_t)snprintf(regex + to, size - to, "[A-Za-z0-9]");
		else if (strchr("\\.[]*^$+?(){}|", c))
			to += (size_t)snprintf(regex + to, size - to, "\\%c", c);
		else
			regex[to++] = c;
	}
	memcpy(regex + to, "\n", 2);
	return true;
}

/* mktemp TEMPLATE, with nothing that puts a folder or an ending of its own to it. */
static bool names_made(const struct effect *effect, char *regex, size_t size)
{
	const struct shc_call *call = effect->call;
	struct shc_text text, template = {0};

	if (!shc_text_is(call->name, "mktemp"))
		return false;
	for (uint32_t i = 1; i < call->fields.count; i++) {
		if (!shc_term_known(call->values[i], &text) || !text.length)
			return false;
		if (!shc_text_is(text, "-d") && !shc_text_is(text, "-q") &&
			!shc_text_is(text, "-u") && (template.length || text.bytes[0] == '-'))
			return false;
		if (text.bytes[0] != '-')
			template = text;
	}
	return template.length && spell_template(template, regex, size);
}

/* The text as a term; a newline that always ends it stays known. */
static const struct shc_term *regex_term(const struct effect *effect, const char *regex)
{
	struct shc_interpreter *in = effect->call->in;
	size_t length = strlen(regex);
	bool newline = length && regex[length - 1] == '\n';
	const struct shc_dfa *language;
	const struct shc_term *term;
	char made[400];

	if (newline && names_made(effect, made, sizeof(made))) {
		regex = made;
		length = strlen(made);
	}
	if (shc_dfa_regex(
		    in->pool, regex, length - newline, SHC_REGEX_EXTENDED, &language, NULL, NULL))
		return shc_unknown(in, SHC_ORIGIN_OUTPUT, shc_dfa_text(in->pool),
			effect->call->command->range);
	term = shc_unknown(in, newline ? SHC_ORIGIN_FILE_NAME : SHC_ORIGIN_OUTPUT, language,
		effect->call->command->range);
	return term && newline ? shc_term_concat(in->terms, term, shc_term_text(in->terms, "\n", 1))
			       : term;
}

/* What dirname and basename make of their operand with its newline, where more is known than what they print. */
static const struct shc_term *path_part(const struct effect *effect, const struct shc_state *state)
{
	const struct shc_call *call = effect->call;
	bool folder = shc_text_is(call->name, "dirname");
	uint32_t at = call->fields.count > 1 && shc_term_is(call->values[1], "--") ? 2 : 1;
	const struct shc_term *text;

	if ((!folder && !shc_text_is(call->name, "basename")) || call->fields.count != at + 1 ||
		!shc_field_is_one(&call->fields.items[at]))
		return NULL;
	text = shc_path_part(call->in, state, call->values[at], folder, call->command->range);
	return text ? shc_term_concat(
			      call->in->terms, text, shc_term_text(call->in->terms, "\n", 1))
		    : NULL;
}

/* ls without -l and the like prints names of files, and nothing else. */
static bool lists_names(const struct shc_call *call)
{
	return shc_text_is(call->name, "ls") && !shc_call_option(call, 'l', NULL) &&
	       !shc_call_option(call, 's', "size") && !shc_call_option(call, 'i', "inode");
}

static int print(const struct effect *effect, struct shc_state *state, bool success)
{
	struct shc_interpreter *in = effect->call->in;
	struct shc_spec_prints prints;
	const struct shc_term *text;

	if (!state->output)
		return 0;
	prints = output_of(effect, success);
	if (prints.output == SHC_PRINTS_NOTHING)
		return 0;
	if (success && prints.output == SHC_PRINTS_REGEX) {
		text = path_part(effect, state);
		if (text) {
			state->output = shc_term_concat(in->terms, state->output, text);
			return state->output ? 0 : -ENOMEM;
		}
	}
	text = prints.output == SHC_PRINTS_REGEX
		       ? regex_term(effect, prints.regex)
		       : shc_unknown(in,
				 lists_names(effect->call) ? SHC_ORIGIN_FILE_NAME
							   : SHC_ORIGIN_OUTPUT,
				 shc_dfa_text(in->pool), effect->call->command->range);
	state->output = text ? shc_term_concat(in->terms, state->output, text) : NULL;
	return state->output ? 0 : -ENOMEM;
}

/* ---- Checks ---------------------------------------------------------------------------------------------------- */

static const struct shc_spec_danger *danger_of(const struct effect *effect, uint8_t role)
{
	for (const struct shc_spec_danger *danger = effect->spec->dangers; danger;
		danger = danger->next)
		if (danger->role == role &&
			shc_spec_holds(&effect->match, danger->guard) == SHC_YES)
			return danger;
	return NULL;
}

static bool uses(const struct effect *effect, uint8_t role, enum shc_spec_verb verb)
{
	for (const struct shc_spec_use *use = effect->spec->uses; use; use = use->next)
		if (use->role == role && use->verb == verb &&
			shc_spec_holds(&effect->match, use->guard) == SHC_YES)
			return true;
	return false;
}

/* Does it read standard input when the operands that can vanish are gone? */
static bool may_wait(const struct effect *effect, const struct shc_state *state)
{
	struct shc_spec_match without = effect->match;
	uint32_t files = 0;

	if (!effect->spec->takes_input)
		return false;
	for (uint32_t i = 0; i < effect->count; i++) {
		if (!uses(effect, effect->operands[i].role, SHC_VERB_READS))
			continue;
		if (!shc_field_may_vanish(state, &effect->operands[i].field))
			return false;
		files++;
	}
	/* Words that may be options are taken as the files that they are meant to be. */
	without.open = false;
	without.binding_count = 0;
	for (uint8_t i = 0; i < effect->spec->option_count; i++)
		if (without.options[i] == SHC_PERHAPS_SO)
			without.options[i] = SHC_NO;
	return files && shc_spec_holds(&without, effect->spec->input) == SHC_YES;
}

/* SH114: rm -r link/ goes through the link and deletes what it leads to; the link stays. */
static void check_link(const struct effect *effect, const struct operand *operand)
{
	const struct shc_call *call = effect->call;
	const struct shc_fact *fact = operand->fact;
	const struct shc_term *value = operand->value;
	const struct shc_piece *last = value->count ? &value->pieces[value->count - 1] : NULL;
	struct shc_finding *finding;

	if (!last || last->atom || last->text.bytes[last->text.length - 1] != '/' || !fact ||
		fact->kind != SHC_FILE_LINK || fact->path != operand->path)
		return;
	finding = shc_report(call->in, 114, call->command->range,
		"with the slash this deletes what the link leads to, not the link");
	if (!finding)
		return;
	shc_finding_hint(call->in->findings, finding, "rm without -r, and without the slash");
	shc_finding_relate(call->in->findings, finding, fact->range, "the link is made here");
}

/* SH115: mv takes up what the same mv has put there in the turn before, so that one file goes over all others. */
static void check_carried(const struct effect *effect)
{
	const struct shc_call *call = effect->call;
	const struct operand *from = effect->operands;

	if (effect->count != 2 || !call->in->loops || !from->exact || !from->fact ||
		!shc_text_is(call->name, "mv") || from->fact->path != from->path ||
		from->fact->kind == SHC_FILE_NOTHING || from->fact->kind == SHC_FILE_UNKNOWN ||
		from->fact->tested || from->fact->range.start != call->command->range.start)
		return;
	shc_finding_hint(call->in->findings,
		shc_report(call->in, 115, call->command->range,
			"every turn moves on what the turn before has put there: one file goes "
			"over all others"),
		"go through the names the other way round");
}

/* A command whose complaints go elsewhere is run to see whether it fails. */
static bool hides_errors(const struct shc_command *command)
{
	for (const struct shc_redirect *r = command->redirects; r; r = r->next)
		if (r->fd == 2)
			return true;
	return false;
}

/* SH203: the same path twice. ln -s makes a link to itself all the same. */
static void check_same(const struct effect *effect)
{
	static const char *const names[] = {"cp", "mv", "install", "ln"};
	const struct shc_call *call = effect->call;
	const struct operand *two = effect->operands;
	bool relevant = false;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		relevant |= shc_text_is(call->name, names[i]);
	if (!relevant || hides_errors(call->command) ||
		(shc_text_is(call->name, "ln") && shc_call_option(call, 's', "symbolic")) ||
		effect->count != 2 || !two[0].exact || !two[1].exact ||
		two[0].path != two[1].path || !two[0].path->count ||
		shc_call_option(call, 'b', "backup") || effect->match.unknown_option ||
		effect->match.misfit)
		return;
	/* What is joined of several values may be two different ones. */
	for (uint32_t i = 0; i < two[0].path->count; i++)
		if (two[0].path->pieces[i].atom &&
			two[0].path->pieces[i].atom->origin == SHC_ORIGIN_APPROXIMATION)
			return;
	shc_report(call->in, 203, call->command->range,
		"'%.*s' must fail: both operands are the same file", (int)call->name.length,
		call->name.bytes);
}

/* SH111: tee empties its files when it starts, as a redirection does. */
static void check_tee(const struct effect *effect)
{
	const struct shc_call *call = effect->call;

	if (!shc_text_is(call->name, "tee") || shc_call_option(call, 'a', "append"))
		return;
	for (uint32_t i = 0; i < effect->count; i++)
		if (shc_path_is_being_read(call->in, effect->operands[i].path))
			shc_finding_hint(call->in->findings,
				shc_report(call->in, 111, call->command->range,
					"tee empties this file while the pipeline reads it"),
				"write to another name and mv it over the file when all went well");
}

static void check_operands(const struct effect *effect, struct shc_state *state)
{
	check_tee(effect);
	check_same(effect);
	check_carried(effect);
	for (uint32_t i = 0; i < effect->count; i++) {
		const struct operand *operand = &effect->operands[i];
		const struct shc_spec_danger *danger = danger_of(effect, operand->role);

		if (!danger)
			continue;
		if (uses(effect, operand->role, SHC_VERB_DELETES)) {
			shc_check_removal(effect->call, state, &operand->field, !danger->shallow);
			if (!danger->shallow) {
				check_link(effect, operand);
				/* A file that is open can be read to its end. */
				shc_check_pending(effect->call, state, operand->path);
			}
		} else
			shc_check_change(effect->call, state, &operand->field, danger->reason);
	}
	if (may_wait(effect, state))
		shc_check_input(effect->call);
}

/* SH2xx: why it must fail, where the script itself is the reason. */
static void report_failure(const struct effect *effect)
{
	const struct shc_call *call = effect->call;
	const struct shc_fact *fact = effect->culprit->fact;
	struct shc_finding *finding;

	/* What an earlier turn of a loop has done is seldom done twice. */
	if (!fact || fact->tested || fact->range.start == call->command->range.start)
		return;
	if (effect->culprit->before == SHC_ENTRY_ABSENT) {
		finding = shc_report(call->in, 201, call->command->range,
			"'%.*s' must fail: the path was removed before", (int)call->name.length,
			call->name.bytes);
		shc_finding_relate(call->in->findings, finding, fact->range, "removed here");
	} else if (fact->kind == SHC_FILE_REGULAR && may_change(effect, effect->culprit->role) &&
		   effect->repeated) {
		finding = shc_report(call->in, 202, call->command->range,
			"'%.*s' of several files must fail: the last operand is no directory",
			(int)call->name.length, call->name.bytes);
		shc_finding_relate(call->in->findings, finding, fact->range, "made a file here");
	}
}

/* ---- Outcomes -------------------------------------------------------------------------------------------------- */

/* Do contents of @role go on elsewhere? */
static bool is_copied(const struct effect *effect, uint8_t role)
{
	for (const struct shc_spec_clause *clause = effect->spec->clauses; clause;
		clause = clause->next)
		for (uint8_t i = 0; i < clause->after_count; i++)
			if (clause->after[i].kind == SHC_CLAIM_COPY &&
				clause->after[i].source.role == role)
				return true;
	return false;
}

/* The path that @operand is read at: tar -C looks for its members there. NULL when there is no memory. */
static const struct shc_term *place_of(
	const struct effect *effect, const struct shc_state *state, const struct operand *operand)
{
	struct shc_interpreter *in = effect->call->in;
	const struct shc_term *place;

	if (!shc_text_is(effect->call->name, "tar") ||
		strcmp(effect->spec->roles[operand->role], "member"))
		return operand->path;
	for (uint32_t i = 0; i < effect->count; i++) {
		if (strcmp(effect->spec->roles[effect->operands[i].role], "directory"))
			continue;
		place = shc_term_concat(
			in->terms, effect->operands[i].value, shc_term_text(in->terms, "/", 1));
		place = place ? shc_term_concat(in->terms, place, operand->value) : NULL;
		return place ? shc_path_normal(in, state, place) : NULL;
	}
	return operand->path;
}

static int read_files(const struct effect *effect, struct shc_state *state)
{
	for (uint32_t i = 0; i < effect->count; i++)
		if (is_copied(effect, effect->operands[i].role))
			shc_path_seen(effect->call->in, state, effect->operands[i].value);
	for (const struct shc_spec_use *use = effect->spec->uses; use; use = use->next) {
		if (use->verb != SHC_VERB_READS ||
			shc_spec_holds(&effect->match, use->guard) == SHC_NO)
			continue;
		for (uint32_t i = 0; i < effect->count; i++) {
			const struct shc_term *place;

			if (effect->operands[i].role != use->role)
				continue;
			place = place_of(effect, state, &effect->operands[i]);
			if (!place || shc_path_read(effect->call->in, state, place))
				return -ENOMEM;
		}
	}
	return 0;
}

static int add(const struct effect *effect, struct shc_state *state, struct shc_outcomes *out,
	int low, int high)
{
	shc_set_status(state, effect->call->command, low, high);
	return shc_outcomes_add(effect->call->in, out, state, SHC_FLOW_NEXT, 0);
}

static bool differs(struct shc_spec_prints left, struct shc_spec_prints right)
{
	return left.output != right.output || left.regex != right.regex;
}

/* Does success leave something by which what follows is told from failure? */
static bool is_worth_two(const struct effect *effect, const struct shc_state *state)
{
	return !effect->fails && !effect->succeeds &&
	       (changes_anything(effect) || (state->output && differs(output_of(effect, true),
								      output_of(effect, false))));
}

/* Success and failure as two states, or as one where they leave the same behind. Takes @state. */
static int fork_outcomes(
	const struct effect *effect, struct shc_state *state, struct shc_outcomes *out)
{
	bool two = is_worth_two(effect, state);
	struct shc_state *failed = two ? shc_state_clone(state) : NULL;
	int r = two && !failed ? -ENOMEM : 0;

	if (may_change_files(effect)) {
		shc_path_shake(state);
		if (failed)
			shc_path_shake(failed);
	}
	if (!r && two) {
		r = print(effect, failed, false);
		r = r ? r : forget(effect, failed);
	}
	if (!r)
		r = print(effect, state, !effect->fails);
	if (!r && effect->fails)
		r = forget(effect, state);
	else if (!r)
		r = learn(effect, state, two);
	if (r) {
		shc_state_destroy(failed);
		shc_state_destroy(state);
		return r;
	}
	if (add(effect, state, out, effect->fails ? effect->low : 0, two ? 0 : effect->high)) {
		shc_state_destroy(failed);
		return -ENOMEM;
	}
	return two ? add(effect, failed, out, effect->low, effect->high) : 0;
}

static void swap(uint8_t *left, uint8_t *right)
{
	uint8_t kept = *left;

	*left = *right;
	*right = kept;
}

/* The verdict and the report: what is usual decides what is said, what is certain decides what goes on. */
static void decide(struct effect *effect)
{
	struct shc_spec_match match = effect->match;

	/* Words that may be options are usually what they stand for. */
	effect->match.open = false;
	for (uint8_t i = 0; i < effect->spec->option_count; i++)
		if (effect->match.options[i] == SHC_PERHAPS_SO)
			effect->match.options[i] = SHC_NO;
	for (uint32_t i = 0; i < effect->count; i++)
		swap(&effect->operands[i].before, &effect->operands[i].usual);
	judge(effect);
	settle(effect);
	if (effect->fails && effect->culprit)
		report_failure(effect);
	for (uint32_t i = 0; i < effect->count; i++)
		swap(&effect->operands[i].before, &effect->operands[i].usual);
	effect->match = match;
	effect->fails = effect->succeeds = false;
	effect->low = effect->high = 0;
	effect->culprit = NULL;
	judge(effect);
	if (MADE(DIRECTORY_ALWAYS_MADE) && !effect->fails) {
		effect->succeeds = true;
		effect->high = 0;
	}
}

int shc_effect_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out)
{
	struct effect effect = {.call = call, .spec = find(call->name)};
	int r = match_words(&effect, state);

	if (!r)
		r = find_operands(&effect, state);
	if (!r) {
		check_operands(&effect, state);
		decide(&effect);
		if (effect.match.run_count) {
			shc_approximate(call->in, call->command);
			shc_path_forget_tested(state);
		}
		if (effect.match.unknown_option || effect.match.misfit)
			shc_approximate(call->in, call->command);
		r = read_files(&effect, state);
	}
	if (r)
		shc_state_destroy(state);
	else
		r = fork_outcomes(&effect, state, out);
	free(effect.operands);
	shc_spec_match_finish(&effect.match);
	return r;
}
