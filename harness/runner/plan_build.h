/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From what the user asks for to a plan: which experiments, points and blocks, in which order, from which seeds. The
 * result is the text of plan.json; it is then read back by plan.h, so that a run and its resumption see the same
 * plan.
 *
 * Seeds: a block's workload seed depends on the run's seed, the experiment's name and the block's number alone. So
 * blocks of the same number pair across points, and an experiment gets the same seeds whatever else the run contains.
 * Not thread-safe.
 */
#ifndef HOTBED_RUNNER_PLAN_BUILD_H
#define HOTBED_RUNNER_PLAN_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "env.h"
#include "manifest.h"

struct hb_error;

enum hb_plan_mode {
	HB_PLAN_HEADLINE, /* one claim per subproject, only the points it needs */
	HB_PLAN_DEFAULT,
	HB_PLAN_QUICK, /* smoke: small sweep, two blocks, no verdicts */
	HB_PLAN_FULL,
};

struct hb_plan_request {
	enum hb_plan_mode mode;
	const char *const
		*operands;          /* SUB or SUB/EXPERIMENT, NULL-terminated; empty = everything */
	const char *const *sets;    /* "k=v,v2,k2=v", NULL-terminated; NULL = none */
	const char *const *filters; /* "k=glob,variant=glob", NULL-terminated; NULL = none */
	uint64_t seed;
	uint32_t blocks; /* 0 = what the tables say */
	bool until_ci;
	const struct hb_manifest *manifest;
	const struct hb_manifest *against; /* another build's, or NULL */
	uint64_t free_bytes; /* points that need more are planned as skipped; 0 = no limit */
	uint64_t budget_ms;  /* headline: blocks are reduced (not below 6) to fit; 0 = no limit */
	const char *run_id, *created_utc;
	bool sabotage; /* every variant is made wrong on purpose */
	/*
	 * Called once, with the paths of the drivers that the plan uses (NULL-terminated): the ids of host,
	 * environment and build. Returns 0 or -errno, which hb_plan_build() passes on.
	 */
	int (*identify)(const char *const *driver_paths, void *user, struct hb_env *ret,
		struct hb_error *reterr);
	void *user;
};

struct hb_plan_text {
	char *text; /* NUL-terminated; freed by the caller */
	size_t length_bytes;
	uint64_t estimate_ms; /* of the whole run */
	uint64_t trial_count;
	size_t skipped_points;
};

/*
 * hb_plan_build - make the plan.
 * Returns 0; -EINVAL for what the user got wrong (an unknown name, with the nearest one; a value the tables refuse);
 * -ENODATA when nothing is left to run; -E2BIG for a plan beyond plan_limits.h; -EBADMSG for a faulty driver;
 * -ENOMEM. Blocks while drivers list their points.
 */
int hb_plan_build(
	const struct hb_plan_request *request, struct hb_plan_text *ret, struct hb_error *reterr);

/* hb_plan_free_bytes - MemAvailable of the machine; 0 if unknown. */
uint64_t hb_plan_free_bytes(void);

/* hb_plan_looks - the numbers of blocks at which --until-ci looks; ascending, shape [HB_PLAN_LOOK_COUNT]. */
#define HB_PLAN_LOOK_COUNT 4
extern const uint32_t hb_plan_looks[HB_PLAN_LOOK_COUNT];

#endif
