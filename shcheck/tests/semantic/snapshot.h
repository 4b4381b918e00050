/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files of one snapshot of a real run, asked by path as the kernel would look them up.
 */
#ifndef SHCHECK_TESTS_SEMANTIC_SNAPSHOT_H
#define SHCHECK_TESTS_SEMANTIC_SNAPSHOT_H

#include <stdbool.h>

#include "oracle.h"

enum snapshot_kind {
	SNAPSHOT_UNKNOWN, /* outside the folder that the snapshot lists */
	SNAPSHOT_NOTHING,
	SNAPSHOT_REGULAR, /* or anything else that is no folder and no link */
	SNAPSHOT_DIRECTORY,
	SNAPSHOT_LINK, /* only without @follow */
};

/* snapshot_kind - what is at @path, which is absolute; @follow: through a link at its end. */
enum snapshot_kind snapshot_kind(
	const struct shc_oracle_snapshot *snapshot, const char *path, bool follow);

/* snapshot_is_empty - is the folder at @path there and without any entry? */
bool snapshot_is_empty(const struct shc_oracle_snapshot *snapshot, const char *path);

#endif
