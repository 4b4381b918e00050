/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed plan: show what `run` with the same options would do. */
#include "command.h"

#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/log.h>

#include "label.h"
#include "plan.h"
#include "progress.h"
#include "run_options.h"

static const struct hb_option options[] = {
	HB_RUN_PLAN_OPTIONS,
	{0},
};

static void print_experiment(const struct hb_plan_experiment *e)
{
	size_t skipped = 0;

	for (size_t p = 0; p < e->point_count; p++)
		skipped += *e->points[p].skip != '\0';
	printf("%s/%s: %zu point%s x %u block%s x", e->subproject, e->experiment,
		e->point_count - skipped, e->point_count - skipped == 1 ? "" : "s", e->blocks,
		e->blocks == 1 ? "" : "s");
	for (size_t v = 0; v < e->variant_count; v++)
		printf(" %s%s", e->variants[v].name, v == e->baseline ? "*" : "");
	printf(" +control%s%s\n", e->until_ci ? ", until decided" : "",
		e->quiet ? ", side by side" : "");
	for (size_t p = 0; p < e->point_count; p++) {
		struct hb_text label = {0};

		hb_label_point(e, e->points[p].params, HB_LABEL_PLAIN, NULL, NULL, &label);
		printf("  %s%s%s\n", label.length_bytes ? label.bytes : "(one point)",
			*e->points[p].skip ? "  skipped: " : "", e->points[p].skip);
		hb_text_finish(&label);
	}
}

static enum hb_exit print_plan(const struct hb_run_plan *made)
{
	struct hb_plan plan;
	struct hb_error error = {0};
	char time[32];

	if (hb_plan_parse(made->text.text, made->text.length_bytes, "plan", &plan, &error)) {
		hb_log_error(&error);
		return HB_EXIT_FAULT;
	}
	for (size_t e = 0; e < plan.experiment_count; e++)
		print_experiment(&plan.experiments[e]);
	printf("%llu trials, about %s, seed %llu%s\n", (unsigned long long)made->text.trial_count,
		hb_progress_duration((int64_t)made->text.estimate_ms, time),
		(unsigned long long)plan.seed, plan.verdicts ? "" : "; no verdicts");
	hb_plan_finish(&plan);
	return HB_EXIT_DONE;
}

static int run(const struct hb_arguments *arguments)
{
	struct hb_run_plan plan;
	enum hb_exit code = hb_run_plan_make(arguments, &plan);

	if (!code && hb_arguments_flag(arguments, "json"))
		(void)fwrite(plan.text.text, 1, plan.text.length_bytes, stdout);
	else if (!code)
		code = print_plan(&plan);
	hb_run_plan_finish(&plan);
	return code;
}

static const struct hb_example examples[] = {
	{"./hotbed plan", "what './hotbed run' would measure"},
	{"./hotbed plan spork --full", "the large sweeps of one subproject"},
	{0},
};

const struct hb_command hb_command_plan = {
	.name = "plan",
	.operands = "[SUB[/EXPERIMENT]...]",
	.summary = "Show what 'run' would do.",
	.description = "Takes the options of 'hotbed run', makes the same plan and runs nothing. "
		       "With --json "
		       "it prints the content of plan.json.",
	.options = options,
	.examples = examples,
	.completion = "experiments",
	.run = run,
};
