/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the simulated TCP does about lost packets: segments that wait for a hole to be filled, duplicate
 * acknowledgements, fast retransmission with NewReno's partial acknowledgements, the retransmission timer, and Reno's
 * congestion window. Sources: RFC 5681, RFC 6582, RFC 6298; the timer's least value is Linux's.
 */
#include "tcp_sim_parts.h"

#include <hotbed/assert.h>

#define RTO_MIN_NS 200000000.0
#define RTO_FIRST_NS 1000000000.0
#define RTO_MAX_NS 120000000000.0
#define DUPLICATES 3
#define FIRST_WINDOW 10 /* segments: RFC 6928 */
#define BACKOFF_MAX 10

static bool is_reno(const struct end *end)
{
	return end->connection->config->congestion == BAT_TCP_RENO;
}

bool loss_is_possible(const struct end *end)
{
	const struct bat_tcp_config *config = end->connection->config;

	return config->congestion != BAT_TCP_WINDOW_FIXED || config->links[0].loss > 0 ||
	       config->links[1].loss > 0;
}

void loss_init(struct end *end)
{
	double mss = end->connection->config->mss_bytes;

	end->recovery = (struct recovery){
		.window = FIRST_WINDOW * mss, .threshold = 1e18, .timed_seq = UINT64_MAX};
}

/* End of the unacknowledged segment @index. */
static uint64_t end_of(const struct end *end, uint32_t index)
{
	return end
		->segments[(end->segment_head + index) % end->connection->config->window_segments];
}

/* Bytes under way, as far as the sender knows. */
static uint64_t under_way(const struct end *end)
{
	const struct recovery *recovery = &end->recovery;
	uint64_t bytes = end->snd_nxt - end->snd_una;

	if (recovery->lost_count > recovery->resent)
		bytes -= end_of(end, recovery->lost_count - 1) -
			 (recovery->resent ? end_of(end, recovery->resent - 1) : end->snd_una);
	return bytes;
}

bool loss_may_send(const struct end *end, uint32_t length)
{
	uint64_t bytes = under_way(end);

	return !is_reno(end) || bytes == 0 || (double)(bytes + length) <= end->recovery.window;
}

static void on_timer(struct hb_sim *sim, void *object, uint64_t argument);

static void arm(struct end *end)
{
	struct recovery *recovery = &end->recovery;
	double rto_ns = RTO_FIRST_NS;

	if (recovery->timer.serial)
		(void)hb_sim_cancel(end->connection->sim, recovery->timer);
	recovery->timer = (struct hb_event_id){0};
	if (end->segment_count == 0)
		return;
	if (recovery->smoothed_ns > 0)
		rto_ns = recovery->smoothed_ns + (4 * recovery->variation_ns > RTO_MIN_NS
								 ? 4 * recovery->variation_ns
								 : RTO_MIN_NS);
	rto_ns *= (double)(1u << recovery->backoff);
	(void)hb_sim_after(end->connection->sim,
		hb_sim_duration_ns(rto_ns < RTO_MAX_NS ? rto_ns : RTO_MAX_NS), on_timer, end, 0,
		&recovery->timer);
}

void loss_note_sent(struct end *end)
{
	struct recovery *recovery = &end->recovery;

	if (!loss_is_possible(end))
		return;
	if (recovery->timed_seq == UINT64_MAX) {
		recovery->timed_seq = end->snd_nxt;
		recovery->timed_ns = hb_sim_now_ns(end->connection->sim);
	}
	if (!recovery->timer.serial)
		arm(end);
}

static void resend(struct end *end, uint32_t index)
{
	uint64_t begin = index ? end_of(end, index - 1) : end->snd_una;

	/* Karn's rule: what was sent twice says nothing about the round trip. */
	end->recovery.timed_seq = UINT64_MAX;
	end->retransmitted++;
	tcp_resend(end, begin, (uint32_t)(end_of(end, index) - begin));
}

bool loss_resend(struct end *end)
{
	struct recovery *recovery = &end->recovery;

	while (recovery->resent < recovery->lost_count) {
		uint32_t index = recovery->resent;
		uint64_t begin = index ? end_of(end, index - 1) : end->snd_una;

		if (!loss_may_send(end, (uint32_t)(end_of(end, index) - begin)))
			return false;
		recovery->resent++;
		resend(end, index);
	}
	return true;
}

/* Half of what is under way, and two segments at least. */
static void shrink(struct end *end)
{
	double mss = end->connection->config->mss_bytes, half = (double)under_way(end) / 2;

	end->recovery.threshold = half > 2 * mss ? half : 2 * mss;
}

static void on_timer(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct end *end = object;
	struct recovery *recovery = &end->recovery;

	(void)sim;
	(void)argument;
	recovery->timer = (struct hb_event_id){0};
	hb_assert(end->segment_count > 0);
	shrink(end);
	recovery->window = end->connection->config->mss_bytes;
	recovery->is_recovering = false;
	recovery->duplicates = 0;
	/* Everything is taken for lost and sent again, as the window allows. */
	recovery->lost_count = end->segment_count;
	recovery->resent = 0;
	if (recovery->backoff < BACKOFF_MAX)
		recovery->backoff++;
	end->timeouts++;
	(void)loss_resend(end);
	arm(end);
}

static void measure(struct end *end)
{
	struct recovery *recovery = &end->recovery;
	double trip_ns, difference;

	if (recovery->timed_seq > end->snd_una)
		return;
	trip_ns = (double)(hb_sim_now_ns(end->connection->sim) - recovery->timed_ns);
	recovery->timed_seq = UINT64_MAX;
	if (recovery->smoothed_ns <= 0) {
		recovery->smoothed_ns = trip_ns;
		recovery->variation_ns = trip_ns / 2;
		return;
	}
	difference = trip_ns - recovery->smoothed_ns;
	recovery->variation_ns +=
		((difference < 0 ? -difference : difference) - recovery->variation_ns) / 4;
	recovery->smoothed_ns += difference / 8;
}

void loss_note_acked(struct end *end, uint64_t bytes, uint32_t segments)
{
	struct recovery *recovery = &end->recovery;
	double mss = end->connection->config->mss_bytes;

	if (!loss_is_possible(end))
		return;
	measure(end);
	recovery->backoff = 0; /* timestamps say that it was the new one that arrived */
	recovery->duplicates = 0;
	recovery->lost_count -= segments < recovery->lost_count ? segments : recovery->lost_count;
	recovery->resent -= segments < recovery->resent ? segments : recovery->resent;
	if (recovery->is_recovering && end->snd_una < recovery->until) {
		/* A partial one: the next segment is missing, too. */
		recovery->window -=
			(double)bytes < recovery->window ? (double)bytes : recovery->window;
		recovery->window += mss;
		resend(end, 0);
	} else if (recovery->is_recovering) {
		recovery->is_recovering = false;
		recovery->window = recovery->threshold;
	} else if (recovery->window < recovery->threshold) {
		recovery->window += (double)bytes < mss * segments ? (double)bytes : mss * segments;
	} else {
		recovery->window += mss * (double)bytes / recovery->window;
	}
	arm(end);
}

void loss_note_duplicate(struct end *end)
{
	struct recovery *recovery = &end->recovery;
	double mss = end->connection->config->mss_bytes;

	if (!loss_is_possible(end) || end->segment_count == 0)
		return;
	recovery->duplicates++;
	if (recovery->is_recovering) {
		recovery->window += mss;
	} else if (recovery->duplicates == DUPLICATES && recovery->lost_count == 0) {
		shrink(end);
		recovery->window = recovery->threshold + DUPLICATES * mss;
		recovery->is_recovering = true;
		recovery->until = end->snd_nxt;
		resend(end, 0);
		arm(end);
	}
}

uint64_t loss_receive(struct end *end, uint64_t begin, uint64_t length)
{
	struct span *spans = end->spans;
	uint64_t until = begin + length, before = end->rcv_nxt;
	uint32_t at = 0;

	if (until <= end->rcv_nxt)
		return 0; /* again */
	if (begin > end->rcv_nxt) {
		while (at < end->span_count && spans[at].begin < begin)
			at++;
		if (at < end->span_count && spans[at].begin == begin)
			return 0;
		hb_assert(end->span_count < end->connection->config->window_segments);
		for (uint32_t i = end->span_count; i > at; i--)
			spans[i] = spans[i - 1];
		spans[at] = (struct span){begin, until};
		end->span_count++;
		return 0;
	}
	while (at < end->span_count && spans[at].begin <= until) {
		until = spans[at].end > until ? spans[at].end : until;
		at++;
	}
	for (uint32_t i = at; i < end->span_count; i++)
		spans[i - at] = spans[i];
	end->span_count -= at;
	end->rcv_nxt = until;
	return until - before;
}
