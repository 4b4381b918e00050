/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What clients ask: commands through the log, reads by ReadIndex, and the operator's questions and changes. */
#include "server.h"

#include <errno.h>
#include <inttypes.h>

#define BATCHES_MAX 64 /* of reads whose confirmation is under way */
#define STATUS_BYTES 4096
#define ADDRESS_CLIENT UINT64_MAX /* the session of the servers themselves */

void request_answer(struct server *s, uint64_t connection, uint64_t id, enum reply_status status,
	const char *text)
{
	struct connection *c = connection_find(s, connection);

	if (!c)
		return;
	if (c->in_flight > 0)
		c->in_flight--;
	connection_reply(c, &(struct wire_reply){.id = id,
				    .status = (uint8_t)status,
				    .length = (uint32_t)strlen(text),
				    .data = (const uint8_t *)text});
}

void requests_elsewhere(struct server *s, uint64_t connection, uint64_t id)
{
	uint32_t leader = pc_replica_leader(s->replica);
	bool known = leader != PC_NOBODY && leader != s->options->id;

	request_answer(s, connection, id, REPLY_ELSEWHERE, known ? s->peers[leader].client : "");
}

/* ---- commands ---- */

static bool command(struct connection *c, const struct wire_request *request)
{
	struct server *s = c->server;
	struct store_command decoded;
	struct payload *payload;
	struct pending *pending;
	uint64_t index;
	int err;

	if (!store_command_decode(request->data, request->length, &decoded) ||
		decoded.operation == STORE_ADDRESS || request->client == ADDRESS_CLIENT)
		return false;
	if (s->full) {
		request_answer(s, c->number, request->id, REPLY_LATER, "the disk is full");
		return true;
	}
	payload = payload_create(request->data, request->length);
	if (!payload) {
		request_answer(s, c->number, request->id, REPLY_LATER, "out of memory");
		return true;
	}
	err = pc_replica_propose(s->replica, request->client, request->sequence,
		(uint64_t)(uintptr_t)payload, &index);
	if (err == -ENOSPC) {
		request_answer(s, c->number, request->id, REPLY_LATER, "the log is full");
	} else if (err) {
		requests_elsewhere(s, c->number, request->id);
	} else {
		pending = &s->pending[index & (LOG_ENTRIES_KEPT - 1)];
		*pending = (struct pending){
			c->number, request->id, request->client, request->sequence};
		server_carry_out(s);
	}
	payload_release(payload);
	return true;
}

/* ---- reads ---- */

static bool get(struct connection *c, const struct wire_request *request)
{
	struct server *s = c->server;
	struct read_batch *batch = s->gathering;
	struct payload *key;

	if (request->length > KEY_BYTES_MAX)
		return false;
	if (pc_replica_role(s->replica) != PC_LEADER) {
		requests_elsewhere(s, c->number, request->id);
		return true;
	}
	if (!batch)
		batch = s->gathering = calloc(1, sizeof(*batch));
	key = payload_create(request->data, request->length);
	if (batch && batch->count == batch->capacity) {
		uint32_t capacity = batch->capacity ? 2 * batch->capacity : 16;
		struct waiting *waiting = realloc(batch->waiting, capacity * sizeof(*waiting));

		if (waiting) {
			batch->waiting = waiting;
			batch->capacity = capacity;
		}
	}
	if (!key || !batch || batch->count == batch->capacity) {
		payload_release(key);
		request_answer(s, c->number, request->id, REPLY_LATER, "out of memory");
		return true;
	}
	batch->waiting[batch->count++] = (struct waiting){c->number, request->id, key};
	return true;
}

void reads_begin(struct server *s)
{
	struct read_batch *batch = s->gathering;

	if (!batch || s->read_batches >= BATCHES_MAX)
		return;
	s->gathering = NULL;
	batch->index = UINT64_MAX;
	batch->next = s->reads;
	s->reads = batch;
	s->read_batches++;
	pc_replica_read(s->replica, (uint64_t)(uintptr_t)batch);
	server_carry_out(s);
}

void reads_ready(struct server *s, uint64_t batch, uint64_t index)
{
	(void)s;
	((struct read_batch *)(uintptr_t)batch)->index = index;
}

static void free_batch(struct server *s, struct read_batch *batch)
{
	struct read_batch **at = &s->reads;

	for (uint32_t i = 0; i < batch->count; i++)
		payload_release(batch->waiting[i].key);
	free(batch->waiting);
	while (*at && *at != batch)
		at = &(*at)->next;
	if (*at) {
		*at = batch->next;
		s->read_batches--;
	}
	free(batch);
}

void reads_refused(struct server *s, uint64_t batch)
{
	struct read_batch *refused = (struct read_batch *)(uintptr_t)batch;

	for (uint32_t i = 0; i < refused->count; i++)
		requests_elsewhere(s, refused->waiting[i].connection, refused->waiting[i].id);
	free_batch(s, refused);
}

static void serve(struct server *s, const struct waiting *waiting)
{
	struct connection *c = connection_find(s, waiting->connection);
	uint32_t length = 0;
	const uint8_t *value =
		store_get(s->store, waiting->key->bytes, waiting->key->length, &length);

	s->counters.reads++;
	if (!c)
		return;
	if (c->in_flight > 0)
		c->in_flight--;
	connection_reply(c, &(struct wire_reply){.id = waiting->id,
				    .status = value ? REPLY_DONE : REPLY_NOT_FOUND,
				    .length = length,
				    .data = value});
}

void reads_serve(struct server *s)
{
	struct read_batch *next;

	for (struct read_batch *batch = s->reads; batch; batch = next) {
		next = batch->next;
		if (batch->index > s->applied)
			continue;
		for (uint32_t i = 0; i < batch->count; i++)
			serve(s, &batch->waiting[i]);
		free_batch(s, batch);
	}
}

void reads_finish(struct server *s)
{
	while (s->reads)
		free_batch(s, s->reads);
	if (s->gathering)
		free_batch(s, s->gathering);
	s->gathering = NULL;
}

/* ---- the operator ---- */

static void status(struct connection *c, const struct wire_request *request)
{
	static const char *const roles[] = {"follower", "precandidate", "candidate", "leader"};
	struct server *s = c->server;
	const struct pc_configuration *rule = pc_replica_configuration(s->replica, NULL);
	const struct counters *n = &s->counters;
	uint32_t leader = pc_replica_leader(s->replica);
	char text[STATUS_BYTES];

	(void)snprintf(text, sizeof(text),
		"{\"schema\":\"probcons.status/1\",\"id\":%" PRIu32
		",\"role\":\"%s\",\"leader\":%" PRId64 ",\"term\":%" PRIu64 ",\"life\":%" PRIu32
		",\"last\":%" PRIu64 ",\"commit\":%" PRIu64 ",\"applied\":%" PRIu64
		",\"snapshot\":%" PRIu64 ",\"keys\":%" PRIu64 ",\"voters\":\"%" PRIx64
		"\",\"learners\":\"%" PRIx64 "\",\"joint\":%s"
		",\"need_per\":%" PRIu32 ",\"need_vc\":%" PRIu32 ",\"disk_full\":%s"
		",\"syncs\":%" PRIu64 ",\"log_bytes\":%" PRIu64 ",\"messages_in\":%" PRIu64
		",\"messages_out\":%" PRIu64 ",\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64
		",\"hostile\":%" PRIu64 ",\"refused_connections\":%" PRIu64
		",\"connections\":%" PRIu32 ",\"commands\":%" PRIu64 ",\"reads\":%" PRIu64
		",\"elections\":%" PRIu64 ",\"snapshots_sent\":%" PRIu64
		",\"snapshots_received\":%" PRIu64 ",\"dropped\":%" PRIu64 "}",
		s->options->id, roles[pc_replica_role(s->replica)],
		leader == PC_NOBODY ? -1 : (int64_t)leader, pc_replica_promise(s->replica).term,
		pc_replica_promise(s->replica).life, pc_replica_last_index(s->replica),
		pc_replica_commit_index(s->replica), s->applied,
		pc_replica_snapshot(s->replica)->index, store_count(s->store), rule->now.voters,
		rule->learners, rule->joint ? "true" : "false", rule->now.need_per,
		rule->now.need_vc, s->full ? "true" : "false", s->log.syncs, s->log.written,
		n->messages_in, n->messages_out, n->bytes_in, n->bytes_out, n->hostile,
		n->refused_connections, s->connection_count, n->commands, n->reads, n->elections,
		n->snapshots_sent, n->snapshots_received, n->dropped);
	request_answer(s, c->number, request->id, REPLY_DONE, text);
}

static int change_rule(struct server *s, const struct pc_configuration *configuration)
{
	struct payload *payload = payload_create_change(configuration);
	int err = payload ? pc_replica_change(s->replica, payload->change) : -ENOMEM;

	if (!err)
		server_carry_out(s);
	payload_release(payload);
	return err;
}

/* Votes and lives stay; as many more than half of the votes are needed as before, at least a majority. */
static void set_voters(struct pc_rule *rule, uint64_t voters, uint32_t node, uint32_t life)
{
	struct pc_rule old = *rule;

	pc_rule_init(rule, voters);
	for (uint64_t left = voters; left; left &= left - 1) {
		uint32_t n = (uint32_t)__builtin_ctzll(left);

		if (old.voters >> n & 1) {
			pc_rule_set_votes(rule, n, old.votes[n]);
			rule->lives[n] = old.lives[n];
		}
	}
	if (node != PC_NOBODY)
		rule->lives[node] = life;
}

static int propose_address(struct server *s, uint32_t node, const char *address)
{
	uint8_t number = (uint8_t)node;
	struct store_command command = {.operation = STORE_ADDRESS,
		.key_length = 1,
		.key = &number,
		.value_length = (uint32_t)strlen(address),
		.value = (const uint8_t *)address};
	struct bytes bytes = {0};
	struct payload *payload;
	uint64_t index;
	int err;

	store_command_encode(&bytes, &command);
	payload = bytes.bad ? NULL : payload_create(bytes.data, (uint32_t)bytes.length);
	free(bytes.data);
	/* Its sequence is where it will stand, so that each is new. */
	err = payload ? pc_replica_propose(s->replica, ADDRESS_CLIENT,
				pc_replica_last_index(s->replica) + 1, (uint64_t)(uintptr_t)payload,
				&index)
		      : -ENOMEM;
	if (!err)
		server_carry_out(s);
	payload_release(payload);
	return err;
}

static int add(struct server *s, uint32_t node, const char *address)
{
	struct pc_configuration next = *pc_replica_configuration(s->replica, NULL);
	uint64_t bit = (uint64_t)1 << node;
	int err;

	if (next.joint)
		return -EBUSY;
	err = propose_address(s, node, address);
	if (err)
		return err;
	/* A voter whose disk was lost comes back like a new node: it learns first. */
	next.learners |= bit;
	if (next.now.voters & bit) {
		uint32_t life = pc_replica_peer_life(s->replica, node);

		if (life == 0 || life == next.now.lives[node])
			return 0;
		next.learners &= ~bit;
		set_voters(&next.now, next.now.voters, node, life);
	}
	return change_rule(s, &next);
}

static int change_members(struct server *s, const struct wire_request *request, uint32_t node)
{
	struct pc_configuration next = *pc_replica_configuration(s->replica, NULL);
	uint64_t bit = (uint64_t)1 << node;
	char address[ADDRESS_BYTES_MAX + 1] = "";

	if (request->kind == REQUEST_TRANSFER) {
		int err = pc_replica_transfer(s->replica, node);

		if (!err)
			server_carry_out(s);
		return err;
	}
	if (request->kind == REQUEST_ADD) {
		memcpy(address, request->data + 1, request->length - 1);
		return add(s, node, address);
	}
	next.learners &= ~bit;
	if (!((next.now.voters | next.learners) & bit) || next.now.voters == bit)
		return -EINVAL;
	set_voters(&next.now, next.now.voters & ~bit, PC_NOBODY, 0);
	return change_rule(s, &next);
}

static bool members(struct connection *c, const struct wire_request *request)
{
	struct server *s = c->server;
	int err;

	if (request->length < 1 || request->length > ADDRESS_BYTES_MAX ||
		request->data[0] >= PC_REPLICAS_MAX)
		return false;
	err = s->full ? -ENOSPC : change_members(s, request, request->data[0]);
	if (err == -EAGAIN && pc_replica_role(s->replica) != PC_LEADER)
		requests_elsewhere(s, c->number, request->id);
	else if (err == -EINVAL)
		request_answer(s, c->number, request->id, REPLY_REFUSED,
			"no such member, or nobody would be left");
	else
		request_answer(s, c->number, request->id, err ? REPLY_LATER : REPLY_DONE,
			err ? "another change is under way" : "");
	return true;
}

/* A learner that has answered in its life becomes a voter: one at a time, joint until it is committed. */
void learners_promote(struct server *s)
{
	const struct pc_configuration *now;
	uint64_t index;

	if (pc_replica_role(s->replica) != PC_LEADER || s->full)
		return;
	now = pc_replica_configuration(s->replica, &index);
	if (now->joint || index > s->applied)
		return;
	for (uint64_t left = now->learners; left; left &= left - 1) {
		uint32_t node = (uint32_t)__builtin_ctzll(left);
		uint32_t life = pc_replica_peer_life(s->replica, node);
		struct pc_configuration next = *now;

		if (life == 0)
			continue;
		next.learners &= ~((uint64_t)1 << node);
		set_voters(&next.now, next.now.voters | (uint64_t)1 << node, node, life);
		(void)change_rule(s, &next);
		return;
	}
}

bool request_handle(struct connection *c, const struct wire_request *request)
{
	c->in_flight++;
	switch ((enum request_kind)request->kind) {
	case REQUEST_COMMAND:
		return command(c, request);
	case REQUEST_GET:
		return get(c, request);
	case REQUEST_STATUS:
		status(c, request);
		return true;
	case REQUEST_ADD:
	case REQUEST_REMOVE:
	case REQUEST_TRANSFER:
		return members(c, request);
	case REQUEST_KINDS:
		break;
	}
	return false;
}
