/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Are two trees the same but for places? */
#include <shcheck/parse.h>

#include <string.h>

struct comparison {
	struct shc_range where; /* of the smallest node on the left that differs */
	bool differs;
};

static bool equal_lists(
	struct comparison *c, const struct shc_list *left, const struct shc_list *right);
static bool equal_words(
	struct comparison *c, const struct shc_word *left, const struct shc_word *right);
static bool equal_command(
	struct comparison *c, const struct shc_command *left, const struct shc_command *right);

/* Remember the innermost place: the first one that is noted. */
static bool differ(struct comparison *c, struct shc_range range)
{
	if (!c->differs)
		c->where = range;
	c->differs = true;
	return false;
}

static bool equal_texts(struct shc_text left, struct shc_text right)
{
	return left.length == right.length &&
	       (left.length == 0 || memcmp(left.bytes, right.bytes, left.length) == 0);
}

static bool equal_arith(
	struct comparison *c, const struct shc_arith *left, const struct shc_arith *right)
{
	if (!left || !right)
		return left == right;
	if (left->kind != right->kind || left->op != right->op || left->number != right->number ||
		!equal_texts(left->text, right->text) ||
		left->subscript.kind != right->subscript.kind)
		return differ(c, left->range);
	return equal_words(c, left->subscript.word, right->subscript.word) &&
	       equal_words(c, left->word, right->word) && equal_arith(c, left->left, right->left) &&
	       equal_arith(c, left->right, right->right) &&
	       equal_arith(c, left->third, right->third);
}

static bool equal_arith_texts(
	struct comparison *c, const struct shc_arith_text *left, const struct shc_arith_text *right)
{
	return equal_words(c, left->word, right->word) && equal_arith(c, left->arith, right->arith);
}

static bool equal_subscripts(
	struct comparison *c, const struct shc_subscript *left, const struct shc_subscript *right)
{
	return left->kind == right->kind && equal_words(c, left->word, right->word) &&
	       equal_arith(c, left->arith, right->arith);
}

static bool equal_parameters(
	struct comparison *c, const struct shc_parameter *left, const struct shc_parameter *right)
{
	return left->kind == right->kind && left->op == right->op &&
	       left->braces == right->braces && left->colon == right->colon &&
	       left->indirect == right->indirect && left->transform == right->transform &&
	       left->number == right->number && equal_texts(left->name, right->name) &&
	       equal_subscripts(c, &left->subscript, &right->subscript) &&
	       equal_words(c, left->word, right->word) &&
	       equal_words(c, left->replacement, right->replacement) &&
	       equal_arith_texts(c, &left->offset, &right->offset) &&
	       equal_arith_texts(c, &left->size, &right->size);
}

static bool equal_elements(struct comparison *c, const struct shc_array_element *left,
	const struct shc_array_element *right)
{
	for (; left && right; left = left->next, right = right->next) {
		if (left->append != right->append ||
			!equal_subscripts(c, &left->subscript, &right->subscript) ||
			!equal_words(c, left->value, right->value))
			return differ(c, left->range);
	}
	return !left && !right;
}

static bool equal_parts(
	struct comparison *c, const struct shc_part *left, const struct shc_part *right);

/* Backquotes and $(...) mean the same. */
static enum shc_substitution_form form_of(const struct shc_part *part)
{
	return part->command.form == SHC_FORM_BACKQUOTE || part->command.form == SHC_FORM_FILE
		       ? SHC_FORM_DOLLAR
		       : part->command.form;
}

static bool equal_part(
	struct comparison *c, const struct shc_part *left, const struct shc_part *right)
{
	if (left->kind != right->kind)
		return false;
	switch (left->kind) {
	case SHC_PART_LITERAL:
	case SHC_PART_ESCAPE:
	case SHC_PART_SINGLE:
	case SHC_PART_ANSI:
	case SHC_PART_TILDE:
	case SHC_PART_GLOB:
	case SHC_PART_GLOB_OPEN:
		return equal_texts(left->text, right->text);
	case SHC_PART_DOUBLE:
	case SHC_PART_LOCALE:
		return equal_parts(c, left->parts, right->parts);
	case SHC_PART_PARAMETER:
		return equal_parameters(c, left->parameter, right->parameter);
	case SHC_PART_COMMAND:
	case SHC_PART_PROCESS:
		return form_of(left) == form_of(right) &&
		       equal_lists(c, left->command.list, right->command.list);
	case SHC_PART_ARITHMETIC:
		return left->bracket == right->bracket &&
		       equal_arith_texts(c, &left->arithmetic, &right->arithmetic);
	case SHC_PART_EXTGLOB:
		return left->extglob.operator== right->extglob.operator&&
			equal_words(c, left->extglob.alternatives, right->extglob.alternatives);
	case SHC_PART_BRACES:
		return equal_words(c, left->braces.alternatives, right->braces.alternatives);
	case SHC_PART_SEQUENCE:
		return equal_texts(left->sequence->first, right->sequence->first) &&
		       equal_texts(left->sequence->last, right->sequence->last) &&
		       equal_texts(left->sequence->step, right->sequence->step);
	case SHC_PART_ARRAY:
		return equal_elements(c, left->array, right->array);
	}
	return false;
}

/* A place among parts that lets literals be compared byte by byte. */
struct part_place {
	const struct shc_part *part;
	uint32_t at;
};

static void settle(struct part_place *place)
{
	while (place->part && place->part->kind == SHC_PART_LITERAL &&
		place->at == place->part->text.length) {
		place->part = place->part->next;
		place->at = 0;
	}
}

static bool equal_parts(
	struct comparison *c, const struct shc_part *left, const struct shc_part *right)
{
	struct part_place l = {left, 0}, r = {right, 0};

	for (settle(&l), settle(&r); l.part && r.part; settle(&l), settle(&r)) {
		if (l.part->kind == SHC_PART_LITERAL && r.part->kind == SHC_PART_LITERAL) {
			uint32_t length = l.part->text.length - l.at;

			if (r.part->text.length - r.at < length)
				length = r.part->text.length - r.at;
			if (memcmp(l.part->text.bytes + l.at, r.part->text.bytes + r.at, length) !=
				0)
				return differ(c, l.part->range);
			l.at += length;
			r.at += length;
			continue;
		}
		if (!equal_part(c, l.part, r.part))
			return differ(c, l.part->range);
		l = (struct part_place){l.part->next, 0};
		r = (struct part_place){r.part->next, 0};
	}
	return !l.part && !r.part;
}

static bool equal_assignments(
	struct comparison *c, const struct shc_assignment *left, const struct shc_assignment *right)
{
	for (; left && right; left = left->next, right = right->next) {
		if (!equal_texts(left->name, right->name) || left->append != right->append ||
			left->is_array != right->is_array ||
			!equal_subscripts(c, &left->subscript, &right->subscript) ||
			!equal_words(c, left->value, right->value) ||
			!equal_elements(c, left->elements, right->elements))
			return differ(c, left->range);
	}
	return !left && !right;
}

static bool equal_words(
	struct comparison *c, const struct shc_word *left, const struct shc_word *right)
{
	for (; left && right; left = left->next, right = right->next) {
		/* The parts of an assignment are those of its word. */
		if (!equal_parts(c, left->parts, right->parts) ||
			!left->assignment != !right->assignment)
			return differ(c, left->range);
	}
	return !left && !right;
}

static bool equal_redirects(
	struct comparison *c, const struct shc_redirect *left, const struct shc_redirect *right)
{
	for (; left && right; left = left->next, right = right->next) {
		if (left->kind != right->kind || left->fd != right->fd ||
			left->strip_tabs != right->strip_tabs ||
			left->literal_body != right->literal_body ||
			!equal_texts(left->fd_name, right->fd_name) ||
			!equal_texts(left->delimiter, right->delimiter) ||
			!equal_words(c, left->target, right->target) ||
			!equal_words(c, left->body, right->body))
			return differ(c, left->range);
	}
	return !left && !right;
}

static bool equal_tests(
	struct comparison *c, const struct shc_test *left, const struct shc_test *right)
{
	if (!left || !right)
		return left == right;
	if (left->kind != right->kind || !equal_texts(left->op, right->op))
		return differ(c, left->range);
	return equal_words(c, left->first, right->first) &&
	       equal_words(c, left->second, right->second) &&
	       equal_tests(c, left->left, right->left) && equal_tests(c, left->right, right->right);
}

static bool equal_clauses(
	struct comparison *c, const struct shc_clause *left, const struct shc_clause *right)
{
	for (; left && right; left = left->next, right = right->next) {
		if (!equal_lists(c, left->condition, right->condition) ||
			!equal_lists(c, left->body, right->body))
			return differ(c, left->range);
	}
	return !left && !right;
}

static bool equal_items(
	struct comparison *c, const struct shc_case_item *left, const struct shc_case_item *right)
{
	for (; left && right; left = left->next, right = right->next) {
		if (left->end != right->end || !equal_words(c, left->patterns, right->patterns) ||
			!equal_lists(c, left->body, right->body))
			return differ(c, left->range);
	}
	return !left && !right;
}

static bool equal_sequences(
	struct comparison *c, const struct shc_command *left, const struct shc_command *right)
{
	for (; left && right; left = left->next, right = right->next) {
		if (left->joint != right->joint || !equal_command(c, left, right))
			return differ(c, left->range);
	}
	return !left && !right;
}

static bool equal_for(
	struct comparison *c, const struct shc_command *left, const struct shc_command *right)
{
	if (left->kind == SHC_COMMAND_FOR_ARITH)
		return equal_arith_texts(c, &left->for_arith.init, &right->for_arith.init) &&
		       equal_arith_texts(
			       c, &left->for_arith.condition, &right->for_arith.condition) &&
		       equal_arith_texts(c, &left->for_arith.step, &right->for_arith.step) &&
		       equal_lists(c, left->for_arith.body, right->for_arith.body);
	return equal_texts(left->for_.name, right->for_.name) &&
	       left->for_.has_in == right->for_.has_in &&
	       equal_words(c, left->for_.words, right->for_.words) &&
	       equal_lists(c, left->for_.body, right->for_.body);
}

static bool equal_pipelines(
	struct comparison *c, const struct shc_command *left, const struct shc_command *right)
{
	return left->pipeline.negations == right->pipeline.negations &&
	       left->pipeline.timed == right->pipeline.timed &&
	       left->pipeline.timed_posix == right->pipeline.timed_posix &&
	       equal_sequences(c, left->pipeline.commands, right->pipeline.commands);
}

static bool equal_kinds(
	struct comparison *c, const struct shc_command *left, const struct shc_command *right)
{
	switch (left->kind) {
	case SHC_COMMAND_SIMPLE:
		return equal_assignments(c, left->simple.assignments, right->simple.assignments) &&
		       equal_words(c, left->simple.words, right->simple.words);
	case SHC_COMMAND_PIPELINE:
		return equal_pipelines(c, left, right);
	case SHC_COMMAND_AND_OR:
		return equal_sequences(c, left->and_or.commands, right->and_or.commands);
	case SHC_COMMAND_GROUP:
	case SHC_COMMAND_SUBSHELL:
		return equal_lists(c, left->list, right->list);
	case SHC_COMMAND_IF:
		return equal_clauses(c, left->if_.clauses, right->if_.clauses);
	case SHC_COMMAND_WHILE:
	case SHC_COMMAND_UNTIL:
		return equal_lists(c, left->loop.condition, right->loop.condition) &&
		       equal_lists(c, left->loop.body, right->loop.body);
	case SHC_COMMAND_FOR:
	case SHC_COMMAND_SELECT:
	case SHC_COMMAND_FOR_ARITH:
		return equal_for(c, left, right);
	case SHC_COMMAND_CASE:
		return equal_words(c, left->case_.subject, right->case_.subject) &&
		       equal_items(c, left->case_.items, right->case_.items);
	case SHC_COMMAND_TEST:
		return equal_tests(c, left->test, right->test);
	case SHC_COMMAND_ARITH:
		return equal_arith_texts(c, &left->arith, &right->arith);
	case SHC_COMMAND_FUNCTION:
		return left->function.keyword == right->function.keyword &&
		       left->function.parentheses == right->function.parentheses &&
		       equal_texts(left->function.name, right->function.name) &&
		       equal_command(c, left->function.body, right->function.body);
	case SHC_COMMAND_COPROC:
		return equal_texts(left->coproc.name, right->coproc.name) &&
		       equal_command(c, left->coproc.body, right->coproc.body);
	}
	return false;
}

static bool equal_command(
	struct comparison *c, const struct shc_command *left, const struct shc_command *right)
{
	if (left->kind != right->kind || !equal_kinds(c, left, right) ||
		!equal_redirects(c, left->redirects, right->redirects))
		return differ(c, left->range);
	return true;
}

static bool equal_lists(
	struct comparison *c, const struct shc_list *left, const struct shc_list *right)
{
	const struct shc_statement *l, *r;

	if (!left || !right)
		return left == right;
	for (l = left->first, r = right->first; l && r; l = l->next, r = r->next) {
		if (l->background != r->background || !equal_command(c, l->command, r->command))
			return differ(c, l->range);
	}
	return !l && !r;
}

bool shc_equal(
	const struct shc_script *left, const struct shc_script *right, struct shc_range *ret_where)
{
	struct comparison comparison = {.where = left->list->range};
	bool equal = equal_lists(&comparison, left->list, right->list);

	if (!equal && ret_where)
		*ret_where = comparison.where;
	return equal;
}
