/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One instruction, executed by the CPU and by the interpreter from the same random state, and compared: registers,
 * defined flags, vectors, masks, x87 and memory.
 */
#ifndef SPORK_TESTS_DIFFERENTIAL_H
#define SPORK_TESTS_DIFFERENTIAL_H

#include <stddef.h>
#include <stdint.h>

struct hb_rng;

enum differential {
	DIFFERENTIAL_EQUAL,
	DIFFERENTIAL_FAULT,   /* both refuse to execute it */
	DIFFERENTIAL_SKIPPED, /* no instruction, or one that cannot be compared this way */
	DIFFERENTIAL_DIFFERS
};

/* Prepares memory and signal handlers, once per process. False: the CPU has no AVX-512, or memory is missing. */
int differential_init(void);
/* @bytes: 15 of them. @ret_text: what differs, in a buffer of the function. @ret_op: the operation. */
enum differential differential_run(
	const uint8_t bytes[15], uint64_t seed, const char **ret_text, unsigned *ret_op);
/* Random bytes that look like an instruction of some encoding. */
void differential_bytes(struct hb_rng *rng, uint8_t bytes[15]);

#endif
