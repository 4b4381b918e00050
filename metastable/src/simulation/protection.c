/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Retry limits, breaker, shedding and CoDel. See protection.h.
 */
#include <math.h>

#include <hotbed/assert.h>
#include <hotbed/sim.h>

#include "protection.h"

#define NS_PER_S 1e9

int64_t ms_seconds_ns(double seconds)
{
	return hb_sim_duration_ns(seconds * NS_PER_S);
}

double ms_backoff_s(const struct ms_client *client, uint32_t number, double uniform)
{
	double pause = client->backoff_s;

	hb_assert(number >= 1);
	if (client->backoff == MS_IMMEDIATE)
		return 0;
	if (client->backoff == MS_BACKOFF_EXPONENTIAL)
		pause *= pow(client->backoff_factor, number - 1.0);
	pause = fmin(pause, client->backoff_max_s);
	if (client->jitter == MS_JITTER_FULL)
		return pause * uniform;
	if (client->jitter == MS_JITTER_EQUAL)
		return pause / 2 * (1 + uniform);
	return pause;
}

/* ---- windows: the lowest bit of an entry is the mark ---- */

void ms_window_trim(
	struct ms_window *window, const struct ms_window_memory *memory, int64_t since_ns)
{
	while (window->count) {
		int64_t entry = memory->entries[window->first];

		if (entry >> 1 > since_ns)
			break;
		window->marked -= (uint32_t)(entry & 1);
		window->first = (window->first + 1) & (memory->capacity - 1);
		window->count--;
	}
}

bool ms_window_add(
	struct ms_window *window, const struct ms_window_memory *memory, int64_t now_ns, bool mark)
{
	if (window->count == memory->capacity)
		return false;
	memory->entries[(window->first + window->count) & (memory->capacity - 1)] =
		(int64_t)((uint64_t)now_ns << 1 | (uint64_t)mark);
	window->count++;
	window->marked += mark;
	return true;
}

/* ---- token bucket and retry budget ---- */

void ms_bucket_init(struct ms_bucket *bucket, const struct ms_client *client)
{
	bucket->tokens = client->bucket_capacity;
}

void ms_bucket_success(struct ms_bucket *bucket, const struct ms_client *client)
{
	bucket->tokens = fmin(bucket->tokens + client->bucket_fill, client->bucket_capacity);
}

/* Ten times 0.1 are less than 1 in binary; such dust must not cost a retry. */
#define TOKEN_DUST 1e-9

bool ms_bucket_take(struct ms_bucket *bucket, const struct ms_client *client)
{
	if (client->bucket_capacity <= 0)
		return true;
	if (bucket->tokens < 1 - TOKEN_DUST)
		return false;
	bucket->tokens = fmax(bucket->tokens - 1, 0);
	return true;
}

bool ms_budget_request(struct ms_budget *budget, const struct ms_client *client,
	const struct ms_window_memory *requests, int64_t now_ns)
{
	if (client->budget_window_s <= 0)
		return true;
	ms_window_trim(
		&budget->requests, requests, now_ns - ms_seconds_ns(client->budget_window_s));
	return ms_window_add(&budget->requests, requests, now_ns, false);
}

bool ms_budget_take(struct ms_budget *budget, const struct ms_client *client,
	const struct ms_window_memory *requests, const struct ms_window_memory *retries,
	int64_t now_ns, bool *ret_full)
{
	int64_t since_ns = now_ns - ms_seconds_ns(client->budget_window_s);
	double allowed;

	if (client->budget_window_s <= 0)
		return true;
	ms_window_trim(&budget->requests, requests, since_ns);
	ms_window_trim(&budget->retries, retries, since_ns);
	allowed = client->budget_share * budget->requests.count +
		  client->budget_min_per_s * client->budget_window_s;
	if (budget->retries.count + 1.0 > allowed + TOKEN_DUST)
		return false;
	if (!ms_window_add(&budget->retries, retries, now_ns, false))
		*ret_full = true;
	return true;
}

/* ---- circuit breaker ---- */

bool ms_breaker_admit(struct ms_breaker *breaker, const struct ms_client *client, int64_t now_ns,
	uint32_t *ret_probe)
{
	*ret_probe = 0;
	if (client->breaker_window_s <= 0 || breaker->state == MS_BREAKER_CLOSED)
		return true;
	if (breaker->state == MS_BREAKER_OPEN) {
		if (now_ns < breaker->open_until_ns)
			return false;
		breaker->state = MS_BREAKER_PROBING;
		breaker->epoch++;
		breaker->sent = breaker->succeeded = 0;
	}
	if (breaker->sent >= client->breaker_probes)
		return false;
	breaker->sent++;
	*ret_probe = breaker->epoch;
	return true;
}

static void breaker_open(struct ms_breaker *breaker, const struct ms_client *client, int64_t now_ns)
{
	breaker->state = MS_BREAKER_OPEN;
	breaker->open_until_ns = now_ns + ms_seconds_ns(client->breaker_open_s);
	breaker->ends = (struct ms_window){0};
}

bool ms_breaker_record(struct ms_breaker *breaker, const struct ms_client *client,
	const struct ms_window_memory *ends, int64_t now_ns, bool failed, uint32_t probe)
{
	if (client->breaker_window_s <= 0 || breaker->state == MS_BREAKER_OPEN)
		return true;
	if (breaker->state == MS_BREAKER_PROBING) {
		/* Attempts from before the breaker opened say nothing about now. */
		if (probe != breaker->epoch)
			return true;
		if (failed)
			breaker_open(breaker, client, now_ns);
		else if (++breaker->succeeded == client->breaker_probes)
			breaker->state = MS_BREAKER_CLOSED;
		return true;
	}
	ms_window_trim(&breaker->ends, ends, now_ns - ms_seconds_ns(client->breaker_window_s));
	if (!ms_window_add(&breaker->ends, ends, now_ns, failed))
		return false;
	if (breaker->ends.count >= client->breaker_attempts_min && breaker->ends.marked &&
		breaker->ends.marked >= client->breaker_share * breaker->ends.count)
		breaker_open(breaker, client, now_ns);
	return true;
}

void ms_breaker_forget(struct ms_breaker *breaker, uint32_t probe)
{
	if (probe && breaker->state == MS_BREAKER_PROBING && probe == breaker->epoch)
		breaker->sent--;
}

/* ---- shedding ---- */

double ms_shed_probability(const struct ms_server *server, uint32_t jobs)
{
	double rise;

	if (server->shed_bound && jobs >= server->shed_bound)
		return 1;
	if (server->shed_probability <= 0 || jobs < server->shed_from)
		return 0;
	if (jobs >= server->shed_to)
		return server->shed_probability;
	rise = (double)(jobs - server->shed_from) / (server->shed_to - server->shed_from);
	return server->shed_probability * rise;
}

double ms_service_stretch(const struct ms_server *server, uint32_t jobs)
{
	return 1 + server->slowdown * (jobs - 1.0);
}

/* ---- CoDel ---- */

struct taken {
	bool any, ok_to_drop;
};

/* RFC 8289, 5.5: take the next job and see whether the delay has been above the target for an interval. */
static struct taken codel_take_one(struct ms_codel *codel, const struct ms_server *server,
	const struct ms_codel_queue *queue, int64_t now_ns)
{
	struct taken taken = {false, false};
	int64_t entered_ns = 0;
	uint32_t waiting = 0;

	taken.any = queue->take(queue->queue, &entered_ns, &waiting);
	if (!taken.any) {
		codel->first_above_ns = 0;
		return taken;
	}
	/* A job is what a packet of the largest size is to the RFC: with at most one behind it, nothing is dropped. */
	if (now_ns - entered_ns < ms_seconds_ns(server->codel_target_s) || waiting <= 1)
		codel->first_above_ns = 0;
	else if (codel->first_above_ns == 0)
		codel->first_above_ns = now_ns + ms_seconds_ns(server->codel_interval_s);
	else
		taken.ok_to_drop = now_ns >= codel->first_above_ns;
	return taken;
}

static int64_t control_law(const struct ms_server *server, int64_t from_ns, uint32_t count)
{
	return from_ns + ms_seconds_ns(server->codel_interval_s / sqrt(count));
}

bool ms_codel_take(struct ms_codel *codel, const struct ms_server *server,
	const struct ms_codel_queue *queue, int64_t now_ns)
{
	struct taken taken = codel_take_one(codel, server, queue, now_ns);
	uint32_t since;

	if (codel->dropping) {
		if (!taken.ok_to_drop)
			codel->dropping = false;
		while (codel->dropping && now_ns >= codel->drop_next_ns) {
			queue->drop(queue->queue);
			codel->count++;
			taken = codel_take_one(codel, server, queue, now_ns);
			if (!taken.ok_to_drop)
				codel->dropping = false;
			else
				codel->drop_next_ns =
					control_law(server, codel->drop_next_ns, codel->count);
		}
	} else if (taken.ok_to_drop) {
		queue->drop(queue->queue);
		taken = codel_take_one(codel, server, queue, now_ns);
		codel->dropping = true;
		since = codel->count - codel->last_count;
		/* Dropping that ended a moment ago goes on at the pace it had reached. */
		codel->count = since > 1 && now_ns - codel->drop_next_ns <
						       16 * ms_seconds_ns(server->codel_interval_s)
				       ? since
				       : 1;
		codel->drop_next_ns = control_law(server, now_ns, codel->count);
		codel->last_count = codel->count;
	}
	return taken.any;
}
