/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Digests: made while a stretch is replayed, put in place where all that it depended on is as it was. */
#include <errno.h>

#include "machine/digest.h"
#include "machine/recipe.h"

#define FAULTS_MAX 8u /* stretches that were made anew, before one is only replayed */

struct word {
	uint64_t address, value;
};

struct segment {
	uint32_t first, end; /* steps of the recipe */
	uint32_t runs, faults;
	bool ready;
	uint64_t steps;

	uint64_t rip, rflags, fs_base, gpr[16];
	uint64_t rip_after, rflags_after, module_after, gpr_after[16];
	uint16_t guards, changed; /* general registers */
	uint16_t gpr_from[16];
	uint8_t vector_guards, vectors_written;
	/* Of the inputs the first ones are guards, the others are only moved. */
	uint32_t input_count, guard_count, output_count;
	struct word inputs[DIGEST_WORDS];
	struct word outputs[DIGEST_WORDS];
	uint16_t output_from[DIGEST_WORDS];
	uint8_t zmm[DIGEST_VECTORS][64], zmm_after[DIGEST_VECTORS][64];
};

struct spork_digest {
	const void *recipe;
	uint64_t hits;
	uint64_t bases[SPORK_RECIPE_MODULES]; /* of its modules */
	size_t count;
	struct segment segments[DIGEST_SEGMENTS];
};

_Static_assert(sizeof(struct spork_digest) <= SPORK_DIGEST_BYTES, "a digest has its room");

/* All that the digest holds is of this recipe, and of modules where they are now. */
SPORK_FAST static void belong(
	struct spork_digest *d, const struct spork_machine *m, const struct recipe_header *h)
{
	bool same = d->recipe == h;

	for (size_t i = 0; same && i < h->module_count; i++)
		same = d->bases[i] == m->recipe_modules[i]->base;
	if (same)
		return;
	d->recipe = h;
	d->count = 0;
	for (size_t i = 0; i < h->module_count; i++)
		d->bases[i] = m->recipe_modules[i]->base;
}

/* The stretch that starts at @position, new if there is room; NULL = there is none. */
SPORK_FAST static struct segment *segment_at(struct spork_digest *d, size_t position)
{
	struct segment *s;

	for (size_t i = 0; i < d->count; i++)
		if (d->segments[i].first == position)
			return &d->segments[i];
	if (d->count == DIGEST_SEGMENTS)
		return NULL;
	s = &d->segments[d->count++];
	s->first = (uint32_t)position;
	s->runs = s->faults = 0;
	s->ready = false;
	return s;
}

SPORK_FAST static bool registers_hold(const struct segment *s, const struct spork_registers *regs)
{
	if (regs->rip != s->rip || regs->rflags != s->rflags || regs->fs_base != s->fs_base)
		return false;
	for (unsigned n = 0; n < 16; n++)
		if ((s->guards >> n & 1) && regs->gpr[n] != s->gpr[n])
			return false;
	for (unsigned v = 0; s->vector_guards >> v; v++)
		if ((s->vector_guards >> v & 1) && memcmp(regs->zmm[v], s->zmm[v], 64) != 0)
			return false;
	return true;
}

/* Every word that the steps would read can be read, and the guards among them are what they were. */
SPORK_FAST static bool inputs_hold(
	const struct segment *s, struct spork_overlay *o, uint64_t values[DIGEST_WORDS])
{
	for (uint32_t i = 0; i < s->input_count; i++) {
		if (!overlay_peek(o, s->inputs[i].address, &values[i]) ||
			(i < s->guard_count && values[i] != s->inputs[i].value))
			return false;
	}
	return true;
}

/* After this only an arena that is full can keep the outputs from being put in place. */
SPORK_FAST static bool outputs_fit(const struct segment *s, struct spork_overlay *o)
{
	uint64_t last = OVERLAY_NO_PAGE;

	for (uint32_t i = 0; i < s->output_count; i++) {
		uint64_t address = s->outputs[i].address;

		if (overlay_marked(o, address))
			return false;
		if (address / OVERLAY_PAGE == last)
			continue;
		last = address / OVERLAY_PAGE;
		if (!overlay_may_keep(o, address))
			return false;
	}
	return true;
}

static uint64_t origin_value(
	unsigned from, uint64_t constant, const uint64_t gpr[16], const uint64_t *values)
{
	if (from == DIGEST_CONSTANT)
		return constant;
	return from < DIGEST_MEMORY ? gpr[from] : values[from - DIGEST_MEMORY];
}

/* False: nothing has happened. The stop is ARENA if the outputs found no room, and the attempt has to end. */
SPORK_FAST static bool apply(
	const struct segment *s, struct spork_machine *m, enum spork_stop *ret_stop)
{
	struct spork_registers *regs = &m->regs;
	uint64_t values[DIGEST_WORDS], gpr[16];

	m->overlay->stack_pointer = regs->gpr[SPORK_RSP];
	if (!registers_hold(s, regs) || !inputs_hold(s, m->overlay, values) ||
		!outputs_fit(s, m->overlay))
		return false;
	memcpy(gpr, regs->gpr, sizeof(gpr));
	*ret_stop = SPORK_STOP_SYSCALL;
	for (uint32_t i = 0; i < s->output_count; i++)
		if (!overlay_keep(m->overlay, s->outputs[i].address,
			    origin_value(s->output_from[i], s->outputs[i].value, gpr, values)))
			*ret_stop = SPORK_STOP_ARENA;
	for (unsigned n = 0; n < 16; n++)
		if (s->changed >> n & 1)
			regs->gpr[n] = origin_value(s->gpr_from[n], s->gpr_after[n], gpr, values);
	for (unsigned v = 0; s->vectors_written >> v; v++)
		if (s->vectors_written >> v & 1)
			memcpy(regs->zmm[v], s->zmm_after[v], 64);
	regs->rip = s->rip_after;
	regs->rflags = s->rflags_after;
	regs->module_base = s->module_after;
	m->executed += s->steps;
	return true;
}

static bool is_guard(const struct recorded_word *word)
{
	return word->input && word->guard;
}

/* Inputs, guards first. @places: their new numbers. */
static void keep_inputs(
	struct segment *s, const struct digest_recorder *r, uint16_t places[DIGEST_WORDS])
{
	s->input_count = 0;
	for (int guards = 1; guards >= 0; guards--) {
		for (size_t i = 0; i < r->count; i++) {
			const struct recorded_word *word = &r->words[i];

			if (!word->input || is_guard(word) != (guards == 1))
				continue;
			places[i] = (uint16_t)s->input_count;
			s->inputs[s->input_count++] = (struct word){word->address, word->value};
		}
		if (guards)
			s->guard_count = s->input_count;
	}
}

static uint16_t place_of(unsigned from, const uint16_t places[DIGEST_WORDS])
{
	if (from < DIGEST_MEMORY || from == DIGEST_CONSTANT)
		return (uint16_t)from;
	return (uint16_t)(DIGEST_MEMORY + places[from - DIGEST_MEMORY]);
}

/* The stretch has run from @before to where @m stands. False: its outputs cannot be read. */
static bool keep(struct segment *s, const struct digest_recorder *r, struct spork_machine *m)
{
	const struct spork_registers *before = r->before, *after = &m->regs;
	uint16_t places[DIGEST_WORDS];

	keep_inputs(s, r, places);
	s->output_count = 0;
	for (size_t i = 0; i < r->count; i++) {
		struct word word = {r->words[i].address, 0};

		if (!r->words[i].written)
			continue;
		if (!overlay_load(m->overlay, word.address, &word.value, 8))
			return false;
		s->output_from[s->output_count] = place_of(r->words[i].from, places);
		s->outputs[s->output_count++] = word;
	}
	s->rip = before->rip;
	s->rflags = before->rflags;
	s->fs_base = before->fs_base;
	memcpy(s->gpr, before->gpr, sizeof(s->gpr));
	memcpy(s->gpr_after, after->gpr, sizeof(s->gpr_after));
	s->rip_after = after->rip;
	s->rflags_after = after->rflags;
	s->module_after = after->module_base;
	s->guards = r->guards;
	s->changed = 0;
	for (unsigned n = 0; n < 16; n++) {
		s->gpr_from[n] = place_of(r->from[n], places);
		s->changed |= (uint16_t)((s->gpr_from[n] != n) << n);
	}
	s->vector_guards = r->vector_guards;
	s->vectors_written = r->vectors_written;
	for (unsigned v = 0; v < DIGEST_VECTORS; v++) {
		memcpy(s->zmm[v], before->zmm[v], 64);
		memcpy(s->zmm_after[v], after->zmm[v], 64);
	}
	return true;
}

/* Replays the stretch and makes its digest, if it ends at a system call. */
static int record(
	struct segment *s, struct spork_machine *m, const struct recipe_header *h, size_t *position)
{
	struct spork_registers before = m->regs;
	uint64_t executed = m->executed;
	struct digest_recorder r;
	int stop;

	r.failed = false;
	r.guards = r.vector_guards = r.vectors_written = 0;
	r.count = 0;
	r.before = &before;
	for (unsigned n = 0; n < 16; n++)
		r.from[n] = (uint16_t)n;
	stop = recipe_replay(m, h, position, &r);
	s->steps = m->executed - executed;
	s->end = (uint32_t)*position;
	s->ready = stop == SPORK_STOP_SYSCALL && !r.failed && keep(s, &r, m);
	/* It will be no different the next time. */
	if (!s->ready)
		s->faults = FAULTS_MAX;
	return stop;
}

SPORK_FAST int spork_digest_replay(struct spork_digest *d, struct spork_machine *m,
	const void *recipe, size_t size_bytes, size_t *position)
{
	const struct recipe_header *h = recipe;
	enum spork_stop stop;
	struct segment *s;
	int rc;

	if (*position == 0) {
		rc = recipe_start(m, recipe, size_bytes);
		if (rc < 0)
			return rc;
		belong(d, m, h);
	}
	/* A digest that was made for another recipe since is none of this one's. */
	if (d->recipe != h || m->recipe != h)
		return recipe_replay(m, h, position, NULL);
	s = segment_at(d, *position);
	if (s && s->ready) {
		if (apply(s, m, &stop)) {
			d->hits++;
			*position = s->end;
			return (int)stop;
		}
		s->ready = false;
		s->faults++;
	}
	/* The first run may be the only one. */
	if (!s || s->faults >= FAULTS_MAX || s->runs++ == 0)
		return recipe_replay(m, h, position, NULL);
	return record(s, m, h, position);
}

uint64_t spork_digest_hits(const struct spork_digest *d)
{
	return d->hits;
}
