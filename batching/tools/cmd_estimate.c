/* SPDX-License-Identifier: GPL-3.0-or-later */
/* batching estimate: end-to-end latency in a window of a trace of queue events. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/json_out.h>

#include <batching/trace.h>

#include "command.h"

#define NAME_BYTES 16

static void name_queue(int end, int queue, char name[NAME_BYTES])
{
	(void)snprintf(
		name, NAME_BYTES, "%s_%c", bat_queue_name((enum bat_queue)queue), end ? 'b' : 'a');
}

static void put_wait(struct hb_json_out *out, const char *key, bool defined, double ns)
{
	if (defined)
		hb_json_put_number(out, key, ns);
	else
		hb_json_put_null(out, key);
}

static void put_json(const struct bat_trace_estimate *estimate)
{
	struct hb_json_out out = {.stream = stdout};
	char name[NAME_BYTES], digits[BAT_I128_BYTES];

	hb_json_open(&out, NULL, '{');
	hb_json_put_text(&out, "schema", "batching.estimate/1");
	hb_json_put_text(&out, "unit", bat_unit_name(estimate->unit));
	hb_json_put_bool(&out, "in_order", estimate->in_order);
	hb_json_open(&out, "queues", '{');
	for (int end = 0; end < BAT_TRACE_ENDS; end++) {
		for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
			const struct bat_trace_queue *queue = &estimate->queues[end][q];
			const struct bat_wait *wait = &estimate->ends[end].queues[q];

			if (!wait->tracked)
				continue;
			name_queue(end, q, name);
			hb_json_open(&out, name, '{');
			hb_json_put_text(
				&out, "integral", bat_i128_format(queue->integral, digits));
			hb_json_put_text(
				&out, "departed", bat_i128_format(queue->departed, digits));
			put_wait(&out, "mean_wait_ns", wait->defined, wait->ns);
			hb_json_close(&out, '}');
		}
	}
	hb_json_close(&out, '}');
	put_wait(&out, "end_to_end_ns", estimate->end_to_end.defined,
		estimate->end_to_end.end_to_end_ns);
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static void put_text(const struct bat_trace_estimate *estimate)
{
	char name[NAME_BYTES], departed[BAT_I128_BYTES];

	(void)printf("%-12s %20s   mean wait\n", "queue", "departed");
	for (int end = 0; end < BAT_TRACE_ENDS; end++) {
		for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
			const struct bat_wait *wait = &estimate->ends[end].queues[q];

			if (!wait->tracked)
				continue;
			name_queue(end, q, name);
			(void)printf("%-12s %20s   ", name,
				bat_i128_format(estimate->queues[end][q].departed, departed));
			if (wait->defined)
				(void)printf("%.6g us\n", wait->ns / 1e3);
			else
				(void)printf("undefined: nothing departed\n");
		}
	}
	if (estimate->end_to_end.defined)
		(void)printf("end to end: %.6g us, by %s\n",
			estimate->end_to_end.end_to_end_ns / 1e3, bat_unit_name(estimate->unit));
	else
		(void)printf("end to end: undefined; unacked_a, ackdelay_b, unread_b and unread_a "
			     "must be tracked and have departures\n");
}

static int run(int argc, char **argv, struct hb_error *reterr)
{
	struct bat_trace_estimate estimate;
	const char *path = NULL;
	int64_t from_ns = 0, to_ns = 0;
	_Bool json = 0;
	const struct hb_option_target options[] = {
		{.name = "trace", .text = &path, .required = 1},
		{.name = "from-ns", .i64 = &from_ns, .required = 1},
		{.name = "to-ns", .i64 = &to_ns, .required = 1},
		{.name = "json", .flag = &json},
		{.name = NULL},
	};
	int err = hb_options_read(argc, argv, options, reterr), fd;

	if (err)
		return err;
	fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return hb_error_set_at(
			reterr, -errno, path, 0, "cannot open the trace: %s", strerror(errno));
	err = bat_trace_estimate(fd, path, from_ns, to_ns, &estimate, reterr);
	(void)close(fd);
	if (err)
		return err;
	if (json)
		put_json(&estimate);
	else
		put_text(&estimate);
	return 0;
}

const struct command command_estimate = {
	.name = "estimate",
	.summary = "end-to-end latency in a window of a trace of queue events",
	.help = "  --trace FILE    CSV: time_ns, queue, delta_bytes (or _segments, _sends, "
		"_requests); "
		"- is standard input\n"
		"  --from-ns T     the window's beginning\n"
		"  --to-ns T       its end\n"
		"  --json          batching.estimate/1\n",
	.run = run,
};
