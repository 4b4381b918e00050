/* SPDX-License-Identifier: GPL-3.0-or-later */
/* epoll. The slot's number travels with the event. */
#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "poller.h"

#define EVENTS 64
#define NS_PER_S 1000000000

static int descriptor(const struct poller *poller)
{
	return (int)(intptr_t)poller->state;
}

static int open_epoll(struct poller *poller)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return -errno;
	poller->state = (void *)(intptr_t)fd;
	return 0;
}

static void close_epoll(struct poller *poller)
{
	(void)close(descriptor(poller));
}

static int control(struct poller *poller, int operation, int slot)
{
	const struct poller_slot *at = &poller->slots[slot];
	struct epoll_event event = {
		.events = (at->want_read ? EPOLLIN : 0u) | (at->want_write ? EPOLLOUT : 0u),
		.data.fd = slot,
	};

	return epoll_ctl(descriptor(poller), operation, at->fd, &event) ? -errno : 0;
}

static int add(struct poller *poller, int slot)
{
	return control(poller, EPOLL_CTL_ADD, slot);
}

static int change(struct poller *poller, int slot)
{
	return control(poller, EPOLL_CTL_MOD, slot);
}

static void remove_slot(struct poller *poller, int slot)
{
	(void)control(poller, EPOLL_CTL_DEL, slot);
}

static int wait_epoll(struct poller *poller, int64_t wait_ns)
{
	struct timespec wait = {wait_ns / NS_PER_S, wait_ns % NS_PER_S};
	struct epoll_event events[EVENTS];
	int count = epoll_pwait2(descriptor(poller), events, EVENTS, &wait, NULL);

	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		struct poller_slot *at = &poller->slots[events[i].data.fd];

		at->readable |= (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
		at->writable |= (events[i].events & EPOLLOUT) != 0;
	}
	return 0;
}

const struct poller_backend poller_epoll = {
	.open = open_epoll,
	.close = close_epoll,
	.add = add,
	.change = change,
	.remove = remove_slot,
	.wait = wait_epoll,
};
