/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spork/spawn-latency: what starting a program costs a parent of a given size. Three times per
 * start: until the parent runs again, until the child is reaped, and writing to its own memory
 * again afterwards (after fork every page is copy-on-write until it has been written once). Source:
 * Baumann et al., "A fork() in the road", HotOS'19, Fig. 1.
 */
#include "experiments.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/trial.h>

#include "heap.h"
#include "spawner.h"
#include "under_spork.h"

#define GIB (UINT64_C(1) << 30)
#define HUGE_BYTES (INT64_C(2) << 20)
#define REWRITTEN_PAGES 1024
#define STARTS_MAX 10000
#define STARTS_MIN 10
#define STARTS_MIN_QUICK 3
#define RUN_NS INT64_C(250000000)
#define WARMUP_STARTS 2
#define WARMUP_NS INT64_C(5000000000)

/* One trial. Sample arrays have room for STARTS_MAX. */
struct latency {
	struct spork_heap heap;
	struct spork_spawner spawner;
	int64_t *call_ns, *total_ns, *rewrite_ns;
	size_t count, warm_count;
	uint64_t rewrite_faults;
};

static enum spork_pages pages_of(const struct hb_params *params)
{
	const char *pages = hb_params_text(params, "pages");

	if (strcmp(pages, "thp") == 0)
		return SPORK_PAGES_THP;
	return strcmp(pages, "fragmented") == 0 ? SPORK_PAGES_FRAGMENTED : SPORK_PAGES_4K;
}

static int probe(struct hb_trial *trial)
{
	if (pages_of(hb_trial_params(trial)) == SPORK_PAGES_THP && !spork_thp_available())
		return hb_trial_skip(trial,
			"needs transparent huge pages; set "
			"/sys/kernel/mm/transparent_hugepage/enabled to madvise");
	if (hb_trial_data(trial) == &spork_starter_spork ||
		hb_trial_data(trial) == &spork_starter_spork_shared)
		return under_spork_probe(trial);
	return 0;
}

/* The parent's CPU only, which the child inherits. */
static int stay_on_one_cpu(struct hb_trial *trial)
{
	cpu_set_t one;

	if (strcmp(hb_params_text(hb_trial_params(trial), "cpu"), "one") != 0)
		return 0;
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return hb_trial_fail(trial, "sched_setaffinity: %s", strerror(errno));
	return 0;
}

static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	struct latency *latency = calloc(1, sizeof(*latency));
	enum spork_target target = SPORK_TARGET_STATIC;
	struct hb_error error = {0};

	if (!latency)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, latency);
	if (stay_on_one_cpu(trial))
		return -1;
	latency->call_ns = calloc(3 * STARTS_MAX, sizeof(int64_t));
	if (!latency->call_ns)
		return hb_trial_fail(trial, "no memory");
	latency->total_ns = latency->call_ns + STARTS_MAX;
	latency->rewrite_ns = latency->total_ns + STARTS_MAX;
	/* Touched now, so that run takes no fault of its own. */
	memset(latency->call_ns, 0xff, 3 * STARTS_MAX * sizeof(int64_t));
	if (spork_heap_init(&latency->heap, (size_t)hb_params_i64(params, "rss_bytes"),
		    pages_of(params), REWRITTEN_PAGES, &error))
		return hb_trial_fail(trial, "%s", error.text);
	if (strcmp(hb_params_text(params, "target"), "true") == 0)
		target = SPORK_TARGET_TRUE;
	return spork_spawner_init(
		&latency->spawner, trial, hb_trial_data(trial), &latency->heap, target);
}

static int sabotage(struct hb_trial *trial)
{
	struct latency *latency = hb_trial_state(trial);

	latency->spawner.sabotaged = true;
	return 0;
}

static uint64_t minor_faults(void)
{
	struct rusage usage = {0};

	(void)getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_minflt;
}

/* One start and the writes after it; @index: where its times go. */
static int start_once(struct latency *latency, size_t index)
{
	struct spork_times times;
	uint64_t faults;
	int64_t rewrite_ns;
	int err = spork_spawner_spawn(&latency->spawner, &times);

	if (err)
		return err;
	faults = minor_faults();
	rewrite_ns = hb_clock_now_ns();
	spork_heap_rewrite(&latency->heap);
	rewrite_ns = hb_clock_now_ns() - rewrite_ns;
	latency->rewrite_faults += minor_faults() - faults;
	latency->call_ns[index] = times.called_ns - times.before_ns;
	latency->total_ns[index] = times.reaped_ns - times.before_ns;
	latency->rewrite_ns[index] = rewrite_ns;
	return 0;
}

/* The shared mode may fork (many mappings). */
static bool must_convert(const struct hb_trial *trial)
{
	return under_spork() && hb_trial_data(trial) == &spork_starter_spork;
}

/* After a real fork every page faults once more: has that happened in half of @starts or more? */
static bool has_forked(const struct latency *latency, size_t starts)
{
	return latency->rewrite_faults >= starts * latency->heap.rewritten / 2;
}

/* Until spork starts without a fork: on a busy machine its helper may still be decoding. */
static int warmup(struct hb_trial *trial)
{
	struct latency *latency = hb_trial_state(trial);
	int64_t end_ns = hb_clock_now_ns() + WARMUP_NS;
	bool forks = false;
	int err = 0;

	do {
		latency->rewrite_faults = 0;
		err = start_once(latency, 0);
		latency->warm_count++;
		forks = must_convert(trial) && has_forked(latency, 1);
	} while (!err &&
		 (latency->warm_count < WARMUP_STARTS || (forks && hb_clock_now_ns() < end_ns)));
	latency->rewrite_faults = 0;
	if (err)
		return hb_trial_fail(
			trial, "%s: %s", latency->spawner.starter->name, strerror(-err));
	return 0;
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

/* Sorts @values; the value of rank ceil(@percent / 100 x count). */
static double percentile(int64_t *values, size_t count, size_t percent)
{
	size_t rank = (percent * count + 99) / 100;

	qsort(values, count, sizeof(*values), compare);
	return (double)values[rank - 1];
}

static void report(struct hb_trial *trial, struct latency *latency)
{
	size_t n = latency->count;

	hb_trial_metric(trial, "call_p50", percentile(latency->call_ns, n, 50), n);
	hb_trial_metric(trial, "call_p99", percentile(latency->call_ns, n, 99), n);
	hb_trial_metric(trial, "total_p50", percentile(latency->total_ns, n, 50), n);
	hb_trial_metric(trial, "rewrite_p50", percentile(latency->rewrite_ns, n, 50), n);
	hb_trial_metric(trial, "rewrite_faults", (double)latency->rewrite_faults / (double)n, n);
}

static int run(struct hb_trial *trial)
{
	struct latency *latency = hb_trial_state(trial);
	bool quick = hb_trial_is_quick(trial);
	size_t starts_min = quick ? STARTS_MIN_QUICK : STARTS_MIN;
	int64_t end_ns = hb_clock_now_ns() + (quick ? RUN_NS / 10 : RUN_NS);

	while (latency->count < STARTS_MAX &&
		(latency->count < starts_min || hb_clock_now_ns() < end_ns)) {
		int err = start_once(latency, latency->count);

		if (err)
			return hb_trial_fail(
				trial, "%s: %s", latency->spawner.starter->name, strerror(-err));
		latency->count++;
	}
	report(trial, latency);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	struct latency *latency = hb_trial_state(trial);
	struct hb_error error = {0};
	int err;

	if (latency->spawner.started != latency->count + latency->warm_count)
		return hb_trial_fail(trial, "expected %zu starts, counted %llu",
			latency->count + latency->warm_count,
			(unsigned long long)latency->spawner.started);
	if (must_convert(trial) && has_forked(latency, latency->count))
		return hb_trial_fail(trial,
			"spork really forked; 'spork run --stats' of a similar program says why");
	err = spork_spawner_verify(&latency->spawner, trial);
	if (err)
		return err;
	/* A write after fork may split a huge page, which is a cost of fork and no fault: most must be left. */
	if (spork_heap_check(&latency->heap, &error) ||
		spork_heap_check_shape(
			&latency->heap, pages_of(hb_trial_params(trial)), 50, &error))
		return hb_trial_fail(trial, "%s", error.text);
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	struct latency *latency = hb_trial_state(trial);

	if (!latency)
		return 0;
	spork_heap_finish(&latency->heap);
	free(latency->call_ns);
	free(latency);
	return 0;
}

static uint64_t memory_bytes(const struct hb_params *params)
{
	uint64_t rss_bytes = (uint64_t)hb_params_i64(params, "rss_bytes");

	/* fork's copy of the page tables takes 1/512 of it. */
	return rss_bytes + rss_bytes / 64 + (UINT64_C(64) << 20);
}

static uint64_t trial_ms(const struct hb_params *params)
{
	return 300 + (uint64_t)hb_params_i64(params, "rss_bytes") * 700 / GIB;
}

static bool valid(const struct hb_params *params, const char **ret_why)
{
	int64_t rss_bytes = hb_params_i64(params, "rss_bytes");

	*ret_why = "rss_bytes must be a multiple of 64K";
	if (rss_bytes % 65536)
		return false;
	*ret_why = "huge pages need rss_bytes in multiples of 2M";
	return pages_of(params) != SPORK_PAGES_THP || rss_bytes % HUGE_BYTES == 0;
}

static const struct hb_param params[] = {
	{
		.name = "rss_bytes",
		.type = HB_PARAM_INT,
		.unit = "B",
		.help = "resident memory of the parent",
		.sweep = "1M,16M,64M,256M,1G",
		.sweep_quick = "16M",
		.sweep_full = "1M,4M,16M,64M,256M,1G,4G,8G",
		.min = 65536,
		.max = 1024.0 * (double)GIB,
	},
	{
		.name = "pages",
		.type = HB_PARAM_TEXT,
		.help = "4k base pages, thp huge pages, fragmented: up to 16,384 mappings",
		.sweep = "4k,thp,fragmented",
		.sweep_quick = "4k,thp,fragmented",
	},
	{
		.name = "target",
		.type = HB_PARAM_TEXT,
		.help = "the program: our own static one, or /bin/true",
		.sweep = "static",
		.allowed = "static,true",
	},
	{
		.name = "cpu",
		.type = HB_PARAM_TEXT,
		.help = "any: the kernel may start the child on another CPU, as it does from about "
			"16 "
			"MiB on; one: the parent's",
		.sweep = "any",
		.sweep_full = "any,one",
		.allowed = "any,one",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "call_p50",
		.unit = "ns",
		.help = "median time until the parent runs again",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05,
	},
	{
		.name = "call_p99",
		.unit = "ns",
		.help = "99th percentile of it (the maximum below 100 starts)",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.1,
	},
	{
		.name = "total_p50",
		.unit = "ns",
		.help = "median time until the child has run, ended and been reaped",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05,
	},
	{
		.name = "rewrite_p50",
		.unit = "ns",
		.help = "median cost of then writing 1,024 pages (all, if there are fewer), evenly "
			"spread",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.1,
	},
	{
		.name = "rewrite_faults",
		.unit = "1",
		.help = "page faults that this writing takes, mean per start",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_COUNT,
		.min_effect = 0.05,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, starter_)                                                     \
	{                                                                                          \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe, .setup = setup, \
		.warmup = warmup, .run = run, .verify = verify, .teardown = teardown,              \
		.sabotage = sabotage, .data = &(starter_),                                         \
	}

static const struct hb_variant variants[] = {
	VARIANT("fork", HB_ROLE_BASELINE, "fork, then exec at once", spork_starter_fork),
	VARIANT("vfork", HB_ROLE_RIVAL, "vfork, then exec", spork_starter_vfork),
	VARIANT("posix_spawn", HB_ROLE_RIVAL, "posix_spawn, the call that spork turns fork into",
		spork_starter_posix_spawn),
	VARIANT("spork", HB_ROLE_IDEA, "the program of variant fork, run by 'spork run'",
		spork_starter_spork),
	VARIANT("spork_shared", HB_ROLE_IDEA, "the same with --mode shared",
		spork_starter_spork_shared),
	{.name = NULL},
};

#define ROAD "A fork() in the road, HotOS'19"

static const struct hb_claim claims[] = {
	{
		.name = "spork-beats-fork",
		.text = "Under spork a program of 1 GiB that calls fork waits at most a twentieth "
			"as "
			"long.",
		.paper = "Spork, HotOS'25",
		.section = "",
		.metric = "call_p50",
		.variant = "spork",
		.where = "rss_bytes=1G;pages=4k;cpu=any",
		.lo = 0,
		.hi = 0.05,
		.headline = 1,
	},
	{
		.name = "spork-is-like-vfork",
		.text = "Starting, running and reaping a program from 1 GiB under spork takes at "
			"most "
			"1.15 times as long as with vfork.",
		.paper = "Hotbed",
		.section = "",
		.metric = "total_p50",
		.variant = "spork",
		.where = "rss_bytes=1G;pages=4k;cpu=any",
		.against_variant = "vfork",
		.lo = 0,
		.hi = 1.15,
	},
	{
		.name = "spork-is-flat",
		.text = "Under spork fork takes at most 1.2 times as long from 1 GiB as from 64 "
			"MiB.",
		.paper = "Hotbed",
		.section = "",
		.metric = "call_p50",
		.variant = "spork",
		.where = "rss_bytes=1G;pages=4k;cpu=any",
		.against_variant = "spork",
		.against_where = "rss_bytes=64M;pages=4k;cpu=any",
		.lo = 0,
		.hi = 1.2,
	},
	{
		.name = "posix-spawn-beats-fork",
		.text = "A parent of 1 GiB waits at most a twentieth as long for posix_spawn as "
			"for fork.",
		.paper = ROAD,
		.section = "Fig. 1",
		.metric = "call_p50",
		.variant = "posix_spawn",
		.where = "rss_bytes=1G;pages=4k;cpu=any",
		.lo = 0,
		.hi = 0.05,
	},
	{
		.name = "posix-spawn-is-flat",
		.text = "posix_spawn takes as long from a parent of 1 GiB as from one of 1 MiB.",
		.paper = ROAD,
		.section = "Fig. 1",
		.metric = "call_p50",
		.variant = "posix_spawn",
		.where = "rss_bytes=1G;pages=4k;cpu=any",
		.against_variant = "posix_spawn",
		.against_where = "rss_bytes=1M;pages=4k;cpu=any",
		.lo = 0.5,
		.hi = 1.5,
	},
	{
		.name = "fork-is-linear",
		.text = "fork takes about four times as long from a parent of 1 GiB as from one of "
			"256 MiB.",
		.paper = ROAD,
		.section = "Fig. 1",
		.metric = "call_p50",
		.variant = "fork",
		.where = "rss_bytes=1G;pages=4k;cpu=any",
		.against_variant = "fork",
		.against_where = "rss_bytes=256M;pages=4k;cpu=any",
		.lo = 3,
		.hi = 5,
	},
	{
		.name = "fork-pays-for-mappings",
		.text = "fork takes longer from a parent of 64 MiB in 16,384 mappings than in one.",
		.paper = ROAD,
		.section = "Fig. 1",
		.metric = "call_p50",
		.variant = "fork",
		.where = "rss_bytes=64M;pages=fragmented;cpu=any",
		.against_variant = "fork",
		.against_where = "rss_bytes=64M;pages=4k;cpu=any",
		.lo = 2,
		.hi = 50,
	},
	{
		.name = "huge-pages-make-fork-cheap",
		.text = "With transparent huge pages fork from 1 GiB takes at most a fifth of its "
			"time with "
			"base pages.",
		.paper = "Hotbed",
		.section = "",
		.metric = "call_p50",
		.variant = "fork",
		.where = "rss_bytes=1G;pages=thp;cpu=any",
		.against_variant = "fork",
		.against_where = "rss_bytes=1G;pages=4k;cpu=any",
		.lo = 0,
		.hi = 0.2,
		.needs = "transparent huge pages",
	},
	{
		.name = "little-gained-when-small",
		.text = "A parent of 1 MiB waits about as long for posix_spawn as for fork: "
			"nothing is gained.",
		.paper = "Hotbed",
		.section = "",
		.metric = "call_p50",
		.variant = "posix_spawn",
		.where = "rss_bytes=1M;pages=4k;cpu=any",
		.lo = 0.67,
		.hi = 2,
	},
	{.name = NULL},
};

const struct hb_experiment spork_spawn_latency = {
	.name = "spawn-latency",
	.question = "How long does starting a program hold up a parent with much memory?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "rss_bytes",
		.facet = "pages",
		.metric = "call_p50",
		.log_x = true,
		.log_y = true},
	.memory_bytes = memory_bytes,
	.trial_ms = trial_ms,
	.valid = valid,
};
