/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The contract of spork as programs: each pitfall is a function that forks, and what must be true
 * afterwards is true with fork, too. Expectations are absolute, so the same program is run natively and
 * under every executor.
 */
#ifndef SPORK_CONTRACT_H
#define SPORK_CONTRACT_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#define SKIPPED 77

struct pitfall {
	const char *name;
	int (*run)(void); /* 0, SKIPPED, or the line of what was not so */
};

/* Each ends with a NULL name. */
extern const struct pitfall pitfalls_memory[];
extern const struct pitfall pitfalls_attributes[];
extern const struct pitfall pitfalls_signals[];
extern const struct pitfall pitfalls_processes[];
extern const struct pitfall pitfalls_descriptors[];
extern const struct pitfall pitfalls_files[];
extern const struct pitfall pitfalls_deferred[];
extern const struct pitfall pitfalls_threads[];
extern const struct pitfall pitfalls_changes[];

#define expect(condition)                                                                     \
	do {                                                                                  \
		if (!(condition)) {                                                           \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			return __LINE__;                                                      \
		}                                                                             \
	} while (0)

/* Fork, run @child there, which execs or exits, and wait; the wait status, -1 if fork failed. */
int run_child(void (*child)(void *data), void *data);
/* exec /bin/sh -c @command; 127 if that fails. */
_Noreturn void exec_shell(const char *command);
/* The exit status, or 1000 + the signal. */
int exit_of(int status);
/* A line of /proc/self/status as a number in @base, -1 if there is none. */
long status_value(const char *name, int base);
/* The first number in a file, -1 if it cannot be read. */
long file_value(const char *path);

/* Rounds of the same fork: the first may be handled differently from later ones. */
#define ROUNDS 4

#endif
