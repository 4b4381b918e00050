/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The option of option.h on real segments: BPF programs of a control group write it into the header of one segment of
 * a connection, and hand over what arrives. Only connections that are made in the group after this, by any program,
 * carry it; segments without an option are as before. The kernel makes room before it cuts a segment, so that none
 * grows beyond the MSS; where segmentation offload cuts later, the option is on each piece, and the receiver sees
 * repetitions.
 * Beside two SACK blocks there is no room: then the option waits for the next segment.
 *
 * Needs CAP_BPF, CAP_NET_ADMIN and a group of the second version; built where libbpf and clang are there.
 *
 * Not thread-safe.
 */
#ifndef BATCHING_CARRIER_H
#define BATCHING_CARRIER_H

#include <stdint.h>

#include <batching/option.h>

struct hb_error;
struct bat_carrier;

#define BAT_CARRIER_SOCKETS_MAX 1024

/*
 * bat_carrier_create - for the connections of the group whose folder is @group, such as one below /sys/fs/cgroup.
 * Returns 0; -ENOTSUP (not built with it, or the kernel lacks something); -EPERM; or what opening @group gave.
 */
int bat_carrier_create(struct bat_carrier **ret, const char *group, struct hb_error *reterr);
/* bat_carrier_destroy - no option is written or taken any more. Accepts NULL. */
void bat_carrier_destroy(struct bat_carrier *carrier);

/*
 * bat_carrier_put - the next segment of the socket with @cookie (SO_COOKIE) that has room carries @option, shape
 * [BAT_OPTION_BYTES], once.
 * Returns 0; -EBUSY (the one before has not left yet; it stays); or -ENOENT (the socket was not connected in the
 * group).
 */
int bat_carrier_put(struct bat_carrier *carrier, uint64_t cookie, const uint8_t *option);

/* What has arrived, in the order of its arrival. */
struct bat_carried {
	uint64_t cookie;                  /* of the socket it came to */
	uint64_t time_ns;                 /* CLOCK_MONOTONIC */
	uint8_t option[BAT_OPTION_BYTES]; /* from an untrusted peer */
};

/*
 * bat_carrier_take - call @each for each option that has arrived; does not wait. If nobody takes them, the oldest 6,500
 * are kept. Returns how many, or -errno.
 */
int bat_carrier_take(struct bat_carrier *carrier,
	void (*each)(void *user, const struct bat_carried *carried), void *user);

#endif
