/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "blocks.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/json.h>

#include "looks.h"
#include "protocol.h"

/* Blocks of quiet experiments that may be open at once: enough for every CPU to have a trial. */
#define OPEN_MAX 256

/* A block that has begun and is not closed. */
struct open_block {
	uint32_t index, attempt, reruns;
	uint64_t started, finished; /* one bit per slot */
	bool steal, failed, resumed;
	double *values;                            /* shape [variant_count + 1][metric_count] */
	char (*digests)[HB_PROTOCOL_DIGEST_BYTES]; /* shape [variant_count + 1] */
};

struct experiment {
	uint64_t first_cell; /* of points x blocks */
	uint64_t first_arm;  /* of points x (variants + 1) */
	uint64_t first_point;
	uint64_t trials_left;
	uint32_t ratio_variant, ratio_metric, ratio_count;
	double ratio_sum; /* of log idea / baseline */
	bool has_ratio, watches_steal, passed_over;
};

struct hb_blocks {
	const struct hb_plan *plan;
	struct experiment *experiments;
	uint32_t *cells;   /* index into plan->blocks + 1, by experiment, point, block */
	uint8_t *failures; /* by experiment, point, arm */
	uint8_t *ended;    /* enum ended, by experiment, point */
	uint8_t *closed;   /* one bit per block of the plan */
	struct open_block open[OPEN_MAX];
	size_t open_count;
	size_t cursor; /* next block of the plan that has not begun */
	struct hb_looks *looks;
	struct hb_blocks_counts counts;
	bool no_reruns;
};

enum ended {
	POINT_GOES_ON,
	POINT_DECIDED,
	POINT_STOPPED, /* plus the arm that failed */
};

/* ---- making it ---- */

static void choose_ratio(struct experiment *state, const struct hb_plan_experiment *e)
{
	const cJSON *chart = cJSON_GetObjectItemCaseSensitive(e->describe, "chart");
	const char *metric = hb_json_text_or(chart, "metric", "");

	for (uint32_t m = 0; m < e->metric_count; m++)
		if (!strcmp(e->metrics[m].name, metric))
			state->ratio_metric = m;
	for (uint32_t v = 0; v < e->variant_count && e->metric_count > 0; v++) {
		if (strcmp(e->variants[v].role, "idea") != 0)
			continue;
		state->ratio_variant = v;
		state->has_ratio = true;
		return;
	}
}

static int make_arrays(struct hb_blocks *b)
{
	const struct hb_plan *plan = b->plan;
	uint64_t cells = 0, arms = 0, points = 0;

	b->experiments = calloc(plan->experiment_count + 1, sizeof(*b->experiments));
	if (!b->experiments)
		return -ENOMEM;
	for (size_t i = 0; i < plan->experiment_count; i++) {
		const struct hb_plan_experiment *e = &plan->experiments[i];
		struct experiment *state = &b->experiments[i];

		state->first_cell = cells;
		state->first_arm = arms;
		state->first_point = points;
		cells += (uint64_t)e->point_count * e->blocks;
		arms += (uint64_t)e->point_count * (e->variant_count + 1);
		points += e->point_count;
		for (size_t m = 0; m < e->metric_count; m++)
			state->watches_steal |= !e->metrics[m].exact;
		choose_ratio(state, e);
	}
	b->cells = calloc(cells + 1, sizeof(*b->cells));
	b->failures = calloc(arms + 1, sizeof(*b->failures));
	b->ended = calloc(points + 1, sizeof(*b->ended));
	b->closed = calloc(plan->block_count / 8 + 1, sizeof(*b->closed));
	return b->cells && b->failures && b->ended && b->closed ? 0 : -ENOMEM;
}

static uint64_t cell_of(
	const struct hb_blocks *b, uint32_t experiment, uint32_t point, uint32_t block)
{
	return b->experiments[experiment].first_cell +
	       (uint64_t)point * b->plan->experiments[experiment].blocks + block;
}

int hb_blocks_create(const struct hb_plan *plan, struct hb_blocks **ret)
{
	struct hb_blocks *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->plan = plan;
	int error = make_arrays(b);

	if (!error)
		error = hb_looks_create(plan, &b->looks);
	if (error) {
		hb_blocks_destroy(b);
		return error;
	}
	for (size_t i = 0; i < plan->block_count; i++) {
		const struct hb_plan_block *block = &plan->blocks[i];

		b->cells[cell_of(b, block->experiment, block->point, block->block)] =
			(uint32_t)i + 1;
		b->experiments[block->experiment].trials_left += block->slot_count;
		b->counts.trials_planned += block->slot_count;
	}
	*ret = b;
	return 0;
}

static void drop_open(struct hb_blocks *b, struct open_block *o)
{
	free(o->values);
	free(o->digests);
	*o = b->open[--b->open_count];
}

void hb_blocks_destroy(struct hb_blocks *b)
{
	if (!b)
		return;
	while (b->open_count > 0)
		drop_open(b, &b->open[0]);
	hb_looks_destroy(b->looks);
	free(b->experiments);
	free(b->cells);
	free(b->failures);
	free(b->ended);
	free(b->closed);
	free(b);
}

/* ---- asking ---- */

static const struct hb_plan_block *block_of(const struct hb_blocks *b, uint32_t index)
{
	return &b->plan->blocks[index];
}

static const struct hb_plan_experiment *experiment_of(const struct hb_blocks *b, uint32_t index)
{
	return &b->plan->experiments[block_of(b, index)->experiment];
}

static uint8_t *ended_of(const struct hb_blocks *b, uint32_t experiment, uint32_t point)
{
	return &b->ended[b->experiments[experiment].first_point + point];
}

static bool is_closed(const struct hb_blocks *b, size_t index)
{
	return b->closed[index / 8] >> (index % 8) & 1;
}

bool hb_blocks_is_closed(const struct hb_blocks *b, uint32_t index)
{
	return is_closed(b, index);
}

uint32_t hb_blocks_arm(const struct hb_blocks *b, const struct hb_blocks_trial *trial)
{
	return block_of(b, trial->index)->order[trial->slot];
}

int64_t hb_blocks_find(
	const struct hb_blocks *b, uint32_t experiment, uint32_t point, uint32_t block)
{
	if (experiment >= b->plan->experiment_count ||
		point >= b->plan->experiments[experiment].point_count ||
		block >= b->plan->experiments[experiment].blocks)
		return -ENOENT;
	uint32_t found = b->cells[cell_of(b, experiment, point, block)];

	return found ? (int64_t)found - 1 : -ENOENT;
}

void hb_blocks_count(const struct hb_blocks *b, struct hb_blocks_counts *ret)
{
	*ret = b->counts;
}

uint64_t hb_blocks_left(const struct hb_blocks *b, uint32_t experiment)
{
	return b->experiments[experiment].trials_left;
}

double hb_blocks_ratio(const struct hb_blocks *b, uint32_t experiment)
{
	const struct experiment *e = &b->experiments[experiment];

	return e->ratio_count > 0 ? exp(e->ratio_sum / e->ratio_count) : NAN;
}

bool hb_blocks_stopped(
	const struct hb_blocks *b, uint32_t experiment, uint32_t point, uint32_t *ret_arm)
{
	uint8_t ended = *ended_of(b, experiment, point);

	if (ended < POINT_STOPPED)
		return false;
	if (ret_arm)
		*ret_arm = ended - POINT_STOPPED;
	return true;
}

bool hb_blocks_decided(const struct hb_blocks *b, uint32_t experiment, uint32_t point)
{
	return *ended_of(b, experiment, point) == POINT_DECIDED;
}

static struct open_block *find_open(const struct hb_blocks *b, uint32_t index)
{
	for (size_t i = 0; i < b->open_count; i++)
		if (b->open[i].index == index)
			return (struct open_block *)&b->open[i];
	return NULL;
}

void hb_blocks_mark_resumed(struct hb_blocks *b)
{
	for (size_t i = 0; i < b->open_count; i++)
		b->open[i].resumed = b->open[i].finished != 0;
}

bool hb_blocks_is_resumed(const struct hb_blocks *b, const struct hb_blocks_trial *trial)
{
	const struct open_block *o = find_open(b, trial->index);

	return o && o->resumed;
}

void hb_blocks_pass_over(struct hb_blocks *b, uint32_t experiment)
{
	b->experiments[experiment].passed_over = true;
}

void hb_blocks_allow_reruns(struct hb_blocks *b, bool allowed)
{
	b->no_reruns = !allowed;
}

/* ---- what comes next ---- */

/* Blocks of a point that has ended count as done without having run. */
static void give_up(struct hb_blocks *b, size_t index)
{
	const struct hb_plan_block *block = &b->plan->blocks[index];

	b->closed[index / 8] |= (uint8_t)(1u << (index % 8));
	b->experiments[block->experiment].trials_left -= block->slot_count;
	b->counts.trials_done += block->slot_count;
}

/* The next block that has not begun; false at the end of the plan. */
static bool find_unbegun(struct hb_blocks *b, uint32_t *ret)
{
	for (; b->cursor < b->plan->block_count; b->cursor++) {
		const struct hb_plan_block *block = &b->plan->blocks[b->cursor];

		if (is_closed(b, b->cursor) || find_open(b, (uint32_t)b->cursor) ||
			b->experiments[block->experiment].passed_over)
			continue;
		if (*ended_of(b, block->experiment, block->point) != POINT_GOES_ON) {
			give_up(b, b->cursor);
			continue;
		}
		*ret = (uint32_t)b->cursor;
		return true;
	}
	return false;
}

/* The open block that comes first in the plan, among those with a slot to start. */
static struct open_block *first_startable(struct hb_blocks *b)
{
	struct open_block *first = NULL;

	for (size_t i = 0; i < b->open_count; i++) {
		struct open_block *o = &b->open[i];
		uint64_t all = ~UINT64_C(0) >> (64 - block_of(b, o->index)->slot_count);

		if (o->started != all && (!first || o->index < first->index))
			first = o;
	}
	return first;
}

enum hb_blocks_next hb_blocks_next(struct hb_blocks *b, bool may_open, struct hb_blocks_trial *ret)
{
	struct open_block *o = first_startable(b);
	uint32_t index;

	if (o) {
		if (!experiment_of(b, o->index)->quiet && o->started != o->finished)
			return HB_BLOCKS_WAIT;
		*ret = (struct hb_blocks_trial){.index = o->index,
			.attempt = o->attempt,
			.slot = (uint16_t)__builtin_ctzll(~o->started)};
		return HB_BLOCKS_TRIAL;
	}
	if (!may_open || !find_unbegun(b, &index))
		return b->open_count > 0 ? HB_BLOCKS_WAIT : HB_BLOCKS_END;
	if (b->open_count == OPEN_MAX ||
		(b->open_count > 0 && !(experiment_of(b, index)->quiet &&
					      experiment_of(b, b->open[0].index)->quiet)))
		return HB_BLOCKS_WAIT;
	*ret = (struct hb_blocks_trial){.index = index};
	return HB_BLOCKS_TRIAL;
}

static void forget(struct hb_blocks *b, struct open_block *o)
{
	const struct hb_plan_experiment *e = experiment_of(b, o->index);

	for (size_t i = 0; i < (e->variant_count + 1) * e->metric_count; i++)
		o->values[i] = NAN;
	for (size_t a = 0; a <= e->variant_count; a++)
		o->digests[a][0] = '\0';
	o->started = o->finished = 0;
	o->steal = o->failed = o->resumed = false;
}

static int open_new(struct hb_blocks *b, uint32_t index, uint32_t attempt, struct open_block **ret)
{
	const struct hb_plan_experiment *e = experiment_of(b, index);

	if (b->open_count == OPEN_MAX)
		return -ENOMEM;
	struct open_block *o = &b->open[b->open_count];

	*o = (struct open_block){.index = index, .attempt = attempt};
	o->values = calloc((e->variant_count + 1) * e->metric_count + 1, sizeof(*o->values));
	o->digests = calloc(e->variant_count + 1, sizeof(*o->digests));
	if (!o->values || !o->digests) {
		free(o->values);
		free(o->digests);
		return -ENOMEM;
	}
	forget(b, o);
	b->open_count++;
	*ret = o;
	return 0;
}

int hb_blocks_begin(struct hb_blocks *b, const struct hb_blocks_trial *trial)
{
	struct open_block *o = find_open(b, trial->index);
	int error = o ? 0 : open_new(b, trial->index, trial->attempt, &o);

	if (error)
		return error;
	hb_assert(!(o->started >> trial->slot & 1));
	o->started |= UINT64_C(1) << trial->slot;
	return 0;
}

/* ---- what has ended ---- */

static bool is_failure(enum hb_status status)
{
	return status != HB_STATUS_OK && status != HB_STATUS_SKIPPED &&
	       status != HB_STATUS_INTERRUPTED;
}

static const struct hb_plan_variant *variant_of(const struct hb_plan_experiment *e, uint32_t arm)
{
	return &e->variants[arm == e->variant_count ? e->baseline : arm];
}

static void compare_digests(const struct open_block *o, const struct hb_plan_experiment *e,
	uint32_t arm, struct hb_blocks_outcome *outcome, char *detail, size_t detail_bytes)
{
	const char *class = variant_of(e, arm)->digest_class;

	for (uint32_t a = 0; a <= e->variant_count && *class && *outcome->digest; a++) {
		const char *other = o->digests[a];

		if (a == arm || !*other || strcmp(variant_of(e, a)->digest_class, class) != 0 ||
			!strcmp(other, outcome->digest))
			continue;
		outcome->status = HB_STATUS_VERIFY_FAILED;
		(void)snprintf(detail, detail_bytes,
			"digest %s differs from %s of %s%s in the same block", outcome->digest,
			other, variant_of(e, a)->name, a == e->variant_count ? " (control)" : "");
		return;
	}
}

/* Bit for bit, so that -0 and 0 differ and NaN (no value) equals itself. */
static bool exact_metrics_differ(const struct open_block *o, const struct hb_plan_experiment *e,
	uint32_t arm, const double *values)
{
	uint32_t other = arm == e->variant_count ? e->baseline : (uint32_t)e->variant_count;
	const double *others = o->values + (size_t)other * e->metric_count;

	if (arm != e->baseline && arm != e->variant_count)
		return false;
	for (size_t m = 0; m < e->metric_count; m++)
		if (e->metrics[m].exact && !isnan(others[m]) &&
			memcmp(&values[m], &others[m], sizeof(*values)) != 0)
			return true;
	return false;
}

bool hb_blocks_judge(struct hb_blocks *b, const struct hb_blocks_trial *trial,
	struct hb_blocks_outcome *outcome, char *detail, size_t detail_bytes)
{
	const struct open_block *o = find_open(b, trial->index);
	const struct hb_plan_experiment *e = experiment_of(b, trial->index);
	uint32_t arm = hb_blocks_arm(b, trial);

	if (!o || o->attempt != trial->attempt || outcome->status != HB_STATUS_OK)
		return false;
	compare_digests(o, e, arm, outcome, detail, detail_bytes);
	return outcome->status == HB_STATUS_OK && exact_metrics_differ(o, e, arm, outcome->values);
}

static void count_failure(struct hb_blocks *b, uint32_t index, uint32_t arm)
{
	const struct hb_plan_block *block = block_of(b, index);
	const struct hb_plan_experiment *e = experiment_of(b, index);
	const struct experiment *state = &b->experiments[block->experiment];
	uint8_t *failures = &b->failures[state->first_arm +
					 (uint64_t)block->point * (e->variant_count + 1) + arm];
	uint8_t *ended = ended_of(b, block->experiment, block->point);

	if (*failures < UINT8_MAX)
		++*failures;
	if (*failures == HB_BLOCKS_FAILURES_MAX && *ended < POINT_STOPPED) {
		*ended = (uint8_t)(POINT_STOPPED + arm);
		b->counts.points_stopped++;
	}
}

static void add_ratio(struct hb_blocks *b, const struct open_block *o)
{
	const struct hb_plan_experiment *e = experiment_of(b, o->index);
	struct experiment *state = &b->experiments[block_of(b, o->index)->experiment];
	size_t m = state->ratio_metric;

	if (!state->has_ratio)
		return;
	double effect = hb_looks_effect(o->values[state->ratio_variant * e->metric_count + m],
		o->values[e->baseline * e->metric_count + m],
		o->values[e->variant_count * e->metric_count + m]);

	if (isnan(effect))
		return;
	state->ratio_sum += effect;
	state->ratio_count++;
}

static int close_block(struct hb_blocks *b, struct open_block *o)
{
	const struct hb_plan_block *block = block_of(b, o->index);
	uint8_t *ended = ended_of(b, block->experiment, block->point);
	bool decided = false;

	b->closed[o->index / 8] |= (uint8_t)(1u << (o->index % 8));
	b->counts.blocks_closed++;
	b->counts.blocks_noisy += o->steal;
	if (!o->failed)
		add_ratio(b, o);
	int error = hb_looks_add(
		b->looks, block->experiment, block->point, o->failed ? NULL : o->values, &decided);

	if (decided && *ended == POINT_GOES_ON) {
		*ended = POINT_DECIDED;
		b->counts.points_decided++;
	}
	drop_open(b, o);
	return error;
}

static int end_attempt(struct hb_blocks *b, struct open_block *o)
{
	const struct hb_plan_block *block = block_of(b, o->index);
	bool goes_on = *ended_of(b, block->experiment, block->point) == POINT_GOES_ON;

	if (o->steal && !o->failed && goes_on && !b->no_reruns &&
		o->reruns < HB_BLOCKS_RERUNS_MAX &&
		b->experiments[block->experiment].watches_steal) {
		forget(b, o);
		o->attempt++;
		o->reruns++;
		b->counts.reruns++;
		return 0;
	}
	return close_block(b, o);
}

/* What the attempt had done no longer counts: the block starts anew. */
static void start_anew(struct hb_blocks *b, struct open_block *o, uint32_t attempt)
{
	if (o->reruns == 0) {
		uint64_t undone = (uint64_t)__builtin_popcountll(o->finished);

		b->experiments[block_of(b, o->index)->experiment].trials_left += undone;
		b->counts.trials_done -= undone;
	}
	forget(b, o);
	o->attempt = attempt;
}

/* The trial's part in its block. Returns true if it was the last one of the attempt. */
static bool account(struct hb_blocks *b, struct open_block *o, const struct hb_blocks_trial *trial,
	const struct hb_blocks_outcome *outcome)
{
	const struct hb_plan_block *block = block_of(b, trial->index);
	const struct hb_plan_experiment *e = experiment_of(b, trial->index);
	uint32_t arm = hb_blocks_arm(b, trial);

	o->finished |= UINT64_C(1) << trial->slot;
	o->steal |= outcome->steal;
	o->failed |= is_failure(outcome->status);
	if (o->reruns == 0) {
		b->experiments[block->experiment].trials_left--;
		b->counts.trials_done++;
	}
	if (outcome->status == HB_STATUS_OK) {
		memcpy(o->values + arm * e->metric_count, outcome->values,
			e->metric_count * sizeof(*o->values));
		(void)snprintf(o->digests[arm], sizeof(o->digests[arm]), "%s", outcome->digest);
	}
	return o->finished == ~UINT64_C(0) >> (64 - block->slot_count);
}

int hb_blocks_finish(struct hb_blocks *b, const struct hb_blocks_trial *trial,
	const struct hb_blocks_outcome *outcome)
{
	struct open_block *o = find_open(b, trial->index);

	b->counts.trials_committed++;
	b->counts.failed += is_failure(outcome->status);
	b->counts.skipped += outcome->status == HB_STATUS_SKIPPED;
	b->counts.interrupted += outcome->status == HB_STATUS_INTERRUPTED;
	if (is_failure(outcome->status))
		count_failure(b, trial->index, hb_blocks_arm(b, trial));
	if (!o || o->attempt != trial->attempt)
		return 0; /* another trial of the block was interrupted before this one ended */
	if (outcome->status == HB_STATUS_INTERRUPTED) {
		start_anew(b, o, o->attempt + 1);
		return 0;
	}
	return account(b, o, trial, outcome) ? end_attempt(b, o) : 0;
}

int hb_blocks_replay(struct hb_blocks *b, const struct hb_blocks_trial *trial,
	const struct hb_blocks_outcome *outcome)
{
	struct open_block *o = find_open(b, trial->index);

	if (is_closed(b, trial->index) || (o && o->attempt > trial->attempt))
		return 0;
	if (o && o->attempt < trial->attempt)
		start_anew(b, o, trial->attempt);
	int error = o ? 0 : open_new(b, trial->index, trial->attempt, &o);

	if (error || (o->started >> trial->slot & 1))
		return error;
	o->started |= UINT64_C(1) << trial->slot;
	return hb_blocks_finish(b, trial, outcome);
}
