/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Digests of recipes: what a stretch of steps between two system calls depended on, and what it left.
 *
 * A stretch is a function of the registers and words that it reads. Those that it does more with than move them about
 * whole are guards: with the same guards every address, branch and result is the same, and what is only moved arrives
 * where it arrived then. A step that is not understood leaves its stretch without a digest.
 */
#ifndef SPORK_DIGEST_H
#define SPORK_DIGEST_H

#include "machine/cpu.h"

#define DIGEST_WORDS 768u /* of one stretch */
#define DIGEST_POOL 3072u /* of all */
#define DIGEST_SEGMENTS 16u
#define DIGEST_VECTORS 8u
#define DIGEST_AREAS 2u
/* Where a value comes from: a general register at the start, DIGEST_MEMORY + the number of a word, or itself. */
#define DIGEST_MEMORY 16u
#define DIGEST_CONSTANT UINT16_MAX

/* A word (at a multiple of 8) that the steps have touched. */
struct recorded_word {
	uint64_t address, value; /* at the start, if it is an input */
	uint16_t from;
	bool input, guard, written;
	bool covered; /* an area lies over it, and nothing has been written there since */
};

/* An area that xsavec has written: vector registers of the start, or what the stretch has put there. */
struct digest_area {
	uint64_t address, components;
	size_t size;
	bool changed;            /* written to since; while it is recorded */
	uint8_t vectors_written; /* before, and what was in them */
	uint8_t zmm[DIGEST_VECTORS][64];
};

struct digest_recorder {
	bool failed;
	uint16_t from[16];
	uint16_t guards; /* general registers */
	uint8_t vector_guards, vectors_written;
	size_t count, area_count;
	struct recorded_word words[DIGEST_WORDS];
	struct digest_area areas[DIGEST_AREAS];
	struct spork_registers
		*before; /* rip, rflags, fs_base, gpr and the guarded vectors are used */
};

/* Describes the step @i, which is about to be carried out on @c. */
void digest_step(struct digest_recorder *r, struct cpu *c, const struct spork_insn *i);

#endif
