/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entering and leaving the state in which handlers run; shared by interpretation and replay. */
#ifndef SPORK_RUN_H
#define SPORK_RUN_H

#include "machine/cpu.h"

void cpu_enter(struct cpu *c, struct spork_machine *m);
/* @i: the instruction that stopped, or NULL. Registers are complete afterwards. */
void cpu_leave(struct cpu *c, const struct spork_insn *i);

#endif
