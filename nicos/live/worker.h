/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The host's core: the loop of a process over its endpoint, and how the core passes from one process to the next.
 *
 * Told to retire, a process wakes the next one, whose turn the card has written to the host's page, and sleeps until
 * its own turn comes (futex(2)): a change of address space for processes, of the stack for threads. Fibers change the
 * stack without the kernel.
 */
#ifndef NICOS_LIVE_WORKER_H
#define NICOS_LIVE_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <hotbed/clock.h>

#include <nicos/live.h>

#include "endpoint.h"

struct hb_error;
struct host;

/*
 * host_create - start the services and give the core to the host's own endpoint.
 * @cpu: where services run. @exited: called on the host's thread when the process of a service is gone.
 * @ret: host_destroy() ends all of them and frees it.
 *
 * Returns 0, -EAGAIN (too many processes or threads) or -ENOMEM. Call it before the process has other threads.
 */
int host_create(struct region *region, enum nic_live_mode mode, int cpu,
	const struct hb_clock *clock, struct host **ret, struct hb_error *reterr);
void host_destroy(struct host *host);

/* host_kill - end the process of @service (mode process only). Its exit is reported as any other. */
void host_kill(struct host *host, uint32_t service);

/* host_exited_next - a service whose process has ended since the last call; NIC_NONE if there is none. Any thread's. */
uint32_t host_exited_next(struct host *host);

/* turn_give - let the process of @service go on; the number of its turn has been changed before. */
void turn_give(struct region *region, uint32_t service);

#endif
