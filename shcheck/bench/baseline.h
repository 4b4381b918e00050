/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ShellCheck as a baseline: run on a file, its findings in our vocabulary. */
#ifndef SHCHECK_BENCH_BASELINE_H
#define SHCHECK_BENCH_BASELINE_H

#include "labelled.h"

/* baseline_available - is there a shellcheck? */
bool baseline_available(void);

/*
 * baseline_analyse - what shellcheck finds in @script.
 * @folder: where the text without marks is written for it.
 * @findings: shape [@room]. Codes that mean none of our classes get SHC_CLASS_COUNT.
 * Returns their number or -errno. Blocks until shellcheck ends.
 */
long baseline_analyse(const struct labelled_script *script, const char *folder,
	struct labelled_finding *findings, size_t room);

/*
 * baseline_run - shellcheck over many files, its output thrown away.
 * @paths: shape [@count].
 * Returns 0 or -errno.
 */
int baseline_run(const char *const *paths, size_t count);

#endif
