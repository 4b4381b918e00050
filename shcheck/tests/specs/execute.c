/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every clause of the specifications is executed: each command is run, in the sandbox, with each of the options that
 * its clauses ask for, over operands that are absent, files, directories, links and sockets; what it did is held
 * against every clause that applies (clauses.c). A clause that no run reaches is a fault, too.
 *
 * The program runs itself inside the sandbox: "execute" outside, "execute inside [COMMAND...]" inside. With SPEC_TEXT
 * on standard input "execute planted COMMAND" reads the specifications from there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include "clauses.h"
#include "execute.h"

enum { SETS_MAX = 400, SET_OPTIONS_MAX = 3, SECONDS_MAX = 5, OUTPUT_BYTES = 4096 };

static const uint8_t all_kinds[PLACE_KINDS] = {SHC_ENTRY_ABSENT, SHC_ENTRY_FILE, SHC_ENTRY_EMPTY,
	SHC_ENTRY_FULL, SHC_ENTRY_FILE_LINK, SHC_ENTRY_DIRECTORY_LINK, SHC_ENTRY_DANGLING,
	SHC_ENTRY_OTHER};
static const uint8_t few_kinds[] = {SHC_ENTRY_ABSENT, SHC_ENTRY_FILE, SHC_ENTRY_FULL};

/* Options that are given together. */
struct option_set {
	uint8_t options[SET_OPTIONS_MAX];
	uint8_t count;
};

struct plan {
	const struct shc_spec *spec;
	const char *name;  /* of the command, as it is called */
	const char *shell; /* of a built-in */
	struct option_set sets[SETS_MAX];
	uint32_t set_count;
	bool asks_parent, has_inside;
	struct tally *tally;
};

/* ---- Sets of options ------------------------------------------------------------------------------------------- */

static bool contains(const struct option_set *set, uint8_t option)
{
	for (uint8_t i = 0; i < set->count; i++)
		if (set->options[i] == option)
			return true;
	return false;
}

/* Can @guard have the value @wanted with exactly @set, operands as they need be? */
static bool can_be(const struct shc_spec_guard *guard, const struct option_set *set, bool wanted)
{
	if (!guard)
		return wanted;
	switch (guard->kind) {
	case SHC_GUARD_OPTION:
		return contains(set, guard->index) == wanted;
	case SHC_GUARD_ROLE:
		return true;
	case SHC_GUARD_NOT:
		return can_be(guard->left, set, !wanted);
	case SHC_GUARD_AND:
		return wanted ? can_be(guard->left, set, true) && can_be(guard->right, set, true)
			      : can_be(guard->left, set, false) || can_be(guard->right, set, false);
	default:
		return wanted ? can_be(guard->left, set, true) || can_be(guard->right, set, true)
			      : can_be(guard->left, set, false) && can_be(guard->right, set, false);
	}
}

static void mention(const struct shc_spec_guard *guard, bool *ret)
{
	if (!guard)
		return;
	if (guard->kind == SHC_GUARD_OPTION)
		ret[guard->index] = true;
	mention(guard->left, ret);
	mention(guard->right, ret);
}

static void add_set(struct plan *plan, const struct option_set *set)
{
	for (uint32_t i = 0; i < plan->set_count; i++)
		if (plan->sets[i].count == set->count &&
			!memcmp(plan->sets[i].options, set->options, set->count))
			return;
	hb_assert(plan->set_count < SETS_MAX);
	plan->sets[plan->set_count++] = *set;
}

/* The smallest set of the options that @guard mentions with which it can hold. */
static bool add_smallest(struct plan *plan, const struct shc_spec_guard *guard)
{
	bool mentioned[SHC_SPEC_OPTIONS_MAX] = {false};
	uint8_t list[SHC_SPEC_OPTIONS_MAX], count = 0;

	mention(guard, mentioned);
	for (uint8_t i = 0; i < plan->spec->option_count; i++)
		if (mentioned[i])
			list[count++] = i;
	for (uint8_t size = 0; size <= SET_OPTIONS_MAX; size++)
		for (int a = 0; a < (size > 0 ? count : 1); a++)
			for (int b = size > 1 ? a + 1 : 0; b < (size > 1 ? count : 1); b++)
				for (int c = size > 2 ? b + 1 : 0; c < (size > 2 ? count : 1);
					c++) {
					struct option_set set = {{list[a], list[b], list[c]}, size};

					if (!can_be(guard, &set, true))
						continue;
					add_set(plan, &set);
					return true;
				}
	return false;
}

/* One in three of the options that no clause needs, by HB_SEED; all of them under HB_NIGHTLY. */
static bool is_chosen(const struct plan *plan, uint8_t option)
{
	const char *text = getenv("HB_SEED");
	uint32_t seed = text ? (uint32_t)strtoul(text, NULL, 10) : 1, hash = 2166136261u;

	for (const char *at = plan->name; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619u;
	hash = ((hash ^ option) * 16777619u ^ seed) * 16777619u;
	return getenv("HB_NIGHTLY") || (hash >> 16) % 3 == 0;
}

static void choose_sets(struct plan *plan)
{
	const struct shc_spec *spec = plan->spec;
	bool mentioned[SHC_SPEC_OPTIONS_MAX] = {false};

	add_set(plan, &(struct option_set){.count = 0});
	for (const struct shc_spec_form *form = spec->forms; form; form = form->next) {
		mention(form->guard, mentioned);
		(void)add_smallest(plan, form->guard);
	}
	for (const struct shc_spec_clause *clause = spec->clauses; clause; clause = clause->next) {
		mention(clause->guard, mentioned);
		(void)add_smallest(plan, clause->guard);
		for (uint8_t i = 0; i < clause->before_count; i++) {
			plan->asks_parent |= clause->before[i].path.form == SHC_PATH_PARENT;
			plan->has_inside |= clause->before[i].path.form == SHC_PATH_INSIDE;
		}
	}
	for (const struct shc_spec_use *use = spec->uses; use; use = use->next)
		mention(use->guard, mentioned);
	for (const struct shc_spec_prints *prints = spec->prints; prints; prints = prints->next)
		mention(prints->guard, mentioned);
	for (uint8_t i = 0; i < spec->option_count; i++)
		if (mentioned[i] && is_chosen(plan, i))
			add_set(plan, &(struct option_set){{i}, 1});
}

/* ---- One run --------------------------------------------------------------------------------------------------- */

static void redirect(const char *path, int flags, int to)
{
	int file = open(path, flags | O_CREAT, 0600);

	if (file < 0 || dup2(file, to) < 0)
		_exit(126);
}

static void start(const struct plan *plan, const struct execution *run)
{
	static char script[] = "\"$@\"; status=$?; pwd -P >/tmp/where; exit $status";
	char *arguments[WORDS_MAX + 5];
	uint32_t count = 0;

	if (plan->spec->builtin) {
		arguments[count++] = (char *)plan->shell;
		arguments[count++] = (char *)"-c";
		arguments[count++] = script;
		arguments[count++] = (char *)plan->shell;
	}
	for (uint32_t i = 0; i < run->word_count; i++)
		arguments[count++] = (char *)run->words[i];
	arguments[count] = NULL;
	redirect("/dev/null", O_RDONLY, 0);
	redirect("/tmp/output", O_WRONLY | O_TRUNC, 1);
	redirect("/tmp/error", O_WRONLY | O_TRUNC, 2);
	(void)alarm(SECONDS_MAX);
	(void)execvp(arguments[0], arguments);
	_exit(127);
}

static char *read_back(const char *path)
{
	char *text = calloc(1, OUTPUT_BYTES + 1);
	int file = open(path, O_RDONLY);

	hb_assert(text);
	if (file >= 0) {
		hb_assert(read(file, text, OUTPUT_BYTES) >= 0);
		(void)close(file);
	}
	return text;
}

/* Does the shell stand in the directory that the operand named? */
static bool has_entered(const struct execution *run)
{
	char *where = read_back("/tmp/where");
	struct stat shell, operand;
	bool entered;

	where[strcspn(where, "\n")] = 0;
	entered = run->place_count && !stat(where, &shell) &&
		  !stat(run->places[0].path, &operand) && shell.st_ino == operand.st_ino;
	free(where);
	return entered;
}

static void find_stray(struct execution *run)
{
	DIR *folder = opendir(CASE_FOLDER);
	const struct dirent *entry;

	hb_assert(folder);
	while ((entry = readdir(folder))) {
		const char *name = entry->d_name;

		/* Names that the plan gives: letter, digit. */
		if (name[0] == '.' || (strchr("dpt", name[0]) && name[1] >= '0' && name[1] <= '9'))
			continue;
		(void)snprintf(run->stray, sizeof(run->stray), "%s", name);
	}
	(void)closedir(folder);
}

static void run_command(const struct plan *plan, struct execution *run, unsigned int mode)
{
	pid_t child;
	int status;

	(void)fflush(stdout);
	(void)chmod(CASE_FOLDER, mode);
	child = fork();
	hb_assert(child >= 0);
	if (!child)
		start(plan, run);
	hb_assert(waitpid(child, &status, 0) == child);
	(void)chmod(CASE_FOLDER, 0755);
	case_folder_open();
	run->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	run->output = read_back("/tmp/output");
	run->entered = plan->spec->builtin && has_entered(run);
	find_stray(run);
}

/* ---- Words ----------------------------------------------------------------------------------------------------- */

static void add_word(struct execution *run, const char *prefix, const char *text)
{
	hb_assert(run->word_count < WORDS_MAX);
	(void)snprintf(run->words[run->word_count++], WORD_BYTES, "%s%s", prefix, text);
}

/* The value that stands for the @index-th sample of a text; NULL past the last. */
static const char *sample(const struct shc_spec *spec, uint8_t role, uint32_t index)
{
	for (const struct shc_spec_text *text = spec->texts; text; text = text->next)
		if (text->role == role && index-- == 0)
			return text->sample;
	return NULL;
}

static void add_option(struct execution *run, uint8_t index, const char *value)
{
	const struct shc_spec_option *option = run->spec->options[index];
	char prefix[WORD_BYTES];

	if (run->spec->syntax == SHC_SYNTAX_KEYS) {
		(void)snprintf(prefix, sizeof(prefix), "%s=", option->spellings[0]);
		add_word(run, prefix, value);
		return;
	}
	if (option->argument == SHC_ARGUMENT_OPTIONAL && option->role != SHC_SPEC_ROLE_NONE) {
		(void)snprintf(prefix, sizeof(prefix), "%s=", option->spellings[0]);
		add_word(run, prefix, value);
		return;
	}
	add_word(run, option->spellings[0], "");
	if (option->argument == SHC_ARGUMENT_REQUIRED)
		add_word(run, "", value);
	if (option->argument == SHC_ARGUMENT_COMMAND) {
		add_word(run, "", "true");
		add_word(run, "", ";");
	}
}

/* A shape of the command line: options, and roles of the operands in order. */
struct shape {
	const struct option_set *set;
	uint8_t roles[PLACES_MAX];
	uint32_t role_count;
	uint32_t sample; /* index of the text that is used */
	bool parented;
	uint8_t parent;
	bool bad_option;
	unsigned int mode;
};

static struct place *add_place(struct execution *run, const struct shape *shape, uint8_t role)
{
	struct place *place = &run->places[run->place_count];

	hb_assert(run->place_count < PLACES_MAX);
	*place = (struct place){.role = role, .parented = shape->parented, .parent = shape->parent};
	if (shape->parented)
		(void)snprintf(place->path, sizeof(place->path), "d%u/p%u", run->place_count,
			run->place_count);
	else
		(void)snprintf(place->path, sizeof(place->path), "p%u", run->place_count);
	(void)snprintf(place->target, sizeof(place->target), CASE_FOLDER "/t%u", run->place_count);
	run->place_count++;
	return place;
}

static void add_operands(struct execution *run, const struct shape *shape)
{
	for (uint32_t i = 0; i < shape->role_count; i++) {
		const char *text = sample(run->spec, shape->roles[i], shape->sample);

		if (!text)
			text = sample(run->spec, shape->roles[i], 0);
		add_word(run, "", text ? text : add_place(run, shape, shape->roles[i])->path);
	}
}

/* @leading: those that stand before the operands of an expression, or the others. */
static void add_options(struct execution *run, const struct shape *shape, bool leading)
{
	for (uint8_t i = 0; i < shape->set->count; i++) {
		const struct shc_spec_option *option = run->spec->options[shape->set->options[i]];
		const char *value = "1";

		if (shc_spec_option_leads(run->spec, option) != leading)
			continue;
		if (option->role != SHC_SPEC_ROLE_NONE) {
			value = sample(run->spec, option->role, 0);
			if (!value)
				value = add_place(run, shape, option->role)->path;
		}
		add_option(run, shape->set->options[i], value);
	}
}

static void build_words(const struct plan *plan, struct execution *run, const struct shape *shape)
{
	bool words = plan->spec->syntax == SHC_SYNTAX_WORDS;

	add_word(run, "", plan->name);
	if (words) {
		add_options(run, shape, true);
	} else {
		if (shape->bad_option)
			add_word(run, "",
				plan->spec->syntax == SHC_SYNTAX_KEYS ? "nosuch=1"
								      : "--no-such-option");
		add_options(run, shape, false);
	}
	add_operands(run, shape);
	if (words) {
		add_options(run, shape, false);
		if (shape->bad_option)
			add_word(run, "", "-no-such-option");
	}
	if (!strcmp(plan->name, "["))
		add_word(run, "", "]");
}

/* Reads the words as the analyser does; false when they mean something else than the shape. */
static bool read_words(struct execution *run, const struct shape *shape)
{
	struct shc_spec_word words[WORDS_MAX];
	uint32_t count = run->word_count, bound = 0;

	if (!strcmp(run->words[0], "["))
		count--;
	for (uint32_t i = 0; i < count; i++)
		words[i] = (struct shc_spec_word){
			{run->words[i], (uint32_t)strlen(run->words[i])}, .whole = true};
	hb_assert(shc_spec_match(run->spec, words, count, &run->match) == 0);
	if (shape->bad_option)
		return run->match.unknown_option;
	if (run->match.misfit || run->match.unknown_option)
		return false;
	for (uint32_t i = 0; i < run->match.binding_count; i++) {
		const struct shc_spec_binding *binding = &run->match.bindings[i];
		const char *text = run->words[binding->word] + binding->offset;
		bool found = shc_spec_is_text(run->spec, binding->role);

		for (uint32_t j = 0; j < run->place_count; j++)
			if (!strcmp(run->places[j].path, text) &&
				run->places[j].role == binding->role) {
				found = true;
				bound++;
			}
		if (!found)
			return false;
	}
	return bound == run->place_count;
}

/* ---- Environments ---------------------------------------------------------------------------------------------- */

static void put_inside(const struct execution *run, uint32_t variant)
{
	char path[2 * PLACE_PATH_BYTES];

	/* What is in a directory under the name of another operand. */
	for (uint32_t i = 0; variant && i < run->place_count; i++)
		for (uint32_t j = 0; j < run->place_count; j++) {
			int file;

			if (i == j || run->places[i].entry != SHC_ENTRY_FULL ||
				run->places[j].parented)
				continue;
			(void)snprintf(path, sizeof(path), "%s/%s", run->places[i].path,
				run->places[j].path);
			file = variant == 1 ? open(path, O_WRONLY | O_CREAT, 0644) : -1;
			if (file >= 0)
				(void)close(file);
			else
				(void)mkdir(path, 0755);
		}
}

static bool make_places(struct execution *run, const uint8_t *kinds, uint32_t kind_count,
	uint32_t number, uint32_t variant)
{
	bool possible = true, full = false;

	for (uint32_t i = 0; i < run->place_count; i++) {
		run->places[i].entry = kinds[number % kind_count];
		full |= run->places[i].entry == SHC_ENTRY_FULL;
		number /= kind_count;
		possible = possible && place_make(&run->places[i]);
	}
	put_inside(run, variant);
	return possible && !number && (full || !variant);
}

static bool run_one(struct plan *plan, const struct shape *shape, uint32_t number,
	const uint8_t *kinds, uint32_t kind_count, uint32_t variant)
{
	struct execution run = {.spec = plan->spec};
	bool fits;

	/* Of a planted error one sign is enough. */
	if (plan->tally->quiet && plan->tally->faults)
		return false;
	build_words(plan, &run, shape);
	fits = read_words(&run, shape);
	run.locked = shape->mode != 0755;
	run.bad_option = shape->bad_option;
	if (fits && make_places(&run, kinds, kind_count, number, variant)) {
		clauses_views(&run, false);
		run_command(plan, &run, shape->mode);
		clauses_views(&run, true);
		clauses_check(&run, plan->tally);
		clauses_views_finish(&run);
	}
	case_folder_clear();
	free(run.output);
	shc_spec_match_finish(&run.match);
	return fits;
}

static uint32_t power(uint32_t base, uint32_t exponent)
{
	uint32_t result = 1;

	while (exponent--)
		result *= base;
	return result;
}

/* Places that operands and options of @shape make. */
static uint32_t count_places(const struct plan *plan, const struct shape *shape)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < shape->role_count; i++)
		count += !shc_spec_is_text(plan->spec, shape->roles[i]);
	for (uint8_t i = 0; i < shape->set->count; i++) {
		uint8_t role = plan->spec->options[shape->set->options[i]]->role;

		count += role != SHC_SPEC_ROLE_NONE && !shc_spec_is_text(plan->spec, role);
	}
	return count;
}

static void run_environments(struct plan *plan, const struct shape *shape)
{
	uint32_t places = count_places(plan, shape);
	bool few = places > 2 || shape->mode != 0755 || shape->bad_option;
	const uint8_t *kinds = few ? few_kinds : all_kinds;
	uint32_t kind_count = few ? sizeof(few_kinds) : PLACE_KINDS;
	uint32_t variants = plan->has_inside && !few && places > 1 ? 3 : 1;

	if (places > PLACES_MAX)
		return;
	for (uint32_t i = 0; i < power(kind_count, places); i++)
		for (uint32_t variant = 0; variant < variants; variant++)
			if (!run_one(plan, shape, i, kinds, kind_count, variant))
				return;
}

static void run_shape(struct plan *plan, struct shape *shape)
{
	static const uint8_t parents[] = {SHC_ENTRY_EMPTY, SHC_ENTRY_ABSENT, SHC_ENTRY_FILE};
	bool text = shape->set->count < 2;

	for (shape->sample = 0;; shape->sample++) {
		bool more = false;

		for (uint32_t i = 0; i < shape->role_count; i++)
			more |= shape->sample && text &&
				sample(plan->spec, shape->roles[i], shape->sample) != NULL;
		if (shape->sample && !more)
			break;
		run_environments(plan, shape);
	}
	shape->sample = 0;
	shape->parented = true;
	for (size_t i = 0; plan->asks_parent && i < sizeof(parents); i++) {
		shape->parent = parents[i];
		run_environments(plan, shape);
	}
	shape->parented = false;
	if (shape->set->count > 1)
		return;
	shape->mode = 0555;
	run_environments(plan, shape);
	shape->mode = 0;
	run_environments(plan, shape);
	shape->mode = 0755;
	if (shape->set->count == 0) {
		shape->bad_option = true;
		run_environments(plan, shape);
		shape->bad_option = false;
	}
}

/* Every number of operands that @form allows, up to two where a name may be repeated. */
static void run_form(
	struct plan *plan, const struct shc_spec_form *form, const struct option_set *set)
{
	for (uint32_t number = 0; number < 3; number++) {
		struct shape shape = {.set = set, .mode = 0755};
		bool varies = false;

		for (uint8_t i = 0; i < form->operand_count; i++) {
			enum shc_spec_count count = form->operands[i].count;
			uint32_t times = count == SHC_COUNT_ONE ? 1 : number;

			varies |= count != SHC_COUNT_ONE;
			if (count == SHC_COUNT_OPTIONAL && times > 1)
				times = 1;
			while (times-- && shape.role_count < PLACES_MAX)
				shape.roles[shape.role_count++] = form->operands[i].role;
		}
		if (varies || number == 0)
			run_shape(plan, &shape);
	}
}

/* ---- A specification ------------------------------------------------------------------------------------------- */

/* An option that the program does not know is a clause that is false. */
static void check_spelling(struct plan *plan, uint8_t index, const char *spelling)
{
	static const char *const complaints[] = {"invalid option", "unrecognized option",
		"unknown predicate", "unrecognized operand", "unknown option", NULL};
	const struct shc_spec_option *option = plan->spec->options[index];
	bool behind = plan->spec->syntax == SHC_SYNTAX_WORDS &&
		      !shc_spec_option_leads(plan->spec, option);
	struct execution run = {.spec = plan->spec};
	char *error;

	add_word(&run, "", plan->name);
	if (behind)
		add_word(&run, "", "p0");
	add_option(&run, index, "1");
	(void)snprintf(run.words[behind ? 2 : 1], WORD_BYTES, "%s%s", spelling,
		plan->spec->syntax == SHC_SYNTAX_KEYS ? "=1" : "");
	run_command(plan, &run, 0755);
	error = read_back("/tmp/error");
	for (int i = 0; complaints[i]; i++)
		if (strstr(error, complaints[i])) {
			if (!plan->tally->quiet)
				(void)printf("%s: %s: %s", plan->spec->path, spelling, error);
			plan->tally->faults++;
		}
	free(error);
	free(run.output);
	case_folder_clear();
}

static void check_options(struct plan *plan)
{
	for (uint8_t i = 0; i < plan->spec->option_count && !plan->spec->builtin; i++)
		for (uint8_t j = 0; j < plan->spec->options[i]->spelling_count; j++)
			check_spelling(plan, i, plan->spec->options[i]->spellings[j]);
}

static void run_name(
	const struct shc_spec *spec, const char *name, const char *shell, struct tally *tally)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	hb_assert(plan);
	plan->spec = spec;
	plan->name = name;
	plan->shell = shell;
	plan->tally = tally;
	choose_sets(plan);
	for (const struct shc_spec_form *form = spec->forms; form; form = form->next)
		for (uint32_t i = 0; i < plan->set_count; i++)
			run_form(plan, form, &plan->sets[i]);
	for (uint32_t i = 0; !spec->forms && i < plan->set_count; i++)
		run_shape(plan, &(struct shape){.set = &plan->sets[i], .mode = 0755});
	check_options(plan);
	free(plan);
}

uint32_t execute_spec(const struct shc_spec *spec, bool quiet)
{
	static const char *const shells[] = {"dash", "bash"};
	struct tally tally = {.quiet = quiet};
	uint32_t number = 0, never = 0;

	hb_assert(clause_count(spec) <= CLAUSES_MAX);
	for (uint8_t i = 0; i < spec->name_count; i++)
		for (size_t j = 0; j < (spec->builtin ? sizeof(shells) / sizeof(*shells) : 1); j++)
			run_name(spec, spec->names[i], shells[j], &tally);
	for (const struct shc_spec_clause *clause = spec->clauses; clause;
		clause = clause->next, number++) {
		if (tally.executed[number] || clause->assumed)
			continue;
		never++;
		if (!quiet)
			(void)printf("%s:%u: %s: this clause is never executed\n", spec->path,
				clause->line, spec->names[0]);
	}
	if (!quiet)
		(void)printf("%-10s %3u clauses, %5u runs, %5u operands covered, %u faults\n",
			spec->names[0], number, tally.runs, tally.covered, tally.faults);
	return tally.faults + never;
}
