/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hb_json_parse() and the look-ups: no look behind the end, errors that say something, and texts that survive printing.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/json.h>

#include "fuzz.h"

/* Every look-up of every key that is there gives a value or an error, never both. */
static void look_up(const cJSON *object, const char *key)
{
	struct hb_error error = {0};
	uint64_t u;
	int64_t i;
	double d;
	bool flag;
	const char *text;
	cJSON *item;

	if (hb_json_get_u64(object, key, &u, &error) == 0 && u < (uint64_t)1 << 53)
		hb_assert(hb_json_get_double(object, key, &d, &error) == 0 && d == (double)u);
	if (hb_json_get_i64(object, key, &i, &error) == 0 && i > 0)
		hb_assert(hb_json_get_u64(object, key, &u, &error) == 0 && u == (uint64_t)i);
	(void)hb_json_get_double(object, key, &d, &error);
	(void)hb_json_get_text(object, key, &text, &error);
	(void)hb_json_get_bool(object, key, &flag, &error);
	(void)hb_json_get_array(object, key, &item, &error);
	(void)hb_json_get_object(object, key, &item, &error);
	hb_assert(hb_json_text_or(object, key, "fallback"));
	hb_assert((error.code == 0) == (error.text[0] == '\0'));
}

static void check_printed(const cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);
	cJSON *again = NULL;

	hb_assert(text);
	/* Numbers beyond the range of a double print as null: the result is still JSON. */
	hb_assert(hb_json_parse(text, strlen(text), "again", &again, NULL) == 0);
	hb_assert(again->type == json->type || cJSON_IsNumber(json));
	cJSON_Delete(again);
	cJSON_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hb_error error = {0};
	cJSON *json = NULL;
	int rc = hb_json_parse((const char *)data, size, "fuzz", &json, &error);
	const cJSON *member;

	hb_assert(rc == 0 || rc == -EBADMSG);
	hb_assert((rc == 0) == (json != NULL));
	if (rc < 0) {
		hb_assert(error.code == rc && error.line >= 1 && error.text[0] != '\0');
		return 0;
	}
	look_up(json, "value");
	if (cJSON_IsObject(json)) {
		cJSON_ArrayForEach(member, json) look_up(json, member->string);
	}
	check_printed(json);
	cJSON_Delete(json);
	return 0;
}
