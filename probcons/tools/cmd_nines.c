/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probcons nines: failure probabilities of a protocol on a fleet. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include <hotbed/error.h>
#include <hotbed/json_out.h>

#include <probcons/nines.h>
#include <probcons/repair_chain.h>
#include <probcons/sensitivity.h>

#include "fleet.h"

struct answer {
	struct pc_result result;
	double band; /* 0 = none */
	struct pc_result band_lo, band_hi;
	bool has_repair;
	struct pc_repair_result repair;
	double mission_unavailable, mission_loss;
};

static int add_class(struct pc_repair_class *classes, uint32_t *count,
	const struct pc_repair_class *wanted, struct hb_error *reterr)
{
	for (uint32_t c = 0; c < *count; c++) {
		if (classes[c].crash_per_hour == wanted->crash_per_hour &&
			classes[c].wipe_per_hour == wanted->wipe_per_hour) {
			classes[c].count++;
			return 0;
		}
	}
	if (*count == PC_REPAIR_CLASSES_MAX)
		return hb_error_set(reterr, -E2BIG,
			"more than %d different nodes; availability is computed for that many at "
			"most",
			PC_REPAIR_CLASSES_MAX);
	classes[(*count)++] = *wanted;
	return 0;
}

/* A probability over the mission as a constant rate, split into crashes and lost disks. */
static int make_classes(const struct fleet *fleet, const struct pc_repair_class *rates, double wipe,
	struct pc_repair_class *classes, uint32_t *ret_count, struct hb_error *reterr)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < fleet->count; i++) {
		const struct pc_node *node = &fleet->nodes[i];
		struct pc_repair_class wanted = *rates;
		double per_hour = -log1p(-node->crash) / fleet->mission_hours;
		int err;

		if (node->byz > 0)
			return hb_error_set(reterr, -EINVAL,
				"availability knows crashes only; leave out --repair or the "
				"Byzantine "
				"faults");
		if (node->weight != fleet->nodes[0].weight)
			return hb_error_set(reterr, -EINVAL,
				"availability is computed for equal votes; leave out --repair or "
				"--weights");
		if (isinf(per_hour))
			return hb_error_set(reterr, -EINVAL,
				"node %" PRIu32
				" fails for certain within the mission: its rate is infinite",
				i + 1);
		wanted.count = 1;
		wanted.crash_per_hour = per_hour * (1 - wipe);
		wanted.wipe_per_hour = per_hour * wipe;
		err = add_class(classes, &count, &wanted, reterr);
		if (err)
			return err;
	}
	*ret_count = count;
	return 0;
}

static int repair_rates(const struct arguments *arguments, struct pc_repair_class *ret,
	double *ret_wipe, double *ret_election_hours, struct hb_error *reterr)
{
	double repair_hours = 0, replace_hours = 0;
	int err = option_duration(arguments, OPT_REPAIR, &repair_hours, reterr);

	if (!err)
		err = option_duration(arguments, OPT_REPLACE, &replace_hours, reterr);
	if (!err)
		err = option_duration(arguments, OPT_ELECTION, ret_election_hours, reterr);
	if (!err)
		err = option_probability(arguments, OPT_WIPE, ret_wipe, reterr);
	if (!err && !(repair_hours > 0))
		err = hb_error_set(reterr, -EINVAL, "--repair: the mean must be longer than 0");
	if (!err && *ret_wipe > 0 && !(replace_hours > 0))
		err = hb_error_set(reterr, -EINVAL,
			"--wipe needs --replace TIME, longer than 0: how long until the data is "
			"copied");
	if (err)
		return err;
	ret->repair_per_hour = 1 / repair_hours;
	ret->replace_per_hour = replace_hours > 0 ? 1 / replace_hours : 0;
	return 0;
}

static int analyse_repair(const struct arguments *arguments, const struct fleet *fleet,
	struct answer *answer, struct hb_error *reterr)
{
	struct pc_repair_class classes[PC_REPAIR_CLASSES_MAX] = {0}, rates = {0};
	struct pc_repair_model model = {.classes = classes};
	uint64_t crews = 0, weight = fleet->nodes[0].weight;
	uint64_t live = fleet->protocol.q_per > fleet->protocol.q_vc ? fleet->protocol.q_per
								     : fleet->protocol.q_vc;
	double wipe = 0;
	int err;

	if (fleet->is_correlated || fleet->protocol.kind != PC_RAFT)
		return hb_error_set(reterr, -EINVAL,
			"availability is computed for raft on independent nodes; leave out "
			"--repair");
	if (!(fleet->mission_hours > 0))
		return hb_error_set(reterr, -EINVAL,
			"--repair needs --mission TIME: over what window are the probabilities?");
	err = repair_rates(arguments, &rates, &wipe, &model.election_hours, reterr);
	if (!err)
		err = option_u64(arguments, OPT_CREWS, 0, UINT32_MAX, &crews, reterr);
	if (!err)
		err = make_classes(fleet, &rates, wipe, classes, &model.class_count, reterr);
	if (err)
		return err;
	model.crews = (uint32_t)crews;
	model.votes_live = (uint32_t)((live + weight - 1) / weight);
	model.votes_commit = (uint32_t)((fleet->protocol.q_per + weight - 1) / weight);
	err = pc_repair_steady(&model, &answer->repair, reterr);
	answer->mission_unavailable = answer->mission_loss = NAN;
	/* A mission of very many steps is left out; the long run has been answered. */
	if (!err && pc_repair_mission(&model, fleet->mission_hours, &answer->mission_unavailable,
			    &answer->mission_loss, NULL))
		answer->mission_unavailable = answer->mission_loss = NAN;
	answer->has_repair = !err;
	return err;
}

static int analyse(const struct arguments *arguments, const struct fleet *fleet,
	struct answer *answer, struct hb_error *reterr)
{
	static const enum option_name of_repair[] = {
		OPT_REPLACE, OPT_WIPE, OPT_ELECTION, OPT_CREWS};
	const struct pc_correlation *correlation = fleet_correlation(fleet);
	int err = option_real(arguments, OPT_BAND, 1, 1e6, &answer->band, reterr);

	if (!err)
		err = pc_analyse(fleet->nodes, fleet->count, &fleet->protocol, correlation,
			PC_METRIC_ALL, &answer->result, reterr);
	if (!err && answer->band > 0)
		err = pc_analyse_scaled(fleet->nodes, fleet->count, &fleet->protocol, correlation,
			PC_METRIC_ALL, 1 / answer->band, &answer->band_lo, reterr);
	if (!err && answer->band > 0)
		err = pc_analyse_scaled(fleet->nodes, fleet->count, &fleet->protocol, correlation,
			PC_METRIC_ALL, answer->band, &answer->band_hi, reterr);
	for (size_t i = 0; i < sizeof(of_repair) / sizeof(of_repair[0]) && !err; i++)
		if (arguments->values[of_repair[i]] && !arguments->values[OPT_REPAIR])
			err = hb_error_set(reterr, -EINVAL,
				"--%s changes nothing without --repair TIME",
				option_text(of_repair[i]));
	if (!err && arguments->values[OPT_REPAIR])
		err = analyse_repair(arguments, fleet, answer, reterr);
	return err;
}

static void json_band(struct hb_json_out *out, const char *key, const struct pc_result *result)
{
	hb_json_open(out, key, '{');
	hb_json_put_number(out, "unsafe", result->unsafe);
	hb_json_put_number(out, "unlive", result->unlive);
	hb_json_put_number(out, "unsafe_or_unlive", result->unsafe_or_unlive);
	hb_json_put_number(out, "loss_worst", result->loss.worst);
	hb_json_close(out, '}');
}

static void json_repair(struct hb_json_out *out, const struct answer *answer)
{
	hb_json_open(out, "repair", '{');
	hb_json_put_number(out, "unavailable_quorum", answer->repair.unavailable_quorum);
	hb_json_put_number(out, "unavailable_election", answer->repair.unavailable_election);
	hb_json_put_number(out, "mttf_hours", answer->repair.mttf_hours);
	hb_json_put_number(out, "mttdl_hours", answer->repair.mttdl_hours);
	hb_json_put_number(out, "mission_unavailable", answer->mission_unavailable);
	hb_json_put_number(out, "mission_loss", answer->mission_loss);
	hb_json_put_u64(out, "states", answer->repair.states);
	hb_json_close(out, '}');
}

static void print_json(const struct fleet *fleet, const struct answer *answer)
{
	struct hb_json_out out = {.stream = stdout};
	const struct pc_result *result = &answer->result;
	double unavailable = answer->has_repair ? answer->repair.unavailable : NAN;

	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "probcons.nines/1");
	hb_json_put_text(&out, "protocol", protocol_name(fleet->protocol.kind));
	hb_json_put_u64(&out, "n", fleet->count);
	json_quorums(&out, &fleet->protocol);
	hb_json_put_number(&out, "unsafe", result->unsafe);
	hb_json_put_number(&out, "unlive", result->unlive);
	hb_json_put_number(&out, "unsafe_or_unlive", result->unsafe_or_unlive);
	hb_json_open(&out, "loss", '{');
	hb_json_put_number(&out, "worst", result->loss.worst);
	hb_json_put_number(&out, "mean", result->loss.mean);
	hb_json_put_number(&out, "any", result->loss.any);
	hb_json_put_bool(&out, "worst_is_bound", result->loss.worst_is_bound);
	hb_json_close(&out, '}');
	hb_json_put_number(&out, "unavailable", unavailable);
	hb_json_open(&out, "nines", '{');
	hb_json_put_number(&out, "safe", pc_nines(result->unsafe));
	hb_json_put_number(&out, "live", pc_nines(result->unlive));
	hb_json_put_number(&out, "safe_and_live", pc_nines(result->unsafe_or_unlive));
	hb_json_put_number(&out, "durable", pc_nines(result->loss.worst));
	hb_json_put_number(&out, "available", pc_nines(unavailable));
	hb_json_close(&out, '}');
	if (answer->band > 0) {
		hb_json_open(&out, "band", '{');
		hb_json_put_number(&out, "factor", answer->band);
		json_band(&out, "lo", &answer->band_lo);
		json_band(&out, "hi", &answer->band_hi);
		hb_json_close(&out, '}');
	}
	if (answer->has_repair)
		json_repair(&out, answer);
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static void print_row(
	const char *name, double q, const char *meaning, double lo, double hi, bool has_band)
{
	if (isnan(q)) {
		(void)printf("%-18s not known%s%s\n", name, *meaning ? ": " : "", meaning);
		return;
	}
	(void)printf("%-18s %-12.6g %7.3f nines", name, q, pc_nines(q));
	if (has_band)
		(void)printf("  [%.3f, %.3f]", pc_nines(hi), pc_nines(lo));
	(void)printf("   %s\n", meaning);
}

static void print_text(const struct fleet *fleet, const struct answer *answer)
{
	const struct pc_result *q = &answer->result, *lo = &answer->band_lo, *hi = &answer->band_hi;
	bool band = answer->band > 0;

	(void)printf("%s, %" PRIu32 " nodes%s\n", protocol_name(fleet->protocol.kind), fleet->count,
		fleet->is_correlated ? ", correlated" : "");
	print_quorums(&fleet->protocol);
	print_row("unsafe", q->unsafe, "two decisions may differ", lo->unsafe, hi->unsafe, band);
	print_row("unlive", q->unlive, "no progress", lo->unlive, hi->unlive, band);
	print_row("unsafe or unlive", q->unsafe_or_unlive, "", lo->unsafe_or_unlive,
		hi->unsafe_or_unlive, band);
	print_row("loss, worst quorum", q->loss.worst,
		q->loss.worst_is_bound ? "at most: a commit is gone" : "a commit is gone",
		lo->loss.worst, hi->loss.worst, band);
	print_row("loss, mean quorum", q->loss.mean, "", lo->loss.mean, hi->loss.mean, band);
	print_row("loss, any quorum", q->loss.any, "of many commits on many quorums", lo->loss.any,
		hi->loss.any, band);
	if (!answer->has_repair)
		return;
	print_row("unavailable", answer->repair.unavailable, "share of time", 0, 0, false);
	(void)printf("%-18s %.6g h to the first outage, %.6g h to data loss\n", "mean time",
		answer->repair.mttf_hours, answer->repair.mttdl_hours);
}

/* Whether enough nodes can fail at all for a quorum to be missed: a 0 is then too small a number, not a certainty. */
static bool is_underflow(const struct fleet *fleet, double q)
{
	const struct pc_protocol *protocol = &fleet->protocol;
	uint64_t fallible = 0;

	for (uint32_t i = 0; i < fleet->count; i++)
		if (fleet->nodes[i].crash + fleet->nodes[i].byz > 0)
			fallible += fleet->nodes[i].weight;
	return q == 0 && fallible >= protocol->q_per &&
	       fallible > protocol->votes - protocol->q_per &&
	       fallible > protocol->votes - protocol->q_vc;
}

/* What the answer does not hold, for whoever reads no documentation first. */
static void print_notes(const struct fleet *fleet, const struct answer *answer)
{
	if (is_underflow(fleet, answer->result.unlive) ||
		is_underflow(fleet, answer->result.loss.worst))
		(void)fprintf(stderr,
			"probcons nines: note: a probability printed as 0 may be one below "
			"4.9e-324, the smallest double\n");
	if (isnan(answer->result.loss.mean))
		(void)fprintf(stderr,
			"probcons nines: note: the mean loss over quorums of unequal votes is not "
			"known with more than %d common causes\n",
			PC_SHOCKS_CONDITIONED_MAX);
	if (answer->result.loss.worst_is_bound)
		(void)fprintf(stderr,
			"probcons nines: note: the loss of the worst quorum is an upper bound; "
			"there are too many quorums to try each\n");
	if (answer->has_repair && isnan(answer->mission_loss))
		(void)fprintf(stderr,
			"probcons nines: note: the mission takes too many steps; unavailability "
			"and loss within it are not known, those of the long run are\n");
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	struct fleet fleet = {0};
	struct answer answer = {0};
	int err = fleet_build(arguments, &fleet, reterr);

	if (!err)
		err = analyse(arguments, &fleet, &answer, reterr);
	if (!err && arguments->json)
		print_json(&fleet, &answer);
	else if (!err)
		print_text(&fleet, &answer);
	if (!err)
		print_notes(&fleet, &answer);
	fleet_finish(&fleet);
	return err;
}

const struct command command_nines = {
	.name = "nines",
	.help = "how likely a fleet is to be unsafe, not live, to lose a commit, to be unavailable",
	.takes_protocol = true,
	.options = FLEET_OPTIONS "band repair replace wipe election crews",
	.run = run,
};
