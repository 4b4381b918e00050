/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is what a real shell did inside what the analysis says? One case of the oracle as a script with probes; the abstract
 * fields and variables at the probes are compared with the outcome (invariants I1 and I2 of the design page).
 */
#ifndef SHCHECK_TESTS_SEMANTIC_CONTAIN_H
#define SHCHECK_TESTS_SEMANTIC_CONTAIN_H

#include <shcheck/ast.h>

#include "oracle.h"

enum contain_verdict {
	CONTAIN_HELD,
	CONTAIN_UNDECIDED, /* the shell gave up, so there is nothing to compare */
	CONTAIN_FIELDS,    /* no abstract expansion holds the concrete fields */
	CONTAIN_VARIABLES, /* no abstract state afterwards holds the concrete values */
	CONTAIN_POINT,     /* no abstract state at a point holds the concrete one */
	CONTAIN_FAILED,    /* no memory, or the script does not parse */
};

enum contain_verdict contain_check(const struct shc_oracle_case *one,
	const struct shc_oracle_outcome *outcome, enum shc_dialect dialect);

#endif
