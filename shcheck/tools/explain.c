/* SPDX-License-Identifier: GPL-3.0-or-later */
/* shcheck explain: the pages of the checks, the classes, and what is known of commands. */
#include "options.h"

#include <shcheck/spec.h>

#include <stdio.h>
#include <string.h>

#define TEXT_COLUMNS 78

/* Print @text in lines of at most TEXT_COLUMNS. */
static void put_wrapped(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t length = strcspn(text, " ");

		if (column > 0 && column + 1 + length > TEXT_COLUMNS) {
			(void)putchar('\n');
			column = 0;
		}
		column += (size_t)printf("%s%.*s", column ? " " : "", (int)length, text);
		text += length;
		text += strspn(text, " ");
	}
	(void)putchar('\n');
}

static void put_indented(const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		(void)printf("    %.*s\n", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

static void put_page(const struct shc_check *check)
{
	(void)printf("SH%d: %s\n", check->id, check->title);
	(void)printf("class %s, severity %s, evidence %s\n\n", shc_class_name(check->class),
		shc_severity_name(check->severity), shc_evidence_name(check->evidence));
	put_wrapped(check->rationale);
	if (check->example[0]) {
		(void)puts("\nExample:\n");
		put_indented(check->example);
	}
	(void)puts("\nBetter:\n");
	put_indented(check->fix);
}

/* ---- The page of all checks, docs/reference/shcheck-checks.md ---------------------------------------------------- */

static void put_block(const char *language, const char *text)
{
	(void)printf("```%s\n", language);
	/* Bytes that are no text would make the page binary. */
	for (; *text; text++)
		if (*text == '\r')
			(void)fputs("\\r", stdout);
		else if ((unsigned char)*text >= 0x80)
			(void)printf("\\x%02x", (unsigned char)*text);
		else
			(void)putchar(*text);
	(void)puts("```\n");
}

static void put_markdown(void)
{
	const struct shc_check *check;

	(void)puts(
		"# The checks of shcheck\n\n"
		"Printed by `shcheck explain --markdown`; the table is in "
		"`shcheck/src/checks/catalogue.c`. A test runs the analysis on\n"
		"each example, which gives this finding and no other, and on what is better, which "
		"gives none.\n\n## Classes\n\n"
		"The vocabulary is closed: a new class needs a line here first.\n\n"
		"| class | what its findings have in common |\n|---|---|");
	for (int class = 0; class < SHC_CLASS_COUNT; class ++)
		(void)printf("| `%s` | %s |\n", shc_class_name((enum shc_class) class),
			shc_class_meaning((enum shc_class) class));
	(void)puts("\nSeverities: *error* is harm, or a script that the shell refuses; *warning* "
		   "probably does not what was meant; *info* and\n*style* are worth knowing. "
		   "Evidence: *always* on every path that gets there, *path* on some, *assumption* "
		   "if something holds\nthat is not known, *syntactic* by the text alone.\n");
	for (size_t i = 0; (check = shc_check_at(i)); i++) {
		(void)printf("## SH%d: %s\n\nClass `%s`, severity %s, evidence %s.\n\n%s\n\n",
			check->id, check->title, shc_class_name(check->class),
			shc_severity_name(check->severity), shc_evidence_name(check->evidence),
			check->rationale);
		if (check->example[0])
			put_block("bash", check->example);
		(void)puts("Better:\n");
		if (!check->example[0])
			(void)printf("%s%s", check->fix, shc_check_at(i + 1) ? "\n" : "");
		else
			put_block("bash", check->fix);
	}
}

/* ---- One name ---------------------------------------------------------------------------------------------------- */

static bool put_class(const char *name)
{
	const struct shc_check *check;

	for (int class = 0; class < SHC_CLASS_COUNT; class ++) {
		if (strcmp(shc_class_name((enum shc_class) class), name) != 0)
			continue;
		(void)printf("%s: %s\n", name, shc_class_meaning((enum shc_class) class));
		for (size_t i = 0; (check = shc_check_at(i)); i++)
			if ((int)check->class == class)
				(void)printf("SH%d  %s\n", check->id, check->title);
		return true;
	}
	return false;
}

static bool put_command(const char *name)
{
	const struct shc_specs *specs = shc_specs_builtin();
	struct shc_text text = {name, (uint32_t)strlen(name)};
	const struct shc_spec *spec = specs ? shc_specs_find(specs, text) : NULL;

	if (spec)
		(void)printf("%.*s\n", (int)spec->text.length, spec->text.bytes);
	return spec != NULL;
}

int explain(char **ids, int count)
{
	const struct shc_check *check;

	if (count == 1 && strcmp(ids[0], "--markdown") == 0) {
		put_markdown();
		return EXIT_CLEAN;
	}

	for (size_t i = 0; count == 0 && (check = shc_check_at(i)); i++)
		(void)printf("SH%d  %-7s  %-16s  %s\n", check->id,
			shc_severity_name(check->severity), shc_class_name(check->class),
			check->title);
	for (int i = 0; i < count; i++) {
		int id = read_check_id(ids[i], strlen(ids[i]));

		if (i > 0)
			(void)putchar('\n');
		check = id < 0 ? NULL : shc_check_find(id);
		if (check) {
			put_page(check);
		} else if (!put_class(ids[i]) && !put_command(ids[i])) {
			(void)fprintf(stderr,
				"shcheck: '%s' is no check, no class and no command that is "
				"described; "
				"'shcheck explain' lists the checks\n",
				ids[i]);
			return EXIT_BAD_VALUE;
		}
	}
	return EXIT_CLEAN;
}
