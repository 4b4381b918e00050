/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a person sees while a run goes on: on a terminal one line that is redrawn, at most five times a second and only
 * between trials; elsewhere a plain line now and then. Written to standard error. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_PROGRESS_H
#define HOTBED_RUNNER_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_plan;

struct hb_progress {
	const struct hb_plan *plan; /* NULL = unknown */
	bool quiet, terminal;
	bool line_shown; /* the terminal's last line is ours */
	int64_t shown_ns;
	uint64_t shown_done;
};

struct hb_progress_state {
	uint64_t done, total;                         /* trials */
	int64_t eta_ms;                               /* < 0 = unknown */
	const char *subproject, *experiment, *params; /* @experiment NULL: of no single one */
	uint32_t block, blocks;
	double ratio; /* idea / baseline so far; NaN = none */
};

/*
 * hb_progress_init - begin. @plan: knows the units of parameters; kept by reference; NULL shows them as they are.
 * @quiet: show nothing but messages that hb_progress_say() is told to keep.
 */
void hb_progress_init(struct hb_progress *progress, const struct hb_plan *plan, bool quiet);

/* hb_progress_show - draw @state if it is time for it. */
void hb_progress_show(struct hb_progress *progress, const struct hb_progress_state *state);

/*
 * hb_progress_line - what hb_progress_show() shows, into @buffer: done, time left, where, ratio; whole parts only, as
 * many as fit into @columns.
 */
void hb_progress_line(const struct hb_progress *progress, const struct hb_progress_state *state,
	size_t columns, char *buffer, size_t size_bytes);

/* hb_progress_say - a line that stays. @important: also when quiet. */
void hb_progress_say(struct hb_progress *progress, bool important, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* hb_progress_clear - take the redrawn line away; at the end, and before other output. */
void hb_progress_clear(struct hb_progress *progress);

/* hb_progress_duration - "1h02m", "3m05s", "12s" or "0.4s" into @buffer of 32 bytes. Returns @buffer. */
char *hb_progress_duration(int64_t ms, char *buffer);

#endif
