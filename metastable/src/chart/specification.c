/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "specification.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <hotbed/error.h>

void specification_open(
	struct specification *ret, const char *title, const char *description, const char *body)
{
	cJSON *members = cJSON_Parse(body), *data, *member;

	ret->json = cJSON_CreateObject();
	(void)cJSON_AddStringToObject(
		ret->json, "$schema", "https://vega.github.io/schema/vega-lite/v5.json");
	(void)cJSON_AddStringToObject(ret->json, "title", title);
	(void)cJSON_AddStringToObject(ret->json, "description", description);
	data = cJSON_AddObjectToObject(ret->json, "data");
	ret->values = cJSON_AddArrayToObject(data, "values");
	while (members && (member = members->child) != NULL) {
		(void)cJSON_DetachItemViaPointer(members, member);
		(void)cJSON_AddItemToObject(ret->json, member->string, member);
	}
	cJSON_Delete(members);
}

cJSON *specification_row(struct specification *specification, const char *what)
{
	cJSON *row = cJSON_CreateObject();

	if (!row || !cJSON_AddItemToArray(specification->values, row)) {
		cJSON_Delete(row);
		specification_finish(specification);
		return NULL;
	}
	(void)cJSON_AddStringToObject(row, "what", what);
	return row;
}

void row_number(cJSON *row, const char *key, double value)
{
	char text[32];

	if (!isfinite(value)) {
		(void)cJSON_AddNullToObject(row, key);
		return;
	}
	(void)snprintf(text, sizeof(text), "%.6g", value);
	(void)cJSON_AddRawToObject(row, key, text);
}

int specification_text(struct specification *specification, char **ret, struct hb_error *reterr)
{
	char *text = specification->json ? cJSON_PrintUnformatted(specification->json) : NULL;

	specification_finish(specification);
	if (!text)
		return hb_error_set(reterr, -ENOMEM, "out of memory for a chart");
	*ret = text;
	return 0;
}

void specification_finish(struct specification *specification)
{
	cJSON_Delete(specification->json);
	*specification = (struct specification){0};
}
