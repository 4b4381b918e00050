/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The network between a trial's client and its server, in namespaces of the trial's own: loopback with the MTU of
 * Ethernet, or an emulated link whose frames a process of its own carries. Reno at both ends, which any network may
 * choose: BBR paces, and would hide what Nagle's algorithm does.
 *
 * Not thread-safe: one network per trial, and it changes the namespace of the calling process. Linux only.
 */
#ifndef BATCHING_BENCH_NETWORK_H
#define BATCHING_BENCH_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <hotbed/trial.h>

/* What the parameter "network" may be; the first is loopback. */
#define NETWORK_NAMES "loopback,20mbit,100mbit,tap"

struct network {
	const char *server_address; /* where the server listens */
	int server_fd, client_fd;   /* their namespaces; -1 = there is one only */
	int hold_fd;                /* the link ends when it is closed; -1 = no link */
	struct hb_child carrier;
};

/* network_probe - skip the trial where network @name cannot be made. 0 or hb_trial_skip(). */
int network_probe(struct hb_trial *trial, const char *name);

/*
 * network_start - make network @name, one of NETWORK_NAMES, in the namespace that network_probe() made; afterwards the
 * caller is at the client's end. network_stop() ends it, whatever this returned. 0 or hb_trial_fail().
 */
int network_start(struct hb_trial *trial, const char *name, struct network *ret);
void network_stop(struct network *network);

/*
 * network_capacity - requests per second whose @bytes of payload alone fill network @name; where its limit is frames, a
 * round number that is near what one connection reaches.
 */
double network_capacity(const char *name, size_t bytes);

/* network_enter - the caller goes to the server's end, or back to the client's. 0 or -errno. */
int network_enter(const struct network *network, bool server);

#endif
