/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The order of the arms inside blocks, and of the points inside a round of blocks. Arms follow Williams' designs:
 * Latin squares in which each arm stands in each position, and follows each other arm, equally often, so that
 * neither position nor carry-over favours one. Rows and labels are drawn at random per cycle: no fixed alternation
 * meets a periodic noise.
 *
 * Thread-safe: pure functions. Source: Williams, "Experimental designs balanced for the estimation of residual
 * effects of treatments", Aust. J. Sci. Res. 2, 1949.
 */
#ifndef HOTBED_RUNNER_ORDER_H
#define HOTBED_RUNNER_ORDER_H

#include <stdint.h>

#define HB_ORDER_SLOTS_MAX 64

/* hb_order_cycle - blocks after which @slots arms are balanced: @slots if even, else twice that. */
uint32_t hb_order_cycle(uint32_t slots);

/*
 * hb_order_block - the order of block number @block.
 * @seed: names the sequence of blocks, e.g. run seed mixed with the point. @slots: arms, 1 ... HB_ORDER_SLOTS_MAX.
 * @ret: shape [slots], a permutation of 0 ... slots-1.
 */
void hb_order_block(uint64_t seed, uint32_t block, uint32_t slots, uint16_t *ret);

/* hb_order_name_key - a number for a name, the same on every host, to derive seeds from. */
uint64_t hb_order_name_key(const char *name);

#endif
