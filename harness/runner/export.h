/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A run's committed rows as one text for other tools. Streams: memory does not grow with the run. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_EXPORT_H
#define HOTBED_RUNNER_EXPORT_H

#include <stdbool.h>
#include <stdio.h>

struct hb_error;

/*
 * hb_export_csv - the rows of DIR/trials.csv, header first.
 * @wide: after the columns of trials.csv a column "param.K" for each parameter of the plan and "env.PATH" for each
 *   member of env.json. In a merged run each row gets the environment it was measured in.
 *
 * Returns 0 or -errno of the run's files. Faults of @out are left in its error flag.
 */
int hb_export_csv(const char *dir, bool wide, FILE *out, struct hb_error *reterr);

/* hb_export_json - {"schema": "hotbed.export/1", "plan": ..., "env": ..., "rows": [{column: text, ...}, ...]}. */
int hb_export_json(const char *dir, FILE *out, struct hb_error *reterr);

#endif
