/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "code_changes.h"

#include <stdbool.h>
#include <sys/mman.h>

#include "raw_syscall.h"
#include "runtime.h"

static uint64_t count, data_count;
/* Something may be writable and executable at once, now or later: changes happen without a call. */
static bool always;

uint64_t code_changes_count(void)
{
	if (__atomic_load_n(&always, __ATOMIC_ACQUIRE))
		(void)__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
	return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

uint64_t data_changes_count(void)
{
	if (!spork_resume_mprotect)
		(void)__atomic_fetch_add(&data_count, 1, __ATOMIC_RELAXED);
	return __atomic_load_n(&data_count, __ATOMIC_ACQUIRE);
}

/* Before the call: what was written to code that becomes executable now is there already. */
int64_t spork_mprotect_hook(void *address, size_t size_bytes, int protection)
{
	if (protection & PROT_EXEC) {
		if (protection & PROT_WRITE)
			__atomic_store_n(&always, true, __ATOMIC_RELEASE);
		(void)__atomic_fetch_add(&count, 1, __ATOMIC_ACQ_REL);
	}
	if (protection & PROT_WRITE)
		(void)__atomic_fetch_add(&data_count, 1, __ATOMIC_ACQ_REL);
	return raw3(SYS_mprotect, address, size_bytes, protection);
}
