/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From machine code to decoded instructions, in the analyser: sweep.c walks a module, lowering.c turns one
 * instruction
 * into the interpreter's form, stub.c emits native code for what the interpreter has no operation for.
 */
#ifndef SPORK_TRANSLATION_H
#define SPORK_TRANSLATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <Zydis/Zydis.h>

#include "code/code_file.h"

struct hb_error;
struct spork_image;

/* Native code of stubs; equal ones are kept once. Zero-initialised is empty. */
struct stub_pool {
	uint8_t *bytes;
	size_t size, capacity;
	uint32_t *table; /* 1 + position, by hash of the bytes */
	size_t table_size, count;
};

/* One instruction as Zydis has decoded it. */
struct decoded {
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	const uint8_t *bytes;
	uint32_t offset;  /* in the module */
	uint64_t address; /* virtual, as linked */
	uint64_t lowest;  /* virtual address of offset 0 */
};

/* The number of a register of 8 to 64 bits, or -1 (ah to bh, and what is no such register). */
int register_number(ZydisRegister reg);

/* The memory operand's parts into @out; false if the interpreter cannot form such an address. */
bool lower_address(
	const struct decoded *d, const ZydisDecodedOperand *operand, struct spork_insn *out);

/* Fills @out; instructions that must not be interpreted become spork_op_unsupported. 0 or -ENOMEM. */
int lower(const struct decoded *d, struct stub_pool *stubs, struct spork_insn *out);

/*
 * emit_stub - native code for an instruction, and the operation that runs it.
 * Returns 0, -ENOTSUP (not pure computation on registers and one memory operand), -ENOMEM.
 */
int emit_stub(const struct decoded *d, struct stub_pool *pool, struct spork_insn *out);
void stub_pool_finish(struct stub_pool *pool);

/* A stretch of instructions that follow one another in memory. */
struct chunk {
	uint32_t start; /* module offset */
	uint32_t first, count;
};

struct translation {
	struct spork_insn *insns;
	size_t insn_count, insn_capacity;
	struct chunk *chunks;
	size_t chunk_count, chunk_capacity;
	uint32_t *numbers; /* 1 + instruction number, for every byte of the module */
	size_t span;
	struct stub_pool stubs;
};

/*
 * translate - all executable bytes of a module: function by function, then the gaps between them, then what branches
 * lead to. Instructions are in address order, branches resolved.
 */
int translate(const struct spork_image *image, struct translation *t, struct hb_error *reterr);
void translation_finish(struct translation *t);

#endif
