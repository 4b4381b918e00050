/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The columns of trials.csv: one row per trial and metric. Columns are only ever appended; readers go by name.
 * The last row of every trial is metric "trial_wall": its commit mark.
 */
#ifndef HOTBED_RUNNER_ROW_H
#define HOTBED_RUNNER_ROW_H

enum hb_column {
	HB_COLUMN_RUN_ID, /* UUIDv7 */
	HB_COLUMN_SUBPROJECT,
	HB_COLUMN_EXPERIMENT,
	HB_COLUMN_PARAMS,  /* k=v;k=v, keys sorted */
	HB_COLUMN_POINT,   /* index of the point in the experiment */
	HB_COLUMN_BLOCK,   /* pairing key */
	HB_COLUMN_SLOT,    /* position in the block */
	HB_COLUMN_ATTEMPT, /* 0 = first */
	HB_COLUMN_SEQ,     /* global execution order */
	HB_COLUMN_VARIANT, /* the control carries the baseline's name and role "control" */
	HB_COLUMN_ROLE,
	HB_COLUMN_STATUS,
	HB_COLUMN_METRIC,
	HB_COLUMN_VALUE, /* shortest round-trip decimal, "inf"; empty unless status is ok */
	HB_COLUMN_UNIT,
	HB_COLUMN_BETTER,
	HB_COLUMN_BASIS,
	HB_COLUMN_EXACT, /* 0 or 1 */
	HB_COLUMN_N,
	HB_COLUMN_SEED,
	HB_COLUMN_DIGEST,
	HB_COLUMN_START_UTC,
	HB_COLUMN_STEAL_PPM,
	HB_COLUMN_FLAGS, /* steal;psi;migrated;late;unsteady, separated by ';' */
	HB_COLUMN_HOST_ID,
	HB_COLUMN_ENV_ID,
	HB_COLUMN_BUILD_ID,
	HB_COLUMN_DETAIL,
	HB_COLUMN_COUNT,
};

/* hb_column_names - shape [HB_COLUMN_COUNT], the header of trials.csv. */
extern const char *const hb_column_names[HB_COLUMN_COUNT];

enum hb_status {
	HB_STATUS_OK,
	HB_STATUS_VERIFY_FAILED,
	HB_STATUS_CRASHED,
	HB_STATUS_TIMEOUT,
	HB_STATUS_OOM,
	HB_STATUS_SETUP_FAILED,
	HB_STATUS_PROTOCOL_ERROR,
	HB_STATUS_INVALID_LOAD,
	HB_STATUS_SKIPPED,
	HB_STATUS_INTERRUPTED,
	HB_STATUS_COUNT,
};

extern const char *const hb_status_names[HB_STATUS_COUNT];

/* hb_status_parse - index of @name, or -EINVAL. */
int hb_status_parse(const char *name);

#define HB_COMMIT_METRIC "trial_wall"

#endif
