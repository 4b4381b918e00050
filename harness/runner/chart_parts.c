/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Templates and axes. */
#include "chart_parts.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/assert.h"
#include "assets.h"

/* Ids become file names and HTML ids. */
static void put_slug(struct hb_text *text, const char *string)
{
	for (; *string; string++) {
		char c = *string;

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
			c = '-';
		hb_text_put_bytes(text, &c, 1);
	}
}

static bool is_taken(const struct hb_charts *charts, const char *id)
{
	for (size_t i = 0; i + 1 < charts->count; i++) {
		if (!strcmp(charts->items[i].id, id))
			return true;
	}
	return false;
}

static char *make_id(const struct hb_chart_builder *builder, const char *kind, const char *metric)
{
	struct hb_text text = {0};
	size_t length;

	put_slug(&text, builder->experiment->subproject);
	hb_text_put(&text, "-");
	put_slug(&text, builder->experiment->experiment);
	if (metric) {
		hb_text_put(&text, "-");
		put_slug(&text, metric);
	}
	hb_text_format(&text, "-%s", kind);
	if (text.failed) {
		hb_text_finish(&text);
		return NULL;
	}
	/* Two names may give one slug. */
	length = text.length_bytes;
	for (unsigned int i = 2; is_taken(builder->charts, text.bytes) && !text.failed; i++) {
		text.length_bytes = length;
		hb_text_format(&text, "-%u", i);
	}
	return text.bytes;
}

static int fill_spec(struct hb_chart_spec *chart, const char *template)
{
	cJSON *body = cJSON_Parse(template), *data = cJSON_CreateObject(), *values;
	cJSON *child;

	hb_assert(body || !template[0]);
	chart->spec = cJSON_CreateObject();
	if (!body || !data || !chart->spec ||
		!cJSON_AddStringToObject(chart->spec, "$schema",
			"https://vega.github.io/schema/vega-lite/v5.json") ||
		!cJSON_AddStringToObject(chart->spec, "title", "") ||
		!cJSON_AddStringToObject(chart->spec, "description", "")) {
		cJSON_Delete(body);
		cJSON_Delete(data);
		return -ENOMEM;
	}
	values = cJSON_AddArrayToObject(data, "values");
	chart->values = values;
	if (!values || !cJSON_AddItemToObject(chart->spec, "data", data)) {
		cJSON_Delete(body);
		cJSON_Delete(data);
		return -ENOMEM;
	}
	while ((child = body->child) != NULL) {
		(void)cJSON_DetachItemViaPointer(body, child);
		(void)cJSON_AddItemToObject(chart->spec, child->string, child);
	}
	cJSON_Delete(body);
	if (!cJSON_AddItemToObject(chart->spec, "config", cJSON_Parse(hb_asset_theme_json)))
		return -ENOMEM;
	return 0;
}

struct hb_chart_spec *hb_chart_open(struct hb_chart_builder *builder, const char *kind,
	const char *template, const char *metric, const char *const *columns)
{
	struct hb_charts *charts = builder->charts;
	struct hb_chart_spec *items, *chart;

	items = realloc(charts->items, (charts->count + 1) * sizeof(*items));
	if (!items)
		return NULL;
	charts->items = items;
	chart = &items[charts->count++];
	*chart = (struct hb_chart_spec){.columns = columns, .experiment = builder->e};
	chart->id = make_id(builder, kind, metric);
	if (!chart->id || fill_spec(chart, template)) {
		hb_chart_drop(builder);
		return NULL;
	}
	return chart;
}

void hb_chart_drop(struct hb_chart_builder *builder)
{
	struct hb_chart_spec *chart = &builder->charts->items[--builder->charts->count];

	free(chart->id);
	free(chart->title);
	free(chart->description);
	cJSON_Delete(chart->spec);
}

int hb_chart_title(struct hb_chart_spec *chart, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	free(chart->title);
	length = vasprintf(&chart->title, format, arguments);
	va_end(arguments);
	if (length < 0) {
		chart->title = NULL;
		return -ENOMEM;
	}
	return hb_chart_put(chart->spec, "", "title", cJSON_CreateString(chart->title));
}

int hb_chart_describe(struct hb_chart_spec *chart, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	free(chart->description);
	length = vasprintf(&chart->description, format, arguments);
	va_end(arguments);
	if (length < 0) {
		chart->description = NULL;
		return -ENOMEM;
	}
	return hb_chart_put(chart->spec, "", "description", cJSON_CreateString(chart->description));
}

cJSON *hb_chart_value(struct hb_chart_spec *chart)
{
	cJSON *object = cJSON_CreateObject();

	if (!object || !cJSON_AddItemToArray((cJSON *)chart->values, object)) {
		cJSON_Delete(object);
		return NULL;
	}
	return object;
}

int hb_chart_number(cJSON *object, const char *key, double value)
{
	char text[32];

	if (!isfinite(value))
		return cJSON_AddNullToObject(object, key) ? 0 : -ENOMEM;
	/* Sizes are read back by labels that know powers of two, so whole numbers stay whole. */
	(void)snprintf(text, sizeof(text),
		value == floor(value) && fabs(value) < 0x1p53 ? "%.0f" : "%.6g", value);
	return cJSON_AddRawToObject(object, key, text) ? 0 : -ENOMEM;
}

cJSON *hb_chart_at(cJSON *root, const char *path)
{
	cJSON *at = root;

	while (*path) {
		char key[32];
		size_t n = strcspn(path, "/");

		hb_assert(n < sizeof(key));
		memcpy(key, path, n);
		key[n] = '\0';
		at = cJSON_IsArray(at) ? cJSON_GetArrayItem(at, atoi(key))
				       : cJSON_GetObjectItemCaseSensitive(at, key);
		hb_assert(at);
		path += n + (path[n] == '/');
	}
	return at;
}

int hb_chart_put(cJSON *root, const char *path, const char *key, cJSON *item)
{
	cJSON *object = hb_chart_at(root, path);

	if (!item)
		return -ENOMEM;
	if (cJSON_GetObjectItemCaseSensitive(object, key)
			? !cJSON_ReplaceItemInObjectCaseSensitive(object, key, item)
			: !cJSON_AddItemToObject(object, key, item)) {
		cJSON_Delete(item);
		return -ENOMEM;
	}
	return 0;
}

void hb_chart_range_add(struct hb_chart_range *range, double value)
{
	if (!isfinite(value))
		return;
	range->has_nonpositive |= value <= 0;
	range->lo = value < range->lo ? value : range->lo;
	range->hi = value > range->hi ? value : range->hi;
}

/* A step of 1, 2 or 5 times a power of ten that gives at most @most steps over @width. */
static double nice_step(double width, int most)
{
	double rough = width / most, power = pow(10, floor(log10(rough)));
	double factor = rough / power;

	return power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10);
}

static int put_tick(cJSON *ticks, double value)
{
	char text[32];
	cJSON *item;

	(void)snprintf(text, sizeof(text), "%.12g", value);
	item = cJSON_CreateRaw(text);
	if (!item || !cJSON_AddItemToArray(ticks, item)) {
		cJSON_Delete(item);
		return -ENOMEM;
	}
	return 0;
}

static int put_log_ticks(cJSON *ticks, double lo, double hi)
{
	static const double mantissas[] = {1, 2, 5};
	double decades = log10(hi / lo);
	int stride = decades > 8 ? (int)ceil(decades / 6) : 1;

	for (int power = (int)floor(log10(lo)); power <= (int)ceil(log10(hi)); power++) {
		for (int i = 0; i < 3; i++) {
			double value = mantissas[i] * pow(10, power);

			if (value < lo || value > hi || (decades > 2.5 && i) ||
				(decades > 1.5 && i == 2) || power % stride)
				continue;
			if (put_tick(ticks, value))
				return -ENOMEM;
		}
	}
	return 0;
}

/* Below a factor of 6 the powers are too few, and even steps read better. */
static int put_ticks(cJSON *ticks, double lo, double hi, bool log)
{
	double step;

	if (log && hi / lo > 6)
		return put_log_ticks(ticks, lo, hi);
	if (!(hi > lo))
		return put_tick(ticks, lo);
	step = nice_step(hi - lo, 6);
	for (double i = ceil(lo / step); i <= floor(hi / step) && i < ceil(lo / step) + 12; i++) {
		if (put_tick(ticks, i * step))
			return -ENOMEM;
	}
	return 0;
}

static const char *label_expression(const char *unit)
{
	if (!strcmp(unit, "ratio"))
		return "'×' + format(datum.value, '~g')";
	if (!strcmp(unit, "ns"))
		return "datum.value >= 1e9 ? format(datum.value / 1e9, '~g') + ' s' : "
		       "datum.value >= 1e6 ? format(datum.value / 1e6, '~g') + ' ms' : "
		       "datum.value >= 1e3 ? format(datum.value / 1e3, '~g') + ' µs' : "
		       "format(datum.value, '~g') + ' ns'";
	if (!strcmp(unit, "B"))
		return "datum.value >= 1073741824 ? format(datum.value / 1073741824, '.3~g') + ' "
		       "GiB' : "
		       "datum.value >= 1048576 ? format(datum.value / 1048576, '.4~g') + ' MiB' : "
		       "datum.value >= 1024 ? format(datum.value / 1024, '.4~g') + ' KiB' : "
		       "format(datum.value, '~g') + ' B'";
	if (!strcmp(unit, "1/s"))
		return "format(datum.value, '~s') + '/s'";
	return "abs(datum.value) >= 1000 ? format(datum.value, '~s') : format(datum.value, '~g')";
}

int hb_chart_axis(cJSON *root, const char *path, const struct hb_chart_range *range, bool log,
	const char *unit)
{
	cJSON *channel = hb_chart_at(root, path);
	cJSON *scale = cJSON_CreateObject(), *axis, *ticks = cJSON_CreateArray(), *domain;
	double lo = range->lo, hi = range->hi;
	int r = hb_chart_put(root, path, "scale", scale);

	if (!cJSON_GetObjectItemCaseSensitive(channel, "axis"))
		(void)cJSON_AddObjectToObject(channel, "axis");
	axis = cJSON_GetObjectItemCaseSensitive(channel, "axis");
	if (r || !ticks || !axis) {
		cJSON_Delete(ticks);
		return -ENOMEM;
	}
	log = log && !range->has_nonpositive;
	if (log) {
		double pad = pow(hi / lo, 0.04) * 1.004;

		lo /= pad;
		hi *= pad;
	} else {
		double pad = hi > lo ? (hi - lo) * 0.05 : fabs(hi) * 0.05 + 1e-9;

		hi += pad;
		/* A linear axis that shows amounts begins at nought unless the values stand far from it. */
		lo = lo >= 0 && lo < (hi - lo) * 2 ? 0 : lo - pad;
	}
	domain = cJSON_AddArrayToObject(scale, "domain");
	if (!domain || !cJSON_AddStringToObject(scale, "type", log ? "log" : "linear") ||
		(!log && !cJSON_AddFalseToObject(scale, "zero")) ||
		!cJSON_AddFalseToObject(scale, "nice"))
		r = -ENOMEM;
	if (!r)
		r = put_tick(domain, lo);
	if (!r)
		r = put_tick(domain, hi);
	if (!r)
		r = put_ticks(ticks, lo, hi, log);
	if (r) {
		cJSON_Delete(ticks);
		return r;
	}
	r = hb_chart_put(axis, "", "values", ticks);
	if (!r)
		r = hb_chart_put(axis, "", "labelExpr", cJSON_CreateString(label_expression(unit)));
	return r;
}

static bool is_role(const struct hb_plan_experiment *experiment, size_t v, int pass)
{
	bool baseline = v == experiment->baseline;
	bool idea = !baseline && !strcmp(experiment->variants[v].role, "idea");

	return pass == 0 ? baseline : pass == 1 ? idea : !baseline && !idea;
}

int hb_chart_colors(const struct hb_chart_builder *builder, cJSON *root, const char *path)
{
	const struct hb_plan_experiment *experiment = builder->experiment;
	cJSON *scale = cJSON_CreateObject();
	cJSON *domain = scale ? cJSON_AddArrayToObject(scale, "domain") : NULL;

	for (int pass = 0; domain && pass < 3; pass++) {
		for (size_t v = 0; v < experiment->variant_count; v++) {
			if (is_role(experiment, v, pass))
				(void)cJSON_AddItemToArray(
					domain, cJSON_CreateString(experiment->variants[v].name));
		}
	}
	return hb_chart_put(root, path, "scale", scale);
}

const char *hb_chart_param(const char *params, const char *key, size_t *ret_length)
{
	size_t key_length = strlen(key);

	while (*params) {
		size_t n = strcspn(params, ";");

		if (n > key_length && params[key_length] == '=' &&
			!memcmp(params, key, key_length)) {
			*ret_length = n - key_length - 1;
			return params + key_length + 1;
		}
		params += n + (params[n] == ';');
	}
	return NULL;
}

/* Panels in order of the data: left to itself the runtime sorts their labels, 16 MiB before 2 MiB. */
static int put_panel_order(struct hb_chart_spec *chart)
{
	cJSON *order = cJSON_CreateArray();
	const cJSON *value, *last = NULL;

	cJSON_ArrayForEach(value, chart->values)
	{
		const cJSON *panel = cJSON_GetObjectItemCaseSensitive(value, "panel"), *seen;
		bool is_new = !last || strcmp(last->valuestring, panel->valuestring) != 0;

		cJSON_ArrayForEach(seen, order) is_new =
			is_new && strcmp(seen->valuestring, panel->valuestring) != 0;
		last = panel;
		if (is_new &&
			!cJSON_AddItemToArray(order, cJSON_CreateString(panel->valuestring))) {
			cJSON_Delete(order);
			return -ENOMEM;
		}
	}
	return hb_chart_put(chart->spec, "facet", "sort", order);
}

int hb_chart_panels(struct hb_chart_spec *chart, size_t panels)
{
	int r = hb_chart_put(chart->spec, "", "columns", cJSON_CreateNumber(panels > 1 ? 2 : 1));

	if (!r && panels <= 1)
		r = hb_chart_put(chart->spec, "spec", "width", cJSON_CreateNumber(560));
	return r || panels < 2 ? r : put_panel_order(chart);
}

size_t hb_chart_pick_count(size_t count, size_t most)
{
	return count < most ? count : most;
}

size_t hb_chart_pick(size_t count, size_t most, size_t i)
{
	size_t picked = hb_chart_pick_count(count, most);

	hb_assert(i < picked);
	return picked == count || picked == 1 ? i : i * (count - 1) / (picked - 1);
}

bool hb_chart_has_data(const struct hb_chart_builder *builder, uint32_t point)
{
	const struct hb_trials_point *at = &builder->summary->trials->points[builder->e][point];

	for (uint32_t b = 0; b < at->block_count; b++) {
		if (at->blocks[b].chosen && !at->blocks[b].is_void)
			return true;
	}
	return false;
}
