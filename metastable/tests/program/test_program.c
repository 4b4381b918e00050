/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the program says to good and bad command lines, and with which exit code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/json.h>

#include "call.h"

static char text[TEXT_BYTES];

static void says(const char *arguments, int code, const char *needle)
{
	int got = call(arguments);

	cr_assert_eq(got, code, "%s: exit code %d: %s", arguments, got, out);
	cr_assert(strstr(out, needle), "%s: `%s` is not in: %s", arguments, needle, out);
}

Test(program, wrong_command_lines_end_with_2_and_a_hint)
{
	says("", 2, "which command");
	says("chek running-example.ms", 2, "did you mean 'check'");
	says("check", 2, "give FILE.ms");
	says("check a.ms b.ms", 2, "unexpected argument 'b.ms'");
	says("check --jsn running-example.ms", 2, "did you mean '--json'");
	says("check running-example.ms --set", 2, "needs a value");
	says("check running-example.ms --set db.queue", 2, "BLOCK.NAME=VALUE");
	says("check running-example.ms --set db.quue=3", 2, "did you mean `queue`");
	says("fmt --write --check running-example.ms", 2, "exclude");
	says("fmt --horizon 5s running-example.ms", 2, "edit it");
}

Test(program, files_that_cannot_be_read_end_with_6)
{
	says("check no-such.ms", 6, "no-such.ms: cannot be opened");
	says("check .", 6, "directory");
}

Test(program, faulty_models_end_with_1_and_the_place)
{
	says("check README.md", 1, "README.md:3: column 1: `Each` is no block");
	says("check running-example.ms --set c.rate=0", 1, "running-example.ms:");
}

Test(program, help_names_every_command_and_option)
{
	says("--help", 0, "check");
	says("fmt --help", 0, "--write");
	says("check --help", 0, "--set BLOCK.NAME=VALUE");
	says("--version", 0, "metastable 0.");
}

Test(program, check_tells_what_each_level_makes_of_a_model)
{
	cJSON *json = NULL, *levels;

	cr_assert_eq(call("check running-example.ms --json --set db.queue=35"), 0, "%s", out);
	cr_assert_eq(hb_json_parse(out, strlen(out), "check", &json, NULL), 0, "%s", out);
	cr_assert_str_eq(hb_json_text_or(json, "schema", ""), "metastable.check/1");
	levels = cJSON_GetObjectItem(json, "levels");
	cr_assert_eq(cJSON_GetArraySize(levels), 4);
	cr_assert_str_eq(
		hb_json_text_or(cJSON_GetArrayItem(levels, 0), "support", ""), "approximation");
	cr_assert_str_eq(hb_json_text_or(cJSON_GetArrayItem(levels, 2), "support", ""), "exact");
	cJSON_Delete(json);
}

Test(program, the_reference_shows_the_table_of_features)
{
	read_text(REFERENCE, text);
	cr_assert_eq(call("support"), 0);
	cr_assert(strstr(text, out),
		"replace the table in metastable-language.md by what `metastable "
		"support` prints");
}

Test(program, fmt_writes_in_place_and_is_then_content)
{
	char folder[] = "/tmp/metastable-fmt-XXXXXX", path[128], arguments[256];
	FILE *file;

	cr_assert(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/a.ms", folder);
	file = fopen(path, "w");
	cr_assert(file);
	(void)fputs("server db{service exp 10/s}#x\nclient c->db{rate poisson 5/s}", file);
	cr_assert_eq(fclose(file), 0);
	(void)snprintf(arguments, sizeof(arguments), "fmt --check %s", path);
	says(arguments, 1, path);
	(void)snprintf(arguments, sizeof(arguments), "fmt --write %s", path);
	says(arguments, 0, "");
	(void)snprintf(arguments, sizeof(arguments), "fmt --check %s", path);
	says(arguments, 0, "");
	read_text(path, text);
	cr_assert_str_eq(text, "server db {\n\tservice exp 10/s;\n} #x\n\nclient c -> db {\n\trate "
			       "poisson 5/s;\n}\n");
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(rmdir(folder), 0);
}

Test(program, map_prints_a_cell_for_each_value_of_the_sweep)
{
	cJSON *json = NULL, *cells;

	cr_assert_eq(call("map msf-17.ms --levels simulation --runs 4 --json"), 0, "%s", out);
	cr_assert_eq(hb_json_parse(out, strlen(out), "map", &json, NULL), 0, "%s", out);
	cr_assert_str_eq(hb_json_text_or(json, "schema", ""), "metastable.map/1");
	cells = cJSON_GetObjectItem(json, "cells");
	cr_assert_eq(cJSON_GetArraySize(cells), 2);
	cr_assert(cJSON_GetObjectItem(json, "agreement"));
	cJSON_Delete(json);
	says("map codel.ms", 1, "no sweep");
	says("map msf-17.ms --levels markow", 2, "none of markov");
}

Test(program, report_names_a_change_that_is_enough)
{
	cJSON *json = NULL, *first;

	cr_assert_eq(call("report running-example.ms --states 100 --json"), 0, "%s", out);
	cr_assert_eq(hb_json_parse(out, strlen(out), "report", &json, NULL), 0, "%s", out);
	cr_assert_str_eq(hb_json_text_or(json, "rule", ""), "vulnerable");
	first = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "advice"), 0);
	cr_assert(cJSON_IsTrue(cJSON_GetObjectItem(first, "enough")));
	cr_assert_str_eq(hb_json_text_or(first, "class", ""), "stable");
	cJSON_Delete(json);
}

Test(program, calibrate_needs_a_trace_and_numbers)
{
	says("calibrate running-example.ms", 2, "--trace FILE and --fit LIST");
	says("calibrate running-example.ms --trace no-such.csv --fit db.service", 6, "no-such.csv");
	says("calibrate running-example.ms --trace short-queue.ms --fit db.service", 1, "time_s");
}
