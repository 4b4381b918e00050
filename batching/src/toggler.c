/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "toggler.h"

#include <math.h>

#include "learner.h"

#define WATCH_MIN 4 /* windows of the incumbent before a probe */
#define PATIENCE_FIRST 64
#define PATIENCE_MAX 4096
#define PATIENCE_GROWTH 2 /* after a probe that was a near thing ... */
#define PATIENCE_CLEAR 8  /* ... and after one that was not */
#define PROBE_MAX 16
#define CLEAR 3.0          /* gap in radii */
#define HOPELESS_COST 0.98 /* windows of a probe that need no test */
#define HOPELESS_RATIO 1.5 /* of the SLO's breakers, to the incumbent */
#define INDIFFERENT 0.05   /* gaps below this share of the cost are worth no search */
#define DRAINING 0.8       /* a window's cost to that of the window before it */
#define SPREAD 0.15        /* of a window's cost, relative: assumed before anything is known */
#define EVIDENCE_MAX \
	32.0      /* older windows fade, or a change would take as long to see as the past was */
#define MOVED 1.6 /* a cost so many times higher or lower than at the last probe is news */
#define NEWS_WINDOWS 6.0 /* of the incumbent that such a mean needs */
#define STRAYS 2         /* windows of another load that make it the load in force */
#define FAR 1.0          /* octaves beyond a range: one window is enough */
#define HYSTERESIS 0.2   /* octaves beyond a range that still belong to it */
#define BAD_WINDOWS 3 /* in a row: the incumbent is broken, and not only the machine stalled ... */
#define BAD_KNOWN 10  /* ... where it has held so far: chance makes bursts, too */
#define PROBE_MIN 2   /* windows of a probe before its verdict ... */
#define PROBE_BREAK 4 /* ... and after a break, whose windows are no fair comparison */
#define HOPELESS_WINDOWS 2
#define PATIENCE_DOUBT \
	8 /* after a verdict against what was known, by windows that might be a stall's */

double evidence_radius(const struct evidence *evidence, double spread, double alpha)
{
	double n = evidence->count, mean, variance;

	if (n <= 0)
		return 1;
	mean = evidence->sum / n;
	variance = (fmax(evidence->square_sum - n * mean * mean, 0) + spread * spread) / (n + 1);
	return sqrt(variance * (n + 1) * log((n + 1) / (alpha * alpha))) / n;
}

static double evidence_mean(const struct evidence *evidence)
{
	return evidence->count > 0 ? evidence->sum / evidence->count : 0;
}

static void evidence_add(struct evidence *evidence, double cost)
{
	if (evidence->count >= EVIDENCE_MAX) {
		evidence->count /= 2;
		evidence->sum /= 2;
		evidence->square_sum /= 2;
	}
	evidence->count += 1;
	evidence->sum += cost;
	evidence->square_sum += cost * cost;
}

void toggler_init(struct toggler *toggler)
{
	*toggler = (struct toggler){.current = 0};
}

static struct toggler_load *in_force(struct toggler *toggler)
{
	return &toggler->loads[toggler->load];
}

/* The incumbent of this range begins to be watched: the known one, or the arm that is in force anyway. */
static unsigned int enter(struct toggler *toggler, unsigned int load)
{
	struct toggler_load *to = &toggler->loads[load];

	toggler->load = load;
	toggler->strays = toggler->bad = 0;
	toggler->watched = 0;
	toggler->incumbent = to->is_known ? to->incumbent : toggler->current;
	toggler->current = toggler->incumbent;
	for (unsigned int i = 0; i < TOGGLER_ARMS; i++)
		toggler->arms[i] = (struct evidence){0};
	return toggler->current;
}

static unsigned int load_of(double rate_per_s)
{
	return (unsigned int)fmin(fmax(floor(log2(fmax(rate_per_s, 1))), 0), TOGGLER_LOADS - 1);
}

/* Whether the load has moved to another range for good; then that is in force. */
static bool has_moved(struct toggler *toggler, double rate_per_s)
{
	double octave = log2(fmax(rate_per_s, 1)), low = toggler->load - HYSTERESIS,
	       high = toggler->load + 1 + HYSTERESIS;

	if (!toggler->is_begun) {
		toggler->is_begun = true;
		toggler->load = load_of(rate_per_s);
		return false;
	}
	if ((octave >= low && octave < high) || load_of(rate_per_s) == toggler->load) {
		toggler->strays = 0;
		return false;
	}
	toggler->strays++;
	return toggler->strays >= STRAYS || octave < low - FAR || octave >= high + FAR;
}

static uint32_t grown(uint32_t patience, uint32_t factor)
{
	return patience > PATIENCE_MAX / factor ? PATIENCE_MAX : patience * factor;
}

/* The probe is over and @winner stays. */
static unsigned int settle(struct toggler *toggler, unsigned int winner, uint32_t factor)
{
	struct toggler_load *load = in_force(toggler);
	bool is_kept = load->is_known && winner == load->incumbent;
	bool is_doubtful = load->is_known && !is_kept && toggler->is_break;

	load->patience = is_doubtful ? PATIENCE_DOUBT
			 : is_kept   ? grown(load->patience, factor)
				     : grown(PATIENCE_FIRST, factor);
	load->until_probe = load->patience;
	load->is_known = true;
	load->incumbent = winner;
	load->cost = (float)evidence_mean(&toggler->arms[winner]);
	toggler->incumbent = toggler->current = winner;
	toggler->arms[!winner] = (struct evidence){0};
	toggler->probed = toggler->bad = 0;
	return winner;
}

static unsigned int probe(struct toggler *toggler)
{
	toggler->current = !toggler->incumbent;
	toggler->arms[toggler->current] = (struct evidence){0};
	toggler->probed = toggler->bad = 0;
	toggler->is_break = false;
	return toggler->current;
}

/* The incumbent costs something else here than it did when it won. */
static bool is_news(const struct toggler *toggler, const struct toggler_load *load)
{
	const struct evidence *own = &toggler->arms[toggler->incumbent];
	double mean = evidence_mean(own);

	return load->is_known && own->count >= NEWS_WINDOWS &&
	       (mean > MOVED * (double)load->cost || mean * MOVED < (double)load->cost);
}

static unsigned int watch(struct toggler *toggler, double cost)
{
	struct toggler_load *load = in_force(toggler);
	struct evidence *own = &toggler->arms[toggler->incumbent];
	bool is_bad =
		cost > LEARNER_SLO_COST && (!load->is_known || cost > MOVED * (double)load->cost);

	toggler->watched++;
	toggler->bad = is_bad ? toggler->bad + 1 : 0;
	if (toggler->bad >= (load->is_known ? BAD_KNOWN : BAD_WINDOWS)) {
		/* What was seen before it broke says nothing about now. */
		*own = (struct evidence){0};
		for (unsigned int i = 0; i < BAD_WINDOWS; i++)
			evidence_add(own, cost);
		(void)probe(toggler);
		toggler->is_break = true;
		return toggler->current;
	}
	if (is_news(toggler, load)) {
		load->patience = PATIENCE_FIRST;
		if (load->until_probe > PATIENCE_FIRST)
			load->until_probe = PATIENCE_FIRST;
		load->cost = (float)evidence_mean(own);
	}
	if (load->until_probe > 0)
		load->until_probe--;
	if (load->until_probe > 0 || toggler->watched < WATCH_MIN || toggler->strays > 0)
		return toggler->incumbent;
	return probe(toggler);
}

unsigned int toggler_next(struct toggler *toggler, double cost, double rate_per_s, double alpha)
{
	const struct evidence *own = &toggler->arms[toggler->incumbent];
	const struct evidence *other = &toggler->arms[!toggler->incumbent];
	bool is_probe = toggler->current != toggler->incumbent;
	bool is_draining;
	double gap, radius, spread;

	/* In a probe a lower rate may be the probe's doing: it belongs to the load it began in. */
	if (!is_probe && has_moved(toggler, rate_per_s))
		return enter(toggler, load_of(rate_per_s));
	evidence_add(&toggler->arms[toggler->current], cost);
	if (!is_probe)
		return watch(toggler, cost);
	toggler->probed++;
	/* What still drains of the incumbent's backlog says nothing yet. */
	is_draining = toggler->probed < PROBE_MIN || cost < DRAINING * toggler->last_cost;
	toggler->last_cost = cost;
	gap = evidence_mean(other) - evidence_mean(own);
	spread = SPREAD * (evidence_mean(other) + evidence_mean(own)) / 2;
	/* Half the error for each of the two sequences. */
	radius =
		evidence_radius(own, spread, alpha / 2) + evidence_radius(other, spread, alpha / 2);
	toggler->bad = cost >= HOPELESS_COST || (cost > LEARNER_SLO_COST &&
							cost > HOPELESS_RATIO * evidence_mean(own))
			       ? toggler->bad + 1
			       : 0;
	if (is_draining && gap > 0 && toggler->probed < PROBE_MAX)
		return toggler->current;
	if (gap > radius || (toggler->bad >= HOPELESS_WINDOWS && gap > 0))
		return settle(toggler, toggler->incumbent,
			gap > CLEAR * radius || toggler->bad >= HOPELESS_WINDOWS ? PATIENCE_CLEAR
										 : PATIENCE_GROWTH);
	if (toggler->probed < (toggler->is_break ? PROBE_BREAK : PROBE_MIN))
		return toggler->current;
	if (gap < -radius)
		return settle(toggler, toggler->current,
			gap < -CLEAR * radius ? PATIENCE_CLEAR : PATIENCE_GROWTH);
	/* Not told apart, or by less than matters: a switch is worth nothing. */
	if (toggler->probed >= PROBE_MAX || fabs(gap) + radius < INDIFFERENT * evidence_mean(own))
		return settle(toggler, toggler->incumbent, PATIENCE_CLEAR);
	return toggler->current;
}
