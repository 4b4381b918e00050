/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replay: the handlers of guards, and the loop over a recipe's steps. */
#include <errno.h>

#include "machine/digest.h"
#include "machine/recipe.h"
#include "machine/run.h"

uint64_t recipe_checksum(const void *bytes, size_t size_bytes)
{
	const uint64_t *words = bytes;
	size_t count = size_bytes / 8, n = 0;
	uint64_t lanes[4] = {
		0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0x2545f4914f6cdd1d};
	uint64_t sum = size_bytes;

	for (; n + 4 <= count; n += 4)
		for (size_t lane = 0; lane < 4; lane++) {
			uint64_t mixed = (lanes[lane] ^ words[n + lane]) * 0xff51afd7ed558ccd;

			lanes[lane] = mixed ^ mixed >> 32;
		}
	for (; n < count; n++)
		lanes[0] = ((lanes[0] ^ words[n]) * 0xff51afd7ed558ccd) + n;
	for (size_t lane = 0; lane < 4; lane++) {
		sum = (sum ^ lanes[lane]) * 0x94d049bb133111eb;
		sum ^= sum >> 29;
	}
	return sum;
}

/* Control leaves the recipe: interpretation goes on at @address. */
SPORK_FAST static const struct spork_insn *leave_recipe(struct cpu *c, uint64_t address)
{
	c->r[SPORK_REG_RIP] = address;
	c->rip_known = true;
	return stop_at(c, SPORK_STOP_BUDGET);
}

static uint64_t recorded_target(const struct cpu *c, const struct spork_insn *i)
{
	return c->m->recipe_modules[i->extra % SPORK_RECIPE_MODULES]->base + i->target;
}

INLINE const struct spork_insn *guard_target(
	struct cpu *c, const struct spork_insn *i, uint64_t address)
{
	const struct spork_module *module = c->m->recipe_modules[i->extra % SPORK_RECIPE_MODULES];

	if (UNLIKELY(address != module->base + i->target))
		return leave_recipe(c, address);
	if (module != c->module)
		cpu_enter_module(c, module);
	return i + 1;
}

HANDLER(recipe_end)
{
	return leave_recipe(c, recorded_target(c, i));
}

HANDLER(recipe_call)
{
	return cpu_push_return(c, i) ? i + 1 : stop_memory(c);
}

HANDLER(recipe_call_r)
{
	uint64_t address = c->r[i->r1];

	if (!cpu_push_return(c, i))
		return stop_memory(c);
	return guard_target(c, i, address);
}

HANDLER(recipe_call_m)
{
	uint64_t address;

	if (!load(c, address_of(c, i), 64, &address) || !cpu_push_return(c, i))
		return stop_memory(c);
	return guard_target(c, i, address);
}

HANDLER(recipe_jmp_r)
{
	return guard_target(c, i, c->r[i->r1]);
}

HANDLER(recipe_jmp_m)
{
	uint64_t address;

	if (!load(c, address_of(c, i), 64, &address))
		return stop_memory(c);
	return guard_target(c, i, address);
}

HANDLER(recipe_ret)
{
	uint64_t address;

	if (!load(c, c->r[SPORK_RSP], 64, &address))
		return stop_memory(c);
	c->r[SPORK_RSP] += 8 + (uint64_t)(int64_t)i->disp;
	return guard_target(c, i, address);
}

INLINE const struct spork_insn *guard_zero(struct cpu *c, const struct spork_insn *i, bool zero)
{
	uint64_t value = i->r1 ? (uint32_t)c->r[SPORK_RCX] : c->r[SPORK_RCX];

	if ((value == 0) == zero)
		return i + 1;
	return leave_recipe(c, c->r[SPORK_REG_MODULE] + i->extra);
}

HANDLER(recipe_jrcxz)
{
	return guard_zero(c, i, true);
}

HANDLER(recipe_jrcxnz)
{
	return guard_zero(c, i, false);
}

#define GUARD(name, code)                                                  \
	HANDLER(recipe_guard_##name)                                       \
	{                                                                  \
		if (LIKELY(condition(c, code)))                            \
			return i + 1;                                      \
		return leave_recipe(c, c->r[SPORK_REG_MODULE] + i->extra); \
	}

GUARD(o, 0)
GUARD(no, 1)
GUARD(b, 2)
GUARD(nb, 3)
GUARD(z, 4)
GUARD(nz, 5)
GUARD(be, 6)
GUARD(nbe, 7)
GUARD(s, 8)
GUARD(ns, 9)
GUARD(p, 10)
GUARD(np, 11)
GUARD(l, 12)
GUARD(nl, 13)
GUARD(le, 14)
GUARD(nle, 15)

/* The loaded module that a recipe's entry names, with the same code file. */
SPORK_FAST static const struct spork_module *find_module(
	const struct spork_machine *m, const struct recipe_module *wanted)
{
	for (size_t i = 0; i < m->module_count; i++) {
		const struct spork_module *module = &m->modules[i];

		if (module->code && module->code->header &&
			module->code->header->checksum == wanted->code_checksum &&
			module->id.length == wanted->id.length &&
			memcmp(module->id.bytes, wanted->id.bytes, sizeof(wanted->id.bytes)) == 0)
			return module;
	}
	return NULL;
}

static bool steps_allowed(const struct recipe_header *h)
{
	const struct spork_insn *steps = recipe_steps(h);

	for (size_t i = 0; i < h->step_count; i++) {
		if (!recipe_allows(steps[i].op))
			return false;
		/* Targets name a module; a direct call and the conditions have none. */
		if (steps[i].op >= spork_op_recipe_end && steps[i].op <= spork_op_recipe_ret &&
			steps[i].op != spork_op_recipe_call && steps[i].extra >= h->module_count)
			return false;
	}
	return steps[h->step_count - 1].op == spork_op_recipe_end;
}

/* The header alone. */
SPORK_FAST static bool header_fits(const struct recipe_header *h, size_t size_bytes)
{
	return (uintptr_t)h % 8 == 0 && size_bytes >= sizeof(*h) && h->magic == RECIPE_MAGIC &&
	       h->size_bytes == size_bytes && h->module_count <= SPORK_RECIPE_MODULES &&
	       h->start_module < h->module_count && h->step_count > 0 &&
	       h->step_count <= RECIPE_STEPS_MAX && h->granule_count <= RECIPE_GRANULES_MAX &&
	       size_bytes == recipe_size(h);
}

int spork_trace_check(const void *recipe, size_t size_bytes)
{
	const struct recipe_header *h = recipe;
	size_t skip = offsetof(struct recipe_header, size_bytes);

	if (!header_fits(h, size_bytes) ||
		recipe_checksum((const uint8_t *)recipe + skip, size_bytes - skip) != h->checksum ||
		!steps_allowed(h))
		return -EBADMSG;
	return 0;
}

/* Before the first step: the recipe, if nobody has checked it, and its modules here. */
SPORK_FAST int recipe_start(struct spork_machine *m, const void *recipe, size_t size_bytes)
{
	const struct recipe_header *h = recipe;

	m->recipe = NULL;
	if (m->recipe_checked == recipe ? !header_fits(h, size_bytes)
					: spork_trace_check(recipe, size_bytes) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < h->module_count; i++) {
		m->recipe_modules[i] = find_module(m, &h->modules[i]);
		if (!m->recipe_modules[i])
			return -EBADMSG;
	}
	m->recipe = recipe;
	return 0;
}

/* Whether the machine stands where the step at @position was recorded. */
SPORK_FAST static bool stands_there(const struct spork_machine *m, const struct recipe_header *h,
	const struct spork_module *module, size_t position)
{
	const struct spork_insn *steps = recipe_steps(h);
	uint64_t offset = m->regs.rip - module->base;

	if (position == 0)
		return m->recipe_modules[h->start_module] == module && offset == h->start_offset;
	if (steps[position - 1].op == spork_op_syscall)
		return offset == (uint64_t)steps[position - 1].offset + steps[position - 1].length;
	return offset == steps[position].offset;
}

/* Step by step, each of them described to @recorder before it is carried out. */
static const struct spork_insn *recorded(
	struct cpu *c, const struct spork_insn *i, struct digest_recorder *recorder)
{
	const struct spork_insn *next;

	for (;; i = next) {
		digest_step(recorder, c, i);
		next = spork_handlers[i->op](c, i);
		if (!next)
			return i;
	}
}

SPORK_FAST int recipe_replay(struct spork_machine *m, const struct recipe_header *h,
	size_t *position, struct digest_recorder *recorder)
{
	const struct spork_insn *steps, *i, *next;
	struct cpu c;

	if (m->recipe != h || *position >= h->step_count)
		return -EBADMSG;
	steps = recipe_steps(h);
	cpu_enter(&c, m);
	if (!cpu_lookup(&c, m->regs.rip)) {
		cpu_leave(&c, NULL);
		return c.stop;
	}
	if (!stands_there(m, h, c.module, *position)) {
		c.rip_known = true;
		cpu_leave(&c, NULL);
		return SPORK_STOP_BUDGET;
	}
	/* The check has seen that every operation has a handler. */
	i = &steps[*position];
	if (recorder)
		i = recorded(&c, i, recorder);
	else
		while (LIKELY((next = spork_handlers[i->op](&c, i)) != NULL))
			i = next;
	c.executed = (uint64_t)(i - &steps[*position]) + (c.completed ? 1 : 0);
	*position = (size_t)(i - steps) + (c.completed ? 1 : 0);
	cpu_leave(&c, i);
	return c.stop;
}

SPORK_FAST int spork_trace_replay(
	struct spork_machine *m, const void *recipe, size_t size_bytes, size_t *position)
{
	int rc = *position == 0 ? recipe_start(m, recipe, size_bytes) : 0;

	return rc < 0 ? rc : recipe_replay(m, recipe, position, NULL);
}

SPORK_FAST bool spork_trace_ends(const void *recipe, size_t position)
{
	const struct recipe_header *h = recipe;

	return position < h->step_count && recipe_steps(h)[position].op == spork_op_recipe_end;
}

int spork_trace_compare(struct spork_machine *m, const void *recipe)
{
	const struct recipe_header *h = recipe;
	const uint32_t *granules = recipe_granules(h);

	for (uint32_t i = 0; i < h->granule_count; i++) {
		uint32_t number = granules[i] >> 27, granule = granules[i] << 5 >> 5;
		const struct spork_module *module =
			number < h->module_count ? find_module(m, &h->modules[number]) : NULL;

		if (!module || !machine_compare(m, module, granule, granule))
			return -EBADMSG;
	}
	return 0;
}

bool spork_trace_uses(const void *recipe, const struct spork_build_id *id)
{
	const struct recipe_header *h = recipe;

	for (size_t i = 0; i < h->module_count; i++) {
		if (h->modules[i].id.length == id->length &&
			memcmp(h->modules[i].id.bytes, id->bytes, sizeof(id->bytes)) == 0)
			return true;
	}
	return false;
}
