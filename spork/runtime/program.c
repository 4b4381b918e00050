/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Starting another program: is it one that loads us? Set-id programs, static ones and those of another dynamic
 * linker get the environment as their starter meant it, because nobody would take ours out again.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "raw_syscall.h"
#include "runtime.h"
#include "text.h"

#define HEAD_BYTES 1024
#define SCRIPT_DEPTH 4

/* Where @address of the image lies in the file; 0 = nowhere. */
static uint64_t file_offset(const uint8_t *head, uint64_t address)
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
static bool wants_to_be_first(int64_t fd, const uint8_t *head)
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

static enum spork_notice kind_of_elf(int64_t fd, const uint8_t *head, size_t size_bytes,
	int directory, const char *path, int flags)
{
	if (!loads_us(head, size_bytes))
		return SPORK_NOTICE_EXEC_STATIC;
	if (is_set_id(directory, path, flags))
		return SPORK_NOTICE_EXEC_SETUID;
	return wants_to_be_first(fd, head) ? SPORK_NOTICE_EXEC_AWAY : SPORK_NOTICE_EXEC;
}

/* One file: what it is, or SPORK_NOTICE_COUNT for a script, whose interpreter is then in @head at *@ret_next. */
static enum spork_notice kind_of_file(
	int directory, const char *path, int flags, uint8_t *head, const char **ret_next)
{
	bool empty = (flags & AT_EMPTY_PATH) && !path[0];
	int64_t fd = empty ? directory
			   : raw4(SYS_openat, directory, path,
				     O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
	int64_t got = fd < 0 ? 0 : raw4(SYS_pread64, fd, head, HEAD_BYTES, 0);
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

static enum spork_notice program_kind(int directory, const char *path, int flags)
{
	uint8_t heads[2][HEAD_BYTES] __attribute__((aligned(8)));
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

/* The dynamic linker tells what it loads: it must not tell of us. And nothing may come before some libraries. */
static bool is_watched(char *const *envp)
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

enum spork_notice spork_start_kind(int directory, const char *path, char *const *envp, int flags)
{
	return is_watched(envp) ? SPORK_NOTICE_EXEC_AWAY : program_kind(directory, path, flags);
}

/* What was found out about one file. */
struct known_program {
	uint64_t device, inode;
	struct timespec changed;
	enum spork_notice kind;
	bool valid;
};

#define KNOWN_PROGRAMS 8

static struct known_program known[KNOWN_PROGRAMS];

/* What is known of a file whose state @status tells: its entry, which may be another's. */
SPORK_FAST static struct known_program *entry_of(const struct stat *status, bool *ret_known)
{
	struct known_program *entry = &known[status->st_ino % KNOWN_PROGRAMS];

	*ret_known = entry->valid && entry->device == status->st_dev &&
		     entry->inode == status->st_ino &&
		     entry->changed.tv_sec == status->st_ctim.tv_sec &&
		     entry->changed.tv_nsec == status->st_ctim.tv_nsec;
	return entry;
}

/* As program_kind(), for a file whose state @status tells. */
static enum spork_notice kept_kind(
	int directory, const char *path, int flags, const struct stat *status)
{
	uint8_t head[HEAD_BYTES] __attribute__((aligned(8)));
	const char *next;
	enum spork_notice kind;
	bool is_known;
	struct known_program *entry = entry_of(status, &is_known);

	if (is_known)
		return entry->kind;
	kind = kind_of_file(directory, path, flags, head, &next);
	/* A script's interpreter may change without the script; and a lack of descriptors passes. */
	if (next || kind == SPORK_NOTICE_EXEC_AWAY)
		return program_kind(directory, path, flags);
	*entry =
		(struct known_program){status->st_dev, status->st_ino, status->st_ctim, kind, true};
	return kind;
}

/*
 * A program that was found to be static, by its path, and for how many starts that is still believed: should another
 * stand there by then, it is not followed, which it cannot notice.
 */
#define BELIEVED_STARTS 31
#define BELIEVED_BYTES 256

static struct {
	uint32_t left;
	char path[BELIEVED_BYTES];
} believed;

SPORK_FAST static bool is_believed(int directory, const char *path, int flags)
{
	if (believed.left == 0 || directory != AT_FDCWD || flags != 0 ||
		!text_equal(path, believed.path))
		return false;
	believed.left--;
	return true;
}

/* A child shares this memory and can be killed at any moment. */
static void believe(int directory, const char *path, int flags)
{
	if (directory != AT_FDCWD || flags != 0 || path[0] != '/')
		return;
	__atomic_store_n(&believed.left, 0, __ATOMIC_RELEASE);
	if (text_append(believed.path, BELIEVED_BYTES, 0, path) + 1 < BELIEVED_BYTES)
		__atomic_store_n(&believed.left, BELIEVED_STARTS, __ATOMIC_RELEASE);
}

SPORK_FAST enum spork_notice spork_start_kind_kept(
	int directory, const char *path, char *const *envp, int flags)
{
	struct stat status;
	bool found, is_known = false;
	struct known_program *entry;

	if (is_believed(directory, path, flags))
		return SPORK_NOTICE_EXEC_STATIC;
	found = raw4(SYS_newfstatat, directory, path, &status, flags & AT_EMPTY_PATH) == 0;
	entry = found ? entry_of(&status, &is_known) : NULL;
	/* Nothing else can make a static program load us. */
	if (is_known && entry->kind == SPORK_NOTICE_EXEC_STATIC) {
		believe(directory, path, flags);
		return entry->kind;
	}
	if (is_watched(envp) || raw2(SYS_access, spork_library_path(), 4 /* R_OK */))
		return SPORK_NOTICE_EXEC_AWAY;
	if (raw0(SYS_getuid) != raw0(SYS_geteuid) || raw0(SYS_getgid) != raw0(SYS_getegid) ||
		!found)
		return program_kind(directory, path, flags);
	return kept_kind(directory, path, flags, &status);
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

static int64_t start_as_wanted(const struct start *start, char *const *envp)
{
	size_t room = spork_environment_room(envp);
	enum spork_notice kind;
	int64_t result = -E2BIG;

	if (!start->path || room == 0)
		return start_program(start, envp);
	kind = spork_start_kind(start->directory, start->path, envp, start->flags);
	spork_notice(kind, 1);
	if (kind == SPORK_NOTICE_EXEC)
		result = start_with_us(start, envp, room);
	/* Ours may be what is too much. */
	return result == -E2BIG ? start_program(start, envp) : result;
}

static int64_t hook(const struct start *start, char *const *envp)
{
	int64_t result;

	spork_count_executed(1);
	spork_fork_learn();
	result = start_as_wanted(start, envp);
	spork_count_executed(-1);
	return result;
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
