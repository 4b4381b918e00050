/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Descriptors and files. The child has its own table of descriptors, so its changes are made at once; what is
 * shared with the parent is the open files behind: their positions and flags may not be touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "kernel.h"
#include "raw_syscall.h"
#include "text.h"

#define READ_BYTES (64 * 1024)
#define WRITE_BYTES 4096 /* PIPE_BUF: a pipe that can take anything takes this */
#define MEMORY_DEVICES 1 /* null, zero, full, random */
#define TTY_ALIAS_MAJOR 5

bool kernel_fd_own(const struct kernel *k, uint64_t fd)
{
	return fd < KERNEL_FDS && (k->own[fd / 64] >> (fd % 64) & 1);
}

void kernel_fd_set_own(struct kernel *k, int64_t fd, bool own)
{
	if (fd < 0 || fd >= KERNEL_FDS)
		return;
	if (own)
		k->own[fd / 64] |= 1ULL << (fd % 64);
	else
		k->own[fd / 64] &= ~(1ULL << (fd % 64));
}

uint8_t kernel_fd_placeholder(const struct kernel *k, uint64_t fd)
{
	return (uint32_t)fd < KERNEL_FDS ? k->placeholder[(uint32_t)fd] : 0;
}

void kernel_fd_copy(struct kernel *k, uint64_t from, int64_t to)
{
	kernel_fd_set_own(k, to, kernel_fd_own(k, from));
	if (to >= 0 && to < KERNEL_FDS)
		k->placeholder[to] = kernel_fd_placeholder(k, from);
}

void kernel_fd_forget(struct kernel *k, uint64_t fd)
{
	if ((uint32_t)fd >= KERNEL_FDS)
		return;
	kernel_fd_set_own(k, (int64_t)(uint32_t)fd, false);
	k->placeholder[(uint32_t)fd] = 0;
}

bool kernel_fd_hidden(const struct kernel *k, uint64_t fd)
{
	return k->deferred_count > 0 && (uint32_t)fd >= KERNEL_FD_ABOVE && (int32_t)fd >= 0;
}

/* A placeholder of a number that the kernel would not give back is of no use above the table. */
static bool representable(const struct kernel *k, uint64_t from, int64_t to)
{
	return to < KERNEL_FDS || !kernel_fd_placeholder(k, from);
}

enum call_result kernel_close(struct kernel *k)
{
	uint64_t fd = (uint32_t)kernel_argument(k, 0);
	int64_t result;

	if (!k->child)
		return CALL_CHILD;
	if (kernel_deferred_descriptor(k, (uint32_t)fd) == fd)
		return kernel_result(k, -EBADF);
	result = raw1(SYS_close, fd);
	if (result == 0)
		kernel_fd_forget(k, fd);
	return kernel_result(k, result);
}

enum call_result kernel_close_range(struct kernel *k)
{
	uint32_t first = (uint32_t)kernel_argument(k, 0), last = (uint32_t)kernel_argument(k, 1);
	uint64_t flags = (uint32_t)kernel_argument(k, 2);
	int64_t result = 0;

	if (!k->child)
		return CALL_CHILD;
	/* Ours, which stay, are closed at exec in any case. */
	if (flags || first > last) {
		result = raw3(SYS_close_range, first, last, flags);
	} else {
		for (uint32_t at = first, ours; result == 0 && at <= last; at = ours + 1) {
			ours = kernel_deferred_descriptor(k, at);
			if (ours > at)
				result =
					raw3(SYS_close_range, at, ours > last ? last : ours - 1, 0);
			if (ours >= last)
				break;
		}
	}
	for (uint32_t fd = first; result == 0 && !(flags & 4) && fd <= last && fd < KERNEL_FDS;
		fd++)
		kernel_fd_forget(k, fd);
	return kernel_result(k, result);
}

enum call_result kernel_dup(struct kernel *k, uint64_t nr)
{
	uint64_t from = (uint32_t)kernel_argument(k, 0);
	int64_t to;

	if (!k->child)
		return CALL_CHILD;
	if (kernel_fd_hidden(k, from) ||
		(nr != SYS_dup && kernel_fd_hidden(k, kernel_argument(k, 1))))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	to = raw3(nr, from, kernel_argument(k, 1), kernel_argument(k, 2));
	if (to < 0 || (uint64_t)to == from)
		return kernel_result(k, to);
	if (!representable(k, from, to) || kernel_fd_hidden(k, (uint64_t)to))
		return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
	kernel_fd_copy(k, from, to);
	return kernel_result(k, to);
}

static enum call_result set_status_flags(struct kernel *k, uint64_t fd)
{
	int64_t now = raw2(SYS_fcntl, fd, F_GETFL);
	const int64_t changeable = O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME | O_NONBLOCK;

	if (kernel_fd_placeholder(k, fd))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	/* Flags of the open file: of the parent, too, unless nothing changes or only the child has it. */
	if (now >= 0 && !kernel_fd_own(k, fd) &&
		((now ^ (int64_t)kernel_argument(k, 2)) & changeable))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	return kernel_result(k, raw3(SYS_fcntl, fd, F_SETFL, kernel_argument(k, 2)));
}

enum call_result kernel_fcntl(struct kernel *k)
{
	uint64_t fd = (uint32_t)kernel_argument(k, 0), command = kernel_argument(k, 1);
	int64_t result;

	if (kernel_fd_hidden(k, fd))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	switch (command) {
	case F_GETFD:
		return kernel_result(k, raw2(SYS_fcntl, fd, command));
	case F_GETFL:
	case 1032 /* F_GETPIPE_SZ */:
		if (kernel_fd_placeholder(k, fd))
			return command == F_GETFL ? kernel_result(k, kernel_deferred_flags(k, fd))
						  : kernel_abort(k, SPORK_ABORT_EXTERNAL);
		return kernel_result(k, raw2(SYS_fcntl, fd, command));
	default:
		break;
	}
	if (!k->child)
		return CALL_CHILD;
	switch (command) {
	case F_SETFD:
		return kernel_result(k, raw3(SYS_fcntl, fd, command, kernel_argument(k, 2)));
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		result = raw3(SYS_fcntl, fd, command, kernel_argument(k, 2));
		if (result >= 0 &&
			(!representable(k, fd, result) || kernel_fd_hidden(k, (uint64_t)result)))
			return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
		if (result >= 0)
			kernel_fd_copy(k, fd, result);
		return kernel_result(k, result);
	case F_SETFL:
		return set_status_flags(k, fd);
	case F_SETLKW:
		return kernel_abort(k, SPORK_ABORT_BLOCKING);
	default:
		return kernel_abort(k, SPORK_ABORT_SYSCALL);
	}
}

enum call_result kernel_pipe(struct kernel *k)
{
	uint64_t flags = KERNEL_NUMBER(k) == SYS_pipe2 ? kernel_argument(k, 1) : 0;
	int pair[2];
	int64_t result;

	if (!k->child)
		return CALL_CHILD;
	result = raw2(SYS_pipe2, pair, flags);
	if (result)
		return kernel_result(k, result);
	if (pair[0] >= KERNEL_FDS || pair[1] >= KERNEL_FDS ||
		kernel_fd_hidden(k, (uint64_t)pair[0]) || kernel_fd_hidden(k, (uint64_t)pair[1]) ||
		!kernel_write(k, kernel_argument(k, 0), pair, sizeof(pair)))
		return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
	for (int i = 0; i < 2; i++) {
		kernel_fd_forget(k, (uint64_t)pair[i]);
		kernel_fd_set_own(k, pair[i], true);
	}
	return kernel_result(k, 0);
}

static bool ready(uint64_t fd, int16_t events)
{
	struct pollfd item = {.fd = (int)fd, .events = events};

	return raw3(SYS_poll, &item, 1, 0) == 1 && (item.revents & events);
}

/* Those that neither wait nor tell anybody: the kernel's log, for one, has the same major number. */
static bool is_memory_device(const struct stat *status)
{
	enum { NULL_DEVICE = 3, ZERO_DEVICE = 5, FULL_DEVICE = 7, RANDOM = 8, URANDOM = 9 };

	if (!S_ISCHR(status->st_mode) || major(status->st_rdev) != MEMORY_DEVICES)
		return false;
	switch (minor(status->st_rdev)) {
	case NULL_DEVICE:
	case ZERO_DEVICE:
	case FULL_DEVICE:
	case RANDOM:
	case URANDOM:
		return true;
	default:
		return false;
	}
}

/* May this be read without waiting, and without moving a position that the parent shares? */
static bool may_read(struct kernel *k, uint64_t fd, bool at_offset)
{
	struct stat status;

	if (kernel_fd_placeholder(k, fd) || kernel_defers_bytes(k, fd) ||
		raw2(SYS_fstat, fd, &status))
		return false;
	if (is_memory_device(&status))
		return true;
	if (S_ISREG(status.st_mode))
		return at_offset || kernel_fd_own(k, fd);
	return S_ISFIFO(status.st_mode) && kernel_fd_own(k, fd) && ready(fd, POLLIN);
}

enum call_result kernel_read_call(struct kernel *k, bool at_offset)
{
	uint64_t fd = (uint32_t)kernel_argument(k, 0), size = kernel_argument(k, 2);
	int64_t result;
	void *room;

	/* Errors are the same whoever makes them. */
	if (raw2(SYS_fcntl, fd, F_GETFD) < 0)
		return kernel_result(k, -EBADF);
	if (!at_offset && !k->child)
		return CALL_CHILD;
	if (!may_read(k, fd, at_offset))
		return kernel_abort(k, SPORK_ABORT_BLOCKING);
	/* Reading less than was asked for is allowed, and who reads must be prepared. */
	if (size > READ_BYTES)
		size = READ_BYTES;
	room = kernel_room(k, size);
	if (!room)
		return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
	result = raw4(at_offset ? SYS_pread64 : SYS_read, fd, room, size, kernel_argument(k, 3));
	if (result > 0 && !kernel_write(k, kernel_argument(k, 1), room, (uint64_t)result))
		return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
	return kernel_result(k, result);
}

enum call_result kernel_seek(struct kernel *k)
{
	uint64_t fd = (uint32_t)kernel_argument(k, 0);
	int64_t now;

	if (kernel_defers_bytes(k, fd))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	/* The file behind it will be empty, or new, and at its start. */
	if (kernel_fd_placeholder(k, fd))
		return kernel_argument(k, 1) == 0 && kernel_argument(k, 2) <= 2
			       ? kernel_result(k, 0)
			       : kernel_abort(k, SPORK_ABORT_EXTERNAL);
	now = raw3(SYS_lseek, fd, 0, 1 /* SEEK_CUR */);
	if (now < 0 || (kernel_argument(k, 1) == 0 && kernel_argument(k, 2) == 1))
		return kernel_result(k, now);
	if (!kernel_fd_own(k, fd))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	return kernel_result(k, raw3(SYS_lseek, fd, kernel_argument(k, 1), kernel_argument(k, 2)));
}

/* Calls of ioctl that only ask, and how much they answer. */
static uint32_t answer_bytes(uint64_t request)
{
	switch (request) {
	case TCGETS:
		return sizeof(struct kernel_modes);
	case TIOCGWINSZ:
		return sizeof(struct winsize);
	case TIOCGPGRP:
	case TIOCGSID:
	case FIONREAD:
		return sizeof(int);
	default:
		return 0;
	}
}

/* Is the answer the same before and after the terminal's changes that wait for exec? */
static bool is_independent(uint64_t fd, uint64_t request)
{
	struct stat status;

	if (raw2(SYS_fstat, fd, &status) == 0 && !S_ISCHR(status.st_mode))
		return true;
	/* Whose terminal it is has nothing to do with its modes. */
	return request == TIOCGWINSZ || request == FIONREAD || request == TCGETS;
}

enum call_result kernel_ioctl(struct kernel *k)
{
	uint64_t fd = (uint32_t)kernel_argument(k, 0), request = (uint32_t)kernel_argument(k, 1);
	uint32_t bytes = answer_bytes(request);
	uint8_t answer[64] __attribute__((aligned(8)));
	const struct kernel_modes *modes;
	uint32_t group;
	int64_t result;

	if (!k->child)
		return CALL_CHILD;
	if (bytes) {
		/* The file behind it will be a regular one. */
		if (kernel_fd_placeholder(k, fd))
			return request == FIONREAD ? kernel_abort(k, SPORK_ABORT_EXTERNAL)
						   : kernel_result(k, -ENOTTY);
		if ((kernel_defers_terminal(k) && !is_independent(fd, request)) ||
			(request == FIONREAD && kernel_defers_bytes(k, fd)))
			return kernel_abort(k, SPORK_ABORT_EXTERNAL);
		modes = request == TCGETS ? kernel_deferred_modes(k, fd) : NULL;
		if (modes)
			memcpy(answer, modes, sizeof(*modes));
		result = modes ? 0 : raw3(SYS_ioctl, fd, request, answer);
		if (result == 0 && !kernel_write(k, kernel_argument(k, 2), answer, bytes))
			return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
		return kernel_result(k, result);
	}
	switch (request) {
	case FIOCLEX:
	case FIONCLEX:
		return kernel_result(k, raw2(SYS_ioctl, fd, request));
	case TIOCSPGRP:
		if (!kernel_read(k, kernel_argument(k, 2), &group, sizeof(group)))
			return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
		return kernel_defer_terminal(k, fd, (uint32_t)request, group);
	case TCSETS:
		if (!kernel_read(k, kernel_argument(k, 2), answer, sizeof(*modes)))
			return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
		return kernel_defer_modes(k, fd, (const struct kernel_modes *)answer);
	case TIOCSCTTY:
		return kernel_defer_terminal(
			k, fd, (uint32_t)request, (uint32_t)kernel_argument(k, 2));
	default:
		return kernel_abort(k, SPORK_ABORT_SYSCALL);
	}
}

enum call_result kernel_write_call(struct kernel *k)
{
	uint64_t fd = (uint32_t)kernel_argument(k, 0), size = kernel_argument(k, 2);
	struct stat status;
	uint8_t *bytes;

	if (!k->child)
		return CALL_CHILD;
	if (raw2(SYS_fstat, fd, &status))
		return kernel_result(k, -EBADF);
	bytes = size <= WRITE_BYTES ? kernel_room(k, size) : NULL;
	if (!bytes || !kernel_read(k, kernel_argument(k, 1), bytes, size))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	if (k->committed || (is_memory_device(&status) && !kernel_fd_placeholder(k, fd)) ||
		(S_ISFIFO(status.st_mode) && kernel_fd_own(k, fd) && ready(fd, POLLOUT)))
		return kernel_result(k, raw3(SYS_write, fd, bytes, size));
	return kernel_defer_write(k, fd, bytes, (uint32_t)size);
}

static enum call_result open_now(
	struct kernel *k, int directory, const char *path, uint64_t flags, uint64_t mode, bool own)
{
	int64_t fd = raw4(SYS_openat, directory, path, flags, mode);

	if (fd >= 0 && kernel_fd_hidden(k, (uint64_t)fd))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	if (fd >= 0) {
		kernel_fd_forget(k, (uint64_t)fd);
		kernel_fd_set_own(k, fd, own);
	}
	return kernel_result(k, fd);
}

/* What /proc says about the child's memory and limits is the parent's while they share it. */
static bool is_proc(const char *path)
{
	return text_starts(path, "/proc") && !text_starts(path, "/proc/self/fd") &&
	       !text_starts(path, "/proc/sys/") && !text_starts(path, "/proc/filesystems");
}

/* The same, whatever the way there: its files say that they are empty. */
static bool leads_to_proc(int directory, const char *path, const struct stat *status)
{
	enum { PROC_MAGIC = 0x9fa0 };
	struct statfs system = {0};
	int64_t fd;

	if (status->st_size > 0 || text_starts(path, "/proc/"))
		return false;
	fd = raw4(SYS_openat, directory, path, O_PATH | O_CLOEXEC, 0);
	if (fd < 0)
		return true;
	(void)raw2(SYS_fstatfs, fd, &system);
	(void)raw1(SYS_close, fd);
	return system.f_type == PROC_MAGIC;
}

/* An existing file that is not created or truncated. */
static enum call_result open_existing(struct kernel *k, int directory, const char *path,
	const struct stat *status, uint64_t flags, uint64_t mode)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY;

	if ((flags & O_TRUNC) && !writes)
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	if (S_ISREG(status->st_mode) && leads_to_proc(directory, path, status))
		return kernel_abort(k, SPORK_ABORT_ADDRESS_SPACE);
	if (S_ISREG(status->st_mode))
		return (flags & O_TRUNC) && !k->committed
			       ? kernel_defer_open(
					 k, directory, path, (uint32_t)flags, (uint32_t)mode, false)
			       : open_now(k, directory, path, flags, mode, !writes);
	if (S_ISDIR(status->st_mode) || S_ISLNK(status->st_mode) || is_memory_device(status))
		return open_now(k, directory, path, flags, mode, true);
	/* /dev/tty stands for the terminal there is already, and opening it changes nothing. */
	if (S_ISCHR(status->st_mode) && major(status->st_rdev) == TTY_ALIAS_MAJOR &&
		minor(status->st_rdev) == 0 && !kernel_defers_request(k, TIOCSCTTY))
		return open_now(k, directory, path, flags, mode, false);
	return kernel_abort(
		k, S_ISFIFO(status->st_mode) ? SPORK_ABORT_BLOCKING : SPORK_ABORT_EXTERNAL);
}

enum call_result kernel_open(
	struct kernel *k, int directory, uint64_t address, uint64_t flags, uint64_t mode)
{
	char *path;
	struct stat status;
	int64_t err;

	if (!k->child)
		return CALL_CHILD;
	path = kernel_path(k, directory, address);
	if (!path || kernel_fd_placeholder(k, (uint64_t)(uint32_t)directory))
		return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	if (is_proc(path))
		return kernel_abort(k, SPORK_ABORT_ADDRESS_SPACE);
	if (flags & O_PATH)
		return open_now(k, directory, path, flags, mode, true);
	err = raw4(SYS_newfstatat, directory, path, &status,
		flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0);
	if (err == -ENOENT && (flags & O_CREAT) && !k->committed)
		return kernel_defer_open(k, directory, path, (uint32_t)flags, (uint32_t)mode, true);
	/* Exists, although it must not, or cannot be reached: an error, without any effect. */
	if (err || ((flags & O_CREAT) && (flags & O_EXCL)))
		return open_now(k, directory, path, flags, mode, false);
	return open_existing(k, directory, path, &status, flags, mode);
}
