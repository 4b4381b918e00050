/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of named fault curves. CSV with a header; lines whose first character is `#` are comments (say where the
 * numbers come from). Columns, in any order:
 *
 *   curve       name: a letter, then letters, digits, `_`, `-`, `.`
 *   kind        weibull | hazard | afr | share
 *   from_hours  to_hours   ages of a piece (empty for weibull); to_hours of the last piece may be `inf`, not for share
 *   value       hazard: failures per hour alive; afr: failures per drive-year (`1.4%` or 0.014);
 *               share: part of those alive at from_hours that failed by to_hours, [0, 1)
 *   shape  scale_hours     of weibull (columns may be absent if there is none)
 *   fault       crash (default) | byz: which kind of fault this row drives (column optional)
 *
 * Rows of one curve and fault are one hazard: Weibull rows add up (bathtub); pieces must follow each other from
 * hour 0 without gap.
 */
#ifndef PROBCONS_CURVE_FILE_H
#define PROBCONS_CURVE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include <probcons/fault_curve.h>

struct hb_error;

#define PC_CURVES_MAX 1024
#define PC_CURVE_NAME_BYTES 64

struct pc_curve_entry {
	char name[PC_CURVE_NAME_BYTES];
	struct pc_fault_curve crash, byz;
};

/* Zero-initialise; pc_curve_file_finish(). */
struct pc_curve_file {
	struct pc_curve_entry *entries; /* in order of first appearance */
	uint32_t count;
};

/*
 * pc_curve_file_read - read @path. @ret is untouched on failure.
 *
 * Returns 0, -EBADMSG (malformed; path, line and rule in @reterr), -E2BIG, -ENOMEM, -ENOENT and other errors of
 * open(). Blocks on the file.
 */
int pc_curve_file_read(const char *path, struct pc_curve_file *ret, struct hb_error *reterr);

/* pc_curve_file_parse - the same from memory; @path is for messages. */
int pc_curve_file_parse(const char *text, size_t length_bytes, const char *path,
	struct pc_curve_file *ret, struct hb_error *reterr);

/* pc_curve_file_find - the curve called @name (@length bytes), or NULL. */
const struct pc_curve_entry *pc_curve_file_find(
	const struct pc_curve_file *file, const char *name, size_t length);

void pc_curve_file_finish(struct pc_curve_file *file);

#endif
