/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One finished trial as rows of trials.csv: a row per metric in the order of the tables, the commit mark last. */
#ifndef HOTBED_RUNNER_ROWS_H
#define HOTBED_RUNNER_ROWS_H

#include <stdint.h>

#include "blocks.h"
#include "env.h"
#include "protocol.h"

struct hb_csv_buffer;

struct hb_rows_trial {
	const struct hb_plan *plan;
	const struct hb_env *env; /* of now; after a resumption it may not be the plan's */
	const struct hb_plan_block *block;
	uint32_t arm; /* variant index; variant_count = the control */
	uint32_t slot, attempt;
	uint64_t seq;
	enum hb_status status;
	const char *detail; /* "" = nothing to say */
	const struct hb_protocol *protocol;
	int64_t start_wall_ns, wall_ns;
};

/*
 * hb_rows_put - append the rows to @buffer. Values are written only if the status is ok; optional metrics that were not
 * reported have no row. Failures of memory show in @buffer.
 */
void hb_rows_put(struct hb_csv_buffer *buffer, const struct hb_rows_trial *trial);

#endif
