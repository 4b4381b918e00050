/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <batching/trace.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/suggest.h>

enum column { COLUMN_TIME, COLUMN_QUEUE, COLUMN_DELTA, COLUMN_COUNT };

/* What is known of one queue while its rows go by. */
struct progress {
	int64_t time_ns;   /* of the last row */
	bat_i128 size_now; /* after all rows so far */
	bat_i128 size_from, size_to;
	bool backwards; /* a row was older than the one before */
};

struct reader {
	const char *path;
	int64_t from_ns, to_ns;
	int columns[COLUMN_COUNT];
	bool has_header;
	struct progress progress[BAT_TRACE_ENDS][BAT_QUEUE_COUNT];
	struct bat_trace_estimate *estimate;
};

static int read_header(
	struct reader *reader, const struct hb_csv_record *record, struct hb_error *reterr)
{
	static const char *const deltas[BAT_UNIT_COUNT] = {
		"delta_bytes", "delta_segments", "delta_sends", "delta_requests"};
	int found = 0;

	for (int unit = 0; unit < BAT_UNIT_COUNT; unit++) {
		const char *const names[COLUMN_COUNT] = {"time_ns", "queue", deltas[unit]};
		int columns[COLUMN_COUNT];
		int err = hb_csv_columns(
			record, reader->path, names, COLUMN_COUNT, 2, columns, reterr);

		if (err)
			return err;
		if (columns[COLUMN_DELTA] < 0)
			continue;
		found++;
		reader->estimate->unit = (enum bat_unit)unit;
		memcpy(reader->columns, columns, sizeof(columns));
	}
	if (found != 1)
		return hb_error_set_at(reterr, -EBADMSG, reader->path, (int)record->line,
			"%s; give exactly one of the columns delta_bytes, delta_segments, "
			"delta_sends and delta_requests, which names the unit",
			found ? "several units" : "no unit");
	reader->has_header = true;
	return 0;
}

/* "unread_b" into queue and end. */
static int find_queue(const struct reader *reader, const struct hb_csv_record *record,
	enum bat_queue *ret_queue, int *ret_end, struct hb_error *reterr)
{
	static const char *const names[] = {"unacked_a", "unread_a", "ackdelay_a", "service_a",
		"unsent_a", "unacked_b", "unread_b", "ackdelay_b", "service_b", "unsent_b", NULL};
	const char *word = record->fields[reader->columns[COLUMN_QUEUE]], *near;

	for (int i = 0; names[i]; i++) {
		if (strcmp(word, names[i]) == 0) {
			*ret_queue = (enum bat_queue)(i % BAT_QUEUE_COUNT);
			*ret_end = i / BAT_QUEUE_COUNT;
			return 0;
		}
	}
	near = hb_suggest(word, names);
	return hb_error_set_at(reterr, -EBADMSG, reader->path, (int)record->line,
		"unknown queue '%.40s'%s%s%s; the queues are unacked, unread, ackdelay, "
		"service and unsent, with _a for the requester or _b for the responder",
		word, near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
}

static int add(struct reader *reader, int end, enum bat_queue name, int64_t time_ns, int64_t delta)
{
	struct bat_trace_queue *queue = &reader->estimate->queues[end][name];
	bool *tracked = &reader->estimate->ends[end].queues[name].tracked;
	struct progress *progress = &reader->progress[end][name];
	int64_t since_ns = time_ns > reader->from_ns ? time_ns : reader->from_ns;
	bool overflow = __builtin_add_overflow(progress->size_now, delta, &progress->size_now);

	if (*tracked && time_ns < progress->time_ns)
		progress->backwards = true;
	progress->time_ns = time_ns;
	*tracked = true;
	if (time_ns > reader->to_ns)
		return overflow ? -ERANGE : 0;
	if (time_ns <= reader->from_ns)
		overflow |=
			__builtin_add_overflow(progress->size_from, delta, &progress->size_from);
	else if (delta < 0)
		overflow |= __builtin_sub_overflow(queue->departed, delta, &queue->departed);
	overflow |= __builtin_add_overflow(progress->size_to, delta, &progress->size_to);
	/* From its time to the window's end the unit counts; what has left before the window began cancels out. */
	overflow |= __builtin_add_overflow(queue->integral,
		(bat_i128)delta * ((bat_i128)reader->to_ns - since_ns), &queue->integral);
	return overflow ? -ERANGE : 0;
}

/* A queue whose rows are in order must not be below zero when the time goes on. */
static bool is_below_zero(const struct progress *progress, int64_t time_ns)
{
	return !progress->backwards && time_ns > progress->time_ns && progress->size_now < 0;
}

static int read_record(const struct hb_csv_record *record, void *user, struct hb_error *reterr)
{
	struct reader *reader = user;
	const struct progress *progress;
	enum bat_queue queue = BAT_UNACKED;
	int64_t time_ns, delta;
	int end = 0, err;

	if (!reader->has_header)
		return read_header(reader, record, reterr);
	for (int i = 0; i < COLUMN_COUNT; i++) {
		if ((size_t)reader->columns[i] >= record->field_count)
			return hb_error_set_at(reterr, -EBADMSG, reader->path, (int)record->line,
				"the record is too short; each needs a time, a queue and a number "
				"of units");
	}
	if (hb_csv_parse_i64(record->fields[reader->columns[COLUMN_TIME]], &time_ns) ||
		hb_csv_parse_i64(record->fields[reader->columns[COLUMN_DELTA]], &delta))
		return hb_error_set_at(reterr, -EBADMSG, reader->path, (int)record->line,
			"time and units must be whole numbers of at most 63 bits, not '%.40s' and "
			"'%.40s'",
			record->fields[reader->columns[COLUMN_TIME]],
			record->fields[reader->columns[COLUMN_DELTA]]);
	err = find_queue(reader, record, &queue, &end, reterr);
	if (err)
		return err;
	progress = &reader->progress[end][queue];
	if (reader->estimate->ends[end].queues[queue].tracked && is_below_zero(progress, time_ns))
		return hb_error_set_at(reterr, -EBADMSG, reader->path, (int)record->line,
			"%s_%c was below zero until %" PRId64
			" ns; an arrival is missing before this line",
			bat_queue_name(queue), end ? 'b' : 'a', time_ns);
	reader->estimate->rows++;
	if (add(reader, end, queue, time_ns, delta))
		return hb_error_set_at(reterr, -ERANGE, reader->path, (int)record->line,
			"the sums exceed 128 bits; no real queue is that long");
	return 0;
}

static int take_sizes(struct reader *reader, int end, enum bat_queue name, struct hb_error *reterr)
{
	struct bat_trace_queue *queue = &reader->estimate->queues[end][name];
	struct bat_wait *wait = &reader->estimate->ends[end].queues[name];
	const struct progress *progress = &reader->progress[end][name];
	const struct {
		bat_i128 size;
		const char *when;
	} checks[] = {{progress->size_from, "at the beginning of the window"},
		{progress->size_to, "at the end of the window"},
		{progress->size_now, "after all rows"}};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (checks[i].size < 0 || checks[i].size > INT64_MAX)
			return hb_error_set_at(reterr, -EBADMSG, reader->path, 0,
				"%s_%c is %s %s; arrivals are missing, or counted twice",
				bat_queue_name(name), end ? 'b' : 'a',
				checks[i].size < 0 ? "below zero" : "beyond 63 bits",
				checks[i].when);
	}
	queue->size_from = (int64_t)progress->size_from;
	queue->size_to = (int64_t)progress->size_to;
	wait->defined = queue->departed > 0;
	if (wait->defined)
		wait->ns = (double)queue->integral / (double)queue->departed;
	if (progress->backwards)
		reader->estimate->in_order = false;
	return 0;
}

int bat_trace_estimate(int fd, const char *path, int64_t from_ns, int64_t to_ns,
	struct bat_trace_estimate *ret, struct hb_error *reterr)
{
	struct bat_trace_estimate estimate = {.in_order = true};
	struct reader reader = {
		.path = path, .from_ns = from_ns, .to_ns = to_ns, .estimate = &estimate};
	int err;

	if (from_ns >= to_ns)
		return hb_error_set(reterr, -EINVAL,
			"the window ends at %" PRId64 " ns, not after its beginning at %" PRId64
			" ns",
			to_ns, from_ns);
	err = hb_csv_read(fd, path, 0, read_record, &reader, NULL, reterr);
	if (!err && !reader.has_header)
		err = hb_error_set_at(reterr, -EBADMSG, path, 0,
			"the file is empty; its first line must name the columns");
	for (int end = 0; end < BAT_TRACE_ENDS; end++) {
		for (int queue = 0; queue < BAT_QUEUE_COUNT && !err; queue++)
			err = take_sizes(&reader, end, (enum bat_queue)queue, reterr);
	}
	if (err)
		return err;
	bat_estimate_combine(&estimate.ends[0], &estimate.ends[1], &estimate.end_to_end);
	*ret = estimate;
	return 0;
}

char *bat_i128_format(bat_i128 value, char *buffer)
{
	char digits[BAT_I128_BYTES];
	bool negative = value < 0;
	size_t count = 0, length = 0;

	do {
		int digit = (int)(value % 10);

		digits[count++] = (char)('0' + (digit < 0 ? -digit : digit));
		value /= 10;
	} while (value != 0);
	if (negative)
		buffer[length++] = '-';
	while (count > 0)
		buffer[length++] = digits[--count];
	buffer[length] = '\0';
	return buffer;
}
