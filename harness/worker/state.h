/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The trial as the worker's own files see it. Hooks see it through <hotbed/trial.h> only. One per
 * process.
 */
#ifndef HOTBED_WORKER_STATE_H
#define HOTBED_WORKER_STATE_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include <hotbed/experiment.h>

#include "emit.h"
#include "points.h"

#define HB_ROLES_MAX 8
#define HB_ROLE_NAME_BYTES 32

/* CPUs of one process role, from --cpus. */
struct hb_role_cpus {
	char name[HB_ROLE_NAME_BYTES];
	cpu_set_t cpus;
};

struct hb_trial {
	const char *subproject;
	const struct hb_experiment *experiment;
	const struct hb_variant *variant;
	struct hb_params params;
	uint64_t seed;
	bool quick, sabotaged;
	const char *tmpdir;
	struct hb_role_cpus roles[HB_ROLES_MAX];
	size_t role_count;

	void *state;
	int result_fd;
	struct hb_emit lines;    /* written at phase boundaries only, never while run measures */
	const char *phase;       /* the hook that runs */
	bool skipped, failed;    /* what the hooks reported */
	unsigned int namespaces; /* hb_trial_unshare() so far */
};

/*
 * hb_trial_execute - the whole life cycle of one trial, its messages and the clean-up of its
 * children.
 * Returns 0, or -errno when the messages could not be written or memory ran out.
 */
int hb_trial_execute(struct hb_trial *trial);

/* hb_roles_parse - "system=0,load=1-3+5" into @trial->roles. 0 or -EINVAL. */
struct hb_error;
int hb_roles_parse(struct hb_trial *trial, const char *text, struct hb_error *reterr);

/* hb_role_find - CPUs of @role, or NULL when the runner gave it none (it may then run anywhere). */
const struct hb_role_cpus *hb_role_find(const struct hb_trial *trial, const char *role);

/* hb_children_stop_all - kill and reap what hooks started and did not stop. */
void hb_children_stop_all(void);

/* What disturbed the machine and this process, cheap enough to sample around every run phase. */
struct hb_noise {
	uint64_t steal_ticks;          /* all CPUs */
	uint64_t psi_cpu_us;           /* "some" total; 0 where absent */
	uint64_t switches_involuntary; /* of this process */
	uint64_t migrations;           /* of its main thread; 0 where absent */
};

void hb_noise_sample(struct hb_noise *ret);

/*
 * hb_noise_emit - members of the `usage` message for what lies between two samples, @run_ns apart.
 */
void hb_noise_emit(const struct hb_noise *before, const struct hb_noise *after, int64_t run_ns,
	struct hb_emit *emit);

#endif
