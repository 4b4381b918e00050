/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "leaf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <spork/image.h>
#include <spork/store.h>

#define LIBRARIES_MAX 32
#define FILE_BYTES_MAX (4 << 20)

/* Whoever can make a process, replace its own program, or load a library that does. */
static const char *const starters[] = {"_Fork", "__fork", "__libc_dlopen_mode", "__libc_fork",
	"clone", "clone3", "daemon", "dlmopen", "dlopen", "execl", "execle", "execlp", "execv",
	"execve", "execveat", "execvp", "execvpe", "fexecve", "fork", "forkpty", "pidfd_spawn",
	"pidfd_spawnp", "popen", "posix_spawn", "posix_spawnp", "system", "vfork", "wordexp"};

/* libc's own functions start nothing unless they are asked to by those names. */
static const char *const harmless[] = {"ld-linux-x86-64.so.2", "libc.so.6", "libdl.so.2",
	"libm.so.6", "libpthread.so.0", "librt.so.1"};

/* Where the dynamic linker looks first does not matter: what is found out is no promise. */
static const char *const folders[] = {
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib"};

struct libraries {
	char names[LIBRARIES_MAX][128];
	size_t count;
};

static bool is_one_of(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(name, list[i]) == 0)
			return true;
	}
	return false;
}

#define IS_ONE_OF(name, list) is_one_of(name, list, sizeof(list) / sizeof((list)[0]))

/* False: too many, or a name that is too long. */
static bool add(struct libraries *libraries, const char *name)
{
	if (IS_ONE_OF(name, harmless))
		return true;
	for (size_t i = 0; i < libraries->count; i++) {
		if (strcmp(libraries->names[i], name) == 0)
			return true;
	}
	return libraries->count < LIBRARIES_MAX && strchr(name, '/') == NULL &&
	       snprintf(libraries->names[libraries->count++], sizeof(libraries->names[0]), "%s",
		       name) < (int)sizeof(libraries->names[0]);
}

static bool starts_nothing(const char *path, struct libraries *libraries)
{
	struct spork_image *image;
	const struct spork_import *imports;
	const char *const *needed;
	struct stat status;
	bool good = true;
	size_t count;

	if (stat(path, &status) || !S_ISREG(status.st_mode) || status.st_size > FILE_BYTES_MAX ||
		spork_image_open(path, &image, NULL))
		return false;
	count = spork_image_imports(image, &imports);
	for (size_t i = 0; i < count && good; i++)
		good = !IS_ONE_OF(imports[i].name, starters);
	count = spork_image_needed(image, &needed);
	for (size_t i = 0; i < count && good; i++)
		good = add(libraries, needed[i]);
	spork_image_close(image);
	return good;
}

static bool library_starts_nothing(const char *name, struct libraries *libraries)
{
	char path[256];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		struct stat status;

		(void)snprintf(path, sizeof(path), "%s/%s", folders[i], name);
		if (stat(path, &status) == 0)
			return starts_nothing(path, libraries);
	}
	return false;
}

void leaf_find_out(uint64_t *programs, const char *path)
{
	static struct libraries libraries;
	struct stat before, after;
	bool leaf;

	libraries.count = 0;
	if (stat(path, &before) || !S_ISREG(before.st_mode))
		return;
	leaf = starts_nothing(path, &libraries);
	for (size_t i = 0; i < libraries.count && leaf; i++) {
		char name[sizeof(libraries.names[0])];

		memcpy(name, libraries.names[i], sizeof(name));
		leaf = library_starts_nothing(name, &libraries);
	}
	if (stat(path, &after) == 0 && before.st_ino == after.st_ino &&
		before.st_dev == after.st_dev && before.st_size == after.st_size &&
		before.st_ctim.tv_sec == after.st_ctim.tv_sec &&
		before.st_ctim.tv_nsec == after.st_ctim.tv_nsec)
		spork_store_set_program(
			programs, &before, leaf ? SPORK_PROGRAM_LEAF : SPORK_PROGRAM_STARTS);
}
