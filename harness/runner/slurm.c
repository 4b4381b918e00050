/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The head of a run on a cluster: hand out blocks, watch the queue, collect what was finished. */
#include "slurm.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/json.h>

#include "progress.h"
#include "subprocess.h"
#include "text.h"

/* A task is worth its start, and little is lost with it. */
#define TASK_MS 60000
#define TASK_BLOCKS_MAX 500
/* Slurm's MaxArraySize is 1001 unless a site changed it. */
#define TASKS_MAX 1000
/* Without a number of nodes: so many tasks at least, where there are blocks for them. */
#define TASKS_MIN 8
#define COMMAND_MS 60000
#define POLL_MIN_MS 200
#define POLL_MAX_MS 3000
/* Arrays in a row of which no block came back. */
#define FRUITLESS_MAX 3
#define CANCEL_NS (INT64_C(60) * 1000000000)
#define FINISH_NS (INT64_C(5) * 1000000000)

enum queue { QUEUE_EMPTY, QUEUE_BUSY, QUEUE_UNKNOWN };

/* A task's folder, and how large its journal was when it was last looked at. */
struct part {
	char name[64];
	off_t bytes;
};

struct head {
	struct hb_session *session;
	const struct hb_slurm *slurm;
	struct hb_progress *progress;
	char *folder;       /* absolute, as the nodes see it */
	char job_name[64];  /* of all arrays of the run */
	char reason[128];   /* why tasks wait, as last said */
	struct part *parts; /* shape [part_count] */
	size_t part_count;
	uint64_t fresh; /* blocks since the last array was submitted */
	uint32_t arrays, fruitless, refused;
	bool silent; /* the controller did not answer, and this was said */
	bool lost;   /* Slurm holds all tasks back, since it could not start them */
};

static int no_memory(struct hb_error *reterr)
{
	return hb_error_set(reterr, -ENOMEM, "out of memory");
}

static char *join(const char *folder, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* ---- what the user asked for ---- */

int hb_slurm_probe(struct hb_error *reterr)
{
	static const char *const programs[] = {"sbatch", "squeue", "scancel"};

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		const char *const argv[] = {programs[i], "--version", NULL};
		char *output = NULL;
		int status = 0;
		int error = hb_subprocess_run(argv, NULL, COMMAND_MS, &output, &status, NULL);

		free(output);
		if (error || status)
			return hb_error_set(reterr, -ENOENT,
				"--executor slurm needs %s, which does not run here; Debian's "
				"package slurm-client has it",
				programs[i]);
	}
	return 0;
}

int hb_slurm_save(const char *folder, const struct hb_slurm *slurm, struct hb_error *reterr)
{
	cJSON *json = cJSON_CreateObject();
	char *path = join(folder, "slurm.json");
	int error = !json || !path || hb_json_add_text(json, "schema", "hotbed.slurm/1") ||
		    hb_json_add_text(json, "partition", slurm->partition) ||
		    hb_json_add_u64(json, "nodes", slurm->nodes) ||
		    hb_json_add_bool(json, "exclusive", slurm->exclusive);

	error = error ? no_memory(reterr) : hb_json_write_file(path, json, reterr);
	free(path);
	cJSON_Delete(json);
	return error;
}

int hb_slurm_load(const char *folder, struct hb_slurm *ret, struct hb_error *reterr)
{
	struct hb_slurm slurm = {0};
	const char *partition;
	uint64_t nodes;
	cJSON *json = NULL;
	char *path = join(folder, "slurm.json");

	if (!path)
		return no_memory(reterr);
	int error = hb_json_read_file(path, 65536, &json, reterr);

	if (!error)
		error = hb_json_get_text(json, "partition", &partition, reterr);
	if (!error)
		error = hb_json_get_u64(json, "nodes", &nodes, reterr);
	if (!error)
		error = hb_json_get_bool(json, "exclusive", &slurm.exclusive, reterr);
	if (!error && (strlen(partition) >= sizeof(slurm.partition) || nodes > HB_SLURM_NODES_MAX))
		error = hb_error_set_at(
			reterr, -EBADMSG, path, 0, "partition or nodes cannot be right");
	if (!error) {
		(void)snprintf(slurm.partition, sizeof(slurm.partition), "%s", partition);
		slurm.nodes = (uint32_t)nodes;
		*ret = slurm;
	}
	cJSON_Delete(json);
	free(path);
	return error;
}

/* ---- the queue ---- */

/* squeue prints "STATE REASON" per task or range of tasks. Tasks that only end keep nothing from going on. */
static enum queue read_queue(struct head *h, const char *lines)
{
	bool waits = true;
	char state[32], reason[96], first[96] = "";
	enum queue queue = QUEUE_EMPTY;

	for (const char *at = lines; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		if (sscanf(at, "%31s %95[^\n]", state, reason) != 2 || !strcmp(state, "COMPLETING"))
			continue;
		queue = QUEUE_BUSY;
		waits &= !strcmp(state, "PENDING");
		if (!*first)
			(void)snprintf(first, sizeof(first), "%s", reason);
	}
	/* Slurm could not start them, and will not try again: they are better handed out anew. */
	h->lost = queue == QUEUE_BUSY && waits && strstr(first, "requeued held");
	/* "None" passes by itself. */
	if (queue == QUEUE_BUSY && waits && strcmp(first, "None") != 0 &&
		strcmp(first, h->reason) != 0) {
		(void)snprintf(h->reason, sizeof(h->reason), "%s", first);
		hb_progress_say(h->progress, strcasestr(first, "held") != NULL,
			"all tasks wait in the queue: %s", first);
	}
	return queue;
}

static enum queue look_at_queue(struct head *h)
{
	char name[80];
	const char *const argv[] = {"squeue", name, "--noheader", "--format=%T %r", NULL};
	char *output = NULL;
	int status = 0;

	(void)snprintf(name, sizeof(name), "--name=%s", h->job_name);
	int error = hb_subprocess_run(argv, NULL, COMMAND_MS, &output, &status, NULL);
	enum queue queue = error || status ? QUEUE_UNKNOWN : read_queue(h, output);

	free(output);
	if (queue == QUEUE_UNKNOWN && !h->silent)
		hb_progress_say(h->progress, true,
			"Slurm's controller does not answer; tasks that run go on, and so does "
			"this "
			"when it is back");
	else if (queue != QUEUE_UNKNOWN && h->silent)
		hb_progress_say(h->progress, true, "Slurm's controller is back");
	h->silent = queue == QUEUE_UNKNOWN;
	return queue;
}

static void scancel(const struct head *h, const char *first, const char *second)
{
	char name[80];
	const char *const argv[] = {"scancel", "--quiet", name, first, second, NULL};
	char *output = NULL;
	int status = 0;

	(void)snprintf(name, sizeof(name), "--name=%s", h->job_name);
	if (hb_subprocess_run(argv, NULL, COMMAND_MS, &output, &status, NULL) || status)
		hb_progress_say(h->progress, true,
			"the tasks could not be cancelled: scancel --name=%s does it; what they "
			"finish is not lost",
			h->job_name);
	free(output);
}

/* Tasks that run finish their trial: only they get the signal, not the trial. */
static void cancel_gently(const struct head *h)
{
	scancel(h, "--state=PENDING", NULL);
	scancel(h, "--batch", "--signal=TERM");
}

/* ---- collecting ---- */

static int add_part(struct head *h, const char *name, struct part **ret)
{
	for (size_t i = 0; i < h->part_count; i++)
		if (!strcmp(h->parts[i].name, name)) {
			*ret = &h->parts[i];
			return 0;
		}
	struct part *grown = realloc(h->parts, (h->part_count + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	h->parts = grown;
	grown[h->part_count] = (struct part){.bytes = 0};
	(void)snprintf(grown[h->part_count].name, sizeof(grown[h->part_count].name), "%s", name);
	*ret = &grown[h->part_count++];
	return 0;
}

/* One task's folder, if it has grown. */
static int collect_part(struct head *h, const char *name, struct hb_error *reterr)
{
	struct hb_error why = {0};
	struct stat info;
	struct part *part;
	char *folder = NULL, *trials = NULL;
	uint32_t blocks = 0;
	int error = add_part(h, name, &part) ||
				    asprintf(&folder, "%s/slurm/%s", h->session->folder, name) < 0
			    ? -ENOMEM
			    : 0;

	if (!error && !(trials = join(folder, "trials.csv")))
		error = -ENOMEM;
	if (!error && stat(trials, &info) == 0 && info.st_size > part->bytes) {
		part->bytes = info.st_size;
		error = hb_slurm_collect(h->session, folder, &blocks, &why);
		/* A task's folder that makes no sense must not stop the others: its blocks are run again. */
		if (error == -EBADMSG || error == -E2BIG) {
			hb_progress_say(
				h->progress, true, "slurm/%s is left out: %s", name, why.text);
			error = 0;
		} else if (error && reterr) {
			*reterr = why;
		}
	} else if (error) {
		(void)no_memory(reterr);
	}
	h->fresh += blocks;
	free(trials);
	free(folder);
	return error;
}

static void show(struct head *h)
{
	struct hb_blocks_counts counts;

	hb_blocks_count(h->session->blocks, &counts);
	const struct hb_progress_state state = {
		.done = counts.trials_done,
		.total = counts.trials_planned,
		.eta_ms = -1,
		.ratio = NAN,
	};

	hb_progress_show(h->progress, &state);
}

static int collect(struct head *h, struct hb_error *reterr)
{
	char *path = join(h->session->folder, "slurm");
	DIR *folder = path ? opendir(path) : NULL;
	int error = path ? 0 : no_memory(reterr);

	free(path);
	for (const struct dirent *entry; folder && !error && (entry = readdir(folder));) {
		unsigned array, task, restart;
		int length = 0;

		if (sscanf(entry->d_name, "%u-%u-%u%n", &array, &task, &restart, &length) == 3 &&
			entry->d_name[length] == '\0' && length < 64)
			error = collect_part(h, entry->d_name, reterr);
	}
	if (folder)
		(void)closedir(folder);
	show(h);
	return error;
}

/* ---- handing out ---- */

static bool is_open(const struct head *h, uint32_t index)
{
	const struct hb_plan_block *b = &h->session->plan.blocks[index];
	const struct hb_blocks *blocks = h->session->blocks;

	return !hb_blocks_is_closed(blocks, index) &&
	       !hb_blocks_stopped(blocks, b->experiment, b->point, NULL) &&
	       !hb_blocks_decided(blocks, b->experiment, b->point);
}

/* The open blocks of one kind: those that may share a machine (exact values only), or those that measure time. */
static uint32_t *find_open(const struct head *h, bool quiet, size_t *ret_count, double *ret_ms)
{
	const struct hb_plan *plan = &h->session->plan;
	uint32_t *blocks = calloc(plan->block_count + 1, sizeof(*blocks));

	*ret_count = 0;
	*ret_ms = 0;
	for (uint32_t i = 0; blocks && i < plan->block_count; i++) {
		const struct hb_plan_block *b = &plan->blocks[i];
		const struct hb_plan_experiment *e = &plan->experiments[b->experiment];

		if (e->quiet != quiet || !is_open(h, i))
			continue;
		blocks[(*ret_count)++] = i;
		*ret_ms += (double)e->points[b->point].trial_ms * b->slot_count;
	}
	if (!strcmp(plan->mode, "quick"))
		*ret_ms /= 10;
	return blocks;
}

static size_t choose_tasks(const struct head *h, size_t blocks, double ms)
{
	size_t least = h->slurm->nodes > 0 ? 2 * (size_t)h->slurm->nodes : TASKS_MIN;
	size_t tasks = (size_t)(ms / TASK_MS) + 1;

	if (tasks < least)
		tasks = least;
	if (tasks < (blocks + TASK_BLOCKS_MAX - 1) / TASK_BLOCKS_MAX)
		tasks = (blocks + TASK_BLOCKS_MAX - 1) / TASK_BLOCKS_MAX;
	if (tasks > TASKS_MAX)
		tasks = TASKS_MAX;
	return tasks < blocks ? tasks : blocks;
}

/* slurm/ARRAY.json: which blocks each task has. */
static int write_array(const struct head *h, const uint32_t *blocks, size_t count, size_t tasks,
	struct hb_error *reterr)
{
	cJSON *json = cJSON_CreateObject(), *list = NULL;
	char *path;
	int error = asprintf(&path, "%s/slurm/%u.json", h->session->folder, h->arrays) < 0;

	if (error)
		path = NULL;
	if (!json || error || hb_json_add_text(json, "schema", "hotbed.slurm.array/1") ||
		!(list = cJSON_AddArrayToObject(json, "tasks")))
		error = -ENOMEM;
	for (size_t t = 0; !error && t < tasks; t++) {
		cJSON *task = cJSON_CreateArray();

		if (!task || !cJSON_AddItemToArray(list, task))
			error = -ENOMEM;
		for (size_t i = count * t / tasks; !error && i < count * (t + 1) / tasks; i++)
			if (!cJSON_AddItemToArray(task, cJSON_CreateNumber(blocks[i])))
				error = -ENOMEM;
	}
	error = error ? no_memory(reterr) : hb_json_write_file(path, json, reterr);
	cJSON_Delete(json);
	free(path);
	return error;
}

/* In single quotes for sh. */
static void put_quoted(struct hb_text *text, const char *word)
{
	hb_text_put(text, "'");
	for (; *word; word++)
		hb_text_put_bytes(text, *word == '\'' ? "'\\''" : word, *word == '\'' ? 4 : 1);
	hb_text_put(text, "'");
}

static int write_script(const struct head *h, struct hb_text *script, struct hb_error *reterr)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (length <= 0)
		return hb_error_set(reterr, -errno, "/proc/self/exe: %s", strerror(errno));
	program[length] = '\0';
	hb_text_put(script, "#!/bin/sh\nexec ");
	put_quoted(script, program);
	hb_text_put(script, " --task ");
	put_quoted(script, h->folder);
	hb_text_format(script, " %u\n", h->arrays);
	return script->failed ? no_memory(reterr) : 0;
}

/*
 * sbatch with its two outputs as one. Submission that fails while the controller answers is an error of ours: once
 * more, should it have been away for a moment, then it is reported.
 */
static int run_sbatch(
	struct head *h, const char *const *argv, const char *script, struct hb_error *reterr)
{
	char *output = NULL;
	int status = 0;
	int error = hb_subprocess_run(argv, script, COMMAND_MS, &output, &status, reterr);

	if (!error && !status) {
		h->refused = 0;
		h->fresh = 0;
	} else if (error == -ETIMEDOUT || look_at_queue(h) == QUEUE_UNKNOWN || ++h->refused < 2) {
		error = -EAGAIN;
	} else {
		const char *text = output ? output : "";

		error = hb_error_set(reterr, -EPROTO, "sbatch refuses the tasks: %.*s",
			(int)strcspn(text, "\n"), text);
	}
	free(output);
	return error;
}

static int submit_array(struct head *h, size_t tasks, bool exclusive, struct hb_error *reterr)
{
	struct hb_text script = {0};
	char name[80], array[64], log[PATH_MAX + 64], partition[96];
	int error = write_script(h, &script, reterr);

	(void)snprintf(name, sizeof(name), "--job-name=%s", h->job_name);
	(void)snprintf(array, sizeof(array),
		h->slurm->nodes ? "--array=0-%zu%%%u" : "--array=0-%zu", tasks - 1,
		h->slurm->nodes);
	/* Slurm replaces %; the rest of the path is the user's. */
	(void)snprintf(log, sizeof(log), "--output=%s/slurm/%u-%%a.log", h->folder, h->arrays);
	(void)snprintf(partition, sizeof(partition), "--partition=%s", h->slurm->partition);
	const char *argv[20] = {"sh", "-c", "exec sbatch \"$@\" 2>&1", "sh", "--parsable",
		"--requeue", "--nodes=1", "--ntasks=1", "--open-mode=append", "--chdir=/", name,
		array, log};
	size_t count = 13;

	if (exclusive)
		argv[count++] = "--exclusive";
	if (*h->slurm->partition)
		argv[count++] = partition;
	if (!error)
		error = run_sbatch(h, argv, script.bytes, reterr);
	hb_text_finish(&script);
	return error;
}

/* An array for what is open of one kind. Returns 1 if there was something, 0 if not, or -errno. */
static int submit_kind(struct head *h, bool quiet, struct hb_error *reterr)
{
	size_t count, tasks;
	double ms;
	uint32_t *blocks = find_open(h, quiet, &count, &ms);
	int error = blocks ? 0 : no_memory(reterr);

	if (!error && count > 0) {
		tasks = choose_tasks(h, count, ms);
		if (count > tasks * TASK_BLOCKS_MAX)
			count = tasks * TASK_BLOCKS_MAX;
		h->arrays++;
		error = write_array(h, blocks, count, tasks, reterr);
		if (!error)
			error = submit_array(h, tasks, !quiet || h->slurm->exclusive, reterr);
	}
	free(blocks);
	return error ? error : count > 0;
}

/* Returns as submit_kind(). */
static int submit(struct head *h, struct hb_error *reterr)
{
	int wall = submit_kind(h, false, reterr);
	int quiet = wall < 0 ? wall : submit_kind(h, true, reterr);

	return quiet < 0 ? quiet : wall | quiet;
}

/* Numbers of arrays are used once, even of those that were never submitted. */
static int find_arrays(struct head *h, struct hb_error *reterr)
{
	char *path = join(h->session->folder, "slurm");
	DIR *folder = NULL;
	int error = path ? 0 : no_memory(reterr);

	if (!error && mkdir(path, 0777) < 0 && errno != EEXIST)
		error = hb_error_set_at(
			reterr, -errno, path, 0, "cannot be made: %s", strerror(errno));
	if (!error && !(folder = opendir(path)))
		error = hb_error_set_at(
			reterr, -errno, path, 0, "cannot be read: %s", strerror(errno));
	for (const struct dirent *entry; folder && (entry = readdir(folder));) {
		unsigned long number = strtoul(entry->d_name, NULL, 10);

		if (number > h->arrays && number < UINT_MAX)
			h->arrays = (uint32_t)number;
	}
	if (folder)
		(void)closedir(folder);
	free(path);
	return error;
}

/* ---- the whole ---- */

/* Tasks ended without a block: their logs say why. */
static int give_up(const struct head *h, struct hb_error *reterr)
{
	return hb_error_set_at(reterr, -EPROTO, h->session->folder, 0,
		"%d job arrays in a row finished no block; slurm/%u-*.log say why (is this folder, "
		"and this build, where the nodes expect them?)",
		FRUITLESS_MAX, h->arrays);
}

static bool is_done(const struct head *h)
{
	for (size_t i = 0; i < h->session->plan.block_count; i++)
		if (is_open(h, (uint32_t)i))
			return false;
	return true;
}

/* The queue was empty and everything has been collected: hand out what is left. */
static int go_on(struct head *h, struct hb_error *reterr)
{
	h->fruitless = h->arrays > 0 && h->fresh == 0 ? h->fruitless + 1 : 0;
	if (h->fruitless > FRUITLESS_MAX)
		return give_up(h, reterr);
	int submitted = submit(h, reterr);

	if (submitted == -EAGAIN)
		h->fruitless = 0;
	return submitted == -EAGAIN || submitted > 0 ? 0 : submitted;
}

/* Signals are blocked and waited for here, so that none gets lost beside a program that runs. Returns it, or 0. */
static int pause_ms(const sigset_t *signals, int64_t ms)
{
	const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
	int signal = sigtimedwait(signals, NULL, &time);

	return signal > 0 ? signal : 0;
}

static void await_end(struct head *h, const sigset_t *signals, int64_t time_ns)
{
	int64_t end_ns = hb_clock_now_ns() + time_ns;

	while (look_at_queue(h) == QUEUE_BUSY && hb_clock_now_ns() < end_ns)
		if (pause_ms(signals, POLL_MIN_MS))
			break;
}

/* After a cancellation: until the tasks have ended, a minute or one more signal. */
static int wind_up(struct head *h, const sigset_t *signals, struct hb_error *reterr)
{
	cancel_gently(h);
	await_end(h, signals, CANCEL_NS);
	if (look_at_queue(h) == QUEUE_BUSY)
		scancel(h, NULL, NULL);
	return collect(h, reterr);
}

/* One look: first at the queue, then at the folders, so that what a task left before it went is seen. */
static int look(struct head *h, const sigset_t *signals, bool *ret_done, struct hb_error *reterr)
{
	enum queue queue = look_at_queue(h);
	int error = collect(h, reterr);

	*ret_done = !error && is_done(h);
	if (error)
		return error;
	if (*ret_done && queue != QUEUE_EMPTY) {
		/* Tasks that have nothing left, or that run a second time what a lost node has finished. */
		await_end(h, signals, FINISH_NS);
		if (look_at_queue(h) == QUEUE_BUSY)
			scancel(h, NULL, NULL);
	} else if (!*ret_done && queue == QUEUE_EMPTY) {
		return go_on(h, reterr);
	} else if (h->lost) {
		scancel(h, NULL, NULL);
	}
	return 0;
}

static int watch(struct head *h, const sigset_t *signals, int64_t end_ns, enum hb_execute_end *ret,
	struct hb_error *reterr)
{
	int64_t pause = POLL_MIN_MS;

	for (;;) {
		uint64_t before = h->fresh;
		bool done;
		int error = look(h, signals, &done, reterr);

		*ret = error ? HB_EXECUTE_FAULT : HB_EXECUTE_DONE;
		if (error || done)
			return error;
		pause = h->fresh != before ? POLL_MIN_MS : pause * 5 / 4;
		pause = pause < POLL_MAX_MS ? pause : POLL_MAX_MS;
		bool is_late = end_ns > 0 && hb_clock_now_ns() >= end_ns;
		int signal = is_late ? 0 : pause_ms(signals, pause);

		if (!signal && !is_late)
			continue;
		hb_progress_say(h->progress, true, "%s: the tasks are cancelled",
			is_late ? "the time is over" : strsignal(signal));
		*ret = is_late ? HB_EXECUTE_TIME : HB_EXECUTE_INTERRUPTED;
		return wind_up(h, signals, reterr);
	}
}

/* Blocks of points that were given up count as done. */
static void settle(struct hb_session *session)
{
	struct hb_blocks_trial next;

	(void)hb_blocks_next(session->blocks, true, &next);
}

int hb_slurm_run(struct hb_session *session, const struct hb_slurm *slurm,
	struct hb_progress *progress, int64_t max_time_ns, enum hb_execute_end *ret,
	struct hb_error *reterr)
{
	struct head h = {.session = session,
		.slurm = slurm,
		.progress = progress,
		.folder = realpath(session->folder, NULL)};
	sigset_t signals, old;
	int error = h.folder ? 0
			     : hb_error_set_at(
				       reterr, -errno, session->folder, 0, "%s", strerror(errno));

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &signals, &old);
	(void)snprintf(h.job_name, sizeof(h.job_name), "hotbed-%s", session->plan.run_id);
	/* Slurm would replace them in the names of logs. */
	if (!error && strpbrk(h.folder, "%\\\n"))
		error = hb_error_set_at(reterr, -EINVAL, h.folder, 0,
			"Slurm cannot write into a folder with '%%', '\\' or a line's end in its "
			"name");
	*ret = HB_EXECUTE_FAULT;
	if (!error)
		error = find_arrays(&h, reterr);
	if (!error)
		error = watch(&h, &signals, max_time_ns > 0 ? hb_clock_now_ns() + max_time_ns : 0,
			ret, reterr);
	if (error)
		*ret = HB_EXECUTE_FAULT;
	settle(session);
	hb_progress_clear(progress);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	free(h.parts);
	free(h.folder);
	return error;
}
