/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

struct findings {
	struct spork_finding *list;
	size_t count, capacity;
	int different, err;
};

const char *spork_agreement_name(enum spork_agreement agreement)
{
	static const char *const names[] = {
		"same", "same lines", "different", "unstable", "not seen"};

	return names[agreement];
}

static struct spork_finding *add(struct findings *findings, const char *kind, const char *path,
	enum spork_agreement agreement)
{
	struct spork_finding *finding;
	size_t size = strlen(kind) + strlen(path) + 1;

	if (findings->count == findings->capacity) {
		size_t wanted = findings->capacity ? findings->capacity * 2 : 16;
		struct spork_finding *more = realloc(findings->list, wanted * sizeof(*more));

		if (!more) {
			findings->err = -ENOMEM;
			return NULL;
		}
		findings->list = more;
		findings->capacity = wanted;
	}
	finding = &findings->list[findings->count];
	*finding = (struct spork_finding){.item = malloc(size), .agreement = agreement};
	if (!finding->item) {
		findings->err = -ENOMEM;
		return NULL;
	}
	(void)snprintf(finding->item, size, "%s%s", kind, path);
	findings->count++;
	findings->different += agreement == SPORK_DIFFERENT;
	return finding;
}

static bool equal(const struct spork_output *a, const struct spork_output *b)
{
	return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Pointers to the sorted lines of @text, which is cut into them. NULL without memory. */
static char **sorted_lines(char *text, size_t length, size_t *ret_count)
{
	size_t count = 1;
	char **lines;

	for (size_t i = 0; i < length; i++)
		count += text[i] == '\n';
	lines = calloc(count, sizeof(*lines));
	if (!lines)
		return NULL;
	lines[0] = text;
	count = 1;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n') {
			text[i] = '\0';
			lines[count++] = text + i + 1;
		}
	}
	qsort(lines, count, sizeof(*lines), compare_lines);
	*ret_count = count;
	return lines;
}

static bool equal_lines(const struct spork_output *a, const struct spork_output *b)
{
	char *left = malloc(a->length + 1), *right = malloc(b->length + 1);
	char **left_lines = NULL, **right_lines = NULL;
	size_t left_count = 0, right_count = 0;
	bool same = false;

	if (left && right) {
		memcpy(left, a->bytes, a->length + 1);
		memcpy(right, b->bytes, b->length + 1);
		left_lines = sorted_lines(left, a->length, &left_count);
		right_lines = sorted_lines(right, b->length, &right_count);
	}
	if (left_lines && right_lines && left_count == right_count) {
		same = true;
		for (size_t i = 0; i < left_count && same; i++)
			same = strcmp(left_lines[i], right_lines[i]) == 0;
	}
	free(left_lines);
	free(right_lines);
	free(left);
	free(right);
	return same;
}

/* The first line in which they differ, as far as there is room. */
static void describe_outputs(
	struct spork_finding *finding, const struct spork_output *a, const struct spork_output *b)
{
	size_t at = 0, line = 1, start = 0;

	while (at < a->length && at < b->length && a->bytes[at] == b->bytes[at]) {
		if (a->bytes[at++] == '\n') {
			line++;
			start = at;
		}
	}
	(void)snprintf(finding->detail, sizeof(finding->detail),
		"line %zu: with fork '%.*s', with spork '%.*s'", line,
		(int)strcspn(a->bytes + start, "\n") % 90, a->bytes + start,
		(int)strcspn(b->bytes + start, "\n") % 90, b->bytes + start);
}

static void compare_outputs(struct findings *findings, const char *name,
	const struct spork_output *first, const struct spork_output *second,
	const struct spork_output *tested)
{
	bool stable = equal(first, second);
	enum spork_agreement agreement = SPORK_DIFFERENT;
	struct spork_finding *finding;

	if (equal(first, tested) || equal(second, tested))
		agreement = SPORK_SAME;
	else if (!stable && equal_lines(first, second))
		agreement = equal_lines(first, tested) ? SPORK_SAME_LINES : SPORK_DIFFERENT;
	else if (!stable)
		agreement = SPORK_UNSTABLE;
	finding = add(findings, name, "", agreement);
	if (finding && agreement == SPORK_DIFFERENT)
		describe_outputs(finding, first, tested);
}

static void describe_status(char *text, size_t size, const struct spork_observation *run)
{
	if (run->timed_out)
		(void)snprintf(text, size, "did not end");
	else if (WIFSIGNALED(run->status))
		(void)snprintf(text, size, "killed by signal %d", WTERMSIG(run->status));
	else
		(void)snprintf(text, size, "%d", WEXITSTATUS(run->status));
}

static bool same_status(const struct spork_observation *a, const struct spork_observation *b)
{
	return a->status == b->status && a->timed_out == b->timed_out;
}

static void compare_status(struct findings *findings, const struct spork_observation *first,
	const struct spork_observation *second, const struct spork_observation *tested)
{
	bool stable = same_status(first, second);
	bool same = same_status(first, tested) || same_status(second, tested);
	struct spork_finding *finding = add(findings, "status", "",
		same     ? SPORK_SAME
		: stable ? SPORK_DIFFERENT
			 : SPORK_UNSTABLE);
	char native[64], other[64];

	if (!finding)
		return;
	describe_status(native, sizeof(native), first);
	describe_status(other, sizeof(other), tested);
	if (same)
		(void)snprintf(finding->detail, sizeof(finding->detail), "%s", other);
	else
		(void)snprintf(finding->detail, sizeof(finding->detail),
			"with fork %s, with spork %s", native, other);
}

static bool same_orphans(const struct spork_observation *a, const struct spork_observation *b)
{
	return a->orphan_count == b->orphan_count && a->killed == b->killed &&
	       memcmp(a->orphans, b->orphans, a->orphan_count * sizeof(int)) == 0;
}

static bool has_status(const struct spork_observation *run, int status)
{
	for (size_t i = 0; i < run->orphan_count; i++) {
		if (run->orphans[i] == status)
			return true;
	}
	return false;
}

/*
 * Whether a process outlives a command that does not wait for it is chance. What is not: how it ends, whether it ends,
 * and that there is any.
 */
static bool like_orphans(
	const struct spork_observation *native, const struct spork_observation *tested)
{
	if (native->killed != tested->killed)
		return false;
	for (size_t i = 0; i < tested->orphan_count; i++) {
		if (!has_status(native, tested->orphans[i]))
			return false;
	}
	return true;
}

static void compare_orphans(struct findings *findings, const struct spork_observation *first,
	const struct spork_observation *second, const struct spork_observation *tested)
{
	bool stable = same_orphans(first, second);
	bool same = like_orphans(first, tested) || like_orphans(second, tested);
	struct spork_finding *finding = add(findings, "orphans", "",
		same     ? SPORK_SAME
		: stable ? SPORK_DIFFERENT
			 : SPORK_UNSTABLE);

	if (finding && !same)
		(void)snprintf(finding->detail, sizeof(finding->detail),
			"processes that outlived the command: with fork %zu (%d did not end), with "
			"spork %zu (%d)",
			first->orphan_count, first->killed, tested->orphan_count, tested->killed);
}

static const char *absence(const struct spork_observation *first,
	const struct spork_observation *second, const struct spork_observation *tested)
{
	return first->ledger.absent    ? first->ledger.absent
	       : second->ledger.absent ? second->ledger.absent
				       : tested->ledger.absent;
}

static void compare_ledgers(struct findings *findings, const struct spork_observation *first,
	const struct spork_observation *second, const struct spork_observation *tested, bool kinds)
{
	const struct spork_ledger *a = &first->ledger, *b = &second->ledger, *c = &tested->ledger;
	const char *absent = absence(first, second, tested);
	bool same = !absent && (ledger_equal(a, c, kinds) || ledger_equal(b, c, kinds));
	struct spork_finding *finding = add(findings, "ledger", "",
		absent                      ? SPORK_ABSENT
		: same                      ? SPORK_SAME
		: ledger_equal(a, b, kinds) ? SPORK_DIFFERENT
					    : SPORK_UNSTABLE);

	if (finding && absent)
		(void)snprintf(finding->detail, sizeof(finding->detail), "%s", absent);
	else if (finding && finding->agreement == SPORK_DIFFERENT)
		ledger_describe(a, c, kinds, finding->detail, sizeof(finding->detail));
	else if (finding)
		(void)snprintf(finding->detail, sizeof(finding->detail),
			"%zu processes, %llu threads, %llu programs executed, %llu SIGCHLD",
			c->count, (unsigned long long)c->threads, (unsigned long long)c->execs,
			(unsigned long long)c->sigchlds);
}

static const struct spork_seen_file *find(const struct spork_observation *run, const char *path)
{
	size_t low = 0, high = run->file_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(run->files[middle].path, path);

		if (order == 0)
			return &run->files[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool same_file(const struct spork_seen_file *a, const struct spork_seen_file *b)
{
	if (!a || !b)
		return a == b;
	return a->mode == b->mode && a->owner == b->owner && a->size_bytes == b->size_bytes &&
	       a->hash == b->hash;
}

static void describe_files(struct spork_finding *finding, const struct spork_seen_file *a,
	const struct spork_seen_file *b)
{
	if (!a || !b)
		(void)snprintf(finding->detail, sizeof(finding->detail), "only made with %s",
			a ? "fork" : "spork");
	else if (a->mode != b->mode || a->owner != b->owner)
		(void)snprintf(finding->detail, sizeof(finding->detail),
			"mode and owner: with fork %o %u, with spork %o %u", a->mode, a->owner,
			b->mode, b->owner);
	else
		(void)snprintf(finding->detail, sizeof(finding->detail),
			"content: with fork %llu bytes, with spork %llu bytes",
			(unsigned long long)a->size_bytes, (unsigned long long)b->size_bytes);
}

static void compare_file(struct findings *findings, const char *path,
	const struct spork_observation *first, const struct spork_observation *second,
	const struct spork_observation *tested)
{
	const struct spork_seen_file *a = find(first, path), *b = find(second, path);
	const struct spork_seen_file *c = find(tested, path);
	bool stable = same_file(a, b);
	bool same = same_file(a, c) || same_file(b, c);
	struct spork_finding *finding;

	if (a && b && c && a->is_unchanged && b->is_unchanged && c->is_unchanged)
		return;
	finding = add(findings, "file ", path,
		same     ? SPORK_SAME
		: stable ? SPORK_DIFFERENT
			 : SPORK_UNSTABLE);
	if (finding && !same)
		describe_files(finding, a, c);
}

/* Every path that any of the three has, once. */
static void compare_files(struct findings *findings, const struct spork_observation *first,
	const struct spork_observation *second, const struct spork_observation *tested)
{
	const struct spork_observation *runs[] = {first, second, tested};

	for (int r = 0; r < 3; r++) {
		for (size_t i = 0; i < runs[r]->file_count; i++) {
			const char *path = runs[r]->files[i].path;
			bool seen = false;

			for (int earlier = 0; earlier < r; earlier++)
				seen |= find(runs[earlier], path) != NULL;
			if (!seen)
				compare_file(findings, path, first, second, tested);
		}
	}
}

int spork_compare(const struct spork_observation *first, const struct spork_observation *second,
	const struct spork_observation *tested, bool kinds, struct spork_finding **ret_findings,
	size_t *ret_count)
{
	struct findings findings = {0};

	compare_outputs(&findings, "stdout", &first->out, &second->out, &tested->out);
	compare_outputs(&findings, "stderr", &first->err, &second->err, &tested->err);
	compare_status(&findings, first, second, tested);
	compare_orphans(&findings, first, second, tested);
	compare_ledgers(&findings, first, second, tested, kinds);
	compare_files(&findings, first, second, tested);
	if (findings.err) {
		spork_findings_finish(findings.list, findings.count);
		return findings.err;
	}
	*ret_findings = findings.list;
	*ret_count = findings.count;
	return findings.different;
}

void spork_findings_finish(struct spork_finding *findings, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(findings[i].item);
	free(findings);
}
