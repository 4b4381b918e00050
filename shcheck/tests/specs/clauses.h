/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Holds what a command did against what its specification says. */
#ifndef SHCHECK_TESTS_SPECS_CLAUSES_H
#define SHCHECK_TESTS_SPECS_CLAUSES_H

#include <stdbool.h>
#include <stdint.h>

#include <shcheck/spec.h>

#include "places.h"

enum { PLACES_MAX = 5, WORDS_MAX = 24, WORD_BYTES = 160, CLAUSES_MAX = 64, VIEWS_MAX = 40 };

/* A path that claims may be about, before and after. */
struct seen {
	char path[2 * PLACE_PATH_BYTES];
	struct view before, after;
};

/* One execution. */
struct execution {
	const struct shc_spec *spec;
	struct shc_spec_match match;
	char words[WORDS_MAX][WORD_BYTES];
	uint32_t word_count;
	struct place places[PLACES_MAX];
	uint32_t place_count;
	struct seen seen[VIEWS_MAX];
	uint32_t seen_count;
	bool locked; /* the folder cannot be written, or not even searched */
	bool bad_option;
	int status; /* -1: killed by a signal */
	char *output;
	char stray[PLACE_PATH_BYTES]; /* a name in the folder that was not there before */
	bool entered;                 /* the shell is where the operand is (cd) */
};

/* What was learnt of the clauses of one specification. */
struct tally {
	uint32_t executed[CLAUSES_MAX]; /* by number of the clause */
	uint32_t runs, covered, faults;
	bool quiet; /* do not print faults */
};

/* clauses_views - note the paths that claims are about, as they are now (@after: what has become of them). */
void clauses_views(struct execution *run, bool after);
void clauses_views_finish(struct execution *run);

/* clauses_check - hold @run against its specification; faults are counted in @tally and printed. */
void clauses_check(const struct execution *run, struct tally *tally);

/* clause_count - clauses of @spec. */
uint32_t clause_count(const struct shc_spec *spec);

#endif
