/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the experiments on the simulator share: a variant is a policy with options, a point changes options of all, a
 * trial is one run. All values are of basis model.
 */
#ifndef NICOS_BENCH_MODEL_H
#define NICOS_BENCH_MODEL_H

#include <hotbed/experiment.h>

#include <nicos/des.h>

struct hb_trial;

/* Data of a variant. */
struct model_arm {
	enum nic_policy policy;
	uint32_t depth;
	const char *cost; /* as --cost; NULL = defaults */
	double quantum_ns;
	/* The point's parameters into options that hold the defaults and the arm's. */
	void (*prepare)(const struct hb_params *params, struct nic_des_options *options);
};

int model_setup(struct hb_trial *trial);
int model_run(struct hb_trial *trial);
int model_verify(struct hb_trial *trial);
int model_sabotage(struct hb_trial *trial);
int model_teardown(struct hb_trial *trial);

/* The options of the trial at hand, until model_teardown(). */
extern struct nic_des_options model_options;

#define MODEL_REQUESTS 200000

#define MODEL_VARIANT(name_, role_, help_, arm_)                                         \
	{                                                                                \
		.name = (name_), .role = (role_), .help = (help_), .setup = model_setup, \
		.run = model_run, .verify = model_verify, .teardown = model_teardown,    \
		.sabotage = model_sabotage, .data = (arm_),                              \
	}

/* The metrics that every trial reports. */
extern const struct hb_metric model_metrics[];

#endif
