/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The walk through the nights: levels, scale, standard errors, and when they make a change. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/changepoint.h"
#include "hotbed/rng.h"

/* What autocorrelation the standard errors allow for. */
#define AUTOCORRELATION 0.3
/* Of the smallest change of interest: a change of just that size is found although its estimate may fall short. */
#define EFFECT_SHARE 0.75
/* Nights after a change have to be this share of the way from the old to the new level to count as agreeing. */
#define AGREEMENT_SHARE 0.33
/* The scale clips residuals at so many of itself; the mean of min(z, 2.5)^2 over the normal law makes up for it. */
#define CLIP 2.5
#define CLIPPED_SECOND_MOMENT 0.97756
#define MAD_PER_SIGMA 0.67449
#define WINDOW_MAX (HB_CHANGE_BEFORE_MAX + HB_CHANGE_AFTER_MAX)
/* Relative difference below which two levels are equal: what log and exp lose. */
#define EQUAL 1e-9

/* Level and scale of the nights before a candidate; they do not depend on the night that looks. */
struct before {
	size_t segment; /* start of the segment it was computed for; SIZE_MAX = never */
	double level, sigma;
};

struct walk {
	const double *values;
	size_t count;
	double min_effect;
	size_t segment; /* first night after the last change */
	double *residuals; /* shape [count]: to the level of their segment; of nights before @segment */
	struct before *before; /* shape [count] */
	struct hb_change *changes;
	size_t change_count, change_capacity;
	struct hb_rng rng;
};

static void insert(double *sorted, size_t count, double value)
{
	size_t i = count;

	for (; i > 0 && sorted[i - 1] > value; i--)
		sorted[i] = sorted[i - 1];
	sorted[i] = value;
}

/* A quarter of the values off each end, at least one where there are three. */
static double trimmed_mean(const double *sorted, size_t count)
{
	size_t off = count == 3 ? 1 : count / 4;
	double sum = 0;

	for (size_t i = off; i < count - off; i++)
		sum += sorted[i];
	return sum / (double)(count - 2 * off);
}

/*
 * Variance of the trimmed mean of @count nights over that of one night: the trimmed mean's own for the normal law
 * (exact for three, at most a tenth too high above), times what autocorrelation adds to a mean.
 */
static double level_variance(size_t count)
{
	double n = (double)count, inflation = 1, power = 1;

	for (size_t lag = 1; lag < count && lag < 16; lag++) {
		power *= AUTOCORRELATION;
		inflation += 2 * (1 - (double)lag / n) * power;
	}
	return (count == 3 ? 1.35 : 1.19) / n * inflation;
}

/* The element that sorting would put at @rank; @values are reordered. Expected O(count), by Hoare's selection. */
static double select_rank(double *values, size_t count, size_t rank)
{
	size_t low = 0, high = count - 1;

	while (low < high) {
		double pivot = values[low + (high - low) / 2];
		size_t i = low, j = high;

		for (;;) {
			while (values[i] < pivot)
				i++;
			while (values[j] > pivot)
				j--;
			if (i >= j)
				break;
			double value = values[i];

			values[i++] = values[j];
			values[j--] = value;
		}
		if (values[j] > pivot)
			j--;
		if (rank <= j)
			high = j;
		else
			low = j + 1;
	}
	return values[rank];
}

/* Winsorised standard deviation about zero of @count residuals; they are reordered. */
static double scale_of(double *residuals, size_t count)
{
	double sum = 0, limit;

	for (size_t i = 0; i < count; i++)
		residuals[i] = fabs(residuals[i]);
	/* Of an even number the upper one of the two in the middle: the clipping needs no more. */
	limit = CLIP * select_rank(residuals, count, count / 2) / MAD_PER_SIGMA;
	for (size_t i = 0; i < count; i++) {
		double value = fmin(residuals[i], limit);

		sum += value * value;
	}
	/* One degree of freedom goes to the level. Few nights may lie together by chance: Student's law in short. */
	return sqrt(sum / CLIPPED_SECOND_MOMENT / (double)(count - 1)) * (1 + 4.0 / (double)count);
}

/* Level of the nights before @at in its segment. The scale waits until somebody asks for it. */
static struct before *before_of(struct walk *w, size_t at)
{
	struct before *before = &w->before[at];
	double sorted[HB_CHANGE_BEFORE_MAX];
	size_t from =
		at - w->segment > HB_CHANGE_BEFORE_MAX ? at - HB_CHANGE_BEFORE_MAX : w->segment;

	if (before->segment == w->segment)
		return before;
	for (size_t i = from; i < at; i++)
		insert(sorted, i - from, w->values[i]);
	*before = (struct before){
		.segment = w->segment, .level = trimmed_mean(sorted, at - from), .sigma = NAN};
	return before;
}

/* Scale of the nights before @at, with those of earlier segments where its own is short. */
static double sigma_before(struct walk *w, size_t at)
{
	struct before *before = before_of(w, at);
	double residuals[HB_CHANGE_SCALE_MAX];
	size_t count = 0;

	if (!isnan(before->sigma))
		return before->sigma;
	for (size_t i = at; i > 0 && count < HB_CHANGE_SCALE_MAX; i--)
		residuals[count++] =
			i - 1 < w->segment ? w->residuals[i - 1] : w->values[i - 1] - before->level;
	before->sigma = scale_of(residuals, count);
	return before->sigma;
}

/* Do all but a quarter of the nights lie well on the side of the new level? */
static bool nights_agree(const double *values, size_t count, double before, double after)
{
	size_t agree = 0;

	for (size_t i = 0; i < count; i++)
		agree += (values[i] - before) / (after - before) >= AGREEMENT_SHARE;
	return agree >= count - count / 4;
}

/* Is there a change at @at by the levels alone? @after: level of the nights from there to @now. */
static bool levels_differ(struct walk *w, size_t at, size_t now, double after)
{
	const struct before *before = before_of(w, at);
	size_t before_count = at - w->segment, after_count = now + 1 - at;
	double effect = fabs(after - before->level);

	if (before_count > HB_CHANGE_BEFORE_MAX)
		before_count = HB_CHANGE_BEFORE_MAX;
	if (effect <= EQUAL || effect < EFFECT_SHARE * w->min_effect)
		return false;
	if (effect < HB_CHANGE_ERRORS * sigma_before(w, at) *
			     sqrt(level_variance(before_count) + level_variance(after_count)))
		return false;
	return nights_agree(w->values + at, after_count, before->level, after);
}

static int add_change(struct walk *w, const struct hb_change *change)
{
	if (w->change_count == w->change_capacity) {
		size_t capacity = w->change_capacity ? 2 * w->change_capacity : 4;
		struct hb_change *more = realloc(w->changes, capacity * sizeof(*more));

		if (!more)
			return -ENOMEM;
		w->changes = more;
		w->change_capacity = capacity;
	}
	w->changes[w->change_count++] = *change;
	return 0;
}

/* Fix the residuals of the nights up to @at, each to the level of 50 nights of its own segment. */
static void close_segment(struct walk *w, size_t at)
{
	for (size_t i = w->segment; i < at; i++) {
		size_t from = i > w->segment + HB_CHANGE_BEFORE_MAX ? i - HB_CHANGE_BEFORE_MAX
								    : w->segment;
		size_t to = from + HB_CHANGE_BEFORE_MAX < at ? from + HB_CHANGE_BEFORE_MAX : at;
		double sorted[HB_CHANGE_BEFORE_MAX];

		for (size_t k = from; k < to; k++)
			insert(sorted, k - from, w->values[k]);
		w->residuals[i] = w->values[i] - trimmed_mean(sorted, to - from);
	}
	w->segment = at;
}

/*
 * The permutation test over the window up to @now, and the place: the best division among @candidates, which is shape
 * [HB_CHANGE_AFTER_MAX + 1] by nights after the change. Returns the number of changes found, 0 or 1, or -ENOMEM.
 */
static int decide(struct walk *w, size_t now, const bool *candidates, const double *levels)
{
	double statistics[WINDOW_MAX], scratch[2 * WINDOW_MAX];
	size_t from = now + 1 - w->segment > WINDOW_MAX ? now + 1 - WINDOW_MAX : w->segment;
	size_t count = now + 1 - from, least = HB_CHANGE_AFTER_MAX, most = 0, where = 0;
	double best = -INFINITY;

	hb_energy_scan(w->values + from, count, statistics);
	for (size_t after = HB_CHANGE_AFTER_MIN; after <= HB_CHANGE_AFTER_MAX; after++) {
		if (!candidates[after])
			continue;
		least = after < least ? after : least;
		most = after;
		if (statistics[count - after] > best) {
			best = statistics[count - after];
			where = after;
		}
	}
	/* After two nights of a large step its best place is two nights back, where it may not be put yet: wait. */
	if (statistics[count - 2] > best)
		return 0;
	struct hb_change change = {.at = now + 1 - where,
		.found = now,
		.before = before_of(w, now + 1 - where)->level,
		.after = levels[where],
		.sigma = sigma_before(w, now + 1 - where),
		.p = hb_energy_p(w->values + from, count, count - most, count - least,
			HB_CHANGE_PERMUTATIONS, HB_CHANGE_P_MAX, &w->rng, scratch)};

	if (change.p > HB_CHANGE_P_MAX)
		return 0;
	if (add_change(w, &change))
		return -ENOMEM;
	close_segment(w, change.at);
	return 1;
}

/* What is known after night @now. Returns as decide() does. */
static int look(struct walk *w, size_t now)
{
	bool candidates[HB_CHANGE_AFTER_MAX + 1] = {false}, any = false;
	double sorted[HB_CHANGE_AFTER_MAX], levels[HB_CHANGE_AFTER_MAX + 1];
	size_t least = w->segment ? HB_CHANGE_BEFORE_MIN : HB_CHANGE_BEFORE_FIRST;

	for (size_t after = 1; after <= HB_CHANGE_AFTER_MAX; after++) {
		if (now + 1 < after + w->segment + least)
			break;
		insert(sorted, after - 1, w->values[now + 1 - after]);
		if (after < HB_CHANGE_AFTER_MIN)
			continue;
		levels[after] = trimmed_mean(sorted, after);
		candidates[after] = levels_differ(w, now + 1 - after, now, levels[after]);
		any |= candidates[after];
	}
	return any ? decide(w, now, candidates, levels) : 0;
}

int hb_changes_find(const double *values, size_t count, double min_effect, uint64_t seed,
	struct hb_change **ret, size_t *ret_count)
{
	struct walk w = {.values = values, .count = count, .min_effect = min_effect};
	int r = 0;

	if (!(min_effect >= 0 && isfinite(min_effect)))
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		if (!isfinite(values[i]))
			return -EINVAL;
	w.residuals = calloc(count ? count : 1, sizeof(*w.residuals));
	w.before = calloc(count ? count : 1, sizeof(*w.before));
	if (!w.residuals || !w.before)
		r = -ENOMEM;
	for (size_t i = 0; w.before && i < count; i++)
		w.before[i].segment = SIZE_MAX;
	hb_rng_init(&w.rng, seed, 0);
	for (size_t now = 0; r >= 0 && now < count; now++)
		r = look(&w, now);
	free(w.residuals);
	free(w.before);
	if (r < 0) {
		free(w.changes);
		return r;
	}
	*ret = w.changes;
	*ret_count = w.change_count;
	return 0;
}
