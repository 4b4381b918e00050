/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spork scan: a census of the places that start processes, with the verdict about each. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/json.h>

#include "command.h"
#include "site_report.h"

#define DEPTH_MAX 32
#define PATH_BYTES 4096
#define VERDICTS 6

struct census {
	struct spork_analyser *analyser;
	bool verdicts;
	cJSON *json, *files, *faults; /* NULL: text */
	uint64_t elf_files, fork_files, exec_files, static_files, setuid_files;
	uint64_t sites, sites_by_verdict[VERDICTS], sites_by_reason[SPORK_BECAUSE_COUNT];
	uint64_t fault_count;
	/* Files met through several names are counted once. */
	struct identity {
		dev_t device;
		ino_t inode;
	} * seen;
	size_t seen_count, seen_room;
	int err;
};

static void fail(struct census *census, int err)
{
	if (!census->err)
		census->err = err;
}

static bool is_new(struct census *census, const struct stat *status)
{
	/* One name is the rule. */
	if (status->st_nlink == 1)
		return true;
	for (size_t i = 0; i < census->seen_count; i++) {
		if (census->seen[i].device == status->st_dev &&
			census->seen[i].inode == status->st_ino)
			return false;
	}
	if (census->seen_count == census->seen_room) {
		size_t room = census->seen_room ? 2 * census->seen_room : 64;
		struct identity *seen = realloc(census->seen, room * sizeof(*seen));

		if (!seen) {
			fail(census, -ENOMEM);
			return false;
		}
		census->seen = seen;
		census->seen_room = room;
	}
	census->seen[census->seen_count++] = (struct identity){status->st_dev, status->st_ino};
	return true;
}

static bool is_elf(const char *path)
{
	char magic[4] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t got = fd < 0 ? -1 : read(fd, magic, sizeof(magic));

	if (fd >= 0)
		(void)close(fd);
	return got == sizeof(magic) && memcmp(magic, "\177ELF", 4) == 0;
}

static bool is_static(const struct file_report *report)
{
	enum spork_image_kind kind = spork_image_kind(report->image);

	return kind == SPORK_IMAGE_STATIC || kind == SPORK_IMAGE_STATIC_PIE;
}

static bool has_copy(const struct file_report *report)
{
	for (size_t i = 0; i < report->site_count; i++) {
		if (report->sites[i].site.copies)
			return true;
	}
	return false;
}

static void print_sites(const struct census *census, const struct file_report *report)
{
	const char *path = spork_image_path(report->image);

	for (size_t i = 0; i < report->site_count; i++) {
		const struct site_report *site = &report->sites[i];
		char function[48];

		function_name_at(report->image, site->site.call, function, sizeof(function));
		(void)printf("%s 0x%" PRIx64 " %s %s: ", path, site->site.call,
			function[0] ? function : "-", site->site.callee);
		if (census->verdicts)
			(void)printf("%s (%s)\n", spork_site_verdict_name(site->analysis.verdict),
				spork_site_reason_name(site->analysis.reason));
		else
			(void)printf("not analysed\n");
	}
}

static int add_file(struct census *census, const struct file_report *report)
{
	cJSON *file = cJSON_CreateObject(), *sites;

	if (!file || !cJSON_AddItemToArray(census->files, file)) {
		cJSON_Delete(file);
		return -ENOMEM;
	}
	sites = cJSON_AddArrayToObject(file, "sites");
	if (!sites || hb_json_add_text(file, "path", spork_image_path(report->image)) ||
		hb_json_add_text(file, "kind", image_kind_name(spork_image_kind(report->image))) ||
		hb_json_add_bool(file, "setuid", report->is_setuid) ||
		hb_json_add_bool(file, "exec", report->has_exec))
		return -ENOMEM;
	for (size_t i = 0; i < report->site_count; i++) {
		cJSON *site = site_json(report, &report->sites[i]);

		if (!site || !cJSON_AddItemToArray(sites, site)) {
			cJSON_Delete(site);
			return -ENOMEM;
		}
	}
	return 0;
}

static void count_file(struct census *census, const struct file_report *report)
{
	bool copies = has_copy(report);

	census->elf_files++;
	census->static_files += is_static(report);
	census->fork_files += copies;
	census->exec_files += copies && report->has_exec;
	census->setuid_files += copies && report->is_setuid;
	census->sites += report->site_count;
	for (size_t i = 0; i < report->site_count; i++) {
		census->sites_by_verdict[report->sites[i].analysis.verdict]++;
		census->sites_by_reason[report->sites[i].analysis.reason]++;
	}
	if (report->site_count == 0 && !is_static(report))
		return;
	if (census->json) {
		if (add_file(census, report))
			fail(census, -ENOMEM);
	} else {
		print_sites(census, report);
	}
}

static void report_fault(struct census *census, const struct hb_error *error)
{
	char text[1600];

	census->fault_count++;
	(void)hb_error_format(error, text, sizeof(text));
	if (census->json) {
		cJSON *fault = cJSON_CreateString(text);

		if (!cJSON_AddItemToArray(census->faults, fault)) {
			cJSON_Delete(fault);
			fail(census, -ENOMEM);
		}
	} else {
		(void)fprintf(stderr, "spork scan: %s\n", text);
	}
}

static void scan_file(struct census *census, const char *path, bool named)
{
	struct file_report report;
	struct hb_error error = {0};
	int err;

	if (!named && !is_elf(path))
		return;
	err = file_report_make(census->analyser, path, census->verdicts, 0, &report, &error);
	/* Object files and other machines' programs in a folder are no fault of the folder. */
	if (err == -ENOEXEC && !named)
		return;
	if (err == -ENOMEM)
		fail(census, err);
	if (err) {
		report_fault(census, &error);
		return;
	}
	count_file(census, &report);
	file_report_finish(census->analyser, &report);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_entry(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* Links are followed when they are named on the command line, and not below. */
static void scan_path(struct census *census, const char *path, int depth)
{
	struct dirent **entries = NULL;
	struct hb_error error = {0};
	struct stat status;
	int count;

	if (depth ? lstat(path, &status) : stat(path, &status)) {
		(void)hb_error_set_at(
			&error, -errno, path, 0, "cannot be read: %s", strerror(errno));
		report_fault(census, &error);
		return;
	}
	if (S_ISREG(status.st_mode)) {
		if (is_new(census, &status))
			scan_file(census, path, depth == 0);
		return;
	}
	if (!S_ISDIR(status.st_mode) || depth > DEPTH_MAX)
		return;
	count = scandir(path, &entries, is_entry, compare_names);
	if (count < 0) {
		(void)hb_error_set_at(
			&error, -errno, path, 0, "cannot be read: %s", strerror(errno));
		report_fault(census, &error);
		return;
	}
	for (int i = 0; i < count; i++) {
		char inner[PATH_BYTES];
		int length = snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);

		if (length > 0 && (size_t)length < sizeof(inner) && !census->err)
			scan_path(census, inner, depth + 1);
		free(entries[i]);
	}
	free(entries);
}

static int add_totals(struct census *census)
{
	cJSON *totals = cJSON_AddObjectToObject(census->json, "totals");
	cJSON *verdicts = cJSON_AddObjectToObject(totals, "verdicts");
	cJSON *because = cJSON_AddObjectToObject(totals, "reasons");

	if (!because || hb_json_add_u64(totals, "elf_files", census->elf_files) ||
		hb_json_add_u64(totals, "fork_files", census->fork_files) ||
		hb_json_add_u64(totals, "fork_exec_files", census->exec_files) ||
		hb_json_add_u64(totals, "static_files", census->static_files) ||
		hb_json_add_u64(totals, "setuid_files", census->setuid_files) ||
		hb_json_add_u64(totals, "sites", census->sites))
		return -ENOMEM;
	for (int i = 0; i < VERDICTS; i++) {
		if (hb_json_add_u64(verdicts, spork_site_verdict_name((enum spork_site_verdict)i),
			    census->sites_by_verdict[i]))
			return -ENOMEM;
	}
	for (int i = 0; i < SPORK_BECAUSE_COUNT; i++) {
		if (hb_json_add_u64(because, spork_site_reason_name((enum spork_site_reason)i),
			    census->sites_by_reason[i]))
			return -ENOMEM;
	}
	return 0;
}

static void print_totals(const struct census *census)
{
	(void)printf("%" PRIu64 " ELF files, %" PRIu64 " call fork (%" PRIu64
		     " of them also an exec, %" PRIu64 " are setuid: these run untouched), %" PRIu64
		     " are static: these run untouched\n",
		census->elf_files, census->fork_files, census->exec_files, census->setuid_files,
		census->static_files);
	(void)printf("%" PRIu64 " sites", census->sites);
	if (!census->verdicts) {
		(void)printf("\n");
		return;
	}
	(void)printf(":");
	for (int i = 0; i < VERDICTS; i++)
		(void)printf(" %s %" PRIu64, spork_site_verdict_name((enum spork_site_verdict)i),
			census->sites_by_verdict[i]);
	(void)printf("\n");
	for (int i = 0; i < SPORK_BECAUSE_COUNT; i++) {
		if (census->sites_by_reason[i])
			(void)printf("  %6" PRIu64 " %-13s %s\n", census->sites_by_reason[i],
				spork_site_reason_name((enum spork_site_reason)i),
				spork_site_reason_text((enum spork_site_reason)i));
	}
}

static int start_json(struct census *census)
{
	census->json = cJSON_CreateObject();
	if (!census->json || hb_json_add_text(census->json, "schema", "spork.scan/1"))
		return -ENOMEM;
	census->files = cJSON_AddArrayToObject(census->json, "files");
	census->faults = cJSON_AddArrayToObject(census->json, "faults");
	return census->faults ? 0 : -ENOMEM;
}

static int finish_json(struct census *census)
{
	char *text;

	if (add_totals(census))
		return -ENOMEM;
	text = cJSON_Print(census->json);
	if (!text)
		return -ENOMEM;
	(void)puts(text);
	free(text);
	return 0;
}

static int scan(struct census *census, bool json, int count, char **paths)
{
	int err = spork_analyser_create(NULL, &census->analyser);

	if (!err && json)
		err = start_json(census);
	for (int i = 0; i < count && !err; i++) {
		scan_path(census, paths[i], 0);
		err = census->err;
	}
	if (!err && json)
		err = finish_json(census);
	else if (!err)
		print_totals(census);
	cJSON_Delete(census->json);
	free(census->seen);
	spork_analyser_destroy(census->analyser);
	return err;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"list", no_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct census census = {.verdicts = true};
	struct hb_error error = {0};
	bool json = false;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'j') {
			json = true;
		} else if (option == 'l') {
			census.verdicts = false;
		} else if (option == 'h') {
			(void)printf("usage: spork scan %s\n\n%s\n\n"
				     "  --json    spork.scan/1 (docs/reference/spork-json.md)\n"
				     "  --list    list the places without analysing them\n",
				command_scan.usage, command_scan.help);
			return 0;
		} else {
			return command_usage(
				&command_scan, "unknown option '%s'", argv[optind - 1]);
		}
	}
	if (optind == argc)
		return command_usage(&command_scan, "which file or folder?");
	if (scan(&census, json, argc - optind, argv + optind)) {
		(void)hb_error_set(&error, -ENOMEM, "no memory; scan fewer files at a time");
		return command_fault(&command_scan, &error);
	}
	return census.fault_count ? 1 : 0;
}

const struct command command_scan = {
	.name = "scan",
	.usage = "[--json] [--list] FILE|FOLDER…",
	.help = "List the places that start processes, with a verdict about each.",
	.run = run,
};
