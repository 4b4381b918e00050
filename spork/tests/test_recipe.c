/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recipes: replaying gives what interpreting gives, whatever the input, and damaged ones are refused. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <criterion/criterion.h>

#include <hotbed/rng.h>

#include "modules.h"

#define TRACE_BYTES ((size_t)4 << 20)
#define TEXT_BYTES 256u

static struct modules modules;
static struct call call;
static uint8_t *trace_arena, *recipe;
static char result_text[TEXT_BYTES];

static void set_up(void)
{
	modules_load(&modules);
	call_init(&call, &modules);
	trace_arena = mmap(NULL, 2 * TRACE_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	cr_assert(trace_arena != MAP_FAILED);
	recipe = trace_arena + TRACE_BYTES;
}

static void tear_down(void)
{
	(void)munmap(trace_arena, 2 * TRACE_BYTES);
	call_finish(&call);
	modules_unload(&modules);
}

TestSuite(recipe, .init = set_up, .fini = tear_down);

/* Takes different ways for different numbers: loops, an indirect call, libc, vectors. */
__attribute__((noinline)) static uint64_t triple(uint64_t n)
{
	return 3 * n;
}

__attribute__((noinline)) static uint64_t negated(uint64_t n)
{
	return ~n;
}

static uint64_t (*volatile const choices[])(uint64_t) = {triple, negated};

__attribute__((noinline)) static uint64_t work(uint64_t n)
{
	char words[64] = "fork exec wait";
	double sum = 0;

	for (uint64_t i = 0; i < n % 16; i++)
		sum += (double)i / (double)(n + 1);
	if (n & 16)
		memmove(words, words + 5, strlen(words + 5) + 1);
	snprintf(result_text, sizeof(result_text), "%s %.6f %" PRIx64, words, sum,
		choices[n >> 5 & 1](n));
	return strlen(result_text) + (n % 3 == 0 ? n : 0);
}

static int64_t record(uint64_t n, uint64_t *ret_executed)
{
	struct spork_machine *m = &call.machine;
	struct spork_trace *trace;
	enum spork_stop stop;

	call_prepare(&call, ADDRESS(work), &n, 1);
	trace = spork_trace_begin(m, trace_arena, TRACE_BYTES);
	cr_assert(trace);
	m->executed = 0;
	/* Up to the return, whose address has no code and is no part of a recipe. */
	do
		stop = spork_machine_run(m, 1);
	while (stop == SPORK_STOP_BUDGET &&
		m->regs.gpr[SPORK_RSP] < (uint64_t)(uintptr_t)call.stack + (1 << 20) - 4096 - 8);
	(void)stop;
	*ret_executed = m->executed;
	return spork_trace_end(trace, recipe, TRACE_BYTES);
}

/* Resets the overlay, so that runs do not see one another. */
static void forget_writes(void)
{
	call.machine.overlay = spork_overlay_init(call.arena, call.arena_bytes);
	cr_assert(call.machine.overlay);
}

static uint64_t interpret(uint64_t n, char text[TEXT_BYTES])
{
	uint64_t value = call_run(&call, ADDRESS(work), &n, 1);

	cr_assert_eq(spork_overlay_read(call.machine.overlay, (uint64_t)(uintptr_t)result_text,
			     text, TEXT_BYTES),
		0);
	return value;
}

static uint64_t replay(uint64_t n, size_t size, char text[TEXT_BYTES], size_t *ret_position)
{
	struct spork_machine *m = &call.machine;
	size_t position = 0;
	int stop;

	call_prepare(&call, ADDRESS(work), &n, 1);
	stop = spork_trace_replay(m, recipe, size, &position);
	cr_assert_eq(stop, SPORK_STOP_BUDGET, "stop %d at step %zu", stop, position);
	stop = (int)spork_machine_run(m, 100000000);
	cr_assert(stop == SPORK_STOP_NO_CODE && m->regs.rip == RETURN_ADDRESS);
	cr_assert_eq(
		spork_overlay_read(m->overlay, (uint64_t)(uintptr_t)result_text, text, TEXT_BYTES),
		0);
	*ret_position = position;
	return m->regs.gpr[SPORK_RAX];
}

static uint64_t chosen_seed(void)
{
	const char *given = getenv("HB_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);

	printf("HB_SEED=%" PRIu64 "\n", seed);
	(void)fflush(stdout);
	return seed;
}

Test(recipe, replay_equals_interpretation_on_random_inputs)
{
	char expected[TEXT_BYTES], seen[TEXT_BYTES];
	uint64_t executed, whole = 0;
	struct hb_rng rng;

	hb_rng_init(&rng, chosen_seed(), 0);
	for (int n = 0; n < 10; n++) {
		uint64_t first = hb_rng_u64(&rng);
		int64_t size;

		forget_writes();
		size = record(first, &executed);
		cr_assert(size > 0, "%" PRId64, size);
		for (int k = 0; k < 30; k++) {
			uint64_t input =
				k == 0 ? first : hb_rng_u64(&rng) % (k < 15 ? 64 : UINT64_MAX);
			uint64_t value, again;
			size_t position;

			forget_writes();
			value = interpret(input, expected);
			forget_writes();
			again = replay(input, (size_t)size, seen, &position);
			cr_assert_eq(value, again);
			cr_assert_arr_eq(expected, seen, TEXT_BYTES);
			whole += k == 0 && position > executed / 2;
		}
	}
	cr_assert_eq(whole, 10, "only %" PRIu64 " recipes ran through on their own input", whole);
}

Test(recipe, damaged_bytes_are_refused)
{
	uint64_t executed, n = 77;
	struct spork_machine *m = &call.machine;
	struct hb_rng rng;
	int64_t size = record(n, &executed);
	size_t position;

	hb_rng_init(&rng, chosen_seed(), 0);
	cr_assert(size > 0);
	for (int k = 0; k < 2000; k++) {
		size_t at = hb_rng_below(&rng, (uint64_t)size);
		uint8_t bit = (uint8_t)(1u << hb_rng_below(&rng, 8));

		call_prepare(&call, ADDRESS(work), &n, 1);
		recipe[at] ^= bit;
		position = 0;
		cr_assert_eq(spork_trace_replay(m, recipe, (size_t)size, &position), -EBADMSG);
		recipe[at] ^= bit;
	}
	for (size_t cut = 0; cut < (size_t)size; cut += 1 + cut / 8) {
		position = 0;
		cr_assert_eq(spork_trace_replay(m, recipe, cut, &position), -EBADMSG);
	}
}

Test(recipe, another_starting_place_is_not_replayed)
{
	uint64_t executed, n = 5;
	struct spork_machine *m = &call.machine;
	int64_t size = record(n, &executed);
	size_t position = 0;

	cr_assert(size > 0);
	call_prepare(&call, ADDRESS(triple), &n, 1);
	cr_assert_eq(spork_trace_replay(m, recipe, (size_t)size, &position), SPORK_STOP_BUDGET);
	cr_assert_eq(m->regs.rip, ADDRESS(triple));
	cr_assert_eq(position, 0);
}

Test(recipe, a_module_with_other_code_is_refused)
{
	uint64_t executed, n = 5;
	struct spork_machine *m = &call.machine;
	int64_t size = record(n, &executed);
	size_t position = 0;

	cr_assert(size > 0);
	for (size_t i = 0; i < modules.count; i++)
		modules.list[i].id.bytes[0] ^= 1;
	call_prepare(&call, ADDRESS(work), &n, 1);
	cr_assert_eq(spork_trace_replay(m, recipe, (size_t)size, &position), -EBADMSG);
	for (size_t i = 0; i < modules.count; i++)
		modules.list[i].id.bytes[0] ^= 1;
}

Test(recipe, a_trace_that_does_not_fit_is_not_kept)
{
	uint64_t n = 9, executed;
	struct spork_trace *trace;
	int64_t size = record(n, &executed);

	cr_assert(size > 0);
	call_prepare(&call, ADDRESS(work), &n, 1);
	trace = spork_trace_begin(&call.machine, trace_arena, 24576);
	cr_assert(trace);
	(void)spork_machine_run(&call.machine, 1000000);
	cr_assert_eq(spork_trace_end(trace, recipe, TRACE_BYTES), -EFBIG);
	cr_assert_null(spork_trace_begin(&call.machine, trace_arena, 16));
}

Test(recipe, code_that_has_changed_is_noticed)
{
	uint64_t n = 21, executed;
	struct spork_patch patch = {.address = ADDRESS(triple), .length = 1};
	struct spork_machine *m = &call.machine;
	int64_t size = record(n, &executed);

	cr_assert(size > 0);
	cr_assert_eq(spork_trace_check(recipe, (size_t)size), 0);
	cr_assert_eq(spork_trace_compare(m, recipe), 0);
	/* As if the file said something else than memory does. */
	m->patches = &patch;
	m->patch_count = 1;
	patch.original[0] = (uint8_t) ~*(const uint8_t *)(uintptr_t)patch.address;
	cr_assert_eq(spork_trace_compare(m, recipe), 0, "what was compared is not forgotten");
	modules_forget(&modules);
	cr_assert_eq(spork_trace_compare(m, recipe), -EBADMSG);
	patch.original[0] = *(const uint8_t *)(uintptr_t)patch.address;
	cr_assert_eq(spork_trace_compare(m, recipe), 0);
	m->patch_count = 0;
}
