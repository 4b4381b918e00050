/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <hotbed/sanitizer.h>

#include <nicos/sched.h>
#include <nicos/table.h>

#include "sched_oracle.h"

#define EVENTS (HB_IS_SANITIZED ? 4000 : 30000)

static uint64_t base_seed(void)
{
	const char *text = getenv("HB_SEED");

	return text ? strtoull(text, NULL, 10) : 1;
}

Test(sched, invariants_hold_after_every_random_event)
{
	static const struct oracle_setting settings[] = {
		{1, 1, 8, 1, 0, 0, 0, 1, 0, 0},
		{1, 3, 8, 1, 1, 20000, 3, 1, 1, 0},
		{2, 2, 16, 1, 1, 0, 0, 1, 0, 0},
		{2, 4, 16, 1, 0, 50000, 4, 1, 1, 0},
		{4, 6, 32, 1, 2, 20000, 0, 1, 1, 0},
		{4, 3, 32, 3, 0, 50000, 0, 0, 1, 0},
		{8, 16, 64, 1, 3, 20000, 5, 1, 1, 0},
		{8, 16, 64, 4, 2, 20000, 0, 1, 1, 0},
		{3, 16, 64, 2, 0, 0, 0, 0, 0, 0},
	};
	uint64_t seed = base_seed();

	for (uint64_t s = seed; s < seed + 4; s++) {
		for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
			const char *fault = oracle_run(&settings[i], s, EVENTS);

			cr_assert_null(fault, "setting %zu, HB_SEED=%llu: %s", i,
				(unsigned long long)s, fault);
		}
	}
}

static struct nic_sched *make(uint32_t cores, uint32_t services, uint32_t turn_ns)
{
	const struct nic_sched_options options = {
		.cores = cores, .services = services, .requests = 256, .turn_ns = turn_ns};
	struct nic_sched *sched;

	cr_assert_eq(nic_sched_create(&options, &sched, NULL), 0);
	return sched;
}

static int step(struct nic_sched *sched, struct nic_event event, const struct nic_action **ret)
{
	return nic_sched_step(sched, &event, ret);
}

Test(sched, a_request_for_a_waiting_process_needs_no_switch)
{
	struct nic_sched *sched = make(2, 2, 0);
	const struct nic_action *actions;

	cr_assert_eq(
		step(sched, (struct nic_event){NIC_ARRIVED, .service = 1, .request = 7}, &actions),
		1);
	cr_assert_eq(actions[0].kind, NIC_SWITCH);
	cr_assert_eq(actions[0].service, 1);
	cr_assert_eq(step(sched,
			     (struct nic_event){NIC_SWITCHED, .core = actions[0].core,
				     .epoch = actions[0].epoch},
			     &actions),
		1);
	cr_assert_eq(actions[0].kind, NIC_DELIVER);
	cr_assert_eq(actions[0].request, 7);
	cr_assert_eq(
		step(sched, (struct nic_event){NIC_DONE, .core = actions[0].core, .request = 7},
			&actions),
		0);
	cr_assert_eq(
		step(sched, (struct nic_event){NIC_ARRIVED, .service = 1, .request = 7}, &actions),
		1);
	cr_assert_eq(actions[0].kind, NIC_DELIVER);
	nic_sched_destroy(sched);
}

Test(sched, the_process_that_waited_longest_loses_its_core)
{
	struct nic_sched *sched = make(2, 3, 0);
	const struct nic_action *actions;
	uint32_t core_of[2];

	for (uint32_t s = 0; s < 2; s++) {
		cr_assert_eq(
			step(sched, (struct nic_event){NIC_ARRIVED, .service = s, .request = s},
				&actions),
			1);
		core_of[s] = actions[0].core;
		(void)step(sched,
			(struct nic_event){
				NIC_SWITCHED, .core = core_of[s], .epoch = actions[0].epoch},
			&actions);
		(void)step(sched, (struct nic_event){NIC_DONE, .core = core_of[s], .request = s},
			&actions);
	}
	cr_assert_eq(
		step(sched, (struct nic_event){NIC_ARRIVED, .service = 2, .request = 2}, &actions),
		1);
	cr_assert_eq(actions[0].kind, NIC_SWITCH);
	cr_assert_eq(actions[0].core, core_of[0]);
	nic_sched_destroy(sched);
}

/* One core, services that always have requests: what each gets in @rounds requests of @ran_ns. */
static void saturate(struct nic_sched *sched, uint32_t services, const uint32_t *ran_ns, int rounds,
	uint64_t *ret_ran_ns)
{
	const struct nic_action *actions = NULL;
	uint32_t core_service = 0;
	int count = 0;

	for (uint32_t s = 0; s < services; s++) {
		ret_ran_ns[s] = 0;
		for (uint32_t i = 0; i < 8; i++) {
			int more = step(sched,
				(struct nic_event){NIC_ARRIVED, .service = s, .request = s * 8 + i},
				&actions);

			cr_assert_geq(more, 0);
			if (s == 0 && i == 0)
				(void)step(sched,
					(struct nic_event){NIC_SWITCHED, .epoch = actions[0].epoch},
					&actions);
		}
	}
	/* Request 0 of service 0 runs. */
	for (uint32_t r = 0; rounds-- > 0;) {
		uint32_t s = core_service;

		ret_ran_ns[s] += ran_ns[s];
		count = step(sched, (struct nic_event){NIC_DONE, .request = r, .ran_ns = ran_ns[s]},
			&actions);
		cr_assert_eq(count, 1);
		if (actions[0].kind == NIC_SWITCH) {
			core_service = actions[0].service;
			count = step(sched,
				(struct nic_event){NIC_SWITCHED, .epoch = actions[0].epoch},
				&actions);
			cr_assert_eq(count, 1);
		}
		cr_assert_eq(actions[0].kind, NIC_DELIVER);
		uint32_t next = actions[0].request;

		cr_assert_eq(
			step(sched, (struct nic_event){NIC_ARRIVED, .service = s, .request = r},
				&actions),
			0);
		r = next;
	}
}

Test(sched, backlogged_services_share_time_by_weight_whatever_their_requests_take)
{
	static const uint32_t ran_ns[] = {1000, 7000, 30000}, weights[] = {1, 2, 5};
	struct nic_sched *sched = make(1, 3, 50000);
	uint64_t got_ns[3], sum_ns = 0;

	for (uint32_t s = 0; s < 3; s++)
		cr_assert_eq(nic_sched_register(sched, s, 0, weights[s], NULL), 0);
	saturate(sched, 3, ran_ns, 40000, got_ns);
	for (uint32_t s = 0; s < 3; s++)
		sum_ns += got_ns[s];
	for (uint32_t s = 0; s < 3; s++)
		cr_assert_float_eq((double)got_ns[s] / (double)sum_ns, weights[s] / 8.0, 0.005,
			"service %u got %.4f", s, (double)got_ns[s] / (double)sum_ns);
	nic_sched_destroy(sched);
}

Test(sched, a_turn_of_nothing_serves_one_request_each)
{
	static const uint32_t ran_ns[] = {1000, 7000};
	struct nic_sched *sched = make(1, 2, 0);
	uint64_t got_ns[2];

	saturate(sched, 2, ran_ns, 1000, got_ns);
	cr_assert_eq(got_ns[0], 500 * 1000);
	cr_assert_eq(got_ns[1], 500 * 7000);
	nic_sched_destroy(sched);
}

Test(sched, what_cannot_follow_is_refused_and_changes_nothing)
{
	struct nic_sched *sched = make(2, 2, 0);
	const struct nic_action *actions;
	struct nic_sched_counts before, after;
	static const struct nic_event wrong[] = {
		{NIC_ARRIVED, .service = 2},
		{NIC_ARRIVED, .request = 256},
		{NIC_ARRIVED, .request = 0},
		{NIC_SWITCHED, .core = 0},
		{NIC_SWITCHED, .core = 2},
		{NIC_DONE, .core = 0, .request = 1},
		{NIC_DONE, .core = 0, .request = 1000},
		{NIC_DONE, .core = 1, .request = 0},
		{NIC_PREEMPTED, .core = 1, .request = 0},
		{NIC_QUANTUM_OVER, .core = 0},
		{NIC_REPLIED, .request = 0},
		{NIC_KILLED, .core = 0},
		{NIC_EXITED, .service = 9},
		{(enum nic_event_kind)99, .core = 0},
	};

	(void)step(sched, (struct nic_event){NIC_ARRIVED, .request = 0}, &actions);
	(void)step(sched,
		(struct nic_event){
			NIC_SWITCHED, .core = actions[0].core, .epoch = actions[0].epoch},
		&actions);
	nic_sched_counts(sched, &before);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct nic_event event = wrong[i];

		/* Core 0 or 1, whichever is not the one that runs. */
		if (event.kind == NIC_DONE || event.kind == NIC_QUANTUM_OVER)
			event.core = 1 - actions[0].core;
		cr_assert_lt(nic_sched_step(sched, &event, &actions), 0, "event %zu", i);
	}
	nic_sched_counts(sched, &after);
	cr_assert_arr_eq(&before, &after, sizeof(before));
	nic_sched_destroy(sched);
}

Test(sched, options_out_of_range_are_refused)
{
	static const struct nic_sched_options wrong[] = {
		{0, 1, 1, 0, 0, 0},
		{NIC_CORES_MAX + 1, 1, 1, 0, 0, 0},
		{1, 0, 1, 0, 0, 0},
		{1, NIC_SERVICES_MAX + 1, 1, 0, 0, 0},
		{1, 1, 0, 0, 0, 0},
		{1, 1, 1, NIC_QUEUE_MAX + 1, 0, 0},
		{1, 1, 1, 0, NIC_DEPTH_MAX + 1, 0},
	};
	struct nic_sched *sched = NULL;
	struct hb_error error = {0};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_assert_eq(nic_sched_create(&wrong[i], &sched, &error), -EINVAL);
		cr_assert_null(sched);
		cr_assert(error.text[0]);
	}
	nic_sched_destroy(NULL);
}

Test(table, keeps_what_is_used_and_never_more_than_it_holds)
{
	struct nic_table *table;

	cr_assert_eq(nic_table_create(2, 4, &table, NULL), 0);
	cr_assert_not(nic_table_look_up(table, 0));
	cr_assert_not(nic_table_look_up(table, 1));
	cr_assert(nic_table_look_up(table, 0));
	/* 0 was used again, 1 was not: 1 goes. */
	cr_assert_not(nic_table_look_up(table, 2));
	cr_assert(nic_table_look_up(table, 0));
	cr_assert(nic_table_look_up(table, 2));
	cr_assert_not(nic_table_look_up(table, 1));
	nic_table_destroy(table);
	nic_table_destroy(NULL);
	cr_assert_eq(nic_table_create(0, 4, &table, NULL), -EINVAL);
}
