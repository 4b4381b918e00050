/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A server's folder: `log`, the write-ahead log, and `snapshot`, what came before it.
 *
 * The log starts with a header that names the snapshot it goes on from; records follow, each with a sum that depends on
 * the file and on its own offset. Before a record is written, everything but the last batch is durable, and when a
 * batch is durable and nothing follows at once, a record that says so is added. So a record that cannot be read is a
 * torn tail if no readable record comes after it, and damage otherwise. A snapshot is `snapshot.INDEX`; a new one is
 * written beside, then a new log that names it, which is renamed over the old: there is always one that is whole.
 *
 * Not thread-safe but for log_flush(), which may run beside everything that only appends.
 */
#ifndef PC_LOG_FILE_H
#define PC_LOG_FILE_H

#include <probcons/replica.h>

#include "bytes.h"
#include "store.h"

struct hb_error;

struct log_file {
	char *folder;
	int fd, folder_fd;
	uint32_t node;
	uint64_t identity; /* of the file; sums depend on it */
	uint64_t snapshot_index;
	struct bytes pending, flushing;
	uint64_t end;            /* where the next record will stand */
	uint64_t flush_at;       /* where @flushing stands */
	uint64_t syncs, written; /* counted */
};

/* What a folder holds. */
struct recovered {
	struct pc_promise promise;
	struct pc_snapshot snapshot;
	struct store *store;
	struct pc_entry *entries;
	uint32_t count, capacity;
	uint64_t torn_at, torn_bytes; /* what was cut off */
};

void recovered_finish(struct recovered *recovered);

/*
 * log_scan - the records of a log in memory, into @ret (without snapshot). @ret_end: up to where it is good.
 * Returns 0, -EBADMSG with the offset in @reterr, or -ENOMEM.
 */
int log_scan(const uint8_t *data, size_t length, const char *path, struct recovered *ret,
	uint64_t *ret_end, struct hb_error *reterr);

/* snapshot_decode - into @ret->snapshot and ->store, which the caller destroys. Returns as log_scan(). */
int snapshot_decode(const uint8_t *data, size_t length, const char *path, struct recovered *ret,
	struct hb_error *reterr);
int snapshot_load(int folder_fd, const char *folder, const char *name, struct recovered *ret,
	struct hb_error *reterr);

/*
 * log_open - lock the folder and read what it holds; makes both if there is nothing, from @first (snapshot, promise).
 * Returns 0, -EBADMSG (damaged: offset and the way out in @reterr), -EEXIST (another server has it), other -errno.
 */
int log_open(const char *folder, uint32_t node, const struct recovered *first,
	struct log_file *ret_log, struct recovered *ret, struct hb_error *reterr);
void log_close(struct log_file *log);

void log_put_promise(struct log_file *log, const struct pc_promise *promise);
void log_put_entry(struct log_file *log, uint64_t index, const struct pc_entry *entry);
void log_put_truncate(struct log_file *log, uint64_t index);

/* log_take - what is pending becomes what the next log_flush() writes; none may be under way. */
void log_take(struct log_file *log);
/* log_flush - blocks until durable. Returns 0 or -errno; after log_no_room() it may be tried again. */
int log_flush(struct log_file *log);
/* log_no_room - does @err say that the disk, a quota or a limit is exhausted? */
bool log_no_room(int err);
/* log_mark - say that all is durable; may fail unnoticed. */
void log_mark(struct log_file *log);

/*
 * log_compact - a new snapshot of @store and a new log with @promise and @entries after it; blocks until durable.
 * What is pending is dropped, as the new log holds it. @received: the name of a durable snapshot file; NULL: write it.
 */
int log_compact(struct log_file *log, const struct pc_snapshot *snapshot, const struct store *store,
	const char *received, const struct pc_promise *promise, const struct pc_entry *entries,
	uint32_t count);

#endif
