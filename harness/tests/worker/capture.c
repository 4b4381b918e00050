/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* Everything goes to files in memory: nothing can block the driver. */
struct files {
	int out, error, result;
};

static struct files open_files(void)
{
	struct files files = {
		.out = memfd_create("out", MFD_CLOEXEC),
		.error = memfd_create("error", MFD_CLOEXEC),
		.result = memfd_create("result", MFD_CLOEXEC),
	};

	cr_assert(files.out >= 0 && files.error >= 0 && files.result >= 0);
	return files;
}

static char *take(int fd)
{
	off_t length = lseek(fd, 0, SEEK_END);
	char *text = calloc(1, (size_t)length + 1);

	cr_assert(text && length >= 0);
	cr_assert_eq(pread(fd, text, (size_t)length, 0), length);
	(void)close(fd);
	return text;
}

static struct capture take_files(const struct files *files, int status)
{
	return (struct capture){
		.status = status,
		.out = take(files->out),
		.error = take(files->error),
		.result = take(files->result),
	};
}

struct capture capture_main(const struct hb_driver *driver, const char *const *argv)
{
	struct files files = open_files();
	int saved_out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 20);
	int saved_error = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 20);
	int argc = 0, status;

	while (argv[argc])
		argc++;
	(void)fflush(NULL);
	(void)dup2(files.out, STDOUT_FILENO);
	(void)dup2(files.error, STDERR_FILENO);
	(void)dup2(files.result, CAPTURE_RESULT_FD);
	status = hb_driver_main(driver, argc, (char **)argv);
	(void)fflush(NULL);
	(void)dup2(saved_out, STDOUT_FILENO);
	(void)dup2(saved_error, STDERR_FILENO);
	(void)close(saved_out);
	(void)close(saved_error);
	(void)close(CAPTURE_RESULT_FD);
	return take_files(&files, status);
}

struct capture capture_program(const char *const *argv, int timeout_ms)
{
	struct files files = open_files();
	struct pollfd poll_fd = {.events = POLLIN};
	int status = 0;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0) {
		(void)dup2(files.out, STDOUT_FILENO);
		(void)dup2(files.error, STDERR_FILENO);
		(void)dup2(files.result, CAPTURE_RESULT_FD);
		(void)execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	poll_fd.fd = pidfd_open(pid, 0);
	cr_assert(poll_fd.fd >= 0);
	if (poll(&poll_fd, 1, timeout_ms) <= 0)
		(void)kill(pid, SIGKILL);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	(void)close(poll_fd.fd);
	return take_files(&files, status);
}

void capture_finish(struct capture *capture)
{
	free(capture->out);
	free(capture->error);
	free(capture->result);
}

const char *const *capture_trial(const char *program, const char *experiment, const char *variant,
	const char *params, const char *more)
{
	static const char *argv[20];
	static char result_fd[16];

	(void)snprintf(result_fd, sizeof(result_fd), "%d", CAPTURE_RESULT_FD);
	const char *const filled[] = {program, "--trial", "--experiment", experiment, "--variant",
		variant, "--params", params, "--seed", "18446744073709551615", "--tmpdir", "/tmp",
		"--result-fd", result_fd, more, NULL};

	for (size_t i = 0; i < sizeof(filled) / sizeof(filled[0]); i++)
		argv[i] = filled[i];
	return argv;
}
