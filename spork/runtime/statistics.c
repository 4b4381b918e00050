/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counting into the run's file; mapped by the first process that has something to count. */
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "files.h"
#include "raw_syscall.h"
#include "runtime.h"
#include "text.h"

#define PROBES 16

/* linux/mman.h */
#define WIPE_ON_FORK 18

static struct spork_statistics *mapped;

/*
 * The process that the words below are about. A really forked child finds zeros here, and knows by that that it is one;
 * a child on shared memory finds another process than itself.
 */
struct witness {
	int32_t pid;
};

static struct witness *witness;

/* What was counted for a fork. @reason: plus 1, 0 = nothing. */
struct account {
	uint32_t reason;
	struct spork_site_count *site;
};

/* Of the last fork of this process, and of the fork that has made it. Another thread's fork may come between. */
static struct account last, origin;

SPORK_FAST struct spork_statistics *spork_statistics_map(void)
{
	struct spork_statistics *found = __atomic_load_n(&mapped, __ATOMIC_ACQUIRE);
	struct spork_statistics *expected = NULL;
	char path[FILES_PATH_BYTES];

	if (found)
		return found == MAP_FAILED ? NULL : found;
	if (!spork_configuration.statistics)
		return NULL;
	found = MAP_FAILED;
	if (files_run_path(path, "/statistics"))
		found = files_map(path, sizeof(*found), true);
	if (found != MAP_FAILED && found->magic != SPORK_STATISTICS_MAGIC) {
		(void)raw2(SYS_munmap, found, sizeof(*found));
		found = MAP_FAILED;
	}
	if (!__atomic_compare_exchange_n(
		    &mapped, &expected, found, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		if (found != MAP_FAILED)
			(void)raw2(SYS_munmap, found, sizeof(*found));
		found = expected;
	}
	return found == MAP_FAILED ? NULL : found;
}

static void add(uint64_t *counter, uint64_t amount)
{
	(void)__atomic_fetch_add(counter, amount, __ATOMIC_RELAXED);
}

/* Whose words are these? False: another process's, or nobody can tell. */
static bool is_this_process(void)
{
	int32_t pid = (int32_t)raw0(SYS_getpid);
	int64_t memory;

	if (!witness) {
		memory = raw6(SYS_mmap, NULL, PAGE_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (RAW_FAILED(memory))
			return false;
		if (raw3(SYS_madvise, memory, PAGE_BYTES, WIPE_ON_FORK)) {
			(void)raw2(SYS_munmap, memory, PAGE_BYTES);
			return false;
		}
		witness = (struct witness *)memory;
		witness->pid = pid;
	}
	if (witness->pid == 0) {
		witness->pid = pid;
		origin = last;
		last = (struct account){0};
	}
	return witness->pid == pid;
}

static void remember(enum spork_reason reason, struct spork_site_count *site)
{
	if (is_this_process())
		last = (struct account){(uint32_t)reason + 1, site};
}

SPORK_START void spork_count_executed(int64_t change)
{
	struct spork_statistics *statistics;

	/* Without a fork that was counted nobody is anybody's child. */
	if (!witness || !is_this_process() || origin.reason == 0)
		return;
	statistics = spork_statistics_map();
	if (!statistics)
		return;
	add(&statistics->executed[origin.reason - 1], (uint64_t)change);
	if (origin.site)
		add(&origin.site->executed, (uint64_t)change);
}

SPORK_FAST void spork_count(enum spork_reason reason)
{
	struct spork_statistics *statistics = spork_statistics_map();

	if (!statistics)
		return;
	add(&statistics->reasons[reason], 1);
	remember(reason, NULL);
}

SPORK_FAST void spork_notice(enum spork_notice notice, uint64_t amount)
{
	struct spork_statistics *statistics = spork_statistics_map();

	if (statistics)
		add(&statistics->notices[notice], amount);
}

void spork_count_syscall(uint32_t nr)
{
	struct spork_statistics *statistics = spork_statistics_map();

	if (statistics)
		add(&statistics->syscalls[nr < SPORK_STATISTICS_SYSCALLS ? nr : 0], 1);
}

static void write_label(char *label, const struct spork_chain *chain)
{
	char path[256];
	int64_t length = raw3(SYS_readlink, "/proc/self/exe", path, sizeof(path) - 1);
	size_t at = 0;

	path[length > 0 ? length : 0] = '\0';
	at = text_append(label, SPORK_SITE_LABEL_BYTES, at, text_base(path));
	for (uint32_t i = 0; i < chain->count; i++) {
		const char *module = chain->modules[i] ? text_base(chain->modules[i]) : "";

		at = text_append(label, SPORK_SITE_LABEL_BYTES, at, i == 0 ? ": " : " < ");
		at = text_append(
			label, SPORK_SITE_LABEL_BYTES, at, module[0] ? module : text_base(path));
		at = text_append(label, SPORK_SITE_LABEL_BYTES, at, "+0x");
		at = text_append_number(label, SPORK_SITE_LABEL_BYTES, at, chain->offsets[i], 16);
	}
}

static struct spork_site_count *find_site(
	struct spork_statistics *statistics, const struct spork_chain *chain)
{
	for (uint32_t i = 0; i < PROBES; i++) {
		struct spork_site_count *site =
			&statistics->sites[(chain->key[0] + i) % SPORK_STATISTICS_SITES];
		uint32_t state = __atomic_load_n(&site->state, __ATOMIC_ACQUIRE);

		if (state == 2 && site->key[0] == chain->key[0] && site->key[1] == chain->key[1])
			return site;
		if (state == 0 && __atomic_compare_exchange_n(&site->state, &state, 1, false,
					  __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			site->key[0] = chain->key[0];
			site->key[1] = chain->key[1];
			write_label(site->label, chain);
			__atomic_store_n(&site->state, 2, __ATOMIC_RELEASE);
			return site;
		}
	}
	return NULL;
}

void spork_count_site(const struct spork_chain *chain, enum spork_reason reason, const char *detail)
{
	struct spork_statistics *statistics = spork_statistics_map();
	struct spork_site_count *site;

	if (!statistics || chain->count == 0)
		return;
	site = find_site(statistics, chain);
	if (!site) {
		add(&statistics->sites_lost, 1);
		return;
	}
	remember(reason, site);
	add(&site->attempts, 1);
	if (reason <= SPORK_CONVERTED_SHARED)
		add(&site->converted, 1);
	if (detail[0])
		(void)text_append(site->detail, sizeof(site->detail), 0, detail);
	__atomic_store_n(&site->last_reason, reason, __ATOMIC_RELAXED);
}

void spork_count_expected(const struct spork_chain *chain, enum spork_reason reason)
{
	struct spork_statistics *statistics = spork_statistics_map();

	if (statistics)
		remember(reason, chain->count ? find_site(statistics, chain) : NULL);
}
