/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the services of `nicos live` do, and the layout of its arguments. Work is a number of steps of a linear
 * congruence, not a time, so that a process that loses its core in between has not worked meanwhile; the result
 * is where the sequence has come to, which the client can compute by doubling and so knows that all of the work
 * was done.
 */
#ifndef NICOS_LIVE_HANDLER_H
#define NICOS_LIVE_HANDLER_H

#include <stdint.h>

#define HANDLER_ARGS_MIN 16

enum handler_operation {
	HANDLER_WORK,
	HANDLER_EXIT,       /* the process exits within the request */
	HANDLER_HANG,       /* the handler never ends */
	HANDLER_CRASH,      /* SIGSEGV within the request */
	HANDLER_WRONG_LINE, /* writes to the endpoint of another service */
	HANDLER_OPERATION_COUNT,
};

/* Begin of the arguments, and of the results; what follows is echoed. In the host's order: both are one machine. */
struct handler_args {
	uint32_t steps;
	uint32_t operation;
	uint64_t value; /* results: after the steps */
};

/* handler_work - @steps steps from @value. About two nanoseconds each. */
uint64_t handler_work(uint64_t value, uint32_t steps);

/* handler_expect - the same in time logarithmic in @steps. */
uint64_t handler_expect(uint64_t value, uint32_t steps);

/* handler_step_ns - measured: the fastest of some tries, which take a few milliseconds. */
double handler_step_ns(void);

/*
 * handler_serve - what a service does with a call: results as long as the arguments. @other: as for
 * handler_fault().
 */
void handler_serve(const uint8_t *args, uint32_t args_bytes, uint8_t *results, void *other);

/* handler_fault - act as @operation says; @other: memory of another service. Returns only from HANDLER_WORK. */
void handler_fault(enum handler_operation operation, void *other);

#endif
