/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>

#include <shcheck/concrete.h>

#include "parsed.h"

static struct shc_cross_check check_text(const char *text)
{
	struct parsed p = parsed_text(SHC_BASH, text);
	struct shc_cross_check check = {0};

	cr_assert(shc_cross_check(p.script, &check) == 0);
	parsed_finish(&p);
	return check;
}

Test(concrete, corrected_trees_agree)
{
	static const char *const texts[] = {"rm >/dev/null -rf \"$X\" a\n", "! a | b 2>x\n",
		"export A=b C\n", "[ -f x ] && y\n", "for i in a b; do c; done <y\n",
		"cat <<E | b >z\nhi $x $(a b)\nE\n", "a=(1 2) b=$(c d) e f\n",
		"case $x in a|b) c;; esac\n", "a $\"b c\" d\n", "a <<< \"b\" 2>&1\n"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct shc_cross_check check = check_text(texts[i]);

		cr_assert(check.count == 0, "%s", texts[i]);
		cr_assert(check.error_count == 0, "%s", texts[i]);
		cr_assert(check.agreeing[SHC_CONCRETE_COMMAND] + check.agreeing[SHC_CONCRETE_WORD] >
			  0);
		shc_cross_check_finish(&check);
	}
}

Test(concrete, misparse_is_a_disagreement)
{
	/* The grammar takes the inner backquotes as the end of the outer ones. */
	struct shc_cross_check check = check_text("a=`cd \\`dirname $0\\`; pwd`\n");

	cr_assert(check.count > 0);
	shc_cross_check_finish(&check);
}

Test(concrete, deep_nesting_is_walked_without_recursion)
{
	static char text[40001];
	struct shc_cross_check check;

	for (int i = 0; i < 20000; i++)
		text[i] = i % 2 ? '(' : '$';
	text[20000] = '\0';
	check = check_text(text);
	shc_cross_check_finish(&check);
}
