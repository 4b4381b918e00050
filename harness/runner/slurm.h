/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Carrying out a plan on a Slurm cluster. The head (hotbed run --executor slurm) keeps the run's folder and journal; it
 * hands out whole blocks as tasks of job arrays, each of which runs its blocks on one node into a folder of its own,
 * RUN/slurm/ARRAY-TASK-RESTART, and puts every block that was finished there into the journal, in one write. So a block
 * is never split over nodes and never counted twice, whoever dies: what a task leaves unfinished is handed out again,
 * and a new head (hotbed resume) finds arrays that still run by the job's name, hotbed-RUN_ID.
 *
 * Needs sbatch, squeue and scancel, a folder that all nodes see under the same name, and this build on all of them.
 * Source: sbatch(1), squeue(1), scancel(1) of Slurm 22.05. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_SLURM_H
#define HOTBED_RUNNER_SLURM_H

#include <stdbool.h>
#include <stdint.h>

#include "execute.h"
#include "session.h"

struct hb_error;
struct hb_progress;

#define HB_SLURM_NODES_MAX 10000
#define HB_SLURM_PARTITION_BYTES 64

/* What the user asked for; kept in slurm.json of the run's folder. */
struct hb_slurm {
	char partition[HB_SLURM_PARTITION_BYTES]; /* "" = the cluster's default */
	uint32_t nodes;                           /* tasks at a time; 0 = as many as it gives */
	bool exclusive; /* a node per task for simulations, too; wall time always has its own */
};

/* hb_slurm_probe - are the three programs there? Returns 0, or -ENOENT with what to install. */
int hb_slurm_probe(struct hb_error *reterr);

/* hb_slurm_save - write slurm.json into @folder durably. hb_slurm_load: read it, -ENOENT without one. */
int hb_slurm_save(const char *folder, const struct hb_slurm *slurm, struct hb_error *reterr);
int hb_slurm_load(const char *folder, struct hb_slurm *ret, struct hb_error *reterr);

/*
 * hb_slurm_run - have all blocks that are left run on the cluster. Waits while the controller does not answer.
 * @max_time_ns: then the tasks are cancelled; 0 = no limit. SIGINT, SIGTERM and SIGHUP cancel them, too.
 * @ret: as of hb_execute_run(). Returns 0, or with HB_EXECUTE_FAULT a negative errno.
 */
int hb_slurm_run(struct hb_session *session, const struct hb_slurm *slurm,
	struct hb_progress *progress, int64_t max_time_ns, enum hb_execute_end *ret,
	struct hb_error *reterr);

/*
 * hb_slurm_collect - put the blocks that @part (a task's folder) has finished and the session has not into the journal.
 * @ret_blocks: how many. Returns 0, or -errno: of @part's files -EBADMSG, else of the run's own.
 */
int hb_slurm_collect(struct hb_session *session, const char *part, uint32_t *ret_blocks,
	struct hb_error *reterr);

/*
 * hb_slurm_task - what the batch script of array @array starts on a node: run the blocks of task SLURM_ARRAY_TASK_ID
 * that no earlier start of it has finished. Returns the exit code.
 */
int hb_slurm_task(const char *folder, const char *array);

#endif
