/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "handler.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/clock.h>

/* Knuth's constants; any with an odd multiplier would do. */
#define MULTIPLIER 6364136223846793005u
#define INCREMENT 1442695040888963407u
#define CALIBRATION_STEPS 200000
#define CALIBRATION_TRIES 12

uint64_t handler_work(uint64_t value, uint32_t steps)
{
	for (uint32_t i = 0; i < steps; i++) {
		value = value * MULTIPLIER + INCREMENT;
		/* A compiler that jumps ahead would save the work. */
		__asm__ volatile("" : "+r"(value));
	}
	return value;
}

uint64_t handler_expect(uint64_t value, uint32_t steps)
{
	uint64_t multiplier = MULTIPLIER, increment = INCREMENT;

	for (; steps; steps >>= 1) {
		if (steps & 1)
			value = value * multiplier + increment;
		increment *= multiplier + 1;
		multiplier *= multiplier;
	}
	return value;
}

double handler_step_ns(void)
{
	static volatile uint64_t sink;
	int64_t best_ns = INT64_MAX;

	for (int i = 0; i < CALIBRATION_TRIES; i++) {
		int64_t began_ns = hb_clock_now_ns(), took_ns;

		sink = handler_work(sink, CALIBRATION_STEPS);
		took_ns = hb_clock_now_ns() - began_ns;
		if (took_ns < best_ns)
			best_ns = took_ns;
	}
	return (double)best_ns / CALIBRATION_STEPS;
}

void handler_fault(enum handler_operation operation, void *other)
{
	switch (operation) {
	case HANDLER_WORK:
	case HANDLER_OPERATION_COUNT:
		return;
	case HANDLER_EXIT:
		_exit(0);
	case HANDLER_HANG:
		for (;;)
			(void)handler_work(1, 1000);
	case HANDLER_CRASH:
		/* As a wild pointer would, but without a report of a sanitizer. */
		(void)signal(SIGSEGV, SIG_DFL);
		(void)raise(SIGSEGV);
		_exit(1);
	case HANDLER_WRONG_LINE:
		(void)signal(SIGSEGV, SIG_DFL);
		*(volatile uint32_t *)other = 0xdeadbeef;
		_exit(1);
	}
}

void handler_serve(const uint8_t *args, uint32_t args_bytes, uint8_t *results, void *other)
{
	struct handler_args work;

	memcpy(results, args, args_bytes);
	if (args_bytes < sizeof(work))
		return;
	memcpy(&work, args, sizeof(work));
	if (work.operation && work.operation < HANDLER_OPERATION_COUNT)
		handler_fault(work.operation, other);
	work.value = handler_work(work.value, work.steps);
	memcpy(results, &work, sizeof(work));
}
