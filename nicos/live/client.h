/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The open-loop client: what it sends and when is drawn before the run; latency counts from the intended time,
 * and every reply is compared with what the handler must give.
 */
#ifndef NICOS_LIVE_CLIENT_H
#define NICOS_LIVE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <hotbed/clock.h>

#include <nicos/live.h>
#include <nicos/wire.h>

struct client;

struct client_counts {
	uint64_t sent, hostile, answered, wrong, duplicates, late, measured;
	uint64_t answered_measured; /* after the warm-up */
	double mean_ns;
};

/*
 * client_create - draw the schedule of @options.
 * @step_ns: what a step of the handlers takes. @from: the client's own address. Others outlive it.
 *
 * Returns 0, -EINVAL or -ENOMEM.
 */
int client_create(const struct nic_live_options *options, double step_ns,
	const struct nic_address *from, const struct nic_address *to, struct nic_wire *wire,
	const struct hb_clock *clock, struct client **ret, struct hb_error *reterr);
void client_destroy(struct client *client);

/* client_begin - the first request's time counts from now. */
void client_begin(struct client *client);

/* client_poll - send what is due, take replies that have come. */
void client_poll(struct client *client);

/* client_has_sent - all of the schedule? */
bool client_has_sent(const struct client *client);

/* client_counts - so far. */
void client_counts(const struct client *client, struct client_counts *ret);

/* client_latency - take the histogram, in ns; requests that were not answered are infinite. Once. */
struct hb_hist *client_latency(struct client *client);

/* client_work_steps - of the requests that were answered. */
double client_work_steps(const struct client *client);

/*
 * client_watched - with options->watch: latencies since client_watch_on(), and of each service; owned by
 * @client.
 */
void client_watched(struct client *client, struct nic_live_view *ret);

/* client_watch_on - forget the latencies since the call before. */
void client_watch_on(struct client *client);

/* client_measured_s - from the first request after the warm-up to the last answer. */
double client_measured_s(const struct client *client);

#endif
