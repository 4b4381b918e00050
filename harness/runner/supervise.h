/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Running trials: one fresh driver process each, watched until it ends, whatever it does. A trial ends with its
 * process, never with its pipes; afterwards its process group and every stray it left are killed, and its private
 * folder removed. Time, CPU time, memory and everything that is read from it are bounded.
 *
 * The calling process becomes a subreaper (strays that call setsid come back to it), so one supervisor per process.
 * Not thread-safe. Linux. Source: pidfd_open(2), prctl(2) PR_SET_CHILD_SUBREAPER, libuv.
 */
#ifndef HOTBED_RUNNER_SUPERVISE_H
#define HOTBED_RUNNER_SUPERVISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct hb_error;
struct hb_supervisor;

#define HB_SUPERVISE_OUTPUT_BYTES_MAX ((size_t)64 << 10)

/* What to run. Strings and the experiment must live until the trial's result was handed over. */
struct hb_supervise_trial {
	const struct hb_plan_experiment *experiment;
	const char *path;    /* driver */
	const char *variant; /* the driver's name for it */
	const char *params;
	const char *cpus; /* "system=0,load=1,peer=1"; NULL = not given */
	uint64_t seed, seq;
	int64_t deadline_ns;         /* wall time from the start; then SIGTERM, 2 s later SIGKILL */
	uint64_t memory_limit_bytes; /* resident, all its processes together; 0 = none */
	bool quick, sabotage;
};

/* How it went; valid only during the callback. */
struct hb_supervise_result {
	enum hb_status status;
	struct hb_protocol *protocol; /* values, and the reason in protocol->detail */
	int64_t start_wall_ns;        /* since 1970, UTC */
	int64_t wall_ns;              /* from the start to the end of the process */
	const char *output;           /* head of what it printed */
	size_t output_bytes;
	uint64_t output_total_bytes;
	size_t strays; /* processes that it had left behind */
};

typedef void hb_supervise_fn(const struct hb_supervise_result *result, void *user);

/* Called on SIGINT, SIGTERM or SIGHUP (@signal > 0), and about five times a second (0). */
typedef void hb_supervise_event_fn(int signal, void *user);

/*
 * hb_supervisor_create - become ready to run trials.
 * @tmp_root: folder for the trials' private folders; made, or emptied if it is ours from an earlier run.
 * @event: see above; may be NULL. @user: for it.
 *
 * Returns 0, -EPERM (@tmp_root belongs to somebody else), or another -errno.
 */
int hb_supervisor_create(struct hb_supervisor **ret, const char *tmp_root,
	hb_supervise_event_fn *event, void *user, struct hb_error *reterr);

/*
 * hb_supervisor_start - start a trial; @done is called once from hb_supervisor_run() when it is over.
 * Returns 0, or -errno if the driver could not be started (@done is then not called).
 */
int hb_supervisor_start(struct hb_supervisor *supervisor, const struct hb_supervise_trial *trial,
	hb_supervise_fn *done, void *user, struct hb_error *reterr);

size_t hb_supervisor_running(const struct hb_supervisor *supervisor);

/* hb_supervisor_run - watch until hb_supervisor_stop() is called from a callback. */
void hb_supervisor_run(struct hb_supervisor *supervisor);
void hb_supervisor_stop(struct hb_supervisor *supervisor);

/* hb_supervisor_interrupt - kill all running trials at once; they end with HB_STATUS_INTERRUPTED. */
void hb_supervisor_interrupt(struct hb_supervisor *supervisor);

/* hb_supervisor_destroy - no trial may be running; removes @tmp_root. NULL is accepted. */
void hb_supervisor_destroy(struct hb_supervisor *supervisor);

#endif
