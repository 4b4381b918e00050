/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan_build.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/json.h>
#include <hotbed/rng.h>
#include <hotbed/suggest.h>

#include "command.h"
#include "order.h"
#include "plan_limits.h"

/* Starting, stopping and committing a trial, ms; for estimates only. */
#define OVERHEAD_MS 15
#define QUICK_BLOCKS 2
#define DEFAULT_BLOCKS 12
#define VERDICT_BLOCKS 6

/*
 * With four looks at 1 - 0.05/4 each, five blocks or six can never decide (the best interval of six covers 96.9 %):
 * the first look that can is the eighth block (99.2 %).
 */
const uint32_t hb_plan_looks[HB_PLAN_LOOK_COUNT] = {8, 12, 18, 24};

/* One experiment that was chosen. */
struct chosen {
	uint32_t driver; /* index into the plan's drivers */
	const struct hb_manifest_driver *source;
	const cJSON *describe;
	const char *subproject;
	char *name;            /* as in the plan: EXPERIMENT or EXPERIMENT:VARIANT */
	cJSON *points;         /* hotbed.points/1 entries that are left, with "skip" added */
	const char **variants; /* names in the plan */
	char *against_name;    /* NAME@against, when two builds are compared */
	uint32_t variant_count, point_count, skipped_count, baseline, blocks;
};

struct builder {
	const struct hb_plan_request *request;
	struct chosen *chosen;
	size_t count, capacity;
	size_t skipped_points;
	bool *set_used; /* per key of the user's --set */
};

/* ---- "k=v,v2,k2=v" ---- */

struct assignment {
	const char *key, *value;
	size_t key_bytes, value_bytes;
};

/* Next key with its values; a comma starts a new key only if an '=' follows before the next comma. */
static bool next_assignment(const char **at, struct assignment *ret)
{
	const char *start = *at;
	const char *equals = strchr(start, '=');

	if (!*start || !equals)
		return false;
	const char *end = equals + 1;

	for (;;) {
		end += strcspn(end, ",");
		if (!*end || strcspn(end + 1, "=") < strcspn(end + 1, ","))
			break;
		end++;
	}
	*ret = (struct assignment){
		.key = start,
		.key_bytes = (size_t)(equals - start),
		.value = equals + 1,
		.value_bytes = (size_t)(end - equals - 1),
	};
	*at = *end ? end + 1 : end;
	return true;
}

static int check_assignments(const char *option, const char *const *texts, struct hb_error *reterr)
{
	for (size_t i = 0; texts && texts[i]; i++) {
		const char *at = texts[i];
		struct assignment a;

		do {
			if (!next_assignment(&at, &a) || a.key_bytes == 0 || a.value_bytes == 0)
				return hb_error_set(reterr, -EINVAL,
					"--%s '%.200s': k=v,k2=v2 is expected", option, texts[i]);
		} while (*at);
	}
	return 0;
}

static bool is_word(const char *text, size_t bytes, const char *word)
{
	return strlen(word) == bytes && !memcmp(text, word, bytes);
}

/* Does "k=v;k=v" give @key a value that matches the glob? A key that is absent does not. */
static bool params_match(const char *params, const struct assignment *a)
{
	char value[HB_PLAN_PARAMS_BYTES_MAX + 1], glob[HB_PLAN_PARAMS_BYTES_MAX + 1];

	if (a->value_bytes >= sizeof(glob))
		return false;
	memcpy(glob, a->value, a->value_bytes);
	glob[a->value_bytes] = '\0';
	while (*params) {
		size_t key = strcspn(params, "="), pair = strcspn(params, ";");

		if (key < pair && key == a->key_bytes && !memcmp(params, a->key, key)) {
			memcpy(value, params + key + 1, pair - key - 1);
			value[pair - key - 1] = '\0';
			return fnmatch(glob, value, 0) == 0;
		}
		params += params[pair] ? pair + 1 : pair;
	}
	return false;
}

/* Does "k=v;k=v" name the key? */
static bool names_key(const char *where, const char *key, size_t key_bytes)
{
	while (*where) {
		size_t pair = strcspn(where, ";");

		if (strcspn(where, "=") == key_bytes && !memcmp(where, key, key_bytes))
			return true;
		where += where[pair] ? pair + 1 : pair;
	}
	return false;
}

/*
 * Does the point satisfy the clauses "k=v;k=v" of a claim, leaving out those whose key is in @except? Parameters
 * that are not named take any value.
 */
static bool where_holds(const char *params, const char *where, const char *except)
{
	while (*where) {
		size_t pair = strcspn(where, ";"), key = strcspn(where, "=");
		struct assignment a = {where, where + key + 1, key, 0};

		if (key >= pair)
			return false;
		a.value_bytes = pair - key - 1;
		if (!names_key(except, a.key, a.key_bytes) && !params_match(params, &a))
			return false;
		where += where[pair] ? pair + 1 : pair;
	}
	return true;
}

/* ---- which experiments ---- */

static const cJSON *member(const cJSON *json, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(json, key);
}

static bool has_headline(const cJSON *describe)
{
	const cJSON *claim;

	cJSON_ArrayForEach(claim, member(describe, "claims"))
	{
		if (cJSON_IsTrue(member(claim, "headline")))
			return true;
	}
	return false;
}

static int choose(struct builder *b, uint32_t driver, const cJSON *describe, const char *variant,
	struct hb_error *reterr)
{
	if (b->count == b->capacity) {
		size_t capacity = b->capacity ? 2 * b->capacity : 16;
		struct chosen *grown = reallocarray(b->chosen, capacity, sizeof(*grown));

		if (!grown)
			return hb_error_set(reterr, -ENOMEM, "out of memory");
		b->chosen = grown;
		b->capacity = capacity;
	}
	const struct hb_manifest_driver *source = &b->request->manifest->drivers[driver];
	struct chosen *c = &b->chosen[b->count];

	*c = (struct chosen){.driver = driver,
		.source = source,
		.describe = describe,
		.subproject = source->subproject};
	if (asprintf(&c->name, "%s%s%s", hb_json_text_or(describe, "name", ""), variant ? ":" : "",
		    variant ? variant : "") < 0) {
		c->name = NULL;
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	}
	b->count++;
	return 0;
}

/* With another build: one experiment per variant that both builds know. */
static int choose_against(
	struct builder *b, uint32_t driver, const cJSON *describe, struct hb_error *reterr)
{
	const struct hb_manifest_driver *source = &b->request->manifest->drivers[driver];
	const struct hb_manifest_driver *other =
		hb_manifest_find(b->request->against, source->subproject);
	const cJSON *experiment, *variant;

	if (!other || !other->describe)
		return 0;
	cJSON_ArrayForEach(experiment, member(other->describe, "experiments"))
	{
		if (strcmp(hb_json_text_or(experiment, "name", ""),
			    hb_json_text_or(describe, "name", "")) != 0)
			continue;
		cJSON_ArrayForEach(variant, member(describe, "variants"))
		{
			const char *name = hb_json_text_or(variant, "name", "");
			const cJSON *twin;

			cJSON_ArrayForEach(twin, member(experiment, "variants"))
			{
				if (strcmp(hb_json_text_or(twin, "name", ""), name) != 0)
					continue;
				int error = choose(b, driver, describe, name, reterr);

				if (error)
					return error;
			}
		}
	}
	return 0;
}

static bool operand_matches(const char *operand, const char *subproject, const char *experiment)
{
	size_t length = strlen(subproject);

	if (strncmp(operand, subproject, length) != 0)
		return false;
	return !operand[length] ||
	       (operand[length] == '/' &&
		       (!strcmp(operand + length + 1, experiment) || !operand[length + 1]));
}

static int unknown_operand(
	const struct hb_manifest *manifest, const char *operand, struct hb_error *reterr)
{
	size_t capacity = 1, count = 0;
	const cJSON *experiment;

	for (size_t d = 0; d < manifest->count; d++)
		capacity += 1 + (size_t)cJSON_GetArraySize(
					member(manifest->drivers[d].describe, "experiments"));
	char **names = calloc(capacity, sizeof(*names));

	if (!names)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	for (size_t d = 0; d < manifest->count; d++) {
		const struct hb_manifest_driver *driver = &manifest->drivers[d];

		names[count] = strdup(driver->subproject);
		count += names[count] != NULL;
		cJSON_ArrayForEach(experiment, member(driver->describe, "experiments"))
		{
			if (asprintf(&names[count], "%s/%s", driver->subproject,
				    hb_json_text_or(experiment, "name", "")) >= 0)
				count++;
		}
	}
	names[count] = NULL;
	const char *near = hb_suggest(operand, (const char *const *)names);
	int error =
		near ? hb_error_set(reterr, -EINVAL,
			       "unknown experiment '%.200s'; did you mean '%s'?", operand, near)
		     : hb_error_set(reterr, -EINVAL,
			       "no experiment '%.200s' to run; 'hotbed list' shows what there is",
			       operand);
	while (count > 0)
		free(names[--count]);
	free(names);
	return error;
}

static int choose_driver(struct builder *b, uint32_t driver, bool *used, struct hb_error *reterr)
{
	const struct hb_plan_request *request = b->request;
	const struct hb_manifest_driver *source = &request->manifest->drivers[driver];
	bool everything = !request->operands || !request->operands[0];
	const cJSON *experiment;

	cJSON_ArrayForEach(experiment, member(source->describe, "experiments"))
	{
		const char *name = hb_json_text_or(experiment, "name", "");
		bool wanted = everything &&
			      (request->mode != HB_PLAN_HEADLINE || has_headline(experiment));

		for (size_t i = 0; !everything && request->operands[i]; i++) {
			if (operand_matches(request->operands[i], source->subproject, name))
				wanted = used[i] = true;
		}
		if (!wanted)
			continue;
		int error = request->against ? choose_against(b, driver, experiment, reterr)
					     : choose(b, driver, experiment, NULL, reterr);

		if (error)
			return error;
	}
	return 0;
}

/* A driver that the user named and that did not answer is an error; among others it is only passed over. */
static int check_operands(
	const struct hb_plan_request *request, const bool *used, struct hb_error *reterr)
{
	for (size_t i = 0; request->operands && request->operands[i]; i++) {
		const char *operand = request->operands[i];

		if (used[i])
			continue;
		for (size_t d = 0; d < request->manifest->count; d++) {
			const struct hb_manifest_driver *driver = &request->manifest->drivers[d];
			size_t length = strlen(driver->subproject);

			if (driver->fault && !strncmp(operand, driver->subproject, length) &&
				(!operand[length] || operand[length] == '/'))
				return hb_error_set(reterr, -EBADMSG, "%s", driver->fault);
		}
		return unknown_operand(request->manifest, operand, reterr);
	}
	return 0;
}

static int choose_all(struct builder *b, struct hb_error *reterr)
{
	const struct hb_plan_request *request = b->request;
	size_t count = 0;

	while (request->operands && request->operands[count])
		count++;
	bool *used = calloc(count + 1, sizeof(*used));

	if (!used)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	int error = 0;

	for (uint32_t d = 0; !error && d < request->manifest->count; d++)
		error = choose_driver(b, d, used, reterr);
	if (!error)
		error = check_operands(request, used, reterr);
	free(used);
	return error;
}

/* ---- their points ---- */

static bool declares(const cJSON *describe, const struct assignment *a)
{
	const cJSON *param;

	cJSON_ArrayForEach(param, member(describe, "params"))
	{
		if (is_word(a->key, a->key_bytes, hb_json_text_or(param, "name", "")))
			return true;
	}
	return false;
}

/* The part of the user's --set that this experiment has parameters for. */
static int set_of(struct builder *b, const cJSON *describe, char **ret, struct hb_error *reterr)
{
	size_t bytes = 1, used = 0, key = 0;
	const char *const *sets = b->request->sets;

	for (size_t i = 0; sets && sets[i]; i++)
		bytes += strlen(sets[i]) + 1;
	char *text = malloc(bytes);

	if (!text)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	for (size_t i = 0; sets && sets[i]; i++) {
		const char *at = sets[i];
		struct assignment a;

		for (; next_assignment(&at, &a); key++) {
			if (!declares(describe, &a))
				continue;
			b->set_used[key] = true;
			size_t length = (size_t)(a.value + a.value_bytes - a.key);

			if (used > 0)
				text[used++] = ',';
			memcpy(text + used, a.key, length);
			used += length;
		}
	}
	text[used] = '\0';
	*ret = text;
	return 0;
}

static bool claim_needs(const cJSON *describe, const char *params)
{
	const cJSON *claim;

	cJSON_ArrayForEach(claim, member(describe, "claims"))
	{
		const char *where = hb_json_text_or(claim, "where", "");
		const char *against = hb_json_text_or(claim, "against_where", "");

		if (!cJSON_IsTrue(member(claim, "headline")))
			continue;
		/* The other side is the same point with the parameters of against_where put in their place. */
		if (where_holds(params, where, "") ||
			(*against && where_holds(params, against, "") &&
				where_holds(params, where, against)))
			return true;
	}
	return false;
}

static bool point_wanted(const struct builder *b, const struct chosen *c, const char *params)
{
	const char *const *filters = b->request->filters;

	if (b->request->mode == HB_PLAN_HEADLINE && !claim_needs(c->describe, params))
		return false;
	for (size_t i = 0; filters && filters[i]; i++) {
		const char *at = filters[i];
		struct assignment a;

		while (next_assignment(&at, &a))
			if (!is_word(a.key, a.key_bytes, "variant") && !params_match(params, &a))
				return false;
	}
	return true;
}

static double gibibytes(uint64_t bytes)
{
	return (double)bytes / (double)(1 << 30);
}

static int add_skip(struct builder *b, cJSON *point, struct hb_error *reterr)
{
	uint64_t need_bytes = 0, free_bytes = b->request->free_bytes;
	char why[128] = "";
	int error = hb_json_get_u64(point, "memory_bytes", &need_bytes, reterr);

	if (error)
		return error;
	if (free_bytes > 0 && need_bytes > free_bytes) {
		(void)snprintf(why, sizeof(why), "needs %.3g GiB of memory, %.3g GiB are free",
			gibibytes(need_bytes), gibibytes(free_bytes));
		b->skipped_points++;
	}
	if (hb_json_add_text(point, "skip", why))
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	return 0;
}

static const char *sweep_of(enum hb_plan_mode mode)
{
	return mode == HB_PLAN_QUICK ? "quick" : mode == HB_PLAN_FULL ? "full" : "default";
}

static int find_points(struct builder *b, struct chosen *c, struct hb_error *reterr)
{
	char *set = NULL;
	int error = set_of(b, c->describe, &set, reterr);

	if (!error)
		error = hb_manifest_points(c->source, hb_json_text_or(c->describe, "name", ""),
			sweep_of(b->request->mode), *set ? set : NULL, &c->points, reterr);
	free(set);
	if (error)
		return error;
	for (cJSON *next, *point = c->points->child; point; point = next) {
		next = point->next;
		if (!point_wanted(b, c, hb_json_text_or(point, "params", ""))) {
			cJSON_Delete(cJSON_DetachItemViaPointer(c->points, point));
			continue;
		}
		size_t skipped = b->skipped_points;

		error = add_skip(b, point, reterr);
		if (error)
			return error;
		c->point_count++;
		c->skipped_count += (uint32_t)(b->skipped_points - skipped);
	}
	return 0;
}

/* ---- their variants and blocks ---- */

static bool variant_wanted(const struct builder *b, const char *name, bool baseline)
{
	const char *const *filters = b->request->filters;

	for (size_t i = 0; !baseline && filters && filters[i]; i++) {
		const char *at = filters[i];
		struct assignment a;

		while (next_assignment(&at, &a)) {
			char glob[256];

			if (!is_word(a.key, a.key_bytes, "variant"))
				continue;
			(void)snprintf(glob, sizeof(glob), "%.*s", (int)a.value_bytes, a.value);
			if (fnmatch(glob, name, 0) != 0)
				return false;
		}
	}
	return true;
}

static int find_variants(struct builder *b, struct chosen *c, struct hb_error *reterr)
{
	const cJSON *list = member(c->describe, "variants"), *variant;
	int count = cJSON_GetArraySize(list), baselines = 0;
	const char *single = strchr(c->name, ':');

	if (count > HB_PLAN_VARIANTS_MAX)
		return hb_error_set(reterr, -E2BIG, "%s/%s: %d variants, at most %d are possible",
			c->subproject, c->name, count, HB_PLAN_VARIANTS_MAX);
	c->variants = calloc((size_t)count + 2, sizeof(*c->variants));
	if (!c->variants)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	if (single) {
		if (asprintf(&c->against_name, "%s" HB_PLAN_AGAINST_SUFFIX, single + 1) < 0) {
			c->against_name = NULL;
			return hb_error_set(reterr, -ENOMEM, "out of memory");
		}
		c->variants[0] = c->against_name;
		c->variants[1] = single + 1;
		c->variant_count = 2;
		return 0;
	}
	cJSON_ArrayForEach(variant, list)
	{
		const char *name = hb_json_text_or(variant, "name", "");
		bool baseline = !strcmp(hb_json_text_or(variant, "role", ""), "baseline");

		if (baseline) {
			c->baseline = c->variant_count;
			baselines++;
		}
		if (variant_wanted(b, name, baseline))
			c->variants[c->variant_count++] = name;
	}
	if (baselines != 1)
		return hb_error_set(reterr, -EBADMSG,
			"%s/%s declares %d baselines; exactly one is needed", c->subproject,
			c->name, baselines);
	return 0;
}

static int find_blocks(const struct builder *b, struct chosen *c, struct hb_error *reterr)
{
	uint64_t declared = 0;
	int error = hb_json_get_u64(c->describe, "blocks", &declared, reterr);

	if (error)
		return error;
	if (declared > HB_PLAN_BLOCKS_MAX)
		return hb_error_set(reterr, -EBADMSG, "%s/%s declares %llu blocks", c->subproject,
			c->name, (unsigned long long)declared);
	c->blocks = declared ? (uint32_t)declared : DEFAULT_BLOCKS;
	if (b->request->until_ci)
		c->blocks = hb_plan_looks[HB_PLAN_LOOK_COUNT - 1];
	if (b->request->mode == HB_PLAN_QUICK)
		c->blocks = QUICK_BLOCKS;
	if (b->request->blocks)
		c->blocks = b->request->blocks;
	if (cJSON_IsTrue(member(c->describe, "unseeded")))
		c->blocks = 1;
	return 0;
}

/* ---- how long it takes ---- */

static uint64_t block_round_ms(const struct builder *b, const struct chosen *c)
{
	uint64_t total_ms = 0;
	const cJSON *point;

	cJSON_ArrayForEach(point, c->points)
	{
		uint64_t trial_ms = 0;

		if (*hb_json_text_or(point, "skip", ""))
			continue;
		(void)hb_json_get_u64(point, "trial_ms", &trial_ms, NULL);
		if (b->request->mode == HB_PLAN_QUICK)
			trial_ms = trial_ms / 10 + 1;
		total_ms += (trial_ms + OVERHEAD_MS) * (c->variant_count + 1);
	}
	return total_ms;
}

static uint64_t estimate_ms(const struct builder *b)
{
	uint64_t total_ms = 0;

	for (size_t i = 0; i < b->count; i++)
		total_ms += block_round_ms(b, &b->chosen[i]) * b->chosen[i].blocks;
	return total_ms;
}

/* Variants that no headline claim names, and that are not the baseline, go first when time is short. */
static void keep_claimed_variants(struct chosen *c)
{
	uint32_t kept = 0;

	for (uint32_t v = 0; v < c->variant_count; v++) {
		bool claimed = v == c->baseline;
		const cJSON *claim;

		cJSON_ArrayForEach(claim, member(c->describe, "claims"))
		{
			if (!cJSON_IsTrue(member(claim, "headline")))
				continue;
			if (!strcmp(hb_json_text_or(claim, "variant", ""), c->variants[v]) ||
				!strcmp(hb_json_text_or(claim, "against_variant", ""),
					c->variants[v]))
				claimed = true;
		}
		if (!claimed)
			continue;
		if (v == c->baseline)
			c->baseline = kept;
		c->variants[kept++] = c->variants[v];
	}
	c->variant_count = kept;
}

/*
 * Fit a headline run into its budget: first without the variants that no claim needs, then with fewer blocks, but
 * never fewer than a verdict takes. What still does not fit is cut by the run's time limit, between blocks.
 */
static void fit_budget(struct builder *b)
{
	static const uint32_t steps[] = {10, 8, VERDICT_BLOCKS};
	uint64_t budget_ms = b->request->budget_ms;

	if (!budget_ms || b->request->mode != HB_PLAN_HEADLINE || estimate_ms(b) <= budget_ms)
		return;
	for (size_t i = 0; i < b->count; i++)
		if (!b->chosen[i].against_name)
			keep_claimed_variants(&b->chosen[i]);
	for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
		if (estimate_ms(b) <= budget_ms || b->request->blocks)
			return;
		for (size_t i = 0; i < b->count; i++)
			if (b->chosen[i].blocks > steps[s])
				b->chosen[i].blocks = steps[s];
	}
}

/* ---- the text ---- */

static uint64_t experiment_key(const struct chosen *c)
{
	char name[2 * HB_PLAN_NAME_BYTES_MAX + 2];

	(void)snprintf(
		name, sizeof(name), "%s/%.*s", c->subproject, (int)strcspn(c->name, ":"), c->name);
	return hb_order_name_key(name);
}

static void put_block(
	FILE *file, const struct builder *b, size_t e, uint32_t p, uint32_t block, bool first)
{
	const struct chosen *c = &b->chosen[e];
	uint64_t key = hb_rng_mix(b->request->seed, experiment_key(c));
	uint16_t order[HB_ORDER_SLOTS_MAX];
	uint32_t slots = c->variant_count + 1;

	/* One stream for workloads, others for orders: no order can depend on a workload's numbers. */
	hb_order_block(hb_rng_mix(key, UINT64_C(0x6f72646572) + p), block, slots, order);
	(void)fprintf(file, "%s\n{\"e\":%zu,\"p\":%u,\"b\":%u,\"seed\":\"%llu\",\"order\":\"",
		first ? "" : ",", e, p, block, (unsigned long long)hb_rng_mix(key, block));
	for (uint32_t s = 0; s < slots; s++)
		(void)fprintf(file, "%s%u", s ? " " : "", order[s]);
	(void)fputs("\"}", file);
}

/* One round: block number @block of an experiment at every point, points in random order. */
static int put_round(FILE *file, struct builder *b, size_t e, uint32_t block, bool *first)
{
	const struct chosen *c = &b->chosen[e];
	uint32_t *points = calloc(c->point_count + 1, sizeof(*points));
	struct hb_rng rng;
	const cJSON *point = c->points->child;
	uint32_t count = 0;

	if (!points)
		return -ENOMEM;
	for (uint32_t p = 0; p < c->point_count; p++, point = point->next)
		if (!*hb_json_text_or(point, "skip", ""))
			points[count++] = p;
	hb_rng_init(&rng, hb_rng_mix(b->request->seed, experiment_key(c)),
		UINT64_C(0x726f756e64000000) + block);
	hb_rng_shuffle(&rng, points, count);
	for (uint32_t i = 0; i < count; i++) {
		put_block(file, b, e, points[i], block, *first);
		*first = false;
	}
	free(points);
	return 0;
}

/*
 * A long run finishes one experiment before the next, so that what it has done is of use; a short one goes round and
 * round, so that a time limit takes the same from all.
 */
static int put_blocks(FILE *file, struct builder *b)
{
	bool together = b->request->mode == HB_PLAN_QUICK || b->request->mode == HB_PLAN_HEADLINE;
	uint32_t rounds = 0;
	bool first = true;
	int error = 0;

	for (size_t e = 0; e < b->count; e++)
		if (b->chosen[e].blocks > rounds)
			rounds = b->chosen[e].blocks;
	if (together) {
		for (uint32_t r = 0; !error && r < rounds; r++)
			for (size_t e = 0; !error && e < b->count; e++)
				if (r < b->chosen[e].blocks)
					error = put_round(file, b, e, r, &first);
		return error;
	}
	for (size_t e = 0; !error && e < b->count; e++)
		for (uint32_t r = 0; !error && r < b->chosen[e].blocks; r++)
			error = put_round(file, b, e, r, &first);
	return error;
}

static const char *mode_name(enum hb_plan_mode mode)
{
	static const char *const names[] = {[HB_PLAN_HEADLINE] = "headline",
		[HB_PLAN_DEFAULT] = "default",
		[HB_PLAN_QUICK] = "quick",
		[HB_PLAN_FULL] = "full"};

	return names[mode];
}

static bool verdicts(const struct builder *b)
{
	if (b->request->mode == HB_PLAN_QUICK)
		return false;
	for (size_t e = 0; e < b->count; e++)
		if (b->chosen[e].blocks < VERDICT_BLOCKS &&
			!cJSON_IsTrue(member(b->chosen[e].describe, "unseeded")))
			return false;
	return true;
}

static int add_driver(cJSON *drivers, const struct hb_manifest_driver *driver)
{
	cJSON *item = cJSON_CreateObject();
	cJSON *describe = cJSON_Duplicate(driver->describe, 1);

	if (!item || !describe || !cJSON_AddItemToArray(drivers, item)) {
		cJSON_Delete(item);
		cJSON_Delete(describe);
		return -ENOMEM;
	}
	if (!cJSON_AddItemToObject(item, "describe", describe)) {
		cJSON_Delete(describe);
		return -ENOMEM;
	}
	if (hb_json_add_text(item, "subproject", driver->subproject) ||
		hb_json_add_text(item, "path", driver->path))
		return -ENOMEM;
	return 0;
}

/* Only the drivers that are used, the other build's right behind; tells each experiment its driver's new index. */
static int add_drivers(struct builder *b, cJSON *json)
{
	cJSON *drivers = cJSON_AddArrayToObject(json, "drivers");
	const struct hb_plan_request *request = b->request;
	uint32_t count = 0;
	int error = drivers ? 0 : -ENOMEM;

	for (uint32_t d = 0; !error && d < request->manifest->count; d++) {
		const struct hb_manifest_driver *driver = &request->manifest->drivers[d];
		bool used = false;

		for (size_t e = 0; e < b->count; e++) {
			if (b->chosen[e].source != driver)
				continue;
			b->chosen[e].driver = count;
			used = true;
		}
		if (!used)
			continue;
		error = add_driver(drivers, driver);
		count++;
		if (!error && request->against) {
			error = add_driver(
				drivers, hb_manifest_find(request->against, driver->subproject));
			count++;
		}
	}
	return error;
}

static int add_experiment(cJSON *experiments, const struct chosen *c, bool until_ci)
{
	cJSON *item = cJSON_CreateObject(), *variants;

	if (!item || !cJSON_AddItemToArray(experiments, item)) {
		cJSON_Delete(item);
		return -ENOMEM;
	}
	if (!cJSON_AddNumberToObject(item, "driver", c->driver) ||
		hb_json_add_text(item, "subproject", c->subproject) ||
		hb_json_add_text(item, "experiment", c->name) ||
		!cJSON_AddNumberToObject(item, "blocks", c->blocks) ||
		hb_json_add_bool(item, "until_ci", until_ci) ||
		!(variants = cJSON_AddArrayToObject(item, "variants")) ||
		!cJSON_AddNumberToObject(item, "baseline", c->baseline))
		return -ENOMEM;
	for (uint32_t v = 0; v < c->variant_count; v++) {
		cJSON *name = cJSON_CreateString(c->variants[v]);

		if (!name || !cJSON_AddItemToArray(variants, name)) {
			cJSON_Delete(name);
			return -ENOMEM;
		}
	}
	cJSON *points = cJSON_Duplicate(c->points, 1);

	if (!points || !cJSON_AddItemToObject(item, "points", points)) {
		cJSON_Delete(points);
		return -ENOMEM;
	}
	return 0;
}

/* The drivers' paths, the other build's too, are what the build's id is made of. */
static int identify(
	const struct builder *b, const cJSON *json, struct hb_env *ret, struct hb_error *reterr)
{
	const cJSON *drivers = member(json, "drivers"), *driver;
	const char **paths = calloc((size_t)cJSON_GetArraySize(drivers) + 1, sizeof(*paths));
	size_t count = 0;

	if (!paths)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	cJSON_ArrayForEach(driver, drivers)
	{
		paths[count++] = hb_json_text_or(driver, "path", "");
	}
	int error = b->request->identify(paths, b->request->user, ret, reterr);

	free(paths);
	return error;
}

static int add_ids(const struct builder *b, cJSON *json, struct hb_error *reterr)
{
	struct hb_env env;
	int error = identify(b, json, &env, reterr);

	if (error)
		return error;
	if (hb_json_add_text(json, "host_id", env.host_id) ||
		hb_json_add_text(json, "env_id", env.env_id) ||
		hb_json_add_text(json, "build_id", env.build_id))
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	return 0;
}

static int make_head(struct builder *b, cJSON *json, struct hb_error *reterr)
{
	const struct hb_plan_request *request = b->request;

	if (hb_json_add_text(json, "schema", HB_PLAN_SCHEMA) ||
		hb_json_add_text(json, "run_id", request->run_id) ||
		hb_json_add_text(json, "created_utc", request->created_utc) ||
		hb_json_add_u64(json, "seed", request->seed) ||
		hb_json_add_text(json, "mode", mode_name(request->mode)) ||
		hb_json_add_bool(json, "verdicts", verdicts(b)) ||
		hb_json_add_bool(json, "sabotage", request->sabotage) || add_drivers(b, json))
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	int error = add_ids(b, json, reterr);

	if (error)
		return error;
	cJSON *experiments = cJSON_AddArrayToObject(json, "experiments");

	error = experiments ? 0 : -ENOMEM;
	for (size_t e = 0; !error && e < b->count; e++)
		error = add_experiment(
			experiments, &b->chosen[e], request->until_ci && b->chosen[e].blocks > 1);
	return error ? hb_error_set(reterr, error, "out of memory") : 0;
}

/* The head as a tree, the blocks (there may be a million) as text behind it. */
static int make_text(struct builder *b, struct hb_plan_text *ret, struct hb_error *reterr)
{
	cJSON *json = cJSON_CreateObject();
	int error =
		json ? make_head(b, json, reterr) : hb_error_set(reterr, -ENOMEM, "out of memory");
	char *head = error ? NULL : cJSON_Print(json);
	char *text = NULL;
	size_t bytes = 0;

	cJSON_Delete(json);
	if (error)
		return error;
	FILE *file = head ? open_memstream(&text, &bytes) : NULL;

	if (!file) {
		free(head);
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	}
	size_t length = strlen(head);

	while (length > 0 && head[length - 1] != '}')
		length--;
	(void)fwrite(head, 1, length - 1, file);
	(void)fputs(",\n\"blocks\": [", file);
	error = put_blocks(file, b);
	(void)fputs("\n]\n}\n", file);
	free(head);
	if (fclose(file) != 0 || error) {
		free(text);
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	}
	ret->text = text;
	ret->length_bytes = bytes;
	return 0;
}

/* ---- the whole ---- */

static size_t count_keys(const char *const *sets)
{
	size_t count = 0;

	for (size_t i = 0; sets && sets[i]; i++) {
		const char *at = sets[i];
		struct assignment a;

		while (next_assignment(&at, &a))
			count++;
	}
	return count;
}

/* A key of --set that no experiment has is a mistake, most likely of spelling. */
static int check_set_used(const struct builder *b, struct hb_error *reterr)
{
	size_t key = 0;

	for (size_t i = 0; b->request->sets && b->request->sets[i]; i++) {
		const char *at = b->request->sets[i];
		struct assignment a;

		for (; next_assignment(&at, &a); key++) {
			const char *names[256];
			char word[128];
			size_t count = 0;

			if (b->set_used[key])
				continue;
			for (size_t e = 0; e < b->count; e++) {
				const cJSON *param;

				cJSON_ArrayForEach(param, member(b->chosen[e].describe, "params"))
				{
					if (count < 255)
						names[count++] = hb_json_text_or(param, "name", "");
				}
			}
			names[count] = NULL;
			(void)snprintf(word, sizeof(word), "%.*s", (int)a.key_bytes, a.key);
			const char *near = hb_suggest(word, names);

			return hb_error_set(reterr, -EINVAL,
				"--set: no chosen experiment has a parameter '%s'%s%s%s", word,
				near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
		}
	}
	return 0;
}

static int drop_empty(struct builder *b, struct hb_error *reterr)
{
	size_t kept = 0;

	for (size_t i = 0; i < b->count; i++) {
		struct chosen c = b->chosen[i];

		if (c.point_count > 0) {
			b->chosen[i] = b->chosen[kept];
			b->chosen[kept++] = c;
		}
	}
	/* The dropped ones stay behind @kept, where builder_finish() does not look: free them here. */
	for (size_t i = kept; i < b->count; i++) {
		free(b->chosen[i].name);
		free(b->chosen[i].variants);
		free(b->chosen[i].against_name);
		cJSON_Delete(b->chosen[i].points);
	}
	b->count = kept;
	if (kept == 0)
		return hb_error_set(reterr, -ENODATA, "nothing to run: no experiment%s",
			b->request->filters && b->request->filters[0]
				? " has a point that --filter lets through"
				: " is there");
	return 0;
}

static int check_size(const struct builder *b, uint64_t *ret_trials, struct hb_error *reterr)
{
	uint64_t cells = 0, trials = 0;

	for (size_t i = 0; i < b->count; i++) {
		const struct chosen *c = &b->chosen[i];
		uint64_t planned = c->point_count - c->skipped_count;

		cells += (uint64_t)c->point_count * c->blocks;
		trials += planned * c->blocks * (c->variant_count + 1);
	}
	if (cells > HB_PLAN_CELLS_MAX || b->count > HB_PLAN_EXPERIMENTS_MAX)
		return hb_error_set(reterr, -E2BIG,
			"the plan would have %llu blocks, at most %d are possible; narrow it with "
			"--set, --filter or --blocks",
			(unsigned long long)cells, HB_PLAN_CELLS_MAX);
	*ret_trials = trials;
	return 0;
}

static void builder_finish(struct builder *b)
{
	for (size_t i = 0; i < b->count; i++) {
		free(b->chosen[i].name);
		free(b->chosen[i].variants);
		free(b->chosen[i].against_name);
		cJSON_Delete(b->chosen[i].points);
	}
	free(b->chosen);
	free(b->set_used);
}

static int build(struct builder *b, struct hb_plan_text *ret, struct hb_error *reterr)
{
	int error = check_assignments("set", b->request->sets, reterr);

	if (!error)
		error = check_assignments("filter", b->request->filters, reterr);
	if (!error)
		error = choose_all(b, reterr);
	b->set_used = calloc(count_keys(b->request->sets) + 1, sizeof(*b->set_used));
	if (!error && !b->set_used)
		error = hb_error_set(reterr, -ENOMEM, "out of memory");
	for (size_t i = 0; !error && i < b->count; i++) {
		error = find_points(b, &b->chosen[i], reterr);
		if (!error)
			error = find_variants(b, &b->chosen[i], reterr);
		if (!error)
			error = find_blocks(b, &b->chosen[i], reterr);
	}
	if (!error && b->count > 0)
		error = check_set_used(b, reterr);
	if (!error)
		error = drop_empty(b, reterr);
	if (error)
		return error;
	fit_budget(b);
	error = check_size(b, &ret->trial_count, reterr);
	if (error)
		return error;
	ret->estimate_ms = estimate_ms(b);
	ret->skipped_points = b->skipped_points;
	return make_text(b, ret, reterr);
}

int hb_plan_build(
	const struct hb_plan_request *request, struct hb_plan_text *ret, struct hb_error *reterr)
{
	struct builder b = {.request = request};
	struct hb_plan_text text = {0};

	hb_assert(request && request->manifest && ret);
	int error = build(&b, &text, reterr);

	builder_finish(&b);
	if (!error)
		*ret = text;
	return error;
}

uint64_t hb_plan_free_bytes(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	if (file)
		(void)fclose(file);
	return (uint64_t)kib * 1024;
}
