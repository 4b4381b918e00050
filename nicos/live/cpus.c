/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cpus.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include <hotbed/error.h>

int cpus_find(int ret_cpus[2], struct hb_error *reterr)
{
	cpu_set_t cpus;
	int found = 0;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return hb_error_set(
			reterr, -ENOTSUP, "needs sched_getaffinity: %s", strerror(errno));
	for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++) {
		if (CPU_ISSET(cpu, &cpus))
			ret_cpus[found++] = cpu;
	}
	if (found < 2)
		return hb_error_set(reterr, -ENOTSUP,
			"needs two CPUs, one for the card and one for the services; this process "
			"may use one only");
	return 0;
}

void cpu_pin(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	(void)sched_setaffinity(0, sizeof(cpus), &cpus);
}
