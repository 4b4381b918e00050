/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One side acts per step: the wire, a worker, the card, or a kernel. A worker sees a line that is in its cache;
 * otherwise the load goes to the card, which learns by it that the request before has been taken (two lines, one
 * after the other).
 */
#include "protocol.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct search {
	const struct nic_check_options *options;
	const struct state *from;
	struct step *steps;
	size_t count;
	bool texts;
};

static struct step *begin(struct search *search, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static struct step *begin(struct search *search, const char *format, ...)
{
	struct step *step = &search->steps[search->count++];
	va_list list;

	step->state = *search->from;
	step->violation = NULL;
	step->text[0] = '\0';
	if (search->texts) {
		va_start(list, format);
		(void)vsnprintf(step->text, sizeof(step->text), format, list);
		va_end(list);
	}
	return step;
}

static uint32_t service_of(uint32_t request)
{
	return request % SERVICES;
}

/* The first in the queue of @service; REQUESTS_MAX if it is empty. */
static uint32_t first(const struct search *search, const struct state *state, uint32_t service)
{
	for (uint32_t r = 0; r < search->options->requests; r++) {
		if (state->places[r] == QUEUED && service_of(r) == service)
			return r;
	}
	return REQUESTS_MAX;
}

static uint32_t queued(const struct search *search, const struct state *state, uint32_t service)
{
	uint32_t count = 0;

	for (uint32_t r = 0; r < search->options->requests; r++)
		count += state->places[r] == QUEUED && service_of(r) == service;
	return count;
}

/* ---- the wire ---- */

static void arrivals(struct search *search)
{
	for (uint32_t r = 0; r < search->options->requests; r++) {
		struct step *step;

		if (search->from->places[r] != OUTSIDE ||
			(r >= SERVICES && search->from->places[r - SERVICES] == OUTSIDE))
			continue;
		step = begin(search, "wire: request %u for service %u arrives", r, service_of(r));
		step->state.places[r] = QUEUED;
		step->state.look |= search->options->mutant == NIC_MUTANT_STARVED_QUEUE;
	}
}

/* ---- a worker ---- */

/* The worker copies what the line holds, lets BUSY go, and turns to the other line. */
static void take(struct search *search, struct step *step, uint32_t c)
{
	struct core *core = &step->state.cores[c];
	struct thread *thread = &core->threads[core->pid];
	uint8_t content = core->line[thread->parity];
	uint32_t r = content - 1u;

	(void)search;
	if (content != OTHER) {
		if (service_of(r) != core->pid)
			step->violation = "3: a request was seen by another process than its own";
		else if (step->state.places[r] != DELIVERED)
			step->violation = "4: a request was taken twice";
		step->state.places[r] = RUNNING;
		thread->request = content;
	}
	core->is_busy = core->is_filled = 0;
	thread->parity ^= 1;
}

static void worker(struct search *search, uint32_t c)
{
	const struct core *core = &search->from->cores[c];
	const struct thread *thread;
	struct step *step;

	/* The kernel has the core, or nobody does. */
	if (core->preemption == ACCEPTED || core->pid == NOBODY)
		return;
	thread = &core->threads[core->pid];
	if (thread->request) {
		step = begin(search, "core %u: service %u has done request %u", c, core->pid,
			thread->request - 1u);
		step->state.places[thread->request - 1u] = DONE;
		step->state.cores[c].threads[core->pid].request = 0;
	} else if (!core->is_busy && core->is_ready) {
		step = begin(search, "core %u: service %u sets BUSY", c, core->pid);
		step->state.cores[c].is_busy = 1;
	} else if (core->is_busy && !core->is_reading && !core->is_filled) {
		bool hit = core->line[thread->parity] != INVALID;

		step = begin(search, "core %u: service %u loads line %u, %s", c, core->pid,
			thread->parity, hit ? "which is in its cache" : "and waits");
		if (hit) {
			take(search, step, c);
			return;
		}
		step->state.cores[c].is_reading = (uint8_t)(1 + thread->parity);
		if (core->map != core->pid || core->parity[core->pid] != thread->parity)
			step->violation = "8: the card expects another line or process";
		/* The load says that the other line has been taken. */
		if (search->options->mutant != NIC_MUTANT_STALE_LINE)
			step->state.cores[c].line[1 - thread->parity] = INVALID;
	} else if (core->is_busy && core->is_filled) {
		step = begin(search, "core %u: service %u takes what line %u holds", c, core->pid,
			thread->parity);
		take(search, step, c);
	}
}

/* ---- the card ---- */

static void fill(struct step *step, uint32_t c, uint8_t content)
{
	struct core *core = &step->state.cores[c];

	core->line[core->is_reading - 1] = content;
	core->parity[core->map] ^= 1;
	core->is_reading = 0;
	core->is_filled = 1;
	core->chosen = 0;
}

static void answer_call(struct search *search, uint32_t c)
{
	const struct core *core = &search->from->cores[c];
	uint32_t r = first(search, search->from, core->map);
	struct step *step;

	if (search->options->mutant == NIC_MUTANT_POP_UNDERFLOW && !core->chosen) {
		if (r != REQUESTS_MAX) {
			step = begin(search, "card: sees a request for core %u", c);
			step->state.cores[c].chosen = 1;
		}
		return;
	}
	if (r == REQUESTS_MAX) {
		if (core->chosen) {
			step = begin(search, "card: takes from the queue of service %u", core->map);
			step->violation = "4: a request was taken from an empty queue";
		}
		return;
	}
	step = begin(search, "card: fills line %u of core %u with request %u",
		core->is_reading - 1u, c, r);
	step->state.places[r] = DELIVERED;
	fill(step, c, (uint8_t)(1 + r));
}

static void answers(struct search *search, uint32_t c)
{
	const struct core *core = &search->from->cores[c];
	struct step *step;
	uint32_t r;

	if (!core->is_reading)
		return;
	if (core->preemption == QUIET) {
		answer_call(search, c);
		step = begin(search, "card: answers core %u TRYAGAIN", c);
		fill(step, c, OTHER);
		return;
	}
	if (core->preemption != LOCKED)
		return;
	step = begin(search, "card: answers core %u NACK", c);
	r = first(search, search->from, core->map);
	if (search->options->mutant == NIC_MUTANT_LOST_IN_PREEMPTION && r != REQUESTS_MAX)
		step->state.places[r] = LOST;
	fill(step, c, OTHER);
}

/* Cores that are, or will be, those of @service. */
static uint32_t cores_of(const struct search *search, uint32_t service, uint32_t *ret_coming)
{
	uint32_t count = 0;

	*ret_coming = 0;
	for (uint32_t c = 0; c < CORES; c++) {
		const struct core *core = &search->from->cores[c];
		bool coming = core->preemption != QUIET && core->target == service;

		*ret_coming += coming;
		count += core->map == service ||
			 (coming && search->options->mutant != NIC_MUTANT_COUNTED_AT_ACK);
	}
	return count;
}

static void commands(struct search *search, uint32_t c)
{
	const struct core *core = &search->from->cores[c];
	enum nic_mutant mutant = search->options->mutant;

	if (core->preemption != QUIET && mutant != NIC_MUTANT_SWITCH_IN_SWITCH)
		return;
	for (uint32_t s = 0; s < SERVICES; s++) {
		uint32_t coming, cores = cores_of(search, s, &coming);
		struct step *step;

		if (core->map == s || (core->preemption != QUIET && core->target == s) ||
			cores >= search->options->threads[s])
			continue;
		if (mutant == NIC_MUTANT_COUNTED_AT_ACK)
			coming = 0;
		if (mutant == NIC_MUTANT_STARVED_QUEUE && !search->from->look)
			continue;
		/* A handler that was stopped here has to go on, too. */
		if (queued(search, search->from, s) <= coming && !core->threads[s].request)
			continue;
		step = begin(search, "card: wants core %u for service %u and clears READY", c, s);
		step->state.look = 0;
		step->state.cores[c].target = (uint8_t)s;
		step->state.cores[c].is_ready = 0;
		if (core->preemption == QUIET)
			step->state.cores[c].preemption = LOCKED;
	}
}

/*
 * A handler was stopped on another core, and its service may not have one more: a core of the service that
 * has nothing to do is retired, so that the count allows for the other.
 */
static void retirement(struct search *search, uint32_t c)
{
	const struct core *core = &search->from->cores[c];
	uint8_t s = core->map;
	struct step *step;

	if (core->preemption != QUIET || s == NOBODY || core->threads[s].request ||
		queued(search, search->from, s) || search->from->cores[1 - c].map == s ||
		!search->from->cores[1 - c].threads[s].request)
		return;
	step = begin(search, "card: retires core %u and clears READY", c);
	step->state.cores[c].target = NOBODY;
	step->state.cores[c].is_ready = 0;
	step->state.cores[c].preemption = LOCKED;
}

static void interrupts(struct search *search, uint32_t c)
{
	const struct core *core = &search->from->cores[c];
	struct step *step;

	if (core->preemption != LOCKED ||
		(core->is_busy && search->options->mutant != NIC_MUTANT_INTERRUPT_WHILE_BUSY))
		return;
	step = begin(search, "card: interrupts core %u", c);
	step->state.cores[c].preemption = INTERRUPTED;
	if (core->is_busy)
		step->violation = "2: a core was interrupted while BUSY";
}

/* ---- a kernel ---- */

static void kernel(struct search *search, uint32_t c)
{
	const struct core *core = &search->from->cores[c];
	struct step *step;
	struct core *after;

	if (core->preemption == INTERRUPTED) {
		step = begin(search, "kernel %u: parks service %d, the next is %u", c,
			core->pid == NOBODY ? -1 : core->pid, core->target);
		step->state.cores[c].preemption = ACCEPTED;
		step->state.cores[c].next_pid = core->target;
	} else if (core->preemption == ACCEPTED) {
		step = begin(search, "kernel %u: service %u runs, the card sets READY", c,
			core->next_pid);
		after = &step->state.cores[c];
		if (search->options->mutant == NIC_MUTANT_BOOTSTRAP_PARITY && core->pid == NOBODY)
			after->parity[core->target] ^= 1;
		after->pid = core->next_pid;
		after->next_pid = NOBODY;
		after->map = core->target;
		after->target = NOBODY;
		after->preemption = QUIET;
		after->is_ready = 1;
		if (search->options->mutant != NIC_MUTANT_STALE_LINE)
			after->line[0] = after->line[1] = INVALID;
	}
}

/* ---- for the search ---- */

void protocol_begin(struct state *state)
{
	memset(state, 0, sizeof(*state));
	for (uint32_t c = 0; c < CORES; c++) {
		state->cores[c].pid = state->cores[c].next_pid = NOBODY;
		state->cores[c].map = state->cores[c].target = NOBODY;
	}
}

size_t protocol_steps(const struct nic_check_options *options, const struct state *state,
	bool texts, struct step *ret)
{
	struct search search = {.options = options, .from = state, .steps = ret, .texts = texts};

	arrivals(&search);
	for (uint32_t c = 0; c < CORES; c++) {
		worker(&search, c);
		answers(&search, c);
		commands(&search, c);
		retirement(&search, c);
		interrupts(&search, c);
		kernel(&search, c);
	}
	return search.count;
}

bool protocol_is_over(const struct nic_check_options *options, const struct state *state)
{
	for (uint32_t r = 0; r < options->requests; r++) {
		if (state->places[r] != DONE)
			return false;
	}
	return true;
}

const char *protocol_violation(const struct nic_check_options *options, const struct state *state)
{
	uint32_t cores[SERVICES] = {0};

	for (uint32_t c = 0; c < CORES; c++) {
		const struct core *core = &state->cores[c];

		if (core->line[0] != INVALID && core->line[1] != INVALID)
			return "1: a core holds both control lines";
		if (core->preemption == QUIET && core->map != core->pid)
			return "6: the card believes that a core belongs to another process";
		if (core->map != NOBODY)
			cores[core->map]++;
		if (core->preemption != QUIET && core->target != NOBODY &&
			core->target != core->map)
			cores[core->target]++;
	}
	for (uint32_t s = 0; s < SERVICES; s++) {
		if (cores[s] > options->threads[s])
			return "6: a service has more cores than threads";
	}
	for (uint32_t r = 0; r < options->requests; r++) {
		if (state->places[r] == LOST)
			return "4: a request was lost";
	}
	return NULL;
}
