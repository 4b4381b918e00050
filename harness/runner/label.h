/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Points and quantities as people read them: "pages 4k, rss 1 GiB" for "pages=4k;rss_bytes=1073741824;target=static"
 * where every point has the same target. Values of parameters are never rounded: two points never share a label.
 * Thread-safe.
 */
#ifndef HOTBED_RUNNER_LABEL_H
#define HOTBED_RUNNER_LABEL_H

#include <stdbool.h>
#include <stddef.h>

#include "plan.h"
#include "text.h"

enum hb_label_flag {
	HB_LABEL_VARYING =
		1, /* leave out parameters that have one value at all points of the experiment */
	HB_LABEL_SHORT = 2, /* "4k, 1 MiB": without names where the values speak for themselves */
	HB_LABEL_PLAIN = 4, /* ordinary spaces before units, for terminals */
};

/*
 * hb_label_point - append the label of @params ("k=v;k=v") to @text.
 * @experiment: knows the units and the other points. @flags: of enum hb_label_flag. @except: key that is left out (it
 * is an axis), or NULL. @first: key that comes first, or NULL.
 */
void hb_label_point(const struct hb_plan_experiment *experiment, const char *params,
	unsigned int flags, const char *except, const char *first, struct hb_text *text);

/* hb_label_fixed - append what all points have in common, "target static"; nothing when there is one point only. */
void hb_label_fixed(const struct hb_plan_experiment *experiment, struct hb_text *text);

/* hb_label_value - append a parameter's value with its unit, unrounded: "1 MiB", "1000001 B". @flags: as above. */
void hb_label_value(struct hb_text *text, const char *value, const char *unit, unsigned int flags);

/* hb_label_quantity - append "71.0 µs", "4 KiB", "12.3 k/s": three significant digits and a unit. */
void hb_label_quantity(struct hb_text *text, double value, const char *unit);

#endif
