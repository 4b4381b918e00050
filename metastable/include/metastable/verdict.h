/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one level says about one configuration: the class, and the two times that it follows from, with intervals.
 *
 * The bad mode is entered by overload: all outside clients send for a while at twice the larger of their rate and the
 * capacity, and caches are emptied when that ends. The triggers of the file play no part: they say what happens to a
 * service, the class says what could.
 *
 * By simulation, the time to recover is that until a tenth of the queue is left, estimated from runs that are censored
 * at the horizon: recoveries over time at risk, with the chi-square interval. That to collapse follows from the share
 * of runs, begun empty and left alone, that fill nine tenths of the queue within the horizon, with the interval of
 * Clopper and Pearson. Runs are added in steps until both intervals lie on one side of the horizon; the level is split
 * evenly over the looks. Thread-safe.
 *
 * By the fluid, the times are those of escaping from its stable points over the saddle between them; a single stable
 * point is the good mode below half of the queue (below one timeout's worth of work if it is unlimited), else the bad
 * one, and is never left.
 *
 * Sources: Clopper and Pearson 1934; Garwood 1936; docs of metastable, classification.
 */
#ifndef METASTABLE_VERDICT_H
#define METASTABLE_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include <metastable/classification.h>
#include <metastable/model.h>

struct hb_error;

#define MS_VERDICT_REASON_BYTES 160
#define MS_VERDICT_LOOKS 5

struct ms_verdict {
	enum ms_level level;
	int code; /* 0, or the negative errno of why there is none; then kind is MS_UNKNOWN */
	enum ms_class kind;
	double recover_s[3]; /* low end, estimate, high end; exact levels: three times the same */
	double collapse_s[3];
	uint32_t runs;                        /* of the simulation, both kinds together */
	double cost_s;                        /* processor time of this thread */
	char reason[MS_VERDICT_REASON_BYTES]; /* of @code; "" = none */
};

struct ms_verdict_options {
	uint32_t runs; /* of each kind at most; 0 = 20 */
	uint64_t seed;
	double level;        /* of both intervals together; 0 = 0.95 */
	uint32_t states_max; /* larger chains are refused; 0 = 30,000 */
};

/*
 * ms_verdict_of - ask one level about @model.
 * @options: NULL = the defaults. @ret: always filled.
 *
 * A level that refuses the model, or whose chain is too large, is no failure: @ret->code says so. Returns 0, or
 * -ENOMEM.
 */
int ms_verdict_of(enum ms_level level, const struct ms_model *model,
	const struct ms_verdict_options *options, struct ms_verdict *ret, struct hb_error *reterr);

/*
 * ms_verdict_join - the class that all levels which have one agree upon; MS_UNKNOWN if they do not, or none has.
 * @verdicts: shape [count].
 */
enum ms_class ms_verdict_join(const struct ms_verdict *verdicts, uint32_t count);

/*
 * ms_rule_of_thumb - the one-line rule that the levels are held against: a load beyond the capacity is collapsed;
 * vulnerable if load / capacity > 1 / (1 + retries) and the queue is longer than what is served in one timeout; else
 * stable. Of the first outside client and its server.
 */
enum ms_class ms_rule_of_thumb(const struct ms_model *model);

/*
 * ms_overload - replace the triggers of @model by the overload that leads into its bad mode.
 * Returns 0 or -EINVAL (more clients and caches than triggers fit).
 */
int ms_overload(struct ms_model *model, struct hb_error *reterr);

#endif
