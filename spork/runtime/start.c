/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What happens when a program starts: our part of the environment is taken, and some system call instructions of
 * libc are led here. Everything else waits for the first fork.
 */
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "leaf.h"
#include "loader.h"
#include "raw_syscall.h"
#include "runtime.h"

#define SEARCH_BYTES 256
#define PATTERN_BYTES 7
#define SITE_COUNT 7
#define ANY_CALL UINT32_MAX

uint64_t spork_resume_fork, spork_resume_execve, spork_resume_execveat, spork_resume_fexecve,
	spork_resume_madvise, spork_resume_mprotect, spork_resume_sigaction, spork_resume_syscall;

struct spork_patch spork_patches[SPORK_PATCHES];
uint32_t spork_patch_count;

struct patch {
	const char *symbol;
	uint32_t nr;
	void (*entry)(void);
	uint64_t *resume;
};

/* mov 8(%rsp),%r9; syscall: the end of syscall(2). Returns its address, or 0. */
static uint64_t find_any_call(uint64_t function)
{
	static const uint8_t pattern[PATTERN_BYTES] = {0x4c, 0x8b, 0x4c, 0x24, 0x08, 0x0f, 0x05};

	for (size_t i = 0; i + PATTERN_BYTES <= SEARCH_BYTES; i++) {
		if (memcmp((const uint8_t *)function + i, pattern, PATTERN_BYTES) == 0)
			return function + i;
	}
	return 0;
}

/* mov $NR,%eax; syscall. Returns its address, or 0. */
static uint64_t find_system_call(uint64_t function, uint32_t nr)
{
	const uint8_t *code = (const uint8_t *)function;

	for (size_t i = 0; i + PATTERN_BYTES <= SEARCH_BYTES; i++) {
		uint32_t found;

		if (code[i] != 0xb8)
			continue;
		memcpy(&found, code + i + 1, sizeof(found));
		if (found == nr && code[i + 5] == 0x0f && code[i + 6] == 0x05)
			return function + i;
	}
	return 0;
}

static bool near(uint64_t from, uint64_t to)
{
	int64_t distance = (int64_t)(to - from);

	return distance == (int32_t)distance;
}

/* The page is writable already. A thread that runs through here meanwhile: there is none. */
static void write_jump(uint64_t at, uint64_t target)
{
	struct spork_patch *patch = &spork_patches[spork_patch_count++];
	uint8_t *code = (uint8_t *)at;
	int32_t distance = (int32_t)(target - (at + 5));

	patch->address = at;
	patch->length = PATTERN_BYTES;
	memcpy(patch->original, code, PATTERN_BYTES);

	code[0] = 0xe9;
	memcpy(code + 1, &distance, sizeof(distance));
	code[5] = 0x90;
	code[6] = 0x90;
}

static bool change_pages(uint64_t first, uint64_t last, int protection)
{
	return raw3(SYS_mprotect, first, last + PAGE_BYTES - first, protection) == 0;
}

/*
 * Write the patches that lie in these pages, @last being the last one. Executable all along: libc's own code runs
 * here, and what forbids this forbids the way back too.
 */
static bool write_pages(
	const struct patch *patches, uint64_t *sites, int count, uint64_t first, uint64_t last)
{
	if (!change_pages(first, last, PROT_READ | PROT_WRITE | PROT_EXEC))
		return false;
	for (int i = 0; i < count; i++) {
		if (!sites[i] || sites[i] < first || sites[i] + PATTERN_BYTES > last + PAGE_BYTES)
			continue;
		*patches[i].resume = sites[i] + PATTERN_BYTES;
		write_jump(sites[i], (uint64_t)patches[i].entry);
		sites[i] = 0;
	}
	(void)change_pages(first, last, PROT_READ | PROT_EXEC);
	return true;
}

/*
 * From the first to the last at once, so that few pieces are made of libc's code: each costs every fork of the process.
 * All of libc in one piece would cost more, because the page tables of what has been written are copied by fork. Where
 * the kernel does not promise so much memory to be written, the pages that are written.
 */
static bool write_patches(const struct patch *patches, uint64_t *sites)
{
	uint64_t first = UINT64_MAX, last = 0;

	for (int i = 0; i < SITE_COUNT; i++) {
		if (sites[i] && sites[i] < first)
			first = sites[i];
		if (sites[i] > last)
			last = sites[i];
	}
	last += PATTERN_BYTES - 1;
	(void)write_pages(
		patches, sites, SITE_COUNT, first & ~(PAGE_BYTES - 1), last & ~(PAGE_BYTES - 1));
	for (int i = 0; i < SITE_COUNT; i++) {
		last = sites[i] + PATTERN_BYTES - 1;
		if (sites[i] && !write_pages(patches, sites, SITE_COUNT,
					sites[i] & ~(PAGE_BYTES - 1), last & ~(PAGE_BYTES - 1)))
			return false;
	}
	return true;
}

static void install(void)
{
	const struct patch patches[SITE_COUNT] = {
		{"execve", SYS_execve, spork_entry_execve, &spork_resume_execve},
		{"fexecve", SYS_execveat, spork_entry_fexecve, &spork_resume_fexecve},
		{"_Fork", SYS_clone, spork_entry_fork, &spork_resume_fork},
		{"madvise", SYS_madvise, spork_entry_madvise, &spork_resume_madvise},
		{"mprotect", SYS_mprotect, spork_entry_mprotect, &spork_resume_mprotect},
		{"syscall", ANY_CALL, spork_entry_syscall, &spork_resume_syscall},
		{"execveat", SYS_execveat, spork_entry_execveat, &spork_resume_execveat},
	};
	const struct link_map *libc = loader_find("libc.so.6");
	uint64_t sites[SITE_COUNT] = {0};

	for (int i = 0; i < SITE_COUNT; i++) {
		uint64_t function = loader_symbol(libc, patches[i].symbol);

		if (!function || (patches[i].nr == ANY_CALL && !spork_configuration.trap))
			continue;
		sites[i] = patches[i].nr == ANY_CALL ? find_any_call(function)
						     : find_system_call(function, patches[i].nr);
		if (sites[i] && !near(sites[i] + 5, (uint64_t)patches[i].entry))
			sites[i] = 0;
	}
	/* Without execve the children would lose us, and without _Fork there is nothing to do. */
	if (!sites[0] || !sites[2])
		spork_notice(SPORK_NOTICE_NO_HOOK, 1);
	else if (!write_patches(patches, sites))
		spork_notice(SPORK_NOTICE_HOOK_DENIED, 1);
	else if (spork_configuration.trap)
		spork_trap_calls();
}

void spork_patch_sigaction(void)
{
	const struct patch patch = {"__libc_sigaction", SYS_rt_sigaction, spork_entry_sigaction,
		&spork_resume_sigaction};
	static bool tried;
	uint64_t site;

	if (tried)
		return;
	tried = true;
	site = loader_symbol(loader_find("libc.so.6"), patch.symbol);
	site = site ? find_system_call(site, patch.nr) : 0;
	if (site && near(site + 5, (uint64_t)patch.entry))
		(void)write_pages(&patch, &site, 1, site & ~(PAGE_BYTES - 1),
			(site + PATTERN_BYTES - 1) & ~(PAGE_BYTES - 1));
}

void spork_start(int argc, char **argv, char **envp) __attribute__((visibility("hidden")));

void spork_start(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	if (!envp)
		return;
	loader_note_program(envp);
	spork_environment_take(envp);
	if (!spork_configuration.active)
		return;
	loader_note_first();
	install();
	leaf_begin();
}
