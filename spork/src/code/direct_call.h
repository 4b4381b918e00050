/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * System calls without libc: the runtime must not run functions that a program can replace, and must leave
 * errno alone.
 * Each returns what the kernel does: a result or -errno.
 */
#ifndef SPORK_DIRECT_CALL_H
#define SPORK_DIRECT_CALL_H

#include <stdint.h>
#include <sys/syscall.h>

static inline int64_t direct_call(
	long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	register uint64_t r10 __asm__("r10") = d;
	register uint64_t r8 __asm__("r8") = e;
	register uint64_t r9 __asm__("r9") = f;
	int64_t result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static inline int64_t direct_call3(long number, uint64_t a, uint64_t b, uint64_t c)
{
	return direct_call(number, a, b, c, 0, 0, 0);
}

#endif
