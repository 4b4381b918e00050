/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether commands are there: see lookup.c. */
#ifndef SHCHECK_SEMANTIC_LOOKUP_H
#define SHCHECK_SEMANTIC_LOOKUP_H

#include "command.h"

/* shc_lookup_run - command -v, type, hash, which: found or not, as two states. Takes @state. 0 or -ENOMEM. */
int shc_lookup_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);

/* shc_forget_availability - PATH has changed. */
void shc_forget_availability(struct shc_state *state);

#endif
