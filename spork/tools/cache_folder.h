/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The cache folder: where it is, that nobody else can write it, and what is in it.
 *
 *   CACHE/code/HEX      decoded modules, one file per build-id
 *   CACHE/recipes/KEY   traces of successful children, one file per calling context
 *   CACHE/verdicts      struct spork_store
 *   CACHE/runs/NAME/    statistics and socket of one `spork run`, removed at its end
 */
#ifndef SPORK_CACHE_FOLDER_H
#define SPORK_CACHE_FOLDER_H

#include <stddef.h>

#define CACHE_PATH_BYTES 400 /* leaves room for the rest of the environment entry */

struct hb_error;

/*
 * cache_folder_find - the path: $XDG_CACHE_HOME/spork, ~/.cache/spork, or /var/tmp/spork-UID where neither exists.
 * cache_folder_make - create what is missing below @path. Both return 0, or -errno with the reason: -EPERM when
 * another user owns it or could write it, or it is a link.
 */
int cache_folder_find(char path[CACHE_PATH_BYTES], struct hb_error *reterr);
int cache_folder_make(const char *path, struct hb_error *reterr);
/* cache_folder_check - the same checks without making anything; -ENOENT if it does not exist. */
int cache_folder_check(const char *path, struct hb_error *reterr);

#endif
