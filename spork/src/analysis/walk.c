/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "models.h"

#define BLOCK_INSTRUCTIONS_MAX 4096
/* Joins that lose something before all but the result of fork is given up. */
#define JOINS_MAX 8
#define RAX 0
#define RSP 4
#define RBP 5
#define DWARF_RBP 6
#define DWARF_RSP 7

static int grow(void *array, size_t *room, size_t count, size_t size)
{
	size_t wanted = *room ? 2 * *room : 64;
	void *larger;

	if (count < *room)
		return 0;
	memcpy(&larger, array, sizeof(larger));
	larger = realloc(larger, wanted * size);
	if (!larger)
		return -ENOMEM;
	memcpy(array, &larger, sizeof(larger));
	*room = wanted;
	return 0;
}

bool question_module_at(const struct question *question, uint64_t address, size_t *ret_module)
{
	const struct spork_analysis_request *request = question->request;

	for (size_t i = 0; i < request->module_count; i++) {
		const struct spork_analysis_module *module = &request->modules[i];
		uint64_t lowest = spork_image_lowest(module->image) + module->bias;

		if (address >= lowest && address - lowest < spork_image_span(module->image)) {
			*ret_module = i;
			return true;
		}
	}
	return false;
}

static bool is_writable(const struct spork_image *image, uint64_t address)
{
	const struct spork_segment *segments;
	size_t count = spork_image_segments(image, &segments);

	for (size_t i = 0; i < count; i++) {
		if (address >= segments[i].address &&
			address - segments[i].address < segments[i].memory_bytes)
			return segments[i].writable;
	}
	return true;
}

static void add_guard(struct question *question, uint64_t address, uint64_t value, unsigned size)
{
	for (size_t i = 0; i < question->guard_count; i++) {
		if (question->guards[i].address == address &&
			question->guards[i].size_bytes == size)
			return;
	}
	if (question->guard_count < GUARDS_MAX)
		question->guards[question->guard_count++] = (struct spork_guard){
			.address = address, .value = value, .size_bytes = (uint8_t)size};
}

/* Asks the process; a second time the answer is known. */
static struct value read_word(struct question *question, uint64_t address, unsigned size)
{
	const struct spork_analysis_request *request = question->request;
	/* User addresses leave the upper bits free. */
	uint64_t key = address ^ (uint64_t)size << 56;
	struct value value = {.kind = VALUE_UNKNOWN};
	uint64_t number = 0;
	uint32_t index;

	if (table_get(&question->read_index, key, &index))
		return question->read_values[index];
	if (request->read(request->data, address, &number, size) == 0) {
		value = value_number(number);
		add_guard(question, address, number, size);
	}
	if (!grow(&question->read_values, &question->read_room, question->read_count,
		    sizeof(value)) &&
		!table_put(&question->read_index, key, (uint32_t)question->read_count))
		question->read_values[question->read_count++] = value;
	return value;
}

static struct value read_process(struct walk *walk, uint64_t address, unsigned size)
{
	const struct spork_analysis_request *request = walk->question->request;

	/* Summaries hold for every state of the process. */
	if (walk->is_summary || !request->read || (request->ablations & SPORK_WITHOUT_VALUES))
		return (struct value){.kind = VALUE_UNKNOWN};
	return read_word(walk->question, address, size);
}

/* Constants of the file, pointers that the loader relocates, and at last the process's memory. */
static struct value load(void *data, uint64_t address, unsigned size)
{
	struct walk *walk = data;
	const struct spork_analysis_module *module;
	const struct spork_relative *relative;
	const uint8_t *bytes;
	uint64_t number = 0, place;
	size_t index, available;
	struct value value;

	if (!question_module_at(walk->question, address, &index))
		return read_process(walk, address, size);
	module = &walk->question->request->modules[index];
	place = address - module->bias;
	if (size == 8 && spork_image_import_at(module->image, place))
		return (struct value){.kind = VALUE_IMPORT, .number = address};
	if (is_writable(module->image, place)) {
		value = read_process(walk, address, size);
		relative = size == 8 ? spork_image_relative_at(module->image, place) : NULL;
		/* Most tables of functions are written by the loader only. */
		if (value.kind == VALUE_UNKNOWN && relative)
			return value_number(relative->target + module->bias);
		return value;
	}
	bytes = spork_image_bytes(module->image, place, &available, NULL);
	if (!bytes || available < size)
		return (struct value){.kind = VALUE_UNKNOWN};
	memcpy(&number, bytes, size);
	return value_number(number);
}

struct memory walk_memory(struct walk *walk, size_t module)
{
	return (struct memory){
		.load = load,
		.data = walk,
		.bias = walk->question->request->modules[module].bias,
	};
}

/* The same activation is walked once: loops around a call come back to it. */
bool walk_find_context(const struct walk *walk, const struct context *context, uint32_t *ret)
{
	for (size_t i = 0; i < walk->context_count; i++) {
		const struct context *other = &walk->contexts[i];

		if (other->parent == context->parent && other->callee == context->callee &&
			other->module == context->module && other->frame == context->frame &&
			other->return_address == context->return_address &&
			other->return_module == context->return_module) {
			*ret = (uint32_t)i;
			return true;
		}
	}
	return false;
}

int walk_add_context(struct walk *walk, const struct context *context, uint32_t *ret)
{
	if (walk_find_context(walk, context, ret))
		return 0;
	if (walk->context_count >= CONTEXTS_MAX) {
		walk->question->exhausted = true;
		return -E2BIG;
	}
	if (grow(&walk->contexts, &walk->context_room, walk->context_count,
		    sizeof(*walk->contexts)))
		return -ENOMEM;
	walk->contexts[walk->context_count] = *context;
	*ret = (uint32_t)walk->context_count++;
	return 0;
}

static int enqueue(struct walk *walk, uint32_t node)
{
	if (walk->nodes[node].queued)
		return 0;
	if (walk->queue_count == walk->queue_room) {
		size_t room = walk->queue_room ? 2 * walk->queue_room : 64;
		uint32_t *queue = malloc(room * sizeof(*queue));

		if (!queue)
			return -ENOMEM;
		for (size_t i = 0; i < walk->queue_count; i++)
			queue[i] = walk->queue[(walk->queue_head + i) % walk->queue_room];
		free(walk->queue);
		walk->queue = queue;
		walk->queue_head = 0;
		walk->queue_room = room;
	}
	walk->queue[(walk->queue_head + walk->queue_count++) % walk->queue_room] = node;
	walk->nodes[node].queued = true;
	return 0;
}

/*
 * Pointers to functions in registers keep ways apart that would otherwise be joined: f = this or that, and then (*f)().
 * A number of 8 bits; 0 = no such pointers. Two that share a number are joined.
 */
static uint64_t variant_of(const struct question *question, const struct state *state)
{
	uint64_t hash = 0;

	for (unsigned i = 0; i < 16; i++) {
		const struct value *value = &state->regs[i];
		const struct spork_function *function;
		size_t module;

		if (value->kind != VALUE_NUMBER || value->number < 4096 ||
			!question_module_at(question, value->number, &module))
			continue;
		function = spork_image_function_at(question->request->modules[module].image,
			value->number - question->request->modules[module].bias);
		if (function &&
			function->start + question->request->modules[module].bias == value->number)
			hash = (hash ^ value->number ^ i) * UINT64_C(0x9e3779b97f4a7c15);
	}
	return hash ? 1 + (hash >> 32) % 255 : 0;
}

/* The node for a place in a context, made if there is none; its state is joined with @state. */
static int reach(struct walk *walk, uint32_t context, size_t module, uint64_t address,
	const struct state *state, uint32_t *ret)
{
	struct question *question = walk->question;
	/* Modules span less than 4 GiB; there are at most 4,096 of them and of contexts. */
	const struct spork_image *image = question->request->modules[module].image;
	uint64_t offset = address - spork_image_lowest(image);
	uint64_t key = (offset & UINT32_MAX) | (uint64_t)context << 32 | (uint64_t)module << 44 |
		       variant_of(question, state) << 56;
	struct node *node;
	uint32_t index;

	/* A jump out of the module: damaged code, or data taken for code. */
	if (offset >= spork_image_span(image))
		return -EFAULT;
	if (table_get(&walk->node_index, key, &index)) {
		*ret = index;
		node = &walk->nodes[index];
		if (!state_join(node->state, state))
			return 0;
		if (++node->joins == JOINS_MAX) {
			state_widen(node->state);
			node->joins = 0;
		}
		return enqueue(walk, index);
	}
	if (question->states >= question->state_max) {
		question->exhausted = true;
		return -E2BIG;
	}
	if (grow(&walk->nodes, &walk->node_room, walk->node_count, sizeof(*walk->nodes)))
		return -ENOMEM;
	node = &walk->nodes[walk->node_count];
	*node = (struct node){.context = context, .module = module, .start = address};
	node->state = malloc(sizeof(*node->state));
	if (!node->state)
		return -ENOMEM;
	*node->state = *state;
	index = (uint32_t)walk->node_count++;
	question->states++;
	*ret = index;
	if (table_put(&walk->node_index, key, index))
		return -ENOMEM;
	return enqueue(walk, index);
}

int walk_add_edge(struct walk *walk, uint32_t node, uint32_t context, size_t module,
	uint64_t address, const struct state *state)
{
	uint32_t to;
	int err = reach(walk, context, module, address, state, &to);

	/* An exhausted budget ends this way and no other. */
	if (err == -EFAULT)
		walk->nodes[node].undecoded = true;
	if (err)
		return err == -ENOMEM ? err : 0;
	if (grow(&walk->edges, &walk->edge_room, walk->edge_count, sizeof(*walk->edges)))
		return -ENOMEM;
	if (walk->nodes[node].edge_count == 0)
		walk->nodes[node].edge_first = (uint32_t)walk->edge_count;
	walk->edges[walk->edge_count++] = to;
	walk->nodes[node].edge_count++;
	return 0;
}

/* Where the stack is in frame @frame_index of the request (or a guessed caller): by its unwinding row. */
static void place_stack(struct walk *walk, struct state *state, size_t module, uint64_t address,
	uint16_t region, uint64_t cfa)
{
	const struct spork_unwind_row *row =
		spork_image_unwind_at(walk->question->request->modules[module].image, address);
	bool live = cfa && walk->question->request->read &&
		    !(walk->question->request->ablations & SPORK_WITHOUT_VALUES);
	struct value base = live ? value_number(cfa) : value_stack(region, 0);

	state->regs[RSP] = base;
	if (row && row->cfa_register == DWARF_RSP) {
		state->regs[RSP].number -= (uint64_t)(int64_t)row->cfa_offset;
	} else if (row && row->cfa_register == DWARF_RBP) {
		state->regs[RBP] = base;
		state->regs[RBP].number -= (uint64_t)(int64_t)row->cfa_offset;
		/* Below everything that rbp leads to; a real address is not known. */
		state->regs[RSP] = value_stack(region, -(INT64_C(1) << 40));
	}
}

/* The child goes on in the next caller of the chain. */
static int return_to_frame(struct walk *walk, uint32_t node, size_t frame, struct state *state)
{
	const struct spork_analysis_frame *to = &walk->question->request->frames[frame];
	struct context context = {.parent = NO_CONTEXT,
		.module = to->module,
		.frame = frame,
		.region = (uint16_t)frame,
		.return_address = to->address};
	uint32_t index;
	int err = walk_add_context(walk, &context, &index);

	if (err)
		return err == -E2BIG ? 0 : err;
	place_stack(walk, state, to->module, to->address, context.region, to->cfa);
	return walk_add_edge(walk, node, index, to->module, to->address, state);
}

/* No chain: all places that call this function, a few levels up. */
static int return_to_callers(struct walk *walk, uint32_t node, struct state *state)
{
	struct question *question = walk->question;
	struct node *from = &walk->nodes[node];
	struct context parent = walk->contexts[from->context];
	struct code_cache *cache = question->caches[from->module];
	const struct spork_function *function = spork_image_function_at(cache->image, from->start);
	const struct call_edge *calls;
	size_t count, followed = 0, module = from->module;
	int err;

	from->returns = true;
	if (!function || parent.guessed_depth >= STATIC_DEPTH_MAX)
		return 0;
	err = code_cache_callers(cache, function->start, &calls, &count);
	for (size_t i = 0; i < count && !err && followed < STATIC_CALLERS_MAX; i++) {
		struct state copy = *state;
		struct context context = {.parent = NO_CONTEXT,
			.module = module,
			.frame = question->request->frame_count + parent.guessed_depth,
			.guessed_depth = (uint8_t)(parent.guessed_depth + 1),
			.return_address = calls[i].next};
		uint32_t index;

		if (calls[i].tail || !code_cache_is_instruction(cache, question->analyser->decoder,
					     question->analyser->state, calls[i].call))
			continue;
		if (walk->guessed_count >= GUESSED_CONTEXTS_MAX)
			break;
		followed++;
		walk->guessed_count++;
		err = walk_add_context(walk, &context, &index);
		if (err)
			break;
		walk->contexts[index].region = (uint16_t)(256 + index);
		place_stack(walk, &copy, module, calls[i].next, walk->contexts[index].region, 0);
		err = walk_add_edge(walk, node, index, module, calls[i].next, &copy);
	}
	if (followed && followed == count)
		walk->nodes[node].returns = false;
	return err == -E2BIG ? 0 : err;
}

int walk_return(struct walk *walk, uint32_t node, struct state *state)
{
	const struct spork_analysis_request *request = walk->question->request;
	struct context context = walk->contexts[walk->nodes[node].context];

	if (context.parent != NO_CONTEXT) {
		state->regs[RSP] = context.return_rsp;
		return walk_add_edge(walk, node, context.parent, context.return_module,
			context.return_address, state);
	}
	if (!walk->is_summary && !(request->ablations & SPORK_WITHOUT_CALLERS)) {
		state_drop_region(state, context.region);
		if (context.frame + 1 < request->frame_count)
			return return_to_frame(walk, node, context.frame + 1, state);
		if (request->callers_unknown)
			return return_to_callers(walk, node, state);
	}
	walk->nodes[node].returns = true;
	return 0;
}

static int end_with_syscall(struct walk *walk, uint32_t node,
	const struct spork_instruction *instruction, struct state *state)
{
	struct node *at = &walk->nodes[node];
	const struct model *model = state->regs[RAX].kind == VALUE_NUMBER
					    ? model_of_syscall(state->regs[RAX].number)
					    : NULL;

	at->effects |= model ? model->effects : SPORK_EFFECT_UNKNOWN;
	at->unresolved += model == NULL;
	at->name = model ? model->name : "*";
	at->exec = model && (model->effects & SPORK_EFFECT_EXEC);
	if (model && model->ends)
		return 0;
	state->regs[RAX] = (struct value){.kind = VALUE_UNKNOWN};
	state->regs[1] = state->regs[11] = state->regs[RAX];
	if (at->exec) /* it returned, so it failed */
		state->flags.known = 0;
	return walk_add_edge(walk, node, at->context, at->module,
		instruction->address + instruction->length, state);
}

/*
 * Is @target the start of another function? Compilers put unlikely parts of a function elsewhere: such a part begins
 * with more on the stack than a return address, and belongs to the function that jumps to it.
 */
static bool leaves_function(const struct walk *walk, const struct node *node, uint64_t target)
{
	const struct spork_image *image = walk->question->request->modules[node->module].image;
	const struct spork_function *function = spork_image_function_at(image, target);
	const struct spork_unwind_row *row = spork_image_unwind_at(image, target);

	return function && function->start == target &&
	       (!walk->summary || target != walk->summary->address) &&
	       (node->start < function->start || node->start >= function->end) && row &&
	       row->cfa_register == DWARF_RSP && row->cfa_offset == 8;
}

static int end_with_jump(struct walk *walk, uint32_t node,
	const struct spork_instruction *instruction, struct state *state)
{
	struct node *at = &walk->nodes[node];
	size_t module = at->module;
	struct memory memory = walk_memory(walk, module);
	const struct spork_analysis_module *modules = walk->question->request->modules;
	const struct spork_import *import;
	struct value to;

	if (instruction->direct) {
		import = spork_image_plt(modules[module].image, instruction->target);
		if (import)
			return walk_import(walk, node, import, module, 0, true, state);
		if (leaves_function(walk, at, instruction->target))
			return walk_tail_call(walk, node, module, instruction->target, state);
		return walk_add_edge(walk, node, at->context, module, instruction->target, state);
	}
	to = state_operand(state, instruction, 0, &memory);
	if (to.kind == VALUE_IMPORT && question_module_at(walk->question, to.number, &module)) {
		import = spork_image_import_at(
			modules[module].image, to.number - modules[module].bias);
		if (import)
			return walk_import(walk, node, import, module, 0, true, state);
	}
	if (to.kind == VALUE_TARGET || to.kind == VALUE_ENTRY8)
		return walk_jump_table(walk, node, to, state);
	if (to.kind == VALUE_NUMBER && question_module_at(walk->question, to.number, &module))
		return walk_add_edge(
			walk, node, at->context, module, to.number - modules[module].bias, state);
	at->effects |= SPORK_EFFECT_UNKNOWN;
	at->unresolved++;
	at->name = "*";
	/* Most likely a tail call. */
	state_clobber(state);
	return walk_return(walk, node, state);
}

static int end_with_condition(struct walk *walk, uint32_t node,
	const struct spork_instruction *instruction, const struct state *state)
{
	struct node *at = &walk->nodes[node];
	uint32_t context = at->context;
	size_t module = at->module;
	int taken = instruction->condition == SPORK_CONDITION_OTHER
			    ? -1
			    : state_condition(state, instruction->condition);
	int err = 0;

	if (taken != 1)
		err = walk_add_edge(walk, node, context, module,
			instruction->address + instruction->length, state);
	if (!err && taken != 0 && instruction->direct)
		err = walk_add_edge(walk, node, context, module, instruction->target, state);
	return err;
}

static int end_block(struct walk *walk, uint32_t node, const struct spork_instruction *instruction,
	struct state *state)
{
	switch (instruction->kind) {
	case SPORK_KIND_JUMP:
		return end_with_jump(walk, node, instruction, state);
	case SPORK_KIND_CONDITIONAL:
		return end_with_condition(walk, node, instruction, state);
	case SPORK_KIND_CALL:
		return walk_call(walk, node, instruction, state);
	case SPORK_KIND_RETURN:
		return walk_return(walk, node, state);
	case SPORK_KIND_SYSCALL:
		return end_with_syscall(walk, node, instruction, state);
	default: /* a trap: the child dies */
		walk->nodes[node].effects |= SPORK_EFFECT_EXIT;
		return 0;
	}
}

/* One block from its start to the instruction that transfers control. */
static int visit(struct walk *walk, uint32_t node)
{
	struct question *question = walk->question;
	struct node *at = &walk->nodes[node];
	struct state state = *at->state;
	struct memory memory = walk_memory(walk, at->module);
	uint64_t address = at->start;

	at->effects = at->unresolved = at->instructions = at->edge_count = 0;
	at->exec = at->returns = at->undecoded = at->queued = false;
	at->name = NULL;
	at->callee = 0;
	module_set_add(&walk->modules, at->module);
	while (at->instructions < BLOCK_INSTRUCTIONS_MAX) {
		const struct spork_instruction *instruction;
		int err =
			code_cache_decode(question->caches[at->module], question->analyser->decoder,
				question->analyser->state, address, &instruction);

		if (err == -ENOMEM)
			return err;
		if (err) {
			at->undecoded = true;
			at->effects |= SPORK_EFFECT_UNKNOWN;
			at->end = address;
			return 0;
		}
		address += instruction->length;
		at->end = address;
		at->instructions++;
		if (++question->instructions > question->instruction_max) {
			question->exhausted = true;
			return 0;
		}
		if (instruction->kind != SPORK_KIND_OTHER)
			return end_block(walk, node, instruction, &state);
		state_step(&state, instruction, &memory);
	}
	return walk_add_edge(walk, node, at->context, at->module, address, &state);
}

static int run(struct walk *walk)
{
	int err = 0;

	while (walk->queue_count && !err) {
		uint32_t node = walk->queue[walk->queue_head];

		if (walk->question->instructions > walk->question->instruction_max) {
			walk->question->exhausted = true;
			break;
		}
		walk->queue_head = (walk->queue_head + 1) % walk->queue_room;
		walk->queue_count--;
		err = visit(walk, node);
	}
	return err;
}

int walk_from_frames(struct walk *walk)
{
	const struct spork_analysis_request *request = walk->question->request;
	const struct spork_analysis_frame *frame = &request->frames[0];
	struct context context = {
		.parent = NO_CONTEXT, .module = frame->module, .return_address = frame->address};
	struct state state = {0};
	uint32_t index, node;
	int err = walk_add_context(walk, &context, &index);

	if (err)
		return err;
	state.regs[RAX] = value_number(0);
	state.regs[RAX].is_result = true;
	place_stack(walk, &state, frame->module, frame->address, 0, frame->cfa);
	err = reach(walk, index, frame->module, frame->address, &state, &node);
	return err ? err : run(walk);
}

void walk_finish(struct walk *walk)
{
	for (size_t i = 0; i < walk->node_count; i++)
		free(walk->nodes[i].state);
	free(walk->nodes);
	free(walk->contexts);
	free(walk->edges);
	free(walk->queue);
	table_finish(&walk->node_index);
}

static int walk_function(struct walk *walk, size_t module, uint64_t address)
{
	struct context context = {.parent = NO_CONTEXT, .module = module, .callee = address};
	struct state state = {0};
	uint32_t index, node;
	int err = walk_add_context(walk, &context, &index);

	if (err)
		return err;
	state.regs[RSP] = value_stack(0, -8);
	err = reach(walk, index, module, address, &state, &node);
	return err ? err : run(walk);
}

/* Members of a cycle do what the others do; each returns or not for itself. */
static void close_cycle(struct spork_analyser *analyser, const struct summary *head)
{
	struct summary whole = *head;
	size_t first = analyser->unfinished_count;

	do {
		const struct summary *member = analyser->unfinished[--first];

		whole.effects |= member->effects;
		whole.unresolved += member == head ? 0 : member->unresolved;
		module_set_join(&whole.modules, &member->modules);
	} while (analyser->unfinished[first] != head);
	while (analyser->unfinished_count > first) {
		struct summary *member = analyser->unfinished[--analyser->unfinished_count];

		member->effects = whole.effects;
		member->unresolved = whole.unresolved;
		member->modules = whole.modules;
		member->in_progress = false;
	}
}

static void sum_up(const struct walk *walk, struct summary *summary)
{
	for (size_t i = 0; i < walk->node_count; i++) {
		const struct node *node = &walk->nodes[i];

		summary->effects |= node->effects;
		summary->unresolved += node->unresolved;
		summary->returns |= node->returns;
	}
	module_set_join(&summary->modules, &walk->modules);
	if (walk->question->exhausted) {
		summary->effects |= SPORK_EFFECT_UNKNOWN;
		summary->unresolved++;
		summary->returns = true;
	}
}

struct summary *summary_of(struct question *question, size_t module, uint64_t address)
{
	struct spork_analyser *analyser = question->analyser;
	struct code_cache *cache = question->caches[module];
	struct summary *summary = code_cache_summary(cache, address);
	struct walk walk = {.question = question, .is_summary = true};

	if (summary)
		return summary;
	if (question->summary_depth >= SUMMARY_DEPTH_MAX || question->exhausted ||
		grow(&analyser->unfinished, &analyser->unfinished_room, analyser->unfinished_count,
			sizeof(*analyser->unfinished)))
		return NULL;
	summary = code_cache_add_summary(cache, address);
	if (!summary)
		return NULL;
	summary->index = summary->low = analyser->next_index++;
	analyser->unfinished[analyser->unfinished_count++] = summary;
	walk.summary = summary;
	question->summary_depth++;
	if (walk_function(&walk, module, address) == -ENOMEM)
		question->exhausted = true;
	question->summary_depth--;
	sum_up(&walk, summary);
	walk_finish(&walk);
	if (summary->low == summary->index)
		close_cycle(analyser, summary);
	return summary;
}
