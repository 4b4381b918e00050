/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ledger of a run: every process that a command made, how many programs it executed, how it ended, and with
 * which signal its parent was told. The kernel's process connector tells it: unlike a tracer it attaches to
 * nobody, so that spork does what it does without it. Needs Linux 6.6 or CAP_NET_ADMIN, and the first namespace
 * of process ids.
 *
 * Left out are processes that ended without having executed a program or made a child, and whose parent is told
 * nothing by it (exit signal 0): attempts of spork's that were given up. Not seen are the
 * statuses that wait() returned, stops, and signals that do not end a process.
 *
 * Sources: connector documentation of the kernel, linux/cn_proc.h.
 */
#ifndef SPORK_CHECK_LEDGER_H
#define SPORK_CHECK_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What can be said of one process without naming it. */
struct spork_life {
	uint32_t depth;    /* 0: the command itself */
	uint32_t execs;    /* programs executed */
	uint32_t children; /* processes made, those left out not counted */
	uint32_t threads;  /* made beside the first one */
	uint32_t sessions; /* setsid() */
	uint32_t ids;      /* changes of user or group */
	int status; /* as of waitpid(), without the mark of a core dump; -1: did not end in time */
	int exit_signal; /* that tells its parent */
};

struct spork_ledger {
	const char *absent;       /* why nothing was seen; NULL = the ledger is complete */
	struct spork_life *lives; /* sorted */
	size_t count;
	uint64_t threads, execs, sigchlds; /* sums */
	uint64_t attempts;                 /* processes left out */
};

struct ledger_watch; /* An open connector. */

/*
 * ledger_open - begin to listen. *ret_absent says why it cannot, and is NULL if it can.
 * Returns NULL if nothing can be seen; waits at most 0.2 s for the kernel's answer.
 */
struct ledger_watch *ledger_open(const char **ret_absent);

/* ledger_drain - take what has happened; to be called every few milliseconds. Does not block. NULL is allowed. */
void ledger_drain(struct ledger_watch *watch);

/*
 * ledger_close - end listening, and make the ledger of @root: of its first child if @of_child, as `spork run --stats`
 * starts the program. @watch may be NULL: then only `absent` is set, to @absent.
 */
void ledger_close(struct ledger_watch *watch, pid_t root, bool of_child, const char *absent,
	struct spork_ledger *ret);
void ledger_finish(struct spork_ledger *ledger);

/* ledger_equal - the same processes? With @kinds only: the same kinds, however many and wherever. */
bool ledger_equal(const struct spork_ledger *a, const struct spork_ledger *b, bool kinds);

/* ledger_describe - the first process in which they differ, in words. */
void ledger_describe(const struct spork_ledger *native, const struct spork_ledger *tested,
	bool kinds, char *text, size_t size_bytes);

#endif
