/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the TCP simulation: the state of a connection, its TCP (tcp_sim_stack.c) and applications (tcp_sim_ends.c). */
#ifndef BATCHING_TCP_SIM_PARTS_H
#define BATCHING_TCP_SIM_PARTS_H

#include <batching/qsum.h>
#include <batching/tcp_sim.h>

#include <hotbed/rng.h>
#include <hotbed/sim.h>

struct connection;

/* A part of the stream that came before what precedes it. */
struct span {
	uint64_t begin, end;
};

/* A sender's state about loss; see tcp_sim_loss.c. */
struct recovery {
	double window, threshold; /* bytes */
	uint64_t until;           /* what was sent when the recovery began */
	uint32_t duplicates;
	bool is_recovering;
	/* After a timeout: of the unacknowledged segments so many are taken for lost, and of them sent again. */
	uint32_t lost_count, resent;
	uint32_t backoff;
	double smoothed_ns, variation_ns; /* of the round trip */
	uint64_t timed_seq; /* whose acknowledgement gives the next sample; UINT64_MAX = none */
	int64_t timed_ns;
	struct hb_event_id timer; /* serial 0: none */
};

/* Where units of a stream end, and how many of them have passed which point; see tcp_sim_marks.c. */
enum mark_point {
	MARK_SENT,
	MARK_ACKED,
	MARK_RECEIVED,
	MARK_ACK_SENT,
	MARK_READ,
	MARK_ANSWERED, /* of A's stream only */
	MARK_POINTS,
};

struct marks {
	uint64_t *ends; /* shape [room], of them [count] used */
	size_t room, count;
	size_t passed[MARK_POINTS];
	int points; /* that its units pass, the first ones */
};

enum { MARKS_SENDS, MARKS_SEGMENTS, MARKS_UNITS };

/* On its way. */
struct packet {
	uint64_t begin, ack;
	uint32_t length;
	uint32_t next; /* unused ones are a list */
};

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

	struct marks marks[MARKS_UNITS]; /* of what it sends */
	uint64_t answered_seq;           /* B: how far of A's stream it has answered */
	bool out_of_memory;              /* for marks */

	struct recovery recovery;
	struct hb_rng losses;
	uint64_t retransmitted, timeouts, lost;

	/* receiving */
	struct span *spans; /* sorted, shape [window_segments] */
	uint32_t span_count;
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
	struct packet *packets; /* shape [packet_count] */
	uint32_t packet_count, packet_free;
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

enum { TCP_BYTES, TCP_REQUESTS, TCP_SENDS, TCP_SEGMENTS }; /* indices into bat_tcp_units */

/* marks_add - a unit that ends at @end, after all earlier ones. False: no memory. */
bool marks_add(struct marks *marks, uint64_t end);
/* marks_pass - all up to @seq have passed @point by now. Returns how many had not before. */
uint64_t marks_pass(struct marks *marks, enum mark_point point, uint64_t seq);
void marks_finish(struct marks *marks);

/*
 * track_marks - sends and segments of @sender's stream up to @seq have passed @point: they enter (@sign 1) or leave
 * (-1) @queue of @end, and @other, too, unless that is BAT_QUEUE_COUNT.
 */
void track_marks(struct end *sender, enum mark_point point, uint64_t seq, int end,
	enum bat_queue queue, enum bat_queue other, int sign);

/* track - @delta units enter or leave @queue of @end now. */
void track(struct connection *connection, int unit, int end, enum bat_queue queue, int64_t delta);

/* tcp_push - send what may be sent now. @from_write: the application just wrote (autocorking may hold it). */
void tcp_push(struct end *end, bool from_write);

/* tcp_write - the application writes @bytes, which complete @messages. */
void tcp_write(struct end *end, uint64_t bytes, uint64_t messages);

/* tcp_read - the application takes @bytes > 0 of those that are there. Returns how many messages that completed. */
uint64_t tcp_read(struct end *end, uint64_t bytes);

/* tcp_resend - @length bytes from @begin once more. */
void tcp_resend(struct end *end, uint64_t begin, uint32_t length);

/* loss_is_possible - or a congestion window is: then there are timers. Without, nothing below does anything. */
bool loss_is_possible(const struct end *end);
void loss_init(struct end *end);
/* loss_may_send - whether the congestion window has room. */
bool loss_may_send(const struct end *end, uint32_t length);
/* loss_note_sent - a new segment has left. */
void loss_note_sent(struct end *end);
/* loss_resend - what a timeout gave up, as far as there is room. Returns whether all of it is on its way. */
bool loss_resend(struct end *end);
/* loss_note_acked - @bytes in @segments are acknowledged by now; snd_una has moved. */
void loss_note_acked(struct end *end, uint64_t bytes, uint32_t segments);
/* loss_note_duplicate - an acknowledgement without data and without news. */
void loss_note_duplicate(struct end *end);
/* loss_receive - @length bytes from @begin have arrived. Returns by how much the stream without holes grew. */
uint64_t loss_receive(struct end *end, uint64_t begin, uint64_t length);

/* application_wake - let the application of @end begin a step, if it is idle and has anything to do. */
void application_wake(struct end *end);

/* application_arrival - event: the next request is due. */
void application_arrival(struct hb_sim *sim, void *object, uint64_t argument);

#endif
