/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Models by hand, as the language would resolve them. */
#ifndef METASTABLE_TESTS_MODELS_H
#define METASTABLE_TESTS_MODELS_H

#include <math.h>

#include <metastable/model.h>

/* One server, one client, nothing else: M/M/threads/capacity. */
static inline struct ms_model plain_model(
	uint32_t threads, uint32_t capacity, double service_per_s, double rate_per_s)
{
	struct ms_model m = {
		.server_count = 1, .client_count = 1, .horizon_s = MS_HORIZON_DEFAULT_S};

	m.servers[0] = (struct ms_server){.name = "db",
		.threads = threads,
		.queue_capacity = capacity,
		.service = {MS_EXPONENTIAL, 1.0 / service_per_s, 1.0, 1}};
	m.clients[0] = (struct ms_client){.name = "c",
		.from_server = MS_NONE,
		.cache = MS_NONE,
		.call_probability = 1.0,
		.rate_per_s = rate_per_s,
		.timeout_kind = MS_TIMEOUT_NONE,
		.timeout_phases = 1,
		.retry_on_timeout = true,
		.backoff_factor = 1.0,
		.backoff_max_s = INFINITY,
		.deadline_s = INFINITY};
	return m;
}

static inline struct ms_model retry_model(double service_per_s, double rate_per_s, double timeout_s,
	uint32_t retries, uint32_t capacity)
{
	struct ms_model m = plain_model(1, capacity, service_per_s, rate_per_s);

	m.clients[0].timeout_kind = MS_TIMEOUT_CONSTANT;
	m.clients[0].timeout_s = timeout_s;
	m.clients[0].retries = retries;
	return m;
}

/* Figure 2 of the paper. */
static inline struct ms_model running_example(uint32_t capacity)
{
	return retry_model(10.0, 5.0, 5.0, 5, capacity);
}

#endif
