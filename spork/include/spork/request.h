/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the runtime asks of the helper: one datagram for each module without code. No answer; the code file is
 * the answer.
 */
#ifndef SPORK_REQUEST_H
#define SPORK_REQUEST_H

#include <stdint.h>

#include "spork/code.h"

#define SPORK_REQUEST_MAGIC 0x31717273U
#define SPORK_REQUEST_PATH_BYTES 1024

struct spork_request {
	uint32_t magic;
	struct spork_build_id id;
	char path[SPORK_REQUEST_PATH_BYTES]; /* absolute, terminated */
};

#endif
