/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spork/trap-mechanisms: what it costs to catch a system call of an unmodified program, per call that is
 * caught and per call that is not. spork patches libc's own system call (variant patched); the others are
 * what it could have used. Sources: seccomp(2), prctl(2) PR_SET_SYSCALL_USER_DISPATCH, seccomp_unotify(2),
 * ptrace(2).
 */
#include "experiments.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/sanitizer.h>
#include <hotbed/trial.h>

#define CALLS 20000
#define CALLS_QUICK 2000
#define CAUGHT SYS_getppid
#define OTHER SYS_getuid
#define DISPATCH 59 /* PR_SET_SYSCALL_USER_DISPATCH; in newer headers only */

enum mechanism { NONE, PATCHED, TRAP, DISPATCHED, NOTIFIED, TRACED };

struct traps {
	enum mechanism mechanism;
	long expected;
	long seen_by_tracer;
	int listener;
	bool sabotaged;
};

static volatile long caught;
static volatile char selector = 0; /* 1: system calls are caught */

static enum mechanism mechanism_of(struct hb_trial *trial)
{
	return *(const enum mechanism *)hb_trial_data(trial);
}

/* As a patched entry does it: a jump to code of ours, which counts and makes the call. */
static __attribute__((noinline)) long patched_call(long number)
{
	caught++;
	return syscall(number);
}

static long (*volatile entry)(long) = patched_call;

static void on_trap(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	(void)context;
	selector = 0;
	caught++;
#ifdef __x86_64__
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = 1;
#endif
}

static int handle_sigsys(void)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};

	return sigaction(SIGSYS, &action, NULL) ? -errno : 0;
}

static int filter(uint32_t verdict, unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CAUGHT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, verdict),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = 4, .filter = code};
	long result;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L))
		return -errno;
	result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	return result < 0 ? -errno : (int)result;
}

/* Lets every call go on. Ends with the process; the filter does not apply to this thread. */
static void *supervise(void *data)
{
	struct traps *traps = data;

	while (__atomic_load_n(&traps->listener, __ATOMIC_ACQUIRE) < 0)
		(void)usleep(100);
	for (;;) {
		struct seccomp_notif request;
		struct seccomp_notif_resp answer = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

		memset(&request, 0, sizeof(request));
		if (ioctl(traps->listener, SECCOMP_IOCTL_NOTIF_RECV, &request))
			return NULL;
		caught++;
		answer.id = request.id;
		(void)ioctl(traps->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}

static int setup_notified(struct hb_trial *trial, struct traps *traps)
{
	pthread_t thread;
	int fd;

	if (pthread_create(&thread, NULL, supervise, traps))
		return hb_trial_fail(trial, "cannot start a thread");
	(void)pthread_detach(thread);
	fd = filter(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	if (fd < 0)
		return hb_trial_fail(trial, "seccomp: %s", strerror(-fd));
	__atomic_store_n(&traps->listener, fd, __ATOMIC_RELEASE);
	return 0;
}

/* Their run-time makes system calls of its own, which would be caught, too. */
static int probe(struct hb_trial *trial)
{
	return HB_IS_SANITIZED ? hb_trial_skip(trial, "needs a build without sanitizers") : 0;
}

static int setup(struct hb_trial *trial)
{
	struct traps *traps = calloc(1, sizeof(*traps));
	int err = 0;

	if (!traps)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, traps);
	traps->listener = -1;
	traps->mechanism = mechanism_of(trial);
	if (traps->mechanism == TRAP || traps->mechanism == DISPATCHED)
		err = handle_sigsys();
	if (!err && traps->mechanism == TRAP)
		err = filter(SECCOMP_RET_TRAP, 0);
	if (!err && traps->mechanism == DISPATCHED && prctl(DISPATCH, 1L, 0L, 0L, &selector))
		err = -errno;
	if (err)
		return hb_trial_fail(trial, "cannot be set up here: %s", strerror(-err));
	return traps->mechanism == NOTIFIED ? setup_notified(trial, traps) : 0;
}

static int sabotage(struct hb_trial *trial)
{
	struct traps *traps = hb_trial_state(trial);

	traps->sabotaged = true;
	return 0;
}

static double time_calls(const struct traps *traps, long number, long count)
{
	int64_t start_ns = hb_clock_now_ns();

	for (long i = 0; i < count; i++) {
		if (traps->mechanism == PATCHED && number == CAUGHT) {
			(void)entry(number);
			continue;
		}
		if (traps->mechanism == DISPATCHED && number == CAUGHT)
			selector = 1;
		(void)syscall(number);
	}
	return (double)(hb_clock_now_ns() - start_ns) / (double)count;
}

/* A child makes the calls, and this process stops it at each. */
static double time_traced(struct traps *traps, long number, long count)
{
	int64_t start_ns;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)raise(SIGSTOP);
		for (long i = 0; i < count; i++)
			(void)syscall(number);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 0;
	start_ns = hb_clock_now_ns();
	while (WIFSTOPPED(status)) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) || waitpid(pid, &status, 0) != pid)
			break;
		traps->seen_by_tracer += number == CAUGHT;
	}
	return (double)(hb_clock_now_ns() - start_ns) / (double)count;
}

static int run(struct hb_trial *trial)
{
	struct traps *traps = hb_trial_state(trial);
	long count = hb_trial_is_quick(trial) ? CALLS_QUICK : CALLS;
	double trap_ns, other_ns;

	caught = 0;
	if (traps->mechanism == TRACED) {
		trap_ns = time_traced(traps, CAUGHT, count);
		other_ns = time_traced(traps, OTHER, count);
		/* Each call stops twice; the child's start and end stop it, too. */
		caught = traps->seen_by_tracer / 2 >= count ? count : traps->seen_by_tracer / 2;
	} else {
		trap_ns = time_calls(traps, CAUGHT, count);
		other_ns = time_calls(traps, OTHER, count);
	}
	traps->expected = traps->mechanism == NONE ? 0 : count;
	traps->expected += traps->sabotaged;
	hb_trial_metric(trial, "trap_mean", trap_ns, (uint64_t)count);
	hb_trial_metric(trial, "other_mean", other_ns, (uint64_t)count);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	struct traps *traps = hb_trial_state(trial);

	if (caught != traps->expected)
		return hb_trial_fail(trial, "expected %ld calls to be caught, counted %ld",
			traps->expected, caught);
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	struct traps *traps = hb_trial_state(trial);

	/* The supervising thread still has it; the process ends soon. */
	if (traps && traps->mechanism != NOTIFIED)
		free(traps);
	return 0;
}

static uint64_t memory_bytes(const struct hb_params *params)
{
	(void)params;
	return UINT64_C(16) << 20;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 1500;
}

static const struct hb_param params[] = {
	{
		.name = "call",
		.type = HB_PARAM_TEXT,
		.help = "the system call that is caught; the other one is getuid",
		.sweep = "getppid",
		.allowed = "getppid",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "trap_mean",
		.unit = "ns",
		.help = "mean time of a call that is caught, the call itself included",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.1,
	},
	{
		.name = "other_mean",
		.unit = "ns",
		.help = "mean time of a call that is not",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.1,
	},
	{.name = NULL},
};

static const enum mechanism mechanisms[] = {NONE, PATCHED, TRAP, DISPATCHED, NOTIFIED, TRACED};

#define VARIANT(name_, role_, help_, mechanism_)                                                   \
	{                                                                                          \
		.name = (name_), .role = (role_), .help = (help_), .probe = probe, .setup = setup, \
		.run = run, .verify = verify, .teardown = teardown, .sabotage = sabotage,          \
		.data = &mechanisms[mechanism_],                                                   \
	}

static const struct hb_variant variants[] = {
	VARIANT("none", HB_ROLE_BASELINE, "nothing is caught: the system call itself", NONE),
	VARIANT("patched", HB_ROLE_IDEA, "a jump in the place of libc's system call", PATCHED),
	VARIANT("seccomp_trap", HB_ROLE_RIVAL, "seccomp, SIGSYS in the process", TRAP),
	VARIANT("user_dispatch", HB_ROLE_RIVAL, "syscall user dispatch, SIGSYS in the process",
		DISPATCHED),
	VARIANT("user_notif", HB_ROLE_RIVAL, "seccomp, a supervisor answers", NOTIFIED),
	VARIANT("ptrace", HB_ROLE_RIVAL, "a tracer stops every system call", TRACED),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "patching-is-free",
		.text = "A call through a patched entry takes at most 1.2 times as long as the "
			"system call.",
		.paper = "zpoline, ATC'23",
		.section = "",
		.metric = "trap_mean",
		.variant = "patched",
		.where = "call=getppid",
		.lo = 0,
		.hi = 1.2,
	},
	{
		.name = "tracing-taxes-every-call",
		.text = "Under ptrace a call that nobody wants takes at least ten times as long.",
		.paper = "zpoline, ATC'23",
		.section = "",
		.metric = "other_mean",
		.variant = "ptrace",
		.where = "call=getppid",
		.lo = 10,
		.hi = 1000,
	},
	{.name = NULL},
};

const struct hb_experiment spork_trap_mechanisms = {
	.name = "trap-mechanisms",
	.question = "What does catching a system call cost, per call that is caught and per other "
		    "call?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "call", .metric = "trap_mean", .log_y = true},
	.memory_bytes = memory_bytes,
	.trial_ms = trial_ms,
};
