/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Moves with extension, the stack, and moves that depend on flags. */
#include "machine/cpu.h"

#define MOVZX(width)                                           \
	HANDLER(movzx##width##_r)                              \
	{                                                      \
		c->r[i->r1] = low_bits(c->r[i->r2], width);    \
		return i + 1;                                  \
	}                                                      \
	HANDLER(movzx##width##_m)                              \
	{                                                      \
		uint64_t value;                                \
                                                               \
		if (!load(c, address_of(c, i), width, &value)) \
			return stop_memory(c);                 \
		c->r[i->r1] = value;                           \
		return i + 1;                                  \
	}

MOVZX(8)
MOVZX(16)

#define MOVSX(name, from, to)                                                         \
	HANDLER(movsx##from##_r##name)                                                \
	{                                                                             \
		set_register(c, i->r1, to, (uint64_t)sign_extend(c->r[i->r2], from)); \
		return i + 1;                                                         \
	}                                                                             \
	HANDLER(movsx##from##_m##name)                                                \
	{                                                                             \
		uint64_t value;                                                       \
                                                                                      \
		if (!load(c, address_of(c, i), from, &value))                         \
			return stop_memory(c);                                        \
		set_register(c, i->r1, to, (uint64_t)sign_extend(value, from));       \
		return i + 1;                                                         \
	}

MOVSX(_32, 8, 32)
MOVSX(_64, 8, 64)
MOVSX(_32, 16, 32)
MOVSX(_64, 16, 64)
MOVSX(, 32, 64)

HANDLER(lea_32)
{
	c->r[i->r1] = (uint32_t)address_of(c, i);
	return i + 1;
}

HANDLER(lea_64)
{
	c->r[i->r1] = address_of(c, i);
	return i + 1;
}

HANDLER(bswap_32)
{
	c->r[i->r1] = __builtin_bswap32((uint32_t)c->r[i->r1]);
	return i + 1;
}

HANDLER(bswap_64)
{
	c->r[i->r1] = __builtin_bswap64(c->r[i->r1]);
	return i + 1;
}

HANDLER(xchg_rr_32)
{
	uint64_t value = c->r[i->r1];

	c->r[i->r1] = (uint32_t)c->r[i->r2];
	c->r[i->r2] = (uint32_t)value;
	return i + 1;
}

HANDLER(xchg_rr_64)
{
	uint64_t value = c->r[i->r1];

	c->r[i->r1] = c->r[i->r2];
	c->r[i->r2] = value;
	return i + 1;
}

INLINE const struct spork_insn *push(struct cpu *c, const struct spork_insn *i, uint64_t value)
{
	if (!store(c, c->r[SPORK_RSP] - 8, 64, value))
		return stop_memory(c);
	c->r[SPORK_RSP] -= 8;
	return i + 1;
}

HANDLER(push_r)
{
	return push(c, i, c->r[i->r1]);
}

HANDLER(push_i)
{
	return push(c, i, (uint64_t)i->imm);
}

HANDLER(push_m)
{
	uint64_t value;

	if (!load(c, address_of(c, i), 64, &value))
		return stop_memory(c);
	return push(c, i, value);
}

HANDLER(pushf)
{
	cpu_materialise(c);
	return push(c, i, c->r[SPORK_REG_RFLAGS] | c->other_flags | (c->direction ? FLAG_DF : 0));
}

HANDLER(popf)
{
	uint64_t value;

	if (!load(c, c->r[SPORK_RSP], 64, &value))
		return stop_memory(c);
	c->r[SPORK_RSP] += 8;
	/* Of the others only those that a program can change without effect on itself are let through. */
	c->direction = !!(value & FLAG_DF);
	set_explicit(c, value & FLAGS_STATUS);
	return i + 1;
}

HANDLER(pop_r)
{
	uint64_t value;

	if (!load(c, c->r[SPORK_RSP], 64, &value))
		return stop_memory(c);
	c->r[SPORK_RSP] += 8;
	c->r[i->r1] = value;
	return i + 1;
}

HANDLER(pop_m)
{
	uint64_t value;

	if (!load(c, c->r[SPORK_RSP], 64, &value))
		return stop_memory(c);
	/* An address relative to rsp is computed after the increment. */
	c->r[SPORK_RSP] += 8;
	if (!store(c, address_of(c, i), 64, value)) {
		c->r[SPORK_RSP] -= 8;
		return stop_memory(c);
	}
	return i + 1;
}

HANDLER(leave)
{
	uint64_t value;

	if (!load(c, c->r[SPORK_RBP], 64, &value))
		return stop_memory(c);
	c->r[SPORK_RSP] = c->r[SPORK_RBP] + 8;
	c->r[SPORK_RBP] = value;
	return i + 1;
}

HANDLER(set_r)
{
	set_register(c, i->r1, 8, condition(c, (unsigned)i->imm));
	return i + 1;
}

HANDLER(set_m)
{
	if (!store(c, address_of(c, i), 8, condition(c, (unsigned)i->imm)))
		return stop_memory(c);
	return i + 1;
}

#define CMOV(width)                                                                             \
	HANDLER(cmov_rr_##width)                                                                \
	{                                                                                       \
		bool holds = condition(c, (unsigned)i->imm);                                    \
                                                                                                \
		set_register(c, i->r1, width, c->r[holds ? i->r2 : i->r1]);                     \
		return i + 1;                                                                   \
	}                                                                                       \
	HANDLER(cmov_rm_##width)                                                                \
	{                                                                                       \
		uint64_t value;                                                                 \
                                                                                                \
		if (!load(c, address_of(c, i), width, &value))                                  \
			return stop_memory(c);                                                  \
		set_register(                                                                   \
			c, i->r1, width, condition(c, (unsigned)i->imm) ? value : c->r[i->r1]); \
		return i + 1;                                                                   \
	}

CMOV(32)
CMOV(64)

HANDLER(cwde)
{
	set_register(c, SPORK_RAX, 32, (uint64_t)sign_extend(c->r[SPORK_RAX], 16));
	return i + 1;
}

HANDLER(cdqe)
{
	c->r[SPORK_RAX] = (uint64_t)sign_extend(c->r[SPORK_RAX], 32);
	return i + 1;
}

HANDLER(cdq)
{
	c->r[SPORK_RDX] = (uint32_t)(sign_extend(c->r[SPORK_RAX], 32) >> 63);
	return i + 1;
}

HANDLER(cqo)
{
	c->r[SPORK_RDX] = (uint64_t)((int64_t)c->r[SPORK_RAX] >> 63);
	return i + 1;
}

HANDLER(cld)
{
	c->direction = 0;
	return i + 1;
}

HANDLER(std)
{
	c->direction = 1;
	return i + 1;
}
