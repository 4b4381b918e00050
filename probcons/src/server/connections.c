/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sockets: frames in, frames out, and nothing that a stranger sends can take more than a bounded amount of memory. */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#define READ_BYTES 65536
#define RECONNECT_TICKS 5
#define BACKLOG 256

/* ---- outgoing bytes ---- */

static void on_written(uv_write_t *write, int status)
{
	struct outgoing *out = write->data;

	(void)status;
	out->busy = false;
	out->writing.length = 0;
}

static void flush(struct server *s, struct outgoing *out, uv_tcp_t *tcp)
{
	struct bytes gathered = out->gathered;
	uv_buf_t buffer;

	if (out->busy || gathered.length == 0 || gathered.bad)
		return;
	out->gathered = out->writing;
	out->gathered.length = 0;
	out->writing = gathered;
	buffer = uv_buf_init((char *)gathered.data, (unsigned)gathered.length);
	s->counters.bytes_out += gathered.length;
	out->write.data = out;
	out->busy = uv_write(&out->write, (uv_stream_t *)tcp, &buffer, 1, on_written) == 0;
}

static void free_outgoing(struct outgoing *out)
{
	free(out->gathered.data);
	free(out->writing.data);
	*out = (struct outgoing){0};
}

/* ---- connections that came ---- */

static void on_connection_closed(uv_handle_t *handle)
{
	struct connection *c = handle->data;

	c->server->connections[c->number % CONNECTIONS_MAX] = NULL;
	c->server->connection_count--;
	if (c->chunk_fd >= 0)
		(void)close(c->chunk_fd);
	free(c->in.data);
	free_outgoing(&c->out);
	free(c);
}

static void close_connection(struct connection *c)
{
	if (c->closing)
		return;
	c->closing = true;
	uv_close((uv_handle_t *)&c->tcp, on_connection_closed);
}

void connection_hostile(struct connection *c)
{
	c->server->counters.hostile++;
	close_connection(c);
}

struct connection *connection_find(struct server *s, uint64_t number)
{
	struct connection *c = s->connections[number % CONNECTIONS_MAX];

	return c && c->number == number && !c->closing ? c : NULL;
}

void connection_reply(struct connection *c, const struct wire_reply *reply)
{
	encode_reply(&c->out.gathered, reply);
	/* Who asks and does not read the answers has gone away. */
	if (c->out.gathered.bad || c->out.gathered.length > OUT_BYTES_MAX)
		close_connection(c);
}

static bool handle_hello(struct connection *c, struct reader *r)
{
	struct server *s = c->server;
	uint32_t from = take_u32(r), to = take_u32(r), length;
	const uint8_t *client = take_text(r, PC_ADDRESS_BYTES - 1, &length);

	if (r->bad || r->at != r->end || c->peer != PC_NOBODY || from >= PC_REPLICAS_MAX ||
		from == s->options->id || to != s->options->id || memchr(client, '\0', length))
		return false;
	c->peer = from;
	memset(s->peers[from].client, 0, PC_ADDRESS_BYTES);
	if (length > 0)
		memcpy(s->peers[from].client, client, length);
	return true;
}

static void incoming_name(uint32_t node, char *ret, size_t size)
{
	(void)snprintf(ret, size, "incoming.%" PRIu32, node);
}

static bool handle_chunk(struct connection *c, struct reader *r)
{
	struct server *s = c->server;
	uint64_t index = take_u64(r), offset = take_u64(r);
	uint32_t length;
	const uint8_t *data = take_text(r, CHUNK_BYTES, &length);
	char name[32];

	if (r->bad || r->at != r->end)
		return false;
	incoming_name(c->peer, name, sizeof(name));
	if (offset == 0) {
		if (c->chunk_fd >= 0)
			(void)close(c->chunk_fd);
		c->chunk_fd = openat(
			s->log.folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		c->chunk_index = index;
		c->chunk_offset = 0;
	}
	if (c->chunk_fd < 0 || index != c->chunk_index || offset != c->chunk_offset)
		return true;
	/* A file that is not whole fails its sum; the leader sends it again. */
	if (pwrite(c->chunk_fd, data, length, (off_t)offset) != (ssize_t)length) {
		(void)close(c->chunk_fd);
		c->chunk_fd = -1;
		return true;
	}
	c->chunk_offset += length;
	return true;
}

static void handle_snapshot(struct connection *c, struct pc_message *m)
{
	struct server *s = c->server;
	struct recovered incoming = {0};

	incoming_name(c->peer, s->incoming_name, sizeof(s->incoming_name));
	if (c->chunk_fd < 0 || c->chunk_index != m->index || s->full)
		return;
	if (fsync(c->chunk_fd) == 0 && snapshot_load(s->log.folder_fd, s->options->folder,
					       s->incoming_name, &incoming, NULL) == 0) {
		if (incoming.snapshot.index == m->index && incoming.snapshot.term == m->log_term) {
			m->snapshot = &incoming.snapshot;
			s->incoming = &incoming;
			server_receive(s, m);
			s->incoming = NULL;
		}
		recovered_finish(&incoming);
	}
	(void)close(c->chunk_fd);
	c->chunk_fd = -1;
	(void)unlinkat(s->log.folder_fd, s->incoming_name, 0);
}

static bool handle_message(struct connection *c, struct reader *r)
{
	struct server *s = c->server;
	struct pc_entry entries[PC_ENTRIES_PER_MESSAGE];
	struct pc_message m;
	bool good = decode_message(r, &m, entries) && m.from == c->peer && m.to == s->options->id;

	s->counters.messages_in++;
	if (good && m.kind == PC_SNAPSHOT)
		handle_snapshot(c, &m);
	else if (good && !(s->full && m.entry_count > 0))
		server_receive(s, &m);
	for (uint32_t i = 0; i < m.entry_count; i++)
		payload_release(entry_payload(&entries[i]));
	return good;
}

static bool handle_frame(struct connection *c, uint32_t kind, struct reader *body)
{
	struct wire_request request;

	if (c->for_peers) {
		if (kind == FRAME_HELLO)
			return handle_hello(c, body);
		if (c->peer == PC_NOBODY)
			return false;
		if (kind == FRAME_CHUNK)
			return handle_chunk(c, body);
		return kind == FRAME_MESSAGE && handle_message(c, body);
	}
	return kind == FRAME_REQUEST && decode_request(body, &request) &&
	       request_handle(c, &request);
}

static void consume(struct connection *c)
{
	size_t used = 0;

	while (!c->closing && !c->server->stopping) {
		struct reader body;
		uint32_t kind;
		int64_t size = frame_next(c->in.data + used, c->in.length - used, &kind, &body);

		if (size < 0 || (size > 0 && !handle_frame(c, kind, &body))) {
			connection_hostile(c);
			return;
		}
		if (size == 0)
			break;
		used += (size_t)size;
	}
	if (used > 0)
		memmove(c->in.data, c->in.data + used, c->in.length - used);
	c->in.length -= used;
	/* A burst's room is given back. */
	if (c->in.length == 0 && c->in.capacity > 4 * READ_BYTES) {
		free(c->in.data);
		c->in = (struct bytes){0};
	}
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct connection *c = handle->data;
	uint8_t *room = bytes_room(&c->in, READ_BYTES);

	(void)suggested;
	if (room)
		c->in.length -= READ_BYTES;
	*buffer = uv_buf_init((char *)room, room ? READ_BYTES : 0);
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
	struct connection *c = stream->data;

	(void)buffer;
	if (length < 0) {
		close_connection(c);
		return;
	}
	c->server->counters.bytes_in += (uint64_t)length;
	c->in.length += (size_t)length;
	consume(c);
	if (!c->closing && c->in_flight >= IN_FLIGHT_MAX) {
		c->paused = true;
		(void)uv_read_stop(stream);
	}
}

static void on_refused_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct server *s = listener->data;
	struct connection *c = status < 0 ? NULL : calloc(1, sizeof(*c));
	uint64_t number;

	if (!c)
		return;
	for (number = 0; number < CONNECTIONS_MAX && s->connections[number]; number++)
		;
	c->server = s;
	c->number = ++s->generation * CONNECTIONS_MAX + number % CONNECTIONS_MAX;
	c->peer = PC_NOBODY;
	c->chunk_fd = -1;
	c->for_peers = listener == (uv_stream_t *)&s->peer_listener;
	(void)uv_tcp_init(&s->loop, &c->tcp);
	c->tcp.data = c;
	if (number == CONNECTIONS_MAX) {
		/* Taken and closed at once: the next one may find room. */
		s->counters.refused_connections++;
		(void)uv_accept(listener, (uv_stream_t *)&c->tcp);
		c->closing = true;
		uv_close((uv_handle_t *)&c->tcp, on_refused_closed);
		return;
	}
	s->connections[number] = c;
	s->connection_count++;
	if (uv_accept(listener, (uv_stream_t *)&c->tcp)) {
		close_connection(c);
		return;
	}
	(void)uv_tcp_nodelay(&c->tcp, 1);
	(void)uv_read_start((uv_stream_t *)&c->tcp, on_room, on_read);
}

/* ---- connections to peers ---- */

const char *peer_address(const struct server *s, uint32_t node)
{
	const char *known = store_address(s->store, node);

	return known[0] ? known : s->options->peers[node];
}

static int parse_address(const char *text, struct sockaddr_in *ret)
{
	const char *colon = strrchr(text, ':');
	char host[PC_ADDRESS_BYTES];
	unsigned long port;
	char *end;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	(void)snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	port = strtoul(colon + 1, &end, 10);
	if (*end || end == colon + 1 || port > 65535)
		return -EINVAL;
	return uv_ip4_addr(host, (int)port, ret) ? -EINVAL : 0;
}

static void end_snapshot(struct peer *peer)
{
	if (peer->snapshot_fd >= 0)
		(void)close(peer->snapshot_fd);
	peer->snapshot_fd = -1;
	free(peer->snapshot_message.data);
	peer->snapshot_message = (struct bytes){0};
}

static void on_peer_closed(uv_handle_t *handle)
{
	struct peer *peer = handle->data;

	peer->open = peer->connected = peer->closing = false;
	free_outgoing(&peer->out);
	end_snapshot(peer);
	peer->wait_ticks = RECONNECT_TICKS;
}

static void close_peer(struct peer *peer)
{
	if (!peer->open || peer->closing)
		return;
	peer->closing = true;
	peer->connected = false;
	uv_close((uv_handle_t *)&peer->tcp, on_peer_closed);
}

/* Peers answer over connections of their own: whatever comes here means that this one has ended. */
static void on_peer_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	static char nothing[64];

	(void)handle;
	(void)suggested;
	*buffer = uv_buf_init(nothing, sizeof(nothing));
}

static void on_peer_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
	(void)buffer;
	if (length != 0)
		close_peer(stream->data);
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct peer *peer = connect->data;
	struct server *s = peer->server;
	size_t start;

	if (status < 0) {
		close_peer(peer);
		return;
	}
	if (peer->closing)
		return;
	peer->connected = true;
	(void)uv_tcp_nodelay(&peer->tcp, 1);
	(void)uv_read_start((uv_stream_t *)&peer->tcp, on_peer_room, on_peer_read);
	start = frame_begin(&peer->out.gathered, FRAME_HELLO);
	put_u32(&peer->out.gathered, s->options->id);
	put_u32(&peer->out.gathered, (uint32_t)(peer - s->peers));
	put_text(&peer->out.gathered, s->options->client, strlen(s->options->client));
	frame_end(&peer->out.gathered, start);
}

static void open_peer(struct server *s, uint32_t node)
{
	struct peer *peer = &s->peers[node];
	struct sockaddr_in address;

	if (parse_address(peer_address(s, node), &address))
		return;
	(void)uv_tcp_init(&s->loop, &peer->tcp);
	peer->server = s;
	peer->tcp.data = peer;
	peer->connect.data = peer;
	peer->open = true;
	peer->snapshot_fd = -1;
	if (uv_tcp_connect(
		    &peer->connect, &peer->tcp, (const struct sockaddr *)&address, on_connected))
		close_peer(peer);
}

static void begin_snapshot(struct server *s, const struct pc_message *m)
{
	struct peer *peer = &s->peers[m->to];
	char name[64];
	size_t start;

	if (peer->snapshot_fd >= 0 || s->log.snapshot_index != m->index)
		return;
	(void)snprintf(name, sizeof(name), "snapshot.%" PRIu64, m->index);
	peer->snapshot_fd = openat(s->log.folder_fd, name, O_RDONLY | O_CLOEXEC);
	if (peer->snapshot_fd < 0)
		return;
	peer->snapshot_index = m->index;
	peer->snapshot_offset = 0;
	start = frame_begin(&peer->snapshot_message, FRAME_MESSAGE);
	encode_message(&peer->snapshot_message, m);
	frame_end(&peer->snapshot_message, start);
}

static void send_chunks(struct server *s, struct peer *peer)
{
	struct bytes *out = &peer->out.gathered;
	static uint8_t chunk[CHUNK_BYTES];

	while (peer->snapshot_fd >= 0 && out->length < OUT_ROOM_FOR_CHUNKS) {
		ssize_t got = pread(
			peer->snapshot_fd, chunk, sizeof(chunk), (off_t)peer->snapshot_offset);
		size_t start;

		if (got <= 0) {
			if (got == 0 && !peer->snapshot_message.bad) {
				bytes_put(out, peer->snapshot_message.data,
					peer->snapshot_message.length);
				s->counters.snapshots_sent++;
			}
			end_snapshot(peer);
			return;
		}
		start = frame_begin(out, FRAME_CHUNK);
		put_u64(out, peer->snapshot_index);
		put_u64(out, peer->snapshot_offset);
		put_text(out, chunk, (size_t)got);
		frame_end(out, start);
		peer->snapshot_offset += (uint64_t)got;
	}
}

void peer_send(struct server *s, const struct pc_message *message)
{
	struct peer *peer = &s->peers[message->to];
	size_t start;

	if (!peer->connected)
		return;
	if (message->kind == PC_SNAPSHOT) {
		begin_snapshot(s, message);
		return;
	}
	if (peer->out.gathered.length > OUT_BYTES_MAX) {
		s->counters.dropped++;
		return;
	}
	s->counters.messages_out++;
	start = frame_begin(&peer->out.gathered, FRAME_MESSAGE);
	encode_message(&peer->out.gathered, message);
	frame_end(&peer->out.gathered, start);
	if (peer->out.gathered.bad)
		close_peer(peer);
}

/* ---- all of them ---- */

void connections_flush(struct server *s)
{
	for (uint32_t i = 0; i < CONNECTIONS_MAX && s->connection_count > 0; i++) {
		struct connection *c = s->connections[i];

		if (!c || c->closing)
			continue;
		flush(s, &c->out, &c->tcp);
		if (c->paused && c->in_flight < IN_FLIGHT_MAX / 2) {
			c->paused = false;
			(void)uv_read_start((uv_stream_t *)&c->tcp, on_room, on_read);
		}
	}
	for (uint32_t i = 0; i < PC_REPLICAS_MAX; i++) {
		struct peer *peer = &s->peers[i];

		if (!peer->connected)
			continue;
		if (peer->snapshot_fd >= 0)
			send_chunks(s, peer);
		flush(s, &peer->out, &peer->tcp);
	}
}

void connections_tick(struct server *s)
{
	for (uint32_t i = 0; i < PC_REPLICAS_MAX; i++) {
		struct peer *peer = &s->peers[i];

		if (i == s->options->id || peer->open || peer_address(s, i)[0] == '\0')
			continue;
		if (peer->wait_ticks > 0)
			peer->wait_ticks--;
		else
			open_peer(s, i);
	}
}

void connections_close_all(struct server *s)
{
	for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
		if (s->connections[i])
			close_connection(s->connections[i]);
	}
	for (uint32_t i = 0; i < PC_REPLICAS_MAX; i++)
		close_peer(&s->peers[i]);
	if (s->peer_listener.data)
		uv_close((uv_handle_t *)&s->peer_listener, NULL);
	if (s->client_listener.data)
		uv_close((uv_handle_t *)&s->client_listener, NULL);
}

static int listen_at(
	struct server *s, uv_tcp_t *listener, const char *text, struct hb_error *reterr)
{
	struct sockaddr_in address;
	int err;

	if (parse_address(text, &address))
		return hb_error_set(
			reterr, -EINVAL, "'%.100s' is no address such as 127.0.0.1:7001", text);
	(void)uv_tcp_init(&s->loop, listener);
	listener->data = s;
	err = uv_tcp_bind(listener, (const struct sockaddr *)&address, 0);
	if (!err)
		err = uv_listen((uv_stream_t *)listener, BACKLOG, on_connection);
	if (err)
		return hb_error_set_at(reterr, -EADDRINUSE, text, 0,
			"nobody can listen there: %s; give another address", uv_strerror(err));
	return 0;
}

int connections_listen(struct server *s, struct hb_error *reterr)
{
	int err;

	for (uint32_t i = 0; i < PC_REPLICAS_MAX; i++)
		s->peers[i].snapshot_fd = -1;
	err = listen_at(s, &s->peer_listener, s->options->peers[s->options->id], reterr);
	return err ? err : listen_at(s, &s->client_listener, s->options->client, reterr);
}
