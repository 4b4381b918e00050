/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See sandbox_test.h. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox_test.h"

const struct hb_sandbox_mount hostile_mount = {
	.kind = HB_SANDBOX_READ_ONLY, .source = HOSTILE, .target = INSIDE_HOSTILE};
const struct hb_sandbox_spec hostile_spec = {.mounts = &hostile_mount, .mounts_count = 1};

struct hb_sandbox_result run_command(
	const struct hb_sandbox_spec *spec, const struct hb_sandbox_command *command)
{
	struct hb_sandbox_result result = {0};
	struct hb_error error = {0};
	int code = hb_sandbox_run_once(spec, command, &result, &error);

	cr_assert_eq(code, 0, "%s: %s", error.path, error.text);
	return result;
}

struct hb_sandbox_result run_script(const struct hb_sandbox_spec *spec, const char *script)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct hb_sandbox_command command = {.argv = argv};

	return run_command(spec, &command);
}

void expect_output(const struct hb_sandbox_spec *spec, const char *script, const char *output)
{
	struct hb_sandbox_result result = run_script(spec, script);

	cr_assert_str_eq(result.output, output, "%s printed \"%s\", error \"%s\"", script,
		result.output, result.error);
	cr_assert_eq(result.exit_status, 0, "%s: status %d, signal %d, error \"%s\"", script,
		result.exit_status, result.signal, result.error);
	hb_sandbox_result_finish(&result);
}

static bool has_argument(const char *pid, const char *argument)
{
	char path[300], text[8192];
	ssize_t length;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (length <= 0)
		return false;
	text[length] = '\0';
	for (char *at = text; at < text + length; at += strlen(at) + 1)
		if (!strcmp(at, argument))
			return true;
	return false;
}

unsigned processes_count(const char *argument)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	unsigned count = 0;

	cr_assert_not_null(folder);
	while ((entry = readdir(folder)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			count += has_argument(entry->d_name, argument);
	(void)closedir(folder);
	return count;
}

char *folder_make(void)
{
	char *path = strdup("/tmp/hotbed-sandbox-XXXXXX");

	cr_assert_not_null(mkdtemp(path));
	cr_assert_eq(chmod(path, 0755), 0);
	return path;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
	(void)st;
	(void)kind;
	(void)walk;
	return remove(path);
}

void folder_remove(char *path)
{
	cr_assert_eq(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT), 0);
	free(path);
}

void file_make(const char *folder, const char *name, const char *text)
{
	char path[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	cr_assert_not_null(file);
	cr_assert(fputs(text, file) >= 0);
	cr_assert_eq(fclose(file), 0);
}

bool file_is(const char *folder, const char *name, const char *text)
{
	char path[512], content[4096];
	ssize_t length;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	length = read(fd, content, sizeof(content) - 1);
	(void)close(fd);
	if (length < 0)
		return false;
	content[length] = '\0';
	return strcmp(content, text) == 0;
}

int main(int argc, char **argv)
{
	struct criterion_test_set *tests = criterion_initialize();
	struct hb_error error = {0};
	int code = 0;

	if (hb_sandbox_probe(&error)) {
		(void)printf("skip: needs namespaces: %s\n", error.text);
		code = 77;
	} else if (criterion_handle_args(argc, argv, true)) {
		code = !criterion_run_all_tests(tests);
	}
	criterion_finalize(tests);
	return code;
}
