/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The layout of a recipe: header, modules, steps, granules of code. Steps are instructions of the code files without
 * the branches, which became guards; their stubs are those of the very files that the modules name.
 */
#ifndef SPORK_RECIPE_H
#define SPORK_RECIPE_H

#include "code/code_file.h"
#include "spork/machine.h"

#define RECIPE_MAGIC 0x6570696365723273
#define RECIPE_STEPS_MAX 65536u
#define RECIPE_GRANULES_MAX 4096u

struct recipe_module {
	struct spork_build_id id;
	uint64_t code_checksum; /* of its code file */
};

struct recipe_header {
	uint64_t magic;
	uint64_t checksum; /* of everything after this field */
	uint64_t size_bytes;
	uint32_t module_count;
	uint32_t step_count;
	uint32_t start_module; /* where recording started */
	uint32_t start_offset;
	uint32_t granule_count; /* of the code that was run, branches included */
	uint32_t reserved;
	struct recipe_module modules[SPORK_RECIPE_MODULES];
};

static inline const struct spork_insn *recipe_steps(const struct recipe_header *h)
{
	return (const struct spork_insn *)(const void *)(h + 1);
}

/* Which granule of which of the recipe's modules. */
static inline uint32_t recipe_granule(uint32_t module, uint32_t granule)
{
	return module << 27 | granule;
}

static inline const uint32_t *recipe_granules(const struct recipe_header *h)
{
	return (const uint32_t *)(const void *)(recipe_steps(h) + h->step_count);
}

/* Its size in bytes, a multiple of 8, by the counts in its header. */
static inline uint64_t recipe_size(const struct recipe_header *h)
{
	return sizeof(*h) + h->step_count * sizeof(struct spork_insn) +
	       (h->granule_count * sizeof(uint32_t) + 7) / 8 * 8;
}

/* Whether a step may stand in a recipe: everything but branches, which lead out of it. */
static inline bool recipe_allows(unsigned op)
{
	return op < SPORK_OP_COUNT && (op > spork_op_j_nle || op == spork_op_syscall);
}

struct digest_recorder;

/* replay.c: what comes before the first step; 0 or -EBADMSG. */
int recipe_start(struct spork_machine *m, const void *recipe, size_t size_bytes);
/* replay.c: as spork_trace_replay() after that; @recorder: told about every step, or NULL. */
int recipe_replay(struct spork_machine *m, const struct recipe_header *h, size_t *position,
	struct digest_recorder *recorder);

/* A checksum in four lanes, since it is computed before every replay. @size_bytes: a multiple of 8. */
uint64_t recipe_checksum(const void *bytes, size_t size_bytes);

/*
 * recipe_simplify - replace steps whose flags nobody reads by cheaper ones, and drop comparisons without a reader.
 * Returns how many steps are left.
 */
size_t recipe_simplify(struct spork_insn *steps, size_t count);

#endif
