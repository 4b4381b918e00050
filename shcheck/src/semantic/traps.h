/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * trap: what runs at the end, at signals, and in bash after a failed command, before a command and where a function is
 * left (POSIX.1-2017 XCU 2.14, trap; bash(1)). The action at the end is run from every state in which the shell can
 * end; that of a signal from the join of all states in which it was set, and what it then leaves behind is not carried
 * on: an obligation.
 */
#ifndef SHCHECK_SEMANTIC_TRAPS_H
#define SHCHECK_SEMANTIC_TRAPS_H

#include "command.h"

/*
 * shc_traps_enter_subshell - only what is ignored stays in a subshell; ERR with set -E, DEBUG and RETURN with set -T.
 * 0 or -ENOMEM.
 */
int shc_traps_enter_subshell(struct shc_interpreter *in, struct shc_state *state);

/*
 * shc_traps_enter_function - in a function, ERR is set only with set -E, and DEBUG and RETURN with set -T, unless the
 * function sets them itself. shc_traps_leave_function - what it has not set is again as it was: @outer, or NULL. 0 or
 * -ENOMEM. Source: bash(1), FUNCTIONS, and what bash 5.2 does.
 */
int shc_traps_enter_function(struct shc_interpreter *in, struct shc_state *state);
int shc_traps_leave_function(
	struct shc_interpreter *in, struct shc_state *state, const struct shc_traps *outer);

/* shc_traps_at_end - the shell ends in @state: its EXIT trap runs. Takes @state; appends flow EXIT. 0 or -ENOMEM. */
int shc_traps_at_end(struct shc_interpreter *in, struct shc_state *state, struct shc_outcomes *out);

/* shc_trap_set - may a trap of @kind (ERR, DEBUG, RETURN of bash) run in @state now? */
bool shc_trap_set(const struct shc_interpreter *in, const struct shc_state *state, int kind);

/* shc_traps_between - the trap of @kind runs, or may run; $? stays. Takes @state. 0 or -ENOMEM. */
int shc_traps_between(
	struct shc_interpreter *in, struct shc_state *state, int kind, struct shc_outcomes *out);

/* shc_traps_note - a signal may come in @state: remember it where a trap is set. 0 or -ENOMEM. */
int shc_traps_note(struct shc_interpreter *in, const struct shc_state *state);

/* shc_traps_at_signals - after the script: run the actions of signals. 0 or -ENOMEM. */
int shc_traps_at_signals(struct shc_interpreter *in);
void shc_interruptions_finish(struct shc_interpreter *in);

/* shc_traps_anything - whatever traps are set may be any others from now on: an obligation. 0 or -ENOMEM. */
int shc_traps_anything(
	struct shc_interpreter *in, struct shc_state *state, const struct shc_command *site);

/* shc_traps_drop_end - the shell is replaced by a program: nothing runs at the end. 0 or -ENOMEM. */
int shc_traps_drop_end(struct shc_interpreter *in, struct shc_state *state);

#endif
