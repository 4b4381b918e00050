/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The record executor. The parent interprets the child's code; at the first call that only the child's own process
 * can make, that process is made (sharing the memory, the parent sleeping) and goes on at the very same place,
 * until exec.
 */
#include "record.h"

#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "arena.h"
#include "hidden.h"
#include "kernel.h"
#include "loader.h"
#include "ranges.h"
#include "raw_syscall.h"
#include "recipe.h"
#include "runtime.h"
#include "shared.h"
#include "text.h"

/* Instructions of one attempt; the busiest child that was measured took 100,000. */
#define BUDGET 4000000ULL
#define CALLS_MAX 20000 /* system calls, so that a child that loops in them ends, too */
#define DEFAULT_CONTROL 0x037f00001f80ULL

enum progress { GO_ON, NEED_CHILD, STOPPED };

/* Registers as the child has them: those of the caller, and the result of the system call. */
SPORK_FAST static void load_registers(struct spork_attempt *attempt, const void *vectors)
{
	struct spork_registers *regs = &attempt->machine.regs;
	uint32_t mxcsr;
	uint16_t control;

	spork_vectors_restore(vectors);
	memset(regs, 0, sizeof(*regs));
	memcpy(regs->gpr, attempt->frame->gpr, sizeof(regs->gpr));
	regs->rip = attempt->resume;
	regs->rflags = attempt->frame->rflags;
	regs->gpr[SPORK_RAX] = 0;
	regs->gpr[SPORK_RCX] = attempt->resume;
	regs->gpr[SPORK_R11] = attempt->frame->rflags;
	__asm__("mov %%fs:0, %0" : "=r"(regs->fs_base));
	__asm__("stmxcsr %0" : "=m"(mxcsr));
	__asm__("fnstcw %0" : "=m"(control));
	regs->mxcsr_fcw = (uint64_t)control << 32 | mxcsr;
	spork_vectors_read(regs->zmm, regs->k, spork_vector_width());
}

SPORK_FAST static bool begin(struct arena *arena)
{
	struct spork_attempt *attempt = &arena->attempt;
	struct spork_machine *machine = &attempt->machine;
	uint64_t tid_address = spork_tid_address(attempt->frame);

	load_registers(attempt, arena->vectors);
	machine->executed = machine->fault_address = 0;
	machine->trace = NULL;
	machine->recipe_checked = NULL;
	machine->overlay = spork_overlay_init(arena->overlay, sizeof(arena->overlay));
	if (!machine->overlay)
		return false;
	spork_overlay_log_reads(machine->overlay, attempt->caller.threaded);
	ranges_declare(arena);
	if (!hidden_declare(machine->overlay))
		return false;
	kernel_begin(&arena->kernel, attempt);
	recipe_prepare(arena);
	/* A recipe may have brought modules with it. */
	machine->modules = arena->session->modules;
	machine->module_count = arena->session->count;
	machine->patches = spork_patches;
	machine->patch_count = spork_patch_count;
	arena->recipe_on = arena->recipe && recipe_matches(arena);
	arena->recipe_led = false;
	whole_begin(arena);
	/* The kernel would write the child's thread id there, which nobody knows yet. */
	return !tid_address ||
	       spork_overlay_mark_pending(machine->overlay, tid_address, sizeof(int)) == 0;
}

static enum progress give_up(struct spork_attempt *attempt, enum spork_reason reason)
{
	attempt->reason = reason;
	return STOPPED;
}

/* The system call that a function of the vDSO stands for, -1 = none begins at @pc. */
static int vdso_call(const struct link_map *map, uint64_t pc)
{
	if (pc == loader_symbol(map, "__vdso_clock_gettime"))
		return SYS_clock_gettime;
	if (pc == loader_symbol(map, "__vdso_gettimeofday"))
		return SYS_gettimeofday;
	if (pc == loader_symbol(map, "__vdso_time"))
		return SYS_time;
	if (pc == loader_symbol(map, "__vdso_getcpu"))
		return SYS_getcpu;
	return pc == loader_symbol(map, "__vdso_clock_getres") ? SYS_clock_getres : -1;
}

/* Functions of the kernel's own module are made as system calls, which answer the same. */
static bool call_vdso(struct arena *arena, int module)
{
	struct spork_machine *machine = &arena->attempt.machine;
	struct spork_registers *regs = &machine->regs;
	int nr;

	if (!text_starts(arena->session->records[module].name, "linux-vdso"))
		return false;
	nr = vdso_call(arena->session->records[module].map, machine->fault_address);
	if (nr < 0)
		return false;
	/* A trace would lead past the call without making it. */
	machine->trace = NULL;
	if (arena->trace_on)
		arena->entry->recipe_faults = UINT64_MAX;
	arena->trace_on = false;
	regs->gpr[SPORK_RAX] = (uint64_t)nr;
	if (kernel_call(&arena->kernel) != CALL_DONE ||
		!kernel_read(&arena->kernel, regs->gpr[SPORK_RSP], &regs->rip, sizeof(regs->rip)))
		return false;
	regs->gpr[SPORK_RSP] += sizeof(regs->rip);
	return true;
}

static enum progress learn_code(struct arena *arena)
{
	struct spork_machine *machine = &arena->attempt.machine;
	uint64_t pc = machine->fault_address;
	int module = session_module(arena->session, pc);

	machine->module_count = arena->session->count;
	if (module >= 0 && arena->session->modules[module].code &&
		spork_code_has(arena->session->modules[module].code,
			pc - arena->session->modules[module].base))
		return GO_ON;
	if (module >= 0 && call_vdso(arena, module))
		return GO_ON;
	arena->attempt.missing = pc;
	/* A child of several threads may have been forked in the middle of the dynamic linker's work. */
	arena->session->lacked_code = !arena->attempt.caller.threaded;
	return give_up(&arena->attempt, SPORK_ABORT_NO_CODE);
}

/* The recipe as far as its guards hold, the interpreter from there on. */
SPORK_FAST static enum spork_stop run_machine(struct arena *arena)
{
	struct spork_machine *machine = &arena->attempt.machine;
	int stop = SPORK_STOP_BUDGET;

	if (arena->recipe_on)
		stop = recipe_replay_step(arena);
	if (stop >= 0 && stop != SPORK_STOP_BUDGET)
		return (enum spork_stop)stop;
	arena->recipe_on = false;
	return spork_machine_run(machine, BUDGET - machine->executed);
}

SPORK_FAST static enum progress step(struct arena *arena)
{
	struct spork_attempt *attempt = &arena->attempt;
	struct spork_machine *machine = &attempt->machine;

	attempt->missing = 0;
	if (machine->executed >= BUDGET)
		return give_up(attempt, SPORK_ABORT_BUDGET);
	arena->call_waits = false;
	switch (run_machine(arena)) {
	case SPORK_STOP_SYSCALL:
		arena->call_waits = true;
		switch (kernel_call(&arena->kernel)) {
		case CALL_DONE:
			return GO_ON;
		case CALL_CHILD:
			return NEED_CHILD;
		case CALL_ABORT:
			return STOPPED;
		}
		return STOPPED;
	case SPORK_STOP_PENDING:
		return arena->kernel.child ? give_up(attempt, SPORK_ABORT_MEMORY) : NEED_CHILD;
	case SPORK_STOP_NO_CODE:
		return learn_code(arena);
	case SPORK_STOP_BUDGET:
		return give_up(attempt, SPORK_ABORT_BUDGET);
	case SPORK_STOP_UNSUPPORTED:
		attempt->missing = machine->regs.rip;
		return give_up(attempt, SPORK_ABORT_INSTRUCTION);
	case SPORK_STOP_MEMORY:
		attempt->missing = machine->regs.rip;
		attempt->fault = machine->fault_address;
		return give_up(attempt, SPORK_ABORT_MEMORY);
	case SPORK_STOP_OTHER_CODE:
		attempt->missing = machine->fault_address;
		return give_up(attempt, SPORK_ABORT_OTHER_CODE);
	case SPORK_STOP_ARENA:
		return give_up(attempt, SPORK_ABORT_ARENA);
	case SPORK_STOP_TRAP:
		return give_up(attempt, SPORK_ABORT_TRAP);
	}
	return give_up(attempt, SPORK_ABORT_INSTRUCTION);
}

SPORK_FAST static enum progress run(struct arena *arena)
{
	enum progress progress = GO_ON;

	for (int calls = 0; progress == GO_ON && calls < CALLS_MAX; calls++)
		progress = step(arena);
	return progress == GO_ON ? give_up(&arena->attempt, SPORK_ABORT_BUDGET) : progress;
}

/* In the child's process. It has no memory of its own: it ends without a word, or by exec. */
SPORK_FAST static void run_child(void *argument)
{
	struct arena *arena = argument;
	struct kernel *k = &arena->kernel;
	uint32_t tid = (uint32_t)raw0(SYS_gettid);
	const uint64_t tid_address = spork_tid_address(arena->attempt.frame);
	const uint64_t rseq = shared_rseq_area();
	const int32_t unknown = RSEQ_UNKNOWN;
	enum progress progress = GO_ON;

	k->child = true;
	/* The kernel keeps the number of the processor there for the parent only; without it libc asks. */
	if ((tid_address && spork_overlay_write_small(arena->attempt.machine.overlay, tid_address,
				    &tid, sizeof(tid))) ||
		(rseq && spork_overlay_write_small(arena->attempt.machine.overlay,
				 rseq + RSEQ_PROCESSOR_OFFSET, &unknown, sizeof(unknown))))
		progress = give_up(&arena->attempt, SPORK_ABORT_MEMORY);
	/* The call that brought us here is made again, now by the right process. */
	if (progress == GO_ON && arena->call_waits && kernel_call(k) == CALL_ABORT)
		progress = STOPPED;
	if (progress == GO_ON)
		(void)run(arena);
	if (!k->committed)
		arena->attempt.outcome = RECORD_ABORTED;
	(void)raw1(SYS_exit_group, 127);
	__builtin_unreachable();
}

/*
 * A real child that ends as ours did: nobody can tell them apart, except by the process id, which nobody has
 * seen.
 */
static void end_as(void *argument)
{
	const uint64_t none = 0;
	const struct kernel_action by_default = {0};
	int status = (int)(intptr_t)argument;

	if (WIFSIGNALED(status)) {
		(void)raw4(
			SYS_rt_sigaction, WTERMSIG(status), &by_default, NULL, KERNEL_SIGSET_BYTES);
		(void)raw2(SYS_kill, raw0(SYS_getpid), WTERMSIG(status));
		(void)raw4(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, KERNEL_SIGSET_BYTES);
	}
	(void)raw1(SYS_exit_group, WIFEXITED(status) ? WEXITSTATUS(status) : 127);
	__builtin_unreachable();
}

static int64_t replay_death(int status)
{
	enum { STACK_BYTES = 16384 };
	int64_t stack = raw6(SYS_mmap, NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int64_t pid;

	if (RAW_FAILED(stack))
		return stack;
	pid = spork_clone_child(
		SIGCHLD, (void *)(stack + STACK_BYTES), end_as, (void *)(intptr_t)status);
	(void)raw2(SYS_munmap, stack, STACK_BYTES);
	spork_notice(SPORK_NOTICE_REPLAYED, 1);
	return pid;
}

static int reap(int64_t pid)
{
	int status = 0;

	while (raw4(SYS_wait4, pid, &status, __WCLONE, NULL) == -4 /* EINTR */)
		;
	return status;
}

/* exec makes an ordinary child of it; one that is none was killed on the way there, and is dead or about to be. */
SPORK_FAST static bool died_before_exec(int64_t pid)
{
	return raw5(SYS_waitid, P_PID, pid, NULL, WNOHANG | WEXITED | WNOWAIT | __WCLONE, NULL) ==
	       0;
}

/* The child's process: it shares our memory, and we sleep until it has executed a program or ended. */
SPORK_FAST int64_t record_run_child(
	struct arena *arena, void (*run_child_code)(void *), void *argument)
{
	struct spork_attempt *attempt = &arena->attempt;
	int64_t pid = spork_clone_child(CLONE_VM | CLONE_VFORK,
		arena->child_stack + sizeof(arena->child_stack), run_child_code, argument);

	if (pid < 0) {
		attempt->reason = SPORK_ABORT_CLONE;
		return 0;
	}
	switch ((enum record_outcome)attempt->outcome) {
	case RECORD_EXEC:
		if (!died_before_exec(pid))
			return pid;
		return replay_death(reap(pid));
	case RECORD_COMMITTED:
		return replay_death(reap(pid));
	case RECORD_RUNS:
		attempt->reason = SPORK_ABORT_DIED;
		break;
	case RECORD_ABORTED:
		break;
	}
	(void)reap(pid);
	return 0;
}

SPORK_FAST static int64_t attempt_record(struct spork_attempt *attempt)
{
	struct arena *arena = spork_arena;
	enum progress progress;
	int64_t pid = whole_attempt(arena);

	if (pid > 0)
		return pid;
	if (!caller_keeps_namespaces(&arena->namespaces)) {
		attempt->reason = SPORK_FORK_NAMESPACES;
		return 0;
	}
	attempt->outcome = RECORD_RUNS;
	progress = begin(arena) ? run(arena) : give_up(attempt, SPORK_ABORT_ARENA);
	if (progress == NEED_CHILD)
		pid = record_run_child(arena, run_child, arena);
	else
		arena->late = late_fork(arena);
	spork_notice(SPORK_NOTICE_INSTRUCTIONS, attempt->machine.executed);
	if (attempt->machine.overlay)
		spork_notice(
			SPORK_NOTICE_PAGES, spork_overlay_dirty_pages(attempt->machine.overlay));
	if (pid > 0 && arena->entry)
		recipe_keep(arena);
	if (pid > 0 && arena->recipe_led)
		attempt->converted = SPORK_CONVERTED_RECIPE;
	return pid;
}

const struct spork_executor spork_executor_record = {
	.name = "record",
	.mode = SPORK_MODE_RECORD,
	.converted = SPORK_CONVERTED_RECORD,
	.attempt = attempt_record,
};
