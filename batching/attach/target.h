/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A socket of another process, taken for the time of one operation. Every function is async-signal-safe. */
#ifndef BATCHING_TARGET_H
#define BATCHING_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include <batching/policy.h>

/* The two options that are switched. */
struct target_options {
	bool nodelay, cork;
};

/*
 * target_take - a duplicate of descriptor @number of the process; close it as soon as possible.
 * Returns it, or -EBADF (no such descriptor), -ESRCH (the process has ended), -EPERM, ...
 */
int target_take(int pidfd, int number);
/* target_cookie - the socket's identity, never used again by the kernel. Returns 0 or -errno (no socket). */
int target_cookie(int fd, uint64_t *ret);
int target_get(int fd, struct target_options *ret);
/* target_set - cork is cleared first: clearing it, and setting nodelay, send what is held. Returns 0 or -errno. */
int target_set(int fd, const struct target_options *options);
struct target_options target_options_of(enum bat_socket_mode mode);

#endif
