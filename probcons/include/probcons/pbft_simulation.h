/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One slot of PBFT (Castro and Liskov, OSDI 1999) with any quorum sizes under an adversary who owns the Byzantine nodes
 * and decides what arrives: theorem 3.1 of the paper by simulation instead of by counting. A Byzantine leader tells
 * different nodes different things; Byzantine nodes sign both and, when views change, pretend to have seen nothing.
 * Certificates cannot be forged.
 *
 * Pure functions; thread-safe.
 */
#ifndef PROBCONS_PBFT_SIMULATION_H
#define PROBCONS_PBFT_SIMULATION_H

#include <stdint.h>

#include <probcons/protocol.h>

struct hb_error;

#define PC_PBFT_NODES_MAX 32

struct pc_pbft_report {
	uint64_t schedules;
	uint64_t commits;       /* schedules in which something was committed */
	uint64_t view_changes;  /* views that began with a quorum of those who asked for it */
	uint64_t equivocations; /* schedules in which one view certified two values: Q_eq failed */
	uint64_t
		disagreements; /* schedules that committed two values: Q_per or Q_vc failed, or Q_eq before */
};

/*
 * pc_pbft_simulate - @schedules random lives of one slot with @byz Byzantine nodes; the rest is correct.
 * @protocol: PBFT with one vote per node, at most PC_PBFT_NODES_MAX.
 *
 * Returns 0 or -EINVAL (not PBFT, sizes that pc_protocol_check() refuses, too many nodes).
 */
int pc_pbft_simulate(const struct pc_protocol *protocol, uint32_t byz, uint64_t schedules,
	uint64_t seed, struct pc_pbft_report *ret, struct hb_error *reterr);

#endif
