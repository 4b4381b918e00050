/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is mapped: a sorted list of ranges, filled by the runtime, by the child's own mappings, and by
 * asking the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "code/direct_call.h"
#include "machine/overlay.h"

/* As far as the kernel would let the stack grow for an access near the stack pointer. */
#define STACK_GROWTH_MAX (UINT64_C(1) << 20)
#define STACK_RED_ZONE 65536u

/* The first range that ends after @address. */
SPORK_FAST static size_t range_search(const struct spork_overlay *o, uint64_t address)
{
	size_t low = 0, high = o->range_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (o->ranges[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void remove_ranges(struct spork_overlay *o, size_t at, size_t count)
{
	for (size_t i = at; i + count < o->range_count; i++)
		o->ranges[i] = o->ranges[i + count];
	o->range_count -= count;
}

static void insert_range(struct spork_overlay *o, size_t at, struct overlay_range range)
{
	for (size_t i = o->range_count; i > at; i--)
		o->ranges[i] = o->ranges[i - 1];
	o->ranges[at] = range;
	o->range_count++;
}

int overlay_set_range(struct spork_overlay *o, struct overlay_range range)
{
	uint64_t start = range.start, end = range.end;
	size_t at = range_search(o, start), covered = 0;

	if (start >= end || start % OVERLAY_PAGE || end % OVERLAY_PAGE)
		return -EINVAL;
	/* At most two pieces are added: the new range, and the rest of one that it splits. */
	if (o->range_count + 2 > OVERLAY_RANGES)
		return -ENOMEM;
	if (at < o->range_count && o->ranges[at].start < start) {
		struct overlay_range rest = o->ranges[at];

		o->ranges[at].end = start;
		at++;
		if (rest.end > end) {
			rest.start = end;
			insert_range(o, at, rest);
		}
	}
	while (at + covered < o->range_count && o->ranges[at + covered].end <= end)
		covered++;
	remove_ranges(o, at, covered);
	if (at < o->range_count && o->ranges[at].start < end)
		o->ranges[at].start = end;
	if (at > 0 && o->ranges[at - 1].end == start && o->ranges[at - 1].kind == range.kind &&
		o->ranges[at - 1].file == range.file)
		o->ranges[at - 1].end = end;
	else
		insert_range(o, at, range);
	return 0;
}

/* One mapping of the process. */
struct mapping {
	uint64_t start, end;
	bool readable, writable, shared, stack, file;
};

/* PROCMAP_QUERY of Linux 6.11, which the headers of Debian 12 do not have yet. */
struct map_query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};
#define MAP_QUERY _IOWR('f', 17, struct map_query)
#define MAP_QUERY_NEXT 0x10u

static int ask_query(int64_t fd, uint64_t address, struct mapping *ret_mapping)
{
	char name[64] = "";
	struct map_query query = {
		.size = sizeof(query),
		.query_flags = MAP_QUERY_NEXT,
		.query_addr = address,
		.vma_name_size = sizeof(name),
		.vma_name_addr = (uint64_t)(uintptr_t)name,
	};
	int64_t rc;

	rc = direct_call3(SYS_ioctl, (uint64_t)fd, MAP_QUERY, (uint64_t)(uintptr_t)&query);
	if (rc == -ENAMETOOLONG) {
		query.vma_name_size = 0;
		query.vma_name_addr = 0;
		rc = direct_call3(SYS_ioctl, (uint64_t)fd, MAP_QUERY, (uint64_t)(uintptr_t)&query);
	}
	if (rc < 0)
		return (int)rc;
	*ret_mapping = (struct mapping){
		.start = query.vma_start,
		.end = query.vma_end,
		/* Not all of the kernel's own pages behind this name can be read. */
		.readable = (query.vma_flags & 1) && __builtin_memcmp(name, "[vvar", 5) != 0,
		.writable = query.vma_flags & 2,
		.shared = query.vma_flags & 8,
		.stack = __builtin_memcmp(name, "[stack]", 8) == 0,
		.file = query.inode != 0,
	};
	return 0;
}

static const char *parse_hex(const char *at, const char *end, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (; at < end; at++) {
		char c = *at;

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else
			break;
	}
	*ret_value = value;
	return at;
}

/* Whether [at, end) holds a short text. */
static bool contains(const char *at, const char *end, const char *wanted, size_t length)
{
	for (; (size_t)(end - at) >= length; at++)
		if (__builtin_memcmp(at, wanted, length) == 0)
			return true;
	return false;
}

/* A line of /proc/self/maps: "START-END rwxp …"; false if it is cut. */
static bool parse_line(const char *at, const char *end, struct mapping *m)
{
	at = parse_hex(at, end, &m->start);
	if (at >= end || *at != '-')
		return false;
	at = parse_hex(at + 1, end, &m->end);
	if (end - at < 5)
		return false;
	m->readable = at[1] == 'r' && !contains(at, end, "[vvar", 5);
	m->writable = at[2] == 'w';
	m->shared = at[4] == 's';
	m->stack = contains(at, end, "[stack]", 7);
	m->file = contains(at, end, "/", 1);
	return true;
}

/* Older kernels: the text, read piecewise; the first mapping that ends after @address. */
static int ask_text(int64_t fd, uint64_t address, struct mapping *ret_mapping)
{
	char text[2048];
	size_t held = 0;

	for (;;) {
		int64_t got = direct_call3(SYS_read, (uint64_t)fd,
			(uint64_t)(uintptr_t)(text + held), sizeof(text) - held);
		size_t start = 0;

		if (got <= 0)
			return got < 0 ? (int)got : -ENOENT;
		held += (size_t)got;
		for (size_t i = 0; i < held; i++) {
			if (text[i] != '\n')
				continue;
			if (!parse_line(text + start, text + i, ret_mapping))
				return -EBADMSG;
			if (ret_mapping->end > address)
				return 0;
			start = i + 1;
		}
		/* Paths longer than the buffer are not worth reading on for. */
		if (start == 0 && held == sizeof(text))
			return -ENAMETOOLONG;
		__builtin_memmove(text, text + start, held - start);
		held -= start;
	}
}

/* Without /proc (a changed root): a page that can be read is taken as read-only memory. */
static enum overlay_kind probe(uint64_t address)
{
	uint8_t byte;
	struct iovec here = {&byte, 1};
	struct iovec there = {(void *)(uintptr_t)address, 1};
	uint64_t pid = (uint64_t)direct_call3(SYS_getpid, 0, 0, 0);

	return direct_call(SYS_process_vm_readv, pid, (uint64_t)(uintptr_t)&here, 1,
		       (uint64_t)(uintptr_t)&there, 1, 0) == 1
		       ? OVERLAY_READ_ONLY
		       : OVERLAY_HOLE;
}

static enum overlay_kind kind_of(const struct mapping *m)
{
	if (!m->readable)
		return OVERLAY_HOLE;
	if (m->shared)
		return OVERLAY_SHARED;
	return m->writable ? OVERLAY_WRITABLE : OVERLAY_READ_ONLY;
}

/* Fills the parts of [start, end) that nothing is known of. */
static void learn(struct spork_overlay *o, struct overlay_range range)
{
	uint64_t start = range.start, end = range.end;

	while (start < end) {
		size_t at = range_search(o, start);
		uint64_t stop = end;

		if (at < o->range_count && o->ranges[at].start <= start) {
			start = o->ranges[at].end;
			continue;
		}
		if (at < o->range_count && o->ranges[at].start < stop)
			stop = o->ranges[at].start;
		if (overlay_set_range(
			    o, (struct overlay_range){start, stop, range.kind, range.file}) < 0)
			return;
		start = stop;
	}
}

/* Memory below the stack that a fault would add to it. */
static bool stack_would_grow(
	const struct spork_overlay *o, uint64_t address, const struct mapping *next)
{
	return next->stack && next->start - address <= STACK_GROWTH_MAX &&
	       address + STACK_RED_ZONE >= o->stack_pointer;
}

static enum overlay_kind ask(struct spork_overlay *o, uint64_t address, bool *ret_file)
{
	static const char path[] = "/proc/self/maps";
	uint64_t page = address & ~(uint64_t)(OVERLAY_PAGE - 1);
	struct mapping m;
	int64_t fd = direct_call(SYS_openat, (uint64_t)AT_FDCWD, (uint64_t)(uintptr_t)path,
		O_RDONLY | O_CLOEXEC, 0, 0, 0);
	enum overlay_kind kind;
	int rc;

	if (fd < 0) {
		kind = probe(address);
		learn(o, (struct overlay_range){page, page + OVERLAY_PAGE, kind, true});
		return kind;
	}
	rc = ask_query(fd, address, &m);
	if (rc == -ENOTTY || rc == -EINVAL)
		rc = ask_text(fd, address, &m);
	(void)direct_call3(SYS_close, (uint64_t)fd, 0, 0);
	if (rc < 0)
		return OVERLAY_HOLE;
	if (address >= m.start) {
		*ret_file = m.file || m.shared;
		learn(o, (struct overlay_range){m.start, m.end, kind_of(&m), *ret_file});
		return kind_of(&m);
	}
	if (!stack_would_grow(o, address, &m))
		return OVERLAY_HOLE;
	learn(o, (struct overlay_range){page, m.start, OVERLAY_CHILD, false});
	return OVERLAY_CHILD;
}

SPORK_FAST enum overlay_kind overlay_kind_at(
	struct spork_overlay *o, uint64_t address, bool *ret_file)
{
	size_t at = range_search(o, address);

	*ret_file = false;
	if (at < o->range_count && o->ranges[at].start <= address) {
		*ret_file = o->ranges[at].file;
		return o->ranges[at].kind;
	}
	/* Not canonical, or the kernel's half. */
	if (address >= UINT64_C(1) << 47)
		return OVERLAY_HOLE;
	return ask(o, address, ret_file);
}
