/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Digests: put in place or not, what they leave is what the steps leave. */
#include <cpuid.h>
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
#define PAGE ((size_t)4096)
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

/* A stretch, and what is not an argument of it. */
typedef uint64_t stretch_function(struct state *, uint64_t);

static struct modules modules;
static struct call call;
static stretch_function *stretch;
static uint64_t flags;
static uint8_t vectors[8][64];
static uint64_t *block; /* in the place of the thread's block */
static uint8_t *trace_arena, *recipe;
static struct state *state, *next; /* on a page each */
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
	uint64_t result, canary, kept = s->words[7];

	/* As the prologue of a function with a protected stack does, and PTR_DEMANGLE. */
	__asm__ volatile("mov %%fs:0x28, %0; rol $17, %0" : "=r"(canary));
	s->words[26] = canary;
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

/* Lazy binding in small: all vector registers are saved, one is used, and they are loaded again. */
#define SAVE_AREA "mov $0xee, %%eax; xor %%edx, %%edx; xsavec (%0)\n"
#define USE_VECTOR "movups (%1), %%xmm2; movups %%xmm2, 16(%1)\n"
#define RESTORE_AREA "mov $0xee, %%eax; xor %%edx, %%edx; xrstor (%0)\n"
#define END_OF_STRETCH "mov $39, %%eax; syscall"

#define SAVING(name, between)                                                              \
	__attribute__((noinline)) static uint64_t name(struct state *s, uint64_t carried_) \
	{                                                                                  \
		_Alignas(64) uint8_t area[4096];                                           \
                                                                                           \
		for (size_t n = 0; n < 4096 / 8; n++)                                      \
			((volatile uint64_t *)(void *)area)[n] = 0;                        \
		s->words[2] = carried_;                                                    \
		__asm__ volatile(SAVE_AREA between RESTORE_AREA END_OF_STRETCH             \
				 :                                                         \
				 : "r"(area), "r"(s)                                       \
				 : "rax", "rcx", "rdx", "r11", "xmm2", "xmm4", "memory");  \
		return s->words[2];                                                        \
	}

SAVING(save_and_restore, USE_VECTOR)
SAVING(save_twice, USE_VECTOR RESTORE_AREA "movups 32(%1), %%xmm4\n" SAVE_AREA USE_VECTOR)
SAVING(look_into_area, USE_VECTOR "mov 160(%0), %%rcx; mov %%rcx, 64(%1)\n")
SAVING(change_area, USE_VECTOR "mov %1, 176(%0)\n")
SAVING(write_part_of_area, USE_VECTOR "movb $1, 163(%0)\n")

static bool saves_areas(void)
{
	uint32_t a = 0, b, c, d = 0;

	return __builtin_cpu_supports("avx") && __get_cpuid_count(0xd, 1, &a, &b, &c, &d) &&
	       (a & 2);
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
	call_prepare(&call, ADDRESS(stretch), args, 2);
	call.machine.regs.rflags = flags;
	call.machine.regs.fs_base = (uint64_t)(uintptr_t)(block + 256);
	memcpy(call.machine.regs.zmm, vectors, sizeof(vectors));
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
	block = memory(4096);
	block[256 + 5] = 0x1122334455667700;
	state = memory(2 * PAGE);
	next = (struct state *)(void *)((uint8_t *)state + PAGE);
	state->next = next;
	stretch = work;
	flags = 0x202;
	memset(vectors, 0, sizeof(vectors));
	state->choice = triple;
	state->words[3] = 3;
	for (size_t i = 16; i < 32; i++)
		next->words[i] = 1000 * i;
	record();
}

static void tear_down(void)
{
	(void)munmap(trace_arena, 2 * TRACE_BYTES);
	(void)munmap(digest, SPORK_DIGEST_BYTES);
	(void)munmap(state, 2 * PAGE);
	(void)munmap(block, 4096);
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
	for (int n = 0; n < 8; n++) {
		struct state before[2];
		uint64_t canary = block[256 + 5];

		memset(digest, 0, SPORK_DIGEST_BYTES);
		(void)run();
		(void)run();
		cr_assert(run());
		before[0] = *state;
		before[1] = *next;
		if (n == 0)
			state->words[3] = 4;
		else if (n == 1)
			state->choice = negated;
		else if (n == 2)
			state->halves[0] = 6;
		else if (n == 3)
			next->words[17]++;
		else if (n == 4)
			state->words[6] = 5;
		else if (n == 5)
			block[256 + 5]++;
		else if (n == 6)
			flags ^= 0x41;
		else
			vectors[3][20]++;
		cr_assert(!run(), "%d", n);
		*state = before[0];
		*next = before[1];
		block[256 + 5] = canary;
		flags = 0x202;
		memset(vectors, 0, sizeof(vectors));
	}
}

Test(digest, another_thread_block_is_not_the_same)
{
	uint64_t *other = memory(PAGE);

	(void)run();
	(void)run();
	cr_assert(run());
	memcpy(other, block, PAGE);
	(void)munmap(block, PAGE);
	block = other;
	cr_assert(!run());
}

/* Where the steps would stop, the digest stops there. */
static int replay(void)
{
	size_t position = 0;
	int stop;

	prepare();
	stop = spork_digest_replay(digest, &call.machine, recipe, recipe_bytes, &position);
	return stop;
}

static void make_digest(void)
{
	(void)run();
	(void)run();
	cr_assert(run());
}

Test(digest, memory_that_cannot_be_written_any_more_is_left_to_the_steps)
{
	size_t position = 0;

	make_digest();
	prepare();
	cr_assert_eq(
		spork_overlay_protect(call.machine.overlay, (uint64_t)(uintptr_t)state & ~4095ull,
			((uint64_t)(uintptr_t)state & ~4095ull) + 4096, false),
		0);
	cr_assert_eq(spork_digest_replay(digest, &call.machine, recipe, recipe_bytes, &position),
		SPORK_STOP_MEMORY);
}

Test(digest, memory_that_is_gone_is_left_to_the_steps)
{
	uint64_t before;

	make_digest();
	before = spork_digest_hits(digest);
	cr_assert_eq(mprotect(next, PAGE, PROT_NONE), 0);
	cr_assert_eq(replay(), SPORK_STOP_MEMORY);
	cr_assert_eq(call.machine.fault_address / PAGE, (uintptr_t)next / PAGE);
	cr_assert_eq(munmap(next, PAGE), 0);
	cr_assert_eq(replay(), SPORK_STOP_MEMORY);
	cr_assert_eq(spork_digest_hits(digest), before);
	cr_assert_eq(mmap(next, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		next);
}

Test(digest, memory_that_others_can_write_is_left_to_the_steps)
{
	struct state before = *next;

	make_digest();
	cr_assert_eq(mmap(next, PAGE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		next);
	*next = before;
	for (int i = 0; i < 4; i++)
		cr_assert(!run());
}

Test(digest, a_word_that_only_the_child_will_know_is_left_to_the_steps)
{
	size_t position = 0;

	make_digest();
	prepare();
	cr_assert_eq(spork_overlay_mark_pending(
			     call.machine.overlay, (uint64_t)(uintptr_t)&state->words[3], 4),
		0);
	cr_assert_eq(spork_digest_replay(digest, &call.machine, recipe, recipe_bytes, &position),
		SPORK_STOP_PENDING);
	/* One that would be written over, too. */
	prepare();
	position = 0;
	cr_assert_eq(spork_overlay_mark_pending(
			     call.machine.overlay, (uint64_t)(uintptr_t)&state->words[26], 4),
		0);
	cr_assert_eq(spork_digest_replay(digest, &call.machine, recipe, recipe_bytes, &position),
		SPORK_STOP_PENDING);
}

static void use_stretch(stretch_function *function)
{
	stretch = function;
	memset(digest, 0, SPORK_DIGEST_BYTES);
	record();
}

Test(digest, vector_registers_that_are_saved_and_restored_are_no_guards)
{
	if (!saves_areas())
		cr_skip_test("needs xsavec");
	use_stretch(save_and_restore);
	make_digest();
	/* The area is compared as a part of the stack, the registers by themselves. */
	for (size_t n = 0; n < 8; n++) {
		for (size_t byte = 0; byte < 64; byte++)
			vectors[n][byte] = (uint8_t)(n + 7 * byte);
		/* The one that the stretch uses is a guard. */
		cr_assert_eq(run(), n != 2);
		memset(vectors, 0, sizeof(vectors));
		(void)run();
	}
	cr_assert(run());
	state->words[0]++;
	cr_assert(!run(), "what went through a vector register is a guard");
}

Test(digest, a_vector_register_is_saved_as_the_stretch_has_left_it)
{
	if (!saves_areas())
		cr_skip_test("needs xsavec");
	use_stretch(save_twice);
	make_digest();
	vectors[0][5]++;
	cr_assert(run());
	state->words[4]++;
	cr_assert(!run());
	cr_assert(run());
}

Test(digest, a_stretch_that_looks_into_saved_registers_has_no_digest)
{
	stretch_function *const others[] = {look_into_area, change_area, write_part_of_area};

	if (!saves_areas())
		cr_skip_test("needs xsavec");
	for (size_t n = 0; n < sizeof(others) / sizeof(others[0]); n++) {
		use_stretch(others[n]);
		for (int i = 0; i < 5; i++) {
			vectors[0][0]++;
			cr_assert(!run(), "%zu", n);
		}
	}
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
			next->words[word] = value;
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
