/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the experiments are verified against: the definitions, computed without the library. Theorems 3.1 and 3.2
 * word by word over all configurations, closed forms, and arithmetic of 113 bits.
 */
#ifndef PROBCONS_BENCH_ORACLE_H
#define PROBCONS_BENCH_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#define ORACLE_NODES_MAX 20

/* Quorum sizes as the paper names them; eq and vc_t are 0 for Raft. */
struct oracle_sizes {
	int eq, per, vc, vc_t;
	bool printed_sign; /* PBFT liveness as the paper prints it */
};

/*
 * oracle_raft, oracle_pbft - failure probabilities by summing over all 2^count configurations; for PBFT every fault is
 * Byzantine. @q: shape [count], count <= ORACLE_NODES_MAX. Any of the results may be NULL.
 */
void oracle_raft(const double *q, int count, struct oracle_sizes sizes, double *ret_unsafe,
	double *ret_unlive);
void oracle_pbft(const double *q, int count, struct oracle_sizes sizes, double *ret_unsafe,
	double *ret_unlive, double *ret_either);

/* oracle_weighted - probability that the votes of the failed leave fewer than @votes. */
double oracle_weighted(const double *q, const uint32_t *weights, int count, uint64_t votes);

/* oracle_binomial - probability of at least @k faults among @n nodes of probability @p; exact sum, any n. */
double oracle_binomial(int n, int k, double p);

/* oracle_binomial_exactly - probability of exactly @k. */
double oracle_binomial_exactly(int n, int k, double p);

/* oracle_two_classes - at least @k faults among @a nodes of probability @p and @b of probability @q. */
double oracle_two_classes(int a, double p, int b, double q, int k);

/* oracle_tail - at least @k faults among @count nodes, in 113-bit arithmetic. */
double oracle_tail(const double *q, uint32_t count, uint32_t k);

/* oracle_relative - |value - truth| / truth. */
double oracle_relative(double value, double truth);

#endif
