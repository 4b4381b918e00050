/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <shcheck/report.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Excerpts of longer lines are cut around the place. */
#define EXCERPT_COLUMNS 110
#define EXCERPT_BEFORE 60

struct coverage_row {
	char *name;
	struct shc_coverage coverage;
};

struct shc_report {
	FILE *stream;
	enum shc_format format;
	bool colour, out_of_memory;
	uint64_t findings;
	struct coverage_row *rows;
	size_t row_count, row_room;
};

enum colour {
	COLOUR_NONE,
	COLOUR_BOLD,
	COLOUR_RED,
	COLOUR_YELLOW,
	COLOUR_GREEN,
	COLOUR_BLUE,
};

static const char *const colours[] = {
	"\033[0m", "\033[1m", "\033[1;31m", "\033[1;33m", "\033[1;32m", "\033[1;34m"};

static const char *paint(const struct shc_report *report, enum colour colour)
{
	return report->colour ? colours[colour] : "";
}

static enum colour severity_colour(enum shc_severity severity)
{
	static const enum colour by_severity[] = {
		COLOUR_RED, COLOUR_YELLOW, COLOUR_BLUE, COLOUR_GREEN};

	return by_severity[severity];
}

int shc_report_create(FILE *stream, enum shc_format format, bool colour, struct shc_report **ret)
{
	struct shc_report *report = calloc(1, sizeof(*report));

	if (!report)
		return -ENOMEM;
	report->stream = stream;
	report->format = format;
	report->colour = colour && format == SHC_FORMAT_HUMAN;
	if (format == SHC_FORMAT_JSON)
		(void)fputs("{\"schema\":\"shcheck/1\",\"findings\":[", stream);
	*ret = report;
	return 0;
}

/* ---- For people ---- */

/* Bytes of the source as a terminal may see them: control characters as ?, tabs as one blank. */
static void put_visible(FILE *stream, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)bytes[i];

		(void)fputc(c == '\t' ? ' ' : c < ' ' || c == 127 ? '?' : c, stream);
	}
}

static void put_excerpt(const struct shc_report *report, const struct shc_source *source,
	struct shc_range range, enum colour colour)
{
	struct shc_place place = shc_source_place(source, range.start);
	struct shc_range line = shc_source_line(source, place.line);
	uint32_t from = line.start, to = line.end, marks;
	FILE *stream = report->stream;

	if (range.start - from > EXCERPT_BEFORE && to - from > EXCERPT_COLUMNS)
		from = range.start - EXCERPT_BEFORE;
	/* Cut between characters of UTF-8. */
	while (from < range.start && ((unsigned char)source->bytes[from] & 0xc0) == 0x80)
		from++;
	if (to - from > EXCERPT_COLUMNS)
		to = from + EXCERPT_COLUMNS;
	(void)fprintf(stream, " %s%5" PRIu32 " |%s ", paint(report, COLOUR_BLUE), place.line,
		paint(report, COLOUR_NONE));
	put_visible(stream, source->bytes + from, to - from);
	(void)fprintf(
		stream, "\n       %s|%s ", paint(report, COLOUR_BLUE), paint(report, COLOUR_NONE));
	for (uint32_t at = from; at < range.start; at++) {
		if (((unsigned char)source->bytes[at] & 0xc0) != 0x80)
			(void)fputc(' ', stream);
	}
	marks = 0;
	for (uint32_t at = range.start; at < range.end && at < to; at++)
		marks += ((unsigned char)source->bytes[at] & 0xc0) != 0x80;
	(void)fprintf(stream, "%s^", paint(report, colour));
	while (marks-- > 1)
		(void)fputc('~', stream);
	(void)fprintf(stream, "%s\n", paint(report, COLOUR_NONE));
}

static void put_human(const struct shc_report *report, const char *name,
	const struct shc_source *source, const struct shc_finding *finding)
{
	FILE *stream = report->stream;
	enum colour colour = severity_colour(finding->severity);
	struct shc_place place = {0, 0};

	(void)fprintf(stream, "%s%s", paint(report, COLOUR_BOLD), name);
	if (source) {
		place = shc_source_place(source, finding->range.start);
		(void)fprintf(stream, ":%" PRIu32 ":%" PRIu32, place.line, place.column);
	}
	(void)fprintf(stream, ": %s%s:%s %s [SH%d %s]\n", paint(report, colour),
		shc_severity_name(finding->severity), paint(report, COLOUR_NONE), finding->message,
		finding->id, shc_class_name(finding->class));
	if (source)
		put_excerpt(report, source, finding->range, colour);
	for (const struct shc_related *related = finding->related; related && source;
		related = related->next) {
		place = shc_source_place(source, related->range.start);
		(void)fprintf(stream, "  %snote:%s line %" PRIu32 ": %s\n",
			paint(report, COLOUR_BLUE), paint(report, COLOUR_NONE), place.line,
			related->message);
		put_excerpt(report, source, related->range, COLOUR_BLUE);
	}
	if (finding->hint)
		(void)fprintf(stream, "  %shint:%s %s\n", paint(report, COLOUR_GREEN),
			paint(report, COLOUR_NONE), finding->hint);
}

/* ---- For editors ---- */

static void put_gcc(const struct shc_report *report, const char *name,
	const struct shc_source *source, const struct shc_finding *finding)
{
	struct shc_place place = {1, 1};
	/* gcc knows no info and style. */
	const char *word = finding->severity == SHC_SEVERITY_ERROR     ? "error"
			   : finding->severity == SHC_SEVERITY_WARNING ? "warning"
								       : "note";

	if (source)
		place = shc_source_place(source, finding->range.start);
	(void)fprintf(report->stream, "%s:%" PRIu32 ":%" PRIu32 ": %s: %s%s%s [SH%d]\n", name,
		place.line, place.column, word, finding->message, finding->hint ? "; " : "",
		finding->hint ? finding->hint : "", finding->id);
	for (const struct shc_related *related = finding->related; related && source;
		related = related->next) {
		place = shc_source_place(source, related->range.start);
		(void)fprintf(report->stream, "%s:%" PRIu32 ":%" PRIu32 ": note: %s\n", name,
			place.line, place.column, related->message);
	}
}

/* ---- For programs ---- */

/* The length of the UTF-8 sequence at @at, 0 for bytes that are none. */
static size_t sequence_length(const unsigned char *at)
{
	size_t length = at[0] < 0x80   ? 1
			: at[0] < 0xc2 ? 0
			: at[0] < 0xe0 ? 2
			: at[0] < 0xf0 ? 3
			: at[0] < 0xf5 ? 4
				       : 0;

	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
		(at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return length;
}

/* The inside of a JSON string; bytes that are no UTF-8 become U+FFFD. */
static void put_escaped(FILE *stream, const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at;) {
		size_t length = sequence_length(at);

		if (length == 0) {
			(void)fputs("\\ufffd", stream);
			at++;
			continue;
		}
		if (*at == '"' || *at == '\\')
			(void)fprintf(stream, "\\%c", *at);
		else if (*at < ' ' || *at == 127)
			(void)fprintf(stream, "\\u%04x", *at);
		else
			(void)fwrite(at, 1, length, stream);
		at += length;
	}
}

static void put_string(FILE *stream, const char *text)
{
	(void)fputc('"', stream);
	put_escaped(stream, text);
	(void)fputc('"', stream);
}

static void put_range(
	FILE *stream, const char *name, const struct shc_source *source, struct shc_range range)
{
	struct shc_place start = {1, 1}, end = {1, 1};

	if (source) {
		start = shc_source_place(source, range.start);
		end = shc_source_place(source, range.end);
	}
	(void)fputs("\"file\":", stream);
	put_string(stream, name);
	(void)fprintf(stream,
		",\"line\":%" PRIu32 ",\"column\":%" PRIu32 ",\"end_line\":%" PRIu32
		",\"end_column\":%" PRIu32,
		start.line, start.column, end.line, end.column);
}

static void put_json(struct shc_report *report, const char *name, const struct shc_source *source,
	const struct shc_finding *finding)
{
	FILE *stream = report->stream;

	(void)fprintf(stream, "%s{\"id\":\"SH%d\",\"class\":\"%s\",\"severity\":\"%s\",",
		report->findings ? ",\n" : "\n", finding->id, shc_class_name(finding->class),
		shc_severity_name(finding->severity));
	put_range(stream, name, source, finding->range);
	(void)fputs(",\"message\":\"", stream);
	put_escaped(stream, finding->message);
	if (finding->hint) {
		(void)fputs("; ", stream);
		put_escaped(stream, finding->hint);
	}
	(void)fprintf(stream, "\",\"evidence\":\"%s\",\"related\":[",
		shc_evidence_name(finding->evidence));
	for (const struct shc_related *related = finding->related; related;
		related = related->next) {
		(void)fputs(related == finding->related ? "{" : ",{", stream);
		put_range(stream, name, source, related->range);
		(void)fputs(",\"message\":", stream);
		put_string(stream, related->message);
		(void)fputc('}', stream);
	}
	(void)fprintf(stream, "],\"witness\":%s}", finding->witness ? finding->witness : "null");
}

static void keep_coverage(
	struct shc_report *report, const char *name, const struct shc_coverage *coverage)
{
	if (report->row_count == report->row_room) {
		size_t room = report->row_room ? report->row_room * 2 : 16;
		struct coverage_row *rows = realloc(report->rows, room * sizeof(*rows));

		if (!rows) {
			report->out_of_memory = true;
			return;
		}
		report->rows = rows;
		report->row_room = room;
	}
	report->rows[report->row_count].name = strdup(name);
	report->rows[report->row_count].coverage = *coverage;
	if (report->rows[report->row_count].name)
		report->row_count++;
	else
		report->out_of_memory = true;
}

void shc_report_file(struct shc_report *report, const char *name, const struct shc_source *source,
	const struct shc_findings *findings, const struct shc_coverage *coverage)
{
	for (size_t i = 0; i < shc_findings_count(findings); i++) {
		const struct shc_finding *finding = shc_findings_at(findings, i);

		if (report->format == SHC_FORMAT_HUMAN)
			put_human(report, name, source, finding);
		else if (report->format == SHC_FORMAT_GCC)
			put_gcc(report, name, source, finding);
		else
			put_json(report, name, source, finding);
		report->findings++;
	}
	if (coverage && report->format == SHC_FORMAT_JSON)
		keep_coverage(report, name, coverage);
}

static void put_coverage(const struct shc_report *report)
{
	FILE *stream = report->stream;

	(void)fputs("],\"coverage\":[", stream);
	for (size_t i = 0; i < report->row_count; i++) {
		const struct shc_coverage *row = &report->rows[i].coverage;

		(void)fputs(i ? ",\n{\"file\":" : "\n{\"file\":", stream);
		put_string(stream, report->rows[i].name);
		(void)fprintf(stream,
			",\"commands\":%" PRIu32 ",\"analysed\":%" PRIu32 ",\"havoc\":%" PRIu32
			",\"budget_exhausted\":%s}",
			row->commands, row->analysed, row->havoc,
			row->budget_exhausted ? "true" : "false");
	}
	(void)fputs("]}\n", stream);
}

int shc_report_finish(struct shc_report *report)
{
	int code = report->out_of_memory ? -ENOMEM : 0;

	if (report->format == SHC_FORMAT_JSON)
		put_coverage(report);
	/* What an earlier write failed with is not known any more. */
	if (fflush(report->stream) != 0)
		code = -errno;
	else if (ferror(report->stream))
		code = -EIO;
	for (size_t i = 0; i < report->row_count; i++)
		free(report->rows[i].name);
	free(report->rows);
	free(report);
	return code;
}
