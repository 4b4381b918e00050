/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which charts a run gets, and writing them beside the report. */
#include "chart.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hotbed/error.h"
#include "hotbed/json.h"
#include "chart_parts.h"

/* Metrics drawn per experiment: the one the experiment names, then those of its claims. */
#define METRICS_MAX 4
/* Of these the first few get lines and a strip too; the rest stand in the forest plots and tables. */
#define SWEEPS_MAX 2

static void add_metric(
	const struct hb_plan_experiment *e, const char *name, uint32_t *list, size_t *count)
{
	for (uint32_t m = 0; m < e->metric_count; m++) {
		size_t i = 0;

		if (strcmp(e->metrics[m].name, name) != 0)
			continue;
		while (i < *count && list[i] != m)
			i++;
		if (i == *count && *count < METRICS_MAX)
			list[(*count)++] = m;
		return;
	}
}

static size_t list_metrics(const struct hb_plan_experiment *e, uint32_t *list)
{
	const cJSON *hint = cJSON_GetObjectItemCaseSensitive(e->describe, "chart");
	size_t count = 0;

	add_metric(e, hb_json_text_or(hint, "metric", ""), list, &count);
	for (size_t i = 0; i < e->claim_count; i++)
		add_metric(e, e->claims[i].metric, list, &count);
	if (!count && e->metric_count)
		list[count++] = 0;
	return count;
}

static int build_experiment(struct hb_chart_builder *builder)
{
	uint32_t metrics[METRICS_MAX];
	size_t count = list_metrics(builder->experiment, metrics);
	int r = 0;

	for (size_t i = 0; !r && i < count; i++) {
		r = hb_chart_forest(builder, metrics[i]);
		if (!r && i < SWEEPS_MAX)
			r = hb_chart_sweep(builder, metrics[i]);
	}
	if (!r && count)
		r = hb_chart_strip(builder, metrics[0]);
	return r;
}

int hb_charts_build(const struct hb_summary *summary, const char *folder, struct hb_charts *ret,
	struct hb_error *reterr)
{
	struct hb_charts charts = {0};
	struct hb_chart_builder builder = {.summary = summary, .charts = &charts};
	char *hlog = NULL, *logs = NULL;
	int r = 0;

	if (asprintf(&hlog, "%s/hist.hlog", folder) < 0 || asprintf(&logs, "%s/logs", folder) < 0)
		r = -ENOMEM;
	for (uint32_t e = 0; !r && e < summary->plan->experiment_count; e++) {
		builder.e = e;
		builder.experiment = &summary->plan->experiments[e];
		r = build_experiment(&builder);
	}
	if (r)
		(void)hb_error_set(reterr, r, "the charts ran out of memory");
	else
		r = hb_chart_percentiles(&builder, hlog, reterr);
	if (!r)
		r = hb_chart_figures(&builder, logs, reterr);
	free(hlog);
	free(logs);
	hb_series_finish(&builder.series);
	if (r) {
		hb_charts_finish(&charts);
		return r;
	}
	*ret = charts;
	return 0;
}

void hb_charts_finish(struct hb_charts *charts)
{
	for (size_t i = 0; i < charts->count; i++) {
		free(charts->items[i].id);
		free(charts->items[i].title);
		free(charts->items[i].description);
		cJSON_Delete(charts->items[i].spec);
		for (char **column = charts->items[i].own_columns; column && *column; column++)
			free(*column);
		free(charts->items[i].own_columns);
	}
	free(charts->items);
	*charts = (struct hb_charts){0};
}

/* Charts of an earlier report over fewer blocks must not stay beside those of this one. */
static void remove_older(const char *dir)
{
	static const char suffix[] = ".vl.json";
	DIR *folder = opendir(dir);
	const struct dirent *entry;

	while (folder && (entry = readdir(folder)) != NULL) {
		size_t length = strlen(entry->d_name);

		if (length > sizeof(suffix) - 1 &&
			!strcmp(entry->d_name + length - (sizeof(suffix) - 1), suffix))
			(void)unlinkat(dirfd(folder), entry->d_name, 0);
	}
	if (folder)
		(void)closedir(folder);
}

/* Derived files: made again from trials.csv at any time, so they are not synced one by one. */
static int write_spec(const struct hb_chart_spec *chart, const char *dir, struct hb_error *reterr)
{
	char *text = cJSON_Print(chart->spec), *path = NULL;
	FILE *file = NULL;
	int r = text && asprintf(&path, "%s/%s.vl.json", dir, chart->id) >= 0 ? 0 : -ENOMEM;

	if (r) {
		cJSON_free(text);
		return hb_error_set(reterr, r, "out of memory");
	}
	file = fopen(path, "we");
	if (!file || fputs(text, file) < 0 || fputc('\n', file) < 0)
		r = -errno;
	if (file && fclose(file) && !r)
		r = -errno;
	if (r)
		(void)hb_error_set_at(reterr, r, path, 0, "cannot be written: %s", strerror(-r));
	cJSON_free(text);
	free(path);
	return r;
}

int hb_charts_write(const struct hb_charts *charts, const char *dir, struct hb_error *reterr)
{
	int r = 0;

	if (mkdir(dir, 0777) && errno != EEXIST)
		return hb_error_set_at(
			reterr, -errno, dir, 0, "cannot be made: %s", strerror(errno));
	remove_older(dir);
	for (size_t i = 0; !r && i < charts->count; i++)
		r = write_spec(&charts->items[i], dir, reterr);
	return r;
}
