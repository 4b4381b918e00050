/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire.h"

#include <errno.h>

#include <hotbed/assert.h>
#include <xxhash.h>

#include "store.h"

#define FRAME_MAGIC UINT32_C(0x31464350) /* "PCF1" */
#define PAYLOAD_BYTES_MAX (KEY_BYTES_MAX + 2 * VALUE_BYTES_MAX + 64)

/* ---- payloads ---- */

/* The rule of a change, and the way back from the address that the core keeps. */
struct kept_change {
	struct pc_configuration configuration;
	struct payload *payload;
};

struct payload *payload_create(const uint8_t *data, uint32_t length)
{
	struct payload *payload = malloc(sizeof(*payload) + length);

	if (!payload)
		return NULL;
	*payload = (struct payload){.references = 1, .length = length};
	if (length > 0)
		memcpy(payload->bytes, data, length);
	return payload;
}

struct payload *payload_create_change(const struct pc_configuration *configuration)
{
	struct kept_change *kept = malloc(sizeof(*kept));
	struct bytes bytes = {0};
	struct payload *payload;

	encode_configuration(&bytes, configuration);
	payload = bytes.bad || !kept ? NULL : payload_create(bytes.data, (uint32_t)bytes.length);
	free(bytes.data);
	if (!payload) {
		free(kept);
		return NULL;
	}
	*kept = (struct kept_change){*configuration, payload};
	payload->change = &kept->configuration;
	return payload;
}

void payload_release(struct payload *payload)
{
	if (!payload || --payload->references > 0)
		return;
	free(payload->change); /* the first member of its kept_change */
	free(payload);
}

struct payload *entry_payload(const struct pc_entry *entry)
{
	if (entry->kind == PC_ENTRY_COMMAND)
		return (struct payload *)(uintptr_t)entry->command;
	if (entry->kind == PC_ENTRY_CHANGE)
		return ((const struct kept_change *)(const void *)entry->change)->payload;
	return NULL;
}

/* ---- frames ---- */

static void put_sum(const uint8_t *frame, size_t body, uint8_t *ret)
{
	uint8_t kind = frame[8];
	XXH128_hash_t sum = XXH3_128bits_withSeed(frame + FRAME_HEADER_BYTES, body, kind);

	store_u64(ret, sum.low64, 8);
	store_u64(ret + 8, sum.high64, 8);
}

size_t frame_begin(struct bytes *out, enum frame_kind kind)
{
	size_t start = out->length;
	uint8_t *header = bytes_room(out, FRAME_HEADER_BYTES);

	if (header) {
		memset(header, 0, FRAME_HEADER_BYTES);
		store_u64(header, FRAME_MAGIC, 4);
		store_u64(header + 8, kind, 4);
	}
	return start;
}

void frame_end(struct bytes *out, size_t start)
{
	size_t body = out->length - start - FRAME_HEADER_BYTES;

	if (out->bad)
		return;
	store_u64(out->data + start + 4, body, 4);
	put_sum(out->data + start, body, out->data + start + 12);
}

int64_t frame_next(const uint8_t *data, size_t length, uint32_t *ret_kind, struct reader *ret_body)
{
	uint8_t sum[16];
	uint64_t body, kind;

	if (length >= 4 && load_u64(data, 4) != FRAME_MAGIC)
		return -EBADMSG;
	if (length < FRAME_HEADER_BYTES)
		return 0;
	body = load_u64(data + 4, 4);
	kind = load_u64(data + 8, 4);
	if (body > FRAME_BODY_MAX || kind == 0 || kind >= FRAME_KINDS)
		return -EBADMSG;
	if (length - FRAME_HEADER_BYTES < body)
		return 0;
	put_sum(data, body, sum);
	if (memcmp(sum, data + 12, sizeof(sum)) != 0)
		return -EBADMSG;
	*ret_kind = (uint32_t)kind;
	*ret_body =
		(struct reader){data + FRAME_HEADER_BYTES, data + FRAME_HEADER_BYTES + body, false};
	return (int64_t)(FRAME_HEADER_BYTES + body);
}

/* ---- rules ---- */

static void encode_rule(struct bytes *out, const struct pc_rule *rule)
{
	put_u64(out, rule->voters);
	put_u32(out, rule->need_per);
	put_u32(out, rule->need_vc);
	for (uint64_t left = rule->voters; left; left &= left - 1) {
		int node = __builtin_ctzll(left);

		put_u32(out, rule->votes[node]);
		put_u32(out, rule->lives[node]);
	}
}

static void decode_rule(struct reader *r, struct pc_rule *ret)
{
	*ret = (struct pc_rule){.voters = take_u64(r)};
	ret->need_per = take_u32(r);
	ret->need_vc = take_u32(r);
	for (uint64_t left = ret->voters; left; left &= left - 1) {
		int node = __builtin_ctzll(left);

		ret->votes[node] = take_u32(r);
		ret->lives[node] = take_u32(r);
		if (ret->votes[node] > PC_VOTES_MAX)
			r->bad = true;
		ret->total += ret->votes[node];
	}
	if (ret->need_per > ret->total || ret->need_vc > ret->total)
		r->bad = true;
	/* A rule without voters is that of a wiped node: nobody can be elected under it. */
	if (ret->voters && (ret->need_per == 0 || ret->need_vc == 0))
		r->bad = true;
}

void encode_configuration(struct bytes *out, const struct pc_configuration *configuration)
{
	encode_rule(out, &configuration->now);
	encode_rule(out, &configuration->before);
	put_u64(out, configuration->learners);
	put_u8(out, configuration->joint);
}

bool decode_configuration(struct reader *r, struct pc_configuration *ret)
{
	uint8_t joint;

	decode_rule(r, &ret->now);
	decode_rule(r, &ret->before);
	ret->learners = take_u64(r);
	joint = take_u8(r);
	ret->joint = joint == 1;
	return !r->bad && joint <= 1;
}

/* ---- entries ---- */

void encode_entry(struct bytes *out, const struct pc_entry *entry)
{
	const struct payload *payload = entry_payload(entry);

	put_u64(out, entry->term);
	put_u8(out, entry->kind);
	put_u64(out, entry->client);
	put_u64(out, entry->sequence);
	put_text(out, payload ? payload->bytes : NULL, payload ? payload->length : 0);
}

static struct payload *decode_change(const uint8_t *data, uint32_t length)
{
	struct reader r = {data, data + length, false};
	struct pc_configuration configuration;

	if (!decode_configuration(&r, &configuration) || r.at != r.end)
		return NULL;
	return payload_create_change(&configuration);
}

bool decode_entry(struct reader *r, struct pc_entry *ret)
{
	struct pc_entry e = {.term = take_u64(r), .kind = take_u8(r)};
	struct store_command command;
	struct payload *payload;
	const uint8_t *data;
	uint32_t length;

	e.client = take_u64(r);
	e.sequence = take_u64(r);
	data = take_text(r, PAYLOAD_BYTES_MAX, &length);
	if (r->bad || e.kind > PC_ENTRY_LEAVE)
		return false;
	if (e.kind == PC_ENTRY_COMMAND) {
		payload = store_command_decode(data, length, &command)
				  ? payload_create(data, length)
				  : NULL;
		e.command = (uint64_t)(uintptr_t)payload;
	} else if (e.kind == PC_ENTRY_CHANGE) {
		payload = decode_change(data, length);
		e.change = payload ? payload->change : NULL;
	} else {
		*ret = e;
		return length == 0;
	}
	if (payload)
		*ret = e;
	return payload != NULL;
}

/* ---- messages ---- */

void encode_message(struct bytes *out, const struct pc_message *m)
{
	put_u8(out, m->kind);
	put_u8(out, (uint8_t)(m->refused | m->forced << 1));
	put_u8(out, m->entry_count);
	put_u32(out, m->from);
	put_u32(out, m->to);
	put_u32(out, m->life);
	put_u64(out, m->term);
	put_u64(out, m->index);
	put_u64(out, m->log_term);
	put_u64(out, m->commit);
	put_u64(out, m->round);
	put_u64(out, m->hint);
	for (uint32_t i = 0; i < m->entry_count; i++)
		encode_entry(out, &m->entries[i]);
}

bool decode_message(struct reader *r, struct pc_message *ret, struct pc_entry *entries)
{
	struct pc_message m = {.kind = take_u8(r)};
	uint8_t flags = take_u8(r);
	uint8_t count = take_u8(r);

	m.from = take_u32(r);
	m.to = take_u32(r);
	m.life = take_u32(r);
	m.term = take_u64(r);
	m.index = take_u64(r);
	m.log_term = take_u64(r);
	m.commit = take_u64(r);
	m.round = take_u64(r);
	m.hint = take_u64(r);
	m.refused = flags & 1;
	m.forced = flags >> 1 & 1;
	m.entries = entries;
	*ret = m;
	if (r->bad || m.kind >= PC_MESSAGE_KINDS || flags > 3 || m.from >= PC_REPLICAS_MAX ||
		m.to >= PC_REPLICAS_MAX || count > PC_ENTRIES_PER_MESSAGE ||
		(count > 0 && m.kind != PC_ENTRIES))
		return false;
	for (; ret->entry_count < count; ret->entry_count++) {
		if (!decode_entry(r, &entries[ret->entry_count]))
			return false;
	}
	return r->at == r->end;
}

void encode_request(struct bytes *out, const struct wire_request *request)
{
	size_t start = frame_begin(out, FRAME_REQUEST);

	put_u64(out, request->id);
	put_u64(out, request->client);
	put_u64(out, request->sequence);
	put_u8(out, request->kind);
	put_text(out, request->data, request->length);
	frame_end(out, start);
}

bool decode_request(struct reader *r, struct wire_request *ret)
{
	ret->id = take_u64(r);
	ret->client = take_u64(r);
	ret->sequence = take_u64(r);
	ret->kind = take_u8(r);
	ret->data = take_text(r, PAYLOAD_BYTES_MAX, &ret->length);
	return !r->bad && r->at == r->end && ret->kind > 0 && ret->kind < REQUEST_KINDS;
}

void encode_reply(struct bytes *out, const struct wire_reply *reply)
{
	size_t start = frame_begin(out, FRAME_REPLY);

	put_u64(out, reply->id);
	put_u8(out, reply->status);
	put_text(out, reply->data, reply->length);
	frame_end(out, start);
}

bool decode_reply(struct reader *r, struct wire_reply *ret)
{
	ret->id = take_u64(r);
	ret->status = take_u8(r);
	ret->data = take_text(r, (uint32_t)FRAME_BODY_MAX, &ret->length);
	return !r->bad && r->at == r->end && ret->status < REPLY_STATUSES;
}
