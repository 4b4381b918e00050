/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One task of a job array, on a node. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/json.h>
#include <hotbed/log.h>

#include "command.h"
#include "progress.h"
#include "run_options.h"
#include "slurm.h"

#define RESTARTS_MAX 10000
#define CPUS_MAX 4096

/* A number that Slurm sets; @fallback where it does not. */
static int read_number(const char *name, uint64_t max, uint64_t fallback, uint64_t *ret)
{
	const char *text = getenv(name);

	*ret = fallback;
	return text && *text && (hb_csv_parse_u64(text, ret) || *ret > max) ? -EINVAL : 0;
}

struct task {
	const char *folder, *array;
	uint64_t task, restart, cpus;
	uint32_t *blocks; /* shape [count] */
	size_t count;
};

static int read_blocks(struct task *t, struct hb_error *reterr)
{
	cJSON *json = NULL, *tasks = NULL, *number;
	char *path;

	if (asprintf(&path, "%s/slurm/%s.json", t->folder, t->array) < 0)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	int error = hb_json_read_file(path, 0, &json, reterr);

	if (!error)
		error = hb_json_get_array(json, "tasks", &tasks, reterr);
	const cJSON *list = error ? NULL : cJSON_GetArrayItem(tasks, (int)t->task);

	if (!error && !cJSON_IsArray(list))
		error = hb_error_set_at(
			reterr, -EBADMSG, path, 0, "has no task %llu", (unsigned long long)t->task);
	t->blocks = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*t->blocks));
	if (!error && !t->blocks)
		error = hb_error_set(reterr, -ENOMEM, "out of memory");
	for (number = error ? NULL : list->child; number; number = number->next)
		if (cJSON_IsNumber(number) && number->valuedouble >= 0 &&
			number->valuedouble < UINT32_MAX)
			t->blocks[t->count++] = (uint32_t)number->valuedouble;
	cJSON_Delete(json);
	free(path);
	return error;
}

static char *part_folder(const struct task *t, uint64_t restart)
{
	char *path;

	return asprintf(&path, "%s/slurm/%s-%llu-%llu", t->folder, t->array,
		       (unsigned long long)t->task, (unsigned long long)restart) < 0
		       ? NULL
		       : path;
}

/* Leave out what earlier starts of this task have finished, on whichever node. */
static int leave_out(struct task *t, const struct hb_plan *plan, struct hb_error *reterr)
{
	struct hb_blocks *blocks = NULL;
	size_t left;
	int error = 0;

	for (uint64_t r = 0; !error && r < t->restart; r++) {
		char *folder = part_folder(t, r);

		/* Each start by itself: a block of which one did a half and another the rest is not finished. */
		if (!folder || hb_blocks_create(plan, &blocks))
			error = hb_error_set(reterr, -ENOMEM, "out of memory");
		if (!error && hb_session_replay(plan, folder, blocks, NULL, NULL, NULL) == -ENOMEM)
			error = hb_error_set(reterr, -ENOMEM, "out of memory");
		left = 0;
		for (size_t i = 0; !error && i < t->count; i++)
			if (t->blocks[i] < plan->block_count &&
				!hb_blocks_is_closed(blocks, t->blocks[i]))
				t->blocks[left++] = t->blocks[i];
		t->count = error ? t->count : left;
		hb_blocks_destroy(blocks);
		blocks = NULL;
		free(folder);
	}
	return error;
}

static int leave_out_finished(struct task *t, struct hb_error *reterr)
{
	struct hb_plan plan;
	char *path;

	if (t->restart == 0)
		return 0;
	if (asprintf(&path, "%s/plan.json", t->folder) < 0)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	int error = hb_plan_load(path, &plan, reterr);

	free(path);
	if (error)
		return error;
	error = leave_out(t, &plan, reterr);
	hb_plan_finish(&plan);
	return error;
}

/*
 * A folder of our own: that of this restart, or the next that is free. A controller that lost its state starts a task
 * twice under the same number.
 */
static int make_part(struct task *t, char **ret, struct hb_error *reterr)
{
	for (; t->restart <= RESTARTS_MAX; t->restart++) {
		char *path = part_folder(t, t->restart);

		if (!path)
			return hb_error_set(reterr, -ENOMEM, "out of memory");
		if (mkdir(path, 0777) == 0) {
			*ret = path;
			return 0;
		}
		int error = errno == EEXIST ? 0
					    : hb_error_set_at(reterr, -errno, path, 0,
						      "cannot be made: %s", strerror(errno));

		free(path);
		if (error)
			return error;
	}
	return hb_error_set(reterr, -EEXIST, "the task was started too often");
}

static enum hb_exit execute(const struct task *t, struct hb_session *session)
{
	struct hb_progress progress;
	struct hb_error error = {0};
	struct hb_blocks_counts counts;
	enum hb_execute_end end;
	char part[64];
	struct hb_execute work = {
		.plan = &session->plan,
		.env = &session->env,
		.journal = session->journal,
		.blocks = session->blocks,
		.progress = &progress,
		.jobs = (uint32_t)t->cpus,
		.part = part,
	};

	(void)snprintf(part, sizeof(part), "%.20s-%llu-%llu", t->array, (unsigned long long)t->task,
		(unsigned long long)t->restart);
	hb_progress_init(&progress, &session->plan, true);
	int failed = hb_execute_run(&work, &end, &error);

	if (failed)
		hb_log_error(&error);
	hb_blocks_count(session->blocks, &counts);
	hb_log(HB_LOG_INFO, "%llu of %llu trials are done", (unsigned long long)counts.trials_done,
		(unsigned long long)counts.trials_planned);
	return failed                          ? hb_run_exit_code(failed)
	       : end == HB_EXECUTE_INTERRUPTED ? HB_EXIT_INTERRUPTED
					       : HB_EXIT_DONE;
}

int hb_slurm_task(const char *folder, const char *array)
{
	struct task t = {.folder = folder, .array = array};
	struct hb_session session = {0};
	struct hb_error error = {0};
	enum hb_exit code = HB_EXIT_DONE;
	char *part = NULL;

	if (strspn(array, "0123456789") != strlen(array) ||
		read_number("SLURM_ARRAY_TASK_ID", INT32_MAX, UINT64_MAX, &t.task) ||
		t.task == UINT64_MAX ||
		read_number("SLURM_RESTART_COUNT", RESTARTS_MAX, 0, &t.restart) ||
		read_number("SLURM_CPUS_ON_NODE", CPUS_MAX, 1, &t.cpus)) {
		hb_log(HB_LOG_ERROR, "--task is for job arrays of Slurm, which set "
				     "SLURM_ARRAY_TASK_ID; 'hotbed run --executor slurm' starts "
				     "them");
		return HB_EXIT_USAGE;
	}
	int failed = read_blocks(&t, &error);

	if (!failed)
		failed = make_part(&t, &part, &error);
	if (!failed)
		failed = leave_out_finished(&t, &error);
	if (!failed && t.count > 0) {
		failed = hb_session_part(&session, folder, part, t.blocks, t.count, &error);
		if (!failed)
			code = execute(&t, &session);
	}
	if (failed) {
		hb_log_error(&error);
		code = hb_run_exit_code(failed);
	}
	hb_session_finish(&session);
	free(t.blocks);
	free(part);
	return code;
}
