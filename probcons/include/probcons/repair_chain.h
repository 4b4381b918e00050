/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fleets that are repaired: Markov chains over classes of equal nodes. A node is up, down with its disk intact (a
 * crash: repair brings it back) or replaced (its data is gone: replacement copies them anew). Availability adds the
 * time that elections take. Built on hotbed/markov.h: exact for means of 1e51 years as for hours.
 */
#ifndef PROBCONS_REPAIR_CHAIN_H
#define PROBCONS_REPAIR_CHAIN_H

#include <stdint.h>

struct hb_error;

#define PC_REPAIR_CLASSES_MAX 8
#define PC_REPAIR_STATES_MAX 50000

/* Rates per hour, finite and >= 0. A class that crashes but is never repaired stays down. */
struct pc_repair_class {
	uint32_t count;          /* >= 1 */
	double crash_per_hour;   /* up -> down */
	double repair_per_hour;  /* down -> up */
	double wipe_per_hour;    /* up -> replaced; also strikes nodes that are down */
	double replace_per_hour; /* replaced -> up */
};

struct pc_repair_model {
	const struct pc_repair_class *classes; /* shape [class_count] */
	uint32_t class_count;                  /* 1 ... PC_REPAIR_CLASSES_MAX */
	uint32_t
		crews; /* nodes of one class in repair (and as many in replacement) at a time; 0 = all */
	uint32_t votes_live; /* nodes that must be up to be available */
	uint32_t
		votes_commit; /* copies of a commit: data is lost when this many nodes hold no data at once */
	double election_hours; /* detection and election after the leader fails; every up node is as likely to lead */
};

struct pc_repair_result {
	uint32_t states;
	double mttf_hours; /* from all up to the first loss of availability; infinite: never, or above 1e308 */
	double mttdl_hours; /* from all up to the first loss of data, repair going on; infinite likewise */
	double unavailable;          /* long-run share of time: the two below together */
	double unavailable_quorum;   /* too few nodes up */
	double unavailable_election; /* enough up, but electing */
};

/*
 * pc_repair_steady - long-run figures of a model.
 *
 * Nothing need be repaired: the long run is then without service. Returns 0, -EINVAL (rates, counts, votes), -E2BIG
 * (more than PC_REPAIR_STATES_MAX states, or fill) or -ENOMEM.
 */
int pc_repair_steady(
	const struct pc_repair_model *model, struct pc_repair_result *ret, struct hb_error *reterr);

/*
 * pc_repair_mission - from all up, over @mission_hours > 0.
 * @ret_unavailable: mean share of the mission without service (elections included); may be NULL.
 * @ret_loss: probability that data is lost within the mission; may be NULL.
 *
 * Returns as pc_repair_steady(); -E2BIG also when rates x mission ask for too many steps.
 */
int pc_repair_mission(const struct pc_repair_model *model, double mission_hours,
	double *ret_unavailable, double *ret_loss, struct hb_error *reterr);

#endif
