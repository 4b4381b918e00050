/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The calling context of a fork, unwound with the rows of the code files. */
#ifndef SPORK_CHAIN_H
#define SPORK_CHAIN_H

#include "session.h"
#include "spork/executor.h"

/*
 * chain_unwind - fill @chain with at most SPORK_CHAIN_FRAMES return addresses, fewer where there
 * are no rows. Reads the stack through the kernel: a wrong row or a damaged frame pointer does no
 * harm.
 */
void chain_unwind(struct session *session, const struct spork_frame *frame, uint64_t resume,
	struct spork_chain *chain);

#endif
