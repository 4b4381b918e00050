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

/* shc_leave_out - go on behind @command, whatever it did. Takes @state. 0 or -ENOMEM. */
int shc_leave_out(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out);

/*
 * shc_leave_out_call - go on behind a call of @function at @site that is not followed: what it assigns, where it goes,
 * and whether it comes back is unknown, which is an obligation. Takes @state. 0 or -ENOMEM.
 */
int shc_leave_out_call(struct shc_interpreter *in, const struct shc_command *function,
	const struct shc_command *site, struct shc_state *state, struct shc_outcomes *out);

#endif
