/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "order.h"

#include <string.h>

#include <xxhash.h>

#include <hotbed/assert.h>
#include <hotbed/rng.h>

uint32_t hb_order_cycle(uint32_t slots)
{
	return slots % 2 == 0 ? slots : 2 * slots;
}

/* Position @j of row @row of the Williams square: 0, n-1, 1, n-2 ... shifted by the row; odd n needs the mirror too. */
static uint32_t williams(uint32_t slots, uint32_t row, uint32_t j)
{
	if (row >= slots) {
		row -= slots;
		j = slots - 1 - j;
	}
	uint32_t first = j % 2 == 0 ? j / 2 : slots - (j + 1) / 2;

	return (first + row) % slots;
}

void hb_order_block(uint64_t seed, uint32_t block, uint32_t slots, uint16_t *ret)
{
	uint32_t labels[HB_ORDER_SLOTS_MAX], rows[2 * HB_ORDER_SLOTS_MAX];
	struct hb_rng rng;

	hb_assert(slots >= 1 && slots <= HB_ORDER_SLOTS_MAX);
	uint32_t cycle = hb_order_cycle(slots);

	for (uint32_t i = 0; i < slots; i++)
		labels[i] = i;
	for (uint32_t i = 0; i < cycle; i++)
		rows[i] = i;
	hb_rng_init(&rng, seed, block / cycle);
	hb_rng_shuffle(&rng, labels, slots);
	hb_rng_shuffle(&rng, rows, cycle);
	for (uint32_t j = 0; j < slots; j++)
		ret[j] = (uint16_t)labels[williams(slots, rows[block % cycle], j)];
}

uint64_t hb_order_name_key(const char *name)
{
	return XXH3_64bits(name, strlen(name));
}
