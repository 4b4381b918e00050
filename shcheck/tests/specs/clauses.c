/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "clauses.h"

#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>

uint32_t clause_count(const struct shc_spec *spec)
{
	uint32_t count = 0;

	for (const struct shc_spec_clause *clause = spec->clauses; clause; clause = clause->next)
		count++;
	return count;
}

/* ---- Paths ----------------------------------------------------------------------------------------------------- */

static void path_of_parent(const struct place *place, char *ret, size_t size)
{
	const char *slash = strrchr(place->path, '/');

	if (slash)
		(void)snprintf(ret, size, "%.*s", (int)(slash - place->path), place->path);
	else
		(void)snprintf(ret, size, ".");
}

static void path_inside(
	const struct place *folder, const struct place *inner, char *ret, size_t size)
{
	const char *slash = strrchr(inner->path, '/');

	(void)snprintf(ret, size, "%s/%s", folder->path, slash ? slash + 1 : inner->path);
}

static struct seen *find_seen(const struct execution *run, const char *path)
{
	for (uint32_t i = 0; i < run->seen_count; i++)
		if (!strcmp(run->seen[i].path, path))
			return (struct seen *)&run->seen[i];
	return NULL;
}

static void look(struct execution *run, const char *path, bool after)
{
	struct seen *seen = find_seen(run, path);

	if (after) {
		hb_assert(seen);
		view_finish(&seen->after);
		seen->after = view_take(path);
		return;
	}
	if (seen)
		return;
	hb_assert(run->seen_count < VIEWS_MAX);
	seen = &run->seen[run->seen_count++];
	*seen = (struct seen){.before = view_take(path)};
	(void)snprintf(seen->path, sizeof(seen->path), "%s", path);
}

void clauses_views(struct execution *run, bool after)
{
	char path[2 * PLACE_PATH_BYTES];

	for (uint32_t i = 0; i < run->place_count; i++) {
		look(run, run->places[i].path, after);
		if (run->places[i].parented) {
			path_of_parent(&run->places[i], path, sizeof(path));
			look(run, path, after);
		}
		for (uint32_t j = 0; j < run->place_count; j++) {
			path_inside(&run->places[i], &run->places[j], path, sizeof(path));
			if (i != j)
				look(run, path, after);
		}
	}
}

void clauses_views_finish(struct execution *run)
{
	for (uint32_t i = 0; i < run->seen_count; i++) {
		view_finish(&run->seen[i].before);
		view_finish(&run->seen[i].after);
	}
	run->seen_count = 0;
}

static const char *entry_name(uint8_t entry)
{
	static const char *const names[] = {"absent", "file", "empty directory", "full directory",
		"link to file", "link to directory", "dangling link", "other"};

	return names[__builtin_ctz(entry)];
}

/* ---- Faults ---------------------------------------------------------------------------------------------------- */

static void fault(const struct execution *run, struct tally *tally,
	const struct shc_spec_clause *clause, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void fault(const struct execution *run, struct tally *tally,
	const struct shc_spec_clause *clause, const char *format, ...)
{
	va_list list;

	if (tally->faults++ >= 6 || tally->quiet)
		return;
	(void)printf("%s:%u:", run->spec->path, clause ? clause->line : run->spec->line);
	for (uint32_t i = 0; i < run->word_count; i++)
		(void)printf(" %s", run->words[i]);
	(void)printf(" (exit %d):", run->status);
	for (uint32_t i = 0; i < run->place_count; i++) {
		const struct seen *seen = find_seen(run, run->places[i].path);

		(void)printf(" [%s: %s -> %s]", run->places[i].path, entry_name(seen->before.entry),
			entry_name(seen->after.entry));
	}
	(void)fputs(run->locked ? " locked: " : " ", stdout);
	va_start(list, format);
	(void)vprintf(format, list);
	va_end(list);
	(void)putchar('\n');
}

/* ---- Claims ---------------------------------------------------------------------------------------------------- */

/* The occurrence of each role that a clause is about: index of a place, or -1. */
struct choice {
	int place[SHC_SPEC_ROLES_MAX];
};

static const struct seen *seen_at(
	const struct execution *run, const struct choice *choice, const struct shc_spec_path *path)
{
	char text[2 * PLACE_PATH_BYTES];
	int place = choice->place[path->role];

	if (place < 0)
		return NULL;
	if (path->form == SHC_PATH_SELF)
		return find_seen(run, run->places[place].path);
	if (path->form == SHC_PATH_PARENT) {
		path_of_parent(&run->places[place], text, sizeof(text));
		return find_seen(run, text);
	}
	if (choice->place[path->inner] < 0)
		return NULL;
	path_inside(
		&run->places[place], &run->places[choice->place[path->inner]], text, sizeof(text));
	return find_seen(run, text);
}

/* The parent of a name alone is the folder of the case, a directory with something in it. */
static bool before_holds(const struct execution *run, const struct choice *choice,
	const struct shc_spec_claim *claim)
{
	const struct seen *seen = seen_at(run, choice, &claim->path);

	if (!seen)
		return claim->path.form == SHC_PATH_PARENT &&
		       choice->place[claim->path.role] >= 0 && !run->locked &&
		       claim->entries & SHC_ENTRY_FULL;
	return (seen->before.entry & claim->entries) != 0;
}

static bool after_holds(const struct execution *run, const struct choice *choice,
	const struct shc_spec_claim *claim)
{
	const struct seen *seen = seen_at(run, choice, &claim->path), *source;

	if (!seen)
		return true;
	if (claim->kind == SHC_CLAIM_ENTRY)
		return (seen->after.entry & claim->entries) != 0;
	if (claim->kind == SHC_CLAIM_SAME)
		return !strcmp(seen->before.own, seen->after.own) &&
		       !strcmp(seen->before.followed, seen->after.followed);
	if (claim->kind == SHC_CLAIM_LEADS)
		return !strncmp(seen->after.own, "link ", 5) &&
		       choice->place[claim->source.role] >= 0 &&
		       !strcmp(seen->after.own + 5,
			       run->places[choice->place[claim->source.role]].path);
	source = seen_at(run, choice, &claim->source);
	return !source || !strcmp(source->before.own, seen->after.own);
}

static bool output_holds(const struct execution *run, const struct shc_spec_prints *prints)
{
	regmatch_t all;
	regex_t regex;
	bool holds;

	if (prints->output == SHC_PRINTS_NOTHING)
		return !run->output[0];
	if (prints->output != SHC_PRINTS_REGEX)
		return true;
	hb_assert(regcomp(&regex, prints->regex, REG_EXTENDED) == 0);
	holds = !regexec(&regex, run->output, 1, &all, 0) && all.rm_so == 0 &&
		(size_t)all.rm_eo == strlen(run->output);
	regfree(&regex);
	return holds;
}

/* ---- Clauses --------------------------------------------------------------------------------------------------- */

static uint32_t occurrences(const struct execution *run, uint8_t role)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < run->place_count; i++)
		count += run->places[i].role == role;
	return count;
}

static bool is_single(const struct execution *run)
{
	for (uint8_t role = 0; role < run->spec->role_count; role++)
		if (occurrences(run, role) > 1)
			return false;
	return true;
}

/* The @index-th choice of occurrences; false past the last. At most one role occurs more than once. */
static bool choose(const struct execution *run, uint32_t index, struct choice *ret)
{
	uint32_t most = 1;

	for (uint8_t role = 0; role < run->spec->role_count; role++) {
		uint32_t number = occurrences(run, role), at = 0;

		most = number > most ? number : most;
		ret->place[role] = -1;
		for (uint32_t i = 0; i < run->place_count; i++)
			if (run->places[i].role == role && at++ == (number > 1 ? index : 0))
				ret->place[role] = (int)i;
	}
	return index < most;
}

static bool applies(const struct execution *run, const struct choice *choice,
	const struct shc_spec_clause *clause)
{
	if (shc_spec_holds(&run->match, clause->guard) != SHC_YES)
		return false;
	for (uint8_t i = 0; i < clause->before_count; i++)
		if (!before_holds(run, choice, &clause->before[i]))
			return false;
	return true;
}

/* Status and what is left behind; NULL or what is not as it is said. */
static const char *violated(const struct execution *run, const struct choice *choice,
	const struct shc_spec_clause *clause)
{
	bool single = is_single(run);

	if (run->status < 0)
		return "it was killed";
	/* Of several operands another one may have failed, and decided with what. */
	if (single ? run->status < clause->low || run->status > clause->high
		   : !run->status && clause->low > 0)
		return "the status is another";
	for (uint8_t i = 0; i < clause->after_count; i++) {
		const struct shc_spec_claim *claim = &clause->after[i];

		/* Of several operands a failure may have ended the rest. */
		if (!single && run->status && !clause->high)
			continue;
		if (!after_holds(run, choice, claim))
			return "what it leaves behind is another";
	}
	if (single && !output_holds(run, &clause->prints))
		return "it prints something else";
	return NULL;
}

static bool is_excused(const struct execution *run, const struct choice *choice,
	enum shc_clause_kind kind, struct tally *tally)
{
	uint32_t number = 0;

	for (const struct shc_spec_clause *clause = run->spec->clauses; clause;
		clause = clause->next, number++) {
		if (clause->kind != kind || !applies(run, choice, clause))
			continue;
		if (violated(run, choice, clause)) {
			fault(run, tally, clause, "%s", violated(run, choice, clause));
			return true;
		}
		tally->executed[number]++;
		return true;
	}
	return false;
}

/* Clauses about one choice of occurrences. Returns whether one that says "exit 0" applies. */
static bool check_choice(
	const struct execution *run, const struct choice *choice, struct tally *tally)
{
	uint32_t number = 0;
	bool success = false, covered = false;

	for (const struct shc_spec_clause *clause = run->spec->clauses; clause;
		clause = clause->next, number++) {
		const char *text;

		if (clause->kind != SHC_CLAUSE_CASE || !applies(run, choice, clause))
			continue;
		text = violated(run, choice, clause);
		if (text && run->locked && is_excused(run, choice, SHC_CLAUSE_FAULT, tally))
			return false;
		covered = true;
		success |= clause->high == 0;
		if (text)
			fault(run, tally, clause, "%s", text);
		else if (!run->locked)
			tally->executed[number]++;
	}
	if (run->locked && !covered && run->status)
		(void)is_excused(run, choice, SHC_CLAUSE_FAULT, tally);
	tally->covered += covered;
	return success;
}

/* ---- What nothing is said of ------------------------------------------------------------------------------------ */

static bool may_change(const struct execution *run, uint8_t role)
{
	for (const struct shc_spec_use *use = run->spec->uses; use; use = use->next)
		if (use->role == role && shc_spec_holds(&run->match, use->guard) != SHC_NO &&
			(use->verb == SHC_VERB_WRITES || use->verb == SHC_VERB_APPENDS ||
				use->verb == SHC_VERB_DELETES || use->verb == SHC_VERB_CREATES))
			return true;
	return false;
}

/* Names appear in the current folder only if the command makes files and was not told where. */
static bool may_leave_names(const struct execution *run)
{
	for (const struct shc_spec_use *use = run->spec->uses; use; use = use->next)
		if (use->verb == SHC_VERB_CREATES && !occurrences(run, use->role))
			return true;
	return false;
}

static void check_frame(const struct execution *run, struct tally *tally)
{
	for (uint32_t i = 0; i < run->place_count; i++) {
		const struct seen *seen = find_seen(run, run->places[i].path);

		if (strcmp(seen->before.own, seen->after.own) &&
			!may_change(run, run->places[i].role))
			fault(run, tally, NULL, "'%s' changed, and no use says so",
				run->spec->roles[run->places[i].role]);
	}
	if (run->stray[0] && !may_leave_names(run))
		fault(run, tally, NULL, "it made '%s'", run->stray);
	for (const struct shc_spec_use *use = run->spec->uses; use; use = use->next)
		if (use->verb == SHC_VERB_ENTERS && occurrences(run, use->role) &&
			run->entered != (run->status == 0))
			fault(run, tally, NULL, "the directory is not where its status says");
}

void clauses_check(const struct execution *run, struct tally *tally)
{
	struct choice choice;
	bool success = true;
	struct shc_spec_prints prints;
	uint32_t count = 0;

	tally->runs++;
	if (run->bad_option) {
		(void)choose(run, 0, &choice);
		(void)is_excused(run, &choice, SHC_CLAUSE_USAGE, tally);
		return;
	}
	for (; choose(run, count, &choice); count++)
		success &= check_choice(run, &choice, tally);
	/* The status is 0 exactly when it is for all operands. */
	if (count > 1 && success && run->status && !run->locked)
		fault(run, tally, NULL, "each operand alone succeeds, and the status is not 0");
	prints = shc_spec_output(&run->match, NULL);
	if (!output_holds(run, &prints))
		fault(run, tally, NULL, "it prints something else than it always does");
	check_frame(run, tally);
}
