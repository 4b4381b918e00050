/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "doctor.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <hotbed/clock.h>

#include "sysfile.h"

#define MIB (1024.0 * 1024)
#define GIB (1024.0 * MIB)
/* The largest point of a default run touches 1 GiB; with as much again it cannot push the machine into reclaim. */
#define MEMORY_BYTES_MIN (2 * GIB)
/* A full run with logs and histograms stays below this. */
#define DISK_BYTES_MIN (1 * GIB)
/* A tick is 10 ms in /proc/stat: below a tick in the sample nothing can be said. */
#define STEAL_SHARE_MAX 0.01
#define BUSY_SHARE_MAX 0.10

struct examination {
	const char *root;
	const char *results;
	unsigned int sample_ms;
	struct hb_finding *findings;
	size_t count;
};

static struct hb_finding *put(struct examination *exam, const char *name,
	enum hb_finding_state state, const char *format, ...) __attribute__((format(printf, 4, 5)));

static struct hb_finding *put(struct examination *exam, const char *name,
	enum hb_finding_state state, const char *format, ...)
{
	struct hb_finding *finding = &exam->findings[exam->count++];
	va_list values;

	finding->name = name;
	finding->state = state;
	finding->advice[0] = '\0';
	va_start(values, format);
	vsnprintf(finding->found, sizeof(finding->found), format, values);
	va_end(values);
	return finding;
}

static void advise(struct hb_finding *finding, const char *advice)
{
	if (finding->state != HB_FINDING_OK)
		snprintf(finding->advice, sizeof(finding->advice), "%s", advice);
}

static enum hb_finding_state warn_if(int condition)
{
	return condition ? HB_FINDING_WARN : HB_FINDING_OK;
}

/* The value of a setting, or "" where the kernel has none. */
static const char *setting(
	const struct examination *exam, const char *path, char *buffer, size_t size_bytes)
{
	(void)hb_sysfile_read(exam->root, path, buffer, size_bytes);
	hb_sysfile_selected(buffer);
	return buffer;
}

static void check_cpus(struct examination *exam)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	advise(put(exam, "cpus", warn_if(count < 2), "%ld online", count),
		"with one CPU the load generator and the system under test share it: read "
		"latencies as upper bounds");
}

static void check_load(struct examination *exam)
{
	char text[128];
	double load = 0;
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	if (hb_sysfile_read(exam->root, "/proc/loadavg", text, sizeof(text)) > 0)
		load = strtod(text, NULL);
	advise(put(exam, "load", warn_if(load > 0.5 * (double)count),
		       "%.2f on average over the last minute, %ld CPUs", load, count),
		"other programs are running: stop them, or wait a minute");
}

/* Ticks of the first line of /proc/stat. Returns 0 or -errno. */
static int read_ticks(
	const char *root, uint64_t *ret_total, uint64_t *ret_idle, uint64_t *ret_steal)
{
	char text[512];
	uint64_t total = 0;
	char *at;

	if (hb_sysfile_read(root, "/proc/stat", text, sizeof(text)) <= 0 ||
		strncmp(text, "cpu ", 4) != 0)
		return -ENOENT;
	at = text + 4;
	/* user nice system idle iowait irq softirq steal; guest time is already in user. */
	for (int i = 0; i < 8; i++) {
		uint64_t ticks = strtoull(at, &at, 10);

		total += ticks;
		if (i == 3)
			*ret_idle = ticks;
		if (i == 4)
			*ret_idle += ticks;
		if (i == 7)
			*ret_steal = ticks;
	}
	*ret_total = total;
	return 0;
}

static void check_steal(struct examination *exam)
{
	uint64_t total[2] = {0}, idle[2] = {0}, steal[2] = {0};
	double elapsed, stolen, busy;
	int r = read_ticks(exam->root, &total[0], &idle[0], &steal[0]);

	(void)hb_clock_sleep_until(hb_clock_now_ns() + exam->sample_ms * 1000000LL, 0);
	if (r == 0)
		r = read_ticks(exam->root, &total[1], &idle[1], &steal[1]);
	if (r < 0) {
		put(exam, "steal", HB_FINDING_NOTE, "/proc/stat cannot be read");
		return;
	}
	elapsed = total[1] > total[0] ? (double)(total[1] - total[0]) : 1;
	stolen = (double)(steal[1] - steal[0]) / elapsed;
	busy = 1 - (double)(idle[1] - idle[0]) / elapsed - stolen;
	if (total[1] <= total[0])
		busy = 0;
	advise(put(exam, "steal", warn_if(stolen > STEAL_SHARE_MAX),
		       "%.1f %% of CPU time taken by the hypervisor in %u ms", 100 * stolen,
		       exam->sample_ms),
		"other machines share this host: blocks with steal are run again, at most twice; "
		"expect wider intervals");
	advise(put(exam, "cpu-use", warn_if(busy > BUSY_SHARE_MAX),
		       "%.0f %% of all CPUs busy in %u ms", busy > 0 ? 100 * busy : 0.0,
		       exam->sample_ms),
		"another program runs right now: 'top' shows which");
}

static void check_frequency(struct examination *exam)
{
	char governor[64], intel[16], boost[16];
	int turbo;

	setting(exam, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", governor,
		sizeof(governor));
	if (!governor[0])
		put(exam, "governor", HB_FINDING_OK, "clock speed is not controlled from here");
	else
		advise(put(exam, "governor", warn_if(strcmp(governor, "performance") != 0), "%s",
			       governor),
			"as root: echo performance | tee "
			"/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor");
	setting(exam, "/sys/devices/system/cpu/intel_pstate/no_turbo", intel, sizeof(intel));
	setting(exam, "/sys/devices/system/cpu/cpufreq/boost", boost, sizeof(boost));
	turbo = !strcmp(intel, "0") || (!intel[0] && !strcmp(boost, "1"));
	if (!intel[0] && !boost[0])
		put(exam, "turbo", HB_FINDING_OK, "not controlled from here");
	else
		advise(put(exam, "turbo", warn_if(turbo), "%s", turbo ? "on" : "off"),
			intel[0] ? "clock speed follows temperature; as root: echo 1 > "
				   "/sys/devices/system/cpu/intel_pstate/no_turbo"
				 : "clock speed follows temperature; as root: echo 0 > "
				   "/sys/devices/system/cpu/cpufreq/boost");
}

static void check_kernel(struct examination *exam)
{
	static const char *const good_clocks[] = {
		"tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page", "xen", NULL};
	char text[128];
	size_t i = 0;

	setting(exam, "/sys/devices/system/clocksource/clocksource0/current_clocksource", text,
		sizeof(text));
	while (good_clocks[i] && strcmp(text, good_clocks[i]) != 0)
		i++;
	advise(put(exam, "clocksource", warn_if(!good_clocks[i]), "%s", text[0] ? text : "unknown"),
		"reading this clock is a slow system call; boot with tsc=reliable if the CPU's "
		"counter is sound");
	setting(exam, "/proc/sys/kernel/randomize_va_space", text, sizeof(text));
	/* One layout for all trials is a bias that no repetition averages out (Mytkowicz et al., ASPLOS'09). */
	advise(put(exam, "aslr", warn_if(strcmp(text, "2") != 0), "randomize_va_space is %s",
		       text[0] ? text : "unknown"),
		"every trial sees the same addresses, a bias repetition cannot remove; as root: "
		"sysctl kernel.randomize_va_space=2");
	setting(exam, "/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof(text));
	advise(put(exam, "thp", warn_if(!text[0] || !strcmp(text, "never")),
		       "transparent huge pages: %s", text[0] ? text : "not in this kernel"),
		"points that need huge pages are skipped; as root: echo madvise > "
		"/sys/kernel/mm/transparent_hugepage/enabled");
}

static void check_battery(struct examination *exam)
{
	char folder[PATH_MAX];
	char path[PATH_MAX];
	char text[64];
	const struct dirent *entry;
	int discharging = 0, batteries = 0;
	DIR *dir;

	snprintf(folder, sizeof(folder), "%s/sys/class/power_supply", exam->root);
	dir = opendir(folder);
	while (dir && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/class/power_supply/%s/type", entry->d_name);
		if (strcmp(setting(exam, path, text, sizeof(text)), "Battery") != 0)
			continue;
		batteries++;
		snprintf(path, sizeof(path), "/sys/class/power_supply/%s/status", entry->d_name);
		if (!strcmp(setting(exam, path, text, sizeof(text)), "Discharging"))
			discharging++;
	}
	if (dir)
		closedir(dir);
	advise(put(exam, "battery", warn_if(discharging), "%s",
		       discharging ? "running on battery"
				   : (batteries ? "on mains power" : "none")),
		"the firmware saves power on battery: plug the machine in");
}

static void check_memory(struct examination *exam)
{
	double available = (double)hb_sysfile_kib(exam->root, "/proc/meminfo", "MemAvailable");

	advise(put(exam, "memory", warn_if(available < MEMORY_BYTES_MIN), "%.1f GiB available",
		       available / GIB),
		"points that need more are skipped and named in the report: free some memory");
}

static void check_disk(struct examination *exam)
{
	struct statvfs status;
	double available;

	if (statvfs(exam->results, &status) < 0) {
		advise(put(exam, "disk", HB_FINDING_WARN, "%s: %s", exam->results, strerror(errno)),
			"results cannot be written there: use --out DIR");
		return;
	}
	available = (double)status.f_bavail * (double)status.f_frsize;
	if (access(exam->results, W_OK) < 0)
		advise(put(exam, "disk", HB_FINDING_WARN, "%s is not writable", exam->results),
			"change to a folder of yours, or use --out DIR");
	else
		advise(put(exam, "disk", warn_if(available < DISK_BYTES_MIN),
			       "%.1f GiB free for results", available / GIB),
			"a run stops with exit code 6 when the disk is full: free some space");
}

/* Bandwidth control stops the whole group for the rest of a period once its share is used up. */
static void check_cgroup(struct examination *exam)
{
	char text[128];
	int limited;

	setting(exam, "/sys/fs/cgroup/cpu.max", text, sizeof(text));
	limited = text[0] && strncmp(text, "max", 3) != 0;
	if (hb_sysfile_i64(exam->root, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", -1) > 0)
		limited = 1;
	advise(put(exam, "cgroup", warn_if(limited), "%s",
		       limited ? "a CPU quota is set" : "no CPU quota"),
		"the kernel halts this group when its quota is spent, which shows as stalls: "
		"lift the quota");
}

static int find_program(const char *name)
{
	const char *paths = getenv("PATH");
	char path[PATH_MAX];

	while (paths && *paths) {
		size_t length = strcspn(paths, ":");

		if (snprintf(path, sizeof(path), "%.*s/%s", (int)length, paths, name) <
				(int)sizeof(path) &&
			!access(path, X_OK))
			return 1;
		paths += length + (paths[length] == ':');
	}
	return 0;
}

static void check_optional(struct examination *exam)
{
	static const struct {
		const char *program;
		const char *purpose;
	} parts[] = {
		{"git", "the commit in env.json"},
		{"chromium", "the browser test of the report, 'export figures --png'"},
		{"clang", "the fuzz targets and the sanitizer build"},
		{"mandoc", "the check of the man pages"},
		{"Rscript", "the R example of the CSV reference"},
	};
	char missing[200] = "";
	size_t length = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (!find_program(parts[i].program))
			length += (size_t)snprintf(missing + length, sizeof(missing) - length,
				"%s%s (%s)", length ? ", " : "", parts[i].program,
				parts[i].purpose);
	advise(put(exam, "optional", length ? HB_FINDING_NOTE : HB_FINDING_OK, "%s",
		       length ? missing : "all optional programs are there"),
		"'./hotbed setup --all' installs them");
}

size_t hb_doctor_examine(
	const char *root, const char *results, unsigned int sample_ms, struct hb_finding *ret)
{
	static void (*const checks[])(struct examination * exam) = {
		check_cpus,
		check_load,
		check_steal,
		check_frequency,
		check_kernel,
		check_battery,
		check_memory,
		check_disk,
		check_cgroup,
		check_optional,
	};
	struct examination exam = {root, results, sample_ms, ret, 0};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](&exam);
	return exam.count;
}
