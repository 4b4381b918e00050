/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a finished walk to a verdict: which blocks lie on ways to exec, which way is the easiest, what stands on it. */
#ifndef SPORK_ANALYSIS_VERDICT_H
#define SPORK_ANALYSIS_VERDICT_H

#include "walk.h"

/* Fills everything of @ret but the guards and modules. Returns 0 or -ENOMEM. */
int verdict_of(const struct walk *walk, struct spork_analysis *ret);

#endif
