/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls: to imports with a model, to functions with a summary, into functions that may exec, to nowhere known. */
#include "walk.h"

#include <errno.h>
#include <string.h>

#include "models.h"

#define RAX 0
#define RSP 4
#define RDI 7

/*
 * Goes on behind a call, or returns to the caller after a tail call. Where the function ends with the call, the callee
 * never returns, whatever is known of it: compilers leave out what cannot be reached.
 */
static int go_on(struct walk *walk, uint32_t node, uint64_t next, bool tail, struct state *state)
{
	const struct node *at = &walk->nodes[node];
	const struct spork_function *function;

	if (tail)
		return walk_return(walk, node, state);
	function = spork_image_function_at(
		walk->question->request->modules[at->module].image, at->start);
	if (function && next == function->end)
		return 0;
	return walk_add_edge(
		walk, node, walk->nodes[node].context, walk->nodes[node].module, next, state);
}

static int call_unknown(struct walk *walk, uint32_t node, const char *name, uint64_t next,
	bool tail, struct state *state)
{
	walk->nodes[node].effects |= SPORK_EFFECT_UNKNOWN;
	walk->nodes[node].unresolved++;
	walk->nodes[node].name = name;
	state_clobber(state);
	return go_on(walk, node, next, tail, state);
}

static int call_model(struct walk *walk, uint32_t node, const char *name, uint32_t effects,
	bool ends, uint64_t next, bool tail, struct state *state)
{
	struct node *at = &walk->nodes[node];

	at->effects |= effects;
	at->name = name;
	at->exec = effects & SPORK_EFFECT_EXEC;
	if (ends)
		return 0;
	state_clobber(state);
	if (at->exec) /* it returned, so it failed */
		state->regs[RAX] = value_number(UINT64_MAX);
	return go_on(walk, node, next, tail, state);
}

static bool is_recursive(const struct walk *walk, uint32_t context, size_t module, uint64_t callee)
{
	for (; context != NO_CONTEXT; context = walk->contexts[context].parent) {
		if (walk->contexts[context].callee == callee &&
			walk->contexts[context].module == module)
			return true;
	}
	return false;
}

static struct context context_of(
	const struct walk *walk, uint32_t node, size_t module, uint64_t address, uint64_t next)
{
	const struct node *at = &walk->nodes[node];
	const struct context *parent = &walk->contexts[at->context];

	return (struct context){.parent = at->context,
		.module = module,
		.callee = address,
		.return_module = at->module,
		.return_address = next,
		.frame = parent->frame,
		.region = parent->region,
		.depth = (uint8_t)(parent->depth + 1),
		.guessed_depth = parent->guessed_depth};
}

/* Was this call walked into before? Then it is again, or what was found behind it would be lost. */
static bool has_entered(
	const struct walk *walk, uint32_t node, size_t module, uint64_t address, uint64_t next)
{
	struct context context = context_of(walk, node, module, address, next);
	uint32_t index;

	return walk_find_context(walk, &context, &index);
}

/* Walks into the callee with what is known of its arguments. */
static int call_into(struct walk *walk, uint32_t node, size_t module, uint64_t address,
	uint64_t next, bool tail, struct state *state)
{
	struct node *at = &walk->nodes[node];
	struct context context = context_of(walk, node, module, address, next);
	uint32_t index;
	int err;

	at->callee = address;
	at->callee_module = module;
	if (tail)
		return walk_add_edge(walk, node, at->context, module, address, state);
	if (!walk_find_context(walk, &context, &index)) {
		context.return_rsp = state->regs[RSP];
		err = walk_add_context(walk, &context, &index);
		if (err)
			return err == -E2BIG ? 0 : err;
		walk->inlined_count++;
	}
	state_push(state, (struct value){.kind = VALUE_UNKNOWN});
	return walk_add_edge(walk, node, index, module, address, state);
}

static int call_function(struct walk *walk, uint32_t node, size_t module, uint64_t address,
	uint64_t next, bool tail, struct state *state)
{
	struct question *question = walk->question;
	unsigned ablations = question->request->ablations;
	uint32_t context = walk->nodes[node].context;
	size_t inlined_max = ablations & SPORK_WITHOUT_SUMMARIES ? INLINE_CONTEXTS_WITHOUT_SUMMARIES
								 : INLINE_CONTEXTS_MAX;
	bool may_enter = !walk->is_summary && walk->contexts[context].depth < INLINE_DEPTH_MAX &&
			 (walk->inlined_count < inlined_max ||
				 has_entered(walk, node, module, address, next)) &&
			 !is_recursive(walk, context, module, address);
	const struct summary *summary;
	struct node *at;

	if (may_enter && (ablations & SPORK_WITHOUT_SUMMARIES))
		return call_into(walk, node, module, address, next, tail, state);
	summary =
		ablations & SPORK_WITHOUT_SUMMARIES ? NULL : summary_of(question, module, address);
	if (!summary)
		return call_unknown(walk, node, "*", next, tail, state);
	if (may_enter && !summary->in_progress &&
		((summary->effects & SPORK_EFFECT_EXEC) ||
			(summary->unresolved && question->request->read &&
				!(ablations & SPORK_WITHOUT_VALUES))))
		return call_into(walk, node, module, address, next, tail, state);
	at = &walk->nodes[node];
	at->callee = address;
	at->callee_module = module;
	module_set_add(&walk->modules, module);
	if (summary->in_progress) {
		/* Part of a cycle: its effects are added when the cycle is closed. */
		if (walk->summary && summary->low < walk->summary->low)
			walk->summary->low = summary->low;
	} else {
		at->effects |= summary->effects;
		at->unresolved += summary->unresolved != 0;
		at->exec = summary->effects & SPORK_EFFECT_EXEC;
		module_set_join(&walk->modules, &summary->modules);
	}
	if (!summary->in_progress && !summary->returns)
		return 0;
	state_clobber(state);
	return go_on(walk, node, next, tail, state);
}

/* Functions of other modules by name: the first one that defines it, as the loader does. */
static bool find_definition(struct question *question, const char *name, size_t *ret_module,
	uint64_t *ret_address, bool *ret_resolver)
{
	for (size_t i = 0; i < question->request->module_count; i++) {
		uint64_t address =
			code_cache_function_named(question->caches[i], name, ret_resolver);

		if (address) {
			*ret_module = i;
			*ret_address = address;
			return true;
		}
	}
	return false;
}

static int call_starter(struct walk *walk, uint32_t node, const struct starter *starter,
	uint64_t next, bool tail, struct state *state)
{
	return call_model(walk, node, starter->name, SPORK_EFFECT_UNSAFE, false, next, tail, state);
}

int walk_import(struct walk *walk, uint32_t node, const struct spork_import *import, size_t module,
	uint64_t next, bool tail, struct state *state)
{
	struct question *question = walk->question;
	const struct starter *starter = starter_of(import->name);
	const struct model *model = model_of_function(import->name);
	bool resolver = import->name[0] == '\0';
	uint64_t address = 0;
	size_t home = module;
	bool found =
		!resolver && find_definition(question, import->name, &home, &address, &resolver);

	if (found)
		module_set_add(&walk->modules, home);
	if (starter)
		return call_starter(walk, node, starter, next, tail, state);
	if (strcmp(import->name, "syscall") == 0) {
		model = state->regs[RDI].kind == VALUE_NUMBER
				? model_of_syscall(state->regs[RDI].number)
				: NULL;
		if (!model)
			return call_unknown(walk, node, "syscall", next, tail, state);
	}
	if (model)
		return call_model(
			walk, node, model->name, model->effects, model->ends, next, tail, state);
	/* Resolvers choose between versions of functions on strings and memory. */
	if (resolver)
		return call_model(walk, node, import->name[0] ? import->name : "resolver",
			SPORK_EFFECT_PRIVATE, false, next, tail, state);
	if (found)
		return call_function(walk, node, home, address, next, tail, state);
	return call_unknown(walk, node, import->name, next, tail, state);
}

/* Functions that libc calls inside itself, and those of static programs, have names too. */
static const char *model_name_at(const struct question *question, size_t module, uint64_t address)
{
	const struct spork_image *image = question->caches[module]->image;
	enum spork_image_kind kind = spork_image_kind(image);
	const struct spork_symbol *symbol;

	if (!question->caches[module]->is_libc && kind != SPORK_IMAGE_STATIC &&
		kind != SPORK_IMAGE_STATIC_PIE)
		return NULL;
	symbol = spork_image_symbol_at(image, address);
	return symbol && symbol->address == address ? symbol->name : NULL;
}

/* A jump to another function's start, while a function is summed up, is a call whose result is returned. */
int walk_tail_call(
	struct walk *walk, uint32_t node, size_t module, uint64_t address, struct state *state)
{
	return call_function(walk, node, module, address, 0, true, state);
}

static int call_address(struct walk *walk, uint32_t node, size_t module, uint64_t address,
	uint64_t next, struct state *state)
{
	const struct spork_import *import =
		spork_image_plt(walk->question->request->modules[module].image, address);
	const struct starter *starter;
	const struct model *model;
	const char *name;

	if (import)
		return walk_import(walk, node, import, module, next, false, state);
	name = model_name_at(walk->question, module, address);
	starter = name ? starter_of(name) : NULL;
	model = name ? model_of_function(name) : NULL;
	if (starter)
		return call_starter(walk, node, starter, next, false, state);
	if (model) {
		module_set_add(&walk->modules, module);
		return call_model(
			walk, node, model->name, model->effects, model->ends, next, false, state);
	}
	return call_function(walk, node, module, address, next, false, state);
}

int walk_call(struct walk *walk, uint32_t node, const struct spork_instruction *instruction,
	struct state *state)
{
	const struct spork_analysis_module *modules = walk->question->request->modules;
	uint64_t next = instruction->address + instruction->length;
	size_t module = walk->nodes[node].module;
	struct memory memory = walk_memory(walk, module);
	struct value to;

	if (instruction->direct) {
		/* call next; pop: how position-dependent code asks where it is. */
		if (instruction->target == next) {
			state_push(state, value_number(next + modules[module].bias));
			return walk_add_edge(
				walk, node, walk->nodes[node].context, module, next, state);
		}
		return call_address(walk, node, module, instruction->target, next, state);
	}
	to = state_operand(state, instruction, 0, &memory);
	if (to.kind == VALUE_IMPORT && question_module_at(walk->question, to.number, &module)) {
		const struct spork_import *import = spork_image_import_at(
			modules[module].image, to.number - modules[module].bias);

		if (import)
			return walk_import(walk, node, import, module, next, false, state);
	}
	if (to.kind == VALUE_NUMBER && question_module_at(walk->question, to.number, &module))
		return call_address(
			walk, node, module, to.number - modules[module].bias, next, state);
	return call_unknown(walk, node, "*", next, false, state);
}
