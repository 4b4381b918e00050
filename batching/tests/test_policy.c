/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every policy against a caller that obeys it: nothing stays held longer than its bound, whatever happens and whatever
 * it was told. The fixed ones against their definitions, those that learn on loads whose better arm is known.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <batching/policy.h>

#define US 1000
#define MS 1000000

static struct hb_rng seeded(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 20250514;
	struct hb_rng rng;

	(void)printf("HB_SEED=%" PRIu64 "\n", seed);
	hb_rng_init(&rng, seed, 0);
	return rng;
}

static const struct bat_oracle_phase phases[] = {{0, 0}, {5 * MS, 1}, {9 * MS, 0}};

static struct bat_policy *make(struct bat_policy_options options)
{
	struct hb_error error = {0};
	struct bat_policy *policy = NULL;

	if (options.kind == BAT_POLICY_ORACLE && !options.phases) {
		options.phases = phases;
		options.phase_count = 3;
	}
	cr_assert_eq(bat_policy_create(&policy, &options, &error), 0, "%s", error.text);
	return policy;
}

/* A caller: messages in user space, bytes in a kernel that never sends by itself what Nagle or a cork may hold. */
struct caller {
	struct bat_view view;
	int64_t ask_ns;
	uint64_t sent;
};

static void obey(struct caller *caller, const struct bat_policy *policy, bool drained)
{
	struct bat_decision decision;

	caller->view.drained = drained;
	decision = bat_policy_decide(policy, &caller->view);
	if (decision.send) {
		cr_assert(caller->view.held > 0, "nothing to send");
		caller->sent += caller->view.held;
		if (decision.mode != BAT_SOCKET_NODELAY &&
			(!caller->view.in_kernel ||
				caller->view.kernel_ns > caller->view.oldest_ns))
			caller->view.kernel_ns = caller->view.oldest_ns;
		caller->view.in_kernel |= decision.mode != BAT_SOCKET_NODELAY;
		caller->view.held = 0;
	}
	if (decision.push)
		caller->view.in_kernel = false;
	cr_assert(decision.ask_ns > caller->view.now_ns, "asked again at once for ever");
	caller->ask_ns = decision.ask_ns;
}

static void check_bound(const struct caller *caller, int64_t hold_max_ns)
{
	const struct bat_view *view = &caller->view;

	if (view->held > 0)
		cr_assert(view->now_ns - view->oldest_ns < hold_max_ns &&
			  caller->ask_ns - view->oldest_ns <= hold_max_ns);
	if (view->in_kernel)
		cr_assert(view->now_ns - view->kernel_ns < hold_max_ns &&
			  caller->ask_ns - view->kernel_ns <= hold_max_ns);
}

static void drive(struct hb_rng *rng, enum bat_policy_kind kind)
{
	struct bat_policy_options options = {
		.kind = kind,
		.limit = 1 + (uint32_t)hb_rng_below(rng, 100),
		.timer_ns = 1 + (int64_t)hb_rng_below(rng, 20 * MS),
		.hold_max_ns = 1 + (int64_t)hb_rng_below(rng, 4 * MS),
		.kernel_arm = hb_rng_below(rng, 2),
		.seed = hb_rng_u64(rng),
	};
	struct bat_policy *policy = make(options);
	struct caller caller = {.view.now_ns = 1, .ask_ns = INT64_MAX};
	uint64_t arrived = 0;

	for (int step = 0; step < 2000; step++) {
		int64_t gap_ns =
			(int64_t)hb_rng_exponential(rng, (double)(1 << hb_rng_below(rng, 22)));
		int64_t next_ns = caller.view.now_ns + gap_ns;

		while (caller.ask_ns <= next_ns) { /* the caller's timer */
			caller.view.now_ns = caller.ask_ns;
			obey(&caller, policy, hb_rng_below(rng, 2));
			check_bound(&caller, options.hold_max_ns);
		}
		caller.view.now_ns = next_ns;
		if (hb_rng_below(rng, 4) > 0) {
			if (caller.view.held++ == 0)
				caller.view.oldest_ns = next_ns;
			arrived++;
		}
		if (hb_rng_below(rng, 8) == 0) {
			static const double latencies[] = {
				0, 1e5, 1e6, 1e12, -5, (double)INFINITY, (double)NAN};
			struct bat_feedback feedback = {MS, hb_rng_below(rng, 1000),
				hb_rng_below(rng, 4) > 0, latencies[hb_rng_below(rng, 7)]};

			bat_policy_learn(policy, &feedback);
		}
		obey(&caller, policy, hb_rng_below(rng, 2));
		check_bound(&caller, options.hold_max_ns);
	}
	cr_assert_eq(caller.sent + caller.view.held, arrived);
	bat_policy_destroy(policy);
}

Test(policy, no_policy_holds_a_byte_longer_than_its_bound)
{
	struct hb_rng rng = seeded();

	for (int kind = 0; kind < BAT_POLICY_KIND_COUNT; kind++) {
		for (int round = 0; round < 100; round++)
			drive(&rng, (enum bat_policy_kind)kind);
	}
}

static struct bat_decision ask(
	enum bat_policy_kind kind, uint32_t held, int64_t age_ns, bool drained)
{
	struct bat_policy *policy =
		make((struct bat_policy_options){.kind = kind, .limit = 4, .timer_ns = 100 * US});
	struct bat_view view = {
		.now_ns = MS, .held = held, .oldest_ns = MS - age_ns, .drained = drained};
	struct bat_decision decision = bat_policy_decide(policy, &view);

	bat_policy_destroy(policy);
	return decision;
}

Test(policy, fixed_policies_do_as_they_are_defined)
{
	static const struct {
		enum bat_policy_kind kind;
		uint32_t held;
		int64_t age_ns;
		bool drained, send, push;
		enum bat_socket_mode mode;
		int64_t ask_in_ns; /* from the oldest; 0: not */
	} cases[] = {
		{BAT_POLICY_NODELAY, 1, 0, false, true, false, BAT_SOCKET_NODELAY, 0},
		{BAT_POLICY_NAGLE, 1, 0, true, true, false, BAT_SOCKET_NAGLE, 5 * MS},
		{BAT_POLICY_CORK, 1, 0, false, true, false, BAT_SOCKET_CORK, 5 * MS},
		{BAT_POLICY_CORK, 1, 0, true, true, true, BAT_SOCKET_CORK, 0},
		{BAT_POLICY_FIXED, 3, 0, true, false, false, BAT_SOCKET_NODELAY, 5 * MS},
		{BAT_POLICY_FIXED, 4, 0, false, true, false, BAT_SOCKET_NODELAY, 0},
		{BAT_POLICY_TIMER, 4, 99 * US, true, false, false, BAT_SOCKET_NODELAY, 100 * US},
		{BAT_POLICY_TIMER, 1, 100 * US, false, true, false, BAT_SOCKET_NODELAY, 0},
		{BAT_POLICY_EITHER, 3, 99 * US, true, false, false, BAT_SOCKET_NODELAY, 100 * US},
		{BAT_POLICY_EITHER, 4, 0, false, true, false, BAT_SOCKET_NODELAY, 0},
		{BAT_POLICY_EITHER, 1, 100 * US, false, true, false, BAT_SOCKET_NODELAY, 0},
		{BAT_POLICY_DRAIN, 1, 0, false, false, false, BAT_SOCKET_NODELAY, 5 * MS},
		{BAT_POLICY_DRAIN, 1, 0, true, true, false, BAT_SOCKET_NODELAY, 0},
		{BAT_POLICY_DRAIN, 4, 0, false, true, false, BAT_SOCKET_NODELAY, 0},
		{BAT_POLICY_TOGGLE, 1, 0, false, true, false, BAT_SOCKET_NODELAY, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bat_decision got =
			ask(cases[i].kind, cases[i].held, cases[i].age_ns, cases[i].drained);
		int64_t ask_ns =
			cases[i].ask_in_ns ? MS - cases[i].age_ns + cases[i].ask_in_ns : INT64_MAX;

		cr_assert(got.send == cases[i].send && got.push == cases[i].push &&
				  got.mode == cases[i].mode && got.ask_ns == ask_ns,
			"case %zu: send %d push %d mode %d ask %" PRId64, i, got.send, got.push,
			(int)got.mode, got.ask_ns);
	}
}

Test(policy, the_oracle_follows_its_list)
{
	struct bat_policy *policy =
		make((struct bat_policy_options){.kind = BAT_POLICY_ORACLE, .limit = 8});

	cr_assert_eq(bat_policy_rule(policy, 0).limit, 1);
	cr_assert_eq(bat_policy_rule(policy, 5 * MS - 1).limit, 1);
	cr_assert_eq(bat_policy_rule(policy, 5 * MS).limit, 8);
	cr_assert_eq(bat_policy_rule(policy, 9 * MS).limit, 1);
	bat_policy_destroy(policy);
}

/* Share of @windows in the better arm, of 2 whose mean latencies are given; half of each window's latency is noise. */
static double share_of(struct bat_policy *policy, struct hb_rng *rng, const double mean_ns[2],
	unsigned int better, int windows)
{
	int good = 0;

	for (int i = 0; i < windows; i++) {
		unsigned int arm = bat_policy_rule(policy, 0).limit > 1;
		double noise = 0.75 + 0.5 * hb_rng_double(rng);
		struct bat_feedback feedback = {MS, 100, true, mean_ns[arm] * noise};

		good += arm == better;
		bat_policy_learn(policy, &feedback);
	}
	return (double)good / windows;
}

Test(policy, learners_find_the_better_arm_and_follow_it_when_it_changes)
{
	static const enum bat_policy_kind kinds[] = {
		BAT_POLICY_GREEDY, BAT_POLICY_UCB, BAT_POLICY_TOGGLE};
	static const double unbatched_bad[2] = {900e3, 300e3}, batched_bad[2] = {200e3, 800e3};
	struct hb_rng rng = seeded();

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct bat_policy *policy =
			make((struct bat_policy_options){.kind = kinds[i], .seed = 3});

		for (int phase = 0; phase < 3; phase++) {
			double share;

			(void)share_of(policy, &rng, unbatched_bad, 1, 300);
			share = share_of(policy, &rng, unbatched_bad, 1, 1000);
			cr_assert(share > 0.85, "%s: batching is better: %g",
				bat_policy_name(kinds[i]), share);
			(void)share_of(policy, &rng, batched_bad, 0, 300);
			share = share_of(policy, &rng, batched_bad, 0, 1000);
			cr_assert(share > 0.85, "%s: no batching is better: %g",
				bat_policy_name(kinds[i]), share);
		}
		bat_policy_destroy(policy);
	}
}

Test(policy, the_toggler_rarely_looks_at_an_arm_that_has_lost)
{
	static const double means_ns[][2] = {{300e3, 900e3}, {120e3, 200e3}, {900e3, 200e3}};
	struct hb_rng rng = seeded();

	for (size_t i = 0; i < sizeof(means_ns) / sizeof(means_ns[0]); i++) {
		unsigned int better = means_ns[i][1] < means_ns[i][0];
		struct bat_policy *policy =
			make((struct bat_policy_options){.kind = BAT_POLICY_TOGGLE});
		double share;

		(void)share_of(policy, &rng, means_ns[i], better, 300);
		share = share_of(policy, &rng, means_ns[i], better, 20000);
		cr_assert(share > 0.99, "case %zu: %g of the windows in the better arm", i, share);
		bat_policy_destroy(policy);
	}
}

Test(policy, the_toggler_answers_a_load_that_it_knows_at_once)
{
	/* Per load: few requests, batching is worse; many, it is better. */
	static const double means_ns[2][2] = {{100e3, 180e3}, {900e3, 200e3}};
	static const uint64_t answered[2] = {3, 17};
	struct hb_rng rng = seeded();
	struct bat_policy *policy = make((struct bat_policy_options){.kind = BAT_POLICY_TOGGLE});
	int wrong = 0;

	for (int i = 0; i < 4000; i++) {
		int load = i / 200 % 2;
		unsigned int arm = bat_policy_rule(policy, 0).limit > 1;
		struct bat_feedback feedback = {MS, answered[load], true,
			means_ns[load][arm] * (0.75 + 0.5 * hb_rng_double(&rng))};

		bat_policy_learn(policy, &feedback);
		/* Two windows to believe it and one to settle; what probes take besides, the other test counts. */
		if (i >= 800 && i % 200 >= 4)
			wrong += arm != (unsigned int)load;
	}
	cr_assert(wrong < 64, "%d of 3136 windows in the worse arm", wrong);
	bat_policy_destroy(policy);
}

Test(policy, a_stall_does_not_change_the_toggler_s_mind)
{
	static const double means_ns[2] = {150e3, 250e3};
	struct hb_rng rng = seeded();
	struct bat_policy *policy = make((struct bat_policy_options){.kind = BAT_POLICY_TOGGLE});

	(void)share_of(policy, &rng, means_ns, 0, 300);
	for (int stall = 0; stall < 20; stall++) {
		static const double stalled_ns[2] = {5e6, 5e6};
		double share;

		(void)share_of(policy, &rng, stalled_ns, 0, 5);
		(void)share_of(policy, &rng, means_ns, 0, 80);
		share = share_of(policy, &rng, means_ns, 0, 200);
		cr_assert(share > 0.9, "stall %d: %g of the windows after it in the better arm",
			stall, share);
	}
	bat_policy_destroy(policy);
}

Test(policy, arms_that_do_not_differ_cost_the_toggler_few_switches)
{
	static const double means_ns[2] = {200e3, 200e3};
	struct hb_rng rng = seeded();
	struct bat_policy *policy = make((struct bat_policy_options){.kind = BAT_POLICY_TOGGLE});

	(void)share_of(policy, &rng, means_ns, 0, 10000);
	cr_assert(bat_policy_recorded(policy).explored < 500, "%" PRIu64 " windows explored",
		bat_policy_recorded(policy).explored);
	bat_policy_destroy(policy);
}

Test(policy, aimd_settles_around_the_largest_batch_inside_the_slo)
{
	struct bat_policy *policy =
		make((struct bat_policy_options){.kind = BAT_POLICY_AIMD, .limit = 64});
	uint32_t lowest = 64, highest = 0;

	for (int i = 0; i < 1000; i++) {
		uint32_t limit = bat_policy_rule(policy, 0).limit;
		struct bat_feedback feedback = {
			MS, 100, true, 20e3 * limit}; /* the SLO's 500 us: 25 */

		bat_policy_learn(policy, &feedback);
		if (i < 200)
			continue;
		lowest = limit < lowest ? limit : lowest;
		highest = limit > highest ? limit : highest;
	}
	cr_assert(lowest >= 22 && highest == 26, "%" PRIu32 " to %" PRIu32, lowest, highest);
	bat_policy_destroy(policy);
}

Test(policy, hill_climbing_parks_near_the_top)
{
	static const double rate_by_limit[] = {1000, 1300, 1700, 1600, 1200};
	struct bat_policy *policy = make((struct bat_policy_options){.kind = BAT_POLICY_DIM});

	for (int i = 0; i < 200; i++) {
		unsigned int profile = bat_policy_recorded(policy).arm;
		struct bat_feedback feedback = {
			1000 * MS, (uint64_t)rate_by_limit[profile], true, 1e5};

		bat_policy_learn(policy, &feedback);
	}
	cr_assert(bat_policy_recorded(policy).arm >= 1 && bat_policy_recorded(policy).arm <= 3);
	{
		uint64_t before = bat_policy_recorded(policy).switches;

		for (int i = 0; i < 100; i++)
			bat_policy_learn(
				policy, &(struct bat_feedback){1000 * MS, 1700, true, 1e5});
		cr_assert(bat_policy_recorded(policy).switches <= before + 8);
	}
	bat_policy_destroy(policy);
}

Test(policy, options_out_of_range_are_refused_in_words)
{
	static const struct {
		struct bat_policy_options options;
		const char *says;
	} cases[] = {
		{{.kind = BAT_POLICY_FIXED, .limit = BAT_LIMIT_MAX + 1}, "4097 messages"},
		{{.kind = BAT_POLICY_TIMER, .timer_ns = -1}, "above 0"},
		{{.kind = BAT_POLICY_TIMER, .hold_max_ns = -1}, "above 0"},
		{{.kind = BAT_POLICY_GREEDY, .epsilon = 1}, "epsilon"},
		{{.kind = BAT_POLICY_TOGGLE, .confidence = 0.2}, "confidence"},
		{{.kind = BAT_POLICY_TOGGLE, .confidence = (double)NAN}, "confidence"},
		{{.kind = BAT_POLICY_ORACLE}, "1 to 4096 phases"},
		{{.kind = BAT_POLICY_KIND_COUNT}, "no policy"},
	};
	enum bat_policy_kind kind = BAT_POLICY_CORK;
	struct hb_error error = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bat_policy *policy = NULL;

		cr_assert_eq(bat_policy_create(&policy, &cases[i].options, &error), -EINVAL);
		cr_assert(!policy && strstr(error.text, cases[i].says), "%s", error.text);
	}
	cr_assert_eq(bat_policy_find("naggle", &kind, &error), -EINVAL);
	cr_assert_eq(kind, BAT_POLICY_CORK);
	for (int i = 0; i < BAT_POLICY_KIND_COUNT; i++) {
		cr_assert_eq(
			bat_policy_find(bat_policy_name((enum bat_policy_kind)i), &kind, NULL), 0);
		cr_assert_eq((int)kind, i);
	}
}
