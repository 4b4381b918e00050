/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scripts of this machine through the whole analysis: no crash, no memory without bound, few out of budget. They
 * are read, never run. Prints coverage and findings by check.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <hotbed/sanitizer.h>
#include <shcheck/analyse.h>
#include <shcheck/parse.h>
#include <shcheck/report.h>

#include "scripts.h"

/* Sanitizers take ten times as long: fewer and shorter scripts, and less of each. */
enum { SCRIPTS_PER_RUN = HB_IS_SANITIZED ? 24 : 300, IDS_MAX = 1000, SANITIZED_BYTES = 16384 };

static const struct shc_analysis_limits limits = {.steps = HB_IS_SANITIZED ? 10000 : 0};

#define EXHAUSTED_PER_CENT_MAX 3
#define RESIDENT_KIB_MAX (512L << 10)

struct tally {
	uint64_t scripts, commands, analysed, havoc, exhausted;
	uint64_t findings[IDS_MAX];
	uint64_t loud; /* findings of severity warning and above that are not of syntax */
	uint64_t package_scripts, loud_in_packages;
	double slowest_seconds;
	const char *slowest;
};

static double seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void analyse(const struct shc_source *source, struct tally *tally)
{
	enum shc_dialect dialect = SHC_BASH;
	struct shc_coverage coverage = {0};
	struct shc_findings *findings;
	struct shc_script *script = NULL;
	bool of_package = !strncmp(source->name, "/var/lib/dpkg/info/", 19);

	if (shc_dialect_detect(source, &dialect, NULL) < 0 || shc_findings_create(&findings))
		return;
	if (!shc_parse(source, dialect, findings, &script) &&
		!shc_analyse(script, &limits, findings, &coverage))
		tally->scripts++;
	tally->package_scripts += of_package;
	tally->commands += coverage.commands;
	tally->analysed += coverage.analysed;
	tally->havoc += coverage.havoc;
	tally->exhausted += coverage.budget_exhausted;
	if (coverage.budget_exhausted)
		(void)printf("out of budget: %s\n", source->name);
	for (size_t i = 0; i < shc_findings_count(findings); i++) {
		const struct shc_finding *finding = shc_findings_at(findings, i);

		tally->findings[finding->id]++;
		if (finding->id < 900 && finding->severity <= SHC_SEVERITY_WARNING) {
			tally->loud++;
			tally->loud_in_packages += of_package;
		}
		if (getenv("HB_VERBOSE"))
			(void)printf("%s:%" PRIu32 ": SH%d %s: %s\n", source->name,
				shc_source_place(source, finding->range.start).line, finding->id,
				shc_severity_name(finding->severity), finding->message);
	}
	shc_script_destroy(script);
	shc_findings_destroy(findings);
}

static int compare_seconds(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * How many may be out of budget: the promised share of all scripts. A sample of them has more by chance; three standard
 * deviations of it are granted.
 */
static double exhausted_max(const struct tally *tally, bool sampled)
{
	double share = EXHAUSTED_PER_CENT_MAX / 100.0;
	double expected = share * (double)tally->scripts;

	return sampled ? expected + 3 * sqrt(expected * (1 - share)) : expected;
}

int main(void)
{
	struct scripts scripts = {0};
	size_t found;
	double *times;
	struct tally tally = {0};
	struct rusage usage;
	bool sampled;

	scripts_find(&scripts);
	found = scripts.count;
	scripts_sample(&scripts, SCRIPTS_PER_RUN);
	sampled = scripts.count < found;
	times = calloc(scripts.count + 1, sizeof(*times));
	if (!times)
		return 1;
	for (size_t i = 0; i < scripts.count; i++) {
		struct shc_source *source;
		double start = seconds();

		if (shc_source_read(scripts.paths[i], &source, NULL))
			continue;
		if (!HB_IS_SANITIZED || source->size < SANITIZED_BYTES)
			analyse(source, &tally);
		shc_source_destroy(source);
		times[i] = seconds() - start;
		if (times[i] > tally.slowest_seconds) {
			tally.slowest_seconds = times[i];
			tally.slowest = scripts.paths[i];
		}
	}
	(void)getrusage(RUSAGE_SELF, &usage);
	(void)printf("%" PRIu64 " scripts, %" PRIu64 " commands, %" PRIu64 " analysed, %" PRIu64
		     " approximated, %" PRIu64 " out of budget\n",
		tally.scripts, tally.commands, tally.analysed, tally.havoc, tally.exhausted);
	(void)printf("slowest: %s, %.2f s of CPU; %ld KiB resident\n",
		tally.slowest ? tally.slowest : "none", tally.slowest_seconds, usage.ru_maxrss);
	qsort(times, scripts.count, sizeof(*times), compare_seconds);
	(void)printf("CPU per script: median %.1f ms, 95 %% below %.1f ms\n",
		times[scripts.count / 2] * 1e3, times[scripts.count * 95 / 100] * 1e3);
	(void)printf("warnings and errors beside syntax: %" PRIu64 "; in %" PRIu64
		     " maintainer scripts %" PRIu64 "\n",
		tally.loud, tally.package_scripts, tally.loud_in_packages);
	free(times);
	for (int id = 0; id < IDS_MAX; id++)
		if (tally.findings[id])
			(void)printf("SH%d %" PRIu64 "\n", id, tally.findings[id]);
	scripts_finish(&scripts);
	if (!HB_IS_SANITIZED && (double)tally.exhausted > exhausted_max(&tally, sampled)) {
		(void)printf("FAILED: more than %d %% are out of budget\n", EXHAUSTED_PER_CENT_MAX);
		return 1;
	}
	if (!HB_IS_SANITIZED && usage.ru_maxrss > RESIDENT_KIB_MAX) {
		(void)puts("FAILED: more memory than promised");
		return 1;
	}
	return 0;
}
