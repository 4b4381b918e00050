/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a driver printed: called in this process (tables that exist only in a test) or started as a
 * program.
 */
#ifndef HOTBED_TESTS_WORKER_CAPTURE_H
#define HOTBED_TESTS_WORKER_CAPTURE_H

#include <hotbed/experiment.h>

/* Texts are terminated; capture_finish() frees them. */
struct capture {
	int status;   /* exit code; as a program: wait status */
	char *out;    /* standard output */
	char *error;  /* standard error */
	char *result; /* what came on the result descriptor */
};

#define CAPTURE_RESULT_FD 99 /* for --result-fd; above what a test process has open */

/*
 * capture_main - hb_driver_main(@driver, ...) in this process. @argv: NULL-terminated, argv[0]
 * included.
 */
struct capture capture_main(const struct hb_driver *driver, const char *const *argv);

/* capture_program - start argv[0], wait at most @timeout_ms, then kill it. */
struct capture capture_program(const char *const *argv, int timeout_ms);

void capture_finish(struct capture *capture);

/* capture_trial - arguments of a trial, in static storage; @more: one further argument or NULL. */
const char *const *capture_trial(const char *program, const char *experiment, const char *variant,
	const char *params, const char *more);

#endif
