/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The paper's motivating scenario: n requests reach a serial server at once. Each costs alpha, every batch costs beta
 * once, and a serial client spends c on each reply. Unbatched, reply i leaves at i (alpha + beta); batched, all of them
 * leave at n alpha + beta. The server cannot see c, and c decides who wins.
 *
 * For n >= 2 and c <= alpha + beta, batching lowers the mean reply time iff c < beta - alpha and the finish time iff
 * c < beta, whatever n is; for larger c it loses (n - 1) alpha on both. All times are in one unit of the caller's.
 *
 * Thread-safe: plain values. Source: Borisov, Amit and Tsafrir, HotOS 2025, motivating scenarios.
 */
#ifndef BATCHING_SCENARIO_H
#define BATCHING_SCENARIO_H

#include <stdint.h>

struct hb_error;

#define BAT_SCENARIO_REQUESTS_MAX UINT64_C(1000000000)
#define BAT_SCENARIO_COST_MAX 1e12

struct bat_scenario {
	uint64_t requests; /* n, 1 ... BAT_SCENARIO_REQUESTS_MAX */
	double alpha; /* per request at the server, 0 ... BAT_SCENARIO_COST_MAX, as are the others */
	double beta;  /* per batch at the server */
	double client; /* c, per reply at the client */
};

/* When the client is done with the replies. */
struct bat_outcome {
	double mean;
	double finish; /* with the last one */
};

/* What batching improves. */
enum bat_verdict {
	BAT_VERDICT_NEITHER,
	BAT_VERDICT_LATENCY,    /* the mean only */
	BAT_VERDICT_THROUGHPUT, /* the finish only */
	BAT_VERDICT_BOTH,
};

struct bat_comparison {
	struct bat_outcome unbatched, batched;
	enum bat_verdict
		verdict; /* a tie is no improvement; values within 1e-12 of each other tie */
};

/* bat_scenario_compare - both ways, by the closed forms. Returns 0, or -EINVAL with the value that is out of range. */
int bat_scenario_compare(
	const struct bat_scenario *scenario, struct bat_comparison *ret, struct hb_error *reterr);

/*
 * bat_scenario_batched_by - the same server sending its replies in batches of @batch (the last one may be smaller):
 * 1 is unbatched, n is batched. Takes time proportional to n.
 * @batch: 1 ... requests. Returns 0 or -EINVAL.
 */
int bat_scenario_batched_by(const struct bat_scenario *scenario, uint64_t batch,
	struct bat_outcome *ret, struct hb_error *reterr);

/* bat_verdict_name - "both", "throughput", "latency" or "neither". Static. */
const char *bat_verdict_name(enum bat_verdict verdict);

#endif
