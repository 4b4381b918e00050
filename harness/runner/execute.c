/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "execute.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/clock.h>
#include <hotbed/csv.h>
#include <hotbed/error.h>

#include "journal.h"
#include "launch.h"
#include "lock.h"
#include "progress.h"
#include "rows.h"
#include "supervise.h"

#define DEADLINE_MIN_NS INT64_C(10000000000)
#define DEADLINE_FACTOR 20
#define PSI_PPM 50000
/* Beyond what the tables declare: allocators, sanitizers, pages counted twice after a fork. */
#define MEMORY_FACTOR 4
#define MEMORY_SLACK_BYTES ((uint64_t)512 << 20)

/* Which file a driver was when the run began. */
struct identity {
	dev_t device;
	ino_t inode;
	off_t size_bytes;
	struct timespec modified;
};

struct run {
	struct hb_execute *execute;
	struct identity *drivers; /* shape [driver_count] */
	const struct hb_plan *plan;
	struct hb_blocks *blocks;
	struct hb_supervisor *supervisor;
	struct hb_csv_buffer rows;
	uint64_t seq;
	int64_t start_ns, start_wall_ns;
	int64_t *observed_ns; /* sum of trial times, shape [experiment_count] */
	uint64_t *observed;   /* trials in that sum */
	uint32_t jobs;
	char cpus[64];
	struct hb_lock machine;
	uint8_t *doubted; /* one bit per block of the plan: see ended_from_outside() */
	bool waits_for_machine, wall_running, wants_stop, out_of_time;
	int signals; /* SIGINT, SIGTERM or SIGHUP so far */
	int error;
	struct hb_error fault;
};

/* One trial on its way; freed when it has ended. */
struct flight {
	struct run *run;
	struct hb_blocks_trial trial;
	uint64_t seq;
};

static void pump(struct run *r);

/* ---- time ---- */

static double mean_trial_ms(const struct run *r, uint32_t e)
{
	const struct hb_plan_experiment *experiment = &r->plan->experiments[e];
	double sum_ms = 0;

	if (r->observed[e] > 0)
		return (double)r->observed_ns[e] / 1e6 / (double)r->observed[e];
	for (size_t p = 0; p < experiment->point_count; p++)
		sum_ms += (double)experiment->points[p].trial_ms;
	sum_ms /= experiment->point_count > 0 ? (double)experiment->point_count : 1;
	return !strcmp(r->plan->mode, "quick") ? sum_ms / 10 : sum_ms;
}

static int64_t remaining_ms(const struct run *r)
{
	double sum_ms = 0;

	for (uint32_t e = 0; e < r->plan->experiment_count; e++)
		sum_ms += mean_trial_ms(r, e) * (double)hb_blocks_left(r->blocks, e) /
			  (r->plan->experiments[e].quiet ? r->jobs : 1);
	return (int64_t)sum_ms;
}

/* Would a block of this experiment, and what takes @more_ms besides, still end in time? */
static bool fits(const struct run *r, uint32_t e, int64_t more_ms)
{
	int64_t left_ns = r->start_ns + r->execute->max_time_ns - hb_clock_now_ns();
	double block_ms = mean_trial_ms(r, e) * (double)(r->plan->experiments[e].variant_count + 1);

	return r->execute->max_time_ns == 0 || (block_ms + (double)more_ms) * 1e6 < (double)left_ns;
}

static bool block_fits(const struct run *r, uint32_t e)
{
	return fits(r, e, 0);
}

/* Second attempts must not cost first ones: all that is still planned goes first. */
static bool rerun_fits(const struct run *r, uint32_t e)
{
	return fits(r, e, remaining_ms(r));
}

/* ---- a trial that ended ---- */

static void stop_on_fault(struct run *r, int error)
{
	if (!r->error)
		r->error = error;
	r->wants_stop = true;
}

static int write_evidence(
	struct run *r, const struct flight *f, const struct hb_supervise_result *result)
{
	struct hb_journal *journal = r->execute->journal;
	const struct hb_protocol *p = result->protocol;
	int error = 0;

	for (size_t i = 0; !error && i < p->hist_count; i++)
		error = hb_journal_put_hist(journal, f->seq, p->hists[i].name,
			(double)(result->start_wall_ns - r->start_wall_ns) / 1e9,
			(double)result->wall_ns / 1e9, p->hists[i].max, p->hists[i].data,
			&r->fault);
	if (!error && p->hist_count > 0)
		error = hb_journal_sync_hists(journal, &r->fault);
	if (!error && result->output_total_bytes > 0)
		error = hb_journal_put_log(journal, f->seq, result->output, result->output_bytes,
			result->output_total_bytes, &r->fault);
	for (size_t i = 0; !error && i < p->figure_count; i++)
		error = hb_journal_put_figure(
			journal, f->seq, p->figures[i].name, p->figures[i].spec, &r->fault);
	return error;
}

static void add_flags(const struct run *r, const struct flight *f,
	const struct hb_supervise_result *result, bool nondeterministic)
{
	struct hb_protocol *p = result->protocol;

	if (p->steal_ppm > HB_BLOCKS_STEAL_PPM)
		hb_protocol_add_flag(p, "steal");
	if (p->psi_ppm > PSI_PPM)
		hb_protocol_add_flag(p, "psi");
	if (p->migrations > 0)
		hb_protocol_add_flag(p, "migrated");
	if (result->strays > 0)
		hb_protocol_add_flag(p, "strays");
	if (nondeterministic)
		hb_protocol_add_flag(p, "nondeterministic");
	if (hb_blocks_is_resumed(r->blocks, &f->trial))
		hb_protocol_add_flag(p, "resumed");
}

static int commit(struct run *r, const struct flight *f, const struct hb_supervise_result *result,
	enum hb_status status, const char *detail)
{
	const struct hb_rows_trial trial = {
		.plan = r->plan,
		.env = r->execute->env,
		.block = &r->plan->blocks[f->trial.index],
		.arm = hb_blocks_arm(r->blocks, &f->trial),
		.slot = f->trial.slot,
		.attempt = f->trial.attempt,
		.seq = f->seq,
		.status = status,
		.detail = detail,
		.protocol = result->protocol,
		.start_wall_ns = result->start_wall_ns,
		.wall_ns = result->wall_ns,
	};
	int error = write_evidence(r, f, result);

	if (error)
		return error;
	hb_csv_buffer_reset(&r->rows);
	hb_rows_put(&r->rows, &trial);
	return hb_journal_commit(r->execute->journal, &r->rows, &r->fault);
}

static void show(struct run *r, const struct hb_plan_block *block)
{
	const struct hb_plan_experiment *e = &r->plan->experiments[block->experiment];
	struct hb_blocks_counts counts;

	hb_blocks_count(r->blocks, &counts);
	const struct hb_progress_state state = {
		.done = counts.trials_done,
		.total = counts.trials_planned,
		.eta_ms = remaining_ms(r),
		.subproject = e->subproject,
		.experiment = e->experiment,
		.params = e->points[block->point].params,
		.block = block->block,
		.blocks = e->blocks,
		.ratio = hb_blocks_ratio(r->blocks, block->experiment),
	};

	hb_progress_show(r->execute->progress, &state);
}

static void say_failure(
	struct run *r, const struct flight *f, enum hb_status status, const char *detail)
{
	const struct hb_plan_block *block = &r->plan->blocks[f->trial.index];
	const struct hb_plan_experiment *e = &r->plan->experiments[block->experiment];
	uint32_t arm = hb_blocks_arm(r->blocks, &f->trial), stopped;
	const char *params = e->points[block->point].params;

	if (status == HB_STATUS_OK || status == HB_STATUS_SKIPPED)
		return;
	hb_progress_say(r->execute->progress, true, "%s/%s%s%s: %s%s: %s: %s (trial %llu)",
		e->subproject, e->experiment, *params ? " " : "", params,
		e->variants[arm == e->variant_count ? e->baseline : arm].name,
		arm == e->variant_count ? " (control)" : "", hb_status_names[status], detail,
		(unsigned long long)f->seq);
	if (status != HB_STATUS_INTERRUPTED &&
		hb_blocks_stopped(r->blocks, block->experiment, block->point, &stopped) &&
		stopped == arm)
		hb_progress_say(r->execute->progress, true,
			"%s/%s%s%s: given up: %d trials of one variant failed here", e->subproject,
			e->experiment, *params ? " " : "", params, HB_BLOCKS_FAILURES_MAX);
}

static void copy_values(
	const struct hb_plan_experiment *e, const struct hb_protocol *p, double *values)
{
	for (size_t m = 0; m < e->metric_count; m++)
		values[m] = p->values[m].seen ? p->values[m].value : NAN;
}

/*
 * Slurm ends a task by a signal to all its processes: the trial may fall before this process has its own. So a trial of
 * a part that SIGTERM or SIGKILL ended was interrupted, once per block; a second time it was the trial's own fault.
 */
static bool ended_from_outside(
	struct run *r, const struct flight *f, const struct hb_supervise_result *result)
{
	const char *detail = result->protocol->detail;
	uint8_t *doubted = &r->doubted[f->trial.index / 8];
	uint8_t bit = (uint8_t)(1u << (f->trial.index % 8));

	if (!r->execute->part || result->status != HB_STATUS_CRASHED || (*doubted & bit) ||
		(strncmp(detail, "SIGTERM", 7) != 0 && strncmp(detail, "SIGKILL", 7) != 0))
		return false;
	*doubted |= bit;
	return true;
}

static int settle(struct run *r, const struct flight *f, const struct hb_supervise_result *result)
{
	const struct hb_plan_block *block = &r->plan->blocks[f->trial.index];
	const struct hb_plan_experiment *e = &r->plan->experiments[block->experiment];
	double *values = calloc(e->metric_count + 1, sizeof(*values));
	char detail[HB_PROTOCOL_DETAIL_BYTES];
	struct hb_blocks_outcome outcome = {
		.status = result->status,
		.steal = result->protocol->steal_ppm > HB_BLOCKS_STEAL_PPM,
		.digest = result->protocol->digest,
		.values = values,
	};

	if (!values)
		return hb_error_set(&r->fault, -ENOMEM, "out of memory");
	if (ended_from_outside(r, f, result))
		outcome.status = HB_STATUS_INTERRUPTED;
	copy_values(e, result->protocol, values);
	(void)snprintf(detail, sizeof(detail), "%s", result->protocol->detail);
	bool nondeterministic =
		hb_blocks_judge(r->blocks, &f->trial, &outcome, detail, sizeof(detail));

	add_flags(r, f, result, nondeterministic);
	int error = commit(r, f, result, outcome.status, detail);

	hb_blocks_allow_reruns(r->blocks, rerun_fits(r, block->experiment));
	if (!error && hb_blocks_finish(r->blocks, &f->trial, &outcome))
		error = hb_error_set(&r->fault, -ENOMEM, "out of memory");
	if (!error) {
		r->observed_ns[block->experiment] += result->wall_ns;
		r->observed[block->experiment]++;
		say_failure(r, f, outcome.status, detail);
		show(r, block);
	}
	free(values);
	return error;
}

static void on_done(const struct hb_supervise_result *result, void *user)
{
	struct flight *f = user;
	struct run *r = f->run;

	r->wall_running = false;
	/* After a failed write nothing may follow it in the file. */
	if (!r->error) {
		int error = settle(r, f, result);

		if (error)
			stop_on_fault(r, error);
	}
	free(f);
	pump(r);
}

/* ---- starting trials ---- */

static void give_up_machine(struct run *r)
{
	hb_lock_release(&r->machine);
}

/* Returns true if wall-time trials may run now. */
static bool take_machine(struct run *r)
{
	struct hb_error holder = {0};

	if (r->machine.count > 0)
		return true;
	int error = hb_lock_machine(&r->machine, &holder);

	if (!error) {
		if (r->waits_for_machine)
			hb_progress_say(
				r->execute->progress, false, "the machine is free; going on");
		r->waits_for_machine = false;
		return true;
	}
	if (error != -EBUSY) {
		r->fault = holder;
		stop_on_fault(r, error);
		return false;
	}
	if (!r->waits_for_machine)
		hb_progress_say(r->execute->progress, true,
			"waiting for the machine: %s is measuring; two runs at a time would "
			"disturb "
			"each other",
			holder.text);
	r->waits_for_machine = true;
	return false;
}

static int64_t deadline_ns(const struct run *r, const struct hb_plan_point *point)
{
	int64_t min_ns =
		r->execute->min_deadline_ns > 0 ? r->execute->min_deadline_ns : DEADLINE_MIN_NS;
	int64_t by_estimate_ns = (int64_t)point->trial_ms * 1000000 * DEADLINE_FACTOR;

	return by_estimate_ns > min_ns ? by_estimate_ns : min_ns;
}

static bool has_roles(const struct hb_plan_experiment *e)
{
	return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(e->describe, "roles")) > 0;
}

static int identify(const char *path, struct identity *ret, struct hb_error *reterr)
{
	struct stat info;

	if (stat(path, &info) < 0)
		return hb_error_set_at(reterr, -ESTALE, path, 0,
			"the driver is gone: %s; build it again, then 'hotbed resume'",
			strerror(errno));
	*ret = (struct identity){info.st_dev, info.st_ino, info.st_size, info.st_mtim};
	return 0;
}

/* A build beside a running measurement puts other drivers in place, whose rows would carry this build's id. */
static int check_driver(struct run *r, uint32_t driver)
{
	const struct identity *before = &r->drivers[driver];
	const char *path = r->plan->drivers[driver].path;
	struct identity now = {0};
	int error = identify(path, &now, &r->fault);

	if (error)
		return error;
	if (now.device == before->device && now.inode == before->inode &&
		now.size_bytes == before->size_bytes &&
		now.modified.tv_sec == before->modified.tv_sec &&
		now.modified.tv_nsec == before->modified.tv_nsec)
		return 0;
	return hb_error_set_at(&r->fault, -ESTALE, path, 0,
		"the driver has been replaced since the run began, so the run stops here; 'hotbed "
		"resume' goes on if the build is the same, or with --allow-rebuild");
}

static int start(struct run *r, const struct hb_blocks_trial *trial)
{
	const struct hb_plan_block *block = &r->plan->blocks[trial->index];
	const struct hb_plan_experiment *e = &r->plan->experiments[block->experiment];
	const struct hb_plan_point *point = &e->points[block->point];
	uint32_t arm = hb_blocks_arm(r->blocks, trial);
	const struct hb_plan_variant *v = &e->variants[arm == e->variant_count ? e->baseline : arm];
	int changed = check_driver(r, v->driver);

	if (changed)
		return changed;
	struct flight *f = calloc(1, sizeof(*f));

	if (!f || hb_blocks_begin(r->blocks, trial)) {
		free(f);
		return hb_error_set(&r->fault, -ENOMEM, "out of memory");
	}
	*f = (struct flight){.run = r, .trial = *trial, .seq = r->seq++};
	const struct hb_supervise_trial spec = {
		.experiment = e,
		.path = r->plan->drivers[v->driver].path,
		.variant = v->driver_variant,
		.params = point->params,
		.cpus = has_roles(e) ? r->cpus : NULL,
		.seed = block->seed,
		.seq = f->seq,
		.deadline_ns = deadline_ns(r, point),
		.memory_limit_bytes = MEMORY_FACTOR * point->memory_bytes + MEMORY_SLACK_BYTES,
		.quick = !strcmp(r->plan->mode, "quick"),
		.sabotage = r->plan->sabotage,
	};
	int error = hb_supervisor_start(r->supervisor, &spec, on_done, f, &r->fault);

	if (error)
		free(f);
	else
		r->wall_running = !e->quiet;
	return error;
}

/* May the trial start now, beside what is running? */
static bool may_start(struct run *r, const struct hb_blocks_trial *trial)
{
	const struct hb_plan_block *block = &r->plan->blocks[trial->index];
	size_t running = hb_supervisor_running(r->supervisor);

	if (r->plan->experiments[block->experiment].quiet) {
		if (running == 0)
			give_up_machine(r);
		return !r->wall_running && running < r->jobs;
	}
	return running == 0 && take_machine(r);
}

/*
 * Is there time for the block? If not, its experiment is passed over and shorter ones may still fit; what has begun is
 * finished.
 */
static bool may_open(struct run *r, const struct hb_blocks_trial *next)
{
	uint32_t e = r->plan->blocks[next->index].experiment;

	if (block_fits(r, e))
		return true;
	r->out_of_time = true;
	hb_blocks_pass_over(r->blocks, e);
	return false;
}

/* Start what may be started; stop the loop when nothing runs and nothing can be waited for. */
static void pump(struct run *r)
{
	struct hb_blocks_trial next;
	enum hb_blocks_next what = HB_BLOCKS_END;

	while (!r->wants_stop) {
		what = hb_blocks_next(r->blocks, false, &next);
		if (what != HB_BLOCKS_TRIAL) {
			what = hb_blocks_next(r->blocks, true, &next);
			if (what == HB_BLOCKS_TRIAL && !may_open(r, &next))
				continue;
		}
		if (what != HB_BLOCKS_TRIAL || !may_start(r, &next))
			break;
		int error = start(r, &next);

		if (error)
			stop_on_fault(r, error);
	}
	if (hb_supervisor_running(r->supervisor) == 0 && (r->wants_stop || what == HB_BLOCKS_END))
		hb_supervisor_stop(r->supervisor);
}

static void on_event(int signal, void *user)
{
	struct run *r = user;

	if (signal == 0) {
		if (r->waits_for_machine && hb_supervisor_running(r->supervisor) == 0)
			pump(r);
		return;
	}
	r->wants_stop = true;
	r->signals++;
	if (hb_supervisor_running(r->supervisor) == 0) {
		hb_supervisor_stop(r->supervisor);
		return;
	}
	if (r->signals == 1)
		hb_progress_say(r->execute->progress, true,
			"SIG%s: the trial that runs is finished first; once more ends it now",
			sigabbrev_np(signal));
	else
		hb_supervisor_interrupt(r->supervisor);
}

/* ---- the whole ---- */

/* System, load and peer each get a CPU of their own, in that order, as far as there are any. */
static void choose_cpus(struct run *r)
{
	cpu_set_t set;
	int cpus[3] = {0, 0, 0}, count = 0;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		for (int c = 0; c < CPU_SETSIZE && count < 3; c++)
			if (CPU_ISSET(c, &set))
				cpus[count++] = c;
	count = count > 0 ? count : 1;
	(void)snprintf(r->cpus, sizeof(r->cpus), "system=%d,load=%d,peer=%d", cpus[0],
		cpus[1 % count], cpus[count > 2 ? 2 : 1 % count]);
	r->jobs = r->execute->jobs;
	if (r->jobs == 0) {
		long online = sched_getaffinity(0, sizeof(set), &set) == 0
				      ? CPU_COUNT(&set)
				      : sysconf(_SC_NPROCESSORS_ONLN);

		r->jobs = online > 0 ? (uint32_t)online : 1;
	}
}

static int begin(struct run *r, struct hb_error *reterr)
{
	const char *tmp = getenv("TMPDIR");
	char tmp_root[400];

	hb_launch_seal();
	choose_cpus(r);
	r->observed_ns = calloc(r->plan->experiment_count + 1, sizeof(*r->observed_ns));
	r->observed = calloc(r->plan->experiment_count + 1, sizeof(*r->observed));
	r->drivers = calloc(r->plan->driver_count + 1, sizeof(*r->drivers));
	r->doubted = calloc(r->plan->block_count / 8 + 1, sizeof(*r->doubted));
	if (!r->observed_ns || !r->observed || !r->drivers || !r->doubted)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	for (size_t d = 0; d < r->plan->driver_count; d++) {
		int error = identify(r->plan->drivers[d].path, &r->drivers[d], reterr);

		if (error)
			return error;
	}
	(void)snprintf(tmp_root, sizeof(tmp_root), "%s/hotbed-%s%s%s",
		tmp && *tmp == '/' ? tmp : "/tmp", r->plan->run_id, r->execute->part ? "-" : "",
		r->execute->part ? r->execute->part : "");
	return hb_supervisor_create(&r->supervisor, tmp_root, on_event, r, reterr);
}

int hb_execute_run(struct hb_execute *execute, enum hb_execute_end *ret, struct hb_error *reterr)
{
	struct run r = {
		.execute = execute,
		.plan = execute->plan,
		.blocks = execute->blocks,
		.seq = execute->next_seq,
		.start_ns = hb_clock_now_ns(),
		.start_wall_ns = hb_clock_wall_ns(),
	};
	int error = begin(&r, reterr);

	if (!error) {
		pump(&r);
		if (hb_supervisor_running(r.supervisor) > 0 || r.waits_for_machine)
			hb_supervisor_run(r.supervisor);
		hb_supervisor_destroy(r.supervisor);
		error = r.error;
		if (error && reterr)
			*reterr = r.fault;
	}
	*ret = error           ? HB_EXECUTE_FAULT
	       : r.signals > 0 ? HB_EXECUTE_INTERRUPTED
	       : r.out_of_time ? HB_EXECUTE_TIME
			       : HB_EXECUTE_DONE;
	execute->next_seq = r.seq;
	give_up_machine(&r);
	hb_progress_clear(execute->progress);
	hb_csv_buffer_finish(&r.rows);
	free(r.observed_ns);
	free(r.observed);
	free(r.drivers);
	free(r.doubted);
	return error;
}
