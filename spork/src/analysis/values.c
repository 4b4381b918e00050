/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "values.h"

#include <string.h>

#define FLAG_CF 1
#define FLAG_ZF 2
#define FLAG_SF 4
#define FLAG_OF 8
#define FLAG_ALL (FLAG_CF | FLAG_ZF | FLAG_SF | FLAG_OF)

static const struct value unknown = {.kind = VALUE_UNKNOWN};

struct value value_number(uint64_t number)
{
	return (struct value){.kind = VALUE_NUMBER, .number = number};
}

struct value value_stack(uint16_t region, int64_t offset)
{
	return (struct value){.kind = VALUE_STACK, .region = region, .number = (uint64_t)offset};
}

bool value_equal(struct value a, struct value b)
{
	return a.kind == b.kind &&
	       (a.kind == VALUE_UNKNOWN ||
		       (a.number == b.number && (a.kind == VALUE_NUMBER || a.region == b.region)));
}

static uint64_t mask_of(unsigned size_bytes)
{
	return size_bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size_bytes)) - 1;
}

static uint64_t sign_extend(uint64_t number, unsigned size_bytes)
{
	uint64_t top;

	if (size_bytes == 0 || size_bytes >= 8)
		return number;
	top = UINT64_C(1) << (8 * size_bytes - 1);
	number &= mask_of(size_bytes);
	return (number ^ top) - top;
}

static struct value truncate(struct value value, unsigned size_bytes)
{
	if (size_bytes >= 8)
		return value;
	if (value.kind != VALUE_NUMBER)
		return unknown;
	value.number &= mask_of(size_bytes);
	return value;
}

static struct value read_register(const struct state *state, uint8_t reg, unsigned size, bool high)
{
	struct value value;

	if (reg >= 16)
		return unknown;
	value = state->regs[reg];
	if (high && value.kind == VALUE_NUMBER)
		value.number >>= 8;
	return truncate(value, size);
}

static void write_register(
	struct state *state, const struct spork_operand *operand, struct value value)
{
	struct value *to;
	uint64_t mask;

	if (operand->reg >= 16)
		return;
	to = &state->regs[operand->reg];
	if (operand->size_bytes >= 4) {
		*to = value.kind == VALUE_ENTRY ? value : truncate(value, operand->size_bytes);
		return;
	}
	if (to->kind != VALUE_NUMBER || value.kind != VALUE_NUMBER) {
		*to = unknown;
		return;
	}
	mask = mask_of(operand->size_bytes);
	if (operand->high_byte) {
		mask = 0xff00;
		value.number <<= 8;
	}
	to->number = (to->number & ~mask) | (value.number & mask);
}

/* Sums of what may be an address. */
static struct value add(struct value a, struct value b)
{
	if (b.kind == VALUE_STACK || b.kind == VALUE_ENTRY || b.kind == VALUE_INDEXED) {
		struct value swap = a;

		a = b;
		b = swap;
	}
	if (b.kind != VALUE_NUMBER)
		return unknown;
	if (a.kind == VALUE_ENTRY)
		return a.number == b.number
			       ? (struct value){.kind = VALUE_TARGET, .number = a.number}
			       : unknown;
	if (a.kind != VALUE_NUMBER && a.kind != VALUE_STACK && a.kind != VALUE_INDEXED)
		return unknown;
	a.number += b.number;
	return a;
}

static struct value address_of(const struct state *state,
	const struct spork_instruction *instruction, const struct spork_operand *operand,
	uint64_t bias)
{
	struct value base = value_number(0), index = value_number(0);

	if (operand->segment)
		return unknown;
	if (operand->base == SPORK_REGISTER_RIP)
		return value_number(instruction->address + instruction->length + bias +
				    (uint64_t)operand->value);
	if (operand->base != SPORK_REGISTER_NONE)
		base = read_register(state, operand->base, 8, false);
	if (operand->index != SPORK_REGISTER_NONE)
		index = read_register(state, operand->index, 8, false);
	if (index.kind == VALUE_NUMBER)
		index.number *= operand->scale;
	else if (index.kind != VALUE_INDEXED || operand->scale != 1) /* not scaled before */
		index = base.kind == VALUE_NUMBER
				? (struct value){.kind = VALUE_INDEXED, .region = operand->scale}
				: unknown;
	return add(add(base, index), value_number((uint64_t)operand->value));
}

static bool overlaps(const struct slot *slot, uint16_t region, int64_t offset, unsigned size)
{
	return slot->region == region && slot->offset < offset + (int64_t)size &&
	       offset < slot->offset + slot->size_bytes;
}

static void remove_slot(struct state *state, unsigned index)
{
	state->slot_count--;
	memmove(&state->slots[index], &state->slots[index + 1],
		(state->slot_count - index) * sizeof(state->slots[0]));
}

/* Where an address is kept among the slots; false: nowhere. */
static bool place_of(struct value address, uint16_t *ret_region, int64_t *ret_offset)
{
	*ret_region = address.kind == VALUE_STACK ? address.region : REGION_ABSOLUTE;
	*ret_offset = (int64_t)address.number;
	/* Far from the ends, so that sums of offsets and sizes cannot overflow. */
	return (address.kind == VALUE_STACK || address.kind == VALUE_NUMBER) &&
	       *ret_offset < INT64_MAX / 2 && *ret_offset > INT64_MIN / 2;
}

static void store(struct state *state, struct value address, unsigned size, struct value value)
{
	uint16_t region;
	int64_t offset;

	if (!place_of(address, &region, &offset))
		return;
	for (unsigned i = state->slot_count; i-- > 0;) {
		if (overlaps(&state->slots[i], region, offset, size))
			remove_slot(state, i);
	}
	/* Unknown is kept too, where the process's memory would say something else. */
	if (size > 8 || (value.kind == VALUE_UNKNOWN && region != REGION_ABSOLUTE))
		return;
	if (state->slot_count == SLOTS_MAX)
		remove_slot(state, 0);
	state->slots[state->slot_count++] = (struct slot){
		.offset = offset, .region = region, .size_bytes = (uint8_t)size, .value = value};
}

static struct value load(
	const struct state *state, struct value address, unsigned size, const struct memory *memory)
{
	uint16_t region;
	int64_t offset;

	if (address.kind == VALUE_INDEXED) {
		uint8_t kind = size == 8 && address.region == 8   ? VALUE_ENTRY8
			       : size == 4 && address.region == 4 ? VALUE_ENTRY
								  : VALUE_UNKNOWN;

		return (struct value){.kind = kind, .number = address.number};
	}
	if (!place_of(address, &region, &offset) || size > 8)
		return unknown;
	for (unsigned i = 0; i < state->slot_count; i++) {
		const struct slot *slot = &state->slots[i];

		if (!overlaps(slot, region, offset, size))
			continue;
		return slot->offset == offset && slot->size_bytes >= size
			       ? truncate(slot->value, size)
			       : unknown;
	}
	if (region != REGION_ABSOLUTE)
		return unknown;
	return memory->load(memory->data, address.number, size);
}

static struct value read_operand(const struct state *state,
	const struct spork_instruction *instruction, const struct spork_operand *operand,
	const struct memory *memory)
{
	switch (operand->kind) {
	case SPORK_OPERAND_REGISTER:
		return read_register(state, operand->reg, operand->size_bytes, operand->high_byte);
	case SPORK_OPERAND_IMMEDIATE:
		return value_number((uint64_t)operand->value);
	default:
		return load(state, address_of(state, instruction, operand, memory->bias),
			operand->size_bytes, memory);
	}
}

static void write_operand(struct state *state, const struct spork_instruction *instruction,
	const struct spork_operand *operand, struct value value, const struct memory *memory)
{
	if (operand->kind == SPORK_OPERAND_REGISTER)
		write_register(state, operand, value);
	else if (operand->kind == SPORK_OPERAND_MEMORY)
		store(state, address_of(state, instruction, operand, memory->bias),
			operand->size_bytes, truncate(value, operand->size_bytes));
}

struct value state_operand(const struct state *state, const struct spork_instruction *instruction,
	unsigned index, const struct memory *memory)
{
	return read_operand(state, instruction, &instruction->operands[index], memory);
}

static void set_flags(
	struct flags *flags, unsigned known, bool cf, uint64_t result, bool of, unsigned size)
{
	uint64_t top = size ? UINT64_C(1) << (8 * (size < 8 ? size : 8) - 1) : 1;

	flags->known = (uint8_t)known;
	flags->values = (uint8_t)((cf ? FLAG_CF : 0) | ((result & mask_of(size)) ? 0 : FLAG_ZF) |
				  (result & top ? FLAG_SF : 0) | (of ? FLAG_OF : 0));
}

static void set_difference_flags(struct flags *flags, uint64_t a, uint64_t b, unsigned size)
{
	uint64_t result;
	uint64_t top = UINT64_C(1) << (8 * (size < 8 && size ? size : 8) - 1);

	a &= mask_of(size);
	b &= mask_of(size);
	result = (a - b) & mask_of(size);
	set_flags(flags, FLAG_ALL, a < b, result, ((a ^ b) & (a ^ result) & top) != 0, size);
}

/* Comparisons whose operands are not both numbers: an address of the stack is not zero. */
static void set_address_flags(
	struct flags *flags, uint8_t operation, struct value a, struct value b)
{
	flags->known = 0;
	if ((operation == SPORK_OP_TEST && a.kind == VALUE_STACK && value_equal(a, b)) ||
		(operation == SPORK_OP_CMP && a.kind == VALUE_STACK && b.kind == VALUE_NUMBER &&
			b.number == 0)) {
		flags->known = FLAG_ZF;
		flags->values = 0;
	}
}

/* add, sub, and, or, xor, cmp, test on @a and @b. */
static void step_binary(struct state *state, const struct spork_instruction *instruction,
	const struct memory *memory)
{
	const struct spork_operand *to = &instruction->operands[0];
	const struct spork_operand *from = &instruction->operands[1];
	struct value a = read_operand(state, instruction, to, memory);
	struct value b = read_operand(state, instruction, from, memory);
	uint8_t operation = instruction->operation;
	unsigned size = to->size_bytes;
	bool same = to->kind == SPORK_OPERAND_REGISTER && from->kind == SPORK_OPERAND_REGISTER &&
		    to->reg == from->reg && to->high_byte == from->high_byte;
	struct value result = unknown;

	if (same && (operation == SPORK_OP_XOR || operation == SPORK_OP_SUB))
		a = b = value_number(0);
	if (operation == SPORK_OP_AND && b.kind == VALUE_NUMBER && (b.number & mask_of(size)) == 0)
		a = value_number(0);
	if (operation == SPORK_OP_OR && b.kind == VALUE_NUMBER &&
		(b.number & mask_of(size)) == mask_of(size))
		a = b;
	if (a.kind != VALUE_NUMBER || b.kind != VALUE_NUMBER) {
		set_address_flags(&state->flags, operation, a, b);
		if (operation == SPORK_OP_ADD)
			result = add(a, b);
		else if (operation == SPORK_OP_SUB && b.kind == VALUE_NUMBER)
			result = add(a, value_number(-b.number));
		else if (operation == SPORK_OP_AND && a.kind == VALUE_STACK && size == 8 &&
			 b.kind == VALUE_NUMBER)
			result = value_stack(a.region, (int64_t)(a.number & b.number));
	} else {
		uint64_t number = operation == SPORK_OP_ADD    ? a.number + b.number
				  : operation == SPORK_OP_AND  ? a.number & b.number
				  : operation == SPORK_OP_OR   ? a.number | b.number
				  : operation == SPORK_OP_XOR  ? a.number ^ b.number
				  : operation == SPORK_OP_TEST ? a.number & b.number
							       : a.number - b.number;

		result = value_number(number & mask_of(size));
		if (operation == SPORK_OP_CMP || operation == SPORK_OP_SUB)
			set_difference_flags(&state->flags, a.number, b.number, size);
		else
			set_flags(&state->flags,
				operation == SPORK_OP_ADD ? FLAG_ZF | FLAG_SF : FLAG_ALL, false,
				number, false, size);
	}
	if (operation != SPORK_OP_CMP && operation != SPORK_OP_TEST)
		write_operand(state, instruction, to, result, memory);
}

/* inc, dec, neg, not and shifts by a number. */
static void step_unary(struct state *state, const struct spork_instruction *instruction,
	const struct memory *memory)
{
	const struct spork_operand *to = &instruction->operands[0];
	struct value a = read_operand(state, instruction, to, memory);
	unsigned size = to->size_bytes;
	unsigned count = 1;
	uint64_t number = a.number & mask_of(size);

	if (instruction->operand_count > 1) {
		struct value by = state_operand(state, instruction, 1, memory);

		if (by.kind != VALUE_NUMBER)
			a = unknown;
		count = by.number & (size == 8 ? 63 : 31);
	}
	if (instruction->operation != SPORK_OP_NOT)
		state->flags.known = 0;
	if (a.kind != VALUE_NUMBER) {
		write_operand(state, instruction, to, unknown, memory);
		return;
	}
	switch (instruction->operation) {
	case SPORK_OP_INC:
		number++;
		break;
	case SPORK_OP_DEC:
		number--;
		break;
	case SPORK_OP_NEG:
		number = -number;
		break;
	case SPORK_OP_NOT:
		number = ~number;
		break;
	case SPORK_OP_SHL:
		number <<= count;
		break;
	case SPORK_OP_SHR:
		number >>= count;
		break;
	default:
		number = (uint64_t)((int64_t)sign_extend(number, size) >> count);
		break;
	}
	if (instruction->operation != SPORK_OP_NOT && count)
		set_flags(&state->flags, FLAG_ZF | FLAG_SF, false, number, false, size);
	write_operand(state, instruction, to, value_number(number & mask_of(size)), memory);
}

void state_push(struct state *state, struct value value)
{
	state->regs[4] = add(state->regs[4], value_number((uint64_t)-8));
	store(state, state->regs[4], 8, value);
}

static struct value pop(struct state *state, const struct memory *memory)
{
	struct value value = load(state, state->regs[4], 8, memory);

	state->regs[4] = add(state->regs[4], value_number(8));
	return value;
}

static void step_move(struct state *state, const struct spork_instruction *instruction,
	const struct memory *memory)
{
	const struct spork_operand *to = &instruction->operands[0];
	struct value value;

	if (instruction->operand_count == 0) {
		if (state->regs[0].kind == VALUE_NUMBER)
			state->regs[0].number = sign_extend(state->regs[0].number, 4);
		else if (state->regs[0].kind != VALUE_ENTRY)
			state->regs[0] = unknown;
		return;
	}
	if (instruction->operation == SPORK_OP_LEA) {
		value = address_of(state, instruction, &instruction->operands[1], memory->bias);
		write_operand(state, instruction, to, value, memory);
		return;
	}
	value = state_operand(state, instruction, 1, memory);
	if (instruction->operation == SPORK_OP_MOVSX && value.kind == VALUE_NUMBER)
		value.number = sign_extend(value.number, instruction->operands[1].size_bytes);
	write_operand(state, instruction, to, value, memory);
}

static void step_stack(struct state *state, const struct spork_instruction *instruction,
	const struct memory *memory)
{
	const struct spork_operand *operand = &instruction->operands[0];

	if (instruction->operation == SPORK_OP_LEAVE) {
		state->regs[4] = state->regs[5];
		state->regs[5] = pop(state, memory);
	} else if (instruction->operation == SPORK_OP_PUSH) {
		state_push(state, instruction->operand_count
					  ? read_operand(state, instruction, operand, memory)
					  : unknown);
	} else {
		struct value value = pop(state, memory);

		if (instruction->operand_count)
			write_operand(state, instruction, operand, value, memory);
	}
}

static void step_other(struct state *state, const struct spork_instruction *instruction,
	const struct memory *memory)
{
	for (unsigned i = 0; i < 16; i++) {
		if (instruction->writes & (UINT32_C(1) << i))
			state->regs[i] = unknown;
	}
	/* Which flags are written is not told apart: all are lost, unless nothing but a register move was done. */
	if (instruction->writes & SPORK_MASK_FLAGS || instruction->operation == SPORK_OP_OTHER)
		state->flags.known = 0;
	if (instruction->operand_count && instruction->operands[0].kind == SPORK_OPERAND_MEMORY &&
		instruction->operation != SPORK_OP_NOP)
		write_operand(state, instruction, &instruction->operands[0], unknown, memory);
}

static void step_conditional(struct state *state, const struct spork_instruction *instruction,
	const struct memory *memory)
{
	const struct spork_operand *to = &instruction->operands[0];
	int taken = state_condition(state, instruction->condition);
	struct value value = unknown;

	if (instruction->operation == SPORK_OP_SET) {
		if (taken >= 0)
			value = value_number((uint64_t)taken);
	} else if (taken >= 0) {
		value = state_operand(state, instruction, taken ? 1 : 0, memory);
	}
	write_operand(state, instruction, to, value, memory);
}

static void step_exchange(struct state *state, const struct spork_instruction *instruction,
	const struct memory *memory)
{
	struct value a = state_operand(state, instruction, 0, memory);
	struct value b = state_operand(state, instruction, 1, memory);

	write_operand(state, instruction, &instruction->operands[0], b, memory);
	write_operand(state, instruction, &instruction->operands[1], a, memory);
}

void state_step(struct state *state, const struct spork_instruction *instruction,
	const struct memory *memory)
{
	uint8_t operation = instruction->operation;
	bool two = instruction->operand_count >= 2;

	if (operation >= SPORK_OP_ADD && operation <= SPORK_OP_TEST && two)
		step_binary(state, instruction, memory);
	else if (operation >= SPORK_OP_INC && operation <= SPORK_OP_SAR &&
		 instruction->operand_count >= 1)
		step_unary(state, instruction, memory);
	else if (operation >= SPORK_OP_MOV && operation <= SPORK_OP_LEA &&
		 (two || (operation == SPORK_OP_MOVSX && instruction->operand_count == 0)))
		step_move(state, instruction, memory);
	else if (operation >= SPORK_OP_PUSH && operation <= SPORK_OP_LEAVE)
		step_stack(state, instruction, memory);
	else if ((operation == SPORK_OP_CMOV && two) ||
		 (operation == SPORK_OP_SET && instruction->operand_count >= 1))
		step_conditional(state, instruction, memory);
	else if (operation == SPORK_OP_XCHG && two)
		step_exchange(state, instruction, memory);
	else if (operation != SPORK_OP_NOP)
		step_other(state, instruction, memory);
}

int state_condition(const struct state *state, unsigned condition)
{
	uint8_t v = state->flags.values, known = state->flags.known;
	bool cf = v & FLAG_CF, zf = v & FLAG_ZF, sf = v & FLAG_SF, of = v & FLAG_OF;
	unsigned needed;
	bool holds;

	switch (condition >> 1) {
	case 0:
		needed = FLAG_OF;
		holds = of;
		break;
	case 1:
		needed = FLAG_CF;
		holds = cf;
		break;
	case 2:
		needed = FLAG_ZF;
		holds = zf;
		break;
	case 3:
		needed = FLAG_CF | FLAG_ZF;
		holds = cf || zf;
		break;
	case 4:
		needed = FLAG_SF;
		holds = sf;
		break;
	case 6:
		needed = FLAG_SF | FLAG_OF;
		holds = sf != of;
		break;
	case 7:
		needed = FLAG_SF | FLAG_OF | FLAG_ZF;
		holds = zf || sf != of;
		break;
	default: /* parity, and what flags do not decide */
		return -1;
	}
	if ((known & needed) != needed)
		return -1;
	return (condition & 1) ? !holds : holds;
}

/* Arguments that lead into a frame give everything above them away: objects end nowhere in machine code. */
static void find_escapes(struct state *state)
{
	static const uint8_t arguments[] = {7, 6, 2, 1, 8, 9};

	for (unsigned i = 0; i < sizeof(arguments); i++) {
		const struct value *value = &state->regs[arguments[i]];
		int64_t from = (int64_t)value->number;

		if (value->kind != VALUE_STACK)
			continue;
		if (!state->has_escaped || state->escaped_region != value->region ||
			from < state->escaped_from)
			state->escaped_from = from;
		state->escaped_region = value->region;
		state->has_escaped = true;
	}
}

void state_clobber(struct state *state)
{
	static const uint8_t changed[] = {0, 1, 2, 6, 7, 8, 9, 10, 11};

	find_escapes(state);
	for (unsigned i = 0; i < sizeof(changed); i++)
		state->regs[changed[i]] = unknown;
	state->flags.known = 0;
	for (unsigned i = state->slot_count; i-- > 0;) {
		struct slot *slot = &state->slots[i];

		if (slot->value.is_result)
			continue;
		/* Absolute slots hide the process's memory: they stay, unknown. */
		if (slot->region == REGION_ABSOLUTE)
			slot->value = unknown;
		else if (state->has_escaped && slot->region == state->escaped_region &&
			 slot->offset >= state->escaped_from)
			remove_slot(state, i);
	}
}

static bool flags_equal(struct flags a, struct flags b)
{
	return a.known == b.known && (a.values & a.known) == (b.values & b.known);
}

static bool is_same_place(const struct slot *a, const struct slot *b)
{
	return a->region == b->region && a->offset == b->offset && a->size_bytes == b->size_bytes;
}

/* @hint: where it most likely is, since both states come from the same code. */
static bool has_slot(const struct state *state, const struct slot *slot, unsigned hint)
{
	if (hint < state->slot_count && is_same_place(&state->slots[hint], slot))
		return value_equal(state->slots[hint].value, slot->value);
	for (unsigned i = 0; i < state->slot_count; i++) {
		if (is_same_place(&state->slots[i], slot))
			return value_equal(state->slots[i].value, slot->value);
	}
	return false;
}

bool state_join(struct state *into, const struct state *from)
{
	bool changed = false;

	for (unsigned i = 0; i < 16; i++) {
		if (into->regs[i].kind != VALUE_UNKNOWN &&
			!value_equal(into->regs[i], from->regs[i])) {
			into->regs[i] = unknown;
			changed = true;
		}
	}
	if (into->flags.known && !flags_equal(into->flags, from->flags)) {
		into->flags.known = 0;
		changed = true;
	}
	if (from->has_escaped &&
		(!into->has_escaped || (into->escaped_region == from->escaped_region &&
					       from->escaped_from < into->escaped_from))) {
		into->has_escaped = true;
		into->escaped_region = from->escaped_region;
		into->escaped_from = from->escaped_from;
		changed = true;
	}
	for (unsigned i = into->slot_count; i-- > 0;) {
		struct slot *slot = &into->slots[i];

		if (has_slot(from, slot, i))
			continue;
		if (slot->region != REGION_ABSOLUTE) {
			remove_slot(into, i);
			changed = true;
		} else if (slot->value.kind != VALUE_UNKNOWN) {
			/* Absolute slots hide the process's memory: they stay, unknown. */
			slot->value = unknown;
			changed = true;
		}
	}
	return changed;
}

void state_widen(struct state *state)
{
	for (unsigned i = 0; i < 16; i++) {
		if (state->regs[i].kind != VALUE_STACK && !state->regs[i].is_result)
			state->regs[i] = unknown;
	}
	state->flags.known = 0;
	for (unsigned i = state->slot_count; i-- > 0;) {
		struct slot *slot = &state->slots[i];

		if (slot->value.is_result)
			continue;
		if (slot->region == REGION_ABSOLUTE)
			slot->value = unknown;
		else
			remove_slot(state, i);
	}
}

void state_drop_region(struct state *state, uint16_t region)
{
	for (unsigned i = state->slot_count; i-- > 0;) {
		if (state->slots[i].region == region)
			remove_slot(state, i);
	}
}
