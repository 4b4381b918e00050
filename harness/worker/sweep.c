/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values of one parameter: parsing, canonical text, sweep strings. Declared in points.h. */
#include "points.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/suggest.h>

#define ACCEPTED_BYTES 400

static const char value_bytes[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-";

/* Is @text one of the items of the comma list @list? */
static bool listed_in(const char *list, const char *text)
{
	size_t length = strlen(text);

	while (list && *list) {
		size_t item = strcspn(list, ",");

		if (item == length && memcmp(list, text, length) == 0)
			return true;
		list += item + (list[item] == ',');
	}
	return false;
}

/* The texts a parameter accepts: its own list, or else what its sweeps name. */
static bool text_is_accepted(const struct hb_param *param, const char *text)
{
	if (param->allowed)
		return listed_in(param->allowed, text);
	return listed_in(param->sweep, text) || listed_in(param->sweep_quick, text) ||
	       listed_in(param->sweep_full, text);
}

static const char *describe_accepted(const struct hb_param *param, char *buffer)
{
	const char *kind = param->type == HB_PARAM_INT
				   ? "whole numbers (64, 64K or 64KiB; K, M, G, T)"
				   : "numbers";

	if (param->type == HB_PARAM_TEXT && (param->allowed || !param->sweep_full))
		(void)snprintf(buffer, ACCEPTED_BYTES, "%s",
			param->allowed ? param->allowed : param->sweep);
	else if (param->type == HB_PARAM_TEXT)
		(void)snprintf(buffer, ACCEPTED_BYTES, "%s,%s", param->sweep, param->sweep_full);
	else if (param->min != 0 || param->max != 0)
		(void)snprintf(buffer, ACCEPTED_BYTES, "%s from %.15g to %.15g", kind, param->min,
			param->max);
	else
		(void)snprintf(buffer, ACCEPTED_BYTES, "%s", kind);
	return buffer;
}

static int refuse(
	const struct hb_param *param, const char *text, const char *why, struct hb_error *reterr)
{
	char accepted[ACCEPTED_BYTES];

	return hb_error_set(reterr, -EINVAL, "%s=%.80s: %s; accepted: %s", param->name, text, why,
		describe_accepted(param, accepted));
}

/* A refused text may be a misspelling of an accepted one. */
static int refuse_text(const struct hb_param *param, const char *text, struct hb_error *reterr)
{
	char words[ACCEPTED_BYTES], why[ACCEPTED_BYTES + 32];
	const char *names[32];
	const char *near;
	char *rest = words;
	size_t count = 0;

	(void)describe_accepted(param, words);
	while (rest && count < sizeof(names) / sizeof(names[0]) - 1)
		names[count++] = strsep(&rest, ",");
	names[count] = NULL;
	near = hb_suggest(text, names);
	if (!near)
		return refuse(param, text, "not accepted", reterr);
	(void)snprintf(why, sizeof(why), "did you mean '%s'?", near);
	return refuse(param, text, why, reterr);
}

/* Decimal with an optional binary suffix, "64K" or "64KiB". 0, -EINVAL or -ERANGE. */
static int parse_integer(const char *text, int64_t *ret)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	char digits[HB_VALUE_BYTES];
	size_t length = strlen(text);
	int64_t value;
	int shift = 0;

	if (length == 0 || length >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, length + 1);
	if (length > 3 && !strcmp(digits + length - 2, "iB") &&
		strchr(suffixes, digits[length - 3])) {
		length -= 2;
		digits[length] = '\0';
	}
	suffix = strchr(suffixes, digits[length - 1]);
	if (suffix) {
		shift = 10 * (int)(suffix - suffixes + 1);
		digits[length - 1] = '\0';
	}
	if (hb_csv_parse_i64(digits, &value))
		return -EINVAL;
	if (value > INT64_MAX >> shift || value < -(INT64_MAX >> shift))
		return -ERANGE;
	*ret = value * (INT64_C(1) << shift);
	return 0;
}

static bool in_range(const struct hb_param *param, double value)
{
	return (param->min == 0 && param->max == 0) || (value >= param->min && value <= param->max);
}

int hb_value_parse(const struct hb_param *param, const char *text, bool listed,
	struct hb_value *ret, struct hb_error *reterr)
{
	struct hb_value value = {0};
	size_t length = strlen(text);
	double number = 0;
	int err;

	if (length == 0)
		return refuse(param, text, "the value is empty", reterr);
	if (length >= sizeof(value.text) || strspn(text, value_bytes) != length)
		return refuse(param, text,
			"a value has at most 63 characters, of A-Z a-z 0-9 . _ + - only", reterr);
	switch (param->type) {
	case HB_PARAM_TEXT:
		if (listed && !text_is_accepted(param, text))
			return refuse_text(param, text, reterr);
		memcpy(value.text, text, length + 1);
		break;
	case HB_PARAM_INT:
		err = parse_integer(text, &value.integer);
		if (err)
			return refuse(param, text,
				err == -ERANGE ? "does not fit 64 bits" : "not a whole number",
				reterr);
		number = (double)value.integer;
		(void)snprintf(value.text, sizeof(value.text), "%" PRId64, value.integer);
		break;
	case HB_PARAM_REAL:
		if (hb_csv_parse_double(text, &value.real) || !isfinite(value.real))
			return refuse(param, text, "not a finite number", reterr);
		number = value.real;
		(void)hb_csv_format_double(value.real, value.text);
		break;
	}
	if (param->type != HB_PARAM_TEXT && !in_range(param, number))
		return refuse(param, text, "out of range", reterr);
	*ret = value;
	return 0;
}

/*
 * Append @text's value. @is_listed: it comes from a list, where repeating any value is an error; a
 * function's values ascend, so that only the last can repeat (rounded), and is then dropped.
 */
static int append_value(const struct hb_param *param, const char *text, bool listed, bool is_listed,
	struct hb_values *values, struct hb_error *reterr)
{
	size_t compared = is_listed || values->count == 0 ? 0 : values->count - 1;
	struct hb_value value;
	int err = hb_value_parse(param, text, listed, &value, reterr);

	if (err)
		return err;
	for (size_t i = compared; i < values->count; i++) {
		if (strcmp(values->values[i].text, value.text) == 0)
			return is_listed ? refuse(param, text, "the value is listed twice", reterr)
					 : 0;
	}
	if (values->count == HB_SWEEP_VALUES_MAX)
		return hb_error_set(reterr, -E2BIG, "%s: more than %d values", param->name,
			HB_SWEEP_VALUES_MAX);
	if ((values->count & (values->count - 1)) == 0) {
		size_t capacity = values->count ? values->count * 2 : 1;
		struct hb_value *grown = reallocarray(values->values, capacity, sizeof(value));

		if (!grown)
			return hb_error_set(
				reterr, -ENOMEM, "no memory for the values of %s", param->name);
		values->values = grown;
	}
	values->values[values->count++] = value;
	return 0;
}

/* A number computed by a sweep function, in the parameter's type. */
static int append_number(const struct hb_param *param, double number, struct hb_values *values,
	struct hb_error *reterr)
{
	char text[HB_VALUE_BYTES];

	if (param->type == HB_PARAM_INT)
		(void)snprintf(text, sizeof(text), "%.0f", round(number));
	else
		(void)hb_csv_format_double(number, text);
	return append_value(param, text, false, false, values, reterr);
}

static double number_of(const struct hb_param *param, const struct hb_value *value)
{
	return param->type == HB_PARAM_INT ? (double)value->integer : value->real;
}

static int expand_linear(const struct hb_param *param, double from, double to, const char *steps,
	struct hb_values *values, struct hb_error *reterr)
{
	int64_t count = 0;
	int err = 0;

	if (parse_integer(steps, &count) || count < 2 || count > HB_SWEEP_VALUES_MAX)
		return hb_error_set(reterr, -EINVAL, "%s: linear() needs a count from 2 to %d",
			param->name, HB_SWEEP_VALUES_MAX);
	for (int64_t i = 0; i < count && !err; i++) {
		double share = (double)i / (double)(count - 1);

		err = append_number(param, from * (1 - share) + to * share, values, reterr);
	}
	return err;
}

static int expand_log2(const struct hb_param *param, double from, double to,
	struct hb_values *values, struct hb_error *reterr)
{
	int err = 0;

	if (!(from > 0))
		return hb_error_set(
			reterr, -EINVAL, "%s: log2() needs a first value above 0", param->name);
	/* A double doubles at most 2,100 times before it is infinite, so that the loop ends. */
	for (double at = from; at <= to && !err; at *= 2)
		err = append_number(param, at, values, reterr);
	return err;
}

/* "linear(a,b,n)" or "log2(a,b)"; @body: what stands between the parentheses, modified. */
static int expand_function(const struct hb_param *param, const char *sweep, bool is_linear,
	char *body, struct hb_values *values, struct hb_error *reterr)
{
	struct hb_value from = {0}, to = {0};
	char *texts[3] = {NULL};
	char *rest = body;
	size_t wanted = is_linear ? 3 : 2;
	size_t count = 0;
	int err;

	if (param->type == HB_PARAM_TEXT)
		return hb_error_set(reterr, -EINVAL, "%s: '%.80s' needs a numeric parameter",
			param->name, sweep);
	while (rest && count < 3)
		texts[count++] = strsep(&rest, ",");
	if (count != wanted || rest)
		return hb_error_set(reterr, -EINVAL, "%s: '%.80s' is malformed; expected %s",
			param->name, sweep, is_linear ? "linear(from,to,count)" : "log2(from,to)");
	err = hb_value_parse(param, texts[0], false, &from, reterr);
	if (!err)
		err = hb_value_parse(param, texts[1], false, &to, reterr);
	if (err)
		return err;
	if (number_of(param, &from) > number_of(param, &to))
		return hb_error_set(
			reterr, -EINVAL, "%s: '%.80s' runs from high to low", param->name, sweep);
	if (is_linear)
		return expand_linear(param, number_of(param, &from), number_of(param, &to),
			texts[2], values, reterr);
	return expand_log2(param, number_of(param, &from), number_of(param, &to), values, reterr);
}

static int expand_list(const struct hb_param *param, char *list, bool listed,
	struct hb_values *values, struct hb_error *reterr)
{
	char *rest = list;
	int err = 0;

	while (rest && !err) {
		char *item = strsep(&rest, ",");

		err = append_value(param, item, listed, true, values, reterr);
	}
	return err;
}

int hb_values_expand(const struct hb_param *param, const char *sweep, bool listed,
	struct hb_values *ret, struct hb_error *reterr)
{
	struct hb_values values = {0};
	size_t length = strlen(sweep);
	bool is_linear = strncmp(sweep, "linear(", 7) == 0;
	bool is_log2 = strncmp(sweep, "log2(", 5) == 0;
	char *copy = strdup(sweep);
	int err;

	if (!copy)
		return hb_error_set(reterr, -ENOMEM, "no memory for the values of %s", param->name);
	if ((is_linear || is_log2) && sweep[length - 1] == ')') {
		copy[length - 1] = '\0';
		err = expand_function(
			param, sweep, is_linear, copy + (is_linear ? 7 : 5), &values, reterr);
	} else {
		err = expand_list(param, copy, listed, &values, reterr);
	}
	free(copy);
	if (err)
		hb_values_finish(&values);
	else
		*ret = values;
	return err;
}

void hb_values_finish(struct hb_values *values)
{
	free(values->values);
	*values = (struct hb_values){0};
}

const char *hb_param_sweep(const struct hb_param *param, enum hb_sweep sweep)
{
	if (sweep == HB_SWEEP_QUICK && param->sweep_quick)
		return param->sweep_quick;
	if (sweep == HB_SWEEP_FULL && param->sweep_full)
		return param->sweep_full;
	return param->sweep;
}

int hb_param_values(const struct hb_param *param, enum hb_sweep sweep, struct hb_values *ret,
	struct hb_error *reterr)
{
	struct hb_values values = {0};
	int err = hb_values_expand(
		param, hb_param_sweep(param, sweep), param->allowed != NULL, &values, reterr);

	if (err)
		return err;
	if (sweep == HB_SWEEP_QUICK && !param->sweep_quick)
		values.count = 1;
	*ret = values;
	return 0;
}
