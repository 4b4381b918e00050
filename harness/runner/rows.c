/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rows.h"

#include <stdbool.h>
#include <string.h>

#include <hotbed/clock.h>
#include <hotbed/csv.h>

struct cell_text {
	char start_utc[HB_CLOCK_UTC_BYTES];
};

/* What differs between the rows of one trial. */
struct row {
	const char *metric, *unit, *better, *basis;
	double value;
	uint64_t n;
	bool exact, has_value;
};

static void put_row(struct hb_csv_buffer *b, const struct hb_rows_trial *t,
	const struct cell_text *text, const struct row *row)
{
	const struct hb_plan *plan = t->plan;
	const struct hb_plan_experiment *e = &plan->experiments[t->block->experiment];
	bool control = t->arm == e->variant_count;
	const struct hb_plan_variant *v = &e->variants[control ? e->baseline : t->arm];

	hb_csv_put_text(b, plan->run_id);
	hb_csv_put_text(b, e->subproject);
	hb_csv_put_text(b, e->experiment);
	hb_csv_put_text(b, e->points[t->block->point].params);
	hb_csv_put_u64(b, t->block->point);
	hb_csv_put_u64(b, t->block->block);
	hb_csv_put_u64(b, t->slot);
	hb_csv_put_u64(b, t->attempt);
	hb_csv_put_u64(b, t->seq);
	hb_csv_put_text(b, v->name);
	hb_csv_put_text(b, control ? "control" : v->role);
	hb_csv_put_text(b, hb_status_names[t->status]);
	hb_csv_put_text(b, row->metric);
	if (row->has_value && t->status == HB_STATUS_OK)
		hb_csv_put_double(b, row->value);
	else
		hb_csv_put_text(b, "");
	hb_csv_put_text(b, row->unit);
	hb_csv_put_text(b, row->better);
	hb_csv_put_text(b, row->basis);
	hb_csv_put_text(b, row->exact ? "1" : "0");
	if (row->has_value)
		hb_csv_put_u64(b, row->n);
	else
		hb_csv_put_text(b, "");
	hb_csv_put_u64(b, t->block->seed);
	hb_csv_put_text(b, t->protocol->digest);
	hb_csv_put_text(b, text->start_utc);
	hb_csv_put_u64(b, t->protocol->steal_ppm);
	hb_csv_put_text(b, t->protocol->flags);
	hb_csv_put_text(b, t->env->host_id);
	hb_csv_put_text(b, t->env->env_id);
	hb_csv_put_text(b, t->env->build_id);
	hb_csv_put_text(b, t->detail);
	hb_csv_end_record(b);
}

void hb_rows_put(struct hb_csv_buffer *buffer, const struct hb_rows_trial *trial)
{
	const struct hb_plan_experiment *e = &trial->plan->experiments[trial->block->experiment];
	struct cell_text text;
	const struct row commit = {
		.metric = HB_COMMIT_METRIC,
		.unit = "ns",
		.better = "none",
		.basis = "wall",
		.value = (double)trial->wall_ns,
		.n = 1,
		.has_value = true,
	};

	(void)hb_clock_format_utc(trial->start_wall_ns, text.start_utc);
	for (size_t m = 0; m < e->metric_count; m++) {
		const struct hb_plan_metric *metric = &e->metrics[m];
		const struct hb_protocol_value *value = &trial->protocol->values[m];
		const struct row row = {
			.metric = metric->name,
			.unit = metric->unit,
			.better = metric->better,
			.basis = metric->basis,
			.value = value->value,
			.n = value->n,
			.exact = metric->exact,
			.has_value = value->seen,
		};

		if (value->seen || !metric->optional)
			put_row(buffer, trial, &text, &row);
	}
	put_row(buffer, trial, &text, &commit);
}
