/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probcons/speed: what an answer takes against what it is allowed to take. The baseline is the allowance itself, so
 * that a claim (a ratio of at most 1) says whether it is kept; each answer is verified by other means than the
 * library's.
 */
#include "experiments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <hotbed/trial.h>

#include <probcons/importance_sampling.h>
#include <probcons/nines.h>
#include <probcons/optimise.h>

#include "oracle.h"

#define NODES_MAX 4096
#define REPEAT_NS INT64_C(200000000)
#define MS 1e6
#define MIB 0x1p20
#define OPTIMISE_TYPES 10
#define OPTIMISE_NODES 25
#define OPTIMISE_TARGET 1e-6

static struct pc_node nodes[NODES_MAX];
static uint32_t count;
static struct pc_protocol protocol;
static struct pc_correlation correlation;
static struct hb_rng rng;

static struct pc_result result;
static struct pc_estimate estimate;
static struct pc_node_type types[OPTIMISE_TYPES];
static struct pc_optimise_problem problem;
static struct pc_optimum optimum;
static bool sabotaged;

static double between(double lo, double hi)
{
	return lo + (hi - lo) * hb_rng_double(&rng);
}

/* Nodes that all differ, so that nothing can be shared between them. */
static void different_nodes(uint32_t n, double lo, double hi, double byz)
{
	count = n;
	for (uint32_t i = 0; i < n; i++)
		nodes[i] = (struct pc_node){
			.crash = between(lo, hi), .byz = byz * between(0.5, 1), .weight = 1};
	protocol = pc_raft_majority(n);
}

static int analyse(struct hb_error *reterr)
{
	return pc_analyse(nodes, count, &protocol, &correlation, PC_METRIC_ALL, &result, reterr);
}

static void setup_1001(void)
{
	different_nodes(1001, 0.2, 0.4, 0);
}

static void setup_4096(void)
{
	different_nodes(4096, 0.2, 0.4, 0);
}

static double tail_of(int kind, uint64_t votes)
{
	static double q[NODES_MAX];

	for (uint32_t i = 0; i < count; i++)
		q[i] = kind == 0 ? nodes[i].byz : nodes[i].crash + nodes[i].byz;
	return oracle_tail(q, count, (uint32_t)votes);
}

static bool close_to(double got, double want, double relative)
{
	return fabs(got - want) <= relative * want;
}

static bool check_tail(void)
{
	return close_to(result.unlive, tail_of(1, protocol.votes - protocol.q_per + 1), 1e-12);
}

static void setup_mixed(void)
{
	different_nodes(1001, 0.2, 0.25, 0.1);
	protocol = (struct pc_protocol){.kind = PC_PBFT,
		.votes = 1001,
		.q_eq = 700,
		.q_per = 501,
		.q_vc = 700,
		.q_vc_t = 110};
}

/* Safety depends on Byzantine nodes alone; liveness on both, and lies between what either and their sum allow. */
static bool check_mixed(void)
{
	double byz = tail_of(0, 110), fault = tail_of(1, 302);

	return close_to(result.unsafe, tail_of(0, 200), 1e-12) &&
	       result.unlive >= fmax(byz, fault) * (1 - 1e-12) &&
	       result.unlive <= (byz + fault) * (1 + 1e-12) && result.unlive < byz + fault;
}

static void setup_gaussian(void)
{
	different_nodes(100, 0.01, 0.06, 0);
	correlation.copula = (struct pc_copula){.kind = PC_COPULA_GAUSSIAN, .rho = 0.1};
}

static void setup_student(void)
{
	different_nodes(100, 0.01, 0.06, 0);
	correlation.copula = (struct pc_copula){.kind = PC_COPULA_STUDENT, .rho = 0.1, .dof = 5};
}

/* Tail of the number of failed nodes in plain doubles. */
static double double_tail(const double *q, uint32_t n, uint32_t k)
{
	double pmf[101] = {1}, tail = 0;

	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t j = i + 1; j > 0; j--)
			pmf[j] = pmf[j] * (1 - q[i]) + pmf[j - 1] * q[i];
		pmf[0] *= 1 - q[i];
	}
	for (uint32_t j = k; j <= n; j++)
		tail += pmf[j];
	return tail;
}

/* A fixed fine grid over the factor and, for Student's t, the logarithm of the scale. */
static bool check_copula(void)
{
	const struct pc_copula *copula = &correlation.copula;
	bool student = copula->kind == PC_COPULA_STUDENT;
	int scales = student ? 160 : 1;
	double sum = 0, width = 8.0 / scales, h = 0.08, q[100];

	for (int s = 0; s < scales; s++) {
		double x = student ? -6.5 + (s + 0.5) * width : 0, w = copula->dof * exp(2 * x);
		double outer = student ? 2 * w * gsl_ran_chisq_pdf(w, copula->dof) * width : 1;

		for (int point = -112; point <= 112; point++) {
			double m = point * h;

			for (uint32_t i = 0; i < count; i++) {
				double p = nodes[i].crash;
				double t = student ? gsl_cdf_tdist_Pinv(p, copula->dof)
						   : gsl_cdf_ugaussian_Pinv(p);

				q[i] = gsl_cdf_ugaussian_P((t * exp(x) - sqrt(copula->rho) * m) /
							   sqrt(1 - copula->rho));
			}
			sum += outer * h * gsl_ran_ugaussian_pdf(m) * double_tail(q, count, 50);
		}
	}
	return close_to(result.unlive, sum, 1e-9);
}

/* Nine nodes at 1 %: about 1e-8. */
static void setup_sampling(void)
{
	different_nodes(9, 0.009, 0.011, 0);
}

static int sample(struct hb_error *reterr)
{
	const struct pc_rare_problem rare = {
		.nodes = nodes, .count = count, .protocol = &protocol, .event = PC_EVENT_UNLIVE};
	const struct pc_is_options options = {.relative_error = 0.01};

	return pc_importance_sample(&rare, &options, &rng, &estimate, reterr);
}

static bool check_sampling(void)
{
	return fabs(estimate.q - tail_of(1, 5)) <= 6 * estimate.stderr_q &&
	       estimate.stderr_q <= 0.01 * estimate.q;
}

static void setup_optimise(void)
{
	static const double ps[] = {0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2};
	static const double costs[] = {10, 7, 5, 4, 3.5, 3, 2, 1.5, 1.2, 1};

	for (int t = 0; t < OPTIMISE_TYPES; t++)
		types[t] = (struct pc_node_type){.crash = ps[t] * between(0.9, 1.1),
			.cost = costs[t],
			.count_max = OPTIMISE_NODES};
	problem = (struct pc_optimise_problem){.kind = PC_RAFT,
		.types = types,
		.type_count = OPTIMISE_TYPES,
		.nodes_min = 1,
		.nodes_max = OPTIMISE_NODES,
		.target_unsafe = 1,
		.target_unlive = 1,
		.target_failure = OPTIMISE_TARGET,
		.target_loss = 1};
}

static void setup_weighted(void)
{
	setup_optimise();
	problem.weighted = true;
	problem.target_failure = 1e-9;
}

static int optimise(struct hb_error *reterr)
{
	return pc_optimise(&problem, &optimum, reterr);
}

/* Probability that the failed leave fewer votes than a quorum, one node after the other. */
static double votes_tail(uint32_t n)
{
	static double mass[1u << 16];
	uint64_t votes = 0, needed = optimum.protocol.q_vc > optimum.protocol.q_per
					     ? optimum.protocol.q_vc
					     : optimum.protocol.q_per;
	double tail = 0;

	memset(mass, 0, sizeof(mass));
	mass[0] = 1;
	for (uint32_t i = 0; i < n; i++) {
		votes += nodes[i].weight;
		for (uint64_t v = votes + 1; v-- > 0;)
			mass[v] = mass[v] * nodes[i].crash +
				  (v >= nodes[i].weight
						  ? mass[v - nodes[i].weight] * (1 - nodes[i].crash)
						  : 0);
	}
	for (uint64_t v = 0; v < needed; v++)
		tail += mass[v];
	return tail;
}

/* What was found meets the target and costs what it says; its bound is no higher. */
static bool check_optimum(void)
{
	double cost = 0;

	pc_optimum_nodes(&problem, &optimum, nodes);
	for (int t = 0; t < OPTIMISE_TYPES; t++)
		cost += optimum.counts[t] * types[t].cost;
	return votes_tail(optimum.node_count) <= problem.target_failure * (1 + 1e-9) &&
	       close_to(optimum.cost, cost, 1e-12) && optimum.cost_bound <= optimum.cost;
}

static const struct limit {
	const char *name;
	double time_ns, memory; /* memory 0: of no interest */
	void (*setup)(void);
	int (*answer)(struct hb_error *reterr);
	bool (*is_right)(void);
	double *value; /* what sabotage spoils */
} limits[] = {
	{"exact-1001", 5 * MS, 0, setup_1001, analyse, check_tail, &result.unlive},
	{"exact-4096", 150 * MS, 64 * MIB, setup_4096, analyse, check_tail, &result.unlive},
	{"mixed-1001", 1000 * MS, 0, setup_mixed, analyse, check_mixed, &result.unsafe},
	{"gaussian-100", 50 * MS, 0, setup_gaussian, analyse, check_copula, &result.unlive},
	{"student-100", 50 * MS, 0, setup_student, analyse, check_copula, &result.unlive},
	{"sampling-1e-8", 50 * MS, 0, setup_sampling, sample, check_sampling, &estimate.q},
	{"optimise-10x25", 2000 * MS, 0, setup_optimise, optimise, check_optimum, &optimum.cost},
	{"weighted-10x25", 2000 * MS, 0, setup_weighted, optimise, check_optimum, &optimum.cost},
};

static const struct limit *limit;
static double time_ns, memory;

static int setup(struct hb_trial *trial)
{
	const char *name = hb_params_text(hb_trial_params(trial), "answer");

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (strcmp(limits[i].name, name) == 0)
			limit = &limits[i];
	if (!limit)
		return hb_trial_fail(trial, "no answer is called %s", name);
	hb_rng_init(&rng, hb_trial_seed(trial), 0);
	limit->setup();
	return 0;
}

static void report(struct hb_trial *trial, uint64_t repeats)
{
	hb_trial_metric(trial, "time", time_ns, repeats);
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
	uint64_t repeats = 0;

	do {
		if (limit->answer(&error))
			return hb_trial_fail(trial, "%s", error.text);
		repeats++;
		end_ns = hb_clock_now_ns();
	} while (end_ns - begin_ns < limit_ns);
	if (getrusage(RUSAGE_SELF, &usage) < 0)
		return hb_trial_fail(trial, "the peak of memory is not known");
	time_ns = (double)(end_ns - begin_ns) / (double)repeats;
	memory = (double)usage.ru_maxrss * 1024;
	report(trial, repeats);
	return 0;
}

static int verify_measured(struct hb_trial *trial)
{
	if (sabotaged)
		*limit->value = 3 * *limit->value + 1e-3;
	if (!limit->is_right())
		return hb_trial_fail(trial, "%s: wrong answer (%.17g)", limit->name, *limit->value);
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 2000;
}

static const struct hb_param params[] = {
	{
		.name = "answer",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "what is asked: kind and number of nodes",
		.sweep = "exact-1001,exact-4096,mixed-1001,gaussian-100,student-100,sampling-1e-8,"
			 "optimise-10x25,weighted-10x25",
		.sweep_quick = "exact-1001",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "time",
		.unit = "ns",
		.help = "one answer, all metrics of the analysis",
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
		.setup = setup,
		.run = run_allowed,
		.verify = verify_allowed,
		.sabotage = sabotage,
	},
	{
		.name = "probcons",
		.role = HB_ROLE_IDEA,
		.help = "measured",
		.setup = setup,
		.run = run_measured,
		.verify = verify_measured,
		.sabotage = sabotage,
	},
	{.name = NULL},
};

#define LIMIT(name_, text_, metric_, where_)                                                    \
	{                                                                                       \
		.name = "limit-" name_, .text = (text_), .paper = "Hotbed", .section = "",      \
		.metric = (metric_), .variant = "probcons", .where = "answer=" where_, .lo = 0, \
		.hi = 1,                                                                        \
	}

static const struct hb_claim claims[] = {
	LIMIT("exact-1001", "1001 different nodes, exactly, in 5 ms.", "time", "exact-1001"),
	LIMIT("exact-4096", "4096 different nodes, exactly, in 150 ms.", "time", "exact-4096"),
	LIMIT("memory-4096", "4096 different nodes in 64 MiB.", "memory", "exact-4096"),
	LIMIT("mixed-1001", "1001 nodes with crash and Byzantine faults in 1 s.", "time",
		"mixed-1001"),
	LIMIT("gaussian-100", "100 different nodes under a Gaussian copula in 50 ms.", "time",
		"gaussian-100"),
	LIMIT("student-100", "100 different nodes under a t copula in 50 ms.", "time",
		"student-100"),
	LIMIT("sampling", "A probability of 1e-8 by importance sampling to 1 % in 50 ms.", "time",
		"sampling-1e-8"),
	LIMIT("optimise", "The cheapest of 10 types and up to 25 nodes in 2 s.", "time",
		"optimise-10x25"),
	LIMIT("weighted", "The same with votes, or a bound, in 2 s.", "time", "weighted-10x25"),
	{.name = NULL},
};

const struct hb_experiment probcons_speed = {
	.name = "speed",
	.question = "Do answers take as long as they may?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "answer", .metric = "time", .log_y = true},
	.trial_ms = trial_ms,
};
