/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "arena.h"
#include "kernel.h"
#include "raw_syscall.h"
#include "record.h"
#include "runtime.h"
#include "shared.h"

/* linux/mman.h: undo MADV_WIPEONFORK. */
#define KEEP_ON_FORK 19
#define RSEQ_BYTES 32
#define SYSCALL_BYTES 2

/* What a child may not overwrite although its code did: the kernel has written there for this very process. */
struct kept {
	uint64_t address, size;
};

struct placing {
	struct kept kept[2];
};

static bool is_kept(const struct placing *placing, uint64_t address)
{
	for (size_t i = 0; i < sizeof(placing->kept) / sizeof(placing->kept[0]); i++) {
		if (address - placing->kept[i].address < placing->kept[i].size)
			return true;
	}
	return false;
}

static void place(uint64_t page, const void *bytes, void *data)
{
	const struct placing *placing = data;

	for (uint64_t i = 0; i < PAGE_BYTES; i += sizeof(uint32_t)) {
		if (!is_kept(placing, page + i))
			memcpy((void *)(page + i), (const uint8_t *)bytes + i, sizeof(uint32_t));
	}
}

/* Signal actions that the interpreted code has set exist in the kernel layer only. */
static void set_actions(const struct kernel *k)
{
	for (int number = 1; number <= 64; number++) {
		if (k->changed >> (number - 1) & 1)
			(void)raw4(SYS_rt_sigaction, number, &k->actions[number], NULL,
				KERNEL_SIGSET_BYTES);
	}
}

static void __attribute__((noreturn)) go_on(struct arena *arena)
{
	struct spork_registers *regs = &arena->attempt.machine.regs;
	struct placing placing = {{{spork_tid_address(arena->attempt.frame), sizeof(int)},
		{shared_rseq_area(), RSEQ_BYTES}}};
	uint32_t mxcsr = (uint32_t)regs->mxcsr_fcw;
	uint64_t mask = arena->kernel.mask;

	spork_overlay_visit(arena->attempt.machine.overlay, place, &placing);
	set_actions(&arena->kernel);
	if (arena->kernel.robust_list)
		(void)raw2(
			SYS_set_robust_list, arena->kernel.robust_list, arena->kernel.robust_bytes);
	(void)raw3(SYS_madvise, arena, sizeof(*arena), MADV_WIPEONFORK);
	__atomic_store_n(&arena->busy, 0, __ATOMIC_RELEASE);
	spork_vectors_restore(arena->vectors);
	spork_vectors_write(regs->zmm, regs->k, spork_vector_width());
	__asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
	(void)raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, KERNEL_SIGSET_BYTES);
	spork_resume(regs->gpr, regs->rflags, regs->rip);
}

/* A system call that was not made is made again, natively: the machine stands behind the instruction. */
static bool step_back(struct arena *arena)
{
	struct spork_registers *regs = &arena->attempt.machine.regs;
	uint8_t code[SYSCALL_BYTES];

	if (!arena->call_waits)
		return true;
	if (spork_overlay_read(arena->attempt.machine.overlay, regs->rip - SYSCALL_BYTES, code,
		    sizeof(code)) ||
		code[0] != 0x0f || code[1] != 0x05)
		return false;
	regs->rip -= SYSCALL_BYTES;
	return true;
}

static bool is_possible(const struct arena *arena)
{
	const struct kernel *k = &arena->kernel;

	if (k->child || k->maps || k->brk || arena->attempt.caller.threaded)
		return false;
	switch (arena->attempt.reason) {
	case SPORK_ABORT_NO_CODE:
	case SPORK_ABORT_BUDGET:
	case SPORK_ABORT_SYSCALL:
	case SPORK_ABORT_BLOCKING:
	case SPORK_ABORT_NESTED:
	case SPORK_ABORT_NO_EXEC:
	case SPORK_ABORT_EXTERNAL:
	case SPORK_ABORT_ADDRESS_SPACE:
	case SPORK_ABORT_CREDENTIALS:
		return true;
	default:
		return false;
	}
}

int64_t late_fork(struct arena *arena)
{
	int64_t pid;

	if (!is_possible(arena) || !step_back(arena) ||
		spork_overlay_settle(arena->attempt.machine.overlay) ||
		raw3(SYS_madvise, arena, sizeof(*arena), KEEP_ON_FORK))
		return 0;
	spork_count_expected(&arena->chain, arena->attempt.reason);
	pid = raw5(SYS_clone, arena->attempt.frame->gpr[7], 0, 0,
		arena->attempt.frame->gpr[SPORK_R10], 0);
	if (pid == 0)
		go_on(arena);
	(void)raw3(SYS_madvise, arena, sizeof(*arena), MADV_WIPEONFORK);
	if (pid < 0)
		return 0;
	spork_notice(SPORK_NOTICE_LATE, 1);
	return pid;
}
