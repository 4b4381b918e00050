/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Nothing is left: not after a command, not after a sandbox, not after a caller that died.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sandbox_test.h"

static void pause_ms(long milliseconds)
{
	struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};

	(void)nanosleep(&time, NULL);
}

/* Wait until @count processes have @marker as an argument; at most 20 s. */
static bool reaches(const char *marker, unsigned count)
{
	for (int i = 0; i < 2000; i++) {
		if (processes_count(marker) == count)
			return true;
		pause_ms(10);
	}
	return false;
}

static unsigned open_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(folder))
		count++;
	(void)closedir(folder);
	return count;
}

static unsigned lines(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned count = 0;

	for (int c; (c = fgetc(file)) != EOF;)
		count += c == '\n';
	(void)fclose(file);
	return count;
}

static struct hb_sandbox *create(void)
{
	struct hb_sandbox *sandbox = NULL;
	struct hb_error error = {0};

	cr_assert_eq(hb_sandbox_create(NULL, &sandbox, &error), 0, "%s", error.text);
	return sandbox;
}

static struct hb_sandbox_result run_in(struct hb_sandbox *sandbox, const char *script)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct hb_sandbox_command command = {.argv = argv};
	struct hb_sandbox_result result = {0};
	struct hb_error error = {0};

	cr_assert_eq(hb_sandbox_run(sandbox, &command, &result, &error), 0, "%s", error.text);
	return result;
}

Test(lifetime, descriptors_children_and_mounts_are_all_returned)
{
	unsigned descriptors = open_descriptors(), mounts = lines("/proc/self/mountinfo");

	for (int i = 0; i < 20; i++) {
		struct hb_sandbox_result result = run_script(NULL, "true");

		hb_sandbox_result_finish(&result);
	}
	cr_assert_eq(open_descriptors(), descriptors);
	cr_assert_eq(lines("/proc/self/mountinfo"), mounts);
	cr_assert(waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD);
}

Test(lifetime, failures_return_them_too)
{
	static const struct hb_sandbox_mount missing = {
		HB_SANDBOX_READ_ONLY, "/nonexistent", "/mnt", NULL};
	struct hb_sandbox_spec spec = {.mounts = &missing, .mounts_count = 1};
	const char *argv[] = {"/nonexistent", NULL};
	struct hb_sandbox_command command = {.argv = argv};
	struct hb_sandbox_result result;
	struct hb_error error = {0};
	unsigned descriptors = open_descriptors();

	for (int i = 0; i < 5; i++) {
		cr_assert_eq(hb_sandbox_run_once(&spec, &command, &result, &error), -ENOENT);
		cr_assert_str_eq(error.path, "/nonexistent");
		cr_assert_eq(hb_sandbox_run_once(NULL, &command, &result, &error), -ENOENT);
	}
	cr_assert_eq(open_descriptors(), descriptors);
	cr_assert(waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD);
}

Test(lifetime, the_callers_own_children_are_left_alone)
{
	struct hb_sandbox_result result;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(7);
	result = run_script(NULL, "true");
	hb_sandbox_result_finish(&result);
	cr_assert_eq(waitpid(-1, &status, 0), pid);
	cr_assert_eq(WEXITSTATUS(status), 7);
}

Test(lifetime, what_a_command_leaves_running_is_ended_with_it)
{
	struct hb_sandbox_result result;
	char marker[64], script[512];

	(void)snprintf(marker, sizeof(marker), "hotbed-left-%d", (int)getpid());
	(void)snprintf(script, sizeof(script),
		"sh -c 'trap \"\" HUP TERM; while :; do sleep 1; done' %s & "
		"setsid sh -c 'setsid sleep 300 & sleep 300; :' %s >/dev/null 2>&1 & "
		"sleep 0.1; [ $(grep -lz %s /proc/[0-9]*/cmdline | wc -l) -ge 4 ] && echo started",
		marker, marker, marker);
	result = run_script(NULL, script);
	/* Both, the shell that holds the script, and grep were alive, and perhaps a shell about to become grep. */
	cr_assert_str_eq(result.output, "started\n", "%s", result.output);
	cr_assert_eq(result.exit_status, 0);
	cr_assert_eq(processes_count(marker), 0);
	hb_sandbox_result_finish(&result);
}

Test(lifetime, commands_of_one_sandbox_leave_each_other_nothing)
{
	struct hb_sandbox *sandbox = create();

	for (int i = 0; i < 3; i++) {
		struct hb_sandbox_result result = run_in(sandbox,
			"find /tmp ~ /var/tmp -mindepth 1; ls -d /left 2>/dev/null; set -- "
			"/proc/[0-9]*; echo "
			"$#; "
			"echo x >/left; echo x >/tmp/left; echo x >>/etc/passwd; sleep 300 & "
			"grep -c . /etc/passwd");

		cr_assert_str_eq(result.output, "1\n4\n", "%s", result.output);
		hb_sandbox_result_finish(&result);
	}
	hb_sandbox_destroy(sandbox);
}

Test(lifetime, a_batch_gives_a_result_per_command)
{
	struct hb_sandbox *sandbox = create();
	const char *scripts[3][4] = {{"sh", "-c", "exit 1", NULL}, {"sh", "-c", "echo two", NULL},
		{"sh", "-c", "cat", NULL}};
	struct hb_sandbox_command commands[3] = {{.argv = scripts[0]}, {.argv = scripts[1]},
		{.argv = scripts[2], .input = "in", .input_bytes = 2}};
	struct hb_sandbox_result results[3];
	struct hb_error error = {0};
	static const char *const missing[] = {"/nonexistent", NULL};

	cr_assert_eq(hb_sandbox_run_batch(sandbox, commands, 3, results, &error), 0);
	cr_assert_eq(results[0].exit_status, 1);
	cr_assert_str_eq(results[1].output, "two\n");
	cr_assert_str_eq(results[2].output, "in");
	for (int i = 0; i < 3; i++)
		hb_sandbox_result_finish(&results[i]);
	commands[1].argv = missing;
	cr_assert_eq(hb_sandbox_run_batch(sandbox, commands, 3, results, &error), -ENOENT);
	cr_assert_not_null(strstr(error.text, "command 1"), "%s", error.text);
	hb_sandbox_destroy(sandbox);
}

Test(lifetime, a_sandbox_survives_a_command_that_cannot_start)
{
	struct hb_sandbox *sandbox = create();
	const char *argv[] = {"true", NULL};
	struct hb_sandbox_command command = {.argv = argv, .directory = "/nonexistent"};
	struct hb_sandbox_result result;
	struct hb_error error = {0};

	cr_assert_eq(hb_sandbox_run(sandbox, &command, &result, &error), -ENOENT);
	cr_assert_not_null(strstr(error.text, "/nonexistent"));
	result = run_in(sandbox, "echo alive");
	cr_assert_str_eq(result.output, "alive\n");
	hb_sandbox_result_finish(&result);
	hb_sandbox_destroy(sandbox);
}

static void *create_in_thread(void *unused)
{
	(void)unused;
	return create();
}

Test(lifetime, a_sandbox_outlives_the_thread_that_made_it)
{
	pthread_t thread;
	void *sandbox;
	struct hb_sandbox_result result;

	cr_assert_eq(pthread_create(&thread, NULL, create_in_thread, NULL), 0);
	cr_assert_eq(pthread_join(thread, &sandbox), 0);
	pause_ms(50);
	result = run_in(sandbox, "echo alive");
	cr_assert_str_eq(result.output, "alive\n");
	hb_sandbox_result_finish(&result);
	hb_sandbox_destroy(sandbox);
}

static void *run_many(void *number)
{
	char script[64], expected[32];
	uintptr_t wrong = 0;

	(void)snprintf(
		script, sizeof(script), "echo %d; cat /proc/sys/kernel/hostname", *(int *)number);
	(void)snprintf(expected, sizeof(expected), "%d\nsandbox\n", *(int *)number);
	for (int i = 0; i < 10; i++) {
		struct hb_sandbox_result result = run_script(NULL, script);

		wrong += strcmp(result.output, expected) != 0;
		hb_sandbox_result_finish(&result);
	}
	return (void *)wrong;
}

Test(lifetime, threads_run_sandboxes_side_by_side)
{
	pthread_t threads[4];
	int numbers[4];

	for (int i = 0; i < 4; i++) {
		numbers[i] = i;
		cr_assert_eq(pthread_create(&threads[i], NULL, run_many, &numbers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		void *wrong;

		cr_assert_eq(pthread_join(threads[i], &wrong), 0);
		cr_assert_null(wrong);
	}
}

/* A caller in a process of its own, in the middle of a command with @marker as an argument. */
static pid_t caller_start(const char *marker)
{
	pid_t pid = fork();

	if (pid == 0) {
		const char *argv[] = {
			"sh", "-c", "trap '' HUP TERM; sh -c 'sleep 300; :' $0; :", marker, NULL};
		struct hb_sandbox_command command = {.argv = argv, .limits = {.wall_ns = 300 * S}};
		struct hb_sandbox_result result;

		(void)hb_sandbox_run_once(NULL, &command, &result, NULL);
		_exit(0);
	}
	cr_assert(pid > 0);
	return pid;
}

Test(lifetime, a_caller_killed_leaves_nothing)
{
	char marker[64];
	unsigned mounts = lines("/proc/self/mountinfo");
	pid_t caller;

	(void)snprintf(marker, sizeof(marker), "hotbed-killed-%d", (int)getpid());
	caller = caller_start(marker);
	cr_assert(reaches(marker, 2));
	cr_assert_eq(kill(caller, SIGKILL), 0);
	cr_assert_eq(waitpid(caller, NULL, 0), caller);
	cr_assert(reaches(marker, 0));
	cr_assert_eq(lines("/proc/self/mountinfo"), mounts);
}

Test(lifetime, a_stopped_callers_sandbox_still_ends_when_the_caller_does)
{
	char marker[64];
	pid_t caller;

	(void)snprintf(marker, sizeof(marker), "hotbed-stopped-%d", (int)getpid());
	caller = caller_start(marker);
	cr_assert(reaches(marker, 2));
	cr_assert_eq(kill(caller, SIGSTOP), 0);
	cr_assert_eq(kill(caller, SIGKILL), 0);
	cr_assert_eq(waitpid(caller, NULL, 0), caller);
	cr_assert(reaches(marker, 0));
}

/* PID 1 is the process whose parent is this one; commands are its children. */
static pid_t first_process(void)
{
	char path[64];
	FILE *file;
	int pid = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "re");
	cr_assert_not_null(file);
	cr_assert_eq(fscanf(file, "%d", &pid), 1);
	(void)fclose(file);
	return pid;
}

Test(lifetime, a_sandbox_whose_first_process_dies_says_so)
{
	struct hb_sandbox *sandbox = create();
	const char *argv[] = {"true", NULL};
	struct hb_sandbox_command command = {.argv = argv};
	struct hb_sandbox_result result;
	struct hb_error error = {0};

	cr_assert_eq(kill(first_process(), SIGKILL), 0);
	cr_assert_eq(hb_sandbox_run(sandbox, &command, &result, &error), -ECHILD);
	cr_assert_not_null(strstr(error.text, "ended"));
	cr_assert_eq(hb_sandbox_run(sandbox, &command, &result, &error), -ECHILD);
	hb_sandbox_destroy(sandbox);
}

Test(lifetime, a_sandbox_in_a_sandbox_is_refused_with_a_message)
{
	/* The search for leaks needs ptrace(), which is refused inside. */
	struct hb_sandbox_mount mount = {HB_SANDBOX_READ_ONLY, SANDBOX_RUN, "/opt/run", NULL};
	struct hb_sandbox_spec spec = {
		.mounts = &mount, .mounts_count = 1, .unlimited_address_space = true};
	struct hb_sandbox_result result =
		run_script(&spec, "ASAN_OPTIONS=detect_leaks=0 /opt/run -- echo nested");

	cr_assert_eq(result.exit_status, 125);
	cr_assert_eq(result.output_bytes, 0);
	cr_assert_not_null(strstr(result.error, "amespaces"), "%s", result.error);
	hb_sandbox_result_finish(&result);
}

Test(lifetime, signals_that_the_caller_ignores_work_inside)
{
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGCHLD, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	expect_output(NULL,
		"(kill -TERM $(sh -c 'echo $PPID'); echo alive); echo $?; yes | head -n 1",
		"143\ny\n");
}
