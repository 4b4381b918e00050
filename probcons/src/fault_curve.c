/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hazards and their integrals. See probcons/fault_curve.h.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <hotbed/error.h>

#include <probcons/fault_curve.h>

void pc_fault_curve_finish(struct pc_fault_curve *curve)
{
	free(curve->pieces);
	*curve = (struct pc_fault_curve){0};
}

int pc_fault_curve_add_weibull(
	struct pc_fault_curve *curve, double shape, double scale_hours, struct hb_error *reterr)
{
	if (!(shape > 0 && isfinite(shape)))
		return hb_error_set(
			reterr, -EINVAL, "Weibull shape %g is not a finite number > 0", shape);
	if (!(scale_hours > 0 && isfinite(scale_hours)))
		return hb_error_set(reterr, -EINVAL,
			"Weibull scale %g hours is not a finite number > 0", scale_hours);
	if (curve->weibull_count == PC_CURVE_WEIBULLS_MAX)
		return hb_error_set(reterr, -E2BIG, "more than %d Weibull parts in one curve",
			PC_CURVE_WEIBULLS_MAX);
	curve->weibulls[curve->weibull_count++] =
		(struct pc_weibull){.shape = shape, .scale_hours = scale_hours};
	return 0;
}

static int piece_check(const struct pc_fault_curve *curve, double from_hours, double to_hours,
	double hazard_per_hour, struct hb_error *reterr)
{
	double end = curve->piece_count ? curve->pieces[curve->piece_count - 1].to_hours : 0;

	if (!(from_hours >= 0) || isinf(from_hours) || isnan(to_hours))
		return hb_error_set(
			reterr, -EINVAL, "hours %g to %g are not ages", from_hours, to_hours);
	if (to_hours <= from_hours)
		return hb_error_set(reterr, -EINVAL,
			"time runs back: the piece ends at %g hours, at or before its begin at %g",
			to_hours, from_hours);
	if (from_hours < end)
		return hb_error_set(reterr, -EINVAL,
			"time runs back: the piece begins at %g hours, the one before ends at %g",
			from_hours, end);
	if (from_hours > end)
		return hb_error_set(reterr, -EINVAL,
			"gap: nothing is said about hours %g to %g; curves are not interpolated",
			end, from_hours);
	if (!(hazard_per_hour >= 0) || isinf(hazard_per_hour))
		return hb_error_set(reterr, -EINVAL,
			"hazard %g per hour is not a finite number >= 0", hazard_per_hour);
	return 0;
}

int pc_fault_curve_add_piece(struct pc_fault_curve *curve, double from_hours, double to_hours,
	double hazard_per_hour, struct hb_error *reterr)
{
	int rc = piece_check(curve, from_hours, to_hours, hazard_per_hour, reterr);

	if (rc)
		return rc;
	if (curve->piece_count == PC_CURVE_PIECES_MAX)
		return hb_error_set(
			reterr, -E2BIG, "more than %d pieces in one curve", PC_CURVE_PIECES_MAX);
	if (curve->piece_count == curve->piece_capacity) {
		uint32_t capacity = curve->piece_capacity ? curve->piece_capacity * 2 : 16;
		struct pc_piece *grown = realloc(curve->pieces, capacity * sizeof(grown[0]));

		if (!grown)
			return hb_error_set(
				reterr, -ENOMEM, "not enough memory for %u pieces", capacity);
		curve->pieces = grown;
		curve->piece_capacity = capacity;
	}
	curve->pieces[curve->piece_count++] = (struct pc_piece){
		.from_hours = from_hours, .to_hours = to_hours, .hazard_per_hour = hazard_per_hour};
	return 0;
}

double pc_hazard_of_afr(double afr)
{
	return afr / PC_HOURS_PER_YEAR;
}

double pc_hazard_of_share(double share, double hours)
{
	return -log1p(-share) / hours;
}

/*
 * ((age + window) / scale)^shape - (age / scale)^shape without cancellation: the difference of the logarithms is
 * log1p(window / age), and expm1 of shape times it scales the smaller power. For windows far longer than the age
 * there is nothing to cancel.
 */
static double weibull_integral(const struct pc_weibull *w, double age, double window)
{
	double growth = age > 0 ? w->shape * log1p(window / age) : INFINITY;

	if (window == 0)
		return 0;
	if (growth < 1)
		return pow(age / w->scale_hours, w->shape) * expm1(growth);
	return pow((age + window) / w->scale_hours, w->shape) *
	       (isinf(growth) ? 1 : -expm1(-growth));
}

static const struct pc_piece *piece_at(const struct pc_fault_curve *curve, double age)
{
	uint32_t lo = 0, hi = curve->piece_count;

	/* The first piece that ends after @age. */
	while (lo < hi) {
		uint32_t middle = lo + (hi - lo) / 2;

		if (curve->pieces[middle].to_hours > age)
			hi = middle;
		else
			lo = middle + 1;
	}
	return lo < curve->piece_count ? &curve->pieces[lo] : NULL;
}

/*
 * Overlaps are differences of ages as given, each piece's share is positive: nothing cancels that was not in the
 * input.
 */
static double pieces_integral(const struct pc_fault_curve *curve, double age, double window)
{
	const struct pc_piece *end = curve->pieces + curve->piece_count;
	double left = window, sum = 0;

	for (const struct pc_piece *p = piece_at(curve, age); p && p < end && left > 0; p++) {
		double from = p->from_hours > age ? p->from_hours : age;
		double stay = p->to_hours - from < left ? p->to_hours - from : left;

		sum += stay * p->hazard_per_hour;
		left -= stay;
	}
	return sum;
}

int pc_fault_curve_integral(const struct pc_fault_curve *curve, double age_hours,
	double window_hours, double *ret, struct hb_error *reterr)
{
	double sum = 0, end;

	if (!(age_hours >= 0) || isinf(age_hours))
		return hb_error_set(
			reterr, -EINVAL, "age %g hours is not a finite number >= 0", age_hours);
	if (!(window_hours >= 0) || isinf(window_hours))
		return hb_error_set(reterr, -EINVAL, "window %g hours is not a finite number >= 0",
			window_hours);
	if (curve->piece_count) {
		end = curve->pieces[curve->piece_count - 1].to_hours;
		if (age_hours + window_hours > end)
			return hb_error_set(reterr, -ERANGE,
				"the curve ends at %g hours, the window at %g; curves are not "
				"extrapolated",
				end, age_hours + window_hours);
		sum = pieces_integral(curve, age_hours, window_hours);
	}
	for (uint32_t i = 0; i < curve->weibull_count; i++)
		sum += weibull_integral(&curve->weibulls[i], age_hours, window_hours);
	*ret = sum;
	return 0;
}

int pc_fault_curve_window(const struct pc_fault_curve *curve, double age_hours, double window_hours,
	double *ret, struct hb_error *reterr)
{
	double integral;
	int rc = pc_fault_curve_integral(curve, age_hours, window_hours, &integral, reterr);

	if (!rc)
		*ret = -expm1(-integral);
	return rc;
}

double pc_fault_curve_hazard(const struct pc_fault_curve *curve, double age_hours)
{
	const struct pc_piece *piece = piece_at(curve, age_hours);
	double sum = piece ? piece->hazard_per_hour : 0;

	for (uint32_t i = 0; i < curve->weibull_count; i++) {
		const struct pc_weibull *w = &curve->weibulls[i];

		sum += w->shape / w->scale_hours * pow(age_hours / w->scale_hours, w->shape - 1);
	}
	return sum;
}
