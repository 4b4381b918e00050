/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Continuous-time Markov chains without a subtraction: steady state and time to absorption by the elimination of
 * Grassmann, Taksar and Heyman (GTH), transients by uniformisation. As only non-negative terms are added,
 * multiplied and divided, every entry of a result is right to a relative error of about states x 1e-19 x a small
 * factor, however stiff the chain: a mean time to data loss of 1e51 years comes out as exactly as one of an hour.
 *
 * Rates and times share one unit of the caller's choice. Sparse: elimination goes by least fill (states with few
 * neighbours first), so that 1e4 states of a grid or of birth-death type take well under a second; a chain whose
 * fill does not fit into HB_MARKOV_ENTRIES_MAX is refused. Not thread-safe for one chain; different chains in
 * different threads are fine.
 *
 * Sources: Grassmann, Taksar, Heyman, Oper. Res. 33(5), 1985; O'Cinneide, Numer. Math. 65, 1993 (entrywise error);
 * Jensen 1953, Fox and Glynn, CACM 31(4), 1988 (uniformisation).
 */
#ifndef HOTBED_MARKOV_H
#define HOTBED_MARKOV_H

#include <stdbool.h>
#include <stdint.h>

struct hb_error;
struct hb_markov;

#define HB_MARKOV_STATES_MAX 100000
#define HB_MARKOV_ENTRIES_MAX 20000000 /* transitions plus fill during elimination, 32 bytes each */
#define HB_MARKOV_STEPS_MAX 2000000000U /* of uniformisation: steps x transitions */

/*
 * hb_markov_create - a chain without transitions.
 * @state_count: 1 ... HB_MARKOV_STATES_MAX; states are 0 ... state_count-1.
 * @ret: owned by the caller, hb_markov_destroy().
 *
 * Returns 0, -EINVAL (state_count) or -ENOMEM.
 */
int hb_markov_create(uint32_t state_count, struct hb_markov **ret, struct hb_error *reterr);

/* hb_markov_destroy - free @chain; NULL is allowed. */
void hb_markov_destroy(struct hb_markov *chain);

/*
 * hb_markov_set_names - use @names in error messages instead of numbers.
 * @names: shape [state_count], borrowed: must outlive the chain; NULL goes back to numbers.
 */
void hb_markov_set_names(struct hb_markov *chain, const char *const *names);

uint32_t hb_markov_state_count(const struct hb_markov *chain);
uint64_t hb_markov_transition_count(const struct hb_markov *chain);

/*
 * hb_markov_add - add a transition; rates of the same pair add up.
 * @from, @to: different states. @rate: per unit of time, finite and >= 0 (0 adds nothing).
 *
 * Returns 0, -EINVAL (state out of range, from = to, rate negative or not finite), -E2BIG or -ENOMEM.
 */
int hb_markov_add(
	struct hb_markov *chain, uint32_t from, uint32_t to, double rate, struct hb_error *reterr);

/*
 * hb_markov_steady_state - long-run share of time in each state.
 * @ret_share: shape [state_count]; sums to 1 within rounding. States that are left for ever have share 0.
 *
 * Returns 0, -EDOM (more than one closed class: the answer depends on the start; the message names a state of two
 * of them), -E2BIG (fill) or -ENOMEM.
 */
int hb_markov_steady_state(
	const struct hb_markov *chain, double *ret_share, struct hb_error *reterr);

/*
 * hb_markov_absorption_time - mean time from @start until a state of @absorbing is entered.
 * @absorbing: shape [state_count]; transitions out of absorbing states are ignored.
 * @ret_time: in the chain's unit of time; 0 if @start is absorbing.
 *
 * Returns 0, -EINVAL (start out of range, nothing absorbing), -EDOM (from @start a state can be reached that never
 * reaches
 * @absorbing, so the mean is infinite: the message names it), -ERANGE (mean above DBL_MAX), -E2BIG (fill) or
 * -ENOMEM.
 */
int hb_markov_absorption_time(const struct hb_markov *chain, uint32_t start, const bool *absorbing,
	double *ret_time, struct hb_error *reterr);

/*
 * hb_markov_absorption_split - probability that each absorbing state is the one entered first from @start.
 * @ret_probability: shape [state_count]; 0 for states that do not absorb. Returns as hb_markov_absorption_time().
 */
int hb_markov_absorption_split(const struct hb_markov *chain, uint32_t start, const bool *absorbing,
	double *ret_probability, struct hb_error *reterr);

/*
 * hb_markov_transient - probability of each state at time @time, by uniformisation.
 * @initial: shape [state_count], entries >= 0 that sum to 1 (within 1e-9).
 * @time: >= 0, finite. Entries down to 1e-300 keep their relative accuracy (about steps x 1e-19).
 * @ret_probability: shape [state_count]; may be @initial.
 *
 * Returns 0, -EINVAL, -E2BIG (largest exit rate x time x transitions above HB_MARKOV_STEPS_MAX: the message says by
 * how much) or -ENOMEM. Takes that many steps of a few ns.
 */
int hb_markov_transient(const struct hb_markov *chain, const double *initial, double time,
	double *ret_probability, struct hb_error *reterr);

/*
 * hb_markov_occupancy - mean time spent in each state during [0, time]; divided by @time, interval availability.
 * Parameters and errors as hb_markov_transient(); @ret_time sums to @time.
 */
int hb_markov_occupancy(const struct hb_markov *chain, const double *initial, double time,
	double *ret_time, struct hb_error *reterr);

#endif
