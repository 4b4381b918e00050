/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <batching/estimate.h>

#include <stddef.h>

#include <hotbed/assert.h>

const char *bat_unit_name(enum bat_unit unit)
{
	static const char *const names[BAT_UNIT_COUNT] = {"bytes", "segments", "sends", "requests"};

	hb_assert((unsigned int)unit < BAT_UNIT_COUNT);
	return names[unit];
}

const char *bat_queue_name(enum bat_queue queue)
{
	static const char *const names[BAT_QUEUE_COUNT] = {
		"unacked", "unread", "ackdelay", "service"};

	hb_assert((unsigned int)queue < BAT_QUEUE_COUNT);
	return names[queue];
}

struct bat_wait bat_wait_of(const struct bat_window *window)
{
	struct bat_wait wait = {.tracked = true};

	wait.defined = bat_window_wait_ns(window, &wait.ns);
	return wait;
}

/* The sum of estimate.h, in the order in which a request meets the queues. */
static const struct {
	enum bat_queue queue;
	bool at_responder, subtracted, needed;
} parts[BAT_TERMS_MAX] = {
	{BAT_UNACKED, false, false, true},
	{BAT_ACKDELAY, true, true, true},
	{BAT_UNREAD, true, false, true},
	{BAT_SERVICE, true, false, false},
	{BAT_UNREAD, false, false, true},
};

void bat_estimate_combine(
	const struct bat_end *requester, const struct bat_end *responder, struct bat_estimate *ret)
{
	*ret = (struct bat_estimate){.defined = true};
	for (size_t i = 0; i < BAT_TERMS_MAX; i++) {
		const struct bat_end *end = parts[i].at_responder ? responder : requester;
		const struct bat_wait *wait = &end->queues[parts[i].queue];

		if (!wait->tracked && !parts[i].needed)
			continue;
		ret->terms[ret->term_count++] = (struct bat_term){
			.queue = parts[i].queue,
			.at_responder = parts[i].at_responder,
			.subtracted = parts[i].subtracted,
			.wait = *wait,
		};
		ret->defined = ret->defined && wait->tracked && wait->defined;
		if (wait->defined)
			ret->end_to_end_ns += parts[i].subtracted ? -wait->ns : wait->ns;
	}
	if (!ret->defined)
		ret->end_to_end_ns = 0;
}
