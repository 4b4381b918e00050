/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Built-ins that print: what a command substitution around them captures. All take @state. 0 or -ENOMEM. */
#ifndef SHCHECK_SEMANTIC_PRINTING_H
#define SHCHECK_SEMANTIC_PRINTING_H

#include "command.h"

int shc_pwd_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);
int shc_echo_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);
int shc_printf_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);

/* shc_capture - append @term to what a substitution captures, if one does. NULL is no memory. @state is borrowed. */
int shc_capture(const struct shc_call *call, struct shc_state *state, const struct shc_term *term);

#endif
