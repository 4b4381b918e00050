/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Integer arithmetic and logic: one handler for each operation, form and width, from one description each. */
#include "machine/cpu.h"

enum binary { ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST, MOV };

INLINE uint64_t binary_result(enum binary kind, uint64_t a, uint64_t b, uint64_t carry)
{
	switch (kind) {
	case ADD:
		return a + b;
	case ADC:
		return a + b + carry;
	case OR:
		return a | b;
	case AND:
	case TEST:
		return a & b;
	case XOR:
		return a ^ b;
	case SUB:
	case CMP:
		return a - b;
	case SBB:
		return a - b - carry;
	case MOV:
	default:
		return b;
	}
}

/* adc and sbb: the carry that came in makes the lazy comparison wrong, so the bits are computed at once. */
INLINE void carried_flags(
	struct cpu *c, enum binary kind, unsigned width, uint64_t a, uint64_t b, uint64_t result)
{
	unsigned shift = 64 - width;
	uint64_t x = a << shift, y = b << shift, z = result << shift, out, over;
	unsigned bits = result_bits(result, width);

	if (kind == ADC) {
		out = (x & y) | ((x | y) & ~z);
		over = (x ^ z) & (y ^ z);
	} else {
		out = (~x & y) | ((~x | y) & z);
		over = (x ^ y) & (x ^ z);
	}
	bits |= out >> 63 ? FLAG_CF : 0;
	bits |= over >> 63 ? FLAG_OF : 0;
	bits |= (a ^ b ^ result) & FLAG_AF;
	set_explicit(c, bits);
}

INLINE void binary_flags(
	struct cpu *c, enum binary kind, unsigned width, uint64_t a, uint64_t b, uint64_t result)
{
	if (kind == ADD)
		set_lazy(c, FLAGS_ADD, width, a, b, result);
	else if (kind == SUB || kind == CMP)
		set_lazy(c, FLAGS_SUB, width, a, b, result);
	else if (kind == ADC || kind == SBB)
		carried_flags(c, kind, width, a, b, result);
	else if (kind != MOV)
		set_lazy(c, FLAGS_LOGIC, width, 0, 0, result);
}

INLINE bool writes(enum binary kind)
{
	return kind != CMP && kind != TEST;
}

INLINE uint64_t carry_in(struct cpu *c, enum binary kind)
{
	return (kind == ADC || kind == SBB) && carry_flag(c);
}

INLINE const struct spork_insn *to_register(
	struct cpu *c, const struct spork_insn *i, enum binary kind, unsigned width, uint64_t b)
{
	uint64_t a = c->r[i->r1];
	uint64_t result = binary_result(kind, a, b, carry_in(c, kind));

	if (writes(kind))
		set_register(c, i->r1, width, result);
	binary_flags(c, kind, width, a, b, result);
	return i + 1;
}

INLINE const struct spork_insn *from_memory(
	struct cpu *c, const struct spork_insn *i, enum binary kind, unsigned width)
{
	uint64_t b;

	if (!load(c, address_of(c, i), width, &b))
		return stop_memory(c);
	return to_register(c, i, kind, width, b);
}

INLINE const struct spork_insn *to_memory(
	struct cpu *c, const struct spork_insn *i, enum binary kind, unsigned width, uint64_t b)
{
	uint64_t address = address_of(c, i), a = 0, result;

	if (kind != MOV && !load(c, address, width, &a))
		return stop_memory(c);
	result = binary_result(kind, a, b, carry_in(c, kind));
	if (writes(kind) && !store(c, address, width, result))
		return stop_memory(c);
	binary_flags(c, kind, width, a, b, result);
	return i + 1;
}

#define BINARY_WIDTH(name, kind, width)                                  \
	HANDLER(name##_rr_##width)                                       \
	{                                                                \
		return to_register(c, i, kind, width, c->r[i->r2]);      \
	}                                                                \
	HANDLER(name##_ri_##width)                                       \
	{                                                                \
		return to_register(c, i, kind, width, (uint64_t)i->imm); \
	}                                                                \
	HANDLER(name##_rm_##width)                                       \
	{                                                                \
		return from_memory(c, i, kind, width);                   \
	}                                                                \
	HANDLER(name##_mr_##width)                                       \
	{                                                                \
		return to_memory(c, i, kind, width, c->r[i->r2]);        \
	}                                                                \
	HANDLER(name##_mi_##width)                                       \
	{                                                                \
		return to_memory(c, i, kind, width, (uint64_t)i->imm);   \
	}
#define BINARY(name, kind)           \
	BINARY_WIDTH(name, kind, 8)  \
	BINARY_WIDTH(name, kind, 16) \
	BINARY_WIDTH(name, kind, 32) \
	BINARY_WIDTH(name, kind, 64)

BINARY(add, ADD)
BINARY(or, OR)
BINARY(adc, ADC)
BINARY(sbb, SBB)
BINARY(and, AND)
BINARY(sub, SUB)
BINARY(xor, XOR)
BINARY(cmp, CMP)
BINARY(test, TEST)
BINARY(mov, MOV)

enum unary { INC, DEC, NEG, NOT };

INLINE uint64_t unary_result(enum unary kind, uint64_t a)
{
	switch (kind) {
	case INC:
		return a + 1;
	case DEC:
		return a - 1;
	case NEG:
		return -a;
	case NOT:
	default:
		return ~a;
	}
}

INLINE void unary_flags(struct cpu *c, enum unary kind, unsigned width, uint64_t a, uint64_t result)
{
	if (kind == INC || kind == DEC) {
		c->carry = carry_flag(c);
		set_lazy(c, kind == INC ? FLAGS_INC : FLAGS_DEC, width, a, 1, result);
	} else if (kind == NEG) {
		set_lazy(c, FLAGS_SUB, width, 0, a, result);
	}
}

INLINE const struct spork_insn *unary_register(
	struct cpu *c, const struct spork_insn *i, enum unary kind, unsigned width)
{
	uint64_t a = c->r[i->r1], result = unary_result(kind, a);

	set_register(c, i->r1, width, result);
	unary_flags(c, kind, width, a, result);
	return i + 1;
}

INLINE const struct spork_insn *unary_memory(
	struct cpu *c, const struct spork_insn *i, enum unary kind, unsigned width)
{
	uint64_t address = address_of(c, i), a, result;

	if (!load(c, address, width, &a))
		return stop_memory(c);
	result = unary_result(kind, a);
	if (!store(c, address, width, result))
		return stop_memory(c);
	unary_flags(c, kind, width, a, result);
	return i + 1;
}

#define UNARY_WIDTH(name, kind, width)                    \
	HANDLER(name##_r_##width)                         \
	{                                                 \
		return unary_register(c, i, kind, width); \
	}                                                 \
	HANDLER(name##_m_##width)                         \
	{                                                 \
		return unary_memory(c, i, kind, width);   \
	}
#define UNARY(name, kind)           \
	UNARY_WIDTH(name, kind, 8)  \
	UNARY_WIDTH(name, kind, 16) \
	UNARY_WIDTH(name, kind, 32) \
	UNARY_WIDTH(name, kind, 64)

UNARY(inc, INC)
UNARY(dec, DEC)
UNARY(neg, NEG)
UNARY(not, NOT)

/* The count is the immediate, or cl where that is negative. */
INLINE unsigned shift_count(const struct cpu *c, const struct spork_insn *i, unsigned width)
{
	return (unsigned)(i->imm < 0 ? c->r[SPORK_RCX] : (uint64_t)i->imm) &
	       (width == 64 ? 63u : 31u);
}

/* Shifts and rotates run on the CPU itself: counts beyond the width have rules of their own there. */
#define SHIFT_ASM(instruction, suffix, type)                             \
	{                                                                \
		type value = (type)*operand;                             \
		__asm__(instruction suffix " %%cl, %0"                   \
			: "+r"(value), "=@ccc"(carry), "=@cco"(overflow) \
			: "c"((uint8_t)count));                          \
		*operand = value;                                        \
	}
#define SHIFT_WIDTH(name, instruction, rotates, width, suffix, type)                      \
	static void name##_step_##width(struct cpu *c, uint64_t *operand, unsigned count) \
	{                                                                                 \
		bool carry, overflow;                                                     \
		unsigned bits;                                                            \
                                                                                          \
		SHIFT_ASM(instruction, suffix, type)                                      \
		if (rotates) {                                                            \
			cpu_materialise(c);                                               \
			bits = (unsigned)c->r[SPORK_REG_RFLAGS] &                         \
			       (FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF);                   \
		} else {                                                                  \
			bits = result_bits(*operand, width);                              \
		}                                                                         \
		set_explicit(c, bits | (carry ? FLAG_CF : 0) | (overflow ? FLAG_OF : 0)); \
	}                                                                                 \
	HANDLER(name##_r_##width)                                                         \
	{                                                                                 \
		unsigned count = shift_count(c, i, width);                                \
		uint64_t value = c->r[i->r1];                                             \
                                                                                          \
		if (count > 0)                                                            \
			name##_step_##width(c, &value, count);                            \
		set_register(c, i->r1, width, value);                                     \
		return i + 1;                                                             \
	}                                                                                 \
	HANDLER(name##_m_##width)                                                         \
	{                                                                                 \
		unsigned count = shift_count(c, i, width);                                \
		uint64_t value, address = address_of(c, i);                               \
                                                                                          \
		if (!load(c, address, width, &value) || !store(c, address, width, value)) \
			return stop_memory(c);                                            \
		if (count == 0)                                                           \
			return i + 1;                                                     \
		name##_step_##width(c, &value, count);                                    \
		(void)store(c, address, width, value);                                    \
		return i + 1;                                                             \
	}
#define SHIFT(name, instruction, rotates)                          \
	SHIFT_WIDTH(name, instruction, rotates, 8, "b", uint8_t)   \
	SHIFT_WIDTH(name, instruction, rotates, 16, "w", uint16_t) \
	SHIFT_WIDTH(name, instruction, rotates, 32, "l", uint32_t) \
	SHIFT_WIDTH(name, instruction, rotates, 64, "q", uint64_t)

SHIFT(shl, "shl", false)
SHIFT(shr, "shr", false)
SHIFT(sar, "sar", false)
SHIFT(rol, "rol", true)
SHIFT(ror, "ror", true)

/* Carry and overflow say that the product does not fit; the other flags are undefined. */
INLINE const struct spork_insn *multiply(
	struct cpu *c, const struct spork_insn *i, unsigned width, uint64_t a, uint64_t b)
{
	int64_t x = sign_extend(a, width), y = sign_extend(b, width), product;
	bool over = __builtin_mul_overflow(x, y, &product);

	if (width == 32)
		over = product != sign_extend((uint64_t)product, 32);
	set_register(c, i->r1, width, (uint64_t)product);
	set_explicit(c, result_bits((uint64_t)product, width) | (over ? FLAG_CF | FLAG_OF : 0));
	return i + 1;
}

#define MULTIPLY_WIDTH(width)                                                \
	HANDLER(imul_rr_##width)                                             \
	{                                                                    \
		return multiply(c, i, width, c->r[i->r1], c->r[i->r2]);      \
	}                                                                    \
	HANDLER(imul_rri_##width)                                            \
	{                                                                    \
		return multiply(c, i, width, c->r[i->r2], (uint64_t)i->imm); \
	}                                                                    \
	HANDLER(imul_rm_##width)                                             \
	{                                                                    \
		uint64_t b;                                                  \
                                                                             \
		if (!load(c, address_of(c, i), width, &b))                   \
			return stop_memory(c);                               \
		return multiply(c, i, width, c->r[i->r1], b);                \
	}                                                                    \
	HANDLER(imul_rmi_##width)                                            \
	{                                                                    \
		uint64_t b;                                                  \
                                                                             \
		if (!load(c, address_of(c, i), width, &b))                   \
			return stop_memory(c);                               \
		return multiply(c, i, width, b, (uint64_t)i->imm);           \
	}

MULTIPLY_WIDTH(32)
MULTIPLY_WIDTH(64)

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 unsigned_wide;

/* Whether the CPU would raise a divide error: by zero, or the quotient does not fit. @high : @low is the dividend. */
static bool unsigned_fault(uint64_t high, uint64_t divisor, unsigned width)
{
	return low_bits(divisor, width) <= low_bits(high, width);
}

static bool signed_fault(uint64_t high, uint64_t low, uint64_t divisor, unsigned width)
{
	unsigned_wide magnitude;
	wide dividend;
	int64_t d = sign_extend(divisor, width);
	uint64_t size = d < 0 ? -(uint64_t)d : (uint64_t)d, limit;

	if (d == 0)
		return true;
	if (width == 64)
		dividend = (wide)((unsigned_wide)high << 64 | low);
	else
		dividend = sign_extend(
			low_bits(high, width) << width | low_bits(low, width), 2 * width);
	magnitude = dividend < 0 ? -(unsigned_wide)dividend : (unsigned_wide)dividend;
	/* A negative quotient may be one larger in size. */
	limit = (UINT64_C(1) << (width - 1)) - ((dividend < 0) == (d < 0) ? 1 : 0);
	/* magnitude / size <= limit, as magnitude < (limit + 1) * size, without a division. */
	return magnitude >= ((unsigned_wide)limit + 1) * size;
}

#define DIVIDE_ASM(instruction, suffix, type)                            \
	{                                                                \
		type quotient = (type)low, remainder = (type)high;       \
		__asm__(instruction suffix " %2"                         \
			: "+a"(quotient), "+d"(remainder)                \
			: "r"((type)divisor));                           \
		set_register(c, SPORK_RAX, 8 * sizeof(type), quotient);  \
		set_register(c, SPORK_RDX, 8 * sizeof(type), remainder); \
	}

static const struct spork_insn *divide(
	struct cpu *c, const struct spork_insn *i, bool is_signed, uint64_t divisor)
{
	unsigned width = (unsigned)i->imm & 127;
	uint64_t high = c->r[SPORK_RDX], low = c->r[SPORK_RAX];

	if (width != 16 && width != 32 && width != 64)
		return stop_at(c, SPORK_STOP_UNSUPPORTED);
	if (is_signed ? signed_fault(high, low, divisor, width)
		      : unsigned_fault(high, divisor, width))
		return stop_at(c, SPORK_STOP_TRAP);
	if (is_signed && width == 64)
		DIVIDE_ASM("idiv", "q", uint64_t)
	else if (is_signed && width == 32)
		DIVIDE_ASM("idiv", "l", uint32_t)
	else if (is_signed)
		DIVIDE_ASM("idiv", "w", uint16_t)
	else if (width == 64)
		DIVIDE_ASM("div", "q", uint64_t)
	else if (width == 32)
		DIVIDE_ASM("div", "l", uint32_t)
	else
		DIVIDE_ASM("div", "w", uint16_t)
	return i + 1;
}

static const struct spork_insn *divide_memory(
	struct cpu *c, const struct spork_insn *i, bool is_signed)
{
	uint64_t divisor = 0;
	size_t size = ((size_t)i->imm & 127) / 8;

	if (size > sizeof(divisor))
		return stop_at(c, SPORK_STOP_UNSUPPORTED);
	if (!overlay_load(c->overlay, address_of(c, i), &divisor, size))
		return stop_memory(c);
	return divide(c, i, is_signed, divisor);
}

HANDLER(div_r)
{
	return divide(c, i, false, c->r[i->r1]);
}

HANDLER(idiv_r)
{
	return divide(c, i, true, c->r[i->r1]);
}

HANDLER(div_m)
{
	return divide_memory(c, i, false);
}

HANDLER(idiv_m)
{
	return divide_memory(c, i, true);
}

/* bt and its kin change the carry flag only. */
static void set_carry(struct cpu *c, bool carry)
{
	cpu_materialise(c);
	c->r[SPORK_REG_RFLAGS] =
		(c->r[SPORK_REG_RFLAGS] & ~(uint64_t)FLAG_CF) | (carry ? FLAG_CF : 0);
}

#define BIT_TEST_WIDTH(width)                                              \
	HANDLER(bt_rr_##width)                                             \
	{                                                                  \
		set_carry(c, c->r[i->r1] >> c->r[i->r2] % width & 1);      \
		return i + 1;                                              \
	}                                                                  \
	HANDLER(bt_ri_##width)                                             \
	{                                                                  \
		set_carry(c, c->r[i->r1] >> (uint64_t)i->imm % width & 1); \
		return i + 1;                                              \
	}

BIT_TEST_WIDTH(32)
BIT_TEST_WIDTH(64)

/* bt, bts, btr, btc on a string of bits in memory: r2 counts from the operand's address, also backwards. */
HANDLER(bit_mr)
{
	unsigned width = (unsigned)i->imm & 0xff, what = (unsigned)(i->imm >> 8) & 3;
	int64_t bit = width == 64   ? (int64_t)c->r[i->r2]
		      : width == 32 ? (int32_t)c->r[i->r2]
				    : (int16_t)c->r[i->r2];
	uint64_t address, byte, mask, changed;

	/* Single bytes are enough: the rest of the operand is written back as it was. */
	address = address_of(c, i) + (uint64_t)(bit >> 3);
	mask = UINT64_C(1) << (bit & 7);
	if (!load(c, address, 8, &byte))
		return stop_memory(c);
	changed = what == 1 ? byte | mask : what == 2 ? byte & ~mask : byte ^ mask;
	if (what != 0 && !store(c, address, 8, changed))
		return stop_memory(c);
	set_carry(c, byte & mask);
	return i + 1;
}
