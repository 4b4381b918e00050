/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop. */
#include "machine/cpu.h"
#include "machine/run.h"
#include "machine/trace.h"

/* Up to this budget every instruction is counted by itself. */
#define EXACT_BUDGET 64u

#define HANDLER_ENTRY(name) [spork_op_##name] = op_##name,
handler_function *const spork_handlers[SPORK_OP_COUNT] = {SPORK_OPS(HANDLER_ENTRY)};

SPORK_FAST void cpu_materialise(struct cpu *c)
{
	uint64_t bits;

	if (c->kind == FLAGS_EXPLICIT)
		return;
	bits = (parity(c->result >> c->shift) ? FLAG_PF : 0) | (c->result == 0 ? FLAG_ZF : 0) |
	       (c->result >> 63 ? FLAG_SF : 0) | (carry_flag(c) ? FLAG_CF : 0);
	if (c->kind != FLAGS_LOGIC)
		bits |= (c->a ^ c->b ^ c->result) >> c->shift & FLAG_AF;
	if (c->kind == FLAGS_ADD || c->kind == FLAGS_INC)
		bits |= ((c->a ^ c->result) & (c->b ^ c->result)) >> 63 ? FLAG_OF : 0;
	else if (c->kind == FLAGS_SUB || c->kind == FLAGS_DEC)
		bits |= ((c->a ^ c->b) & (c->a ^ c->result)) >> 63 ? FLAG_OF : 0;
	set_explicit(c, bits);
}

static uint32_t host_mxcsr(void)
{
	return __builtin_ia32_stmxcsr();
}

SPORK_FAST void cpu_enter(struct cpu *c, struct spork_machine *m)
{
	uint64_t flags = m->regs.rflags;
	/* An unmasked exception of the child must not become a signal of the parent. */
	uint32_t mxcsr = ((uint32_t)m->regs.mxcsr_fcw & 0xffff) | MXCSR_MASKS;

	c->r = (uint64_t *)(void *)&m->regs;
	c->overlay = m->overlay;
	c->m = m;
	c->kind = FLAGS_EXPLICIT;
	c->shift = 0;
	c->carry = 0;
	c->direction = !!(flags & FLAG_DF);
	c->other_flags = flags & ~(uint64_t)(FLAGS_STATUS | FLAG_DF | 2);
	set_explicit(c, flags & FLAGS_STATUS);
	c->insns = NULL;
	c->stubs = NULL;
	c->insn_count = 0;
	c->stub_bytes = 0;
	c->module = NULL;
	c->same = NULL;
	c->granule_count = 0;
	c->block = NULL;
	c->executed = 0;
	c->limit = UINT64_MAX;
	c->elements_left = ELEMENTS_MAX;
	c->rip_known = false;
	c->completed = false;
	for (size_t n = 0; n < TARGET_CACHE; n++)
		c->targets[n].insn = NULL;
	m->regs.zero = 0;
	m->overlay->stack_pointer = m->regs.gpr[SPORK_RSP];
	/* The child's rounding mode and sticky flags hold while stubs run, and never reach the parent. */
	c->host_mxcsr = host_mxcsr();
	if (c->host_mxcsr != mxcsr)
		__builtin_ia32_ldmxcsr(mxcsr);
}

SPORK_FAST void cpu_leave(struct cpu *c, const struct spork_insn *i)
{
	struct spork_registers *regs = &c->m->regs;
	uint32_t mxcsr = host_mxcsr();

	cpu_materialise(c);
	regs->rflags |= c->other_flags | (c->direction ? FLAG_DF : 0);
	if (!c->rip_known && i)
		regs->rip = regs->module_base + i->offset;
	if (c->block && i)
		c->executed += (uint64_t)(i - c->block) + (c->completed ? 1 : 0);
	c->m->executed += c->executed;
	regs->mxcsr_fcw =
		(regs->mxcsr_fcw & ~(UINT64_C(0xffffffff) & ~MXCSR_MASKS)) | (mxcsr & ~MXCSR_MASKS);
	if (c->host_mxcsr != mxcsr)
		__builtin_ia32_ldmxcsr(c->host_mxcsr);
}

/* One instruction at a time: exact budgets, and recording. Returns the instruction that stopped. */
static const struct spork_insn *step(struct cpu *c, const struct spork_insn *i, uint64_t budget)
{
	struct spork_trace *trace = c->m->trace;
	const struct spork_insn *next;
	uint64_t count = 0;

	for (;; i = next) {
		bool real = i->op != spork_op_fall;

		if (real && count >= budget) {
			c->stop = SPORK_STOP_BUDGET;
			break;
		}
		c->block = i;
		c->completed = false;
		if (real && !cpu_same_code(c, i, i))
			break;
		if (trace && real)
			trace_before(trace, c, i);
		next = handler_of(i)(c, i);
		if (trace && real)
			trace_after(trace, c, i, next);
		/* A transfer to an address without code has happened all the same. */
		if (real && (next || c->completed || c->stop == SPORK_STOP_NO_CODE))
			count++;
		if (!next)
			break;
	}
	c->executed = count;
	c->block = NULL;
	return i;
}

enum spork_stop spork_machine_run(struct spork_machine *m, uint64_t budget)
{
	const struct spork_insn *i, *next;
	struct cpu c;

	cpu_enter(&c, m);
	i = cpu_lookup(&c, m->regs.rip);
	if (!i) {
		cpu_leave(&c, NULL);
		return c.stop;
	}
	if (budget <= EXACT_BUDGET || m->trace) {
		i = step(&c, i, budget);
	} else {
		c.limit = budget;
		c.block = i;
		while (LIKELY((next = handler_of(i)(&c, i)) != NULL))
			i = next;
		/* The last stretch of code, which ends without a transfer of control. */
		if (c.block)
			(void)cpu_same_code(&c, c.block, i);
	}
	cpu_leave(&c, i);
	return c.stop;
}
