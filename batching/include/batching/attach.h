/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Attachment to a running program: its TCP sockets are found, read and switched between TCP_NODELAY, Nagle's algorithm
 * and TCP_CORK from outside, without a change to the program. A socket is taken by pidfd_getfd(2), recognised by its
 * cookie, used, and closed at once: a duplicate that is kept would delay the FIN that the peer waits for.
 *
 * What was found is restored by bat_attach_destroy(); if the caller is killed, a process that the attachment keeps for
 * this restores it. Needs the right to ptrace(2) the program. State is at most 256 bytes per socket, a tracker's
 * included. Linux only.
 *
 * Not thread-safe. bat_attach_create() forks; threads of the caller do not matter to the copy, which makes system calls
 * only.
 */
#ifndef BATCHING_ATTACH_H
#define BATCHING_ATTACH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <batching/estimate.h>
#include <batching/policy.h>

struct bat_tracker;
struct hb_error;
struct bat_attach;

#define BAT_ATTACH_SOCKETS_MAX 1024

/*
 * bat_attach_create - attach to process @pid.
 * @port: only sockets whose local or remote port this is; 0: all.
 * @hold_max_ns: Nagle's algorithm and TCP_CORK hold bytes at most this long, and until the next sample; > 0.
 *
 * Returns 0; -ESRCH (no such process), -EPERM (its sockets may not be taken), -EINVAL, -ENOMEM, or what the system
 * said.
 */
int bat_attach_create(struct bat_attach **ret, pid_t pid, uint16_t port, int64_t hold_max_ns,
	struct hb_error *reterr);

/*
 * bat_attach_destroy - restore what was found, end the keeper, free. Accepts NULL.
 * @ret_restored: sockets restored; may be NULL. Sockets that are gone need no restoring and do not count.
 */
void bat_attach_destroy(struct bat_attach *attach, uint32_t *ret_restored);

/*
 * bat_attach_set - the mode of all sockets, those included that are opened later. Sockets are not touched before this
 * is called. A socket that the program opened after that is switched when it is 20 ms old, since programs set options
 * just after accept(2); so what is restored is what the program wanted. A change by the program is overridden, and
 * restored. Returns 0, or -ESRCH (the process has ended).
 */
int bat_attach_set(struct bat_attach *attach, enum bat_socket_mode mode);

/*
 * bat_attach_track - from now on @tracker (tracker.h) follows the sockets, those included that are opened later. It
 * stays the caller's, and must outlive the attachment. Several attachments may share one, as those of both ends do. A
 * socket for which it has no place is switched all the same, and left out of what is read.
 */
void bat_attach_track(struct bat_attach *attach, struct bat_tracker *tracker);

/*
 * bat_attach_queues - the queues of all tracked sockets together at @now_ns of bat_tracker_now_ns(), those included
 * that are closed by now, from memory: no system call, and no new socket is looked for.
 * @ret: [BAT_QUEUE_COUNT]. Returns 0, or -EAGAIN (updates of a socket never paused) with @ret untouched.
 */
int bat_attach_queues(struct bat_attach *attach, int64_t now_ns, struct bat_reading *ret);

/* Sums over the sockets: their state now, and what was counted since they were seen first. Bytes. */
struct bat_attach_sample {
	int64_t time_ns;
	uint32_t sockets;
	uint64_t unacked_size, unread_size;
	uint64_t unacked_departed; /* acknowledged by the peer */
	uint64_t unread_departed;  /* read by the program */
	uint64_t segments;         /* with data, sent */
	uint64_t overridden;       /* changes by the program */
	uint64_t pushed;           /* times that held bytes were sent because of hold_max_ns */
};

/*
 * bat_attach_sample - read every socket; push what is held too long; look for new ones every 20 ms. That is, count the
 * process's descriptors, where the kernel says how many there are, and look through them if they are more or fewer than
 * before or a watched socket has gone; through all of them every 200 ms in any case.
 * Returns 0; -ESRCH (the process has ended), -EPERM (it changed its identity and may not be watched any more).
 */
int bat_attach_sample(struct bat_attach *attach, struct bat_attach_sample *ret);

/*
 * Mean waits from samples: of a window, mean size x duration / departures, as in Little's law. The samples must be at
 * random times independent of the load, such as after exponential gaps: then their mean is that of all time (Wolff,
 * PASTA, 1982), where regular ones alias with a regular load.
 */
struct bat_poll_window {
	struct bat_attach_sample first, last;
	uint64_t samples; /* after the first */
	double unacked_sum, unread_sum;
};

struct bat_poll_wait {
	bool unacked_defined, unread_defined; /* something departed and something was sampled */
	double unacked_ns, unread_ns;
};

/* bat_poll_begin - a window begins with @sample. bat_poll_add - a further one. */
void bat_poll_begin(struct bat_poll_window *window, const struct bat_attach_sample *sample);
void bat_poll_add(struct bat_poll_window *window, const struct bat_attach_sample *sample);
struct bat_poll_wait bat_poll_waits(const struct bat_poll_window *window);

#endif
