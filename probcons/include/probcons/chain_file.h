/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Chains from files: CSV with the columns `from,to,rate_per_hour`, states by name, `#` lines are comments. States
 * are numbered in order of first appearance.
 */
#ifndef PROBCONS_CHAIN_FILE_H
#define PROBCONS_CHAIN_FILE_H

#include <stddef.h>
#include <stdint.h>

struct hb_error;
struct hb_markov;

#define PC_CHAIN_NAME_BYTES 64

/* Zero-initialise; pc_chain_file_finish(). */
struct pc_chain_file {
	struct hb_markov *chain; /* rates per hour; its messages name states */
	char **names;            /* shape [state_count] */
	uint32_t state_count;
};

/*
 * pc_chain_file_read - read @path. @ret is untouched on failure.
 *
 * Returns 0, -EBADMSG (malformed, negative or zero rate, from = to, pair given twice: path, line and rule in
 * @reterr), -E2BIG, -ENOMEM, -ENOENT and other errors of open(). Blocks on the file.
 */
int pc_chain_file_read(const char *path, struct pc_chain_file *ret, struct hb_error *reterr);

/* pc_chain_file_parse - the same from memory; @path is for messages. */
int pc_chain_file_parse(const char *text, size_t length_bytes, const char *path,
	struct pc_chain_file *ret, struct hb_error *reterr);

/*
 * pc_chain_file_state - number of state @name (@length bytes). Returns 0 or -ENOENT (the message lists states).
 */
int pc_chain_file_state(const struct pc_chain_file *file, const char *name, size_t length,
	uint32_t *ret, struct hb_error *reterr);

/*
 * pc_chain_file_mttdl - mean hours from @start to the first of @absorbing (comma-separated names).
 * Returns 0, -ENOENT (unknown state), -EINVAL, -EDOM (never absorbed from some reachable state), -ERANGE, -E2BIG,
 * -ENOMEM.
 */
int pc_chain_file_mttdl(const struct pc_chain_file *file, const char *start, const char *absorbing,
	double *ret_hours, struct hb_error *reterr);

void pc_chain_file_finish(struct pc_chain_file *file);

#endif
