/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `run` and `resume` have in common: carrying out a session to its end, and telling how it went. */
#ifndef HOTBED_RUNNER_RUN_FINISH_H
#define HOTBED_RUNNER_RUN_FINISH_H

#include <stdbool.h>
#include <stdint.h>

#include "command.h"
#include "session.h"
#include "slurm.h"

struct hb_run_limits {
	int64_t max_time_ns; /* 0 = none */
	uint32_t jobs;       /* 0 = one per CPU */
	bool quiet, json;
	bool gate;                    /* judge the run as a gate: gate.md, and exit code 1 */
	const struct hb_slurm *slurm; /* NULL = on this machine */
};

/*
 * hb_run_session - execute what is left, write summary and report, print the outcome: text, or with json one object on
 * standard output. Returns the exit code.
 */
enum hb_exit hb_run_session(struct hb_session *session, const struct hb_run_limits *limits);

#endif
