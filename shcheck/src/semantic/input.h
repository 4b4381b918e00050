/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Built-ins that take values from outside: see input.c. All take @state. 0 or -ENOMEM. */
#ifndef SHCHECK_SEMANTIC_INPUT_H
#define SHCHECK_SEMANTIC_INPUT_H

#include "command.h"

int shc_read_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);
int shc_mapfile_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);
int shc_getopts_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);

#endif
