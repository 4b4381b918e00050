/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the journal's rows to a dense cube per block, in one pass and without per-row allocation. */
#include "trials.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <xxhash.h>

#include "hotbed/assert.h"
#include "hotbed/csv.h"
#include "hotbed/error.h"
#include "journal.h"

/* Block and attempt numbers index memory, so numbers from outside are bounded. */
#define BLOCKS_MAX (1u << 20)
#define ATTEMPTS_MAX 1000u
#define ARENA_CHUNK_BYTES (256u << 10)

struct hb_trials_arena {
	struct hb_trials_arena *previous;
	size_t used_bytes, capacity_bytes;
	max_align_t bytes[];
};

/* Where the reading stands; trials of one experiment follow one another, so the last match is tried first. */
struct loader {
	struct hb_trials *trials;
	const char *path;
	uint32_t experiment, point;
};

static void *arena_take(struct hb_trials *trials, size_t size_bytes)
{
	struct hb_trials_arena *arena = trials->arena;
	size_t rounded = (size_bytes + 15) & ~(size_t)15;

	if (!arena || arena->capacity_bytes - arena->used_bytes < rounded) {
		size_t capacity = rounded > ARENA_CHUNK_BYTES ? rounded : ARENA_CHUNK_BYTES;

		arena = malloc(sizeof(*arena) + capacity);
		if (!arena)
			return NULL;
		*arena = (struct hb_trials_arena){
			.previous = trials->arena, .capacity_bytes = capacity};
		trials->arena = arena;
	}
	arena->used_bytes += rounded;
	return (char *)arena->bytes + arena->used_bytes - rounded;
}

const char *hb_trials_arm_name(const struct hb_plan_experiment *experiment, uint32_t arm)
{
	return arm < experiment->variant_count ? experiment->variants[arm].name : "control";
}

static bool find_experiment(struct loader *loader, const char *const *row)
{
	const struct hb_plan *plan = loader->trials->plan;

	for (uint32_t i = 0; i < plan->experiment_count; i++) {
		uint32_t e = (uint32_t)((loader->experiment + i) % plan->experiment_count);
		const struct hb_plan_experiment *experiment = &plan->experiments[e];

		if (!strcmp(experiment->experiment, row[HB_COLUMN_EXPERIMENT]) &&
			!strcmp(experiment->subproject, row[HB_COLUMN_SUBPROJECT])) {
			loader->experiment = e;
			return true;
		}
	}
	return false;
}

/* The parameters name the point; the index is only where to look first. */
static bool find_point(struct loader *loader, const char *const *row)
{
	const struct hb_plan_experiment *experiment =
		&loader->trials->plan->experiments[loader->experiment];
	uint64_t hint;

	if (hb_csv_parse_u64(row[HB_COLUMN_POINT], &hint))
		hint = 0;
	for (size_t i = 0; i < experiment->point_count; i++) {
		size_t p = (size_t)((hint % experiment->point_count + i) % experiment->point_count);

		if (!strcmp(experiment->points[p].params, row[HB_COLUMN_PARAMS])) {
			loader->point = (uint32_t)p;
			return true;
		}
	}
	return false;
}

static bool find_arm(const struct loader *loader, const char *const *row, uint32_t *ret)
{
	const struct hb_plan_experiment *experiment =
		&loader->trials->plan->experiments[loader->experiment];

	if (!strcmp(row[HB_COLUMN_ROLE], "control")) {
		*ret = (uint32_t)experiment->variant_count;
		return true;
	}
	for (uint32_t v = 0; v < experiment->variant_count; v++) {
		if (!strcmp(experiment->variants[v].name, row[HB_COLUMN_VARIANT])) {
			*ret = v;
			return true;
		}
	}
	return false;
}

static int parse_number(const struct loader *loader, const char *const *row, enum hb_column column,
	uint64_t max, uint32_t *ret, struct hb_error *reterr)
{
	uint64_t value;

	if (hb_csv_parse_u64(row[column], &value) || value > max)
		return hb_error_set_at(reterr, -EBADMSG, loader->path, 0,
			"column %s holds '%.40s', expected a number from 0 to %llu (trial seq "
			"%.20s)",
			hb_column_names[column], row[column], (unsigned long long)max,
			row[HB_COLUMN_SEQ]);
	*ret = (uint32_t)value;
	return 0;
}

static uint8_t parse_flags(const char *text)
{
	static const struct {
		const char *name;
		enum hb_trial_flag flag;
	} flags[] = {
		{"steal", HB_TRIAL_STEAL},
		{"psi", HB_TRIAL_PSI},
		{"migrated", HB_TRIAL_MIGRATED},
		{"late", HB_TRIAL_LATE},
		{"unsteady", HB_TRIAL_UNSTEADY},
	};
	uint8_t result = 0;

	while (*text) {
		size_t length = strcspn(text, ";");

		for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
			if (strlen(flags[i].name) == length && !memcmp(flags[i].name, text, length))
				result |= (uint8_t)flags[i].flag;
		}
		text += length;
		if (*text == ';')
			text++;
	}
	return result;
}

/* The attempt's memory; created in order of its number. */
static struct hb_attempt *take_attempt(struct loader *loader, uint32_t block, uint32_t number)
{
	struct hb_trials *trials = loader->trials;
	const struct hb_plan_experiment *experiment =
		&trials->plan->experiments[loader->experiment];
	struct hb_trials_point *point = &trials->points[loader->experiment][loader->point];
	size_t arms = experiment->variant_count + 1, values = arms * experiment->metric_count;
	struct hb_attempt **link, *attempt;

	if (block >= point->block_count) {
		struct hb_trials_block *blocks =
			realloc(point->blocks, (block + 1) * sizeof(*blocks));

		if (!blocks)
			return NULL;
		memset(blocks + point->block_count, 0,
			(block + 1 - point->block_count) * sizeof(*blocks));
		point->blocks = blocks;
		point->block_count = block + 1;
	}
	link = &point->blocks[block].attempts;
	while (*link && (*link)->attempt < number)
		link = &(*link)->next;
	if (*link && (*link)->attempt == number)
		return *link;
	attempt = arena_take(
		trials, sizeof(*attempt) + arms * sizeof(struct hb_arm) + values * sizeof(double));
	if (!attempt)
		return NULL;
	*attempt = (struct hb_attempt){.next = *link, .attempt = number};
	attempt->values = (double *)(attempt + 1);
	attempt->arms = (struct hb_arm *)(attempt->values + values);
	for (size_t i = 0; i < values; i++)
		attempt->values[i] = NAN;
	for (size_t i = 0; i < arms; i++)
		attempt->arms[i] = (struct hb_arm){.status = HB_STATUS_COUNT};
	*link = attempt;
	return attempt;
}

static int keep_failure(struct loader *loader, const struct hb_failure *failure, const char *detail)
{
	struct hb_trials *trials = loader->trials;
	struct hb_failure *kept;

	trials->failed_count++;
	if (trials->failure_count == HB_TRIALS_FAILURES_MAX)
		return 0;
	kept = realloc(trials->failures, (trials->failure_count + 1) * sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	trials->failures = kept;
	kept[trials->failure_count] = *failure;
	kept[trials->failure_count].detail = strdup(detail);
	if (!kept[trials->failure_count].detail)
		return -ENOMEM;
	trials->failure_count++;
	return 0;
}

static int keep_skip(struct loader *loader, uint32_t arm, const char *reason)
{
	struct hb_trials *trials = loader->trials;
	struct hb_skip *kept;

	for (size_t i = 0; i < trials->skip_count; i++) {
		kept = &trials->skips[i];
		if (kept->experiment == loader->experiment && kept->arm == arm &&
			!strcmp(kept->reason, reason)) {
			kept->count++;
			return 0;
		}
	}
	if (trials->skip_count == HB_TRIALS_SKIPS_MAX)
		return 0;
	kept = realloc(trials->skips, (trials->skip_count + 1) * sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	trials->skips = kept;
	kept[trials->skip_count] =
		(struct hb_skip){.experiment = loader->experiment, .arm = arm, .count = 1};
	kept[trials->skip_count].reason = strdup(reason);
	if (!kept[trials->skip_count].reason)
		return -ENOMEM;
	trials->skip_count++;
	return 0;
}

static void store_values(
	struct loader *loader, const struct hb_journal_trial *trial, double *values)
{
	const struct hb_plan_experiment *experiment =
		&loader->trials->plan->experiments[loader->experiment];
	size_t next = 0;

	for (size_t r = 0; r < trial->row_count; r++) {
		const char *name = trial->rows[r][HB_COLUMN_METRIC];
		size_t m = 0;

		if (!strcmp(name, HB_COMMIT_METRIC))
			continue;
		/* Drivers report their metrics in one order, so the next one is nearly always the match. */
		for (; m < experiment->metric_count; m++) {
			size_t guess = (next + m) % experiment->metric_count;

			if (!strcmp(experiment->metrics[guess].name, name)) {
				next = guess;
				break;
			}
		}
		if (m == experiment->metric_count) {
			loader->trials->unknown_values++;
			continue;
		}
		if (hb_csv_parse_double(trial->rows[r][HB_COLUMN_VALUE], &values[next]) ||
			isnan(values[next])) {
			values[next] = NAN;
			loader->trials->unreadable_values++;
		}
		next = (next + 1) % experiment->metric_count;
	}
}

static int store_arm(struct loader *loader, const struct hb_journal_trial *trial,
	struct hb_attempt *attempt, uint32_t arm, const struct hb_failure *where)
{
	const char *const *row = trial->rows[trial->row_count - 1];
	const struct hb_plan_experiment *experiment =
		&loader->trials->plan->experiments[loader->experiment];
	const char *digest = row[HB_COLUMN_DIGEST];
	struct hb_arm *slot = &attempt->arms[arm];

	if (slot->status != HB_STATUS_COUNT)
		loader->trials->repeated_trials++;
	else
		attempt->arm_count++;
	slot->seq = where->seq;
	slot->status = where->status;
	slot->flags = parse_flags(row[HB_COLUMN_FLAGS]);
	slot->digest = *digest ? XXH3_64bits(digest, strlen(digest)) : 0;
	if (slot->status == HB_STATUS_OK)
		store_values(loader, trial, attempt->values + arm * experiment->metric_count);
	else if (slot->status == HB_STATUS_SKIPPED)
		return keep_skip(loader, arm, row[HB_COLUMN_DETAIL]);
	else
		return keep_failure(loader, where, row[HB_COLUMN_DETAIL]);
	return 0;
}

static int load_trial(const struct hb_journal_trial *trial, void *user, struct hb_error *reterr)
{
	struct loader *loader = user;
	struct hb_trials *trials = loader->trials;
	const char *const *row = trial->rows[trial->row_count - 1];
	struct hb_failure where = {0};
	struct hb_attempt *attempt;
	int status, r;

	trials->trial_count++;
	trials->row_count += trial->row_count;
	status = hb_status_parse(row[HB_COLUMN_STATUS]);
	if (status < 0)
		return hb_error_set_at(reterr, -EBADMSG, loader->path, 0,
			"unknown status '%.40s' (trial seq %.20s)", row[HB_COLUMN_STATUS],
			row[HB_COLUMN_SEQ]);
	/* An interrupted trial says nothing; resume runs it again. */
	if (status == HB_STATUS_INTERRUPTED)
		return 0;
	if (!find_experiment(loader, row) || !find_point(loader, row) ||
		!find_arm(loader, row, &where.arm)) {
		trials->unknown_trials++;
		return 0;
	}
	where.experiment = loader->experiment;
	where.point = loader->point;
	where.status = (uint8_t)status;
	r = parse_number(loader, row, HB_COLUMN_BLOCK, BLOCKS_MAX, &where.block, reterr);
	if (!r)
		r = parse_number(
			loader, row, HB_COLUMN_ATTEMPT, ATTEMPTS_MAX, &where.attempt, reterr);
	if (!r)
		r = parse_number(loader, row, HB_COLUMN_SEQ, UINT32_MAX, &where.seq, reterr);
	if (r)
		return r;
	attempt = take_attempt(loader, where.block, where.attempt);
	if (!attempt || store_arm(loader, trial, attempt, where.arm, &where))
		return hb_error_set_at(reterr, -ENOMEM, loader->path, 0, "out of memory");
	return 0;
}

static void choose_attempt(
	const struct hb_plan_experiment *experiment, struct hb_trials_block *block)
{
	uint16_t complete = 0;

	for (struct hb_attempt *a = block->attempts; a; a = a->next) {
		a->steal = a->failed = false;
		for (uint32_t arm = 0; arm <= experiment->variant_count; arm++) {
			uint8_t status = a->arms[arm].status;

			if (status == HB_STATUS_COUNT)
				continue;
			a->steal |= (a->arms[arm].flags & HB_TRIAL_STEAL) != 0;
			a->failed |= status != HB_STATUS_OK && status != HB_STATUS_SKIPPED;
		}
		if (a->arm_count > complete)
			complete = a->arm_count;
	}
	for (struct hb_attempt *a = block->attempts; a; a = a->next) {
		if (a->arm_count < complete)
			continue;
		block->chosen = a;
		block->noisy = a->steal;
		block->is_void = a->failed;
		if (!a->steal)
			break;
	}
}

static void choose_attempts(struct hb_trials *trials)
{
	const struct hb_plan *plan = trials->plan;

	for (size_t e = 0; e < plan->experiment_count; e++) {
		for (size_t p = 0; p < plan->experiments[e].point_count; p++) {
			struct hb_trials_point *point = &trials->points[e][p];

			for (uint32_t b = 0; b < point->block_count; b++)
				choose_attempt(&plan->experiments[e], &point->blocks[b]);
		}
	}
}

int hb_trials_load(const char *path, const struct hb_plan *plan, struct hb_trials *ret,
	struct hb_error *reterr)
{
	struct hb_trials trials = {.plan = plan};
	struct loader loader = {.trials = &trials, .path = path};
	uint64_t committed_bytes = 0;
	struct stat status;
	int r;

	trials.points = calloc(plan->experiment_count + 1, sizeof(*trials.points));
	if (!trials.points)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	for (size_t e = 0; e < plan->experiment_count; e++) {
		trials.points[e] =
			calloc(plan->experiments[e].point_count + 1, sizeof(**trials.points));
		if (!trials.points[e]) {
			hb_trials_finish(&trials);
			return hb_error_set(reterr, -ENOMEM, "out of memory");
		}
	}
	r = hb_journal_read(path, load_trial, &loader, &committed_bytes, reterr);
	if (r) {
		hb_trials_finish(&trials);
		return r;
	}
	if (!stat(path, &status) && (uint64_t)status.st_size > committed_bytes)
		trials.torn_bytes = (uint64_t)status.st_size - committed_bytes;
	choose_attempts(&trials);
	*ret = trials;
	return 0;
}

double hb_trials_value(const struct hb_trials *trials, uint32_t experiment, uint32_t point,
	uint32_t block, uint32_t arm, uint32_t metric)
{
	const struct hb_plan_experiment *described = &trials->plan->experiments[experiment];
	const struct hb_trials_point *at = &trials->points[experiment][point];
	const struct hb_trials_block *b;

	hb_assert(arm <= described->variant_count && metric < described->metric_count);
	if (block >= at->block_count)
		return NAN;
	b = &at->blocks[block];
	if (!b->chosen || b->is_void || b->chosen->arms[arm].status != HB_STATUS_OK)
		return NAN;
	return b->chosen->values[arm * described->metric_count + metric];
}

void hb_trials_finish(struct hb_trials *trials)
{
	for (size_t i = 0; i < trials->failure_count; i++)
		free(trials->failures[i].detail);
	for (size_t i = 0; i < trials->skip_count; i++)
		free(trials->skips[i].reason);
	for (size_t e = 0; trials->points && e < trials->plan->experiment_count; e++) {
		for (size_t p = 0;
			trials->points[e] && p < trials->plan->experiments[e].point_count; p++)
			free(trials->points[e][p].blocks);
		free(trials->points[e]);
	}
	while (trials->arena) {
		struct hb_trials_arena *previous = trials->arena->previous;

		free(trials->arena);
		trials->arena = previous;
	}
	free(trials->points);
	free(trials->failures);
	free(trials->skips);
	*trials = (struct hb_trials){0};
}
