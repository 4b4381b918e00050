/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "spork/decoder.h"

#include <capstone/capstone.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASE_REGISTER(number, r64, r32, r16, r8) \
	case r64:                                \
	case r32:                                \
	case r16:                                \
	case r8:                                 \
		return number

struct spork_decoder_state {
	csh handle;
	cs_insn *instruction;
};

static void destroy(struct spork_decoder_state *state)
{
	if (!state)
		return;
	if (state->instruction)
		cs_free(state->instruction, 1);
	if (state->handle)
		(void)cs_close(&state->handle);
	free(state);
}

static int create(struct spork_decoder_state **ret_state)
{
	struct spork_decoder_state *state = calloc(1, sizeof(*state));

	if (!state)
		return -ENOMEM;
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &state->handle) == CS_ERR_OK &&
		cs_option(state->handle, CS_OPT_DETAIL, CS_OPT_ON) == CS_ERR_OK)
		state->instruction = cs_malloc(state->handle);
	if (!state->instruction) {
		destroy(state);
		return -ENOMEM;
	}
	*ret_state = state;
	return 0;
}

static uint8_t register_number(unsigned reg)
{
	switch (reg) {
		CASE_REGISTER(0, X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL);
		CASE_REGISTER(1, X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL);
		CASE_REGISTER(2, X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL);
		CASE_REGISTER(3, X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL);
		CASE_REGISTER(4, X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL);
		CASE_REGISTER(5, X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL);
		CASE_REGISTER(6, X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL);
		CASE_REGISTER(7, X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL);
		CASE_REGISTER(8, X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B);
		CASE_REGISTER(9, X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B);
		CASE_REGISTER(10, X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B);
		CASE_REGISTER(11, X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B);
		CASE_REGISTER(12, X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B);
		CASE_REGISTER(13, X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B);
		CASE_REGISTER(14, X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B);
		CASE_REGISTER(15, X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B);
	case X86_REG_AH:
		return 0;
	case X86_REG_CH:
		return 1;
	case X86_REG_DH:
		return 2;
	case X86_REG_BH:
		return 3;
	case X86_REG_RIP:
	case X86_REG_EIP:
		return SPORK_REGISTER_RIP;
	case X86_REG_INVALID:
	case X86_REG_RIZ:
	case X86_REG_EIZ:
		return SPORK_REGISTER_NONE;
	default:
		return SPORK_REGISTER_OTHER;
	}
}

static uint32_t register_mask(unsigned reg)
{
	uint8_t number = register_number(reg);

	if (reg == X86_REG_EFLAGS)
		return SPORK_MASK_FLAGS;
	if (number < 16)
		return UINT32_C(1) << number;
	return number == SPORK_REGISTER_OTHER ? SPORK_MASK_OTHER : 0;
}

static uint8_t kind_of(unsigned id)
{
	switch (id) {
	case X86_INS_JMP:
	case X86_INS_LJMP:
		return SPORK_KIND_JUMP;
	case X86_INS_CALL:
	case X86_INS_LCALL:
		return SPORK_KIND_CALL;
	case X86_INS_RET:
	case X86_INS_RETF:
	case X86_INS_RETFQ:
	case X86_INS_IRET:
	case X86_INS_IRETD:
	case X86_INS_IRETQ:
	case X86_INS_SYSRET:
	case X86_INS_SYSEXIT:
		return SPORK_KIND_RETURN;
	case X86_INS_SYSCALL:
	case X86_INS_SYSENTER:
	case X86_INS_INT:
		return SPORK_KIND_SYSCALL;
	case X86_INS_INT3:
	case X86_INS_INT1:
	case X86_INS_HLT:
	case X86_INS_UD0:
	case X86_INS_UD2:
	case X86_INS_UD2B:
		return SPORK_KIND_TRAP;
	case X86_INS_JAE:
	case X86_INS_JA:
	case X86_INS_JBE:
	case X86_INS_JB:
	case X86_INS_JE:
	case X86_INS_JGE:
	case X86_INS_JG:
	case X86_INS_JLE:
	case X86_INS_JL:
	case X86_INS_JNE:
	case X86_INS_JNO:
	case X86_INS_JNP:
	case X86_INS_JNS:
	case X86_INS_JO:
	case X86_INS_JP:
	case X86_INS_JS:
	case X86_INS_JCXZ:
	case X86_INS_JECXZ:
	case X86_INS_JRCXZ:
	case X86_INS_LOOP:
	case X86_INS_LOOPE:
	case X86_INS_LOOPNE:
	case X86_INS_XBEGIN:
		return SPORK_KIND_CONDITIONAL;
	default:
		return SPORK_KIND_OTHER;
	}
}

/* Conditional moves and sets are known by their opcode. */
static uint8_t operation_of(unsigned id)
{
	static const struct {
		uint16_t id;
		uint8_t operation;
	} table[] = {
		{X86_INS_MOV, SPORK_OP_MOV},
		{X86_INS_MOVABS, SPORK_OP_MOV},
		{X86_INS_MOVZX, SPORK_OP_MOVZX},
		{X86_INS_MOVSX, SPORK_OP_MOVSX},
		{X86_INS_MOVSXD, SPORK_OP_MOVSX},
		{X86_INS_CDQE, SPORK_OP_MOVSX},
		{X86_INS_LEA, SPORK_OP_LEA},
		{X86_INS_PUSH, SPORK_OP_PUSH},
		{X86_INS_POP, SPORK_OP_POP},
		{X86_INS_LEAVE, SPORK_OP_LEAVE},
		{X86_INS_ADD, SPORK_OP_ADD},
		{X86_INS_SUB, SPORK_OP_SUB},
		{X86_INS_AND, SPORK_OP_AND},
		{X86_INS_OR, SPORK_OP_OR},
		{X86_INS_XOR, SPORK_OP_XOR},
		{X86_INS_CMP, SPORK_OP_CMP},
		{X86_INS_TEST, SPORK_OP_TEST},
		{X86_INS_INC, SPORK_OP_INC},
		{X86_INS_DEC, SPORK_OP_DEC},
		{X86_INS_NEG, SPORK_OP_NEG},
		{X86_INS_NOT, SPORK_OP_NOT},
		{X86_INS_SHL, SPORK_OP_SHL},
		{X86_INS_SAL, SPORK_OP_SHL},
		{X86_INS_SHR, SPORK_OP_SHR},
		{X86_INS_SAR, SPORK_OP_SAR},
		{X86_INS_XCHG, SPORK_OP_XCHG},
		{X86_INS_NOP, SPORK_OP_NOP},
		{X86_INS_ENDBR64, SPORK_OP_NOP},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].id == id)
			return table[i].operation;
	}
	return SPORK_OP_OTHER;
}

static void find_condition(const cs_x86 *x86, struct spork_instruction *to)
{
	uint8_t low = x86->opcode[0] == 0x0f ? x86->opcode[1] : x86->opcode[0];
	bool two = x86->opcode[0] == 0x0f;

	to->condition = SPORK_CONDITION_OTHER;
	if (to->kind == SPORK_KIND_CONDITIONAL) {
		if ((two && (low & 0xf0) == 0x80) || (!two && (low & 0xf0) == 0x70))
			to->condition = low & 0x0f;
	} else if (two && (low & 0xf0) == 0x40) {
		to->operation = SPORK_OP_CMOV;
		to->condition = low & 0x0f;
	} else if (two && (low & 0xf0) == 0x90) {
		to->operation = SPORK_OP_SET;
		to->condition = low & 0x0f;
	}
}

static void copy_operand(const cs_x86_op *from, struct spork_operand *to)
{
	*to = (struct spork_operand){.size_bytes = from->size,
		.reg = SPORK_REGISTER_NONE,
		.base = SPORK_REGISTER_NONE,
		.index = SPORK_REGISTER_NONE,
		.scale = 1};
	switch (from->type) {
	case X86_OP_REG:
		to->kind = SPORK_OPERAND_REGISTER;
		to->reg = register_number(from->reg);
		to->high_byte = from->reg == X86_REG_AH || from->reg == X86_REG_CH ||
				from->reg == X86_REG_DH || from->reg == X86_REG_BH;
		break;
	case X86_OP_IMM:
		to->kind = SPORK_OPERAND_IMMEDIATE;
		to->value = from->imm;
		break;
	default:
		to->kind = SPORK_OPERAND_MEMORY;
		to->base = register_number(from->mem.base);
		to->index = register_number(from->mem.index);
		to->scale = (uint8_t)from->mem.scale;
		to->segment = from->mem.segment == X86_REG_FS || from->mem.segment == X86_REG_GS;
		to->value = from->mem.disp;
		break;
	}
}

/* What Capstone 4.0.2 gets wrong about registers; found, and kept right, by the test against Zydis. */
static void correct_writes(unsigned id, struct spork_instruction *to)
{
	switch (id) {
	case X86_INS_TEST: /* writes nothing but flags */
		to->writes = SPORK_MASK_FLAGS;
		break;
	case X86_INS_SYSCALL: /* rcx and r11; what the kernel returns in rax is not the instruction's */
		to->writes |= UINT32_C(1) << 1 | UINT32_C(1) << 11;
		break;
	case X86_INS_CMPXCHG:
	case X86_INS_XABORT:
		to->writes |= UINT32_C(1) << 0;
		break;
	case X86_INS_CWD:
	case X86_INS_CDQ:
	case X86_INS_CQO:
		to->writes = UINT32_C(1) << 2;
		break;
	default:
		break;
	}
}

static void find_accesses(struct spork_decoder_state *state, struct spork_instruction *to)
{
	cs_regs reads, writes;
	uint8_t read_count = 0, write_count = 0;

	if (cs_regs_access(state->handle, state->instruction, reads, &read_count, writes,
		    &write_count) != CS_ERR_OK) {
		to->reads = to->writes = UINT32_MAX;
		return;
	}
	for (uint8_t i = 0; i < read_count; i++)
		to->reads |= register_mask(reads[i]);
	for (uint8_t i = 0; i < write_count; i++)
		to->writes |= register_mask(writes[i]);
	correct_writes(state->instruction->id, to);
}

static int decode(struct spork_decoder_state *state, const uint8_t *bytes, size_t size_bytes,
	uint64_t address, struct spork_instruction *ret)
{
	struct spork_instruction to = {.address = address};
	const cs_x86 *x86;
	uint64_t at = address;

	if (!cs_disasm_iter(state->handle, &bytes, &size_bytes, &at, state->instruction))
		return -EILSEQ;
	x86 = &state->instruction->detail->x86;
	to.length = (uint8_t)state->instruction->size;
	to.kind = kind_of(state->instruction->id);
	to.operation = operation_of(state->instruction->id);
	find_condition(x86, &to);
	for (uint8_t i = 0; i < x86->op_count && i < SPORK_OPERANDS_MAX; i++)
		copy_operand(&x86->operands[to.operand_count++], &to.operands[i]);
	find_accesses(state, &to);
	to.direct = (to.kind == SPORK_KIND_JUMP || to.kind == SPORK_KIND_CONDITIONAL ||
			    to.kind == SPORK_KIND_CALL) &&
		    to.operand_count == 1 && to.operands[0].kind == SPORK_OPERAND_IMMEDIATE;
	if (to.direct)
		to.target = (uint64_t)to.operands[0].value;
	*ret = to;
	return 0;
}

static int format(struct spork_decoder_state *state, const uint8_t *bytes, size_t size_bytes,
	uint64_t address, char *buffer, size_t buffer_bytes)
{
	if (!cs_disasm_iter(state->handle, &bytes, &size_bytes, &address, state->instruction))
		return -EILSEQ;
	(void)snprintf(buffer, buffer_bytes, "%s%s%s", state->instruction->mnemonic,
		state->instruction->op_str[0] ? " " : "", state->instruction->op_str);
	return 0;
}

const struct spork_decoder spork_decoder_capstone = {
	.name = "capstone",
	.create = create,
	.destroy = destroy,
	.decode = decode,
	.format = format,
};
