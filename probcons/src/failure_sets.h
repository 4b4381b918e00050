/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Best-first enumeration of minimal failure sets, for pc_explain(). Private to the library. */
#ifndef PROBCONS_FAILURE_SETS_H
#define PROBCONS_FAILURE_SETS_H

#include <stdbool.h>
#include <stdint.h>

#include <probcons/explain.h>

/*
 * failure_sets_find - fill sets, set_count, sets_cut and takes of @explanation, whose classes are known.
 * Returns 0 or -ENOMEM.
 */
int failure_sets_find(const struct pc_rare_problem *problem, uint32_t sets_max,
	struct pc_explanation *explanation, struct hb_error *reterr);

/* shock_has_node - is node @node, from 0, a member? */
bool shock_has_node(const struct pc_shock *shock, uint32_t node);

#endif
