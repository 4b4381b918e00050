/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors: tables are copied, open files are shared, locks belong to processes. */
#include "contract.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int make_temporary(void)
{
	char path[] = "/tmp/spork-contract.XXXXXX";
	int fd = mkstemp(path);

	(void)unlink(path);
	return fd;
}

static void change_table(void *data)
{
	int fd = *(int *)data;

	(void)dup2(fd, 50);
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)close_range(3, 40, 0);
	exec_shell("test -e /proc/self/fd/50");
}

static int closing_in_the_child_leaves_the_parents_table(void)
{
	int fd = make_temporary();

	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(change_table, &fd)) == 0);
		expect(fcntl(fd, F_GETFD) == 0 && fcntl(50, F_GETFD) == -1);
	}
	return 0;
}

static void move_offset(void *data)
{
	int fd = *(int *)data;

	(void)lseek(fd, 100, SEEK_CUR);
	(void)fcntl(fd, F_SETFL, O_APPEND);
	exec_shell("exit 0");
}

static int offsets_and_status_flags_are_shared(void)
{
	int fd = make_temporary();

	for (int i = 0; i < ROUNDS; i++) {
		(void)fcntl(fd, F_SETFL, 0);
		expect(exit_of(run_child(move_offset, &fd)) == 0);
		expect(lseek(fd, 0, SEEK_CUR) == 100 * (i + 1));
		expect(fcntl(fd, F_GETFL) & O_APPEND);
	}
	return 0;
}

static void close_locked(void *data)
{
	struct flock lock = {.l_type = F_WRLCK, .l_len = 10};
	int fd = *(int *)data;

	if (fcntl(fd, F_GETLK, &lock) || lock.l_type != F_WRLCK || lock.l_pid != getppid())
		_exit(1);
	(void)close(fd);
	exec_shell("exit 0");
}

static int record_locks_survive_a_close_in_the_child(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_len = 10};
	int fd = make_temporary();

	expect(fcntl(fd, F_SETLK, &lock) == 0);
	/* The second round sees whether the first one's close dropped it. */
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(close_locked, &fd)) == 0);
	return 0;
}

static void unlock_shared(void *data)
{
	exec_shell(flock(*(int *)data, LOCK_UN) == 0 ? "exit 0" : "exit 1");
}

static int flocks_belong_to_the_open_file(void)
{
	char path[] = "/tmp/spork-contract.XXXXXX";
	int fd = mkstemp(path), other = open(path, O_RDWR | O_CLOEXEC);

	(void)unlink(path);
	for (int i = 0; i < ROUNDS; i++) {
		expect(flock(fd, LOCK_EX | LOCK_NB) == 0 && flock(other, LOCK_EX | LOCK_NB) == -1);
		expect(exit_of(run_child(unlock_shared, &fd)) == 0);
		expect(flock(other, LOCK_EX | LOCK_NB) == 0 && flock(other, LOCK_UN) == 0);
	}
	return 0;
}

static void create_and_write(void *data)
{
	int fd = open(data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd < 0)
		_exit(1);
	(void)dup2(fd, 1);
	exec_shell("echo written");
}

static int redirection_creates_the_file_once(void)
{
	char path[] = "/tmp/spork-contract.XXXXXX", text[20] = "";
	int fd = mkstemp(path);

	(void)close(fd);
	for (int i = 0; i < ROUNDS; i++) {
		(void)unlink(path);
		expect(exit_of(run_child(create_and_write, path)) == 0);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		expect(fd >= 0 && read(fd, text, sizeof(text)) == 8 &&
			memcmp(text, "written\n", 8) == 0);
		(void)close(fd);
	}
	(void)unlink(path);
	return 0;
}

static int lowest_descriptors_stay_free(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		int before = open("/dev/null", O_RDONLY | O_CLOEXEC), after;

		(void)close(before);
		expect(exit_of(run_child((void (*)(void *))(uintptr_t)exec_shell,
			       (void *)(uintptr_t) "exit 0")) == 0);
		after = open("/dev/null", O_RDONLY | O_CLOEXEC);
		(void)close(after);
		expect(before == after);
	}
	return 0;
}

static int io_uring_of_the_parent_works(void)
{
	struct io_uring_params params;
	int ring;

	memset(&params, 0, sizeof(params));
	ring = (int)syscall(SYS_io_uring_setup, 4, &params);
	if (ring < 0)
		return SKIPPED;
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(change_table, &ring)) == 0);
		expect(syscall(SYS_io_uring_enter, ring, 0, 0, 0, NULL, 0) == 0);
	}
	return 0;
}

static int aio_of_the_parent_works(void)
{
	aio_context_t context = 0;
	static char buffer[16] = "0123456789abcde";
	struct iocb request = {.aio_lio_opcode = IOCB_CMD_PWRITE,
		.aio_buf = (uint64_t)(uintptr_t)buffer,
		.aio_nbytes = sizeof(buffer)};
	struct iocb *list[] = {&request};
	struct io_event event;

	if (syscall(SYS_io_setup, 4, &context))
		return SKIPPED;
	request.aio_fildes = (uint32_t)make_temporary();
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child((void (*)(void *))(uintptr_t)exec_shell,
			       (void *)(uintptr_t) "exit 0")) == 0);
		expect(syscall(SYS_io_submit, context, 1, list) == 1);
		expect(syscall(SYS_io_getevents, context, 1, 1, &event, NULL) == 1);
		expect(event.res == (int64_t)sizeof(buffer));
	}
	return 0;
}

const struct pitfall pitfalls_descriptors[] = {
	{"closing-in-the-child-leaves-the-parents-table",
		closing_in_the_child_leaves_the_parents_table},
	{"offsets-and-status-flags-are-shared", offsets_and_status_flags_are_shared},
	{"record-locks-survive-a-close-in-the-child", record_locks_survive_a_close_in_the_child},
	{"flocks-belong-to-the-open-file", flocks_belong_to_the_open_file},
	{"redirection-creates-the-file-once", redirection_creates_the_file_once},
	{"lowest-descriptors-stay-free", lowest_descriptors_stay_free},
	{"io-uring-of-the-parent-works", io_uring_of_the_parent_works},
	{"aio-of-the-parent-works", aio_of_the_parent_works},
	{NULL, NULL},
};
