/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What processes use and what disturbs them, from /proc and getrusage. Linux only: proc(5),
 * getrusage(2), Documentation/accounting/psi.rst.
 */
#include <hotbed/trial.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "state.h"

#define PROC_BYTES \
	8192 /* the part of a /proc file that is read; what we look for stands near its start */
#define STEAL_FIELD \
	8 /* of /proc/stat's "cpu" line: user nice system idle iowait irq softirq steal */

/* The start of a small file, terminated. Length, or -errno. */
static ssize_t read_start(const char *path, char *buffer)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;
	int err;

	if (fd < 0)
		return -errno;
	length = read(fd, buffer, PROC_BYTES - 1);
	err = errno;
	(void)close(fd);
	if (length < 0)
		return -err;
	buffer[length] = '\0';
	return length;
}

/* The number after @label (and blanks, colons, equal signs) in @text; 0 if it is not there. */
static uint64_t number_after(const char *text, const char *label)
{
	const char *at = strstr(text, label);

	if (!at)
		return 0;
	at += strlen(label);
	at += strspn(at, " \t:=");
	return strtoull(at, NULL, 10);
}

static uint64_t read_steal_ticks(void)
{
	char text[PROC_BYTES];
	char *at = text + 3;
	uint64_t ticks = 0;

	if (read_start("/proc/stat", text) < 0 || strncmp(text, "cpu", 3) != 0)
		return 0;
	for (int field = 1; field <= STEAL_FIELD; field++)
		ticks = strtoull(at, &at, 10);
	return ticks;
}

static uint64_t read_psi_cpu_us(void)
{
	char text[PROC_BYTES];

	if (read_start("/proc/pressure/cpu", text) < 0)
		return 0;
	return number_after(text, "total");
}

static uint64_t read_migrations(const char *path)
{
	char text[PROC_BYTES];

	if (read_start(path, text) < 0)
		return 0;
	return number_after(text, "se.nr_migrations");
}

void hb_noise_sample(struct hb_noise *ret)
{
	struct rusage usage = {0};

	(void)getrusage(RUSAGE_SELF, &usage);
	*ret = (struct hb_noise){
		.steal_ticks = read_steal_ticks(),
		.psi_cpu_us = read_psi_cpu_us(),
		.switches_involuntary = (uint64_t)usage.ru_nivcsw,
		.migrations = read_migrations("/proc/self/sched"),
	};
}

/*
 * Counters may step back (a hypervisor's steal, a thread's exit); a negative difference counts as
 * 0.
 */
static uint64_t grown(uint64_t before, uint64_t after)
{
	return after > before ? after - before : 0;
}

static uint64_t share_ppm(double part_ns, double whole_ns)
{
	double ppm = whole_ns > 0 ? part_ns / whole_ns * 1e6 : 0;

	return ppm < 1e6 ? (uint64_t)ppm : 1000000;
}

void hb_noise_emit(const struct hb_noise *before, const struct hb_noise *after, int64_t run_ns,
	struct hb_emit *emit)
{
	double tick_ns = 1e9 / (double)sysconf(_SC_CLK_TCK);
	double cpus = (double)sysconf(_SC_NPROCESSORS_ONLN);
	double steal_ns = (double)grown(before->steal_ticks, after->steal_ticks) * tick_ns;
	double psi_ns = (double)grown(before->psi_cpu_us, after->psi_cpu_us) * 1e3;

	hb_emit_u64(emit, "run_ns", (uint64_t)run_ns);
	hb_emit_u64(emit, "steal_ppm", share_ppm(steal_ns, (double)run_ns * cpus));
	hb_emit_u64(emit, "psi_ppm", share_ppm(psi_ns, (double)run_ns));
	hb_emit_u64(emit, "switches_involuntary",
		grown(before->switches_involuntary, after->switches_involuntary));
	hb_emit_u64(emit, "migrations", grown(before->migrations, after->migrations));
}

/*
 * CPU time and faults of /proc/PID/stat; the name before them may hold anything, parentheses too.
 */
static int read_stat(pid_t pid, struct hb_usage *usage)
{
	int64_t tick_ns = 1000000000 / sysconf(_SC_CLK_TCK);
	char path[64], text[PROC_BYTES];
	uint64_t minor, major, user, system;
	const char *at;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (read_start(path, text) < 0)
		return -ESRCH;
	at = strrchr(text, ')');
	if (!at || sscanf(at,
			   ") %*c %*d %*d %*d %*d %*d %*u %" SCNu64 " %*u %" SCNu64 " %*u %" SCNu64
			   " %" SCNu64,
			   &minor, &major, &user, &system) != 4)
		return -ESRCH;
	usage->faults_minor = minor;
	usage->faults_major = major;
	usage->cpu_user_ns = (int64_t)user * tick_ns;
	usage->cpu_system_ns = (int64_t)system * tick_ns;
	return 0;
}

static int64_t timeval_ns(struct timeval time)
{
	return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

/* getrusage counts in microseconds where /proc counts in ticks, but only for ourselves. */
static void read_rusage(struct hb_usage *usage)
{
	struct rusage own = {0};

	(void)getrusage(RUSAGE_SELF, &own);
	usage->cpu_user_ns = timeval_ns(own.ru_utime);
	usage->cpu_system_ns = timeval_ns(own.ru_stime);
	usage->faults_minor = (uint64_t)own.ru_minflt;
	usage->faults_major = (uint64_t)own.ru_majflt;
	usage->switches_voluntary = (uint64_t)own.ru_nvcsw;
	usage->switches_involuntary = (uint64_t)own.ru_nivcsw;
}

int hb_usage_sample(pid_t pid, struct hb_usage *ret)
{
	char path[64], text[PROC_BYTES];
	pid_t target = pid ? pid : getpid();
	struct hb_usage usage = {0};

	if (read_stat(target, &usage))
		return -ESRCH;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", target);
	if (read_start(path, text) < 0)
		return -ESRCH;
	usage.rss_bytes = number_after(text, "\nVmRSS") << 10;
	usage.rss_peak_bytes = number_after(text, "\nVmHWM") << 10;
	usage.switches_voluntary = number_after(text, "\nvoluntary_ctxt_switches");
	usage.switches_involuntary = number_after(text, "\nnonvoluntary_ctxt_switches");
	(void)snprintf(path, sizeof(path), "/proc/%d/sched", target);
	usage.migrations = read_migrations(path);
	usage.psi_cpu_us = read_psi_cpu_us();
	usage.steal_ns = (int64_t)read_steal_ticks() * (1000000000 / sysconf(_SC_CLK_TCK));
	if (pid == 0)
		read_rusage(&usage);
	*ret = usage;
	return 0;
}
