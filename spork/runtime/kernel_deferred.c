/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Effects that others can see, kept back until exec is certain. Files are opened first (without truncating them, so
 * that it can be undone), then the terminal, then files are truncated, and one write comes last: whatever fails
 * while it can still be undone ends the attempt without a trace.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "kernel.h"
#include "raw_syscall.h"
#include "text.h"

#define MEMORY_DEVICES 1 /* null, zero, full, random */
#define FOLDER_BYTES 1024
#define WRITE_BYTES 4096 /* PIPE_BUF: a pipe that can take anything takes this */

static struct deferred *add(struct kernel *k, enum deferred_kind kind)
{
	struct deferred *d;

	/* Other orders than that of the kinds cannot be kept, nor a second write be undone. */
	if (k->deferred_count == KERNEL_DEFERRED)
		return NULL;
	if (k->deferred_count > 0 &&
		(k->deferred[k->deferred_count - 1].kind > kind ||
			(kind == DEFERRED_WRITE &&
				k->deferred[k->deferred_count - 1].kind == kind)))
		return NULL;
	d = &k->deferred[k->deferred_count];
	*d = (struct deferred){.kind = kind, .fd = -1, .real = -1, .unnamed = -1};
	return d;
}

static int hold(uint64_t fd)
{
	return (int)raw3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, KERNEL_FD_ABOVE);
}

/* The folder that a relative path starts from, as it is now. */
static int hold_folder(int directory)
{
	int64_t fd, held;

	if (directory != AT_FDCWD)
		return hold((uint64_t)(uint32_t)directory);
	fd = raw3(SYS_open, ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return (int)fd;
	held = hold((uint64_t)fd);
	(void)raw1(SYS_close, fd);
	return (int)held;
}

/* The folder in which @path is to be made. False: it is too long, or names a folder itself. */
static bool folder_of(const char *path, char folder[FOLDER_BYTES])
{
	size_t length = 0, slash = 0;

	for (; path[length]; length++) {
		if (length + 2 >= FOLDER_BYTES)
			return false;
		folder[length] = path[length];
		if (path[length] == '/')
			slash = length + 1;
	}
	if (slash == length)
		return false;
	folder[slash] = '\0';
	if (slash == 0)
		memcpy(folder, ".", 2);
	return true;
}

/* Will it be possible? The folder must be writable, or the file that is there. */
static bool will_open(int directory, const char *path, uint32_t flags, bool creates)
{
	enum { READ = 4, WRITE = 2, ENTER = 1 };
	char folder[FOLDER_BYTES];

	if (!creates) {
		int wanted = (flags & O_ACCMODE) == O_RDWR ? READ | WRITE : WRITE;

		return raw4(SYS_faccessat2, directory, path, wanted, AT_EACCESS) == 0;
	}
	return folder_of(path, folder) &&
	       raw4(SYS_faccessat2, directory, folder, WRITE | ENTER, AT_EACCESS) == 0;
}

static bool keep_text(struct kernel *k, struct deferred *d, const void *bytes, uint32_t size)
{
	if (size > KERNEL_TEXT_BYTES - k->text_bytes)
		return false;
	memcpy(k->text + k->text_bytes, bytes, size);
	d->text = k->text_bytes;
	d->size = size;
	k->text_bytes += size;
	return true;
}

static mode_t now_umask(void)
{
	int64_t mask = raw1(SYS_umask, 0);

	(void)raw1(SYS_umask, mask);
	return (mode_t)mask;
}

/* An existing file that will be emptied: does anybody see that in memory? */
static bool is_mapped(struct kernel *k, int directory, const char *path)
{
	int64_t fd = raw4(SYS_openat, directory, path, O_PATH | O_CLOEXEC, 0);
	bool mapped = fd < 0 || kernel_file_mapped(k, (uint64_t)fd);

	if (fd >= 0)
		(void)raw1(SYS_close, fd);
	return mapped;
}

enum call_result kernel_defer_open(struct kernel *k, int directory, const char *path,
	uint32_t flags, uint32_t mode, bool creates)
{
	struct deferred *d = add(k, DEFERRED_OPEN);
	struct stat status;
	int64_t stand_in;

	if (!d || k->opens == UINT8_MAX || !will_open(directory, path, flags, creates) ||
		!keep_text(k, d, path, (uint32_t)strlen(path) + 1))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	d->fd = path[0] == '/' ? AT_FDCWD : hold_folder(directory);
	d->creates = creates;
	d->flags = flags;
	d->mode = mode;
	d->mask = now_umask();
	if ((d->fd < 0 && d->fd != AT_FDCWD) ||
		(!creates && (raw4(SYS_newfstatat, directory, path, &status, 0) ||
				     (status.st_size > 0 && is_mapped(k, directory, path)))))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	d->device = creates ? 0 : status.st_dev;
	d->inode = creates ? 0 : status.st_ino;
	/* The number is right from now on; what is behind it comes later. */
	stand_in = raw3(SYS_open, "/dev/null", O_PATH | (flags & O_CLOEXEC), 0);
	if (stand_in < 0 || stand_in >= KERNEL_FD_ABOVE)
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	d->number = ++k->opens;
	k->deferred_count++;
	kernel_fd_forget(k, (uint64_t)stand_in);
	k->placeholder[stand_in] = d->number;
	return kernel_result(k, stand_in);
}

static struct deferred *deferred_open(struct kernel *k, uint64_t fd)
{
	uint8_t number = kernel_fd_placeholder(k, fd);

	for (uint32_t i = 0; number && i < k->deferred_count; i++) {
		if (k->deferred[i].kind == DEFERRED_OPEN && k->deferred[i].number == number)
			return &k->deferred[i];
	}
	return NULL;
}

/* The file itself, which nobody can find as long as it has no name. */
static bool make_unnamed(struct kernel *k, struct deferred *d)
{
	char folder[FOLDER_BYTES];
	int64_t fd;
	mode_t mask;

	if (d->unnamed >= 0)
		return true;
	if (!d->creates || (d->flags & O_ACCMODE) == O_RDONLY ||
		!folder_of((const char *)k->text + d->text, folder))
		return false;
	mask = (mode_t)raw1(SYS_umask, d->mask);
	fd = raw4(
		SYS_openat, d->fd, folder, O_TMPFILE | O_CLOEXEC | (d->flags & O_ACCMODE), d->mode);
	(void)raw1(SYS_umask, mask);
	if (fd < 0)
		return false;
	d->unnamed = hold((uint64_t)fd);
	(void)raw1(SYS_close, fd);
	return d->unnamed >= 0;
}

bool kernel_defers_bytes(const struct kernel *k, uint64_t fd)
{
	const struct deferred *last =
		k->deferred_count ? &k->deferred[k->deferred_count - 1] : NULL;
	struct stat asked, changed;

	if (!last || last->kind != DEFERRED_WRITE)
		return false;
	if (last->number)
		return kernel_fd_placeholder(k, fd) == last->number;
	return raw2(SYS_fstat, fd, &asked) == 0 && raw2(SYS_fstat, last->fd, &changed) == 0 &&
	       (S_ISREG(asked.st_mode) || S_ISFIFO(asked.st_mode)) &&
	       asked.st_ino == changed.st_ino && asked.st_dev == changed.st_dev;
}

bool kernel_deferred_status(struct kernel *k, uint64_t fd, struct stat *ret)
{
	struct deferred *d = deferred_open(k, fd);

	if (!d || kernel_defers_bytes(k, fd) || !make_unnamed(k, d) ||
		raw2(SYS_fstat, d->unnamed, ret))
		return false;
	ret->st_nlink = 1;
	return true;
}

uint32_t kernel_deferred_descriptor(const struct kernel *k, uint32_t fd)
{
	uint32_t found = UINT32_MAX;

	for (uint32_t i = 0; i < k->deferred_count; i++) {
		const int ours[] = {k->deferred[i].fd, k->deferred[i].unnamed};

		for (size_t j = 0; j < sizeof(ours) / sizeof(ours[0]); j++) {
			if (ours[j] >= 0 && (uint32_t)ours[j] >= fd && (uint32_t)ours[j] < found)
				found = (uint32_t)ours[j];
		}
	}
	return found;
}

int64_t kernel_deferred_flags(const struct kernel *k, uint64_t fd)
{
	enum {
		LARGE_FILE = 0100000,
		ONLY_FOR_OPEN = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC
	};

	for (uint32_t i = 0; i < k->deferred_count; i++) {
		const struct deferred *d = &k->deferred[i];

		if (d->kind == DEFERRED_OPEN && d->number == kernel_fd_placeholder(k, fd))
			return (int64_t)((d->flags & ~(uint32_t)ONLY_FOR_OPEN) | LARGE_FILE);
	}
	return -EBADF;
}

static bool is_stand_in(const char *path, const struct stat *status)
{
	static const char *const devices[] = {
		"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"};

	if (!S_ISCHR(status->st_mode) || major(status->st_rdev) != MEMORY_DEVICES)
		return false;
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		if (text_equal(path, devices[i]))
			return false;
	}
	return true;
}

/* Is @path the file that bytes are kept back for? */
static bool is_written(const struct deferred *d, int directory, const char *path)
{
	struct stat asked, changed;

	return d->kind == DEFERRED_WRITE && !d->number && raw2(SYS_fstat, d->fd, &changed) == 0 &&
	       S_ISREG(changed.st_mode) && raw4(SYS_newfstatat, directory, path, &asked, 0) == 0 &&
	       asked.st_ino == changed.st_ino && asked.st_dev == changed.st_dev;
}

bool kernel_defers_file(const struct kernel *k, int directory, const char *path)
{
	struct stat status = {0};
	bool exists = false, opens = false;

	for (uint32_t i = 0; i < k->deferred_count; i++) {
		const struct deferred *d = &k->deferred[i];

		if (is_written(d, directory, path))
			return true;
		if (d->kind != DEFERRED_OPEN)
			continue;
		/* A link may lead to the same file under any name, once it is there. */
		if (text_equal(text_base(path), text_base((const char *)k->text + d->text)))
			return true;
		if (!opens)
			exists = raw4(SYS_newfstatat, directory, path, &status, 0) == 0;
		opens = true;
		if (exists && !d->creates && status.st_ino == d->inode &&
			status.st_dev == d->device)
			return true;
	}
	/* /dev/stdout and its like lead to what stands in for the file. */
	return exists && is_stand_in(path, &status);
}

/* Packets may be refused for their size, or because nobody is there. */
static bool is_stream(uint64_t fd)
{
	int type = 0;
	uint32_t size = sizeof(type);

	return raw5(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type == SOCK_STREAM;
}

static bool is_terminal(uint64_t fd)
{
	struct kernel_modes modes;

	return raw3(SYS_ioctl, fd, TCGETS, &modes) == 0;
}

/* Streams: to other devices, the kernel's log among them, each write is a message. */
static bool takes_bytes(uint64_t fd, const struct stat *status)
{
	return S_ISREG(status->st_mode) || S_ISFIFO(status->st_mode) ||
	       (S_ISCHR(status->st_mode) && is_terminal(fd)) ||
	       (S_ISSOCK(status->st_mode) && is_stream(fd));
}

/* Do they lead to the same open file? */
static bool is_same_file(int a, uint64_t b)
{
	enum { KCMP_FILE = 0 };
	int64_t self = raw0(SYS_getpid);

	return raw5(SYS_kcmp, self, self, KCMP_FILE, a, b) == 0;
}

/*
 * Bytes that follow one another into the same file may as well come at once: whoever reads a stream cannot tell. As
 * long as a pipe takes them in one piece.
 */
static bool joins_write(struct kernel *k, uint64_t fd, const void *bytes, uint32_t size)
{
	struct deferred *last = k->deferred_count ? &k->deferred[k->deferred_count - 1] : NULL;
	uint8_t number = kernel_fd_placeholder(k, fd);
	struct stat status;

	if (!last || last->kind != DEFERRED_WRITE || last->number != number ||
		last->size + size > WRITE_BYTES || last->text + last->size != k->text_bytes ||
		size > KERNEL_TEXT_BYTES - k->text_bytes)
		return false;
	/* Packets would be joined, too; and a terminal may be asked in between. */
	if (!number && (!is_same_file(last->fd, fd) || raw2(SYS_fstat, fd, &status) ||
			       !(S_ISREG(status.st_mode) || S_ISFIFO(status.st_mode)) ||
			       (raw2(SYS_fcntl, fd, F_GETFL) & O_DIRECT)))
		return false;
	memcpy(k->text + k->text_bytes, bytes, size);
	k->text_bytes += size;
	last->size += size;
	return true;
}

enum call_result kernel_defer_write(struct kernel *k, uint64_t fd, const void *bytes, uint32_t size)
{
	struct deferred *d;
	struct rlimit limit;
	struct stat status;
	int64_t flags;

	/* With a limit of file sizes less may be written, or nothing but a signal be the answer. */
	if (raw2(SYS_getrlimit, RLIMIT_FSIZE, &limit) || limit.rlim_cur != RLIM_INFINITY)
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	if (joins_write(k, fd, bytes, size))
		return kernel_result(k, size);
	d = add(k, DEFERRED_WRITE);
	if (!d || !keep_text(k, d, bytes, size))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	d->number = kernel_fd_placeholder(k, fd);
	if (!d->number) {
		flags = raw2(SYS_fcntl, fd, F_GETFL);
		/* Others (event counters) may refuse what they are given. */
		if (raw2(SYS_fstat, fd, &status) || flags < 0 || (flags & O_ACCMODE) == O_RDONLY ||
			!takes_bytes(fd, &status) ||
			(S_ISREG(status.st_mode) && kernel_file_mapped(k, fd)))
			return kernel_abort(k, SPORK_ABORT_EXTERNAL);
		d->fd = hold(fd);
		if (d->fd < 0)
			return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	}
	k->deferred_count++;
	return kernel_result(k, size);
}

bool kernel_defers_request(const struct kernel *k, uint32_t request)
{
	for (uint32_t i = 0; i < k->deferred_count; i++) {
		if (k->deferred[i].kind == DEFERRED_TERMINAL && k->deferred[i].flags == request)
			return true;
	}
	return false;
}

bool kernel_defers_terminal(const struct kernel *k)
{
	for (uint32_t i = 0; i < k->deferred_count; i++) {
		if (k->deferred[i].kind == DEFERRED_TERMINAL)
			return true;
	}
	return false;
}

/* A process in the background is stopped for changing its terminal, or told that it may not. */
static bool stops_for(struct kernel *k, uint32_t foreground)
{
	return foreground != (uint32_t)raw0(SYS_getpgrp) && !kernel_signal_refused(k, SIGTTOU);
}

/* Will the kernel take them as they are? It would correct sizes and speeds, which stay, and bits that are locked. */
static bool is_taken(
	uint64_t fd, const struct kernel_modes *before, const struct kernel_modes *wanted)
{
	struct kernel_modes locked;

	if (raw3(SYS_ioctl, fd, TIOCGLCKTRMIOS, &locked))
		return false;
	for (size_t i = 0; i < sizeof(locked); i++) {
		if (((const uint8_t *)&locked)[i])
			return false;
	}
	return before->cflag == wanted->cflag && before->line == wanted->line;
}

const struct kernel_modes *kernel_deferred_modes(const struct kernel *k, uint64_t fd)
{
	struct stat asked, changed;

	for (uint32_t i = 0; i < k->deferred_count; i++) {
		const struct deferred *d = &k->deferred[i];

		if (d->kind == DEFERRED_TERMINAL && d->flags == TCSETS &&
			raw2(SYS_fstat, fd, &asked) == 0 && raw2(SYS_fstat, d->fd, &changed) == 0 &&
			asked.st_rdev == changed.st_rdev)
			return (const struct kernel_modes *)(k->text + d->text);
	}
	return NULL;
}

enum call_result kernel_defer_modes(struct kernel *k, uint64_t fd, const struct kernel_modes *modes)
{
	struct kernel_modes before;
	struct deferred *d;
	uint32_t now;
	int64_t err;

	if (kernel_fd_placeholder(k, fd) || k->committed || kernel_defers_request(k, TIOCSPGRP) ||
		kernel_defers_request(k, TCSETS))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	err = raw3(SYS_ioctl, fd, TCGETS, &before);
	if (err)
		return kernel_result(k, err);
	/* Once TIOCSCTTY has been carried out, its group is the one in the foreground. */
	if (!kernel_defers_request(k, TIOCSCTTY) && raw3(SYS_ioctl, fd, TIOCGPGRP, &now) == 0 &&
		stops_for(k, now))
		return kernel_abort(k, SPORK_ABORT_SIGNAL);
	d = is_taken(fd, &before, modes) ? add(k, DEFERRED_TERMINAL) : NULL;
	if (!d || !keep_text(k, d, modes, sizeof(*modes)))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	d->fd = hold(fd);
	if (d->fd < 0)
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	d->flags = TCSETS;
	k->deferred_count++;
	return kernel_result(k, 0);
}

enum call_result kernel_defer_terminal(
	struct kernel *k, uint64_t fd, uint32_t request, uint32_t argument)
{
	struct deferred *d;
	uint32_t now;

	/* What a terminal answers that is only going to be the child's is not known. */
	if (kernel_fd_placeholder(k, fd) || k->committed || kernel_defers_request(k, TIOCSCTTY))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	/* An error has no effect: it is the answer. */
	if (request == TIOCSPGRP) {
		int64_t err = raw3(SYS_ioctl, fd, TIOCGPGRP, &now);

		if (err)
			return kernel_result(k, err);
		if (stops_for(k, now))
			return kernel_abort(k, SPORK_ABORT_SIGNAL);
	}
	d = add(k, DEFERRED_TERMINAL);
	if (!d)
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	d->fd = hold(fd);
	if (d->fd < 0)
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	d->flags = request;
	d->text = argument;
	k->deferred_count++;
	return kernel_result(k, 0);
}

/* The file gets its name, and is opened by it: its path is what /proc says about a descriptor. */
static int64_t name_deferred(struct kernel *k, struct deferred *d)
{
	const uint32_t once = O_CREAT | O_EXCL | O_TRUNC;
	const char *path = (const char *)k->text + d->text;
	struct stat made, opened;
	char link[40];
	size_t at = text_append(link, sizeof(link), 0, "/proc/self/fd/");

	(void)text_append_number(link, sizeof(link), at, (uint64_t)d->unnamed, 10);
	if (raw5(SYS_linkat, AT_FDCWD, link, d->fd, path, AT_SYMLINK_FOLLOW))
		return -1;
	d->created = true;
	d->real = (int)raw4(SYS_openat, d->fd, path, (d->flags & ~once) | O_CLOEXEC, 0);
	if (d->real >= 0 &&
		(raw2(SYS_fstat, d->unnamed, &made) || raw2(SYS_fstat, d->real, &opened) ||
			made.st_ino != opened.st_ino || made.st_dev != opened.st_dev))
		return -1;
	return d->real;
}

static int64_t open_deferred(struct kernel *k, struct deferred *d)
{
	const char *path = (const char *)k->text + d->text;
	uint32_t flags = (d->flags & ~(uint32_t)O_TRUNC) | O_CLOEXEC;
	mode_t mask;

	if (d->unnamed >= 0)
		return name_deferred(k, d);
	/* What others have created meanwhile is not ours to remove, should it come to that. */
	if (d->creates)
		flags |= O_EXCL;
	/* A folder may have a default access list, which takes the place of the mask: the kernel has to choose. */
	mask = (mode_t)raw1(SYS_umask, d->mask);
	d->real = (int)raw4(SYS_openat, d->fd, path, flags, d->mode);
	(void)raw1(SYS_umask, mask);
	d->created = d->real >= 0 && d->creates;
	return d->real;
}

static void undo(struct kernel *k)
{
	for (uint32_t i = 0; i < k->deferred_count; i++) {
		struct deferred *d = &k->deferred[i];

		if (d->created)
			(void)raw3(SYS_unlinkat, d->fd, k->text + d->text, 0);
	}
}

/* Every descriptor that stands for the file becomes one of it. */
static void replace_placeholders(struct kernel *k, const struct deferred *d)
{
	for (int fd = 0; fd < KERNEL_FDS; fd++) {
		int64_t flags;

		if (k->placeholder[fd] != d->number)
			continue;
		flags = raw2(SYS_fcntl, fd, F_GETFD);
		(void)raw3(SYS_dup3, d->real, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
		k->placeholder[fd] = 0;
	}
}

static int write_target(const struct kernel *k, const struct deferred *d)
{
	for (uint32_t i = 0; d->number && i < k->deferred_count; i++) {
		if (k->deferred[i].kind == DEFERRED_OPEN && k->deferred[i].number == d->number)
			return k->deferred[i].real;
	}
	return d->fd;
}

static bool can_write(int fd)
{
	struct pollfd item = {.fd = fd, .events = POLLOUT};

	return raw3(SYS_poll, &item, 1, 0) == 1 && item.revents == POLLOUT;
}

static bool change_terminal(const struct kernel *k, const struct deferred *d)
{
	uint32_t argument = d->text;

	if (d->flags == TCSETS)
		return raw3(SYS_ioctl, d->fd, TCSETS, k->text + d->text) == 0;
	return raw3(SYS_ioctl, d->fd, d->flags,
		       d->flags == TIOCSPGRP ? (uint64_t)&argument : argument) == 0;
}

/*
 * Space for what is going to be written: on a full disk the child would have been told so, and it has been told that
 * all was written. Where space cannot be had beforehand the child is really forked. What a file that is
 * truncated gives back afterwards is free again.
 */
static bool has_space(const struct kernel *k, const struct deferred *d)
{
	int fd = write_target(k, d);
	int64_t flags, at = 0;
	struct stat status;

	if (raw2(SYS_fstat, fd, &status))
		return false;
	if (!S_ISREG(status.st_mode) || d->size == 0)
		return true;
	/* A file whose opening was kept back is empty by then. */
	if (!d->number) {
		flags = raw2(SYS_fcntl, fd, F_GETFL);
		if (flags < 0)
			return false;
		at = flags & O_APPEND ? status.st_size : raw3(SYS_lseek, fd, 0, 1 /* SEEK_CUR */);
	}
	return at >= 0 && raw4(SYS_fallocate, fd, FALLOC_FL_KEEP_SIZE, at, d->size) == 0;
}

/* Everything that can fail, in the order in which it can be undone. */
static bool prepare(struct kernel *k)
{
	for (uint32_t i = 0; i < k->deferred_count; i++) {
		struct deferred *d = &k->deferred[i];

		if (d->kind == DEFERRED_OPEN && open_deferred(k, d) < 0)
			return false;
	}
	for (uint32_t i = 0; i < k->deferred_count; i++) {
		const struct deferred *d = &k->deferred[i];

		if (d->kind == DEFERRED_WRITE &&
			(!can_write(write_target(k, d)) || !has_space(k, d)))
			return false;
	}
	for (uint32_t i = 0; i < k->deferred_count; i++) {
		const struct deferred *d = &k->deferred[i];

		if (d->kind == DEFERRED_TERMINAL && !change_terminal(k, d))
			return false;
	}
	return true;
}

bool kernel_commit(struct kernel *k)
{
	if (k->deferred_count == 0)
		return true;
	if (!prepare(k)) {
		undo(k);
		return false;
	}
	for (uint32_t i = 0; i < k->deferred_count; i++) {
		const struct deferred *d = &k->deferred[i];

		if (d->kind == DEFERRED_OPEN && (d->flags & O_TRUNC) && !d->created)
			(void)raw2(SYS_ftruncate, d->real, 0);
		if (d->kind == DEFERRED_WRITE)
			(void)raw3(SYS_write, write_target(k, d), k->text + d->text, d->size);
		if (d->kind == DEFERRED_OPEN)
			replace_placeholders(k, d);
	}
	for (uint32_t i = 0; i < k->deferred_count; i++) {
		const struct deferred *d = &k->deferred[i];

		if (d->kind == DEFERRED_OPEN)
			(void)raw1(SYS_close, d->real);
		if (d->fd >= 0)
			(void)raw1(SYS_close, d->fd);
		if (d->unnamed >= 0)
			(void)raw1(SYS_close, d->unnamed);
	}
	k->deferred_count = 0;
	k->committed = true;
	return true;
}
