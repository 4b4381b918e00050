/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "emulator_hosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hotbed/error.h>

#define DEVICE "link0"
#define NETMASK "255.255.255.0"
#define TEXT_BYTES 64
/* Frames that wait in a device while the emulator does not run; beyond them the kernel drops unseen. */
#define QUEUE_FRAMES 16384

static const char *const addresses[BAT_EMULATOR_HOSTS] = {BAT_EMULATOR_LEFT, BAT_EMULATOR_RIGHT};

static int fail(struct hb_error *reterr, const char *what)
{
	int err = -errno;

	/* Where namespaces can be made and then not be used, a security module forbids it. */
	if (err == -EPERM || err == -EACCES)
		return hb_error_set(reterr, -ENOTSUP,
			"%s: %s; be root, or let a security module allow it (sysctl "
			"kernel.apparmor_restrict_unprivileged_userns=0)",
			what, strerror(-err));
	return hb_error_set(reterr, err, "%s: %s", what, strerror(-err));
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t bytes;

	if (fd < 0)
		return -errno;
	bytes = write(fd, text, strlen(text));
	if (bytes < 0) {
		int err = -errno;

		(void)close(fd);
		return err;
	}
	(void)close(fd);
	return 0;
}

/* Every user stays who he is; what he may do here, he may do in the new namespaces only. */
static int enter_user_namespace(struct hb_error *reterr)
{
	char users[TEXT_BYTES], groups[TEXT_BYTES];
	int err;

	(void)snprintf(users, sizeof(users), "%u %u 1", geteuid(), geteuid());
	(void)snprintf(groups, sizeof(groups), "%u %u 1", getegid(), getegid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID))
		return hb_error_set(reterr, -ENOTSUP,
			"cannot make namespaces: %s; be root, or allow user namespaces (sysctl "
			"user.max_user_namespaces, kernel.unprivileged_userns_clone)",
			strerror(errno));
	err = write_file("/proc/self/setgroups", "deny");
	if (!err)
		err = write_file("/proc/self/uid_map", users);
	if (!err)
		err = write_file("/proc/self/gid_map", groups);
	if (err) {
		errno = -err;
		return fail(reterr, "cannot map the user into a namespace");
	}
	return 0;
}

static void set_address(struct sockaddr *ret, const char *text)
{
	struct sockaddr_in address = {.sin_family = AF_INET};

	(void)inet_pton(AF_INET, text, &address.sin_addr);
	memcpy(ret, &address, sizeof(address));
}

static void set_station(struct sockaddr *ret, int host)
{
	const unsigned char station[] = {2, 0, 0, 0, 0, (unsigned char)(host + 1)};

	ret->sa_family = ARPHRD_ETHER;
	memcpy(ret->sa_data, station, sizeof(station));
}

static struct ifreq request_for(const char *device)
{
	struct ifreq request = {0};

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	return request;
}

static int bring_up(int socket, const char *device)
{
	struct ifreq request = request_for(device);

	if (ioctl(socket, SIOCGIFFLAGS, &request))
		return -1;
	request.ifr_flags |= IFF_UP;
	return ioctl(socket, SIOCSIFFLAGS, &request);
}

/* Addresses, size and neighbour of the device of @host. Returns 0, or -1 with errno. */
static int configure(int socket, int host, uint32_t mtu_bytes)
{
	struct ifreq request = request_for(DEVICE);
	struct arpreq neighbour = {.arp_flags = ATF_PERM | ATF_COM};

	set_station(&request.ifr_hwaddr, host);
	if (ioctl(socket, SIOCSIFHWADDR, &request))
		return -1;
	request.ifr_mtu = (int)mtu_bytes;
	if (ioctl(socket, SIOCSIFMTU, &request) || bring_up(socket, "lo"))
		return -1;
	request.ifr_qlen = QUEUE_FRAMES;
	if (ioctl(socket, SIOCSIFTXQLEN, &request))
		return -1;
	set_address(&request.ifr_addr, addresses[host]);
	if (ioctl(socket, SIOCSIFADDR, &request))
		return -1;
	set_address(&request.ifr_netmask, NETMASK);
	if (ioctl(socket, SIOCSIFNETMASK, &request) || bring_up(socket, DEVICE))
		return -1;
	set_address(&neighbour.arp_pa, addresses[1 - host]);
	set_station(&neighbour.arp_ha, 1 - host);
	(void)snprintf(neighbour.arp_dev, sizeof(neighbour.arp_dev), "%s", DEVICE);
	return ioctl(socket, SIOCSARP, &neighbour);
}

/* The device of @host, in the network namespace that this process is in. */
static int make_device(struct hosts *hosts, int host, uint32_t mtu_bytes, struct hb_error *reterr)
{
	struct ifreq request = request_for(DEVICE);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), inet, rc;

	if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		return hb_error_set(reterr, -ENOTSUP,
			"cannot open /dev/net/tun: %s; load the module tun", strerror(errno));
	if (fd < 0 && errno == EACCES)
		return hb_error_set(reterr, -ENOTSUP,
			"cannot open /dev/net/tun: %s; its mode should be 0666, as distributions "
			"have it",
			strerror(errno));
	if (fd < 0)
		return fail(reterr, "cannot open /dev/net/tun");
	hosts->taps[host] = fd;
	request.ifr_flags = IFF_TAP | IFF_NO_PI;
	if (ioctl(fd, TUNSETIFF, &request))
		return fail(reterr, "cannot make a TAP device");
	inet = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	rc = inet < 0 ? -1 : configure(inet, host, mtu_bytes);
	if (rc)
		rc = fail(reterr, "cannot configure the TAP device");
	if (inet >= 0)
		(void)close(inet);
	return rc;
}

static int make_host(struct hosts *hosts, int host, uint32_t mtu_bytes, const char *congestion,
	struct hb_error *reterr)
{
	int err;

	hosts->namespaces[host] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (hosts->namespaces[host] < 0)
		return fail(reterr, "cannot open /proc/self/ns/net");
	/* No frames of its own. Where the kernel has no IPv6, there is no such file. */
	(void)write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	err = congestion ? write_file("/proc/sys/net/ipv4/tcp_congestion_control", congestion) : 0;
	if (err)
		return hb_error_set(reterr, err,
			"cannot select the congestion control '%.40s': %s; "
			"/proc/sys/net/ipv4/tcp_allowed_congestion_control lists those that the "
			"kernel allows in a namespace",
			congestion, strerror(-err));
	return make_device(hosts, host, mtu_bytes, reterr);
}

int hosts_make(
	struct hosts *ret, uint32_t mtu_bytes, const char *congestion, struct hb_error *reterr)
{
	int err = 0;

	*ret = (struct hosts){.namespaces = {-1, -1}, .taps = {-1, -1}};
	ret->processes = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWNET | CLONE_NEWPID)) {
		ret->user_namespace = true;
		err = enter_user_namespace(reterr);
	}
	if (!err)
		err = make_host(ret, 0, mtu_bytes, congestion, reterr);
	if (!err && unshare(CLONE_NEWNET))
		err = fail(reterr, "cannot make a network namespace");
	if (!err)
		err = make_host(ret, 1, mtu_bytes, congestion, reterr);
	if (!err && setns(ret->namespaces[0], CLONE_NEWNET))
		err = fail(reterr, "cannot enter the left namespace");
	return err;
}

void hosts_close(struct hosts *hosts)
{
	if (hosts->processes >= 0) {
		(void)setns(hosts->processes, CLONE_NEWPID);
		(void)close(hosts->processes);
		hosts->processes = -1;
	}
	for (int i = 0; i < BAT_EMULATOR_HOSTS; i++) {
		if (hosts->taps[i] >= 0)
			(void)close(hosts->taps[i]);
		if (hosts->namespaces[i] >= 0)
			(void)close(hosts->namespaces[i]);
		hosts->taps[i] = hosts->namespaces[i] = -1;
	}
}
