/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <xxhash.h>

#define CHUNK 65536
#define FILES_MAX 100000

static int copy_bytes(int from, int to, uint64_t *budget)
{
	static char bytes[CHUNK];
	ssize_t got;

	while ((got = read(from, bytes, sizeof(bytes))) > 0) {
		if ((uint64_t)got > *budget)
			return -EFBIG;
		*budget -= (uint64_t)got;
		if (write(to, bytes, (size_t)got) != got)
			return errno ? -errno : -ENOSPC;
	}
	return got < 0 ? -errno : 0;
}

static int copy_file(const char *from, const char *to, const struct stat *stat, uint64_t *budget)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out, err;

	if (in < 0)
		return -errno;
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	err = out < 0 ? -errno : copy_bytes(in, out, budget);
	if (!err && (fchmod(out, stat->st_mode & 07777) ||
			    futimens(out, (struct timespec[]){stat->st_atim, stat->st_mtim})))
		err = -errno;
	(void)close(in);
	if (out >= 0)
		(void)close(out);
	return err;
}

static int copy_link(const char *from, const char *to)
{
	char target[4096];
	ssize_t length = readlink(from, target, sizeof(target) - 1);

	if (length < 0)
		return -errno;
	target[length] = '\0';
	return symlink(target, to) ? -errno : 0;
}

static int copy_entry(const FTSENT *entry, const char *to, uint64_t *budget)
{
	switch (entry->fts_info) {
	case FTS_D:
		return mkdir(to, 0700) ? -errno : 0;
	case FTS_DP:
		return chmod(to, entry->fts_statp->st_mode & 07777) ||
				       utimensat(AT_FDCWD, to,
					       (struct timespec[]){entry->fts_statp->st_atim,
						       entry->fts_statp->st_mtim},
					       0)
			       ? -errno
			       : 0;
	case FTS_F:
		return copy_file(entry->fts_accpath, to, entry->fts_statp, budget);
	case FTS_SL:
	case FTS_SLNONE:
		return copy_link(entry->fts_accpath, to);
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		return -entry->fts_errno;
	default:
		/* Sockets and pipes belong to whoever listens on them. */
		return 0;
	}
}

int folder_copy(const char *from, const char *to, struct hb_error *reterr)
{
	char *roots[] = {(char *)(uintptr_t)from, NULL};
	uint64_t budget = SPORK_FOLDER_BYTES_MAX;
	size_t count = 0;
	FTSENT *entry;
	int err = 0;
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);

	if (!tree)
		return hb_error_set_at(
			reterr, -errno, from, 0, "cannot be read: %s", strerror(errno));
	while (!err && (entry = fts_read(tree))) {
		char path[4096];

		(void)snprintf(path, sizeof(path), "%s%s", to, entry->fts_path + strlen(from));
		err = count++ > FILES_MAX ? -EFBIG : copy_entry(entry, path, &budget);
		if (err == -EFBIG)
			(void)hb_error_set_at(reterr, err, from, 0,
				"holds more than 256 MiB or 100,000 files; run the check in a "
				"smaller "
				"folder");
		else if (err)
			(void)hb_error_set_at(reterr, err, entry->fts_path, 0,
				"cannot be copied: %s", strerror(-err));
	}
	(void)fts_close(tree);
	return err;
}

static uint64_t hash_content(const char *path, const struct stat *stat)
{
	XXH3_state_t *state;
	static char bytes[CHUNK];
	uint64_t hash = 0;
	ssize_t got;
	int fd;

	if (S_ISLNK(stat->st_mode)) {
		got = readlink(path, bytes, sizeof(bytes));
		return got < 0 ? 0 : XXH3_64bits(bytes, (size_t)got);
	}
	if (!S_ISREG(stat->st_mode))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	state = XXH3_createState();
	if (fd >= 0 && state) {
		(void)XXH3_64bits_reset(state);
		while ((got = read(fd, bytes, sizeof(bytes))) > 0)
			(void)XXH3_64bits_update(state, bytes, (size_t)got);
		hash = XXH3_64bits_digest(state);
	}
	(void)XXH3_freeState(state);
	if (fd >= 0)
		(void)close(fd);
	return hash;
}

static int compare_paths(const void *a, const void *b)
{
	const struct spork_seen_file *left = a, *right = b;

	return strcmp(left->path, right->path);
}

static int add_file(struct spork_seen_file **files, size_t *count, size_t *capacity,
	const FTSENT *entry, size_t skip)
{
	const struct stat *stat = entry->fts_statp;
	struct spork_seen_file *file;

	if (*count == *capacity) {
		size_t wanted = *capacity ? *capacity * 2 : 64;
		struct spork_seen_file *more = realloc(*files, wanted * sizeof(**files));

		if (!more)
			return -ENOMEM;
		*files = more;
		*capacity = wanted;
	}
	file = &(*files)[*count];
	*file = (struct spork_seen_file){.path = strdup(entry->fts_path + skip),
		.mode = stat->st_mode,
		.owner = stat->st_uid,
		.size_bytes = S_ISDIR(stat->st_mode) ? 0 : (uint64_t)stat->st_size,
		.hash = hash_content(entry->fts_accpath, stat)};
	if (!file->path)
		return -ENOMEM;
	(*count)++;
	return 0;
}

int folder_list(const char *path, struct spork_seen_file **ret_files, size_t *ret_count,
	struct hb_error *reterr)
{
	char *roots[] = {(char *)(uintptr_t)path, NULL};
	struct spork_seen_file *files = NULL;
	size_t count = 0, capacity = 0;
	FTSENT *entry;
	int err = 0;
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);

	if (!tree)
		return hb_error_set_at(
			reterr, -errno, path, 0, "cannot be read: %s", strerror(errno));
	while (!err && (entry = fts_read(tree))) {
		if (entry->fts_info == FTS_DP || entry->fts_level == 0)
			continue;
		if (entry->fts_info == FTS_NS || count >= FILES_MAX)
			continue;
		err = add_file(&files, &count, &capacity, entry, strlen(path) + 1);
	}
	(void)fts_close(tree);
	if (err) {
		folder_list_finish(files, count);
		return hb_error_set(reterr, err, "no memory for the list of files");
	}
	if (count)
		qsort(files, count, sizeof(*files), compare_paths);
	*ret_files = files;
	*ret_count = count;
	return 0;
}

void folder_list_finish(struct spork_seen_file *files, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(files[i].path);
	free(files);
}

void folder_mark_unchanged(struct spork_seen_file *after, size_t after_count,
	const struct spork_seen_file *before, size_t before_count)
{
	size_t i = 0, j = 0;

	while (i < after_count && j < before_count) {
		int order = strcmp(after[i].path, before[j].path);

		if (order == 0)
			after[i].is_unchanged = after[i].mode == before[j].mode &&
						after[i].owner == before[j].owner &&
						after[i].size_bytes == before[j].size_bytes &&
						after[i].hash == before[j].hash;
		i += order <= 0;
		j += order >= 0;
	}
}
