/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PBFT under an adversary, view by view: who accepts which proposal, who sees a certificate, what is committed, who
 * goes on to the next view and what its leader may propose there.
 */
#include <probcons/pbft_simulation.h>

#include <errno.h>
#include <stdbool.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#define VIEWS 3
#define VALUES 2

struct slot {
	const struct pc_protocol *protocol;
	struct hb_rng rng;
	uint32_t correct_count, byz;
	uint32_t asking; /* correct nodes in this view, as bits */
	int certificate_view
		[PC_PBFT_NODES_MAX]; /* of correct nodes: the last they saw, -1 = none */
	uint32_t certificate_value[PC_PBFT_NODES_MAX];
	int certified
		[VALUES]; /* last view in which the adversary could have certified it, -1 = never */
	bool committed[VALUES];
	bool equivocated;
};

static uint32_t count(uint32_t set)
{
	return (uint32_t)__builtin_popcount(set);
}

static uint32_t everybody(const struct slot *s)
{
	return (uint32_t)(((uint64_t)1 << s->correct_count) - 1);
}

static bool chance(struct slot *s, uint32_t percent)
{
	return hb_rng_below(&s->rng, 100) < percent;
}

/* All of @set, or some of it. */
static uint32_t some(struct slot *s, uint32_t set)
{
	return chance(s, 50) ? set : set & (uint32_t)hb_rng_u64(&s->rng);
}

/*
 * May a Byzantine leader justify @value? It shows Q_vc of those who asked for the view; among them no certificate of
 * the other value may be later than the last of this one. Byzantine nodes show what suits.
 */
static bool is_justified(const struct slot *s, int view, uint32_t value)
{
	uint32_t willing = s->byz;

	if (view == 0)
		return true;
	for (uint32_t i = 0; i < s->correct_count; i++) {
		bool suits = s->certificate_view[i] < 0 || s->certificate_value[i] == value ||
			     s->certificate_view[i] < s->certified[value];

		willing += (s->asking >> i & 1) && suits;
	}
	return willing >= s->protocol->q_vc;
}

/* A correct leader proposes what the last certificate among Q_vc that it hears says. Byzantine nodes need not help. */
static bool choose_as_correct(struct slot *s, int view, uint32_t *ret)
{
	int last = -1;
	uint32_t heard = s->asking;

	*ret = (uint32_t)hb_rng_below(&s->rng, VALUES);
	if (view == 0)
		return true;
	while (count(heard) + s->byz > s->protocol->q_vc && heard)
		heard &= heard - 1;
	if (count(heard) + s->byz < s->protocol->q_vc)
		return false;
	for (uint32_t i = 0; i < s->correct_count; i++) {
		if ((heard >> i & 1) && s->certificate_view[i] > last) {
			last = s->certificate_view[i];
			*ret = s->certificate_value[i];
		}
	}
	return true;
}

/* Who accepts which value. Returns false if the view does not begin. */
static bool propose(struct slot *s, int view, uint32_t accepted[VALUES])
{
	uint32_t value, side = (uint32_t)hb_rng_u64(&s->rng), reached = some(s, s->asking);

	accepted[0] = accepted[1] = 0;
	if (s->byz > 0 && chance(s, 75)) {
		if (chance(s, 50))
			side = chance(s, 50) ? 0 : UINT32_MAX;
		for (value = 0; value < VALUES; value++) {
			if (is_justified(s, view, value))
				accepted[value] = reached & (value ? side : ~side);
		}
		return accepted[0] || accepted[1];
	}
	if (!choose_as_correct(s, view, &value))
		return false;
	accepted[value] = reached;
	return true;
}

static void vote(struct slot *s, int view, const uint32_t accepted[VALUES])
{
	bool certified[VALUES];

	for (uint32_t value = 0; value < VALUES; value++) {
		uint32_t prepared = 0;

		/* Byzantine nodes sign whatever there is to sign. */
		certified[value] =
			count(accepted[value]) + s->byz >= s->protocol->q_eq && accepted[value];
		if (!certified[value])
			continue;
		s->certified[value] = view;
		prepared = some(s, accepted[value]);
		for (uint32_t i = 0; i < s->correct_count; i++) {
			if (prepared >> i & 1) {
				s->certificate_view[i] = view;
				s->certificate_value[i] = value;
			}
		}
		if (count(prepared) + s->byz >= s->protocol->q_per)
			s->committed[value] = true;
	}
	s->equivocated |= certified[0] && certified[1];
}

static void live(struct slot *s, struct pc_pbft_report *report)
{
	s->asking = everybody(s);
	for (uint32_t i = 0; i < s->correct_count; i++)
		s->certificate_view[i] = -1;
	for (uint32_t value = 0; value < VALUES; value++) {
		s->certified[value] = -1;
		s->committed[value] = false;
	}
	s->equivocated = false;
	for (int view = 0; view < VIEWS; view++) {
		uint32_t accepted[VALUES];

		if (propose(s, view, accepted)) {
			report->view_changes += view > 0;
			vote(s, view, accepted);
		}
		/* Some time out and ask for the next view; the others are slow. */
		s->asking = some(s, s->asking);
	}
}

int pc_pbft_simulate(const struct pc_protocol *protocol, uint32_t byz, uint64_t schedules,
	uint64_t seed, struct pc_pbft_report *ret, struct hb_error *reterr)
{
	struct slot slot = {.protocol = protocol, .byz = byz};
	struct pc_pbft_report report = {.schedules = schedules};
	int err = pc_protocol_check(protocol, reterr);

	if (err)
		return err;
	if (protocol->kind != PC_PBFT || protocol->votes >= PC_PBFT_NODES_MAX ||
		byz > protocol->votes)
		return hb_error_set(reterr, -EINVAL,
			"PBFT is simulated with up to %d nodes, of whom all may be Byzantine",
			PC_PBFT_NODES_MAX - 1);
	slot.correct_count = (uint32_t)protocol->votes - byz;
	for (uint64_t i = 0; i < schedules; i++) {
		hb_rng_init(&slot.rng, seed, i);
		live(&slot, &report);
		report.commits += slot.committed[0] || slot.committed[1];
		report.equivocations += slot.equivocated;
		report.disagreements += slot.committed[0] && slot.committed[1];
	}
	*ret = report;
	return 0;
}
