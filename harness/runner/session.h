/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A results folder with a run in it: made for a new run, or opened again to resume it or to look at it. Not
 * thread-safe.
 */
#ifndef HOTBED_RUNNER_SESSION_H
#define HOTBED_RUNNER_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "blocks.h"
#include "env.h"
#include "plan.h"

struct hb_error;
struct hb_journal;

/*
 * Filled in place and not to be copied: @blocks refers to @plan. After a failure it is zeroed, with nothing to free.
 */
struct hb_session {
	char *folder; /* as the user may type it */
	struct hb_plan plan;
	struct hb_blocks *blocks;
	struct hb_journal *journal; /* NULL after hb_session_look() */
	struct hb_env env;          /* of now */
	uint64_t next_seq;
	uint64_t cut_bytes; /* torn tail that was cut, or would be */
	bool is_running;    /* after hb_session_look(): another runner works on it */
};

/* hb_session_make_id - a new UUIDv7 into @ret of 37 bytes. 0 or -errno. */
int hb_session_make_id(char *ret, struct hb_error *reterr);

/*
 * hb_session_create - a folder for a new run, with plan.json, env.json and an empty journal, all durable.
 * @folder: made if absent; it must not hold a run. @plan_text: of plan_build.h. @env_json: content of env.json.
 *
 * Returns 0, -EEXIST (there is a run in it), -EBUSY (another runner works in it), or -errno of the file system.
 */
int hb_session_create(struct hb_session *ret, const char *folder, const char *plan_text,
	size_t plan_bytes, const cJSON *env_json, struct hb_error *reterr);

/*
 * hb_session_resume - lock the run in @folder, cut a torn tail, and find out what is left to do.
 * @allow_rebuild: go on although the drivers have changed.
 *
 * Returns 0, -EBUSY, -ESTALE (the build has changed), -ENOENT (no run), -EBADMSG (what, where) or -errno.
 */
int hb_session_resume(
	struct hb_session *ret, const char *folder, bool allow_rebuild, struct hb_error *reterr);

/* hb_session_look - the same for reading only: locks nothing and changes nothing; @journal stays NULL. */
int hb_session_look(struct hb_session *ret, const char *folder, struct hb_error *reterr);

/*
 * hb_session_part - some blocks of the run in @folder, to be run here into a folder of their own, as a cluster's nodes
 * do: trials, histograms and logs go to @part, which must not hold trials yet; the run itself is only read.
 * @blocks: indices into the plan's blocks, ascending, shape [count].
 *
 * Returns 0, -ESTALE (this machine's build is not the plan's), -EEXIST, -EBADMSG, -ENOENT or -errno.
 */
int hb_session_part(struct hb_session *ret, const char *folder, const char *part,
	const uint32_t *blocks, size_t count, struct hb_error *reterr);

/*
 * Asked for each committed trial of block @index (into plan->blocks): 0 takes it, 1 leaves it, a negative errno ends
 * the reading.
 */
struct hb_journal_trial;
typedef int hb_session_choice_fn(const struct hb_journal_trial *trial, uint32_t index, uint64_t seq,
	void *user, struct hb_error *reterr);

/*
 * hb_session_replay - account in @blocks for the committed trials in @folder, a part of @plan's run.
 * @wanted: which of them; NULL = all. Returns 0, -ENOENT (no trials.csv), -EBADMSG, -ENOMEM or what @wanted returned.
 */
int hb_session_replay(const struct hb_plan *plan, const char *folder, struct hb_blocks *blocks,
	hb_session_choice_fn *wanted, void *user, struct hb_error *reterr);

/* hb_session_finish - give everything back; a zero-initialised struct is accepted. */
void hb_session_finish(struct hb_session *session);

/* hb_session_link_latest - point results/latest to @run_id. Failing is of no consequence. */
void hb_session_link_latest(const char *results, const char *run_id);

#endif
