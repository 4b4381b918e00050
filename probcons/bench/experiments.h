/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of the probcons experiments, one file each. */
#ifndef PROBCONS_BENCH_EXPERIMENTS_H
#define PROBCONS_BENCH_EXPERIMENTS_H

#include <hotbed/experiment.h>

#define PROBCONS_PAPER "Real Life Is Uncertain. Consensus Should Be Too!, HotOS'25"

extern const struct hb_experiment probcons_availability;
extern const struct hb_experiment probcons_committees;
extern const struct hb_experiment probcons_tables;
extern const struct hb_experiment probcons_accuracy;
extern const struct hb_experiment probcons_correlation;
extern const struct hb_experiment probcons_rare_events;
extern const struct hb_experiment probcons_cost_frontier;
extern const struct hb_experiment probcons_weights;
extern const struct hb_experiment probcons_speed;

#endif
