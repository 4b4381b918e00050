/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The programs that spork/speed measures: this driver, called with --speed-program. */
#ifndef SPORK_BENCH_SPEED_H
#define SPORK_BENCH_SPEED_H

#include <stdint.h>

#define SPEED_NUMBERS 5

/*
 * What they print, one line of SPEED_NUMBERS decimal numbers, nanoseconds:
 *   starts BYTES THREADED PAGES ROUNDS TARGET   calls and totals of vfork, then of fork, then how much longer the
 *                                               first fork took
 *   bystander BYTES STARTS TARGET               writes of a second thread in a second, then zeros
 *   images ROUNDS TARGET                        a program as it is and with the runtime, then zeros
 * Exit status 3: fork really forked; 4: a child failed.
 */
enum { SPEED_VFORK_CALL, SPEED_VFORK_TOTAL, SPEED_FORK_CALL, SPEED_FORK_TOTAL, SPEED_FIRST };
enum { SPEED_FORKED = 3, SPEED_FAILED = 4 };

/* speed_program_enter - to be called in main(): does not return for such a call. */
void speed_program_enter(int argc, char **argv);

#endif
