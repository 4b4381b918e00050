/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalogue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/json.h>
#include <hotbed/suggest.h>

#include "command.h"

/* A smoke run; docs/reference/statistics.md. */
#define QUICK_BLOCKS 2

static int out_of_memory(struct hb_error *reterr)
{
	return hb_error_set(reterr, -ENOMEM, "not enough memory for the list of experiments");
}

static int add_entry(struct hb_catalogue *catalogue, const struct hb_manifest_driver *driver,
	const cJSON *describe, struct hb_error *reterr)
{
	size_t size_bytes = (catalogue->count + 1) * sizeof(*catalogue->entries);
	struct hb_catalogue_entry *entries = realloc(catalogue->entries, size_bytes);
	struct hb_catalogue_entry *entry;

	if (!entries)
		return out_of_memory(reterr);
	catalogue->entries = entries;
	entry = &entries[catalogue->count];
	*entry = (struct hb_catalogue_entry){.driver = driver,
		.describe = describe,
		.experiment = hb_json_text_or(describe, "name", "")};
	if (asprintf(&entry->name, "%s/%s", driver->subproject, entry->experiment) < 0) {
		entry->name = NULL;
		return out_of_memory(reterr);
	}
	catalogue->count++;
	return 0;
}

int hb_catalogue_load(const char *build_root, struct hb_catalogue *ret, struct hb_error *reterr)
{
	struct hb_catalogue catalogue = {0};
	int r = hb_manifest_load(build_root, &catalogue.manifest, reterr);

	if (r < 0)
		return r;
	for (size_t i = 0; i < catalogue.manifest.count && r == 0; i++) {
		const struct hb_manifest_driver *driver = &catalogue.manifest.drivers[i];
		const cJSON *experiments =
			cJSON_GetObjectItemCaseSensitive(driver->describe, "experiments");
		const cJSON *describe;

		cJSON_ArrayForEach(describe, experiments)
		{
			r = add_entry(&catalogue, driver, describe, reterr);
			if (r < 0)
				break;
		}
	}
	if (r < 0)
		hb_catalogue_finish(&catalogue);
	else
		*ret = catalogue;
	return r;
}

void hb_catalogue_finish(struct hb_catalogue *catalogue)
{
	for (size_t i = 0; i < catalogue->count; i++)
		free(catalogue->entries[i].name);
	free(catalogue->entries);
	hb_manifest_finish(&catalogue->manifest);
	*catalogue = (struct hb_catalogue){0};
}

static int refuse_operand(
	const struct hb_catalogue *catalogue, const char *operand, struct hb_error *reterr)
{
	size_t driver_count = catalogue->manifest.count;
	const char **names = calloc(catalogue->count + driver_count + 1, sizeof(*names));
	const char *near;
	int r;

	if (!names)
		return out_of_memory(reterr);
	for (size_t i = 0; i < driver_count; i++)
		names[i] = catalogue->manifest.drivers[i].subproject;
	for (size_t i = 0; i < catalogue->count; i++)
		names[driver_count + i] = catalogue->entries[i].name;
	near = hb_suggest(operand, names);
	if (near)
		r = hb_error_set(reterr, -EINVAL, "unknown experiment '%s'; did you mean '%s'?",
			operand, near);
	else
		r = hb_error_set(reterr, -EINVAL,
			"unknown experiment '%s'; 'hotbed list' shows what there is", operand);
	free(names);
	return r;
}

static int select_operand(
	struct hb_catalogue *catalogue, const char *operand, struct hb_error *reterr)
{
	const struct hb_manifest_driver *driver = hb_manifest_find(&catalogue->manifest, operand);
	size_t found = 0;

	if (driver && driver->fault)
		return hb_error_set(reterr, -EINVAL, "%s: the driver does not answer: %s", operand,
			driver->fault);
	for (size_t i = 0; i < catalogue->count; i++) {
		struct hb_catalogue_entry *entry = &catalogue->entries[i];

		if (entry->driver != driver && strcmp(entry->name, operand) != 0)
			continue;
		entry->selected = true;
		found++;
	}
	return found ? 0 : refuse_operand(catalogue, operand, reterr);
}

int hb_catalogue_select(
	struct hb_catalogue *catalogue, const char *const *operands, struct hb_error *reterr)
{
	for (size_t i = 0; i < catalogue->count; i++)
		catalogue->entries[i].selected = !operands[0];
	for (; *operands; operands++) {
		int r = select_operand(catalogue, *operands, reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

int hb_catalogue_estimate(const struct hb_catalogue_entry *entry, const char *sweep,
	struct hb_estimate *ret, struct hb_error *reterr)
{
	const cJSON *variants = cJSON_GetObjectItemCaseSensitive(entry->describe, "variants");
	/* Every block runs the baseline a second time, as control. */
	uint64_t slots = (uint64_t)cJSON_GetArraySize(variants) + 1;
	struct hb_estimate estimate = {0};
	cJSON *points = NULL;
	const cJSON *point;
	uint64_t blocks;
	int r = hb_json_get_u64(entry->describe, "blocks", &blocks, reterr);

	if (r == 0)
		r = hb_manifest_points(
			entry->driver, entry->experiment, sweep, NULL, &points, reterr);
	if (r < 0)
		return r;
	if (!strcmp(sweep, "quick") && blocks > QUICK_BLOCKS)
		blocks = QUICK_BLOCKS;
	estimate.blocks = blocks;
	cJSON_ArrayForEach(point, points)
	{
		uint64_t trial_ms = 0, memory_bytes = 0;

		if (r == 0)
			r = hb_json_get_u64(point, "trial_ms", &trial_ms, reterr);
		if (r == 0)
			r = hb_json_get_u64(point, "memory_bytes", &memory_bytes, reterr);
		estimate.points++;
		estimate.trials += slots * blocks;
		estimate.time_ms += trial_ms * slots * blocks;
		if (memory_bytes > estimate.memory_bytes)
			estimate.memory_bytes = memory_bytes;
	}
	cJSON_Delete(points);
	if (r == 0)
		*ret = estimate;
	return r;
}

char *hb_estimate_format(uint64_t time_ms, char *buffer)
{
	uint64_t seconds = (time_ms + 999) / 1000;

	if (seconds < 120)
		snprintf(buffer, 32, "%" PRIu64 " s", seconds);
	else if (seconds < 7200)
		snprintf(buffer, 32, "%" PRIu64 " min", (seconds + 59) / 60);
	else
		snprintf(buffer, 32, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600,
			seconds % 3600 / 60);
	return buffer;
}
