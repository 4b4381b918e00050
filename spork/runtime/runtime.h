/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the parts of libspork.so share. Its small static data is all that exists until the program
 * forks for the first time.
 */
#ifndef SPORK_RUNTIME_H
#define SPORK_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spork/executor.h"
#include "spork/statistics.h"
#include "spork/store.h"

#define SPORK_PRELOAD_BYTES 512
#define SPORK_RUN_BYTES 512
#define PAGE_BYTES 4096ULL

/* What `spork run` asked for, from the environment: see environment.c for the format. */
struct configuration {
	bool active;
	uint8_t mode;     /* enum spork_mode */
	bool statistics;  /* counting was asked for */
	bool trap;        /* catch raw forks, too */
	uint64_t min_rss; /* bytes */
	const char *run;  /* name of the run's folder below runs/ */
	size_t run_length;
	const char *cache;                 /* path of the cache folder */
	char preload[SPORK_PRELOAD_BYTES]; /* "LD_PRELOAD=" and the library's path */
	char entry[SPORK_RUN_BYTES];       /* "SPORK_RUN=…" as it was found */
};

extern struct configuration spork_configuration;

/* The library's path, within configuration.preload. */
const char *spork_library_path(void);

/*
 * spork_environment_take - hide what is ours in @envp, in place, and keep it in
 * spork_configuration. spork_environment_count - entries of an environment, and whether ours can
 * be added on the stack.
 */
void spork_environment_take(char **envp);

/* Addresses behind the patched system calls. */
extern uint64_t spork_resume_fork, spork_resume_execve, spork_resume_execveat, spork_resume_fexecve,
	spork_resume_madvise, spork_resume_mprotect, spork_resume_sigaction, spork_resume_syscall;
#define SPORK_PATCHES 8
/* The same places, and what stood there. */
extern struct spork_patch spork_patches[SPORK_PATCHES];
extern uint32_t spork_patch_count;
void spork_entry_fork(void);
void spork_entry_execve(void);
void spork_entry_execveat(void);
void spork_entry_fexecve(void);
void spork_entry_madvise(void);
void spork_entry_mprotect(void);
void spork_entry_sigaction(void);
void spork_entry_syscall(void);
int64_t spork_call_on(uint64_t stack_top, int64_t (*function)(const struct spork_frame *),
	const struct spork_frame *frame);

/* Lead libc's sigaction here, too, which lies apart: only in processes that are worth an attempt. */
void spork_patch_sigaction(void);

/* Catch system calls that are made outside of libc, to find forks among them (raw_fork.c). */
void spork_trap_calls(void);

/* Where the kernel would write the child's thread id; 0 = nowhere. */
uint64_t spork_tid_address(const struct spork_frame *frame);

/* Called by the entries. */
uint64_t spork_fork_enter(const struct spork_frame *frame);
int64_t spork_fork_attempt(const struct spork_frame *frame);
void spork_fork_leave(void);
/*
 * Before a program is started: if this is the real child of an attempt that lacked code, the libraries that it has
 * loaded since are asked for, too. Next time the child will be interpreted up to here.
 */
void spork_fork_learn(void);
int64_t spork_exec_hook(const char *path, char *const *argv, char *const *envp);
int64_t spork_madvise_hook(void *address, size_t size_bytes, int advice);
int64_t spork_mprotect_hook(void *address, size_t size_bytes, int protection);
/*
 * Signals for which libc has installed a handler at any time since the program was started: bit
 * N-1. Bits are never taken back, because a child of vfork may be the one who changes the action.
 */
extern uint64_t spork_handled_once;
int64_t spork_sigaction_hook(int number, const void *action, void *old, uint64_t size_bytes);
int64_t spork_execat_hook(
	int directory, const char *path, char *const *argv, char *const *envp, int flags);

int64_t spork_clone_child(uint64_t flags, void *stack_top, void (*run)(void *), void *argument);
/*
 * 16, 32 or 64: bytes of a vector register that the kernel preserves; 0 = without XSAVE nothing
 * can be given back.
 */
uint32_t spork_vector_width(void);
void spork_vectors_save(void *area);
void spork_vectors_restore(const void *area);
/* Go on in the program, with these registers; vector registers are the caller's business. */
void spork_resume(const uint64_t gpr[16], uint64_t rflags, uint64_t rip) __attribute__((noreturn));
void spork_vectors_write(uint8_t (*zmm)[64], const uint64_t *k, uint32_t width);
void spork_vectors_read(uint8_t (*zmm)[64], uint64_t *k, uint32_t width);

/*
 * The environment of a program that is started, with ours put back. @list: room for
 * spork_environment_room(envp) pointers; @text: SPORK_TEXT_BYTES for a rewritten LD_PRELOAD.
 * Returns @list, or @envp unchanged when ours cannot be added.
 */
#define SPORK_TEXT_BYTES 8192
#define SPORK_ENVIRONMENT_MAX 2000
size_t spork_environment_room(char *const *envp);
char *const *spork_environment_put(char *const *envp, char **list, char *text);

/* Which environment does the program at @path get? A notice: SPORK_NOTICE_EXEC means ours is put back. */
enum spork_notice spork_start_kind(int directory, const char *path, char *const *envp, int flags);
/* The same, remembering programs by their inode; only while the arena is held. */
enum spork_notice spork_start_kind_kept(
	int directory, const char *path, char *const *envp, int flags);

/* Counting; all do nothing where no statistics were asked for. */
struct spork_statistics *spork_statistics_map(void);
void spork_count(enum spork_reason reason);
/* What will be counted for a child that is really forked before that. */
void spork_count_expected(const struct spork_chain *chain, enum spork_reason reason);
/*
 * The calling process is about to execute a program (+1), or has failed to (-1): if it is the child of a real
 * fork, that fork could have been converted.
 */
void spork_count_executed(int64_t change);
void spork_notice(enum spork_notice notice, uint64_t amount);
void spork_count_syscall(uint32_t nr);
/* @detail: of an abort, "" = none. */
void spork_count_site(
	const struct spork_chain *chain, enum spork_reason reason, const char *detail);

#endif
