/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading plan.json. The file may come from anywhere (a colleague, a damaged disk), so every index and count is checked
 * before use. The blocks, of which there may be a million, are parsed one at a time: as one tree they would need ten
 * times the memory of the structs.
 */
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/json.h>

#include "plan_limits.h"

struct span {
	size_t from, to;
};

/* ---- the text: finding the blocks without parsing them ---- */

/* End of the string that starts with the quote at @i, past its closing quote; @length if there is none. */
static size_t skip_string(const char *text, size_t length, size_t i)
{
	for (i++; i < length; i++) {
		if (text[i] == '\\')
			i++;
		else if (text[i] == '"')
			return i + 1;
	}
	return length;
}

/* End of the array or object that starts at @i, past its bracket; @length if it is not closed. */
static size_t skip_nested(const char *text, size_t length, size_t i)
{
	size_t depth = 0;

	while (i < length) {
		char c = text[i];

		if (c == '"') {
			i = skip_string(text, length, i);
			continue;
		}
		if (c == '[' || c == '{')
			depth++;
		else if (c == ']' || c == '}')
			depth--;
		i++;
		if (depth == 0)
			return i;
	}
	return length;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_space(const char *text, size_t length, size_t i)
{
	while (i < length && is_space(text[i]))
		i++;
	return i;
}

/* The inside of the top-level member "blocks": [...]. */
static int find_blocks(const char *text, size_t length, struct span *ret)
{
	static const char key[] = "\"blocks\"";
	size_t i = skip_space(text, length, 0);

	if (i >= length || text[i] != '{')
		return -EBADMSG;
	for (i++; i < length;) {
		if (text[i] == '[' || text[i] == '{') {
			i = skip_nested(text, length, i);
			continue;
		}
		if (text[i] != '"') {
			i++;
			continue;
		}
		size_t end = skip_string(text, length, i);
		size_t colon = skip_space(text, length, end);
		bool is_key = end - i == sizeof(key) - 1 && !memcmp(text + i, key, end - i) &&
			      colon < length && text[colon] == ':';

		i = end;
		if (!is_key)
			continue;
		size_t open = skip_space(text, length, colon + 1);

		if (open >= length || text[open] != '[')
			return -EBADMSG;
		size_t close = skip_nested(text, length, open);

		if (close <= open + 1 || text[close - 1] != ']')
			return -EBADMSG;
		*ret = (struct span){open + 1, close - 1};
		return 0;
	}
	return -EBADMSG;
}

/* ---- names from outside ---- */

/* Identifiers end up in file names, tables and lines of text: letters, digits and -_.:@ only. */
static bool is_name(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length > HB_PLAN_NAME_BYTES_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    strchr("-_.:@", c)))
			return false;
	}
	return true;
}

static int get_name(const cJSON *object, const char *key, const char **ret, struct hb_error *reterr)
{
	const char *text;
	int error = hb_json_get_text(object, key, &text, reterr);

	if (error)
		return error;
	if (!is_name(text))
		return hb_error_set(reterr, -EBADMSG,
			"%s: a name of letters, digits and -_.:@ is expected, not '%.40s'", key,
			text);
	*ret = text;
	return 0;
}

static int get_id(const cJSON *object, const char *key, const char **ret, struct hb_error *reterr)
{
	const char *text;
	int error = hb_json_get_text(object, key, &text, reterr);

	if (error)
		return error;
	if (*text && !is_name(text))
		return hb_error_set(reterr, -EBADMSG, "%s: '%.40s' is no identifier", key, text);
	*ret = text;
	return 0;
}

static int get_count(const cJSON *object, const char *key, uint64_t min, uint64_t max,
	uint64_t *ret, struct hb_error *reterr)
{
	uint64_t value;
	int error = hb_json_get_u64(object, key, &value, reterr);

	if (error)
		return error;
	if (value < min || value > max)
		return hb_error_set(reterr, -EBADMSG, "%s: %llu is outside %llu ... %llu", key,
			(unsigned long long)value, (unsigned long long)min,
			(unsigned long long)max);
	*ret = value;
	return 0;
}

static int get_array(const cJSON *object, const char *key, size_t max, cJSON **ret,
	size_t *ret_count, struct hb_error *reterr)
{
	cJSON *array;
	int error = hb_json_get_array(object, key, &array, reterr);

	if (error)
		return error;
	size_t count = 0;

	for (const cJSON *item = array->child; item; item = item->next)
		count++;
	if (count > max)
		return hb_error_set(reterr, -EBADMSG, "%s: %zu entries, at most %zu are accepted",
			key, count, max);
	*ret = array;
	*ret_count = count;
	return 0;
}

/* ---- parts of an experiment ---- */

static int parse_points(const cJSON *json, struct hb_plan_experiment *e, struct hb_error *reterr)
{
	cJSON *array, *item;
	size_t count = 0;
	int error = get_array(json, "points", HB_PLAN_POINTS_MAX, &array, &count, reterr);

	if (error)
		return error;
	e->points = calloc(count ? count : 1, sizeof(*e->points));
	if (!e->points)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	cJSON_ArrayForEach(item, array)
	{
		struct hb_plan_point *point = &e->points[e->point_count++];
		const char *params, *skip;

		if ((error = hb_json_get_text(item, "params", &params, reterr)) ||
			(error = hb_json_get_text(item, "skip", &skip, reterr)) ||
			(error = hb_json_get_u64(
				 item, "memory_bytes", &point->memory_bytes, reterr)) ||
			(error = get_count(item, "trial_ms", 0, HB_PLAN_TRIAL_MS_MAX,
				 &point->trial_ms, reterr)))
			return error;
		if (!hb_plan_params_valid(params))
			return hb_error_set(reterr, -EBADMSG,
				"params: 'k=v;k=v' is expected, not '%.80s'", params);
		point->params = strdup(params);
		point->skip = strdup(skip);
		if (!point->params || !point->skip)
			return hb_error_set(reterr, -ENOMEM, "out of memory");
	}
	return 0;
}

static int parse_metrics(struct hb_plan_experiment *e, struct hb_error *reterr)
{
	cJSON *array, *item;
	size_t count = 0;
	int error = get_array(e->describe, "metrics", HB_PLAN_METRICS_MAX, &array, &count, reterr);

	if (error)
		return error;
	e->metrics = calloc(count ? count : 1, sizeof(*e->metrics));
	if (!e->metrics)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	cJSON_ArrayForEach(item, array)
	{
		struct hb_plan_metric *m = &e->metrics[e->metric_count++];

		if ((error = get_name(item, "name", &m->name, reterr)) ||
			(error = hb_json_get_text(item, "unit", &m->unit, reterr)) ||
			(error = hb_json_get_text(item, "better", &m->better, reterr)) ||
			(error = hb_json_get_text(item, "basis", &m->basis, reterr)) ||
			(error = hb_json_get_bool(item, "exact", &m->exact, reterr)) ||
			(error = hb_json_get_bool(item, "optional", &m->optional, reterr)) ||
			(error = hb_json_get_double(item, "min_effect", &m->min_effect, reterr)))
			return error;
		if (!(m->min_effect >= 0 && m->min_effect < 1e9))
			return hb_error_set(
				reterr, -EBADMSG, "%s: min_effect is out of range", m->name);
	}
	return 0;
}

static const cJSON *find_named(const cJSON *array, const char *name, size_t length)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, array)
	{
		const char *text = hb_json_text_or(item, "name", "");

		if (strlen(text) == length && !memcmp(text, name, length))
			return item;
	}
	return NULL;
}

/* NAME or NAME@against; the latter runs from the second driver of the same subproject. */
static int parse_variant(const struct hb_plan *plan, const struct hb_plan_experiment *e,
	const char *name, uint32_t driver, struct hb_plan_variant *ret, struct hb_error *reterr)
{
	static const char suffix[] = HB_PLAN_AGAINST_SUFFIX;
	size_t length = strlen(name);
	bool against = length > sizeof(suffix) - 1 &&
		       !strcmp(name + length - (sizeof(suffix) - 1), suffix);
	const cJSON *variants = cJSON_GetObjectItemCaseSensitive(e->describe, "variants");
	const cJSON *json =
		find_named(variants, name, against ? length - (sizeof(suffix) - 1) : length);

	if (!json)
		return hb_error_set(reterr, -EBADMSG,
			"variant '%.80s' is not in the driver's description", name);
	*ret = (struct hb_plan_variant){.name = name, .driver = driver};
	int error = get_name(json, "name", &ret->driver_variant, reterr);

	if (!error)
		error = get_name(json, "role", &ret->role, reterr);
	if (!error)
		error = hb_json_get_text(json, "digest_class", &ret->digest_class, reterr);
	if (error || !strchr(e->experiment, ':'))
		return error;
	/* Two builds of one variant: the other one is the baseline, whatever role the table gives it. */
	ret->role = against ? "baseline" : "idea";
	if (!against)
		return 0;
	for (uint32_t d = 0; d < plan->driver_count; d++) {
		if (d != driver && !strcmp(plan->drivers[d].subproject, e->subproject)) {
			ret->driver = d;
			return 0;
		}
	}
	return hb_error_set(
		reterr, -EBADMSG, "no second driver of %s for '%s'", e->subproject, name);
}

static int parse_variants(const struct hb_plan *plan, const cJSON *json, uint32_t driver,
	struct hb_plan_experiment *e, struct hb_error *reterr)
{
	cJSON *array, *item;
	size_t count = 0;
	uint64_t baseline = 0;
	int error = get_array(json, "variants", HB_PLAN_VARIANTS_MAX, &array, &count, reterr);

	if (error)
		return error;
	if (count == 0)
		return hb_error_set(
			reterr, -EBADMSG, "variants: at least the baseline is expected");
	e->variants = calloc(count, sizeof(*e->variants));
	if (!e->variants)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	cJSON_ArrayForEach(item, array)
	{
		if (!cJSON_IsString(item) || !is_name(item->valuestring))
			return hb_error_set(reterr, -EBADMSG, "variants: names are expected");
		error = parse_variant(
			plan, e, item->valuestring, driver, &e->variants[e->variant_count], reterr);
		if (error)
			return error;
		e->variant_count++;
	}
	error = get_count(json, "baseline", 0, count - 1, &baseline, reterr);
	e->baseline = error ? 0 : (uint32_t)baseline;
	return error;
}

static int parse_claims(struct hb_plan_experiment *e, struct hb_error *reterr)
{
	cJSON *array, *item;
	size_t count = 0;
	int error = get_array(e->describe, "claims", HB_PLAN_CLAIMS_MAX, &array, &count, reterr);

	if (error)
		return error;
	e->claims = calloc(count ? count : 1, sizeof(*e->claims));
	if (!e->claims)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	cJSON_ArrayForEach(item, array)
	{
		struct hb_plan_claim *c = &e->claims[e->claim_count++];
		const struct {
			const char *key, **text;
		} texts[] = {
			{"name", &c->name},
			{"text", &c->text},
			{"paper", &c->paper},
			{"section", &c->section},
			{"metric", &c->metric},
			{"variant", &c->variant},
			{"where", &c->where},
			{"against_variant", &c->against_variant},
			{"against_where", &c->against_where},
			{"needs", &c->needs},
		};

		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
			error = hb_json_get_text(item, texts[i].key, texts[i].text, reterr);
			if (error)
				return error;
		}
		if ((error = hb_json_get_double(item, "lo", &c->lo, reterr)) ||
			(error = hb_json_get_double(item, "hi", &c->hi, reterr)) ||
			(error = hb_json_get_bool(item, "headline", &c->headline, reterr)))
			return error;
	}
	return 0;
}

/* "spawn-latency:fork" (two builds of one variant) is described under "spawn-latency". */
static int find_description(const cJSON *drivers, uint32_t driver, const char *experiment,
	const cJSON **ret, struct hb_error *reterr)
{
	const cJSON *entry = cJSON_GetArrayItem(drivers, (int)driver);
	const cJSON *describe = cJSON_GetObjectItemCaseSensitive(entry, "describe");
	cJSON *experiments;
	int error = hb_json_get_array(describe, "experiments", &experiments, reterr);

	if (error)
		return error;
	*ret = find_named(experiments, experiment, strcspn(experiment, ":"));
	if (!*ret)
		return hb_error_set(reterr, -EBADMSG,
			"experiment '%.80s' is not in its driver's description", experiment);
	return 0;
}

static int parse_experiment(const struct hb_plan *plan, const cJSON *drivers, const cJSON *json,
	struct hb_plan_experiment *e, struct hb_error *reterr)
{
	uint64_t driver = 0, blocks = 0;
	int error;

	if (plan->driver_count == 0)
		return hb_error_set(reterr, -EBADMSG, "an experiment without a driver");
	if ((error = get_count(json, "driver", 0, plan->driver_count - 1, &driver, reterr)) ||
		(error = get_count(json, "blocks", 1, HB_PLAN_BLOCKS_MAX, &blocks, reterr)) ||
		(error = get_name(json, "subproject", &e->subproject, reterr)) ||
		(error = get_name(json, "experiment", &e->experiment, reterr)) ||
		(error = hb_json_get_bool(json, "until_ci", &e->until_ci, reterr)) ||
		(error = find_description(
			 drivers, (uint32_t)driver, e->experiment, &e->describe, reterr)) ||
		(error = hb_json_get_text(e->describe, "question", &e->question, reterr)) ||
		(error = hb_json_get_bool(e->describe, "unseeded", &e->unseeded, reterr)) ||
		(error = hb_json_get_bool(e->describe, "quiet", &e->quiet, reterr)))
		return error;
	e->blocks = (uint32_t)blocks;
	if ((error = parse_points(json, e, reterr)) || (error = parse_metrics(e, reterr)) ||
		(error = parse_variants(plan, json, (uint32_t)driver, e, reterr)) ||
		(error = parse_claims(e, reterr)))
		return error;
	return 0;
}

/* ---- the whole ---- */

static int parse_drivers(struct hb_plan *plan, cJSON **ret_array, struct hb_error *reterr)
{
	cJSON *item;
	size_t count = 0;
	int error =
		get_array(plan->json, "drivers", HB_PLAN_DRIVERS_MAX, ret_array, &count, reterr);

	if (error)
		return error;
	plan->drivers = calloc(count ? count : 1, sizeof(*plan->drivers));
	if (!plan->drivers)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	cJSON_ArrayForEach(item, *ret_array)
	{
		struct hb_plan_driver *d = &plan->drivers[plan->driver_count];
		cJSON *describe;

		if ((error = get_name(item, "subproject", &d->subproject, reterr)) ||
			(error = hb_json_get_text(item, "path", &d->path, reterr)) ||
			(error = hb_json_get_object(item, "describe", &describe, reterr)))
			return hb_error_wrap(reterr, "drivers[%zu]", plan->driver_count);
		plan->driver_count++;
	}
	return 0;
}

static int parse_experiments(struct hb_plan *plan, const cJSON *drivers, struct hb_error *reterr)
{
	cJSON *array, *item;
	size_t count = 0;
	uint64_t cells = 0;
	int error = get_array(
		plan->json, "experiments", HB_PLAN_EXPERIMENTS_MAX, &array, &count, reterr);

	if (error)
		return error;
	plan->experiments = calloc(count ? count : 1, sizeof(*plan->experiments));
	if (!plan->experiments)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	cJSON_ArrayForEach(item, array)
	{
		struct hb_plan_experiment *e = &plan->experiments[plan->experiment_count++];

		error = parse_experiment(plan, drivers, item, e, reterr);
		if (error)
			return hb_error_wrap(
				reterr, "experiments[%zu]", plan->experiment_count - 1);
		cells += (uint64_t)e->point_count * e->blocks;
		if (cells > HB_PLAN_CELLS_MAX)
			return hb_error_set(reterr, -EBADMSG,
				"experiments: more than %llu blocks at all points together",
				(unsigned long long)HB_PLAN_CELLS_MAX);
	}
	return 0;
}

static int parse_order(
	const char *text, struct hb_plan_block *block, uint16_t *slots, struct hb_error *reterr)
{
	uint64_t seen = 0;
	const char *at = text;

	for (uint16_t i = 0; i < block->slot_count; i++) {
		char *end;
		unsigned long value = strtoul(at, &end, 10);

		if (end == at || *at < '0' || *at > '9' || value >= block->slot_count ||
			(seen >> value & 1) || (*end != ' ' && *end != '\0'))
			return hb_error_set(reterr, -EBADMSG,
				"order: '%.80s' is no permutation of 0 ... %d", text,
				block->slot_count - 1);
		seen |= UINT64_C(1) << value;
		slots[i] = (uint16_t)value;
		at = *end ? end + 1 : end;
	}
	if (*at)
		return hb_error_set(reterr, -EBADMSG, "order: '%.80s' has too many entries", text);
	block->order = slots;
	return 0;
}

static int parse_block(const struct hb_plan *plan, const cJSON *json, struct hb_plan_block *block,
	uint16_t *slots, struct hb_error *reterr)
{
	uint64_t e = 0, p = 0, b = 0;
	const char *order;
	int error;

	if (plan->experiment_count == 0)
		return hb_error_set(reterr, -EBADMSG, "a block without an experiment");
	if ((error = get_count(json, "e", 0, plan->experiment_count - 1, &e, reterr)))
		return error;
	const struct hb_plan_experiment *experiment = &plan->experiments[e];

	if (experiment->point_count == 0)
		return hb_error_set(reterr, -EBADMSG, "a block without a point");
	if ((error = get_count(json, "p", 0, experiment->point_count - 1, &p, reterr)) ||
		(error = get_count(json, "b", 0, experiment->blocks - 1, &b, reterr)) ||
		(error = hb_json_get_u64(json, "seed", &block->seed, reterr)) ||
		(error = hb_json_get_text(json, "order", &order, reterr)))
		return error;
	block->experiment = (uint32_t)e;
	block->point = (uint32_t)p;
	block->block = (uint32_t)b;
	block->slot_count = (uint16_t)(experiment->variant_count + 1);
	return parse_order(order, block, slots, reterr);
}

/* One bit per block that the experiments allow, so that a block named twice is seen. */
struct cells {
	uint64_t *first; /* shape [experiment_count]: index of the experiment's first cell */
	uint8_t *bits;
};

static int cells_init(const struct hb_plan *plan, struct cells *ret)
{
	uint64_t total = 0;

	ret->first = calloc(plan->experiment_count + 1, sizeof(*ret->first));
	if (!ret->first)
		return -ENOMEM;
	for (size_t e = 0; e < plan->experiment_count; e++) {
		ret->first[e] = total;
		total += (uint64_t)plan->experiments[e].point_count * plan->experiments[e].blocks;
	}
	ret->bits = calloc(total / 8 + 1, 1);
	if (!ret->bits)
		return -ENOMEM;
	return 0;
}

static bool cells_mark(
	const struct cells *cells, const struct hb_plan *plan, const struct hb_plan_block *b)
{
	uint64_t cell = cells->first[b->experiment] +
			(uint64_t)b->point * plan->experiments[b->experiment].blocks + b->block;
	bool seen = cells->bits[cell / 8] >> (cell % 8) & 1;

	cells->bits[cell / 8] |= (uint8_t)(1u << (cell % 8));
	return !seen;
}

/* Next element of the array's inside into @ret. Returns 1, 0 at the end, or -EBADMSG. */
static int next_element(const char *text, struct span *rest, bool first, struct span *ret)
{
	size_t i = skip_space(text, rest->to, rest->from);

	if (i >= rest->to)
		return 0;
	if (!first) {
		if (text[i] != ',')
			return -EBADMSG;
		i = skip_space(text, rest->to, i + 1);
	}
	if (i >= rest->to || text[i] != '{')
		return -EBADMSG;
	size_t end = skip_nested(text, rest->to, i);

	*ret = (struct span){i, end};
	rest->from = end;
	return 1;
}

static size_t count_elements(const char *text, struct span inside)
{
	size_t count = 0;
	struct span element;

	while (next_element(text, &inside, count == 0, &element) == 1)
		count++;
	return count;
}

static int parse_one_block(struct hb_plan *plan, const char *text, struct span element,
	const char *path, const struct cells *cells, uint16_t *slots, struct hb_error *reterr)
{
	cJSON *json;
	struct hb_plan_block *block = &plan->blocks[plan->block_count];
	int error =
		hb_json_parse(text + element.from, element.to - element.from, path, &json, reterr);

	if (error) {
		if (reterr)
			reterr->line = 0; /* it counts from the block, not from the file */
		return error;
	}
	error = parse_block(plan, json, block, slots, reterr);
	cJSON_Delete(json);
	if (error)
		return error;
	if (!cells_mark(cells, plan, block))
		return hb_error_set(reterr, -EBADMSG, "the block is there twice");
	plan->block_count++;
	return 0;
}

/* All orders lie in one array, owned through the first block's pointer. */
static int parse_blocks(struct hb_plan *plan, const char *text, struct span inside,
	const char *path, struct hb_error *reterr)
{
	size_t slots_max = 1, used = 0, count = count_elements(text, inside);
	struct cells cells = {0};
	struct span element;
	int got, error;

	for (size_t e = 0; e < plan->experiment_count; e++)
		if (plan->experiments[e].variant_count + 1 > slots_max)
			slots_max = plan->experiments[e].variant_count + 1;
	if (count > HB_PLAN_CELLS_MAX)
		return hb_error_set(reterr, -EBADMSG, "blocks: too many");
	plan->blocks = calloc(count ? count : 1, sizeof(*plan->blocks));
	plan->order_slots = calloc(count ? count * slots_max : 1, sizeof(*plan->order_slots));
	error = plan->blocks && plan->order_slots ? cells_init(plan, &cells) : -ENOMEM;
	if (error)
		error = hb_error_set(reterr, error, "out of memory");
	while (!error) {
		got = next_element(text, &inside, plan->block_count == 0, &element);
		if (got == 0)
			break;
		if (got < 0 || plan->block_count >= count) {
			error = hb_error_set(reterr, -EBADMSG, "no list of blocks");
		} else {
			error = parse_one_block(plan, text, element, path, &cells,
				plan->order_slots + used, reterr);
			used += error ? 0 : plan->blocks[plan->block_count - 1].slot_count;
		}
		if (error)
			(void)hb_error_wrap(reterr, "blocks[%zu]", plan->block_count);
	}
	free(cells.first);
	free(cells.bits);
	return error;
}

static int parse_head(struct hb_plan *plan, struct hb_error *reterr)
{
	const char *schema, *run_id;
	int error;

	if (!cJSON_IsObject(plan->json))
		return hb_error_set(reterr, -EBADMSG, "no plan: a JSON object is expected");
	if ((error = hb_json_get_text(plan->json, "schema", &schema, reterr)))
		return error;
	if (strcmp(schema, HB_PLAN_SCHEMA) != 0)
		return hb_error_set(reterr, -EBADMSG,
			"schema '%.40s' is not known to this hotbed, which reads " HB_PLAN_SCHEMA
			"; use the version that wrote it",
			schema);
	if ((error = get_name(plan->json, "run_id", &run_id, reterr)) ||
		(error = get_name(plan->json, "mode", &plan->mode, reterr)) ||
		(error = get_name(plan->json, "created_utc", &plan->created_utc, reterr)) ||
		(error = get_id(plan->json, "host_id", &plan->host_id, reterr)) ||
		(error = get_id(plan->json, "env_id", &plan->env_id, reterr)) ||
		(error = get_id(plan->json, "build_id", &plan->build_id, reterr)) ||
		(error = hb_json_get_u64(plan->json, "seed", &plan->seed, reterr)) ||
		(error = hb_json_get_bool(plan->json, "verdicts", &plan->verdicts, reterr)))
		return error;
	plan->sabotage = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(plan->json, "sabotage"));
	if (strlen(run_id) >= sizeof(plan->run_id))
		return hb_error_set(reterr, -EBADMSG, "run_id: '%.80s' is too long", run_id);
	memcpy(plan->run_id, run_id, strlen(run_id) + 1);
	return 0;
}

static int parse_members(struct hb_plan *plan, const char *text, struct span inside,
	const char *path, struct hb_error *reterr)
{
	cJSON *drivers = NULL;
	int error = parse_head(plan, reterr);

	if (!error)
		error = parse_drivers(plan, &drivers, reterr);
	if (!error)
		error = parse_experiments(plan, drivers, reterr);
	if (!error)
		error = parse_blocks(plan, text, inside, path, reterr);
	return error;
}

int hb_plan_parse(const char *text, size_t length_bytes, const char *path, struct hb_plan *ret,
	struct hb_error *reterr)
{
	struct hb_plan plan = {0};
	struct hb_error fault = {0};
	struct span inside;

	hb_assert(text && path && ret);
	if (find_blocks(text, length_bytes, &inside))
		return hb_error_set_at(reterr, -EBADMSG, path, 0,
			"no plan: a JSON object with the member \"blocks\" is expected");
	size_t tail = length_bytes - inside.to;
	char *head = malloc(inside.from + tail + 1);

	if (!head)
		return hb_error_set_at(reterr, -ENOMEM, path, 0, "out of memory");
	memcpy(head, text, inside.from);
	memcpy(head + inside.from, text + inside.to, tail);
	int error = hb_json_parse(head, inside.from + tail, path, &plan.json, &fault);

	free(head);
	if (!error) {
		cJSON_DeleteItemFromObjectCaseSensitive(plan.json, "blocks");
		error = parse_members(&plan, text, inside, path, &fault);
	}
	if (error) {
		hb_plan_finish(&plan);
		if (error == -ENOENT)
			error = -EBADMSG; /* a member is absent, not the file */
		return hb_error_set_at(reterr, error, path, fault.line, "%s", fault.text);
	}
	*ret = plan;
	return 0;
}

static int read_file(const char *path, char **ret, size_t *ret_bytes, struct hb_error *reterr)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat info;
	char *text = NULL;
	size_t got = 0;
	int error = 0;

	if (fd < 0 || fstat(fd, &info) < 0)
		error = -errno;
	else if (!S_ISREG(info.st_mode))
		error = -EINVAL;
	else if (info.st_size > HB_PLAN_FILE_BYTES_MAX)
		error = -EFBIG;
	if (!error && !(text = malloc((size_t)info.st_size + 1)))
		error = -ENOMEM;
	while (!error && got < (size_t)info.st_size) {
		ssize_t n = read(fd, text + got, (size_t)info.st_size - got);

		if (n < 0 && errno != EINTR)
			error = -errno;
		else if (n == 0)
			break;
		else if (n > 0)
			got += (size_t)n;
	}
	if (fd >= 0)
		(void)close(fd);
	if (error) {
		free(text);
		return hb_error_set_at(
			reterr, error, path, 0, "cannot read the plan: %s", strerror(-error));
	}
	*ret = text;
	*ret_bytes = got;
	return 0;
}

int hb_plan_load(const char *path, struct hb_plan *ret, struct hb_error *reterr)
{
	char *text = NULL;
	size_t length_bytes = 0;
	int error = read_file(path, &text, &length_bytes, reterr);

	if (error)
		return error;
	error = hb_plan_parse(text, length_bytes, path, ret, reterr);
	free(text);
	return error;
}

void hb_plan_finish(struct hb_plan *plan)
{
	for (size_t e = 0; plan->experiments && e < plan->experiment_count; e++) {
		struct hb_plan_experiment *experiment = &plan->experiments[e];

		for (size_t p = 0; p < experiment->point_count; p++) {
			free(experiment->points[p].params);
			free(experiment->points[p].skip);
		}
		free(experiment->points);
		free(experiment->metrics);
		free(experiment->variants);
		free(experiment->claims);
	}
	free(plan->experiments);
	free(plan->drivers);
	free(plan->blocks);
	free(plan->order_slots);
	cJSON_Delete(plan->json);
	*plan = (struct hb_plan){0};
}

int hb_plan_find_experiment(
	const struct hb_plan *plan, const char *subproject, const char *experiment)
{
	for (size_t e = 0; e < plan->experiment_count; e++)
		if (!strcmp(plan->experiments[e].subproject, subproject) &&
			!strcmp(plan->experiments[e].experiment, experiment))
			return (int)e;
	return -ENOENT;
}

bool hb_plan_params_valid(const char *params)
{
	bool in_value = false, empty = true;

	if (!*params)
		return true;
	if (strlen(params) > HB_PLAN_PARAMS_BYTES_MAX)
		return false;
	for (const char *c = params; *c; c++) {
		if (*c == '=' || *c == ';') {
			if (empty || in_value != (*c == ';'))
				return false;
			in_value = !in_value;
			empty = true;
		} else if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			   (*c >= '0' && *c <= '9') || strchr("._+-", *c)) {
			empty = false;
		} else {
			return false;
		}
	}
	return in_value && !empty;
}
