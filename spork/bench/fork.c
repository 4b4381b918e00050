/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fork(2), then execve(2) at once: the parent's page tables are copied, and all its pages become
 * copy-on-write.
 */
#include "starter.h"

#include <errno.h>
#include <unistd.h>

static int start(const char *path, char *const *argv, pid_t *ret_pid)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execve(path, argv, environ);
		_exit(127);
	}
	if (pid < 0)
		return -errno;
	*ret_pid = pid;
	return 0;
}

/* The child ends without running the program. */
static int start_wrong(
	const char *path, char *const *argv, const struct spork_heap *heap, pid_t *ret_pid)
{
	pid_t pid = fork();

	(void)path;
	(void)argv;
	(void)heap;
	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return -errno;
	*ret_pid = pid;
	return 0;
}

const struct spork_starter spork_starter_fork = {
	.name = "fork", .start = start, .start_wrong = start_wrong};

const struct spork_starter spork_starter_spork = {
	.name = "spork", .start = start, .start_wrong = start_wrong};
const struct spork_starter spork_starter_spork_shared = {
	.name = "spork_shared", .start = start, .start_wrong = start_wrong};
