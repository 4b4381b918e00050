/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bat_trace_estimate(): an error has a text and leaves the result alone; in traces that are accepted the two halves of
 * a window add up to the whole, to the unit.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include <batching/trace.h>

#include "fuzz.h"

#define FROM_NS (-1000)
#define MIDDLE_NS 1000
#define TO_NS 1000000000

static int estimate(int fd, int64_t from_ns, int64_t to_ns, struct bat_trace_estimate *ret)
{
	struct hb_error error = {0};
	int rc;

	hb_assert(lseek(fd, 0, SEEK_SET) == 0);
	rc = bat_trace_estimate(fd, "fuzz", from_ns, to_ns, ret, &error);
	hb_assert((rc < 0) == (error.text[0] != '\0' && error.code == rc));
	hb_assert(rc == 0 || rc == -EBADMSG || rc == -ERANGE || rc == -E2BIG);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bat_trace_estimate whole = {0}, first, second;
	int fd = memfd_create("trace", MFD_CLOEXEC);

	hb_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (estimate(fd, FROM_NS, TO_NS, &whole)) {
		hb_assert(whole.rows == 0);
	} else if (estimate(fd, FROM_NS, MIDDLE_NS, &first) == 0 &&
		   estimate(fd, MIDDLE_NS, TO_NS, &second) == 0) {
		for (int i = 0; i < BAT_TRACE_ENDS * BAT_QUEUE_COUNT; i++) {
			const struct bat_trace_queue *a = &first.queues[0][0] + i;
			const struct bat_trace_queue *b = &second.queues[0][0] + i;
			const struct bat_trace_queue *w = &whole.queues[0][0] + i;

			hb_assert(a->integral + b->integral == w->integral);
			hb_assert(a->departed + b->departed == w->departed);
			hb_assert(a->size_to == b->size_from && w->size_to == b->size_to);
		}
	}
	(void)close(fd);
	return 0;
}
