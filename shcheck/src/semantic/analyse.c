/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Set-up of the interpreter, names, and the order of the analysis: the script itself, then every function that
 * was never
 * called as an entry point of its own.
 */
#include <shcheck/analyse.h>
#include <shcheck/report.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "inclusion.h"
#include "interpreter.h"
#include "parameter.h"
#include "path.h"
#include "survey.h"
#include "traps.h"

#define MEMORY_FULL(pool) (shc_dfa_pool_limits(pool).memory_bytes / 10 * 9)

enum {
	STEPS_DEFAULT = 200000,
	LANGUAGE_STEPS = 1 << 20,
	LANGUAGE_STATES = 512,
	WORK_DEFAULT = 1 << 26,
	/* Of the wall: stops what the counted steps do not, and no result depends on it otherwise. */
	SECONDS_MAX = 20,
	MEMORY_BYTES_MAX = 192 << 20, /* of values */
};

/* ---- Findings ------------------------------------------------------------------------------------------------ */

static uint64_t *report_slot(const struct shc_interpreter *in, uint64_t key)
{
	uint32_t at = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 32) & (in->reported_slots - 1);

	while (in->reported[at] && in->reported[at] != key)
		at = (at + 1) & (in->reported_slots - 1);
	return &in->reported[at];
}

static bool grow_reported(struct shc_interpreter *in)
{
	uint64_t *old = in->reported;
	uint32_t slots = in->reported_slots;

	in->reported = calloc(slots ? slots * 2u : 64, sizeof(*in->reported));
	if (!in->reported) {
		in->reported = old;
		return false;
	}
	in->reported_slots = slots ? slots * 2 : 64;
	for (uint32_t i = 0; i < slots; i++)
		if (old[i])
			*report_slot(in, old[i]) = old[i];
	free(old);
	return true;
}

struct shc_finding *shc_report(
	struct shc_interpreter *in, int id, struct shc_range range, const char *format, ...)
{
	uint64_t key = (uint64_t)id << 32 | range.start, *slot;
	struct shc_finding *finding;
	char message[512];
	va_list arguments;

	/* A sourced file is not what is being checked; what it destroys is reported all the same. */
	if (in->reading_file && shc_check_find(id)->severity != SHC_SEVERITY_ERROR)
		return NULL;
	if (in->reported_count * 2 >= in->reported_slots && !grow_reported(in))
		return NULL;
	slot = report_slot(in, key);
	if (*slot)
		return NULL;
	*slot = key;
	in->reported_count++;
	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	finding = shc_findings_add(in->findings, id, range, "%s", message);
	return finding;
}

/* ---- Names ---------------------------------------------------------------------------------------------------- */

static uint32_t hash_text(struct shc_text text)
{
	uint32_t hash = 2166136261u;

	for (uint32_t i = 0; i < text.length; i++)
		hash = (hash ^ (unsigned char)text.bytes[i]) * 16777619u;
	return hash;
}

static uint32_t *name_slot(struct shc_interpreter *in, struct shc_text name)
{
	uint32_t at = hash_text(name) & (in->name_slot_count - 1);

	while (in->name_slots[at]) {
		struct shc_text other = in->names[in->name_slots[at] - 1].text;

		if (other.length == name.length && !memcmp(other.bytes, name.bytes, name.length))
			break;
		at = (at + 1) & (in->name_slot_count - 1);
	}
	return &in->name_slots[at];
}

static int grow_names(struct shc_interpreter *in)
{
	uint32_t capacity = in->name_capacity ? in->name_capacity * 2 : 64;
	struct shc_name *names = realloc(in->names, capacity * sizeof(*names));
	uint32_t *slots;

	if (!names)
		return -ENOMEM;
	in->names = names;
	slots = calloc(capacity * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(in->name_slots);
	in->name_slots = slots;
	in->name_slot_count = capacity * 2;
	in->name_capacity = capacity;
	for (uint32_t i = 0; i < in->name_count; i++)
		*name_slot(in, in->names[i].text) = i + 1;
	return 0;
}

int shc_name_number(struct shc_interpreter *in, struct shc_text name, uint32_t *ret)
{
	uint32_t *slot;
	char *copy;

	if (in->name_count == in->name_capacity && grow_names(in))
		return -ENOMEM;
	slot = name_slot(in, name);
	if (!*slot) {
		copy = shc_arena_take(in->arena, name.length + 1u);
		if (!copy)
			return -ENOMEM;
		if (name.length)
			memcpy(copy, name.bytes, name.length);
		in->names[in->name_count] =
			(struct shc_name){.text = {.bytes = copy, .length = name.length}};
		*slot = ++in->name_count;
	}
	*ret = *slot - 1;
	return 0;
}

const struct shc_term *shc_name_environment(struct shc_interpreter *in, uint32_t name)
{
	struct shc_name *entry = &in->names[name];

	entry->is_variable = true;
	if (!entry->environment)
		entry->environment = shc_term_share(shc_term_atom(in->terms, SHC_ORIGIN_ENVIRONMENT,
			shc_dfa_text(in->pool), (struct shc_range){0, 0}));
	return entry->environment;
}

void shc_approximate(struct shc_interpreter *in, const struct shc_command *command)
{
	in->seen[command->id] |= SHC_APPROXIMATED;
	if (in->site)
		in->seen[in->site->id] |= SHC_APPROXIMATED;
}

/* Texts with every run of slashes as one. 0, -E2BIG or -ENOMEM. */
static int collapse_slashes(
	struct shc_interpreter *in, const struct shc_dfa *language, const struct shc_dfa **ret)
{
	struct shc_byte_set slashes = shc_byte_set_of("/", 1);
	const struct shc_dfa *slash, *run;
	int r = shc_dfa_literal(in->pool, "/", 1, &slash);

	if (!r)
		r = shc_dfa_bytes_star(in->pool, &slashes, &run);
	if (!r)
		r = shc_dfa_concat(in->pool, slash, run, &run);
	return r ? r
		 : shc_dfa_substitute(
			   in->pool, SHC_SUBSTITUTE_ALL, language, run, slash, ret, NULL);
}

/* How much of @text is folders without a wildcard, up to the last slash before the first one. */
static uint32_t plain_folders(struct shc_text text)
{
	uint32_t folders = 0;

	for (uint32_t i = 0; i < text.length && !strchr("*?[\\", text.bytes[i]); i++)
		if (text.bytes[i] == '/')
			folders = i + 1;
	return folders;
}

/* What one piece may be: a name, or (@itself) the text of the pattern. 0, -E2BIG or -ENOMEM. */
static int names_of_piece(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_field_piece *piece, bool itself, const struct shc_dfa **ret)
{
	const struct shc_atom *atom = piece->piece.atom;

	if (piece->matches) {
		*ret = shc_dfa_text(in->pool);
		return 0;
	}
	if (atom) {
		*ret = state ? shc_state_language_of(state, atom) : atom->language;
		return 0;
	}
	if (piece->glob && !itself)
		return shc_dfa_glob(in->pool, piece->piece.text.bytes, piece->piece.text.length,
			SHC_GLOB_EXTENDED, ret, NULL);
	return shc_dfa_literal(in->pool, piece->piece.text.bytes, piece->piece.text.length, ret);
}

int shc_field_names(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_field *field, const struct shc_dfa **ret)
{
	const struct shc_dfa *folders = shc_dfa_epsilon(in->pool), *names = folders, *next;
	const struct shc_dfa *itself = folders;
	bool wild = false;
	int r = 0;

	for (uint32_t i = 0; i < field->count && !r; i++) {
		struct shc_field_piece piece = field->pieces[i];
		uint32_t plain = piece.glob && !wild ? plain_folders(piece.piece.text) : 0;

		r = names_of_piece(in, state, &piece, true, &next);
		r = r ? r : shc_dfa_concat(in->pool, itself, next, &itself);
		wild |= piece.glob || piece.matches;
		if (plain && !r) {
			r = shc_dfa_literal(in->pool, piece.piece.text.bytes, plain, &next);
			r = r ? r : shc_dfa_concat(in->pool, folders, next, &folders);
			piece.piece.text.bytes += plain;
			piece.piece.text.length -= plain;
		}
		r = r ? r : names_of_piece(in, state, &piece, false, &next);
		r = r ? r
		      : shc_dfa_concat(
				in->pool, wild ? names : folders, next, wild ? &names : &folders);
	}
	/* bash writes one slash behind what a wildcard matched, however many the pattern has there. */
	if (!r && wild && in->script->dialect == SHC_BASH) {
		r = collapse_slashes(in, names, &next);
		r = r ? r : shc_dfa_union(in->pool, names, next, &names);
	}
	r = r ? r : shc_dfa_concat(in->pool, folders, names, &names);
	r = r ? r : shc_dfa_union(in->pool, names, itself, ret);
	if (r && r != -ENOMEM)
		*ret = shc_dfa_text(in->pool);
	return r;
}

/* May names that @field gives have fewer slashes than the field? Only behind the first wildcard, and in bash. */
static bool may_lose_slashes(const struct shc_interpreter *in, const struct shc_field *field)
{
	bool wild = false, slash = false;

	for (uint32_t i = 0; i < field->count && in->script->dialect == SHC_BASH; i++) {
		const struct shc_field_piece *piece = &field->pieces[i];
		struct shc_text text = piece->piece.text;
		struct shc_byte_set bytes;

		if (piece->piece.atom) {
			bytes = shc_dfa_bytes(piece->piece.atom->language);
			slash = shc_byte_set_has(&bytes, '/');
			if (wild && slash)
				return true;
			continue;
		}
		wild |= piece->glob;
		if (wild && text.length &&
			((slash && text.bytes[0] == '/') ||
				memmem(text.bytes, text.length, "//", 2)))
			return true;
		slash = text.length && text.bytes[text.length - 1] == '/';
	}
	return false;
}

const struct shc_term *shc_loop_value(struct shc_interpreter *in, const struct shc_field *field)
{
	bool unknown = field->occurrence == SHC_ANY, matches = false;
	const struct shc_dfa *language, *literal;

	for (uint32_t i = 0; i < field->count; i++) {
		unknown |= field->pieces[i].glob;
		matches |= field->pieces[i].matches;
	}
	if (!unknown && !matches)
		return shc_field_term(in, field);
	/* Where a value is a pattern, the name that it gives has nothing of the value's text. */
	if (field->occurrence == SHC_ONCE && (matches || may_lose_slashes(in, field))) {
		if (shc_field_names(in, NULL, field, &language) == -ENOMEM)
			return NULL;
		return shc_unknown(in, SHC_ORIGIN_FILE_NAME, language, field->word->range);
	}
	/* File names: known text stays, the pattern becomes a name. */
	if (field->occurrence == SHC_ONCE) {
		const struct shc_term *term = shc_term_text(in->terms, "", 0), *next;

		for (uint32_t i = 0; i < field->count && term; i++) {
			const struct shc_field_piece *piece = &field->pieces[i];

			if (!piece->glob)
				next = piece->piece.atom
					       ? shc_term_of_atom(in->terms, piece->piece.atom)
					       : shc_term_text(in->terms, piece->piece.text.bytes,
							 piece->piece.text.length);
			else if (shc_dfa_glob(in->pool, piece->piece.text.bytes,
					 piece->piece.text.length, SHC_GLOB_EXTENDED, &language,
					 NULL) ||
				 shc_dfa_literal(in->pool, piece->piece.text.bytes,
					 piece->piece.text.length, &literal) ||
				 shc_dfa_union(in->pool, language, literal, &language))
				return NULL;
			else
				next = shc_unknown(
					in, SHC_ORIGIN_FILE_NAME, language, field->word->range);
			if (piece->glob && piece->piece.text.length == 1 &&
				piece->piece.text.bytes[0] == '*')
				next = shc_term_every(next);
			term = shc_term_concat(in->terms, term, next);
		}
		return term;
	}
	return shc_unknown(
		in, SHC_ORIGIN_APPROXIMATION, shc_dfa_text(in->pool), field->word->range);
}

void shc_look_at_clock(struct shc_interpreter *in)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	in->late |= now.tv_sec - in->began.tv_sec > SECONDS_MAX;
}

uint32_t shc_spent(const struct shc_interpreter *in)
{
	uint64_t steps = in->steps * 1000 / in->steps_max;
	uint64_t work = shc_dfa_pool_usage(in->pool).steps * 1000 / in->work_max;
	uint64_t memory = shc_arena_bytes(in->arena) * 1000 / MEMORY_BYTES_MAX;
	uint64_t most = steps > work ? steps : work;

	/* What is kept of languages has a limit of its own; see set_up(). */
	most = memory > most ? memory : most;

	return most > 100000 || in->late ? 100000 : (uint32_t)most;
}

/* ---- Entry ---------------------------------------------------------------------------------------------------- */

static int set_up(struct shc_interpreter *in, const struct shc_analysis_limits *limits)
{
	struct shc_dfa_limits languages = {
		.memory_bytes = limits ? limits->memory_bytes : 0,
		.states = LANGUAGE_STATES,
		.steps = limits && limits->language_steps ? limits->language_steps : LANGUAGE_STEPS,
	};
	const struct shc_dfa *absolute;
	struct shc_range nowhere = {0, 0};

	(void)clock_gettime(CLOCK_MONOTONIC, &in->began);
	in->work_max = WORK_DEFAULT;
	in->stage = 1;
	in->stage_count = 1;
	in->steps_max = limits && limits->steps ? limits->steps : STEPS_DEFAULT;
	if (shc_arena_create(&in->arena) || shc_dfa_pool_create(&languages, &in->pool) ||
		shc_terms_create(in->pool, in->arena, &in->terms))
		return -ENOMEM;
	in->command_count = in->script->command_count;
	in->seen_count = in->command_count + 1;
	in->seen = calloc(in->seen_count, sizeof(*in->seen));
	if (!in->seen || shc_dfa_glob(in->pool, "/?*", 3, 0, &absolute, NULL))
		return -ENOMEM;
	in->home =
		shc_term_share(shc_term_atom(in->terms, SHC_ORIGIN_DIRECTORY, absolute, nowhere));
	in->start =
		shc_term_share(shc_term_atom(in->terms, SHC_ORIGIN_DIRECTORY, absolute, nowhere));
	return in->home && in->start ? shc_survey(in) : -ENOMEM;
}

static void tear_down(struct shc_interpreter *in)
{
	shc_state_destroy(in->unchecked);
	shc_interruptions_finish(in);
	shc_inclusions_finish(in);
	shc_terms_destroy(in->terms);
	shc_dfa_pool_destroy(in->pool);
	shc_arena_destroy(in->arena);
	free(in->names);
	free(in->name_slots);
	free(in->seen);
	free(in->reads);
	free(in->reported);
	free(in->sites);
}

static int run(struct shc_interpreter *in, struct shc_outcomes *ends)
{
	struct shc_state *state = shc_state_create();

	if (!state)
		return -ENOMEM;
	state->directory = in->start;
	state->arguments_open = true;
	return shc_execute_list(in, in->script->list, state, ends);
}

/* The traps, once the script is through. The states of @ends stay as they are. */
static int run_traps(struct shc_interpreter *in, const struct shc_outcomes *ends)
{
	int r = 0;

	for (uint32_t i = 0; i < ends->count && !r; i++) {
		struct shc_outcomes after = {0};
		struct shc_state *copy = shc_state_clone(ends->items[i].state);

		r = copy ? shc_traps_at_end(in, copy, &after) : -ENOMEM;
		shc_outcomes_finish(&after);
	}
	return r ? r : shc_traps_at_signals(in);
}

/* The state in which a function that nothing calls may be called: all ends of the script, or NULL without any. */
static int join_ends(
	struct shc_interpreter *in, const struct shc_outcomes *ends, struct shc_state **ret)
{
	bool falls = false;
	int r = 0;

	*ret = NULL;
	for (uint32_t i = 0; i < ends->count; i++)
		falls |= ends->items[i].flow != SHC_FLOW_EXIT;
	for (uint32_t i = 0; i < ends->count && !r; i++) {
		/* Where the script has gone on to its end, nobody calls anything after an early exit. */
		if (falls && ends->items[i].flow == SHC_FLOW_EXIT)
			continue;
		if (*ret) {
			r = shc_state_join(*ret, ends->items[i].state, in->terms, SHC_JOIN_STATES,
				0, ends->items[i].state->status.range);
			continue;
		}
		*ret = shc_state_clone(ends->items[i].state);
		r = *ret ? 0 : -ENOMEM;
	}
	return r;
}

/* Functions that no path has called: their arguments are unknown, the rest is as at any end of the script. */
static int run_uncalled(struct shc_interpreter *in, struct shc_outcomes *ends)
{
	struct shc_state *state;
	int r = join_ends(in, ends, &state);

	for (uint32_t i = 0; state && i < state->function_count && !r; i++) {
		const struct shc_command *function = state->functions[i];
		struct shc_outcomes ignored = {0};
		struct shc_state *copy;

		if (!function || in->seen[function->function.body->id] & SHC_SEEN)
			continue;
		copy = shc_state_clone(state);
		if (!copy) {
			r = -ENOMEM;
			break;
		}
		copy->argument_count = 0;
		copy->arguments_open = true;
		copy->arguments_fresh = true;
		copy->shifted = shc_terms_epoch(in->terms);
		copy->sourced = true;
		r = shc_execute_function(in, function, copy, &ignored);
		shc_outcomes_finish(&ignored);
	}
	shc_state_destroy(state);
	return r;
}

int shc_analyse(const struct shc_script *script, const struct shc_analysis_limits *limits,
	struct shc_findings *findings, struct shc_coverage *ret_coverage)
{
	return shc_analyse_observed(script, limits, findings, ret_coverage, NULL);
}

int shc_analyse_observed(const struct shc_script *script, const struct shc_analysis_limits *limits,
	struct shc_findings *findings, struct shc_coverage *ret_coverage,
	const struct shc_observer *observer)
{
	struct shc_interpreter in = {.script = script, .findings = findings, .observer = observer};
	struct shc_outcomes ends = {0};
	struct shc_coverage coverage = {0};
	int r = set_up(&in, limits);

	if (!r)
		r = run(&in, &ends);
	if (!r)
		r = run_traps(&in, &ends);
	if (!r)
		r = run_uncalled(&in, &ends);
	if (r && in.pool && shc_dfa_pool_usage(in.pool).memory_peak_bytes >= MEMORY_FULL(in.pool)) {
		/* Languages have filled their share of memory: what was found until then stands. */
		in.exhausted = true;
		r = 0;
	}
	if (!r) {
		shc_check_tree(&in);
		shc_check_subshells(&in);
		shc_check_outputs(&in);
		r = shc_check_reads(&in);
		r = r ? r : shc_check_values(&in);
	}
	for (uint32_t i = 0; in.seen && i < script->command_count; i++) {
		if (!(in.seen[i] & SHC_SIMPLE))
			continue;
		coverage.commands++;
		coverage.analysed += (in.seen[i] & SHC_SEEN) != 0;
		coverage.havoc += (in.seen[i] & SHC_APPROXIMATED) != 0;
	}
	coverage.budget_exhausted = in.exhausted;
	shc_outcomes_finish(&ends);
	tear_down(&in);
	if (!r)
		*ret_coverage = coverage;
	return r;
}
