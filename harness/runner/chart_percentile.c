/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Percentile curves from hist.hlog. A line is "Tag=SEQ:NAME,start,interval,max,HISTOGRAM". One pass notes where the
 * histograms of the points to be shown lie; then they are decoded and merged one curve at a time, so that memory stays
 * at one histogram however many there are.
 */
#include "chart_parts.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/csv.h"
#include "hotbed/error.h"
#include "hotbed/hist.h"
#include "assets.h"

#define PANELS_MAX 6
#define NAMES_MAX 2
#define NAME_BYTES 64
#define STEPS_MAX 60

static const char *const columns[] = {"variant", "params", "percentile", "value", "samples", NULL};

/* A trial whose histograms are wanted. */
struct wanted {
	uint32_t seq, experiment, point, variant;
};

/* A histogram found: sorted by experiment, name, point, variant, it lies beside those it is merged with. */
struct found {
	uint32_t experiment, point, variant, name;
	off_t offset;
	size_t length;
};

struct reader {
	struct hb_chart_builder *builder;
	const char *path;
	FILE *file;
	struct wanted *wanted;
	struct found *found;
	size_t wanted_count, found_count, found_capacity;
	char (*names)[NAME_BYTES]; /* shape [experiment_count * NAMES_MAX] */
};

static int compare_wanted(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

static int compare_found(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->experiment != y->experiment)
		return x->experiment < y->experiment ? -1 : 1;
	if (x->name != y->name)
		return x->name < y->name ? -1 : 1;
	if (x->point != y->point)
		return x->point < y->point ? -1 : 1;
	if (x->variant != y->variant)
		return x->variant < y->variant ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Trials of the chosen attempts at the points to be shown; first counts, then fills. */
static size_t list_wanted(const struct reader *reader, struct wanted *ret)
{
	const struct hb_trials *trials = reader->builder->summary->trials;
	size_t count = 0;

	for (uint32_t e = 0; e < trials->plan->experiment_count; e++) {
		const struct hb_plan_experiment *experiment = &trials->plan->experiments[e];
		size_t points = hb_chart_pick_count(experiment->point_count, PANELS_MAX);

		for (size_t i = 0; i < points; i++) {
			uint32_t p =
				(uint32_t)hb_chart_pick(experiment->point_count, PANELS_MAX, i);
			const struct hb_trials_point *point = &trials->points[e][p];

			for (uint32_t n = 0; n < point->block_count * experiment->variant_count;
				n++) {
				uint32_t v = n % (uint32_t)experiment->variant_count;
				const struct hb_trials_block *block =
					&point->blocks[n / experiment->variant_count];

				if (!block->chosen || block->is_void ||
					block->chosen->arms[v].status != HB_STATUS_OK)
					continue;
				if (ret)
					ret[count] = (struct wanted){
						block->chosen->arms[v].seq, e, p, v};
				count++;
			}
		}
	}
	return count;
}

/* Index of the histogram's name among the experiment's, or -ENOENT when it has enough. */
static int find_name(struct reader *reader, uint32_t experiment, const char *name, size_t length)
{
	char(*names)[NAME_BYTES] = reader->names + (size_t)experiment * NAMES_MAX;

	if (!length || length >= NAME_BYTES)
		return -ENOENT;
	for (int i = 0; i < NAMES_MAX; i++) {
		if (!names[i][0])
			memcpy(names[i], name, length);
		if (strlen(names[i]) == length && !memcmp(names[i], name, length))
			return i;
	}
	return -ENOENT;
}

static int keep(struct reader *reader, const struct found *found)
{
	if (reader->found_count == reader->found_capacity) {
		size_t more = reader->found_capacity ? reader->found_capacity * 2 : 256;
		struct found *grown = realloc(reader->found, more * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		reader->found = grown;
		reader->found_capacity = more;
	}
	reader->found[reader->found_count++] = *found;
	return 0;
}

static int note_line(struct reader *reader, const char *line, off_t offset)
{
	struct wanted key = {0};
	const struct wanted *match;
	const char *name, *data;
	unsigned long seq;
	char *end;
	int index;

	if (strncmp(line, "Tag=", 4) != 0)
		return 0;
	seq = strtoul(line + 4, &end, 10);
	if (*end != ':' || seq > UINT32_MAX)
		return 0;
	name = end + 1;
	data = strrchr(line, ',');
	if (!data)
		return 0;
	key.seq = (uint32_t)seq;
	match = bsearch(&key, reader->wanted, reader->wanted_count, sizeof(key), compare_wanted);
	if (!match)
		return 0;
	index = find_name(reader, match->experiment, name, strcspn(name, ","));
	if (index < 0)
		return 0;
	return keep(reader,
		&(struct found){match->experiment, match->point, match->variant, (uint32_t)index,
			offset + (data + 1 - line), strcspn(data + 1, "\r\n")});
}

static int scan(struct reader *reader)
{
	char *line = NULL;
	size_t capacity = 0;
	ssize_t length;
	off_t offset = 0;
	int r = 0;

	while (!r && (length = getline(&line, &capacity, reader->file)) > 0) {
		/* A line without its end was being written when the run was cut. */
		if (line[length - 1] != '\n')
			break;
		r = note_line(reader, line, offset);
		offset += length;
	}
	free(line);
	if (!r && ferror(reader->file))
		return -EIO;
	if (!r && reader->found_count)
		qsort(reader->found, reader->found_count, sizeof(*reader->found), compare_found);
	return r;
}

static int decode(struct reader *reader, const struct found *found, struct hb_hist **ret,
	struct hb_error *reterr)
{
	char *text = malloc(found->length + 1);
	int r = -ENOMEM;

	if (!text)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	if (fseeko(reader->file, found->offset, SEEK_SET) ||
		fread(text, 1, found->length, reader->file) != found->length)
		r = hb_error_set_at(reterr, -EIO, reader->path, 0, "cannot be read again");
	else
		r = hb_hist_decode(text, found->length, ret, reterr);
	free(text);
	return r;
}

/* The blocks' histograms of one curve, merged. @ret_next: index after them. */
static int merge_curve(struct reader *reader, size_t first, struct hb_hist **ret, size_t *ret_next,
	struct hb_error *reterr)
{
	const struct found *f = reader->found;
	struct hb_hist *sum = NULL;
	size_t i = first;
	int r = 0;

	for (; !r && i < reader->found_count; i++) {
		struct hb_hist *hist = NULL;

		if (f[i].experiment != f[first].experiment || f[i].name != f[first].name ||
			f[i].point != f[first].point || f[i].variant != f[first].variant)
			break;
		r = decode(reader, &f[i], &hist, reterr);
		if (r)
			break;
		if (!sum) {
			sum = hist;
			continue;
		}
		if (hb_hist_merge(sum, hist))
			r = hb_error_set_at(reterr, -EBADMSG, reader->path, 0,
				"histograms of one variant do not fit into one another");
		hb_hist_destroy(hist);
	}
	if (r) {
		hb_hist_destroy(sum);
		return r;
	}
	*ret = sum;
	*ret_next = i;
	return 0;
}

static int put_curve(struct reader *reader, struct hb_chart_spec *chart, const struct found *f,
	const struct hb_hist *hist, size_t steps, struct hb_chart_range range[2])
{
	const struct hb_plan_experiment *e = reader->builder->experiment;
	uint64_t total = hb_hist_total(hist);
	double end = fmin(total > 2 ? (double)total : 2, 1e5);
	struct hb_text panel = {0};
	int r = 0;

	hb_text_put(&panel, "");
	hb_label_point(e, e->points[f->point].params, HB_LABEL_VARYING, NULL, NULL, &panel);
	for (size_t i = 0; !r && !panel.failed && total && i < steps; i++) {
		double tail = pow(end, (double)i / (double)(steps - 1));
		double value = hb_hist_quantile(hist, 1 - 1 / tail);
		cJSON *object = isfinite(value) ? hb_chart_value(chart) : NULL;

		/* Requests that were never answered: from here on the curve is beyond the axis. */
		if (!isfinite(value))
			break;
		if (!object || !cJSON_AddStringToObject(object, "panel", panel.bytes) ||
			!cJSON_AddStringToObject(object, "variant", e->variants[f->variant].name) ||
			!cJSON_AddStringToObject(object, "params", e->points[f->point].params) ||
			!cJSON_AddNumberToObject(object, "samples", (double)total))
			r = -ENOMEM;
		if (!r)
			r = hb_chart_number(object, "tail", tail);
		if (!r)
			r = hb_chart_number(object, "percentile", 100 - 100 / tail);
		if (!r)
			r = hb_chart_number(object, "value", value);
		hb_chart_range_add(&range[0], tail);
		hb_chart_range_add(&range[1], value);
	}
	if (panel.failed)
		r = -ENOMEM;
	hb_text_finish(&panel);
	return r;
}

/* Curves and panels of the chart that begins at @first. */
static void count_curves(
	const struct reader *reader, size_t first, size_t *ret_curves, size_t *ret_panels)
{
	const struct found *f = reader->found;

	*ret_curves = *ret_panels = 0;
	for (size_t i = first; i < reader->found_count && f[i].experiment == f[first].experiment &&
			       f[i].name == f[first].name;
		i++) {
		bool panel = i == first || f[i].point != f[i - 1].point;

		*ret_panels += panel;
		*ret_curves += panel || f[i].variant != f[i - 1].variant;
	}
}

static int finish(struct reader *reader, struct hb_chart_spec *chart, const char *name,
	size_t panels, const struct hb_chart_range range[2])
{
	const struct hb_plan_experiment *e = reader->builder->experiment;
	int r;

	chart->marks = (size_t)cJSON_GetArraySize(chart->values);
	if (!chart->marks) {
		hb_chart_drop(reader->builder);
		return 0;
	}
	r = hb_chart_axis(chart->spec, "spec/layer/0/encoding/y", &range[1], true, "ns");
	if (!r)
		r = hb_chart_put(
			chart->spec, "spec/layer/0/encoding/y", "title", cJSON_CreateString(name));
	if (!r)
		r = hb_chart_colors(reader->builder, chart->spec, "spec/layer/0/encoding/color");
	if (!r)
		r = hb_chart_panels(chart, panels);
	if (!r)
		r = hb_chart_title(
			chart, "%s/%s: percentiles of %s", e->subproject, e->experiment, name);
	if (!r)
		r = hb_chart_describe(chart,
			"%s by percentile, all blocks together; the axis stretches the tail. A "
			"curve "
			"that ends early leads to requests that were never answered.%s",
			name,
			e->point_count > PANELS_MAX ? " A selection of the points is shown." : "");
	return r;
}

static int draw(struct reader *reader, size_t first, size_t *ret_next, struct hb_error *reterr)
{
	struct hb_chart_range range[2] = {
		{INFINITY, -INFINITY, false}, {INFINITY, -INFINITY, false}};
	const struct found f = reader->found[first];
	const char *name = reader->names[(size_t)f.experiment * NAMES_MAX + f.name];
	struct hb_chart_spec *chart;
	size_t curves, panels, steps, i = first;
	int r = 0;

	reader->builder->e = f.experiment;
	reader->builder->experiment = &reader->builder->summary->plan->experiments[f.experiment];
	count_curves(reader, first, &curves, &panels);
	steps = HB_CHART_MARKS_MAX / curves < STEPS_MAX ? HB_CHART_MARKS_MAX / curves : STEPS_MAX;
	chart = hb_chart_open(
		reader->builder, "percentiles", hb_asset_percentile_vl_json, name, columns);
	if (!chart)
		r = -ENOMEM;
	while (!r && i < reader->found_count && reader->found[i].experiment == f.experiment &&
		reader->found[i].name == f.name) {
		struct hb_hist *hist = NULL;
		size_t here = i;

		r = merge_curve(reader, i, &hist, &i, reterr);
		if (!r && steps >= 2)
			r = put_curve(reader, chart, &reader->found[here], hist, steps, range);
		hb_hist_destroy(hist);
	}
	*ret_next = i;
	return r ? r : finish(reader, chart, name, panels, range);
}

int hb_chart_percentiles(
	struct hb_chart_builder *builder, const char *path, struct hb_error *reterr)
{
	struct reader reader = {.builder = builder, .path = path, .file = fopen(path, "re")};
	size_t next = 0;
	int r = 0;

	if (!reader.file)
		return errno == ENOENT ? 0
				       : hb_error_set_at(reterr, -errno, path, 0,
						 "cannot be opened: %s", strerror(errno));
	reader.wanted_count = list_wanted(&reader, NULL);
	reader.wanted = calloc(reader.wanted_count + 1, sizeof(*reader.wanted));
	reader.names = calloc(
		builder->summary->plan->experiment_count * NAMES_MAX + 1, sizeof(*reader.names));
	if (!reader.wanted || !reader.names)
		r = -ENOMEM;
	if (!r) {
		(void)list_wanted(&reader, reader.wanted);
		qsort(reader.wanted, reader.wanted_count, sizeof(*reader.wanted), compare_wanted);
		r = scan(&reader);
	}
	if (r)
		(void)hb_error_set_at(reterr, r, path, 0, "cannot be read: %s", strerror(-r));
	while (!r && next < reader.found_count)
		r = draw(&reader, next, &next, reterr);
	(void)fclose(reader.file);
	free(reader.wanted);
	free(reader.found);
	free(reader.names);
	return r;
}
