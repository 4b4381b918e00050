/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Digests: put in place or not, what they leave is what the steps leave. */
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
#define STACK_BYTES ((size_t)1 << 20)
#define STACK_SEEN 8192u
#define CALLEE_SAVED 12u /* a register that functions push and pop */

/* What the function under test reads and writes; in memory of its own, which no file is behind. */
struct state {
	volatile uint64_t words[32];
	volatile uint32_t halves[8];
	struct state *volatile next;
	uint64_t (*volatile choice)(uint64_t);
};

/* All that can be seen after a run. */
struct seen {
	uint64_t gpr[16], rip, rflags;
	struct state state;
	uint8_t stack[STACK_SEEN];
	uint8_t zmm[8][64];
};

static struct modules modules;
static struct call call;
static uint8_t *trace_arena, *recipe;
static struct state *state;
static struct spork_digest *digest;
static size_t recipe_bytes;

__attribute__((noinline)) static uint64_t triple(uint64_t n)
{
	return 3 * n;
}

__attribute__((noinline)) static uint64_t negated(uint64_t n)
{
	return ~n;
}

__attribute__((noinline)) static uint64_t work(struct state *s, uint64_t carried)
{
	uint64_t result, kept = s->words[7];

	s->words[1] = s->words[0];
	s->words[2] = carried;
	for (uint64_t i = 0; i < s->words[3] % 8; i++)
		s->words[8 + i] = s->next->words[16 + i] + i;
	if (s->halves[0] > 5)
		s->halves[1] += 2;
	*(volatile uint8_t *)&s->halves[3] = (uint8_t)s->words[4];
	s->words[5] = s->choice(s->words[6]);
	__asm__ volatile("lock xaddq %0, %1" : "+r"(kept), "+m"(s->words[30])::"memory");
	__asm__ volatile("movq %1, %%xmm3; punpcklqdq %%xmm3, %%xmm3; movups %%xmm3, %0"
			 : "=m"(s->words[28])
			 : "r"(s)
			 : "xmm3", "memory");
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(39), "D"(s), "S"(carried)
			 : "rcx", "r11", "memory");
	return result + kept;
}

static void *memory(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert(at != MAP_FAILED);
	return at;
}

static uint64_t carried, saved;

static void prepare(void)
{
	uint64_t args[] = {(uint64_t)(uintptr_t)state, carried};

	call.machine.overlay = spork_overlay_init(call.arena, call.arena_bytes);
	cr_assert(call.machine.overlay);
	call_prepare(&call, ADDRESS(work), args, 2);
	call.machine.regs.gpr[CALLEE_SAVED] = saved;
	call.machine.regs.gpr[SPORK_RBX] = ~saved;
}

static void look(struct seen *seen)
{
	const struct spork_registers *regs = &call.machine.regs;

	memset(seen, 0, sizeof(*seen));
	memcpy(seen->gpr, regs->gpr, sizeof(seen->gpr));
	memcpy(seen->zmm, regs->zmm, sizeof(seen->zmm));
	seen->rip = regs->rip;
	seen->rflags = regs->rflags;
	cr_assert_eq(spork_overlay_read(call.machine.overlay, (uint64_t)(uintptr_t)state,
			     &seen->state, sizeof(seen->state)),
		0);
	cr_assert_eq(spork_overlay_read(call.machine.overlay,
			     (uint64_t)(uintptr_t)(call.stack + STACK_BYTES - STACK_SEEN),
			     seen->stack, STACK_SEEN),
		0);
}

static void record(void)
{
	struct spork_trace *trace;
	int64_t size;

	prepare();
	trace = spork_trace_begin(&call.machine, trace_arena, TRACE_BYTES);
	cr_assert(trace);
	cr_assert_eq(spork_machine_run(&call.machine, 1000000), SPORK_STOP_SYSCALL);
	size = spork_trace_end(trace, recipe, TRACE_BYTES);
	cr_assert(size > 0, "%" PRId64, size);
	recipe_bytes = (size_t)size;
}

static void set_up(void)
{
	modules_load(&modules);
	call_init(&call, &modules);
	trace_arena = memory(2 * TRACE_BYTES);
	recipe = trace_arena + TRACE_BYTES;
	digest = memory(SPORK_DIGEST_BYTES);
	state = memory(2 * sizeof(*state));
	state->next = state + 1;
	state->choice = triple;
	state->words[3] = 3;
	for (size_t i = 16; i < 32; i++)
		state[1].words[i] = 1000 * i;
	record();
}

static void tear_down(void)
{
	(void)munmap(trace_arena, 2 * TRACE_BYTES);
	(void)munmap(digest, SPORK_DIGEST_BYTES);
	(void)munmap(state, 2 * sizeof(*state));
	call_finish(&call);
	modules_unload(&modules);
}

TestSuite(digest, .init = set_up, .fini = tear_down);

/* Runs by the digest and without it, compares, and tells whether the digest was put in place. */
static bool run(void)
{
	static struct seen expected, seen;
	uint64_t before = spork_digest_hits(digest);
	size_t position = 0;
	int stop;

	prepare();
	cr_assert_eq(spork_machine_run(&call.machine, 1000000), SPORK_STOP_SYSCALL);
	look(&expected);
	prepare();
	stop = spork_digest_replay(digest, &call.machine, recipe, recipe_bytes, &position);
	/* A guard of the recipe that failed hands over to the interpreter. */
	if (stop == SPORK_STOP_BUDGET)
		stop = (int)spork_machine_run(&call.machine, 1000000);
	cr_assert_eq(stop, SPORK_STOP_SYSCALL);
	look(&seen);
	cr_assert_eq(memcmp(expected.gpr, seen.gpr, sizeof(seen.gpr)), 0);
	cr_assert_eq(expected.rip, seen.rip);
	cr_assert_eq(expected.rflags, seen.rflags);
	cr_assert_eq(memcmp(&expected.state, &seen.state, sizeof(seen.state)), 0);
	cr_assert_eq(memcmp(expected.stack, seen.stack, sizeof(seen.stack)), 0);
	cr_assert_eq(memcmp(expected.zmm, seen.zmm, sizeof(seen.zmm)), 0);
	return spork_digest_hits(digest) > before;
}

Test(digest, the_third_run_needs_no_steps)
{
	cr_assert(!run());
	cr_assert(!run());
	cr_assert(run());
	cr_assert(run());
}

Test(digest, what_is_only_moved_is_no_guard)
{
	(void)run();
	(void)run();
	cr_assert(run());
	state->words[20] = 1;
	cr_assert(run(), "a word that no step touches");
	saved = 77;
	cr_assert(run(), "a register that is saved and restored, or not used");
}

Test(digest, what_the_way_depends_on_is_a_guard)
{
	for (int n = 0; n < 5; n++) {
		struct state before[2];

		memset(digest, 0, SPORK_DIGEST_BYTES);
		(void)run();
		(void)run();
		cr_assert(run());
		memcpy(before, state, sizeof(before));
		if (n == 0)
			state->words[3] = 4;
		else if (n == 1)
			state->choice = negated;
		else if (n == 2)
			state->halves[0] = 6;
		else if (n == 3)
			state[1].words[17]++;
		else
			state->words[6] = 5;
		cr_assert(!run(), "%d", n);
		memcpy(state, before, sizeof(before));
	}
}

Test(digest, memory_that_cannot_be_written_any_more_is_left_to_the_steps)
{
	size_t position = 0;

	(void)run();
	(void)run();
	cr_assert(run());
	prepare();
	cr_assert_eq(
		spork_overlay_protect(call.machine.overlay, (uint64_t)(uintptr_t)state & ~4095ull,
			((uint64_t)(uintptr_t)state & ~4095ull) + 4096, false),
		0);
	cr_assert_eq(spork_digest_replay(digest, &call.machine, recipe, recipe_bytes, &position),
		SPORK_STOP_MEMORY);
}

Test(digest, random_changes_leave_what_the_steps_leave)
{
	const char *given = getenv("HB_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL), hits = 0;
	struct hb_rng rng;

	printf("HB_SEED=%" PRIu64 "\n", seed);
	(void)fflush(stdout);
	hb_rng_init(&rng, seed, 0);
	for (int n = 0; n < 3000; n++) {
		uint64_t word = hb_rng_below(&rng, 32), value = hb_rng_below(&rng, 9);

		if (n % 12 == 0) {
			memset(digest, 0, SPORK_DIGEST_BYTES);
			record();
		}
		switch (hb_rng_below(&rng, 8)) {
		case 0:
			state->words[word] = value;
			break;
		case 1:
			state->halves[hb_rng_below(&rng, 8)] = (uint32_t)value;
			break;
		case 2:
			state->choice = value % 2 ? triple : negated;
			break;
		case 3:
			state[1].words[word] = value;
			break;
		case 4:
			carried = value;
			break;
		default:
			saved = value;
			break;
		}
		hits += run();
	}
	cr_assert(hits > 100, "only %" PRIu64, hits);
}
