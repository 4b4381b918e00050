/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Disks: writes are durable when a sync that began after them has ended. What was under way at a crash is left as
 * bytes: the file ends anywhere, or sectors of it never arrived. Recovery reads records up to the first whose
 * checksum is wrong. Bits may flip in what is durable; whoever finds that at a start has no disk that it could trust.
 */
#include "world.h"

#include <string.h>

#include <xxhash.h>

#define SECTOR_BYTES 512

struct pc_entry *image_entry(struct image *image, uint64_t index)
{
	return &image->ring[index % LOG_ENTRIES];
}

void disk_begin(struct disk *disk, uint32_t life, uint32_t snapshot)
{
	disk->image.promise = (struct pc_promise){0, PC_NOBODY, life};
	disk->image.snapshot = snapshot;
	disk->image.last = 0;
	disk->issued = disk->durable = disk->syncing = 0;
	disk->busy = false;
}

static void apply(struct pc_simulation *w, struct image *image, const struct write *write)
{
	switch ((enum write_kind)write->kind) {
	case WRITE_PROMISE:
		image->promise = write->promise;
		break;
	case WRITE_ENTRY:
		*image_entry(image, write->index) = write->entry;
		image->sums[write->index % LOG_ENTRIES] = entry_digest(&write->entry);
		image->last = write->index;
		break;
	case WRITE_TRUNCATE:
		image->last = write->index - 1;
		break;
	case WRITE_INSTALL:
		image->snapshot = write->snapshot;
		image->last = w->snapshots[write->snapshot].snapshot.index;
		break;
	case WRITE_COMPACT:
		image->snapshot = write->snapshot;
		break;
	}
}

static void flush(struct pc_simulation *w, struct disk *disk, uint64_t until)
{
	for (; disk->durable < until; disk->durable++)
		apply(w, &disk->image, &disk->writes[disk->durable % WRITES_MAX]);
}

void disk_write(struct pc_simulation *w, uint32_t n, const struct write *write)
{
	struct disk *disk = &w->nodes[n].disk;

	/* A full cache makes the writer wait; here the oldest write ends at once. */
	if (disk->issued - disk->durable == WRITES_MAX)
		flush(w, disk, disk->durable + 1);
	disk->writes[disk->issued++ % WRITES_MAX] = *write;
}

void disk_sync(struct pc_simulation *w, uint32_t n)
{
	struct disk *disk = &w->nodes[n].disk;

	if (disk->busy || disk->issued == disk->durable)
		return;
	disk->busy = true;
	disk->syncing = disk->issued;
	world_at(w,
		disk->sync_ns / 4 + (int64_t)hb_rng_below(&w->disk_rng, (uint64_t)disk->sync_ns),
		EVENT_SYNCED, n, w->nodes[n].epoch);
}

void disk_synced(struct pc_simulation *w, uint32_t n)
{
	struct disk *disk = &w->nodes[n].disk;

	if (disk->syncing > disk->durable)
		flush(w, disk, disk->syncing);
	disk->busy = false;
	disk_sync(w, n);
}

static uint64_t checksum(const struct write *write)
{
	return XXH3_64bits(write, sizeof(*write));
}

/* What is left of @length bytes that were being written. */
static void tear(struct pc_simulation *w, unsigned char *bytes, size_t length)
{
	size_t from = (size_t)hb_rng_below(&w->disk_rng, length + 1);

	if (hb_rng_below(&w->disk_rng, 2)) {
		memset(bytes + from, 0, length - from);
		return;
	}
	/* Where sectors begin is as good as random. */
	for (from %= SECTOR_BYTES; from < length; from += SECTOR_BYTES) {
		size_t left = length - from;

		if (hb_rng_below(&w->disk_rng, 3) == 0)
			memset(bytes + from, 0, left < SECTOR_BYTES ? left : SECTOR_BYTES);
	}
}

static bool is_blank(const struct record *record)
{
	const unsigned char *bytes = (const unsigned char *)record;

	for (size_t i = 0; i < sizeof(*record); i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

void disk_crash(struct pc_simulation *w, uint32_t n)
{
	struct disk *disk = &w->nodes[n].disk;
	uint32_t open = (uint32_t)(disk->issued - disk->durable), kept;

	for (uint32_t i = 0; i < open; i++) {
		struct record *record = &w->platter[i];

		record->write = disk->writes[(disk->durable + i) % WRITES_MAX];
		record->checksum = checksum(&record->write);
	}
	if (open > 0)
		tear(w, (unsigned char *)w->platter, open * sizeof(w->platter[0]));
	for (kept = 0; kept < open; kept++) {
		const struct record *record = &w->platter[kept];

		if (checksum(&record->write) != record->checksum) {
			if (!is_blank(record))
				world_saw(w, PC_SAW_TORN_WRITE);
			break;
		}
		apply(w, &disk->image, &record->write);
	}
	if (kept < open)
		world_saw(w, PC_SAW_LOST_WRITES);
	disk->durable = disk->issued;
	disk->busy = false;
}

/* ---- bits that flip ---- */

bool disk_flip(struct pc_simulation *w, uint32_t n, struct hb_rng *rng)
{
	struct image *image = &w->nodes[n].disk.image;
	uint64_t first = w->snapshots[image->snapshot].snapshot.index + 1;
	struct pc_entry *entry;

	if (image->last < first)
		return false;
	entry = image_entry(image, first + hb_rng_below(rng, image->last + 1 - first));
	if (hb_rng_below(rng, 2))
		entry->command ^= (uint64_t)1 << hb_rng_below(rng, 64);
	else
		entry->term ^= (uint64_t)1 << hb_rng_below(rng, 8);
	w->nodes[n].rotten = true;
	return true;
}

bool disk_is_sound(struct pc_simulation *w, uint32_t n)
{
	struct image *image = &w->nodes[n].disk.image;

	for (uint64_t i = w->snapshots[image->snapshot].snapshot.index + 1; i <= image->last; i++) {
		if (entry_digest(image_entry(image, i)) != image->sums[i % LOG_ENTRIES])
			return false;
	}
	return true;
}
