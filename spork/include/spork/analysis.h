/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What may a child do between fork and exec? Control flow is followed from fork's return with "result = 0" propagated
 * through registers and memory; the answer is a verdict with its reason.
 *
 * A verdict decides what is *tried*, never what is done: the runtime interprets the child's real instructions, so a
 * wrong one costs time and cannot change behaviour. Two assumptions follow from that: a function called by the child
 * leaves its caller's stack slots alone, and so do writes through unknown pointers.
 *
 * An analyser and its results belong to one thread. Nothing blocks but the memory reader that the caller gives. Bounded
 * by the request's budgets. Source: docs/design/spork.md, "Verdicts".
 */
#ifndef SPORK_ANALYSIS_H
#define SPORK_ANALYSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_error;
struct spork_decoder;
struct spork_image;

/* What a step does to the world; a set. */
enum spork_effect {
	SPORK_EFFECT_QUERY = 1 << 0,       /* asks the kernel, changes nothing */
	SPORK_EFFECT_PRIVATE = 1 << 1,     /* writes memory of its own */
	SPORK_EFFECT_DESCRIPTOR = 1 << 2,  /* close, dup, fcntl, opening without creating */
	SPORK_EFFECT_SIGNAL = 1 << 3,      /* dispositions and mask */
	SPORK_EFFECT_GROUP = 1 << 4,       /* process group, session, controlling terminal */
	SPORK_EFFECT_DIRECTORY = 1 << 5,   /* working and root directory, umask */
	SPORK_EFFECT_CREDENTIALS = 1 << 6, /* users, groups, capabilities, no_new_privs, seccomp */
	SPORK_EFFECT_ENVIRONMENT = 1 << 7, /* the environment of the program to come */
	SPORK_EFFECT_LIMITS = 1 << 8,      /* rlimits, priority, affinity */
	SPORK_EFFECT_EXTERNAL = 1 << 9,    /* others can see it: write, kill, creating files */
	SPORK_EFFECT_BLOCKING = 1 << 10,   /* waits for others: read, wait, flock */
	SPORK_EFFECT_UNSAFE = 1 << 11,     /* threads, mappings of files, another fork, longjmp */
	SPORK_EFFECT_UNKNOWN =
		1 << 12, /* a call that was not resolved, a system call not modelled */
	SPORK_EFFECT_IDENTITY = 1 << 13, /* learns its process or thread id */
	SPORK_EFFECT_EXEC = 1 << 14,
	SPORK_EFFECT_EXIT = 1 << 15
};
#define SPORK_EFFECT_COUNT 16

/* The first five have the numbers of the verdicts that the runtime stores. */
enum spork_site_verdict {
	SPORK_SITE_UNKNOWN, /* no exec was found, but not everything could be followed: an attempt may be made */
	SPORK_SITE_FORK,   /* fork at once */
	SPORK_SITE_RECORD, /* interpret: exec can be reached */
	SPORK_SITE_RECIPE, /* every path execs or exits with effects that a trace can replay */
	SPORK_SITE_SHARED, /* exec can be reached through code that cannot be interpreted */
	SPORK_SITE_LEAVE   /* does not copy the address space: nothing to gain */
};

enum spork_site_reason {
	SPORK_BECAUSE_CLEAN,      /* recipe: exec or exit on every path, all effects expressible */
	SPORK_BECAUSE_EFFECTS,    /* record: effects that need a real child first */
	SPORK_BECAUSE_CALLS,      /* record: calls on the way that were not resolved */
	SPORK_BECAUSE_RETURNS,    /* record: some path returns beyond the known callers */
	SPORK_BECAUSE_UNRESOLVED, /* unknown: no exec found, but calls were not resolved */
	SPORK_BECAUSE_BUDGET,     /* unknown, record: the budget ended first */
	SPORK_BECAUSE_UNDECODED,  /* shared: no decoder knows an instruction on the way */
	SPORK_BECAUSE_NO_EXEC,    /* fork: every path exits or goes on for ever */
	SPORK_BECAUSE_CALLERS,    /* unknown: returns to callers that are not known */
	SPORK_BECAUSE_BLOCKING,   /* fork: every way to exec waits for others */
	SPORK_BECAUSE_UNSAFE,     /* fork: every way to exec does what only a real child may */
	SPORK_BECAUSE_ALREADY_CHEAP /* leave: vfork, posix_spawn, system, popen */
};
#define SPORK_BECAUSE_COUNT 12

/* Switched off to see what they are worth. */
enum spork_ablation {
	SPORK_WITHOUT_CALLERS = 1 << 0,   /* never continue in a caller */
	SPORK_WITHOUT_SUMMARIES = 1 << 1, /* walk into every callee again */
	SPORK_WITHOUT_VALUES = 1 << 2     /* do not read the process's memory */
};

/* A module and where it is: its run-time addresses are virtual addresses + @bias. */
struct spork_analysis_module {
	const struct spork_image *image; /* outlives the analyser that has seen it */
	uint64_t bias;
};

/* One activation: the virtual address at which it goes on. */
struct spork_analysis_frame {
	size_t module;    /* index */
	uint64_t address; /* virtual */
	uint64_t cfa;     /* run-time address; 0 = unknown */
};

#define SPORK_FRAMES_MAX 16

struct spork_analysis_request {
	const struct spork_analysis_module *modules;
	size_t module_count;
	/* frames[0] is where the child goes on with rax = 0; the others are return addresses, outwards. */
	const struct spork_analysis_frame *frames;
	size_t frame_count;
	/* No callers are known: all places of the module that call the function are tried. */
	bool callers_unknown;
	/* Read memory as it was at the fork: 0 or -errno. NULL: unknown. */
	int (*read)(void *data, uint64_t address, void *buffer, size_t size_bytes);
	void *data;
	unsigned ablations;
	uint64_t instruction_max; /* decoded and followed; 0 = 3,000,000 */
	uint32_t state_max;       /* basic blocks in context; 0 = 500,000 */
};

/* A word of the process's memory that the verdict relies on. */
struct spork_guard {
	uint64_t address, value;
	uint8_t size_bytes;
};

/* A step of the way to exec: a basic block, named by the call or system call that ends it. */
struct spork_step {
	size_t module;
	uint64_t start,
		end; /* virtual addresses of the block; @end is behind its last instruction */
	uint32_t effects;
	uint32_t instructions;
	char callee[64]; /* "" = none; "*" = unresolved */
};

struct spork_analysis {
	enum spork_site_verdict verdict;
	enum spork_site_reason reason;
	uint32_t effects;      /* on ways that reach exec; on all of them when none does */
	uint32_t unresolved;   /* calls and jumps, on the same ways */
	uint64_t instructions; /* followed */
	uint64_t
		path_instructions; /* on the way of @steps, without callees that only have a summary */
	uint32_t states;
	bool returns;             /* some path returns beyond the callers */
	bool exhausted;           /* a budget ended the search */
	struct spork_step *steps; /* the way to exec, or what is reached if there is none */
	size_t step_count;
	struct spork_guard *guards;
	size_t guard_count;
	bool *modules_needed; /* of the request's modules: which ones need code files */
};

struct spork_analyser;

/*
 * spork_analyser_create - an analyser with empty caches of instructions and function summaries.
 * @decoder: NULL = spork_decoder_both. Returns 0 or -ENOMEM.
 */
int spork_analyser_create(
	const struct spork_decoder *decoder, struct spork_analyser **ret_analyser);
void spork_analyser_destroy(struct spork_analyser *analyser);

/* Forget what is cached about an image that is going to be closed. */
void spork_analyser_forget(struct spork_analyser *analyser, const struct spork_image *image);

/*
 * spork_analyse_site - the verdict about one fork.
 * @ret: owned by the caller, released with spork_analysis_finish().
 *
 * Frames inside libc's own fork are skipped: what the child does there is known. Returns 0, -EINVAL (an address outside
 * of its module's code), -ENOMEM.
 */
int spork_analyse_site(struct spork_analyser *analyser,
	const struct spork_analysis_request *request, struct spork_analysis *ret,
	struct hb_error *reterr);
void spork_analysis_finish(struct spork_analysis *analysis);

/* A place that calls a function that starts processes. */
struct spork_site {
	uint64_t call;    /* virtual address of the instruction */
	uint64_t address; /* behind it: where the child goes on */
	const char *callee;
	bool tail;   /* a jump: the child goes on in the caller */
	bool copies; /* the address space: fork, _Fork, forkpty, daemon, clone */
};

/*
 * spork_sites_find - all of them in an image, by address. @ret_sites: owned by the caller, freed with free().
 * Returns 0 or -ENOMEM.
 */
int spork_sites_find(struct spork_analyser *analyser, const struct spork_image *image,
	struct spork_site **ret_sites, size_t *ret_count);

/*
 * spork_frames_unwind - the chain of callers, by unwinding rows.
 * @rip, @rsp, @rbp: registers in the innermost frame. @read: as in the request. @ret_frames: SPORK_FRAMES_MAX of them.
 * Returns the number of frames, at least 1 if @rip is in a module; the chain ends where it cannot be unwound.
 */
size_t spork_frames_unwind(const struct spork_analysis_module *modules, size_t module_count,
	uint64_t rip, uint64_t rsp, uint64_t rbp,
	int (*read)(void *data, uint64_t address, void *buffer, size_t size_bytes), void *data,
	struct spork_analysis_frame *ret_frames);

const char *spork_site_verdict_name(enum spork_site_verdict verdict);
const char *spork_site_reason_name(enum spork_site_reason reason);
/* One sentence for people. */
const char *spork_site_reason_text(enum spork_site_reason reason);
/* Of a single effect. */
const char *spork_effect_name(enum spork_effect effect);

/* The model of a library function by its name, as bits of spork_effect; false: there is none. */
bool spork_model_of(const char *name, uint32_t *ret_effects, bool *ret_returns);

#endif
