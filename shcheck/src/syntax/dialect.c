/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which shell a script is for: its first line, a comment for editors and linters, its name. */
#include <shcheck/parse.h>

#include <errno.h>
#include <string.h>

#include <hotbed/error.h>

#define NAME_BYTES_MAX 64
/* Comments that name the shell stand among the first lines. */
#define COMMENT_LINES_MAX 10
/* A script of zsh says so soon: it loads modules and sets options of its own. */
#define ZSH_LINES_MAX 40

static const struct {
	const char *name;
	enum shc_dialect dialect;
} dialects[] = {
	{"sh", SHC_POSIX},
	{"posix", SHC_POSIX},
	{"dash", SHC_DASH},
	{"ash", SHC_DASH},
	{"busybox", SHC_DASH},
	{"bash", SHC_BASH},
	{"rbash", SHC_BASH},
};

static const char *const other_shells[] = {"ksh", "ksh88", "ksh93", "mksh", "pdksh", "oksh", "zsh",
	"fish", "csh", "tcsh", "rc", "es", "yash", NULL};

const char *shc_dialect_name(enum shc_dialect dialect)
{
	static const char *const names[] = {"sh", "dash", "bash"};

	return names[dialect];
}

int shc_dialect_of_name(const char *name, enum shc_dialect *ret, struct hb_error *reterr)
{
	for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
		if (strcmp(dialects[i].name, name) == 0) {
			*ret = dialects[i].dialect;
			return 0;
		}
	}
	for (int i = 0; other_shells[i]; i++) {
		if (strcmp(other_shells[i], name) == 0)
			return hb_error_set(reterr, -ENOTSUP,
				"the language of %s is another one; sh, dash and bash are "
				"understood "
				"(-s SHELL says so)",
				name);
	}
	return hb_error_set(reterr, -EINVAL, "'%s' is no known shell; give sh, dash or bash", name);
}

/* Copy the word at @at (of bytes other than blanks) to @name; returns after it. */
static const char *take_word(const char *at, const char *end, char *name)
{
	size_t length = 0;

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (at < end && *at != ' ' && *at != '\t' && *at != '\r') {
		if (length + 1 < NAME_BYTES_MAX)
			name[length++] = *at;
		at++;
	}
	name[length] = '\0';
	return at;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The interpreter of a #! line, also behind env and its options; "" when there is none. */
static void read_interpreter(const char *at, const char *end, char *name)
{
	at = take_word(at, end, name);
	if (strcmp(base_name(name), "env") == 0) {
		do {
			at = take_word(at, end, name);
		} while (name[0] == '-' || strchr(name, '='));
	}
	memmove(name, base_name(name), strlen(base_name(name)) + 1);
	if (strcmp(name, "busybox") == 0)
		(void)take_word(at, end, name);
}

/* The value of @key in comment [at, end): "shell=dash", "-*- sh-shell: bash". */
static bool find_value(const char *at, const char *end, const char *key, char *name)
{
	const char *found = memmem(at, (size_t)(end - at), key, strlen(key));
	size_t length = 0;

	if (!found)
		return false;
	found += strlen(key);
	while (found < end && *found == ' ')
		found++;
	while (found < end && length + 1 < NAME_BYTES_MAX &&
		((*found >= 'a' && *found <= 'z') || (*found >= '0' && *found <= '9')))
		name[length++] = *found++;
	name[length] = '\0';
	return length > 0;
}

static bool find_in_comments(const struct shc_source *source, char *name)
{
	for (uint32_t line = 1; line <= source->line_count && line <= COMMENT_LINES_MAX; line++) {
		struct shc_range range = shc_source_line(source, line);
		const char *at = source->bytes + range.start, *end = source->bytes + range.end;

		if (at < end && *at != '#')
			return false;
		if ((memmem(at, (size_t)(end - at), "shellcheck ", 11) &&
			    find_value(at, end, "shell=", name)) ||
			find_value(at, end, "sh-shell:", name))
			return true;
	}
	return false;
}

/* Does the line [at, end) begin with what only zsh has? */
static bool is_zsh_line(const char *at, const char *end)
{
	static const char *const beginnings[] = {"#compdef", "#autoload", "autoload -U", "emulate ",
		"setopt ", "unsetopt ", "zmodload ", "zstyle "};

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++)
		if ((size_t)(end - at) >= strlen(beginnings[i]) &&
			memcmp(at, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	return false;
}

/* The number of a line by which @source is seen to be for zsh, or 0; one that asks for the shell may be for both. */
static uint32_t find_zsh(const struct shc_source *source)
{
	if (memmem(source->bytes, source->size, "ZSH_VERSION", 11))
		return 0;
	for (uint32_t line = 1; line <= source->line_count && line <= ZSH_LINES_MAX; line++) {
		struct shc_range range = shc_source_line(source, line);

		if (is_zsh_line(source->bytes + range.start, source->bytes + range.end))
			return line;
	}
	return 0;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);

	return length >= tail && strcmp(text + length - tail, end) == 0;
}

int shc_dialect_detect(
	const struct shc_source *source, enum shc_dialect *ret, struct hb_error *reterr)
{
	struct shc_range first = shc_source_line(source, 1);
	const char *bytes = source->bytes;
	char name[NAME_BYTES_MAX];
	uint32_t line;

	if (first.end >= 3 && bytes[0] == '#' && bytes[1] == '!') {
		read_interpreter(bytes + 2, bytes + first.end, name);
		if (name[0]) {
			int code = shc_dialect_of_name(name, ret, reterr);

			/* An unknown interpreter is no shell. */
			if (code == -EINVAL)
				code = hb_error_set(reterr, -ENOTSUP,
					"'%s' is no shell that is understood (-s SHELL says which "
					"to take)",
					name);
			if (reterr && code < 0)
				reterr->line = 1;
			return code;
		}
	}
	if (find_in_comments(source, name) && shc_dialect_of_name(name, ret, NULL) == 0)
		return 0;
	line = find_zsh(source);
	if (line) {
		(void)hb_error_set(reterr, -ENOTSUP,
			"line %u is one of zsh, whose language is another one (-s SHELL says which "
			"to take)",
			line);
		if (reterr)
			reterr->line = line;
		return -ENOTSUP;
	}
	if (ends_with(source->name, ".dash"))
		*ret = SHC_DASH;
	else if (ends_with(source->name, ".ksh") || ends_with(source->name, ".zsh") ||
		 ends_with(source->name, ".fish") || ends_with(source->name, ".csh"))
		return hb_error_set(reterr, -ENOTSUP,
			"the name says that this is for another shell (-s SHELL says which to "
			"take)");
	else
		*ret = SHC_BASH;
	return 0;
}
