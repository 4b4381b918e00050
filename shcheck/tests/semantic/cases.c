/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scripts and what must be found in them, read from a file whose head says how it is written. Everything of severity
 * warning and above must be expected, and everything that is expected must be there. An argument behind the file is the
 * beginning of the names of the cases to be run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shcheck/analyse.h>
#include <shcheck/parse.h>
#include <shcheck/report.h>

enum { EXPECTED_MAX = 16, NAME_BYTES = 80 };

struct expected {
	int id;
	uint32_t line;
	bool found;
};

struct script_case {
	char name[NAME_BYTES];
	enum shc_dialect dialect;
	struct shc_analysis_limits limits;
	struct expected expected[EXPECTED_MAX];
	size_t expected_count;
	const char *text;
	size_t length;
};

/* Read the line "@ NAME DIALECT WHAT..." at @at. Returns what stands behind it, or NULL. */
static const char *read_head(const char *at, struct script_case *ret)
{
	const char *end = strchr(at, '\n');
	char line[400], *word, *colon, *rest = NULL;

	*ret = (struct script_case){.dialect = SHC_BASH};
	if (!end || (size_t)(end - at) >= sizeof(line))
		return NULL;
	memcpy(line, at + 2, (size_t)(end - at) - 2);
	line[end - at - 2] = 0;
	word = strtok_r(line, " ", &rest);
	if (!word || strlen(word) >= sizeof(ret->name))
		return NULL;
	memcpy(ret->name, word, strlen(word) + 1);
	word = strtok_r(NULL, " ", &rest);
	if (!word)
		return NULL;
	colon = strchr(word, ':');
	if (colon) {
		ret->limits.steps = strtoull(colon + 1, NULL, 10);
		*colon = 0;
	}
	if (!strcmp(word, "sh"))
		ret->dialect = SHC_DASH;
	while ((word = strtok_r(NULL, " ", &rest))) {
		struct expected *expected = &ret->expected[ret->expected_count++];
		if (ret->expected_count == EXPECTED_MAX)
			return NULL;
		expected->id = (int)strtol(word, &colon, 10);
		if (*colon != ':')
			return NULL;
		expected->line = (uint32_t)strtoul(colon + 1, NULL, 10);
	}
	return end + 1;
}

/* Take a finding off what is expected, or complain. Returns the number of failures. */
static int match(struct script_case *of, const struct shc_finding *finding, uint32_t line)
{
	if (finding->severity > SHC_SEVERITY_WARNING)
		return 0;
	for (size_t i = 0; i < of->expected_count; i++)
		if (of->expected[i].id == finding->id && of->expected[i].line == line) {
			of->expected[i].found = true;
			return 0;
		}
	(void)printf("%s: unexpected SH%d in line %u: %s\n", of->name, finding->id, line,
		finding->message);
	return 1;
}

static int run_case(struct script_case *of)
{
	struct shc_coverage coverage = {0};
	struct shc_findings *findings;
	struct shc_source *source;
	struct shc_script *script = NULL;
	int failures = 0;

	if (shc_findings_create(&findings))
		return 1;
	if (shc_source_create("case", of->text, of->length, &source)) {
		shc_findings_destroy(findings);
		return 1;
	}
	if (shc_parse(source, of->dialect, findings, &script) ||
		shc_analyse(script, &of->limits, findings, &coverage) ||
		coverage.budget_exhausted) {
		(void)printf("%s: not analysed\n", of->name);
		failures++;
	}
	for (size_t i = 0; i < shc_findings_count(findings); i++) {
		const struct shc_finding *finding = shc_findings_at(findings, i);

		failures += match(of, finding, shc_source_place(source, finding->range.start).line);
	}
	for (size_t i = 0; i < of->expected_count; i++) {
		if (of->expected[i].found)
			continue;
		(void)printf("%s: no SH%d in line %u\n", of->name, of->expected[i].id,
			of->expected[i].line);
		failures++;
	}
	shc_script_destroy(script);
	shc_source_destroy(source);
	shc_findings_destroy(findings);
	return failures;
}

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t length = 0;

	if (!file)
		return NULL;
	if (getdelim(&text, &length, '\0', file) < 0) {
		free(text);
		text = NULL;
	}
	(void)fclose(file);
	return text;
}

int main(int argc, char **argv)
{
	char *text = argc >= 2 ? read_file(argv[1]) : NULL;
	const char *at = text ? strstr(text, "\n@ ") : NULL;
	int failures = 0, cases = 0;

	if (!at) {
		(void)fputs("usage: cases FILE [NAME]\n", stderr);
		free(text);
		return 2;
	}
	for (at++; at;) {
		struct script_case now;
		const char *next = read_head(at, &now), *end;

		if (!next) {
			(void)printf("not understood: %.60s\n", at);
			failures++;
			break;
		}
		end = next[0] == '@' ? next - 1 : strstr(next, "\n@ ");
		now.text = next;
		now.length = end ? (size_t)(end + 1 - next) : strlen(next);
		if (argc < 3 || !strncmp(now.name, argv[2], strlen(argv[2]))) {
			failures += run_case(&now);
			cases++;
		}
		at = end ? end + 1 : NULL;
	}
	(void)printf("%d cases, %d failures\n", cases, failures);
	free(text);
	return failures > 0 || !cases;
}
