/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Standing between a caller and a program as if one were not there: signals are passed on, stops are followed, and
 * the end is the program's end. One program per process.
 */
#ifndef SPORK_SUPERVISE_H
#define SPORK_SUPERVISE_H

#include <sys/types.h>

/* supervise_prepare - block all signals, so that none is lost. Before the program's process is made. */
void supervise_prepare(void);
/* supervise_restore - in the program's process: the mask as it was. */
void supervise_restore(void);
/* supervise_wait - until @pid has ended; its status as waitpid() gives it. Blocks. */
int supervise_wait(pid_t pid);
/* supervise_end_as - the exit status to end with; does not return if a signal ended the program: the same ends us. */
int supervise_end_as(int status);

#endif
