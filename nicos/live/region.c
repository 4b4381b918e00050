/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "endpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <hotbed/error.h>

int region_create(uint32_t services, uint32_t depth, struct region *ret, struct hb_error *reterr)
{
	size_t host_bytes = sizeof(struct host_page) + (services + 1) * sizeof(uint32_t);
	size_t bytes;
	uint8_t *memory;

	host_bytes = (host_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	bytes = host_bytes + (services + 1) * sizeof(struct endpoint);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return hb_error_set(reterr, -ENOMEM,
			"no memory for the lines of %u services; use fewer", services);
	*ret = (struct region){.memory = memory,
		.bytes = bytes,
		.host_bytes = host_bytes,
		.host = (struct host_page *)(void *)memory,
		.endpoints = (struct endpoint *)(void *)(memory + host_bytes),
		.services = services,
		.lines = 2 * depth};
	return 0;
}

void region_destroy(struct region *region)
{
	if (region->memory)
		(void)munmap(region->memory, region->bytes);
	region->memory = NULL;
}

uint64_t region_touched_bytes(const struct region *region)
{
	size_t pages = (region->bytes + PAGE_BYTES - 1) / PAGE_BYTES;
	uint8_t *present = calloc(pages, 1);
	uint64_t count = 0;

	if (!present)
		return 0;
	/* Shared memory has no other owner: what is resident was touched. */
	if (mincore(region->memory, region->bytes, present) == 0) {
		for (size_t i = 0; i < pages; i++)
			count += present[i] & 1;
	}
	free(present);
	return count * PAGE_BYTES;
}

int region_restrict(const struct region *region, uint32_t service)
{
	uint8_t *own = (uint8_t *)&region->endpoints[service];
	uint8_t *first = region->memory + region->host_bytes;
	uint8_t *end = region->memory + region->bytes;
	uint8_t *behind = own + sizeof(struct endpoint);

	if (mprotect(region->memory, region->host_bytes, PROT_READ))
		return -errno;
	if (own > first && munmap(first, (size_t)(own - first)))
		return -errno;
	if (end > behind && munmap(behind, (size_t)(end - behind)))
		return -errno;
	return 0;
}
