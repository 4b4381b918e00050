/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * System calls of an interpreted child. Before its process exists only those are done that are
 * the same in the parent; then private effects are carried out natively by the child, effects
 * outside are deferred until exec is certain, and whatever may block or is not known ends the
 * attempt.
 *
 * Source: docs/design/spork.md, "Two phases"; man pages of the calls.
 */
#ifndef SPORK_KERNEL_H
#define SPORK_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "spork/executor.h"

#define KERNEL_BOUNCE_BYTES (160 * 1024)
#define KERNEL_FDS 1024     /* descriptors above are treated as the parent's */
#define KERNEL_FD_ABOVE 400 /* our own descriptors: above those a program counts on */
#define KERNEL_DEFERRED 16
#define KERNEL_TEXT_BYTES 16384
#define KERNEL_MAPPING_MAX (16ULL << 20) /* bytes: more is no preparation of an exec */
#define KERNEL_MAPPED 64
#define KERNEL_LIBRARIES 8
#define KERNEL_LIBRARY_PATH 512

struct stat;

enum call_result {
	CALL_DONE,  /* the result is in rax */
	CALL_CHILD, /* must be made by the child's own process: not made yet */
	CALL_ABORT  /* attempt->reason says why */
};

/* As rt_sigaction() has it. */
struct kernel_action {
	uint64_t handler, flags, restorer, mask;
};

enum deferred_kind { DEFERRED_OPEN, DEFERRED_TERMINAL, DEFERRED_WRITE };

/* An effect outside, kept back until exec is certain. They are carried out in the order of their kinds. */
struct deferred {
	enum deferred_kind kind;
	int fd; /* of ours, above the program's: what is acted upon, or the folder of a relative path */
	int real; /* DEFERRED_OPEN: the file, once it is open */
	int unnamed; /* DEFERRED_OPEN: the new file, without a name yet, because the child has asked for its state */
	uint8_t number; /* DEFERRED_OPEN: which placeholders stand for it; DEFERRED_WRITE: into which, 0 = none */
	bool creates, created;
	uint32_t flags, mode, mask; /* open; or the request of ioctl in flags */
	uint64_t device, inode;     /* DEFERRED_OPEN: of the file that will be emptied */
	uint32_t text,
		size; /* the path, bytes or modes, in kernel.text; or with size 0 the argument of ioctl */
};

/* The code of a library that the child has loaded. */
struct kernel_library {
	uint64_t start, end;
	char path[KERNEL_LIBRARY_PATH];
};

struct kernel {
	struct spork_attempt *attempt;
	bool child;       /* we are the child's process */
	bool committed;   /* effects outside have been carried out: there is no way back */
	uint64_t mask;    /* the child's signal mask; the real one blocks everything */
	uint64_t changed; /* bit N-1: actions[N] holds the child's action of signal N */
	struct kernel_action actions[65];
	uint64_t brk, brk_first;
	uint64_t robust_list, robust_bytes; /* what set_robust_list() was given, for a late fork */
	bool maps; /* the child has mapped, unmapped or protected memory, in the overlay */
	/* Addresses for what the child maps: from free_first to free_start they have been given. */
	uint64_t free_first, free_start, free_end;
	uint32_t mapped_count;
	struct {
		uint64_t device, inode;
	} mapped[KERNEL_MAPPED]; /* files that the child has mapped */
	uint32_t library_count;
	struct kernel_library libraries[KERNEL_LIBRARIES];
	uint64_t own[KERNEL_FDS / 64]; /* descriptors of files that only the child has opened */
	uint8_t placeholder
		[KERNEL_FDS]; /* number of the deferred open that a descriptor stands for */
	uint8_t opens;
	uint32_t deferred_count, text_bytes;
	struct deferred deferred[KERNEL_DEFERRED];
	uint8_t text[KERNEL_TEXT_BYTES];
	uint32_t bounced; /* of bounce, in this call */
	uint8_t bounce[KERNEL_BOUNCE_BYTES] __attribute__((aligned(16)));
};

/* kernel_begin - the state right after fork. */
void kernel_begin(struct kernel *k, struct spork_attempt *attempt);
/* kernel_call - carry out the call at which the machine has stopped. */
enum call_result kernel_call(struct kernel *k);

/* What the parts of the layer share. */
#define KERNEL_NUMBER(k) ((k)->attempt->machine.regs.gpr[SPORK_RAX])
uint64_t kernel_argument(const struct kernel *k, int index);
enum call_result kernel_result(struct kernel *k, int64_t result);
enum call_result kernel_abort(struct kernel *k, enum spork_reason reason);
/* Room in the bounce buffer, or NULL. */
void *kernel_room(struct kernel *k, uint64_t size_bytes);
/* Memory of the child, copied in and out; false = not readable or too long. */
bool kernel_read(struct kernel *k, uint64_t address, void *buffer, uint64_t size_bytes);
bool kernel_write(struct kernel *k, uint64_t address, const void *buffer, uint64_t size_bytes);
/* A string of the child; its length without the NUL byte, or -errno. */
int64_t kernel_string(struct kernel *k, uint64_t address, char *buffer, uint64_t capacity);
/* A path below @directory, copied to the bounce buffer; NULL = not readable, too long, or of a deferred file. */
char *kernel_path(struct kernel *k, int directory, uint64_t address);

bool kernel_fd_own(const struct kernel *k, uint64_t fd);
void kernel_fd_set_own(struct kernel *k, int64_t fd, bool own);
/* May this be one of our own descriptors, which the child has not opened? */
bool kernel_fd_hidden(const struct kernel *k, uint64_t fd);
uint8_t kernel_fd_placeholder(const struct kernel *k, uint64_t fd);
void kernel_fd_copy(struct kernel *k, uint64_t from, int64_t to);
void kernel_fd_forget(struct kernel *k, uint64_t fd);

/* kernel_files.c */
enum call_result kernel_open(
	struct kernel *k, int directory, uint64_t path, uint64_t flags, uint64_t mode);
enum call_result kernel_close(struct kernel *k);
enum call_result kernel_close_range(struct kernel *k);
enum call_result kernel_dup(struct kernel *k, uint64_t nr);
enum call_result kernel_fcntl(struct kernel *k);
enum call_result kernel_pipe(struct kernel *k);
enum call_result kernel_read_call(struct kernel *k, bool at_offset);
enum call_result kernel_seek(struct kernel *k);
enum call_result kernel_ioctl(struct kernel *k);
enum call_result kernel_write_call(struct kernel *k);

/* kernel_memory.c */
enum call_result kernel_brk(struct kernel *k);
enum call_result kernel_mmap(struct kernel *k);
enum call_result kernel_munmap(struct kernel *k);
enum call_result kernel_mprotect(struct kernel *k);

/*
 * kernel_file_mapped - is this file mapped into memory, by the parent or by the child? Then a change of it that is kept
 * back could be missed there. @fd: a descriptor of it, perhaps O_PATH.
 */
bool kernel_file_mapped(struct kernel *k, uint64_t fd);

/* kernel_code.c */
/* The path of an open file; false: it has none, or a longer one. */
bool kernel_path_of(uint64_t fd, char path[KERNEL_LIBRARY_PATH]);
/* Code of a library at @address, from @offset of a file on: can it be run? */
bool kernel_code_map(
	struct kernel *k, uint64_t address, uint64_t size_bytes, uint64_t fd, uint64_t offset);
/* Is there code of such a library between these addresses? */
bool kernel_code_overlaps(const struct kernel *k, uint64_t start, uint64_t end);

/* kernel_signals.c */
enum call_result kernel_sigaction(struct kernel *k);
enum call_result kernel_sigprocmask(struct kernel *k);
/* Read the action of a signal now, so that exec leaves it as it is although another is in force meanwhile. */
bool kernel_signal_known(struct kernel *k, int number);
/* Does the child block or ignore a signal? */
bool kernel_signal_refused(struct kernel *k, int number);
/* Would a signal that is pending now reach the child before exec? */
bool kernel_signal_waits(const struct kernel *k);
/* Ignored signals and mask as the new program is to find them; and everything blocked again when exec failed. */
void kernel_signals_apply(struct kernel *k);
void kernel_signals_block(void);

/* kernel_exec.c */
enum call_result kernel_exec(struct kernel *k, bool at);

/* kernel_deferred.c */
enum call_result kernel_defer_open(struct kernel *k, int directory, const char *path,
	uint32_t flags, uint32_t mode, bool creates);
enum call_result kernel_defer_write(
	struct kernel *k, uint64_t fd, const void *bytes, uint32_t size);
enum call_result kernel_defer_terminal(
	struct kernel *k, uint64_t fd, uint32_t request, uint32_t argument);
/* The kernel's struct termios, which is shorter than libc's. */
struct kernel_modes {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line, characters[19];
};

/* The same for TCSETS; and what TCGETS is going to say of the terminal behind @fd, NULL = what it says now. */
enum call_result kernel_defer_modes(
	struct kernel *k, uint64_t fd, const struct kernel_modes *modes);
const struct kernel_modes *kernel_deferred_modes(const struct kernel *k, uint64_t fd);
/* Is the terminal about to change, so that it must not be asked? By this call of ioctl? */
bool kernel_defers_terminal(const struct kernel *k);
/* Are bytes kept back that @fd would show: its file's size, position or content? */
bool kernel_defers_bytes(const struct kernel *k, uint64_t fd);
bool kernel_defers_request(const struct kernel *k, uint32_t request);
/* What fstat() will say of the new file behind a placeholder. False: cannot be told. */
bool kernel_deferred_status(struct kernel *k, uint64_t fd, struct stat *ret);
/* The first descriptor of ours from @fd on, which does not exist for the child; UINT32_MAX = none. */
uint32_t kernel_deferred_descriptor(const struct kernel *k, uint32_t fd);
/* What F_GETFL will say of the file behind a placeholder. */
int64_t kernel_deferred_flags(const struct kernel *k, uint64_t fd);
/* Could @path, below @directory, lead to a file that is among them, or to a descriptor that stands for one? */
bool kernel_defers_file(const struct kernel *k, int directory, const char *path);
/* Carry them out. False: nothing has happened. */
bool kernel_commit(struct kernel *k);

#endif
