/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One run of a model on the engine that fits it. See metastable/simulation.h.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <hotbed/error.h>

#include "direct.h"
#include "system.h"

/* Room at first; a run that needs more is repeated with twice as much. */
#define CAPACITY_FIRST (UINT32_C(1) << 12)

struct ms_simulation {
	struct ms_model model;
	struct ms_run_options options;
	uint32_t capacity;
	struct ms_meter meter; /* for the number of bins */
	struct ms_direct *direct;
	struct ms_system *system;
};

static int engine_create(struct ms_simulation *simulation, struct hb_error *reterr)
{
	if (!simulation->options.shared_engine && ms_specialised_loop_fits(&simulation->model))
		return ms_direct_create(&simulation->model, &simulation->options,
			simulation->capacity, &simulation->direct, reterr);
	return ms_system_create(&simulation->model, &simulation->options, simulation->capacity,
		&simulation->system, reterr);
}

static void engine_destroy(struct ms_simulation *simulation)
{
	ms_direct_destroy(simulation->direct);
	ms_system_destroy(simulation->system);
	simulation->direct = NULL;
	simulation->system = NULL;
}

/* Retries on rejection without a pause and without end would go on in one instant of time for ever. */
static int retries_check(const struct ms_model *model, struct hb_error *reterr)
{
	for (uint32_t i = 0; i < model->client_count; i++) {
		const struct ms_client *client = &model->clients[i];

		if (client->retry_on_reject && client->retries > 10000 &&
			client->backoff == MS_IMMEDIATE)
			return hb_error_set(reterr, -EINVAL,
				"client %s: %u immediate retries on rejection take no time while "
				"the "
				"server is full; give a backoff or fewer retries",
				client->name, client->retries);
	}
	return 0;
}

static int options_check(const struct ms_run_options *options, struct hb_error *reterr)
{
	if (!(options->end_s >= 0 && options->end_s <= 1e9))
		return hb_error_set(reterr, -EINVAL,
			"simulation: a run of %g s is out of range; use 0 to 1e9 s",
			options->end_s);
	if (!(options->window_s >= 0 && options->window_s <= 1e9))
		return hb_error_set(reterr, -EINVAL,
			"simulation: a window of %g s is out of range; use 0 to 1e9 s",
			options->window_s);
	if (!(options->recovery_share >= 0 && options->recovery_share <= 1))
		return hb_error_set(reterr, -EINVAL,
			"simulation: a recovery share of %g is out of range; use 0 to 1",
			options->recovery_share);
	return 0;
}

static int inputs_check(
	const struct ms_model *model, const struct ms_run_options *options, struct hb_error *reterr)
{
	struct ms_support support;
	double window_s;
	double end_s;
	int result = options_check(options, reterr);

	if (result < 0)
		return result;
	result = ms_support_query(MS_LEVEL_SIMULATION, model, &support, reterr);
	if (result < 0)
		return result;
	result = retries_check(model, reterr);
	if (result < 0)
		return result;
	window_s = options->window_s > 0 ? options->window_s : ms_window_s(model);
	end_s = options->end_s > 0 ? options->end_s : ms_run_end_s(model);
	if (!(end_s <= 1e9))
		return hb_error_set(reterr, -EINVAL,
			"simulation: a run of %g s is out of range; use a shorter horizon", end_s);
	if (end_s / window_s * MS_WINDOW_BINS > MS_BINS_MAX)
		return hb_error_set(reterr, -EINVAL,
			"simulation: %.0f s in bins of %g s are more than %u bins; use a longer "
			"window or a shorter horizon",
			end_s, window_s / MS_WINDOW_BINS, MS_BINS_MAX);
	return 0;
}

int ms_simulation_create(const struct ms_model *model, const struct ms_run_options *options,
	struct ms_simulation **ret, struct hb_error *reterr)
{
	const struct ms_run_options defaults = {0};
	struct ms_simulation *simulation;
	int result = inputs_check(model, options ? options : &defaults, reterr);

	if (result < 0)
		return result;
	simulation = calloc(1, sizeof(*simulation));
	if (!simulation)
		return hb_error_set(reterr, -ENOMEM, "simulation: no memory; free some");
	simulation->model = *model;
	simulation->options = options ? *options : defaults;
	if (simulation->options.end_s <= 0)
		simulation->options.end_s = ms_run_end_s(model);
	simulation->capacity = CAPACITY_FIRST;
	ms_meter_init(&simulation->meter, model, &simulation->options,
		ms_seconds_ns(simulation->options.end_s));
	result = engine_create(simulation, reterr);
	if (result < 0) {
		ms_simulation_destroy(simulation);
		return result;
	}
	*ret = simulation;
	return 0;
}

void ms_simulation_destroy(struct ms_simulation *simulation)
{
	if (!simulation)
		return;
	engine_destroy(simulation);
	free(simulation);
}

uint32_t ms_simulation_bins(const struct ms_simulation *simulation, double *ret_bin_s)
{
	*ret_bin_s = (double)simulation->meter.bin_ns / 1e9;
	return simulation->meter.bins_total;
}

static int engine_run(struct ms_simulation *simulation, uint64_t seed, uint64_t replication,
	struct ms_bin *bins, struct ms_run_result *ret, struct hb_error *reterr)
{
	struct ms_system *system = simulation->system;
	int result;

	if (simulation->direct)
		return ms_direct_run(simulation->direct, seed, replication, bins, ret);
	ms_system_begin(system, seed, replication, bins, true);
	result = ms_system_run(system, ms_seconds_ns(simulation->options.end_s), reterr);
	if (result == 0)
		ms_system_result(system, ret);
	return result;
}

int ms_simulation_run(struct ms_simulation *simulation, uint64_t seed, uint64_t replication,
	struct ms_bin *bins, struct ms_run_result *ret, struct hb_error *reterr)
{
	struct ms_run_result result;
	int code;

	/* Each turn doubles the room, so there are at most 11. */
	while ((code = engine_run(simulation, seed, replication, bins, &result, reterr)) ==
		-ENOSPC) {
		if (simulation->capacity >= MS_OBJECTS_MAX)
			return hb_error_set(reterr, -E2BIG,
				"simulation: more than %u requests or jobs at once; bound the "
				"queue, "
				"lower the rates or shorten the windows",
				simulation->capacity);
		simulation->capacity *= 2;
		engine_destroy(simulation);
		code = engine_create(simulation, reterr);
		if (code < 0)
			return code;
	}
	if (code < 0)
		return code;
	code = ms_laws_check(&simulation->model, &result, reterr);
	if (code == 0)
		*ret = result;
	return code;
}
