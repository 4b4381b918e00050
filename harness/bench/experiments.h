/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The harness's own experiments; const tables, one file each. */
#ifndef HOTBED_BENCH_EXPERIMENTS_H
#define HOTBED_BENCH_EXPERIMENTS_H

#include <hotbed/experiment.h>

extern const struct hb_experiment harness_event_queue;
extern const struct hb_experiment harness_journal;
extern const struct hb_experiment harness_trivial;
extern const struct hb_experiment harness_aa_noise;
extern const struct hb_experiment harness_summary_speed;
extern const struct hb_experiment harness_launcher;

#endif
