/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "spec_set.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include "arena.h"
#include "builtin_specs.h"

int shc_specs_create(struct shc_specs **ret)
{
	struct shc_specs *specs = calloc(1, sizeof(*specs));

	if (!specs)
		return -ENOMEM;
	if (shc_arena_create(&specs->arena)) {
		free(specs);
		return -ENOMEM;
	}
	*ret = specs;
	return 0;
}

void shc_specs_destroy(struct shc_specs *specs)
{
	if (!specs)
		return;
	shc_arena_destroy(specs->arena);
	free(specs->items);
	free(specs->names);
	free(specs);
}

int shc_specs_append(struct shc_specs *specs, const struct shc_spec *spec)
{
	const size_t names_each = sizeof(spec->names) / sizeof(*spec->names);

	if (specs->count == specs->capacity) {
		uint32_t capacity = specs->capacity ? specs->capacity * 2 : 64;
		const struct shc_spec **items =
			realloc(specs->items, capacity * sizeof(*specs->items));
		struct shc_spec_name *names;

		if (!items)
			return -ENOMEM;
		specs->items = items;
		names = realloc(specs->names, capacity * names_each * sizeof(*specs->names));
		if (!names)
			return -ENOMEM;
		specs->names = names;
		specs->capacity = capacity;
	}
	specs->items[specs->count++] = spec;
	return 0;
}

static int compare(const void *left, const void *right)
{
	const struct shc_spec_name *a = left, *b = right;

	return strcmp(a->name, b->name);
}

void shc_specs_settle(struct shc_specs *specs)
{
	specs->name_count = 0;
	/* Later readings first: they are the ones that stay. */
	for (uint32_t i = specs->count; i-- > 0;)
		for (uint8_t j = 0; j < specs->items[i]->name_count; j++) {
			const char *name = specs->items[i]->names[j];
			bool known = false;

			for (uint32_t k = 0; k < specs->name_count && !known; k++)
				known = !strcmp(specs->names[k].name, name);
			if (!known)
				specs->names[specs->name_count++] =
					(struct shc_spec_name){name, specs->items[i]};
		}
	if (specs->name_count)
		qsort(specs->names, specs->name_count, sizeof(*specs->names), compare);
}

const struct shc_spec *shc_specs_find(const struct shc_specs *specs, struct shc_text name)
{
	uint32_t low = 0, high = specs->name_count;

	while (low < high && name.length) {
		uint32_t middle = low + (high - low) / 2;
		const char *here = specs->names[middle].name;
		int order = strncmp(name.bytes, here, name.length);

		if (!order && here[name.length])
			order = -1;
		if (!order)
			return specs->names[middle].spec;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct shc_spec *shc_specs_at(const struct shc_specs *specs, size_t index)
{
	for (uint32_t i = 0; i < specs->name_count; i++) {
		const struct shc_spec_name *entry = &specs->names[i];

		if (!strcmp(entry->name, entry->spec->names[0]) && index-- == 0)
			return entry->spec;
	}
	return NULL;
}

/* ---- Those that come with the program -------------------------------------------------------------------------- */

int shc_specs_add_builtin(struct shc_specs *specs)
{
	struct hb_error error = {0};

	/* A test reads each of them, so that only memory can be missing here. */
	for (const struct shc_builtin_spec *file = shc_builtin_specs; file->text; file++)
		if (shc_specs_read(specs, file->path, file->text, file->length, &error))
			return -ENOMEM;
	return 0;
}

static struct shc_specs *builtin;

static void read_builtin(void)
{
	if (shc_specs_create(&builtin))
		return;
	if (shc_specs_add_builtin(builtin)) {
		shc_specs_destroy(builtin);
		builtin = NULL;
	}
}

const struct shc_specs *shc_specs_builtin(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, read_builtin);
	return builtin;
}

/* ---- Those of a user ------------------------------------------------------------------------------------------- */

static int is_spec(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 5 && entry->d_name[0] != '.' &&
	       !strcmp(entry->d_name + length - 5, ".spec");
}

static int read_file(struct shc_specs *specs, const char *path, struct hb_error *reterr)
{
	FILE *file = fopen(path, "re");
	char *text;
	size_t length;
	int r;

	if (!file)
		return hb_error_set_at(
			reterr, -errno, path, 0, "cannot be opened: %s", strerror(errno));
	text = malloc(SHC_SPEC_FILE_MAX + 1);
	length = text ? fread(text, 1, SHC_SPEC_FILE_MAX + 1, file) : 0;
	if (!text)
		r = hb_error_set(reterr, -ENOMEM, "out of memory");
	else if (ferror(file))
		r = hb_error_set_at(reterr, -EIO, path, 0, "cannot be read");
	else
		r = shc_specs_read(specs, path, text, length, reterr);
	free(text);
	(void)fclose(file);
	return r;
}

int shc_specs_read_folder(struct shc_specs *specs, const char *folder, struct hb_error *reterr)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_spec, alphasort), r = 0;

	if (count < 0)
		return hb_error_set_at(
			reterr, -errno, folder, 0, "cannot be listed: %s", strerror(errno));
	if (count == 0)
		r = hb_error_set_at(reterr, -ENOENT, folder, 0,
			"holds no specification; files are called *.spec");
	for (int i = 0; i < count; i++) {
		char path[4096];

		if (!r && snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name) >=
				  (int)sizeof(path))
			r = hb_error_set_at(reterr, -ENAMETOOLONG, folder, 0, "path too long");
		if (!r)
			r = read_file(specs, path, reterr);
		free(entries[i]);
	}
	free(entries);
	return r;
}
