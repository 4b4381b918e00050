/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints TCP_NODELAY of four sockets as the kernel has it, past the C library, and of two as the program is told. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int in_kernel(int fd)
{
	int value = -1;
	socklen_t size = sizeof(value);

	(void)syscall(SYS_getsockopt, fd, IPPROTO_TCP, TCP_NODELAY, &value, &size);
	return value != 0;
}

static int told(int fd)
{
	int value = -1;
	socklen_t size = sizeof(value);

	(void)getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size);
	return value != 0;
}

int main(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), plain = socket(AF_INET, SOCK_STREAM, 0);
	int on = socket(AF_INET, SOCK_STREAM, 0), off = socket(AF_INET, SOCK_STREAM, 0);
	int one = 1, zero = 0, accepted;

	if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 8) ||
		getsockname(listener, (struct sockaddr *)&address, &size) ||
		connect(plain, (struct sockaddr *)&address, size))
		return 1;
	accepted = accept(listener, NULL, NULL);
	if (accepted < 0 || setsockopt(on, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
		setsockopt(off, IPPROTO_TCP, TCP_NODELAY, &zero, sizeof(zero)))
		return 1;
	(void)printf("kernel %d %d %d %d told %d %d\n", in_kernel(plain), in_kernel(accepted),
		in_kernel(on), in_kernel(off), told(on), told(off));
	return 0;
}
