/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TCP, host CPUs and links of the simulation; what loss does is in tcp_sim_loss.c. Links keep the order. Function
 * names of Linux are named where rules
 * come from it.
 */
#include "tcp_sim_parts.h"

#include <hotbed/assert.h>

#define ATO_MIN_NS end->connection->config->ack_delay_ns
#define RTO_NS INT64_C(200000000)
#define QUICK_MAX 16U  /* TCP_MAX_QUICKACKS */
#define FIRST_MSS 536U /* TCP_MSS_DEFAULT: what a receiver assumes at first */
#define NS_PER_S 1000000000.0

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static struct end *peer_of(struct end *end)
{
	return &end->connection->ends[1 - end->which];
}

void track(struct connection *connection, int unit, int end, enum bat_queue queue, int64_t delta)
{
	const struct bat_tcp_config *config = connection->config;
	int64_t now_ns = hb_sim_now_ns(connection->sim);

	if (delta == 0)
		return;
	bat_qsum_add(&connection->sums[end][unit][queue], now_ns, delta);
	if (config->observe)
		config->observe(config->user, bat_tcp_units[unit], end, queue, now_ns, delta);
}

/*
 * Messages that @sender wrote and that now lie wholly below @seq: stamps them and moves @index, the number of those
 * that did so before. Returns how many.
 */
static uint64_t pass(const struct end *sender, uint64_t *index, uint64_t seq,
	enum bat_tcp_stamp of_request, enum bat_tcp_stamp of_reply)
{
	struct bat_tcp_request *requests = sender->connection->requests;
	int64_t now_ns = hb_sim_now_ns(sender->connection->sim);
	uint64_t before = *index;

	for (; *index < sender->written; (*index)++) {
		struct bat_tcp_request *request = &requests[*index];

		if ((sender->which == 0 ? request->request_end : request->reply_end) > seq)
			break;
		request->at_ns[sender->which == 0 ? of_request : of_reply] = now_ns;
	}
	return *index - before;
}

static void track_both(
	struct end *end, enum bat_queue queue, int sign, uint64_t bytes, uint64_t messages)
{
	track(end->connection, TCP_BYTES, end->which, queue, sign * (int64_t)bytes);
	track(end->connection, TCP_REQUESTS, end->which, queue, sign * (int64_t)messages);
}

void track_marks(struct end *sender, enum mark_point point, uint64_t seq, int end,
	enum bat_queue queue, enum bat_queue other, int sign)
{
	for (int i = 0; i < MARKS_UNITS; i++) {
		int64_t units = sign * (int64_t)marks_pass(&sender->marks[i], point, seq);
		int unit = TCP_SENDS + i;

		if (i == MARKS_SEGMENTS && queue == BAT_UNSENT)
			continue;
		track(sender->connection, unit, end, queue, units);
		if (other != BAT_QUEUE_COUNT)
			track(sender->connection, unit, end, other, units);
	}
}

/* Without memory the simulation goes on, to be thrown away at its end. */
static void add_mark(struct end *end, int unit, uint64_t seq)
{
	if (!marks_add(&end->marks[unit], seq))
		end->out_of_memory = true;
	else
		track(end->connection, TCP_SENDS + unit, end->which, BAT_UNACKED, 1);
}

/* tcp_event_ack_sent: everything received is acknowledged by the packet that leaves now. */
static void note_ack_sent(struct end *end)
{
	uint64_t bytes = end->rcv_nxt - end->rcv_wup;
	uint64_t messages = pass(peer_of(end), &end->ack_sent, end->rcv_nxt, BAT_TCP_ACK_SENT,
		BAT_TCP_REPLY_ACK_SENT);

	track_both(end, BAT_ACKDELAY, -1, bytes, messages);
	track_marks(peer_of(end), MARK_ACK_SENT, end->rcv_nxt, end->which, BAT_ACKDELAY,
		BAT_QUEUE_COUNT, -1);
	end->rcv_wup = end->rcv_nxt;
	end->ack_scheduled = false;
	end->pushed = 0;
	if (end->delayed.serial) {
		(void)hb_sim_cancel(end->connection->sim, end->delayed);
		end->delayed = (struct hb_event_id){0};
	}
	if (end->quick > 0 && --end->quick == 0)
		end->ato_ns = ATO_MIN_NS; /* tcp_dec_quickack_mode */
}

static void on_transmitted(struct hb_sim *sim, void *object, uint64_t bytes)
{
	struct end *end = object;

	(void)sim;
	end->device_bytes -= bytes;
	if (end->corked && end->device_bytes == 0) {
		end->corked = false;
		tcp_push(end, false);
	}
}

/* A free one, or packet_count if there is none, which happens with loss only. */
static uint32_t take_packet(struct connection *c)
{
	uint32_t slot = c->packet_free;

	hb_assert(slot < c->packet_count || loss_is_possible(&c->ends[0]));
	if (slot < c->packet_count)
		c->packet_free = c->packets[slot].next;
	return slot;
}

static void leave_packet(struct connection *c, uint32_t slot)
{
	c->packets[slot].next = c->packet_free;
	c->packet_free = slot;
}

static void on_delivered(struct hb_sim *sim, void *object, uint64_t packet);

/* The device got a packet: the CPU is next, in order of arrival with whatever this host sends. */
static void on_arrival(struct hb_sim *sim, void *object, uint64_t packet)
{
	struct end *end = object;
	const struct bat_tcp_host *host = &end->connection->config->hosts[end->which];

	end->cpu_free_ns = later(end->cpu_free_ns, hb_sim_now_ns(sim)) + host->receive_packet_ns;
	(void)hb_sim_at(sim, end->cpu_free_ns, on_delivered, end, packet, NULL);
}

/* A packet leaves: the CPU, the device and the link take their time, and the link may lose it. */
static void put_on_link(struct end *end, uint64_t begin, uint32_t length)
{
	struct connection *c = end->connection;
	const struct bat_tcp_config *config = c->config;
	const struct bat_tcp_link *link = &config->links[end->which];
	double wire_bytes = (double)length + config->header_bytes;
	int64_t now_ns = hb_sim_now_ns(c->sim);
	uint32_t slot;

	end->cpu_free_ns =
		later(end->cpu_free_ns, now_ns) + config->hosts[end->which].send_packet_ns;
	end->device_free_ns = later(end->device_free_ns, end->cpu_free_ns);
	if (link->rate_bytes_per_s > 0)
		end->device_free_ns +=
			hb_sim_duration_ns(wire_bytes * NS_PER_S / (double)link->rate_bytes_per_s);
	if (length > 0 && config->hosts[end->which].autocork) {
		end->device_bytes += length;
		(void)hb_sim_at(c->sim, end->device_free_ns, on_transmitted, end, length, NULL);
	}
	if (link->loss > 0 && hb_rng_double(&end->losses) < link->loss) {
		end->lost++;
		return;
	}
	slot = take_packet(c);
	if (slot == c->packet_count) {
		end->lost++;
		return;
	}
	c->packets[slot] = (struct packet){.begin = begin, .ack = end->rcv_nxt, .length = length};
	(void)hb_sim_at(
		c->sim, end->device_free_ns + link->delay_ns, on_arrival, peer_of(end), slot, NULL);
}

/* One packet with @length bytes of new data, 0 for an acknowledgement alone. */
static void transmit(struct end *end, uint32_t length)
{
	const struct bat_tcp_config *config = end->connection->config;
	int64_t now_ns = hb_sim_now_ns(end->connection->sim);
	uint64_t begin = end->snd_nxt;

	note_ack_sent(end);
	if (length > 0) {
		/* tcp_event_data_sent: data that answers data; acknowledgements will find a ride. */
		if (end->received_ns >= 0 && now_ns - end->received_ns < end->ato_ns)
			end->ping_pong = true;
		end->snd_nxt += length;
		track_both(end, BAT_UNSENT, -1, length,
			pass(end, &end->sent, end->snd_nxt, BAT_TCP_SENT, BAT_TCP_REPLY_SENT));
		add_mark(end, MARKS_SEGMENTS, end->snd_nxt);
		track_marks(
			end, MARK_SENT, end->snd_nxt, end->which, BAT_UNSENT, BAT_QUEUE_COUNT, -1);
		if (length < config->mss_bytes)
			end->snd_sml = end->snd_nxt;
		end->segments[(end->segment_head + end->segment_count++) %
			      config->window_segments] = end->snd_nxt;
		end->segments_sent++;
		loss_note_sent(end);
	} else {
		end->pure_acks++;
	}
	put_on_link(end, begin, length);
}

void tcp_resend(struct end *end, uint64_t begin, uint32_t length)
{
	note_ack_sent(end);
	put_on_link(end, begin, length);
}

void tcp_push(struct end *end, bool from_write)
{
	const struct bat_tcp_config *config = end->connection->config;
	const struct bat_tcp_host *host = &config->hosts[end->which];

	if (!loss_resend(end))
		return;
	while (end->write_seq > end->snd_nxt) {
		uint64_t left = end->write_seq - end->snd_nxt;
		uint32_t length = left < config->mss_bytes ? (uint32_t)left : config->mss_bytes;
		bool partial = length < config->mss_bytes;

		if (end->snd_nxt + length - end->snd_una > config->window_bytes ||
			end->segment_count == config->window_segments ||
			!loss_may_send(end, length))
			return;
		/* tcp_should_autocork: only a write is held back, and only while something of ours is on its way. */
		if (partial && (from_write || end->corked) && host->autocork &&
			end->segment_count > 0 && end->device_bytes > 0) {
			end->corked = true;
			return;
		}
		/* tcp_nagle_check with tcp_minshall_check. */
		if (partial && end->nagle && end->segment_count > 0 && end->snd_sml > end->snd_una)
			return;
		transmit(end, length);
	}
}

static void on_ack_timer(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct end *end = object;

	(void)sim;
	(void)argument;
	end->delayed = (struct hb_event_id){0};
	if (!end->ack_scheduled)
		return;
	/* tcp_delack_timer_handler: nobody answered, so acknowledgements travel alone for a while. */
	if (end->ping_pong) {
		end->ping_pong = false;
		end->ato_ns = ATO_MIN_NS;
	} else {
		end->ato_ns = end->ato_ns * 2 < RTO_NS ? end->ato_ns * 2 : RTO_NS;
	}
	transmit(end, 0);
}

/* tcp_incr_quickack: the window is large, so it is the most. */
static void quicken(struct end *end)
{
	end->quick = QUICK_MAX;
}

/* tcp_event_data_recv, tcp_measure_rcv_mss. */
static void note_received(struct end *end, uint32_t length)
{
	int64_t now_ns = hb_sim_now_ns(end->connection->sim);
	int64_t gap_ns = now_ns - end->received_ns;

	if (end->rcv_mss == 0)
		end->rcv_mss = FIRST_MSS < end->connection->config->mss_bytes
				       ? FIRST_MSS
				       : end->connection->config->mss_bytes;
	if (length >= end->rcv_mss)
		end->rcv_mss = length;
	else if (end->pushed < 2)
		end->pushed++;
	end->ack_scheduled = true;
	if (end->received_ns < 0) {
		quicken(end);
		end->ato_ns = ATO_MIN_NS;
	} else if (gap_ns <= ATO_MIN_NS / 2) {
		end->ato_ns = end->ato_ns / 2 + ATO_MIN_NS / 2;
	} else if (gap_ns < end->ato_ns) {
		end->ato_ns = end->ato_ns / 2 + gap_ns;
	} else if (gap_ns > RTO_NS) {
		quicken(end);
	}
	end->received_ns = now_ns;
}

/* __tcp_ack_snd_check, tcp_send_delayed_ack; the round trip is below 40 ms in what is simulated. */
static void acknowledge(struct end *end)
{
	struct hb_sim *sim = end->connection->sim;
	int64_t delay_ns = end->ato_ns < ATO_MIN_NS ? end->ato_ns : ATO_MIN_NS;
	int64_t until_ns = hb_sim_now_ns(sim) + delay_ns;

	if (!end->ack_scheduled)
		return; /* data went out meanwhile and took it along */
	if (end->rcv_nxt - end->rcv_wup > end->rcv_mss || (end->quick > 0 && !end->ping_pong)) {
		transmit(end, 0);
		return;
	}
	if (end->delayed.serial) {
		if (end->delayed_until_ns <= hb_sim_now_ns(sim) + delay_ns / 4) {
			transmit(end, 0);
			return;
		}
		if (until_ns >= end->delayed_until_ns)
			return;
		(void)hb_sim_cancel(sim, end->delayed);
	}
	end->delayed_until_ns = until_ns;
	(void)hb_sim_at(sim, until_ns, on_ack_timer, end, 0, &end->delayed);
}

static void note_acked(struct end *end, uint64_t ack)
{
	uint64_t bytes = ack - end->snd_una;
	uint64_t messages = pass(end, &end->acked, ack, BAT_TCP_ACKED, BAT_TCP_REPLY_ACKED);
	uint32_t before = end->segment_count;

	hb_assert(ack <= end->snd_nxt);
	track_both(end, BAT_UNACKED, -1, bytes, messages);
	track_marks(end, MARK_ACKED, ack, end->which, BAT_UNACKED, BAT_QUEUE_COUNT, -1);
	end->snd_una = ack;
	while (end->segment_count > 0 && end->segments[end->segment_head] <= ack) {
		end->segment_head =
			(end->segment_head + 1) % end->connection->config->window_segments;
		end->segment_count--;
	}
	loss_note_acked(end, bytes, before - end->segment_count);
}

/* Data has come. Returns whether it has to be acknowledged at once: it is not the next, or fills a hole. */
static bool receive(struct end *end, const struct packet *packet)
{
	bool had_holes = end->span_count > 0;
	uint64_t bytes = loss_receive(end, packet->begin, packet->length), messages;

	if (bytes == 0)
		return true;
	messages = pass(peer_of(end), &end->received, end->rcv_nxt, BAT_TCP_RECEIVED,
		BAT_TCP_REPLY_RECEIVED);
	track_both(end, BAT_UNREAD, 1, bytes, messages);
	track_both(end, BAT_ACKDELAY, 1, bytes, messages);
	track_marks(
		peer_of(end), MARK_RECEIVED, end->rcv_nxt, end->which, BAT_UNREAD, BAT_ACKDELAY, 1);
	note_received(end, packet->length);
	return had_holes;
}

static void on_delivered(struct hb_sim *sim, void *object, uint64_t slot)
{
	struct end *end = object;
	struct packet packet = end->connection->packets[slot];
	bool at_once = false;

	(void)sim;
	leave_packet(end->connection, (uint32_t)slot);
	if (packet.ack > end->snd_una)
		note_acked(end, packet.ack);
	else if (packet.ack == end->snd_una && packet.length == 0)
		loss_note_duplicate(end);
	if (packet.length > 0)
		at_once = receive(end, &packet);
	if (at_once)
		transmit(end, 0);
	tcp_push(end, false);
	if (packet.length > 0) {
		acknowledge(end);
		application_wake(end);
	}
}

void tcp_write(struct end *end, uint64_t bytes, uint64_t messages)
{
	end->write_seq += bytes;
	end->written += messages;
	track_both(end, BAT_UNSENT, 1, bytes, messages);
	track_both(end, BAT_UNACKED, 1, bytes, messages);
	add_mark(end, MARKS_SENDS, end->write_seq);
	track(end->connection, TCP_SENDS, end->which, BAT_UNSENT, !end->out_of_memory);
	tcp_push(end, true);
}

/* Sends and segments that have been read; at B they are in service now. */
static void note_read(struct end *end)
{
	for (int i = 0; i < MARKS_UNITS; i++) {
		int64_t units =
			(int64_t)marks_pass(&peer_of(end)->marks[i], MARK_READ, end->copied_seq);

		track(end->connection, TCP_SENDS + i, end->which, BAT_UNREAD, -units);
		if (end->which == 1)
			track(end->connection, TCP_SENDS + i, 1, BAT_SERVICE, units);
	}
}

uint64_t tcp_read(struct end *end, uint64_t bytes)
{
	uint64_t messages;

	hb_assert(bytes > 0 && bytes <= end->rcv_nxt - end->copied_seq);
	end->copied_seq += bytes;
	messages =
		pass(peer_of(end), &end->read, end->copied_seq, BAT_TCP_READ, BAT_TCP_REPLY_READ);
	track_both(end, BAT_UNREAD, -1, bytes, messages);
	note_read(end);
	/* tcp_cleanup_rbuf */
	if (end->ack_scheduled &&
		(end->rcv_nxt - end->rcv_wup > end->rcv_mss ||
			(end->copied_seq == end->rcv_nxt &&
				(end->pushed == 2 || (end->pushed == 1 && !end->ping_pong)))))
		transmit(end, 0);
	return messages;
}
