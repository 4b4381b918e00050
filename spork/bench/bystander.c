/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spork/bystander: what a second thread of the parent suffers while the first starts programs. It
 * writes to random pages of the heap; fork stops it twice, while the address space is being copied
 * (mmap_lock) and at each first write to a page that became copy-on-write.
 */
#include "experiments.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <hotbed/trial.h>

#include "heap.h"
#include "spawner.h"
#include "under_spork.h"

#define GIB (UINT64_C(1) << 30)
#define RUN_NS INT64_C(600000000)
#define INTERVAL_NS INT64_C(50000000) /* at most 20 starts per second */
#define WRITES_PER_LOOK 16            /* between two looks at the clock */
#define BYSTANDER_STREAM 2

/* One trial. The second thread owns its part until it has been joined. */
struct bystander {
	struct spork_heap heap;
	struct spork_spawner spawner;
	struct hb_trial *trial;
	pthread_t thread;
	bool has_thread;
	bool loses_writes; /* sabotage where nothing is started */
	atomic_bool go, stop;

	struct hb_rng rng;
	uint64_t writes;
	int64_t active_ns, stall_max_ns;
	int pin_error;
};

static void write_pages(struct bystander *bystander, int64_t start_ns)
{
	const struct spork_heap *heap = &bystander->heap;
	uint64_t step = bystander->loses_writes ? 0 : 1;
	int64_t last_ns = start_ns;

	while (!atomic_load_explicit(&bystander->stop, memory_order_relaxed)) {
		int64_t now_ns;

		for (int i = 0; i < WRITES_PER_LOOK; i++) {
			uint64_t draw = hb_rng_u64(&bystander->rng) >> 32;
			size_t page = (size_t)(draw * heap->page_count >> 32);

			*spork_heap_word(heap, page, SPORK_WORD_BYSTANDER) += step;
		}
		bystander->writes += WRITES_PER_LOOK;
		now_ns = hb_clock_now_ns();
		if (now_ns - last_ns > bystander->stall_max_ns)
			bystander->stall_max_ns = now_ns - last_ns;
		last_ns = now_ns;
	}
	bystander->active_ns = last_ns - start_ns;
}

static void *bystander_main(void *user)
{
	struct bystander *bystander = user;

	bystander->pin_error = hb_trial_pin(bystander->trial, "load");
	while (!atomic_load_explicit(&bystander->go, memory_order_acquire) &&
		!atomic_load_explicit(&bystander->stop, memory_order_relaxed))
		(void)hb_clock_sleep_until(hb_clock_now_ns() + 100000, 0);
	write_pages(bystander, hb_clock_now_ns());
	return NULL;
}

static int probe(struct hb_trial *trial)
{
	return hb_trial_data(trial) == &spork_starter_spork ? under_spork_probe(trial) : 0;
}

static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	struct bystander *bystander = calloc(1, sizeof(*bystander));
	struct hb_error error = {0};
	int err;

	if (!bystander)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, bystander);
	bystander->trial = trial;
	hb_rng_init(&bystander->rng, hb_trial_seed(trial), BYSTANDER_STREAM);
	err = hb_trial_pin(trial, "system");
	if (err)
		return hb_trial_fail(trial, "cannot run on the system's CPU: %s", strerror(-err));
	if (spork_heap_init(&bystander->heap, (size_t)hb_params_i64(params, "rss_bytes"),
		    SPORK_PAGES_4K, 1, &error))
		return hb_trial_fail(trial, "%s", error.text);
	err = spork_spawner_init(&bystander->spawner, trial, hb_trial_data(trial), &bystander->heap,
		SPORK_TARGET_STATIC);
	return err;
}

static int sabotage(struct hb_trial *trial)
{
	struct bystander *bystander = hb_trial_state(trial);

	bystander->spawner.sabotaged = true;
	bystander->loses_writes = !bystander->spawner.starter;
	return 0;
}

/* The thread starts here, after sabotage has had its say, and waits for run. */
static int warmup(struct hb_trial *trial)
{
	struct bystander *bystander = hb_trial_state(trial);
	struct spork_times times;
	int err = 0;

	if (bystander->spawner.starter)
		err = spork_spawner_spawn(&bystander->spawner, &times);
	if (err)
		return hb_trial_fail(
			trial, "%s: %s", bystander->spawner.starter->name, strerror(-err));
	err = pthread_create(&bystander->thread, NULL, bystander_main, bystander);
	if (err)
		return hb_trial_fail(trial, "cannot start a thread: %s", strerror(err));
	bystander->has_thread = true;
	return 0;
}

static void stop_thread(struct bystander *bystander)
{
	atomic_store_explicit(&bystander->stop, true, memory_order_relaxed);
	if (bystander->has_thread)
		(void)pthread_join(bystander->thread, NULL);
	bystander->has_thread = false;
}

/* Start programs until @end_ns, at most one per interval. */
static int start_programs(struct bystander *bystander, int64_t end_ns)
{
	int64_t next_ns = hb_clock_now_ns() + INTERVAL_NS / 2;
	int err = 0;

	while (next_ns < end_ns && !err) {
		struct spork_times times;

		next_ns = hb_clock_sleep_until(next_ns, 0) + INTERVAL_NS;
		if (bystander->spawner.starter)
			err = spork_spawner_spawn(&bystander->spawner, &times);
	}
	if (!err)
		(void)hb_clock_sleep_until(end_ns, 0);
	return err;
}

static int run(struct hb_trial *trial)
{
	struct bystander *bystander = hb_trial_state(trial);
	int64_t run_ns = hb_trial_is_quick(trial) ? RUN_NS / 5 : RUN_NS;
	uint64_t started = bystander->spawner.started;
	int err;

	atomic_store_explicit(&bystander->go, true, memory_order_release);
	err = start_programs(bystander, hb_clock_now_ns() + run_ns);
	stop_thread(bystander);
	if (err)
		return hb_trial_fail(
			trial, "%s: %s", bystander->spawner.starter->name, strerror(-err));
	if (bystander->pin_error)
		return hb_trial_fail(
			trial, "cannot run on the load's CPU: %s", strerror(-bystander->pin_error));
	if (bystander->writes == 0 || bystander->active_ns <= 0)
		return hb_trial_fail(trial, "the second thread never ran");
	hb_trial_metric(trial, "ops_per_s",
		(double)bystander->writes * 1e9 / (double)bystander->active_ns, bystander->writes);
	hb_trial_metric(trial, "stall_max", (double)bystander->stall_max_ns, 1);
	hb_trial_metric(trial, "starts", (double)(bystander->spawner.started - started), 1);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	struct bystander *bystander = hb_trial_state(trial);
	const struct spork_heap *heap = &bystander->heap;
	struct hb_error error = {0};
	uint64_t kept = 0;
	int err = spork_spawner_verify(&bystander->spawner, trial);

	if (err)
		return err;
	if (spork_heap_check(heap, &error))
		return hb_trial_fail(trial, "%s", error.text);
	for (size_t page = 0; page < heap->page_count; page++)
		kept += *spork_heap_word(heap, page, SPORK_WORD_BYSTANDER);
	if (kept != bystander->writes)
		return hb_trial_fail(trial,
			"the second thread wrote %" PRIu64 " times, its memory holds %" PRIu64,
			bystander->writes, kept);
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	struct bystander *bystander = hb_trial_state(trial);

	if (!bystander)
		return 0;
	stop_thread(bystander);
	spork_heap_finish(&bystander->heap);
	free(bystander);
	return 0;
}

static uint64_t memory_bytes(const struct hb_params *params)
{
	/* While a forked child lives, every page that the second thread writes exists twice. */
	return 2 * (uint64_t)hb_params_i64(params, "rss_bytes") + (UINT64_C(64) << 20);
}

static uint64_t trial_ms(const struct hb_params *params)
{
	return 750 + (uint64_t)hb_params_i64(params, "rss_bytes") * 700 / GIB;
}

static bool valid(const struct hb_params *params, const char **ret_why)
{
	*ret_why = "rss_bytes must be a multiple of 64K";
	return hb_params_i64(params, "rss_bytes") % 65536 == 0;
}

static const struct hb_param params[] = {
	{
		.name = "rss_bytes",
		.type = HB_PARAM_INT,
		.unit = "B",
		.help = "resident memory of the parent, in base pages",
		.sweep = "64M,1G",
		.sweep_quick = "64M",
		.sweep_full = "64M,256M,1G,4G",
		.min = 65536,
		.max = 1024.0 * (double)GIB,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "ops_per_s",
		.unit = "1/s",
		.help = "writes of the second thread to random pages",
		.better = HB_BETTER_HIGHER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05,
	},
	{
		.name = "stall_max",
		.unit = "ns",
		.help = "longest time in which it got nothing done",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.2,
	},
	{
		.name = "starts",
		.unit = "1",
		.help = "programs that the first thread started meanwhile",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_COUNT,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, starter_)                                                     \
	{                                                                                          \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe, .setup = setup, \
		.warmup = warmup, .run = run, .verify = verify, .teardown = teardown,              \
		.sabotage = sabotage, .data = (starter_),                                          \
	}

static const struct hb_variant variants[] = {
	VARIANT("fork", HB_ROLE_BASELINE, "fork, then exec at once", &spork_starter_fork),
	VARIANT("vfork", HB_ROLE_RIVAL, "vfork, then exec", &spork_starter_vfork),
	VARIANT("none", HB_ROLE_RIVAL, "nothing is started: what the second thread could do", NULL),
	VARIANT("posix_spawn", HB_ROLE_RIVAL, "posix_spawn, the call that spork turns fork into",
		&spork_starter_posix_spawn),
	VARIANT("spork", HB_ROLE_IDEA, "the program of variant fork, run by 'spork run'",
		&spork_starter_spork),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "bystander-unhurt-by-spork",
		.text = "Under spork, forking from 1 GiB, the second thread does as much as when "
			"nothing is started.",
		.paper = "Hotbed",
		.section = "",
		.metric = "ops_per_s",
		.variant = "spork",
		.where = "rss_bytes=1G",
		.against_variant = "none",
		.lo = 0.95,
		.hi = 1.1,
	},
	{
		.name = "bystander-unhurt",
		.text = "With posix_spawn from 1 GiB the second thread does as much as when "
			"nothing is started.",
		.paper = "Hotbed",
		.section = "",
		.metric = "ops_per_s",
		.variant = "posix_spawn",
		.where = "rss_bytes=1G",
		.against_variant = "none",
		.lo = 0.95,
		.hi = 1.1,
	},
	{
		.name = "bystander-hurt-by-fork",
		.text = "With fork from 1 GiB, at most 20 times a second, it does at most half as "
			"much.",
		.paper = "A fork() in the road, HotOS'19",
		.section = "",
		.metric = "ops_per_s",
		.variant = "fork",
		.where = "rss_bytes=1G",
		.against_variant = "none",
		.lo = 0,
		.hi = 0.5,
	},
	{.name = NULL},
};

static const char *const roles[] = {"load", NULL};

const struct hb_experiment spork_bystander = {
	.name = "bystander",
	.question = "How much does a second thread suffer while the first starts programs?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "rss_bytes", .metric = "ops_per_s", .log_x = true, .log_y = true},
	.roles = roles,
	.memory_bytes = memory_bytes,
	.trial_ms = trial_ms,
	.valid = valid,
};
