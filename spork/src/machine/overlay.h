/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The inside of an overlay: everything stands in the arena, which is handed out page by page from its start.
 *
 * Three stages find a page: the software TLB (for plain accesses), the table of pages (written, watched or copied
 * ones), the list of ranges (what is mapped), and at last the kernel.
 */
#ifndef SPORK_OVERLAY_INSIDE_H
#define SPORK_OVERLAY_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "spork/machine.h"

#define OVERLAY_PAGE 4096u
#define OVERLAY_TLB 64u
#define OVERLAY_RANGES 2048u
#define OVERLAY_MARKS 8u
#define OVERLAY_KEPT 128u
#define OVERLAY_NO_PAGE UINT64_MAX

enum overlay_kind {
	OVERLAY_HOLE,       /* nothing is mapped for the child */
	OVERLAY_READ_ONLY,  /* of the parent */
	OVERLAY_WRITABLE,   /* of the parent, private */
	OVERLAY_SHARED,     /* of the parent, MAP_SHARED: readable, a write cannot be kept back */
	OVERLAY_CHILD,      /* mapped by the child, zero-filled */
	OVERLAY_CHILD_READ, /* the same, read-only */
	OVERLAY_UNKNOWN     /* to be asked for */
};

struct overlay_range {
	uint64_t start, end;
	enum overlay_kind kind;
	bool file; /* pages behind the file's end raise SIGBUS, so that each is probed before it is read in place */
};

/* A page found before: the host address is address + delta. */
struct overlay_tlb {
	uint64_t page; /* address / OVERLAY_PAGE */
	uint64_t delta;
};

/* What the overlay keeps of one page. */
struct overlay_page {
	uint64_t page;     /* address / OVERLAY_PAGE, OVERLAY_NO_PAGE = free entry */
	uint8_t *bytes;    /* the child's view, or NULL: that of the parent */
	uint8_t *original; /* log of reads: the page when first read, or NULL */
	uint64_t *
		read; /* log of reads: 512 bits, words read; then 512 bits, words written; or NULL */
};

struct overlay_mark {
	uint64_t address, size;
};

/*
 * A word that has been written, while its page is still that of the parent: copying a page costs more than keeping a
 * few words beside it. Whoever looks at the page gets a copy with these words in it; such a page is in no TLB.
 */
struct overlay_kept {
	uint64_t address, value; /* a multiple of 8 */
};

struct spork_overlay {
	struct overlay_tlb read_tlb[OVERLAY_TLB];
	struct overlay_tlb write_tlb[OVERLAY_TLB];
	struct overlay_kept kept[OVERLAY_KEPT];

	uint8_t *next, *end; /* what is left of the arena */
	uint8_t *free_pages; /* a list through the first word of each */
	const uint8_t *zeros;

	struct overlay_page *pages; /* open addressing, a power of two */
	size_t page_capacity, page_count, dirty_count;

	struct overlay_range *ranges; /* sorted, without overlaps; OVERLAY_RANGES of them */
	size_t range_count;

	struct overlay_mark marks[OVERLAY_MARKS];
	size_t mark_count;
	size_t kept_count;
	uint64_t kept_pages; /* bit page % 64 of every page with such words */
	bool log;
	bool tlb_used; /* something has been put into the TLB since it was forgotten */

	/* Why the last access failed. */
	enum spork_stop stop;
	uint64_t fault_address;
	/* The stack pointer now, for memory that grows downwards. */
	uint64_t stack_pointer;
};

/* The slow ways, for accesses that miss in the TLB or cross pages. False: o->stop and o->fault_address say why. */
bool overlay_load(struct spork_overlay *o, uint64_t address, void *buffer, size_t size);
bool overlay_store(struct spork_overlay *o, uint64_t address, const void *buffer, size_t size);

/* A span that can be accessed directly: at least 1, at most @size bytes from @address; NULL as above. */
const uint8_t *overlay_read_span(
	struct spork_overlay *o, uint64_t address, size_t size, size_t *ret_size);
uint8_t *overlay_write_span(
	struct spork_overlay *o, uint64_t address, size_t size, size_t *ret_size);

/*
 * Words at multiples of 8. overlay_peek() reads one without looking at its page where words of it are kept.
 * overlay_may_keep() tells whether the page of @address takes kept words; overlay_keep() keeps one there, where no mark
 * is. Both others return false as above.
 */
bool overlay_peek(struct spork_overlay *o, uint64_t address, uint64_t *ret_value);
bool overlay_may_keep(struct spork_overlay *o, uint64_t address);
bool overlay_marked(const struct spork_overlay *o, uint64_t address, size_t size);
bool overlay_keep(struct spork_overlay *o, uint64_t address, uint64_t value);

/* ranges.c: the kind of the page at @address, asking the kernel if need be, and the list's only writer. */
enum overlay_kind overlay_kind_at(struct spork_overlay *o, uint64_t address, bool *ret_file);
int overlay_set_range(struct spork_overlay *o, struct overlay_range range);

/* A zeroed or an uninitialised page of the arena, or NULL. */
uint8_t *overlay_take_page(struct spork_overlay *o);

#endif
