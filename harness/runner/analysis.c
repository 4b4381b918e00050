/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "analysis.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/error.h"
#include "hotbed/json.h"
#include "command.h"

char *hb_analysis_path(const struct hb_analysis *analysis, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", analysis->dir, name) < 0 ? NULL : path;
}

/*
 * Every point stands in the plan's arrays already: as JSON, 12,500 of them take 8 MiB more. What is freed in between
 * other things goes back to the system only on demand.
 */
static void drop_json_points(struct hb_plan *plan)
{
	cJSON *experiment;

	cJSON_ArrayForEach(experiment, cJSON_GetObjectItemCaseSensitive(plan->json, "experiments"))
		cJSON_DeleteItemFromObjectCaseSensitive(experiment, "points");
	(void)malloc_trim(0);
}

static int load(struct hb_analysis *analysis, struct hb_error *reterr)
{
	char *plan = hb_analysis_path(analysis, "plan.json");
	char *trials = hb_analysis_path(analysis, "trials.csv");
	char *env = hb_analysis_path(analysis, "env.json");
	int r = plan && trials && env ? 0 : hb_error_set(reterr, -ENOMEM, "out of memory");

	if (!r)
		r = hb_plan_load(plan, &analysis->plan, reterr);
	if (r == -ENOENT)
		(void)hb_error_set_at(reterr, r, plan, 0,
			"not found, so this is no run's folder; give one that `hotbed run` made");
	if (!r) {
		drop_json_points(&analysis->plan);
		r = hb_trials_load(trials, &analysis->plan, &analysis->trials, reterr);
	}
	if (r == -ENOENT && analysis->plan.json)
		(void)hb_error_set_at(reterr, r, trials, 0,
			"not found: the run has a plan but no trial yet; `hotbed resume` runs it");
	/* The report can do without the description of the machine. */
	if (!r && hb_json_read_file(env, 0, &analysis->env, NULL))
		analysis->env = NULL;
	free(plan);
	free(trials);
	free(env);
	return r;
}

int hb_analysis_open(const char *dir, struct hb_analysis *ret, struct hb_error *reterr)
{
	int r = 0;

	*ret = (struct hb_analysis){.dir = strdup(dir)};
	if (!ret->dir)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	r = load(ret, reterr);
	if (!r)
		r = hb_summary_compute(&ret->trials, &ret->summary, reterr);
	if (r)
		hb_analysis_finish(ret);
	return r;
}

int hb_analysis_find(
	const char *operand, struct hb_analysis *ret, int *ret_exit, struct hb_error *reterr)
{
	char *path = NULL;
	int r = hb_results_find(operand, &path, reterr);

	*ret_exit = r == -ENOENT || r == -EINVAL ? HB_EXIT_USAGE : HB_EXIT_FAULT;
	if (r)
		return r;
	r = hb_analysis_open(path, ret, reterr);
	*ret_exit = r == -ENOENT ? HB_EXIT_USAGE : HB_EXIT_FAULT;
	free(path);
	return r;
}

void hb_analysis_finish(struct hb_analysis *analysis)
{
	hb_summary_finish(&analysis->summary);
	if (analysis->trials.plan)
		hb_trials_finish(&analysis->trials);
	if (analysis->plan.json)
		hb_plan_finish(&analysis->plan);
	cJSON_Delete(analysis->env);
	free(analysis->dir);
	*analysis = (struct hb_analysis){0};
}
