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
	/* In the pool: inputs, of which the first ones are guards and the others are only moved; outputs. */
	uint32_t pool_at, pool_size;
	uint32_t input_count, guard_count, output_count;
	size_t area_count;
	struct digest_area areas[DIGEST_AREAS];
	uint8_t zmm[DIGEST_VECTORS][64], zmm_after[DIGEST_VECTORS][64];
};

struct spork_digest {
	const void *recipe;
	uint64_t hits;
	uint64_t bases[SPORK_RECIPE_MODULES]; /* of its modules */
	size_t count, pool_used;
	struct segment segments[DIGEST_SEGMENTS];
	struct word pool[DIGEST_POOL]; /* each group in the order of its addresses */
	uint16_t from[DIGEST_POOL];    /* of outputs */
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
	d->count = d->pool_used = 0;
	d->recipe = h;
	for (size_t i = 0; i < h->module_count; i++)
		d->bases[i] = m->recipe_modules[i]->base;
}

/*
 * The stretch that starts at @position, new if there is room; NULL = there is none. A child that shares this memory can
 * be killed at any moment, so that nothing is ready before it is whole.
 */
SPORK_FAST static struct segment *segment_at(struct spork_digest *d, size_t position)
{
	struct segment *s;

	for (size_t i = 0; i < d->count; i++)
		if (d->segments[i].first == position)
			return &d->segments[i];
	if (d->count == DIGEST_SEGMENTS)
		return NULL;
	s = &d->segments[d->count];
	s->first = (uint32_t)position;
	s->runs = s->faults = s->pool_size = 0;
	s->ready = false;
	__atomic_store_n(&d->count, d->count + 1, __ATOMIC_RELEASE);
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

/* How many of the first of @count words lie on one page. */
SPORK_FAST static uint32_t same_page(const struct word *words, uint32_t count)
{
	uint64_t page = words[0].address / OVERLAY_PAGE;
	uint32_t n = 1;

	while (n < count && words[n].address / OVERLAY_PAGE == page)
		n++;
	return n;
}

/* Reads words of one page. False: the steps could not, or others can change them meanwhile. */
SPORK_FAST static bool read_words(
	struct spork_overlay *o, const struct word *words, uint32_t count, uint64_t *values)
{
	const struct overlay_tlb *e;
	bool file;

	if (overlay_kind_at(o, words[0].address, &file) == OVERLAY_SHARED ||
		!overlay_peek(o, words[0].address, &values[0]))
		return false;
	e = &o->read_tlb[words[0].address / OVERLAY_PAGE % OVERLAY_TLB];
	if (e->page == words[0].address / OVERLAY_PAGE) {
		for (uint32_t i = 1; i < count; i++)
			memcpy(&values[i], (const void *)(uintptr_t)(words[i].address + e->delta),
				8);
		return true;
	}
	for (uint32_t i = 1; i < count; i++)
		if (!overlay_peek(o, words[i].address, &values[i]))
			return false;
	return true;
}

/* Every word that the steps would read can be read, and the guards among them are what they were. */
SPORK_FAST static bool inputs_hold(const struct segment *s, const struct word *words,
	struct spork_overlay *o, uint64_t values[DIGEST_WORDS])
{
	uint32_t n;

	for (uint32_t i = 0; i < s->input_count; i += n) {
		uint64_t difference = 0;

		n = same_page(
			words + i, (i < s->guard_count ? s->guard_count : s->input_count) - i);
		if (!read_words(o, words + i, n, values + i))
			return false;
		for (uint32_t k = i; i < s->guard_count && k < i + n; k++)
			difference |= values[k] ^ words[k].value;
		if (difference)
			return false;
	}
	return true;
}

/* After this only an arena that is full can keep the outputs from being put in place. */
SPORK_FAST static bool outputs_fit(
	const struct segment *s, const struct word *words, struct spork_overlay *o)
{
	uint32_t n;

	for (size_t i = 0; i < s->area_count; i++) {
		uint64_t start = s->areas[i].address, end = start + s->areas[i].size;

		if (overlay_marked(o, start, s->areas[i].size) || !overlay_may_keep(o, start) ||
			!overlay_may_keep(o, end - 1))
			return false;
	}
	for (uint32_t i = 0; i < s->output_count; i += n) {
		n = same_page(words + i, s->output_count - i);
		if (!overlay_may_keep(o, words[i].address))
			return false;
		for (uint32_t k = i; o->mark_count && k < i + n; k++)
			if (overlay_marked(o, words[k].address, 8))
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

/* False: the arena is full. */
SPORK_FAST static bool put_area(const struct digest_area *area, struct spork_machine *m)
{
	uint8_t start[DIGEST_VECTORS][64];
	bool saved;

	memcpy(start, m->regs.zmm, sizeof(start));
	for (unsigned v = 0; area->vectors_written >> v; v++)
		if (area->vectors_written >> v & 1)
			memcpy(m->regs.zmm[v], area->zmm[v], 64);
	saved = cpu_save_packed(m->overlay, &m->regs, area->components, area->address, area->size);
	memcpy(m->regs.zmm, start, sizeof(start));
	return saved;
}

/* The same. */
SPORK_FAST static bool put_outputs(struct spork_digest *d, const struct segment *s,
	struct spork_machine *m, const uint64_t gpr[16], const uint64_t *values)
{
	const struct word *words = d->pool + s->pool_at + s->input_count;
	const uint16_t *from = d->from + s->pool_at + s->input_count;
	struct spork_overlay *o = m->overlay;

	for (size_t i = 0; i < s->area_count; i++)
		if (!put_area(&s->areas[i], m))
			return false;
	for (uint32_t i = 0; i < s->output_count; i++) {
		uint64_t address = words[i].address;
		uint64_t value = origin_value(from[i], words[i].value, gpr, values);
		const struct overlay_tlb *e = &o->write_tlb[address / OVERLAY_PAGE % OVERLAY_TLB];

		if (e->page == address / OVERLAY_PAGE)
			memcpy((void *)(uintptr_t)(address + e->delta), &value, 8);
		else if (!overlay_keep(o, address, value))
			return false;
	}
	return true;
}

/* False: nothing has happened. The stop is ARENA if the outputs found no room, and the attempt has to end. */
SPORK_FAST static bool apply(struct spork_digest *d, const struct segment *s,
	struct spork_machine *m, enum spork_stop *ret_stop)
{
	struct spork_registers *regs = &m->regs;
	const struct word *words = d->pool + s->pool_at;
	uint64_t values[DIGEST_WORDS], gpr[16];

	m->overlay->stack_pointer = regs->gpr[SPORK_RSP];
	if (!registers_hold(s, regs) || !inputs_hold(s, words, m->overlay, values) ||
		!outputs_fit(s, words + s->input_count, m->overlay))
		return false;
	memcpy(gpr, regs->gpr, sizeof(gpr));
	*ret_stop = put_outputs(d, s, m, gpr, values) ? SPORK_STOP_SYSCALL : SPORK_STOP_ARENA;
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

/* Guards first, then by address, so that a page is looked up once. */
static bool comes_before(const struct recorded_word *a, const struct recorded_word *b)
{
	return a->guard != b->guard ? a->guard : a->address < b->address;
}

/* Numbers of words in their order; @inputs: of the inputs, otherwise of what is written, which has no guards. */
static uint32_t sort(const struct digest_recorder *r, bool inputs, uint16_t order[DIGEST_WORDS])
{
	uint32_t count = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct recorded_word *word = &r->words[i];
		uint32_t at = count;

		if (inputs ? !word->input : !word->written)
			continue;
		for (; at > 0; at--) {
			const struct recorded_word *other = &r->words[order[at - 1]];

			if (inputs ? !comes_before(word, other) : word->address > other->address)
				break;
			order[at] = order[at - 1];
		}
		order[at] = (uint16_t)i;
		count++;
	}
	return count;
}

static uint16_t place_of(unsigned from, const uint16_t places[DIGEST_WORDS])
{
	if (from < DIGEST_MEMORY || from == DIGEST_CONSTANT)
		return (uint16_t)from;
	return (uint16_t)(DIGEST_MEMORY + places[from - DIGEST_MEMORY]);
}

/* Room in the pool; what a stretch had before is used again, or lost. */
static bool take_pool(struct spork_digest *d, struct segment *s, uint32_t size)
{
	if (size <= s->pool_size)
		return true;
	if (size > DIGEST_POOL - d->pool_used)
		return false;
	s->pool_at = (uint32_t)d->pool_used;
	s->pool_size = size;
	d->pool_used += size;
	return true;
}

/* @places: the new numbers of the inputs. False: no room, or outputs cannot be read. */
static bool keep_words(struct spork_digest *d, struct segment *s, const struct digest_recorder *r,
	struct spork_machine *m, uint16_t places[DIGEST_WORDS])
{
	uint16_t inputs[DIGEST_WORDS], outputs[DIGEST_WORDS];
	struct word *words;

	s->input_count = sort(r, true, inputs);
	s->output_count = sort(r, false, outputs);
	if (!take_pool(d, s, s->input_count + s->output_count))
		return false;
	words = d->pool + s->pool_at;
	s->guard_count = 0;
	for (uint32_t i = 0; i < s->input_count; i++) {
		const struct recorded_word *word = &r->words[inputs[i]];

		places[inputs[i]] = (uint16_t)i;
		words[i] = (struct word){word->address, word->value};
		s->guard_count += word->guard;
	}
	for (uint32_t i = 0; i < s->output_count; i++) {
		const struct recorded_word *word = &r->words[outputs[i]];
		struct word *to = &words[s->input_count + i];

		to->address = word->address;
		if (!overlay_load(m->overlay, word->address, &to->value, 8))
			return false;
		d->from[s->pool_at + s->input_count + i] = place_of(word->from, places);
	}
	return true;
}

/* The stretch has run from @before to where @m stands. False: its outputs cannot be read. */
static bool keep(struct spork_digest *d, struct segment *s, const struct digest_recorder *r,
	struct spork_machine *m)
{
	const struct spork_registers *before = r->before, *after = &m->regs;
	uint16_t places[DIGEST_WORDS];

	if (!keep_words(d, s, r, m, places))
		return false;
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
	s->area_count = r->area_count;
	memcpy(s->areas, r->areas, sizeof(s->areas));
	return true;
}

/* Replays the stretch and makes its digest, if it ends at a system call. */
static int record(struct spork_digest *d, struct segment *s, struct spork_machine *m,
	const struct recipe_header *h, size_t *position)
{
	struct spork_registers before = m->regs;
	uint64_t executed = m->executed;
	struct digest_recorder r;
	bool ready;
	int stop;

	r.failed = false;
	r.guards = r.vector_guards = r.vectors_written = 0;
	r.count = r.area_count = 0;
	r.before = &before;
	for (unsigned n = 0; n < 16; n++)
		r.from[n] = (uint16_t)n;
	stop = recipe_replay(m, h, position, &r);
	s->steps = m->executed - executed;
	s->end = (uint32_t)*position;
	ready = stop == SPORK_STOP_SYSCALL && !r.failed && keep(d, s, &r, m);
	/* It will be no different the next time. */
	if (!ready)
		s->faults = FAULTS_MAX;
	__atomic_store_n(&s->ready, ready, __ATOMIC_RELEASE);
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
		if (apply(d, s, m, &stop)) {
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
	return record(d, s, m, h, position);
}

uint64_t spork_digest_hits(const struct spork_digest *d)
{
	return d->hits;
}
