/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "order.h"

static uint64_t seed_of_test(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 20250601;

	printf("HB_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

Test(order, every_block_is_a_permutation)
{
	uint64_t seed = seed_of_test();

	for (uint32_t slots = 1; slots <= HB_ORDER_SLOTS_MAX; slots++) {
		for (uint32_t block = 0; block < 50; block++) {
			uint16_t order[HB_ORDER_SLOTS_MAX];
			uint64_t seen = 0;

			hb_order_block(seed, block, slots, order);
			for (uint32_t s = 0; s < slots; s++) {
				cr_assert(order[s] < slots);
				seen |= UINT64_C(1) << order[s];
			}
			cr_assert_eq(seen, ~UINT64_C(0) >> (64 - slots));
		}
	}
}

Test(order, over_a_cycle_every_arm_has_every_position_equally_often)
{
	uint64_t seed = seed_of_test();

	for (uint32_t slots = 2; slots <= 12; slots++) {
		uint32_t cycle = hb_order_cycle(slots), counts[12][12] = {{0}};

		for (uint32_t block = 3 * cycle; block < 4 * cycle; block++) {
			uint16_t order[12];

			hb_order_block(seed, block, slots, order);
			for (uint32_t s = 0; s < slots; s++)
				counts[order[s]][s]++;
		}
		for (uint32_t arm = 0; arm < slots; arm++)
			for (uint32_t s = 0; s < slots; s++)
				cr_assert_eq(counts[arm][s], cycle / slots);
	}
}

Test(order, over_a_cycle_every_arm_follows_every_other_equally_often)
{
	uint64_t seed = seed_of_test();

	for (uint32_t slots = 2; slots <= 12; slots++) {
		uint32_t cycle = hb_order_cycle(slots), follows[12][12] = {{0}};

		for (uint32_t block = 0; block < cycle; block++) {
			uint16_t order[12];

			hb_order_block(seed, block, slots, order);
			for (uint32_t s = 1; s < slots; s++)
				follows[order[s - 1]][order[s]]++;
		}
		for (uint32_t a = 0; a < slots; a++)
			for (uint32_t b = 0; b < slots; b++)
				cr_assert_eq(follows[a][b], a == b ? 0 : cycle / slots,
					"%u arms: %u after %u %u times", slots, b, a,
					follows[a][b]);
	}
}

Test(order, the_same_seed_gives_the_same_order_and_another_seed_another)
{
	uint16_t a[8], b[8];
	int differ = 0;

	for (uint32_t block = 0; block < 20; block++) {
		hb_order_block(7, block, 8, a);
		hb_order_block(7, block, 8, b);
		cr_assert_arr_eq(a, b, sizeof(a));
		hb_order_block(8, block, 8, b);
		differ += memcmp(a, b, sizeof(a)) != 0;
	}
	cr_assert(differ > 15);
}

/* Of one fixed square the same neighbours would always stand at the same distance. */
Test(order, every_order_occurs_in_the_long_run)
{
	uint64_t seed = seed_of_test();
	bool seen[256] = {false};
	int count = 0;

	for (uint32_t block = 0; block < 4000; block++) {
		uint16_t order[4];

		hb_order_block(seed, block, 4, order);
		seen[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]] = true;
	}
	for (int i = 0; i < 256; i++)
		count += seen[i];
	cr_assert_eq(count, 24, "%d of the 24 orders of four arms", count);
}

Test(order, blocks_of_a_cycle_come_in_another_sequence_each_time)
{
	uint64_t seed = seed_of_test();
	uint32_t steps[6] = {0};

	/* By how much each block's order is shifted against the one before: a fixed sequence has one answer. */
	for (uint32_t block = 1; block < 600; block++) {
		uint16_t before[6], after[6];
		uint32_t s = 0;

		if (block % 6 == 0)
			continue;
		hb_order_block(seed, block - 1, 6, before);
		hb_order_block(seed, block, 6, after);
		while (before[s] != after[0])
			s++;
		steps[s]++;
	}
	cr_assert_eq(steps[0], 0, "two blocks of a cycle begin with the same arm");
	for (int s = 1; s < 6; s++)
		cr_assert(steps[s] > 20, "%u times %d places on", steps[s], s);
}
