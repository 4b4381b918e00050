/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * trap: what runs at the end, after a failed command (bash), and at signals (POSIX.1-2017 XCU 2.14, trap). The action
 * at the end is run from every state in which the shell can end; that of a signal from the join of all states in which
 * it was set, and what it then leaves behind is not carried on: an obligation.
 */
#ifndef SHCHECK_SEMANTIC_TRAPS_H
#define SHCHECK_SEMANTIC_TRAPS_H

#include "command.h"

/* shc_traps_enter_subshell - only what is ignored stays in a subshell, and ERR with set -E. 0 or -ENOMEM. */
int shc_traps_enter_subshell(struct shc_interpreter *in, struct shc_state *state);

/* shc_traps_at_end - the shell ends in @state: its EXIT trap runs. Takes @state; appends flow EXIT. 0 or -ENOMEM. */
int shc_traps_at_end(struct shc_interpreter *in, struct shc_state *state, struct shc_outcomes *out);

/* shc_trap_error_set - may a failed command run a trap of ERR in @state? */
bool shc_trap_error_set(const struct shc_interpreter *in, const struct shc_state *state);

/* shc_traps_at_error - a command has failed: bash's ERR trap runs, or may run. Takes @state. 0 or -ENOMEM. */
int shc_traps_at_error(
	struct shc_interpreter *in, struct shc_state *state, struct shc_outcomes *out);

/* shc_traps_note - a signal may come in @state: remember it where a trap is set. 0 or -ENOMEM. */
int shc_traps_note(struct shc_interpreter *in, const struct shc_state *state);

/* shc_traps_at_signals - after the script: run the actions of signals. 0 or -ENOMEM. */
int shc_traps_at_signals(struct shc_interpreter *in);
void shc_interruptions_finish(struct shc_interpreter *in);

/* shc_traps_drop_end - the shell is replaced by a program: nothing runs at the end. 0 or -ENOMEM. */
int shc_traps_drop_end(struct shc_interpreter *in, struct shc_state *state);

#endif
