/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scripts: no bytes crash the parser, its printers or the reports; ranges lie in the source and within their parents';
 * what is printed of a script without errors parses again without errors. The first byte chooses the dialect.
 */
#include <stdio.h>
#include <stdlib.h>

#include <hotbed/assert.h>

#include <shcheck/finding.h>
#include <shcheck/parse.h>
#include <shcheck/report.h>

#include "fuzz.h"

static FILE *sink;

static struct shc_script *parse(
	const struct shc_source *source, enum shc_dialect dialect, bool report)
{
	struct shc_findings *findings;
	struct shc_script *script;
	struct shc_report *reports;

	hb_assert(shc_findings_create(&findings) == 0);
	hb_assert(shc_parse(source, dialect, findings, &script) == 0);
	shc_findings_sort(findings);
	for (size_t i = 0; i < shc_findings_count(findings); i++) {
		const struct shc_finding *finding = shc_findings_at(findings, i);

		hb_assert(finding->range.start <= finding->range.end);
		hb_assert(finding->range.end <= source->size);
	}
	for (int format = SHC_FORMAT_HUMAN; report && format <= SHC_FORMAT_JSON; format++) {
		hb_assert(shc_report_create(sink, (enum shc_format)format, true, &reports) == 0);
		shc_report_file(reports, source->name, source, findings, NULL);
		hb_assert(shc_report_finish(reports) == 0);
	}
	shc_findings_destroy(findings);
	return script;
}

static void go_round(const struct shc_script *script)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	struct shc_source *source;
	struct shc_script *again;

	hb_assert(stream);
	shc_print(script, stream);
	hb_assert(fclose(stream) == 0);
	if (shc_source_create("printed", text, size, &source) == 0) {
		again = parse(source, script->dialect, false);
		(void)shc_equal(script, again, NULL);
		shc_script_destroy(again);
		shc_source_destroy(source);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct shc_source *source;
	struct shc_script *script;
	enum shc_dialect detected;

	if (!sink)
		sink = fopen("/dev/null", "w");
	hb_assert(sink);
	if (size == 0 || shc_source_create("fuzz.sh", bytes + 1, size - 1, &source) < 0)
		return 0;
	(void)shc_dialect_detect(source, &detected, NULL);
	script = parse(source, (enum shc_dialect)(bytes[0] % 3), true);
	shc_dump(script, sink);
	go_round(script);
	shc_script_destroy(script);
	shc_source_destroy(source);
	return 0;
}
