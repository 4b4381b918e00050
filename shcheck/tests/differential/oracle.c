/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs cases by a real shell. A batch is one script: each case is a subshell in a folder of its own, its text behind
 * eval, so that a syntax error ends that subshell only. The script prints tokens that end in NUL, which no value can
 * hold:
 *
 *   B, then N COUNT FIELD... if the expansion came to its end, V SET VALUE for each variable, E STATUS.
 *   S STATUS OPTIONS FOLDER TREE COUNT POINT ARGUMENT... SET VALUE..., any number of times, for each "snap"; written at
 *   once, so that those of a pipeline do not mix.
 *
 * They go to descriptor 9, so that what a script prints is not among them. TREE is one string of type, path, \1, target
 * of a link, \1 per file. A function has its own positional parameters, so "snap N" becomes "snap N "$@"".
 *
 * See oracle.h.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/sandbox.h>

#include "oracle.h"

#define BATCH 50
#define SCRIPT_PATH "/run/script"
/* Hidden, so that "*" in the root does not find it; and mounted, so that it cannot be deleted. */
#define LISTER_PATH "/.list_files"

struct shc_oracle {
	struct hb_sandbox *sandbox;
};

/*
 * The programs, each folder mounted by itself: the links in the root that the sandbox makes otherwise (/lib64, where
 * the loader is) can be deleted by a script in "/", and then no command can be run any more.
 */
static int sandbox_create(struct hb_sandbox **ret, struct hb_error *reterr)
{
	static const char *const folders[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64",
		"/libx32", "/etc/alternatives"};
	struct hb_sandbox_mount mounts[sizeof(folders) / sizeof(*folders) + 1];
	struct hb_sandbox_spec spec = {.no_system = true, .mounts = mounts};

	mounts[spec.mounts_count++] =
		(struct hb_sandbox_mount){HB_SANDBOX_READ_ONLY, SHC_LISTER, LISTER_PATH, NULL};
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (!access(folders[i], F_OK))
			mounts[spec.mounts_count++] = (struct hb_sandbox_mount){
				HB_SANDBOX_READ_ONLY, folders[i], folders[i], NULL};
	return hb_sandbox_create(&spec, ret, reterr);
}

int shc_oracle_create(struct shc_oracle **ret, struct hb_error *reterr)
{
	struct shc_oracle *oracle = calloc(1, sizeof(*oracle));
	int code;

	if (!oracle)
		return hb_error_set(reterr, -ENOMEM, "no memory for an oracle");
	code = sandbox_create(&oracle->sandbox, reterr);
	if (code)
		free(oracle);
	else
		*ret = oracle;
	return code;
}

void shc_oracle_destroy(struct shc_oracle *oracle)
{
	if (!oracle)
		return;
	hb_sandbox_destroy(oracle->sandbox);
	free(oracle);
}

static void put_quoted(FILE *out, struct shc_oracle_text text)
{
	(void)fputc('\'', out);
	for (size_t i = 0; i < text.size_bytes; i++) {
		if (text.bytes[i] == '\'')
			(void)fputs("'\\''", out);
		else
			(void)fputc(text.bytes[i], out);
	}
	(void)fputc('\'', out);
}

static void put_state(FILE *out, const struct shc_oracle_case *one)
{
	for (size_t i = 0; i < one->variables_count; i++) {
		const struct shc_oracle_variable *variable = &one->variables[i];

		if (variable->left)
			continue;
		if (variable->set) {
			(void)fprintf(out, "%s=", variable->name);
			put_quoted(out, variable->value);
		} else {
			(void)fprintf(out, "unset %s", variable->name);
		}
		(void)fputc('\n', out);
	}
	(void)fputs("set --", out);
	for (size_t i = 0; i < one->positional_count; i++) {
		(void)fputc(' ', out);
		put_quoted(out, one->positional[i]);
	}
	(void)fprintf(out, "\n%s%s", one->noglob ? "set -f\n" : "", one->nounset ? "set -u\n" : "");
}

/* A script with the positional parameters behind each "snap N". */
static void put_script(FILE *out, struct shc_oracle_text text)
{
	static const char word[] = "snap ";
	const char *at = text.bytes, *end = text.bytes + text.size_bytes, *next;

	while ((next = memmem(at, (size_t)(end - at), word, sizeof(word) - 1))) {
		next += sizeof(word) - 1;
		while (next < end && *next >= '0' && *next <= '9')
			next++;
		(void)fwrite(at, 1, (size_t)(next - at), out);
		(void)fputs(" \"$@\"", out);
		at = next;
	}
	(void)fwrite(at, 1, (size_t)(end - at), out);
}

/* The text where its context has it; fields() shows what became of it. */
static void put_text(FILE *out, const struct shc_oracle_case *one)
{
	(void)fputs(one->context == SHC_ORACLE_ARGUMENTS    ? "fields "
		    : one->context == SHC_ORACLE_ASSIGNMENT ? "expanded="
							    : "",
		out);
	if (one->context == SHC_ORACLE_SCRIPT)
		put_script(out, one->text);
	else
		(void)fwrite(one->text.bytes, 1, one->text.size_bytes, out);
}

static int text_build(const struct shc_oracle_case *one, struct shc_oracle_text *ret)
{
	FILE *out = open_memstream(&ret->bytes, &ret->size_bytes);

	if (!out)
		return -ENOMEM;
	put_text(out, one);
	return fclose(out) ? -ENOMEM : 0;
}

/* Everything in one printf, so in one write. The status first: the substitution changes it. */
static void put_snap(FILE *out, const struct shc_oracle_case *one, size_t index)
{
	if (one->context != SHC_ORACLE_SCRIPT)
		return;
	(void)fprintf(out,
		"snap() { printf '%%s\\000' S \"$?\" \"$-\" \"$PWD\" \"$(" LISTER_PATH
		" /home/user/c%zu 2>&1)\" \"$#\" \"$@\"",
		index);
	for (size_t i = 0; i < one->variables_count; i++)
		(void)fprintf(out, " \"${%s+set}\" \"${%s-}\"", one->variables[i].name,
			one->variables[i].name);
	(void)fputs(" >&9; }\n", out);
}

static int put_case(FILE *out, const struct shc_oracle_case *one, size_t index)
{
	struct shc_oracle_text text = {0};
	int code = text_build(one, &text);

	if (code)
		return code;
	(void)fprintf(out, "printf 'B\\000' >&9\n(cd /home/user/c%zu || exit 99\n", index);
	(void)fputs("variables() {\n", out);
	for (size_t i = 0; i < one->variables_count; i++)
		(void)fprintf(out, "printf 'V\\000%%s\\000%%s\\000' \"${%s+set}\" \"${%s-}\" >&9\n",
			one->variables[i].name, one->variables[i].name);
	(void)fputs(":\n}\n", out);
	put_snap(out, one, index);
	put_state(out, one);
	(void)fputs("eval ", out);
	put_quoted(out, text);
	free(text.bytes);
	/* What failed has no state behind it; a script's status is its last command's, whatever that is. */
	(void)fputs("\nstatus=$?\n", out);
	if (one->context == SHC_ORACLE_ASSIGNMENT)
		(void)fputs("fields \"$expanded\"\n", out);
	(void)fputs("variables\n", out);
	(void)fputs("exit $status)\nprintf 'E\\000%d\\000' \"$?\" >&9\n", out);
	return 0;
}

static int script_build(
	const struct shc_oracle_case *cases, size_t count, struct shc_oracle_text *ret)
{
	FILE *out = open_memstream(&ret->bytes, &ret->size_bytes);
	int code = 0;

	if (!out)
		return -ENOMEM;
	(void)fputs("exec 9>&1 >/dev/null 2>/dev/null </dev/null\n"
		    "fields() { printf 'N\\000%d\\000' \"$#\" >&9; [ \"$#\" -eq 0 ] || printf "
		    "'%s\\000' \"$@\" >&9; }\n",
		out);
	for (size_t i = 0; !code && i < count; i++)
		code = put_case(out, &cases[i], i);
	return fclose(out) || code ? -ENOMEM : 0;
}

/* Paths of the batch's files: one string per entry, in @memory. */
struct forest {
	struct hb_sandbox_entry *entries;
	size_t count;
	char **paths;
};

static void forest_finish(struct forest *forest)
{
	for (size_t i = 0; i < forest->count; i++)
		free(forest->paths[i]);
	free(forest->paths);
	free(forest->entries);
}

static int forest_add(struct forest *forest, size_t index, const char *name)
{
	struct hb_sandbox_entry entry = {.kind = HB_SANDBOX_FILE, .mode = 0644};
	const char *arrow = strstr(name, " -> ");
	size_t length = arrow ? (size_t)(arrow - name) : strlen(name);
	char *path;

	if (!arrow && (length == 0 || name[length - 1] == '/')) {
		entry.kind = HB_SANDBOX_DIRECTORY;
		entry.mode = 0755;
		length -= length > 0;
	}
	if (arrow) {
		entry.kind = HB_SANDBOX_SYMLINK;
		entry.content = arrow + 4;
		entry.size_bytes = strlen(arrow + 4);
	}
	if (asprintf(&path, "/home/user/c%zu%s%.*s", index, length ? "/" : "", (int)length, name) <
		0)
		return -ENOMEM;
	entry.path = forest->paths[forest->count] = path;
	forest->entries[forest->count++] = entry;
	return 0;
}

static int forest_build(const struct shc_oracle_case *cases, size_t count,
	struct shc_oracle_text script, struct forest *ret)
{
	size_t entries = 1 + count * (1 + SHC_ORACLE_FILES_MAX);
	int code = 0;

	*ret = (struct forest){
		calloc(entries, sizeof(*ret->entries)), 0, calloc(entries, sizeof(char *))};
	if (!ret->entries || !ret->paths)
		return -ENOMEM;
	for (size_t i = 0; !code && i < count; i++) {
		code = forest_add(ret, i, "");
		for (size_t file = 0; !code && file < cases[i].files_count; file++)
			code = forest_add(ret, i, cases[i].files[file]);
	}
	if (code)
		return code;
	ret->paths[ret->count] = strdup(SCRIPT_PATH);
	ret->entries[ret->count] = (struct hb_sandbox_entry){
		ret->paths[ret->count], HB_SANDBOX_FILE, 0644, script.bytes, script.size_bytes};
	return ret->paths[ret->count++] ? 0 : -ENOMEM;
}

/* The tokens not read yet. */
struct tokens {
	char *at, *end;
};

static char *token(struct tokens *tokens)
{
	char *start = tokens->at;
	char *end = memchr(start, '\0', (size_t)(tokens->end - start));

	if (!end)
		return NULL;
	tokens->at = end + 1;
	return start;
}

/* Does the next token hold this one letter? Then it is read. */
static bool next_is(struct tokens *tokens, char letter)
{
	if (tokens->end - tokens->at < 2 || tokens->at[0] != letter || tokens->at[1] != '\0')
		return false;
	tokens->at += 2;
	return true;
}

static struct shc_oracle_text text_of(char *bytes)
{
	return (struct shc_oracle_text){bytes, strlen(bytes)};
}

static int fields_read(struct tokens *tokens, struct shc_oracle_outcome *ret)
{
	char *number = token(tokens);
	size_t count = number ? strtoul(number, NULL, 10) : SIZE_MAX;

	if (count > (size_t)(tokens->end - tokens->at))
		return -EPROTO;
	ret->fields = calloc(count + 1, sizeof(*ret->fields));
	if (!ret->fields)
		return -ENOMEM;
	for (ret->count = 0; ret->count < count; ret->count++) {
		char *field = token(tokens);

		if (!field)
			return -EPROTO;
		ret->fields[ret->count] = text_of(field);
	}
	return 0;
}

/* The V's of one moment. Returns their number, less than the case's if the shell ended meanwhile, or -EPROTO. */
static int variables_read(
	struct tokens *tokens, const struct shc_oracle_case *one, struct shc_oracle_variable *ret)
{
	size_t count = 0;

	while (count < one->variables_count && next_is(tokens, 'V')) {
		char *set = token(tokens), *value = set ? token(tokens) : NULL;

		if (!value)
			return -EPROTO;
		ret[count] = (struct shc_oracle_variable){.name = one->variables[count].name,
			.set = set[0] != '\0',
			.value = text_of(value)};
		count++;
	}
	return (int)count;
}

static bool number_read(struct tokens *tokens, size_t *ret)
{
	char *text = token(tokens), *end;

	if (!text || !*text)
		return false;
	*ret = strtoul(text, &end, 10);
	return !*end;
}

/* The files of a snapshot, from one token. Cuts it into strings. */
static int tree_read(char *tree, struct shc_oracle_snapshot *snapshot)
{
	snapshot->files = calloc(SHC_ORACLE_SEEN_MAX, sizeof(*snapshot->files));
	if (!snapshot->files)
		return -ENOMEM;
	while (*tree) {
		struct shc_oracle_file *file = &snapshot->files[snapshot->files_count];
		char *path = strchr(tree, 1), *target = path ? strchr(path + 1, 1) : NULL;

		if (!target || snapshot->files_count == SHC_ORACLE_SEEN_MAX) {
			snapshot->files_count = 0;
			break;
		}
		*path = *target = '\0';
		*file = (struct shc_oracle_file){tree[0], text_of(tree + 1), text_of(path + 1)};
		snapshot->files_count++;
		tree = target + 1;
	}
	snapshot->files_known = snapshot->files_count > 0;
	return 0;
}

static int snapshot_variables_read(struct tokens *tokens, const struct shc_oracle_case *one,
	struct shc_oracle_snapshot *snapshot)
{
	for (size_t i = 0; i < one->variables_count; i++) {
		char *set = token(tokens), *value = set ? token(tokens) : NULL;

		if (!value)
			return -EPROTO;
		snapshot->variables[i] = (struct shc_oracle_variable){
			.name = one->variables[i].name, .set = set[0], .value = text_of(value)};
	}
	return 0;
}

static int snapshot_fill(struct tokens *tokens, const struct shc_oracle_case *one,
	struct shc_oracle_snapshot *snapshot)
{
	char *status = token(tokens), *options = status ? token(tokens) : NULL;
	char *folder = options ? token(tokens) : NULL, *tree = folder ? token(tokens) : NULL;
	size_t count, point;

	if (!tree || !number_read(tokens, &count) || !count ||
		count > (size_t)(tokens->end - tokens->at) || !number_read(tokens, &point))
		return -EPROTO;
	snapshot->point = (unsigned)point;
	snapshot->status = atoi(status);
	snapshot->options = text_of(options);
	snapshot->folder = text_of(folder);
	snapshot->positional = calloc(count, sizeof(*snapshot->positional));
	if (!snapshot->positional)
		return -ENOMEM;
	for (; snapshot->positional_count + 1 < count; snapshot->positional_count++) {
		char *argument = token(tokens);

		if (!argument)
			return -EPROTO;
		snapshot->positional[snapshot->positional_count] = text_of(argument);
	}
	if (tree_read(tree, snapshot))
		return -ENOMEM;
	return snapshot_variables_read(tokens, one, snapshot);
}

static void snapshot_finish(struct shc_oracle_snapshot *snapshot)
{
	free(snapshot->positional);
	free(snapshot->files);
}

static int snapshot_read(
	struct tokens *tokens, const struct shc_oracle_case *one, struct shc_oracle_outcome *ret)
{
	struct shc_oracle_snapshot snapshot = {0}, *grown;
	int code = snapshot_fill(tokens, one, &snapshot);

	if (code) {
		snapshot_finish(&snapshot);
		return code;
	}
	grown = realloc(ret->snapshots, (ret->snapshots_count + 1) * sizeof(*grown));
	if (!grown) {
		snapshot_finish(&snapshot);
		return -ENOMEM;
	}
	ret->snapshots = grown;
	ret->snapshots[ret->snapshots_count++] = snapshot;
	return 0;
}

static int outcome_read(
	struct tokens *tokens, const struct shc_oracle_case *one, struct shc_oracle_outcome *ret)
{
	bool fields = false;
	char *number;
	int code = 0, variables = 0;

	if (!next_is(tokens, 'B')) {
		if (!ret->cut)
			return -EPROTO;
		/* The time was up before the script began. */
		ret->exit_status = -1;
		tokens->at = tokens->end;
		return 0;
	}
	/* Snapshots come before the end of the case and, from a trap, after it. */
	for (int part = 0; !code && part < 2; part++) {
		while (!code && next_is(tokens, 'S'))
			code = snapshot_read(tokens, one, ret);
		if (!code && !fields && next_is(tokens, 'N')) {
			fields = true;
			code = fields_read(tokens, ret);
		}
		if (!code && variables == 0)
			variables = variables_read(tokens, one, ret->after);
		if (!code && variables < 0)
			code = variables;
	}
	if (code == -EPROTO && ret->cut)
		code = 0;
	if (code)
		return code;
	if (ret->cut) {
		/* A half-written token may follow. */
		ret->exit_status = -1;
		tokens->at = tokens->end;
		return 0;
	}
	number = next_is(tokens, 'E') ? token(tokens) : NULL;
	if (!number)
		return -EPROTO;
	ret->exit_status = atoi(number);
	ret->expanded = (size_t)variables == one->variables_count &&
			(fields || one->context == SHC_ORACLE_SCRIPT);
	return 0;
}

static void text_move(struct shc_oracle_text *text, const char *from, char *to)
{
	text->bytes = to + (text->bytes - from);
}

static void variables_move(struct shc_oracle_variable *variables, const char *from, char *to)
{
	for (size_t i = 0; i < SHC_ORACLE_VARIABLES_MAX; i++)
		if (variables[i].name)
			text_move(&variables[i].value, from, to);
}

static void snapshot_move(struct shc_oracle_snapshot *snapshot, const char *from, char *to)
{
	text_move(&snapshot->folder, from, to);
	text_move(&snapshot->options, from, to);
	for (size_t i = 0; i < snapshot->positional_count; i++)
		text_move(&snapshot->positional[i], from, to);
	for (size_t i = 0; i < snapshot->files_count; i++) {
		text_move(&snapshot->files[i].path, from, to);
		text_move(&snapshot->files[i].target, from, to);
	}
	variables_move(snapshot->variables, from, to);
}

/* Each outcome gets its own copy of the bytes it points to, so that it can be freed alone. */
static int outcome_own(struct shc_oracle_outcome *outcome, const char *start, const char *end)
{
	size_t size = (size_t)(end - start);

	outcome->memory = malloc(size + 1);
	if (!outcome->memory)
		return -ENOMEM;
	memcpy(outcome->memory, start, size);
	outcome->memory[size] = '\0';
	for (size_t i = 0; i < outcome->count; i++)
		outcome->fields[i].bytes = outcome->memory + (outcome->fields[i].bytes - start);
	variables_move(outcome->after, start, outcome->memory);
	for (size_t i = 0; i < outcome->snapshots_count; i++)
		snapshot_move(&outcome->snapshots[i], start, outcome->memory);
	return 0;
}

/* What a script did to files, from the sandbox's own listing. */
static int changes_own(const struct hb_sandbox_result *result, struct shc_oracle_outcome *ret)
{
	size_t size = 0;
	char *at;

	for (size_t i = 0; i < result->changes_count; i++)
		size += strlen(result->changes[i].path) + 1;
	ret->changes = calloc(result->changes_count + 1, sizeof(*ret->changes));
	ret->paths = at = malloc(size + 1);
	if (!ret->changes || !ret->paths)
		return -ENOMEM;
	for (size_t i = 0; i < result->changes_count; i++) {
		static const enum shc_oracle_change_kind kinds[] = {
			[HB_SANDBOX_CREATED] = SHC_ORACLE_CREATED,
			[HB_SANDBOX_MODIFIED] = SHC_ORACLE_MODIFIED,
			[HB_SANDBOX_DELETED] = SHC_ORACLE_DELETED,
			[HB_SANDBOX_OPAQUE] = SHC_ORACLE_MODIFIED};

		ret->changes[i] = (struct shc_oracle_change){
			{at, strlen(result->changes[i].path)}, kinds[result->changes[i].kind]};
		at = stpcpy(at, result->changes[i].path) + 1;
	}
	ret->changes_count = result->changes_count;
	return 0;
}

static int outcomes_read(const struct hb_sandbox_result *result,
	const struct shc_oracle_case *cases, size_t count, struct shc_oracle_outcome *ret,
	struct hb_error *reterr)
{
	struct tokens tokens = {result->output, result->output + result->output_bytes};

	for (size_t i = 0; i < count; i++) {
		char *start = tokens.at;
		int code;

		ret[i].cut = cases[i].context == SHC_ORACLE_SCRIPT && result->signal == SIGKILL;
		code = outcome_read(&tokens, &cases[i], &ret[i]);

		if (!code)
			code = outcome_own(&ret[i], start, tokens.at);
		if (!code && cases[i].context == SHC_ORACLE_SCRIPT)
			code = changes_own(result, &ret[i]);
		if (code)
			return hb_error_set(reterr, code,
				"what the shell printed for case %zu of the batch (%.*s) cannot be "
				"read; the "
				"shell ended with status %d, signal %d, limits 0x%x",
				i, (int)cases[i].text.size_bytes, cases[i].text.bytes,
				result->exit_status, result->signal, result->limits);
	}
	return 0;
}

static bool is_identifier(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	size_t length = strlen(name);

	return length > 0 && strspn(name, letters) > 0 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") ==
		       length;
}

static bool has_nul(struct shc_oracle_text text)
{
	return text.size_bytes > 0 && memchr(text.bytes, '\0', text.size_bytes);
}

static int case_check(const struct shc_oracle_case *one, struct hb_error *reterr)
{
	if (one->variables_count > SHC_ORACLE_VARIABLES_MAX ||
		one->positional_count > SHC_ORACLE_POSITIONAL_MAX ||
		one->files_count > SHC_ORACLE_FILES_MAX)
		return hb_error_set(reterr, -EINVAL, "a case has more parts than it has room for");
	for (size_t i = 0; i < one->variables_count; i++)
		if (!is_identifier(one->variables[i].name) || has_nul(one->variables[i].value))
			return hb_error_set(reterr, -EINVAL,
				"variable %s: the name is no identifier or the value has a NUL",
				one->variables[i].name);
	for (size_t i = 0; i < one->positional_count; i++)
		if (has_nul(one->positional[i]))
			return hb_error_set(reterr, -EINVAL, "argument %zu has a NUL", i + 1);
	if (has_nul(one->text))
		return hb_error_set(reterr, -EINVAL, "the text has a NUL");
	return 0;
}

static int batch_run(struct shc_oracle *oracle, enum shc_oracle_shell shell,
	const struct shc_oracle_case *cases, size_t count, struct shc_oracle_outcome *ret,
	struct hb_error *reterr)
{
	/* As $0 can be: absolute, relative and a bare name. */
	static const struct {
		const char *path, *directory;
	} names[] = {{SCRIPT_PATH, NULL}, {"." SCRIPT_PATH, "/"}, {"./script", "/run"},
		{"script", "/run"}, {"../run/script", "/run"}};
	const char *path = names[cases[0].name % (sizeof(names) / sizeof(*names))].path;
	const char *const dash[] = {"dash", path, NULL};
	const char *const bash[] = {"bash", "--norc", "--noprofile", path, NULL};
	static const char *const environment[] = {
		"PATH=/usr/bin:/bin", "HOME=/home/user", "LC_ALL=C", NULL};
	struct hb_sandbox_command command = {.argv = shell == SHC_ORACLE_DASH ? dash : bash,
		.environment = environment,
		.limits = {.wall_ns = INT64_C(20000000000), .output_bytes = 16 << 20},
		.list_changes = cases[0].context == SHC_ORACLE_SCRIPT};
	struct shc_oracle_text script = {0};
	struct hb_sandbox_result result = {0};
	struct forest forest = {0};
	int code;

	command.directory = names[cases[0].name % (sizeof(names) / sizeof(*names))].directory;
	if (command.list_changes)
		command.limits.wall_ns =
			INT64_C(1000000) * (cases[0].wall_ms ? cases[0].wall_ms : 2000);
	code = script_build(cases, count, &script);

	if (!code)
		code = forest_build(cases, count, script, &forest);
	if (code) {
		(void)hb_error_set(reterr, code, "no memory for a batch");
	} else {
		command.tree = forest.entries;
		command.tree_count = forest.count;
		code = hb_sandbox_run(oracle->sandbox, &command, &result, reterr);
	}
	if (!code)
		code = outcomes_read(&result, cases, count, ret, reterr);
	hb_sandbox_result_finish(&result);
	forest_finish(&forest);
	free(script.bytes);
	return code;
}

/* A script alone, or words up to the next script. */
static size_t batch_size(const struct shc_oracle_case *cases, size_t count)
{
	size_t size = 0;

	while (size < count && size < BATCH && cases[size].context != SHC_ORACLE_SCRIPT)
		size++;
	return size ? size : 1;
}

int shc_oracle_run(struct shc_oracle *oracle, enum shc_oracle_shell shell,
	const struct shc_oracle_case *cases, size_t count, struct shc_oracle_outcome *ret,
	struct hb_error *reterr)
{
	int code = 0;

	for (size_t i = 0; i < count; i++) {
		code = case_check(&cases[i], reterr);
		if (code)
			return code;
	}
	memset(ret, 0, count * sizeof(*ret));
	for (size_t at = 0, batch; !code && at < count; at += batch) {
		batch = batch_size(cases + at, count - at);
		code = batch_run(oracle, shell, cases + at, batch, ret + at, reterr);
	}
	for (size_t i = 0; code && i < count; i++)
		shc_oracle_outcome_finish(&ret[i]);
	return code;
}

void shc_oracle_outcome_finish(struct shc_oracle_outcome *outcome)
{
	free(outcome->fields);
	for (size_t i = 0; i < outcome->snapshots_count; i++)
		snapshot_finish(&outcome->snapshots[i]);
	free(outcome->snapshots);
	free(outcome->changes);
	free(outcome->paths);
	free(outcome->memory);
	*outcome = (struct shc_oracle_outcome){0};
}

char *shc_oracle_case_print(const struct shc_oracle_case *oracle_case)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	(void)fputs("cd \"$(mktemp -d)\"\n", out);
	for (size_t i = 0; i < oracle_case->files_count; i++) {
		char *name = strdup(oracle_case->files[i]);
		char *arrow = name ? strstr(name, " -> ") : NULL;
		size_t length = name ? strlen(name) : 0;

		if (arrow)
			*arrow = '\0';
		(void)fputs(arrow                               ? "ln -s "
			    : length && name[length - 1] == '/' ? "mkdir "
								: ": >",
			out);
		if (arrow) {
			put_quoted(out, text_of(arrow + 4));
			(void)fputc(' ', out);
		}
		if (name) {
			(void)fputs("./", out);
			put_quoted(out, text_of(name));
		}
		(void)fputc('\n', out);
		free(name);
	}
	put_state(out, oracle_case);
	(void)fputs("snap() { :; }\n"
		    "fields() { printf '%d fields\\n' \"$#\"; [ \"$#\" -eq 0 ] || printf '<%s>\\n' "
		    "\"$@\"; }\n",
		out);
	put_text(out, oracle_case);
	(void)fputs(
		oracle_case->context == SHC_ORACLE_ASSIGNMENT ? "\nfields \"$expanded\"\n" : "\n",
		out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
