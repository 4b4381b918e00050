/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libFuzzer target of the --set, sweep and params readers. The first byte chooses the reader, the
 * rest is its text. What is accepted must come back unchanged through the canonical text.
 */
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include "../../worker/points.h"
#include "fuzz_points.h"

static bool small_and_text(const struct hb_params *params, const char **ret_why)
{
	*ret_why = "b is for sizes up to 1024";
	return hb_params_i64(params, "size") <= 1024 ||
	       strcmp(hb_params_text(params, "kind"), "b") != 0;
}

static const struct hb_param params[] = {
	{.name = "size", .type = HB_PARAM_INT, .sweep = "1,2", .min = -10, .max = 1e15},
	{.name = "kind", .type = HB_PARAM_TEXT, .sweep = "a,b"},
	{.name = "rate", .type = HB_PARAM_REAL, .sweep = "linear(0,1,3)", .sweep_quick = "0.5"},
	{.name = NULL},
};

static const struct hb_experiment experiment = {
	.name = "fuzz", .params = params, .valid = small_and_text};

/* An accepted point's text names the same point. */
static void check_point(const struct hb_params *point)
{
	struct hb_params again;
	struct hb_error error = {0};
	char *text = hb_params_format(point);
	char *text_again;

	hb_assert(text);
	hb_assert(hb_params_parse(&experiment, text, false, &again, &error) == 0);
	text_again = hb_params_format(&again);
	hb_assert(text_again && strcmp(text, text_again) == 0);
	hb_assert(hb_params_i64(point, "size") >= -10);
	free(text);
	free(text_again);
}

static void read_set(const char *text)
{
	const char *const sets[] = {text, NULL};
	struct hb_error error = {0};
	struct hb_points points;

	if (hb_points_expand(&experiment, HB_SWEEP_QUICK, sets, &points, &error)) {
		hb_assert(error.text[0]);
		return;
	}
	hb_assert(points.count > 0 && points.count <= HB_POINTS_MAX);
	for (size_t i = 0; i < points.count; i += 1 + points.count / 16)
		check_point(&points.points[i]);
	hb_points_finish(&points);
}

static void read_sweep(const struct hb_param *param, const char *text)
{
	struct hb_error error = {0};
	struct hb_values values;

	if (hb_values_expand(param, text, true, &values, &error)) {
		hb_assert(error.text[0]);
		return;
	}
	hb_assert(values.count > 0 && values.count <= HB_SWEEP_VALUES_MAX);
	for (size_t i = 0; i < values.count; i++) {
		struct hb_value again;

		hb_assert(hb_value_parse(param, values.values[i].text, true, &again, NULL) == 0);
		hb_assert(strcmp(again.text, values.values[i].text) == 0);
	}
	hb_values_finish(&values);
}

static void read_params(const char *text)
{
	struct hb_error error = {0};
	struct hb_params point;

	if (hb_params_parse(&experiment, text, false, &point, &error))
		hb_assert(error.text[0]);
	else
		check_point(&point);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[512];

	if (size == 0 || size >= sizeof(text))
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 5) {
	case 0:
		read_set(text);
		break;
	case 1:
		read_params(text);
		break;
	default:
		read_sweep(&params[data[0] % 5 - 2], text);
	}
	return 0;
}
