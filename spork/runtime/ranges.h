/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is mapped, told to the overlay before the interpreter runs: every range that it has to ask
 * for itself costs it three system calls.
 */
#ifndef SPORK_RANGES_H
#define SPORK_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spork/machine.h"

struct arena;

/*
 * ranges_declare - the read-only parts of the modules, from their headers, and the ranges that
 * every child touches (stack, thread, heap, data), asked for together. What cannot be found out
 * is left for the overlay to ask.
 */
void ranges_declare(struct arena *arena);

/*
 * ranges_are_there - is each of @count ranges private anonymous memory of the process now, readable and, where it
 * says so, writable? @ret_ends: where the mapping ends that holds it.
 */
bool ranges_are_there(const struct spork_range *ranges, size_t count, uint64_t *ret_ends);

#endif
