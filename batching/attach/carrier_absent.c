/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In place of carrier.c where libbpf, or a compiler for BPF, is absent: nobody can have a carrier. */
#include <batching/carrier.h>

#include <errno.h>

#include <hotbed/error.h>

int bat_carrier_create(struct bat_carrier **ret, const char *group, struct hb_error *reterr)
{
	(void)ret;
	(void)group;
	return hb_error_set(reterr, -ENOTSUP,
		"built without BPF: libbpf-dev and clang were absent when it was configured");
}

void bat_carrier_destroy(struct bat_carrier *carrier)
{
	(void)carrier;
}

int bat_carrier_put(struct bat_carrier *carrier, uint64_t cookie, const uint8_t *option)
{
	(void)carrier;
	(void)cookie;
	(void)option;
	return -ENOENT;
}

int bat_carrier_take(struct bat_carrier *carrier,
	void (*each)(void *user, const struct bat_carried *carried), void *user)
{
	(void)carrier;
	(void)each;
	(void)user;
	return -ENOTSUP;
}
