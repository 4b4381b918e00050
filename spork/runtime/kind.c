/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A program that is to be started: is it one that loads us? Set-id programs, static ones and those of another dynamic
 * linker get the environment as their starter meant it, because nobody would take ours out again.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "kind.h"
#include "raw_syscall.h"
#include "runtime.h"
#include "text.h"

#define SCRIPT_DEPTH 4

/* Where @address of the image lies in the file; 0 = nowhere. */
SPORK_START static uint64_t file_offset(const uint8_t *head, uint64_t address)
{
	const Elf64_Ehdr *header = (const void *)head;
	const Elf64_Phdr *segments = (const void *)(head + header->e_phoff);

	for (int i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD &&
			address - segments[i].p_vaddr < segments[i].p_filesz)
			return address - segments[i].p_vaddr + segments[i].p_offset;
	}
	return 0;
}

/*
 * The run-time of AddressSanitizer ends a program in which another library was loaded before it. Compilers name it
 * first among those that are needed. @head: of a program that loads_us().
 */
SPORK_START static bool wants_to_be_first(int64_t fd, const uint8_t *head)
{
	const Elf64_Ehdr *header = (const void *)head;
	const Elf64_Phdr *segments = (const void *)(head + header->e_phoff);
	Elf64_Dyn entries[64];
	uint64_t name = UINT64_MAX, strings = 0;
	char text[24];

	for (int i = 0; i < header->e_phnum; i++) {
		uint64_t size = segments[i].p_filesz < sizeof(entries) ? segments[i].p_filesz
								       : sizeof(entries);
		int64_t got;

		if (segments[i].p_type != PT_DYNAMIC)
			continue;
		got = raw4(SYS_pread64, fd, entries, size, segments[i].p_offset);
		for (int64_t k = 0; (k + 1) * (int64_t)sizeof(entries[0]) <= got; k++) {
			if (entries[k].d_tag == DT_NEEDED && name == UINT64_MAX)
				name = entries[k].d_un.d_val;
			if (entries[k].d_tag == DT_STRTAB)
				strings = file_offset(head, entries[k].d_un.d_ptr);
		}
	}
	return name != UINT64_MAX && strings &&
	       raw4(SYS_pread64, fd, text, sizeof(text), strings + name) == sizeof(text) &&
	       (text_starts(text, "libasan.so") || text_starts(text, "libclang_rt.asan"));
}

SPORK_START static bool is_set_id(int directory, const char *path, int flags)
{
	struct stat status;

	/* The kernel asks for a secure start of every program whose caller has two identities (AT_SECURE). */
	if (raw0(SYS_getuid) != raw0(SYS_geteuid) || raw0(SYS_getgid) != raw0(SYS_getegid))
		return true;
	if (raw4(SYS_newfstatat, directory, path, &status, flags & AT_EMPTY_PATH))
		return false;
	/* File capabilities make a program as secure as set-id bits do. */
	return (status.st_mode & S_ISUID) ||
	       (status.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) ||
	       (directory == AT_FDCWD &&
		       raw4(SYS_getxattr, path, "security.capability", NULL, 0) > 0);
}

SPORK_START static bool loads_us(const uint8_t *head, size_t size_bytes)
{
	const Elf64_Ehdr *header = (const void *)head;
	uint64_t end;

	if (size_bytes < sizeof(*header) || header->e_ident[EI_CLASS] != ELFCLASS64 ||
		header->e_machine != EM_X86_64 || header->e_phentsize != sizeof(Elf64_Phdr))
		return false;
	end = header->e_phoff + (uint64_t)header->e_phnum * sizeof(Elf64_Phdr);
	if (header->e_phoff > size_bytes || end > size_bytes)
		return false;
	for (int i = 0; i < header->e_phnum; i++) {
		const Elf64_Phdr *segment = (const Elf64_Phdr *)(head + header->e_phoff) + i;
		uint64_t last = segment->p_offset + segment->p_filesz;

		if (segment->p_type != PT_INTERP)
			continue;
		return segment->p_offset < size_bytes && last <= size_bytes && last > 0 &&
		       head[last - 1] == '\0' &&
		       text_equal(text_base((const char *)head + segment->p_offset),
			       "ld-linux-x86-64.so.2");
	}
	return false;
}

/* The interpreter a script names, in place; NULL = it is no script. */
static const char *interpreter(uint8_t *head, size_t size_bytes)
{
	size_t at = 2, start;

	if (size_bytes < 3 || head[0] != '#' || head[1] != '!')
		return NULL;
	while (at < size_bytes && (head[at] == ' ' || head[at] == '\t'))
		at++;
	start = at;
	while (at < size_bytes && at < 256 && head[at] != ' ' && head[at] != '\t' &&
		head[at] != '\n' && head[at] != '\0')
		at++;
	if (at == start || at >= size_bytes)
		return NULL;
	head[at] = '\0';
	return (const char *)head + start;
}

SPORK_START static enum spork_notice kind_of_elf(int64_t fd, const uint8_t *head, size_t size_bytes,
	int directory, const char *path, int flags)
{
	if (!loads_us(head, size_bytes))
		return SPORK_NOTICE_EXEC_STATIC;
	if (is_set_id(directory, path, flags))
		return SPORK_NOTICE_EXEC_SETUID;
	return wants_to_be_first(fd, head) ? SPORK_NOTICE_EXEC_AWAY : SPORK_NOTICE_EXEC;
}

SPORK_START enum spork_notice kind_of_file(
	int directory, const char *path, int flags, uint8_t *head, const char **ret_next)
{
	bool empty = (flags & AT_EMPTY_PATH) && !path[0];
	int64_t fd = empty ? directory
			   : raw4(SYS_openat, directory, path,
				     O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
	int64_t got = fd < 0 ? 0 : raw4(SYS_pread64, fd, head, KIND_HEAD_BYTES, 0);
	enum spork_notice kind = SPORK_NOTICE_EXEC;

	*ret_next = NULL;
	/* Without a free descriptor nobody knows what it is. */
	if (fd == -EMFILE || fd == -ENFILE)
		return SPORK_NOTICE_EXEC_AWAY;
	/* A program that may be executed but not read: the kernel makes it non-dumpable, and ld.so loads us. */
	if (got <= 0)
		kind = is_set_id(directory, path, flags) ? SPORK_NOTICE_EXEC_SETUID
							 : SPORK_NOTICE_EXEC;
	else if (got >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0)
		kind = kind_of_elf(fd, head, (size_t)got, directory, path, flags);
	else
		/* Neither: ENOEXEC; nothing will be started with this environment. */
		*ret_next = interpreter(head, (size_t)got);
	if (fd >= 0 && !empty)
		(void)raw1(SYS_close, fd);
	return kind;
}

SPORK_START enum spork_notice kind_of_program(int directory, const char *path, int flags)
{
	uint8_t heads[2][KIND_HEAD_BYTES] __attribute__((aligned(8)));
	enum spork_notice kind = SPORK_NOTICE_EXEC;

	/* ld.so would complain loudly about a library that it cannot reach. */
	if (raw2(SYS_access, spork_library_path(), 4 /* R_OK */))
		return SPORK_NOTICE_EXEC_AWAY;
	for (int depth = 0; depth < SCRIPT_DEPTH; depth++) {
		const char *next;

		kind = kind_of_file(directory, path, flags, heads[depth % 2], &next);
		if (!next)
			break;
		path = next;
		directory = AT_FDCWD;
		flags = 0;
	}
	return kind;
}

SPORK_START bool kind_is_watched(char *const *envp)
{
	static const char *const first[] = {"libasan", "libclang_rt.asan"};

	for (; envp && *envp; envp++) {
		if ((*envp)[0] != 'L' || (*envp)[1] != 'D' || (*envp)[2] != '_')
			continue;
		if (text_starts(*envp, "LD_TRACE_LOADED_OBJECTS=") ||
			text_starts(*envp, "LD_DEBUG=") || text_starts(*envp, "LD_VERBOSE="))
			return true;
		if (!text_starts(*envp, "LD_PRELOAD="))
			continue;
		for (const char *at = *envp; *at; at++) {
			if (text_starts(at, first[0]) || text_starts(at, first[1]))
				return true;
		}
	}
	return false;
}

SPORK_START enum spork_notice spork_start_kind(
	int directory, const char *path, char *const *envp, int flags)
{
	return kind_is_watched(envp) ? SPORK_NOTICE_EXEC_AWAY
				     : kind_of_program(directory, path, flags);
}
