/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the budget is spent on first. Once a part of it is gone, conditions and loops in which nothing dangerous can
 * happen are left out: what they assign is unknown afterwards. The rest is there for the paths to what deletes.
 */
#ifndef SHCHECK_SEMANTIC_RISK_H
#define SHCHECK_SEMANTIC_RISK_H

#include "interpreter.h"

/* Of the budget, in per mille: from here on commands without danger are left out. */
enum { SHC_CAREFUL = 250 };

/* shc_may_leave_out - is @command compound, and does nothing in it, functions included, matter beyond variables? */
bool shc_may_leave_out(struct shc_interpreter *in, const struct shc_command *command);

/*
 * shc_forget_command - @command may have run, functions that it calls included: what they assign is unknown, and so is
 * what is at paths. 0 or -ENOMEM.
 */
int shc_forget_command(
	struct shc_interpreter *in, const struct shc_command *command, struct shc_state *state);

/* shc_leave_out - go on behind @command, whatever it did. Takes @state. 0 or -ENOMEM. */
int shc_leave_out(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out);

#endif
