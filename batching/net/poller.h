/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Waiting for sockets, by one of three back ends. Level-triggered: what is not read is reported again. Not thread-safe,
 * except that an eventfd among the descriptors may be written by anybody.
 */
#ifndef BATCHING_POLLER_H
#define BATCHING_POLLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <batching/bnet.h>

struct hb_error;

#define POLLER_SLOTS (BAT_CONNECTIONS_MAX + 4)

struct poller_event {
	void *user;
	bool readable; /* or ended, or failed: reading tells */
	bool writable;
};

/* What a back end keeps about a descriptor. */
struct poller_slot {
	int fd; /* -1: free */
	void *user;
	bool want_read, want_write;
	bool readable, writable; /* seen, not yet reported */
	bool armed;              /* io_uring: a request is under way */
	uint32_t generation;     /* io_uring: completions of earlier ones do not count */
	void *handle;            /* libuv */
};

struct poller {
	const struct poller_backend *backend;
	void *state;
	int used; /* slots 0 ... used - 1 have been given out */
	struct poller_slot slots[POLLER_SLOTS];
};

/* One back end. Slots are those of the poller; functions return 0 or -errno. */
struct poller_backend {
	int (*open)(struct poller *poller);
	void (*close)(struct poller *poller);
	int (*add)(struct poller *poller, int slot);
	int (*change)(struct poller *poller, int slot);
	void (*remove)(struct poller *poller, int slot);
	/* Marks slots readable and writable; waits at most @wait_ns (0: not at all). */
	int (*wait)(struct poller *poller, int64_t wait_ns);
};

extern const struct poller_backend poller_epoll, poller_uring, poller_uv;

/* poller_create - returns 0, -ENOTSUP (not built with it), or -errno. poller_destroy() frees it, accepting NULL. */
int poller_create(struct poller **ret, enum bat_backend backend, struct hb_error *reterr);
void poller_destroy(struct poller *poller);
/* poller_add - watch @fd for reading. Returns its slot, -ENFILE (no slot is free) or another -errno. */
int poller_add(struct poller *poller, int fd, void *user);
/* poller_want - what to wait for. Returns 0 or -errno. */
int poller_want(struct poller *poller, int slot, bool want_read, bool want_write);
/* poller_remove - before @slot's descriptor is closed: nothing holds it afterwards. */
void poller_remove(struct poller *poller, int slot);
/*
 * poller_wait - until something is ready or @until_ns of hb_clock_now_ns().
 * Returns how many of @ret [max] were filled, or -errno. A signal counts as a time-out.
 */
int poller_wait(struct poller *poller, int64_t until_ns, struct poller_event *ret, int max);

#endif
