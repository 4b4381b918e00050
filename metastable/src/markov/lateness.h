/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The probability that an attempt is still in the server when its timeout is over, given the jobs that it finds there.
 * Served in the order of arrival, it is done after as many services as have to end before its own begins, and its own.
 * Both the probability and its complement are sums of positive terms: each is right to its last digits, however small.
 * Thread-safe.
 *
 * Source: Kleinrock, Queueing Systems I, 1975, section 3.5 (waiting time in M/M/m); here over a finite time.
 */
#ifndef METASTABLE_LATENESS_H
#define METASTABLE_LATENESS_H

#include <stdint.h>

#include "metastable/model.h"

struct lateness {
	double late, timely; /* sum to 1 */
};

/*
 * lateness_table - what an attempt meets that finds 0 ... @count-1 jobs.
 * @rate_per_s: of one thread, the same for all. @timeout_s: mean. @phases: of MS_TIMEOUT_ERLANG.
 * @ret: shape [@count].
 *
 * Returns 0, -ENOMEM or -ERANGE (more than 5e7 services within the timeout). Time grows with @count
 * plus what is served within the timeout.
 */
int lateness_table(uint32_t threads, double rate_per_s, enum ms_timeout_kind kind, double timeout_s,
	uint32_t phases, uint32_t count, struct lateness *ret);

/* lateness_at - the same for one attempt that finds @queue jobs. Returns as lateness_table(). */
int lateness_at(uint32_t threads, double rate_per_s, enum ms_timeout_kind kind, double timeout_s,
	uint32_t phases, uint32_t queue, struct lateness *ret);

#endif
