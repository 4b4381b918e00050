/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The Markov level: the chain of a model, and what it says about the modes of the service. Times in seconds, rates per
 * second. What the chain leaves out is in the column "markov" of the table feature x level; see metastable/model.h.
 *
 * A server is low with at most a tenth of its capacity in it (rounded down), high with at least nine tenths (rounded
 * up). The basin of the high mode is where the chain gets high before low with probability 1/2 or more (committor),
 * that of the low mode the rest. Times to recover and to collapse start from the quasi-stationary law of the basin that
 * is left and end when the other set, low or high, is entered.
 *
 * Not thread-safe for one chain; different ones are.
 *
 * Source: Isaacs et al., HotOS 2025; arXiv 2510.03551, section 5; Bovier, den Hollander, Metastability, 2015.
 */
#ifndef METASTABLE_CTMC_H
#define METASTABLE_CTMC_H

#include <stdbool.h>
#include <stdint.h>

#include "metastable/chain.h"
#include "metastable/classification.h"
#include "metastable/generator.h"

struct hb_error;
struct ms_model;
struct service_chain;

#define MS_MEMORY_BYTES_DEFAULT (16.0 * 1024 * 1024 * 1024)

#define MS_SECONDS_DEFAULT 900.0

/* Elimination, or sweeps and aggregation with a bound: see metastable/chain.h. */
enum ms_ctmc_solver {
	MS_SOLVER_CHOOSE, /* iterative for three axes and more whose separators are beyond elimination */
	MS_SOLVER_DIRECT,
	MS_SOLVER_ITERATIVE,
};

struct ms_ctmc_options {
	enum ms_ctmc_solver solver;
	uint32_t orbit_bound;    /* 0: from the load, so that less than 1e-12 of the time is lost */
	uint32_t orbit_phases;   /* phases of the wait in the orbit; 0 and 1: exponential */
	uint32_t eigenvalues;    /* 0: none */
	uint32_t server;         /* index of the server whose queue decides about low and high */
	bool times_only;         /* neither the stationary law nor eigenvalues: for maps */
	double memory_bytes_max; /* 0: MS_MEMORY_BYTES_DEFAULT */
	double seconds_max;      /* expected, of iterative answers; 0: MS_SECONDS_DEFAULT */
	double rate_factor;      /* load that the orbit is made for, over that of the model; 0: 1 */
};

/* Callers read the fields. Axes: queue of each server, its orbit (phase by phase), then its protections. */
struct ms_ctmc_chain {
	struct ms_generator generator;
	struct service_chain *service;
	uint32_t queue_axis;
	int orbit_axis; /* first phase, or -1 */
	int orbit_phases;
	int32_t orbit_bound; /* of each phase */
	uint8_t *low, *high; /* shape [states]: 0 or 1 */
	double build_s;      /* that building took */
	bool iterative;      /* how it is solved */
};

/*
 * ms_ctmc_chain_create - the chain of @model, which stays borrowed.
 * @ret: destroy with ms_ctmc_chain_destroy().
 *
 * Returns 0, -EOPNOTSUPP (a feature that the level refuses), -E2BIG (the message has the estimate), -EINVAL, -ERANGE or
 * -ENOMEM.
 */
int ms_ctmc_chain_create(const struct ms_model *model, const struct ms_ctmc_options *options,
	struct ms_ctmc_chain **ret, struct hb_error *reterr);

void ms_ctmc_chain_destroy(struct ms_ctmc_chain *chain);

/* ms_ctmc_axis_name - "db.queue", "db.orbit". Borrowed from the chain. */
const char *ms_ctmc_axis_name(const struct ms_ctmc_chain *chain, uint32_t axis);

/* A basin and the law in it. */
struct ms_ctmc_basin {
	uint32_t states;
	double mean_queue, mean_orbit; /* of the quasi-stationary law */
	double exit_rate_per_s; /* from the basin, which paths that turn back on its edge count in */
	double escape_s;        /* from the law until the other set is entered */
};

struct ms_ctmc {
	uint32_t states;
	uint64_t nonzeros;
	int32_t orbit_bound;
	double lost_mass; /* share of the time with a full orbit; NAN with times_only */
	double mean_queue, mean_orbit, p_low, p_high; /* stationary; NAN with times_only */
	struct ms_spectrum spectrum;
	struct ms_ctmc_basin low, high;
	double tau_recover_s, tau_collapse_s; /* escape_s of high and low; infinity above 1e308 */
	enum ms_class kind;
	bool iterative; /* then there are no eigenvalues, and the bounds below hold; they are NAN otherwise */
	double stationary_error; /* sum of |share - true share|, at most */
	double recover_error,
		collapse_error; /* relative; see struct ms_quasi_stationary for the laws' part */
	bool beyond; /* something above is not what it says, as far as double precision can tell */
};

/*
 * ms_ctmc_solve - everything about @chain.
 * @horizon_s: of the class.
 *
 * What is beyond double precision does not fail: @ret->beyond is set, and what it concerns is NAN or infinite. Returns
 * 0, -E2BIG (memory, or time to be expected; the message has both) or -ENOMEM.
 */
int ms_ctmc_solve(struct ms_ctmc_chain *chain, const struct ms_ctmc_options *options,
	double horizon_s, struct ms_ctmc *ret, struct hb_error *reterr);

/* From one state: mean times until low and until high are entered, and the probability that high comes first. */
struct ms_ctmc_from {
	double tau_low_s, tau_high_s, p_high_first;
};

/*
 * ms_ctmc_solve_from - from the state with @queue jobs in the server and @orbit requests in its orbit (in the first
 * phase), everything else as at the start.
 *
 * Returns 0, -EINVAL (no such state), -EDOM, -ERANGE, -E2BIG or -ENOMEM.
 */
int ms_ctmc_solve_from(struct ms_ctmc_chain *chain, const struct ms_ctmc_options *options,
	int32_t queue, int32_t orbit, struct ms_ctmc_from *ret, struct hb_error *reterr);

/*
 * ms_ctmc_committor - probability that high comes before low.
 * @ret: shape [states]. Returns as ms_committor().
 */
int ms_ctmc_committor(const struct ms_ctmc_chain *chain, double memory_bytes_max, double *ret,
	struct hb_error *reterr);

/* After the last trigger of a model. */
struct ms_ctmc_trigger {
	double p_stuck; /* that low is not entered from its end until the horizon */
	double error;   /* of it, at most */
	double p_low, p_high, mean_queue, mean_orbit; /* at its end */
	uint32_t states;
	uint64_t steps; /* products of a vector and a matrix */
};

/*
 * ms_ctmc_trigger - P(stuck | triggers): the law of the chain from an empty start through the triggers of @model, piece
 * by piece between their beginnings and ends, then on the chain that ends where low is entered, for one horizon.
 * @options: orbit_bound 0: from the highest load of any piece. @options->server as for the chain.
 *
 * A trigger counts what a simulated run calls drained. Returns 0, -EINVAL (no triggers), or as ms_ctmc_chain_create()
 * and ms_transient().
 */
int ms_ctmc_trigger(const struct ms_model *model, const struct ms_ctmc_options *options,
	struct ms_ctmc_trigger *ret, struct hb_error *reterr);

#endif
