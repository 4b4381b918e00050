/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See metastable/verdict.h. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <gsl/gsl_cdf.h>

#include <hotbed/error.h>

#include <metastable/ctmc.h>
#include <metastable/fluid.h>
#include <metastable/simulation.h>
#include <metastable/verdict.h>

#define RUNS_DEFAULT 20
#define LEVEL_DEFAULT 0.95
#define STATES_MAX_DEFAULT 30000
#define OVERLOAD 2.0       /* times the larger of rate and capacity */
#define OVERLOAD_FILLS 2.0 /* times what filling the queue takes */
#define QUEUE_UNLIMITED_TIMEOUTS 20.0

static double thread_seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double capacity_per_s(const struct ms_server *server)
{
	return server->threads / server->service.mean_s;
}

/* ---- overload ---- */

/* Long enough to fill every queue, and for the first requests to have used up their retries. */
static double overload_s(const struct ms_model *model)
{
	double longest = 0, fill = 0;

	for (uint32_t i = 0; i < model->client_count; i++) {
		const struct ms_client *c = &model->clients[i];
		double tries = c->retries < 20 ? c->retries + 1.0 : 20.0;
		double life = isfinite(c->timeout_s) ? tries * (c->timeout_s + c->backoff_s) : 0;

		longest = fmax(longest, fmin(life, c->deadline_s));
	}
	for (uint32_t i = 0; i < model->server_count; i++) {
		const struct ms_server *s = &model->servers[i];
		double jobs = s->queue_capacity;

		if (!s->queue_capacity)
			jobs = QUEUE_UNLIMITED_TIMEOUTS * fmax(longest, 1) * capacity_per_s(s);
		fill = fmax(fill, jobs / capacity_per_s(s));
	}
	return OVERLOAD_FILLS * fill + longest;
}

int ms_overload(struct ms_model *model, struct hb_error *reterr)
{
	double duration_s = overload_s(model);
	uint32_t count = 0;

	for (uint32_t i = 0; i < model->client_count; i++) {
		const struct ms_client *c = &model->clients[i];
		double capacity = capacity_per_s(&model->servers[c->to_server]);

		if (c->from_server != MS_NONE)
			continue;
		if (count == MS_TRIGGERS_MAX)
			return hb_error_set(reterr, -EINVAL, "more clients than triggers fit");
		model->triggers[count] = (struct ms_trigger){.kind = MS_TRIGGER_RATE,
			.target = (int)i,
			.duration_s = duration_s,
			.value = OVERLOAD * fmax(c->rate_per_s, capacity)};
		(void)snprintf(model->triggers[count].name, MS_NAME_BYTES, "overload%u", count);
		count++;
	}
	for (uint32_t i = 0; i < model->cache_count; i++) {
		if (count == MS_TRIGGERS_MAX)
			return hb_error_set(reterr, -EINVAL, "more caches than triggers fit");
		model->triggers[count] = (struct ms_trigger){
			.kind = MS_TRIGGER_FLUSH, .target = (int)i, .at_s = duration_s};
		(void)snprintf(model->triggers[count].name, MS_NAME_BYTES, "flush%u", count);
		count++;
	}
	model->trigger_count = count;
	return 0;
}

/* ---- simulation ---- */

struct estimate {
	double alpha; /* of one look, for both times together */
	double horizon_s;
	uint32_t runs;
	uint32_t recoveries, collapses;
	double at_risk_s;
};

/* Recoveries are a Poisson process of the time at risk, if the bad mode forgets its age. */
static void recover_interval(const struct estimate *e, double *ret)
{
	double k = e->recoveries, alpha = e->alpha / 2;
	double high_rate = gsl_cdf_chisq_Pinv(1 - alpha / 2, 2 * k + 2) / 2 / e->at_risk_s;
	double low_rate = k > 0 ? gsl_cdf_chisq_Pinv(alpha / 2, 2 * k) / 2 / e->at_risk_s : 0;

	ret[0] = 1 / high_rate;
	ret[1] = k > 0 ? e->at_risk_s / k : INFINITY;
	ret[2] = low_rate > 0 ? 1 / low_rate : INFINITY;
}

/* A share p of runs that collapse within the horizon is a time of -horizon / log(1 - p). */
static double time_of_share(double share, double horizon_s)
{
	return share > 0 ? share < 1 ? -horizon_s / log1p(-share) : 0 : INFINITY;
}

static void collapse_interval(const struct estimate *e, double *ret)
{
	double k = e->collapses, n = e->runs, alpha = e->alpha / 2;
	double low = k > 0 ? gsl_cdf_beta_Pinv(alpha / 2, k, n - k + 1) : 0;
	double high = k < n ? gsl_cdf_beta_Pinv(1 - alpha / 2, k + 1, n - k) : 1;

	ret[0] = time_of_share(high, e->horizon_s);
	ret[1] = time_of_share(k / n, e->horizon_s);
	ret[2] = time_of_share(low, e->horizon_s);
}

static int add_recovery(struct ms_simulation *simulation, const struct ms_verdict_options *options,
	uint32_t replication, struct estimate *e, struct hb_error *reterr)
{
	struct ms_run_result result;
	double recovery_s;
	int code = ms_simulation_run(simulation, options->seed, replication, NULL, &result, reterr);

	if (code)
		return code;
	/* Without a capacity there is no tenth of it; then recovery is that of the goodput. */
	recovery_s = isnan(result.drained_s) ? result.recovery_s : result.drained_s;
	if (recovery_s <= e->horizon_s)
		e->recoveries++;
	e->at_risk_s += fmax(fmin(recovery_s, e->horizon_s), 1e-9);
	return 0;
}

static int add_collapse(const struct ms_model *model, struct ms_simulation *simulation,
	const struct ms_verdict_options *options, uint32_t replication, struct estimate *e,
	struct hb_error *reterr)
{
	const struct ms_client *first = &model->clients[0];
	struct ms_run_result result;
	uint32_t capacity;
	int code = ms_simulation_run(simulation, options->seed, replication, NULL, &result, reterr);

	if (code)
		return code;
	for (uint32_t i = 0; i < model->client_count; i++) {
		if (model->clients[i].from_server == MS_NONE) {
			first = &model->clients[i];
			break;
		}
	}
	capacity = model->servers[first->to_server].queue_capacity;
	if (capacity)
		e->collapses += result.servers[first->to_server].peak >= capacity - capacity / 10;
	else
		e->collapses += result.stuck;
	return 0;
}

/* Both kinds of runs in equal numbers, until nothing is left to decide. */
static int sample(const struct ms_model *model, const struct ms_verdict_options *options,
	struct ms_simulation *pushed, struct ms_simulation *left_alone, struct ms_verdict *ret,
	struct hb_error *reterr)
{
	struct estimate e = {
		.alpha = (1 - options->level) / MS_VERDICT_LOOKS, .horizon_s = model->horizon_s};
	uint32_t step = (options->runs + MS_VERDICT_LOOKS - 1) / MS_VERDICT_LOOKS;

	while (e.runs < options->runs && ret->kind == MS_UNKNOWN) {
		for (uint32_t i = 0; i < step && e.runs < options->runs; i++, e.runs++) {
			int code = add_recovery(pushed, options, e.runs, &e, reterr);

			if (!code)
				code = add_collapse(model, left_alone, options, e.runs, &e, reterr);
			if (code)
				return code;
		}
		recover_interval(&e, ret->recover_s);
		collapse_interval(&e, ret->collapse_s);
		ret->runs = 2 * e.runs;
		ret->kind = ms_class_of_intervals((double[]){ret->recover_s[0], ret->recover_s[2]},
			(double[]){ret->collapse_s[0], ret->collapse_s[2]}, model->horizon_s);
	}
	return 0;
}

static int ask_simulation(const struct ms_model *model, const struct ms_verdict_options *options,
	struct ms_verdict *ret, struct hb_error *reterr)
{
	struct ms_model overloaded = *model, alone = *model;
	struct ms_simulation *pushed = NULL, *left_alone = NULL;
	struct ms_run_options run = {.end_s = model->horizon_s};
	int code = ms_overload(&overloaded, reterr);

	alone.trigger_count = 0;
	if (!code)
		code = ms_simulation_create(&overloaded, NULL, &pushed, reterr);
	if (!code)
		code = ms_simulation_create(&alone, &run, &left_alone, reterr);
	if (!code)
		code = sample(model, options, pushed, left_alone, ret, reterr);
	ms_simulation_destroy(pushed);
	ms_simulation_destroy(left_alone);
	return code;
}

/* ---- Markov ---- */

static int ask_markov(const struct ms_model *model, const struct ms_verdict_options *options,
	struct ms_verdict *ret, struct hb_error *reterr)
{
	struct ms_ctmc_options ctmc_options = {
		.times_only = true, .server = (uint32_t)model->clients[0].to_server};
	struct ms_ctmc_chain *chain = NULL;
	struct ms_ctmc ctmc;
	int code = ms_ctmc_chain_create(model, &ctmc_options, &chain, reterr);

	if (!code && chain->generator.states > options->states_max)
		code = hb_error_set(reterr, -E2BIG, "%u states, more than the %u asked for",
			chain->generator.states, options->states_max);
	if (!code)
		code = ms_ctmc_solve(chain, &ctmc_options, model->horizon_s, &ctmc, reterr);
	ms_ctmc_chain_destroy(chain);
	if (code)
		return code;
	for (int i = 0; i < 3; i++) {
		ret->recover_s[i] = ctmc.tau_recover_s;
		ret->collapse_s[i] = ctmc.tau_collapse_s;
	}
	ret->kind = ctmc.kind;
	return 0;
}

/* ---- fluid ---- */

/* The stable points at the ends, and the saddle between them; NULL where there is none. */
struct ends {
	const struct ms_fluid_point *low, *saddle, *high;
};

static struct ends find_ends(const struct ms_fluid_point *points, int count, double middle)
{
	struct ends ends = {NULL, NULL, NULL};

	for (int i = 0; i < count; i++) {
		if (!points[i].stable)
			continue;
		if (!ends.low)
			ends.low = &points[i];
		ends.high = &points[i];
	}
	if (ends.low == ends.high) {
		/* A single point is the good mode or the bad one, by where it lies. */
		if (ends.low && ends.low->at[MS_FLUID_QUEUE] > middle)
			ends.low = NULL;
		else
			ends.high = NULL;
		return ends;
	}
	for (const struct ms_fluid_point *p = ends.low; p < ends.high; p++) {
		if (!p->stable && p->kind == MS_SADDLE)
			ends.saddle = p;
	}
	return ends;
}

/* A mode that does not exist is left at once; one that is alone is never left. */
static int escape_times(const struct ms_fluid *fluid, const struct ends *ends,
	double *ret_recover_s, double *ret_collapse_s, struct hb_error *reterr)
{
	struct ms_fluid_escape up, down;
	int code;

	*ret_recover_s = ends->high ? INFINITY : 0;
	*ret_collapse_s = ends->low ? INFINITY : 0;
	if (!ends->low || !ends->high)
		return 0;
	if (!ends->saddle)
		return hb_error_set(
			reterr, -EDOM, "two stable points without a saddle between them");
	code = ms_fluid_escape_time(fluid, ends->high, ends->saddle, &down, reterr);
	if (!code)
		code = ms_fluid_escape_time(fluid, ends->low, ends->saddle, &up, reterr);
	if (!code) {
		*ret_recover_s = down.escape_s;
		*ret_collapse_s = up.escape_s;
	}
	return code;
}

static int ask_fluid(const struct ms_model *model, struct ms_verdict *ret, struct hb_error *reterr)
{
	struct ms_fluid_point points[MS_FLUID_POINTS_MAX];
	const struct ms_server *server = &model->servers[model->clients[0].to_server];
	double timeout_s = model->clients[0].timeout_s;
	double middle = server->queue_capacity ? server->queue_capacity / 2.0
			: isfinite(timeout_s)  ? timeout_s * capacity_per_s(server)
					       : INFINITY;
	double recover_s = NAN, collapse_s = NAN;
	struct ms_fluid *fluid = NULL;
	int code = ms_fluid_create(model, &fluid, reterr);
	int count = code ? 0 : ms_fluid_fixed_points(fluid, points, reterr);
	struct ends ends;

	if (count < 0)
		code = count;
	if (!code) {
		ends = find_ends(points, count, middle);
		code = escape_times(fluid, &ends, &recover_s, &collapse_s, reterr);
	}
	ms_fluid_destroy(fluid);
	if (code)
		return code;
	for (int i = 0; i < 3; i++) {
		ret->recover_s[i] = recover_s;
		ret->collapse_s[i] = collapse_s;
	}
	ret->kind = ms_class_of_times(recover_s, collapse_s, model->horizon_s);
	return 0;
}

/* ---- all ---- */

int ms_verdict_of(enum ms_level level, const struct ms_model *model,
	const struct ms_verdict_options *options, struct ms_verdict *ret, struct hb_error *reterr)
{
	struct ms_verdict_options used = options ? *options : (struct ms_verdict_options){0};
	double start_s = thread_seconds();
	struct hb_error error = {0};
	int code;

	used.runs = used.runs ? used.runs : RUNS_DEFAULT;
	used.level = used.level > 0 ? used.level : LEVEL_DEFAULT;
	used.states_max = used.states_max ? used.states_max : STATES_MAX_DEFAULT;
	*ret = (struct ms_verdict){.level = level,
		.kind = MS_UNKNOWN,
		.recover_s = {NAN, NAN, NAN},
		.collapse_s = {NAN, NAN, NAN}};
	switch (level) {
	case MS_LEVEL_MARKOV:
		code = ask_markov(model, &used, ret, &error);
		break;
	case MS_LEVEL_FLUID:
		code = ask_fluid(model, ret, &error);
		break;
	case MS_LEVEL_SIMULATION:
		code = ask_simulation(model, &used, ret, &error);
		break;
	default:
		code = hb_error_set(
			&error, -EOPNOTSUPP, "the %s level gives no class", ms_level_name(level));
		break;
	}
	ret->cost_s = thread_seconds() - start_s;
	ret->code = code;
	if (code)
		(void)snprintf(ret->reason, sizeof(ret->reason), "%s", error.text);
	if (code == -ENOMEM) {
		if (reterr)
			*reterr = error;
		return code;
	}
	return 0;
}

enum ms_class ms_verdict_join(const struct ms_verdict *verdicts, uint32_t count)
{
	enum ms_class joined = MS_UNKNOWN;

	for (uint32_t i = 0; i < count; i++) {
		if (verdicts[i].code)
			continue;
		if (verdicts[i].kind == MS_UNKNOWN ||
			(joined != MS_UNKNOWN && joined != verdicts[i].kind))
			return MS_UNKNOWN;
		joined = verdicts[i].kind;
	}
	return joined;
}

enum ms_class ms_rule_of_thumb(const struct ms_model *model)
{
	const struct ms_client *c = &model->clients[0];
	double capacity = capacity_per_s(&model->servers[c->to_server]);
	double queue = model->servers[c->to_server].queue_capacity;

	if (c->rate_per_s >= capacity)
		return MS_COLLAPSED;
	if (!isfinite(c->timeout_s))
		return MS_STABLE;
	if (c->rate_per_s / capacity > 1 / (1.0 + c->retries) &&
		(queue == 0 || queue > capacity * c->timeout_s))
		return MS_VULNERABLE;
	return MS_STABLE;
}
