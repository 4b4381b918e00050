/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <batching/qstate.h>

#include <errno.h>
#include <inttypes.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

void bat_qstate_init(struct bat_qstate *q, int64_t now_ns)
{
	hb_assert(now_ns >= 0);
	*q = (struct bat_qstate){.time_ns = now_ns};
}

int bat_qstate_track(struct bat_qstate *q, int64_t now_ns, int64_t delta, struct hb_error *reterr)
{
	int64_t size;

	if (now_ns < q->time_ns)
		return hb_error_set(reterr, -EINVAL,
			"an event at %" PRId64 " ns comes after one at %" PRId64
			" ns; use the order-free form for events out of order",
			now_ns, q->time_ns);
	if (__builtin_add_overflow(q->size, delta, &size) || size < 0)
		return hb_error_set(reterr, -EINVAL,
			"%" PRId64 " units are in the queue and %" PRId64
			" are added; an event is missing",
			q->size, delta);
	q->integral += (uint64_t)q->size * (uint64_t)(now_ns - q->time_ns);
	q->time_ns = now_ns;
	q->size = size;
	if (delta < 0)
		q->departed -= (uint64_t)delta;
	return 0;
}

struct bat_reading bat_qstate_read(const struct bat_qstate *q, int64_t now_ns)
{
	hb_assert(now_ns >= q->time_ns);
	return (struct bat_reading){
		.time_ns = now_ns,
		.size = q->size,
		.departed = q->departed,
		.integral = q->integral + (uint64_t)q->size * (uint64_t)(now_ns - q->time_ns),
	};
}
