/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/json.h>

#include <shcheck/report.h>

#include "parsed.h"

/* The place of finding @index as "line:column". */
static const char *place_of(const struct parsed *parsed, size_t index)
{
	static char text[32];
	struct shc_place place;

	cr_assert(index < shc_findings_count(parsed->findings));
	place = shc_source_place(
		parsed->source, shc_findings_at(parsed->findings, index)->range.start);
	(void)snprintf(text, sizeof(text), "%u:%u", place.line, place.column);
	return text;
}

Test(findings, every_example_of_the_table_shows_its_check)
{
	const struct shc_check *check;
	size_t examples = 0;

	for (size_t i = 0; (check = shc_check_at(i)); i++) {
		struct shc_source *source;
		enum shc_dialect dialect;
		struct parsed p;

		cr_assert(shc_check_find(check->id) == check);
		cr_assert(check->title[0] && check->rationale[0] && check->fix[0]);
		if (!check->example[0] || check->id < 901 || check->id == 916)
			continue;
		cr_assert(shc_source_create(
				  "example", check->example, strlen(check->example), &source) == 0);
		cr_assert(shc_dialect_detect(source, &dialect, NULL) == 0);
		shc_source_destroy(source);
		p = parsed_text(dialect, check->example);
		cr_assert(parsed_has(&p, check->id), "SH%d", check->id);
		parsed_finish(&p);
		p = parsed_text(dialect, check->fix);
		cr_assert(!parsed_has(&p, check->id), "SH%d is in its fix", check->id);
		parsed_finish(&p);
		examples++;
	}
	cr_assert(examples >= 10);
}

Test(findings, several_errors_are_found_in_one_run)
{
	struct parsed p = parsed_text(
		SHC_BASH, "echo a;;\nif true; then\n\techo ) b\nfi\nfor x in a; do b\n");

	cr_assert(p.script->error_count == 3);
	cr_assert_str_eq(place_of(&p, 0), "1:7");
	cr_assert_str_eq(place_of(&p, 1), "3:7");
	cr_assert_str_eq(place_of(&p, 2), "5:1");
	parsed_finish(&p);
}

Test(findings, wrong_closing_word_does_not_hide_what_follows)
{
	struct parsed p =
		parsed_text(SHC_POSIX, "while a; do\n\tif b; then c; done\ndone\necho after\n");
	const struct shc_finding *finding;

	cr_assert(p.script->error_count >= 1);
	finding = shc_findings_at(p.findings, 0);
	cr_assert(finding->id == 903 && finding->related != NULL);
	cr_assert_str_eq(place_of(&p, 0), "2:16");
	parsed_finish(&p);
}

Test(findings, missing_quote_names_the_string_over_several_lines)
{
	struct parsed p = parsed_text(SHC_POSIX, "a \"b\nc \"d\"\ne\n");
	const struct shc_finding *finding = NULL;

	for (size_t i = 0; i < shc_findings_count(p.findings); i++) {
		if (shc_findings_at(p.findings, i)->related)
			finding = shc_findings_at(p.findings, i);
	}
	cr_assert(finding != NULL);
	cr_assert(finding->related->range.start == 2);
	parsed_finish(&p);
}

Test(findings, near_miss_of_a_delimiter_is_shown)
{
	struct parsed p = parsed_text(SHC_POSIX, "cat <<EOF\na\n  EOF\n");

	cr_assert(parsed_has(&p, 910) && p.script->error_count == 0);
	cr_assert(shc_findings_at(p.findings, 0)->related != NULL);
	parsed_finish(&p);
}

Test(findings, syntax_of_bash_in_sh_is_told)
{
	static const struct {
		const char *text;
		bool refused;
	} rows[] = {{"a=(1 2)", true}, {"a <(b)", true}, {"a <<< b", true}, {"a |& b", true},
		{"case a in b) ;& c) esac", true}, {"for ((;;)); do a; done", true},
		{"a &>b", false}, {"[[ a ]]", false}, {"echo ${a/b/c}", false},
		{"echo ${a[1]}", false}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct parsed p = parsed_text(SHC_POSIX, rows[i].text);

		cr_assert(parsed_has(&p, 913), "%s", rows[i].text);
		cr_assert((p.script->error_count > 0) == rows[i].refused, "%s", rows[i].text);
		parsed_finish(&p);
		p = parsed_text(SHC_BASH, rows[i].text);
		cr_assert(shc_findings_count(p.findings) == 0, "%s", rows[i].text);
		parsed_finish(&p);
	}
}

Test(findings, ten_thousand_brackets_are_a_finding)
{
	static const char *const openers[] = {"(", "$(", "{ ", "${x:-", "\"$(", "if :; then ",
		"$((", "$((1+(", "f() ", "[[ ( ", "[[ ! ", "while :; do ", "case a in a) ", "`",
		"{a,", "a[", "-"};
	const size_t times = 10000;

	for (size_t i = 0; i < sizeof(openers) / sizeof(openers[0]); i++) {
		size_t length = strlen(openers[i]);
		char *text = malloc(times * length + 5);
		struct parsed p;

		cr_assert(text != NULL);
		memcpy(text, "echo ", 5);
		for (size_t j = 0; j < times; j++)
			memcpy(text + 5 * (openers[i][0] == '$' || openers[i][0] == '"') +
					j * length,
				openers[i], length);
		p = parsed_bytes(SHC_BASH, text, times * length);
		/* Most of them are too deep; what is flat in the tree is not closed or harmless. */
		cr_assert(p.script->error_count > 0 || strchr("`{a-", openers[i][0]), "%s",
			openers[i]);
		parsed_finish(&p);
		free(text);
	}
}

Test(findings, deep_nesting_is_told_as_such)
{
	char text[4001];
	struct parsed p;

	memset(text, '(', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	p = parsed_text(SHC_POSIX, text);
	cr_assert(parsed_has(&p, 905));
	parsed_finish(&p);
}

Test(findings, odd_bytes_are_told)
{
	static const char zero[] = "echo a\necho b\0c\n", binary[] = "\177ELF\0\0";
	struct parsed p = parsed_bytes(SHC_BASH, zero, sizeof(zero) - 1);

	cr_assert(parsed_has(&p, 907) && p.script->error_count == 0);
	parsed_finish(&p);
	p = parsed_bytes(SHC_BASH, binary, sizeof(binary) - 1);
	cr_assert(parsed_has(&p, 906) && p.script->error_count == 1 && p.script->list->count == 0);
	parsed_finish(&p);
	p = parsed_text(SHC_BASH, "echo a\r\necho b\r\n");
	cr_assert(parsed_has(&p, 908) && p.script->error_count == 0);
	cr_assert(shc_word_is(parsed_word(&p, 1), "a"));
	parsed_finish(&p);
	p = parsed_text(SHC_BASH, "if a; then\r\nb\r\nfi\r\n");
	cr_assert(parsed_has(&p, 908) && p.script->error_count == 1);
	parsed_finish(&p);
	p = parsed_text(SHC_BASH, "echo \xc3z\n");
	cr_assert(parsed_has(&p, 909) && p.script->error_count == 0);
	parsed_finish(&p);
}

Test(findings, empty_script_is_clean)
{
	struct parsed p = parsed_text(SHC_BASH, "");

	cr_assert(shc_findings_count(p.findings) == 0 && p.script->list->count == 0);
	parsed_finish(&p);
}

Test(findings, list_is_bounded_sorted_and_without_doubles)
{
	struct shc_findings *findings;

	cr_assert(shc_findings_create(&findings) == 0);
	for (uint32_t i = 0; i < 11000; i++)
		(void)shc_findings_add(
			findings, 901, (struct shc_range){20000 - i, 20001 - i}, "x");
	cr_assert(shc_findings_count(findings) == 10000);
	cr_assert(shc_findings_dropped(findings) == 1000);
	shc_findings_sort(findings);
	cr_assert(shc_findings_at(findings, 0)->range.start <
		  shc_findings_at(findings, 1)->range.start);
	shc_findings_destroy(findings);
	cr_assert(shc_findings_create(&findings) == 0);
	(void)shc_findings_add(findings, 901, (struct shc_range){1, 2}, "x");
	(void)shc_findings_add(findings, 901, (struct shc_range){1, 2}, "x");
	(void)shc_findings_add(findings, 909, (struct shc_range){1, 2}, "x");
	shc_findings_sort(findings);
	cr_assert(shc_findings_count(findings) == 2);
	shc_findings_keep(findings, SHC_SEVERITY_WARNING, NULL, NULL);
	cr_assert(shc_findings_count(findings) == 1);
	shc_findings_destroy(findings);
}

/* The report of @p in @format. */
static char *report_of(const struct parsed *p, const char *name, enum shc_format format)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	struct shc_report *report;
	struct shc_coverage coverage = {.commands = p->script->command_count};

	cr_assert(stream && shc_report_create(stream, format, false, &report) == 0);
	shc_report_file(report, name, p->source, p->findings, &coverage);
	cr_assert(shc_report_finish(report) == 0);
	cr_assert(fclose(stream) == 0);
	return text;
}

Test(findings, json_has_the_promised_keys)
{
	static const char *const keys[] = {"id", "class", "severity", "file", "line", "column",
		"end_line", "end_column", "message", "evidence", "related", "witness"};
	struct parsed p = parsed_text(SHC_BASH, "\xff \"\nif a; then b; done\n");
	char *text = report_of(&p, "odd\xff\"name\n", SHC_FORMAT_JSON);
	struct hb_error *none = NULL;
	cJSON *json, *findings, *coverage, *finding;

	cr_assert(hb_json_parse(text, strlen(text), "report", &json, none) == 0);
	cr_assert_str_eq(hb_json_text_or(json, "schema", ""), "shcheck/1");
	cr_assert(hb_json_get_array(json, "findings", &findings, none) == 0);
	cr_assert(hb_json_get_array(json, "coverage", &coverage, none) == 0);
	cr_assert(cJSON_GetArraySize(findings) == (int)shc_findings_count(p.findings));
	cr_assert(cJSON_GetArraySize(coverage) == 1);
	cJSON_ArrayForEach(finding, findings)
	{
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			cr_assert(cJSON_HasObjectItem(finding, keys[i]), "%s", keys[i]);
		cr_assert_str_eq(hb_json_text_or(finding, "file", ""), "odd\xef\xbf\xbd\"name\n");
	}
	cJSON_Delete(json);
	free(text);
	parsed_finish(&p);
}

Test(findings, gcc_and_human_forms_are_byte_exact)
{
	struct parsed p = parsed_text(SHC_BASH, "echo \xc3\xa4\tb )\n");
	char *text = report_of(&p, "f", SHC_FORMAT_GCC);

	cr_assert_str_eq(text, "f:1:11: error: unexpected ')': no '(' is open [SH901]\n");
	free(text);
	text = report_of(&p, "f", SHC_FORMAT_HUMAN);
	cr_assert_str_eq(text, "f:1:11: error: unexpected ')': no '(' is open [SH901 syntax]\n"
			       "     1 | echo \xc3\xa4 b )\n"
			       "       |          ^\n");
	free(text);
	parsed_finish(&p);
}

/* Does finding @index have a hint or a related message that holds @part? */
static bool helps(const struct parsed *parsed, size_t index, const char *part)
{
	const struct shc_finding *finding = shc_findings_at(parsed->findings, index);

	for (const struct shc_related *r = finding->related; r; r = r->next) {
		if (strstr(r->message, part))
			return true;
	}
	return finding->hint && strstr(finding->hint, part);
}

Test(findings, common_mistakes_get_a_hint)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{"if [ a ] then\necho\nfi\n", "'then' counts only where"},
		{"for i in 1 2 do\necho\ndone\n", "'do' counts only where"},
		{"if a; then\nb\nelse if c; then\nd\nfi\n", "'elif'"},
		{"case x in\na) b\nc) d;;\nesac\n", "';;' is missing"},
		{"a() { b }\n", "'}' counts only where"},
		{"else\na\n", "no 'if' is open"},
		{"[[ a = b ] && c\n", "ended by ']]'"},
		{"ls !(a)\n", "shopt -s extglob"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct parsed p = parsed_text(SHC_BASH, rows[i].text);

		cr_assert(shc_findings_count(p.findings) > 0, "%s", rows[i].text);
		cr_assert(helps(&p, 0, rows[i].part), "%s", rows[i].text);
		parsed_finish(&p);
	}
}

Test(findings, one_class_is_reported_once_a_command_and_says_all)
{
	const struct shc_range here = {4, 20}, there = {30, 40};
	const struct shc_finding *kept;
	struct shc_findings *findings;

	cr_assert(shc_findings_create(&findings) == 0);
	(void)shc_findings_add(findings, 304, here, "second");
	shc_finding_relate(findings, shc_findings_add(findings, 303, here, "first"), there, "why");
	(void)shc_findings_add(findings, 301, here, "another class");
	(void)shc_findings_add(findings, 303, there, "another command");
	(void)shc_findings_add(findings, 901, here, "syntax");
	(void)shc_findings_add(findings, 902, here, "more syntax");
	shc_findings_sort(findings);
	cr_assert_eq(shc_findings_count(findings), 5);
	kept = shc_findings_at(findings, 1);
	cr_assert_eq(kept->id, 303);
	cr_assert_str_eq(kept->message, "first");
	cr_assert_str_eq(kept->related->message, "why");
	cr_assert_str_eq(kept->related->next->message, "second");
	cr_assert_null(kept->related->next->next);
	shc_findings_destroy(findings);
}
