/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the runtime asks of the helper: one datagram for each module without code, or calling context without a
 * verdict. No answer; what it leaves in the cache is the answer.
 */
#ifndef SPORK_REQUEST_H
#define SPORK_REQUEST_H

#include <stdint.h>

#include "spork/code.h"
#include "spork/store.h"

#define SPORK_REQUEST_MAGIC 0x31717273U
#define SPORK_REQUEST_PATH_BYTES 1024

struct spork_request {
	uint32_t magic;
	struct spork_build_id id;
	char path[SPORK_REQUEST_PATH_BYTES]; /* absolute, terminated */
};

/* What the runtime wants to know about a calling context whose attempt has failed: the verdict goes into the store. */
#define SPORK_SITE_REQUEST_MAGIC 0x32717273U
#define SPORK_SITE_PATH_BYTES 256

struct spork_site_request {
	uint32_t magic;
	uint32_t
		count; /* frames, innermost first: where the child goes on, then return addresses */
	uint64_t key[2];
	struct {
		uint64_t offset;
		struct spork_build_id id;
		char path[SPORK_SITE_PATH_BYTES];
	} frames[SPORK_CHAIN_FRAMES];
};

#endif
