/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Nested dissection: an order of elimination in which a chain falls apart into halves that meet only in a separator
 * that comes after both. Planes of the grid where they are small (up to two axes), METIS's separators otherwise.
 * Within a plane, states keep the order of their coordinates: every state that is eliminated then still has its
 * neighbour on the plane, so that pivots keep the size of single rates however deep the wells of the chain are.
 *
 * Source: George, SIAM J. Numer. Anal. 10(2), 1973; Karypis and Kumar, SIAM J. Sci. Comput. 20(1), 1998 (METIS).
 */
#ifndef METASTABLE_DISSECTION_H
#define METASTABLE_DISSECTION_H

#include <stdint.h>

struct hb_error;
struct ms_generator;

/* A separator or a leaf, in postorder: the children of a node come before it. */
struct dissection_node {
	uint32_t first;    /* place of its first state in the order */
	uint32_t count;    /* may be 0 where a part falls apart by itself */
	uint32_t children; /* 0 for leaves */
};

struct dissection {
	uint32_t states;
	uint32_t nodes;
	struct dissection_node *node; /* shape [nodes] */
	uint32_t *order;              /* shape [states]: place -> state */
};

enum dissection_kind {
	DISSECTION_AUTO, /* planes for one or two axes, METIS beyond */
	DISSECTION_PLANES,
	DISSECTION_METIS,
};

/*
 * dissection_create - order the states of @generator.
 * @last: the state that comes after all others; NULL: whichever.
 * @ret: finish with dissection_finish(). Returns 0, -E2BIG (METIS counts in 31 bits) or -ENOMEM.
 */
int dissection_create(const struct ms_generator *generator, enum dissection_kind kind,
	const uint32_t *last, struct dissection *ret, struct hb_error *reterr);

void dissection_finish(struct dissection *dissection);

#endif
