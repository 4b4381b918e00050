/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * String instructions. imm holds the element's size in bytes, r1 the prefix. Like the CPU they leave rcx, rsi and rdi
 * where they got to when memory ends, so that the same instruction can go on.
 */
#include "machine/cpu.h"

enum prefix {
	PLAIN,
	REP, /* also repe */
	REPNE
};

INLINE size_t element(const struct spork_insn *i)
{
	return (size_t)i->imm & 8 ? 8 : (size_t)i->imm & 4 ? 4 : (size_t)i->imm & 2 ? 2 : 1;
}

/* How many elements are to be done; 1 without a prefix. */
INLINE uint64_t count_of(const struct cpu *c, const struct spork_insn *i)
{
	return i->r1 == PLAIN ? 1 : c->r[SPORK_RCX];
}

/*
 * Takes off what has been done. False: the run has done so many elements that it stops with the budget, at this
 * instruction; a wild count over gigabytes of memory must not hold up the parent.
 */
INLINE bool counted(struct cpu *c, const struct spork_insn *i, uint64_t count)
{
	if (i->r1 == PLAIN)
		return true;
	c->r[SPORK_RCX] -= count;
	if (LIKELY(c->elements_left > count || c->r[SPORK_RCX] == 0)) {
		c->elements_left -= count < c->elements_left ? count : c->elements_left;
		return true;
	}
	c->stop = SPORK_STOP_BUDGET;
	return false;
}

INLINE uint64_t stride(const struct cpu *c, size_t size)
{
	return c->direction ? -(uint64_t)size : size;
}

/* One element at a time: backwards, across pages, and where source and destination overlap. */
static bool move_one(struct cpu *c, size_t size)
{
	uint64_t value = 0;

	if (!overlay_load(c->overlay, c->r[SPORK_RSI], &value, size) ||
		!overlay_store(c->overlay, c->r[SPORK_RDI], &value, size))
		return false;
	c->r[SPORK_RSI] += stride(c, size);
	c->r[SPORK_RDI] += stride(c, size);
	return true;
}

HANDLER(movs)
{
	size_t size = element(i);
	uint64_t count = count_of(c, i);

	while (count > 0) {
		uint64_t from = c->r[SPORK_RSI], to = c->r[SPORK_RDI], done = 1;
		size_t bytes = count < OVERLAY_PAGE / size ? (size_t)count * size : OVERLAY_PAGE;
		const uint8_t *source;
		uint8_t *target;

		if (!c->direction && bytes > size && to - from >= bytes) {
			target = overlay_write_span(c->overlay, to, bytes, &bytes);
			source = target ? overlay_read_span(c->overlay, from, bytes, &bytes) : NULL;
			if (!source)
				return stop_memory(c);
			done = bytes / size;
		}
		if (done > 1) {
			/* The source may lie a little above, which is the same forwards. */
			memmove(target, source, done * size);
			c->r[SPORK_RSI] += done * size;
			c->r[SPORK_RDI] += done * size;
		} else {
			done = 1;
			if (!move_one(c, size))
				return stop_memory(c);
		}
		if (!counted(c, i, done))
			return NULL;
		count -= done;
	}
	return i + 1;
}

static void fill(uint8_t *target, uint64_t value, size_t size, uint64_t count)
{
	if (size == 1) {
		memset(target, (int)(value & 0xff), count);
		return;
	}
	for (uint64_t n = 0; n < count; n++)
		memcpy(target + n * size, &value, size);
}

HANDLER(stos)
{
	size_t size = element(i);
	uint64_t count = count_of(c, i);

	while (count > 0) {
		uint64_t to = c->r[SPORK_RDI], done = 1;
		size_t bytes = count < OVERLAY_PAGE / size ? (size_t)count * size : OVERLAY_PAGE;
		uint8_t *target = NULL;

		if (!c->direction && bytes > size) {
			target = overlay_write_span(c->overlay, to, bytes, &bytes);
			if (!target)
				return stop_memory(c);
			done = bytes / size;
		}
		if (done > 1) {
			fill(target, c->r[SPORK_RAX], size, done);
			c->r[SPORK_RDI] += done * size;
		} else {
			done = 1;
			if (!overlay_store(c->overlay, to, &c->r[SPORK_RAX], size))
				return stop_memory(c);
			c->r[SPORK_RDI] += stride(c, size);
		}
		if (!counted(c, i, done))
			return NULL;
		count -= done;
	}
	return i + 1;
}

HANDLER(lods)
{
	size_t size = element(i);
	uint64_t count = count_of(c, i), value;

	while (count > 0) {
		value = 0;
		if (!overlay_load(c->overlay, c->r[SPORK_RSI], &value, size))
			return stop_memory(c);
		set_register(c, SPORK_RAX, 64,
			size == 8 ? value
			: size == 4
				? (uint32_t)value
				: (c->r[SPORK_RAX] & ~low_bits(UINT64_MAX, 8 * (unsigned)size)) |
					  value);
		c->r[SPORK_RSI] += stride(c, size);
		if (!counted(c, i, 1))
			return NULL;
		count--;
	}
	return i + 1;
}

/* Compares elements until the prefix's condition fails; the flags are those of the last comparison. */
static const struct spork_insn *compare(struct cpu *c, const struct spork_insn *i, bool with_memory)
{
	size_t size = element(i);
	unsigned width = 8 * (unsigned)size;
	uint64_t count = count_of(c, i), a, b;
	bool ended;

	while (count > 0) {
		a = c->r[SPORK_RAX];
		b = 0;
		if (with_memory) {
			a = 0;
			if (!overlay_load(c->overlay, c->r[SPORK_RSI], &a, size))
				return stop_memory(c);
		}
		if (!overlay_load(c->overlay, c->r[SPORK_RDI], &b, size))
			return stop_memory(c);
		if (with_memory)
			c->r[SPORK_RSI] += stride(c, size);
		c->r[SPORK_RDI] += stride(c, size);
		set_lazy(c, FLAGS_SUB, width, a, b, a - b);
		ended = i->r1 != PLAIN && (c->a == c->b) != (i->r1 == REP);
		if (!counted(c, i, 1) && !ended)
			return NULL;
		count--;
		if (ended)
			break;
	}
	return i + 1;
}

HANDLER(scas)
{
	return compare(c, i, false);
}

HANDLER(cmps)
{
	return compare(c, i, true);
}
