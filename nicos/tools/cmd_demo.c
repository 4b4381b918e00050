/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nicos demo: a thousand small functions, each in a process of its own, behind the card in software, with a
 * live view. On a terminal the view is drawn in place; elsewhere each look is a line.
 */
#include "command.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/hist.h>

#include <nicos/live.h>

#define ROWS 12
#define BAR 30

struct screen {
	uint32_t services;
	bool is_terminal;
};

static const char *core_text(const struct nic_live_view *view, char *text, size_t size_bytes)
{
	static const char *const states[] = {"IDLE", "WAIT", "RUN", "SWITCH"};

	if (view->core == NIC_LIVE_CORE_IDLE)
		return states[0];
	(void)snprintf(text, size_bytes, "%s function %u", states[view->core], view->core_service);
	return text;
}

/* 0 instead of what does not exist yet. */
static double quantile_us(const struct hb_hist *hist, double q)
{
	return hb_hist_total(hist) ? hb_hist_quantile(hist, q) / 1e3 : 0;
}

static void line_print(const struct nic_live_view *view)
{
	char text[64];

	(void)printf(
		"%5.1f s  %s  sent %llu  answered %llu  queued %llu  dropped %llu  p50 %.1f us  "
		"p99 %.1f us\n",
		view->at_s, core_text(view, text, sizeof(text)), (unsigned long long)view->sent,
		(unsigned long long)view->answered, (unsigned long long)view->queued,
		(unsigned long long)view->dropped, quantile_us(view->interval, 0.5),
		quantile_us(view->interval, 0.99));
}

static void bar_print(const char *name, double share)
{
	int filled = (int)lround(fmin(1, share) * BAR);

	(void)printf("  %-8s %5.1f%%  ", name, 100 * share);
	for (int i = 0; i < BAR; i++)
		(void)putchar(i < filled ? '#' : '.');
	(void)printf("\033[K\n");
}

/* The functions are sorted by popularity: the first rows are the hottest. */
static void screen_draw(const struct screen *screen, const struct nic_live_view *view)
{
	char text[64];

	(void)printf(
		"\033[H\033[1mnicos demo\033[0m: %u functions, each a process   %.1f s\033[K\n\n",
		screen->services, view->at_s);
	(void)printf("core       %s\033[K\n", core_text(view, text, sizeof(text)));
	bar_print("useful", view->cpu[NIC_CPU_USEFUL]);
	bar_print("switch", view->cpu[NIC_CPU_SWITCH]);
	bar_print("stalled", view->cpu[NIC_CPU_STALLED]);
	(void)printf("requests   %llu sent, %llu answered, %llu queued, %llu dropped\033[K\n",
		(unsigned long long)view->sent, (unsigned long long)view->answered,
		(unsigned long long)view->queued, (unsigned long long)view->dropped);
	(void)printf("latency    p50 %.1f us, p99 %.1f us since the last look\033[K\n\n",
		quantile_us(view->interval, 0.5), quantile_us(view->interval, 0.99));
	(void)printf("  function  requests    p50 us    p99 us\033[K\n");
	for (uint32_t s = 0; s < ROWS && s < screen->services; s++)
		(void)printf("  %8u  %8llu  %8.1f  %8.1f\033[K\n", s,
			(unsigned long long)hb_hist_total(view->services[s]),
			quantile_us(view->services[s], 0.5), quantile_us(view->services[s], 0.99));
	(void)printf("\033[J");
}

static void look(const struct nic_live_view *view, void *user)
{
	struct screen *screen = user;

	if (screen->is_terminal)
		screen_draw(screen, view);
	else
		line_print(view);
	(void)fflush(stdout);
}

static int run(int argc, char **argv, struct hb_error *reterr)
{
	struct nic_live_options options;
	struct screen screen = {0};
	uint64_t services = 1000, seed = 1;
	double seconds = 10, load = 0.2;
	const struct hb_option_target targets[] = {{.name = "services", .u64 = &services},
		{.name = "seconds", .real = &seconds}, {.name = "load", .real = &load},
		{.name = "seed", .u64 = &seed}, {.name = NULL}};
	struct nic_live_result result;
	int err = hb_options_read(argc, argv, targets, reterr);

	if (err)
		return err;
	if (!(seconds > 0) || seconds > 600 || !(load > 0) || load > 1)
		return hb_error_set(reterr, -EINVAL,
			"--seconds is at most 600, --load at most 1; both above 0");
	nic_live_defaults(&options);
	options.services = services < UINT32_MAX ? (uint32_t)services : UINT32_MAX;
	options.zipf = 0.9;
	/* Half of the time twice the rate, half of it nothing but a little. */
	options.arrival = NIC_ARRIVAL_BURST;
	options.burst_factor = 1.8;
	options.burst_on_ns = options.burst_off_ns = 5e8;
	options.rate_per_s = load * 1e9 / nic_distribution_mean_ns(&options.service);
	options.requests = (uint64_t)ceil(seconds * options.rate_per_s);
	options.warm_up = 0;
	options.seed = seed;
	options.watch = look;
	options.watch_user = &screen;
	options.watch_ns = 25e7;
	screen.services = options.services;
	screen.is_terminal = isatty(STDOUT_FILENO);
	if (screen.is_terminal)
		(void)printf("\033[2J");
	err = nic_live_run(&options, &result, reterr);
	if (err)
		return err;
	(void)printf("%llu requests in = %llu done + %llu dropped; p50 %.1f us, p99 %.1f us\n",
		(unsigned long long)result.in, (unsigned long long)result.done,
		(unsigned long long)result.dropped, result.p50_us, result.p99_us);
	nic_live_finish(&result);
	return 0;
}

const struct command command_demo = {
	.name = "demo",
	.summary = "a thousand functions, each a process, behind the card, with a live view",
	.help = "Needs two CPUs; exit code 77 where there is one only. Bursts of calls by Zipf's "
		"law, 10 us "
		"of\n"
		"work each; on a terminal the view is drawn in place.\n"
		"\n"
		"  --services N       functions, 1 to 8192 (1000)\n"
		"  --seconds S        how long (10)\n"
		"  --load X           arrival rate x mean work on the functions' CPU (0.2)\n"
		"  --seed N           (1)\n"
		"\n"
		"examples:\n"
		"  nicos demo --services 20 --seconds 1\n",
	.run = run,
};
