/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See counts_json.h. */
#include "counts_json.h"

#include "command.h"

void json_clients(cJSON *object, const struct ms_model *model, const struct ms_client_counts *all)
{
	cJSON *list = cJSON_AddArrayToObject(object, "clients");

	for (uint32_t i = 0; list && i < model->client_count; i++) {
		const struct ms_client_counts *counts = &all[i];
		cJSON *item = cJSON_CreateObject();

		(void)cJSON_AddStringToObject(item, "name", model->clients[i].name);
		json_number(item, "requests", (double)counts->requests);
		json_number(item, "successes", (double)counts->successes);
		json_number(item, "failures", (double)counts->failures);
		json_number(item, "cancelled", (double)counts->cancelled);
		json_number(item, "open", (double)counts->open);
		json_number(item, "attempts", (double)counts->attempts);
		json_number(item, "retries", (double)counts->retries);
		json_number(item, "timeouts", (double)counts->timeouts);
		json_number(item, "rejections", (double)counts->rejections);
		json_number(item, "hits", (double)counts->hits);
		json_number(item, "refused_bucket", (double)counts->refused_bucket);
		json_number(item, "refused_budget", (double)counts->refused_budget);
		json_number(item, "refused_breaker", (double)counts->refused_breaker);
		json_number(item, "refused_deadline", (double)counts->refused_deadline);
		json_number(
			item, "mean_latency_s", counts->latency_sum_s / (double)counts->successes);
		(void)cJSON_AddItemToArray(list, item);
	}
}

void json_servers(cJSON *object, const struct ms_model *model, const struct ms_server_counts *all)
{
	cJSON *list = cJSON_AddArrayToObject(object, "servers");

	for (uint32_t i = 0; list && i < model->server_count; i++) {
		const struct ms_server_counts *counts = &all[i];
		cJSON *item = cJSON_CreateObject();

		(void)cJSON_AddStringToObject(item, "name", model->servers[i].name);
		json_number(item, "arrivals", (double)counts->arrivals);
		json_number(item, "full", (double)counts->full);
		json_number(item, "shed", (double)counts->shed);
		json_number(item, "dropped", (double)counts->dropped);
		json_number(item, "served", (double)counts->served);
		json_number(item, "wasted", (double)counts->wasted);
		json_number(item, "failed", (double)counts->failed);
		json_number(item, "cancelled", (double)counts->cancelled);
		json_number(item, "job_s", counts->job_s);
		json_number(item, "busy_s", counts->busy_s);
		(void)cJSON_AddItemToArray(list, item);
	}
}
