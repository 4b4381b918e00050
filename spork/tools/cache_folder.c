/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cache_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/error.h>

#include <spork/store.h>

/* Does the folder above exist? Then ours may be made in it. */
static bool usable(const char *folder, const char *below, char path[CACHE_PATH_BYTES])
{
	struct stat status;
	int length;

	if (!folder || folder[0] != '/' || strchr(folder, ','))
		return false;
	if (stat(folder, &status) || !S_ISDIR(status.st_mode) || status.st_uid != geteuid())
		return false;
	length = snprintf(path, CACHE_PATH_BYTES, "%s%s", folder, below);
	return length > 0 && length < CACHE_PATH_BYTES;
}

int cache_folder_find(char path[CACHE_PATH_BYTES], struct hb_error *reterr)
{
	const char *home = getenv("HOME");
	const char *base = getenv("XDG_CACHE_HOME");

	if (usable(base, "/spork", path))
		return 0;
	if (base && base[0] == '/' && mkdir(base, 0700) == 0 && usable(base, "/spork", path))
		return 0;
	if (usable(home, "/.cache/spork", path)) {
		char parent[CACHE_PATH_BYTES];

		(void)snprintf(parent, sizeof(parent), "%s/.cache", home);
		if (mkdir(parent, 0700) == 0 || errno == EEXIST)
			return 0;
	}
	if (snprintf(path, CACHE_PATH_BYTES, "/var/tmp/spork-%u", geteuid()) >= CACHE_PATH_BYTES)
		return hb_error_set(reterr, -ENAMETOOLONG, "no place for the cache was found");
	return 0;
}

static int check_folder(const char *path, struct hb_error *reterr)
{
	struct stat status;

	if (lstat(path, &status))
		return hb_error_set_at(reterr, -errno, path, 0, "the cache: %s", strerror(errno));
	if (!S_ISDIR(status.st_mode))
		return hb_error_set_at(reterr, -EPERM, path, 0,
			"the cache is no folder (links are not followed); remove it");
	if (status.st_uid != geteuid())
		return hb_error_set_at(reterr, -EPERM, path, 0,
			"the cache belongs to user %u, and would be trusted; set XDG_CACHE_HOME",
			status.st_uid);
	if (status.st_mode & 077)
		return hb_error_set_at(reterr, -EPERM, path, 0,
			"the cache has mode %03o, others could write it; chmod 700 or remove it",
			status.st_mode & 0777);
	return 0;
}

static int make_folder(const char *path, struct hb_error *reterr)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return hb_error_set_at(reterr, -errno, path, 0,
			"cannot make the cache: %s; set XDG_CACHE_HOME to a folder of yours",
			strerror(errno));
	return check_folder(path, reterr);
}

static int below(char *buffer, const char *path, const char *name)
{
	return snprintf(buffer, CACHE_PATH_BYTES + 16, "%s/%s", path, name);
}

static bool good_store(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	uint64_t magic = 0;
	bool good;

	if (fd < 0)
		return false;
	good = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
	       !(status.st_mode & 077) && status.st_size == (off_t)sizeof(struct spork_store) &&
	       read(fd, &magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
	       magic == SPORK_STORE_MAGIC;
	(void)close(fd);
	return good;
}

/* A store that is damaged or of another version is replaced: all in it can be found out again. */
static int make_store(const char *path, struct hb_error *reterr)
{
	char temporary[CACHE_PATH_BYTES + 64];
	uint64_t magic = SPORK_STORE_MAGIC;
	int fd, err = 0;

	if (good_store(path))
		return 0;
	(void)snprintf(temporary, sizeof(temporary), "%s.%d", path, (int)getpid());
	(void)unlink(temporary);
	fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return hb_error_set_at(
			reterr, -errno, temporary, 0, "cannot create: %s", strerror(errno));
	if (ftruncate(fd, (off_t)sizeof(struct spork_store)) ||
		(fallocate(fd, 0, 0, (off_t)sizeof(struct spork_store)) && errno != EOPNOTSUPP) ||
		pwrite(fd, &magic, sizeof(magic), 0) != (ssize_t)sizeof(magic) ||
		rename(temporary, path))
		err = -errno;
	(void)close(fd);
	if (err)
		(void)unlink(temporary);
	/* On a full disk nothing is remembered, and every program really forks. */
	if (err == -ENOSPC || err == -EDQUOT) {
		(void)unlink(path);
		return 0;
	}
	return err ? hb_error_set_at(reterr, err, path, 0, "cannot write: %s", strerror(-err)) : 0;
}

int cache_folder_check(const char *path, struct hb_error *reterr)
{
	return check_folder(path, reterr);
}

int cache_folder_make(const char *path, struct hb_error *reterr)
{
	char name[CACHE_PATH_BYTES + 16];
	int err = make_folder(path, reterr);

	(void)below(name, path, "code");
	if (!err)
		err = make_folder(name, reterr);
	(void)below(name, path, "recipes");
	if (!err)
		err = make_folder(name, reterr);
	(void)below(name, path, "runs");
	if (!err)
		err = make_folder(name, reterr);
	(void)below(name, path, "verdicts");
	if (!err)
		err = make_store(name, reterr);
	return err;
}
