/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What travels on the wire: a call or a reply of ONC RPC in one UDP datagram over IPv4 over Ethernet. The card
 * decodes calls; everything in a frame is checked before it is used, checksums included.
 *
 * A service is a program number, NIC_RPC_PROGRAM + service; credentials are AUTH_NONE. Thread-safe: nothing is
 * kept. Sources: RFC 791, 768, 1071, 5531.
 */
#ifndef NICOS_RPC_H
#define NICOS_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NIC_FRAME_BYTES 1514 /* largest frame, without its checksum */
#define NIC_RPC_BODY_AT 42   /* of the datagram, behind Ethernet, IP and UDP */
#define NIC_RPC_CALL_HEADER_BYTES 82
#define NIC_RPC_REPLY_HEADER_BYTES 66
#define NIC_RPC_ARGS_MAX (NIC_FRAME_BYTES - NIC_RPC_CALL_HEADER_BYTES) /* also of results */
#define NIC_RPC_PROGRAM 0x20000000u /* the range that users define: RFC 5531, 13 */

/* Where a frame comes from or goes to. Numbers in the host's order. */
struct nic_address {
	uint8_t ethernet[6];
	uint16_t port;
	uint32_t ip;
};

/* Why a frame is none of ours. */
enum nic_frame_fault {
	NIC_FRAME_OK,
	NIC_FRAME_SHORT,       /* shorter than its headers say */
	NIC_FRAME_OVERSIZED,   /* longer than NIC_FRAME_BYTES */
	NIC_FRAME_NOT_IP,      /* another Ethernet type */
	NIC_FRAME_NOT_MINE,    /* for another address or port */
	NIC_FRAME_IP_HEADER,   /* version, length or options */
	NIC_FRAME_IP_CHECKSUM, /* of the header */
	NIC_FRAME_FRAGMENT,
	NIC_FRAME_SPOOFED, /* from our own, a group's or no address */
	NIC_FRAME_NOT_UDP,
	NIC_FRAME_UDP_LENGTH,   /* contradicts that of IP */
	NIC_FRAME_UDP_CHECKSUM, /* wrong, or missing */
	NIC_FRAME_RPC_HEADER,   /* no call of version 2 without credentials; or no accepted reply */
	NIC_FRAME_NO_SERVICE,   /* a program that nobody registered */
	NIC_FRAME_ARGUMENTS,    /* length not a multiple of 4 */
	NIC_FRAME_FAULT_COUNT,
};

struct nic_rpc_call {
	struct nic_address from;
	uint32_t xid, service, procedure;
	const uint8_t *args; /* within the frame */
	uint32_t args_bytes;
};

struct nic_rpc_reply {
	uint32_t xid;
	const uint8_t *results; /* within the frame */
	uint32_t results_bytes;
};

const char *nic_frame_fault_name(enum nic_frame_fault fault);

/*
 * nic_rpc_call_parse - decode a call that came to @self.
 * @services: program numbers from NIC_RPC_PROGRAM on that are registered. @ret: untouched unless NIC_FRAME_OK.
 */
enum nic_frame_fault nic_rpc_call_parse(const uint8_t *frame, size_t frame_bytes,
	const struct nic_address *self, uint32_t services, struct nic_rpc_call *ret);

/* nic_rpc_reply_parse - the same for a reply, at the client. */
enum nic_frame_fault nic_rpc_reply_parse(const uint8_t *frame, size_t frame_bytes,
	const struct nic_address *self, struct nic_rpc_reply *ret);

/*
 * nic_rpc_call_write - the frame of a call with room for its arguments, without the checksum of UDP.
 * @frame: NIC_FRAME_BYTES bytes. @args_bytes: at most NIC_RPC_ARGS_MAX, a multiple of 4 (asserted); the caller
 * writes them to
 *   frame + NIC_RPC_CALL_HEADER_BYTES, then calls nic_rpc_seal().
 *
 * Returns the frame's length in bytes.
 */
size_t nic_rpc_call_write(uint8_t *frame, const struct nic_address *from,
	const struct nic_address *to, uint32_t xid, uint32_t service, uint32_t procedure,
	uint32_t args_bytes);

/* nic_rpc_reply_write - the same for an accepted reply, with results behind NIC_RPC_REPLY_HEADER_BYTES. */
size_t nic_rpc_reply_write(uint8_t *frame, const struct nic_address *from,
	const struct nic_address *to, uint32_t xid, uint32_t results_bytes);

/*
 * nic_rpc_call_decode - the call in the body of a datagram, for those who get it from a socket: all but the
 * sender's address.
 */
enum nic_frame_fault nic_rpc_call_decode(
	const uint8_t *body, size_t body_bytes, uint32_t services, struct nic_rpc_call *ret);

/*
 * nic_rpc_reply_encode - the header of a reply at @body, NIC_RPC_REPLY_HEADER_BYTES - NIC_RPC_BODY_AT bytes of
 * it.
 */
void nic_rpc_reply_encode(uint8_t *body, uint32_t xid);

/*
 * nic_datagram_wrap - headers and checksums around a body of @body_bytes at frame + NIC_RPC_BODY_AT. Returns
 * the length.
 */
size_t nic_datagram_wrap(uint8_t *frame, const struct nic_address *from,
	const struct nic_address *to, uint32_t body_bytes);

/* nic_rpc_seal - compute the checksum of UDP of a frame that was written by one of the two. */
void nic_rpc_seal(uint8_t *frame);

#endif
