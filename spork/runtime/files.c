/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "raw_syscall.h"
#include "runtime.h"
#include "text.h"

bool files_cache_path(char path[FILES_PATH_BYTES], const char *rest)
{
	size_t at = text_append(path, FILES_PATH_BYTES, 0, spork_configuration.cache);

	return text_append(path, FILES_PATH_BYTES, at, rest) + 1 < FILES_PATH_BYTES;
}

bool files_run_path(char path[FILES_PATH_BYTES], const char *rest)
{
	size_t at = text_append(path, FILES_PATH_BYTES, 0, spork_configuration.cache);

	at = text_append(path, FILES_PATH_BYTES, at, "/runs/");
	for (size_t i = 0; i < spork_configuration.run_length && at + 1 < FILES_PATH_BYTES; i++)
		path[at++] = spork_configuration.run[i];
	path[at] = '\0';
	return text_append(path, FILES_PATH_BYTES, at, rest) + 1 < FILES_PATH_BYTES;
}

static bool trusted(const struct stat *status, uint32_t kind)
{
	return (status->st_mode & S_IFMT) == kind &&
	       status->st_uid == (uint32_t)raw0(SYS_geteuid) && !(status->st_mode & 022);
}

int files_open_folder(const char *path)
{
	int64_t fd = raw3(SYS_open, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	struct stat status;

	if (fd < 0)
		return (int)fd;
	if (raw2(SYS_fstat, fd, &status) || !trusted(&status, S_IFDIR)) {
		(void)raw1(SYS_close, fd);
		return -1;
	}
	return (int)fd;
}

/* Writing to a page for which the disk has no room would kill the program. */
static bool has_room(int64_t fd, size_t size_bytes)
{
	int64_t err = raw4(SYS_fallocate, fd, 0, 0, size_bytes);

	return err == 0 || err == -EOPNOTSUPP;
}

void *files_map(const char *path, size_t size_bytes, bool writable)
{
	return files_map_part(path, 0, size_bytes, writable);
}

void *files_map_part(const char *path, uint64_t offset, size_t size_bytes, bool writable)
{
	int64_t fd = raw3(SYS_open, path,
		(writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);
	int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	struct stat status;
	int64_t memory = -1;

	if (fd < 0)
		return MAP_FAILED;
	if (raw2(SYS_fstat, fd, &status) == 0 && trusted(&status, S_IFREG) &&
		(uint64_t)status.st_size >= offset + size_bytes &&
		(!writable || has_room(fd, offset + size_bytes)))
		memory = raw6(SYS_mmap, NULL, size_bytes, protection, MAP_SHARED, fd, offset);
	(void)raw1(SYS_close, fd);
	return RAW_FAILED(memory) ? MAP_FAILED : (void *)memory;
}

static void send_request(int64_t fd, const void *request, size_t size_bytes)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[FILES_PATH_BYTES];

	if (!files_run_path(path, "/socket") ||
		text_append(address.sun_path, sizeof(address.sun_path), 0, path) + 1 >=
			sizeof(address.sun_path))
		return;
	if (raw6(SYS_sendto, fd, request, size_bytes, MSG_DONTWAIT | MSG_NOSIGNAL, &address,
		    sizeof(address)) > 0)
		spork_notice(SPORK_NOTICE_REQUESTS, 1);
}

void files_ask(const void *request, size_t size_bytes)
{
	int64_t fd = raw3(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	send_request(fd, request, size_bytes);
	(void)raw1(SYS_close, fd);
}
