/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory that a child does not get (MADV_DONTFORK) or gets zeroed (MADV_WIPEONFORK): the kernel tells which it is
 * only in /proc/self/smaps, which takes milliseconds. So the calls are seen instead, and a program that has made
 * one really forks ever after.
 */
#include <sys/mman.h>

#include "loader.h"
#include "raw_syscall.h"
#include "runtime.h"

bool spork_fork_advised;

/* In the place of libc's, which the dynamic linker finds after this library. Calls of libc's own give other advice. */
__attribute__((visibility("default"))) int madvise(void *address, size_t length, int advice)
{
	static int (*real)(void *, size_t, int);
	uint64_t found;

	if (advice == MADV_DONTFORK || advice == MADV_WIPEONFORK)
		__atomic_store_n(&spork_fork_advised, true, __ATOMIC_RELAXED);
	if (!__atomic_load_n(&real, __ATOMIC_RELAXED)) {
		found = loader_symbol(loader_find("libc.so.6"), "madvise");
		if (!found)
			return RAW_FAILED(raw3(SYS_madvise, address, length, advice)) ? -1 : 0;
		__atomic_store_n(&real, (int (*)(void *, size_t, int))found, __ATOMIC_RELAXED);
	}
	return __atomic_load_n(&real, __ATOMIC_RELAXED)(address, length, advice);
}
