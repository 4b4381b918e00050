/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of the shcheck experiments, one file each. */
#ifndef SHCHECK_BENCH_EXPERIMENTS_H
#define SHCHECK_BENCH_EXPERIMENTS_H

#include <hotbed/experiment.h>

extern const struct hb_experiment shcheck_automata;
extern const struct hb_experiment shcheck_bugs;
extern const struct hb_experiment shcheck_classes;
extern const struct hb_experiment shcheck_noise;
extern const struct hb_experiment shcheck_speed;
extern const struct hb_experiment shcheck_throughput;

#endif
