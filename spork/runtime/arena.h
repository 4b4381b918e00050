/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All memory of an attempt, one anonymous mapping made at the first fork that is worth an
 * attempt. A child that is really forked finds it zeroed (MADV_WIPEONFORK): its lock is free,
 * whatever the parent's threads were doing.
 */
#ifndef SPORK_ARENA_H
#define SPORK_ARENA_H

#include <stdint.h>

#include "caller.h"
#include "kernel.h"
#include "session.h"
#include "spork/executor.h"
#include "whole.h"

#define ARENA_STACK_BYTES (128 * 1024)
#define ARENA_VECTOR_BYTES 4096
#define ARENA_STRINGS_BYTES (4 * 1024 * 1024)
#define ARENA_TRACE_BYTES (8 * 1024 * 1024)
#define ARENA_OVERLAY_BYTES (24 * 1024 * 1024)
#define ARENA_DIGESTS 4

struct arena {
	uint32_t busy;
	uint64_t mask; /* the caller's signal mask, while busy */
	struct session *session;
	struct caller_namespaces namespaces;
	int64_t late;    /* a real child that goes on where the attempt ended, or 0 */
	bool call_waits; /* the machine stands behind a system call that is still to be made */
	/* The context's verdict, or NULL; its recipe, while one is replayed; whether it has led to exec. */
	struct spork_store_entry *entry;
	const void *recipe;
	size_t recipe_bytes, recipe_position;
	bool recipe_on, recipe_led, trace_on;
	const void
		*digest_recipes[ARENA_DIGESTS]; /* the recipes that the digests below belong to */
	struct whole_state whole_states[ARENA_DIGESTS];
	struct whole_state *whole_records; /* it is noted what the attempt depends on; NULL = not */
	struct spork_attempt attempt;
	struct spork_chain chain;
	struct kernel kernel;
	uint8_t vectors[ARENA_VECTOR_BYTES] __attribute__((aligned(4096)));
	/* The runtime's own stack, and that of the child. */
	uint8_t stack[ARENA_STACK_BYTES] __attribute__((aligned(4096)));
	uint8_t child_stack[ARENA_STACK_BYTES] __attribute__((aligned(4096)));
	uint8_t strings[ARENA_STRINGS_BYTES] __attribute__((aligned(4096))); /* of execve */
	uint8_t trace[ARENA_TRACE_BYTES] __attribute__((aligned(4096)));
	uint8_t wholes[ARENA_DIGESTS][SPORK_WHOLE_BYTES] __attribute__((aligned(4096)));
	uint8_t digests[ARENA_DIGESTS][SPORK_DIGEST_BYTES] __attribute__((aligned(4096)));
	uint8_t overlay[ARENA_OVERLAY_BYTES] __attribute__((aligned(4096)));
};

/* The arena of the attempt that goes on. */
extern struct arena *spork_arena;

#endif
