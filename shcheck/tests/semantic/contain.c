/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "contain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shcheck/analyse.h>
#include <shcheck/finding.h>
#include <shcheck/parse.h>
#include <shcheck/report.h>

#include "../../src/semantic/command.h"

enum { FIELDS_MAX = 64 };

struct comparison {
	const struct shc_oracle_case *one;
	const struct shc_oracle_outcome *outcome;
	bool fields_held, variables_held;
};

/* ---- The script ------------------------------------------------------------------------------------------------- */

static void put_quoted(FILE *stream, const struct shc_oracle_text *text)
{
	(void)fputc('\'', stream);
	for (size_t i = 0; i < text->size_bytes; i++) {
		if (text->bytes[i] == '\'')
			(void)fputs("'\\''", stream);
		else
			(void)fputc(text->bytes[i], stream);
	}
	(void)fputc('\'', stream);
}

/* The state before, the text between two probes. IFS comes last, so that nothing else depends on it. */
static char *script_of(const struct shc_oracle_case *one, size_t *ret_size)
{
	char *text = NULL;
	FILE *stream = open_memstream(&text, ret_size);

	if (!stream)
		return NULL;
	(void)fputs("set --", stream);
	for (size_t i = 0; i < one->positional_count; i++) {
		(void)fputc(' ', stream);
		put_quoted(stream, &one->positional[i]);
	}
	(void)fputc('\n', stream);
	for (size_t i = 0; i < one->variables_count; i++) {
		const struct shc_oracle_variable *variable = &one->variables[i];

		(void)fprintf(stream, variable->set ? "%s=" : "unset %s", variable->name);
		if (variable->set)
			put_quoted(stream, &variable->value);
		(void)fputc('\n', stream);
	}
	if (one->noglob)
		(void)fputs("set -f\n", stream);
	if (one->nounset)
		(void)fputs("set -u\n", stream);
	if (one->context == SHC_ORACLE_ARGUMENTS)
		(void)fputs("probe_fields ", stream);
	else if (one->context == SHC_ORACLE_ASSIGNMENT)
		(void)fputs("probe_value=", stream);
	(void)fwrite(one->text.bytes, 1, one->text.size_bytes, stream);
	(void)fputs("\nprobe_end\n", stream);
	if (fclose(stream)) {
		free(text);
		return NULL;
	}
	return text;
}

/* ---- Fields ------------------------------------------------------------------------------------------------------ */

/* What one concrete field that @field gives may be, and how often there may be one. NULL when there is no memory. */
static const struct shc_dfa *language_of(const struct shc_call *call, const struct shc_state *state,
	const struct shc_field *field, bool *ret_many, bool *ret_none)
{
	struct shc_dfa_pool *pool = call->in->pool;
	const struct shc_dfa *all;

	*ret_many = field->occurrence == SHC_ANY;
	*ret_none = field->occurrence != SHC_ONCE;
	for (uint32_t i = 0; i < field->count; i++) {
		const struct shc_field_piece *piece = &field->pieces[i];

		*ret_many |= piece->glob;
		if (piece->splits || piece->matches) {
			*ret_many = true;
			return shc_dfa_text(pool);
		}
	}
	return shc_field_names(call->in, state, field, &all) == -ENOMEM ? NULL : all;
}

/* Can the abstract fields from the second on give exactly the concrete ones? By a table over both lists. */
static bool fields_hold(const struct shc_call *call, const struct shc_state *state,
	const struct shc_oracle_outcome *outcome)
{
	bool reach[FIELDS_MAX + 1] = {[0] = true};

	if (outcome->count > FIELDS_MAX)
		return true;
	for (uint32_t i = 1; i < call->fields.count; i++) {
		bool next[FIELDS_MAX + 1] = {0}, many, none;
		const struct shc_dfa *language =
			language_of(call, state, &call->fields.items[i], &many, &none);

		if (!language)
			return false;
		for (size_t j = 0; j <= outcome->count; j++) {
			const struct shc_oracle_text *field = j ? &outcome->fields[j - 1] : NULL;
			bool matches =
				field && shc_dfa_matches(language, field->bytes, field->size_bytes);

			next[j] |= reach[j] && none;
			next[j] |= j && reach[j - 1] && matches;
			next[j] |= j && next[j - 1] && matches && many;
		}
		memcpy(reach, next, sizeof(reach));
	}
	return reach[outcome->count];
}

/* ---- Variables --------------------------------------------------------------------------------------------------- */

static bool variable_holds(const struct shc_call *call, struct shc_state *state, const char *name,
	bool set, const struct shc_oracle_text *value)
{
	const struct shc_variable *variable;
	const struct shc_dfa *language;
	uint32_t number;

	if (shc_name_number(call->in,
		    (struct shc_text){.bytes = name, .length = (uint32_t)strlen(name)}, &number))
		return false;
	variable = shc_state_variable(state, number);
	if (!variable || !variable->assigned)
		return variable != NULL;
	if (!set)
		return variable->presence != SHC_PRESENT;
	if (variable->presence == SHC_ABSENT || !variable->term)
		return false;
	if (shc_state_term_language(state, call->in->pool, variable->term, &language))
		return true;
	return shc_dfa_matches(language, value->bytes, value->size_bytes);
}

static bool variables_hold(
	const struct shc_call *call, struct shc_state *state, const struct comparison *comparison)
{
	const struct shc_oracle_outcome *outcome = comparison->outcome;

	for (size_t i = 0; i < comparison->one->variables_count; i++)
		if (!variable_holds(call, state, outcome->after[i].name, outcome->after[i].set,
			    &outcome->after[i].value))
			return false;
	return comparison->one->context != SHC_ORACLE_ASSIGNMENT ||
	       variable_holds(call, state, "probe_value", true, &outcome->fields[0]);
}

static void observe(void *context, const struct shc_call *call, struct shc_state *state)
{
	struct comparison *comparison = context;

	if (shc_text_is(call->name, "probe_fields"))
		comparison->fields_held |= fields_hold(call, state, comparison->outcome);
	if (shc_text_is(call->name, "probe_end"))
		comparison->variables_held |= variables_hold(call, state, comparison);
}

/* bash takes escaped pattern characters for patterns when they are in IFS; nobody else does. */
static bool ifs_is_pattern(const struct shc_oracle_case *one)
{
	for (size_t i = 0; i < one->variables_count; i++)
		if (!strcmp(one->variables[i].name, "IFS") && one->variables[i].set &&
			one->variables[i].value.size_bytes &&
			strpbrk(one->variables[i].value.bytes, "*?["))
			return true;
	return false;
}

enum contain_verdict contain_check(const struct shc_oracle_case *one,
	const struct shc_oracle_outcome *outcome, enum shc_dialect dialect)
{
	struct comparison comparison = {.one = one, .outcome = outcome};
	const struct shc_observer observer = {.context = &comparison, .call = observe};
	struct shc_findings *findings = NULL;
	struct shc_source *source = NULL;
	struct shc_script *script = NULL;
	struct shc_coverage coverage;
	size_t size;
	char *text;
	bool done = false, refused = false;

	if (!outcome->expanded || (dialect == SHC_BASH && ifs_is_pattern(one)))
		return CONTAIN_UNDECIDED;
	text = script_of(one, &size);
	if (text && !shc_findings_create(&findings) &&
		!shc_source_create("case", text, size, &source) &&
		!shc_parse(source, dialect, findings, &script))
		refused = script->error_count > 0;
	/* A shell may stop at an error of syntax after all, inside the subshell of the case. */
	if (script && !refused)
		done = !shc_analyse_observed(script, NULL, findings, &coverage, &observer);
	shc_script_destroy(script);
	shc_source_destroy(source);
	shc_findings_destroy(findings);
	free(text);
	if (refused)
		return CONTAIN_UNDECIDED;
	if (!done)
		return CONTAIN_FAILED;
	if (one->context == SHC_ORACLE_ARGUMENTS && !comparison.fields_held)
		return CONTAIN_FIELDS;
	return comparison.variables_held ? CONTAIN_HELD : CONTAIN_VARIABLES;
}
