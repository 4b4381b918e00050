/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stubs: the very instruction between loads and stores of the registers it uses, its memory operand redirected to the
 * machine's bounce buffer. Encodings: Intel SDM volume 2, chapter 2.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "code/translation.h"
#include "spork/machine.h"

#define STUB_BYTES_MAX 1024u
#define NO_REGISTER 0xffu

/* What an instruction uses. */
struct usage {
	uint32_t gpr, gpr_written;
	uint32_t vector, vector_written;
	uint32_t mask, mask_written;
	bool flags, x87;
	const ZydisDecodedOperand *memory;
};

struct emitter {
	uint8_t bytes[STUB_BYTES_MAX];
	size_t size;
	uint8_t context; /* number of the register that holds the machine's address */
	unsigned level;
};

static void emit(struct emitter *e, const uint8_t *bytes, size_t size)
{
	if (e->size + size <= STUB_BYTES_MAX)
		memcpy(e->bytes + e->size, bytes, size);
	e->size += size;
}

#define EMIT(e, ...)                                     \
	do {                                             \
		const uint8_t emitted[] = {__VA_ARGS__}; \
		emit(e, emitted, sizeof(emitted));       \
	} while (0)

/* ModRM and displacement of [context + offset]. */
static void emit_operand(struct emitter *e, unsigned reg, size_t offset)
{
	uint32_t disp = (uint32_t)offset;

	EMIT(e, (uint8_t)(0x80 | (reg & 7) << 3 | e->context));
	emit(e, (const uint8_t *)&disp, sizeof(disp));
}

static void emit_gpr(struct emitter *e, bool store, unsigned number)
{
	EMIT(e, number >= 8 ? 0x4c : 0x48, store ? 0x89 : 0x8b);
	emit_operand(e, number, offsetof(struct spork_machine, regs.gpr) + 8 * number);
}

static void emit_vector(struct emitter *e, bool store, unsigned number)
{
	uint8_t r3 = number & 8 ? 0 : 0x80, r4 = number & 16 ? 0 : 0x10;
	uint8_t opcode = store ? 0x7f : 0x6f;

	if (e->level == SPORK_VECTOR_AVX512)
		EMIT(e, 0x62, r3 | 0x60 | r4 | 1, 0xfe, 0x48, opcode);
	else if (e->level == SPORK_VECTOR_AVX)
		EMIT(e, 0xc4, r3 | 0x61, 0x7e, opcode);
	else if (number & 8)
		EMIT(e, 0xf3, 0x44, 0x0f, opcode);
	else
		EMIT(e, 0xf3, 0x0f, opcode);
	emit_operand(e, number, offsetof(struct spork_machine, regs.zmm) + 64 * number);
}

static void emit_mask(struct emitter *e, bool store, unsigned number)
{
	EMIT(e, 0xc4, 0xe1, 0xf8, store ? 0x91 : 0x90);
	emit_operand(e, number, offsetof(struct spork_machine, regs.k) + 8 * number);
}

static bool legacy_prefix(uint8_t byte)
{
	return byte == 0x66 || byte == 0xf2 || byte == 0xf3 || byte == 0xf0 || byte == 0x2e ||
	       byte == 0x36 || byte == 0x3e || byte == 0x26 || byte == 0x64 || byte == 0x65 ||
	       byte == 0x67;
}

/* Segment and address size belong to the address, which is computed elsewhere. */
static bool address_prefix(uint8_t byte)
{
	return byte == 0x2e || byte == 0x36 || byte == 0x3e || byte == 0x26 || byte == 0x64 ||
	       byte == 0x65 || byte == 0x67;
}

/* The instruction with its memory operand at the bounce buffer; the high bits of base and index go. */
static bool emit_redirected(struct emitter *e, const struct decoded *d)
{
	const ZydisDecodedInstructionRaw *raw = &d->insn.raw;
	size_t at = 0, tail, start = e->size;
	uint8_t byte, rex = 0;

	if (raw->modrm.offset == 0 || d->insn.encoding == ZYDIS_INSTRUCTION_ENCODING_3DNOW)
		return false;
	/* A REX byte counts only right before the opcode; others are dead weight. */
	for (;; at++) {
		byte = d->bytes[at];
		if (legacy_prefix(byte)) {
			rex = 0;
			if (!address_prefix(byte))
				emit(e, &byte, 1);
		} else if ((byte & 0xf0) == 0x40) {
			rex = byte;
		} else {
			break;
		}
	}
	if (d->insn.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY) {
		/* Two-byte VEX has no such bits. */
		if (byte != 0xc5) {
			EMIT(e, byte, d->bytes[at + 1] | 0x60);
			at += 2;
		}
	} else if (rex) {
		EMIT(e, rex & 0xfc);
	}
	if (raw->modrm.offset < at)
		return false;
	emit(e, d->bytes + at, raw->modrm.offset - at);
	emit_operand(e, raw->modrm.reg, offsetof(struct spork_machine, bounce));
	tail = (size_t)raw->modrm.offset + 1 + (raw->sib.offset ? 1 : 0) + raw->disp.size / 8;
	if (tail > d->insn.length)
		return false;
	emit(e, d->bytes + tail, d->insn.length - tail);
	/* Useless prefixes and the longer displacement can make it longer than the CPU takes. */
	return e->size - start <= ZYDIS_MAX_INSTRUCTION_LENGTH;
}

static bool note_register(struct usage *u, const ZydisDecodedOperand *operand)
{
	ZydisRegister reg = operand->reg.value;
	bool written = operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
	uint32_t bit = UINT32_C(1) << (ZydisRegisterGetId(reg) & 31);
	ZydisRegister whole;

	if (operand->attributes & ZYDIS_OATTRIB_IS_MULTISOURCE4)
		return false;
	switch (ZydisRegisterGetClass(reg)) {
	case ZYDIS_REGCLASS_GPR8:
	case ZYDIS_REGCLASS_GPR16:
	case ZYDIS_REGCLASS_GPR32:
	case ZYDIS_REGCLASS_GPR64:
		whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
		bit = UINT32_C(1) << (ZydisRegisterGetId(whole) & 31);
		u->gpr |= bit;
		u->gpr_written |= written ? bit : 0;
		return whole != ZYDIS_REGISTER_RSP;
	case ZYDIS_REGCLASS_XMM:
	case ZYDIS_REGCLASS_YMM:
	case ZYDIS_REGCLASS_ZMM:
		u->vector |= bit;
		u->vector_written |= written ? bit : 0;
		return true;
	case ZYDIS_REGCLASS_MASK:
		u->mask |= bit;
		u->mask_written |= written ? bit : 0;
		return true;
	case ZYDIS_REGCLASS_X87:
	case ZYDIS_REGCLASS_MMX:
		u->x87 = true;
		return true;
	case ZYDIS_REGCLASS_FLAGS:
		u->flags = true;
		return true;
	default:
		if (reg == ZYDIS_REGISTER_X87CONTROL || reg == ZYDIS_REGISTER_X87STATUS ||
			reg == ZYDIS_REGISTER_X87TAG)
			u->x87 = true;
		return u->x87 || reg == ZYDIS_REGISTER_MXCSR || reg == ZYDIS_REGISTER_XCR0;
	}
}

static bool note_operands(const struct decoded *d, struct usage *u)
{
	for (size_t i = 0; i < d->insn.operand_count; i++) {
		const ZydisDecodedOperand *operand = &d->operands[i];

		switch (operand->type) {
		case ZYDIS_OPERAND_TYPE_REGISTER:
			if (!note_register(u, operand))
				return false;
			break;
		case ZYDIS_OPERAND_TYPE_MEMORY:
			if (u->memory || operand->mem.type != ZYDIS_MEMOP_TYPE_MEM ||
				operand->visibility != ZYDIS_OPERAND_VISIBILITY_EXPLICIT)
				return false;
			u->memory = operand;
			break;
		case ZYDIS_OPERAND_TYPE_IMMEDIATE:
			break;
		default:
			return false;
		}
	}
	if (d->insn.cpu_flags && (d->insn.cpu_flags->tested | d->insn.cpu_flags->modified |
					 d->insn.cpu_flags->set_0 | d->insn.cpu_flags->set_1 |
					 d->insn.cpu_flags->undefined))
		u->flags = true;
	return true;
}

/* Instructions that reach beyond registers and their operand, by kind. */
static bool pure(const ZydisDecodedInstruction *insn)
{
	switch (insn->mnemonic) {
	case ZYDIS_MNEMONIC_RDTSC:
	case ZYDIS_MNEMONIC_RDTSCP:
	case ZYDIS_MNEMONIC_CPUID:
	case ZYDIS_MNEMONIC_XTEST:
		return true;
	case ZYDIS_MNEMONIC_XEND:
	case ZYDIS_MNEMONIC_XABORT:
	case ZYDIS_MNEMONIC_CLFLUSH:
	case ZYDIS_MNEMONIC_CLI:
	case ZYDIS_MNEMONIC_STI:
	case ZYDIS_MNEMONIC_VP2INTERSECTD:
	case ZYDIS_MNEMONIC_VP2INTERSECTQ:
		return false;
	default:
		break;
	}
	if (insn->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED)
		return false;
	switch (insn->meta.category) {
	case ZYDIS_CATEGORY_AMX_TILE:
	case ZYDIS_CATEGORY_AVX2GATHER:
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_CET:
	case ZYDIS_CATEGORY_CLFLUSHOPT:
	case ZYDIS_CATEGORY_CLWB:
	case ZYDIS_CATEGORY_CLZERO:
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_ENQCMD:
	case ZYDIS_CATEGORY_GATHER:
	case ZYDIS_CATEGORY_HRESET:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_IO:
	case ZYDIS_CATEGORY_IOSTRINGOP:
	case ZYDIS_CATEGORY_KEYLOCKER:
	case ZYDIS_CATEGORY_KEYLOCKER_WIDE:
	case ZYDIS_CATEGORY_MOVDIR:
	case ZYDIS_CATEGORY_MPX:
	case ZYDIS_CATEGORY_PADLOCK:
	case ZYDIS_CATEGORY_PCONFIG:
	case ZYDIS_CATEGORY_PKU:
	case ZYDIS_CATEGORY_POP:
	case ZYDIS_CATEGORY_PT:
	case ZYDIS_CATEGORY_PUSH:
	case ZYDIS_CATEGORY_RDPRU:
	case ZYDIS_CATEGORY_RDWRFSGS:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_SCATTER:
	case ZYDIS_CATEGORY_SEGOP:
	case ZYDIS_CATEGORY_SGX:
	case ZYDIS_CATEGORY_SMAP:
	case ZYDIS_CATEGORY_STRINGOP:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_SYSTEM:
	case ZYDIS_CATEGORY_TSX_LDTRK:
	case ZYDIS_CATEGORY_UINTR:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_VTX:
	case ZYDIS_CATEGORY_WAITPKG:
	case ZYDIS_CATEGORY_XSAVE:
	case ZYDIS_CATEGORY_XSAVEOPT:
		return false;
	default:
		return true;
	}
}

/* A register for the machine's address that the instruction does not use; one that needs no REX or SIB byte. */
static uint8_t choose_context(uint32_t used)
{
	static const uint8_t candidates[] = {
		SPORK_RDI, SPORK_RSI, SPORK_RDX, SPORK_RCX, SPORK_RAX, SPORK_RBX};

	for (size_t i = 0; i < sizeof(candidates); i++)
		if (!(used >> candidates[i] & 1))
			return candidates[i];
	return NO_REGISTER;
}

/* Registers that a function must preserve: rbx, rbp, r12 to r15. */
static void emit_saved(struct emitter *e, uint32_t used, bool pop)
{
	static const uint8_t saved[] = {SPORK_RBX, SPORK_RBP, 12, 13, 14, 15};

	for (size_t i = 0; i < sizeof(saved); i++) {
		uint8_t number = saved[pop ? sizeof(saved) - 1 - i : i];

		if (!(used >> number & 1))
			continue;
		if (number >= 8)
			EMIT(e, 0x41);
		EMIT(e, (uint8_t)((pop ? 0x58 : 0x50) | (number & 7)));
	}
}

static void emit_registers(
	struct emitter *e, bool store, uint32_t vector, uint32_t mask, uint32_t gpr)
{
	for (unsigned n = 0; n < 32; n++)
		if (vector >> n & 1)
			emit_vector(e, store, n);
	for (unsigned n = 0; n < 8; n++)
		if (mask >> n & 1)
			emit_mask(e, store, n);
	for (unsigned n = 0; n < 16; n++)
		if (gpr >> n & 1)
			emit_gpr(e, store, n);
}

static void emit_entry(struct emitter *e, const struct usage *u)
{
	emit_saved(e, u->gpr | UINT32_C(1) << e->context, false);
	if (e->context != SPORK_RDI) /* mov %rdi, context */
		EMIT(e, 0x48, 0x89, (uint8_t)(0xf8 | e->context));
	if (u->x87) {
		EMIT(e, 0x50, 0xd9, 0x3c, 0x24); /* push; fnstcw (%rsp) */
		EMIT(e, 0xdd);                   /* frstor */
		emit_operand(e, 4, offsetof(struct spork_machine, regs.x87));
	}
	emit_registers(e, false, u->vector, u->mask, 0);
	if (u->flags) {
		EMIT(e, 0xff); /* push rflags; popfq */
		emit_operand(e, 6, offsetof(struct spork_machine, regs.rflags));
		EMIT(e, 0x9d);
	}
	emit_registers(e, false, 0, 0, u->gpr);
}

static void emit_exit(struct emitter *e, const struct usage *u)
{
	if (u->x87) {
		EMIT(e, 0xdd); /* fnsave, and the caller's control word back */
		emit_operand(e, 6, offsetof(struct spork_machine, regs.x87));
		EMIT(e, 0xd9, 0x2c, 0x24);
	}
	if (u->flags) {
		EMIT(e, 0x9c, 0x8f); /* pushfq; pop rflags */
		emit_operand(e, 0, offsetof(struct spork_machine, regs.rflags));
	}
	emit_registers(e, true, u->vector_written, u->mask_written, u->gpr_written);
	if (u->vector && e->level != SPORK_VECTOR_SSE)
		EMIT(e, 0xc5, 0xf8, 0x77); /* vzeroupper */
	if (u->x87)
		EMIT(e, 0x48, 0x8d, 0x64, 0x24, 0x08); /* lea 8(%rsp), %rsp */
	emit_saved(e, u->gpr | UINT32_C(1) << e->context, true);
	EMIT(e, 0xc3);
}

static uint64_t hash_bytes(const uint8_t *bytes, size_t size)
{
	uint64_t sum = 0xcbf29ce484222325;

	for (size_t i = 0; i < size; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3;
	return sum ^ sum >> 32;
}

/* A stub in the pool: its size in two bytes, then the code. */
static size_t pool_find(const struct stub_pool *pool, const uint8_t *bytes, size_t size)
{
	size_t at = hash_bytes(bytes, size) & (pool->table_size - 1);

	while (pool->table[at] != 0) {
		const uint8_t *stub = pool->bytes + pool->table[at] - 1;

		if ((size_t)(stub[0] | stub[1] << 8) == size && memcmp(stub + 2, bytes, size) == 0)
			break;
		at = (at + 1) & (pool->table_size - 1);
	}
	return at;
}

static int pool_grow(struct stub_pool *pool)
{
	struct stub_pool larger = *pool;

	if (pool->capacity - pool->size < STUB_BYTES_MAX + 2) {
		size_t capacity = 2 * pool->capacity + 65536;
		uint8_t *bytes = realloc(pool->bytes, capacity);

		if (!bytes)
			return -ENOMEM;
		pool->bytes = larger.bytes = bytes;
		pool->capacity = larger.capacity = capacity;
	}
	if (2 * (pool->count + 1) <= pool->table_size)
		return 0;
	larger.table_size = pool->table_size ? 2 * pool->table_size : 1024;
	larger.table = calloc(larger.table_size, sizeof(*larger.table));
	if (!larger.table)
		return -ENOMEM;
	for (size_t i = 0; i < pool->table_size; i++) {
		const uint8_t *stub = pool->bytes + pool->table[i] - 1;

		if (pool->table[i] != 0)
			larger.table[pool_find(&larger, stub + 2,
				(size_t)(stub[0] | stub[1] << 8))] = pool->table[i];
	}
	free(pool->table);
	*pool = larger;
	return 0;
}

/* The position of the code, which is 2 beyond that of the entry. */
static int pool_add(struct stub_pool *pool, const uint8_t *bytes, size_t size, uint32_t *ret_offset)
{
	int rc = pool_grow(pool);
	size_t at;

	if (rc < 0)
		return rc;
	at = pool_find(pool, bytes, size);
	if (pool->table[at] == 0) {
		uint8_t *to = pool->bytes + pool->size;

		pool->table[at] = (uint32_t)pool->size + 1;
		to[0] = (uint8_t)size;
		to[1] = (uint8_t)(size >> 8);
		memcpy(to + 2, bytes, size);
		pool->size += 2 + size;
		pool->count++;
	}
	*ret_offset = pool->table[at] + 1;
	return 0;
}

void stub_pool_finish(struct stub_pool *pool)
{
	free(pool->bytes);
	free(pool->table);
}

/* Whether the CPU faults on an address that is no multiple of the operand's size. */
static bool aligned_operand(const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *memory)
{
	if (insn->mnemonic == ZYDIS_MNEMONIC_CMPXCHG16B ||
		insn->mnemonic == ZYDIS_MNEMONIC_CVTPD2PI ||
		insn->mnemonic == ZYDIS_MNEMONIC_CVTTPD2PI)
		return true;
	switch (insn->meta.exception_class) {
	case ZYDIS_EXCEPTION_CLASS_SSE1:
	case ZYDIS_EXCEPTION_CLASS_AVX1:
	case ZYDIS_EXCEPTION_CLASS_E1:
	case ZYDIS_EXCEPTION_CLASS_E1NF:
		return true;
	case ZYDIS_EXCEPTION_CLASS_SSE2:
	case ZYDIS_EXCEPTION_CLASS_SSE4:
		break;
	default:
		return false;
	}
	switch (insn->mnemonic) {
	case ZYDIS_MNEMONIC_MOVUPS:
	case ZYDIS_MNEMONIC_MOVUPD:
	case ZYDIS_MNEMONIC_MOVDQU:
	case ZYDIS_MNEMONIC_LDDQU:
	case ZYDIS_MNEMONIC_PCMPESTRI:
	case ZYDIS_MNEMONIC_PCMPESTRM:
	case ZYDIS_MNEMONIC_PCMPISTRI:
	case ZYDIS_MNEMONIC_PCMPISTRM:
		return false;
	default:
		return memory->size == 128;
	}
}

static bool set_memory(const struct decoded *d, const struct usage *u, struct spork_insn *out)
{
	size_t size;

	out->extra = 0;
	if (!u->memory)
		return true;
	size = u->memory->size / 8;
	if (size == 0 || size > sizeof(((struct spork_machine *)NULL)->bounce) ||
		!lower_address(d, u->memory, out))
		return false;
	out->extra = (uint32_t)size;
	/* What may be written in part has to be there before. */
	if ((u->memory->actions & ~(unsigned)ZYDIS_OPERAND_ACTION_WRITE) || u->mask || u->x87)
		out->extra |= SPORK_STUB_READS;
	if (u->memory->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
		out->extra |= SPORK_STUB_WRITES;
	if (aligned_operand(&d->insn, u->memory))
		out->extra |= SPORK_STUB_ALIGNED;
	return true;
}

/*
 * Instructions whose results follow from the registers and the memory that they use, and from nothing else: neither
 * from the rounding mode nor from the clock, the processor or a source of random numbers.
 */
static bool repeats(const ZydisDecodedInstruction *insn)
{
	static const uint16_t known[] = {ZYDIS_MNEMONIC_MOVQ, ZYDIS_MNEMONIC_MOVD,
		ZYDIS_MNEMONIC_MOVUPS, ZYDIS_MNEMONIC_MOVAPS, ZYDIS_MNEMONIC_MOVDQU,
		ZYDIS_MNEMONIC_MOVDQA, ZYDIS_MNEMONIC_MOVHPS, ZYDIS_MNEMONIC_MOVLPS,
		ZYDIS_MNEMONIC_MOVHPD, ZYDIS_MNEMONIC_MOVLPD, ZYDIS_MNEMONIC_MOVUPD,
		ZYDIS_MNEMONIC_MOVAPD, ZYDIS_MNEMONIC_PUNPCKLQDQ, ZYDIS_MNEMONIC_PXOR,
		ZYDIS_MNEMONIC_XORPS, ZYDIS_MNEMONIC_PCMPEQB, ZYDIS_MNEMONIC_PMINUB,
		ZYDIS_MNEMONIC_PSUBB, ZYDIS_MNEMONIC_PMOVMSKB, ZYDIS_MNEMONIC_PSLLDQ,
		ZYDIS_MNEMONIC_PSRLDQ, ZYDIS_MNEMONIC_POR, ZYDIS_MNEMONIC_PAND,
		ZYDIS_MNEMONIC_PSHUFD, ZYDIS_MNEMONIC_PUNPCKLBW, ZYDIS_MNEMONIC_PUNPCKLWD,
		ZYDIS_MNEMONIC_PUNPCKLDQ, ZYDIS_MNEMONIC_BSF, ZYDIS_MNEMONIC_BSR,
		ZYDIS_MNEMONIC_TZCNT, ZYDIS_MNEMONIC_LZCNT, ZYDIS_MNEMONIC_POPCNT,
		ZYDIS_MNEMONIC_SHLX, ZYDIS_MNEMONIC_SHRX, ZYDIS_MNEMONIC_SARX, ZYDIS_MNEMONIC_BT,
		ZYDIS_MNEMONIC_BTS, ZYDIS_MNEMONIC_BTR, ZYDIS_MNEMONIC_MUL, ZYDIS_MNEMONIC_CMPXCHG,
		ZYDIS_MNEMONIC_XADD, ZYDIS_MNEMONIC_XCHG};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (insn->mnemonic == known[i])
			return true;
	return false;
}

static void tell_usage(const struct decoded *d, const struct usage *u, struct spork_insn *out)
{
	if (u->x87 || u->mask || u->vector >> 8 || !repeats(&d->insn))
		return;
	out->extra |= SPORK_STUB_TOLD | u->gpr << SPORK_STUB_GPR;
	out->r1 = (uint8_t)u->vector;
	out->r2 = (uint8_t)u->vector_written;
}

int emit_stub(const struct decoded *d, struct stub_pool *pool, struct spork_insn *out)
{
	struct usage u = {0};
	struct emitter e = {.level = spork_cpu_features()->words[6]};

	if (!pure(&d->insn) || !note_operands(d, &u))
		return -ENOTSUP;
	/* Registers that this machine does not have would raise an exception in the stub. */
	if ((u.mask || u.vector >> 16) && e.level != SPORK_VECTOR_AVX512)
		return -ENOTSUP;
	if (d->insn.meta.category == ZYDIS_CATEGORY_X87_ALU ||
		d->insn.meta.category == ZYDIS_CATEGORY_FCMOV ||
		d->insn.meta.category == ZYDIS_CATEGORY_MMX ||
		d->insn.meta.isa_set == ZYDIS_ISA_SET_X87)
		u.x87 = true;
	if (!set_memory(d, &u, out))
		return -ENOTSUP;
	e.context = choose_context(u.gpr);
	if (e.context == NO_REGISTER)
		return -ENOTSUP;
	emit_entry(&e, &u);
	if (!u.memory)
		emit(&e, d->bytes, d->insn.length);
	else if (!emit_redirected(&e, d))
		return -ENOTSUP;
	emit_exit(&e, &u);
	if (e.size > STUB_BYTES_MAX)
		return -ENOTSUP;
	tell_usage(d, &u, out);
	out->op = u.x87 ? spork_op_stub_x87 : u.flags ? spork_op_stub_flags : spork_op_stub;
	return pool_add(pool, e.bytes, e.size, &out->target);
}
