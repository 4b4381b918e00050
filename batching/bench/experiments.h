/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The batching experiments, a file each. */
#ifndef BATCHING_BENCH_EXPERIMENTS_H
#define BATCHING_BENCH_EXPERIMENTS_H

#include <hotbed/experiment.h>

extern const struct hb_experiment batching_scenario;
extern const struct hb_experiment batching_bulk_queue;
extern const struct hb_experiment batching_arms_named;
extern const struct hb_experiment batching_closed_loop;
extern const struct hb_experiment batching_load_range;
extern const struct hb_experiment batching_redis_estimate;
extern const struct hb_experiment batching_redis_sweep;
extern const struct hb_experiment batching_estimate_error;
extern const struct hb_experiment batching_exchange;
extern const struct hb_experiment batching_link_accuracy;
extern const struct hb_experiment batching_quadrants;
extern const struct hb_experiment batching_regime_map;
extern const struct hb_experiment batching_simulated_loop;
extern const struct hb_experiment batching_tracking_cost;
extern const struct hb_experiment batching_wire_truth;

#endif
