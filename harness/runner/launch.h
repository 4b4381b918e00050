/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Starting a driver: what posix_spawn(3) does (a child that shares our memory until exec, so its cost does not grow
 * with ours), plus what it cannot: the child dies with us, gets its CPU limit before its first instruction, and comes
 * with a pidfd. Linux >= 5.4. Not thread-safe: all signals are blocked while the child starts.
 */
#ifndef HOTBED_RUNNER_LAUNCH_H
#define HOTBED_RUNNER_LAUNCH_H

#include <stdint.h>
#include <sys/types.h>

struct hb_error;

struct hb_launch {
	const char *path;        /* program file */
	const char *const *argv; /* NULL-terminated */
	const char *tmpdir;      /* its TMPDIR; NULL = "/tmp" */
	int output_fd;           /* becomes 1; -1 = /dev/null */
	int error_fd;            /* becomes 2; -1 = /dev/null */
	int result_fd;           /* becomes HB_LAUNCH_RESULT_FD; -1 = none */
	uint64_t cpu_limit_s;    /* RLIMIT_CPU; 0 = none */
};

#define HB_LAUNCH_RESULT_FD 3

/*
 * hb_launch - start a program in a session of its own, with a scrubbed environment (PATH, HOME, LANG, TMPDIR, and the
 * options of the sanitizers if set), no core file, default signals, and no other descriptors of ours.
 * @ret_pid: also its process group. @ret_pidfd: readable when it has ended; the caller closes it.
 *
 * Returns 0 or -errno of clone or exec, with path and reason in @reterr. Blocks until the exec.
 */
int hb_launch(
	const struct hb_launch *launch, pid_t *ret_pid, int *ret_pidfd, struct hb_error *reterr);

/* hb_launch_pipe - a close-on-exec pipe whose descriptors are above HB_LAUNCH_RESULT_FD. 0 or -errno. */
int hb_launch_pipe(int *ret_read, int *ret_write);

/* hb_launch_seal - mark every descriptor but 0, 1 and 2 close-on-exec: what a shell left open stays out of trials. */
void hb_launch_seal(void);

#endif
