/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Executors: ways to carry out a fork that is followed by exec. The runtime decides which is tried and really forks
 * when it declines.
 *
 * One attempt at a time in a process; all signals are blocked while it lasts; memory is the attempt's own, see
 * arena.h. Source: docs/design/spork.md.
 */
#ifndef SPORK_EXECUTOR_H
#define SPORK_EXECUTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "spork/machine.h"
#include "spork/statistics.h"
#include "spork/store.h"

/*
 * Bytes of resident memory below which a program really forks unless --min-rss says otherwise: copying the page tables
 * costs less there than interpreting the child. README.md, "Where the threshold comes from".
 */
#define SPORK_MIN_RSS_DEFAULT (16ULL << 20)

/* The numbers of `spork run --mode`. */
enum spork_mode { SPORK_MODE_AUTO, SPORK_MODE_FORK, SPORK_MODE_RECORD, SPORK_MODE_SHARED };

/* What /proc/self/status says about the caller. */
struct spork_caller {
	uint64_t rss_bytes;
	uint64_t caught; /* bit N-1: signal N has a handler */
	uint64_t mask;   /* blocked signals when fork was called */
	bool threaded;
};

/* The saved registers of the caller of clone, in x86 numbering, as the entry pushed them. */
struct spork_frame {
	uint64_t gpr[16];
	uint64_t rflags;
	uint64_t resume; /* address after the system call */
};

struct spork_attempt {
	const struct spork_frame *frame;
	uint64_t resume; /* address after the system call of _Fork */
	struct spork_caller caller;
	const struct spork_chain *chain;
	struct spork_machine machine;
	/* Written by the executor's child or by itself. */
	volatile uint32_t outcome; /* an executor's own */
	volatile enum spork_reason reason;
	enum spork_reason
		converted;         /* counted on success; the executor's unless it says otherwise */
	volatile uint32_t syscall; /* at which the attempt ended */
	volatile uint64_t missing; /* the instruction at fault, or where there is no code */
	volatile uint64_t fault;   /* with SPORK_ABORT_MEMORY: the address */
};

struct spork_executor {
	const char *name;
	enum spork_mode mode;
	enum spork_reason converted; /* counted on success */
	/* Can it work at all here (kernel, CPU, caller)? Cheap; NULL = always. */
	bool (*available)(const struct spork_attempt *attempt);
	/*
	 * Carry the fork out. Returns the child's process id, or 0: nothing has happened, attempt->reason says why,
	 * and the caller really forks.
	 */
	int64_t (*attempt)(struct spork_attempt *attempt);
};

extern const struct spork_executor spork_executor_record, spork_executor_shared;

#endif
