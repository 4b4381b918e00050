/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop of a simulation asks nobody for memory: every allocator is wrapped by the linker and counted. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <criterion/criterion.h>

#include <hotbed/sim.h>

static unsigned long calls;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t size)
{
	calls++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	calls++;
	return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	calls++;
	return __real_realloc(old, size);
}

/* What mmap() is called with 64-bit file offsets, which meson always asks for. */
void *__wrap_mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
	calls++;
	return __real_mmap64(at, length, protection, flags, fd, offset);
}

struct model {
	struct hb_rng rng;
	struct hb_event_id timer;
	struct hb_time_average average;
	struct hb_tally tally;
	struct hb_batch_means batches;
};

static void timeout(struct hb_sim *sim, void *object, uint64_t argument)
{
	(void)sim;
	(void)object;
	(void)argument;
}

static void step(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct model *model = object;
	double delay = hb_rng_exponential(&model->rng, 1e6);

	hb_time_average_set(&model->average, hb_sim_now_ns(sim), (double)argument);
	hb_tally_add(&model->tally, delay);
	hb_batch_means_add(&model->batches, delay);
	(void)hb_sim_cancel(sim, model->timer);
	(void)hb_sim_after(sim, 10000000, timeout, model, 0, &model->timer);
	(void)hb_sim_after(sim, hb_sim_duration_ns(delay), step, model, argument + 1, NULL);
}

Test(sim_allocation, counters_see_creation_but_nothing_in_the_loop)
{
	struct hb_sim *sim = NULL;
	struct model model = {0};
	unsigned long before = calls;

	cr_assert_eq(hb_sim_create(10000, 1, 0, &sim, NULL), 0);
	cr_assert(calls >= before + 4);
	hb_sim_stream(sim, 0, &model.rng);
	hb_time_average_init(&model.average, 0, 0);
	hb_batch_means_init(&model.batches);
	for (int i = 0; i < 5000; i++)
		cr_assert_eq(hb_sim_at(sim, i, step, &model, 0, NULL), 0);
	before = calls;
	cr_assert_eq(hb_sim_run(sim, INT64_MAX, 3000000, NULL), 0);
	cr_assert_eq(calls, before);
	cr_assert_eq(hb_sim_handled(sim), 3000000);
	hb_sim_destroy(sim);
}
