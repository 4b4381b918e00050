/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A driver for the tests of the worker: `sums` adds numbers in two ways, `faults` fails in the hook
 * that its parameter names, `children` starts processes and leaves them behind, `network` has a
 * network of its own.
 */
#ifndef HOTBED_TESTS_WORKER_SAMPLE_H
#define HOTBED_TESTS_WORKER_SAMPLE_H

#include <hotbed/experiment.h>

extern const struct hb_driver sample_driver;

#endif
