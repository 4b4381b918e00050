/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hidden.h"

#include <stdint.h>
#include <sys/mman.h>

#include "raw_syscall.h"
#include "runtime.h"
#include "spork/machine.h"

#define RANGES_MAX 512
#define GUARD_INSTALL 102 /* MADV_GUARD_INSTALL of Linux 6.13: mapped, but touching it kills */

struct hidden {
	uint64_t start, end;
};

static struct hidden hidden[RANGES_MAX];
static uint32_t count; /* may run over RANGES_MAX */

bool hidden_any(void)
{
	return __atomic_load_n(&count, __ATOMIC_ACQUIRE) > 0;
}

bool hidden_lost(void)
{
	return __atomic_load_n(&count, __ATOMIC_ACQUIRE) > RANGES_MAX;
}

static bool is_known(uint64_t start, uint64_t end)
{
	uint32_t known = __atomic_load_n(&count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < known && i < RANGES_MAX; i++) {
		uint64_t from = __atomic_load_n(&hidden[i].start, __ATOMIC_ACQUIRE);

		if (from && from <= start &&
			__atomic_load_n(&hidden[i].end, __ATOMIC_RELAXED) >= end)
			return true;
	}
	return false;
}

/* Before the advice is given: whoever forks afterwards finds the range here. */
static void hide(uint64_t start, uint64_t size_bytes)
{
	uint64_t from = start & ~(PAGE_BYTES - 1);
	uint64_t end = (start + size_bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	uint32_t at;

	/* An error of the program's, for the kernel to say so. */
	if (from == 0 || end <= from || is_known(from, end))
		return;
	at = __atomic_fetch_add(&count, 1, __ATOMIC_ACQ_REL);
	if (at >= RANGES_MAX) {
		/* Not so far that it starts anew. */
		__atomic_store_n(&count, RANGES_MAX + 1, __ATOMIC_RELEASE);
		return;
	}
	__atomic_store_n(&hidden[at].end, end, __ATOMIC_RELAXED);
	__atomic_store_n(&hidden[at].start, from, __ATOMIC_RELEASE);
}

int64_t spork_madvise_hook(void *address, size_t size_bytes, int advice)
{
	if (advice == MADV_DONTFORK || advice == MADV_WIPEONFORK || advice == GUARD_INSTALL)
		hide((uint64_t)address, size_bytes);
	return raw3(SYS_madvise, address, size_bytes, advice);
}

bool hidden_declare(struct spork_overlay *overlay)
{
	uint32_t known = __atomic_load_n(&count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < known && i < RANGES_MAX; i++) {
		uint64_t start = __atomic_load_n(&hidden[i].start, __ATOMIC_ACQUIRE);

		/* Another thread is at it, and has not told the kernel yet. */
		if (start && spork_overlay_hide(overlay, start, hidden[i].end))
			return false;
	}
	return true;
}
