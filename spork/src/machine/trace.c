/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recording: every executed instruction becomes a step or, if it is a branch, a guard. */
#include <errno.h>

#include "machine/recipe.h"
#include "machine/trace.h"

struct spork_trace {
	struct spork_machine *m;
	struct spork_insn *steps;
	size_t count, capacity;
	int error;
	const struct spork_module *modules[SPORK_RECIPE_MODULES];
	size_t module_count;
	uint64_t start;
	size_t granule_count;
	uint32_t granules[RECIPE_GRANULES_MAX]; /* see recipe_granule() */
};

/* The number of a module in the recipe, or -1 if there are too many. */
static int module_number(struct spork_trace *t, const struct spork_module *module)
{
	for (size_t i = 0; i < t->module_count; i++)
		if (t->modules[i] == module)
			return (int)i;
	if (t->module_count == SPORK_RECIPE_MODULES)
		return -1;
	t->modules[t->module_count] = module;
	return (int)t->module_count++;
}

struct spork_trace *spork_trace_begin(struct spork_machine *m, void *arena, size_t size_bytes)
{
	struct spork_trace *t = arena;
	size_t steps_at = (sizeof(*t) + 63) / 64 * 64;

	if (size_bytes < steps_at + 2 * sizeof(struct spork_insn))
		return NULL;
	*t = (struct spork_trace){
		.m = m,
		.steps = (void *)((uint8_t *)arena + steps_at),
		.capacity = (size_bytes - steps_at) / sizeof(struct spork_insn),
		.start = m->regs.rip,
	};
	/* One step stays free for the end. */
	if (t->capacity > RECIPE_STEPS_MAX)
		t->capacity = RECIPE_STEPS_MAX;
	t->capacity--;
	m->trace = t;
	return t;
}

static void add_granule(struct spork_trace *t, uint32_t granule)
{
	for (size_t i = t->granule_count; i > 0; i--)
		if (t->granules[i - 1] == granule)
			return;
	if (t->granule_count == RECIPE_GRANULES_MAX)
		t->error = -EFBIG;
	else
		t->granules[t->granule_count++] = granule;
}

void trace_before(struct spork_trace *t, const struct cpu *c, const struct spork_insn *i)
{
	uint32_t last = (i->offset + i->length - 1) / SPORK_CODE_GRANULE;
	int number = t->error < 0 ? -1 : module_number(t, c->module);

	if (number < 0) {
		t->error = -EFBIG;
		return;
	}
	for (uint32_t at = i->offset / SPORK_CODE_GRANULE; at <= last && t->error == 0; at++)
		add_granule(t, recipe_granule((uint32_t)number, at));
}

static void add_step(struct spork_trace *t, struct spork_insn step)
{
	if (t->count == t->capacity)
		t->error = -EFBIG;
	else
		t->steps[t->count++] = step;
}

/* A branch to an address from a register or memory: the step compares it with where it led. */
static void add_indirect(struct spork_trace *t, const struct cpu *c, const struct spork_insn *i,
	const struct spork_insn *next, unsigned op)
{
	struct spork_insn step = *i;
	int number = module_number(t, c->module);

	if (number < 0) {
		t->error = -EFBIG;
		return;
	}
	step.op = (uint16_t)op;
	if (i->op == spork_op_ret)
		step.disp = (int32_t)i->imm;
	step.target = next->offset;
	step.extra = (uint32_t)number;
	add_step(t, step);
}

/* A conditional branch: the step holds the way not taken. */
static void add_guard(struct spork_trace *t, const struct spork_insn *i, bool taken)
{
	struct spork_insn step = *i;
	unsigned code;

	if (i->op == spork_op_jrcxz) {
		step.op = taken ? spork_op_recipe_jrcxz : spork_op_recipe_jrcxnz;
	} else {
		code = (i->op - spork_op_j_o) ^ (taken ? 0 : 1);
		step.op = (uint16_t)(spork_op_recipe_guard_o + code);
	}
	if (taken)
		step.extra = i->offset + i->length;
	add_step(t, step);
}

void trace_after(struct spork_trace *t, const struct cpu *c, const struct spork_insn *i,
	const struct spork_insn *next)
{
	static const uint16_t indirect[][2] = {
		{spork_op_call_r, spork_op_recipe_call_r},
		{spork_op_call_m, spork_op_recipe_call_m},
		{spork_op_jmp_r, spork_op_recipe_jmp_r},
		{spork_op_jmp_m, spork_op_recipe_jmp_m},
		{spork_op_ret, spork_op_recipe_ret},
	};
	struct spork_insn step = *i;

	if (t->error < 0)
		return;
	if (i->op == spork_op_syscall) {
		add_step(t, step);
		return;
	}
	/* Nothing has happened, or control left the known code. */
	if (!next) {
		if (c->stop == SPORK_STOP_NO_CODE)
			t->error = -ENOTSUP;
		return;
	}
	for (size_t n = 0; n < sizeof(indirect) / sizeof(indirect[0]); n++)
		if (i->op == indirect[n][0]) {
			add_indirect(t, c, i, next, indirect[n][1]);
			return;
		}
	if (i->op == spork_op_call) {
		step.op = spork_op_recipe_call;
		add_step(t, step);
	} else if (i->op == spork_op_jrcxz || (i->op >= spork_op_j_o && i->op <= spork_op_j_nle)) {
		add_guard(t, i, next != i + 1);
	} else if (i->op != spork_op_jmp && i->op != spork_op_nop) {
		add_step(t, step);
	}
}

/* The module that holds an address, or NULL. */
static const struct spork_module *module_at(const struct spork_machine *m, uint64_t address)
{
	for (size_t i = 0; i < m->module_count; i++)
		if (address >= m->modules[i].base && address < m->modules[i].end &&
			m->modules[i].code)
			return &m->modules[i];
	return NULL;
}

/* The last step says where interpretation goes on. */
static int add_end(struct spork_trace *t)
{
	const struct spork_module *module = module_at(t->m, t->m->regs.rip);
	int number = module ? module_number(t, module) : -1;

	if (number < 0)
		return -ENOTSUP;
	t->steps[t->count++] = (struct spork_insn){.op = spork_op_recipe_end,
		.target = (uint32_t)(t->m->regs.rip - module->base),
		.extra = (uint32_t)number};
	return 0;
}

static int fill_header(struct spork_trace *t, struct recipe_header *h)
{
	const struct spork_module *start = module_at(t->m, t->start);
	int number = start ? module_number(t, start) : -1;

	if (number < 0)
		return -ENOTSUP;
	*h = (struct recipe_header){
		.magic = RECIPE_MAGIC,
		.module_count = (uint32_t)t->module_count,
		.start_module = (uint32_t)number,
		.start_offset = (uint32_t)(t->start - start->base),
	};
	for (size_t i = 0; i < t->module_count; i++) {
		h->modules[i].id = t->modules[i]->id;
		h->modules[i].code_checksum = t->modules[i]->code->header->checksum;
	}
	return 0;
}

int64_t spork_trace_end(struct spork_trace *t, void *buffer, size_t capacity)
{
	size_t skip = offsetof(struct recipe_header, size_bytes);
	struct recipe_header h;
	int rc;

	t->m->trace = NULL;
	if (t->error < 0)
		return t->error;
	rc = add_end(t);
	if (rc == 0)
		rc = fill_header(t, &h);
	if (rc < 0)
		return rc;
	t->count = recipe_simplify(t->steps, t->count);
	h.step_count = (uint32_t)t->count;
	h.granule_count = (uint32_t)t->granule_count;
	h.size_bytes = recipe_size(&h);
	if (h.size_bytes > capacity)
		return -EFBIG;
	memset(buffer, 0, h.size_bytes);
	memcpy(buffer, &h, sizeof(h));
	memcpy((uint8_t *)buffer + sizeof(h), t->steps, t->count * sizeof(*t->steps));
	memcpy((uint8_t *)buffer + sizeof(h) + t->count * sizeof(*t->steps), t->granules,
		t->granule_count * sizeof(*t->granules));
	h.checksum = recipe_checksum((uint8_t *)buffer + skip, h.size_bytes - skip);
	memcpy(buffer, &h, sizeof(h));
	return (int64_t)h.size_bytes;
}
