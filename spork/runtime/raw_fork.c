/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Forks that bypass libc (`spork run --trap calls`): system calls made outside of libc, the
 * dynamic linker and the runtime become SIGSYS (syscall user dispatch, Linux 5.11). Those that
 * fork are carried out like any other; the rest is made here. Only in the first thread, and no
 * longer once the program makes threads or vfork children by itself: such a child would run on
 * the stack that this handler is on.
 */
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <ucontext.h>

#include "kernel.h"
#include "loader.h"
#include "raw_syscall.h"
#include "runtime.h"
#include "shared.h"

/* linux/prctl.h of Linux 5.11. */
#define SET_SYSCALL_USER_DISPATCH 59
#define SA_RESTORER_FLAG 0x04000000ULL
#define SYSCALL_BYTES 2

static void switch_trap(bool on)
{
	static uint64_t start, size;

	if (start == 0) {
		const struct link_map *exempt[] = {loader_find("libc.so.6"),
			loader_find("ld-linux-x86-64.so.2"), loader_find("libspork.so")};
		uint64_t end = 0;

		start = UINT64_MAX;
		for (size_t i = 0; i < sizeof(exempt) / sizeof(exempt[0]); i++) {
			uint64_t from, to;

			if (!exempt[i] || !loader_span(exempt[i], &from, &to))
				continue;
			start = from < start ? from : start;
			end = to > end ? to : end;
		}
		size = end > start ? end - start : 0;
	}
	if (size)
		(void)raw5(
			SYS_prctl, SET_SYSCALL_USER_DISPATCH, on, on ? start : 0, on ? size : 0, 0);
}

static void read_frame(const greg_t *registers, struct spork_frame *frame)
{
	static const uint8_t order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
		REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14,
		REG_R15};

	for (size_t i = 0; i < sizeof(order); i++)
		frame->gpr[i] = (uint64_t)registers[order[i]];
	frame->rflags = (uint64_t)registers[REG_EFL];
	frame->resume = (uint64_t)registers[REG_RIP];
}

/* As the entry of _Fork does it; in a real child the trap has to be set again. */
static int64_t fork_caught(const struct spork_frame *frame)
{
	uint64_t top = spork_fork_enter(frame);
	int64_t pid = 0;

	if (top) {
		pid = spork_call_on(top, spork_fork_attempt, frame);
		spork_fork_leave();
	}
	if (pid == 0) {
		pid = raw5(SYS_clone, frame->gpr[7], 0, frame->gpr[SPORK_RDX],
			frame->gpr[SPORK_R10], frame->gpr[SPORK_R8]);
		if (pid == 0)
			switch_trap(true);
	}
	return pid;
}

static int64_t make_call(struct spork_frame *frame, bool *ret_again)
{
	uint64_t nr = frame->gpr[SPORK_RAX], flags = frame->gpr[7];

	*ret_again = false;
	switch (nr) {
	case SYS_fork:
		frame->gpr[7] = SIGCHLD;
		frame->gpr[SPORK_RSI] = frame->gpr[SPORK_RDX] = 0;
		frame->gpr[SPORK_R10] = frame->gpr[SPORK_R8] = 0;
		return fork_caught(frame);
	case SYS_clone:
		if (!(flags & CLONE_VM) && frame->gpr[SPORK_RSI] == 0)
			return fork_caught(frame);
		*ret_again = true;
		return 0;
	case SYS_vfork:
	case SYS_clone3:
		*ret_again = true;
		return 0;
	case SYS_execve:
		return spork_exec_hook((const char *)flags, (char *const *)frame->gpr[SPORK_RSI],
			(char *const *)frame->gpr[SPORK_RDX]);
	case SYS_rt_sigreturn:
		/* To where the program's own handler has come from: its frame is on its stack. */
		spork_resume(frame->gpr, frame->rflags, (uint64_t)spork_signal_return);
	default:
		return raw_syscall6((int64_t)nr, flags, frame->gpr[SPORK_RSI],
			frame->gpr[SPORK_RDX], frame->gpr[SPORK_R10], frame->gpr[SPORK_R8],
			frame->gpr[9]);
	}
}

static void on_call(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct spork_frame frame;
	bool again;
	int64_t result;

	(void)number;
	(void)info;
	read_frame(registers, &frame);
	result = make_call(&frame, &again);
	if (again) {
		switch_trap(false);
		registers[REG_RIP] -= SYSCALL_BYTES;
		return;
	}
	registers[REG_RAX] = result;
}

void spork_trap_calls(void)
{
	const struct kernel_action action = {
		.handler = (uint64_t)on_call,
		.flags = SA_SIGINFO | SA_NODEFER | SA_RESTORER_FLAG,
		.restorer = (uint64_t)spork_signal_return,
	};

	if (raw4(SYS_rt_sigaction, SIGSYS, &action, NULL, KERNEL_SIGSET_BYTES) == 0)
		switch_trap(true);
}
