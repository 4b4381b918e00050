/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state of a running machine, and what all handlers share: registers, memory, flags.
 *
 * Flags are lazy: an operation leaves its operands and its result, shifted to the top of 64 bits so that
 * one comparison
 * serves all widths, and a condition is computed when somebody asks. A handler returns the next instruction, or NULL
 * with ->stop set; until it returns non-NULL it has changed nothing but what the CPU would have changed by then.
 */
#ifndef SPORK_CPU_H
#define SPORK_CPU_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "code/code_file.h"
#include "machine/overlay.h"
#include "spork/machine.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define INLINE static inline __attribute__((always_inline))

#define FLAG_CF 0x001u
#define FLAG_PF 0x004u
#define FLAG_AF 0x010u
#define FLAG_ZF 0x040u
#define FLAG_SF 0x080u
#define FLAG_DF 0x400u
#define FLAG_OF 0x800u
#define FLAGS_STATUS 0x8d5u

/* The bits of mxcsr that keep floating-point exceptions from being raised. */
#define MXCSR_MASKS 0x1f80u

/* Where rflags' status bits come from. */
enum flag_kind {
	FLAGS_EXPLICIT, /* they stand in rflags */
	FLAGS_LOGIC,    /* from ->result, carry and overflow clear */
	FLAGS_ADD,      /* ->a + ->b */
	FLAGS_SUB,      /* ->a - ->b */
	FLAGS_INC,      /* ->a + ->b, carry kept in ->carry */
	FLAGS_DEC
};

#define TARGET_CACHE 64u
/* Elements that repeated string instructions of one run may move or compare: some tens of milliseconds. */
#define ELEMENTS_MAX (UINT64_C(1) << 22)

/* An address control went to before. */
struct target {
	uint64_t address;
	const struct spork_insn *insn;
	const struct spork_module *module;
};

/* Register numbers are bytes, and whatever they hold must stay inside. */
_Static_assert(sizeof(struct spork_registers) >= 256 * sizeof(uint64_t), "256 numbers");

struct cpu {
	uint64_t *r; /* struct spork_registers as numbers, see SPORK_REG_* */
	struct spork_overlay *overlay;
	struct spork_machine *m;

	uint64_t a, b, result;
	uint8_t kind, shift, carry, direction;

	/* The module that runs; insn_count 0 and insns NULL outside of any. */
	const struct spork_insn *insns;
	const uint8_t *stubs;
	uint32_t insn_count, stub_bytes;
	const struct spork_module *module;
	const uint64_t *same; /* of the module; NULL: nothing to compare */
	uint32_t granule_count;

	const struct spork_insn *block; /* first instruction not yet counted */
	uint64_t executed, limit;
	uint64_t elements_left; /* of repeated string instructions */
	enum spork_stop stop;
	bool rip_known; /* rip is set; otherwise it is that of the instruction that stopped */
	bool completed; /* the instruction that stopped has been executed */
	uint64_t other_flags;
	uint32_t host_mxcsr;
	struct target targets[TARGET_CACHE];
};

typedef const struct spork_insn *handler_function(struct cpu *c, const struct spork_insn *i);

#define SPORK_HANDLER_PROTOTYPE(name) handler_function op_##name;
SPORK_OPS(SPORK_HANDLER_PROTOTYPE)

/*
 * What children between fork and exec are made of, kept together: a process that has just started a program finds
 * neither caches nor page tables warm, and in the order of the source every tenth step would be on a new page.
 */
/* clang-format off */
#define SPORK_HOT_OPS(X) \
	X(stub) X(syscall) X(mov_rr_32) X(mov_rr_64) X(mov_ri_32) X(mov_ri_64) X(mov_rm_8) \
	X(mov_rm_32) X(mov_rm_64) X(mov_mr_32) X(mov_mr_64) X(mov_mi_32) X(mov_mi_64) \
	X(movzx8_m) X(movzx16_m) X(lea_32) X(lea_64) X(push_r) X(push_i) X(push_m) X(pop_r) \
	X(test_rr_8) X(test_rr_32) X(test_rr_64) X(test_mi_8) X(cmp_rr_64) X(cmp_rr_32) \
	X(cmp_ri_8) X(cmp_ri_32) X(cmp_ri_64) X(cmp_mi_64) X(add_rr_64) X(add_ri_64) \
	X(add_rm_64) X(add_mi_64) X(sub_rr_32) X(sub_ri_64) X(sub_rm_64) X(and_ri_32) \
	X(and_ri_64) X(and_rr_64) X(and_rm_32) X(xor_rr_32) X(shr_r_32) X(shr_r_64) \
	X(shl_r_32) X(recipe_end) X(recipe_call) X(recipe_ret) X(recipe_jmp_m) \
	X(recipe_jmp_r) X(recipe_guard_b) X(recipe_guard_z) X(recipe_guard_nz) \
	X(recipe_guard_be) X(recipe_guard_nbe)
/* clang-format on */
#define SPORK_HOT_PROTOTYPE(name) handler_function op_##name __attribute__((hot));
SPORK_HOT_OPS(SPORK_HOT_PROTOTYPE)

extern handler_function *const spork_handlers[SPORK_OP_COUNT];

/* Numbers of a damaged file, and steps of recipes, lead to spork_op_no_code. */
INLINE handler_function *handler_of(const struct spork_insn *i)
{
	return spork_handlers[LIKELY(i->op < spork_op_recipe_end) ? i->op : 0];
}

#define HANDLER(name) const struct spork_insn *op_##name(struct cpu *c, const struct spork_insn *i)

/* Stop at this instruction, which has changed nothing. */
INLINE const struct spork_insn *stop_at(struct cpu *c, enum spork_stop stop)
{
	c->stop = stop;
	return NULL;
}

INLINE const struct spork_insn *stop_memory(struct cpu *c)
{
	c->m->fault_address = c->overlay->fault_address;
	return stop_at(c, c->overlay->stop);
}

INLINE uint64_t address_of(const struct cpu *c, const struct spork_insn *i)
{
	return c->r[i->base] + (c->r[i->index] << i->scale) + (uint64_t)(int64_t)i->disp;
}

INLINE uint64_t next_address(const struct cpu *c, const struct spork_insn *i)
{
	return c->r[SPORK_REG_MODULE] + i->offset + i->length;
}

/* The low @width bits; @width is a constant. */
INLINE uint64_t low_bits(uint64_t value, unsigned width)
{
	return width == 64 ? value : value & ((UINT64_C(1) << width % 64) - 1);
}

INLINE int64_t sign_extend(uint64_t value, unsigned width)
{
	return (int64_t)(value << (64 - width)) >> (64 - width);
}

/* Writes of 8 and 16 bits keep the rest of the register, writes of 32 bits clear it. */
INLINE void set_register(struct cpu *c, unsigned number, unsigned width, uint64_t value)
{
	uint64_t *r = &c->r[number];

	if (width == 64)
		*r = value;
	else if (width == 32)
		*r = (uint32_t)value;
	else
		*r = (*r & ~((UINT64_C(1) << width % 64) - 1)) | low_bits(value, width);
}

INLINE bool load(struct cpu *c, uint64_t address, unsigned width, uint64_t *ret_value)
{
	const struct overlay_tlb *e = &c->overlay->read_tlb[address / OVERLAY_PAGE % OVERLAY_TLB];
	const void *from = (const void *)(uintptr_t)(address + e->delta);

	if (LIKELY(e->page == address / OVERLAY_PAGE &&
		    address % OVERLAY_PAGE <= OVERLAY_PAGE - width / 8)) {
		if (width == 8) {
			*ret_value = *(const uint8_t *)from;
		} else if (width == 16) {
			uint16_t value;
			memcpy(&value, from, 2);
			*ret_value = value;
		} else if (width == 32) {
			uint32_t value;
			memcpy(&value, from, 4);
			*ret_value = value;
		} else {
			memcpy(ret_value, from, 8);
		}
		return true;
	}
	*ret_value = 0;
	return overlay_load(c->overlay, address, ret_value, width / 8);
}

INLINE bool store(struct cpu *c, uint64_t address, unsigned width, uint64_t value)
{
	const struct overlay_tlb *e = &c->overlay->write_tlb[address / OVERLAY_PAGE % OVERLAY_TLB];

	if (LIKELY(e->page == address / OVERLAY_PAGE &&
		    address % OVERLAY_PAGE <= OVERLAY_PAGE - width / 8)) {
		memcpy((void *)(uintptr_t)(address + e->delta), &value, width / 8);
		return true;
	}
	c->overlay->stack_pointer = c->r[SPORK_RSP];
	return overlay_store(c->overlay, address, &value, width / 8);
}

INLINE void set_lazy(
	struct cpu *c, enum flag_kind kind, unsigned width, uint64_t a, uint64_t b, uint64_t result)
{
	c->kind = (uint8_t)kind;
	c->shift = (uint8_t)(64 - width);
	c->a = a << (64 - width);
	c->b = b << (64 - width);
	c->result = result << (64 - width);
}

/* Status bits that stand in rflags from now on. */
INLINE void set_explicit(struct cpu *c, uint64_t bits)
{
	c->kind = FLAGS_EXPLICIT;
	c->r[SPORK_REG_RFLAGS] = bits | 2;
}

/* run.c: computes lazy flags into rflags. */
void cpu_materialise(struct cpu *c);

INLINE bool parity(uint64_t byte)
{
	return !__builtin_parity((unsigned)(byte & 0xff));
}

INLINE unsigned result_bits(uint64_t result, unsigned width)
{
	uint64_t low = low_bits(result, width);

	return (parity(low) ? FLAG_PF : 0) | (low == 0 ? FLAG_ZF : 0) |
	       (low >> (width - 1) & 1 ? FLAG_SF : 0);
}

INLINE bool carry_flag(struct cpu *c)
{
	switch ((enum flag_kind)c->kind) {
	case FLAGS_LOGIC:
		return false;
	case FLAGS_ADD:
		return c->result < c->a;
	case FLAGS_SUB:
		return c->a < c->b;
	case FLAGS_INC:
	case FLAGS_DEC:
		return c->carry;
	case FLAGS_EXPLICIT:
	default:
		return c->r[SPORK_REG_RFLAGS] & FLAG_CF;
	}
}

/* Condition codes as the CPU numbers them, without the lowest bit, which negates. */
INLINE bool condition_explicit(uint64_t flags, unsigned code)
{
	bool less = !(flags & FLAG_SF) != !(flags & FLAG_OF);

	switch (code >> 1 & 7) {
	case 0:
		return flags & FLAG_OF;
	case 1:
		return flags & FLAG_CF;
	case 2:
		return flags & FLAG_ZF;
	case 3:
		return flags & (FLAG_CF | FLAG_ZF);
	case 4:
		return flags & FLAG_SF;
	case 5:
		return flags & FLAG_PF;
	case 6:
		return less;
	default:
		return less || (flags & FLAG_ZF);
	}
}

INLINE bool condition_sub(const struct cpu *c, unsigned code)
{
	switch (code >> 1 & 7) {
	case 0:
		return (int64_t)((c->a ^ c->b) & (c->a ^ c->result)) < 0;
	case 1:
		return c->a < c->b;
	case 2:
		return c->a == c->b;
	case 3:
		return c->a <= c->b;
	case 4:
		return (int64_t)c->result < 0;
	case 5:
		return parity(c->result >> c->shift);
	case 6:
		return (int64_t)c->a < (int64_t)c->b;
	default:
		return (int64_t)c->a <= (int64_t)c->b;
	}
}

INLINE bool condition_logic(const struct cpu *c, unsigned code)
{
	switch (code >> 1 & 7) {
	case 0:
	case 1:
		return false;
	case 2:
	case 3:
		return c->result == 0;
	case 4:
	case 6:
		return (int64_t)c->result < 0;
	case 5:
		return parity(c->result >> c->shift);
	default:
		return (int64_t)c->result <= 0;
	}
}

INLINE bool condition(struct cpu *c, unsigned code)
{
	bool holds;

	if (c->kind == FLAGS_SUB) {
		holds = condition_sub(c, code);
	} else if (c->kind == FLAGS_LOGIC) {
		holds = condition_logic(c, code);
	} else if (c->kind != FLAGS_EXPLICIT && (code >> 1 & 7) == 2) {
		holds = c->result == 0;
	} else {
		cpu_materialise(c);
		holds = condition_explicit(c->r[SPORK_REG_RFLAGS], code);
	}
	return holds ^ (code & 1);
}

/*
 * state.c: areas as xsavec leaves them, for digests. cpu_requested() - the components that eax and edx ask for.
 * cpu_packed_bytes() - the area's size, 0 = none that depends on nothing but struct spork_registers.
 * cpu_packed_holds() - whether xsavec writes the word at @offset of it. cpu_packed_is_whole() - whether xrstor from it
 * leaves no vector register as it is. cpu_save_packed() - what xsavec does; false as overlay_store().
 */
uint64_t cpu_requested(const struct cpu *c);
size_t cpu_packed_bytes(uint64_t components);
bool cpu_packed_holds(uint64_t offset, size_t size);
bool cpu_packed_is_whole(uint64_t components);
bool cpu_save_packed(struct spork_overlay *o, const struct spork_registers *regs,
	uint64_t components, uint64_t address, size_t size);

/* branches.c: puts a call's return address on the stack; false as overlay_store(). */
bool cpu_push_return(struct cpu *c, const struct spork_insn *i);
void cpu_enter_module(struct cpu *c, const struct spork_module *module);
/* branches.c: the instruction at an address, setting the module that runs; NULL with NO_CODE. */
const struct spork_insn *cpu_lookup(struct cpu *c, uint64_t address);
/* compare.c: granules [from, to] of a module, compared if they were not before. False: other code stands there. */
bool machine_compare(
	struct spork_machine *m, const struct spork_module *module, uint64_t from, uint64_t to);
/* The same for the running module; false: the stop is set. */
bool cpu_compare(struct cpu *c, uint64_t from, uint64_t to);

/* Is the code of the instructions from @first to @last, which follow one another, in memory what was decoded? */
INLINE bool cpu_same_code(
	struct cpu *c, const struct spork_insn *first, const struct spork_insn *last)
{
	uint32_t from = first->offset / SPORK_CODE_GRANULE;
	uint32_t to = (last->offset + last->length - 1) / SPORK_CODE_GRANULE;

	if (!c->same || (LIKELY(from == to && from < c->granule_count) &&
				c->same[from / 64] >> from % 64 & 1))
		return true;
	return cpu_compare(c, from, to);
}

/* The same as a transfer of control from @i, which is counted. */
const struct spork_insn *cpu_jump(struct cpu *c, const struct spork_insn *i, uint64_t address);

#endif
