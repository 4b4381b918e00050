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
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/error.h>

#include <spork/analysis.h>
#include <spork/code.h>
#include <spork/image.h>
#include <spork/store.h>

#include <spork/request.h>

#include "leaf.h"

/* Modules that were tried in this run, whatever came of it: each is translated once. */
#define DONE_MAX 1024
#define CONTEXT_INSTRUCTIONS_MAX 1000000
#define NICE 5 /* the programs come first */

struct helper {
	const struct service *service;
	int code_fd; /* the folder of code files */
	struct spork_store *store;
	struct spork_build_id done[DONE_MAX];
	size_t done_count;
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

/* Is there a code file, and are its bytes those that were written? Then the runtime may use it. */
static bool have_code(const struct helper *helper, const struct spork_build_id *id)
{
	struct spork_code *code;
	bool good;

	if (spork_code_open(helper->code_fd, id, &code))
		return false;
	good = spork_code_verify(code) == 0;
	if (good && !spork_store_verified(helper->store, spork_code_stamp(code))) {
		spork_store_set_verified(helper->store, spork_code_stamp(code));
		(void)__atomic_fetch_add(&helper->store->generation, 1, __ATOMIC_RELEASE);
	}
	spork_code_close(code);
	return good;
}

static void translate(struct helper *helper, const struct spork_request *request)
{
	struct spork_image *image = NULL;
	struct hb_error error = {0};
	const struct spork_build_id *id;

	if (!helper->store || already_done(helper, &request->id) || have_code(helper, &request->id))
		return;
	if (spork_image_open(request->path, &image, &error))
		return;
	/* The file may have been replaced since the program was started. */
	id = spork_image_build_id(image);
	if (id && id->length == request->id.length &&
		memcmp(id->bytes, request->id.bytes, id->length) == 0 &&
		spork_code_write(image, helper->code_fd, &error) == 0)
		(void)have_code(helper, &request->id);
	spork_image_close(image);
}

/* ---- Contexts ------------------------------------------------------------------------------------------------- */

/* The modules of a context's frames; each file once. */
struct context {
	struct spork_analysis_module modules[SPORK_CHAIN_FRAMES];
	struct spork_image *images[SPORK_CHAIN_FRAMES];
	const char *paths[SPORK_CHAIN_FRAMES];
	size_t module_count;
	struct spork_analysis_frame frames[SPORK_CHAIN_FRAMES];
};

static bool same_id(const struct spork_build_id *a, const struct spork_build_id *b)
{
	return a && a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

/* Index of the frame's module, opened on first use; -1 = cannot be read, or has been replaced. */
static int context_module(struct context *context, const struct spork_context_frame *frame)
{
	size_t at = context->module_count;

	for (size_t i = 0; i < at; i++) {
		if (strcmp(context->paths[i], frame->path) == 0)
			return (int)i;
	}
	if (spork_image_open(frame->path, &context->images[at], NULL))
		return -1;
	context->module_count++;
	context->paths[at] = frame->path;
	context->modules[at] = (struct spork_analysis_module){.image = context->images[at],
		.bias = frame->base - spork_image_lowest(context->images[at])};
	return same_id(spork_image_build_id(context->images[at]), &frame->id) ? (int)at : -1;
}

/* Memory of the process that asks, which goes on meanwhile. */
static int read_sender(void *data, uint64_t address, void *buffer, size_t size_bytes)
{
	struct iovec here = {buffer, size_bytes}, there = {(void *)(uintptr_t)address, size_bytes};

	return process_vm_readv(*(const pid_t *)data, &here, 1, &there, 1, 0) == (ssize_t)size_bytes
		       ? 0
		       : -EFAULT;
}

/* Can the child never reach exec? *ret_assumed: the answer relies on words of the sender's memory. */
static bool never_execs(struct spork_analyser *analyser, struct spork_analysis_request *question,
	pid_t *sender, bool *ret_assumed)
{
	struct spork_analysis analysis;
	bool never = false;

	*ret_assumed = false;
	/* Code alone first: what follows from it holds for good. */
	for (int live = 0; live < 2 && !never; live++) {
		question->read = live ? read_sender : NULL;
		question->data = live ? sender : NULL;
		if (spork_analyse_site(analyser, question, &analysis, NULL))
			return false;
		never = analysis.verdict == SPORK_SITE_FORK &&
			analysis.reason == SPORK_BECAUSE_NO_EXEC;
		*ret_assumed = analysis.guard_count > 0;
		spork_analysis_finish(&analysis);
	}
	return never;
}

/*
 * Only "never" is believed: a context that can reach exec shows by itself what it is. What was assumed from words in
 * memory is tried again after a while.
 */
static void judge(struct helper *helper, const struct spork_context_request *request,
	struct context *context, size_t frames, pid_t sender)
{
	struct spork_analysis_request question = {
		.modules = context->modules,
		.module_count = context->module_count,
		.frames = context->frames,
		.frame_count = frames,
		.instruction_max = CONTEXT_INSTRUCTIONS_MAX,
	};
	struct spork_store_entry *entry = spork_store_find(helper->store, request->key);
	struct spork_analyser *analyser;
	bool assumed;

	if (!entry || spork_analyser_create(NULL, &analyser))
		return;
	if (never_execs(analyser, &question, &sender, &assumed) && entry->converted == 0) {
		if (assumed)
			spork_store_doubt(entry);
		else
			spork_store_set(entry, SPORK_VERDICT_FORK);
	}
	spork_analyser_destroy(analyser);
}

static void analyse(
	struct helper *helper, const struct spork_context_request *request, pid_t sender)
{
	struct context context = {.module_count = 0};
	size_t frames = 0;

	if (!helper->store || request->count > SPORK_CHAIN_FRAMES)
		return;
	for (; frames < request->count; frames++) {
		const struct spork_context_frame *frame = &request->frames[frames];
		int module = -1;

		if (frame->path[0] == '/' && memchr(frame->path, '\0', sizeof(frame->path)))
			module = context_module(&context, frame);
		if (module < 0)
			break;
		context.frames[frames] = (struct spork_analysis_frame){.module = (size_t)module,
			.address = frame->offset + spork_image_lowest(context.images[module]),
			.cfa = frame->frame};
	}
	if (frames > 1)
		judge(helper, request, &context, frames, sender);
	for (size_t i = 0; i < context.module_count; i++)
		spork_image_close(context.images[i]);
}

/* ---- Requests ------------------------------------------------------------------------------------------------- */

union datagram {
	struct spork_request code[SPORK_REQUESTS_MAX];
	struct spork_context_request context;
	struct spork_program_request program;
};

static bool is_path(const char *text, size_t size_bytes)
{
	return text[0] == '/' && memchr(text, '\0', size_bytes) != NULL;
}

static void answer(
	struct helper *helper, const union datagram *datagram, size_t size_bytes, pid_t sender)
{
	if (size_bytes == sizeof(datagram->context) &&
		datagram->context.magic == SPORK_CONTEXT_MAGIC) {
		analyse(helper, &datagram->context, sender);
		return;
	}
	if (size_bytes == sizeof(datagram->program) &&
		datagram->program.magic == SPORK_PROGRAM_MAGIC) {
		if (helper->store &&
			is_path(datagram->program.path, sizeof(datagram->program.path)))
			leaf_find_out(helper->store->programs, datagram->program.path);
		return;
	}
	if (size_bytes % sizeof(datagram->code[0]))
		return;
	for (size_t i = 0; i < size_bytes / sizeof(datagram->code[0]); i++) {
		const struct spork_request *code = &datagram->code[i];

		if (code->magic == SPORK_REQUEST_MAGIC && code->id.length > 0 &&
			code->id.length <= sizeof(code->id.bytes) &&
			is_path(code->path, sizeof(code->path)))
			translate(helper, code);
	}
}

/* True if there was a request. Only those of our own user count. */
static bool serve(struct helper *helper)
{
	static union datagram datagram;
	struct iovec vector = {&datagram, sizeof(datagram)};
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
	if (sender.uid == geteuid())
		answer(helper, &datagram, (size_t)got, sender.pid);
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

/* All descriptors but the first three and those that the helper needs. */
static void close_others(const struct service *service)
{
	const int kept[] = {service->socket_fd, service->program_fd, service->alive_fd};
	unsigned from = 3;

	for (;;) {
		unsigned next = ~0U;

		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
			if (kept[i] >= (int)from && (unsigned)kept[i] < next)
				next = (unsigned)kept[i];
		}
		if (next > from)
			(void)close_range(from, next - (next != ~0U), 0);
		if (next == ~0U)
			break;
		from = next + 1;
	}
}

static void leave_caller(const struct service *service)
{
	int null = open("/dev/null", O_RDWR);
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		(void)dup2(null, fd);
	close_others(service);
	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &action, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	(void)chdir("/");
	(void)prctl(PR_SET_NAME, "spork-helper");
	(void)setpriority(PRIO_PROCESS, 0, NICE);
}

void service_run(const struct service *service)
{
	static struct helper helper;
	char path[4096];

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
		if (pid == 0) {
			leave_caller(service);
			service_run(service);
		}
		_exit(pid < 0 ? 1 : 0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return hb_error_set(reterr, -EAGAIN, "cannot start the helper: no process left");
	return 0;
}
