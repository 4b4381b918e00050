/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trials whose answer is how many of some simulated runs of one model stay down: hooks and rows of their tables. */
#ifndef METASTABLE_BENCH_STAYS_DOWN_H
#define METASTABLE_BENCH_STAYS_DOWN_H

#include <stdint.h>

#include <hotbed/experiment.h>

#include <metastable/simulation.h>

struct hb_trial;

/* stays_down_model - the model of this process's trial: setup fills it. Static. */
struct ms_model *stays_down_model(void);

/* stays_down_backoff - the client of the model backs off: exponentially from 5 s, with full jitter. */
void stays_down_backoff(void);

/* stays_down_run - hook: simulate the model 40 times (5 in a smoke run) and give the metric "stuck". */
int stays_down_run(struct hb_trial *trial);

/* stays_down_verify - hook: every request ends exactly once. */
int stays_down_verify(struct hb_trial *trial);

/* stays_down_sabotage - hook: the next stays_down_verify() counts a request too much. */
int stays_down_sabotage(struct hb_trial *trial);

/* stays_down_ms - estimate of a trial, ms. */
uint64_t stays_down_ms(const struct hb_params *params);

#define STAYS_DOWN_METRIC                                                                    \
	{                                                                                    \
		.name = "stuck", .unit = "1",                                                \
		.help = "share of runs that stay down, by Laplace's rule (k + 1) / (n + 2)", \
		.better = HB_BETTER_LOWER, .basis = HB_BASIS_MODEL, .exact = true,           \
	}

#define STAYS_DOWN_VARIANT(name_, role_, help_, setup_, run_, data_)                         \
	{                                                                                    \
		.name = (name_), .role = (role_), .help = (help_), .setup = (setup_),        \
		.run = (run_), .verify = stays_down_verify, .sabotage = stays_down_sabotage, \
		.data = (data_),                                                             \
	}

#endif
