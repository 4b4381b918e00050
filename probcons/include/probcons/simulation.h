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
#include <probcons/fault_curve.h>

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
#define PC_FAULTS_SKIPPED_MAX 64 /* the first ones of a schedule can be left out */

/*
 * Instead of a mix of faults: nodes crash as fault curves say, those that the analysis reads, and are repaired. A
 * second of simulated time stands for @hours_per_second.
 */
struct pc_simulation_mission {
	const struct pc_fault_curve *curves[PC_SIMULATED_NODES_MAX];
	double ages_hours[PC_SIMULATED_NODES_MAX]; /* at the beginning */
	double hours_per_second;
	double repair_seconds; /* simulated; mean of an exponential */
	double seconds;        /* simulated, up to PC_MISSION_SECONDS_MAX */
};

#define PC_MISSION_SECONDS_MAX 50

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
	/* bit i: leave out fault i of each schedule, by the clock or right after something (to shrink it) */
	uint64_t skipped_faults, skipped_strikes;
	const struct pc_simulation_mission
		*mission; /* NULL: a mix of faults; outlives the simulation */
	FILE *trace;      /* NULL, or where every step is written for people */
};

enum pc_coverage {
	PC_SAW_CRASH,
	PC_SAW_LOST_WRITES, /* a crash lost what was not synced */
	PC_SAW_WIPE,
	PC_SAW_ROT, /* a damaged disk was found at a start */
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
	PC_SAW_STRIKE,         /* a fault right after something was said or done */
	PC_SAW_FEW_REACHED,    /* a leader whose entries few others got */
	PC_SAW_RIVALS,         /* nodes told to campaign at once */
	PC_SAW_CHANGE_OF_MANY, /* several nodes join or leave in one change */
	PC_SAW_TORN_WRITE,     /* a crash left half a record */
	PC_SAW_STUCK,          /* so many disks were lost that the others are no quorum */
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
	/*
	 * V5: campaigns after a commit (each retry is another trial), those whose committee missed that of the commit,
	 * committees that leaders drew anew because somebody was silent, schedules that were harmed.
	 */
	uint64_t committee_trials, committee_misses, committee_redraws, harmed;
	/* Missions: from the first commit on; of the time without service, that with enough nodes up. */
	uint64_t measured_ns, without_service_ns, electing_ns;
	uint64_t failures, leader_failures;
	uint64_t trace_hash;
	uint64_t coverage[PC_COVERAGE_COUNT];
	uint64_t states; /* different ones of the whole, new to this simulation */
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

/*
 * pc_simulation_skip_faults - from the next schedule on leave out these faults, bits by their order: @faults that
 * come by the clock, @strikes that come right after something has happened.
 */
void pc_simulation_skip_faults(struct pc_simulation *simulation, uint64_t faults, uint64_t strikes);

/* pc_simulation_trace - from the next schedule on write every step to @trace; NULL: none. */
void pc_simulation_trace(struct pc_simulation *simulation, FILE *trace);

#endif
