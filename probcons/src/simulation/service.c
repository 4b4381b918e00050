/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Missions: nodes crash as their fault curves say, in compressed time, and are repaired; the time without service is
 * measured. There is service from a leader's commit until that leader crashes or too few nodes are up.
 */
#include "world.h"

static double age_hours(const struct pc_simulation *w, uint32_t n)
{
	const struct pc_simulation_mission *mission = w->options.mission;

	return mission->ages_hours[n] + (double)w->now_ns / 1e9 * mission->hours_per_second;
}

/* Hours until the hazard of @curve from @age on adds up to @hazard, at most @limit: by halving. */
static double hours_until(
	const struct pc_fault_curve *curve, double age, double hazard, double limit)
{
	double low = 0, high = limit, sum;

	if (pc_fault_curve_integral(curve, age, high, &sum, NULL) || sum < hazard)
		return limit;
	for (int i = 0; i < 60; i++) {
		double middle = (low + high) / 2;

		if (pc_fault_curve_integral(curve, age, middle, &sum, NULL) || sum >= hazard)
			high = middle;
		else
			low = middle;
	}
	return high;
}

/* A curve that ends within the mission says nothing of what comes after: no faults, rather than invented ones. */
static void draw_failure(struct pc_simulation *w, uint32_t n)
{
	const struct pc_simulation_mission *mission = w->options.mission;
	double left = mission->seconds * mission->hours_per_second;
	double hours = hours_until(
		mission->curves[n], age_hours(w, n), hb_rng_exponential(&w->fault_rng, 1), left);

	if (hours < left)
		world_at(w, (int64_t)(hours / mission->hours_per_second * 1e9), EVENT_FAILURE, n,
			w->nodes[n].epoch);
}

void service_begin(struct pc_simulation *w)
{
	w->served_by = PC_NOBODY;
	w->measured_from_ns = w->without_from_ns = -1;
	for (uint32_t n = 0; n < w->options.nodes; n++)
		draw_failure(w, n);
}

static uint32_t votes_up(const struct pc_simulation *w)
{
	const struct pc_rule *rule = &w->ruling.now;
	uint32_t votes = 0;

	for (uint32_t n = 0; n < w->options.nodes; n++)
		votes += w->nodes[n].up ? rule->votes[n] : 0;
	return votes;
}

/* A leader that there is can go on. */
static bool may_commit(const struct pc_simulation *w)
{
	return votes_up(w) >= w->ruling.now.need_per;
}

static bool has_quorums(const struct pc_simulation *w)
{
	return may_commit(w) && votes_up(w) >= w->ruling.now.need_vc;
}

/* Time until now counts as election where enough nodes were up for it, and as too few where not. */
static void account(struct pc_simulation *w)
{
	int64_t ns = w->now_ns - w->without_from_ns;

	if (w->without_from_ns < 0)
		return;
	w->report->without_service_ns += (uint64_t)ns;
	if (w->had_quorums)
		w->report->electing_ns += (uint64_t)ns;
	w->without_from_ns = w->now_ns;
}

void service_failure(struct pc_simulation *w, uint32_t n)
{
	bool led = n == w->served_by;

	if (!w->nodes[n].up)
		return;
	account(w);
	node_crash(w, n, false);
	w->report->failures++;
	world_at(w,
		(int64_t)(hb_rng_exponential(&w->fault_rng, w->options.mission->repair_seconds) *
			  1e9),
		EVENT_RESTART, n, w->nodes[n].epoch);
	w->had_quorums = has_quorums(w);
	if (w->measured_from_ns < 0 || w->without_from_ns >= 0 || (!led && may_commit(w)))
		return;
	w->report->leader_failures += led;
	w->without_from_ns = w->now_ns;
	w->served_by = PC_NOBODY;
}

void service_restart(struct pc_simulation *w, uint32_t n)
{
	account(w);
	w->had_quorums = has_quorums(w);
	draw_failure(w, n);
}

void service_commit(struct pc_simulation *w, uint32_t n)
{
	/* What was acknowledged before too many crashed. */
	if (!may_commit(w))
		return;
	if (w->measured_from_ns < 0)
		w->measured_from_ns = w->now_ns;
	account(w);
	w->without_from_ns = -1;
	w->served_by = n;
}

void service_end(struct pc_simulation *w)
{
	w->now_ns = (int64_t)(w->options.mission->seconds * 1e9);
	account(w);
	if (w->measured_from_ns >= 0)
		w->report->measured_ns += (uint64_t)(w->now_ns - w->measured_from_ns);
}
