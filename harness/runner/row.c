/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "row.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

const char *const hb_column_names[HB_COLUMN_COUNT] = {
	[HB_COLUMN_RUN_ID] = "run_id",
	[HB_COLUMN_SUBPROJECT] = "subproject",
	[HB_COLUMN_EXPERIMENT] = "experiment",
	[HB_COLUMN_PARAMS] = "params",
	[HB_COLUMN_POINT] = "point",
	[HB_COLUMN_BLOCK] = "block",
	[HB_COLUMN_SLOT] = "slot",
	[HB_COLUMN_ATTEMPT] = "attempt",
	[HB_COLUMN_SEQ] = "seq",
	[HB_COLUMN_VARIANT] = "variant",
	[HB_COLUMN_ROLE] = "role",
	[HB_COLUMN_STATUS] = "status",
	[HB_COLUMN_METRIC] = "metric",
	[HB_COLUMN_VALUE] = "value",
	[HB_COLUMN_UNIT] = "unit",
	[HB_COLUMN_BETTER] = "better",
	[HB_COLUMN_BASIS] = "basis",
	[HB_COLUMN_EXACT] = "exact",
	[HB_COLUMN_N] = "n",
	[HB_COLUMN_SEED] = "seed",
	[HB_COLUMN_DIGEST] = "digest",
	[HB_COLUMN_START_UTC] = "start_utc",
	[HB_COLUMN_STEAL_PPM] = "steal_ppm",
	[HB_COLUMN_FLAGS] = "flags",
	[HB_COLUMN_HOST_ID] = "host_id",
	[HB_COLUMN_ENV_ID] = "env_id",
	[HB_COLUMN_BUILD_ID] = "build_id",
	[HB_COLUMN_DETAIL] = "detail",
};

const char *const hb_status_names[HB_STATUS_COUNT] = {
	[HB_STATUS_OK] = "ok",
	[HB_STATUS_VERIFY_FAILED] = "verify_failed",
	[HB_STATUS_CRASHED] = "crashed",
	[HB_STATUS_TIMEOUT] = "timeout",
	[HB_STATUS_OOM] = "oom",
	[HB_STATUS_SETUP_FAILED] = "setup_failed",
	[HB_STATUS_PROTOCOL_ERROR] = "protocol_error",
	[HB_STATUS_INVALID_LOAD] = "invalid_load",
	[HB_STATUS_SKIPPED] = "skipped",
	[HB_STATUS_INTERRUPTED] = "interrupted",
};

int hb_status_parse(const char *name)
{
	for (int i = 0; i < HB_STATUS_COUNT; i++)
		if (!strcmp(name, hb_status_names[i]))
			return i;
	return -EINVAL;
}
