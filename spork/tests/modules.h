/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The modules of the test program itself, translated, and calls of its functions in the interpreter. */
#ifndef SPORK_TESTS_MODULES_H
#define SPORK_TESTS_MODULES_H

#include <stddef.h>
#include <stdint.h>

#include "spork/machine.h"

#define MODULES_MAX 32u
/* Returning to this address ends a call. */
#define RETURN_ADDRESS 0x1000u

struct modules {
	struct spork_module list[MODULES_MAX];
	size_t count;
	char folder[64];
	int folder_fd;
};

/*
 * Translates the program, libc, libm and the loader into a new folder and opens the code files; fails the
 * test on any error.
 */
void modules_load(struct modules *ms);
/* Closes them and removes the folder. */
void modules_unload(struct modules *ms);

/* Forgets which code was compared with memory. */
void modules_forget(struct modules *ms);

/* Functions are not objects, so that they take two casts. */
#define ADDRESS(function) ((uint64_t)(uintptr_t)(function))

struct call {
	struct spork_machine machine;
	struct modules *modules;
	uint8_t *arena, *stack;
	size_t arena_bytes;
};

/* A machine with its own overlay and stack. */
void call_init(struct call *call, struct modules *ms);
void call_finish(struct call *call);
/* Sets up registers for function(args…); up to six integer arguments. The overlay keeps what it holds. */
void call_prepare(struct call *call, uint64_t function, const uint64_t *args, size_t count);
/* The same, runs to the end, and returns rax; fails the test if anything else stops it. */
uint64_t call_run(struct call *call, uint64_t function, const uint64_t *args, size_t count);

/* The thread's fs base. */
uint64_t own_fs_base(void);

#endif
