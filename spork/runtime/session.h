/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a process learns at its first fork and keeps: the modules with their code, and the verdict
 * store. Forked children inherit it. Changed only while the arena is held, and so that a child
 * forked by another thread meanwhile finds it whole.
 */
#ifndef SPORK_SESSION_H
#define SPORK_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spork/machine.h"
#include "spork/request.h"
#include "spork/store.h"

#define SESSION_MODULES 256
#define SESSION_RECIPES 64
#define SESSION_SAME_WORDS 8192 /* for 128 MiB of code; what is beyond is not run */

struct link_map;

struct session_module {
	const struct link_map *map;
	const char *name;    /* path; "" for the program itself */
	uint64_t generation; /* of the store when the code file was last looked for */
	bool identified;     /* has a build-id */
	bool permanent;      /* there since the program started: nobody can unload it */
};

struct session_recipe {
	uint64_t key[2];
	const void *bytes; /* NULL: none yet */
	size_t size_bytes;
	bool matches; /* the code that it leads through was compared with memory */
};

#define SESSION_RANGES 128
#define SESSION_KEPT_BYTES 32 /* of one range, at most */
#define SESSION_CHAINS 8
#define SESSION_CHAIN_WORDS 16

/* A chain of callers that was unwound before: the same as long as these words of the stack are. */
struct session_chain {
	uint64_t resume, rsp, rbp; /* resume 0: none */
	uint32_t count;
	bool rbp_matters;
	uint64_t addresses[SESSION_CHAIN_WORDS], values[SESSION_CHAIN_WORDS];
	struct spork_chain chain;
};

/* Memory that was looked up at an earlier fork and that no program takes away: data of modules, thread block, stack. */
struct session_range {
	uint64_t start, end;
	bool writable;
};

struct session {
	uint32_t count;
	struct spork_module modules[SESSION_MODULES]; /* sorted by base */
	struct session_module records[SESSION_MODULES];
	struct session_range ranges[SESSION_RANGES]; /* sorted */
	uint32_t range_count;                        /* 0: to be looked up */
	uint64_t range_generation;                   /* how often they were looked up */
	uint32_t range_modules;                      /* modules when they were looked up */
	uint64_t heap_start;                         /* 0: no heap then */
	/* All of them as the overlay keeps them, while the heap ends where it did. */
	uint64_t kept_heap_end;
	size_t kept_bytes; /* 0: not yet */
	_Alignas(8) uint8_t kept_ranges[(SESSION_RANGES + 1) * SESSION_KEPT_BYTES];
	struct spork_store *store;
	struct session_chain chains[SESSION_CHAINS];
	uint32_t recipe_count;
	struct session_recipe recipes[SESSION_RECIPES];
	bool trusted;     /* the cache */
	bool lacked_code; /* the last attempt did: a real child is to tell what it loads until exec */
	struct spork_request requests[SPORK_REQUESTS_MAX]; /* the datagram that is being filled */
	uint32_t request_count;
	uint64_t code_changes;             /* code_changes_count() when code was last compared */
	uint32_t same_used;                /* words */
	uint64_t same[SESSION_SAME_WORDS]; /* the modules' bits, see struct spork_module */
};

/* session_open - the session, made if there is none yet; NULL without memory. Drops modules that are gone. */
struct session *session_open(void);

/* session_lacked_code - is there a session, and did its last attempt lack code? */
bool session_lacked_code(void);

/* session_range_at - the range that holds @address, or NULL. */
const struct session_range *session_range_at(const struct session *session, uint64_t address);
/* session_object - the lowest address of the loaded object that holds @address; 0 = none. */
uint64_t session_object(uint64_t address);

/* session_module - the module that holds @pc, learnt if need be, with its code if there is any; -1 = none. */
int session_module(struct session *session, uint64_t pc);

/*
 * session_add - a module that only the child of this attempt has loaded, from its path @name (kept by the caller until
 * the next session_open(), which drops the module again). False: no room.
 */
bool session_add(struct session *session, uint64_t base, uint64_t end,
	const struct spork_build_id *id, const char *name);

/* Ask the helper what the analyser thinks of a calling context. Never blocks. */
void session_request_context(const struct session *session, const struct spork_chain *chain);
/* Ask for the code of the modules that the session has met, where it is missing. */
void session_request_known(struct session *session);
/*
 * The same for all modules of the process. With other threads, which may unload what they have loaded: for those that
 * were there when the program started.
 */
void session_request_all(struct session *session, bool threaded);

#endif
