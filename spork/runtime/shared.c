/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "shared.h"

#include <elf.h>
#include <link.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "arena.h"
#include "hidden.h"
#include "kernel.h"
#include "raw_syscall.h"
#include "record.h"
#include "runtime.h"

/* linux/prctl.h of Linux 5.11. */
#define SET_SYSCALL_USER_DISPATCH 59
#define SIGNAL_STACK_BYTES (64 * 1024)
#define CALLS_MAX 20000
#define SIGNAL_BIT(n) (1ULL << ((n)-1))
/* Everything but what is caught: a handler may itself write to a page for the first time. */
#define CAUGHT_MASK (~(SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGSYS)))
#define SA_RESTORER_FLAG 0x04000000ULL

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static void __attribute__((noreturn)) leave(struct spork_attempt *attempt, enum spork_reason reason)
{
	attempt->reason = reason;
	if (!spork_arena->kernel.committed)
		attempt->outcome = RECORD_ABORTED;
	(void)raw1(SYS_exit_group, 127);
	__builtin_unreachable();
}

static void on_call(int number, siginfo_t *info, void *context);

static bool catch_signal(int number, void (*handler)(int, siginfo_t *, void *))
{
	const struct kernel_action action = {
		.handler = (uint64_t)handler,
		.flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTORER_FLAG,
		.restorer = (uint64_t)spork_signal_return,
		.mask = CAUGHT_MASK,
	};

	return raw4(SYS_rt_sigaction, number, &action, NULL, KERNEL_SIGSET_BYTES) == 0;
}

/* The program's code wrote to a page for the first time, or has gone astray. */
static void on_fault(int number, siginfo_t *info, void *context)
{
	struct spork_attempt *attempt = &spork_arena->attempt;
	struct shared *shared = shared_state(attempt);
	enum spork_reason reason = SPORK_ABORT_TRAP;

	(void)number;
	(void)context;
	if (shared->keys)
		shared_set_rights(false);
	if (info->si_code <= 0 || !shared_unlock(shared, (uint64_t)info->si_addr, 1, &reason))
		leave(attempt, reason);
}

static void load_call(struct spork_attempt *attempt, const greg_t *registers)
{
	static const uint8_t order[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
		REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14,
		REG_R15};

	for (size_t i = 0; i < sizeof(order); i++)
		attempt->machine.regs.gpr[i] = (uint64_t)registers[order[i]];
	attempt->machine.regs.rip = (uint64_t)registers[REG_RIP];
}

/* The program's code makes a system call. */
static void on_call(int number, siginfo_t *info, void *context)
{
	struct spork_attempt *attempt = &spork_arena->attempt;
	struct shared *shared = shared_state(attempt);
	ucontext_t *state = context;
	bool exec;

	(void)number;
	(void)info;
	if (shared->keys)
		shared_set_rights(false);
	if (++attempt->machine.executed > CALLS_MAX)
		leave(attempt, SPORK_ABORT_BUDGET);
	load_call(attempt, state->uc_mcontext.gregs);
	exec = attempt->machine.regs.gpr[SPORK_RAX] == SYS_execve ||
	       attempt->machine.regs.gpr[SPORK_RAX] == SYS_execveat;
	if (kernel_call(&spork_arena->kernel) != CALL_DONE)
		leave(attempt, attempt->reason);
	/* An exec that failed has put the program's own actions in force. */
	if (exec && (!catch_signal(SIGSEGV, on_fault) || !catch_signal(SIGSYS, on_call)))
		leave(attempt, SPORK_ABORT_ADDRESS_SPACE);
	state->uc_mcontext.gregs[REG_RAX] = (greg_t)attempt->machine.regs.gpr[SPORK_RAX];
}

/* System calls from anywhere but our own code, the entries' last part excepted, become SIGSYS. */
static bool catch_calls(void)
{
	return raw5(SYS_prctl, SET_SYSCALL_USER_DISPATCH, 1, &__ehdr_start,
		       spork_trapped - (const char *)&__ehdr_start, 0) == 0;
}

/* What the child's own process needs before the program's code runs in it. */
static bool prepare(struct arena *arena)
{
	struct kernel *k = &arena->kernel;
	const stack_t stack = {.ss_sp = arena->child_stack, .ss_size = SIGNAL_STACK_BYTES};
	const uint64_t mask = CAUGHT_MASK;

	/* What the child finds, and what exec has to leave, is what the parent has. */
	if (!kernel_signal_known(k, SIGSEGV) || !kernel_signal_known(k, SIGSYS))
		return false;
	return raw2(SYS_sigaltstack, &stack, NULL) == 0 && catch_signal(SIGSEGV, on_fault) &&
	       catch_signal(SIGSYS, on_call) &&
	       raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, KERNEL_SIGSET_BYTES) == 0;
}

static void run_child(void *argument)
{
	struct arena *arena = argument;
	struct spork_attempt *attempt = &arena->attempt;
	struct shared *shared = shared_state(attempt);
	enum spork_reason reason = SPORK_ABORT_ADDRESS_SPACE;
	uint64_t tid_address = spork_tid_address(attempt->frame);

	arena->kernel.child = true;
	memcpy(attempt->machine.regs.gpr, attempt->frame->gpr, sizeof(attempt->frame->gpr));
	attempt->machine.regs.gpr[SPORK_RAX] = 0;
	attempt->machine.regs.gpr[SPORK_RCX] = attempt->resume;
	attempt->machine.regs.gpr[SPORK_R11] = attempt->frame->rflags;
	/* The frame is on the program's stack, from which it is read only. */
	if (!prepare(arena) || !shared_protect(shared) ||
		(tid_address && !shared_unlock(shared, tid_address, sizeof(int), &reason)) ||
		(shared->rseq && !shared_unlock(shared, shared->rseq, sizeof(uint64_t), &reason)))
		leave(attempt, reason);
	/* The kernel does not register it for this process: without a number libc asks for its processor. */
	if (shared->rseq)
		*(int32_t *)(shared->rseq + RSEQ_PROCESSOR_OFFSET) = RSEQ_UNKNOWN;
	if (tid_address)
		*(int *)tid_address = (int)raw0(SYS_gettid);
	if (!catch_calls())
		leave(attempt, SPORK_ABORT_ADDRESS_SPACE);
	spork_shared_runs = 1;
	if (shared->keys)
		shared_set_rights(true);
	spork_vectors_restore(arena->vectors);
	spork_resume(attempt->machine.regs.gpr, attempt->frame->rflags, attempt->resume);
}

static bool available_shared(const struct spork_attempt *attempt)
{
	return !attempt->caller.threaded && !hidden_any();
}

/* Resident bytes from which protecting every page takes longer than fork does. */
#define UNKEYED_MAX (64ULL << 20)

/* Why there is no attempt, or SPORK_REASON_COUNT. */
static enum spork_reason refuse(struct arena *arena)
{
	if (!shared_keys_work() && arena->attempt.caller.rss_bytes > UNKEYED_MAX)
		return SPORK_FORK_KEYS;
	return caller_keeps_namespaces(&arena->namespaces) ? SPORK_REASON_COUNT
							   : SPORK_FORK_NAMESPACES;
}

static int64_t attempt_shared(struct spork_attempt *attempt)
{
	struct arena *arena = spork_arena;
	struct shared *shared = (struct shared *)arena->overlay;
	int32_t processor = 0, unknown = RSEQ_UNKNOWN;
	int64_t pid;

	attempt->reason = refuse(arena);
	if (attempt->reason != SPORK_REASON_COUNT)
		return 0;
	attempt->machine.overlay = NULL;
	attempt->machine.executed = 0;
	attempt->outcome = RECORD_RUNS;
	shared->keys = shared_keys_work();
	shared->area_count = shared->page_count = shared->mapping_count = 0;
	shared->rseq = shared_rseq_area();
	if (shared->rseq)
		processor = *(const volatile int32_t *)(shared->rseq + RSEQ_PROCESSOR_OFFSET);
	shared->brk = shared->brk_now = (uint64_t)raw1(SYS_brk, 0);
	shared->key = -1;
	kernel_begin(&arena->kernel, attempt);
	pid = record_run_child(arena, run_child, arena);
	spork_shared_runs = 0;
	shared_restore(shared);
	/* Unless the kernel has written there since, which it does when the processor is another one. */
	if (shared->rseq)
		(void)__atomic_compare_exchange_n((int32_t *)(shared->rseq + RSEQ_PROCESSOR_OFFSET),
			&unknown, processor, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	spork_notice(SPORK_NOTICE_PAGES, shared->page_count);
	return pid;
}

const struct spork_executor spork_executor_shared = {
	.name = "shared",
	.mode = SPORK_MODE_SHARED,
	.converted = SPORK_CONVERTED_SHARED,
	.available = available_shared,
	.attempt = attempt_shared,
};
