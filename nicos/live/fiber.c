/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fiber.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

#define STACK_BYTES 65536
#define GUARD_BYTES 4096

#if FIBERS_WORK

/* Registers that a call keeps (System V ABI, 3.2.1), and the stack; the rest is the caller's. */
void fiber_switch(void **save, void *load);

__asm__(".text\n"
	".globl fiber_switch\n"
	".hidden fiber_switch\n"
	".type fiber_switch,@function\n"
	"fiber_switch:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size fiber_switch,.-fiber_switch\n");

/* The first switch returns to here, with the argument in r12 and the function in r13. */
void fiber_begin(void);

__asm__(".text\n"
	".globl fiber_begin\n"
	".hidden fiber_begin\n"
	".type fiber_begin,@function\n"
	"fiber_begin:\n"
	"	xorl %ebp, %ebp\n"
	"	movq %r12, %rdi\n"
	"	call *%r13\n"
	"	ud2\n"
	".size fiber_begin,.-fiber_begin\n");

int fiber_create(struct fiber *fiber, void (*entry)(void *argument), void *argument)
{
	uint64_t *top;
	uint8_t *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (stack == MAP_FAILED)
		return -ENOMEM;
	if (mprotect(stack, GUARD_BYTES, PROT_NONE)) {
		(void)munmap(stack, STACK_BYTES);
		return -ENOMEM;
	}
	/* r15, r14, r13, r12, rbx, rbp, return address; the call in fiber_begin() finds the stack aligned. */
	top = (uint64_t *)(void *)(stack + STACK_BYTES) - 8;
	top[2] = (uint64_t)(uintptr_t)entry;
	top[3] = (uint64_t)(uintptr_t)argument;
	top[6] = (uint64_t)(uintptr_t)fiber_begin;
	*fiber = (struct fiber){.stack_pointer = top, .stack = stack};
	return 0;
}

void fiber_pass(struct fiber *from, struct fiber *to)
{
	fiber_switch(&from->stack_pointer, to->stack_pointer);
}

#else

int fiber_create(struct fiber *fiber, void (*entry)(void *argument), void *argument)
{
	(void)fiber;
	(void)entry;
	(void)argument;
	return -ENOMEM;
}

void fiber_pass(struct fiber *from, struct fiber *to)
{
	(void)from;
	(void)to;
}

#endif

void fiber_destroy(struct fiber *fiber)
{
	if (fiber->stack)
		(void)munmap(fiber->stack, STACK_BYTES);
	fiber->stack = NULL;
}
