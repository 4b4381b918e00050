/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recording: called after every instruction while a trace is on. */
#ifndef SPORK_TRACE_H
#define SPORK_TRACE_H

#include "machine/cpu.h"

void trace_after(struct spork_trace *t, const struct cpu *c, const struct spork_insn *i,
	const struct spork_insn *next);
/* Called before each instruction: which code was run. */
void trace_before(struct spork_trace *t, const struct cpu *c, const struct spork_insn *i);

#endif
