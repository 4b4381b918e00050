/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which CPUs a run uses. */
#ifndef NICOS_LIVE_CPUS_H
#define NICOS_LIVE_CPUS_H

struct hb_error;

/* cpus_find - the first two that the caller may use: the card's, and the host's. 0, or -ENOTSUP with the reason. */
int cpus_find(int ret_cpus[2], struct hb_error *reterr);

/* cpu_pin - the calling thread runs on @cpu from now on. */
void cpu_pin(int cpu);

#endif
