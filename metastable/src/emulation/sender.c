/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See sender.h. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "simulation/draw.h"
#include "sender.h"

#define WINDOW_ENTRIES 65536U

enum window {
	WINDOW_REQUESTS,
	WINDOW_RETRIES,
	WINDOW_ENDS,
	WINDOWS,
};

int ms_sender_init(
	struct ms_sender *sender, const struct ms_client *client, uint32_t index, uint64_t mixed)
{
	*sender = (struct ms_sender){.client = client};
	hb_rng_init(&sender->timeouts, mixed, ms_stream_source(MS_STREAM_TIMEOUTS, index));
	hb_rng_init(&sender->backoffs, mixed, ms_stream_source(MS_STREAM_BACKOFFS, index));
	ms_bucket_init(&sender->bucket, client);
	for (int k = 0; k < WINDOWS; k++) {
		sender->windows[k].entries = malloc(WINDOW_ENTRIES * sizeof(int64_t));
		sender->windows[k].capacity = WINDOW_ENTRIES;
		if (!sender->windows[k].entries)
			return -ENOMEM;
	}
	return 0;
}

void ms_sender_finish(struct ms_sender *sender)
{
	for (int k = 0; k < WINDOWS; k++)
		free(sender->windows[k].entries);
}

void ms_sender_begin(struct ms_sender *sender, struct ms_request_state *request, int64_t now_ns)
{
	*request = (struct ms_request_state){.begin_ns = now_ns};
	sender->counts.requests++;
	if (!ms_budget_request(
		    &sender->budget, sender->client, &sender->windows[WINDOW_REQUESTS], now_ns))
		sender->full = true;
}

bool ms_sender_attempt(struct ms_sender *sender, struct ms_request_state *request, int64_t now_ns)
{
	if (!ms_breaker_admit(&sender->breaker, sender->client, now_ns, &request->probe)) {
		sender->counts.refused_breaker++;
		return false;
	}
	sender->counts.attempts++;
	sender->counts.retries += request->number > 0;
	return true;
}

int64_t ms_sender_deadline_ns(struct ms_sender *sender, int64_t now_ns)
{
	if (sender->client->timeout_kind == MS_TIMEOUT_NONE)
		return INT64_MAX;
	return now_ns + ms_timeout_ns(sender->client, &sender->timeouts);
}

static void end_record(struct ms_sender *sender, const struct ms_request_state *request,
	int64_t now_ns, bool failed)
{
	if (!ms_breaker_record(&sender->breaker, sender->client, &sender->windows[WINDOW_ENDS],
		    now_ns, failed, request->probe))
		sender->full = true;
}

void ms_sender_answered(
	struct ms_sender *sender, const struct ms_request_state *request, int64_t now_ns)
{
	sender->counts.answers++;
	end_record(sender, request, now_ns, false);
}

static bool retry_allowed(struct ms_sender *sender, const struct ms_request_state *request,
	int64_t pause_ns, int64_t now_ns)
{
	const struct ms_client *client = sender->client;
	bool full = false;
	bool allowed;

	if (isfinite(client->deadline_s) &&
		now_ns + pause_ns > request->begin_ns + ms_seconds_ns(client->deadline_s)) {
		sender->counts.refused_deadline++;
		return false;
	}
	if (!ms_bucket_take(&sender->bucket, client)) {
		sender->counts.refused_bucket++;
		return false;
	}
	allowed = ms_budget_take(&sender->budget, client, &sender->windows[WINDOW_REQUESTS],
		&sender->windows[WINDOW_RETRIES], now_ns, &full);
	sender->counts.refused_budget += !allowed;
	sender->full |= full;
	return allowed;
}

bool ms_sender_failed(struct ms_sender *sender, struct ms_request_state *request, bool again,
	int64_t now_ns, int64_t *ret_pause_ns)
{
	const struct ms_client *client = sender->client;
	double uniform = 0;

	end_record(sender, request, now_ns, true);
	if (!again || request->number >= client->retries)
		return false;
	if (client->backoff != MS_IMMEDIATE && client->jitter != MS_JITTER_NONE)
		uniform = hb_rng_double(&sender->backoffs);
	*ret_pause_ns = ms_seconds_ns(ms_backoff_s(client, request->number + 1, uniform));
	if (!retry_allowed(sender, request, *ret_pause_ns, now_ns))
		return false;
	request->number++;
	return true;
}

int64_t ms_sender_end(struct ms_sender *sender, const struct ms_request_state *request,
	bool success, int64_t now_ns)
{
	int64_t latency_ns = now_ns > request->begin_ns ? now_ns - request->begin_ns : 0;

	sender->counts.successes += success;
	sender->counts.failures += !success;
	if (success) {
		sender->counts.latency_sum_s += (double)latency_ns / 1e9;
		ms_bucket_success(&sender->bucket, sender->client);
	}
	return latency_ns;
}
