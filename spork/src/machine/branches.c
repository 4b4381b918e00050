/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Transfers of control: direct ones by instruction number, indirect ones through the index of the module
 * they lead to.
 */
#include "machine/cpu.h"

SPORK_FAST static const struct spork_module *find_module(
	const struct spork_machine *m, uint64_t address)
{
	size_t low = 0, high = m->module_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (m->modules[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == m->module_count || m->modules[low].base > address)
		return NULL;
	return &m->modules[low];
}

SPORK_FAST void cpu_enter_module(struct cpu *c, const struct spork_module *module)
{
	c->module = module;
	c->insns = module->code->insns;
	c->insn_count = module->code->insn_count;
	c->stubs = module->code->stubs;
	c->stub_bytes = c->stubs ? module->code->stub_bytes : 0;
	c->r[SPORK_REG_MODULE] = module->base;
	c->same = module->same;
	c->granule_count = module->code->page_count * SPORK_CODE_GRANULES;
}

SPORK_FAST const struct spork_insn *cpu_lookup(struct cpu *c, uint64_t address)
{
	struct target *target = &c->targets[(address ^ address >> 7) % TARGET_CACHE];
	const struct spork_module *module;
	const struct spork_insn *insn;

	if (LIKELY(target->address == address && target->insn)) {
		if (target->module != c->module)
			cpu_enter_module(c, target->module);
		return target->insn;
	}
	module = find_module(c->m, address);
	insn = module && module->code ? spork_code_at(module->code, address - module->base) : NULL;
	/* An index that points elsewhere is damaged. */
	if (!insn || insn->offset != address - module->base) {
		c->m->fault_address = address;
		c->r[SPORK_REG_RIP] = address;
		c->rip_known = true;
		c->stop = SPORK_STOP_NO_CODE;
		return NULL;
	}
	*target = (struct target){address, insn, module};
	if (module != c->module)
		cpu_enter_module(c, module);
	return insn;
}

/* Counts what ran up to and including @i, and goes on at @next. */
INLINE const struct spork_insn *transfer(
	struct cpu *c, const struct spork_insn *i, const struct spork_insn *next)
{
	c->executed += (uint64_t)(i - c->block) + 1;
	c->block = next;
	if (UNLIKELY(c->executed >= c->limit)) {
		c->r[SPORK_REG_RIP] = c->r[SPORK_REG_MODULE] + next->offset;
		c->rip_known = true;
		c->block = NULL;
		return stop_at(c, SPORK_STOP_BUDGET);
	}
	return next;
}

static const struct spork_insn *go_to(struct cpu *c, const struct spork_insn *i, uint64_t address)
{
	const struct spork_insn *next = cpu_lookup(c, address);

	if (UNLIKELY(!next)) {
		c->executed += (uint64_t)(i - c->block) + 1;
		c->block = NULL;
		return NULL;
	}
	return transfer(c, i, next);
}

/* The code that was just run is compared here, before anybody sees what it did. */
INLINE bool block_is_same(struct cpu *c, const struct spork_insn *last)
{
	if (LIKELY(cpu_same_code(c, c->block, last)))
		return true;
	c->block = NULL;
	return false;
}

const struct spork_insn *cpu_jump(struct cpu *c, const struct spork_insn *i, uint64_t address)
{
	return LIKELY(block_is_same(c, i)) ? go_to(c, i, address) : NULL;
}

/* To the target that the translator found, or, where it found none, to its address. */
INLINE const struct spork_insn *direct(struct cpu *c, const struct spork_insn *i)
{
	if (UNLIKELY(!block_is_same(c, i)))
		return NULL;
	if (LIKELY(i->target < c->insn_count))
		return transfer(c, i, &c->insns[i->target]);
	return go_to(c, i, c->r[SPORK_REG_MODULE] + i->extra);
}

/* The end of a stretch of decoded code; an instruction only to the loop. */
HANDLER(fall)
{
	const struct spork_insn *next;

	if (i > c->block && UNLIKELY(!block_is_same(c, i - 1)))
		return NULL;
	c->executed += (uint64_t)(i - c->block);
	c->block = i + 1;
	c->executed--;
	next = go_to(c, i + 1, c->r[SPORK_REG_MODULE] + i->offset);
	/* Only a damaged file has one end lead to another, perhaps in a circle that no budget counts. */
	if (UNLIKELY(next && next->op == spork_op_fall)) {
		c->block = NULL;
		return stop_at(c, SPORK_STOP_UNSUPPORTED);
	}
	return next;
}

HANDLER(no_code)
{
	(void)i;
	return stop_at(c, SPORK_STOP_UNSUPPORTED);
}

HANDLER(unsupported)
{
	(void)i;
	return stop_at(c, SPORK_STOP_UNSUPPORTED);
}

HANDLER(trap)
{
	(void)i;
	return stop_at(c, SPORK_STOP_TRAP);
}

HANDLER(nop)
{
	(void)c;
	return i + 1;
}

HANDLER(syscall)
{
	cpu_materialise(c);
	c->r[SPORK_REG_RIP] = next_address(c, i);
	c->rip_known = true;
	c->completed = true;
	c->r[SPORK_RCX] = c->r[SPORK_REG_RIP];
	c->r[SPORK_R11] = c->r[SPORK_REG_RFLAGS] | c->other_flags | (c->direction ? FLAG_DF : 0);
	return stop_at(c, SPORK_STOP_SYSCALL);
}

SPORK_FAST bool cpu_push_return(struct cpu *c, const struct spork_insn *i)
{
	if (!store(c, c->r[SPORK_RSP] - 8, 64, next_address(c, i)))
		return false;
	c->r[SPORK_RSP] -= 8;
	return true;
}

INLINE bool push_return(struct cpu *c, const struct spork_insn *i)
{
	if (!store(c, c->r[SPORK_RSP] - 8, 64, next_address(c, i)))
		return false;
	c->r[SPORK_RSP] -= 8;
	return true;
}

HANDLER(call)
{
	if (!push_return(c, i))
		return stop_memory(c);
	return direct(c, i);
}

HANDLER(call_r)
{
	uint64_t address = c->r[i->r1];

	if (!push_return(c, i))
		return stop_memory(c);
	return cpu_jump(c, i, address);
}

HANDLER(call_m)
{
	uint64_t address;

	if (!load(c, address_of(c, i), 64, &address) || !push_return(c, i))
		return stop_memory(c);
	return cpu_jump(c, i, address);
}

HANDLER(jmp)
{
	return direct(c, i);
}

HANDLER(jmp_r)
{
	return cpu_jump(c, i, c->r[i->r1]);
}

HANDLER(jmp_m)
{
	uint64_t address;

	if (!load(c, address_of(c, i), 64, &address))
		return stop_memory(c);
	return cpu_jump(c, i, address);
}

HANDLER(ret)
{
	uint64_t address;

	if (!load(c, c->r[SPORK_RSP], 64, &address))
		return stop_memory(c);
	c->r[SPORK_RSP] += 8 + (uint64_t)i->imm;
	return cpu_jump(c, i, address);
}

/* jrcxz and jecxz, told apart by r1. */
HANDLER(jrcxz)
{
	uint64_t value = i->r1 ? (uint32_t)c->r[SPORK_RCX] : c->r[SPORK_RCX];

	return value == 0 ? direct(c, i) : i + 1;
}

#define JUMP_IF(name, code)                                       \
	HANDLER(j_##name)                                         \
	{                                                         \
		return condition(c, code) ? direct(c, i) : i + 1; \
	}

JUMP_IF(o, 0)
JUMP_IF(no, 1)
JUMP_IF(b, 2)
JUMP_IF(nb, 3)
JUMP_IF(z, 4)
JUMP_IF(nz, 5)
JUMP_IF(be, 6)
JUMP_IF(nbe, 7)
JUMP_IF(s, 8)
JUMP_IF(ns, 9)
JUMP_IF(p, 10)
JUMP_IF(np, 11)
JUMP_IF(l, 12)
JUMP_IF(nl, 13)
JUMP_IF(le, 14)
JUMP_IF(nle, 15)
