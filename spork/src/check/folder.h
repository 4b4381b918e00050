/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copying folders, and what is in them. */
#ifndef SPORK_CHECK_FOLDER_H
#define SPORK_CHECK_FOLDER_H

#include "observe.h"

/* folder_copy - @from to the new folder @to, with modes, times and links; 0, -EFBIG or -errno. */
int folder_copy(const char *from, const char *to, struct hb_error *reterr);

/* folder_list - every file below @path, sorted; the caller frees with folder_list_finish(). 0 or -errno. */
int folder_list(const char *path, struct spork_seen_file **ret_files, size_t *ret_count,
	struct hb_error *reterr);
void folder_list_finish(struct spork_seen_file *files, size_t count);

/* folder_mark_unchanged - mark those files of @after that are the same in @before. Both sorted. */
void folder_mark_unchanged(struct spork_seen_file *after, size_t after_count,
	const struct spork_seen_file *before, size_t before_count);

#endif
