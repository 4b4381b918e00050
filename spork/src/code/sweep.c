/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A module's code in stretches ("chunks"): each function from its start to its end, the gaps between
 * functions, and what
 * branches lead into elsewhere (a lock prefix that is jumped over starts a second stretch inside the first).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include "code/translation.h"
#include "spork/image.h"

/* What offsets and displacements in code files can hold. */
#define SPAN_MAX (UINT64_C(1) << 31)

/* Grows an array so that one more element fits. */
static int reserve(void **array, size_t *capacity, size_t count, size_t element)
{
	size_t larger = *capacity ? 2 * *capacity : 1024;
	void *grown;

	if (count < *capacity)
		return 0;
	if (larger > UINT32_MAX / 2)
		return -EFBIG;
	grown = realloc(*array, larger * element);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*capacity = larger;
	return 0;
}

static int add_insn(struct translation *t, struct spork_insn insn)
{
	int rc = reserve((void **)&t->insns, &t->insn_capacity, t->insn_count, sizeof(*t->insns));

	if (rc == 0)
		t->insns[t->insn_count++] = insn;
	return rc;
}

/* Control never goes on behind these. */
static bool ends_flow(unsigned op)
{
	return op == spork_op_jmp || op == spork_op_jmp_r || op == spork_op_jmp_m ||
	       op == spork_op_ret || op == spork_op_trap;
}

struct sweep {
	const struct spork_image *image;
	struct translation *t;
	ZydisDecoder decoder;
	uint64_t lowest;
};

/* The closing of a chunk: where control goes on behind its last instruction. */
static int close_chunk(struct translation *t, struct chunk chunk, uint64_t end, bool open)
{
	int rc = 0;

	if (t->insn_count == chunk.first)
		return 0;
	if (open)
		rc = add_insn(t, (struct spork_insn){.op = spork_op_fall,
					 .offset = (uint32_t)end,
					 .target = SPORK_NO_TARGET,
					 .extra = (uint32_t)end});
	if (rc == 0)
		rc = reserve((void **)&t->chunks, &t->chunk_capacity, t->chunk_count,
			sizeof(*t->chunks));
	chunk.count = (uint32_t)(t->insn_count - chunk.first);
	if (rc == 0)
		t->chunks[t->chunk_count++] = chunk;
	return rc;
}

/*
 * One chunk over [start, end) of the module, ending where code is known already or cannot be decoded.
 * @stop_at_end: also
 * after the first instruction that ends the flow (for targets found outside of functions). @ret_end: where it ended.
 */
static int sweep_chunk(
	struct sweep *s, uint64_t start, uint64_t end, bool stop_at_end, uint64_t *ret_end)
{
	struct translation *t = s->t;
	struct chunk chunk = {(uint32_t)start, (uint32_t)t->insn_count, 0};
	bool open = true;
	uint64_t at = start;

	while (at < end && t->numbers[at] == 0 && (open || !stop_at_end)) {
		struct decoded d = {
			.offset = (uint32_t)at, .address = s->lowest + at, .lowest = s->lowest};
		struct spork_insn insn;
		size_t available;
		int rc;

		d.bytes = spork_image_bytes(s->image, d.address, &available, NULL);
		if (!d.bytes || !ZYAN_SUCCESS(ZydisDecoderDecodeFull(
					&s->decoder, d.bytes, available, &d.insn, d.operands)))
			break;
		rc = lower(&d, &t->stubs, &insn);
		if (rc == 0)
			rc = add_insn(t, insn);
		if (rc < 0)
			return rc;
		t->numbers[at] = (uint32_t)t->insn_count;
		at += d.insn.length;
		open = !ends_flow(insn.op);
	}
	*ret_end = at;
	return close_chunk(t, chunk, at, open);
}

/* A stretch that may hold bytes which are no code: goes on behind them. */
static int sweep_range(struct sweep *s, uint64_t start, uint64_t end)
{
	while (start < end) {
		uint64_t reached;
		int rc = sweep_chunk(s, start, end, false, &reached);

		if (rc < 0)
			return rc;
		/* Known code begins where it stopped, or a byte that is no code. */
		start = reached > start ? reached : start + 1;
	}
	return 0;
}

static bool executable(const struct spork_segment *segments, size_t count, uint64_t address)
{
	for (size_t i = 0; i < count; i++)
		if (segments[i].executable && address >= segments[i].address &&
			address - segments[i].address < segments[i].file_bytes)
			return true;
	return false;
}

/* Zeros between functions are no code: taken for some, they would swallow the beginning of what follows (.fini). */
static int sweep_gap(struct sweep *s, uint64_t start, uint64_t end)
{
	for (; start < end; start++) {
		size_t available;
		const uint8_t *byte =
			spork_image_bytes(s->image, s->lowest + start, &available, NULL);

		if (!byte || *byte)
			break;
	}
	return sweep_range(s, start, end);
}

/* Functions of one segment, then what lies between them. */
static int sweep_segment(struct sweep *s, const struct spork_segment *segment)
{
	const struct spork_function *functions;
	size_t count = spork_image_functions(s->image, &functions);
	uint64_t start = segment->address - s->lowest, end = start + segment->file_bytes;
	uint64_t gap = start;
	int rc = 0;

	if (end > s->t->span)
		end = s->t->span;
	for (size_t i = 0; i < count && rc == 0; i++) {
		uint64_t from = functions[i].start - s->lowest, to = functions[i].end - s->lowest;

		if (functions[i].start < segment->address || from >= end)
			continue;
		rc = sweep_range(s, from, to < end ? to : end);
		if (rc == 0 && from > gap)
			rc = sweep_gap(s, gap, from);
		if (to > gap)
			gap = to;
	}
	if (rc == 0 && gap < end)
		rc = sweep_gap(s, gap, end);
	return rc;
}

static bool is_direct(unsigned op)
{
	return op == spork_op_call || op == spork_op_jmp || op == spork_op_jrcxz ||
	       op == spork_op_fall || (op >= spork_op_j_o && op <= spork_op_j_nle);
}

/* Targets of branches that no sweep has met: into the middle of instructions, or outside of functions. */
static int sweep_targets(struct sweep *s)
{
	const struct spork_segment *segments;
	size_t count = spork_image_segments(s->image, &segments);
	int rc = 0;

	/* Instructions that this adds are looked at as well; each byte is added once at most. */
	for (size_t i = 0; i < s->t->insn_count && rc == 0; i++) {
		uint32_t target = s->t->insns[i].extra;
		uint64_t reached;

		if (is_direct(s->t->insns[i].op) && target < s->t->span &&
			s->t->numbers[target] == 0 &&
			executable(segments, count, s->lowest + target))
			rc = sweep_chunk(s, target, s->t->span, true, &reached);
	}
	return rc;
}

static int compare_chunks(const void *a, const void *b)
{
	const struct chunk *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Instructions by the start of their chunk, and the numbers of branch targets. */
static int arrange(struct translation *t)
{
	struct spork_insn *sorted = malloc((t->insn_count + 1) * sizeof(*sorted));
	size_t at = 0;

	if (!sorted)
		return -ENOMEM;
	qsort(t->chunks, t->chunk_count, sizeof(*t->chunks), compare_chunks);
	for (size_t i = 0; i < t->chunk_count; i++) {
		memcpy(sorted + at, t->insns + t->chunks[i].first,
			t->chunks[i].count * sizeof(*sorted));
		t->chunks[i].first = (uint32_t)at;
		at += t->chunks[i].count;
	}
	free(t->insns);
	t->insns = sorted;
	t->insn_count = at;
	t->insn_capacity = at;
	for (size_t i = 0; i < at; i++)
		if (sorted[i].op != spork_op_fall)
			t->numbers[sorted[i].offset] = (uint32_t)i + 1;
	for (size_t i = 0; i < at; i++)
		if (is_direct(sorted[i].op) && sorted[i].extra < t->span)
			sorted[i].target = t->numbers[sorted[i].extra] - 1;
	return 0;
}

int translate(const struct spork_image *image, struct translation *t, struct hb_error *reterr)
{
	struct sweep s = {.image = image, .t = t, .lowest = spork_image_lowest(image)};
	const struct spork_segment *segments;
	size_t count = spork_image_segments(image, &segments);
	int rc = 0;

	*t = (struct translation){.span = spork_image_span(image)};
	if (t->span > SPAN_MAX)
		return hb_error_set_at(reterr, -EFBIG, spork_image_path(image), 0,
			"The module spans more than 2 GiB; it runs with real forks.");
	/* Untouched pages of this table cost nothing. */
	t->numbers = calloc(t->span + 1, sizeof(*t->numbers));
	if (!t->numbers || !ZYAN_SUCCESS(ZydisDecoderInit(
				   &s.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		rc = -ENOMEM;
	for (size_t i = 0; i < count && rc == 0; i++)
		if (segments[i].executable)
			rc = sweep_segment(&s, &segments[i]);
	if (rc == 0)
		rc = sweep_targets(&s);
	if (rc == 0)
		rc = arrange(t);
	if (rc < 0) {
		translation_finish(t);
		return hb_error_set_at(reterr, rc, spork_image_path(image), 0,
			rc == -ENOMEM
				? "Out of memory."
				: "Too much code for one code file; it runs with real forks.");
	}
	return 0;
}

void translation_finish(struct translation *t)
{
	free(t->insns);
	free(t->chunks);
	free(t->numbers);
	stub_pool_finish(&t->stubs);
	*t = (struct translation){0};
}
