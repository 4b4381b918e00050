/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <batching/scenario.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#define TIE 1e-12 /* relative; what rounding alone makes of equal times is below 1e-14 */

static int check_cost(const char *name, double value, struct hb_error *reterr)
{
	if (!(value >= 0 && value <= BAT_SCENARIO_COST_MAX))
		return hb_error_set(reterr, -EINVAL, "%s is %g; it must lie in 0 ... %g", name,
			value, BAT_SCENARIO_COST_MAX);
	return 0;
}

static int check(const struct bat_scenario *scenario, struct hb_error *reterr)
{
	int err;

	if (scenario->requests < 1 || scenario->requests > BAT_SCENARIO_REQUESTS_MAX)
		return hb_error_set(reterr, -EINVAL,
			"%" PRIu64 " requests; there must be 1 ... %" PRIu64, scenario->requests,
			BAT_SCENARIO_REQUESTS_MAX);
	err = check_cost("the cost of a request (alpha)", scenario->alpha, reterr);
	if (!err)
		err = check_cost("the cost of a batch (beta)", scenario->beta, reterr);
	if (!err)
		err = check_cost("the client's cost of a reply (c)", scenario->client, reterr);
	return err;
}

static bool is_less(double a, double b)
{
	return a < b - TIE * fmax(fabs(a), fabs(b));
}

int bat_scenario_compare(
	const struct bat_scenario *scenario, struct bat_comparison *ret, struct hb_error *reterr)
{
	double n = (double)scenario->requests, c = scenario->client;
	double each = scenario->alpha + scenario->beta;
	double all = n * scenario->alpha + scenario->beta;
	int err = check(scenario, reterr);
	int gains = 0;

	if (err)
		return err;
	/* The client either waits for each reply, or never once it has the first. */
	ret->unbatched = c <= each ? (struct bat_outcome){.mean = (n + 1) / 2 * each + c,
					     .finish = n * each + c}
				   : (struct bat_outcome){.mean = each + (n + 1) / 2 * c,
					     .finish = each + n * c};
	ret->batched = (struct bat_outcome){.mean = all + (n + 1) / 2 * c, .finish = all + n * c};
	gains |= is_less(ret->batched.mean, ret->unbatched.mean) ? BAT_VERDICT_LATENCY : 0;
	gains |= is_less(ret->batched.finish, ret->unbatched.finish) ? BAT_VERDICT_THROUGHPUT : 0;
	ret->verdict = (enum bat_verdict)gains;
	return 0;
}

int bat_scenario_batched_by(const struct bat_scenario *scenario, uint64_t batch,
	struct bat_outcome *ret, struct hb_error *reterr)
{
	double sent = 0, done = 0, sum = 0;
	int err = check(scenario, reterr);

	if (err)
		return err;
	if (batch < 1 || batch > scenario->requests)
		return hb_error_set(reterr, -EINVAL,
			"batches of %" PRIu64 "; there must be 1 ... %" PRIu64 " in one", batch,
			scenario->requests);
	for (uint64_t i = 0; i < scenario->requests; i++) {
		if (i % batch == 0) {
			uint64_t left = scenario->requests - i;

			sent += (double)(left < batch ? left : batch) * scenario->alpha +
				scenario->beta;
		}
		done = fmax(done, sent) + scenario->client;
		sum += done;
	}
	*ret = (struct bat_outcome){.mean = sum / (double)scenario->requests, .finish = done};
	return 0;
}

const char *bat_verdict_name(enum bat_verdict verdict)
{
	static const char *const names[] = {"neither", "latency", "throughput", "both"};

	hb_assert((unsigned int)verdict < sizeof(names) / sizeof(names[0]));
	return names[verdict];
}
