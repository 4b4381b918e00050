/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading traces. See metastable/calibration.h. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/stats.h>

#include <metastable/calibration.h>

#define COLUMNS (MS_SERIES_COUNT + 1) /* time_s first */
#define GAP 1.5                       /* times the median interval */

struct reader {
	const char *path;
	struct ms_trace *trace;
	uint32_t room;
	bool has_header;
	int index[COLUMNS];
};

static int take_header(
	struct reader *reader, const struct hb_csv_record *record, struct hb_error *reterr)
{
	const char *names[COLUMNS] = {"time_s"};
	int code;

	for (int s = 0; s < MS_SERIES_COUNT; s++)
		names[s + 1] = ms_series_name((enum ms_series_quantity)s);
	code = hb_csv_columns(record, reader->path, names, COLUMNS, 1, reader->index, reterr);
	if (code)
		return code;
	for (int s = 0; s < MS_SERIES_COUNT; s++)
		reader->trace->columns |= reader->index[s + 1] >= 0 ? 1U << s : 0;
	if (!reader->trace->columns)
		return hb_error_set_at(reterr, -EBADMSG, reader->path, 1,
			"no column that the model has; name some requests_per_s, goodput_per_s, "
			"attempts_per_s, jobs, p99_s ...");
	reader->has_header = true;
	return 0;
}

static int take_value(struct reader *reader, const struct hb_csv_record *record, int column,
	double *ret, struct hb_error *reterr)
{
	int index = reader->index[column];

	*ret = NAN;
	if (index < 0 || (size_t)index >= record->field_count || !record->fields[index][0])
		return 0;
	if (hb_csv_parse_double(record->fields[index], ret) || !isfinite(*ret) || *ret < 0)
		return hb_error_set_at(reterr, -EBADMSG, reader->path, (int)record->line,
			"column %d: '%.40s' is no number of 0 or more; leave missing values empty",
			index + 1, record->fields[index]);
	return 0;
}

static int grow(struct reader *reader, struct hb_error *reterr)
{
	struct ms_trace *trace = reader->trace;
	uint32_t room = reader->room ? 2 * reader->room : 256;
	struct ms_trace_row *rows;

	if (trace->row_count < reader->room)
		return 0;
	if (trace->row_count == MS_TRACE_ROWS_MAX)
		return hb_error_set_at(
			reterr, -E2BIG, reader->path, 0, "more than %u rows", MS_TRACE_ROWS_MAX);
	rows = realloc(trace->rows, room * sizeof(*rows));
	if (!rows)
		return hb_error_set(reterr, -ENOMEM, "no memory for a trace");
	trace->rows = rows;
	reader->room = room;
	return 0;
}

static int take_record(const struct hb_csv_record *record, void *user, struct hb_error *reterr)
{
	struct reader *reader = user;
	struct ms_trace *trace = reader->trace;
	struct ms_trace_row row;
	int code;

	if (!reader->has_header)
		return take_header(reader, record, reterr);
	code = take_value(reader, record, 0, &row.time_s, reterr);
	for (int s = 0; !code && s < MS_SERIES_COUNT; s++)
		code = take_value(reader, record, s + 1, &row.value[s], reterr);
	if (!code && isnan(row.time_s))
		code = hb_error_set_at(
			reterr, -EBADMSG, reader->path, (int)record->line, "time_s is missing");
	if (!code && trace->row_count && row.time_s <= trace->rows[trace->row_count - 1].time_s)
		code = hb_error_set_at(reterr, -EBADMSG, reader->path, (int)record->line,
			"time_s does not rise; sort the rows, and leave out those that are double");
	if (!code)
		code = grow(reader, reterr);
	if (!code)
		trace->rows[trace->row_count++] = row;
	return code;
}

static int count_gaps(struct ms_trace *trace, struct hb_error *reterr)
{
	double *steps = malloc(trace->row_count * sizeof(*steps));
	double median;

	if (!steps)
		return hb_error_set(reterr, -ENOMEM, "no memory for a trace");
	for (uint32_t i = 1; i < trace->row_count; i++)
		steps[i - 1] = trace->rows[i].time_s - trace->rows[i - 1].time_s;
	median = hb_stats_median(steps, trace->row_count - 1);
	for (uint32_t i = 1; i < trace->row_count; i++)
		trace->gaps += steps[i - 1] > GAP * median;
	free(steps);
	return 0;
}

int ms_trace_read(int fd, const char *path, struct ms_trace *ret, struct hb_error *reterr)
{
	struct ms_trace trace = {0};
	struct reader reader = {.path = path, .trace = &trace};
	int code = hb_csv_read(fd, path, 0, take_record, &reader, NULL, reterr);

	if (!code && trace.row_count < 2)
		code = hb_error_set_at(
			reterr, -EBADMSG, path, 0, "a trace has at least a header and two rows");
	if (!code)
		code = count_gaps(&trace, reterr);
	if (code)
		ms_trace_finish(&trace);
	else
		*ret = trace;
	return code;
}

int ms_trace_read_file(const char *path, struct ms_trace *ret, struct hb_error *reterr)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int code;

	if (fd < 0) {
		code = -errno;
		return hb_error_set_at(
			reterr, code, path, 0, "cannot be opened: %s", strerror(-code));
	}
	code = ms_trace_read(fd, path, ret, reterr);
	(void)close(fd);
	return code;
}

void ms_trace_finish(struct ms_trace *trace)
{
	free(trace->rows);
	*trace = (struct ms_trace){0};
}
