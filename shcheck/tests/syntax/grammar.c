/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Snippets of every construct, right and wrong: bash -n and dash -n decide which. They are in data/grammar.txt, with
 * lines "%%" between them. Where the shells leave the question to the run, the exceptions say so. Accepted ones must
 * come back equal when printed. Usage: grammar FILE; exit 77 without bash and dash.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shcheck/finding.h>
#include <shcheck/parse.h>

#include "scripts.h"

#define SEPARATOR "\n%%\n"

/* What one shell answers otherwise, and why that is right. */
static const struct {
	const char *shell, *snippet, *reason;
} exceptions[] = {
	{"bash", "[[ ]]", "bash reports nothing and gives the command no meaning"},
	{"bash", "[[ a && ]]", "the same"},
	{"bash", "shopt -s extglob\necho @(a|b) !(c) ?(d|e f)", "-n does not execute shopt"},
	{"bash", "a[", "bash reads on for a ], though without one this is a word"},
	{"bash", "a[1", "the same"},
	{"dash", "a=b; echo ${a:}", "dash tells this bad substitution from the others"},
};

static char folder[] = "/tmp/shcheck-grammar-XXXXXX";
static char path[sizeof(folder) + 16];

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "grammar: %s\n", what);
	exit(1);
}

static char *read_all(const char *name)
{
	struct shc_source *source;
	char *text;

	must(shc_source_read(name, &source, NULL) == 0, "cannot read the snippets");
	text = strdup(source->bytes);
	must(text != NULL, "no memory");
	shc_source_destroy(source);
	return text;
}

static bool is_exception(const char *shell, const char *snippet)
{
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
		if (strcmp(exceptions[i].shell, shell) == 0 &&
			strcmp(exceptions[i].snippet, snippet) == 0)
			return true;
	}
	return false;
}

static struct shc_script *parse(
	const char *text, size_t size, enum shc_dialect dialect, struct shc_source **ret_source)
{
	struct shc_findings *findings;
	struct shc_script *script;

	must(shc_source_create("snippet", text, size, ret_source) == 0, "no memory");
	must(shc_findings_create(&findings) == 0, "no memory");
	must(shc_parse(*ret_source, dialect, findings, &script) == 0, "no memory");
	shc_findings_destroy(findings);
	return script;
}

/* Printed and parsed again, is it the same? */
static bool comes_back(const struct shc_script *script)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	struct shc_source *source;
	struct shc_script *again;
	bool equal;

	must(stream != NULL, "no memory");
	shc_print(script, stream);
	must(fclose(stream) == 0, "no memory");
	again = parse(text, size, script->dialect, &source);
	equal = again->error_count == 0 && shc_equal(script, again, NULL);
	if (!equal)
		(void)printf("printed as:\n%s\n", text);
	shc_script_destroy(again);
	shc_source_destroy(source);
	free(text);
	return equal;
}

/* 0 when the shell and the parser agree on @snippet. */
static int check(const char *snippet, const char *shell, enum shc_dialect dialect)
{
	FILE *stream = fopen(path, "w");
	struct shc_source *source;
	struct shc_script *script;
	char *text;
	int failures = 0, size;
	bool accepted;

	size = asprintf(&text, "%s\n", snippet);
	must(size >= 0 && stream, "no memory or no file");
	must(fwrite(text, 1, (size_t)size, stream) == (size_t)size && fclose(stream) == 0,
		"cannot write");
	script = parse(text, (size_t)size, dialect, &source);
	accepted = shell_accepts(shell, path) == 1;
	if (accepted != (script->error_count == 0) && !is_exception(shell, snippet)) {
		(void)printf("%s %s this, shcheck does not:\n%s\n", shell,
			accepted ? "accepts" : "refuses", snippet);
		failures++;
	}
	if (script->error_count == 0 && !comes_back(script)) {
		(void)printf("%s: another tree when printed:\n%s\n", shell, snippet);
		failures++;
	}
	shc_script_destroy(script);
	shc_source_destroy(source);
	free(text);
	return failures;
}

int main(int argc, char **argv)
{
	int failures = 0, count = 0;
	char *text, *snippet, *next;

	must(argc == 2, "usage: grammar FILE");
	if (shell_accepts("bash", "/dev/null") != 1 || shell_accepts("dash", "/dev/null") != 1) {
		(void)puts("skip: needs bash and dash");
		return 77;
	}
	must(mkdtemp(folder) != NULL, "cannot make a folder");
	(void)snprintf(path, sizeof(path), "%s/snippet", folder);
	text = read_all(argv[1]);
	for (snippet = text; snippet; snippet = next) {
		next = strstr(snippet, SEPARATOR);
		if (next) {
			*next = '\0';
			next += strlen(SEPARATOR);
		} else if (strlen(snippet) && snippet[strlen(snippet) - 1] == '\n') {
			snippet[strlen(snippet) - 1] = '\0';
		}
		failures += check(snippet, "bash", SHC_BASH) + check(snippet, "dash", SHC_DASH);
		count++;
	}
	(void)printf("%d snippets, %d failures\n", count, failures);
	free(text);
	(void)unlink(path);
	(void)rmdir(folder);
	return failures || count < 100 ? 1 : 0;
}
