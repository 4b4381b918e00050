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
		"unacked", "unread", "ackdelay", "service", "unsent"};

	hb_assert((unsigned int)queue < BAT_QUEUE_COUNT);
	return names[queue];
}

struct bat_wait bat_wait_of(const struct bat_window *window)
{
	struct bat_wait wait = {.tracked = true};

	wait.defined = bat_window_wait_ns(window, &wait.ns);
	return wait;
}

struct part {
	enum bat_queue queue;
	bool at_responder, subtracted, needed;
};

/* The sums of estimate.h, in the order in which a request meets the queues. */
static const struct part by_requests[] = {
	{BAT_UNACKED, false, false, true},
	{BAT_ACKDELAY, true, true, true},
	{BAT_UNREAD, true, false, true},
	{BAT_SERVICE, true, false, false},
	{BAT_UNSENT, true, false, false},
	{BAT_UNREAD, false, false, true},
};

static const struct part by_answers[] = {
	{BAT_UNSENT, false, false, false},
	{BAT_UNREAD, true, false, true},
	{BAT_SERVICE, true, false, false},
	{BAT_UNACKED, true, false, true},
	{BAT_ACKDELAY, false, true, true},
	{BAT_UNREAD, false, false, true},
};

#define PARTS(parts) (sizeof(parts) / sizeof((parts)[0]))
_Static_assert(PARTS(by_requests) <= BAT_TERMS_MAX && PARTS(by_answers) <= BAT_TERMS_MAX, "room");

static void sum_up(const struct part *parts, size_t count, const struct bat_end *requester,
	const struct bat_end *responder, struct bat_estimate *ret)
{
	*ret = (struct bat_estimate){.defined = true};
	for (size_t i = 0; i < count; i++) {
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

void bat_estimate_combine(
	const struct bat_end *requester, const struct bat_end *responder, struct bat_estimate *ret)
{
	sum_up(by_requests, PARTS(by_requests), requester, responder, ret);
}

void bat_estimate_by_answers(
	const struct bat_end *requester, const struct bat_end *responder, struct bat_estimate *ret)
{
	sum_up(by_answers, PARTS(by_answers), requester, responder, ret);
}

void bat_estimate_larger(
	const struct bat_end *requester, const struct bat_end *responder, struct bat_estimate *ret)
{
	struct bat_estimate other;

	bat_estimate_combine(requester, responder, ret);
	bat_estimate_by_answers(requester, responder, &other);
	if (other.defined && (!ret->defined || other.end_to_end_ns > ret->end_to_end_ns))
		*ret = other;
}
