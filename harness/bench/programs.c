/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
