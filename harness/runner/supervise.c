/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include <hotbed/assert.h>
#include <hotbed/clock.h>
#include <hotbed/error.h>

#include "launch.h"
#include "plan_build.h"
#include "proc_tree.h"

#define TICK_MS 200
#define GRACE_NS INT64_C(2000000000)
#define CHILDREN_MAX 1024
#define SWEEP_ROUNDS_MAX 1000
#define REAP_WAIT_NS INT64_C(2000000000)
/* What a pipe can hold at its end: more than that is still being written by a stray. */
#define DRAIN_BYTES_MAX ((size_t)1 << 20)
#define READ_BYTES 65536

enum channel {
	CHANNEL_EXIT,
	CHANNEL_RESULT,
	CHANNEL_OUTPUT,
	CHANNEL_COUNT,
};

struct trial {
	struct hb_supervisor *supervisor;
	struct trial *next;
	struct hb_supervise_trial spec;
	hb_supervise_fn *done;
	void *user;
	pid_t pid;
	int fds[CHANNEL_COUNT];
	uv_poll_t polls[CHANNEL_COUNT];
	int open_handles;
	int64_t start_wall_ns, start_ns, deadline_ns;
	int64_t kill_ns;       /* when SIGKILL follows SIGTERM; 0 = not asked to end */
	enum hb_status forced; /* why we ended it; HB_STATUS_OK = we did not */
	char forced_detail[HB_PROTOCOL_DETAIL_BYTES / 2];
	struct hb_protocol protocol;
	char *output;
	size_t output_bytes;
	uint64_t output_total_bytes;
	char tmpdir[512];
};

struct hb_supervisor {
	uv_loop_t loop;
	uv_timer_t tick;
	uv_signal_t signals[3];
	hb_supervise_event_fn *event;
	void *user;
	struct trial *trials;
	size_t running;
	pid_t *spared; /* children we had before the first trial: none of our business */
	size_t spared_count;
	char tmp_root[400];
	uint64_t memory_bytes;
	char buffer[READ_BYTES];
};

/* ---- folders ---- */

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)ftw;
	/* A folder that the trial made unreadable can still be removed once its owner may enter it. */
	if (type == FTW_DNR)
		(void)chmod(path, 0700);
	(void)remove(path);
	return 0;
}

static void remove_tree(const char *path)
{
	if (rmdir(path) == 0 || errno == ENOENT)
		return;
	for (int tries = 0; tries < 3 && access(path, F_OK) == 0; tries++)
		(void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* The name carries the run's random id; should somebody have made it before us nevertheless, we do not use it. */
static int make_root(const char *path, struct hb_error *reterr)
{
	struct stat info;

	if (mkdir(path, 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return hb_error_set_at(reterr, -errno, path, 0,
			"cannot make the folder for the trials' temporary files: %s; set TMPDIR to "
			"one "
			"that you may write to",
			strerror(errno));
	if (lstat(path, &info) < 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid())
		return hb_error_set_at(
			reterr, -EPERM, path, 0, "it is there already and not ours; remove it");
	remove_tree(path);
	if (mkdir(path, 0700) < 0)
		return hb_error_set_at(
			reterr, -errno, path, 0, "cannot empty it: %s", strerror(errno));
	return 0;
}

/* The group, and the driver itself in case it left the group. */
static void send_signal(const struct trial *t, int signal)
{
	(void)kill(-t->pid, signal);
	(void)kill(t->pid, signal);
}

/* ---- strays ---- */

static bool is_trial(const struct hb_supervisor *s, pid_t pid)
{
	for (const struct trial *t = s->trials; t; t = t->next)
		if (t->pid == pid)
			return true;
	return false;
}

static bool is_spared(const struct hb_supervisor *s, pid_t pid)
{
	for (size_t i = 0; i < s->spared_count; i++)
		if (s->spared[i] == pid)
			return true;
	return false;
}

static void reap(pid_t pid)
{
	int64_t until_ns = hb_clock_now_ns() + REAP_WAIT_NS;
	struct timespec pause = {0, 200000};

	while (waitpid(pid, NULL, WNOHANG) == 0 && hb_clock_now_ns() < until_ns)
		(void)nanosleep(&pause, NULL);
}

static bool childless(const struct hb_supervisor *s)
{
	siginfo_t info;

	return s->running == 0 && s->spared_count == 0 &&
	       waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

/*
 * Kill what a trial left behind: descendants that called setsid are now our children, and killing one makes its
 * children ours, until none is left. While other trials run beside it, only processes with this trial's private
 * folder in their environment are taken; the last one to end takes the rest.
 */
static size_t sweep(struct hb_supervisor *s, const char *tmpdir)
{
	pid_t children[CHILDREN_MAX];
	char mark[600];
	size_t strays = 0;

	if (childless(s))
		return 0;
	(void)snprintf(mark, sizeof(mark), "TMPDIR=%s", tmpdir);
	for (int round = 0; round < SWEEP_ROUNDS_MAX; round++) {
		size_t count = hb_proc_children(getpid(), children, CHILDREN_MAX), killed = 0;

		for (size_t i = 0; i < count; i++) {
			if (is_trial(s, children[i]) || is_spared(s, children[i]))
				continue;
			if (s->running > 0 && !hb_proc_has_environment(children[i], mark)) {
				(void)waitpid(children[i], NULL, WNOHANG);
				continue;
			}
			(void)kill(children[i], SIGKILL);
			children[killed++] = children[i];
		}
		for (size_t i = 0; i < killed; i++)
			reap(children[i]);
		strays += killed;
		if (killed == 0)
			break;
	}
	return strays;
}

/* ---- what a trial sends ---- */

static void keep_output(struct trial *t, const char *bytes, size_t length_bytes)
{
	size_t room = HB_SUPERVISE_OUTPUT_BYTES_MAX - t->output_bytes;
	size_t part = length_bytes < room ? length_bytes : room;

	t->output_total_bytes += length_bytes;
	if (part == 0)
		return;
	if (!t->output && !(t->output = malloc(HB_SUPERVISE_OUTPUT_BYTES_MAX)))
		return; /* the count still tells that there was something */
	memcpy(t->output + t->output_bytes, bytes, part);
	t->output_bytes += part;
}

/* One read. Returns the bytes taken; 0 at the end of the stream or if there is nothing. */
static size_t take(struct trial *t, enum channel channel, bool *ret_end)
{
	char *buffer = t->supervisor->buffer;
	ssize_t got;

	do {
		got = read(t->fds[channel], buffer, READ_BYTES);
	} while (got < 0 && errno == EINTR);
	*ret_end = got == 0 || (got < 0 && errno != EAGAIN);
	if (got <= 0)
		return 0;
	if (channel == CHANNEL_RESULT)
		hb_protocol_feed(&t->protocol, buffer, (size_t)got);
	else
		keep_output(t, buffer, (size_t)got);
	return (size_t)got;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct trial *t = poll->data;
	enum channel channel = poll == &t->polls[CHANNEL_RESULT] ? CHANNEL_RESULT : CHANNEL_OUTPUT;
	bool end = false;

	(void)status;
	(void)events;
	(void)take(t, channel, &end);
	if (end)
		(void)uv_poll_stop(poll);
	if (t->protocol.broken && t->kill_ns == 0) {
		/* Nothing it could still say would count. */
		send_signal(t, SIGKILL);
		t->kill_ns = INT64_MAX;
	}
}

/* ---- the end of a trial ---- */

static void on_closed(uv_handle_t *handle)
{
	struct trial *t = handle->data;

	if (--t->open_handles > 0)
		return;
	hb_protocol_finish(&t->protocol);
	free(t->output);
	free(t);
}

static void unlink_trial(struct trial *t)
{
	struct trial **at = &t->supervisor->trials;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	t->supervisor->running--;
}

static enum hb_status conclude(struct trial *t, int wait_status)
{
	struct hb_protocol_end end = {
		.signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0,
		.exit_code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0,
	};

	if (t->forced == HB_STATUS_OK)
		return hb_protocol_close(&t->protocol, &end);
	(void)snprintf(t->protocol.detail, sizeof(t->protocol.detail), "%s in %s", t->forced_detail,
		hb_phase_names[t->protocol.phase]);
	return t->forced;
}

static void on_exit_readable(uv_poll_t *poll, int status, int events)
{
	struct trial *t = poll->data;
	struct hb_supervisor *s = t->supervisor;
	int wait_status = 0;
	int64_t wall_ns = hb_clock_now_ns() - t->start_ns;

	(void)status;
	(void)events;
	/* Its zombie holds the group's number until we reap it: the group we kill is still its own. */
	(void)kill(-t->pid, SIGKILL);
	while (waitpid(t->pid, &wait_status, 0) < 0 && errno == EINTR)
		;
	for (int c = CHANNEL_RESULT; c < CHANNEL_COUNT; c++) {
		bool end = false;

		for (size_t got = 0, n = 1; n > 0 && !end && got < DRAIN_BYTES_MAX; got += n)
			n = take(t, (enum channel)c, &end);
	}
	for (int c = 0; c < CHANNEL_COUNT; c++) {
		uv_close((uv_handle_t *)&t->polls[c], on_closed);
		(void)close(t->fds[c]);
	}
	unlink_trial(t);
	size_t strays = sweep(s, t->tmpdir);

	remove_tree(t->tmpdir);
	const struct hb_supervise_result result = {
		.status = conclude(t, wait_status),
		.protocol = &t->protocol,
		.start_wall_ns = t->start_wall_ns,
		.wall_ns = wall_ns,
		.output = t->output,
		.output_bytes = t->output_bytes,
		.output_total_bytes = t->output_total_bytes,
		.strays = strays,
	};

	t->done(&result, t->user);
}

/* ---- limits ---- */

__attribute__((format(printf, 4, 5))) static void end_trial(
	struct trial *t, enum hb_status status, int signal, const char *format, ...)
{
	va_list arguments;

	t->forced = status;
	va_start(arguments, format);
	(void)vsnprintf(t->forced_detail, sizeof(t->forced_detail), format, arguments);
	va_end(arguments);
	send_signal(t, signal);
	t->kill_ns = signal == SIGKILL ? INT64_MAX : hb_clock_now_ns() + GRACE_NS;
}

static void check_memory(struct hb_supervisor *s, struct trial *t)
{
	/* Alone, strays count too: they are our children. Beside others only its own descendants are known. */
	uint64_t used = hb_proc_tree_rss(s->running == 1 ? getpid() : t->pid);
	uint64_t limit = t->spec.memory_limit_bytes;

	if (limit > 0 && used > limit) {
		end_trial(t, HB_STATUS_OOM, SIGKILL,
			"%.2f GiB resident, %.2f GiB are allowed at this point,",
			(double)used / (1 << 30), (double)limit / (1 << 30));
		return;
	}
	/* Looking at the machine's memory takes time: only when this trial could be what exhausts it. */
	if (used < s->memory_bytes / 4)
		return;
	uint64_t left = hb_plan_free_bytes();

	if (left > 0 && left < s->memory_bytes / 50)
		end_trial(t, HB_STATUS_OOM, SIGKILL,
			"%.2f GiB resident, and the machine's memory is exhausted,",
			(double)used / (1 << 30));
}

static void on_tick(uv_timer_t *timer)
{
	struct hb_supervisor *s = timer->data;
	int64_t now_ns = hb_clock_now_ns();

	for (struct trial *t = s->trials; t; t = t->next) {
		if (t->kill_ns > 0 && now_ns >= t->kill_ns)
			send_signal(t, SIGKILL);
		else if (t->kill_ns == 0 && now_ns >= t->deadline_ns)
			end_trial(t, HB_STATUS_TIMEOUT, SIGTERM, "no end within %.3g s",
				(double)t->spec.deadline_ns / 1e9);
		else if (t->kill_ns == 0)
			check_memory(s, t);
	}
	if (s->event)
		s->event(0, s->user);
}

static void on_signal(uv_signal_t *handle, int signal)
{
	struct hb_supervisor *s = handle->data;

	if (s->event)
		s->event(signal, s->user);
}

/* ---- starting ---- */

static int launch(struct trial *t, int result_write, int output_write, struct hb_error *reterr)
{
	const struct hb_supervise_trial *spec = &t->spec;
	const struct hb_plan_experiment *e = spec->experiment;
	char seed[24], experiment[256];
	const char *argv[24];
	size_t n = 0;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	(void)snprintf(seed, sizeof(seed), "%llu", (unsigned long long)spec->seed);
	(void)snprintf(experiment, sizeof(experiment), "%.*s", (int)strcspn(e->experiment, ":"),
		e->experiment);
	const char *const fixed[] = {spec->path, "--trial", "--experiment", experiment, "--variant",
		spec->variant, "--params", spec->params, "--seed", seed, "--result-fd", "3",
		"--tmpdir", t->tmpdir};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		argv[n++] = fixed[i];
	if (spec->cpus) {
		argv[n++] = "--cpus";
		argv[n++] = spec->cpus;
	}
	if (spec->quick)
		argv[n++] = "--quick";
	if (spec->sabotage)
		argv[n++] = "--sabotage";
	argv[n] = NULL;
	const struct hb_launch how = {
		.path = spec->path,
		.argv = argv,
		.tmpdir = t->tmpdir,
		.output_fd = output_write,
		.error_fd = output_write,
		.result_fd = result_write,
		/* All CPUs busy from start to deadline is what a trial may use. */
		.cpu_limit_s = (uint64_t)(spec->deadline_ns / 1000000000 + 3) *
			       (uint64_t)(cpus > 0 ? cpus : 1),
	};

	t->start_wall_ns = hb_clock_wall_ns();
	t->start_ns = hb_clock_now_ns();
	t->deadline_ns = t->start_ns + spec->deadline_ns;
	return hb_launch(&how, &t->pid, &t->fds[CHANNEL_EXIT], reterr);
}

static int watch(struct trial *t)
{
	static const uv_poll_cb callbacks[CHANNEL_COUNT] = {
		on_exit_readable, on_readable, on_readable};

	for (int c = 0; c < CHANNEL_COUNT; c++) {
		int error = uv_poll_init(&t->supervisor->loop, &t->polls[c], t->fds[c]);

		if (error)
			return error;
		t->polls[c].data = t;
		t->open_handles++;
		error = uv_poll_start(&t->polls[c], UV_READABLE, callbacks[c]);
		if (error)
			return error;
	}
	return 0;
}

static void abandon(struct trial *t)
{
	for (int c = 0; c < CHANNEL_COUNT; c++)
		if (t->fds[c] >= 0)
			(void)close(t->fds[c]);
	remove_tree(t->tmpdir);
	hb_protocol_finish(&t->protocol);
	free(t);
}

static int prepare(struct trial *t, struct hb_error *reterr)
{
	int result_write = -1, output_write = -1;
	int error = hb_protocol_init(&t->protocol, t->spec.experiment, t->spec.variant);

	(void)snprintf(t->tmpdir, sizeof(t->tmpdir), "%s/%llu", t->supervisor->tmp_root,
		(unsigned long long)t->spec.seq);
	if (!error && mkdir(t->tmpdir, 0700) < 0)
		error = -errno;
	if (!error)
		error = hb_launch_pipe(&t->fds[CHANNEL_RESULT], &result_write);
	if (!error)
		error = hb_launch_pipe(&t->fds[CHANNEL_OUTPUT], &output_write);
	if (error)
		(void)hb_error_set_at(reterr, error, t->tmpdir, 0, "cannot prepare a trial: %s",
			strerror(-error));
	else
		error = launch(t, result_write, output_write, reterr);
	if (result_write >= 0)
		(void)close(result_write);
	if (output_write >= 0)
		(void)close(output_write);
	return error;
}

int hb_supervisor_start(struct hb_supervisor *s, const struct hb_supervise_trial *trial,
	hb_supervise_fn *done, void *user, struct hb_error *reterr)
{
	struct trial *t = calloc(1, sizeof(*t));

	hb_assert(s && trial && done);
	if (!t)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	t->supervisor = s;
	t->spec = *trial;
	t->done = done;
	t->user = user;
	for (int c = 0; c < CHANNEL_COUNT; c++)
		t->fds[c] = -1;
	int error = prepare(t, reterr);

	if (error) {
		abandon(t);
		return error;
	}
	t->next = s->trials;
	s->trials = t;
	s->running++;
	/* Fails only for descriptors that cannot be polled: pidfds and pipes always can. */
	error = watch(t);
	hb_assert(error == 0);
	return 0;
}

size_t hb_supervisor_running(const struct hb_supervisor *s)
{
	return s->running;
}

void hb_supervisor_run(struct hb_supervisor *s)
{
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
}

void hb_supervisor_stop(struct hb_supervisor *s)
{
	uv_stop(&s->loop);
}

void hb_supervisor_interrupt(struct hb_supervisor *s)
{
	for (struct trial *t = s->trials; t; t = t->next)
		if (t->forced == HB_STATUS_OK)
			end_trial(t, HB_STATUS_INTERRUPTED, SIGKILL, "the run was interrupted");
}

/* ---- the supervisor itself ---- */

static int note_children(struct hb_supervisor *s)
{
	pid_t children[CHILDREN_MAX];
	size_t count = hb_proc_children(getpid(), children, CHILDREN_MAX);

	s->spared = malloc((count + 1) * sizeof(*s->spared));
	if (!s->spared)
		return -ENOMEM;
	memcpy(s->spared, children, count * sizeof(*children));
	s->spared_count = count;
	return 0;
}

static int start_loop(struct hb_supervisor *s)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	int error = uv_loop_init(&s->loop);

	if (error)
		return error;
	(void)uv_timer_init(&s->loop, &s->tick);
	s->tick.data = s;
	error = uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
	for (size_t i = 0; i < 3; i++) {
		int failed = uv_signal_init(&s->loop, &s->signals[i]);

		s->signals[i].data = s;
		if (!failed)
			failed = uv_signal_start(&s->signals[i], on_signal, numbers[i]);
		error = error ? error : failed;
	}
	return error;
}

int hb_supervisor_create(struct hb_supervisor **ret, const char *tmp_root,
	hb_supervise_event_fn *event, void *user, struct hb_error *reterr)
{
	struct sysinfo info;
	struct hb_supervisor *s = calloc(1, sizeof(*s));

	if (!s)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	s->event = event;
	s->user = user;
	if (sysinfo(&info) == 0)
		s->memory_bytes = (uint64_t)info.totalram * info.mem_unit;
	if ((size_t)snprintf(s->tmp_root, sizeof(s->tmp_root), "%s", tmp_root) >=
		sizeof(s->tmp_root)) {
		free(s);
		return hb_error_set_at(reterr, -ENAMETOOLONG, tmp_root, 0, "the path is too long");
	}
	int error = make_root(tmp_root, reterr);

	if (error) {
		free(s);
		return error;
	}
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)signal(SIGPIPE, SIG_IGN);
	error = note_children(s);
	if (!error)
		error = start_loop(s);
	if (error) {
		free(s->spared);
		free(s);
		return hb_error_set(
			reterr, error, "cannot start the event loop: %s", uv_strerror(error));
	}
	*ret = s;
	return 0;
}

static void close_handle(uv_handle_t *handle, void *user)
{
	(void)user;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void hb_supervisor_destroy(struct hb_supervisor *s)
{
	if (!s)
		return;
	hb_assert(s->running == 0);
	uv_walk(&s->loop, close_handle, NULL);
	while (uv_run(&s->loop, UV_RUN_DEFAULT) != 0)
		; /* an earlier uv_stop() ends it before all handles are closed */
	(void)uv_loop_close(&s->loop);
	remove_tree(s->tmp_root);
	free(s->spared);
	free(s);
}
