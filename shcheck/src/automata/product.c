/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "product.h"

#include <errno.h>
#include <string.h>

#define DIRECT_PAIRS 16384

int product_init(struct product *p, struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_dfa *b)
{
	uint64_t pairs = (uint64_t)a->state_count * b->state_count;

	*p = (struct product){.pool = pool, .a = a, .b = b};
	p->class_count = classes_of_pair(a, b, p->class_of, p->class_a, p->class_b);
	if (pairs > DIRECT_PAIRS)
		return 0;
	p->direct = scratch(pool, pairs, sizeof(*p->direct));
	if (!p->direct)
		return -ENOMEM;
	memset(p->direct, 0xff, pairs * sizeof(*p->direct));
	return 0;
}

static uint64_t mix(uint64_t key)
{
	key *= UINT64_C(0x9e3779b97f4a7c15);
	return key ^ key >> 32;
}

static int grow_slots(struct product *p)
{
	uint32_t larger = p->slot_count ? p->slot_count * 4 : 4096;
	uint64_t *keys = scratch(p->pool, larger, sizeof(*keys));
	uint32_t *numbers = scratch(p->pool, larger, sizeof(*numbers));

	if (!keys || !numbers)
		return -ENOMEM;
	memset(numbers, 0xff, larger * sizeof(*numbers));
	for (uint32_t i = 0; i < p->count; i++) {
		uint64_t key = (uint64_t)p->pair_a[i] << 32 | p->pair_b[i], slot = mix(key);

		while (numbers[slot & (larger - 1)] != NONE)
			slot++;
		keys[slot & (larger - 1)] = key;
		numbers[slot & (larger - 1)] = i;
	}
	p->keys = keys;
	p->numbers = numbers;
	p->slot_count = larger;
	return 0;
}

static int add_pair(struct product *p, uint32_t a, uint32_t b, uint32_t *ret)
{
	if (p->count >= states_max(p->pool) || !charge(p->pool, 1))
		return -E2BIG;
	if (scratch_grow(p->pool, &p->pair_a, &p->capacity_a, p->count + 1, sizeof(uint32_t)) ||
		scratch_grow(p->pool, &p->pair_b, &p->capacity_b, p->count + 1, sizeof(uint32_t)))
		return -ENOMEM;
	p->pair_a[p->count] = a;
	p->pair_b[p->count] = b;
	*ret = p->count++;
	return 0;
}

int product_number(struct product *p, uint32_t a, uint32_t b, uint32_t *ret)
{
	uint64_t key = (uint64_t)a << 32 | b, slot = mix(key);
	uint32_t number;
	int err;

	if (p->direct) {
		uint32_t *entry = &p->direct[(size_t)a * p->b->state_count + b];

		if (*entry != NONE) {
			*ret = *entry;
			return 0;
		}
		err = add_pair(p, a, b, ret);
		if (!err)
			*entry = *ret;
		return err;
	}
	if (p->count >= p->slot_count / 2 && grow_slots(p))
		return -ENOMEM;
	for (; (number = p->numbers[slot & (p->slot_count - 1)]) != NONE; slot++) {
		if (p->keys[slot & (p->slot_count - 1)] == key) {
			*ret = number;
			return 0;
		}
	}
	err = add_pair(p, a, b, ret);
	if (!err) {
		p->keys[slot & (p->slot_count - 1)] = key;
		p->numbers[slot & (p->slot_count - 1)] = *ret;
	}
	return err;
}

struct shc_byte_set product_class_set(const struct product *p, uint32_t class)
{
	struct shc_byte_set set = {0};

	for (int b = 0; b < 256; b++) {
		if (p->class_of[b] == class)
			shc_byte_set_add(&set, (unsigned char)b);
	}
	return set;
}
