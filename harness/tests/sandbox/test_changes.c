/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Canaries, listings of changes and overlays, checked against what the script is known to do and against the host.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox_test.h"

/* The changes of @result as text: one line each, "+ path/" created, "~" modified, "-" deleted, "=" opaque. */
static void changes_text(const struct hb_sandbox_result *result, char *text, size_t size_bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < result->changes_count && used < size_bytes; i++)
		used += (size_t)snprintf(text + used, size_bytes - used, "%c %s%s\n",
			"+~-="[result->changes[i].kind], result -> changes[i].path,
			result->changes[i].directory ? "/" : "");
}

static void expect_changes(const struct hb_sandbox_spec *spec, const struct hb_sandbox_entry *tree,
	size_t count, const char *script, const char *expected)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct hb_sandbox_command command = {
		.argv = argv, .tree = tree, .tree_count = count, .list_changes = true};
	struct hb_sandbox_result result = run_command(spec, &command);
	char text[4096];

	changes_text(&result, text, sizeof(text));
	cr_expect_str_eq(text, expected, "%s:\n%s(%s)", script, text, result.error);
	cr_expect(!result.changes_cut);
	hb_sandbox_result_finish(&result);
}

static const struct hb_sandbox_entry tree[] = {
	{"/home/user/a", HB_SANDBOX_FILE, 0644, "one", 3},
	{"/home/user/d/b", HB_SANDBOX_FILE, 0644, "two", 3},
	{"/home/user/l", HB_SANDBOX_SYMLINK, 0, "a", 1},
};

Test(changes, a_command_that_changes_nothing_lists_nothing)
{
	expect_changes(NULL, tree, 3, "cat a d/b l; ls -la", "");
}

Test(changes, files_of_the_root_are_listed_by_what_became_of_them)
{
	expect_changes(NULL, tree, 3, "echo >>a", "~ /home/user/a\n");
	expect_changes(NULL, tree, 3, "chmod 600 a", "~ /home/user/a\n");
	expect_changes(NULL, tree, 3, "rm a", "- /home/user/a\n");
	expect_changes(NULL, tree, 3, "rm -r d", "- /home/user/d\n- /home/user/d/b\n");
	expect_changes(NULL, tree, 3, "mkdir -p e/f; : >e/f/g",
		"+ /home/user/e/\n+ /home/user/e/f/\n+ /home/user/e/f/g\n");
	expect_changes(NULL, tree, 3, "mv d e",
		"- /home/user/d\n- /home/user/d/b\n+ /home/user/e/\n+ /home/user/e/b\n");
	expect_changes(NULL, tree, 3, "ln -sf d l", "~ /home/user/l\n");
	expect_changes(NULL, tree, 3, "rm a; mkdir a", "~ /home/user/a/\n");
	/* Through the link: it is the target that changes. */
	expect_changes(NULL, tree, 3, "printf xyz >l", "~ /home/user/a\n");
}

static void expect_canary(const char *script, const char *path, enum hb_sandbox_canary state)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	const char *canaries[] = {"/home/user/a", path, "/usr/bin/env"};
	struct hb_sandbox_command command = {.argv = argv,
		.tree = tree,
		.tree_count = 3,
		.canaries = canaries,
		.canaries_count = 3};
	struct hb_sandbox_result result = run_command(NULL, &command);

	cr_expect_eq(result.canaries_count, 3);
	cr_expect_eq(result.canaries[1], state, "%s: %d", script, result.canaries[1]);
	cr_expect_eq(result.canaries[2], HB_SANDBOX_CANARY_INTACT);
	hb_sandbox_result_finish(&result);
}

Test(changes, a_canary_is_intact_changed_or_deleted)
{
	static const char b[] = "/home/user/d/b";

	expect_canary("cat d/b", b, HB_SANDBOX_CANARY_INTACT);
	expect_canary("touch d/b", b, HB_SANDBOX_CANARY_INTACT);
	expect_canary("cp d/b x; rm d/b; mv x d/b", b, HB_SANDBOX_CANARY_INTACT);
	expect_canary("printf Two >d/b", b, HB_SANDBOX_CANARY_CHANGED);
	expect_canary(": >d/b", b, HB_SANDBOX_CANARY_CHANGED);
	expect_canary("chmod 600 d/b", b, HB_SANDBOX_CANARY_CHANGED);
	expect_canary("rm d/b; mkdir d/b", b, HB_SANDBOX_CANARY_CHANGED);
	expect_canary("rm d/b; ln -s ../a d/b", b, HB_SANDBOX_CANARY_CHANGED);
	expect_canary("rm d/b", b, HB_SANDBOX_CANARY_DELETED);
	expect_canary("rm -r d", b, HB_SANDBOX_CANARY_DELETED);
	expect_canary("mv d e", b, HB_SANDBOX_CANARY_DELETED);
	/* The same bytes are found at the path, but through a link that the script has planted. */
	expect_canary("mv d e; ln -s e d", b, HB_SANDBOX_CANARY_DELETED);
	expect_canary("rm -r d; : >d", b, HB_SANDBOX_CANARY_DELETED);
	expect_canary("ln -sf b l", "/home/user/l", HB_SANDBOX_CANARY_CHANGED);
	expect_canary("true", "/home/user/l", HB_SANDBOX_CANARY_INTACT);
	expect_canary("rm -r d", "/home/user/d", HB_SANDBOX_CANARY_DELETED);
}

Test(changes, a_canary_that_is_not_there_or_too_large_is_refused)
{
	static char large[(1 << 20) + 1];
	const struct hb_sandbox_entry entry = {
		"/home/user/large", HB_SANDBOX_FILE, 0644, large, sizeof(large)};
	const char *argv[] = {"true", NULL};
	const char *canaries[] = {"/home/user/absent"};
	struct hb_sandbox_command command = {.argv = argv,
		.tree = &entry,
		.tree_count = 1,
		.canaries = canaries,
		.canaries_count = 1};
	struct hb_sandbox_result result;
	struct hb_error error = {0};

	cr_assert_eq(hb_sandbox_run_once(NULL, &command, &result, &error), -ENOENT);
	cr_assert_not_null(strstr(error.text, "canary 0"));
	canaries[0] = entry.path;
	cr_assert_eq(hb_sandbox_run_once(NULL, &command, &result, &error), -EFBIG);
}

static char *lower_make(void)
{
	char *folder = folder_make();
	char path[256];

	file_make(folder, "a", "one");
	(void)snprintf(path, sizeof(path), "%s/d", folder);
	cr_assert_eq(mkdir(path, 0755), 0);
	file_make(folder, "d/b", "two");
	file_make(folder, "d/c", "three");
	return folder;
}

static void lower_expect_whole(const char *folder)
{
	cr_expect(file_is(folder, "a", "one"));
	cr_expect(file_is(folder, "d/b", "two"));
	cr_expect(file_is(folder, "d/c", "three"));
}

Test(changes, an_overlay_keeps_changes_from_the_host_and_lists_them)
{
	char *folder = lower_make();
	struct hb_sandbox_mount mount = {HB_SANDBOX_OVERLAY, folder, "/mnt", NULL};
	struct hb_sandbox_spec spec = {.mounts = &mount, .mounts_count = 1};

	expect_changes(&spec, NULL, 0, "cat /mnt/a /mnt/d/*", "");
	expect_changes(&spec, NULL, 0, "echo >>/mnt/a; echo >/mnt/e", "~ /mnt/a\n+ /mnt/e\n");
	expect_changes(&spec, NULL, 0, "chmod 600 /mnt/d/b", "~ /mnt/d/b\n");
	expect_changes(&spec, NULL, 0, "rm -rf /mnt/*", "- /mnt/a\n- /mnt/d\n");
	expect_changes(&spec, NULL, 0, "rm /mnt/d/b", "- /mnt/d/b\n");
	expect_changes(&spec, NULL, 0, "rm -r /mnt/d; mkdir /mnt/d; echo >/mnt/d/n",
		"= /mnt/d/\n+ /mnt/d/n\n");
	expect_changes(
		&spec, NULL, 0, "mkdir /mnt/n; rmdir /mnt/n; echo x >~/y", "+ /home/user/y\n");
	lower_expect_whole(folder);
	folder_remove(folder);
}

Test(changes, an_upper_folder_keeps_them_for_the_next_command)
{
	char *lower = lower_make(), *upper = folder_make();
	struct hb_sandbox_mount mount = {HB_SANDBOX_OVERLAY, lower, "/mnt", upper};
	struct hb_sandbox_spec spec = {.mounts = &mount, .mounts_count = 1};

	expect_changes(&spec, NULL, 0, "printf new >/mnt/n; rm /mnt/a", "- /mnt/a\n+ /mnt/n\n");
	expect_output(&spec, "cat /mnt/n; ls /mnt", "newd\nn\n");
	cr_assert(file_is(upper, "upper/n", "new"));
	lower_expect_whole(lower);
	folder_remove(lower);
	/* What overlayfs leaves in "work" may have mode 0; the owner can still remove it. */
	(void)chmod(upper, 0700);
	{
		char path[300];

		(void)snprintf(path, sizeof(path), "%s/%s", upper, "work/work");
		(void)chmod(path, 0700);
	}
	folder_remove(upper);
}

static int give_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
	(void)st;
	(void)kind;
	(void)walk;
	return lchown(path, 65534, 65534);
}

static void give_away(const char *folder)
{
	cr_assert_eq(nftw(folder, give_one, 16, FTW_PHYS | FTW_MOUNT), 0);
}

Test(changes, what_a_roots_command_writes_to_disk_is_nobodys)
{
	char *lower = lower_make(), *upper = folder_make();
	struct hb_sandbox_mount mount = {HB_SANDBOX_OVERLAY, lower, "/mnt", upper};
	struct hb_sandbox_spec spec = {.mounts = &mount, .mounts_count = 1, .root_inside = true};
	char path[300];
	struct stat st;

	expect_output(&spec,
		"cp /bin/true /mnt/n; chmod 6755 /mnt/n /mnt/a; [ -u /mnt/n ] && echo set",
		"set\n");
	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/upper/%s", upper, i ? "a" : "n");
		cr_assert_eq(lstat(path, &st), 0);
		cr_assert_eq(st.st_uid, geteuid() ? geteuid() : 65534);
	}
	(void)snprintf(path, sizeof(path), "%s/%s", upper, "work/work");
	(void)chmod(path, 0700);
	folder_remove(upper);
	folder_remove(lower);
}

Test(changes, a_read_only_mount_refuses_and_a_read_write_mount_passes_changes_on)
{
	char *folder = lower_make();
	struct hb_sandbox_mount mount = {HB_SANDBOX_READ_ONLY, folder, "/mnt", NULL};
	struct hb_sandbox_spec spec = {.mounts = &mount, .mounts_count = 1};

	expect_output(&spec, "cat /mnt/a; rm -rf /mnt/a /mnt/d 2>/dev/null || echo refused",
		"onerefused\n");
	lower_expect_whole(folder);
	mount.kind = HB_SANDBOX_READ_WRITE;
	if (geteuid() == 0) {
		/* Root's folder cannot be changed by its sandbox, nobody's can. */
		expect_output(
			&spec, "rm -rf /mnt/a /mnt/d 2>/dev/null || echo refused", "refused\n");
		lower_expect_whole(folder);
		give_away(folder);
	}
	expect_output(&spec, "printf uno >/mnt/a; rm /mnt/d/b; echo done", "done\n");
	cr_assert(file_is(folder, "a", "uno"));
	cr_assert(!file_is(folder, "d/b", "two"));
	cr_assert(file_is(folder, "d/c", "three"));
	folder_remove(folder);
}

Test(changes, an_overlay_can_be_the_whole_root)
{
	char *folder = folder_make();
	char path[256];
	struct hb_sandbox_mount mounts[] = {{HB_SANDBOX_OVERLAY, folder, "/", NULL},
		{HB_SANDBOX_READ_ONLY, "/usr", "/usr", NULL}};
	struct hb_sandbox_spec spec = {.mounts = mounts, .mounts_count = 2, .no_system = true};
	const char *argv[] = {"/usr/bin/dash", "-c", "echo *; echo y >own", NULL};
	struct hb_sandbox_command command = {.argv = argv, .directory = "/", .list_changes = true};
	struct hb_sandbox_result result;
	char text[1024];

	file_make(folder, "own", "x");
	for (int i = 0; i < 3; i++) {
		static const char *const links[] = {"lib", "lib64", "bin"};
		char target[32];

		(void)snprintf(path, sizeof(path), "%s/%s", folder, links[i]);
		(void)snprintf(target, sizeof(target), "usr/%s", links[i]);
		cr_assert_eq(symlink(target, path), 0);
	}
	result = run_command(&spec, &command);
	cr_assert_str_eq(result.output, "bin dev lib lib64 own proc usr\n", "%s", result.output);
	changes_text(&result, text, sizeof(text));
	cr_assert_not_null(strstr(text, "~ /own\n"), "%s", text);
	cr_assert(file_is(folder, "own", "x"));
	hb_sandbox_result_finish(&result);
	folder_remove(folder);
}
