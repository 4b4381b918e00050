/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "caller.h"

#include <fcntl.h>

#include "raw_syscall.h"
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

enum caller_state caller_read(struct spork_caller *caller)
{
	char text[STATUS_BYTES];
	uint64_t values[FIELDS] = {0};
	int64_t fd = raw3(SYS_open, "/proc/self/status", O_RDONLY | O_CLOEXEC, 0), got;
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
