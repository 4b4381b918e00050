/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In the place of dpdk.c where DPDK is not installed. */
#include <errno.h>

#include <hotbed/error.h>
#include <nicos/wire.h>

int nic_wire_dpdk_probe(struct hb_error *reterr)
{
	return hb_error_set(reterr, -ENOTSUP, "needs DPDK; install dpdk-dev and build again");
}

int nic_wire_dpdk_create(struct nic_wire *ret[2], struct hb_error *reterr)
{
	(void)ret;
	return hb_error_set(reterr, -ENOTSUP,
		"needs DPDK; install dpdk-dev and build again, or use --wire memory");
}
