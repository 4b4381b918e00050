/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a configuration is, from two times and a horizon: how long a bad mode lasts, and how long it takes to fall into
 * one without a trigger. Thread-safe.
 *
 * Source: docs of metastable, classification; Isaacs et al., HotOS 2025 (two time scales).
 */
#ifndef METASTABLE_CLASSIFICATION_H
#define METASTABLE_CLASSIFICATION_H

#include <stdbool.h>

enum ms_class {
	MS_STABLE,     /* recovers within the horizon, and does not collapse by itself */
	MS_VULNERABLE, /* stays where it is put: a trigger that tips it keeps it down */
	MS_COLLAPSED,  /* collapses by itself, and does not recover */
	MS_FLAPPING,   /* does both within the horizon */
	MS_UNKNOWN,    /* levels disagree, or an interval holds the horizon */
};

/* ms_class_name - "stable", "vulnerable", "collapsed", "flapping", "unknown". Static. */
const char *ms_class_name(enum ms_class kind);

/*
 * ms_class_of_times - the class at @horizon_s.
 * @recover_s, @collapse_s: mean times to leave the bad and the good mode; infinity is allowed, NAN makes it unknown.
 */
enum ms_class ms_class_of_times(double recover_s, double collapse_s, double horizon_s);

/* ms_class_of_intervals - the same from intervals [low, high] of both times: unknown where the horizon lies in one. */
enum ms_class ms_class_of_intervals(
	const double recover_s[2], const double collapse_s[2], double horizon_s);

#endif
