/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The interpreted child: registers, copy-on-write memory, and the loop that runs decoded code.
 *
 * Everything here lives in the runtime: no malloc, no libc calls that could be hooked or take locks, memory from one
 * arena that the caller gives. Single-threaded per machine. Source: docs/design/spork.md, "The overlay".
 */
#ifndef SPORK_MACHINE_H
#define SPORK_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spork/code.h"
#include "spork/fast.h"

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

/* Zero it, then set what is known: at least rsp, rip and fs_base, and mxcsr_fcw (0x037f00001f80 is the default). */
struct spork_registers {
	uint64_t gpr[16];
	uint64_t rip;
	uint64_t rflags;
	uint64_t fs_base;
	uint64_t mxcsr_fcw;   /* mxcsr low, x87 control word high */
	uint64_t module_base; /* of the interpreter: base of the module that runs */
	uint64_t zero;        /* of the interpreter: the absent part of an address */
	uint64_t x87_used;    /* whether x87 below holds more than the control word */
	_Alignas(64) uint8_t zmm[32][64];
	uint64_t k[8];
	_Alignas(64) uint8_t x87[128]; /* as fnsave leaves it */
};

/* Why spork_machine_run() returned. */
enum spork_stop {
	SPORK_STOP_SYSCALL, /* at a syscall instruction; rip is after it, rcx and r11 are set */
	SPORK_STOP_BUDGET,  /* instructions used up */
	SPORK_STOP_NO_CODE, /* rip has no decoded code; ->fault_address is rip */
	SPORK_STOP_UNSUPPORTED, /* an instruction that must not run here (hlt, in, xbegin, gather …) */
	SPORK_STOP_MEMORY,      /* address not mapped or not writable; ->fault_address */
	SPORK_STOP_ARENA,       /* overlay full */
	SPORK_STOP_PENDING, /* a word marked with spork_overlay_mark_pending() was touched; rip is at the instruction */
	SPORK_STOP_TRAP, /* int3, ud2, divide error: the child would have died */
	/* code in memory is not what was decoded; ->fault_address. Registers and overlay are of no use any more. */
	SPORK_STOP_OTHER_CODE
};

/* A module of the process: its code and where it is loaded. */
struct spork_module {
	uint64_t base; /* load bias + lowest address: rip - base is the offset in the code file */
	uint64_t end;
	struct spork_code *code; /* NULL: known but not analysed */
	struct spork_build_id id;
	/*
	 * A bit for each granule whose bytes in memory were found to be those that were decoded; zero at first,
	 * spork_code_granule_words() words. NULL: need not be compared (tests).
	 */
	uint64_t *same;
};

/* Bytes of code that the runtime has changed in memory, and what the file says. */
struct spork_patch {
	uint64_t address;
	uint8_t length;
	uint8_t original[7];
};

struct spork_trace;

/* Modules that one recipe can lead through. */
#define SPORK_RECIPE_MODULES 16

struct spork_machine {
	struct spork_registers regs;
	const struct spork_module *modules; /* sorted by base */
	size_t module_count;
	const struct spork_patch *patches;
	size_t patch_count;
	struct spork_overlay *overlay;
	uint64_t executed; /* instructions so far */
	uint64_t fault_address;
	const void *recipe_checked; /* the caller has called spork_trace_check() on this one */
	const void *recipe;         /* the one that is being replayed, and its modules here */
	const struct spork_module *recipe_modules[SPORK_RECIPE_MODULES];
	struct spork_trace *trace;        /* set by spork_trace_begin(), NULL otherwise */
	_Alignas(64) uint8_t bounce[128]; /* memory operands of stubs */
};

/*
 * spork_machine_run - interpret until something stops it.
 * @m: the machine; registers are up to date whenever this returns, and after every stop but BUDGET and SYSCALL they
 * are those before the instruction at rip (string instructions may have done a part of their work, as on the CPU).
 * @budget: instructions to execute at most. It is looked at where control is transferred, so that a run may be longer
 * by one straight stretch of code; budgets up to 64 are exact.
 */
enum spork_stop spork_machine_run(struct spork_machine *m, uint64_t budget);

/*
 * spork_overlay_init - an empty overlay in @arena (page-aligned, @size bytes, owned by the caller).
 * Returns NULL if the arena is too small (64 KiB at least). The overlay itself lives in the arena: nothing
 * to release;
 * init again to reset.
 */
struct spork_overlay *spork_overlay_init(void *arena, size_t size_bytes);

/*
 * Declare [start, end) as private memory mapped in the parent, with its protection; ranges learnt this way need no
 * question to the kernel. Not for MAP_SHARED memory. Page-aligned. Ignored if there are too many ranges.
 */
void spork_overlay_add_range(struct spork_overlay *o, uint64_t start, uint64_t end, bool writable);
/* Declare [start, end) as not mapped for the child, before anything was accessed. 0, -EINVAL, -ENOMEM. */
int spork_overlay_hide(struct spork_overlay *o, uint64_t start, uint64_t end);
/*
 * The ranges that are declared, as bytes for spork_overlay_take_ranges(), which declares them in an overlay that has
 * none. Returns how many bytes of @buffer, 0 = they do not fit.
 */
size_t spork_overlay_keep_ranges(const struct spork_overlay *o, void *buffer, size_t size_bytes);
void spork_overlay_take_ranges(struct spork_overlay *o, const void *buffer, size_t size_bytes);
/*
 * Memory the child has mapped: zero-filled, exists in the overlay only. And unmapped again, which also
 * works for memory
 * of the parent; and its protection changed. Page-aligned. 0, -EINVAL, -ENOMEM (the arena or the list of
 * ranges is full).
 */
int spork_overlay_map(struct spork_overlay *o, uint64_t start, uint64_t end, bool writable);
int spork_overlay_unmap(struct spork_overlay *o, uint64_t start, uint64_t end);
int spork_overlay_protect(struct spork_overlay *o, uint64_t start, uint64_t end, bool writable);

/* Copy between the runtime and the child's view. 0, -EFAULT (nothing copied), -ENOMEM. */
int spork_overlay_read(struct spork_overlay *o, uint64_t address, void *buffer, size_t size_bytes);
int spork_overlay_write(
	struct spork_overlay *o, uint64_t address, const void *buffer, size_t size_bytes);
/*
 * spork_overlay_write_small - as spork_overlay_write(), for at most 8 bytes: they are kept beside their page if
 * they lie in one word and nobody has written to the page, so that it need not be copied.
 */
int spork_overlay_write_small(
	struct spork_overlay *o, uint64_t address, const void *buffer, size_t size_bytes);
/*
 * A string of the child, copied with its NUL. Length without NUL, -EFAULT, -ENAMETOOLONG (no NUL in
 * @capacity bytes).
 */
int64_t spork_overlay_string(
	struct spork_overlay *o, uint64_t address, char *buffer, size_t capacity);

/*
 * spork_overlay_untouched - bytes from @address on that the child sees as they stand in the parent's memory, so that
 * they need no copy: 0 = none, or reads are logged. *ret_end: whether they reach to the end of a mapping.
 */
uint64_t spork_overlay_untouched(struct spork_overlay *o, uint64_t address, bool *ret_end);

/*
 * Words whose value is not known yet (the child's thread id): touching them stops the machine. Clear with
 * size 0. At most
 * 8 marks; one more, or a mark longer than a page, is -ENOSPC. A write of spork_overlay_write() that covers a mark
 * removes it.
 */
int spork_overlay_mark_pending(struct spork_overlay *o, uint64_t address, size_t size_bytes);

/*
 * Threaded parents: log every word read from writable memory of the parent, and compare the log again: -ESTALE on a
 * difference. Pages are copied as a whole when first read, so that a sibling that unmaps them does no harm. To be
 * switched on before the machine runs.
 */
void spork_overlay_log_reads(struct spork_overlay *o, bool on);
int spork_overlay_validate(const struct spork_overlay *o);

/*
 * Puts words that are kept beside their pages into copies of them: before a visit. 0, or -ENOMEM (the arena is
 * full).
 */
int spork_overlay_settle(struct spork_overlay *o);
/* Pages written so far, and a visitor over them (late fork: put them into the real memory of a private copy). */
size_t spork_overlay_dirty_pages(const struct spork_overlay *o);
void spork_overlay_visit(const struct spork_overlay *o,
	void (*visit)(uint64_t page_address, const void *bytes, void *data), void *data);

/*
 * Recipes: a trace of one successful run as straight-line code. Recorded while the machine runs, kept as
 * position-independent bytes (modules by build-id and offset), replayed until a guard fails.
 *
 * spork_trace_begin - record what @m executes from now on into @arena (owned by the caller, kept until
 * spork_trace_end()). NULL if the arena holds not even an empty trace.
 */
struct spork_trace *spork_trace_begin(struct spork_machine *m, void *arena, size_t size_bytes);
/*
 * Ends recording, and serialises into @buffer; bytes written, or -EFBIG (longer than @capacity, the arena
 * or the limit of
 * 65,536 steps: not worth keeping), or -ENOTSUP (an instruction that cannot be kept).
 */
int64_t spork_trace_end(struct spork_trace *t, void *buffer, size_t capacity);
/*
 * spork_trace_check - whether bytes are a recipe that spork_trace_end() has written. Reads all of them: once for each
 * mapping of a recipe, whose address the caller then puts into machine.recipe_checked. 0 or -EBADMSG.
 */
int spork_trace_check(const void *recipe, size_t size_bytes);
/*
 * spork_trace_replay - run a recipe up to the next system call, like spork_machine_run().
 * @position: in and out, 0 at first: then the recipe is checked, unless recipe_checked says that it was. It
 * has to start
 * where recording started.
 *
 * Returns an enum spork_stop: SPORK_STOP_SYSCALL, or SPORK_STOP_BUDGET (a guard failed or the recipe ends:
 * registers are
 * right, go on with spork_machine_run()), or what stopped an instruction; -EBADMSG if the bytes are damaged
 * or belong to
 * other modules (nothing has been executed by this call).
 */
int spork_trace_replay(
	struct spork_machine *m, const void *recipe, size_t size_bytes, size_t *position);
/*
 * Digests: what a stretch of a recipe between two system calls did in this process, as the registers and words it
 * depends on and those it leaves. Where all of the first are what they were, the second are put in place, which is what
 * every step would have done; otherwise the steps are replayed.
 *
 * spork_digest_replay - as spork_trace_replay().
 * @digest: SPORK_DIGEST_BYTES, zeroed at first, aligned to 8; owned by the caller, of one recipe at a time. It holds
 * addresses, so that it is of no use to another process.
 */
#define SPORK_DIGEST_BYTES 98304
struct spork_digest;
int spork_digest_replay(struct spork_digest *digest, struct spork_machine *m, const void *recipe,
	size_t size_bytes, size_t *position);
/* How often stretches were put in place. */
uint64_t spork_digest_hits(const struct spork_digest *digest);
/*
 * Whole children: what a recipe did from its start to the execve that it ends with, of which nothing but the arguments
 * of that call is needed. To be made anew in every process, like digests.
 *
 * spork_whole_step - as spork_trace_replay(), noting what the steps depend on, from @position 0 on anew. Between two
 * calls of it the caller may have made system calls that returned 0 and changed nothing.
 * @whole: SPORK_WHOLE_BYTES, zeroed at first, aligned to 64.
 * spork_whole_end - the machine stands at execve. @ranges: private memory that can be believed to be there the next
 * time, and, where it grows, up to spork_whole_heap_end(). False: it cannot be used, because the child has touched
 * other memory, or done what is not understood.
 */
#define SPORK_WHOLE_BYTES 65536
struct spork_whole;
struct spork_range {
	uint64_t start, end;
	bool writable, grows;
};
int spork_whole_step(struct spork_whole *whole, struct spork_machine *m, const void *recipe,
	size_t size_bytes, size_t *position);
bool spork_whole_end(struct spork_whole *whole, const struct spork_machine *m,
	const struct spork_range *ranges, size_t count);
/*
 * spork_whole_holds - would the recipe do the same from @regs (of them gpr, rip, rflags, fs_base, and zmm if
 * spork_whole_uses_vectors())? @fixed: memory that could not be written to is believed to be what it was when this was
 * last asked without it. @ret_arguments: what the registers rdi, rsi and rdx of the call hold.
 * spork_whole_list - the list that rsi points to, where the child has made it: its length, without NULL at the end;
 * 0 = it has not. @ret_list: SPORK_WHOLE_LIST words.
 * spork_whole_asked - other private anonymous memory, readable and writable as it says, that has to be there before
 * spork_whole_holds() may be called; returns how many ranges.
 * spork_whole_writes - may the child have written between @start and @end? spork_whole_steps - instructions.
 */
#define SPORK_WHOLE_LIST 32
bool spork_whole_holds(const struct spork_whole *whole, const struct spork_registers *regs,
	bool fixed, uint64_t ret_arguments[3]);
size_t spork_whole_list(
	const struct spork_whole *whole, const struct spork_registers *regs, uint64_t *ret_list);
#define SPORK_WHOLE_ASKED 2
size_t spork_whole_asked(
	const struct spork_whole *whole, struct spork_range ret_ranges[SPORK_WHOLE_ASKED]);
bool spork_whole_writes(const struct spork_whole *whole, uint64_t start, uint64_t end);
bool spork_whole_uses_vectors(const struct spork_whole *whole);
uint64_t spork_whole_heap_end(const struct spork_whole *whole);
uint64_t spork_whole_steps(const struct spork_whole *whole);
/*
 * spork_trace_compare - whether the code that a recipe stands for, which was checked, is in memory what it was when the
 * recipe was recorded. To be asked before it is replayed for the first time. 0, or -EBADMSG.
 */
int spork_trace_compare(struct spork_machine *m, const void *recipe);
/* spork_trace_uses - whether a recipe that was checked leads through the module @id. */
bool spork_trace_uses(const void *recipe, const struct spork_build_id *id);
/* spork_trace_ends - whether nothing but the end follows the step before @position, which replay has given. */
bool spork_trace_ends(const void *recipe, size_t position);

#endif
