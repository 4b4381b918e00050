/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands ctmc and fluid: the JSON that others rely on, and what they refuse. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>
#include <hotbed/json.h>
#include <hotbed/sanitizer.h>

#include "call.h"

static cJSON *json_of(const char *arguments)
{
	struct hb_error error = {0};
	cJSON *json = NULL;

	cr_assert_eq(call(arguments), 0, "%s: %s", arguments, out);
	cr_assert_eq(hb_json_parse(out, strlen(out), "answer", &json, &error), 0, "%s", error.text);
	return json;
}

static double number(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	cr_assert(cJSON_IsNumber(item), "%s is no number", key);
	return item->valuedouble;
}

static const char *word(const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

	cr_assert(text != NULL, "%s is no text", key);
	return text;
}

Test(levels, ctmc_has_the_members_that_others_read)
{
	cJSON *json = json_of("ctmc running-example.ms --json --from-state 150,100");
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "eigenvalues_per_s");
	const cJSON *law = cJSON_GetObjectItemCaseSensitive(json, "stationary");

	cr_assert_str_eq(word(json, "schema"), "metastable.ctmc/1");
	cr_assert_str_eq(word(json, "class"), "vulnerable");
	cr_assert_str_eq(word(json, "resolution"), "ok");
	cr_assert_eq(number(json, "states"), 151 * (number(json, "orbit_bound") + 1));
	cr_assert(number(json, "nonzeros") > 4 * number(json, "states"));
	cr_assert(number(json, "lost_mass") < 1e-12);
	cr_assert(number(json, "tau_recover_s") > 1e30 && number(json, "tau_collapse_s") > 1e15);
	cr_assert(fabs(number(law, "p_low") + number(law, "p_high") - 1) < 1e-6);
	cr_assert(fabs(number(law, "mean_queue") - 149.5) < 0.1);
	cr_assert(fabs(number(law, "mean_orbit") - 150) < 0.1);
	cr_assert_eq(cJSON_GetArraySize(list), 4);
	cr_assert_eq(cJSON_GetArraySize(cJSON_GetArrayItem(list, 0)), 2);
	cr_assert_eq(
		number(cJSON_GetObjectItemCaseSensitive(json, "from_state"), "p_high_first"), 1);
	cJSON_Delete(json);
}

Test(levels, ctmc_takes_overrides_and_the_horizon)
{
	cJSON *json = json_of("ctmc running-example.ms --json --set db.queue=35");

	cr_assert_str_eq(word(json, "class"), "stable");
	cJSON_Delete(json);
	json = json_of("ctmc running-example.ms --json --set db.queue=35 --horizon 5s");
	cr_assert_str_eq(word(json, "class"), "vulnerable");
	cJSON_Delete(json);
}

Test(levels, ctmc_refuses_with_the_number)
{
	cr_assert_eq(call("ctmc running-example.ms --set db.queue=1000000"), 1);
	cr_assert(strstr(out, "states") && strstr(out, "GiB"), "%s", out);
	cr_assert_eq(call("ctmc running-example.ms --from-state 150"), 2);
	cr_assert_eq(call("ctmc running-example.ms --server web"), 2);
	cr_assert_eq(call("ctmc running-example.ms --phases 9"), 2);
}

Test(levels, fluid_lists_fixed_points_with_kind_and_eigenvalues)
{
	static const char *const kinds[] = {"node", "saddle", "node"};
	cJSON *json = json_of("fluid running-example.ms --json --fold rho,retries");
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "fixed_points");

	cr_assert_str_eq(word(json, "schema"), "metastable.fluid/1");
	cr_assert_eq(cJSON_GetArraySize(list), 3);
	for (int i = 0; i < 3; i++) {
		const cJSON *point = cJSON_GetArrayItem(list, i);

		cr_assert_str_eq(word(point, "kind"), kinds[i]);
		cr_assert_eq(cJSON_GetArraySize(
				     cJSON_GetObjectItemCaseSensitive(point, "eigenvalues_per_s")),
			2);
	}
	list = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(list, 1), "coordinates");
	cr_assert(fabs(number(list, "orbit") - 30) < 1e-3 &&
		  fabs(number(list, "queue") - 51.13) < 0.05);
	cr_assert(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "fold")) >= 20);
	cJSON_Delete(json);
	cr_assert_eq(call("fluid running-example.ms --fold rho,queue"), 2);
	cr_assert_eq(call("fluid running-example.ms --fold rho,retries --branch rho"), 2);
}

/* Elimination and iteration say the same within the bounds that the latter prints. */
Test(levels, ctmc_solves_iteratively_with_bounds)
{
	static const char question[] = "ctmc running-example.ms --json --set db.queue=%d --set "
				       "c.timeout=1 --orbit-bound 40 --solver %s";
	int queue = HB_IS_SANITIZED ? 14 : 25;
	char arguments[200];
	const cJSON *bounds;
	cJSON *direct, *json;

	(void)snprintf(arguments, sizeof(arguments), question, queue, "direct");
	direct = json_of(arguments);
	(void)snprintf(arguments, sizeof(arguments), question, queue, "iterative");
	json = json_of(arguments);
	bounds = cJSON_GetObjectItemCaseSensitive(json, "error_bounds");
	cr_assert_str_eq(word(direct, "solver"), "direct");
	cr_assert_str_eq(word(json, "solver"), "iterative");
	cr_assert_str_eq(word(json, "resolution"), "ok");
	cr_assert(cJSON_GetObjectItemCaseSensitive(direct, "error_bounds") == NULL);
	cr_assert(number(bounds, "stationary") < 1e-6);
	cr_assert(fabs(number(json, "tau_recover_s") / number(direct, "tau_recover_s") - 1) <
		  number(bounds, "tau_recover") + 1e-6);
	cr_assert(fabs(number(json, "tau_collapse_s") / number(direct, "tau_collapse_s") - 1) <
		  number(bounds, "tau_collapse") + 1e-6);
	cJSON_Delete(direct);
	cJSON_Delete(json);
	cr_assert_eq(call("ctmc running-example.ms --solver lu"), 2);
}

Test(levels, ctmc_follows_the_triggers)
{
	static const char question[] =
		"ctmc running-example.ms --json --trigger --set db.queue=%d "
		"--set c.timeout=1 --set trigger.at=20s --set trigger.for=%d "
		"--horizon 60s";
	static const int queues[] = {HB_IS_SANITIZED ? 20 : 40, 8};

	for (int i = 0; i < 2; i++) {
		const cJSON *trigger;
		char arguments[200];
		cJSON *json;

		(void)snprintf(arguments, sizeof(arguments), question, queues[i], 20);
		json = json_of(arguments);
		trigger = cJSON_GetObjectItemCaseSensitive(json, "trigger");
		cr_assert(number(trigger, "error") < 1e-6);
		if (i == 0)
			cr_assert(number(trigger, "p_stuck") > 0.9);
		else
			cr_assert(number(trigger, "p_stuck") < 0.1);
		cJSON_Delete(json);
	}
}

/* The queue stands still where the orbit makes up for what is served: at 30, whatever the queue. */
Test(levels, chart_draws_the_field_with_its_lines)
{
	cJSON *json = json_of("chart running-example.ms --set db.queue=75");
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(json, "data"), "values");
	const cJSON *item;
	int arrows = 0, still = 0, edge = 0;

	cr_assert(strstr(word(json, "$schema"), "vega-lite") != NULL);
	cJSON_ArrayForEach(item, list)
	{
		const char *what = word(item, "what");

		arrows += strcmp(what, "arrow") == 0;
		edge += strcmp(what, "separatrix") == 0;
		if (strcmp(what, "queue stands still") == 0) {
			still++;
			cr_assert(fabs(number(item, "orbit") - 30) < 1e-6);
		}
	}
	cr_assert(arrows > 100 && still > 60 && edge > 10, "%d, %d, %d", arrows, still, edge);
	cJSON_Delete(json);
	cr_assert_eq(call("chart running-example.ms --kind pie"), 2);
	cr_assert_eq(call("chart running-example.ms --set c.retry=0"), 1);
}

/* Rows of a chart; ret_json is to be deleted. */
static const cJSON *rows_of(const char *arguments, cJSON **ret_json)
{
	*ret_json = json_of(arguments);
	cr_assert(word(*ret_json, "title")[0] && word(*ret_json, "description")[0]);
	return cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(*ret_json, "data"), "values");
}

/* While it is down nothing is answered, and the clients send six attempts for each of five requests per second. */
Test(levels, chart_draws_the_runs_over_time)
{
	cJSON *json;
	const cJSON *list = rows_of("chart running-example.ms --kind series --runs 6", &json);
	const cJSON *item;
	int down = 0, triggers = 0;

	cJSON_ArrayForEach(item, list)
	{
		if (strcmp(word(item, "what"), "trigger") == 0) {
			triggers++;
			cr_assert(number(item, "time_min") == 5 && number(item, "end_min") == 15);
			continue;
		}
		cr_assert(number(item, "lo") <= number(item, "mid") &&
			  number(item, "mid") <= number(item, "hi"));
		if (number(item, "time_min") < 20)
			continue;
		if (strcmp(word(item, "what"), "answered") == 0)
			down += number(item, "hi") == 0;
		if (strcmp(word(item, "what"), "attempts") == 0)
			cr_assert(fabs(number(item, "mid") - 30) < 15, "%g", number(item, "mid"));
	}
	cr_assert(down > 50, "%d", down);
	cr_assert_eq(triggers, 2);
	cJSON_Delete(json);
}

/* The high mode of a deep queue begins near a load of 1 / (1 + r), where it meets the saddle. */
Test(levels, chart_draws_the_branches_with_their_fold)
{
	cJSON *json;
	const cJSON *list = rows_of("chart running-example.ms --kind branches", &json), *item;
	double fold = 1;
	int unstable = 0;

	cJSON_ArrayForEach(item, list)
	{
		if (strcmp(word(item, "what"), "this model") == 0) {
			cr_assert(fabs(number(item, "at") - 0.5) < 1e-9);
			continue;
		}
		if (strcmp(word(item, "what"), "unstable") == 0) {
			unstable++;
			fold = fmin(fold, number(item, "at"));
		}
	}
	cr_assert(unstable > 10 && fabs(fold - 1.0 / 6) < 0.01, "%d, %g", unstable, fold);
	cJSON_Delete(json);
	cr_assert_eq(call("chart codel.ms --kind branches"), 1);
}

/* Cells are drawn from edge to edge, and the classes change where the lines are. */
Test(levels, chart_draws_regions_with_the_boundaries_of_levels)
{
	char folder[] = "/tmp/hotbed-chart-XXXXXX", path[64], line[256];
	int cells = 0, vulnerable = 0, simulated = 0;
	const cJSON *list, *item;
	cJSON *json;
	FILE *file;

	cr_assert_not_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/sweep.ms", folder);
	file = fopen(path, "w");
	cr_assert_not_null(file);
	(void)fprintf(file,
		"server db { threads 1; queue 150 fifo; service exp 10/s; on_full drop }\n"
		"client c -> db { rate poisson 5/s; timeout 2s; retry 5 immediate; cancel no }\n"
		"sweep { db.queue 12..36 step 12; c.rate 4, 6 }\n");
	cr_assert_eq(fclose(file), 0);
	(void)snprintf(line, sizeof(line), "chart %s --kind regions --runs 20", path);
	list = rows_of(line, &json);
	cJSON_ArrayForEach(item, list)
	{
		if (strcmp(word(item, "what"), "cell") == 0) {
			cells++;
			cr_assert(number(item, "x_end") - number(item, "x") == 12);
			cr_assert(number(item, "y_end") - number(item, "y") == 2);
			vulnerable += strcmp(word(item, "class"), "vulnerable") == 0;
		} else if (strcmp(word(item, "what"), "simulation") == 0) {
			simulated++;
			cr_assert(number(item, "x") == 18 || number(item, "x") == 30 ||
				  number(item, "y") == 5);
		}
	}
	cr_assert(cells == 6 && vulnerable >= 2 && simulated >= 2, "%d, %d, %d", cells, vulnerable,
		simulated);
	cJSON_Delete(json);
	(void)unlink(path);
	(void)rmdir(folder);
	cr_assert_eq(call("chart token-bucket.ms --kind regions"), 2);
}
