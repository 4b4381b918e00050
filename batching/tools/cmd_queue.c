/* SPDX-License-Identifier: GPL-3.0-or-later */
/* batching queue: a queue that is served in batches, by its closed form and by simulation. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/json_out.h>

#include <batching/bulk_queue.h>

#include "command.h"

struct question {
	struct bat_bulk_queue queue;
	struct bat_bulk_options options;
	_Bool json;
};

static void put_interval(
	struct hb_json_out *out, const char *key, const struct hb_interval *interval)
{
	hb_json_open(out, key, '[');
	hb_json_put_number(out, NULL, interval->lo);
	hb_json_put_number(out, NULL, interval->estimate);
	hb_json_put_number(out, NULL, interval->hi);
	hb_json_close(out, ']');
}

static void put_json(const struct bat_bulk_means *means, const struct bat_bulk_intervals *simulated)
{
	struct hb_json_out out = {.stream = stdout};

	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "batching.queue/1");
	hb_json_open(&out, "closed_form", '{');
	hb_json_put_number(&out, "mean_in_system", means->in_system);
	hb_json_put_number(&out, "mean_in_queue", means->in_queue);
	hb_json_put_number(&out, "mean_wait", means->wait_s);
	hb_json_put_number(&out, "mean_sojourn", means->sojourn_s);
	hb_json_close(&out, '}');
	hb_json_open(&out, "simulation", '{');
	put_interval(&out, "mean_in_system", &simulated->in_system);
	put_interval(&out, "mean_in_queue", &simulated->in_queue);
	put_interval(&out, "mean_wait", &simulated->wait_s);
	put_interval(&out, "mean_sojourn", &simulated->sojourn_s);
	hb_json_close(&out, '}');
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static void put_row(const char *name, double exact, const struct hb_interval *simulated)
{
	(void)printf("%-16s %11.6g   %.6g [%.6g, %.6g]\n", name, exact, simulated->estimate,
		simulated->lo, simulated->hi);
}

static int answer(const struct question *question, struct hb_error *reterr)
{
	struct bat_bulk_intervals simulated;
	struct bat_bulk_means means;
	int err = bat_bulk_queue_means(&question->queue, &means, reterr);

	if (!err)
		err = bat_bulk_queue_simulate(
			&question->queue, &question->options, &simulated, reterr);
	if (err)
		return err;
	if (question->json) {
		put_json(&means, &simulated);
		return 0;
	}
	(void)printf("                 closed form   simulated\n");
	put_row("mean in system", means.in_system, &simulated.in_system);
	put_row("mean in queue", means.in_queue, &simulated.in_queue);
	put_row("mean wait", means.wait_s, &simulated.wait_s);
	put_row("mean sojourn", means.sojourn_s, &simulated.sojourn_s);
	return 0;
}

static int find_discipline(const char *name, enum bat_bulk_discipline *ret, struct hb_error *reterr)
{
	for (int i = 0; i < BAT_BULK_DISCIPLINE_COUNT; i++) {
		*ret = (enum bat_bulk_discipline)i;
		if (strcmp(bat_bulk_discipline_name(*ret), name) == 0)
			return 0;
	}
	return hb_error_set(
		reterr, -EINVAL, "unknown discipline '%.80s'; give joinable, full or closed", name);
}

static int run(int argc, char **argv, struct hb_error *reterr)
{
	struct question question = {.options = {.seed = 1}};
	const char *discipline = NULL;
	uint64_t limit = 0;
	const struct hb_option_target options[] = {
		{.name = "discipline", .text = &discipline, .required = 1},
		{.name = "lambda", .real = &question.queue.lambda_per_s, .required = 1},
		{.name = "mu", .real = &question.queue.mu_per_s, .required = 1},
		{.name = "k", .u64 = &limit, .required = 1},
		{.name = "replications", .u64 = &question.options.replications},
		{.name = "departures", .u64 = &question.options.departures},
		{.name = "level", .real = &question.options.level},
		{.name = "seed", .u64 = &question.options.seed},
		{.name = "json", .flag = &question.json},
		{.name = NULL},
	};
	int err = hb_options_read(argc, argv, options, reterr);

	if (!err)
		err = find_discipline(discipline, &question.queue.discipline, reterr);
	if (err)
		return err;
	question.queue.limit =
		limit <= BAT_BULK_LIMIT_MAX ? (uint32_t)limit : BAT_BULK_LIMIT_MAX + 1;
	return answer(&question, reterr);
}

const struct command command_queue = {
	.name = "queue",
	.summary = "a queue served in batches: closed form and simulation",
	.help = "  --discipline D     joinable, full or closed\n"
		"  --lambda X         arrivals per unit of time\n"
		"  --mu X             services per unit of time\n"
		"  --k N              largest batch\n"
		"  --replications N   of the simulation (20)\n"
		"  --departures N     of each replication (200000)\n"
		"  --level X          of the intervals (0.99)\n"
		"  --seed N           of the simulation (1)\n"
		"  --json             batching.queue/1\n",
	.run = run,
};
