/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a variant's hooks may do with the trial they run in: read parameters, report metrics, start children on the
 * CPUs of their role. Reports go to the runner as JSON lines on an inherited pipe (docs/reference/formats.md).
 *
 * One trial per process. Reporting functions are not thread-safe: call them from the thread that runs the hooks.
 */
#ifndef HOTBED_TRIAL_H
#define HOTBED_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct hb_trial;
struct hb_params;
struct hb_hist;

const struct hb_params *hb_trial_params(const struct hb_trial *trial);
/* hb_trial_seed - the block's workload seed, the same for all arms of the block. */
uint64_t hb_trial_seed(const struct hb_trial *trial);
/* hb_trial_is_quick - smoke run: spend about a tenth of the time. */
bool hb_trial_is_quick(const struct hb_trial *trial);
/* hb_trial_tmpdir - a private, empty folder, removed by the runner afterwards. */
const char *hb_trial_tmpdir(const struct hb_trial *trial);
const void *hb_trial_data(const struct hb_trial *trial); /* hb_variant.data */
void *hb_trial_state(
	const struct hb_trial *trial); /* what hb_trial_set_state() stored; NULL at first */
void hb_trial_set_state(struct hb_trial *trial, void *state);

/*
 * hb_trial_metric - report a declared metric once. @value: finite, or +INFINITY for times that never ended.
 * @n: samples behind it, >= 1. Undeclared or repeated names are a protocol error seen by the runner.
 */
void hb_trial_metric(struct hb_trial *trial, const char *name, double value, uint64_t n);

/*
 * hb_trial_latency - report histogram @prefix for the .hlog and those of @prefix_mean, _p50, _p90, _p99, _p999, _max
 * that the experiment declares. Values in ns.
 */
void hb_trial_latency(struct hb_trial *trial, const char *prefix, const struct hb_hist *hist);

/* hb_trial_digest - what verify saw, as a hash of @bytes (XXH3, 16 hex digits) in the CSV. */
void hb_trial_digest(struct hb_trial *trial, const void *bytes, size_t length_bytes);

/*
 * hb_trial_figure - a chart of its own for the report, from verify: @spec is a Vega-Lite specification with its data
 * inside, which must keep the rules of docs/reference/formats.md, "Figures". @name: [a-z0-9_-], once per trial.
 */
void hb_trial_figure(struct hb_trial *trial, const char *name, const char *spec);

/* hb_trial_flag - annotate the trial's rows, e.g. "unsteady". Flags never depend on the measured value. */
void hb_trial_flag(struct hb_trial *trial, const char *flag);

/* hb_trial_skip - from probe: this host cannot run it, because ... ("needs hugepages"). Returns -ENOTSUP. */
int hb_trial_skip(struct hb_trial *trial, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* hb_trial_fail - why the hook fails (verify: what was expected and what came). Returns -EBADMSG. */
int hb_trial_fail(struct hb_trial *trial, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* hb_trial_invalid_load - the load generator could not keep its schedule. Returns -EBADMSG. */
int hb_trial_invalid_load(struct hb_trial *trial, double adherence);

/* A process of the trial on the CPUs of a role. Caller-owned; stopped at the latest when the trial ends. */
struct hb_child {
	pid_t pid; /* 0 = none */
	int pidfd; /* -1 = none */
};

/*
 * hb_child_start - start @argv (searched in PATH if it has no slash) on the CPUs of @role.
 * @role: "system", "load", "peer". @stdout_path: file for its output, NULL = the trial's log.
 *
 * Returns 0 or -errno. The child dies with the trial (PR_SET_PDEATHSIG and the runner's sweep).
 */
int hb_child_start(struct hb_trial *trial, const char *role, const char *const *argv,
	const char *stdout_path, struct hb_child *ret);

/* hb_child_run - the same for a function in a forked copy of this process; its return value is the exit code. */
int hb_child_run(struct hb_trial *trial, const char *role, int (*function)(void *user), void *user,
	struct hb_child *ret);

/*
 * hb_child_stop - SIGTERM, wait @grace_ms, SIGKILL, reap. @ret_status: wait status, may be NULL.
 * Returns 0, or -ESRCH if it was not running.
 */
int hb_child_stop(struct hb_child *child, int64_t grace_ms, int *ret_status);

/* hb_child_wait - wait for its end at most @timeout_ms (-1 = no limit). 0 or -ETIMEDOUT. */
int hb_child_wait(struct hb_child *child, int64_t timeout_ms, int *ret_status);

/* hb_trial_pin - put the calling thread on the CPUs of @role. 0 or -errno. */
int hb_trial_pin(struct hb_trial *trial, const char *role);

enum hb_namespace {
	HB_NAMESPACE_NET = 1 << 0, /* own network, loopback up */
	HB_NAMESPACE_MOUNT = 1 << 1,
	HB_NAMESPACE_PID = 1 << 2, /* for children started afterwards */
};

/*
 * hb_trial_unshare - from setup, before threads exist: give the trial namespaces of its own (through a user namespace
 * when not root). Returns 0, or -EPERM where the kernel forbids it (call hb_trial_skip() from probe then).
 */
int hb_trial_unshare(struct hb_trial *trial, unsigned int namespaces);

/* What a process used, from /proc and getrusage; differences of two samples give a phase. */
struct hb_usage {
	int64_t cpu_user_ns, cpu_system_ns;
	int64_t steal_ns; /* whole machine, /proc/stat */
	uint64_t switches_voluntary, switches_involuntary, migrations;
	uint64_t faults_minor, faults_major;
	uint64_t rss_bytes, rss_peak_bytes;
	uint64_t psi_cpu_us; /* "some" total of /proc/pressure/cpu; 0 where absent */
};

/* hb_usage_sample - of process @pid (0 = the caller). 0, or -ESRCH. Fields the kernel lacks are 0. */
int hb_usage_sample(pid_t pid, struct hb_usage *ret);

#endif
