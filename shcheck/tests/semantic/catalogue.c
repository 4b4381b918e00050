/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every example of the catalogue gives its finding, and its fix does not. */
#include <stdio.h>
#include <string.h>

#include <shcheck/analyse.h>
#include <shcheck/parse.h>
#include <shcheck/report.h>

static bool has_finding(const char *text, int id)
{
	enum shc_dialect dialect = SHC_BASH;
	struct shc_coverage coverage;
	struct shc_findings *findings;
	struct shc_source *source;
	struct shc_script *script = NULL;
	bool found = false;

	if (shc_findings_create(&findings) ||
		shc_source_create("example", text, strlen(text), &source))
		return false;
	if (shc_dialect_detect(source, &dialect, NULL) < 0)
		found = id == 916;
	else if (!shc_parse(source, dialect, findings, &script))
		(void)shc_analyse(script, NULL, findings, &coverage);
	for (size_t i = 0; i < shc_findings_count(findings); i++)
		found |= shc_findings_at(findings, i)->id == id;
	shc_script_destroy(script);
	shc_source_destroy(source);
	shc_findings_destroy(findings);
	return found;
}

int main(void)
{
	const struct shc_check *check;
	int failures = 0;

	for (size_t i = 0; (check = shc_check_at(i)); i++) {
		if (!check->example[0])
			continue;
		if (!has_finding(check->example, check->id)) {
			(void)printf("SH%d is not found in its example\n", check->id);
			failures++;
		}
		if (has_finding(check->fix, check->id)) {
			(void)printf("SH%d is found in its fix\n", check->id);
			failures++;
		}
	}
	return failures > 0;
}
