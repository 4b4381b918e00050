/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <regex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <hotbed/trial.h>

#include "capture.h"
#include "sample.h"

#define HELLO                                                                           \
	"{\"t\":\"hello\",\"v\":1,\"subproject\":\"sample\",\"experiment\":\"faults\"," \
	"\"variant\":\"only\"}\n"
#define PHASE(name) "{\"t\":\"phase\",\"phase\":\"" name "\"}\n"
#define USAGE "{\"t\":\"usage\"}\n"
#define MEASURED                                                                \
	"{\"t\":\"metric\",\"name\":\"value\",\"value\":\"0.1\",\"n\":\"3\"}\n" \
	"{\"t\":\"flag\",\"flag\":\"unsteady\"}\n"
#define FAIL(phase, text) "{\"t\":\"fail\",\"phase\":\"" phase "\",\"text\":\"" text "\"}\n"
#define DONE "{\"t\":\"done\"}\n"

/* The usage message holds measured numbers: check that they are numbers, then leave them out. */
static void mask_usage(char *text)
{
	static const char pattern[] =
		"\"usage\",\"run_ns\":\"[0-9]+\",\"steal_ppm\":\"[0-9]+\",\"psi_ppm\":\"[0-9]+\","
		"\"switches_involuntary\":\"[0-9]+\",\"migrations\":\"[0-9]+\"\\}\n";
	regex_t regex;
	regmatch_t match;

	cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED), 0);
	if (regexec(&regex, text, 1, &match, 0) == 0) {
		char *start = text + match.rm_so + strlen("\"usage\"");
		const char *rest = text + match.rm_eo - strlen("}\n");

		memmove(start, rest, strlen(rest) + 1);
	}
	regfree(&regex);
}

/* A trial of `faults` must send @expected. */
static void expect_messages(const char *params, const char *more, const char *expected)
{
	struct capture capture = capture_main(
		&sample_driver, capture_trial("driver", "faults", "only", params, more));

	mask_usage(capture.result);
	cr_assert_eq(capture.status, 0);
	cr_assert_str_eq(capture.result, expected);
	capture_finish(&capture);
}

Test(trial, messages_of_a_sound_trial)
{
	expect_messages("hook=none;how=fail", NULL,
		HELLO PHASE("probe") PHASE("setup") PHASE("warmup") PHASE("run")
			MEASURED USAGE PHASE("verify") PHASE("teardown") DONE);
}

Test(trial, a_figure_is_sent_as_text)
{
	expect_messages("hook=verify;how=draw", NULL,
		HELLO PHASE("probe") PHASE("setup") PHASE("warmup") PHASE("run")
			MEASURED USAGE PHASE(
				"verify") "{\"t\":\"figure\",\"name\":\"shape\",\"spec\":"
					  "\"{\\\"title\\\":\\\"a\\\\n\\\"}\"}\n" PHASE("teardown")
						  DONE);
}

Test(trial, failing_setup_is_torn_down_and_nothing_runs)
{
	expect_messages("hook=setup;how=fail", NULL,
		HELLO PHASE("probe") PHASE("setup") FAIL("setup",
			"setup: expected 12, got \\\"11\\\"\\u000a") PHASE("teardown") DONE);
}

Test(trial, failing_probe_and_warmup_are_told_apart)
{
	expect_messages("hook=probe;how=errno", NULL,
		HELLO PHASE("probe") FAIL(
			"probe", "probe returned -2 (No such file or directory) and gave no reason")
			PHASE("teardown") DONE);
	expect_messages("hook=warmup;how=errno", NULL,
		HELLO PHASE("probe") PHASE("setup") PHASE("warmup") FAIL("warmup",
			"warmup returned -2 (No such file or directory) and gave no reason")
			PHASE("teardown") DONE);
}

Test(trial, failing_run_still_reports_its_usage)
{
	expect_messages("hook=run;how=errno", NULL,
		HELLO PHASE("probe") PHASE("setup") PHASE("warmup") PHASE("run") MEASURED FAIL(
			"run", "run returned -2 (No such file or directory) and gave no reason")
			USAGE PHASE("teardown") DONE);
}

Test(trial, failing_verify_and_teardown_are_reported)
{
	expect_messages("hook=verify;how=fail", NULL,
		HELLO PHASE("probe") PHASE("setup") PHASE("warmup") PHASE("run")
			MEASURED USAGE PHASE("verify")
				FAIL("verify", "verify: expected 12, got \\\"11\\\"\\u000a")
					PHASE("teardown") DONE);
	expect_messages("hook=teardown;how=errno", NULL,
		HELLO PHASE("probe") PHASE("setup") PHASE("warmup") PHASE(
			"run") MEASURED USAGE PHASE("verify") PHASE("teardown") FAIL("teardown",
			"teardown returned -2 (No such file or directory) and gave no reason")
			DONE);
}

Test(trial, skipping_ends_the_trial_at_once)
{
	expect_messages("hook=probe;how=skip", NULL,
		HELLO PHASE("probe") "{\"t\":\"skip\",\"reason\":\"needs hugepages\"}\n" DONE);
}

Test(trial, unkept_load_invalidates)
{
	expect_messages("hook=run;how=late", NULL,
		HELLO PHASE("probe") PHASE("setup") PHASE("warmup") PHASE("run") MEASURED
		"{\"t\":\"invalid_load\",\"adherence\":\"0.93\"}\n" USAGE PHASE("teardown") DONE);
}

Test(trial, sabotage_is_called_after_setup_and_only_when_asked)
{
	expect_messages("hook=sabotage;how=errno", NULL,
		HELLO PHASE("probe") PHASE("setup") PHASE("warmup") PHASE("run")
			MEASURED USAGE PHASE("verify") PHASE("teardown") DONE);
	expect_messages("hook=sabotage;how=errno", "--sabotage",
		HELLO PHASE("probe") PHASE("setup") FAIL(
			"setup", "setup returned -2 (No such file or directory) and gave no reason")
			PHASE("teardown") DONE);
}

Test(trial, a_crash_shows_the_phase_it_happened_in)
{
	struct capture capture = capture_program(
		capture_trial(SAMPLE_DRIVER, "faults", "only", "hook=run;how=abort", NULL), 60000);

	cr_assert(WIFSIGNALED(capture.status));
	cr_assert_eq(WTERMSIG(capture.status), SIGABRT);
	cr_assert_str_eq(
		capture.result, HELLO PHASE("probe") PHASE("setup") PHASE("warmup") PHASE("run"));
	capture_finish(&capture);
}

Test(trial, variants_of_a_digest_class_agree_and_sabotage_is_found)
{
	static const char params[] = "alpha=0;count=64;unit=fine";
	struct capture loop =
		capture_main(&sample_driver, capture_trial("driver", "sums", "loop", params, NULL));
	struct capture formula = capture_main(
		&sample_driver, capture_trial("driver", "sums", "formula", params, NULL));
	struct capture wrong = capture_main(
		&sample_driver, capture_trial("driver", "sums", "formula", params, "--sabotage"));
	const char *digest = strstr(loop.result, "{\"t\":\"digest\"");

	cr_assert(digest && strstr(formula.result, digest));
	cr_assert(!strstr(wrong.result, digest));
	cr_assert(strstr(wrong.result, FAIL("verify", "expected 2080, got 2081")));
	cr_assert(!strstr(formula.result, "fail"));
	capture_finish(&loop);
	capture_finish(&formula);
	capture_finish(&wrong);
}

static void expect_usage_error(const char *const *argv, const char *expected)
{
	struct capture capture = capture_main(&sample_driver, argv);

	cr_assert_eq(capture.status, 2);
	cr_assert_str_eq(capture.error, expected);
	cr_assert_str_empty(capture.result);
	capture_finish(&capture);
}

Test(trial, wrong_arguments_are_refused_with_what_is_accepted)
{
	expect_usage_error(capture_trial("driver", "fault", "only", "", NULL),
		"hotbed-sample: unknown experiment 'fault'; did you mean 'faults'?\n");
	expect_usage_error(capture_trial("driver", "sums", "looop", "", NULL),
		"hotbed-sample: unknown variant 'looop'; did you mean 'loop'?\n");
	expect_usage_error(capture_trial("driver", "sums", "loop", "alpha=0;unit=fine", NULL),
		"hotbed-sample: sums: parameter 'count' is missing from 'alpha=0;unit=fine'\n");
	expect_usage_error(
		capture_trial("driver", "sums", "loop", "alpha=0;count=1K;unit=fine", NULL),
		"hotbed-sample: sums: 'alpha=0;count=1K;unit=fine' is not a point: "
		"the fine unit is for counts up to 64\n");
	expect_usage_error(capture_trial("driver", "sums", "loop", "alpha=0;count=1;count=2", NULL),
		"hotbed-sample: sums: parameter 'count' is given twice\n");
	expect_usage_error(capture_trial("driver", "faults", "only", "", "--cpus=load"),
		"hotbed-sample: faults: parameter 'hook' is missing from ''\n");
	expect_usage_error(
		capture_trial("driver", "faults", "only", "hook=none;how=fail", "--cpus=load=1-x"),
		"hotbed-sample: --cpus: '1-x' of role 'load' is no CPU; expected 0, 0-3 or "
		"0-3+6\n");
	expect_usage_error((const char *const[]){"driver", "--describe", "--trial", NULL},
		"hotbed-sample: give one of --describe, --points and --trial; see --help\n");
	expect_usage_error((const char *const[]){"driver", "--nosuch", NULL},
		"hotbed-sample: --nosuch: unknown option; see --help\n");
	expect_usage_error((const char *const[]){"driver", "--points", NULL},
		"hotbed-sample: --points: the option lacks its value; see --help\n");
	expect_usage_error(
		(const char *const[]){"driver", "--points", "sums", "--sweep", "tiny", NULL},
		"hotbed-sample: --sweep=tiny: accepted: quick, default, full\n");
}

Test(trial, a_closed_result_descriptor_is_refused)
{
	struct capture capture = capture_main(&sample_driver,
		(const char *const[]){"driver", "--trial", "--experiment", "faults", "--variant",
			"only", "--params", "hook=none;how=fail", "--seed", "1", "--tmpdir", "/tmp",
			"--result-fd", "77", NULL});

	cr_assert_eq(capture.status, 2);
	cr_assert_str_eq(capture.error, "hotbed-sample: --result-fd=77: not an open descriptor\n");
	capture_finish(&capture);
}

/*
 * Children whose ids the driver printed; the test process is their subreaper. Returns how many were
 * alive.
 */
static int reap_strays(const struct capture *capture)
{
	char *rest = capture->error;
	int reaped = 0;

	while (*rest) {
		pid_t pid = (pid_t)strtol(rest, &rest, 10);
		int status;

		cr_assert(pid > 1);
		while (*rest == '\n')
			rest++;
		/* If it lived on, waiting would not end and the test's time limit would tell. */
		if (waitpid(pid, &status, 0) == pid) {
			/*
			 * A copy whose parent died before it could ask for the signal leaves with
			 * 126.
			 */
			cr_assert(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL
						      : WEXITSTATUS(status) == 126);
			reaped++;
		}
	}
	return reaped;
}

Test(trial, children_left_running_are_stopped_and_reaped)
{
	struct capture capture;

	cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	capture = capture_program(
		capture_trial(SAMPLE_DRIVER, "children", "only", "end=return", NULL), 60000);
	cr_assert(WIFEXITED(capture.status) && WEXITSTATUS(capture.status) == 0);
	cr_assert(!strstr(capture.result, "fail"), "%s", capture.result);
	cr_assert(strstr(capture.result, DONE));
	cr_assert_eq(reap_strays(&capture), 0);
	capture_finish(&capture);
}

Test(trial, children_die_with_a_killed_driver)
{
	struct capture capture;

	cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	capture = capture_program(
		capture_trial(SAMPLE_DRIVER, "children", "only", "end=kill", NULL), 60000);
	cr_assert(WIFSIGNALED(capture.status) && WTERMSIG(capture.status) == SIGKILL);
	cr_assert_eq(reap_strays(&capture), 3);
	capture_finish(&capture);
}

Test(trial, a_network_of_its_own_has_loopback_only)
{
	struct capture capture =
		capture_program(capture_trial(SAMPLE_DRIVER, "network", "only", "", NULL), 60000);

	if (strstr(capture.result, "cannot unshare: Operation not permitted"))
		cr_skip("this kernel forbids namespaces");
	cr_assert(!strstr(capture.result, "fail"), "%s", capture.result);
	cr_assert(strstr(capture.result, "\"interfaces\",\"value\":\"1\""), "%s", capture.result);
	capture_finish(&capture);
}

/* Do this thread and a child of the role run on CPU 0 alone? The child's exit code is grep's. */
static int run_pinned(struct hb_trial *trial)
{
	static const char *const argv[] = {
		"grep", "-q", "^Cpus_allowed_list:[[:space:]]0$", "/proc/self/status", NULL};
	struct hb_child child;
	cpu_set_t cpus;
	int status = 0;

	if (hb_child_start(trial, "load", argv, NULL, &child) ||
		hb_child_wait(&child, 10000, &status) || WEXITSTATUS(status) != 0)
		return hb_trial_fail(trial, "the child of role load ended with %d", status);
	if (hb_trial_pin(trial, "load") || sched_getaffinity(0, sizeof(cpus), &cpus) ||
		CPU_COUNT(&cpus) != 1 || !CPU_ISSET(0, &cpus))
		return hb_trial_fail(trial, "this thread runs on %d CPUs", CPU_COUNT(&cpus));
	hb_trial_metric(trial, "pinned", 1, 1);
	return 0;
}

static int do_nothing(struct hb_trial *trial)
{
	(void)trial;
	return 0;
}

Test(trial, threads_and_children_run_on_the_cpus_of_their_role)
{
	const struct hb_metric metrics[] = {
		{.name = "pinned", .unit = "1", .help = "1"}, {.name = NULL}};
	const struct hb_variant variants[] = {{.name = "only",
						      .role = HB_ROLE_BASELINE,
						      .help = "only",
						      .run = run_pinned,
						      .verify = do_nothing,
						      .sabotage = do_nothing},
		{.name = NULL}};
	const struct hb_experiment experiment = {
		.name = "roles", .question = "Pinned?", .metrics = metrics, .variants = variants};
	const struct hb_experiment *const experiments[] = {&experiment, NULL};
	const struct hb_driver driver = {
		.subproject = "roles", .version = "1", .experiments = experiments};
	struct capture capture = capture_main(
		&driver, capture_trial("driver", "roles", "only", "", "--cpus=system=0-1,load=0"));
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) || !CPU_ISSET(0, &cpus))
		cr_skip("this process may not run on CPU 0");
	cr_assert(!strstr(capture.result, "fail"), "%s", capture.result);
	cr_assert(strstr(capture.result, "\"pinned\",\"value\":\"1\""));
	capture_finish(&capture);
}
