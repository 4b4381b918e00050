/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "progress.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/log.h>

#define REDRAW_NS INT64_C(200000000)
#define PLAIN_NS INT64_C(10000000000)

void hb_progress_init(struct hb_progress *progress, bool quiet)
{
	*progress = (struct hb_progress){.quiet = quiet,
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

static void format_line(const struct hb_progress_state *s, char *buffer, size_t size_bytes)
{
	char eta[32], ratio[48] = "";

	if (!isnan(s->ratio))
		(void)snprintf(ratio, sizeof(ratio), "  idea/baseline x%.3g", s->ratio);
	(void)snprintf(buffer, size_bytes, "%llu/%llu trials  %s/%s%s%.40s  block %u/%u%s  %s left",
		(unsigned long long)s->done, (unsigned long long)s->total, s->subproject,
		s->experiment, *s->params ? " " : "", s->params, s->block + 1, s->blocks, ratio,
		hb_progress_duration(s->eta_ms, eta));
}

static void draw(struct hb_progress *p, char *line)
{
	struct winsize size;

	/* A line that wraps could not be redrawn. */
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 &&
		strlen(line) >= size.ws_col)
		line[size.ws_col - 1] = '\0';
	(void)fprintf(stderr, "\r\033[K%s", line);
	(void)fflush(stderr);
	p->line_shown = true;
}

void hb_progress_show(struct hb_progress *progress, const struct hb_progress_state *state)
{
	int64_t now_ns = hb_clock_now_ns();
	char line[512];

	if (progress->quiet ||
		now_ns - progress->shown_ns < (progress->terminal ? REDRAW_NS : PLAIN_NS))
		return;
	progress->shown_ns = now_ns;
	format_line(state, line, sizeof(line));
	if (progress->terminal)
		draw(progress, line);
	else if (state->done != progress->shown_done)
		hb_log(HB_LOG_INFO, "%s", line);
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
