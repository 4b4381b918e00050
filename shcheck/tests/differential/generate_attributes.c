/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands for random scripts that give variables attributes, take them away, and assign where they count: integers,
 * letters of one case, references, what is read-only and what is exported.
 */
#include "draft.h"

static const char *const values[] = {"1+1", "$x", "\"$y\"", "aBc", "x", "w*2", "07", "-3", "Q$z",
	"''", "a", "\"$w\"", "2", "Ab\"$1\"", "y+1", "w=5", "y", "z", "$#", "A B"};

static void value_put(struct draft *draft)
{
	if (sketch_chance(draft, 10))
		sketch_word(draft);
	else
		sketch_put(draft, DRAFT_CHOOSE(draft, values));
}

/* What both shells have. A read-only variable ends most scripts soon, so that these are rare. */
static void shared_put(struct draft *draft)
{
	static const char *const whole[] = {"export x", "export y z", "export -p >/dev/null",
		"z=$(sh -c 'echo \"$x$y\"')", "export x; y=$(sh -c 'x=c$x; echo \"$x\"')",
		"unset x; export x", "(export x=e; y=1)", "export w; w=2", "command export z=q",
		"x=e export y", "export x=a y=$x", "export z; unset z",
		"export z=\"$x$y\"; z=$(sh -c 'echo a$z')", "readonly -p >/dev/null"};
	static const char *const sealing[] = {"readonly x\nx=r", "readonly z=r\nunset z",
		"readonly x=r y=$x\n(x=1); y=2", "f7() { x=l; }\nreadonly x\nf7",
		"(readonly w; w=1); x=$?", "readonly w=1\nfor w in a b; do y=$w; done",
		"readonly z\n: ${z:=a}", "readonly y; x=$(y=1; echo a)", "readonly w\nread w <a",
		"if [ \"$x\" ]; then readonly x; fi\nx=perhaps", "readonly y=1\ny=2 true\nz=$?",
		"readonly w=3\n(: $((w=4)); x=s)"};

	if (sketch_chance(draft, 20)) {
		sketch_put(draft, DRAFT_CHOOSE(draft, sealing));
	} else if (sketch_chance(draft, 60)) {
		sketch_put(draft, DRAFT_CHOOSE(draft, whole));
	} else {
		static const char *const before[] = {"export x=", "export y=", "x=1 export z="};

		sketch_put(draft, DRAFT_CHOOSE(draft, before));
		value_put(draft);
	}
}

/* A declaration, with or without a value. */
static void declaration_put(struct draft *draft)
{
	static const char *const options[] = {"-i", "-i", "-l", "-u", "-l", "-u", "+i", "+l", "+u",
		"-x", "+x", "-lx", "-iu", "-lu", "-n", "+n", "-i +l", "-xi"};
	static const char *const names[] = {"x", "x", "y", "y", "z", "w", "x y", "w z"};

	sketch_put(draft, sketch_chance(draft, 70) ? "declare " : "typeset ");
	if (sketch_chance(draft, 90))
		sketch_put(draft, DRAFT_CHOOSE(draft, options));
	else
		sketch_put(draft, "--");
	sketch_put(draft, " ");
	sketch_put(draft, DRAFT_CHOOSE(draft, names));
	if (sketch_chance(draft, 50)) {
		sketch_put(draft, "=");
		value_put(draft);
	}
}

/* An assignment of one of the kinds that there are, where attributes count. */
static void use_put(struct draft *draft)
{
	static const char *const before[] = {"x=", "y=", "x+=", "y+=", "w=", "z=", "r=", "r+=",
		"w+=", "z+=", "read -r x <<< ", "read -r r <<< ", "printf -v y %s ",
		"printf -v r %s ", "export x=", "y=1 x=", "x=", "y="};

	sketch_put(draft, DRAFT_CHOOSE(draft, before));
	value_put(draft);
}

static void whole_put(struct draft *draft)
{
	static const char *const texts[] = {"declare -n r=x", "declare -n r=y", "declare -n r=z",
		"unset -n r", "unset r", "declare +n r", "y=$r", "x=${r}b", "z=${r:-d}",
		": ${r:=q}", "declare -n r=$x", "declare -n r s=r", "unset x", "unset y",
		"declare -i x=1\nx=x+$w", "f7() { local -n o=$1; o=f$2; }\nf7 x b",
		"f7() { local -n o=$1; o+=g; }\nf7 y", "f7() { local -i x=2+2; y=$x; x=q; }\nf7",
		"f7() { local -u x=$1; z=$x; }\nf7 aBc",
		"declare -i x\nf7() { local x=1+1; y=$x; }\nf7",
		"declare -u y\nf7() { local y; y=lower; z=$y; }\nf7",
		"f7() { local -l y=$x; f6() { y=UP; }; f6; z=$y; }\nf7",
		"f7() { declare -gi w=1+2; }\nf7; w+=1", "declare -u y\ny=($x b); z=${y[*]}",
		"declare -n r=x\nfor r in y z; do r=t; done", "declare -i w=3\n((w++))\nw=w+1",
		"declare -l y\nwhile read -r y; do x=$y; done <<< AbC", "declare -i x; x=${y:-4}+1",
		"declare -r w=1; w=2\nx=$w", "declare -ir z=2+2\ny=$z",
		"declare -u x; (x=aa; y=$x)", "if [ \"$y\" ]; then declare -u x; fi\nx=aBc",
		"[ -e a ] && declare -i x\nx=1+1",
		"while [ \"$w\" != 1 ]; do declare -i w; w=1; x=$w; done",
		"declare -i x=1; declare -l y=$x$z; y+=QQ", "declare -i x; y=${x:=2+2}",
		"declare -n r=x; readonly r; (r=2); y=$?", "declare -u z=ab; declare -l z; z+=CD",
		"declare -x z=e; y=$(sh -c 'echo \"$z\"')", "x=3; let x+=2 y=x*2",
		"declare -i w; let w=2", "declare -i x; x=1 y=x", "declare -u x=a; y=${x@L}",
		"declare -i x=5; x=; y=$x", "declare -i w=1; w+=1; w+=w",
		"declare -u x; x=p eval 'y=$x'", "declare +i x; x=1+1",
		"declare -u x; unset x; x=low", "declare -n r=x; unset r; r=2; y=${x-u}",
		"declare -n r=w; (( r = 4 )); x=$r", "declare -l x=AB; x=${x^^}; y=$x",
		"declare -i x=2; x=x**2; y=$((x+1))", "declare -i w=010; x=$w",
		"for z in a b ab l d q; do [ -e $z ] && declare -u x; x=$z; done",
		"for z in a b ab l d q; do [ -e $z ] && declare -i x; x=1+1; done; y=$x",
		/* More turns than are kept apart. */
		"n=; while [ \"$n\" != 11111 ]; do n=1$n; case $n in 1111) declare -u x ;; esac; "
		"done\nx=b",
		"n=; until [ \"$n\" = 11111 ]; do n=1$n; [ $n = 1111 ] && declare -i y; "
		"done\ny=1+1",
		"n=; until [ \"$n\" = 11111 ]; do n=1$n; [ $n = 1111 ] && declare -l z; done\nz=Q",
		"x=aBc; declare -u x", "y=aBc; declare -l y; z=$y", "z=1+1; declare -i z; y=$z",
		"declare -l z=aBc; y=$z", "declare -u y; y=q; declare +u y; y=aB",
		"declare -i z; unset z; z=1+1", "declare -n r=x; x=1; unset r; y=${x-u}",
		"declare -n r=y; unset -n r; r=2; x=$r", "readonly z=1; unset z; y=${z-u}",
		"f7() { local x=1 y; local x; local -u x; x=ab; y=$x; }\nf7",
		"f7() { local x=1; local x; z=$x; }\nf7",
		"f7() { local y=a; local -u y; z=$y; }\nf7",
		"f7() { local w=2; declare w; x=$w; }\nf7",
		"f7() { local x; declare -g x=g; y=${x-u}; }\nf7",
		"f7() { declare -g y=$1; }\ny=p f7 q",
		"f7() { local -x y=2; declare -gi x; x=1+1; }\nf7", "declare -n r=7; y=$?",
		"declare -n x=x; y=$?", "readonly x; declare -i x; y=$x",
		"typeset -u x y; x=a y=b; typeset +u x; x=a$y"};

	sketch_put(draft, DRAFT_CHOOSE(draft, texts));
}

void sketch_attributes(struct draft *draft)
{
	uint64_t kind = draft->bash ? hb_rng_below(&draft->rng, 100) : 0;

	if (kind < 15)
		shared_put(draft);
	else if (kind < 40)
		declaration_put(draft);
	else if (kind < 70)
		use_put(draft);
	else
		whole_put(draft);
}
