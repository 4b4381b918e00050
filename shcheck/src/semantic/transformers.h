/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands that run other commands: see transformers.c. */
#ifndef SHCHECK_SEMANTIC_TRANSFORMERS_H
#define SHCHECK_SEMANTIC_TRANSFORMERS_H

#include "command.h"

/* shc_transformer_known - is @name one of them? shc_transformer_run - run it. Takes @state. 0 or -ENOMEM. */
bool shc_transformer_known(struct shc_text name);
int shc_transformer_run(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);

/* shc_run_program - run the fields of @call from @first on as a program, no function. Takes @state. 0 or -ENOMEM. */
int shc_run_program(const struct shc_call *call, uint32_t first, struct shc_state *state,
	struct shc_outcomes *out);

#endif
