/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "hotbed/csv.h"
#include "hotbed/error.h"
#include "hotbed/json.h"
#include "journal.h"
#include "plan.h"

/* More parameters or facts than this is no run of ours. */
#define COLUMNS_MAX 2000
#define ENVIRONMENTS_MAX 256

/* Texts in order of first appearance. */
struct names {
	char **items;
	size_t count;
};

/* One env.json with its leaves in the order of the columns. */
struct environment {
	const char *env_id, *build_id;
	char **values; /* shape [env.count]; NULL = absent */
};

struct exporter {
	FILE *out;
	struct hb_csv_buffer buffer;
	bool wide, first;
	struct names params, env;
	struct environment environments[ENVIRONMENTS_MAX];
	size_t environment_count;
	cJSON *env_json;
};

static int names_add(struct names *names, const char *text, size_t length, size_t *ret_index)
{
	char **items;

	for (size_t i = 0; i < names->count; i++) {
		if (!strncmp(names->items[i], text, length) && !names->items[i][length]) {
			*ret_index = i;
			return 0;
		}
	}
	if (names->count == COLUMNS_MAX)
		return -E2BIG;
	items = realloc(names->items, (names->count + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	names->items = items;
	items[names->count] = strndup(text, length);
	if (!items[names->count])
		return -ENOMEM;
	*ret_index = names->count++;
	return 0;
}

static void names_finish(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
}

static int collect_params(struct exporter *exporter, const struct hb_plan *plan)
{
	size_t index;

	for (size_t e = 0; e < plan->experiment_count; e++) {
		for (size_t p = 0; p < plan->experiments[e].point_count; p++) {
			const char *s = plan->experiments[e].points[p].params;

			while (*s) {
				int r = names_add(&exporter->params, s, strcspn(s, "=;"), &index);

				if (r)
					return r;
				s += strcspn(s, ";");
				s += *s == ';';
			}
		}
	}
	return 0;
}

/* Leaves of @json as "a.b[0].c" columns; with @values only those that are known columns are stored. */
static int collect_leaves(
	struct names *names, const cJSON *json, const char *prefix, char **values, int depth)
{
	const cJSON *item;
	int index = 0, r = 0;

	cJSON_ArrayForEach(item, json)
	{
		char *path = NULL;
		size_t column;

		if (item->string ? asprintf(&path, "%s%s%s", prefix, *prefix ? "." : "",
					   item->string) < 0
				 : asprintf(&path, "%s[%d]", prefix, index++) < 0)
			return -ENOMEM;
		if (item->child && depth < 8) {
			r = collect_leaves(names, item, path, values, depth + 1);
		} else {
			r = names_add(names, path, strlen(path), &column);
			if (!r && values && !values[column]) {
				values[column] = cJSON_IsString(item)
							 ? strdup(item->valuestring)
							 : cJSON_PrintUnformatted(item);
				r = values[column] ? 0 : -ENOMEM;
			}
		}
		free(path);
		if (r)
			return r;
	}
	return 0;
}

static int add_environment(struct exporter *exporter, const cJSON *env)
{
	struct environment *environment = &exporter->environments[exporter->environment_count];

	if (exporter->environment_count == ENVIRONMENTS_MAX)
		return -E2BIG;
	environment->values = calloc(COLUMNS_MAX, sizeof(*environment->values));
	if (!environment->values)
		return -ENOMEM;
	exporter->environment_count++;
	environment->env_id = hb_json_text_or(env, "env_id", "");
	environment->build_id = hb_json_text_or(env, "build_id", "");
	return collect_leaves(&exporter->env, env, "", environment->values, 0);
}

static int collect_environments(struct exporter *exporter)
{
	const cJSON *merged = cJSON_GetObjectItemCaseSensitive(exporter->env_json, "merged"), *env;
	int r = 0;

	if (!cJSON_IsArray(merged))
		return exporter->env_json ? add_environment(exporter, exporter->env_json) : 0;
	cJSON_ArrayForEach(env, merged)
	{
		r = add_environment(exporter, env);
		if (r)
			return r;
	}
	return r;
}

static const struct environment *find_environment(
	const struct exporter *exporter, const char *const *row)
{
	for (size_t i = 0; i < exporter->environment_count; i++) {
		const struct environment *e = &exporter->environments[i];

		if (exporter->environment_count == 1 ||
			(!strcmp(e->env_id, row[HB_COLUMN_ENV_ID]) &&
				!strcmp(e->build_id, row[HB_COLUMN_BUILD_ID])))
			return e;
	}
	return NULL;
}

static void put_param(struct hb_csv_buffer *buffer, const char *params, const char *key)
{
	size_t length = strlen(key);

	while (*params) {
		size_t n = strcspn(params, ";");

		if (n > length && params[length] == '=' && !memcmp(params, key, length)) {
			char value[4096];

			(void)snprintf(value, sizeof(value), "%.*s", (int)(n - length - 1),
				params + length + 1);
			hb_csv_put_text(buffer, value);
			return;
		}
		params += n + (params[n] == ';');
	}
	hb_csv_put_text(buffer, "");
}

static void put_row(struct exporter *exporter, const char *const *row)
{
	const struct environment *environment = find_environment(exporter, row);

	for (int c = 0; c < HB_COLUMN_COUNT; c++)
		hb_csv_put_text(&exporter->buffer, row[c]);
	for (size_t i = 0; exporter->wide && i < exporter->params.count; i++)
		put_param(&exporter->buffer, row[HB_COLUMN_PARAMS], exporter->params.items[i]);
	for (size_t i = 0; exporter->wide && i < exporter->env.count; i++)
		hb_csv_put_text(&exporter->buffer, environment ? environment->values[i] : "");
	hb_csv_end_record(&exporter->buffer);
}

static int flush(struct exporter *exporter)
{
	struct hb_csv_buffer *buffer = &exporter->buffer;
	size_t length = buffer->length_bytes;

	if (buffer->failed)
		return buffer->failed;
	if (length && fwrite(buffer->text, 1, length, exporter->out) != length)
		return -EIO;
	hb_csv_buffer_reset(buffer);
	return 0;
}

static int put_csv_trial(const struct hb_journal_trial *trial, void *user, struct hb_error *reterr)
{
	struct exporter *exporter = user;
	int r;

	for (size_t i = 0; i < trial->row_count; i++)
		put_row(exporter, trial->rows[i]);
	r = flush(exporter);
	return r ? hb_error_set(reterr, r, "the output cannot be written") : 0;
}

static void put_header(struct exporter *exporter)
{
	char name[300];

	for (int c = 0; c < HB_COLUMN_COUNT; c++)
		hb_csv_put_text(&exporter->buffer, hb_column_names[c]);
	for (size_t i = 0; exporter->wide && i < exporter->params.count; i++) {
		(void)snprintf(name, sizeof(name), "param.%s", exporter->params.items[i]);
		hb_csv_put_text(&exporter->buffer, name);
	}
	for (size_t i = 0; exporter->wide && i < exporter->env.count; i++) {
		(void)snprintf(name, sizeof(name), "env.%s", exporter->env.items[i]);
		hb_csv_put_text(&exporter->buffer, name);
	}
	hb_csv_end_record(&exporter->buffer);
}

static void exporter_finish(struct exporter *exporter)
{
	for (size_t i = 0; i < exporter->environment_count; i++) {
		for (size_t k = 0; k < COLUMNS_MAX; k++)
			free(exporter->environments[i].values[k]);
		free(exporter->environments[i].values);
	}
	names_finish(&exporter->params);
	names_finish(&exporter->env);
	hb_csv_buffer_finish(&exporter->buffer);
	cJSON_Delete(exporter->env_json);
}

/* Paths of a run's files; freed by the caller. */
static char *join(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static int prepare_wide(struct exporter *exporter, const char *dir, struct hb_error *reterr)
{
	char *plan_path = join(dir, "plan.json"), *env_path = join(dir, "env.json");
	struct hb_plan plan;
	int r = plan_path && env_path ? hb_plan_load(plan_path, &plan, reterr)
				      : hb_error_set(reterr, -ENOMEM, "out of memory");

	if (!r) {
		r = collect_params(exporter, &plan);
		hb_plan_finish(&plan);
		if (!r && hb_json_read_file(env_path, 0, &exporter->env_json, NULL))
			exporter->env_json = NULL;
		if (!r)
			r = collect_environments(exporter);
		if (r)
			(void)hb_error_set_at(reterr, r, dir, 0,
				r == -E2BIG ? "more than 2,000 columns or 256 environments to join"
					    : "out of memory");
	}
	free(plan_path);
	free(env_path);
	return r;
}

int hb_export_csv(const char *dir, bool wide, FILE *out, struct hb_error *reterr)
{
	struct exporter exporter = {.out = out, .wide = wide};
	char *path = join(dir, "trials.csv");
	int r = path ? 0 : hb_error_set(reterr, -ENOMEM, "out of memory");

	if (!r && wide)
		r = prepare_wide(&exporter, dir, reterr);
	if (!r) {
		put_header(&exporter);
		r = hb_journal_read(path, put_csv_trial, &exporter, NULL, reterr);
	}
	if (!r)
		r = flush(&exporter);
	exporter_finish(&exporter);
	free(path);
	return r;
}

static int put_json_trial(const struct hb_journal_trial *trial, void *user, struct hb_error *reterr)
{
	struct exporter *exporter = user;

	for (size_t i = 0; i < trial->row_count; i++) {
		cJSON *object = cJSON_CreateObject();
		char *text;
		int r = object ? 0 : -ENOMEM;

		for (int c = 0; !r && c < HB_COLUMN_COUNT; c++)
			r = hb_json_add_text(object, hb_column_names[c], trial->rows[i][c]);
		text = r ? NULL : cJSON_PrintUnformatted(object);
		if (text)
			fprintf(exporter->out, "%s\n%s", exporter->first ? "" : ",", text);
		exporter->first = false;
		cJSON_Delete(object);
		if (!text)
			return hb_error_set(reterr, -ENOMEM, "out of memory");
		cJSON_free(text);
	}
	return 0;
}

/* A file that is JSON already goes through unchanged, on one member. */
static int put_file(const char *dir, const char *name, const char *key, bool required, FILE *out,
	struct hb_error *reterr)
{
	char *path = join(dir, name), *text = NULL;
	cJSON *json = NULL;
	int r = path ? hb_json_read_file(path, 0, &json, reterr) : -ENOMEM;

	if (r && !required) {
		fprintf(out, ",\n\"%s\": null", key);
		r = 0;
	} else if (!r) {
		text = cJSON_PrintUnformatted(json);
		r = text ? 0 : hb_error_set(reterr, -ENOMEM, "out of memory");
		if (text)
			fprintf(out, ",\n\"%s\": %s", key, text);
	}
	cJSON_free(text);
	cJSON_Delete(json);
	free(path);
	return r;
}

int hb_export_json(const char *dir, FILE *out, struct hb_error *reterr)
{
	struct exporter exporter = {.out = out, .first = true};
	char *path = join(dir, "trials.csv");
	int r = path ? 0 : hb_error_set(reterr, -ENOMEM, "out of memory");

	if (!r) {
		fputs("{\"schema\": \"hotbed.export/1\"", out);
		r = put_file(dir, "plan.json", "plan", true, out, reterr);
	}
	if (!r)
		r = put_file(dir, "env.json", "env", false, out, reterr);
	if (!r) {
		fputs(",\n\"rows\": [", out);
		r = hb_journal_read(path, put_json_trial, &exporter, NULL, reterr);
	}
	if (!r)
		fputs("\n]}\n", out);
	free(path);
	return r;
}
