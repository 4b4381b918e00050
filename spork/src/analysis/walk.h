/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A walk through code: basic blocks in context, with what is known at their start, until nothing changes. The verdict
 * walks from a fork into the callers; a summary walks one function. Bounded by budgets shared between them.
 */
#ifndef SPORK_ANALYSIS_WALK_H
#define SPORK_ANALYSIS_WALK_H

#include "code_cache.h"
#include "spork/analysis.h"
#include "values.h"

/* Callees that are walked with their arguments, nearest to the fork first; further ones have their summaries. */
#define INLINE_DEPTH_MAX 6
#define INLINE_CONTEXTS_MAX 24
#define INLINE_CONTEXTS_WITHOUT_SUMMARIES 1000
#define SUMMARY_DEPTH_MAX 128
#define STATIC_DEPTH_MAX 3
#define STATIC_CALLERS_MAX 12
#define GUESSED_CONTEXTS_MAX 24
#define CONTEXTS_MAX 4096
#define GUARDS_MAX 256
#define NO_CONTEXT UINT32_MAX

struct spork_analyser {
	const struct spork_decoder *decoder;
	struct spork_decoder_state *state;
	struct code_cache **caches;
	size_t cache_count, cache_room;
	/* Summaries hold for one list of modules. */
	const struct spork_image **summary_images;
	size_t summary_image_count;
	struct summary **unfinished; /* Tarjan's stack */
	size_t unfinished_count, unfinished_room;
	uint32_t next_index;
};

/* One request while it is answered. */
struct question {
	struct spork_analyser *analyser;
	const struct spork_analysis_request *request;
	struct code_cache **caches; /* of the request's modules */
	uint64_t instructions, instruction_max;
	uint32_t states, state_max;
	bool exhausted;
	struct spork_guard *guards;
	size_t guard_count;
	/* Words of the process that were asked for once, by address; those that cannot be read are unknown. */
	struct table read_index;
	struct value *read_values;
	size_t read_count, read_room;
	unsigned summary_depth;
};

/* An activation: where it returns to. */
struct context {
	uint32_t parent;      /* NO_CONTEXT: a frame of the request, or a caller that was guessed */
	size_t module;        /* of the code that runs in it */
	uint64_t callee;      /* inlined: the function's start */
	size_t return_module; /* inlined: where the parent goes on */
	uint64_t return_address;
	struct value return_rsp;
	size_t frame; /* of the request; frame_count and above: guessed callers */
	uint16_t region;
	uint8_t depth, guessed_depth;
};

struct node {
	uint32_t context;
	size_t module;
	uint64_t start, end;
	struct state *state; /* at the start */
	uint32_t effects, unresolved, instructions;
	bool exec, returns, undecoded, queued;
	uint8_t joins; /* that lost something */
	uint32_t edge_first, edge_count;
	uint64_t callee; /* internal function's start, for its name */
	size_t callee_module;
	const char *name; /* of a modelled call */
};

struct walk {
	struct question *question;
	bool is_summary;
	struct summary *summary; /* of a summary walk: its low link is updated */
	struct context *contexts;
	size_t context_count, context_room;
	struct node *nodes;
	size_t node_count, node_room;
	uint32_t *edges;
	size_t edge_count, edge_room;
	uint32_t *queue; /* a ring of node indices */
	size_t queue_head, queue_count, queue_room;
	struct table node_index;
	struct module_set modules;
	unsigned guessed_count, inlined_count;
};

int walk_from_frames(struct walk *walk);
/* The summary of a function, from the cache or by walking it; NULL: too deep or no memory. */
struct summary *summary_of(struct question *question, size_t module, uint64_t address);
void walk_finish(struct walk *walk);

/* The cache of an image, made at its first use. */
int analyser_cache_of(
	struct spork_analyser *analyser, const struct spork_image *image, struct code_cache **ret);

/* The module that contains the run-time address @address; false: none. */
bool question_module_at(const struct question *question, uint64_t address, size_t *ret_module);

/* call.c: the end of a block that calls. Returns 0 or -ENOMEM. */
int walk_call(struct walk *walk, uint32_t node, const struct spork_instruction *instruction,
	struct state *state);
/* A jump or call through a pointer or PLT slot that leaves the walked code; @tail: then it returns. */
int walk_import(struct walk *walk, uint32_t node, const struct spork_import *import, size_t module,
	uint64_t next, bool tail, struct state *state);
int walk_tail_call(
	struct walk *walk, uint32_t node, size_t module, uint64_t address, struct state *state);
/* jump_table.c: all targets of a switch. */
int walk_jump_table(
	struct walk *walk, uint32_t node, struct value table, const struct state *state);

/* walk.c, for call.c and jump_table.c. */
int walk_add_edge(struct walk *walk, uint32_t node, uint32_t context, size_t module,
	uint64_t address, const struct state *state);
int walk_return(struct walk *walk, uint32_t node, struct state *state);
bool walk_find_context(const struct walk *walk, const struct context *context, uint32_t *ret);
int walk_add_context(struct walk *walk, const struct context *context, uint32_t *ret);
struct memory walk_memory(struct walk *walk, size_t module);

#endif
