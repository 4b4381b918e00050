/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Figures that trials drew: logs/SEQ-NAME.vl.json. Which trial a file is of, and whether it counts, trials.csv says:
 * files of others, and files that are no figure, are left out. The look (theme, sizes) is the report's.
 */
#include "chart_parts.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/error.h"
#include "hotbed/json.h"
#include "figure.h"
#include "label.h"

#define NAME_BYTES 65
#define COLUMNS_MAX 12

/* Of a trial of a chosen attempt. */
struct drawn {
	uint32_t seq, experiment, point, variant, block;
	char name[NAME_BYTES]; /* of the figure; "" while it is only the trial */
};

struct drawn_list {
	struct drawn *items;
	size_t count, capacity;
};

static int append(struct drawn_list *list, const struct drawn *drawn)
{
	if (list->count == list->capacity) {
		size_t more = list->capacity ? list->capacity * 2 : 64;
		struct drawn *grown = realloc(list->items, more * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		list->items = grown;
		list->capacity = more;
	}
	list->items[list->count++] = *drawn;
	return 0;
}

static int by_seq(const void *a, const void *b)
{
	const struct drawn *x = a, *y = b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

static int by_place(const void *a, const void *b)
{
	const struct drawn *x = a, *y = b;
	int name = strcmp(x->name, y->name);

	if (x->experiment != y->experiment)
		return x->experiment < y->experiment ? -1 : 1;
	if (name)
		return name;
	if (x->point != y->point)
		return x->point < y->point ? -1 : 1;
	if (x->variant != y->variant)
		return x->variant < y->variant ? -1 : 1;
	return (x->block > y->block) - (x->block < y->block);
}

static bool is_same_chart(const struct drawn *a, const struct drawn *b)
{
	return a->experiment == b->experiment && a->point == b->point && a->variant == b->variant &&
	       !strcmp(a->name, b->name);
}

static int list_trials_of_point(
	const struct hb_summary *summary, uint32_t e, uint32_t p, struct drawn_list *list)
{
	const struct hb_trials_point *point = &summary->trials->points[e][p];
	uint32_t variants = (uint32_t)summary->plan->experiments[e].variant_count;
	int r = 0;

	for (uint32_t b = 0; b < point->block_count; b++) {
		const struct hb_trials_block *block = &point->blocks[b];

		for (uint32_t v = 0; !r && block->chosen && !block->is_void && v < variants; v++) {
			if (block->chosen->arms[v].status == HB_STATUS_OK)
				r = append(list, &(struct drawn){block->chosen->arms[v].seq, e, p,
							 v, b, ""});
		}
	}
	return r;
}

static int list_trials(const struct hb_summary *summary, struct drawn_list *ret)
{
	int r = 0;

	for (uint32_t e = 0; e < summary->plan->experiment_count; e++) {
		for (uint32_t p = 0; !r && p < summary->plan->experiments[e].point_count; p++)
			r = list_trials_of_point(summary, e, p, ret);
	}
	if (!r && ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), by_seq);
	return r;
}

/* "12-field.vl.json": the trial and the name, or -ENOENT. */
static int read_name(const char *file, struct drawn *ret)
{
	size_t length = strlen(file), suffix = strlen(HB_FIGURE_SUFFIX);
	unsigned long long seq;
	char *end;

	if (file[0] < '0' || file[0] > '9' || length <= suffix ||
		strcmp(file + length - suffix, HB_FIGURE_SUFFIX) != 0)
		return -ENOENT;
	seq = strtoull(file, &end, 10);
	if (*end != '-' || seq > UINT32_MAX)
		return -ENOENT;
	length -= suffix + (size_t)(end + 1 - file);
	if (length == 0 || length >= NAME_BYTES)
		return -ENOENT;
	*ret = (struct drawn){.seq = (uint32_t)seq};
	memcpy(ret->name, end + 1, length);
	return 0;
}

static int list_figures(const char *folder, const struct drawn_list *trials, struct drawn_list *ret)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!r && (entry = readdir(dir)) != NULL) {
		const struct drawn *trial;
		struct drawn figure;

		if (!trials->count || read_name(entry->d_name, &figure))
			continue;
		trial = bsearch(
			&figure, trials->items, trials->count, sizeof(*trials->items), by_seq);
		if (!trial)
			continue;
		figure.experiment = trial->experiment;
		figure.point = trial->point;
		figure.variant = trial->variant;
		figure.block = trial->block;
		r = append(ret, &figure);
	}
	(void)closedir(dir);
	if (!r && ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), by_place);
	return r;
}

/* ---- one chart ---- */

static bool has_column(const struct hb_chart_spec *chart, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(chart->own_columns[i], key))
			return true;
	}
	return false;
}

/* The keys of all values, in the order in which they first come. */
static int find_columns(struct hb_chart_spec *chart)
{
	const cJSON *row, *item;
	size_t count = 0;

	chart->own_columns = calloc(COLUMNS_MAX + 1, sizeof(*chart->own_columns));
	if (!chart->own_columns)
		return -ENOMEM;
	cJSON_ArrayForEach(row, chart->values)
	{
		cJSON_ArrayForEach(item, row)
		{
			if (count == COLUMNS_MAX || has_column(chart, count, item->string))
				continue;
			chart->own_columns[count] = strdup(item->string);
			if (!chart->own_columns[count++])
				return -ENOMEM;
		}
	}
	chart->columns = (const char *const *)chart->own_columns;
	return 0;
}

/* Every member of @from, which is freed, takes the place of the one in @chart's specification. */
static int adopt(struct hb_chart_spec *chart, cJSON *from)
{
	cJSON *child;
	int r = 0;

	while (!r && (child = from->child) != NULL) {
		/* Replacing frees the name of the item before it is copied. */
		char *key = strdup(child->string);

		if (!key) {
			r = -ENOMEM;
			break;
		}
		(void)cJSON_DetachItemViaPointer(from, child);
		r = hb_chart_put(chart->spec, "", key, child);
		free(key);
	}
	cJSON_Delete(from);
	chart->values = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(chart->spec, "data"), "values");
	chart->marks = (size_t)cJSON_GetArraySize(chart->values);
	return r;
}

static int describe(
	struct hb_chart_spec *chart, const struct hb_plan_experiment *e, const struct drawn *figure)
{
	char *title = strdup(hb_json_text_or(chart->spec, "title", ""));
	char *text = strdup(hb_json_text_or(chart->spec, "description", ""));
	struct hb_text label = {0};
	int r = title && text ? 0 : -ENOMEM;

	hb_text_put(&label, "");
	hb_label_point(e, e->points[figure->point].params, HB_LABEL_VARYING, NULL, NULL, &label);
	if (label.failed)
		r = -ENOMEM;
	if (!r)
		r = hb_chart_title(chart, "%s", title);
	if (!r)
		r = hb_chart_describe(chart, "%s Drawn by %s%s%s, block %u.", text,
			e->variants[figure->variant].name, label.length_bytes ? " at " : "",
			label.bytes, figure->block + 1);
	hb_text_finish(&label);
	free(title);
	free(text);
	return r;
}

static int draw(struct hb_chart_builder *builder, const char *folder, const struct drawn *figure)
{
	struct hb_chart_spec *chart;
	char *path = NULL;
	cJSON *json = NULL;
	int r;

	if (asprintf(&path, "%s/%u-%s" HB_FIGURE_SUFFIX, folder, figure->seq, figure->name) < 0)
		return -ENOMEM;
	r = hb_json_read_file(path, HB_FIGURE_BYTES_MAX + 1, &json, NULL);
	free(path);
	if (!r && hb_figure_check(json, NULL)) {
		cJSON_Delete(json);
		return 0;
	}
	if (r)
		return r == -ENOMEM ? r : 0;
	builder->e = figure->experiment;
	builder->experiment = &builder->summary->plan->experiments[figure->experiment];
	chart = hb_chart_open(builder, figure->name, "{}", NULL, NULL);
	if (!chart) {
		cJSON_Delete(json);
		return -ENOMEM;
	}
	r = adopt(chart, json);
	if (!r)
		r = find_columns(chart);
	return r ? r : describe(chart, builder->experiment, figure);
}

int hb_chart_figures(struct hb_chart_builder *builder, const char *folder, struct hb_error *reterr)
{
	struct drawn_list trials = {0}, figures = {0};
	size_t shown = 0;
	int r = list_trials(builder->summary, &trials);

	if (!r)
		r = list_figures(folder, &trials, &figures);
	for (size_t i = 0; !r && i < figures.count; i++) {
		const struct drawn *figure = &figures.items[i];

		if (i == 0 || figure->experiment != figure[-1].experiment)
			shown = 0;
		if ((i > 0 && is_same_chart(figure, figure - 1)) || shown == HB_FIGURES_SHOWN_MAX)
			continue;
		size_t before = builder->charts->count;

		r = draw(builder, folder, figure);
		shown += builder->charts->count - before;
	}
	free(trials.items);
	free(figures.items);
	return r ? hb_error_set_at(reterr, r, folder, 0, "figures cannot be read: %s", strerror(-r))
		 : 0;
}
