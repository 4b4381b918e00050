/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copy-on-write pages over the memory of the process: lookup, first writes, the log of reads. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>

#include "code/direct_call.h"
#include "machine/overlay.h"

#define PAGES_FIRST 64u
#define WORDS (OVERLAY_PAGE / 8)
#define LOG_BYTES (2 * WORDS / 8)
#define ARENA_MIN 65536u

static uint64_t page_of(uint64_t address)
{
	return address / OVERLAY_PAGE;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Consecutive pages of the arena. */
SPORK_FAST static uint8_t *take_pages(struct spork_overlay *o, size_t count)
{
	uint8_t *at = o->next;

	if ((size_t)(o->end - at) / OVERLAY_PAGE < count)
		return NULL;
	o->next += count * OVERLAY_PAGE;
	return at;
}

SPORK_FAST uint8_t *overlay_take_page(struct spork_overlay *o)
{
	uint8_t *at = o->free_pages;

	if (!at)
		return take_pages(o, 1);
	memcpy(&o->free_pages, at, sizeof(o->free_pages));
	return at;
}

static void give_page(struct spork_overlay *o, uint8_t *page)
{
	memcpy(page, &o->free_pages, sizeof(o->free_pages));
	o->free_pages = page;
}

SPORK_FAST static void forget_tlb(struct spork_overlay *o)
{
	if (!o->tlb_used)
		return;
	o->tlb_used = false;
	for (size_t i = 0; i < OVERLAY_TLB; i++) {
		o->read_tlb[i].page = OVERLAY_NO_PAGE;
		o->write_tlb[i].page = OVERLAY_NO_PAGE;
	}
}

SPORK_FAST static struct overlay_page *page_table(struct spork_overlay *o, size_t capacity)
{
	size_t bytes = capacity * sizeof(struct overlay_page);
	struct overlay_page *pages =
		(void *)take_pages(o, (bytes + OVERLAY_PAGE - 1) / OVERLAY_PAGE);

	if (!pages)
		return NULL;
	for (size_t i = 0; i < capacity; i++)
		pages[i] = (struct overlay_page){.page = OVERLAY_NO_PAGE};
	return pages;
}

SPORK_FAST struct spork_overlay *spork_overlay_init(void *arena, size_t size_bytes)
{
	/* What a child has mapped and not written. */
	static const uint8_t zeros[OVERLAY_PAGE];
	struct spork_overlay *o = arena;
	size_t pages = (sizeof(*o) + OVERLAY_PAGE - 1) / OVERLAY_PAGE;

	if (size_bytes < ARENA_MIN + OVERLAY_RANGES * sizeof(struct overlay_range))
		return NULL;
	memset(&o->next, 0, sizeof(*o) - offsetof(struct spork_overlay, next));
	o->next = (uint8_t *)arena + pages * OVERLAY_PAGE;
	o->end = (uint8_t *)arena + size_bytes / OVERLAY_PAGE * OVERLAY_PAGE;
	o->ranges = (void *)take_pages(o,
		(OVERLAY_RANGES * sizeof(struct overlay_range) + OVERLAY_PAGE - 1) / OVERLAY_PAGE);
	o->zeros = zeros;
	o->page_capacity = PAGES_FIRST;
	o->pages = page_table(o, PAGES_FIRST);
	o->stop = SPORK_STOP_MEMORY;
	o->tlb_used = true;
	forget_tlb(o);
	return o;
}

static size_t hash(uint64_t page, size_t capacity)
{
	return (page * 0x9e3779b97f4a7c15 >> 32) & (capacity - 1);
}

/* The entry of @page, or the free one where it belongs. */
SPORK_FAST static struct overlay_page *slot_of(
	struct overlay_page *pages, size_t capacity, uint64_t page)
{
	size_t at = hash(page, capacity);

	while (pages[at].page != page && pages[at].page != OVERLAY_NO_PAGE)
		at = (at + 1) & (capacity - 1);
	return &pages[at];
}

SPORK_FAST static struct overlay_page *find_page(const struct spork_overlay *o, uint64_t page)
{
	struct overlay_page *entry = slot_of(o->pages, o->page_capacity, page);

	return entry->page == page ? entry : NULL;
}

SPORK_FAST static struct overlay_page *add_page(struct spork_overlay *o, uint64_t page)
{
	struct overlay_page *entry;

	if (2 * (o->page_count + 1) > o->page_capacity) {
		size_t capacity = 2 * o->page_capacity;
		struct overlay_page *pages = page_table(o, capacity);

		if (!pages)
			return NULL;
		for (size_t i = 0; i < o->page_capacity; i++)
			if (o->pages[i].page != OVERLAY_NO_PAGE)
				*slot_of(pages, capacity, o->pages[i].page) = o->pages[i];
		o->pages = pages;
		o->page_capacity = capacity;
	}
	entry = slot_of(o->pages, o->page_capacity, page);
	if (entry->page == OVERLAY_NO_PAGE) {
		*entry = (struct overlay_page){.page = page};
		o->page_count++;
	}
	return entry;
}

/* Copies memory of the process that another thread may be unmapping. */
static bool copy_safely(void *buffer, uint64_t address, size_t size)
{
	struct iovec here = {buffer, size};
	struct iovec there = {(void *)(uintptr_t)address, size};
	uint64_t pid = (uint64_t)direct_call3(SYS_getpid, 0, 0, 0);

	return direct_call(SYS_process_vm_readv, pid, (uint64_t)(uintptr_t)&here, 1,
		       (uint64_t)(uintptr_t)&there, 1, 0) == (int64_t)size;
}

static bool can_be_read(uint64_t address)
{
	uint8_t byte;

	return copy_safely(&byte, address, 1);
}

static bool fail(struct spork_overlay *o, enum spork_stop stop, uint64_t address)
{
	o->stop = stop;
	o->fault_address = address;
	return false;
}

SPORK_FAST static bool touches_mark(const struct spork_overlay *o, uint64_t address, size_t size)
{
	for (size_t i = 0; i < o->mark_count; i++)
		if (address < o->marks[i].address + o->marks[i].size &&
			o->marks[i].address < address + size)
			return true;
	return false;
}

SPORK_FAST static bool page_has_mark(const struct spork_overlay *o, uint64_t page)
{
	return o->mark_count > 0 && touches_mark(o, page * OVERLAY_PAGE, OVERLAY_PAGE);
}

/* Log of reads: the page as it was when first read, with its bits. */
static bool watch(struct spork_overlay *o, uint64_t page, struct overlay_page **ret_entry)
{
	struct overlay_page *entry = add_page(o, page);
	uint8_t *original, *bits = NULL;

	if (entry && !entry->read) {
		original = overlay_take_page(o);
		if (original)
			bits = overlay_take_page(o);
		if (!bits)
			return fail(o, SPORK_STOP_ARENA, page * OVERLAY_PAGE);
		if (!copy_safely(original, page * OVERLAY_PAGE, OVERLAY_PAGE))
			return fail(o, SPORK_STOP_MEMORY, page * OVERLAY_PAGE);
		memset(bits, 0, LOG_BYTES);
		entry->original = original;
		entry->read = (uint64_t *)(void *)bits;
	}
	if (!entry)
		return fail(o, SPORK_STOP_ARENA, page * OVERLAY_PAGE);
	*ret_entry = entry;
	return true;
}

static void log_words(struct overlay_page *entry, uint64_t address, size_t size, bool written)
{
	size_t offset = address % OVERLAY_PAGE;
	uint64_t *read = entry->read, *write = entry->read + WORDS / 64;

	for (size_t word = offset / 8; word <= (offset + size - 1) / 8; word++) {
		uint64_t bit = UINT64_C(1) << word % 64;
		bool whole = offset <= 8 * word && 8 * word + 8 <= offset + size;

		if (!written && !(write[word / 64] & bit))
			read[word / 64] |= bit;
		/* A word that is written in part only keeps depending on what it was. */
		if (written && whole)
			write[word / 64] |= bit;
		else if (written && !(write[word / 64] & bit))
			read[word / 64] |= bit;
	}
}

SPORK_FAST static bool own_page(struct spork_overlay *o, uint64_t page, enum overlay_kind kind,
	struct overlay_page **ret_entry);

/* Gives a page that words are kept for a copy with these words. */
static bool settle_page(struct spork_overlay *o, uint64_t page)
{
	struct overlay_page *entry = NULL;
	size_t left = 0;

	for (size_t i = 0; i < o->kept_count && !entry; i++)
		if (page_of(o->kept[i].address) == page &&
			!own_page(o, page, OVERLAY_WRITABLE, &entry))
			return false;
	if (!entry)
		return true;
	o->kept_pages = 0;
	for (size_t i = 0; i < o->kept_count; i++) {
		const struct overlay_kept *kept = &o->kept[i];

		if (page_of(kept->address) == page) {
			memcpy(entry->bytes + kept->address % OVERLAY_PAGE, &kept->value, 8);
			continue;
		}
		o->kept_pages |= UINT64_C(1) << page_of(kept->address) % 64;
		o->kept[left++] = *kept;
	}
	o->kept_count = left;
	return true;
}

SPORK_FAST static bool may_hold_kept(const struct spork_overlay *o, uint64_t page)
{
	return o->kept_pages >> page % 64 & 1;
}

int spork_overlay_settle(struct spork_overlay *o)
{
	while (o->kept_count > 0)
		if (!settle_page(o, page_of(o->kept[0].address)))
			return -ENOMEM;
	return 0;
}

/* Where the page that holds @address is to be read, within one page. */
SPORK_FAST static const uint8_t *readable(struct spork_overlay *o, uint64_t address, size_t size)
{
	uint64_t page = page_of(address);
	bool settled = !may_hold_kept(o, page) || settle_page(o, page);
	struct overlay_page *entry = find_page(o, page);
	const uint8_t *bytes;
	enum overlay_kind kind;
	bool file;

	if (!settled)
		return NULL;
	if (page_has_mark(o, page) && touches_mark(o, address, size)) {
		(void)fail(o, SPORK_STOP_PENDING, address);
		return NULL;
	}
	if (entry && entry->bytes && !entry->read) {
		bytes = entry->bytes;
	} else {
		kind = overlay_kind_at(o, address, &file);
		if (kind == OVERLAY_HOLE || (file && !can_be_read(address))) {
			(void)fail(o, SPORK_STOP_MEMORY, address);
			return NULL;
		}
		if (kind == OVERLAY_CHILD || kind == OVERLAY_CHILD_READ) {
			bytes = entry && entry->bytes ? entry->bytes : o->zeros;
		} else if (o->log && kind != OVERLAY_READ_ONLY) {
			if (!watch(o, page, &entry))
				return NULL;
			log_words(entry, address, size, false);
			return (entry->bytes ? entry->bytes : entry->original) +
			       address % OVERLAY_PAGE;
		} else {
			bytes = entry && entry->bytes
					? entry->bytes
					: (const uint8_t *)(uintptr_t)(page * OVERLAY_PAGE);
		}
	}
	if (!page_has_mark(o, page)) {
		o->tlb_used = true;
		o->read_tlb[page % OVERLAY_TLB] = (struct overlay_tlb){
			page, (uint64_t)(uintptr_t)bytes - page * OVERLAY_PAGE};
	}
	return bytes + address % OVERLAY_PAGE;
}

/* The child's own copy of a page, made at its first write. */
SPORK_FAST static bool own_page(struct spork_overlay *o, uint64_t page, enum overlay_kind kind,
	struct overlay_page **ret_entry)
{
	uint64_t address = page * OVERLAY_PAGE;
	struct overlay_page *entry;
	uint8_t *bytes;

	if (kind == OVERLAY_WRITABLE && o->log) {
		if (!watch(o, page, &entry))
			return false;
	} else {
		entry = add_page(o, page);
	}
	bytes = entry ? overlay_take_page(o) : NULL;
	if (!bytes)
		return fail(o, SPORK_STOP_ARENA, address);
	if (kind == OVERLAY_CHILD)
		memset(bytes, 0, OVERLAY_PAGE);
	else
		memcpy(bytes, entry->original ? entry->original : (void *)(uintptr_t)address,
			OVERLAY_PAGE);
	entry->bytes = bytes;
	o->dirty_count++;
	*ret_entry = entry;
	return true;
}

SPORK_FAST static uint8_t *writable(struct spork_overlay *o, uint64_t address, size_t size)
{
	uint64_t page = page_of(address);
	bool file, settled = !may_hold_kept(o, page) || settle_page(o, page);
	struct overlay_page *entry = find_page(o, page);
	enum overlay_kind kind = overlay_kind_at(o, address, &file);
	uint64_t delta;

	if (!settled)
		return NULL;
	if (page_has_mark(o, page) && touches_mark(o, address, size)) {
		(void)fail(o, SPORK_STOP_PENDING, address);
		return NULL;
	}
	if ((kind != OVERLAY_WRITABLE && kind != OVERLAY_CHILD) ||
		(file && (!entry || !entry->bytes) && !can_be_read(address))) {
		(void)fail(o, SPORK_STOP_MEMORY, address);
		return NULL;
	}
	if ((!entry || !entry->bytes) && !own_page(o, page, kind, &entry))
		return NULL;
	if (entry->read) {
		log_words(entry, address, size, true);
		return entry->bytes + address % OVERLAY_PAGE;
	}
	if (!page_has_mark(o, page)) {
		delta = (uint64_t)(uintptr_t)entry->bytes - page * OVERLAY_PAGE;
		o->tlb_used = true;
		o->write_tlb[page % OVERLAY_TLB] = (struct overlay_tlb){page, delta};
		o->read_tlb[page % OVERLAY_TLB] = (struct overlay_tlb){page, delta};
	}
	return entry->bytes + address % OVERLAY_PAGE;
}

SPORK_FAST const uint8_t *overlay_read_span(
	struct spork_overlay *o, uint64_t address, size_t size, size_t *ret_size)
{
	const struct overlay_tlb *e = &o->read_tlb[page_of(address) % OVERLAY_TLB];

	*ret_size = min_size(size, OVERLAY_PAGE - address % OVERLAY_PAGE);
	if (e->page == page_of(address))
		return (const uint8_t *)(uintptr_t)(address + e->delta);
	return readable(o, address, *ret_size);
}

SPORK_FAST uint8_t *overlay_write_span(
	struct spork_overlay *o, uint64_t address, size_t size, size_t *ret_size)
{
	const struct overlay_tlb *e = &o->write_tlb[page_of(address) % OVERLAY_TLB];

	*ret_size = min_size(size, OVERLAY_PAGE - address % OVERLAY_PAGE);
	if (e->page == page_of(address))
		return (uint8_t *)(uintptr_t)(address + e->delta);
	return writable(o, address, *ret_size);
}

SPORK_FAST bool overlay_load(struct spork_overlay *o, uint64_t address, void *buffer, size_t size)
{
	uint8_t *to = buffer;

	while (size > 0) {
		size_t part;
		const uint8_t *from = overlay_read_span(o, address, size, &part);

		if (!from)
			return false;
		memcpy(to, from, part);
		to += part;
		address += part;
		size -= part;
	}
	return true;
}

SPORK_FAST bool overlay_store(
	struct spork_overlay *o, uint64_t address, const void *buffer, size_t size)
{
	const uint8_t *from = buffer;
	size_t part;

	/* All pages first, so that a fault in the second leaves the first as it was. */
	for (size_t done = 0; done < size; done += part)
		if (!overlay_write_span(o, address + done, size - done, &part))
			return false;
	while (size > 0) {
		uint8_t *to = overlay_write_span(o, address, size, &part);

		memcpy(to, from, part);
		from += part;
		address += part;
		size -= part;
	}
	return true;
}

SPORK_FAST bool overlay_marked(const struct spork_overlay *o, uint64_t address, size_t size)
{
	return touches_mark(o, address, size);
}

SPORK_FAST bool overlay_may_keep(struct spork_overlay *o, uint64_t address)
{
	bool file;

	return !o->log && overlay_kind_at(o, address, &file) == OVERLAY_WRITABLE && !file;
}

SPORK_FAST bool overlay_peek(struct spork_overlay *o, uint64_t address, uint64_t *ret_value)
{
	uint64_t page = page_of(address);
	const struct overlay_tlb *e = &o->read_tlb[page % OVERLAY_TLB];
	bool here = false;

	if (e->page == page) {
		memcpy(ret_value, (const void *)(uintptr_t)(address + e->delta), 8);
		return true;
	}
	if (!may_hold_kept(o, page) || touches_mark(o, address, 8))
		return overlay_load(o, address, ret_value, 8);
	for (size_t i = 0; i < o->kept_count; i++) {
		if (o->kept[i].address == address) {
			*ret_value = o->kept[i].value;
			return true;
		}
		here |= page_of(o->kept[i].address) == page;
	}
	if (!here)
		return overlay_load(o, address, ret_value, 8);
	memcpy(ret_value, (const void *)(uintptr_t)address, 8);
	return true;
}

SPORK_FAST bool overlay_keep(struct spork_overlay *o, uint64_t address, uint64_t value)
{
	uint64_t page = page_of(address);
	struct overlay_page *entry = find_page(o, page);

	if (entry && entry->bytes) {
		memcpy(entry->bytes + address % OVERLAY_PAGE, &value, 8);
		return true;
	}
	if (may_hold_kept(o, page))
		for (size_t i = 0; i < o->kept_count; i++)
			if (o->kept[i].address == address) {
				o->kept[i].value = value;
				return true;
			}
	if (o->kept_count == OVERLAY_KEPT)
		return overlay_store(o, address, &value, 8);
	o->kept[o->kept_count++] = (struct overlay_kept){address, value};
	o->kept_pages |= UINT64_C(1) << page % 64;
	if (o->read_tlb[page % OVERLAY_TLB].page == page)
		o->read_tlb[page % OVERLAY_TLB].page = OVERLAY_NO_PAGE;
	return true;
}

static int error_of(const struct spork_overlay *o)
{
	return o->stop == SPORK_STOP_ARENA ? -ENOMEM : -EFAULT;
}

SPORK_FAST int spork_overlay_read(
	struct spork_overlay *o, uint64_t address, void *buffer, size_t size_bytes)
{
	size_t part;

	if (address + size_bytes < address)
		return -EFAULT;
	for (size_t done = 0; done < size_bytes; done += part)
		if (!overlay_read_span(o, address + done, size_bytes - done, &part))
			return error_of(o);
	return overlay_load(o, address, buffer, size_bytes) ? 0 : error_of(o);
}

SPORK_FAST uint64_t spork_overlay_untouched(
	struct spork_overlay *o, uint64_t address, bool *ret_end)
{
	bool file;
	enum overlay_kind kind = o->log ? OVERLAY_HOLE : overlay_kind_at(o, address, &file);
	uint64_t end = 0;

	*ret_end = true;
	if (kind != OVERLAY_READ_ONLY && kind != OVERLAY_WRITABLE && kind != OVERLAY_SHARED)
		return 0;
	for (size_t i = 0; i < o->range_count && o->ranges[i].start <= address; i++)
		end = o->ranges[i].end;
	for (size_t i = 0; i < o->page_capacity; i++) {
		const struct overlay_page *entry = &o->pages[i];
		uint64_t start = entry->page * OVERLAY_PAGE, from = start;

		if (entry->page == OVERLAY_NO_PAGE || !entry->bytes ||
			start + OVERLAY_PAGE <= address || start >= end)
			continue;
		/* Often a page is written below only: the frames of functions that have returned. */
		if (from < address)
			from = address;
		if (memcmp(entry->bytes + (from - start), (const void *)(uintptr_t)from,
			    start + OVERLAY_PAGE - from) == 0)
			continue;
		end = start;
		*ret_end = false;
	}
	for (size_t i = 0; i < o->kept_count; i++) {
		const struct overlay_kept *kept = &o->kept[i];
		uint64_t from = kept->address < address ? address : kept->address;

		if (kept->address + 8 <= address || kept->address >= end ||
			memcmp((const uint8_t *)&kept->value + (from - kept->address),
				(const void *)(uintptr_t)from, kept->address + 8 - from) == 0)
			continue;
		end = page_of(kept->address) * OVERLAY_PAGE;
		*ret_end = false;
	}
	for (size_t i = 0; i < o->mark_count; i++)
		if (o->marks[i].address + o->marks[i].size > address && o->marks[i].address < end)
			return 0;
	return end > address ? end - address : 0;
}

/* Marks that a write of the runtime covers: the word is known now. */
SPORK_FAST static void unmark(struct spork_overlay *o, uint64_t address, size_t size)
{
	for (size_t i = 0; i < o->mark_count;) {
		const struct overlay_mark *mark = &o->marks[i];

		if (address <= mark->address && mark->address + mark->size <= address + size)
			o->marks[i] = o->marks[--o->mark_count];
		else
			i++;
	}
}

SPORK_FAST int spork_overlay_write(
	struct spork_overlay *o, uint64_t address, const void *buffer, size_t size_bytes)
{
	if (address + size_bytes < address)
		return -EFAULT;
	unmark(o, address, size_bytes);
	return overlay_store(o, address, buffer, size_bytes) ? 0 : error_of(o);
}

SPORK_FAST int spork_overlay_write_small(
	struct spork_overlay *o, uint64_t address, const void *buffer, size_t size_bytes)
{
	uint64_t word = address & ~(uint64_t)7, value;

	unmark(o, address, size_bytes);
	if (address - word + size_bytes > 8 || overlay_marked(o, word, 8) ||
		!overlay_may_keep(o, word) || !overlay_peek(o, word, &value))
		return spork_overlay_write(o, address, buffer, size_bytes);
	memcpy((uint8_t *)&value + (address - word), buffer, size_bytes);
	return overlay_keep(o, word, value) ? 0 : error_of(o);
}

int64_t spork_overlay_string(
	struct spork_overlay *o, uint64_t address, char *buffer, size_t capacity)
{
	size_t length = 0;

	while (length < capacity) {
		/* Word by word where reads are logged, so that the log holds little beyond the string. */
		size_t part, want = capacity - length;
		const uint8_t *from, *nul;

		if (o->log)
			want = min_size(want, 8 - (address + length) % 8);
		from = overlay_read_span(o, address + length, want, &part);

		if (!from)
			return error_of(o);
		nul = memchr(from, '\0', part);
		if (nul)
			part = (size_t)(nul - from) + 1;
		memcpy(buffer + length, from, part);
		length += part;
		if (nul)
			return (int64_t)length - 1;
	}
	return -ENAMETOOLONG;
}

void spork_overlay_add_range(struct spork_overlay *o, uint64_t start, uint64_t end, bool writable)
{
	(void)overlay_set_range(o, (struct overlay_range){start, end,
					   writable ? OVERLAY_WRITABLE : OVERLAY_READ_ONLY, false});
	forget_tlb(o);
}

size_t spork_overlay_keep_ranges(const struct spork_overlay *o, void *buffer, size_t size_bytes)
{
	size_t bytes = o->range_count * sizeof(*o->ranges);

	if (bytes > size_bytes)
		return 0;
	memcpy(buffer, o->ranges, bytes);
	return bytes;
}

SPORK_FAST void spork_overlay_take_ranges(
	struct spork_overlay *o, const void *buffer, size_t size_bytes)
{
	o->range_count = size_bytes / sizeof(*o->ranges);
	memcpy(o->ranges, buffer, o->range_count * sizeof(*o->ranges));
	forget_tlb(o);
}

int spork_overlay_hide(struct spork_overlay *o, uint64_t start, uint64_t end)
{
	forget_tlb(o);
	return overlay_set_range(o, (struct overlay_range){start, end, OVERLAY_HOLE, false});
}

/* Drops what the overlay holds of [start, end); watched pages keep their log. */
static void drop_pages(struct spork_overlay *o, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < o->page_capacity; i++) {
		struct overlay_page *entry = &o->pages[i];

		if (entry->page == OVERLAY_NO_PAGE || !entry->bytes ||
			entry->page < page_of(start) || entry->page >= page_of(end))
			continue;
		give_page(o, entry->bytes);
		entry->bytes = NULL;
		o->dirty_count--;
	}
	forget_tlb(o);
}

int spork_overlay_map(struct spork_overlay *o, uint64_t start, uint64_t end, bool writable)
{
	int rc = spork_overlay_settle(o);

	if (rc == 0)
		rc = overlay_set_range(
			o, (struct overlay_range){start, end,
				   writable ? OVERLAY_CHILD : OVERLAY_CHILD_READ, false});
	if (rc == 0)
		drop_pages(o, start, end);
	return rc;
}

int spork_overlay_unmap(struct spork_overlay *o, uint64_t start, uint64_t end)
{
	int rc = spork_overlay_settle(o);

	if (rc == 0)
		rc = overlay_set_range(o, (struct overlay_range){start, end, OVERLAY_HOLE, false});
	if (rc == 0)
		drop_pages(o, start, end);
	return rc;
}

int spork_overlay_protect(struct spork_overlay *o, uint64_t start, uint64_t end, bool writable)
{
	int rc;

	if (start >= end || start % OVERLAY_PAGE || end % OVERLAY_PAGE)
		return -EINVAL;
	rc = spork_overlay_settle(o);
	for (uint64_t at = start; at < end && rc == 0; at += OVERLAY_PAGE) {
		bool file;
		enum overlay_kind kind = overlay_kind_at(o, at, &file);

		if (kind == OVERLAY_HOLE || kind == OVERLAY_SHARED)
			return -EINVAL;
		if (kind == OVERLAY_CHILD || kind == OVERLAY_CHILD_READ)
			kind = writable ? OVERLAY_CHILD : OVERLAY_CHILD_READ;
		else
			kind = writable ? OVERLAY_WRITABLE : OVERLAY_READ_ONLY;
		rc = overlay_set_range(
			o, (struct overlay_range){at, at + OVERLAY_PAGE, kind, file});
	}
	forget_tlb(o);
	return rc;
}

SPORK_FAST int spork_overlay_mark_pending(
	struct spork_overlay *o, uint64_t address, size_t size_bytes)
{
	if (size_bytes > OVERLAY_PAGE)
		return -ENOSPC;
	for (size_t i = 0; i < o->mark_count; i++)
		if (o->marks[i].address == address)
			o->marks[i--] = o->marks[--o->mark_count];
	forget_tlb(o);
	if (size_bytes == 0)
		return 0;
	if (o->mark_count == OVERLAY_MARKS)
		return -ENOSPC;
	o->marks[o->mark_count++] = (struct overlay_mark){address, size_bytes};
	return 0;
}

SPORK_FAST void spork_overlay_log_reads(struct spork_overlay *o, bool on)
{
	o->log = on;
	forget_tlb(o);
}

int spork_overlay_validate(const struct spork_overlay *o)
{
	uint64_t now[WORDS];

	for (size_t i = 0; i < o->page_capacity; i++) {
		const struct overlay_page *entry = &o->pages[i];
		const uint64_t *before = (const uint64_t *)(const void *)entry->original;
		bool any = false;

		if (entry->page == OVERLAY_NO_PAGE || !entry->read)
			continue;
		for (size_t word = 0; word < WORDS / 64; word++)
			any |= entry->read[word] != 0;
		if (!any)
			continue;
		if (!copy_safely(now, entry->page * OVERLAY_PAGE, OVERLAY_PAGE))
			return -ESTALE;
		for (size_t word = 0; word < WORDS; word++)
			if (entry->read[word / 64] >> word % 64 & 1 && now[word] != before[word])
				return -ESTALE;
	}
	return 0;
}

size_t spork_overlay_dirty_pages(const struct spork_overlay *o)
{
	return o->dirty_count;
}

void spork_overlay_visit(const struct spork_overlay *o,
	void (*visit)(uint64_t page_address, const void *bytes, void *data), void *data)
{
	for (size_t i = 0; i < o->page_capacity; i++)
		if (o->pages[i].page != OVERLAY_NO_PAGE && o->pages[i].bytes)
			visit(o->pages[i].page * OVERLAY_PAGE, o->pages[i].bytes, data);
}
