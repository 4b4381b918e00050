/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known about registers and memory at one point of a walk: numbers, places on the stack, imports, entries of
 * jump tables; everything else is unknown. No allocation.
 */
#ifndef SPORK_ANALYSIS_VALUES_H
#define SPORK_ANALYSIS_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "spork/decoder.h"

enum value_kind {
	VALUE_UNKNOWN,
	VALUE_NUMBER,
	VALUE_STACK,   /* @number is the offset from the CFA of frame @region */
	VALUE_IMPORT,  /* @number is the run-time address of the import's slot */
	VALUE_INDEXED, /* an address: @number + unknown index * @region (scale) */
	VALUE_ENTRY,   /* 4 bytes, to be sign-extended, of the table at @number */
	VALUE_ENTRY8,  /* 8 bytes of the table at @number */
	VALUE_TARGET   /* table address + ENTRY of it: where a switch goes */
};

struct value {
	uint64_t number;
	uint16_t region;
	uint8_t kind;
	bool is_result; /* a copy of what fork returned: no callee changes the variable that holds it */
};

#define REGION_ABSOLUTE UINT16_MAX
#define SLOTS_MAX 32

struct slot {
	int64_t offset; /* in the region; run-time address if that is absolute */
	uint16_t region;
	uint8_t size_bytes;
	struct value value;
};

/* Status flags as far as they are known. */
struct flags {
	uint8_t known, values; /* FLAG_* */
};

struct state {
	struct value regs[16];
	struct flags flags;
	/* The lowest place on the stack of frame @escaped_region whose address a callee was given. */
	int64_t escaped_from;
	uint16_t escaped_region;
	bool has_escaped;
	uint8_t slot_count;
	struct slot slots[SLOTS_MAX];
};

/* Memory outside of the state's slots: by run-time address. */
struct memory {
	struct value (*load)(void *data, uint64_t address, unsigned size_bytes);
	void *data;
	uint64_t bias; /* of the module whose code runs */
};

struct value value_number(uint64_t number);
struct value value_stack(uint16_t region, int64_t offset);
bool value_equal(struct value a, struct value b);

/* state_step - the effect of an instruction that does not transfer control. */
void state_step(struct state *state, const struct spork_instruction *instruction,
	const struct memory *memory);
/* The value of an operand, as a jump or call through it needs it; 8 bytes. */
struct value state_operand(const struct state *state, const struct spork_instruction *instruction,
	unsigned index, const struct memory *memory);
/* 1 taken, 0 not taken, -1 unknown. */
int state_condition(const struct state *state, unsigned condition);
/* What a call may change becomes unknown: registers, variables whose address was given away, written globals. */
void state_clobber(struct state *state);
void state_push(struct state *state, struct value value);
/* Keeps in @into what @from agrees with; true if @into lost something. */
bool state_join(struct state *into, const struct state *from);
/* Keeps only the stack's place and fork's result, so that a loop comes to rest. */
void state_widen(struct state *state);
/* Slots of @region are forgotten: its frame is gone. */
void state_drop_region(struct state *state, uint16_t region);

#endif
