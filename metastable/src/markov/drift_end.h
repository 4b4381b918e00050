/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A frequent state, found without solving anything. Thread-safe. */
#ifndef METASTABLE_DRIFT_END_H
#define METASTABLE_DRIFT_END_H

#include <stdint.h>

struct ms_generator;

/*
 * drift_end - where the drift leads from the first state: most likely among the frequent states. A point moves by half
 * a step at a time; it stops where the drift turns back, at the edge, or after as many steps as the box has along all
 * its sides.
 */
uint32_t drift_end(const struct ms_generator *generator);

#endif
