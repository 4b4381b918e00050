/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Carries out what the core says, on a disk and over connections. */
#include "server.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/assert.h>

#define HEARTBEAT_TICKS 3
#define ELECTION_TICKS 15
#define COMPACT_ENTRIES (LOG_ENTRIES_KEPT / 2)
#define RETRY_TICKS 10 /* between attempts to write to a full disk */
#define OUTBOX_MAX 65536
#define LIVES_SINCE_S 1577836800

void server_fail(struct server *s, int code, const char *format, ...)
{
	char text[512];
	va_list arguments;

	if (s->result)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	s->result = hb_error_set(s->error, code, "%s", text);
	s->stopping = true;
	uv_stop(&s->loop);
}

static void say(struct server *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct server *s, const char *format, ...)
{
	va_list arguments;

	if (!s->options->messages)
		return;
	(void)fprintf(s->options->messages, "node %" PRIu32 ": ", s->options->id);
	va_start(arguments, format);
	(void)vfprintf(s->options->messages, format, arguments);
	va_end(arguments);
	(void)fputc('\n', s->options->messages);
	(void)fflush(s->options->messages);
}

/* ---- the log ---- */

static uint64_t slot(uint64_t index)
{
	return index & (LOG_ENTRIES_KEPT - 1);
}

static void set_payload(struct server *s, uint64_t index, struct payload *payload)
{
	if (payload)
		payload->references++;
	payload_release(s->payloads[slot(index)]);
	s->payloads[slot(index)] = payload;
}

static void forget_pending(struct server *s, uint64_t index)
{
	struct pending *pending = &s->pending[slot(index)];

	if (pending->connection)
		requests_elsewhere(s, pending->connection, pending->id);
	*pending = (struct pending){0};
}

static void write_entries(struct server *s, uint64_t index, uint32_t count)
{
	for (uint64_t i = index; i < index + count; i++) {
		const struct pc_entry *entry = pc_replica_entry(s->replica, i);

		set_payload(s, i, entry_payload(entry));
		log_put_entry(&s->log, i, entry);
	}
	s->writes++;
}

static void truncate_log(struct server *s, uint64_t index)
{
	/* The core has taken them back; what stands in these slots is above. */
	for (uint64_t i = index; i < index + LOG_ENTRIES_KEPT && s->payloads[slot(i)]; i++)
		set_payload(s, i, NULL);
	for (uint64_t i = index; i < index + LOG_ENTRIES_KEPT && s->pending[slot(i)].connection;
		i++)
		forget_pending(s, i);
	log_put_truncate(&s->log, index);
	s->writes++;
}

static void wait_for_worker(struct server *s)
{
	uv_mutex_lock(&s->lock);
	while (s->flushing)
		uv_cond_wait(&s->idle, &s->lock);
	uv_mutex_unlock(&s->lock);
}

/* A new snapshot and log: everything up to now is durable. */
static int rewrite_log(struct server *s, const char *received)
{
	const struct pc_snapshot *snapshot = pc_replica_snapshot(s->replica);
	uint64_t last = pc_replica_last_index(s->replica), count = last - snapshot->index;
	struct pc_promise promise = pc_replica_promise(s->replica);
	struct pc_entry *entries = calloc(count + 1, sizeof(*entries));
	int err = entries ? 0 : -ENOMEM;

	for (uint64_t i = 0; i < count && !err; i++)
		entries[i] = *pc_replica_entry(s->replica, snapshot->index + 1 + i);
	if (!err) {
		wait_for_worker(s);
		err = log_compact(
			&s->log, snapshot, s->store, received, &promise, entries, (uint32_t)count);
	}
	free(entries);
	if (err)
		return err;
	s->durable = s->writes;
	s->full = false;
	return 0;
}

static void install(struct server *s)
{
	int err;

	if (!s->incoming) {
		server_fail(s, -EPROTO, "the core installs a snapshot that has not come");
		return;
	}
	for (uint64_t i = 0; i < LOG_ENTRIES_KEPT; i++) {
		payload_release(s->payloads[i]);
		s->payloads[i] = NULL;
		forget_pending(s, i);
	}
	store_destroy(s->store);
	s->store = s->incoming->store;
	s->incoming->store = NULL;
	s->applied = s->incoming->snapshot.index;
	s->writes++;
	s->counters.snapshots_received++;
	err = rewrite_log(s, s->incoming_name);
	if (err)
		server_fail(s, err, "the snapshot cannot be kept: %s; make room and start again",
			strerror(-err));
}

static void disk_is_full(struct server *s)
{
	if (!s->full)
		say(s, "the disk is full: nothing is accepted until there is room");
	s->full = true;
	s->retry_ticks = 0;
}

static void compact(struct server *s)
{
	const struct pc_snapshot *snapshot = pc_replica_snapshot(s->replica);
	uint64_t before = snapshot->index;
	int err;

	bool owed = before != s->log.snapshot_index && s->applied > before;

	if ((s->applied < before + COMPACT_ENTRIES && !owed) || s->full)
		return;
	if (pc_replica_compact(s->replica, s->applied, 0))
		return;
	err = rewrite_log(s, NULL);
	if (log_no_room(err)) {
		/* The log on disk still begins earlier: nothing is lost. Tried again when there is room. */
		disk_is_full(s);
	} else if (err) {
		server_fail(s, err, "%s: no snapshot can be written: %s", s->options->folder,
			strerror(-err));
		return;
	}
	for (uint64_t i = before + 1; i <= s->applied; i++) {
		payload_release(s->payloads[slot(i)]);
		s->payloads[slot(i)] = NULL;
	}
}

/* ---- syncing ---- */

static void flush_work(uv_work_t *work)
{
	struct server *s = work->data;
	int result = log_flush(&s->log);

	uv_mutex_lock(&s->lock);
	s->flush_result = result;
	s->flushing = false;
	uv_cond_broadcast(&s->idle);
	uv_mutex_unlock(&s->lock);
}

static void release_outbox(struct server *s)
{
	while (s->outbox_count > 0 && s->outbox[s->outbox_first].writes <= s->durable) {
		struct pc_message message = s->outbox[s->outbox_first].message;

		s->outbox_first = (s->outbox_first + 1) % s->outbox_capacity;
		s->outbox_count--;
		if (message.to == s->options->id)
			server_receive(s, &message);
		else
			peer_send(s, &message);
	}
}

/* Another one should lead: whose disk is full can only follow. */
static void step_aside(struct server *s)
{
	uint64_t voters = pc_configuration_voters(pc_replica_configuration(s->replica, NULL));

	for (uint64_t left = voters; left; left &= left - 1) {
		uint32_t node = (uint32_t)__builtin_ctzll(left);

		if (node != s->options->id && s->peers[node].connected &&
			pc_replica_transfer(s->replica, node) == 0) {
			server_carry_out(s);
			return;
		}
	}
}

static void begin_flush(struct server *s);

static void flushed(uv_work_t *work, int status)
{
	struct server *s = work->data;

	(void)status;
	s->busy = false;
	if (s->stopping)
		return;
	if (log_no_room(s->flush_result)) {
		disk_is_full(s);
		step_aside(s);
		return;
	}
	if (s->flush_result) {
		server_fail(s, s->flush_result,
			"%s/log cannot be made durable: %s; what was acknowledged is durable",
			s->options->folder, strerror(-s->flush_result));
		return;
	}
	if (s->full)
		say(s, "there is room again");
	s->full = false;
	if (s->syncing > s->durable)
		s->durable = s->syncing;
	release_outbox(s);
	begin_flush(s);
	if (!s->busy)
		log_mark(&s->log);
}

static void queue_flush(struct server *s)
{
	s->flushing = s->busy = true;
	s->work.data = s;
	(void)uv_queue_work(&s->loop, &s->work, flush_work, flushed);
}

static void begin_flush(struct server *s)
{
	if (s->busy || s->full || s->stopping || s->writes == s->durable)
		return;
	if (s->log.pending.bad) {
		server_fail(s, -ENOMEM, "out of memory");
		return;
	}
	log_take(&s->log);
	s->syncing = s->writes;
	queue_flush(s);
}

/* ---- actions ---- */

static void push_self(struct server *s, const struct pc_message *message)
{
	if (s->inbox_count == s->inbox_capacity) {
		size_t capacity = s->inbox_capacity ? 2 * s->inbox_capacity : 16;
		struct pc_message *inbox = realloc(s->inbox, capacity * sizeof(*inbox));

		if (!inbox) {
			server_fail(s, -ENOMEM, "out of memory");
			return;
		}
		s->inbox = inbox;
		s->inbox_capacity = capacity;
	}
	s->inbox[s->inbox_count++] = *message;
}

static void send_message(struct server *s, const struct pc_action *action)
{
	if (action->after_sync && s->writes != s->durable) {
		/* Beyond this the network loses them, as it may. */
		if (s->outbox_count == s->outbox_capacity) {
			s->counters.dropped++;
			return;
		}
		s->outbox[(s->outbox_first + s->outbox_count++) % s->outbox_capacity] =
			(struct held){action->message, s->writes};
	} else if (action->message.to == s->options->id) {
		push_self(s, &action->message);
	} else {
		peer_send(s, &action->message);
	}
}

static int apply_command(struct server *s, const struct pc_entry *entry, uint64_t index)
{
	static const enum reply_status statuses[] = {
		[STORE_DONE] = REPLY_DONE,
		[STORE_NOT_FOUND] = REPLY_NOT_FOUND,
		[STORE_NOT_EQUAL] = REPLY_NOT_EQUAL,
		[STORE_FORGOTTEN] = REPLY_REFUSED,
	};
	struct pending *pending = &s->pending[slot(index)];
	const struct payload *payload = entry_payload(entry);
	struct store_command command;
	enum store_result result = STORE_DONE;

	hb_assert(store_command_decode(payload->bytes, payload->length, &command));
	if (store_apply(s->store, entry->client, entry->sequence, &command, &result))
		return -ENOMEM;
	s->counters.commands++;
	if (pending->connection && pending->client == entry->client &&
		pending->sequence == entry->sequence) {
		request_answer(s, pending->connection, pending->id, statuses[result],
			result == STORE_FORGOTTEN ? "an older command of this session" : "");
		*pending = (struct pending){0};
	} else if (pending->connection) {
		forget_pending(s, index);
	}
	return 0;
}

static void apply(struct server *s, uint64_t until)
{
	while (s->applied < until && !s->result) {
		const struct pc_entry *entry = pc_replica_entry(s->replica, s->applied + 1);

		s->applied++;
		if (entry->kind == PC_ENTRY_COMMAND && apply_command(s, entry, s->applied))
			server_fail(s, -ENOMEM, "out of memory");
	}
}

static void carry_out_one(struct server *s, const struct pc_action *action)
{
	struct pc_promise promise;

	switch ((enum pc_action_kind)action->kind) {
	case PC_WRITE_PROMISE:
		promise = pc_replica_promise(s->replica);
		log_put_promise(&s->log, &promise);
		s->writes++;
		break;
	case PC_WRITE_ENTRIES:
		write_entries(s, action->index, action->count);
		break;
	case PC_TRUNCATE:
		truncate_log(s, action->index);
		break;
	case PC_INSTALL:
		install(s);
		break;
	case PC_SEND:
		send_message(s, action);
		break;
	case PC_COMMITTED:
		apply(s, action->index);
		break;
	case PC_READ:
		reads_ready(s, action->request, action->index);
		break;
	case PC_READ_REFUSED:
		reads_refused(s, action->request);
		break;
	}
}

static void carry_out_once(struct server *s)
{
	uint32_t count;
	const struct pc_action *actions = pc_replica_actions(s->replica, &count);

	if (pc_replica_fault(s->replica)) {
		server_fail(s, -EPROTO, "the protocol was broken, so this node stops: %s",
			pc_replica_fault(s->replica));
		return;
	}
	for (uint32_t i = 0; i < count && !s->result; i++)
		carry_out_one(s, &actions[i]);
	if (pc_replica_role(s->replica) != s->role) {
		s->role = pc_replica_role(s->replica);
		if (s->role == PC_LEADER) {
			s->counters.elections++;
			say(s, "leads in term %" PRIu64, pc_replica_promise(s->replica).term);
		}
	}
}

void server_carry_out(struct server *s)
{
	size_t done = 0;

	carry_out_once(s);
	/* Messages to itself are inputs like others; they may bring more of them. */
	while (done < s->inbox_count && !s->result) {
		struct pc_message message = s->inbox[done++];

		pc_replica_receive(s->replica, &message);
		carry_out_once(s);
	}
	s->inbox_count = 0;
}

void server_receive(struct server *s, const struct pc_message *message)
{
	if (s->result)
		return;
	pc_replica_receive(s->replica, message);
	server_carry_out(s);
}

/* ---- the loop ---- */

static void end_turn(struct server *s)
{
	if (s->stopping)
		return;
	reads_begin(s);
	reads_serve(s);
	compact(s);
	begin_flush(s);
	connections_flush(s);
}

static void on_prepare(uv_prepare_t *handle)
{
	end_turn(handle->data);
}

static void on_check(uv_check_t *handle)
{
	end_turn(handle->data);
}

static void on_tick(uv_timer_t *timer)
{
	struct server *s = timer->data;

	pc_replica_tick(s->replica);
	server_carry_out(s);
	if (s->result)
		return;
	connections_tick(s);
	learners_promote(s);
	if (s->full && !s->busy && ++s->retry_ticks >= RETRY_TICKS)
		queue_flush(s);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct server *s = handle->data;

	(void)number;
	s->stopping = true;
	uv_stop(&s->loop);
}

/* ---- life ---- */

static void first_state(const struct pc_server_options *options, struct recovered *ret)
{
	uint32_t life = PC_FIRST_LIFE;

	/* Lives are compared, a later one must be higher: seconds since 2020. */
	if (options->join)
		life = (uint32_t)(time(NULL) - LIVES_SINCE_S) + PC_FIRST_LIFE + 1;
	*ret = (struct recovered){0};
	ret->promise = (struct pc_promise){.vote = PC_NOBODY, .life = life};
	if (!options->join) {
		ret->snapshot.index = PC_FIRST_INDEX;
		pc_configuration_init(&ret->snapshot.configuration, &options->rule);
	}
}

static int create_replica(struct server *s, const struct recovered *state, struct hb_error *reterr)
{
	struct pc_replica_options options = {
		.id = s->options->id,
		.election_ticks = ELECTION_TICKS,
		.heartbeat_ticks = HEARTBEAT_TICKS,
		.log_entries = LOG_ENTRIES_KEPT,
		.committee_per = s->options->committee_per,
		.committee_vc = s->options->committee_vc,
		.by_rank = s->options->by_rank,
	};
	int err;

	for (uint32_t i = 0; i < PC_REPLICAS_MAX; i++)
		options.ranks[i] = s->options->ranks[i];
	if (getrandom(&options.seed, sizeof(options.seed), 0) != sizeof(options.seed))
		return hb_error_set(reterr, -EIO, "no random numbers");
	err = pc_replica_create(&options, &state->promise, &state->snapshot, state->entries,
		state->count, &s->replica);
	if (err)
		return hb_error_set(reterr, err, "the replica cannot start: %s", strerror(-err));
	for (uint32_t i = 0; i < state->count; i++)
		set_payload(s, state->snapshot.index + 1 + i, entry_payload(&state->entries[i]));
	return 0;
}

static int open_state(struct server *s, struct hb_error *reterr)
{
	struct recovered first, state = {0};
	int err;

	first_state(s->options, &first);
	err = log_open(s->options->folder, s->options->id, &first, &s->log, &state, reterr);
	if (err)
		return err;
	if (state.torn_bytes)
		say(s,
			"log: the last write was torn at offset %" PRIu64 ": %" PRIu64
			" bytes cut off",
			state.torn_at, state.torn_bytes);
	s->payloads = calloc(LOG_ENTRIES_KEPT, sizeof(struct payload *));
	s->pending = calloc(LOG_ENTRIES_KEPT, sizeof(*s->pending));
	s->outbox = calloc(OUTBOX_MAX, sizeof(*s->outbox));
	s->outbox_capacity = OUTBOX_MAX;
	if (!s->payloads || !s->pending || !s->outbox)
		err = hb_error_set(reterr, -ENOMEM, "out of memory");
	if (!err)
		err = create_replica(s, &state, reterr);
	s->applied = state.snapshot.index;
	s->store = state.store;
	state.store = NULL;
	recovered_finish(&state);
	return err;
}

static void start_handles(struct server *s)
{
	static const int numbers[] = {SIGTERM, SIGINT};

	(void)uv_timer_init(&s->loop, &s->timer);
	(void)uv_prepare_init(&s->loop, &s->prepare);
	(void)uv_check_init(&s->loop, &s->check);
	s->timer.data = s->prepare.data = s->check.data = s;
	(void)uv_timer_start(&s->timer, on_tick, s->options->tick_ms, s->options->tick_ms);
	(void)uv_prepare_start(&s->prepare, on_prepare);
	(void)uv_check_start(&s->check, on_check);
	for (int i = 0; i < 2; i++) {
		(void)uv_signal_init(&s->loop, &s->signals[i]);
		s->signals[i].data = s;
		(void)uv_signal_start(&s->signals[i], on_signal, numbers[i]);
	}
	(void)signal(SIGPIPE, SIG_IGN);
}

static void close_handles(struct server *s)
{
	uv_close((uv_handle_t *)&s->timer, NULL);
	uv_close((uv_handle_t *)&s->prepare, NULL);
	uv_close((uv_handle_t *)&s->check, NULL);
	for (int i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&s->signals[i], NULL);
}

static void finish(struct server *s)
{
	for (uint64_t i = 0; s->payloads && i < LOG_ENTRIES_KEPT; i++)
		payload_release(s->payloads[i]);
	reads_finish(s);
	free(s->payloads);
	free(s->pending);
	free(s->outbox);
	free(s->inbox);
	store_destroy(s->store);
	pc_replica_destroy(s->replica);
	if (s->log.folder)
		log_close(&s->log);
	uv_mutex_destroy(&s->lock);
	uv_cond_destroy(&s->idle);
	free(s);
}

int pc_server_run(const struct pc_server_options *options, struct hb_error *reterr)
{
	struct server *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	s->options = options;
	s->error = reterr;
	(void)uv_mutex_init(&s->lock);
	(void)uv_cond_init(&s->idle);
	err = open_state(s, reterr);
	if (err) {
		finish(s);
		return err;
	}
	(void)uv_loop_init(&s->loop);
	start_handles(s);
	err = connections_listen(s, reterr);
	if (!err) {
		say(s, "serves clients at %s", options->client);
		(void)uv_run(&s->loop, UV_RUN_DEFAULT);
		err = s->result;
	}
	s->stopping = true;
	connections_close_all(s);
	close_handles(s);
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&s->loop);
	finish(s);
	return err;
}
