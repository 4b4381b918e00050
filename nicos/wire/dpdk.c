/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ends that are ports of DPDK. Frames are received and sent in bursts; what is received is freed by the next
 * look.
 */
#include <nicos/wire.h>

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include <nicos/rpc.h>

#define RING_FRAMES 256
#define POOL_FRAMES 4095
#define BURST 32

struct port {
	struct nic_wire wire;
	uint16_t id;
	struct rte_mempool *pool;
	struct rte_mbuf *burst[BURST];
	uint16_t first, count;
	struct rte_mbuf *reserved;
};

static const uint8_t *port_receive(struct nic_wire *wire, size_t *ret_bytes)
{
	struct port *port = (struct port *)wire;
	const struct rte_mbuf *frame;

	/* The frame of the call before is given back now. */
	if (port->first)
		rte_pktmbuf_free(port->burst[port->first - 1]);
	if (port->first == port->count) {
		port->first = 0;
		port->count = rte_eth_rx_burst(port->id, 0, port->burst, BURST);
		if (port->count == 0)
			return NULL;
	}
	frame = port->burst[port->first++];
	*ret_bytes = rte_pktmbuf_data_len(frame);
	return rte_pktmbuf_mtod(frame, const uint8_t *);
}

static uint8_t *port_reserve(struct nic_wire *wire)
{
	struct port *port = (struct port *)wire;

	if (!port->reserved)
		port->reserved = rte_pktmbuf_alloc(port->pool);
	return port->reserved ? rte_pktmbuf_mtod(port->reserved, uint8_t *) : NULL;
}

static uint8_t *port_keep(struct nic_wire *wire)
{
	struct port *port = (struct port *)wire;

	hb_assert(port->first && port->burst[port->first - 1]);
	rte_pktmbuf_free(port->reserved);
	port->reserved = port->burst[port->first - 1];
	port->burst[port->first - 1] = NULL;
	return rte_pktmbuf_mtod(port->reserved, uint8_t *);
}

static void port_commit(struct nic_wire *wire, size_t frame_bytes)
{
	struct port *port = (struct port *)wire;

	hb_assert(port->reserved && frame_bytes <= NIC_FRAME_BYTES);
	port->reserved->data_len = (uint16_t)frame_bytes;
	port->reserved->pkt_len = (uint32_t)frame_bytes;
	/*
	 * Each call answers one that came over the same rings, so that there is room, but for the blink of an
	 * eye.
	 */
	while (rte_eth_tx_burst(port->id, 0, &port->reserved, 1) == 0)
		(void)sched_yield();
	port->reserved = NULL;
}

static void port_destroy(struct nic_wire *wire)
{
	struct port *port = (struct port *)wire;

	if (port->first)
		rte_pktmbuf_free(port->burst[port->first - 1]);
	for (; port->first < port->count; port->first++)
		rte_pktmbuf_free(port->burst[port->first]);
	rte_pktmbuf_free(port->reserved);
	(void)rte_eth_dev_stop(port->id);
	(void)rte_eth_dev_close(port->id);
	free(port);
	/* DPDK ends with its last port. */
	if (rte_eth_dev_count_avail() == 0)
		(void)rte_eal_cleanup();
}

static const struct nic_wire_operations port_operations = {
	.receive = port_receive,
	.reserve = port_reserve,
	.keep = port_keep,
	.commit = port_commit,
	.destroy = port_destroy,
};

/* DPDK pins the thread that starts it; the caller's CPUs come back. */
static int start(struct hb_error *reterr)
{
	static bool is_started;
	char *arguments[] = {"nicos", "--no-huge", "--no-pci", "--no-telemetry", "--no-shconf",
		"-m", "64", "--log-level", "1", NULL};
	cpu_set_t before;
	int count = sizeof(arguments) / sizeof(arguments[0]) - 1;

	if (is_started)
		return hb_error_set(
			reterr, -EALREADY, "DPDK has been started before in this process");
	(void)sched_getaffinity(0, sizeof(before), &before);
	is_started = rte_eal_init(count, arguments) >= 0;
	(void)sched_setaffinity(0, sizeof(before), &before);
	if (!is_started)
		return hb_error_set(reterr, -ENOTSUP, "needs DPDK, which does not start here: %s",
			rte_strerror(rte_errno));
	return 0;
}

int nic_wire_dpdk_probe(struct hb_error *reterr)
{
	struct hb_error error = {0};
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(start(&error) != 0);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return status == 0 ? 0
			   : hb_error_set(reterr, -ENOTSUP,
				     "needs DPDK, which does not start here; nicos live --wire "
				     "net-ring says why");
}

static int port_open(struct port *port, const char *name, struct rte_ring *in, struct rte_ring *out)
{
	const struct rte_eth_conf configuration = {0};
	int id = rte_eth_from_rings(name, &in, 1, &out, 1, SOCKET_ID_ANY);

	if (id < 0)
		return -ENOTSUP;
	port->id = (uint16_t)id;
	if (rte_eth_dev_configure(port->id, 1, 1, &configuration) ||
		rte_eth_rx_queue_setup(port->id, 0, RING_FRAMES, SOCKET_ID_ANY, NULL, port->pool) ||
		rte_eth_tx_queue_setup(port->id, 0, RING_FRAMES, SOCKET_ID_ANY, NULL) ||
		rte_eth_dev_start(port->id))
		return -ENOTSUP;
	return 0;
}

int nic_wire_dpdk_create(struct nic_wire *ret[2], struct hb_error *reterr)
{
	static const char *const names[] = {"nicos_card", "nicos_client"};
	struct port *ports[2] = {NULL, NULL};
	struct rte_ring *rings[2];
	struct rte_mempool *pool;
	int err = start(reterr);

	if (err)
		return err;
	pool = rte_pktmbuf_pool_create("nicos", POOL_FRAMES, 64, 0,
		RTE_PKTMBUF_HEADROOM + NIC_FRAME_BYTES + 6, SOCKET_ID_ANY);
	for (int i = 0; i < 2; i++)
		rings[i] = rte_ring_create(
			names[i], RING_FRAMES, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (!pool || !rings[0] || !rings[1])
		return hb_error_set(reterr, -ENOMEM, "DPDK has no memory for its buffers");
	for (int i = 0; !err && i < 2; i++) {
		ports[i] = calloc(1, sizeof(*ports[i]));
		if (!ports[i]) {
			err = -ENOMEM;
			break;
		}
		ports[i]->wire.operations = &port_operations;
		ports[i]->pool = pool;
		err = port_open(ports[i], names[i], rings[i], rings[1 - i]);
	}
	if (err) {
		free(ports[0]);
		free(ports[1]);
		return hb_error_set(reterr, err, "needs the net_ring device of DPDK");
	}
	ret[0] = &ports[0]->wire;
	ret[1] = &ports[1]->wire;
	return 0;
}
