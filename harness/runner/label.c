/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "label.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/csv.h"
#include "hotbed/json.h"

#define VALUE_BYTES 64

/* From large to small within a unit; the last of a unit has scale 1. */
static const struct {
	const char *unit, *suffix;
	double scale;
} scales[] = {
	{"ns", "s", 1e9},
	{"ns", "ms", 1e6},
	{"ns", "µs", 1e3},
	{"ns", "ns", 1},
	{"B", "TiB", 1099511627776.0},
	{"B", "GiB", 1073741824.0},
	{"B", "MiB", 1048576.0},
	{"B", "KiB", 1024.0},
	{"B", "B", 1},
	{"1/s", "G/s", 1e9},
	{"1/s", "M/s", 1e6},
	{"1/s", "k/s", 1e3},
	{"1/s", "/s", 1},
	{"J", "kJ", 1e3},
	{"J", "J", 1},
};

#define SCALE_COUNT (sizeof(scales) / sizeof(scales[0]))

static bool has_scale(const char *unit)
{
	for (size_t i = 0; i < SCALE_COUNT; i++) {
		if (!strcmp(scales[i].unit, unit))
			return true;
	}
	return false;
}

void hb_label_quantity(struct hb_text *text, double value, const char *unit)
{
	const char *suffix = strcmp(unit, "1") != 0 ? unit : "";
	double scale = 1;
	char number[40];

	if (isnan(value)) {
		hb_text_put(text, "–");
		return;
	}
	if (isinf(value)) {
		hb_text_put(text, value > 0 ? "∞" : "−∞");
		return;
	}
	for (size_t i = 0; i < SCALE_COUNT; i++) {
		if (strcmp(scales[i].unit, unit) != 0 ||
			(fabs(value) < scales[i].scale && scales[i].scale > 1))
			continue;
		scale = scales[i].scale;
		suffix = scales[i].suffix;
		break;
	}
	/* Three significant digits, without the exponent that %g gives from 1000 on. */
	(void)snprintf(number, sizeof(number), "%.3g", value / scale);
	if (strchr(number, 'e') && fabs(value / scale) < 1e6 && fabs(value / scale) >= 1)
		(void)snprintf(number, sizeof(number), "%.0f", value / scale);
	hb_text_format(text, "%s%s%s", number, *suffix ? "\u00a0" : "", suffix);
}

void hb_label_value(struct hb_text *text, const char *value, const char *unit, unsigned int flags)
{
	const char *space = flags & HB_LABEL_PLAIN ? " " : "\u00a0";
	char number[40];
	double exact;

	if (!has_scale(unit) || hb_csv_parse_double(value, &exact)) {
		hb_text_put(text, value);
		return;
	}
	for (size_t i = 0; i < SCALE_COUNT; i++) {
		if (strcmp(scales[i].unit, unit) != 0 || fabs(exact) < scales[i].scale)
			continue;
		(void)snprintf(number, sizeof(number), "%.5g", exact / scales[i].scale);
		/* A larger unit only where nothing is lost by it. */
		if (strchr(number, 'e') || strtod(number, NULL) * scales[i].scale != exact)
			continue;
		hb_text_format(text, "%s%s%s", number, space, scales[i].suffix);
		return;
	}
	hb_text_format(text, "%s%s%s", value, space, unit);
}

static const char *param_unit(
	const struct hb_plan_experiment *experiment, const char *key, size_t length)
{
	const cJSON *params = cJSON_GetObjectItemCaseSensitive(experiment->describe, "params");
	const cJSON *param;

	cJSON_ArrayForEach(param, params)
	{
		const char *name = hb_json_text_or(param, "name", "");

		if (strlen(name) == length && !memcmp(name, key, length))
			return hb_json_text_or(param, "unit", "");
	}
	return "";
}

/* "rss_bytes" is "rss" where the value says "1 GiB". */
static size_t stem_length(const char *key, size_t length)
{
	static const char *const endings[] = {"_bytes", "_ns", "_per_s"};

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t n = strlen(endings[i]);

		if (length > n && !memcmp(key + length - n, endings[i], n))
			return length - n;
	}
	return length;
}

/* @clause: "k=v" of @length bytes. */
static void put_clause(const struct hb_plan_experiment *experiment, const char *clause,
	size_t length, unsigned int flags, struct hb_text *text)
{
	const char *equals = memchr(clause, '=', length);
	size_t key = equals ? (size_t)(equals - clause) : length;
	const char *unit = param_unit(experiment, clause, key);
	char value[VALUE_BYTES] = "";
	bool is_number = false, names_itself;
	double number;

	if (equals && length - key - 1 < sizeof(value)) {
		memcpy(value, equals + 1, length - key - 1);
		is_number = !hb_csv_parse_double(value, &number);
	}
	if (text->length_bytes)
		hb_text_put(text, ", ");
	names_itself = equals && (!is_number || has_scale(unit));
	/* "4k, 1 MiB" says enough where room is short; a bare number needs its name. */
	if (!(flags & HB_LABEL_SHORT) || !names_itself) {
		hb_text_put_bytes(text, clause,
			is_number && has_scale(unit) ? stem_length(clause, key) : key);
		if (equals)
			hb_text_put(text, " ");
	}
	if (is_number)
		hb_label_value(text, value, unit, flags);
	else if (equals)
		hb_text_put_bytes(text, equals + 1, length - key - 1);
}

static bool has_clause(const char *params, const char *clause, size_t length)
{
	while (*params) {
		size_t n = strcspn(params, ";");

		if (n == length && !memcmp(params, clause, n))
			return true;
		params += n + (params[n] == ';');
	}
	return false;
}

/* Is there a point without this "k=v"? */
static bool varies(const struct hb_plan_experiment *experiment, const char *clause, size_t length)
{
	for (size_t p = 0; p < experiment->point_count; p++) {
		if (!has_clause(experiment->points[p].params, clause, length))
			return true;
	}
	return false;
}

static bool is_key(const char *key, const char *clause, size_t length)
{
	return key && strlen(key) == length && !memcmp(clause, key, length);
}

void hb_label_point(const struct hb_plan_experiment *experiment, const char *params,
	unsigned int flags, const char *except, const char *first, struct hb_text *text)
{
	struct hb_text label = {0};
	/* With one point nothing varies, and a label that says nothing helps nobody. */
	bool all = !(flags & HB_LABEL_VARYING) || experiment->point_count < 2;

	for (int pass = first ? 0 : 1; pass < 2; pass++) {
		for (const char *s = params; *s;) {
			size_t n = strcspn(s, ";"), key = strcspn(s, "=;");

			if (!is_key(except, s, key) && is_key(first, s, key) == (pass == 0) &&
				(all || varies(experiment, s, n)))
				put_clause(experiment, s, n, flags, &label);
			s += n + (s[n] == ';');
		}
	}
	hb_text_put(text, label.bytes);
	if (label.failed)
		text->failed = label.failed;
	hb_text_finish(&label);
}

void hb_label_fixed(const struct hb_plan_experiment *experiment, struct hb_text *text)
{
	struct hb_text label = {0};

	for (const char *s = experiment->point_count > 1 ? experiment->points[0].params : ""; *s;) {
		size_t n = strcspn(s, ";");

		if (!varies(experiment, s, n))
			put_clause(experiment, s, n, 0, &label);
		s += n + (s[n] == ';');
	}
	hb_text_put(text, label.bytes);
	if (label.failed)
		text->failed = label.failed;
	hb_text_finish(&label);
}
