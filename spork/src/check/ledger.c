/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ledger.h"

#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECEIVE_BYTES (16 << 20)
#define EVENTS_MAX (1 << 20)
#define MESSAGE_BYTES 4096
#define ANSWER_MS 200
#define CORE_FLAG 0x80

enum happening { FORK, THREAD, EXEC, EXIT, SESSION, IDENTITY };

struct event {
	enum happening happening;
	pid_t pid, parent; /* parent: of FORK and THREAD */
	int status, exit_signal;
};

struct ledger_watch {
	int fd;
	bool lost;
	struct event *events;
	size_t count, capacity;
};

static bool tell(int fd, enum proc_cn_mcast_op op)
{
	_Alignas(struct nlmsghdr) char bytes[NLMSG_SPACE(sizeof(struct cn_msg) + sizeof(op))] = {0};
	const struct nlmsghdr header = {
		.nlmsg_len = NLMSG_LENGTH(sizeof(struct cn_msg) + sizeof(op)),
		.nlmsg_type = NLMSG_DONE};
	struct cn_msg message = {.id = {.idx = CN_IDX_PROC, .val = CN_VAL_PROC}, .len = sizeof(op)};

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + NLMSG_HDRLEN, &message, sizeof(message));
	memcpy(bytes + NLMSG_HDRLEN + sizeof(message), &op, sizeof(op));
	return send(fd, bytes, header.nlmsg_len, 0) == (ssize_t)header.nlmsg_len;
}

static void add(struct ledger_watch *watch, const struct event *event)
{
	if (watch->count == watch->capacity) {
		size_t wanted = watch->capacity ? watch->capacity * 2 : 1024;
		struct event *more =
			wanted > EVENTS_MAX ? NULL : realloc(watch->events, wanted * sizeof(*more));

		if (!more) {
			watch->lost = true;
			return;
		}
		watch->events = more;
		watch->capacity = wanted;
	}
	watch->events[watch->count++] = *event;
}

static void add_fork(struct ledger_watch *watch, const struct proc_event *event)
{
	bool thread = event->event_data.fork.child_pid != event->event_data.fork.child_tgid;

	add(watch, &(struct event){.happening = thread ? THREAD : FORK,
			   .pid = event->event_data.fork.child_tgid,
			   .parent = event->event_data.fork.parent_tgid});
}

/* Only of whole processes, which the first thread stands for. */
static void add_exit(struct ledger_watch *watch, const struct proc_event *event)
{
	if (event->event_data.exit.process_pid == event->event_data.exit.process_tgid)
		add(watch, &(struct event){.happening = EXIT,
				   .pid = event->event_data.exit.process_tgid,
				   .status = (int)event->event_data.exit.exit_code & ~CORE_FLAG,
				   .exit_signal = (int)event->event_data.exit.exit_signal});
}

/* Returns whether it is the answer to our request; *ret_err is what it says. */
static bool take(struct ledger_watch *watch, const struct proc_event *event, uint32_t *ret_err)
{
	switch ((uint32_t)event->what) {
	case 0 /* PROC_EVENT_NONE */:
		*ret_err = event->event_data.ack.err;
		return true;
	case PROC_EVENT_FORK:
		add_fork(watch, event);
		break;
	case PROC_EVENT_EXEC:
		add(watch, &(struct event){
				   .happening = EXEC, .pid = event->event_data.exec.process_tgid});
		break;
	case PROC_EVENT_SID:
		add(watch, &(struct event){.happening = SESSION,
				   .pid = event->event_data.sid.process_tgid});
		break;
	case PROC_EVENT_UID:
	case PROC_EVENT_GID:
		add(watch, &(struct event){.happening = IDENTITY,
				   .pid = event->event_data.id.process_tgid});
		break;
	case PROC_EVENT_EXIT:
		add_exit(watch, event);
		break;
	default:
		break;
	}
	return false;
}

/* One message; false if there is none. */
static bool receive(struct ledger_watch *watch, bool *ret_answer, uint32_t *ret_err)
{
	_Alignas(struct nlmsghdr) char bytes[MESSAGE_BYTES];
	ssize_t length = recv(watch->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	const struct nlmsghdr *header = (const struct nlmsghdr *)bytes;
	const struct cn_msg *message = NLMSG_DATA(header);
	struct proc_event event = {0};

	if (length < 0 && errno == ENOBUFS) {
		watch->lost = true;
		return true;
	}
	if (length < 0)
		return false;
	if ((size_t)length < NLMSG_LENGTH(sizeof(*message)) || message->id.idx != CN_IDX_PROC)
		return true;
	/* Events have grown over the years: what is not told stays zero. */
	length -= (ssize_t)NLMSG_LENGTH(sizeof(*message));
	memcpy(&event, message->data,
		(size_t)length < sizeof(event) ? (size_t)length : sizeof(event));
	*ret_answer |= take(watch, &event, ret_err);
	return true;
}

/* A kernel that does not answer (another namespace of process ids) will not tell anything either. */
static bool wait_for_answer(struct ledger_watch *watch)
{
	bool answer = false;
	uint32_t err = 0;

	for (int i = 0; i < ANSWER_MS && !answer; i++) {
		struct pollfd item = {.fd = watch->fd, .events = POLLIN};

		(void)poll(&item, 1, 1);
		while (!answer && receive(watch, &answer, &err))
			;
	}
	return answer && err == 0;
}

struct ledger_watch *ledger_open(const char **ret_absent)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
	struct ledger_watch *watch = calloc(1, sizeof(*watch));
	int size = RECEIVE_BYTES;

	*ret_absent = "no memory";
	if (!watch)
		return NULL;
	*ret_absent = "the kernel does not tell this user about processes (needs Linux 6.6 or "
		      "CAP_NET_ADMIN, outside of containers)";
	watch->fd =
		socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	if (watch->fd < 0) {
		free(watch);
		return NULL;
	}
	if (setsockopt(watch->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		(void)setsockopt(watch->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(watch->fd, (const struct sockaddr *)&address, sizeof(address)) ||
		!tell(watch->fd, PROC_CN_MCAST_LISTEN) || !wait_for_answer(watch)) {
		(void)close(watch->fd);
		free(watch->events);
		free(watch);
		return NULL;
	}
	*ret_absent = NULL;
	return watch;
}

void ledger_drain(struct ledger_watch *watch)
{
	bool answer = false;
	uint32_t err;

	while (watch && receive(watch, &answer, &err))
		;
}

/* ---- From events to lives ------------------------------------------------------------------------------------- */

struct process {
	pid_t pid;
	size_t parent; /* index */
	bool ended;
	struct spork_life life;
};

struct family {
	struct process *list;
	size_t count, capacity;
	bool full;
};

/* The youngest of this number: numbers come again. */
static struct process *find(struct family *family, pid_t pid)
{
	for (size_t i = family->count; i-- > 0;) {
		if (family->list[i].pid == pid)
			return &family->list[i];
	}
	return NULL;
}

static void add_process(struct family *family, pid_t pid, size_t parent)
{
	struct process *process;

	if (family->count == family->capacity) {
		size_t wanted = family->capacity ? family->capacity * 2 : 64;
		struct process *more = realloc(family->list, wanted * sizeof(*more));

		if (!more) {
			family->full = true;
			return;
		}
		family->list = more;
		family->capacity = wanted;
	}
	process = &family->list[family->count];
	*process = (struct process){.pid = pid, .parent = parent, .life = {.status = -1}};
	if (family->count > 0)
		process->life.depth = family->list[parent].life.depth + 1;
	family->count++;
}

static void apply(struct family *family, const struct event *event)
{
	struct process *process =
		find(family, event->happening == FORK ? event->parent : event->pid);

	if (!process)
		return;
	switch (event->happening) {
	case FORK:
		add_process(family, event->pid, (size_t)(process - family->list));
		break;
	case THREAD:
		process->life.threads++;
		break;
	case EXEC:
		/* Another thread that executes a program ends the first and takes its number. */
		process->ended = false;
		process->life.status = -1;
		process->life.execs++;
		break;
	case SESSION:
		process->life.sessions++;
		break;
	case IDENTITY:
		process->life.ids++;
		break;
	case EXIT:
		process->ended = true;
		process->life.status = event->status;
		process->life.exit_signal = event->exit_signal;
		break;
	}
}

static bool is_attempt(const struct process *process, const bool *has_children)
{
	return process->ended && process->life.exit_signal == 0 && process->life.execs == 0 &&
	       process->life.threads == 0 && !*has_children;
}

static int compare_lives(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct spork_life));
}

static void count(struct spork_ledger *ledger, const struct spork_life *life)
{
	ledger->lives[ledger->count++] = *life;
	ledger->threads += life->threads;
	ledger->execs += life->execs;
	ledger->sigchlds += life->status != -1 && life->exit_signal == SIGCHLD;
}

/* Children stand behind their parents, so that going back meets the leaves first. */
static void settle(struct family *family, struct spork_ledger *ret)
{
	bool *has_children = calloc(family->count, sizeof(*has_children));

	ret->lives = calloc(family->count, sizeof(*ret->lives));
	if (!ret->lives || !has_children) {
		ret->absent = "no memory";
		free(has_children);
		return;
	}
	for (size_t i = family->count; i-- > 0;) {
		const struct process *process = &family->list[i];

		if (i > 0 && is_attempt(process, &has_children[i])) {
			ret->attempts++;
			continue;
		}
		if (i > 0) {
			has_children[process->parent] = true;
			family->list[process->parent].life.children++;
		}
		count(ret, &process->life);
	}
	qsort(ret->lives, ret->count, sizeof(*ret->lives), compare_lives);
	free(has_children);
}

/* The process that executes the command, and where in the list its life begins. */
static pid_t root_of(const struct ledger_watch *watch, pid_t root, bool of_child, size_t *ret_start)
{
	*ret_start = 0;
	for (size_t i = 0; of_child && i < watch->count; i++) {
		if (watch->events[i].happening == FORK && watch->events[i].parent == root) {
			*ret_start = i + 1;
			return watch->events[i].pid;
		}
	}
	return root;
}

void ledger_close(struct ledger_watch *watch, pid_t root, bool of_child, const char *absent,
	struct spork_ledger *ret)
{
	struct family family = {0};
	size_t start;

	*ret = (struct spork_ledger){.absent = absent};
	if (!watch)
		return;
	ledger_drain(watch);
	(void)tell(watch->fd, PROC_CN_MCAST_IGNORE);
	(void)close(watch->fd);
	add_process(&family, root_of(watch, root, of_child, &start), 0);
	for (size_t i = start; i < watch->count && !family.full; i++)
		apply(&family, &watch->events[i]);
	if (watch->lost)
		ret->absent = "more happened than could be noted down";
	else if (family.full)
		ret->absent = "no memory";
	else
		settle(&family, ret);
	free(family.list);
	free(watch->events);
	free(watch);
}

void ledger_finish(struct spork_ledger *ledger)
{
	free(ledger->lives);
	*ledger = (struct spork_ledger){0};
}

/* ---- Comparing ------------------------------------------------------------------------------------------------- */

/* What stays of a life if its place and its children do not matter. */
static struct spork_life kind_of(const struct spork_life *life)
{
	struct spork_life kind = *life;

	kind.depth = kind.children = 0;
	return kind;
}

static size_t times(const struct spork_ledger *ledger, const struct spork_life *life, bool kinds)
{
	size_t found = 0;

	for (size_t i = 0; i < ledger->count; i++) {
		struct spork_life other = kinds ? kind_of(&ledger->lives[i]) : ledger->lives[i];

		found += compare_lives(&other, life) == 0;
	}
	return found;
}

/* A life of @a that @b has another number of times (as a kind: never); NULL if there is none. */
static const struct spork_life *missing(
	const struct spork_ledger *a, const struct spork_ledger *b, bool kinds)
{
	for (size_t i = 0; i < a->count; i++) {
		struct spork_life life = kinds ? kind_of(&a->lives[i]) : a->lives[i];

		if (i > 0 && compare_lives(&a->lives[i], &a->lives[i - 1]) == 0)
			continue;
		if (kinds ? times(b, &life, true) == 0
			  : times(a, &life, false) != times(b, &life, false))
			return &a->lives[i];
	}
	return NULL;
}

bool ledger_equal(const struct spork_ledger *a, const struct spork_ledger *b, bool kinds)
{
	if (kinds)
		return !missing(a, b, true) && !missing(b, a, true);
	return a->count == b->count &&
	       (a->count == 0 || memcmp(a->lives, b->lives, a->count * sizeof(*a->lives)) == 0);
}

static void describe_end(const struct spork_life *life, char *text, size_t size_bytes)
{
	if (life->status == -1)
		(void)snprintf(text, size_bytes, "did not end");
	else if (WIFSIGNALED(life->status))
		(void)snprintf(text, size_bytes, "killed by signal %d", WTERMSIG(life->status));
	else
		(void)snprintf(text, size_bytes, "status %d", WEXITSTATUS(life->status));
}

void ledger_describe(const struct spork_ledger *native, const struct spork_ledger *tested,
	bool kinds, char *text, size_t size_bytes)
{
	const struct spork_life *life = missing(native, tested, kinds);
	struct spork_life wanted;
	char end[64];

	if (!life)
		life = missing(tested, native, kinds);
	if (!life)
		return;
	wanted = kinds ? kind_of(life) : *life;
	describe_end(life, end, sizeof(end));
	(void)snprintf(text, size_bytes,
		"with fork %zu, with spork %zu processes of this kind: depth %u, %u programs "
		"executed, %s, "
		"exit signal %d, %u children, %u threads, %u sessions, %u changes of ids",
		times(native, &wanted, kinds), times(tested, &wanted, kinds), life->depth,
		life->execs, end, life->exit_signal, life->children, life->threads, life->sessions,
		life->ids);
}
