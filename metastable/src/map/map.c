/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Running a map. See metastable/map.h. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <hotbed/error.h>

#include "journal.h"

#define THREADS_MAX 256
#define LEVELS_DEFAULT \
	((1U << MS_LEVEL_MARKOV) | (1U << MS_LEVEL_FLUID) | (1U << MS_LEVEL_SIMULATION))

/* What the threads share; @lock guards all but the constants. */
struct run {
	const struct ms_model *model;
	const struct ms_map_options *options;
	struct ms_map *map;
	struct journal journal;
	pthread_mutex_t lock;
	uint32_t next;
	int code; /* the first failure */
	struct hb_error error;
};

const struct ms_verdict *ms_map_verdict(const struct ms_map_cell *cell, enum ms_level level)
{
	for (uint32_t i = 0; i < cell->verdict_count; i++) {
		if (cell->verdicts[i].level == level)
			return &cell->verdicts[i];
	}
	return NULL;
}

/* The model of one cell: the sweep's values in their places. */
static int cell_model(const struct ms_map *map, const struct ms_map_cell *cell,
	const struct ms_model *model, struct ms_model *ret, struct hb_error *reterr)
{
	*ret = *model;
	for (uint32_t a = 0; a < map->axis_count; a++) {
		int code = ms_model_set(
			ret, map->axes[a].path, ms_sweep_value(&map->axes[a], cell->at[a]), reterr);

		if (code)
			return code;
	}
	return ms_model_check(ret, reterr);
}

/* A cell whose values are impossible (a queue smaller than the threads) is unknown, with the reason. */
static int compute(const struct run *run, struct ms_map_cell *cell, struct hb_error *reterr)
{
	struct ms_model model;
	struct hb_error error = {0};
	int refusal = cell_model(run->map, cell, run->model, &model, &error);

	cell->verdict_count = 0;
	for (int l = 0; l < MS_LEVEL_COUNT; l++) {
		struct ms_verdict *verdict = &cell->verdicts[cell->verdict_count];
		int code;

		if (!(run->map->levels & (1U << l)))
			continue;
		cell->verdict_count++;
		if (refusal) {
			*verdict = (struct ms_verdict){
				.level = (enum ms_level)l, .code = refusal, .kind = MS_UNKNOWN};
			(void)snprintf(verdict->reason, sizeof(verdict->reason), "%s", error.text);
			continue;
		}
		code = ms_verdict_of(
			(enum ms_level)l, &model, &run->options->verdict, verdict, reterr);
		if (code)
			return code;
	}
	cell->kind = ms_verdict_join(cell->verdicts, cell->verdict_count);
	return 0;
}

static void finish_cell(struct run *run, struct ms_map_cell *cell, int code, struct hb_error *error)
{
	if (!code) {
		cell->done = true;
		run->map->done++;
		code = journal_append(&run->journal, cell, error);
	}
	if (code && !run->code) {
		run->code = code;
		run->error = *error;
	}
	if (run->options->progress)
		run->options->progress(run->map->done, run->map->count, run->options->user);
}

static void *work(void *user)
{
	struct run *run = user;

	(void)pthread_mutex_lock(&run->lock);
	for (;;) {
		struct hb_error error = {0};
		struct ms_map_cell *cell;
		int code;

		while (run->next < run->map->count && run->map->cells[run->next].done)
			run->next++;
		if (run->code || run->next >= run->map->count ||
			(run->options->stop && *run->options->stop))
			break;
		cell = &run->map->cells[run->next++];
		(void)pthread_mutex_unlock(&run->lock);
		code = compute(run, cell, &error);
		(void)pthread_mutex_lock(&run->lock);
		finish_cell(run, cell, code, &error);
	}
	(void)pthread_mutex_unlock(&run->lock);
	return NULL;
}

/* The caller's thread works too, so that a machine without another one still gets the map. */
static void work_all(struct run *run)
{
	pthread_t threads[THREADS_MAX];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int wanted = run->options->threads ? run->options->threads
			      : cpus > 0            ? (unsigned int)cpus
						    : 1;
	unsigned int started = 0;

	if (wanted > THREADS_MAX)
		wanted = THREADS_MAX;
	while (started + 1 < wanted && pthread_create(&threads[started], NULL, work, run) == 0)
		started++;
	(void)work(run);
	for (unsigned int i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
}

static int lay_out(
	const struct ms_model *model, uint32_t levels, struct ms_map *map, struct hb_error *reterr)
{
	double count = 1;

	if (!model->axis_count)
		return hb_error_set(reterr, -EDOM,
			"the model has no sweep; add `sweep { db.queue 20..200 step 5; }`");
	map->axis_count = model->axis_count;
	map->levels = levels ? levels : LEVELS_DEFAULT;
	for (uint32_t a = 0; a < model->axis_count; a++) {
		map->axes[a] = model->axes[a];
		count *= model->axes[a].count;
	}
	if (count > MS_MAP_CELLS_MAX)
		return hb_error_set(reterr, -E2BIG,
			"the sweep has %.0f cells, more than %u; make its steps longer", count,
			MS_MAP_CELLS_MAX);
	map->count = (uint32_t)count;
	map->cells = calloc(map->count, sizeof(*map->cells));
	if (!map->cells)
		return hb_error_set(reterr, -ENOMEM, "no memory for %u cells", map->count);
	for (uint32_t i = 0; i < map->count; i++) {
		struct ms_map_cell *cell = &map->cells[i];
		struct ms_model of_cell;
		uint32_t rest = i;

		cell->index = i;
		for (uint32_t a = 0; a < map->axis_count; a++) {
			cell->at[a] = rest % map->axes[a].count;
			rest /= map->axes[a].count;
		}
		cell->kind = MS_UNKNOWN;
		cell->rule = cell_model(map, cell, model, &of_cell, NULL) == 0
				     ? ms_rule_of_thumb(&of_cell)
				     : MS_UNKNOWN;
	}
	return 0;
}

int ms_map_run(const struct ms_model *model, const struct ms_map_options *options,
	struct ms_map *ret, struct hb_error *reterr)
{
	struct ms_map map = {0};
	struct run run = {.model = model,
		.options = options,
		.map = &map,
		.journal = {.fd = -1},
		.lock = PTHREAD_MUTEX_INITIALIZER};
	int code = lay_out(model, options->levels, &map, reterr);

	if (!code)
		code = journal_open(&run.journal, options->journal_path,
			options->fingerprint ? options->fingerprint : "", &map, reterr);
	if (!code) {
		work_all(&run);
		code = run.code;
		if (code && reterr)
			*reterr = run.error;
	}
	if (journal_close(&run.journal) && !code)
		code = hb_error_set_at(reterr, -EIO, options->journal_path, 0,
			"could not be made durable; call again");
	if (code) {
		ms_map_finish(&map);
		return code;
	}
	*ret = map;
	if (map.done < map.count)
		return hb_error_set(reterr, -EINTR, "interrupted after %u of %u cells%s", map.done,
			map.count,
			options->journal_path ? "; the same call goes on"
					      : ", which are lost; with "
						"--journal FILE they "
						"would be kept");
	return 0;
}

void ms_map_finish(struct ms_map *map)
{
	free(map->cells);
	*map = (struct ms_map){0};
}
