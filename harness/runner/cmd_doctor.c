/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed doctor: is this machine fit for measurements? */
#include <stdio.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/json.h>
#include <hotbed/log.h>

#include "command.h"
#include "doctor.h"

#define SAMPLE_MS 300

static const char *const state_names[] = {"ok", "note", "warn"};

static int print_json(const struct hb_finding *findings, size_t count, size_t warnings)
{
	cJSON *json = cJSON_CreateObject();
	cJSON *checks = json ? cJSON_AddArrayToObject(json, "checks") : NULL;
	char *text;
	int r = checks ? hb_json_add_text(json, "schema", "hotbed.doctor/1") : -1;

	for (size_t i = 0; i < count && r == 0; i++) {
		cJSON *check = cJSON_CreateObject();

		if (!check || !cJSON_AddItemToArray(checks, check))
			r = -1;
		if (r == 0)
			r = hb_json_add_text(check, "name", findings[i].name);
		if (r == 0)
			r = hb_json_add_text(check, "state", state_names[findings[i].state]);
		if (r == 0)
			r = hb_json_add_text(check, "found", findings[i].found);
		if (r == 0)
			r = hb_json_add_text(check, "advice", findings[i].advice);
	}
	if (r == 0)
		r = hb_json_add_u64(json, "warnings", warnings);
	text = r == 0 ? cJSON_Print(json) : NULL;
	if (text)
		puts(text);
	cJSON_free(text);
	cJSON_Delete(json);
	if (text)
		return 0;
	hb_log(HB_LOG_ERROR, "doctor: not enough memory");
	return -1;
}

static void print_text(
	const struct hb_arguments *arguments, const struct hb_finding *findings, size_t count)
{
	static const char *const colors[] = {"\033[32m", "\033[36m", "\033[33m"};
	bool color = hb_arguments_color(arguments, STDOUT_FILENO);
	bool quiet = hb_arguments_flag(arguments, "quiet");

	for (size_t i = 0; i < count; i++) {
		const struct hb_finding *finding = &findings[i];

		if (quiet && finding->state != HB_FINDING_WARN)
			continue;
		printf("%s%-4s%s  %-11s  %s\n", color ? colors[finding->state] : "",
			state_names[finding->state], color ? "\033[0m" : "", finding->name,
			finding->found);
		if (finding->advice[0])
			printf("      %-11s  %s\n", "", finding->advice);
	}
}

static int run_doctor(const struct hb_arguments *arguments)
{
	struct hb_finding findings[HB_FINDINGS_MAX];
	const char *folder = hb_arguments_text(arguments, "out");
	size_t operand_count;
	size_t warnings = 0;
	size_t count;

	hb_arguments_operands(arguments, &operand_count);
	if (operand_count) {
		hb_log(HB_LOG_ERROR, "doctor: takes no operands; 'hotbed help doctor' tells more");
		return HB_EXIT_USAGE;
	}
	count = hb_doctor_examine("", folder ? folder : ".", SAMPLE_MS, findings);
	for (size_t i = 0; i < count; i++)
		warnings += findings[i].state == HB_FINDING_WARN;
	if (hb_arguments_flag(arguments, "json")) {
		if (print_json(findings, count, warnings) < 0)
			return HB_EXIT_FAULT;
	} else {
		print_text(arguments, findings, count);
		if (!hb_arguments_flag(arguments, "quiet"))
			printf("\n%zu of %zu checks warn%s\n", warnings, count,
				warnings ? ": wall-clock results will be noisier than they could be"
					 : "");
	}
	return warnings && hb_arguments_flag(arguments, "strict") ? HB_EXIT_DOCTOR : HB_EXIT_DONE;
}

static const struct hb_option options[] = {
	{"strict", 0, NULL,
		"Exit with 5 if any check warns, before a measurement that must count."},
	{"out", 0, "DIR", "Check the disk that this folder is on instead of the current one."},
	{0},
};

static const struct hb_example examples[] = {
	{"./hotbed doctor", "look before a long run"},
	{0},
};

const struct hb_command hb_command_doctor = {
	.name = "doctor",
	.operands = "",
	.summary = "Check whether this machine is fit for measurements.",
	.description =
		"Looks at CPU number, load, steal, frequency governor, turbo, clock source, "
		"address "
		"space randomisation, transparent huge pages, battery, memory, disk, CPU quota "
		"and optional programs. Every line says ok, warn (and what to do) or note (an "
		"optional part is missing).\n\n"
		"Warnings are about wall-clock results only: exact metrics, counts and models, are "
		"the same on a busy machine. A run is never refused because of them.",
	.options = options,
	.examples = examples,
	.completion = "",
	.run = run_doctor,
};
