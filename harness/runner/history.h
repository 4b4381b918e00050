/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The history of runs: a SQLite database (STRICT tables, WAL, synchronous=FULL) with one row per run, series and night.
 * A series is one metric of one variant at one point of an experiment on one kind of machine; its value of a night is
 * the ratio to the baseline of the same run, which cancels what the machine does to both. Smoke runs have series of
 * their own. Reading and writing are transactions: who is killed leaves what was committed before, and several programs
 * may use one database. Not thread-safe.
 *
 * Failures carry what to do, and map to exit codes by hb_history_exit(): -EBUSY (locked), -EPROTO (a newer schema),
 * -EBADMSG (damaged, or no history), -EROFS, -ENOSPC, -ENOENT, -EIO, -ENOMEM.
 */
#ifndef HOTBED_RUNNER_HISTORY_H
#define HOTBED_RUNNER_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

struct hb_error;

/* Where it is unless --db says otherwise. */
#define HB_HISTORY_PATH "results/history.db"
/* What is written to the database's user_version. */
#define HB_HISTORY_SCHEMA 1

struct hb_history {
	sqlite3 *db;
	char *path;
	bool read_only;
};

enum hb_history_mode {
	HB_HISTORY_READ,   /* it must be there; writing is tried and given up where it cannot be */
	HB_HISTORY_WRITE,  /* it must be there and be writable */
	HB_HISTORY_CREATE, /* made where it is not there, its folder too */
};

/*
 * hb_history_open - open the database at @path (NULL: HB_HISTORY_PATH) and bring an older schema up to date.
 * @ret: filled on success, closed by hb_history_close(). Waits up to 5 s for others, as every later call does.
 *
 * Returns 0 or one of the codes above. HB_HISTORY_READ with an older schema that cannot be written is -EROFS.
 */
int hb_history_open(const char *path, enum hb_history_mode mode, struct hb_history *ret,
	struct hb_error *reterr);

/* hb_history_close - close it; a zero-initialised struct is accepted. */
void hb_history_close(struct hb_history *history);

/* hb_history_exit - the exit code for one of the codes above. */
int hb_history_exit(int code);

/* hb_history_fail - turn the last fault of the database into a code and a message that begins with @what. */
int hb_history_fail(const struct hb_history *history, const char *what, struct hb_error *reterr);

/* hb_history_prepare - compile one statement; sqlite3_finalize() frees it. Returns 0 or a code from above. */
int hb_history_prepare(const struct hb_history *history, const char *sql, sqlite3_stmt **ret,
	struct hb_error *reterr);

/* hb_history_execute - run statements without results, "BEGIN IMMEDIATE" among them. Returns 0 or a code from above. */
int hb_history_execute(const struct hb_history *history, const char *sql, struct hb_error *reterr);

/* hb_history_verify - read every page once (quick_check). Returns 0, -EBADMSG or a code from above. */
int hb_history_verify(const struct hb_history *history, struct hb_error *reterr);

/* ---- import ---- */

enum hb_import {
	HB_IMPORT_NEW,
	HB_IMPORT_LONGER, /* was there, and has been resumed since: its rows were made again */
	HB_IMPORT_THERE,  /* the same run, or its trials under another name, is there */
	HB_IMPORT_OTHER,  /* left out: compares two builds, or was sabotaged, or has no trial */
	HB_IMPORT_COUNT,
};

struct hb_import_result {
	enum hb_import outcome;
	char why[160];            /* THERE and OTHER: in words; "" = nothing to say */
	uint64_t values;          /* nights of series that were written */
	uint64_t without;         /* of these: no ratio, for want of a baseline or of values */
	bool is_early;            /* its clock is before a run that this machine made earlier */
	bool is_future;           /* its clock is more than a day ahead of this one */
	char run_id[37], utc[40]; /* when it began */
};

/*
 * hb_history_import - take the run in folder @dir, within the caller's transaction.
 * @is_newest: it was made after every other run of its machine, whatever the clock says; it is put there.
 *
 * Returns 0, -EEXIST (another run of the same run_id is there), what hb_analysis_open() returns, or a code from above;
 * after a failure that is the run's own, nothing of it was written and the transaction can go on.
 */
int hb_history_import(struct hb_history *history, const char *dir, bool is_newest,
	struct hb_import_result *ret, struct hb_error *reterr);

/* ---- check ---- */

/* So many nights in a row without a clear answer are an alarm of their own. */
#define HB_HISTORY_UNDECIDED 7

enum hb_alarm_kind { HB_ALARM_WORSE, HB_ALARM_BETTER, HB_ALARM_CHANGED, HB_ALARM_UNDECIDED };
extern const char *const hb_alarm_names[4];

/* A change of one series, or seven nights that said nothing. Texts are owned by the list. */
struct hb_alarm {
	int64_t id; /* for `history accept`; 0 where it could not be written down */
	int64_t series;
	enum hb_alarm_kind kind;
	bool environment;     /* the machine's settings changed that night, or one beside it */
	bool same_build;      /* the same build before and after: not the code */
	bool resolved;        /* a later change brought it back */
	double before, after; /* levels as ratios; NaN for UNDECIDED */
	uint32_t nights;      /* since then */
	char *name;           /* SUB/EXPERIMENT variant metric, params */
	char *run_id, *utc;   /* first night after */
	char *commit_before, *commit_after;
	char *reason; /* accepted; NULL = not */
};

struct hb_alarms {
	struct hb_alarm *items; /* worst kinds first, then the newest */
	size_t count, capacity;
	uint64_t series, runs, nights;
	size_t open; /* not accepted, not resolved, not of the environment, WORSE or UNDECIDED */
};

/*
 * hb_history_check - look at every series as it is tonight, and write the changes down so that they have numbers.
 * @filter: SUB or SUB/EXPERIMENT; NULL = all. @ret: hb_alarms_finish() frees it.
 *
 * Returns 0 or a code from above. A database that cannot be written is checked all the same.
 */
int hb_history_check(struct hb_history *history, const char *filter, struct hb_alarms *ret,
	struct hb_error *reterr);

/* hb_alarm_is_open - does it fail a check? */
bool hb_alarm_is_open(const struct hb_alarm *alarm);

void hb_alarms_finish(struct hb_alarms *alarms);

/* hb_history_accept - write @reason to change @id. Returns 0, -ENOENT (no such change) or a code from above. */
int hb_history_accept(
	struct hb_history *history, int64_t id, const char *reason, struct hb_error *reterr);

/*
 * hb_history_prune - remove runs that are more than @days older than the newest of their machine; not those that an
 * open alarm still rests on. @ret_removed: how many. Returns 0 or a code from above.
 */
int hb_history_prune(
	struct hb_history *history, uint64_t days, uint64_t *ret_removed, struct hb_error *reterr);

#endif
