/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal of a map: JSON lines, appended and never changed. See metastable/map.h. */
#ifndef METASTABLE_MAP_JOURNAL_H
#define METASTABLE_MAP_JOURNAL_H

#include <metastable/map.h>

struct journal {
	int fd; /* -1 = none */
	const char *path;
	int64_t synced_ns;
};

/*
 * journal_open - open or make the journal at @path and take the cells that it holds into @map. @path NULL: none.
 * Returns 0 or as ms_map_run(); journal_close() in any case.
 */
int journal_open(struct journal *journal, const char *path, const char *fingerprint,
	struct ms_map *map, struct hb_error *reterr);

/* journal_append - one cell. Returns 0 or -errno. Syncs now and then. */
int journal_append(
	struct journal *journal, const struct ms_map_cell *cell, struct hb_error *reterr);

/* journal_close - sync and close. Returns 0 or -errno. */
int journal_close(struct journal *journal);

/* journal_take - read one line (@length bytes) into its cell of @map. Returns 0 or -EBADMSG. */
int journal_take(const char *line, size_t length, struct ms_map *map, struct hb_error *reterr);

#endif
