/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the TCP simulation: the state of a connection, its TCP (tcp_sim_stack.c) and applications (tcp_sim_ends.c). */
#ifndef BATCHING_TCP_SIM_PARTS_H
#define BATCHING_TCP_SIM_PARTS_H

#include <batching/qsum.h>
#include <batching/tcp_sim.h>

#include <hotbed/rng.h>
#include <hotbed/sim.h>

struct connection;

/* One end: a TCP socket and its host's CPU and device. Sequence numbers are 64 bits and start at 0. */
struct end {
	struct connection *connection;
	int which;

	/* sending */
	uint64_t write_seq, snd_nxt, snd_una;
	uint64_t snd_sml; /* end of the last partial segment sent (Minshall) */
	uint64_t *
		segments; /* ring of the ends of unacknowledged segments, shape [window_segments] */
	uint32_t segment_head, segment_count;
	uint64_t device_bytes; /* given to the device, which has not sent them yet */
	bool nagle;            /* now */
	bool corked;           /* by autocorking, until the device is done */

	/* receiving */
	uint64_t rcv_nxt, copied_seq;
	uint64_t rcv_wup; /* acknowledged so far */
	uint32_t rcv_mss; /* largest segment seen */
	uint32_t quick;   /* acknowledgements still to be sent at once */
	uint32_t pushed;  /* partial segments since the last acknowledgement, at most 2 */
	bool ack_scheduled, ping_pong;
	int64_t ato_ns;
	int64_t received_ns; /* of the last data; -1 = never */
	int64_t delayed_until_ns;
	struct hb_event_id delayed; /* serial 0: no timer */

	/* messages: requests that A sent, answers that B sent */
	uint64_t written, sent, acked;     /* as the sender */
	uint64_t received, ack_sent, read; /* as the receiver: of the peer's */

	/* host */
	int64_t cpu_free_ns, device_free_ns;
	uint64_t segments_sent, pure_acks;
	bool busy; /* its application */
};

struct connection {
	const struct bat_tcp_config *config;
	struct hb_sim *sim;
	struct end ends[BAT_TCP_ENDS];
	struct bat_tcp_request *requests; /* shape [config->requests] */
	struct bat_qsum sums[BAT_TCP_ENDS][BAT_TCP_UNITS][BAT_QUEUE_COUNT];
	struct bat_qsum hinted;
	struct hb_rng arrivals, services, classes;

	/* requester */
	uint64_t scheduled; /* requests that should have been written by now */
	uint64_t finished;  /* answers read */
	bool read_last;     /* its last step was a read: now a write, if one waits */
	bool head_written;  /* the first of two writes of request ends[0].written */
	/* responder */
	uint64_t served; /* worked on; read ... ends[1].written <= served <= ends[1].read */

	/* readings at both ends of the window */
	bool measuring;
	struct bat_reading start[BAT_TCP_ENDS][BAT_TCP_UNITS][BAT_QUEUE_COUNT], start_hinted;
	struct bat_reading stop[BAT_TCP_ENDS][BAT_TCP_UNITS][BAT_QUEUE_COUNT], stop_hinted;
};

enum { TCP_BYTES, TCP_REQUESTS }; /* indices into bat_tcp_units */

/* track - @delta units enter or leave @queue of @end now. */
void track(struct connection *connection, int unit, int end, enum bat_queue queue, int64_t delta);

/* tcp_push - send what may be sent now. @from_write: the application just wrote (autocorking may hold it). */
void tcp_push(struct end *end, bool from_write);

/* tcp_write - the application writes @bytes, which complete @messages. */
void tcp_write(struct end *end, uint64_t bytes, uint64_t messages);

/* tcp_read - the application takes @bytes > 0 of those that are there. Returns how many messages that completed. */
uint64_t tcp_read(struct end *end, uint64_t bytes);

/* application_wake - let the application of @end begin a step, if it is idle and has anything to do. */
void application_wake(struct end *end);

/* application_arrival - event: the next request is due. */
void application_arrival(struct hb_sim *sim, void *object, uint64_t argument);

#endif
