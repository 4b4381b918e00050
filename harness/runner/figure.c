/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "figure.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/json.h>

#include "chart.h"

#define TITLE_BYTES_MAX 300
#define DESCRIPTION_BYTES_MAX 800

static const char *const forbidden[] = {"url", "href", "usermeta", "config", NULL};

static bool is_text(const cJSON *json, const char *key, size_t most)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);

	return cJSON_IsString(item) && item->valuestring[0] && strlen(item->valuestring) <= most;
}

/* The first member that a report does not follow, at any depth but not within the numbers; NULL if there is none. */
static const char *find_forbidden(const cJSON *json, const cJSON *values)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json)
	{
		const char *found;

		if (item == values)
			continue;
		for (size_t i = 0; item->string && forbidden[i]; i++) {
			if (!strcmp(item->string, forbidden[i]))
				return forbidden[i];
		}
		if (cJSON_IsString(item) && !strcmp(item->valuestring, "image"))
			return "image";
		found = find_forbidden(item, values);
		if (found)
			return found;
	}
	return NULL;
}

static bool are_rows(const cJSON *values)
{
	const cJSON *row, *item;

	cJSON_ArrayForEach(row, values)
	{
		if (!cJSON_IsObject(row))
			return false;
		cJSON_ArrayForEach(item, row)
		{
			if (cJSON_IsObject(item) || cJSON_IsArray(item))
				return false;
		}
	}
	return cJSON_IsArray(values) && cJSON_GetArraySize(values) > 0;
}

int hb_figure_check(const cJSON *json, struct hb_error *reterr)
{
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
	const cJSON *values = cJSON_GetObjectItemCaseSensitive(data, "values");
	const char *member;

	if (!cJSON_IsObject(json))
		return hb_error_set(reterr, -EBADMSG, "it is no object");
	if (!is_text(json, "title", TITLE_BYTES_MAX) ||
		!is_text(json, "description", DESCRIPTION_BYTES_MAX))
		return hb_error_set(reterr, -EBADMSG,
			"it needs a title of at most %d bytes and a description of at most %d",
			TITLE_BYTES_MAX, DESCRIPTION_BYTES_MAX);
	if (!are_rows(values))
		return hb_error_set(reterr, -EBADMSG,
			"data.values has to be a list of flat objects, and not empty");
	if (cJSON_GetArraySize(values) > HB_CHART_MARKS_MAX)
		return hb_error_set(reterr, -E2BIG, "it has %d values, at most %d can be shown",
			cJSON_GetArraySize(values), HB_CHART_MARKS_MAX);
	member = find_forbidden(json, values);
	if (member)
		return hb_error_set(reterr, -EBADMSG,
			"'%s' is not allowed: a chart fetches nothing, and the report has its own "
			"look",
			member);
	return 0;
}

int hb_figure_check_text(const char *text, size_t length_bytes, struct hb_error *reterr)
{
	cJSON *json;
	int r;

	if (length_bytes > HB_FIGURE_BYTES_MAX)
		return hb_error_set(reterr, -E2BIG, "it has %zu bytes, at most %zu are allowed",
			length_bytes, HB_FIGURE_BYTES_MAX);
	r = hb_json_parse(text, length_bytes, "figure", &json, reterr);
	if (r)
		return r;
	r = hb_figure_check(json, reterr);
	cJSON_Delete(json);
	return r;
}
