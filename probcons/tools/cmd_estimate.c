/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probcons estimate: the same probabilities by sampling, for fleets that are beyond the exact analysis, or to check
 * it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/json_out.h>
#include <hotbed/rng.h>

#include <probcons/importance_sampling.h>
#include <probcons/splitting.h>

#include "event.h"
#include "fleet.h"

static const char *const methods[] = {"tilt", "splitting", "naive"};

struct plan {
	uint32_t method; /* of methods */
	uint64_t samples, seed;
	double relative_error, level;
};

static int read_plan(const struct arguments *arguments, struct plan *plan, struct hb_error *reterr)
{
	const char *method = arguments->values[OPT_METHOD];
	int err;

	while (method && plan->method < 3 && strcmp(method, methods[plan->method]) != 0)
		plan->method++;
	if (plan->method == 3)
		return hb_error_set(reterr, -EINVAL,
			"--method: '%.64s' is none of tilt, splitting, naive", method);
	err = option_u64(arguments, OPT_SAMPLES, 10, UINT64_C(10000000000), &plan->samples, reterr);
	if (!err)
		err = option_u64(arguments, OPT_SEED, 0, UINT64_MAX, &plan->seed, reterr);
	if (!err)
		err = option_real(
			arguments, OPT_RELATIVE_ERROR, 1e-6, 1, &plan->relative_error, reterr);
	if (!err)
		err = option_real(arguments, OPT_LEVEL, 0.5, 0.999999, &plan->level, reterr);
	return err;
}

static int estimate(const struct pc_rare_problem *problem, const struct plan *plan,
	struct pc_estimate *ret, struct hb_error *reterr)
{
	struct hb_rng rng;

	hb_rng_init(&rng, plan->seed, 0);
	if (plan->method == 1) {
		const struct pc_splitting_options options = {
			.particles = plan->samples > 1000000 ? 1000000 : (uint32_t)plan->samples,
			.level = plan->level,
		};

		return pc_splitting(problem, &options, &rng, ret, reterr);
	}
	return pc_importance_sample(problem,
		&(const struct pc_is_options){.samples_max = plan->samples,
			.relative_error = plan->relative_error,
			.level = plan->level,
			.naive = plan->method == 2},
		&rng, ret, reterr);
}

static void print_json(const struct fleet *fleet, const struct plan *plan, enum pc_event event,
	const struct pc_estimate *estimate_)
{
	struct hb_json_out out = {.stream = stdout};

	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "probcons.estimate/1");
	hb_json_put_text(&out, "protocol", protocol_name(fleet->protocol.kind));
	hb_json_put_u64(&out, "n", fleet->count);
	json_quorums(&out, &fleet->protocol);
	hb_json_put_text(&out, "event", event_names[event]);
	hb_json_put_text(&out, "method", methods[plan->method]);
	hb_json_put_number(&out, "q", estimate_->q);
	hb_json_put_number(&out, "stderr", estimate_->stderr_q);
	hb_json_put_number(&out, "lo", estimate_->lo);
	hb_json_put_number(&out, "hi", estimate_->hi);
	hb_json_put_number(&out, "level", estimate_->level);
	hb_json_put_number(&out, "effective_samples", estimate_->effective_samples);
	hb_json_put_u64(&out, "samples", estimate_->samples);
	hb_json_put_u64(&out, "hits", estimate_->hits);
	hb_json_put_u64(&out, "seed", plan->seed);
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	struct fleet fleet = {0};
	struct plan plan = {.seed = 1, .relative_error = 0.01, .level = 0.95};
	struct pc_estimate found = {0};
	struct pc_rare_problem problem = {.event = PC_EVENT_EITHER};
	int err = fleet_build(arguments, &fleet, reterr);

	if (!err)
		err = event_read(arguments, &problem.event, reterr);
	if (!err)
		err = read_plan(arguments, &plan, reterr);
	if (!err && plan.method == 1 && arguments->values[OPT_RELATIVE_ERROR])
		err = hb_error_set(reterr, -EINVAL,
			"--relative-error is for tilt and naive; splitting takes --samples, the "
			"number of its particles");
	problem.nodes = fleet.nodes;
	problem.count = fleet.count;
	problem.protocol = &fleet.protocol;
	problem.correlation = fleet_correlation(&fleet);
	if (!err)
		err = estimate(&problem, &plan, &found, reterr);
	if (!err && arguments->json)
		print_json(&fleet, &plan, problem.event, &found);
	else if (!err)
		(void)printf("%s  %.6g, %g %% interval [%.6g, %.6g]\n%" PRIu64 " samples, %" PRIu64
			     " hits, effective %.0f%s\n",
			event_names[problem.event], found.q, found.level * 100, found.lo, found.hi,
			found.samples, found.hits, found.effective_samples,
			found.samples > 0 && found.effective_samples < 50
				? ": too few to trust the interval"
				: "");
	fleet_finish(&fleet);
	return err;
}

const struct command command_estimate = {
	.name = "estimate",
	.help = "the same by sampling, with a confidence interval: importance sampling, splitting, "
		"naive",
	.takes_protocol = true,
	.options = FLEET_OPTIONS "event method samples relative-error level seed",
	.run = run,
};
