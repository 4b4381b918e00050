/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "attach_ends.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/json_out.h>

static const char *const role_names[END_COUNT] = {"requester", "responder"};

int ends_open(struct ends *ends, enum ends_tracking tracking, uint16_t port, int64_t hold_ns,
	struct hb_error *reterr)
{
	struct hb_error error = {0};
	int err = 0;

	for (int i = 0; i < END_COUNT && !err; i++) {
		if (ends->end[i].pid != 0)
			err = bat_attach_create(&ends->end[i].attach, (pid_t)ends->end[i].pid, port,
				hold_ns, reterr);
	}
	if (err || tracking == TRACKING_POLLING)
		return err;
	err = bat_tracker_create(&ends->tracker, &error);
	if (err && tracking == TRACKING_BPF) {
		if (reterr)
			*reterr = error;
		return err;
	}
	if (err)
		(void)fprintf(stderr, "batching attach: tracking by polling: %s\n", error.text);
	for (int i = 0; i < END_COUNT && !err; i++) {
		if (ends->end[i].attach)
			bat_attach_track(ends->end[i].attach, ends->tracker);
	}
	return 0;
}

/* Both ends at one moment. Returns 0 or -EAGAIN, and then nothing has changed. */
static int read_queues(struct ends *ends)
{
	struct bat_reading queues[END_COUNT][BAT_QUEUE_COUNT];
	int64_t now_ns = bat_tracker_now_ns();

	for (int i = 0; i < END_COUNT; i++) {
		if (ends->end[i].attach &&
			bat_attach_queues(ends->end[i].attach, now_ns, queues[i]))
			return -EAGAIN;
	}
	for (int i = 0; i < END_COUNT; i++) {
		if (ends->end[i].attach)
			memcpy(ends->end[i].last_queues, queues[i], sizeof(queues[i]));
	}
	return 0;
}

void ends_finish(struct ends *ends)
{
	if (ends->tracker)
		(void)read_queues(ends);
	for (int i = 0; i < END_COUNT; i++) {
		bat_attach_destroy(ends->end[i].attach, &ends->end[i].restored);
		ends->end[i].attach = NULL;
	}
}

void ends_close(struct ends *ends)
{
	ends_finish(ends);
	bat_tracker_destroy(ends->tracker);
	ends->tracker = NULL;
}

const char *ends_tracking_name(const struct ends *ends)
{
	return ends->tracker ? bat_tracker_name(ends->tracker) : "polling";
}

int ends_set(struct ends *ends, enum bat_socket_mode mode)
{
	int err = 0;

	for (int i = 0; i < END_COUNT && !err; i++) {
		if (ends->end[i].attach && ends->end[i].is_switched)
			err = bat_attach_set(ends->end[i].attach, mode);
	}
	return err;
}

int ends_begin(struct ends *ends)
{
	for (int i = 0; i < END_COUNT; i++) {
		struct end *end = &ends->end[i];
		int err = end->attach ? bat_attach_sample(end->attach, &end->first) : 0;

		if (err)
			return err;
		end->last = end->first;
		bat_poll_begin(&end->window, &end->first);
		bat_poll_begin(&end->whole, &end->first);
	}
	if (ends->tracker && read_queues(ends))
		return -EAGAIN;
	for (int i = 0; i < END_COUNT; i++) {
		struct end *end = &ends->end[i];

		memcpy(end->first_queues, end->last_queues, sizeof(end->last_queues));
		memcpy(end->window_queues, end->last_queues, sizeof(end->last_queues));
	}
	return 0;
}

int ends_sample(struct ends *ends)
{
	for (int i = 0; i < END_COUNT; i++) {
		struct end *end = &ends->end[i];
		int err = end->attach ? bat_attach_sample(end->attach, &end->last) : 0;

		if (err)
			return err;
		bat_poll_add(&end->window, &end->last);
		bat_poll_add(&end->whole, &end->last);
	}
	return 0;
}

static struct bat_end tracked(const struct bat_reading *from, const struct bat_reading *to)
{
	struct bat_end end = {0};
	struct bat_window window;

	for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
		if (bat_window_between(&from[q], &to[q], &window) == 0)
			end.queues[q] = bat_wait_of(&window);
	}
	return end;
}

/* What polling shows: the delay of acknowledgements is not among it. */
static struct bat_end polled(const struct bat_poll_window *window)
{
	struct bat_poll_wait wait = bat_poll_waits(window);
	struct bat_end end = {0};

	end.queues[BAT_UNACKED] = (struct bat_wait){true, wait.unacked_defined, wait.unacked_ns};
	end.queues[BAT_UNREAD] = (struct bat_wait){true, wait.unread_defined, wait.unread_ns};
	return end;
}

static void add(struct bat_estimate *estimate, const struct bat_end *end, enum bat_queue queue,
	bool at_responder)
{
	const struct bat_wait *wait = &end->queues[queue];

	if (!wait->tracked)
		return;
	estimate->terms[estimate->term_count++] =
		(struct bat_term){.queue = queue, .at_responder = at_responder, .wait = *wait};
	estimate->defined = estimate->defined && wait->defined;
	estimate->end_to_end_ns += wait->ns;
}

/*
 * With the counters of both ends the whole sum. Polling has no delay of acknowledgements, and one end alone knows its
 * own queues only: the waits that there are, then, which rank two ways of sending where the rest is alike.
 */
static struct bat_estimate combine(const struct ends *ends, const struct bat_end *ends_waits)
{
	const struct bat_end *a = &ends_waits[END_REQUESTER], *b = &ends_waits[END_RESPONDER];
	bool has_a = ends->end[END_REQUESTER].pid != 0, has_b = ends->end[END_RESPONDER].pid != 0;
	struct bat_estimate estimate = {.defined = true};

	if (has_a && has_b && ends->tracker) {
		bat_estimate_larger(a, b, &estimate);
		return estimate;
	}
	if (has_a) {
		add(&estimate, a, BAT_UNACKED, false);
		add(&estimate, a, BAT_UNREAD, false);
	}
	if (has_b) {
		add(&estimate, b, BAT_UNREAD, true);
		add(&estimate, b, BAT_SERVICE, true);
		if (!has_a)
			add(&estimate, b, BAT_UNACKED, true);
	}
	return estimate;
}

static void waits_of(const struct ends *ends, bool whole, struct bat_end *ret)
{
	for (int i = 0; i < END_COUNT; i++) {
		const struct end *end = &ends->end[i];

		ret[i] = (struct bat_end){0};
		if (end->pid == 0)
			continue;
		ret[i] = ends->tracker ? tracked(whole ? end->first_queues : end->window_queues,
						 end->last_queues)
				       : polled(whole ? &end->whole : &end->window);
	}
}

struct bat_estimate ends_window(struct ends *ends, uint64_t *ret_answered)
{
	struct bat_estimate estimate = {0};
	struct bat_end waits[END_COUNT];

	*ret_answered = 0;
	if (ends->tracker && read_queues(ends))
		return estimate;
	waits_of(ends, false, waits);
	estimate = combine(ends, waits);
	for (int i = END_COUNT - 1; i >= 0; i--) {
		struct end *end = &ends->end[i];

		if (!end->attach)
			continue;
		*ret_answered = ends->tracker ? end->last_queues[BAT_UNACKED].departed -
							end->window_queues[BAT_UNACKED].departed
					      : end->window.last.unacked_departed -
							end->window.first.unacked_departed;
		bat_poll_begin(&end->window, &end->last);
		memcpy(end->window_queues, end->last_queues, sizeof(end->last_queues));
	}
	return estimate;
}

static void put_wait(struct hb_json_out *out, const char *key, const struct bat_wait *wait)
{
	if (wait->defined)
		hb_json_put_number(out, key, wait->ns);
	else
		hb_json_put_null(out, key);
}

void ends_put(const struct ends *ends, enum end_role role, struct hb_json_out *out)
{
	const struct end *end = &ends->end[role];
	struct bat_end waits[END_COUNT];
	char key[32];

	waits_of(ends, true, waits);
	hb_json_put_text(out, "role", role_names[role]);
	hb_json_put_bool(out, "switched", end->is_switched);
	hb_json_put_u64(out, "sockets", end->last.sockets);
	hb_json_put_u64(out, "restored", end->restored);
	hb_json_put_u64(out, "overridden", end->last.overridden);
	hb_json_put_u64(out, "pushed", end->last.pushed);
	hb_json_put_u64(
		out, "acked_bytes", end->last.unacked_departed - end->first.unacked_departed);
	hb_json_put_u64(out, "read_bytes", end->last.unread_departed - end->first.unread_departed);
	hb_json_put_u64(out, "segments", end->last.segments - end->first.segments);
	for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
		if (!waits[role].queues[q].tracked)
			continue;
		(void)snprintf(key, sizeof(key), "%s_wait_ns", bat_queue_name((enum bat_queue)q));
		put_wait(out, key, &waits[role].queues[q]);
	}
}

void ends_put_sum(const struct ends *ends, struct hb_json_out *out)
{
	struct bat_end waits[END_COUNT];
	struct bat_estimate estimate;

	waits_of(ends, true, waits);
	estimate = combine(ends, waits);
	put_wait(out, "end_to_end_ns",
		&(struct bat_wait){true, estimate.defined, estimate.end_to_end_ns});
}

void ends_say(const struct ends *ends)
{
	struct bat_end waits[END_COUNT];
	struct bat_estimate estimate;

	waits_of(ends, true, waits);
	estimate = combine(ends, waits);
	for (int i = 0; i < END_COUNT; i++) {
		const struct end *end = &ends->end[i];

		if (end->pid == 0)
			continue;
		(void)printf("%s %" PRId64 ": %" PRIu32 " sockets, %" PRIu32 " restored;",
			role_names[i], end->pid, end->last.sockets, end->restored);
		for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
			if (waits[i].queues[q].defined)
				(void)printf(" %s %.6g us", bat_queue_name((enum bat_queue)q),
					waits[i].queues[q].ns / 1e3);
		}
		(void)printf("\n");
	}
	if (estimate.defined)
		(void)printf("in all: %.6g us\n", estimate.end_to_end_ns / 1e3);
}
