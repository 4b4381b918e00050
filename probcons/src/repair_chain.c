/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Repair chains over classes of nodes. See probcons/repair_chain.h.
 *
 * A state says for each class how many nodes are down and how many are being replaced; states are numbered in mixed
 * radix, one digit per class out of the (n + 1)(n + 2) / 2 pairs. Data is lost when votes_commit nodes are being
 * replaced at once.
 */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/markov.h>

#include <probcons/repair_chain.h>

struct counts {
	uint32_t down, replaced;
};

/* Totals of a state. */
struct totals {
	uint32_t up, replaced;
	double leader_loss_per_hour; /* rate at which a leader, any up node alike, fails */
};

struct fleet {
	const struct pc_repair_model *model;
	uint32_t digits[PC_REPAIR_CLASSES_MAX]; /* pairs per class */
	struct counts *pairs[PC_REPAIR_CLASSES_MAX];
	uint32_t state_count;
	uint32_t node_count;
	struct hb_markov *chain;
};

static int class_check(
	const struct pc_repair_class *class, uint32_t number, struct hb_error *reterr)
{
	const double rates[] = {class->crash_per_hour, class->repair_per_hour, class->wipe_per_hour,
		class->replace_per_hour};
	static const char *const names[] = {"crash", "repair", "wipe", "replacement"};

	if (class->count == 0)
		return hb_error_set(reterr, -EINVAL, "class %u has no node", number);
	for (int i = 0; i < 4; i++)
		if (!(rates[i] >= 0) || isinf(rates[i]))
			return hb_error_set(reterr, -EINVAL,
				"class %u: %s rate %g per hour is not a finite number >= 0", number,
				names[i], rates[i]);
	return 0;
}

static int model_check(
	const struct pc_repair_model *model, uint32_t *ret_nodes, struct hb_error *reterr)
{
	uint64_t nodes = 0;

	if (model->class_count == 0 || model->class_count > PC_REPAIR_CLASSES_MAX)
		return hb_error_set(reterr, -EINVAL, "%u classes of nodes; 1 to %d are analysed",
			model->class_count, PC_REPAIR_CLASSES_MAX);
	for (uint32_t i = 0; i < model->class_count; i++) {
		int rc = class_check(&model->classes[i], i + 1, reterr);

		if (rc)
			return rc;
		nodes += model->classes[i].count;
	}
	if (model->votes_live == 0 || model->votes_live > nodes || model->votes_commit == 0 ||
		model->votes_commit > nodes)
		return hb_error_set(reterr, -EINVAL,
			"quorums of %u (live) and %u (commit) of %llu nodes can never be reached",
			model->votes_live, model->votes_commit, (unsigned long long)nodes);
	if (!(model->election_hours >= 0) || isinf(model->election_hours))
		return hb_error_set(reterr, -EINVAL,
			"election time %g hours is not a finite number >= 0",
			model->election_hours);
	if (nodes > PC_REPAIR_STATES_MAX)
		return hb_error_set(reterr, -E2BIG, "%llu nodes; the chain is too large",
			(unsigned long long)nodes);
	*ret_nodes = (uint32_t)nodes;
	return 0;
}

/*
 * All pairs of a class; without wipes nobody is ever replaced, and without crashes nobody is down.
 */
static int class_pairs(struct fleet *fleet, uint32_t class)
{
	const struct pc_repair_class *c = &fleet->model->classes[class];
	uint64_t down_max = c->crash_per_hour > 0 ? c->count : 0;
	uint64_t replaced_max = c->wipe_per_hour > 0 ? c->count : 0, size = 0;

	if ((down_max + 1) * (replaced_max + 1) > 4ull * PC_REPAIR_STATES_MAX)
		return -E2BIG;
	fleet->pairs[class] =
		malloc((down_max + 1) * (replaced_max + 1) * sizeof(fleet->pairs[class][0]));
	if (!fleet->pairs[class])
		return -ENOMEM;
	for (uint32_t r = 0; r <= replaced_max; r++)
		for (uint32_t d = 0; d <= down_max && d + r <= c->count; d++)
			fleet->pairs[class][size++] = (struct counts){.down = d, .replaced = r};
	fleet->digits[class] = (uint32_t)size;
	return 0;
}

static void fleet_finish(struct fleet *fleet)
{
	for (int i = 0; i < PC_REPAIR_CLASSES_MAX; i++)
		free(fleet->pairs[i]);
	hb_markov_destroy(fleet->chain);
	*fleet = (struct fleet){0};
}

/* The digit of @counts within class @class, -1 if there is no such pair. */
static int64_t digit_of(const struct fleet *fleet, uint32_t class, struct counts counts)
{
	const struct pc_repair_class *c = &fleet->model->classes[class];
	uint64_t row = c->crash_per_hour > 0 ? (uint64_t)c->count + 1 : 1, digit = 0;

	/* Rows of replaced = r shrink by one each, when there are crashes at all. */
	for (uint32_t r = 0; r < counts.replaced; r++)
		digit += c->crash_per_hour > 0 ? row - r : 1;
	return (int64_t)(digit + counts.down);
}

struct arc {
	struct counts to;
	double rate;
};

/* What can happen to a class with @now; returns the number of arcs, at most 5. */
static int class_arcs(const struct pc_repair_model *model, const struct pc_repair_class *c,
	struct counts now, struct arc *arcs)
{
	uint32_t up = c->count - now.down - now.replaced, used = 0;
	uint32_t crews = model->crews ? model->crews : c->count;
	uint32_t repairing = now.down < crews ? now.down : crews;
	uint32_t replacing = now.replaced < crews ? now.replaced : crews;

	if (up && c->crash_per_hour > 0)
		arcs[used++] = (struct arc){{now.down + 1, now.replaced}, up * c->crash_per_hour};
	if (repairing && c->repair_per_hour > 0)
		arcs[used++] =
			(struct arc){{now.down - 1, now.replaced}, repairing * c->repair_per_hour};
	if (up && c->wipe_per_hour > 0)
		arcs[used++] = (struct arc){{now.down, now.replaced + 1}, up * c->wipe_per_hour};
	if (now.down && c->wipe_per_hour > 0)
		arcs[used++] =
			(struct arc){{now.down - 1, now.replaced + 1}, now.down * c->wipe_per_hour};
	if (replacing && c->replace_per_hour > 0)
		arcs[used++] =
			(struct arc){{now.down, now.replaced - 1}, replacing * c->replace_per_hour};
	return (int)used;
}

static int add_arcs(struct fleet *fleet, uint32_t state, struct hb_error *reterr)
{
	uint32_t rest = state, stride = 1;
	int rc = 0;

	for (uint32_t i = 0; i < fleet->model->class_count; i++) {
		uint32_t digit = rest % fleet->digits[i];
		struct arc arcs[5];
		int count = class_arcs(
			fleet->model, &fleet->model->classes[i], fleet->pairs[i][digit], arcs);

		for (int k = 0; k < count && !rc; k++) {
			uint32_t to = state - digit * stride +
				      (uint32_t)digit_of(fleet, i, arcs[k].to) * stride;

			rc = hb_markov_add(fleet->chain, state, to, arcs[k].rate, reterr);
		}
		rest /= fleet->digits[i];
		stride *= fleet->digits[i];
	}
	return rc;
}

static int fleet_init(
	struct fleet *fleet, const struct pc_repair_model *model, struct hb_error *reterr)
{
	uint64_t states = 1;
	int rc;

	*fleet = (struct fleet){.model = model};
	rc = model_check(model, &fleet->node_count, reterr);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < model->class_count; i++) {
		rc = class_pairs(fleet, i);
		if (rc == -ENOMEM)
			return hb_error_set(
				reterr, rc, "not enough memory for the states of class %u", i + 1);
		states *= rc ? (uint64_t)PC_REPAIR_STATES_MAX + 1 : fleet->digits[i];
		if (states > PC_REPAIR_STATES_MAX)
			return hb_error_set(reterr, -E2BIG,
				"more than %d states; use fewer classes or nodes",
				PC_REPAIR_STATES_MAX);
	}
	fleet->state_count = (uint32_t)states;
	rc = hb_markov_create(fleet->state_count, &fleet->chain, reterr);
	for (uint32_t state = 0; state < fleet->state_count && !rc; state++)
		rc = add_arcs(fleet, state, reterr);
	return rc;
}

static struct totals totals_of(const struct fleet *fleet, uint32_t state)
{
	struct totals totals = {.up = fleet->node_count};
	double loss = 0;

	for (uint32_t i = 0; i < fleet->model->class_count; i++) {
		const struct pc_repair_class *class = &fleet->model->classes[i];
		struct counts counts = fleet->pairs[i][state % fleet->digits[i]];

		state /= fleet->digits[i];
		totals.up -= counts.down + counts.replaced;
		totals.replaced += counts.replaced;
		loss += (class->count - counts.down - counts.replaced) *
			(class->crash_per_hour + class->wipe_per_hour);
	}
	totals.leader_loss_per_hour = totals.up ? loss / totals.up : 0;
	return totals;
}

/* Share of the time without service, given the share of time (or hours) in each state. */
static void unavailable(
	const struct fleet *fleet, const double *share, double *ret_quorum, double *ret_election)
{
	long double quorum = 0, election = 0;

	for (uint32_t state = 0; state < fleet->state_count; state++) {
		struct totals totals = totals_of(fleet, state);
		double rate = totals.leader_loss_per_hour;

		if (totals.up < fleet->model->votes_live)
			quorum += share[state];
		else
			/*
			 * A leader lasts 1 / rate and is missed for election_hours: that share, never above 1.
			 */
			election +=
				share[state] * (rate * fleet->model->election_hours /
						       (1 + rate * fleet->model->election_hours));
	}
	*ret_quorum = (double)quorum;
	*ret_election = (double)election;
}

/* Mean time from all up to a state of @absorbing; infinite if there is none or it can be missed. */
static int first_time(
	const struct fleet *fleet, const bool *absorbing, double *ret, struct hb_error *reterr)
{
	bool any = false;
	int rc;

	for (uint32_t i = 0; i < fleet->state_count; i++)
		any |= absorbing[i];
	*ret = INFINITY;
	if (!any)
		return 0;
	rc = hb_markov_absorption_time(fleet->chain, 0, absorbing, ret, reterr);
	if (rc == -EDOM || rc == -ERANGE)
		rc = 0;
	return rc;
}

int pc_repair_steady(
	const struct pc_repair_model *model, struct pc_repair_result *ret, struct hb_error *reterr)
{
	struct pc_repair_result result = {0};
	struct fleet fleet = {0};
	double *share = NULL;
	bool *absorbing = NULL;
	int rc = fleet_init(&fleet, model, reterr);

	if (rc)
		goto out;
	result.states = fleet.state_count;
	share = malloc(fleet.state_count * sizeof(share[0]));
	absorbing = malloc(fleet.state_count * sizeof(absorbing[0]));
	if (!share || !absorbing) {
		rc = hb_error_set(
			reterr, -ENOMEM, "not enough memory for %u states", fleet.state_count);
		goto out;
	}
	for (uint32_t i = 0; i < fleet.state_count; i++)
		absorbing[i] = totals_of(&fleet, i).up < model->votes_live;
	rc = first_time(&fleet, absorbing, &result.mttf_hours, reterr);
	for (uint32_t i = 0; i < fleet.state_count; i++)
		absorbing[i] = totals_of(&fleet, i).replaced >= model->votes_commit;
	if (!rc)
		rc = first_time(&fleet, absorbing, &result.mttdl_hours, reterr);
	if (!rc)
		rc = hb_markov_steady_state(fleet.chain, share, reterr);
	if (rc)
		goto out;
	unavailable(&fleet, share, &result.unavailable_quorum, &result.unavailable_election);
	result.unavailable = result.unavailable_quorum + result.unavailable_election;
	*ret = result;
out:
	free(share);
	free(absorbing);
	fleet_finish(&fleet);
	return rc;
}

/* Probability that within @hours from all up data is lost: the chain, stopped there. */
static int mission_loss(const struct fleet *fleet, double hours, double *state, double *ret,
	struct hb_error *reterr)
{
	struct hb_markov *stopped = NULL;
	struct fleet copy = *fleet;
	long double lost = 0;
	int rc = hb_markov_create(fleet->state_count, &stopped, reterr);

	copy.chain = stopped;
	for (uint32_t i = 0; i < fleet->state_count && !rc; i++)
		if (totals_of(fleet, i).replaced < fleet->model->votes_commit)
			rc = add_arcs(&copy, i, reterr);
	for (uint32_t i = 0; i < fleet->state_count; i++)
		state[i] = i == 0;
	if (!rc)
		rc = hb_markov_transient(stopped, state, hours, state, reterr);
	for (uint32_t i = 0; i < fleet->state_count && !rc; i++)
		if (totals_of(fleet, i).replaced >= fleet->model->votes_commit)
			lost += state[i];
	hb_markov_destroy(stopped);
	if (!rc)
		*ret = (double)lost;
	return rc;
}

int pc_repair_mission(const struct pc_repair_model *model, double mission_hours,
	double *ret_unavailable, double *ret_loss, struct hb_error *reterr)
{
	struct fleet fleet = {0};
	double *state = NULL, quorum = 0, election = 0, loss = 0;
	int rc = fleet_init(&fleet, model, reterr);

	if (!rc && !(mission_hours > 0 && isfinite(mission_hours)))
		rc = hb_error_set(reterr, -EINVAL, "mission %g hours is not a finite number > 0",
			mission_hours);
	if (rc)
		goto out;
	state = calloc(fleet.state_count, sizeof(state[0]));
	if (!state) {
		rc = hb_error_set(
			reterr, -ENOMEM, "not enough memory for %u states", fleet.state_count);
		goto out;
	}
	state[0] = 1;
	if (ret_unavailable) {
		rc = hb_markov_occupancy(fleet.chain, state, mission_hours, state, reterr);
		unavailable(&fleet, state, &quorum, &election);
	}
	if (!rc && ret_loss)
		rc = mission_loss(&fleet, mission_hours, state, &loss, reterr);
	if (rc)
		goto out;
	if (ret_unavailable)
		*ret_unavailable = (quorum + election) / mission_hours;
	if (ret_loss)
		*ret_loss = loss;
out:
	free(state);
	fleet_finish(&fleet);
	return rc;
}
