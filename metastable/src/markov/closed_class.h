/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The states that a chain ends in and never leaves again. Thread-safe.
 *
 * Source: Tarjan, SIAM J. Comput. 1(2), 1972 (strongly connected components).
 */
#ifndef METASTABLE_CLOSED_CLASS_H
#define METASTABLE_CLOSED_CLASS_H

#include <stdint.h>

struct ms_generator;

/*
 * closed_class - the closed class of @generator.
 * @ret_member: shape [states]: 1 in it, else 0. @ret_count: its states.
 *
 * Returns 0, -EDOM (there is more than one) or -ENOMEM.
 */
int closed_class(const struct ms_generator *generator, uint8_t *ret_member, uint32_t *ret_count);

#endif
