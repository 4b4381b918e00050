/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ends of connections that `batching attach` is attached to, one or both, and what is known of their queues. */
#ifndef BATCHING_ATTACH_ENDS_H
#define BATCHING_ATTACH_ENDS_H

#include <stdint.h>

#include <batching/attach.h>
#include <batching/estimate.h>
#include <batching/tracker.h>

struct hb_error;
struct hb_json_out;

enum end_role {
	END_REQUESTER,
	END_RESPONDER,
	END_COUNT,
};

/* One program, over one window and over the whole time. */
struct end {
	int64_t pid; /* 0: not attached to */
	_Bool is_switched;
	struct bat_attach *attach;
	struct bat_attach_sample first, last;
	struct bat_poll_window window, whole;
	struct bat_reading first_queues[BAT_QUEUE_COUNT], window_queues[BAT_QUEUE_COUNT],
		last_queues[BAT_QUEUE_COUNT];
	uint32_t restored;
};

struct ends {
	struct bat_tracker *tracker; /* NULL: polling */
	struct end end[END_COUNT];
};

/* How the queues are followed. */
enum ends_tracking {
	TRACKING_AUTO, /* by BPF where that may be */
	TRACKING_BPF,
	TRACKING_POLLING,
};

/* ends_open - attach; the caller has set pid and is_switched. ends_close() in any case. Returns 0 or -errno. */
int ends_open(struct ends *ends, enum ends_tracking tracking, uint16_t port, int64_t hold_ns,
	struct hb_error *reterr);
/* ends_finish - restore what was found; what is known stays. ends_close() does so, too. */
void ends_finish(struct ends *ends);
void ends_close(struct ends *ends);
/* ends_tracking_name - "polling", or the tracker's. */
const char *ends_tracking_name(const struct ends *ends);
/* ends_set - the mode of the ends that are switched. Returns 0, -ESRCH or -errno. */
int ends_set(struct ends *ends, enum bat_socket_mode mode);
/* ends_begin - the first samples; ends_sample - further ones. Return 0, -ESRCH (a program has ended) or -errno. */
int ends_begin(struct ends *ends);
int ends_sample(struct ends *ends);
/*
 * ends_window - the estimate over the window that ends now; a new one begins. If counters cannot be read at this
 * moment, it goes on instead.
 * @ret_answered: bytes acknowledged to the end that is there, the requester before the responder.
 */
struct bat_estimate ends_window(struct ends *ends, uint64_t *ret_answered);
/* ends_put - members about the end of @role, over the whole time. */
void ends_put(const struct ends *ends, enum end_role role, struct hb_json_out *out);
/* ends_put_sum - the member "end_to_end_ns". */
void ends_put_sum(const struct ends *ends, struct hb_json_out *out);
/* ends_say - all of that for people. */
void ends_say(const struct ends *ends);

#endif
