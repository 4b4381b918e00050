/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line of shcheck. Not thread-safe: read once. */
#ifndef SHCHECK_TOOLS_OPTIONS_H
#define SHCHECK_TOOLS_OPTIONS_H

#include <shcheck/ast.h>
#include <shcheck/report.h>

/* Ids that one -i or -e may name. */
#define IDS_MAX 256

enum exit_code {
	EXIT_CLEAN = 0,
	EXIT_FINDINGS = 1,
	EXIT_UNREADABLE = 2,
	EXIT_UNKNOWN_OPTION = 3,
	EXIT_BAD_VALUE = 4,
};

enum action {
	ACTION_CHECK,
	ACTION_DUMP,
	ACTION_PRINT,
	ACTION_CROSS_CHECK,
};

struct options {
	enum action action;
	bool dialect_given;
	bool strict; /* incomplete coverage is a failure */
	enum shc_dialect dialect;
	enum shc_format format;
	enum shc_severity severity;
	bool colour;
	int included[IDS_MAX + 1], excluded[IDS_MAX + 1]; /* ended by 0 */
	char **files;
	int file_count;
};

/*
 * options_read - the command line. Returns -1 to go on, or the exit code when everything is said: after --help and
 * --version, and after wrong usage, which is then on standard error.
 */
int options_read(int argc, char **argv, struct options *ret);

/*
 * explain - print the pages of the checks, classes or commands @ids ("SH901", "word-split", "rm"); a list of the checks
 * when there are none, one page of everything for "--markdown". Returns the exit code.
 */
int explain(char **ids, int count);

/* read_check_id - the number of "SH901", "sh901" or "901", or -1. */
int read_check_id(const char *text, size_t length);

#endif
