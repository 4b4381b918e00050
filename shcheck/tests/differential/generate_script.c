/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random scripts for the oracle. They may do to files what they like: each runs alone in a sandbox. Loops have a
 * bound of their own kind of variable, which nothing else assigns; functions call only those defined before them.
 * See oracle.h.
 */
#include <stdio.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/rng.h>

#include "draft.h"

#define NESTING_MAX 3
/* Of all lists together: what bounds the text. */
#define STATEMENTS_MAX 22

struct script {
	struct draft *draft;
	unsigned points, statements;
	unsigned functions; /* f0, f1, ... that may be called here */
	unsigned loops;     /* around this place, within the same function */
	bool in_function;
	unsigned attributes; /* per cent of simple commands that are about those of variables */
};

static void list_put(struct script *script, unsigned nesting, unsigned most);
static void simple_put(struct script *script);

static void put_format(struct script *script, const char *format, unsigned number)
{
	char text[160];

	/* Every place of @format is the same number. */
	(void)snprintf(text, sizeof(text), format, number, number, number, number, number, number);
	sketch_put(script->draft, text);
}

static void file_put(struct script *script)
{
	static const char *const files[] = {"a", "a", "d", "d/a", "new", "new/a", "l", "l/a",
		"\"$x\"", "$y", "d/\"$x\"", "*", "\"$PWD\"/a", "d/$x*", ".", "d/..", "../a", "./b",
		"d/", "\"${y:-b}\"", "/home/user/c0/a", "d/*", "b", "--", "-n", "./-n", "d//a",
		"d/./a", "\"$1\"", "ne*"};

	sketch_put(script->draft, DRAFT_CHOOSE(script->draft, files));
}

static void word_put(struct script *script)
{
	static const char *const words[] = {"$x", "\"$y\"", "a", "''", "\"$@\"", "$*", "\"$z\"$x",
		"*", "$(pwd)", "$#", "$?", "\"${x:-d}\"", "\"$1\"", "${2-}", "$((1+2))", "b",
		"\"$x$y\"", "${x%a}", "\"${z#?}\"", "${#x}", "3", "\"${y+set}\"", "\"$w\"", "d",
		"\"a$x\"", "$PWD", "~", "\"${1:-$x}\"", "$w"};

	if (sketch_chance(script->draft, 25))
		sketch_word(script->draft);
	else
		sketch_put(script->draft, DRAFT_CHOOSE(script->draft, words));
}

static void bash_condition_put(struct script *script)
{
	static const char *const conditions[] = {"[[ $x == a* ]]", "[[ -n $y && $y != b ]]",
		"[[ -z $x || -d d ]]", "[[ $x = \"$y\" ]]", "[[ ! -e a ]]", "(( $# > 1 ))",
		"((w = 2))", "((0))", "[[ $y == [ab] ]]", "[[ $# -eq 2 ]]", "[[ -f $x ]]",
		"[[ $x ]]", "[[ $z == \"a*\" ]]", "((w++))", "[[ $x =~ ^a ]]"};

	sketch_put(script->draft, DRAFT_CHOOSE(script->draft, conditions));
}

static void condition_put(struct script *script)
{
	static const char *const conditions[] = {"[ -n \"$x\" ]", "[ -z \"$y\" ]", "[ \"$x\" = a ]",
		"[ -e a ]", "[ -d d ]", "[ -f \"$x\" ]", "[ -L l ]", "test $x", "[ $# -gt 1 ]",
		"true", "false", "cd d", "[ \"$x\" != \"$y\" ]", "command -v nosuch",
		"! [ -e new ]", "mkdir new", "[ \"$#\" -eq 0 ]", "[ \"$w\" -lt 3 ]",
		"[ \"$x\" = \"$z\" ]", "x=$(false)", "[ -d \"$y\" ]", "[ -f d/a ]", "[ -s a ]",
		"[ -n \"$1\" ]", "[ \"$1\" = -n ]", "[ $? -eq 0 ]", "rm a", "[ ! -f a ]",
		"[ \"${x+set}\" ]", "cd \"$x\"", "[ -e l ]", "[ \"$x\" = a ] && [ -n \"$y\" ]",
		"[ -n \"$x\" -a -n \"$y\" ]", "[ -h l ] || [ -e new ]", "(exit 3)",
		"test -n \"$y\" -o -d d", "[ -z $x ]", "[ \"$y\" ]"};

	if (script->draft->bash && sketch_chance(script->draft, 25)) {
		bash_condition_put(script);
	} else if (script->functions && sketch_chance(script->draft, 12)) {
		put_format(script, "f%u a",
			(unsigned)hb_rng_below(&script->draft->rng, script->functions));
	} else {
		sketch_put(script->draft, DRAFT_CHOOSE(script->draft, conditions));
	}
}

static void assignment_put(struct script *script)
{
	static const char *const forms[] = {"x=", "y=", "z=", ": ${y:=", "x=$(printf %s ",
		"set -- ", "z=$y y=", "x=b true ", "export x=", "w=", "set -- \"$@\" ", "x=$x",
		": ${x=", "y=c : ", "w=$(echo ", "x=b y=", "z=\"$(echo ", "readonly w="};
	static const char *const bash_forms[] = {
		"x+=", "a=(1 ", "declare y=", "printf -v z %s ", "a[1]=", "read -r y <<<"};
	struct draft *draft = script->draft;
	const char *form = draft->bash && sketch_chance(draft, 20) ? DRAFT_CHOOSE(draft, bash_forms)
								   : DRAFT_CHOOSE(draft, forms);
	const char *end = strstr(form, "\"$(")               ? ")\""
			  : strchr(form, '(')                ? ")"
			  : form[0] == ':' && form[2] == '$' ? "}"
							     : "";

	/* Rarely: an assignment to it ends the shell afterwards. */
	if (form[0] == 'r' && form[3] == 'd' && form[4] == 'o' && sketch_chance(draft, 70))
		form = "w=";
	sketch_put(draft, form);
	if (form[0] == ':' && form[2] == '$')
		sketch_put(draft, sketch_chance(draft, 50) ? "a" : "$x");
	else
		word_put(script);
	sketch_put(draft, end);
}

static void arithmetic_put(struct script *script)
{
	static const char *const texts[] = {"w=$((w+1))", ": $((w=3))", "x=$(($#*2))", "w=$((2-5))",
		"y=$((w<2))", "z=$((${w:-0}+1))", "w=$((w%3))", ": $((w+=2))", "x=$((1?2:3))",
		"w=$((7/2))", "y=$((!0))", "z=$((w>1&&w<4))"};

	sketch_put(script->draft, DRAFT_CHOOSE(script->draft, texts));
}

static void flow_put(struct script *script)
{
	static const char *const plain[] = {"unset x", "shift", "false", "! true", "x=$?",
		"unset y", "cd", "set -f", "set +e", "IFS=:", "wait", "set -u", "set -e", "set +f",
		"unset IFS", "! false", "shift 2", "cd -", "cd ..", "exit 3", "set +u",
		"unset -f f0", "set --", "cd \"$OLDPWD\"", "cd /home/user/c0", "(exit 4)", "cd ./d",
		"set -- a 'b c'", "trap - EXIT", "trap 'snap 99' EXIT", "trap 'x=t' EXIT", "set -C",
		"command cd d", "cd d/../d", ":", "true", "pwd >/dev/null", "exec 3>&1",
		"umask 022", "cd -P l", "cd l"};
	static const char *const loops[] = {
		"break", "continue", "break 2", "continue 2", "break", "continue", "break 1"};
	struct draft *draft = script->draft;

	if (script->loops && sketch_chance(draft, 35))
		sketch_put(draft, DRAFT_CHOOSE(draft, loops));
	else if (script->in_function && sketch_chance(draft, 25))
		sketch_put(draft, sketch_chance(draft, 50) ? "return 3" : "return");
	else if (draft->bash && sketch_chance(draft, 5))
		sketch_put(draft, "set -o pipefail");
	else
		sketch_put(draft, DRAFT_CHOOSE(draft, plain));
}

static void call_put(struct script *script)
{
	static const char *const before[] = {"", "", "", "x=p ", "w=$(", "y=q z=r ", "! ", "x=$("};
	struct draft *draft = script->draft;
	const char *first = DRAFT_CHOOSE(draft, before);

	if (!script->functions) {
		arithmetic_put(script);
		return;
	}
	sketch_put(draft, first);
	put_format(script, "f%u ", (unsigned)hb_rng_below(&draft->rng, script->functions));
	if (sketch_chance(draft, 70))
		word_put(script);
	sketch_put(draft, strchr(first, '(') ? ")" : "");
}

static void file_command_put(struct script *script)
{
	static const char *const commands[] = {"rm -f ", "rm -rf ", "mkdir ", "mkdir -p ", "rmdir ",
		"touch ", "cd ", "echo x >", "cat <", ": >", "rm ", "rm -r ", "cat ", "echo y >>",
		"touch -c ", "ls ", "chmod 700 ", ": >|", "rm -- ", "read x <", "mkdir -p -- "};
	static const char *const pairs[] = {"mv ", "cp ", "ln -s ", "mv -f ", "ln ", "cp -r ",
		"ln -sf ", "touch ", "rm -f ", "mkdir ", "cp -p ", "mv -n ", "ln -sfn ", "mv -T ",
		"cat "};
	struct draft *draft = script->draft;

	if (sketch_chance(draft, 60)) {
		sketch_put(draft, DRAFT_CHOOSE(draft, commands));
		file_put(script);
	} else {
		sketch_put(draft, DRAFT_CHOOSE(draft, pairs));
		file_put(script);
		sketch_put(draft, " ");
		file_put(script);
	}
}

static void whole_put(struct script *script)
{
	static const char *const texts[] = {"x=$(cd d && pwd)", "(cd d; rm -f a)",
		"printf 'a b\\n' | read z", "eval 'x=$y'", "eval 'y=1; x=$y'", "read x <a",
		"eval \"x=b\"", "(x=1; rm -f a) & wait", "cat <<E >a\n$x\nE",
		"x=$(cat <<E\n$y b\nE\n)", "read x y <<E\na b c\nE", "echo a | { read x; y=$x; }",
		"x=$(echo a; echo b)", "(set -e; false; x=1)", "x=$(exit 3)",
		"x=$(rm -f a; echo \"$y\")", "y=$(cat a)", "eval \"$x\"", "z=$(basename \"$x\")",
		"x=$(dirname d/a)", "true | false", "false | true", "! true | false", "x=$(ls)",
		"cd d && x=$PWD", "cd d || exit 1", "mkdir t && cd t && rmdir ../t",
		"ln -s d s; rm -rf s/", "ln -s d s && rm -rf s/*", "cp -r d e; rm -rf d",
		"mv d e; : >e/n", "find d -name a -exec rm {} \\;", "x=$(mktemp -d ./tXXXXXX)",
		"command rm -f a", "y=$(printf '%s\\n' \"$x\")", "{ rm a; } 2>/dev/null",
		"x=$(set -- p q; echo $#)", ">a", ">\"$x\"", "while read -r w; do x=$w; done <a",
		"echo \"$x\" | while read y; do z=$y; done", "[ -e a ] || : >a",
		"[ -d d ] && rm -rf d", "tee a </dev/null", "xargs rm -f <a",
		"dd if=/dev/null of=a", "install -d i/j", "x=${x:-$(echo q)}", "IFS=, read x y <a",
		"set -- $x; x=$#", "x=`echo a`", "test -d d && cd d && x=in", "sed -i s/a/b/ a",
		"rm -f d; [ -e d ] && x=still", "touch d; [ -d d ] && x=folder",
		"x=$(echo 'a\\tb\\\\c\\q')", "x=$(echo \"$y\")", "y=$(echo -n \"$1\" $x)",
		"x=$(echo \"a$y\" '\\b')", "export \"x=$y\"", "export \"z=a=$x\" y",
		"case ${x:=$(false)} in a) y=$? ;; *) z=$? ;; esac",
		"for z in \"${y:=$(exit 3)}\"; do x=$?; done", "x=${y:+$(exit 4)}; z=$?",
		"case $(exit 5) in a) ;; *) z=$? ;; esac", "readonly y", "readonly z=r; z=s",
		"readonly x=r\nread x <a", "readonly w=r\nx=b w=s", "readonly y=r\ny=s true",
		"readonly y=1\nexport y=2", "rm -f d; [ -e d ] && y=still",
		"touch d; [ -f d ] || y=folder", "rm -f d; [ ! -d d ] || z=still",
		"mkdir -p l; [ -d l ] || x=none"};
	static const char *const bash_texts[] = {"export x={a,b}", "x=$(echo -e 'a\\tb\\\\')",
		"x=$(echo -E \"$y\" '\\n')", "set -o pipefail; false | true",
		"set -o pipefail\n(exit 3) | cat | (exit 0)\nx=$?", "declare -r x=r\nx=s\ny=t",
		"readonly x=1\n: $((x=2)); y=3", "readonly y=r\nfor y in a b; do x=$y; done",
		"f9() { local x=2; x=3; }\nreadonly x\nf9", "readonly z\n(z=1; x=2) || x=3",
		"readonly x=1\neval 'x=2\ny=3'", "x=$(set -e; false; echo a)",
		"export z=a{b,\"$x\"}c", "readonly y=1\nunset y", "declare \"y=$x\"", "x=~:a",
		"declare {x,y}=a$z", "trap 'x=d$x' DEBUG", "trap - DEBUG", "trap 'y=$?' ERR",
		"set -E", "set -T", "trap 'z=r; false' RETURN",
		"f8() { trap 'w=r$?' RETURN; return 3; }\nf8",
		"f8() { trap 'y=e' ERR; false; }\nf8; x=$?", "trap 'exit 4' ERR",
		"f8() { trap 'z=d' DEBUG; :; }\nf8", "(trap 'x=s; : >s' EXIT; exit 3)",
		"f8() { trap 'snap 98' EXIT; }\nf8", "trap 'false; w=e' EXIT",
		"x=$(trap 'echo t' EXIT; echo a)", "trap 'x=e; (exit 7)' EXIT",
		"read x < <(echo a; y=b)", "cat <(z=1; false) >/dev/null; x=$?",
		"while read -r x; do y=$x; done < <(echo q; exit 3)",
		"coproc { x=1; read y; }\nwait", "coproc P { cat; }\nx=$?",
		"x=<(:); x=${x%%[0-9]*}", "f8() { export x=a; }\nx=p f8",
		"f8() { unset x; w=${x-u}; x=c; }\nx=p f8",
		"f7() { unset y; w=${y-u}; }\nf8() { local y=l; f7; y=m; }\nf8",
		"(set -e; false; :) | cat\n{ (set -e; false; :); snap 97; } | cat >/dev/null"};

	static const char *const names[] = {"x=${0%/*}", "y=${0##*/}", "z=$(dirname \"$0\")",
		"x=$(basename \"$0\")", "cd \"${0%/*}\" && x=$PWD", "y=$0; x=${y%/*}",
		"case $0 in */*) x=s ;; *) x=b ;; esac", "cd \"$(dirname \"$0\")\" && z=$PWD",
		"x=${0#/}; y=${x%%/*}", "x=$(sh -c 'echo \"$0\"' n)", "z=$(dirname -- \"$x\")",
		"z=$(basename \"$y\")", "x=$(dirname a//b)", "[ \"$0\" = \"${0##*/}\" ] && x=b",
		"case $y in [0-9]*[!0-9]* | '') ;; [0-9]*) eval \"x=a$y\" ;; esac",
		"eval \"x=$#; y='$#'\"", "eval \"z=\\\"a $$\\\"\"; z=${z%% *}",
		"case $x in *[!a-z]* | '') ;; *) eval \"y=$x.c; rm -f ./$x\" ;; esac",
		"case $x in *\\'*) ;; *) eval \"z='$x'\" ;; esac",
		"case $z in *[!a-z]* | '') ;; *) eval \"$z=1\" ;; esac",
		"case $1 in *[!a-z0-9]* | '') ;; *) x=$(sh -c \"echo b$1\") ;; esac",
		"trap \"x=a$#\" EXIT", "y=$(readlink -f \"$0\")", "z=$(sh -c 'echo \"$0$1\"')"};

	if (sketch_chance(script->draft, 18))
		sketch_put(script->draft, DRAFT_CHOOSE(script->draft, names));
	else if (script->draft->bash && sketch_chance(script->draft, 20))
		sketch_put(script->draft, DRAFT_CHOOSE(script->draft, bash_texts));
	else
		sketch_put(script->draft, DRAFT_CHOOSE(script->draft, texts));
}

/* Of bash: traps that run between commands, pipefail and the name of the script, each seen at once. */
static void scene_put(struct script *script)
{
	static const char *const texts[] = {"trap 'w=d' DEBUG\nw=\n:\ny=$w\ntrap - DEBUG",
		"f8() { trap 'w=r' RETURN; w=; }\nf8\nz=$w",
		"trap 'w=k' DEBUG\nf8() { w=; :; y=$w; }\nf8\ntrap - DEBUG",
		"trap 'w=e' ERR\nf8() { w=; false; y=$w; :; }\nf8\ntrap - ERR",
		"trap 'w=e' ERR\n(w=; false; y=$w; :)\n! true\nz=$w",
		"trap 'w=d$w' DEBUG\nfor z in 1 2; do :; done\ny=$w\ntrap - DEBUG",
		"trap 'w=p' DEBUG\nw=\n: | :\ny=$w\ntrap - DEBUG",
		"set -T\ntrap 'w=t' DEBUG\nf8() { w=; :; y=$w; }\nf8\ntrap - DEBUG\nset +T",
		"f8() { trap 'y=i' ERR; }\nf8\nfalse\nx=$y\ntrap - ERR",
		"set -o pipefail\nfalse | true\nx=$?\nset +o pipefail",
		"set -o pipefail\n(exit 5) | : && y=p\nset +o pipefail",
		"f8() { (set -e; false; :); w=n$?; }\n! f8\nz=$w",
		"(trap 'snap 96' EXIT; w=q; w=$((1/0)))", "w=0\nf8() { export w=a; }\nw=p f8\nz=$w",
		"w=0\nf8() { unset w; y=${w-u}; }\nw=p f8", "case $0 in */*) x=s ;; *) x=b ;; esac",
		"y=${0%/*}\nz=${0##*/}", "z=$(dirname \"$0\")\n[ \"$z\" = . ] && y=here"};

	sketch_put(script->draft, DRAFT_CHOOSE(script->draft, texts));
}

static void simple_put(struct script *script)
{
	uint64_t kind = hb_rng_below(&script->draft->rng, 100);

	if (script->attributes && sketch_chance(script->draft, script->attributes))
		sketch_attributes(script->draft);
	else if (script->draft->bash && sketch_chance(script->draft, 5))
		scene_put(script);
	else if (kind < 34)
		assignment_put(script);
	else if (kind < 56)
		file_command_put(script);
	else if (kind < 72)
		flow_put(script);
	else if (kind < 78)
		arithmetic_put(script);
	else if (kind < 86)
		call_put(script);
	else
		whole_put(script);
}

static void body_put(struct script *script, unsigned nesting, bool loop)
{
	script->loops += loop;
	list_put(script, nesting + 1, 2);
	script->loops -= loop;
}

static void if_put(struct script *script, unsigned nesting)
{
	struct draft *draft = script->draft;

	sketch_put(draft, "if ");
	condition_put(script);
	sketch_put(draft, "; then\n");
	list_put(script, nesting + 1, 2);
	if (sketch_chance(draft, 25)) {
		sketch_put(draft, "elif ");
		condition_put(script);
		sketch_put(draft, "; then\n");
		list_put(script, nesting + 1, 2);
	}
	if (sketch_chance(draft, 65)) {
		sketch_put(draft, "else\n");
		list_put(script, nesting + 1, 2);
	}
	sketch_put(draft, "fi");
}

static void loop_put(struct script *script, unsigned nesting)
{
	struct draft *draft = script->draft;

	switch (hb_rng_below(&draft->rng, 6)) {
	case 0:
		sketch_put(draft, "for z in a ");
		word_put(script);
		sketch_put(draft, "; do\n");
		break;
	case 1:
		sketch_put(
			draft, sketch_chance(draft, 50) ? "for y do\n" : "for x in \"$@\"; do\n");
		break;
	case 2:
		/* Five turns: more than are kept apart. */
		put_format(script, "n%u=; until [ \"$n%u\" = 11111 ]; do n%u=1$n%u\n", nesting);
		break;
	case 3:
		put_format(script, "n%u=0; while [ $((n%u+=1)) -lt 3 ] && ", nesting);
		condition_put(script);
		sketch_put(draft, "; do\n");
		break;
	case 4:
		sketch_put(draft, "while getopts ab: o; do\n");
		body_put(script, nesting, true);
		sketch_put(
			draft, "case $o in a) x=$o ;; b) y=$OPTARG ;; *) z=$OPTIND ;; esac\ndone");
		return;
	default:
		put_format(script, "n%u=0; while [ $n%u != 11 ]; do n%u=1$n%u; n%u=${n%u%%0}\n",
			nesting);
		break;
	}
	body_put(script, nesting, true);
	sketch_put(draft, "done");
}

static void case_put(struct script *script, unsigned nesting)
{
	static const char *const patterns[] = {"a*", "''", "*", "[ab]", "a|b", "\"$y\"", "$x", "?",
		"*a", "[!a]*", "-*", "d", "*[!0-9]*", "'a b'"};
	struct draft *draft = script->draft;
	unsigned items = (unsigned)hb_rng_below(&draft->rng, 3) + 1;

	sketch_put(draft, "case ");
	word_put(script);
	sketch_put(draft, " in\n");
	while (items-- > 0) {
		sketch_put(draft, DRAFT_CHOOSE(draft, patterns));
		sketch_put(draft, ")\n");
		list_put(script, nesting + 1, 2);
		sketch_put(draft, draft->bash && sketch_chance(draft, 30)
					  ? (sketch_chance(draft, 50) ? ";&\n" : ";;&\n")
					  : ";;\n");
	}
	sketch_put(draft, "esac");
}

static void pipeline_put(struct script *script, unsigned nesting)
{
	static const char *const first[] = {"echo a", "false", "printf 'b\\nc\\n'", "(exit 2)"};
	struct draft *draft = script->draft;

	if (sketch_chance(draft, 20))
		sketch_put(draft, "! ");
	sketch_put(draft, DRAFT_CHOOSE(draft, first));
	sketch_put(draft, " | {\n");
	list_put(script, nesting + 1, 2);
	sketch_put(draft, sketch_chance(draft, 30) ? "} | cat >/dev/null" : "}");
}

static void group_put(struct script *script, unsigned nesting)
{
	struct draft *draft = script->draft;
	unsigned loops = script->loops;

	switch (hb_rng_below(&draft->rng, 4)) {
	case 0:
		/* Shells differ in what `break` does in a subshell within a loop. */
		script->loops = 0;
		sketch_put(draft, "(\n");
		list_put(script, nesting + 1, 3);
		sketch_put(draft, ")");
		script->loops = loops;
		break;
	case 1:
		script->loops = 0;
		sketch_put(draft, "x=$(\n");
		list_put(script, nesting + 1, 2);
		sketch_put(draft, sketch_chance(draft, 50) ? "echo \"$y\")" : ")");
		script->loops = loops;
		break;
	case 2:
		script->loops = 0;
		pipeline_put(script, nesting);
		script->loops = loops;
		break;
	default:
		sketch_put(draft, "{\n");
		list_put(script, nesting + 1, 2);
		sketch_put(draft, sketch_chance(draft, 30) ? "} >new" : "}");
		break;
	}
}

static void and_or_put(struct script *script, unsigned nesting)
{
	struct draft *draft = script->draft;

	if (sketch_chance(draft, 15))
		sketch_put(draft, "! ");
	condition_put(script);
	sketch_put(draft, sketch_chance(draft, 50) ? " && " : " || ");
	if (sketch_chance(draft, 40)) {
		condition_put(script);
		sketch_put(draft, sketch_chance(draft, 50) ? " && " : " || ");
	}
	if (sketch_chance(draft, 40)) {
		simple_put(script);
		return;
	}
	sketch_put(draft, "{\n");
	list_put(script, nesting + 1, 2);
	sketch_put(draft, "}");
}

static void compound_put(struct script *script, unsigned nesting)
{
	switch (hb_rng_below(&script->draft->rng, 6)) {
	case 0:
		if_put(script, nesting);
		break;
	case 1:
	case 2:
		loop_put(script, nesting);
		break;
	case 3:
		case_put(script, nesting);
		break;
	case 4:
		group_put(script, nesting);
		break;
	default:
		and_or_put(script, nesting);
		break;
	}
}

static void list_put(struct script *script, unsigned nesting, unsigned most)
{
	uint64_t count = hb_rng_below(&script->draft->rng, most) + 1;

	/* Never empty: an empty list is a syntax error. */
	put_format(script, "snap %u\n", script->points++);
	for (; count > 0 && script->statements < STATEMENTS_MAX; count--) {
		script->statements++;
		if (nesting < NESTING_MAX && sketch_chance(script->draft, 30))
			compound_put(script, nesting);
		else
			simple_put(script);
		sketch_put(script->draft, "\n");
		if (sketch_chance(script->draft, 60))
			put_format(script, "snap %u\n", script->points++);
	}
}

static void function_put(struct script *script)
{
	static const char *const locals[] = {
		"local x\n", "local y=$1\n", "local x=$y w\n", "local w=1\n", "local z=$(false)\n"};

	put_format(script, "f%u() {\n", script->functions);
	script->in_function = true;
	if (sketch_chance(script->draft, 50))
		sketch_put(script->draft, DRAFT_CHOOSE(script->draft, locals));
	list_put(script, NESTING_MAX - 1, 2);
	script->in_function = false;
	sketch_put(script->draft, sketch_chance(script->draft, 20) ? "} >/dev/null\n" : "}\n");
	script->functions++;
}

/* What is only watched, and what the analysis is not told. */
static void variables_complete(struct draft *draft, struct shc_oracle_case *made)
{
	static const char *const watched[] = {"w", "o", "OPTARG", "OPTIND"};

	for (size_t i = 0; i < made->variables_count; i++)
		made->variables[i].unknown =
			strcmp(made->variables[i].name, "IFS") && sketch_chance(draft, 40);
	made->arguments_unknown = sketch_chance(draft, 40);
	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		made->variables[made->variables_count++] = (struct shc_oracle_variable){
			.name = watched[i], .left = true, .unknown = true};
}

/* Every fifth script, by a stream of its own: the others are what they would be without these. */
static bool is_about_attributes(uint64_t seed, uint64_t index)
{
	struct hb_rng rng;

	hb_rng_init(&rng, hb_rng_mix(seed, UINT64_C(0x6174747269627574)), index);
	return hb_rng_below(&rng, 5) == 0;
}

/* @attributes: per cent of simple commands that are about them. */
static int generate(
	uint64_t seed, uint64_t index, bool bash, unsigned attributes, struct shc_oracle_case *ret)
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
	made.name = (unsigned)hb_rng_below(&draft.rng, 5);
	/* The options are part of the text, where the analyser sees them too. */
	made.noglob = made.nounset = false;
	variables_complete(&draft, &made);
	script.attributes = attributes;
	start = draft.used_bytes;
	sketch_put(&draft, DRAFT_CHOOSE(&draft, options));
	while (script.functions < 3 && sketch_chance(&draft, 40))
		function_put(&script);
	list_put(&script, 0, 6);
	made.text = sketch_finish(&draft, start);
	*ret = made;
	return 0;
}

int shc_oracle_generate_script(
	uint64_t seed, uint64_t index, bool bash, struct shc_oracle_case *ret)
{
	/* In dash there are fewer of them, and scripts are to change files, too. */
	unsigned attributes = bash ? 45 : 15;

	return generate(seed, index, bash, is_about_attributes(seed, index) ? attributes : 0, ret);
}

int shc_oracle_generate_attributes(
	uint64_t seed, uint64_t index, bool bash, struct shc_oracle_case *ret)
{
	return generate(seed, index, bash, 85, ret);
}
