/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Loaded before the C library by `batching run`: every TCP socket of the program gets TCP_NODELAY or Nagle's algorithm,
 * whatever the program asks for; it is told that it got what it asked for. Constant from the first byte on, and without
 * the right to ptrace(2); for a choice that changes there is `batching attach`.
 *
 * Thread-safe and async-signal-safe where the functions it stands for are: it takes no lock and allocates nothing.
 * Programs that are statically linked, set-user-ID, or that make system calls themselves are not reached: ld.so(8).
 */
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define DESCRIPTORS 65536 /* those above are told what is */

/* What the program asked for, by descriptor. */
enum wish { WISH_NONE, WISH_OFF, WISH_ON };
static _Atomic unsigned char wishes[DESCRIPTORS];

static int wanted(void)
{
	const char *mode = getenv("BATCHING_RUN_MODE");

	return !mode || strcmp(mode, "nagle") != 0;
}

static void remember(int fd, enum wish wish)
{
	if (fd >= 0 && fd < DESCRIPTORS)
		atomic_store(&wishes[fd], (unsigned char)wish);
}

/* System calls, since the C library's function of that name is the one below. */
static int set_raw(int fd, int value)
{
	return (int)syscall(SYS_setsockopt, fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value));
}

static int is_tcp(int fd)
{
	int protocol = 0;
	socklen_t size = sizeof(protocol);

	return syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
	       protocol == IPPROTO_TCP;
}

/* A descriptor that is new: errno stays as it was. */
static int apply(int fd)
{
	int before = errno;

	if (fd >= 0) {
		remember(fd, WISH_NONE);
		if (is_tcp(fd))
			(void)set_raw(fd, wanted());
	}
	errno = before;
	return fd;
}

EXPORT int socket(int domain, int type, int protocol)
{
	return apply((int)syscall(SYS_socket, domain, type, protocol));
}

/*
 * These wait, and can be cancelled while they do: what the C library does for that stays in place. It declares the
 * address as a union of pointers to every kind of address.
 */
EXPORT int accept(int fd, __SOCKADDR_ARG address, socklen_t *restrict size)
{
	static _Atomic(void *) next;
	int (*call)(int, struct sockaddr *, socklen_t *);

	if (!atomic_load(&next))
		atomic_store(&next, dlsym(RTLD_NEXT, "accept"));
	*(void **)&call = atomic_load(&next);
	return apply(call(fd, address.__sockaddr__, size));
}

EXPORT int accept4(int fd, __SOCKADDR_ARG address, socklen_t *restrict size, int flags)
{
	static _Atomic(void *) next;
	int (*call)(int, struct sockaddr *, socklen_t *, int);

	if (!atomic_load(&next))
		atomic_store(&next, dlsym(RTLD_NEXT, "accept4"));
	*(void **)&call = atomic_load(&next);
	return apply(call(fd, address.__sockaddr__, size, flags));
}

EXPORT int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
	int wish = 0;

	if (level == IPPROTO_TCP && option == TCP_NODELAY && size >= sizeof(int) && value &&
		is_tcp(fd)) {
		memcpy(&wish, value, sizeof(wish));
		remember(fd, wish ? WISH_ON : WISH_OFF);
		return set_raw(fd, wanted());
	}
	return (int)syscall(SYS_setsockopt, fd, level, option, value, size);
}

EXPORT int getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
	int result = (int)syscall(SYS_getsockopt, fd, level, option, value, size), answer;

	if (result == 0 && level == IPPROTO_TCP && option == TCP_NODELAY && fd >= 0 &&
		fd < DESCRIPTORS && *size >= sizeof(int)) {
		unsigned char wish = atomic_load(&wishes[fd]);

		if (wish != WISH_NONE) {
			answer = wish == WISH_ON;
			memcpy(value, &answer, sizeof(answer));
		}
	}
	return result;
}
