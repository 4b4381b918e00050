/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/trial.h>

#include "heap.h"
#include "target.h"

#define NONCE_STREAM 1
#define NONCE_BYTES 20
#define PROOFS 3

int spork_spawner_init(struct spork_spawner *spawner, struct hb_trial *trial,
	const struct spork_starter *starter, const struct spork_heap *heap,
	enum spork_target target)
{
	static const char name[] = "spork-target";
	ssize_t length;
	char *slash;

	*spawner = (struct spork_spawner){.starter = starter, .heap = heap, .target = target};
	hb_rng_init(&spawner->nonces, hb_trial_seed(trial), NONCE_STREAM);
	if (target == SPORK_TARGET_TRUE) {
		memcpy(spawner->path, "/bin/true", sizeof("/bin/true"));
	} else {
		length = readlink(
			"/proc/self/exe", spawner->path, sizeof(spawner->path) - sizeof(name));
		if (length < 0)
			return hb_trial_fail(
				trial, "cannot read /proc/self/exe: %s", strerror(errno));
		spawner->path[length] = '\0';
		slash = strrchr(spawner->path, '/');
		memcpy(slash ? slash + 1 : spawner->path, name, sizeof(name));
	}
	if (access(spawner->path, X_OK))
		return hb_trial_fail(trial, "%s: %s; build the project (./hotbed build)",
			spawner->path, strerror(errno));
	return 0;
}

static void draw_nonce(struct spork_spawner *spawner, char *nonce)
{
	(void)snprintf(nonce, NONCE_BYTES, "%016" PRIx64, hb_rng_u64(&spawner->nonces));
}

static int start(const struct spork_spawner *spawner, char *const *argv, pid_t *ret_pid)
{
	if (spawner->sabotaged)
		return spawner->starter->start_wrong(spawner->path, argv, spawner->heap, ret_pid);
	return spawner->starter->start(spawner->path, argv, ret_pid);
}

static int reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return status;
}

static void judge(struct spork_spawner *spawner, const char *nonce, int status)
{
	int expected = spawner->target == SPORK_TARGET_STATIC ? spork_target_status(nonce) : 0;

	if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == expected)
		return;
	if (spawner->wrong++ == 0) {
		spawner->wrong_status = status;
		spawner->wrong_expected = expected;
	}
}

int spork_spawner_spawn(struct spork_spawner *spawner, struct spork_times *ret_times)
{
	char nonce[NONCE_BYTES];
	char *argv[] = {spawner->path, nonce, NULL};
	pid_t pid = 0;
	int err, status;

	draw_nonce(spawner, nonce);
	ret_times->before_ns = hb_clock_now_ns();
	err = start(spawner, argv, &pid);
	ret_times->called_ns = hb_clock_now_ns();
	if (err)
		return err;
	status = reap(pid);
	ret_times->reaped_ns = hb_clock_now_ns();
	spawner->started++;
	judge(spawner, nonce, status);
	return 0;
}

/* What /proc/PID/exe points to must be the target while it waits for @release_fd to close. */
static int inspect(const struct spork_spawner *spawner, struct hb_trial *trial, pid_t pid,
	const char *nonce, int report_fd)
{
	struct spork_target_report report = {0};
	char link[64], exe[PATH_MAX];
	ssize_t length = read(report_fd, &report, sizeof(report));

	if (length != (ssize_t)sizeof(report))
		return hb_trial_fail(trial, "%s: the child did not run %s (it reported nothing)",
			spawner->starter->name, spawner->path);
	if (report.answer != spork_target_answer(nonce) || report.pid != pid ||
		report.parent != getpid())
		return hb_trial_fail(trial,
			"%s: expected process %d, child of %d, to answer %016" PRIx64
			"; process %" PRId64 ", child of %" PRId64 ", answered %016" PRIx64,
			spawner->starter->name, pid, getpid(), spork_target_answer(nonce),
			report.pid, report.parent, report.answer);
	(void)snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	length = readlink(link, exe, sizeof(exe) - 1);
	exe[length > 0 ? length : 0] = '\0';
	if (strcmp(exe, spawner->path) != 0)
		return hb_trial_fail(trial, "%s: process %d runs '%s', expected '%s'",
			spawner->starter->name, pid, exe, spawner->path);
	return 0;
}

/*
 * The target's ends of both pipes pass exec, the parent's do not: or the target would keep its own
 * input open.
 */
static int prove_static(struct spork_spawner *spawner, struct hb_trial *trial)
{
	char nonce[NONCE_BYTES], out[16], in[16];
	char *argv[] = {spawner->path, nonce, out, in, NULL};
	int report[2] = {-1, -1}, release[2] = {-1, -1};
	pid_t pid = 0;
	int err;

	if (pipe(report) || pipe(release))
		return hb_trial_fail(trial, "cannot make a pipe: %s", strerror(errno));
	(void)fcntl(report[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(release[1], F_SETFD, FD_CLOEXEC);
	draw_nonce(spawner, nonce);
	(void)snprintf(out, sizeof(out), "%d", report[1]);
	(void)snprintf(in, sizeof(in), "%d", release[0]);
	err = start(spawner, argv, &pid);
	(void)close(report[1]);
	(void)close(release[0]);
	if (err)
		err = hb_trial_fail(trial, "%s: %s", spawner->starter->name, strerror(-err));
	else
		err = inspect(spawner, trial, pid, nonce, report[0]);
	(void)close(release[1]);
	(void)close(report[0]);
	if (pid > 0)
		judge(spawner, nonce, reap(pid));
	return err;
}

/* /bin/true is gone before /proc/PID/exe could be read, but a zombie keeps its program's name. */
static int prove_true(struct spork_spawner *spawner, struct hb_trial *trial)
{
	char *argv[] = {spawner->path, NULL};
	char path[64], name[32] = "";
	siginfo_t info;
	pid_t pid = 0;
	int err = start(spawner, argv, &pid);
	FILE *file;

	if (err)
		return hb_trial_fail(trial, "%s: %s", spawner->starter->name, strerror(-err));
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT))
		return hb_trial_fail(trial, "waitid: %s", strerror(errno));
	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (file) {
		if (!fgets(name, sizeof(name), file))
			name[0] = '\0';
		(void)fclose(file);
	}
	judge(spawner, "", reap(pid));
	if (strcmp(name, "true\n") != 0)
		return hb_trial_fail(trial, "%s: the child was '%.15s', expected 'true'",
			spawner->starter->name, name);
	return 0;
}

int spork_spawner_verify(struct spork_spawner *spawner, struct hb_trial *trial)
{
	int err = 0;

	for (int i = 0; spawner->starter && i < PROOFS && !err; i++)
		err = spawner->target == SPORK_TARGET_STATIC ? prove_static(spawner, trial)
							     : prove_true(spawner, trial);
	if (err)
		return err;
	if (spawner->starter && spawner->wrong)
		return hb_trial_fail(trial,
			"%s: %" PRIu64 " of %" PRIu64 " children ended wrongly; the first with "
			"wait status 0x%x, expected exit status %d",
			spawner->starter->name, spawner->wrong, spawner->started,
			(unsigned)spawner->wrong_status, spawner->wrong_expected);
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		return hb_trial_fail(trial, "a child was left over");
	return 0;
}
