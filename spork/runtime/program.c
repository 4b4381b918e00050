/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Starting another program: is it one that loads us? Set-id programs, static ones and those of another dynamic
 * linker get the environment as their starter meant it, because nobody would take ours out again.
 */
#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "raw_syscall.h"
#include "runtime.h"
#include "text.h"

#define HEAD_BYTES 1024
#define SCRIPT_DEPTH 4

/* The file's first bytes; 0 = cannot be read. */
static size_t read_head(int directory, const char *path, int flags, uint8_t *head)
{
	int64_t fd, got;

	if ((flags & AT_EMPTY_PATH) && !path[0]) {
		got = raw4(SYS_pread64, directory, head, HEAD_BYTES, 0);
		return got > 0 ? (size_t)got : 0;
	}
	fd = raw4(SYS_openat, directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return 0;
	got = raw4(SYS_pread64, fd, head, HEAD_BYTES, 0);
	(void)raw1(SYS_close, fd);
	return got > 0 ? (size_t)got : 0;
}

static bool is_set_id(int directory, const char *path, int flags)
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

static bool loads_us(const uint8_t *head, size_t size_bytes)
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

enum spork_notice spork_program_kind(int directory, const char *path, int flags)
{
	uint8_t heads[2][HEAD_BYTES] __attribute__((aligned(8)));

	/* ld.so would complain loudly about a library that it cannot reach. */
	if (raw3(SYS_faccessat, AT_FDCWD, spork_library_path(), 4 /* R_OK */))
		return SPORK_NOTICE_EXEC_AWAY;
	for (int depth = 0; depth < SCRIPT_DEPTH; depth++) {
		uint8_t *head = heads[depth % 2];
		size_t got = read_head(directory, path, flags, head);
		const char *next;

		/*
		 * A program that may be executed but not read: the kernel makes it non-dumpable, and ld.so
		 * loads us.
		 */
		if (got == 0)
			return is_set_id(directory, path, flags) ? SPORK_NOTICE_EXEC_SETUID
								 : SPORK_NOTICE_EXEC;
		if (got >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0) {
			if (!loads_us(head, got))
				return SPORK_NOTICE_EXEC_STATIC;
			return is_set_id(directory, path, flags) ? SPORK_NOTICE_EXEC_SETUID
								 : SPORK_NOTICE_EXEC;
		}
		next = interpreter(head, got);
		/* ENOEXEC: nothing will be started with this environment. */
		if (!next)
			return SPORK_NOTICE_EXEC;
		path = next;
		directory = AT_FDCWD;
		flags = 0;
	}
	return SPORK_NOTICE_EXEC;
}

struct start {
	int directory;
	const char *path;
	char *const *argv;
	int flags;
	bool at; /* execveat: plain execve stays what it is, for those who watch system calls */
};

static int64_t start_program(const struct start *start, char *const *envp)
{
	if (!start->at)
		return raw3(SYS_execve, start->path, start->argv, envp);
	return raw5(SYS_execveat, start->directory, start->path, start->argv, envp, start->flags);
}

/* On the stack of the caller, who may be a vfork child with little of it: at most 2,000 entries are put back. */
static int64_t start_with_us(const struct start *start, char *const *envp, size_t room)
{
	char **list = __builtin_alloca_with_align(room * sizeof(*list), 128);
	size_t text_bytes = 16;

	for (size_t i = 0; envp && envp[i]; i++) {
		if (envp[i][0] == 'L' && text_starts(envp[i], "LD_PRELOAD="))
			text_bytes = SPORK_TEXT_BYTES;
	}
	return start_program(
		start, spork_environment_put(envp, list, __builtin_alloca(text_bytes)));
}

static int64_t hook(const struct start *start, char *const *envp)
{
	size_t room = spork_environment_room(envp);
	enum spork_notice kind;

	if (!start->path || room == 0)
		return start_program(start, envp);
	kind = spork_program_kind(start->directory, start->path, start->flags);
	spork_notice(kind, 1);
	if (kind != SPORK_NOTICE_EXEC)
		return start_program(start, envp);
	return start_with_us(start, envp, room);
}

int64_t spork_exec_hook(const char *path, char *const *argv, char *const *envp)
{
	const struct start start = {AT_FDCWD, path, argv, 0, false};

	return hook(&start, envp);
}

int64_t spork_execat_hook(
	int directory, const char *path, char *const *argv, char *const *envp, int flags)
{
	const struct start start = {directory, path, argv, flags, true};

	return hook(&start, envp);
}
