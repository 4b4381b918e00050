/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The options that `hotbed run` and `hotbed plan` share, turned into a plan, and the limits that `run` and `resume`
 * share. Messages about mistakes go to standard error; the return value is then the exit code. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_RUN_OPTIONS_H
#define HOTBED_RUNNER_RUN_OPTIONS_H

#include <stdint.h>

#include <cjson/cJSON.h>

#include "command.h"
#include "env.h"
#include "manifest.h"
#include "plan_build.h"

/* The shared entries of the option tables: one line each, which clang-format would not keep. */
/* clang-format off */
#define HB_RUN_PLAN_OPTIONS \
	{"all", 0, NULL, "Every experiment of every subproject; the estimate comes first."}, \
	{"quick", 0, NULL, "A smoke run: small sweeps, two blocks, at most 60 s, no verdicts."}, \
	{"full", 0, NULL, "The large sweeps."}, \
	{"blocks", 0, "N", "Blocks per point instead of the tables'; below 6 no verdicts."}, \
	{"set", 0, "K=V,...", "Values of parameters instead of the sweep: k=v,v2,k2=v."}, \
	{"filter", 0, "K=GLOB,...", "Only points that match; variant=GLOB chooses variants."}, \
	{"seed", 0, "N", "The run's seed; all workloads and orders follow from it."}, \
	{"until-ci", 0, NULL, "Stop points that are decided after 8, 12, 18 or 24 blocks."}, \
	{"against", 0, "BUILD_DIR", "Compare each variant with the same one of another build."}, \
	{"drivers", 0, "FILE", "A list of drivers (drivers.json) instead of this build's."}, \
	{"sabotage", 0, NULL, "Make every variant wrong: a test that verify notices."}

#define HB_RUN_LIMIT_OPTIONS \
	{"max-time", 0, "TIME", "Begin no block that would end later: 90s, 5m, 1h30m."}, \
	{"jobs", 0, "N", "Trials at a time where all values are exact; else one."}
/* clang-format on */

/* A plan and what it was made from. */
struct hb_run_plan {
	struct hb_manifest manifest, against;
	struct hb_plan_text text;
	struct hb_env env;
	cJSON *env_json;
	enum hb_plan_mode mode;
	uint64_t seed;
	char run_id[37];
};

/*
 * hb_run_plan_make - from the command line to a plan. Returns HB_EXIT_DONE, or the exit code after a message.
 * @ret: hb_run_plan_finish() frees it, also after a failure.
 */
enum hb_exit hb_run_plan_make(const struct hb_arguments *arguments, struct hb_run_plan *ret);
void hb_run_plan_finish(struct hb_run_plan *plan);

/* hb_run_max_time - the value of --max-time in ns, @fallback_ns without it. 0 or -EINVAL after a message. */
int hb_run_max_time(const struct hb_arguments *arguments, int64_t fallback_ns, int64_t *ret);

/* hb_run_exit_code - for an -errno of this part: which exit code it is. */
enum hb_exit hb_run_exit_code(int error);

#endif
