/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What libFuzzer and replay.c call.
 */
#ifndef HOTBED_TESTS_FUZZ_H
#define HOTBED_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* LLVMFuzzerTestOneInput - feed one input to the parser; aborts when something that must always hold does not. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
