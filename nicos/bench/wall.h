/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the experiments on this machine share: a variant is a system of `nicos live` with options, a trial is
 * one run on two CPUs. All times are of basis wall.
 */
#ifndef NICOS_BENCH_WALL_H
#define NICOS_BENCH_WALL_H

#include <hotbed/experiment.h>

#include <nicos/live.h>

struct hb_trial;

/* Data of a variant. */
struct wall_arm {
	enum nic_live_system system;
	enum nic_live_mode mode;
	bool idle_spinner;
	uint32_t depth; /* 0 = 1 */
	/* The point's parameters into options that hold the defaults and the arm's. */
	void (*prepare)(const struct hb_params *params, struct nic_live_options *options);
};

int wall_probe(struct hb_trial *trial);
int wall_setup(struct hb_trial *trial);
int wall_run(struct hb_trial *trial);
int wall_verify(struct hb_trial *trial);
int wall_sabotage(struct hb_trial *trial);
int wall_teardown(struct hb_trial *trial);

#define WALL_VARIANT(name_, role_, help_, arm_)                                         \
	{                                                                               \
		.name = (name_), .role = (role_), .help = (help_), .probe = wall_probe, \
		.setup = wall_setup, .run = wall_run, .verify = wall_verify,            \
		.teardown = wall_teardown, .sabotage = wall_sabotage, .data = (arm_),   \
	}

/* The metrics that every trial reports. */
extern const struct hb_metric wall_metrics[];

#endif
