/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening the history: schema, migrations, and what each fault of SQLite means to a user. */
#include "history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/error.h>

#include "command.h"

#define BUSY_MS 5000
/* "Hotb": no other program's database is taken for a history. */
#define APPLICATION_ID "1215263842"

/*
 * migrations[v] brings a database of schema v to v + 1. They are only ever appended. Numbers of changes are never given
 * twice (AUTOINCREMENT), since people write them down.
 */
static const char *const migrations[HB_HISTORY_SCHEMA] = {
	"CREATE TABLE run("
	" id INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, content TEXT NOT NULL UNIQUE,"
	" trials INTEGER NOT NULL, position_ns INTEGER NOT NULL, created_utc TEXT NOT NULL,"
	" imported_utc TEXT NOT NULL, mode TEXT NOT NULL, smoke INTEGER NOT NULL,"
	" host_id TEXT NOT NULL, env_id TEXT NOT NULL, build_id TEXT NOT NULL,"
	" commit_id TEXT NOT NULL, dirty TEXT NOT NULL, failed INTEGER NOT NULL,"
	" folder TEXT NOT NULL) STRICT;"
	"CREATE INDEX run_position ON run(host_id, position_ns);"
	"CREATE TABLE part("
	" run_id TEXT PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE)"
	" STRICT, WITHOUT ROWID;"
	"CREATE INDEX part_run ON part(run);"
	"CREATE TABLE series("
	" id INTEGER PRIMARY KEY, subproject TEXT NOT NULL, experiment TEXT NOT NULL,"
	" params TEXT NOT NULL, baseline TEXT NOT NULL, variant TEXT NOT NULL,"
	" metric TEXT NOT NULL, basis TEXT NOT NULL, host_id TEXT NOT NULL,"
	" smoke INTEGER NOT NULL, unit TEXT NOT NULL, better TEXT NOT NULL,"
	" exact INTEGER NOT NULL, min_effect REAL NOT NULL,"
	" UNIQUE(subproject, experiment, params, baseline, variant, metric, basis, host_id, smoke))"
	" STRICT;"
	"CREATE TABLE night("
	" series INTEGER NOT NULL REFERENCES series(id) ON DELETE CASCADE,"
	" run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
	" verdict TEXT NOT NULL, blocks INTEGER NOT NULL,"
	" ratio REAL, ratio_lo REAL, ratio_hi REAL, aa_lo REAL, aa_hi REAL,"
	" baseline_value REAL, variant_value REAL,"
	" PRIMARY KEY(series, run)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX night_run ON night(run);"
	"CREATE TABLE change("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" series INTEGER NOT NULL REFERENCES series(id) ON DELETE CASCADE,"
	" run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
	" kind TEXT NOT NULL, noted_utc TEXT NOT NULL, open INTEGER NOT NULL,"
	" accepted_utc TEXT, reason TEXT,"
	" UNIQUE(series, run, kind)) STRICT;"
	"CREATE INDEX change_run ON change(run);",
};

int hb_history_exit(int code)
{
	switch (code) {
	case 0:
		return HB_EXIT_DONE;
	case -EBUSY:
		return HB_EXIT_LOCKED;
	case -ENOENT:
	case -EINVAL:
		return HB_EXIT_USAGE;
	default:
		return HB_EXIT_FAULT;
	}
}

static int describe(int fault, const char **ret_text)
{
	switch (fault & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		*ret_text = "another program has been writing to it for 5 s; try again later";
		return -EBUSY;
	case SQLITE_FULL:
		*ret_text = "the disk is full; what was there before is unharmed: free some space "
			    "and do the same again";
		return -ENOSPC;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		*ret_text = "it cannot be written: the file or its folder is read-only for you; "
			    "name another file with --db";
		return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		*ret_text = "it is damaged or no history; move it away and make it again from the "
			    "runs with 'hotbed history import'";
		return -EBADMSG;
	case SQLITE_CANTOPEN:
		*ret_text = "it cannot be opened; is the folder there, and may you write to it?";
		return -EACCES;
	case SQLITE_NOMEM:
		*ret_text = "not enough memory";
		return -ENOMEM;
	default:
		*ret_text = "";
		return -EIO;
	}
}

int hb_history_fail(const struct hb_history *history, const char *what, struct hb_error *reterr)
{
	const char *text;
	int code = describe(sqlite3_extended_errcode(history->db), &text);

	return hb_error_set_at(reterr, code, history->path, 0, "%s: %s", what,
		*text ? text : sqlite3_errmsg(history->db));
}

int hb_history_prepare(const struct hb_history *history, const char *sql, sqlite3_stmt **ret,
	struct hb_error *reterr)
{
	if (sqlite3_prepare_v2(history->db, sql, -1, ret, NULL) == SQLITE_OK)
		return 0;
	return hb_history_fail(history, "reading the history", reterr);
}

int hb_history_execute(const struct hb_history *history, const char *sql, struct hb_error *reterr)
{
	if (sqlite3_exec(history->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return hb_history_fail(history,
		!strcmp(sql, "COMMIT") ? "saving to the history" : "using the history", reterr);
}

/* A pragma or query that gives one number. */
static int read_number(
	const struct hb_history *history, const char *sql, int64_t *ret, struct hb_error *reterr)
{
	sqlite3_stmt *statement;
	int r = hb_history_prepare(history, sql, &statement, reterr);

	if (r)
		return r;
	if (sqlite3_step(statement) == SQLITE_ROW)
		*ret = sqlite3_column_int64(statement, 0);
	else
		r = hb_history_fail(history, "reading the history", reterr);
	sqlite3_finalize(statement);
	return r;
}

int hb_history_verify(const struct hb_history *history, struct hb_error *reterr)
{
	sqlite3_stmt *statement;
	int r = hb_history_prepare(history, "PRAGMA quick_check(1)", &statement, reterr);

	if (r)
		return r;
	int step = sqlite3_step(statement);
	const char *text =
		step == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;

	if (step != SQLITE_ROW)
		r = hb_history_fail(history, "reading the history", reterr);
	else if (!text || strcmp(text, "ok") != 0)
		r = hb_error_set_at(reterr, -EBADMSG, history->path, 0,
			"the history is damaged (%.200s); move it away and make it again from the "
			"runs with 'hotbed history import'",
			text ? text : "unreadable");
	sqlite3_finalize(statement);
	return r;
}

static int migrate(const struct hb_history *history, int64_t from, struct hb_error *reterr)
{
	char version[64];
	int r = 0;

	if (from == 0)
		r = hb_history_execute(history, "PRAGMA application_id=" APPLICATION_ID, reterr);
	for (int64_t v = from; !r && v < HB_HISTORY_SCHEMA; v++)
		r = hb_history_execute(history, migrations[v], reterr);
	(void)snprintf(version, sizeof(version), "PRAGMA user_version=%d", HB_HISTORY_SCHEMA);
	return r ? r : hb_history_execute(history, version, reterr);
}

/* Whoever comes first brings the schema up to date; the others wait, look again, and find it done. */
static int bring_up_to_date(const struct hb_history *history, struct hb_error *reterr)
{
	int64_t version = 0, tables = 0;
	int r = read_number(history, "PRAGMA user_version", &version, reterr);

	if (!r)
		r = read_number(history, "SELECT count(*) FROM sqlite_schema", &tables, reterr);
	if (r)
		return r;
	if (version > HB_HISTORY_SCHEMA)
		return hb_error_set_at(reterr, -EPROTO, history->path, 0,
			"a newer hotbed made this history (schema %lld, this one knows %d); use "
			"that, or another file with --db",
			(long long)version, HB_HISTORY_SCHEMA);
	if (version < 0 || (version == 0 && tables > 0))
		return hb_error_set_at(reterr, -EBADMSG, history->path, 0,
			"this is another program's database, no history; name another file with "
			"--db");
	if (version == HB_HISTORY_SCHEMA)
		return 0;
	r = hb_history_execute(history, "BEGIN IMMEDIATE", reterr);
	if (r)
		return r;
	r = read_number(history, "PRAGMA user_version", &version, reterr);
	if (!r)
		r = migrate(history, version, reterr);
	if (!r)
		r = hb_history_execute(history, "COMMIT", reterr);
	if (r)
		(void)sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

/*
 * Two programs that make the database at once may both hold what the other needs to change the journal; SQLite then
 * refuses at once instead of waiting, so the waiting is done here.
 */
static int use_wal(const struct hb_history *history, struct hb_error *reterr)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	int r = -EBUSY;

	for (int waited_ms = 0; r == -EBUSY && waited_ms <= BUSY_MS; waited_ms += 20) {
		if (waited_ms)
			(void)nanosleep(&pause, NULL);
		r = hb_history_execute(history, "PRAGMA journal_mode=WAL", reterr);
	}
	return r;
}

static int connect(struct hb_history *history, enum hb_history_mode mode, bool immutable,
	struct hb_error *reterr)
{
	int flags = immutable ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI : SQLITE_OPEN_READWRITE;
	char *uri = sqlite3_mprintf(immutable ? "file:%s?immutable=1" : "%s", history->path);
	int r = 0;

	if (!uri)
		return hb_error_set(reterr, -ENOMEM, "not enough memory");
	if (mode == HB_HISTORY_CREATE)
		flags |= SQLITE_OPEN_CREATE;
	if (sqlite3_open_v2(uri, &history->db, flags, NULL) != SQLITE_OK)
		r = hb_history_fail(history, "opening the history", reterr);
	sqlite3_free(uri);
	if (r)
		return r;
	(void)sqlite3_busy_timeout(history->db, BUSY_MS);
	history->read_only = immutable || sqlite3_db_readonly(history->db, "main") == 1;
	if (history->read_only && mode != HB_HISTORY_READ)
		return hb_error_set_at(reterr, -EROFS, history->path, 0,
			"the history is read-only for you; name another file with --db");
	r = hb_history_execute(history, "PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL", reterr);
	if (!r && !history->read_only)
		r = use_wal(history, reterr);
	return r ? r : bring_up_to_date(history, reterr);
}

/* The folder of @path, one level: results/ is made where nothing has run yet. */
static int make_folder(const char *path, struct hb_error *reterr)
{
	char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	int r = folder ? 0 : hb_error_set(reterr, -ENOMEM, "not enough memory");

	if (slash && slash != folder) {
		*slash = '\0';
		if (mkdir(folder, 0777) && errno != EEXIST)
			r = hb_error_set_at(reterr, -errno, folder, 0,
				"cannot make the folder of the history: %s", strerror(errno));
	}
	free(folder);
	return r == -ENOENT ? -EACCES : r;
}

int hb_history_open(const char *path, enum hb_history_mode mode, struct hb_history *ret,
	struct hb_error *reterr)
{
	struct hb_history history = {.path = strdup(path ? path : HB_HISTORY_PATH)};
	int r;

	if (!history.path)
		return hb_error_set(reterr, -ENOMEM, "not enough memory");
	if (mode == HB_HISTORY_CREATE)
		r = make_folder(history.path, reterr);
	else
		r = access(history.path, F_OK)
			    ? hb_error_set_at(reterr, -ENOENT, history.path, 0,
				      "there is no history yet; 'hotbed history import' makes one")
			    : 0;
	if (!r)
		r = connect(&history, mode, false, reterr);
	/* In a folder that cannot be written WAL has nowhere to keep its index: read it as it lies. */
	if ((r == -EACCES || r == -EROFS) && mode == HB_HISTORY_READ) {
		(void)sqlite3_close(history.db);
		history.db = NULL;
		r = connect(&history, mode, true, reterr);
	}
	if (r)
		hb_history_close(&history);
	else
		*ret = history;
	return r;
}

void hb_history_close(struct hb_history *history)
{
	(void)sqlite3_close(history->db);
	free(history->path);
	*history = (struct hb_history){0};
}
