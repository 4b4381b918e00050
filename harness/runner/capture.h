/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asking a driver a question: run it, keep what it prints, with a limit on time and size. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_CAPTURE_H
#define HOTBED_RUNNER_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

struct hb_error;

struct hb_capture {
	char *output; /* standard output, NUL-terminated; freed by the caller */
	size_t output_bytes;
	char error_line[512]; /* first line of standard error, without control characters */
	int status;           /* exit code, or minus the signal that killed it */
};

/*
 * hb_capture - run @argv to its end.
 * @argv: NULL-terminated; argv[0] is a path. @timeout_ms: then it and its process group are killed.
 * @output_bytes_max: more standard output is an error.
 * @ret: filled on success, whatever the exit code.
 *
 * Returns 0, -ETIMEDOUT, -EFBIG, -ENOMEM or -errno of starting it. Blocks for at most @timeout_ms.
 */
int hb_capture(const char *const *argv, int64_t timeout_ms, size_t output_bytes_max,
	struct hb_capture *ret, struct hb_error *reterr);

#endif
