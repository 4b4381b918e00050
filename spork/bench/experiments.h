/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The experiments of the driver hotbed-spork. */
#ifndef SPORK_BENCH_EXPERIMENTS_H
#define SPORK_BENCH_EXPERIMENTS_H

#include <hotbed/experiment.h>

extern const struct hb_experiment spork_spawn_latency;
extern const struct hb_experiment spork_bystander;
extern const struct hb_experiment spork_analyser;
extern const struct hb_experiment spork_decoders;
extern const struct hb_experiment spork_interpreter;
extern const struct hb_experiment spork_coverage;
extern const struct hb_experiment spork_negative_controls;
extern const struct hb_experiment spork_programs;
extern const struct hb_experiment spork_trap_mechanisms;
extern const struct hb_experiment spork_small_commands;
extern const struct hb_experiment spork_startup;

#endif
