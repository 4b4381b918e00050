/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A program run under ptrace: at each fork the parent stands still, so that its callers and memory can be read, and
 * afterwards it is known whether the child executed a program. One at a time.
 */
#ifndef SPORK_BENCH_TRACED_FORK_H
#define SPORK_BENCH_TRACED_FORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TRACED_FORKS_MAX 64

/* Registers of the parent at the fork, in the innermost frame. */
struct traced_fork {
	pid_t parent, child;
	uint64_t rip, rsp, rbp;
	bool execs; /* known when traced_run() has returned */
};

struct traced_program {
	struct traced_fork forks[TRACED_FORKS_MAX];
	size_t count;
};

/*
 * traced_run - run @argv to its end, output discarded; vfork and what children execute are not followed.
 * @at_fork: called while the parent stands still. Returns what it returned if that is not 0, or 0, or -errno (EPERM: no
 * ptrace here; ETIMEDOUT; E2BIG: more forks). Blocks for at most @timeout_ns.
 */
int traced_run(const char *const *argv, int64_t timeout_ns, struct traced_program *ret,
	int (*at_fork)(void *data, const struct traced_fork *at), void *data);

/* traced_read - memory of the process whose id @data points to (pid_t). 0 or -EFAULT. */
int traced_read(void *data, uint64_t address, void *buffer, size_t size_bytes);

#endif
