/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Independent replications on several threads. Each writes only its own row, so the result does not depend on who ran
 * what. Replications are handed out in ascending order, so that the lowest one that fails is the same for any number of
 * threads: all below it had been handed out before.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include <hotbed/error.h>
#include <hotbed/sim.h>

enum { THREADS_MAX = 1024 };

struct crew {
	uint64_t seed, count;
	hb_replication_fn *replication;
	const void *model;
	size_t outputs;
	double *values; /* shape [count][outputs] */
	atomic_uint_fast64_t next;
	atomic_bool failed;
	pthread_mutex_t lock;   /* of the fields below */
	uint64_t lowest_failed; /* UINT64_MAX = none */
	struct hb_error error;
	int result;
};

static int outputs_check(const double *outputs, size_t count, struct hb_error *reterr)
{
	for (size_t i = 0; i < count; i++) {
		if (!isfinite(outputs[i]))
			return hb_error_set(reterr, -EINVAL,
				"output %zu is %g; a replication must fill every output with a "
				"finite number",
				i, outputs[i]);
	}
	return 0;
}

static void failure_note(struct crew *crew, uint64_t number, int result, struct hb_error *error)
{
	if (!error->code)
		(void)hb_error_set(error, result, "the model gave no reason");
	(void)hb_error_wrap(error, "replication %" PRIu64, number);
	pthread_mutex_lock(&crew->lock);
	if (number < crew->lowest_failed) {
		crew->lowest_failed = number;
		crew->error = *error;
		crew->result = result;
	}
	pthread_mutex_unlock(&crew->lock);
	atomic_store(&crew->failed, true);
}

static void *crew_work(void *user)
{
	struct crew *crew = user;

	while (!atomic_load(&crew->failed)) {
		uint64_t number = atomic_fetch_add(&crew->next, 1);
		double *outputs;
		struct hb_error error = {0};
		int result;

		if (number >= crew->count)
			break;
		outputs = &crew->values[number * crew->outputs];
		for (size_t i = 0; i < crew->outputs; i++)
			outputs[i] = (double)NAN;
		result = crew->replication(crew->seed, number, crew->model, outputs, &error);
		if (result == 0)
			result = outputs_check(outputs, crew->outputs, &error);
		if (result < 0)
			failure_note(crew, number, result, &error);
	}
	return NULL;
}

static unsigned int cpus_allowed(void)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return 1;
	return CPU_COUNT(&cpus) > 0 ? (unsigned int)CPU_COUNT(&cpus) : 1;
}

int hb_replications_run(uint64_t seed, uint64_t count, hb_replication_fn *replication,
	const void *model, size_t outputs, unsigned int threads, double *ret,
	struct hb_error *reterr)
{
	struct crew crew = {
		.seed = seed,
		.count = count,
		.replication = replication,
		.model = model,
		.outputs = outputs,
		.values = ret,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.lowest_failed = UINT64_MAX,
	};
	pthread_t helpers[THREADS_MAX];
	unsigned int started = 0;

	if (count < 1 || outputs < 1 || threads > THREADS_MAX)
		return hb_error_set(reterr, -EINVAL,
			"replications: %" PRIu64
			" of %zu outputs on %u threads; use at least 1, 1, "
			"and at most %d threads",
			count, outputs, threads, THREADS_MAX);
	if (threads == 0)
		threads = cpus_allowed();
	if (threads > count)
		threads = (unsigned int)count;
	while (started + 1 < threads && started < THREADS_MAX) {
		if (pthread_create(&helpers[started], NULL, crew_work, &crew) != 0)
			break;
		started++;
	}
	(void)crew_work(&crew);
	while (started > 0)
		(void)pthread_join(helpers[--started], NULL);
	pthread_mutex_destroy(&crew.lock);
	if (crew.lowest_failed != UINT64_MAX && reterr)
		*reterr = crew.error;
	return crew.result;
}

int hb_replications_interval(const double *values, uint64_t count, size_t outputs, size_t output,
	double level, struct hb_interval *ret)
{
	struct hb_tally tally = {0};

	if (output >= outputs)
		return -EINVAL;
	for (uint64_t i = 0; i < count; i++)
		hb_tally_add(&tally, values[i * outputs + output]);
	return hb_tally_interval(&tally, level, ret);
}
