/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a process is, as canonical text: everything that fork and exec hand on and that a conversion of fork
 * could get wrong. Numbers that differ from run to run (process ids, inodes of pipes) are replaced by
 * relations and ranks, so that the texts of two runs of the same program can be compared byte by byte.
 *
 * Async-signal-safe enough for a forked child: no allocation, descriptors are closed again. Sources:
 * proc(5), prctl(2).
 */
#ifndef SPORK_CHECK_STATE_H
#define SPORK_CHECK_STATE_H

#include <stddef.h>

/* Text in the caller's memory; what does not fit is left out and `full` says so. */
struct spork_text {
	char *bytes;
	size_t length, capacity;
	int full;
};

void spork_text_add(struct spork_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * spork_text_add_quoted - @string with control characters, quotes and non-ASCII bytes as \xHH; at most
 * 4,096 bytes of it.
 */
void spork_text_add_quoted(struct spork_text *text, const char *string);

/*
 * spork_state_describe - append the calling process's state, one `key value` per line.
 * @work: absolute path of the working folder; below it paths are written as `WORK/…`. NULL = none.
 * @handlers: also name the disposition, flags and mask of every signal (for a process that has not just exec'd).
 *
 * Blocks only for /proc. What cannot be read is written as `key ?errno`.
 */
void spork_state_describe(struct spork_text *text, const char *work, int handlers);

#endif
