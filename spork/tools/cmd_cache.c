/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spork cache list|clear: what has been translated and learnt. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/json.h>

#include <spork/statistics.h>
#include <spork/store.h>

#include "cache_folder.h"
#include "command.h"

static const char *const verdicts[] = {"unknown", "fork", "record", "recipe", "shared"};

struct totals {
	uint64_t modules, bytes, contexts;
	uint64_t verdicts[SPORK_VERDICT_SHARED + 1];
	uint64_t converted, aborted;
};

/* Build-ids, and the two halves of a context's hash. */
static bool is_code_name(const char *name)
{
	size_t length = strspn(name, "0123456789abcdef-");

	return length >= 2 && name[length] == '\0';
}

/* Calls for every code file; @fd is the folder's. */
static int each_code(const char *cache, const char *below,
	int (*visit)(int fd, const char *name, void *data), void *data, struct hb_error *reterr)
{
	char path[CACHE_PATH_BYTES + 16];
	struct dirent *entry;
	int err = 0;
	DIR *folder;

	(void)snprintf(path, sizeof(path), "%s/%s", cache, below);
	folder = opendir(path);
	if (!folder)
		return errno == ENOENT ? 0
				       : hb_error_set_at(reterr, -errno, path, 0, "cannot read: %s",
						 strerror(errno));
	while (!err && (entry = readdir(folder))) {
		if (is_code_name(entry->d_name))
			err = visit(dirfd(folder), entry->d_name, data);
	}
	(void)closedir(folder);
	return err;
}

static int add_code(int fd, const char *name, void *data)
{
	struct totals *totals = data;
	struct stat status;

	if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
		totals->modules++;
		totals->bytes += (uint64_t)status.st_size;
	}
	return 0;
}

static int remove_code(int fd, const char *name, void *data)
{
	struct hb_error *error = data;

	if (unlinkat(fd, name, 0) && errno != ENOENT)
		return hb_error_set_at(
			error, -errno, name, 0, "cannot remove: %s", strerror(errno));
	return 0;
}

static void add_verdicts(const char *cache, struct totals *totals)
{
	char path[CACHE_PATH_BYTES + 16];
	struct spork_store *store;
	struct stat status;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/verdicts", cache);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	store = fstat(fd, &status) == 0 && status.st_size == (off_t)sizeof(*store)
			? mmap(NULL, sizeof(*store), PROT_READ, MAP_SHARED, fd, 0)
			: MAP_FAILED;
	(void)close(fd);
	if (store == MAP_FAILED)
		return;
	for (size_t i = 0; i < SPORK_STORE_ENTRIES; i++) {
		const struct spork_store_entry *entry = &store->entries[i];

		if (entry->key[0] == 0 || entry->verdict > SPORK_VERDICT_SHARED)
			continue;
		totals->contexts++;
		totals->verdicts[entry->verdict]++;
		totals->converted += entry->converted;
		totals->aborted += entry->aborted;
	}
	(void)munmap(store, sizeof(*store));
}

static int print_json(const char *cache, const struct totals *totals)
{
	cJSON *root = cJSON_CreateObject();
	cJSON *list = cJSON_AddObjectToObject(root, "verdicts");
	bool good = list && !hb_json_add_text(root, "schema", "spork.cache/1") &&
		    !hb_json_add_text(root, "path", cache) &&
		    !hb_json_add_u64(root, "modules", totals->modules) &&
		    !hb_json_add_u64(root, "bytes", totals->bytes) &&
		    !hb_json_add_u64(root, "contexts", totals->contexts) &&
		    !hb_json_add_u64(root, "converted", totals->converted) &&
		    !hb_json_add_u64(root, "aborted", totals->aborted);
	char *text;

	for (int i = 0; good && i <= SPORK_VERDICT_SHARED; i++)
		good = !hb_json_add_u64(list, verdicts[i], totals->verdicts[i]);
	text = good ? cJSON_Print(root) : NULL;
	if (text)
		(void)puts(text);
	free(text);
	cJSON_Delete(root);
	return text ? 0 : -ENOMEM;
}

static int list(const char *cache, bool json, struct hb_error *reterr)
{
	struct totals totals = {0};
	int err = each_code(cache, "code", add_code, &totals, reterr);

	if (err)
		return err;
	add_verdicts(cache, &totals);
	if (json)
		return print_json(cache, &totals) ? hb_error_set(reterr, -ENOMEM, "no memory") : 0;
	(void)printf("cache     %s\nmodules   %" PRIu64 ", %" PRIu64 " KiB\ncontexts  %" PRIu64
		     "\n",
		cache, totals.modules, totals.bytes / 1024, totals.contexts);
	for (int i = 0; i <= SPORK_VERDICT_SHARED; i++) {
		if (totals.verdicts[i])
			(void)printf("  %-8s%" PRIu64 "\n", verdicts[i], totals.verdicts[i]);
	}
	(void)printf("attempts  %" PRIu64 " converted, %" PRIu64 " aborted\n", totals.converted,
		totals.aborted);
	return 0;
}

/* Programs that run go on with what they have mapped. */
static int clear(const char *cache, struct hb_error *reterr)
{
	char path[CACHE_PATH_BYTES + 16];
	int err = each_code(cache, "code", remove_code, reterr, reterr);

	if (!err)
		err = each_code(cache, "recipes", remove_code, reterr, reterr);

	(void)snprintf(path, sizeof(path), "%s/verdicts", cache);
	if (!err && unlink(path) && errno != ENOENT)
		err = hb_error_set_at(
			reterr, -errno, path, 0, "cannot remove: %s", strerror(errno));
	return err;
}

static void print_help(void)
{
	(void)printf("usage: spork cache list|clear [--json]\n\n%s\n\n"
		     "  --json   JSON instead of text\n"
		     "  --help   print this and exit\n",
		command_cache.help);
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	char cache[CACHE_PATH_BYTES];
	struct hb_error error = {0};
	bool json = false;
	int found, err;

	opterr = 0;
	optind = 0;
	while ((found = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (found == 'h') {
			print_help();
			return 0;
		}
		if (found != 'j')
			return command_usage(
				&command_cache, "unknown option '%s'", argv[optind - 1]);
		json = true;
	}
	if (optind + 1 != argc || (strcmp(argv[optind], "list") && strcmp(argv[optind], "clear")))
		return command_usage(&command_cache, "give list or clear");
	err = cache_folder_find(cache, &error);
	if (!err)
		err = cache_folder_check(cache, &error);
	/* No cache yet is an empty one. */
	if (err && err != -ENOENT)
		return command_fault(&command_cache, &error);
	err = strcmp(argv[optind], "list") == 0 ? list(cache, json, &error) : clear(cache, &error);
	return err ? command_fault(&command_cache, &error) : 0;
}

const struct command command_cache = {
	.name = "cache",
	.usage = "list|clear [--json]",
	.help = "Say what has been decoded and learnt, or forget it.",
	.run = run,
};
