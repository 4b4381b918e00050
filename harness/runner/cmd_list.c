/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed list: what can be run. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/json.h>
#include <hotbed/log.h>

#include "catalogue.h"
#include "command.h"

/* The repository's papers: those without a driver are named, so that nobody looks for their experiments. */
static const char *const subprojects[] = {
	"nicos", "spork", "shcheck", "probcons", "batching", "metastable", NULL};

static void print_names(const struct hb_catalogue *catalogue)
{
	for (size_t i = 0; i < catalogue->manifest.count; i++)
		if (!catalogue->manifest.drivers[i].fault)
			puts(catalogue->manifest.drivers[i].subproject);
	for (size_t i = 0; i < catalogue->count; i++)
		puts(catalogue->entries[i].name);
}

/* "fork* vfork posix_spawn", the baseline starred. */
static void print_variants(const cJSON *describe)
{
	const cJSON *variants = cJSON_GetObjectItemCaseSensitive(describe, "variants");
	const cJSON *variant;

	cJSON_ArrayForEach(variant, variants)
	{
		printf(" %s%s", hb_json_text_or(variant, "name", "?"),
			strcmp(hb_json_text_or(variant, "role", ""), "baseline") ? "" : "*");
	}
}

static int print_text(
	const struct hb_catalogue *catalogue, const char *sweep, struct hb_error *reterr)
{
	size_t width = 10;
	bool missing = false;

	for (size_t i = 0; i < catalogue->count; i++)
		if (strlen(catalogue->entries[i].name) > width)
			width = strlen(catalogue->entries[i].name);
	if (catalogue->count)
		printf("%-*s  %6s  %6s  %10s  %s\n", (int)width, "EXPERIMENT", "POINTS", "BLOCKS",
			"TIME", "VARIANTS (* baseline)");
	for (size_t i = 0; i < catalogue->count; i++) {
		const struct hb_catalogue_entry *entry = &catalogue->entries[i];
		struct hb_estimate estimate;
		char time[32];
		int r;

		if (!entry->selected)
			continue;
		r = hb_catalogue_estimate(entry, sweep, &estimate, reterr);
		if (r < 0)
			return hb_error_wrap(reterr, "%s", entry->name);
		printf("%-*s  %6zu  %6zu  %10s ", (int)width, entry->name, estimate.points,
			estimate.blocks, hb_estimate_format(estimate.time_ms, time));
		print_variants(entry->describe);
		putchar('\n');
	}
	for (size_t i = 0; subprojects[i]; i++) {
		if (hb_manifest_find(&catalogue->manifest, subprojects[i]))
			continue;
		printf("%s%s",
			missing            ? ", "
			: catalogue->count ? "\nnothing to run yet: "
					   : "nothing to run yet: ",
			subprojects[i]);
		missing = true;
	}
	if (missing)
		putchar('\n');
	return 0;
}

static int add_experiment(cJSON *array, const struct hb_catalogue_entry *entry, const char *sweep,
	struct hb_error *reterr)
{
	const cJSON *variants = cJSON_GetObjectItemCaseSensitive(entry->describe, "variants");
	struct hb_estimate estimate;
	cJSON *object = cJSON_CreateObject();
	cJSON *names;
	const cJSON *variant;
	int r;

	if (!object || !cJSON_AddItemToArray(array, object))
		return -ENOMEM;
	r = hb_catalogue_estimate(entry, sweep, &estimate, reterr);
	if (r < 0)
		return hb_error_wrap(reterr, "%s", entry->name);
	if (hb_json_add_text(object, "subproject", entry->driver->subproject) < 0 ||
		hb_json_add_text(object, "experiment", entry->experiment) < 0 ||
		hb_json_add_text(
			object, "question", hb_json_text_or(entry->describe, "question", "")) < 0 ||
		hb_json_add_u64(object, "points", estimate.points) < 0 ||
		hb_json_add_u64(object, "blocks", estimate.blocks) < 0 ||
		hb_json_add_u64(object, "trials", estimate.trials) < 0 ||
		hb_json_add_u64(object, "estimate_ms", estimate.time_ms) < 0 ||
		hb_json_add_u64(object, "memory_bytes", estimate.memory_bytes) < 0)
		return -ENOMEM;
	names = cJSON_AddArrayToObject(object, "variants");
	if (!names)
		return -ENOMEM;
	cJSON_ArrayForEach(variant, variants)
	{
		cJSON *name = cJSON_CreateString(hb_json_text_or(variant, "name", ""));

		if (!name || !cJSON_AddItemToArray(names, name))
			return -ENOMEM;
	}
	return 0;
}

static int print_json(
	const struct hb_catalogue *catalogue, const char *sweep, struct hb_error *reterr)
{
	cJSON *json = cJSON_CreateObject();
	cJSON *array = NULL;
	char *text = NULL;
	int r = json ? hb_json_add_text(json, "schema", "hotbed.list/1") : -ENOMEM;

	if (r == 0)
		r = hb_json_add_text(json, "sweep", sweep);
	if (r == 0)
		array = cJSON_AddArrayToObject(json, "experiments");
	if (!array)
		r = -ENOMEM;
	for (size_t i = 0; i < catalogue->count && r == 0; i++)
		if (catalogue->entries[i].selected)
			r = add_experiment(array, &catalogue->entries[i], sweep, reterr);
	if (r == 0)
		text = cJSON_Print(json);
	if (text)
		puts(text);
	else if (r == 0 || r == -ENOMEM)
		r = hb_error_set(reterr, -ENOMEM, "not enough memory to print the list");
	cJSON_free(text);
	cJSON_Delete(json);
	return r;
}

static int warn_faults(const struct hb_catalogue *catalogue)
{
	int code = HB_EXIT_DONE;

	for (size_t i = 0; i < catalogue->manifest.count; i++) {
		const struct hb_manifest_driver *driver = &catalogue->manifest.drivers[i];

		if (!driver->fault)
			continue;
		hb_log(HB_LOG_ERROR, "list: %s: the driver does not answer: %s", driver->subproject,
			driver->fault);
		code = HB_EXIT_FAULT;
	}
	return code;
}

static int run_list(const struct hb_arguments *arguments)
{
	struct hb_catalogue catalogue;
	struct hb_error error = {0};
	const char *sweep = "default";
	int code;
	int r;

	if (hb_arguments_flag(arguments, "quick"))
		sweep = "quick";
	else if (hb_arguments_flag(arguments, "full"))
		sweep = "full";
	r = hb_catalogue_load(hb_build_root(), &catalogue, &error);
	if (r < 0) {
		hb_error_wrap(&error, "list");
		hb_log_error(&error);
		return HB_EXIT_FAULT;
	}
	code = warn_faults(&catalogue);
	r = hb_catalogue_select(&catalogue, hb_arguments_operands(arguments, NULL), &error);
	if (r < 0)
		code = HB_EXIT_USAGE;
	else if (hb_arguments_flag(arguments, "names"))
		print_names(&catalogue);
	else if (hb_arguments_flag(arguments, "json"))
		r = print_json(&catalogue, sweep, &error);
	else
		r = print_text(&catalogue, sweep, &error);
	if (r < 0) {
		hb_error_wrap(&error, "list");
		hb_log_error(&error);
		code = code == HB_EXIT_USAGE ? code : HB_EXIT_FAULT;
	}
	hb_catalogue_finish(&catalogue);
	return code;
}

static const struct hb_option options[] = {
	{"quick", 0, NULL, "Show points and time of a smoke run."},
	{"full", 0, NULL, "Show points and time of a full sweep."},
	{"names", 0, NULL, "Print only the names that other commands accept, one a line."},
	{0},
};

static const struct hb_example examples[] = {
	{"./hotbed list", "all experiments of this build"},
	{"./hotbed list --quick spork", "what a smoke run of one subproject would take"},
	{0},
};

const struct hb_command hb_command_list = {
	.name = "list",
	.operands = "[SUB[/EXPERIMENT]...]",
	.summary = "List subprojects, experiments and how long they take.",
	.description =
		"One line an experiment: its name, the points of its parameter sweep, the blocks "
		"at "
		"each point, the time that all trials take one after another, and its variants. "
		"The baseline has a star; a second run of it is added to every block as control.",
	.options = options,
	.examples = examples,
	.completion = "experiments",
	.run = run_list,
};
