/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable/speed: what an answer takes against what it is allowed to take. The baseline is the allowance itself, so
 * that a claim (a ratio of at most 1) says whether it is kept; each answer is verified by other means than those that
 * gave it. Answers that take minutes are part of --full, and can be asked for by --set answer=.
 */
#include "experiments.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <metastable/chain.h>
#include <metastable/ctmc.h>
#include <metastable/fluid.h>
#include <metastable/map.h>
#include <metastable/simulation.h>

#include "paper_model.h"

#define REPEAT_NS INT64_C(500000000)
#define S 1e9
#define GIB 0x1p30
#define BALANCE_MAX 1e-10
#define CURVE_MAX 400
#define MAP_CELLS 1000
#define MAP_CELLS_ASKED_AGAIN 3

static const char protected_model[] = "protect c { token_bucket 0.1 cap 5; breaker 50% window 20s "
				      "open 30s attempts 20 probes 1 }\n"
				      "shed db { codel 500ms 1s }\n";

static const struct limit *limit;
static uint64_t seed;
static struct ms_model model;
static double time_ns, memory;
static bool sabotaged;

/* ---- events ---- */

static struct ms_simulation *simulation;
static struct ms_run_result first;

static int make_simulation(bool digest, bool shared, struct hb_error *reterr)
{
	struct ms_run_options options = {.shared_engine = shared, .digest = digest};

	ms_simulation_destroy(simulation);
	simulation = NULL;
	return ms_simulation_create(&model, &options, &simulation, reterr);
}

/* The digest is made in a run of its own, which is not timed. */
static int setup_events(struct hb_error *reterr)
{
	int code = make_simulation(true, false, reterr);

	if (!code)
		code = ms_simulation_run(simulation, seed, 0, NULL, &first, reterr);
	return code ? code : make_simulation(false, false, reterr);
}

static int answer_events(uint64_t *ret_units, struct hb_error *reterr)
{
	static uint64_t replication;
	struct ms_run_result result;
	int code = ms_simulation_run(simulation, seed, replication++, NULL, &result, reterr);

	*ret_units = result.events;
	return code;
}

/* Bit for bit what the shared engine makes of the same seed. */
static bool check_events(struct hb_error *reterr)
{
	struct ms_run_result again;

	if (make_simulation(true, true, reterr) ||
		ms_simulation_run(simulation, seed, 0, NULL, &again, reterr))
		return false;
	return first.specialised && again.digest == first.digest + sabotaged &&
	       again.events == first.events;
}

/* No second engine simulates protections: the books of a run have to be right, and its repetition the same. */
static bool check_protected(struct hb_error *reterr)
{
	struct ms_run_result again;

	if (make_simulation(true, false, reterr) ||
		ms_simulation_run(simulation, seed, 0, NULL, &again, reterr))
		return false;
	again.clients[0].successes += sabotaged;
	return again.digest == first.digest && ms_laws_check(&model, &again, reterr) == 0 &&
	       again.servers[0].dropped > 0;
}

/* ---- chains ---- */

static struct ms_ctmc_chain *chain;
static struct ms_ctmc everything;
static double *share, *drift;

/* A grid of the running example, so many jobs by so many requests in the orbit. */
static int make_chain(uint32_t jobs, uint32_t orbit, struct hb_error *reterr)
{
	struct ms_ctmc_options options = {.orbit_bound = orbit - 1, .memory_bytes_max = 16 * GIB};

	ms_ctmc_chain_destroy(chain);
	chain = NULL;
	model.servers[0].queue_capacity = jobs - 1;
	return ms_ctmc_chain_create(&model, &options, &chain, reterr);
}

static int answer_everything(uint32_t jobs, uint32_t orbit, struct hb_error *reterr)
{
	struct ms_ctmc_options options = {.eigenvalues = 4, .memory_bytes_max = 16 * GIB};
	int code = make_chain(jobs, orbit, reterr);

	return code ? code : ms_ctmc_solve(chain, &options, model.horizon_s, &everything, reterr);
}

static int answer_1e5(uint64_t *ret_units, struct hb_error *reterr)
{
	*ret_units = 1;
	return answer_everything(316, 317, reterr);
}

static int answer_1e5_flat(uint64_t *ret_units, struct hb_error *reterr)
{
	*ret_units = 1;
	return answer_everything(32, 3125, reterr);
}

static int answer_1e6(uint64_t *ret_units, struct hb_error *reterr)
{
	*ret_units = 1;
	return answer_everything(1000, 1000, reterr);
}

static int answer_4e6(uint64_t *ret_units, struct hb_error *reterr)
{
	*ret_units = 1;
	return answer_everything(2000, 2000, reterr);
}

/* Largest difference between what flows into a state and out of it, over their sum. */
static double imbalance(void)
{
	const struct ms_generator *g = &chain->generator;
	double *in = calloc(g->states, sizeof(*in)), worst = 0.0;

	if (in == NULL)
		return INFINITY;
	for (uint32_t i = 0; i < g->states; i++) {
		for (uint64_t e = g->row_start[i]; e < g->row_start[i + 1]; e++)
			in[g->target[e]] += share[i] * g->rate_per_s[e];
	}
	for (uint32_t i = 0; i < g->states; i++) {
		double out = share[i] * ms_generator_exit_rate(g, i);

		/* Below 1e-290 the flows lose digits to denormal numbers. */
		if (in[i] + out > 1e-290)
			worst = fmax(worst, fabs(in[i] - out) / (in[i] + out));
	}
	free(in);
	return worst;
}

static bool is_near(double got, double want, double relative)
{
	return fabs(got - want) <= relative * fabs(want);
}

/* The law once more by itself, in balance; its shares of low and high are those of the answer. */
static bool check_shares(struct hb_error *reterr)
{
	const struct ms_generator *g = &chain->generator;
	double low = 0.0, high = 0.0;

	free(share);
	share = calloc(g->states, sizeof(*share));
	if (share == NULL || ms_stationary(g, 0.0, share, NULL, reterr))
		return false;
	for (uint32_t i = 0; i < g->states; i++) {
		low += chain->low[i] ? share[i] : 0.0;
		high += chain->high[i] ? share[i] : 0.0;
	}
	if (sabotaged)
		everything.p_high *= 1.001;
	return !everything.beyond && imbalance() <= BALANCE_MAX &&
	       is_near(everything.p_low, low, 1e-9) && is_near(everything.p_high, high, 1e-9);
}

/* The modes of a deep queue are far apart: the slowest eigenvalue is minus the sum of the rates of leaving them. */
static bool check_everything(struct hb_error *reterr)
{
	return check_shares(reterr) &&
	       is_near(everything.spectrum.real_per_s[0],
		       -1 / everything.tau_recover_s - 1 / everything.tau_collapse_s, 0.01);
}

/* A short queue has one mode, in which hardly any attempt is late: what takes longest is to leave the orbit. */
static bool check_flat(struct hb_error *reterr)
{
	return check_shares(reterr) &&
	       is_near(everything.spectrum.real_per_s[0], -1 / model.clients[0].timeout_s, 1e-6);
}

static int answer_field(uint64_t *ret_units, struct hb_error *reterr)
{
	int code = make_chain(3163, 3163, reterr);

	*ret_units = 1;
	if (code)
		return code;
	free(drift);
	drift = malloc((size_t)chain->generator.states * chain->generator.axes * sizeof(*drift));
	if (drift == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for a field");
	ms_generator_drift(&chain->generator, drift);
	return 0;
}

/* Inside the grid the queue moves at lambda - mu + gamma o, gamma = r / ((r + 1) T). */
static bool check_field(struct hb_error *reterr)
{
	const struct ms_generator *g = &chain->generator;
	const struct ms_client *c = &model.clients[0];
	double gamma = c->retries / ((c->retries + 1.0) * c->timeout_s);
	double mu = 1 / model.servers[0].service.mean_s;

	(void)reterr;
	if (sabotaged)
		drift[(size_t)(g->states / 2) * g->axes + chain->queue_axis] += 1e-3;
	for (uint32_t i = 0; i < g->states; i++) {
		const int32_t *at = &g->at[(size_t)i * g->axes];
		double want = c->rate_per_s - mu + gamma * at[chain->orbit_axis];

		if (at[chain->queue_axis] > 0 &&
			at[chain->queue_axis] < g->last[chain->queue_axis] &&
			fabs(drift[(size_t)i * g->axes + chain->queue_axis] - want) > 1e-9)
			return false;
	}
	return g->states >= 10000000;
}

/* Building is part of it: what counts is when the law is there. */
static int answer_law(uint64_t *ret_units, struct hb_error *reterr)
{
	int code = make_chain(3163, 3163, reterr);

	*ret_units = 1;
	if (code)
		return code;
	free(share);
	share = calloc(chain->generator.states, sizeof(*share));
	if (share == NULL)
		return hb_error_set(reterr, -ENOMEM, "out of memory for a law");
	return ms_stationary(&chain->generator, 16 * GIB, share, NULL, reterr);
}

static bool check_law(struct hb_error *reterr)
{
	double sum = 0.0;

	(void)reterr;
	if (sabotaged)
		share[0] += 1e-3;
	for (uint32_t i = 0; i < chain->generator.states; i++)
		sum += share[i];
	return chain->generator.states >= 10000000 && is_near(sum, 1.0, 1e-9) &&
	       imbalance() <= BALANCE_MAX;
}

/* ---- folds ---- */

static struct ms_fluid *fluid;
static struct ms_fluid_curve_point curve[CURVE_MAX];
static int curve_points;

static int setup_fold(struct hb_error *reterr)
{
	return ms_fluid_create(&model, &fluid, reterr);
}

static int answer_fold(uint64_t *ret_units, struct hb_error *reterr)
{
	static const double box[2][2] = {{0.02, 0.99}, {0.05, 12.0}};

	*ret_units = 1;
	curve_points = ms_fluid_fold_curve(
		fluid, MS_FLUID_RHO, MS_FLUID_RETRIES, box, CURVE_MAX, curve, reterr);
	return curve_points < 0 ? curve_points : 0;
}

/* Jobs and requests stand still there, and the determinant of their Jacobian, by differences, is nought. */
static bool is_fold(const struct ms_fluid_curve_point *p)
{
	double here[MS_FLUID_AXES], jacobian[2][2], scale, determinant;

	ms_fluid_set(fluid, MS_FLUID_RHO, p->parameter[0]);
	ms_fluid_set(fluid, MS_FLUID_RETRIES, p->parameter[1]);
	ms_fluid_drift(fluid, p->at, here);
	for (int a = 0; a < 2; a++) {
		double up[MS_FLUID_AXES], down[MS_FLUID_AXES], at[MS_FLUID_AXES];
		double step = 1e-4 * fmax(1.0, p->at[a]);

		memcpy(at, p->at, sizeof(at));
		at[a] = p->at[a] + step;
		ms_fluid_drift(fluid, at, up);
		at[a] = p->at[a] - step;
		ms_fluid_drift(fluid, at, down);
		for (int b = 0; b < 2; b++)
			jacobian[b][a] = (up[b] - down[b]) / (2 * step);
	}
	determinant = jacobian[0][0] * jacobian[1][1] - jacobian[0][1] * jacobian[1][0];
	scale = fabs(jacobian[0][0] * jacobian[1][1]) + fabs(jacobian[0][1] * jacobian[1][0]);
	return hypot(here[0], here[1]) < 1e-6 && fabs(determinant) < 1e-4 * (scale + 1e-3);
}

static bool check_fold(struct hb_error *reterr)
{
	(void)reterr;
	if (curve_points >= 10)
		curve[curve_points / 2].at[MS_FLUID_ORBIT] += sabotaged;
	for (int i = 0; i < curve_points; i++) {
		if (!is_fold(&curve[i]))
			return false;
	}
	return curve_points >= 10;
}

/* ---- a map ---- */

static struct ms_map map;

static void map_options(struct ms_map_options *ret)
{
	*ret = (struct ms_map_options){.verdict = {.seed = seed}};
}

static int answer_map(uint64_t *ret_units, struct hb_error *reterr)
{
	struct ms_map_options options;

	*ret_units = 1;
	map_options(&options);
	ms_map_finish(&map);
	return ms_map_run(&model, &options, &map, reterr);
}

static bool ask_again(uint32_t index, struct hb_error *reterr)
{
	const struct ms_map_cell *cell = &map.cells[index];
	struct ms_model at = model;
	struct ms_map_options options;

	map_options(&options);
	for (uint32_t a = 0; a < map.axis_count; a++) {
		if (ms_model_set(&at, map.axes[a].path, ms_sweep_value(&map.axes[a], cell->at[a]),
			    reterr))
			return false;
	}
	for (uint32_t v = 0; v < cell->verdict_count; v++) {
		struct ms_verdict verdict;

		if (ms_verdict_of(
			    cell->verdicts[v].level, &at, &options.verdict, &verdict, reterr) ||
			verdict.kind != cell->verdicts[v].kind)
			return false;
	}
	return cell->verdict_count >= 3;
}

/* All cells are there, some say the same when asked alone, and both classes that the example is about occur. */
static bool check_map(struct hb_error *reterr)
{
	uint32_t stable = 0, vulnerable = 0;

	if (sabotaged)
		map.cells[0].verdict_count = 0;
	for (uint32_t i = 0; i < map.count; i++) {
		stable += map.cells[i].kind == MS_STABLE;
		vulnerable += map.cells[i].kind == MS_VULNERABLE;
	}
	for (uint32_t i = 0; i < MAP_CELLS_ASKED_AGAIN; i++) {
		if (!ask_again(i * (map.count - 1) / (MAP_CELLS_ASKED_AGAIN - 1), reterr))
			return false;
	}
	return map.count == MAP_CELLS && map.done == MAP_CELLS && stable > 100 && vulnerable > 100;
}

/* ---- the limits ---- */

static const struct limit {
	const char *name;
	double time_ns, memory;                /* of one unit; memory 0: of no interest */
	const char *more;                      /* of the model */
	int (*setup)(struct hb_error *reterr); /* NULL: nothing to do */
	int (*answer)(uint64_t *ret_units, struct hb_error *reterr);
	bool (*is_right)(struct hb_error *reterr);
	double needs_gib;
	bool once; /* long enough not to be repeated */
} limits[] = {
	{"event", 50, 0, "", setup_events, answer_events, check_events, 0.1, false},
	{"event-protected", 250, 0, protected_model, setup_events, answer_events, check_protected,
		0.1, false},
	{"fold", 1 * S, 0, "", setup_fold, answer_fold, check_fold, 0.1, false},
	{"chain-1e5", 5 * S, 0, "", NULL, answer_1e5, check_everything, 0.5, true},
	{"chain-1e5-flat", 5 * S, 0, "", NULL, answer_1e5_flat, check_flat, 0.5, true},
	{"chain-1e6", 60 * S, 0, "", NULL, answer_1e6, check_everything, 4, true},
	{"chain-4e6", 300 * S, 0, "", NULL, answer_4e6, check_everything, 14, true},
	{"field-1e7", 10 * S, 0, "", NULL, answer_field, check_field, 3, true},
	{"law-1e7", 600 * S, 16 * GIB, "", NULL, answer_law, check_law, 16, true},
	{"map-1000", 300 * S, 0, "sweep { db.queue 5..200 step 5; c.rate 1..9.64 step 0.36 }", NULL,
		answer_map, check_map, 1, true},
};

static const struct limit *find_limit(const struct hb_params *params)
{
	const char *name = hb_params_text(params, "answer");

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (strcmp(limits[i].name, name) == 0)
			return &limits[i];
	return NULL;
}

static int setup_allowed(struct hb_trial *trial)
{
	limit = find_limit(hb_trial_params(trial));
	return limit ? 0 : hb_trial_fail(trial, "there is no such answer");
}

static int setup_measured(struct hb_trial *trial)
{
	struct hb_error error = {0};
	int code = setup_allowed(trial);

	if (!code)
		code = paper_model(trial, limit->more, &model);
	seed = hb_trial_seed(trial);
	if (!code && limit->setup && limit->setup(&error))
		return hb_trial_fail(trial, "%s", error.text);
	return code;
}

static void report(struct hb_trial *trial, uint64_t units)
{
	hb_trial_metric(trial, "time", time_ns, units);
	if (limit->memory > 0)
		hb_trial_metric(trial, "memory", memory, 1);
}

static int run_allowed(struct hb_trial *trial)
{
	time_ns = limit->time_ns;
	memory = limit->memory;
	report(trial, 1);
	return 0;
}

static int verify_allowed(struct hb_trial *trial)
{
	if ((sabotaged ? 2 * time_ns : time_ns) != limit->time_ns)
		return hb_trial_fail(
			trial, "the limit is %g ns, reported %g", limit->time_ns, time_ns);
	return 0;
}

static int run_measured(struct hb_trial *trial)
{
	int64_t limit_ns = hb_trial_is_quick(trial) ? REPEAT_NS / 20 : REPEAT_NS;
	int64_t begin_ns = hb_clock_now_ns(), end_ns;
	struct hb_error error = {0};
	struct rusage usage;
	uint64_t units = 0;

	do {
		uint64_t more = 0;

		if (limit->answer(&more, &error))
			return hb_trial_fail(trial, "%s", error.text);
		units += more;
		end_ns = hb_clock_now_ns();
	} while (!limit->once && end_ns - begin_ns < limit_ns);
	if (getrusage(RUSAGE_SELF, &usage) < 0)
		return hb_trial_fail(trial, "the peak of memory is not known");
	time_ns = (double)(end_ns - begin_ns) / (double)units;
	memory = (double)usage.ru_maxrss * 1024;
	report(trial, units);
	return 0;
}

static int verify_measured(struct hb_trial *trial)
{
	struct hb_error error = {0};

	if (!limit->is_right(&error))
		return hb_trial_fail(trial, "%s: wrong answer %s", limit->name, error.text);
	return 0;
}

static int teardown_measured(struct hb_trial *trial)
{
	(void)trial;
	ms_simulation_destroy(simulation);
	ms_ctmc_chain_destroy(chain);
	ms_fluid_destroy(fluid);
	ms_map_finish(&map);
	free(share);
	free(drift);
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static uint64_t memory_bytes(const struct hb_params *params)
{
	const struct limit *asked = find_limit(params);

	return (uint64_t)((asked ? asked->needs_gib : 0.1) * GIB);
}

/* An answer takes about half of what it is allowed, and verifying it less. */
static uint64_t trial_ms(const struct hb_params *params)
{
	const struct limit *asked = find_limit(params);

	return asked && asked->once ? (uint64_t)(asked->time_ns / 1e6 / 2) : 700;
}

static const struct hb_param params[] = {
	{
		.name = "answer",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "what is asked, and how large",
		.sweep = "event,event-protected,fold,chain-1e5,chain-1e5-flat",
		.sweep_quick = "fold",
		.sweep_full = "event,event-protected,fold,chain-1e5,chain-1e5-flat,chain-1e6,"
			      "chain-4e6,field-1e7,law-1e7,map-1000",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "time",
		.unit = "ns",
		.help = "one answer, or one event",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05,
	},
	{
		.name = "memory",
		.unit = "B",
		.help = "peak of the whole process",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_COUNT,
		.optional = true,
		.min_effect = 0.05,
	},
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	{
		.name = "allowed",
		.role = HB_ROLE_BASELINE,
		.help = "the limit that was set",
		.setup = setup_allowed,
		.run = run_allowed,
		.verify = verify_allowed,
		.sabotage = sabotage,
	},
	{
		.name = "metastable",
		.role = HB_ROLE_IDEA,
		.help = "measured",
		.setup = setup_measured,
		.run = run_measured,
		.verify = verify_measured,
		.teardown = teardown_measured,
		.sabotage = sabotage,
	},
	{.name = NULL},
};

#define CLAIM(name_, text_, metric_, answer_)                                                      \
	{                                                                                          \
		.name = (name_), .text = (text_), .paper = "Hotbed", .section = "",                \
		.metric = (metric_), .variant = "metastable", .where = "answer=" answer_, .lo = 0, \
		.hi = 1,                                                                           \
	}

static const struct hb_claim claims[] = {
	CLAIM("events-20-million", "The specialised loop handles 20 million events per second.",
		"time", "event"),
	CLAIM("protected-4-million",
		"With token bucket, breaker and CoDel it is 4 million events per second.", "time",
		"event-protected"),
	CLAIM("fold-in-1-s", "A fold curve over load and retries takes at most 1 s.", "time",
		"fold"),
	CLAIM("chain-1e5-in-5-s",
		"All quantities of a square chain of 1e5 states take 5 s at most.", "time",
		"chain-1e5"),
	CLAIM("flat-1e5-in-5-s", "So do those of a chain of 32 x 3,125 states.", "time",
		"chain-1e5-flat"),
	CLAIM("chain-1e6-in-60-s", "All quantities of 1e6 states take 60 s at most.", "time",
		"chain-1e6"),
	CLAIM("chain-4e6-in-5-min", "All quantities of 4e6 states take 5 min at most.", "time",
		"chain-4e6"),
	CLAIM("field-1e7-in-10-s", "Building 1e7 states and their field takes 10 s at most.",
		"time", "field-1e7"),
	CLAIM("law-1e7-in-10-min", "The stationary law of 1e7 states takes 10 min at most.", "time",
		"law-1e7"),
	CLAIM("law-1e7-in-16-gib", "It takes 16 GiB at most.", "memory", "law-1e7"),
	CLAIM("map-1000-in-5-min", "A map of 1,000 cells takes 5 min at most on two processors.",
		"time", "map-1000"),
	{.name = NULL},
};

const struct hb_experiment metastable_speed = {
	.name = "speed",
	.question = "Does every answer keep its limit?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "answer", .metric = "time", .log_y = true},
	.memory_bytes = memory_bytes,
	.trial_ms = trial_ms,
};
