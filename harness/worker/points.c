/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "points.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/suggest.h>

/* The values that each parameter takes, and which of those a user asked for by name. */
struct axes {
	struct hb_values values[HB_PARAMS_MAX];
	bool is_set[HB_PARAMS_MAX];
	bool *reached[HB_PARAMS_MAX]; /* shape [values.count]: some valid point has this value */
	size_t count;
};

size_t hb_params_count(const struct hb_param *table)
{
	size_t count = 0;

	while (table && table[count].name)
		count++;
	return count;
}

static const struct hb_value *find_value(
	const struct hb_params *params, const char *name, enum hb_param_type type)
{
	for (size_t i = 0; i < params->count; i++) {
		if (strcmp(params->table[i].name, name) == 0) {
			hb_assert(params->table[i].type == type);
			return &params->values[i];
		}
	}
	hb_assert(!"a hook asks for a parameter that its experiment does not declare");
	return NULL;
}

int64_t hb_params_i64(const struct hb_params *params, const char *name)
{
	return find_value(params, name, HB_PARAM_INT)->integer;
}

double hb_params_real(const struct hb_params *params, const char *name)
{
	return find_value(params, name, HB_PARAM_REAL)->real;
}

const char *hb_params_text(const struct hb_params *params, const char *name)
{
	return find_value(params, name, HB_PARAM_TEXT)->text;
}

char *hb_params_format(const struct hb_params *params)
{
	size_t order[HB_PARAMS_MAX];
	size_t length = 1;
	char *text, *end;

	for (size_t i = 0; i < params->count; i++) {
		size_t at = i;

		length += strlen(params->table[i].name) + strlen(params->values[i].text) + 2;
		while (at > 0 &&
			strcmp(params->table[order[at - 1]].name, params->table[i].name) > 0) {
			order[at] = order[at - 1];
			at--;
		}
		order[at] = i;
	}
	text = malloc(length);
	if (!text)
		return NULL;
	end = text;
	for (size_t i = 0; i < params->count; i++) {
		if (i > 0)
			*end++ = ';';
		end = stpcpy(end, params->table[order[i]].name);
		*end++ = '=';
		end = stpcpy(end, params->values[order[i]].text);
	}
	*end = '\0';
	return text;
}

static int find_param(const struct hb_experiment *experiment, const char *name, size_t *ret,
	struct hb_error *reterr)
{
	const char *names[HB_PARAMS_MAX + 1];
	size_t count = hb_params_count(experiment->params);
	const char *near;

	for (size_t i = 0; i < count; i++) {
		names[i] = experiment->params[i].name;
		if (strcmp(names[i], name) == 0) {
			*ret = i;
			return 0;
		}
	}
	if (count == 0)
		return hb_error_set(reterr, -EINVAL, "%s: it has no parameters, so none can be set",
			experiment->name);
	names[count] = NULL;
	near = hb_suggest(name, names);
	if (near)
		return hb_error_set(reterr, -EINVAL,
			"%s: unknown parameter '%s'; did you mean '%s'?", experiment->name, name,
			near);
	return hb_error_set(reterr, -EINVAL,
		"%s: unknown parameter '%s'; run `hotbed describe` to see its parameters (the "
		"first is '%s')",
		experiment->name, name, names[0]);
}

static int check_constraint(const struct hb_experiment *experiment, const struct hb_params *params,
	const char *text, struct hb_error *reterr)
{
	const char *why = "the experiment's constraint leaves it out";

	if (!experiment->valid || experiment->valid(params, &why))
		return 0;
	return hb_error_set(
		reterr, -EINVAL, "%s: '%s' is not a point: %s", experiment->name, text, why);
}

/* One "k=v" of a point's name into its place in @params. */
static int parse_pair(const struct hb_experiment *experiment, char *pair, struct hb_params *params,
	struct hb_error *reterr)
{
	char *equals = strchr(pair, '=');
	size_t index = 0;
	int err;

	if (!equals)
		return hb_error_set(reterr, -EINVAL, "%s: '%s' has no '='; expected 'name=value'",
			experiment->name, pair);
	*equals = '\0';
	err = find_param(experiment, pair, &index, reterr);
	if (err)
		return err;
	if (params->values[index].text[0])
		return hb_error_set(reterr, -EINVAL, "%s: parameter '%s' is given twice",
			experiment->name, pair);
	return hb_value_parse(
		&experiment->params[index], equals + 1, true, &params->values[index], reterr);
}

int hb_params_parse(const struct hb_experiment *experiment, const char *text, bool partial,
	struct hb_params *ret, struct hb_error *reterr)
{
	struct hb_params params = {.table = experiment->params};
	char *copy, *rest;
	int err = 0;

	params.count = hb_params_count(experiment->params);
	hb_assert(params.count <= HB_PARAMS_MAX);
	copy = strdup(text);
	if (!copy)
		return hb_error_set(reterr, -ENOMEM, "no memory for the parameters");
	rest = text[0] ? copy : NULL;
	while (rest && !err) {
		char *pair = strsep(&rest, ";");

		err = parse_pair(experiment, pair, &params, reterr);
	}
	free(copy);
	for (size_t i = 0; i < params.count && !err && !partial; i++) {
		if (!params.values[i].text[0])
			err = hb_error_set(reterr, -EINVAL,
				"%s: parameter '%s' is missing from '%s'", experiment->name,
				params.table[i].name, text);
	}
	if (!err && !partial)
		err = check_constraint(experiment, &params, text, reterr);
	if (!err)
		*ret = params;
	return err;
}

/* The end of the list item at @text: a comma outside parentheses, or the end of the string. */
static const char *item_end(const char *text)
{
	int depth = 0;

	for (; *text && (*text != ',' || depth > 0); text++) {
		if (*text == '(')
			depth++;
		else if (*text == ')')
			depth--;
	}
	return text;
}

static int set_axis(const struct hb_experiment *experiment, size_t index, const char *sweep,
	struct axes *axes, struct hb_error *reterr)
{
	int err;

	if (axes->is_set[index])
		return hb_error_set(reterr, -EINVAL,
			"%s: parameter '%s' is set twice; give all its "
			"values in one list, %s=a,b",
			experiment->name, experiment->params[index].name,
			experiment->params[index].name);
	err = hb_values_expand(
		&experiment->params[index], sweep, true, &axes->values[index], reterr);
	axes->is_set[index] = !err;
	return err;
}

/* "k=v,v2,k2=v": an item with '=' starts a parameter, an item without belongs to the one before. */
static int apply_set(const struct hb_experiment *experiment, char *text, struct axes *axes,
	struct hb_error *reterr)
{
	char *group = text;

	while (*group) {
		char *equals = strchr(group, '=');
		char *end = (char *)item_end(group);
		size_t index = 0;
		char after;
		int err;

		if (!equals || equals > end)
			return hb_error_set(reterr, -EINVAL,
				"--set %s: expected name=value[,value...][,name=value...]", group);
		while (*end && !memchr(end + 1, '=', (size_t)(item_end(end + 1) - end - 1)))
			end = (char *)item_end(end + 1);
		after = *end;
		*end = '\0';
		*equals = '\0';
		err = find_param(experiment, group, &index, reterr);
		if (!err)
			err = set_axis(experiment, index, equals + 1, axes, reterr);
		if (err)
			return err;
		group = after ? end + 1 : end;
	}
	return 0;
}

static int fill_axes(const struct hb_experiment *experiment, enum hb_sweep sweep,
	const char *const *sets, struct axes *axes, struct hb_error *reterr)
{
	int err = 0;

	axes->count = hb_params_count(experiment->params);
	hb_assert(axes->count <= HB_PARAMS_MAX);
	for (size_t i = 0; sets && sets[i] && !err; i++) {
		char *copy = strdup(sets[i]);

		if (!copy)
			return hb_error_set(reterr, -ENOMEM, "no memory for --set");
		err = apply_set(experiment, copy, axes, reterr);
		free(copy);
	}
	for (size_t i = 0; i < axes->count && !err; i++) {
		if (!axes->is_set[i])
			err = hb_param_values(
				&experiment->params[i], sweep, &axes->values[i], reterr);
		if (err)
			break;
		axes->reached[i] = calloc(axes->values[i].count, sizeof(bool));
		if (!axes->reached[i])
			err = hb_error_set(reterr, -ENOMEM, "no memory for the points");
	}
	return err;
}

static void finish_axes(struct axes *axes)
{
	for (size_t i = 0; i < axes->count; i++) {
		hb_values_finish(&axes->values[i]);
		free(axes->reached[i]);
	}
}

/*
 * A value that the user asked for and that no valid point has is refused; an unasked one is merely
 * left out.
 */
static int check_reached(const struct hb_experiment *experiment, const struct axes *axes,
	size_t points, const char *why, struct hb_error *reterr)
{
	for (size_t i = 0; i < axes->count; i++) {
		for (size_t k = 0; axes->is_set[i] && k < axes->values[i].count; k++) {
			if (!axes->reached[i][k])
				return hb_error_set(reterr, -EINVAL,
					"%s: %s=%s fits no value of the other parameters: %s",
					experiment->name, experiment->params[i].name,
					axes->values[i].values[k].text, why);
		}
	}
	if (points == 0)
		return hb_error_set(reterr, -EINVAL, "%s: its constraint leaves no point: %s",
			experiment->name, why);
	return 0;
}

static int cross(const struct hb_experiment *experiment, struct axes *axes, size_t product,
	struct hb_points *ret, struct hb_error *reterr)
{
	const char *why = "the experiment's constraint leaves it out";
	struct hb_points points = {0};
	size_t chosen[HB_PARAMS_MAX];
	int err;

	hb_assert(product > 0);
	points.points = calloc(product, sizeof(struct hb_params));
	if (!points.points)
		return hb_error_set(reterr, -ENOMEM, "no memory for %zu points", product);
	for (size_t n = 0; n < product; n++) {
		struct hb_params *point = &points.points[points.count];
		size_t rest = n;

		point->table = experiment->params;
		point->count = axes->count;
		for (size_t i = axes->count; i-- > 0;) {
			chosen[i] = rest % axes->values[i].count;
			rest /= axes->values[i].count;
			point->values[i] = axes->values[i].values[chosen[i]];
		}
		if (experiment->valid && !experiment->valid(point, &why))
			continue;
		for (size_t i = 0; i < axes->count; i++)
			axes->reached[i][chosen[i]] = true;
		points.count++;
	}
	err = check_reached(experiment, axes, points.count, why, reterr);
	if (err)
		hb_points_finish(&points);
	else
		*ret = points;
	return err;
}

int hb_points_expand(const struct hb_experiment *experiment, enum hb_sweep sweep,
	const char *const *sets, struct hb_points *ret, struct hb_error *reterr)
{
	struct axes axes = {0};
	size_t product = 1;
	int err;

	err = fill_axes(experiment, sweep, sets, &axes, reterr);
	for (size_t i = 0; i < axes.count && !err; i++) {
		product *= axes.values[i].count;
		if (product > HB_POINTS_MAX)
			err = hb_error_set(reterr, -E2BIG,
				"%s: more than %d points; give fewer values", experiment->name,
				HB_POINTS_MAX);
	}
	if (!err)
		err = cross(experiment, &axes, product, ret, reterr);
	finish_axes(&axes);
	return err;
}

void hb_points_finish(struct hb_points *points)
{
	free(points->points);
	*points = (struct hb_points){0};
}
