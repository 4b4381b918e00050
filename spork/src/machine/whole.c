/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole children: the digest of everything between the fork and the execve that a recipe ends with. What the child
 * has written is looked at by nobody after that, apart from what execve is given, so that nothing is put in place:
 * guards are compared in the memory of the parent, and the arguments are found.
 */
#include <errno.h>

#include "machine/digest.h"
#include "machine/recipe.h"

#define WRITTEN_MAX 64u
/* Words apart from one another by less are one stretch of written memory. */
#define WRITTEN_GAP 1024u
#define ARGUMENTS 3u

struct word {
	uint64_t address, value;
};

struct stretch {
	uint64_t start, end;
};

/* Where a value comes from: a register of the start, a word of memory, or always the same. */
struct origin {
	uint16_t from;
	uint64_t value; /* or the word's address */
};

struct spork_whole {
	uint64_t resume, rflags, fs_base, gpr[16], steps, heap_end;
	uint32_t guard_count, fixed_count, written_count;
	uint16_t guards; /* general registers */
	uint8_t vector_guards;
	uint64_t vectors[DIGEST_VECTORS][8];
	struct origin arguments[ARGUMENTS];
	/* The second argument's list, if the child has made it, without its end. */
	struct origin list[SPORK_WHOLE_LIST];
	uint32_t list_count;
	struct stretch written[WRITTEN_MAX]; /* sorted */
	/* What was touched of other mappings, which are to be asked for each time. */
	struct spork_range asked[SPORK_WHOLE_ASKED];
	uint32_t asked_count;
	/* Guards in memory that can be written to; and from the other end those in memory that cannot. */
	struct word words[DIGEST_WORDS];
	/* While it is made. */
	uint64_t executed;
	struct spork_registers before;
	struct digest_recorder recorder;
};

_Static_assert(sizeof(struct spork_whole) <= SPORK_WHOLE_BYTES, "a whole child has its room");

int spork_whole_step(struct spork_whole *w, struct spork_machine *m, const void *recipe,
	size_t size_bytes, size_t *position)
{
	struct digest_recorder *r = &w->recorder;
	int rc;

	if (*position == 0) {
		rc = recipe_start(m, recipe, size_bytes);
		if (rc < 0)
			return rc;
		w->before = m->regs;
		w->executed = m->executed;
		r->failed = false;
		r->whole = true;
		r->guards = r->vector_guards = r->vectors_written = 0;
		r->count = r->area_count = 0;
		r->before = &w->before;
		for (unsigned n = 0; n < 16; n++)
			r->from[n] = (uint16_t)n;
	} else {
		r->from[SPORK_RAX] = DIGEST_CONSTANT;
	}
	return recipe_replay(m, recipe, position, r);
}

/* The range that holds all of [start, end), or NULL. */
static const struct spork_range *range_of(
	const struct spork_range *ranges, size_t count, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < count; i++)
		if (start >= ranges[i].start && end <= ranges[i].end)
			return &ranges[i];
	return NULL;
}

static bool add_written(struct spork_whole *w, uint64_t start, uint64_t end)
{
	uint32_t at = w->written_count;

	for (uint32_t i = 0; i < w->written_count; i++) {
		struct stretch *s = &w->written[i];

		if (start <= s->end + WRITTEN_GAP && s->start <= end + WRITTEN_GAP) {
			s->start = start < s->start ? start : s->start;
			s->end = end > s->end ? end : s->end;
			return true;
		}
	}
	if (at == WRITTEN_MAX)
		return false;
	w->written[at] = (struct stretch){start, end};
	w->written_count++;
	return true;
}

/*
 * A word of a mapping that may be gone the next time: it is added to what is to be asked for. A file's pages can go
 * without their mapping. NULL: it cannot be.
 */
static const struct spork_range *asked_range(
	struct spork_whole *w, const struct spork_overlay *o, uint64_t address)
{
	struct spork_range *asked = w->asked;

	for (size_t i = 0; i < o->range_count; i++) {
		const struct overlay_range *range = &o->ranges[i];
		uint32_t at = 0;

		if (address < range->start || address + 8 > range->end)
			continue;
		if (range->file ||
			(range->kind != OVERLAY_WRITABLE && range->kind != OVERLAY_READ_ONLY))
			return NULL;
		while (at < w->asked_count &&
			(asked[at].start < range->start || asked[at].end > range->end))
			at++;
		if (at == SPORK_WHOLE_ASKED)
			return NULL;
		if (at == w->asked_count)
			asked[w->asked_count++] = (struct spork_range){
				address, address + 8, range->kind == OVERLAY_WRITABLE, false};
		asked[at].start = address < asked[at].start ? address : asked[at].start;
		asked[at].end = address + 8 > asked[at].end ? address + 8 : asked[at].end;
		return &asked[at];
	}
	return NULL;
}

/* Everything that was touched lies in memory that will be there the next time, or that can be asked for. */
static bool keep_word(struct spork_whole *w, const struct spork_overlay *o,
	const struct recorded_word *word, const struct spork_range *ranges, size_t count)
{
	const struct spork_range *range = range_of(ranges, count, word->address, word->address + 8);
	bool stays = range != NULL;

	if (!stays)
		range = asked_range(w, o, word->address);
	if (!range || (word->written && !range->writable))
		return false;
	if (range->grows && word->address + 8 > w->heap_end)
		w->heap_end = word->address + 8;
	if (word->written && !add_written(w, word->address, word->address + 8))
		return false;
	if (!word->input || !word->guard)
		return true;
	if (range->writable || !stays)
		w->words[w->guard_count++] = (struct word){word->address, word->value};
	else
		w->words[DIGEST_WORDS - ++w->fixed_count] =
			(struct word){word->address, word->value};
	return true;
}

static bool keep_area(struct spork_whole *w, const struct digest_area *area,
	const struct spork_range *ranges, size_t count)
{
	uint64_t end = area->address + area->size;
	const struct spork_range *range = range_of(ranges, count, area->address, end);

	return range && range->writable && !range->grows && add_written(w, area->address, end);
}

static struct origin origin_of(const struct digest_recorder *r, uint16_t from, uint64_t value)
{
	if (from >= DIGEST_MEMORY && from != DIGEST_CONSTANT)
		value = r->words[from - DIGEST_MEMORY].address;
	return (struct origin){from, value};
}

static const struct recorded_word *written_at(const struct digest_recorder *r, uint64_t address)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->words[i].address == address)
			return r->words[i].written ? &r->words[i] : NULL;
	return NULL;
}

/* False: the list is one that the child has made, and of another kind. */
static bool keep_list(struct spork_whole *w, const struct spork_machine *m)
{
	const struct digest_recorder *r = &w->recorder;
	const struct recorded_word *word = written_at(r, m->regs.gpr[SPORK_RSI]);
	uint64_t value = 1;

	w->list_count = 0;
	if (!word || r->from[SPORK_RSI] != DIGEST_CONSTANT)
		return true;
	for (; word && value; word = written_at(r, word->address + 8)) {
		if (word->from == DIGEST_PARTIAL ||
			!overlay_load(m->overlay, word->address, &value, sizeof(value)))
			return false;
		if (value == 0)
			return word->from == DIGEST_CONSTANT;
		if (w->list_count == SPORK_WHOLE_LIST)
			return false;
		w->list[w->list_count++] = origin_of(r, word->from, value);
	}
	return false;
}

static void keep_arguments(struct spork_whole *w, const struct spork_machine *m)
{
	static const uint8_t registers[ARGUMENTS] = {SPORK_RDI, SPORK_RSI, SPORK_RDX};
	const struct digest_recorder *r = &w->recorder;

	for (unsigned n = 0; n < ARGUMENTS; n++)
		w->arguments[n] = origin_of(r, r->from[registers[n]], m->regs.gpr[registers[n]]);
}

bool spork_whole_end(struct spork_whole *w, const struct spork_machine *m,
	const struct spork_range *ranges, size_t count)
{
	const struct digest_recorder *r = &w->recorder;

	w->guard_count = w->fixed_count = w->written_count = w->asked_count = 0;
	w->heap_end = 0;
	if (r->failed || m->overlay->log)
		return false;
	for (size_t i = 0; i < r->count; i++)
		if (!keep_word(w, m->overlay, &r->words[i], ranges, count))
			return false;
	for (size_t i = 0; i < r->area_count; i++)
		if (!keep_area(w, &r->areas[i], ranges, count))
			return false;
	if (!keep_list(w, m))
		return false;
	keep_arguments(w, m);
	w->guards = r->guards;
	w->vector_guards = r->vector_guards;
	memcpy(w->vectors, w->before.zmm, sizeof(w->vectors));
	w->resume = w->before.rip;
	w->rflags = w->before.rflags;
	w->fs_base = w->before.fs_base;
	memcpy(w->gpr, w->before.gpr, sizeof(w->gpr));
	w->steps = m->executed - w->executed;
	return true;
}

SPORK_FAST static bool words_hold(const struct word *words, uint32_t count)
{
	uint64_t difference = 0;

	for (uint32_t i = 0; i < count; i++)
		difference |= *(const uint64_t *)(uintptr_t)words[i].address ^ words[i].value;
	return difference == 0;
}

SPORK_FAST static uint64_t value_of(const struct origin *origin, const struct spork_registers *regs)
{
	if (origin->from < DIGEST_MEMORY)
		return regs->gpr[origin->from];
	return origin->from == DIGEST_CONSTANT ? origin->value
					       : *(const uint64_t *)(uintptr_t)origin->value;
}

SPORK_FAST size_t spork_whole_list(
	const struct spork_whole *w, const struct spork_registers *regs, uint64_t *ret_list)
{
	for (uint32_t i = 0; i < w->list_count; i++)
		ret_list[i] = value_of(&w->list[i], regs);
	return w->list_count;
}

SPORK_FAST uint64_t spork_whole_heap_end(const struct spork_whole *w)
{
	return w->heap_end;
}

SPORK_FAST size_t spork_whole_asked(
	const struct spork_whole *w, struct spork_range ret_ranges[SPORK_WHOLE_ASKED])
{
	for (uint32_t i = 0; i < w->asked_count; i++)
		ret_ranges[i] = w->asked[i];
	return w->asked_count;
}

SPORK_FAST bool spork_whole_uses_vectors(const struct spork_whole *w)
{
	return w->vector_guards != 0;
}

SPORK_FAST uint64_t spork_whole_steps(const struct spork_whole *w)
{
	return w->steps;
}

INLINE uint64_t vector_word(const struct spork_registers *regs, unsigned v, unsigned n)
{
	uint64_t word;

	memcpy(&word, regs->zmm[v] + 8 * (size_t)n, sizeof(word));
	return word;
}

SPORK_FAST bool spork_whole_holds(const struct spork_whole *w, const struct spork_registers *regs,
	bool fixed, uint64_t ret_arguments[3])
{
	uint64_t difference =
		(w->resume ^ regs->rip) | (w->rflags ^ regs->rflags) | (w->fs_base ^ regs->fs_base);

	for (unsigned n = 0; n < 16; n++)
		if (w->guards >> n & 1)
			difference |= w->gpr[n] ^ regs->gpr[n];
	for (unsigned v = 0; w->vector_guards >> v; v++)
		for (unsigned n = 0; (w->vector_guards >> v & 1) && n < 8; n++)
			difference |= w->vectors[v][n] ^ vector_word(regs, v, n);
	if (difference || !words_hold(w->words, w->guard_count) ||
		(!fixed && !words_hold(w->words + DIGEST_WORDS - w->fixed_count, w->fixed_count)))
		return false;
	for (unsigned n = 0; n < ARGUMENTS; n++)
		ret_arguments[n] = value_of(&w->arguments[n], regs);
	return true;
}

SPORK_FAST bool spork_whole_writes(const struct spork_whole *w, uint64_t start, uint64_t end)
{
	for (uint32_t i = 0; i < w->written_count; i++)
		if (start < w->written[i].end && w->written[i].start < end)
			return true;
	return false;
}
