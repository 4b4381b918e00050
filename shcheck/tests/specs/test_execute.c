/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every clause of the specifications is executed against the installed programs, in the sandbox; and errors planted in
 * the specifications are all noticed. The program starts itself inside the sandbox. Exit 77 without one.
 *
 * With sanitizers, in whose builds starting a command takes long, one in SPEC_STRIDE commands and in PLANT_STRIDE
 * errors is taken unless COMMANDs are named or HB_NIGHTLY is set.
 *
 * Usage: test_execute [clauses|planted] [COMMAND...]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/sandbox.h>
#include <hotbed/sanitizer.h>

#include "execute.h"
#include "places.h"

#define SELF "/opt/test_execute"

enum { ARGUMENTS_MAX = 60 };
enum { SPEC_STRIDE = HB_IS_SANITIZED ? 6 : 1, PLANT_STRIDE = HB_IS_SANITIZED ? 8 : 1 };

static struct shc_text text_of(const char *string)
{
	return (struct shc_text){string, (uint32_t)strlen(string)};
}

/* ---- Inside ---------------------------------------------------------------------------------------------------- */

/* Is the @index-th in a list, about @spec, to be taken? */
static bool is_wanted(
	const struct shc_spec *spec, char **names, int count, size_t index, size_t stride)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(spec->names[0], names[i]))
			return true;
	return count == 0 && index % stride == 0;
}

static int run_clauses(char **names, int count)
{
	const struct shc_specs *specs = shc_specs_builtin();
	const struct shc_spec *spec;
	size_t stride = getenv("HB_NIGHTLY") ? 1 : SPEC_STRIDE;
	uint32_t faults = 0, executed = 0;

	hb_assert(specs);
	for (size_t i = 0; (spec = shc_specs_at(specs, i)); i++) {
		if (!is_wanted(spec, names, count, i, stride))
			continue;
		faults += execute_spec(spec, false);
		executed++;
	}
	(void)printf("%u commands, %u faults\n", executed, faults);
	return faults || !executed;
}

/* Errors as somebody may make them: a piece of the text of a command, and what is put in its place. */
static const struct {
	const char *command, *from, *to;
} planted[] = {
	{"rm", "exit 0, absent(path);\n\twhen !-f", "exit 1, absent(path);\n\twhen !-f"},
	{"rm", "when quiet & -r: dir(path) => exit 0, absent",
		"when quiet: dir(path) => exit 0, absent"},
	{"rm", "full(path) => exit 1, same", "full(path) => exit 1, absent"},
	{"rm", "deletes path", "lists path"},
	{"rmdir", "empty(path) => exit 0", "dir(path) => exit 0"},
	{"rmdir", "when !--ignore-fail-on-non-empty: full", "full"},
	{"mkdir", "when -p: dir(*path) => exit 0", "when -p: dir(*path) => exit 1"},
	{"mkdir", "when -p: dangling", "dangling|absent"},
	{"mkdir", "exit 0, empty(path), dir(parent(path))",
		"exit 0, empty(path), absent(parent(path))"},
	{"touch", "when !reference & -c: absent(path) => exit 0, absent",
		"when !reference & -c: absent(path) => exit 0, file"},
	{"touch", "absent(*reference) => exit 1", "absent(*reference) => exit 0"},
	{"mv", "exit 0, absent(source), copy(target, source);\n\twhen target & plain",
		"exit 0, same(source), copy(target, source);\n\twhen target & plain"},
	{"mv", "deletes source", "reads source"},
	{"mv", "when target & !-T & plain: exists(source), dir(*target)",
		"when target & plain: exists(source), dir(*target)"},
	{"cp", "when !links: dangling(source) => exit 1", "dangling(source) => exit 1"},
	{"cp", "let whole = -a | -R", "let whole = -a | -R | -d"},
	{"cp", "option -T --no-target-directory", "option -T --no-target-folder"},
	{"ln", "when name & !-s: dir(source) => exit 1", "when name: dir(source) => exit 1"},
	{"ln", "leads(name, source), same(source);\n\twhen name & !-s",
		"leads(source, name), same(source);\n\twhen name & !-s"},
	{"install", "dir(*source) => exit 1, same(source)", "dir(source) => exit 0, same(source)"},
	{"chmod", "absent(*path) => exit 1", "absent(*path) => exit 0"},
	{"cat", "dir(*path) => exit 1", "dir(*path) => exit 0"},
	{"test", "when -f: file(*path) => exit 0", "when -f: exists(*path) => exit 0"},
	{"test", "when -h: link(path) => exit 0", "when -h: link(path) => exit 1"},
	{"readlink", "when plain & lines: link(path)", "when lines: exists(path)"},
	{"find", "absent(path) => exit 1", "absent(path) => exit 0"},
	{"dirname", "[^\\n]*[^/\\n]", "[a-z]"},
	{"sed", "writes path when edits", "reads path when edits"},
	{"tee", "dangling(path) => exit 0", "dangling(path) => exit 1"},
	{"dd", "creates output;\n\twrites output", "reads output"},
	{"tar", "when -f & (-x | -t): absent(*archive) => exit 2",
		"when -f: absent(*archive) => exit 2"},
	{"cd", "dir(*directory) => exit 0", "dir|file(*directory) => exit 0"},
};

/* The text of @spec with one piece changed; to be freed. */
static char *plant(const struct shc_spec *spec, const char *from, const char *to)
{
	char *text = strndup(spec->text.bytes, spec->text.length), *at, *result;

	hb_assert(text);
	at = strstr(text, from);
	if (!at) {
		(void)printf("%s: '%s' is not in the text\n", spec->names[0], from);
		exit(1);
	}
	*at = 0;
	hb_assert(asprintf(&result, "%s%s%s", text, to, at + strlen(from)) >= 0);
	free(text);
	return result;
}

static bool is_noticed(const struct shc_spec *spec, const char *from, const char *to)
{
	char *text = plant(spec, from, to);
	struct hb_error error = {0};
	struct shc_specs *specs;
	bool noticed;

	hb_assert(shc_specs_create(&specs) == 0);
	if (shc_specs_read(specs, "planted", text, strlen(text), &error)) {
		(void)printf("planted:%d: %s\n", error.line, error.text);
		exit(1);
	}
	noticed = execute_spec(shc_specs_at(specs, 0), true) > 0;
	shc_specs_destroy(specs);
	free(text);
	return noticed;
}

static int run_planted(char **names, int count)
{
	bool nightly = getenv("HB_NIGHTLY") != NULL;
	size_t stride = nightly ? 1 : PLANT_STRIDE;
	uint32_t missed = 0, tried = 0;

	for (size_t i = 0; i < sizeof(planted) / sizeof(*planted); i++) {
		const struct shc_spec *spec =
			shc_specs_find(shc_specs_builtin(), text_of(planted[i].command));

		hb_assert(spec);
		if (!is_wanted(spec, names, count, i, stride))
			continue;
		tried++;
		/* cp -d of a folder shows one of its errors, an option that no clause but that one asks for. */
		if (nightly || strcmp(planted[i].command, "cp") == 0)
			(void)setenv("HB_NIGHTLY", "1", 1);
		else
			(void)unsetenv("HB_NIGHTLY");
		if (is_noticed(spec, planted[i].from, planted[i].to))
			continue;
		(void)printf("%s: not noticed: '%s' for '%s'\n", planted[i].command, planted[i].to,
			planted[i].from);
		missed++;
	}
	(void)printf("%u errors planted, %u missed\n", tried, missed);
	return missed || !tried;
}

/* ---- Outside --------------------------------------------------------------------------------------------------- */

static int report(const struct hb_sandbox_result *result)
{
	(void)fwrite(result->output, 1, result->output_bytes, stdout);
	(void)fwrite(result->error, 1, result->error_bytes, stdout);
	if (result->limits)
		(void)printf("a limit of the sandbox was met: %x\n", result->limits);
	return result->exit_status == 0 ? 0 : 1;
}

static int start_inside(int argc, char **argv)
{
	char seed[64];
	const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/home/user",
		"LC_ALL=C", "HB_SPECS_INSIDE=1", "ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=8",
		seed, getenv("HB_NIGHTLY") ? "HB_NIGHTLY=1" : NULL, NULL};
	char self[4096];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct hb_sandbox_mount mount = {HB_SANDBOX_READ_ONLY, self, SELF, NULL};
	struct hb_sandbox_spec spec = {
		.mounts = &mount, .mounts_count = 1, .unlimited_address_space = HB_IS_SANITIZED};
	const char *arguments[ARGUMENTS_MAX + 1] = {SELF};
	struct hb_sandbox_command command = {.argv = arguments, .environment = environment};
	struct hb_sandbox_result result;
	struct hb_error error = {0};
	int r;

	(void)snprintf(
		seed, sizeof(seed), "HB_SEED=%s", getenv("HB_SEED") ? getenv("HB_SEED") : "1");
	(void)puts(seed);
	hb_assert(length > 0);
	self[length] = 0;
	for (int i = 1; i < argc && i < ARGUMENTS_MAX; i++)
		arguments[i] = argv[i];
	command.limits.wall_ns = (HB_IS_SANITIZED ? INT64_C(960) : INT64_C(240)) * 1000000000;
	command.limits.cpu_ns = command.limits.wall_ns;
	command.limits.memory_bytes = (HB_IS_SANITIZED ? UINT64_C(4) : UINT64_C(1)) << 29;
	r = hb_sandbox_run_once(&spec, &command, &result, &error);
	if (r == -EPERM || r == -ENOSYS) {
		(void)printf("skip: needs user namespaces (%s)\n", error.text);
		return 77;
	}
	if (r) {
		(void)printf("%s\n", error.text);
		return 1;
	}
	r = report(&result);
	hb_sandbox_result_finish(&result);
	return r;
}

int main(int argc, char **argv)
{
	bool plants = argc > 1 && !strcmp(argv[1], "planted");
	int first = argc > 1 ? 2 : 1;

	if (!getenv("HB_SPECS_INSIDE"))
		return start_inside(argc, argv);
	case_folder_make();
	return plants ? run_planted(argv + first, argc - first)
		      : run_clauses(argv + first, argc - first);
}
