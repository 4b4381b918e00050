/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Code files: put together in memory, written beside, verified, renamed. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hotbed/error.h>

#include "code/translation.h"
#include "spork/image.h"

#define FILE_PAGE 4096u

/* The index as it stands in the file. */
struct page_index {
	struct spork_code_page *pages;
	struct spork_code_sum *sums;
	uint16_t *slots;
	uint32_t page_count, slot_page_count;
};

static void page_index_finish(struct page_index *index)
{
	free(index->pages);
	free(index->sums);
	free(index->slots);
}

/* Distances from the lowest instruction of a page; one that does not fit stays without code. */
static void fill_page(const struct translation *t, size_t page, struct page_index *index)
{
	struct spork_code_page *entry = &index->pages[page];
	size_t start = page * SPORK_CODE_PAGE, end = start + SPORK_CODE_PAGE;
	uint16_t *slots = index->slots + (size_t)index->slot_page_count * SPORK_CODE_PAGE;

	if (end > t->span)
		end = t->span;
	for (size_t at = start; at < end; at++)
		if (t->numbers[at] != 0 && t->numbers[at] - 1 < entry->first)
			entry->first = t->numbers[at] - 1;
	if (entry->first == SPORK_NO_TARGET)
		return;
	entry->slots = index->slot_page_count++;
	for (size_t at = start; at < end; at++) {
		uint32_t slot = t->numbers[at] - entry->first;

		if (t->numbers[at] != 0 && slot <= UINT16_MAX)
			slots[at - start] = (uint16_t)slot;
	}
}

/*
 * What of a granule is machine code, by the segments that the loader maps executable. Where two of them meet in one
 * granule, it is never compared, and thus never run.
 */
static void find_part(
	const struct spork_image *image, uint64_t address, uint64_t *ret_from, uint64_t *ret_to)
{
	const struct spork_segment *segments;
	size_t count = spork_image_segments(image, &segments);
	bool found = false;

	*ret_from = *ret_to = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t start = segments[i].address, end = start + segments[i].file_bytes;

		if (!segments[i].executable || end <= address ||
			start >= address + SPORK_CODE_GRANULE)
			continue;
		*ret_from = start > address ? start - address : 0;
		*ret_to = end - address < SPORK_CODE_GRANULE ? end - address : SPORK_CODE_GRANULE;
		if (found)
			*ret_to = 0;
		found = true;
	}
}

static void fill_sum(const struct spork_image *image, uint64_t address, struct spork_code_sum *sum)
{
	_Alignas(8) uint8_t bytes[SPORK_CODE_GRANULE] = {0};
	uint64_t from, to;
	const uint8_t *code;
	size_t available;

	find_part(image, address, &from, &to);
	if (from >= to)
		return;
	code = spork_image_bytes(image, address + from, &available, NULL);
	if (!code || available < to - from)
		return;
	memcpy(bytes + from, code, to - from);
	sum->sum = spork_code_checksum(bytes, sizeof(bytes));
	sum->from = (uint32_t)from;
	sum->to = (uint32_t)to;
}

static int page_index_init(
	const struct spork_image *image, const struct translation *t, struct page_index *index)
{
	size_t count = (t->span + SPORK_CODE_PAGE - 1) / SPORK_CODE_PAGE;

	*index = (struct page_index){.page_count = (uint32_t)count};
	index->pages = malloc((count + 1) * sizeof(*index->pages));
	index->sums = calloc(count + 1, SPORK_CODE_GRANULES * sizeof(*index->sums));
	index->slots = calloc(count + 1, SPORK_CODE_PAGE * sizeof(*index->slots));
	if (!index->pages || !index->sums || !index->slots) {
		page_index_finish(index);
		return -ENOMEM;
	}
	for (size_t page = 0; page < count; page++) {
		index->pages[page] = (struct spork_code_page){SPORK_NO_TARGET, SPORK_NO_TARGET};
		fill_page(t, page, index);
		for (size_t i = 0; i < SPORK_CODE_GRANULES; i++)
			fill_sum(image,
				spork_image_lowest(image) + page * SPORK_CODE_PAGE +
					i * SPORK_CODE_GRANULE,
				&index->sums[page * SPORK_CODE_GRANULES + i]);
	}
	return 0;
}

static uint64_t round_up(uint64_t value, uint64_t step)
{
	return (value + step - 1) / step * step;
}

/* Places a section behind what is there already. */
static uint64_t place(uint64_t *end, uint64_t bytes, uint64_t alignment)
{
	uint64_t at = round_up(*end, alignment);

	*end = at + bytes;
	return at;
}

/* The whole file in memory; NULL without memory. */
static uint8_t *assemble(const struct spork_image *image, const struct translation *t,
	const struct page_index *index, size_t *ret_size)
{
	const struct spork_unwind_row *rows;
	size_t row_count = spork_image_unwind_rows(image, &rows);
	uint64_t end = sizeof(struct spork_code_header);
	struct spork_code_header h = {
		.magic = SPORK_CODE_MAGIC,
		.version = SPORK_CODE_VERSION,
		.page_count = index->page_count,
		.features = *spork_cpu_features(),
		.id = *spork_image_build_id(image),
		.row_count = (uint32_t)row_count,
		.slot_page_count = index->slot_page_count,
		.insn_count = (uint32_t)t->insn_count,
		.stub_bytes = (uint32_t)t->stubs.size,
	};
	size_t sum_bytes = index->page_count * SPORK_CODE_GRANULES * sizeof(*index->sums);
	size_t slot_bytes = (size_t)index->slot_page_count * SPORK_CODE_PAGE * 2;
	size_t skip = offsetof(struct spork_code_header, header_checksum);
	uint8_t *bytes;

	h.rows = place(&end, row_count * sizeof(*rows), 64);
	h.pages = place(&end, index->page_count * sizeof(*index->pages), 64);
	h.sums = place(&end, sum_bytes, 64);
	h.slots = place(&end, slot_bytes, 64);
	h.insns = place(&end, t->insn_count * sizeof(*t->insns), 64);
	h.stubs = place(&end, t->stubs.size, FILE_PAGE);
	h.file_bytes = round_up(end, 64);
	h.header_checksum = spork_code_header_checksum(&h);
	bytes = calloc(1, h.file_bytes);
	if (!bytes)
		return NULL;
	if (row_count > 0)
		memcpy(bytes + h.rows, rows, row_count * sizeof(*rows));
	memcpy(bytes + h.pages, index->pages, index->page_count * sizeof(*index->pages));
	memcpy(bytes + h.sums, index->sums, sum_bytes);
	memcpy(bytes + h.slots, index->slots, slot_bytes);
	if (t->insn_count > 0)
		memcpy(bytes + h.insns, t->insns, t->insn_count * sizeof(*t->insns));
	if (t->stubs.size > 0)
		memcpy(bytes + h.stubs, t->stubs.bytes, t->stubs.size);
	memcpy(bytes, &h, sizeof(h));
	h.checksum = spork_code_checksum(bytes + skip, h.file_bytes - skip);
	memcpy(bytes, &h, sizeof(h));
	*ret_size = h.file_bytes;
	return bytes;
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, bytes, size < (1u << 30) ? size : (1u << 30));

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		bytes += written;
		size -= (size_t)written;
	}
	return 0;
}

/* Whether the file holds what was written, read back from the system. */
static int read_back(int fd, size_t size)
{
	struct spork_code code;
	void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	int rc;

	if (bytes == MAP_FAILED)
		return -errno;
	rc = spork_code_views(&code, bytes, size);
	if (rc == 0)
		rc = spork_code_verify(&code);
	(void)munmap(bytes, size);
	return rc;
}

static int write_file(int directory_fd, const char *name, const uint8_t *bytes, size_t size)
{
	char temporary[SPORK_CODE_NAME_BYTES + 32];
	int fd, rc;

	(void)snprintf(temporary, sizeof(temporary), ".%s.%ld", name, (long)getpid());
	/* Left by a process of this number that was killed. */
	(void)unlinkat(directory_fd, temporary, 0);
	fd = openat(
		directory_fd, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	rc = write_all(fd, bytes, size);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (rc == 0)
		rc = read_back(fd, size);
	(void)close(fd);
	if (rc == 0 && renameat(directory_fd, temporary, directory_fd, name) < 0)
		rc = -errno;
	if (rc < 0)
		(void)unlinkat(directory_fd, temporary, 0);
	return rc;
}

int spork_code_write(const struct spork_image *image, int directory_fd, struct hb_error *reterr)
{
	char name[SPORK_CODE_NAME_BYTES];
	struct translation t;
	struct page_index index;
	uint8_t *bytes;
	size_t size = 0;
	int rc = translate(image, &t, reterr);

	if (rc < 0)
		return rc;
	rc = page_index_init(image, &t, &index);
	if (rc < 0) {
		translation_finish(&t);
		return hb_error_set_at(reterr, rc, spork_image_path(image), 0, "Out of memory.");
	}
	bytes = assemble(image, &t, &index, &size);
	spork_code_name(spork_image_build_id(image), name);
	rc = bytes ? write_file(directory_fd, name, bytes, size) : -ENOMEM;
	free(bytes);
	page_index_finish(&index);
	translation_finish(&t);
	if (rc < 0)
		return hb_error_set_at(reterr, rc, spork_image_path(image), 0,
			"The code file %s cannot be written: %s. Check the cache folder's disk.",
			name, strerror(-rc));
	return 0;
}
