/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The preflight of `hotbed doctor`: is this machine, right now, fit for wall-time measurements? Each check reads a few
 * files of /proc and /sys and compares them with a rule. Thread-safe. Linux.
 */
#ifndef HOTBED_RUNNER_DOCTOR_H
#define HOTBED_RUNNER_DOCTOR_H

#include <stddef.h>

enum hb_finding_state {
	HB_FINDING_OK,
	HB_FINDING_NOTE, /* an optional part is missing; never refused */
	HB_FINDING_WARN, /* measurements suffer; `doctor --strict` refuses */
};

struct hb_finding {
	const char *name;
	enum hb_finding_state state;
	char found[256];  /* what is the case */
	char advice[256]; /* what to do; "" when it is ok */
};

#define HB_FINDINGS_MAX 32

/*
 * hb_doctor_examine - run every check.
 * @root: put before /proc and /sys, "" for the real ones; a file that is missing below it means "not there".
 * @results: folder whose disk is checked. @sample_ms: how long CPU use and steal are watched, 1 ... 10,000.
 * @ret: shape [HB_FINDINGS_MAX]. Returns how many were filled. Blocks for @sample_ms.
 */
size_t hb_doctor_examine(
	const char *root, const char *results, unsigned int sample_ms, struct hb_finding *ret);

#endif
