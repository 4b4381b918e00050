/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/error.h>

#include <spork/code.h>
#include <spork/image.h>
#include <spork/store.h>

#include <spork/request.h>

#include "site_service.h"

/* Modules that were tried in this run, whatever came of it: each is translated once. */
#define DONE_MAX 1024
#define NICE 5 /* the programs come first */

struct helper {
	const struct service *service;
	int code_fd; /* the folder of code files */
	struct spork_store *store;
	struct spork_build_id done[DONE_MAX];
	size_t done_count;
	struct site_service *sites; /* NULL until the first question */
};

int service_socket(const char *folder, struct hb_error *reterr)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, length, yes = 1;

	length = snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
	if (length >= (int)sizeof(address.sun_path))
		return hb_error_set_at(reterr, -ENAMETOOLONG, folder, 0,
			"the path of the cache is too long for a socket; set XDG_CACHE_HOME");
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) ||
		setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes))) {
		int err = hb_error_set_at(reterr, -errno, address.sun_path, 0,
			"cannot make the helper's socket: %s", strerror(errno));

		if (fd >= 0)
			(void)close(fd);
		return err;
	}
	return fd;
}

static bool already_done(struct helper *helper, const struct spork_build_id *id)
{
	for (size_t i = 0; i < helper->done_count; i++) {
		if (memcmp(&helper->done[i], id, sizeof(*id)) == 0)
			return true;
	}
	if (helper->done_count < DONE_MAX)
		helper->done[helper->done_count++] = *id;
	return false;
}

static bool have_code(const struct helper *helper, const struct spork_build_id *id)
{
	struct spork_code *code;

	if (spork_code_open(helper->code_fd, id, &code))
		return false;
	spork_code_close(code);
	return true;
}

static void translate(struct helper *helper, const struct spork_request *request)
{
	struct spork_image *image = NULL;
	struct hb_error error = {0};
	const struct spork_build_id *id;

	if (already_done(helper, &request->id) || have_code(helper, &request->id))
		return;
	if (spork_image_open(request->path, &image, &error))
		return;
	/* The file may have been replaced since the program was started. */
	id = spork_image_build_id(image);
	if (id && id->length == request->id.length &&
		memcmp(id->bytes, request->id.bytes, id->length) == 0 &&
		spork_code_write(image, helper->code_fd, &error) == 0 && helper->store)
		(void)__atomic_fetch_add(&helper->store->generation, 1, __ATOMIC_RELEASE);
	spork_image_close(image);
}

static bool valid_module(const struct spork_request *request)
{
	return request->magic == SPORK_REQUEST_MAGIC && request->id.length > 0 &&
	       request->id.length <= sizeof(request->id.bytes) &&
	       memchr(request->path, '\0', sizeof(request->path)) && request->path[0] == '/';
}

/* True if there was a request. Only those of our own user count. */
static bool serve(struct helper *helper)
{
	union {
		struct spork_request module;
		struct spork_site_request site;
	} request;
	struct iovec vector = {&request, sizeof(request)};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct msghdr message = {.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t got =
		recvmsg(helper->service->socket_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *header;
	struct ucred sender;

	if (got < 0)
		return false;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != SCM_CREDENTIALS)
		return true;
	memcpy(&sender, CMSG_DATA(header), sizeof(sender));
	if (sender.uid != geteuid())
		return true;
	if (got == (ssize_t)sizeof(request.module) && valid_module(&request.module))
		translate(helper, &request.module);
	else if (got == (ssize_t)sizeof(request.site) && helper->store)
		site_service_answer(&helper->sites, &request.site, helper->store);
	return true;
}

static void remove_run(const char *folder)
{
	static const char *const names[] = {"socket", "statistics"};
	char path[4096];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}

static void work(struct helper *helper)
{
	struct pollfd events[] = {{.fd = helper->service->socket_fd, .events = POLLIN},
		{.fd = helper->service->program_fd, .events = POLLIN}};
	bool ended = false;

	while (!ended) {
		if (poll(events, 2, -1) < 0 && errno != EINTR)
			break;
		/* What was asked before the end is still done: the next run profits. */
		ended = events[1].revents != 0;
		while (serve(helper))
			;
	}
}

static void *map_store(const char *cache)
{
	char path[4096];
	void *store = MAP_FAILED;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/verdicts", cache);
	fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	store = mmap(NULL, sizeof(struct spork_store), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	return store == MAP_FAILED ? NULL : store;
}

static void leave_caller(const struct service *service)
{
	int null = open("/dev/null", O_RDWR);
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		(void)dup2(null, fd);
	for (int fd = 3; fd < 1024; fd++) {
		if (fd != service->socket_fd && fd != service->program_fd &&
			fd != service->alive_fd)
			(void)close(fd);
	}
	(void)close_range(1024, ~0U, 0);
	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &action, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	(void)chdir("/");
	(void)prctl(PR_SET_NAME, "spork-helper");
	(void)setpriority(PRIO_PROCESS, 0, NICE);
}

static void run_helper(const struct service *service)
{
	static struct helper helper;
	char path[4096];

	leave_caller(service);
	helper.service = service;
	(void)snprintf(path, sizeof(path), "%s/code", service->cache);
	helper.code_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	helper.store = map_store(service->cache);
	if (helper.code_fd >= 0)
		work(&helper);
	remove_run(service->folder);
}

int service_start(const struct service *service, struct hb_error *reterr)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return hb_error_set(reterr, -errno, "cannot start the helper: %s", strerror(errno));
	if (pid == 0) {
		/* A grandchild: the program must not find a child that it did not make. */
		pid = fork();
		if (pid == 0)
			run_helper(service);
		_exit(pid < 0 ? 1 : 0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return hb_error_set(reterr, -EAGAIN, "cannot start the helper: no process left");
	return 0;
}
