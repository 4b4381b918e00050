/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <batching/policy.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/rng.h>

#include "learner.h"
#include "toggler.h"

#define LIMIT_DEFAULT 16
#define LIMIT_DRAIN 64
#define TIMER_DEFAULT_NS 200000
#define SLO_DEFAULT_NS 500000
#define EPSILON_DEFAULT 0.05
#define CONFIDENCE_DEFAULT 0.95
#define PHASES_MAX 4096
#define SETTLE_MAX 6

/* DIM's receive profiles for completion queues: interrupts after so many microseconds or packets, here messages. */
static const struct {
	int64_t timer_ns;
	uint32_t limit;
} profiles[] = {{1000, 1}, {8000, 4}, {64000, 16}, {128000, 32}, {256000, 64}};

struct bat_policy {
	struct bat_policy_options options;
	struct bat_oracle_phase *phases;
	struct bat_rule rule;  /* of the fixed ones, and batching's for those with two arms */
	unsigned int arm;      /* or profile */
	double limit;          /* AIMD */
	unsigned int settling; /* so many windows have requests of two rules */
	struct hb_rng rng;
	struct climb climb;
	struct bandit bandit;
	struct toggler toggler;
	struct bat_policy_record record;
};

static const char *const names[BAT_POLICY_KIND_COUNT + 1] = {"nodelay", "nagle", "cork", "fixed",
	"timer", "either", "drain", "dim", "aimd", "greedy", "ucb", "toggle", "oracle", NULL};

const char *bat_policy_name(enum bat_policy_kind kind)
{
	hb_assert((unsigned int)kind < BAT_POLICY_KIND_COUNT);
	return names[kind];
}

int bat_policy_find(const char *name, enum bat_policy_kind *ret, struct hb_error *reterr)
{
	for (int i = 0; i < BAT_POLICY_KIND_COUNT; i++) {
		if (strcmp(names[i], name) == 0) {
			*ret = (enum bat_policy_kind)i;
			return 0;
		}
	}
	return hb_error_set(reterr, -EINVAL,
		"unknown policy '%.80s'; give nodelay, nagle, cork, fixed, timer, either, drain, "
		"dim, aimd, "
		"greedy, ucb, toggle or oracle",
		name);
}

static int check_phases(const struct bat_policy_options *options, struct hb_error *reterr)
{
	if (options->kind != BAT_POLICY_ORACLE)
		return 0;
	if (!options->phases || options->phase_count < 1 || options->phase_count > PHASES_MAX)
		return hb_error_set(reterr, -EINVAL, "an oracle needs 1 to %d phases, not %zu",
			PHASES_MAX, options->phases ? options->phase_count : 0);
	for (size_t i = 0; i < options->phase_count; i++) {
		if (options->phases[i].arm >= LEARNER_ARMS ||
			(i > 0 && options->phases[i].from_ns <= options->phases[i - 1].from_ns))
			return hb_error_set(reterr, -EINVAL,
				"phase %zu of the oracle is out of order or names arm %u of 0 and "
				"1",
				i, options->phases[i].arm);
	}
	return 0;
}

static int check(const struct bat_policy_options *options, struct hb_error *reterr)
{
	if ((unsigned int)options->kind >= BAT_POLICY_KIND_COUNT)
		return hb_error_set(reterr, -EINVAL, "no policy has number %d", (int)options->kind);
	if (options->limit < 1 || options->limit > BAT_LIMIT_MAX)
		return hb_error_set(reterr, -EINVAL,
			"a batch of %" PRIu32 " messages; 1 to %d are possible", options->limit,
			BAT_LIMIT_MAX);
	if (options->timer_ns <= 0 || options->hold_max_ns <= 0 || options->slo_ns <= 0)
		return hb_error_set(reterr, -EINVAL,
			"timer, longest hold and SLO must be above 0, not %" PRId64 ", %" PRId64
			" and %" PRId64 " ns",
			options->timer_ns, options->hold_max_ns, options->slo_ns);
	if (!(options->epsilon > 0 && options->epsilon < 1))
		return hb_error_set(reterr, -EINVAL, "epsilon must lie between 0 and 1, not at %g",
			options->epsilon);
	if (!(options->confidence > 0.5 && options->confidence < 1))
		return hb_error_set(reterr, -EINVAL,
			"the confidence must lie between 0.5 and 1, not at %g",
			options->confidence);
	return check_phases(options, reterr);
}

static struct bat_policy_options with_defaults(const struct bat_policy_options *given)
{
	struct bat_policy_options options = *given;

	if (options.limit == 0)
		options.limit = options.kind == BAT_POLICY_DRAIN ? LIMIT_DRAIN : LIMIT_DEFAULT;
	if (options.timer_ns == 0)
		options.timer_ns = TIMER_DEFAULT_NS;
	if (options.hold_max_ns == 0)
		options.hold_max_ns = BAT_HOLD_MAX_DEFAULT_NS;
	if (options.slo_ns == 0)
		options.slo_ns = SLO_DEFAULT_NS;
	if (options.epsilon == 0)
		options.epsilon = EPSILON_DEFAULT;
	if (options.confidence == 0)
		options.confidence = CONFIDENCE_DEFAULT;
	return options;
}

static const struct bat_rule rule_nodelay = {BAT_SOCKET_NODELAY, 1, INT64_MAX, false};
static const struct bat_rule rule_nagle = {BAT_SOCKET_NAGLE, 1, INT64_MAX, false};

/* The rule of a fixed policy, or of the batching arm. */
static struct bat_rule rule_of(const struct bat_policy_options *options)
{
	switch (options->kind) {
	case BAT_POLICY_NODELAY:
		return rule_nodelay;
	case BAT_POLICY_NAGLE:
		return rule_nagle;
	case BAT_POLICY_CORK:
		return (struct bat_rule){BAT_SOCKET_CORK, 1, INT64_MAX, true};
	case BAT_POLICY_FIXED:
		return (struct bat_rule){BAT_SOCKET_NODELAY, options->limit, INT64_MAX, false};
	case BAT_POLICY_TIMER:
		return (struct bat_rule){BAT_SOCKET_NODELAY, UINT32_MAX, options->timer_ns, false};
	case BAT_POLICY_DRAIN:
		return (struct bat_rule){BAT_SOCKET_NODELAY, options->limit, INT64_MAX, true};
	default:
		return options->kernel_arm ? rule_nagle
					   : (struct bat_rule){BAT_SOCKET_NODELAY, options->limit,
						     options->timer_ns, false};
	}
}

int bat_policy_create(
	struct bat_policy **ret, const struct bat_policy_options *given, struct hb_error *reterr)
{
	struct bat_policy_options options = with_defaults(given);
	struct bat_policy *policy;
	int err = check(&options, reterr);

	if (err)
		return err;
	policy = calloc(1, sizeof(*policy));
	if (!policy)
		return hb_error_set(reterr, -ENOMEM, "no memory for a policy");
	if (options.kind == BAT_POLICY_ORACLE) {
		policy->phases = calloc(options.phase_count, sizeof(*policy->phases));
		if (!policy->phases) {
			free(policy);
			return hb_error_set(
				reterr, -ENOMEM, "no memory for %zu phases", options.phase_count);
		}
		memcpy(policy->phases, options.phases,
			options.phase_count * sizeof(*policy->phases));
	}
	options.phases = policy->phases;
	policy->options = options;
	policy->rule = rule_of(&options);
	policy->limit = 1;
	hb_rng_init(&policy->rng, options.seed, 0);
	toggler_init(&policy->toggler);
	*ret = policy;
	return 0;
}

void bat_policy_destroy(struct bat_policy *policy)
{
	if (!policy)
		return;
	free(policy->phases);
	free(policy);
}

static unsigned int oracle_arm(const struct bat_policy *policy, int64_t now_ns)
{
	unsigned int arm = policy->phases[0].arm;

	for (size_t i = 1; i < policy->options.phase_count && policy->phases[i].from_ns <= now_ns;
		i++)
		arm = policy->phases[i].arm;
	return arm;
}

struct bat_rule bat_policy_rule(const struct bat_policy *policy, int64_t now_ns)
{
	switch (policy->options.kind) {
	case BAT_POLICY_DIM:
		return (struct bat_rule){BAT_SOCKET_NODELAY, profiles[policy->arm].limit,
			profiles[policy->arm].timer_ns, false};
	case BAT_POLICY_AIMD:
		return (struct bat_rule){BAT_SOCKET_NODELAY, (uint32_t)policy->limit,
			policy->options.timer_ns, false};
	case BAT_POLICY_GREEDY:
	case BAT_POLICY_UCB:
	case BAT_POLICY_TOGGLE:
		return policy->arm ? policy->rule : rule_nodelay;
	case BAT_POLICY_ORACLE:
		return oracle_arm(policy, now_ns) ? policy->rule : rule_nodelay;
	default:
		return policy->rule;
	}
}

static int64_t later(int64_t time_ns, int64_t delay_ns)
{
	int64_t sum;

	return __builtin_add_overflow(time_ns, delay_ns, &sum) ? INT64_MAX : sum;
}

static int64_t earlier_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

struct bat_decision bat_policy_decide(const struct bat_policy *policy, const struct bat_view *view)
{
	struct bat_rule rule = bat_policy_rule(policy, view->now_ns);
	struct bat_decision decision = {.mode = rule.mode, .ask_ns = INT64_MAX};
	int64_t hold_max_ns = policy->options.hold_max_ns;
	bool in_kernel = view->in_kernel;
	int64_t kernel_ns = view->kernel_ns;

	if (view->held > 0) {
		int64_t due_ns = later(view->oldest_ns, earlier_of(rule.timer_ns, hold_max_ns));

		decision.send = view->held >= rule.limit || (rule.on_drain && view->drained) ||
				view->now_ns >= due_ns;
		if (!decision.send)
			decision.ask_ns = due_ns;
	}
	if (decision.send && rule.mode != BAT_SOCKET_NODELAY) {
		/* The kernel's time runs from when the oldest byte was held first, wherever that was. */
		kernel_ns = in_kernel ? earlier_of(kernel_ns, view->oldest_ns) : view->oldest_ns;
		in_kernel = true;
	}
	if (!in_kernel)
		return decision;
	decision.push = rule.mode == BAT_SOCKET_NODELAY ||
			(rule.mode == BAT_SOCKET_CORK && rule.on_drain && view->drained) ||
			view->now_ns >= later(kernel_ns, hold_max_ns);
	if (!decision.push)
		decision.ask_ns = earlier_of(decision.ask_ns, later(kernel_ns, hold_max_ns));
	return decision;
}

static unsigned int choose(
	struct bat_policy *policy, const struct bat_feedback *feedback, double cost)
{
	const struct bat_policy_options *options = &policy->options;

	switch (options->kind) {
	case BAT_POLICY_DIM:
		return climb_next(&policy->climb,
			(double)feedback->answered * 1e9 / (double)feedback->duration_ns);
	case BAT_POLICY_AIMD:
		policy->limit = aimd_next(policy->limit, cost <= LEARNER_SLO_COST, options->limit);
		return (unsigned int)policy->limit;
	case BAT_POLICY_GREEDY:
		bandit_add(&policy->bandit, policy->arm, cost);
		return bandit_greedy(&policy->bandit, options->epsilon, &policy->rng);
	case BAT_POLICY_UCB:
		bandit_add(&policy->bandit, policy->arm, cost);
		return bandit_ucb(&policy->bandit);
	case BAT_POLICY_TOGGLE:
		return toggler_next(&policy->toggler, cost,
			(double)feedback->answered * 1e9 / (double)feedback->duration_ns,
			1 - options->confidence);
	default:
		return policy->arm;
	}
}

static bool is_exploring(const struct bat_policy *policy)
{
	switch (policy->options.kind) {
	case BAT_POLICY_GREEDY:
	case BAT_POLICY_UCB:
		return policy->arm != bandit_best(&policy->bandit);
	case BAT_POLICY_TOGGLE:
		return policy->toggler.current != policy->toggler.incumbent;
	default:
		return false;
	}
}

/*
 * Windows that have requests of two rules: those sent before the change are answered a response time later; beyond the
 * SLO there is a backlog besides, which takes as long again to drain.
 */
static unsigned int windows_to_settle(const struct bat_feedback *feedback, double slo_ns)
{
	double windows = ceil(feedback->latency_ns / (double)feedback->duration_ns);

	if (feedback->latency_ns > slo_ns)
		windows = 2 * windows + 1;
	return (unsigned int)fmin(fmax(windows, 1), SETTLE_MAX);
}

void bat_policy_learn(struct bat_policy *policy, const struct bat_feedback *feedback)
{
	double slo_ns = (double)policy->options.slo_ns;
	unsigned int arm;

	if (!feedback->defined || feedback->duration_ns <= 0 || !isfinite(feedback->latency_ns))
		return;
	if (policy->settling > 0) {
		policy->settling--;
		return;
	}
	policy->record.windows++;
	policy->record.explored += is_exploring(policy);
	arm = choose(
		policy, feedback, fmin(fmax(feedback->latency_ns, 0), 2 * slo_ns) / (2 * slo_ns));
	if (arm != policy->arm) {
		policy->record.switches++;
		/* A limit that moves by one makes no new situation. */
		policy->settling = policy->options.kind == BAT_POLICY_AIMD
					   ? 0
					   : windows_to_settle(feedback, slo_ns);
	}
	policy->arm = arm;
}

struct bat_policy_record bat_policy_recorded(const struct bat_policy *policy)
{
	struct bat_policy_record record = policy->record;

	record.arm = policy->arm;
	return record;
}
