/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Importing what a user names: runs, and folders of runs. Not thread-safe. */
#ifndef HOTBED_RUNNER_HISTORY_FOLDERS_H
#define HOTBED_RUNNER_HISTORY_FOLDERS_H

#include "history.h"

struct hb_import_totals {
	uint64_t outcomes[HB_IMPORT_COUNT]; /* runs */
	uint64_t values, without, faulty;
};

/*
 * hb_history_import_named - import the runs that @operands (NULL-terminated) name: a run's folder, a folder of such
 * folders, a run_id or its beginning, "latest"; none at all is every run below ./results. Many runs share a
 * transaction, for at most a second: who is killed has all that was committed, and importing again adds the rest.
 * Faulty runs are logged, counted and left out; what was worth a warning is logged unless @quiet.
 *
 * Returns 0, -ENOENT or -EINVAL (an operand names nothing), or a code of history.h: then what was committed stays.
 */
int hb_history_import_named(struct hb_history *history, const char *const *operands, bool quiet,
	struct hb_import_totals *ret, struct hb_error *reterr);

/* hb_import_warn - log what @result deserves a warning for. */
void hb_import_warn(const struct hb_import_result *result, const char *dir);

#endif
