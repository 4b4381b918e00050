/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parent's memory in the spork experiments: resident, of a given shape, and self-checking, so
 * that a child which writes where it must not is found out.
 *
 * Not thread-safe, except that other threads may write the words they own (SPORK_WORD_BYSTANDER).
 */
#ifndef SPORK_BENCH_HEAP_H
#define SPORK_BENCH_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_error;

/* 64-bit words at the start of every page. */
enum spork_word {
	SPORK_WORD_PATTERN,   /* written once, never changes */
	SPORK_WORD_REWRITE,   /* rounds of spork_heap_rewrite() */
	SPORK_WORD_BYSTANDER, /* counted up by a second thread */
};

enum spork_pages {
	SPORK_PAGES_4K,         /* base pages, huge ones refused */
	SPORK_PAGES_THP,        /* transparent huge pages */
	SPORK_PAGES_FRAGMENTED, /* base pages in up to SPORK_MAPPINGS_MAX mappings */
};

/* Kept well below the default vm.max_map_count of 65,530. */
#define SPORK_MAPPINGS_MAX 16384

/* Callers read the fields. */
struct spork_heap {
	unsigned char *base;
	size_t size_bytes;
	size_t page_bytes; /* of a base page */
	size_t page_count; /* base pages */
	size_t rewritten;  /* pages that each spork_heap_rewrite() writes */
	uint64_t rounds;   /* calls of spork_heap_rewrite() */
	size_t reserved_bytes;
	unsigned char *reserved;
};

/*
 * spork_heap_init - map @size_bytes (a multiple of the page size; of 2 MiB for huge pages) and make
 * them resident.
 * @rewritten: pages that one round of rewriting touches, spread evenly; at most all are.
 *
 * Returns 0, -ENOMEM, or -EAGAIN when the kernel gave fewer than 90 % huge pages or too few
 * mappings.
 */
int spork_heap_init(struct spork_heap *heap, size_t size_bytes, enum spork_pages pages,
	size_t rewritten, struct hb_error *reterr);

void spork_heap_finish(struct spork_heap *heap);

/* spork_heap_word - word @word of page @page. */
static inline uint64_t *spork_heap_word(
	const struct spork_heap *heap, size_t page, enum spork_word word)
{
	return (uint64_t *)(void *)(heap->base + page * heap->page_bytes) + word;
}

/* spork_heap_rewrite - write one word in each of heap->rewritten pages. Allocates nothing. */
void spork_heap_rewrite(struct spork_heap *heap);

/*
 * spork_heap_check - does every page hold what this process put there? 0, or -EBADMSG naming the
 * first wrong page.
 */
int spork_heap_check(const struct spork_heap *heap, struct hb_error *reterr);

/*
 * spork_heap_check_shape - is it still in the pages and mappings that @pages asks for?
 * @least_percent: how much must lie in huge pages if @pages asks for them, 0 ... 100.
 *
 * Returns 0, -EAGAIN, or -errno where /proc cannot be read. Takes milliseconds per GiB.
 */
int spork_heap_check_shape(const struct spork_heap *heap, enum spork_pages pages,
	size_t least_percent, struct hb_error *reterr);

/*
 * spork_heap_smaps - mappings that the heap spans, and how much of it lies in huge pages. 0 or
 * -errno.
 */
int spork_heap_smaps(const struct spork_heap *heap, size_t *ret_mappings, size_t *ret_huge_bytes);

/* spork_thp_available - may this process ask for transparent huge pages? */
bool spork_thp_available(void);

#endif
