/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Namespaces of a trial. Linux only: namespaces(7), user_namespaces(7). */
#include <hotbed/trial.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "state.h"

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t length;
	int err = 0;

	if (fd < 0)
		return -errno;
	length = write(fd, text, strlen(text));
	if (length != (ssize_t)strlen(text))
		err = length < 0 ? -errno : -EIO;
	(void)close(fd);
	return err;
}

/*
 * Inside, the caller is root; outside, files it makes are its own. user_namespaces(7), "Defining ID
 * mappings".
 */
static int map_ids(uid_t uid, gid_t gid)
{
	char text[64];
	int err;

	err = write_file("/proc/self/setgroups", "deny");
	if (err && err != -ENOENT)
		return err;
	(void)snprintf(text, sizeof(text), "0 %u 1", uid);
	err = write_file("/proc/self/uid_map", text);
	if (err)
		return err;
	(void)snprintf(text, sizeof(text), "0 %u 1", gid);
	return write_file("/proc/self/gid_map", text);
}

static int raise_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCGIFFLAGS, &request))
		err = -errno;
	request.ifr_flags = (short)(request.ifr_flags | IFF_UP | IFF_RUNNING);
	if (!err && ioctl(fd, SIOCSIFFLAGS, &request))
		err = -errno;
	(void)close(fd);
	return err;
}

/*
 * With the privilege directly; otherwise inside a user namespace, which ordinary users may make on
 * most systems.
 */
static int unshare_flags(int flags)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(flags) == 0)
		return 0;
	if (errno != EPERM)
		return -errno;
	if (unshare(flags | CLONE_NEWUSER))
		return errno == ENOSPC || errno == EACCES || errno == ENOSYS ? -EPERM : -errno;
	return map_ids(uid, gid);
}

int hb_trial_unshare(struct hb_trial *trial, unsigned int namespaces)
{
	int flags = 0;
	int err;

	if (namespaces & HB_NAMESPACE_NET)
		flags |= CLONE_NEWNET;
	if (namespaces & HB_NAMESPACE_MOUNT)
		flags |= CLONE_NEWNS;
	if (namespaces & HB_NAMESPACE_PID)
		flags |= CLONE_NEWPID;
	err = unshare_flags(flags);
	if (err)
		return err;
	trial->namespaces |= namespaces;
	/* Or mounts made here would appear outside, where systemd shares the root. */
	if ((namespaces & HB_NAMESPACE_MOUNT) && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	return namespaces & HB_NAMESPACE_NET ? raise_loopback() : 0;
}
