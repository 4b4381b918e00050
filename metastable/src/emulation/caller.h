/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a worker does when its job makes a call: a request over loopback to another service, with the timeouts, retries
 * and protections of the model, while the worker waits. Kept-alive connections, one for each worker and call.
 */
#ifndef METASTABLE_EMULATION_CALLER_H
#define METASTABLE_EMULATION_CALLER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <metastable/model.h>

#include "sender.h"

struct ms_page;

/* A call of a server: its sender and who may make it, shared by the workers behind the server's lock. */
struct ms_call {
	struct ms_sender sender;
	struct hb_rng decisions; /* whether a job makes it */
	uint32_t index;          /* in the model's clients */
};

/* The workers' side: what one of them waits on and talks over. Zero-initialised but for the first four fields. */
struct ms_caller {
	struct ms_page *page;
	pthread_mutex_t *lock;       /* of the server, and of its calls */
	const bool *ends;            /* under the lock: the process ends */
	struct ms_lateness *late;    /* under the lock */
	int timer_fd, wake_fd;       /* wake: the job is cancelled, or the process ends */
	int sockets[MS_CLIENTS_MAX]; /* by client of the model; 0 = none yet */
};

enum ms_call_end {
	MS_CALL_SUCCESS,
	MS_CALL_FAILURE,
	MS_CALL_CANCELLED, /* woken up */
};

/*
 * ms_call_make - one request of @call, from @at_ns of the model; the lock is not held. Blocks until the request ends.
 * @at_ns: in: the beginning, out: the end.
 */
enum ms_call_end ms_call_make(struct ms_caller *caller, struct ms_call *call, int64_t *at_ns);

/* ms_caller_close - end the connections. */
void ms_caller_close(struct ms_caller *caller);

#endif
