/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libuv. Its timers count milliseconds, so that deadlines come from a timer descriptor that it watches. */
#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

#include "poller.h"

#define NS_PER_S 1000000000

struct uv_state {
	uv_loop_t loop;
	uv_poll_t timer;
	int timer_fd;
};

static void expire(uv_poll_t *handle, int status, int events)
{
	const struct uv_state *state = handle->data;
	uint64_t count;

	(void)status;
	(void)events;
	(void)!read(state->timer_fd, &count, sizeof(count));
}

static void ready(uv_poll_t *handle, int status, int events)
{
	struct poller_slot *at = handle->data;

	at->readable |= status < 0 || (events & (UV_READABLE | UV_DISCONNECT)) != 0;
	at->writable |= status >= 0 && (events & UV_WRITABLE) != 0;
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static int open_uv(struct poller *poller)
{
	struct uv_state *state = calloc(1, sizeof(*state));
	int err;

	if (!state)
		return -ENOMEM;
	state->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	err = state->timer_fd < 0 ? -errno : uv_loop_init(&state->loop);
	if (err)
		goto fail;
	err = uv_poll_init(&state->loop, &state->timer, state->timer_fd);
	state->timer.data = state;
	if (!err)
		err = uv_poll_start(&state->timer, UV_READABLE, expire);
	if (err) {
		(void)uv_loop_close(&state->loop);
		goto fail;
	}
	poller->state = state;
	return 0;
fail:
	if (state->timer_fd >= 0)
		(void)close(state->timer_fd);
	free(state);
	return err;
}

static int change(struct poller *poller, int slot)
{
	struct poller_slot *at = &poller->slots[slot];
	int events = (at->want_read ? UV_READABLE : 0) | (at->want_write ? UV_WRITABLE : 0);

	return events ? uv_poll_start(at->handle, events, ready) : uv_poll_stop(at->handle);
}

static int add(struct poller *poller, int slot)
{
	struct uv_state *state = poller->state;
	struct poller_slot *at = &poller->slots[slot];
	uv_poll_t *handle = calloc(1, sizeof(*handle));
	int err;

	if (!handle)
		return -ENOMEM;
	err = uv_poll_init(&state->loop, handle, at->fd);
	if (err) {
		free(handle);
		return err;
	}
	handle->data = at;
	at->handle = handle;
	return change(poller, slot);
}

static void remove_slot(struct poller *poller, int slot)
{
	struct poller_slot *at = &poller->slots[slot];

	if (!at->handle)
		return;
	(void)uv_poll_stop(at->handle);
	uv_close(at->handle, free_handle);
	at->handle = NULL;
}

static void close_uv(struct poller *poller)
{
	struct uv_state *state = poller->state;

	for (int i = 0; i < poller->used; i++)
		remove_slot(poller, i);
	uv_close((uv_handle_t *)&state->timer, NULL);
	(void)uv_run(&state->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&state->loop);
	(void)close(state->timer_fd);
	free(state);
}

static int wait_uv(struct poller *poller, int64_t wait_ns)
{
	struct uv_state *state = poller->state;
	struct itimerspec wait = {.it_value = {wait_ns / NS_PER_S, wait_ns % NS_PER_S}};

	if (wait_ns == 0) {
		(void)uv_run(&state->loop, UV_RUN_NOWAIT);
		return 0;
	}
	if (timerfd_settime(state->timer_fd, 0, &wait, NULL))
		return -errno;
	(void)uv_run(&state->loop, UV_RUN_ONCE);
	return 0;
}

const struct poller_backend poller_uv = {
	.open = open_uv,
	.close = close_uv,
	.add = add,
	.change = change,
	.remove = remove_slot,
	.wait = wait_uv,
};
