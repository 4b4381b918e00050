/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <shcheck/finding.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>

#define FINDINGS_MAX 10000
#define TEXT_BYTES_MAX 2000

/* Text that is released with the list. */
struct text {
	struct text *previous;
	char bytes[];
};

struct shc_findings {
	struct shc_finding **rows;
	size_t count, room;
	uint64_t dropped;
	struct text *texts;
};

static const char *const class_names[SHC_CLASS_COUNT] = {"system-deletion", "user-deletion",
	"data-loss", "path-state", "must-fail", "not-a-command", "unbound", "empty-expansion",
	"word-split", "option-injection", "glob", "loop-once", "loop-forever", "dead-code",
	"constant-test", "lost-status", "errexit-defeated", "empty-pipe", "stream-type",
	"dead-filter", "reads-stdin", "portability", "missing-command", "not-idempotent", "race",
	"security", "syntax"};

static const char *const class_meanings[SHC_CLASS_COUNT] = {
	"A deletion, or a change of modes, that can reach folders the system lives in.",
	"A deletion that can reach a home or the directory in which the script is started.",
	"Contents that are overwritten before they were read or kept.",
	"A command that meets something else at a path than the script has left there.",
	"A command that cannot succeed where it stands.",
	"A word that is run as a command and is none, or not yet.",
	"A variable that is read where nothing has assigned it.",
	"An expansion that can be empty and then changes what a command means.",
	"An unquoted value that falls apart into several words.",
	"A value that begins with a dash and is taken as an option.",
	"A value or word that is taken as a pattern and should not be, or the reverse.",
	"A loop that runs once although it looks as if it ran over a list.",
	"A loop that nothing ends.",
	"Commands that no path reaches.",
	"A test whose outcome is always the same.",
	"A status that another one has replaced before it is tested.",
	"Commands that run although one before has failed under -e.",
	"A pipeline that never prints a line.",
	"A stage of a pipeline that cannot work on the lines that it gets.",
	"A filter that lets every line through, or none.",
	"A command that waits for standard input when its operands vanish.",
	"Syntax or options that the shell or the system of the script does not have.",
	"A program that the system does not have.",
	"A script that fails or does harm when it runs a second time.",
	"Commands that run at the same time and work on one path.",
	"Something from outside that decides what is run, or where files are made.",
	"Text that the shell refuses, or reads as something else than it looks.",
};

static const char *const severity_names[SHC_SEVERITY_COUNT] = {"error", "warning", "info", "style"};

static const char *const evidence_names[SHC_EVIDENCE_COUNT] = {
	"always", "path", "assumption", "syntactic"};

const char *shc_class_name(enum shc_class class)
{
	return class_names[class];
}

const char *shc_class_meaning(enum shc_class class)
{
	return class_meanings[class];
}

const char *shc_severity_name(enum shc_severity severity)
{
	return severity_names[severity];
}

const char *shc_evidence_name(enum shc_evidence evidence)
{
	return evidence_names[evidence];
}

int shc_findings_create(struct shc_findings **ret)
{
	struct shc_findings *findings = calloc(1, sizeof(*findings));

	if (!findings)
		return -ENOMEM;
	*ret = findings;
	return 0;
}

void shc_findings_destroy(struct shc_findings *findings)
{
	if (!findings)
		return;
	while (findings->texts) {
		struct text *previous = findings->texts->previous;

		free(findings->texts);
		findings->texts = previous;
	}
	free(findings->rows);
	free(findings);
}

/* @size zeroed bytes that live as long as the list, or NULL. */
static void *take(struct shc_findings *findings, size_t size)
{
	struct text *text = calloc(1, sizeof(*text) + size);

	if (!text)
		return NULL;
	text->previous = findings->texts;
	findings->texts = text;
	return text->bytes;
}

static const char *format_text(struct shc_findings *findings, const char *format, va_list arguments)
{
	char buffer[TEXT_BYTES_MAX];
	char *copy;

	(void)vsnprintf(buffer, sizeof(buffer), format, arguments);
	copy = take(findings, strlen(buffer) + 1);
	if (copy)
		memcpy(copy, buffer, strlen(buffer) + 1);
	return copy;
}

static bool make_room(struct shc_findings *findings)
{
	size_t room = findings->room ? findings->room * 2 : 16;
	struct shc_finding **rows;

	if (findings->count < findings->room)
		return true;
	rows = realloc(findings->rows, room * sizeof(*rows));
	if (!rows)
		return false;
	findings->rows = rows;
	findings->room = room;
	return true;
}

struct shc_finding *shc_findings_add(
	struct shc_findings *findings, int id, struct shc_range range, const char *format, ...)
{
	const struct shc_check *check = shc_check_find(id);
	struct shc_finding *finding;
	va_list arguments;

	hb_assert(check);
	if (findings->count >= FINDINGS_MAX || !make_room(findings)) {
		findings->dropped++;
		return NULL;
	}
	finding = take(findings, sizeof(*finding));
	if (!finding) {
		findings->dropped++;
		return NULL;
	}
	va_start(arguments, format);
	finding->message = format_text(findings, format, arguments);
	va_end(arguments);
	if (!finding->message) {
		findings->dropped++;
		return NULL;
	}
	finding->id = id;
	finding->class = check->class;
	finding->severity = check->severity;
	finding->evidence = check->evidence;
	finding->range = range;
	findings->rows[findings->count++] = finding;
	return finding;
}

void shc_finding_hint(
	struct shc_findings *findings, struct shc_finding *finding, const char *format, ...)
{
	va_list arguments;

	if (!finding)
		return;
	va_start(arguments, format);
	finding->hint = format_text(findings, format, arguments);
	va_end(arguments);
}

void shc_finding_relate(struct shc_findings *findings, struct shc_finding *finding,
	struct shc_range range, const char *format, ...)
{
	struct shc_related *related, **last;
	va_list arguments;

	if (!finding)
		return;
	related = take(findings, sizeof(*related));
	if (!related)
		return;
	va_start(arguments, format);
	related->message = format_text(findings, format, arguments);
	va_end(arguments);
	if (!related->message)
		return;
	related->range = range;
	for (last = &finding->related; *last; last = &(*last)->next)
		;
	*last = related;
}

void shc_finding_witness(
	struct shc_findings *findings, struct shc_finding *finding, const char *json)
{
	char *copy;

	if (!finding)
		return;
	copy = take(findings, strlen(json) + 1);
	if (copy)
		finding->witness = memcpy(copy, json, strlen(json) + 1);
}

static int compare_numbers(uint32_t left, uint32_t right)
{
	return (left > right) - (left < right);
}

static int compare(const void *left_row, const void *right_row)
{
	const struct shc_finding *left = *(struct shc_finding *const *)left_row;
	const struct shc_finding *right = *(struct shc_finding *const *)right_row;
	int order = compare_numbers(left->range.start, right->range.start);

	if (order == 0)
		order = (left->id > right->id) - (left->id < right->id);
	if (order == 0)
		order = compare_numbers(left->range.end, right->range.end);
	if (order == 0)
		order = strcmp(left->message, right->message);
	return order;
}

static bool is_same(const struct shc_finding *left, const struct shc_finding *right)
{
	return left->class == right->class && left->id == right->id &&
	       left->range.start == right->range.start && left->range.end == right->range.end &&
	       strcmp(left->message, right->message) == 0;
}

/* Two findings of one class about one command; faults of syntax stand each for itself. */
static bool is_again(const struct shc_finding *left, const struct shc_finding *right)
{
	return left->class == right->class && left->class != SHC_CLASS_SYNTAX &&
	       left->range.start == right->range.start && left->range.end == right->range.end;
}

/* What @finding says goes to the one that is kept. */
static void merge(
	struct shc_findings *findings, struct shc_finding *kept, const struct shc_finding *finding)
{
	shc_finding_relate(findings, kept, finding->range, "%s", finding->message);
	for (const struct shc_related *related = finding->related; related; related = related->next)
		shc_finding_relate(findings, kept, related->range, "%s", related->message);
}

/* The kept finding of which @finding is one more, or NULL. Those at one place stand together. */
static struct shc_finding *find_kept(
	const struct shc_findings *findings, size_t kept, const struct shc_finding *finding)
{
	while (kept-- > 0 && findings->rows[kept]->range.start == finding->range.start)
		if (is_again(findings->rows[kept], finding))
			return findings->rows[kept];
	return NULL;
}

void shc_findings_sort(struct shc_findings *findings)
{
	size_t kept = 0;

	if (findings->count == 0)
		return;
	qsort(findings->rows, findings->count, sizeof(struct shc_finding *), compare);
	for (size_t i = 0; i < findings->count; i++) {
		struct shc_finding *finding = findings->rows[i], *other;

		if (kept && is_same(findings->rows[kept - 1], finding))
			continue;
		other = find_kept(findings, kept, finding);
		if (other)
			merge(findings, other, finding);
		else
			findings->rows[kept++] = finding;
	}
	findings->count = kept;
}

static bool contains(const int *ids, int id)
{
	for (; *ids; ids++) {
		if (*ids == id)
			return true;
	}
	return false;
}

void shc_findings_keep(struct shc_findings *findings, enum shc_severity least, const int *included,
	const int *excluded)
{
	size_t kept = 0;

	for (size_t i = 0; i < findings->count; i++) {
		struct shc_finding *finding = findings->rows[i];

		if (finding->severity <= least && (!included || contains(included, finding->id)) &&
			(!excluded || !contains(excluded, finding->id)))
			findings->rows[kept++] = finding;
	}
	findings->count = kept;
}

size_t shc_findings_count(const struct shc_findings *findings)
{
	return findings->count;
}

const struct shc_finding *shc_findings_at(const struct shc_findings *findings, size_t index)
{
	hb_assert(index < findings->count);
	return findings->rows[index];
}

uint64_t shc_findings_dropped(const struct shc_findings *findings)
{
	return findings->dropped;
}
