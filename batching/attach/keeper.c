/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TABLE_BYTES (BAT_ATTACH_SOCKETS_MAX * sizeof(struct keeper_entry))
#define KEPT_PIDFD 3
#define KEPT_PIPE 4

int keeper_restore(int pidfd, struct keeper_entry *entry)
{
	uint64_t cookie;
	int fd, err;

	if (!atomic_load(&entry->changed))
		return 0;
	fd = target_take(pidfd, entry->number);
	if (fd < 0) {
		atomic_store(&entry->changed, false);
		return fd == -EBADF || fd == -ESRCH ? 0 : fd;
	}
	err = target_cookie(fd, &cookie);
	if (!err && cookie == entry->cookie)
		err = target_set(fd, &entry->found) ? 0 : 1; /* it refuses once it is closed */
	else
		err = 0; /* the number is another socket's by now */
	(void)close(fd);
	atomic_store(&entry->changed, false);
	return err;
}

/* Moves both descriptors out of the way of each other. */
static bool keep(int pidfd, int pipe)
{
	int high = dup(pipe), other = dup(pidfd);

	while (high >= 0 && high <= KEPT_PIPE)
		high = dup(high);
	while (other >= 0 && other <= KEPT_PIPE)
		other = dup(other);
	return high >= 0 && other >= 0 && dup2(other, KEPT_PIDFD) == KEPT_PIDFD &&
	       dup2(high, KEPT_PIPE) == KEPT_PIPE;
}

/* In the copy: only system calls, since other threads may have held locks. */
static _Noreturn void watch(struct keeper_entry *entries, int pidfd, int pipe)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	ssize_t got;
	char word;

	/* What ends the caller's group must not end us before it, nor what is sent to a whole terminal. */
	(void)setsid();
	(void)sigaction(SIGINT, &ignore, NULL);
	(void)sigaction(SIGTERM, &ignore, NULL);
	(void)sigaction(SIGHUP, &ignore, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	if (!keep(pidfd, pipe))
		_exit(1);
	/* Sockets and pipes of the caller would look open to others for as long as they are open here. */
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	(void)close(STDERR_FILENO);
	(void)close_range(KEPT_PIPE + 1, ~0u, 0);
	do {
		got = read(KEPT_PIPE, &word, 1);
	} while (got < 0 && errno == EINTR);
	if (got == 1)
		_exit(0);
	for (int i = 0; i < BAT_ATTACH_SOCKETS_MAX; i++)
		(void)keeper_restore(KEPT_PIDFD, &entries[i]);
	_exit(0);
}

int keeper_start(struct keeper *keeper, int pidfd)
{
	void *table =
		mmap(NULL, TABLE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ends[2], err;
	pid_t pid;

	if (table == MAP_FAILED)
		return -errno;
	if (pipe2(ends, O_CLOEXEC)) {
		err = -errno;
		(void)munmap(table, TABLE_BYTES);
		return err;
	}
	pid = fork();
	if (pid == 0)
		watch(table, pidfd, ends[0]);
	err = pid < 0 ? -errno : 0;
	(void)close(ends[0]);
	if (err) {
		(void)close(ends[1]);
		(void)munmap(table, TABLE_BYTES);
		return err;
	}
	*keeper = (struct keeper){pid, ends[1], table};
	return 0;
}

void keeper_end(struct keeper *keeper)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;

	/* It may have been killed; then there is nobody to tell. */
	(void)sigaction(SIGPIPE, &ignore, &before);
	(void)!write(keeper->pipe, "e", 1);
	(void)sigaction(SIGPIPE, &before, NULL);
	(void)close(keeper->pipe);
	while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	(void)munmap(keeper->entries, TABLE_BYTES);
}
