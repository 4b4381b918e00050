/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "progress.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/log.h>

#include "label.h"
#include "plan.h"

#define REDRAW_NS INT64_C(200000000)
#define PLAIN_NS INT64_C(10000000000)

void hb_progress_init(struct hb_progress *progress, const struct hb_plan *plan, bool quiet)
{
	*progress = (struct hb_progress){.plan = plan,
		.quiet = quiet,
		.terminal = isatty(STDERR_FILENO) == 1,
		.shown_ns = hb_clock_now_ns()};
}

char *hb_progress_duration(int64_t ms, char *buffer)
{
	long long s = ms / 1000;

	if (ms < 0)
		(void)snprintf(buffer, 32, "?");
	else if (ms < 9950)
		(void)snprintf(buffer, 32, "%.1fs", (double)ms / 1000);
	else if (s < 60)
		(void)snprintf(buffer, 32, "%llds", s);
	else if (s < 3600)
		(void)snprintf(buffer, 32, "%lldm%02llds", s / 60, s % 60);
	else
		(void)snprintf(buffer, 32, "%lldh%02lldm", s / 3600, s / 60 % 60);
	return buffer;
}

/* Columns on a terminal, every code point counting one. */
static size_t columns_of(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

/* Append @part if all of it fits. */
static bool add(char *buffer, size_t size_bytes, size_t columns, const char *part)
{
	size_t length = strlen(buffer);

	if (length + strlen(part) >= size_bytes || columns_of(buffer) + columns_of(part) > columns)
		return false;
	memcpy(buffer + length, part, strlen(part) + 1);
	return true;
}

static void label(const struct hb_progress *progress, const struct hb_progress_state *state,
	unsigned int flags, char *buffer, size_t size_bytes)
{
	int e = progress->plan ? hb_plan_find_experiment(
					 progress->plan, state->subproject, state->experiment)
			       : -ENOENT;
	struct hb_text text = {0};

	if (e >= 0)
		hb_label_point(&progress->plan->experiments[e], state->params,
			HB_LABEL_VARYING | HB_LABEL_PLAIN | flags, NULL, NULL, &text);
	else
		hb_text_put(&text, state->params);
	(void)snprintf(buffer, size_bytes, "%s%s", text.length_bytes ? ", " : "",
		text.length_bytes && !text.failed ? text.bytes : "");
	hb_text_finish(&text);
}

void hb_progress_line(const struct hb_progress *progress, const struct hb_progress_state *state,
	size_t columns, char *buffer, size_t size_bytes)
{
	char part[256], eta[32];

	buffer[0] = '\0';
	(void)snprintf(part, sizeof(part), "%llu/%llu trials", (unsigned long long)state->done,
		(unsigned long long)state->total);
	(void)add(buffer, size_bytes, columns, part);
	if (state->eta_ms >= 0) {
		(void)snprintf(
			part, sizeof(part), ", %s left", hb_progress_duration(state->eta_ms, eta));
		(void)add(buffer, size_bytes, columns, part);
	}
	if (!state->experiment)
		return;
	(void)snprintf(part, sizeof(part), "  %.100s/%.100s", state->subproject, state->experiment);
	if (!add(buffer, size_bytes, columns, part))
		return;
	label(progress, state, 0, part, sizeof(part));
	if (!add(buffer, size_bytes, columns, part)) {
		label(progress, state, HB_LABEL_SHORT, part, sizeof(part));
		(void)add(buffer, size_bytes, columns, part);
	}
	(void)snprintf(part, sizeof(part), ", block %u/%u", state->block + 1, state->blocks);
	(void)add(buffer, size_bytes, columns, part);
	if (!isnan(state->ratio)) {
		(void)snprintf(part, sizeof(part), "  idea/baseline x%.3g", state->ratio);
		(void)add(buffer, size_bytes, columns, part);
	}
}

/* A line that wraps could not be redrawn, and the last column may wrap by itself. */
static size_t terminal_columns(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u
									       : 79;
}

void hb_progress_show(struct hb_progress *progress, const struct hb_progress_state *state)
{
	int64_t now_ns = hb_clock_now_ns();
	char line[512];

	if (progress->quiet ||
		now_ns - progress->shown_ns < (progress->terminal ? REDRAW_NS : PLAIN_NS))
		return;
	progress->shown_ns = now_ns;
	hb_progress_line(progress, state, progress->terminal ? terminal_columns() : SIZE_MAX, line,
		sizeof(line));
	if (progress->terminal) {
		(void)fprintf(stderr, "\r\033[K%s", line);
		(void)fflush(stderr);
		progress->line_shown = true;
	} else if (state->done != progress->shown_done) {
		hb_log(HB_LOG_INFO, "%s", line);
	}
	progress->shown_done = state->done;
}

void hb_progress_clear(struct hb_progress *progress)
{
	if (!progress->line_shown)
		return;
	(void)fputs("\r\033[K", stderr);
	(void)fflush(stderr);
	progress->line_shown = false;
}

void hb_progress_say(struct hb_progress *progress, bool important, const char *format, ...)
{
	char line[2048];
	va_list arguments;

	if (progress->quiet && !important)
		return;
	va_start(arguments, format);
	(void)vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	hb_progress_clear(progress);
	hb_log(important ? HB_LOG_WARNING : HB_LOG_INFO, "%s", line);
}
