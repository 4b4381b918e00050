/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A simulated TCP connection between a requester (end 0, A) and a responder (end 1, B): what batching does to a request
 * when everything else is known exactly. The queues of both ends feed the same counters and the same estimate that real
 * connections use, so an estimate can be compared with the truth that the simulation has about each request.
 *
 * TCP follows Linux 6: segments of the MSS; Nagle's algorithm in Minshall's form (a partial segment waits only while
 * an earlier partial one is unacknowledged); delayed acknowledgements of 40 ms with quick-acknowledgement and
 * ping-pong states, at once after more than one full segment, and after a read that leaves nothing; autocorking (a
 * partial segment waits while the device still holds some of this connection). Links have delay, rate and random
 * loss, and keep the order; each host spends time per packet on one CPU and runs its application on another. Lost
 * segments are sent again after three duplicate acknowledgements or a timeout; the window is fixed, or Reno's, an
 * approximation of what runs today. Left out: selective acknowledgements, tail loss probes, pacing, CUBIC, segmentation
 * offload, timer ticks.
 *
 * Thread-safe: runs share nothing. Same configuration and seed, same bytes.
 * Sources: Linux net/ipv4/tcp_output.c, tcp_input.c, tcp_timer.c; Minshall, "A Proposed Modification to Nagle's
 * Algorithm", 1999; Borisov, Amit and Tsafrir, HotOS 2025 (costs alpha, beta, c).
 */
#ifndef BATCHING_TCP_SIM_H
#define BATCHING_TCP_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include <batching/estimate.h>

struct hb_error;

#define BAT_TCP_ENDS 2
#define BAT_TCP_REQUESTS_MAX UINT64_C(10000000)
#define BAT_TCP_TIME_MAX_NS INT64_C(1000000000000)

/*
 * Units that are tracked. A send is what one write gives. A segment is what was sent together for the first time: it is
 * unacknowledged from then on, and never unsent, as it does not exist before.
 */
#define BAT_TCP_UNITS 4
static const enum bat_unit bat_tcp_units[BAT_TCP_UNITS] = {
	BAT_UNIT_BYTES, BAT_UNIT_REQUESTS, BAT_UNIT_SENDS, BAT_UNIT_SEGMENTS};

/* One host: its socket's options and what packets cost it. All times are 0 ... BAT_TCP_TIME_MAX_NS. */
struct bat_tcp_host {
	bool nagle;    /* Nagle's algorithm; false is TCP_NODELAY */
	bool autocork; /* net.ipv4.tcp_autocorking */
	int64_t send_packet_ns, receive_packet_ns;
};

/* One direction. */
struct bat_tcp_link {
	int64_t delay_ns;
	uint64_t rate_bytes_per_s; /* 0 = without limit */
	double loss;               /* of packets, each for itself; 0 ... 0.5 */
};

/* What limits the unacknowledged bytes besides window_bytes. */
enum bat_tcp_congestion {
	BAT_TCP_WINDOW_FIXED, /* nothing */
	BAT_TCP_RENO, /* slow start from 10 segments, congestion avoidance, NewReno recovery */
	BAT_TCP_CONGESTION_COUNT,
};

/* A kind of request. Sizes are 1 ... 16 MiB. */
struct bat_tcp_class {
	uint32_t request_bytes, reply_bytes;
};

/* When something happened to a request, in this order but for the acknowledgements. */
enum bat_tcp_stamp {
	BAT_TCP_SCHEDULED, /* the requester should have written it */
	BAT_TCP_WRITTEN,   /* its last write returned */
	BAT_TCP_SENT,      /* its last byte left */
	BAT_TCP_ACKED,     /* the acknowledgement of its last byte arrived */
	BAT_TCP_RECEIVED,  /* its last byte arrived */
	BAT_TCP_ACK_SENT,  /* the acknowledgement of it was sent */
	BAT_TCP_READ,      /* the responder read its last byte */
	BAT_TCP_ANSWERED,  /* the responder wrote the answer */
	BAT_TCP_REPLY_SENT,
	BAT_TCP_REPLY_ACKED,
	BAT_TCP_REPLY_RECEIVED,
	BAT_TCP_REPLY_ACK_SENT,
	BAT_TCP_REPLY_READ,
	BAT_TCP_DONE, /* the requester has spent c on the answer */
	BAT_TCP_STAMP_COUNT,
};

struct bat_tcp_request {
	uint8_t class;
	uint64_t request_end, reply_end; /* sequence numbers after its last byte */
	int64_t at_ns[BAT_TCP_STAMP_COUNT];
};

/* Called at each change of a queue; end 0 is A. */
typedef void bat_tcp_observe_fn(void *user, enum bat_unit unit, int end, enum bat_queue queue,
	int64_t time_ns, int64_t delta);

/*
 * A controller, called at each tick. @readings: of both ends, each unit of bat_tcp_units and each queue, at @now_ns.
 * @nagle: Nagle's algorithm at both ends; what is stored there holds from now on, and switching it off sends what it
 * held, as Linux does.
 */
typedef void bat_tcp_tick_fn(void *user, int64_t now_ns,
	struct bat_reading readings[BAT_TCP_ENDS][BAT_TCP_UNITS][BAT_QUEUE_COUNT],
	bool nagle[BAT_TCP_ENDS]);

struct bat_tcp_config {
	struct bat_tcp_host hosts[BAT_TCP_ENDS];
	struct bat_tcp_link links[BAT_TCP_ENDS]; /* [0] from A to B */
	uint32_t mss_bytes;                      /* 1 ... 65,535 */
	uint32_t header_bytes;    /* per packet on the link, 0 ... 1,000; 66 for Ethernet */
	uint64_t window_bytes;    /* unacknowledged at most, mss ... 1 GiB */
	uint32_t window_segments; /* the same in segments, 1 ... 65,536 */
	enum bat_tcp_congestion congestion;
	int64_t ack_delay_ns; /* the delayed acknowledgement's, Linux: 40 ms */

	uint64_t requests; /* 1 ... BAT_TCP_REQUESTS_MAX */
	uint64_t warm_up;  /* of these are not measured; < requests */
	/* Open loop: mean time between them (Poisson); 0 = all at once */
	double gap_ns;
	/* > 0: after so long the mean time is @other_gap_ns, after as long @gap_ns again, and so on */
	int64_t phase_ns;
	double other_gap_ns;
	/* > 0: closed loop with so many outstanding instead */
	uint32_t outstanding;
	struct bat_tcp_class classes[2];
	double second_share; /* of requests in classes[1], 0 ... 1 */
	uint32_t
		head_bytes; /* > 0: a request of more bytes takes two writes, the first of so many */

	int64_t write_ns;      /* requester's time per write */
	int64_t client_ns;     /* c: requester's time per answer, after reading it */
	bool client_reads_all; /* all that is there, else up to the end of one answer */
	int64_t batch_ns;      /* responder's time to wake up and read all that is there */
	int64_t request_ns;    /* alpha: its time per request ... */
	bool request_random;   /* ... exponential with that mean */
	int64_t reply_ns;      /* beta: its time per write of answers */
	bool reply_each;       /* one write per answer, else one for all that were read together */

	bat_tcp_observe_fn *observe; /* may be NULL */
	void *user;
	bat_tcp_tick_fn *tick; /* may be NULL */
	void *tick_user;
	int64_t tick_ns;             /* > 0 if there is one */
	struct bat_tcp_request *log; /* shape [requests], filled; may be NULL */
};

struct bat_tcp_result {
	uint64_t measured;       /* answers read in the window */
	double latency_mean_ns;  /* the truth: from write to the read of the answer */
	double response_mean_ns; /* from schedule to done */
	int64_t finish_ns;       /* the last one done */
	uint64_t segments[BAT_TCP_ENDS], pure_acks[BAT_TCP_ENDS]; /* segments: each once */
	uint64_t retransmitted[BAT_TCP_ENDS], timeouts[BAT_TCP_ENDS], lost[BAT_TCP_ENDS];
	/* From the write of the first measured request to the read of the last answer. */
	struct bat_window windows[BAT_TCP_ENDS][BAT_TCP_UNITS][BAT_QUEUE_COUNT];
	struct bat_window hinted; /* requests written and not answered, as the application says */
	struct bat_estimate estimates[BAT_TCP_UNITS]; /* seen from the request */
	struct bat_estimate by_answers[BAT_TCP_UNITS];
};

/* bat_tcp_config_init - Linux's defaults, a link of 10 Gbit/s and 10 us, small requests 100 us apart, no costs. */
void bat_tcp_config_init(struct bat_tcp_config *config);

/*
 * bat_tcp_simulate - run all requests until the last answer is done with and acknowledged.
 * Random times derive from @seed and @replication. Takes about 2 us per request and 150 bytes of memory.
 *
 * Returns 0; -EINVAL (a value out of range, named); -ENOMEM.
 */
int bat_tcp_simulate(const struct bat_tcp_config *config, uint64_t seed, uint64_t replication,
	struct bat_tcp_result *ret, struct hb_error *reterr);

#endif
