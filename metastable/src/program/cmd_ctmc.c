/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metastable ctmc: the modes of the service, from its Markov chain. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/file.h>

#include <metastable/ctmc.h>

#include "command.h"

#define EIGENVALUES 4
#define GIB 0x1p30
/* Expected times from here on are announced. */
#define ANNOUNCE_S 10.0

static const struct option_row options[] = {
	{"from-state", "Q,O", "also from Q jobs in the server and O requests in the orbit"},
	{"server", "NAME", "whose queue decides about low and high (the first)"},
	{"orbit-bound", "N", "cut the orbit here (from the load)"},
	{"phases", "K", "phases of the wait in the orbit (1: exponential)"},
	{"solver", "NAME", "direct or iterative (by the shape of the chain)"},
	{"trigger", NULL, "how likely the triggers of the file leave the service down"},
	{"memory", "GIB", "refuse what needs more (16)"},
	{"seconds", "S", "refuse to iterate where more is to be expected (900)"},
	{"field", "FILE.csv", "write every state: drift, committor, share of the time"},
	{NULL, NULL, NULL},
};

/* What was asked for. */
struct question {
	struct ms_ctmc_options options;
	bool from_given;
	int32_t queue, orbit;
	const char *field;
	bool trigger;
};

struct answer {
	struct ms_support support;
	struct ms_ctmc ctmc;
	struct ms_ctmc_from from;
	struct ms_ctmc_trigger trigger;
};

static int read_from(const char *text, struct question *q, struct hb_error *reterr)
{
	char copy[64], *comma;
	uint64_t queue, orbit;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	comma = strchr(copy, ',');
	if (comma == NULL)
		return hb_error_set(reterr, -EINVAL,
			"--from-state takes the jobs in the server and the requests in the orbit, "
			"as in 75,100; "
			"not '%.40s'",
			text);
	*comma = '\0';
	if (hb_csv_parse_u64(copy, &queue) || hb_csv_parse_u64(comma + 1, &orbit) ||
		queue > INT32_MAX || orbit > INT32_MAX)
		return hb_error_set(reterr, -EINVAL,
			"--from-state takes two whole numbers, as in 75,100; not '%.40s'", text);
	q->from_given = true;
	q->queue = (int32_t)queue;
	q->orbit = (int32_t)orbit;
	return 0;
}

static int read_solver(const char *name, enum ms_ctmc_solver *ret, struct hb_error *reterr)
{
	if (name == NULL)
		return 0;
	if (strcmp(name, "direct") == 0)
		*ret = MS_SOLVER_DIRECT;
	else if (strcmp(name, "iterative") == 0)
		*ret = MS_SOLVER_ITERATIVE;
	else
		return hb_error_set(
			reterr, -EINVAL, "--solver takes direct or iterative; not '%.40s'", name);
	return 0;
}

static int read_question(const struct arguments *arguments, const struct ms_model *model,
	struct question *q, struct hb_error *reterr)
{
	uint64_t bound = 0, phases = 1;
	double gib = MS_MEMORY_BYTES_DEFAULT / GIB, seconds = MS_SECONDS_DEFAULT;
	const char *from = option_value(arguments, "from-state");
	const char *server = option_value(arguments, "server");
	int code = option_u64(arguments, "orbit-bound", 1, 100000000, &bound, reterr);

	if (code == 0)
		code = option_u64(arguments, "phases", 1, 6, &phases, reterr);
	if (code == 0)
		code = option_real(arguments, "memory", 0.001, 1e6, &gib, reterr);
	if (code == 0)
		code = option_real(arguments, "seconds", 0.001, 1e9, &seconds, reterr);
	if (code == 0)
		code = read_solver(option_value(arguments, "solver"), &q->options.solver, reterr);
	if (code == 0 && from != NULL)
		code = read_from(from, q, reterr);
	if (code == 0 && server != NULL) {
		int index = ms_model_server(model, server);

		if (index == MS_NONE)
			return hb_error_set(reterr, -EINVAL,
				"--server: the model has no server '%.40s'", server);
		q->options.server = (uint32_t)index;
	}
	q->options.orbit_bound = (uint32_t)bound;
	q->options.orbit_phases = (uint32_t)phases;
	q->options.memory_bytes_max = gib * GIB;
	q->options.seconds_max = seconds;
	q->options.eigenvalues = EIGENVALUES;
	q->trigger = option_value(arguments, "trigger") != NULL;
	q->field = option_value(arguments, "field");
	return code;
}

/* ---- the field ---- */

static void write_rows(const struct ms_ctmc_chain *chain, const double *drift,
	const double *committor, const double *share, FILE *file)
{
	const struct ms_generator *g = &chain->generator;

	for (uint32_t a = 0; a < g->axes; a++)
		(void)fprintf(file, "%s,", ms_ctmc_axis_name(chain, a));
	for (uint32_t a = 0; a < g->axes; a++)
		(void)fprintf(file, "%s_per_s,", ms_ctmc_axis_name(chain, a));
	(void)fprintf(file, "committor,share\n");
	for (uint32_t i = 0; i < g->states; i++) {
		for (uint32_t a = 0; a < g->axes; a++)
			(void)fprintf(file, "%d,", g->at[(size_t)i * g->axes + a]);
		for (uint32_t a = 0; a < g->axes; a++)
			(void)fprintf(file, "%.9g,", drift[(size_t)i * g->axes + a]);
		(void)fprintf(file, "%.9g,%.9g\n", committor[i], share[i]);
	}
}

static int write_field(
	const struct ms_ctmc_chain *chain, const struct question *q, struct hb_error *reterr)
{
	const struct ms_generator *g = &chain->generator;
	double *drift = calloc((size_t)g->states * g->axes, sizeof(*drift));
	double *committor = calloc(g->states, sizeof(*committor));
	double *share = calloc(g->states, sizeof(*share));
	struct ms_bound bound;
	FILE *file = NULL;
	int code = 0;

	if (drift == NULL || committor == NULL || share == NULL)
		code = hb_error_set(reterr, -ENOMEM, "out of memory for %u states", g->states);
	if (code == 0)
		code = ms_ctmc_committor(chain, q->options.memory_bytes_max, committor, reterr);
	if (code == 0 && chain->iterative)
		code = ms_stationary_iterative(
			g, q->options.memory_bytes_max, share, &bound, reterr);
	else if (code == 0)
		code = ms_stationary(g, q->options.memory_bytes_max, share, NULL, reterr);
	if (code == 0) {
		ms_generator_drift(g, drift);
		file = fopen(q->field, "w");
		if (file == NULL)
			code = hb_error_set(
				reterr, -errno, "cannot write %s: %s", q->field, strerror(errno));
	}
	if (file != NULL) {
		write_rows(chain, drift, committor, share, file);
		if (ferror(file) | fclose(file))
			code = hb_error_set(reterr, -EIO, "cannot write %s to its end", q->field);
	}
	free(drift);
	free(committor);
	free(share);
	return code;
}

/* ---- the answer ---- */

static cJSON *json_basin(const struct ms_ctmc_basin *b)
{
	cJSON *object = cJSON_CreateObject();

	(void)cJSON_AddNumberToObject(object, "states", b->states);
	json_number(object, "mean_queue", b->mean_queue);
	json_number(object, "mean_orbit", b->mean_orbit);
	json_number(object, "exit_rate_per_s", b->exit_rate_per_s);
	return object;
}

static void json_eigenvalues(cJSON *json, const struct ms_spectrum *s)
{
	cJSON *list = cJSON_AddArrayToObject(json, "eigenvalues_per_s");

	for (uint32_t i = 0; i < s->count && i < EIGENVALUES; i++) {
		double pair[2] = {s->real_per_s[i], s->imaginary_per_s[i]};

		(void)cJSON_AddItemToArray(list, cJSON_CreateDoubleArray(pair, 2));
	}
}

static int print_json(
	const struct question *q, const struct answer *answer, struct hb_error *reterr)
{
	const struct ms_ctmc *c = &answer->ctmc;
	cJSON *json = cJSON_CreateObject(), *part;

	(void)cJSON_AddStringToObject(json, "schema", "metastable.ctmc/1");
	(void)cJSON_AddNumberToObject(json, "states", c->states);
	(void)cJSON_AddNumberToObject(json, "nonzeros", (double)c->nonzeros);
	(void)cJSON_AddNumberToObject(json, "orbit_bound", c->orbit_bound);
	json_number(json, "lost_mass", c->lost_mass);
	part = cJSON_AddObjectToObject(json, "stationary");
	json_number(part, "mean_queue", c->mean_queue);
	json_number(part, "mean_orbit", c->mean_orbit);
	json_number(part, "p_low", c->p_low);
	json_number(part, "p_high", c->p_high);
	json_eigenvalues(json, &c->spectrum);
	json_number(json, "tau_recover_s", c->tau_recover_s);
	json_number(json, "tau_collapse_s", c->tau_collapse_s);
	(void)cJSON_AddStringToObject(json, "class", ms_class_name(c->kind));
	(void)cJSON_AddStringToObject(json, "resolution", c->beyond ? "beyond" : "ok");
	(void)cJSON_AddStringToObject(json, "solver", c->iterative ? "iterative" : "direct");
	if (c->iterative) {
		part = cJSON_AddObjectToObject(json, "error_bounds");
		json_number(part, "stationary", c->stationary_error);
		json_number(part, "tau_recover", c->recover_error);
		json_number(part, "tau_collapse", c->collapse_error);
	}
	part = cJSON_AddObjectToObject(json, "basins");
	(void)cJSON_AddItemToObject(part, "low", json_basin(&c->low));
	(void)cJSON_AddItemToObject(part, "high", json_basin(&c->high));
	if (q->from_given) {
		part = cJSON_AddObjectToObject(json, "from_state");
		(void)cJSON_AddNumberToObject(part, "queue", q->queue);
		(void)cJSON_AddNumberToObject(part, "orbit", q->orbit);
		json_number(part, "tau_recover_s", answer->from.tau_low_s);
		json_number(part, "tau_collapse_s", answer->from.tau_high_s);
		json_number(part, "p_high_first", answer->from.p_high_first);
	}
	if (q->trigger) {
		part = cJSON_AddObjectToObject(json, "trigger");
		json_number(part, "p_stuck", answer->trigger.p_stuck);
		json_number(part, "error", answer->trigger.error);
		json_number(part, "p_high", answer->trigger.p_high);
		json_number(part, "p_low", answer->trigger.p_low);
		json_number(part, "mean_queue", answer->trigger.mean_queue);
		json_number(part, "mean_orbit", answer->trigger.mean_orbit);
		(void)cJSON_AddNumberToObject(part, "states", answer->trigger.states);
		(void)cJSON_AddNumberToObject(part, "steps", (double)answer->trigger.steps);
	}
	if (json_support(json, &answer->support))
		(void)hb_error_set(reterr, -ENOMEM, "no memory for the answer");
	return json_print(json, reterr);
}

static void print_time(const char *what, double time_s)
{
	if (isnan(time_s))
		(void)printf("%-28s beyond resolution\n", what);
	else if (isinf(time_s))
		(void)printf("%-28s never, or above 1e308 s\n", what);
	else
		(void)printf("%-28s %.6g s\n", what, time_s);
}

static void print_text(const struct question *q, const struct answer *answer, double horizon_s)
{
	const struct ms_ctmc *c = &answer->ctmc;

	(void)printf("%-28s %s (horizon %g s)\n", "class", ms_class_name(c->kind), horizon_s);
	print_time("time to recover", c->tau_recover_s);
	print_time("time to collapse", c->tau_collapse_s);
	if (q->from_given) {
		(void)printf("from %d jobs and %d in orbit:\n", q->queue, q->orbit);
		print_time("  time to recover", answer->from.tau_low_s);
		print_time("  time to collapse", answer->from.tau_high_s);
		(void)printf("%-28s %.6g\n", "  high before low", answer->from.p_high_first);
	}
	if (q->trigger)
		(void)printf("%-28s %.6g (+- %.1g), %.6g jobs and %.6g in orbit when it ends\n",
			"down after the trigger", answer->trigger.p_stuck, answer->trigger.error,
			answer->trigger.mean_queue, answer->trigger.mean_orbit);
	if (c->iterative)
		(void)printf("%-28s %.1g of the law, %.1g and %.1g of the times\n",
			"iterative, errors below", c->stationary_error, c->recover_error,
			c->collapse_error);
	(void)printf("%-28s %.6g low, %.6g high\n", "share of the time", c->p_low, c->p_high);
	(void)printf("%-28s %.6g in the server, %.6g in the orbit\n", "mean", c->mean_queue,
		c->mean_orbit);
	(void)printf("%-28s %.6g, %.6g\n", "  while down", c->high.mean_queue, c->high.mean_orbit);
	(void)printf("%-28s %.6g, %.6g\n", "  while up", c->low.mean_queue, c->low.mean_orbit);
	for (uint32_t i = 0; i < c->spectrum.count && i < EIGENVALUES; i++)
		(void)printf("%-28s %.6g%+.6gi per s\n", i == 0 ? "slowest eigenvalues" : "",
			c->spectrum.real_per_s[i], c->spectrum.imaginary_per_s[i]);
	(void)printf("%-28s %u states, %llu jumps, orbit up to %d, full %.2g of the time\n",
		"chain", c->states, (unsigned long long)c->nonzeros, c->orbit_bound, c->lost_mass);
	(void)printf("%-28s %s\n", "resolution",
		c->beyond ? "beyond: what is missing cannot be told in double precision" : "ok");
	print_support(MS_LEVEL_MARKOV, &answer->support);
}

/* Of what takes a while, before it begins. */
static void announce(const struct ms_ctmc_chain *chain, double seconds_max)
{
	struct ms_iteration_cost cost = ms_iteration_cost(&chain->generator);

	if (chain->iterative && cost.seconds >= ANNOUNCE_S && cost.seconds <= seconds_max)
		(void)fprintf(stderr,
			"metastable: %u states, beyond elimination: iterating takes about %.2g GiB "
			"and %.2g s\n",
			chain->generator.states, cost.bytes / GIB, cost.seconds);
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	struct ms_ctmc_chain *chain = NULL;
	struct answer answer = {0};
	struct question q = {0};
	struct ms_model model;
	int code = model_of(arguments, &model, reterr);

	if (code == 0)
		code = read_question(arguments, &model, &q, reterr);
	if (code == 0)
		code = ms_support_query(MS_LEVEL_MARKOV, &model, &answer.support, reterr);
	if (code == 0)
		code = ms_ctmc_chain_create(&model, &q.options, &chain, reterr);
	if (code == 0)
		announce(chain, q.options.seconds_max);
	if (code == 0)
		code = ms_ctmc_solve(chain, &q.options, model.horizon_s, &answer.ctmc, reterr);
	if (code == 0 && q.from_given)
		code = ms_ctmc_solve_from(
			chain, &q.options, q.queue, q.orbit, &answer.from, reterr);
	if (code == 0 && q.trigger)
		code = ms_ctmc_trigger(&model, &q.options, &answer.trigger, reterr);
	if (code == 0 && q.field != NULL)
		code = write_field(chain, &q, reterr);
	ms_ctmc_chain_destroy(chain);
	if (code != 0)
		return code;
	if (arguments->json)
		return print_json(&q, &answer, reterr);
	print_text(&q, &answer, model.horizon_s);
	return 0;
}

const struct command command_ctmc = {
	.name = "ctmc",
	.operands = "FILE.ms",
	.operands_min = 1,
	.operands_max = 1,
	.help = "modes, times between them and class, from the Markov chain",
	.options = options,
	.run = run,
};
