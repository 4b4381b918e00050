/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Node lists of the command line: `3@1%,4@8%`.
 *
 *   list  = item { "," item }
 *   item  = COUNT [ "@" fault ] [ "*" WEIGHT ]        3 nodes, fault given elsewhere, weight 1
 *   fault = PROBABILITY [ "+" PROBABILITY ]           crash, and Byzantine: 3@4%+0.01%
 *         | CURVE [ "~" AGE ]                         a name of a curve file, alive at AGE: 4@hdd~3y
 *
 * A probability is a number in [0, 1] or a percentage. An age is a number with h, d or y (365 days); hours without.
 * White space is allowed around items. Thread-safe.
 */
#ifndef PROBCONS_NODE_LIST_H
#define PROBCONS_NODE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_error;
struct pc_curve_file;
struct pc_curve_entry;

/* A run of equal nodes. */
struct pc_node_item {
	uint32_t count;  /* >= 1 */
	uint32_t weight; /* 1 unless given */
	bool has_fault;  /* probabilities or a curve were given */
	double crash, byz;
	const struct pc_curve_entry
		*curve; /* NULL = constant probabilities; borrowed from the file */
	double age_hours;
};

/* Zero-initialise; pc_node_list_finish(). */
struct pc_node_list {
	struct pc_node_item *items;
	uint32_t item_count;
	uint32_t node_count;
};

/*
 * pc_node_list_parse - read a node list.
 * @curves: where curve names are looked up; NULL = names are refused.
 * @ret: untouched on failure; borrows from @curves.
 *
 * Returns 0, -EINVAL (the message quotes the item and says the rule), -E2BIG (more than PC_NODES_MAX nodes) or
 * -ENOMEM.
 */
int pc_node_list_parse(const char *text, size_t length_bytes, const struct pc_curve_file *curves,
	struct pc_node_list *ret, struct hb_error *reterr);

void pc_node_list_finish(struct pc_node_list *list);

/*
 * pc_probability_parse - `0.01`, `1%` or `1e-3` as a probability.
 * @text: @length_bytes, all of it. Returns 0, -EINVAL (no number, or outside [0, 1]).
 */
int pc_probability_parse(
	const char *text, size_t length_bytes, double *ret, struct hb_error *reterr);

/*
 * pc_duration_parse - `36h`, `7d`, `3y`, `90` (hours), `20m`, `5s` as hours >= 0. Returns 0 or -EINVAL.
 */
int pc_duration_parse(const char *text, size_t length_bytes, double *ret, struct hb_error *reterr);

/*
 * pc_weight_list_parse - `2,2,3` into weights.
 * @ret_weights: shape [count]; exactly @count numbers are expected. Returns 0 or -EINVAL.
 */
int pc_weight_list_parse(const char *text, size_t length_bytes, uint32_t *ret_weights,
	uint32_t count, struct hb_error *reterr);

#endif
