/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Products of two automata, complement, inclusion. */
#include "product.h"

#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>

/* What a pair of states means: bit (accepted by a) * 2 + (accepted by b) of @table. */
static bool truth(unsigned int table, bool a, bool b)
{
	return table >> (a * 2 + b) & 1;
}

#define TABLE_UNION 0xeu
#define TABLE_INTERSECT 0x8u
#define TABLE_DIFFERENCE 0x4u
#define TABLE_SYMMETRIC 0x6u

/* No string has a value in @table from a pair with these dead states on. */
static bool nowhere(unsigned int table, bool dead_a, bool dead_b)
{
	unsigned int possible = dead_a && dead_b ? 0x1u : dead_a ? 0x3u : dead_b ? 0x5u : 0xfu;

	return !(table & possible);
}

static int multiply(struct shc_dfa_pool *pool, unsigned int table, const struct shc_dfa *a,
	const struct shc_dfa *b, const struct shc_dfa **ret)
{
	struct product p;
	struct draft draft;
	uint32_t first;
	int err = product_init(&p, pool, a, b);

	if (err)
		return err;
	draft_init(&draft, p.class_count);
	memcpy(draft.class_of, p.class_of, sizeof(p.class_of));
	err = product_number(&p, 0, 0, &first);
	for (uint32_t i = 0; i < p.count && !err; i++) {
		uint32_t sa = p.pair_a[i], sb = p.pair_b[i];
		uint32_t *row;

		if (draft_state(pool, &draft, truth(table, a->accepting[sa], b->accepting[sb]),
			    &err) == NONE)
			break;
		row = draft.next + (size_t)i * p.class_count;
		for (uint32_t c = 0; c < p.class_count && !err; c++) {
			uint32_t ta = dfa_move(a, sa, p.class_a[c]);
			uint32_t tb = dfa_move(b, sb, p.class_b[c]);

			if (!nowhere(table, ta == a->dead, tb == b->dead))
				err = product_number(&p, ta, tb, &row[c]);
		}
	}
	return err ? err : draft_finish(pool, &draft, ret);
}

static int boolean(struct shc_dfa_pool *pool, enum operation operation, unsigned int table,
	const struct shc_dfa *a, const struct shc_dfa *b, const struct shc_dfa **ret)
{
	const struct shc_dfa *result = recall(pool, operation, a, b);
	struct scratch_mark mark;
	int err;

	if (result) {
		*ret = result;
		return 0;
	}
	mark = operation_begin(pool);
	err = multiply(pool, table, a, b, &result);
	operation_end(pool, mark);
	if (err)
		return err;
	remember(pool, operation, a, b, result);
	*ret = result;
	return 0;
}

int shc_dfa_union(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa *b,
	const struct shc_dfa **ret)
{
	hb_assert(a->pool == pool && b->pool == pool);
	if (a == b || b == pool->empty || a == pool->all || PLANTED(UNION_FORGETS_RIGHT)) {
		*ret = a;
		return 0;
	}
	if (a == pool->empty || b == pool->all) {
		*ret = b;
		return 0;
	}
	if (a->id > b->id)
		return shc_dfa_union(pool, b, a, ret);
	return boolean(pool, OPERATION_UNION, TABLE_UNION, a, b, ret);
}

int shc_dfa_intersect(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa *b,
	const struct shc_dfa **ret)
{
	hb_assert(a->pool == pool && b->pool == pool);
	if (a == b || a == pool->empty || b == pool->all) {
		*ret = a;
		return 0;
	}
	if (b == pool->empty || a == pool->all) {
		*ret = b;
		return 0;
	}
	if (a->id > b->id)
		return shc_dfa_intersect(pool, b, a, ret);
	return boolean(pool, OPERATION_INTERSECT, TABLE_INTERSECT, a, b, ret);
}

int shc_dfa_difference(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa *b,
	const struct shc_dfa **ret)
{
	hb_assert(a->pool == pool && b->pool == pool);
	if (a == b || a == pool->empty || b == pool->all) {
		*ret = pool->empty;
		return 0;
	}
	if (b == pool->empty) {
		*ret = a;
		return 0;
	}
	return boolean(pool, OPERATION_DIFFERENCE,
		PLANTED(DIFFERENCE_IS_SYMMETRIC) ? TABLE_SYMMETRIC : TABLE_DIFFERENCE, a, b, ret);
}

/* The complement has the same states, classes and numbers; only acceptance differs. */
int shc_dfa_complement(
	struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa **ret)
{
	const struct shc_dfa *result = recall(pool, OPERATION_COMPLEMENT, a, NULL);
	struct scratch_mark mark;
	uint8_t *accepting;
	int err = -ENOMEM;

	if (result) {
		*ret = result;
		return 0;
	}
	mark = operation_begin(pool);
	accepting = scratch(pool, a->state_count, 1);
	if (accepting) {
		for (uint32_t s = 0; s < a->state_count; s++)
			accepting[s] = !a->accepting[s];
		if (PLANTED(COMPLEMENT_KEEPS_START) && a->state_count > 2)
			accepting[0] = a->accepting[0];
		(void)charge(pool, a->state_count);
		err = dfa_intern(pool, a->state_count, a->class_count, a->class_of, a->next,
			accepting, &result);
	}
	operation_end(pool, mark);
	if (err)
		return err;
	remember(pool, OPERATION_COMPLEMENT, a, NULL, result);
	remember(pool, OPERATION_COMPLEMENT, result, NULL, a);
	*ret = result;
	return 0;
}

/* 1 if no reachable pair of states has a value in @table, else 0. */
static int none_reachable(struct shc_dfa_pool *pool, unsigned int table, const struct shc_dfa *a,
	const struct shc_dfa *b)
{
	struct scratch_mark mark = operation_begin(pool);
	struct product p;
	uint32_t number;
	int err = product_init(&p, pool, a, b), found = 0;

	if (!err)
		err = product_number(&p, 0, 0, &number);
	for (uint32_t i = 0; !err && !found && i < p.count; i++) {
		uint32_t sa = p.pair_a[i], sb = p.pair_b[i];

		found = truth(table, a->accepting[sa], b->accepting[sb]);
		for (uint32_t c = 0; c < p.class_count && !err && !found; c++) {
			uint32_t ta = dfa_move(a, sa, p.class_a[c]);
			uint32_t tb = dfa_move(b, sb, p.class_b[c]);

			if (!nowhere(table, ta == a->dead, tb == b->dead))
				err = product_number(&p, ta, tb, &number);
		}
		if (!charge(pool, p.class_count))
			err = -E2BIG;
	}
	operation_end(pool, mark);
	return found ? 0 : err ? err : 1;
}

int shc_dfa_includes(
	struct shc_dfa_pool *pool, const struct shc_dfa *whole, const struct shc_dfa *part)
{
	hb_assert(whole->pool == pool && part->pool == pool);
	if (whole == part || part == pool->empty || whole == pool->all)
		return 1;
	return none_reachable(pool, TABLE_DIFFERENCE, part, whole);
}

int shc_dfa_disjoint(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa *b)
{
	hb_assert(a->pool == pool && b->pool == pool);
	if (a == pool->empty || b == pool->empty)
		return 1;
	return none_reachable(pool, TABLE_INTERSECT, a, b);
}
