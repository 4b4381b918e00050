/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting another program: what is ours in its environment is put back if it loads us. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>

#include "kind.h"
#include "leaf.h"
#include "raw_syscall.h"
#include "runtime.h"
#include "text.h"

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

/* As kind_of_program(), for a file whose state @status tells. */
static enum spork_notice kept_kind(
	int directory, const char *path, int flags, const struct stat *status)
{
	uint8_t head[KIND_HEAD_BYTES] __attribute__((aligned(8)));
	const char *next;
	enum spork_notice kind;
	bool is_known;
	struct known_program *entry = entry_of(status, &is_known);

	if (is_known)
		return entry->kind;
	kind = kind_of_file(directory, path, flags, head, &next);
	/* A script's interpreter may change without the script; and a lack of descriptors passes. */
	if (next || kind == SPORK_NOTICE_EXEC_AWAY)
		return kind_of_program(directory, path, flags);
	*entry =
		(struct known_program){status->st_dev, status->st_ino, status->st_ctim, kind, true};
	return kind;
}

SPORK_FAST enum spork_notice spork_start_kind_kept(
	int directory, const char *path, char *const *envp, int flags)
{
	struct stat status;
	bool found = raw4(SYS_newfstatat, directory, path, &status, flags & AT_EMPTY_PATH) == 0;
	bool is_known = false;
	struct known_program *entry = found ? entry_of(&status, &is_known) : NULL;

	/* Nothing else can make a static program load us. */
	if (is_known && entry->kind == SPORK_NOTICE_EXEC_STATIC)
		return entry->kind;
	if (found && leaf_look_up(&status, envp) == SPORK_PROGRAM_LEAF)
		return SPORK_NOTICE_EXEC_LEAF;
	if (kind_is_watched(envp) || raw2(SYS_access, spork_library_path(), 4 /* R_OK */))
		return SPORK_NOTICE_EXEC_AWAY;
	if (raw0(SYS_getuid) != raw0(SYS_geteuid) || raw0(SYS_getgid) != raw0(SYS_getegid) ||
		!found)
		return kind_of_program(directory, path, flags);
	return kept_kind(directory, path, flags, &status);
}

struct start {
	int directory;
	const char *path;
	char *const *argv;
	int flags;
	bool at; /* execveat: plain execve stays what it is, for those who watch system calls */
};

SPORK_START static int64_t start_program(const struct start *start, char *const *envp)
{
	if (!start->at)
		return raw3(SYS_execve, start->path, start->argv, envp);
	return raw5(SYS_execveat, start->directory, start->path, start->argv, envp, start->flags);
}

/* On the stack of the caller, who may be a vfork child with little of it: at most 2,000 entries are put back. */
SPORK_START static int64_t start_with_us(const struct start *start, char *const *envp, size_t room)
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

SPORK_START static enum spork_notice find_kind(const struct start *start, char *const *envp)
{
	struct stat status;
	enum spork_program program = SPORK_PROGRAM_STARTS;
	enum spork_notice kind;

	if (raw4(SYS_newfstatat, start->directory, start->path, &status,
		    start->flags & AT_EMPTY_PATH) == 0)
		program = leaf_look_up(&status, envp);
	if (program == SPORK_PROGRAM_LEAF)
		return SPORK_NOTICE_EXEC_LEAF;
	kind = spork_start_kind(start->directory, start->path, envp, start->flags);
	if (kind == SPORK_NOTICE_EXEC && program == SPORK_PROGRAM_UNKNOWN)
		leaf_ask(start->path);
	return kind;
}

SPORK_START static int64_t start_as_wanted(const struct start *start, char *const *envp)
{
	size_t room = spork_environment_room(envp);
	enum spork_notice kind;
	int64_t result = -E2BIG;

	if (!start->path || room == 0)
		return start_program(start, envp);
	kind = find_kind(start, envp);
	spork_notice(kind, 1);
	if (kind == SPORK_NOTICE_EXEC)
		result = start_with_us(start, envp, room);
	/* Ours may be what is too much. */
	return result == -E2BIG ? start_program(start, envp) : result;
}

SPORK_START static int64_t hook(const struct start *start, char *const *envp)
{
	int64_t result;

	spork_count_executed(1);
	spork_fork_learn();
	result = start_as_wanted(start, envp);
	spork_count_executed(-1);
	return result;
}

SPORK_START int64_t spork_exec_hook(const char *path, char *const *argv, char *const *envp)
{
	const struct start start = {AT_FDCWD, path, argv, 0, false};

	return hook(&start, envp);
}

SPORK_START int64_t spork_execat_hook(
	int directory, const char *path, char *const *argv, char *const *envp, int flags)
{
	const struct start start = {directory, path, argv, flags, true};

	return hook(&start, envp);
}
