/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "hotbed/assert.h"
#include "service_chain.h"

/* The jumps out of one state, while they are collected. */
struct jumps {
	const struct service_chain *chain;
	const int32_t *at;
	struct ms_move *move;
	uint32_t count;
};

/* A state on its way from @at to where a jump ends. */
struct step {
	int32_t to[MS_AXES_MAX];
};

static void emit(struct jumps *j, double rate_per_s, const struct step *s)
{
	struct ms_move *m;

	if (!(rate_per_s > 0.0))
		return;
	hb_assert(j->count < MS_MOVES_MAX);
	m = &j->move[j->count++];
	m->rate_per_s = rate_per_s;
	memcpy(m->to, s->to, sizeof(m->to));
}

static struct step begin(const struct jumps *j)
{
	struct step s = {{0}};

	memcpy(s.to, j->at, j->chain->rules.axes * sizeof(s.to[0]));
	return s;
}

/* One more on @axis, if there is such an axis and room on it. */
static struct step plus(const struct jumps *j, struct step s, int axis)
{
	if (axis != NO_AXIS && s.to[axis] < j->chain->rules.last[axis])
		s.to[axis]++;
	return s;
}

/* A success fills the bucket by a share of a token, and a level of the cache by a share of its keys. */
static void succeed(
	struct jumps *j, const struct station *t, double rate_per_s, struct step s, bool fills)
{
	double fill = t->token_axis != NO_AXIS ? t->client->bucket_fill : 0.0;
	double token = fill - floor(fill);
	double warm = fills && t->warm_axis != NO_AXIS ? 1.0 / t->keys_per_level : 0.0;

	for (uint32_t whole = 0; whole < (uint32_t)fill; whole++)
		s = plus(j, s, t->token_axis);
	for (int gets = 0; gets < (token > 0.0 ? 2 : 1); gets++) {
		struct step with = gets ? plus(j, s, t->token_axis) : s;
		double share = rate_per_s * (gets ? token : 1.0 - token);

		emit(j, share * (1.0 - warm), &with);
		if (warm > 0.0) {
			with = plus(j, with, t->warm_axis);
			emit(j, share * warm, &with);
		}
	}
}

static double thread_time(const struct jumps *j, const struct station *t);

/* What an attempt meets at @t now. Stations that make calls get slower with them, so that no table holds. */
static struct lateness lateness_now(const struct jumps *j, const struct station *t)
{
	int32_t queue = j->at[t->queue_axis];
	struct lateness_met *met;
	double thread_s;
	uint64_t bits;

	if (t->met == NULL || t->renege_per_s > 0.0)
		return t->lateness[queue];
	thread_s = thread_time(j, t);
	memcpy(&bits, &thread_s, sizeof(bits));
	bits = (bits + (uint64_t)queue) * UINT64_C(0x9e3779b97f4a7c15);
	met = &t->met[(bits >> 32) % LATENESS_MET];
	if (met->thread_s != thread_s || met->queue != queue) {
		met->thread_s = thread_s;
		met->queue = queue;
		met->lateness = t->lateness[queue];
		(void)lateness_at(t->server->threads, 1.0 / thread_s, t->client->timeout_kind,
			t->client->timeout_s, t->client->timeout_phases, (uint32_t)queue,
			&met->lateness);
	}
	return met->lateness;
}

/* Probability that one attempt at @t succeeds, and how long a caller waits for one attempt on average. */
static double attempt_now(const struct jumps *j, const struct station *t, double *ret_wait_s)
{
	int32_t queue = j->at[t->queue_axis];
	struct lateness l = lateness_now(j, t);
	uint32_t before = (uint32_t)queue + 1 > t->server->threads
				  ? (uint32_t)queue + 1 - t->server->threads
				  : 0;
	double thread_s = thread_time(j, t);
	double sojourn_s = thread_s * (1.0 + (double)before / t->server->threads);
	double timeout_s = t->client->timeout_kind != MS_TIMEOUT_NONE ? t->client->timeout_s : 0.0;
	double success = t->admit[queue] * l.timely;

	if (timeout_s > 0.0 && sojourn_s > timeout_s)
		sojourn_s = timeout_s;
	*ret_wait_s = success * sojourn_s + (t->admit[queue] * l.late + t->drop[queue]) * timeout_s;
	return success;
}

/* A call: how long it holds the caller's thread, and how often it fails for good. */
static double call_time(const struct jumps *j, const struct station *t, double *ret_failure)
{
	double wait_s, success = attempt_now(j, t, &wait_s), failure = 1.0 - success;
	double attempts, retries = t->client->retries;

	if (t->retry_share == 0.0)
		retries = 0.0;
	attempts = success > 1e-12 ? -expm1((retries + 1.0) * log1p(-success)) / success
				   : retries + 1.0;
	if (success >= 1.0)
		attempts = 1.0;
	*ret_failure = failure > 0.0 ? pow(failure, retries + 1.0) : 0.0;
	return attempts * wait_s + (attempts - 1.0) * t->backoff_s;
}

/* How long a job holds its thread at @t now: its own service, then its calls. */
static double thread_time(const struct jumps *j, const struct station *t)
{
	int32_t queue = j->at[t->queue_axis];
	double time_s = 1.0 / t->service_per_s[queue > 0 ? queue : 1], failure;

	for (uint32_t c = 0; c < t->call_count; c++)
		time_s += t->calls[c].probability *
			  call_time(j, &j->chain->station[t->calls[c].station], &failure);
	return time_s;
}

/* Attempts that arrive at @rate_per_s; @s: what already has changed when they do. */
static void attempt(
	struct jumps *j, const struct station *t, double rate_per_s, struct step s, bool retry)
{
	int32_t queue = j->at[t->queue_axis];
	struct lateness l = lateness_now(j, t);
	double admit = t->admit[queue], drop = t->drop[queue], reject = 1.0 - admit - drop;
	bool always = t->cache != NULL && t->cache->fill == MS_FILL_ALWAYS;
	struct step in = s, late;

	/* A retry has missed the cache once. */
	if (t->warm_axis != NO_AXIS && !retry) {
		double miss = 1.0 - t->hit[j->at[t->warm_axis]];

		rate_per_s *= miss;
	}
	in.to[t->queue_axis]++;
	if (admit > 0.0 && t->renege_per_s > 0.0) {
		emit(j, rate_per_s * admit, &in);
	} else if (admit > 0.0) {
		succeed(j, t, rate_per_s * admit * l.timely, in, true);
		late = plus(j, in, t->orbit_axis);
		emit(j,
			rate_per_s * admit * l.late *
				(always ? 1.0 - 1.0 / t->keys_per_level : 1.0),
			&late);
		if (always) {
			late = plus(j, late, t->warm_axis);
			emit(j, rate_per_s * admit * l.late / t->keys_per_level, &late);
		}
	}
	late = plus(j, s, t->orbit_axis);
	emit(j, rate_per_s * drop, &late);
	late = t->client->retry_on_reject ? plus(j, s, t->backoff_axis) : s;
	emit(j, rate_per_s * reject, &late);
}

/* Requests that may try again, leaving @s as it is if they do not. */
static void retry_or_give_up(
	struct jumps *j, const struct station *t, double rate_per_s, struct step s)
{
	struct step tries = s;
	double share = t->retry_share;

	if (t->token_axis != NO_AXIS) {
		if (s.to[t->token_axis] > 0)
			tries.to[t->token_axis]--;
		else
			share = 0.0;
	}
	emit(j, rate_per_s * (1.0 - share), &s);
	if (share > 0.0)
		attempt(j, t, rate_per_s * share, tries, true);
}

static void leave_orbit(struct jumps *j, const struct station *t)
{
	for (int p = 0; t->orbit_axis != NO_AXIS && p < t->orbit_phases; p++) {
		int axis = t->orbit_axis + p;
		double rate_per_s = j->at[axis] * t->phase_per_s;
		struct step s = begin(j);

		if (j->at[axis] == 0)
			continue;
		s.to[axis]--;
		if (p + 1 < t->orbit_phases) {
			s = plus(j, s, axis + 1);
			emit(j, rate_per_s, &s);
		} else {
			retry_or_give_up(j, t, rate_per_s, s);
		}
	}
	if (t->backoff_axis != NO_AXIS && j->at[t->backoff_axis] > 0) {
		struct step s = begin(j);

		s.to[t->backoff_axis]--;
		retry_or_give_up(j, t, j->at[t->backoff_axis] / t->backoff_s, s);
	}
}

/* Cancelled jobs leave; their requests try again at once, after their backoff, or not at all. */
static void renege(struct jumps *j, const struct station *t)
{
	int32_t queue = j->at[t->queue_axis], threads = (int32_t)t->server->threads;
	int32_t jobs = t->renege_in_service ? queue : queue - threads;
	double rate_per_s, share = t->retry_share;
	struct step s = begin(j), stays;

	if (jobs <= 0)
		return;
	rate_per_s = jobs * t->renege_per_s;
	s.to[t->queue_axis]--;
	stays = t->backoff_axis != NO_AXIS ? plus(j, s, t->backoff_axis) : begin(j);
	/* At once means: into the place that has just become free. Only the token is gone. */
	if (t->backoff_axis == NO_AXIS && t->token_axis != NO_AXIS) {
		if (stays.to[t->token_axis] > 0)
			stays.to[t->token_axis]--;
		else
			share = 0.0;
	}
	/* Those that back off decide when they come back. */
	if (t->backoff_axis != NO_AXIS && share > 0.0)
		share = 1.0;
	emit(j, rate_per_s * (1.0 - share), &s);
	emit(j, rate_per_s * share, &stays);
}

/* A failed call is a rejection for the client of the caller, if that still waits. */
static void fail_calls(struct jumps *j, const struct station *t, double rate_per_s, double failure)
{
	struct step s = begin(j);
	double timely = t->renege_per_s > 0.0 ? 1.0 : lateness_now(j, t).timely;

	if (!t->client->retry_on_reject || failure == 0.0)
		return;
	if (t->backoff_axis != NO_AXIS) {
		s = plus(j, s, t->backoff_axis);
		emit(j, rate_per_s * failure * timely, &s);
	} else {
		attempt(j, t, rate_per_s * failure * timely * t->retry_share, s, true);
	}
}

static void serve(struct jumps *j, const struct station *t)
{
	int32_t queue = j->at[t->queue_axis], threads = (int32_t)t->server->threads;
	struct step s = begin(j);
	double rate_per_s, failure;

	if (queue == 0)
		return;
	rate_per_s = queue < threads ? queue : threads;
	if (t->call_count > 0)
		rate_per_s /= thread_time(j, t);
	else
		rate_per_s *= t->service_per_s[queue];
	s.to[t->queue_axis]--;
	if (t->renege_per_s > 0.0)
		succeed(j, t, rate_per_s, s, true);
	else
		emit(j, rate_per_s, &s);
	for (uint32_t c = 0; c < t->call_count; c++) {
		const struct station *called = &j->chain->station[t->calls[c].station];
		double calls_per_s = rate_per_s * t->calls[c].probability;

		attempt(j, called, calls_per_s, begin(j), false);
		(void)call_time(j, called, &failure);
		fail_calls(j, t, calls_per_s, failure);
	}
}

uint32_t service_chain_moves(const void *context, const int32_t *at, struct ms_move *ret_moves)
{
	struct jumps j = {.chain = context, .at = at, .move = ret_moves};

	for (uint32_t i = 0; i < j.chain->station_count; i++) {
		const struct station *t = &j.chain->station[i];

		if (t->arrivals_per_s > 0.0)
			attempt(&j, t, t->arrivals_per_s, begin(&j), false);
		leave_orbit(&j, t);
		if (t->renege_per_s > 0.0)
			renege(&j, t);
		serve(&j, t);
		if (t->warm_axis != NO_AXIS && at[t->warm_axis] > 0 && isfinite(t->cache->ttl_s)) {
			struct step s = begin(&j);

			s.to[t->warm_axis]--;
			emit(&j, at[t->warm_axis] / t->cache->ttl_s, &s);
		}
	}
	return j.count;
}
