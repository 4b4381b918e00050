/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An emulated link: two hosts, each a network namespace with a TAP device, and this process between them, which
 * carries frames from one to the other when bat_link_admit() says. For kernels without netem. The left host is
 * BAT_EMULATOR_LEFT, the right one BAT_EMULATOR_RIGHT; they know each other's Ethernet address and have no IPv6, so
 * that every frame is one that somebody sent. Nothing outside the two namespaces is changed, and nothing remains:
 * devices and namespaces end with their processes, which die with this one, however it ends.
 *
 * What it cannot do: frames wait in this process and not in a device of the sender, so that autocorking and TSQ do not
 * feel the rate; a frame leaves when this process gets to run, later than due by its wake-up (reported).
 *
 * Not thread-safe: it changes the namespaces of the calling process for good, which must have one thread. Unless that
 * is root, it cannot start children afterwards.
 */
#ifndef BATCHING_EMULATOR_H
#define BATCHING_EMULATOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <batching/link.h>

struct hb_error;

#define BAT_EMULATOR_HOSTS 2
#define BAT_EMULATOR_LEFT "10.77.0.1"
#define BAT_EMULATOR_RIGHT "10.77.0.2"
#define BAT_EMULATOR_MTU_MIN 576U
#define BAT_EMULATOR_MTU_MAX 9000U
#define BAT_EMULATOR_QUEUE_MAX 100000U

/* A program at a host, in a process of its own there; what it returns is its exit code. */
typedef int bat_emulator_program_fn(void *user);

struct bat_emulator_options {
	struct bat_link_options directions[BAT_EMULATOR_HOSTS]; /* [0] from left to right */
	uint32_t mtu_bytes; /* BAT_EMULATOR_MTU_MIN ... BAT_EMULATOR_MTU_MAX */
	uint32_t
		queue_frames; /* on their way in one direction, 1 ... BAT_EMULATOR_QUEUE_MAX; more are dropped */
	uint64_t seed; /* of losses, jitter and reordering */
	const char *
		congestion; /* TCP's at both hosts, such as "reno"; NULL leaves the kernel's choice */
	/* [0] at the left: it ends the run. [1] at the right: killed then. Either may be NULL. */
	bat_emulator_program_fn *programs[BAT_EMULATOR_HOSTS];
	void *users[BAT_EMULATOR_HOSTS];
	int stop_fd; /* readable: end; -1 = none. Never read from */
	/* Called before the programs begin: processes whose network namespaces are the hosts'. May be NULL */
	void (*ready)(void *user, pid_t left, pid_t right, bool user_namespace);
	void *ready_user;
};

struct bat_emulator_direction {
	uint64_t frames, bytes; /* that entered */
	uint64_t lost, reordered;
	uint64_t dropped; /* the queue was full, or the other host did not take them */
	uint64_t carried;
	double late_mean_ns; /* carried later than due, on average ... */
	int64_t late_max_ns; /* ... and at most */
};

struct bat_emulator_result {
	struct bat_emulator_direction directions[BAT_EMULATOR_HOSTS];
	bool ended[BAT_EMULATOR_HOSTS]; /* the program ended by itself ... */
	int codes[BAT_EMULATOR_HOSTS];  /* ... with this exit code; 128 + signal */
};

/*
 * bat_emulator_run - make the hosts, start the programs, and carry frames until the program at the left ends (if there
 * is none, the one at the right; if there is none either, until @options->stop_fd is readable).
 * Every process that a program has started dies then, too. Memory is bounded by queue_frames times the MTU each way.
 *
 * Returns 0; -EINVAL (an option out of range); -ENOTSUP (no right to make namespaces or no /dev/net/tun, with what to
 * do); -ENOMEM or what a system call says.
 */
int bat_emulator_run(const struct bat_emulator_options *options, struct bat_emulator_result *ret,
	struct hb_error *reterr);

#endif
