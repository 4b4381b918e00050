/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Schedules: the events of a simulated cluster, one after the other. */
#include "world.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#define QUEUE_EVENTS 16384
#define KIND_BITS 4

static const char *const coverage_names[PC_COVERAGE_COUNT] = {
	[PC_SAW_CRASH] = "crashes",
	[PC_SAW_LOST_WRITES] = "crashes_losing_writes",
	[PC_SAW_WIPE] = "wipes",
	[PC_SAW_ROT] = "damaged_disks",
	[PC_SAW_READMISSION] = "readmissions",
	[PC_SAW_PARTITION] = "partitions",
	[PC_SAW_ONE_WAY] = "one_way_cuts",
	[PC_SAW_SLOW_DISK] = "slow_disks",
	[PC_SAW_SKEWED_CLOCK] = "skewed_clocks",
	[PC_SAW_LOSS] = "lost_messages",
	[PC_SAW_DUPLICATE] = "duplicate_messages",
	[PC_SAW_TRUNCATION] = "truncations",
	[PC_SAW_SNAPSHOT_INSTALLED] = "snapshots_installed",
	[PC_SAW_CHANGE] = "changes_appended",
	[PC_SAW_CHANGE_REVERTED] = "changes_reverted",
	[PC_SAW_JOINT_ELECTION] = "joint_elections",
	[PC_SAW_TRANSFER] = "transfers",
	[PC_SAW_READ] = "reads",
	[PC_SAW_RETRY] = "retries",
	[PC_SAW_UNKNOWN_OUTCOME] = "unknown_outcomes",
	[PC_SAW_STRIKE] = "strikes",
	[PC_SAW_FEW_REACHED] = "leaders_reaching_few",
	[PC_SAW_RIVALS] = "rival_campaigns",
	[PC_SAW_CHANGE_OF_MANY] = "changes_of_many",
	[PC_SAW_TORN_WRITE] = "torn_writes",
	[PC_SAW_STUCK] = "stuck_without_disks",
};

const char *pc_simulation_coverage_name(enum pc_coverage coverage)
{
	return coverage_names[coverage];
}

void world_trace(struct pc_simulation *w, const char *format, ...)
{
	va_list arguments;

	(void)fprintf(w->options.trace, "%9.3f ms  ", (double)w->now_ns / (double)MILLISECOND_NS);
	va_start(arguments, format);
	(void)vfprintf(w->options.trace, format, arguments);
	va_end(arguments);
	(void)fputc('\n', w->options.trace);
}

/* The queue hands back the kind and @a as one word, and @b in place of an object. */
void world_at(
	struct pc_simulation *w, int64_t delay_ns, enum event_kind kind, uint32_t a, uint32_t b)
{
	if (hb_event_queue_insert(w->queue, w->now_ns + delay_ns, NULL, NULL,
		    (uint64_t)b << 32 | (uint64_t)a << KIND_BITS | kind, NULL))
		w->overflow = true;
}

/* ---- events ---- */

static void tick(struct pc_simulation *w, uint32_t n, uint32_t epoch)
{
	if (!w->nodes[n].up || w->nodes[n].epoch != epoch)
		return;
	world_at(w, w->nodes[n].tick_ns, EVENT_TICK, n, epoch);
	node_tick(w, n);
}

static void packet_arrives(struct pc_simulation *w, uint32_t packet, uint32_t epoch)
{
	const struct packet *p = &w->packets[packet];

	/* What a node sent to itself does not survive its crash. */
	if (p->kind == PACKET_MESSAGE && p->from == p->to && w->nodes[p->to].epoch != epoch)
		packet_free(w, packet);
	else
		network_deliver(w, packet);
}

static void handle(struct pc_simulation *w, enum event_kind kind, uint32_t a, uint32_t b)
{
	switch (kind) {
	case EVENT_TICK:
		tick(w, a, b);
		break;
	case EVENT_SYNCED:
		if (w->nodes[a].epoch == b) {
			disk_synced(w, a);
			node_release(w, a);
		}
		break;
	case EVENT_RESTART:
		if (w->nodes[a].epoch != b)
			break;
		node_restart(w, a);
		if (!w->overflow)
			check_state(w);
		if (w->options.mission)
			service_restart(w, a);
		break;
	case EVENT_PACKET:
		packet_arrives(w, a, b);
		break;
	case EVENT_CLIENT:
		client_next(w, a);
		break;
	case EVENT_PATIENCE:
		client_patience(w, a, b);
		break;
	case EVENT_FAULT:
		faults_next(w);
		break;
	case EVENT_OPERATOR:
		operator_look(w);
		break;
	case EVENT_STRIKE:
		faults_strike(w, a, b);
		break;
	case EVENT_FAILURE:
		if (w->nodes[a].epoch == b)
			service_failure(w, a);
		break;
	case EVENT_QUIET:
		faults_end(w);
		break;
	}
}

static void begin(struct pc_simulation *w, uint64_t schedule)
{
	uint64_t seed = hb_rng_mix(w->options.seed, schedule);

	w->schedule = schedule;
	w->now_ns = 0;
	w->hash = seed;
	w->moment = 0;
	w->next_life = PC_FIRST_LIFE;
	w->next_value = 0;
	w->snapshot_count = 2;
	w->change_count = 0;
	hb_event_queue_clear(w->queue);
	hb_rng_init(&w->network_rng, seed, 0);
	hb_rng_init(&w->disk_rng, seed, 1);
	hb_rng_init(&w->fault_rng, seed, 2);
	hb_rng_init(&w->client_rng, seed, 3);
	hb_rng_init(&w->strike_rng, seed, 4);
	for (uint32_t i = 1; i < PACKETS_MAX; i++)
		w->packets[i].next_free = i + 1 < PACKETS_MAX ? i + 1 : UINT32_MAX;
	w->first_free = 1;
	faults_draw(w);
	check_begin(w);
	for (uint32_t n = 0; n < w->options.nodes; n++)
		node_begin(w, n);
	for (uint32_t c = 0; c < CLIENTS; c++) {
		w->clients[c] = (struct client){0};
		world_at(w, (int64_t)hb_rng_below(&w->client_rng, 200 * MILLISECOND_NS),
			EVENT_CLIENT, c, 0);
	}
	faults_begin(w);
}

int pc_simulation_run(struct pc_simulation *simulation, uint64_t schedule,
	struct pc_simulation_report *report, struct hb_error *reterr)
{
	struct pc_simulation *w = simulation;
	struct hb_event event;
	int64_t until_ns =
		w->options.mission ? (int64_t)(w->options.mission->seconds * 1e9) : QUIET_UNTIL_NS;

	w->report = report;
	begin(w, schedule);
	while (!w->failed && !w->overflow && hb_event_queue_pop(w->queue, until_ns, &event)) {
		uint64_t word = event.argument;

		w->now_ns = event.time_ns;
		world_hash(w, (uint64_t)event.time_ns ^ word << 32);
		if (w->progress_from == UINT64_MAX && w->now_ns >= PROGRESS_FROM_NS)
			w->progress_from = w->committed_last;
		handle(w, (enum event_kind)(word & ((1u << KIND_BITS) - 1)),
			(uint32_t)(word & UINT32_MAX) >> KIND_BITS, (uint32_t)(word >> 32));
	}
	if (w->options.mission)
		service_end(w);
	check_end(w);
	if (w->overflow)
		return hb_error_set(reterr, -EOVERFLOW,
			"schedule %" PRIu64 " needs more than the simulator has room for",
			schedule);
	report->schedules++;
	report->trace_hash = hb_rng_mix(report->trace_hash, w->hash);
	return 0;
}

/* ---- life ---- */

static int check_options(const struct pc_simulation_options *options, struct hb_error *reterr)
{
	if (options->nodes < 1 || options->nodes > NODES_MAX)
		return hb_error_set(reterr, -EINVAL, "1 to %d nodes can be simulated, not %u",
			NODES_MAX, options->nodes);
	if (options->rule.voters != bit(options->nodes) - 1)
		return hb_error_set(reterr, -EINVAL, "every node must be a voter at first");
	if (options->mission && !(options->mission->seconds > 0 &&
					options->mission->seconds <= PC_MISSION_SECONDS_MAX))
		return hb_error_set(
			reterr, -EINVAL, "a mission takes up to %d s", PC_MISSION_SECONDS_MAX);
	if (options->variant != PC_V5)
		return pc_rule_check(&options->rule, reterr);
	if (options->committee_per < 1 || options->committee_per > options->nodes ||
		options->committee_vc < 1 || options->committee_vc > options->nodes)
		return hb_error_set(
			reterr, -EINVAL, "committees have 1 to %u members", options->nodes);
	return 0;
}

int pc_simulation_create(const struct pc_simulation_options *options, struct pc_simulation **ret,
	struct hb_error *reterr)
{
	struct pc_simulation *w;
	int err = check_options(options, reterr);

	if (err)
		return err;
	w = calloc(1, sizeof(*w));
	if (!w)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	w->options = *options;
	w->packets = calloc(PACKETS_MAX, sizeof(*w->packets));
	w->snapshots = calloc(SNAPSHOTS_MAX, sizeof(*w->snapshots));
	w->changes = calloc(CHANGES_MAX, sizeof(*w->changes));
	w->committed = calloc(INDEX_MAX, sizeof(*w->committed));
	w->seen = calloc(SEEN_SLOTS, sizeof(*w->seen));
	w->states = calloc(STATES / 64, sizeof(*w->states));
	err = w->packets && w->snapshots && w->changes && w->committed && w->seen && w->states
		      ? hb_event_queue_create(QUEUE_EVENTS, &w->queue, reterr)
		      : hb_error_set(reterr, -ENOMEM, "out of memory");
	if (err) {
		pc_simulation_destroy(w);
		return err;
	}
	/* Snapshot 0 is where a new cluster starts, 1 is an empty disk. */
	w->snapshots[0].snapshot.index = PC_FIRST_INDEX;
	w->snapshots[0].store.applied = PC_FIRST_INDEX;
	pc_configuration_init(&w->snapshots[0].snapshot.configuration, &options->rule);
	w->snapshots[1].snapshot.state = 1;
	*ret = w;
	return 0;
}

void pc_simulation_destroy(struct pc_simulation *simulation)
{
	if (!simulation)
		return;
	for (uint32_t n = 0; n < NODES_MAX; n++)
		pc_replica_destroy(simulation->nodes[n].replica);
	pc_history_finish(&simulation->history);
	hb_event_queue_destroy(simulation->queue);
	free(simulation->packets);
	free(simulation->snapshots);
	free(simulation->changes);
	free(simulation->committed);
	free(simulation->seen);
	free(simulation->states);
	free(simulation);
}

void pc_simulation_skip_faults(struct pc_simulation *simulation, uint64_t faults, uint64_t strikes)
{
	simulation->options.skipped_faults = faults;
	simulation->options.skipped_strikes = strikes;
}

void pc_simulation_trace(struct pc_simulation *simulation, FILE *trace)
{
	simulation->options.trace = trace;
}
