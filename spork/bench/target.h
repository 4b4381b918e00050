/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the exec target answers to a nonce, known to the target and to the oracle in the driver. The
 * exit status lies in 1 ... 100: a child that never ran the target and exits with 0, or with 127
 * after a failed exec, never gives it.
 */
#ifndef SPORK_BENCH_TARGET_H
#define SPORK_BENCH_TARGET_H

#include <stdint.h>

/* spork_target_answer - FNV-1a of the nonce's text. */
static inline uint64_t spork_target_answer(const char *nonce)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *nonce; nonce++)
		hash = (hash ^ (unsigned char)*nonce) * UINT64_C(0x100000001b3);
	return hash;
}

/* spork_target_status - the exit status for it. */
static inline int spork_target_status(const char *nonce)
{
	return 1 + (int)(spork_target_answer(nonce) % 100);
}

/*
 * What the target writes when it is called as `spork-target NONCE OUT_FD IN_FD`; it then waits for
 * IN_FD to end.
 */
struct spork_target_report {
	uint64_t answer;
	int64_t pid;
	int64_t parent;
};

#endif
