/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Are the states that a real shell went through inside the abstract states at the same points of the script (invariant
 * I1 of the design page)? Compared at every "snap N": variables, positional parameters, $?, options, current directory
 * and files. Unknown strings are bound to what they were, so correlations between values are compared too.
 */
#ifndef SHCHECK_TESTS_SEMANTIC_CONTAIN_SCRIPT_H
#define SHCHECK_TESTS_SEMANTIC_CONTAIN_SCRIPT_H

#include <shcheck/ast.h>

#include "contain.h"
#include "oracle.h"

/* What was lost, for people. */
struct contain_loss {
	unsigned point;
	unsigned visits; /* abstract states at that point */
	char text[512];  /* of the visit that came furthest */
};

/*
 * contain_script_check - compare every snapshot of @outcome.
 * @ret_loss: of the first snapshot that no abstract state holds, or NULL.
 *
 * Returns CONTAIN_HELD, CONTAIN_UNDECIDED (refused by the parser, no snapshot, or out of budget), CONTAIN_POINT or
 * CONTAIN_FAILED.
 */
enum contain_verdict contain_script_check(const struct shc_oracle_case *one,
	const struct shc_oracle_outcome *outcome, enum shc_dialect dialect,
	struct contain_loss *ret_loss);

/*
 * contain_script_shrink - a smaller script that is lost at some point, too: commands are left out one by one, and run
 * again by @shell.
 * @one: its text is replaced by *@ret_text, which is the caller's, malloc()ed.
 */
int contain_script_shrink(struct shc_oracle *oracle, enum shc_oracle_shell shell,
	struct shc_oracle_case *one, char **ret_text, struct contain_loss *ret_loss);

#endif
