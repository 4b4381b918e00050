/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store.h"

#include <errno.h>

#include <hotbed/assert.h>
#include <xxhash.h>

#define SLOTS_MIN 64
#define PIECE_BYTES 65536

/* Key and value follow each other in @bytes. */
struct item {
	uint32_t hash, key_length, value_length;
	uint8_t bytes[];
};

struct session {
	uint64_t client, sequence,
		used; /* used: number of the command, for forgetting the oldest */
	uint8_t result;
	bool taken;
};

struct store {
	struct item **slots; /* linear probing; a power of two */
	uint64_t slot_count, count;
	struct session *sessions; /* 2 * STORE_SESSIONS_MAX slots, linear probing by client */
	uint64_t session_count, commands;
	char addresses[STORE_NODES_MAX][ADDRESS_BYTES_MAX + 1];
};

#define SESSION_SLOTS ((uint64_t)2 * STORE_SESSIONS_MAX)

struct store *store_create(void)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->slot_count = SLOTS_MIN;
	store->slots = calloc(SLOTS_MIN, sizeof(struct item *));
	store->sessions = calloc(SESSION_SLOTS, sizeof(*store->sessions));
	if (!store->slots || !store->sessions) {
		store_destroy(store);
		return NULL;
	}
	return store;
}

void store_destroy(struct store *store)
{
	if (!store)
		return;
	for (uint64_t i = 0; store->slots && i < store->slot_count; i++)
		free(store->slots[i]);
	free(store->slots);
	free(store->sessions);
	free(store);
}

void store_command_encode(struct bytes *out, const struct store_command *c)
{
	put_u8(out, c->operation);
	put_text(out, c->key, c->key_length);
	put_text(out, c->value, c->value_length);
	put_text(out, c->expected, c->expected_length);
}

bool store_command_decode(const uint8_t *data, size_t length, struct store_command *ret)
{
	struct reader r = {.at = data, .end = data + length};
	struct store_command c = {.operation = take_u8(&r)};

	c.key = take_text(&r, KEY_BYTES_MAX, &c.key_length);
	c.value = take_text(&r, VALUE_BYTES_MAX, &c.value_length);
	c.expected = take_text(&r, VALUE_BYTES_MAX, &c.expected_length);
	if (r.bad || r.at != r.end || c.operation < STORE_PUT || c.operation > STORE_ADDRESS)
		return false;
	if (c.operation == STORE_ADDRESS && (c.key_length != 1 || c.key[0] >= STORE_NODES_MAX ||
						    c.value_length > ADDRESS_BYTES_MAX))
		return false;
	*ret = c;
	return true;
}

/* ---- keys ---- */

static uint32_t hash_key(const uint8_t *key, uint32_t length)
{
	return (uint32_t)XXH3_64bits(key, length);
}

/* The slot of the key, or the empty one where it belongs. */
static uint64_t find(const struct store *s, const uint8_t *key, uint32_t length, uint32_t hash)
{
	uint64_t at = hash & (s->slot_count - 1);

	for (; s->slots[at]; at = (at + 1) & (s->slot_count - 1)) {
		const struct item *item = s->slots[at];

		if (item->hash == hash && item->key_length == length &&
			memcmp(item->bytes, key, length) == 0)
			break;
	}
	return at;
}

static int grow(struct store *s)
{
	uint64_t old_count = s->slot_count;
	struct item **old = s->slots, **slots;

	if ((s->count + 1) * 3 < s->slot_count * 2)
		return 0;
	slots = calloc(old_count * 2, sizeof(struct item *));
	if (!slots)
		return -ENOMEM;
	s->slots = slots;
	s->slot_count = old_count * 2;
	for (uint64_t i = 0; i < old_count; i++) {
		if (old[i])
			slots[find(s, old[i]->bytes, old[i]->key_length, old[i]->hash)] = old[i];
	}
	free(old);
	return 0;
}

static int set(struct store *s, const struct store_command *c)
{
	uint32_t hash = hash_key(c->key, c->key_length);
	size_t size = sizeof(struct item) + c->key_length + c->value_length;
	struct item *item;
	uint64_t at;

	if (grow(s))
		return -ENOMEM;
	at = find(s, c->key, c->key_length, hash);
	item = realloc(s->slots[at], size);
	if (!item)
		return -ENOMEM;
	if (!s->slots[at])
		s->count++;
	s->slots[at] = item;
	item->hash = hash;
	item->key_length = c->key_length;
	item->value_length = c->value_length;
	if (c->key_length > 0)
		memcpy(item->bytes, c->key, c->key_length);
	if (c->value_length > 0)
		memcpy(item->bytes + c->key_length, c->value, c->value_length);
	return 0;
}

/* Later items of the run move up, so that none is cut off from its hash's slot. */
static bool delete (struct store *s, const struct store_command *c)
{
	uint64_t mask = s->slot_count - 1;
	uint64_t at = find(s, c->key, c->key_length, hash_key(c->key, c->key_length));

	if (!s->slots[at])
		return false;
	free(s->slots[at]);
	s->slots[at] = NULL;
	s->count--;
	for (uint64_t next = (at + 1) & mask; s->slots[next]; next = (next + 1) & mask) {
		uint64_t home = s->slots[next]->hash & mask;

		if (((next - home) & mask) < ((next - at) & mask))
			continue;
		s->slots[at] = s->slots[next];
		s->slots[next] = NULL;
		at = next;
	}
	return true;
}

const uint8_t *store_get(
	const struct store *store, const uint8_t *key, uint32_t length, uint32_t *ret_length)
{
	const struct item *item = store->slots[find(store, key, length, hash_key(key, length))];

	if (!item)
		return NULL;
	*ret_length = item->value_length;
	return item->bytes + item->key_length;
}

/* ---- sessions ---- */

static uint64_t session_home(uint64_t client)
{
	return XXH3_64bits(&client, sizeof(client)) & (SESSION_SLOTS - 1);
}

static uint64_t session_slot(const struct store *s, uint64_t client)
{
	uint64_t at = session_home(client);

	while (s->sessions[at].taken && s->sessions[at].client != client)
		at = (at + 1) & (SESSION_SLOTS - 1);
	return at;
}

static int by_use(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Forgets the older half: rare, and the same at every replica, since uses are numbered by the log. */
static int forget_sessions(struct store *s)
{
	struct session *old = s->sessions;
	uint64_t *uses = malloc(s->session_count * sizeof(*uses)), count = 0, limit;

	s->sessions = uses ? calloc(SESSION_SLOTS, sizeof(*s->sessions)) : NULL;
	if (!s->sessions) {
		free(uses);
		s->sessions = old;
		return -ENOMEM;
	}
	for (uint64_t i = 0; i < SESSION_SLOTS; i++) {
		if (old[i].taken)
			uses[count++] = old[i].used;
	}
	qsort(uses, count, sizeof(*uses), by_use);
	limit = uses[count / 2];
	s->session_count = 0;
	for (uint64_t i = 0; i < SESSION_SLOTS; i++) {
		if (!old[i].taken || old[i].used < limit)
			continue;
		s->sessions[session_slot(s, old[i].client)] = old[i];
		s->session_count++;
	}
	free(uses);
	free(old);
	return 0;
}

/* ---- commands ---- */

static int execute(struct store *s, const struct store_command *c, uint8_t *ret)
{
	const uint8_t *value;
	uint32_t length = 0;

	*ret = STORE_DONE;
	switch ((enum store_operation)c->operation) {
	case STORE_PUT:
		return set(s, c);
	case STORE_CAS:
		value = store_get(s, c->key, c->key_length, &length);
		if (value && length == c->expected_length &&
			(length == 0 || memcmp(value, c->expected, length) == 0))
			return set(s, c);
		*ret = value ? STORE_NOT_EQUAL : STORE_NOT_FOUND;
		return 0;
	case STORE_DEL:
		*ret = delete (s, c) ? STORE_DONE : STORE_NOT_FOUND;
		return 0;
	case STORE_ADDRESS:
		memset(s->addresses[c->key[0]], 0, sizeof(s->addresses[0]));
		if (c->value_length > 0)
			memcpy(s->addresses[c->key[0]], c->value, c->value_length);
		return 0;
	}
	return 0;
}

int store_apply(struct store *store, uint64_t client, uint64_t sequence,
	const struct store_command *command, enum store_result *ret)
{
	struct session *session;
	uint8_t result;
	int err;

	if (store->session_count == STORE_SESSIONS_MAX && forget_sessions(store))
		return -ENOMEM;
	session = &store->sessions[session_slot(store, client)];
	if (session->taken && sequence <= session->sequence) {
		*ret = sequence == session->sequence ? (enum store_result)session->result
						     : STORE_FORGOTTEN;
		return 0;
	}
	err = execute(store, command, &result);
	if (err)
		return err;
	if (!session->taken)
		store->session_count++;
	*session = (struct session){client, sequence, ++store->commands, result, true};
	*ret = (enum store_result)result;
	return 0;
}

const char *store_address(const struct store *store, uint32_t node)
{
	return store->addresses[node];
}

uint64_t store_count(const struct store *store)
{
	return store->count;
}

/* ---- snapshots ---- */

static int pass_on(struct bytes *piece, bool last, store_write_fn *write, void *context)
{
	int err = 0;

	if (piece->bad)
		return -ENOMEM;
	if (piece->length >= PIECE_BYTES || last) {
		err = write(context, piece->data, piece->length);
		piece->length = 0;
	}
	return err;
}

int store_save(const struct store *store, store_write_fn *write, void *context)
{
	struct bytes piece = {0};
	int err = 0;

	put_u64(&piece, store->count);
	for (uint64_t i = 0; i < store->slot_count && !err; i++) {
		const struct item *item = store->slots[i];

		if (!item)
			continue;
		put_text(&piece, item->bytes, item->key_length);
		put_text(&piece, item->bytes + item->key_length, item->value_length);
		err = pass_on(&piece, false, write, context);
	}
	put_u64(&piece, store->commands);
	put_u64(&piece, store->session_count);
	for (uint64_t i = 0; i < SESSION_SLOTS && !err; i++) {
		const struct session *session = &store->sessions[i];

		if (!session->taken)
			continue;
		put_u64(&piece, session->client);
		put_u64(&piece, session->sequence);
		put_u64(&piece, session->used);
		put_u8(&piece, session->result);
		err = pass_on(&piece, false, write, context);
	}
	for (uint32_t n = 0; n < STORE_NODES_MAX; n++)
		put_text(&piece, store->addresses[n], strlen(store->addresses[n]));
	if (!err)
		err = pass_on(&piece, true, write, context);
	free(piece.data);
	return err;
}

static int load_sessions(struct store *store, struct reader *r)
{
	uint64_t count;

	store->commands = take_u64(r);
	count = take_u64(r);
	if (count > STORE_SESSIONS_MAX)
		return -EBADMSG;
	for (uint64_t i = 0; i < count && !r->bad; i++) {
		struct session session = {.taken = true};
		struct session *slot;

		session.client = take_u64(r);
		session.sequence = take_u64(r);
		session.used = take_u64(r);
		session.result = take_u8(r);
		slot = &store->sessions[session_slot(store, session.client)];
		if (r->bad || slot->taken || session.result >= STORE_FORGOTTEN)
			return -EBADMSG;
		*slot = session;
		store->session_count++;
	}
	return r->bad ? -EBADMSG : 0;
}

int store_load(struct store *store, struct reader *reader)
{
	uint64_t count = take_u64(reader);
	int err = 0;

	for (uint64_t i = 0; i < count && !err; i++) {
		struct store_command c = {.operation = STORE_PUT};

		c.key = take_text(reader, KEY_BYTES_MAX, &c.key_length);
		c.value = take_text(reader, VALUE_BYTES_MAX, &c.value_length);
		err = reader->bad ? -EBADMSG : set(store, &c);
		if (!err && store->count != i + 1)
			err = -EBADMSG; /* the same key twice */
	}
	if (!err)
		err = load_sessions(store, reader);
	for (uint32_t n = 0; n < STORE_NODES_MAX && !err; n++) {
		uint32_t length;
		const uint8_t *text = take_text(reader, ADDRESS_BYTES_MAX, &length);

		if (reader->bad)
			err = -EBADMSG;
		else if (length > 0)
			memcpy(store->addresses[n], text, length);
	}
	return err;
}
