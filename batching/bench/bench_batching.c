/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The driver of the batching experiments: `hotbed run batching` calls it. */
#include "experiments.h"

static const struct hb_experiment *const experiments[] = {
	&batching_scenario,
	&batching_bulk_queue,
	&batching_redis_sweep,
	&batching_simulated_loop,
	&batching_tracking_cost,
	&batching_closed_loop,
	&batching_load_range,
	&batching_arms_named,
	&batching_estimate_error,
	&batching_quadrants,
	&batching_regime_map,
	&batching_exchange,
	&batching_link_accuracy,
	&batching_redis_estimate,
	&batching_wire_truth,
	NULL,
};

int main(int argc, char **argv)
{
	const struct hb_driver driver = {
		.subproject = "batching",
		.version = "0.1.0",
		.experiments = experiments,
	};

	return hb_driver_main(&driver, argc, argv);
}
