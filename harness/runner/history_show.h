/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The history as tables: what is in it, and all of it as CSV. Not thread-safe. */
#ifndef HOTBED_RUNNER_HISTORY_SHOW_H
#define HOTBED_RUNNER_HISTORY_SHOW_H

#include <stdio.h>

#include "history.h"
#include "text.h"

/*
 * hb_history_put_series - every series that @filter (SUB, SUB/EXPERIMENT or a series' number; NULL = all) names: its
 * number, name, nights, first and last ratio; of a single one by number, its nights too. @json: one JSON object
 * instead of text.
 * Returns 0, -ENOENT (no such series) or a code of history.h.
 */
int hb_history_put_series(const struct hb_history *history, const char *filter, bool json,
	struct hb_text *text, struct hb_error *reterr);

/*
 * hb_history_export - every night of every series as CSV to @stream, columns as in docs/reference/history.md.
 * Returns 0, -EIO (the stream cannot be written) or a code of history.h.
 */
int hb_history_export(const struct hb_history *history, FILE *stream, struct hb_error *reterr);

#endif
