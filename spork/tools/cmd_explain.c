/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spork explain: how the verdict about one fork came about. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/json.h>

#include <spork/decoder.h>

#include "command.h"
#include "site_report.h"

#define LINES_MAX 400

struct explanation {
	struct spork_analyser *analyser;
	struct file_report report;
	struct spork_decoder_state *decoder;
	cJSON *json; /* NULL: text */
};

static const char *module_name(const struct explanation *e, size_t module)
{
	const char *path = spork_image_path(file_report_module(&e->report, module));
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The name of what a direct call or jump leads to. */
static void target_name(const struct spork_image *image,
	const struct spork_instruction *instruction, char *buffer, size_t size)
{
	const struct spork_import *import;
	const struct spork_symbol *symbol;

	buffer[0] = '\0';
	if (!instruction->direct || instruction->kind == SPORK_KIND_CONDITIONAL)
		return;
	import = spork_image_plt(image, instruction->target);
	symbol = spork_image_symbol_at(image, instruction->target);
	if (import)
		(void)snprintf(buffer, size, "%s@plt", import->name);
	else if (symbol && symbol->address == instruction->target)
		(void)snprintf(buffer, size, "%s", symbol->name);
}

static int add_line(cJSON *lines, uint64_t address, const char *code, const char *note)
{
	cJSON *line = cJSON_CreateObject();
	char text[32];

	(void)snprintf(text, sizeof(text), "0x%" PRIx64, address);
	if (!line || hb_json_add_text(line, "address", text) ||
		hb_json_add_text(line, "code", code) || hb_json_add_text(line, "note", note) ||
		!cJSON_AddItemToArray(lines, line)) {
		cJSON_Delete(line);
		return -ENOMEM;
	}
	return 0;
}

/* One block's instructions; @lines NULL: printed. */
static int disassemble(
	const struct explanation *e, const struct spork_step *step, cJSON *lines, unsigned *budget)
{
	const struct spork_image *image = file_report_module(&e->report, step->module);
	int err = 0;

	for (uint64_t at = step->start; at < step->end && *budget && !err; (*budget)--) {
		struct spork_instruction instruction;
		char code[160], name[128];
		size_t available;
		const uint8_t *bytes = spork_image_bytes(image, at, &available, NULL);

		if (!bytes ||
			spork_decoder_both.decode(e->decoder, bytes, available, at, &instruction) ||
			spork_decoder_both.format(
				e->decoder, bytes, available, at, code, sizeof(code)))
			break;
		target_name(image, &instruction, name, sizeof(name));
		if (lines)
			err = add_line(lines, at, code, name);
		else
			(void)printf("    %8" PRIx64 "  %s%s%s\n", at, code, name[0] ? "  ; " : "",
				name);
		at += instruction.length;
	}
	return err;
}

static void step_effects(const struct spork_step *step, char *buffer, size_t size)
{
	effects_text(step->effects, buffer, size);
}

static void print_steps(const struct explanation *e, const struct spork_analysis *analysis)
{
	unsigned budget = LINES_MAX;
	bool reaches = analysis->verdict != SPORK_SITE_UNKNOWN &&
		       analysis->reason != SPORK_BECAUSE_NO_EXEC;

	(void)printf("\n  %s\n", reaches ? "the way to exec:" : "what the child does:");
	for (size_t i = 0; i < analysis->step_count; i++) {
		const struct spork_step *step = &analysis->steps[i];
		char effects[256], function[128];

		if (budget == 0) {
			(void)printf("  … %zu more blocks\n", analysis->step_count - i);
			return;
		}
		function_name_at(file_report_module(&e->report, step->module), step->start,
			function, sizeof(function));
		step_effects(step, effects, sizeof(effects));
		(void)printf("  %s %s%s%s%s%s%s\n", module_name(e, step->module), function,
			step->callee[0] ? " calls " : "",
			strcmp(step->callee, "*") == 0 ? "what was not resolved" : step->callee,
			effects[0] ? " (" : "", effects, effects[0] ? ")" : "");
		(void)disassemble(e, step, NULL, &budget);
	}
}

static void print_site(const struct explanation *e, const struct site_report *site)
{
	const struct spork_analysis *analysis = &site->analysis;
	char function[128], effects[256];

	function_name_at(e->report.image, site->site.call, function, sizeof(function));
	effects_text(analysis->effects, effects, sizeof(effects));
	(void)printf("%s 0x%" PRIx64 ": %s calls %s\n", spork_image_path(e->report.image),
		site->site.call, function, site->site.callee);
	(void)printf("  verdict   %s (%s): %s\n", spork_site_verdict_name(analysis->verdict),
		spork_site_reason_name(analysis->reason), spork_site_reason_text(analysis->reason));
	if (analysis->step_count == 0)
		return;
	(void)printf("  effects   %s\n", effects[0] ? effects : "none");
	(void)printf("  followed  %" PRIu64 " instructions in %" PRIu32 " blocks, %" PRIu32
		     " calls or jumps unresolved%s%s\n",
		analysis->instructions, analysis->states, analysis->unresolved,
		analysis->returns ? ", returns beyond what is known" : "",
		analysis->exhausted ? ", cut short by the budget" : "");
	print_steps(e, analysis);
}

static int add_steps(
	const struct explanation *e, const struct spork_analysis *analysis, cJSON *json)
{
	cJSON *steps = cJSON_AddArrayToObject(json, "steps");
	unsigned budget = LINES_MAX;
	int err = steps ? 0 : -ENOMEM;

	for (size_t i = 0; i < analysis->step_count && !err; i++) {
		const struct spork_step *from = &analysis->steps[i];
		cJSON *step = cJSON_CreateObject(), *code;
		char function[128], effects[256];

		if (!step || !cJSON_AddItemToArray(steps, step)) {
			cJSON_Delete(step);
			return -ENOMEM;
		}
		function_name_at(file_report_module(&e->report, from->module), from->start,
			function, sizeof(function));
		step_effects(from, effects, sizeof(effects));
		code = cJSON_AddArrayToObject(step, "code");
		if (!code ||
			hb_json_add_text(step, "module",
				spork_image_path(file_report_module(&e->report, from->module))) ||
			hb_json_add_text(step, "function", function) ||
			hb_json_add_text(step, "calls", from->callee) ||
			hb_json_add_text(step, "effects", effects))
			return -ENOMEM;
		err = disassemble(e, from, code, &budget);
	}
	return err;
}

static int add_site(const struct explanation *e, const struct site_report *site)
{
	cJSON *sites = cJSON_GetObjectItem(e->json, "sites");
	cJSON *json = site_json(&e->report, site);

	if (!json || !cJSON_AddItemToArray(sites, json)) {
		cJSON_Delete(json);
		return -ENOMEM;
	}
	if (hb_json_add_text(json, "text", spork_site_reason_text(site->analysis.reason)))
		return -ENOMEM;
	return add_steps(e, &site->analysis, json);
}

/* A site is named by the address of its call, the one behind it, or its function. */
static bool is_meant(const struct explanation *e, const struct site_report *site, const char *name)
{
	char function[128], *end;
	uint64_t address;

	if (!name)
		return true;
	function_name_at(e->report.image, site->site.call, function, sizeof(function));
	address = strtoull(name, &end, 16);
	return strcmp(function, name) == 0 ||
	       (*end == '\0' && end != name &&
		       (address == site->site.call || address == site->site.address));
}

static int explain(
	struct explanation *e, const char *path, const char *name, struct hb_error *reterr)
{
	size_t shown = 0;
	int err = spork_analyser_create(NULL, &e->analyser);

	if (!err)
		err = spork_decoder_both.create(&e->decoder);
	if (err)
		return hb_error_set(reterr, err, "no memory for the decoders");
	err = file_report_make(e->analyser, path, true, 0, &e->report, reterr);
	if (err)
		return err;
	if (e->json && (hb_json_add_text(e->json, "schema", "spork.explain/1") ||
			       hb_json_add_text(e->json, "path", path) ||
			       !cJSON_AddArrayToObject(e->json, "sites")))
		return hb_error_set(reterr, -ENOMEM, "no memory for the answer");
	for (size_t i = 0; i < e->report.site_count && !err; i++) {
		if (!is_meant(e, &e->report.sites[i], name))
			continue;
		if (e->json)
			err = add_site(e, &e->report.sites[i]);
		else
			(void)fputs(shown ? "\n" : "", stdout);
		if (!e->json)
			print_site(e, &e->report.sites[i]);
		shown++;
	}
	if (err)
		return hb_error_set(reterr, err, "no memory for the answer");
	if (shown == 0)
		return hb_error_set_at(reterr, -ENOENT, path, 0,
			name ? "no process is started at '%s'; 'spork scan' lists the places"
			     : "no place starts a process%s",
			name ? name : "");
	return 0;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct explanation e = {0};
	struct hb_error error = {0};
	bool json = false;
	int option, err;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'j') {
			json = true;
		} else if (option == 'h') {
			(void)printf(
				"usage: spork explain %s\n\n%s\n\n"
				"  SITE      the address of the call, or the calling function\n"
				"  --json    spork.explain/1 (docs/reference/spork-json.md)\n",
				command_explain.usage, command_explain.help);
			return 0;
		} else {
			return command_usage(
				&command_explain, "unknown option '%s'", argv[optind - 1]);
		}
	}
	if (argc - optind < 1 || argc - optind > 2)
		return command_usage(&command_explain, "which file, and at most one site?");
	e.json = json ? cJSON_CreateObject() : NULL;
	err = explain(&e, argv[optind], argc - optind == 2 ? argv[optind + 1] : NULL, &error);
	if (!err && json) {
		char *text = cJSON_Print(e.json);

		(void)puts(text ? text : "");
		free(text);
	}
	cJSON_Delete(e.json);
	if (e.report.image)
		file_report_finish(e.analyser, &e.report);
	if (e.decoder)
		spork_decoder_both.destroy(e.decoder);
	spork_analyser_destroy(e.analyser);
	return err ? command_fault(&command_explain, &error) : 0;
}

const struct command command_explain = {
	.name = "explain",
	.usage = "[--json] FILE [SITE]",
	.help = "Say how the verdict about a place that forks came about.",
	.run = run,
};
