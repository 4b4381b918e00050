/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run_writer.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "hotbed/assert.h"
#include "hotbed/csv.h"
#include "hotbed/json.h"
#include "row.h"

#define RUN_ID "0190a5d0-0000-7000-8000-000000000001"

uint32_t run_variant_count(const struct run_experiment *experiment)
{
	uint32_t count = 0;

	while (experiment->variants[count].name)
		count++;
	return count;
}

uint32_t run_metric_count(const struct run_experiment *experiment)
{
	uint32_t count = 0;

	while (experiment->metrics[count].name)
		count++;
	return count;
}

static cJSON *parse_or(const char *json, const char *fallback)
{
	cJSON *item = cJSON_Parse(json ? json : fallback);

	hb_assert(item);
	return item;
}

static cJSON *describe_metrics(const struct run_experiment *e)
{
	cJSON *array = cJSON_CreateArray();

	for (const struct run_metric *m = e->metrics; m->name; m++) {
		cJSON *item = cJSON_CreateObject();

		hb_json_add_text(item, "name", m->name);
		hb_json_add_text(item, "unit", m->unit);
		hb_json_add_text(item, "help", "");
		hb_json_add_text(item, "better", m->better);
		hb_json_add_text(item, "basis", m->basis);
		hb_json_add_bool(item, "exact", m->exact);
		hb_json_add_bool(item, "optional", m->optional);
		hb_json_add_double(item, "min_effect", m->min_effect);
		cJSON_AddItemToArray(array, item);
	}
	return array;
}

static cJSON *describe_variants(const struct run_experiment *e)
{
	cJSON *array = cJSON_CreateArray();

	for (const struct run_variant *v = e->variants; v->name; v++) {
		cJSON *item = cJSON_CreateObject();

		hb_json_add_text(item, "name", v->name);
		hb_json_add_text(item, "role", v->role);
		hb_json_add_text(item, "help", "");
		hb_json_add_text(item, "digest_class", v->digest_class);
		cJSON_AddItemToArray(array, item);
	}
	return array;
}

static cJSON *describe(const struct run_experiment *e)
{
	cJSON *item = cJSON_CreateObject();

	hb_json_add_text(item, "name", e->name);
	hb_json_add_text(item, "question", e->question);
	cJSON_AddNumberToObject(item, "blocks", e->blocks);
	hb_json_add_bool(item, "unseeded", e->unseeded);
	hb_json_add_bool(item, "quiet", false);
	cJSON_AddItemToObject(item, "roles", cJSON_CreateArray());
	cJSON_AddItemToObject(item, "chart",
		parse_or(e->chart_json, "{\"x\":\"\",\"facet\":\"\",\"metric\":\"\",\"log_x\":"
					"false,\"log_y\":false}"));
	cJSON_AddItemToObject(item, "params", parse_or(e->params_json, "[]"));
	cJSON_AddItemToObject(item, "metrics", describe_metrics(e));
	cJSON_AddItemToObject(item, "variants", describe_variants(e));
	cJSON_AddItemToObject(item, "claims", parse_or(e->claims_json, "[]"));
	return item;
}

/* Every experiment gets a driver of its own, so that two may share a subproject's name or not. */
static cJSON *plan_drivers(const struct run_experiment *const *experiments)
{
	cJSON *array = cJSON_CreateArray();

	for (; *experiments; experiments++) {
		cJSON *driver = cJSON_CreateObject(), *about = cJSON_CreateObject(), *list;

		hb_json_add_text(about, "schema", "hotbed.describe/1");
		hb_json_add_text(about, "subproject", (*experiments)->subproject);
		hb_json_add_text(about, "version", "0");
		list = cJSON_AddArrayToObject(about, "experiments");
		cJSON_AddItemToArray(list, describe(*experiments));
		hb_json_add_text(driver, "subproject", (*experiments)->subproject);
		hb_json_add_text(driver, "path", "/nonexistent");
		cJSON_AddItemToObject(driver, "describe", about);
		cJSON_AddItemToArray(array, driver);
	}
	return array;
}

static cJSON *plan_experiments(const struct run_experiment *const *experiments)
{
	cJSON *array = cJSON_CreateArray();

	for (int i = 0; experiments[i]; i++) {
		const struct run_experiment *e = experiments[i];
		cJSON *item = cJSON_CreateObject(), *list;

		cJSON_AddNumberToObject(item, "driver", i);
		hb_json_add_text(item, "subproject", e->subproject);
		hb_json_add_text(item, "experiment", e->name);
		cJSON_AddNumberToObject(item, "blocks", e->blocks);
		hb_json_add_bool(item, "until_ci", false);
		list = cJSON_AddArrayToObject(item, "variants");
		for (const struct run_variant *v = e->variants; v->name; v++)
			cJSON_AddItemToArray(list, cJSON_CreateString(v->name));
		cJSON_AddNumberToObject(item, "baseline", 0);
		list = cJSON_AddArrayToObject(item, "points");
		for (const char *const *p = e->points; *p; p++) {
			cJSON *point = cJSON_CreateObject();

			hb_json_add_text(point, "params", *p);
			hb_json_add_u64(point, "memory_bytes", 1 << 20);
			hb_json_add_u64(point, "trial_ms", 1);
			hb_json_add_text(point, "skip", "");
			cJSON_AddItemToArray(list, point);
		}
		cJSON_AddItemToArray(array, item);
	}
	return array;
}

/* In order of execution: block by block, all points in each. */
static void write_blocks(FILE *file, const struct run_experiment *const *experiments)
{
	const char *separator = "";

	for (int i = 0; experiments[i]; i++) {
		const struct run_experiment *e = experiments[i];
		uint32_t arms = run_variant_count(e) + 1;

		for (uint32_t b = 0; b < e->blocks; b++) {
			for (int p = 0; e->points[p]; p++) {
				fprintf(file,
					"%s\n{\"e\":%d,\"p\":%d,\"b\":%" PRIu32
					",\"seed\":\"%" PRIu32 "\",\"order\":\"",
					separator, i, p, b, b + 1);
				for (uint32_t arm = 0; arm < arms; arm++)
					fprintf(file, "%s%" PRIu32, arm ? " " : "", arm);
				fputs("\"}", file);
				separator = ",";
			}
		}
	}
}

static void write_plan(const struct run_writer *writer, const struct run_options *options)
{
	cJSON *plan = cJSON_CreateObject();
	char path[512], *text;
	FILE *file;

	hb_json_add_text(plan, "schema", "hotbed.plan/1");
	hb_json_add_text(plan, "run_id", writer->run_id);
	hb_json_add_text(plan, "created_utc", writer->created_utc);
	hb_json_add_u64(plan, "seed", options->seed ? options->seed : 1);
	hb_json_add_text(plan, "mode", options->mode ? options->mode : "default");
	hb_json_add_bool(plan, "verdicts", !options->smoke);
	hb_json_add_text(plan, "host_id", writer->host_id);
	hb_json_add_text(plan, "env_id", writer->env_id);
	hb_json_add_text(plan, "build_id", writer->build_id);
	cJSON_AddItemToObject(plan, "drivers", plan_drivers(writer->experiments));
	cJSON_AddItemToObject(plan, "experiments", plan_experiments(writer->experiments));
	text = cJSON_PrintUnformatted(plan);
	hb_assert(text);
	snprintf(path, sizeof(path), "%s/plan.json", writer->dir);
	file = fopen(path, "w");
	hb_assert(file);
	text[strlen(text) - 1] = '\0';
	fprintf(file, "%s,\n\"blocks\":[", text);
	write_blocks(file, writer->experiments);
	fputs("]}\n", file);
	hb_assert(!fclose(file));
	cJSON_free(text);
	cJSON_Delete(plan);
}

static void write_env(const struct run_writer *writer, const struct run_options *options)
{
	char path[512];
	FILE *file;

	if (!options->commit)
		return;
	snprintf(path, sizeof(path), "%s/env.json", writer->dir);
	file = fopen(path, "w");
	hb_assert(file);
	fprintf(file,
		"{\"schema\":\"hotbed.env/1\",\"build\":{\"commit\":\"%s\",\"dirty\":\"no\"}}\n",
		options->commit);
	hb_assert(!fclose(file));
}

void run_writer_open(struct run_writer *writer, const struct run_experiment *const *experiments,
	const struct run_options *options)
{
	static const struct run_options plain;
	const char *tmp = getenv("TMPDIR");
	char path[512];

	options = options ? options : &plain;
	*writer = (struct run_writer){.experiments = experiments,
		.run_id = options->run_id ? options->run_id : RUN_ID,
		.host_id = options->host_id ? options->host_id : "aaaaaaaaaaaa",
		.created_utc = options->created_utc ? options->created_utc
						    : "2026-01-02T03:04:05.000000006Z",
		.env_id = options->env_id ? options->env_id : "eeeeeeeeeeee",
		.build_id = options->build_id ? options->build_id : "bbbbbbbbbbbb"};
	if (options->dir) {
		writer->dir = strdup(options->dir);
		hb_assert(writer->dir && !mkdir(writer->dir, 0777));
	} else {
		hb_assert(
			asprintf(&writer->dir, "%s/hotbed-report-XXXXXX", tmp ? tmp : "/tmp") > 0);
		hb_assert(mkdtemp(writer->dir));
	}
	write_plan(writer, options);
	write_env(writer, options);
	snprintf(path, sizeof(path), "%s/trials.csv", writer->dir);
	writer->csv = fopen(path, "w");
	hb_assert(writer->csv);
	for (int c = 0; c < HB_COLUMN_COUNT; c++)
		fprintf(writer->csv, "%s%s", c ? "," : "", hb_column_names[c]);
	fputs("\r\n", writer->csv);
}

static void write_row(struct run_writer *writer, const struct run_trial *trial, const char *metric,
	const char *value, const struct run_metric *m)
{
	const struct run_experiment *e = writer->experiments[trial->experiment];
	bool control = trial->arm == run_variant_count(e);
	const struct run_variant *v = &e->variants[control ? 0 : trial->arm];

	fprintf(writer->csv,
		"%s,%s,%s,%s,%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32
		",%s,%s,%s,%s,%s,%s,%s,%s,%d,1,%" PRIu32 ",%s,%s,0,%s,%s,%s,%s,%s\r\n",
		writer->run_id, e->subproject, e->name, e->points[trial->point], trial->point,
		trial->block, trial->arm, trial->attempt, writer->seq, v->name,
		control ? "control" : v->role, trial->status ? trial->status : "ok", metric, value,
		m->unit, m->better, m->basis, m->exact, trial->block + 1,
		trial->digest ? trial->digest : "", writer->created_utc,
		trial->flags ? trial->flags : "", writer->host_id, writer->env_id, writer->build_id,
		trial->detail ? trial->detail : "");
}

void run_writer_trial(struct run_writer *writer, const struct run_trial *trial)
{
	static const struct run_metric wall = {
		HB_COMMIT_METRIC, "ns", "none", "wall", false, false, 0};
	const struct run_experiment *e = writer->experiments[trial->experiment];
	char value[HB_CSV_DOUBLE_BYTES];

	for (uint32_t m = 0; trial->values && e->metrics[m].name; m++) {
		if (isnan(trial->values[m]))
			continue;
		hb_csv_format_double(trial->values[m], value);
		write_row(writer, trial, e->metrics[m].name, value, &e->metrics[m]);
	}
	write_row(writer, trial, wall.name, trial->values ? "1000000" : "", &wall);
	writer->seq++;
}

void run_writer_close(struct run_writer *writer)
{
	hb_assert(!ferror(writer->csv));
	hb_assert(!fclose(writer->csv));
	writer->csv = NULL;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

void run_writer_remove(struct run_writer *writer)
{
	(void)nftw(writer->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(writer->dir);
	*writer = (struct run_writer){0};
}
