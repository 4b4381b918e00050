/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole functions of libc, single-stepped in a forked child under ptrace and interpreted in the parent,
 * whose memory is
 * the child's at the fork: all general registers are compared after every instruction.
 */
#include <elf.h>
#include <stdbool.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "modules.h"

#define STEPS_MAX 400000u
#define VALUES 64u

static struct modules modules;
static struct call call;
static char text[4096];
static uint32_t values[VALUES];

/*
 * The parent must not change what the child's function reads: from the fork on it calls nothing that
 * allocates or is bound
 * for the first time, and reports through this.
 */
static char failure[512];

static bool fails(bool wrong, const char *what, uint64_t place, uint64_t own, uint64_t cpu)
{
	if (wrong && !failure[0])
		(void)snprintf(failure, sizeof(failure), "%s at %#lx: %#lx, CPU %#lx", what,
			(unsigned long)place, (unsigned long)own, (unsigned long)cpu);
	return wrong;
}

/* The same general registers as the native thread has. */
static void take_registers(const struct user_regs_struct *u, struct spork_registers *regs)
{
	regs->gpr[SPORK_RAX] = u->rax;
	regs->gpr[SPORK_RCX] = u->rcx;
	regs->gpr[SPORK_RDX] = u->rdx;
	regs->gpr[SPORK_RBX] = u->rbx;
	regs->gpr[SPORK_RSP] = u->rsp;
	regs->gpr[SPORK_RBP] = u->rbp;
	regs->gpr[SPORK_RSI] = u->rsi;
	regs->gpr[SPORK_RDI] = u->rdi;
	regs->gpr[8] = u->r8;
	regs->gpr[9] = u->r9;
	regs->gpr[10] = u->r10;
	regs->gpr[11] = u->r11;
	regs->gpr[12] = u->r12;
	regs->gpr[13] = u->r13;
	regs->gpr[14] = u->r14;
	regs->gpr[15] = u->r15;
	regs->rip = u->rip;
	regs->rflags = u->eflags & ~0x100ul;
	regs->fs_base = u->fs_base;
	regs->mxcsr_fcw = 0x037f00001f80;
}

/* The low halves of the vectors, which is what lives where a function is called; from the area of NT_X86_XSTATE. */
static bool take_vectors(pid_t pid, struct spork_registers *regs)
{
	static uint8_t area[16384];
	struct iovec vector = {area, sizeof(area)};

	if (ptrace(PTRACE_GETREGSET, pid, (void *)(uintptr_t)NT_X86_XSTATE, &vector) != 0)
		return false;
	for (size_t n = 0; n < 16; n++)
		memcpy(regs->zmm[n], area + 160 + 16 * n, 16);
	return true;
}

static bool step_native(pid_t pid, struct user_regs_struct *u)
{
	int status;

	return ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0 && waitpid(pid, &status, 0) == pid &&
	       WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP &&
	       ptrace(PTRACE_GETREGS, pid, NULL, u) == 0;
}

/* What a system call of the child means for the interpreter's memory. */
static bool follow_call(
	struct spork_machine *m, uint64_t number, uint64_t old_break, uint64_t result)
{
	uint64_t size = m->regs.gpr[SPORK_RSI];

	m->regs.gpr[SPORK_RAX] = result;
	if (number == SYS_brk && result > old_break && old_break != 0)
		return spork_overlay_map(m->overlay, old_break, result, true) == 0;
	if (number == SYS_mmap && (int64_t)result > 0)
		return spork_overlay_map(m->overlay, result,
			       (result + size + 4095) & ~UINT64_C(4095), true) == 0;
	return number == SYS_brk || number == SYS_mprotect || number == SYS_munmap;
}

static bool registers_differ(
	const struct spork_registers *own, const struct spork_registers *cpu, uint64_t before)
{
	static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"};

	for (unsigned n = 0; n < 16; n++)
		if (fails(own->gpr[n] != cpu->gpr[n], names[n], before, own->gpr[n], cpu->gpr[n]))
			return true;
	return fails(own->rip != cpu->rip, "rip", before, own->rip, cpu->rip);
}

/* One instruction of both. */
static bool step_both(pid_t pid, uint64_t *break_now)
{
	struct spork_machine *m = &call.machine;
	uint64_t before = m->regs.rip, number = m->regs.gpr[SPORK_RAX];
	enum spork_stop stop = spork_machine_run(m, 1);
	struct spork_registers cpu;
	struct user_regs_struct u;

	if (fails(stop != SPORK_STOP_BUDGET && stop != SPORK_STOP_SYSCALL, "stop", before, stop, 0))
		return false;
	/* A repeated string instruction takes the CPU one step for each element. */
	do
		if (fails(!step_native(pid, &u), "step", before, 0, 0))
			return false;
	while (u.rip == before && m->regs.rip != before);
	if (stop == SPORK_STOP_SYSCALL) {
		if (fails(!follow_call(m, number, *break_now, u.rax), "system call", before, number,
			    0))
			return false;
		if (number == SYS_brk)
			*break_now = u.rax;
		/* The trap flag of single-stepping shows here. */
		m->regs.gpr[SPORK_R11] = u.r11;
	}
	take_registers(&u, &cpu);
	return !registers_differ(&m->regs, &cpu, before);
}

/*
 * Lets the child go on to @address, gives it a stack that the parent does not use, and steps both until it
 * returns.
 */
static uint64_t follow(pid_t pid, uint64_t address)
{
	struct spork_machine *m = &call.machine;
	uint64_t top = (uint64_t)(uintptr_t)call.stack + (512 << 10) - 8, steps = 0;
	uint64_t break_now = (uint64_t)(uintptr_t)sbrk(0);
	struct user_regs_struct u;

	do
		if (fails(!step_native(pid, &u), "approach", address, steps, 0))
			return 0;
	while (u.rip != address && ++steps < 10000);
	u.rsp = top;
	if (fails(ptrace(PTRACE_SETREGS, pid, NULL, &u) != 0 || !take_vectors(pid, &m->regs),
		    "registers", address, 0, 0))
		return 0;
	take_registers(&u, &m->regs);
	for (steps = 1; step_both(pid, &break_now) && steps < STEPS_MAX; steps++) {
		uint8_t next;

		/* The return of the function itself. */
		if (m->regs.gpr[SPORK_RSP] == top &&
			spork_overlay_read(m->overlay, m->regs.rip, &next, 1) == 0 && next == 0xc3)
			return steps;
	}
	return 0;
}

static void compare_run(int (*function)(void), uint64_t least)
{
	pid_t pid = fork();
	uint64_t steps;
	int status;

	cr_assert(pid >= 0);
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(77);
		(void)syscall(SYS_kill, getpid(), SIGSTOP);
		_exit(function());
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		cr_skip_test("skip: needs ptrace");
	steps = follow(pid, ADDRESS(function));
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	cr_assert_str_empty(failure);
	cr_assert(steps > least, "%lu instructions", (unsigned long)steps);
}

/* Binds what compare_run() itself calls, so that it changes no table behind the child's back. */
__attribute__((noinline)) static int trivial(void)
{
	return values[0] == 1;
}

static void set_up(void)
{
	volatile size_t size = 1000;

	modules_load(&modules);
	call_init(&call, &modules);
	/* The interpreter calls these through the same table as the functions below. */
	memset(text, 0, size);
	memcpy(text, text + 2000, size);
	memmove(text, text + 1, size);
	size += memchr(text, 1, size) != NULL;
	compare_run(trivial, 1);
}

static void tear_down(void)
{
	call_finish(&call);
	modules_unload(&modules);
}

TestSuite(single_step, .init = set_up, .fini = tear_down, .timeout = 100);

__attribute__((noinline)) static int by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int sorting(void)
{
	for (uint32_t i = 0; i < VALUES; i++)
		values[i] = i * 2654435761u;
	qsort(values, VALUES, sizeof(values[0]), by_value);
	return (int)values[0];
}

Test(single_step, sorting_equals_the_cpu)
{
	compare_run(sorting, 1000);
}

static int formatting(void)
{
	return snprintf(text, sizeof(text), "%5d|%-8s|%08lx|%.3f|%g|%c|%5.1e|%Lf", -42, "text",
		0xdeadbeeful, 3.25, 1e100, 'x', 12345.678, (long double)1.5);
}

Test(single_step, formatting_equals_the_cpu)
{
	compare_run(formatting, 1000);
}

/* Strings at every alignment, also across a page's end. */
static int strings(void)
{
	size_t sum = 0;

	for (size_t at = 0; at < 70; at += 3) {
		memset(text, 'a', sizeof(text));
		text[at + 100] = '/';
		text[at + 150] = '\0';
		sum += strlen(text + at) + strnlen(text + at, 40);
		sum += (size_t)(strchr(text + at, '/') - text);
		sum += (size_t)(strrchr(text, '/') - text);
		sum += (size_t)(memchr(text + at, '/', 200) != NULL);
		sum += (size_t)(strstr(text + at, "a/a") - text);
		sum += (size_t)(memcmp(text, text + 1, at) == 0);
		memcpy(text + 2000 + at, text, 160);
		memmove(text + 2001, text + 2000, 100 + at);
		sum += (size_t)(strcmp(text + 2000, text) != 0);
		sum += strspn(text + at, "ab") + strcspn(text + at, "/");
		(void)stpcpy(text + 3000, text + at);
		strncpy(text + 3200, text + at, 60);
	}
	return (int)(sum & 127);
}

Test(single_step, string_functions_equal_the_cpu)
{
	compare_run(strings, 1000);
}

static int numbers(void)
{
	return (int)(strtol("-12345xyz", NULL, 0) + (long)strtoul("0xffff", NULL, 16) +
		       (long)strtod("1.25e10", NULL) + atoi("99")) &
	       127;
}

Test(single_step, conversions_equal_the_cpu)
{
	compare_run(numbers, 200);
}

/* What children do before exec, as far as it is memory only; allocations grow the heap by system calls. */
static int environment(void)
{
	char *path, *copy, *large;

	setenv("SPORK_ONE", "1", 1);
	setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
	unsetenv("SPORK_ONE");
	copy = strdup(getenv("PATH"));
	for (path = strtok(copy, ":"); path; path = strtok(NULL, ":"))
		(void)snprintf(text, sizeof(text), "%s/%s", path, "true");
	large = calloc(1, 300000);
	large[299999] = 1;
	free(copy);
	copy = malloc(200000);
	memset(copy, 7, 5000);
	return copy[4999] + large[299999];
}

Test(single_step, environment_and_allocation_equal_the_cpu)
{
	compare_run(environment, 1000);
}
