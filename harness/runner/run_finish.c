/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run_finish.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/json.h>
#include <hotbed/log.h>

#include "analysis.h"
#include "execute.h"
#include "gate.h"
#include "label.h"
#include "progress.h"
#include "report.h"
#include "run_options.h"

/* With more experiments than this the command for the other claims is `run --all`. */
#define NAMES_MAX 3

struct outcome {
	enum hb_execute_end end;
	struct hb_blocks_counts counts;
	enum hb_exit code;
	int64_t wall_ms;
	bool has_report, driver_changed, gate_failed;
	const char *gate; /* NULL = none */
};

static const char *end_name(enum hb_execute_end end)
{
	static const char *const names[] = {[HB_EXECUTE_DONE] = "done",
		[HB_EXECUTE_TIME] = "time",
		[HB_EXECUTE_INTERRUPTED] = "interrupted",
		[HB_EXECUTE_FAULT] = "fault"};

	return names[end];
}

static void print_point(const char *what, const struct hb_plan_experiment *experiment,
	const struct hb_plan_point *point, const char *why)
{
	struct hb_text label = {0};

	hb_label_point(experiment, point->params, HB_LABEL_PLAIN, NULL, NULL, &label);
	printf("%-8s  %s/%s%s%s: %s\n", what, experiment->subproject, experiment->experiment,
		label.length_bytes ? " " : "", label.length_bytes ? label.bytes : "", why);
	hb_text_finish(&label);
}

static void print_points(const struct hb_session *s)
{
	for (uint32_t e = 0; e < s->plan.experiment_count; e++) {
		const struct hb_plan_experiment *experiment = &s->plan.experiments[e];

		for (uint32_t p = 0; p < experiment->point_count; p++) {
			const struct hb_plan_point *point = &experiment->points[p];
			char why[160];
			uint32_t arm;

			if (*point->skip)
				print_point("skipped", experiment, point, point->skip);
			if (!hb_blocks_stopped(s->blocks, e, p, &arm))
				continue;
			bool control = arm == experiment->variant_count;

			(void)snprintf(why, sizeof(why), "%.100s%s failed %d times",
				experiment->variants[control ? experiment->baseline : arm].name,
				control ? " (control)" : "", HB_BLOCKS_FAILURES_MAX);
			print_point("given up", experiment, point, why);
		}
	}
}

/* Claims of the plan's points are judged; for the others one line says how to get them. */
static void print_claims(const struct hb_summary *summary)
{
	struct hb_text text = {0}, names = {0};
	size_t others = 0, experiments = 0;
	uint32_t last = UINT32_MAX;

	for (size_t i = 0; i < summary->claim_count; i++) {
		const struct hb_claim_result *r = &summary->claims[i];
		const struct hb_plan_experiment *e = &summary->plan->experiments[r->experiment];

		if (!r->unplanned) {
			hb_claim_put_result(&text, summary->plan, r, false);
			continue;
		}
		others++;
		if (r->experiment == last)
			continue;
		last = r->experiment;
		experiments++;
		hb_text_format(&names, " %s/%s", e->subproject, e->experiment);
	}
	if (others)
		hb_text_format(&text, "%zu other claim%s other points: ./hotbed run%s\n", others,
			others == 1 ? " needs" : "s need",
			experiments > NAMES_MAX ? " --all" : names.bytes);
	if (!text.failed && !names.failed && text.length_bytes)
		(void)fputs(text.bytes, stdout);
	hb_text_finish(&text);
	hb_text_finish(&names);
}

static void print_verdicts(const struct hb_summary *summary)
{
	size_t counts[HB_VERDICT_COUNT] = {0};
	const char *comma = "";

	for (size_t i = 0; i < summary->comparison_count; i++)
		counts[summary->comparisons[i].verdict]++;
	printf("%zu comparisons with the baseline or the best rival: ", summary->comparison_count);
	for (int v = 0; v < HB_VERDICT_COUNT; v++) {
		if (counts[v] == 0)
			continue;
		printf("%s%zu %s", comma, counts[v], hb_verdict_names[v]);
		comma = ", ";
	}
	putchar('\n');
}

/* The gate's verdict as gate.md in the run's folder, and on standard output. */
static int judge_gate(const struct hb_session *s, const struct hb_summary *summary, bool print,
	struct outcome *o, struct hb_error *reterr)
{
	struct hb_gate gate;
	struct hb_text text = {0};
	char *path = NULL;
	int r = hb_gate_judge(summary, &gate);

	if (!r)
		r = hb_gate_put_markdown(summary, &gate, &text);
	if (r || asprintf(&path, "%s/gate.md", s->folder) < 0)
		r = hb_error_set(reterr, -ENOMEM, "not enough memory for the gate");
	else
		r = hb_json_write_bytes_file(path, text.bytes, text.length_bytes, reterr);
	if (!r) {
		o->gate_failed = !hb_gate_passes(&gate);
		o->gate = o->gate_failed ? "failed" : "passed";
		if (print)
			(void)fputs(text.bytes, stdout);
	}
	free(path);
	hb_text_finish(&text);
	return r;
}

/* Summary and report; what fails here leaves the trials as they are, and can be made again with `hotbed report`. */
static bool write_report(
	const struct hb_session *s, const struct hb_run_limits *limits, struct outcome *o)
{
	struct hb_analysis analysis = {0};
	struct hb_error error = {0};
	int failed = hb_analysis_open(s->folder, &analysis, &error);

	if (!failed)
		failed = hb_report_write_analysis(&analysis, NULL, &error);
	if (!failed && limits->gate)
		failed = judge_gate(s, &analysis.summary, !limits->json, o, &error);
	if (failed)
		hb_log_error(&error);
	if (!failed && !limits->gate && !limits->json && s->plan.verdicts) {
		print_claims(&analysis.summary);
		print_verdicts(&analysis.summary);
	}
	hb_analysis_finish(&analysis);
	return !failed;
}

static void print_outcome(const struct hb_session *s, const struct outcome *o)
{
	const struct hb_blocks_counts *c = &o->counts;
	char time[32];

	print_points(s);
	printf("%llu of %llu trials in %s", (unsigned long long)c->trials_done,
		(unsigned long long)c->trials_planned, hb_progress_duration(o->wall_ms, time));
	if (c->failed > 0)
		printf(", %llu failed", (unsigned long long)c->failed);
	if (c->skipped > 0)
		printf(", %llu skipped", (unsigned long long)c->skipped);
	if (c->reruns > 0)
		printf(", %llu re-run%s of a block for steal time", (unsigned long long)c->reruns,
			c->reruns == 1 ? "" : "s");
	if (c->blocks_noisy > 0)
		printf(", %llu block%s noisy in every attempt", (unsigned long long)c->blocks_noisy,
			c->blocks_noisy == 1 ? "" : "s");
	if (c->points_decided > 0)
		printf(", %llu point%s decided early", (unsigned long long)c->points_decided,
			c->points_decided == 1 ? "" : "s");
	printf("\nresults: %s\n", s->folder);
	if (o->has_report)
		printf("report:  %s/report.html\n", s->folder);
	if (!s->plan.verdicts)
		printf("%s, no verdict: %s\n",
			!strcmp(s->plan.mode, "quick") ? "smoke" : "fewer than 6 blocks",
			!strcmp(s->plan.mode, "quick")
				? "two blocks show that everything works, not how fast it is"
				: "they give no 95 % interval");
	if (o->end != HB_EXECUTE_DONE)
		printf("%s; go on with: ./hotbed resume %s\n",
			o->end == HB_EXECUTE_TIME ? "stopped, the time is over" : "stopped",
			s->folder);
}

static int add_points(const struct hb_session *s, cJSON *json)
{
	cJSON *skipped = cJSON_AddArrayToObject(json, "points_skipped");
	cJSON *stopped = cJSON_AddArrayToObject(json, "points_stopped");

	if (!skipped || !stopped)
		return -ENOMEM;
	for (uint32_t e = 0; e < s->plan.experiment_count; e++) {
		const struct hb_plan_experiment *experiment = &s->plan.experiments[e];

		for (uint32_t p = 0; p < experiment->point_count; p++) {
			bool skip = *experiment->points[p].skip;
			cJSON *item;

			if (!skip && !hb_blocks_stopped(s->blocks, e, p, NULL))
				continue;
			item = cJSON_CreateObject();
			if (!item || !cJSON_AddItemToArray(skip ? skipped : stopped, item) ||
				hb_json_add_text(item, "subproject", experiment->subproject) ||
				hb_json_add_text(item, "experiment", experiment->experiment) ||
				hb_json_add_text(item, "params", experiment->points[p].params))
				return -ENOMEM;
		}
	}
	return 0;
}

static int print_json(const struct hb_session *s, const struct outcome *o)
{
	const struct hb_blocks_counts *c = &o->counts;
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{"trials_planned", c->trials_planned},
		{"trials_done", c->trials_done},
		{"trials_committed", c->trials_committed},
		{"failed", c->failed},
		{"skipped", c->skipped},
		{"interrupted", c->interrupted},
		{"blocks_rerun", c->reruns},
		{"blocks_noisy", c->blocks_noisy},
		{"points_decided", c->points_decided},
	};
	cJSON *json = cJSON_CreateObject();
	int error = !json || hb_json_add_text(json, "schema", "hotbed.run/1") ||
				    hb_json_add_text(json, "run_id", s->plan.run_id) ||
				    hb_json_add_text(json, "folder", s->folder) ||
				    hb_json_add_text(json, "mode", s->plan.mode) ||
				    hb_json_add_bool(json, "verdicts", s->plan.verdicts) ||
				    hb_json_add_text(json, "end", end_name(o->end)) ||
				    hb_json_add_u64(json, "seed", s->plan.seed) ||
				    !cJSON_AddNumberToObject(json, "exit_code", o->code)
			    ? -ENOMEM
			    : 0;

	for (size_t i = 0; !error && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!cJSON_AddNumberToObject(json, numbers[i].key, (double)numbers[i].value))
			error = -ENOMEM;
	if (!error && o->gate)
		error = hb_json_add_text(json, "gate", o->gate);
	if (!error)
		error = add_points(s, json);
	char *text = error ? NULL : cJSON_PrintUnformatted(json);

	if (text)
		puts(text);
	free(text);
	cJSON_Delete(json);
	return text ? 0 : -ENOMEM;
}

static enum hb_exit exit_code(const struct outcome *o)
{
	enum hb_exit code = HB_EXIT_DONE;

	if (o->driver_changed)
		code = hb_exit_worst(code, HB_EXIT_LOCKED);
	if ((o->end == HB_EXECUTE_FAULT && !o->driver_changed) || !o->has_report)
		code = hb_exit_worst(code, HB_EXIT_FAULT);
	if (o->end == HB_EXECUTE_INTERRUPTED)
		code = hb_exit_worst(code, HB_EXIT_INTERRUPTED);
	if (o->counts.failed > 0)
		code = hb_exit_worst(code, HB_EXIT_TRIAL);
	if (o->gate_failed)
		code = hb_exit_worst(code, HB_EXIT_GATE);
	/* Not one trial could run here: the variants' probes said no, or no point fits into memory. */
	if (code == HB_EXIT_DONE && o->end == HB_EXECUTE_DONE &&
		o->counts.trials_committed == o->counts.skipped)
		code = HB_EXIT_NOTHING;
	return code;
}

enum hb_exit hb_run_session(struct hb_session *session, const struct hb_run_limits *limits)
{
	struct hb_progress progress;
	struct hb_error error = {0};
	struct outcome outcome = {0};
	int64_t start_ns = hb_clock_now_ns();
	struct hb_execute execute = {
		.plan = &session->plan,
		.env = &session->env,
		.journal = session->journal,
		.blocks = session->blocks,
		.progress = &progress,
		.next_seq = session->next_seq,
		.max_time_ns = limits->max_time_ns,
		.jobs = limits->jobs,
	};

	hb_progress_init(&progress, &session->plan, limits->quiet || limits->json);
	int failed = limits->slurm ? hb_slurm_run(session, limits->slurm, &progress,
					     limits->max_time_ns, &outcome.end, &error)
				   : hb_execute_run(&execute, &outcome.end, &error);

	if (failed)
		hb_log_error(&error);
	outcome.driver_changed = failed == -ESTALE;
	outcome.wall_ms = (hb_clock_now_ns() - start_ns) / 1000000;
	hb_blocks_count(session->blocks, &outcome.counts);
	/* A disk that just refused a row would refuse the report too. */
	if (outcome.end != HB_EXECUTE_FAULT || outcome.driver_changed)
		outcome.has_report = write_report(session, limits, &outcome);
	outcome.code = exit_code(&outcome);
	if (limits->json)
		(void)print_json(session, &outcome);
	else if (!limits->quiet)
		print_outcome(session, &outcome);
	return outcome.code;
}
