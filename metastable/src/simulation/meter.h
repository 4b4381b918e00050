/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What both engines observe of the outside clients: bins of the time series, the moment of recovery, the digest of the
 * events. Inline where it stands in the loop. Not thread-safe.
 */
#ifndef METASTABLE_SIMULATION_METER_H
#define METASTABLE_SIMULATION_METER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <metastable/simulation.h>

/* Eight buckets per doubling from 1 us on: a quantile is right to 6 %. */
#define MS_LATENCY_BUCKETS 320

struct ms_meter {
	/* fixed during a run */
	int64_t bin_ns;
	int64_t watch_ns;   /* the end of the last trigger; bins end on it */
	int64_t trigger_ns; /* the beginning of the first */
	double share;
	uint32_t bins_total;
	struct ms_bin *bins; /* shape [bins_total], or NULL */

	int64_t bin_end_ns;
	uint32_t bin; /* number of the open bin */
	uint32_t requests, successes, failures, attempts, retries;
	uint32_t orbit;
	uint32_t past_demand[MS_WINDOW_BINS], past_successes[MS_WINDOW_BINS]; /* ring by bin */
	uint64_t window_demand, window_successes; /* demand: requests and retries */
	int64_t recovered_ns;                     /* INT64_MAX = not yet */
	int64_t drained_ns;
	int64_t last_up_ns; /* end of the last window before the first trigger that was up */
	uint32_t latencies[MS_LATENCY_BUCKETS];
};

/* What never changes between the runs of a simulation. */
void ms_meter_init(struct ms_meter *meter, const struct ms_model *model,
	const struct ms_run_options *options, int64_t end_ns);
/* ms_meter_reset - a run begins. */
void ms_meter_reset(struct ms_meter *meter, struct ms_bin *bins);
/* ms_meter_close - close all bins that end at or before @now_ns; @jobs are in the watched server. */
void ms_meter_close(struct ms_meter *meter, int64_t now_ns, uint32_t jobs);
/* ms_meter_result - recovery and draining; @capacity of the watched server, 0 = unlimited. */
void ms_meter_result(const struct ms_meter *meter, uint32_t capacity, struct ms_run_result *ret);
/* ms_meter_latency - a request took so long. */
void ms_meter_latency(struct ms_meter *meter, int64_t latency_ns);

/* ms_meter_advance - before the state changes at @now_ns. */
static inline void ms_meter_advance(struct ms_meter *meter, int64_t now_ns, uint32_t jobs)
{
	if (__builtin_expect(now_ns >= meter->bin_end_ns, 0))
		ms_meter_close(meter, now_ns, jobs);
}

/* ms_meter_end - a request ended. */
static inline void ms_meter_end(struct ms_meter *meter, bool success, int64_t latency_ns)
{
	meter->successes += success;
	meter->failures += !success;
	if (meter->bins)
		ms_meter_latency(meter, latency_ns);
}

enum ms_event_kind {
	MS_EVENT_ARRIVAL,
	MS_EVENT_TIMER, /* timeout, end of a pause, answer of a cache */
	MS_EVENT_SERVICE,
	MS_EVENT_TRIGGER,
};

/* ms_digest_add - one event; one multiplication, so that tests can digest long runs. */
static inline uint64_t ms_digest_add(
	uint64_t digest, int64_t now_ns, enum ms_event_kind kind, uint32_t jobs, uint32_t number)
{
	uint64_t word = (uint64_t)now_ns ^ (uint64_t)kind << 61 ^ (uint64_t)jobs << 32 ^
			(uint64_t)number << 17;

	digest = (digest ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return digest ^ digest >> 29;
}

#endif
