/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A state machine over bytes; strings are skipped as a whole. */
#include <batching/resp.h>

#include <errno.h>
#include <string.h>

enum state {
	STATE_TYPE,    /* a value begins */
	STATE_LINE,    /* text up to the line end, not looked at */
	STATE_NUMBER,  /* a length or a count up to the line end */
	STATE_NEWLINE, /* after \r */
	STATE_SKIP,    /* a string with its line end */
	STATE_FAILED,
};

#define LINE_END_BYTES 2U

void bat_resp_init(struct bat_resp *resp, enum bat_resp_direction direction)
{
	*resp = (struct bat_resp){.direction = (uint8_t)direction, .state = STATE_TYPE};
}

bool bat_resp_between(const struct bat_resp *resp)
{
	return resp->state == STATE_TYPE && resp->depth == 0 && !resp->push && !resp->attribute;
}

static int fail(struct bat_resp *resp)
{
	resp->state = STATE_FAILED;
	return -EBADMSG;
}

/* A value has ended: so have the arrays of which it was the last member. */
static void end_value(struct bat_resp *resp, uint64_t *values)
{
	resp->state = STATE_TYPE;
	while (resp->depth > 0) {
		if (--resp->members[resp->depth - 1] > 0)
			return;
		resp->depth--;
	}
	if (resp->attribute)
		resp->attribute = false; /* it belongs to the value that follows */
	else if (resp->push)
		resp->push = false;
	else
		(*values)++;
}

static int begin_value(struct bat_resp *resp, uint8_t byte)
{
	bool outermost = resp->depth == 0;

	resp->type = byte;
	resp->line_bytes = 0;
	resp->number = 0;
	resp->negative = resp->digits = false;
	if (resp->direction == BAT_RESP_REQUESTS) {
		if (outermost && byte != '*') {
			/* An inline command; its first byte is text, or the end of an empty line. */
			resp->type = ' ';
			resp->state = byte == '\n'   ? STATE_TYPE
				      : byte == '\r' ? STATE_NEWLINE
						     : STATE_LINE;
			resp->line_bytes = byte != '\r';
			return 0;
		}
		if (!outermost && byte != '$')
			return fail(resp);
	}
	switch (byte) {
	case '+':
	case '-':
	case ':':
	case '_':
	case '#':
	case ',':
	case '(':
		resp->state = STATE_LINE;
		return 0;
	case '|':
	case '>':
		if (!outermost && byte == '>')
			return fail(resp);
		resp->push |= byte == '>';
		/* An attribute inside of an array is not told from a member; Redis sends none. */
		if (!outermost && byte == '|')
			return fail(resp);
		resp->attribute |= byte == '|';
		break;
	case '$':
	case '!':
	case '=':
	case '*':
	case '~':
	case '%':
		break;
	default:
		return fail(resp);
	}
	resp->state = STATE_NUMBER;
	return 0;
}

/* The length or count is complete. */
static int begin_contents(struct bat_resp *resp, uint64_t *values)
{
	bool string = strchr("$!=", resp->type) != NULL;
	uint64_t count = resp->number;

	if (!resp->digits)
		return fail(resp);
	if (resp->negative) {
		/* -1 is null. */
		if (count != 1 || (resp->type != '$' && resp->type != '*') ||
			(resp->direction == BAT_RESP_REQUESTS && resp->depth > 0))
			return fail(resp);
		if (resp->direction == BAT_RESP_REQUESTS)
			resp->state = STATE_TYPE; /* Redis ignores it */
		else
			end_value(resp, values);
		return 0;
	}
	if (string) {
		if (count > BAT_RESP_BULK_MAX)
			return fail(resp);
		resp->skip_bytes = count + LINE_END_BYTES;
		resp->state = STATE_SKIP;
		return 0;
	}
	if (count > BAT_RESP_COUNT_MAX)
		return fail(resp);
	if (resp->type == '%' || resp->type == '|')
		count *= 2;
	if (count == 0) {
		if (resp->direction == BAT_RESP_REQUESTS)
			resp->state = STATE_TYPE; /* no command, no answer */
		else
			end_value(resp, values);
		return 0;
	}
	if (resp->depth == BAT_RESP_DEPTH_MAX)
		return fail(resp);
	resp->members[resp->depth++] = count;
	resp->state = STATE_TYPE;
	return 0;
}

static int end_line(struct bat_resp *resp, uint64_t *values)
{
	if (resp->type == ' ') {
		/* An inline command, unless the line is empty. */
		resp->state = STATE_TYPE;
		if (resp->line_bytes > 0)
			end_value(resp, values);
		return 0;
	}
	if (strchr("+-:_#,(", resp->type)) {
		end_value(resp, values);
		return 0;
	}
	return begin_contents(resp, values);
}

static int feed_number(struct bat_resp *resp, uint8_t byte)
{
	if (byte == '\r') {
		resp->state = STATE_NEWLINE;
		return 0;
	}
	if (byte == '-' && !resp->digits && !resp->negative) {
		resp->negative = true;
		return 0;
	}
	if (byte < '0' || byte > '9' || resp->number > BAT_RESP_COUNT_MAX)
		return fail(resp);
	resp->digits = true;
	resp->number = resp->number * 10 + (uint64_t)(byte - '0');
	/* Leading zeros must not make an endless line. */
	return ++resp->line_bytes > BAT_RESP_LINE_MAX ? fail(resp) : 0;
}

static int feed_line(struct bat_resp *resp, uint8_t byte, uint64_t *values)
{
	if (byte == '\r') {
		resp->state = STATE_NEWLINE;
		return 0;
	}
	/* Redis takes a bare line feed as the end of an inline command. */
	if (byte == '\n' && resp->type == ' ')
		return end_line(resp, values);
	return ++resp->line_bytes > BAT_RESP_LINE_MAX ? fail(resp) : 0;
}

int bat_resp_feed(struct bat_resp *resp, const void *data, size_t size, uint64_t *ret_values)
{
	const uint8_t *bytes = data;
	size_t at = 0;
	int err = resp->state == STATE_FAILED ? -EBADMSG : 0;

	*ret_values = 0;
	while (at < size && !err) {
		uint8_t byte = bytes[at];

		switch ((enum state)resp->state) {
		case STATE_TYPE:
			err = begin_value(resp, byte);
			break;
		case STATE_LINE:
			err = feed_line(resp, byte, ret_values);
			break;
		case STATE_NUMBER:
			err = feed_number(resp, byte);
			break;
		case STATE_NEWLINE:
			err = byte == '\n' ? end_line(resp, ret_values) : fail(resp);
			break;
		case STATE_SKIP: {
			uint64_t part = size - at < resp->skip_bytes ? size - at : resp->skip_bytes;

			resp->skip_bytes -= part;
			at += part - 1;
			if (resp->skip_bytes == 0)
				end_value(resp, ret_values);
			break;
		}
		case STATE_FAILED:
			err = -EBADMSG;
			break;
		}
		at++;
	}
	return err;
}
