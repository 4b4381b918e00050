/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "places.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <hotbed/assert.h>

static void make_file(const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	hb_assert(file >= 0);
	hb_assert(write(file, path, strlen(path)) == (ssize_t)strlen(path));
	hb_assert(write(file, "\n", 1) == 1);
	(void)close(file);
}

static void make_folder(const char *path, bool full)
{
	char inner[PLACE_PATH_BYTES + 8];

	hb_assert(mkdir(path, 0755) == 0);
	(void)snprintf(inner, sizeof(inner), "%s/inner", path);
	if (full)
		make_file(inner);
}

static void make_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int end = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	hb_assert(end >= 0 && bind(end, (struct sockaddr *)&address, sizeof(address)) == 0);
	(void)close(end);
}

bool place_make(const struct place *place)
{
	char parent[PLACE_PATH_BYTES];

	if (place->parented) {
		(void)snprintf(parent, sizeof(parent), "%.*s",
			(int)(strrchr(place->path, '/') - place->path), place->path);
		if (!(place->parent & SHC_ENTRY_DIRECTORY) && place->entry != SHC_ENTRY_ABSENT)
			return false;
		if (place->parent & SHC_ENTRY_DIRECTORY)
			make_folder(parent, false);
		else if (place->parent == SHC_ENTRY_FILE)
			make_file(parent);
	}
	switch (place->entry) {
	case SHC_ENTRY_FILE:
		make_file(place->path);
		break;
	case SHC_ENTRY_EMPTY:
	case SHC_ENTRY_FULL:
		make_folder(place->path, place->entry == SHC_ENTRY_FULL);
		break;
	case SHC_ENTRY_FILE_LINK:
		make_file(place->target);
		break;
	case SHC_ENTRY_DIRECTORY_LINK:
		make_folder(place->target, true);
		break;
	case SHC_ENTRY_OTHER:
		make_socket(place->path);
		break;
	default:
		break;
	}
	if (place->entry & SHC_ENTRY_LINK)
		hb_assert(symlink(place->target, place->path) == 0);
	return true;
}

/* ---- Views ----------------------------------------------------------------------------------------------------- */

static int plain_name(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

static void describe(FILE *out, const char *path, bool follow, int depth);

static void describe_folder(FILE *out, const char *path, int depth)
{
	struct dirent **entries;
	int count = scandir(path, &entries, plain_name, alphasort);

	for (int i = 0; i < count; i++) {
		char inner[4096];

		(void)snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
		(void)fprintf(out, "<%s:", entries[i]->d_name);
		if (depth < 8)
			describe(out, inner, false, depth + 1);
		(void)fputc('>', out);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static void describe_file(FILE *out, const char *path)
{
	char bytes[256];
	int file = open(path, O_RDONLY);
	ssize_t length = file >= 0 ? read(file, bytes, sizeof(bytes)) : -1;

	(void)fprintf(out, "%.*s", (int)(length > 0 ? length : 0), bytes);
	if (file >= 0)
		(void)close(file);
}

static void describe(FILE *out, const char *path, bool follow, int depth)
{
	char target[4096];
	struct stat about;
	ssize_t length;

	if (follow ? stat(path, &about) : lstat(path, &about)) {
		(void)fputs("absent", out);
	} else if (S_ISREG(about.st_mode)) {
		(void)fputs("file ", out);
		describe_file(out, path);
	} else if (S_ISDIR(about.st_mode)) {
		(void)fputs("dir ", out);
		describe_folder(out, path, depth);
	} else if (S_ISLNK(about.st_mode)) {
		length = readlink(path, target, sizeof(target));
		(void)fprintf(out, "link %.*s", (int)(length > 0 ? length : 0), target);
	} else {
		(void)fputs("other", out);
	}
}

static char *text_of(const char *path, bool follow)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	hb_assert(out);
	describe(out, path, follow, 0);
	hb_assert(fclose(out) == 0);
	return text;
}

struct view view_take(const char *path)
{
	struct view view = {.own = text_of(path, false), .followed = text_of(path, true)};
	const char *own = view.own, *followed = view.followed;

	if (!strcmp(own, "absent"))
		view.entry = SHC_ENTRY_ABSENT;
	else if (!strncmp(own, "file ", 5))
		view.entry = SHC_ENTRY_FILE;
	else if (!strncmp(own, "dir ", 4))
		view.entry = own[4] ? SHC_ENTRY_FULL : SHC_ENTRY_EMPTY;
	else if (strncmp(own, "link ", 5))
		view.entry = SHC_ENTRY_OTHER;
	else if (!strcmp(followed, "absent"))
		view.entry = SHC_ENTRY_DANGLING;
	else if (!strncmp(followed, "dir ", 4))
		view.entry = SHC_ENTRY_DIRECTORY_LINK;
	else
		view.entry = SHC_ENTRY_FILE_LINK;
	return view;
}

void view_finish(struct view *view)
{
	free(view->own);
	free(view->followed);
	*view = (struct view){0};
}

/* ---- The folder ------------------------------------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
	(void)about;
	(void)kind;
	return where->level ? remove(path) : 0;
}

/* What a command made unreadable is made readable again. */
static int open_up(const char *path, const struct stat *about, int kind, struct FTW *where)
{
	(void)where;
	if (kind == FTW_DNR || kind == FTW_D || kind == FTW_F)
		(void)chmod(path, (about->st_mode & 07777) | 0700);
	return 0;
}

void case_folder_make(void)
{
	hb_assert(mkdir(CASE_FOLDER, 0755) == 0);
	hb_assert(chdir(CASE_FOLDER) == 0);
}

void case_folder_open(void)
{
	/* A folder that was closed is entered in the second turn. */
	(void)nftw(CASE_FOLDER, open_up, 8, FTW_PHYS);
	(void)nftw(CASE_FOLDER, open_up, 8, FTW_PHYS);
}

void case_folder_clear(void)
{
	(void)nftw(CASE_FOLDER, remove_one, 8, FTW_PHYS | FTW_DEPTH);
}
