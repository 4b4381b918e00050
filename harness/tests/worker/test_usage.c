/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/trial.h>

#define TOUCHED_BYTES (32 << 20)

static struct hb_usage sample(pid_t pid)
{
	struct hb_usage usage;

	cr_assert_eq(hb_usage_sample(pid, &usage), 0);
	return usage;
}

static void burn_cpu(int64_t ns)
{
	int64_t end_ns = hb_clock_cpu_ns() + ns;

	while (hb_clock_cpu_ns() < end_ns)
		continue;
}

Test(usage, cpu_time_agrees_with_the_process_clock)
{
	int64_t outer_start_ns = hb_clock_cpu_ns();
	struct hb_usage before = sample(0), after;
	int64_t inner_start_ns = hb_clock_cpu_ns();
	int64_t inner_ns, outer_ns, measured_ns;

	burn_cpu(100000000);
	inner_ns = hb_clock_cpu_ns() - inner_start_ns;
	after = sample(0);
	outer_ns = hb_clock_cpu_ns() - outer_start_ns;
	measured_ns =
		after.cpu_user_ns + after.cpu_system_ns - before.cpu_user_ns - before.cpu_system_ns;
	/* getrusage cuts user and system time to microseconds, at both ends. */
	cr_assert(measured_ns >= inner_ns - 4000 && measured_ns <= outer_ns + 4000,
		"%lld ns, expected %lld to %lld", (long long)measured_ns, (long long)inner_ns,
		(long long)outer_ns);
}

Test(usage, touched_pages_are_faults_and_resident_memory)
{
	long page_bytes = sysconf(_SC_PAGESIZE);
	char *memory = mmap(
		NULL, TOUCHED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct hb_usage before, after;

	cr_assert(memory != MAP_FAILED);
	(void)madvise(memory, TOUCHED_BYTES, MADV_NOHUGEPAGE);
	before = sample(0);
	for (long at = 0; at < TOUCHED_BYTES; at += page_bytes)
		((volatile char *)memory)[at] = 1;
	after = sample(0);
	cr_assert(
		after.faults_minor - before.faults_minor >= (uint64_t)(TOUCHED_BYTES / page_bytes));
	/* The kernel counts resident pages in batches per CPU; half of it is beyond any batch. */
	cr_assert(after.rss_bytes >= before.rss_bytes + TOUCHED_BYTES / 2);
	cr_assert(after.rss_peak_bytes >= after.rss_bytes);
	(void)munmap(memory, TOUCHED_BYTES);
}

Test(usage, sleeping_is_a_voluntary_switch)
{
	struct hb_usage before = sample(0), after;

	for (int i = 0; i < 20; i++)
		(void)hb_clock_sleep_until(hb_clock_now_ns() + 100000, 0);
	after = sample(0);
	cr_assert(after.switches_voluntary - before.switches_voluntary >= 20);
}

Test(usage, another_process_is_sampled_until_it_is_reaped)
{
	struct hb_usage usage;
	int ready[2];
	char byte;
	pid_t pid;

	cr_assert_eq(pipe(ready), 0);
	pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0) {
		burn_cpu(100000000);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	usage = sample(pid);
	/* Ticks of 10 ms, user and system apart. */
	cr_assert(usage.cpu_user_ns + usage.cpu_system_ns >= 80000000);
	cr_assert(usage.rss_bytes > 0);
	(void)kill(pid, SIGKILL);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	cr_assert_eq(hb_usage_sample(pid, &usage), -ESRCH);
}
