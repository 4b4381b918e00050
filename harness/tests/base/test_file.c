/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <hotbed/file.h>

static char folder[] = "/tmp/hotbed-file-XXXXXX";
static char path[PATH_MAX];

static void setup(void)
{
	cr_assert_not_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/target", folder);
}

static void teardown(void)
{
	(void)unlink(path);
	/* Fails, and says so, when a temporary file was left behind. */
	cr_expect_eq(rmdir(folder), 0, "%s: %s", folder, strerror(errno));
}

static void expect_content(const char *expected)
{
	char text[64] = "";
	FILE *file = fopen(path, "re");

	cr_assert_not_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	cr_expect_str_eq(text, expected);
	cr_assert_eq(fclose(file), 0);
}

static void put(const char *text)
{
	struct hb_file file;

	cr_assert_eq(hb_file_replace(path, &file, NULL), 0);
	cr_assert(fputs(text, file.stream) >= 0);
	cr_assert_eq(hb_file_commit(&file, 0, NULL), 0);
}

TestSuite(file, .init = setup, .fini = teardown);

Test(file, stands_in_its_place_only_once_committed)
{
	struct hb_file file;

	put("old");
	cr_assert_eq(hb_file_replace(path, &file, NULL), 0);
	cr_assert(fputs("new", file.stream) >= 0);
	cr_assert_eq(fflush(file.stream), 0);
	expect_content("old");
	cr_assert_eq(hb_file_commit(&file, 0, NULL), 0);
	expect_content("new");
	cr_expect_null(file.stream);
}

Test(file, discarded_or_failed_leaves_the_old_one)
{
	struct hb_error error = {0};
	struct hb_file file;

	put("old");
	cr_assert_eq(hb_file_replace(path, &file, NULL), 0);
	cr_assert(fputs("new", file.stream) >= 0);
	hb_file_discard(&file);
	hb_file_discard(&file);
	expect_content("old");
	cr_assert_eq(hb_file_replace(path, &file, NULL), 0);
	cr_expect_eq(hb_file_commit(&file, -ENOMEM, &error), -ENOMEM);
	cr_expect_not_null(strstr(error.path, "target"));
	expect_content("old");
}

Test(file, too_large_for_the_disk_is_an_error_and_leaves_the_old_one)
{
	const struct rlimit limit = {65536, RLIM_INFINITY};
	static char block[8192];
	struct hb_error error = {0};
	struct hb_file file;

	put("old");
	(void)signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_eq(hb_file_replace(path, &file, NULL), 0);
	/* What the stream says is not looked at: the commit has to find it out. */
	for (int i = 0; i < 16; i++)
		(void)fwrite(block, 1, sizeof(block), file.stream);
	cr_expect(hb_file_commit(&file, 0, &error) < 0);
	cr_expect_not_null(strstr(error.text, "cannot write"));
	expect_content("old");
}

Test(file, in_no_folder_names_the_path)
{
	struct hb_error error = {0};
	struct hb_file file;

	cr_expect_eq(hb_file_replace("/nonexistent/x", &file, &error), -ENOENT);
	cr_expect_str_eq(error.path, "/nonexistent/x");
}
