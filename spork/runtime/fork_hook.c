/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "runtime.h"

uint64_t spork_fork_enter(const struct spork_frame *frame)
{
	(void)frame;
	spork_count(SPORK_FORK_MODE);
	return 0;
}

int64_t spork_fork_attempt(const struct spork_frame *frame)
{
	(void)frame;
	return 0;
}
