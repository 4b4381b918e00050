/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The statistics of a run as JSON: spork.stats/1 of docs/reference/spork-json.md. */
#ifndef SPORK_REPORT_H
#define SPORK_REPORT_H

#include <cjson/cJSON.h>

#include <spork/statistics.h>

/* What was asked for and what came of it. */
struct report_head {
	const char *mode;
	uint64_t min_rss;
	const char *const *command; /* NULL-terminated */
	const char *program;        /* "dynamic", or why the runtime cannot be in it */
	int status;                 /* as waitpid() gives it */
};

/* report_json - a new object of the caller's, or NULL for want of memory. */
cJSON *report_json(const struct spork_statistics *statistics, const struct report_head *head);

#endif
