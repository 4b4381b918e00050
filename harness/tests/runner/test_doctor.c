/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "doctor.h"
#include "sysfile.h"

static char root[] = "/tmp/hotbed-doctor-XXXXXX";

/* Writes @text to @path below the root, making its folders. */
static void put(const char *path, const char *text)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *slash = strchr(full + strlen(root) + 1, '/'); slash;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(full, 0755);
		*slash = '/';
	}
	file = fopen(full, "w");
	cr_assert(file, "%s", full);
	fputs(text, file);
	fclose(file);
}

/* A quiet machine with everything as it should be. */
static void make_root(void)
{
	cr_assert(mkdtemp(root));
	put("/proc/loadavg", "0.01 0.02 0.03 1/100 4711\n");
	put("/proc/stat", "cpu  100 0 50 9000 0 0 0 0 0 0\ncpu0 100 0 50 9000 0 0 0 0 0 0\n");
	put("/proc/meminfo", "MemTotal:       16384000 kB\nMemAvailable:   12000000 kB\n");
	put("/proc/sys/kernel/randomize_va_space", "2\n");
	put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
	put("/sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
	put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
	put("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	put("/sys/class/power_supply/BAT0/type", "Battery\n");
	put("/sys/class/power_supply/BAT0/status", "Full\n");
	put("/sys/fs/cgroup/cpu.max", "max 100000\n");
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_root(void)
{
	(void)nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static struct hb_finding examine(const char *name)
{
	struct hb_finding findings[HB_FINDINGS_MAX];
	size_t count = hb_doctor_examine(root, root, 1, findings);

	for (size_t i = 0; i < count; i++)
		if (!strcmp(findings[i].name, name))
			return findings[i];
	cr_assert_fail("no check is called %s", name);
	return (struct hb_finding){0};
}

Test(doctor, a_quiet_machine_has_no_warning, .init = make_root, .fini = remove_root)
{
	static const char *const machine[] = {"load", "steal", "cpu-use", "governor", "turbo",
		"clocksource", "aslr", "thp", "battery", "memory", "cgroup", NULL};

	for (size_t i = 0; machine[i]; i++)
		cr_assert_eq(examine(machine[i]).state, HB_FINDING_OK, "%s: %s", machine[i],
			examine(machine[i]).found);
}

Test(doctor, each_bad_setting_is_found_alone_and_comes_with_advice, .init = make_root,
	.fini = remove_root)
{
	static const struct {
		const char *name, *path, *bad, *good;
	} cases[] = {
		{"load", "/proc/loadavg", "900.00 1.00 1.00 1/1 1\n", "0.00 0.00 0.00 1/1 1\n"},
		{"governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n",
			"performance\n"},
		{"turbo", "/sys/devices/system/cpu/intel_pstate/no_turbo", "0\n", "1\n"},
		{"clocksource", "/sys/devices/system/clocksource/clocksource0/current_clocksource",
			"hpet\n", "tsc\n"},
		{"aslr", "/proc/sys/kernel/randomize_va_space", "0\n", "2\n"},
		{"thp", "/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n",
			"[always] madvise never\n"},
		{"battery", "/sys/class/power_supply/BAT0/status", "Discharging\n", "Charging\n"},
		{"memory", "/proc/meminfo", "MemAvailable:   1000000 kB\n",
			"MemAvailable:   4000000 kB\n"},
		{"cgroup", "/sys/fs/cgroup/cpu.max", "50000 100000\n", "max 100000\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hb_finding finding;

		put(cases[i].path, cases[i].bad);
		finding = examine(cases[i].name);
		cr_assert_eq(finding.state, HB_FINDING_WARN, "%s: %s", finding.name, finding.found);
		cr_assert(finding.advice[0], "%s", finding.name);
		put(cases[i].path, cases[i].good);
		finding = examine(cases[i].name);
		cr_assert_eq(finding.state, HB_FINDING_OK, "%s: %s", finding.name, finding.found);
		cr_assert_str_eq(finding.advice, "");
	}
}

Test(doctor, a_machine_that_tells_nothing_is_examined_to_the_end, .fini = remove_root)
{
	struct hb_finding findings[HB_FINDINGS_MAX];
	size_t count;

	cr_assert(mkdtemp(root));
	count = hb_doctor_examine(root, "/nonexistent/folder", 1, findings);
	cr_assert(count > 10 && count <= HB_FINDINGS_MAX);
	cr_assert_eq(examine("governor").state, HB_FINDING_OK);
	for (size_t i = 0; i < count; i++)
		if (!strcmp(findings[i].name, "disk"))
			cr_assert_eq(findings[i].state, HB_FINDING_WARN);
}

Test(sysfile, keys_match_whole_words_at_the_start_of_a_line, .init = make_root, .fini = remove_root)
{
	char value[64];

	put("/proc/cpuinfo", "model\t\t: 143\nmodel name\t: Some CPU @ 2 GHz\nmodel : 9\n");
	cr_assert(hb_sysfile_key(root, "/proc/cpuinfo", "model", value, sizeof(value)) > 0);
	cr_assert_str_eq(value, "143");
	cr_assert(hb_sysfile_key(root, "/proc/cpuinfo", "model name", value, sizeof(value)) > 0);
	cr_assert_str_eq(value, "Some CPU @ 2 GHz");
	cr_assert(hb_sysfile_key(root, "/proc/cpuinfo", "name", value, sizeof(value)) < 0);
	cr_assert_str_eq(value, "");
	cr_assert_eq(hb_sysfile_kib(root, "/proc/meminfo", "MemTotal"), 16384000ULL * 1024);
}

Test(sysfile, numbers_with_other_text_give_the_fallback, .init = make_root, .fini = remove_root)
{
	put("/a", "17\n");
	put("/b", "17 apples\n");
	cr_assert_eq(hb_sysfile_i64(root, "/a", -1), 17);
	cr_assert_eq(hb_sysfile_i64(root, "/b", -1), -1);
	cr_assert_eq(hb_sysfile_i64(root, "/c", -1), -1);
}
