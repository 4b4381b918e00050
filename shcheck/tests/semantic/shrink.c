/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Make a lost script small: statements are left out, bodies put in place of what stands around them, and files, values
 * and arguments dropped, as long as some point of it is still lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <shcheck/finding.h>
#include <shcheck/parse.h>

#include "contain_script.h"

/* Without some of its commands a loop may never end: not much time is lost with that. */
enum { EDITS_MAX = 1024, RUNS_MAX = 600, WALL_MS = 300 };

/* Replace the bytes of @from by those of @to, which lie within, or by ":" where @to is empty. */
struct edit {
	struct shc_range from, to;
};

struct edits {
	struct edit items[EDITS_MAX];
	size_t count;
};

static void add(struct edits *edits, struct shc_range from, struct shc_range to)
{
	if (edits->count < EDITS_MAX)
		edits->items[edits->count++] = (struct edit){from, to};
}

static void list_edits(struct edits *edits, const struct shc_list *list, struct shc_range around);

static struct shc_range list_range(const struct shc_list *list)
{
	struct shc_range range = {0, 0};

	for (const struct shc_statement *s = list ? list->first : NULL; s; s = s->next) {
		if (!range.end)
			range.start = s->command->range.start;
		range.end = s->command->range.end;
	}
	return range;
}

static void command_edits(struct edits *edits, const struct shc_command *command);

static void chain_edits(
	struct edits *edits, const struct shc_command *commands, struct shc_range around)
{
	for (const struct shc_command *each = commands; each; each = each->next)
		add(edits, around, each->range);
	for (const struct shc_command *each = commands; each; each = each->next)
		command_edits(edits, each);
}

static void command_edits(struct edits *edits, const struct shc_command *command)
{
	struct shc_range around = command->range;

	switch (command->kind) {
	case SHC_COMMAND_PIPELINE:
		chain_edits(edits, command->pipeline.commands, around);
		break;
	case SHC_COMMAND_AND_OR:
		chain_edits(edits, command->and_or.commands, around);
		break;
	case SHC_COMMAND_GROUP:
	case SHC_COMMAND_SUBSHELL:
		list_edits(edits, command->list, around);
		break;
	case SHC_COMMAND_IF:
		for (const struct shc_clause *clause = command->if_.clauses; clause;
			clause = clause->next) {
			if (clause->condition)
				list_edits(edits, clause->condition, around);
			list_edits(edits, clause->body, around);
		}
		break;
	case SHC_COMMAND_WHILE:
	case SHC_COMMAND_UNTIL:
		list_edits(edits, command->loop.condition, around);
		list_edits(edits, command->loop.body, around);
		break;
	case SHC_COMMAND_FOR:
	case SHC_COMMAND_SELECT:
		list_edits(edits, command->for_.body, around);
		break;
	case SHC_COMMAND_CASE:
		for (const struct shc_case_item *item = command->case_.items; item;
			item = item->next)
			list_edits(edits, item->body, around);
		break;
	case SHC_COMMAND_FUNCTION:
		command_edits(edits, command->function.body);
		break;
	case SHC_COMMAND_SIMPLE:
		for (const struct shc_word *word = command->simple.words; word; word = word->next)
			for (const struct shc_part *part = word->parts; part; part = part->next)
				if (part->kind == SHC_PART_COMMAND)
					list_edits(edits, part->command.list, around);
		for (const struct shc_assignment *a = command->simple.assignments; a; a = a->next)
			for (const struct shc_part *part = a->value ? a->value->parts : NULL; part;
				part = part->next)
				if (part->kind == SHC_PART_COMMAND)
					list_edits(edits, part->command.list, around);
		break;
	default:
		break;
	}
}

static void list_edits(struct edits *edits, const struct shc_list *list, struct shc_range around)
{
	static const struct shc_range nothing = {0, 0};
	struct shc_range inner = list_range(list);

	if (around.end > inner.end && inner.end)
		add(edits, around, inner);
	for (const struct shc_statement *s = list->first; s; s = s->next)
		add(edits, s->command->range, nothing);
	for (const struct shc_statement *s = list->first; s; s = s->next)
		command_edits(edits, s->command);
}

/* The edits that @text offers; the tree is gone afterwards. */
static int edits_of(const char *text, enum shc_dialect dialect, struct edits *ret)
{
	static const struct shc_range nothing = {0, 0};
	struct shc_findings *findings = NULL;
	struct shc_source *source = NULL;
	struct shc_script *script = NULL;
	int r = shc_findings_create(&findings);

	ret->count = 0;
	if (!r)
		r = shc_source_create("case", text, strlen(text), &source);
	if (!r)
		r = shc_parse(source, dialect, findings, &script);
	if (!r)
		list_edits(ret, script->list, nothing);
	shc_script_destroy(script);
	shc_source_destroy(source);
	shc_findings_destroy(findings);
	return r;
}

static char *edited(const char *text, const struct edit *edit)
{
	size_t length = strlen(text), middle = edit->to.end - edit->to.start;
	size_t from = edit->from.start, to = edit->from.end;
	char *copy = malloc(length + 4), *at = copy;

	if (!copy)
		return NULL;
	/* A whole line goes with its end. */
	if (!middle && (from == 0 || text[from - 1] == '\n') && text[to] == '\n') {
		memcpy(at, text, from);
		memcpy(at + from, text + to + 1, length - to);
		return copy;
	}
	memcpy(at, text, from);
	at += from;
	memcpy(at, middle ? text + edit->to.start : ":", middle ? middle : 1);
	at += middle ? middle : 1;
	memcpy(at, text + to, length - to + 1);
	return copy;
}

struct shrinking {
	struct shc_oracle *oracle;
	enum shc_oracle_shell shell;
	unsigned runs;
	struct contain_loss *loss;
};

static bool is_lost(struct shrinking *shrinking, const struct shc_oracle_case *one)
{
	struct shc_oracle_outcome outcome;
	struct contain_loss loss = {0};
	bool lost;

	if (shrinking->runs++ >= RUNS_MAX)
		return false;
	if (shc_oracle_run(shrinking->oracle, shrinking->shell, one, 1, &outcome, NULL))
		return false;
	lost = contain_script_check(one, &outcome,
		       shrinking->shell == SHC_ORACLE_BASH ? SHC_BASH : SHC_DASH,
		       &loss) == CONTAIN_POINT;
	if (lost)
		*shrinking->loss = loss;
	shc_oracle_outcome_finish(&outcome);
	return lost;
}

/* One pass over the edits of the text. Returns whether any of them was made. */
static bool pass(struct shrinking *shrinking, struct shc_oracle_case *one, char **text)
{
	struct edits *edits = malloc(sizeof(*edits));
	bool changed = false;

	if (!edits ||
		edits_of(*text, shrinking->shell == SHC_ORACLE_BASH ? SHC_BASH : SHC_DASH, edits))
		edits ? (void)(edits->count = 0) : (void)0;
	for (size_t i = 0; edits && i < edits->count; i++) {
		char *candidate = edited(*text, &edits->items[i]);

		if (!candidate)
			break;
		one->text = (struct shc_oracle_text){candidate, strlen(candidate)};
		if (strcmp(candidate, *text) && is_lost(shrinking, one)) {
			free(*text);
			*text = candidate;
			changed = true;
			if (edits_of(*text,
				    shrinking->shell == SHC_ORACLE_BASH ? SHC_BASH : SHC_DASH,
				    edits))
				break;
			i--;
			continue;
		}
		free(candidate);
	}
	one->text = (struct shc_oracle_text){*text, strlen(*text)};
	free(edits);
	return changed;
}

/* Files from the last, arguments, values: those that are not needed. */
static void state_shrink(struct shrinking *shrinking, struct shc_oracle_case *one)
{
	struct shc_oracle_case before;

	for (size_t i = one->files_count; i-- > 0;) {
		before = *one;
		memmove(&one->files[i], &one->files[i + 1],
			(one->files_count - i - 1) * sizeof(one->files[0]));
		one->files_count--;
		if (!is_lost(shrinking, one))
			*one = before;
	}
	while (one->positional_count) {
		before = *one;
		one->positional_count--;
		if (is_lost(shrinking, one))
			continue;
		*one = before;
		break;
	}
	for (size_t i = one->variables_count; i-- > 0;) {
		before = *one;
		memmove(&one->variables[i], &one->variables[i + 1],
			(one->variables_count - i - 1) * sizeof(one->variables[0]));
		one->variables_count--;
		if (!is_lost(shrinking, one))
			*one = before;
	}
}

int contain_script_shrink(struct shc_oracle *oracle, enum shc_oracle_shell shell,
	struct shc_oracle_case *one, char **ret_text, struct contain_loss *ret_loss)
{
	struct shrinking shrinking = {oracle, shell, 0, ret_loss};
	char *text = strdup(one->text.bytes);

	if (!text)
		return -ENOMEM;
	one->text = (struct shc_oracle_text){text, strlen(text)};
	/* Shrinking looks at the loss of each step, so the first one has to be known, too. */
	(void)is_lost(&shrinking, one);
	one->wall_ms = WALL_MS;
	while (pass(&shrinking, one, &text) && shrinking.runs < RUNS_MAX)
		;
	state_shrink(&shrinking, one);
	*ret_text = text;
	return 0;
}
