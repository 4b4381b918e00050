/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A fork has been caught: is an attempt worth it, and what comes of it. Three steps, called by the entry: enter and
 * leave on the program's stack, the attempt on our own.
 */
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "arena.h"
#include "caller.h"
#include "chain.h"
#include "hidden.h"
#include "raw_syscall.h"
#include "runtime.h"
#include "text.h"

struct arena *spork_arena;

static const struct spork_executor *const executors[] = {
	&spork_executor_record,
	&spork_executor_shared,
};

#define EXECUTOR_COUNT (sizeof(executors) / sizeof(executors[0]))

static uint64_t decline(enum spork_reason reason)
{
	spork_count(reason);
	return 0;
}

/* What _Fork asks for, or less; with every other flag the caller gets what it asked for. */
SPORK_FAST static bool is_plain_fork(const struct spork_frame *frame)
{
	return (frame->gpr[7] & ~(uint64_t)(CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)) ==
		       SIGCHLD &&
	       frame->gpr[SPORK_RSI] == 0;
}

SPORK_FAST uint64_t spork_tid_address(const struct spork_frame *frame)
{
	return frame->gpr[7] & CLONE_CHILD_SETTID ? frame->gpr[SPORK_R10] : 0;
}

/*
 * The peak never lies below the present size, and costs a tenth of asking for that. It never falls either: a process
 * that was large once is asked for its size at the next step.
 */
SPORK_FAST static bool surely_small(void)
{
	static bool was_large;
	struct rusage usage;

	if (spork_configuration.min_rss == 0 || was_large)
		return false;
	if (raw2(SYS_getrusage, RUSAGE_SELF, &usage) == 0 &&
		(uint64_t)usage.ru_maxrss << 10 < spork_configuration.min_rss)
		return true;
	/* Written once: after each fork the first write to a page copies it. */
	was_large = true;
	return false;
}

SPORK_FAST static struct arena *get_arena(void)
{
	struct arena *found = __atomic_load_n(&spork_arena, __ATOMIC_ACQUIRE), *expected = NULL;
	int64_t memory;

	if (found)
		return found;
	memory = raw6(SYS_mmap, NULL, sizeof(struct arena), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (RAW_FAILED(memory))
		return NULL;
	found = (struct arena *)memory;
	(void)raw3(SYS_madvise, found, sizeof(*found), MADV_NOHUGEPAGE);
	if (raw3(SYS_madvise, found, sizeof(*found), MADV_WIPEONFORK) == 0 &&
		__atomic_compare_exchange_n(
			&spork_arena, &expected, found, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return found;
	(void)raw2(SYS_munmap, found, sizeof(*found));
	return expected;
}

SPORK_FAST uint64_t spork_fork_enter(const struct spork_frame *frame)
{
	const uint64_t all = UINT64_MAX;
	struct arena *arena;
	uint32_t expected = 0;
	uint64_t before;

	if (spork_configuration.mode == SPORK_MODE_FORK)
		return decline(SPORK_FORK_MODE);
	if (!is_plain_fork(frame))
		return decline(SPORK_FORK_FLAGS);
	if (hidden_lost())
		return decline(SPORK_FORK_HIDDEN);
	if (surely_small())
		return decline(SPORK_FORK_SMALL);
	arena = spork_vector_width() ? get_arena() : NULL;
	if (!arena)
		return decline(SPORK_FORK_NO_MEMORY);
	/* From here to the end no handler may run: it could fork, or leave by longjmp. */
	if (raw4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, KERNEL_SIGSET_BYTES))
		return decline(SPORK_FORK_STATUS);
	if (!__atomic_compare_exchange_n(
		    &arena->busy, &expected, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		(void)raw4(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, KERNEL_SIGSET_BYTES);
		return decline(SPORK_FORK_BUSY);
	}
	arena->mask = before;
	return (uint64_t)(arena->stack + ARENA_STACK_BYTES);
}

SPORK_FAST void spork_fork_leave(void)
{
	uint64_t mask = spork_arena->mask;

	__atomic_store_n(&spork_arena->busy, 0, __ATOMIC_RELEASE);
	(void)raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, KERNEL_SIGSET_BYTES);
}

/* The verdict's entry; NULL where the context is not known well enough to remember anything about it. */
SPORK_FAST static struct spork_store_entry *find_entry(
	struct session *session, const struct spork_chain *chain)
{
	if (!session->store || chain->count < 2)
		return NULL;
	return spork_store_insert(session->store, chain->key, SPORK_VERDICT_UNKNOWN);
}

/* The entry that attempts are counted in: what the shared executor fails at says nothing about the others. */
SPORK_FAST static struct spork_store_entry *entry_of_mode(
	struct session *session, const struct spork_chain *chain, struct spork_store_entry *entry)
{
	const uint64_t key[2] = {chain->key[0], ~chain->key[1]};

	if (spork_configuration.mode != SPORK_MODE_SHARED)
		return entry;
	return spork_store_insert(session->store, key, SPORK_VERDICT_UNKNOWN);
}

SPORK_FAST static enum spork_reason admit(struct arena *arena, struct spork_store_entry **ret_entry)
{
	struct spork_attempt *attempt = &arena->attempt;

	switch (caller_read(&attempt->caller)) {
	case CALLER_TRACED:
		return SPORK_FORK_TRACED;
	case CALLER_CONFINED:
		return SPORK_FORK_SECCOMP;
	case CALLER_UNKNOWN:
		return SPORK_FORK_STATUS;
	case CALLER_FREE:
		break;
	}
	if (attempt->caller.rss_bytes < spork_configuration.min_rss)
		return SPORK_FORK_SMALL;
	if (!attempt->caller.threaded)
		caller_follow(&attempt->caller);
	arena->session = session_open();
	if (!arena->session)
		return SPORK_FORK_NO_MEMORY;
	if (!arena->session->trusted)
		return SPORK_FORK_CACHE;
	chain_unwind(arena->session, attempt->frame, attempt->resume, &arena->chain);
	attempt->chain = &arena->chain;
	*ret_entry = find_entry(arena->session, &arena->chain);
	if (!*ret_entry)
		return SPORK_REASON_COUNT;
	if ((*ret_entry)->verdict == SPORK_VERDICT_FORK)
		return SPORK_FORK_VERDICT;
	*ret_entry = entry_of_mode(arena->session, &arena->chain, *ret_entry);
	return !*ret_entry || spork_store_admit(*ret_entry) ? SPORK_REASON_COUNT
							    : SPORK_FORK_BACK_OFF;
}

/* The first executor that the mode allows and that can work here. */
SPORK_FAST static const struct spork_executor *choose(const struct spork_attempt *attempt)
{
	for (size_t i = 0; i < EXECUTOR_COUNT; i++) {
		if (spork_configuration.mode != SPORK_MODE_AUTO &&
			spork_configuration.mode != executors[i]->mode)
			continue;
		if (!executors[i]->available || executors[i]->available(attempt))
			return executors[i];
	}
	return NULL;
}

/* Code that was missing is asked for; everything else is remembered for the next time. */
static void learn_from_abort(struct arena *arena, struct spork_store_entry *entry)
{
	const struct spork_attempt *attempt = &arena->attempt;

	if (attempt->reason == SPORK_ABORT_NO_CODE) {
		int module = session_module(arena->session, attempt->missing);

		if (module >= 0 && !arena->session->modules[module].code) {
			session_request_all(arena->session, attempt->caller.threaded);
			return;
		}
	}
	/* No attempt was made, for reasons of the process that say nothing about the context. */
	if (attempt->reason < SPORK_ABORT_NO_CODE)
		return;
	if (attempt->reason == SPORK_ABORT_SYSCALL)
		spork_count_syscall(attempt->syscall);
	if (!entry)
		return;
	/* Once: by then the modules have code, and the chain of callers is complete. */
	if (entry->aborted == 0 && entry->converted == 0)
		session_request_context(arena->session, &arena->chain);
	spork_store_aborted(entry, attempt->reason);
}

/* What an abort was about, for the report: "libc.so.6+0x1234", "0x7f00…" or "syscall 16". */
static void describe(
	const struct arena *arena, enum spork_reason reason, char detail[SPORK_SITE_DETAIL_BYTES])
{
	const struct spork_attempt *attempt = &arena->attempt;
	const struct session *session = arena->session;
	uint64_t address = attempt->missing;
	size_t at = 0;

	detail[0] = '\0';
	if (reason >= SPORK_ABORT_SYSCALL) {
		at = text_append(detail, SPORK_SITE_DETAIL_BYTES, at, "syscall ");
		(void)text_append_number(detail, SPORK_SITE_DETAIL_BYTES, at, attempt->syscall, 10);
		return;
	}
	if (reason < SPORK_ABORT_NO_CODE || !address)
		return;
	for (uint32_t i = 0; i < session->count; i++) {
		if (address < session->modules[i].base || address >= session->modules[i].end)
			continue;
		at = text_append(detail, SPORK_SITE_DETAIL_BYTES - 20, at,
			text_base(session->records[i].name));
		at = text_append(detail, SPORK_SITE_DETAIL_BYTES, at, "+");
		address -= session->modules[i].base;
		break;
	}
	at = text_append(detail, SPORK_SITE_DETAIL_BYTES, at, "0x");
	at = text_append_number(detail, SPORK_SITE_DETAIL_BYTES, at, address, 16);
	if (reason != SPORK_ABORT_MEMORY)
		return;
	at = text_append(detail, SPORK_SITE_DETAIL_BYTES, at, " touches 0x");
	(void)text_append_number(detail, SPORK_SITE_DETAIL_BYTES, at, attempt->fault, 16);
}

SPORK_FAST int64_t spork_fork_attempt(const struct spork_frame *frame)
{
	struct arena *arena = spork_arena;
	struct spork_attempt *attempt = &arena->attempt;
	struct spork_store_entry *entry = NULL;
	const struct spork_executor *executor;
	enum spork_reason reason;
	char detail[SPORK_SITE_DETAIL_BYTES];
	int64_t pid = 0;

	/* The interpreter uses vector registers, which a system call leaves alone. */
	spork_vectors_save(arena->vectors);
	attempt->frame = frame;
	attempt->resume = frame->resume;
	attempt->caller.mask = arena->mask;
	arena->chain.count = 0;
	arena->late = 0;
	reason = admit(arena, &entry);
	executor = reason == SPORK_REASON_COUNT ? choose(attempt) : NULL;
	if (reason == SPORK_REASON_COUNT && !executor)
		reason = SPORK_FORK_MODE;
	if (executor) {
		attempt->outcome = 0;
		attempt->missing = attempt->syscall = 0;
		attempt->reason = SPORK_REASON_COUNT;
		attempt->converted = executor->converted;
		arena->entry = entry;
		pid = executor->attempt(attempt);
		reason = pid > 0 ? attempt->converted : attempt->reason;
		if (pid <= 0)
			learn_from_abort(arena, entry);
		else if (entry)
			spork_store_converted(entry);
	}
	spork_count(reason);
	describe(arena, reason, detail);
	spork_count_site(&arena->chain, reason, detail);
	spork_vectors_restore(arena->vectors);
	return pid > 0 ? pid : arena->late;
}

SPORK_START void spork_fork_learn(void)
{
	const uint64_t all = UINT64_MAX;
	struct arena *arena = __atomic_load_n(&spork_arena, __ATOMIC_ACQUIRE);
	struct session *session;
	uint32_t expected = 0;
	uint64_t before;

	if (!session_lacked_code() || !arena ||
		raw4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, KERNEL_SIGSET_BYTES))
		return;
	if (__atomic_compare_exchange_n(
		    &arena->busy, &expected, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		session = session_open();
		session->lacked_code = false;
		session_request_all(session, false);
		__atomic_store_n(&arena->busy, 0, __ATOMIC_RELEASE);
	}
	(void)raw4(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, KERNEL_SIGSET_BYTES);
}
