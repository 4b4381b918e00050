/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the runtime asks of the helper: datagrams that name modules without code, several in each since the kernel
 * keeps no more than ten datagrams for a receiver, and one for a calling context whose attempt has failed, or for a
 * program that was started. No answer; the code file and what is in the store are the answers.
 */
#ifndef SPORK_REQUEST_H
#define SPORK_REQUEST_H

#include <stdint.h>

#include "spork/code.h"
#include "spork/store.h"

#define SPORK_REQUEST_MAGIC 0x31717273U
#define SPORK_REQUEST_PATH_BYTES 1024
#define SPORK_REQUESTS_MAX 16 /* in one datagram */

/* One module; a datagram is an array of them. */
struct spork_request {
	uint32_t magic;
	struct spork_build_id id;
	char path[SPORK_REQUEST_PATH_BYTES]; /* absolute, terminated */
};

#define SPORK_PROGRAM_MAGIC 0x33677073U

/* Is this program a leaf (spork/store.h)? */
struct spork_program_request {
	uint32_t magic;
	char path[SPORK_REQUEST_PATH_BYTES]; /* absolute, terminated */
};

#define SPORK_CONTEXT_MAGIC 0x32787463U
#define SPORK_CONTEXT_PATH_BYTES 256

/* One activation: where it goes on, from the lowest address of its module. */
struct spork_context_frame {
	struct spork_build_id id;
	uint64_t offset;
	uint64_t base;                       /* run-time address of the module */
	uint64_t frame;                      /* run-time canonical frame address; 0 = not known */
	char path[SPORK_CONTEXT_PATH_BYTES]; /* absolute, terminated */
};

/*
 * May this fork ever be followed by exec? Frames as in struct spork_chain. The helper reads the sender's memory while
 * it goes on: what it finds there is an assumption.
 */
struct spork_context_request {
	uint32_t magic;
	uint32_t count;
	uint64_t key[2];
	struct spork_context_frame frames[SPORK_CHAIN_FRAMES];
};

#endif
