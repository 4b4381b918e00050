/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Histories of a key-value store, and whether they are linearizable: whether every operation can be given one moment
 * between its invocation and its answer such that a store that does one thing at a time would have answered the same.
 *
 * The search is that of Wing and Gong (J. Parallel and Distributed Computing 17, 1993) with Lowe's memory of
 * configurations seen (Concurrency and Computation 29(4), 2017), one key at a time (Herlihy and Wing: linearizability
 * is local). It is exact; as the question is NP-complete, its memory is bounded, and it may give up.
 *
 * Not thread-safe.
 */
#ifndef PROBCONS_HISTORY_H
#define PROBCONS_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_error;
struct pc_text_table;

enum pc_operation_kind {
	PC_GET,
	PC_PUT,
	PC_APPEND, /* to the text that is there; to a key that is absent as put */
	PC_CAS,    /* succeeds exactly where the value is the expected one */
	PC_DEL,    /* also of a key that is absent */
};

/* Values are numbers of texts, 0 = absent. */
struct pc_operation {
	uint64_t call, answer; /* moments: only their order counts; @answer only if @answered */
	uint32_t key;
	uint32_t value;    /* read by get, written by put, append and cas */
	uint32_t expected; /* by cas */
	uint32_t line;     /* of the invocation, for messages */
	uint8_t kind;
	bool answered; /* false: it may take effect any time after @call, or never */
};

/* Zero-initialise; pc_history_finish(). Operations that failed (had no effect) are left out. */
struct pc_history {
	struct pc_operation *operations;
	uint32_t count, capacity, key_count;
	struct pc_text_table *keys, *values; /* NULL unless it was parsed */
};

void pc_history_finish(struct pc_history *history);

/*
 * pc_history_add - one more operation, in any order. For histories made by programs: keys are below @key_count, values
 * any number; no PC_APPEND. Returns 0 or -ENOMEM.
 */
int pc_history_add(struct pc_history *history, const struct pc_operation *operation);

/*
 * pc_history_parse - read JSON lines:
 *   {"process":1,"type":"invoke|ok|fail|info","f":"get|put|append|cas|del","key":"x","value":"1","time":12}
 *
 * Processes, keys and values are texts or numbers (1 and "1" are the same); the value of cas is [old,new], null is
 * "absent". Lines count in the order of their times, equal ones in the order of the file. A process does one thing at
 * a time. fail: it had no effect; info, or no answer: nobody knows.
 * @text: @length_bytes, need not be terminated. @path: for messages. @ret: untouched on failure.
 *
 * Returns 0, -EBADMSG (path, line and rule in @reterr), -E2BIG (more than 4e9 texts, lines of more than 1 MiB) or
 * -ENOMEM.
 */
int pc_history_parse(const char *text, size_t length_bytes, const char *path,
	struct pc_history *ret, struct hb_error *reterr);

enum pc_judgement {
	PC_LINEARIZABLE,
	PC_NOT_LINEARIZABLE,
	PC_UNDECIDED, /* the memory ran out */
};

#define PC_JUDGE_MEMORY_BYTES ((size_t)512 << 20)

struct pc_judgement_reason {
	uint32_t key;     /* at which the search ended */
	uint32_t line;    /* not linearizable: of an operation that no order can explain ... */
	uint64_t visited; /* configurations, of all keys */
};

/*
 * pc_history_judge - is @history linearizable?
 * @memory_bytes: for configurations seen and texts made, of one key.
 * @ret_reason: filled in every case; may be NULL.
 *
 * Returns 0 or -ENOMEM. The history is reordered: operations by key and time.
 */
int pc_history_judge(struct pc_history *history, size_t memory_bytes, enum pc_judgement *ret,
	struct pc_judgement_reason *ret_reason);

/* pc_history_key - the name of key @key of a parsed history, for messages; owned by @history. */
const char *pc_history_key(const struct pc_history *history, uint32_t key);

#endif
