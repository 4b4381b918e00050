/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <batching/qsum.h>

#include <errno.h>

#include <hotbed/assert.h>

#define READ_ATTEMPTS 1000

void bat_qsum_add_shared(struct bat_qsum *sum, int64_t time_ns, int64_t delta)
{
	uint64_t units = (uint64_t)delta;

	/* Whoever sees `ended` equal to a `begun` that was read later has seen every addition whole. */
	(void)atomic_fetch_add_explicit(&sum->begun, 1, memory_order_acq_rel);
	(void)atomic_fetch_add_explicit(&sum->size, units, memory_order_relaxed);
	(void)atomic_fetch_add_explicit(
		&sum->moment, units * (uint64_t)time_ns, memory_order_relaxed);
	if (delta < 0)
		(void)atomic_fetch_sub_explicit(&sum->departed, units, memory_order_relaxed);
	(void)atomic_fetch_add_explicit(&sum->ended, 1, memory_order_release);
}

int bat_qsum_read(const struct bat_qsum *sum, int64_t now_ns, struct bat_reading *ret)
{
	for (int attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
		uint64_t ended = atomic_load_explicit(&sum->ended, memory_order_acquire);
		uint64_t size = atomic_load_explicit(&sum->size, memory_order_relaxed);
		uint64_t moment = atomic_load_explicit(&sum->moment, memory_order_relaxed);
		uint64_t departed = atomic_load_explicit(&sum->departed, memory_order_relaxed);

		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&sum->begun, memory_order_relaxed) != ended)
			continue;
		*ret = (struct bat_reading){
			.time_ns = now_ns,
			.size = (int64_t)size,
			.departed = departed,
			.integral = size * (uint64_t)now_ns - moment,
		};
		return 0;
	}
	return -EAGAIN;
}

struct bat_reading bat_passed_between(
	const struct bat_passed *in, const struct bat_passed *out, int64_t now_ns)
{
	uint64_t size = in->units - out->units;

	return (struct bat_reading){
		.time_ns = now_ns,
		.size = (int64_t)size,
		.departed = out->units,
		.integral = size * (uint64_t)now_ns - (in->moment - out->moment),
	};
}

void bat_reading_merge(struct bat_reading *reading, const struct bat_reading *other)
{
	hb_assert(reading->time_ns == other->time_ns);
	reading->size += other->size;
	reading->departed += other->departed;
	reading->integral += other->integral;
}
