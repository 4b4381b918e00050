/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Everything that grows is bounded: each limit ends or hinders its own kind of excess, and says so.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sandbox_test.h"

static struct hb_sandbox_result limited(
	const struct hb_sandbox_spec *spec, const char *script, struct hb_sandbox_limits limits)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct hb_sandbox_command command = {.argv = argv, .limits = limits};

	return run_command(spec, &command);
}

static void expect_killed(const struct hb_sandbox_spec *spec, const char *script,
	struct hb_sandbox_limits limits, unsigned limit)
{
	struct hb_sandbox_result result = limited(spec, script, limits);

	cr_assert(result.limits & limit, "%s: limits 0x%x", script, result.limits);
	cr_assert_eq(result.signal, SIGKILL, "%s: signal %d", script, result.signal);
	cr_assert_eq(result.exit_status, -1);
	hb_sandbox_result_finish(&result);
}

Test(limits, an_ordinary_command_meets_none)
{
	struct hb_sandbox_result result = run_script(NULL, "echo out; echo err >&2; exit 3");

	cr_assert_eq(result.limits, 0);
	cr_assert_eq(result.exit_status, 3);
	cr_assert_eq(result.signal, 0);
	cr_assert_str_eq(result.output, "out\n");
	cr_assert_str_eq(result.error, "err\n");
	cr_assert(result.wall_ns > 0);
	cr_assert(result.memory_peak_bytes > 0);
	hb_sandbox_result_finish(&result);
}

Test(limits, a_signal_is_told_from_an_exit_status)
{
	struct hb_sandbox_result result = run_script(NULL, "kill -TERM $$");

	cr_assert_eq(result.signal, SIGTERM);
	cr_assert_eq(result.exit_status, -1);
	hb_sandbox_result_finish(&result);
}

Test(limits, wall_time_ends_a_sleeper_and_what_ignores_signals)
{
	expect_killed(NULL, "sleep 60", (struct hb_sandbox_limits){.wall_ns = S / 5},
		HB_SANDBOX_LIMIT_WALL);
	expect_killed(NULL, "trap '' TERM INT HUP; while :; do sleep 1; done",
		(struct hb_sandbox_limits){.wall_ns = S / 5}, HB_SANDBOX_LIMIT_WALL);
}

Test(limits, cpu_time_ends_an_infinite_loop)
{
	expect_killed(NULL, "while :; do :; done",
		(struct hb_sandbox_limits){.wall_ns = 60 * S, .cpu_ns = S / 5},
		HB_SANDBOX_LIMIT_CPU);
}

Test(limits, cpu_time_counts_all_processes_together)
{
	struct hb_sandbox_result result;

	/* Each of them alone stays below; those that have ended count too. */
	expect_killed(NULL, "while :; do (i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done); done",
		(struct hb_sandbox_limits){.wall_ns = 60 * S, .cpu_ns = S / 2},
		HB_SANDBOX_LIMIT_CPU);
	/* These are PID 1's children when they end, so no other process's times hold theirs. */
	result = limited(NULL,
		"while :; do sh -c '(i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done) & exit'; "
		"sleep 0.02; done",
		(struct hb_sandbox_limits){.wall_ns = 60 * S, .cpu_ns = S / 2});
	cr_assert(result.limits & HB_SANDBOX_LIMIT_CPU);
	cr_assert(result.user_ns + result.system_ns < S, "%lld ns",
		(long long)(result.user_ns + result.system_ns));
	hb_sandbox_result_finish(&result);
}

Test(limits, output_is_cut_at_its_limit_and_ends_a_flood)
{
	struct hb_sandbox_limits limits = {.output_bytes = 1000};
	struct hb_sandbox_result result = limited(NULL, "exec yes", limits);

	cr_assert_eq(result.output_bytes, 1000);
	cr_assert_eq(memcmp(result.output, "y\ny\n", 4), 0);
	cr_assert_eq(result.output[1000], '\0');
	cr_assert(result.limits & HB_SANDBOX_LIMIT_OUTPUT);
	cr_assert_eq(result.signal, SIGKILL);
	hb_sandbox_result_finish(&result);
	expect_killed(NULL, "exec yes >&2", limits, HB_SANDBOX_LIMIT_OUTPUT);
}

Test(limits, output_of_exactly_the_limit_is_whole)
{
	struct hb_sandbox_result result =
		limited(NULL, "printf 12345", (struct hb_sandbox_limits){.output_bytes = 5});

	cr_assert_str_eq(result.output, "12345");
	cr_assert_eq(result.limits, 0);
	hb_sandbox_result_finish(&result);
	result = limited(NULL, "printf 123456", (struct hb_sandbox_limits){.output_bytes = 5});
	cr_assert_str_eq(result.output, "12345");
	cr_assert(result.limits & HB_SANDBOX_LIMIT_OUTPUT);
	hb_sandbox_result_finish(&result);
}

Test(limits, address_space_of_one_process_is_bounded)
{
	struct hb_sandbox_result result =
		limited(&hostile_spec, "exec " INSIDE_HOSTILE " memory 200",
			(struct hb_sandbox_limits){.memory_bytes = 64 << 20});

	cr_assert_eq(result.exit_status, ENOMEM);
	cr_assert(result.memory_peak_bytes <= 64 << 20);
	hb_sandbox_result_finish(&result);
}

Test(limits, memory_of_many_processes_is_added_up)
{
	/* 40 MiB each is allowed, four of them are not; nor is one where address space is not bounded. */
	struct hb_sandbox_spec spec = hostile_spec;
	struct hb_sandbox_limits limits = {.wall_ns = 60 * S, .memory_bytes = 100 << 20};

	expect_killed(&spec, "for i in 1 2 3 4; do " INSIDE_HOSTILE " memory 40 & done; wait",
		limits, HB_SANDBOX_LIMIT_MEMORY);
	spec.unlimited_address_space = true;
	expect_killed(&spec, "exec " INSIDE_HOSTILE " memory 150", limits, HB_SANDBOX_LIMIT_MEMORY);
}

Test(limits, a_full_disk_is_the_sandboxs_own)
{
	struct hb_sandbox_result result = limited(NULL,
		"head -c 20000000 /dev/zero >/tmp/x 2>/dev/null; [ $? != 0 ] && "
		"[ $(stat -c %s /tmp/x) -le 4194304 ] && echo full",
		(struct hb_sandbox_limits){.disk_bytes = 4 << 20});

	cr_assert_str_eq(result.output, "full\n");
	cr_assert(result.limits & HB_SANDBOX_LIMIT_DISK);
	hb_sandbox_result_finish(&result);
}

Test(limits, the_root_and_tmp_and_upper_layers_share_one_disk)
{
	char *folder = folder_make();
	struct hb_sandbox_mount mount = {HB_SANDBOX_OVERLAY, folder, "/mnt", NULL};
	struct hb_sandbox_spec spec = {.mounts = &mount, .mounts_count = 1};
	struct hb_sandbox_result result = limited(&spec,
		"for f in /mnt/a /tmp/b /home/user/c /var/tmp/d; do "
		"head -c 2000000 /dev/zero >$f 2>/dev/null; done; "
		"[ $(cat /mnt/a /tmp/b ~/c /var/tmp/d | wc -c) -le 4194304 ] && echo bounded",
		(struct hb_sandbox_limits){.disk_bytes = 4 << 20});

	cr_assert_str_eq(result.output, "bounded\n");
	cr_assert(result.limits & HB_SANDBOX_LIMIT_DISK);
	hb_sandbox_result_finish(&result);
	folder_remove(folder);
}

Test(limits, files_without_bytes_count_too)
{
	struct hb_sandbox_result result = limited(NULL,
		"mkdir d && cd d && seq 70000 | xargs -n 5000 touch 2>/dev/null; [ $(ls | wc -l) "
		"-le 65536 ]",
		(struct hb_sandbox_limits){.wall_ns = 60 * S, .cpu_ns = 60 * S});

	cr_assert_eq(result.exit_status, 0);
	cr_assert(result.limits & HB_SANDBOX_LIMIT_DISK);
	hb_sandbox_result_finish(&result);
}

Test(limits, one_large_file_is_refused)
{
	struct hb_sandbox_result result = limited(NULL, "exec head -c 2000000 /dev/zero >x",
		(struct hb_sandbox_limits){.file_size_bytes = 1 << 20});

	cr_assert_eq(result.signal, SIGXFSZ);
	cr_assert(result.limits & HB_SANDBOX_LIMIT_FILE_SIZE);
	hb_sandbox_result_finish(&result);
}

Test(limits, open_files_are_bounded)
{
	struct hb_sandbox_result result = limited(NULL, "ulimit -n; ulimit -n 100 || echo refused",
		(struct hb_sandbox_limits){.open_files = 20});

	cr_assert_str_eq(result.output, "20\nrefused\n", "%s", result.output);
	hb_sandbox_result_finish(&result);
}

/* Each process waits after it has forked, for a line that nobody writes: they are there until they are counted. */
#define BOMB "mkfifo p && exec 3<>p && f() { f | f & read -r line <&3; }; f"

Test(limits, a_fork_bomb_neither_grows_nor_survives)
{
	struct hb_sandbox_result result;
	char marker[64];
	const char *argv[] = {"sh", "-c", BOMB, marker, NULL};
	struct hb_sandbox_command command = {
		.argv = argv, .limits = {.wall_ns = 1 * S, .processes = 32}};

	/* Every process of the bomb is a copy of the shell and has its arguments. */
	(void)snprintf(marker, sizeof(marker), "hotbed-fork-bomb-%d", (int)getpid());
	/* First a gentle one: 30 processes meet a limit of 10. */
	result = limited(NULL, "for i in $(seq 30); do sleep 5 & done; exit 0",
		(struct hb_sandbox_limits){.processes = 10});
	cr_assert_not_null(strstr(result.error, "fork"), "%s", result.error);
	hb_sandbox_result_finish(&result);
	result = run_command(NULL, &command);
	cr_assert(result.processes_peak > 2 && result.processes_peak <= 33, "%u",
		result.processes_peak);
	hb_sandbox_result_finish(&result);
	cr_assert_eq(processes_count(marker), 0);
}

Test(limits, a_process_cannot_raise_its_limits)
{
	expect_output(NULL,
		"for o in -c -f -n -v -t -s -l; do ulimit -H $o unlimited 2>/dev/null && echo "
		"raised $o; "
		"done; true",
		"");
}

Test(limits, negative_and_absurd_limits_are_refused)
{
	const char *argv[] = {"true", NULL};
	struct hb_sandbox_command command = {.argv = argv, .limits = {.wall_ns = -1}};
	struct hb_sandbox_result result;
	struct hb_error error = {0};

	cr_assert_eq(hb_sandbox_run_once(NULL, &command, &result, &error), -EINVAL);
	cr_assert_not_null(strstr(error.text, "negative"));
	command.limits = (struct hb_sandbox_limits){.output_bytes = UINT64_MAX};
	cr_assert_eq(hb_sandbox_run_once(NULL, &command, &result, &error), -EINVAL);
}

Test(limits, a_process_cannot_hide_its_memory_behind_its_name)
{
	struct hb_sandbox_spec spec = hostile_spec;

	spec.unlimited_address_space = true;
	expect_killed(&spec,
		"cp " INSIDE_HOSTILE " '/tmp/RssAnon:0 kB'; exec '/tmp/RssAnon:0 kB' memory 150",
		(struct hb_sandbox_limits){.wall_ns = 60 * S, .memory_bytes = 100 << 20},
		HB_SANDBOX_LIMIT_MEMORY);
}
