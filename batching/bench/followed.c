/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "followed.h"

#include <string.h>
#include <unistd.h>

#include <hotbed/error.h>

#define HOLD_NS 1000000000 /* Nagle's algorithm holds as long as it does, here */

int followed_probe(struct hb_trial *trial)
{
	struct bat_tracker *tracker = NULL;
	int err = redis_probe(trial);

	if (!err && bat_tracker_create(&tracker, NULL))
		err = hb_trial_skip(trial, "needs BPF");
	bat_tracker_destroy(tracker);
	return err;
}

int followed_start(struct hb_trial *trial, const struct redis *redis, bool by_events,
	struct followed *followed)
{
	const pid_t pids[ENDS] = {getpid(), redis->server.pid};
	struct hb_error error = {0};
	int err = 0;

	*followed = (struct followed){0};
	for (int end = 0; end < ENDS && !err; end++)
		err = bat_attach_create(
			&followed->attach[end], pids[end], REDIS_PORT, HOLD_NS, &error);
	if (!err && by_events)
		err = bat_tracker_create(&followed->tracker, &error);
	if (err)
		return hb_trial_fail(trial, "%s", error.text);
	for (int end = 0; end < ENDS && followed->tracker; end++)
		bat_attach_track(followed->attach[end], followed->tracker);
	return 0;
}

void followed_stop(struct followed *followed)
{
	for (int end = 0; end < ENDS; end++) {
		bat_attach_destroy(followed->attach[end], NULL);
		followed->attach[end] = NULL;
	}
	bat_tracker_destroy(followed->tracker);
	followed->tracker = NULL;
}

int followed_begin(const struct followed *followed, struct followed_window *ret)
{
	struct followed_window now;
	int64_t now_ns = bat_tracker_now_ns();

	for (int end = 0; end < ENDS; end++) {
		int err = bat_attach_queues(followed->attach[end], now_ns, now.begin[end]);

		if (err)
			return err;
	}
	*ret = now;
	return 0;
}

int followed_end(const struct followed *followed, struct followed_window *window,
	struct bat_end ret[ENDS], uint64_t *ret_replies)
{
	struct followed_window now;
	int err = followed_begin(followed, &now);

	if (err)
		return err;
	memset(ret, 0, ENDS * sizeof(*ret));
	for (int i = 0; i < ENDS * BAT_QUEUE_COUNT; i++) {
		int end = i / BAT_QUEUE_COUNT, queue = i % BAT_QUEUE_COUNT;
		struct bat_window between;

		if (bat_window_between(
			    &window->begin[end][queue], &now.begin[end][queue], &between) == 0)
			ret[end].queues[queue] = bat_wait_of(&between);
	}
	if (ret_replies)
		*ret_replies = now.begin[CLIENT][BAT_UNREAD].departed -
			       window->begin[CLIENT][BAT_UNREAD].departed;
	*window = now;
	return 0;
}
