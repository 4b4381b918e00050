/* SPDX-License-Identifier: GPL-3.0-or-later */
/* batching model: the paper's motivating scenario, and what batching improves in it. */
#include <stdio.h>

#include <hotbed/json_out.h>

#include <batching/scenario.h>

#include "command.h"

static void put_outcome(struct hb_json_out *out, const char *key, const struct bat_outcome *outcome)
{
	hb_json_open(out, key, '{');
	hb_json_put_number(out, "mean", outcome->mean);
	hb_json_put_number(out, "finish", outcome->finish);
	hb_json_close(out, '}');
}

static void put_json(const struct bat_scenario *scenario, const struct bat_comparison *comparison)
{
	struct hb_json_out out = {.stream = stdout};

	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "batching.model/1");
	put_outcome(&out, "unbatched", &comparison->unbatched);
	put_outcome(&out, "batched", &comparison->batched);
	hb_json_put_text(&out, "verdict", bat_verdict_name(comparison->verdict));
	hb_json_open(&out, "boundaries", '{');
	hb_json_put_number(&out, "mean", scenario->beta - scenario->alpha);
	hb_json_put_number(&out, "finish", scenario->beta);
	hb_json_close(&out, '}');
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static void put_text(const struct bat_scenario *scenario, const struct bat_comparison *comparison)
{
	(void)printf("             mean   finish\n");
	(void)printf(
		"unbatched %7g  %7g\n", comparison->unbatched.mean, comparison->unbatched.finish);
	(void)printf("batched   %7g  %7g\n", comparison->batched.mean, comparison->batched.finish);
	(void)printf("batching improves: %s\n", bat_verdict_name(comparison->verdict));
	(void)printf("(the mean below c = %g, the finish below c = %g)\n",
		scenario->beta - scenario->alpha, scenario->beta);
}

static int run(int argc, char **argv, struct hb_error *reterr)
{
	struct bat_scenario scenario = {.requests = 3, .alpha = 2, .beta = 4, .client = 1};
	struct bat_comparison comparison;
	_Bool json = 0;
	const struct hb_option_target options[] = {
		{.name = "n", .u64 = &scenario.requests},
		{.name = "alpha", .real = &scenario.alpha},
		{.name = "beta", .real = &scenario.beta},
		{.name = "c", .real = &scenario.client},
		{.name = "json", .flag = &json},
		{.name = NULL},
	};
	int err = hb_options_read(argc, argv, options, reterr);

	if (!err)
		err = bat_scenario_compare(&scenario, &comparison, reterr);
	if (err)
		return err;
	if (json)
		put_json(&scenario, &comparison);
	else
		put_text(&scenario, &comparison);
	return 0;
}

const struct command command_model = {
	.name = "model",
	.summary = "n requests at once: what does batching improve?",
	.help = "  --n N        requests that arrive at once (3)\n"
		"  --alpha X    the server's cost per request (2)\n"
		"  --beta X     the server's cost per batch (4)\n"
		"  --c X        the client's cost per reply (1)\n"
		"  --json       batching.model/1\n",
	.run = run,
};
