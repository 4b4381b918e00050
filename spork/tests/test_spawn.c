/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target.h"

static int run_target(const char *nonce)
{
	char *const argv[] = {(char *)TARGET, (char *)nonce, NULL};
	int status;
	pid_t pid;

	cr_assert_eq(posix_spawn(&pid, TARGET, NULL, NULL, argv, environ), 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

Test(spawn, target_answers_its_nonce)
{
	/* FNV-1a's published test vectors: "", "a", "foobar". */
	cr_assert_eq(spork_target_answer(""), UINT64_C(0xcbf29ce484222325));
	cr_assert_eq(spork_target_answer("a"), UINT64_C(0xaf63dc4c8601ec8c));
	cr_assert_eq(spork_target_answer("foobar"), UINT64_C(0x85944171f73967e8));
	cr_assert_eq(run_target("foobar"), 1 + (int)(UINT64_C(0x85944171f73967e8) % 100));
	cr_assert_eq(run_target("a"), 1 + (int)(UINT64_C(0xaf63dc4c8601ec8c) % 100));
}

Test(spawn, no_answer_is_what_a_child_without_the_target_gives)
{
	char nonce[24];

	for (int i = 0; i < 100000; i++) {
		int status;

		(void)snprintf(nonce, sizeof(nonce), "%016x", i);
		status = spork_target_status(nonce);
		cr_assert(status >= 1 && status <= 100);
	}
}

/* The value of metric @name in a trial's messages. */
static double metric(const char *messages, const char *name)
{
	char wanted[64];
	const char *at;

	(void)snprintf(wanted, sizeof(wanted), "\"name\":\"%s\",\"value\":\"", name);
	at = strstr(messages, wanted);
	cr_assert(at, "no metric %s in %s", name, messages);
	return strtod(at + strlen(wanted), NULL);
}

/* A quick trial of 1 MiB; its messages, in static storage. */
static const char *run_trial(const char *experiment, const char *variant, const char *params)
{
	static char messages[1 << 16];
	char command[1024];
	size_t length;
	FILE *pipe;

	(void)snprintf(command, sizeof(command),
		DRIVER " --trial --experiment %s --variant %s --params '%s' --seed 1 --result-fd 1 "
		       "--tmpdir /tmp --quick",
		experiment, variant, params);
	pipe = popen(command, "re");
	cr_assert(pipe);
	length = fread(messages, 1, sizeof(messages) - 1, pipe);
	messages[length] = '\0';
	cr_assert_eq(pclose(pipe), 0);
	cr_assert(!strstr(messages, "\"fail\""), "%s", messages);
	return messages;
}

Test(spawn, the_parent_runs_again_before_the_child_is_reaped)
{
	static const char *const variants[] = {"fork", "vfork", "posix_spawn"};
	static const char *const targets[] = {"static", "true"};

	for (size_t i = 0; i < 6; i++) {
		char params[64];
		const char *messages;

		(void)snprintf(params, sizeof(params), "cpu=any;pages=4k;rss_bytes=1M;target=%s",
			targets[i / 3]);
		messages = run_trial("spawn-latency", variants[i % 3], params);
		cr_assert(metric(messages, "call_p50") <= metric(messages, "total_p50"));
		cr_assert(metric(messages, "call_p50") <= metric(messages, "call_p99"));
		cr_assert(metric(messages, "call_p50") > 0);
	}
}

Test(spawn, only_fork_makes_the_parent_fault_on_each_page_it_writes_again)
{
	static const char params[] = "cpu=any;pages=4k;rss_bytes=1M;target=static";
	double pages = (double)((1 << 20) / sysconf(_SC_PAGESIZE));

	cr_assert(metric(run_trial("spawn-latency", "fork", params), "rewrite_faults") >= pages);
	cr_assert(metric(run_trial("spawn-latency", "vfork", params), "rewrite_faults") < pages);
	cr_assert(metric(run_trial("spawn-latency", "posix_spawn", params), "rewrite_faults") <
		  pages);
}

Test(spawn, bystander_counts_what_was_started)
{
	static const char params[] = "rss_bytes=1M";

	cr_assert_eq(metric(run_trial("bystander", "none", params), "starts"), 0);
	cr_assert(metric(run_trial("bystander", "fork", params), "starts") >= 1);
	cr_assert(metric(run_trial("bystander", "posix_spawn", params), "ops_per_s") > 0);
}
