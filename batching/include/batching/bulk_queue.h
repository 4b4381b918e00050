/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A Poisson stream served in batches of at most K, service times exponential and independent of the batch's size: the
 * queueing view of what batching costs and gains. Closed forms and simulation of the same three disciplines:
 *
 * - joinable: service begins with whoever is there, and arrivals join the batch in service while it has room;
 * - full: service begins only when K wait;
 * - closed: service begins with 1 ... K, and nobody joins.
 *
 * (Textbooks write M/M^[1,K]/1 and the like; "M^[k]/M/1" usually means arrivals in batches, which is another model.)
 * With r the root in (0, 1) of mu r^(K+1) - (lambda + mu) r + lambda = 0, for lambda < K mu:
 *
 *     joinable  L = r / (1 - r)                    Lq = r^K r / (1 - r)
 *     full      L = (K - 1) / 2 + r / (1 - r)      Lq = L - lambda / mu
 *     closed    Lq = A r / (1 - r)^2,  A = 1 / (mu / lambda + 1 / (1 - r)),  L = Lq + lambda / mu
 *
 * Source: Chaudhry and Templeton, "A First Course in Bulk Queues", 1983, chapters 3 and 4; Little 1961.
 */
#ifndef BATCHING_BULK_QUEUE_H
#define BATCHING_BULK_QUEUE_H

#include <stdint.h>

#include <hotbed/stats.h>

struct hb_error;

#define BAT_BULK_LIMIT_MAX 1000000U

enum bat_bulk_discipline {
	BAT_BULK_JOINABLE,
	BAT_BULK_FULL,
	BAT_BULK_CLOSED,
	BAT_BULK_DISCIPLINE_COUNT,
};

struct bat_bulk_queue {
	enum bat_bulk_discipline discipline;
	double lambda_per_s; /* arrivals, > 0 */
	double mu_per_s;     /* services per second, > 0; lambda < limit x mu */
	uint32_t limit;      /* K, 1 ... BAT_BULK_LIMIT_MAX */
};

/* Customers in the system and waiting for service, and their times in seconds. */
struct bat_bulk_means {
	double in_system, in_queue, wait_s, sojourn_s;
};

struct bat_bulk_intervals {
	struct hb_interval in_system, in_queue, wait_s, sojourn_s;
};

/* bat_bulk_discipline_name - "joinable", "full" or "closed". Static. */
const char *bat_bulk_discipline_name(enum bat_bulk_discipline discipline);

/* bat_bulk_queue_check - 0, or -EINVAL with what is out of range (an overloaded queue has no means). */
int bat_bulk_queue_check(const struct bat_bulk_queue *queue, struct hb_error *reterr);

/* bat_bulk_queue_root - r above, to the last digits; 1 - r keeps its relative accuracy in *@ret_complement. */
double bat_bulk_queue_root(const struct bat_bulk_queue *queue, double *ret_complement);

/* bat_bulk_queue_means - the closed forms. Returns 0 or -EINVAL. */
int bat_bulk_queue_means(
	const struct bat_bulk_queue *queue, struct bat_bulk_means *ret, struct hb_error *reterr);

/* How long to simulate. Zeros select the defaults. */
struct bat_bulk_options {
	uint64_t seed;
	uint64_t replications; /* 2 ... 10,000; 20 */
	uint64_t
		departures; /* of each replication after its warm-up of a tenth; 1,000 ... 10^9; 200,000 */
	unsigned int threads; /* 0 = all CPUs; the result does not depend on it */
	double level;         /* of the intervals; 0.99 */
};

/*
 * bat_bulk_queue_simulate - customers one by one on the shared engine; Student intervals over the replications.
 * Blocks for about 0.2 us per departure and replication, more where batches are small.
 * Returns 0, -EINVAL, or -ENOMEM.
 */
int bat_bulk_queue_simulate(const struct bat_bulk_queue *queue,
	const struct bat_bulk_options *options, struct bat_bulk_intervals *ret,
	struct hb_error *reterr);

#endif
