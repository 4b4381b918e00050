/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/clock.h>

extern char **environ;

int program_driver(char *path)
{
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (length < 0)
		return -errno;
	path[length] = '\0';
	return 0;
}

int program_runner(char *path)
{
	char driver[PATH_MAX];
	char *slash;
	int result = program_driver(driver);

	if (result < 0)
		return result;
	/* BUILD/harness/bench/hotbed-harness -> BUILD/harness/hotbed */
	for (int i = 0; i < 2; i++) {
		slash = strrchr(driver, '/');
		if (!slash)
			return -ENOENT;
		*slash = '\0';
	}
	if (snprintf(path, PATH_MAX, "%s/hotbed", driver) >= PATH_MAX)
		return -ENAMETOOLONG;
	return access(path, X_OK) == 0 ? 0 : -errno;
}

int program_run(const char *const *argv, const char *output, struct program_cost *ret)
{
	posix_spawn_file_actions_t actions;
	int64_t begin_ns = hb_clock_now_ns();
	struct rusage usage;
	pid_t pid;
	int result = posix_spawn_file_actions_init(&actions);

	if (result != 0)
		return -result;
	result = posix_spawn_file_actions_addopen(
		&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (result == 0)
		result = posix_spawnp(
			&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (result != 0)
		return -result;
	while (wait4(pid, &ret->status, 0, &usage) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	ret->time_ns = hb_clock_now_ns() - begin_ns;
	ret->rss_bytes = (uint64_t)usage.ru_maxrss * 1024;
	return 0;
}

int program_output(const char *path, char *buffer, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t length;

	if (!file)
		return -errno;
	length = fread(buffer, 1, size - 1, file);
	buffer[length] = '\0';
	(void)fclose(file);
	return 0;
}
