/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Verdicts about calls of fork, in one file of fixed size that all processes of a user map. An entry is found by
 * the hash of the calling context; it is written once and then only counted, so readers need no lock. Damaged
 * entries are ignored.
 *
 * Safe from any thread, signal handler or vfork child; opening does file I/O, looking up does not.
 * Source: docs/design/spork.md, "Verdicts".
 */
#ifndef SPORK_STORE_H
#define SPORK_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "spork/fast.h"

#define SPORK_STORE_MAGIC 0x34766b726f7073ULL
#define SPORK_STORE_ENTRIES 8192
#define SPORK_STORE_FILES 4096
#define SPORK_STORE_PROGRAMS 4096
#define SPORK_CHAIN_FRAMES 8

enum spork_verdict {
	SPORK_VERDICT_UNKNOWN, /* nothing proven: an attempt may be made */
	SPORK_VERDICT_FORK,
	SPORK_VERDICT_RECORD,
	SPORK_VERDICT_RECIPE,
	SPORK_VERDICT_SHARED
};

struct spork_store_entry {
	uint64_t key[2];   /* key[0] = 0: free */
	uint64_t checksum; /* of key and verdict */
	uint32_t verdict;  /* enum spork_verdict */
	uint32_t last_reason;
	uint32_t converted, aborted;
	uint32_t streak;        /* aborts since the last conversion */
	uint32_t skip;          /* forks still to let pass before the next attempt */
	uint64_t recipe_faults; /* guards of the recipe that failed; all ones: no recipe */
};

struct spork_store {
	uint64_t magic;
	uint64_t
		generation; /* counts code files written: then an old "no code" is worth another look */
	uint64_t reserved[6];
	struct spork_store_entry entries[SPORK_STORE_ENTRIES];
	/* Stamps of code files whose bytes the helper has verified, by hash; 0 = free. */
	uint64_t verified[SPORK_STORE_FILES];
	/* Stamps of programs, by hash; bit 0: it is a leaf. 0 = free. */
	uint64_t programs[SPORK_STORE_PROGRAMS];
};

/* A calling context: return addresses as (module, offset), innermost first. */
struct spork_chain {
	uint64_t key[2];
	uint32_t count;
	uint64_t offsets[SPORK_CHAIN_FRAMES];
	uint64_t frames[SPORK_CHAIN_FRAMES];     /* canonical frame addresses; 0 = not known */
	const char *modules[SPORK_CHAIN_FRAMES]; /* paths, owned by the dynamic linker */
};

/* spork_store_find - the valid entry of @key, or NULL. */
struct spork_store_entry *spork_store_find(struct spork_store *store, const uint64_t key[2]);
/* spork_store_insert - find or make the entry; NULL when its neighbourhood is full. */
struct spork_store_entry *spork_store_insert(
	struct spork_store *store, const uint64_t key[2], enum spork_verdict verdict);
/* spork_store_set - change the verdict of an entry. */
void spork_store_set(struct spork_store_entry *entry, enum spork_verdict verdict);

/*
 * spork_store_admit - may an attempt be made? False while it is backing off; counts the fork in that case.
 * spork_store_converted, spork_store_aborted - what came of the attempt. @reason: enum spork_reason.
 */
int spork_store_admit(struct spork_store_entry *entry);
void spork_store_converted(struct spork_store_entry *entry);
void spork_store_aborted(struct spork_store_entry *entry, uint32_t reason);
/* spork_store_doubt - an attempt is not expected to succeed: the longest pause there is, then it is tried again. */
void spork_store_doubt(struct spork_store_entry *entry);

/*
 * spork_store_verified - has the file with this stamp (spork_code_stamp()) been verified? spork_store_set_verified
 * - it has; where the neighbourhood is full another one is forgotten, and verified again when it is asked for.
 */
bool spork_store_verified(const struct spork_store *store, uint64_t stamp);
void spork_store_set_verified(struct spork_store *store, uint64_t stamp);

/*
 * A leaf is a program that starts no others: neither it nor a library that it needs imports anything that could.
 * It has no use for the runtime. spork_store_program - what the helper has found out about the program whose file
 * @status tells; spork_store_set_program - it has; where the neighbourhood is full another one is forgotten.
 */
enum spork_program { SPORK_PROGRAM_UNKNOWN, SPORK_PROGRAM_STARTS, SPORK_PROGRAM_LEAF };

struct stat;

enum spork_program spork_store_program(
	const uint64_t programs[SPORK_STORE_PROGRAMS], const struct stat *status);
void spork_store_set_program(uint64_t programs[SPORK_STORE_PROGRAMS], const struct stat *status,
	enum spork_program program);

#endif
