/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "closed_class.h"
#include "drift_end.h"
#include "elimination.h"
#include "hotbed/error.h"
#include "metastable/chain.h"
#include "metastable/generator.h"

/*
 * A frequent state comes last, so that every other has somewhere to go that is not too rare for a double. A factor that
 * is to be used further also measures all states from that one; if it is rarer than the most frequent by more than
 * this, digits are lost, and the elimination is done anew with the most frequent one last.
 */
#define LAST_RARE_LOG2 (-24.0)

/* Shares from logarithms; returns the state that is most frequent, and how much rarer the last place is. */
static uint32_t shares(
	const struct elimination *e, const double *log2_share, double *ret_share, double *ret_rare)
{
	uint32_t top = 0;
	double sum = 0.0;

	for (uint32_t p = 0; p < e->states; p++) {
		sum += exp2(log2_share[p]);
		top = log2_share[p] > log2_share[top] ? p : top;
	}
	for (uint32_t p = 0; p < e->states; p++)
		ret_share[e->order[p]] = exp2(log2_share[p]) / sum;
	*ret_rare = log2_share[e->states - 1] - log2_share[top];
	return e->order[top];
}

/*
 * The law of a chain that leaves some states for good: that of the states it ends in. Frees @scratch. There is no
 * factor of the whole chain then.
 */
static int stationary_of_class(const struct ms_generator *generator, double memory_bytes_max,
	double *scratch, double *ret_share, struct elimination **ret_factor,
	struct hb_error *reterr)
{
	uint8_t *member = calloc(generator->states, 1);
	struct ms_generator part = {0};
	uint32_t count = 0, next = 0;
	int r = -ENOMEM;

	free(scratch);
	if (member != NULL)
		r = closed_class(generator, member, &count);
	if (r < 0 || count == generator->states) {
		free(member);
		return hb_error_set(reterr, r < 0 ? r : -EDOM,
			r == -ENOMEM ? "out of memory for the classes of a chain"
			: r < 0 ? "the chain has more than one closed class: its law hangs on its "
				  "start"
				: "the law is too steep: some rates between parts of the chain are "
				  "below "
				  "1e-308 per second");
	}
	r = ms_generator_restrict(generator, member, &part, NULL, reterr);
	free(part.leave_per_s);
	part.leave_per_s = NULL;
	if (r == 0)
		r = ms_stationary(&part, memory_bytes_max, ret_share, NULL, reterr);
	/* From behind, as the part is packed at the front of the same vector. */
	next = part.states;
	for (uint32_t i = generator->states; r == 0 && i-- > 0;)
		ret_share[i] = member[i] != 0 ? ret_share[--next] : 0.0;
	if (r == 0 && ret_factor != NULL)
		*ret_factor = NULL;
	ms_generator_finish(&part);
	free(member);
	return r;
}

int ms_stationary(const struct ms_generator *generator, double memory_bytes_max, double *ret_share,
	struct elimination **ret_factor, struct hb_error *reterr)
{
	uint32_t last = drift_end(generator);
	struct elimination_options options = {.without_out = ret_factor == NULL,
		.last = &last,
		.memory_bytes_max = memory_bytes_max};
	double *log2_share = malloc(generator->states * sizeof(*log2_share)), rare = 0.0;
	struct elimination *e = NULL;
	int r = 0;

	if (log2_share == NULL)
		return hb_error_set(
			reterr, -ENOMEM, "out of memory for %u states", generator->states);
	for (int round = 0; round < 2 && r == 0; round++) {
		elimination_destroy(e);
		e = NULL;
		r = elimination_create(generator, &options, &e, reterr);
		if (r == -EDOM)
			return stationary_of_class(generator, memory_bytes_max, log2_share,
				ret_share, ret_factor, reterr);
		if (r == 0)
			r = elimination_stationary(e, log2_share, reterr);
		if (r == 0)
			last = shares(e, log2_share, ret_share, &rare);
		if (ret_factor == NULL || rare > LAST_RARE_LOG2)
			break;
	}
	free(log2_share);
	if (r < 0 || ret_factor == NULL)
		elimination_destroy(e);
	else
		*ret_factor = e;
	return r;
}

void ms_factor_destroy(struct elimination *factor)
{
	elimination_destroy(factor);
}

double ms_factor_bytes(const struct elimination *factor)
{
	return factor->bytes;
}
