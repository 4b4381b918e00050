/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Real servers for tests: processes of the program on free loopback ports, in a folder of their own. Everything that
 * was started is ended by its process id when the test ends, however it ends. Not thread-safe.
 */
#ifndef PC_TEST_CLUSTER_H
#define PC_TEST_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SERVERS 5

struct cluster {
	char folder[64];
	char peers[512], clients[512]; /* lists as the program takes them; nodes 1 ... @count */
	char client_address[SERVERS + 1][32];
	pid_t servers[SERVERS + 1];
	uint16_t ports[2 * SERVERS + 2];
	uint32_t count;
	bool stopped[SERVERS + 1];
};

void cluster_begin(struct cluster *cluster, uint32_t count); /* none is started */
void cluster_start(
	struct cluster *cluster, uint32_t node, const char *more); /* @more: options, or NULL */
void cluster_kill(
	struct cluster *cluster, uint32_t node, int signal_number); /* and waits for its end */
void cluster_end(struct cluster *cluster);
/* cluster_leader - who says that it leads, waiting until somebody does; fails the test if nobody ever does. */
uint32_t cluster_leader(struct cluster *cluster);

#endif
