/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * labelled [--csv] - the detector on 240 labelled series of 120 nights that are not those it was tuned on: other noise
 * (heavy tails, a week's rhythm, noise that grows, values on a grid), other changes (ramps, excursions that come back,
 * two in a row) and disturbances of a night or two that are none. The set is the same on every machine and every day;
 * --csv prints it (series, kind, night, value, label) for other detectors. Sizes of steps lie between what is promised
 * (max(3 %, 4 sigma)) and twice as much. Exit 1 where fewer than 90 % of labels are found within five nights (seven for
 * ramps, counted from their first night), or fewer than 90 % of what is found is labelled.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/changepoint.h"
#include "hotbed/rng.h"

#define NIGHTS 120
#define PER_KIND 24
#define LABELS_MAX 2
#define WITHIN 5
#define RAMP 3
/* A found change belongs to a label this near. */
#define NEAR 3

enum kind {
	QUIET,
	QUIET_TAILS,
	QUIET_WEEKS,
	QUIET_BURSTS,
	STEP,
	STEP_TAILS,
	EXCURSION,
	STAIRS,
	RAMPS,
	LOUDER,
	KINDS,
};

static const char *const names[KINDS] = {"quiet", "quiet, heavy tails", "quiet, rhythm of a week",
	"quiet, bursts of one or two nights", "step", "step, heavy tails", "there and back",
	"two steps", "ramp of three nights", "step, noise grows by half"};

struct series {
	enum kind kind;
	double values[NIGHTS]; /* logarithms of the ratio */
	size_t labels[LABELS_MAX];
	size_t label_count;
};

struct tally {
	uint64_t labels, found, located, reported, right;
};

/* Student's t with five degrees of freedom, of unit variance. */
static double heavy(struct hb_rng *rng)
{
	double squares = 0;

	for (int i = 0; i < 5; i++) {
		double x = hb_rng_normal(rng);

		squares += x * x;
	}
	return hb_rng_normal(rng) / sqrt(squares / 5) * sqrt(3.0 / 5.0);
}

static void put_level(struct series *s, size_t from, double step, size_t ramp)
{
	for (size_t night = from; night < NIGHTS; night++) {
		size_t into = night - from + 1;

		s->values[night] += into >= ramp ? step : step * (double)into / (double)ramp;
	}
	s->labels[s->label_count++] = from;
}

static void put_changes(struct series *s, double sigma, struct hb_rng *rng)
{
	double size = log1p(fmax(0.03, 4 * sigma) * (1 + hb_rng_double(rng)));
	double step = hb_rng_double(rng) < 0.5 ? size : -size;
	size_t at = 45 + hb_rng_below(rng, 20), second = at + 25 + hb_rng_below(rng, 20);

	if (s->kind < STEP)
		return;
	put_level(s, at, step, s->kind == RAMPS ? RAMP : 1);
	if (s->kind == EXCURSION || s->kind == STAIRS)
		put_level(s, second, s->kind == STAIRS ? step : -step, 1);
}

static void make_series(struct series *s, enum kind kind, struct hb_rng *rng)
{
	double sigma = 0.005 + 0.025 * hb_rng_double(rng);

	*s = (struct series){.kind = kind};
	put_changes(s, sigma, rng);
	for (size_t night = 0; night < NIGHTS; night++) {
		bool tails = kind == QUIET_TAILS || kind == STEP_TAILS;
		double noise = tails ? heavy(rng) : hb_rng_normal(rng);

		if (kind == LOUDER && night >= s->labels[0])
			noise *= 1.5;
		if (kind == QUIET_WEEKS && night % 7 >= 5)
			noise += 1;
		s->values[night] += sigma * noise;
	}
	for (int burst = 0; kind == QUIET_BURSTS && burst < 3; burst++) {
		size_t at = 20 + 30 * (size_t)burst + hb_rng_below(rng, 20);
		size_t nights = 1 + hb_rng_below(rng, 2);

		for (size_t i = 0; i < nights; i++)
			s->values[at + i] += log(1.2);
	}
	/* Ratios of trials counted in ticks lie on a grid. */
	for (size_t night = 0; night < NIGHTS && s->kind == STAIRS; night++)
		s->values[night] = round(s->values[night] / 0.005) * 0.005;
}

static void judge(const struct series *s, struct tally *t)
{
	struct hb_change *changes;
	size_t count;

	if (hb_changes_find(s->values, NIGHTS, log1p(0.03), 1, &changes, &count)) {
		fputs("labelled: out of memory\n", stderr);
		exit(99);
	}
	t->reported += count;
	t->labels += s->label_count;
	for (size_t l = 0; l < s->label_count; l++) {
		size_t label = s->labels[l], within = WITHIN + (s->kind == RAMPS ? RAMP - 1 : 0);

		for (size_t i = 0; i < count; i++) {
			size_t at = changes[i].at, off = at > label ? at - label : label - at;

			if (off > NEAR)
				continue;
			t->right++;
			t->found += changes[i].found < label + within;
			t->located += off <= 1;
			break;
		}
	}
	free(changes);
}

static void print_csv(const struct series *s, size_t number)
{
	for (size_t night = 0; night < NIGHTS; night++) {
		bool label = false;

		for (size_t l = 0; l < s->label_count; l++)
			label |= s->labels[l] == night;
		printf("%zu,\"%s\",%zu,%.6f,%d\n", number, names[s->kind], night,
			exp(s->values[night]), label);
	}
}

static void print_tally(const char *name, const struct tally *t)
{
	printf("| %s | %llu | %llu | %llu | %llu | %llu |\n", name, (unsigned long long)t->labels,
		(unsigned long long)t->found, (unsigned long long)t->located,
		(unsigned long long)t->reported, (unsigned long long)(t->reported - t->right));
}

int main(int argc, char **argv)
{
	bool csv = argc > 1 && !strcmp(argv[1], "--csv");
	struct tally all = {0};
	struct hb_rng rng;

	hb_rng_init(&rng, 20261122, 12);
	puts(csv ? "series,kind,night,ratio,changed"
		 : "24 series of each kind: labels, of these found in time and placed within a "
		   "night; "
		   "changes reported,\nand of these without a label.\n");
	for (int kind = 0; kind < KINDS; kind++) {
		struct tally t = {0};
		struct series s;

		for (size_t i = 0; i < PER_KIND; i++) {
			make_series(&s, (enum kind)kind, &rng);
			if (csv)
				print_csv(&s, (size_t)kind * PER_KIND + i);
			else
				judge(&s, &t);
		}
		if (!csv)
			print_tally(names[kind], &t);
		all.labels += t.labels;
		all.found += t.found;
		all.located += t.located;
		all.reported += t.reported;
		all.right += t.right;
	}
	if (csv)
		return 0;
	print_tally("all", &all);
	return 10 * all.found >= 9 * all.labels && 10 * all.right >= 9 * all.reported ? 0 : 1;
}
