/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether commands are there: see lookup.c. */
#ifndef SHCHECK_SEMANTIC_LOOKUP_H
#define SHCHECK_SEMANTIC_LOOKUP_H

#include "command.h"

/* shc_lookup_run - command -v, type, hash, which: found or not, as two states. Takes @state. 0 or -ENOMEM. */
int shc_lookup_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);

/* shc_is_availability - does @fact say whether a command is there? */
bool shc_is_availability(const struct shc_fact *fact);

/* shc_may_install - what is missing is not known to be missing any more if @call may have installed it. */
void shc_may_install(const struct shc_call *call, struct shc_state *state);

/* shc_forget_availability - PATH has changed. */
void shc_forget_availability(struct shc_state *state);

#endif
