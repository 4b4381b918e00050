/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scripts of this machine as an oracle. For each: what `bash -n` (for those of sh also `dash -n`) accepts is parsed
 * without an error; what is refused here is refused there; the tree printed as text parses to an equal tree, and the
 * shell that accepts the script accepts the text. Exit 77 without bash.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shcheck/finding.h>
#include <shcheck/parse.h>

#include "scripts.h"

#define SCRIPTS_PER_RUN 600

/* Share of the scripts that only one of two may accept; zero are known, a machine may hold anything. */
#define DISAGREEMENTS_PER_MILLE_MAX 2

struct tally {
	uint64_t scripts, both_accept, both_refuse, only_shell, only_here, differ, printed_refused;
};

static char folder[] = "/tmp/shcheck-corpus-XXXXXX";
static char printed_path[sizeof(folder) + 16];

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "corpus: %s\n", what);
	exit(1);
}

static struct shc_script *parse(const struct shc_source *source, enum shc_dialect dialect)
{
	struct shc_findings *findings;
	struct shc_script *script;

	must(shc_findings_create(&findings) == 0, "no memory");
	must(shc_parse(source, dialect, findings, &script) == 0, "no memory");
	shc_findings_destroy(findings);
	return script;
}

/* Print @script, parse the text again and compare; hand the text to @shell. */
static void go_round(const struct shc_script *script, const char *shell, struct tally *tally)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	struct shc_source *source;
	struct shc_script *again;
	struct shc_range where;

	must(stream != NULL, "no memory");
	shc_print(script, stream);
	must(fclose(stream) == 0, "no memory");
	must(shc_source_create("printed", text, size, &source) == 0,
		"the printed text is too long");
	again = parse(source, script->dialect);
	if (again->error_count || !shc_equal(script, again, &where)) {
		struct shc_place place =
			shc_source_place(script->source, again->error_count ? 0 : where.start);

		(void)printf("%s:%" PRIu32 ":%" PRIu32 ": %s\n", script->source->name, place.line,
			place.column,
			again->error_count ? "the printed text does not parse"
					   : "the trees differ");
		tally->differ++;
	}
	stream = fopen(printed_path, "w");
	must(stream && fwrite(text, 1, size, stream) == size && fclose(stream) == 0,
		"cannot write");
	if (shell_accepts(shell, printed_path) != 1) {
		(void)printf("%s: %s refuses the printed text\n", script->source->name, shell);
		tally->printed_refused++;
	}
	shc_script_destroy(again);
	shc_source_destroy(source);
	free(text);
}

static void check(
	const char *path, enum shc_dialect dialect, const char *shell, struct tally *tally)
{
	struct shc_source *source;
	struct shc_script *script;
	bool accepted;

	if (shc_source_read(path, &source, NULL) < 0)
		return;
	tally->scripts++;
	script = parse(source, dialect);
	accepted = shell_accepts(shell, path) == 1;
	if (accepted && script->error_count == 0) {
		tally->both_accept++;
		go_round(script, shell, tally);
	} else if (!accepted && script->error_count) {
		tally->both_refuse++;
	} else {
		(void)printf("%s: only %s accepts it\n", path, accepted ? shell : "shcheck");
		if (accepted)
			tally->only_shell++;
		else
			tally->only_here++;
	}
	shc_script_destroy(script);
	shc_source_destroy(source);
}

/* Is the script for sh or dash? */
static bool is_for_sh(const char *path)
{
	struct shc_source *source;
	enum shc_dialect dialect;
	bool is;

	if (shc_source_read(path, &source, NULL) < 0)
		return false;
	is = shc_dialect_detect(source, &dialect, NULL) == 0 && dialect != SHC_BASH;
	shc_source_destroy(source);
	return is;
}

static bool judge(const char *shell, const struct tally *tally)
{
	uint64_t bound = 1 + tally->scripts * DISAGREEMENTS_PER_MILLE_MAX / 1000;

	(void)printf("%s: %" PRIu64 " scripts, both accept %" PRIu64 ", both refuse %" PRIu64
		     ", only %s %" PRIu64 ", only shcheck %" PRIu64 "; of the accepted %" PRIu64
		     " do not come back equal, %" PRIu64 " are refused when printed\n",
		shell, tally->scripts, tally->both_accept, tally->both_refuse, shell,
		tally->only_shell, tally->only_here, tally->differ, tally->printed_refused);
	return tally->both_accept > 0 && tally->only_shell == 0 && tally->only_here <= bound &&
	       tally->differ == 0 && tally->printed_refused == 0;
}

int main(void)
{
	struct tally bash = {0}, dash = {0};
	struct scripts scripts;
	bool passed, has_dash = shell_accepts("dash", "/dev/null") == 1;

	if (shell_accepts("bash", "/dev/null") != 1) {
		(void)puts("skip: needs bash");
		return 77;
	}
	scripts_find(&scripts);
	if (scripts.count == 0) {
		(void)puts("skip: needs shell scripts on this machine");
		return 77;
	}
	scripts_sample(&scripts, SCRIPTS_PER_RUN);
	must(mkdtemp(folder) != NULL, "cannot make a folder");
	(void)snprintf(printed_path, sizeof(printed_path), "%s/printed", folder);
	for (size_t i = 0; i < scripts.count; i++) {
		check(scripts.paths[i], SHC_BASH, "bash", &bash);
		if (has_dash && is_for_sh(scripts.paths[i]))
			check(scripts.paths[i], SHC_DASH, "dash", &dash);
	}
	(void)unlink(printed_path);
	(void)rmdir(folder);
	passed = judge("bash", &bash);
	if (dash.scripts)
		passed = judge("dash", &dash) && passed;
	scripts_finish(&scripts);
	return passed ? 0 : 1;
}
