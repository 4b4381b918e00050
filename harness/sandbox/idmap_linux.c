/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For a caller that is root: mounts on which the files of the source's owner appear as those of nobody, who the command
 * is outside. Without this a root could overlay only trees that belong to user 65534, because overlayfs cannot copy
 * up a file whose owner has no name inside. See mount_setattr(2), "ID-mapped mounts".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outside.h"

static int text_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int code = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		code = -errno;
	(void)close(fd);
	return code;
}

int map_write(pid_t pid, const char *name, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return text_write(path, text);
}

/* The maps of @pid's namespace: the owner on disk is nobody in the mount. Returns the namespace or -errno. */
static int namespace_map(pid_t pid, const struct stat *owner)
{
	char text[64];
	int code, fd;

	(void)snprintf(text, sizeof(text), "%u %u 1\n", (unsigned)owner->st_gid, NOBODY);
	code = map_write(pid, "gid_map", text);
	(void)snprintf(text, sizeof(text), "%u %u 1\n", (unsigned)owner->st_uid, NOBODY);
	if (!code)
		code = map_write(pid, "uid_map", text);
	if (code)
		return code;
	(void)snprintf(text, sizeof(text), "/proc/%d/ns/user", (int)pid);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A user namespace is only made by a process in it; that one waits to be killed. */
static int namespace_make(const struct stat *owner)
{
	int pidfd = -1, fd;
	struct clone_args arguments = {
		.flags = CLONE_NEWUSER | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd};
	sigset_t all, before;
	siginfo_t info;
	long pid;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (pid == 0) {
		/* The caller's death, too, ends it. */
		(void)syscall(SYS_prctl, 1 /* PR_SET_PDEATHSIG */, SIGKILL, 0, 0, 0);
		(void)syscall(SYS_close_range, 0, ~0U, 0);
		for (;;)
			(void)syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
	}
	fd = pid < 0 ? -errno : 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (fd)
		return fd;
	fd = namespace_map((pid_t)pid, owner);
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL) < 0 && errno == EINTR)
		;
	(void)close(pidfd);
	return fd;
}

int mapped_open(const char *path)
{
	struct mount_attr attributes = {
		.attr_set =
			MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY,
		.propagation = MS_PRIVATE,
	};
	struct stat st;
	int fd, owner, code = 0;

	if (stat(path, &st) < 0)
		return -errno;
	owner = namespace_make(&st);
	if (owner < 0)
		return owner;
	attributes.userns_fd = (uint64_t)owner;
	fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0)
		code = -errno;
	else if (mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0)
		code = -errno;
	(void)close(owner);
	if (!code)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return code;
}
