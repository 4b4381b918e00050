/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "log_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <xxhash.h>

#include "wire.h"

#define LOG_MAGIC UINT64_C(0x31474f4c53424f52)      /* "ROBSLOG1" */
#define SNAPSHOT_MAGIC UINT64_C(0x31504e5353424f52) /* "ROBSSNP1" */
#define RECORD_MAGIC UINT32_C(0xa7c3e95d)
#define LOG_HEADER_BYTES 48    /* magic, identity, node, 0, snapshot's index and term, sum */
#define RECORD_HEADER_BYTES 24 /* magic, length, kind, 0, sum */
#define RECORD_BODY_MAX ((size_t)1 << 20)
#define WAY_OUT                                                                          \
	"move the folder away and start the node with an empty one and --join, so that " \
	"it gets everything from the others"

enum record_kind {
	RECORD_PROMISE = 1,
	RECORD_ENTRY,
	RECORD_TRUNCATE,
	RECORD_DURABLE, /* everything before it is */
	RECORD_KINDS,
};

/* ---- records ---- */

static uint64_t record_sum(
	const uint8_t *body, uint64_t length, uint64_t kind, uint64_t identity, uint64_t offset)
{
	return XXH3_64bits_withSeed(
		body, length, identity ^ (offset * UINT64_C(0x9e3779b97f4a7c15)) ^ kind << 56);
}

static size_t record_begin(struct bytes *out, enum record_kind kind)
{
	size_t start = out->length;
	uint8_t *header = bytes_room(out, RECORD_HEADER_BYTES);

	if (header) {
		memset(header, 0, RECORD_HEADER_BYTES);
		store_u64(header, RECORD_MAGIC, 4);
		store_u64(header + 8, kind, 4);
	}
	return start;
}

/* @offset: where the record will stand in the file. */
static void record_end(struct bytes *out, size_t start, uint64_t identity, uint64_t offset)
{
	size_t length = out->length - start - RECORD_HEADER_BYTES;
	uint8_t *header = out->data + start;

	if (out->bad)
		return;
	store_u64(header + 4, length, 4);
	store_u64(header + 16,
		record_sum(header + RECORD_HEADER_BYTES, length, load_u64(header + 8, 4), identity,
			offset),
		8);
}

/* The length of the record at @offset with its header, or 0 if there is none. @budget: bytes that may be summed. */
static uint64_t record_at(
	const uint8_t *data, uint64_t length, uint64_t offset, uint64_t identity, uint64_t *budget)
{
	const uint8_t *at = data + offset;
	uint64_t body, kind;

	if (length - offset < RECORD_HEADER_BYTES || load_u64(at, 4) != RECORD_MAGIC)
		return 0;
	body = load_u64(at + 4, 4);
	kind = load_u64(at + 8, 4);
	if (body > RECORD_BODY_MAX || body > length - offset - RECORD_HEADER_BYTES || kind == 0 ||
		kind >= RECORD_KINDS || load_u64(at + 12, 4) != 0)
		return 0;
	*budget = *budget > body ? *budget - body : 0;
	if (load_u64(at + 16, 8) !=
		record_sum(at + RECORD_HEADER_BYTES, body, kind, identity, offset))
		return 0;
	return RECORD_HEADER_BYTES + body;
}

void log_put_promise(struct log_file *log, const struct pc_promise *promise)
{
	size_t start = record_begin(&log->pending, RECORD_PROMISE);

	put_u64(&log->pending, promise->term);
	put_u32(&log->pending, promise->vote);
	put_u32(&log->pending, promise->life);
	record_end(&log->pending, start, log->identity, log->end);
	log->end += log->pending.length - start;
}

void log_put_entry(struct log_file *log, uint64_t index, const struct pc_entry *entry)
{
	size_t start = record_begin(&log->pending, RECORD_ENTRY);

	put_u64(&log->pending, index);
	encode_entry(&log->pending, entry);
	record_end(&log->pending, start, log->identity, log->end);
	log->end += log->pending.length - start;
}

void log_put_truncate(struct log_file *log, uint64_t index)
{
	size_t start = record_begin(&log->pending, RECORD_TRUNCATE);

	put_u64(&log->pending, index);
	record_end(&log->pending, start, log->identity, log->end);
	log->end += log->pending.length - start;
}

/* ---- reading ---- */

static void forget_from(struct recovered *r, uint32_t count)
{
	while (r->count > count)
		payload_release(entry_payload(&r->entries[--r->count]));
}

void recovered_finish(struct recovered *recovered)
{
	forget_from(recovered, 0);
	free(recovered->entries);
	store_destroy(recovered->store);
	*recovered = (struct recovered){0};
}

static int replay_entry(struct recovered *r, struct reader *body)
{
	uint64_t index = take_u64(body);
	struct pc_entry entry;

	if (body->bad || index != r->snapshot.index + r->count + 1)
		return -EBADMSG;
	if (r->count == r->capacity) {
		uint32_t capacity = r->capacity ? r->capacity * 2 : 256;
		struct pc_entry *entries = realloc(r->entries, capacity * sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		r->entries = entries;
		r->capacity = capacity;
	}
	if (!decode_entry(body, &entry))
		return -EBADMSG;
	r->entries[r->count++] = entry;
	return 0;
}

static int replay(struct recovered *r, uint64_t kind, struct reader *body)
{
	uint64_t index;
	int err = 0;

	switch ((enum record_kind)kind) {
	case RECORD_PROMISE:
		r->promise.term = take_u64(body);
		r->promise.vote = take_u32(body);
		r->promise.life = take_u32(body);
		break;
	case RECORD_ENTRY:
		err = replay_entry(r, body);
		break;
	case RECORD_TRUNCATE:
		index = take_u64(body);
		if (index <= r->snapshot.index || index > r->snapshot.index + r->count + 1)
			return -EBADMSG;
		forget_from(r, (uint32_t)(index - r->snapshot.index - 1));
		break;
	case RECORD_DURABLE:
	case RECORD_KINDS:
		break;
	}
	if (!err && (body->bad || body->at != body->end))
		err = -EBADMSG;
	return err;
}

static int damaged(struct hb_error *reterr, const char *path, uint64_t offset, const char *what)
{
	return hb_error_set_at(reterr, -EBADMSG, path, 0,
		"%s at offset %" PRIu64
		": the file is damaged, and nothing of it is used; " WAY_OUT,
		what, offset);
}

/* Is there anything readable after @offset? Then what stands there was durable once, and is damaged. */
static bool is_torn(const uint8_t *data, uint64_t length, uint64_t offset, uint64_t identity)
{
	uint64_t budget = 16 * length;

	for (uint64_t at = offset + 1; length - at >= RECORD_HEADER_BYTES && at < length; at++) {
		if (record_at(data, length, at, identity, &budget) || budget == 0)
			return false;
	}
	return true;
}

int log_scan(const uint8_t *data, size_t length, const char *path, struct recovered *ret,
	uint64_t *ret_end, struct hb_error *reterr)
{
	uint64_t offset = LOG_HEADER_BYTES, identity, budget = UINT64_MAX;

	if (length < LOG_HEADER_BYTES || load_u64(data, 8) != LOG_MAGIC ||
		load_u64(data + 40, 8) != XXH3_64bits(data, 40))
		return damaged(reterr, path, 0, "no log header");
	identity = load_u64(data + 8, 8);
	ret->snapshot.index = load_u64(data + 24, 8);
	ret->snapshot.term = load_u64(data + 32, 8);
	while (offset < length) {
		uint64_t size = record_at(data, length, offset, identity, &budget);
		struct reader body = {
			data + offset + RECORD_HEADER_BYTES, data + offset + size, false};
		int err;

		if (size == 0) {
			if (!is_torn(data, length, offset, identity))
				return damaged(reterr, path, offset, "unreadable record");
			ret->torn_at = offset;
			ret->torn_bytes = length - offset;
			break;
		}
		err = replay(ret, load_u64(data + offset + 8, 4), &body);
		if (err == -ENOMEM)
			return hb_error_set(reterr, err, "out of memory");
		if (err)
			return damaged(reterr, path, offset, "impossible record");
		offset += size;
	}
	*ret_end = offset;
	return 0;
}

/* ---- files ---- */

static int read_whole(int folder_fd, const char *name, uint8_t **ret, size_t *ret_length)
{
	int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
	struct stat status;
	uint8_t *data = NULL;
	size_t length = 0;
	ssize_t got = 1;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) || !S_ISREG(status.st_mode))
		err = -EINVAL;
	if (!err)
		data = malloc((size_t)status.st_size + 1);
	if (!err && !data)
		err = -ENOMEM;
	while (!err && length < (size_t)status.st_size && got > 0) {
		got = read(fd, data + length, (size_t)status.st_size - length);
		if (got < 0)
			err = errno == EINTR ? 0 : -errno;
		else
			length += (size_t)got;
		if (got < 0 && !err)
			got = 1;
	}
	(void)close(fd);
	if (err) {
		free(data);
		return err;
	}
	*ret = data;
	*ret_length = length;
	return 0;
}

static int write_at(int fd, const uint8_t *data, size_t length, uint64_t offset)
{
	while (length > 0) {
		ssize_t done = pwrite(fd, data, length, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		data += done;
		length -= (size_t)done;
		offset += (uint64_t)done;
	}
	return 0;
}

/* ---- snapshots ---- */

struct snapshot_writer {
	XXH3_state_t *sum;
	uint64_t offset;
	int fd;
};

static int write_piece(void *context, const uint8_t *data, size_t length)
{
	struct snapshot_writer *writer = context;
	int err = write_at(writer->fd, data, length, writer->offset);

	writer->offset += length;
	if (!err)
		(void)XXH3_64bits_update(writer->sum, data, length);
	return err;
}

static int write_snapshot(int folder_fd, const char *name, const struct pc_snapshot *snapshot,
	const struct store *store)
{
	struct snapshot_writer writer = {.sum = XXH3_createState()};
	struct bytes head = {0};
	uint8_t sum[8];
	int err = 0;

	put_u64(&head, SNAPSHOT_MAGIC);
	put_u64(&head, snapshot->index);
	put_u64(&head, snapshot->term);
	encode_configuration(&head, &snapshot->configuration);
	writer.fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (writer.fd < 0)
		err = -errno;
	else if (head.bad || !writer.sum)
		err = -ENOMEM;
	if (!err) {
		(void)XXH3_64bits_reset(writer.sum);
		err = write_piece(&writer, head.data, head.length);
	}
	if (!err)
		err = store_save(store, write_piece, &writer);
	if (!err) {
		store_u64(sum, XXH3_64bits_digest(writer.sum), 8);
		err = write_at(writer.fd, sum, sizeof(sum), writer.offset);
	}
	if (!err && fsync(writer.fd))
		err = -errno;
	if (writer.fd >= 0)
		(void)close(writer.fd);
	free(head.data);
	(void)XXH3_freeState(writer.sum);
	return err;
}

int snapshot_decode(const uint8_t *data, size_t length, const char *path, struct recovered *ret,
	struct hb_error *reterr)
{
	struct reader r = {data, data + (length < 8 ? 0 : length - 8), false};
	struct pc_snapshot snapshot = {0};
	struct store *store;
	int err;

	if (length < 8 || load_u64(data, 8) != SNAPSHOT_MAGIC)
		return damaged(reterr, path, 0, "no snapshot header");
	if (load_u64(r.end, 8) != XXH3_64bits(data, length - 8))
		return damaged(reterr, path, length - 8, "wrong sum of the snapshot");
	(void)take_u64(&r);
	snapshot.index = take_u64(&r);
	snapshot.term = take_u64(&r);
	if (!decode_configuration(&r, &snapshot.configuration))
		return damaged(reterr, path, 24, "impossible rule");
	store = store_create();
	err = store ? store_load(store, &r) : -ENOMEM;
	if (!err && r.at != r.end)
		err = -EBADMSG;
	if (err) {
		store_destroy(store);
		return err == -ENOMEM ? hb_error_set(reterr, err, "out of memory")
				      : damaged(reterr, path, (uint64_t)(r.at - data),
						"impossible content");
	}
	ret->snapshot = snapshot;
	ret->store = store;
	return 0;
}

int snapshot_load(int folder_fd, const char *folder, const char *name, struct recovered *ret,
	struct hb_error *reterr)
{
	char path[HB_ERROR_PATH_BYTES];
	uint8_t *data;
	size_t length;
	int err = read_whole(folder_fd, name, &data, &length);

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (err)
		return hb_error_set_at(reterr, err, path, 0,
			"cannot be read (%s), and the log goes on from it; " WAY_OUT,
			strerror(-err));
	err = snapshot_decode(data, length, path, ret, reterr);
	free(data);
	return err;
}

static void snapshot_name(uint64_t index, char *ret, size_t size)
{
	(void)snprintf(ret, size, "snapshot.%" PRIu64, index);
}

/* ---- a new log ---- */

static int write_new_log(struct log_file *log, const struct pc_snapshot *snapshot)
{
	uint8_t header[LOG_HEADER_BYTES] = {0};
	int fd = openat(log->folder_fd, "log.new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int err;

	if (fd < 0)
		return -errno;
	store_u64(header, LOG_MAGIC, 8);
	store_u64(header + 8, log->identity, 8);
	store_u64(header + 16, log->node, 4);
	store_u64(header + 24, snapshot->index, 8);
	store_u64(header + 32, snapshot->term, 8);
	store_u64(header + 40, XXH3_64bits(header, 40), 8);
	err = log->pending.bad ? -ENOMEM : write_at(fd, header, sizeof(header), 0);
	if (!err)
		err = write_at(fd, log->pending.data, log->pending.length, LOG_HEADER_BYTES);
	if (!err && (fsync(fd) || renameat(log->folder_fd, "log.new", log->folder_fd, "log") ||
			    fsync(log->folder_fd)))
		err = -errno;
	if (err) {
		(void)close(fd);
		return err;
	}
	if (log->fd >= 0)
		(void)close(log->fd);
	log->fd = fd;
	log->written += log->pending.length;
	log->syncs += 2;
	return 0;
}

int log_compact(struct log_file *log, const struct pc_snapshot *snapshot, const struct store *store,
	const char *received, const struct pc_promise *promise, const struct pc_entry *entries,
	uint32_t count)
{
	struct log_file fresh = *log;
	char name[64];
	int err;

	snapshot_name(snapshot->index, name, sizeof(name));
	err = received ? (renameat(log->folder_fd, received, log->folder_fd, name) ? -errno : 0)
		       : write_snapshot(log->folder_fd, name, snapshot, store);
	if (err)
		return err;
	fresh.pending = fresh.flushing = (struct bytes){0};
	fresh.end = LOG_HEADER_BYTES;
	if (getrandom(&fresh.identity, sizeof(fresh.identity), 0) != sizeof(fresh.identity))
		return -EIO;
	log_put_promise(&fresh, promise);
	for (uint32_t i = 0; i < count; i++)
		log_put_entry(&fresh, snapshot->index + 1 + i, &entries[i]);
	err = write_new_log(&fresh, snapshot);
	free(fresh.pending.data);
	if (err)
		return err;
	fresh.pending = log->pending;
	fresh.flushing = log->flushing;
	fresh.pending.length = fresh.flushing.length = 0;
	if (fresh.snapshot_index != snapshot->index) {
		snapshot_name(fresh.snapshot_index, name, sizeof(name));
		(void)unlinkat(fresh.folder_fd, name, 0);
	}
	fresh.snapshot_index = snapshot->index;
	*log = fresh;
	return 0;
}

/* ---- flushing ---- */

void log_take(struct log_file *log)
{
	struct bytes done = log->flushing;

	log->flushing = log->pending;
	log->flush_at = log->end - log->pending.length;
	done.length = 0;
	log->pending = done;
}

bool log_no_room(int err)
{
	return err == -ENOSPC || err == -EDQUOT || err == -EFBIG;
}

int log_flush(struct log_file *log)
{
	int err = log->flushing.bad ? -ENOMEM
				    : write_at(log->fd, log->flushing.data, log->flushing.length,
					      log->flush_at);

	if (!err && fdatasync(log->fd))
		return -EIO; /* what the kernel dropped cannot be written again: never tried twice */
	if (err)
		return err;
	log->syncs++;
	log->written += log->flushing.length;
	return 0;
}

void log_mark(struct log_file *log)
{
	struct bytes mark = {0};
	size_t start = record_begin(&mark, RECORD_DURABLE);

	record_end(&mark, start, log->identity, log->end);
	/* If it is torn, or does not fit, the log ends before it: nothing is lost. */
	if (!mark.bad && write_at(log->fd, mark.data, mark.length, log->end) == 0)
		log->end += mark.length;
	free(mark.data);
}

/* ---- opening ---- */

static int open_folder(const char *folder, struct log_file *log, struct hb_error *reterr)
{
	if (mkdir(folder, 0700) && errno != EEXIST)
		return hb_error_set_at(
			reterr, -errno, folder, 0, "cannot be made: %s", strerror(errno));
	log->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (log->folder_fd < 0)
		return hb_error_set_at(
			reterr, -errno, folder, 0, "cannot be opened: %s", strerror(errno));
	if (flock(log->folder_fd, LOCK_EX | LOCK_NB))
		return hb_error_set_at(reterr, -EEXIST, folder, 0,
			"another server uses this folder; stop it or give another --data");
	log->folder = strdup(folder);
	return log->folder ? 0 : hb_error_set(reterr, -ENOMEM, "out of memory");
}

/* A first start that was cut short leaves the first snapshot alone; a later one without its log is a loss. */
static int refuse_orphans(struct log_file *log, struct hb_error *reterr)
{
	int fd = openat(log->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *item;
	int err = 0;

	if (!folder) {
		if (fd >= 0)
			(void)close(fd);
		return hb_error_set_at(reterr, -EIO, log->folder, 0, "cannot be listed");
	}
	while (!err && (item = readdir(folder)) != NULL) {
		if (strncmp(item->d_name, "snapshot.", 9) == 0 &&
			strcmp(item->d_name, "snapshot.0") != 0 &&
			strcmp(item->d_name, "snapshot.1") != 0)
			err = hb_error_set_at(reterr, -EBADMSG, log->folder, 0,
				"has %.64s but no log: what was promised is lost; " WAY_OUT,
				item->d_name);
	}
	(void)closedir(folder);
	return err;
}

static int start_new(struct log_file *log, const struct recovered *first, struct hb_error *reterr)
{
	struct store *store;
	int err = refuse_orphans(log, reterr);

	if (err)
		return err;
	store = store_create();
	log->snapshot_index = first->snapshot.index;
	err = store ? log_compact(log, &first->snapshot, store, NULL, &first->promise, NULL, 0)
		    : -ENOMEM;

	store_destroy(store);
	return err ? hb_error_set_at(
			     reterr, err, log->folder, 0, "cannot be written: %s", strerror(-err))
		   : 0;
}

static int read_log(struct log_file *log, const uint8_t *data, size_t length, const char *path,
	struct recovered *ret, struct hb_error *reterr)
{
	uint64_t end = 0;
	struct pc_snapshot named;
	char name[64];
	int err = log_scan(data, length, path, ret, &end, reterr);

	if (err)
		return err;
	if (load_u64(data + 16, 4) != log->node)
		return hb_error_set_at(reterr, -EBADMSG, path, 0,
			"is the log of node %" PRIu64 ", not of %" PRIu32
			"; give the --id or the --data that belong together",
			load_u64(data + 16, 4), log->node);
	named = ret->snapshot;
	snapshot_name(named.index, name, sizeof(name));
	err = snapshot_load(log->folder_fd, log->folder, name, ret, reterr);
	if (err)
		return err;
	if (ret->snapshot.index != named.index || ret->snapshot.term != named.term)
		return damaged(reterr, path, 24, "the snapshot is not the one that is named");
	if (ret->promise.life == 0)
		return damaged(reterr, path, LOG_HEADER_BYTES, "no promise");
	log->identity = load_u64(data + 8, 8);
	log->snapshot_index = named.index;
	log->end = end;
	return 0;
}

/* Whatever was torn is cut off durably before anything follows it. */
static int reopen(struct log_file *log, const char *path, struct hb_error *reterr)
{
	log->fd = openat(log->folder_fd, "log", O_RDWR | O_CLOEXEC);
	if (log->fd < 0 || ftruncate(log->fd, (off_t)log->end) || fsync(log->fd))
		return hb_error_set_at(
			reterr, -errno, path, 0, "cannot be written: %s", strerror(errno));
	log_mark(log);
	return 0;
}

int log_open(const char *folder, uint32_t node, const struct recovered *first,
	struct log_file *ret_log, struct recovered *ret, struct hb_error *reterr)
{
	struct log_file log = {.fd = -1, .folder_fd = -1, .node = node};
	struct recovered recovered = {0};
	char path[HB_ERROR_PATH_BYTES];
	uint8_t *data = NULL;
	size_t length;
	int err = open_folder(folder, &log, reterr);

	(void)snprintf(path, sizeof(path), "%s/log", folder);
	if (!err) {
		err = read_whole(log.folder_fd, "log", &data, &length);
		if (err == -ENOENT) {
			err = start_new(&log, first, reterr);
			if (!err)
				err = read_whole(log.folder_fd, "log", &data, &length);
			if (log.fd >= 0)
				(void)close(log.fd);
			log.fd = -1;
		} else if (err) {
			err = hb_error_set_at(
				reterr, err, path, 0, "cannot be read: %s", strerror(-err));
		}
	}
	if (!err)
		err = read_log(&log, data, length, path, &recovered, reterr);
	if (!err)
		err = reopen(&log, path, reterr);
	free(data);
	if (err) {
		recovered_finish(&recovered);
		log_close(&log);
		return err;
	}
	*ret_log = log;
	*ret = recovered;
	return 0;
}

void log_close(struct log_file *log)
{
	if (log->fd >= 0)
		(void)close(log->fd);
	if (log->folder_fd >= 0)
		(void)close(log->folder_fd);
	free(log->folder);
	free(log->pending.data);
	free(log->flushing.data);
	*log = (struct log_file){.fd = -1, .folder_fd = -1};
}
