/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "contain_script.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shcheck/analyse.h>
#include <shcheck/finding.h>
#include <shcheck/parse.h>
#include <shcheck/report.h>

#include "../../src/semantic/attributes.h"
#include "snapshot.h"

enum { BINDINGS_MAX = 64, TEXT_MAX = 4096 };

/* What an unknown string was in the concrete run. */
struct binding {
	const struct shc_atom *atom;
	struct shc_oracle_text value;
};

/* One abstract state held against one snapshot. */
struct visit {
	const struct shc_call *call;
	struct shc_state *state;
	const struct shc_oracle_snapshot *snapshot;
	struct binding bindings[BINDINGS_MAX];
	size_t bindings_count;
	char text[512]; /* what does not hold */
};

struct comparison {
	const struct shc_oracle_case *one;
	const struct shc_oracle_outcome *outcome;
	bool left_out; /* harmless loops were not run, since so much was spent: a point in one is not visited */
	bool sourcing; /* the script has eval or `.`: what they may set is anything */
	bool tracing;  /* it has a trap of DEBUG */
	bool *held;    /* per snapshot */
	unsigned *visits;
	char (*texts)[512];
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

static char *script_of(const struct shc_oracle_case *one, size_t *ret_size)
{
	char *text = NULL;
	FILE *stream = open_memstream(&text, ret_size);

	if (!stream)
		return NULL;
	(void)fputs("snap() { :; }\nvariables() { :; }\n", stream);
	for (size_t i = 0; i < one->variables_count; i++) {
		const struct shc_oracle_variable *variable = &one->variables[i];

		if (variable->unknown)
			continue;
		(void)fprintf(stream, variable->set ? "%s=" : "unset %s", variable->name);
		if (variable->set)
			put_quoted(stream, &variable->value);
		(void)fputc('\n', stream);
	}
	(void)fputs(one->arguments_unknown ? "" : "set --", stream);
	for (size_t i = 0; i < one->positional_count && !one->arguments_unknown; i++) {
		(void)fputc(' ', stream);
		put_quoted(stream, &one->positional[i]);
	}
	(void)fputc('\n', stream);
	(void)fwrite(one->text.bytes, 1, one->text.size_bytes, stream);
	/* What the oracle runs behind it: a trap of DEBUG sees these commands, too. */
	(void)fputs("\nstatus=$?\nvariables\nexit $status\n", stream);
	if (fclose(stream)) {
		free(text);
		return NULL;
	}
	return text;
}

/* ---- Unknown strings --------------------------------------------------------------------------------------------- */

static bool fail(struct visit *visit, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool fail(struct visit *visit, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(visit->text, sizeof(visit->text), format, arguments);
	va_end(arguments);
	return false;
}

static const struct binding *binding_of(const struct visit *visit, const struct shc_atom *atom)
{
	for (size_t i = 0; i < visit->bindings_count; i++)
		if (visit->bindings[i].atom == atom)
			return &visit->bindings[i];
	return NULL;
}

/* From now on @atom is @value. False when that cannot be, in this state or with what it was before. */
static bool bind(
	struct visit *visit, const struct shc_atom *atom, struct shc_oracle_text value, bool strict)
{
	const struct binding *before = binding_of(visit, atom);

	if (!shc_dfa_matches(
		    shc_state_language_of(visit->state, atom), value.bytes, value.size_bytes))
		return !strict;
	if (before)
		return before->value.size_bytes == value.size_bytes &&
		       !memcmp(before->value.bytes, value.bytes, value.size_bytes);
	if (visit->bindings_count < BINDINGS_MAX)
		visit->bindings[visit->bindings_count++] = (struct binding){atom, value};
	return true;
}

/* A term with one unknown decides what that is. */
static bool decide(struct visit *visit, const struct shc_term *term, struct shc_oracle_text value)
{
	const struct shc_atom *atom = NULL;
	size_t before = 0, after = 0;

	for (uint32_t i = 0; i < term->count; i++) {
		if (term->pieces[i].atom && atom)
			return true;
		if (term->pieces[i].atom)
			atom = term->pieces[i].atom;
		else if (atom)
			after += term->pieces[i].text.length;
		else
			before += term->pieces[i].text.length;
	}
	if (!atom || before + after > value.size_bytes)
		return true;
	return bind(visit, atom,
		(struct shc_oracle_text){value.bytes + before, value.size_bytes - before - after},
		true);
}

/* Can @term be @value, with what is bound? */
static bool matches(struct visit *visit, const struct shc_term *term, struct shc_oracle_text value)
{
	struct shc_dfa_pool *pool = visit->call->in->pool;
	const struct shc_dfa *all = shc_dfa_epsilon(pool), *next;

	if (!decide(visit, term, value))
		return false;
	for (uint32_t i = 0; i < term->count; i++) {
		const struct shc_piece *piece = &term->pieces[i];
		const struct binding *bound = piece->atom ? binding_of(visit, piece->atom) : NULL;

		if (piece->atom && !bound)
			next = shc_state_language_of(visit->state, piece->atom);
		else if (shc_dfa_literal(pool, bound ? bound->value.bytes : piece->text.bytes,
				 bound ? bound->value.size_bytes : piece->text.length, &next))
			return true;
		if (shc_dfa_concat(pool, all, next, &all))
			return true;
	}
	return shc_dfa_matches(all, value.bytes, value.size_bytes);
}

static struct shc_oracle_text text_of(const char *string)
{
	return (struct shc_oracle_text){(char *)(uintptr_t)string, strlen(string)};
}

/* What the environment had, the arguments, and the two folders. */
static bool bind_known(struct visit *visit, const struct shc_oracle_case *one)
{
	struct shc_interpreter *in = visit->call->in;
	bool held = true;

	for (size_t i = 0; i < one->variables_count + one->positional_count; i++) {
		bool positional = i >= one->variables_count;
		char number[24];
		struct shc_text name;
		uint32_t index;

		(void)snprintf(number, sizeof(number), "%zu", i - one->variables_count + 1);
		name.bytes = positional ? number : one->variables[i].name;
		name.length = (uint32_t)strlen(name.bytes);
		if ((positional && !one->arguments_unknown) ||
			(!positional && (!one->variables[i].unknown || one->variables[i].left)) ||
			shc_name_number(in, name, &index) || !in->names[index].environment)
			continue;
		held &= bind(visit, shc_term_single_atom(in->names[index].environment),
			positional              ? one->positional[i - one->variables_count]
			: one->variables[i].set ? one->variables[i].value
						: text_of(""),
			true);
	}
	held &= bind(visit, shc_term_single_atom(in->start), text_of(SHC_ORACLE_FOLDER), true);
	held &= bind(visit, shc_term_single_atom(in->home), text_of("/home/user"), true);
	return held ||
	       fail(visit, "an argument or a variable of the environment cannot be what it was");
}

/* ---- What is compared ------------------------------------------------------------------------------------------- */

static bool arguments_hold(struct visit *visit)
{
	const struct shc_state *state = visit->state;
	const struct shc_oracle_snapshot *snapshot = visit->snapshot;

	if (state->argument_count > snapshot->positional_count ||
		(!state->arguments_open && state->argument_count < snapshot->positional_count))
		return fail(visit, "$# is %zu, not %u%s", snapshot->positional_count,
			state->argument_count, state->arguments_open ? " or more" : "");
	for (uint32_t i = 0; i < state->argument_count; i++)
		if (!matches(visit, state->arguments[i], snapshot->positional[i]))
			return fail(visit, "$%u is <%s>", i + 1, snapshot->positional[i].bytes);
	return true;
}

static bool variable_holds(struct visit *visit, const struct shc_oracle_variable *concrete)
{
	struct shc_interpreter *in = visit->call->in;
	struct shc_text name = {concrete->name, (uint32_t)strlen(concrete->name)};
	const struct shc_variable *variable;
	uint32_t number;

	/* A reference shows what it leads to. */
	if (shc_resolve(in, visit->state, name, &number) <= 0)
		return true;
	variable = shc_state_variable(visit->state, number);
	/* Untouched: as the environment had it, which bind_known() has compared; see untouched_holds(). */
	if (!variable || !variable->assigned)
		return true;
	if (!concrete->set)
		return variable->presence != SHC_PRESENT ||
		       fail(visit, "%s is unset", concrete->name);
	if (variable->presence == SHC_ABSENT || !variable->term)
		return fail(visit, "%s is <%s>, not unset", concrete->name, concrete->value.bytes);
	return matches(visit, variable->term, concrete->value) ||
	       fail(visit, "%s is <%s>", concrete->name, concrete->value.bytes);
}

/* A variable that the script has not assigned on this path is as it was at the start. */
static bool untouched_holds(struct visit *visit, const struct shc_oracle_variable *before,
	const struct shc_oracle_variable *now)
{
	struct shc_text name = {before->name, (uint32_t)strlen(before->name)};
	const struct shc_variable *variable;
	uint32_t number;

	if (before->left || shc_name_number(visit->call->in, name, &number))
		return true;
	variable = shc_state_variable(visit->state, number);
	if (!variable || variable->assigned)
		return true;
	if (before->set != now->set || before->value.size_bytes != now->value.size_bytes ||
		(now->value.size_bytes &&
			memcmp(before->value.bytes, now->value.bytes, now->value.size_bytes)))
		return fail(visit, "%s is %s<%s>, not as it was", now->name,
			now->set ? "" : "unset ", now->value.bytes);
	return true;
}

static bool options_hold(struct visit *visit)
{
	const struct shc_state *state = visit->state;
	const struct {
		char letter;
		bool on;
		unsigned int doubt;
	} options[] = {{'e', state->errexit, SHC_DOUBT_ERREXIT},
		{'u', state->nounset, SHC_DOUBT_NOUNSET}, {'f', state->noglob, SHC_DOUBT_NOGLOB},
		{'C', state->noclobber, SHC_DOUBT_NOCLOBBER}};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		bool on = strchr(visit->snapshot->options.bytes, options[i].letter) != NULL;

		if (on != options[i].on && !(state->doubtful & options[i].doubt))
			return fail(visit, "set -%c is %s", options[i].letter, on ? "on" : "off");
	}
	return true;
}

/* @path as text, or NULL when an unknown of it is not bound. */
static const char *path_of(struct visit *visit, const struct shc_term *path, char *buffer)
{
	size_t used = 0;
	bool relative =
		path->count && !path->pieces[0].atom && path->pieces[0].text.bytes[0] != '/';

	if (path->count && path->pieces[0].atom) {
		const struct binding *first = binding_of(visit, path->pieces[0].atom);

		relative = first && first->value.size_bytes && first->value.bytes[0] != '/';
	}
	if (relative)
		used = (size_t)snprintf(buffer, TEXT_MAX, "%s/", visit->snapshot->folder.bytes);
	for (uint32_t i = 0; i < path->count; i++) {
		const struct shc_piece *piece = &path->pieces[i];
		const struct binding *bound = piece->atom ? binding_of(visit, piece->atom) : NULL;
		const char *bytes = bound ? bound->value.bytes : piece->text.bytes;
		size_t length = bound ? bound->value.size_bytes : piece->text.length;

		if ((piece->atom && !bound) || used + length >= TEXT_MAX)
			return NULL;
		memcpy(buffer + used, bytes, length);
		used += length;
	}
	buffer[used] = '\0';
	return buffer;
}

static bool fact_holds(struct visit *visit, const struct shc_fact *fact)
{
	const struct shc_oracle_snapshot *snapshot = visit->snapshot;
	char buffer[TEXT_MAX];
	const char *path = path_of(visit, fact->path, buffer);
	enum snapshot_kind kind, itself;

	if (fact->assumed || fact->asked || !path || path[0] != '/')
		return true;
	kind = snapshot_kind(snapshot, path, true);
	itself = snapshot_kind(snapshot, path, false);
	if (kind == SNAPSHOT_UNKNOWN || itself == SNAPSHOT_UNKNOWN)
		return true;
	if (fact->contents_gone && kind == SNAPSHOT_DIRECTORY && !snapshot_is_empty(snapshot, path))
		return fail(visit, "%s is not empty", path);
	switch (fact->kind) {
	case SHC_FILE_NOTHING:
		return kind == SNAPSHOT_NOTHING || fail(visit, "%s is there", path);
	case SHC_FILE_SOMETHING:
		return itself != SNAPSHOT_NOTHING || fail(visit, "%s is not there", path);
	case SHC_FILE_REGULAR:
		return kind == SNAPSHOT_REGULAR || fail(visit, "%s is no file", path);
	case SHC_FILE_DIRECTORY:
		return kind == SNAPSHOT_DIRECTORY || fail(visit, "%s is no folder", path);
	case SHC_FILE_LINK:
		return itself == SNAPSHOT_LINK || fail(visit, "%s is no link", path);
	default:
		return true;
	}
}

static bool state_holds(struct visit *visit, const struct comparison *comparison)
{
	const struct shc_state *state = visit->state;
	const struct shc_oracle_case *one = comparison->one;

	if (comparison->sourcing && state->sourced)
		return true;
	if (!bind_known(visit, one) || !arguments_hold(visit))
		return false;
	/* Twice: what one value decides, another one may depend on. */
	for (size_t i = 0; i < 2 * one->variables_count; i++) {
		size_t index = i % one->variables_count;

		if (!variable_holds(visit, &visit->snapshot->variables[index]) ||
			!untouched_holds(
				visit, &one->variables[index], &visit->snapshot->variables[index]))
			return false;
	}
	if (visit->snapshot->status < state->status.low ||
		visit->snapshot->status > state->status.high)
		return fail(visit, "$? is %d, not %d to %d", visit->snapshot->status,
			state->status.low, state->status.high);
	if (!options_hold(visit))
		return false;
	if (!matches(visit, state->directory, visit->snapshot->folder))
		return fail(visit, "the folder is <%s>", visit->snapshot->folder.bytes);
	for (uint32_t i = 0; i < state->fact_count && visit->snapshot->files_known; i++)
		if (!fact_holds(visit, &state->facts[i]))
			return false;
	return true;
}

static void observe(void *context, const struct shc_call *call, struct shc_state *state)
{
	struct comparison *comparison = context;
	struct shc_text number;
	unsigned point = 0;

	if (!shc_text_is(call->name, "snap") || call->fields.count < 2 ||
		!shc_term_known(call->values[1], &number))
		return;
	for (uint32_t i = 0; i < number.length; i++)
		point = point * 10 + (unsigned)(number.bytes[i] - '0');
	for (size_t i = 0; i < comparison->outcome->snapshots_count; i++) {
		struct visit visit = {.call = call,
			.state = state,
			.snapshot = &comparison->outcome->snapshots[i]};

		if (visit.snapshot->point != point)
			continue;
		/* What takes the snapshot is a function of more than one command: set -T traces them. */
		if (comparison->tracing && strchr(visit.snapshot->options.bytes, 'T'))
			comparison->held[i] = true;
		comparison->visits[i]++;
		if (comparison->held[i])
			continue;
		comparison->held[i] = state_holds(&visit, comparison);
		if (comparison->visits[i] == 1 || strlen(comparison->texts[i]) < 300)
			(void)snprintf(comparison->texts[i] + strlen(comparison->texts[i]),
				sizeof(comparison->texts[i]) - strlen(comparison->texts[i]), "%s%s",
				comparison->visits[i] == 1 ? "" : "; ", visit.text);
	}
}

static void note_left_out(void *context, const struct shc_command *command)
{
	struct comparison *comparison = context;

	(void)command;
	comparison->left_out = true;
}

static enum contain_verdict verdict_of(
	const struct comparison *comparison, struct contain_loss *ret_loss)
{
	for (size_t i = 0; i < comparison->outcome->snapshots_count; i++) {
		if (comparison->held[i])
			continue;
		if (comparison->left_out)
			return CONTAIN_UNDECIDED;
		if (ret_loss) {
			ret_loss->point = comparison->outcome->snapshots[i].point;
			ret_loss->visits = comparison->visits[i];
			memcpy(ret_loss->text, comparison->texts[i], sizeof(ret_loss->text));
		}
		return CONTAIN_POINT;
	}
	return CONTAIN_HELD;
}

static enum contain_verdict analyse(
	const char *text, size_t size, enum shc_dialect dialect, struct comparison *comparison)
{
	const struct shc_observer observer = {
		.context = comparison, .call = observe, .left_out = note_left_out};
	struct shc_findings *findings = NULL;
	struct shc_source *source = NULL;
	struct shc_script *script = NULL;
	struct shc_coverage coverage = {0};
	enum contain_verdict verdict = CONTAIN_FAILED;

	if (!shc_findings_create(&findings) && !shc_source_create("case", text, size, &source) &&
		!shc_parse(source, dialect, findings, &script)) {
		if (script->error_count)
			verdict = CONTAIN_UNDECIDED;
		else if (!shc_analyse_observed(script, NULL, findings, &coverage, &observer))
			verdict = coverage.budget_exhausted ? CONTAIN_UNDECIDED : CONTAIN_HELD;
	}
	shc_script_destroy(script);
	shc_source_destroy(source);
	shc_findings_destroy(findings);
	return verdict;
}

enum contain_verdict contain_script_check(const struct shc_oracle_case *one,
	const struct shc_oracle_outcome *outcome, enum shc_dialect dialect,
	struct contain_loss *ret_loss)
{
	size_t count = outcome->snapshots_count + 1, size;
	struct comparison comparison = {.one = one,
		.outcome = outcome,
		.sourcing = strstr(one->text.bytes, "eval") != NULL,
		.tracing = strstr(one->text.bytes, "DEBUG") != NULL,
		.held = calloc(count, sizeof(bool)),
		.visits = calloc(count, sizeof(unsigned)),
		.texts = calloc(count, sizeof(*comparison.texts))};
	enum contain_verdict verdict = CONTAIN_FAILED;
	char *text = script_of(one, &size);

	if (!outcome->snapshots_count)
		verdict = CONTAIN_UNDECIDED;
	else if (text && comparison.held && comparison.visits && comparison.texts)
		verdict = analyse(text, size, dialect, &comparison);
	if (verdict == CONTAIN_HELD)
		verdict = verdict_of(&comparison, ret_loss);
	free(comparison.held);
	free(comparison.visits);
	free(comparison.texts);
	free(text);
	return verdict;
}
