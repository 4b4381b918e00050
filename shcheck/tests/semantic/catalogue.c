/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every example of the catalogue gives its finding and no other, and its fix gives none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shcheck/analyse.h>
#include <shcheck/parse.h>
#include <shcheck/report.h>

/* The ids of the findings in @text, as a list in @ret: "SH101 SH303". */
static void find(const char *text, char *ret, size_t size)
{
	enum shc_dialect dialect = SHC_BASH;
	struct shc_coverage coverage;
	struct shc_findings *findings;
	struct shc_source *source;
	struct shc_script *script = NULL;
	size_t length = 0;

	ret[0] = 0;
	if (shc_findings_create(&findings) ||
		shc_source_create("example", text, strlen(text), &source))
		abort();
	if (shc_dialect_detect(source, &dialect, NULL) < 0)
		length = (size_t)snprintf(ret, size, "SH916");
	else if (!shc_parse(source, dialect, findings, &script))
		(void)shc_analyse(script, NULL, findings, &coverage);
	shc_findings_sort(findings);
	for (size_t i = 0; i < shc_findings_count(findings) && length < size; i++)
		length += (size_t)snprintf(ret + length, size - length, "%sSH%d", length ? " " : "",
			shc_findings_at(findings, i)->id);
	shc_script_destroy(script);
	shc_source_destroy(source);
	shc_findings_destroy(findings);
}

int main(void)
{
	const struct shc_check *check;
	char wanted[16], found[256];
	int failures = 0;

	for (size_t i = 0; (check = shc_check_at(i)); i++) {
		if (!check->example[0])
			continue;
		(void)snprintf(wanted, sizeof(wanted), "SH%d", check->id);
		find(check->example, found, sizeof(found));
		if (strcmp(found, wanted)) {
			(void)printf("the example of %s gives '%s'\n", wanted, found);
			failures++;
		}
		find(check->fix, found, sizeof(found));
		if (found[0]) {
			(void)printf("the fix of %s gives '%s'\n", wanted, found);
			failures++;
		}
	}
	for (int class = 0; class < SHC_CLASS_COUNT; class ++)
		if (!shc_class_meaning((enum shc_class) class)[0]) {
			(void)printf("%s has no meaning\n", shc_class_name((enum shc_class) class));
			failures++;
		}
	return failures > 0;
}
