/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/clock.h>
#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/json.h>

#include "journal.h"

int hb_session_make_id(char *ret, struct hb_error *reterr)
{
	uint64_t ms = (uint64_t)(hb_clock_wall_ns() / 1000000);
	uint8_t id[16];

	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return hb_error_set(reterr, -EIO, "the kernel gives no random numbers");
	for (int i = 0; i < 6; i++)
		id[i] = (uint8_t)(ms >> (40 - 8 * i));
	id[6] = (uint8_t)(0x70 | (id[6] & 0x0f));
	id[8] = (uint8_t)(0x80 | (id[8] & 0x3f));
	for (int i = 0, at = 0; i < 16; i++)
		at += snprintf(ret + at, 4, "%s%02x",
			i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
	return 0;
}

/* mkdir -p */
static int make_folders(const char *folder, struct hb_error *reterr)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s", folder) >= sizeof(path))
		return hb_error_set_at(reterr, -ENAMETOOLONG, folder, 0, "the path is too long");
	for (char *at = path + 1;; at++) {
		char c = *at;

		if (c != '/' && c != '\0')
			continue;
		*at = '\0';
		if (mkdir(path, 0777) < 0 && errno != EEXIST) {
			int code = -errno;

			return hb_error_set_at(reterr, code, path, 0,
				"cannot make the results folder: %s; choose another with --out",
				strerror(-code));
		}
		*at = c;
		if (c == '\0')
			return 0;
	}
}

static char *join(const char *folder, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static int write_member(const char *folder, const char *name, const char *text, size_t bytes,
	const cJSON *json, struct hb_error *reterr)
{
	char *path = join(folder, name);
	int error = !path  ? hb_error_set(reterr, -ENOMEM, "out of memory")
		    : json ? hb_json_write_file(path, json, reterr)
			   : hb_json_write_bytes_file(path, text, bytes, reterr);

	free(path);
	return error;
}

static bool has_member(const char *folder, const char *name)
{
	char *path = join(folder, name);
	bool there = path && access(path, F_OK) == 0;

	free(path);
	return there;
}

static int already_there(const char *folder, struct hb_error *reterr)
{
	return hb_error_set_at(reterr, -EEXIST, folder, 0,
		"a run is in this folder already; 'hotbed resume %s' goes on with it, --out "
		"chooses "
		"another",
		folder);
}

int hb_session_create(struct hb_session *ret, const char *folder, const char *plan_text,
	size_t plan_bytes, const cJSON *env_json, struct hb_error *reterr)
{
	uint64_t bytes;

	*ret = (struct hb_session){.folder = strdup(folder)};
	if (!ret->folder)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	int error = make_folders(folder, reterr);

	if (!error)
		error = hb_journal_lock(folder, &ret->journal, &bytes, reterr);
	if (!error && (bytes > 0 || has_member(folder, "plan.json")))
		error = already_there(folder, reterr);
	if (!error)
		error = hb_plan_parse(plan_text, plan_bytes, "plan.json", &ret->plan, reterr);
	if (!error && hb_blocks_create(&ret->plan, &ret->blocks))
		error = hb_error_set(reterr, -ENOMEM, "out of memory");
	if (!error)
		error = write_member(folder, "env.json", NULL, 0, env_json, reterr);
	if (!error)
		error = write_member(folder, "plan.json", plan_text, plan_bytes, NULL, reterr);
	if (!error)
		error = hb_journal_start(ret->journal, reterr);
	if (error) {
		hb_session_finish(ret);
		return error;
	}
	(void)snprintf(ret->env.host_id, sizeof(ret->env.host_id), "%s", ret->plan.host_id);
	(void)snprintf(ret->env.env_id, sizeof(ret->env.env_id), "%s", ret->plan.env_id);
	(void)snprintf(ret->env.build_id, sizeof(ret->env.build_id), "%s", ret->plan.build_id);
	return 0;
}

/* ---- reading back ---- */

struct replay {
	const struct hb_plan *plan;
	struct hb_blocks *blocks;
	const char *path;
	hb_session_choice_fn *wanted; /* NULL = every trial */
	void *user;
	int experiment; /* of the last trial */
	double *values; /* shape [most metrics of an experiment] */
	uint64_t next_seq;
	int64_t last;              /* block of the last trial; -1 = none */
	uint64_t start, end_bytes; /* of the trials of that block which stand together */
};

static int bad_trial(
	const struct replay *r, const char *why, const char *what, struct hb_error *reterr)
{
	return hb_error_set_at(
		reterr, -EBADMSG, r->path, 0, "%s '%.100s'; is it another run's file?", why, what);
}

static bool has_token(const char *list, const char *token)
{
	size_t length = strlen(token);

	for (const char *at = list; *at; at += strcspn(at, ";"), at += *at == ';')
		if (strcspn(at, ";") == length && !memcmp(at, token, length))
			return true;
	return false;
}

static void read_values(
	struct replay *r, const struct hb_plan_experiment *e, const struct hb_journal_trial *trial)
{
	for (size_t m = 0; m < e->metric_count; m++)
		r->values[m] = NAN;
	for (size_t i = 0; i < trial->row_count; i++) {
		const char *const *row = trial->rows[i];

		for (size_t m = 0; m < e->metric_count; m++)
			if (*row[HB_COLUMN_VALUE] &&
				!strcmp(e->metrics[m].name, row[HB_COLUMN_METRIC]))
				(void)hb_csv_parse_double(row[HB_COLUMN_VALUE], &r->values[m]);
	}
}

static int find_experiment(struct replay *r, const char *const *row, struct hb_error *reterr)
{
	const struct hb_plan *plan = r->plan;
	const struct hb_plan_experiment *last =
		r->experiment >= 0 ? &plan->experiments[r->experiment] : NULL;

	if (strcmp(row[HB_COLUMN_RUN_ID], plan->run_id) != 0)
		return bad_trial(r, "a trial of run", row[HB_COLUMN_RUN_ID], reterr);
	if (!last || strcmp(last->experiment, row[HB_COLUMN_EXPERIMENT]) != 0 ||
		strcmp(last->subproject, row[HB_COLUMN_SUBPROJECT]) != 0)
		r->experiment = hb_plan_find_experiment(
			plan, row[HB_COLUMN_SUBPROJECT], row[HB_COLUMN_EXPERIMENT]);
	if (r->experiment < 0)
		return bad_trial(r, "a trial of experiment", row[HB_COLUMN_EXPERIMENT], reterr);
	return 0;
}

static int replay_trial(const struct hb_journal_trial *trial, void *user, struct hb_error *reterr)
{
	struct replay *r = user;
	const char *const *row = trial->rows[trial->row_count - 1];
	uint64_t point, block, slot, attempt, seq;
	int error = find_experiment(r, row, reterr);

	if (error)
		return error;
	int status = hb_status_parse(row[HB_COLUMN_STATUS]);

	if (status < 0 || hb_csv_parse_u64(row[HB_COLUMN_POINT], &point) ||
		hb_csv_parse_u64(row[HB_COLUMN_BLOCK], &block) ||
		hb_csv_parse_u64(row[HB_COLUMN_SLOT], &slot) ||
		hb_csv_parse_u64(row[HB_COLUMN_ATTEMPT], &attempt) ||
		hb_csv_parse_u64(row[HB_COLUMN_SEQ], &seq) || point > UINT32_MAX ||
		block > UINT32_MAX || attempt > UINT32_MAX || seq == UINT64_MAX)
		return bad_trial(
			r, "unreadable numbers or status in trial", row[HB_COLUMN_SEQ], reterr);
	int64_t index = hb_blocks_find(
		r->blocks, (uint32_t)r->experiment, (uint32_t)point, (uint32_t)block);

	if (index < 0 || slot >= r->plan->blocks[index].slot_count)
		return bad_trial(r, "the plan has no such trial:", row[HB_COLUMN_SEQ], reterr);
	const struct hb_blocks_trial where = {
		.index = (uint32_t)index, .attempt = (uint32_t)attempt, .slot = (uint16_t)slot};
	const struct hb_blocks_outcome outcome = {
		.status = (enum hb_status)status,
		.steal = has_token(row[HB_COLUMN_FLAGS], "steal"),
		.digest = row[HB_COLUMN_DIGEST],
		.values = r->values,
	};

	if (index != r->last)
		r->start = r->end_bytes;
	r->last = index;
	r->end_bytes = trial->end_bytes;
	if (seq >= r->next_seq)
		r->next_seq = seq + 1;
	if (r->wanted) {
		error = r->wanted(trial, (uint32_t)index, seq, r->user, reterr);
		if (error)
			return error < 0 ? error : 0;
	}
	read_values(r, &r->plan->experiments[r->experiment], trial);
	return hb_blocks_replay(r->blocks, &where, &outcome)
		       ? hb_error_set(reterr, -ENOMEM, "out of memory")
		       : 0;
}

static int read_trials(struct replay *r, const char *folder, uint64_t *ret_committed_bytes,
	struct hb_error *reterr)
{
	size_t metrics = 0;
	char *path = join(folder, "trials.csv");

	for (size_t e = 0; e < r->plan->experiment_count; e++)
		if (r->plan->experiments[e].metric_count > metrics)
			metrics = r->plan->experiments[e].metric_count;
	r->values = calloc(metrics + 1, sizeof(*r->values));
	r->path = path;
	r->experiment = -1;
	r->last = -1;
	int error = !path || !r->values
			    ? hb_error_set(reterr, -ENOMEM, "out of memory")
			    : hb_journal_read(path, replay_trial, r, ret_committed_bytes, reterr);

	free(r->values);
	free(path);
	return error;
}

int hb_session_replay(const struct hb_plan *plan, const char *folder, struct hb_blocks *blocks,
	hb_session_choice_fn *wanted, void *user, struct hb_error *reterr)
{
	struct replay r = {.plan = plan, .blocks = blocks, .wanted = wanted, .user = user};

	return read_trials(&r, folder, NULL, reterr);
}

/* @ret_whole_bytes: without the trials at the end that are only a part of their block. */
static int read_back(struct hb_session *s, uint64_t *ret_committed_bytes, uint64_t *ret_whole_bytes,
	struct hb_error *reterr)
{
	hb_blocks_destroy(s->blocks);
	s->blocks = NULL;
	if (hb_blocks_create(&s->plan, &s->blocks))
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	struct replay r = {.plan = &s->plan, .blocks = s->blocks, .next_seq = s->next_seq};
	int error = read_trials(&r, s->folder, ret_committed_bytes, reterr);

	s->next_seq = r.next_seq;
	*ret_whole_bytes = r.last >= 0 && !hb_blocks_is_closed(s->blocks, (uint32_t)r.last)
				   ? r.start
				   : *ret_committed_bytes;
	return error;
}

static int load_plan(struct hb_session *s, struct hb_error *reterr)
{
	char *path = join(s->folder, "plan.json");
	int error = path ? hb_plan_load(path, &s->plan, reterr)
			 : hb_error_set(reterr, -ENOMEM, "out of memory");

	free(path);
	if (error == -ENOENT)
		return hb_error_set_at(reterr, error, s->folder, 0, "no run is in this folder");
	return error;
}

/* Is the build still the one the plan was made with? */
static int check_build(
	struct hb_session *s, bool allow_rebuild, cJSON **ret_env, struct hb_error *reterr)
{
	const char **paths = calloc(s->plan.driver_count + 1, sizeof(*paths));

	if (!paths)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	for (size_t d = 0; d < s->plan.driver_count; d++)
		paths[d] = s->plan.drivers[d].path;
	int error = hb_env_collect(paths, ret_env, &s->env, reterr);

	free(paths);
	/* Drivers that are gone are a changed build, too. */
	if (error)
		return error == -ENOENT ? -ESTALE : error;
	if (strcmp(s->env.build_id, s->plan.build_id) != 0 && !allow_rebuild) {
		cJSON_Delete(*ret_env);
		*ret_env = NULL;
		return hb_error_set_at(reterr, -ESTALE, s->folder, 0,
			"the build has changed since (%s, now %s); rebuild that version, start a "
			"new "
			"run, or mix both with --allow-rebuild",
			s->plan.build_id, s->env.build_id);
	}
	return 0;
}

static int keep_other_env(const struct hb_session *s, const cJSON *env, struct hb_error *reterr)
{
	char name[64];

	if (!strcmp(s->env.env_id, s->plan.env_id) && !strcmp(s->env.build_id, s->plan.build_id))
		return 0;
	(void)snprintf(name, sizeof(name), "env-%s-%s.json", s->env.env_id, s->env.build_id);
	return write_member(s->folder, name, NULL, 0, env, reterr);
}

static int recover(struct hb_session *s, struct hb_error *reterr)
{
	uint64_t committed_bytes = 0, whole_bytes = 0, next_seq = 0;
	int error = read_back(s, &committed_bytes, &whole_bytes, reterr);
	/* Blocks that came from a cluster's nodes came whole: the rest of a torn one is nowhere else. */
	bool is_torn =
		!error && whole_bytes < committed_bytes && has_member(s->folder, "slurm.json");

	if (!error)
		error = hb_journal_recover(s->journal, is_torn ? whole_bytes : committed_bytes,
			&s->cut_bytes, &next_seq, reterr);
	if (!error && is_torn)
		error = read_back(s, &committed_bytes, &whole_bytes, reterr);
	if (!error && next_seq > s->next_seq)
		s->next_seq = next_seq;
	if (!error)
		hb_blocks_mark_resumed(s->blocks);
	return error;
}

int hb_session_resume(
	struct hb_session *ret, const char *folder, bool allow_rebuild, struct hb_error *reterr)
{
	cJSON *env = NULL;

	*ret = (struct hb_session){.folder = strdup(folder)};
	if (!ret->folder)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	int error = load_plan(ret, reterr);

	if (!error)
		error = hb_journal_lock(folder, &ret->journal, NULL, reterr);
	if (!error)
		error = check_build(ret, allow_rebuild, &env, reterr);
	if (!error)
		error = recover(ret, reterr);
	if (!error)
		error = keep_other_env(ret, env, reterr);
	cJSON_Delete(env);
	if (error) {
		hb_session_finish(ret);
		return error;
	}
	return 0;
}

/* Leave the blocks @wanted (ascending indices) of the plan, in its order. */
static int keep_blocks(
	struct hb_plan *plan, const uint32_t *wanted, size_t count, struct hb_error *reterr)
{
	for (size_t i = 0; i < count; i++) {
		if (wanted[i] >= plan->block_count || (i > 0 && wanted[i] <= wanted[i - 1]))
			return hb_error_set(
				reterr, -EBADMSG, "the plan has no such blocks in this order");
		plan->blocks[i] = plan->blocks[wanted[i]];
	}
	plan->block_count = count;
	return 0;
}

static int start_part(struct hb_session *s, const cJSON *env, struct hb_error *reterr)
{
	uint64_t bytes = 0;
	int error = make_folders(s->folder, reterr);

	if (!error)
		error = hb_journal_lock(s->folder, &s->journal, &bytes, reterr);
	if (!error && bytes > 0)
		error = already_there(s->folder, reterr);
	if (!error && hb_blocks_create(&s->plan, &s->blocks))
		error = hb_error_set(reterr, -ENOMEM, "out of memory");
	if (!error)
		error = write_member(s->folder, "env.json", NULL, 0, env, reterr);
	return error ? error : hb_journal_start(s->journal, reterr);
}

int hb_session_part(struct hb_session *ret, const char *folder, const char *part,
	const uint32_t *blocks, size_t count, struct hb_error *reterr)
{
	cJSON *env = NULL;

	*ret = (struct hb_session){.folder = strdup(folder)};
	if (!ret->folder)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	int error = load_plan(ret, reterr);

	if (!error)
		error = check_build(ret, false, &env, reterr);
	if (!error)
		error = keep_blocks(&ret->plan, blocks, count, reterr);
	free(ret->folder);
	ret->folder = strdup(part);
	if (!error && !ret->folder)
		error = hb_error_set(reterr, -ENOMEM, "out of memory");
	if (!error)
		error = start_part(ret, env, reterr);
	cJSON_Delete(env);
	if (error)
		hb_session_finish(ret);
	return error;
}

static bool is_locked(const char *folder)
{
	char *path = join(folder, "trials.csv");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;

	if (fd >= 0)
		(void)close(fd);
	free(path);
	return locked;
}

int hb_session_look(struct hb_session *ret, const char *folder, struct hb_error *reterr)
{
	struct stat info;
	uint64_t committed_bytes = 0, whole_bytes;

	*ret = (struct hb_session){.folder = strdup(folder)};
	if (!ret->folder)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	int error = load_plan(ret, reterr);

	if (!error)
		error = read_back(ret, &committed_bytes, &whole_bytes, reterr);
	if (error) {
		hb_session_finish(ret);
		return error;
	}
	char *path = join(folder, "trials.csv");

	if (path && stat(path, &info) == 0 && (uint64_t)info.st_size > committed_bytes)
		ret->cut_bytes = (uint64_t)info.st_size - committed_bytes;
	free(path);
	ret->is_running = is_locked(folder);
	return 0;
}

void hb_session_finish(struct hb_session *session)
{
	hb_blocks_destroy(session->blocks);
	hb_journal_close(session->journal);
	hb_plan_finish(&session->plan);
	free(session->folder);
	*session = (struct hb_session){0};
}

void hb_session_link_latest(const char *results, const char *run_id)
{
	char *fresh = join(results, ".latest.new"), *link = join(results, "latest");

	if (fresh && link) {
		(void)unlink(fresh);
		if (symlink(run_id, fresh) == 0 && rename(fresh, link) < 0)
			(void)unlink(fresh);
	}
	free(fresh);
	free(link);
}
