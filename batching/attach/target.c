/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "target.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int target_take(int pidfd, int number)
{
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);

	return fd < 0 ? -errno : fd;
}

int target_cookie(int fd, uint64_t *ret)
{
	socklen_t size = sizeof(*ret);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, ret, &size) ? -errno : 0;
}

static int get_flag(int fd, int option, bool *ret)
{
	int value = 0;
	socklen_t size = sizeof(value);

	if (getsockopt(fd, IPPROTO_TCP, option, &value, &size))
		return -errno;
	*ret = value != 0;
	return 0;
}

static int set_flag(int fd, int option, bool on)
{
	int value = on;

	return setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value)) ? -errno : 0;
}

int target_get(int fd, struct target_options *ret)
{
	struct target_options options;
	int err = get_flag(fd, TCP_NODELAY, &options.nodelay);

	if (!err)
		err = get_flag(fd, TCP_CORK, &options.cork);
	if (!err)
		*ret = options;
	return err;
}

int target_set(int fd, const struct target_options *options)
{
	int err = options->cork ? 0 : set_flag(fd, TCP_CORK, false);

	if (!err)
		err = set_flag(fd, TCP_NODELAY, options->nodelay);
	if (!err && options->cork)
		err = set_flag(fd, TCP_CORK, true);
	return err;
}

struct target_options target_options_of(enum bat_socket_mode mode)
{
	return (struct target_options){mode != BAT_SOCKET_NAGLE, mode == BAT_SOCKET_CORK};
}
