/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * io_uring: one poll request per descriptor, renewed after each completion. A request under way holds the file, so a
 * close would not be seen by the peer; it is cancelled and submitted before.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>

#include "poller.h"

#define ENTRIES 256
#define NS_PER_S 1000000000
#define IGNORED UINT64_MAX /* completions of cancellations */

static int open_uring(struct poller *poller)
{
	struct io_uring *ring = calloc(1, sizeof(*ring));
	int err;

	if (!ring)
		return -ENOMEM;
	err = io_uring_queue_init(ENTRIES, ring, 0);
	if (err) {
		free(ring);
		return err;
	}
	poller->state = ring;
	return 0;
}

static void close_uring(struct poller *poller)
{
	io_uring_queue_exit(poller->state);
	free(poller->state);
}

static struct io_uring_sqe *entry(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe) {
		(void)io_uring_submit(ring);
		sqe = io_uring_get_sqe(ring);
	}
	return sqe;
}

static uint64_t tag(const struct poller *poller, int slot)
{
	return (uint64_t)poller->slots[slot].generation << 32 | (uint32_t)slot;
}

static int arm(struct poller *poller, int slot)
{
	struct poller_slot *at = &poller->slots[slot];
	struct io_uring_sqe *sqe;

	if (!at->want_read && !at->want_write)
		return 0;
	sqe = entry(poller->state);
	if (!sqe)
		return -EAGAIN;
	io_uring_prep_poll_add(
		sqe, at->fd, (at->want_read ? POLLIN : 0u) | (at->want_write ? POLLOUT : 0u));
	io_uring_sqe_set_data64(sqe, tag(poller, slot));
	at->armed = true;
	return 0;
}

static void disarm(struct poller *poller, int slot)
{
	struct poller_slot *at = &poller->slots[slot];
	struct io_uring_sqe *sqe;

	if (at->armed) {
		sqe = entry(poller->state);
		if (sqe) {
			io_uring_prep_poll_remove(sqe, tag(poller, slot));
			io_uring_sqe_set_data64(sqe, IGNORED);
		}
		(void)io_uring_submit(poller->state);
	}
	at->armed = false;
	at->generation++;
}

static int add(struct poller *poller, int slot)
{
	return arm(poller, slot);
}

static int change(struct poller *poller, int slot)
{
	disarm(poller, slot);
	return arm(poller, slot);
}

static void collect(struct poller *poller)
{
	struct io_uring_cqe *cqe;
	unsigned int head, count = 0;

	io_uring_for_each_cqe((struct io_uring *)poller->state, head, cqe)
	{
		uint64_t data = io_uring_cqe_get_data64(cqe);
		struct poller_slot *at = &poller->slots[(uint32_t)data % POLLER_SLOTS];

		count++;
		if (data == IGNORED || at->fd < 0 || at->generation != data >> 32)
			continue;
		at->armed = false;
		at->readable |= cqe->res < 0 || (cqe->res & (POLLIN | POLLERR | POLLHUP)) != 0;
		at->writable |= cqe->res > 0 && (cqe->res & POLLOUT) != 0;
	}
	io_uring_cq_advance(poller->state, count);
}

static int wait_uring(struct poller *poller, int64_t wait_ns)
{
	struct __kernel_timespec wait = {wait_ns / NS_PER_S, wait_ns % NS_PER_S};
	struct io_uring_cqe *cqe;
	int err;

	for (int i = 0; i < poller->used; i++) {
		if (poller->slots[i].fd >= 0 && !poller->slots[i].armed) {
			err = arm(poller, i);
			if (err)
				return err;
		}
	}
	err = io_uring_submit_and_wait_timeout(poller->state, &cqe, 1, &wait, NULL);
	collect(poller);
	return err < 0 && err != -ETIME ? err : 0;
}

const struct poller_backend poller_uring = {
	.open = open_uring,
	.close = close_uring,
	.add = add,
	.change = change,
	.remove = disarm,
	.wait = wait_uring,
};
