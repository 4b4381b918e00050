/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A driver's tables: checked before anything else happens, and printed as JSON. Formats:
 * docs/reference/formats.md.
 */
#ifndef HOTBED_WORKER_TABLE_H
#define HOTBED_WORKER_TABLE_H

#include <hotbed/experiment.h>

#include "points.h"

struct hb_error;
struct hb_emit;

/*
 * hb_driver_check - are the tables sound? 0, or -EINVAL naming experiment, entry and rule in
 * @reterr; -ENOMEM.
 */
int hb_driver_check(const struct hb_driver *driver, struct hb_error *reterr);

/* hb_driver_describe - append `hotbed.describe/1` of checked tables. 0 or -ENOMEM. */
int hb_driver_describe(
	const struct hb_driver *driver, struct hb_emit *emit, struct hb_error *reterr);

/* hb_points_describe - append `hotbed.points/1`. 0 or -ENOMEM. */
int hb_points_describe(const struct hb_experiment *experiment, const struct hb_points *points,
	struct hb_emit *emit);

/* hb_find_variant - the entry of that name, or NULL; for metrics and parameters likewise. */
const struct hb_variant *hb_find_variant(const struct hb_experiment *experiment, const char *name);
const struct hb_metric *hb_find_metric(const struct hb_experiment *experiment, const char *name);

#endif
