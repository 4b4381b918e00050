/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every model of the gallery is possible, formatted and explained. */
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/json.h>
#include <hotbed/sanitizer.h>

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

/* ---- what is expected ---- */

static cJSON *answer_of(const char *arguments)
{
	cJSON *json = NULL;

	cr_assert_eq(call(arguments), 0, "%s: %s", arguments, out);
	cr_assert_eq(hb_json_parse(out, strlen(out), arguments, &json, NULL), 0, "%s", out);
	return json;
}

static void has_class(const char *name, const char *expected)
{
	char arguments[256];
	cJSON *json;

	/* With sanitizers the largest chains would take minutes. */
	(void)snprintf(arguments, sizeof(arguments), "ctmc %s --json%s", name,
		HB_IS_SANITIZED ? " --memory 0.01" : "");
	if (HB_IS_SANITIZED && call(arguments) == 1 && strstr(out, "GiB; the limit is"))
		return;
	json = answer_of(arguments);
	cr_assert_str_eq(hb_json_text_or(json, "class", ""), expected, "%s", name);
	cJSON_Delete(json);
}

static void ends(const char *name, const char *expected)
{
	bool either = strcmp(expected, "either") == 0;
	/* Whoever stays down for ten minutes does so for three: with sanitizers the rest takes too long. */
	const char *runs_of = either ? "60"
			      : HB_IS_SANITIZED && strcmp(expected, "stays down") == 0
				      ? "8 --horizon 180s"
				      : "20 --decide";
	char arguments[256];
	double runs, stuck;
	cJSON *json;

	(void)snprintf(arguments, sizeof(arguments), "sim %s --json --early --seed 1 --runs %s",
		name, runs_of);
	json = answer_of(arguments);
	cr_assert_eq(hb_json_get_double(json, "runs", &runs, NULL), 0);
	cr_assert_eq(hb_json_get_double(json, "stuck", &stuck, NULL), 0);
	cJSON_Delete(json);
	if (either)
		cr_assert(stuck > 0 && stuck < runs, "%s: %g of %g", name, stuck, runs);
	else if (strcmp(expected, "recovers") == 0)
		cr_assert(stuck <= 0.2 * runs, "%s: stuck in %g of %g", name, stuck, runs);
	else
		cr_assert(stuck >= 0.8 * runs, "%s: stuck in %g of %g", name, stuck, runs);
}

static void is_as_expected(const char *name)
{
	char path[512], line[256], *rest = line, *end;
	const char *at;

	(void)snprintf(path, sizeof(path), MODELS "/%s", name);
	read_text(path, text);
	at = strstr(text, "# Expected: ");
	cr_assert(at);
	(void)snprintf(line, sizeof(line), "%s", at + strlen("# Expected: "));
	end = strstr(line, ".\n");
	cr_assert(end, "%s: what is expected ends with no full stop", name);
	*end = '\0';
	for (char *item; (item = strsep(&rest, ","));) {
		item += strspn(item, " ");
		if (strncmp(item, "markov ", 7) == 0)
			has_class(name, item + 7);
		else if (strncmp(item, "trigger ", 8) == 0)
			ends(name, item + 8);
		else
			cr_assert_fail("%s: nothing is expected in `%s`", name, item);
	}
}

Test(gallery, every_model_does_what_is_expected)
{
	each_model(is_as_expected);
}

/* With a memory in which each answer takes a moment; the chains of 6 of the models need more. */
static void is_answered_or_refused(const char *name, const char *command, const char *schema)
{
	char arguments[256];
	cJSON *json = NULL;
	int code;

	(void)snprintf(arguments, sizeof(arguments), "%s %s --json", command, name);
	code = call(arguments);
	if (code == 0) {
		cr_assert_eq(hb_json_parse(out, strlen(out), arguments, &json, NULL), 0, "%s", out);
		cr_assert_str_eq(hb_json_text_or(json, "schema", ""), schema, "%s", arguments);
		cJSON_Delete(json);
		return;
	}
	/* The answer is no failure: it names the feature, or the size. */
	cr_assert_eq(code, 1, "%s: exit code %d: %s", arguments, code, out);
	cr_assert(strstr(out, "level cannot represent") || strstr(out, "GiB; the limit is"),
		"%s: %s", arguments, out);
}

static void has_an_answer_of_each_level(const char *name)
{
	is_answered_or_refused(name, "ctmc --memory 0.01", "metastable.ctmc/1");
	is_answered_or_refused(name, "fluid", "metastable.fluid/1");
	is_answered_or_refused(name, "sim --runs 1 --early --horizon 20s", "metastable.sim/1");
}

Test(gallery, every_level_answers_for_every_model_or_says_why_not)
{
	each_model(has_an_answer_of_each_level);
}

Test(gallery, retries_of_half_cost_and_win_what_the_formula_says)
{
	/* 1 - f^4 and (1 - f^4) / (1 - f) for f = 1/2. */
	double attempts, goodput;
	cJSON *json = answer_of("sim retries-of-half.ms --json --runs 20 --seed 1");

	cr_assert_eq(
		hb_json_get_double(json, "attempts_per_request", &attempts, NULL), 0, "%s", out);
	cr_assert_eq(hb_json_get_double(json, "goodput_per_s", &goodput, NULL), 0, "%s", out);
	cr_assert_float_eq(attempts, 1.875, 0.01);
	cr_assert_float_eq(goodput / 50, 0.9375, 0.01);
	cJSON_Delete(json);
}
