/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Initial trees, arguments and input: what is asked for is there, and hostile tables land nowhere else.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox_test.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int run_tree(const struct hb_sandbox_entry *tree, size_t count, const char *script,
	struct hb_sandbox_result *ret, struct hb_error *reterr)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct hb_sandbox_command command = {.argv = argv, .tree = tree, .tree_count = count};

	*ret = (struct hb_sandbox_result){0};
	return hb_sandbox_run_once(NULL, &command, ret, reterr);
}

Test(tree, entries_have_their_kind_mode_and_content)
{
	static const struct hb_sandbox_entry tree[] = {
		{"/home/user/plain", HB_SANDBOX_FILE, 0640, "a\0b\n", 4},
		{"/home/user/empty", HB_SANDBOX_FILE, 0, NULL, 0},
		{"/deep/er/and/deeper", HB_SANDBOX_FILE, 0755, "x", 1},
		{"/home/user/link", HB_SANDBOX_SYMLINK, 0, "../nowhere", 10},
		{"/home/user/pipe", HB_SANDBOX_FIFO, 0600, NULL, 0},
		{"/home/user/closed", HB_SANDBOX_DIRECTORY, 0500, NULL, 0},
		{"/home/user/closed/file", HB_SANDBOX_FILE, 04711, "y", 1},
		{"/tmp", HB_SANDBOX_DIRECTORY, 0700, NULL, 0},
		{"/home/user/new\nline *", HB_SANDBOX_FILE, 0644, "z", 1},
	};
	struct hb_sandbox_result result;
	struct hb_error error = {0};
	int code = run_tree(tree, COUNT(tree),
		"stat -c '%n %F %a %s' plain empty link pipe closed closed/file /deep/er/and /tmp; "
		"readlink link; od -An -c plain; touch closed/x 2>/dev/null || echo no; cat new*",
		&result, &error);

	cr_assert_eq(code, 0, "%s", error.text);
	cr_assert_str_eq(result.output,
		"plain regular file 640 4\nempty regular empty file 0 0\nlink symbolic link 777 "
		"10\n"
		"pipe fifo 600 0\nclosed directory 500 60\nclosed/file regular file 4711 1\n"
		"/deep/er/and directory 755 60\n/tmp directory 700 40\n../nowhere\n   a  \\0   b  "
		"\\n\nno\nz");
	hb_sandbox_result_finish(&result);
}

Test(tree, paths_that_are_not_plain_are_refused)
{
	static char longer[5000], component[300];
	const char *paths[] = {NULL, "", "relative", "/", "//", "/a//b", "/a/", "/a/./b", "/a/../b",
		"/..", "/../etc/passwd", "/.", "/home/user/..", longer, component};
	struct hb_sandbox_result result;

	memset(longer, 'a', sizeof(longer) - 1);
	for (size_t i = 0; i < sizeof(longer) - 1; i += 100)
		longer[i] = '/';
	memset(component, 'a', sizeof(component) - 1);
	component[0] = '/';
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct hb_sandbox_entry entry = {paths[i], HB_SANDBOX_FILE, 0644, "x", 1};
		struct hb_error error = {0};

		cr_expect_eq(run_tree(&entry, 1, "true", &result, &error), -EINVAL, "%s",
			paths[i] ? paths[i] : "(null)");
		cr_expect_not_null(strstr(error.text, "entry 0"), "%s", error.text);
	}
}

Test(tree, links_are_never_followed_while_the_tree_is_made)
{
	static const struct {
		struct hb_sandbox_entry tree[2];
		int code;
	} cases[] = {
		{{{"/home/user/l", HB_SANDBOX_SYMLINK, 0, "/usr", 4},
			 {"/home/user/l/x", HB_SANDBOX_FILE, 0644, "x", 1}},
			-ELOOP},
		{{{"/home/user/l", HB_SANDBOX_SYMLINK, 0, "/proc/1/root", 12},
			 {"/home/user/l/tmp/x", HB_SANDBOX_FILE, 0644, "x", 1}},
			-ELOOP},
		{{{"/home/user/l", HB_SANDBOX_SYMLINK, 0, "../../etc/passwd", 16},
			 {"/home/user/l", HB_SANDBOX_FILE, 0644, "x", 1}},
			-EEXIST},
		{{{"/home/user/l", HB_SANDBOX_SYMLINK, 0, "/tmp", 4},
			 {"/home/user/l", HB_SANDBOX_DIRECTORY, 0700, NULL, 0}},
			-EEXIST},
		{{{"/a", HB_SANDBOX_FILE, 0644, "x", 1}, {"/a/b", HB_SANDBOX_FILE, 0644, "x", 1}},
			-ENOTDIR},
		{{{"/a", HB_SANDBOX_FILE, 0644, "x", 1}, {"/a", HB_SANDBOX_FIFO, 0644, NULL, 0}},
			-EEXIST},
		{{{"/a", HB_SANDBOX_FILE, 0644, "x", 1}, {"/bin/x", HB_SANDBOX_FILE, 0755, "x", 1}},
			-ELOOP},
		{{{"/a", HB_SANDBOX_FILE, 0644, "x", 1},
			 {"/usr/bin/x", HB_SANDBOX_FILE, 0755, "x", 1}},
			-EROFS},
		{{{"/a", HB_SANDBOX_FILE, 0644, "x", 1},
			 {"/proc/x", HB_SANDBOX_FILE, 0755, "x", 1}},
			-EROFS},
		{{{"/a", HB_SANDBOX_FILE, 0644, "x", 1},
			 {"/dev/x", HB_SANDBOX_FIFO, 0755, NULL, 0}},
			-EROFS},
		{{{"/a", HB_SANDBOX_FILE, 0644, "x", 1},
			 {"/proc/self/cwd/x", HB_SANDBOX_FILE, 0755, "x", 1}},
			-ELOOP},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct hb_sandbox_result result;
		struct hb_error error = {0};
		int code = run_tree(cases[i].tree, 2, "true", &result, &error);

		/* /proc refuses new files by ENOENT or EACCES, before it looks at the mount. */
		if (strncmp(cases[i].tree[1].path, "/proc/", 6) == 0)
			cr_expect(code < 0, "case %zu", i);
		else
			cr_expect_eq(code, cases[i].code, "case %zu: %d %s", i, code, error.text);
		cr_expect_not_null(strstr(error.text, "entry 1"), "case %zu: %s", i, error.text);
	}
}

Test(tree, absurd_entries_are_refused)
{
	static const struct hb_sandbox_entry entries[] = {
		{"/a", (enum hb_sandbox_kind)9, 0644, NULL, 0},
		{"/a", HB_SANDBOX_FILE, 0100644, NULL, 0},
		{"/a", HB_SANDBOX_FILE, 0644, NULL, 5},
		{"/a", HB_SANDBOX_SYMLINK, 0, NULL, 0},
		{"/a", HB_SANDBOX_SYMLINK, 0, "x\0y", 3},
	};

	for (size_t i = 0; i < COUNT(entries); i++) {
		struct hb_sandbox_result result;
		struct hb_error error = {0};

		cr_expect_eq(run_tree(&entries[i], 1, "true", &result, &error), -EINVAL, "%zu", i);
	}
}

Test(tree, a_tree_larger_than_the_disk_is_refused)
{
	char *content = calloc(1, 3 << 20);
	struct hb_sandbox_entry entry = {"/a", HB_SANDBOX_FILE, 0644, content, 3 << 20};
	const char *argv[] = {"true", NULL};
	struct hb_sandbox_command command = {
		.argv = argv, .tree = &entry, .tree_count = 1, .limits = {.disk_bytes = 1 << 20}};
	struct hb_sandbox_result result;
	struct hb_error error = {0};

	cr_assert_eq(hb_sandbox_run_once(NULL, &command, &result, &error), -ENOSPC);
	cr_assert_not_null(strstr(error.text, "disk limit"));
	free(content);
}

Test(tree, arguments_variables_folder_and_input_arrive_unchanged)
{
	const char *argv[] = {"sh", "-c",
		"printf '%s|' \"$@\" \"$A\"; pwd; cat; env | grep -c =", "zero", "", "two words",
		"new\nline", "*", "\xff", NULL};
	const char *environment[] = {"PATH=/usr/bin:/bin", "A=b=c d", NULL};
	struct hb_sandbox_command command = {.argv = argv,
		.environment = environment,
		.directory = "/var/tmp",
		.input = "i\0n",
		.input_bytes = 3};
	struct hb_sandbox_result result = run_command(NULL, &command);
	static const char expected[] = "|two words|new\nline|*|\xff|b=c d|/var/tmp\ni\0n3\n";

	cr_assert_eq(result.output_bytes, sizeof(expected) - 1);
	cr_assert_eq(memcmp(result.output, expected, sizeof(expected)), 0);
	hb_sandbox_result_finish(&result);
}

Test(tree, programs_are_found_through_path_as_a_shell_does)
{
	static const struct hb_sandbox_entry tree[] = {
		{"/opt/b/program", HB_SANDBOX_FILE, 0755, "#!/bin/sh\necho b\n", 17},
		{"/opt/a/program", HB_SANDBOX_FILE, 0644, "#!/bin/sh\necho a\n", 17},
		{"/opt/c/garbage", HB_SANDBOX_FILE, 0755, "\x01\x02\x03\x04", 4},
	};
	const char *environment[] = {"PATH=/nowhere:/opt/a:/opt/b:/opt/c", NULL};
	const char *names[] = {"program", "absent", "garbage", "/opt/a/program"};
	const int codes[] = {0, -ENOENT, -ENOEXEC, -EACCES};

	for (size_t i = 0; i < COUNT(names); i++) {
		const char *argv[] = {names[i], NULL};
		struct hb_sandbox_command command = {.argv = argv,
			.environment = environment,
			.tree = tree,
			.tree_count = COUNT(tree)};
		struct hb_sandbox_result result = {0};
		struct hb_error error = {0};

		cr_expect_eq(hb_sandbox_run_once(NULL, &command, &result, &error), codes[i],
			"%s: %s", names[i], error.text);
		if (codes[i] == 0)
			cr_expect_str_eq(result.output, "b\n");
		hb_sandbox_result_finish(&result);
	}
}

Test(tree, large_input_and_output_pass_through)
{
	size_t size = 3 << 20;
	char *input = malloc(size);
	const char *argv[] = {"cat", NULL};
	struct hb_sandbox_command command = {.argv = argv,
		.input = input,
		.input_bytes = size,
		.limits = {.output_bytes = 4 << 20}};
	struct hb_sandbox_result result;

	for (size_t i = 0; i < size; i++)
		input[i] = (char)(i * 2654435761U >> 13);
	result = run_command(NULL, &command);
	cr_assert_eq(result.output_bytes, size);
	cr_assert_eq(memcmp(result.output, input, size), 0);
	hb_sandbox_result_finish(&result);
	free(input);
}

Test(tree, specifications_that_make_no_sense_are_refused)
{
	static const struct hb_sandbox_mount mounts[] = {
		{HB_SANDBOX_READ_ONLY, "relative", "/mnt", NULL},
		{HB_SANDBOX_READ_ONLY, "/tmp", "/mnt/../etc", NULL},
		{HB_SANDBOX_READ_ONLY, "/tmp", "/", NULL},
		{HB_SANDBOX_READ_ONLY, NULL, "/mnt", NULL},
		{HB_SANDBOX_READ_ONLY, "/tmp", NULL, NULL},
		{HB_SANDBOX_READ_ONLY, "/tmp", "/mnt", "/tmp"},
		{(enum hb_sandbox_mount_kind)7, "/tmp", "/mnt", NULL},
	};

	for (size_t i = 0; i < COUNT(mounts); i++) {
		struct hb_sandbox_spec spec = {.mounts = &mounts[i], .mounts_count = 1};
		struct hb_sandbox *sandbox;
		struct hb_error error = {0};

		cr_expect_eq(hb_sandbox_create(&spec, &sandbox, &error), -EINVAL, "%zu", i);
		cr_expect_not_null(strstr(error.text, "mount 0"), "%s", error.text);
	}
}

Test(tree, a_sandbox_without_the_system_has_nothing_to_run)
{
	struct hb_sandbox_spec spec = {.no_system = true};
	const char *argv[] = {"/bin/sh", NULL};
	struct hb_sandbox_command command = {.argv = argv};
	struct hb_sandbox_result result;
	struct hb_error error = {0};

	cr_assert_eq(hb_sandbox_run_once(&spec, &command, &result, &error), -ENOENT);
}
