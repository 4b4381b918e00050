/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Distributions of times, as text and as random numbers: service times, and costs as they were measured.
 *
 *	const:T  exp:T  bimodal:P,T1,T2  pareto:A,TMIN,TMAX  lognormal:M,S  uniform:A,B  trace:FILE
 *
 * Times are decimal numbers with ns, us, ms or s; a bare time means const. P is the probability of T1; A of pareto is
 * the tail's exponent, cut at TMAX; M and S are mean and standard deviation of the time; a trace holds one time per
 * line ('#' begins a comment), of which one is drawn at random each time.
 *
 * Thread-safe for reading.
 */
#ifndef NICOS_DISTRIBUTION_H
#define NICOS_DISTRIBUTION_H

#include <stddef.h>

struct hb_error;
struct hb_rng;

enum nic_distribution_kind {
	NIC_CONST,
	NIC_EXPONENTIAL,
	NIC_BIMODAL,
	NIC_PARETO,
	NIC_LOGNORMAL,
	NIC_UNIFORM,
	NIC_TRACE,
};

#define NIC_TIME_MAX_NS 1e15   /* 11 days */
#define NIC_TRACE_MAX 10000000 /* times in a file */

/* Zero-initialised: always 0. Read-only after parsing. */
struct nic_distribution {
	enum nic_distribution_kind kind;
	double a, b, c;   /* by kind, times in ns; lognormal: mu and sigma of the logarithm */
	double *trace_ns; /* shape [trace_count] */
	size_t trace_count;
};

/*
 * nic_duration_parse - "2.5us" in ns. A number without unit is refused, but for 0.
 * Returns 0, or -EINVAL (no time, negative, above NIC_TIME_MAX_NS).
 */
int nic_duration_parse(const char *text, double *ret_ns, struct hb_error *reterr);

/*
 * nic_distribution_parse - the text above. Reads the file of a trace.
 * @ret: nic_distribution_finish() frees what it holds; untouched on failure.
 *
 * Returns 0, -EINVAL (with the reason), -EBADMSG (a trace, with its line), -E2BIG, -ENOMEM, or what opening the file
 * says.
 */
int nic_distribution_parse(const char *text, struct nic_distribution *ret, struct hb_error *reterr);

/* nic_distribution_trace - of the @length_bytes of a trace's text; @path for messages. As nic_distribution_parse(). */
int nic_distribution_trace(const char *text, size_t length_bytes, const char *path,
	struct nic_distribution *ret, struct hb_error *reterr);

void nic_distribution_finish(struct nic_distribution *distribution);

/* nic_distribution_draw - the next time in ns, >= 0. */
double nic_distribution_draw(const struct nic_distribution *distribution, struct hb_rng *rng);

/* nic_distribution_mean_ns, nic_distribution_square - first and second moment: ns, and ns squared. */
double nic_distribution_mean_ns(const struct nic_distribution *distribution);
double nic_distribution_square(const struct nic_distribution *distribution);

#endif
