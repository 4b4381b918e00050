/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the processes of the sandbox use now, summed from /proc of the PID namespace. Runs in PID 1.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inside.h"

/* Large enough for the list of groups of a user who is in hundreds of them. */
#define FILE_BYTES 65536

struct entry64 {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

static ssize_t file_read(int folder, const char *name, char *buffer)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return -1;
	length = read(fd, buffer, FILE_BYTES - 1);
	(void)close(fd);
	if (length >= 0)
		buffer[length] = '\0';
	return length;
}

static uint64_t number_at(const char *text)
{
	uint64_t value = 0;

	while (*text == ' ' || *text == '\t')
		text++;
	while (*text >= '0' && *text <= '9')
		value = value * 10 + (uint64_t)(*text++ - '0');
	return value;
}

/* @name with the line break before it: a process may call itself "RssAnon:0", but it cannot break the line. */
static uint64_t field(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? number_at(at + strlen(name)) : 0;
}

/*
 * proc_pid_stat(5): user, system time and those of waited-for children are fields 14 to 17; the name may hold
 * anything.
 */
static int64_t stat_cpu_ns(const char *text)
{
	const char *at = strrchr(text, ')');
	uint64_t ticks = 0;

	for (unsigned number = 2; at && number < 17; number++) {
		at = strchr(at + 1, ' ');
		if (at && number >= 13)
			ticks += number_at(at);
	}
	return (int64_t)ticks * (1000000000 / 100);
}

static void process_add(struct inside *in, const char *name, struct usage *usage)
{
	char *buffer = in->scratch;
	int folder = openat(in->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0)
		return;
	if (file_read(folder, "status", buffer) > 0) {
		usage->memory_bytes += (field(buffer, "\nRssAnon:") + field(buffer, "\nRssShmem:"))
				       << 10;
		usage->processes += (unsigned)field(buffer, "\nThreads:");
	}
	if (file_read(folder, "stat", buffer) > 0)
		usage->cpu_ns += stat_cpu_ns(buffer);
	(void)close(folder);
}

void usage_sample(struct inside *in, struct usage *ret)
{
	char *entries = in->scratch + FILE_BYTES;

	*ret = (struct usage){0};
	if (lseek(in->proc, 0, SEEK_SET) < 0)
		return;
	for (;;) {
		long count = syscall(SYS_getdents64, in->proc, entries, FILE_BYTES);

		if (count <= 0)
			return;
		for (long at = 0; at < count;) {
			struct entry64 *entry = (struct entry64 *)(void *)(entries + at);

			at += entry->length;
			if (entry->name[0] >= '1' && entry->name[0] <= '9' &&
				strcmp(entry->name, "1") != 0)
				process_add(in, entry->name, ret);
		}
	}
}
