/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The faults of saboteur.c by name, separated by commas; the first, `none`, is no fault. */
#ifndef SPORK_ORACLE_SABOTEURS_H
#define SPORK_ORACLE_SABOTEURS_H

#define ORACLE_SABOTEURS                                                                         \
	"none,heap-byte,stack-byte,errno,environment-of-parent,parent-descriptor-closed,parent-" \
	"descriptor-left,"                                                                       \
	"parent-cloexec,parent-offset,lost-sigchld,doubled-sigchld,parent-mask,parent-handler,"  \
	"parent-not-dumpable,"                                                                   \
	"parent-thp,parent-cwd,parent-umask,parent-name,parent-limit,zombie,mask,ignored-lost,"  \
	"ignored-added,"                                                                         \
	"pending-signal,handler-in-child,limit,nice,affinity,group,session,death-signal,no-new-" \
	"privs,personality,"                                                                     \
	"oom-score,coredump-filter,timer,timer-slack,cwd,umask,variable-lost,variable-added,"    \
	"descriptor-left,"                                                                       \
	"cloexec-lost,file-flags,output-twice,exit-status,argument-lost,argument-changed"

/* Those of children that load libraries. */
#define LIBRARY_SABOTEURS \
	"none,library-lost,library-other,library-left,conversion-changed,user-changed"

/* Those that only the ledger of `spork check` can find. */
#define LEDGER_SABOTEURS "extra-process,extra-thread"

#endif
