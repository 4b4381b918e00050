/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What generated cases are made of: everything a case knows about its parent before and after fork, and how
 * its child reports. Mutable data of this file lives in one shared mapping, so that it is no part of the
 * memory whose changes are looked for.
 */
#ifndef SPORK_ORACLE_SUPPORT_H
#define SPORK_ORACLE_SUPPORT_H

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#define ORACLE_AREA 65536
#define ORACLE_NOISE 512

struct oracle_shared {
	volatile long counter; /* children of MAP_SHARED memory may write it */
	volatile int handled[65];
	volatile int handled_elsewhere; /* a handler ran in a process that is not the parent */
	volatile int elsewhere_expected;
	volatile long noise[ORACLE_NOISE];
	volatile int stop_threads;
	_Atomic int running_threads;
	char out_child[4096], out_nested[4096], parent_text[32];
	char work[4096], probe[4096], probe_static[4096];
	pid_t parent, child;
};

extern struct oracle_shared *oracle;
extern char oracle_notes[2048]; /* private: the child writes, the parent's stays as it was */
extern volatile int oracle_zero, oracle_one;
extern unsigned char *oracle_area; /* private, anonymous, filled with a pattern */
extern long *oracle_global_pointer;
extern long oracle_globals[64];
extern __thread long oracle_tls[8];
extern sigjmp_buf oracle_jump;
extern int oracle_pipe[2], oracle_back[2];

/* note - append `name=value;` to the child's notes, which become an argument of the probe. */
void oracle_note(const char *name, long value);

/* before - take the picture of the parent's memory. Call directly before fork. */
void oracle_before(void);
/* after - compare, directly after fork in the parent; then errno and everything else. */
void oracle_after(pid_t child);
/* wait - end of the case: wait for the child in one of several ways, then describe the parent. */
void oracle_wait(pid_t child, int way);

/* The handler of all cases: counts, and notices where it runs. */
void oracle_handler(int number, siginfo_t *info, void *context);
void oracle_simple_handler(int number);

void oracle_start_threads(int kind, int count);
void oracle_stop_threads(void);

/* exec the probe in one of many ways, as @way says; returns only when exec failed. */
void oracle_arguments(char **arguments, const char *name);

/* use_library - have the child load a library, in one of six ways; what came of it goes into the notes. */
void oracle_use_library(int number);
#ifdef ORACLE_LIBRARIES
#define ORACLE_LIBRARY(number) oracle_use_library(number)
#else
#define ORACLE_LIBRARY(number) (void)0
#endif

typedef void oracle_case(void);
extern oracle_case *const oracle_cases[];
extern const int oracle_case_count;

#endif
