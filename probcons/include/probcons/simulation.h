/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The replicated log under simulated networks, disks, clocks and clients, and checks of everything that Raft promises.
 * A schedule is one short life of a cluster: faults of all kinds for a while, then a quiet time in which it must get
 * going again. Everything follows from (seed, number of the schedule): the same bytes on every machine.
 *
 * Not thread-safe: one owner per simulation.
 */
#ifndef PROBCONS_SIMULATION_H
#define PROBCONS_SIMULATION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <probcons/configuration.h>

struct hb_error;
struct pc_simulation;

enum pc_variant {
	PC_V0, /* majority */
	PC_V1, /* flexible quorums */
	PC_V2, /* votes by reliability */
	PC_V3, /* votes change while it runs */
	PC_V4, /* reliable nodes lead */
	PC_V5, /* committees that may fail to meet: not safe */
};

#define PC_SIMULATED_NODES_MAX 16

struct pc_simulation_options {
	enum pc_variant variant;
	uint32_t nodes; /* 1 ... PC_SIMULATED_NODES_MAX */
	uint64_t seed;
	struct pc_rule rule;                  /* of the first configuration; node i is bit i */
	uint32_t committee_per, committee_vc; /* V5 */
	uint8_t ranks[PC_REPLICAS_MAX];       /* V4 */
	double crash_weights
		[PC_SIMULATED_NODES_MAX]; /* relative, how often each crashes; all 0: alike */
	bool linearizable;                /* judge the clients' histories too */
	uint64_t skipped_faults; /* bit i: leave out fault i of each schedule (to shrink it) */
	FILE *trace;             /* NULL, or where every step is written for people */
};

enum pc_coverage {
	PC_SAW_CRASH,
	PC_SAW_LOST_WRITES, /* a crash lost what was not synced */
	PC_SAW_WIPE,
	PC_SAW_READMISSION,
	PC_SAW_PARTITION,
	PC_SAW_ONE_WAY,
	PC_SAW_SLOW_DISK,
	PC_SAW_SKEWED_CLOCK,
	PC_SAW_LOSS,
	PC_SAW_DUPLICATE,
	PC_SAW_TRUNCATION,
	PC_SAW_SNAPSHOT_INSTALLED,
	PC_SAW_CHANGE,
	PC_SAW_CHANGE_REVERTED,
	PC_SAW_JOINT_ELECTION,
	PC_SAW_TRANSFER,
	PC_SAW_READ,
	PC_SAW_RETRY,
	PC_SAW_UNKNOWN_OUTCOME,
	PC_SAW_STUCK, /* so many disks were lost that the others are no quorum */
	PC_COVERAGE_COUNT,
};

struct pc_violation {
	uint64_t schedule;
	int64_t time_ns;
	char text[160];
};

#define PC_VIOLATIONS_MAX 32

struct pc_simulation_report {
	uint64_t schedules, events; /* inputs to replicas */
	uint64_t elections, commits;
	uint64_t undecided; /* histories beyond the judge's memory */
	/* V5: elections after a commit, those whose committee missed that of the commit, schedules it harmed. */
	uint64_t committee_trials, committee_misses, harmed;
	uint64_t trace_hash;
	uint64_t coverage[PC_COVERAGE_COUNT];
	uint64_t violation_count;
	struct pc_violation
		violations[PC_VIOLATIONS_MAX]; /* the first ones, at most one per schedule */
};

/* pc_simulation_coverage_name - "crashes" etc., for people and JSON. */
const char *pc_simulation_coverage_name(enum pc_coverage coverage);

/*
 * pc_simulation_create - memory for any number of schedules.
 * @ret: owned by the caller, pc_simulation_destroy() frees it.
 *
 * Returns 0, -EINVAL (nodes, a rule that is refused) or -ENOMEM.
 */
int pc_simulation_create(const struct pc_simulation_options *options, struct pc_simulation **ret,
	struct hb_error *reterr);

void pc_simulation_destroy(struct pc_simulation *simulation);

/*
 * pc_simulation_run - simulate schedule @schedule and add what was seen to @report (zero-initialised at first).
 * Returns 0, -ENOMEM, or -EOVERFLOW (a bound of the simulator itself was hit).
 */
int pc_simulation_run(struct pc_simulation *simulation, uint64_t schedule,
	struct pc_simulation_report *report, struct hb_error *reterr);

/* pc_simulation_skip_faults - from the next schedule on leave out these faults (bits by their order). */
void pc_simulation_skip_faults(struct pc_simulation *simulation, uint64_t faults);

/* pc_simulation_trace - from the next schedule on write every step to @trace; NULL: none. */
void pc_simulation_trace(struct pc_simulation *simulation, FILE *trace);

#endif
