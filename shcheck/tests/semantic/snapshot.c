/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "snapshot.h"

#include <stdio.h>
#include <string.h>

enum { PATH_MAX_BYTES = 4096, LINKS_MAX = 40 };

/* Where a look-up stands: a folder without links in it, and what is still to be walked. */
struct walk {
	char at[PATH_MAX_BYTES];   /* "" is the root */
	char rest[PATH_MAX_BYTES]; /* components still to come */
	unsigned links;
};

static const struct shc_oracle_file *file_at(
	const struct shc_oracle_snapshot *snapshot, const char *relative)
{
	for (size_t i = 0; i < snapshot->files_count; i++)
		if (!strcmp(snapshot->files[i].path.bytes, relative))
			return &snapshot->files[i];
	return NULL;
}

/* What stands at a path without links in its folders. */
static enum snapshot_kind plain_kind(const struct shc_oracle_snapshot *snapshot, const char *path,
	const struct shc_oracle_file **ret_link)
{
	static const char root[] = SHC_ORACLE_FOLDER;
	size_t length = strlen(path);
	const struct shc_oracle_file *file;

	if (!length ||
		(length < sizeof(root) - 1 && !strncmp(root, path, length) && root[length] == '/'))
		return SNAPSHOT_DIRECTORY;
	if (strncmp(path, root, sizeof(root) - 1) ||
		(path[sizeof(root) - 1] && path[sizeof(root) - 1] != '/'))
		return SNAPSHOT_UNKNOWN;
	file = file_at(snapshot, path[sizeof(root) - 1] ? path + sizeof(root) : "");
	if (!file)
		return SNAPSHOT_NOTHING;
	*ret_link = file;
	return file->type == 'd'   ? SNAPSHOT_DIRECTORY
	       : file->type == 'l' ? SNAPSHOT_LINK
				   : SNAPSHOT_REGULAR;
}

/* Put the target of a link in place of it. False when that is too long or too often. */
static bool walk_link(struct walk *walk, const char *target)
{
	char rest[PATH_MAX_BYTES];
	int length = snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest);

	if (length < 0 || length >= (int)sizeof(rest) || walk->links++ >= LINKS_MAX)
		return false;
	if (target[0] == '/')
		walk->at[0] = '\0';
	memcpy(walk->rest, rest, (size_t)length + 1);
	return true;
}

/* Take the next component off @rest. False at the end. */
static bool walk_next(struct walk *walk, char *component, bool *ret_last)
{
	size_t start = strspn(walk->rest, "/"), length = strcspn(walk->rest + start, "/");

	if (!length)
		return false;
	memcpy(component, walk->rest + start, length);
	component[length] = '\0';
	*ret_last = walk->rest[start + length] == '\0';
	memmove(walk->rest, walk->rest + start + length, strlen(walk->rest + start + length) + 1);
	return true;
}

static void walk_up(struct walk *walk)
{
	char *slash = strrchr(walk->at, '/');

	if (slash)
		*slash = '\0';
}

static enum snapshot_kind walk_all(
	const struct shc_oracle_snapshot *snapshot, struct walk *walk, bool follow)
{
	enum snapshot_kind kind = SNAPSHOT_DIRECTORY;
	char component[PATH_MAX_BYTES], path[2 * PATH_MAX_BYTES];
	bool last;

	while (walk_next(walk, component, &last)) {
		const struct shc_oracle_file *link = NULL;

		if (kind != SNAPSHOT_DIRECTORY)
			return SNAPSHOT_NOTHING;
		if (!strcmp(component, "."))
			continue;
		if (!strcmp(component, "..")) {
			walk_up(walk);
			continue;
		}
		(void)snprintf(path, sizeof(path), "%s/%s", walk->at, component);
		kind = strlen(path) < PATH_MAX_BYTES ? plain_kind(snapshot, path, &link)
						     : SNAPSHOT_UNKNOWN;
		if (kind == SNAPSHOT_UNKNOWN || kind == SNAPSHOT_NOTHING)
			return kind;
		if (kind == SNAPSHOT_LINK && last && !follow)
			return kind;
		if (kind == SNAPSHOT_LINK) {
			if (!walk_link(walk, link->target.bytes))
				return SNAPSHOT_NOTHING;
			kind = SNAPSHOT_DIRECTORY;
			continue;
		}
		memcpy(walk->at, path, strlen(path) + 1);
	}
	return kind == SNAPSHOT_REGULAR && strchr(walk->rest, '/') ? SNAPSHOT_NOTHING : kind;
}

static enum snapshot_kind look_up(const struct shc_oracle_snapshot *snapshot, const char *path,
	bool follow, struct walk *walk)
{
	*walk = (struct walk){0};
	if (path[0] != '/' || strlen(path) >= PATH_MAX_BYTES)
		return SNAPSHOT_UNKNOWN;
	memcpy(walk->rest, path, strlen(path) + 1);
	return walk_all(snapshot, walk, follow);
}

enum snapshot_kind snapshot_kind(
	const struct shc_oracle_snapshot *snapshot, const char *path, bool follow)
{
	struct walk walk;

	return look_up(snapshot, path, follow, &walk);
}

bool snapshot_is_empty(const struct shc_oracle_snapshot *snapshot, const char *path)
{
	static const size_t root = sizeof(SHC_ORACLE_FOLDER) - 1;
	struct walk walk;
	const char *relative;
	size_t length;

	if (look_up(snapshot, path, true, &walk) != SNAPSHOT_DIRECTORY || strlen(walk.at) < root)
		return false;
	relative = walk.at + root + (walk.at[root] == '/');
	length = strlen(relative);
	for (size_t i = 0; i < snapshot->files_count; i++) {
		const char *file = snapshot->files[i].path.bytes;

		if (*file && !strncmp(file, relative, length) && (!length || file[length] == '/'))
			return false;
	}
	return true;
}
