/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bins and recovery. See meter.h; what "recovered" means stands in metastable/simulation.h.
 */
#include <math.h>

#include <hotbed/assert.h>

#include "meter.h"
#include "protection.h"

double ms_window_s(const struct ms_model *model)
{
	double rate = 0;

	for (uint32_t i = 0; i < model->client_count; i++)
		rate += model->clients[i].rate_per_s;
	return MS_WINDOW_REQUESTS / rate;
}

double ms_run_end_s(const struct ms_model *model)
{
	return ms_model_trigger_end_s(model) + model->horizon_s;
}

void ms_meter_init(struct ms_meter *meter, const struct ms_model *model,
	const struct ms_run_options *options, int64_t end_ns)
{
	double window_s = options->window_s > 0 ? options->window_s : ms_window_s(model);
	int64_t first_ns;

	*meter = (struct ms_meter){
		.bin_ns = ms_seconds_ns(window_s / MS_WINDOW_BINS),
		.watch_ns = ms_seconds_ns(ms_model_trigger_end_s(model)),
		.share = options->recovery_share > 0 ? options->recovery_share : 0.9,
	};
	meter->bin_ns = meter->bin_ns > 0 ? meter->bin_ns : 1;
	meter->trigger_ns = model->trigger_count ? ms_seconds_ns(model->triggers[0].at_s) : 0;
	first_ns = meter->watch_ns % meter->bin_ns;
	if (first_ns == 0)
		first_ns = meter->bin_ns;
	meter->bins_total =
		end_ns < first_ns ? 0 : (uint32_t)((end_ns - first_ns) / meter->bin_ns + 1);
}

void ms_meter_reset(struct ms_meter *meter, struct ms_bin *bins)
{
	int64_t first_ns = meter->watch_ns % meter->bin_ns;
	struct ms_meter fresh = {
		.bin_ns = meter->bin_ns,
		.watch_ns = meter->watch_ns,
		.trigger_ns = meter->trigger_ns,
		.share = meter->share,
		.bins_total = meter->bins_total,
		.bins = bins,
		.bin_end_ns = first_ns ? first_ns : meter->bin_ns,
		.recovered_ns = INT64_MAX,
		.drained_ns = INT64_MAX,
	};

	*meter = fresh;
	if (bins)
		memset(bins, 0, meter->bins_total * sizeof(*bins));
}

void ms_meter_latency(struct ms_meter *meter, int64_t latency_ns)
{
	uint64_t us = (uint64_t)latency_ns / 1000;
	unsigned int exponent;
	unsigned int bucket;

	if (us < 8) {
		bucket = (unsigned int)us;
	} else {
		exponent = 63 - (unsigned int)__builtin_clzll(us);
		bucket = (exponent - 2) * 8 + (unsigned int)(us >> (exponent - 3) & 7);
	}
	meter->latencies[bucket < MS_LATENCY_BUCKETS ? bucket : MS_LATENCY_BUCKETS - 1]++;
}

/* The middle of a bucket in seconds. */
static double bucket_s(unsigned int bucket)
{
	if (bucket < 8)
		return (bucket + 0.5) * 1e-6;
	return ldexp(8 + bucket % 8 + 0.5, (int)(bucket / 8) - 1) * 1e-6;
}

static float latency_quantile(const struct ms_meter *meter, double q)
{
	uint64_t total = (uint64_t)meter->successes + meter->failures;
	double rank = q * (double)total;
	uint64_t below = 0;

	for (unsigned int i = 0; total && i < MS_LATENCY_BUCKETS; i++) {
		below += meter->latencies[i];
		if ((double)below >= rank && below)
			return (float)bucket_s(i);
	}
	return 0;
}

static void bin_store(struct ms_meter *meter, uint32_t jobs)
{
	struct ms_bin *bin = &meter->bins[meter->bin];

	bin->requests = meter->requests;
	bin->successes = meter->successes;
	bin->failures = meter->failures;
	bin->attempts = meter->attempts;
	bin->jobs = jobs;
	bin->orbit = meter->orbit;
	bin->p50_s = latency_quantile(meter, 0.5);
	bin->p99_s = latency_quantile(meter, 0.99);
	memset(meter->latencies, 0, sizeof(meter->latencies));
}

/* The window that ends with the bin that has just been closed. */
static void window_judge(struct ms_meter *meter)
{
	int64_t begin_ns = meter->bin_end_ns - MS_WINDOW_BINS * meter->bin_ns;
	bool up = meter->window_demand &&
		  (double)meter->window_successes >= meter->share * (double)meter->window_demand;

	if (begin_ns < 0)
		return;
	if (meter->bin_end_ns <= meter->trigger_ns)
		meter->last_up_ns = up ? meter->bin_end_ns : meter->last_up_ns;
	if (up && begin_ns >= meter->watch_ns && meter->recovered_ns == INT64_MAX)
		meter->recovered_ns = begin_ns;
}

void ms_meter_close(struct ms_meter *meter, int64_t now_ns, uint32_t jobs)
{
	while (now_ns >= meter->bin_end_ns) {
		uint32_t place = meter->bin % MS_WINDOW_BINS;
		uint32_t demand = meter->requests + meter->retries;

		meter->window_demand += demand;
		meter->window_demand -= meter->past_demand[place];
		meter->window_successes += meter->successes;
		meter->window_successes -= meter->past_successes[place];
		meter->past_demand[place] = demand;
		meter->past_successes[place] = meter->successes;
		if (meter->bins && meter->bin < meter->bins_total)
			bin_store(meter, jobs);
		window_judge(meter);
		meter->requests = meter->successes = meter->failures = 0;
		meter->attempts = meter->retries = 0;
		meter->bin++;
		meter->bin_end_ns += meter->bin_ns;
	}
}

static double since_watch_s(const struct ms_meter *meter, int64_t time_ns)
{
	return time_ns == INT64_MAX ? INFINITY : (double)(time_ns - meter->watch_ns) / 1e9;
}

void ms_meter_result(const struct ms_meter *meter, uint32_t capacity, struct ms_run_result *ret)
{
	ret->stuck = meter->recovered_ns == INT64_MAX;
	ret->recovery_s = since_watch_s(meter, meter->recovered_ns);
	ret->drained_s = capacity ? since_watch_s(meter, meter->drained_ns) : NAN;
	/* One window may be down by chance. */
	ret->down_before =
		meter->trigger_ns - meter->last_up_ns >= 2 * MS_WINDOW_BINS * meter->bin_ns;
}
