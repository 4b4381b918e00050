/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Errors that the authors of the paper's prototype made and mended (its commit history). Tests build the scheduler
 * with one of them and require that the oracle notices; every other build has none, and the compiler removes the
 * branches.
 */
#ifndef NICOS_PLANTED_ERROR_H
#define NICOS_PLANTED_ERROR_H

enum planted_error {
	PLANTED_NONE,
	PLANTED_LOST_IN_PREEMPTION, /* a request that is stopped goes back to no queue */
	PLANTED_POP_UNDERFLOW,      /* two cores take from a queue that holds one request */
	PLANTED_STARVED_QUEUE,      /* a free core looks at its own service's queue only */
	PLANTED_COUNTED_AT_ACK, /* a core counts against the limit when it has switched, not when told to */
	PLANTED_SWITCH_IN_SWITCH, /* a core that is switching already is told to switch elsewhere */
	PLANTED_WRONG_PROCESS,    /* a request is delivered before the switch is acknowledged */
};

#ifndef NIC_PLANTED_ERROR
#define NIC_PLANTED_ERROR PLANTED_NONE
#endif

#define PLANTED(error) (NIC_PLANTED_ERROR == (error))

#endif
