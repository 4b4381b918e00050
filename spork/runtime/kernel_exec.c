/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The end of the interpretation: path, arguments and environment are taken out of the overlay, what has been
 * deferred is carried out, and the child's process executes the program.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "arena.h"
#include "kernel.h"
#include "raw_syscall.h"
#include "record.h"
#include "runtime.h"
#include "shared.h"

#define POINTERS_MAX 65536
#define HEAD_BYTES 1024
#define SCRIPT_LINE 250      /* what the kernel looks at, and a little less */
#define STRING_MAX 131072ULL /* bytes of one string: MAX_ARG_STRLEN */
#define EXECUTE 1            /* X_OK */

#define STRETCHES 4

/* Room for copies; and stretches of memory that the child sees as the parent does, to the end of their mappings. */
struct strings {
	uint8_t *at, *end;
	struct {
		uint64_t start, end;
	} untouched[STRETCHES];
	uint32_t stretches; /* found so far; the last ones are kept */
};

/* The end of the stretch that holds @address, 0 = there is none. Such memory needs no copy: the child shares it. */
SPORK_FAST static uint64_t untouched_until(struct kernel *k, struct strings *s, uint64_t address)
{
	uint64_t bytes;
	uint32_t at;
	bool whole;

	for (at = 0; at < s->stretches && at < STRETCHES; at++) {
		if (address >= s->untouched[at].start && address < s->untouched[at].end)
			return s->untouched[at].end;
	}
	if (shared_state(k->attempt))
		return 0;
	bytes = spork_overlay_untouched(k->attempt->machine.overlay, address, &whole);
	if (bytes == 0 || !whole)
		return 0;
	at = s->stretches++ % STRETCHES;
	s->untouched[at].start = address;
	s->untouched[at].end = address + bytes;
	return address + bytes;
}

SPORK_FAST static char *take_string(struct kernel *k, struct strings *s, uint64_t address)
{
	char *text = (char *)s->at;
	int64_t length;

	if (untouched_until(k, s, address))
		return (char *)address;
	length = kernel_string(k, address, text, (uint64_t)(s->end - s->at));
	if (length < 0)
		return NULL;
	s->at += length + 1;
	return text;
}

static void *take(struct strings *s, size_t size_bytes)
{
	uint8_t *at = (uint8_t *)(((uintptr_t)s->at + 15) & ~(uintptr_t)15);

	if (at > s->end || size_bytes > (size_t)(s->end - at))
		return NULL;
	s->at = at + size_bytes;
	return at;
}

/* A list that needs no copy, and none of whose strings does, as it stands; NULL = it does. */
SPORK_FAST static char **list_in_place(struct kernel *k, struct strings *s, uint64_t address)
{
	uint64_t end = address % 8 ? 0 : untouched_until(k, s, address), start = 0, stop = 0;
	const uint64_t *pointers = (const uint64_t *)address;

	for (size_t i = 0; i < POINTERS_MAX && address + (i + 1) * 8 <= end; i++) {
		if (pointers[i] == 0)
			return (char **)address;
		if (pointers[i] >= start && pointers[i] < stop)
			continue;
		start = pointers[i];
		stop = untouched_until(k, s, start);
		if (stop == 0)
			return NULL;
	}
	return NULL;
}

/* A NULL-terminated list of strings; NULL = too much, or not readable. */
SPORK_FAST static char **take_list(struct kernel *k, struct strings *s, uint64_t address)
{
	char **list = address ? list_in_place(k, s, address) : NULL;
	size_t count = 0;
	uint64_t pointer = 1;

	if (list)
		return list;
	while (address && count < POINTERS_MAX && pointer) {
		if (!kernel_read(k, address + count * 8, &pointer, sizeof(pointer)))
			return NULL;
		count += pointer != 0;
	}
	list = count < POINTERS_MAX ? take(s, (count + 1) * sizeof(*list)) : NULL;
	if (!list)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		if (!kernel_read(k, address + i * 8, &pointer, sizeof(pointer)))
			return NULL;
		list[i] = take_string(k, s, pointer);
		if (!list[i])
			return NULL;
	}
	list[count] = NULL;
	return list;
}

struct start {
	bool at;
	int directory, flags;
	const char *path;
	char **argv, **envp;
};

SPORK_FAST static bool read_path(struct kernel *k, bool at, struct strings *s, struct start *ret)
{
	int first = at ? 1 : 0;

	*ret = (struct start){.at = at, .directory = AT_FDCWD};
	if (at) {
		ret->directory = (int)kernel_argument(k, 0);
		ret->flags = (int)kernel_argument(k, 4);
	}
	ret->path = take_string(k, s, kernel_argument(k, first));
	if (!ret->path)
		return false;
	return true;
}

SPORK_FAST static bool read_lists(struct kernel *k, struct strings *s, struct start *start)
{
	int first = start->at ? 2 : 1;

	start->argv = take_list(k, s, kernel_argument(k, first));
	start->envp = start->argv ? take_list(k, s, kernel_argument(k, first + 1)) : NULL;
	return start->envp != NULL;
}

/* The kernel's answer to a file that is not there or must not be executed, without an attempt. 0: it may be. */
static int64_t foresee(const struct start *start)
{
	int64_t err = raw4(SYS_faccessat2, start->directory, start->path, EXECUTE,
		AT_EACCESS | (start->flags & (AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)));

	return err == -ENOSYS || err == -EINVAL ? 0 : err;
}

SPORK_FAST static bool is_last_of_recipe(void)
{
	return spork_arena->recipe_on &&
	       spork_trace_ends(spork_arena->recipe, spork_arena->recipe_position);
}

/* An executable of this machine, whose dynamic linker is there. @head: HEAD_BYTES, @got of them read. */
static bool starts(const uint8_t *head, int64_t got)
{
	const Elf64_Ehdr *header = (const void *)head;

	if (got < (int64_t)sizeof(*header) || memcmp(head, ELFMAG, SELFMAG) != 0 ||
		header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != EM_X86_64 ||
		(header->e_type != ET_EXEC && header->e_type != ET_DYN) ||
		header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 ||
		header->e_phoff > (uint64_t)got || header->e_phoff % 8 ||
		header->e_phnum * sizeof(Elf64_Phdr) > (uint64_t)got - header->e_phoff)
		return false;
	for (int i = 0; i < header->e_phnum; i++) {
		const Elf64_Phdr *segment = (const void *)(head + header->e_phoff);

		segment += i;
		if (segment->p_type == PT_INTERP)
			return segment->p_offset < (uint64_t)got && segment->p_filesz > 1 &&
			       segment->p_filesz <= (uint64_t)got - segment->p_offset &&
			       head[segment->p_offset + segment->p_filesz - 1] == '\0' &&
			       raw4(SYS_faccessat2, AT_FDCWD, head + segment->p_offset, EXECUTE,
				       AT_EACCESS) == 0;
	}
	return true;
}

static int64_t read_head(const char *path, uint8_t *head)
{
	struct stat status;
	int64_t fd, got;

	if (raw2(SYS_stat, path, &status) || !S_ISREG(status.st_mode) ||
		raw4(SYS_faccessat2, AT_FDCWD, path, EXECUTE, AT_EACCESS))
		return -1;
	fd = raw3(SYS_open, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	got = raw4(SYS_pread64, fd, head, HEAD_BYTES, 0);
	(void)raw1(SYS_close, fd);
	return got;
}

/* The kernel's limits of what a program is given: each string, and all of them, with room to spare for its own. */
static bool fits(const struct start *start)
{
	uint64_t total = 64 * 1024;
	char *const *const lists[] = {start->argv, start->envp};
	struct rlimit stack;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (char *const *list = lists[i]; *list; list++) {
			uint64_t length = strlen(*list) + 1;

			if (length >= STRING_MAX)
				return false;
			total += length + sizeof(*list);
		}
	}
	return raw2(SYS_getrlimit, RLIMIT_STACK, &stack) == 0 && total < stack.rlim_cur / 4;
}

/* Will exec succeed, as far as one can see? Asked only when effects outside depend on it. */
static bool certain(const struct start *start)
{
	uint8_t head[HEAD_BYTES] __attribute__((aligned(8)));
	int64_t got = start->at ? -1 : read_head(start->path, head);

	if (got < 0 || !fits(start))
		return false;
	if (starts(head, got))
		return true;
	/* A script, whose interpreter must be a program. */
	if (got < 3 || head[0] != '#' || head[1] != '!')
		return false;
	for (int64_t from = 2, to; from < got && from < SCRIPT_LINE; from = to + 1) {
		for (to = from;
			to < got && head[to] != ' ' && head[to] != '\t' && head[to] != '\n';)
			to++;
		if (to == from)
			continue;
		if (to >= SCRIPT_LINE || to == got)
			return false;
		head[to] = '\0';
		got = read_head((const char *)head + from, head);
		return starts(head, got);
	}
	return false;
}

SPORK_FAST static int64_t start_program(const struct start *start, char *const *envp)
{
	if (!start->at)
		return raw3(SYS_execve, start->path, start->argv, envp);
	return raw5(SYS_execveat, start->directory, start->path, start->argv, envp, start->flags);
}

SPORK_FAST static char *const *environment(const struct start *start, struct strings *s)
{
	size_t room = spork_environment_room(start->envp);
	enum spork_notice kind = room ? spork_start_kind_kept(start->directory, start->path,
						start->envp, start->flags)
				      : SPORK_NOTICE_EXEC_AWAY;
	char **list;
	char *text;

	spork_notice(kind, 1);
	if (kind != SPORK_NOTICE_EXEC)
		return start->envp;
	/* The program's own list may be in place. */
	text = take(s, SPORK_TEXT_BYTES);
	list = text ? take(s, room * sizeof(*list)) : NULL;
	return list ? spork_environment_put(start->envp, list, text) : start->envp;
}

SPORK_FAST enum call_result kernel_exec(struct kernel *k, bool at)
{
	struct strings strings = {.at = spork_arena->strings,
		.end = spork_arena->strings + sizeof(spork_arena->strings)};
	struct start start;
	char *const *envp;
	int64_t err;

	if (!k->child)
		return CALL_CHILD;
	if (!read_path(k, at, &strings, &start))
		return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
	/* Along PATH most are not there: their arguments are not worth copying. Where a recipe ends it was there. */
	err = is_last_of_recipe() ? 0 : foresee(&start);
	if (err)
		return kernel_result(k, err);
	if (!read_lists(k, &strings, &start))
		return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
	if (k->attempt->caller.threaded && spork_overlay_validate(k->attempt->machine.overlay))
		return kernel_abort(k, SPORK_ABORT_STALE);
	if (!k->committed && kernel_signal_waits(k))
		return kernel_abort(k, SPORK_ABORT_SIGNAL);
	envp = environment(&start, &strings);
	if (kernel_defers_file(k, start.directory, start.path))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	if (k->deferred_count > 0 && (!certain(&start) || !kernel_commit(k)))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	kernel_signals_apply(k);
	k->attempt->outcome = RECORD_EXEC;
	spork_arena->recipe_led = spork_arena->recipe_on;
	err = start_program(&start, envp);
	kernel_signals_block();
	k->attempt->outcome = k->committed ? RECORD_COMMITTED : RECORD_RUNS;
	/* Our part of the environment may be what is too much. */
	if (err == -E2BIG && !k->committed)
		return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
	return kernel_result(k, err);
}

SPORK_FAST void kernel_exec_at_once(struct kernel *k, const char *path, char **argv, char **envp)
{
	struct strings strings = {.at = spork_arena->strings,
		.end = spork_arena->strings + sizeof(spork_arena->strings)};
	const struct start start = {
		.directory = AT_FDCWD, .path = path, .argv = argv, .envp = envp};
	char *const *list;

	k->attempt->reason = SPORK_ABORT_SIGNAL;
	if (kernel_signal_waits(k))
		return;
	list = environment(&start, &strings);
	kernel_signals_apply(k);
	k->attempt->outcome = RECORD_EXEC;
	(void)start_program(&start, list);
	kernel_signals_block();
	k->attempt->reason = SPORK_ABORT_ARGUMENTS;
}
