/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Replacing files durably. See hotbed/file.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/file.h>

#define TEMPORARY_NAMES_MAX 100

int hb_file_write(int fd, const void *bytes, size_t length_bytes)
{
	const char *at = bytes;

	while (length_bytes > 0) {
		ssize_t written = write(fd, at, length_bytes);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		at += written;
		length_bytes -= (size_t)written;
	}
	return 0;
}

/* Make the entry of @path in its folder durable. */
static int sync_folder(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;
	int rc = 0;

	if (!slash)
		(void)snprintf(folder, sizeof(folder), ".");
	else
		(void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Some file systems cannot sync folders and say EINVAL: they have no order to enforce. */
	if (fsync(fd) < 0 && errno != EINVAL)
		rc = -errno;
	(void)close(fd);
	return rc;
}

/* Create a file beside @path that nobody else uses. Returns its descriptor or a negative errno. */
static int create_temporary(const char *path, char *name, size_t size)
{
	for (int i = 0; i < TEMPORARY_NAMES_MAX; i++) {
		int length = snprintf(name, size, "%s.tmp-%ld-%d", path, (long)getpid(), i);
		int fd;

		if (length < 0 || (size_t)length >= size)
			return -ENAMETOOLONG;
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static int cannot(const char *path, int code, const char *step, struct hb_error *reterr)
{
	return hb_error_set_at(reterr, code, path, 0, "cannot %s: %s", step, strerror(-code));
}

static void forget(struct hb_file *file)
{
	free(file->path);
	free(file->temporary);
	*file = (struct hb_file){0};
}

/* A new file must not take the place of a device, a pipe or a link: what is written goes into those. */
static bool stays_in_place(const char *path)
{
	struct stat info;

	return lstat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

int hb_file_replace(const char *path, struct hb_file *ret, struct hb_error *reterr)
{
	char temporary[PATH_MAX] = "";
	struct hb_file file = {0};
	bool in_place = stays_in_place(path);
	const char *step = in_place ? "write into it" : "create a file beside it";
	int fd;

	if (in_place) {
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
		fd = fd < 0 ? -errno : fd;
	} else {
		fd = create_temporary(path, temporary, sizeof(temporary));
	}
	if (fd < 0)
		return cannot(path, fd, step, reterr);
	file.path = strdup(path);
	file.temporary = in_place ? NULL : strdup(temporary);
	if (file.path && (file.temporary || in_place))
		file.stream = fdopen(fd, "w");
	if (!file.stream) {
		(void)close(fd);
		if (!in_place)
			(void)unlink(temporary);
		forget(&file);
		return cannot(path, -ENOMEM, step, reterr);
	}
	*ret = file;
	return 0;
}

/* Devices and pipes have nothing to make durable, and say so. */
static int make_durable(const struct hb_file *file)
{
	if (fflush(file->stream) != 0)
		return -errno;
	if (fdatasync(fileno(file->stream)) < 0 &&
		(file->temporary || (errno != EINVAL && errno != EROFS)))
		return -errno;
	return 0;
}

int hb_file_commit(struct hb_file *file, int failed, struct hb_error *reterr)
{
	const char *step = "write";
	int rc = failed;

	/* A stream that failed earlier keeps no reason; the disk is asked again, which then says why. */
	if (rc == 0)
		rc = make_durable(file);
	if (rc == 0 && ferror(file->stream))
		rc = -EIO;
	if (fclose(file->stream) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && file->temporary && rename(file->temporary, file->path) < 0) {
		step = "put the new file in its place";
		rc = -errno;
	}
	if (rc < 0 && file->temporary) {
		(void)unlink(file->temporary);
	} else if (rc == 0 && file->temporary) {
		step = "make its folder durable";
		rc = sync_folder(file->path);
	}
	if (rc < 0)
		(void)cannot(file->path, rc, step, reterr);
	forget(file);
	return rc;
}

void hb_file_discard(struct hb_file *file)
{
	if (!file->stream)
		return;
	(void)fclose(file->stream);
	if (file->temporary)
		(void)unlink(file->temporary);
	forget(file);
}
