/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Batch means with a batch size that doubles as the run gets longer, and the length of a warm-up.
 * Sources: Law, "Simulation Modeling and Analysis", 9.5.3 (batch means); Steiger and Wilson 2002 (doubling);
 * White, Simulation 69(6), 1997, and White, Cobb and Spratt 2000 (MSER-5).
 */
#include <errno.h>
#include <math.h>

#include <hotbed/assert.h>
#include <hotbed/sim.h>

enum {
	BATCHES_MIN = HB_BATCHES_MAX / 2,
	MSER_BATCH = 5,
};

void hb_batch_means_init(struct hb_batch_means *means)
{
	means->batch_size = 1;
	means->filled = 0;
	means->open_sum = 0;
	means->batches = 0;
}

void hb_batch_means_add(struct hb_batch_means *means, double value)
{
	hb_assert(isfinite(value));
	means->open_sum += value;
	if (++means->filled < means->batch_size)
		return;
	means->sums[means->batches++] = means->open_sum;
	means->open_sum = 0;
	means->filled = 0;
	if (means->batches < HB_BATCHES_MAX)
		return;
	for (uint32_t i = 0; i < BATCHES_MIN; i++)
		means->sums[i] = means->sums[2 * (size_t)i] + means->sums[2 * (size_t)i + 1];
	means->batches = BATCHES_MIN;
	means->batch_size *= 2;
}

int hb_batch_means_interval(
	const struct hb_batch_means *means, double level, struct hb_interval *ret, double *ret_lag1)
{
	double values[HB_BATCHES_MAX];
	int result;

	if (means->batches < BATCHES_MIN)
		return -EINVAL;
	for (uint32_t i = 0; i < means->batches; i++)
		values[i] = means->sums[i] / (double)means->batch_size;
	result = hb_stats_student_interval(values, means->batches, level, ret);
	if (result < 0)
		return result;
	if (ret_lag1)
		*ret_lag1 = hb_stats_lag1(values, means->batches);
	return 0;
}

size_t hb_warm_up_length(const double *values, size_t count, bool *ret_too_short)
{
	size_t batches = count / MSER_BATCH;
	size_t best = batches / 2;
	double best_error = (double)INFINITY;
	struct hb_tally rest = {0};

	/* From the back, so that one pass knows the spread of every remainder. */
	for (size_t i = batches; i-- > 0;) {
		double sum = 0;
		double error;

		for (size_t j = 0; j < MSER_BATCH; j++)
			sum += values[i * MSER_BATCH + j];
		hb_tally_add(&rest, sum / MSER_BATCH);
		if (i > batches / 2)
			continue;
		error = rest.squares / ((double)rest.count * (double)rest.count);
		if (error <= best_error) {
			best_error = error;
			best = i;
		}
	}
	if (ret_too_short)
		*ret_too_short = best == batches / 2;
	return best * MSER_BATCH;
}
