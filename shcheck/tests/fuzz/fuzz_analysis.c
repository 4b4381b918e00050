/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole analysis: no bytes crash it, its work ends near its budget and its languages stay within their memory, the
 * coverage adds up, and a second analysis says the same. The first byte chooses the dialect and the budget.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>

#include <shcheck/analyse.h>
#include <shcheck/finding.h>
#include <shcheck/parse.h>
#include <shcheck/report.h>

#include "fuzz.h"

enum { STEPS_SMALL = 200, STEPS = 2000, MEMORY_BYTES = 16 << 20, DIALECTS = 3 };

/* The report of one analysis as JSON; malloc()ed. */
static char *analyse(const struct shc_source *source, enum shc_dialect dialect, uint64_t steps)
{
	const struct shc_analysis_limits limits = {
		.steps = steps, .memory_bytes = MEMORY_BYTES, .language_steps = 1 << 16};
	struct shc_coverage coverage = {0};
	struct shc_findings *findings;
	struct shc_report *report;
	struct shc_script *script;
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	hb_assert(stream);
	hb_assert(shc_findings_create(&findings) == 0);
	hb_assert(shc_parse(source, dialect, findings, &script) == 0);
	hb_assert(shc_analyse(script, &limits, findings, &coverage) == 0);
	hb_assert(coverage.analysed <= coverage.commands);
	hb_assert(coverage.havoc <= coverage.commands);
	shc_findings_sort(findings);
	for (size_t i = 0; i < shc_findings_count(findings); i++) {
		const struct shc_finding *finding = shc_findings_at(findings, i);

		hb_assert(finding->range.start <= finding->range.end);
		hb_assert(finding->range.end <= source->size);
	}
	hb_assert(shc_report_create(stream, SHC_FORMAT_JSON, false, &report) == 0);
	shc_report_file(report, source->name, source, findings, &coverage);
	hb_assert(shc_report_finish(report) == 0);
	shc_script_destroy(script);
	shc_findings_destroy(findings);
	hb_assert(fclose(stream) == 0);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	uint64_t steps = size && bytes[0] & 4 ? STEPS : STEPS_SMALL;
	struct shc_source *source;
	char *first, *second;

	if (size == 0 || shc_source_create("fuzz.sh", bytes + 1, size - 1, &source) < 0)
		return 0;
	first = analyse(source, (enum shc_dialect)((bytes[0] & 3) % DIALECTS), steps);
	if (bytes[0] & 8) {
		/* Other addresses than before. */
		void *between = malloc(size * 64 + 4096);

		second = analyse(source, (enum shc_dialect)((bytes[0] & 3) % DIALECTS), steps);
		hb_assert(strcmp(first, second) == 0);
		free(second);
		free(between);
	}
	free(first);
	shc_source_destroy(source);
	return 0;
}
