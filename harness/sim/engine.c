/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The clock of a simulation: takes events from the queue and runs them, and remembers the first event that could not be
 * scheduled, so that handlers need no error path of their own.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <hotbed/sim.h>

struct hb_sim {
	struct hb_event_queue *queue;
	uint64_t seed, replication;
	uint64_t handled;
	int64_t failed_time_ns; /* what could not be scheduled */
	int failure;            /* 0, or its -errno */
	bool stopped;
};

int hb_sim_create(size_t capacity, uint64_t seed, uint64_t replication, struct hb_sim **ret,
	struct hb_error *reterr)
{
	struct hb_sim *sim = calloc(1, sizeof(*sim));
	int result;

	if (!sim)
		return hb_error_set(reterr, -ENOMEM, "simulation: no memory; free some");
	result = hb_event_queue_create(capacity, &sim->queue, reterr);
	if (result < 0) {
		free(sim);
		return result;
	}
	sim->seed = seed;
	sim->replication = replication;
	*ret = sim;
	return 0;
}

void hb_sim_destroy(struct hb_sim *sim)
{
	if (!sim)
		return;
	hb_event_queue_destroy(sim->queue);
	free(sim);
}

void hb_sim_reset(struct hb_sim *sim, uint64_t seed, uint64_t replication)
{
	hb_event_queue_clear(sim->queue);
	sim->seed = seed;
	sim->replication = replication;
	sim->handled = 0;
	sim->failure = 0;
	sim->stopped = false;
}

int hb_sim_reserve(struct hb_sim *sim, size_t capacity, struct hb_error *reterr)
{
	int result = hb_event_queue_reserve(sim->queue, capacity, reterr);

	if (result == 0)
		sim->failure = 0;
	return result;
}

int hb_sim_at(struct hb_sim *sim, int64_t time_ns, hb_event_fn *handler, void *object,
	uint64_t argument, struct hb_event_id *ret_id)
{
	int result = hb_event_queue_insert(sim->queue, time_ns, handler, object, argument, ret_id);

	hb_assert(handler);
	if (__builtin_expect(result < 0, 0) && !sim->failure) {
		sim->failure = result;
		sim->failed_time_ns = time_ns;
	}
	return result;
}

int hb_sim_after(struct hb_sim *sim, int64_t delay_ns, hb_event_fn *handler, void *object,
	uint64_t argument, struct hb_event_id *ret_id)
{
	int64_t time_ns;

	/* A negative delay and one that overflows both come out before now, which hb_sim_at() refuses. */
	if (__builtin_add_overflow(hb_sim_now_ns(sim), delay_ns, &time_ns))
		time_ns = INT64_MIN;
	return hb_sim_at(sim, time_ns, handler, object, argument, ret_id);
}

int hb_sim_cancel(struct hb_sim *sim, struct hb_event_id id)
{
	return hb_event_queue_cancel(sim->queue, id);
}

static int failure_describe(const struct hb_sim *sim, struct hb_error *reterr)
{
	if (sim->failure == -ENOSPC)
		return hb_error_set(reterr, -ENOSPC,
			"simulation at %" PRId64 " ns: no room for another event, %zu are pending; "
			"create it with a larger capacity",
			hb_sim_now_ns(sim), hb_sim_pending(sim));
	if (sim->failed_time_ns == INT64_MIN)
		return hb_error_set(reterr, sim->failure,
			"simulation at %" PRId64 " ns: an event's delay leaves the range of time; "
			"keep times within 0 ... 2^63 - 1 ns",
			hb_sim_now_ns(sim));
	return hb_error_set(reterr, sim->failure,
		"simulation at %" PRId64 " ns: an event was scheduled for %" PRId64
		" ns, which is past; use times from now on",
		hb_sim_now_ns(sim), sim->failed_time_ns);
}

int hb_sim_run(struct hb_sim *sim, int64_t until_ns, uint64_t events_max, struct hb_error *reterr)
{
	struct hb_event event;

	sim->stopped = false;
	while (!sim->failure && !sim->stopped && events_max-- &&
		hb_event_queue_pop(sim->queue, until_ns, &event)) {
		sim->handled++;
		event.handler(sim, event.object, event.argument);
	}
	return sim->failure ? failure_describe(sim, reterr) : 0;
}

void hb_sim_stop(struct hb_sim *sim)
{
	sim->stopped = true;
}

int64_t hb_sim_now_ns(const struct hb_sim *sim)
{
	return hb_event_queue_now_ns(sim->queue);
}

size_t hb_sim_pending(const struct hb_sim *sim)
{
	return hb_event_queue_count(sim->queue);
}

uint64_t hb_sim_handled(const struct hb_sim *sim)
{
	return sim->handled;
}

void hb_sim_stream(const struct hb_sim *sim, uint64_t source, struct hb_rng *ret)
{
	hb_rng_init(ret, hb_rng_mix(sim->seed, sim->replication), source);
}

int64_t hb_sim_duration_ns(double duration_ns)
{
	hb_assert(!isnan(duration_ns));
	if (duration_ns <= 0)
		return 0;
	if (duration_ns >= 0x1p62)
		return INT64_C(1) << 62;
	return llrint(duration_ns);
}
