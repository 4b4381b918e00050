/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory that the child maps exists in the overlay only: its process shares the parent's address space until
 * exec.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "kernel.h"
#include "raw_syscall.h"
#include "runtime.h"
#include "shared.h"

#define MAPPING_MAX KERNEL_MAPPING_MAX
#define WINDOW_BYTES (4 * MAPPING_MAX)
/* Flags that say nothing about the address, the size of pages, or locks in memory. */
#define FLAGS_KNOWN                                                                              \
	(MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_NORESERVE | \
		MAP_POPULATE | MAP_NONBLOCK | MAP_STACK)
#define COPY_BYTES 16384
#define PAGE_ROUND(x) (((x) + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1))

/* With a limit the kernel might say no, where the overlay never does. */
static bool is_limited(const struct kernel *k)
{
	struct rlimit limit;

	return !shared_state(k->attempt) &&
	       (raw2(SYS_getrlimit, RLIMIT_AS, &limit) || limit.rlim_cur != RLIM_INFINITY ||
		       raw2(SYS_getrlimit, RLIMIT_DATA, &limit) || limit.rlim_cur != RLIM_INFINITY);
}

enum call_result kernel_brk(struct kernel *k)
{
	uint64_t wanted = kernel_argument(k, 0), from, to;
	struct spork_overlay *overlay = k->attempt->machine.overlay;
	struct shared *shared = shared_state(k->attempt);

	if (shared)
		return kernel_result(k, shared_brk(shared, wanted));
	if (!k->brk)
		k->brk = k->brk_first = (uint64_t)raw1(SYS_brk, 0);
	if (wanted < k->brk_first || wanted == k->brk)
		return wanted == 0 || wanted == k->brk ? kernel_result(k, (int64_t)k->brk)
						       : kernel_abort(k, SPORK_ABORT_ARGUMENTS);
	if (wanted > k->brk && is_limited(k))
		return kernel_abort(k, SPORK_ABORT_ADDRESS_SPACE);
	if (wanted - k->brk_first > MAPPING_MAX)
		return kernel_abort(k, SPORK_ABORT_ARENA);
	from = PAGE_ROUND(wanted < k->brk ? wanted : k->brk);
	to = PAGE_ROUND(wanted < k->brk ? k->brk : wanted);
	if (from < to && (wanted > k->brk ? spork_overlay_map(overlay, from, to, true)
					  : spork_overlay_unmap(overlay, from, to)))
		return kernel_abort(k, SPORK_ABORT_ARENA);
	k->brk = wanted;
	return kernel_result(k, (int64_t)wanted);
}

/* The file's bytes, as far as it goes. */
static bool fill(struct kernel *k, uint64_t address, uint64_t size, uint64_t fd, uint64_t offset)
{
	uint8_t *room = kernel_room(k, COPY_BYTES);

	for (uint64_t done = 0; room && done < size;) {
		uint64_t part = size - done < COPY_BYTES ? size - done : COPY_BYTES;
		int64_t got = raw4(SYS_pread64, fd, room, part, offset + done);

		if (got < 0)
			return false;
		if (got == 0)
			return true;
		if (!kernel_write(k, address + done, room, (uint64_t)got))
			return false;
		done += (uint64_t)got;
	}
	return room != NULL;
}

/*
 * Addresses that are free in the parent: nothing of its own can be hidden by what the child maps there. One stretch
 * is looked for, and handed out from its start; what the child unmaps is not given again.
 */
static uint64_t free_address(struct kernel *k, uint64_t size)
{
	uint64_t address = k->free_start;

	if (!address) {
		int64_t found = raw6(SYS_mmap, NULL, WINDOW_BYTES, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (RAW_FAILED(found))
			return 0;
		(void)raw2(SYS_munmap, found, WINDOW_BYTES);
		address = k->free_first = (uint64_t)found;
		k->free_end = address + WINDOW_BYTES;
	}
	if (size > k->free_end - address)
		return 0;
	/* A page between two mappings, so that a run over the end is noticed as it would be. */
	k->free_start = address + size + PAGE_BYTES;
	if (k->free_start > k->free_end)
		k->free_start = k->free_end;
	return address;
}

/* Where the child wants it: over what it has mapped itself, code excepted. Otherwise at free addresses; 0 = nowhere. */
static uint64_t place(struct kernel *k, uint64_t wanted, uint64_t size, bool fixed)
{
	if (!fixed)
		return free_address(k, size);
	if (wanted % PAGE_BYTES || wanted < k->free_first || wanted >= k->free_start ||
		size > k->free_start - wanted || kernel_code_overlaps(k, wanted, wanted + size))
		return 0;
	return wanted;
}

/* What a file is mapped to: its bytes; whole pages behind its end are not there. */
static bool map_file(struct kernel *k, uint64_t address, uint64_t size, uint64_t fd,
	uint64_t file_bytes, uint64_t *ret_there)
{
	uint64_t offset = kernel_argument(k, 5), file = PAGE_ROUND(file_bytes);
	uint64_t there = offset < file ? file - offset : 0;

	*ret_there = there < size ? there : size;
	if (offset % PAGE_BYTES || !fill(k, address, size, fd, offset))
		return false;
	return there >= size || spork_overlay_unmap(k->attempt->machine.overlay, address + there,
					address + size) == 0;
}

/* One line of /proc/self/maps after the other: addresses, rights, offset, device, inode, path. */
struct maps_line {
	int field;
	uint64_t inode;
	size_t matching; /* characters of the path so far */
	bool differs;
};

/* True at the end of a line that names the file. */
static bool next_character(struct maps_line *line, char c, uint64_t inode, const char *path)
{
	enum { INODE = 4, BEFORE_PATH = 5, IN_PATH = 6 };
	bool found;

	if (c == '\n') {
		found = line->inode == inode ||
			(line->field == IN_PATH && !line->differs && path[line->matching] == '\0');
		*line = (struct maps_line){0};
		return found;
	}
	if (line->field == BEFORE_PATH && c != ' ')
		line->field = IN_PATH;
	if (line->field == INODE && c >= '0' && c <= '9')
		line->inode = line->inode * 10 + (uint64_t)(c - '0');
	if (line->field <= INODE && c == ' ')
		line->field++;
	if (line->field == IN_PATH) {
		line->differs |= path[line->matching] != c;
		line->matching += !line->differs;
	}
	return false;
}

/* Some file systems tell another inode there than fstat() does, but the same path. */
static bool in_maps(struct kernel *k, uint64_t inode, const char *path)
{
	int64_t fd = raw3(SYS_open, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0), got = -1;
	char *room = kernel_room(k, COPY_BYTES);
	struct maps_line line = {0};
	bool found = fd < 0 || !room;

	while (!found && (got = raw3(SYS_read, fd, room, COPY_BYTES)) > 0) {
		for (int64_t i = 0; i < got && !found; i++)
			found = next_character(&line, room[i], inode, path);
	}
	if (fd >= 0)
		(void)raw1(SYS_close, fd);
	return found || got < 0;
}

bool kernel_file_mapped(struct kernel *k, uint64_t fd)
{
	char path[KERNEL_LIBRARY_PATH];
	struct stat status;

	if (raw2(SYS_fstat, fd, &status) || !kernel_path_of(fd, path))
		return true;
	for (uint32_t i = 0; i < k->mapped_count; i++) {
		if (k->mapped[i].inode == status.st_ino && k->mapped[i].device == status.st_dev)
			return true;
	}
	return in_maps(k, status.st_ino, path);
}

static bool remember_mapped(struct kernel *k, const struct stat *status)
{
	if (k->mapped_count == KERNEL_MAPPED)
		return false;
	k->mapped[k->mapped_count].device = status->st_dev;
	k->mapped[k->mapped_count++].inode = status->st_ino;
	return true;
}

enum call_result kernel_mmap(struct kernel *k)
{
	struct spork_overlay *overlay = k->attempt->machine.overlay;
	uint64_t size = PAGE_ROUND(kernel_argument(k, 1)), protection = kernel_argument(k, 2);
	uint64_t flags = kernel_argument(k, 3), fd = (uint32_t)kernel_argument(k, 4);
	uint64_t address, there = size;
	struct stat status;
	bool anonymous = flags & MAP_ANONYMOUS;

	if (size == 0 || size > MAPPING_MAX)
		return kernel_abort(k, SPORK_ABORT_ARENA);
	if ((flags & MAP_TYPE) != MAP_PRIVATE || (flags & ~(uint64_t)FLAGS_KNOWN) || is_limited(k))
		return kernel_abort(k, SPORK_ABORT_ADDRESS_SPACE);
	if ((protection & PROT_EXEC) && (anonymous || (protection & PROT_WRITE)))
		return kernel_abort(k, SPORK_ABORT_ADDRESS_SPACE);
	if (shared_state(k->attempt) && ((flags & MAP_FIXED) || (protection & PROT_EXEC)))
		return kernel_abort(k, SPORK_ABORT_ADDRESS_SPACE);
	if (!anonymous && (kernel_fd_placeholder(k, fd) || kernel_defers_bytes(k, fd) ||
				  raw2(SYS_fstat, fd, &status) || !S_ISREG(status.st_mode)))
		return kernel_abort(k, SPORK_ABORT_ADDRESS_SPACE);
	if (!anonymous && !remember_mapped(k, &status))
		return kernel_abort(k, SPORK_ABORT_ARENA);
	if (shared_state(k->attempt))
		return kernel_result(k, shared_mmap(shared_state(k->attempt), size, protection,
						flags, (int32_t)fd, kernel_argument(k, 5)));
	k->maps = true;
	address = place(k, kernel_argument(k, 0), size, flags & MAP_FIXED);
	if (!address)
		return kernel_abort(k, SPORK_ABORT_ADDRESS_SPACE);
	if (spork_overlay_map(overlay, address, address + size, true))
		return kernel_abort(k, SPORK_ABORT_ARENA);
	if (!anonymous && !map_file(k, address, size, fd, (uint64_t)status.st_size, &there))
		return kernel_abort(k, SPORK_ABORT_ARENA);
	if (!(protection & PROT_WRITE) && there > 0 &&
		spork_overlay_protect(overlay, address, address + there, false))
		return kernel_abort(k, SPORK_ABORT_ARENA);
	if ((protection & PROT_EXEC) &&
		!kernel_code_map(k, address, size, fd, kernel_argument(k, 5)))
		return kernel_abort(k, SPORK_ABORT_ADDRESS_SPACE);
	return kernel_result(k, (int64_t)address);
}

enum call_result kernel_munmap(struct kernel *k)
{
	uint64_t start = kernel_argument(k, 0), end = start + PAGE_ROUND(kernel_argument(k, 1));

	if (shared_state(k->attempt))
		return shared_munmap(shared_state(k->attempt), start, end - start)
			       ? kernel_result(k, 0)
			       : kernel_abort(k, SPORK_ABORT_ADDRESS_SPACE);
	k->maps = true;
	if (kernel_code_overlaps(k, start, end))
		return kernel_abort(k, SPORK_ABORT_ADDRESS_SPACE);
	if (start % PAGE_BYTES || end <= start ||
		spork_overlay_unmap(k->attempt->machine.overlay, start, end))
		return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
	return kernel_result(k, 0);
}

enum call_result kernel_mprotect(struct kernel *k)
{
	uint64_t start = kernel_argument(k, 0), end = start + PAGE_ROUND(kernel_argument(k, 1));
	uint64_t protection = kernel_argument(k, 2);

	if (shared_state(k->attempt))
		return kernel_abort(k, SPORK_ABORT_ADDRESS_SPACE);
	k->maps = true;
	if (start % PAGE_BYTES || end <= start || !(protection & PROT_READ) ||
		(protection & PROT_EXEC) || kernel_code_overlaps(k, start, end) ||
		spork_overlay_protect(
			k->attempt->machine.overlay, start, end, protection & PROT_WRITE))
		return kernel_abort(k, SPORK_ABORT_ADDRESS_SPACE);
	return kernel_result(k, 0);
}
