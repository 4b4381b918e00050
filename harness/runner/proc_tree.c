/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROCESSES_MAX 4096
#define ENVIRONMENT_BYTES_MAX ((size_t)64 << 10)

static ssize_t read_file(const char *path, char *buffer, size_t size_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;

	if (fd < 0)
		return -1;
	while (got < size_bytes - 1) {
		ssize_t n = read(fd, buffer + got, size_bytes - 1 - got);

		if (n <= 0)
			break;
		got += (size_t)n;
	}
	(void)close(fd);
	buffer[got] = '\0';
	return (ssize_t)got;
}

/* Without the kernel's list: every process whose parent is @pid. */
static size_t search_children(pid_t pid, pid_t *ret, size_t max)
{
	DIR *dir = opendir("/proc");
	size_t count = 0;

	if (!dir)
		return 0;
	for (const struct dirent *entry; count < max && (entry = readdir(dir));) {
		char path[300], stat[512];
		long parent;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		if (read_file(path, stat, sizeof(stat)) < 0)
			continue;
		/* The command's name may hold anything, so the last parenthesis counts. */
		const char *end = strrchr(stat, ')');

		if (end && sscanf(end + 1, " %*c %ld", &parent) == 1 && parent == pid)
			ret[count++] = (pid_t)strtol(entry->d_name, NULL, 10);
	}
	(void)closedir(dir);
	return count;
}

size_t hb_proc_children(pid_t pid, pid_t *ret, size_t max)
{
	char path[300], list[65536];
	size_t count = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *dir = opendir(path);

	if (!dir)
		return 0;
	for (const struct dirent *entry; (entry = readdir(dir));) {
		char *at = list, *end;

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(
			path, sizeof(path), "/proc/%d/task/%.20s/children", pid, entry->d_name);
		if (read_file(path, list, sizeof(list)) < 0) {
			(void)closedir(dir);
			return access("/proc/self/task", F_OK) == 0 && access(path, F_OK) != 0
				       ? search_children(pid, ret, max)
				       : count;
		}
		for (long child; count < max && (child = strtol(at, &end, 10)) > 0; at = end)
			ret[count++] = (pid_t)child;
	}
	(void)closedir(dir);
	return count;
}

static uint64_t rss(pid_t pid)
{
	char path[64], text[256];
	unsigned long long pages;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	if (read_file(path, text, sizeof(text)) < 0 || sscanf(text, "%*s %llu", &pages) != 1)
		return 0;
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t hb_proc_tree_rss(pid_t pid)
{
	static __thread pid_t queue[PROCESSES_MAX];
	size_t count = hb_proc_children(pid, queue, PROCESSES_MAX);
	uint64_t bytes = 0;

	for (size_t i = 0; i < count; i++) {
		bytes += rss(queue[i]);
		count += hb_proc_children(queue[i], queue + count, PROCESSES_MAX - count);
	}
	return bytes;
}

bool hb_proc_has_environment(pid_t pid, const char *assignment)
{
	char path[64];
	char *text = malloc(ENVIRONMENT_BYTES_MAX);
	bool found = false;

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	ssize_t got = text ? read_file(path, text, ENVIRONMENT_BYTES_MAX) : -1;

	for (ssize_t i = 0; i < got && !found; i += (ssize_t)strlen(text + i) + 1)
		found = !strcmp(text + i, assignment);
	free(text);
	return found;
}
