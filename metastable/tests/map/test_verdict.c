/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Classes by level against closed forms and against one another, and the advice that follows from them. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>

#include <metastable/advice.h>
#include <metastable/verdict.h>

static struct hb_error error;

static struct ms_model read_text(const char *text)
{
	struct ms_model model;

	cr_assert_eq(ms_model_read(text, strlen(text), "test", NULL, 0, &model, &error), 0, "%s",
		error.text);
	return model;
}

static struct ms_model running_example(void)
{
	return read_text("server db { queue 150; service exp 10/s }\n"
			 "client c -> db { rate poisson 5/s; timeout 5s; retry 5 }");
}

static struct ms_verdict ask(enum ms_level level, const struct ms_model *model)
{
	struct ms_verdict_options options = {.seed = 3, .states_max = 1000000};
	struct ms_verdict verdict;

	cr_assert_eq(ms_verdict_of(level, model, &options, &verdict, &error), 0, "%s", error.text);
	return verdict;
}

/* Mean time of a birth-death chain from @from down to @to: sums of the times to go one down. */
static double passage_down(double birth, double death, int capacity, int from, int to)
{
	double one_down = 0, sum = 0;

	for (int n = capacity; n > to; n--) {
		one_down = (1 + (n < capacity ? birth * one_down : 0)) / death;
		if (n <= from)
			sum += one_down;
	}
	return sum;
}

Test(verdict, simulated_recovery_of_a_plain_queue_contains_the_closed_form)
{
	struct ms_model model = read_text("server db { queue 60; service exp 10/s }\n"
					  "client c -> db { rate poisson 8/s }");
	struct ms_verdict_options options = {.seed = 11, .runs = 200};
	struct ms_verdict verdict;
	double expected = passage_down(8, 10, 60, 60, 6);

	/* A horizon near the mean keeps it sampling; the interval is wide for times that vary less than its law. */
	model.horizon_s = 60;
	cr_assert_eq(ms_verdict_of(MS_LEVEL_SIMULATION, &model, &options, &verdict, &error), 0);
	cr_assert(verdict.recover_s[0] < expected && expected < verdict.recover_s[2],
		"%g is not in [%g, %g]", expected, verdict.recover_s[0], verdict.recover_s[2]);
}

Test(verdict, levels_agree_far_from_the_boundary)
{
	struct ms_model model = running_example();

	model.servers[0].queue_capacity = 100;
	cr_assert_eq(ask(MS_LEVEL_SIMULATION, &model).kind, MS_VULNERABLE);
	cr_assert_eq(ask(MS_LEVEL_MARKOV, &model).kind, MS_VULNERABLE);
	cr_assert_eq(ask(MS_LEVEL_FLUID, &model).kind, MS_VULNERABLE);
	cr_assert_eq(ms_rule_of_thumb(&model), MS_VULNERABLE);
	model.servers[0].queue_capacity = 35;
	cr_assert_eq(ask(MS_LEVEL_SIMULATION, &model).kind, MS_STABLE);
	cr_assert_eq(ask(MS_LEVEL_MARKOV, &model).kind, MS_STABLE);
	cr_assert_eq(ask(MS_LEVEL_FLUID, &model).kind, MS_STABLE);
	cr_assert_eq(ms_rule_of_thumb(&model), MS_STABLE);
	model.clients[0].rate_per_s = 12;
	model.servers[0].queue_capacity = 100;
	cr_assert_eq(ask(MS_LEVEL_SIMULATION, &model).kind, MS_COLLAPSED);
	cr_assert_eq(ask(MS_LEVEL_MARKOV, &model).kind, MS_COLLAPSED);
	cr_assert_eq(ms_rule_of_thumb(&model), MS_COLLAPSED);
}

Test(verdict, a_refusal_is_an_answer_with_a_reason)
{
	struct ms_model model = running_example();
	struct ms_verdict verdict;

	model.servers[0].discipline = MS_LIFO;
	verdict = ask(MS_LEVEL_MARKOV, &model);
	cr_assert_eq(verdict.code, -EOPNOTSUPP);
	cr_assert_eq(verdict.kind, MS_UNKNOWN);
	cr_assert(strstr(verdict.reason, "newest first"));
}

Test(verdict, joined_classes_need_agreement)
{
	struct ms_verdict verdicts[3] = {
		{.kind = MS_STABLE}, {.kind = MS_UNKNOWN, .code = -E2BIG}, {.kind = MS_STABLE}};

	cr_assert_eq(ms_verdict_join(verdicts, 3), MS_STABLE);
	verdicts[2].kind = MS_VULNERABLE;
	cr_assert_eq(ms_verdict_join(verdicts, 3), MS_UNKNOWN);
	verdicts[2].kind = MS_UNKNOWN;
	cr_assert_eq(ms_verdict_join(verdicts, 3), MS_UNKNOWN);
	cr_assert_eq(ms_verdict_join(verdicts, 0), MS_UNKNOWN);
}

Test(advice, the_smallest_change_that_is_enough_is_enough)
{
	struct ms_model model = running_example();
	struct ms_verdict_options options = {.seed = 3};
	struct ms_advice advice;
	uint32_t enough = 0;

	cr_assert_eq(ms_advise(MS_LEVEL_SIMULATION, &model, &options, &advice, &error), 0, "%s",
		error.text);
	cr_assert_eq(advice.kind, MS_VULNERABLE);
	for (uint32_t i = 0; i < advice.count; i++) {
		const struct ms_advice_item *a = &advice.items[i];
		struct ms_model changed = model;

		enough += a->enough;
		if (!a->enough || a->text)
			continue;
		cr_assert_eq(ms_model_set(&changed, a->path, a->to, &error), 0);
		cr_assert_eq(ask(MS_LEVEL_SIMULATION, &changed).kind, MS_STABLE, "%s = %g", a->path,
			a->to);
		/* The knee of the queue is near a timeout's worth of work: 50 jobs. */
		if (strcmp(a->path, "db.queue") == 0)
			cr_assert(a->to >= 45 && a->to <= 65, "%g", a->to);
	}
	cr_assert(enough >= 5);
	cr_assert(advice.items[0].enough);
}

Test(advice, a_stable_model_needs_none)
{
	struct ms_model model = running_example();
	struct ms_advice advice;

	model.servers[0].queue_capacity = 35;
	cr_assert_eq(ms_advise(MS_LEVEL_SIMULATION, &model, NULL, &advice, &error), 0);
	cr_assert_eq(advice.kind, MS_STABLE);
	cr_assert_eq(advice.count, 0);
}
