/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <batching/tracker.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <hotbed/error.h>

#include <batching/qsum.h>

#include "bpf/layout.h"
#include "tracker_object.h"

#define READ_ATTEMPTS 1000
#define PROGRAMS_MAX 8

_Static_assert(TRACKER_PLACES == BAT_TRACKER_SOCKETS_MAX, "one place for each");

struct bat_tracker {
	struct bpf_object *object;
	struct bpf_link *links[PROGRAMS_MAX];
	int link_count;
	int places_fd;
	const char *name;
	uint32_t order;                 /* of the last place that was left */
	struct tracker_socket *sockets; /* [TRACKER_PLACES], shared with the kernel */
};

/* How the programs may be attached; the section's name begins with it. */
static const struct way {
	const char *section, *name;
} ways[] = {{"fexit/", "bpf-fentry"}, {"tp_btf/", "bpf-tp_btf"}};

static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static void release(struct bat_tracker *tracker)
{
	if (tracker->sockets)
		(void)munmap(tracker->sockets, sizeof(*tracker->sockets) * TRACKER_PLACES);
	for (int i = 0; i < tracker->link_count; i++)
		(void)bpf_link__destroy(tracker->links[i]);
	bpf_object__close(tracker->object);
	*tracker = (struct bat_tracker){0};
}

static int attach_programs(struct bat_tracker *tracker)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, tracker->object)
	{
		struct bpf_link *link;

		if (!bpf_program__autoload(program))
			continue;
		link = tracker->link_count < PROGRAMS_MAX ? bpf_program__attach(program) : NULL;
		if (!link)
			return errno ? -errno : -ENOSPC;
		tracker->links[tracker->link_count++] = link;
	}
	return 0;
}

static int map_sockets(struct bat_tracker *tracker)
{
	size_t size = sizeof(*tracker->sockets) * TRACKER_PLACES;
	void *memory;

	tracker->places_fd = bpf_object__find_map_fd_by_name(tracker->object, "places");
	if (tracker->places_fd < 0)
		return tracker->places_fd;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		bpf_object__find_map_fd_by_name(tracker->object, "sockets"), 0);
	if (memory == MAP_FAILED)
		return -errno;
	tracker->sockets = memory;
	/* 0 means in use. */
	for (int i = 0; i < TRACKER_PLACES; i++)
		tracker->sockets[i].order = ++tracker->order;
	return 0;
}

static int try(struct bat_tracker *tracker, const struct way *way)
{
	struct bpf_program *program;
	int err;

	errno = 0;
	tracker->name = way->name;
	tracker->object = bpf_object__open_mem(tracker_object, sizeof(tracker_object), NULL);
	if (!tracker->object)
		return errno ? -errno : -EINVAL;
	bpf_object__for_each_program(program, tracker->object)
	{
		const char *section = bpf_program__section_name(program);
		bool wanted = strncmp(section, way->section, strlen(way->section)) == 0;

		(void)bpf_program__set_autoload(program, wanted);
	}
	err = bpf_object__load(tracker->object);
	if (!err)
		err = map_sockets(tracker);
	return err ? err : attach_programs(tracker);
}

int bat_tracker_create(struct bat_tracker **ret, struct hb_error *reterr)
{
	struct bat_tracker *tracker = calloc(1, sizeof(*tracker));
	int err = -ENOTSUP;

	if (!tracker)
		return hb_error_set(reterr, -ENOMEM, "no memory for a tracker");
	(void)libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	(void)libbpf_set_print(say_nothing);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		err = try(tracker, &ways[i]);
		if (!err) {
			*ret = tracker;
			return 0;
		}
		release(tracker);
	}
	free(tracker);
	if (err == -EPERM || err == -EACCES)
		return hb_error_set(reterr, -EPERM,
			"BPF programs may not be loaded: CAP_BPF and CAP_PERFMON are needed");
	/* Without BTF, or without a hook or a field that we need, libbpf finds nothing. */
	if (err == -ESRCH || err == -ENOENT || err == -EINVAL)
		return hb_error_set(
			reterr, -ENOTSUP, "this kernel lacks a hook for BPF programs, or BTF");
	return hb_error_set(reterr, err, "BPF programs cannot be loaded: %s", strerror(-err));
}

void bat_tracker_destroy(struct bat_tracker *tracker)
{
	if (!tracker)
		return;
	release(tracker);
	free(tracker);
}

const char *bat_tracker_name(const struct bat_tracker *tracker)
{
	return tracker->name;
}

int bat_tracker_watch(struct bat_tracker *tracker, uint64_t cookie)
{
	uint32_t place = TRACKER_PLACES;

	/* The one left longest ago: a hook that had found it before cannot be under way any more. */
	for (uint32_t i = 0; i < TRACKER_PLACES; i++) {
		uint32_t order = tracker->sockets[i].order;

		if (order != 0 &&
			(place == TRACKER_PLACES || order < tracker->sockets[place].order))
			place = i;
	}
	if (place == TRACKER_PLACES)
		return -ENOSPC;
	memset(&tracker->sockets[place], 0, sizeof(tracker->sockets[place]));
	if (bpf_map_update_elem(tracker->places_fd, &cookie, &place, BPF_NOEXIST)) {
		int err = errno ? -errno : -EINVAL;

		tracker->sockets[place].order = ++tracker->order;
		return err;
	}
	return (int)place;
}

void bat_tracker_forget(struct bat_tracker *tracker, int place, uint64_t cookie)
{
	(void)bpf_map_delete_elem(tracker->places_fd, &cookie);
	tracker->sockets[place].order = ++tracker->order;
}

int64_t bat_tracker_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Between which points the queues lie. */
static const struct {
	enum tracker_point in, out;
} queues[BAT_QUEUE_COUNT] = {
	[BAT_UNACKED] = {POINT_WRITTEN, POINT_ACKED},
	[BAT_UNREAD] = {POINT_RECEIVED, POINT_READ},
	[BAT_ACKDELAY] = {POINT_RECEIVED, POINT_CONFIRMED},
	[BAT_SERVICE] = {POINT_READ, POINT_ANSWERED},
	[BAT_UNSENT] = {POINT_WRITTEN, POINT_SENT},
};

int bat_tracker_read(
	const struct bat_tracker *tracker, int place, int64_t now_ns, struct bat_reading *ret)
{
	const struct tracker_socket *socket = &tracker->sockets[place];

	if (__atomic_load_n(&socket->phase, __ATOMIC_ACQUIRE) != PHASE_TRACKED)
		return -ENODATA;
	for (int attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
		uint64_t ended = __atomic_load_n(&socket->ended, __ATOMIC_ACQUIRE);
		struct bat_passed points[POINT_COUNT];

		for (int i = 0; i < POINT_COUNT; i++)
			points[i] = (struct bat_passed){
				__atomic_load_n(&socket->points[i].units, __ATOMIC_RELAXED),
				__atomic_load_n(&socket->points[i].moment, __ATOMIC_RELAXED),
			};
		atomic_thread_fence(memory_order_acquire);
		if (__atomic_load_n(&socket->begun, __ATOMIC_RELAXED) != ended)
			continue;
		for (int q = 0; q < BAT_QUEUE_COUNT; q++)
			ret[q] = bat_passed_between(
				&points[queues[q].in], &points[queues[q].out], now_ns);
		return 0;
	}
	return -EAGAIN;
}
