/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The host of a replica: carries out its actions on the simulated disk and network, and applies what is committed. */
#include "world.h"

#include <hotbed/assert.h>

#define SEQUENCE_BITS 48

static uint64_t read_request(const struct request *request)
{
	struct pc_command command = pc_command_unpack(request->command);

	return (uint64_t)request->client << 56 | (uint64_t)command.key << SEQUENCE_BITS |
	       request->sequence;
}

static void reply(struct pc_simulation *w, uint32_t n, const struct reply *answer)
{
	uint32_t packet = packet_take(w);

	w->packets[packet].kind = PACKET_REPLY;
	w->packets[packet].from = (uint8_t)n;
	w->packets[packet].reply = *answer;
	network_send(w, packet);
}

static void refuse(struct pc_simulation *w, uint32_t n, uint32_t client, uint64_t sequence)
{
	uint32_t leader = pc_replica_leader(w->nodes[n].replica);

	if (leader == n)
		leader = PC_NOBODY;
	reply(w, n,
		&(struct reply){
			.client = client, .sequence = sequence, .leader = leader, .refused = true});
}

/* ---- actions ---- */

static void send(struct pc_simulation *w, uint32_t n, const struct pc_action *action)
{
	struct node *node = &w->nodes[n];
	uint32_t packet = packet_take(w);
	struct packet *p = &w->packets[packet];

	p->kind = PACKET_MESSAGE;
	p->from = (uint8_t)n;
	p->to = (uint8_t)action->message.to;
	p->message = action->message;
	for (uint32_t i = 0; i < action->message.entry_count; i++)
		p->entries[i] = action->message.entries[i];
	p->message.entries = p->entries;
	if (action->message.snapshot)
		p->message.snapshot = &w->snapshots[action->message.snapshot->state].snapshot;
	if (!action->after_sync || node->disk.issued == node->disk.durable) {
		network_send(w, packet);
		return;
	}
	if (node->outbox_count == OUTBOX_MAX) {
		packet_free(w, packet);
		return;
	}
	node->outbox[(node->outbox_first + node->outbox_count++) % OUTBOX_MAX] =
		(struct held){packet, node->disk.issued};
}

void node_release(struct pc_simulation *w, uint32_t n)
{
	struct node *node = &w->nodes[n];

	while (node->outbox_count > 0) {
		const struct held *held = &node->outbox[node->outbox_first];

		if (held->writes > node->disk.durable)
			return;
		network_send(w, held->packet);
		node->outbox_first = (node->outbox_first + 1) % OUTBOX_MAX;
		node->outbox_count--;
	}
}

static void write_entries(struct pc_simulation *w, uint32_t n, uint64_t index, uint32_t count)
{
	for (uint64_t i = index; i < index + count; i++) {
		struct write write = {.kind = WRITE_ENTRY, .index = i};

		write.entry = *pc_replica_entry(w->nodes[n].replica, i);
		check_append(w, n, i);
		disk_write(w, n, &write);
		if (write.entry.kind == PC_ENTRY_CHANGE)
			world_saw(w, PC_SAW_CHANGE);
		if (write.entry.kind >= PC_ENTRY_CHANGE && node_leads(w, n))
			faults_after(w, n, AFTER_CHANGE);
	}
}

static void install(struct pc_simulation *w, uint32_t n)
{
	struct node *node = &w->nodes[n];
	uint32_t id = (uint32_t)pc_replica_snapshot(node->replica)->state;
	struct write write = {.kind = WRITE_INSTALL, .snapshot = id};

	world_saw(w, PC_SAW_SNAPSHOT_INSTALLED);
	TRACE(w, "node %u: installs the snapshot of %llu", n,
		(unsigned long long)w->snapshots[id].snapshot.index);
	check_install(w, n, &w->snapshots[id]);
	node->store = w->snapshots[id].store;
	node->snapshot = id;
	disk_write(w, n, &write);
}

static void apply(struct pc_simulation *w, uint32_t n, uint64_t until)
{
	struct node *node = &w->nodes[n];

	if (until > w->committed_last)
		check_commit(w, n, w->committed_last + 1, until);
	if (node_leads(w, n)) {
		faults_after(w, n, AFTER_COMMIT);
		if (w->options.mission)
			service_commit(w, n);
	}
	while (node->store.applied < until) {
		uint64_t index = node->store.applied + 1;
		const struct pc_entry *entry = pc_replica_entry(node->replica, index);
		uint32_t result;

		node->store.applied = index;
		if (entry->kind == PC_ENTRY_COMMAND &&
			pc_key_values_apply(&node->store, entry->client, entry->sequence,
				entry->command, &result) &&
			node->pending[entry->client] == entry->sequence) {
			node->pending[entry->client] = 0;
			reply(w, n,
				&(struct reply){.client = (uint32_t)entry->client,
					.sequence = entry->sequence,
					.result = result});
		}
		check_apply(w, n, index, entry);
		if (w->failed)
			return;
	}
}

static void serve_reads(struct pc_simulation *w, uint32_t n)
{
	struct node *node = &w->nodes[n];
	uint32_t kept = 0;

	for (uint32_t i = 0; i < node->read_count; i++) {
		uint64_t request = node->reads[i].request;

		if (node->reads[i].index > node->store.applied) {
			node->reads[kept++] = node->reads[i];
			continue;
		}
		world_saw(w, PC_SAW_READ);
		reply(w, n,
			&(struct reply){.client = (uint32_t)(request >> 56),
				.sequence = request & ((UINT64_C(1) << SEQUENCE_BITS) - 1),
				.result = node->store.values[request >> SEQUENCE_BITS & 0xff]});
	}
	node->read_count = kept;
}

static void compact(struct pc_simulation *w, uint32_t n)
{
	struct node *node = &w->nodes[n];
	struct write write = {.kind = WRITE_COMPACT, .snapshot = w->snapshot_count};
	uint64_t index = node->store.applied;

	if (index < pc_replica_snapshot(node->replica)->index + w->mix.compact_entries)
		return;
	if (w->snapshot_count == SNAPSHOTS_MAX) {
		w->overflow = true;
		return;
	}
	if (pc_replica_compact(node->replica, index, w->snapshot_count))
		return;
	w->snapshots[w->snapshot_count].snapshot = *pc_replica_snapshot(node->replica);
	w->snapshots[w->snapshot_count].store = node->store;
	node->snapshot = w->snapshot_count++;
	disk_write(w, n, &write);
}

static void carry_out_one(struct pc_simulation *w, uint32_t n, const struct pc_action *action)
{
	struct node *node = &w->nodes[n];
	struct write write = {.index = action->index};

	switch ((enum pc_action_kind)action->kind) {
	case PC_WRITE_PROMISE:
		write.kind = WRITE_PROMISE;
		write.promise = pc_replica_promise(node->replica);
		disk_write(w, n, &write);
		break;
	case PC_WRITE_ENTRIES:
		write_entries(w, n, action->index, action->count);
		break;
	case PC_TRUNCATE:
		world_saw(w, PC_SAW_TRUNCATION);
		node->truncated = true;
		check_truncate(w, n, action->index);
		write.kind = WRITE_TRUNCATE;
		disk_write(w, n, &write);
		break;
	case PC_INSTALL:
		install(w, n);
		break;
	case PC_SEND:
		send(w, n, action);
		break;
	case PC_COMMITTED:
		apply(w, n, action->index);
		break;
	case PC_READ:
		if (node->read_count < sizeof(node->reads) / sizeof(node->reads[0]))
			node->reads[node->read_count++] =
				(struct waiting_read){action->request, action->index};
		break;
	case PC_READ_REFUSED:
		refuse(w, n, (uint32_t)(action->request >> 56),
			action->request & ((UINT64_C(1) << SEQUENCE_BITS) - 1));
		break;
	}
}

/* After every input. */
static void carry_out(struct pc_simulation *w, uint32_t n)
{
	struct node *node = &w->nodes[n];
	uint32_t count;
	const struct pc_action *actions = pc_replica_actions(node->replica, &count);

	w->report->events++;
	if (pc_replica_fault(node->replica)) {
		check_violation(w, "node %u: %s", n, pc_replica_fault(node->replica));
		return;
	}
	for (uint32_t i = 0; i < count && !w->failed; i++)
		carry_out_one(w, n, &actions[i]);
	if (w->failed)
		return;
	if (count > 0) {
		uint64_t rule_index;

		(void)pc_replica_configuration(node->replica, &rule_index);
		if (rule_index < node->rule_index)
			world_saw(w, PC_SAW_CHANGE_REVERTED);
		if (rule_index != node->rule_index || node->truncated)
			check_rule(w, n);
		node->rule_index = rule_index;
		node->truncated = false;
		if (node->read_count > 0)
			serve_reads(w, n);
		compact(w, n);
		disk_sync(w, n);
	}
	if (w->options.variant == PC_V5 && pc_replica_role(node->replica) == PC_CANDIDATE &&
		pc_replica_promise(node->replica).term != node->campaign_term) {
		node->campaign_term = pc_replica_promise(node->replica).term;
		check_campaign(w, n);
	}
	if (pc_replica_role(node->replica) == PC_LEADER &&
		pc_replica_promise(node->replica).term != node->seen_term) {
		node->seen_term = pc_replica_promise(node->replica).term;
		node->appends = pc_replica_committee(node->replica);
		check_leader(w, n);
		check_state(w);
		faults_after(w, n, AFTER_ELECTION);
	}
	if (pc_replica_role(node->replica) == PC_LEADER &&
		pc_replica_committee(node->replica) != node->appends) {
		node->appends = pc_replica_committee(node->replica);
		w->report->committee_redraws++;
	}
}

/* ---- inputs ---- */

void node_tick(struct pc_simulation *w, uint32_t n)
{
	pc_replica_tick(w->nodes[n].replica);
	carry_out(w, n);
}

void node_receive(struct pc_simulation *w, uint32_t n, const struct pc_message *message)
{
	world_hash(w, message->term ^ message->index << 20 ^ message->commit << 40);
	world_hash(w, (uint64_t)message->kind << 48 ^ (uint64_t)message->refused << 40 ^
			      message->from << 8 ^ n);
	if (w->options.trace && message->from != message->to) {
		static const char *const names[] = {"prevote", "prevote answer", "vote",
			"vote answer", "append", "append answer", "snapshot", "campaign now"};

		world_trace(w,
			"%u -> %u: %s%s term %llu index %llu log term %llu commit %llu entries %u",
			message->from, n, names[message->kind], message->refused ? " refused" : "",
			(unsigned long long)message->term, (unsigned long long)message->index,
			(unsigned long long)message->log_term, (unsigned long long)message->commit,
			message->entry_count);
	}
	pc_replica_receive(w->nodes[n].replica, message);
	carry_out(w, n);
}

void node_request(struct pc_simulation *w, uint32_t n, const struct request *request)
{
	struct node *node = &w->nodes[n];
	uint64_t index;

	if (pc_command_unpack(request->command).kind == PC_GET) {
		pc_replica_read(node->replica, read_request(request));
		carry_out(w, n);
		return;
	}
	if (pc_replica_propose(
		    node->replica, request->client, request->sequence, request->command, &index)) {
		refuse(w, n, request->client, request->sequence);
		return;
	}
	node->pending[request->client] = request->sequence;
	carry_out(w, n);
}

void node_change(struct pc_simulation *w, uint32_t n, const struct pc_configuration *configuration)
{
	if (pc_replica_change(w->nodes[n].replica, configuration) == 0)
		carry_out(w, n);
}

void node_transfer(struct pc_simulation *w, uint32_t n, uint32_t target)
{
	if (pc_replica_transfer(w->nodes[n].replica, target) == 0) {
		world_saw(w, PC_SAW_TRANSFER);
		carry_out(w, n);
	}
}

bool node_leads(const struct pc_simulation *w, uint32_t n)
{
	return w->nodes[n].up && pc_replica_role(w->nodes[n].replica) == PC_LEADER;
}

/* ---- life ---- */

static void forget(struct pc_simulation *w, struct node *node)
{
	for (; node->outbox_count > 0; node->outbox_count--) {
		packet_free(w, node->outbox[node->outbox_first].packet);
		node->outbox_first = (node->outbox_first + 1) % OUTBOX_MAX;
	}
	node->read_count = 0;
	for (uint32_t c = 0; c < CLIENTS; c++)
		node->pending[c] = 0;
}

/* A new life, with nothing. */
static void lose_disk(struct pc_simulation *w, uint32_t n)
{
	struct node *node = &w->nodes[n];

	node->life = ++w->next_life;
	node->rotten = false;
	disk_begin(&node->disk, node->life, 1);
}

void node_crash(struct pc_simulation *w, uint32_t n, bool wipe)
{
	struct node *node = &w->nodes[n];

	world_saw(w, wipe ? PC_SAW_WIPE : PC_SAW_CRASH);
	TRACE(w, "node %u: %s", n, wipe ? "loses its disk" : "crashes");
	disk_crash(w, n);
	forget(w, node);
	node->up = false;
	node->epoch++;
	if (wipe)
		lose_disk(w, n);
	check_state(w);
}

void node_restart(struct pc_simulation *w, uint32_t n)
{
	struct node *node = &w->nodes[n];
	struct image *image = &node->disk.image;
	const struct stored_snapshot *snapshot = &w->snapshots[image->snapshot];
	struct pc_replica_options options = {
		.id = n,
		.election_ticks = ELECTION_TICKS,
		.heartbeat_ticks = HEARTBEAT_TICKS,
		.log_entries = LOG_ENTRIES,
		.entries_per_message = w->mix.entries_per_message,
		.seed = hb_rng_mix(w->options.seed ^ w->schedule, node->epoch),
		.committee_per = w->options.committee_per,
		.committee_vc = w->options.committee_vc,
		.by_rank = w->options.variant == PC_V4,
	};
	uint32_t count = 0;
	int err;

	if (node->up)
		return;
	if (!disk_is_sound(w, n)) {
		world_saw(w, PC_SAW_ROT);
		TRACE(w, "node %u: its disk is damaged, it begins a new life without", n);
		lose_disk(w, n);
		snapshot = &w->snapshots[image->snapshot];
	}
	for (uint32_t i = 0; i < NODES_MAX; i++)
		options.ranks[i] = w->options.ranks[i];
	for (uint64_t i = snapshot->snapshot.index + 1; i <= image->last; i++)
		w->scratch[count++] = *image_entry(image, i);
	err = node->replica ? pc_replica_restart(node->replica, &options, &image->promise,
				      &snapshot->snapshot, w->scratch, count)
			    : pc_replica_create(&options, &image->promise, &snapshot->snapshot,
				      w->scratch, count, &node->replica);
	if (err) {
		w->overflow = true;
		return;
	}
	node->store = snapshot->store;
	node->snapshot = image->snapshot;
	node->seen_term = node->campaign_term = 0;
	(void)pc_replica_configuration(node->replica, &node->rule_index);
	node->truncated = false;
	node->up = true;
	check_rule(w, n);
	node->epoch++;
	TRACE(w, "node %u: starts, term %llu, log %llu", n, (unsigned long long)image->promise.term,
		(unsigned long long)image->last);
	world_at(w, (int64_t)hb_rng_below(&w->disk_rng, (uint64_t)node->tick_ns), EVENT_TICK, n,
		node->epoch);
}

void node_begin(struct pc_simulation *w, uint32_t n)
{
	struct node *node = &w->nodes[n];

	node->life = PC_FIRST_LIFE;
	node->up = node->rotten = false;
	node->epoch = 0;
	node->tick_ns = w->mix.tick_ns;
	node->disk.sync_ns = w->mix.sync_ns;
	node->outbox_first = node->outbox_count = 0;
	forget(w, node);
	disk_begin(&node->disk, node->life, 0);
	node->disk.image.last = w->snapshots[0].snapshot.index;
	node_restart(w, n);
}
