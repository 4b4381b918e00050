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
extern const struct hb_experiment spork_speed;

struct hb_trial;

/*
 * spork_instruction_ns - the time of an interpreted instruction, in the code of spork/interpreter for which it is
 * longest.
 * 0, or what hb_trial_fail() returned.
 */
int spork_instruction_ns(struct hb_trial *trial, double *ret_worst_ns);

/*
 * spork_command_script - a command line of spork/programs or spork/small-commands, for sh -c with bytes and number of
 * starts; NULL = none.
 */
const char *spork_command_script(const char *name);

#endif
