/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <nicos/rpc.h>

#include <string.h>

#include <hotbed/assert.h>

#define ETHERNET_BYTES 14
#define IP_BYTES 20
#define UDP_BYTES 8
#define UDP_AT (ETHERNET_BYTES + IP_BYTES)
#define RPC_AT (UDP_AT + UDP_BYTES)
#define ETHERNET_IP 0x0800
#define IP_PROTOCOL_UDP 17
#define RPC_VERSION 2
#define RPC_CALL 0
#define RPC_REPLY 1
#define PROGRAM_VERSION 1

_Static_assert(RPC_AT + 40 == NIC_RPC_CALL_HEADER_BYTES, "the header of a call");
_Static_assert(RPC_AT + 24 == NIC_RPC_REPLY_HEADER_BYTES, "the header of a reply");

const char *nic_frame_fault_name(enum nic_frame_fault fault)
{
	static const char *const names[NIC_FRAME_FAULT_COUNT] = {"ok", "short", "oversized",
		"not_ip", "not_mine", "ip_header", "ip_checksum", "fragment", "spoofed", "not_udp",
		"udp_length", "udp_checksum", "rpc_header", "no_service", "arguments"};

	return names[fault];
}

static uint16_t get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get_u32(const uint8_t *p)
{
	uint32_t word;

	memcpy(&word, p, sizeof(word));
	return __builtin_bswap32(word);
}

static void put_u16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void put_u32(uint8_t *p, uint32_t value)
{
	value = __builtin_bswap32(value);
	memcpy(p, &value, sizeof(value));
}

/* Ones' complement sum in the order of bytes of this machine: swapping commutes with it (RFC 1071, 2.B). */
static uint64_t sum(const uint8_t *p, size_t bytes, uint64_t total)
{
	/* Two halves of eight bytes at once: a frame is too short for either sum to overflow. */
	for (; bytes >= 8; p += 8, bytes -= 8) {
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		total += (word & 0xffffffff) + (word >> 32);
	}
	for (; bytes >= 2; p += 2, bytes -= 2) {
		uint16_t half;

		memcpy(&half, p, sizeof(half));
		total += half;
	}
	return bytes ? total + p[0] : total;
}

static uint16_t fold(uint64_t total)
{
	total = (total >> 32) + (total & 0xffffffff);
	total = (total >> 32) + (total & 0xffffffff);
	total = (total >> 16) + (total & 0xffff);
	total = (total >> 16) + (total & 0xffff);
	return (uint16_t)total;
}

/* Of the pseudo header and the datagram with its checksum; 0xffff if all is well. */
static uint16_t udp_sum(const uint8_t *frame)
{
	uint32_t bytes = get_u16(frame + UDP_AT + 4);
	uint8_t tail[4] = {0, IP_PROTOCOL_UDP, (uint8_t)(bytes >> 8), (uint8_t)bytes};

	return fold(sum(frame + UDP_AT, bytes, sum(frame + 26, 8, sum(tail, 4, 0))));
}

static bool is_spoofed(const uint8_t *frame, const struct nic_address *self)
{
	uint32_t from = get_u32(frame + 26);

	/* Multicast and broadcast begin at 224.0.0.0; a group's bit in the Ethernet address. */
	return from == 0 || from >= 0xe0000000u || (frame[6] & 1) ||
	       (from == self->ip && get_u16(frame + UDP_AT) == self->port);
}

static enum nic_frame_fault datagram_check(
	const uint8_t *frame, size_t frame_bytes, const struct nic_address *self)
{
	const uint8_t *ip = frame + ETHERNET_BYTES;
	uint32_t ip_bytes, udp_bytes;

	if (frame_bytes > NIC_FRAME_BYTES)
		return NIC_FRAME_OVERSIZED;
	if (frame_bytes < RPC_AT)
		return NIC_FRAME_SHORT;
	if (get_u16(frame + 12) != ETHERNET_IP)
		return NIC_FRAME_NOT_IP;
	if (memcmp(frame, self->ethernet, 6) != 0)
		return NIC_FRAME_NOT_MINE;
	if (ip[0] != 0x45)
		return NIC_FRAME_IP_HEADER;
	ip_bytes = get_u16(ip + 2);
	if (ip_bytes < IP_BYTES + UDP_BYTES)
		return NIC_FRAME_IP_HEADER;
	if (ip_bytes > frame_bytes - ETHERNET_BYTES)
		return NIC_FRAME_SHORT;
	if (fold(sum(ip, IP_BYTES, 0)) != 0xffff)
		return NIC_FRAME_IP_CHECKSUM;
	if (get_u16(ip + 6) & 0x3fff)
		return NIC_FRAME_FRAGMENT;
	if (ip[9] != IP_PROTOCOL_UDP)
		return NIC_FRAME_NOT_UDP;
	if (get_u32(ip + 16) != self->ip || get_u16(frame + UDP_AT + 2) != self->port)
		return NIC_FRAME_NOT_MINE;
	udp_bytes = get_u16(frame + UDP_AT + 4);
	if (udp_bytes != ip_bytes - IP_BYTES)
		return NIC_FRAME_UDP_LENGTH;
	if (get_u16(frame + UDP_AT + 6) == 0 || udp_sum(frame) != 0xffff)
		return NIC_FRAME_UDP_CHECKSUM;
	return is_spoofed(frame, self) ? NIC_FRAME_SPOOFED : NIC_FRAME_OK;
}

/* Bytes of the datagram behind a header that ends at @header_end, or UINT32_MAX if it is too short for it. */
static uint32_t bytes_behind(const uint8_t *frame, uint32_t header_end)
{
	uint32_t end = UDP_AT + get_u16(frame + UDP_AT + 4);

	return end < header_end ? UINT32_MAX : end - header_end;
}

enum nic_frame_fault nic_rpc_call_decode(
	const uint8_t *body, size_t body_bytes, uint32_t services, struct nic_rpc_call *ret)
{
	const size_t header_bytes = NIC_RPC_CALL_HEADER_BYTES - RPC_AT;

	if (body_bytes < header_bytes)
		return NIC_FRAME_SHORT;
	/* Credentials and verifier: flavour AUTH_NONE and length 0 each. */
	if (get_u32(body + 4) != RPC_CALL || get_u32(body + 8) != RPC_VERSION ||
		get_u32(body + 16) != PROGRAM_VERSION || get_u32(body + 24) || get_u32(body + 28) ||
		get_u32(body + 32) || get_u32(body + 36))
		return NIC_FRAME_RPC_HEADER;
	if (get_u32(body + 12) - NIC_RPC_PROGRAM >= services)
		return NIC_FRAME_NO_SERVICE;
	if ((body_bytes - header_bytes) % 4 || body_bytes - header_bytes > NIC_RPC_ARGS_MAX)
		return NIC_FRAME_ARGUMENTS;
	ret->xid = get_u32(body);
	ret->service = get_u32(body + 12) - NIC_RPC_PROGRAM;
	ret->procedure = get_u32(body + 20);
	ret->args = body + header_bytes;
	ret->args_bytes = (uint32_t)(body_bytes - header_bytes);
	return NIC_FRAME_OK;
}

enum nic_frame_fault nic_rpc_call_parse(const uint8_t *frame, size_t frame_bytes,
	const struct nic_address *self, uint32_t services, struct nic_rpc_call *ret)
{
	enum nic_frame_fault fault = datagram_check(frame, frame_bytes, self);

	if (!fault)
		fault = nic_rpc_call_decode(frame + RPC_AT,
			(size_t)get_u16(frame + UDP_AT + 4) - UDP_BYTES, services, ret);
	if (fault)
		return fault;
	memcpy(ret->from.ethernet, frame + 6, 6);
	ret->from.ip = get_u32(frame + 26);
	ret->from.port = get_u16(frame + UDP_AT);
	return NIC_FRAME_OK;
}

enum nic_frame_fault nic_rpc_reply_parse(const uint8_t *frame, size_t frame_bytes,
	const struct nic_address *self, struct nic_rpc_reply *ret)
{
	enum nic_frame_fault fault = datagram_check(frame, frame_bytes, self);
	const uint8_t *rpc = frame + RPC_AT;
	uint32_t bytes;

	if (fault)
		return fault;
	bytes = bytes_behind(frame, NIC_RPC_REPLY_HEADER_BYTES);
	if (bytes == UINT32_MAX)
		return NIC_FRAME_SHORT;
	/* Accepted, AUTH_NONE, success. */
	if (get_u32(rpc + 4) != RPC_REPLY || get_u32(rpc + 8) || get_u32(rpc + 12) ||
		get_u32(rpc + 16) || get_u32(rpc + 20))
		return NIC_FRAME_RPC_HEADER;
	if (bytes % 4)
		return NIC_FRAME_ARGUMENTS;
	ret->xid = get_u32(rpc);
	ret->results = frame + NIC_RPC_REPLY_HEADER_BYTES;
	ret->results_bytes = bytes;
	return NIC_FRAME_OK;
}

static size_t headers_write(uint8_t *frame, const struct nic_address *from,
	const struct nic_address *to, uint32_t payload_bytes)
{
	uint8_t *ip = frame + ETHERNET_BYTES;
	uint16_t header;

	hb_assert(RPC_AT + payload_bytes <= NIC_FRAME_BYTES && payload_bytes % 4 == 0);
	memcpy(frame, to->ethernet, 6);
	memcpy(frame + 6, from->ethernet, 6);
	put_u16(frame + 12, ETHERNET_IP);
	memset(ip, 0, IP_BYTES);
	ip[0] = 0x45;
	put_u16(ip + 2, IP_BYTES + UDP_BYTES + payload_bytes);
	ip[6] = 0x40; /* do not fragment */
	ip[8] = 64;
	ip[9] = IP_PROTOCOL_UDP;
	put_u32(ip + 12, from->ip);
	put_u32(ip + 16, to->ip);
	header = (uint16_t)~fold(sum(ip, IP_BYTES, 0));
	memcpy(ip + 10, &header, sizeof(header));
	put_u16(frame + UDP_AT, from->port);
	put_u16(frame + UDP_AT + 2, to->port);
	put_u16(frame + UDP_AT + 4, UDP_BYTES + payload_bytes);
	put_u16(frame + UDP_AT + 6, 0);
	return RPC_AT + payload_bytes;
}

size_t nic_rpc_call_write(uint8_t *frame, const struct nic_address *from,
	const struct nic_address *to, uint32_t xid, uint32_t service, uint32_t procedure,
	uint32_t args_bytes)
{
	uint8_t *rpc = frame + RPC_AT;

	memset(rpc, 0, NIC_RPC_CALL_HEADER_BYTES - RPC_AT);
	put_u32(rpc, xid);
	put_u32(rpc + 8, RPC_VERSION);
	put_u32(rpc + 12, NIC_RPC_PROGRAM + service);
	put_u32(rpc + 16, PROGRAM_VERSION);
	put_u32(rpc + 20, procedure);
	return headers_write(frame, from, to, NIC_RPC_CALL_HEADER_BYTES - RPC_AT + args_bytes);
}

void nic_rpc_reply_encode(uint8_t *body, uint32_t xid)
{
	memset(body, 0, NIC_RPC_REPLY_HEADER_BYTES - RPC_AT);
	put_u32(body, xid);
	put_u32(body + 4, RPC_REPLY);
}

size_t nic_rpc_reply_write(uint8_t *frame, const struct nic_address *from,
	const struct nic_address *to, uint32_t xid, uint32_t results_bytes)
{
	nic_rpc_reply_encode(frame + RPC_AT, xid);
	return headers_write(frame, from, to, NIC_RPC_REPLY_HEADER_BYTES - RPC_AT + results_bytes);
}

size_t nic_datagram_wrap(uint8_t *frame, const struct nic_address *from,
	const struct nic_address *to, uint32_t body_bytes)
{
	size_t frame_bytes = headers_write(frame, from, to, body_bytes);

	nic_rpc_seal(frame);
	return frame_bytes;
}

void nic_rpc_seal(uint8_t *frame)
{
	uint16_t checksum = (uint16_t)~udp_sum(frame);

	/* 0 would mean that there is none (RFC 768). */
	if (checksum == 0)
		checksum = 0xffff;
	memcpy(frame + UDP_AT + 6, &checksum, sizeof(checksum));
}
