/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fault curves: how likely a node is to fail as it ages, as a hazard (failures per hour of those still alive).
 *
 * A curve is a sum of hazards: Weibull parts (shape < 1 infant mortality, 1 constant, > 1 wear-out; all three make
 * a bathtub) and at most one table of piecewise constant hazards (also from annual failure rates or from observed
 * shares). Fault probabilities of a window come from the hazard's integral, 1 - exp(-(H(a + T) - H(a))) by expm1,
 * where H(a + T) - H(a) is summed from non-negative parts: no cancellation, whatever the age.
 *
 * Ages and windows in hours. Not thread-safe while a curve is being built; read-only afterwards.
 */
#ifndef PROBCONS_FAULT_CURVE_H
#define PROBCONS_FAULT_CURVE_H

#include <stdint.h>

struct hb_error;

#define PC_HOURS_PER_YEAR 8760.0 /* of annual failure rates, as drive statistics count: 365 days */
#define PC_CURVE_WEIBULLS_MAX 8
#define PC_CURVE_PIECES_MAX 100000

struct pc_weibull {
	double shape;       /* > 0 */
	double scale_hours; /* > 0: H = 1 there */
};

struct pc_piece {
	double from_hours, to_hours; /* to_hours may be infinite in the last piece */
	double hazard_per_hour;      /* >= 0 */
};

/* Zero-initialise, add parts, then pc_fault_curve_finish(). A curve without parts never fails. */
struct pc_fault_curve {
	struct pc_weibull weibulls[PC_CURVE_WEIBULLS_MAX];
	uint32_t weibull_count;
	struct pc_piece *pieces; /* contiguous from hour 0, ascending */
	uint32_t piece_count, piece_capacity;
};

void pc_fault_curve_finish(struct pc_fault_curve *curve);

/*
 * pc_fault_curve_add_weibull - add a Weibull hazard. Returns 0, -EINVAL (not positive and finite) or -E2BIG.
 */
int pc_fault_curve_add_weibull(
	struct pc_fault_curve *curve, double shape, double scale_hours, struct hb_error *reterr);

/*
 * pc_fault_curve_add_piece - add the next piece of the table.
 * It must begin where the last one ended (the first at 0) and be longer than nothing.
 *
 * Returns 0, -EINVAL (gap, overlap or time running back: the message says which; hazard negative or infinite),
 * -E2BIG, -ENOMEM.
 */
int pc_fault_curve_add_piece(struct pc_fault_curve *curve, double from_hours, double to_hours,
	double hazard_per_hour, struct hb_error *reterr);

/*
 * pc_hazard_of_afr - hazard per hour of an annual failure rate (failures per drive-year, may exceed 1).
 */
double pc_hazard_of_afr(double afr);

/*
 * pc_hazard_of_share - constant hazard at which a share in [0, 1) of those alive fails within @hours > 0.
 */
double pc_hazard_of_share(double share, double hours);

/*
 * pc_fault_curve_integral - H(age + window) - H(age).
 * @age_hours >= 0, @window_hours >= 0, finite.
 *
 * Returns 0, -EINVAL (negative or not finite) or -ERANGE (the table ends before age + window: a curve is never
 * extrapolated).
 */
int pc_fault_curve_integral(const struct pc_fault_curve *curve, double age_hours,
	double window_hours, double *ret, struct hb_error *reterr);

/*
 * pc_fault_curve_window - probability that a node alive at @age_hours fails within @window_hours: the conditional
 * [F(a + T) - F(a)] / [1 - F(a)]. Parameters and errors as pc_fault_curve_integral().
 */
int pc_fault_curve_window(const struct pc_fault_curve *curve, double age_hours, double window_hours,
	double *ret, struct hb_error *reterr);

/*
 * pc_fault_curve_hazard - hazard per hour at @age_hours (infinite at 0 for a Weibull shape below 1; 0 past the
 * table).
 */
double pc_fault_curve_hazard(const struct pc_fault_curve *curve, double age_hours);

#endif
