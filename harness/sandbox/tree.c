/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The initial tree and the canaries. Paths come from whoever wrote the table, so no step follows a symbolic link: a
 * tree that plants a link and then writes "through" it fails instead of landing elsewhere. Runs in PID 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inside.h"

#define BENEATH (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

static int open_beneath(int folder, const char *name, uint64_t flags)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = BENEATH};
	long fd = syscall(SYS_openat2, folder, name, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int write_all(int fd, const void *bytes, size_t count)
{
	const char *at = bytes;

	while (count > 0) {
		ssize_t written = write(fd, at, count);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		at += written;
		count -= (size_t)written;
	}
	return 0;
}

int parent_open(int root, const char *path, bool make, const char **ret_name)
{
	char name[256];
	int folder = open_beneath(root, ".", O_PATH | O_DIRECTORY);

	path++;
	while (folder >= 0) {
		const char *end = strchrnul(path, '/');
		size_t length = (size_t)(end - path);
		int next;

		if (!*end)
			break;
		memcpy(name, path, length);
		name[length] = '\0';
		next = open_beneath(folder, name, O_PATH | O_DIRECTORY);
		if (next == -ENOENT && make) {
			if (mkdirat(folder, name, 0755) < 0)
				next = -errno;
			else
				next = open_beneath(folder, name, O_PATH | O_DIRECTORY);
		}
		(void)close(folder);
		folder = next;
		path = end + 1;
	}
	*ret_name = path;
	return folder;
}

static int file_make(int folder, const char *name, const struct hb_sandbox_entry *entry)
{
	int fd = openat(folder, name,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	int code;

	if (fd < 0)
		return -errno;
	code = write_all(fd, entry->content, entry->size_bytes);
	if (!code && fchmod(fd, entry->mode & 07777) < 0)
		code = -errno;
	(void)close(fd);
	return code;
}

static int entry_make(int root, const struct hb_sandbox_entry *entry)
{
	const char *name;
	int folder = parent_open(root, entry->path, true, &name);
	int code = 0;

	if (folder < 0)
		return folder;
	switch (entry->kind) {
	case HB_SANDBOX_FILE:
		code = file_make(folder, name, entry);
		break;
	case HB_SANDBOX_DIRECTORY: {
		/* A folder that is there already, as /tmp is, takes the entry's mode in the second pass. */
		struct stat st;

		if (mkdirat(folder, name, 0700) < 0)
			code = -errno;
		if (code == -EEXIST && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISDIR(st.st_mode))
			code = 0;
		break;
	}
	case HB_SANDBOX_SYMLINK:
		if (symlinkat(entry->content, folder, name) < 0)
			code = -errno;
		break;
	case HB_SANDBOX_FIFO:
		if (mknodat(folder, name, S_IFIFO | 0600, 0) < 0 ||
			fchmodat(folder, name, entry->mode & 07777, 0) < 0)
			code = -errno;
		break;
	}
	(void)close(folder);
	return code;
}

static int directory_chmod(int root, const struct hb_sandbox_entry *entry)
{
	const char *name;
	int folder = parent_open(root, entry->path, false, &name);
	int code = 0;

	if (folder < 0)
		return folder;
	if (fchmodat(folder, name, entry->mode & 07777, 0) < 0)
		code = -errno;
	(void)close(folder);
	return code;
}

struct fault tree_build(int root, const struct hb_sandbox_entry *tree, size_t count)
{
	int code = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		code = entry_make(root, &tree[i]);
		if (code)
			return (struct fault){code, STEP_TREE, (unsigned)i};
	}
	/*
	 * A folder without write permission must not hinder the making of what is in it: modes come last, inner
	 * first.
	 */
	for (i = count; i-- > 0;) {
		if (tree[i].kind != HB_SANDBOX_DIRECTORY)
			continue;
		code = directory_chmod(root, &tree[i]);
		if (code)
			return (struct fault){code, STEP_TREE, (unsigned)i};
	}
	return (struct fault){0};
}

/* What is kept of a canary; its bytes follow. */
struct canary {
	mode_t mode;
	size_t size_bytes;
};

/*
 * Read the file @name of @folder into @bytes: content, or a link's target. Returns the number of bytes, at most @limit
 * + 1 (then it is larger), or -errno. Folders, FIFOs and the like have none.
 */
static ssize_t content_read(
	int folder, const char *name, const struct stat *st, char *bytes, size_t limit)
{
	size_t done = 0;
	int fd;

	if (S_ISLNK(st->st_mode)) {
		ssize_t length = readlinkat(folder, name, bytes, limit + 1);

		return length < 0 ? -errno : length;
	}
	if (!S_ISREG(st->st_mode))
		return 0;
	fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	while (done <= limit) {
		ssize_t count = read(fd, bytes + done, limit + 1 - done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break;
		done += (size_t)count;
	}
	(void)close(fd);
	return (ssize_t)done;
}

/* Both the record and, behind it, room for one comparison have to fit. */
static int store_grow(struct canary_store *store, size_t need_bytes)
{
	size_t size = store->size_bytes ? store->size_bytes : 1 << 16;
	void *memory;

	while (size < need_bytes)
		size *= 2;
	if (size == store->size_bytes)
		return 0;
	memory = store->memory ? mremap(store->memory, store->size_bytes, size, MREMAP_MAYMOVE)
			       : mmap(NULL, size, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	store->memory = memory;
	store->size_bytes = size;
	return 0;
}

static size_t aligned(size_t size)
{
	return (size + 15) & ~(size_t)15;
}

/* Look at one canary: its mode and content behind what @store holds. Returns 0 or -errno. */
static int canary_read(struct canary_store *store, int root, const char *path, struct canary *ret)
{
	struct stat st;
	const char *name;
	int folder = parent_open(root, path, false, &name);
	size_t limit;
	ssize_t length;
	int code = 0;

	if (folder < 0)
		return folder;
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		code = -errno;
	limit = S_ISLNK(st.st_mode) ? 4096 : (size_t)st.st_size;
	if (!code && limit > CANARY_BYTES_MAX)
		code = -EFBIG;
	if (!code)
		code = store_grow(
			store, store->used_bytes + 2 * sizeof(struct canary) + limit + 64);
	if (!code) {
		length = content_read(folder, name, &st,
			store->memory + store->used_bytes + sizeof(struct canary), limit);
		if (length < 0)
			code = (int)length;
		else
			*ret = (struct canary){st.st_mode, (size_t)length};
	}
	(void)close(folder);
	return code;
}

struct fault canaries_record(struct canary_store *store, int root, const struct request *request)
{
	store->used_bytes = 0;
	for (size_t i = 0; i < request->canaries_count; i++) {
		struct canary canary = {0};
		int code = canary_read(store, root, request->canaries[i], &canary);

		if (code)
			return (struct fault){code, STEP_CANARY, (unsigned)i};
		memcpy(store->memory + store->used_bytes, &canary, sizeof(canary));
		store->used_bytes += aligned(sizeof(canary) + canary.size_bytes);
	}
	return (struct fault){0};
}

static enum hb_sandbox_canary canary_compare(
	struct canary_store *store, size_t at, int root, const char *path, size_t *ret_next)
{
	struct canary before, now = {0};
	int code;

	memcpy(&before, store->memory + at, sizeof(before));
	*ret_next = at + aligned(sizeof(before) + before.size_bytes);
	code = canary_read(store, root, path, &now);
	/* A folder on the way that became a link or a file is no longer the folder that held the canary. */
	if (code == -ENOENT || code == -ENOTDIR || code == -ELOOP)
		return HB_SANDBOX_CANARY_DELETED;
	if (code || before.mode != now.mode || before.size_bytes != now.size_bytes)
		return HB_SANDBOX_CANARY_CHANGED;
	return memcmp(store->memory + at + sizeof(before),
		       store->memory + store->used_bytes + sizeof(before), now.size_bytes)
		       ? HB_SANDBOX_CANARY_CHANGED
		       : HB_SANDBOX_CANARY_INTACT;
}

int canaries_check(
	struct canary_store *store, int root, const struct request *request, int reply_fd)
{
	size_t at = 0;
	int code = 0;

	for (size_t i = 0; !code && i < request->canaries_count; i++) {
		uint8_t state = (uint8_t)canary_compare(store, at, root, request->canaries[i], &at);

		code = write_all(reply_fd, &state, 1);
	}
	return code;
}
