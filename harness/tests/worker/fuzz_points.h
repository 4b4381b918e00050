/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HOTBED_TESTS_WORKER_FUZZ_POINTS_H
#define HOTBED_TESTS_WORKER_FUZZ_POINTS_H

#include <stddef.h>
#include <stdint.h>

/* LLVMFuzzerTestOneInput - libFuzzer's entry: read @size bytes; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
