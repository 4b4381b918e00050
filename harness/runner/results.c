/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where things lie: the build that this program belongs to, and the folders of earlier runs. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/error.h>

#include "command.h"

#define RESULTS_DIR "results"

const char *hb_build_root(void)
{
	static char root[PATH_MAX];
	char candidate[PATH_MAX + 16];
	ssize_t length;
	char *slash;

	if (root[0])
		return root;
	length = readlink("/proc/self/exe", root, sizeof(root) - 1);
	if (length <= 0) {
		root[0] = '.';
		root[1] = '\0';
		return root;
	}
	root[length] = '\0';
	/* Programs and tests lie at different depths; the build's own folder is the one with the manifest. */
	while ((slash = strrchr(root, '/')) != NULL && slash != root) {
		*slash = '\0';
		snprintf(candidate, sizeof(candidate), "%s/drivers.json", root);
		if (!access(candidate, F_OK))
			return root;
	}
	/* No manifest: build/harness/hotbed, two levels up, so that messages name the expected place. */
	length = readlink("/proc/self/exe", root, sizeof(root) - 1);
	root[length] = '\0';
	for (int level = 0; level < 2 && (slash = strrchr(root, '/')) && slash != root; level++)
		*slash = '\0';
	return root;
}

static bool is_run(const char *name)
{
	char path[PATH_MAX];
	struct stat status;

	if (name[0] == '.' || !strcmp(name, "latest"))
		return false;
	if (snprintf(path, sizeof(path), RESULTS_DIR "/%s", name) >= (int)sizeof(path))
		return false;
	return !stat(path, &status) && S_ISDIR(status.st_mode);
}

/*
 * The greatest run_id that begins with @prefix, and how many do. Run ids are UUIDv7: their order is that of time.
 * @ret_name: NAME_MAX + 1 bytes, "" if there is none.
 */
static int scan_runs(const char *prefix, char *ret_name, size_t *ret_count, struct hb_error *reterr)
{
	DIR *dir = opendir(RESULTS_DIR);
	const struct dirent *entry;

	*ret_count = 0;
	ret_name[0] = '\0';
	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return hb_error_set_at(reterr, -errno, RESULTS_DIR, 0, "cannot list the runs: %s",
			strerror(errno));
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 || !is_run(entry->d_name))
			continue;
		(*ret_count)++;
		if (strcmp(entry->d_name, ret_name) > 0)
			snprintf(ret_name, NAME_MAX + 1, "%s", entry->d_name);
	}
	closedir(dir);
	return 0;
}

static int join_run(const char *name, char **ret_path, struct hb_error *reterr)
{
	char *path;

	if (asprintf(&path, RESULTS_DIR "/%s", name) < 0)
		return hb_error_set(reterr, -ENOMEM, "not enough memory for a path");
	*ret_path = path;
	return 0;
}

static int find_latest(char **ret_path, struct hb_error *reterr)
{
	char name[NAME_MAX + 1];
	struct stat status;
	ssize_t length;
	size_t count;
	int r;

	/* The link is what the last run left; after a cleaning by hand it dangles, and the ids decide. */
	length = readlink(RESULTS_DIR "/latest", name, sizeof(name) - 1);
	if (length > 0 && !stat(RESULTS_DIR "/latest", &status) && S_ISDIR(status.st_mode)) {
		name[length] = '\0';
		if (!strchr(name, '/'))
			return join_run(name, ret_path, reterr);
		return join_run("latest", ret_path, reterr);
	}
	r = scan_runs("", name, &count, reterr);
	if (r < 0)
		return r;
	if (!count)
		return hb_error_set_at(reterr, -ENOENT, RESULTS_DIR, 0,
			"no run found below the current folder; 'hotbed run' makes one, or give "
			"a run's folder");
	return join_run(name, ret_path, reterr);
}

int hb_results_find(const char *operand, char **ret_path, struct hb_error *reterr)
{
	char name[NAME_MAX + 1];
	struct stat status;
	size_t count;
	char *path;
	int r;

	if (!operand || !strcmp(operand, "latest"))
		return find_latest(ret_path, reterr);
	if (strchr(operand, '/') || (!stat(operand, &status) && S_ISDIR(status.st_mode))) {
		path = strdup(operand);
		if (!path)
			return hb_error_set(reterr, -ENOMEM, "not enough memory for a path");
		*ret_path = path;
		return 0;
	}
	if (!*operand)
		return hb_error_set(reterr, -ENOENT,
			"an empty name is no run; give a run_id, a folder or 'latest'");
	if (is_run(operand))
		return join_run(operand, ret_path, reterr);
	r = scan_runs(operand, name, &count, reterr);
	if (r < 0)
		return r;
	if (count > 1)
		return hb_error_set_at(reterr, -EINVAL, RESULTS_DIR, 0,
			"%zu runs begin with '%s'; give more of the run_id", count, operand);
	if (!count)
		return hb_error_set_at(reterr, -ENOENT, RESULTS_DIR, 0,
			"no folder and no run_id begins with '%s'; give a run_id, a folder or "
			"'latest'",
			operand);
	return join_run(name, ret_path, reterr);
}
