/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed status: how far a run is. */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/json.h>
#include <hotbed/log.h>

#include "run_options.h"
#include "session.h"

static const struct hb_option options[] = {{0}};

static const char *state_name(const struct hb_session *s, const struct hb_blocks_counts *c)
{
	struct hb_blocks_trial next;

	if (s->is_running)
		return "running";
	if (hb_blocks_next(s->blocks, true, &next) == HB_BLOCKS_END)
		return "done";
	return c->trials_committed > 0 ? "stopped" : "not begun";
}

static void print_text(
	const struct hb_session *s, const struct hb_blocks_counts *c, const char *state)
{
	printf("%s: %s, %llu of %llu trials", s->folder, state, (unsigned long long)c->trials_done,
		(unsigned long long)c->trials_planned);
	if (c->failed > 0)
		printf(", %llu failed", (unsigned long long)c->failed);
	if (c->skipped > 0)
		printf(", %llu skipped", (unsigned long long)c->skipped);
	putchar('\n');
	for (uint32_t e = 0; e < s->plan.experiment_count; e++) {
		uint64_t left = hb_blocks_left(s->blocks, e);

		printf("  %s/%s: ", s->plan.experiments[e].subproject,
			s->plan.experiments[e].experiment);
		if (left > 0)
			printf("%llu trials to go\n", (unsigned long long)left);
		else
			printf("done\n");
	}
	if (s->cut_bytes > 0 && !s->is_running)
		printf("%llu bytes of a trial that was not committed; 'hotbed resume' cuts them\n",
			(unsigned long long)s->cut_bytes);
	if (!strcmp(state, "stopped") || !strcmp(state, "not begun"))
		printf("go on with: ./hotbed resume %s\n", s->folder);
}

static int print_json(
	const struct hb_session *s, const struct hb_blocks_counts *c, const char *state)
{
	cJSON *json = cJSON_CreateObject();
	int error =
		!json || hb_json_add_text(json, "schema", "hotbed.status/1") ||
		hb_json_add_text(json, "run_id", s->plan.run_id) ||
		hb_json_add_text(json, "folder", s->folder) ||
		hb_json_add_text(json, "state", state) ||
		!cJSON_AddNumberToObject(json, "trials_planned", (double)c->trials_planned) ||
		!cJSON_AddNumberToObject(json, "trials_done", (double)c->trials_done) ||
		!cJSON_AddNumberToObject(json, "trials_committed", (double)c->trials_committed) ||
		!cJSON_AddNumberToObject(json, "failed", (double)c->failed) ||
		!cJSON_AddNumberToObject(json, "skipped", (double)c->skipped) ||
		!cJSON_AddNumberToObject(json, "uncommitted_bytes", (double)s->cut_bytes);
	char *text = error ? NULL : cJSON_PrintUnformatted(json);

	if (text)
		puts(text);
	free(text);
	cJSON_Delete(json);
	return text ? 0 : -ENOMEM;
}

static int run(const struct hb_arguments *arguments)
{
	size_t count;
	const char *const *operands = hb_arguments_operands(arguments, &count);
	struct hb_session session = {0};
	struct hb_error error = {0};
	struct hb_blocks_counts counts;
	char *folder;

	if (count > 1) {
		hb_log(HB_LOG_ERROR, "one results folder at a time");
		return HB_EXIT_USAGE;
	}
	if (hb_results_find(operands[0], &folder, &error)) {
		hb_log_error(&error);
		return HB_EXIT_USAGE;
	}
	int failed = hb_session_look(&session, folder, &error);

	free(folder);
	if (failed) {
		hb_log_error(&error);
		return hb_run_exit_code(failed);
	}
	hb_blocks_count(session.blocks, &counts);
	const char *state = state_name(&session, &counts);

	hb_blocks_count(session.blocks, &counts);
	if (hb_arguments_flag(arguments, "json"))
		(void)print_json(&session, &counts, state);
	else
		print_text(&session, &counts, state);
	hb_session_finish(&session);
	return HB_EXIT_DONE;
}

static const struct hb_example examples[] = {
	{"./hotbed status", "the newest run of ./results"},
	{"./hotbed status before --json", "a folder, for programs"},
	{0},
};

const struct hb_command hb_command_status = {
	.name = "status",
	.operands = "[RESULTS]",
	.summary = "Show how far a run is.",
	.description = "Reads the plan and the committed trials of RESULTS (the latest run without "
		       "it). Works "
		       "while the run goes on, and changes nothing.",
	.options = options,
	.examples = examples,
	.completion = "results",
	.run = run,
};
