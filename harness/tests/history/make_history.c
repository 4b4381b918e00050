/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * make_history FILE SERIES NIGHTS - write a history of so many series and nights without any runs behind it, to see how
 * long check and dashboard take. One series in fifty has a step of 10 %; the machine's settings change once.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "history.h"
#include "hotbed/error.h"
#include "hotbed/rng.h"

static sqlite3_stmt *prepare(const struct hb_history *history, const char *sql)
{
	struct hb_error error = {0};
	sqlite3_stmt *statement;

	if (hb_history_prepare(history, sql, &statement, &error)) {
		fprintf(stderr, "make_history: %s\n", error.text);
		exit(1);
	}
	return statement;
}

static void run(sqlite3_stmt *statement)
{
	if (sqlite3_step(statement) != SQLITE_DONE || sqlite3_reset(statement) != SQLITE_OK) {
		fputs("make_history: cannot write\n", stderr);
		exit(1);
	}
}

static void write_runs(const struct hb_history *history, int nights)
{
	sqlite3_stmt *s = prepare(history,
		"INSERT INTO run VALUES(?1, ?2, ?2, 1, ?3, ?4, ?4, 'default', 0, 'aaaaaaaaaaaa',"
		" ?5, ?6, ?6, 'no', 0, '')");

	for (int n = 0; n < nights; n++) {
		char run_id[40], utc[40], build[24];
		time_t start = 1767225600 + 86400 * (time_t)n;

		snprintf(run_id, sizeof(run_id), "019b0000-0000-7000-8000-%012d", n);
		snprintf(build, sizeof(build), "%012d", n / 2);
		strftime(utc, sizeof(utc), "%Y-%m-%dT%H:%M:%SZ", gmtime(&start));
		sqlite3_bind_int(s, 1, n + 1);
		sqlite3_bind_text(s, 2, run_id, -1, SQLITE_STATIC);
		sqlite3_bind_int64(s, 3, (int64_t)start * 1000000000);
		sqlite3_bind_text(s, 4, utc, -1, SQLITE_STATIC);
		sqlite3_bind_text(
			s, 5, n < nights / 2 ? "e1e1e1e1e1e1" : "e2e2e2e2e2e2", -1, SQLITE_STATIC);
		sqlite3_bind_text(s, 6, build, -1, SQLITE_STATIC);
		run(s);
	}
	sqlite3_finalize(s);
}

static void write_series(const struct hb_history *history, int series, int nights)
{
	static const char *const subs[] = {
		"spork", "nicos", "batching", "metastable", "probcons", "shcheck"};
	sqlite3_stmt *s = prepare(history,
		"INSERT INTO series VALUES(?1, ?2, ?3, ?4, 'base', 'idea', 'call_p50', 'wall',"
		" 'aaaaaaaaaaaa', 0, 'ns', 'lower', 0, 0.03)");
	sqlite3_stmt *night = prepare(history, "INSERT INTO night VALUES(?1, ?2, 'better', 12, ?3, "
					       "?3 * 0.99, ?3 * 1.01, 0.99, 1.01,"
					       " 1000, 1000 * ?3)");
	struct hb_rng rng;

	hb_rng_init(&rng, 1, 0);
	for (int i = 0; i < series; i++) {
		char experiment[32], params[32];
		int step_at = i % 50 == 7 ? nights / 3 + i % 60 : nights;

		snprintf(experiment, sizeof(experiment), "experiment-%d", i / 60);
		snprintf(params, sizeof(params), "n=%d", i);
		sqlite3_bind_int(s, 1, i + 1);
		sqlite3_bind_text(s, 2, subs[i / 10 % 6], -1, SQLITE_STATIC);
		sqlite3_bind_text(s, 3, experiment, -1, SQLITE_STATIC);
		sqlite3_bind_text(s, 4, params, -1, SQLITE_STATIC);
		run(s);
		for (int n = 0; n < nights; n++) {
			sqlite3_bind_int(night, 1, i + 1);
			sqlite3_bind_int(night, 2, n + 1);
			sqlite3_bind_double(night, 3,
				0.6 * exp((0.01 + 0.01 * (i % 3)) * hb_rng_normal(&rng)) *
					(n >= step_at ? 1.1 : 1));
			run(night);
		}
	}
	sqlite3_finalize(s);
	sqlite3_finalize(night);
}

int main(int argc, char **argv)
{
	struct hb_history history;
	struct hb_error error = {0};
	int series = argc == 4 ? atoi(argv[2]) : 0, nights = argc == 4 ? atoi(argv[3]) : 0;

	if (series < 1 || nights < 1) {
		fputs("usage: make_history FILE SERIES NIGHTS\n", stderr);
		return 2;
	}
	if (hb_history_open(argv[1], HB_HISTORY_CREATE, &history, &error) ||
		hb_history_execute(&history, "BEGIN IMMEDIATE", &error)) {
		fprintf(stderr, "make_history: %s\n", error.text);
		return 1;
	}
	write_runs(&history, nights);
	write_series(&history, series, nights);
	if (hb_history_execute(&history, "COMMIT", &error)) {
		fprintf(stderr, "make_history: %s\n", error.text);
		return 1;
	}
	hb_history_close(&history);
	return 0;
}
