/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One decoded instruction as an operation of the interpreter, as a stub, or as unsupported. */
#include <errno.h>
#include <string.h>

#include "code/translation.h"

int register_number(ZydisRegister reg)
{
	ZydisRegister whole;

	switch (ZydisRegisterGetClass(reg)) {
	case ZYDIS_REGCLASS_GPR8:
		if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH)
			return -1;
		break;
	case ZYDIS_REGCLASS_GPR16:
	case ZYDIS_REGCLASS_GPR32:
	case ZYDIS_REGCLASS_GPR64:
		break;
	default:
		return -1;
	}
	whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
	return ZydisRegisterGetId(whole);
}

bool lower_address(
	const struct decoded *d, const ZydisDecodedOperand *operand, struct spork_insn *out)
{
	const ZydisDecodedOperandMem *mem = &operand->mem;
	int64_t disp = mem->disp.has_displacement ? mem->disp.value : 0;
	unsigned base = SPORK_REG_ZERO, index = SPORK_REG_ZERO, scale = 0;

	if (d->insn.address_width != 64 || mem->segment == ZYDIS_REGISTER_GS)
		return false;
	if (mem->base == ZYDIS_REGISTER_RIP) {
		base = SPORK_REG_MODULE;
		disp += (int64_t)(d->address + d->insn.length - d->lowest);
	} else if (mem->base != ZYDIS_REGISTER_NONE) {
		if (register_number(mem->base) < 0)
			return false;
		base = (unsigned)register_number(mem->base);
	}
	if (mem->index != ZYDIS_REGISTER_NONE) {
		if (register_number(mem->index) < 0)
			return false;
		index = (unsigned)register_number(mem->index);
		while (scale < 3 && 1u << scale < mem->scale)
			scale++;
	}
	if (mem->segment == ZYDIS_REGISTER_FS) {
		if (base == SPORK_REG_ZERO)
			base = SPORK_REG_FS_BASE;
		else if (index == SPORK_REG_ZERO)
			index = SPORK_REG_FS_BASE;
		else
			return false;
	}
	if (disp < INT32_MIN || disp > INT32_MAX)
		return false;
	out->base = (uint8_t)base;
	out->index = (uint8_t)index;
	out->scale = (uint8_t)scale;
	out->disp = (int32_t)disp;
	return true;
}

/* Kinds of operands: the letters of the operations' forms. */
static char kind_of(
	const struct decoded *d, size_t n, struct spork_insn *out, uint8_t *ret_register)
{
	const ZydisDecodedOperand *operand = &d->operands[n];

	if (n >= d->insn.operand_count)
		return '-';
	switch (operand->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER:
		if (register_number(operand->reg.value) < 0)
			return '?';
		*ret_register = (uint8_t)register_number(operand->reg.value);
		return 'r';
	case ZYDIS_OPERAND_TYPE_MEMORY:
		return operand->mem.type == ZYDIS_MEMOP_TYPE_MEM && lower_address(d, operand, out)
			       ? 'm'
			       : '?';
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		out->imm = operand->imm.is_signed ? operand->imm.value.s
						  : (int64_t)operand->imm.value.u;
		return 'i';
	default:
		return '?';
	}
}

static int width_step(unsigned width)
{
	return width == 8 ? 0 : width == 16 ? 1 : width == 32 ? 2 : width == 64 ? 3 : -1;
}

/* Groups with five forms. @group: the operation of form rr and 8 bits. */
static bool lower_binary(const struct decoded *d, unsigned group, struct spork_insn *out)
{
	char first = kind_of(d, 0, out, &out->r1), second = kind_of(d, 1, out, &out->r2);
	int step = width_step(d->operands[0].size), form;

	if (first == 'r' && second == 'r')
		form = SPORK_FORM_RR;
	else if (first == 'r' && second == 'i')
		form = SPORK_FORM_RI;
	else if (first == 'r' && second == 'm')
		form = SPORK_FORM_RM;
	else if (first == 'm' && second == 'r')
		form = SPORK_FORM_MR;
	else if (first == 'm' && second == 'i')
		form = SPORK_FORM_MI;
	else
		return false;
	/* Only mov has operands of different sizes (segment registers), which are no registers here. */
	if (step < 0 || (second != 'i' && d->operands[1].size != d->operands[0].size))
		return false;
	out->op = (uint16_t)(group + 4u * (unsigned)form + (unsigned)step);
	return true;
}

/* Groups with one operand, register or memory. @group: the operation of form r and 8 bits. */
static bool lower_unary(const struct decoded *d, unsigned group, struct spork_insn *out)
{
	char first = kind_of(d, 0, out, &out->r1);
	int step = width_step(d->operands[0].size);

	if ((first != 'r' && first != 'm') || step < 0)
		return false;
	out->op = (uint16_t)(group + (first == 'm' ? 4u : 0) + (unsigned)step);
	return true;
}

static bool lower_shift(const struct decoded *d, unsigned group, struct spork_insn *out)
{
	uint8_t count;
	char second = kind_of(d, 1, out, &count);

	if (second == 'r' && count == 1)
		out->imm = -1;
	else if (second == 'i')
		out->imm &= 0xff;
	else
		return false;
	return lower_unary(d, group, out);
}

/* movzx, movsx, movsxd: by the sizes of both operands. */
static bool lower_extension(const struct decoded *d, bool is_signed, struct spork_insn *out)
{
	char second = kind_of(d, 1, out, &out->r2);
	unsigned from = d->operands[1].size, to = d->operands[0].size;
	bool memory = second == 'm', wide = to == 64;

	if (kind_of(d, 0, out, &out->r1) != 'r' || (second != 'r' && second != 'm') || to < 32)
		return false;
	if (!is_signed && from == 8)
		out->op = memory ? spork_op_movzx8_m : spork_op_movzx8_r;
	else if (!is_signed && from == 16)
		out->op = memory ? spork_op_movzx16_m : spork_op_movzx16_r;
	else if (from == 8)
		out->op = memory ? spork_op_movsx8_m_32 : spork_op_movsx8_r_32;
	else if (from == 16)
		out->op = memory ? spork_op_movsx16_m_32 : spork_op_movsx16_r_32;
	else if (from == 32 && wide)
		out->op = memory ? spork_op_movsx32_m : spork_op_movsx32_r;
	else
		return false;
	if (is_signed && from < 32 && wide)
		out->op++;
	return true;
}

static bool lower_large(
	const struct decoded *d, unsigned operation, const char *form, struct spork_insn *out)
{
	unsigned width = d->operands[0].size;
	uint8_t unused;

	if (width != 32 && width != 64)
		return false;
	if (form[0] != kind_of(d, 0, out, &out->r1))
		return false;
	if (form[1] && form[1] != kind_of(d, 1, out, &out->r2))
		return false;
	if (form[1] && form[2] && form[2] != kind_of(d, 2, out, &unused))
		return false;
	out->op = (uint16_t)(operation + (width == 64 ? 1 : 0));
	return true;
}

static bool lower_multiplication(const struct decoded *d, struct spork_insn *out)
{
	switch (d->insn.operand_count_visible) {
	case 2:
		return lower_large(d, spork_op_imul_rr_32, "rr", out) ||
		       lower_large(d, spork_op_imul_rm_32, "rm", out);
	case 3:
		return lower_large(d, spork_op_imul_rri_32, "rri", out) ||
		       lower_large(d, spork_op_imul_rmi_32, "rmi", out);
	default:
		return false;
	}
}

/* Divisions must be looked at before they run; a stub would raise the divide error here. */
static bool lower_division(const struct decoded *d, bool is_signed, struct spork_insn *out)
{
	char first = kind_of(d, 0, out, &out->r1);

	out->imm = d->operands[0].size;
	if (first == 'r')
		out->op = is_signed ? spork_op_idiv_r : spork_op_div_r;
	else if (first == 'm')
		out->op = is_signed ? spork_op_idiv_m : spork_op_div_m;
	else
		return false;
	return d->operands[0].size != 8;
}

/* bt, bts, btr, btc: 0 to 3. The forms that are left become stubs. */
static bool lower_bit(const struct decoded *d, unsigned what, struct spork_insn *out)
{
	if (what == 0 && (lower_large(d, spork_op_bt_rr_32, "rr", out) ||
				 lower_large(d, spork_op_bt_ri_32, "ri", out)))
		return true;
	if (kind_of(d, 0, out, &out->r1) == 'm' && kind_of(d, 1, out, &out->r2) == 'r') {
		out->imm = (int64_t)(d->operands[0].size | what << 8);
		out->op = spork_op_bit_mr;
		return true;
	}
	return false;
}

static bool lower_stack(const struct decoded *d, bool push, struct spork_insn *out)
{
	char first = kind_of(d, 0, out, &out->r1);

	if (d->insn.operand_width != 64)
		return false;
	if (first == 'r')
		out->op = push ? spork_op_push_r : spork_op_pop_r;
	else if (first == 'm')
		out->op = push ? spork_op_push_m : spork_op_pop_m;
	else if (first == 'i' && push)
		out->op = spork_op_push_i;
	else
		return false;
	return true;
}

static bool lower_string(const struct decoded *d, unsigned operation, struct spork_insn *out)
{
	const ZydisDecodedOperand *operand = &d->operands[0];

	if (d->insn.address_width != 64)
		return false;
	for (size_t n = 0; n < d->insn.operand_count; n++)
		if (d->operands[n].type == ZYDIS_OPERAND_TYPE_MEMORY) {
			operand = &d->operands[n];
			if (operand->mem.segment == ZYDIS_REGISTER_FS ||
				operand->mem.segment == ZYDIS_REGISTER_GS)
				return false;
		}
	if (width_step(operand->size) < 0)
		return false;
	out->op = (uint16_t)operation;
	out->imm = operand->size / 8;
	if (d->insn.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE))
		out->r1 = 1;
	else if (d->insn.attributes & ZYDIS_ATTRIB_HAS_REPNE)
		out->r1 = 2;
	return true;
}

/* Branches to an address in the instruction; the number of the target is filled in later. */
static bool lower_direct(const struct decoded *d, unsigned operation, struct spork_insn *out)
{
	ZyanU64 target;

	if (d->operands[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
		!ZYAN_SUCCESS(
			ZydisCalcAbsoluteAddress(&d->insn, &d->operands[0], d->address, &target)))
		return false;
	out->op = (uint16_t)operation;
	out->target = SPORK_NO_TARGET;
	/* An address outside of the module has no code, wherever it leads. */
	out->extra = target - d->lowest < UINT32_MAX ? (uint32_t)(target - d->lowest) : UINT32_MAX;
	return true;
}

static bool lower_transfer(const struct decoded *d, bool call, struct spork_insn *out)
{
	char first;

	if (d->insn.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		return false;
	if (lower_direct(d, call ? spork_op_call : spork_op_jmp, out))
		return true;
	first = kind_of(d, 0, out, &out->r1);
	if (d->operands[0].size != 64 || (first != 'r' && first != 'm'))
		return false;
	if (first == 'r')
		out->op = call ? spork_op_call_r : spork_op_jmp_r;
	else
		out->op = call ? spork_op_call_m : spork_op_jmp_m;
	return true;
}

static bool lower_return(const struct decoded *d, struct spork_insn *out)
{
	uint8_t unused;

	if (d->insn.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		return false;
	out->imm = 0;
	if (d->insn.operand_count_visible > 0 && kind_of(d, 0, out, &unused) != 'i')
		return false;
	out->op = spork_op_ret;
	return true;
}

/* Condition codes are the low four bits of the opcodes of jcc, setcc and cmovcc. */
static bool lower_conditional(const struct decoded *d, struct spork_insn *out)
{
	unsigned code = d->insn.opcode & 15u;
	char first;

	switch (d->insn.meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
		if (d->insn.mnemonic == ZYDIS_MNEMONIC_JRCXZ ||
			d->insn.mnemonic == ZYDIS_MNEMONIC_JECXZ) {
			out->r1 = d->insn.mnemonic == ZYDIS_MNEMONIC_JECXZ;
			return lower_direct(d, spork_op_jrcxz, out);
		}
		/* 0F 8x and 7x; loop and xbegin have other opcodes. */
		if (d->insn.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY ||
			(d->insn.opcode >> 4 != 7 && d->insn.opcode >> 4 != 8))
			return false;
		return lower_direct(d, spork_op_j_o + code, out);
	case ZYDIS_CATEGORY_SETCC:
		first = kind_of(d, 0, out, &out->r1);
		out->imm = code;
		out->op = first == 'r' ? spork_op_set_r : spork_op_set_m;
		return first == 'r' || first == 'm';
	case ZYDIS_CATEGORY_CMOV:
		if (!lower_large(d, spork_op_cmov_rr_32, "rr", out) &&
			!lower_large(d, spork_op_cmov_rm_32, "rm", out))
			return false;
		out->imm = code;
		return true;
	default:
		return false;
	}
}

/* Groups of arithmetic and moves. */
static bool lower_arithmetic(const struct decoded *d, struct spork_insn *out)
{
	switch (d->insn.mnemonic) {
	case ZYDIS_MNEMONIC_ADD:
		return lower_binary(d, spork_op_add_rr_8, out);
	case ZYDIS_MNEMONIC_OR:
		return lower_binary(d, spork_op_or_rr_8, out);
	case ZYDIS_MNEMONIC_ADC:
		return lower_binary(d, spork_op_adc_rr_8, out);
	case ZYDIS_MNEMONIC_SBB:
		return lower_binary(d, spork_op_sbb_rr_8, out);
	case ZYDIS_MNEMONIC_AND:
		return lower_binary(d, spork_op_and_rr_8, out);
	case ZYDIS_MNEMONIC_SUB:
		return lower_binary(d, spork_op_sub_rr_8, out);
	case ZYDIS_MNEMONIC_XOR:
		return lower_binary(d, spork_op_xor_rr_8, out);
	case ZYDIS_MNEMONIC_CMP:
		return lower_binary(d, spork_op_cmp_rr_8, out);
	case ZYDIS_MNEMONIC_TEST:
		return lower_binary(d, spork_op_test_rr_8, out);
	case ZYDIS_MNEMONIC_MOV:
		return lower_binary(d, spork_op_mov_rr_8, out);
	case ZYDIS_MNEMONIC_INC:
		return lower_unary(d, spork_op_inc_r_8, out);
	case ZYDIS_MNEMONIC_DEC:
		return lower_unary(d, spork_op_dec_r_8, out);
	case ZYDIS_MNEMONIC_NEG:
		return lower_unary(d, spork_op_neg_r_8, out);
	case ZYDIS_MNEMONIC_NOT:
		return lower_unary(d, spork_op_not_r_8, out);
	case ZYDIS_MNEMONIC_SHL:
		return lower_shift(d, spork_op_shl_r_8, out);
	case ZYDIS_MNEMONIC_SHR:
		return lower_shift(d, spork_op_shr_r_8, out);
	case ZYDIS_MNEMONIC_SAR:
		return lower_shift(d, spork_op_sar_r_8, out);
	case ZYDIS_MNEMONIC_ROL:
		return lower_shift(d, spork_op_rol_r_8, out);
	case ZYDIS_MNEMONIC_ROR:
		return lower_shift(d, spork_op_ror_r_8, out);
	case ZYDIS_MNEMONIC_IMUL:
		return lower_multiplication(d, out);
	case ZYDIS_MNEMONIC_BT:
		return lower_bit(d, 0, out);
	case ZYDIS_MNEMONIC_BTS:
		return lower_bit(d, 1, out);
	case ZYDIS_MNEMONIC_BTR:
		return lower_bit(d, 2, out);
	case ZYDIS_MNEMONIC_BTC:
		return lower_bit(d, 3, out);
	case ZYDIS_MNEMONIC_MOVZX:
		return lower_extension(d, false, out);
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
		return lower_extension(d, true, out);
	case ZYDIS_MNEMONIC_BSWAP:
		return lower_large(d, spork_op_bswap_32, "r", out);
	case ZYDIS_MNEMONIC_XCHG:
		return lower_large(d, spork_op_xchg_rr_32, "rr", out);
	default:
		return false;
	}
}

static bool lower_lea(const struct decoded *d, struct spork_insn *out)
{
	unsigned width = d->operands[0].size;

	if (kind_of(d, 0, out, &out->r1) != 'r' || (width != 32 && width != 64) ||
		!lower_address(d, &d->operands[1], out))
		return false;
	/* Only memory accesses add the segment. */
	if (d->operands[1].mem.segment == ZYDIS_REGISTER_FS)
		return false;
	out->op = width == 64 ? spork_op_lea_64 : spork_op_lea_32;
	return true;
}

/* Instructions with operands of their own kind. */
static bool lower_special(const struct decoded *d, struct spork_insn *out)
{
	switch (d->insn.mnemonic) {
	case ZYDIS_MNEMONIC_LEA:
		return lower_lea(d, out);
	case ZYDIS_MNEMONIC_PUSH:
		return lower_stack(d, true, out);
	case ZYDIS_MNEMONIC_POP:
		return lower_stack(d, false, out);
	case ZYDIS_MNEMONIC_CALL:
		return lower_transfer(d, true, out);
	case ZYDIS_MNEMONIC_JMP:
		return lower_transfer(d, false, out);
	case ZYDIS_MNEMONIC_RET:
		return lower_return(d, out);
	case ZYDIS_MNEMONIC_MOVSB:
	case ZYDIS_MNEMONIC_MOVSW:
	case ZYDIS_MNEMONIC_MOVSQ:
		return lower_string(d, spork_op_movs, out);
	case ZYDIS_MNEMONIC_MOVSD:
		return d->insn.meta.category == ZYDIS_CATEGORY_STRINGOP &&
		       lower_string(d, spork_op_movs, out);
	case ZYDIS_MNEMONIC_STOSB:
	case ZYDIS_MNEMONIC_STOSW:
	case ZYDIS_MNEMONIC_STOSD:
	case ZYDIS_MNEMONIC_STOSQ:
		return lower_string(d, spork_op_stos, out);
	case ZYDIS_MNEMONIC_LODSB:
	case ZYDIS_MNEMONIC_LODSW:
	case ZYDIS_MNEMONIC_LODSD:
	case ZYDIS_MNEMONIC_LODSQ:
		return lower_string(d, spork_op_lods, out);
	case ZYDIS_MNEMONIC_SCASB:
	case ZYDIS_MNEMONIC_SCASW:
	case ZYDIS_MNEMONIC_SCASD:
	case ZYDIS_MNEMONIC_SCASQ:
		return lower_string(d, spork_op_scas, out);
	case ZYDIS_MNEMONIC_CMPSB:
	case ZYDIS_MNEMONIC_CMPSW:
	case ZYDIS_MNEMONIC_CMPSQ:
		return lower_string(d, spork_op_cmps, out);
	case ZYDIS_MNEMONIC_CMPSD:
		return d->insn.meta.category == ZYDIS_CATEGORY_STRINGOP &&
		       lower_string(d, spork_op_cmps, out);
	default:
		return false;
	}
}

/* Instructions that are one operation, whatever their operands. */
static int simple_operation(const ZydisDecodedInstruction *insn)
{
	switch (insn->mnemonic) {
	case ZYDIS_MNEMONIC_NOP:
	case ZYDIS_MNEMONIC_ENDBR64:
	case ZYDIS_MNEMONIC_ENDBR32:
	case ZYDIS_MNEMONIC_PAUSE:
	case ZYDIS_MNEMONIC_LFENCE:
	case ZYDIS_MNEMONIC_MFENCE:
	case ZYDIS_MNEMONIC_SFENCE:
	/* Without a shadow stack these do nothing. */
	case ZYDIS_MNEMONIC_RDSSPD:
	case ZYDIS_MNEMONIC_RDSSPQ:
		return spork_op_nop;
	case ZYDIS_MNEMONIC_SYSCALL:
		return spork_op_syscall;
	case ZYDIS_MNEMONIC_INT3:
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
		return spork_op_trap;
	case ZYDIS_MNEMONIC_LEAVE:
		return insn->operand_width == 64 ? spork_op_leave : spork_op_unsupported;
	case ZYDIS_MNEMONIC_PUSHFQ:
		return spork_op_pushf;
	case ZYDIS_MNEMONIC_POPFQ:
		return spork_op_popf;
	case ZYDIS_MNEMONIC_CWDE:
		return spork_op_cwde;
	case ZYDIS_MNEMONIC_CDQE:
		return spork_op_cdqe;
	case ZYDIS_MNEMONIC_CDQ:
		return spork_op_cdq;
	case ZYDIS_MNEMONIC_CQO:
		return spork_op_cqo;
	case ZYDIS_MNEMONIC_CLD:
		return spork_op_cld;
	case ZYDIS_MNEMONIC_STD:
		return spork_op_std;
	case ZYDIS_MNEMONIC_VZEROUPPER:
		return spork_op_vzeroupper;
	case ZYDIS_MNEMONIC_VZEROALL:
		return spork_op_vzeroall;
	case ZYDIS_MNEMONIC_XGETBV:
		return spork_op_xgetbv;
	case ZYDIS_MNEMONIC_DIV:
	case ZYDIS_MNEMONIC_IDIV:
		return spork_op_unsupported;
	default:
		if (insn->meta.category == ZYDIS_CATEGORY_PREFETCH ||
			insn->meta.category == ZYDIS_CATEGORY_WIDENOP ||
			insn->meta.category == ZYDIS_CATEGORY_NOP)
			return spork_op_nop;
		return -1;
	}
}

/* Instructions that move the whole vector state: an address and an operation. */
static int state_operation(ZydisMnemonic mnemonic)
{
	switch (mnemonic) {
	case ZYDIS_MNEMONIC_XSAVE:
	case ZYDIS_MNEMONIC_XSAVE64:
		return spork_op_xsave;
	case ZYDIS_MNEMONIC_XSAVEC:
	case ZYDIS_MNEMONIC_XSAVEC64:
		return spork_op_xsavec;
	case ZYDIS_MNEMONIC_XRSTOR:
	case ZYDIS_MNEMONIC_XRSTOR64:
		return spork_op_xrstor;
	case ZYDIS_MNEMONIC_FXSAVE:
	case ZYDIS_MNEMONIC_FXSAVE64:
		return spork_op_fxsave;
	case ZYDIS_MNEMONIC_FXRSTOR:
	case ZYDIS_MNEMONIC_FXRSTOR64:
		return spork_op_fxrstor;
	case ZYDIS_MNEMONIC_LDMXCSR:
	case ZYDIS_MNEMONIC_VLDMXCSR:
		return spork_op_ldmxcsr;
	default:
		return -1;
	}
}

static bool lower_operation(const struct decoded *d, struct spork_insn *out)
{
	int state = state_operation(d->insn.mnemonic);

	if (lower_arithmetic(d, out) || lower_special(d, out) || lower_conditional(d, out))
		return true;
	if (d->insn.mnemonic == ZYDIS_MNEMONIC_DIV || d->insn.mnemonic == ZYDIS_MNEMONIC_IDIV)
		return lower_division(d, d->insn.mnemonic == ZYDIS_MNEMONIC_IDIV, out);
	if (state >= 0 && lower_address(d, &d->operands[0], out)) {
		out->op = (uint16_t)state;
		return true;
	}
	return false;
}

int lower(const struct decoded *d, struct stub_pool *stubs, struct spork_insn *out)
{
	const struct spork_insn blank = {
		.op = spork_op_unsupported,
		.length = d->insn.length,
		.base = SPORK_REG_ZERO,
		.index = SPORK_REG_ZERO,
		.offset = d->offset,
	};
	int simple = simple_operation(&d->insn), rc;

	*out = blank;
	if (lower_operation(d, out))
		return 0;
	/* What did not fit may have left parts behind. */
	*out = blank;
	if (simple >= 0) {
		out->op = (uint16_t)simple;
		return 0;
	}
	if (state_operation(d->insn.mnemonic) >= 0)
		return 0;
	rc = emit_stub(d, stubs, out);
	if (rc == -ENOTSUP)
		*out = blank;
	return rc == -ENOTSUP ? 0 : rc;
}
