/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recording and replay of recipes. */
#include "machine/trace.h"

void trace_before(struct spork_trace *t, struct cpu *c, const struct spork_insn *i)
{
	(void)t;
	(void)c;
	(void)i;
}

void trace_after(struct spork_trace *t, struct cpu *c, const struct spork_insn *i,
	const struct spork_insn *next)
{
	(void)t;
	(void)c;
	(void)i;
	(void)next;
}

#define RECIPE_ONLY(name)                                  \
	HANDLER(name)                                      \
	{                                                  \
		(void)i;                                   \
		return stop_at(c, SPORK_STOP_UNSUPPORTED); \
	}

SPORK_OPS_RECIPE(RECIPE_ONLY)
