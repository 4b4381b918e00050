/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The interpreted child: registers, copy-on-write memory, and the loop that runs decoded code.
 *
 * Everything here lives in the runtime: no malloc, no libc calls that could be hooked or take locks, memory from one arena that
 * the caller gives. Single-threaded per machine. Source: docs/design/spork.md, "The overlay".
 */
#ifndef SPORK_MACHINE_H
#define SPORK_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spork/code.h"

/* x86-64 numbering: rax rcx rdx rbx rsp rbp rsi rdi r8..r15. */
enum {
	SPORK_RAX,
	SPORK_RCX,
	SPORK_RDX,
	SPORK_RBX,
	SPORK_RSP,
	SPORK_RBP,
	SPORK_RSI,
	SPORK_RDI,
	SPORK_R8,
	SPORK_R10 = 10,
	SPORK_R11 = 11
};

struct spork_registers {
	uint64_t gpr[16];
	uint64_t rip;
	uint64_t rflags;
	uint64_t fs_base;
	uint64_t mxcsr_fcw; /* mxcsr low, x87 control word high */
	_Alignas(64) uint8_t zmm[32][64];
	uint64_t k[8];
};

/* Why spork_machine_run() returned. */
enum spork_stop {
	SPORK_STOP_SYSCALL,     /* at a syscall instruction; rip is after it */
	SPORK_STOP_BUDGET,      /* instructions used up */
	SPORK_STOP_NO_CODE,     /* rip has no decoded code; ->fault_address is rip */
	SPORK_STOP_UNSUPPORTED, /* an instruction that must not run here (x87 state, cpuid, rdtsc are executed; hlt, in, xbegin … are not) */
	SPORK_STOP_MEMORY,      /* address not mapped or not writable; ->fault_address */
	SPORK_STOP_ARENA,       /* overlay full */
	SPORK_STOP_PENDING, /* a word marked with spork_overlay_mark_pending() was read; rip is before the instruction */
	SPORK_STOP_TRAP /* int3, ud2, divide error: the child would have died */
};

/* A module of the process: its code and where it is loaded. */
struct spork_module {
	uint64_t base; /* load bias + lowest address: rip - base is the offset in the code file */
	uint64_t end;
	struct spork_code *code; /* NULL: known but not analysed */
	struct spork_build_id id;
};

struct spork_machine {
	struct spork_registers regs;
	const struct spork_module *modules; /* sorted by base */
	size_t module_count;
	struct spork_overlay *overlay;
	uint64_t executed; /* instructions so far */
	uint64_t fault_address;
};

/*
 * spork_machine_run - interpret until something stops it.
 * @m: the machine; registers are up to date whenever this returns. @budget: instructions to execute at most.
 */
enum spork_stop spork_machine_run(struct spork_machine *m, uint64_t budget);

/*
 * spork_overlay_init - an empty overlay in @arena (page-aligned, @size bytes, owned by the caller).
 * Returns NULL if the arena is too small. The overlay itself lives in the arena: nothing to release; init again to reset.
 */
struct spork_overlay *spork_overlay_init(void *arena, size_t size_bytes);

/* Declare [start, end) as mapped in the parent, with its protection; ranges learnt this way need no question to the kernel. */
void spork_overlay_add_range(struct spork_overlay *o, uint64_t start, uint64_t end, bool writable);
/* Memory the child has mapped: zero-filled, exists in the overlay only. And unmapped again. -ENOMEM if the arena is full. */
int spork_overlay_map(struct spork_overlay *o, uint64_t start, uint64_t end, bool writable);
int spork_overlay_unmap(struct spork_overlay *o, uint64_t start, uint64_t end);

/* Copy between the runtime and the child's view. 0, -EFAULT (nothing copied), -ENOMEM. */
int spork_overlay_read(struct spork_overlay *o, uint64_t address, void *buffer, size_t size_bytes);
int spork_overlay_write(
	struct spork_overlay *o, uint64_t address, const void *buffer, size_t size_bytes);
/* A string of the child, copied with its NUL. Length without NUL, -EFAULT, -ENAMETOOLONG (no NUL in @capacity bytes). */
int64_t spork_overlay_string(
	struct spork_overlay *o, uint64_t address, char *buffer, size_t capacity);

/* Words whose value is not known yet (the child's thread id): reading them stops the machine. Clear with size 0. */
void spork_overlay_mark_pending(struct spork_overlay *o, uint64_t address, size_t size_bytes);

/* Threaded parents: log every word read from memory of the parent, and compare the log again. -ESTALE on a difference. */
void spork_overlay_log_reads(struct spork_overlay *o, bool on);
int spork_overlay_validate(const struct spork_overlay *o);

/* Pages written so far, and a visitor over them (late fork: put them into the real memory of a private copy). */
size_t spork_overlay_dirty_pages(const struct spork_overlay *o);
void spork_overlay_visit(const struct spork_overlay *o,
	void (*visit)(uint64_t page_address, const void *bytes, void *data), void *data);

/*
 * Recipes: a trace of one successful run as straight-line code. Recorded while the machine runs, kept as position-independent
 * bytes (modules by build-id and offset), replayed until a guard fails.
 */
struct spork_trace;
struct spork_trace *spork_trace_begin(struct spork_machine *m, void *arena, size_t size_bytes);
/* Serialise into @buffer; bytes written, or -EFBIG (longer than @capacity or than the recipe limit: not worth keeping). */
int64_t spork_trace_end(struct spork_trace *t, void *buffer, size_t capacity);
/*
 * spork_trace_replay - run a recipe up to the next system call, like spork_machine_run().
 * @position: in and out, 0 at first. Returns SPORK_STOP_SYSCALL or SPORK_STOP_BUDGET (a guard failed: registers are right,
 * go on with spork_machine_run()); -EBADMSG if the bytes are damaged or belong to other modules.
 */
int spork_trace_replay(
	struct spork_machine *m, const void *recipe, size_t size_bytes, size_t *position);

#endif
