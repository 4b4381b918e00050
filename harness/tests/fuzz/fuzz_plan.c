/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hb_plan_parse(): whatever it accepts can be used without a further check. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include "plan.h"

#include "fuzz.h"

static void check_block(const struct hb_plan *plan, const struct hb_plan_block *block)
{
	hb_assert(block->experiment < plan->experiment_count);
	const struct hb_plan_experiment *e = &plan->experiments[block->experiment];
	uint64_t seen = 0;

	hb_assert(block->point < e->point_count && block->block < e->blocks);
	hb_assert(block->slot_count == e->variant_count + 1 && block->slot_count <= 64);
	for (uint16_t s = 0; s < block->slot_count; s++)
		seen |= UINT64_C(1) << block->order[s];
	hb_assert(seen == ~UINT64_C(0) >> (64 - block->slot_count));
}

static void check_plan(const struct hb_plan *plan)
{
	hb_assert(plan->json && strlen(plan->run_id) < sizeof(plan->run_id));
	for (size_t i = 0; i < plan->experiment_count; i++) {
		const struct hb_plan_experiment *e = &plan->experiments[i];

		hb_assert(e->variant_count > 0 && e->baseline < e->variant_count && e->blocks > 0);
		for (size_t v = 0; v < e->variant_count; v++)
			hb_assert(e->variants[v].driver < plan->driver_count &&
				  e->variants[v].role && e->variants[v].driver_variant);
		for (size_t p = 0; p < e->point_count; p++)
			hb_assert(e->points[p].params && e->points[p].skip);
		for (size_t m = 0; m < e->metric_count; m++)
			hb_assert(e->metrics[m].name && e->metrics[m].min_effect >= 0);
	}
	for (size_t b = 0; b < plan->block_count; b++)
		check_block(plan, &plan->blocks[b]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hb_plan plan;
	struct hb_error error = {0};
	/* A copy of exactly this size: sanitizers see a look behind the end. */
	char *text = malloc(size ? size : 1);

	hb_assert(text);
	if (size > 0)
		memcpy(text, data, size);
	if (hb_plan_parse(text, size, "plan.json", &plan, &error)) {
		hb_assert(error.code < 0 && error.text[0]);
	} else {
		check_plan(&plan);
		hb_plan_finish(&plan);
	}
	free(text);
	return 0;
}
