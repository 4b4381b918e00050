/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the world can see of one run of a command: output, exit status, files, processes made and left behind. Each
 * run gets a fresh copy of a folder at the same path, so that runs do not see one another.
 *
 * Not thread-safe: the calling process becomes a reaper of orphans (PR_SET_CHILD_SUBREAPER) while it observes.
 */
#ifndef SPORK_CHECK_OBSERVE_H
#define SPORK_CHECK_OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ledger.h"

struct hb_error;

#define SPORK_FOLDER_BYTES_MAX (256ULL << 20)
#define SPORK_OUTPUT_BYTES_MAX (64ULL << 20)

/* One file of the folder after the run. `path` is relative. */
struct spork_seen_file {
	char *path;
	mode_t mode;
	uid_t owner;
	uint64_t size_bytes;
	uint64_t hash;     /* of content, or of a link's target */
	bool is_unchanged; /* as it was before the run */
};

struct spork_output {
	char *bytes;
	size_t length;
};

struct spork_observation {
	struct spork_output out, err;
	int status; /* of waitpid */
	bool timed_out;
	int *orphans; /* wait statuses of processes that outlived the command, sorted */
	size_t orphan_count;
	int killed; /* of them did not end by themselves */
	struct spork_ledger ledger;
	struct spork_seen_file *files; /* sorted by path */
	size_t file_count;
};

struct spork_observer {
	char *const *command;
	const char *const *
		prefix; /* words before the command (`spork run --stats ... --`), whose first child executes it;
			   ends with NULL; NULL = none */
	const char *origin; /* folder that is copied for each run */
	const char *place;  /* where the copy goes: an absolute path that does not exist */
	const char *input;  /* standard input; NULL = /dev/null */
	const char *stage;  /* existing private folder for the outputs */
	int timeout_s;
	char *const *environment;
};

/*
 * spork_observe - copy the folder, run the command in it, look, remove the copy.
 * @ret: what was seen; released with spork_observation_finish().
 *
 * Returns 0, -EFBIG (the folder or an output is too large), or another -errno. Blocks until the command has
 * ended, at most timeout_s and the time that copying takes.
 */
int spork_observe(const struct spork_observer *observer, struct spork_observation *ret,
	struct hb_error *reterr);
void spork_observation_finish(struct spork_observation *observation);

/* spork_remove_folder - with all its content. Best effort. */
void spork_remove_folder(const char *path);

#endif
