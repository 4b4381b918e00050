/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How far results move when the fault probabilities were misjudged: all of them (nodes and shocks) multiplied by a
 * common factor, cut at what a probability can be. Every metric is monotone in each probability, so the band at
 * factors 1/f and f covers every error of up to that factor, whatever the errors' signs. Thread-safe.
 */
#ifndef PROBCONS_SENSITIVITY_H
#define PROBCONS_SENSITIVITY_H

#include <stdint.h>

#include <probcons/nines.h>

struct hb_error;

/*
 * pc_analyse_scaled - pc_analyse() with all probabilities multiplied by @factor >= 0.
 * Parameters and errors as pc_analyse(); -EINVAL for a factor that is negative or not finite.
 */
int pc_analyse_scaled(const struct pc_node *nodes, uint32_t count,
	const struct pc_protocol *protocol, const struct pc_correlation *correlation,
	unsigned int metrics, double factor, struct pc_result *ret, struct hb_error *reterr);

/*
 * pc_sensitivity_margin - the largest factor, up to 1e6, at which unsafe_or_unlive stays at or below @target.
 * @ret: to 1e-9 relative; below 1 if the target is missed now; 0 if no positive factor above 1e-6 meets it.
 *
 * Returns as pc_analyse().
 */
int pc_sensitivity_margin(const struct pc_node *nodes, uint32_t count,
	const struct pc_protocol *protocol, const struct pc_correlation *correlation, double target,
	double *ret, struct hb_error *reterr);

#endif
