/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "table.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>

#define NAME_BYTES_MAX 63
#define LIST_MAX 256 /* entries of one table; a missing end mark is found instead of running on */
#define BLOCKS_MIN 6
#define BLOCKS_MAX 1000

static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
static const char dashed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
static const char underscored[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
static const char loose[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-";

const struct hb_variant *hb_find_variant(const struct hb_experiment *experiment, const char *name)
{
	for (const struct hb_variant *variant = experiment->variants; variant->name; variant++) {
		if (strcmp(variant->name, name) == 0)
			return variant;
	}
	return NULL;
}

const struct hb_metric *hb_find_metric(const struct hb_experiment *experiment, const char *name)
{
	for (const struct hb_metric *metric = experiment->metrics; metric->name; metric++) {
		if (strcmp(metric->name, name) == 0)
			return metric;
	}
	return NULL;
}

static const struct hb_param *find_param(const struct hb_experiment *experiment, const char *name)
{
	for (size_t i = 0; i < hb_params_count(experiment->params); i++) {
		if (strcmp(experiment->params[i].name, name) == 0)
			return &experiment->params[i];
	}
	return NULL;
}

__attribute__((format(printf, 3, 4))) static int fault(
	const struct hb_experiment *experiment, struct hb_error *reterr, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return hb_error_set(reterr, -EINVAL,
		"faulty table: experiment '%s': %s; correct the driver", experiment->name, text);
}

static bool is_name(const char *name, const char *first, const char *accepted)
{
	size_t length = name ? strlen(name) : 0;

	return length > 0 && length <= NAME_BYTES_MAX && strchr(first, name[0]) &&
	       strspn(name, accepted) == length;
}

/* Text that goes into one line of a report. */
static bool is_line(const char *text)
{
	if (!text || !*text)
		return false;
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	}
	return true;
}

static bool is_base_unit(const char *unit)
{
	static const char *const units[] = {"ns", "B", "1", "1/s", "J"};

	for (size_t i = 0; unit && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(unit, units[i]) == 0)
			return true;
	}
	return false;
}

static int check_sweeps(const struct hb_experiment *experiment, const struct hb_param *param,
	struct hb_error *reterr)
{
	const char *sweeps[] = {param->sweep, param->sweep_quick, param->sweep_full};

	for (size_t i = 0; i < 3; i++) {
		struct hb_values values;
		int err;

		if (!sweeps[i])
			continue;
		err = hb_values_expand(param, sweeps[i], param->allowed != NULL, &values, reterr);
		if (err == -EINVAL)
			(void)hb_error_wrap(reterr, "faulty table: experiment '%s': sweep '%s'",
				experiment->name, sweeps[i]);
		if (err)
			return err;
		hb_values_finish(&values);
	}
	return 0;
}

static int check_param(
	const struct hb_experiment *experiment, size_t index, struct hb_error *reterr)
{
	const struct hb_param *param = &experiment->params[index];

	if (index == HB_PARAMS_MAX)
		return fault(experiment, reterr, "more than %d parameters", HB_PARAMS_MAX);
	if (!is_name(param->name, lower, underscored))
		return fault(experiment, reterr,
			"parameter name '%.64s' is not lower_case_with_underscores", param->name);
	if (find_param(experiment, param->name) != param)
		return fault(experiment, reterr, "parameter '%s' is declared twice", param->name);
	if (param->type != HB_PARAM_TEXT && param->type != HB_PARAM_INT &&
		param->type != HB_PARAM_REAL)
		return fault(experiment, reterr, "parameter '%s' has no known type", param->name);
	if (param->unit && !is_base_unit(param->unit))
		return fault(experiment, reterr,
			"parameter '%s' has unit '%.16s', not one of ns, B, 1, 1/s, J", param->name,
			param->unit);
	if (!is_line(param->help))
		return fault(
			experiment, reterr, "parameter '%s' has no one-line help", param->name);
	if (!param->sweep)
		return fault(experiment, reterr, "parameter '%s' has no sweep", param->name);
	if (!(param->min <= param->max))
		return fault(experiment, reterr, "parameter '%s' has a minimum above its maximum",
			param->name);
	return check_sweeps(experiment, param, reterr);
}

static int check_metric(
	const struct hb_experiment *experiment, size_t index, struct hb_error *reterr)
{
	const struct hb_metric *metric = &experiment->metrics[index];

	if (index == LIST_MAX)
		return fault(experiment, reterr, "more than %d metrics, or no end mark", LIST_MAX);
	if (!is_name(metric->name, lower, underscored))
		return fault(experiment, reterr,
			"metric name '%.64s' is not lower_case_with_underscores", metric->name);
	if (strcmp(metric->name, "trial_wall") == 0)
		return fault(experiment, reterr,
			"metric name 'trial_wall' is the journal's commit mark");
	if (hb_find_metric(experiment, metric->name) != metric)
		return fault(experiment, reterr, "metric '%s' is declared twice", metric->name);
	if (!is_base_unit(metric->unit))
		return fault(experiment, reterr,
			"metric '%s' has unit '%.16s', not one of ns, B, 1, 1/s, J", metric->name,
			metric->unit ? metric->unit : "");
	if (!is_line(metric->help))
		return fault(experiment, reterr, "metric '%s' has no one-line help", metric->name);
	if ((unsigned)metric->better > HB_BETTER_HIGHER || (unsigned)metric->basis > HB_BASIS_MODEL)
		return fault(experiment, reterr, "metric '%s' has no known better or basis",
			metric->name);
	if (!(metric->min_effect >= 0 && metric->min_effect < 1))
		return fault(experiment, reterr, "metric '%s' has a minimum effect outside [0, 1)",
			metric->name);
	return 0;
}

static int check_variant(
	const struct hb_experiment *experiment, size_t index, struct hb_error *reterr)
{
	const struct hb_variant *variant = &experiment->variants[index];

	if (index == LIST_MAX)
		return fault(experiment, reterr, "more than %d variants, or no end mark", LIST_MAX);
	if (!is_name(variant->name, loose, loose))
		return fault(experiment, reterr,
			"variant name '%.64s' has characters other than A-Z a-z 0-9 . _ + -",
			variant->name);
	if (hb_find_variant(experiment, variant->name) != variant)
		return fault(experiment, reterr, "variant '%s' is declared twice", variant->name);
	if (variant->role == HB_ROLE_CONTROL)
		return fault(experiment, reterr,
			"variant '%s' declares role control, which is the "
			"runner's second run of the baseline",
			variant->name);
	if ((unsigned)variant->role > HB_ROLE_NEGATIVE)
		return fault(experiment, reterr, "variant '%s' has no known role", variant->name);
	if (!variant->run || !variant->verify || !variant->sabotage)
		return fault(experiment, reterr, "variant '%s' has no %s hook", variant->name,
			!variant->run      ? "run"
			: !variant->verify ? "verify"
					   : "sabotage");
	if (!is_line(variant->help))
		return fault(
			experiment, reterr, "variant '%s' has no one-line help", variant->name);
	if (variant->digest_class && !is_name(variant->digest_class, loose, loose))
		return fault(experiment, reterr, "variant '%s' has digest class '%.64s'",
			variant->name, variant->digest_class);
	return 0;
}

static int check_baseline(const struct hb_experiment *experiment, struct hb_error *reterr)
{
	size_t baselines = 0;

	for (const struct hb_variant *variant = experiment->variants; variant->name; variant++)
		baselines += variant->role == HB_ROLE_BASELINE;
	if (baselines != 1)
		return fault(experiment, reterr, "it has %zu baselines, exactly one is needed",
			baselines);
	return 0;
}

/*
 * Can some point of the experiment's sweeps match @where? A claim about none would never be judged.
 */
static int check_where(const struct hb_experiment *experiment, const struct hb_claim *claim,
	const char *where, struct hb_error *reterr)
{
	struct hb_params wanted;
	int err = hb_params_parse(experiment, where, true, &wanted, reterr);

	if (err == -EINVAL)
		(void)hb_error_wrap(
			reterr, "faulty table: claim '%s': where '%s'", claim->name, where);
	for (size_t i = 0; !err && i < wanted.count; i++) {
		bool found = wanted.values[i].text[0] == '\0';

		for (int sweep = HB_SWEEP_QUICK; sweep <= HB_SWEEP_FULL && !found; sweep++) {
			struct hb_values values;

			if (hb_param_values(&wanted.table[i], (enum hb_sweep)sweep, &values, NULL))
				continue;
			for (size_t k = 0; k < values.count; k++)
				found |= strcmp(values.values[k].text, wanted.values[i].text) == 0;
			hb_values_finish(&values);
		}
		if (!found)
			return fault(experiment, reterr,
				"claim '%s' needs %s=%s, which no sweep has", claim->name,
				wanted.table[i].name, wanted.values[i].text);
	}
	return err;
}

static int check_claim(
	const struct hb_experiment *experiment, size_t index, struct hb_error *reterr)
{
	const struct hb_claim *claim = &experiment->claims[index];
	int err;

	if (index == LIST_MAX)
		return fault(experiment, reterr, "more than %d claims, or no end mark", LIST_MAX);
	if (!is_name(claim->name, lower, dashed))
		return fault(experiment, reterr, "claim name '%.64s' is not lower-case-with-dashes",
			claim->name);
	if (!is_line(claim->text) || !is_line(claim->paper))
		return fault(experiment, reterr, "claim '%s' has no one-line text or paper",
			claim->name);
	if (!claim->metric || !hb_find_metric(experiment, claim->metric))
		return fault(experiment, reterr, "claim '%s' names the unknown metric '%.64s'",
			claim->name, claim->metric ? claim->metric : "");
	if (!claim->variant || !hb_find_variant(experiment, claim->variant))
		return fault(experiment, reterr, "claim '%s' names the unknown variant '%.64s'",
			claim->name, claim->variant ? claim->variant : "");
	if (claim->against_variant && !hb_find_variant(experiment, claim->against_variant))
		return fault(experiment, reterr,
			"claim '%s' is against the unknown variant '%.64s'", claim->name,
			claim->against_variant);
	if (!(claim->lo >= 0 && claim->lo <= claim->hi && claim->hi > 0 && isfinite(claim->lo)))
		return fault(
			experiment, reterr, "claim '%s' has no range 0 <= lo <= hi", claim->name);
	err = check_where(experiment, claim, claim->where ? claim->where : "", reterr);
	if (!err && claim->against_where)
		err = check_where(experiment, claim, claim->against_where, reterr);
	return err;
}

static int check_chart(const struct hb_experiment *experiment, struct hb_error *reterr)
{
	const struct hb_chart *chart = &experiment->chart;

	if (chart->x && !find_param(experiment, chart->x))
		return fault(experiment, reterr, "the chart's x is the unknown parameter '%.64s'",
			chart->x);
	if (chart->facet && !find_param(experiment, chart->facet))
		return fault(experiment, reterr,
			"the chart's facet is the unknown parameter '%.64s'", chart->facet);
	if (chart->metric && !hb_find_metric(experiment, chart->metric))
		return fault(
			experiment, reterr, "the chart's metric '%.64s' is unknown", chart->metric);
	return 0;
}

static int check_frame(const struct hb_experiment *experiment, struct hb_error *reterr)
{
	const char *question = experiment->question;
	int least_blocks = experiment->unseeded ? 1 : BLOCKS_MIN;

	if (!question || !is_line(question) || question[strlen(question) - 1] != '?')
		return fault(experiment, reterr, "its question does not end with '?'");
	if (!experiment->metrics || !experiment->metrics[0].name)
		return fault(experiment, reterr, "it has no metrics");
	if (!experiment->variants || !experiment->variants[0].name)
		return fault(experiment, reterr, "it has no variants");
	if (experiment->blocks != 0 &&
		(experiment->blocks < least_blocks || experiment->blocks > BLOCKS_MAX))
		return fault(experiment, reterr, "%d blocks; accepted: %d to %d",
			experiment->blocks, least_blocks, BLOCKS_MAX);
	for (size_t i = 0; experiment->roles && experiment->roles[i]; i++) {
		if (!is_name(experiment->roles[i], lower, dashed) ||
			strcmp(experiment->roles[i], "system") == 0)
			return fault(experiment, reterr,
				"process role '%.64s' is malformed or implied",
				experiment->roles[i]);
	}
	return 0;
}

static int check_experiment(const struct hb_experiment *experiment, struct hb_error *reterr)
{
	int err;

	if (!is_name(experiment->name, lower, dashed))
		return fault(experiment, reterr, "its name is not lower-case-with-dashes");
	err = check_frame(experiment, reterr);
	for (size_t i = 0; !err && experiment->params && experiment->params[i].name; i++)
		err = check_param(experiment, i, reterr);
	for (size_t i = 0; !err && experiment->metrics[i].name; i++)
		err = check_metric(experiment, i, reterr);
	for (size_t i = 0; !err && experiment->variants[i].name; i++)
		err = check_variant(experiment, i, reterr);
	if (!err)
		err = check_baseline(experiment, reterr);
	for (size_t i = 0; !err && experiment->claims && experiment->claims[i].name; i++)
		err = check_claim(experiment, i, reterr);
	if (!err)
		err = check_chart(experiment, reterr);
	return err;
}

/*
 * Claims are named by driver: no two experiments may share a name, and one claim at most is the
 * headline.
 */
static int check_claim_names(const struct hb_driver *driver, struct hb_error *reterr)
{
	const char *names[LIST_MAX];
	size_t count = 0, headlines = 0;

	for (size_t e = 0; driver->experiments[e]; e++) {
		const struct hb_claim *claim = driver->experiments[e]->claims;

		for (; claim && claim->name; claim++) {
			for (size_t i = 0; i < count; i++) {
				if (strcmp(names[i], claim->name) == 0)
					return fault(driver->experiments[e], reterr,
						"claim '%s' is declared twice", claim->name);
			}
			if (count == LIST_MAX)
				return fault(driver->experiments[e], reterr,
					"the driver has more than %d claims", LIST_MAX);
			names[count++] = claim->name;
			headlines += claim->headline != 0;
			if (headlines > 1)
				return fault(driver->experiments[e], reterr,
					"claim '%s' is a second headline; a driver has one",
					claim->name);
		}
	}
	return 0;
}

int hb_driver_check(const struct hb_driver *driver, struct hb_error *reterr)
{
	int err = 0;

	if (!is_name(driver->subproject, lower, dashed) || !is_line(driver->version))
		return hb_error_set(reterr, -EINVAL,
			"faulty table: the driver has no lower-case name or no version");
	if (!driver->experiments || !driver->experiments[0])
		return hb_error_set(reterr, -EINVAL, "faulty table: driver '%s' has no experiments",
			driver->subproject);
	for (size_t i = 0; driver->experiments[i] && !err; i++) {
		if (i == LIST_MAX)
			return hb_error_set(reterr, -EINVAL,
				"faulty table: driver '%s' has more than %d experiments, or no end "
				"mark",
				driver->subproject, LIST_MAX);
		if (!driver->experiments[i]->name)
			return hb_error_set(reterr, -EINVAL,
				"faulty table: experiment %zu of driver '%s' has no name", i,
				driver->subproject);
		for (size_t k = 0; k < i; k++) {
			if (strcmp(driver->experiments[k]->name, driver->experiments[i]->name) == 0)
				return fault(
					driver->experiments[i], reterr, "it is declared twice");
		}
		err = check_experiment(driver->experiments[i], reterr);
	}
	if (!err)
		err = check_claim_names(driver, reterr);
	return err;
}
