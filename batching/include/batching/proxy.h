/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A TCP proxy in front of an unmodified Redis that counts what the application would have to tell: requests that have
 * come and are not answered yet (the paper's hints), from the protocol. It passes every byte on as it came; a stream
 * that is no RESP is passed on uncounted.
 *
 * Thread-safe: each run owns its sockets. Source: Borisov, Amit and Tsafrir, HotOS 2025 (create, complete).
 */
#ifndef BATCHING_PROXY_H
#define BATCHING_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include <batching/window.h>

struct hb_error;

#define BAT_PROXY_CONNECTIONS_MAX 10000U

struct bat_proxy_options {
	const char *listen, *to; /* HOST:PORT; an IPv6 address in brackets; port 0 = any */
	uint32_t
		connections_max; /* at once, 1 ... BAT_PROXY_CONNECTIONS_MAX; more wait in the backlog */
	bool nagle;  /* leave Nagle's algorithm on at both sides; false sets TCP_NODELAY */
	int stop_fd; /* readable: end; never read from */
	/* Called once it listens, before the first connection; may be NULL */
	void (*ready)(void *user, uint16_t port);
	void *user;
};

struct bat_proxy_stats {
	uint64_t connections;
	uint64_t refused; /* the server could not be reached */
	uint64_t requests, answers;
	uint64_t
		uncounted; /* connections with a stream that is no RESP, or more answers than requests */
	uint64_t bytes_to_server, bytes_to_client;
	struct bat_window
		hints; /* the logical queue of requests, over all counted connections and the whole run */
};

/*
 * bat_proxy_run - serve until @options->stop_fd is readable. Needs 130 KiB per connection.
 * A request counts when its last byte has come from the client, its answer when the bytes that were read with its last
 * one (64 KiB at most) have been handed to the client's socket; requests of connections that end unanswered leave the
 * queue then. A side that resets its connection loses what was on its way to it; what it has sent is still passed on.
 *
 * Returns 0 with @ret filled; -EINVAL (an address or limit); -ENOMEM; or what listen or epoll say, with the address.
 */
int bat_proxy_run(const struct bat_proxy_options *options, struct bat_proxy_stats *ret,
	struct hb_error *reterr);

#endif
