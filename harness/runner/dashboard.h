/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The history as one page that loads nothing: open changes as a table, every series with its nights, changes and the
 * machine's settings, to be filtered and opened. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_DASHBOARD_H
#define HOTBED_RUNNER_DASHBOARD_H

#include "history.h"

/*
 * hb_dashboard_write - check @history and write the page to @path. A night takes two bytes; memory is that of one
 * series.
 * Returns 0, a code of history.h, or the -errno of @path.
 */
int hb_dashboard_write(struct hb_history *history, const char *path, struct hb_error *reterr);

#endif
