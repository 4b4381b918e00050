/* SPDX-License-Identifier: GPL-3.0-or-later */
/* shcheck explain: the pages of the checks. */
#include "options.h"

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

int explain(char **ids, int count)
{
	const struct shc_check *check;

	for (size_t i = 0; count == 0 && (check = shc_check_at(i)); i++)
		(void)printf("SH%d  %-7s  %-16s  %s\n", check->id,
			shc_severity_name(check->severity), shc_class_name(check->class),
			check->title);
	for (int i = 0; i < count; i++) {
		int id = read_check_id(ids[i], strlen(ids[i]));

		check = id < 0 ? NULL : shc_check_find(id);
		if (!check) {
			(void)fprintf(stderr,
				"shcheck: '%s' is no check; 'shcheck explain' lists them\n",
				ids[i]);
			return EXIT_BAD_VALUE;
		}
		if (i > 0)
			(void)putchar('\n');
		put_page(check);
	}
	return EXIT_CLEAN;
}
