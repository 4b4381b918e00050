/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The shared executor: the child runs natively on the parent's memory, which is write-protected
 * for it. The first write to a page copies it to an undo log; when the child has executed its
 * program the parent puts the pages back. Every system call of the child is caught (syscall user
 * dispatch) and goes through the same layer as that of an interpreted child.
 *
 * For parents with one thread. Two ways of protection: a protection key costs the same at every
 * size; where the CPU has none, mprotect does the same in time proportional to the memory.
 * Source: docs/design/spork.md, "The shared executor".
 */
#ifndef SPORK_SHARED_H
#define SPORK_SHARED_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "spork/executor.h"

#define SHARED_AREAS 2048
#define SHARED_PAGES 5000 /* written by one child */
#define SHARED_MAPPINGS 64

/* Private, writable memory of the program. */
struct shared_area {
	uint64_t start, end;
	bool stack; /* may have grown downwards since */
	bool executable;
	bool common; /* shared with others: a write there could not be taken back */
};

/* What a child maps for itself: unmapped by the parent. */
struct shared_mapping {
	uint64_t start, size;
};

/* One executor run's state, at the start of the arena's overlay memory; the saved pages lie behind it. */
struct shared {
	bool keys;   /* protected by a key, else by mprotect */
	int32_t key; /* of pages that were written */
	uint32_t area_count, page_count, mapping_count;
	uint64_t rseq;         /* address of the parent's restartable-sequences area, or 0 */
	uint64_t brk, brk_now; /* the parent's, and the child's */
	struct shared_area areas[SHARED_AREAS];
	uint64_t pages[SHARED_PAGES]; /* addresses */
	struct shared_mapping mappings[SHARED_MAPPINGS];
	uint8_t saved[] __attribute__((aligned(4096))); /* shape [SHARED_PAGES][4096] */
};

/* shared_state - of the attempt that goes on; NULL when another executor is at it. */
struct shared *shared_state(const struct spork_attempt *attempt);

/*
 * shared_protect - find the program's memory and protect it. Called by the child; false = cannot
 * be done. shared_unlock - make the pages of [address, address + size) writable for the child,
 * saving them first. False: memory that is not the program's own, or in a huge page, or too much;
 * *ret_reason says which. shared_restore - called by the parent: put everything back.
 */
bool shared_protect(struct shared *shared);
bool shared_unlock(
	struct shared *shared, uint64_t address, uint64_t size, enum spork_reason *ret_reason);
void shared_restore(struct shared *shared);

/* Can this CPU and kernel deliver a signal to code that must not write memory of key 0? Found out once. */
bool shared_keys_work(void);
/* The key rights of this thread: with @protect, memory of key 0 cannot be written. */
void shared_set_rights(bool protect);

#define RSEQ_PROCESSOR_OFFSET 4 /* of cpu_id in struct rseq */
#define RSEQ_UNKNOWN (-1)       /* RSEQ_CPU_ID_UNINITIALIZED */

/*
 * Where the kernel keeps the number of the CPU for this thread (rseq(2)): it writes there when
 * the parent wakes up.
 */
uint64_t shared_rseq_area(void);

/* brk and mmap of the child, done for real and undone by the parent. Kernel results. */
int64_t shared_brk(struct shared *shared, uint64_t wanted);
int64_t shared_mmap(struct shared *shared, uint64_t size, uint64_t protection, uint64_t flags,
	int64_t fd, uint64_t offset);
bool shared_munmap(struct shared *shared, uint64_t start, uint64_t size);

/* In assembly: where our own code ends whose system calls are not caught, and whether a shared child runs now. */
extern const char spork_trapped[] __attribute__((visibility("hidden")));
extern volatile uint8_t spork_shared_runs __attribute__((visibility("hidden")));

void spork_signal_return(void);

extern const struct spork_executor spork_executor_shared;

#endif
