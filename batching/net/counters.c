/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "counters.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <batching/tracker.h>

int counters_begin(struct counters *counters, struct bat_tracker *tracker, int fd)
{
	socklen_t size = sizeof(counters->cookie);
	int place;

	*counters = (struct counters){0};
	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &counters->cookie, &size))
		return -errno;
	place = bat_tracker_watch(tracker, counters->cookie);
	if (place < 0)
		return place;
	counters->place = place;
	counters->is_followed = true;
	return 0;
}

void counters_end(struct counters *counters, struct bat_tracker *tracker)
{
	if (counters->is_followed)
		bat_tracker_forget(tracker, counters->place, counters->cookie);
	counters->is_followed = false;
}

/* Now, of this end. Returns 0, or -ENODATA where there is nothing to tell yet. */
static int look(const struct counters *counters, const struct bat_tracker *tracker,
	struct bat_reading ret[BAT_QUEUE_COUNT])
{
	if (!counters->is_followed)
		return -ENODATA;
	return bat_tracker_read(tracker, counters->place, bat_tracker_now_ns(), ret);
}

void counters_encode(
	struct counters *counters, const struct bat_tracker *tracker, int64_t now_ns, uint8_t *ret)
{
	struct bat_record record = {
		.unit = BAT_UNIT_BYTES, .sequence = counters->sequence++, .time_ns = now_ns};

	if (look(counters, tracker, record.queues) == 0) {
		record.tracked = (1u << BAT_QUEUE_COUNT) - 1;
		/* The time to which the integrals run. */
		record.time_ns = record.queues[0].time_ns;
		for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
			/* A hook that saw the departure first: its arrival is seen by the next. */
			if (record.queues[q].size < 0)
				record.queues[q].size = 0;
		}
	}
	bat_record_encode(&record, ret);
}

static bool window_of(const struct bat_reading *earlier, const struct bat_reading *later,
	uint8_t tracked, struct bat_end *ret)
{
	struct bat_window window;

	*ret = (struct bat_end){0};
	for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
		if (!(tracked >> q & 1))
			continue;
		if (bat_window_between(&earlier[q], &later[q], &window))
			return false;
		ret->queues[q] = bat_wait_of(&window);
	}
	return tracked != 0;
}

int counters_take(struct counters *counters, const struct bat_tracker *tracker, int64_t now_ns,
	const uint8_t *bytes, uint32_t size, bool is_requester, struct bat_estimate *ret,
	uint64_t *ret_departed)
{
	struct bat_record record, before = counters->peer.record;
	struct bat_reading own[BAT_QUEUE_COUNT];
	struct bat_end ours, theirs;
	enum bat_exchange_verdict verdict;
	bool had_own = counters->has_own, is_window;

	if (bat_record_decode(bytes, size, &record, NULL))
		return -EBADMSG;
	verdict = bat_record_accept(&counters->peer, now_ns, &record);
	if (verdict == BAT_STALE)
		return 0;
	counters->has_own = look(counters, tracker, own) == 0;
	is_window = verdict == BAT_ACCEPTED && had_own && counters->has_own &&
		    window_of(counters->own, own, (1u << BAT_QUEUE_COUNT) - 1, &ours) &&
		    window_of(before.queues, record.queues, record.tracked, &theirs);
	if (is_window) {
		bat_estimate_larger(
			is_requester ? &ours : &theirs, is_requester ? &theirs : &ours, ret);
		*ret_departed = own[BAT_UNACKED].departed - counters->own[BAT_UNACKED].departed;
	}
	if (counters->has_own)
		memcpy(counters->own, own, sizeof(own));
	return is_window;
}

void counters_add(
	struct bat_exchange_result *result, const struct bat_estimate *estimate, uint64_t departed)
{
	result->windows++;
	if (!estimate->defined || departed == 0) {
		result->undefined++;
		return;
	}
	result->departed += departed;
	result->estimate_ns += (estimate->end_to_end_ns - result->estimate_ns) * (double)departed /
			       (double)result->departed;
}

void counters_tell(struct bat_policy *policy, const struct bat_estimate *estimate,
	uint64_t departed, int64_t duration_ns)
{
	struct bat_feedback feedback = {
		.duration_ns = duration_ns > 0 ? duration_ns : 1,
		.answered = departed,
		.defined = estimate->defined,
		.latency_ns = estimate->end_to_end_ns,
	};

	bat_policy_learn(policy, &feedback);
}
