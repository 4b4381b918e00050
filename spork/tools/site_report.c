/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "site_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <hotbed/error.h>
#include <hotbed/json.h>

#define LIBRARIES_MAX 64
/* For one file, in instructions; a block costs as much as ten. A damaged file may seem to have millions of sites. */
#define FILE_COST_MAX UINT64_C(20000000)
#define BLOCK_COST 10
#define LIBRARY_BYTES_MAX (INT64_C(24) << 20)

static const char *const library_folders[] = {
	"/lib/x86_64-linux-gnu",
	"/usr/lib/x86_64-linux-gnu",
	"/lib64",
	"/usr/lib64",
	"/lib",
	"/usr/lib",
};

/* The libraries that the file asks for by itself, from the loader's standard folders; what is not found is left out. */
static int load_libraries(struct file_report *report)
{
	const char *const *names;
	size_t count = spork_image_needed(report->image, &names);

	report->libraries = calloc(LIBRARIES_MAX, sizeof(struct spork_image *));
	if (!report->libraries)
		return -ENOMEM;
	for (size_t i = 0; i < count && report->library_count < LIBRARIES_MAX; i++) {
		for (size_t f = 0; f < sizeof(library_folders) / sizeof(library_folders[0]); f++) {
			char path[512];
			struct stat status;

			(void)snprintf(path, sizeof(path), "%s/%s", library_folders[f], names[i]);
			if (strchr(names[i], '/') || stat(path, &status) ||
				status.st_size > LIBRARY_BYTES_MAX)
				continue;
			if (spork_image_open(
				    path, &report->libraries[report->library_count], NULL) == 0)
				report->library_count++;
			break;
		}
	}
	return 0;
}

const struct spork_image *file_report_module(const struct file_report *report, size_t index)
{
	return index == 0 ? report->image : report->libraries[index - 1];
}

/* Modules side by side, where nothing of one is an address of another. */
static struct spork_analysis_module *place_modules(const struct file_report *report)
{
	struct spork_analysis_module *modules = calloc(report->library_count + 1, sizeof(*modules));
	uint64_t next = UINT64_C(1) << 40;

	if (!modules)
		return NULL;
	for (size_t i = 0; i <= report->library_count; i++) {
		const struct spork_image *image = file_report_module(report, i);
		uint64_t lowest = spork_image_lowest(image);

		modules[i].image = image;
		/* Code that is not position-independent names its addresses. */
		if (lowest == 0) {
			modules[i].bias = next;
			next += UINT64_C(1) << 33;
		}
	}
	return modules;
}

static int analyse(struct spork_analyser *analyser, const struct spork_analysis_module *modules,
	unsigned ablations, const struct file_report *report, struct site_report *site,
	struct hb_error *reterr)
{
	struct spork_analysis_frame frame = {.address = site->site.address};
	struct spork_analysis_request request = {
		.modules = modules,
		.module_count = report->library_count + 1,
		.frames = &frame,
		.frame_count = 1,
		.callers_unknown = true,
		.ablations = ablations,
	};

	if (!site->site.copies) {
		site->analysis = (struct spork_analysis){
			.verdict = SPORK_SITE_LEAVE, .reason = SPORK_BECAUSE_ALREADY_CHEAP};
		return 0;
	}
	if (site->site.tail) {
		/* Behind a jump there is nothing: the child goes on in callers that only the callee's return knows. */
		site->analysis = (struct spork_analysis){.verdict = SPORK_SITE_UNKNOWN,
			.reason = SPORK_BECAUSE_CALLERS,
			.returns = true};
		return 0;
	}
	return spork_analyse_site(analyser, &request, &site->analysis, reterr);
}

static bool imports_exec(const struct spork_image *image)
{
	const struct spork_import *imports;
	size_t count = spork_image_imports(image, &imports);

	for (size_t i = 0; i < count; i++) {
		uint32_t effects;
		bool returns;

		if (spork_model_of(imports[i].name, &effects, &returns) &&
			(effects & SPORK_EFFECT_EXEC))
			return true;
	}
	return false;
}

static int analyse_all(struct spork_analyser *analyser, unsigned ablations,
	struct file_report *report, struct hb_error *reterr)
{
	struct spork_analysis_module *modules;
	uint64_t cost = 0;
	int err = load_libraries(report);

	modules = err ? NULL : place_modules(report);
	if (!modules)
		return hb_error_set(reterr, -ENOMEM, "no memory for the libraries");
	for (size_t i = 0; i < report->site_count && !err; i++) {
		struct site_report *site = &report->sites[i];

		if (cost < FILE_COST_MAX)
			err = analyse(analyser, modules, ablations, report, site, reterr);
		else
			site->analysis = (struct spork_analysis){
				.verdict = SPORK_SITE_UNKNOWN, .reason = SPORK_BECAUSE_BUDGET};
		cost += site->analysis.instructions + BLOCK_COST * (uint64_t)site->analysis.states;
	}
	free(modules);
	return err;
}

int file_report_make(struct spork_analyser *analyser, const char *path, bool with_verdicts,
	unsigned ablations, struct file_report *ret, struct hb_error *reterr)
{
	struct file_report report = {0};
	struct spork_site *sites = NULL;
	struct stat status = {0};
	int err = spork_image_open(path, &report.image, reterr);

	if (err)
		return err;
	(void)stat(path, &status);
	report.is_setuid = status.st_mode & (S_ISUID | S_ISGID);
	report.has_exec = imports_exec(report.image);
	err = spork_sites_find(analyser, report.image, &sites, &report.site_count);
	report.sites = err ? NULL : calloc(report.site_count + 1, sizeof(*report.sites));
	if (!report.sites) {
		report.site_count = 0;
		err = hb_error_set(reterr, -ENOMEM, "no memory for the sites of %s", path);
	}
	for (size_t i = 0; i < report.site_count; i++)
		report.sites[i].site = sites[i];
	free(sites);
	if (!err && with_verdicts && report.site_count)
		err = analyse_all(analyser, ablations, &report, reterr);
	if (err) {
		file_report_finish(analyser, &report);
		return err;
	}
	*ret = report;
	return 0;
}

void file_report_finish(struct spork_analyser *analyser, struct file_report *report)
{
	for (size_t i = 0; i < report->site_count; i++)
		spork_analysis_finish(&report->sites[i].analysis);
	free(report->sites);
	for (size_t i = 0; i < report->library_count; i++) {
		spork_analyser_forget(analyser, report->libraries[i]);
		spork_image_close(report->libraries[i]);
	}
	free(report->libraries);
	spork_analyser_forget(analyser, report->image);
	spork_image_close(report->image);
	*report = (struct file_report){0};
}

const char *image_kind_name(enum spork_image_kind kind)
{
	static const char *const names[] = {
		[SPORK_IMAGE_DYNAMIC] = "dynamic",
		[SPORK_IMAGE_STATIC] = "static",
		[SPORK_IMAGE_STATIC_PIE] = "static-pie",
		[SPORK_IMAGE_SHARED_LIBRARY] = "library",
	};

	return names[kind];
}

void function_name_at(
	const struct spork_image *image, uint64_t address, char *buffer, size_t size_bytes)
{
	const struct spork_symbol *symbol = spork_image_symbol_at(image, address);
	const struct spork_function *function = spork_image_function_at(image, address);

	if (symbol)
		(void)snprintf(buffer, size_bytes, "%s", symbol->name);
	else if (function)
		(void)snprintf(buffer, size_bytes, "function_%" PRIx64, function->start);
	else
		(void)snprintf(buffer, size_bytes, "%s", "");
}

void effects_text(uint32_t effects, char *buffer, size_t size_bytes)
{
	size_t length = 0;

	buffer[0] = '\0';
	for (int i = 0; i < SPORK_EFFECT_COUNT; i++) {
		if ((effects & (1U << i)) && length < size_bytes)
			length += (size_t)snprintf(buffer + length, size_bytes - length, "%s%s",
				length ? ", " : "", spork_effect_name((enum spork_effect)(1 << i)));
	}
}

static int add_address(cJSON *json, const char *key, uint64_t address)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "0x%" PRIx64, address);
	return hb_json_add_text(json, key, text);
}

static int add_effects(cJSON *json, uint32_t effects)
{
	cJSON *list = cJSON_AddArrayToObject(json, "effects");

	for (int i = 0; i < SPORK_EFFECT_COUNT && list; i++) {
		cJSON *name;

		if (!(effects & (1U << i)))
			continue;
		name = cJSON_CreateString(spork_effect_name((enum spork_effect)(1 << i)));
		if (!cJSON_AddItemToArray(list, name)) {
			cJSON_Delete(name);
			return -ENOMEM;
		}
	}
	return list ? 0 : -ENOMEM;
}

cJSON *site_json(const struct file_report *report, const struct site_report *site)
{
	const struct spork_analysis *analysis = &site->analysis;
	cJSON *json = cJSON_CreateObject();
	char function[256];
	int err = json ? 0 : -ENOMEM;

	function_name_at(report->image, site->site.call, function, sizeof(function));
	if (!err)
		err = add_address(json, "call", site->site.call);
	if (!err)
		err = add_address(json, "address", site->site.address);
	if (!err)
		err = hb_json_add_text(json, "function", function);
	if (!err)
		err = hb_json_add_text(json, "callee", site->site.callee);
	if (!err)
		err = hb_json_add_text(json, "verdict", spork_site_verdict_name(analysis->verdict));
	if (!err)
		err = hb_json_add_text(json, "reason", spork_site_reason_name(analysis->reason));
	if (!err)
		err = add_effects(json, analysis->effects);
	if (!err)
		err = hb_json_add_u64(json, "unresolved", analysis->unresolved);
	if (!err)
		err = hb_json_add_u64(json, "instructions", analysis->instructions);
	if (!err)
		err = hb_json_add_u64(json, "path_instructions", analysis->path_instructions);
	if (err) {
		cJSON_Delete(json);
		return NULL;
	}
	return json;
}
