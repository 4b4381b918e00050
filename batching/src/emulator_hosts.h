/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two hosts of the emulated link: network namespaces with one TAP device each. */
#ifndef BATCHING_EMULATOR_HOSTS_H
#define BATCHING_EMULATOR_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include <batching/emulator.h>

struct hb_error;

struct hosts {
	int namespaces[BAT_EMULATOR_HOSTS]; /* -1 = none, as are the others */
	int taps[BAT_EMULATOR_HOSTS];       /* nonblocking; a read or write is one Ethernet frame */
	int processes;                      /* the process namespace of before */
	bool user_namespace;                /* made because the caller is not root */
};

/*
 * hosts_make - make both, with addresses, and put this process into the left one. Children of this process will be in a
 * new process namespace. The caller must have one thread. @congestion: may be NULL.
 * @ret: to be closed by hosts_close(), on failure too.
 *
 * Returns 0, -ENOTSUP with what to do, or what a system call says.
 */
int hosts_make(
	struct hosts *ret, uint32_t mtu_bytes, const char *congestion, struct hb_error *reterr);

/*
 * hosts_close - let go of what is open; the namespaces end with the last process in them. Children of a caller that is
 * root are as before; another cannot have any.
 */
void hosts_close(struct hosts *hosts);

#endif
