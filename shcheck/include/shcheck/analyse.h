/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What will this script do? The abstract interpreter: runs a parsed script over all its inputs at once and reports
 * what can go wrong. Nothing is executed. Thread-safe on different scripts. Source: design page, §4.
 */
#ifndef SHCHECK_ANALYSE_H
#define SHCHECK_ANALYSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shc_coverage;
struct shc_findings;
struct shc_script;

/* Budgets; a field that is 0 takes its default. */
struct shc_analysis_limits {
	uint64_t steps;          /* abstract commands executed; default 200,000 */
	size_t memory_bytes;     /* of all languages; default 64 MiB */
	uint64_t language_steps; /* of one operation on languages; default 2^22 */
};

/*
 * shc_analyse - add the findings of the semantic checks to @findings.
 * @script: parsed, without regard to its syntax errors. @limits: NULL = defaults.
 * Returns 0 or -ENOMEM; findings made before that stay. struct shc_coverage is that
 * of shcheck/report.h.
 */
int shc_analyse(const struct shc_script *script, const struct shc_analysis_limits *limits,
	struct shc_findings *findings, struct shc_coverage *ret_coverage);

#endif
