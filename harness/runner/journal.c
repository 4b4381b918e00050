/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/csv.h>
#include <hotbed/error.h>

/* A trial has one row per metric: more than this is no file of ours, and memory stays bounded. */
#define TRIAL_ROWS_MAX 16384
#define TRIAL_TEXT_BYTES_MAX ((size_t)64 << 20)

/* The rows of the trial that is being read. Text lies in one buffer, addressed by offset until the trial is whole. */
struct gathered {
	char *text;
	size_t text_bytes, text_capacity;
	size_t *offsets; /* shape [capacity][HB_COLUMN_COUNT] */
	size_t count, capacity;
	const char *
		*fields; /* shape [capacity][HB_COLUMN_COUNT], made when the trial is handed on */
	const char *const **rows; /* shape [capacity] */
};

struct reader {
	const char *path;
	int fd;
	hb_journal_trial_fn *trial;
	void *user;
	int index[HB_COLUMN_COUNT];
	size_t header_fields;
	bool has_header;
	bool whole;            /* @gathered ends with a commit mark and waits to be handed on */
	bool broken;           /* a malformed row: what follows decides whether it is a torn tail */
	bool from_callback;    /* the negative return is the caller's, not a fault of the file */
	struct hb_error fault; /* of the malformed row */
	uint64_t header_end, whole_end, committed_end;
	struct gathered gathered;
};

static void gathered_finish(struct gathered *g)
{
	free(g->text);
	free(g->offsets);
	free(g->fields);
	free(g->rows);
}

static int gathered_grow_rows(struct gathered *g)
{
	size_t capacity = g->capacity ? g->capacity * 2 : 32;
	size_t *offsets = reallocarray(g->offsets, capacity, HB_COLUMN_COUNT * sizeof(*offsets));

	if (!offsets)
		return -ENOMEM;
	g->offsets = offsets;
	const char **fields = reallocarray(g->fields, capacity, HB_COLUMN_COUNT * sizeof(*fields));

	if (!fields)
		return -ENOMEM;
	g->fields = fields;
	const char *const **rows = reallocarray(g->rows, capacity, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	g->rows = rows;
	g->capacity = capacity;
	return 0;
}

static int gathered_put(struct gathered *g, const char *text, size_t length_bytes, size_t *ret)
{
	if (g->text_capacity - g->text_bytes <= length_bytes) {
		size_t capacity = g->text_capacity ? g->text_capacity * 2 : 8192;

		while (capacity - g->text_bytes <= length_bytes)
			capacity *= 2;
		if (capacity > TRIAL_TEXT_BYTES_MAX)
			return -E2BIG;
		char *grown = realloc(g->text, capacity);

		if (!grown)
			return -ENOMEM;
		g->text = grown;
		g->text_capacity = capacity;
	}
	memcpy(g->text + g->text_bytes, text, length_bytes);
	g->text[g->text_bytes + length_bytes] = '\0';
	*ret = g->text_bytes;
	g->text_bytes += length_bytes + 1;
	return 0;
}

static void gathered_reset(struct gathered *g)
{
	g->count = 0;
	g->text_bytes = 0;
}

static int gathered_add(
	struct gathered *g, const struct reader *r, const struct hb_csv_record *record)
{
	if (g->count >= TRIAL_ROWS_MAX)
		return -E2BIG;
	int error = g->count < g->capacity ? 0 : gathered_grow_rows(g);

	if (error)
		return error;
	size_t *offsets = g->offsets + g->count * HB_COLUMN_COUNT;

	for (int c = 0; c < HB_COLUMN_COUNT; c++) {
		int i = r->index[c];

		error = gathered_put(g, i < 0 ? "" : record->fields[i],
			i < 0 ? 0 : record->lengths[i], &offsets[c]);
		if (error)
			return error;
	}
	g->count++;
	return 0;
}

static int hand_on(struct reader *r, struct hb_error *reterr)
{
	struct gathered *g = &r->gathered;

	for (size_t i = 0; i < g->count; i++) {
		const char **fields = g->fields + i * HB_COLUMN_COUNT;

		for (int c = 0; c < HB_COLUMN_COUNT; c++)
			fields[c] = g->text + g->offsets[i * HB_COLUMN_COUNT + (size_t)c];
		g->rows[i] = fields;
	}
	const struct hb_journal_trial trial = {
		.row_count = g->count,
		.rows = g->rows,
		.end_bytes = r->whole_end,
	};
	int error = r->trial ? r->trial(&trial, r->user, reterr) : 0;

	if (error) {
		r->from_callback = true;
		return error;
	}
	r->committed_end = r->whole_end;
	r->whole = false;
	gathered_reset(g);
	return 0;
}

static int malformed(struct reader *r, const struct hb_csv_record *record, const char *why)
{
	r->broken = true;
	return hb_error_set_at(&r->fault, -EBADMSG, r->path, (int)record->line, "%s", why);
}

static int check_record(struct reader *r, const struct hb_csv_record *record)
{
	if (record->field_count != r->header_fields)
		return malformed(r, record,
			"the row has another number of fields than the header; the file was "
			"damaged or edited");
	for (size_t i = 0; i < record->field_count; i++)
		if (memchr(record->fields[i], '\0', record->lengths[i]))
			return malformed(
				r, record, "the row holds NUL bytes; the file was damaged");
	if (r->gathered.count == 0)
		return 0;
	const char *seq = r->gathered.text + r->gathered.offsets[HB_COLUMN_SEQ];

	if (strcmp(seq, record->fields[r->index[HB_COLUMN_SEQ]]) != 0)
		return malformed(r, record,
			"a trial begins before the last one's commit mark; the file was damaged or "
			"edited");
	return 0;
}

static int take_record(const struct hb_csv_record *record, void *user, struct hb_error *reterr)
{
	struct reader *r = user;
	int error;

	if (!r->has_header) {
		error = hb_csv_columns(record, r->path, hb_column_names, HB_COLUMN_COUNT,
			HB_COLUMN_COUNT, r->index, reterr);
		if (error)
			return error;
		r->has_header = true;
		r->header_fields = record->field_count;
		r->header_end = r->committed_end = record->offset_bytes;
		return 0;
	}
	if (r->whole) {
		error = hand_on(r, reterr);
		if (error)
			return error;
	}
	error = check_record(r, record);
	if (error)
		return error;
	error = gathered_add(&r->gathered, r, record);
	if (error == -E2BIG)
		return malformed(r, record, "a trial without end; the file was damaged");
	if (error)
		return hb_error_set_at(reterr, error, r->path, 0, "out of memory");
	if (!strcmp(record->fields[r->index[HB_COLUMN_METRIC]], HB_COMMIT_METRIC)) {
		r->whole = true;
		r->whole_end = record->offset_bytes;
	}
	return 0;
}

/*
 * Count lines with a commit mark from @offset on. Each trial is on the disk before the next one is appended, so damage
 * by a crash or power loss touches the last trial only: at most one commit mark may follow it.
 */
static int count_marks(int fd, uint64_t offset, size_t *ret)
{
	static const char mark[] = "," HB_COMMIT_METRIC ",";
	size_t matched = 0, count = 0;
	char chunk[65536];

	for (;;) {
		ssize_t got = pread(fd, chunk, sizeof(chunk), (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		for (ssize_t i = 0; i < got; i++) {
			if (chunk[i] != mark[matched])
				matched = 0;
			if (chunk[i] == mark[matched] && ++matched == sizeof(mark) - 1) {
				count++;
				matched = 0;
			}
		}
		offset += (uint64_t)got;
	}
	*ret = count;
	return 0;
}

/* A record that ends in CR alone is torn: its LF never reached the file. */
static int ends_in_newline(int fd, uint64_t end, bool *ret)
{
	char last;
	ssize_t got = end > 0 ? pread(fd, &last, 1, (off_t)end - 1) : 0;

	if (got < 0)
		return -errno;
	*ret = got == 1 && last == '\n';
	return 0;
}

static int finish_reading(struct reader *r, int error, struct hb_error *reterr)
{
	bool newline = false;

	if (r->from_callback)
		return error;
	if (error && error != -EBADMSG && error != -E2BIG)
		return error;
	if (error && !r->has_header)
		return error;
	if (error) {
		size_t marks;
		uint64_t from = r->whole ? r->whole_end : r->committed_end;
		int failed = count_marks(r->fd, from, &marks);

		if (failed)
			return hb_error_set_at(reterr, failed, r->path, 0, "%s", strerror(-failed));
		if (marks > 1) {
			if (r->broken && reterr)
				*reterr = r->fault;
			return -EBADMSG;
		}
		if (reterr)
			*reterr = (struct hb_error){0};
	}
	uint64_t end = r->whole ? r->whole_end : r->has_header ? r->header_end : 0;

	error = ends_in_newline(r->fd, end, &newline);
	if (error)
		return hb_error_set_at(reterr, error, r->path, 0, "%s", strerror(-error));
	if (r->whole && newline)
		return hand_on(r, reterr);
	if (!r->whole && !newline && r->committed_end <= r->header_end)
		r->committed_end = 0;
	return 0;
}

int hb_journal_read(const char *path, hb_journal_trial_fn *trial, void *user,
	uint64_t *ret_committed_bytes, struct hb_error *reterr)
{
	hb_assert(path);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		int code = -errno;

		return hb_error_set_at(
			reterr, code, path, 0, "cannot open the journal: %s", strerror(-code));
	}
	struct reader r = {.path = path, .fd = fd, .trial = trial, .user = user};
	int error = hb_csv_read(fd, path, 0, take_record, &r, NULL, reterr);

	error = finish_reading(&r, error, reterr);
	gathered_finish(&r.gathered);
	(void)close(fd);
	if (error)
		return error;
	if (ret_committed_bytes)
		*ret_committed_bytes = r.committed_end;
	return 0;
}
