/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Queues of TCP sockets tracked in the kernel, event by event, by BPF programs at its hooks: exact where polling
 * samples, and the delayed acknowledgements are seen. Sums stay in memory that kernel and caller share, so that a
 * reading costs no system call. Sockets of any process are watched by their cookie (SO_COOKIE), both ends of a
 * connection on one machine included.
 *
 * Hooks cost a little for sockets, too, that nobody watches. They go when the tracker is destroyed or its process ends.
 * Needs CAP_BPF and CAP_PERFMON, and a kernel with BTF; built where libbpf and clang are there.
 *
 * Not thread-safe.
 */
#ifndef BATCHING_TRACKER_H
#define BATCHING_TRACKER_H

#include <stdint.h>

#include <batching/estimate.h>
#include <batching/window.h>

struct hb_error;
struct bat_tracker;

#define BAT_TRACKER_SOCKETS_MAX 1024

/*
 * bat_tracker_create - load the programs: after functions of the kernel where that is allowed (fentry), else at its
 * tracepoints (tp_btf). Blocks some 100 ms.
 * Returns 0; -ENOTSUP (not built with it, or the kernel lacks something), -EPERM (no right to), or what libbpf said.
 */
int bat_tracker_create(struct bat_tracker **ret, struct hb_error *reterr);
/* bat_tracker_destroy - accepts NULL. */
void bat_tracker_destroy(struct bat_tracker *tracker);
/* bat_tracker_name - "bpf-fentry" or "bpf-tp_btf"; static. */
const char *bat_tracker_name(const struct bat_tracker *tracker);

/*
 * bat_tracker_watch - watch the socket with @cookie, from its next event on.
 * Returns its place, 0 ... BAT_TRACKER_SOCKETS_MAX - 1, or -ENOSPC, or -errno.
 */
int bat_tracker_watch(struct bat_tracker *tracker, uint64_t cookie);
/* bat_tracker_forget - no more; @place may be given to another socket. */
void bat_tracker_forget(struct bat_tracker *tracker, int place, uint64_t cookie);

/* bat_tracker_now_ns - the time of the kernel's hooks (CLOCK_MONOTONIC). */
int64_t bat_tracker_now_ns(void);
/*
 * bat_tracker_read - the queues of the socket at @place, in bytes, at @now_ns of bat_tracker_now_ns().
 * @ret: [BAT_QUEUE_COUNT], counted from the first event; a program's write is taken as the answer to all that it has
 * read.
 *
 * Returns 0, -ENODATA (no event yet) or -EAGAIN (updates never paused), both with @ret untouched.
 */
int bat_tracker_read(
	const struct bat_tracker *tracker, int place, int64_t now_ns, struct bat_reading *ret);

#endif
