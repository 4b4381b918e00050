/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A run's plan in memory: what will be executed, in which order, from which seeds. Written to plan.json before trial
 * one; everything later (resume, summary, report) reads it back, so that no stage needs the drivers again.
 * Format: docs/reference/formats.md, "Plan". Not thread-safe.
 */
#ifndef HOTBED_RUNNER_PLAN_H
#define HOTBED_RUNNER_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

struct hb_error;

struct hb_plan_point {
	char *params; /* "k=v;k=v", "" when the experiment has no parameters */
	uint64_t memory_bytes;
	uint64_t trial_ms;
	char *skip; /* why no trial is planned here; "" = planned */
};

/* A metric as the driver described it. Strings are owned by the plan. */
struct hb_plan_metric {
	const char *name, *unit, *better, *basis;
	bool exact, optional;
	double min_effect;
};

struct hb_plan_variant {
	const char *name; /* "posix_spawn", or "posix_spawn@against" */
	const char *role;
	const char *digest_class;
	uint32_t driver;            /* index into hb_plan.drivers: whose binary runs it */
	const char *driver_variant; /* the name the driver knows it by */
};

struct hb_plan_claim {
	const char *name, *text, *paper, *section, *metric, *variant, *where;
	const char *against_variant, *against_where, *needs;
	double lo, hi;
	bool headline;
};

struct hb_plan_experiment {
	const char *subproject, *experiment, *question;
	const cJSON *describe; /* this experiment's member of the driver's description */
	struct hb_plan_point *points;
	struct hb_plan_metric *metrics;
	struct hb_plan_variant *variants;
	struct hb_plan_claim *claims;
	size_t point_count, metric_count, variant_count, claim_count;
	uint32_t baseline; /* index into variants */
	uint32_t blocks;
	bool until_ci, unseeded, quiet;
};

struct hb_plan_driver {
	const char *subproject, *path;
};

/* One block: every variant of one experiment at one point once, plus the control. */
struct hb_plan_block {
	uint32_t experiment, point, block;
	uint64_t seed;
	uint16_t slot_count;
	uint16_t *order; /* shape [slot_count]: variant index; variant_count = the control */
};

struct hb_plan {
	char run_id[37];
	const char *mode; /* quick, default, full, headline */
	const char *created_utc, *host_id, *env_id, *build_id;
	uint64_t seed;
	bool verdicts;
	bool sabotage; /* variants are made wrong on purpose: every one must fail verify */
	struct hb_plan_driver *drivers;
	struct hb_plan_experiment *experiments;
	struct hb_plan_block *blocks; /* in order of execution */
	uint16_t *order_slots;        /* the blocks' orders, one after the other */
	size_t driver_count, experiment_count, block_count;
	cJSON *json; /* owns the strings above; the "blocks" member has been dropped */
};

/*
 * hb_plan_load - read and check a plan.json from outside: indices in range, orders that are permutations.
 * @ret: filled on success; hb_plan_finish() frees it. Returns 0, -ENOENT, -EBADMSG (what, where) or -ENOMEM.
 */
int hb_plan_load(const char *path, struct hb_plan *ret, struct hb_error *reterr);

/* hb_plan_parse - the same from memory (fuzzed). @path: for messages. */
int hb_plan_parse(const char *text, size_t length_bytes, const char *path, struct hb_plan *ret,
	struct hb_error *reterr);

void hb_plan_finish(struct hb_plan *plan);

/* hb_plan_find_experiment - index of SUB/EXPERIMENT, or -ENOENT. */
int hb_plan_find_experiment(
	const struct hb_plan *plan, const char *subproject, const char *experiment);

#endif
