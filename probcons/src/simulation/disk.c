/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Disks: writes are durable when a sync that began after them has ended. A crash keeps any number of the oldest writes
 * that were under way and loses the rest: records of a log that is written in order, the torn one found by its
 * checksum.
 */
#include "world.h"

#define SYNC_NS (MILLISECOND_NS / 2)

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
	disk->sync_ns = SYNC_NS;
}

static void apply(struct pc_simulation *w, struct image *image, const struct write *write)
{
	switch ((enum write_kind)write->kind) {
	case WRITE_PROMISE:
		image->promise = write->promise;
		break;
	case WRITE_ENTRY:
		*image_entry(image, write->index) = write->entry;
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

void disk_crash(struct pc_simulation *w, uint32_t n)
{
	struct disk *disk = &w->nodes[n].disk;
	uint64_t open = disk->issued - disk->durable;
	uint64_t kept = hb_rng_below(&w->disk_rng, open + 1);

	if (kept < open)
		world_saw(w, PC_SAW_LOST_WRITES);
	flush(w, disk, disk->durable + kept);
	disk->issued = disk->durable;
	disk->busy = false;
}
