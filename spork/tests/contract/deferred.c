/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a runtime may keep back until exec: states of new files, modes of terminals, order of writes, full disks. */
#include "contract.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define TEXT_MAX 200

static char folder[] = "/tmp/spork-deferred-XXXXXX";

/* A folder of this process's own as the working folder, removed by leave(). */
static bool enter(void)
{
	return mkdtemp(folder) && chdir(folder) == 0;
}

static void leave(void)
{
	(void)unlink("new");
	(void)(chdir("/") || rmdir(folder));
}

static void ask_for_the_state(void *data)
{
	int fd = open("new", O_WRONLY | O_CREAT | O_TRUNC, 0666);
	struct stat status;
	char command[TEXT_MAX];

	(void)data;
	if (fd < 0 || fstat(fd, &status))
		exec_shell("exit 1");
	if (!S_ISREG(status.st_mode) || (status.st_mode & 07777) != 0640 || status.st_nlink != 1 ||
		status.st_size != 0 || status.st_uid != geteuid() || status.st_gid != getegid())
		exec_shell("exit 2");
	if (dup2(fd, STDOUT_FILENO) < 0)
		exec_shell("exit 3");
	(void)snprintf(command, sizeof(command),
		"test \"$(stat -c '%%d %%i %%a %%h' new)\" = '%lu %lu 640 1' && echo text",
		(unsigned long)status.st_dev, (unsigned long)status.st_ino);
	exec_shell(command);
}

static int the_state_of_a_new_file_is_its_own(void)
{
	struct stat status;

	expect(enter());
	(void)umask(027);
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(ask_for_the_state, NULL)) == 0);
		expect(stat("new", &status) == 0 && status.st_size == 5);
		expect(unlink("new") == 0);
	}
	leave();
	return 0;
}

/* One question each, so that no other answer hides that it is wrong; a wrong one execs, too. */
static _Noreturn void ask(int fd, int question)
{
	struct stat status;
	char bytes[8] = "";
	bool good = false;

	switch (question) {
	case 0:
		good = fstat(fd, &status) == 0 && status.st_size == 4;
		break;
	case 1:
		good = lseek(fd, 0, SEEK_CUR) == 4;
		break;
	case 2:
		good = lseek(fd, 0, SEEK_END) == 4;
		break;
	case 3:
		good = pread(fd, bytes, sizeof(bytes), 0) == 4 && strcmp(bytes, "text") == 0;
		break;
	case 4:
		good = stat("new", &status) == 0 && status.st_size == 4;
		break;
	case 5:
		fd = open("new", O_RDONLY | O_CLOEXEC);
		good = read(fd, bytes, sizeof(bytes)) == 4 && strcmp(bytes, "text") == 0;
		break;
	}
	exec_shell(good ? "exit 0" : "exit 2");
}

static void write_and_ask(void *data)
{
	const int *question = data;
	int fd = open("new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, "text", 4) != 4)
		exec_shell("exit 1");
	ask(fd, *question);
}

static void write_to_inherited(void *data)
{
	const int *fds = data;

	if (write(fds[0], "text", 4) != 4)
		exec_shell("exit 1");
	ask(fds[0], fds[1]);
}

static int ask_new_file(int question)
{
	expect(enter());
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(write_and_ask, &question)) == 0);
		expect(unlink("new") == 0);
	}
	leave();
	return 0;
}

static int ask_inherited_file(int question)
{
	expect(enter());
	for (int i = 0; i < ROUNDS; i++) {
		int fd = open("new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		expect(fd >= 0);
		expect(exit_of(run_child(write_to_inherited, (int[]){fd, question})) == 0);
		expect(close(fd) == 0 && unlink("new") == 0);
	}
	leave();
	return 0;
}

/* A process of its own for each: where one attempt has been given up, the next ones are not tried. */
#define ABOUT_WRITTEN(name, question)                \
	static int new_file_##name(void)             \
	{                                            \
		return ask_new_file(question);       \
	}                                            \
	static int inherited_file_##name(void)       \
	{                                            \
		return ask_inherited_file(question); \
	}

ABOUT_WRITTEN(has_its_size, 0)
ABOUT_WRITTEN(has_its_position, 1)
ABOUT_WRITTEN(has_its_end, 2)
ABOUT_WRITTEN(has_its_content, 3)
ABOUT_WRITTEN(has_its_size_by_name, 4)
ABOUT_WRITTEN(has_its_content_by_name, 5)

static void create_for_itself(void *data)
{
	int fd = open("new", O_WRONLY | O_CREAT | O_EXCL, 0600);
	volatile int turns = 0;
	struct stat status;

	(void)data;
	if (fd < 0)
		exec_shell("exit 3");
	if (fstat(fd, &status))
		exec_shell("exit 1");
	while (turns < 20000)
		turns++;
	exec_shell("exit 0");
}

/* Both want to be the one that makes it. Which one succeeds is open; that it is one of them is not. */
static int a_name_has_one_creator(void)
{
	expect(enter());
	for (int i = 0; i < 4 * ROUNDS; i++) {
		struct timespec pause = {.tv_nsec = 100000 * i};
		pid_t rival = fork();
		int child, other = 0;

		if (rival == 0) {
			(void)nanosleep(&pause, NULL);
			_exit(open("new", O_WRONLY | O_CREAT | O_EXCL, 0600) < 0 ? 3 : 0);
		}
		child = exit_of(run_child(create_for_itself, NULL));
		expect(rival > 0 && waitpid(rival, &other, 0) == rival);
		expect((child == 0 && exit_of(other) == 3) || (child == 3 && exit_of(other) == 0));
		expect(unlink("new") == 0);
	}
	leave();
	return 0;
}

static void change_modes(void)
{
	struct termios modes, now;

	if (tcgetattr(STDIN_FILENO, &modes))
		exec_shell("exit 1");
	modes.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
	modes.c_oflag &= ~(tcflag_t)OPOST;
	modes.c_cc[VMIN] = 3;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &modes) || tcgetattr(STDIN_FILENO, &now))
		exec_shell("exit 2");
	if ((now.c_lflag & (ECHO | ICANON)) || (now.c_oflag & OPOST) || now.c_cc[VMIN] != 3)
		exec_shell("exit 3");
	exec_shell("stty -a | grep -q -e '-icanon.* -echo ' && echo changed");
}

/* The bytes up to the end or the first line feed. */
static void read_line(int fd, char text[TEXT_MAX])
{
	size_t length = 0;
	ssize_t got;

	while (length < TEXT_MAX - 1 && !memchr(text, '\n', length) &&
		(got = read(fd, text + length, TEXT_MAX - 1 - length)) > 0)
		length += (size_t)got;
	text[length] = '\0';
}

static int modes_of_the_childs_terminal_are_set(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		char text[TEXT_MAX] = "";
		struct termios modes;
		int master, status;
		pid_t pid = forkpty(&master, NULL, NULL, NULL);

		if (pid == 0)
			change_modes();
		expect(pid > 0);
		read_line(master, text);
		expect(waitpid(pid, &status, 0) == pid && exit_of(status) == 0);
		/* Without OPOST no carriage return is put in. */
		expect(strcmp(text, "changed\n") == 0);
		expect(tcgetattr(master, &modes) == 0 && !(modes.c_lflag & (ECHO | ICANON)));
		(void)close(master);
	}
	return 0;
}

static void use_own_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

	if (fd < 0 || !isatty(fd) || tcgetpgrp(fd) != getpid())
		exec_shell("exit 1");
	if (dup2(fd, STDOUT_FILENO) < 0)
		exec_shell("exit 2");
	exec_shell("echo terminal");
}

static int a_new_terminal_is_found_by_its_alias(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		char text[TEXT_MAX] = "";
		int master, status;
		pid_t pid = forkpty(&master, NULL, NULL, NULL);

		if (pid == 0)
			use_own_terminal();
		expect(pid > 0);
		read_line(master, text);
		expect(waitpid(pid, &status, 0) == pid && exit_of(status) == 0);
		expect(strncmp(text, "terminal", 8) == 0);
		(void)close(master);
	}
	return 0;
}

static void write_piecewise(void *data)
{
	const int *fds = data;

	if (write(fds[0], "2 ", 2) != 2 || write(fds[1], "3 ", 2) != 2 ||
		write(fds[0], "4 ", 2) != 2)
		exec_shell("exit 1");
	if (dup2(fds[0], STDOUT_FILENO) < 0)
		exec_shell("exit 2");
	exec_shell("printf '5 '");
}

/* @fd and its duplicate take turns: the text is in the order of the writes. */
static bool takes_turns(int fd)
{
	int fds[2] = {fd, dup(fd)};
	bool good = write(fd, "1 ", 2) == 2 && exit_of(run_child(write_piecewise, fds)) == 0 &&
		    write(fd, "6 ", 2) == 2;

	(void)close(fds[1]);
	return good;
}

static int writes_to_a_pipe_keep_their_order(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		char text[TEXT_MAX] = "";
		int ends[2];

		expect(pipe(ends) == 0 && takes_turns(ends[1]) && close(ends[1]) == 0);
		expect(read(ends[0], text, sizeof(text) - 1) > 0 && close(ends[0]) == 0);
		expect(strcmp(text, "1 2 3 4 5 6 ") == 0);
	}
	return 0;
}

static int writes_to_a_file_keep_their_order(void)
{
	static const int kinds[] = {0, O_APPEND};

	expect(enter());
	for (int i = 0; i < 2 * ROUNDS; i++) {
		char text[TEXT_MAX] = "";
		int fd = open("new", O_RDWR | O_CREAT | O_TRUNC | kinds[i % 2], 0600);

		expect(fd >= 0 && takes_turns(fd));
		expect(pread(fd, text, sizeof(text) - 1, 0) == 12 && close(fd) == 0);
		expect(strcmp(text, "1 2 3 4 5 6 ") == 0);
	}
	leave();
	return 0;
}

static void write_to_two_files(void *data)
{
	const int *fds = data;

	if (write(fds[0], "1", 1) != 1 || write(fds[1], "2", 1) != 1 || write(fds[0], "3", 1) != 1)
		exec_shell("exit 1");
	exec_shell("exit 0");
}

static int writes_to_two_pipes_arrive(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		char text[TEXT_MAX] = "";
		int a[2], b[2];

		expect(pipe(a) == 0 && pipe(b) == 0);
		expect(exit_of(run_child(write_to_two_files, (int[]){a[1], b[1]})) == 0);
		expect(close(a[1]) == 0 && close(b[1]) == 0);
		expect(read(a[0], text, sizeof(text) - 1) == 2 && memcmp(text, "13", 2) == 0);
		expect(read(b[0], text, sizeof(text) - 1) == 1 && text[0] == '2');
		expect(close(a[0]) == 0 && close(b[0]) == 0);
	}
	return 0;
}

static void fill_new(void *data)
{
	int fd = open("new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	(void)data;
	if (fd < 0)
		exec_shell("exit 1");
	exec_shell(write(fd, "text", 4) == -1 && errno == ENOSPC ? "exit 0" : "exit 2");
}

static void fill_old(void *data)
{
	static char bytes[3000];
	const int *fd = data;

	exec_shell(write(*fd, bytes, sizeof(bytes)) == PAGE / 2 ? "exit 0" : "exit 2");
}

/* A file system of four pages, of which the last one is half empty. */
static int try_full_disk(void)
{
	char bytes[PAGE] = "";
	int old;

	expect(chdir(folder) == 0);
	old = open("old", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	expect(old >= 0);
	for (int i = 0; i < 3; i++)
		expect(write(old, bytes, PAGE) == PAGE);
	expect(write(old, bytes, PAGE / 2) == PAGE / 2);
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(fill_new, NULL)) == 0);
		expect(unlink("new") == 0);
		expect(exit_of(run_child(fill_old, &old)) == 0);
		expect(ftruncate(old, 3 * PAGE + PAGE / 2) == 0);
		expect(lseek(old, 0, SEEK_END) == 3 * PAGE + PAGE / 2);
	}
	return close(old) != 0;
}

static int put_line(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t length = strlen(text);
	int rc = fd < 0 || write(fd, text, length) != (ssize_t)length;

	return (fd >= 0 && close(fd)) || rc;
}

/* Mounts of its own; as root of a user namespace where the user is not root, since nobody else may write to a tmpfs. */
static int private_mounts(void)
{
	char users[40], groups[40];

	if (unshare(CLONE_NEWNS) == 0)
		return 0;
	(void)snprintf(users, sizeof(users), "0 %u 1", (unsigned int)getuid());
	(void)snprintf(groups, sizeof(groups), "0 %u 1", (unsigned int)getgid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) || put_line("/proc/self/setgroups", "deny") ||
	       put_line("/proc/self/uid_map", users) || put_line("/proc/self/gid_map", groups);
}

static int a_full_disk_is_told_to_the_child(void)
{
	int line;

	if (private_mounts())
		return SKIPPED;
	expect(mkdtemp(folder));
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("none", folder, "tmpfs", 0, "size=16384")) {
		(void)rmdir(folder);
		return SKIPPED;
	}
	line = try_full_disk();
	(void)(chdir("/") || umount2(folder, MNT_DETACH) || rmdir(folder));
	return line;
}

/* What the child writes is in memory where the file is mapped. */
struct mapped {
	int fd;
	char *area; /* NULL: the child maps it */
};

static void write_and_look(void *data)
{
	const struct mapped *mapped = data;
	volatile char *area = mapped->area;

	if (!area)
		area = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, mapped->fd, 0);
	if (area[0] != 'o' || write(mapped->fd, "new", 3) != 3)
		exec_shell("exit 8");
	exec_shell(area[0] == 'n' ? "exit 6" : "exit 9");
}

static void empty_and_look(void *data)
{
	const struct mapped *mapped = data;
	volatile char *area = mapped->area;

	if (!area)
		area = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, mapped->fd, 0);
	if (area[0] != 'o' || open("new", O_WRONLY | O_TRUNC) < 0)
		exec_shell("exit 8");
	exec_shell(area[0] == 'o' ? "exit 9" : "exit 7");
}

static int mapped_files_show_what_the_child_does_to_them(void)
{
	const struct rlimit no_core = {0, 0};
	struct mapped mapped[3] = {{-1, NULL}, {-1, NULL}, {-1, NULL}};

	expect(enter());
	(void)setrlimit(RLIMIT_CORE, &no_core);
	for (int i = 0; i < 3 * ROUNDS; i++) {
		struct mapped *one = &mapped[i % 3];

		if (one->fd < 0) {
			one->fd = open("new", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
			expect(one->fd >= 0 && pwrite(one->fd, "old", 3, 0) == 3);
			one->area = i % 3 == 0 ? NULL
					       : mmap(NULL, PAGE, PROT_READ,
							 i % 3 == 1 ? MAP_PRIVATE : MAP_SHARED,
							 one->fd, 0);
			expect(one->area != MAP_FAILED);
		}
		expect(exit_of(run_child(write_and_look, one)) == 6);
		expect(pwrite(one->fd, "old", 3, 0) == 3 && lseek(one->fd, 0, SEEK_SET) == 0);
		expect(exit_of(run_child(empty_and_look, one)) == 1000 + SIGBUS);
		expect(pwrite(one->fd, "old", 3, 0) == 3);
	}
	leave();
	return 0;
}

const struct pitfall pitfalls_deferred[] = {
	{"the-state-of-a-new-file-is-its-own", the_state_of_a_new_file_is_its_own},
	{"new-file-has-its-size", new_file_has_its_size},
	{"inherited-file-has-its-size", inherited_file_has_its_size},
	{"new-file-has-its-position", new_file_has_its_position},
	{"inherited-file-has-its-position", inherited_file_has_its_position},
	{"new-file-has-its-end", new_file_has_its_end},
	{"inherited-file-has-its-end", inherited_file_has_its_end},
	{"new-file-has-its-content", new_file_has_its_content},
	{"inherited-file-has-its-content", inherited_file_has_its_content},
	{"new-file-has-its-size-by-name", new_file_has_its_size_by_name},
	{"inherited-file-has-its-size-by-name", inherited_file_has_its_size_by_name},
	{"new-file-has-its-content-by-name", new_file_has_its_content_by_name},
	{"inherited-file-has-its-content-by-name", inherited_file_has_its_content_by_name},
	{"a-name-has-one-creator", a_name_has_one_creator},
	{"modes-of-the-childs-terminal-are-set", modes_of_the_childs_terminal_are_set},
	{"a-new-terminal-is-found-by-its-alias", a_new_terminal_is_found_by_its_alias},
	{"writes-to-a-pipe-keep-their-order", writes_to_a_pipe_keep_their_order},
	{"writes-to-a-file-keep-their-order", writes_to_a_file_keep_their_order},
	{"writes-to-two-pipes-arrive", writes_to_two_pipes_arrive},
	{"a-full-disk-is-told-to-the-child", a_full_disk_is_told_to_the_child},
	{"mapped-files-show-what-the-child-does-to-them",
		mapped_files_show_what_the_child_does_to_them},
	{NULL, NULL},
};
