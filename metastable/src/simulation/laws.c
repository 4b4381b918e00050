/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The books of a finished run. See ms_laws_check() in metastable/simulation.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include <hotbed/error.h>

#include <metastable/simulation.h>

#define LITTLE_TOLERANCE 1e-9

static int equal(
	const char *what, const char *name, uint64_t left, uint64_t right, struct hb_error *reterr)
{
	if (left == right)
		return 0;
	return hb_error_set(reterr, -ENOTRECOVERABLE,
		"simulation: %s of %s do not add up: %" PRIu64 " against %" PRIu64
		"; this is a fault of the program, please report it with the model and the seed",
		what, name, left, right);
}

static int client_check(const struct ms_client *client, const struct ms_client_counts *counts,
	struct hb_error *reterr)
{
	double attempts_max = (double)counts->requests * (1.0 + client->retries);
	int result = equal("requests", client->name, counts->requests,
		counts->successes + counts->failures + counts->cancelled + counts->open, reterr);

	if (result == 0)
		result = equal("attempts", client->name, counts->attempts,
			counts->answers + counts->timeouts + counts->rejections +
				counts->attempts_cancelled + counts->attempts_open,
			reterr);
	if (result == 0 && counts->successes > counts->answers + counts->hits)
		result = equal("successes", client->name, counts->successes,
			counts->answers + counts->hits, reterr);
	if (result == 0 && (double)counts->attempts > attempts_max)
		result = hb_error_set(reterr, -ENOTRECOVERABLE,
			"simulation: %" PRIu64 " attempts of %s are more than 1 + %u per request; "
			"this is a fault of the program, please report it with the model and the "
			"seed",
			counts->attempts, client->name, client->retries);
	return result;
}

static int server_check(const struct ms_server *server, const struct ms_server_counts *counts,
	uint64_t sent, struct hb_error *reterr)
{
	uint64_t refused = counts->full + counts->shed;
	int result = equal("arrivals", server->name, counts->arrivals, sent, reterr);

	if (result == 0)
		result = equal("jobs", server->name, counts->arrivals,
			refused + counts->dropped + counts->served + counts->failed +
				counts->cancelled + counts->in_server,
			reterr);
	if (result == 0 && counts->in_service > server->threads)
		result = equal("jobs in service", server->name, counts->in_service, server->threads,
			reterr);
	if (result == 0 && server->queue_capacity && counts->peak > server->queue_capacity)
		result = equal(
			"most jobs", server->name, counts->peak, server->queue_capacity, reterr);
	if (result == 0 && !(fabs(counts->job_s - counts->sojourn_s) <=
				   LITTLE_TOLERANCE * fmax(1, counts->job_s)))
		result = hb_error_set(reterr, -ENOTRECOVERABLE,
			"simulation: Little's law fails for %s: %.17g job-s in the server, %.17g "
			"job-s of its jobs; this is a fault of the program, please report it with "
			"the model and the seed",
			server->name, counts->job_s, counts->sojourn_s);
	return result;
}

int ms_laws_check(
	const struct ms_model *model, const struct ms_run_result *result, struct hb_error *reterr)
{
	uint64_t sent[MS_SERVERS_MAX] = {0};
	int code = 0;

	for (uint32_t i = 0; i < model->client_count && code == 0; i++) {
		sent[model->clients[i].to_server] += result->clients[i].attempts;
		code = client_check(&model->clients[i], &result->clients[i], reterr);
	}
	for (uint32_t i = 0; i < model->server_count && code == 0; i++)
		code = server_check(&model->servers[i], &result->servers[i], sent[i], reterr);
	return code;
}
