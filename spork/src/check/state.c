/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUOTED_MAX 4096
#define FDS_MAX 1024
#define RANKS_MAX 128
#define GET_MDWE 66 /* PR_GET_MDWE; in no header of Debian 12 */

void spork_text_add(struct spork_text *text, const char *format, ...)
{
	size_t room = text->capacity - text->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->bytes + text->length, room, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= room) {
		text->full = 1;
		text->bytes[text->length] = '\0';
		return;
	}
	text->length += (size_t)length;
}

void spork_text_add_quoted(struct spork_text *text, const char *string)
{
	for (size_t i = 0; i < QUOTED_MAX && string[i]; i++) {
		unsigned char byte = (unsigned char)string[i];

		if (byte < ' ' || byte > '~' || byte == '\\' || byte == '"')
			spork_text_add(text, "\\x%02x", byte);
		else
			spork_text_add(text, "%c", byte);
	}
}

/* A whole small file; its length, or -errno with "" in @buffer. */
static int read_file(const char *path, char *buffer, size_t capacity)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got = -1;

	buffer[0] = '\0';
	if (fd < 0)
		return -errno;
	while (length < capacity - 1 &&
		(got = read(fd, buffer + length, capacity - 1 - length)) > 0)
		length += (size_t)got;
	buffer[length] = '\0';
	(void)close(fd);
	return (int)length;
}

static void add_path(struct spork_text *text, const char *work, const char *path)
{
	size_t length = work ? strlen(work) : 0;

	if (length && strncmp(path, work, length) == 0 &&
		(path[length] == '/' || path[length] == '\0')) {
		spork_text_add(text, "WORK");
		path += length;
	}
	spork_text_add_quoted(text, path);
}

static void add_cwd(struct spork_text *text, const char *work)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/cwd", path, sizeof(path) - 1);

	spork_text_add(text, "cwd ");
	if (length < 0) {
		spork_text_add(text, "?%d\n", errno);
		return;
	}
	path[length] = '\0';
	add_path(text, work, path);
	spork_text_add(text, "\n");
}

/* The lines of /proc/self/status that are inherited or set by calls. */
static void add_status(struct spork_text *text)
{
	/* Not the number of threads: one that has been joined is counted a moment longer. */
	static const char *const names[] = {"Umask", "Uid", "Gid", "Groups", "SigPnd", "ShdPnd",
		"SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
		"NoNewPrivs", "Seccomp", "Cpus_allowed", "CoreDumping", "THP_enabled", "TracerPid"};
	char buffer[8192];
	int length = read_file("/proc/self/status", buffer, sizeof(buffer));

	if (length < 0)
		spork_text_add(text, "status ?%d\n", -length);
	for (char *line = buffer; line && *line;) {
		char *end = strchr(line, '\n');
		char *colon = strchr(line, ':');

		if (end)
			*end = '\0';
		for (size_t i = 0; colon && i < sizeof(names) / sizeof(names[0]); i++) {
			if (strlen(names[i]) == (size_t)(colon - line) &&
				strncmp(line, names[i], (size_t)(colon - line)) == 0)
				spork_text_add(text, "%s\n", line);
		}
		line = end ? end + 1 : NULL;
	}
}

static const char *relation(pid_t id, pid_t parents)
{
	if (id == getpid())
		return "own";
	if (id == parents)
		return "the parent's";
	return id == 0 ? "none" : "another";
}

static void add_relations(struct spork_text *text)
{
	char buffer[2048];
	int group = 0, session = 0, tty = 0, foreground = 0, parent = 0;
	int length = read_file("/proc/self/stat", buffer, sizeof(buffer));
	char *after = length > 0 ? strrchr(buffer, ')') : NULL;
	int exit_signal = -1, field = 3;

	if (!after || sscanf(after + 2, "%*c %d %d %d %d %d", &parent, &group, &session, &tty,
			      &foreground) != 5) {
		spork_text_add(text, "stat ?%d\n", length);
		return;
	}
	for (char *at = after + 2; at && field <= 38; at = strchr(at, ' '), field++) {
		at += field > 3;
		if (field == 38)
			exit_signal = atoi(at);
	}
	spork_text_add(text, "group %s\nsession %s\n", relation(group, getpgid(parent)),
		relation(session, getsid(parent)));
	spork_text_add(text, "terminal %s\nforeground %s\n", tty ? "yes" : "no",
		tty ? relation(foreground, getpgid(parent)) : "-");
	spork_text_add(text, "exit_signal %d\nleads_threads %d\n", exit_signal,
		syscall(SYS_gettid) == getpid());
}

static void add_limits(struct spork_text *text)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit limit;

		if (getrlimit((__rlimit_resource_t)i, &limit) == 0)
			spork_text_add(text, "limit %d %lld %lld\n", i, (long long)limit.rlim_cur,
				(long long)limit.rlim_max);
	}
}

static void add_file(struct spork_text *text, const char *name, const char *path)
{
	char buffer[256];
	int length = read_file(path, buffer, sizeof(buffer));

	if (length < 0) {
		spork_text_add(text, "%s ?%d\n", name, -length);
		return;
	}
	buffer[strcspn(buffer, "\n")] = '\0';
	spork_text_add(text, "%s %s\n", name, buffer);
}

static void add_attributes(struct spork_text *text)
{
	static const struct {
		const char *name;
		int option;
	} simple[] = {{"dumpable", PR_GET_DUMPABLE}, {"keepcaps", PR_GET_KEEPCAPS},
		{"thp_disable", PR_GET_THP_DISABLE}, {"mdwe", GET_MDWE},
		{"securebits", PR_GET_SECUREBITS}, {"timerslack", PR_GET_TIMERSLACK},
		{"io_flusher", PR_GET_IO_FLUSHER}, {"timing", PR_GET_TIMING}};
	int value = 0;

	for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++)
		spork_text_add(
			text, "%s %d\n", simple[i].name, prctl(simple[i].option, 0L, 0L, 0L, 0L));
	(void)prctl(PR_GET_PDEATHSIG, &value);
	spork_text_add(text, "death_signal %d\n", value);
	(void)prctl(PR_GET_CHILD_SUBREAPER, &value);
	spork_text_add(text, "subreaper %d\n", value);
	spork_text_add(text, "personality %x\n", (unsigned)personality(0xffffffff));
	errno = 0;
	spork_text_add(text, "nice %d\n", getpriority(PRIO_PROCESS, 0));
	spork_text_add(text, "io_priority %ld\n", syscall(SYS_ioprio_get, 1, 0));
	spork_text_add(text, "scheduler %ld\n", syscall(SYS_sched_getscheduler, 0));
	add_file(text, "comm", "/proc/self/comm");
	add_file(text, "oom_score_adj", "/proc/self/oom_score_adj");
	add_file(text, "coredump_filter", "/proc/self/coredump_filter");
}

static void add_timers(struct spork_text *text)
{
	char buffer[1024];
	int length = read_file("/proc/self/timers", buffer, sizeof(buffer));

	for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++) {
		struct itimerval timer = {0};

		(void)getitimer((__itimer_which_t)which, &timer);
		spork_text_add(text, "itimer %d %s %ld.%06ld\n", which,
			timer.it_value.tv_sec || timer.it_value.tv_usec ? "set" : "off",
			(long)timer.it_interval.tv_sec, (long)timer.it_interval.tv_usec);
	}
	if (length >= 0)
		spork_text_add(text, "timers %s\n", length ? "some" : "none");
}

/* Objects without a name have inode numbers, which become ranks in the order of descriptors. */
struct ranks {
	char names[RANKS_MAX][64];
	int count;
};

static int rank_of(struct ranks *ranks, const char *name)
{
	for (int i = 0; i < ranks->count; i++) {
		if (strncmp(ranks->names[i], name, 63) == 0)
			return i;
	}
	if (ranks->count == RANKS_MAX)
		return -1;
	(void)snprintf(ranks->names[ranks->count], 64, "%s", name);
	return ranks->count++;
}

static void add_descriptor(struct spork_text *text, const char *work, struct ranks *ranks, int fd)
{
	char link[64], path[4096], info[1024];
	ssize_t length;
	long long position = -1;
	unsigned flags = 0;
	char *open_bracket;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return;
	path[length] = '\0';
	(void)snprintf(link, sizeof(link), "/proc/self/fdinfo/%d", fd);
	if (read_file(link, info, sizeof(info)) > 0)
		(void)sscanf(info, "pos: %lld flags: %o", &position, &flags);
	open_bracket = strstr(path, ":[");
	spork_text_add(text, "fd %d ", fd);
	if (open_bracket) {
		int rank = rank_of(ranks, path);

		*open_bracket = '\0';
		spork_text_add(text, "%s#%d", path, rank);
	} else if (strncmp(path, "/dev/pts/", 9) == 0) {
		spork_text_add(text, "terminal#%d", rank_of(ranks, path));
	} else {
		add_path(text, work, path);
	}
	spork_text_add(text, " at %lld flags %o%s\n", position, flags & ~(unsigned)O_CLOEXEC,
		flags & O_CLOEXEC ? " cloexec" : "");
}

static int compare_ints(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void add_descriptors(struct spork_text *text, const char *work)
{
	static struct ranks ranks;
	int fds[FDS_MAX], count = 0;
	int folder = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char buffer[4096];
	long got;

	ranks.count = 0;
	if (folder < 0) {
		spork_text_add(text, "fds ?%d\n", errno);
		return;
	}
	while ((got = syscall(SYS_getdents64, folder, buffer, sizeof(buffer))) > 0) {
		for (long at = 0; at < got;) {
			struct dirent64 entry;

			memcpy(&entry, buffer + at, offsetof(struct dirent64, d_name));
			if (buffer[at + (long)offsetof(struct dirent64, d_name)] != '.' &&
				count < FDS_MAX)
				fds[count++] =
					atoi(buffer + at + (long)offsetof(struct dirent64, d_name));
			at += entry.d_reclen;
		}
	}
	(void)close(folder);
	qsort(fds, (size_t)count, sizeof(fds[0]), compare_ints);
	for (int i = 0; i < count; i++) {
		if (fds[i] != folder)
			add_descriptor(text, work, &ranks, fds[i]);
	}
}

/* The kernel's own layout: libc's sigaction() hides SA_RESTORER and its two internal signals. */
struct kernel_action {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

static void add_handlers(struct spork_text *text)
{
	stack_t stack = {0};

	for (int number = 1; number <= 64; number++) {
		struct kernel_action action = {0};

		if (syscall(SYS_rt_sigaction, number, NULL, &action, 8L))
			continue;
		if (action.handler == SIG_DFL && action.flags == 0 && action.mask == 0)
			continue;
		spork_text_add(text, "signal %d %s flags %lx mask %lx\n", number,
			action.handler == SIG_DFL   ? "default"
			: action.handler == SIG_IGN ? "ignored"
						    : "handled",
			action.flags, action.mask);
	}
	(void)sigaltstack(NULL, &stack);
	spork_text_add(text, "signal_stack %s\n", stack.ss_flags & SS_DISABLE ? "off" : "on");
}

void spork_state_describe(struct spork_text *text, const char *work, int handlers)
{
	add_cwd(text, work);
	add_status(text);
	add_relations(text);
	add_limits(text);
	add_attributes(text);
	add_timers(text);
	add_descriptors(text, work);
	if (handlers)
		add_handlers(text);
}
