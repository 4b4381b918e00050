/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pages of `hotbed serve`: the runs of a folder, the files of one run, the series of the history and the nights of
 * one. Each is one request's work in bounded memory; nothing is written. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_SERVE_PAGES_H
#define HOTBED_RUNNER_SERVE_PAGES_H

#include <stdint.h>

#include "text.h"

struct hb_error;

/* What is served. */
struct hb_serve {
	int folder_fd;      /* of the runs */
	const char *folder; /* as the user typed it */
	const char *db;     /* the history's path */
};

/*
 * hb_serve_put_runs - the list of runs, newest first, a hundred from @first on.
 * hb_serve_put_run - what is there of run folder @name.
 * hb_serve_put_history - the changes that the last check found, and a hundred series from @first on whose name contains
 * @search (NULL or "" = all).
 * hb_serve_put_series - the nights of one series as a line and a table.
 *
 * All return 0, -ENOENT (no such run or series, no history), a code of history.h, -ENOMEM or the -errno of a folder.
 */
int hb_serve_put_runs(const struct hb_serve *serve, uint64_t first, struct hb_text *text,
	struct hb_error *reterr);
int hb_serve_put_run(const struct hb_serve *serve, const char *name, struct hb_text *text,
	struct hb_error *reterr);
int hb_serve_put_history(const struct hb_serve *serve, const char *search, uint64_t first,
	struct hb_text *text, struct hb_error *reterr);
int hb_serve_put_series(const struct hb_serve *serve, int64_t series, struct hb_text *text,
	struct hb_error *reterr);

/* hb_serve_put_fault - a page that only says @what. */
void hb_serve_put_fault(struct hb_text *text, const char *title, const char *what);

/*
 * hb_serve_open - a file below the folder, for reading: RUN/FILE, RUN/logs/FILE, RUN/charts/FILE or history.html, whose
 * name ends as the files of a run do. No link leads out of the folder. @ret_type: its MIME type.
 * Returns a descriptor, -ENOENT (none that is shown) or another -errno.
 */
int hb_serve_open(const struct hb_serve *serve, const char *path, const char **ret_type);

#endif
