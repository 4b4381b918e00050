/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>

#include "manifest.h"
#include "plan_build.h"
#include "proc_tree.h"
#include "supervise.h"

static struct hb_plan_metric metric = {.name = "value"};
static struct hb_plan_experiment experiment = {
	.subproject = "fake", .experiment = "behave", .metrics = &metric, .metric_count = 1};
static struct hb_supervisor *supervisor;
static char root[64];

struct got {
	int count, wanted;
	enum hb_status status;
	char detail[HB_PROTOCOL_DETAIL_BYTES];
	size_t output_bytes, strays;
	uint64_t output_total_bytes;
	int64_t wall_ns;
};

static void setup(void)
{
	struct hb_error error = {0};

	(void)snprintf(root, sizeof(root), "/tmp/hotbed-supervise-%d", (int)getpid());
	cr_assert_eq(
		hb_supervisor_create(&supervisor, root, NULL, NULL, &error), 0, "%s", error.text);
}

static void teardown(void)
{
	siginfo_t info;

	hb_supervisor_destroy(supervisor);
	cr_assert(access(root, F_OK) < 0, "%s is left", root);
	cr_assert(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD,
		"a process is left");
}

TestSuite(supervise, .init = setup, .fini = teardown);

static void on_done(const struct hb_supervise_result *result, void *user)
{
	struct got *got = user;

	got->status = result->status;
	(void)snprintf(got->detail, sizeof(got->detail), "%s", result->protocol->detail);
	got->output_bytes = result->output_bytes;
	got->output_total_bytes = result->output_total_bytes;
	got->strays += result->strays;
	got->wall_ns = result->wall_ns;
	if (++got->count == got->wanted)
		hb_supervisor_stop(supervisor);
}

static void start(
	const char *variant, uint64_t seq, int64_t deadline_ms, uint64_t memory, struct got *got)
{
	struct hb_error error = {0};
	const struct hb_supervise_trial trial = {
		.experiment = &experiment,
		.path = FAKE_DRIVER,
		.variant = variant,
		.params = "",
		.seed = 1,
		.seq = seq,
		.deadline_ns = deadline_ms * 1000000,
		.memory_limit_bytes = memory,
	};

	cr_assert_eq(
		hb_supervisor_start(supervisor, &trial, on_done, got, &error), 0, "%s", error.text);
}

static struct got run(const char *variant, int64_t deadline_ms, uint64_t memory)
{
	struct got got = {.wanted = 1};

	start(variant, 0, deadline_ms, memory, &got);
	hb_supervisor_run(supervisor);
	cr_assert_eq(got.count, 1);
	return got;
}

Test(supervise, a_good_trial_is_ok_and_leaves_nothing)
{
	struct got got = run("good", 10000, 0);

	cr_assert_eq(got.status, HB_STATUS_OK, "%s", got.detail);
	cr_assert_eq(got.output_total_bytes, 0);
	cr_assert_eq(got.strays, 0);
	cr_assert(got.wall_ns > 0);
}

Test(supervise, a_trial_that_hangs_is_ended_at_its_deadline)
{
	struct got got = run("hang", 300, 0);

	cr_assert_eq(got.status, HB_STATUS_TIMEOUT);
	cr_assert(strstr(got.detail, "no end within 0.3 s in run"), "%s", got.detail);
	cr_assert(got.wall_ns >= 300 * INT64_C(1000000));
}

Test(supervise, a_trial_that_ignores_sigterm_is_killed_two_seconds_later)
{
	struct got got = run("deaf", 300, 0);

	cr_assert_eq(got.status, HB_STATUS_TIMEOUT);
	cr_assert(got.wall_ns >= 2300 * INT64_C(1000000));
}

Test(supervise, floods_are_drained_into_bounded_memory_until_the_deadline)
{
	struct got got = run("flood-output", 500, 0);

	cr_assert_eq(got.status, HB_STATUS_TIMEOUT);
	cr_assert_eq(got.output_bytes, HB_SUPERVISE_OUTPUT_BYTES_MAX);
	cr_assert(got.output_total_bytes > HB_SUPERVISE_OUTPUT_BYTES_MAX);
}

Test(supervise, a_flooded_result_pipe_ends_the_trial_at_once)
{
	struct got got = run("flood-result", 60000, 0);

	cr_assert_eq(got.status, HB_STATUS_PROTOCOL_ERROR);
	got = run("long-line", 60000, 0);
	cr_assert_eq(got.status, HB_STATUS_PROTOCOL_ERROR);
}

Test(supervise, strays_in_their_own_session_that_keep_the_pipes_are_killed_and_delay_nothing)
{
	struct got got = run("stray", 60000, 0);

	cr_assert_eq(got.status, HB_STATUS_OK, "%s", got.detail);
	cr_assert_eq(got.strays, 2);
}

Test(supervise, more_memory_than_allowed_is_oom)
{
	struct got got = run("huge", 60000, UINT64_C(256) << 20);

	cr_assert_eq(got.status, HB_STATUS_OOM, "%s", got.detail);
	cr_assert(strstr(got.detail, "0.25 GiB"), "%s", got.detail);
}

Test(supervise, a_crash_and_an_empty_end_are_told_apart)
{
	struct got got = run("crash", 10000, 0);

	cr_assert_eq(got.status, HB_STATUS_CRASHED);
	cr_assert(strstr(got.detail, "SIGSEGV in run"), "%s", got.detail);
	got = run("silent", 10000, 0);
	cr_assert_eq(got.status, HB_STATUS_PROTOCOL_ERROR);
	cr_assert(strstr(got.detail, "without a result"), "%s", got.detail);
}

Test(supervise, a_littered_private_folder_is_removed)
{
	struct got got = run("litter", 10000, 0);
	char path[96];

	cr_assert_eq(got.status, HB_STATUS_OK, "%s", got.detail);
	(void)snprintf(path, sizeof(path), "%s/0", root);
	cr_assert(access(path, F_OK) < 0);
}

Test(supervise, trials_side_by_side_do_not_take_each_others_processes)
{
	struct got got = {.wanted = 8}, slow = {0};

	start("slow", 100, 60000, 0, &slow);
	for (uint64_t i = 0; i < 8; i++)
		start(i % 2 ? "stray" : "good", i, 60000, 0, &got);
	hb_supervisor_run(supervisor);
	cr_assert_eq(got.count, 8);
	cr_assert_eq(slow.count, 0);
	cr_assert_eq(hb_supervisor_running(supervisor), 1);
	slow.wanted = 1;
	hb_supervisor_run(supervisor);
	cr_assert_eq(slow.status, HB_STATUS_OK, "%s", slow.detail);
	cr_assert_eq(got.strays + slow.strays, 8);
}

Test(supervise, an_interrupt_ends_every_running_trial)
{
	struct got got = {.wanted = 3};

	for (uint64_t i = 0; i < 3; i++)
		start("deaf", i, 60000, 0, &got);
	hb_supervisor_interrupt(supervisor);
	hb_supervisor_run(supervisor);
	cr_assert_eq(got.count, 3);
	cr_assert_eq(got.status, HB_STATUS_INTERRUPTED);
}

Test(supervise, no_descriptor_is_lost_over_many_trials)
{
	size_t before = 0, after = 0;

	for (int round = 0; round < 51; round++) {
		struct got got = run("good", 10000, 0);
		DIR *dir = opendir("/proc/self/fd");

		cr_assert_eq(got.status, HB_STATUS_OK, "%s", got.detail);
		after = 0;
		while (readdir(dir))
			after++;
		(void)closedir(dir);
		if (round == 0)
			before = after;
	}
	cr_assert_eq(before, after);
}

Test(supervise, a_driver_that_is_not_there_cannot_be_started)
{
	struct hb_error error = {0};
	struct got got = {0};
	const struct hb_supervise_trial trial = {.experiment = &experiment,
		.path = "/nowhere/hotbed-fake",
		.variant = "good",
		.params = "",
		.deadline_ns = 1000000000};

	cr_assert_eq(hb_supervisor_start(supervisor, &trial, on_done, &got, &error), -ENOENT);
	cr_assert(strstr(error.path, "/nowhere"));
	cr_assert_eq(hb_supervisor_running(supervisor), 0);
}
