/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <shcheck/concrete.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <tree_sitter/api.h>

#include "sites.h"

#define PARSE_TIMEOUT_US 10000000

/* The grammar that npm brings. */
const TSLanguage *tree_sitter_bash(void);

/* What a node means for its children. */
enum context {
	CONTEXT_OTHER,
	CONTEXT_COMMAND,
	CONTEXT_DECLARATION,
	CONTEXT_FILE_REDIRECT,
	CONTEXT_DOCUMENT,
	CONTEXT_VALUES, /* for, case, and the items of case */
	CONTEXT_ASSIGNMENT,
	CONTEXT_ARRAY,
};

static const struct {
	const char *type;
	enum context context;
} contexts[] = {
	{"command", CONTEXT_COMMAND},
	{"declaration_command", CONTEXT_DECLARATION},
	{"unset_command", CONTEXT_DECLARATION},
	{"file_redirect", CONTEXT_FILE_REDIRECT},
	{"heredoc_redirect", CONTEXT_DOCUMENT},
	{"for_statement", CONTEXT_VALUES},
	{"case_statement", CONTEXT_VALUES},
	{"case_item", CONTEXT_VALUES},
	{"variable_assignment", CONTEXT_ASSIGNMENT},
	{"array", CONTEXT_ARRAY},
};

struct frame {
	enum context context;
	uint32_t start;
	bool begun; /* a first child, or a first destination, has been seen */
};

struct walk {
	struct sites *sites;
	struct frame *frames;
	size_t depth, room;
	uint32_t error_count;
	uint32_t dollar_end; /* of a $ that the last word consists of, or 0 */
};

static struct shc_range range_of(TSNode node)
{
	return (struct shc_range){ts_node_start_byte(node), ts_node_end_byte(node)};
}

/* The $ of $"..." is a node of its own before the string. */
static void add_word(struct walk *walk, TSNode node)
{
	struct shc_range range = range_of(node);
	bool dollar = strcmp(ts_node_type(node), "$") == 0;

	if (walk->dollar_end && walk->dollar_end == range.start)
		range.start--;
	walk->dollar_end = dollar ? range.end : 0;
	if (!dollar)
		shc_sites_add(walk->sites, SHC_CONCRETE_WORD, range);
}

static void add_command_start(struct walk *walk, uint32_t start)
{
	shc_sites_add(walk->sites, SHC_CONCRETE_COMMAND, (struct shc_range){start, start});
}

/* Grammar and meaning differ here: all destinations but the first are arguments of the command. */
static void add_destination(struct walk *walk, struct frame *frame, TSNode node)
{
	if (frame->begun) {
		add_word(walk, node);
		return;
	}
	frame->begun = true;
	shc_sites_add(walk->sites, SHC_CONCRETE_REDIRECT,
		(struct shc_range){frame->start, ts_node_end_byte(node)});
}

static void add_declared(struct walk *walk, struct frame *frame, TSNode node, const char *type)
{
	if (!frame->begun) {
		frame->begun = true;
		add_command_start(walk, ts_node_start_byte(node));
		add_word(walk, node);
	} else if (ts_node_is_named(node) && strcmp(type, "variable_assignment") != 0 &&
		   !strstr(type, "redirect")) {
		add_word(walk, node);
	}
}

/* Node @node of type @type is the child called @field ("" = unnamed) of @frame. */
static void add_child(
	struct walk *walk, struct frame *frame, TSNode node, const char *type, const char *field)
{
	switch (frame->context) {
	case CONTEXT_COMMAND:
		if (strcmp(field, "name") == 0)
			add_command_start(walk, ts_node_start_byte(node));
		if (strcmp(field, "name") == 0 || strcmp(field, "argument") == 0)
			add_word(walk, node);
		break;
	case CONTEXT_DECLARATION:
		add_declared(walk, frame, node, type);
		break;
	case CONTEXT_FILE_REDIRECT:
		if (strcmp(field, "destination") == 0)
			add_destination(walk, frame, node);
		/* >&- has no destination. */
		else if (strcmp(type, ">&-") == 0 || strcmp(type, "<&-") == 0)
			add_destination(walk, frame, node);
		break;
	case CONTEXT_DOCUMENT:
		if (strcmp(type, "heredoc_start") == 0)
			shc_sites_add(walk->sites, SHC_CONCRETE_REDIRECT,
				(struct shc_range){frame->start, ts_node_end_byte(node)});
		else if (strcmp(field, "argument") == 0)
			add_word(walk, node);
		break;
	case CONTEXT_VALUES:
		if (strcmp(field, "value") == 0)
			add_word(walk, node);
		break;
	case CONTEXT_ASSIGNMENT:
		if (strcmp(field, "value") == 0 && strcmp(type, "array") != 0)
			add_word(walk, node);
		break;
	case CONTEXT_ARRAY:
		if (ts_node_is_named(node) && strcmp(type, "comment") != 0 &&
			strcmp(type, "variable_assignment") != 0)
			add_word(walk, node);
		break;
	case CONTEXT_OTHER:
		break;
	}
}

static bool push(struct walk *walk, enum context context, uint32_t start)
{
	if (walk->depth == walk->room) {
		size_t room = walk->room ? walk->room * 2 : 64;
		struct frame *frames = realloc(walk->frames, room * sizeof(*frames));

		if (!frames)
			return false;
		walk->frames = frames;
		walk->room = room;
	}
	walk->frames[walk->depth++] = (struct frame){context, start, false};
	return true;
}

static enum context context_of(const char *type)
{
	for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++) {
		if (strcmp(contexts[i].type, type) == 0)
			return contexts[i].context;
	}
	return CONTEXT_OTHER;
}

/* One node; false when there is no memory. */
static bool visit(struct walk *walk, const TSTreeCursor *cursor)
{
	TSNode node = ts_tree_cursor_current_node(cursor);
	const char *type = ts_node_type(node);
	const char *field = ts_tree_cursor_current_field_name(cursor);

	if (walk->depth)
		add_child(walk, &walk->frames[walk->depth - 1], node, type, field ? field : "");
	if (strcmp(type, "herestring_redirect") == 0)
		shc_sites_add(walk->sites, SHC_CONCRETE_REDIRECT, range_of(node));
	else if (strcmp(type, "test_command") == 0)
		add_command_start(walk, ts_node_start_byte(node));
	if (strcmp(type, "ERROR") == 0 || ts_node_is_missing(node))
		walk->error_count++;
	return push(walk, context_of(type), ts_node_start_byte(node));
}

/* All nodes in order, without recursion: a concrete tree may be as deep as the script is long. */
static int walk_tree(const TSTree *tree, struct walk *walk)
{
	TSTreeCursor cursor = ts_tree_cursor_new(ts_tree_root_node(tree));
	bool going = true;
	int code = 0;

	while (going) {
		if (!visit(walk, &cursor)) {
			code = -ENOMEM;
			break;
		}
		if (ts_tree_cursor_goto_first_child(&cursor))
			continue;
		walk->depth--;
		while (!ts_tree_cursor_goto_next_sibling(&cursor)) {
			going = ts_tree_cursor_goto_parent(&cursor);
			if (!going)
				break;
			walk->depth--;
		}
	}
	ts_tree_cursor_delete(&cursor);
	free(walk->frames);
	return code;
}

static int read_concrete(const struct shc_source *source, struct sites *sites, uint32_t *ret_errors)
{
	TSParser *parser = ts_parser_new();
	struct walk walk = {.sites = sites};
	TSTree *tree = NULL;
	int code;

	if (!parser)
		return -ENOMEM;
	if (!ts_parser_set_language(parser, tree_sitter_bash())) {
		ts_parser_delete(parser);
		return -ENOTSUP;
	}
	ts_parser_set_timeout_micros(parser, PARSE_TIMEOUT_US);
	tree = ts_parser_parse_string(parser, NULL, source->bytes, source->size);
	code = tree ? walk_tree(tree, &walk) : -ETIME;
	if (tree)
		ts_tree_delete(tree);
	ts_parser_delete(parser);
	*ret_errors = walk.error_count;
	return code;
}

static int compare_sites(const struct site *left, const struct site *right)
{
	if (left->range.start != right->range.start)
		return left->range.start < right->range.start ? -1 : 1;
	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	return (left->range.end > right->range.end) - (left->range.end < right->range.end);
}

/* Both sorted: count what is equal, keep what is not. */
static int compare(
	const struct sites *ours, const struct sites *theirs, struct shc_cross_check *ret)
{
	size_t i = 0, j = 0;

	ret->rows = malloc((ours->count + theirs->count + 1) * sizeof(*ret->rows));
	if (!ret->rows)
		return -ENOMEM;
	while (i < ours->count || j < theirs->count) {
		int order = i == ours->count     ? 1
			    : j == theirs->count ? -1
						 : compare_sites(&ours->rows[i], &theirs->rows[j]);
		const struct site *site = order <= 0 ? &ours->rows[i] : &theirs->rows[j];

		if (order == 0)
			ret->agreeing[site->kind]++;
		else
			ret->rows[ret->count++] =
				(struct shc_disagreement){site->kind, site->range, order < 0};
		i += order <= 0;
		j += order >= 0;
	}
	return 0;
}

int shc_cross_check(const struct shc_script *script, struct shc_cross_check *ret)
{
	struct sites ours = {0}, theirs = {0};
	struct shc_cross_check check = {0};
	int code;

	shc_sites_of_script(script, &ours);
	code = read_concrete(script->source, &theirs, &check.error_count);
	if (code == 0 && (ours.out_of_memory || theirs.out_of_memory))
		code = -ENOMEM;
	if (code == 0) {
		shc_sites_sort(&ours);
		shc_sites_sort(&theirs);
		code = compare(&ours, &theirs, &check);
	}
	free(ours.rows);
	free(theirs.rows);
	if (code == 0)
		*ret = check;
	return code;
}

void shc_cross_check_finish(struct shc_cross_check *check)
{
	free(check->rows);
	*check = (struct shc_cross_check){0};
}

const char *shc_concrete_kind_name(enum shc_concrete_kind kind)
{
	static const char *const names[] = {"command", "word", "redirect"};

	return names[kind];
}
