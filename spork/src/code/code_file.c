/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading code files: open, check the header, map. Runtime side: system calls directly, no libc state. */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "code/code_file.h"
#include "code/direct_call.h"
#include "spork/machine.h"

#define PAGE 4096u
/* A module of 1 GiB of code; longer files are damaged. */
#define FILE_BYTES_MAX (UINT64_C(1) << 36)

static uint32_t xcr0(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

const struct spork_cpu_features *spork_cpu_features(void)
{
	static struct spork_cpu_features features;
	static int known;
	struct spork_cpu_features f = {0};
	uint32_t a, b, c, d;

	/* Two threads that come here at once write the same bytes. */
	if (__atomic_load_n(&known, __ATOMIC_ACQUIRE))
		return &features;
	__cpuid(1, a, b, c, d);
	f.words[0] = c;
	f.words[1] = d;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
		f.words[2] = b;
		/* OSPKE depends on the kernel, not on what stubs may use. */
		f.words[3] = c & ~(1u << 4);
		f.words[4] = d;
	}
	if (f.words[0] & (1u << 27))
		f.words[5] = xcr0() & 0xff;
	/* AVX needs XCR0 bits 1 and 2; AVX-512 with byte masks bits 5 to 7 as well. */
	if ((f.words[5] & 0xe6) == 0xe6 && (f.words[2] & (1u << 16)) && (f.words[2] & (1u << 30)))
		f.words[6] = SPORK_VECTOR_AVX512;
	else if ((f.words[5] & 6) == 6 && (f.words[0] & (1u << 28)))
		f.words[6] = SPORK_VECTOR_AVX;
	f.machine_layout = (uint32_t)(sizeof(struct spork_machine) << 16 |
				      offsetof(struct spork_machine, bounce));
	features = f;
	__atomic_store_n(&known, 1, __ATOMIC_RELEASE);
	return &features;
}

uint64_t spork_code_checksum(const void *bytes, size_t size_bytes)
{
	const uint64_t *words = bytes;
	uint64_t sum = 0xcbf29ce484222325;

	for (size_t i = 0; i < size_bytes / 8; i++) {
		sum = (sum ^ words[i]) * 0x100000001b3;
		sum ^= sum >> 29;
	}
	return sum;
}

uint64_t spork_code_header_checksum(const struct spork_code_header *header)
{
	const size_t skip = offsetof(struct spork_code_header, file_bytes);

	return spork_code_checksum((const uint8_t *)header + skip, sizeof(*header) - skip);
}

void spork_code_name(const struct spork_build_id *id, char name[SPORK_CODE_NAME_BYTES])
{
	static const char digits[16] = "0123456789abcdef";
	size_t length = id->length <= sizeof(id->bytes) ? id->length : sizeof(id->bytes);

	for (size_t i = 0; i < length; i++) {
		name[2 * i] = digits[id->bytes[i] >> 4];
		name[2 * i + 1] = digits[id->bytes[i] & 15];
	}
	name[2 * length] = '\0';
}

/* Whether the section at @offset follows what ends at *@end, as the writer places it; moves *@end behind it. */
static bool section_follows(uint64_t offset, uint64_t size, uint64_t alignment, uint64_t *end)
{
	if (offset != (*end + alignment - 1) / alignment * alignment)
		return false;
	*end = offset + size;
	return true;
}

/* The counts determine where everything lies: a damaged header is found without reading the whole file. */
static bool sections_fit(const struct spork_code_header *h)
{
	uint64_t end = sizeof(*h);

	return section_follows(h->rows, h->row_count * sizeof(struct spork_unwind_row), 64, &end) &&
	       section_follows(
		       h->pages, h->page_count * sizeof(struct spork_code_page), 64, &end) &&
	       section_follows(h->sums,
		       h->page_count * (uint64_t)SPORK_CODE_GRANULES *
			       sizeof(struct spork_code_sum),
		       64, &end) &&
	       section_follows(
		       h->slots, h->slot_page_count * (uint64_t)(SPORK_CODE_PAGE * 2), 64, &end) &&
	       section_follows(h->insns, h->insn_count * sizeof(struct spork_insn), 64, &end) &&
	       section_follows(h->stubs, h->stub_bytes, PAGE, &end) &&
	       h->file_bytes == (end + 63) / 64 * 64;
}

int spork_code_views(struct spork_code *code, const void *bytes, size_t size_bytes)
{
	const struct spork_code_header *h = bytes;
	const struct spork_cpu_features *features = spork_cpu_features();

	if (size_bytes < sizeof(*h) || size_bytes % 8 != 0 || h->magic != SPORK_CODE_MAGIC ||
		h->version != SPORK_CODE_VERSION || h->file_bytes != size_bytes ||
		h->id.length > sizeof(h->id.bytes) ||
		__builtin_memcmp(&h->features, features, sizeof(*features)) != 0)
		return -EBADMSG;
	if (h->header_checksum != spork_code_header_checksum(h) || !sections_fit(h))
		return -EBADMSG;
	*code = (struct spork_code){
		.header = h,
		.rows = (const void *)((const uint8_t *)bytes + h->rows),
		.pages = (const void *)((const uint8_t *)bytes + h->pages),
		.sums = (const void *)((const uint8_t *)bytes + h->sums),
		.slots = (const void *)((const uint8_t *)bytes + h->slots),
		.insns = (const void *)((const uint8_t *)bytes + h->insns),
		.page_count = h->page_count,
		.row_count = h->row_count,
		.slot_page_count = h->slot_page_count,
		.insn_count = h->insn_count,
		.stub_bytes = h->stub_bytes,
	};
	return 0;
}

/* Every change of a file's bytes changes its time of change, which no program can set. */
static uint64_t stamp_of(const struct stat *status)
{
	const uint64_t words[] = {status->st_dev, status->st_ino, (uint64_t)status->st_size,
		(uint64_t)status->st_ctim.tv_sec, (uint64_t)status->st_ctim.tv_nsec};
	uint64_t stamp = 0x9e3779b97f4a7c15ULL;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		stamp = (stamp ^ words[i]) * 0xff51afd7ed558ccdULL;
		stamp ^= stamp >> 32;
	}
	return stamp ? stamp : 1;
}

/* The file's size if this user alone can have written it; otherwise -errno. */
static int64_t trusted_size(int fd, uint64_t *ret_stamp)
{
	struct stat status;
	int64_t uid = direct_call3(SYS_geteuid, 0, 0, 0);
	int64_t rc = direct_call3(SYS_fstat, (uint64_t)fd, (uint64_t)(uintptr_t)&status, 0);

	if (rc < 0)
		return rc;
	if (!S_ISREG(status.st_mode) || (int64_t)status.st_uid != uid || (status.st_mode & 022))
		return -EPERM;
	if (status.st_size < (int64_t)sizeof(struct spork_code_header) ||
		(uint64_t)status.st_size > FILE_BYTES_MAX)
		return -EBADMSG;
	*ret_stamp = stamp_of(&status);
	return status.st_size;
}

/*
 * Makes the stubs executable: from the file, or, on file systems mounted noexec, in anonymous memory. Without either,
 * stubs stay unsupported and the child's run ends at the first.
 */
static void map_stubs(struct spork_code *code, int fd, uint8_t *bytes)
{
	const struct spork_code_header *h = code->header;
	uint64_t at = (uint64_t)(uintptr_t)(bytes + h->stubs);
	uint64_t size = (h->stub_bytes + PAGE - 1) / PAGE * PAGE;
	int64_t rc;

	if (size == 0)
		return;
	rc = direct_call(SYS_mmap, at, size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED,
		(uint64_t)fd, h->stubs);
	if (rc < 0) {
		rc = direct_call(SYS_mmap, at, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, UINT64_MAX, 0);
		if (rc < 0 ||
			direct_call(SYS_pread64, (uint64_t)fd, at, h->stub_bytes, h->stubs, 0, 0) !=
				(int64_t)h->stub_bytes ||
			direct_call3(SYS_mprotect, at, size, PROT_READ | PROT_EXEC) < 0)
			return;
	}
	code->stubs = bytes + h->stubs;
}

/* One mapping holds a page for struct spork_code and then the file. */
static int map_file(int fd, uint64_t size, struct spork_code **ret_code)
{
	uint64_t total = PAGE + (size + PAGE - 1) / PAGE * PAGE;
	int64_t at = direct_call(SYS_mmap, 0, total, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, UINT64_MAX, 0);
	struct spork_code *code;
	uint8_t *bytes;
	int64_t rc;

	if (at < 0)
		return (int)at;
	code = (struct spork_code *)(uintptr_t)at;
	bytes = (uint8_t *)(uintptr_t)at + PAGE;
	rc = direct_call(SYS_mmap, (uint64_t)at + PAGE, size, PROT_READ, MAP_PRIVATE | MAP_FIXED,
		(uint64_t)fd, 0);
	if (rc >= 0)
		rc = spork_code_views(code, bytes, size);
	if (rc < 0) {
		(void)direct_call3(SYS_munmap, (uint64_t)at, total, 0);
		return (int)rc;
	}
	code->mapped_bytes = (uint32_t)(total / PAGE);
	map_stubs(code, fd, bytes);
	*ret_code = code;
	return 0;
}

int spork_code_open(int directory_fd, const struct spork_build_id *id, struct spork_code **ret_code)
{
	char name[SPORK_CODE_NAME_BYTES];
	struct spork_code *code = NULL;
	uint64_t stamp = 0;
	int64_t fd, size;
	int rc;

	if (id->length == 0 || id->length > sizeof(id->bytes))
		return -ENOENT;
	spork_code_name(id, name);
	fd = direct_call(SYS_openat, (uint64_t)directory_fd, (uint64_t)(uintptr_t)name,
		O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0, 0, 0);
	if (fd < 0)
		return fd == -ELOOP ? -EPERM : (int)fd;
	size = trusted_size((int)fd, &stamp);
	rc = size < 0 ? (int)size : map_file((int)fd, (uint64_t)size, &code);
	(void)direct_call3(SYS_close, (uint64_t)fd, 0, 0);
	if (rc < 0)
		return rc;
	if (code->header->id.length != id->length ||
		__builtin_memcmp(code->header->id.bytes, id->bytes, id->length) != 0) {
		spork_code_close(code);
		return -EBADMSG;
	}
	code->stamp = stamp;
	*ret_code = code;
	return 0;
}

uint64_t spork_code_stamp(const struct spork_code *code)
{
	return code->stamp;
}

void spork_code_close(struct spork_code *code)
{
	if (code)
		(void)direct_call3(SYS_munmap, (uint64_t)(uintptr_t)code,
			(uint64_t)code->mapped_bytes * PAGE, 0);
}

int spork_code_verify(const struct spork_code *code)
{
	const struct spork_code_header *h = code->header;
	size_t skip = offsetof(struct spork_code_header, header_checksum);

	return spork_code_checksum((const uint8_t *)h + skip, h->file_bytes - skip) == h->checksum
		       ? 0
		       : -EBADMSG;
}

size_t spork_code_granule_words(const struct spork_code *code)
{
	return ((size_t)code->page_count * SPORK_CODE_GRANULES + 63) / 64;
}

bool spork_code_has(const struct spork_code *code, uint64_t offset)
{
	const struct spork_insn *insn = spork_code_at(code, offset);

	return insn && insn->offset == offset;
}

const struct spork_unwind_row *spork_code_unwind(const struct spork_code *code, uint64_t offset)
{
	size_t low = 0, high = code->row_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (code->rows[middle].offset <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || code->rows[low - 1].cfa_register == 255)
		return NULL;
	return &code->rows[low - 1];
}
