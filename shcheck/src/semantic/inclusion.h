/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text that is run as commands: the operands of eval and trap, and sourced files. What is known is parsed once per
 * place and run like the rest of the script; of what is not known is said that it may set every variable.
 */
#ifndef SHCHECK_SEMANTIC_INCLUSION_H
#define SHCHECK_SEMANTIC_INCLUSION_H

#include "command.h"

/* shc_inclusions_finish - release all of them. */
void shc_inclusions_finish(struct shc_interpreter *in);

/*
 * shc_include_text - @text as commands, run by @site: parsed on first use.
 * Returns 1, 0 when it is too long, too much or not understood (then it counts as unknown), or -ENOMEM.
 */
int shc_include_text(struct shc_interpreter *in, const struct shc_command *site,
	struct shc_text text, const struct shc_inclusion **ret);

/* shc_run_inclusion - run the commands of @inclusion. Takes @state. 0 or -ENOMEM. */
int shc_run_inclusion(struct shc_interpreter *in, const struct shc_inclusion *inclusion,
	struct shc_state *state, struct shc_outcomes *out);

/*
 * shc_doubt_variables - @call has set or unset a variable of which the name is not known: each one is as it was, or
 * anything, which is an obligation. 0 or -ENOMEM.
 */
int shc_doubt_variables(const struct shc_call *call, struct shc_state *state);

/*
 * shc_run_unread - commands of which nothing is known have run for @site: every variable may have been set by them
 * (the shell's own ones aside), functions that the script does not define may exist, and nothing is known of files.
 * They are taken not to change the directory, options, and functions of the script: an obligation. Takes @state.
 */
int shc_run_unread(struct shc_interpreter *in, const struct shc_command *site,
	struct shc_state *state, struct shc_outcomes *out);

/* shc_run_action - run the action of a trap: known text, one of a few, or unknown. Takes @state. 0 or -ENOMEM. */
int shc_run_action(struct shc_interpreter *in, const struct shc_command *site,
	const struct shc_term *action, struct shc_state *state, struct shc_outcomes *out);

#endif
