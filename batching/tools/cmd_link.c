/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching link: two hosts with an emulated link between them, a command at each. Ends with the left command's exit
 * code, or on SIGINT or SIGTERM.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/json_out.h>

#include <batching/emulator.h>

#include "command.h"

#define MTU_BYTES 1500
#define QUEUE_FRAMES 4096
#define NUMBER_BYTES 64
#define NOT_FOUND 127 /* as shells say it */
#define INTERRUPTED 130

struct suffix {
	const char *text;
	double factor;
};

static const struct suffix times[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {NULL, 0}};
static const struct suffix rates[] = {
	{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {NULL, 0}};
static const struct suffix shares[] = {{"%", 0.01}, {"", 1}, {NULL, 0}};

/* "1.5ms" and the like by @suffixes; "0" needs none. */
static int read_value(const char *name, const char *text, const struct suffix *suffixes,
	double *ret, struct hb_error *reterr)
{
	size_t length = strspn(text, "0123456789.+-");
	char number[NUMBER_BYTES];
	double value;

	(void)snprintf(number, sizeof(number), "%.*s", (int)length, text);
	if (length < sizeof(number) && hb_csv_parse_double(number, &value) == 0) {
		if (value == 0 && text[length] == '\0') {
			*ret = 0;
			return 0;
		}
		for (; suffixes->text; suffixes++) {
			if (strcmp(text + length, suffixes->text) == 0) {
				*ret = value * suffixes->factor;
				return 0;
			}
		}
	}
	return hb_error_set(reterr, -EINVAL,
		"--%s needs a number with its unit (1ms, 200us; 100mbit, 1gbit; 0.1%%), not "
		"'%.40s'",
		name, text);
}

struct texts {
	const char *delay, *jitter, *rate, *loss, *reorder;
};

static int read_link(
	const struct texts *texts, struct bat_link_options *ret, struct hb_error *reterr)
{
	double delay_ns, jitter_ns, rate_bits;
	int err = read_value("delay", texts->delay, times, &delay_ns, reterr);

	if (!err)
		err = read_value("jitter", texts->jitter, times, &jitter_ns, reterr);
	if (!err)
		err = read_value("rate", texts->rate, rates, &rate_bits, reterr);
	if (!err)
		err = read_value("loss", texts->loss, shares, &ret->loss, reterr);
	if (!err)
		err = read_value("reorder", texts->reorder, shares, &ret->reorder, reterr);
	if (err)
		return err;
	/* Larger ones do not fit; whatever is out of range is refused by name. */
	ret->delay_ns = delay_ns < 1e18 ? (int64_t)delay_ns : INT64_MAX;
	ret->jitter_ns = jitter_ns < 1e18 ? (int64_t)jitter_ns : INT64_MAX;
	ret->rate_bits_per_s = rate_bits < 0 ? 1 : rate_bits < 1e18 ? (uint64_t)rate_bits : 0;
	return bat_link_options_check(ret, reterr);
}

/* ---- the commands ---- */

struct programs {
	char **argv;       /* at the left */
	const char *right; /* for the shell at the right */
	sigset_t signals;  /* as they were */
};

static int execute(const struct programs *programs, char *const *argv)
{
	(void)sigprocmask(SIG_SETMASK, &programs->signals, NULL);
	(void)execvp(argv[0], argv);
	(void)fprintf(stderr, "batching link: cannot run '%.80s': %s\n", argv[0], strerror(errno));
	return NOT_FOUND;
}

static int run_left(void *user)
{
	const struct programs *programs = user;

	return execute(programs, programs->argv);
}

static int run_right(void *user)
{
	const struct programs *programs = user;
	char shell[] = "/bin/sh", option[] = "-c";
	char *argv[] = {shell, option, strdup(programs->right), NULL};

	return argv[2] ? execute(programs, argv) : NOT_FOUND;
}

static void say_ready(void *user, pid_t left, pid_t right, bool user_namespace)
{
	const char *how =
		user_namespace ? "nsenter --preserve-credentials -U -n -t" : "nsenter -n -t";

	(void)user;
	(void)fprintf(stderr,
		"batching link: left " BAT_EMULATOR_LEFT ", right " BAT_EMULATOR_RIGHT
		"; SIGINT or SIGTERM ends it\n"
		"to enter: left '%s %d COMMAND', right '%s %d COMMAND'\n",
		how, (int)left, how, (int)right);
}

/* ---- results ---- */

static void put_text(const struct bat_emulator_result *result)
{
	static const char *const names[] = {"left to right", "right to left"};

	for (int i = 0; i < BAT_EMULATOR_HOSTS; i++) {
		const struct bat_emulator_direction *way = &result->directions[i];

		(void)fprintf(stderr,
			"batching link: %s: %" PRIu64 " frames, %" PRIu64 " lost, %" PRIu64
			" reordered, %" PRIu64
			" dropped; later than due by %.1f us on average, %.1f us at most\n",
			names[i], way->frames, way->lost, way->reordered, way->dropped,
			way->late_mean_ns / 1e3, (double)way->late_max_ns / 1e3);
	}
}

static void put_way(
	struct hb_json_out *out, const char *name, const struct bat_emulator_direction *way)
{
	hb_json_open(out, name, '{');
	hb_json_put_u64(out, "frames", way->frames);
	hb_json_put_u64(out, "bytes", way->bytes);
	hb_json_put_u64(out, "lost", way->lost);
	hb_json_put_u64(out, "reordered", way->reordered);
	hb_json_put_u64(out, "dropped", way->dropped);
	hb_json_put_u64(out, "carried", way->carried);
	hb_json_put_number(out, "late_mean_ns", way->late_mean_ns);
	hb_json_put_number(out, "late_max_ns", (double)way->late_max_ns);
	hb_json_close(out, '}');
}

static int put_json(
	const char *path, const struct bat_emulator_result *result, struct hb_error *reterr)
{
	struct hb_json_out out = {.stream = fopen(path, "we")};

	if (!out.stream)
		return hb_error_set(
			reterr, -errno, "cannot write %.200s: %s", path, strerror(errno));
	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "batching.link/1");
	put_way(&out, "left_to_right", &result->directions[0]);
	put_way(&out, "right_to_left", &result->directions[1]);
	hb_json_close(&out, '}');
	(void)fputc('\n', out.stream);
	if (fclose(out.stream))
		return hb_error_set(reterr, -EIO, "cannot write %.200s", path);
	return 0;
}

static int open_signals(struct programs *programs, struct hb_error *reterr)
{
	sigset_t signals;
	int fd;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &signals, &programs->signals);
	fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (fd < 0)
		return hb_error_set(reterr, -errno, "signalfd: %s", strerror(errno));
	return fd;
}

/* The exit code by what has ended. */
static int conclude(const struct programs *programs, const struct bat_emulator_result *result)
{
	int last = programs->argv ? 0 : 1;

	if (programs->argv && programs->right && result->ended[1])
		(void)fprintf(stderr,
			"batching link: the command at the right ended with %d before the one at "
			"the left\n",
			result->codes[1]);
	if (!programs->argv && !programs->right)
		return 0;
	return result->ended[last] ? result->codes[last] : INTERRUPTED;
}

/* The command after "--", if there is one; @argc ends before it. */
static int split(int *argc, char **argv, char ***ret_command, struct hb_error *reterr)
{
	int own = 1;

	while (own < *argc && strcmp(argv[own], "--") != 0)
		own++;
	if (own == *argc)
		return 0;
	if (!argv[own + 1])
		return hb_error_set(reterr, -EINVAL, "no command after --");
	*ret_command = argv + own + 1;
	argv[own] = NULL;
	*argc = own;
	return 0;
}

static int run(int argc, char **argv, struct hb_error *reterr)
{
	struct bat_emulator_options emulator = {.stop_fd = -1};
	struct texts texts = {"0", "0", "0", "0", "0"};
	struct bat_emulator_result result = {.ended = {false}};
	struct programs programs = {0};
	const char *stats = NULL;
	uint64_t mtu = MTU_BYTES, queue = QUEUE_FRAMES;
	const struct hb_option_target options[] = {
		{.name = "delay", .text = &texts.delay},
		{.name = "jitter", .text = &texts.jitter},
		{.name = "rate", .text = &texts.rate},
		{.name = "loss", .text = &texts.loss},
		{.name = "reorder", .text = &texts.reorder},
		{.name = "mtu", .u64 = &mtu},
		{.name = "queue", .u64 = &queue},
		{.name = "seed", .u64 = &emulator.seed},
		{.name = "congestion", .text = &emulator.congestion},
		{.name = "right", .text = &programs.right},
		{.name = "stats", .text = &stats},
		{.name = NULL},
	};
	int err = split(&argc, argv, &programs.argv, reterr);

	if (!err)
		err = hb_options_read(argc, argv, options, reterr);
	if (!err)
		err = read_link(&texts, &emulator.directions[0], reterr);
	if (err)
		return err;
	emulator.directions[1] = emulator.directions[0];
	emulator.mtu_bytes = mtu > UINT32_MAX ? UINT32_MAX : (uint32_t)mtu;
	emulator.queue_frames = queue > UINT32_MAX ? UINT32_MAX : (uint32_t)queue;
	emulator.programs[0] = programs.argv ? run_left : NULL;
	emulator.programs[1] = programs.right ? run_right : NULL;
	emulator.users[0] = emulator.users[1] = &programs;
	emulator.ready = programs.argv ? NULL : say_ready;
	emulator.stop_fd = open_signals(&programs, reterr);
	if (emulator.stop_fd < 0)
		return emulator.stop_fd;
	err = bat_emulator_run(&emulator, &result, reterr);
	(void)close(emulator.stop_fd);
	if (err)
		return err;
	put_text(&result);
	err = stats ? put_json(stats, &result, reterr) : 0;
	return err ? err : conclude(&programs, &result);
}

const struct command command_link = {
	.name = "link",
	.summary = "an emulated link between two hosts, with delay, rate, loss and reordering",
	.help = "  --delay T         each way, such as 1ms or 200us (0)\n"
		"  --jitter T        uniform +- around the delay; the order stays (0)\n"
		"  --rate R          each way, such as 100mbit or 1gbit; 0 is without limit (0)\n"
		"  --loss P          of each frame, such as 0.1% or 0.001 (0)\n"
		"  --reorder P       of each frame to skip the delay (0)\n"
		"  --mtu N           bytes, 576 ... 9000 (1500)\n"
		"  --queue N         frames on their way in one direction; more are dropped "
		"(4096)\n"
		"  --seed N          of loss, jitter and reordering (0)\n"
		"  --congestion NAME TCP's congestion control at both hosts, such as reno\n"
		"  --right CMD       for the shell at the right host, " BAT_EMULATOR_RIGHT "\n"
		"  --stats FILE      batching.link/1, at the end\n"
		"  -- CMD ARG...     run at the left host, " BAT_EMULATOR_LEFT "; ends it\n",
	.run = run,
};
