/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The child's view of memory: what it may touch, what it sees of its own writes, and what the log of reads
 * notices.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/rng.h>

#include "spork/machine.h"

#define PAGE 4096u
#define PAGES 16u
#define ARENA_BYTES ((size_t)2 << 20)

static struct spork_overlay *overlay;
static uint8_t *arena, *memory;

static uint8_t *map(size_t size, int protection, int flags)
{
	void *at = mmap(NULL, size, protection, MAP_ANONYMOUS | flags, -1, 0);

	cr_assert(at != MAP_FAILED);
	return at;
}

static void set_up(void)
{
	arena = map(ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	memory = map(PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	for (size_t i = 0; i < PAGES * PAGE; i++)
		memory[i] = (uint8_t)(i * 7);
	overlay = spork_overlay_init(arena, ARENA_BYTES);
	cr_assert(overlay);
}

static void tear_down(void)
{
	(void)munmap(arena, ARENA_BYTES);
	(void)munmap(memory, PAGES * PAGE);
}

TestSuite(overlay, .init = set_up, .fini = tear_down);

static uint64_t at(size_t offset)
{
	return (uint64_t)(uintptr_t)memory + offset;
}

Test(overlay, writes_are_seen_by_the_child_only)
{
	uint8_t before[100], bytes[100], seen[100];

	memcpy(before, memory + PAGE - 50, 100);
	memset(bytes, 1, sizeof(bytes));
	cr_assert_eq(spork_overlay_write(overlay, at(PAGE - 50), bytes, 100), 0);
	cr_assert_arr_eq(memory + PAGE - 50, before, 100);
	cr_assert_eq(spork_overlay_read(overlay, at(PAGE - 50), seen, 100), 0);
	cr_assert_arr_eq(seen, bytes, 100);
	cr_assert_eq(spork_overlay_dirty_pages(overlay), 2);
}

Test(overlay, memory_that_is_not_mapped_is_refused_and_nothing_is_copied)
{
	uint8_t bytes[200] = {0};
	uint64_t end = at(PAGES * PAGE);

	/* The page behind is unmapped on purpose, whatever stood there. */
	cr_assert_eq(munmap(memory + (PAGES - 1) * PAGE, PAGE), 0);
	end -= PAGE;
	memset(bytes, 9, sizeof(bytes));
	cr_assert_eq(spork_overlay_read(overlay, end - 100, bytes, 200), -EFAULT);
	cr_assert_eq(bytes[0], 9);
	cr_assert_eq(spork_overlay_write(overlay, end - 100, bytes, 200), -EFAULT);
	cr_assert_eq(spork_overlay_read(overlay, end - 100, bytes, 100), 0);
	cr_assert_eq(bytes[0], memory[(PAGES - 1) * PAGE - 100]);
	cr_assert_eq(spork_overlay_read(overlay, UINT64_MAX - 3, bytes, 8), -EFAULT);
	cr_assert_eq(spork_overlay_read(overlay, UINT64_C(1) << 62, bytes, 8), -EFAULT);
	cr_assert_eq(spork_overlay_read(overlay, 0, bytes, 1), -EFAULT);
}

Test(overlay, read_only_and_shared_memory_cannot_be_written)
{
	uint8_t *constant = map(PAGE, PROT_READ, MAP_PRIVATE);
	uint8_t *shared = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	uint8_t byte = 3;

	cr_assert_eq(
		spork_overlay_write(overlay, (uint64_t)(uintptr_t)constant, &byte, 1), -EFAULT);
	cr_assert_eq(spork_overlay_write(overlay, (uint64_t)(uintptr_t)shared, &byte, 1), -EFAULT);
	cr_assert_eq(spork_overlay_read(overlay, (uint64_t)(uintptr_t)shared, &byte, 1), 0);
	cr_assert_eq(byte, 0);
	(void)munmap(constant, PAGE);
	(void)munmap(shared, PAGE);
}

Test(overlay, a_page_behind_the_end_of_its_file_is_refused)
{
	char path[] = "/tmp/hotbed-spork-XXXXXX";
	int fd = mkstemp(path);
	uint8_t *file, byte = 0;

	cr_assert(fd >= 0 && ftruncate(fd, 100) == 0);
	(void)unlink(path);
	file = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	cr_assert(file != MAP_FAILED);
	cr_assert_eq(spork_overlay_read(overlay, (uint64_t)(uintptr_t)file, &byte, 1), 0);
	cr_assert_eq(
		spork_overlay_read(overlay, (uint64_t)(uintptr_t)file + PAGE, &byte, 1), -EFAULT);
	cr_assert_eq(
		spork_overlay_write(overlay, (uint64_t)(uintptr_t)file + PAGE, &byte, 1), -EFAULT);
	(void)munmap(file, 2 * PAGE);
	(void)close(fd);
}

Test(overlay, mappings_of_the_child_exist_in_the_overlay_only)
{
	uint64_t place = UINT64_C(0x200000000000), word = 5, seen = 1;

	cr_assert_eq(spork_overlay_map(overlay, place, place + 2 * PAGE, true), 0);
	cr_assert_eq(spork_overlay_read(overlay, place + PAGE - 4, &seen, 8), 0);
	cr_assert_eq(seen, 0);
	cr_assert_eq(spork_overlay_write(overlay, place + PAGE - 4, &word, 8), 0);
	cr_assert_eq(spork_overlay_read(overlay, place + PAGE - 4, &seen, 8), 0);
	cr_assert_eq(seen, 5);
	cr_assert_eq(spork_overlay_unmap(overlay, place, place + PAGE), 0);
	cr_assert_eq(spork_overlay_read(overlay, place + PAGE - 4, &seen, 8), -EFAULT);
	cr_assert_eq(spork_overlay_dirty_pages(overlay), 1);
	/* Mapped again it is empty. */
	cr_assert_eq(spork_overlay_map(overlay, place, place + 2 * PAGE, true), 0);
	cr_assert_eq(spork_overlay_read(overlay, place + PAGE - 4, &seen, 8), 0);
	cr_assert_eq(seen, 0);
	cr_assert_eq(spork_overlay_map(overlay, place + 1, place + PAGE, true), -EINVAL);
}

Test(overlay, memory_of_the_parent_can_be_unmapped_and_protected_for_the_child)
{
	uint8_t byte = 1;

	cr_assert_eq(spork_overlay_unmap(overlay, at(PAGE), at(2 * PAGE)), 0);
	cr_assert_eq(spork_overlay_read(overlay, at(PAGE), &byte, 1), -EFAULT);
	cr_assert_eq(spork_overlay_read(overlay, at(2 * PAGE), &byte, 1), 0);
	cr_assert_eq(spork_overlay_write(overlay, at(2 * PAGE), &byte, 1), 0);
	cr_assert_eq(spork_overlay_protect(overlay, at(2 * PAGE), at(3 * PAGE), false), 0);
	cr_assert_eq(spork_overlay_write(overlay, at(2 * PAGE), &byte, 1), -EFAULT);
	byte = 0;
	cr_assert_eq(spork_overlay_read(overlay, at(2 * PAGE), &byte, 1), 0);
	cr_assert_eq(byte, memory[2 * PAGE]);
	cr_assert_eq(spork_overlay_protect(overlay, at(PAGE), at(2 * PAGE), true), -EINVAL);
}

Test(overlay, strings_are_copied_across_pages_and_bounded)
{
	char text[64];

	memset(memory, 'x', 2 * PAGE);
	memory[PAGE + 10] = '\0';
	cr_assert_eq(spork_overlay_string(overlay, at(PAGE - 10), text, sizeof(text)), 20);
	cr_assert_eq(strlen(text), 20);
	cr_assert_eq(spork_overlay_string(overlay, at(PAGE - 10), text, 21), 20);
	cr_assert_eq(spork_overlay_string(overlay, at(PAGE - 10), text, 20), -ENAMETOOLONG);
	cr_assert_eq(spork_overlay_string(overlay, 8, text, sizeof(text)), -EFAULT);
}

Test(overlay, a_marked_word_is_refused_until_it_is_written)
{
	uint32_t word = 0;

	cr_assert_eq(spork_overlay_mark_pending(overlay, at(100), 4), 0);
	cr_assert_eq(spork_overlay_read(overlay, at(98), &word, 4), -EFAULT);
	cr_assert_eq(spork_overlay_read(overlay, at(104), &word, 4), 0);
	word = 77;
	cr_assert_eq(spork_overlay_write(overlay, at(100), &word, 4), 0);
	word = 0;
	cr_assert_eq(spork_overlay_read(overlay, at(100), &word, 4), 0);
	cr_assert_eq(word, 77);
	for (size_t i = 0; i < 8; i++)
		cr_assert_eq(spork_overlay_mark_pending(overlay, at(200 + 8 * i), 4), 0);
	cr_assert_eq(spork_overlay_mark_pending(overlay, at(400), 4), -ENOSPC);
	cr_assert_eq(spork_overlay_mark_pending(overlay, at(200), 0), 0);
	cr_assert_eq(spork_overlay_read(overlay, at(200), &word, 4), 0);
}

Test(overlay, the_log_notices_changes_of_what_was_read_and_of_nothing_else)
{
	uint64_t word;

	spork_overlay_log_reads(overlay, true);
	cr_assert_eq(spork_overlay_read(overlay, at(PAGE + 64), &word, 8), 0);
	cr_assert_eq(spork_overlay_write(overlay, at(PAGE + 128), &word, 8), 0);
	cr_assert_eq(spork_overlay_read(overlay, at(PAGE + 128), &word, 8), 0);
	cr_assert_eq(spork_overlay_validate(overlay), 0);
	/* Neither a neighbour, nor a word that the child wrote before reading it. */
	memory[PAGE + 72]++;
	memory[PAGE + 128]++;
	cr_assert_eq(spork_overlay_validate(overlay), 0);
	memory[PAGE + 64]++;
	cr_assert_eq(spork_overlay_validate(overlay), -ESTALE);
	memory[PAGE + 64]--;
	cr_assert_eq(spork_overlay_validate(overlay), 0);
	/* A word written in part depends on the rest. */
	cr_assert_eq(spork_overlay_write(overlay, at(2 * PAGE), &word, 3), 0);
	memory[2 * PAGE + 7]++;
	cr_assert_eq(spork_overlay_validate(overlay), -ESTALE);
}

Test(overlay, the_log_survives_memory_that_goes_away)
{
	uint8_t *gone = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	uint64_t word;

	gone[0] = 42;
	spork_overlay_log_reads(overlay, true);
	cr_assert_eq(spork_overlay_read(overlay, (uint64_t)(uintptr_t)gone, &word, 8), 0);
	(void)munmap(gone, PAGE);
	/* The copy is still there, but it is no longer what the memory says. */
	cr_assert_eq(spork_overlay_read(overlay, (uint64_t)(uintptr_t)gone, &word, 8), 0);
	cr_assert_eq(word & 0xff, 42);
	cr_assert_eq(spork_overlay_validate(overlay), -ESTALE);
}

Test(overlay, a_full_arena_is_reported)
{
	uint8_t *large = map(1024 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	int rc = 0;

	for (size_t i = 0; i < 1024 && rc == 0; i++)
		rc = spork_overlay_write(overlay, (uint64_t)(uintptr_t)(large + i * PAGE), "x", 1);
	cr_assert_eq(rc, -ENOMEM);
	cr_assert(spork_overlay_dirty_pages(overlay) > 200);
	cr_assert_null(spork_overlay_init(arena, 4096));
	(void)munmap(large, 1024 * PAGE);
}

static void count(uint64_t address, const void *bytes, void *data)
{
	uint64_t *sum = data;

	sum[0]++;
	sum[1] += address == at(3 * PAGE) && *(const uint8_t *)bytes == 200;
}

Test(overlay, the_visitor_sees_each_written_page_once)
{
	uint8_t byte = 200;
	uint64_t sum[2] = {0};

	for (size_t i = 0; i < 10; i++)
		cr_assert_eq(spork_overlay_write(overlay, at(i % 5 * PAGE), &byte, 1), 0);
	spork_overlay_visit(overlay, count, sum);
	cr_assert_eq(sum[0], 5);
	cr_assert_eq(sum[1], 1);
}

/* Random operations against plain arrays. */
Test(overlay, random_operations_equal_an_array)
{
	const char *given = getenv("HB_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	static uint8_t model[PAGES * PAGE];
	static bool mapped[PAGES], writable[PAGES];
	struct hb_rng rng;

	printf("HB_SEED=%" PRIu64 "\n", seed);
	hb_rng_init(&rng, seed, 0);
	memcpy(model, memory, sizeof(model));
	for (size_t i = 0; i < PAGES; i++)
		mapped[i] = writable[i] = true;
	for (int n = 0; n < 20000; n++) {
		size_t offset = hb_rng_below(&rng, PAGES * PAGE - 64);
		size_t size = 1 + hb_rng_below(&rng, 63), page = offset / PAGE;
		size_t last = (offset + size - 1) / PAGE;
		uint64_t start = at(page * PAGE), what = hb_rng_below(&rng, 200);
		uint8_t bytes[64];

		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)hb_rng_u64(&rng);
		if (what == 0) {
			cr_assert_eq(spork_overlay_unmap(overlay, start, start + PAGE), 0);
			mapped[page] = false;
		} else if (what == 1) {
			cr_assert_eq(spork_overlay_map(overlay, start, start + PAGE, true), 0);
			mapped[page] = writable[page] = true;
			memset(model + page * PAGE, 0, PAGE);
		} else if (what == 2 && mapped[page]) {
			writable[page] = !writable[page];
			cr_assert_eq(
				spork_overlay_protect(overlay, start, start + PAGE, writable[page]),
				0);
		} else if (what < 100) {
			bool allowed =
				mapped[page] && mapped[last] && writable[page] && writable[last];

			cr_assert_eq(spork_overlay_write(overlay, at(offset), bytes, size),
				allowed ? 0 : -EFAULT);
			if (allowed)
				memcpy(model + offset, bytes, size);
		} else {
			bool allowed = mapped[page] && mapped[last];

			cr_assert_eq(spork_overlay_read(overlay, at(offset), bytes, size),
				allowed ? 0 : -EFAULT);
			if (allowed)
				cr_assert_arr_eq(bytes, model + offset, size);
		}
	}
	for (size_t i = 0; i < PAGES * PAGE; i++)
		cr_assert_eq(memory[i], (uint8_t)(i * 7));
}

static bool visited;

static void compare(uint64_t page_address, const void *bytes, void *data)
{
	uint8_t seen[PAGE];

	cr_assert_eq(spork_overlay_read(data, page_address, seen, PAGE), 0);
	cr_assert_arr_eq(bytes, seen, PAGE);
	visited = true;
}

Test(overlay, small_writes_are_kept_beside_their_pages_and_seen_all_the_same)
{
	uint8_t *other = map(ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	const char *given = getenv("HB_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	struct spork_overlay *plain;
	struct hb_rng rng;

	printf("HB_SEED=%" PRIu64 "\n", seed);
	(void)fflush(stdout);
	hb_rng_init(&rng, seed, 0);
	for (int n = 0; n < 300; n++) {
		size_t settled;

		overlay = spork_overlay_init(arena, ARENA_BYTES);
		plain = spork_overlay_init(other, ARENA_BYTES);
		for (int k = 0; k < 40; k++) {
			uint64_t value = hb_rng_u64(&rng);
			size_t size = 1 + hb_rng_below(&rng, 8);
			size_t offset = hb_rng_below(&rng, (PAGES * PAGE) - 64), seen_bytes;
			uint8_t seen[64], expected[64];
			bool end;

			if (k % 8 < 5) {
				cr_assert_eq(spork_overlay_write_small(
						     overlay, at(offset), &value, size),
					0);
				cr_assert_eq(
					spork_overlay_write(plain, at(offset), &value, size), 0);
			} else if (k % 8 < 7) {
				cr_assert_eq(spork_overlay_read(overlay, at(offset), seen, 64), 0);
				cr_assert_eq(
					spork_overlay_read(plain, at(offset), expected, 64), 0);
				cr_assert_arr_eq(seen, expected, 64);
			} else {
				seen_bytes = spork_overlay_untouched(overlay, at(offset), &end);
				cr_assert_eq(seen_bytes,
					spork_overlay_untouched(plain, at(offset), &end));
			}
		}
		settled = spork_overlay_dirty_pages(overlay);
		cr_assert_leq(settled, spork_overlay_dirty_pages(plain));
		cr_assert_eq(spork_overlay_settle(overlay), 0);
		cr_assert_eq(spork_overlay_dirty_pages(overlay), spork_overlay_dirty_pages(plain));
		spork_overlay_visit(overlay, compare, plain);
		cr_assert(visited);
	}
	(void)munmap(other, ARENA_BYTES);
}

Test(overlay, a_small_write_leaves_its_page_where_it_is)
{
	uint64_t value = 5, seen = 0;

	cr_assert_eq(spork_overlay_write_small(overlay, at(8), &value, 8), 0);
	cr_assert_eq(spork_overlay_dirty_pages(overlay), 0);
	cr_assert_eq(spork_overlay_mark_pending(overlay, at(16), 4), 0);
	cr_assert_eq(spork_overlay_write_small(overlay, at(16), &value, 4), 0);
	cr_assert_eq(spork_overlay_dirty_pages(overlay), 0);
	cr_assert_eq(spork_overlay_read(overlay, at(16), &seen, 4), 0);
	cr_assert_eq(seen, 5);
	cr_assert_eq(spork_overlay_dirty_pages(overlay), 1);
	cr_assert_eq(spork_overlay_unmap(overlay, at(0), at(PAGE)), 0);
	cr_assert_eq(spork_overlay_read(overlay, at(8), &seen, 8), -EFAULT);
}
