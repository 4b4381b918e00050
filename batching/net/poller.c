/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "poller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/clock.h>
#include <hotbed/error.h>

#ifndef WITH_URING
#define WITH_URING 0
#endif

static const char *const names[BAT_BACKEND_COUNT + 1] = {"epoll", "uring", "uv", NULL};

const char *bat_backend_name(enum bat_backend backend)
{
	hb_assert((unsigned int)backend < BAT_BACKEND_COUNT);
	return names[backend];
}

int bat_backend_find(const char *name, enum bat_backend *ret, struct hb_error *reterr)
{
	for (int i = 0; i < BAT_BACKEND_COUNT; i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum bat_backend)i;
			return 0;
		}
	}
	return hb_error_set(
		reterr, -EINVAL, "unknown back end '%.80s'; give epoll, uring or uv", name);
}

static const struct poller_backend *const backends[BAT_BACKEND_COUNT] = {
	&poller_epoll,
#if WITH_URING
	&poller_uring,
#else
	NULL,
#endif
	&poller_uv,
};

int poller_create(struct poller **ret, enum bat_backend backend, struct hb_error *reterr)
{
	struct poller *poller;
	int err;

	if (!backends[backend])
		return hb_error_set(reterr, -ENOTSUP,
			"the back end %s was not built; install liburing-dev and build again",
			names[backend]);
	poller = calloc(1, sizeof(*poller));
	if (!poller)
		return hb_error_set(
			reterr, -ENOMEM, "no memory for the back end %s", names[backend]);
	for (int i = 0; i < POLLER_SLOTS; i++)
		poller->slots[i].fd = -1;
	poller->backend = backends[backend];
	err = poller->backend->open(poller);
	if (err) {
		free(poller);
		return hb_error_set(reterr, err, "the back end %s cannot be set up: %s",
			names[backend], strerror(-err));
	}
	*ret = poller;
	return 0;
}

void poller_destroy(struct poller *poller)
{
	if (!poller)
		return;
	poller->backend->close(poller);
	free(poller);
}

int poller_add(struct poller *poller, int fd, void *user)
{
	int slot = 0, err;

	while (slot < POLLER_SLOTS && poller->slots[slot].fd >= 0)
		slot++;
	if (slot == POLLER_SLOTS)
		return -ENFILE;
	poller->slots[slot] = (struct poller_slot){.fd = fd,
		.user = user,
		.want_read = true,
		.generation = poller->slots[slot].generation + 1};
	if (slot >= poller->used)
		poller->used = slot + 1;
	err = poller->backend->add(poller, slot);
	if (err) {
		poller->slots[slot].fd = -1;
		return err;
	}
	return slot;
}

int poller_want(struct poller *poller, int slot, bool want_read, bool want_write)
{
	struct poller_slot *at = &poller->slots[slot];

	if (at->want_read == want_read && at->want_write == want_write)
		return 0;
	at->want_read = want_read;
	at->want_write = want_write;
	return poller->backend->change(poller, slot);
}

void poller_remove(struct poller *poller, int slot)
{
	poller->backend->remove(poller, slot);
	poller->slots[slot].fd = -1;
	poller->slots[slot].readable = poller->slots[slot].writable = false;
}

int poller_wait(struct poller *poller, int64_t until_ns, struct poller_event *ret, int max)
{
	int64_t wait_ns = until_ns - hb_clock_now_ns();
	int count = 0, err;

	err = poller->backend->wait(poller, wait_ns > 0 ? wait_ns : 0);
	if (err && err != -EINTR)
		return err;
	for (int i = 0; i < poller->used && count < max; i++) {
		struct poller_slot *at = &poller->slots[i];

		if (at->fd < 0 || !(at->readable || at->writable))
			continue;
		ret[count++] = (struct poller_event){at->user, at->readable, at->writable};
		at->readable = at->writable = false;
	}
	return count;
}
