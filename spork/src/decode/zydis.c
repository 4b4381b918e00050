/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "spork/decoder.h"

#include <Zydis/Zydis.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct spork_decoder_state {
	ZydisDecoder decoder;
	ZydisFormatter formatter;
	ZydisDecodedInstruction instruction;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

static void destroy(struct spork_decoder_state *state)
{
	free(state);
}

static int create(struct spork_decoder_state **ret_state)
{
	struct spork_decoder_state *state = calloc(1, sizeof(*state));

	if (!state)
		return -ENOMEM;
	if (!ZYAN_SUCCESS(ZydisDecoderInit(
		    &state->decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) ||
		!ZYAN_SUCCESS(ZydisFormatterInit(&state->formatter, ZYDIS_FORMATTER_STYLE_INTEL))) {
		free(state);
		return -ENOMEM;
	}
	*ret_state = state;
	return 0;
}

static uint8_t register_number(ZydisRegister reg)
{
	ZydisRegister whole;

	if (reg == ZYDIS_REGISTER_NONE)
		return SPORK_REGISTER_NONE;
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return SPORK_REGISTER_RIP;
	whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
	if (whole >= ZYDIS_REGISTER_RAX && whole <= ZYDIS_REGISTER_R15)
		return (uint8_t)(whole - ZYDIS_REGISTER_RAX);
	return SPORK_REGISTER_OTHER;
}

static uint32_t register_mask(ZydisRegister reg)
{
	uint8_t number = register_number(reg);

	if (reg == ZYDIS_REGISTER_RFLAGS || reg == ZYDIS_REGISTER_EFLAGS ||
		reg == ZYDIS_REGISTER_FLAGS)
		return SPORK_MASK_FLAGS;
	if (number < 16)
		return UINT32_C(1) << number;
	return number == SPORK_REGISTER_OTHER ? SPORK_MASK_OTHER : 0;
}

static uint8_t kind_of(const ZydisDecodedInstruction *from)
{
	switch (from->mnemonic) {
	case ZYDIS_MNEMONIC_JMP:
		return SPORK_KIND_JUMP;
	case ZYDIS_MNEMONIC_CALL:
		return SPORK_KIND_CALL;
	case ZYDIS_MNEMONIC_RET:
	case ZYDIS_MNEMONIC_IRET:
	case ZYDIS_MNEMONIC_IRETD:
	case ZYDIS_MNEMONIC_IRETQ:
	case ZYDIS_MNEMONIC_SYSRET:
	case ZYDIS_MNEMONIC_SYSEXIT:
		return SPORK_KIND_RETURN;
	case ZYDIS_MNEMONIC_SYSCALL:
	case ZYDIS_MNEMONIC_SYSENTER:
	case ZYDIS_MNEMONIC_INT:
		return SPORK_KIND_SYSCALL;
	case ZYDIS_MNEMONIC_INT3:
	case ZYDIS_MNEMONIC_INT1:
	case ZYDIS_MNEMONIC_HLT:
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
		return SPORK_KIND_TRAP;
	case ZYDIS_MNEMONIC_XBEGIN:
		return SPORK_KIND_CONDITIONAL;
	case ZYDIS_MNEMONIC_XEND: /* counted among the branches by Zydis */
		return SPORK_KIND_OTHER;
	default:
		return from->meta.category == ZYDIS_CATEGORY_COND_BR ? SPORK_KIND_CONDITIONAL
								     : SPORK_KIND_OTHER;
	}
}

static uint8_t operation_of(ZydisMnemonic mnemonic)
{
	static const struct {
		uint16_t mnemonic;
		uint8_t operation;
	} table[] = {
		{ZYDIS_MNEMONIC_MOV, SPORK_OP_MOV},
		{ZYDIS_MNEMONIC_MOVZX, SPORK_OP_MOVZX},
		{ZYDIS_MNEMONIC_MOVSX, SPORK_OP_MOVSX},
		{ZYDIS_MNEMONIC_MOVSXD, SPORK_OP_MOVSX},
		{ZYDIS_MNEMONIC_CDQE, SPORK_OP_MOVSX},
		{ZYDIS_MNEMONIC_LEA, SPORK_OP_LEA},
		{ZYDIS_MNEMONIC_PUSH, SPORK_OP_PUSH},
		{ZYDIS_MNEMONIC_POP, SPORK_OP_POP},
		{ZYDIS_MNEMONIC_LEAVE, SPORK_OP_LEAVE},
		{ZYDIS_MNEMONIC_ADD, SPORK_OP_ADD},
		{ZYDIS_MNEMONIC_SUB, SPORK_OP_SUB},
		{ZYDIS_MNEMONIC_AND, SPORK_OP_AND},
		{ZYDIS_MNEMONIC_OR, SPORK_OP_OR},
		{ZYDIS_MNEMONIC_XOR, SPORK_OP_XOR},
		{ZYDIS_MNEMONIC_CMP, SPORK_OP_CMP},
		{ZYDIS_MNEMONIC_TEST, SPORK_OP_TEST},
		{ZYDIS_MNEMONIC_INC, SPORK_OP_INC},
		{ZYDIS_MNEMONIC_DEC, SPORK_OP_DEC},
		{ZYDIS_MNEMONIC_NEG, SPORK_OP_NEG},
		{ZYDIS_MNEMONIC_NOT, SPORK_OP_NOT},
		{ZYDIS_MNEMONIC_SHL, SPORK_OP_SHL},
		{ZYDIS_MNEMONIC_SHR, SPORK_OP_SHR},
		{ZYDIS_MNEMONIC_SAR, SPORK_OP_SAR},
		{ZYDIS_MNEMONIC_XCHG, SPORK_OP_XCHG},
		{ZYDIS_MNEMONIC_NOP, SPORK_OP_NOP},
		{ZYDIS_MNEMONIC_ENDBR64, SPORK_OP_NOP},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].mnemonic == mnemonic)
			return table[i].operation;
	}
	return SPORK_OP_OTHER;
}

static void find_condition(const ZydisDecodedInstruction *from, struct spork_instruction *to)
{
	bool legacy = from->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY;
	bool two = legacy && from->opcode_map == ZYDIS_OPCODE_MAP_0F;
	bool one = legacy && from->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT;
	uint8_t high = from->opcode & 0xf0;

	to->condition = SPORK_CONDITION_OTHER;
	if (to->kind == SPORK_KIND_CONDITIONAL) {
		if ((two && high == 0x80) || (one && high == 0x70))
			to->condition = from->opcode & 0x0f;
	} else if (two && high == 0x40) {
		to->operation = SPORK_OP_CMOV;
		to->condition = from->opcode & 0x0f;
	} else if (two && high == 0x90) {
		to->operation = SPORK_OP_SET;
		to->condition = from->opcode & 0x0f;
	}
}

static void copy_operand(const ZydisDecodedOperand *from, struct spork_operand *to)
{
	*to = (struct spork_operand){.size_bytes = (uint8_t)(from->size / 8),
		.reg = SPORK_REGISTER_NONE,
		.base = SPORK_REGISTER_NONE,
		.index = SPORK_REGISTER_NONE,
		.scale = 1};
	switch (from->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER:
		to->kind = SPORK_OPERAND_REGISTER;
		to->reg = register_number(from->reg.value);
		to->high_byte = from->reg.value >= ZYDIS_REGISTER_AH &&
				from->reg.value <= ZYDIS_REGISTER_BH;
		break;
	case ZYDIS_OPERAND_TYPE_MEMORY:
		to->kind = SPORK_OPERAND_MEMORY;
		to->base = register_number(from->mem.base);
		to->index = register_number(from->mem.index);
		to->scale = from->mem.scale ? from->mem.scale : 1;
		to->segment = from->mem.segment == ZYDIS_REGISTER_FS ||
			      from->mem.segment == ZYDIS_REGISTER_GS;
		to->value = from->mem.disp.value;
		break;
	default:
		to->kind = SPORK_OPERAND_IMMEDIATE;
		to->value = from->imm.value.s;
		break;
	}
}

static void find_accesses(const struct spork_decoder_state *state, struct spork_instruction *to)
{
	const ZydisDecodedInstruction *from = &state->instruction;

	for (uint8_t i = 0; i < from->operand_count; i++) {
		const ZydisDecodedOperand *operand = &state->operands[i];

		if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY) {
			to->reads |= register_mask(operand->mem.base) |
				     register_mask(operand->mem.index);
		} else if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER) {
			uint32_t mask = register_mask(operand->reg.value);

			to->reads |= operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ ? mask : 0;
			to->writes |= operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE ? mask : 0;
		}
	}
}

static int decode(struct spork_decoder_state *state, const uint8_t *bytes, size_t size_bytes,
	uint64_t address, struct spork_instruction *ret)
{
	const ZydisDecodedInstruction *from = &state->instruction;
	struct spork_instruction to = {.address = address};

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(
		    &state->decoder, bytes, size_bytes, &state->instruction, state->operands)))
		return -EILSEQ;
	to.length = from->length;
	to.kind = kind_of(from);
	to.operation = operation_of(from->mnemonic);
	find_condition(from, &to);
	for (uint8_t i = 0; i < from->operand_count_visible && i < SPORK_OPERANDS_MAX; i++)
		copy_operand(&state->operands[to.operand_count++], &to.operands[i]);
	find_accesses(state, &to);
	to.direct = (to.kind == SPORK_KIND_JUMP || to.kind == SPORK_KIND_CONDITIONAL ||
			    to.kind == SPORK_KIND_CALL) &&
		    to.operand_count >= 1 && to.operands[0].kind == SPORK_OPERAND_IMMEDIATE;
	if (to.direct) {
		to.target = address + to.length + (uint64_t)to.operands[0].value;
		to.operands[0].value = (int64_t)to.target;
	}
	*ret = to;
	return 0;
}

static int format(struct spork_decoder_state *state, const uint8_t *bytes, size_t size_bytes,
	uint64_t address, char *buffer, size_t buffer_bytes)
{
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(
		    &state->decoder, bytes, size_bytes, &state->instruction, state->operands)))
		return -EILSEQ;
	if (!ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&state->formatter, &state->instruction,
		    state->operands, state->instruction.operand_count_visible, buffer, buffer_bytes,
		    address, NULL)))
		return -EILSEQ;
	return 0;
}

const struct spork_decoder spork_decoder_zydis = {
	.name = "zydis",
	.create = create,
	.destroy = destroy,
	.decode = decode,
	.format = format,
};
