/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "heap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/rng.h>

#define HUGE_BYTES (UINT64_C(2) << 20)
#define PATTERN_SEED UINT64_C(0x73706f726b)

/* Page that the @index-th write of a round goes to. */
static size_t rewritten_page(const struct spork_heap *heap, size_t index)
{
	return index * heap->page_count / heap->rewritten;
}

static void fill(struct spork_heap *heap)
{
	for (size_t page = 0; page < heap->page_count; page++)
		*spork_heap_word(heap, page, SPORK_WORD_PATTERN) = hb_rng_mix(PATTERN_SEED, page);
}

/*
 * Mappings that differ in a flag cannot be merged. MADV_DONTDUMP is such a flag and changes nothing
 * that fork or a write would notice, unlike protections.
 */
static int fragment(const struct spork_heap *heap)
{
	size_t mappings = heap->page_count;
	size_t pages;

	if (mappings > SPORK_MAPPINGS_MAX)
		mappings = SPORK_MAPPINGS_MAX;
	pages = (heap->page_count + mappings - 1) / mappings;
	for (size_t page = pages; page < heap->page_count; page += 2 * pages) {
		size_t count = heap->page_count - page < pages ? heap->page_count - page : pages;

		if (madvise(heap->base + page * heap->page_bytes, count * heap->page_bytes,
			    MADV_DONTDUMP))
			return -errno;
	}
	return 0;
}

int spork_heap_check_shape(const struct spork_heap *heap, enum spork_pages pages,
	size_t least_percent, struct hb_error *reterr)
{
	size_t mappings = 0, huge_bytes = 0;
	int err = spork_heap_smaps(heap, &mappings, &huge_bytes);

	if (err)
		return hb_error_set(
			reterr, err, "cannot read /proc/self/smaps: %s", strerror(-err));
	if (pages == SPORK_PAGES_THP && huge_bytes < heap->size_bytes / 100 * least_percent)
		return hb_error_set(reterr, -EAGAIN,
			"the kernel put only %zu of %zu MiB into huge pages; free or compact "
			"memory "
			"(echo 1 > /proc/sys/vm/compact_memory) and run again",
			huge_bytes >> 20, heap->size_bytes >> 20);
	if (pages != SPORK_PAGES_THP && huge_bytes > 0)
		return hb_error_set(reterr, -EAGAIN,
			"%zu bytes lie in huge pages despite MADV_NOHUGEPAGE", huge_bytes);
	if (pages == SPORK_PAGES_FRAGMENTED && mappings < 16)
		return hb_error_set(
			reterr, -EAGAIN, "the kernel merged the mappings into %zu", mappings);
	return 0;
}

static int shape(struct spork_heap *heap, enum spork_pages pages, struct hb_error *reterr)
{
	int advice = pages == SPORK_PAGES_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;

	/*
	 * A kernel without huge pages refuses the advice not to use them: that is what is wanted.
	 */
	if (madvise(heap->base, heap->size_bytes, advice) && pages == SPORK_PAGES_THP)
		return hb_error_set(
			reterr, -errno, "the kernel refuses huge pages: %s", strerror(errno));
	/*
	 * Faulting all pages in one call is faster; where the kernel cannot (before 5.14), filling
	 * does it.
	 */
	(void)madvise(heap->base, heap->size_bytes, MADV_POPULATE_WRITE);
	fill(heap);
	if (pages == SPORK_PAGES_FRAGMENTED) {
		int err = fragment(heap);

		if (err)
			return hb_error_set(
				reterr, err, "cannot split the mapping: %s", strerror(-err));
	}
	return spork_heap_check_shape(heap, pages, 90, reterr);
}

int spork_heap_init(struct spork_heap *heap, size_t size_bytes, enum spork_pages pages,
	size_t rewritten, struct hb_error *reterr)
{
	struct spork_heap made = {
		.size_bytes = size_bytes,
		.page_bytes = (size_t)sysconf(_SC_PAGESIZE),
		.reserved_bytes = size_bytes + HUGE_BYTES,
	};
	void *reserved;
	int err;

	hb_assert(size_bytes > 0 && size_bytes % made.page_bytes == 0 && rewritten > 0);
	made.page_count = size_bytes / made.page_bytes;
	made.rewritten = rewritten < made.page_count ? rewritten : made.page_count;
	/* Huge pages need alignment, so two more mebibytes are reserved; they are never touched. */
	reserved = mmap(NULL, made.reserved_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (reserved == MAP_FAILED)
		return hb_error_set(reterr, -ENOMEM, "cannot map %zu MiB: %s", size_bytes >> 20,
			strerror(errno));
	made.reserved = reserved;
	made.base =
		made.reserved + (HUGE_BYTES - (uintptr_t)made.reserved % HUGE_BYTES) % HUGE_BYTES;
	err = shape(&made, pages, reterr);
	if (err) {
		spork_heap_finish(&made);
		return err;
	}
	*heap = made;
	return 0;
}

void spork_heap_finish(struct spork_heap *heap)
{
	if (heap->reserved)
		(void)munmap(heap->reserved, heap->reserved_bytes);
	*heap = (struct spork_heap){0};
}

void spork_heap_rewrite(struct spork_heap *heap)
{
	heap->rounds++;
	for (size_t i = 0; i < heap->rewritten; i++)
		*(volatile uint64_t *)spork_heap_word(
			heap, rewritten_page(heap, i), SPORK_WORD_REWRITE) = heap->rounds;
}

int spork_heap_check(const struct spork_heap *heap, struct hb_error *reterr)
{
	for (size_t page = 0; page < heap->page_count; page++) {
		uint64_t expected = hb_rng_mix(PATTERN_SEED, page);
		uint64_t got = *spork_heap_word(heap, page, SPORK_WORD_PATTERN);

		if (got != expected)
			return hb_error_set(reterr, -EBADMSG,
				"the parent's page %zu was changed: expected %016" PRIx64
				", got %016" PRIx64,
				page, expected, got);
	}
	for (size_t i = 0; i < heap->rewritten; i++) {
		size_t page = rewritten_page(heap, i);
		uint64_t got = *spork_heap_word(heap, page, SPORK_WORD_REWRITE);

		if (got != heap->rounds)
			return hb_error_set(reterr, -EBADMSG,
				"the parent's page %zu lost a write: expected round %" PRIu64
				", got %" PRIu64,
				page, heap->rounds, got);
	}
	return 0;
}

int spork_heap_smaps(const struct spork_heap *heap, size_t *ret_mappings, size_t *ret_huge_bytes)
{
	uintptr_t first = (uintptr_t)heap->base, last = first + heap->size_bytes;
	FILE *file = fopen("/proc/self/smaps", "re");
	size_t mappings = 0, huge_bytes = 0;
	bool inside = false;
	char line[512];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		uintptr_t from, to;
		size_t huge_kib;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2) {
			inside = from < last && to > first;
			mappings += inside;
		} else if (inside && sscanf(line, "AnonHugePages: %zu kB", &huge_kib) == 1) {
			huge_bytes += huge_kib << 10;
		}
	}
	(void)fclose(file);
	*ret_mappings = mappings;
	*ret_huge_bytes = huge_bytes;
	return 0;
}

bool spork_thp_available(void)
{
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
	char line[128] = "";
	bool available;

	if (!file)
		return 0;
	available = fgets(line, sizeof(line), file) && !strstr(line, "[never]");
	(void)fclose(file);
	return available;
}
