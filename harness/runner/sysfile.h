/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One-value files of /proc and /sys, read below a root folder of choice so that tests can use a tree of their own.
 * Thread-safe. Linux only.
 */
#ifndef HOTBED_RUNNER_SYSFILE_H
#define HOTBED_RUNNER_SYSFILE_H

#include <stddef.h>
#include <stdint.h>

/*
 * hb_sysfile_read - the content of @root@path without white space at its end, cut to @size_bytes - 1.
 * @root: "" for the real one. @ret: always terminated; "" on failure. Returns the length or -errno.
 */
int hb_sysfile_read(const char *root, const char *path, char *ret, size_t size_bytes);

/* hb_sysfile_i64 - the same for a decimal number; anything else gives @fallback. */
int64_t hb_sysfile_i64(const char *root, const char *path, int64_t fallback);

/*
 * hb_sysfile_key - value after "KEY:" at the start of a line, as in /proc/meminfo or /proc/cpuinfo, first such line.
 * Returns its length, or -ENOENT with @ret = "".
 */
int hb_sysfile_key(
	const char *root, const char *path, const char *key, char *ret, size_t size_bytes);

/* hb_sysfile_kib - the same for "KEY:  123 kB", in bytes; 0 if absent. */
uint64_t hb_sysfile_kib(const char *root, const char *path, const char *key);

/* hb_sysfile_selected - of "always [madvise] never" the word in brackets, in place; other texts stay. */
void hb_sysfile_selected(char *text);

#endif
