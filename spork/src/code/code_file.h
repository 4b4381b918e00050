/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The layout of a code file: header, unwinding rows, pages of the index, sums of the machine code, slots, instructions,
 * stubs, in this order. All numbers are the machine's own: a code file is a cache of this machine, not a
 * format for exchange.
 *
 * An address is found through two steps: page_first[] holds the lowest instruction number of each
 * 4 KiB page of the module, and the page's slots, one for each byte, hold 1 + the distance from
 * there (0 = no instruction starts here).
 */
#ifndef SPORK_CODE_FILE_H
#define SPORK_CODE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "code/ops.h"
#include "spork/code.h"

#define SPORK_CODE_MAGIC 0x31656b726f707331
#define SPORK_CODE_VERSION 5
#define SPORK_CODE_PAGE 4096u
#define SPORK_CODE_GRANULES (SPORK_CODE_PAGE / SPORK_CODE_GRANULE)
#define SPORK_NO_TARGET UINT32_MAX

/* Numbers of registers beyond the sixteen, as positions in struct spork_registers. */
enum {
	SPORK_REG_RIP = 16,
	SPORK_REG_RFLAGS = 17,
	SPORK_REG_FS_BASE = 18,
	SPORK_REG_MODULE = 20,
	SPORK_REG_ZERO = 21
};

/*
 * A decoded instruction. A memory operand is at base + (index << scale) + disp, absent parts
 * being SPORK_REG_ZERO. Any value of the register fields stays inside struct spork_registers, so
 * that a damaged file cannot lead elsewhere.
 */
struct spork_insn {
	uint16_t op;
	uint8_t length; /* of the machine code, bytes */
	uint8_t r1, r2; /* register operands, the destination first */
	uint8_t base, index, scale;
	int32_t disp;
	uint32_t offset; /* of the instruction in its module */
	union {
		int64_t imm;
		struct {
			uint32_t
				target; /* branches: instruction number or SPORK_NO_TARGET; stubs: offset of the code */
			uint32_t
				extra; /* branches: module offset of the target; stubs: enum spork_stub_bits */
		};
	};
};

_Static_assert(sizeof(struct spork_insn) == 24, "instructions are 24 bytes");

/* spork_insn.extra of stubs: the memory operand's size in bytes (0 = none), and what is done with it. */
enum spork_stub_bits {
	SPORK_STUB_SIZE = 0xff,
	SPORK_STUB_READS = 0x100,
	SPORK_STUB_WRITES = 0x200,
	SPORK_STUB_ALIGNED = 0x400, /* the CPU demands an address that is a multiple of the size */
	/*
	 * What it does depends on nothing but what it is said to use, and on flags where it is stub_flags: the general
	 * registers of the mask above SPORK_STUB_GPR, and the first eight vector registers, r1 being the mask of those
	 * used and r2 of those written. For digests only.
	 */
	SPORK_STUB_TOLD = 0x800,
	SPORK_STUB_GPR = 16 /* a shift; 16 bits */
};

/* How much vector state the stubs load and store; they differ between machines. */
enum spork_vector_level { SPORK_VECTOR_SSE, SPORK_VECTOR_AVX, SPORK_VECTOR_AVX512 };

struct spork_cpu_features {
	uint32_t words
		[7]; /* leaf 1 ecx and edx, leaf 7 ebx, ecx and edx, XCR0, enum spork_vector_level */
	uint32_t machine_layout;
};

/* The features of this machine; looked up once per process, since cpuid is slow in virtual machines. */
const struct spork_cpu_features *spork_cpu_features(void);

struct spork_code_header {
	uint64_t magic;
	uint64_t checksum; /* of everything after this field */
	uint64_t
		header_checksum; /* of the header after this field: looked at whenever the file is opened */
	uint64_t file_bytes;
	uint32_t version;
	uint32_t page_count; /* of the module */
	struct spork_cpu_features features;
	struct spork_build_id id;
	uint32_t row_count;
	uint32_t slot_page_count;
	uint32_t insn_count;
	uint32_t stub_bytes;
	/* Offsets in the file. */
	uint64_t rows, pages, sums, slots, insns, stubs;
};

/* One page of the module: where its instructions start and its slots are (SPORK_NO_TARGET: no code). */
struct spork_code_page {
	uint32_t first;
	uint32_t slots;
};

/*
 * The machine code of one granule of the module: its bytes [from, to) are executable, and this is spork_code_checksum()
 * of the granule with zeros for the others. from >= to: no code.
 */
struct spork_code_sum {
	uint64_t sum;
	uint32_t from, to;
};

struct spork_code {
	const struct spork_code_header *header;
	const struct spork_unwind_row *rows;
	const struct spork_code_page *pages;
	const struct spork_code_sum *sums; /* SPORK_CODE_GRANULES of each page */
	const uint16_t *slots;
	const struct spork_insn *insns;
	const uint8_t *stubs; /* executable, or NULL: every stub is unsupported */
	uint32_t page_count, row_count, slot_page_count, insn_count, stub_bytes;
	uint32_t mapped_bytes; /* in pages */
	uint64_t stamp;
};

/* Checks a header against the file's size and fills the views; stubs stay NULL. 0 or -EBADMSG. */
int spork_code_views(struct spork_code *code, const void *bytes, size_t size_bytes);

/* The instruction at a module offset, or NULL. */
static inline const struct spork_insn *spork_code_at(const struct spork_code *code, uint64_t offset)
{
	uint64_t page = offset / SPORK_CODE_PAGE;
	const struct spork_code_page *entry;
	uint32_t slot, number;

	if (page >= code->page_count)
		return NULL;
	entry = &code->pages[page];
	if (entry->slots >= code->slot_page_count)
		return NULL;
	slot = code->slots[(size_t)entry->slots * SPORK_CODE_PAGE + offset % SPORK_CODE_PAGE];
	number = entry->first + slot - 1;
	if (slot == 0 || number >= code->insn_count)
		return NULL;
	return &code->insns[number];
}

/* The header's own checksum. */
uint64_t spork_code_header_checksum(const struct spork_code_header *header);
/* A 64-bit checksum over 8-byte words (FNV-1a steps on words); the size is a multiple of 8. */
uint64_t spork_code_checksum(const void *bytes, size_t size_bytes);

/* The name of a module's code file: hexadecimal digits of the build-id. */
void spork_code_name(const struct spork_build_id *id, char name[SPORK_CODE_NAME_BYTES]);

#endif
