/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules of the chain that a model stands for at the Markov level. Per server: jobs in it (queue), requests whose
 * attempt will time out and that wait for it (orbit), and, where the model has them, requests that back off after a
 * rejection, tokens and warm keys.
 *
 * Nothing is inflated: an arrival is one event, with what happens to it as its outcomes. An attempt that finds q jobs
 * is late with the exact probability that so many services outlast the timeout, in time with the rest. A late or lost
 * attempt puts its request into the orbit for an exponential time with the mean of timeout and backoff; then it tries
 * again with probability r / (r + 1), or gives up: as many attempts as the client allows, on average.
 *
 * Source: Isaacs et al., HotOS 2025, section 3; arXiv 2510.03551, section 3; with the arrivals kept as they are.
 */
#ifndef METASTABLE_SERVICE_CHAIN_H
#define METASTABLE_SERVICE_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "lateness.h"
#include "metastable/generator.h"
#include "metastable/model.h"

struct hb_error;

#define STATION_CALLS_MAX 4
#define NO_AXIS (-1)

/* What an attempt met at some speed of the server; stations that make calls meet the same ones time and again. */
struct lateness_met {
	double thread_s; /* 0: nothing yet */
	int32_t queue;
	struct lateness lateness;
};

#define LATENESS_MET 65536U

/* One server and those who send to it. Tables have a row for each number of jobs, 0 ... capacity. */
struct station {
	const struct ms_server *server;
	const struct ms_client *client;
	const struct ms_cache *cache; /* or NULL */
	int32_t capacity;
	int queue_axis;
	int orbit_axis; /* of the first phase, or NO_AXIS */
	int orbit_phases;
	int backoff_axis, token_axis, warm_axis; /* or NO_AXIS */

	double arrivals_per_s; /* of outside clients */
	double phase_per_s;    /* of the wait in the orbit */
	double backoff_s;      /* mean; 0: at once */
	double retry_share;    /* of those that have failed once more */
	double renege_per_s;   /* of each job that is cancelled at its timeout; 0: none */
	bool renege_in_service;
	double keys_per_level; /* of warm_axis */
	double *hit; /* shape [levels + 1]: share of the attempts that the cache answers */

	double *service_per_s; /* of one busy thread, without calls */
	double *admit, *drop;  /* probabilities; the rest is rejected */
	struct lateness *lateness;
	struct lateness_met
		*met; /* shape [LATENESS_MET], by a hash; NULL without calls; filled by the moves */

	uint32_t call_count;
	struct {
		uint32_t station;
		double probability;
	} calls[STATION_CALLS_MAX];
};

struct service_chain {
	struct ms_rules rules; /* context is the chain itself */
	uint32_t station_count;
	struct station station[MS_SERVERS_MAX];
	char axis_name[MS_AXES_MAX][2 * MS_NAME_BYTES];
};

struct service_chain_options {
	uint32_t orbit_bound;  /* 0: from the load */
	uint32_t orbit_phases; /* phases of the wait in the orbit; 0 and 1: exponential */
	double rate_factor;    /* load that the bound is made for, over that of the model; 0 = 1 */
};

/*
 * service_chain_create - @model stays borrowed. Returns 0, -EOPNOTSUPP (a feature, or more counters than MS_AXES_MAX),
 * -ERANGE or -ENOMEM.
 */
int service_chain_create(const struct ms_model *model, const struct service_chain_options *options,
	struct service_chain **ret, struct hb_error *reterr);

void service_chain_destroy(struct service_chain *chain);

/* service_chain_moves - the rules, see struct ms_rules. Not thread-safe for one chain: it remembers what it met. */
uint32_t service_chain_moves(const void *context, const int32_t *at, struct ms_move *ret_moves);

#endif
