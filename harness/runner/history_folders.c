/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "history_folders.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/log.h>

#include "command.h"

/* A transaction lasts at most so long and has at most so many runs: others wait for 5 s before they give up. */
#define BATCH_NS INT64_C(1000000000)
#define BATCH_RUNS 500

struct batch {
	struct hb_history *history;
	struct hb_import_totals *totals;
	struct hb_import_totals saved; /* of what was committed */
	bool quiet, is_open;
	uint64_t runs;
	int64_t began_ns;
};

void hb_import_warn(const struct hb_import_result *result, const char *dir)
{
	if (result->is_future)
		hb_log(HB_LOG_WARNING,
			"%s: by its clock this run was made in the future; it comes after all "
			"others until then",
			dir);
	if (result->is_early)
		hb_log(HB_LOG_WARNING,
			"%s: the clock of this machine went back; the run is put after the others",
			dir);
	if (result->outcome == HB_IMPORT_NEW && result->without &&
		result->without == result->values)
		hb_log(HB_LOG_WARNING,
			"%s: no ratio to the baseline, which has no valid values; the nights count "
			"as undecided",
			dir);
	if (*result->why)
		hb_log(HB_LOG_INFO, "%s: left out: %s", dir, result->why);
}

/* The transaction is lost, and with it what was counted since the last one. */
static void give_up(struct batch *batch)
{
	(void)sqlite3_exec(batch->history->db, "ROLLBACK", NULL, NULL, NULL);
	*batch->totals = batch->saved;
	batch->is_open = false;
}

static int commit(struct batch *batch, struct hb_error *reterr)
{
	int r = batch->is_open ? hb_history_execute(batch->history, "COMMIT", reterr) : 0;

	if (r) {
		give_up(batch);
		return r;
	}
	batch->saved = *batch->totals;
	batch->is_open = false;
	return 0;
}

static int begin(struct batch *batch, struct hb_error *reterr)
{
	int r = batch->is_open ? 0 : hb_history_execute(batch->history, "BEGIN IMMEDIATE", reterr);

	if (!r && !batch->is_open) {
		batch->is_open = true;
		batch->runs = 0;
		batch->began_ns = hb_clock_now_ns();
	}
	return r;
}

static int import_one(struct batch *batch, const char *dir, struct hb_error *reterr)
{
	struct hb_import_result result = {0};
	struct hb_error error = {0};
	int r = begin(batch, reterr);

	if (r)
		return r;
	r = hb_history_import(batch->history, dir, false, &result, &error);
	/* The database's own faults name the database; a run that cannot be read names its file. */
	if (r && !strcmp(error.path, batch->history->path)) {
		if (reterr)
			*reterr = error;
		give_up(batch);
		return r;
	}
	if (r) {
		hb_log_error(&error);
		batch->totals->faulty++;
	} else {
		batch->totals->outcomes[result.outcome]++;
		batch->totals->values += result.values;
		batch->totals->without += result.without;
		if (!batch->quiet)
			hb_import_warn(&result, dir);
	}
	batch->runs++;
	return batch->runs >= BATCH_RUNS || hb_clock_now_ns() - batch->began_ns > BATCH_NS
		       ? commit(batch, reterr)
		       : 0;
}

static bool has_plan(const char *dir)
{
	char path[4200];

	return snprintf(path, sizeof(path), "%s/plan.json", dir) < (int)sizeof(path) &&
	       !access(path, F_OK);
}

/* Real folders only: "latest" is a link to one of them. */
static int is_folder(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN);
}

static int import_folder(struct batch *batch, const char *folder, struct hb_error *reterr)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_folder, alphasort);
	int r = 0;

	if (count < 0)
		return hb_error_set_at(
			reterr, -errno, folder, 0, "cannot list the runs: %s", strerror(errno));
	for (int i = 0; i < count; i++) {
		char *dir = NULL;

		if (!r && asprintf(&dir, "%s/%s", folder, entries[i]->d_name) < 0)
			r = hb_error_set(reterr, -ENOMEM, "not enough memory");
		if (!r && has_plan(dir))
			r = import_one(batch, dir, reterr);
		free(dir);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int import_operand(struct batch *batch, const char *operand, struct hb_error *reterr)
{
	struct stat status;
	char *dir = NULL;
	int r;

	if (!stat(operand, &status) && S_ISDIR(status.st_mode) && !has_plan(operand))
		return import_folder(batch, operand, reterr);
	r = hb_results_find(operand, &dir, reterr);
	if (!r && stat(dir, &status))
		r = hb_error_set_at(reterr, -ENOENT, dir, 0,
			"there is no such run; give a run_id, a run's folder or a folder of runs");
	if (!r)
		r = import_one(batch, dir, reterr);
	free(dir);
	return r;
}

int hb_history_import_named(struct hb_history *history, const char *const *operands, bool quiet,
	struct hb_import_totals *ret, struct hb_error *reterr)
{
	static const char *const all[] = {"results", NULL};
	struct hb_import_totals totals = {0};
	struct batch batch = {.history = history, .totals = &totals, .quiet = quiet};
	int r = hb_history_verify(history, reterr);

	if (!operands[0])
		operands = all;
	for (; !r && *operands; operands++)
		r = import_operand(&batch, *operands, reterr);
	/* What was read before an operand that names nothing is good. */
	int committed = commit(&batch, r ? NULL : reterr);

	*ret = totals;
	return r ? r : committed;
}
