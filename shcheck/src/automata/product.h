/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pairs of states of two automata, numbered as they are met, over the common refinement of their byte classes. */
#ifndef SHCHECK_AUTOMATA_PRODUCT_H
#define SHCHECK_AUTOMATA_PRODUCT_H

#include "language.h"

/* Pairs of states in the order in which they were met. */
struct product {
	struct shc_dfa_pool *pool;
	const struct shc_dfa *a, *b;
	uint32_t class_count;
	unsigned char class_of[256], class_a[256], class_b[256];
	uint32_t *pair_a, *pair_b; /* shape [count] */
	uint32_t count, capacity_a, capacity_b;
	uint32_t *direct; /* number by pair, where the table of all pairs is small; else NULL */
	uint64_t *keys;   /* open addressing otherwise */
	uint32_t *numbers;
	uint32_t slot_count;
};

/* product_init - no pairs yet. 0 or -ENOMEM. */
int product_init(struct product *p, struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_dfa *b);

/* product_number - the number of a pair, a new one if it was not met before. 0, -E2BIG or -ENOMEM. */
int product_number(struct product *p, uint32_t a, uint32_t b, uint32_t *ret);

/* product_class_set - the bytes of class @class of the product. */
struct shc_byte_set product_class_set(const struct product *p, uint32_t class);

#endif
