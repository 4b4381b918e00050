/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One view of x86-64 instructions over two libraries, Capstone and Zydis, so that either can serve the analyser and
 * each can be checked against the other. Only what control flow and constant propagation need is kept.
 *
 * A decoder's state belongs to one thread; the tables are constant. Nothing blocks. Source: Intel SDM vol. 2.
 */
#ifndef SPORK_DECODER_H
#define SPORK_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Registers of operands: 0..15 as x86 numbers them (rax rcx rdx rbx rsp rbp rsi rdi r8..r15). */
enum {
	SPORK_REGISTER_RIP = 16,
	SPORK_REGISTER_OTHER = 17, /* vector, mask, segment, control … */
	SPORK_REGISTER_NONE = 255
};

/* Bits of the masks @reads and @writes: 0..15 the general registers, then these. */
#define SPORK_MASK_FLAGS UINT32_C(0x10000)
#define SPORK_MASK_OTHER UINT32_C(0x20000)

enum spork_kind {
	SPORK_KIND_OTHER, /* the next instruction follows */
	SPORK_KIND_JUMP,
	SPORK_KIND_CONDITIONAL, /* jcc, jrcxz, loop, xbegin */
	SPORK_KIND_CALL,
	SPORK_KIND_RETURN,
	SPORK_KIND_SYSCALL, /* syscall, sysenter, int n */
	SPORK_KIND_TRAP     /* ud2, int3, hlt: nothing follows */
};

/* What is computed, where the analyser follows it. */
enum spork_operation {
	SPORK_OP_OTHER,
	SPORK_OP_MOV,
	SPORK_OP_MOVZX,
	SPORK_OP_MOVSX, /* without operands: cdqe, eax to rax */
	SPORK_OP_LEA,
	SPORK_OP_PUSH,
	SPORK_OP_POP,
	SPORK_OP_LEAVE,
	SPORK_OP_ADD,
	SPORK_OP_SUB,
	SPORK_OP_AND,
	SPORK_OP_OR,
	SPORK_OP_XOR,
	SPORK_OP_CMP,
	SPORK_OP_TEST,
	SPORK_OP_INC,
	SPORK_OP_DEC,
	SPORK_OP_NEG,
	SPORK_OP_NOT,
	SPORK_OP_SHL,
	SPORK_OP_SHR,
	SPORK_OP_SAR,
	SPORK_OP_CMOV,
	SPORK_OP_SET,
	SPORK_OP_XCHG,
	SPORK_OP_NOP /* and endbr64, prefetch: no effect */
};

/* Condition codes of jcc, cmov and set, as they stand in the opcode's low four bits. */
#define SPORK_CONDITION_OTHER 16 /* not by flags alone: jrcxz, loop, xbegin */

enum spork_operand_kind { SPORK_OPERAND_REGISTER, SPORK_OPERAND_MEMORY, SPORK_OPERAND_IMMEDIATE };

struct spork_operand {
	uint8_t kind;
	uint8_t size_bytes;
	uint8_t reg;    /* REGISTER */
	bool high_byte; /* REGISTER: ah, ch, dh, bh */
	uint8_t base,
		index; /* MEMORY: registers or NONE; base RIP is relative to the next instruction */
	uint8_t scale; /* MEMORY: 1, 2, 4, 8 */
	bool segment;  /* MEMORY: relative to fs or gs */
	int64_t value; /* MEMORY: displacement; IMMEDIATE: sign-extended value */
};

#define SPORK_OPERANDS_MAX 5

struct spork_instruction {
	uint64_t address;
	uint64_t target; /* of a direct jump, conditional jump or call, else 0 */
	uint32_t reads, writes;
	uint8_t length; /* 1..15 */
	uint8_t kind, operation, condition;
	bool direct; /* @target holds */
	uint8_t operand_count;
	struct spork_operand operands[SPORK_OPERANDS_MAX];
};

struct spork_decoder_state;

struct spork_decoder {
	const char *name;

	/* 0 or -ENOMEM. @ret_state is released with destroy(), which accepts NULL. */
	int (*create)(struct spork_decoder_state **ret_state);
	void (*destroy)(struct spork_decoder_state *state);

	/*
	 * decode - one instruction at @bytes (@size_bytes readable), whose virtual address is @address.
	 * Returns 0, or -EILSEQ: nothing this decoder knows, or cut off; then @ret is untouched.
	 */
	int (*decode)(struct spork_decoder_state *state, const uint8_t *bytes, size_t size_bytes,
		uint64_t address, struct spork_instruction *ret);

	/* format - the instruction in Intel syntax, always terminated; -EILSEQ as above. */
	int (*format)(struct spork_decoder_state *state, const uint8_t *bytes, size_t size_bytes,
		uint64_t address, char *buffer, size_t buffer_bytes);
};

extern const struct spork_decoder spork_decoder_capstone;
extern const struct spork_decoder spork_decoder_zydis;
/* Capstone, and Zydis for what Capstone 4.0.2 does not know (EVEX compares, kmov). The analyser's default. */
extern const struct spork_decoder spork_decoder_both;

#endif
