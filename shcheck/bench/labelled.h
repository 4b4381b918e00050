/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scripts with known bugs and what is due in them (shcheck/data/corpus/README.md), for experiments and tests.
 * Reading only: nothing here executes a script.
 */
#ifndef SHCHECK_BENCH_LABELLED_H
#define SHCHECK_BENCH_LABELLED_H

#include <stddef.h>
#include <stdint.h>

#include <shcheck/finding.h>

enum labelled_form { LABELLED_BUGGY, LABELLED_REWRITE, LABELLED_FIXED, LABELLED_FORMS };

#define LABELLED_MARKS_MAX 8

/* `#@ CLASS` on a line. */
struct labelled_mark {
	uint32_t line; /* from 1 */
	enum shc_class class;
};

struct labelled_script {
	char path[256];
	char *text; /* without the marks; terminated */
	size_t length;
	enum labelled_form form;
	struct labelled_mark marks[LABELLED_MARKS_MAX];
	size_t mark_count;
};

struct labelled_scripts {
	struct labelled_script *items; /* by folder, then by form */
	size_t count;
};

/*
 * labelled_read - every buggy.sh, rewrite.sh and fixed.sh of the folders in @folder.
 * @ret: filled on success; labelled_finish() frees it.
 * Returns 0, -errno of the file system, or -EINVAL for a mark that names no class (printed on standard error). Blocks
 * for reading.
 */
int labelled_read(const char *folder, struct labelled_scripts *ret);
void labelled_finish(struct labelled_scripts *scripts);

/* What an analyser said of one script. */
struct labelled_score {
	uint32_t due, found; /* marks, and those with a finding of their class on their line */
	uint32_t
		/* findings of a class that is due in the folder, on lines without its mark */
		same_class;
	uint32_t noise; /* other findings of severity warning and above */
	uint32_t found_of[SHC_CLASS_COUNT], due_of[SHC_CLASS_COUNT];
};

/* A finding of any tool, in our vocabulary. SHC_CLASS_COUNT is a class that is due nowhere. */
struct labelled_finding {
	uint32_t line;
	enum shc_class class;
	enum shc_severity severity;
};

/* labelled_classes - bit set of the classes that are due somewhere in the folder of @script, in any form. */
uint32_t labelled_classes(
	const struct labelled_scripts *scripts, const struct labelled_script *script);

/* labelled_judge - compare what was said with what is due. @classes: of labelled_classes(). */
struct labelled_score labelled_judge(const struct labelled_script *script, uint32_t classes,
	const struct labelled_finding *findings, size_t count);

/*
 * labelled_analyse - our own findings on @script.
 * @findings: shape [@room]; more are left out.
 * Returns their number, or -ENOMEM.
 */
long labelled_analyse(
	const struct labelled_script *script, struct labelled_finding *findings, size_t room);

#endif
