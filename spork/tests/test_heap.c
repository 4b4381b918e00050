/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <hotbed/error.h>

#include "heap.h"

#define MIB ((size_t)1 << 20)

static struct spork_heap make(size_t size_bytes, enum spork_pages pages, size_t rewritten)
{
	struct spork_heap heap;
	struct hb_error error = {0};

	cr_assert_eq(
		spork_heap_init(&heap, size_bytes, pages, rewritten, &error), 0, "%s", error.text);
	return heap;
}

static void expect_shape(size_t size_bytes, enum spork_pages pages, size_t mappings)
{
	struct spork_heap heap = make(size_bytes, pages, 1);
	size_t got = 0, huge_bytes = 0;

	cr_assert_eq(spork_heap_smaps(&heap, &got, &huge_bytes), 0);
	cr_assert_eq(got, mappings, "%zu mappings, expected %zu", got, mappings);
	if (pages == SPORK_PAGES_THP)
		cr_assert(huge_bytes >= size_bytes / 10 * 9);
	else
		cr_assert_eq(huge_bytes, 0);
	spork_heap_finish(&heap);
}

Test(heap, base_pages_are_one_mapping_without_huge_pages)
{
	expect_shape(16 * MIB, SPORK_PAGES_4K, 1);
}

Test(heap, fragmented_heap_has_a_mapping_per_page_up_to_the_limit)
{
	size_t page_bytes = make(MIB, SPORK_PAGES_4K, 1).page_bytes;

	expect_shape(64 * page_bytes, SPORK_PAGES_FRAGMENTED, 64);
	expect_shape(
		2 * SPORK_MAPPINGS_MAX * page_bytes, SPORK_PAGES_FRAGMENTED, SPORK_MAPPINGS_MAX);
}

Test(heap, huge_heap_is_in_huge_pages)
{
	struct spork_heap heap;
	struct hb_error error = {0};

	if (!spork_thp_available())
		cr_skip("transparent huge pages are off");
	if (spork_heap_init(&heap, 8 * MIB, SPORK_PAGES_THP, 1, &error) == -EAGAIN)
		cr_skip("memory is too fragmented for huge pages");
	spork_heap_finish(&heap);
	expect_shape(8 * MIB, SPORK_PAGES_THP, 1);
}

Test(heap, every_page_is_resident)
{
	struct spork_heap heap = make(8 * MIB, SPORK_PAGES_4K, 1);
	unsigned char *resident = calloc(heap.page_count, 1);

	cr_assert_eq(mincore(heap.base, heap.size_bytes, resident), 0);
	for (size_t page = 0; page < heap.page_count; page++)
		cr_assert(resident[page] & 1);
	free(resident);
	spork_heap_finish(&heap);
}

Test(heap, rewriting_touches_that_many_pages_and_is_found_intact)
{
	struct spork_heap heap = make(8 * MIB, SPORK_PAGES_4K, 100);
	size_t touched = 0;

	spork_heap_rewrite(&heap);
	spork_heap_rewrite(&heap);
	for (size_t page = 0; page < heap.page_count; page++)
		touched += *spork_heap_word(&heap, page, SPORK_WORD_REWRITE) == 2;
	cr_assert_eq(touched, 100);
	cr_assert_eq(spork_heap_check(&heap, NULL), 0);
	spork_heap_finish(&heap);
}

Test(heap, any_changed_page_is_found)
{
	struct spork_heap heap = make(MIB, SPORK_PAGES_4K, 1000);

	cr_assert_eq(heap.rewritten, heap.page_count);
	for (size_t page = 0; page < heap.page_count; page++) {
		struct hb_error error = {0};

		*spork_heap_word(&heap, page, SPORK_WORD_PATTERN) ^= 1;
		cr_assert_eq(spork_heap_check(&heap, &error), -EBADMSG);
		*spork_heap_word(&heap, page, SPORK_WORD_PATTERN) ^= 1;
		*spork_heap_word(&heap, page, SPORK_WORD_REWRITE) += 1;
		cr_assert_eq(spork_heap_check(&heap, &error), -EBADMSG);
		*spork_heap_word(&heap, page, SPORK_WORD_REWRITE) -= 1;
	}
	cr_assert_eq(spork_heap_check(&heap, NULL), 0);
	spork_heap_finish(&heap);
}
