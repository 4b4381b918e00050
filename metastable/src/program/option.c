/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values of options, and what all commands do with the model. See command.h. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/suggest.h>

#include "command.h"

const char *option_value(const struct arguments *arguments, const char *name)
{
	for (int i = 0; arguments->options[i].name; i++) {
		if (strcmp(arguments->options[i].name, name) == 0)
			return arguments->values[i];
	}
	hb_assert(!"an option that the command does not have");
	return NULL;
}

int option_u64(const struct arguments *arguments, const char *name, uint64_t min, uint64_t max,
	uint64_t *ret, struct hb_error *reterr)
{
	const char *text = option_value(arguments, name);
	uint64_t value;

	if (!text)
		return 0;
	if (hb_csv_parse_u64(text, &value) || value < min || value > max)
		return hb_error_set(reterr, -EINVAL,
			"--%s takes a whole number from %llu to %llu, not '%.40s'", name,
			(unsigned long long)min, (unsigned long long)max, text);
	*ret = value;
	return 0;
}

int option_real(const struct arguments *arguments, const char *name, double min, double max,
	double *ret, struct hb_error *reterr)
{
	const char *text = option_value(arguments, name);
	double value;

	if (!text)
		return 0;
	if (hb_csv_parse_double(text, &value) || !(value >= min && value <= max))
		return hb_error_set(reterr, -EINVAL,
			"--%s takes a number from %g to %g, not '%.40s'", name, min, max, text);
	*ret = value;
	return 0;
}

int option_time(
	const struct arguments *arguments, const char *name, double *ret, struct hb_error *reterr)
{
	const char *text = option_value(arguments, name);
	double value;

	if (!text)
		return 0;
	if (ms_time_parse(text, &value) || !(value > 0))
		return hb_error_set(reterr, -EINVAL,
			"--%s takes a time above 0, as in 30s, 250ms or 1h, not '%.40s'", name,
			text);
	*ret = value;
	return 0;
}

int option_choice(const struct arguments *arguments, const char *name, const char *const *words,
	int *ret, struct hb_error *reterr)
{
	const char *text = option_value(arguments, name);
	char all[256] = "";
	size_t used = 0;

	if (!text)
		return 0;
	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], text) == 0) {
			*ret = i;
			return 0;
		}
		if (used < sizeof(all))
			used += (size_t)snprintf(
				all + used, sizeof(all) - used, "%s%s", i ? ", " : "", words[i]);
	}
	return hb_error_set(reterr, -EINVAL, "--%s takes one of %s, not '%.40s'", name, all, text);
}

int model_of(const struct arguments *arguments, struct ms_model *ret, struct hb_error *reterr)
{
	return ms_model_read_file(arguments->operands[0], arguments->overrides,
		arguments->override_count, ret, reterr);
}

int json_support(cJSON *object, const struct ms_support *support)
{
	cJSON *list = cJSON_AddArrayToObject(object, "approximations");

	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; i < support->row_count; i++) {
		cJSON *item;

		if (support->rows[i].kind != MS_APPROXIMATION)
			continue;
		item = cJSON_CreateObject();
		if (!item || !cJSON_AddItemToArray(list, item) ||
			!cJSON_AddStringToObject(
				item, "feature", ms_feature_name(support->rows[i].feature)) ||
			!cJSON_AddStringToObject(item, "text", support->rows[i].text))
			return -ENOMEM;
	}
	return 0;
}

void print_support(enum ms_level level, const struct ms_support *support)
{
	for (uint32_t i = 0; i < support->row_count; i++) {
		const struct ms_support_row *row = &support->rows[i];

		if (row->kind == MS_APPROXIMATION)
			(void)printf("%s approximates %s: %s\n", ms_level_name(level),
				ms_feature_name(row->feature), row->text);
	}
}

int json_print(cJSON *json, struct hb_error *reterr)
{
	char *text = cJSON_PrintUnformatted(json);

	cJSON_Delete(json);
	if (!text)
		return hb_error_set(reterr, -ENOMEM, "no memory for the answer");
	(void)puts(text);
	free(text);
	return 0;
}

void json_number(cJSON *object, const char *key, double value)
{
	if (isfinite(value))
		(void)cJSON_AddNumberToObject(object, key, value);
	else
		(void)cJSON_AddNullToObject(object, key);
}
