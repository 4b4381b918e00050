/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sim, emulate and tip as a user calls them: members of their JSON, and what they say to bad questions. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/json.h>

#include "call.h"

static cJSON *json_of(const char *arguments)
{
	cJSON *json = NULL;
	int code = call(arguments);

	cr_assert_eq(code, 0, "%s: exit code %d: %s", arguments, code, out);
	cr_assert_eq(hb_json_parse(out, strlen(out), "output", &json, NULL), 0, "%s", out);
	return json;
}

static double number(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	cr_assert(cJSON_IsNumber(item), "%s is no number", key);
	return item->valuedouble;
}

static double element(const cJSON *object, const char *key, int index)
{
	const cJSON *item =
		cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(object, key), index);

	cr_assert(cJSON_IsNumber(item), "%s[%d] is no number", key, index);
	return item->valuedouble;
}

static void refuses(const char *arguments, int code, const char *needle)
{
	int got = call(arguments);

	cr_assert_eq(got, code, "%s: exit code %d: %s", arguments, got, out);
	cr_assert(strstr(out, needle), "%s: `%s` is not in: %s", arguments, needle, out);
}

Test(sim, answer_has_the_documented_members)
{
	cJSON *json = json_of("sim running-example.ms --runs 20 --seed 1 --json --set db.queue=35");
	const cJSON *recovery = cJSON_GetObjectItemCaseSensitive(json, "recovery_s");

	cr_assert_str_eq(hb_json_text_or(json, "schema", ""), "metastable.sim/1");
	cr_assert_eq(number(json, "runs"), 20);
	cr_assert_eq(number(json, "stuck"), 0);
	cr_assert_eq(element(json, "p_stuck", 0), 0);
	cr_assert_eq(element(json, "p_stuck", 1), 0);
	cr_assert_float_eq(element(json, "p_stuck", 2), 0.161, 0.001); /* Wilson, 0 of 20 */
	cr_assert_eq(number(recovery, "runs"), 20);
	cr_assert(number(recovery, "lo") <= number(recovery, "mean"));
	cr_assert(number(recovery, "mean") <= number(recovery, "hi"));
	cr_assert(number(json, "events") > 1e6);
	cJSON_Delete(json);
}

Test(sim, same_seed_gives_the_same_bytes_on_any_number_of_threads_and_either_engine)
{
	static char first[TEXT_BYTES];
	char *engine;

	cr_assert_eq(call("sim running-example.ms --runs 6 --json --threads 1"), 0);
	(void)snprintf(first, sizeof(first), "%s", out);
	cr_assert_eq(call("sim running-example.ms --runs 6 --json --threads 2"), 0);
	cr_assert_str_eq(out, first);
	cr_assert_eq(call("sim running-example.ms --runs 6 --json --shared-engine"), 0);
	engine = strstr(first, "specialised");
	cr_assert(engine);
	cr_assert_eq(strncmp(out, first, (size_t)(engine - first)), 0);
	cr_assert(strstr(out, "\"engine\":\"shared\""));
}

Test(sim, series_has_a_number_per_bin)
{
	cJSON *json = json_of("sim running-example.ms --runs 4 --series --json --horizon 60s");
	const cJSON *series = cJSON_GetObjectItemCaseSensitive(json, "series");
	const cJSON *goodput = cJSON_GetObjectItemCaseSensitive(series, "goodput_per_s");

	cr_assert_eq(number(series, "bin_s"), 1);
	cr_assert_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(goodput, "p50")), 960);
	cJSON_Delete(json);
}

Test(sim, rare_collapse_is_estimated_by_splitting)
{
	cJSON *json = json_of("sim running-example.ms --splitting --effort 50 --repetitions 5 "
			      "--set db.queue=20 --json");

	cr_assert_str_eq(hb_json_text_or(json, "schema", ""), "metastable.splitting/1");
	cr_assert(element(json, "p_collapse", 1) > 0);
	cr_assert(element(json, "p_collapse", 1) < 0.1);
	cr_assert_eq(number(json, "target_jobs"), 18);
	cr_assert_eq(number(json, "span_s"), 200);
	cJSON_Delete(json);
}

Test(sim, bad_questions_are_refused)
{
	refuses("sim running-example.ms --runs 0", 2, "--runs");
	refuses("sim running-example.ms --level 2", 2, "--level");
	refuses("sim running-example.ms --window 1us", 2, "bins");
	refuses("sim running-example.ms --splitting --target 151", 2, "out of range");
}

Test(emulate, answer_has_the_documented_members)
{
	cJSON *json = NULL;
	const cJSON *run;
	int code = call("emulate running-example.ms --json --horizon 20s --set trigger.at=1s "
			"--set trigger.for=2s");

	/* 77: a busy machine, all runs are void. The answer is there all the same. */
	cr_assert(code == 0 || code == 77, "exit code %d: %s", code, out);
	cr_assert_eq(hb_json_parse(out, strlen(out), "output", &json, NULL), 0, "%s", out);
	cr_assert_str_eq(hb_json_text_or(json, "schema", ""), "metastable.emulate/1");
	run = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "runs"), 0);
	cr_assert(number(run, "requests") > 50);
	cr_assert(number(run, "attempts") >= number(run, "requests"));
	cr_assert_eq(number(cJSON_GetObjectItemCaseSensitive(run, "client_lateness"), "limit_s"),
		0.0025);
	cJSON_Delete(json);
}

/* Every client, call and server, by its name; what a call attempts is what its server gets. */
Test(emulate, answer_has_all_clients_and_servers)
{
	static const char *const clients[] = {"user", "ask-middle", "ask-back"};
	static const char *const servers[] = {"front", "middle", "back"};
	const cJSON *run, *list[2];
	cJSON *json = NULL;
	int code = call("emulate nested-retries.ms --json --horizon 5s --set trigger.at=1s "
			"--set trigger.for=1s");

	cr_assert(code == 0 || code == 77, "exit code %d: %s", code, out);
	cr_assert_eq(hb_json_parse(out, strlen(out), "output", &json, NULL), 0, "%s", out);
	run = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "runs"), 0);
	list[0] = cJSON_GetObjectItemCaseSensitive(run, "clients");
	list[1] = cJSON_GetObjectItemCaseSensitive(run, "servers");
	cr_assert_eq(cJSON_GetArraySize(list[0]), 3);
	cr_assert_eq(cJSON_GetArraySize(list[1]), 3);
	for (int i = 0; i < 3; i++) {
		const cJSON *client = cJSON_GetArrayItem(list[0], i);
		const cJSON *server = cJSON_GetArrayItem(list[1], i);

		cr_assert_str_eq(hb_json_text_or(client, "name", ""), clients[i]);
		cr_assert_str_eq(hb_json_text_or(server, "name", ""), servers[i]);
		cr_assert(number(server, "arrivals") > 10);
		cr_assert(number(server, "arrivals") <= number(client, "attempts"));
	}
	cJSON_Delete(json);
}

Test(emulate, what_it_cannot_do_is_refused)
{
	refuses("emulate nested-retries.ms --url http://127.0.0.1:1/ --horizon 1s", 2, "3 servers");
	refuses("emulate running-example.ms --url http://192.0.2.1/ --horizon 1s", 2, "loopback");
	refuses("emulate running-example.ms --compression 0.1", 2, "compress more");
}

Test(tip, prediction_has_the_documented_members)
{
	cJSON *json = json_of("tip running-example.ms --predict --simulations 50 --json "
			      "--set trigger.value=60/s");
	const cJSON *harmless = cJSON_GetObjectItemCaseSensitive(json, "harmless");
	const cJSON *tipping = cJSON_GetObjectItemCaseSensitive(json, "tipping");

	cr_assert_str_eq(hb_json_text_or(json, "schema", ""), "metastable.tip/1");
	cr_assert_float_eq(
		number(tipping, "duration_s") / number(harmless, "duration_s"), 1.25, 1e-6);
	cr_assert(element(tipping, "predicted", 1) > element(harmless, "predicted", 1));
	cr_assert(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(json, "disjoint")));
	cJSON_Delete(json);
}

Test(tip, service_without_a_bad_mode_cannot_be_tipped)
{
	refuses("tip running-example.ms --predict --simulations 20 --set c.retry=0", 1,
		"strengthen the trigger");
	refuses("tip latency-collapse.ms --predict --ratio 3", 2, "--ratio");
}
