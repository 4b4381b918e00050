/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Call-frame instructions (DWARF 5 §6.4.2) of one function, run for their rows. No allocation; bounded by their bytes.
 */
#ifndef SPORK_IMAGE_CFI_H
#define SPORK_IMAGE_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CFI_UNKNOWN 255 /* a CFA register: cannot be unwound */

/* Pointer encodings of .eh_frame: the low four bits are the format, the next three what it is relative to. */
enum {
	DW_EH_PE_absptr = 0x00,
	DW_EH_PE_uleb128 = 0x01,
	DW_EH_PE_udata2 = 0x02,
	DW_EH_PE_udata4 = 0x03,
	DW_EH_PE_udata8 = 0x04,
	DW_EH_PE_sleb128 = 0x09,
	DW_EH_PE_sdata2 = 0x0a,
	DW_EH_PE_sdata4 = 0x0b,
	DW_EH_PE_sdata8 = 0x0c,
	DW_EH_PE_pcrel = 0x10,
	DW_EH_PE_datarel = 0x30
};

/* Reads forward within [start, end); a read beyond sets @failed and gives 0. */
struct cfi_cursor {
	const uint8_t *start, *next, *end;
	uint64_t address;        /* virtual, of @start */
	uint64_t header_address; /* of .eh_frame_hdr, for pointers relative to it */
	bool failed;
};

struct cfi_code {
	const uint8_t *bytes;
	size_t size;
};

struct cfi_state {
	uint8_t cfa_register; /* DWARF number; CFI_UNKNOWN */
	bool is_plt;          /* the CFA is the linker's expression for PLT entries */
	bool rbp_lost, return_lost;
	int64_t cfa_offset;
	int64_t rbp_offset; /* from the CFA; 0 = rbp is unchanged */
};

struct cfi_cie {
	size_t offset;   /* in .eh_frame */
	bool understood; /* false: its descriptions are left out */
	bool augmented;  /* descriptions carry augmentation data */
	uint8_t encoding;
	uint64_t code_factor;
	int64_t data_factor;
	struct cfi_state initial;
};

uint64_t cfi_read_fixed(struct cfi_cursor *at, size_t size);
uint64_t cfi_read_uleb(struct cfi_cursor *at);
int64_t cfi_read_sleb(struct cfi_cursor *at);
void cfi_skip(struct cfi_cursor *at, uint64_t size);
/* A pointer in a DW_EH_PE encoding; indirect ones cannot be read. */
uint64_t cfi_read_pointer(struct cfi_cursor *at, uint8_t encoding);

/* The rest of a CIE behind its id; @at ends with the entry. */
void cfi_read_cie(struct cfi_cursor *at, struct cfi_cie *ret);

/* Can a frame in this state be unwound with a row of code files? */
bool cfi_state_unwinds(const struct cfi_state *state);

/*
 * cfi_run - the rows of the function [start, end): @add is called with ascending addresses. Returns 0 or what @add
 * returned. Damaged instructions end in a row that cannot be unwound.
 */
int cfi_run(const struct cfi_cie *cie, struct cfi_code code, uint64_t start, uint64_t end,
	int (*add)(void *data, uint64_t address, const struct cfi_state *state), void *data);

#endif
