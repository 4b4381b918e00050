/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <hotbed/error.h>

#include "protocol.h"

/*
 * Folders that Debian keeps world-writable and sticky. Whoever may not use one of them still meets the others in the
 * next, so all that can be opened are locked, always in this order.
 */
static const char *const paths[HB_LOCK_FILES] = {"/run/lock/hotbed.lock", "/tmp/hotbed.lock"};

/*
 * Opening an existing file with O_CREAT is refused in sticky folders when somebody else owns it
 * (fs.protected_regular), even for root. So: open, else create exclusively, else open what another one just created.
 * Reading is enough for flock(), so the file needs no write permission for others.
 */
static int open_lock(const char *path)
{
	for (int tries = 0; tries < 3; tries++) {
		/* Not blocking, should somebody have put a pipe there. */
		int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

		if (fd >= 0)
			return fd;
		if (errno != ENOENT)
			return -errno;
		fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (fd >= 0) {
			(void)fchmod(fd,
				0644); /* whatever the umask says, others must be able to open it */
			return fd;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EAGAIN;
}

void hb_lock_release(struct hb_lock *lock)
{
	while (lock->count > 0)
		(void)close(lock->fds[--lock->count]);
}

int hb_lock_machine(struct hb_lock *ret, struct hb_error *reterr)
{
	char holder[HB_LOCK_HOLDER_BYTES];
	struct hb_lock lock = {0};
	int refused = -ENOENT;

	for (size_t i = 0; i < HB_LOCK_FILES; i++) {
		int fd = open_lock(paths[i]);

		if (fd < 0) {
			refused = i == 0 ? fd : refused;
			continue;
		}
		lock.fds[lock.count++] = fd;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			continue;
		int error = errno == EWOULDBLOCK ? -EBUSY : -errno;

		(void)hb_error_set(reterr, error, "%s",
			error == -EBUSY ? hb_lock_holder(fd, holder) : strerror(-error));
		hb_lock_release(&lock);
		return error;
	}
	if (lock.count == 0)
		return hb_error_set_at(reterr, refused, paths[0], 0,
			"cannot open the machine's lock: %s, nor that in /tmp", strerror(-refused));
	*ret = lock;
	return 0;
}

static void describe_process(long pid, char *buffer)
{
	char path[64], command[120] = "";
	struct stat info;
	struct passwd *user = NULL;

	(void)snprintf(path, sizeof(path), "/proc/%ld", pid);
	if (stat(path, &info) == 0)
		user = getpwuid(info.st_uid);
	(void)snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
	FILE *file = fopen(path, "re");

	if (file) {
		size_t got = fread(command, 1, sizeof(command) - 1, file);

		while (got > 0 && command[got - 1] == '\0')
			got--;
		for (size_t i = 0; i < got; i++)
			if (command[i] == '\0')
				command[i] = ' ';
		command[got] = '\0';
		(void)fclose(file);
	}
	hb_protocol_sanitise(command);
	(void)snprintf(buffer, HB_LOCK_HOLDER_BYTES, "process %ld of %.60s%s%s%s", pid,
		user ? user->pw_name : "another user", *command ? " (" : "", command,
		*command ? ")" : "");
}

char *hb_lock_holder(int fd, char *buffer)
{
	struct stat info;
	char line[256], wanted[64];
	FILE *file;

	(void)snprintf(buffer, HB_LOCK_HOLDER_BYTES, "another process");
	if (fstat(fd, &info) < 0 || !(file = fopen("/proc/locks", "re")))
		return buffer;
	(void)snprintf(wanted, sizeof(wanted), "%02x:%02x:%llu", major(info.st_dev),
		minor(info.st_dev), (unsigned long long)info.st_ino);
	while (fgets(line, sizeof(line), file)) {
		char kind[16], where[64];
		long pid;

		if (sscanf(line, "%*s %15s %*s %*s %ld %63s", kind, &pid, where) == 3 &&
			!strcmp(kind, "FLOCK") && !strcmp(where, wanted) && pid > 0) {
			describe_process(pid, buffer);
			break;
		}
	}
	(void)fclose(file);
	return buffer;
}
