/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of the metastable experiments, one file each. */
#ifndef METASTABLE_BENCH_EXPERIMENTS_H
#define METASTABLE_BENCH_EXPERIMENTS_H

#include <hotbed/experiment.h>

#define METASTABLE_PAPER "Analyzing Metastable Failures, HotOS'25"

extern const struct hb_experiment metastable_field;
extern const struct hb_experiment metastable_protections;
extern const struct hb_experiment metastable_threshold;
extern const struct hb_experiment metastable_trigger;
extern const struct hb_experiment metastable_agreement;
extern const struct hb_experiment metastable_bracket;
extern const struct hb_experiment metastable_storm;
extern const struct hb_experiment metastable_cache;
extern const struct hb_experiment metastable_tiers;
extern const struct hb_experiment metastable_throttle;
extern const struct hb_experiment metastable_calibration;
extern const struct hb_experiment metastable_cells;
extern const struct hb_experiment metastable_engines;
extern const struct hb_experiment metastable_speed;
extern const struct hb_experiment metastable_speed_markov;

#endif
