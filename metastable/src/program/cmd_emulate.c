/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metastable emulate: the model as real processes on loopback. */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <hotbed/error.h>
#include <hotbed/sim.h>

#include <metastable/emulation.h>

#include "command.h"
#include "counts_json.h"
#include "service_options.h"

static const struct option_row options[] = {
	{"runs", "N", "runs, one after the other (1)"},
	{"seed", "N", "of all random numbers (1)"},
	{"window", "TIME", "of the model over which goodput is compared with demand (50 requests)"},
	{"share", "P", "of the demand that the goodput must reach (0.9)"},
	{"early", NULL, "end each run when it has recovered"},
	SERVICE_OPTION_ROWS,
	{NULL, NULL, NULL},
};

struct total {
	uint32_t runs, stuck, voided;
	struct hb_tally recovery_s;
	double late_share_max, lateness_max_s;
};

static double late_share(const struct ms_emulation_result *result)
{
	uint64_t timers = result->client.timers + result->service.timers;
	uint64_t late = result->client.late + result->service.late;

	return timers ? (double)late / (double)timers : 0;
}

static void total_add(struct total *total, const struct ms_emulation_result *result)
{
	total->runs++;
	total->late_share_max = fmax(total->late_share_max, late_share(result));
	total->lateness_max_s =
		fmax(total->lateness_max_s, fmax(result->client.max_s, result->service.max_s));
	if (result->voided) {
		total->voided++;
		return;
	}
	total->stuck += result->run.stuck;
	if (!result->run.stuck)
		hb_tally_add(&total->recovery_s, result->run.recovery_s);
}

static void json_lateness(cJSON *object, const char *key, const struct ms_lateness *lateness)
{
	cJSON *item = cJSON_AddObjectToObject(object, key);

	json_number(item, "timers", (double)lateness->timers);
	json_number(item, "late", (double)lateness->late);
	json_number(item, "limit_s", lateness->limit_s);
	json_number(item, "mean_s", lateness->mean_s);
	json_number(item, "max_s", lateness->max_s);
}

static void json_run(
	cJSON *list, const struct ms_model *model, const struct ms_emulation_result *result)
{
	const struct ms_client_counts *client = &result->run.clients[0];
	const struct ms_server_counts *server = &result->run.servers[0];
	cJSON *item = cJSON_CreateObject();

	(void)cJSON_AddBoolToObject(item, "void", result->voided);
	(void)cJSON_AddBoolToObject(item, "stuck", result->run.stuck);
	json_number(item, "recovery_s", result->run.recovery_s);
	json_number(item, "end_s", result->run.end_s);
	json_number(item, "wall_s", result->wall_s);
	json_number(item, "requests", (double)client->requests);
	json_number(item, "successes", (double)client->successes);
	json_number(item, "failures", (double)client->failures);
	json_number(item, "open", (double)client->open);
	json_number(item, "attempts", (double)client->attempts);
	json_number(item, "timeouts", (double)client->timeouts);
	json_number(item, "rejections", (double)client->rejections);
	if (result->run.server_count) {
		json_number(item, "arrivals", (double)server->arrivals);
		json_number(item, "full", (double)server->full);
		json_number(item, "shed", (double)server->shed);
		json_number(item, "dropped", (double)server->dropped);
		json_number(item, "served", (double)server->served);
		json_number(item, "wasted", (double)server->wasted);
		json_lateness(item, "service_lateness", &result->service);
	}
	json_lateness(item, "client_lateness", &result->client);
	json_clients(item, model, result->run.clients);
	/* A service of the user's says nothing about itself. */
	if (result->run.server_count)
		json_servers(item, model, result->run.servers);
	(void)cJSON_AddItemToArray(list, item);
}

static void print_run(const struct ms_emulation_result *result)
{
	const struct ms_client_counts *client = &result->run.clients[0];

	if (result->run.stuck)
		(void)printf("%sstuck", result->voided ? "void: " : "");
	else
		(void)printf("%srecovered after %.1f s", result->voided ? "void: " : "",
			result->run.recovery_s);
	(void)printf("; %llu requests, %llu attempts, %llu successes; %.2f %% of the timers later "
		     "than %.2f ms, the worst %.2f ms; %.1f s\n",
		(unsigned long long)client->requests, (unsigned long long)client->attempts,
		(unsigned long long)client->successes, 100 * late_share(result),
		1e3 * result->client.limit_s,
		1e3 * fmax(result->client.max_s, result->service.max_s), result->wall_s);
	(void)fflush(stdout);
}

static int print_total_json(cJSON *json, const struct total *total, struct hb_error *reterr)
{
	struct hb_interval p;
	cJSON *list;

	json_number(json, "stuck", total->stuck);
	json_number(json, "voided", total->voided);
	list = cJSON_AddArrayToObject(json, "p_stuck");
	if (hb_stats_wilson_interval(total->stuck, total->runs - total->voided, 0.95, &p) == 0) {
		(void)cJSON_AddItemToArray(list, cJSON_CreateNumber(p.lo));
		(void)cJSON_AddItemToArray(list, cJSON_CreateNumber(p.estimate));
		(void)cJSON_AddItemToArray(list, cJSON_CreateNumber(p.hi));
	}
	json_number(
		json, "recovery_mean_s", total->recovery_s.count ? total->recovery_s.mean : NAN);
	json_number(json, "late_share_max", total->late_share_max);
	return json_print(json, reterr);
}

static void print_total(const struct total *total)
{
	struct hb_interval p;

	if (total->runs < 2)
		return;
	if (hb_stats_wilson_interval(total->stuck, total->runs - total->voided, 0.95, &p) < 0)
		(void)printf("all runs are void: the machine was too busy\n");
	else
		(void)printf("stuck: %u of %u runs, P = %.3f [%.3f, %.3f]; %u void\n", total->stuck,
			total->runs - total->voided, p.estimate, p.lo, p.hi, total->voided);
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	struct ms_emulation_options emulation = {0};
	struct total total = {0};
	uint64_t runs = 1;
	uint64_t seed = 1;
	struct ms_model model;
	cJSON *json = NULL;
	cJSON *list = NULL;
	int code = service_options_read(arguments, &emulation, reterr);

	if (code == 0)
		code = option_u64(arguments, "runs", 1, 10000, &runs, reterr);
	if (code == 0)
		code = option_u64(arguments, "seed", 0, UINT64_MAX, &seed, reterr);
	if (code == 0)
		code = model_of(arguments, &model, reterr);
	if (code < 0)
		return code;
	emulation.run.stop_at_recovery = option_value(arguments, "early");
	if (arguments->json) {
		json = cJSON_CreateObject();
		(void)cJSON_AddStringToObject(json, "schema", "metastable.emulate/1");
		json_number(json, "horizon_s", model.horizon_s);
		json_number(json, "seed", (double)seed);
		list = cJSON_AddArrayToObject(json, "runs");
	}
	for (uint64_t i = 0; i < runs; i++) {
		struct ms_emulation_result result;

		code = ms_emulation_run(&model, &emulation, seed, i, NULL, &result, reterr);
		if (code < 0) {
			cJSON_Delete(json);
			return code;
		}
		total_add(&total, &result);
		if (json)
			json_run(list, &model, &result);
		else
			print_run(&result);
	}
	if (json) {
		code = print_total_json(json, &total, reterr);
		return code ? code : total.voided == total.runs ? EXIT_CANNOT_RUN : 0;
	}
	print_total(&total);
	return total.voided == total.runs ? EXIT_CANNOT_RUN : 0;
}

const struct command command_emulate = {
	.name = "emulate",
	.operands = "FILE.ms",
	.operands_min = 1,
	.operands_max = 1,
	.help = "run the model as real processes on loopback",
	.options = options,
	.run = run,
};
