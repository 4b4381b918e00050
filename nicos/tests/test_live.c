/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The soft card on this machine, however busy it is: what is counted, never how long it took. Each request is answered
 * once, with what its handler gives, or dropped and counted; services that misbehave take nobody along.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/hist.h>

#include <nicos/echo.h>
#include <nicos/live.h>
#include <nicos/sched.h>

static bool is_possible(void)
{
	struct hb_error error = {0};

	if (nic_live_probe(&error) == 0)
		return true;
	(void)fprintf(stderr, "skip: %s\n", error.text);
	return false;
}

static struct nic_live_options quick(enum nic_live_mode mode, uint32_t services)
{
	struct nic_live_options o;

	nic_live_defaults(&o);
	o.mode = mode;
	o.services = services;
	o.service = (struct nic_distribution){.kind = NIC_EXPONENTIAL, .a = 2000};
	o.rate_per_s = 1e6;
	o.requests = 2000;
	o.warm_up = 200;
	return o;
}

/* What holds after every run. */
static void check(const struct nic_live_options *o, const struct nic_live_result *r)
{
	double share = 0;

	cr_assert_eq(r->sent, o->requests);
	cr_assert_eq(r->in, r->sent + r->hostile);
	cr_assert_eq(r->in, r->done + r->queued + r->dropped);
	cr_assert_eq(r->queued, 0);
	cr_assert_eq(r->answered, r->done);
	cr_assert_eq(r->lost, r->dropped - r->hostile);
	cr_assert_eq(r->wrong, 0);
	cr_assert_eq(r->duplicates, 0);
	cr_assert_eq(hb_hist_total(r->latency), o->requests - o->warm_up);
	for (int k = 0; k < NIC_CPU_COUNT; k++)
		share += r->cpu[k];
	cr_assert(share > 0.99 && share < 1.2, "%g", share);
}

static void run(const struct nic_live_options *o, struct nic_live_result *ret)
{
	struct hb_error error = {0};

	cr_assert_eq(nic_live_run(o, ret, &error), 0, "%s", error.text);
	check(o, ret);
	nic_live_finish(ret);
}

Test(live, every_request_is_answered_once_in_all_modes_and_depths)
{
	static const uint32_t depths[] = {1, 2, 8};

	if (!is_possible())
		return;
	for (int mode = 0; mode < NIC_LIVE_MODE_COUNT; mode++) {
		for (size_t d = 0; d < 3; d++) {
			struct nic_live_options o = quick((enum nic_live_mode)mode, 7);
			struct nic_live_result r;

			o.depth = depths[d];
			o.zipf = 0.9;
			run(&o, &r);
			cr_assert_eq(r.done, o.requests);
			cr_assert(r.retired + r.nacked > 0);
			cr_assert_eq(r.exited + r.killed, 0);
		}
	}
}

Test(live, arguments_beyond_a_line_travel_by_the_overflow_lines)
{
	static const uint32_t bytes[] = {16, 88, 92, 1432};

	if (!is_possible())
		return;
	for (size_t i = 0; i < 4; i++) {
		struct nic_live_options o = quick(NIC_LIVE_PROCESS, 2);
		struct nic_live_result r;

		o.bytes = bytes[i];
		o.depth = 2;
		o.requests = 500;
		run(&o, &r);
		cr_assert_eq(r.done, o.requests);
	}
}

Test(live, a_service_that_misbehaves_loses_its_own_requests_only)
{
	if (!is_possible())
		return;
	for (int fault = 1; fault < NIC_LIVE_FAULT_COUNT; fault++) {
		struct nic_live_options o = quick(NIC_LIVE_PROCESS, 4);
		struct nic_live_result r;

		o.fault = (enum nic_live_fault)fault;
		o.fault_at = 300;
		o.kill_ns = fault == NIC_LIVE_HANG ? 2e9 : 0;
		run(&o, &r);
		cr_assert_eq(r.exited, 1, "%s", nic_live_fault_name(o.fault));
		cr_assert_eq(r.killed, fault == NIC_LIVE_HANG);
		/* A quarter of the requests is for the service that went; some were answered before. */
		cr_assert(r.dropped >= 1 && r.dropped < o.requests / 3, "%llu dropped",
			(unsigned long long)r.dropped);
	}
}

Test(live, requests_that_a_full_queue_turns_away_are_counted)
{
	struct nic_live_options o = quick(NIC_LIVE_FIBER, 2);
	struct nic_live_result r;

	if (!is_possible())
		return;
	o.service.a = 50000;
	o.queue = 3;
	run(&o, &r);
	cr_assert(r.dropped > 0);
	o.queue = 0;
	o.buffers = 4;
	run(&o, &r);
	cr_assert(r.no_buffer > 0);
	cr_assert_eq(r.no_buffer, r.dropped);
}

Test(live, hostile_frames_are_refused_and_counted_by_what_is_wrong)
{
	struct nic_live_options o = quick(NIC_LIVE_THREAD, 3);
	struct nic_live_result r;
	uint64_t refused = 0;

	if (!is_possible())
		return;
	o.hostile = 2;
	run(&o, &r);
	for (int f = 1; f < NIC_FRAME_FAULT_COUNT; f++)
		refused += r.refused[f];
	cr_assert_eq(r.hostile, o.requests / 2);
	cr_assert_eq(refused + r.replayed, r.hostile);
	cr_assert(r.replayed > 0);
	cr_assert(r.refused[NIC_FRAME_SPOOFED] > 0);
	cr_assert(r.refused[NIC_FRAME_UDP_CHECKSUM] > 0);
	cr_assert(r.refused[NIC_FRAME_SHORT] > 0);
	cr_assert(r.refused[NIC_FRAME_NO_SERVICE] > 0);
	cr_assert_eq(r.done, o.requests);
}

Test(live, a_process_that_waits_is_told_to_try_again)
{
	struct nic_live_options o = quick(NIC_LIVE_PROCESS, 1);
	struct nic_live_result r;

	if (!is_possible())
		return;
	o.rate_per_s = 2000;
	o.requests = 200;
	o.warm_up = 0;
	o.try_again_ns = 20000;
	/* On a busy machine the card and the host need not be on their CPUs at one time within one short run. */
	for (int attempt = 0; attempt < 50; attempt++) {
		run(&o, &r);
		cr_assert_eq(r.done, o.requests);
		if (r.try_again > 0)
			return;
	}
	cr_assert_fail("no wait was ended by TRYAGAIN in 50 runs");
}

/* A datagram that the kernel drops is lost, and counted; no reply is wrong. */
Test(live, every_system_answers_or_counts_what_is_lost)
{
	if (!is_possible())
		return;
	for (int system = 0; system < NIC_LIVE_SYSTEM_COUNT; system++) {
		struct nic_live_options o = quick(NIC_LIVE_PROCESS, 3);
		struct nic_live_result r;

		o.system = (enum nic_live_system)system;
		o.requests = 600;
		o.warm_up = 60;
		o.rate_per_s = 20000;
		o.idle_spinner = system == NIC_LIVE_UDP_EPOLL;
		run(&o, &r);
		cr_assert(r.done > 0, "%s", nic_live_system_name(o.system));
		if (system == NIC_LIVE_NICOS || system == NIC_LIVE_DISPATCHER ||
			system == NIC_LIVE_STEALING)
			cr_assert_eq(r.dropped, 0);
		cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
	}
}

/* What the experiments rely on to notice a handler that does less than it should. */
Test(live, replies_without_the_work_are_wrong)
{
	struct nic_live_options o = quick(NIC_LIVE_FIBER, 2);
	struct nic_live_result r;
	struct hb_error error = {0};

	if (!is_possible())
		return;
	o.is_falsified = true;
	cr_assert_eq(nic_live_run(&o, &r, &error), 0, "%s", error.text);
	cr_assert_eq(r.wrong, o.requests);
	nic_live_finish(&r);
}

static void look(const struct nic_live_view *view, void *user)
{
	uint64_t of_services = 0;

	for (int s = 0; s < 3; s++)
		of_services += hb_hist_total(view->services[s]);
	cr_assert(view->answered <= view->sent);
	cr_assert(of_services <= view->answered);
	++*(int *)user;
}

Test(live, a_run_can_be_watched)
{
	struct nic_live_options o = quick(NIC_LIVE_PROCESS, 3);
	struct nic_live_result r;
	int looks = 0;

	if (!is_possible())
		return;
	o.rate_per_s = 20000;
	o.watch = look;
	o.watch_user = &looks;
	o.watch_ns = 1e6;
	run(&o, &r);
	cr_assert(looks > 0);
}

Test(live, no_process_stays_behind)
{
	struct nic_live_options o = quick(NIC_LIVE_PROCESS, 20);
	struct nic_live_result r;

	if (!is_possible())
		return;
	run(&o, &r);
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
	cr_assert_eq(errno, ECHILD);
}

Test(live, what_cannot_be_is_refused_with_a_reason)
{
	struct nic_live_options o[15];
	struct nic_live_result r;

	for (size_t i = 0; i < 15; i++)
		o[i] = quick(NIC_LIVE_PROCESS, 4);
	o[0].services = 0;
	o[1].services = NIC_LIVE_SERVICES_MAX + 1;
	o[2].requests = 0;
	o[3].warm_up = o[3].requests;
	o[4].rate_per_s = 0;
	o[5].bytes = 18;
	o[6].depth = NIC_DEPTH_MAX + 1;
	o[7].mode = NIC_LIVE_THREAD;
	o[7].fault = NIC_LIVE_EXIT;
	o[8].fault = NIC_LIVE_HANG;
	o[9].fault = NIC_LIVE_EXIT;
	o[9].fault_at = o[9].requests;
	o[10].arrival = NIC_ARRIVAL_BURST;
	o[11].buffers = 0;
	o[12].system = NIC_LIVE_UDP;
	o[12].hostile = 5;
	o[13].system = NIC_LIVE_BYPASS;
	o[13].watch = look;
	o[14].system = NIC_LIVE_STEALING;
	o[14].fault = NIC_LIVE_EXIT;
	for (size_t i = 0; i < 15; i++) {
		struct hb_error error = {0};

		cr_assert_eq(nic_live_run(&o[i], &r, &error), -EINVAL, "case %zu", i);
		cr_assert(error.text[0]);
	}
}

/* ---- what calls are compared with ---- */

Test(echo, frames_come_back_as_they_went)
{
	struct nic_echo_options o = {
		.requests = 300, .warm_up = 30, .rate_per_s = 1e6, .seed = 1, .bytes = 48};
	struct nic_echo_result r;
	struct hb_error error = {0};

	if (!is_possible())
		return;
	for (int written = 0; written < 2; written++) {
		o.is_written = written;
		o.is_falsified = false;
		cr_assert_eq(nic_echo_run(&o, &r, &error), 0, "%s", error.text);
		cr_assert_eq(r.answered, o.requests);
		cr_assert_eq(r.wrong, 0);
		cr_assert_eq(hb_hist_total(r.round_trip), o.requests - o.warm_up);
		nic_echo_finish(&r);
		o.is_falsified = true;
		cr_assert_eq(nic_echo_run(&o, &r, &error), 0, "%s", error.text);
		cr_assert_eq(r.wrong, o.requests);
		nic_echo_finish(&r);
	}
	o.bytes = 49;
	cr_assert_eq(nic_echo_run(&o, &r, &error), -EINVAL);
}

Test(echo, a_line_is_written_in_turn)
{
	struct nic_line_result r;
	struct hb_error error = {0};

	if (!is_possible())
		return;
	cr_assert_eq(nic_line_run(2000, &r, &error), 0, "%s", error.text);
	cr_assert_eq(r.rounds, 2000);
	cr_assert_eq(r.wrong, 0);
	cr_assert_eq(hb_hist_total(r.round_trip), 2000);
	nic_line_finish(&r);
	cr_assert_eq(nic_line_run(0, &r, &error), -EINVAL);
}

/* One for each call for which the process had waited, and none is longer than the call itself took. */
Test(live, the_hand_over_is_a_part_of_the_call)
{
	struct nic_live_options o = quick(NIC_LIVE_PROCESS, 1);
	struct nic_live_result r;
	struct hb_error error = {0};

	if (!is_possible())
		return;
	o.rate_per_s = 1e5;
	o.requests = 500;
	o.warm_up = 0;
	cr_assert_eq(nic_live_run(&o, &r, &error), 0, "%s", error.text);
	check(&o, &r);
	cr_assert(hb_hist_total(r.hand_over) <= r.done);
	cr_assert(hb_hist_max(r.hand_over) <= hb_hist_max(r.latency));
	nic_live_finish(&r);
}
