/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables as JSON. Declared in table.h. */
#include "table.h"

#include <errno.h>
#include <stdlib.h>

#include "emit.h"

#define MEMORY_BYTES_DEFAULT (UINT64_C(64) << 20)
#define TRIAL_MS_DEFAULT 500
#define BLOCKS_DEFAULT 12
#define MIN_EFFECT_DEFAULT 0.03

static const char *const type_names[] = {
	[HB_PARAM_TEXT] = "text", [HB_PARAM_INT] = "int", [HB_PARAM_REAL] = "real"};
static const char *const role_names[] = {
	[HB_ROLE_BASELINE] = "baseline",
	[HB_ROLE_RIVAL] = "rival",
	[HB_ROLE_IDEA] = "idea",
	[HB_ROLE_CONTROL] = "control",
	[HB_ROLE_NEGATIVE] = "negative",
};
static const char *const better_names[] = {
	[HB_BETTER_NONE] = "none", [HB_BETTER_LOWER] = "lower", [HB_BETTER_HIGHER] = "higher"};
static const char *const basis_names[] = {
	[HB_BASIS_WALL] = "wall",
	[HB_BASIS_CPU] = "cpu",
	[HB_BASIS_COUNT] = "count",
	[HB_BASIS_MODEL] = "model",
};

static int describe_sweep(const struct hb_param *param, const char *key, enum hb_sweep sweep,
	struct hb_emit *emit, struct hb_error *reterr)
{
	struct hb_values values;
	int err = hb_param_values(param, sweep, &values, reterr);

	if (err)
		return err;
	hb_emit_open(emit, key, '[');
	for (size_t i = 0; i < values.count; i++)
		hb_emit_text(emit, NULL, values.values[i].text);
	hb_emit_close(emit, ']');
	hb_values_finish(&values);
	return 0;
}

static int describe_params(
	const struct hb_experiment *experiment, struct hb_emit *emit, struct hb_error *reterr)
{
	int err = 0;

	hb_emit_open(emit, "params", '[');
	for (size_t i = 0; i < hb_params_count(experiment->params) && !err; i++) {
		const struct hb_param *param = &experiment->params[i];

		hb_emit_open(emit, NULL, '{');
		hb_emit_text(emit, "name", param->name);
		hb_emit_text(emit, "type", type_names[param->type]);
		hb_emit_text(emit, "unit", param->unit ? param->unit : "1");
		hb_emit_text(emit, "help", param->help);
		err = describe_sweep(param, "sweep", HB_SWEEP_DEFAULT, emit, reterr);
		if (!err)
			err = describe_sweep(param, "sweep_quick", HB_SWEEP_QUICK, emit, reterr);
		if (!err)
			err = describe_sweep(param, "sweep_full", HB_SWEEP_FULL, emit, reterr);
		hb_emit_close(emit, '}');
	}
	hb_emit_close(emit, ']');
	return err;
}

static void describe_metrics(const struct hb_experiment *experiment, struct hb_emit *emit)
{
	hb_emit_open(emit, "metrics", '[');
	for (const struct hb_metric *metric = experiment->metrics; metric->name; metric++) {
		double min_effect = metric->min_effect;

		if (min_effect == 0 && !metric->exact)
			min_effect = MIN_EFFECT_DEFAULT;
		hb_emit_open(emit, NULL, '{');
		hb_emit_text(emit, "name", metric->name);
		hb_emit_text(emit, "unit", metric->unit);
		hb_emit_text(emit, "help", metric->help);
		hb_emit_text(emit, "better", better_names[metric->better]);
		hb_emit_text(emit, "basis", basis_names[metric->basis]);
		hb_emit_bool(emit, "exact", metric->exact);
		hb_emit_bool(emit, "optional", metric->optional);
		hb_emit_double(emit, "min_effect", min_effect);
		hb_emit_close(emit, '}');
	}
	hb_emit_close(emit, ']');
}

static void describe_variants(const struct hb_experiment *experiment, struct hb_emit *emit)
{
	hb_emit_open(emit, "variants", '[');
	for (const struct hb_variant *variant = experiment->variants; variant->name; variant++) {
		hb_emit_open(emit, NULL, '{');
		hb_emit_text(emit, "name", variant->name);
		hb_emit_text(emit, "role", role_names[variant->role]);
		hb_emit_text(emit, "help", variant->help);
		hb_emit_text(emit, "digest_class", variant->digest_class);
		hb_emit_close(emit, '}');
	}
	hb_emit_close(emit, ']');
}

/*
 * The point of @where in canonical text ("rss_bytes=1G" becomes 1073741824), so that readers
 * compare strings.
 */
static int describe_where(const struct hb_experiment *experiment, const char *key,
	const char *where, struct hb_emit *emit, struct hb_error *reterr)
{
	struct hb_params all, named = {0};
	struct hb_param table[HB_PARAMS_MAX];
	char *text;
	int err = hb_params_parse(experiment, where ? where : "", true, &all, reterr);

	if (err)
		return err;
	named.table = table;
	for (size_t i = 0; i < all.count; i++) {
		if (all.values[i].text[0]) {
			table[named.count] = all.table[i];
			named.values[named.count++] = all.values[i];
		}
	}
	text = hb_params_format(&named);
	if (!text)
		return -ENOMEM;
	hb_emit_text(emit, key, text);
	free(text);
	return 0;
}

static int describe_claims(
	const struct hb_experiment *experiment, struct hb_emit *emit, struct hb_error *reterr)
{
	const struct hb_claim *claim = experiment->claims;
	int err = 0;

	hb_emit_open(emit, "claims", '[');
	for (; claim && claim->name && !err; claim++) {
		hb_emit_open(emit, NULL, '{');
		hb_emit_text(emit, "name", claim->name);
		hb_emit_text(emit, "text", claim->text);
		hb_emit_text(emit, "paper", claim->paper);
		hb_emit_text(emit, "section", claim->section);
		hb_emit_text(emit, "metric", claim->metric);
		hb_emit_text(emit, "variant", claim->variant);
		err = describe_where(experiment, "where", claim->where, emit, reterr);
		hb_emit_text(emit, "against_variant", claim->against_variant);
		if (!err)
			err = describe_where(
				experiment, "against_where", claim->against_where, emit, reterr);
		hb_emit_double(emit, "lo", claim->lo);
		hb_emit_double(emit, "hi", claim->hi);
		hb_emit_text(emit, "needs", claim->needs);
		hb_emit_bool(emit, "headline", claim->headline != 0);
		hb_emit_close(emit, '}');
	}
	hb_emit_close(emit, ']');
	return err;
}

static void describe_chart(const struct hb_chart *chart, struct hb_emit *emit)
{
	hb_emit_open(emit, "chart", '{');
	hb_emit_text(emit, "x", chart->x);
	hb_emit_text(emit, "facet", chart->facet);
	hb_emit_text(emit, "metric", chart->metric);
	hb_emit_bool(emit, "log_x", chart->log_x);
	hb_emit_bool(emit, "log_y", chart->log_y);
	hb_emit_close(emit, '}');
}

static int describe_experiment(
	const struct hb_experiment *experiment, struct hb_emit *emit, struct hb_error *reterr)
{
	int blocks = experiment->unseeded ? 1 : BLOCKS_DEFAULT;
	int err;

	if (experiment->blocks)
		blocks = experiment->blocks;
	hb_emit_open(emit, NULL, '{');
	hb_emit_text(emit, "name", experiment->name);
	hb_emit_text(emit, "question", experiment->question);
	hb_emit_small(emit, "blocks", blocks);
	hb_emit_bool(emit, "unseeded", experiment->unseeded);
	hb_emit_bool(emit, "quiet", experiment->quiet);
	hb_emit_open(emit, "roles", '[');
	for (size_t i = 0; experiment->roles && experiment->roles[i]; i++)
		hb_emit_text(emit, NULL, experiment->roles[i]);
	hb_emit_close(emit, ']');
	describe_chart(&experiment->chart, emit);
	err = describe_params(experiment, emit, reterr);
	describe_metrics(experiment, emit);
	describe_variants(experiment, emit);
	if (!err)
		err = describe_claims(experiment, emit, reterr);
	hb_emit_close(emit, '}');
	return err;
}

int hb_driver_describe(
	const struct hb_driver *driver, struct hb_emit *emit, struct hb_error *reterr)
{
	int err = 0;

	hb_emit_open(emit, NULL, '{');
	hb_emit_text(emit, "schema", "hotbed.describe/1");
	hb_emit_text(emit, "subproject", driver->subproject);
	hb_emit_text(emit, "version", driver->version);
	hb_emit_open(emit, "experiments", '[');
	for (size_t i = 0; driver->experiments[i] && !err; i++)
		err = describe_experiment(driver->experiments[i], emit, reterr);
	hb_emit_close(emit, ']');
	hb_emit_close(emit, '}');
	hb_emit_newline(emit);
	return err ? err : emit->failed;
}

int hb_points_describe(const struct hb_experiment *experiment, const struct hb_points *points,
	struct hb_emit *emit)
{
	hb_emit_open(emit, NULL, '{');
	hb_emit_text(emit, "schema", "hotbed.points/1");
	hb_emit_text(emit, "experiment", experiment->name);
	hb_emit_open(emit, "points", '[');
	for (size_t i = 0; i < points->count; i++) {
		const struct hb_params *point = &points->points[i];
		uint64_t memory_bytes = MEMORY_BYTES_DEFAULT, trial_ms = TRIAL_MS_DEFAULT;
		char *text = hb_params_format(point);

		if (!text)
			return -ENOMEM;
		if (experiment->memory_bytes)
			memory_bytes = experiment->memory_bytes(point);
		if (experiment->trial_ms)
			trial_ms = experiment->trial_ms(point);
		hb_emit_open(emit, NULL, '{');
		hb_emit_text(emit, "params", text);
		hb_emit_u64(emit, "memory_bytes", memory_bytes);
		hb_emit_u64(emit, "trial_ms", trial_ms);
		hb_emit_close(emit, '}');
		free(text);
	}
	hb_emit_close(emit, ']');
	hb_emit_close(emit, '}');
	hb_emit_newline(emit);
	return emit->failed;
}
