/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every model of the gallery is possible, formatted and explained. */
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "call.h"

#define MODELS_MIN 12

static char text[TEXT_BYTES];

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void each_model(void (*visit)(const char *name))
{
	glob_t models;

	cr_assert_eq(glob(MODELS "/*.ms", 0, NULL, &models), 0);
	cr_assert(models.gl_pathc >= MODELS_MIN, "%zu models", models.gl_pathc);
	for (size_t i = 0; i < models.gl_pathc; i++)
		visit(base_name(models.gl_pathv[i]));
	globfree(&models);
}

static void is_possible_and_formatted(const char *name)
{
	char arguments[256];

	(void)snprintf(arguments, sizeof(arguments), "check %s", name);
	cr_assert_eq(call(arguments), 0, "%s", out);
	(void)snprintf(arguments, sizeof(arguments), "fmt --check %s", name);
	cr_assert_eq(call(arguments), 0, "%s is not formatted", name);
}

static void is_explained(const char *name)
{
	char path[512], row[256];

	(void)snprintf(path, sizeof(path), MODELS "/%s", name);
	read_text(path, text);
	cr_assert_eq(text[0], '#', "%s begins with no comment", name);
	cr_assert(strstr(text, "# Expected: "), "%s does not say what is expected", name);
	read_text(MODELS "/README.md", text);
	(void)snprintf(row, sizeof(row), "| [%s](%s) |", name, name);
	cr_assert(strstr(text, row), "README.md has no row for %s", name);
}

Test(gallery, every_model_is_possible_and_formatted)
{
	each_model(is_possible_and_formatted);
}

Test(gallery, every_model_is_explained)
{
	each_model(is_explained);
}
