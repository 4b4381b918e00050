/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * posix_spawn(3): the call that spork turns fork and exec into. glibc implements it as
 * clone(CLONE_VM | CLONE_VFORK) on a stack of its own.
 */
#include "starter.h"

#include <spawn.h>
#include <unistd.h>

static int start(const char *path, char *const *argv, pid_t *ret_pid)
{
	return -posix_spawn(ret_pid, path, NULL, NULL, argv, environ);
}

/* Another program runs. */
static int start_wrong(
	const char *path, char *const *argv, const struct spork_heap *heap, pid_t *ret_pid)
{
	(void)path;
	(void)heap;
	return -posix_spawn(ret_pid, "/bin/false", NULL, NULL, argv, environ);
}

const struct spork_starter spork_starter_posix_spawn = {
	.name = "posix_spawn", .start = start, .start_wrong = start_wrong};
