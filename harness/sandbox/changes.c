/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Listings of files before and after a command, written as records for the caller's side to compare. Runs in PID 1
 * while no other process of the sandbox is alive, so that nothing moves underneath.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "inside.h"

/* Deeper folders are not entered and the listing is marked as cut. */
#define DEPTH_MAX 64
#define PATH_BYTES 4096
#define ENTRIES_BYTES 8192

struct entry64 {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

struct walk {
	struct inside *in;
	int fd;    /* of the reply */
	int lower; /* or -1 */
	struct record record;
	char *path; /* PATH_BYTES */
	char *out;  /* buffered records */
	size_t out_bytes;
	unsigned records;
	bool cut;
	int code;
};

#define OUT_BYTES (64 * 1024)
/* The scratch area holds a path, the output buffer and one buffer of entries per level. */
_Static_assert(SCRATCH_BYTES >= PATH_BYTES + OUT_BYTES + (size_t)DEPTH_MAX * ENTRIES_BYTES,
	"a walk fits into the scratch area");

static void walk_flush(struct walk *walk)
{
	if (!walk->code)
		walk->code = write_all(walk->fd, walk->out, walk->out_bytes);
	walk->out_bytes = 0;
}

static int64_t nanoseconds(struct timespec time)
{
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void walk_record(
	struct walk *walk, int folder, const char *name, size_t path_bytes, const struct stat *st)
{
	struct record *record = &walk->record;
	struct stat lower;
	char opaque = 0;

	if (walk->records == RECORDS_MAX) {
		walk->cut = true;
		return;
	}
	walk->records++;
	record->mode = st->st_mode;
	record->size = S_ISCHR(st->st_mode) ? st->st_rdev : (uint64_t)st->st_size;
	record->inode = st->st_ino;
	record->mtime_ns = nanoseconds(st->st_mtim);
	record->ctime_ns = nanoseconds(st->st_ctim);
	record->path_bytes = (uint32_t)path_bytes;
	if (walk->lower >= 0) {
		record->in_lower =
			fstatat(walk->lower, walk->path, &lower, AT_SYMLINK_NOFOLLOW) == 0;
		if (S_ISDIR(st->st_mode)) {
			int fd = openat(
				folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (fd >= 0) {
				(void)!fgetxattr(fd, "user.overlay.opaque", &opaque, 1);
				(void)close(fd);
			}
		}
		record->opaque = opaque == 'y';
	}
	if (walk->out_bytes + sizeof(*record) + path_bytes > OUT_BYTES)
		walk_flush(walk);
	memcpy(walk->out + walk->out_bytes, record, sizeof(*record));
	memcpy(walk->out + walk->out_bytes + sizeof(*record), walk->path, path_bytes);
	walk->out_bytes += sizeof(*record) + path_bytes;
}

static void walk_folder(
	struct walk *walk, int parent, const char *name, size_t path_bytes, unsigned depth);

static void walk_entry(
	struct walk *walk, int folder, const char *name, size_t path_bytes, unsigned depth)
{
	size_t length = strlen(name);
	struct stat st;

	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return;
	if (path_bytes + length + 2 > PATH_BYTES) {
		walk->cut = true;
		return;
	}
	if (path_bytes > 0)
		walk->path[path_bytes++] = '/';
	memcpy(walk->path + path_bytes, name, length + 1);
	path_bytes += length;
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	walk_record(walk, folder, name, path_bytes, &st);
	if (S_ISDIR(st.st_mode))
		walk_folder(walk, folder, name, path_bytes, depth + 1);
}

/* Recursion ends at DEPTH_MAX; the buffers are not on the stack, whose size is that of the caller's thread. */
static void walk_folder(
	struct walk *walk, int parent, const char *name, size_t path_bytes, unsigned depth)
{
	char *buffer = walk->in->scratch + PATH_BYTES + OUT_BYTES + (size_t)depth * ENTRIES_BYTES;
	int folder;

	if (depth >= DEPTH_MAX) {
		walk->cut = true;
		return;
	}
	folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0) {
		/* A folder that was made unreadable: PID 1 has its owner's rights only over what is mapped. */
		walk->cut = true;
		return;
	}
	while (!walk->code && walk->records < RECORDS_MAX) {
		long count = syscall(SYS_getdents64, folder, buffer, ENTRIES_BYTES);

		if (count <= 0)
			break;
		for (long at = 0; at < count;) {
			struct entry64 *entry = (struct entry64 *)(void *)(buffer + at);

			walk_entry(walk, folder, entry->name, path_bytes, depth);
			walk->path[path_bytes] = '\0';
			at += entry->length;
		}
	}
	(void)close(folder);
}

static int walk_run(struct walk *walk, int parent, const char *name, bool *ret_cut)
{
	walk->path = walk->in->scratch;
	walk->path[0] = '\0';
	walk->out = walk->in->scratch + PATH_BYTES;
	walk_folder(walk, parent, name, 0, 0);
	if (walk->records == RECORDS_MAX)
		walk->cut = true;
	walk_flush(walk);
	if (walk->cut)
		*ret_cut = true;
	return walk->code;
}

int changes_list_root(struct inside *in, enum listing listing, int reply_fd, bool *ret_cut)
{
	struct walk walk = {
		.in = in, .fd = reply_fd, .lower = -1, .record = {.listing = (uint8_t)listing}};

	return walk_run(&walk, in->area, "r", ret_cut);
}

int changes_list_uppers(struct inside *in, int reply_fd, bool *ret_cut)
{
	int code = 0;

	for (size_t i = 0; !code && i < in->spec->mounts_count; i++) {
		const struct hb_sandbox_mount *mount = &in->spec->mounts[i];
		struct walk walk = {.in = in,
			.fd = reply_fd,
			.lower = in->lower_fd[i],
			.record = {.listing = LISTING_UPPER, .overlay = (uint8_t)i}};

		if (mount->kind == HB_SANDBOX_OVERLAY)
			code = walk_run(&walk, in->upper_fd[i], ".", ret_cut);
	}
	return code;
}
