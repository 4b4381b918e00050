/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scripts of which the analysis once lost a run: what shcheck-points has found, made small and kept. Each is run by a
 * real shell in the sandbox, and its states at every "snap N" lie in abstract ones. Exit 77 without a sandbox.
 *
 * Usage: test_shcheck_points_fixed CASES
 *
 * CASES holds blocks. "== SHELL: title" begins one; "? NAME=VALUE" is a variable of the environment that the analysis
 * is not told; "$ WORD..." are arguments that it is not told; the rest is the script. Its folder has the files a, d/a
 * and the link l to a; x, y, z and w are watched.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include "contain_script.h"

enum { LINE_BYTES = 512, TEXT_BYTES = 4096, WALL_MS = 20000 };

struct fixed {
	char title[LINE_BYTES];
	enum shc_oracle_shell shell;
	char text[TEXT_BYTES], values[TEXT_BYTES];
	size_t values_used;
	struct shc_oracle_case one;
};

static void begin(struct fixed *fixed, const char *line)
{
	static const char *const files[] = {"a", "d/", "d/a", "l -> a"};
	static const char *const names[] = {"x", "y", "z", "w"};

	*fixed = (struct fixed){
		.shell = strncmp(line, "== bash", 7) ? SHC_ORACLE_DASH : SHC_ORACLE_BASH};
	(void)snprintf(fixed->title, sizeof(fixed->title), "%s", line + 3);
	fixed->one.context = SHC_ORACLE_SCRIPT;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		fixed->one.files[fixed->one.files_count++] = files[i];
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		fixed->one.variables[fixed->one.variables_count++] =
			(struct shc_oracle_variable){.name = names[i]};
}

/* A copy of @bytes that lasts as long as @fixed. */
static struct shc_oracle_text keep(struct fixed *fixed, const char *bytes, size_t length)
{
	char *copy = fixed->values + fixed->values_used;

	if (fixed->values_used + length + 1 > sizeof(fixed->values)) {
		(void)printf("%s: too long\n", fixed->title);
		exit(1);
	}
	memcpy(copy, bytes, length);
	fixed->values_used += length + 1;
	return (struct shc_oracle_text){copy, length};
}

static void add_variable(struct fixed *fixed, const char *line)
{
	for (size_t i = 0; i < fixed->one.variables_count; i++) {
		struct shc_oracle_variable *variable = &fixed->one.variables[i];

		if (line[0] != variable->name[0] || line[1] != '=')
			continue;
		variable->unknown = variable->set = true;
		variable->value = keep(fixed, line + 2, strlen(line + 2));
		return;
	}
	(void)printf("%s: no such variable: %s\n", fixed->title, line);
	exit(1);
}

static void add_arguments(struct fixed *fixed, const char *line)
{
	fixed->one.arguments_unknown = true;
	while (*line && fixed->one.positional_count < SHC_ORACLE_POSITIONAL_MAX) {
		size_t length = strcspn(line, " ");

		fixed->one.positional[fixed->one.positional_count++] = keep(fixed, line, length);
		line += length + (line[length] == ' ');
	}
}

static void add_line(struct fixed *fixed, const char *line)
{
	size_t used = strlen(fixed->text);

	if (!strncmp(line, "? ", 2))
		add_variable(fixed, line + 2);
	else if (!strncmp(line, "$ ", 2))
		add_arguments(fixed, line + 2);
	else
		(void)snprintf(fixed->text + used, sizeof(fixed->text) - used, "%s\n", line);
}

/* Returns whether every state is held. */
static bool check(struct shc_oracle *oracle, struct fixed *fixed)
{
	struct shc_oracle_outcome outcome;
	struct contain_loss loss = {0};
	struct hb_error error = {0};
	enum contain_verdict verdict;

	/* `rm -rf *` in the root looks at every file of the machine. */
	fixed->one.wall_ms = WALL_MS;
	fixed->one.text = (struct shc_oracle_text){fixed->text, strlen(fixed->text)};
	if (shc_oracle_run(oracle, fixed->shell, &fixed->one, 1, &outcome, &error)) {
		(void)printf("%s: the oracle failed: %s\n", fixed->title, error.text);
		return false;
	}
	verdict = contain_script_check(&fixed->one, &outcome,
		fixed->shell == SHC_ORACLE_BASH ? SHC_BASH : SHC_DASH, &loss);
	if (verdict != CONTAIN_HELD)
		(void)printf("%s: point %u of %zu, visited in %u states: %s\n%s", fixed->title,
			loss.point, outcome.snapshots_count, loss.visits,
			verdict == CONTAIN_UNDECIDED ? "undecided" : loss.text, fixed->text);
	shc_oracle_outcome_finish(&outcome);
	return verdict == CONTAIN_HELD;
}

static int check_all(struct shc_oracle *oracle, FILE *file)
{
	static struct fixed fixed;
	char line[LINE_BYTES];
	unsigned count = 0, lost = 0;

	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "== ", 3)) {
			if (fixed.title[0])
				add_line(&fixed, line);
			continue;
		}
		if (count++)
			lost += !check(oracle, &fixed);
		begin(&fixed, line);
	}
	if (count)
		lost += !check(oracle, &fixed);
	(void)printf("%u scripts, %u lost\n", count, lost);
	return lost || !count;
}

int main(int argc, char **argv)
{
	struct hb_error error = {0};
	struct shc_oracle *oracle;
	FILE *file = argc == 2 ? fopen(argv[1], "re") : NULL;
	int r;

	if (!file) {
		(void)puts("usage: test_shcheck_points_fixed CASES");
		return 2;
	}
	r = shc_oracle_create(&oracle, &error);
	if (r == -EPERM || r == -ENOSYS) {
		(void)printf("skip: needs user namespaces (%s)\n", error.text);
		(void)fclose(file);
		return 77;
	}
	if (r)
		(void)printf("%s\n", error.text);
	else
		r = check_all(oracle, file);
	if (!r || r == 1)
		shc_oracle_destroy(oracle);
	(void)fclose(file);
	return r != 0;
}
