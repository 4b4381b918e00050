/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Findings as people and programs read them: with the lines of the source, as compilers print them, or as JSON
 * ("shcheck/1"). One report covers all files of a run. Not thread-safe: one report per thread.
 */
#ifndef SHCHECK_REPORT_H
#define SHCHECK_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <shcheck/finding.h>

enum shc_format {
	SHC_FORMAT_HUMAN,
	SHC_FORMAT_GCC,
	SHC_FORMAT_JSON,
};

/* How much of a file was analysed. */
struct shc_coverage {
	uint32_t commands; /* in the file */
	uint32_t analysed; /* of them, reached by the analysis */
	uint32_t havoc;    /* of them, not modelled: anything may have happened */
	bool budget_exhausted;
};

struct shc_report;

/*
 * shc_report_create - begin a report.
 * @stream: stays the caller's. @colour: ANSI colours in SHC_FORMAT_HUMAN.
 * Returns 0 or -ENOMEM; shc_report_finish() ends and releases it.
 */
int shc_report_create(FILE *stream, enum shc_format format, bool colour, struct shc_report **ret);

/*
 * shc_report_file - print the sorted @findings of one file.
 * @source: NULL when the file could not be read; then findings have the range {0, 0}.
 * @name: of the file. @coverage: NULL = nothing is known; left out of "coverage".
 */
void shc_report_file(struct shc_report *report, const char *name, const struct shc_source *source,
	const struct shc_findings *findings, const struct shc_coverage *coverage);

/*
 * shc_report_finish - end the output, release @report. Returns 0, -ENOMEM (coverage of a file is missing) or -EIO (the
 * stream had an error).
 */
int shc_report_finish(struct shc_report *report);

#endif
