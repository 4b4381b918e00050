/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of the nicos experiments, one file each. */
#ifndef NICOS_BENCH_EXPERIMENTS_H
#define NICOS_BENCH_EXPERIMENTS_H

#include <hotbed/experiment.h>

#define NICOS_PAPER "The NIC should be part of the OS, HotOS'25"

extern const struct hb_experiment nicos_load_latency;
extern const struct hb_experiment nicos_many_services;
extern const struct hb_experiment nicos_popularity;
extern const struct hb_experiment nicos_affinity;
extern const struct hb_experiment nicos_dispersion;
extern const struct hb_experiment nicos_short_handlers;
extern const struct hb_experiment nicos_stale_state;
extern const struct hb_experiment nicos_table;
extern const struct hb_experiment nicos_decision;
extern const struct hb_experiment nicos_real_latency;
extern const struct hb_experiment nicos_hand_over;
extern const struct hb_experiment nicos_real_services;
extern const struct hb_experiment nicos_real_throughput;

#endif
