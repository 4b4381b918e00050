/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that the child makes or empties before it execs: it must see them at once, by whatever way. */
#include "contract.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LONG_ARGUMENT 200000 /* bytes: more than one string of a program may have */

static char folder[] = "/tmp/spork-files-XXXXXX";

/* A folder of this process's own as the working folder, removed by leave(). */
static bool enter(void)
{
	return mkdtemp(folder) && chdir(folder) == 0;
}

static void leave(void)
{
	static const char *const names[] = {"new", "link", "real", "program", "mapped"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(names[i]);
	(void)(chdir("/") || rmdir(folder));
}

static long size_of(const char *path)
{
	struct stat status;

	return stat(path, &status) ? -1 : (long)status.st_size;
}

static void list_folder(void *data)
{
	const char *found = "not there";
	DIR *entries;

	(void)data;
	if (open("new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) < 0)
		_exit(1);
	entries = opendir(".");
	for (struct dirent *entry; entries && (entry = readdir(entries));) {
		if (strcmp(entry->d_name, "new") == 0)
			found = "exit 0";
	}
	exec_shell(found);
}

static int a_folder_lists_what_the_child_has_made(void)
{
	expect(enter());
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(list_folder, NULL)) == 0);
		expect(unlink("new") == 0);
	}
	leave();
	return 0;
}

static void empty_by_a_link(void *data)
{
	(void)data;
	if (open("link", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) < 0)
		_exit(1);
	exec_shell(size_of("real") == 0 ? "exit 0" : "exit 2");
}

static int a_link_empties_the_file_behind_it(void)
{
	expect(enter());
	for (int i = 0; i < ROUNDS; i++) {
		int fd = open("real", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

		expect(fd >= 0 && write(fd, "text", 4) == 4 && close(fd) == 0);
		expect(i > 0 || symlink("real", "link") == 0);
		expect(exit_of(run_child(empty_by_a_link, NULL)) == 0);
	}
	leave();
	return 0;
}

static void write_by_descriptor_path(void *data)
{
	int fd = open("new", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	(void)data;
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
		_exit(1);
	fd = open("/dev/stdout", O_WRONLY | O_APPEND);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(2);
	exec_shell("echo text >&2");
}

static int paths_of_descriptors_lead_to_the_file(void)
{
	expect(enter());
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(write_by_descriptor_path, NULL)) == 0);
		expect(size_of("new") == 5 && unlink("new") == 0);
	}
	leave();
	return 0;
}

static void use_high_descriptors(void *data)
{
	int file = open("new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int other = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)data;
	if (write(file, "text", 4) != 4)
		_exit(1);
	for (int fd = 400; fd < 410; fd++) {
		if (fcntl(other, F_DUPFD_CLOEXEC, 400) != fd)
			_exit(2);
	}
	exec_shell("exit 0");
}

static int high_descriptors_are_free_in_the_child(void)
{
	struct rlimit limit;

	expect(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_cur < 500)
		return SKIPPED;
	expect(enter());
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(use_high_descriptors, NULL)) == 0);
		expect(size_of("new") == 4 && unlink("new") == 0);
	}
	leave();
	return 0;
}

static void exec_into_file(void *data)
{
	char *const *words = data;
	int fd = open("new", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
		_exit(1);
	(void)execv(words[0], words);
	_exit(errno == ENOEXEC ? 61 : errno == E2BIG ? 62 : 63);
}

static bool make_foreign_program(void)
{
	const Elf64_Ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_SPARCV9,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(header),
	};
	int fd = open("program", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	return fd >= 0 && write(fd, &header, sizeof(header)) == sizeof(header) && close(fd) == 0;
}

static int a_failed_exec_after_a_redirection_is_told(void)
{
	char program[] = "./program", echo[] = "/bin/echo";
	char *foreign[] = {program, NULL}, *too_long[] = {echo, NULL, NULL};

	expect(enter() && make_foreign_program());
	too_long[1] = malloc(LONG_ARGUMENT + 1);
	expect(too_long[1]);
	(void)memset(too_long[1], 'a', LONG_ARGUMENT);
	too_long[1][LONG_ARGUMENT] = '\0';
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(exec_into_file, foreign)) == 61);
		expect(size_of("new") == 0 && unlink("new") == 0);
		expect(exit_of(run_child(exec_into_file, too_long)) == 62);
		expect(size_of("new") == 0 && unlink("new") == 0);
	}
	free(too_long[1]);
	leave();
	return 0;
}

static void read_behind_the_end(void *data)
{
	const struct rlimit no_core = {0, 0};
	const volatile char *bytes = data;

	(void)setrlimit(RLIMIT_CORE, &no_core);
	exec_shell(bytes[4096 + 17] ? "exit 1" : "exit 0");
}

/* Reading there is deadly for who does it: the parent must not. */
static int a_shortened_file_kills_the_child_only(void)
{
	const long page = 4096;
	int fd;
	void *bytes;

	expect(enter());
	fd = open("mapped", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	expect(fd >= 0 && ftruncate(fd, 2 * page) == 0);
	bytes = mmap(NULL, 2 * (size_t)page, PROT_READ, MAP_PRIVATE, fd, 0);
	expect(bytes != MAP_FAILED && ftruncate(fd, 0) == 0);
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(read_behind_the_end, bytes)) == 1000 + 7 /* SIGBUS */);
	expect(ftruncate(fd, 2 * page) == 0);
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(read_behind_the_end, bytes)) == 0);
	leave();
	return 0;
}

static void use_little_time(void *data)
{
	(void)data;
	exec_shell(clock() < CLOCKS_PER_SEC / 10 ? "exit 0" : "exit 1");
}

static int processor_time_of_the_child_starts_at_zero(void)
{
	while (clock() < CLOCKS_PER_SEC / 5)
		continue;
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(use_little_time, NULL)) == 0);
	return 0;
}

static void allocate_too_much(void *data)
{
	const struct rlimit little = {1 << 20, 1 << 20};
	/* Volatile: compilers leave out a block that nobody uses. */
	void *volatile block = NULL;

	(void)data;
	if (setrlimit(RLIMIT_AS, &little) == 0)
		block = malloc(1 << 20);
	if (block)
		_exit(1);
	_exit(9);
}

static int limits_of_memory_bind_the_child(void)
{
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(allocate_too_much, NULL)) == 9);
	return 0;
}

static void write_too_much(void *data)
{
	const struct rlimit little = {2, 2};
	int fd = open("new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	(void)data;
	if (fd < 0 || setrlimit(RLIMIT_FSIZE, &little))
		_exit(1);
	exec_shell(write(fd, "text", 4) == 2 ? "exit 0" : "exit 2");
}

static int limits_of_file_sizes_bind_the_child(void)
{
	expect(enter());
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(write_too_much, NULL)) == 0);
		expect(size_of("new") == 2 && unlink("new") == 0);
	}
	leave();
	return 0;
}

const struct pitfall pitfalls_files[] = {
	{"a-folder-lists-what-the-child-has-made", a_folder_lists_what_the_child_has_made},
	{"a-link-empties-the-file-behind-it", a_link_empties_the_file_behind_it},
	{"paths-of-descriptors-lead-to-the-file", paths_of_descriptors_lead_to_the_file},
	{"high-descriptors-are-free-in-the-child", high_descriptors_are_free_in_the_child},
	{"a-failed-exec-after-a-redirection-is-told", a_failed_exec_after_a_redirection_is_told},
	{"a-shortened-file-kills-the-child-only", a_shortened_file_kills_the_child_only},
	{"processor-time-of-the-child-starts-at-zero", processor_time_of_the_child_starts_at_zero},
	{"limits-of-memory-bind-the-child", limits_of_memory_bind_the_child},
	{"limits-of-file-sizes-bind-the-child", limits_of_file_sizes_bind_the_child},
	{NULL, NULL},
};
