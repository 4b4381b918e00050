/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/clock.h>
#include <hotbed/error.h>

#include "launch.h"

struct stream {
	int fd;
	char *text;
	size_t bytes, capacity, bytes_max;
};

/* Take what is there. Returns 1 at the end of the stream, 0 for more to come, -EFBIG, -ENOMEM. */
static int drain(struct stream *s)
{
	for (;;) {
		if (s->capacity - s->bytes < 4096 && s->capacity < s->bytes_max + 4096) {
			size_t capacity = s->capacity ? 2 * s->capacity : 16384;
			char *grown = realloc(s->text, capacity);

			if (!grown)
				return -ENOMEM;
			s->text = grown;
			s->capacity = capacity;
		}
		ssize_t got = read(s->fd, s->text + s->bytes, s->capacity - s->bytes - 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (got == 0)
			return 1;
		s->bytes += (size_t)got;
		if (s->bytes > s->bytes_max)
			return -EFBIG;
	}
}

/* Until the program has ended (@pidfd) or the time is up; the pipes may outlive it in a stray's hands. */
static int follow(int pidfd, struct stream *output, struct stream *errors, int64_t deadline_ns)
{
	bool ended = false;

	while (!ended) {
		struct pollfd fds[3] = {
			{.fd = pidfd, .events = POLLIN},
			{.fd = output->fd, .events = POLLIN},
			{.fd = errors->fd, .events = POLLIN},
		};
		int64_t left_ms = (deadline_ns - hb_clock_now_ns()) / 1000000;

		if (left_ms <= 0)
			return -ETIMEDOUT;
		if (poll(fds, 3, (int)left_ms) < 0 && errno != EINTR)
			return -errno;
		ended = fds[0].revents != 0;
		struct stream *streams[2] = {output, errors};

		for (int i = 0; i < 2; i++) {
			int done = streams[i]->fd < 0 ? 0 : drain(streams[i]);

			if (done == -EFBIG && i == 1)
				done = 1; /* enough of standard error */
			if (done < 0)
				return done;
			if (done) {
				(void)close(streams[i]->fd);
				streams[i]->fd = -1;
			}
		}
	}
	return 0;
}

static void keep_line(const struct stream *errors, char *ret, size_t size_bytes)
{
	size_t i = 0;

	for (; i < errors->bytes && i < size_bytes - 1 && errors->text[i] != '\n'; i++)
		ret[i] = (unsigned char)errors->text[i] < ' ' ? ' ' : errors->text[i];
	ret[i] = '\0';
}

static int open_stream(struct stream *s, int *ret_write)
{
	int error = hb_launch_pipe(&s->fd, ret_write);

	if (error)
		return error;
	(void)fcntl(s->fd, F_SETFL, O_NONBLOCK);
	return 0;
}

static int run(const char *const *argv, int64_t timeout_ms, struct stream *output,
	struct stream *errors, int *ret_status, struct hb_error *reterr)
{
	int write_output = -1, write_errors = -1, pidfd, status;
	pid_t pid;
	int error = open_stream(output, &write_output);

	if (!error)
		error = open_stream(errors, &write_errors);
	if (error)
		(void)hb_error_set_at(
			reterr, error, argv[0], 0, "cannot make a pipe: %s", strerror(-error));
	const struct hb_launch launch = {
		.path = argv[0],
		.argv = argv,
		.output_fd = write_output,
		.error_fd = write_errors,
		.result_fd = -1,
	};

	if (!error)
		error = hb_launch(&launch, &pid, &pidfd, reterr);
	if (write_output >= 0)
		(void)close(write_output);
	if (write_errors >= 0)
		(void)close(write_errors);
	if (error)
		return error;
	error = follow(pidfd, output, errors, hb_clock_now_ns() + timeout_ms * 1000000);
	if (error)
		(void)hb_error_set_at(reterr, error, argv[0], 0, "%s: %s", argv[1],
			error == -ETIMEDOUT ? "no end within its time; killed"
			: error == -EFBIG   ? "it prints without end; killed"
					    : strerror(-error));
	(void)kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	(void)close(pidfd);
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	return error;
}

int hb_capture(const char *const *argv, int64_t timeout_ms, size_t output_bytes_max,
	struct hb_capture *ret, struct hb_error *reterr)
{
	struct stream output = {.fd = -1, .bytes_max = output_bytes_max};
	struct stream errors = {.fd = -1, .bytes_max = 8192};
	int status = 0;

	hb_assert(argv[0] && argv[1] && timeout_ms > 0);
	int error = run(argv, timeout_ms, &output, &errors, &status, reterr);

	if (output.fd >= 0)
		(void)close(output.fd);
	if (errors.fd >= 0)
		(void)close(errors.fd);
	if (!error && !output.text && !(output.text = calloc(1, 1)))
		error = hb_error_set_at(reterr, -ENOMEM, argv[0], 0, "out of memory");
	if (error) {
		free(output.text);
		free(errors.text);
		return error;
	}
	output.text[output.bytes] = '\0';
	*ret = (struct hb_capture){
		.output = output.text, .output_bytes = output.bytes, .status = status};
	keep_line(&errors, ret->error_line, sizeof(ret->error_line));
	free(errors.text);
	return 0;
}
