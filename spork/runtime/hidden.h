/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory that a forked child does not have, or finds empty (MADV_DONTFORK, MADV_WIPEONFORK): an interpreted child
 * that touches it ends the attempt, as it would see the parent's. Ranges are never taken back, so that memory which
 * is visible again, or gone, costs conversions at most.
 */
#ifndef SPORK_HIDDEN_H
#define SPORK_HIDDEN_H

#include <stdbool.h>
#include <stddef.h>

struct spork_overlay;

/* hidden_any - has the program hidden anything? hidden_lost - more than is remembered: nothing is known. */
bool hidden_any(void);
bool hidden_lost(void);

/* hidden_declare - tell the overlay at the start of an attempt. False: too many ranges for it. */
bool hidden_declare(struct spork_overlay *overlay);

#endif
