/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A server of the replicated log: the core of replica.h, a folder, and connections. Keys and values, changed exactly
 * once per client session, read linearizably.
 */
#ifndef PROBCONS_SERVER_H
#define PROBCONS_SERVER_H

#include <stdio.h>

#include <probcons/configuration.h>

struct hb_error;

#define PC_ADDRESS_BYTES 128 /* "127.0.0.1:7001", terminated */

struct pc_server_options {
	uint32_t id;
	const char *folder;
	char peers[PC_REPLICAS_MAX]
		  [PC_ADDRESS_BYTES];  /* where each node listens for the others; "" = none */
	char client[PC_ADDRESS_BYTES]; /* where this one listens for clients */
	struct pc_rule rule;           /* of a new cluster; later that of the log counts */
	bool join;                     /* empty folder: in a new life, without a vote */
	uint32_t committee_per, committee_vc;
	bool by_rank;
	uint8_t ranks[PC_REPLICAS_MAX];
	uint32_t tick_ms;
	FILE *messages; /* what an operator should know */
};

/*
 * pc_server_run - serve until SIGTERM or SIGINT.
 * Returns 0, or -errno with the reason in @reterr: addresses, a damaged folder (-EBADMSG), a disk that fails.
 */
int pc_server_run(const struct pc_server_options *options, struct hb_error *reterr);

#endif
