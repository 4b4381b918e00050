/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files for one execution of a command: made, looked at, and removed. Used inside the sandbox only. */
#ifndef SHCHECK_TESTS_SPECS_PLACES_H
#define SHCHECK_TESTS_SPECS_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include <shcheck/spec.h>

#define CASE_FOLDER "/tmp/case"

enum { PLACE_PATH_BYTES = 64, PLACE_KINDS = 8 };

/* Where an operand points, and what stands there first. */
struct place {
	uint8_t role;
	uint8_t entry;                 /* one bit of enum shc_entry */
	bool parented;                 /* in a folder of its own, */
	uint8_t parent;                /* which is a directory, absent or a file (bits as above) */
	char path[PLACE_PATH_BYTES];   /* in the case folder */
	char target[PLACE_PATH_BYTES]; /* of a link; absolute */
};

/* What stands at a path. */
struct view {
	uint8_t entry;
	char *own;      /* kind and contents, links as they are */
	char *followed; /* the same of what a link leads to */
};

/* place_make - the file, and what it needs. Returns false when this cannot be. */
bool place_make(const struct place *place);

/* view_take - look at @path below the case folder; view_finish() releases it. */
struct view view_take(const char *path);
void view_finish(struct view *view);

/* case_folder_open - give all that is in the folder of the case permissions to be looked at. */
void case_folder_open(void);

/* case_folder_make, case_folder_clear - the folder of the case, empty; and without what is in it. */
void case_folder_make(void);
void case_folder_clear(void);

#endif
