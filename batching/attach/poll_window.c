/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <batching/attach.h>

void bat_poll_begin(struct bat_poll_window *window, const struct bat_attach_sample *sample)
{
	*window = (struct bat_poll_window){.first = *sample, .last = *sample};
}

void bat_poll_add(struct bat_poll_window *window, const struct bat_attach_sample *sample)
{
	window->last = *sample;
	window->samples++;
	window->unacked_sum += (double)sample->unacked_size;
	window->unread_sum += (double)sample->unread_size;
}

struct bat_poll_wait bat_poll_waits(const struct bat_poll_window *window)
{
	uint64_t unacked = window->last.unacked_departed - window->first.unacked_departed;
	uint64_t unread = window->last.unread_departed - window->first.unread_departed;
	double duration_ns = (double)(window->last.time_ns - window->first.time_ns);
	struct bat_poll_wait wait = {
		.unacked_defined = window->samples > 0 && unacked > 0,
		.unread_defined = window->samples > 0 && unread > 0,
	};

	if (wait.unacked_defined)
		wait.unacked_ns = window->unacked_sum / (double)window->samples * duration_ns /
				  (double)unacked;
	if (wait.unread_defined)
		wait.unread_ns =
			window->unread_sum / (double)window->samples * duration_ns / (double)unread;
	return wait;
}
