/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bounds of a plan: what the builder refuses to write and the parser refuses to read. They keep a hostile or mistaken
 * plan from taking the memory of the machine; none is near what an honest experiment needs.
 */
#ifndef HOTBED_RUNNER_PLAN_LIMITS_H
#define HOTBED_RUNNER_PLAN_LIMITS_H

#include <stdbool.h>

#define HB_PLAN_SCHEMA "hotbed.plan/1"
#define HB_PLAN_AGAINST_SUFFIX "@against"

#define HB_PLAN_NAME_BYTES_MAX 200
#define HB_PLAN_PARAMS_BYTES_MAX 4096
#define HB_PLAN_DRIVERS_MAX 256
#define HB_PLAN_EXPERIMENTS_MAX 4096
#define HB_PLAN_POINTS_MAX 1000000
#define HB_PLAN_METRICS_MAX 1024
#define HB_PLAN_CLAIMS_MAX 1024
#define HB_PLAN_VARIANTS_MAX 63       /* with the control, one bit each in 64 */
#define HB_PLAN_BLOCKS_MAX 100000     /* of one point */
#define HB_PLAN_CELLS_MAX 4000000     /* blocks at all points together */
#define HB_PLAN_TRIAL_MS_MAX 86400000 /* a day */
#define HB_PLAN_FILE_BYTES_MAX (1 << 30)

/* hb_plan_params_valid - is @params "" or "k=v;k=v" in the characters [A-Za-z0-9._+-]? */
bool hb_plan_params_valid(const char *params);

#endif
