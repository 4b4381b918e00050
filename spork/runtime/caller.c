/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "caller.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>

#include "loader.h"
#include "raw_syscall.h"
#include "runtime.h"
#include "text.h"

#define STATUS_BYTES 4096

static const char *skip_blanks(const char *at)
{
	while (*at == ' ' || *at == '\t')
		at++;
	return at;
}

static uint64_t hexadecimal(const char *at)
{
	uint64_t value = 0;

	for (;; at++) {
		if (*at >= '0' && *at <= '9')
			value = value << 4 | (uint64_t)(*at - '0');
		else if (*at >= 'a' && *at <= 'f')
			value = value << 4 | (uint64_t)(*at - 'a' + 10);
		else
			return value;
	}
}

enum { TRACER, RSS, THREADS, CAUGHT, SECCOMP, FIELDS };

static const char *const names[FIELDS] = {
	"TracerPid:", "VmRSS:", "Threads:", "SigCgt:", "Seccomp:"};

static size_t name_length(const char *name)
{
	size_t length = 0;

	while (name[length])
		length++;
	return length;
}

#define LOOKS_MAX 32 /* attempts between two looks at the file: a debugger may have come */

uint64_t spork_handled_once;

int64_t spork_sigaction_hook(int number, const void *action, void *old, uint64_t size_bytes)
{
	int64_t result = raw4(SYS_rt_sigaction, number, action, old, size_bytes);

	/* The handler comes first in the kernel's structure; 0 and 1 are the default and to ignore. */
	if (result == 0 && action && number >= 1 && number <= 64 && *(const uint64_t *)action > 1)
		spork_handled_once |= 1ULL << (number - 1);
	return result;
}

/* What /proc said last time, and how often it may still be believed. */
static struct spork_caller last;
static uint32_t looks_left;

/* libc's own flag: true only while the process has one thread. */
SPORK_FAST static bool surely_single(void)
{
	static const char *flag;

	if (!flag) {
		const struct link_map *libc = loader_find("libc.so.6");

		flag = libc ? (const char *)loader_symbol(libc, "__libc_single_threaded") : NULL;
	}
	return flag && *flag;
}

SPORK_FAST enum caller_state caller_read(struct spork_caller *caller)
{
	uint64_t mask = caller->mask;
	enum caller_state state;

	if (looks_left > 0 && surely_single()) {
		looks_left--;
		*caller = last;
		caller->mask = mask;
		caller->caught = spork_handled_once;
		return raw5(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0) == 0 ? CALLER_FREE
									: CALLER_CONFINED;
	}
	state = caller_look(caller);
	/* Handlers that were not installed through libc are known to the kernel only. */
	if (state == CALLER_FREE && !caller->threaded && spork_resume_sigaction &&
		(caller->caught & ~spork_handled_once) == 0) {
		last = *caller;
		looks_left = LOOKS_MAX;
	}
	return state;
}

void caller_follow(const struct spork_caller *caller)
{
	if (spork_resume_sigaction)
		return;
	spork_handled_once |= caller->caught;
	spork_patch_sigaction();
}

static void name_namespace(const char *link, struct caller_namespace *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->length = raw3(SYS_readlink, link, ret->name, sizeof(ret->name));
}

bool caller_keeps_namespaces(struct caller_namespaces *own)
{
	static const char *const of_process[CALLER_NAMESPACES] = {
		"/proc/thread-self/ns/pid", "/proc/thread-self/ns/time"};
	static const char *const of_children[CALLER_NAMESPACES] = {
		"/proc/thread-self/ns/pid_for_children", "/proc/thread-self/ns/time_for_children"};
	struct caller_namespace found;

	for (int i = 0; !own->known && i < CALLER_NAMESPACES; i++)
		name_namespace(of_process[i], &own->own[i]);
	own->known = true;
	for (int i = 0; i < CALLER_NAMESPACES; i++) {
		/* One whose init does not exist yet has no name. */
		name_namespace(of_children[i], &found);
		if (memcmp(&found, &own->own[i], sizeof(found)) != 0)
			return false;
	}
	return true;
}

enum caller_state caller_look(struct spork_caller *caller)
{
	char text[STATUS_BYTES];
	uint64_t values[FIELDS] = {0};
	int64_t fd = raw4(SYS_openat, AT_FDCWD, "/proc/self/status", O_RDONLY | O_CLOEXEC, 0), got;
	int found = 0;

	if (fd < 0)
		return CALLER_UNKNOWN;
	got = raw3(SYS_read, fd, text, sizeof(text) - 1);
	(void)raw1(SYS_close, fd);
	if (got <= 0)
		return CALLER_UNKNOWN;
	text[got] = '\0';
	for (const char *line = text; *line && found < FIELDS;) {
		if (text_starts(line, names[found])) {
			const char *value = skip_blanks(line + name_length(names[found]));

			if (found == CAUGHT)
				values[found] = hexadecimal(value);
			else if (!text_number(value, &values[found]))
				return CALLER_UNKNOWN;
			found++;
		}
		while (*line && *line != '\n')
			line++;
		if (*line)
			line++;
	}
	if (found < FIELDS)
		return CALLER_UNKNOWN;
	caller->rss_bytes = values[RSS] << 10;
	caller->caught = values[CAUGHT];
	caller->threaded = values[THREADS] > 1;
	if (values[TRACER])
		return CALLER_TRACED;
	return values[SECCOMP] ? CALLER_CONFINED : CALLER_FREE;
}
