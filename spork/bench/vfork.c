/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vfork(2): the child borrows the parent's memory and stack until it calls execve(2); the parent
 * waits.
 */
#include "starter.h"

#include <errno.h>
#include <unistd.h>

#include "heap.h"

static int start(const char *path, char *const *argv, pid_t *ret_pid)
{
	pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */

	if (pid == 0) {
		(void)execve(path, argv, environ);
		_exit(127);
	}
	if (pid < 0)
		return -errno;
	*ret_pid = pid;
	return 0;
}

/* The program runs, but the child has scribbled on the parent's memory before. */
static int start_wrong(
	const char *path, char *const *argv, const struct spork_heap *heap, pid_t *ret_pid)
{
	volatile uint64_t *word = spork_heap_word(heap, 0, SPORK_WORD_PATTERN);
	pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */

	if (pid == 0) {
		*word = 0; /* NOLINT(clang-analyzer-unix.Vfork): the fault to be found */
		(void)execve(path, argv, environ);
		_exit(127);
	}
	if (pid < 0)
		return -errno;
	*ret_pid = pid;
	return 0;
}

const struct spork_starter spork_starter_vfork = {
	.name = "vfork", .start = start, .start_wrong = start_wrong};
