/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * System calls without libc: no errno, no cancellation points, nothing that touches thread-local
 * memory. Results are the kernel's: -errno on failure.
 */
#ifndef SPORK_RAW_SYSCALL_H
#define SPORK_RAW_SYSCALL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

static inline int64_t raw_syscall6(
	int64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	register uint64_t r10 __asm__("r10") = d;
	register uint64_t r8 __asm__("r8") = e;
	register uint64_t r9 __asm__("r9") = f;
	int64_t result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* Any argument that fits a register: pointers and integers alike. */
#define RAW(x) ((uint64_t)(x))
#define raw0(nr) raw_syscall6((nr), 0, 0, 0, 0, 0, 0)
#define raw1(nr, a) raw_syscall6((nr), RAW(a), 0, 0, 0, 0, 0)
#define raw2(nr, a, b) raw_syscall6((nr), RAW(a), RAW(b), 0, 0, 0, 0)
#define raw3(nr, a, b, c) raw_syscall6((nr), RAW(a), RAW(b), RAW(c), 0, 0, 0)
#define raw4(nr, a, b, c, d) raw_syscall6((nr), RAW(a), RAW(b), RAW(c), RAW(d), 0, 0)
#define raw5(nr, a, b, c, d, e) raw_syscall6((nr), RAW(a), RAW(b), RAW(c), RAW(d), RAW(e), 0)
#define raw6(nr, a, b, c, d, e, f) \
	raw_syscall6((nr), RAW(a), RAW(b), RAW(c), RAW(d), RAW(e), RAW(f))

#define RAW_FAILED(result) ((uint64_t)(result) >= (uint64_t)-4095)

/* The kernel's signal sets are 64 bits. */
#define KERNEL_SIGSET_BYTES 8

#endif
