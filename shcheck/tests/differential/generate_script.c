/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random scripts for the oracle. They may do to files what they like: each runs alone in a sandbox. Loops have a
 * bound of their own kind of variable, which nothing else assigns. See oracle.h.
 */
#include <stdio.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/rng.h>

#include "draft.h"

#define NESTING_MAX 2
/* Of all lists together: what bounds the text. */
#define STATEMENTS_MAX 24

struct script {
	struct draft *draft;
	unsigned points, statements;
	bool in_function; /* which does not call itself: that would never end */
};

static void list_put(struct script *script, unsigned nesting, unsigned most);

static void file_put(struct script *script)
{
	static const char *const files[] = {"a", "d", "d/a", "new", "l", "\"$x\"", "$y", "d/\"$x\"",
		"*", "\"$PWD\"/a", "$x/*", "."};

	sketch_put(script->draft, DRAFT_CHOOSE(script->draft, files));
}

static void word_put(struct script *script)
{
	static const char *const words[] = {"$x", "\"$y\"", "a", "''", "\"$@\"", "$*", "\"$z\"$x",
		"*", "$(pwd)", "$#", "$?", "\"${x:-d}\""};

	if (sketch_chance(script->draft, 30))
		sketch_word(script->draft);
	else
		sketch_put(script->draft, DRAFT_CHOOSE(script->draft, words));
}

static void condition_put(struct script *script)
{
	static const char *const conditions[] = {"[ -n \"$x\" ]", "[ -z \"$y\" ]", "[ \"$x\" = a ]",
		"[ -e a ]", "[ -d d ]", "[ -f \"$x\" ]", "[ -L l ]", "test $x", "[ $# -gt 1 ]",
		"true", "false", "cd d", "[ \"$x\" != \"$y\" ]", "command -v nosuch",
		"! [ -e new ]", "mkdir new"};

	sketch_put(script->draft, DRAFT_CHOOSE(script->draft, conditions));
}

static void assignment_put(struct script *script)
{
	static const char *const forms[] = {"x=", "y=", "z=", ": ${y:=", "x=$(printf %s ",
		"set -- ", "z=$y y=", "x=b true ", "export x="};
	const char *form = DRAFT_CHOOSE(script->draft, forms);

	sketch_put(script->draft, form);
	if (form[0] == ':') {
		sketch_put(script->draft, "a}");
		return;
	}
	word_put(script);
	sketch_put(script->draft, strchr(form, '(') ? ")" : "");
}

static void command_put(struct script *script)
{
	static const char *const commands[] = {"rm -f ", "rm -rf ", "mkdir ", "mkdir -p ", "rmdir ",
		"touch ", "cd ", "echo x >", "cat <", ": >", "rm "};
	static const char *const pairs[] = {"mv ", "cp ", "ln -s ", "mv -f "};
	static const char *const plain[] = {"unset x", "shift", "false", "! true", "x=$?",
		"unset y", "cd", "set -f", "set +e", "read x <a", "eval 'x=$y'", "f", "return 3",
		"x=$(cd d && pwd)", "cd ..", "trap 'snap 99' EXIT", "IFS=:", "(cd d; rm -f a)",
		"printf 'a b\\n' | read z", "wait"};
	uint64_t kind = hb_rng_below(&script->draft->rng, 10);

	if (kind < 4) {
		sketch_put(script->draft, DRAFT_CHOOSE(script->draft, commands));
		file_put(script);
	} else if (kind < 6) {
		sketch_put(script->draft, DRAFT_CHOOSE(script->draft, pairs));
		file_put(script);
		sketch_put(script->draft, " ");
		file_put(script);
	} else {
		const char *command = DRAFT_CHOOSE(script->draft, plain);

		sketch_put(script->draft,
			script->in_function && !strcmp(command, "f") ? ":" : command);
	}
}

static void compound_put(struct script *script, unsigned nesting)
{
	struct draft *draft = script->draft;
	char text[96];

	switch (hb_rng_below(&draft->rng, 6)) {
	case 0:
		sketch_put(draft, "if ");
		condition_put(script);
		sketch_put(draft, "; then\n");
		list_put(script, nesting + 1, 2);
		sketch_put(draft, "else\n");
		list_put(script, nesting + 1, 2);
		sketch_put(draft, "fi");
		break;
	case 1:
		sketch_put(draft, "for z in a ");
		word_put(script);
		sketch_put(draft, "; do\n");
		list_put(script, nesting + 1, 2);
		sketch_put(draft, "done");
		break;
	case 2:
		(void)snprintf(text, sizeof(text),
			"n%u=0; while [ $n%u != 11 ]; do n%u=1$n%u; n%u=${n%u%%0}\n", nesting,
			nesting, nesting, nesting, nesting, nesting);
		sketch_put(draft, text);
		list_put(script, nesting + 1, 2);
		sketch_put(draft, "done");
		break;
	case 3:
		sketch_put(draft, "case ");
		word_put(script);
		sketch_put(draft, " in a*)\n");
		list_put(script, nesting + 1, 2);
		sketch_put(draft, ";; '') : ;; *)\n");
		list_put(script, nesting + 1, 2);
		sketch_put(draft, ";; esac");
		break;
	case 4:
		sketch_put(draft, "(\n");
		list_put(script, nesting + 1, 3);
		sketch_put(draft, ")");
		break;
	default:
		condition_put(script);
		sketch_put(draft, sketch_chance(draft, 50) ? " && " : " || ");
		sketch_put(draft, "{\n");
		list_put(script, nesting + 1, 2);
		sketch_put(draft, "}");
		break;
	}
}

static void list_put(struct script *script, unsigned nesting, unsigned most)
{
	uint64_t count = hb_rng_below(&script->draft->rng, most) + 1;
	char text[32];

	/* Never empty: an empty list is a syntax error. */
	(void)snprintf(text, sizeof(text), "snap %u\n", script->points++);
	sketch_put(script->draft, text);
	for (; count > 0 && script->statements < STATEMENTS_MAX; count--) {
		script->statements++;
		if (nesting < NESTING_MAX && sketch_chance(script->draft, 30))
			compound_put(script, nesting);
		else if (sketch_chance(script->draft, 40))
			assignment_put(script);
		else
			command_put(script);
		sketch_put(script->draft, "\n");
		if (sketch_chance(script->draft, 60)) {
			(void)snprintf(text, sizeof(text), "snap %u\n", script->points++);
			sketch_put(script->draft, text);
		}
	}
}

int shc_oracle_generate_script(
	uint64_t seed, uint64_t index, bool bash, struct shc_oracle_case *ret)
{
	static const char *const options[] = {"", "", "", "set -e\n", "set -u\n", "set -eu\n"};
	struct draft draft = {.bash = bash};
	struct shc_oracle_case made;
	struct script script = {.draft = &draft};
	size_t start;
	/* Words and scripts of one seed are different streams. */
	int code = sketch_begin(&draft, hb_rng_mix(seed, UINT64_C(0x736372697074)), index, &made);

	if (code)
		return code;
	made.context = SHC_ORACLE_SCRIPT;
	/* The options are part of the text, where the analyser sees them too. */
	made.noglob = made.nounset = false;
	start = draft.used_bytes;
	sketch_put(&draft, DRAFT_CHOOSE(&draft, options));
	if (sketch_chance(&draft, 40)) {
		sketch_put(&draft, "f() {\n");
		script.in_function = true;
		list_put(&script, NESTING_MAX, 2);
		script.in_function = false;
		sketch_put(&draft, "}\n");
	}
	list_put(&script, 0, 6);
	made.text = sketch_finish(&draft, start);
	*ret = made;
	return 0;
}
