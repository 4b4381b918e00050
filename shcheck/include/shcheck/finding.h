/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is wrong with a script, as every check reports it, and the table of checks. A list of findings belongs to one
 * source and copies the texts that it is given. Not thread-safe: one list per thread.
 */
#ifndef SHCHECK_FINDING_H
#define SHCHECK_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shcheck/source.h>

/* The closed vocabulary of classes (design page): shc_class_name() gives their words. */
enum shc_class {
	SHC_CLASS_SYSTEM_DELETION,
	SHC_CLASS_USER_DELETION,
	SHC_CLASS_DATA_LOSS,
	SHC_CLASS_PATH_STATE,
	SHC_CLASS_MUST_FAIL,
	SHC_CLASS_NOT_A_COMMAND,
	SHC_CLASS_UNBOUND,
	SHC_CLASS_EMPTY_EXPANSION,
	SHC_CLASS_WORD_SPLIT,
	SHC_CLASS_OPTION_INJECTION,
	SHC_CLASS_GLOB,
	SHC_CLASS_LOOP_ONCE,
	SHC_CLASS_LOOP_FOREVER,
	SHC_CLASS_DEAD_CODE,
	SHC_CLASS_CONSTANT_TEST,
	SHC_CLASS_LOST_STATUS,
	SHC_CLASS_ERREXIT_DEFEATED,
	SHC_CLASS_EMPTY_PIPE,
	SHC_CLASS_STREAM_TYPE,
	SHC_CLASS_DEAD_FILTER,
	SHC_CLASS_READS_STDIN,
	SHC_CLASS_PORTABILITY,
	SHC_CLASS_MISSING_COMMAND,
	SHC_CLASS_NOT_IDEMPOTENT,
	SHC_CLASS_RACE,
	SHC_CLASS_SECURITY,
	SHC_CLASS_SYNTAX,
	SHC_CLASS_COUNT,
};

enum shc_severity {
	SHC_SEVERITY_ERROR,
	SHC_SEVERITY_WARNING,
	SHC_SEVERITY_INFO,
	SHC_SEVERITY_STYLE,
	SHC_SEVERITY_COUNT,
};

/* On what a finding rests. */
enum shc_evidence {
	SHC_EVIDENCE_ALWAYS,     /* whenever the place is reached */
	SHC_EVIDENCE_PATH,       /* on a path that was found */
	SHC_EVIDENCE_ASSUMPTION, /* if something outside behaves as assumed */
	SHC_EVIDENCE_SYNTACTIC,  /* read off the text */
	SHC_EVIDENCE_COUNT,
};

/* A place that explains a finding. */
struct shc_related {
	struct shc_range range;
	const char *message;
	struct shc_related *next; /* in the order of adding */
};

struct shc_finding {
	int id; /* 901 for SH901: an entry of the table of checks */
	enum shc_class class;
	enum shc_severity severity;
	enum shc_evidence evidence;
	struct shc_range range;
	const char *message; /* what is wrong, no full stop */
	const char
		*hint; /* what to do; NULL = none. JSON and gcc output append it to the message */
	struct shc_related *related;
	const char *witness; /* a JSON object, or NULL */
};

struct shc_findings;

/* shc_findings_create - an empty list. Returns 0 or -ENOMEM; release with shc_findings_destroy(). */
int shc_findings_create(struct shc_findings **ret);

/* shc_findings_destroy - release @findings and everything in it; NULL is allowed. */
void shc_findings_destroy(struct shc_findings *findings);

/*
 * shc_findings_add - report check @id (an entry of the table, which gives class and severity) at @range with a message.
 * The finding may be completed until the next call: severity, evidence (shc_findings_add sets the table's), hint,
 * related. At most 10,000 findings are kept; later ones are counted (shc_findings_dropped()).
 *
 * Returns the finding; the list owns it. NULL when it was dropped or there is no memory: nothing to do for the caller.
 */
struct shc_finding *shc_findings_add(struct shc_findings *findings, int id, struct shc_range range,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* shc_finding_hint - set the hint of @finding. Does nothing when @finding is NULL. */
void shc_finding_hint(struct shc_findings *findings, struct shc_finding *finding,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

/* shc_finding_relate - append a related place. Does nothing when @finding is NULL. */
void shc_finding_relate(struct shc_findings *findings, struct shc_finding *finding,
	struct shc_range range, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* shc_finding_witness - set the witness: the text of a JSON object. Does nothing when @finding is NULL. */
void shc_finding_witness(
	struct shc_findings *findings, struct shc_finding *finding, const char *json);

/*
 * shc_findings_sort - order by start, id, end, message; of equal (class, range, message) ones the first stays. Output
 * is made in this order.
 */
void shc_findings_sort(struct shc_findings *findings);

/*
 * shc_findings_keep - drop what is less severe than @worst_kept, or what @ids (NULL = no rule, else ended by 0) rule.
 */
void shc_findings_keep(struct shc_findings *findings, enum shc_severity least, const int *included,
	const int *excluded);

/* shc_findings_count, shc_findings_at - the list; @index below the count. */
size_t shc_findings_count(const struct shc_findings *findings);
const struct shc_finding *shc_findings_at(const struct shc_findings *findings, size_t index);

/* shc_findings_dropped - how many findings found no room. */
uint64_t shc_findings_dropped(const struct shc_findings *findings);

/* One check, in shcheck/src/checks/catalogue.c. */
struct shc_check {
	int id;
	enum shc_class class;
	enum shc_severity severity;
	enum shc_evidence evidence;
	const char *title;     /* one line */
	const char *rationale; /* why it matters; sentences */
	const char *example;   /* a script in which it is found; lines end with \n */
	const char *fix;       /* the example put right, or what to do; lines end with \n */
};

/* shc_class_meaning - one sentence on what findings of @class have in common. */
const char *shc_class_meaning(enum shc_class class);

/* shc_check_find - the check numbered @id, or NULL. */
const struct shc_check *shc_check_find(int id);

/* shc_check_at - the entry at @index of the table in ascending order of id, or NULL past its end. */
const struct shc_check *shc_check_at(size_t index);

/* shc_class_name, shc_severity_name, shc_evidence_name - the word of outputs: "data-loss", "error", "always". */
const char *shc_class_name(enum shc_class class);
const char *shc_severity_name(enum shc_severity severity);
const char *shc_evidence_name(enum shc_evidence evidence);

#endif
