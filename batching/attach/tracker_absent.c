/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In place of tracker.c where libbpf, or a compiler for BPF, is absent: nobody can have a tracker. */
#include <batching/tracker.h>

#include <errno.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

int bat_tracker_create(struct bat_tracker **ret, struct hb_error *reterr)
{
	(void)ret;
	return hb_error_set(reterr, -ENOTSUP,
		"built without BPF: libbpf-dev and clang were absent when it was configured");
}

void bat_tracker_destroy(struct bat_tracker *tracker)
{
	hb_assert(!tracker);
}

const char *bat_tracker_name(const struct bat_tracker *tracker)
{
	hb_assert(tracker);
	return "";
}

int bat_tracker_watch(struct bat_tracker *tracker, uint64_t cookie)
{
	(void)cookie;
	hb_assert(tracker);
	return -ENOTSUP;
}

void bat_tracker_forget(struct bat_tracker *tracker, int place, uint64_t cookie)
{
	(void)place;
	(void)cookie;
	hb_assert(tracker);
}

int64_t bat_tracker_now_ns(void)
{
	return 0;
}

int bat_tracker_read(
	const struct bat_tracker *tracker, int place, int64_t now_ns, struct bat_reading *ret)
{
	(void)place;
	(void)now_ns;
	(void)ret;
	hb_assert(tracker);
	return -ENODATA;
}
