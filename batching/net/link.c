/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xxhash.h>

#include <hotbed/assert.h>
#include <hotbed/clock.h>

#include "octets.h"

#define MAGIC 0x424e4554 /* "BNET" */
#define READ_BYTES 65536
#define FIRST_CAPACITY 4096

/* Offsets in a frame's header. */
enum {
	AT_MAGIC = 0,
	AT_PAYLOAD_BYTES = 4,
	AT_NUMBER = 8,
	AT_CHECKSUM = 16,
	AT_REPLY_BYTES = 24,
	AT_KIND = 28
};

enum { KIND_MESSAGE, KIND_RECORD };

void burn(int64_t duration_ns)
{
	int64_t end_ns;

	if (duration_ns <= 0)
		return;
	end_ns = hb_clock_now_ns() + duration_ns;
	while (hb_clock_now_ns() < end_ns)
		continue;
}

static int set_flag(int fd, int option, int value)
{
	return setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value)) ? -errno : 0;
}

int link_init(struct link *link, int fd)
{
	int flags = fcntl(fd, F_GETFL), err;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return -errno;
	err = set_flag(fd, TCP_NODELAY, 1);
	if (err)
		return err;
	*link = (struct link){
		.fd = fd, .slot = -1, .mode = BAT_SOCKET_NODELAY, .ask_ns = INT64_MAX};
	return 0;
}

void link_finish(struct link *link)
{
	if (link->fd >= 0)
		(void)close(link->fd);
	free(link->in.bytes);
	free(link->out.bytes);
	*link = (struct link){.fd = -1, .slot = -1, .ask_ns = INT64_MAX};
}

static int reserve(struct buffer *buffer, size_t bytes)
{
	size_t used = buffer->end - buffer->begin, capacity = buffer->capacity;
	uint8_t *grown;

	if (buffer->capacity - buffer->end >= bytes)
		return 0;
	if (used > 0 && buffer->begin > 0)
		memmove(buffer->bytes, buffer->bytes + buffer->begin, used);
	buffer->begin = 0;
	buffer->end = used;
	if (buffer->capacity - used >= bytes)
		return 0;
	capacity = capacity ? capacity : FIRST_CAPACITY;
	while (capacity < used + bytes)
		capacity *= 2;
	grown = realloc(buffer->bytes, capacity);
	if (!grown)
		return -ENOMEM;
	buffer->bytes = grown;
	buffer->capacity = capacity;
	return 0;
}

int link_read(struct link *link)
{
	ssize_t got;
	int err = reserve(&link->in, READ_BYTES);

	if (err)
		return err;
	got = recv(link->fd, link->in.bytes + link->in.end, READ_BYTES, MSG_DONTWAIT);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	link->ended = got == 0;
	link->in.end += (size_t)got;
	return got == READ_BYTES;
}

int link_next(struct link *link, struct frame *ret)
{
	const uint8_t *at = link->in.bytes + link->in.begin;
	size_t have = link->in.end - link->in.begin;
	struct frame frame;

	if (have < FRAME_HEADER_BYTES)
		return 0;
	frame.payload_bytes = octets_get_u32(at + AT_PAYLOAD_BYTES);
	frame.number = octets_get_u64(at + AT_NUMBER);
	frame.reply_bytes = octets_get_u32(at + AT_REPLY_BYTES);
	if (octets_get_u32(at + AT_MAGIC) != MAGIC || frame.payload_bytes > BAT_PAYLOAD_MAX ||
		frame.reply_bytes > BAT_PAYLOAD_MAX || octets_get_u32(at + AT_KIND) > KIND_RECORD)
		return -EBADMSG;
	if (have - FRAME_HEADER_BYTES < frame.payload_bytes)
		return 0;
	frame.is_record = octets_get_u32(at + AT_KIND) == KIND_RECORD;
	frame.payload = at + FRAME_HEADER_BYTES;
	if (XXH3_64bits_withSeed(frame.payload, frame.payload_bytes, frame.number) !=
		octets_get_u64(at + AT_CHECKSUM))
		return -EBADMSG;
	link->in.begin += FRAME_HEADER_BYTES + frame.payload_bytes;
	*ret = frame;
	return 1;
}

bool link_has_room(const struct link *link, uint32_t payload_bytes)
{
	return link->out.end - link->out.begin + FRAME_HEADER_BYTES + payload_bytes <= LINK_OUT_MAX;
}

/* Room for a frame, with its header but for the checksum. Returns 0, -EAGAIN or -ENOMEM. */
static int begin_frame(
	struct link *link, uint64_t number, uint32_t payload_bytes, uint32_t kind, uint8_t **ret)
{
	uint8_t *at;
	int err;

	if (!link_has_room(link, payload_bytes))
		return -EAGAIN;
	err = reserve(&link->out, FRAME_HEADER_BYTES + (size_t)payload_bytes);
	if (err)
		return err;
	at = link->out.bytes + link->out.end;
	octets_put_u32(at + AT_MAGIC, MAGIC);
	octets_put_u32(at + AT_PAYLOAD_BYTES, payload_bytes);
	octets_put_u64(at + AT_NUMBER, number);
	octets_put_u32(at + AT_REPLY_BYTES, 0);
	octets_put_u32(at + AT_KIND, kind);
	*ret = at;
	return 0;
}

static void end_frame(
	struct link *link, uint8_t *at, uint64_t number, uint32_t payload_bytes, int64_t now_ns)
{
	octets_put_u64(at + AT_CHECKSUM,
		XXH3_64bits_withSeed(at + FRAME_HEADER_BYTES, payload_bytes, number));
	link->out.end += FRAME_HEADER_BYTES + (size_t)payload_bytes;
	if (link->held++ == 0)
		link->oldest_ns = now_ns;
	link->held_since_sum_ns = (int64_t)((uint64_t)link->held_since_sum_ns + (uint64_t)now_ns);
}

int link_put(struct link *link, uint64_t number, uint32_t payload_bytes, uint32_t reply_bytes,
	int64_t now_ns)
{
	uint8_t *at;
	int err = begin_frame(link, number, payload_bytes, KIND_MESSAGE, &at);

	if (err)
		return err;
	octets_put_u32(at + AT_REPLY_BYTES, reply_bytes);
	/* Neighbouring messages differ in every byte, so that bytes of one never pass for another's. */
	memset(at + FRAME_HEADER_BYTES, (int)(number * 167 & 0xff), payload_bytes);
	end_frame(link, at, number, payload_bytes, now_ns);
	return 0;
}

int link_put_record(struct link *link, const uint8_t *record, int64_t now_ns)
{
	uint8_t *at;
	int err = begin_frame(link, 0, BAT_RECORD_BYTES, KIND_RECORD, &at);

	if (err)
		return err;
	memcpy(at + FRAME_HEADER_BYTES, record, BAT_RECORD_BYTES);
	end_frame(link, at, 0, BAT_RECORD_BYTES, now_ns);
	return 0;
}

bool link_is_blocked(const struct link *link)
{
	return link->released > 0;
}

int link_write(struct link *link)
{
	while (link->released > 0) {
		ssize_t put = send(link->fd, link->out.bytes + link->out.begin, link->released,
			MSG_DONTWAIT | MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return errno == EAGAIN ? 0 : -errno;
		link->out.begin += (size_t)put;
		link->released -= (size_t)put;
		if (link->mode != BAT_SOCKET_NODELAY && !link->in_kernel) {
			link->in_kernel = true;
			link->kernel_ns = hb_clock_now_ns();
			link->ask_ns = link->kernel_ns; /* the bound is the policy's to say */
		}
	}
	return 0;
}

static int set_mode(struct link *link, enum bat_socket_mode mode)
{
	int err = 0;

	if (link->mode == mode)
		return 0;
	if (link->mode == BAT_SOCKET_CORK)
		err = set_flag(link->fd, TCP_CORK, 0);
	if (!err)
		err = set_flag(link->fd, TCP_NODELAY, mode != BAT_SOCKET_NAGLE);
	if (!err && mode == BAT_SOCKET_CORK)
		err = set_flag(link->fd, TCP_CORK, 1);
	link->mode = mode;
	return err;
}

/* Setting TCP_NODELAY and clearing TCP_CORK both send what is held; then the mode is as it was. */
static int push(struct link *link)
{
	int unsent = 1, err;

	link->in_kernel = false;
	if (link->mode == BAT_SOCKET_NODELAY)
		return 0; /* set_mode() did */
	if (ioctl(link->fd, SIOCOUTQNSD, &unsent) == 0 && unsent == 0)
		return 0;
	if (link->mode == BAT_SOCKET_CORK) {
		err = set_flag(link->fd, TCP_CORK, 0);
		return err ? err : set_flag(link->fd, TCP_CORK, 1);
	}
	err = set_flag(link->fd, TCP_NODELAY, 1);
	return err ? err : set_flag(link->fd, TCP_NODELAY, 0);
}

static int release(
	struct link *link, const struct bat_view *view, int64_t beta_ns, struct link_turn *ret)
{
	burn(beta_ns);
	ret->sent = link->held;
	ret->held_ns = (int64_t)((uint64_t)hb_clock_now_ns() * link->held -
				 (uint64_t)link->held_since_sum_ns);
	link->released = link->out.end - link->out.begin;
	if (link->mode != BAT_SOCKET_NODELAY) {
		if (!link->in_kernel || link->kernel_ns > view->oldest_ns)
			link->kernel_ns = view->oldest_ns;
		link->in_kernel = true;
	}
	link->held = 0;
	link->held_since_sum_ns = 0;
	return link_write(link);
}

int link_turn(struct link *link, const struct bat_policy *policy, bool drained, int64_t beta_ns,
	struct link_turn *ret)
{
	struct bat_view view = {.now_ns = hb_clock_now_ns(),
		.held = link->held,
		.oldest_ns = link->oldest_ns,
		.in_kernel = link->in_kernel,
		.kernel_ns = link->kernel_ns,
		.drained = drained};
	struct bat_decision decision = bat_policy_decide(policy, &view);
	int err = set_mode(link, decision.mode);

	*ret = (struct link_turn){0};
	link->ask_ns = decision.ask_ns;
	if (!err && decision.send)
		err = release(link, &view, beta_ns, ret);
	if (!err && decision.push)
		err = push(link);
	return err;
}
