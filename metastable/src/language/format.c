/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The formatter works on tokens: what it does not understand it keeps. See metastable/format.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <hotbed/error.h>

#include <metastable/format.h>
#include <metastable/model.h>

#include "lexer.h"

struct formatter {
	struct ms_lexer lexer;
	struct ms_token token, before;
	FILE *out;
	bool is_line_open;  /* something stands on the present line */
	bool has_statement; /* a statement has begun and not ended */
	bool is_block_over; /* at the top, a block or statement came last */
	int depth;
};

/* The next token that is no comment, without going there. */
static enum ms_token_kind next_kind(const struct formatter *f)
{
	struct ms_lexer ahead = f->lexer;
	struct ms_token token;

	do
		token = ms_lexer_next(&ahead);
	while (token.kind == MS_TOKEN_COMMENT);
	return token.kind;
}

static void end_line(struct formatter *f)
{
	if (f->is_line_open)
		(void)fputc('\n', f->out);
	f->is_line_open = false;
}

static void indent(struct formatter *f, int depth)
{
	for (int i = 0; i < depth; i++)
		(void)fputc('\t', f->out);
	f->is_line_open = true;
}

static void put(struct formatter *f)
{
	(void)fwrite(f->token.text, 1, f->token.length, f->out);
}

/* Before what stands on a line of its own: one blank line where there were some, and between blocks. */
static void separate(struct formatter *f)
{
	bool is_first = f->before.kind == MS_TOKEN_END || f->before.kind == MS_TOKEN_OPEN;

	end_line(f);
	if (!is_first && f->token.kind != MS_TOKEN_CLOSE &&
		(f->token.lines_before > 1 || (f->depth == 0 && f->is_block_over)))
		(void)fputc('\n', f->out);
	f->is_block_over = false;
}

static bool is_glued(enum ms_token_kind left, enum ms_token_kind right)
{
	return right == MS_TOKEN_COMMA || right == MS_TOKEN_DOT || right == MS_TOKEN_RANGE ||
	       left == MS_TOKEN_DOT || left == MS_TOKEN_RANGE || left == MS_TOKEN_PLUS;
}

static void end_statement(struct formatter *f)
{
	if (f->has_statement) {
		if (!f->is_line_open)
			indent(f, f->depth + 1);
		(void)fputc(';', f->out);
	}
	f->has_statement = false;
	f->is_block_over = f->depth == 0;
}

/* Was it behind something on the same line? */
static bool format_comment(struct formatter *f)
{
	bool is_trailing = f->token.lines_before == 0 && f->is_line_open;

	/* The last statement of a block ends before the comment that stands behind it. */
	if (f->has_statement && f->depth > 0 && next_kind(f) == MS_TOKEN_CLOSE)
		end_statement(f);
	if (is_trailing) {
		(void)fputc(' ', f->out);
	} else if (f->has_statement) {
		end_line(f);
		indent(f, f->depth + 1);
	} else {
		separate(f);
		indent(f, f->depth);
	}
	put(f);
	end_line(f);
	return is_trailing;
}

static void format_open(struct formatter *f)
{
	if (!f->is_line_open)
		indent(f, f->depth + 1);
	else
		(void)fputc(' ', f->out);
	put(f);
	f->depth++;
	f->has_statement = false;
}

static void format_close(struct formatter *f)
{
	end_statement(f);
	if (f->before.kind != MS_TOKEN_OPEN || !f->is_line_open) {
		end_line(f);
		indent(f, f->depth - 1);
	}
	f->depth--;
	put(f);
	f->is_block_over = f->depth == 0;
}

static void format_word(struct formatter *f)
{
	if (!f->has_statement) {
		separate(f);
		indent(f, f->depth);
	} else if (!f->is_line_open) {
		indent(f, f->depth + 1);
	} else if (!is_glued(f->before.kind, f->token.kind)) {
		(void)fputc(' ', f->out);
	}
	put(f);
	f->has_statement = true;
	/* At the top, a number ends a statement (`horizon 600s`), with or without the sign for it. */
	if (f->depth == 0 && f->token.kind == MS_TOKEN_NUMBER)
		end_statement(f);
}

static void format_all(struct formatter *f)
{
	f->before.kind = MS_TOKEN_END;
	for (f->token = ms_lexer_next(&f->lexer); f->token.kind != MS_TOKEN_END;
		f->token = ms_lexer_next(&f->lexer)) {
		switch (f->token.kind) {
		case MS_TOKEN_COMMENT:
			/* What follows an opening brace still does so behind a comment on its line. */
			if (format_comment(f))
				continue;
			break;
		case MS_TOKEN_OPEN:
			format_open(f);
			break;
		case MS_TOKEN_CLOSE:
			format_close(f);
			break;
		case MS_TOKEN_END_STATEMENT:
			end_statement(f);
			break;
		default:
			format_word(f);
			break;
		}
		f->before = f->token;
	}
	end_line(f);
}

int ms_format(const char *text, size_t length_bytes, const char *path, char **ret_text,
	size_t *ret_length_bytes, struct hb_error *reterr)
{
	struct formatter formatter = {0};
	struct hb_error error = {0};
	struct ms_model *model = malloc(sizeof(*model));
	char *formatted = NULL;
	size_t length = 0;
	int code;

	if (!model)
		return hb_error_set(reterr, -ENOMEM, "no memory for a model");
	code = ms_model_read(text, length_bytes, path, NULL, 0, model, &error);
	free(model);
	if (code && code != -EINVAL) {
		if (reterr)
			*reterr = error;
		return code;
	}
	formatter.out = open_memstream(&formatted, &length);
	if (!formatter.out)
		return hb_error_set(reterr, -ENOMEM, "no memory for a model's text");
	ms_lexer_init(&formatter.lexer, text, length_bytes);
	format_all(&formatter);
	if (fclose(formatter.out)) {
		free(formatted);
		return hb_error_set(reterr, -ENOMEM, "no memory for a model's text");
	}
	*ret_text = formatted;
	*ret_length_bytes = length;
	return 0;
}
